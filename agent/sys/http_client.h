#ifndef ECA_SYS_HTTP_CLIENT_H
#define ECA_SYS_HTTP_CLIENT_H

#include "agent/ports/http.h"
#include "agent/ports/proxy.h"
#include "agent/sys/loop.h"
#include "agent/sys/tls_trust.h"

/* The http port of production: unix sockets by http_unix.c, everything else by http_curl.c. */
struct eca_http_client_opts {
    struct eca_loop *loop;
    struct eca_tls_trust trust;
    eca_env_fn *env; /* for the proxy variables, read anew per connection */
    void *env_arg;
};

struct eca_http_client;
struct eca_http_client *eca_http_client_new(const struct eca_http_client_opts *opts,
                                            struct eca_err *err);
void eca_http_client_free(struct eca_http_client *client); /* calls vanish silently; NULL ok */
struct eca_http eca_http_client_port(struct eca_http_client *client);

#endif
