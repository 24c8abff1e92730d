#ifndef ECA_SYS_HTTP_CURL_H
#define ECA_SYS_HTTP_CURL_H

#include "agent/sys/http_client.h"

/* HTTP over TCP and TLS: libcurl's multi socket interface (docs/EVENT-LOOP.md, section 7). */
struct eca_http_curl;
struct eca_http_curl *eca_http_curl_new(const struct eca_http_client_opts *opts,
                                        struct eca_err *err);
void eca_http_curl_free(struct eca_http_curl *curl); /* calls vanish without callbacks; NULL ok */

/* eca_http_start for options without unix_socket; contract in agent/ports/http.h. */
int eca_http_curl_start(struct eca_http_curl *curl, const struct eca_http_opts *opts,
                        const struct eca_http_events *events, void *arg,
                        struct eca_http_call **ret_call, struct eca_err *err);

#endif
