#ifndef HARNESS_EXPLORE_MUTATIONS_H
#define HARNESS_EXPLORE_MUTATIONS_H

#include <stdint.h>
#include <stdio.h>

/*
 * Exploration can fail: with each deliberate defect of agent/base/mutation.h in turn it plays seeds
 * until one fails that does not without the defect. Prints the table of seeds needed. Returns the
 * exit code: failure when a defect is not found within `seeds`.
 */
struct hns_mutations_opts {
    uint64_t from, seeds;
    unsigned workers;
    FILE *out;
};
int hns_mutations(const struct hns_mutations_opts *opts);

#endif
