#include "harness/explore/generate.h"

#include "agent/base/mem.h"
#include "harness/explore/plan.h"

#include <stdarg.h>
#include <stdio.h>

#define STREAM UINT64_C(0x6578706c6f7265) /* of the seed; the run itself uses others */

/* ---- dice ------------------------------------------------------------------------------------ */

uint64_t hns_plan_below(struct hns_plan *plan, uint64_t bound)
{
    return eca_entropy_below(sim_rng_port(&plan->rng), bound);
}

bool hns_plan_chance(struct hns_plan *plan, unsigned percent)
{
    return hns_plan_below(plan, 100) < percent;
}

void hns_plan_step(struct hns_plan *plan, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    eca_buf_add_str(plan->out, "  - ");
    eca_buf_vaddf(plan->out, fmt, args);
    eca_buf_add_char(plan->out, '\n');
    va_end(args);
}

/* ---- options --------------------------------------------------------------------------------- */

static const char *const family_names[HNS_FAMILIES] = {
    [HNS_FAM_DOCKER] = "docker calls",
    [HNS_FAM_PULL] = "pulls",
    [HNS_FAM_EVENTS] = "docker events",
    [HNS_FAM_DAEMON] = "docker daemon",
    [HNS_FAM_ECS] = "ecs calls",
    [HNS_FAM_ACS] = "acs sessions",
    [HNS_FAM_TCS] = "telemetry",
    [HNS_FAM_METADATA] = "metadata",
    [HNS_FAM_DISK] = "disk",
    [HNS_FAM_DEATH] = "agent deaths",
    [HNS_FAM_OPERATOR] = "operators",
    [HNS_FAM_CLOCK] = "clock",
    [HNS_FAM_UPDATE] = "updates",
    [HNS_FAM_IMAGES] = "images",
};

static void draw_options(struct hns_plan *plan)
{
    static const uint32_t phases_s[] = {5, 20, 60, 300, 1200};
    static const uint32_t latencies_us[] = {100, 100, 1000, 20000, 150000};
    static const uint32_t jitters_us[] = {0, 0, 1000, 50000};

    plan->task_count = 1 + (unsigned)hns_plan_below(plan, HNS_TASKS_MAX);
    plan->step_count = 4 + (unsigned)hns_plan_below(plan, 36);
    plan->phase_ms = 1000 * phases_s[hns_plan_below(plan, ECA_ARRAY_LEN(phases_s))];
    plan->latency_us = latencies_us[hns_plan_below(plan, ECA_ARRAY_LEN(latencies_us))];
    plan->jitter_us = jitters_us[hns_plan_below(plan, ECA_ARRAY_LEN(jitters_us))];
    /* One run in eight is calm: then every stop needs a cause. */
    if (hns_plan_below(plan, 8) == 0) {
        plan->crowded = hns_plan_chance(plan, 50);
        if (plan->crowded) {
            plan->task_count = HNS_TASKS_MAX;
            plan->phase_ms = 1000;
        }
        return;
    }
    for (int i = 0; i < HNS_FAMILIES; i++) { /* half of them off, else 1 (light) to 4 (heavy) */
        plan->weight[i] = hns_plan_chance(plan, 50) ? 0 : 1 + (unsigned)hns_plan_below(plan, 4);
    }
    plan->weight[HNS_FAM_DOCKER] *= 4; /* it has many calls of few moments */
    plan->weight[HNS_FAM_EVENTS] *= 2;
}

static void print_options(struct hns_plan *plan, uint64_t seed)
{
    eca_buf_addf(plan->out, "# seed          %llu\n", (unsigned long long)seed);
    eca_buf_addf(plan->out, "# tasks         %u\n", plan->task_count);
    eca_buf_addf(plan->out, "# steps         %u in %u s\n", plan->step_count,
                 plan->phase_ms / 1000);
    eca_buf_addf(plan->out, "# latency       %u us + %u us\n", plan->latency_us, plan->jitter_us);
    if (plan->crowded) {
        eca_buf_add_str(plan->out, "# crowded\n");
    }
    for (int i = 0; i < HNS_FAMILIES; i++) {
        if (plan->weight[i] > 0) {
            eca_buf_addf(plan->out, "# %-13s %u\n", family_names[i], plan->weight[i]);
        }
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What the best agent cannot help. */
static void allow(struct hns_plan *plan)
{
    const struct {
        bool when;
        const char *rule, *reason;
    } rules[] = {
        {plan->weight[HNS_FAM_ACS] > 0, "ACS-202", "who does not read sees no end of a session"},
        {plan->weight[HNS_FAM_TCS] > 0, "TCS-701", "who does not read sees no end of a session"},
        {plan->weight[HNS_FAM_TCS] > 0 || plan->weight[HNS_FAM_CLOCK] > 0, "TCS-402",
         "what is read late was signed early"},
        {plan->weight[HNS_FAM_CLOCK] > 0, "API-F01",
         "what was signed before a step arrives after it, and is sent again (API-406)"},
        {plan->weight[HNS_FAM_CLOCK] > 0, "WS-303",
         "what was signed before a step arrives after it"},
        {plan->weight[HNS_FAM_CLOCK] > 0, "TCS-902",
         "what was signed before a step arrives after it"},
        {plan->weight[HNS_FAM_IMAGES] > 0, "IMG-202", "a name that moved on is another image's"},
        {plan->weight[HNS_FAM_OPERATOR] > 0, "FB-INV.3",
         "what an operator starts again may take its time to stop"},
    };

    bool any = false;

    for (size_t i = 0; i < ECA_ARRAY_LEN(rules); i++) {
        if (rules[i].when) {
            eca_buf_addf(plan->out, "%s  %s: %s\n", any ? "" : "allow:\n", rules[i].rule,
                         rules[i].reason);
            any = true;
        }
    }
}

void hns_generate(uint64_t seed, struct eca_buf *out)
{
    struct hns_plan *plan = eca_xalloc(sizeof *plan);

    plan->out = out;
    sim_rng_init(&plan->rng, seed, STREAM);
    draw_options(plan);
    print_options(plan, seed);
    eca_buf_addf(out, "name: Seed %llu settles\nmodes: [sim]\nreason: made by harness explore\n",
                 (unsigned long long)seed);
    hns_plan_world(plan);
    eca_buf_add_str(out, "timeline:\n");
    hns_plan_trouble(plan);
    hns_plan_end(plan);
    allow(plan);
    eca_free(plan);
}
