#ifndef HARNESS_EXPLORE_SHRINK_H
#define HARNESS_EXPLORE_SHRINK_H

#include "harness/explore/play.h"

/* Says what a candidate does, in a process of its own; hns_play in production. */
typedef void hns_try_fn(void *arg, struct eca_view text, struct hns_played *ret_played);

struct hns_shrink_opts {
    hns_try_fn *try_it;
    void *arg;
    /* Each time that it has become shorter, or NULL: who interrupts has the best so far. */
    void (*on_shorter)(void *arg, const struct eca_buf *text);
    unsigned workers; /* 0 = one per processor */
};

/*
 * The least text found that fails in the same kind, an expectation for the same reason: without
 * what comes after the failure; without all that is said of half of the tasks, a quarter, ... one;
 * then halves, quarters, ... of its lines, each with everything indented below it, and members of
 * {...} and [...] are left out, and times shortened, as long as the failure stays. Candidates are
 * tried side by side; the first that fails is taken, so that the result does not depend on who is
 * faster. The steps that mend everything stay, or a run without an end would count as the failure.
 * text is replaced. False: it does not fail.
 */
bool hns_shrink(struct eca_buf *text, const struct hns_shrink_opts *opts,
                struct hns_played *ret_played, unsigned long *ret_runs);

/* Of a file; the result goes to NAME.min.yaml. Returns the exit code. */
int hns_shrink_file(const char *path, uint64_t seed, unsigned workers);

#endif
