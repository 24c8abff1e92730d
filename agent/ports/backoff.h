#ifndef ECA_PORTS_BACKOFF_H
#define ECA_PORTS_BACKOFF_H

#include "agent/ports/entropy.h"

/*
 * Exponential back-off: a wait takes current + U[0, jitter * current), then current grows up to the
 * maximum (ACS-211). Ratios are integers in thousandths, so that no float decides about time.
 */
struct eca_backoff_opts {
    uint64_t min_ms;
    uint64_t max_ms;
    uint32_t multiplier_milli; /* 1500 = x 1.5 */
    uint32_t jitter_milli;     /* 200 = up to 20 % added */
};
struct eca_backoff {
    struct eca_backoff_opts opts;
    uint64_t current_us; /* 0 = at the minimum */
    uint32_t tries;      /* waits handed out since the last reset */
};

void eca_backoff_init(struct eca_backoff *backoff, struct eca_backoff_opts opts);
void eca_backoff_reset(struct eca_backoff *backoff);
/* The next wait in nanoseconds; advances. */
uint64_t eca_backoff_next_ns(struct eca_backoff *backoff, struct eca_entropy entropy);

#endif
