#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine/rig.h"

static struct rig w;

static void setup(void)
{
    rig_init(&w);
    rig_start(&w);
    rig_run(&w, 10);
}

static void teardown(void)
{
    rig_clear(&w);
}

static void add(const char *arn, const char *container, enum eca_status status, const char *reason)
{
    struct eca_report report = {
        .task_arn = arn, .container_name = container, .status = status, .reason = reason};

    eca_reporter_add(w.reporter, &report);
}

/* ENG-630, ENG-632, SEND-101, SEND-105, FB-16.3, FB-16.4: order is kept while the head is refused,
 * pauses grow, all arrives after the recovery. */
START_TEST(order_is_kept_through_failures)
{
    w.answer = ECA_REPORT_RETRY;
    add(ARN, "a", ECA_STATUS_RUNNING, "");
    add(ARN, NULL, ECA_STATUS_RUNNING, "");
    add(ARN, "a", ECA_STATUS_STOPPED, "why");
    rig_run(&w, 600 * 1000);
    ck_assert_uint_ge(w.attempts, 18);
    ck_assert_uint_le(w.attempts, 32);
    ck_assert_str_eq(eca_buf_str(&w.reports), "");
    w.answer = ECA_REPORT_ACCEPTED;
    rig_run(&w, 37 * 1000);
    ck_assert_str_eq(eca_buf_str(&w.reports), "a RUNNING\ntask RUNNING\na STOPPED (why)\n");
    ck_assert_uint_eq(eca_reporter_status(w.reporter).queues, 0); /* FB-19 */
}
END_TEST

/* SEND-105, FB-16.5: queues that failed together do not come back together. */
START_TEST(attempts_are_spread)
{
    size_t before, most = 0;

    w.answer = ECA_REPORT_RETRY;
    for (int i = 0; i < 50; i++) {
        char arn[32];

        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        add(arn, NULL, ECA_STATUS_STOPPED, "");
    }
    rig_run(&w, 100);
    ck_assert_uint_eq(w.attempts, 50);
    while (w.attempts < 100) {
        before = w.attempts;
        rig_run(&w, 10);
        most = w.attempts - before > most ? w.attempts - before : most;
    }
    ck_assert_uint_le(most, 10);
}
END_TEST

/* INTRO-120: how far behind it is says the oldest report, whichever queue it waits in. */
START_TEST(the_oldest_report_is_told)
{
    int64_t began_ms = eca_sched_wall_ms(w.clock.sched);

    w.answer = ECA_REPORT_RETRY;
    for (int i = 0; i < 5; i++) {
        char arn[32];

        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        add(arn, NULL, ECA_STATUS_STOPPED, "");
        rig_run(&w, 1000);
    }
    ck_assert_int_eq(eca_reporter_status(w.reporter).oldest_ms, began_ms);
    w.answer = ECA_REPORT_ACCEPTED;
    rig_run(&w, 60 * 1000);
    ck_assert_int_eq(eca_reporter_status(w.reporter).oldest_ms, 0);
}
END_TEST

/* FB-18.2, SEND-106: a definite refusal is tried once; the next event follows. */
START_TEST(definite_refusal_is_dropped)
{
    w.answer = ECA_REPORT_DEFINITE;
    add(ARN, "a", ECA_STATUS_RUNNING, "");
    rig_run(&w, 60 * 1000);
    ck_assert_uint_eq(w.attempts, 1);
    w.answer = ECA_REPORT_ACCEPTED;
    add(ARN, "a", ECA_STATUS_STOPPED, "");
    rig_run(&w, 100);
    ck_assert_str_eq(eca_buf_str(&w.reports), "a STOPPED\n");
    ck_assert_uint_eq(eca_reporter_status(w.reporter).dropped, 1);
}
END_TEST

/* FB-16.5, SEND-102, ENG-225, ENG-640: attempts under way are bounded; a failing queue waits
 * outside. */
START_TEST(attempts_are_bounded)
{
    w.sink_hangs = true;
    for (int i = 0; i < 200; i++) {
        char arn[32];

        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        add(arn, NULL, ECA_STATUS_STOPPED, "");
    }
    rig_run(&w, 1000);
    ck_assert_uint_eq(w.open, 10);
    ck_assert_uint_eq(eca_reporter_status(w.reporter).pending, 200);
}
END_TEST

/* FB-18.1: 255 bytes for containers, 1024 for tasks, on a character's boundary. */
START_TEST(reasons_are_cut)
{
    char reason[2001];

    for (size_t i = 0; i < 1000; i++) {
        memcpy(reason + i * 2, "\xc3\xa4", 2);
    }
    reason[2000] = '\0';
    add(ARN, "a", ECA_STATUS_STOPPED, reason);
    add(ARN, NULL, ECA_STATUS_STOPPED, reason);
    rig_run(&w, 100);
    ck_assert_uint_eq(w.reports.len,
                      strlen("a STOPPED ()\n") + 254 + strlen("task STOPPED ()\n") + 1024);
}
END_TEST

/* ENG-640: nothing is submitted before it is durable. */
START_TEST(report_waits_for_the_disk)
{
    w.store.fail = 3;
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 3000);
    ck_assert_uint_eq(w.attempts, 0);
    rig_run(&w, 10 * 1000);
    ck_assert_str_eq(eca_buf_str(&w.reports), "web STOPPED\ntask STOPPED\n");
}
END_TEST

/* SEND-104: a success is remembered, leaves the queue and resets the pause. */
START_TEST(a_success_resets_the_pause)
{
    size_t before;

    rig_add(&w, ARN, "RUNNING", 0, ONE);
    w.answer = ECA_REPORT_RETRY;
    rig_run(&w, 300 * 1000);
    ck_assert_uint_ge(w.attempts, 8); /* the pause is at its longest by now */
    w.answer = ECA_REPORT_ACCEPTED;
    for (int i = 0; i < 40000 && w.reports.len == 0; i++) {
        rig_run(&w, 1);
    }
    w.answer = ECA_REPORT_RETRY; /* from the second one on */
    ck_assert_str_eq(eca_buf_str(&w.reports), "web RUNNING\n");
    before = w.attempts;
    rig_run(&w, 1500);
    ck_assert_uint_ge(w.attempts, before + 1); /* after 1 s, not 30 */
    rig_crash(&w);
    w.answer = ECA_REPORT_ACCEPTED;
    rig_start(&w); /* what was accepted is known after a restart, and only that */
    rig_run(&w, 5000);
    ck_assert_str_eq(eca_buf_str(&w.reports), "web RUNNING\ntask RUNNING\n");
    ck_assert_uint_eq(eca_reporter_status(w.reporter).pending, 0);
}
END_TEST

/* PAY-130, SEND-111: a rejected task is submitted with the wire's spelling, also after a crash, and
 * each time it is rejected. */
START_TEST(rejected_task_survives_a_crash)
{
    static const char line[] = "task STOPPED (UnrecogniedTaskError: Error loading task - bad)\n";

    w.answer = ECA_REPORT_RETRY;
    eca_reporter_reject(w.reporter, ARN, "bad");
    rig_run(&w, 100);
    rig_crash(&w);
    w.answer = ECA_REPORT_ACCEPTED;
    rig_start(&w);
    rig_run(&w, 100);
    ck_assert_str_eq(eca_buf_str(&w.reports), line);
    rig_crash(&w);
    rig_start(&w);
    rig_run(&w, 100);
    ck_assert_str_eq(eca_buf_str(&w.reports), line);
    eca_reporter_reject(w.reporter, ARN, "bad");
    rig_run(&w, 100);
    ck_assert_uint_eq(w.reports.len, 2 * strlen(line));
    ck_assert_uint_eq(eca_map_count(w.store.rows[ECA_RECORD_REPORT]), 0);
}
END_TEST

/* PAY-130: one that is still to be told and one that is rejected by the next life are two. */
START_TEST(rejected_tasks_of_two_lives_are_both_told)
{
    w.answer = ECA_REPORT_RETRY;
    eca_reporter_reject(w.reporter, ARN, "bad");
    rig_run(&w, 100);
    rig_crash(&w);
    rig_start(&w);
    eca_reporter_reject(w.reporter, ARN2, "worse");
    rig_run(&w, 100);
    rig_crash(&w);
    w.answer = ECA_REPORT_ACCEPTED;
    rig_start(&w);
    rig_run(&w, 100);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "task - bad)"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "task - worse)"));
}
END_TEST

/* ENG-631, SEND-103, FB-INV.1: what was accepted already is not sent again. */
START_TEST(redundant_report_is_dropped)
{
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    ck_assert_uint_eq(w.attempts, 2);
    add(ARN, "web", ECA_STATUS_RUNNING, "");
    add(ARN, NULL, ECA_STATUS_STOPPED, "");
    rig_run(&w, 100);
    ck_assert_uint_eq(w.attempts, 2);
    ck_assert_uint_eq(eca_reporter_status(w.reporter).redundant, 2);
}
END_TEST

/* ENG-641, SEND-107: far behind, RUNNING of something that has stopped goes first; STOPPED never.
 */
START_TEST(backlog_loses_only_outdated_running)
{
    w.sink_hangs = true;
    for (int i = 0; i < 600; i++) {
        char arn[32];

        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        add(arn, "c", ECA_STATUS_RUNNING, "");
        add(arn, NULL, ECA_STATUS_RUNNING, "");
    }
    for (int i = 0; i < 600; i++) {
        char arn[32];

        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        add(arn, "c", ECA_STATUS_STOPPED, "");
        add(arn, NULL, ECA_STATUS_STOPPED, "");
    }
    rig_run(&w, 100);
    ck_assert_uint_eq(eca_reporter_status(w.reporter).pending, 1200);
    ck_assert_uint_eq(eca_reporter_status(w.reporter).redundant, 1200);
}
END_TEST

/* SEND-107: a RUNNING that was attempted may have arrived: it keeps its place, under way or not. */
START_TEST(an_attempted_running_stays_in_a_backlog)
{
    w.answer = ECA_REPORT_RETRY;
    add(ARN, "c", ECA_STATUS_RUNNING, "");
    rig_run(&w, 100);
    w.sink_hangs = true;
    add(ARN2, "c", ECA_STATUS_RUNNING, "");
    rig_run(&w, 100);
    ck_assert_uint_eq(w.attempts, 2);
    ck_assert_uint_eq(w.open, 1);
    for (int i = 0; i < 1000; i++) {
        char arn[32];

        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        add(arn, "c", ECA_STATUS_RUNNING, "");
    }
    add(ARN, "c", ECA_STATUS_STOPPED, "");
    add(ARN2, "c", ECA_STATUS_STOPPED, "");
    ck_assert_uint_eq(eca_reporter_status(w.reporter).redundant, 0);
    add("arn:7", "c", ECA_STATUS_STOPPED, "");
    ck_assert_uint_eq(eca_reporter_status(w.reporter).redundant, 1);
}
END_TEST

/* FB-17, FB-19.1, FB-INV.1, SEND-110: many short tasks leave nothing behind. */
START_TEST(many_short_tasks_leave_nothing)
{
    w.docker.start_exits = true;
    for (int i = 0; i < 500; i++) {
        char arn[32];

        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        rig_add(&w, arn, "RUNNING", 0, ONE);
    }
    rig_run(&w, 60 * 1000);
    rig_run(&w, 4 * 3600 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
    ck_assert_uint_eq(eca_map_count(w.store.rows[ECA_RECORD_TASK]), 0);
    ck_assert_uint_eq(eca_reporter_status(w.reporter).queues, 0);
    ck_assert_uint_eq(w.docker.in_flight, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reporter");
    TCase *tcase = tcase_create("reporter");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, order_is_kept_through_failures);
    tcase_add_test(tcase, attempts_are_spread);
    tcase_add_test(tcase, the_oldest_report_is_told);
    tcase_add_test(tcase, definite_refusal_is_dropped);
    tcase_add_test(tcase, attempts_are_bounded);
    tcase_add_test(tcase, reasons_are_cut);
    tcase_add_test(tcase, report_waits_for_the_disk);
    tcase_add_test(tcase, a_success_resets_the_pause);
    tcase_add_test(tcase, rejected_task_survives_a_crash);
    tcase_add_test(tcase, rejected_tasks_of_two_lives_are_both_told);
    tcase_add_test(tcase, redundant_report_is_dropped);
    tcase_add_test(tcase, backlog_loses_only_outdated_running);
    tcase_add_test(tcase, an_attempted_running_stays_in_a_backlog);
    tcase_add_test(tcase, many_short_tasks_leave_nothing);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
