#include "agent/base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

#define CAP_MIN 64

struct eca_view eca_view_str(const char *text)
{
    return (struct eca_view){text, text == NULL ? 0 : strlen(text)};
}

bool eca_view_eq(struct eca_view a, struct eca_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool eca_view_eq_guarded(struct eca_view a, struct eca_view b)
{
    volatile unsigned char differ = 0; /* so that no compiler leaves the loop early */

    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        differ = differ | (unsigned char)(a.at[i] ^ b.at[i]);
    }
    return differ == 0;
}

bool eca_view_eq_str(struct eca_view a, const char *text)
{
    return eca_view_eq(a, eca_view_str(text));
}

bool eca_view_eq_nocase(struct eca_view a, const char *text)
{
    struct eca_view b = eca_view_str(text);

    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (eca_ascii_lower(a.at[i]) != eca_ascii_lower(b.at[i])) {
            return false;
        }
    }
    return true;
}

bool eca_view_starts(struct eca_view a, const char *prefix)
{
    size_t len = strlen(prefix);

    return a.len >= len && (len == 0 || memcmp(a.at, prefix, len) == 0);
}

bool eca_view_ends(struct eca_view a, const char *suffix)
{
    size_t len = strlen(suffix);

    return a.len >= len && (len == 0 || memcmp(a.at + a.len - len, suffix, len) == 0);
}

/* Bytes of the blank that text begins with, 0 = none: ASCII and the Unicode white space that Go
 * trims. */
static size_t blank_len(const unsigned char *at, size_t len)
{
    if ((at[0] >= '\t' && at[0] <= '\r') || at[0] == ' ') {
        return 1;
    }
    if (len >= 2 && at[0] == 0xC2 && (at[1] == 0x85 || at[1] == 0xA0)) {
        return 2;
    }
    if (len >= 3 && at[0] == 0xE1 && at[1] == 0x9A && at[2] == 0x80) {
        return 3;
    }
    if (len >= 3 && at[0] == 0xE2 && at[1] == 0x80 &&
        ((at[2] >= 0x80 && at[2] <= 0x8A) || at[2] == 0xA8 || at[2] == 0xA9 || at[2] == 0xAF)) {
        return 3;
    }
    if (len >= 3 && at[0] == 0xE2 && at[1] == 0x81 && at[2] == 0x9F) {
        return 3;
    }
    return len >= 3 && at[0] == 0xE3 && at[1] == 0x80 && at[2] == 0x80 ? 3 : 0;
}

struct eca_view eca_view_trim(struct eca_view a)
{
    size_t blank;

    while (a.len > 0 && (blank = blank_len((const unsigned char *)a.at, a.len)) > 0) {
        a.at += blank;
        a.len -= blank;
    }
    while (a.len > 0) {
        size_t back = 1;

        while (back < 3 && back < a.len &&
               blank_len((const unsigned char *)a.at + a.len - back, back) != back) {
            back++;
        }
        if (blank_len((const unsigned char *)a.at + a.len - back, back) != back) {
            break;
        }
        a.len -= back;
    }
    return a;
}

size_t eca_view_find(struct eca_view a, const char *needle, size_t from)
{
    size_t len = strlen(needle);
    const char *hit;

    if (from > a.len || len > a.len - from) {
        return SIZE_MAX;
    }
    if (len == 0) {
        return from;
    }
    hit = memmem(a.at + from, a.len - from, needle, len);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - a.at);
}

struct eca_view eca_view_sub(struct eca_view a, size_t from, size_t len)
{
    if (from >= a.len) {
        return (struct eca_view){a.at == NULL ? NULL : a.at + a.len, 0};
    }
    return (struct eca_view){a.at + from, len < a.len - from ? len : a.len - from};
}

void eca_buf_clear(struct eca_buf *buf)
{
    free(buf->at);
    *buf = (struct eca_buf){.bytes_max = buf->bytes_max};
}

void eca_buf_reset(struct eca_buf *buf)
{
    buf->len = 0;
    buf->full = false;
    if (buf->at != NULL) {
        buf->at[0] = '\0';
    }
}

/* Room for `more` bytes and the NUL; false when the maximum forbids it. */
static bool reserve(struct eca_buf *buf, size_t more)
{
    size_t max = buf->bytes_max > 0 ? buf->bytes_max : ECA_BUF_BYTES_MAX;
    size_t need, cap;

    if (buf->full || more > max || buf->len > max - more) {
        buf->full = true;
        return false;
    }
    need = buf->len + more + 1;
    if (need > buf->cap) {
        cap = buf->cap < CAP_MIN ? CAP_MIN : buf->cap;
        while (cap < need) {
            cap += cap / 2;
        }
        buf->at = eca_xrealloc(buf->at, cap);
        buf->cap = cap;
    }
    return true;
}

char *eca_buf_room(struct eca_buf *buf, size_t more)
{
    return reserve(buf, more) ? buf->at + buf->len : NULL;
}

void eca_buf_add(struct eca_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len)) {
        return;
    }
    if (len > 0) {
        memcpy(buf->at + buf->len, bytes, len);
        buf->len += len;
    }
    buf->at[buf->len] = '\0';
}

void eca_buf_add_view(struct eca_buf *buf, struct eca_view view)
{
    eca_buf_add(buf, view.at, view.len);
}

void eca_buf_add_str(struct eca_buf *buf, const char *text)
{
    eca_buf_add(buf, text, strlen(text));
}

void eca_buf_add_char(struct eca_buf *buf, char c)
{
    if (buf->len + 1 < buf->cap && !buf->full && buf->bytes_max == 0) { /* most of all bytes */
        buf->at[buf->len++] = c;
        buf->at[buf->len] = '\0';
        return;
    }
    eca_buf_add(buf, &c, 1);
}

void eca_buf_addf(struct eca_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    eca_buf_vaddf(buf, fmt, args);
    va_end(args);
}

void eca_buf_vaddf(struct eca_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    if (len >= 0 && reserve(buf, (size_t)len)) {
        (void)vsnprintf(buf->at + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void eca_buf_drop(struct eca_buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len > 0) {
        memmove(buf->at, buf->at + len, buf->len - len + 1);
        buf->len -= len;
    }
}

struct eca_view eca_buf_view(const struct eca_buf *buf)
{
    return (struct eca_view){buf->at == NULL ? "" : buf->at, buf->len};
}

const char *eca_buf_str(const struct eca_buf *buf)
{
    return buf->at == NULL ? "" : buf->at;
}

char *eca_buf_take(struct eca_buf *buf)
{
    char *text = buf->at == NULL ? eca_xalloc(1) : buf->at;

    *buf = (struct eca_buf){.bytes_max = buf->bytes_max};
    return text;
}

void eca_wipe(void *at, size_t len)
{
    if (at != NULL) {
        explicit_bzero(at, len);
    }
}

void eca_secret_set(struct eca_secret *secret, struct eca_view value)
{
    char *copy = value.at == NULL ? NULL : eca_xstrndup(value.at, value.len);

    eca_secret_clear(secret);
    secret->at = copy;
    secret->len = value.len;
}

void eca_secret_clear(struct eca_secret *secret)
{
    eca_wipe(secret->at, secret->len);
    free(secret->at);
    *secret = (struct eca_secret){0};
}

void eca_secret_copy(struct eca_secret *to, const struct eca_secret *from)
{
    eca_secret_set(to, eca_secret_view(from));
}

struct eca_view eca_secret_view(const struct eca_secret *secret)
{
    return (struct eca_view){secret->at, secret->len};
}

bool eca_secret_is_set(const struct eca_secret *secret)
{
    return secret->at != NULL && secret->len > 0;
}
