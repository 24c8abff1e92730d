#include "harness/scenario/inside.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <string.h>

/* Verbs for ECS, metadata, the update server, faults, disk and clock. */

static void name_rule(struct hns_run *run, const struct hns_args *args, uint32_t id)
{
    const char *name = hns_arg_text(args, "as", NULL);

    if (name != NULL) {
        (void)eca_map_put(run->rules, name, (void *)(uintptr_t)id);
    }
}

static int verb_fail(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *preset = hns_arg_text(args, "preset", "");
    uint32_t id = fake_ecs_fail(run->cast.ecs, hns_arg_text(args, "operation", "*"), preset,
                                (uint32_t)hns_arg_int(args, "times", 0),
                                hns_arg_bool(args, "after_effect", false));

    if (id == 0) {
        hns_fail(run, cursor->step, "no error \"%s\"", preset);
    }
    name_rule(run, args, id);
    return ECA_OK;
}

static int verb_deactivate(struct hns_run *run, struct hns_cursor *cursor,
                           const struct hns_args *args)
{
    size_t count = fake_ecs_instance_count(run->cast.ecs);
    const char *arn = hns_node_is_null(args->node) ? NULL : hns_run_text(run, args->node);

    if (arn == NULL && count == 0) {
        hns_fail(run, cursor->step, "ecs.deactivate: no instance has registered");
        return ECA_E_NOT_FOUND;
    }
    fake_ecs_deactivate(run->cast.ecs,
                        arn != NULL ? arn : fake_ecs_instance_arn(run->cast.ecs, count - 1));
    return ECA_OK;
}

static int verb_endpoint(struct hns_run *run, struct hns_cursor *cursor,
                         const struct hns_args *args)
{
    const char *endpoint = hns_node_is_null(args->node) ? NULL : hns_run_text(run, args->node);

    (void)cursor;
    if (endpoint == NULL) {
        endpoint = hns_keep(run, hns_expand(run, args->node, "${acs.url}"));
    }
    fake_ecs_set_endpoints(run->cast.ecs, endpoint,
                           hns_keep(run, hns_expand(run, args->node, "${tcs.url}")));
    return ECA_OK;
}

static int verb_cluster(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    fake_ecs_add_cluster(run->cast.ecs, hns_run_text(run, args->node));
    return ECA_OK;
}

static int verb_ecr_answer(struct hns_run *run, struct hns_cursor *cursor,
                           const struct hns_args *args)
{
    (void)cursor;
    fake_ecr_set_answer(run->cast.ecr, hns_ecr_answer(hns_run_text(run, args->node)));
    return ECA_OK;
}

static int verb_ecr_password(struct hns_run *run, struct hns_cursor *cursor,
                             const struct hns_args *args)
{
    const char *password = hns_run_text(run, args->node);

    (void)cursor;
    hns_secret(run, password);
    fake_ecr_set_password(run->cast.ecr, password);
    return ECA_OK;
}

static int verb_metadata_set(struct hns_run *run, struct hns_cursor *cursor,
                             const struct hns_args *args)
{
    bool given = hns_arg_node(args, "body") != NULL || hns_arg_node(args, "status") != NULL;

    (void)cursor;
    fake_metadata_set(run->cast.metadata, hns_arg_text(args, "resource", ""),
                      (int)hns_arg_int(args, "status", 200),
                      given ? hns_arg_text(args, "body", "") : NULL);
    return ECA_OK;
}

static int verb_metadata_instance(struct hns_run *run, struct hns_cursor *cursor,
                                  const struct hns_args *args)
{
    (void)cursor;
    fake_metadata_set_instance(run->cast.metadata, hns_arg_text(args, "id", ""),
                               hns_arg_text(args, "type", "t2.micro"));
    return ECA_OK;
}

static int verb_metadata_tokens(struct hns_run *run, struct hns_cursor *cursor,
                                const struct hns_args *args)
{
    static const char *const words[] = {"on", "required", "off", "silent"};
    const char *word = hns_run_text(run, args->node);

    (void)cursor;
    for (size_t i = 0; i < ECA_ARRAY_LEN(words); i++) {
        if (strcmp(words[i], word) == 0) {
            fake_metadata_set_tokens(run->cast.metadata, (enum fake_metadata_tokens)i);
        }
    }
    return ECA_OK;
}

static int verb_metadata_key_life(struct hns_run *run, struct hns_cursor *cursor,
                                  const struct hns_args *args)
{
    (void)cursor;
    fake_metadata_set_key_life(run->cast.metadata,
                               hns_run_duration_ns(run, args->node, 0) / 1000000);
    return ECA_OK;
}

static int verb_metadata_rotate(struct hns_run *run, struct hns_cursor *cursor,
                                const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    fake_metadata_rotate(run->cast.metadata);
    return ECA_OK;
}

static int verb_updates_file(struct hns_run *run, struct hns_cursor *cursor,
                             const struct hns_args *args)
{
    (void)cursor;
    hns_cast_update(run, args, hns_arg_text(args, "file", ""));
    return ECA_OK;
}

static int verb_fault(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *kind = hns_arg_text(args, "kind", "");
    struct fake_fault fault = {
        .party = hns_arg_text(args, "party", NULL),
        .method = hns_arg_text(args, "method", NULL),
        .what = hns_arg_text(args, "what", NULL),
        .skip = (uint32_t)hns_arg_int(args, "skip", 0),
        .times = (uint32_t)hns_arg_int(args, "times", 0),
        .chance_milli = (uint32_t)hns_arg_int(args, "chance", 0),
        .delay_ms = hns_arg_ms(args, "delay", 0),
        .status = (int)hns_arg_int(args, "status", 500),
        .body = hns_arg_text(args, "body", NULL),
        .content_type = hns_arg_text(args, "content_type", NULL),
        .location = hns_arg_text(args, "location", NULL),
    };

    if (!fake_fault_parse(eca_view_str(kind), &fault.kind)) {
        hns_fail(run, cursor->step, "no fault \"%s\"", kind);
        return ECA_E_INVALID;
    }
    name_rule(run, args, fake_hub_fault(run->stage.base.hub, &fault));
    return ECA_OK;
}

static int verb_fault_clear(struct hns_run *run, struct hns_cursor *cursor,
                            const struct hns_args *args)
{
    const char *name = hns_node_is_null(args->node) ? NULL : hns_run_text(run, args->node);
    void *id;

    if (name == NULL) {
        fake_hub_fault_clear(run->stage.base.hub);
        if (run->stage.ops->connections != NULL) {
            run->stage.ops->connections(run->stage.impl, NULL);
        }
        return ECA_OK;
    }
    id = eca_map_get(run->rules, name);
    if (id == NULL) {
        hns_fail(run, cursor->step, "no fault was named \"%s\" (as: %s)", name, name);
        return ECA_E_NOT_FOUND;
    }
    fake_hub_fault_remove(run->stage.base.hub, (uint32_t)(uintptr_t)id);
    return ECA_OK;
}

static int verb_disk(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    if (run->stage.ops->disk == NULL) {
        hns_fail(run, cursor->step,
                 "\"disk\" needs virtual time: give the step `modes: [sim, wire]`");
        return ECA_E_INVALID;
    }
    run->disk_broke = run->disk_broke || strcmp(hns_arg_text(args, "state", "ok"), "ok") != 0 ||
                      hns_arg_node(args, "takes") != NULL;
    run->stage.ops->disk(run->stage.impl, hns_arg_text(args, "state", "ok"),
                         (uint32_t)hns_arg_int(args, "times", 0), hns_arg_ms(args, "takes", 0));
    return ECA_OK;
}

static int verb_clock_step(struct hns_run *run, struct hns_cursor *cursor,
                           const struct hns_args *args)
{
    int64_t ns = hns_node_duration(run, args->node);

    if (run->stage.ops->clock_step == NULL) {
        hns_fail(run, cursor->step,
                 "\"clock.step\" needs virtual time: give the step `modes: [sim, wire]`");
        return ECA_E_INVALID;
    }
    run->stage.ops->clock_step(run->stage.impl, ns / 1000000);
    fake_auth_clock_stepped(run->cast.auth, ns / 1000000);
    return ECA_OK;
}

static size_t word_at(const char *word, const char *const *words)
{
    size_t i = 0;

    while (words[i] != NULL && strcmp(words[i], word) != 0) {
        i++;
    }
    return i;
}

static int verb_connections(struct hns_run *run, struct hns_cursor *cursor,
                            const struct hns_args *args)
{
    static const char *const stages[] = {"accept", "hello", "tls", "request", NULL};
    static const char *const stops[] = {"silent", "close", "reset", NULL};
    struct hns_connections how = {
        .party = hns_arg_text(args, "party", "acs"),
        .stage = (enum fake_socket_stage)word_at(hns_arg_text(args, "at", "accept"), stages),
        .stop = (enum fake_socket_stop)word_at(hns_arg_text(args, "stop", ""), stops),
        .skip = (uint32_t)hns_arg_int(args, "skip", 0),
        .times = (uint32_t)hns_arg_int(args, "times", 0),
    };

    if (run->stage.ops->connections == NULL) {
        hns_fail(run, cursor->step,
                 "\"connections\" needs sockets: give the step `modes: [wire, live]`");
        return ECA_E_INVALID;
    }
    run->stage.ops->connections(run->stage.impl, &how);
    return ECA_OK;
}

static int verb_freeze(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)fake_hub_freeze(run->stage.base.hub, hns_run_text(run, args->node));
    return ECA_OK;
}

/* ---- drift ------------------------------------------------------------------------------------
 */

#define DRIFT_EVERY_MS 60000
#define DRIFTS_PER_HOUR 60

static void drift(void *arg)
{
    struct hns_run *run = arg;

    run->stage.ops->clock_step(run->stage.impl, run->drift_ms);
    fake_auth_clock_stepped(run->cast.auth, run->drift_ms);
    eca_timer_start_ms(&run->drift_timer, DRIFT_EVERY_MS);
}

static int verb_clock_drift(struct hns_run *run, struct hns_cursor *cursor,
                            const struct hns_args *args)
{
    int64_t ns = hns_node_duration(run, args->node);

    if (run->stage.ops->clock_step == NULL) {
        hns_fail(run, cursor->step,
                 "\"clock.drift\" needs virtual time: give the step `modes: [sim, wire]`");
        return ECA_E_INVALID;
    }
    run->drift_ms = ns / 1000000 / DRIFTS_PER_HOUR;
    eca_timer_stop(&run->drift_timer);
    if (run->drift_ms != 0) {
        eca_timer_init(&run->drift_timer, run->stage.base.sched, drift, run);
        eca_timer_start_ms(&run->drift_timer, DRIFT_EVERY_MS);
    }
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_other[] = {
    {"ecs.fail", verb_fail},
    {"ecs.deactivate", verb_deactivate},
    {"ecs.endpoint", verb_endpoint},
    {"ecs.cluster", verb_cluster},
    {"ecr.answer", verb_ecr_answer},
    {"ecr.password", verb_ecr_password},
    {"metadata.set", verb_metadata_set},
    {"metadata.instance", verb_metadata_instance},
    {"metadata.tokens", verb_metadata_tokens},
    {"metadata.key_life", verb_metadata_key_life},
    {"metadata.rotate", verb_metadata_rotate},
    {"updates.file", verb_updates_file},
    {"fault", verb_fault},
    {"fault.clear", verb_fault_clear},
    {"disk", verb_disk},
    {"clock.step", verb_clock_step},
    {"clock.drift", verb_clock_drift},
    {"freeze", verb_freeze},
    {"connections", verb_connections},
    {0},
};
