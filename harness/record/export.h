#ifndef HARNESS_RECORD_EXPORT_H
#define HARNESS_RECORD_EXPORT_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * An editable scenario out of a recording, of the agent itself or from outside: the settings, the
 * daemon's version, what images and containers did, what ACS sent, which calls failed, and as
 * expectations what the agent reported. Timers and jitter are the agent's own and come by
 * themselves. What the scenario cannot say stands in comments
 * "# not in here: ..." at its top.
 *
 * files     segments of one agent, in any order: its lives on one data directory, one after the
 *           other.
 * ret_yaml  what harness check accepts and harness run plays.
 * errors    ECA_E_INVALID: not a recording, or a line of it cannot be read.
 */
int hns_export(const char *const *files, size_t count, struct eca_buf *ret_yaml,
               struct eca_err *err);

#endif
