#include "agent/base/json.h"

void eca_json_splitter_init(struct eca_json_splitter *splitter, size_t value_bytes_max)
{
    *splitter = (struct eca_json_splitter){.value_bytes_max = value_bytes_max};
    splitter->pending.bytes_max = value_bytes_max;
}

void eca_json_splitter_clear(struct eca_json_splitter *splitter)
{
    eca_buf_clear(&splitter->pending);
    eca_json_splitter_init(splitter, splitter->value_bytes_max);
}

bool eca_json_splitter_idle(const struct eca_json_splitter *splitter)
{
    return !splitter->started;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Can a value or a key begin behind this byte? */
static bool opens(char last)
{
    return last == '{' || last == '[' || last == ',' || last == ':';
}

enum scanned { INSIDE, LAST, BROKEN };

/* Advance over one byte of a started value. The parser judges the whole; here counts only what
 * tells that its end was lost. */
static enum scanned scan(struct eca_json_splitter *splitter, char c)
{
    char last = splitter->last;

    if (splitter->in_string) {
        if (splitter->escaped) {
            splitter->escaped = false;
        } else if (c == '\\') {
            splitter->escaped = true;
        } else if (c == '"') {
            splitter->in_string = false;
        } else if (c == '\n') {
            return BROKEN;
        }
        return INSIDE;
    }
    if (is_space(c)) {
        return INSIDE;
    }
    splitter->last = c;
    if (last == '{' && c != '"' && c != '}') {
        return BROKEN;
    }
    switch (c) {
    case '"':
        splitter->in_string = true;
        return opens(last) ? INSIDE : BROKEN;
    case '{':
    case '[':
        splitter->depth++;
        return last == '\0' || opens(last) ? INSIDE : BROKEN;
    case '}':
    case ']':
        splitter->depth--;
        return splitter->depth == 0 ? LAST : INSIDE;
    default:
        return INSIDE;
    }
}

/* Hand a whole value out: straight from the input when it lies there, else from pending. */
static int deliver(struct eca_json_splitter *splitter, struct eca_view part,
                   eca_json_value_fn *on_value, void *arg, struct eca_err *err)
{
    struct eca_view value = part;
    int rc;

    if (splitter->pending.len > 0) {
        eca_buf_add_view(&splitter->pending, part);
        value = eca_buf_view(&splitter->pending);
    }
    splitter->started = false;
    rc = on_value(arg, value, err);
    eca_buf_reset(&splitter->pending);
    return rc;
}

/* Behind the plain text of a string, or where it stands: half of a document is names and words. */
static size_t skip_text(const struct eca_json_splitter *splitter, struct eca_view bytes, size_t at)
{
    if (splitter->started && splitter->in_string && !splitter->escaped) {
        while (at < bytes.len && bytes.at[at] != '"' && bytes.at[at] != '\\' &&
               bytes.at[at] != '\n') {
            at++;
        }
    }
    return at;
}

int eca_json_splitter_feed(struct eca_json_splitter *splitter, struct eca_view bytes,
                           eca_json_value_fn *on_value, void *arg, struct eca_err *err)
{
    size_t from = 0; /* start of the current value's part in bytes */

    for (size_t i = 0; i < bytes.len; i++) {
        size_t text_end = skip_text(splitter, bytes, i);
        char c;
        int rc;

        i = text_end > i ? text_end - 1 : i; /* its last byte is looked at as any other */
        c = bytes.at[i];
        if (!splitter->started) {
            if (is_space(c)) {
                continue;
            }
            if (c != '{' && c != '[') {
                return eca_err_set(err, ECA_E_INVALID, "want a JSON object, have a byte 0x%02x",
                                   (unsigned char)c);
            }
            splitter->started = true;
            splitter->last = '\0';
            from = i;
        }
        if (splitter->pending.len + (i + 1 - from) > splitter->value_bytes_max) {
            return eca_err_set(err, ECA_E_LIMIT, "JSON value larger than %zu bytes",
                               splitter->value_bytes_max);
        }
        switch (scan(splitter, c)) {
        case INSIDE:
            break;
        case BROKEN:
            return eca_err_set(err, ECA_E_INVALID, "JSON value cut off before byte 0x%02x",
                               (unsigned char)c);
        case LAST:
            rc = deliver(splitter, eca_view_sub(bytes, from, i + 1 - from), on_value, arg, err);
            if (rc < 0) {
                return rc;
            }
            break;
        }
    }
    if (splitter->started) {
        eca_buf_add_view(&splitter->pending, eca_view_sub(bytes, from, bytes.len - from));
    }
    return ECA_OK;
}
