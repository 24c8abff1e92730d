#include "agent/record/line.h"

#include <assert.h>
#include <endian.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#define PIECE 4096          /* of a text: room for its worst case is made at once */
#define ESCAPED_BYTES_MAX 6 /* of one byte: \u00xx */
#define WORD sizeof(uint64_t)
#define HALF sizeof(uint32_t)
#define LANE 16
#define KEY_BYTES_MAX 30

typedef signed char lane __attribute__((vector_size(LANE)));

static bool is_clear(lane bits)
{
    uint64_t any[2];

    memcpy(any, &bits, sizeof(any));
    return (any[0] | any[1]) == 0;
}

/* Room for `more` bytes; the caller moves len. NULL: the line is too long, and stays as it is. */
static char *room(struct eca_line *line, size_t more)
{
    struct eca_buf *out = line->out;

    return out->cap - out->len > more ? out->at + out->len : eca_buf_room(out, more);
}

char *eca_line_begin_at(struct eca_line *line, struct eca_view key, size_t more)
{
    char *to = line->out == NULL ? NULL : room(line, key.len + more + 4);

    if (to == NULL) {
        return NULL;
    }
    *to = ',';
    to += line->need_comma;
    line->need_comma = true;
    if (key.at != NULL) {
        *to++ = '"';
        to = mempcpy(to, key.at, key.len);
        *to++ = '"';
        *to++ = ':';
    }
    return to;
}

void eca_line_open(struct eca_line *line, const char *kind, const char *name)
{
    size_t kind_len = strlen(kind), name_len = strlen(name);
    char *to;

    if (line->out == NULL) {
        return;
    }
    line->out->len = 0;
    line->out->full = false;
    line->need_comma = true;
    to = room(line, kind_len + name_len + 7);
    to = mempcpy(to, "{\"", 2);
    to = mempcpy(to, kind, kind_len);
    to = mempcpy(to, "\":\"", 3);
    to = mempcpy(to, name, name_len);
    *to++ = '"';
    eca_line_finish(line, to);
}

void eca_line_close(struct eca_line *line)
{
    eca_line_end_object(line);
    if (line->out != NULL) {
        line->out->at[line->out->len] = '\0';
    }
}

void eca_line_end_u64(struct eca_line *line, char *to, uint64_t value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233"
        "34353637383940414243444546474849505152535455565758596061626364656667"
        "6869707172737475767778798081828384858687888990919293949596979899";
    size_t digits = 1;

    for (uint64_t limit = 10; value >= limit && digits < ECA_LINE_NUMBER_BYTES_MAX; limit *= 10) {
        digits++;
    }
    to += digits;
    eca_line_finish(line, to);
    for (; value >= 10; value /= 100) {
        to -= 2;
        memcpy(to, pairs + value % 100 * 2, 2);
        digits -= 2;
    }
    if (digits > 0) {
        to[-1] = (char)('0' + value);
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

/* Sixteen plain characters. */
static bool is_plain(lane x)
{
    return is_clear((lane)(x < ' ') | (lane)(x == '"') | (lane)(x == '\\')); /* above ASCII: < 0 */
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

/* As many plain characters as come, copied whole words at a time. What stands behind the plain ones
 * of a word is written over. */
static char *copy_plain(char *to, struct eca_view text, size_t *at, size_t end)
{
    size_t plain = WORD;
    uint64_t word;
    lane x;

    while (*at + LANE <= end) {
        memcpy(&x, text.at + *at, LANE);
        if (!is_plain(x)) {
            break;
        }
        memcpy(to, &x, LANE);
        *at += LANE;
        to += LANE;
    }
    while (*at + WORD <= end && plain == WORD) {
        memcpy(&word, text.at + *at, WORD);
        memcpy(to, &word, WORD);
        plain = plain_bytes(word);
        *at += plain;
        to += plain;
    }
    if (plain == WORD && *at < end && end >= WORD) {
        /* Fewer than a word: with those before them one. Those stand before `to` as they are when
         * they are plain, too. */
        memcpy(&word, text.at + end - WORD, WORD);
        if (plain_bytes(word) == WORD) {
            to += end - *at;
            memcpy(to - WORD, &word, WORD);
            *at = end;
        }
    } else if (plain == WORD && *at == 0 && end >= HALF) {
        /* Two halves that overlap. */
        memcpy(&word, text.at, HALF);
        memcpy((char *)&word + HALF, text.at + end - HALF, HALF);
        if (plain_bytes(word) == WORD) {
            memcpy(to, text.at, HALF);
            to += end;
            memcpy(to - HALF, text.at + end - HALF, HALF);
            *at = end;
        }
    }
    return to;
}

/* Up to `end`; NULL: some of it is not for the short way. */
static char *escape(char *to, struct eca_view text, size_t at, size_t end)
{
    while (at < end) {
        unsigned char c;
        char letter;

        to = copy_plain(to, text, &at, end);
        if (at == end) {
            break;
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
static bool put_escaped(struct eca_line *line, struct eca_view key, struct eca_view text)
{
    struct eca_line before = *line;
    size_t len = line->out->len, at = 0, end = text.len < PIECE ? text.len : PIECE;
    char *to = eca_line_begin_at(line, key, (end - at) * ESCAPED_BYTES_MAX + LANE);

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
            eca_line_finish(line, to);
            break;
        }
        eca_line_finish(line, to);
        at = end;
        end = text.len - at < PIECE ? text.len : at + PIECE;
        to = room(line, (end - at) * ESCAPED_BYTES_MAX + LANE);
    }
    return true;
}

/* The same for less than a lane. */
static bool swap_few(char *to, struct eca_view text)
{
    bool is_bad = false;

    for (size_t at = 0; at < text.len; at++) {
        signed char c = (signed char)text.at[at];

        is_bad |= c < ' ' || c == '\'' || c == '\\';
        to[at] = c == '"' ? '\'' : (char)c;
    }
    return !is_bad;
}

/* Copies text, a quote becomes an apostrophe. False: some of it is no plain character, or is an
 * apostrophe or a backslash. */
static bool swap_quotes(char *to, struct eca_view text)
{
    const lane swap = (lane){0} + ('"' ^ '\'');
    lane bad = {0};
    size_t at = 0;

    for (; at + LANE <= text.len; at += LANE) {
        lane x;

        memcpy(&x, text.at + at, LANE);
        bad |= (lane)(x < ' ') | (lane)(x == '\'') | (lane)(x == '\\');
        x ^= (lane)(x == '"') & swap;
        memcpy(to + at, &x, LANE);
    }
    if (at == text.len || text.len < LANE) {
        return is_clear(bad) && swap_few(to + at, eca_view_sub(text, at, LANE));
    }
    /* The last sixteen, some of them again. */
    return is_clear(bad) &&
           swap_quotes(to + text.len - LANE, eca_view_sub(text, text.len - LANE, LANE));
}

/* The end of a line, as most of Docker's texts have one: \n or \r\n. */
static size_t newline_bytes(struct eca_view text)
{
    if (text.len == 0 || text.at[text.len - 1] != '\n') {
        return 0;
    }
    return text.len > 1 && text.at[text.len - 2] == '\r' ? 2 : 1;
}

/*
 * JSON inside of JSON is half backslashes: it stands there with apostrophes for its quotes, under
 * "<key>'". False: nothing was written; there is no quote in it, or something else to escape.
 */
static bool put_swapped(struct eca_line *line, struct eca_view key, struct eca_view text)
{
    struct eca_line before = *line;
    size_t newline = newline_bytes(text);
    char *to, key_swapped[KEY_BYTES_MAX + 1];

    assert(key.len <= KEY_BYTES_MAX);
    if (memchr(text.at, '"', text.len) == NULL) {
        return false;
    }
    *(char *)mempcpy(key_swapped, key.at, key.len) = '\'';
    to = eca_line_begin_at(line, eca_view_of(key_swapped, key.len + 1), text.len + 4);
    if (to == NULL) {
        return true;
    }
    text.len -= newline;
    *to++ = '"';
    if (!swap_quotes(to, text)) {
        *line = before;
        return false;
    }
    to += text.len;
    if (newline > 0) {
        to = mempcpy(to, newline == 2 ? "\\r\\n" : "\\n", 2 * newline);
    }
    *to++ = '"';
    eca_line_finish(line, to);
    return true;
}

static void put_long(struct eca_line *line, struct eca_view key, struct eca_view text)
{
    struct eca_json_writer w = eca_json_writer_to(line->out);
    char *to = eca_line_begin_at(line, key, 0);

    if (to != NULL) {
        eca_line_finish(line, to);
        eca_jw_view(&w, NULL, text);
    }
}

static bool concerns(const struct eca_line *line, struct eca_view text, enum eca_line_origin origin)
{
    switch (origin) {
    case ECA_LINE_PLAIN:
        return false;
    case ECA_LINE_OWN:
        return eca_mask_concerns_own(line->mask, text);
    case ECA_LINE_FOREIGN:
        break;
    }
    return eca_mask_concerns(line->mask, text);
}

/* The text, or a masked copy of it. What is written depends on what it holds when it is masked
 * alone: a replay has no other text. */
static struct eca_view masked_view(struct eca_line *line, struct eca_view text,
                                   enum eca_line_origin origin, struct eca_buf *masked)
{
    if (!concerns(line, text, origin)) {
        return text;
    }
    eca_mask_text(line->mask, text, masked);
    return eca_view_of(eca_buf_str(masked), masked->len);
}

void eca_line_put_text(struct eca_line *line, struct eca_view key, struct eca_view text,
                       enum eca_line_origin origin)
{
    eca_auto_buf struct eca_buf masked = {0};

    if (line->out != NULL) {
        text = masked_view(line, text, origin, &masked);
        if (!put_escaped(line, key, text)) {
            put_long(line, key, text);
        }
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

static void put_base64(struct eca_line *line, struct eca_view key, struct eca_view bytes)
{
    char *to = eca_line_begin_at(line, key, 1);

    if (to != NULL) {
        *to++ = '"';
        eca_line_finish(line, to);
        eca_base64(bytes.at, bytes.len, false, line->out);
        eca_buf_add_char(line->out, '"');
    }
}

void eca_line_put_bytes(struct eca_line *line, struct eca_view key, struct eca_view bytes,
                        enum eca_line_origin origin)
{
    eca_auto_buf struct eca_buf masked = {0};

    if (line->out == NULL || bytes.at == NULL) {
        return;
    }
    bytes = masked_view(line, bytes, origin, &masked);
    if (put_swapped(line, key, bytes) || put_escaped(line, key, bytes)) {
        return;
    }
    if (is_text(bytes)) {
        put_long(line, key, bytes);
    } else {
        eca_auto_free char *key64 = eca_xasprintf("%.*s64", (int)key.len, key.at);

        put_base64(line, eca_view_str(key64), bytes);
    }
}

/* False: nothing was written, one of them is long or not plain. */
static bool put_pair(struct eca_line *line, struct eca_view name, struct eca_view value)
{
    struct eca_line before = *line;
    char *to;

    if (name.len + value.len > PIECE) {
        return false;
    }
    to = eca_line_begin_at(line, ECA_VIEW_NONE, (name.len + value.len) * ESCAPED_BYTES_MAX + LANE);
    if (to == NULL) {
        return true;
    }
    *to++ = '[';
    *to++ = '"';
    to = escape(to, name, 0, name.len);
    if (to != NULL) {
        to = mempcpy(to, "\",\"", 3);
        to = escape(to, value, 0, value.len);
    }
    if (to == NULL) {
        *line = before;
        return false;
    }
    *to++ = '"';
    *to++ = ']';
    eca_line_finish(line, to);
    return true;
}

void eca_line_pair(struct eca_line *line, struct eca_view name, struct eca_view value)
{
    if (line->out == NULL || put_pair(line, name, value)) {
        return;
    }
    eca_line_array(line, NULL);
    eca_line_put_text(line, ECA_VIEW_NONE, name, ECA_LINE_PLAIN);
    eca_line_put_text(line, ECA_VIEW_NONE, value, ECA_LINE_PLAIN);
    eca_line_end_array(line);
}

void eca_line_base64(struct eca_line *line, const char *key, struct eca_view bytes)
{
    if (line->out != NULL) {
        put_base64(line, eca_view_str(key), bytes);
    }
}
