#include "harness/explore/mutations.h"

#include <stdlib.h>

#include "agent/base/mutation.h"
#include "harness/explore/explore.h"
#include "harness/explore/generate.h"
#include "harness/explore/pool.h"

struct hunt {
    uint64_t seed; /* the lowest that fails; UINT64_MAX = none yet */
    struct hns_played played;
};

static void play_with(enum eca_mutation mutation, uint64_t seed, struct hns_played *ret_played)
{
    eca_auto_buf struct eca_buf text = {0};

    (void)eca_mutation_set(mutation);
    hns_generate(seed, &text);
    hns_play_apart(eca_buf_view(&text), HNS_EXPLORE_FOLDER "/seed.yaml", seed, ret_played);
}

struct play {
    enum eca_mutation mutation;
    struct hunt hunt;
};

static void play_seed(void *arg, uint64_t seed, struct hns_played *ret_played)
{
    const struct play *play = arg;
    struct hns_played without;

    play_with(play->mutation, seed, ret_played);
    if (ret_played->verdict != HNS_FINE) { /* it has to be the mutation's doing */
        play_with(ECA_MUTATION_NONE, seed, &without);
        if (without.verdict != HNS_FINE) {
            ret_played->verdict = HNS_FINE;
        }
    }
}

static bool on_played(void *arg, uint64_t seed, const struct hns_played *played)
{
    struct play *play = arg;

    if (played->verdict == HNS_FINE) {
        return true;
    }
    if (seed < play->hunt.seed) {
        play->hunt = (struct hunt){seed, *played};
    }
    return false;
}

static bool hunt(const struct hns_mutations_opts *opts, enum eca_mutation mutation)
{
    struct play play = {mutation, {.seed = UINT64_MAX}};
    struct hns_pool_opts pool = {
        .from = opts->from,
        .count = opts->seeds,
        .workers = opts->workers,
        .play = play_seed,
        .on_played = on_played,
        .arg = &play,
    };
    unsigned long long needed;
    bool found;

    hns_pool_run(&pool);
    found = play.hunt.seed != UINT64_MAX;
    needed = play.hunt.seed - opts->from + 1;
    if (found) {
        (void)fprintf(opts->out, "%-38s %6llu  %-12s  %s\n", eca_mutation_name(mutation), needed,
                      hns_verdict_name(play.hunt.played.verdict), play.hunt.played.kind);
    } else {
        (void)fprintf(opts->out, "FAILED   %s: not found in %llu seeds (%s)\n",
                      eca_mutation_name(mutation), (unsigned long long)opts->seeds,
                      eca_mutation_text(mutation));
    }
    (void)fflush(opts->out);
    return found;
}

int hns_mutations(const struct hns_mutations_opts *opts)
{
    unsigned found = 0, count = 0;
    uint64_t began_ns = hns_real_ns();

    if (!eca_mutation_set(ECA_MUTATION_NONE)) {
        (void)fprintf(stderr, "this harness has no mutations: build/harness-mutant has\n");
        return EXIT_FAILURE;
    }
    (void)fprintf(opts->out, "%-38s %6s  %-12s  %s\n", "mutation", "seeds", "verdict",
                  "first sign");
    for (int i = ECA_MUTATION_NONE + 1; i < ECA_MUTATIONS_COUNT; i++) {
        found += hunt(opts, (enum eca_mutation)i);
        count++;
    }
    (void)fprintf(opts->out, "%.1f s\n%u passed, %u failed\n",
                  (double)(hns_real_ns() - began_ns) / 1e9, found, count - found);
    return found == count ? EXIT_SUCCESS : EXIT_FAILURE;
}
