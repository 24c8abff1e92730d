#ifndef HARNESS_SIM_RNG_H
#define HARNESS_SIM_RNG_H

#include "agent/ports/entropy.h"

/* Entropy from a seed: splitmix64. Different streams of one seed do not disturb each other. */
struct sim_rng {
    uint64_t state;
};
void sim_rng_init(struct sim_rng *rng, uint64_t seed, uint64_t stream);
struct eca_entropy sim_rng_port(struct sim_rng *rng);

#endif
