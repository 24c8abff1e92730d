#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/rig.h"

/* The removal of what has stopped: when, in which circumstances, what stays until it is done. */
static struct rig w;

static void setup(void)
{
    rig_init(&w);
}

static void teardown(void)
{
    rig_clear(&w);
}

/* FB-17.1, CLN-106: the record stays until its STOPPED is accepted, and a minute more: what ECS
 * sent before may still be on its way. */
START_TEST(cleanup_waits_for_the_acceptance)
{
    w.opts.cleanup_wait_ms = 60 * 1000;
    rig_one_running(&w);
    w.answer = ECA_REPORT_RETRY;
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 600 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 1);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "create"), 1);
    w.answer = ECA_REPORT_ACCEPTED;
    rig_run(&w, 59 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 1);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 60 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
    ck_assert_uint_eq(rig_asked(&w, "create"), 1);
    ck_assert_uint_eq(rig_asked(&w, "remove web"), 1);
}
END_TEST

/* CLN-105: a removal that fails is repeated; a running container is stopped first. */
START_TEST(failed_removal_is_repeated)
{
    w.opts.cleanup_wait_ms = 60 * 1000;
    rig_one_running(&w);
    (void)script_runtime_rule(&w.docker, "remove", "web", ECA_OUTCOME_FAILED, 2);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 1000);
    script_runtime_find(&w.docker, "web")->state = SCRIPT_RUNNING; /* nobody said so */
    rig_run(&w, 120 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 1);
    ck_assert_int_eq(script_runtime_find(&w.docker, "web")->state, SCRIPT_REMOVED);
}
END_TEST

/* CLN-102: the agent was away for longer than the wait: no second wait. */
START_TEST(overdue_cleanup_is_done_soon)
{
    rig_one_running(&w);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 1000);
    rig_crash(&w);
    rig_run(&w, UINT64_C(5) * 3600 * 1000);
    rig_start(&w);
    rig_run(&w, 61 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "remove web"), 1);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
}
END_TEST

/* CLN-105: the pause between tries of a removal grows while Docker is away, and is over when it is
 * back. Tries that Docker refused go on as before. */
START_TEST(removal_goes_on_when_docker_is_back)
{
    static const struct {
        enum eca_outcome outcome;
        size_t removed;
    } rows[] = {{ECA_OUTCOME_UNREACHABLE, 1}, {ECA_OUTCOME_FAILED, 0}};
    const uint64_t min_ms = 60000;
    size_t asked;

    w.opts.cleanup_wait_ms = min_ms;
    rig_one_running(&w);
    (void)script_runtime_rule(&w.docker, "remove", "web", rows[_i].outcome, UINT32_MAX);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 20 * min_ms);
    asked = rig_asked(&w, "remove web");
    while (rig_asked(&w, "remove web") == asked) { /* the next pause has just begun */
        rig_run(&w, 1000);
    }
    script_runtime_unrule(&w.docker);
    script_runtime_event(&w.docker, ECA_EVENT_CONNECTED, NULL);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "remove web") - asked, 1 + rows[_i].removed);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 1 - rows[_i].removed);
    rig_run(&w, 7 * min_ms);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
}
END_TEST

/* CLN-103, CLN-107, ENG-207: a task that waits for its removal, or is being removed, is found and
 * does not begin anew. */
START_TEST(handover_during_cleanup_is_ignored)
{
    w.opts.cleanup_wait_ms = 60 * 1000;
    rig_one_running(&w);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 1000);
    ck_assert_int_eq(rig_known(&w, ARN), ECA_STATUS_STOPPED);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    script_runtime_hang(&w.docker, "remove", "web");
    rig_run(&w, 70 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "remove web"), 1);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 1);
    script_runtime_release(&w.docker);
    rig_run(&w, 60 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
    ck_assert_uint_eq(rig_asked(&w, "create"), 1);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 0\ntask STOPPED\n");
}
END_TEST

/* CLN-110: a removal that a crash cut off is repeated; what is gone already is removed. */
START_TEST(interrupted_cleanup_is_repeated)
{
    w.opts.cleanup_wait_ms = 60 * 1000;
    rig_one_running(&w);
    script_runtime_die(&w.docker, "web", 0);
    script_runtime_hang(&w.docker, "remove", "web");
    rig_run(&w, 70 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "remove web"), 1);
    rig_crash(&w);
    script_runtime_unrule(&w.docker);
    script_runtime_find(&w.docker, "web")->state = SCRIPT_REMOVED;
    rig_start(&w);
    rig_run(&w, 120 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
    ck_assert_uint_eq(eca_map_count(w.store.rows[ECA_RECORD_TASK]), 0);
}
END_TEST

/* CLN-109, IMG-202, IMG-203, FB-27.1, FB-28.1: an unused image goes after its age, by its name. */
START_TEST(unused_image_is_removed)
{
    w.opts.cleanup_wait_ms = 60 * 1000;
    rig_one_running(&w);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 20 * 60 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "image-remove"), 0);
    rig_run(&w, 80 * 60 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "image-remove busybox"), 1);
    ck_assert_ptr_null(memory_store_get(&w.store, ECA_RECORD_IMAGE, "sha256:img"));
}
END_TEST

/* ENG-725: a restart while the clean-up is awaited: it comes at its time. */
START_TEST(cleanup_is_awaited_across_a_restart)
{
    rig_one_running(&w);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 1000);
    rig_crash(&w);
    rig_start(&w);
    rig_run(&w, 3600 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "remove web"), 0);
    rig_run(&w, 2 * 3600 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "remove web"), 1);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine/cleanup");
    TCase *tcase = tcase_create("cleanup");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, cleanup_waits_for_the_acceptance);
    tcase_add_test(tcase, failed_removal_is_repeated);
    tcase_add_loop_test(tcase, removal_goes_on_when_docker_is_back, 0, 2);
    tcase_add_test(tcase, overdue_cleanup_is_done_soon);
    tcase_add_test(tcase, handover_during_cleanup_is_ignored);
    tcase_add_test(tcase, interrupted_cleanup_is_repeated);
    tcase_add_test(tcase, unused_image_is_removed);
    tcase_add_test(tcase, cleanup_is_awaited_across_a_restart);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
