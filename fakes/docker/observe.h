#ifndef FAKES_DOCKER_OBSERVE_H
#define FAKES_DOCKER_OBSERVE_H

#include "fakes/carry/carry.h"

/*
 * Reads the Docker API as it goes by, (request, answer) pairs only, so that it works for the fake
 * daemon and for a relay in front of a real one alike: the "asked" events of fakes/docker/daemon.h,
 * and the names that fault rules match: "<op>:<container or image>", e.g. "stop:web/app";
 * "version:1.17" and "ping:1.17" refuse one API version. Verbose adds the API version of each
 * request as "api".
 */
struct fake_docker_observer;
struct fake_docker_observer *fake_docker_observe(struct fake_hub *hub, const char *party,
                                                 struct fake_trace *trace, bool verbose);
void fake_docker_observer_free(struct fake_docker_observer *observer); /* after the hub's party */

/* "task/name" for a Docker name or id that a create went by for, else the reference itself. */
const char *fake_docker_observer_name(const struct fake_docker_observer *observer,
                                      const char *name_or_id);
/* Of the latest create for "task/name" that worked: the Docker id and the request's body, or NULL.
 */
const char *fake_docker_observer_id(const struct fake_docker_observer *observer, const char *name);
const char *fake_docker_observer_body(const struct fake_docker_observer *observer,
                                      const char *name);

/* A container that was there before: its id or Docker name stands for this name. */
void fake_docker_observer_know(struct fake_docker_observer *observer, const char *name_or_id,
                               const char *name);

/* What a request asks for. */
enum fake_docker_op {
    FAKE_DOCKER_OP_OTHER,
    FAKE_DOCKER_OP_PING,
    FAKE_DOCKER_OP_VERSION,
    FAKE_DOCKER_OP_EVENTS,
    FAKE_DOCKER_OP_INFO,
    FAKE_DOCKER_OP_PULL,
    FAKE_DOCKER_OP_IMPORT,
    FAKE_DOCKER_OP_IMAGE_INSPECT,
    FAKE_DOCKER_OP_IMAGE_REMOVE,
    FAKE_DOCKER_OP_IMAGE_LIST,
    FAKE_DOCKER_OP_CREATE,
    FAKE_DOCKER_OP_START,
    FAKE_DOCKER_OP_STOP,
    FAKE_DOCKER_OP_KILL,
    FAKE_DOCKER_OP_PAUSE,
    FAKE_DOCKER_OP_UNPAUSE,
    FAKE_DOCKER_OP_REMOVE,
    FAKE_DOCKER_OP_INSPECT,
    FAKE_DOCKER_OP_LIST,
    FAKE_DOCKER_OP_STATS,
};
const char *fake_docker_op_name(enum fake_docker_op op); /* "image-inspect" */

struct fake_docker_route {
    enum fake_docker_op op;
    struct eca_view version; /* "1.17", empty = unversioned */
    struct eca_view ref;     /* container or image in the path, percent-encoding kept */
};
void fake_docker_route(const struct fake_request *request, struct fake_docker_route *ret_route);
/* "<task>/<name>" of the labels in a create body, else "" (DKR-502). */
void fake_docker_label_name(const struct fake_trace *trace, eca_json labels, struct eca_buf *out);

#endif
