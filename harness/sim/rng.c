#include "harness/sim/rng.h"

static uint64_t next(struct sim_rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void fill(void *impl, void *bytes, size_t len)
{
    unsigned char *at = bytes;
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0) {
            word = next(impl);
        }
        at[i] = (unsigned char)(word >> (8 * (i % 8)));
    }
}

void sim_rng_init(struct sim_rng *rng, uint64_t seed, uint64_t stream)
{
    rng->state = seed * UINT64_C(0xD1342543DE82EF95) + stream;
    (void)next(rng);
}

struct eca_entropy sim_rng_port(struct sim_rng *rng)
{
    static const struct eca_entropy_ops ops = {fill};

    return (struct eca_entropy){&ops, rng};
}
