#ifndef ECA_RECORD_LINE_H
#define ECA_RECORD_LINE_H

#include "agent/record/mask.h"

/*
 * Writes one line of a recording: a JSON object, text masked on its way. As eca_json_writer, which
 * writes the same bytes, but made for an agent under load: text is escaped eight bytes at a time
 * and looked through for secrets in the same pass; only text that holds one, or is not plain ASCII,
 * is copied before.
 */
struct eca_line {
    struct eca_buf *out; /* NULL: nothing of it is wanted, every call below returns at once */
    struct eca_mask *mask;
    bool need_comma;
};

/* {"<kind>":"<name>" ; both short and plain ASCII, nothing to escape. */
void eca_line_open(struct eca_line *line, const char *kind, const char *name);
void eca_line_close(struct eca_line *line);
/* key: plain ASCII without anything to escape; NULL inside of arrays. */
void eca_line_object(struct eca_line *line, const char *key);
void eca_line_end_object(struct eca_line *line);
void eca_line_array(struct eca_line *line, const char *key);
void eca_line_end_array(struct eca_line *line);
void eca_line_u64(struct eca_line *line, const char *key, uint64_t value);
void eca_line_i64(struct eca_line *line, const char *key, int64_t value);
void eca_line_bool(struct eca_line *line, const char *key, bool value);
/* Text that can hold no secret. NULL: null. */
void eca_line_plain(struct eca_line *line, const char *key, const char *text);
/* Masked; NULL: no member at all. */
void eca_line_text(struct eca_line *line, const char *key, const char *text);
/* As above; under "<key>'" with apostrophes for its quotes when nothing else of it has to be
 * escaped; bytes that are no text as base64 under "<key>64". */
void eca_line_bytes(struct eca_line *line, const char *key, struct eca_view bytes);
void eca_line_base64(struct eca_line *line, const char *key, struct eca_view bytes);

#endif
