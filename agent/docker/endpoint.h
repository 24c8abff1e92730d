#ifndef ECA_DOCKER_ENDPOINT_H
#define ECA_DOCKER_ENDPOINT_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Where the daemon listens (DKR-101..105). */
struct eca_docker_endpoint {
    char *unix_socket; /* NULL: TCP */
    char *base_url;    /* "http://docker", "http://h:2375", "https://h:2376"; no slash at the end */
};
/* tls: DOCKER_TLS_VERIFY is set, so tcp means https (DKR-104). ECA_E_INVALID "invalid endpoint". */
int eca_docker_endpoint_parse(const char *text, bool tls, struct eca_docker_endpoint *ret,
                              struct eca_err *err);
void eca_docker_endpoint_clear(struct eca_docker_endpoint *endpoint);

#endif
