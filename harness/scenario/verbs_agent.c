#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* Verbs about the agent's process, time, and the flow of steps. */
#define WITHIN_DEFAULT_NS (UINT64_C(10) * 1000000000)
#define TERMINATE_DEFAULT_NS (UINT64_C(15) * 1000000000)

static int verb_start(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)args;
    if (run->stage.ops->agent_running(run->stage.impl)) {
        hns_fail(run, cursor->step, "agent.start: it runs already");
        return ECA_E_CONFLICT;
    }
    return hns_agent_start(run);
}

static int verb_kill(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    hns_agent_kill(run);
    return ECA_OK;
}

static int verb_kill_at(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    if (run->kill_at == NULL) {
        run->kill_at = eca_xalloc(sizeof *run->kill_at);
    }
    hns_match_clear(run->kill_at);
    hns_match_make(run, args->node, run->kill_at);
    return ECA_OK;
}

static int verb_restart(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    hns_agent_kill(run);
    return hns_agent_start(run);
}

static int verb_ensure(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    run->kill_now = false;
    if (run->kill_at != NULL) {
        hns_match_clear(run->kill_at);
        eca_free(eca_take(run->kill_at));
    }
    return run->stage.ops->agent_running(run->stage.impl) ? ECA_OK : hns_agent_start(run);
}

static int poll_terminated(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    const struct hns_node *value = NULL;
    struct hns_args args = {run, hns_step_verb(NULL, cursor->step, &value), NULL};

    args.node = value;
    if (!run->exited) {
        if (last) {
            hns_fail(run, cursor->step, "the agent still runs after SIGTERM");
        }
        return 0;
    }
    hns_use_exit(run);
    if (hns_arg_int(&args, "code", (uint64_t)run->exit_code) != (uint64_t)run->exit_code) {
        hns_fail(run, cursor->step, "the agent ended with code %d", run->exit_code);
    }
    return 1;
}

static int verb_terminate(struct hns_run *run, struct hns_cursor *cursor,
                          const struct hns_args *args)
{
    if (!run->stage.ops->agent_running(run->stage.impl)) {
        hns_fail(run, cursor->step, "agent.terminate: it does not run");
        return ECA_E_CONFLICT;
    }
    hns_points_to_now(run, FAKE_LANES);
    hns_agent_terminate(run);
    hns_wait_poll(run, cursor, poll_terminated, NULL,
                  hns_arg_ns(args, "within", TERMINATE_DEFAULT_NS));
    return ECA_OK;
}

static int verb_binary(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *path = hns_run_text(run, args->node);
    struct eca_err err = {0};

    if (run->stage.ops->agent_binary == NULL) {
        hns_fail(run, cursor->step, "\"agent.binary\" works live only");
    } else if (run->stage.ops->agent_binary(run->stage.impl,
                                            strcmp(path, "ours") == 0 ? NULL : path, &err) < 0) {
        hns_fail(run, cursor->step, "%s", err.msg);
    }
    return ECA_OK;
}

static int verb_env(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    for (size_t i = 0; i < args->node->count; i++) {
        const struct hns_node *value = args->node->items[i];

        run->stage.ops->agent_env(run->stage.impl, args->node->keys[i]->text,
                                  hns_node_is_null(value) ? NULL : hns_run_text(run, value));
    }
    return ECA_OK;
}

static int verb_record(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    bool on = strcmp(hns_run_text(run, args->node), "on") == 0;
    struct eca_err err = {0};

    if (!run->stage.ops->agent_running(run->stage.impl)) {
        hns_fail(run, cursor->step, "agent.record: it does not run");
    } else if (run->stage.ops->agent_record(run->stage.impl, on, &err) < 0) {
        hns_fail(run, cursor->step, "agent.record: %s", err.msg);
    }
    return ECA_OK;
}

static int verb_advance(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    hns_wait_time(run, cursor, hns_run_duration_ns(run, args->node, 0));
    return ECA_OK;
}

/* ---- resources ------------------------------------------------------------------------------- */

#define RESOURCES_LOOK_NS (UINT64_C(100) * 1000000)

static void print_resources(const struct hns_resources *have, struct eca_buf *out)
{
    eca_buf_addf(out, "%llu descriptors, %llu threads, %llu KiB",
                 (unsigned long long)have->descriptors, (unsigned long long)have->threads,
                 (unsigned long long)have->memory_kib);
}

static bool is_as_at(const struct hns_args *args, const struct hns_resources *have,
                     const struct hns_resources *mark)
{
    uint64_t slack = hns_arg_int(args, "more_descriptors", 5);

    return have->descriptors <= mark->descriptors + slack &&
           mark->descriptors <= have->descriptors + slack && have->threads == mark->threads &&
           have->memory_kib <= mark->memory_kib + hns_arg_int(args, "more_memory_kib", 2048);
}

struct resources_wait {
    uint64_t cpu_ms, since_ns;
};

static bool burns_too_much(struct hns_run *run, const struct hns_args *args,
                           const struct resources_wait *wait, const struct hns_resources *have,
                           uint64_t *ret_percent)
{
    uint64_t passed_ms = (hns_now_ns(run) - wait->since_ns) / 1000000;

    *ret_percent = passed_ms == 0 ? 0 : (have->cpu_ms - wait->cpu_ms) * 100 / passed_ms;
    return *ret_percent > hns_arg_int(args, "cpu_percent_max", UINT64_MAX);
}

static int poll_resources(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    const struct hns_node *value = NULL;
    struct hns_args args = {run, hns_step_verb(NULL, cursor->step, &value), NULL};
    struct hns_resources have = {0};
    const struct hns_resources *mark;
    uint64_t percent;
    eca_auto_buf struct eca_buf text = {0};

    args.node = value;
    if (!run->stage.ops->resources(run->stage.impl, &have)) {
        hns_fail(run, cursor->step, "the agent does not run");
        return 0;
    }
    print_resources(&have, &text);
    if (have.descriptors > hns_arg_int(&args, "descriptors_max", UINT64_MAX)) {
        hns_fail(run, cursor->step, "the agent holds %s", eca_buf_str(&text));
        return 0;
    }
    if (hns_arg_node(&args, "as_at") == NULL) {
        if (last && burns_too_much(run, &args, cursor->poll_state, &have, &percent)) {
            hns_fail(run, cursor->step, "the agent took %llu %% of a processor",
                     (unsigned long long)percent);
        }
        eca_timer_start(&cursor->timer, RESOURCES_LOOK_NS);
        return last ? 1 : 0;
    }
    mark = eca_map_get(run->marks, hns_arg_text(&args, "as_at", ""));
    if (mark != NULL && is_as_at(&args, &have, mark)) {
        return 1;
    }
    if (mark == NULL || last) {
        eca_buf_add_str(&text, mark == NULL ? "; there is no such mark" : "; at the mark ");
        if (mark != NULL) {
            print_resources(mark, &text);
        }
        hns_fail(run, cursor->step, "the agent holds %s", eca_buf_str(&text));
    }
    eca_timer_start(&cursor->timer, RESOURCES_LOOK_NS);
    return 0;
}

/* Not in simulation, where they would make traces differ. */
static void trace_resources(struct hns_run *run, const char *mark, const struct hns_resources *have)
{
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "mark", mark);
    eca_jw_u64(&w, "descriptors", have->descriptors);
    eca_jw_u64(&w, "threads", have->threads);
    eca_jw_u64(&w, "memoryKiB", have->memory_kib);
    eca_jw_u64(&w, "totalKiB", have->total_kib);
    eca_jw_u64(&w, "cpuMs", have->cpu_ms);
    eca_jw_end_object(&w);
    (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "resources", eca_buf_str(&fields));
}

static int verb_resources(struct hns_run *run, struct hns_cursor *cursor,
                          const struct hns_args *args)
{
    const char *mark = hns_arg_text(args, "mark", NULL);
    bool compares = hns_arg_node(args, "as_at") != NULL;
    struct hns_resources now = {0};
    struct resources_wait *wait;
    struct eca_err err = {0};

    if (mark != NULL) {
        struct hns_resources *have = eca_xalloc(sizeof *have);

        if (run->stage.ops->resources(run->stage.impl, have) && run->opts->mode == HNS_LIVE) {
            trace_resources(run, mark, have);
        }
        eca_free(eca_map_put(run->marks, mark, have));
        return ECA_OK;
    }
    if (hns_arg_node(args, "limit") != NULL) {
        if (run->stage.ops->limit_descriptors == NULL ||
            run->stage.ops->limit_descriptors(run->stage.impl, hns_arg_int(args, "limit", 0),
                                              &err) < 0) {
            hns_fail(run, cursor->step, "limit: %s", err.msg[0] == '\0' ? "live only" : err.msg);
        }
        return ECA_OK;
    }
    (void)run->stage.ops->resources(run->stage.impl, &now);
    wait = eca_xalloc(sizeof *wait);
    *wait = (struct resources_wait){now.cpu_ms, hns_now_ns(run)};
    hns_wait_poll(run, cursor, poll_resources, wait,
                  compares ? hns_arg_ns(args, "within", WITHIN_DEFAULT_NS)
                           : hns_arg_ns(args, "for", 0));
    return ECA_OK;
}

static int verb_repeat(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    return hns_push_steps(run, cursor, hns_arg_node(args, "steps"), hns_arg_int(args, "times", 1),
                          hns_arg_text(args, "as", "i"));
}

static int verb_parallel(struct hns_run *run, struct hns_cursor *cursor,
                         const struct hns_args *args)
{
    return hns_push_branches(run, cursor, args->node);
}

static int verb_include(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    return hns_push_steps(run, cursor, hns_scenario_included(run->scenario, args->node), 1, NULL);
}

static int verb_set(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    for (size_t i = 0; i < args->node->count; i++) {
        hns_vars_set(run, args->node->keys[i]->text, hns_run_text(run, args->node->items[i]));
    }
    return ECA_OK;
}

static int verb_say(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)fake_trace_addv(run->stage.base.trace, FAKE_LANE_SCENARIO, "say", "text",
                          hns_run_text(run, args->node), NULL);
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_agent[] = {
    {"agent.start", verb_start},
    {"agent.kill", verb_kill},
    {"agent.kill_at", verb_kill_at},
    {"agent.terminate", verb_terminate},
    {"agent.restart", verb_restart},
    {"agent.ensure", verb_ensure},
    {"agent.binary", verb_binary},
    {"agent.env", verb_env},
    {"agent.record", verb_record},
    {"advance", verb_advance},
    {"resources", verb_resources},
    {"repeat", verb_repeat},
    {"parallel", verb_parallel},
    {"include", verb_include},
    {"set", verb_set},
    {"say", verb_say},
    {0},
};
