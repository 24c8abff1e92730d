#include "agent/sys/http_client.h"

#include "agent/base/mem.h"
#include "agent/sys/http_call.h"
#include "agent/sys/http_curl.h"
#include "agent/sys/http_unix.h"

struct eca_http_client {
    struct eca_http_curl *curl;
    struct eca_http_unix *local;
};

static int start(void *impl, const struct eca_http_opts *opts, const struct eca_http_events *events,
                 void *arg, struct eca_http_call **ret_call, struct eca_err *err)
{
    struct eca_http_client *client = impl;

    if (opts->unix_socket != NULL) {
        return eca_http_unix_start(client->local, opts, events, arg, ret_call, err);
    }
    return eca_http_curl_start(client->curl, opts, events, arg, ret_call, err);
}

static void cancel(void *impl, struct eca_http_call *call)
{
    (void)impl;
    call->cancel(call);
}

struct eca_http_client *eca_http_client_new(const struct eca_http_client_opts *opts,
                                            struct eca_err *err)
{
    struct eca_http_client *client = eca_xalloc(sizeof(*client));

    client->curl = eca_http_curl_new(opts, err);
    if (client->curl == NULL) {
        eca_http_client_free(client);
        return NULL;
    }
    client->local = eca_http_unix_new(opts->loop);
    return client;
}

void eca_http_client_free(struct eca_http_client *client)
{
    if (client == NULL) {
        return;
    }
    eca_http_unix_free(client->local);
    eca_http_curl_free(client->curl);
    eca_free(client);
}

struct eca_http eca_http_client_port(struct eca_http_client *client)
{
    static const struct eca_http_ops ops = {start, cancel};

    return (struct eca_http){&ops, client};
}
