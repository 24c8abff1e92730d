#ifndef HARNESS_EXPLORE_SHRINK_H
#define HARNESS_EXPLORE_SHRINK_H

#include "harness/explore/play.h"

/* Says what a candidate does, in a process of its own; hns_play in production. */
typedef void hns_try_fn(void *arg, struct eca_view text, struct hns_played *ret_played);

struct hns_shrink_opts {
    hns_try_fn *try_it;
    void *arg;
    unsigned workers; /* 0 = one per processor */
};

/*
 * The least text found that fails in the same kind: halves, quarters, ... of its lines, each with
 * everything indented below it, then members of {...} and [...] are left out, and times shortened,
 * as long as the failure stays. Candidates are tried side by side; the first that fails is taken,
 * so that the result does not depend on who is faster. The steps that mend everything stay, or a
 * run without an end would count as the failure. text is replaced. False: it does not fail.
 */
bool hns_shrink(struct eca_buf *text, const struct hns_shrink_opts *opts,
                struct hns_played *ret_played, unsigned long *ret_runs);

/* Of a file; the result goes to NAME.min.yaml. Returns the exit code. */
int hns_shrink_file(const char *path, uint64_t seed, unsigned workers);

#endif
