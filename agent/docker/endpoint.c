#include "agent/docker/endpoint.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define DEFAULT_PORT 2375 /* DKR-103 */

static int parse_tcp(const char *url_text, const char *scheme, struct eca_docker_endpoint *ret,
                     struct eca_err *err)
{
    struct eca_url url;
    bool is_web = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;

    if (eca_url_parse(eca_view_str(url_text), &url, err) < 0) {
        return eca_err_wrap(err, "invalid endpoint");
    }
    if (url.host.len == 0) {
        return eca_err_set(err, ECA_E_INVALID, "invalid endpoint: no host in \"%s\"", url_text);
    }
    if (url.port == 0 && !is_web) {
        ret->base_url =
            eca_xasprintf("http://%.*s:%d", (int)url.authority.len, url.authority.at, DEFAULT_PORT);
        return ECA_OK;
    }
    ret->base_url = eca_xasprintf("%s://%.*s", is_web ? scheme : "http", (int)url.authority.len,
                                  url.authority.at);
    return ECA_OK;
}

int eca_docker_endpoint_parse(const char *text, bool tls, struct eca_docker_endpoint *ret,
                              struct eca_err *err)
{
    struct eca_view view = eca_view_str(text);
    eca_auto_free char *as_tcp = NULL;
    int rc;

    *ret = (struct eca_docker_endpoint){0};
    if (eca_view_starts(view, "unix://") || eca_view_starts(view, "/")) {
        const char *path = text[0] == '/' ? text : text + strlen("unix://");

        if (path[0] != '/') {
            return eca_err_set(err, ECA_E_INVALID, "invalid endpoint: no absolute path in \"%s\"",
                               text);
        }
        ret->unix_socket = eca_xstrdup(path);
        ret->base_url = eca_xstrdup("http://docker");
        return ECA_OK;
    }
    if (eca_view_starts(view, "http://")) {
        rc = parse_tcp(text, "http", ret, err);
    } else if (eca_view_starts(view, "https://")) {
        rc = parse_tcp(text, "https", ret, err);
    } else if (eca_view_starts(view, "tcp://")) {
        rc = parse_tcp(text, "tcp", ret, err);
    } else if (eca_view_find(view, "://", 0) == SIZE_MAX && view.len > 0) {
        as_tcp = eca_xasprintf("tcp://%s", text);
        rc = parse_tcp(as_tcp, "tcp", ret, err);
    } else {
        return eca_err_set(err, ECA_E_INVALID, "invalid endpoint: \"%s\"", text);
    }
    if (rc == ECA_OK && tls && strncmp(ret->base_url, "http://", 7) == 0) {
        char *secured = eca_xasprintf("https://%s", ret->base_url + 7);

        eca_free(ret->base_url);
        ret->base_url = secured;
    }
    return rc;
}

void eca_docker_endpoint_clear(struct eca_docker_endpoint *endpoint)
{
    eca_free(endpoint->unix_socket);
    eca_free(endpoint->base_url);
    *endpoint = (struct eca_docker_endpoint){0};
}
