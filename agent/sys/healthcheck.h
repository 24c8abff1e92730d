#ifndef ECA_SYS_HEALTHCHECK_H
#define ECA_SYS_HEALTHCHECK_H

#include <stdint.h>

/* Ask the running agent's /v1/health on loopback; 0 = status 200 within limit_ms, else 1
 * (INTRO-123). */
int eca_healthcheck(uint16_t port, int limit_ms);

#endif
