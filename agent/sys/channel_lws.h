#ifndef ECA_SYS_CHANNEL_LWS_H
#define ECA_SYS_CHANNEL_LWS_H

#include "agent/base/log.h"
#include "agent/ports/channel.h"
#include "agent/ports/proxy.h"
#include "agent/sys/loop.h"
#include "agent/sys/tls_trust.h"

/* The channel port on libwebsockets (docs/EVENT-LOOP.md, section 6). */
struct eca_channel_lws_opts {
    struct eca_loop *loop;
    struct eca_tls_trust trust;
    eca_env_fn *env; /* for the proxy variables */
    void *env_arg;
    struct eca_log *log; /* may be NULL */
};

struct eca_channel_lws;
struct eca_channel_lws *eca_channel_lws_new(const struct eca_channel_lws_opts *opts);
void eca_channel_lws_free(struct eca_channel_lws *lws); /* before the loop; NULL ok */
struct eca_channel eca_channel_lws_port(struct eca_channel_lws *lws);

#endif
