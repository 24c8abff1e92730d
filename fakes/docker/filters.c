#include <string.h>

#include "agent/base/str.h"
#include "fakes/docker/state.h"

/* The parameter `filters`: {"event": ["die"]}, or, as newer clients write it, {"event": {"die":
 * true}}. */

bool docker_read_filters(struct fake_docker *docker, struct fake_exchange *exchange,
                         struct eca_view version, struct eca_buf *ret_filters)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_err err = {0};

    if (!fake_request_param(fake_exchange_request(exchange), "filters", ret_filters) ||
        ret_filters->len == 0) {
        return true;
    }
    if (eca_json_parse(eca_buf_view(ret_filters), &doc, &err) < 0 ||
        eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
        docker_error(docker, exchange, version, docker_serves(docker, 42) ? 400 : 500,
                     "invalid filters: %s", err.msg);
        return false;
    }
    return true;
}

/* The nth value, or NULL behind the last. */
static const char *value_at(eca_json values, size_t n)
{
    for (eca_json it = eca_json_first(values); it != NULL; it = eca_json_next(it)) {
        if (n-- == 0) {
            return eca_json_type(values) == ECA_JSON_OBJECT ? eca_json_key(it)
                   : eca_json_type(it) == ECA_JSON_STRING   ? eca_json_str(it)
                                                            : "";
        }
    }
    return NULL;
}

typedef bool fits_fn(const char *value, const char *text);

static bool passes(const char *filters, const char *name, const char *text, fits_fn *fits)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *value;
    eca_json values;

    if (eca_json_parse(eca_view_str(filters), &doc, NULL) < 0) {
        return true;
    }
    values = eca_json_get(eca_json_root(doc), name);
    for (size_t i = 0; (value = value_at(values, i)) != NULL; i++) {
        if (fits(value, text)) {
            return true;
        }
    }
    return eca_json_count(values) == 0;
}

static bool is_equal(const char *value, const char *text)
{
    return strcmp(value, text) == 0;
}

static bool is_part(const char *value, const char *text)
{
    return strstr(text, value[0] == '/' ? value + 1 : value) != NULL;
}

bool docker_filter_names(const char *filters, const char *name)
{
    return !passes(filters, name, "\n", is_equal);
}

bool docker_filter_passes(const char *filters, const char *name, const char *value)
{
    return passes(filters, name, value, is_equal);
}

bool docker_filter_has_part(const char *filters, const char *name, const char *text)
{
    return passes(filters, name, text, is_part);
}

static bool has_label(eca_json labels, const char *wanted)
{
    struct eca_view text = eca_view_str(wanted);
    size_t equals = eca_view_find(text, "=", 0);
    eca_auto_buf struct eca_buf key = {0};
    eca_json value;

    eca_buf_add_view(&key, eca_view_sub(text, 0, equals));
    value = eca_json_get(labels, eca_buf_str(&key));
    if (eca_json_type(value) != ECA_JSON_STRING) {
        return false;
    }
    return equals == SIZE_MAX || strcmp(eca_json_str(value), wanted + equals + 1) == 0;
}

bool docker_filter_labels(const char *filters, const char *labels)
{
    eca_auto_json struct eca_json_doc *wanted = NULL, *have = NULL;
    const char *value;

    if (eca_json_parse(eca_view_str(filters), &wanted, NULL) < 0) {
        return true;
    }
    if (eca_json_parse(eca_view_str(labels), &have, NULL) < 0) {
        (void)eca_json_parse(eca_view_str("{}"), &have, NULL); /* it has none */
    }
    for (size_t i = 0; (value = value_at(eca_json_get(eca_json_root(wanted), "label"), i)) != NULL;
         i++) {
        if (!has_label(eca_json_root(have), value)) {
            return false;
        }
    }
    return true;
}
