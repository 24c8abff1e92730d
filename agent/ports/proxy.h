#ifndef ECA_PORTS_PROXY_H
#define ECA_PORTS_PROXY_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * Which proxy serves a URL (WS-121..123): a plain decision from the settings, made anew for each
 * connection.
 */
struct eca_proxy_settings {  /* values of the variables; NULL or "" = not set */
    const char *https_proxy; /* HTTPS_PROXY, else https_proxy */
    const char *http_proxy;  /* HTTP_PROXY, else http_proxy */
    const char *no_proxy;    /* NO_PROXY, else no_proxy */
};
/* Read them from an environment. */
typedef const char *eca_env_fn(void *arg, const char *name);
void eca_proxy_settings_read(eca_env_fn *env, void *arg, struct eca_proxy_settings *ret);

struct eca_proxy {
    bool used;
    char host[256];
    uint16_t port;  /* 80 or 443 when none was given (WS-123) */
    bool tls;       /* an https:// proxy */
    char user[256]; /* percent-decoded user info, "" = none */
    char password[256];
};
/* ECA_E_INVALID: the chosen proxy value cannot be used. */
int eca_proxy_choose(const struct eca_proxy_settings *settings, struct eca_view url,
                     struct eca_proxy *ret_proxy, struct eca_err *err);
/* NO_PROXY and loopback rules for a host (WS-122). */
bool eca_proxy_is_bypassed(const char *no_proxy, struct eca_view host);

#endif
