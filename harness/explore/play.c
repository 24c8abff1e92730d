#include "harness/explore/play.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/str.h"
#include "harness/scenario/run.h"
#include "harness/sim/sim.h"

const char *hns_verdict_name(enum hns_verdict verdict)
{
    static const char *const names[HNS_VERDICTS] = {
        [HNS_FINE] = "fine",
        [HNS_WRONG] = "wrong result",
        [HNS_NO_PROGRESS] = "no progress",
        [HNS_CRASHED] = "crash",
        [HNS_UNPLAYABLE] = "not a scenario",
    };

    return names[verdict];
}

/* ---- kinds ----------------------------------------------------------------------------------- */

/* After "file:line:col: " or "file: ". */
static const char *after_place(const char *text)
{
    const char *colon = strstr(text, ".yaml:");

    if (colon == NULL) {
        return text;
    }
    for (colon += 6; *colon >= '0' && *colon <= '9';) {
        colon += strspn(colon, "0123456789");
        colon += *colon == ':' ? 1 : 0;
    }
    return colon + strspn(colon, " ");
}

void hns_failure_kind(const char *text, char ret_kind[HNS_KIND_BYTES])
{
    size_t len = 0;
    const char *at = after_place(text);

    /* The event's number and what follows of a second thing belong to the run. */
    for (; *at != '\0' && *at != '\n' && *at != ';' && len + 1 < HNS_KIND_BYTES; at++) {
        bool digit = *at >= '0' && *at <= '9';

        if (!digit) {
            ret_kind[len++] = *at;
        } else if (len == 0 || ret_kind[len - 1] != '#') {
            ret_kind[len++] = '#';
        }
    }
    ret_kind[len] = '\0';
}

/* Ids and times stand in texts; a number is a value. */
static void copy_missed(const char *missed, char ret_missed[HNS_KIND_BYTES])
{
    bool quoted = false;
    size_t len = 0;

    for (; *missed != '\0' && len + 1 < HNS_KIND_BYTES; missed++) {
        bool digit = *missed >= '0' && *missed <= '9';

        quoted = *missed == '"' ? !quoted : quoted;
        if (!quoted || !digit) {
            ret_missed[len++] = *missed;
        } else if (ret_missed[len - 1] != '#') {
            ret_missed[len++] = '#';
        }
    }
    ret_missed[len] = '\0';
}

/* ---- playing --------------------------------------------------------------------------------- */

static void play_scenario(const struct hns_scenario *scenario, uint64_t seed,
                          struct hns_played *ret_played, struct eca_buf *ret_text)
{
    struct hns_result result = {0};
    struct hns_sometimes *sometimes = hns_sometimes_new();
    struct hns_run_opts opts = {
        .scenario = scenario,
        .mode = HNS_SIM,
        .open_stage = hns_sim_open,
        .seed = seed,
        .command = "build/harness run",
        .watch = hns_sometimes_event,
        .watch_arg = sometimes,
    };

    hns_run_scenario(&opts, &result);
    ret_played->reached = hns_sometimes_reached(sometimes);
    hns_sometimes_free(sometimes);
    ret_played->events = result.events;
    result.hash[16] = '\0';
    ret_played->trace = strtoull(result.hash, NULL, 16);
    if (result.outcome == HNS_FAILED) {
        hns_failure_kind(eca_buf_str(&result.text), ret_played->kind);
        ret_played->verdict = result.wrong ? HNS_WRONG : HNS_NO_PROGRESS;
        copy_missed(result.missed, ret_played->missed);
        ret_played->line = result.line;
    }
    if (ret_text != NULL) {
        eca_buf_add_str(ret_text, eca_buf_str(&result.text));
    }
    hns_result_clear(&result);
}

void hns_play(struct eca_view text, const char *path, uint64_t seed, struct hns_played *ret_played,
              struct eca_buf *ret_text)
{
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;

    memset(ret_played, 0, sizeof *ret_played);
    if (hns_scenario_parse(text, path, &scenario, &problems) < 0) {
        ret_played->verdict = HNS_UNPLAYABLE;
        hns_failure_kind(eca_buf_str(&problems.text), ret_played->kind);
        if (ret_text != NULL) {
            eca_buf_add_str(ret_text, eca_buf_str(&problems.text));
        }
    } else {
        play_scenario(scenario, seed, ret_played, ret_text);
    }
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
}

void hns_play_guard(void)
{
    struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(HNS_REAL_S_MAX);
}

void hns_played_by_status(int status, struct hns_played *ret_played)
{
    memset(ret_played, 0, sizeof *ret_played);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        ret_played->verdict = HNS_NO_PROGRESS;
        (void)snprintf(ret_played->kind, HNS_KIND_BYTES, "no end within %d s of real time",
                       HNS_REAL_S_MAX);
        return;
    }
    ret_played->verdict = HNS_CRASHED;
    if (WIFSIGNALED(status)) {
        (void)snprintf(ret_played->kind, HNS_KIND_BYTES, "signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(ret_played->kind, HNS_KIND_BYTES, "the process ended with code %d",
                       WEXITSTATUS(status));
    }
}

void hns_play_apart(struct eca_view text, const char *path, uint64_t seed,
                    struct hns_played *ret_played)
{
    int ends[2], status = 0;
    pid_t child;
    bool whole;

    if (pipe(ends) < 0 || (child = fork()) < 0) {
        perror("harness: a child cannot be made");
        exit(EXIT_FAILURE);
    }
    if (child == 0) {
        struct hns_played played;

        hns_play_guard();
        hns_play(text, path, seed, &played, NULL);
        _exit(write(ends[1], &played, sizeof played) == (ssize_t)sizeof played ? 0 : 1);
    }
    (void)close(ends[1]);
    whole = read(ends[0], ret_played, sizeof *ret_played) == (ssize_t)sizeof *ret_played;
    (void)close(ends[0]);
    if (waitpid(child, &status, 0) != child || !whole) {
        hns_played_by_status(status, ret_played);
    }
}
