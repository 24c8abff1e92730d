#ifndef ECA_SYS_HTTP_CURL_H
#define ECA_SYS_HTTP_CURL_H

#include "agent/ports/http.h"
#include "agent/ports/proxy.h"
#include "agent/sys/loop.h"
#include "agent/sys/tls_trust.h"

/* The http port on libcurl's multi socket interface (docs/EVENT-LOOP.md, section 7). */
struct eca_http_curl_opts {
    struct eca_loop *loop;
    struct eca_tls_trust trust;
    eca_env_fn *env; /* for the proxy variables, read anew per connection */
    void *env_arg;
};

struct eca_http_curl;
struct eca_http_curl *eca_http_curl_new(const struct eca_http_curl_opts *opts, struct eca_err *err);
void eca_http_curl_free(struct eca_http_curl *curl); /* calls vanish without callbacks; NULL ok */
struct eca_http eca_http_curl_port(struct eca_http_curl *curl);

#endif
