#ifndef HARNESS_LIVE_NETNS_H
#define HARNESS_LIVE_NETNS_H

#include "agent/base/err.h"

/*
 * Move this process into a network namespace of its own whose loopback owns 169.254.169.254: the
 * fake metadata service can stand at its real address, and the machine's own one is out of reach.
 * Once per process; later calls find it done. ECA_E_DENIED: no right to.
 */
#define HNS_METADATA_ADDRESS "169.254.169.254"
int hns_netns_enter(struct eca_err *err);

#endif
