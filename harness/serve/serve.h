#ifndef HARNESS_SERVE_SERVE_H
#define HARNESS_SERVE_SERVE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * `harness serve`: all fakes on real sockets and one agent, until SIGINT or SIGTERM; the ordinary
 * AWS CLI runs tasks on it (docs/SERVE.md). Prints the environment that clients need, one line
 * `export NAME=value` each, then "ready".
 */
#define HNS_SERVE_PORT 4566

struct hns_serve_opts {
    uint64_t port;           /* of the ECS API; 0 = any */
    const char *address;     /* to listen at; NULL = 127.0.0.1 */
    const char *host;        /* its name in endpoints and certificates; NULL = localhost */
    const char *acs_url;     /* what DiscoverPollEndpoint tells; NULL = the fake ACS */
    const char *fail;        /* "Submit*=throttling:2,CreateCluster=server:1"; NULL = nothing */
    const char *docker_api;  /* "1.12-1.24": of the fake daemon; NULL = that */
    const char *real_docker; /* socket of a daemon; NULL = the fake one */
    bool no_agent;
    bool verbose;            /* timeline on stderr */
    bool keep;               /* leave the data directory */
    const char *log, *trace; /* files for the agent's log and for every event, or NULL */
};
/* Exit code of the program: 0 after a signal, 1 when it could not serve or the agent ended by
 * itself with a code that forbids another start. */
int hns_serve(const struct hns_serve_opts *opts);

#endif
