#ifndef ECA_BASE_BUF_H
#define ECA_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text or bytes from outside: pointer and length, passed by value, borrowed for the call. */
struct eca_view {
    const char *at;
    size_t len;
};

#define ECA_VIEW_NONE ((struct eca_view){NULL, 0})
static inline struct eca_view eca_view_of(const char *at, size_t len)
{
    return (struct eca_view){at, len};
}
struct eca_view eca_view_str(const char *text); /* NULL gives an empty view */
bool eca_view_eq(struct eca_view a, struct eca_view b);
/* The same for what somebody may guess at: the time tells the length and nothing else. */
bool eca_view_eq_guarded(struct eca_view a, struct eca_view b);
bool eca_view_eq_str(struct eca_view a, const char *text);
bool eca_view_eq_nocase(struct eca_view a, const char *text); /* ASCII */
static inline char eca_ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}
bool eca_view_starts(struct eca_view a, const char *prefix);
bool eca_view_ends(struct eca_view a, const char *suffix);
struct eca_view eca_view_trim(struct eca_view a); /* blanks at both ends, Unicode blanks included */
/* Offset of needle in a from `from` on, or SIZE_MAX. */
size_t eca_view_find(struct eca_view a, const char *needle, size_t from);
struct eca_view eca_view_sub(struct eca_view a, size_t from, size_t len); /* clamped */

/*
 * A growing byte buffer, always NUL-terminated after its len bytes (at may be NULL while len is 0;
 * use eca_buf_str for a C string). bytes_max 0 means ECA_BUF_BYTES_MAX. Appending beyond the
 * maximum sets `full` and appends nothing: a producer of untrusted size checks it once at the end.
 */
#define ECA_BUF_BYTES_MAX ((size_t)256 << 20)

struct eca_buf {
    char *at;
    size_t len;
    size_t cap;
    size_t bytes_max;
    bool full;
};

void eca_buf_clear(struct eca_buf *buf); /* frees; the buffer can be used again */
void eca_buf_reset(struct eca_buf *buf); /* empty, memory kept */
void eca_buf_add(struct eca_buf *buf, const void *bytes, size_t len);
void eca_buf_add_view(struct eca_buf *buf, struct eca_view view);
void eca_buf_add_str(struct eca_buf *buf, const char *text);
void eca_buf_add_char(struct eca_buf *buf, char c);
void eca_buf_addf(struct eca_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void eca_buf_vaddf(struct eca_buf *buf, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Room for `more` bytes and a NUL behind the text, for who writes them himself and moves len. NULL:
 * the maximum forbids it, buf is `full`. */
char *eca_buf_room(struct eca_buf *buf, size_t more);
void eca_buf_drop(struct eca_buf *buf, size_t len); /* remove the first len bytes */
struct eca_view eca_buf_view(const struct eca_buf *buf);
const char *eca_buf_str(const struct eca_buf *buf); /* "" when empty; borrowed */
char *eca_buf_take(struct eca_buf *buf); /* gives the text (never NULL), leaves it empty */

#define eca_auto_buf __attribute__((cleanup(eca_buf_clear)))

/* Secret text: wiped on clear, never printable; at is NULL when unset. */
struct eca_secret {
    char *at;
    size_t len;
};
void eca_secret_set(struct eca_secret *secret, struct eca_view value); /* wipes the old value */
void eca_secret_clear(struct eca_secret *secret);
void eca_secret_copy(struct eca_secret *to, const struct eca_secret *from);
struct eca_view eca_secret_view(const struct eca_secret *secret);
bool eca_secret_is_set(const struct eca_secret *secret); /* set and not empty */
void eca_wipe(void *at, size_t len);                     /* not removed by the optimiser */

#endif
