#include "harness/explore/deaths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "harness/explore/play.h"
#include "harness/scenario/run.h"
#include "harness/sim/sim.h"

#define WORKERS_MAX 64

struct deaths {
    const char *path;
    const struct hns_scenario *scenario;
    uint64_t seed, every;
    uint64_t turns, calls; /* of the run without a death */
};

/* What a worker tells when it is done. */
struct tally {
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

static void play_death(const struct deaths *all, uint64_t moment, struct tally *tally)
{
    struct hns_result result = {0};
    bool is_turn = moment <= all->turns;

    hns_play_guard();
    play(all, moment, &result);
    if (result.outcome == HNS_PASSED) {
        tally->passed++;
    } else {
        tally->failed++;
        (void)printf("FAILED   %s with a death at %s %llu: %s\n", all->path,
                     is_turn ? "turn" : "call",
                     (unsigned long long)(is_turn ? moment : moment - all->turns),
                     eca_buf_str(&result.text));
        (void)fflush(stdout);
    }
    hns_result_clear(&result);
}

/* Its share of the moments: number, number + count, ... */
static pid_t start(const struct deaths *all, unsigned number, unsigned count, int to)
{
    pid_t pid = fork();
    struct tally tally = {0};

    if (pid != 0) {
        return pid;
    }
    for (uint64_t moment = 1 + number * all->every; moment <= all->turns + all->calls;
         moment += count * all->every) {
        play_death(all, moment, &tally);
    }
    _exit(write(to, &tally, sizeof tally) == (ssize_t)sizeof tally ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void play_deaths(const struct deaths *all, struct tally *total)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (unsigned)cpus;
    struct tally tally;
    pid_t pids[WORKERS_MAX];
    int ends[2];

    (void)fflush(NULL);
    if (pipe(ends) < 0) {
        perror("harness: pipe");
        total->failed++;
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        pids[i] = start(all, i, count, ends[1]);
    }
    (void)close(ends[1]);
    for (unsigned i = 0; i < count; i++) {
        int status = -1;

        if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status != 0) {
            struct hns_played played;

            hns_played_by_status(status, &played);
            (void)printf("FAILED   %s: a worker ended: %s\n", all->path, played.kind);
            total->failed++;
        }
    }
    while (read(ends[0], &tally, sizeof tally) == (ssize_t)sizeof tally) {
        total->passed += tally.passed;
        total->failed += tally.failed;
    }
    (void)close(ends[0]);
}

static void play_file(struct deaths *all, struct tally *total)
{
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;
    struct hns_result result = {0};

    if (hns_scenario_load(all->path, &scenario, &problems) < 0) {
        (void)fputs(eca_buf_str(&problems.text), stdout);
        total->failed++;
    } else {
        all->scenario = scenario;
        play(all, 0, &result);
        if (result.outcome != HNS_PASSED) {
            (void)printf("FAILED   %s: %s\n", all->path, eca_buf_str(&result.text));
            total->failed++;
        } else {
            all->turns = result.turns;
            all->calls = result.calls;
            (void)printf("%s: %llu turns, %llu calls\n", all->path, (unsigned long long)all->turns,
                         (unsigned long long)all->calls);
            total->passed++;
            play_deaths(all, total);
        }
    }
    hns_result_clear(&result);
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
}

int hns_deaths(const char *const *paths, size_t count, uint64_t seed, uint64_t every)
{
    struct tally total = {0};

    for (size_t i = 0; i < count; i++) {
        struct deaths all = {.path = paths[i], .seed = seed, .every = every > 0 ? every : 1};

        play_file(&all, &total);
    }
    (void)printf("%llu passed, %llu failed\n", (unsigned long long)total.passed,
                 (unsigned long long)total.failed);
    return total.failed == 0 && total.passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
