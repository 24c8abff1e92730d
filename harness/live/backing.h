#ifndef HARNESS_LIVE_BACKING_H
#define HARNESS_LIVE_BACKING_H

#include "agent/sys/loop.h"
#include "harness/scenario/run.h"

/*
 * Containers of the fake daemon whose image name contains "netkitten" are backed by real processes
 * (NKT-150), so that scenarios check bytes on ports and not only API calls: one process for each
 * host port of the container, with its port and the aliases of its links rewritten to ports of this
 * machine. The container ends when a process does, and the processes when the container does.
 */
struct hns_backing;
struct hns_backing *hns_backing_new(struct hns_run *run, struct eca_loop *loop,
                                    struct fake_trace *trace);
void hns_backing_free(struct hns_backing *backing); /* kills what runs; NULL ok */

#endif
