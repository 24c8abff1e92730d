#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/rig.h"

/* Bounds, turns and waits: what is under way at once, who is next, and what has no limit. */
static struct rig w;

static void setup(void)
{
    rig_init(&w);
}

static void teardown(void)
{
    rig_clear(&w);
}

static void arn_of(size_t index, char text[32])
{
    (void)snprintf(text, 32, "arn:%zu", index);
}

static void add_tasks(size_t count, const char *members)
{
    for (size_t i = 0; i < count; i++) {
        char arn[32];

        arn_of(i, arn);
        rig_add(&w, arn, "RUNNING", 0, members);
    }
}

/* A task of `count` containers that are all named alike but for their number. */
static char *many(const char *name, size_t count)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_add_str(&text, "\"containers\":[");
    for (size_t i = 0; i < count; i++) {
        eca_buf_addf(&text, "%s{\"name\":\"%s%zu\",\"image\":\"i\"}", i == 0 ? "" : ",", name, i);
    }
    eca_buf_add_str(&text, "]");
    return eca_buf_take(&text);
}

/* Where a line begins in the calls made so far; the end if it is not there. */
static size_t place_of(const char *line)
{
    const char *log = eca_buf_str(&w.docker.log);
    const char *at = strstr(log, line);

    return at == NULL ? strlen(log) : (size_t)(at - log);
}

/* ENG-220, ENG-412, TASKM-134: pulls in order of arrival; a stopped task's waiting pull leaves the
 * line at once and has no reason, its abandoned pull is cut off and leaves no record. */
START_TEST(waiting_pull_of_a_stopped_task_leaves_the_line)
{
    char arn[32];

    w.opts.limits.pulls = 2;
    rig_start(&w);
    rig_run(&w, 10);
    script_runtime_hang(&w.docker, "pull", NULL);
    add_tasks(4, ONE);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "pull"), 2);
    for (size_t i = 1; i < 3; i++) { /* one that is pulled, one that waits */
        arn_of(i, arn);
        rig_add(&w, arn, "STOPPED", 0, ONE);
    }
    rig_run(&w, 100);
    for (size_t i = 1; i < 3; i++) {
        arn_of(i, arn);
        ck_assert_int_eq(eca_engine_find(w.engine, arn)->sent, ECA_STATUS_STOPPED);
    }
    ck_assert_ptr_null(strchr(eca_buf_str(&w.reports), '(')); /* no reason */
    ck_assert_uint_eq(rig_asked(&w, "cancel pull"), 1);
    ck_assert_uint_eq(rig_asked(&w, "pull"), 3); /* the last one has the place now */
    arn_of(3, arn);
    ck_assert_int_eq(rig_container(&w, arn, "web")->run.call, ECA_CALL_PULL);
    ck_assert_uint_eq(eca_map_count(w.store.rows[ECA_RECORD_IMAGE]), 0);
    script_runtime_release(&w.docker);
    rig_run(&w, 100);
    for (size_t i = 1; i < 3; i++) {
        arn_of(i, arn);
        ck_assert_ptr_null(rig_container(&w, arn, "web")->image_id);
    }
}
END_TEST

/* ENG-221: at most 32 creates and starts are with Docker; a stop does not stand in their line. */
START_TEST(calls_are_bounded_and_stops_go_first)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    script_runtime_hang(&w.docker, "create", NULL);
    add_tasks(50, ONE);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "create web"), 1 + 32);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 1);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 143\ntask STOPPED\n");
    script_runtime_unrule(&w.docker);
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 50);
}
END_TEST

/* ENG-221: tasks take turns: a large one that came first does not hold up a small one. */
START_TEST(tasks_take_turns)
{
    eca_auto_free char *large = many("big", 100);

    rig_start(&w);
    script_runtime_hang(&w.docker, "create", NULL);
    rig_add(&w, ARN, "RUNNING", 0, large);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "create big"), 32);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 1000);
    script_runtime_unrule(&w.docker);
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 101);
    ck_assert_uint_lt(place_of("create web\n"), place_of("create big34\n"));
}
END_TEST

/* ENG-221: what waits leaves the line with its task, whoever stands behind it. */
START_TEST(stopped_task_leaves_the_line_of_calls)
{
    eca_auto_free char *large = many("big", 40);

    rig_start(&w);
    script_runtime_hang(&w.docker, "create", NULL);
    rig_add(&w, ARN, "RUNNING", 0, large);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 1000);
    rig_crash(&w); /* with a full line */
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 2);
}
END_TEST

/* ENG-222: inspects after events are bounded, and of one container one is under way at a time. */
START_TEST(inspects_after_events_are_bounded)
{
    rig_start(&w);
    add_tasks(100, ONE);
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 100);
    w.docker.looks_max = 0;
    script_runtime_hang(&w.docker, "inspect", NULL);
    for (size_t i = 0; i < 100; i++) {
        struct script_container *c = &w.docker.containers[i];

        script_runtime_event(&w.docker, ECA_EVENT_DIE, c->id);
        script_runtime_event(&w.docker, ECA_EVENT_DIE, c->id);
        c->state = SCRIPT_EXITED;
    }
    rig_run(&w, 100);
    ck_assert_uint_eq(w.docker.looks_max, 64);
    script_runtime_unrule(&w.docker);
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
    for (size_t i = 0; i < 100; i++) {
        char arn[32];

        arn_of(i, arn);
        ck_assert_int_eq(rig_known(&w, arn), ECA_STATUS_STOPPED);
    }
}
END_TEST

/* ENG-210, TASKM-151: a storm of events about one task is taken at once, whatever Docker and ECS
 * do; it leaves one inspect, one line, and other tasks alone. */
START_TEST(storm_of_events_stays_with_its_task)
{
    size_t timers;

    rig_start(&w);
    w.sink_stuck_arn = ARN;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    timers = eca_sched_timer_count(w.clock.sched);
    script_runtime_hang(&w.docker, "inspect", "web");
    for (size_t i = 0; i < 10000; i++) {
        script_runtime_event(&w.docker, ECA_EVENT_START, "id-web-1");
        script_runtime_event(&w.docker, ECA_EVENT_DIE, "id-web-1");
    }
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "u/web RUNNING\nu/task RUNNING\n");
    ck_assert_uint_eq(w.docker.looks_in_flight, 1);
    ck_assert_uint_le(rig_said(&w, "INFO", "container=\"id-web-1\""), 1);
    ck_assert_uint_le(eca_sched_timer_count(w.clock.sched), timers + 2);
}
END_TEST

/* ENG-224, FB-02.4: a hundred checks that fall due together are spread over the jitter. */
START_TEST(checks_are_spread)
{
    size_t before, most = 0;

    rig_start(&w);
    add_tasks(100, ONE);
    rig_run(&w, 1000);
    rig_run(&w, 9 * 60 * 1000);
    before = rig_asked(&w, "inspect");
    for (size_t second = 0; second < 130; second++) {
        size_t now;

        rig_run(&w, 1000);
        now = rig_asked(&w, "inspect");
        most = now - before > most ? now - before : most;
        before = now;
    }
    ck_assert_uint_ge(before, 100);
    ck_assert_uint_le(most, 8); /* 1.7 on average */
    for (size_t i = 0; i < 100; i++) {
        char arn[32];

        arn_of(i, arn);
        ck_assert_int_eq(rig_known(&w, arn), ECA_STATUS_RUNNING);
    }
}
END_TEST

/* TASKM-173: waiting leaves no timers behind. */
START_TEST(waits_leave_no_timers)
{
    size_t before;

    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 1000);
    before = eca_sched_timer_count(w.clock.sched);
    for (int i = 0; i < 50; i++) {
        script_runtime_event(&w.docker, ECA_EVENT_CONNECTED, NULL);
        rig_run(&w, 12 * 60 * 1000);
    }
    ck_assert_uint_eq(eca_sched_timer_count(w.clock.sched), before);
}
END_TEST

/* TASKM-172: a check that outlives its task: its answer finds nobody and harms nobody. */
START_TEST(late_check_finds_nobody)
{
    w.opts.cleanup_wait_ms = 60 * 1000;
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"web\",\"image\":\"i\",\"essential\":true},"
            "{\"name\":\"n\",\"image\":\"i\"}]");
    rig_run(&w, 1000);
    script_runtime_hang(&w.docker, "inspect", NULL);
    rig_run(&w, 11 * 60 * 1000);
    ck_assert_uint_eq(w.docker.looks_in_flight, 2);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 120 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
    ck_assert_uint_eq(w.docker.looks_in_flight, 0);
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
}
END_TEST

/* TASKM-181: there is no limit on waiting at a gate or for a pull. */
START_TEST(waiting_has_no_limit)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    w.docker.stop_ends = false;
    (void)script_runtime_rule(&w.docker, "stop", NULL, ECA_OUTCOME_UNREACHABLE, UINT32_MAX);
    script_runtime_hang(&w.docker, "pull", "slow");
    rig_add(&w, ARN, "STOPPED", 7, ONE);
    rig_add(&w, ARN2, "RUNNING", 7, ONE);
    rig_add(&w, "arn:slow", "RUNNING", 0, "\"containers\":[{\"name\":\"s\",\"image\":\"slow\"}]");
    rig_run(&w, UINT64_C(3) * 86400 * 1000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    ck_assert(eca_engine_find(w.engine, ARN2)->gate_waiting);
    ck_assert_int_eq(rig_container(&w, "arn:slow", "s")->run.call, ECA_CALL_PULL);
    script_runtime_unrule(&w.docker);
    script_runtime_release(&w.docker);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 1000);
    ck_assert_int_eq(rig_known(&w, ARN2), ECA_STATUS_RUNNING);
    ck_assert_int_eq(rig_known(&w, "arn:slow"), ECA_STATUS_RUNNING);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine/limits");
    TCase *tcase = tcase_create("limits");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, waiting_pull_of_a_stopped_task_leaves_the_line);
    tcase_add_test(tcase, calls_are_bounded_and_stops_go_first);
    tcase_add_test(tcase, tasks_take_turns);
    tcase_add_test(tcase, stopped_task_leaves_the_line_of_calls);
    tcase_add_test(tcase, inspects_after_events_are_bounded);
    tcase_add_test(tcase, storm_of_events_stays_with_its_task);
    tcase_add_test(tcase, checks_are_spread);
    tcase_add_test(tcase, waits_leave_no_timers);
    tcase_add_test(tcase, late_check_finds_nobody);
    tcase_add_test(tcase, waiting_has_no_limit);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
