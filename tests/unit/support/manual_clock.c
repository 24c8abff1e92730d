#include "tests/unit/support/manual_clock.h"

#include <string.h>

#define START_NS UINT64_C(1000000000) /* not 0, so that "never" and "at the start" differ */
#define NS_PER_MS UINT64_C(1000000)

static uint64_t clock_mono_ns(void *impl)
{
    const struct manual_clock *clock = impl;
    return clock->mono_ns;
}

static int64_t clock_wall_ms(void *impl)
{
    const struct manual_clock *clock = impl;
    return MANUAL_CLOCK_WALL_MS + clock->wall_step_ms +
           (int64_t)((clock->mono_ns - START_NS) / NS_PER_MS);
}

static const struct eca_clock_ops clock_ops = {.mono_ns = clock_mono_ns, .wall_ms = clock_wall_ms};

struct eca_clock manual_clock_port(struct manual_clock *clock)
{
    return (struct eca_clock){.ops = &clock_ops, .impl = clock};
}

void manual_clock_init(struct manual_clock *clock)
{
    memset(clock, 0, sizeof(*clock));
    clock->mono_ns = START_NS;
    clock->sched = eca_sched_new(manual_clock_port(clock));
    eca_sched_update_now(clock->sched);
}

void manual_clock_clear(struct manual_clock *clock)
{
    eca_sched_free(clock->sched);
    clock->sched = NULL;
}

void manual_clock_settle(struct manual_clock *clock)
{
    uint64_t due_ns = 0;

    eca_sched_update_now(clock->sched);
    while (eca_sched_next_deadline(clock->sched, &due_ns) && due_ns <= clock->mono_ns) {
        (void)eca_sched_run(clock->sched);
    }
}

/* Jump to the next deadline unless it lies beyond the limit; false when there is none before. */
static bool step(struct manual_clock *clock, uint64_t limit_ns)
{
    uint64_t due_ns = 0;

    if (!eca_sched_next_deadline(clock->sched, &due_ns) || due_ns > limit_ns) {
        return false;
    }
    if (due_ns > clock->mono_ns) {
        clock->mono_ns = due_ns;
    }
    manual_clock_settle(clock);
    return true;
}

void manual_clock_advance_ms(struct manual_clock *clock, uint64_t ms)
{
    uint64_t limit_ns = clock->mono_ns + ms * NS_PER_MS;

    while (step(clock, limit_ns)) {
    }
    clock->mono_ns = limit_ns;
    manual_clock_settle(clock);
}

bool manual_clock_next(struct manual_clock *clock)
{
    manual_clock_settle(clock);
    return step(clock, UINT64_MAX);
}

bool manual_clock_run_until(struct manual_clock *clock, const bool *flag, uint64_t limit_ms)
{
    uint64_t limit_ns = clock->mono_ns + limit_ms * NS_PER_MS;

    manual_clock_settle(clock);
    while (!*flag && step(clock, limit_ns)) {
    }
    return *flag;
}

uint64_t manual_clock_elapsed_ms(const struct manual_clock *clock)
{
    return (clock->mono_ns - START_NS) / NS_PER_MS;
}

static void entropy_fill(void *impl, void *bytes, size_t len)
{
    struct manual_entropy *entropy = impl;
    unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++) {
        entropy->state ^= entropy->state << 13;
        entropy->state ^= entropy->state >> 7;
        entropy->state ^= entropy->state << 17;
        at[i] = (unsigned char)(entropy->state >> 24);
    }
}

static const struct eca_entropy_ops entropy_ops = {.fill = entropy_fill};

struct eca_entropy manual_entropy_port(struct manual_entropy *entropy)
{
    return (struct eca_entropy){.ops = &entropy_ops, .impl = entropy};
}
