#ifndef ECA_RECORD_LINE_H
#define ECA_RECORD_LINE_H

#include <string.h>

#include "agent/record/mask.h"

/*
 * Writes one line of a recording: a JSON object, text masked on its way. As eca_json_writer, which
 * writes the same bytes, but made for an agent under load: keys are literals whose length the
 * compiler knows, text is looked through and copied sixteen bytes at a time; only text that holds a
 * secret, or is not plain ASCII, is copied before.
 */
struct eca_line {
    struct eca_buf *out; /* NULL: nothing of it is wanted, every call below returns at once */
    struct eca_mask *mask;
    bool need_comma;
};

/* {"<kind>":"<name>" ; both short and plain ASCII, nothing to escape. */
void eca_line_open(struct eca_line *line, const char *kind, const char *name);
void eca_line_close(struct eca_line *line);

/* Who made a text decides how it is looked through for secrets. */
enum eca_line_origin {
    ECA_LINE_PLAIN,   /* it can hold none */
    ECA_LINE_OWN,     /* the core, of what the mask has seen (eca_mask_concerns_own) */
    ECA_LINE_FOREIGN, /* anybody */
};

/* What stands behind the calls below. */
#define ECA_LINE_NUMBER_BYTES_MAX 20
char *eca_line_begin_at(struct eca_line *line, struct eca_view key, size_t more);
void eca_line_end_u64(struct eca_line *line, char *to, uint64_t value);
void eca_line_put_text(struct eca_line *line, struct eca_view key, struct eca_view text,
                       enum eca_line_origin origin);
void eca_line_put_bytes(struct eca_line *line, struct eca_view key, struct eca_view bytes,
                        enum eca_line_origin origin);

/* Comma and key; where the value goes, with room for `more` bytes. NULL: nothing is wanted, or the
 * line is too long and stays as it is. */
static inline char *eca_line_begin(struct eca_line *line, const char *key, size_t more)
{
    size_t len = key == NULL ? 0 : strlen(key);
    struct eca_buf *out = line->out;
    char *to;

    if (out == NULL || out->cap - out->len <= len + more + 4) {
        return eca_line_begin_at(line, eca_view_of(key, len), more);
    }
    to = out->at + out->len;
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
static inline void eca_line_finish(struct eca_line *line, const char *to)
{
    line->out->len = (size_t)(to - line->out->at);
}

static inline void eca_line_put(struct eca_line *line, const char *key, const char *value)
{
    size_t len = strlen(value);
    char *to = eca_line_begin(line, key, len);

    if (to != NULL) {
        eca_line_finish(line, mempcpy(to, value, len));
    }
}

/* key: plain ASCII without anything to escape; NULL inside of arrays. */
static inline void eca_line_object(struct eca_line *line, const char *key)
{
    eca_line_put(line, key, "{");
    line->need_comma = false;
}

static inline void eca_line_array(struct eca_line *line, const char *key)
{
    eca_line_put(line, key, "[");
    line->need_comma = false;
}

static inline void eca_line_end_object(struct eca_line *line)
{
    line->need_comma = false;
    eca_line_put(line, NULL, "}");
}

static inline void eca_line_end_array(struct eca_line *line)
{
    line->need_comma = false;
    eca_line_put(line, NULL, "]");
}

static inline void eca_line_u64(struct eca_line *line, const char *key, uint64_t value)
{
    char *to = eca_line_begin(line, key, ECA_LINE_NUMBER_BYTES_MAX);

    if (to != NULL) {
        eca_line_end_u64(line, to, value);
    }
}

static inline void eca_line_i64(struct eca_line *line, const char *key, int64_t value)
{
    char *to = eca_line_begin(line, key, ECA_LINE_NUMBER_BYTES_MAX + 1);

    if (to != NULL) {
        *to = '-';
        eca_line_end_u64(line, to + (value < 0), value < 0 ? -(uint64_t)value : (uint64_t)value);
    }
}

static inline void eca_line_bool(struct eca_line *line, const char *key, bool value)
{
    if (value) {
        eca_line_put(line, key, "true");
    } else {
        eca_line_put(line, key, "false");
    }
}

/* Text that can hold no secret. NULL: null. */
static inline void eca_line_plain(struct eca_line *line, const char *key, const char *text)
{
    if (text == NULL) {
        eca_line_put(line, key, "null");
    } else {
        eca_line_put_text(line, eca_view_of(key, key == NULL ? 0 : strlen(key)),
                          eca_view_of(text, strlen(text)), ECA_LINE_PLAIN);
    }
}

/* Masked; NULL: no member at all. */
static inline void eca_line_text(struct eca_line *line, const char *key, const char *text)
{
    if (text != NULL) {
        eca_line_put_text(line, eca_view_of(key, strlen(key)), eca_view_of(text, strlen(text)),
                          ECA_LINE_FOREIGN);
    }
}

static inline void eca_line_own_text(struct eca_line *line, const char *key, const char *text)
{
    if (text != NULL) {
        eca_line_put_text(line, eca_view_of(key, key == NULL ? 0 : strlen(key)),
                          eca_view_of(text, strlen(text)), ECA_LINE_OWN);
    }
}

/* As above; under "<key>'" with apostrophes for its quotes when nothing else of it has to be
 * escaped; bytes that are no text as base64 under "<key>64". */
static inline void eca_line_bytes(struct eca_line *line, const char *key, struct eca_view bytes)
{
    eca_line_put_bytes(line, eca_view_of(key, strlen(key)), bytes, ECA_LINE_FOREIGN);
}

static inline void eca_line_own_bytes(struct eca_line *line, const char *key, struct eca_view bytes)
{
    eca_line_put_bytes(line, eca_view_of(key, strlen(key)), bytes, ECA_LINE_OWN);
}

/* ["<name>","<value>"], of a header whose value is no secret. */
void eca_line_pair(struct eca_line *line, struct eca_view name, struct eca_view value);
void eca_line_base64(struct eca_line *line, const char *key, struct eca_view bytes);

#endif
