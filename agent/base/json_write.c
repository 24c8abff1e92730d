#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/base/json.h"
#include "agent/base/str.h"

struct eca_json_writer eca_json_writer_to(struct eca_buf *out)
{
    return (struct eca_json_writer){.out = out};
}

/* What has to stand behind a backslash instead of the byte: a letter, 'u' for \u00xx, 0 = as it is.
 */
static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b',         't',           'n', 'u',
    'f', 'r', 'u', 'u', 'u', 'u', 'u', 'u', 'u',         'u',           'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Some byte of the piece is below `limit`; may be true for a byte above 127 as well. */
static uint64_t has_below(uint64_t piece, uint64_t limit)
{
    return (piece - EACH_BYTE(limit)) & ~piece & EACH_BYTE(0x80);
}

/* Nothing in it has to be escaped or repaired, as in nearly all texts; eight bytes at a time. */
static bool is_plain(struct eca_view text)
{
    uint64_t piece, odd = 0;
    size_t at = 0;

    for (; at + sizeof(piece) <= text.len; at += sizeof(piece)) {
        memcpy(&piece, text.at + at, sizeof(piece));
        odd |= (piece & EACH_BYTE(0x80)) | has_below(piece, ' ') |
               has_below(piece ^ EACH_BYTE('"'), 1) | has_below(piece ^ EACH_BYTE('\\'), 1);
    }
    for (; at < text.len; at++) {
        odd |= escapes[(unsigned char)text.at[at]] != 0 || (unsigned char)text.at[at] > 127;
    }
    return odd == 0;
}

/* Text with quotes, everything JSON demands escaped (API-206). */
static void add_string(struct eca_buf *out, struct eca_view text)
{
    eca_auto_buf struct eca_buf clean = {0};
    size_t from = 0;

    if (is_plain(text)) {
        eca_buf_add_char(out, '"');
        eca_buf_add(out, text.at, text.len);
        eca_buf_add_char(out, '"');
        return;
    }
    if (!eca_is_ascii(text)) {
        eca_utf8_repair(text, &clean);
        text = eca_buf_view(&clean);
    }
    eca_buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char letter = escapes[(unsigned char)text.at[i]];

        if (letter == 0) {
            continue;
        }
        eca_buf_add(out, text.at + from, i - from);
        from = i + 1;
        if (letter == 'u') {
            eca_buf_addf(out, "\\u%04x", (unsigned)(unsigned char)text.at[i]);
        } else {
            char escaped[2] = {'\\', letter};

            eca_buf_add(out, escaped, sizeof(escaped));
        }
    }
    eca_buf_add(out, text.at + from, text.len - from);
    eca_buf_add_char(out, '"');
}

static void add_u64(struct eca_buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    eca_buf_add(out, digits + at, sizeof(digits) - at);
}

static void begin(struct eca_json_writer *w, const char *key)
{
    if (w->need_comma) {
        eca_buf_add_char(w->out, ',');
    }
    w->need_comma = true;
    if (key != NULL) {
        add_string(w->out, eca_view_str(key));
        eca_buf_add_char(w->out, ':');
    }
}

static void open_nested(struct eca_json_writer *w, const char *key, char c)
{
    begin(w, key);
    eca_buf_add_char(w->out, c);
    w->need_comma = false;
}

static void close_nested(struct eca_json_writer *w, char c)
{
    eca_buf_add_char(w->out, c);
    w->need_comma = true;
}

void eca_jw_object(struct eca_json_writer *w, const char *key)
{
    open_nested(w, key, '{');
}

void eca_jw_array(struct eca_json_writer *w, const char *key)
{
    open_nested(w, key, '[');
}

void eca_jw_end_object(struct eca_json_writer *w)
{
    close_nested(w, '}');
}

void eca_jw_end_array(struct eca_json_writer *w)
{
    close_nested(w, ']');
}

void eca_jw_str(struct eca_json_writer *w, const char *key, const char *text)
{
    if (text == NULL) {
        eca_jw_null(w, key);
    } else {
        eca_jw_view(w, key, eca_view_str(text));
    }
}

void eca_jw_view(struct eca_json_writer *w, const char *key, struct eca_view text)
{
    begin(w, key);
    add_string(w->out, text);
}

void eca_jw_i64(struct eca_json_writer *w, const char *key, int64_t value)
{
    begin(w, key);
    if (value < 0) {
        eca_buf_add_char(w->out, '-');
    }
    add_u64(w->out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void eca_jw_u64(struct eca_json_writer *w, const char *key, uint64_t value)
{
    begin(w, key);
    add_u64(w->out, value);
}

/* "1.5e-07" without its exponent: digits and the power of ten of the first of them. */
static void add_plain(struct eca_buf *out, const char *scientific)
{
    char digits[32];
    size_t count = 0;
    const char *at = scientific;
    int64_t exponent = 0;

    if (*at == '-') {
        eca_buf_add_char(out, '-');
        at++;
    }
    for (; *at != '\0' && *at != 'e'; at++) {
        if (*at != '.') {
            digits[count++] = *at;
        }
    }
    if (*at == 'e') {
        (void)eca_parse_i64(eca_view_str(at + 1), &exponent, NULL);
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    if (exponent < 0) {
        eca_buf_add_str(out, "0.");
        for (int64_t i = -1; i > exponent; i--) {
            eca_buf_add_char(out, '0');
        }
        eca_buf_add(out, digits, count);
        return;
    }
    for (int64_t i = 0; i <= exponent || i < (int64_t)count; i++) {
        if (i == exponent + 1) {
            eca_buf_add_char(out, '.');
        }
        eca_buf_add_char(out, i < (int64_t)count ? digits[i] : '0');
    }
}

void eca_jw_double(struct eca_json_writer *w, const char *key, double value)
{
    char text[40];
    int precision = 0;

    assert(isfinite(value));
    begin(w, key);
    do { /* the fewest digits that read back to the same double */
        double back;

        (void)snprintf(text, sizeof(text), "%.*e", precision, value);
        back = strtod(text, NULL);
        if (back <= value && back >= value) {
            break;
        }
    } while (++precision <= 17);
    add_plain(w->out, text);
}

void eca_jw_bool(struct eca_json_writer *w, const char *key, bool value)
{
    begin(w, key);
    eca_buf_add_str(w->out, value ? "true" : "false");
}

void eca_jw_null(struct eca_json_writer *w, const char *key)
{
    begin(w, key);
    eca_buf_add_str(w->out, "null");
}

void eca_jw_raw(struct eca_json_writer *w, const char *key, struct eca_view json)
{
    begin(w, key);
    eca_buf_add_view(w->out, json);
}

void eca_jw_value(struct eca_json_writer *w, const char *key, eca_json value)
{
    begin(w, key);
    eca_json_print(value, w->out);
}

void eca_json_print(eca_json value, struct eca_buf *out)
{
    bool first = true;

    switch (eca_json_type(value)) {
    case ECA_JSON_ABSENT:
    case ECA_JSON_NULL:
        eca_buf_add_str(out, "null");
        return;
    case ECA_JSON_BOOL:
        eca_buf_add_str(out, eca_json_bool(value) ? "true" : "false");
        return;
    case ECA_JSON_NUMBER:
        eca_buf_add_str(out, value->valuestring + 1); /* the peer's own digits */
        return;
    case ECA_JSON_STRING:
        add_string(out, eca_view_str(eca_json_str(value)));
        return;
    case ECA_JSON_ARRAY:
    case ECA_JSON_OBJECT:
        break;
    }
    eca_buf_add_char(out, cJSON_IsObject(value) ? '{' : '[');
    for (eca_json child = value->child; child != NULL; child = child->next) {
        if (!first) {
            eca_buf_add_char(out, ',');
        }
        first = false;
        if (cJSON_IsObject(value)) {
            add_string(out, eca_view_str(child->string));
            eca_buf_add_char(out, ':');
        }
        eca_json_print(child, out);
    }
    eca_buf_add_char(out, cJSON_IsObject(value) ? '}' : ']');
}
