#ifndef ECA_PORTS_CLOCK_H
#define ECA_PORTS_CLOCK_H

#include <stdint.h>

/*
 * Clock port. Monotonic time drives every deadline; wall time is for display, signatures and expiry
 * dates only and may step. A loop reads the clock once per round, so `now` is the same for
 * everything that happens in one round (STYLE section 7).
 */
struct eca_clock_ops {
    uint64_t (*mono_ns)(void *impl); /* never goes back */
    int64_t (*wall_ms)(void *impl);  /* Unix epoch */
};
struct eca_clock {
    const struct eca_clock_ops *ops;
    void *impl;
};

static inline uint64_t eca_clock_mono_ns(struct eca_clock clock)
{
    return clock.ops->mono_ns(clock.impl);
}
static inline int64_t eca_clock_wall_ms(struct eca_clock clock)
{
    return clock.ops->wall_ms(clock.impl);
}

#endif
