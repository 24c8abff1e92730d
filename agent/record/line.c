#include "agent/record/line.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#define PIECE 4096          /* of a text: room for its worst case is made at once */
#define ESCAPED_BYTES_MAX 6 /* of one byte: \u00xx */
#define WORD sizeof(uint64_t)
#define NUMBER_BYTES_MAX 20
#define KEY_BYTES_MAX 30

/* Room for `more` bytes; the caller moves len. NULL: the line is too long, and stays as it is. */
static char *room(struct eca_line *line, size_t more)
{
    struct eca_buf *out = line->out;

    return out->cap - out->len > more ? out->at + out->len : eca_buf_room(out, more);
}

static void put(struct eca_line *line, const char *bytes, size_t len)
{
    char *to = room(line, len);

    if (to != NULL) {
        memcpy(to, bytes, len);
        line->out->len += len;
    }
}

/* Comma and key; where the value goes, with room for `more` bytes. NULL: the line is too long. */
static char *begin(struct eca_line *line, const char *key, size_t more)
{
    size_t len = key == NULL ? 0 : strlen(key);
    char *to = room(line, len + more + 4);

    if (to == NULL) {
        return NULL;
    }
    *to = ',';
    to += line->need_comma;
    line->need_comma = true;
    if (key != NULL) {
        *to++ = '"';
        to = mempcpy(to, key, len);
        *to++ = '"';
        *to++ = ':';
    }
    return to;
}

/* The value is written up to here. */
static void finish(struct eca_line *line, const char *to)
{
    line->out->len = (size_t)(to - line->out->at);
}

static void put_value(struct eca_line *line, const char *key, const char *text)
{
    size_t len = strlen(text);
    char *to = begin(line, key, len);

    if (to != NULL) {
        finish(line, mempcpy(to, text, len));
    }
}

static void open_nested(struct eca_line *line, const char *key, const char *bracket)
{
    if (line->out != NULL) {
        put_value(line, key, bracket);
        line->need_comma = false;
    }
}

static void close_nested(struct eca_line *line, const char *bracket)
{
    if (line->out != NULL) {
        put(line, bracket, 1);
        line->need_comma = true;
    }
}

void eca_line_object(struct eca_line *line, const char *key)
{
    open_nested(line, key, "{");
}

void eca_line_end_object(struct eca_line *line)
{
    close_nested(line, "}");
}

void eca_line_array(struct eca_line *line, const char *key)
{
    open_nested(line, key, "[");
}

void eca_line_end_array(struct eca_line *line)
{
    close_nested(line, "]");
}

void eca_line_open(struct eca_line *line, const char *kind, const char *name)
{
    size_t kind_len = strlen(kind), name_len = strlen(name);
    char *to;

    if (line->out == NULL) {
        return;
    }
    eca_buf_reset(line->out);
    line->need_comma = true;
    to = room(line, kind_len + name_len + 7);
    to = mempcpy(to, "{\"", 2);
    to = mempcpy(to, kind, kind_len);
    to = mempcpy(to, "\":\"", 3);
    to = mempcpy(to, name, name_len);
    *to++ = '"';
    finish(line, to);
}

void eca_line_close(struct eca_line *line)
{
    eca_line_end_object(line);
    if (line->out != NULL) {
        eca_buf_add(line->out, "", 0); /* its NUL */
    }
}

static char *put_digits(char *to, uint64_t value)
{
    char digits[NUMBER_BYTES_MAX];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(to, digits + at, sizeof(digits) - at);
    return to + sizeof(digits) - at;
}

void eca_line_u64(struct eca_line *line, const char *key, uint64_t value)
{
    char *to = line->out == NULL ? NULL : begin(line, key, NUMBER_BYTES_MAX);

    if (to != NULL) {
        finish(line, put_digits(to, value));
    }
}

void eca_line_i64(struct eca_line *line, const char *key, int64_t value)
{
    char *to = line->out == NULL ? NULL : begin(line, key, NUMBER_BYTES_MAX + 1);

    if (to != NULL) {
        *to = '-';
        to += value < 0;
        finish(line, put_digits(to, value < 0 ? -(uint64_t)value : (uint64_t)value));
    }
}

void eca_line_bool(struct eca_line *line, const char *key, bool value)
{
    if (line->out != NULL) {
        put_value(line, key, value ? "true" : "false");
    }
}

/* ---- text ----------------------------------------------------------------------------------- */

/* What has to stand behind a backslash instead of the byte: a letter, 'u' for \u00xx, 0 = as it
 * is, OTHER = not for the short way. */
#define OTHER '?'
static char letter_of(unsigned char c)
{
    static const char low[' '] = {
        OTHER, 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
        'u',   'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    };

    if (c < ' ') {
        return low[c];
    }
    if (c == '"' || c == '\\') {
        return (char)c;
    }
    return c >= 0x80 ? OTHER : 0;
}

#define EACH(c) (UINT64_C(0x0101010101010101) * (unsigned char)(c))

/*
 * How many of eight bytes stand before the first one that is no plain character: a quote, a
 * backslash, one below the blank or above ASCII. A subtraction borrows from the byte above it, so
 * only the lowest bit that is set counts.
 */
static size_t plain_bytes(uint64_t word)
{
    uint64_t x = le64toh(word);
    uint64_t bits =
        ((x - EACH(' ')) | ((x ^ EACH('"')) - EACH(1)) | ((x ^ EACH('\\')) - EACH(1)) | x) &
        EACH(0x80);

    return bits == 0 ? WORD : (size_t)__builtin_ctzll(bits) / 8;
}

static char *put_escape(char *to, unsigned char c, char letter)
{
    static const char hex[] = "0123456789abcdef";

    *to++ = '\\';
    *to++ = letter;
    if (letter == 'u') {
        *to++ = '0';
        *to++ = '0';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    return to;
}

/* Up to `end`; NULL: some of it is not for the short way. */
static char *escape(char *to, struct eca_view text, size_t at, size_t end)
{
    while (at < end) {
        unsigned char c;
        char letter;

        if (at + WORD <= end) {
            uint64_t word;
            size_t plain;

            memcpy(&word, text.at + at, WORD);
            memcpy(to, &word, WORD); /* those behind the plain ones are written over */
            plain = plain_bytes(word);
            at += plain;
            to += plain;
            if (plain == WORD) {
                continue;
            }
        }
        c = (unsigned char)text.at[at++];
        letter = letter_of(c);
        if (letter == 0) {
            *to++ = (char)c;
        } else if (letter == OTHER) {
            return NULL;
        } else {
            to = put_escape(to, c, letter);
        }
    }
    return to;
}

/* False: nothing was written, the text is not plain. */
static bool put_escaped(struct eca_line *line, const char *key, struct eca_view text)
{
    struct eca_line before = *line;
    size_t len = line->out->len, at = 0, end = text.len < PIECE ? text.len : PIECE;
    char *to = begin(line, key, (end - at) * ESCAPED_BYTES_MAX + WORD);

    if (to != NULL) {
        *to++ = '"';
    }
    while (to != NULL) {
        to = escape(to, text, at, end);
        if (to == NULL) {
            *line = before;
            line->out->len = len;
            return false;
        }
        if (end == text.len) {
            *to++ = '"';
            finish(line, to);
            break;
        }
        finish(line, to);
        at = end;
        end = text.len - at < PIECE ? text.len : at + PIECE;
        to = room(line, (end - at) * ESCAPED_BYTES_MAX + WORD);
    }
    return true;
}

#define LANE 16
typedef signed char lane __attribute__((vector_size(LANE)));

/* Copies text, a quote becomes an apostrophe. False: some of it is no plain character, or is an
 * apostrophe or a backslash. */
static bool swap_quotes(char *to, struct eca_view text)
{
    const lane swap = (lane){0} + ('"' ^ '\'');
    lane bad = {0};
    uint64_t any[2];
    size_t at = 0;

    for (; at + LANE <= text.len; at += LANE) {
        lane x;

        memcpy(&x, text.at + at, LANE);
        bad |= (lane)(x < ' ') | (lane)(x == '\'') | (lane)(x == '\\'); /* above ASCII: below 0 */
        x ^= (lane)(x == '"') & swap;
        memcpy(to + at, &x, LANE);
    }
    for (; at < text.len; at++) {
        signed char c = (signed char)text.at[at];

        bad[0] |= c < ' ' || c == '\'' || c == '\\';
        to[at] = c == '"' ? '\'' : (char)c;
    }
    memcpy(any, &bad, sizeof(any));
    return (any[0] | any[1]) == 0;
}

/*
 * JSON inside of JSON is half backslashes: it stands there with apostrophes for its quotes, under
 * "<key>'". False: nothing was written; there is no quote in it, or something else to escape.
 */
static bool put_swapped(struct eca_line *line, const char *key, struct eca_view text)
{
    struct eca_line before = *line;
    size_t key_len = strlen(key);
    bool ends_line = text.len > 0 && text.at[text.len - 1] == '\n'; /* as most of Docker's do */
    char *to, key_swapped[KEY_BYTES_MAX + 2];

    assert(key_len <= KEY_BYTES_MAX);
    if (memchr(text.at, '"', text.len) == NULL) {
        return false;
    }
    memcpy(mempcpy(key_swapped, key, key_len), "'", 2);
    to = begin(line, key_swapped, text.len + 4);
    if (to == NULL) {
        return true;
    }
    text.len -= ends_line;
    *to++ = '"';
    if (!swap_quotes(to, text)) {
        *line = before;
        return false;
    }
    to += text.len;
    if (ends_line) {
        to = mempcpy(to, "\\n", 2);
    }
    *to++ = '"';
    finish(line, to);
    return true;
}

static void put_long(struct eca_line *line, const char *key, struct eca_view text)
{
    struct eca_json_writer w = eca_json_writer_to(line->out);

    put_value(line, key, "");
    eca_jw_view(&w, NULL, text);
}

static void put_either(struct eca_line *line, const char *key, struct eca_view text)
{
    if (!put_escaped(line, key, text)) {
        put_long(line, key, text);
    }
}

void eca_line_plain(struct eca_line *line, const char *key, const char *text)
{
    if (line->out == NULL) {
        return;
    }
    if (text == NULL) {
        put_value(line, key, "null");
    } else {
        put_either(line, key, eca_view_str(text));
    }
}

void eca_line_text(struct eca_line *line, const char *key, const char *text)
{
    eca_auto_buf struct eca_buf masked = {0};
    struct eca_view view = eca_view_str(text);

    if (line->out == NULL || text == NULL) {
        return;
    }
    if (!eca_mask_concerns(line->mask, view)) {
        put_either(line, key, view);
    } else {
        eca_mask_text(line->mask, view, &masked);
        put_long(line, key, eca_buf_view(&masked));
    }
}

static bool is_text(struct eca_view bytes)
{
    eca_auto_buf struct eca_buf repaired = {0};

    if (memchr(bytes.at, '\0', bytes.len) != NULL) {
        return false;
    }
    eca_utf8_repair(bytes, &repaired);
    return eca_view_eq(bytes, eca_buf_view(&repaired));
}

void eca_line_bytes(struct eca_line *line, const char *key, struct eca_view bytes)
{
    eca_auto_buf struct eca_buf masked = {0};
    eca_auto_free char *key64 = NULL;

    if (line->out == NULL || bytes.at == NULL) {
        return;
    }
    if (!eca_mask_concerns(line->mask, bytes) &&
        (put_swapped(line, key, bytes) || put_escaped(line, key, bytes))) {
        return;
    }
    if (is_text(bytes)) {
        eca_mask_text(line->mask, bytes, &masked);
        put_long(line, key, eca_buf_view(&masked));
        return;
    }
    key64 = eca_xasprintf("%s64", key);
    eca_line_base64(line, key64, bytes);
}

void eca_line_base64(struct eca_line *line, const char *key, struct eca_view bytes)
{
    if (line->out != NULL) {
        put_value(line, key, "\"");
        eca_base64(bytes.at, bytes.len, false, line->out);
        put(line, "\"", 1);
    }
}
