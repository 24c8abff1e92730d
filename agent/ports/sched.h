#ifndef ECA_PORTS_SCHED_H
#define ECA_PORTS_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ports/clock.h"

/*
 * The scheduler: one-shot timers ordered by (deadline, sequence) and a queue of deferred work.
 * It never sleeps; whoever drives it does (production loop, simulation, hybrid harness):
 *
 *   for (;;) { eca_sched_run(sched); wait until eca_sched_next_deadline() or I/O; dispatch I/O; }
 *
 * eca_sched_run reads the clock once, runs the deferred work queued so far, then the timers due at
 * that moment; what is added meanwhile waits for the next run. A timer or deferred item is memory
 * of its owner (embed it); it runs at most once per arming and can be canceled any time, also by
 * its own callback or by another callback of the same round.
 */
struct eca_sched;
typedef void eca_work_fn(void *arg);

struct eca_timer {
    eca_work_fn *fn; /* set by eca_timer_init */
    void *arg;
    uint64_t deadline_ns;
    uint64_t seq;
    size_t heap_index; /* SIZE_MAX: not armed */
    uint64_t cause;    /* eca_sched_cause when it was armed */
    struct eca_sched *sched;
};

struct eca_deferred {
    eca_work_fn *fn;
    void *arg;
    struct eca_deferred *next, *prev; /* both NULL: not queued */
    uint64_t cause;                   /* eca_sched_cause when it was queued */
    struct eca_sched *sched;
};

struct eca_sched *eca_sched_new(struct eca_clock clock);
/* All timers and deferred items must have been canceled or belong to memory that is never used
 * again; nothing runs any more. */
void eca_sched_free(struct eca_sched *sched);

uint64_t eca_sched_now_ns(const struct eca_sched *sched); /* cached monotonic now of this round */
int64_t eca_sched_wall_ms(const struct eca_sched *sched); /* cached wall time of this round */
/* Refresh the cached time; for the driver, after it slept and before it dispatches I/O. */
void eca_sched_update_now(struct eca_sched *sched);

/*
 * What led to what, for those who watch a run: a number that whoever starts something sets, and
 * that timers and deferred work carry on to their callbacks. 0 = nothing known; so outside of a
 * round, until it is set.
 */
uint64_t eca_sched_cause(const struct eca_sched *sched);
void eca_sched_set_cause(struct eca_sched *sched, uint64_t cause);

/* One round; returns the number of callbacks run. Asserts when more than ROUNDS_MAX rounds that did
 * work follow each other at the same instant (a busy loop is a bug, STYLE section 7). */
#define ECA_SCHED_ROUNDS_MAX 1000000
size_t eca_sched_run(struct eca_sched *sched);
/* True and the earliest deadline, or now when deferred work waits; false when nothing is pending.
 */
bool eca_sched_next_deadline(const struct eca_sched *sched, uint64_t *ret_deadline_ns);
/* By how much the timer that ran last, and the latest of all, ran behind its deadline (INTRO-122).
 */
struct eca_sched_lag {
    uint64_t last_ns, max_ns;
};
struct eca_sched_lag eca_sched_lag(const struct eca_sched *sched);
size_t eca_sched_timer_count(const struct eca_sched *sched);

void eca_timer_init(struct eca_timer *timer, struct eca_sched *sched, eca_work_fn *fn, void *arg);
/* Arm or re-arm: run `delay_ns` after the cached now. */
void eca_timer_start(struct eca_timer *timer, uint64_t delay_ns);
void eca_timer_start_at(struct eca_timer *timer, uint64_t deadline_ns);
void eca_timer_stop(struct eca_timer *timer); /* also on a zeroed or stopped timer */
bool eca_timer_is_armed(const struct eca_timer *timer);
static inline void eca_timer_start_ms(struct eca_timer *timer, uint64_t delay_ms)
{
    eca_timer_start(timer, delay_ms * UINT64_C(1000000));
}

void eca_deferred_init(struct eca_deferred *work, struct eca_sched *sched, eca_work_fn *fn,
                       void *arg);
void eca_deferred_queue(struct eca_deferred *work); /* no effect when queued already */
void eca_deferred_cancel(struct eca_deferred *work);

#endif
