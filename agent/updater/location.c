#include "agent/updater/location.h"

#include <string.h>

#include "agent/base/str.h"

/* The path without "." and ".." segments (RFC 3986, 5.2.4). */
static void resolve_dots(struct eca_view path, struct eca_buf *out)
{
    while (path.len > 0) {
        size_t end = eca_view_find(path, "/", 1);
        struct eca_view segment = eca_view_sub(path, 0, end == SIZE_MAX ? path.len : end);
        bool last = end == SIZE_MAX;

        path = eca_view_sub(path, segment.len, path.len);
        if (eca_view_eq_str(segment, "/..")) {
            while (out->len > 0 && out->at[--out->len] != '/') {
            }
            eca_buf_add_str(out, last ? "/" : "");
        } else if (eca_view_eq_str(segment, "/.")) {
            eca_buf_add_str(out, last ? "/" : "");
        } else {
            eca_buf_add_view(out, segment);
        }
    }
}

int eca_update_location_check(struct eca_view location, struct eca_err *err)
{
    eca_auto_buf struct eca_buf decoded = {0}, path = {0};
    struct eca_url url;

    if (eca_url_parse(location, &url, err) < 0) {
        return ECA_E_INVALID;
    }
    if (!eca_view_eq_str(url.authority, ECA_UPDATE_HOST) || url.userinfo.len > 0) {
        return eca_err_set(err, ECA_E_INVALID, "invalid update host");
    }
    eca_percent_decode(url.path, false, &decoded);
    resolve_dots(eca_buf_view(&decoded), &path);
    if (!eca_view_starts(eca_buf_view(&path), ECA_UPDATE_PATH)) {
        return eca_err_set(err, ECA_E_INVALID, "invalid update bucket");
    }
    return ECA_OK;
}

static bool has_scheme(struct eca_view text)
{
    size_t end = eca_view_find(text, "://", 0);

    for (size_t i = 0; end != SIZE_MAX && i < end; i++) {
        char c = eca_ascii_lower(text.at[i]);

        if (!((c >= 'a' && c <= 'z') ||
              (i > 0 && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))) {
            return false;
        }
    }
    return end != SIZE_MAX && end > 0;
}

int eca_update_location_follow(const char *base, const char *location, struct eca_buf *ret_url,
                               struct eca_err *err)
{
    struct eca_view to = eca_view_trim(eca_view_str(location));
    struct eca_url url;

    if (to.len == 0) {
        return eca_err_set(err, ECA_E_INVALID, "redirect without a location");
    }
    if (has_scheme(to)) {
        eca_buf_add_view(ret_url, to);
        return ECA_OK;
    }
    if (eca_url_parse(eca_view_str(base), &url, err) < 0) {
        return ECA_E_INVALID;
    }
    eca_buf_add_view(ret_url, url.scheme);
    eca_buf_add_str(ret_url, ":");
    if (eca_view_starts(to, "//")) {
        eca_buf_add_view(ret_url, to);
        return ECA_OK;
    }
    eca_buf_add_str(ret_url, "//");
    eca_buf_add_view(ret_url, url.authority);
    if (to.at[0] != '/') { /* beside the file asked for */
        size_t dir = url.path.len;

        while (dir > 0 && url.path.at[dir - 1] != '/') {
            dir--;
        }
        eca_buf_add_view(ret_url, eca_view_sub(url.path, 0, dir));
        eca_buf_add_str(ret_url, dir == 0 ? "/" : "");
    }
    eca_buf_add_view(ret_url, to);
    return ECA_OK;
}
