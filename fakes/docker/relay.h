#ifndef FAKES_DOCKER_RELAY_H
#define FAKES_DOCKER_RELAY_H

#include "fakes/docker/observe.h"

/*
 * A Docker party that forwards every exchange to a real daemon, so that trace and faults are the
 * same in front of it. What was asked comes from the observer; the facts (created, running, exited,
 * removed) come from an event stream of the relay's own, for containers with an agent's labels.
 */
#define FAKE_DOCKER_RELAY_RETRY_MS 1000

struct fake_docker_relay;
struct fake_docker_relay_opts {
    struct fake_base base;
    const char *party;       /* NULL = "docker" */
    struct eca_http http;    /* towards the daemon */
    const char *unix_socket; /* of the daemon */
    bool verbose;
};
struct fake_docker_relay *fake_docker_relay_new(const struct fake_docker_relay_opts *opts);
/* Calls to the daemon are canceled; the http port must still be there. */
void fake_docker_relay_free(struct fake_docker_relay *relay);
size_t fake_docker_relay_open(const struct fake_docker_relay *relay); /* exchanges under way */

#endif
