#ifndef HARNESS_EXPLORE_GENERATE_H
#define HARNESS_EXPLORE_GENERATE_H

#include "agent/base/buf.h"

/*
 * A scenario from a seed: a world, tasks, stops, what operators do, faults of some kinds (others
 * are left out altogether), deaths of the agent; then everything is mended, and the tasks have to
 * get where they belong within SETTLES_WITHIN. Same seed, same text. The text begins with the
 * options that were drawn, as comment lines.
 */
void hns_generate(uint64_t seed, struct eca_buf *out);

#endif
