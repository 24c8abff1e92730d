#include "harness/explore/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "harness/scenario/run.h"
#include "harness/sim/sim.h"

#define SECONDS_MAX 3600
#define ROWS 40
#define BAR 60
#define SETTLED_S 300        /* the pauses have grown to their longest (ACS-211) */
#define LONGEST_PAUSE_S 145  /* 120 s, a fifth of it at random, and the dial */
#define ATTEMPTS_PER_HOUR 44 /* 16 while they grow, then one in 120 s at least */

struct fleet {
    uint64_t agents, attempts, missing; /* missing: not back in time */
    uint64_t per_second[SECONDS_MAX];   /* since "lost" */
    uint64_t busiest_agent;             /* attempts of one agent */
    int64_t back_s;                     /* "back" since "lost" */
    /* Of the agent that is being played. */
    int64_t lost_ns, back_ns, connected_ns; /* -1 = not yet */
    uint64_t tries;
};

static bool field_is(const struct fake_event *event, const char *name, const char *value)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *text = NULL;

    return eca_json_parse(eca_view_str(event->fields), &doc, NULL) == 0 &&
           eca_json_read_str(eca_json_root(doc), "", name, &text, NULL) == 0 && text != NULL &&
           strcmp(text, value) == 0;
}

static void on_try(struct fleet *fleet, const struct fake_event *event)
{
    int64_t second = ((int64_t)event->at_ns - fleet->lost_ns) / INT64_C(1000000000);

    if (fleet->lost_ns < 0 || second >= SECONDS_MAX) {
        return;
    }
    fleet->tries++;
    fleet->attempts++;
    fleet->per_second[second]++;
    if (strcmp(event->name, "connect") == 0 && fleet->back_ns >= 0 && fleet->connected_ns < 0) {
        fleet->connected_ns = (int64_t)event->at_ns;
    }
}

static void on_event(void *arg, const struct fake_event *event)
{
    struct fleet *fleet = arg;

    if (event->lane == FAKE_LANE_SCENARIO && strcmp(event->name, "say") == 0) {
        if (field_is(event, "text", "lost")) {
            fleet->lost_ns = (int64_t)event->at_ns;
        } else if (field_is(event, "text", "back")) {
            fleet->back_ns = (int64_t)event->at_ns;
        }
    } else if (event->lane == FAKE_LANE_ACS &&
               (strcmp(event->name, "connect") == 0 || strcmp(event->name, "refused") == 0)) {
        on_try(fleet, event);
    }
}

static bool play_one(struct fleet *fleet, const struct hns_scenario *scenario, uint64_t seed)
{
    struct hns_result result = {0};
    struct hns_run_opts opts = {.scenario = scenario,
                                .mode = HNS_SIM,
                                .open_stage = hns_sim_open,
                                .seed = seed,
                                .command = "build/harness run",
                                .watch = on_event,
                                .watch_arg = fleet};
    bool passed;

    fleet->lost_ns = fleet->back_ns = fleet->connected_ns = -1;
    fleet->tries = 0;
    hns_run_scenario(&opts, &result);
    passed = result.outcome == HNS_PASSED;
    if (!passed) {
        (void)printf("FAILED   agent %llu: %s\n", (unsigned long long)seed,
                     eca_buf_str(&result.text));
    }
    hns_result_clear(&result);
    fleet->back_s = (fleet->back_ns - fleet->lost_ns) / INT64_C(1000000000);
    fleet->missing += fleet->connected_ns < 0 ||
                      fleet->connected_ns - fleet->back_ns > LONGEST_PAUSE_S * INT64_C(1000000000);
    if (fleet->tries > fleet->busiest_agent) {
        fleet->busiest_agent = fleet->tries;
    }
    return passed;
}

static uint64_t peak(const struct fleet *fleet, size_t from, size_t to)
{
    uint64_t most = 0;

    for (size_t i = from; i < to && i < SECONDS_MAX; i++) {
        most = fleet->per_second[i] > most ? fleet->per_second[i] : most;
    }
    return most;
}

static size_t last_second(const struct fleet *fleet)
{
    size_t last = 0;

    for (size_t i = 0; i < SECONDS_MAX; i++) {
        last = fleet->per_second[i] > 0 ? i : last;
    }
    return last;
}

/* One row for several seconds; the bar shows the busiest of them. */
static void print(const struct fleet *fleet)
{
    size_t seconds = last_second(fleet) + 1, step = (seconds + ROWS - 1) / ROWS;
    uint64_t most = peak(fleet, 0, seconds);

    (void)printf(
        "%llu agents lose ACS at second 0; it is back at second %lld. Attempts per second, "
        "the most within each %zu s:\n",
        (unsigned long long)fleet->agents, (long long)fleet->back_s, step);
    for (size_t from = 0; from < seconds; from += step) {
        uint64_t here = peak(fleet, from, from + step);
        int bar = most == 0 ? 0 : (int)((here * BAR + most - 1) / most);

        (void)printf("%6zu s %6llu %.*s%s\n", from, (unsigned long long)here, bar,
                     "############################################################",
                     fleet->back_s >= (int64_t)from && fleet->back_s < (int64_t)(from + step)
                         ? " <- back"
                         : "");
    }
}

static bool judge(const struct fleet *fleet, uint64_t peak_percent)
{
    size_t seconds = last_second(fleet) + 1;
    uint64_t settled = peak(fleet, SETTLED_S, seconds);
    uint64_t tries_max = 16 + (uint64_t)seconds * (ATTEMPTS_PER_HOUR - 16) / 3600 + 1;
    bool fine = true;

    (void)printf("%llu attempts in all; at most %llu of one agent; after second %d at most %llu "
                 "within one second\n",
                 (unsigned long long)fleet->attempts, (unsigned long long)fleet->busiest_agent,
                 SETTLED_S, (unsigned long long)settled);
    if (fleet->missing > 0) {
        (void)printf("FAILED   %llu agents were not back within %d s (ACS-211)\n",
                     (unsigned long long)fleet->missing, LONGEST_PAUSE_S);
        fine = false;
    }
    if (settled * 100 > fleet->agents * peak_percent) {
        (void)printf("FAILED   more than %llu %% of the agents within one second\n",
                     (unsigned long long)peak_percent);
        fine = false;
    }
    if (fleet->busiest_agent > tries_max) {
        (void)printf("FAILED   an agent tried %llu times, the pauses allow %llu (ACS-211)\n",
                     (unsigned long long)fleet->busiest_agent, (unsigned long long)tries_max);
        fine = false;
    }
    return fine;
}

int hns_fleet(const char *path, uint64_t agents, uint64_t first_seed, uint64_t peak_percent)
{
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;
    struct fleet fleet = {.agents = agents};
    bool fine = hns_scenario_load(path, &scenario, &problems) == 0;

    if (!fine) {
        (void)fputs(eca_buf_str(&problems.text), stdout);
    }
    for (uint64_t i = 0; fine && i < agents; i++) {
        fine = play_one(&fleet, scenario, first_seed + i);
    }
    if (fine && fleet.attempts == 0) {
        (void)printf("FAILED   %s: nobody says \"lost\", or nobody tried after it\n", path);
        fine = false;
    }
    if (fine) {
        print(&fleet);
        fine = judge(&fleet, peak_percent);
    }
    (void)printf("%d passed, %d failed\n", fine ? 1 : 0, fine ? 0 : 1);
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
