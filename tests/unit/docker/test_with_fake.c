/* The runtime port against the fake daemon in every generation: nothing here is scripted. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/docker/docker.h"
#include "fakes/docker/daemon.h"
#include "tests/unit/fakes/stage.h"

#define ARN "arn:aws:ecs:us-west-2:1:task/web"

static struct stage stage;
static struct fake_docker *daemon;
static struct eca_docker *docker;
static struct eca_runtime port;
static struct eca_log quiet;

static struct {
    bool done;
    enum eca_outcome outcome;
    char *error, *id, *image_id;
    struct eca_buf facts; /* "running code=3 80->32768 /v=/host arn name" */
} got;
static struct eca_buf told;    /* events: "create start die:3 " */
static struct eca_buf samples; /* stats, one line each */

static const struct generation {
    const char *api, *min_api;
    const char *by_default;
} generations[] = {
    {"1.17", "1.12", "1.17"}, {"1.18", "1.12", "1.17"}, {"1.20", "1.12", "1.17"},
    {"1.22", "1.12", "1.17"}, {"1.23", "1.12", "1.17"}, {"1.24", "1.12", "1.17"},
    {"1.24", "1.20", "1.20"}, {"1.41", "1.12", "1.17"}, {"1.47", "1.24", "1.24"},
    {"1.51", "1.44", "1.44"}, {"1.52", "1.44", "1.44"}, {"1.60", "1.55", "1.55"},
};

static void open_generation(const struct generation *generation)
{
    struct eca_docker_opts opts = {.log = &quiet, .endpoint = "unix:///d"};
    struct eca_err err = {0};

    stage_open(&stage);
    daemon = fake_docker_new(&(struct fake_docker_opts){.base = stage.base,
                                                        .api_version = generation->api,
                                                        .min_api_version = generation->min_api,
                                                        .verbose = true});
    fake_memory_map(stage.memory, "/d", "docker");
    opts.sched = stage.base.sched;
    opts.http = stage.http;
    opts.entropy = stage.base.entropy;
    ck_assert_int_eq(eca_docker_new(&opts, &docker, &err), ECA_OK);
    port = eca_docker_runtime(docker);
}

static void forget(void)
{
    eca_free(got.error);
    eca_free(got.id);
    eca_free(got.image_id);
    eca_buf_clear(&got.facts);
    memset(&got, 0, sizeof(got));
}

static void teardown(void)
{
    forget();
    eca_docker_free(docker);
    stage_drop_carrier(&stage);
    fake_docker_free(daemon);
    stage_close(&stage);
    eca_buf_clear(&told);
    eca_buf_clear(&samples);
}

static void put_facts(const struct eca_container_info *info)
{
    eca_buf_addf(&got.facts, "%s",
                 info->running         ? "running"
                 : info->never_started ? "created"
                                       : "ended");
    if (info->has_exit_code) {
        eca_buf_addf(&got.facts, " code=%lld", (long long)info->exit_code);
    }
    for (size_t i = 0; i < info->binding_count; i++) {
        eca_buf_addf(&got.facts, " %u->%u/%s", info->bindings[i].host_port,
                     info->bindings[i].container_port, info->bindings[i].udp ? "udp" : "tcp");
    }
    for (size_t i = 0; i < info->mount_count; i++) {
        eca_buf_addf(&got.facts, " %s=%.23s", info->mounts[i].container_path,
                     info->mounts[i].host_path);
    }
    eca_buf_addf(&got.facts, " %s %s", info->name, info->label_task_arn);
}

static void on_result(void *arg, const struct eca_runtime_result *result)
{
    struct eca_buf reason = {0};

    (void)arg;
    got.done = true;
    got.outcome = result->outcome;
    eca_named_error_reason(&result->error, &reason);
    got.error = eca_buf_take(&reason);
    got.id = eca_xstrdup(result->id);
    got.image_id = eca_xstrdup(result->image_id);
    if (result->info != NULL) {
        put_facts(result->info);
    }
}

static void on_probed(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                      const char *const *versions, size_t count)
{
    (void)arg;
    (void)versions;
    got.done = true;
    got.outcome = outcome;
    ck_assert_msg(count > 0, "%s", err == NULL ? "" : err->msg);
}

static void on_list(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                    const struct eca_list_entry_info *entries, size_t count)
{
    (void)arg;
    (void)err;
    got.done = true;
    got.outcome = outcome;
    for (size_t i = 0; i < count; i++) {
        eca_buf_addf(&got.facts, "%s %s;", entries[i].name,
                     entries[i].running ? "running" : "not running");
    }
}

static void on_event(void *arg, const struct eca_runtime_event *event)
{
    static const char *const names[] = {
        [ECA_EVENT_CREATE] = "create",
        [ECA_EVENT_START] = "start",
        [ECA_EVENT_DIE] = "die",
        [ECA_EVENT_DESTROY] = "destroy",
        [ECA_EVENT_OOM] = "oom",
        [ECA_EVENT_CONNECTED] = "connected",
        [ECA_EVENT_DISCONNECTED] = "disconnected",
    };

    (void)arg;
    eca_buf_addf(&told, "%s ", names[event->kind]);
}

static void on_sample(void *arg, struct eca_view json)
{
    (void)arg;
    eca_buf_add_view(&samples, json);
    eca_buf_add_char(&samples, '\n');
}

static void on_stats_end(void *arg, enum eca_outcome outcome, const struct eca_err *err)
{
    (void)arg;
    (void)err;
    ck_assert_int_eq(outcome, ECA_OUTCOME_DONE);
    eca_buf_add_str(&samples, "end\n");
}

static void wait_for(int rc)
{
    ck_assert_int_eq(rc, ECA_OK);
    ck_assert(manual_clock_run_until(&stage.clock, &got.done, 600 * 1000));
}

/* DONE, and what it said is in `got`. */
static void wait_for_done(int rc)
{
    wait_for(rc);
    ck_assert_msg(got.outcome == ECA_OUTCOME_DONE && (got.error == NULL || got.error[0] == '\0'),
                  "%s %s", eca_outcome_name(got.outcome), got.error == NULL ? "" : got.error);
}

static void pull_image(void)
{
    struct eca_pull_opts opts = {.image = "app:1"};
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    fake_docker_add_image(daemon, &(struct fake_docker_image){.name = "app:1", .layers = 3});
    forget();
    wait_for_done(port.ops->pull(port.impl, &opts, on_result, NULL, &op, &err));
    forget();
    wait_for_done(port.ops->image_inspect(port.impl, "app:1", on_result, NULL, &op, &err));
    ck_assert_int_eq(strncmp(got.image_id, "sha256:", 7), 0);
}

static void create_container(const char *api_version)
{
    static const struct eca_spec_port ports[] = {{80, 0, false}, {53, 5353, true}};
    static const char *const volumes[] = {"/v"};
    struct eca_container_spec spec = {.docker_name = "web-1",
                                      .image = "app:1",
                                      .ports = ports,
                                      .port_count = 2,
                                      .volumes = volumes,
                                      .volume_count = 1,
                                      .memory_mib = 8,
                                      .api_version = api_version,
                                      .labels = {ARN, "app", "f", "1", "c"}};
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    forget();
    wait_for(port.ops->create(port.impl, &spec, on_result, NULL, &op, &err));
}

static void probe_and_listen(void)
{
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    wait_for_done(port.ops->probe(port.impl, on_probed, NULL, &op, &err));
    forget();
    ck_assert_int_eq(port.ops->events(port.impl, on_event, NULL, &err), ECA_OK);
}

/* How many requests of an operation named this API version. */
static size_t requests(const char *operation, const char *api)
{
    eca_auto_free char *part = eca_xasprintf("\"api\":\"%s\"", api);

    return stage_events(&stage, FAKE_LANE_DOCKER, operation, part);
}

/* DKR-705, DKR-704, DKR-702, DKR-802, DKR-L01: one life with every generation of daemons gives the
 * same facts; each request names a version that the daemon accepts. */
START_TEST(a_life_is_the_same_with_every_daemon)
{
    const struct generation *generation = &generations[_i];
    static const struct eca_stats_stream_events stats_events = {on_sample, on_stats_end};
    struct eca_op *op = NULL, *stats_op = NULL;
    struct eca_err err = {0};

    open_generation(generation);
    probe_and_listen();
    pull_image();
    create_container(NULL);
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_DONE);
    ck_assert_uint_eq(strlen(got.id), 64);
    ck_assert_str_eq(eca_buf_str(&got.facts), "created /v=/var/lib/docker/volumes web-1 " ARN);
    forget();
    wait_for_done(port.ops->start(port.impl, "web-1", NULL, on_result, NULL, &op, &err));
    ck_assert_str_eq(eca_buf_str(&got.facts),
                     "running 5353->53/udp 32768->80/tcp /v=/var/lib/docker/volumes web-1 " ARN);
    forget();
    wait_for_done(port.ops->list(port.impl, true, on_list, NULL, &op, &err));
    ck_assert_str_eq(eca_buf_str(&got.facts), "web-1 running;");
    /* STAT-L4: a one-shot, which every daemon takes its time for and ends by itself. */
    ck_assert_int_eq(
        port.ops->stats(port.impl, "web-1", true, &stats_events, NULL, &stats_op, &err), ECA_OK);
    manual_clock_advance_ms(&stage.clock, 2500);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&samples), "\"total_usage\""));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&samples), "\nend\n"));
    ck_assert_uint_eq(fake_docker_stats_streams(daemon), 0);
    eca_buf_clear(&samples);
    ck_assert_int_eq(
        port.ops->stats(port.impl, "web-1", false, &stats_events, NULL, &stats_op, &err), ECA_OK);
    manual_clock_advance_ms(&stage.clock, 2500);
    forget();
    wait_for_done(port.ops->stop(port.impl, "web-1", 30, on_result, NULL, &op, &err));
    ck_assert_str_eq(eca_buf_str(&got.facts), "ended code=0 /v=/var/lib/docker/volumes web-1 " ARN);
    forget();
    wait_for_done(port.ops->remove(port.impl, "web-1", on_result, NULL, &op, &err));
    forget();
    wait_for_done(port.ops->image_remove(port.impl, "app:1", on_result, NULL, &op, &err));
    manual_clock_advance_ms(&stage.clock, 100);
    ck_assert_str_eq(eca_buf_str(&told), "connected create start die die destroy ");
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&samples), "\nend\n"));
    ck_assert_uint_eq(requests("create", generation->by_default), 1);
    ck_assert_uint_eq(requests("inspect", generation->by_default), 3);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0); /* DKR-201 */
}
END_TEST

/* DKR-126: a task's version is spoken for its create, start and the inspects behind them. */
START_TEST(the_version_of_a_task_is_spoken)
{
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    open_generation(&(struct generation){"1.24", "1.12", "1.17"});
    probe_and_listen();
    pull_image();
    create_container("1.20");
    forget();
    wait_for_done(port.ops->start(port.impl, "web-1", "1.20", on_result, NULL, &op, &err));
    forget();
    wait_for_done(port.ops->stop(port.impl, "web-1", 1, on_result, NULL, &op, &err));
    ck_assert_uint_eq(requests("create", "1.20"), 1);
    ck_assert_uint_eq(requests("start", "1.20"), 1);
    ck_assert_uint_eq(requests("inspect", "1.20"), 2);
    ck_assert_uint_eq(requests("stop", "1.17"), 1);
    ck_assert_uint_eq(requests("inspect", "1.17"), 1);
}
END_TEST

/* DKR-401, DKR-F02: the daemon's refusals in the words of each generation. */
START_TEST(refusals_are_quoted_as_they_come)
{
    static const struct {
        struct generation generation;
        const char *error;
    } rows[] = {
        {{"1.24", "1.12", "1.17"},
         "CannotStartContainerError: API error (500): no space left on device\n"},
        {{"1.47", "1.24", "1.24"},
         "CannotStartContainerError: API error (500): {\"message\":\"no space left on device\"}\n"},
    };
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    open_generation(&rows[_i].generation);
    fake_docker_add_script(daemon,
                           &(struct fake_docker_script){.start_error = "no space left on device"});
    probe_and_listen();
    create_container(NULL);
    ck_assert_str_eq(got.error, "CannotCreateContainerError: no such image");
    pull_image();
    create_container(NULL);
    create_container(NULL);
    ck_assert_str_eq(got.error, "CannotCreateContainerError: container already exists");
    forget();
    wait_for(port.ops->start(port.impl, "web-1", NULL, on_result, NULL, &op, &err));
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_FAILED);
    ck_assert_str_eq(got.error, rows[_i].error);
    forget();
    wait_for(port.ops->remove(port.impl, "nobody", on_result, NULL, &op, &err));
    ck_assert_str_eq(got.error, "CannotRemoveContainerError: No such container: nobody");
    forget();
    wait_for(port.ops->inspect(port.impl, "nobody", on_result, NULL, &op, &err));
    ck_assert_str_eq(got.error, "CannotInspectContainerError: No such container: nobody");
}
END_TEST

/* DKR-714, DKR-531: the empty image; its container has a volume and does not start. */
START_TEST(volume_container_is_made_and_does_not_start)
{
    static const char *const words[] = {"not-applicable"};
    static const char *const volumes[] = {"/ecs-empty-volume/a"};
    struct eca_container_spec spec = {.docker_name = "vol",
                                      .image = "amazon/ecs-emptyvolume-base:autogenerated",
                                      .has_command = true,
                                      .command = words,
                                      .command_count = 1,
                                      .volumes = volumes,
                                      .volume_count = 1,
                                      .labels = {ARN, "v", "f", "1", "c"}};
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    open_generation(&generations[_i]);
    probe_and_listen();
    wait_for_done(port.ops->import_empty(port.impl, "amazon/ecs-emptyvolume-base", "autogenerated",
                                         on_result, NULL, &op, &err));
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0); /* it is an archive */
    forget();
    wait_for_done(port.ops->create(port.impl, &spec, on_result, NULL, &op, &err));
    ck_assert_str_eq(eca_buf_str(&got.facts),
                     "created /ecs-empty-volume/a=/var/lib/docker/volumes vol " ARN);
    forget();
    wait_for(port.ops->start(port.impl, "vol", NULL, on_result, NULL, &op, &err));
    /* The program is not there: older daemons take that for a failure of theirs. */
    ck_assert_int_eq(got.outcome, strcmp(generations[_i].api, "1.30") < 0 ? ECA_OUTCOME_FAILED
                                                                          : ECA_OUTCOME_REFUSED);
    ck_assert_ptr_nonnull(strstr(got.error, "executable file not found"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docker/with_fake");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_loop_test(tcase, a_life_is_the_same_with_every_daemon, 0,
                        (int)ECA_ARRAY_LEN(generations));
    tcase_add_test(tcase, the_version_of_a_task_is_spoken);
    tcase_add_loop_test(tcase, refusals_are_quoted_as_they_come, 0, 2);
    tcase_add_loop_test(tcase, volume_container_is_made_and_does_not_start, 0,
                        (int)ECA_ARRAY_LEN(generations));
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
