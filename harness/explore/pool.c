#include "harness/explore/pool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C(1000000000)

/* What a worker tells: the number it takes up, then how that went. Shorter than PIPE_BUF. */
struct record {
    uint64_t number;
    bool over;
    struct hns_played played;
};

struct worker {
    pid_t pid; /* 0 = none */
    int pipe;
    uint64_t number; /* being played, or the last one */
    bool playing;
};

struct pool {
    const struct hns_pool_opts *opts;
    unsigned worker_count;
    struct worker workers[HNS_WORKERS_MAX];
    uint64_t end; /* no number from here on matters */
};

uint64_t hns_real_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

unsigned hns_pool_workers(unsigned wanted)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = wanted > 0 ? wanted : cpus > 0 ? (unsigned)cpus : 1;

    return count > HNS_WORKERS_MAX ? HNS_WORKERS_MAX : count;
}

/* ---- in a worker ----------------------------------------------------------------------------- */

static void tell(int to, const struct record *record)
{
    if (write(to, record, sizeof *record) != (ssize_t)sizeof *record) {
        _exit(EXIT_FAILURE); /* nobody listens any more */
    }
}

static void work(const struct pool *pool, uint64_t number, int to)
{
    const struct hns_pool_opts *opts = pool->opts;

    for (; opts->until_ns == 0 ? number < pool->end : hns_real_ns() < opts->until_ns;
         number += pool->worker_count) {
        struct record record = {.number = number};

        hns_play_guard();
        tell(to, &record);
        opts->play(opts->arg, number, &record.played);
        record.over = true;
        tell(to, &record);
    }
    _exit(EXIT_SUCCESS);
}

/* ---- here ------------------------------------------------------------------------------------ */

static void start(struct pool *pool, struct worker *worker, uint64_t number)
{
    int ends[2];

    (void)fflush(NULL);
    if (pipe(ends) < 0 || (worker->pid = fork()) < 0) {
        perror("harness: a worker cannot be made");
        exit(EXIT_FAILURE);
    }
    if (worker->pid == 0) {
        (void)close(ends[0]);
        work(pool, number, ends[1]);
    }
    (void)close(ends[1]);
    *worker = (struct worker){.pid = worker->pid, .pipe = ends[0], .number = number};
}

static void bury(struct worker *worker, int *ret_status)
{
    (void)close(worker->pipe);
    while (waitpid(worker->pid, ret_status, 0) < 0 && errno == EINTR) {
    }
    worker->pid = 0;
}

static void judge(struct pool *pool, uint64_t number, const struct hns_played *played)
{
    const struct hns_pool_opts *opts = pool->opts;

    if (number < pool->end && !opts->on_played(opts->arg, number, played)) {
        pool->end = number;
    }
}

static void ended(struct pool *pool, struct worker *worker)
{
    bool playing = worker->playing;
    int status = 0;

    bury(worker, &status);
    if (playing) { /* it died in the middle: judge that, and go on after it */
        struct hns_played played;

        hns_played_by_status(status, &played);
        judge(pool, worker->number, &played);
        start(pool, worker, worker->number + pool->worker_count);
    }
}

static void listen_to(struct pool *pool, struct worker *worker)
{
    struct record record;
    ssize_t len = read(worker->pipe, &record, sizeof record);

    if (len != (ssize_t)sizeof record) {
        ended(pool, worker);
        return;
    }
    worker->playing = !record.over;
    worker->number = record.number;
    if (record.over) {
        judge(pool, record.number, &record.played);
    }
}

/* A worker beyond the end works for nothing. */
static void stop_idle(struct pool *pool)
{
    for (unsigned i = 0; i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        uint64_t next = worker->playing ? worker->number : worker->number + pool->worker_count;
        int status;

        if (worker->pid != 0 && pool->opts->until_ns == 0 && worker->number >= pool->end &&
            next >= pool->end) {
            (void)kill(worker->pid, SIGKILL);
            bury(worker, &status);
        }
    }
}

static bool wait_for_some(struct pool *pool)
{
    struct pollfd fds[HNS_WORKERS_MAX];
    nfds_t open = 0;

    for (unsigned i = 0; i < pool->worker_count; i++) {
        fds[i] = (struct pollfd){.fd = pool->workers[i].pid == 0 ? -1 : pool->workers[i].pipe,
                                 .events = POLLIN};
        open += pool->workers[i].pid != 0;
    }
    if (open == 0) {
        return false;
    }
    if (poll(fds, pool->worker_count, -1) < 0 && errno != EINTR) {
        perror("harness: poll");
        exit(EXIT_FAILURE);
    }
    for (unsigned i = 0; i < pool->worker_count; i++) {
        if (fds[i].fd >= 0 && fds[i].revents != 0) {
            listen_to(pool, &pool->workers[i]);
        }
    }
    return true;
}

void hns_pool_run(const struct hns_pool_opts *opts)
{
    struct pool pool = {.opts = opts,
                        .worker_count = hns_pool_workers(opts->workers),
                        .end = opts->until_ns == 0 ? opts->from + opts->count : UINT64_MAX};

    for (unsigned i = 0; i < pool.worker_count; i++) {
        start(&pool, &pool.workers[i], opts->from + i);
    }
    do {
        stop_idle(&pool);
    } while (wait_for_some(&pool));
}
