#ifndef ECA_SYS_DOCKER_VERSION_H
#define ECA_SYS_DOCKER_VERSION_H

#include "agent/base/buf.h"

/*
 * For `ecs-agent -version` (PROC-501, PROC-502): ask a daemon for its version on a loop of its own.
 * Blocks for limit_ms at most; false when the daemon did not answer like one.
 */
bool eca_docker_version_ask(const char *url, const char *unix_socket, uint64_t limit_ms,
                            struct eca_buf *ret_version);

#endif
