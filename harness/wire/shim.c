#include "harness/wire/shim.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static atomic_bool active;
static _Atomic uint64_t mono_now_ns;
static _Atomic int64_t wall_now_ms;

void hns_shim_set(uint64_t mono_ns, int64_t wall_ms)
{
    mono_now_ns = mono_ns;
    wall_now_ms = wall_ms;
    active = true;
}

void hns_shim_system(void)
{
    active = false;
}

static void split(int64_t ns, struct timespec *ret_time)
{
    *ret_time = (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

/* The C library's names of the parameters are not ours to use. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    if (active) {
        switch (id) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE:
            split(wall_now_ms * NS_PER_MS, ret_time);
            return 0;
        case CLOCK_MONOTONIC:
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_MONOTONIC_COARSE:
        case CLOCK_BOOTTIME:
            split((int64_t)mono_now_ns, ret_time);
            return 0;
        default:
            break;
        }
    }
    return (int)syscall(SYS_clock_gettime, id, ret_time);
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret_time)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time != NULL) {
        *ret_time = now.tv_sec;
    }
    return now.tv_sec;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
