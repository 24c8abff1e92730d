#include "harness/wire/shim.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static atomic_bool active;
static _Atomic uint64_t mono_now_ns;
static _Atomic int64_t wall_now_ms;
static atomic_size_t polled;

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

size_t hns_shim_polled(void)
{
    return atomic_exchange(&polled, 0);
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

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                               .tv_nsec = (long)(timeout_ms % 1000) * NS_PER_MS};
    int ready =
        (int)syscall(SYS_ppoll, fds, count, timeout_ms < 0 ? NULL : &timeout, NULL, (size_t)8);

    if (ready > 0) {
        polled += (size_t)ready;
    }
    return ready;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
