#ifndef ECA_DOCKER_CREATE_BODY_H
#define ECA_DOCKER_CREATE_BODY_H

#include "agent/ports/runtime.h"

#define DOCKER_CPU_SHARES_MIN 2 /* ENG-514 */

/*
 * The body of POST /containers/create (DKR-510..525): what the agent computes, then the task's raw
 * `config` and `hostConfig` laid over it: scalars and arrays replace, maps merge by key, nested
 * objects by field; known keys match in any letter case and are type-checked; unknown keys go
 * through unchanged, the daemon decides about them (DESIGN section 10).
 *
 * host_memory: the API version used is 1.18 or newer, so memory and CPU shares also go into
 * HostConfig (DKR-525).
 * ECA_E_INVALID with *ret_error = HostConfigError or DockerClientConfigError (DKR-512, DKR-513).
 */
int eca_docker_create_body(const struct eca_container_spec *spec, bool host_memory,
                           struct eca_buf *body, struct eca_named_error *ret_error);

#endif
