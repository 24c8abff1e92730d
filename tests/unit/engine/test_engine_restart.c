#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/rig.h"

/* A crash, and what the next life makes of disk, Docker and labels. */
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

/* FB-09.2, FB-09.3, FB-09.5, FB-14.1, ENG-711..717, FB-INV.2: a crash at every moment between
 * hand-over and RUNNING ends in one container and one RUNNING. */
START_TEST(crash_at_any_moment_gives_one_container)
{
    static const struct crash_case {
        uint64_t ms;
    } cases[] = {{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}, {12}, {15}, {20}};
    const struct crash_case *at = &cases[_i / 2];

    w.docker.cancel_effect = _i % 2 == 1; /* Docker finishes what was in flight, unheard */
    rig_start(&w);
    rig_run(&w, 10);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, at->ms);
    rig_crash(&w);
    rig_run(&w, 50);
    rig_start(&w);
    if (eca_engine_find(w.engine, ARN) == NULL) { /* never acknowledged: sent again */
        rig_add(&w, ARN, "RUNNING", 0, ONE);
    }
    rig_run(&w, 5000);
    ck_assert_int_eq(rig_known(&w, ARN), ECA_STATUS_RUNNING);
    ck_assert_uint_eq(w.docker.container_count, 1);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 1);
    ck_assert_ptr_null(strstr(eca_buf_str(&w.reports), "STOPPED"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "task RUNNING\n"));
}
END_TEST

/* FB-11.1, ENG-718, DKR-841: it ended while the agent was away. */
START_TEST(exit_while_away_keeps_its_code)
{
    rig_one_running(&w);
    rig_crash(&w);
    script_runtime_exit_quietly(&w.docker, "web", 7);
    rig_start(&w);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 7\ntask STOPPED\n");
}
END_TEST

/* ENG-415: its container was removed while the agent was away. */
START_TEST(container_gone_at_agent_start_ends_the_task)
{
    rig_one_running(&w);
    rig_crash(&w);
    script_runtime_find(&w.docker, "web")->state = SCRIPT_REMOVED;
    eca_buf_reset(&w.reports);
    rig_start(&w);
    rig_run(&w, 1000);
    rig_reports_are(&w,
                    "web STOPPED (ContainerVanishedError: No container matching saved ID found)\n"
                    "task STOPPED\n");
}
END_TEST

/* FB-10.1, FB-10.3, ENG-720: inspects without answer declare nobody dead; a stop is honoured. */
START_TEST(slow_docker_at_start_declares_nobody_dead)
{
    rig_one_running(&w);
    rig_crash(&w);
    (void)script_runtime_rule(&w.docker, "inspect", NULL, ECA_OUTCOME_TIMEOUT, UINT32_MAX);
    rig_start(&w);
    rig_run(&w, 60 * 1000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 1);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 143\ntask STOPPED\n");
}
END_TEST

/* FB-13.3, CLN-108, STATE-142: state lost, labels are not. */
START_TEST(labelled_container_of_an_unknown_task_is_adopted)
{
    script_runtime_put(&w.docker, "c1", "ecs-fam-1-web-00", ARN, "web")->state = SCRIPT_RUNNING;
    rig_start(&w);
    rig_run(&w, 100);
    ck_assert_str_eq(eca_engine_unmanaged(w.engine, 0), "ecs-fam-1-web-00");
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    ck_assert_uint_eq(rig_asked(&w, "create"), 0);
    ck_assert_ptr_null(eca_engine_unmanaged(w.engine, 0));
}
END_TEST

/* STATE-141, FB-INV.2: of two candidates the one that the state knows stays. */
START_TEST(second_container_is_removed)
{
    rig_one_running(&w);
    rig_crash(&w);
    script_runtime_put(&w.docker, "c2", "ecs-fam-1-web-77", ARN, "web")->state = SCRIPT_RUNNING;
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 1);
    ck_assert_int_eq(w.docker.containers[0].state, SCRIPT_RUNNING);
    ck_assert_int_eq(w.docker.containers[1].state, SCRIPT_REMOVED);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
}
END_TEST

/* STATE-141: without a word of the state the newest stays, Docker lists it first; of the other one
 * the log tells, and it is stopped before it is removed. */
START_TEST(newest_of_two_unknown_to_the_state_stays)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "pull", NULL);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_crash(&w);
    script_runtime_unrule(&w.docker);
    script_runtime_put(&w.docker, "c2", "ecs-fam-1-web-77", ARN, "web")->state = SCRIPT_RUNNING;
    script_runtime_put(&w.docker, "c1", "ecs-fam-1-web-00", ARN, "web")->state = SCRIPT_RUNNING;
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_str_eq(rig_container(&w, ARN, "web")->docker_id, "c2");
    ck_assert_int_eq(w.docker.containers[0].state, SCRIPT_RUNNING);
    ck_assert_int_eq(w.docker.containers[1].state, SCRIPT_REMOVED);
    ck_assert_uint_eq(rig_asked(&w, "stop"), 1);
    ck_assert_uint_eq(rig_asked(&w, "create"), 0);
    ck_assert_uint_eq(rig_said(&w, "WARN", "A second container"), 1);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
}
END_TEST

/* STATE-141: the daemon refuses for a while. */
START_TEST(second_container_is_removed_in_the_end)
{
    rig_one_running(&w);
    rig_crash(&w);
    script_runtime_put(&w.docker, "c2", "ecs-fam-1-web-77", ARN, "web")->state = SCRIPT_RUNNING;
    (void)script_runtime_rule(&w.docker, "stop", NULL, ECA_OUTCOME_FAILED, 2);
    (void)script_runtime_rule(&w.docker, "remove", NULL, ECA_OUTCOME_FAILED, 2);
    rig_start(&w);
    rig_run(&w, 3600 * 1000);
    ck_assert_int_eq(w.docker.containers[0].state, SCRIPT_RUNNING);
    ck_assert_int_eq(w.docker.containers[1].state, SCRIPT_REMOVED);
}
END_TEST

/* STATE-141, STATE-142, FB-INV.2: both are left alone and told of; when ACS names the task the
 * newest is taken, and the other one goes. */
START_TEST(newest_of_two_unmanaged_is_adopted)
{
    script_runtime_put(&w.docker, "c3", "ecs-fam-1-web-99", ARN, "web")->state = SCRIPT_RUNNING;
    script_runtime_put(&w.docker, "c2", "ecs-fam-1-web-77", ARN, "web")->state = SCRIPT_RUNNING;
    script_runtime_put(&w.docker, "c1", "ecs-fam-1-web-00", ARN, "web")->state = SCRIPT_RUNNING;
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 3);
    ck_assert_str_eq(eca_engine_unmanaged(w.engine, 0), "ecs-fam-1-web-99");
    ck_assert_ptr_nonnull(eca_engine_unmanaged(w.engine, 2));
    ck_assert_ptr_null(eca_engine_unmanaged(w.engine, 3));
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 1000);
    ck_assert_str_eq(rig_container(&w, ARN, "web")->docker_id, "c3");
    ck_assert_int_eq(w.docker.containers[0].state, SCRIPT_RUNNING);
    ck_assert_int_eq(w.docker.containers[1].state, SCRIPT_REMOVED);
    ck_assert_int_eq(w.docker.containers[2].state, SCRIPT_REMOVED);
    ck_assert_ptr_null(eca_engine_unmanaged(w.engine, 0));
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
}
END_TEST

/* STATE-140: another cluster's agent has the same daemon, or had it. */
START_TEST(containers_of_another_cluster_are_not_ours)
{
    struct script_container *other =
        script_runtime_put(&w.docker, "c1", "ecs-fam-1-web-00", ARN, "web");

    other->state = SCRIPT_RUNNING;
    eca_free(other->cluster);
    other->cluster = eca_xstrdup("other");
    rig_start(&w);
    rig_run(&w, 100);
    ck_assert_ptr_null(eca_engine_unmanaged(w.engine, 0));
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "create"), 1);
    ck_assert_int_eq(w.docker.containers[0].state, SCRIPT_RUNNING);
}
END_TEST

/* STATE-141: what the state knows by its id is that container, whatever its labels say. */
START_TEST(known_containers_are_no_second_ones)
{
    rig_start(&w);
    rig_run(&w, 10);
    rig_add(
        &w, ARN, "RUNNING", 0,
        "\"containers\":[{\"name\":\"web\",\"image\":\"i\"},{\"name\":\"db\",\"image\":\"i\"}]");
    rig_run(&w, 100);
    rig_crash(&w);
    for (size_t i = 0; i < 2; i++) { /* as a definition with labels of that name would have it */
        eca_free(w.docker.containers[i].label);
        w.docker.containers[i].label = eca_xstrdup("web");
    }
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 2);
    ck_assert_uint_eq(rig_asked(&w, "stop"), 0);
}
END_TEST

/* ENG-731: until the listing succeeded, nothing is created. Labels missing in the listing are asked
 * for one by one. */
START_TEST(nothing_is_created_before_the_listing)
{
    w.docker.list_labels = false;
    script_runtime_put(&w.docker, "c1", "ecs-fam-1-web-00", ARN, "web")->state = SCRIPT_CREATED;
    (void)script_runtime_rule(&w.docker, "list", NULL, ECA_OUTCOME_FAILED, 3);
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "pull"), 0);
    rig_run(&w, 5000);
    ck_assert_uint_eq(rig_asked(&w, "list"), 4);
    ck_assert_uint_eq(rig_asked(&w, "create"), 0);
    ck_assert_uint_eq(rig_asked(&w, "start web"), 1);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
}
END_TEST

/* PAY-156: a restored start waits for a restored stop. */
START_TEST(gates_are_restored)
{
    rig_one_running(&w);
    script_runtime_hang(&w.docker, "stop", "web");
    rig_add(&w, ARN, "STOPPED", 7, ONE);
    rig_add(&w, ARN2, "RUNNING", 7, ONE);
    rig_run(&w, 100);
    rig_crash(&w);
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "pull"), 1);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "pull"), 2);
}
END_TEST

/* ENG-721: the stop had been sent and the container runs: it is sent again. */
START_TEST(stop_is_sent_again_after_a_restart)
{
    rig_one_running(&w);
    script_runtime_hang(&w.docker, "stop", "web");
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    rig_crash(&w);
    script_runtime_unrule(&w.docker);
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 2);
    rig_reports_are(&w, WEB_RAN "web STOPPED 143\ntask STOPPED\n");
}
END_TEST

/* ENG-722, ENG-231: a stop that was handed over and durable is not forgotten. */
START_TEST(stop_survives_a_restart)
{
    rig_one_running(&w);
    script_runtime_hang(&w.docker, "stop", "web");
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 1000);
    rig_crash(&w);
    rig_start(&w);
    ck_assert_ptr_nonnull(eca_engine_find(w.engine, ARN));
    ck_assert_int_eq(eca_engine_find(w.engine, ARN)->desired, ECA_STATUS_STOPPED);
}
END_TEST

/* ENG-723: STOPPED that was not accepted goes out again, with code and reason as they were. */
START_TEST(unaccepted_end_is_said_again)
{
    rig_one_running(&w);
    w.sink_hangs = true;
    script_runtime_die(&w.docker, "web", 9);
    rig_run(&w, 1000);
    rig_reports_are(&w, WEB_RAN);
    rig_crash(&w);
    w.sink_hangs = false;
    rig_start(&w);
    rig_run(&w, 1000);
    rig_reports_are(&w, WEB_RAN "web STOPPED 9\ntask STOPPED\n");
}
END_TEST

/* ENG-724: known as STOPPED, and it runs when the agent comes back: stopped, nothing said. */
START_TEST(stopped_container_that_runs_is_stopped)
{
    rig_one_running(&w);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 1000);
    eca_buf_reset(&w.reports);
    rig_crash(&w);
    script_runtime_find(&w.docker, "web")->state = SCRIPT_RUNNING;
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 0);
    rig_reports_are(&w, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine/restart");
    TCase *tcase = tcase_create("restart");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, crash_at_any_moment_gives_one_container, 0, 28);
    tcase_add_test(tcase, exit_while_away_keeps_its_code);
    tcase_add_test(tcase, container_gone_at_agent_start_ends_the_task);
    tcase_add_test(tcase, slow_docker_at_start_declares_nobody_dead);
    tcase_add_test(tcase, labelled_container_of_an_unknown_task_is_adopted);
    tcase_add_test(tcase, second_container_is_removed);
    tcase_add_test(tcase, newest_of_two_unknown_to_the_state_stays);
    tcase_add_test(tcase, second_container_is_removed_in_the_end);
    tcase_add_test(tcase, newest_of_two_unmanaged_is_adopted);
    tcase_add_test(tcase, containers_of_another_cluster_are_not_ours);
    tcase_add_test(tcase, known_containers_are_no_second_ones);
    tcase_add_test(tcase, nothing_is_created_before_the_listing);
    tcase_add_test(tcase, gates_are_restored);
    tcase_add_test(tcase, stop_is_sent_again_after_a_restart);
    tcase_add_test(tcase, stop_survives_a_restart);
    tcase_add_test(tcase, unaccepted_end_is_said_again);
    tcase_add_test(tcase, stopped_container_that_runs_is_stopped);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
