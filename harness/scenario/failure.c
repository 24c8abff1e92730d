#include "harness/scenario/inside.h"

#include "agent/base/mem.h"
#include "harness/shell.h"

#include <stdarg.h>
#include <string.h>

#define LAST_EVENTS 4

void hns_format_s(uint64_t ns, struct eca_buf *out)
{
    eca_buf_addf(out, "%llu.%03us", (unsigned long long)(ns / 1000000000),
                 (unsigned)(ns / 1000000 % 1000));
}

void hns_event_line(const struct fake_event *event, struct eca_buf *out)
{
    eca_buf_addf(out, "#%llu ", (unsigned long long)event->seq);
    hns_format_s(event->at_ns, out);
    eca_buf_addf(out, " %s %s", fake_lane_name(event->lane), event->name);
    if (strcmp(event->fields, "{}") != 0) {
        eca_buf_addf(out, " %s", event->fields);
    }
}

__attribute__((format(printf, 4, 0))) static void
fail(struct hns_run *run, const struct hns_node *at, bool wrong, const char *fmt, va_list args)
{
    if (run->failed) {
        return; /* the first failure explains the rest */
    }
    run->failed = true;
    run->wrong = wrong;
    if (at != NULL) {
        eca_buf_addf(&run->failure, "%s:%u:%u: ", at->file, (unsigned)at->line,
                     (unsigned)at->column);
    } else {
        eca_buf_addf(&run->failure, "%s: ", run->scenario->file);
    }
    eca_buf_vaddf(&run->failure, fmt, args);
    eca_buf_add_char(&run->failure, '\n');
}

void hns_fail(struct hns_run *run, const struct hns_node *at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fail(run, at, false, fmt, args);
    va_end(args);
}

void hns_fail_wrong(struct hns_run *run, const struct hns_node *at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fail(run, at, true, fmt, args);
    va_end(args);
}

struct nearest {
    const struct fake_event *event;
    size_t fitting;
    bool fits, before, used;
};

/* The event that fits best: a fitting one that came too early or was used beats any other. */
static void find_nearest(struct hns_run *run, const struct hns_expected *expected,
                         struct nearest *ret_nearest)
{
    size_t count = fake_trace_count(run->stage.base.trace);

    *ret_nearest = (struct nearest){0};
    for (size_t i = 0; i < count; i++) {
        const struct fake_event *event = fake_trace_at(run->stage.base.trace, i);
        size_t fitting = 0;
        bool fits = hns_match_event(&expected->match, event, &fitting);

        if (!hns_match_name(&expected->match, event) || fitting < ret_nearest->fitting ||
            (ret_nearest->fits && !fits)) {
            continue;
        }
        *ret_nearest = (struct nearest){event, fitting, fits, i < expected->from,
                                        i < run->used_cap && run->used[i] != 0};
    }
}

/* What an event is about; the other fields tell how that went. */
static bool is_subject(const char *key)
{
    static const char *const keys[] = {"task",          "container", "status", "image",
                                       "path",          "mark",      "type",   "messageId",
                                       "credentialsId", "session",   "life",   "verb"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* The very event came, and another value in it: waiting longer would not change that. */
static bool came_otherwise(struct hns_run *run, const struct hns_expected *expected)
{
    size_t count = fake_trace_count(run->stage.base.trace);
    struct hns_match subject = {.lane = expected->match.lane, .name = expected->match.name};

    for (size_t i = 0; i < expected->match.field_count; i++) {
        if (is_subject(expected->match.fields[i].key)) {
            subject.fields[subject.field_count++] = expected->match.fields[i];
        }
    }
    if (subject.field_count == 0 || subject.field_count == expected->match.field_count) {
        return false;
    }
    for (size_t i = (size_t)expected->from; i < count; i++) {
        const struct fake_event *event = fake_trace_at(run->stage.base.trace, i);

        if (!hns_event_is_used(run, i) && hns_match_event(&subject, event, NULL) &&
            !hns_match_event(&expected->match, event, NULL)) {
            return true;
        }
    }
    return false;
}

static void explain_nearest(struct hns_run *run, const struct hns_expected *expected)
{
    struct nearest nearest;
    struct eca_buf *out = &run->failure, *missed = &run->missed;

    find_nearest(run, expected, &nearest);
    if (nearest.event == NULL) {
        eca_buf_addf(out, "    came instead: no %s %s at all\n",
                     fake_lane_name(expected->match.lane), expected->match.name);
        eca_buf_add_str(missed, "no such event");
        return;
    }
    eca_buf_add_str(out, "    nearest: ");
    hns_event_line(nearest.event, out);
    eca_buf_add_str(out, "\n             ");
    if (nearest.fits && nearest.used) {
        eca_buf_add_str(missed, "it fits, but another expectation has matched it already");
        eca_buf_add_view(out, eca_buf_view(missed));
    } else if (nearest.fits && nearest.before) {
        eca_buf_add_str(missed, "it fits, but came before");
        eca_buf_addf(out,
                     "%s #%llu, which this expectation follows: reorder the steps, use "
                     "expect.any_order, or since: start",
                     eca_buf_str(missed), (unsigned long long)expected->from);
    } else {
        hns_match_difference(&expected->match, nearest.event, missed);
        eca_buf_add_view(out, eca_buf_view(missed));
    }
    eca_buf_add_char(out, '\n');
}

static void waited(struct hns_run *run, const struct hns_cursor *cursor, struct eca_buf *out)
{
    eca_buf_add_str(out, "    waited: from ");
    hns_format_s(cursor->wait_since_ns, out);
    eca_buf_add_str(out, " to ");
    hns_format_s(hns_now_ns(run), out);
}

void hns_fail_waited(struct hns_run *run, const struct hns_cursor *cursor)
{
    waited(run, cursor, &run->failure);
    eca_buf_add_char(&run->failure, '\n');
}

void hns_fail_expected(struct hns_run *run, struct hns_cursor *cursor, bool stuck)
{
    const struct hns_expected *missing = NULL;
    struct eca_buf *out = &run->failure;

    for (size_t i = 0; i < cursor->expected_count; i++) {
        if (cursor->expected[i].seen < cursor->expected[i].count) {
            missing = missing == NULL ? &cursor->expected[i] : missing;
        }
    }
    if (missing == NULL || run->failed) {
        return;
    }
    run->failed = true;
    eca_buf_addf(out, "%s:%u:%u: expected ", missing->node->file, (unsigned)missing->node->line,
                 (unsigned)missing->node->column);
    hns_match_print(&missing->match, out);
    if (missing->count > 1) {
        eca_buf_addf(out, ", %llu times, seen %llu times", (unsigned long long)missing->count,
                     (unsigned long long)missing->seen);
    }
    for (size_t i = 0; i < cursor->expected_count; i++) {
        const struct hns_expected *other = &cursor->expected[i];

        if (other != missing && other->seen < other->count) {
            eca_buf_add_str(out, "\n    and ");
            hns_match_print(&other->match, out);
        }
    }
    eca_buf_add_char(out, '\n');
    waited(run, cursor, out);
    eca_buf_addf(out, ", looking after event #%llu%s\n", (unsigned long long)missing->from,
                 stuck ? "; nothing is left that could happen" : "");
    explain_nearest(run, missing);
    run->wrong = came_otherwise(run, missing);
}

static void last_events(struct hns_run *run, enum fake_lane lane)
{
    const struct fake_event *last[LAST_EVENTS];
    size_t count = 0;

    for (size_t i = fake_trace_count(run->stage.base.trace); i > 0 && count < LAST_EVENTS; i--) {
        const struct fake_event *event = fake_trace_at(run->stage.base.trace, i - 1);

        if (event->lane == lane) {
            last[count++] = event;
        }
    }
    for (; count > 0; count--) {
        eca_buf_add_str(&run->failure, "      ");
        hns_event_line(last[count - 1], &run->failure);
        eca_buf_add_char(&run->failure, '\n');
    }
}

static bool has_set(const struct hns_run_opts *opts, const char *set)
{
    for (size_t i = 0; i < opts->set_count; i++) {
        if (strcmp(opts->sets[i], set) == 0) {
            return true;
        }
    }
    return false;
}

static void reproduce(struct hns_run *run)
{
    const struct hns_run_opts *opts = run->opts;
    const struct hns_node *value;
    const char *name;

    eca_buf_addf(&run->failure, "    reproduce: %s --seed %llu",
                 opts->command == NULL ? "build/harness run" : opts->command,
                 (unsigned long long)opts->seed);
    for (size_t i = 0; hns_scenario_choice(run->scenario, opts->combination, i, &name, &value);
         i++) {
        if (value->kind == HNS_SCALAR) {
            eca_auto_free char *set = eca_xasprintf("%s=%s", name, value->text);

            if (!has_set(opts, set)) { /* else it stands in the command */
                eca_buf_add_str(&run->failure, " --set ");
                hns_shell_word(set, &run->failure);
            }
        }
    }
    eca_buf_addf(&run->failure, " %s\n", run->scenario->file);
}

void hns_fail_surroundings(struct hns_run *run)
{
    if (run->stage_open) {
        eca_buf_add_str(&run->failure, "    last events of each party:\n");
        for (int lane = 0; lane < FAKE_LANES; lane++) {
            last_events(run, (enum fake_lane)lane);
        }
    }
    if (run->line_count > 0) {
        eca_buf_add_str(&run->failure, "    last lines of the agent's log:\n");
        for (size_t i = run->line_count > LAST_EVENTS ? run->line_count - LAST_EVENTS : 0;
             i < run->line_count; i++) {
            eca_buf_addf(&run->failure, "      %.300s\n", run->lines[i].text);
        }
    }
    reproduce(run);
}
