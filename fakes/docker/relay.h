#ifndef FAKES_DOCKER_RELAY_H
#define FAKES_DOCKER_RELAY_H

#include "fakes/docker/daemon.h"
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

/*
 * What the facts so far say, as the fake daemon's questions of the same names; "task/name" only. A
 * real daemon tells its facts a moment after they are so.
 */
enum fake_docker_state fake_docker_relay_state(const struct fake_docker_relay *relay,
                                               const char *name);
size_t fake_docker_relay_count(const struct fake_docker_relay *relay);
size_t fake_docker_relay_running(const struct fake_docker_relay *relay, const char *task);
const char *fake_docker_relay_id(const struct fake_docker_relay *relay, const char *name);
const char *fake_docker_relay_body(const struct fake_docker_relay *relay, const char *name);

/*
 * Ask the daemon from outside the agent ("POST", "/containers/<id>/kill"). on_done runs later,
 * once; status 0 = no answer, and the text says why. A relay that is freed first never calls.
 */
typedef void fake_docker_answer_fn(void *arg, int status, struct eca_view text);
int fake_docker_relay_ask(struct fake_docker_relay *relay, const char *method, const char *path,
                          fake_docker_answer_fn *on_done, void *arg, struct eca_err *err);

#endif
