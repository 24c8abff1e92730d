#ifndef HARNESS_LIVE_PROCESS_H
#define HARNESS_LIVE_PROCESS_H

#include <sys/types.h>

#include "harness/scenario/run.h"

/* What the kernel knows of a process, and clients that trouble its local servers. */
void hns_process_resources(pid_t pid, struct hns_resources *ret_resources);
int hns_process_limit_descriptors(pid_t pid, uint64_t limit, struct eca_err *err);

/* A port of localhost where TCP connects and nobody ever says a word (FB-21 a). Descriptor or
 * negative. */
int hns_silent_listen(uint16_t *ret_port, struct eca_err *err);

/* Connections to 127.0.0.1 that never say a word (FB-35.2). */
#define HNS_IDLE_CLIENTS_MAX 1000
struct hns_idle_clients {
    int fds[HNS_IDLE_CLIENTS_MAX];
    size_t count;
};
int hns_idle_open(struct hns_idle_clients *clients, uint16_t port, size_t count,
                  struct eca_err *err);
/* How many are not closed by the server yet; closes those that are. */
size_t hns_idle_still_open(struct hns_idle_clients *clients);
void hns_idle_close(struct hns_idle_clients *clients);

/* Path of a program in the folder of this one. Owned. */
char *hns_beside_us(const char *name);

#endif
