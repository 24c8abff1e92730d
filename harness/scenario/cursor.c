#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <assert.h>
#include <string.h>

/* A cursor goes through a list of steps. A step is over at once or leaves its cursor waiting. */

/* ---- cursors --------------------------------------------------------------------------------- */

static void nothing(void *arg)
{
    (void)arg; /* the director looks at the time itself; the timer only ends the stage's sleep */
}

void hns_alarm_init(struct hns_run *run, struct eca_timer *timer)
{
    eca_timer_init(timer, run->stage.base.sched, nothing, NULL);
}

struct hns_cursor *hns_cursor_new(struct hns_run *run, struct hns_cursor *parent,
                                  const struct hns_node *steps)
{
    struct hns_cursor *cursor = eca_xalloc(sizeof *cursor);

    assert(run->cursor_count < HNS_CURSORS_MAX);
    cursor->parent = parent;
    cursor->frames[0] = (struct hns_frame){.steps = steps};
    cursor->depth = 1;
    hns_alarm_init(run, &cursor->timer);
    run->cursors[run->cursor_count++] = cursor;
    if (parent != NULL) {
        parent->children++;
    }
    return cursor;
}

void hns_cursor_end_wait(struct hns_cursor *cursor)
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

void hns_cursor_free(struct hns_cursor *cursor)
{
    hns_cursor_end_wait(cursor);
    eca_free(cursor);
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
        (void)hns_cursor_new(run, cursor, branches->items[i]);
    }
    return ECA_OK;
}

/* ---- waits ----------------------------------------------------------------------------------- */

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

void hns_points_to_now(struct hns_run *run, enum fake_lane lane)
{
    for (int i = 0; i < FAKE_LANES; i++) {
        if (lane == FAKE_LANES || (int)lane == i) {
            run->point[i] = fake_trace_count(run->stage.base.trace);
        }
    }
}

void hns_event_use(struct hns_run *run, size_t index)
{
    if (index >= run->used_cap) {
        size_t cap = (index + 1) * 2;

        run->used = eca_xrealloc(run->used, cap);
        memset(run->used + run->used_cap, 0, cap - run->used_cap);
        run->used_cap = cap;
    }
    run->used[index] = 1;
}

bool hns_event_is_used(const struct hns_run *run, size_t index)
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
                !hns_event_is_used(run, cursor->scanned) &&
                hns_match_event(&expected->match, event, NULL)) {
                expected->seen++;
                hns_event_use(run, cursor->scanned);
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
    hns_fail_wrong(run, expected->node, "%s", eca_buf_str(&text));
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

static bool poll_again(struct hns_run *run, struct hns_cursor *cursor, bool last)
{
    bool over = cursor->poll(run, cursor, last) > 0;

    if (run->failed && cursor->wait_until_ns > cursor->wait_since_ns) {
        hns_fail_waited(run, cursor);
    }
    return over;
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
        return poll_again(run, cursor, late);
    case HNS_WAIT_BRANCHES:
        return cursor->children == 0;
    }
    return true;
}

/* ---- steps ----------------------------------------------------------------------------------- */

bool hns_step_is_for_mode(const struct hns_run *run, const struct hns_node *step)
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
    if (!hns_step_is_for_mode(run, step)) {
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

bool hns_cursors_poll(struct hns_run *run, bool stuck)
{
    bool progress = false;

    for (size_t i = 0; i < run->cursor_count && !run->failed; i++) {
        struct hns_cursor *cursor = run->cursors[i];

        if (!cursor->done && poll_wait(run, cursor, stuck) && !run->failed) {
            hns_cursor_end_wait(cursor);
            advance_cursor(run, cursor);
            progress = true;
        }
    }
    for (size_t i = run->cursor_count; i > 1; i--) { /* the root stays */
        if (run->cursors[i - 1]->done) {
            hns_cursor_free(run->cursors[i - 1]);
            memmove(&run->cursors[i - 1], &run->cursors[i],
                    (run->cursor_count - i) * sizeof run->cursors[0]);
            run->cursor_count--;
        }
    }
    return progress;
}
