#include "harness/scenario/inside.h"
#include "harness/scenario/secrets.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Interprets a timeline. Nothing here blocks: a step is over at once or leaves its cursor waiting;
 * the stage is turned until something has changed. */
#define LIVE_WAIT_NS_MAX (UINT64_C(60) * 1000000000)
#define CONNECTS_PER_S_MAX 5
#define EXIT_UPDATED 42 /* a new version is staged (PROC-301) */

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

/* ---- what the trace tells -------------------------------------------------------------------- */

bool hns_is_allowed(const struct hns_run *run, const char *rule)
{
    size_t len = strlen(rule);

    for (const char *at = run->opts->allow; at != NULL; at = strchr(at, ',')) {
        at += *at == ',' ? 1 : 0;
        if (strncmp(at, rule, len) == 0 && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
    }
    return hns_node_get(run->scenario->allow, rule) != NULL;
}

static void watch_never(struct hns_run *run, const struct fake_event *event)
{
    for (size_t i = 0; i < run->never_count; i++) {
        struct hns_never *never = &run->never[i];

        if (never->armed && run->never_hit == NULL && hns_match_event(&never->match, event, NULL)) {
            run->never_hit = never;
            run->never_seq = event->seq;
        }
        if (never->has_until && hns_match_event(&never->until, event, NULL)) {
            never->armed = false;
        }
        if (never->has_after && hns_match_event(&never->after, event, NULL)) {
            never->armed = true;
        }
    }
}

/* FB-INV.8: no series of connection attempts faster than five per second. */
static void watch_connects(struct hns_run *run, const struct fake_event *event)
{
    size_t slot;

    if (event->lane != FAKE_LANE_ACS ||
        (strcmp(event->name, "connect") != 0 && strcmp(event->name, "refused") != 0)) {
        return;
    }
    slot = run->connects++ % CONNECTS_PER_S_MAX;
    if (run->connects > CONNECTS_PER_S_MAX &&
        event->at_ns - run->connect_ns[slot] < UINT64_C(1000000000) &&
        !hns_is_allowed(run, "FB-INV.8")) {
        hns_fail(run, NULL, "FB-INV.8: more than %d connection attempts to ACS within a second",
                 CONNECTS_PER_S_MAX);
    }
    run->connect_ns[slot] = event->at_ns;
}

static void watch_violation(struct hns_run *run, const struct fake_event *event)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *rule = "?", *detail = "";

    if (strcmp(event->name, "violation") != 0 ||
        eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    (void)eca_json_read_str(eca_json_root(doc), "", "rule", &rule, NULL);
    (void)eca_json_read_str(eca_json_root(doc), "", "detail", &detail, NULL);
    if (!hns_is_allowed(run, rule)) {
        hns_fail(run, NULL, "%s is broken, noticed by %s in event #%llu: %s", rule,
                 fake_lane_name(event->lane), (unsigned long long)event->seq, detail);
    }
}

void hns_wake(struct hns_run *run)
{
    if (run->opts->mode == HNS_LIVE) {
        eca_timer_start(&run->news_timer, 0);
    }
}

static void on_event(void *arg, const struct fake_event *event)
{
    struct hns_run *run = arg;

    hns_wake(run);
    if (run->opts->watch != NULL) {
        run->opts->watch(run->opts->watch_arg, event);
    }
    watch_never(run, event);
    watch_connects(run, event);
    watch_violation(run, event);
    hns_invariants_event(run, event);
    if (run->kill_at != NULL && hns_match_event(run->kill_at, event, NULL)) {
        run->kill_now = true;
    }
}

void hns_run_log(struct hns_run *run, enum eca_log_level level, struct eca_view line)
{
    eca_auto_free char *text = eca_xstrndup(line.at, line.len);

    if (run->opts->log_file != NULL) {
        (void)fprintf(run->opts->log_file, "%10.3f %s\n", (double)hns_now_ns(run) / 1e9, text);
    }
    if (run->line_count == HNS_LOG_LINES_MAX) {
        hns_fail(run, NULL, "the agent wrote more than %d log lines", HNS_LOG_LINES_MAX);
        return;
    }
    if (run->line_count == run->line_cap) {
        run->line_cap = run->line_cap == 0 ? 256 : run->line_cap * 2;
        run->lines = eca_xrealloc_array(run->lines, run->line_cap, sizeof(struct hns_log_line));
    }
    run->lines[run->line_count++] =
        (struct hns_log_line){level, hns_now_ns(run), eca_xstrdup(text), false};
    if (level >= ECA_LOG_WARN) {
        (void)fake_trace_addv(run->stage.base.trace, FAKE_LANE_AGENT, "log", "level",
                              eca_log_level_name(level), "text", text, NULL);
    }
}

/* What it was told and could not write down may be submitted again. */
static void ecs_agent_gone(struct hns_run *run)
{
    if (run->disk_broke) {
        fake_ecs_agent_crashed(run->cast.ecs);
    } else {
        fake_ecs_agent_ended(run->cast.ecs);
    }
}

void hns_run_agent_exit(struct hns_run *run, int code)
{
    eca_auto_buf struct eca_buf fields = {0};

    uint64_t restarts_ns = hns_run_duration_ns(run, hns_run_world(run, "restarts", NULL), 0);

    run->exited = true;
    run->exit_code = code;
    ecs_agent_gone(run);
    eca_buf_addf(&fields, "{\"code\":%d}", code);
    (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "exit", eca_buf_str(&fields));
    if (restarts_ns > 0 && (code == EXIT_FAILURE || code == EXIT_UPDATED)) {
        hns_use_exit(run);
        run->restart_at_ns = hns_now_ns(run) + restarts_ns;
        eca_timer_start_at(&run->restart_timer, run->start_ns + run->restart_at_ns);
    }
}

const struct hns_scenario *hns_run_scenario_of(const struct hns_run *run)
{
    return run->scenario;
}

/* ---- the agent ------------------------------------------------------------------------------- */

void hns_points_to_now(struct hns_run *run, enum fake_lane lane)
{
    for (int i = 0; i < FAKE_LANES; i++) {
        if (lane == FAKE_LANES || (int)lane == i) {
            run->point[i] = fake_trace_count(run->stage.base.trace);
        }
    }
}

static int start_agent(struct hns_run *run)
{
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_err err = {0};

    run->exited = false;
    run->restart_at_ns = 0;
    eca_timer_stop(&run->restart_timer);
    eca_buf_addf(&fields, "{\"life\":%zu}", ++run->lives);
    (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "start", eca_buf_str(&fields));
    if (run->stage.ops->agent_start(run->stage.impl, &err) < 0) {
        hns_fail(run, NULL, "the agent does not start: %s", err.msg);
        return err.code;
    }
    return ECA_OK;
}

int hns_agent_start(struct hns_run *run)
{
    hns_points_to_now(run, FAKE_LANES);
    return start_agent(run);
}

static void kill_agent(struct hns_run *run)
{
    if (run->stage.ops->agent_running(run->stage.impl)) {
        (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "killed", NULL);
        run->stage.ops->agent_kill(run->stage.impl);
        ecs_agent_gone(run);
    }
}

void hns_agent_kill(struct hns_run *run)
{
    kill_agent(run);
    hns_points_to_now(run, FAKE_LANES);
}

void hns_agent_terminate(struct hns_run *run)
{
    (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "terminate", NULL);
    run->stage.ops->agent_terminate(run->stage.impl);
}

/* ---- cursors --------------------------------------------------------------------------------- */

static void nothing(void *arg)
{
    (void)arg; /* the director looks at the time itself; the timer only ends the stage's sleep */
}

static struct hns_cursor *new_cursor(struct hns_run *run, struct hns_cursor *parent,
                                     const struct hns_node *steps)
{
    struct hns_cursor *cursor = eca_xalloc(sizeof *cursor);

    assert(run->cursor_count < HNS_CURSORS_MAX);
    cursor->parent = parent;
    cursor->frames[0] = (struct hns_frame){.steps = steps};
    cursor->depth = 1;
    eca_timer_init(&cursor->timer, run->stage.base.sched, nothing, NULL);
    run->cursors[run->cursor_count++] = cursor;
    if (parent != NULL) {
        parent->children++;
    }
    return cursor;
}

static void end_wait(struct hns_cursor *cursor)
{
    eca_timer_stop(&cursor->timer);
    for (size_t i = 0; i < cursor->expected_count; i++) {
        hns_match_clear(&cursor->expected[i].match);
    }
    eca_free(cursor->expected);
    eca_free(cursor->poll_state);
    cursor->expected = NULL;
    cursor->expected_count = 0;
    cursor->poll_state = NULL;
    cursor->wait = HNS_WAIT_NOTHING;
}

static void free_cursor(struct hns_cursor *cursor)
{
    end_wait(cursor);
    eca_free(cursor);
}

void hns_wait_time(struct hns_run *run, struct hns_cursor *cursor, uint64_t ns)
{
    cursor->wait = HNS_WAIT_TIME;
    cursor->wait_since_ns = hns_now_ns(run);
    cursor->wait_until_ns = cursor->wait_since_ns + ns;
    eca_timer_start_at(&cursor->timer, run->start_ns + cursor->wait_until_ns);
}

void hns_wait_poll(struct hns_run *run, struct hns_cursor *cursor, hns_poll_fn *poll, void *state,
                   uint64_t within_ns)
{
    hns_wait_time(run, cursor, within_ns);
    cursor->wait = HNS_WAIT_POLL;
    cursor->poll = poll;
    cursor->poll_state = state;
}

int hns_push_steps(struct hns_run *run, struct hns_cursor *cursor, const struct hns_node *steps,
                   uint64_t times, const char *as)
{
    if (cursor->depth == HNS_FRAMES_MAX) {
        hns_fail(run, cursor->step, "more than %d levels of steps", HNS_FRAMES_MAX);
        return ECA_E_LIMIT;
    }
    if (times > 0) {
        cursor->frames[cursor->depth++] = (struct hns_frame){
            .steps = steps, .repeat_times = times, .repeat_number = 1, .repeat_as = as};
    }
    return ECA_OK;
}

int hns_push_branches(struct hns_run *run, struct hns_cursor *cursor,
                      const struct hns_node *branches)
{
    if (run->cursor_count + branches->count > HNS_CURSORS_MAX) {
        hns_fail(run, branches, "more than %d branches", HNS_CURSORS_MAX);
        return ECA_E_LIMIT;
    }
    cursor->wait = HNS_WAIT_BRANCHES;
    for (size_t i = 0; i < branches->count; i++) {
        (void)new_cursor(run, cursor, branches->items[i]);
    }
    return ECA_OK;
}

static void set_used(struct hns_run *run, size_t index)
{
    if (index >= run->used_cap) {
        size_t cap = (index + 1) * 2;

        run->used = eca_xrealloc(run->used, cap);
        memset(run->used + run->used_cap, 0, cap - run->used_cap);
        run->used_cap = cap;
    }
    run->used[index] = 1;
}

static bool is_used(const struct hns_run *run, size_t index)
{
    return index < run->used_cap && run->used[index] != 0;
}

static void capture(struct hns_run *run, const struct hns_expected *expected,
                    const struct fake_event *event)
{
    const struct hns_node *pairs = hns_node_get(expected->node, "capture");
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (pairs == NULL || eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < pairs->count; i++) {
        eca_auto_buf struct eca_buf text = {0};
        eca_json value = eca_json_get(eca_json_root(doc), hns_run_text(run, pairs->items[i]));

        if (eca_json_type(value) == ECA_JSON_STRING) {
            eca_buf_add_str(&text, eca_json_str(value));
        } else if (value != NULL) {
            eca_json_print(value, &text);
        }
        hns_vars_set(run, pairs->keys[i]->text, eca_buf_str(&text));
    }
}

/* True when every expectation of the step has its events. Greedy, in the order of events. */
static bool scan_events(struct hns_run *run, struct hns_cursor *cursor)
{
    size_t count = fake_trace_count(run->stage.base.trace), open = 0;

    for (; cursor->scanned < count; cursor->scanned++) {
        const struct fake_event *event = fake_trace_at(run->stage.base.trace, cursor->scanned);

        for (size_t i = 0; i < cursor->expected_count; i++) {
            struct hns_expected *expected = &cursor->expected[i];

            if (expected->seen < expected->count && cursor->scanned >= expected->from &&
                !is_used(run, cursor->scanned) && hns_match_event(&expected->match, event, NULL)) {
                expected->seen++;
                set_used(run, cursor->scanned);
                if (run->point[event->lane] <= cursor->scanned) {
                    run->point[event->lane] = cursor->scanned + 1;
                }
                capture(run, expected, event);
                break;
            }
        }
    }
    for (size_t i = 0; i < cursor->expected_count; i++) {
        open += cursor->expected[i].seen < cursor->expected[i].count ? 1 : 0;
    }
    return open == 0;
}

static void fail_quiet(struct hns_run *run, struct hns_cursor *cursor)
{
    const struct hns_expected *expected = &cursor->expected[0];
    eca_auto_buf struct eca_buf text = {0};

    hns_match_print(&expected->match, &text);
    eca_buf_add_str(&text, " came\n    ");
    hns_event_line(fake_trace_at(run->stage.base.trace, cursor->scanned), &text);
    eca_buf_add_str(&text, "\n    quiet was expected from ");
    hns_format_s(cursor->wait_since_ns, &text);
    eca_buf_add_str(&text, " to ");
    hns_format_s(cursor->wait_until_ns, &text);
    hns_fail(run, expected->node, "%s", eca_buf_str(&text));
}

/* False when an event came that should not. */
static bool scan_quiet(struct hns_run *run, struct hns_cursor *cursor)
{
    size_t count = fake_trace_count(run->stage.base.trace);

    for (; cursor->scanned < count; cursor->scanned++) {
        if (hns_match_event(&cursor->expected[0].match,
                            fake_trace_at(run->stage.base.trace, cursor->scanned), NULL)) {
            fail_quiet(run, cursor);
            return false;
        }
    }
    return true;
}

/* True when the wait is over. */
static bool poll_wait(struct hns_run *run, struct hns_cursor *cursor, bool stuck)
{
    bool late = stuck || hns_now_ns(run) >= cursor->wait_until_ns;

    switch (cursor->wait) {
    case HNS_WAIT_NOTHING:
        return true;
    case HNS_WAIT_TIME:
        return late;
    case HNS_WAIT_EVENTS:
        if (scan_events(run, cursor)) {
            return true;
        }
        if (late) {
            hns_fail_expected(run, cursor, stuck);
        }
        return false;
    case HNS_WAIT_QUIET:
        return scan_quiet(run, cursor) && late;
    case HNS_WAIT_POLL:
        return cursor->poll(run, cursor, late) > 0;
    case HNS_WAIT_BRANCHES:
        return cursor->children == 0;
    }
    return true;
}

static bool step_is_for_mode(const struct hns_run *run, const struct hns_node *step)
{
    const struct hns_node *modes = hns_node_get(step, "modes");
    const struct hns_node *real = hns_node_get(step, "real_docker");
    bool named = modes == NULL, wants_real = false;

    if (real != NULL && hns_node_is_bool(real, &wants_real) &&
        wants_real != (run->stage.relay != NULL)) {
        return false;
    }

    for (size_t i = 0; modes != NULL && i < (modes->kind == HNS_LIST ? modes->count : 1); i++) {
        const struct hns_node *word = modes->kind == HNS_LIST ? modes->items[i] : modes;

        named = named || strcmp(word->text, hns_mode_name(run->opts->mode)) == 0;
    }
    return named;
}

static void note_step(struct hns_run *run, const struct hns_node *step, const struct hns_verb *verb)
{
    const struct hns_node *note = hns_node_get(step, "note");
    eca_auto_buf struct eca_buf at = {0};

    if (note != NULL) {
        (void)fake_trace_addv(run->stage.base.trace, FAKE_LANE_SCENARIO, "say", "text",
                              hns_run_text(run, note), NULL);
    }
    if (strchr(verb->name, '.') != NULL && strncmp(verb->name, "expect", 6) != 0 &&
        strncmp(verb->name, "log", 3) != 0) {
        eca_buf_addf(&at, "line %u", (unsigned)step->line);
        (void)fake_trace_addv(run->stage.base.trace, FAKE_LANE_SCENARIO, "step", "verb", verb->name,
                              "at", eca_buf_str(&at), NULL);
    }
}

static void do_step(struct hns_run *run, struct hns_cursor *cursor, const struct hns_node *step)
{
    const struct hns_node *value = NULL;
    const struct hns_verb *verb = hns_step_verb(NULL, step, &value);
    struct hns_args args = {run, verb, value};
    hns_verb_fn *fn = verb == NULL ? NULL : hns_verb_implementation(verb->name);

    assert(verb != NULL); /* the check has seen it */
    if (!step_is_for_mode(run, step)) {
        return;
    }
    cursor->step = step;
    cursor->verb = verb;
    eca_sched_set_cause(run->stage.base.sched, 0); /* a step comes of nothing but the timeline */
    if (fn == NULL) {
        hns_fail(run, step, "\"%s\" is not available in this build", verb->name);
        return;
    }
    note_step(run, step, verb);
    (void)fn(run, cursor, &args);
    cursor->scanned = 0;
    for (size_t i = 0; i < cursor->expected_count; i++) { /* nothing before the earliest start */
        if (i == 0 || cursor->expected[i].from < cursor->scanned) {
            cursor->scanned = (size_t)cursor->expected[i].from;
        }
    }
}

static void set_repeat_variable(struct hns_run *run, const struct hns_frame *frame)
{
    eca_auto_buf struct eca_buf number = {0};

    if (frame->repeat_as != NULL) {
        eca_buf_addf(&number, "%llu", (unsigned long long)frame->repeat_number);
        hns_vars_set(run, frame->repeat_as, eca_buf_str(&number));
    }
}

/* One step, or the end of a list. */
static void advance_cursor(struct hns_run *run, struct hns_cursor *cursor)
{
    struct hns_frame *frame = &cursor->frames[cursor->depth - 1];

    if (frame->index < frame->steps->count) {
        if (frame->index == 0) {
            set_repeat_variable(run, frame);
        }
        do_step(run, cursor, frame->steps->items[frame->index++]);
        return;
    }
    if (frame->repeat_number < frame->repeat_times) {
        frame->repeat_number++;
        frame->index = 0;
        return;
    }
    if (--cursor->depth == 0) {
        cursor->done = true;
        if (cursor->parent != NULL) {
            cursor->parent->children--;
        }
    }
}

static bool poll_cursors(struct hns_run *run, bool stuck)
{
    bool progress = false;

    for (size_t i = 0; i < run->cursor_count && !run->failed; i++) {
        struct hns_cursor *cursor = run->cursors[i];

        if (!cursor->done && poll_wait(run, cursor, stuck) && !run->failed) {
            end_wait(cursor);
            advance_cursor(run, cursor);
            progress = true;
        }
    }
    for (size_t i = run->cursor_count; i > 1; i--) { /* the root stays */
        if (run->cursors[i - 1]->done) {
            free_cursor(run->cursors[i - 1]);
            memmove(&run->cursors[i - 1], &run->cursors[i],
                    (run->cursor_count - i) * sizeof run->cursors[0]);
            run->cursor_count--;
        }
    }
    return progress;
}

static void check_limits(struct hns_run *run)
{
    if (run->never_hit != NULL) {
        eca_auto_buf struct eca_buf never = {0}, event = {0};

        hns_match_print(&run->never_hit->match, &never);
        hns_event_line(fake_trace_at(run->stage.base.trace, (size_t)run->never_seq - 1), &event);
        hns_fail(run, run->never_hit->node, "this must never happen, and did: %s\n    %s",
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

/* Expectations go on where they are: what they wait for may have come already. */
static void die_and_rise(struct hns_run *run)
{
    if (run->stage.ops->agent_running(run->stage.impl)) {
        kill_agent(run);
        (void)start_agent(run);
    }
}

static bool is_doomed(const struct hns_run *run)
{
    return run->stage.ops->is_doomed != NULL && run->stage.ops->is_doomed(run->stage.impl);
}

static void play(struct hns_run *run)
{
    struct hns_cursor *root = new_cursor(run, NULL, run->scenario->timeline);
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
        if (run->failed || poll_cursors(run, false) || run->failed) {
            continue;
        }
        if (is_doomed(run) && run->opts->death_at_call == 0) {
            hns_agent_kill(run); /* agent.kill_at_call */
        } else if (++run->turns == run->opts->death_at_turn || is_doomed(run)) {
            die_and_rise(run);
        }
        code = run->stage.ops->turn(run->stage.impl, &err);
        if (code == ECA_E_CONFLICT) {
            if (!poll_cursors(run, true) && !run->failed) {
                hns_fail(run, root->step, "nothing is left that could happen");
            }
        } else if (code < 0) {
            hns_fail(run, NULL, "%s", err.msg);
        }
    }
    check_limits(run);
}

void hns_use_exit(struct hns_run *run)
{
    for (size_t i = fake_trace_count(run->stage.base.trace); i > 0; i--) {
        const struct fake_event *event = fake_trace_at(run->stage.base.trace, i - 1);

        if (event->lane == FAKE_LANE_AGENT && strcmp(event->name, "exit") == 0) {
            set_used(run, i - 1);
            return;
        }
    }
}

/* ---- the whole of a run ---------------------------------------------------------------------- */

static void read_never(struct hns_run *run)
{
    const struct hns_node *list = run->scenario->never;

    run->never = eca_xalloc((list == NULL ? 1 : list->count + 1) * sizeof(struct hns_never));
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        struct hns_never *never = &run->never[run->never_count++];
        const struct hns_node *node = list->items[i];

        never->node = node;
        hns_match_make(run, node, &never->match);
        never->has_after = hns_node_get(node, "after") != NULL;
        never->has_until = hns_node_get(node, "until") != NULL;
        never->armed = !never->has_after;
        if (never->has_after) {
            hns_match_make(run, hns_node_get(node, "after"), &never->after);
        }
        if (never->has_until) {
            hns_match_make(run, hns_node_get(node, "until"), &never->until);
        }
    }
}

/* An end of the agent that nobody asked for and no step expected. */
static void check_exits(struct hns_run *run)
{
    for (size_t i = 0; i < fake_trace_count(run->stage.base.trace); i++) {
        const struct fake_event *event = fake_trace_at(run->stage.base.trace, i);

        if (event->lane == FAKE_LANE_AGENT && strcmp(event->name, "exit") == 0 &&
            !is_used(run, i)) {
            eca_auto_buf struct eca_buf line = {0};

            hns_event_line(event, &line);
            hns_fail(run, NULL, "the agent ended, and no step expects it:\n    %s",
                     eca_buf_str(&line));
        }
    }
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

static void name_result(const struct hns_run *run, struct hns_result *result)
{
    eca_auto_buf struct eca_buf text = {0};
    const char *name;
    const struct hns_node *value;

    eca_buf_add_str(&text, run->scenario->name);
    for (size_t i = 0; hns_scenario_choice(run->scenario, run->opts->combination, i, &name, &value);
         i++) {
        eca_buf_addf(&text, "%s%s=%s", i == 0 ? " [" : ", ", name,
                     value->kind == HNS_SCALAR ? value->text : "...");
    }
    eca_buf_add_str(&text, run->scenario->matrix != NULL ? "]" : "");
    result->name[0] = '\0';
    (void)strncat(result->name, eca_buf_str(&text), sizeof result->name - 1);
}

static void close_run(struct hns_run *run)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    for (size_t i = 0; i < run->cursor_count; i++) {
        free_cursor(run->cursors[i]);
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
    eca_free(run);
}

static uint64_t steps_wait_ns(const struct hns_run *run, const struct hns_node *steps)
{
    uint64_t sum = 0;

    for (size_t i = 0; steps != NULL && steps->kind == HNS_LIST && i < steps->count; i++) {
        const struct hns_node *value = NULL;
        const struct hns_verb *verb = hns_step_verb(NULL, steps->items[i], &value);
        const struct hns_node *wait = NULL;
        int64_t ns = 0, times = 1;

        if (verb == NULL || !step_is_for_mode(run, steps->items[i])) {
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

/* What broke, on the timeline, at the moment when it was noticed. */
static void note_failure(struct hns_run *run)
{
    const char *text = eca_buf_str(&run->failure);
    eca_auto_free char *line = eca_xstrndup(text, strcspn(text, "\n"));

    (void)fake_trace_addv(run->stage.base.trace, FAKE_LANE_SCENARIO, "failed", "text", line, NULL);
}

static void finish(struct hns_run *run, struct hns_result *result)
{
    if (run->stage_open) {
        if (!run->failed) {
            check_exits(run);
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
    }
    if (run->failed && run->stage_open) {
        note_failure(run);
    }
    if (run->stage_open) {
        fake_trace_unlisten(run->stage.base.trace, on_event, run);
        run->stage.ops->agent_kill(run->stage.impl);
        eca_timer_stop(&run->restart_timer);
        eca_timer_stop(&run->news_timer);
        eca_timer_stop(&run->drift_timer);
        for (size_t i = 0; i < run->cursor_count; i++) {
            end_wait(run->cursors[i]);
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
    eca_timer_init(&run->restart_timer, run->stage.base.sched, nothing, NULL);
    eca_timer_init(&run->news_timer, run->stage.base.sched, nothing, NULL);
    fake_trace_listen(run->stage.base.trace, on_event, run);
    if (hns_cast_open(run, &err) < 0) {
        hns_fail(run, NULL, "%s", err.msg);
        return;
    }
    read_never(run);
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
    name_result(run, result);
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
