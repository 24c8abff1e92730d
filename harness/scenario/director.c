#include "harness/scenario/inside.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/scenario/secrets.h"

#include <string.h>
#include <time.h>

/* Interprets a timeline. Nothing here blocks: a step is over at once or leaves its cursor waiting;
 * the stage is turned until something has changed. */
#define LIVE_WAIT_NS_MAX (UINT64_C(60) * 1000000000)

static uint64_t real_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t hns_now_ns(const struct hns_run *run)
{
    struct eca_sched *sched = run->stage.base.sched;

    return eca_sched_now_ns(sched) - run->start_ns;
}

const struct hns_scenario *hns_run_scenario_of(const struct hns_run *run)
{
    return run->scenario;
}

/* ---- the timeline ---------------------------------------------------------------------------- */

static void check_limits(struct hns_run *run)
{
    if (run->never_hit != NULL) {
        eca_auto_buf struct eca_buf never = {0}, event = {0};

        hns_match_print(&run->never_hit->match, &never);
        hns_event_line(fake_trace_at(run->stage.base.trace, (size_t)run->never_seq - 1), &event);
        hns_fail_wrong(run, run->never_hit->node, "this must never happen, and did: %s\n    %s",
                       eca_buf_str(&never), eca_buf_str(&event));
    }
    if (hns_now_ns(run) > run->scenario->time_ns_max) {
        hns_fail(run, NULL, "limits.time is over");
    }
    if (fake_trace_count(run->stage.base.trace) > run->scenario->events_max) {
        hns_fail(run, NULL, "more than %llu events (limits.events)",
                 (unsigned long long)run->scenario->events_max);
    }
}

static bool is_doomed(const struct hns_run *run)
{
    return run->stage.ops->is_doomed != NULL && run->stage.ops->is_doomed(run->stage.impl);
}

static void play(struct hns_run *run)
{
    struct hns_cursor *root = hns_cursor_new(run, NULL, run->scenario->timeline);
    const struct hns_node *start = hns_run_world(run, "start", NULL);

    if (start == NULL || strcmp(start->text, "false") != 0) {
        (void)hns_agent_start(run);
    }
    while (!run->failed && !root->done) {
        struct eca_err err = {0};
        int code;

        if (run->kill_now) {
            run->kill_now = false;
            hns_match_clear(run->kill_at);
            eca_free(eca_take(run->kill_at));
            hns_agent_kill(run);
        }
        if (run->restart_at_ns > 0 && hns_now_ns(run) >= run->restart_at_ns) {
            (void)hns_agent_start(run);
        }
        check_limits(run);
        if (run->failed || hns_cursors_poll(run, false) || run->failed) {
            continue;
        }
        if (is_doomed(run) && run->opts->death_at_call == 0) {
            hns_agent_kill(run); /* agent.kill_at_call */
        } else if (++run->turns == run->opts->death_at_turn || is_doomed(run)) {
            hns_agent_die_and_rise(run);
        }
        code = run->stage.ops->turn(run->stage.impl, &err);
        if (code == ECA_E_CONFLICT) {
            if (!hns_cursors_poll(run, true) && !run->failed) {
                hns_fail(run, root->step, "nothing is left that could happen");
            }
        } else if (code < 0) {
            hns_fail(run, NULL, "%s", err.msg);
        }
    }
    check_limits(run);
}

/* ---- whether and as what it runs ------------------------------------------------------------- */

static uint64_t steps_wait_ns(const struct hns_run *run, const struct hns_node *steps)
{
    uint64_t sum = 0;

    for (size_t i = 0; steps != NULL && steps->kind == HNS_LIST && i < steps->count; i++) {
        const struct hns_node *value = NULL;
        const struct hns_verb *verb = hns_step_verb(NULL, steps->items[i], &value);
        const struct hns_node *wait = NULL;
        int64_t ns = 0, times = 1;

        if (verb == NULL || !hns_step_is_for_mode(run, steps->items[i])) {
            continue;
        }
        if (strcmp(verb->name, "advance") == 0) {
            wait = value;
        } else if (strcmp(verb->name, "quiet") == 0) {
            wait = hns_node_get(value, "for");
        } else if (strcmp(verb->name, "repeat") == 0) {
            (void)hns_node_is_int(hns_node_get(value, "times"), &times);
            sum += steps_wait_ns(run, hns_node_get(value, "steps")) * (uint64_t)times;
        } else if (verb->type == HNS_T_BRANCHES && value->kind == HNS_LIST) {
            for (size_t j = 0; j < value->count; j++) {
                sum += steps_wait_ns(run, value->items[j]);
            }
        }
        if (wait != NULL && wait->kind == HNS_SCALAR &&
            eca_parse_duration(eca_view_str(wait->text), &ns, NULL) == ECA_OK && ns > 0) {
            sum += (uint64_t)ns;
        }
    }
    return sum;
}

/* Why this run is left out, or NULL. */
static const char *reason_to_skip(struct hns_run *run)
{
    const struct hns_run_opts *opts = run->opts;
    uint64_t wait_max = opts->live_wait_ns_max == 0 ? LIVE_WAIT_NS_MAX : opts->live_wait_ns_max;

    if (run->scenario->only_real_docker && opts->real_docker == NULL) {
        return "only for a real Docker daemon";
    }
    if (!run->scenario->modes[opts->mode]) {
        return run->scenario->reason;
    }
    if (opts->real_docker != NULL && !run->scenario->real_docker) {
        return "not fit for a real Docker daemon";
    }
    if (opts->mode == HNS_LIVE && steps_wait_ns(run, run->scenario->timeline) > wait_max) {
        return "waits longer than the limit of live mode";
    }
    return NULL;
}

void hns_result_name(const struct hns_scenario *scenario, size_t combination,
                     char ret_name[HNS_NAME_BYTES])
{
    eca_auto_buf struct eca_buf text = {0};
    const char *name;
    const struct hns_node *value;

    eca_buf_add_str(&text, scenario->name);
    for (size_t i = 0; hns_scenario_choice(scenario, combination, i, &name, &value); i++) {
        eca_buf_addf(&text, "%s%s=%s", i == 0 ? " [" : ", ", name,
                     value->kind == HNS_SCALAR ? value->text : "...");
    }
    eca_buf_add_str(&text, scenario->matrix != NULL ? "]" : "");
    ret_name[0] = '\0';
    (void)strncat(ret_name, eca_buf_str(&text), HNS_NAME_BYTES - 1);
}

static void set_variables(struct hns_run *run)
{
    eca_auto_buf struct eca_buf seed = {0};
    const char *name;
    const struct hns_node *value;

    eca_buf_addf(&seed, "%llu", (unsigned long long)run->opts->seed);
    hns_vars_set(run, "seed", eca_buf_str(&seed));
    hns_vars_set(run, "mode", hns_mode_name(run->opts->mode));
    hns_vars_set(run, "region", "us-west-2");
    hns_vars_set(run, "account", "111122223333");
    for (size_t i = 0; i < run->opts->set_count; i++) {
        const char *equals = strchr(run->opts->sets[i], '=');
        eca_auto_free char *set =
            eca_xstrndup(run->opts->sets[i], (size_t)(equals - run->opts->sets[i]));

        hns_vars_set(run, set, equals + 1);
    }
    for (size_t i = 0; hns_scenario_choice(run->scenario, run->opts->combination, i, &name, &value);
         i++) {
        hns_vars_set(run, name, value->kind == HNS_SCALAR ? value->text : "");
    }
}

/* ---- the whole of a run ---------------------------------------------------------------------- */

static void close_run(struct hns_run *run)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    for (size_t i = 0; i < run->cursor_count; i++) {
        hns_cursor_free(run->cursors[i]);
    }
    for (size_t i = 0; i < run->never_count; i++) {
        hns_match_clear(&run->never[i].match);
        hns_match_clear(&run->never[i].after);
        hns_match_clear(&run->never[i].until);
    }
    if (run->kill_at != NULL) {
        hns_match_clear(run->kill_at);
    }
    eca_free(run->kill_at);
    eca_free(run->never);
    while (eca_map_next(run->vars, &cursor, &key, &value)) {
        eca_free(value);
    }
    eca_map_free(run->vars);
    eca_map_free(run->rules);
    cursor = 0;
    while (eca_map_next(run->marks, &cursor, NULL, &value)) {
        eca_free(value);
    }
    eca_map_free(run->marks);
    eca_map_free(run->sent);
    eca_map_free(run->stops);
    hns_causes_free(run->causes);
    hns_invariants_free(run->invariants);
    for (size_t i = 0; i < run->kept_count; i++) {
        eca_free(run->kept[i]);
    }
    eca_free(run->kept);
    for (size_t i = 0; i < run->line_count; i++) {
        eca_free(run->lines[i].text);
    }
    eca_free(run->lines);
    for (size_t i = 0; i < run->secret_count; i++) {
        eca_free(run->secrets[i]);
    }
    eca_free(run->used);
    eca_buf_clear(&run->failure);
    eca_buf_clear(&run->missed);
    eca_free(run);
}

/* What broke, on the timeline, at the moment when it was noticed. */
static void note_failure(struct hns_run *run)
{
    const char *text = eca_buf_str(&run->failure);
    eca_auto_free char *line = eca_xstrndup(text, strcspn(text, "\n"));

    (void)fake_trace_addv(run->stage.base.trace, FAKE_LANE_SCENARIO, "failed", "text", line, NULL);
}

static uint32_t line_reached(const struct hns_run *run)
{
    const struct hns_frame *frame = run->cursor_count == 0 ? NULL : &run->cursors[0]->frames[0];
    const struct hns_node *step =
        frame == NULL || frame->index == 0 ? NULL : frame->steps->items[frame->index - 1];

    return step == NULL || strcmp(step->file, run->scenario->file) != 0 ? 0 : step->line;
}

static void finish(struct hns_run *run, struct hns_result *result)
{
    if (run->stage_open) {
        if (!run->failed) {
            hns_check_exits(run);
            hns_check_secrets(run);
        }
        result->virtual_ns = hns_now_ns(run);
        result->events = fake_trace_count(run->stage.base.trace);
        result->turns = run->turns;
        result->calls =
            run->stage.ops->doom == NULL ? 0 : run->stage.ops->doom(run->stage.impl, NULL, 0);
        fake_trace_hash(run->stage.base.trace, result->hash);
    }
    result->outcome = run->failed ? HNS_FAILED : HNS_PASSED;
    if (run->failed) {
        hns_fail_surroundings(run);
        eca_buf_add_str(&result->text, eca_buf_str(&run->failure));
        (void)snprintf(result->missed, sizeof result->missed, "%s", eca_buf_str(&run->missed));
        result->line = line_reached(run);
        result->wrong = run->wrong;
    }
    if (run->failed && run->stage_open) {
        note_failure(run);
    }
    if (run->stage_open) {
        fake_trace_unlisten(run->stage.base.trace, hns_watch_event, run);
        (run->stage.ops->agent_end != NULL ? run->stage.ops->agent_end
                                           : run->stage.ops->agent_kill)(run->stage.impl);
        eca_timer_stop(&run->restart_timer);
        eca_timer_stop(&run->news_timer);
        eca_timer_stop(&run->drift_timer);
        for (size_t i = 0; i < run->cursor_count; i++) {
            hns_cursor_end_wait(run->cursors[i]);
        }
        run->stage.ops->unplug(run->stage.impl);
        hns_cast_close(&run->cast);
        run->stage.ops->free(run->stage.impl);
    }
}

static void open_and_play(struct hns_run *run)
{
    struct hns_stage_opts stage_opts = {.run = run,
                                        .seed = run->opts->seed,
                                        .agent_path = run->opts->agent_path,
                                        .real_docker = run->opts->real_docker,
                                        .keep_files = run->opts->keep_files,
                                        .record = run->opts->record,
                                        .record_bytes = run->opts->record_bytes};
    struct eca_err err = {0};

    if (run->opts->open_stage(&stage_opts, &run->stage, &err) < 0) {
        hns_fail(run, NULL, "the stage cannot be set up: %s", err.msg);
        return;
    }
    run->stage_open = true;
    if (run->opts->death_at_call > 0) {
        (void)run->stage.ops->doom(run->stage.impl, NULL, run->opts->death_at_call);
    }
    run->start_ns = eca_sched_now_ns(run->stage.base.sched);
    hns_alarm_init(run, &run->restart_timer);
    hns_alarm_init(run, &run->news_timer);
    fake_trace_listen(run->stage.base.trace, hns_watch_event, run);
    if (hns_cast_open(run, &err) < 0) {
        hns_fail(run, NULL, "%s", err.msg);
        return;
    }
    hns_watch_read(run);
    if (!run->failed) {
        play(run);
    }
}

void hns_run_scenario(const struct hns_run_opts *opts, struct hns_result *result)
{
    struct hns_run *run = eca_xalloc(sizeof *run);
    const char *skip;
    uint64_t started = real_ns();

    run->opts = opts;
    run->scenario = opts->scenario;
    run->arn_salt = opts->real_docker != NULL ? started : 0;
    run->vars = eca_map_new();
    run->rules = eca_map_new();
    run->marks = eca_map_new();
    run->sent = eca_map_new();
    run->stops = eca_map_new();
    run->causes = hns_causes_new();
    run->invariants = hns_invariants_new();
    hns_result_name(run->scenario, opts->combination, result->name);
    result->reference = run->scenario->reference;
    skip = reason_to_skip(run);
    if (skip != NULL) {
        result->outcome = HNS_SKIPPED;
        eca_buf_add_str(&result->text, skip);
        close_run(run);
        return;
    }
    set_variables(run);
    open_and_play(run);
    finish(run, result);
    close_run(run);
    result->real_ns = real_ns() - started;
}

void hns_result_clear(struct hns_result *result)
{
    eca_buf_clear(&result->text);
}
