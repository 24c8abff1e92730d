#ifndef HARNESS_EXPLORE_POOL_H
#define HARNESS_EXPLORE_POOL_H

#include "harness/explore/play.h"

/*
 * Plays number after number in several processes: a crash or an endless loop is a verdict like any
 * other, and the next number goes on in a new process.
 */
struct hns_pool_opts {
    uint64_t from, count; /* the numbers */
    uint64_t until_ns;    /* not 0: as many as there is time for (CLOCK_MONOTONIC); no count */
    unsigned workers;     /* 0 = one per processor */
    /* In a worker. */
    void (*play)(void *arg, uint64_t number, struct hns_played *ret_played);
    /* Here, in any order. False: nothing above this number matters any more; what is below it is
     * played to the end. */
    bool (*on_played)(void *arg, uint64_t number, const struct hns_played *played);
    void *arg;
};

#define HNS_WORKERS_MAX 64
unsigned hns_pool_workers(unsigned wanted);
/* Returns when all is played, or all below the lowest number that on_played answered false to. */
void hns_pool_run(const struct hns_pool_opts *opts);
uint64_t hns_real_ns(void); /* CLOCK_MONOTONIC */

#endif
