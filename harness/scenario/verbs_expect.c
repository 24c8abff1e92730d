#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* Verbs that look at the events: expect, eventually, quiet. */
#define EVENTUALLY_NS (UINT64_C(1800) * 1000000000)    /* virtual: longer than any back-off */
#define EVENTUALLY_LIVE_NS (UINT64_C(60) * 1000000000) /* real */
#define QUIET_DEFAULT_NS (UINT64_C(5) * 1000000000)

static bool is_modifier(const char *key)
{
    for (const struct hns_member *member = hns_expect_members; member->name != NULL; member++) {
        if (strcmp(member->name, key) == 0) {
            return true;
        }
    }
    return false;
}

void hns_need_usable(struct hns_run *run, const struct hns_node *at, eca_json want)
{
    char why[240];

    if (!hns_value_is_usable(want, why, sizeof why)) {
        hns_fail(run, at, "%s", why);
    }
}

void hns_need_usable_text(struct hns_run *run, const struct hns_node *at, const char *want)
{
    char why[100];

    if (!hns_text_is_usable(want, why, sizeof why)) {
        hns_fail(run, at, "\"%.80s\" is no regular expression: %s", want, why);
    }
}

static void add_field(struct hns_run *run, struct hns_match *match, const struct hns_node *at,
                      const char *key, const struct hns_node *value)
{
    eca_auto_buf struct eca_buf json = {0};

    hns_node_json(run, value, &json);
    if (!hns_match_add(match, key, eca_buf_str(&json))) {
        hns_fail(run, at, "more than %d fields", HNS_FIELDS_MAX);
        return;
    }
    hns_need_usable(run, value, eca_json_root(match->fields[match->field_count - 1].want));
}

void hns_match_make(struct hns_run *run, const struct hns_node *node, struct hns_match *ret_match)
{
    struct hns_pattern pattern = {0};

    *ret_match = (struct hns_match){0};
    if (hns_pattern_read(node, &pattern) < 0) {
        hns_fail(run, node, "no lane in this event");
        return;
    }
    ret_match->lane = pattern.lane;
    ret_match->name = hns_expand(run, node, pattern.name);
    if (pattern.status != NULL) {
        struct hns_node status = {.kind = HNS_SCALAR,
                                  .file = node->file,
                                  .line = node->line,
                                  .column = node->column,
                                  .quoted = true};
        eca_auto_free char *text = eca_xstrdup(pattern.status);

        status.text = text;
        add_field(run, ret_match, node, "status", &status);
    }
    for (size_t i = 0; i < node->count; i++) {
        const char *key = node->keys[i]->text;

        if (!is_modifier(key) && strcmp(key, fake_lane_name(pattern.lane)) != 0) {
            add_field(run, ret_match, node, key, node->items[i]);
        }
    }
}

static void add_expected(struct hns_run *run, struct hns_cursor *cursor,
                         const struct hns_node *node)
{
    struct hns_args args = {run, NULL, node};
    struct hns_expected *expected = &cursor->expected[cursor->expected_count++];
    const char *since = hns_arg_text(&args, "since", "match");

    *expected = (struct hns_expected){.node = node, .count = hns_arg_int(&args, "count", 1)};
    hns_match_make(run, node, &expected->match);
    if (strcmp(since, "match") == 0) {
        expected->from = run->point[expected->match.lane];
    } else if (strcmp(since, "last") == 0) {
        for (size_t lane = 0; lane < FAKE_LANES; lane++) {
            expected->from = run->point[lane] > expected->from ? run->point[lane] : expected->from;
        }
    } else if (strcmp(since, "now") == 0) {
        expected->from = fake_trace_count(run->stage.base.trace);
    }
}

static int expect(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args,
                  uint64_t within_default_ns)
{
    cursor->expected = eca_xalloc(sizeof(struct hns_expected));
    add_expected(run, cursor, args->node);
    hns_wait_time(run, cursor, hns_arg_ns(args, "within", within_default_ns));
    cursor->wait = HNS_WAIT_EVENTS;
    return ECA_OK;
}

static int verb_expect(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    return expect(run, cursor, args, HNS_WITHIN_DEFAULT_NS);
}

static int verb_eventually(struct hns_run *run, struct hns_cursor *cursor,
                           const struct hns_args *args)
{
    uint64_t own_ns = run->scenario->eventually_ns;
    uint64_t mode_ns = run->opts->mode == HNS_LIVE ? EVENTUALLY_LIVE_NS : EVENTUALLY_NS;

    return expect(run, cursor, args, own_ns > 0 ? own_ns : mode_ns);
}

static int verb_any_order(struct hns_run *run, struct hns_cursor *cursor,
                          const struct hns_args *args)
{
    uint64_t within = 0;

    cursor->expected = eca_xalloc((args->node->count + 1) * sizeof(struct hns_expected));
    for (size_t i = 0; i < args->node->count; i++) {
        struct hns_args one = {run, NULL, args->node->items[i]};
        uint64_t ns = hns_arg_ns(&one, "within", HNS_WITHIN_DEFAULT_NS);

        add_expected(run, cursor, args->node->items[i]);
        within = ns > within ? ns : within;
    }
    hns_wait_time(run, cursor, within);
    cursor->wait = HNS_WAIT_EVENTS;
    return ECA_OK;
}

static int verb_at_most(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    uint64_t most = hns_arg_int(args, "count", 1), seen = 0;
    struct hns_match match = {0};
    eca_auto_buf struct eca_buf text = {0};

    hns_match_make(run, args->node, &match);
    for (size_t i = 0; i < fake_trace_count(run->stage.base.trace); i++) {
        seen += hns_match_event(&match, fake_trace_at(run->stage.base.trace, i), NULL) ? 1 : 0;
    }
    if (seen > most) {
        hns_match_print(&match, &text);
        hns_fail(run, cursor->step, "%s came %llu times, at most %llu were expected",
                 eca_buf_str(&text), (unsigned long long)seen, (unsigned long long)most);
    }
    hns_match_clear(&match);
    return ECA_OK;
}

static int verb_quiet(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    cursor->expected = eca_xalloc(sizeof(struct hns_expected));
    add_expected(run, cursor, args->node);
    cursor->expected[0].from = fake_trace_count(run->stage.base.trace);
    hns_wait_time(run, cursor, hns_arg_ns(args, "for", QUIET_DEFAULT_NS));
    cursor->wait = HNS_WAIT_QUIET;
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_expect[] = {
    {"expect", verb_expect},
    {"eventually", verb_eventually},
    {"expect.any_order", verb_any_order},
    {"expect.at_most", verb_at_most},
    {"quiet", verb_quiet},
    {0},
};
