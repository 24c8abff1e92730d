/*
 * fast_clock.so, for LD_PRELOAD: the monotonic clock of the process runs FACTOR times as fast, and
 * its timers with it, so that a real daemon can be watched over periods whose shortest setting is
 * minutes. The time of day stays what it is.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#define FACTOR 20
#define NS_PER_S INT64_C(1000000000)

typedef int gettime_fn(clockid_t clock, struct timespec *ret_time);
typedef int settime_fn(int fd, int flags, const struct itimerspec *value,
                       struct itimerspec *ret_old);

static int64_t to_ns(const struct timespec *time)
{
    return time->tv_sec * NS_PER_S + time->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* The moment at which both clocks are the same: the first question. */
static int64_t base_ns(int64_t now_ns)
{
    static int64_t base;

    base = base == 0 ? now_ns : base;
    return base;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    static gettime_fn *real;
    void *symbol = real == NULL ? next("clock_gettime") : NULL;
    int rc;

    if (symbol != NULL) {
        memcpy(&real, &symbol, sizeof(real));
    }
    assert(real != NULL);
    rc = real(clock, ret_time);
    if (rc == 0 && clock == CLOCK_MONOTONIC) {
        int64_t now_ns = to_ns(ret_time), base = base_ns(now_ns);

        *ret_time = from_ns(base + (now_ns - base) * FACTOR);
    }
    return rc;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *ret_old)
{
    static settime_fn *real;
    void *symbol = real == NULL ? next("timerfd_settime") : NULL;
    struct itimerspec scaled = *value;
    int64_t when_ns = to_ns(&value->it_value), base = base_ns(when_ns);

    if (symbol != NULL) {
        memcpy(&real, &symbol, sizeof(real));
    }
    assert(real != NULL);
    if (when_ns > 0) { /* rounded up: too early would be asked again at once */
        int64_t wait_ns = (flags & TFD_TIMER_ABSTIME) != 0 ? when_ns - base : when_ns;

        wait_ns = wait_ns > 0 ? (wait_ns + FACTOR - 1) / FACTOR : 0;
        scaled.it_value = from_ns((flags & TFD_TIMER_ABSTIME) != 0 ? base + wait_ns
                                  : wait_ns > 0                    ? wait_ns
                                                                   : 1);
    }
    scaled.it_interval = from_ns(to_ns(&value->it_interval) / FACTOR);
    return real(fd, flags, &scaled, ret_old);
}
