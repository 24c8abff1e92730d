#include "agent/ports/proxy.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/str.h"

static const char *first_set(eca_env_fn *env, void *arg, const char *upper, const char *lower)
{
    const char *value = env(arg, upper);

    return value != NULL && value[0] != '\0' ? value : env(arg, lower);
}

void eca_proxy_settings_read(eca_env_fn *env, void *arg, struct eca_proxy_settings *ret)
{
    ret->https_proxy = first_set(env, arg, "HTTPS_PROXY", "https_proxy");
    ret->http_proxy = first_set(env, arg, "HTTP_PROXY", "http_proxy");
    ret->no_proxy = first_set(env, arg, "NO_PROXY", "no_proxy");
}

static bool is_loopback(struct eca_view host)
{
    return eca_view_eq_nocase(host, "localhost") || eca_view_eq_str(host, "::1") ||
           (eca_view_starts(host, "127.") && eca_view_find(host, "..", 0) == SIZE_MAX &&
            host.at[host.len - 1] >= '0' && host.at[host.len - 1] <= '9');
}

static bool ends_nocase(struct eca_view host, struct eca_view suffix)
{
    char text[256];

    if (suffix.len > host.len || suffix.len >= sizeof(text)) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)suffix.len, suffix.at);
    return eca_view_eq_nocase(eca_view_sub(host, host.len - suffix.len, suffix.len), text);
}

/* ".foo.com" and "foo.com" both match foo.com and its sub-domains, never xfoo.com. */
static bool entry_matches(struct eca_view entry, struct eca_view host)
{
    size_t colon = eca_view_find(entry, ":", 0);

    if (colon != SIZE_MAX && eca_view_find(entry, ":", colon + 1) == SIZE_MAX) {
        entry = eca_view_sub(entry, 0, colon); /* ports on entries are ignored */
    }
    if (entry.len > 0 && entry.at[0] == '.') {
        entry = eca_view_sub(entry, 1, entry.len);
    }
    return entry.len > 0 && ends_nocase(host, entry) &&
           (host.len == entry.len || host.at[host.len - entry.len - 1] == '.');
}

bool eca_proxy_is_bypassed(const char *no_proxy, struct eca_view host)
{
    struct eca_view rest = eca_view_str(no_proxy == NULL ? "" : no_proxy);

    if (is_loopback(host)) {
        return true;
    }
    if (eca_view_eq_str(eca_view_trim(rest), "*")) {
        return true;
    }
    while (rest.len > 0) {
        size_t comma = eca_view_find(rest, ",", 0);
        struct eca_view entry =
            eca_view_trim(eca_view_sub(rest, 0, comma == SIZE_MAX ? rest.len : comma));

        if (entry_matches(entry, host)) {
            return true;
        }
        rest = comma == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(rest, comma + 1, rest.len);
    }
    return false;
}

static int copy_decoded(struct eca_view text, char *to, size_t bytes, struct eca_err *err)
{
    eca_auto_buf struct eca_buf plain = {0};

    eca_percent_decode(text, false, &plain);
    if (plain.len >= bytes) {
        return eca_err_set(err, ECA_E_INVALID, "proxy setting too long");
    }
    (void)snprintf(to, bytes, "%s", eca_buf_str(&plain));
    return ECA_OK;
}

static int parse_proxy(const char *value, struct eca_proxy *proxy, struct eca_err *err)
{
    eca_auto_buf struct eca_buf full = {0};
    struct eca_url url;
    size_t colon;

    if (strstr(value, "://") == NULL) {
        eca_buf_add_str(&full, "http://");
    }
    eca_buf_add_str(&full, value);
    /* The sentence must not quote the value: it may hold a password. */
    if (eca_url_parse(eca_buf_view(&full), &url, NULL) < 0 || url.host.len == 0) {
        return eca_err_set(err, ECA_E_INVALID, "the proxy setting is not a URL");
    }
    proxy->tls = eca_view_eq_nocase(url.scheme, "https");
    if (!proxy->tls && !eca_view_eq_nocase(url.scheme, "http")) {
        return eca_err_set(err, ECA_E_INVALID, "the proxy setting has a scheme other than http(s)");
    }
    proxy->port = url.port != 0 ? (uint16_t)url.port : proxy->tls ? 443 : 80;
    colon = eca_view_find(url.userinfo, ":", 0);
    if (copy_decoded(url.host, proxy->host, sizeof(proxy->host), err) < 0 ||
        copy_decoded(eca_view_sub(url.userinfo, 0, colon == SIZE_MAX ? url.userinfo.len : colon),
                     proxy->user, sizeof(proxy->user), err) < 0) {
        return ECA_E_INVALID;
    }
    return colon == SIZE_MAX ? ECA_OK
                             : copy_decoded(eca_view_sub(url.userinfo, colon + 1, url.userinfo.len),
                                            proxy->password, sizeof(proxy->password), err);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

int eca_proxy_choose(const struct eca_proxy_settings *settings, struct eca_view url,
                     struct eca_proxy *ret_proxy, struct eca_err *err)
{
    struct eca_proxy proxy = {0};
    struct eca_url target;
    const char *value;
    bool secure;

    if (eca_url_parse(url, &target, err) < 0) {
        return ECA_E_INVALID;
    }
    secure = eca_view_eq_nocase(target.scheme, "https") || eca_view_eq_nocase(target.scheme, "wss");
    value = secure && is_set(settings->https_proxy) ? settings->https_proxy : settings->http_proxy;
    if (is_set(value) && !eca_proxy_is_bypassed(settings->no_proxy, target.host)) {
        proxy.used = true;
        if (parse_proxy(value, &proxy, err) < 0) {
            return ECA_E_INVALID;
        }
    }
    *ret_proxy = proxy;
    return ECA_OK;
}
