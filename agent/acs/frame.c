#include "agent/acs/frame.h"

#include <string.h>

#define TYPE_NAME_SHOWN_MAX 64

static bool find_type(const struct eca_frame_type *types, size_t count, const char *name,
                      size_t *ret_type)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(types[i].name, name) == 0) { /* exact case (WS-162) */
            *ret_type = i;
            return true;
        }
    }
    return false;
}

static int unknown_type(const char *name, struct eca_err *err)
{
    eca_auto_buf struct eca_buf shown = {.bytes_max = 0};
    struct eca_view view = eca_view_str(name);

    /* A type name is the peer's text: cut and cleaned before it reaches a log. */
    for (size_t i = 0; i < view.len && i < TYPE_NAME_SHOWN_MAX; i++) {
        char c = name[i];
        eca_buf_add_char(&shown, c >= '!' && c <= '~' ? c : '?');
    }
    return eca_err_set(err, ECA_E_INVALID, "could not recognize given argument as a valid type: %s",
                       eca_buf_str(&shown));
}

static int undecodable(size_t bytes, const char *why, struct eca_err *err)
{
    return eca_err_set(err, ECA_E_INVALID, "could not decode message of %zu bytes: %s", bytes, why);
}

/* {"<TypeName>":"<text>"}, text a string or null (WS-164). */
static int decode_short(eca_json root, size_t bytes, const struct eca_frame_type *types,
                        size_t type_count, struct eca_frame *frame, struct eca_err *err)
{
    eca_json only = eca_json_first(root);
    enum eca_json_type kind = eca_json_type(only);

    if (eca_json_count(root) != 1) {
        return undecodable(bytes, "no type, and not a single member", err);
    }
    if (kind != ECA_JSON_STRING && kind != ECA_JSON_NULL) {
        return undecodable(bytes, "no type, and the single member is no text", err);
    }
    if (!find_type(types, type_count, eca_json_key(only), &frame->type)) {
        return unknown_type(eca_json_key(only), err);
    }
    if (!types[frame->type].has_text) {
        return undecodable(bytes, "the type has no message text", err);
    }
    frame->text = kind == ECA_JSON_STRING ? eca_json_str(only) : NULL;
    return ECA_OK;
}

static int decode(eca_json root, size_t bytes, const struct eca_frame_type *types,
                  size_t type_count, struct eca_frame *frame, struct eca_err *err)
{
    eca_json type, message;

    if (eca_json_type(root) != ECA_JSON_OBJECT) {
        return undecodable(bytes, "not an object", err);
    }
    type = eca_json_get_nocase(root, "type");
    if (eca_json_type(type) != ECA_JSON_STRING || eca_json_str(type)[0] == '\0') {
        return decode_short(root, bytes, types, type_count, frame, err);
    }
    if (!find_type(types, type_count, eca_json_str(type), &frame->type)) {
        return unknown_type(eca_json_str(type), err);
    }
    message = eca_json_get_nocase(root, "message");
    if (eca_json_is_null(message)) {
        return ECA_OK; /* an empty object of that type (WS-163) */
    }
    if (eca_json_type(message) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "%s: message: want object, have %s",
                           types[frame->type].name, eca_json_type_name(eca_json_type(message)));
    }
    frame->body = message;
    if (types[frame->type].has_text) {
        const char *text = NULL;

        if (eca_json_read_str(message, "message", "message", &text, err) < 0) {
            return eca_err_wrap(err, "%s", types[frame->type].name);
        }
        frame->text = text;
    }
    return ECA_OK;
}

int eca_frame_decode(struct eca_view text, const struct eca_frame_type *types, size_t type_count,
                     struct eca_frame *ret_frame, struct eca_err *err)
{
    eca_auto_frame struct eca_frame frame = {0};
    int rc;

    if (text.len > ECA_FRAME_BYTES_MAX) {
        return undecodable(text.len, "too large", err);
    }
    if (eca_json_parse(text, &frame.doc, err) < 0) {
        return eca_err_wrap(err, "could not decode message of %zu bytes", text.len);
    }
    rc = decode(eca_json_root(frame.doc), text.len, types, type_count, &frame, err);
    if (rc < 0) {
        return rc;
    }
    *ret_frame = frame;
    frame.doc = NULL;
    return ECA_OK;
}

void eca_frame_clear(struct eca_frame *frame)
{
    eca_json_free(frame->doc);
    *frame = (struct eca_frame){0};
}

struct eca_json_writer eca_frame_begin(struct eca_buf *out, const char *type_name)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "type", type_name);
    eca_jw_object(&w, "message");
    return w;
}

void eca_frame_end(struct eca_json_writer *w)
{
    eca_jw_end_object(w);
    eca_jw_end_object(w);
}
