#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/rig.h"

/* What happens while something else is under way: stops during calls, siblings. */
#define TWO                                                                                        \
    "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"essential\":true},"                         \
    "{\"name\":\"b\",\"image\":\"j\",\"essential\":true}]"
#define WEB_RAN "web RUNNING\ntask RUNNING\n"

static struct rig w;

static void setup(void)
{
    rig_init(&w);
}

static void teardown(void)
{
    rig_clear(&w);
}

static void begin(const char *members)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, members);
}

/* TASKM-123: stops do not wait for each other, links or not. */
START_TEST(stops_go_out_at_once)
{
    begin("\"containers\":[{\"name\":\"a\",\"image\":\"i\"},"
          "{\"name\":\"b\",\"image\":\"i\",\"links\":[\"a\"]}]");
    rig_run(&w, 200);
    script_runtime_hang(&w.docker, "stop", NULL);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 10);
    ck_assert_uint_eq(rig_asked(&w, "stop a"), 1);
    ck_assert_uint_eq(rig_asked(&w, "stop b"), 1);
}
END_TEST

/* TASKM-130, TASKM-131, TASKM-L02: a container goes on while its sibling's pull hangs. */
START_TEST(siblings_do_not_march_in_step)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "pull", "j");
    rig_add(&w, ARN, "RUNNING", 0, TWO);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "start a"), 1);
    ck_assert_uint_eq(rig_asked(&w, "create b"), 0);
    rig_reports_are(&w, "a RUNNING\n");
}
END_TEST

/* TASKM-131: the failure of one is reported and acted on while its sibling's pull hangs. */
START_TEST(failure_does_not_wait_for_a_sibling)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "pull", "j");
    (void)script_runtime_rule(&w.docker, "create", "a", ECA_OUTCOME_FAILED, UINT32_MAX);
    rig_add(&w, ARN, "RUNNING", 0, TWO);
    rig_run(&w, 100);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "a STOPPED"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "task STOPPED"));
    ck_assert_uint_eq(rig_asked(&w, "create b"), 0);
}
END_TEST

/* TASKM-133: a stop during a create: the create ends, nothing is started. */
START_TEST(stop_during_a_create)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "create", "web");
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "");
    script_runtime_release(&w.docker);
    rig_run(&w, 100);
    rig_reports_are(&w, "web STOPPED\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "start web"), 0);
}
END_TEST

/* TASKM-133: a stop during a start: the start ends, then the container is stopped. */
START_TEST(stop_during_a_start)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "start", "web");
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 0);
    script_runtime_release(&w.docker);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 1);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 0);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "web STOPPED 143\ntask STOPPED\n"));
}
END_TEST

/* ENG-205, ENG-206, PAY-140: of a copy of a known task only its desired status counts. */
START_TEST(copy_of_a_known_task_is_dropped)
{
    rig_one_running(&w);
    rig_add(&w, ARN, "RUNNING", 0, TWO);
    rig_run(&w, 100);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 1);
    ck_assert_uint_eq(w.docker.container_count, 1);
    rig_reports_are(&w, WEB_RAN);
    rig_add(&w, ARN, "STOPPED", 0, TWO);
    rig_run(&w, 100);
    rig_reports_are(&w, WEB_RAN "web STOPPED 143\ntask STOPPED\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine/moments");
    TCase *tcase = tcase_create("moments");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, stops_go_out_at_once);
    tcase_add_test(tcase, siblings_do_not_march_in_step);
    tcase_add_test(tcase, failure_does_not_wait_for_a_sibling);
    tcase_add_test(tcase, stop_during_a_create);
    tcase_add_test(tcase, stop_during_a_start);
    tcase_add_test(tcase, copy_of_a_known_task_is_dropped);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
