#ifndef HARNESS_EXPLORE_DEATHS_H
#define HARNESS_EXPLORE_DEATHS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Plays scenario files in simulation, each once as it is, then once for each moment at which its
 * agent can die (or for every so many of them): before each turn of the loop, and before each call
 * of a port that somebody else could notice. The agent is killed there and started again at once.
 * All that the scenario expects must come true all the same (FB-09, FB-14, STATE-120). Prints what
 * fails, with the moment, then the totals. Returns the exit code.
 */
int hns_deaths(const char *const *paths, size_t count, uint64_t seed, uint64_t every);

#endif
