#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <stddef.h>
#include <string.h>

/* The verb `resources`: what the agent holds, at marks and between them. */
#define LOOK_NS (UINT64_C(100) * 1000000)
#define MORE_DEFAULT 5
#define MORE_MEMORY_KIB_DEFAULT 2048

static const struct figure {
    const char *name; /* in events */
    size_t at;        /* in struct hns_resources */
    bool steady;      /* must not grow (`steady`) */
} figures[] = {
    {"descriptors", offsetof(struct hns_resources, descriptors), true},
    {"memoryKiB", offsetof(struct hns_resources, memory_kib), true},
    {"threads", offsetof(struct hns_resources, threads), true},
    {"totalKiB", offsetof(struct hns_resources, total_kib), false},
    {"cpuMs", offsetof(struct hns_resources, cpu_ms), false},
    {"tasks", offsetof(struct hns_resources, tasks), true},
    {"watched", offsetof(struct hns_resources, watched), true},
    {"submissions", offsetof(struct hns_resources, submissions), true},
    {"timers", offsetof(struct hns_resources, timers), true},
};

static uint64_t value_of(const struct hns_resources *have, const struct figure *figure)
{
    uint64_t value;

    memcpy(&value, (const char *)have + figure->at, sizeof value);
    return value;
}

static void print_resources(const struct hns_resources *have, struct eca_buf *out)
{
    eca_buf_addf(out, "%llu descriptors, %llu threads, %llu KiB",
                 (unsigned long long)have->descriptors, (unsigned long long)have->threads,
                 (unsigned long long)have->memory_kib);
}

static bool is_as_at(const struct hns_args *args, const struct hns_resources *have,
                     const struct hns_resources *mark)
{
    uint64_t slack = hns_arg_int(args, "more_descriptors", MORE_DEFAULT);

    return have->descriptors <= mark->descriptors + slack &&
           mark->descriptors <= have->descriptors + slack && have->threads == mark->threads &&
           have->memory_kib <=
               mark->memory_kib + hns_arg_int(args, "more_memory_kib", MORE_MEMORY_KIB_DEFAULT);
}

struct resources_wait {
    uint64_t cpu_ms, since_ns;
    uint64_t next_ns; /* not looked at again before */
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
    struct resources_wait *wait = cursor->poll_state;
    struct hns_resources have = {0};
    const struct hns_resources *mark;
    uint64_t percent;
    eca_auto_buf struct eca_buf text = {0};

    args.node = value;
    if (hns_now_ns(run) < wait->next_ns && !last) {
        return 0;
    }
    wait->next_ns = hns_now_ns(run) + LOOK_NS;
    if (!run->stage.ops->resources(run->stage.impl, hns_arg_node(&args, "as_at") != NULL, &have)) {
        hns_fail(run, cursor->step, "the agent does not run");
        return 0;
    }
    print_resources(&have, &text);
    if (have.descriptors > hns_arg_int(&args, "descriptors_max", UINT64_MAX)) {
        hns_fail(run, cursor->step, "the agent holds %s", eca_buf_str(&text));
        return 0;
    }
    if (hns_arg_node(&args, "as_at") == NULL) {
        if (last && burns_too_much(run, &args, wait, &have, &percent)) {
            hns_fail(run, cursor->step, "the agent took %llu %% of a processor",
                     (unsigned long long)percent);
        }
        eca_timer_start(&cursor->timer, LOOK_NS);
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
    eca_timer_start(&cursor->timer, LOOK_NS);
    return 0;
}

/* ---- marks ----------------------------------------------------------------------------------- */

static void trace_mark(struct hns_run *run, const char *mark, const struct hns_resources *have)
{
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "mark", mark);
    for (size_t i = 0; i < ECA_ARRAY_LEN(figures); i++) {
        eca_jw_u64(&w, figures[i].name, value_of(have, &figures[i]));
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(run->stage.base.trace, FAKE_LANE_AGENT, "resources", eca_buf_str(&fields));
}

static void set_mark(struct hns_run *run, const struct hns_node *at, const char *mark)
{
    struct hns_resources *have = eca_xalloc(sizeof *have);

    if (run->stage.ops->resources(run->stage.impl, true, have)) {
        trace_mark(run, mark, have);
    } else {
        hns_fail(run, at, "resources: the agent does not run");
    }
    eca_free(eca_map_put(run->marks, mark, have));
}

/* The highest of a half of the marks that fit a pattern. */
struct half {
    const char *mark;
    uint64_t value;
};

static size_t find_highest(const struct hns_run *run, const char *pattern, size_t count,
                           const struct figure *figure, struct half ret_halves[2])
{
    size_t cursor = 0, seen = 0;
    const char *mark;
    void *have;

    memset(ret_halves, 0, 2 * sizeof ret_halves[0]);
    while (eca_map_next(run->marks, &cursor, &mark, &have)) {
        struct half *half = &ret_halves[seen * 2 >= count];

        if (!fake_glob(pattern, mark)) {
            continue;
        }
        seen++;
        if (half->mark == NULL || value_of(have, figure) > half->value) {
            *half = (struct half){mark, value_of(have, figure)};
        }
    }
    return seen;
}

/* Growth shows whatever its form: what is kept for ever makes the later half higher. */
static void check_steady(struct hns_run *run, const struct hns_args *args, const char *pattern)
{
    uint64_t more = hns_arg_int(args, "more_descriptors", MORE_DEFAULT);
    uint64_t more_kib = hns_arg_int(args, "more_memory_kib", MORE_MEMORY_KIB_DEFAULT);
    struct half halves[2];
    size_t count = find_highest(run, pattern, 0, &figures[0], halves);

    if (count < 2) {
        hns_fail(run, args->node, "steady: there are no two marks %s", pattern);
        return;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(figures); i++) {
        uint64_t slack =
            figures[i].at == offsetof(struct hns_resources, memory_kib) ? more_kib : more;

        (void)find_highest(run, pattern, count, &figures[i], halves);
        if (figures[i].steady && halves[1].value > halves[0].value + slack) {
            hns_fail(run, args->node,
                     "%s grows: at most %llu (mark %s) in the earlier half of %zu marks, "
                     "%llu (mark %s) in the later one",
                     figures[i].name, (unsigned long long)halves[0].value, halves[0].mark, count,
                     (unsigned long long)halves[1].value, halves[1].mark);
        }
    }
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int verb_resources(struct hns_run *run, struct hns_cursor *cursor,
                          const struct hns_args *args)
{
    const char *mark = hns_arg_text(args, "mark", NULL);
    const char *steady = hns_arg_text(args, "steady", NULL);
    bool compares = hns_arg_node(args, "as_at") != NULL;
    struct hns_resources now = {0};
    struct resources_wait *wait;
    struct eca_err err = {0};

    if (mark != NULL) {
        set_mark(run, args->node, mark);
        return ECA_OK;
    }
    if (steady != NULL) {
        check_steady(run, args, steady);
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
    (void)run->stage.ops->resources(run->stage.impl, false, &now);
    wait = eca_xalloc(sizeof *wait);
    *wait = (struct resources_wait){.cpu_ms = now.cpu_ms, .since_ns = hns_now_ns(run)};
    hns_wait_poll(run, cursor, poll_resources, wait,
                  compares ? hns_arg_ns(args, "within", HNS_WITHIN_DEFAULT_NS)
                           : hns_arg_ns(args, "for", 0));
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_resources[] = {{"resources", verb_resources}, {0}};
