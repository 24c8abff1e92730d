#ifndef ECA_SYS_HEALTHCHECK_H
#define ECA_SYS_HEALTHCHECK_H

#include <stdint.h>

#include "agent/base/err.h"

/*
 * Ask the running agent's /v1/health on loopback (INTRO-123). Blocks, for limit_ms at most.
 *
 * errors    NOT_FOUND nobody listens, TIMEOUT no answer, CONFLICT another status than 200.
 */
int eca_healthcheck(uint16_t port, int limit_ms, struct eca_err *err);

#endif
