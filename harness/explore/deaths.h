#ifndef HARNESS_EXPLORE_DEATHS_H
#define HARNESS_EXPLORE_DEATHS_H

#include <stdint.h>

/*
 * Plays one scenario file in simulation, once as it is and then once for each turn that this took
 * (every so many turns): the agent is killed there, before the turn, and started again at once. All
 * that the scenario expects must come true all the same (FB-09, FB-14, STATE-120). Prints what
 * fails, with the turn, then the totals. Returns the exit code.
 */
int hns_deaths(const char *path, uint64_t seed, uint64_t every);

#endif
