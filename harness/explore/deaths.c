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
};

/* What a worker tells when it is done. */
struct tally {
    uint64_t passed, failed;
};

static uint64_t play(const struct deaths *all, uint64_t turn, struct hns_result *ret_result)
{
    struct hns_run_opts opts = {
        .scenario = all->scenario,
        .mode = HNS_SIM,
        .open_stage = hns_sim_open,
        .seed = all->seed,
        .command = "build/harness run",
        .death_at_turn = turn,
    };

    hns_run_scenario(&opts, ret_result);
    return ret_result->turns;
}

static void play_death(const struct deaths *all, uint64_t turn, struct tally *tally)
{
    struct hns_result result = {0};

    hns_play_guard();
    (void)play(all, turn, &result);
    if (result.outcome == HNS_PASSED) {
        tally->passed++;
    } else {
        tally->failed++;
        (void)printf("FAILED   %s with a death at turn %llu: %s\n", all->path,
                     (unsigned long long)turn, eca_buf_str(&result.text));
        (void)fflush(stdout);
    }
    hns_result_clear(&result);
}

/* Its share of the turns: number, number + count, ... */
static pid_t start(const struct deaths *all, uint64_t turns, unsigned number, unsigned count,
                   int to)
{
    pid_t pid = fork();
    struct tally tally = {0};

    if (pid != 0) {
        return pid;
    }
    for (uint64_t turn = 1 + number * all->every; turn <= turns; turn += count * all->every) {
        play_death(all, turn, &tally);
    }
    _exit(write(to, &tally, sizeof tally) == (ssize_t)sizeof tally ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int play_deaths(const struct deaths *all, uint64_t turns, unsigned count)
{
    struct tally tally, total = {.passed = 1};
    pid_t pids[WORKERS_MAX];
    int ends[2];

    (void)fflush(NULL);
    if (pipe(ends) < 0) {
        perror("harness: pipe");
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < count; i++) {
        pids[i] = start(all, turns, i, count, ends[1]);
    }
    (void)close(ends[1]);
    for (unsigned i = 0; i < count; i++) {
        int status = -1;

        if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status != 0) {
            struct hns_played played;

            hns_played_by_status(status, &played);
            (void)printf("FAILED   %s: a worker ended: %s\n", all->path, played.kind);
            total.failed++;
        }
    }
    while (read(ends[0], &tally, sizeof tally) == (ssize_t)sizeof tally) {
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    (void)close(ends[0]);
    (void)printf("%s: %llu turns\n%llu passed, %llu failed\n", all->path, (unsigned long long)turns,
                 (unsigned long long)total.passed, (unsigned long long)total.failed);
    return total.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int hns_deaths(const char *path, uint64_t seed, uint64_t every)
{
    struct deaths all = {.path = path, .seed = seed, .every = every > 0 ? every : 1};
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;
    struct hns_result result = {0};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (unsigned)cpus;
    int code = EXIT_FAILURE;

    if (hns_scenario_load(path, &scenario, &problems) < 0) {
        (void)fputs(eca_buf_str(&problems.text), stdout);
    } else {
        uint64_t turns;

        all.scenario = scenario;
        turns = play(&all, 0, &result);
        if (result.outcome != HNS_PASSED) {
            (void)printf("FAILED   %s: %s\n0 passed, 1 failed\n", path, eca_buf_str(&result.text));
        } else {
            code = play_deaths(&all, turns, count);
        }
    }
    hns_result_clear(&result);
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
    return code;
}
