#ifndef HARNESS_EXPLORE_SHRINK_H
#define HARNESS_EXPLORE_SHRINK_H

#include "harness/explore/play.h"

/* Says what a candidate does; hns_play_apart in production. */
typedef void hns_try_fn(void *arg, struct eca_view text, struct hns_played *ret_played);

/*
 * The least text found that fails in the same kind: lines with everything indented below them, and
 * members of {...}, are left out one after the other as long as the failure stays. What follows the
 * line that says "everything is mended" stays, or a run without an end would count as the failure.
 * text is replaced. False: it does not fail.
 */
bool hns_shrink(struct eca_buf *text, hns_try_fn *try_it, void *arg, struct hns_played *ret_played);

/* Of a file; the result goes to NAME.min.yaml. Returns the exit code. */
int hns_shrink_file(const char *path, uint64_t seed);

#endif
