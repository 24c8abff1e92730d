#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/rig.h"

/* Each step: what precedes its call, how Docker is asked, what is recorded; and what the log says.
 */
#define OLD                                                                                        \
    "\"containers\":[{\"name\":\"web\",\"image\":\"busybox\",\"essential\":true,"                  \
    "\"dockerConfig\":{\"version\":\"1.19\"}}]"
#define WITH_VOLUME                                                                                \
    "\"volumes\":[{\"name\":\"v\",\"host\":{}}],\"containers\":[{\"name\":\"web\",\"image\":"      \
    "\"busybox\",\"essential\":true,\"mountPoints\":[{\"sourceVolume\":\"v\","                     \
    "\"containerPath\":\"/d\"}]}]"

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

/* How Docker was asked, ids and names and all. */
static bool was_asked(const char *line)
{
    return strstr(eca_buf_str(&w.docker.asked), line) != NULL;
}

/* TASKM-201: after a pull, failed or not, the image that is there is recorded; the internal image
 * is imported, never pulled. */
START_TEST(pull_step_records_the_image)
{
    w.docker.images_present = true;
    (void)script_runtime_rule(&w.docker, "pull", NULL, ECA_OUTCOME_NOT_FOUND, UINT32_MAX);
    begin(ONE);
    ck_assert_str_eq(rig_container(&w, ARN, "web")->image_id, "sha256:img");
    ck_assert_ptr_nonnull(memory_store_get(&w.store, ECA_RECORD_IMAGE, "sha256:img"));
    rig_reports_are(&w, "web RUNNING (CannotPullContainerError: scripted not found)\n"
                        "task RUNNING\n");
    w.docker.images_present = false;
    script_runtime_unrule(&w.docker);
    rig_add(&w, ARN2, "RUNNING", 0, WITH_VOLUME);
    rig_run(&w, 200);
    ck_assert(was_asked("import amazon/ecs-emptyvolume-base\n"));
    ck_assert(!was_asked("pull amazon/"));
}
END_TEST

/* TASKM-202: a name is chosen, then Docker is asked with the task's version; the id counts even if
 * nothing else is known of the container. */
START_TEST(create_step)
{
    const struct eca_container *web;
    struct script_rule *rule;

    rig_start(&w);
    rule = script_runtime_rule(&w.docker, "create", "web", ECA_OUTCOME_DONE, 1);
    rule->effect = rule->no_facts = true;
    rig_add(&w, ARN, "RUNNING", 0, OLD);
    rig_run(&w, 200);
    web = rig_container(&w, ARN, "web");
    ck_assert_str_eq(web->docker_id, "id-web-1");
    ck_assert_str_eq(web->docker_name, w.docker.containers[0].name);
    ck_assert(was_asked("create version 1.19\n"));
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
}
END_TEST

/* TASKM-202, DEP-105: a configuration that cannot be built is refused before Docker is asked, and
 * nothing is recorded: who needs the container finds none. VOL-111: an error line. */
START_TEST(unusable_configuration_records_nothing)
{
    begin("\"containers\":[{\"name\":\"data\",\"image\":\"i\",\"mountPoints\":[{\"sourceVolume\":"
          "\"no\",\"containerPath\":\"/d\"}]},{\"name\":\"user\",\"image\":\"i\",\"essential\":"
          "true,\"volumesFrom\":[{\"sourceContainer\":\"data\"}]}]");
    ck_assert_ptr_null(rig_container(&w, ARN, "data")->docker_name);
    ck_assert_uint_eq(rig_asked(&w, "create"), 0);
    rig_reports_are(&w, "data STOPPED (HostConfigError: Invalid volume referenced: no)\n"
                        "user STOPPED (HostConfigError: Volume target not available: data)\n"
                        "task STOPPED\n");
    ck_assert_uint_eq(rig_said(&w, "ERROR", "Invalid volume referenced: no"), 1);
}
END_TEST

/* TASKM-203, TASKM-204, TASKM-205: start and stop by id, the start with the task's version; remove
 * by name. What the inspect after them shows is taken. */
START_TEST(start_stop_and_remove_steps)
{
    eca_auto_free char *remove = NULL;

    w.opts.cleanup_wait_ms = 60 * 1000;
    begin(OLD);
    ck_assert(was_asked("start id-web-1\nstart version 1.19\n"));
    remove = eca_xasprintf("remove %s\n", rig_container(&w, ARN, "web")->docker_name);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 200);
    ck_assert(was_asked("stop id-web-1\n"));
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 143\ntask STOPPED\n");
    rig_run(&w, 60 * 1000);
    ck_assert(was_asked(remove));
}
END_TEST

/* VOL-104, VOL-105: a volume container that can be started counts as running, is stopped with the
 * task, and is never mentioned. */
START_TEST(volume_container_that_starts_is_stopped_with_the_task)
{
    w.docker.internal_starts = true;
    begin(WITH_VOLUME);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 2);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 200);
    ck_assert_uint_eq(rig_asked(&w, "stop ~internal~ecs-emptyvolume-source"), 1);
    ck_assert_uint_eq(script_runtime_alive(&w.docker), 0);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\nweb STOPPED 143\ntask STOPPED\n");
}
END_TEST

/* VOL-105, ENG-301: it does not end the task when it ends, and the task waits for it to end. */
START_TEST(volume_container_counts_but_decides_nothing)
{
    w.docker.internal_starts = true;
    begin(WITH_VOLUME);
    script_runtime_die(&w.docker, ECA_EMPTY_VOLUME_CONTAINER, 1);
    rig_run(&w, 200);
    ck_assert_int_eq(rig_known(&w, ARN), ECA_STATUS_RUNNING);
    rig_reports_are(&w, "web RUNNING\ntask RUNNING\n");
    rig_add(&w, ARN2, "RUNNING", 0, WITH_VOLUME);
    rig_run(&w, 200);
    script_runtime_hang(&w.docker, "stop", ECA_EMPTY_VOLUME_CONTAINER);
    eca_buf_reset(&w.reports);
    rig_add(&w, ARN2, "STOPPED", 0, ONE);
    rig_run(&w, 1000);
    rig_reports_are(&w, "u/web STOPPED 143\n");
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
    rig_reports_are(&w, "u/web STOPPED 143\nu/task STOPPED\n");
}
END_TEST

/* TASKM-208: one debug line for a step that succeeded, one info line for one that failed. */
START_TEST(steps_are_logged)
{
    rig_start(&w);
    (void)script_runtime_rule(&w.docker, "pull", NULL, ECA_OUTCOME_FAILED, 1);
    (void)script_runtime_rule(&w.docker, "start", NULL, ECA_OUTCOME_REFUSED, 1);
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 5000);
    ck_assert_uint_eq(rig_said(&w, "INFO", "Error transitioning container"), 2);
    ck_assert_uint_eq(rig_said(&w, "INFO", "step=\"pull\" error=\"scripted failed\""), 1);
    ck_assert_uint_eq(rig_said(&w, "INFO", "step=\"start\" error=\"scripted refused\""), 1);
    ck_assert_uint_eq(rig_said(&w, "DEBUG", "Transitioned container"), 2); /* pull, create */
}
END_TEST

/* ---- the log (section 13) ------------------------------------------------------------------- */

#define SECRET "hunter2"
#define TALKATIVE                                                                                  \
    "\"containers\":[{\"name\":\"web\",\"image\":\"busybox\",\"essential\":true,\"environment\":{" \
    "\"PASSWORD\":\"" SECRET "\"},\"dockerConfig\":{\"config\":\"{\\\"Env\\\":[\\\"X=" SECRET      \
    "\\\"]}\"}}]"

static void whole_life(void)
{
    w.opts.cleanup_wait_ms = 60 * 1000;
    begin(TALKATIVE);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 120 * 1000);
}

static void failed_start(void)
{
    (void)script_runtime_rule(&w.docker, "start", NULL, ECA_OUTCOME_REFUSED, 1);
    begin(TALKATIVE);
}

static void cycle(void)
{
    begin("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]");
    rig_add(&w, ARN2, "NONE", 0, "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]");
    rig_run(&w, 200);
}

static void nothing_to_do(void)
{
    begin("\"containers\":[]");
}

static void unknown_credentials(void)
{
    struct eca_task *task = rig_task(ARN, "RUNNING", ONE);

    rig_start(&w);
    eca_texts_add(&task->credentials_ids, "nobody");
    ck_assert_int_eq(eca_engine_add(w.engine, task, NULL), ECA_OK);
    rig_run(&w, 200);
}

static void no_volume_path(void)
{
    (void)script_runtime_rule(&w.docker, "import", NULL, ECA_OUTCOME_REFUSED, UINT32_MAX);
    (void)script_runtime_rule(&w.docker, "create", ECA_EMPTY_VOLUME_CONTAINER,
                              ECA_OUTCOME_NOT_FOUND, UINT32_MAX);
    begin(WITH_VOLUME);
}

static void comes_back(void)
{
    begin(ONE);
    rig_add(&w, ARN, "STOPPED", 0, ONE);
    rig_run(&w, 200);
    script_runtime_find(&w.docker, "web")->state = SCRIPT_RUNNING;
    script_runtime_event(&w.docker, ECA_EVENT_START, "id-web-1");
    rig_run(&w, 200);
}

static void gone_at_start(void)
{
    begin(ONE);
    rig_crash(&w);
    script_runtime_find(&w.docker, "web")->state = SCRIPT_REMOVED;
    rig_start(&w);
    rig_run(&w, 1000);
}

static void listing_fails(void)
{
    (void)script_runtime_rule(&w.docker, "list", NULL, ECA_OUTCOME_FAILED, 5);
    rig_start(&w);
    rig_run(&w, 60 * 1000);
}

static void event_of_nobody(void)
{
    rig_start(&w);
    script_runtime_event(&w.docker, ECA_EVENT_DIE, "nobody");
    rig_run(&w, 200);
}

static const struct {
    void (*play)(void);
    const char *level, *text;
    size_t count;
} rows[] = {
    {whole_life, "INFO", "Pulling container", 1},
    {whole_life, "INFO", "Creating container", 1},
    {whole_life, "INFO", "Starting container", 1},
    {whole_life, "INFO", "Stopping container", 1},
    {whole_life, "INFO", "Removing container", 1},
    {whole_life, "INFO", "Cleaning up task's containers and data", 1},
    {whole_life, "INFO", "Task change event", 4},
    {whole_life, "WARN", "", 0},
    {failed_start, "WARN", "Error with docker; stopping container", 1},
    {cycle, "CRITICAL", "Task in a bad state", 1},
    {cycle, "CRITICAL", "Moving task to stopped due to bad state", 1},
    {cycle, "CRITICAL", "The state is so bad", 0},
    {nothing_to_do, "CRITICAL", "The state is so bad that we're just giving up on it", 1},
    {unknown_credentials, "ERROR", "Unable to get credentials for task: " ARN, 1},
    {no_volume_path, "ERROR", "Unable to resolve volume mounts; invalid path: web v;  -> /d", 1},
    {comes_back, "WARN", "Container that we thought was stopped came back", 1},
    {gone_at_start, "WARN", "Container is gone in Docker", 1},
    {listing_fails, "ERROR", "Could not list containers", 1},
    {event_of_nobody, "DEBUG", "Event for container not managed", 1},
};

/* ENG-801, FB-32.2: the lines worth asserting: their level, one for each occurrence; and no value
 * of an environment in any. */
START_TEST(lines_of_the_log)
{
    rows[_i].play();
    ck_assert_msg(rig_said(&w, rows[_i].level, rows[_i].text) == rows[_i].count, "%s: %zu\n%s",
                  rows[_i].text, rig_said(&w, rows[_i].level, rows[_i].text), eca_buf_str(&w.said));
    ck_assert_ptr_null(strstr(eca_buf_str(&w.said), SECRET));
}
END_TEST
int main(void)
{
    Suite *suite = suite_create("engine/steps");
    TCase *tcase = tcase_create("steps");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, pull_step_records_the_image);
    tcase_add_test(tcase, create_step);
    tcase_add_test(tcase, unusable_configuration_records_nothing);
    tcase_add_test(tcase, start_stop_and_remove_steps);
    tcase_add_test(tcase, volume_container_that_starts_is_stopped_with_the_task);
    tcase_add_test(tcase, volume_container_counts_but_decides_nothing);
    tcase_add_test(tcase, steps_are_logged);
    tcase_add_loop_test(tcase, lines_of_the_log, 0, (int)ECA_ARRAY_LEN(rows));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
