#ifndef ECA_STATE_SHOW_H
#define ECA_STATE_SHOW_H

#include "agent/ports/store.h"

/*
 * What `ecs-agent state show` prints (STATE-128): one line each for the identity, every task with
 * its containers below it, every image and every pending submission, then one line of counts.
 * A record that cannot be used is a line that names it and why, and is counted in *ret_damaged:
 * `state check` wants none. Errors: those of loading the store.
 */
int eca_state_show(struct eca_store store, struct eca_buf *out, size_t *ret_damaged,
                   struct eca_err *err);

#endif
