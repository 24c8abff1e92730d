#ifndef HARNESS_EXPLORE_FLEET_H
#define HARNESS_EXPLORE_FLEET_H

#include <stddef.h>
#include <stdint.h>

/*
 * `harness fleet`: many agents lose ACS at the same moment. Agents do not know of each other, so a
 * fleet is one scenario simulated once for each agent, with a seed of its own; what the service
 * would see is the sum. The scenario says "lost" when ACS goes away and "back" when it is there
 * again (steps `say`); an attempt is an upgrade, accepted or refused.
 *
 * Prints the attempts per second over time. Fails when one agent does not come back within the
 * longest pause (ACS-211), when agents ask more often after "lost" than the growing pauses allow,
 * or when more than peak_percent of them try within one second once the pauses are at their
 * longest. Returns the exit code.
 */
#define HNS_FLEET_PEAK_PERCENT 10
int hns_fleet(const char *path, uint64_t agents, uint64_t first_seed, uint64_t peak_percent);

#endif
