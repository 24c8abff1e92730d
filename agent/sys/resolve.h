#ifndef ECA_SYS_RESOLVE_H
#define ECA_SYS_RESOLVE_H

#include "agent/sys/loop.h"

/*
 * Name resolution off the loop: a thread per question (connections are rare), its answer comes back
 * through an eventfd. Numeric addresses are answered without a thread, from the loop.
 */
struct eca_resolve;
/* address NULL: not found, err says why. Runs once, later, from the loop. */
typedef void eca_resolve_fn(void *arg, const char *address, const struct eca_err *err);
struct eca_resolve *eca_resolve_start(struct eca_loop *loop, const char *host,
                                      eca_resolve_fn *on_done, void *arg);
/* No callback any more; a thread under way ends by itself. NULL ok. */
void eca_resolve_cancel(struct eca_resolve *resolve);

#endif
