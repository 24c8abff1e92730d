#ifndef ECA_SYS_HTTP_UNIX_H
#define ECA_SYS_HTTP_UNIX_H

#include "agent/sys/http_call.h"
#include "agent/sys/loop.h"

/*
 * HTTP over unix sockets, as much of it as Docker's socket needs: one exchange per connection
 * (DKR-110), no TLS, no proxy. A running container costs one endless stream of statistics, and
 * libcurl holds 13 KiB for each, more than everything else that the agent keeps of a task; here
 * it is less than 1 KiB. The answer's parser is http_parser.
 */
struct eca_http_unix;
struct eca_http_unix *eca_http_unix_new(struct eca_loop *loop);
void eca_http_unix_free(struct eca_http_unix *client); /* calls vanish without callbacks; NULL ok */

/* eca_http_start for options with unix_socket; contract in agent/ports/http.h. */
int eca_http_unix_start(struct eca_http_unix *client, const struct eca_http_opts *opts,
                        const struct eca_http_events *events, void *arg,
                        struct eca_http_call **ret_call, struct eca_err *err);

#endif
