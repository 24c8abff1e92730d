#include "agent/sys/loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/sys/clock.h"

#define EVENTS_PER_ROUND 64

struct eca_fd_watch {
    struct eca_loop *loop;
    struct eca_list_node node;
    int fd;
    eca_fd_fn *fn;
    void *arg;
    bool dead; /* unwatched while events of this round are being dispatched */
};

struct eca_loop {
    struct eca_sched *sched;
    bool own_clock;
    bool stop;
    int epoll_fd, timer_fd, signal_fd;
    struct eca_list watches, dead;
    struct eca_loop_hook *hooks;
    struct eca_fd_watch *timer_watch, *signal_watch;
    eca_signal_fn *on_signal;
    void *signal_arg;
    size_t dispatched; /* in this round */
    size_t work;       /* under way in threads */
    uint64_t armed_ns; /* deadline in the timerfd, 0 = none */
};

/* The only place where the program sleeps. */
static void wait_and_dispatch(struct eca_loop *loop, bool may_sleep)
{
    struct epoll_event events[EVENTS_PER_ROUND];
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, may_sleep ? -1 : 0);

    eca_sched_update_now(loop->sched);
    for (int i = 0; i < count; i++) {
        struct eca_fd_watch *watch = events[i].data.ptr;

        if (!watch->dead) {
            loop->dispatched++;
            watch->fn(watch->arg, events[i].events);
        }
    }
    for (struct eca_list_node *node = eca_list_pop_front(&loop->dead); node != NULL;
         node = eca_list_pop_front(&loop->dead)) {
        eca_free(eca_list_entry(node, struct eca_fd_watch, node));
    }
}

static void on_timer_fd(void *arg, uint32_t events)
{
    struct eca_loop *loop = arg;
    uint64_t fired;

    (void)events;
    loop->armed_ns = 0;
    (void)!read(loop->timer_fd, &fired,
                sizeof(fired)); /* only woken: the scheduler knows what is due */
}

struct eca_loop *eca_loop_new(const struct eca_loop_opts *opts, struct eca_err *err)
{
    struct eca_loop *loop = eca_xalloc(sizeof(*loop));
    struct eca_clock clock = opts->clock != NULL ? *opts->clock : eca_clock_system();

    loop->own_clock = opts->clock != NULL;
    loop->signal_fd = -1;
    eca_list_init(&loop->watches);
    eca_list_init(&loop->dead);
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of the write (SIG-106) */
    loop->sched = eca_sched_new(clock);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->timer_fd < 0) {
        (void)eca_err_set_sys(err, ECA_E_INTERNAL, errno, "epoll and timerfd");
        eca_loop_free(loop);
        return NULL;
    }
    loop->timer_watch = eca_loop_watch(loop, loop->timer_fd, EPOLLIN, on_timer_fd, loop);
    return loop;
}

void eca_loop_free(struct eca_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    eca_loop_unwatch(loop->timer_watch);
    eca_loop_unwatch(loop->signal_watch);
    for (struct eca_list_node *node = eca_list_pop_front(&loop->dead); node != NULL;
         node = eca_list_pop_front(&loop->dead)) {
        eca_free(eca_list_entry(node, struct eca_fd_watch, node));
    }
    const int fds[] = {loop->epoll_fd, loop->timer_fd, loop->signal_fd};
    for (size_t i = 0; i < ECA_ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    eca_sched_free(loop->sched);
    eca_free(loop);
}

struct eca_sched *eca_loop_sched(struct eca_loop *loop)
{
    return loop->sched;
}

void eca_loop_work_begin(struct eca_loop *loop)
{
    loop->work++;
}

void eca_loop_work_end(struct eca_loop *loop)
{
    assert(loop->work > 0);
    loop->work--;
}

bool eca_loop_has_work(const struct eca_loop *loop)
{
    return loop->work > 0;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

struct eca_fd_watch *eca_loop_watch(struct eca_loop *loop, int fd, uint32_t events, eca_fd_fn *fn,
                                    void *arg)
{
    struct eca_fd_watch *watch = eca_xalloc(sizeof(*watch));
    struct epoll_event event = {.events = events, .data.ptr = watch};

    *watch = (struct eca_fd_watch){.loop = loop, .fd = fd, .fn = fn, .arg = arg};
    eca_list_push_back(&loop->watches, &watch->node);
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    return watch;
}

void eca_loop_rewatch(struct eca_fd_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    (void)epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void eca_loop_unwatch(struct eca_fd_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    (void)epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->dead = true; /* an event of this round may still point here */
    eca_list_remove(&watch->loop->watches, &watch->node);
    eca_list_push_back(&watch->loop->dead, &watch->node);
}

void eca_loop_add_hook(struct eca_loop *loop, struct eca_loop_hook *hook)
{
    struct eca_loop_hook **at = &loop->hooks;

    while (*at != NULL) {
        at = &(*at)->next;
    }
    hook->next = NULL;
    *at = hook;
}

void eca_loop_remove_hook(struct eca_loop *loop, struct eca_loop_hook *hook)
{
    for (struct eca_loop_hook **at = &loop->hooks; *at != NULL; at = &(*at)->next) {
        if (*at == hook) {
            *at = hook->next;
            return;
        }
    }
}

/* ---- signals -------------------------------------------------------------------------------- */

static void on_signal_fd(void *arg, uint32_t events)
{
    struct eca_loop *loop = arg;
    struct signalfd_siginfo info;

    (void)events;
    while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        loop->on_signal(loop->signal_arg, (int)info.ssi_signo);
    }
}

int eca_loop_signals(struct eca_loop *loop, const sigset_t *signals, eca_signal_fn *fn, void *arg,
                     struct eca_err *err)
{
    if (sigprocmask(SIG_BLOCK, signals, NULL) < 0 ||
        (loop->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "signalfd");
    }
    loop->on_signal = fn;
    loop->signal_arg = arg;
    loop->signal_watch = eca_loop_watch(loop, loop->signal_fd, EPOLLIN, on_signal_fd, loop);
    return ECA_OK;
}

/* ---- rounds --------------------------------------------------------------------------------- */

static void arm_timer(struct eca_loop *loop, uint64_t deadline_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                           .tv_nsec = (long)(deadline_ns % 1000000000u)}};

    if (deadline_ns == loop->armed_ns) {
        return;
    }
    when.it_value.tv_nsec += deadline_ns == 0; /* zero would disarm */
    loop->armed_ns = deadline_ns;
    (void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

bool eca_loop_step(struct eca_loop *loop, bool may_sleep)
{
    size_t ran = eca_sched_run(loop->sched);
    uint64_t deadline;
    bool due = false;

    for (struct eca_loop_hook *hook = loop->hooks, *next; hook != NULL; hook = next) {
        next = hook->next;
        hook->fn(hook->arg);
    }
    loop->dispatched = 0;
    if (eca_sched_next_deadline(loop->sched, &deadline)) {
        due = deadline <= eca_sched_now_ns(loop->sched);
        if (!loop->own_clock && !due) {
            arm_timer(loop, deadline);
        }
    }
    wait_and_dispatch(loop, may_sleep && !due && !loop->stop);
    return ran > 0 || loop->dispatched > 0;
}

void eca_loop_run(struct eca_loop *loop)
{
    while (!loop->stop) {
        (void)eca_loop_step(loop, true);
    }
}

void eca_loop_stop(struct eca_loop *loop)
{
    loop->stop = true;
}
