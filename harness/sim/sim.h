#ifndef HARNESS_SIM_SIM_H
#define HARNESS_SIM_SIM_H

#include "harness/scenario/run.h"

/*
 * The simulated stage: the agent in this process, memory carriers, a virtual clock that jumps to
 * the next timer when nothing is left to do. Same seed, same trace, byte for byte.
 */
int hns_sim_open(const struct hns_stage_opts *opts, struct hns_stage *ret_stage,
                 struct eca_err *err);

#endif
