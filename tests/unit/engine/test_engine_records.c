#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/task_json.h"
#include "tests/unit/engine/rig.h"

/* What the engine holds about tasks, what is on disk when, and what a new life makes of it. */
#define RAN "web RUNNING\ntask RUNNING\n"
#define PAIR                                                                                       \
    "\"containers\":[{\"name\":\"web\",\"image\":\"i\",\"essential\":true},"                       \
    "{\"name\":\"n\",\"image\":\"i\"}]"
#define WITH_VOLUME                                                                                \
    "\"volumes\":[{\"name\":\"v\",\"host\":{}}],\"containers\":[{\"name\":\"web\",\"image\":"      \
    "\"busybox\",\"essential\":true,\"mountPoints\":[{\"sourceVolume\":\"v\","                     \
    "\"containerPath\":\"/d\"}]}]"
#define INTERNAL ECA_EMPTY_VOLUME_CONTAINER

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
    rig_run(&w, 200);
}

static const struct eca_container *by_id(const char *id)
{
    return eca_engine_find_docker_id(w.engine, id);
}

/* ENG-120, ENG-114, ENG-121, ENG-203: tasks by ARN and in order of arrival, containers by id. */
START_TEST(everything_is_found)
{
    size_t cursor = 0;

    begin(PAIR);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 200);
    ck_assert_str_eq(eca_engine_next(w.engine, &cursor)->arn, ARN);
    ck_assert_str_eq(eca_engine_next(w.engine, &cursor)->arn, ARN2);
    ck_assert_ptr_null(eca_engine_next(w.engine, &cursor));
    ck_assert_ptr_null(eca_engine_find(w.engine, "arn:none"));
    for (size_t i = 0; i < w.docker.container_count; i++) {
        const struct script_container *c = &w.docker.containers[i];

        ck_assert_ptr_nonnull(by_id(c->id));
        ck_assert_ptr_eq(by_id(c->id), rig_container(&w, c->task_arn, c->label));
        ck_assert_str_eq(by_id(c->id)->task->arn, c->task_arn);
    }
    ck_assert_ptr_null(by_id("nobody"));
}
END_TEST

/* ENG-121, ENG-114, ENG-122: a container that Docker has under another id is that one from now on;
 * the id before leads nowhere. */
START_TEST(replaced_id_leads_nowhere)
{
    begin(ONE);
    rig_crash(&w);
    eca_free(w.docker.containers[0].id);
    w.docker.containers[0].id = eca_xstrdup("other");
    rig_start(&w);
    rig_run(&w, 200);
    ck_assert_ptr_null(by_id("id-web-1"));
    ck_assert_ptr_eq(by_id("other"), rig_container(&w, ARN, "web"));
    script_runtime_die(&w.docker, "web", 3);
    rig_run(&w, 200);
    rig_reports_are(&w, RAN "web STOPPED 3\ntask STOPPED\n");
}
END_TEST

/* ENG-123, TASKM-150, CLN-108: a task that was removed takes its ids along; what is said about them
 * later reaches no task, not even one that came again under the same ARN. */
START_TEST(removed_task_takes_its_ids_along)
{
    struct script_container *old;

    w.opts.cleanup_wait_ms = 60 * 1000;
    begin(ONE);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 120 * 1000);
    ck_assert_uint_eq(eca_engine_task_count(w.engine), 0);
    ck_assert_ptr_null(by_id("id-web-1"));
    eca_buf_reset(&w.reports);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 200);
    old = &w.docker.containers[0];
    script_runtime_event(&w.docker, ECA_EVENT_DIE, old->id);
    script_runtime_event(&w.docker, ECA_EVENT_DESTROY, old->id);
    rig_run(&w, 200);
    rig_reports_are(&w, RAN);
    ck_assert_uint_eq(rig_asked(&w, "create web"), 2);
}
END_TEST

/* ENG-125, ENG-230, TASKM-202: what a call depends on is on disk when it leaves: the name and the
 * intent for a create, the id for a start. */
START_TEST(record_is_on_disk_before_its_call)
{
    const char *text;

    rig_start(&w);
    rig_run(&w, 10);
    w.store.fail = UINT32_MAX;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 5000);
    ck_assert_uint_eq(rig_asked(&w, "pull busybox"), 1);
    ck_assert_uint_eq(rig_asked(&w, "create"), 0);
    ck_assert_ptr_nonnull(rig_container(&w, ARN, "web")->docker_name);
    script_runtime_hang(&w.docker, "create", NULL);
    script_runtime_hang(&w.docker, "start", NULL);
    w.store.fail = 0;
    for (int i = 0; i < 100000 && rig_asked(&w, "create") == 0; i++) {
        rig_run(&w, 1);
    }
    text = memory_store_get(&w.store, ECA_RECORD_TASK, ARN);
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(strstr(text, rig_container(&w, ARN, "web")->docker_name));
    ck_assert_ptr_nonnull(strstr(text, "\"Applied\":\"CREATED\""));
    script_runtime_release(&w.docker);
    for (int i = 0; i < 1000 && rig_asked(&w, "start") == 0; i++) {
        rig_run(&w, 1);
    }
    text = memory_store_get(&w.store, ECA_RECORD_TASK, ARN);
    ck_assert_ptr_nonnull(strstr(text, "id-web-1"));
    ck_assert_ptr_nonnull(strstr(text, "\"Applied\":\"RUNNING\""));
}
END_TEST

static void record_is_whole(void)
{
    eca_auto_buf struct eca_buf want = {0};
    struct eca_json_writer json = eca_json_writer_to(&want);

    rig_run(&w, 1000);
    ck_assert_uint_eq(eca_journal_status(w.journal).dirty, 0);
    eca_task_to_state(eca_engine_find(w.engine, ARN), &json, NULL, true);
    ck_assert(strcmp(memory_store_get(&w.store, ECA_RECORD_TASK, ARN), eca_buf_str(&want)) == 0);
}

/* ENG-125: of many containers only the changed ones are written anew, and the record has them all
 * as they are: what is known, what was reported, ids, errors, exit codes. */
START_TEST(record_of_a_large_task_is_whole)
{
    eca_auto_buf struct eca_buf members = {0};

    eca_buf_add_str(&members, "\"volumes\":[{\"name\":\"v\",\"host\":{}}],\"containers\":[");
    for (size_t i = 0; i < 40; i++) {
        eca_buf_addf(&members,
                     "%s{\"name\":\"c%zu\",\"image\":\"i%zu\",\"mountPoints\":[{\"sourceVolume\":"
                     "\"v\",\"containerPath\":\"/d\"}]}",
                     i == 0 ? "" : ",", i, i % 3);
    }
    eca_buf_add_str(&members, "]");
    rig_start(&w);
    (void)script_runtime_rule(&w.docker, "start", "c7", ECA_OUTCOME_REFUSED, UINT32_MAX);
    rig_add(&w, ARN, "RUNNING", 0, eca_buf_str(&members));
    rig_run(&w, 1);
    record_is_whole();
    rig_run(&w, 60000);
    record_is_whole();
    ck_assert_int_eq(rig_container(&w, ARN, "c39")->sent, ECA_STATUS_RUNNING);
    ck_assert_ptr_nonnull(rig_container(&w, ARN, "c7")->error_name);
    script_runtime_die(&w.docker, "c3", 42);
    record_is_whole();
    eca_engine_add_credentials_id(w.engine, ARN, "id-2");
    record_is_whole();
    rig_crash(&w);
    script_runtime_exit_quietly(&w.docker, "c4", 7);
    rig_start(&w);
    record_is_whole();
    ck_assert_int_eq(rig_container(&w, ARN, "c4")->exit_code, 7);
    rig_add(&w, ARN, "STOPPED", 5, eca_buf_str(&members));
    record_is_whole();
    ck_assert_int_eq(rig_known(&w, ARN), ECA_STATUS_STOPPED);
}
END_TEST

/* ENG-201: a second start changes nothing. ENG-730: one listing, subscribed to events before it;
 * tasks that wait for nobody go on while another's inspect hangs. */
START_TEST(start_looks_once_and_waits_for_nobody)
{
    begin(ONE);
    rig_add(&w, ARN2, "RUNNING", 0, "\"containers\":[{\"name\":\"slow\",\"image\":\"i\"}]");
    rig_run(&w, 200);
    rig_crash(&w);
    eca_buf_reset(&w.docker.log);
    script_runtime_exit_quietly(&w.docker, "web", 5);
    script_runtime_put(&w.docker, "x", "ecs-f-1-x-00", "arn:unknown", "x");
    script_runtime_hang(&w.docker, "inspect", "slow");
    rig_start(&w);
    ck_assert(w.docker.on_event != NULL); /* before any answer */
    eca_engine_start(w.engine, "1.12.6");
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "list"), 1);
    rig_reports_are(&w, RAN "u/slow RUNNING\nu/task RUNNING\nweb STOPPED 5\ntask STOPPED\n");
    ck_assert_uint_eq(rig_said(&w, "INFO", "labelled containers of unknown tasks"), 1);
    ck_assert_uint_eq(rig_asked(&w, "inspect x"), 0);
    ck_assert_int_eq(w.docker.containers[2].state, SCRIPT_CREATED); /* left alone */
}
END_TEST

/* ENG-701, ENG-702, ENG-703, ENG-L10: a new life takes over what an inspect shows, all of it, and
 * concludes nothing from an error text on a running container. */
START_TEST(new_life_takes_everything_over)
{
    static const struct {
        bool running, oom;
        const char *state_error, *want;
    } rows[] = {
        {true, true, NULL, ""},
        {true, false, "went wrong once", ""},
        {false, true, NULL,
         "web STOPPED 9 (OutOfMemoryError: Container killed due to memory usage)\ntask STOPPED\n"},
        {false, false, "no space",
         "web STOPPED 9 (DockerStateError: no space)\ntask "
         "STOPPED\n"},
        {false, false, NULL, "web STOPPED 9\ntask STOPPED\n"},
    };
    struct script_container *c;

    begin(ONE);
    rig_crash(&w);
    eca_buf_reset(&w.reports);
    c = script_runtime_find(&w.docker, "web");
    c->state = rows[_i].running ? SCRIPT_RUNNING : SCRIPT_EXITED;
    c->exit_code = 9;
    c->oom = rows[_i].oom;
    c->state_error = eca_xstrdup(rows[_i].state_error);
    rig_start(&w);
    rig_run(&w, 1000);
    rig_reports_are(&w, rows[_i].want);
    ck_assert_int_eq(rig_known(&w, ARN),
                     rows[_i].running ? ECA_STATUS_RUNNING : ECA_STATUS_STOPPED);
}
END_TEST

/* ENG-726: the volume container ended in an earlier life; its paths are known, or asked for. */
START_TEST(paths_survive_or_are_learned)
{
    bool known = _i == 0;

    rig_start(&w);
    script_runtime_hang(&w.docker, "pull", "busybox"); /* the dependant is not created yet */
    rig_add(&w, ARN, "RUNNING", 0, WITH_VOLUME);
    rig_run(&w, 1000);
    ck_assert_int_eq(rig_container(&w, ARN, INTERNAL)->known, ECA_STATUS_STOPPED);
    if (!known) { /* as in a file of v1.13.1 that was written too early */
        struct eca_volume *volume = &eca_engine_find(w.engine, ARN)->volumes[0];

        eca_free(volume->host_path);
        volume->host_path = eca_xstrdup("");
        eca_engine_mark_all(w.engine);
        rig_run(&w, 100);
    }
    rig_crash(&w);
    script_runtime_unrule(&w.docker);
    eca_buf_reset(&w.docker.log);
    script_runtime_hang(&w.docker, "inspect", INTERNAL);
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(rig_asked(&w, "create web"), known ? 1 : 0); /* not before the answer */
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
    rig_reports_are(&w, RAN);
    ck_assert_str_eq(eca_engine_find(w.engine, ARN)->volumes[0].host_path, "/var/volumes/0");
    ck_assert_uint_eq(rig_asked(&w, "inspect ~internal~"), known ? 0 : 1);
    ck_assert_uint_eq(rig_asked(&w, "create ~internal~"), 0);
}
END_TEST

/* VOL-113: the volume container is removed after the containers that use it. */
START_TEST(volume_container_is_removed_last)
{
    const char *log, *user, *internal;

    w.opts.cleanup_wait_ms = 60 * 1000;
    begin(WITH_VOLUME);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 120 * 1000);
    log = eca_buf_str(&w.docker.log);
    user = strstr(log, "remove web\n");
    internal = strstr(log, "remove ~internal~ecs-emptyvolume-source\n");
    ck_assert_ptr_nonnull(user);
    ck_assert_ptr_nonnull(internal);
    ck_assert(user < internal);
}
END_TEST

/* ENG-603: a report says what was so when it was made, however late it leaves. */
START_TEST(report_is_frozen_when_it_is_made)
{
    rig_start(&w);
    w.answer = ECA_REPORT_RETRY;
    rig_add(&w, ARN, "RUNNING", 0,
            "\"containers\":[{\"name\":\"web\",\"image\":\"i\",\"essential\":true,"
            "\"portMappings\":[{\"containerPort\":80}]}]");
    rig_run(&w, 100);
    script_runtime_die(&w.docker, "web", 3);
    rig_run(&w, 100);
    ck_assert_int_eq(rig_known(&w, ARN), ECA_STATUS_STOPPED);
    w.answer = ECA_REPORT_ACCEPTED;
    rig_run(&w, 60 * 1000);
    rig_reports_are(&w, "web RUNNING 32768->80\ntask RUNNING\nweb STOPPED 3\ntask STOPPED\n");
}
END_TEST

/* ENG-603, ENG-606: after a restart only the present status is told, and STOPPED always. */
START_TEST(restart_tells_the_present_status)
{
    rig_start(&w);
    w.answer = ECA_REPORT_RETRY;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    script_runtime_die(&w.docker, "web", 3);
    rig_run(&w, 100);
    rig_crash(&w);
    w.answer = ECA_REPORT_ACCEPTED;
    rig_start(&w);
    rig_run(&w, 1000);
    rig_reports_are(&w, "web STOPPED 3\ntask STOPPED\n");
    rig_crash(&w);
    rig_start(&w);
    rig_run(&w, 1000);
    rig_reports_are(&w, "web STOPPED 3\ntask STOPPED\n");
}
END_TEST

/* ENG-633: while an attempt for a task hangs, further reports of it are taken and others leave;
 * afterwards nothing of the queue is left. */
START_TEST(hanging_attempt_blocks_nobody)
{
    rig_start(&w);
    w.sink_stuck_arn = ARN;
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    script_runtime_die(&w.docker, "web", 3);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 100);
    rig_reports_are(&w, "u/web RUNNING\nu/task RUNNING\n");
    ck_assert_uint_eq(eca_reporter_status(w.reporter).pending, 4);
    ck_assert_uint_eq(eca_reporter_status(w.reporter).queues, 1);
    rig_crash(&w);
    w.sink_stuck_arn = NULL;
    rig_start(&w);
    rig_run(&w, 1000);
    ck_assert_uint_eq(eca_reporter_status(w.reporter).queues, 0);
}
END_TEST

/* ENG-414, TASKM-141, DEP-120: what can never move ends, with a reason where there is one to give;
 * nothing is asked of Docker. */
START_TEST(task_that_cannot_move_is_ended)
{
    static const struct {
        const char *status, *members, *reports;
        size_t pulls;
    } rows[] = {
        {"RUNNING",
         "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"links\":[\"b\"]},{\"name\":\"b\","
         "\"image\":\"i\",\"links\":[\"a\"]}]",
         "a STOPPED (TaskDependencyError: a depends on b (link), which depends on it in turn)\n"
         "b STOPPED (TaskDependencyError: b depends on a (link), which depends on it in turn)\n"
         "task STOPPED\n",
         0},
        {"RUNNING", "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"links\":[\"a\"]}]",
         "a STOPPED (TaskDependencyError: a depends on a (link), which depends on it in turn)\n"
         "task STOPPED\n",
         0},
        {"RUNNING",
         "\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"volumesFrom\":[{\"sourceContainer\":"
         "\"x\"}]},{\"name\":\"b\",\"image\":\"i\"}]",
         "a STOPPED (TaskDependencyError: a depends on x (volumesFrom), which is not part of the "
         "task)\nb STOPPED\ntask STOPPED\n",
         0},
        {"NONE", "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]", "a STOPPED\ntask STOPPED\n",
         0},
        {"CREATED", "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]",
         "a STOPPED\ntask STOPPED\n", 1},
    };

    rig_start(&w);
    rig_add(&w, ARN, rows[_i].status, 0, rows[_i].members);
    rig_run(&w, 5000);
    rig_reports_are(&w, rows[_i].reports);
    ck_assert_uint_eq(rig_asked(&w, "pull"), rows[_i].pulls);
    ck_assert_uint_eq(rig_asked(&w, "start"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine/records");
    TCase *tcase = tcase_create("records");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, everything_is_found);
    tcase_add_test(tcase, record_of_a_large_task_is_whole);
    tcase_add_test(tcase, replaced_id_leads_nowhere);
    tcase_add_test(tcase, removed_task_takes_its_ids_along);
    tcase_add_test(tcase, record_is_on_disk_before_its_call);
    tcase_add_test(tcase, start_looks_once_and_waits_for_nobody);
    tcase_add_loop_test(tcase, new_life_takes_everything_over, 0, 5);
    tcase_add_loop_test(tcase, paths_survive_or_are_learned, 0, 2);
    tcase_add_test(tcase, volume_container_is_removed_last);
    tcase_add_test(tcase, report_is_frozen_when_it_is_made);
    tcase_add_test(tcase, restart_tells_the_present_status);
    tcase_add_test(tcase, hanging_attempt_blocks_nobody);
    tcase_add_loop_test(tcase, task_that_cannot_move_is_ended, 0, 5);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
