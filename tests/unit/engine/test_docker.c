#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/rig.h"

/* The engine and what Docker answers, leaves out, or does behind its back (spec 04). */
#define MINUTE UINT64_C(60000)
#define RAN "web RUNNING\ntask RUNNING\n"

static struct rig w;

static void setup(void)
{
    rig_init(&w);
}

static void teardown(void)
{
    rig_clear(&w);
}

static void running(void)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 200);
    rig_reports_are(&w, RAN);
}

static void begin(const char *members)
{
    rig_start(&w);
    rig_add(&w, ARN, "RUNNING", 0, members);
    rig_run(&w, 200);
}

/* ---- results -------------------------------------------------------------------------------- */

/* DKR-402, DKR-721: a pull that failed is no end, a create or start that failed is; of two errors
 * the first one is told. */
START_TEST(first_error_is_the_reason)
{
    static const struct {
        const char *verb;
        enum eca_outcome outcome;
        const char *next_verb; /* fails as well; NULL: none */
        enum eca_outcome next;
        const char *reports;
    } rows[] = {
        {"pull", ECA_OUTCOME_REFUSED, NULL, 0,
         "web RUNNING (CannotPullContainerError: scripted refused)\ntask RUNNING\n"},
        {"pull", ECA_OUTCOME_NOT_FOUND, "create", ECA_OUTCOME_NOT_FOUND,
         "web STOPPED (CannotPullContainerError: scripted not found)\ntask STOPPED\n"},
        {"create", ECA_OUTCOME_FAILED, NULL, 0,
         "web STOPPED (CannotCreateContainerError: scripted failed)\ntask STOPPED\n"},
        {"create", ECA_OUTCOME_REFUSED, NULL, 0,
         "web STOPPED (CannotCreateContainerError: scripted refused)\ntask STOPPED\n"},
        {"start", ECA_OUTCOME_FAILED, NULL, 0,
         "web STOPPED (CannotStartContainerError: scripted failed)\ntask STOPPED\n"},
    };

    w.docker.images_present = true;
    (void)script_runtime_rule(&w.docker, rows[_i].verb, NULL, rows[_i].outcome, 1);
    if (rows[_i].next_verb != NULL) {
        (void)script_runtime_rule(&w.docker, rows[_i].next_verb, NULL, rows[_i].next, 1);
    }
    begin(ONE);
    rig_run(&w, 2000);
    rig_reports_are(&w, rows[_i].reports);
}
END_TEST

/* DKR-403, DKR-L07: a stop that failed proves nothing; it is repeated until the container is down.
 */
START_TEST(failed_stop_proves_nothing)
{
    static const enum eca_outcome outcomes[] = {
        ECA_OUTCOME_FAILED,    ECA_OUTCOME_REFUSED,     ECA_OUTCOME_CONFLICT,
        ECA_OUTCOME_AMBIGUOUS, ECA_OUTCOME_UNREACHABLE, ECA_OUTCOME_BAD_ANSWER,
        ECA_OUTCOME_TIMEOUT,
    };

    running();
    (void)script_runtime_rule(&w.docker, "stop", "web", outcomes[_i], 2);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 500);
    rig_reports_are(&w, RAN);
    rig_run(&w, MINUTE);
    rig_reports_are(&w, RAN "web STOPPED 143\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 3);
    ck_assert_uint_eq(rig_asked(&w, "kill"), 0); /* DKR-603 */
}
END_TEST

/* DKR-403: "not running" and "no such container" are ends. */
START_TEST(definite_ends_of_a_stop)
{
    running();
    script_runtime_exit_quietly(&w.docker, "web", 9);
    if (_i == 1) {
        script_runtime_find(&w.docker, "web")->state = SCRIPT_REMOVED;
    }
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 500);
    rig_reports_are(&w, _i == 0 ? RAN "web STOPPED 9\ntask STOPPED\n"
                                : RAN "web STOPPED (ContainerVanishedError: No container matching "
                                      "saved ID found)\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "stop"), 1);
}
END_TEST

/* DKR-603: the daemon sends SIGKILL itself when the grace period is over; no kill is asked for. */
START_TEST(stubborn_container_is_left_to_the_daemon)
{
    running();
    script_runtime_hang(&w.docker, "stop", "web");
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 30000);
    rig_reports_are(&w, RAN);
    script_runtime_die(&w.docker, "web", 137);
    rig_run(&w, 500);
    rig_reports_are(&w, RAN "web STOPPED 137\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "stop web"), 1);
    ck_assert_uint_eq(rig_asked(&w, "kill"), 0);
}
END_TEST

/* DKR-404: somebody else started it: running is what was wanted. */
START_TEST(start_of_a_running_container_is_a_success)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "start", "web");
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 200);
    ck_assert_uint_eq(rig_asked(&w, "start web"), 1);
    script_runtime_find(&w.docker, "web")->state = SCRIPT_RUNNING;
    script_runtime_release(&w.docker); /* "already running" */
    rig_run(&w, 200);
    rig_reports_are(&w, RAN);
    ck_assert_uint_eq(rig_asked(&w, "stop"), 0);
}
END_TEST

/* ENG-745, TASKM-305, DKR-504: an answer was lost: whether it happened is looked up, never guessed.
 * What happened is taken over, what did not is asked for again, and there is one container. */
START_TEST(lost_answers_are_looked_up)
{
    static const struct {
        const char *verb;
        enum eca_outcome outcome;
        bool happened;
        size_t asked;
    } rows[] = {
        {"create", ECA_OUTCOME_AMBIGUOUS, true, 1},   {"create", ECA_OUTCOME_AMBIGUOUS, false, 2},
        {"create", ECA_OUTCOME_BAD_ANSWER, true, 1},  {"create", ECA_OUTCOME_BAD_ANSWER, false, 2},
        {"create", ECA_OUTCOME_CONFLICT, true, 1},    {"create", ECA_OUTCOME_UNREACHABLE, false, 2},
        {"start", ECA_OUTCOME_AMBIGUOUS, true, 1},    {"start", ECA_OUTCOME_AMBIGUOUS, false, 2},
        {"start", ECA_OUTCOME_BAD_ANSWER, true, 1},   {"start", ECA_OUTCOME_BAD_ANSWER, false, 2},
        {"start", ECA_OUTCOME_UNREACHABLE, false, 2},
    };
    eca_auto_free char *line = eca_xasprintf("%s web", rows[_i].verb);

    rig_start(&w);
    script_runtime_rule(&w.docker, rows[_i].verb, "web", rows[_i].outcome, 1)->effect =
        rows[_i].happened;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, MINUTE);
    rig_reports_are(&w, RAN);
    ck_assert_uint_eq(rig_asked(&w, line), rows[_i].asked);
    ck_assert_uint_eq(w.docker.container_count, 1);
    ck_assert_uint_eq(rig_asked(&w, "stop"), 0);
}
END_TEST

/* ENG-745: a container that is over before its lost start was looked up has run once, not twice. */
START_TEST(short_life_behind_a_lost_answer_is_one_life)
{
    rig_start(&w);
    w.docker.start_exits = true;
    script_runtime_rule(&w.docker, "start", "web", ECA_OUTCOME_AMBIGUOUS, 1)->effect = true;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, MINUTE);
    rig_reports_are(&w, "web STOPPED 0\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "start web"), 1);
}
END_TEST

/* DKR-604: a removal whose answer was lost is asked for again; gone is gone. */
START_TEST(lost_removal_is_asked_for_again)
{
    static const enum eca_outcome outcomes[] = {ECA_OUTCOME_AMBIGUOUS, ECA_OUTCOME_TIMEOUT,
                                                ECA_OUTCOME_FAILED, ECA_OUTCOME_UNREACHABLE};

    w.opts.cleanup_wait_ms = MINUTE;
    running();
    script_runtime_rule(&w.docker, "remove", NULL, outcomes[_i], 1)->effect = _i < 2;
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 5 * MINUTE);
    ck_assert_int_eq(w.docker.containers[0].state, SCRIPT_REMOVED);
    ck_assert_uint_eq(rig_asked(&w, "remove"), 2);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
}
END_TEST

/* ---- create and its name -------------------------------------------------------------------- */

/* DKR-503, DKR-504, DKR-L09: the name is on disk before Docker is asked. After a crash in the
 * middle of a create the container is found by it, however the listing shows it, and is not created
 * again. */
START_TEST(crash_in_a_create_is_no_second_container)
{
    rig_start(&w);
    w.docker.cancel_effect = true;
    w.docker.list_labels = _i == 0;
    w.docker.call_ms = 50;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    while (rig_asked(&w, "create web") == 0) {
        rig_run(&w, 1);
    }
    ck_assert_ptr_null(rig_container(&w, ARN, "web")->docker_id);
    ck_assert_ptr_nonnull(strstr(memory_store_get(&w.store, ECA_RECORD_TASK, ARN),
                                 rig_container(&w, ARN, "web")->docker_name));
    rig_crash(&w); /* the daemon goes on */
    (void)script_runtime_rule(&w.docker, "inspect", "web", ECA_OUTCOME_TIMEOUT, 2); /* not 404 */
    rig_start(&w);
    rig_run(&w, MINUTE);
    rig_reports_are(&w, RAN);
    ck_assert_uint_eq(rig_asked(&w, "create web"), 1);
    ck_assert_uint_eq(w.docker.container_count, 1);
}
END_TEST

/* DKR-504, ENG-713: it was not created: once more, under the same name, so that the first one,
 * should it still come, cannot be a second container. */
START_TEST(create_that_did_not_happen_is_repeated)
{
    eca_auto_free char *first = NULL;

    rig_start(&w);
    script_runtime_hang(&w.docker, "create", "web");
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 200);
    first = eca_xstrdup(rig_container(&w, ARN, "web")->docker_name);
    rig_crash(&w);
    script_runtime_unrule(&w.docker);
    rig_start(&w);
    rig_run(&w, MINUTE);
    rig_reports_are(&w, RAN);
    ck_assert_uint_eq(rig_asked(&w, "create web"), 2);
    ck_assert_str_eq(rig_container(&w, ARN, "web")->docker_name, first);
}
END_TEST

/* DKR-505: a create that timed out may have happened: what appears is removed by its name. */
START_TEST(timed_out_create_is_removed_by_name)
{
    w.opts.cleanup_wait_ms = MINUTE;
    rig_start(&w);
    script_runtime_rule(&w.docker, "create", "web", ECA_OUTCOME_TIMEOUT, 1)->effect = true;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 5000);
    rig_reports_are(&w, "web STOPPED (DockerTimeoutError: Could not transition to created; timed "
                        "out after waiting 1m0s)\ntask STOPPED\n");
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 0);
    rig_run(&w, 2 * MINUTE);
    ck_assert_int_eq(w.docker.containers[0].state, SCRIPT_REMOVED);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.docker.asked), "remove ecs-fam-1-web-"));
}
END_TEST

/* DKR-530, DKR-531, DKR-532, DKR-714: one internal container with one mount for each volume, its
 * image imported unless it is there, before what uses it; nothing is said about it. */
START_TEST(empty_volumes_come_from_one_container)
{
    static const char members[] =
        "\"volumes\":[{\"name\":\"v\",\"host\":{}},{\"name\":\"u\",\"host\":{}}],\"containers\":["
        "{\"name\":\"web\",\"image\":\"i\",\"essential\":true,\"mountPoints\":["
        "{\"sourceVolume\":\"v\",\"containerPath\":\"/d\"},"
        "{\"sourceVolume\":\"v\",\"containerPath\":\"/e\"},"
        "{\"sourceVolume\":\"u\",\"containerPath\":\"/f\"}]},"
        "{\"name\":\"b\",\"image\":\"i\",\"mountPoints\":["
        "{\"sourceVolume\":\"v\",\"containerPath\":\"/d\"}]}]";
    const struct eca_container *internal;
    size_t imports;

    w.docker.images_present = _i == 1;
    begin(members);
    rig_reports_are(&w, "web RUNNING\nb RUNNING\ntask RUNNING\n");
    internal = rig_container(&w, ARN, ECA_EMPTY_VOLUME_CONTAINER);
    ck_assert_ptr_nonnull(internal);
    ck_assert_uint_eq(internal->mount_count, 2);
    ck_assert(!internal->essential && internal->internal);
    imports = rig_asked(&w, "import amazon/ecs-emptyvolume-base");
    ck_assert_uint_eq(imports, _i == 0);
    ck_assert_uint_eq(rig_asked(&w, "pull amazon"), 0);
    ck_assert_uint_eq(rig_asked(&w, "create " ECA_EMPTY_VOLUME_CONTAINER), 1);
    ck_assert_uint_eq(rig_asked(&w, "stop"), 0);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.docker.log), "start " ECA_EMPTY_VOLUME_CONTAINER));
    ck_assert(strstr(eca_buf_str(&w.docker.log), "start " ECA_EMPTY_VOLUME_CONTAINER) <
              strstr(eca_buf_str(&w.docker.log), "create web"));
}
END_TEST

/* ---- pulls ---------------------------------------------------------------------------------- */

/* DKR-713, DKR-722: a task that is stopped does not wait for its pull: the one that waits for its
 * turn is never asked for, the one under way holds nobody up. */
START_TEST(stopped_task_does_not_wait_for_its_pull)
{
    w.opts.limits.pulls = 1;
    rig_start(&w);
    script_runtime_hang(&w.docker, "pull", NULL);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_add(&w, ARN2, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "u/web STOPPED\nu/task STOPPED\n");
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "u/web STOPPED\nu/task STOPPED\nweb STOPPED\ntask STOPPED\n");
    ck_assert_uint_eq(rig_asked(&w, "pull"), 1);
}
END_TEST

/* DKR-723, DKR-L03: failures that may pass are tried again, with pauses, five times in all; what a
 * registry refuses is not. */
START_TEST(passing_failures_of_a_pull_are_tried_again)
{
    static const struct {
        enum eca_outcome outcome;
        size_t tries;
    } rows[] = {
        {ECA_OUTCOME_FAILED, 5},  {ECA_OUTCOME_AMBIGUOUS, 5}, {ECA_OUTCOME_BAD_ANSWER, 5},
        {ECA_OUTCOME_REFUSED, 1}, {ECA_OUTCOME_NOT_FOUND, 1}, {ECA_OUTCOME_TIMEOUT, 1},
    };

    rig_start(&w);
    (void)script_runtime_rule(&w.docker, "pull", NULL, rows[_i].outcome, UINT32_MAX);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 300);
    ck_assert_uint_eq(rig_asked(&w, "pull"), 1); /* not in a loop */
    rig_run(&w, MINUTE);
    ck_assert_uint_eq(rig_asked(&w, "pull"), rows[_i].tries);
}
END_TEST

/* ---- events --------------------------------------------------------------------------------- */

/* DKR-805: a container that is not ours, or not yet: no inspect, no report. */
START_TEST(unknown_containers_are_ignored)
{
    static const enum eca_event_kind kinds[] = {ECA_EVENT_CREATE, ECA_EVENT_START, ECA_EVENT_DIE,
                                                ECA_EVENT_DESTROY, ECA_EVENT_OOM};
    size_t looks;

    running();
    looks = rig_asked(&w, "inspect");
    for (size_t i = 0; i < ECA_ARRAY_LEN(kinds); i++) {
        script_runtime_event(&w.docker, kinds[i], "no-container-of-ours");
    }
    rig_run(&w, 10000);
    ck_assert_uint_eq(rig_asked(&w, "inspect"), looks);
    ck_assert_uint_eq(eca_engine_counters(w.engine).events_unknown, ECA_ARRAY_LEN(kinds));
    rig_reports_are(&w, RAN);
}
END_TEST

/* DKR-807, TASKM-323: an inspect that fails does not swallow the end: the event's own code counts;
 * without one the inspect is repeated. */
START_TEST(failed_inspect_does_not_swallow_the_end)
{
    running();
    (void)script_runtime_rule(&w.docker, "inspect", "web", ECA_OUTCOME_FAILED, 2);
    if (_i == 0) {
        script_runtime_die(&w.docker, "web", 5);
    } else {
        script_runtime_exit_quietly(&w.docker, "web", 6);
        script_runtime_event(&w.docker, ECA_EVENT_DIE, script_runtime_find(&w.docker, "web")->id);
    }
    rig_run(&w, MINUTE);
    rig_reports_are(&w, _i == 0 ? RAN "web STOPPED 5\ntask STOPPED\n"
                                : RAN "web STOPPED 6\ntask STOPPED\n");
}
END_TEST

/* DKR-807: an inspect that fails after a start event does not end what runs. */
START_TEST(failed_inspect_does_not_end_what_runs)
{
    running();
    (void)script_runtime_rule(&w.docker, "inspect", "web", ECA_OUTCOME_FAILED, 3);
    script_runtime_event(&w.docker, ECA_EVENT_START, script_runtime_find(&w.docker, "web")->id);
    rig_run(&w, MINUTE);
    rig_reports_are(&w, RAN);
    ck_assert_uint_eq(rig_asked(&w, "stop"), 0);
}
END_TEST

/* DKR-809: each stopped container that somebody starts again is stopped once; after that it is
 * left alone, and each has its own allowance. */
START_TEST(each_returning_container_is_stopped_once)
{
    static const char *const names[] = {"a", "b"};

    begin("\"containers\":[{\"name\":\"web\",\"image\":\"i\",\"essential\":true},"
          "{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"i\"}]");
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
            struct script_container *c = script_runtime_find(&w.docker, names[i]);

            if (round == 0) {
                script_runtime_die(&w.docker, names[i], 1);
            } else {
                c->state = SCRIPT_RUNNING;
                script_runtime_event(&w.docker, ECA_EVENT_START, c->id);
            }
            rig_run(&w, 5000);
        }
    }
    ck_assert_uint_eq(rig_asked(&w, "stop a"), 1);
    ck_assert_uint_eq(rig_asked(&w, "stop b"), 1);
    rig_reports_are(&w, "web RUNNING\na RUNNING\nb RUNNING\ntask RUNNING\na STOPPED 1\n"
                        "b STOPPED 1\n");
}
END_TEST

/* DKR-809, DKR-L08: a change that is known already changes nothing and costs no inspect. */
START_TEST(redundant_events_change_nothing)
{
    size_t looks;

    running();
    looks = rig_asked(&w, "inspect");
    for (int i = 0; i < 3; i++) {
        script_runtime_event(&w.docker, ECA_EVENT_CREATE,
                             script_runtime_find(&w.docker, "web")->id);
        script_runtime_event(&w.docker, ECA_EVENT_START, script_runtime_find(&w.docker, "web")->id);
    }
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "inspect"), looks);
    script_runtime_die(&w.docker, "web", 2);
    script_runtime_event(&w.docker, ECA_EVENT_DIE, script_runtime_find(&w.docker, "web")->id);
    rig_run(&w, 1000);
    rig_reports_are(&w, RAN "web STOPPED 2\ntask STOPPED\n");
}
END_TEST

/* DKR-824, DKR-823: one container's hanging inspect holds up no other, nor its own later events. */
START_TEST(hanging_inspect_holds_up_nobody)
{
    begin("\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"essential\":true},"
          "{\"name\":\"b\",\"image\":\"i\"}]");
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 500);
    script_runtime_hang(&w.docker, "inspect", "b");
    script_runtime_exit_quietly(&w.docker, "b",
                                3); /* no code in the event: only the inspect tells */
    script_runtime_event(&w.docker, ECA_EVENT_DIE, script_runtime_find(&w.docker, "b")->id);
    rig_run(&w, 100);
    script_runtime_die(&w.docker, "web", 4);
    rig_run(&w, 500);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "u/web STOPPED 4\nu/task STOPPED\n"));
    script_runtime_release(&w.docker);
    rig_run(&w, 500);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "b STOPPED 3\n"));
}
END_TEST

/* ---- comparison with Docker ----------------------------------------------------------------- */

#define TWO                                                                                        \
    "\"containers\":[{\"name\":\"web\",\"image\":\"i\",\"essential\":true},"                       \
    "{\"name\":\"n\",\"image\":\"i\"},{\"name\":\"over\",\"image\":\"i\"}]"

/* DKR-831: when the stream is back, each container that lives is looked at, and no other. */
START_TEST(reconnect_looks_at_what_lives)
{
    size_t looks;

    begin(TWO);
    script_runtime_die(&w.docker, "over", 0);
    rig_run(&w, 1000);
    looks = rig_asked(&w, "inspect");
    script_runtime_exit_quietly(&w.docker, "n", 7); /* while the stream was away */
    script_runtime_event(&w.docker, ECA_EVENT_DISCONNECTED, NULL);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "inspect"), looks);
    script_runtime_event(&w.docker, ECA_EVENT_CONNECTED, NULL);
    rig_run(&w, 10000);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&w.reports), "n STOPPED 7\n"));
    ck_assert_uint_ge(rig_asked(&w, "inspect"), looks + 2);
    size_t over = 0;
    for (const char *at = eca_buf_str(&w.docker.log); (at = strstr(at, "inspect over")) != NULL;
         at++) {
        over++;
    }
    ck_assert_uint_le(over, 1); /* that of its own end */
}
END_TEST

/* DKR-843, DKR-844: every ten minutes each container is looked at; one that is gone has ended. */
START_TEST(check_finds_what_is_gone)
{
    size_t looks;

    w.opts.timing.check_jitter_ms = 1;
    begin(TWO);
    looks = rig_asked(&w, "inspect");
    rig_run(&w, 9 * MINUTE);
    ck_assert_uint_eq(rig_asked(&w, "inspect"), looks);
    rig_run(&w, MINUTE + 1000);
    ck_assert_uint_eq(rig_asked(&w, "inspect"), looks + 3);
    script_runtime_find(&w.docker, "n")->state = SCRIPT_REMOVED;
    rig_run(&w, 10 * MINUTE + 1000);
    ck_assert_ptr_nonnull(
        strstr(eca_buf_str(&w.reports),
               "n STOPPED (ContainerVanishedError: No container matching saved ID "
               "found)\n"));
    ck_assert_int_eq(rig_known(&w, ARN), ECA_STATUS_RUNNING);
}
END_TEST

/* DKR-840, DKR-841, DKR-842: what a new life makes of each container: 404 alone means gone; other
 * failures are repeated until they tell; exit codes of the meantime are told. */
START_TEST(restart_describes_every_container)
{
    static const struct {
        enum eca_outcome first; /* of the inspects at start */
        uint32_t times;
        int fate; /* 0 runs on, 1 has ended, 2 is gone */
        const char *reports;
    } rows[] = {
        {ECA_OUTCOME_DONE, 1, 0, RAN},
        {ECA_OUTCOME_TIMEOUT, 3, 0, RAN},
        {ECA_OUTCOME_UNREACHABLE, 3, 0, RAN},
        {ECA_OUTCOME_FAILED, 3, 0, RAN},
        {ECA_OUTCOME_BAD_ANSWER, 3, 0, RAN},
        {ECA_OUTCOME_FAILED, 3, 1, RAN "web STOPPED 3\ntask STOPPED\n"},
        {ECA_OUTCOME_DONE, 1, 1, RAN "web STOPPED 3\ntask STOPPED\n"},
        {ECA_OUTCOME_DONE, 1, 2,
         RAN "web STOPPED (ContainerVanishedError: No container matching saved ID found)\n"
             "task STOPPED\n"},
    };

    running();
    rig_crash(&w);
    if (rows[_i].fate > 0) {
        script_runtime_exit_quietly(&w.docker, "web", 3);
    }
    if (rows[_i].fate == 2) {
        script_runtime_find(&w.docker, "web")->state = SCRIPT_REMOVED;
    }
    if (rows[_i].first != ECA_OUTCOME_DONE) {
        (void)script_runtime_rule(&w.docker, "inspect", "web", rows[_i].first, rows[_i].times);
    }
    rig_start(&w);
    rig_run(&w, 2 * MINUTE);
    rig_reports_are(&w, rows[_i].reports);
    ck_assert_uint_eq(rig_asked(&w, "create web"), 1);
}
END_TEST

/* DKR-204, DKR-202: events are subscribed to before anything is looked at. DKR-306: a listing that
 * fails is repeated with growing pauses, and told once. */
START_TEST(listing_is_repeated_and_told_once)
{
    running();
    rig_crash(&w);
    eca_buf_reset(&w.docker.log);
    eca_buf_reset(&w.said);
    (void)script_runtime_rule(&w.docker, "list", "", ECA_OUTCOME_FAILED, 4);
    rig_start(&w);
    ck_assert(w.docker.on_event != NULL);
    ck_assert_uint_eq(rig_asked(&w, "inspect"), 0);
    rig_run(&w, 100);
    ck_assert_uint_eq(rig_asked(&w, "list"), 1);
    rig_run(&w, 20000);
    ck_assert_uint_eq(rig_asked(&w, "list"), 5);
    ck_assert_uint_eq(rig_said(&w, "ERROR", "Could not list containers"), 1);
    rig_reports_are(&w, RAN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine and docker");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, first_error_is_the_reason, 0, 5);
    tcase_add_loop_test(tcase, failed_stop_proves_nothing, 0, 7);
    tcase_add_loop_test(tcase, definite_ends_of_a_stop, 0, 2);
    tcase_add_test(tcase, stubborn_container_is_left_to_the_daemon);
    tcase_add_test(tcase, start_of_a_running_container_is_a_success);
    tcase_add_loop_test(tcase, lost_answers_are_looked_up, 0, 11);
    tcase_add_test(tcase, short_life_behind_a_lost_answer_is_one_life);
    tcase_add_loop_test(tcase, lost_removal_is_asked_for_again, 0, 4);
    tcase_add_loop_test(tcase, crash_in_a_create_is_no_second_container, 0, 2);
    tcase_add_test(tcase, create_that_did_not_happen_is_repeated);
    tcase_add_test(tcase, timed_out_create_is_removed_by_name);
    tcase_add_loop_test(tcase, empty_volumes_come_from_one_container, 0, 2);
    tcase_add_test(tcase, stopped_task_does_not_wait_for_its_pull);
    tcase_add_loop_test(tcase, passing_failures_of_a_pull_are_tried_again, 0, 6);
    tcase_add_test(tcase, unknown_containers_are_ignored);
    tcase_add_loop_test(tcase, failed_inspect_does_not_swallow_the_end, 0, 2);
    tcase_add_test(tcase, failed_inspect_does_not_end_what_runs);
    tcase_add_test(tcase, each_returning_container_is_stopped_once);
    tcase_add_test(tcase, redundant_events_change_nothing);
    tcase_add_test(tcase, hanging_inspect_holds_up_nobody);
    tcase_add_test(tcase, reconnect_looks_at_what_lives);
    tcase_add_test(tcase, check_finds_what_is_gone);
    tcase_add_loop_test(tcase, restart_describes_every_container, 0, 8);
    tcase_add_test(tcase, listing_is_repeated_and_told_once);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
