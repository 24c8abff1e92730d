#ifndef ECA_DOCKER_H
#define ECA_DOCKER_H

#include "agent/base/log.h"
#include "agent/docker/auth.h"
#include "agent/docker/endpoint.h"
#include "agent/ports/backoff.h"
#include "agent/base/tally.h"
#include "agent/ports/runtime.h"

/*
 * The runtime port on the Docker Remote API, over the http port: the same code talks to a real
 * daemon, to the fake on a socket and to the fake in memory.
 */

/* Limits of DKR-301; zero = the default in brackets. */
struct eca_docker_timing {
    uint64_t pull_ms;          /* [2 h] */
    uint64_t pull_begin_ms;    /* [5 min] until the first progress line (DKR-718) */
    uint64_t pull_idle_ms;     /* [1 min] without a byte once begun (DKR-L04) */
    uint64_t create_ms;        /* [3 min] create and the inspect after it */
    uint64_t start_ms;         /* [90 s] */
    uint64_t stop_extra_ms;    /* [30 s] beyond the stop timeout */
    uint64_t inspect_ms;       /* [30 s] */
    uint64_t list_ms;          /* [10 min] */
    uint64_t remove_ms;        /* [5 min] */
    uint64_t image_remove_ms;  /* [3 min] */
    uint64_t image_inspect_ms; /* [30 s] DKR-118 */
    uint64_t import_ms;        /* [3 min] */
    uint64_t probe_ms;         /* [10 s] version and ping */
    uint64_t stats_idle_ms;    /* [10 s] STAT-203; a one-shot as a whole (STAT-L4) */
    uint64_t events_min_ms;    /* [200] reconnect (DKR-830) */
    uint64_t events_max_ms;    /* [10000] FB-01.1 */
};

#define ECA_DOCKER_CALLS_MAX 32 /* in flight, besides stops, streams and pulls (ENG-221) */

struct eca_docker_opts {
    struct eca_sched *sched;
    struct eca_http http;
    struct eca_entropy entropy;
    struct eca_log *log;
    const char *endpoint;               /* DOCKER_HOST */
    bool tls;                           /* DOCKER_TLS_VERIFY (DKR-104) */
    const char *cert_dir;               /* DOCKER_CERT_PATH, or NULL */
    const struct eca_docker_auth *auth; /* static registry logins, borrowed; may be NULL */
    struct eca_docker_ecr ecr;
    struct eca_docker_timing timing;
};

struct eca_docker;
/* ECA_E_INVALID: the endpoint. */
int eca_docker_new(const struct eca_docker_opts *opts, struct eca_docker **ret_docker,
                   struct eca_err *err);
void eca_docker_free(struct eca_docker *docker); /* operations end without callback; NULL ok */
struct eca_runtime eca_docker_runtime(struct eca_docker *docker);

/* The version last told by the daemon, "" before (FB-29.5). */
const char *eca_docker_version(const struct eca_docker *docker);
/* Answers and events that could not be understood, since the start. */
/* Calls by name and outcome, from the first request to the callback; stats and event streams are
 * none (INTRO-122). */
const struct eca_tally *eca_docker_tally(const struct eca_docker *docker);
uint64_t eca_docker_bad_answers(const struct eca_docker *docker);

#endif
