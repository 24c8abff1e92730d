#include "agent/sys/clock.h"

#include <stddef.h>
#include <time.h>

static uint64_t mono_ns(void *impl)
{
    struct timespec now;

    (void)impl;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int64_t wall_ms(void *impl)
{
    struct timespec now;

    (void)impl;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct eca_clock eca_clock_system(void)
{
    static const struct eca_clock_ops ops = {mono_ns, wall_ms};

    return (struct eca_clock){&ops, NULL};
}
