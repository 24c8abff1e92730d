#ifndef ECA_PORTS_ENDPOINT_H
#define ECA_PORTS_ENDPOINT_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * The local HTTP servers (introspection, task credentials). The handler is a plain function:
 * request in, response out, within the call. Bind retries (INTRO-101), limits and slow clients
 * (INTRO-130) are the adapter's.
 */
struct eca_endpoint_request {
    const char *method;     /* "GET" */
    const char *path;       /* as sent, not decoded, without query */
    const char *query;      /* without '?'; NULL = no '?' at all */
    const char *user_agent; /* "" when absent */
    bool has_user_agent;
    const char *remote; /* "127.0.0.1:4711", "[::1]:4711" */
};
struct eca_endpoint_response {
    int status;
    const char *content_type;        /* static text; NULL = none */
    const char *extra_headers[4][2]; /* static name, value; unused NULL */
    struct eca_buf body;             /* filled by the handler, cleared by the adapter */
};
typedef void eca_endpoint_fn(void *arg, const struct eca_endpoint_request *request,
                             struct eca_endpoint_response *response);

struct eca_endpoint_opts {
    const char *name; /* "introspection", "credentials": logs */
    const char *bind; /* NULL or "" = all interfaces, IPv4 and IPv6 */
    uint16_t port;
    uint32_t connections_max;            /* 256 */
    uint32_t connections_per_remote_max; /* 32 */
    uint32_t connections_loopback_max;   /* the same for an address of loopback: 64 */
    uint64_t idle_ms; /* 5 s: between requests, for a head, and from the head to the last byte of
                         the answer */
};

struct eca_listener; /* opaque */
struct eca_endpoint_ops {
    int (*listen)(void *impl, const struct eca_endpoint_opts *opts, eca_endpoint_fn *handler,
                  void *arg, struct eca_listener **ret_listener, struct eca_err *err);
    void (*close)(void *impl, struct eca_listener *listener);
};
struct eca_endpoint {
    const struct eca_endpoint_ops *ops;
    void *impl;
};

/* Succeeds also when the port is busy: the adapter retries 1 s .. 1 min. */
static inline int eca_endpoint_listen(struct eca_endpoint endpoint,
                                      const struct eca_endpoint_opts *opts,
                                      eca_endpoint_fn *handler, void *arg,
                                      struct eca_listener **ret_listener, struct eca_err *err)
{
    return endpoint.ops->listen(endpoint.impl, opts, handler, arg, ret_listener, err);
}
static inline void eca_endpoint_close(struct eca_endpoint endpoint, struct eca_listener *listener)
{
    endpoint.ops->close(endpoint.impl, listener);
}

#endif
