#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/rig.h"

static struct rig w;

static void setup(void)
{
    rig_init(&w);
}

static void teardown(void)
{
    rig_clear(&w);
}

/* ENG-401, TASKM-301, TASKM-303, TASKM-307, TASKM-314, TASKM-120: one task, from payload to
 * clean-up. CLN-101, CLN-104. TASKM-154, ENG-642: what telemetry is told. */
START_TEST(task_runs_stops_and_is_cleaned_up)
{
    rig_one_running(&w);
    rig_add(&w, ARN, "STOPPED", 3, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 143\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "pull busybox"), 1);
    ck_assert_uint_eq(rig_asked(&w, "create web"), 1);
    ck_assert_uint_eq(rig_asked(&w, "start web"), 1);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 1);
    ck_assert_str_eq(eca_buf_str(&w.changes), "id-web-1 RUNNING\nid-web-1 STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "remove"), 0);
    rig_run(&w, 3 * 3600 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "remove web"), 1);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
    ck_assert_ptr_null(memory_store_get(&w.store, ECA_RECORD_TASK, ARN));
}
END_TEST

/* ENG-307, ENG-402: an essential container's end stops the others. */
START_TEST(essential_exit_stops_siblings)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"essential\":true},"
            "{\"name\":\"b\",\"image\":\"i\"}]");
    rig_run(&w, 100);
    script_runtime_die(&w.docker, "a", 9);
    rig_run(&w, 100);
    rig_reports_are(
        &w, "a RUNNING\nb RUNNING\ntask RUNNING\na STOPPED 9\nb STOPPED 143\ntask STOPPED\n");
}
END_TEST

/* FB-05.1, FB-05.2, FB-05.4, TASKM-317: two failing stops conclude nothing. */
START_TEST(failed_stop_is_repeated)
{
    rig_one_running(&w);
    (void)script_runtime_rule(&w.docker, "stop", "web", ECA_OUTCOME_FAILED, 2);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 900);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    rig_run(&w, 5000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 143\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 3);
}
END_TEST

/* FB-06.1, FB-06.2, FB-06.3, TASKM-320: bounded attempts, then a kill, then STOPPED with a reason;
 * the successors go on. */
START_TEST(unstoppable_container_is_given_up)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    (void)script_runtime_rule(&w.docker, "stop", "web", ECA_OUTCOME_TIMEOUT, UINT32_MAX);
    (void)script_runtime_rule(&w.docker, "kill", "web", ECA_OUTCOME_FAILED, UINT32_MAX);
    rig_add(&w, ARN, "STOPPED", 10, ONE);
    rig_add(&w, ARN2, "RUNNING", 10, ONE);
    rig_run(&w, 200);
    ck_assert_uint_eq(rig_asked(&w, "pull busybox"), 1);
    rig_run(&w, 120 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 5);
    ck_assert_uint_eq(rig_asked(&w, "kill web"), 1);
    rig_reports_are(
        &w, "web RUNNING\ntask RUNNING\n"
            "web STOPPED (DockerTimeoutError: Could not transition to stopped; timed out after "
            "waiting 1m0s)\ntask STOPPED\n"
            "u/web RUNNING\nu/task RUNNING\n");
    ck_assert_uint_eq(rig_asked(&w, "pull busybox"), 2);
}
END_TEST

/* FB-06.4: while Docker does not answer at all, nothing is concluded. */
START_TEST(stop_is_not_concluded_while_docker_is_silent)
{
    rig_one_running(&w);
    (void)script_runtime_rule(&w.docker, "stop", "web", ECA_OUTCOME_TIMEOUT, UINT32_MAX);
    (void)script_runtime_rule(&w.docker, "ping", NULL, ECA_OUTCOME_TIMEOUT, UINT32_MAX);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 600 * 1000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    ck_assert_uint_eq(rig_asked(&w, "kill web"), 0);
    script_runtime_unrule(&w.docker);
    rig_run(&w, 60 * 1000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 143\ntask STOPPED\n");
}
END_TEST

/* FB-07.1, FB-07.2, FB-07.3, TASKM-313: a start that times out and happens 20 s later. */
START_TEST(late_start_is_stopped)
{
    rig_start(&w);
    (void)script_runtime_rule(&w.docker, "start", "web", ECA_OUTCOME_TIMEOUT, 1);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 2000);
    rig_reports_are(&w, "");
    script_runtime_find(&w.docker, "web")->state = SCRIPT_RUNNING;
    rig_run(&w, 60 * 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 0);
    rig_reports_are(
        &w, "web STOPPED 143 (DockerTimeoutError: Could not transition to started; timed out "
            "after waiting 1m0s)\ntask STOPPED\n");
}
END_TEST

/* FB-08.2, TASKM-308, ENG-607: it has ended when the inspect looks. */
START_TEST(short_container_runs_then_stops)
{
    w.docker.start_exits = true;
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 0\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "stop"), 0);
}
END_TEST

/* FB-08.1, ENG-408: a failing start: reason, no exit code, no task RUNNING. */
START_TEST(failed_start_stops_the_task)
{
    rig_start(&w);
    (void)script_runtime_rule(&w.docker, "start", "a", ECA_OUTCOME_FAILED, 1);
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"essential\":true}]");
    rig_run(&w, 100);
    rig_reports_are(&w, "a STOPPED (CannotStartContainerError: scripted failed)\ntask STOPPED\n");
}
END_TEST

/* FB-30.1, FB-30.3, ENG-404: two failing pulls; and all five, with a local image. */
START_TEST(pull_is_retried)
{
    rig_start(&w);
    (void)script_runtime_rule(&w.docker, "pull", "busybox", ECA_OUTCOME_FAILED, 2);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 10 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "pull busybox"), 3);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    eca_buf_reset(&w.reports);
    (void)script_runtime_rule(&w.docker, "pull", "busybox", ECA_OUTCOME_FAILED, UINT32_MAX);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 60 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "pull busybox"), 8);
    rig_reports_are(&w,
                    "u/web RUNNING (CannotPullContainerError: scripted failed)\nu/task RUNNING\n");
    script_runtime_die(&w.docker, "web", 0); /* TASKM-158: the pull error is over */
    rig_run(&w, 100);
    rig_reports_are(&w,
                    "u/web RUNNING (CannotPullContainerError: scripted failed)\nu/task RUNNING\n"
                    "u/web STOPPED 0\nu/task STOPPED\n");
}
END_TEST

/* FB-29.1, FB-29.2, TASKM-132: a hanging pull holds up nobody, and a stop ends it. */
START_TEST(hanging_pull_is_cancelled_by_a_stop)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "pull", "slow");
    rig_add(&w, ARN, "RUNNING", 0, "\"containers\":[{\"name\":\"web\",\"image\":\"slow\"}]");
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 1000);
    rig_reports_are(&w, "u/web RUNNING\nu/task RUNNING\n");
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "cancel pull"), 1);
    rig_reports_are(&w, "u/web RUNNING\nu/task RUNNING\nweb STOPPED\ntask STOPPED\n");
}
END_TEST

/* PAY-142, ENG-416: an unknown STOPPED task needs no call. PAY-141: a start after it is ignored. */
START_TEST(unknown_stopped_task_is_reported_at_once)
{
    script_runtime_hang(&w.docker, "list", NULL);
    rig_start(&w);
    rig_add(&w, ARN, "STOPPED", 4, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "web STOPPED\ntask STOPPED\n");
    rig_add(&w, ARN, "RUNNING", 5, ONE);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "pull"), 0);
}
END_TEST

/* ENG-417, PAY-135: a task without containers. */
START_TEST(task_without_containers_is_given_up)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, "\"containers\":[]");
    rig_run(&w, 100);
    rig_reports_are(&w, "task STOPPED (TaskStateError: Agent could not progress task's state to "
                        "stopped)\n");
}
END_TEST

/* FB-12.1, FB-12.2, PAY-150, PAY-153: the start of a payload waits for its stop. */
START_TEST(start_waits_for_stop_of_its_payload)
{
    rig_one_running(&w);
    w.docker.stop_ends = false;
    rig_add(&w, ARN, "STOPPED", 7, ONE);
    rig_add(&w, ARN2, "RUNNING", 7, ONE);
    rig_run(&w, 900);
    ck_assert_uint_eq(rig_asked(&w, "pull"), 1);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 0\ntask STOPPED\n"
                        "u/web RUNNING\nu/task RUNNING\n");
}
END_TEST

/* FB-12.4, PAY-152: a stop ends the waiting, without any call. */
START_TEST(waiting_start_is_stopped_without_a_call)
{
    rig_one_running(&w);
    w.docker.stop_ends = false;
    rig_add(&w, ARN, "STOPPED", 7, ONE);
    rig_add(&w, ARN2, "RUNNING", 7, ONE);
    rig_run(&w, 100);
    eca_buf_reset(&w.reports);
    rig_add(&w, ARN2, "STOPPED", 8, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "u/web STOPPED\nu/task STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "pull"), 1);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 100);
}
END_TEST

/* VOL-101..105, VOL-110, DKR-531, ENG-413: the internal container comes first and is not reported.
 */
START_TEST(empty_volume_is_made_by_the_internal_container)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0,
            "\"volumes\":[{\"name\":\"v\",\"host\":{}}],\"containers\":[{\"name\":\"web\","
            "\"image\":\"busybox\",\"essential\":true,\"mountPoints\":[{\"sourceVolume\":\"v\","
            "\"containerPath\":\"/d\"}]}]");
    rig_run(&w, 200);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    ck_assert_uint_eq(rig_asked(&w, "import amazon/ecs-emptyvolume-base"), 1);
    ck_assert_uint_eq(rig_asked(&w, "stop"), 0);
    ck_assert_str_eq(eca_engine_find(w.engine, ARN)->volumes[0].host_path, "/var/volumes/0");
}
END_TEST

/* FB-03.1, FB-03.2, TASKM-329, TASKM-330: only a 404 means gone; the periodic check finds it. */
START_TEST(vanished_container_is_found_by_the_check)
{
    rig_one_running(&w);
    (void)script_runtime_rule(&w.docker, "inspect", "web", ECA_OUTCOME_FAILED, 1);
    rig_run(&w, 11 * 60 * 1000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    script_runtime_find(&w.docker, "web")->state = SCRIPT_REMOVED;
    rig_run(&w, 11 * 60 * 1000);
    rig_reports_are(&w,
                    "web RUNNING\ntask RUNNING\n"
                    "web STOPPED (ContainerVanishedError: No container matching saved ID found)\n"
                    "task STOPPED\n");
}
END_TEST

/* FB-01.2, FB-02.3, ENG-742: an exit that no event told is seen after a reconnect. */
START_TEST(reconnect_finds_a_missed_exit)
{
    rig_one_running(&w);
    script_runtime_exit_quietly(&w.docker, "web", 3);
    script_runtime_event(&w.docker, ECA_EVENT_CONNECTED, NULL);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 3\ntask STOPPED\n");
}
END_TEST

/* FB-02.1, TASKM-323, TASKM-L05: a hanging inspect; the event's exit code is enough after 5 s. */
START_TEST(exit_code_of_the_event_is_enough)
{
    rig_one_running(&w);
    script_runtime_hang(&w.docker, "inspect", "web");
    script_runtime_die(&w.docker, "web", 7);
    rig_run(&w, 4000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    rig_run(&w, 2000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 7\ntask STOPPED\n");
}
END_TEST

/* FB-36.1, DEP-120: impossible dependencies: a reason, no call. */
START_TEST(impossible_dependency_has_a_reason)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"links\":[\"nobody:x\"]}]");
    rig_run(&w, 100);
    rig_reports_are(
        &w, "a STOPPED (TaskDependencyError: a depends on nobody (link), which is not part of "
            "the task)\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "pull"), 0);
}
END_TEST

/* FB-36.2, DEP-104: a link target that has ended. */
START_TEST(dead_link_target_ends_the_task)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "start", "b");
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"links\":[\"b\"]},"
            "{\"name\":\"b\",\"image\":\"i\"}]");
    rig_run(&w, 100);
    w.docker.start_exits = true;
    script_runtime_unrule(&w.docker);
    script_runtime_release(&w.docker);
    rig_run(&w, 5000);
    rig_reports_are(&w, "b RUNNING\nb STOPPED 0\na STOPPED (TaskDependencyError: link target b has "
                        "stopped)\ntask STOPPED\n");
}
END_TEST

/* ENG-747, ENG-744: Docker is down: wait, go on when it is back; after the limit, STOPPED. */
START_TEST(new_task_waits_for_docker)
{
    rig_start(&w);
    rig_run(&w, 10);
    (void)script_runtime_rule(&w.docker, "pull", NULL, ECA_OUTCOME_UNREACHABLE, UINT32_MAX);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 60 * 1000);
    rig_reports_are(&w, "");
    script_runtime_unrule(&w.docker);
    script_runtime_event(&w.docker, ECA_EVENT_CONNECTED, NULL);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    (void)script_runtime_rule(&w.docker, "pull", NULL, ECA_OUTCOME_UNREACHABLE, UINT32_MAX);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 6 * 60 * 1000);
    rig_reports_are(
        &w, "web RUNNING\ntask RUNNING\n"
            "u/web STOPPED (CannotPullContainerError: scripted unreachable)\nu/task STOPPED\n");
}
END_TEST

/* ENG-230, STATE-122: no create while the disk refuses; a stop goes out all the same. */
START_TEST(create_waits_for_the_disk_and_stop_does_not)
{
    rig_one_running(&w);
    w.store.fail = 1000000;
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 5000);
    ck_assert_uint_eq(rig_asked(&w, "create"), 1);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 5000);
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 1);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    w.store.fail = 0;
    rig_run(&w, 60 * 1000);
    ck_assert_uint_eq(rig_asked(&w, "create"), 2);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "web STOPPED 143\ntask STOPPED\n"));
}
END_TEST

/* TASKM-161, FB-INV.3: a container of a stopped task that was started from outside. */
START_TEST(container_that_comes_back_is_stopped)
{
    rig_one_running(&w);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    eca_buf_reset(&w.reports);
    script_runtime_find(&w.docker, "web")->state = SCRIPT_RUNNING;
    script_runtime_event(&w.docker, ECA_EVENT_START, "id-web-1");
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 0);
    rig_reports_are(&w, "");
}
END_TEST

/* FB-04.1, FB-04.2, ENG-208: harmless and unknown events cost nothing. */
START_TEST(harmless_events_change_nothing)
{
    size_t before;

    rig_one_running(&w);
    before = w.store.commits;
    for (int i = 0; i < 500; i++) {
        script_runtime_event(&w.docker, ECA_EVENT_OOM, "id-web-1");
        script_runtime_event(&w.docker, ECA_EVENT_DIE, "nobody");
        script_runtime_event(&w.docker, ECA_EVENT_CREATE, "id-web-1");
    }
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "inspect"), 0);
    ck_assert_uint_eq(w.store.commits, before);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
}
END_TEST

/* FB-16.1, FB-16.2: a task whose submissions hang holds up nobody. */
START_TEST(stuck_submission_stays_its_own)
{
    rig_start(&w);
    w.sink_stuck_arn = ARN;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 1000);
    rig_reports_are(&w, "u/web RUNNING\nu/task RUNNING\n");
    ck_assert_int_eq(rig_known(&w, ARN), ECA_STATUS_STOPPED);
}
END_TEST

/* CRED-110, CRED-111, ENG-530, FB-31.1, FB-31.4: the variable, the id on disk, its end. */
START_TEST(credentials_live_as_long_as_the_task)
{
    struct eca_task *task;
    struct eca_task_credentials secret = {.credentials_id = "cid", .secret_access_key = "MARKER"};
    struct eca_task_credentials_view view;

    rig_start(&w);
    ck_assert_int_eq(eca_credentials_store_set(w.credentials, ARN, &secret, NULL), ECA_OK);
    task = rig_task(ARN, "RUNNING", ONE);
    eca_texts_add(&task->credentials_ids, "cid");
    ck_assert_int_eq(eca_engine_add(w.engine, task, NULL), ECA_OK);
    rig_run(&w, 100);
    ck_assert_str_eq(eca_container_env(rig_container(&w, ARN, "web"), ECA_CREDENTIALS_ENV),
                     "/v2/credentials/cid");
    ck_assert_ptr_null(strstr(memory_store_get(&w.store, ECA_RECORD_TASK, ARN), "MARKER"));
    rig_crash(&w);
    rig_start(&w);
    ck_assert_int_eq(eca_credentials_store_find(w.credentials, eca_view_str("cid"), &view),
                     ECA_CREDENTIALS_PENDING);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 100);
    ck_assert_int_eq(eca_credentials_store_find(w.credentials, eca_view_str("cid"), &view),
                     ECA_CREDENTIALS_UNKNOWN);
}
END_TEST

/* PAY-146, ENG-209. */
START_TEST(disabled_engine_refuses)
{
    struct eca_err err = {0};

    rig_one_running(&w);
    eca_engine_disable(w.engine);
    ck_assert_int_eq(eca_engine_add(w.engine, rig_task(ARN2, "RUNNING", ONE), &err),
                     ECA_E_CANCELED);
    script_runtime_die(&w.docker, "web", 1);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
}
END_TEST

/* ENG-220, ENG-223: bounds of pulls and inspects. INTRO-121: what a task waits for. */
START_TEST(lanes_are_bounded)
{
    struct eca_waiting waiting;

    rig_start(&w);
    rig_run(&w, 10);
    script_runtime_hang(&w.docker, "pull", NULL);
    for (int i = 0; i < 20; i++) {
        char arn[64];

        (void)snprintf(arn, sizeof(arn), "arn:%d", i);
        rig_add(&w, arn, "RUNNING", 0, ONE);
    }
    rig_run(&w, 1000);
    ck_assert_uint_eq(w.docker.pulls_max, 8);
    ck_assert(eca_engine_waiting(w.engine, eca_engine_find(w.engine, "arn:19"), &waiting));
    ck_assert_str_eq(waiting.reason, "pulling");
    script_runtime_unrule(&w.docker);
    script_runtime_release(&w.docker);
    rig_run(&w, 2000);
    ck_assert(!eca_engine_waiting(w.engine, eca_engine_find(w.engine, "arn:19"), &waiting));
    rig_crash(&w);
    w.docker.looks_max = 0;
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(w.docker.looks_max, 8);
}
END_TEST

static void waits_for(const char *arn, const char *reason, const char *detail)
{
    struct eca_waiting waiting;

    ck_assert_msg(eca_engine_waiting(w.engine, eca_engine_find(w.engine, arn), &waiting), "%s",
                  arn);
    ck_assert_str_eq(waiting.reason, reason);
    ck_assert_str_eq(waiting.detail, detail);
}

/* INTRO-121: each reason by its name, with the container that waits and what for. */
START_TEST(what_a_task_waits_for_is_told)
{
    rig_start(&w);
    rig_run(&w, 10);
    script_runtime_hang(&w.docker, "create", "creates");
    script_runtime_hang(&w.docker, "start", "starts");
    script_runtime_hang(&w.docker, "stop", "stops");
    (void)script_runtime_rule(&w.docker, "create", "away", ECA_OUTCOME_UNREACHABLE, UINT32_MAX);
    rig_add(&w, "arn:1", "RUNNING", 0, "\"containers\":[{\"name\":\"creates\",\"image\":\"i\"}]");
    rig_add(&w, "arn:2", "RUNNING", 0, "\"containers\":[{\"name\":\"starts\",\"image\":\"i\"}]");
    rig_add(&w, "arn:3", "RUNNING", 5, "\"containers\":[{\"name\":\"stops\",\"image\":\"i\"}]");
    rig_add(&w, "arn:4", "RUNNING", 0, "\"containers\":[{\"name\":\"away\",\"image\":\"i\"}]");
    rig_add(&w, "arn:5", "RUNNING", 0,
            "\"containers\":[{\"name\":\"linked\",\"image\":\"i\",\"links\":[\"starts\"]},"
            "{\"name\":\"starts\",\"image\":\"i\"}]");
    rig_run(&w, 1000);
    rig_add(&w, "arn:3", "STOPPED", 6, "\"containers\":[{\"name\":\"stops\",\"image\":\"i\"}]");
    rig_add(&w, "arn:6", "RUNNING", 6, "\"containers\":[{\"name\":\"gated\",\"image\":\"i\"}]");
    rig_run(&w, 1000);
    waits_for("arn:1", "creating", "creates");
    waits_for("arn:2", "starting", "starts");
    waits_for("arn:3", "stopping", "stops");
    waits_for("arn:4", "docker-unreachable", "away");
    waits_for("arn:5", "dependency", "linked on starts");
    waits_for("arn:6", "waiting-for-stop", "sequence 6");
}
END_TEST

/* ENG-405: a create that fails; its sibling ends without a reason and was never RUNNING. */
START_TEST(failed_create_stops_the_task)
{
    rig_start(&w);
    (void)script_runtime_rule(&w.docker, "create", "a", ECA_OUTCOME_REFUSED, UINT32_MAX);
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"essential\":true},"
            "{\"name\":\"b\",\"image\":\"j\",\"essential\":true,\"links\":[\"a\"]}]");
    rig_run(&w, 60 * 1000);
    rig_reports_are(&w, "a STOPPED (CannotCreateContainerError: scripted refused)\nb STOPPED\n"
                        "task STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "pull j"), 0);
}
END_TEST

/* ENG-411: Docker's own word for an end. */
START_TEST(state_error_is_the_reason)
{
    rig_one_running(&w);
    script_runtime_find(&w.docker, "web")->state_error = eca_xstrdup("no space left");
    script_runtime_die(&w.docker, "web", 128);
    rig_run(&w, 100);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n"
                        "web STOPPED 128 (DockerStateError: no space left)\ntask STOPPED\n");
}
END_TEST

/* TASKM-170: the periodic check finds a silent end, with its exit code. */
START_TEST(check_finds_a_silent_exit)
{
    rig_one_running(&w);
    script_runtime_exit_quietly(&w.docker, "web", 4);
    rig_run(&w, 11 * 60 * 1000);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 4\ntask STOPPED\n");
}
END_TEST

/* TASKM-171: also while a sibling's call keeps the task from a steady state. */
START_TEST(check_does_not_wait_for_a_steady_state)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "pull", "j");
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"j\"}]");
    rig_run(&w, 100);
    rig_reports_are(&w, "a RUNNING\n");
    script_runtime_exit_quietly(&w.docker, "a", 4);
    rig_run(&w, 11 * 60 * 1000);
    rig_reports_are(&w, "a RUNNING\na STOPPED 4\n");
}
END_TEST

/* DEP-103: the pull of a dependant begins when its link runs, not before. */
START_TEST(dependant_is_pulled_when_its_link_runs)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "start", "db");
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"web\",\"image\":\"i\",\"links\":[\"db\"]},"
            "{\"name\":\"db\",\"image\":\"j\"}]");
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "start db"), 1);
    ck_assert_uint_eq(rig_asked(&w, "pull i"), 0);
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "pull i"), 1);
    rig_reports_are(&w, "db RUNNING\nweb RUNNING\ntask RUNNING\n");
}
END_TEST

/* TASKM-160, FB-INV.3: a non-essential container that is started again from outside is stopped
 * once, then left alone; it ends when its task ends. */
START_TEST(container_left_alone_ends_with_its_task)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"web\",\"image\":\"i\",\"essential\":true},"
            "{\"name\":\"n\",\"image\":\"i\",\"essential\":false}]");
    rig_run(&w, 100);
    script_runtime_die(&w.docker, "n", 0);
    for (uint32_t times = 0; times < 2; times++) {
        struct script_container *c = script_runtime_find(&w.docker, "n");

        rig_run(&w, 100);
        c->state = SCRIPT_RUNNING;
        script_runtime_event(&w.docker, ECA_EVENT_START, c->id);
        rig_run(&w, 1000);
        ck_assert_uint_eq(rig_asked(&w, "stop n"), 1);
    }
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 2);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 1000);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("engine");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, task_runs_stops_and_is_cleaned_up);
    tcase_add_test(tcase, essential_exit_stops_siblings);
    tcase_add_test(tcase, failed_stop_is_repeated);
    tcase_add_test(tcase, unstoppable_container_is_given_up);
    tcase_add_test(tcase, stop_is_not_concluded_while_docker_is_silent);
    tcase_add_test(tcase, late_start_is_stopped);
    tcase_add_test(tcase, short_container_runs_then_stops);
    tcase_add_test(tcase, failed_start_stops_the_task);
    tcase_add_test(tcase, pull_is_retried);
    tcase_add_test(tcase, hanging_pull_is_cancelled_by_a_stop);
    tcase_add_test(tcase, unknown_stopped_task_is_reported_at_once);
    tcase_add_test(tcase, task_without_containers_is_given_up);
    tcase_add_test(tcase, start_waits_for_stop_of_its_payload);
    tcase_add_test(tcase, waiting_start_is_stopped_without_a_call);
    tcase_add_test(tcase, empty_volume_is_made_by_the_internal_container);
    tcase_add_test(tcase, vanished_container_is_found_by_the_check);
    tcase_add_test(tcase, reconnect_finds_a_missed_exit);
    tcase_add_test(tcase, exit_code_of_the_event_is_enough);
    tcase_add_test(tcase, impossible_dependency_has_a_reason);
    tcase_add_test(tcase, dead_link_target_ends_the_task);
    tcase_add_test(tcase, what_a_task_waits_for_is_told);
    tcase_add_test(tcase, failed_create_stops_the_task);
    tcase_add_test(tcase, state_error_is_the_reason);
    tcase_add_test(tcase, check_finds_a_silent_exit);
    tcase_add_test(tcase, check_does_not_wait_for_a_steady_state);
    tcase_add_test(tcase, dependant_is_pulled_when_its_link_runs);
    tcase_add_test(tcase, container_left_alone_ends_with_its_task);
    tcase_add_test(tcase, new_task_waits_for_docker);
    tcase_add_test(tcase, create_waits_for_the_disk_and_stop_does_not);
    tcase_add_test(tcase, container_that_comes_back_is_stopped);
    tcase_add_test(tcase, harmless_events_change_nothing);
    tcase_add_test(tcase, stuck_submission_stays_its_own);
    tcase_add_test(tcase, credentials_live_as_long_as_the_task);
    tcase_add_test(tcase, disabled_engine_refuses);
    tcase_add_test(tcase, lanes_are_bounded);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
