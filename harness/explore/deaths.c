#include "harness/explore/deaths.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/buf.h"
#include "harness/explore/pool.h"
#include "harness/scenario/run.h"
#include "harness/sim/sim.h"

struct deaths {
    const char *path;
    const struct hns_scenario *scenario;
    uint64_t seed, every;
    uint64_t turns, calls; /* of the run without a death */
    uint64_t passed, failed;
};

/* Moments are numbered from 1: first the turns, then the calls. */
static void play(const struct deaths *all, uint64_t moment, struct hns_result *ret_result)
{
    bool is_turn = moment <= all->turns;
    struct hns_run_opts opts = {
        .scenario = all->scenario,
        .mode = HNS_SIM,
        .open_stage = hns_sim_open,
        .seed = all->seed,
        .command = "build/harness run",
        .death_at_turn = is_turn ? moment : 0,
        .death_at_call = is_turn ? 0 : moment - all->turns,
    };

    hns_run_scenario(&opts, ret_result);
}

static void print_failure(const struct deaths *all, uint64_t moment, const char *why)
{
    bool is_turn = moment <= all->turns;

    (void)printf("FAILED   %s with a death at %s %llu: %s\n", all->path, is_turn ? "turn" : "call",
                 (unsigned long long)(is_turn ? moment : moment - all->turns), why);
    (void)fflush(stdout);
}

static uint64_t moment_of(const struct deaths *all, uint64_t number)
{
    return 1 + number * all->every;
}

/* In a worker, which has the whole explanation. */
static void play_death(void *arg, uint64_t number, struct hns_played *ret_played)
{
    const struct deaths *all = arg;
    uint64_t moment = moment_of(all, number);
    struct hns_result result = {0};

    *ret_played = (struct hns_played){.verdict = HNS_FINE};
    play(all, moment, &result);
    if (result.outcome != HNS_PASSED) {
        ret_played->verdict = HNS_WRONG;
        print_failure(all, moment, eca_buf_str(&result.text));
    }
    hns_result_clear(&result);
}

static bool count_death(void *arg, uint64_t number, const struct hns_played *played)
{
    struct deaths *all = arg;

    if (played->verdict == HNS_FINE) {
        all->passed++;
        return true;
    }
    all->failed++;
    if (played->verdict != HNS_WRONG) { /* the worker could not say it */
        print_failure(all, moment_of(all, number), played->kind);
    }
    return true;
}

static void play_deaths(struct deaths *all)
{
    struct hns_pool_opts pool = {
        .count = (all->turns + all->calls + all->every - 1) / all->every,
        .play = play_death,
        .on_played = count_death,
        .arg = all,
    };

    hns_pool_run(&pool);
}

static void play_file(struct deaths *all)
{
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;
    struct hns_result result = {0};

    if (hns_scenario_load(all->path, &scenario, &problems) < 0) {
        (void)fputs(eca_buf_str(&problems.text), stdout);
        all->failed++;
    } else {
        all->scenario = scenario;
        play(all, 0, &result);
        if (result.outcome != HNS_PASSED) {
            (void)printf("FAILED   %s: %s\n", all->path, eca_buf_str(&result.text));
            all->failed++;
        } else {
            all->turns = result.turns;
            all->calls = result.calls;
            (void)printf("%s: %llu turns, %llu calls\n", all->path, (unsigned long long)all->turns,
                         (unsigned long long)all->calls);
            all->passed++;
            play_deaths(all);
        }
    }
    hns_result_clear(&result);
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
}

int hns_deaths(const char *const *paths, size_t count, uint64_t seed, uint64_t every)
{
    uint64_t passed = 0, failed = 0;

    for (size_t i = 0; i < count; i++) {
        struct deaths all = {.path = paths[i], .seed = seed, .every = every > 0 ? every : 1};

        play_file(&all);
        passed += all.passed;
        failed += all.failed;
    }
    (void)printf("%llu passed, %llu failed\n", (unsigned long long)passed,
                 (unsigned long long)failed);
    return failed == 0 && passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
