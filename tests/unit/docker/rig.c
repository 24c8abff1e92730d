#include "tests/unit/docker/rig.h"

#include <check.h>
#include <string.h>

#include "agent/base/mem.h"

#define PATIENCE_MS (UINT64_C(3) * 3600 * 1000)

static void log_sink(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    (void)level;
    (void)wall_ms;
    eca_buf_add_view(&((struct rig *)arg)->lines, line);
}

static int64_t log_wall(void *arg)
{
    return eca_sched_wall_ms(((struct rig *)arg)->clock.sched);
}

void rig_open(struct rig *rig, struct eca_docker_opts opts)
{
    struct eca_err err = {0};

    memset(rig, 0, sizeof(*rig));
    manual_clock_init(&rig->clock);
    rig->http = script_http_new(rig->clock.sched);
    rig->log = (struct eca_log){.level = ECA_LOG_DEBUG,
                                .sink = log_sink,
                                .sink_arg = rig,
                                .wall_ms = log_wall,
                                .wall_arg = rig};
    opts.sched = rig->clock.sched;
    opts.http = script_http_port(rig->http);
    opts.entropy = manual_entropy_port(&rig->dice);
    opts.log = &rig->log;
    opts.endpoint = opts.endpoint == NULL ? "unix:///d.sock" : opts.endpoint;
    ck_assert_int_eq(eca_docker_new(&opts, &rig->docker, &err), ECA_OK);
    rig->port = eca_docker_runtime(rig->docker);
    rig->ref = ID;
    rig->image = "busybox";
    rig->stop_timeout_s = 30;
}

static void forget_texts(struct rig *rig)
{
    eca_free(eca_take(rig->got.error));
    eca_free(eca_take(rig->got.id));
    eca_free(eca_take(rig->got.image_id));
}

static void forget(struct rig *rig)
{
    forget_texts(rig);
    eca_buf_clear(&rig->got.list);
    rig->got = (struct got){0};
}

void rig_close(struct rig *rig)
{
    forget(rig);
    eca_docker_free(rig->docker);
    ck_assert_uint_eq(script_http_open_calls(rig->http), 0);
    ck_assert_uint_eq(script_http_pending(rig->http), 0);
    script_http_free(rig->http);
    eca_buf_clear(&rig->lines);
    manual_clock_clear(&rig->clock);
}

void rig_answer(struct rig *rig, const char *method, const char *url, int status, const char *body)
{
    script_http_expect(
        rig->http,
        (struct script_answer){.method = method, .url = url, .status = status, .body = body});
}

void rig_silent(struct rig *rig, const char *method, const char *url)
{
    script_http_expect(rig->http,
                       (struct script_answer){.method = method, .url = url, .silent = true});
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void ended(struct rig *rig, enum eca_outcome outcome)
{
    forget_texts(rig); /* of another call under way, if a test began several */
    rig->got.done = true;
    rig->got.times++;
    rig->got.outcome = outcome;
}

static void on_result(void *arg, const struct eca_runtime_result *result)
{
    struct rig *rig = arg;
    struct eca_buf reason = {0};

    ended(rig, result->outcome);
    eca_named_error_reason(&result->error, &reason);
    rig->got.error = eca_buf_take(&reason);
    rig->got.id = eca_xstrdup(result->id);
    rig->got.image_id = eca_xstrdup(result->image_id);
    rig->got.has_info = result->info != NULL;
    rig->got.running = result->info != NULL && result->info->running;
    rig->got.has_exit_code = result->info != NULL && result->info->has_exit_code;
}

static void set_sentence(struct rig *rig, const struct eca_err *err)
{
    rig->got.error = eca_xstrdup(err == NULL ? "" : err->msg);
}

static void on_version(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                       const struct eca_runtime_version *version)
{
    struct rig *rig = arg;

    ended(rig, outcome);
    set_sentence(rig, err);
    if (version != NULL) {
        eca_buf_addf(&rig->got.list, "%s %s", version->version, version->api_version);
    }
}

static void on_probed(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                      const char *const *versions, size_t count)
{
    struct rig *rig = arg;

    ended(rig, outcome);
    set_sentence(rig, err);
    for (size_t i = 0; i < count; i++) {
        eca_buf_addf(&rig->got.list, "%s%s", i == 0 ? "" : " ", versions[i]);
    }
}

static void on_list(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                    const struct eca_list_entry_info *entries, size_t count)
{
    struct rig *rig = arg;

    ended(rig, outcome);
    set_sentence(rig, err);
    for (size_t i = 0; i < count; i++) {
        eca_buf_addf(&rig->got.list, "%s %s %d %s;", entries[i].id, entries[i].name,
                     entries[i].running,
                     entries[i].label_task_arn == NULL ? "-" : entries[i].label_task_arn);
    }
}

static void on_sample(void *arg, struct eca_view json)
{
    struct rig *rig = arg;

    eca_buf_add_view(&rig->got.list, json);
    eca_buf_add_char(&rig->got.list, ';');
}

static void on_stats_end(void *arg, enum eca_outcome outcome, const struct eca_err *err)
{
    struct rig *rig = arg;

    ended(rig, outcome);
    set_sentence(rig, err);
}

/* ---- asks ----------------------------------------------------------------------------------- */

static int create(struct rig *rig, struct eca_op **op, struct eca_err *err)
{
    struct eca_container_spec spec = {.docker_name = NAME,
                                      .image = rig->image,
                                      .api_version = rig->api_version,
                                      .memory_mib = rig->memory_mib,
                                      .labels = {"", "", "", "", ""}};

    return rig->port.ops->create(rig->port.impl, &spec, on_result, rig, op, err);
}

static int stats(struct rig *rig, bool one_shot, struct eca_op **op, struct eca_err *err)
{
    static const struct eca_stats_stream_events events = {on_sample, on_stats_end};

    return rig->port.ops->stats(rig->port.impl, rig->ref, one_shot, &events, rig, op, err);
}

static int begin(struct rig *rig, enum ask ask, struct eca_op **op, struct eca_err *err)
{
    const struct eca_runtime_ops *ops = rig->port.ops;
    void *impl = rig->port.impl;

    switch (ask) {
    case ASK_VERSION:
        return ops->version(impl, 0, on_version, rig, op, err);
    case ASK_PING:
        return ops->ping(impl, 0, on_result, rig, op, err);
    case ASK_PROBE:
        return ops->probe(impl, on_probed, rig, op, err);
    case ASK_PULL:
        rig->pull.image = rig->image;
        return ops->pull(impl, &rig->pull, on_result, rig, op, err);
    case ASK_IMPORT:
        return ops->import_empty(impl, "amazon/ecs-emptyvolume-base", "autogenerated", on_result,
                                 rig, op, err);
    case ASK_IMAGE_INSPECT:
        return ops->image_inspect(impl, rig->image, on_result, rig, op, err);
    case ASK_IMAGE_REMOVE:
        return ops->image_remove(impl, rig->image, on_result, rig, op, err);
    case ASK_CREATE:
        return create(rig, op, err);
    case ASK_START:
        return ops->start(impl, rig->ref, rig->api_version, on_result, rig, op, err);
    case ASK_STOP:
        return ops->stop(impl, rig->ref, rig->stop_timeout_s, on_result, rig, op, err);
    case ASK_KILL:
        return ops->kill(impl, rig->ref, on_result, rig, op, err);
    case ASK_REMOVE:
        return ops->remove(impl, rig->ref, on_result, rig, op, err);
    case ASK_INSPECT:
        return ops->inspect(impl, rig->ref, on_result, rig, op, err);
    case ASK_LIST:
        return ops->list(impl, true, on_list, rig, op, err);
    case ASK_STATS:
        return stats(rig, false, op, err);
    case ASK_POLL:
        return stats(rig, true, op, err);
    case ASKS:
        break;
    }
    ck_abort();
    return ECA_E_INTERNAL;
}

void rig_begin(struct rig *rig, enum ask ask)
{
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    forget(rig);
    ck_assert_int_eq(begin(rig, ask, &op, &err), ECA_OK);
    ck_assert(!rig->got.done); /* never inside the call */
}

void rig_wait(struct rig *rig)
{
    ck_assert(manual_clock_run_until(&rig->clock, &rig->got.done, PATIENCE_MS));
    ck_assert_uint_eq(rig->got.times, 1);
}

void rig_ask(struct rig *rig, enum ask ask)
{
    rig_begin(rig, ask);
    rig_wait(rig);
}

const char *rig_ask_name(enum ask ask)
{
    static const char *const names[ASKS] = {
        [ASK_VERSION] = "version",
        [ASK_PING] = "ping",
        [ASK_PROBE] = "version",
        [ASK_PULL] = "pull",
        [ASK_IMPORT] = "import",
        [ASK_IMAGE_INSPECT] = "image inspect",
        [ASK_IMAGE_REMOVE] = "image remove",
        [ASK_CREATE] = "create",
        [ASK_START] = "start",
        [ASK_STOP] = "stop",
        [ASK_KILL] = "kill",
        [ASK_REMOVE] = "remove",
        [ASK_INSPECT] = "inspect",
        [ASK_LIST] = "list",
        [ASK_STATS] = "stats",
        [ASK_POLL] = "stats",
    };

    return names[ask];
}

bool rig_logged(const struct rig *rig, const char *part)
{
    return strstr(eca_buf_str(&rig->lines), part) != NULL;
}
