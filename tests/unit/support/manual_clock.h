#ifndef TESTS_SUPPORT_MANUAL_CLOCK_H
#define TESTS_SUPPORT_MANUAL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/ports/clock.h"
#include "agent/ports/entropy.h"
#include "agent/ports/sched.h"

/*
 * A clock that only a test moves, with the scheduler that runs on it. Time jumps from timer to
 * timer, so a callback sees exactly the moment it asked for.
 *
 *   struct manual_clock clock;
 *   manual_clock_init(&clock);             starts at MANUAL_CLOCK_WALL_MS
 *   ... create objects on clock.sched ...
 *   manual_clock_advance_ms(&clock, 5000); runs everything due on the way
 *   manual_clock_clear(&clock);
 */
#define MANUAL_CLOCK_WALL_MS INT64_C(1479198600000) /* 2016-11-15T08:30:00Z, date of API-303 */

struct manual_clock {
    uint64_t mono_ns;
    int64_t wall_step_ms; /* added to the wall time: a step of the system clock */
    struct eca_sched *sched;
};

void manual_clock_init(struct manual_clock *clock); /* owns a new scheduler */
void manual_clock_clear(struct manual_clock *clock);
struct eca_clock manual_clock_port(struct manual_clock *clock);

/* Run rounds until nothing is due at this instant. */
void manual_clock_settle(struct manual_clock *clock);
/* Settle, then move by `ms` and run everything that becomes due, each at its own moment. */
void manual_clock_advance_ms(struct manual_clock *clock, uint64_t ms);
/* Settle, then jump to the next timer and run it; false when no timer is armed. */
bool manual_clock_next(struct manual_clock *clock);
/* Jump from timer to timer until *flag is true or limit_ms have passed; returns *flag. */
bool manual_clock_run_until(struct manual_clock *clock, const bool *flag, uint64_t limit_ms);
/* Milliseconds since manual_clock_init. */
uint64_t manual_clock_elapsed_ms(const struct manual_clock *clock);

/* Entropy that repeats: xorshift from a seed; seed 0 gives zero bytes for ever (no jitter). */
struct manual_entropy {
    uint64_t state;
};
struct eca_entropy manual_entropy_port(struct manual_entropy *entropy);

#endif
