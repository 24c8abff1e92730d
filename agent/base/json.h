#ifndef ECA_BASE_JSON_H
#define ECA_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * Reading JSON that a peer wrote (WS-161, WS-165, WS-169). cJSON builds the tree; this layer closes
 * its gaps: exact 64-bit integers, the last of duplicate keys wins, look-ups are case-sensitive
 * unless asked otherwise, nothing may follow the value, invalid UTF-8 and an escaped NUL become
 * U+FFFD, depth and size are bounded. A failed typed read names the path:
 * "tasks[2].containers[0].cpu: want integer, have string". Values live as long as their document.
 */
struct eca_json_doc;
struct cJSON;
typedef const struct cJSON *eca_json; /* borrowed; NULL = absent */

#define ECA_JSON_DEPTH_MAX 200
#define ECA_JSON_BYTES_MAX ((size_t)32 << 20)
/* A value costs about 100 bytes of tree, however short its text is. */
#define ECA_JSON_VALUES_MAX 1000000

enum eca_json_type {
    ECA_JSON_ABSENT,
    ECA_JSON_NULL,
    ECA_JSON_BOOL,
    ECA_JSON_NUMBER,
    ECA_JSON_STRING,
    ECA_JSON_ARRAY,
    ECA_JSON_OBJECT,
};

/* Parse a whole text. The sentence names the byte offset, never quotes the text (secrets). */
int eca_json_parse(struct eca_view text, struct eca_json_doc **ret_doc, struct eca_err *err);
/* As above, text after the first value is allowed; *ret_used = bytes up to its end (CFG-205). */
int eca_json_parse_prefix(struct eca_view text, struct eca_json_doc **ret_doc, size_t *ret_used,
                          struct eca_err *err);
void eca_json_free(struct eca_json_doc *doc); /* NULL ok */
void eca_json_free_ptr(struct eca_json_doc **doc);
#define eca_auto_json __attribute__((cleanup(eca_json_free_ptr)))
eca_json eca_json_root(const struct eca_json_doc *doc);

enum eca_json_type eca_json_type(eca_json value);
const char *eca_json_type_name(enum eca_json_type type);
bool eca_json_is_null(eca_json value);                          /* absent or null */
eca_json eca_json_get(eca_json object, const char *key);        /* case-sensitive, last wins */
eca_json eca_json_get_nocase(eca_json object, const char *key); /* as Go decodes struct fields */
/* Children of an array or object in document order. */
eca_json eca_json_first(eca_json parent);
eca_json eca_json_next(eca_json child);
size_t eca_json_count(eca_json parent);
const char *eca_json_key(eca_json member); /* key of an object member */

/* Untyped reads for values already known to have the type (asserted). */
const char *eca_json_str(eca_json value);
bool eca_json_bool(eca_json value);
double eca_json_double(eca_json value); /* finite: beyond the range, the largest there is */
/* Exact value of a number, fraction cut off (WS-165). ECA_E_LIMIT outside 64 bits. */
int eca_json_i64(eca_json value, int64_t *ret_value, struct eca_err *err);
int eca_json_u64(eca_json value, uint64_t *ret_value, struct eca_err *err);
/* True when the number was written without fraction and exponent. */
bool eca_json_is_integer(eca_json value);

/*
 * Typed reads by key: absent or null leave *ret untouched and return ECA_OK; the wrong type is
 * ECA_E_INVALID with the path. `path` is the path of the object itself ("" at the root).
 */
int eca_json_read_str(eca_json object, const char *path, const char *key, const char **ret_text,
                      struct eca_err *err);
int eca_json_read_bool(eca_json object, const char *path, const char *key, bool *ret_value,
                       struct eca_err *err);
int eca_json_read_i64(eca_json object, const char *path, const char *key, int64_t *ret_value,
                      struct eca_err *err);
int eca_json_read_array(eca_json object, const char *path, const char *key, eca_json *ret_array,
                        struct eca_err *err);
int eca_json_read_object(eca_json object, const char *path, const char *key, eca_json *ret_object,
                         struct eca_err *err);

/* Print a value again (compact, exact integers). */
void eca_json_print(eca_json value, struct eca_buf *out);
/* Equal in meaning: object member order does not matter, 1 equals 1.0. */
bool eca_json_equal(eca_json a, eca_json b);

/*
 * Cuts a byte stream into top-level JSON values without building anything (Docker's events, pulls
 * and stats; DKR-716, DKR-801, STAT-202). Feed bytes as they come; each complete object is handed
 * out as text.
 */
struct eca_json_splitter {
    struct eca_buf pending; /* at most value_bytes_max */
    size_t value_bytes_max;
    uint32_t depth;
    char last; /* significant byte outside of strings; 0: none yet */
    bool in_string, escaped, started;
};
typedef int eca_json_value_fn(void *arg, struct eca_view value, struct eca_err *err);
void eca_json_splitter_init(struct eca_json_splitter *splitter, size_t value_bytes_max);
void eca_json_splitter_clear(struct eca_json_splitter *splitter);
/* ECA_E_INVALID: no object or array where a value must begin, or one that was cut off (the next
 * begins inside: whatever followed would be swallowed up to the limit); ECA_E_LIMIT: value too
 * large; or the callback's own error, which stops the feed. */
int eca_json_splitter_feed(struct eca_json_splitter *splitter, struct eca_view bytes,
                           eca_json_value_fn *on_value, void *arg, struct eca_err *err);
bool eca_json_splitter_idle(const struct eca_json_splitter *splitter); /* nothing half read */

/*
 * Writing. Members come out in the order of the calls; text is raw UTF-8 with `"` `\` and control
 * characters escaped, invalid UTF-8 repaired (API-206). Commas are the writer's business. `key` is
 * NULL inside arrays and at the top.
 */
struct eca_json_writer {
    struct eca_buf *out;
    bool need_comma;
};
struct eca_json_writer eca_json_writer_to(struct eca_buf *out);
void eca_jw_object(struct eca_json_writer *w, const char *key); /* opens */
void eca_jw_array(struct eca_json_writer *w, const char *key);
void eca_jw_end_object(struct eca_json_writer *w);
void eca_jw_end_array(struct eca_json_writer *w);
void eca_jw_str(struct eca_json_writer *w, const char *key, const char *text); /* NULL: null */
void eca_jw_view(struct eca_json_writer *w, const char *key, struct eca_view text);
void eca_jw_i64(struct eca_json_writer *w, const char *key, int64_t value);
void eca_jw_u64(struct eca_json_writer *w, const char *key, uint64_t value);
/* Shortest text that reads back to the same double, without exponent (TCS-403); finite. */
void eca_jw_double(struct eca_json_writer *w, const char *key, double value);
void eca_jw_bool(struct eca_json_writer *w, const char *key, bool value);
void eca_jw_null(struct eca_json_writer *w, const char *key);
void eca_jw_raw(struct eca_json_writer *w, const char *key, struct eca_view json);
void eca_jw_value(struct eca_json_writer *w, const char *key, eca_json value);

#endif
