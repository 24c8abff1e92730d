#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* Verbs about the agent's process, time, and the flow of steps. */
#define DEATH_FROM_NS (UINT64_C(10) * 1000000)
#define DEATH_TO_NS (UINT64_C(1000) * 1000000)
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

static int verb_kill_at_call(struct hns_run *run, struct hns_cursor *cursor,
                             const struct hns_args *args)
{
    if (run->stage.ops->doom == NULL) {
        hns_fail(run, cursor->step,
                 "\"agent.kill_at_call\" needs the agent in this process: give the step `modes: "
                 "[sim, wire]`");
        return ECA_E_INVALID;
    }
    (void)run->stage.ops->doom(run->stage.impl, hns_arg_text(args, "call", NULL),
                               hns_arg_int(args, "nth", 1));
    return ECA_OK;
}

static int verb_restart(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    hns_agent_kill(run);
    return hns_agent_start(run);
}

/* ---- deaths ---- */

struct deaths {
    uint64_t left, from_ns, to_ns, due_ns;
};

static void draw_death(struct hns_run *run, struct hns_cursor *cursor, struct deaths *deaths)
{
    uint64_t span = deaths->to_ns - deaths->from_ns;
    uint64_t wait_ns = deaths->from_ns + eca_entropy_below(run->stage.base.entropy, span + 1);

    deaths->due_ns = hns_now_ns(run) + wait_ns;
    eca_timer_start(&cursor->timer, wait_ns);
}

static int poll_deaths(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    struct deaths *deaths = cursor->poll_state;

    (void)last;
    if (hns_now_ns(run) < deaths->due_ns) {
        return 0;
    }
    hns_agent_kill(run);
    if (hns_agent_start(run) < 0) {
        return ECA_E_INTERNAL;
    }
    if (--deaths->left > 0) {
        draw_death(run, cursor, deaths);
    }
    return deaths->left == 0 ? 1 : 0;
}

static int verb_deaths(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    struct deaths *deaths = eca_xalloc(sizeof *deaths);

    *deaths = (struct deaths){.left = hns_arg_int(args, "times", 1),
                              .from_ns = hns_arg_ns(args, "from", DEATH_FROM_NS),
                              .to_ns = hns_arg_ns(args, "to", DEATH_TO_NS)};
    if (deaths->left == 0 || deaths->to_ns < deaths->from_ns) {
        hns_fail(run, cursor->step, "agent.deaths: at least one, and `to` not before `from`");
        eca_free(deaths);
        return ECA_OK;
    }
    hns_wait_poll(run, cursor, poll_deaths, deaths, UINT64_MAX / 4);
    draw_death(run, cursor, deaths);
    return ECA_OK;
}

static int verb_ensure(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    (void)cursor;
    (void)args;
    run->kill_now = false;
    if (run->stage.ops->doom != NULL) {
        (void)run->stage.ops->doom(run->stage.impl, NULL, 0);
    }
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
    uint64_t code;

    args.node = value;
    if (!run->exited) {
        if (last) {
            hns_fail(run, cursor->step, "the agent still runs after SIGTERM");
        }
        return 0;
    }
    hns_use_exit(run);
    code = hns_arg_int(&args, "code", (uint64_t)run->exit_code);
    if (code != (uint64_t)run->exit_code) {
        hns_fail_wrong(run, cursor->step, "the agent ended with code %d, not %llu", run->exit_code,
                       (unsigned long long)code);
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
    {"agent.kill_at_call", verb_kill_at_call},
    {"agent.terminate", verb_terminate},
    {"agent.restart", verb_restart},
    {"agent.deaths", verb_deaths},
    {"agent.ensure", verb_ensure},
    {"agent.binary", verb_binary},
    {"agent.env", verb_env},
    {"agent.record", verb_record},
    {"advance", verb_advance},
    {"repeat", verb_repeat},
    {"parallel", verb_parallel},
    {"include", verb_include},
    {"set", verb_set},
    {"say", verb_say},
    {0},
};
