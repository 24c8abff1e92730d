#ifndef ECA_SYS_LOOP_H
#define ECA_SYS_LOOP_H

#include <signal.h>

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/ports/sched.h"

/*
 * The production loop. libwebsockets sleeps for all of us: our epoll descriptor (curl's sockets,
 * libmicrohttpd, signals, results of worker threads, a timerfd for the next deadline) is adopted
 * into it as a raw file (docs/EVENT-LOOP.md, section 3). One round:
 *
 *   scheduler -> prepare hooks -> wait -> dispatch
 *
 * With a clock of its own (hybrid harness) the loop never sleeps: eca_loop_step(loop, false) until
 * it returns false, then the harness moves its clock.
 */
struct eca_loop;
struct lws_context;

struct eca_loop_opts {
    const struct eca_clock *clock; /* NULL: the system's */
    struct eca_log *log;           /* of libwebsockets' own words; may be NULL */
};

struct eca_loop *eca_loop_new(const struct eca_loop_opts *opts, struct eca_err *err);
/* Adapters first: everything added must have been removed. NULL ok. */
void eca_loop_free(struct eca_loop *loop);
struct eca_sched *eca_loop_sched(struct eca_loop *loop);
struct lws_context *eca_loop_lws(struct eca_loop *loop);

/* Rounds until eca_loop_stop. */
void eca_loop_run(struct eca_loop *loop);
void eca_loop_stop(struct eca_loop *loop);
/* One round; true when anything happened. may_sleep false: never blocks. */
bool eca_loop_step(struct eca_loop *loop, bool may_sleep);

/*
 * Work that a thread does for the loop, its result comes through a descriptor. A clock of its own
 * stands still meanwhile.
 */
void eca_loop_work_begin(struct eca_loop *loop);
void eca_loop_work_end(struct eca_loop *loop);
bool eca_loop_has_work(const struct eca_loop *loop);
/* Whether libwebsockets holds input that it read already and did not hand out. */
bool eca_loop_holds_input(struct eca_loop *loop);

typedef void eca_fd_fn(void *arg, uint32_t epoll_events);
struct eca_fd_watch;
/* fd stays the caller's; events as for epoll, level-triggered. */
struct eca_fd_watch *eca_loop_watch(struct eca_loop *loop, int fd, uint32_t events, eca_fd_fn *fn,
                                    void *arg);
void eca_loop_rewatch(struct eca_fd_watch *watch, uint32_t events);
/* Allowed at any time, also inside its callback. Call before the descriptor is closed. NULL ok. */
void eca_loop_unwatch(struct eca_fd_watch *watch);

/* Run before each wait: libraries may have work without a descriptor. */
struct eca_loop_hook {
    eca_work_fn *fn;
    void *arg;
    struct eca_loop_hook *next;
};
void eca_loop_add_hook(struct eca_loop *loop, struct eca_loop_hook *hook);
void eca_loop_remove_hook(struct eca_loop *loop, struct eca_loop_hook *hook);

/* Blocks these signals for the process and hands each to fn as an event. Once per loop. */
typedef void eca_signal_fn(void *arg, int signal);
int eca_loop_signals(struct eca_loop *loop, const sigset_t *signals, eca_signal_fn *fn, void *arg,
                     struct eca_err *err);

#endif
