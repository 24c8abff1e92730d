#ifndef HARNESS_LIVE_CHILD_H
#define HARNESS_LIVE_CHILD_H

#include <sys/types.h>

#include "agent/sys/loop.h"

/* A process under the loop: its output by lines, its end as an event. */
struct hns_child;
struct hns_child_events {
    void (*on_line)(void *arg, struct eca_view line); /* without the newline; stdout and stderr */
    /* Exit code, or 128 + the signal that ended it. Once, after the last line; may free. */
    void (*on_exit)(void *arg, int code);
};
/* argv and envp end with NULL. */
int hns_child_start(struct eca_loop *loop, const char *const *argv, const char *const *envp,
                    const struct hns_child_events *events, void *arg, struct hns_child **ret_child,
                    struct eca_err *err);
pid_t hns_child_pid(const struct hns_child *child);
void hns_child_signal(struct hns_child *child, int signal);
/* SIGTERM, and wait so long for the process's end, whatever it prints meanwhile; no callback. NULL
 * ok. */
void hns_child_end(struct hns_child *child, uint64_t within_ms);
/* SIGKILL, wait, release; no callback. NULL ok. */
void hns_child_free(struct hns_child *child);

#endif
