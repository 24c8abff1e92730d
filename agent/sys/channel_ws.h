#ifndef ECA_SYS_CHANNEL_WS_H
#define ECA_SYS_CHANNEL_WS_H

#include "agent/ports/channel.h"
#include "agent/ports/proxy.h"
#include "agent/sys/loop.h"
#include "agent/sys/tls_trust.h"

/*
 * The channel port: a websocket client of our own over OpenSSL (docs/EVENT-LOOP.md, section 17, why
 * it is not a library's). Nothing in it waits: names are looked up by a thread, everything else is
 * the loop's.
 */
struct eca_channel_ws_opts {
    struct eca_loop *loop;
    struct eca_tls_trust trust;
    eca_env_fn *env; /* for the proxy variables */
    void *env_arg;
};

struct eca_channel_ws;
struct eca_channel_ws *eca_channel_ws_new(const struct eca_channel_ws_opts *opts);
void eca_channel_ws_free(struct eca_channel_ws *ws); /* before the loop; NULL ok */
struct eca_channel eca_channel_ws_port(struct eca_channel_ws *ws);

#endif
