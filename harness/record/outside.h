#ifndef HARNESS_RECORD_OUTSIDE_H
#define HARNESS_RECORD_OUTSIDE_H

#include <stdio.h>

/*
 * `harness record`: an agent, any agent, as a child, and this process between it and its peers
 * (docs/RECORDING.md). The agent is told of it by the variables that every agent honours: HTTP and
 * HTTPS go through a proxy here, whose authority it trusts (SSL_CERT_FILE), Docker's socket is one
 * of ours (DOCKER_HOST). Every exchange is passed on and written down, secrets masked.
 */
struct hns_outside_opts {
    const char *agent;            /* path */
    const char *const *arguments; /* for it, NULL at the end */
    const char *out;              /* file of the recording */
    const char *docker;           /* socket of the daemon; NULL = that of DOCKER_HOST */
    const char *const *names;     /* of TLS peers beside AWS's own; patterns "*.example" */
    int name_count;
};
/* Exit code of the program: the agent's, or 1 when it could not be run. */
int hns_record_outside(const struct hns_outside_opts *opts);

#endif
