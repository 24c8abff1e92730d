#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/* What the trace tells while it grows: events that must never come, rules that must not break. */
#define CONNECTS_PER_S_MAX 5

void hns_watch_read(struct hns_run *run)
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
        hns_fail_wrong(run, NULL,
                       "FB-INV.8: more than %d connection attempts to ACS within a second",
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
        hns_fail_wrong(run, NULL, "%s is broken, noticed by %s in event #%llu: %s", rule,
                       fake_lane_name(event->lane), (unsigned long long)event->seq, detail);
    }
}

void hns_wake(struct hns_run *run)
{
    if (run->opts->mode == HNS_LIVE) {
        eca_timer_start(&run->news_timer, 0);
    }
}

void hns_watch_event(void *arg, const struct fake_event *event)
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
