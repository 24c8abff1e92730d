#ifndef ECA_BASE_STR_H
#define ECA_BASE_STR_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Text conversions. No strtol, no locale. Errors: ECA_E_INVALID with the offending text (cut). */

/* Decimal digits only (CFG-202). */
int eca_parse_u64(struct eca_view text, uint64_t max, uint64_t *ret_value, struct eca_err *err);
/* Optional sign, decimal digits (CFG-203). */
int eca_parse_i64(struct eca_view text, int64_t *ret_value, struct eca_err *err);
/* The spellings of CFG-201, after trimming. */
int eca_parse_bool(struct eca_view text, bool *ret_value, struct eca_err *err);
/* Go duration syntax, signed nanoseconds (CFG-204). */
int eca_parse_duration(struct eca_view text, int64_t *ret_ns, struct eca_err *err);
/* The way Go prints a duration: "1m30s", "2h0m0s", "1.5s", "0s" (DKR-301 texts). */
void eca_format_duration(int64_t ns, struct eca_buf *out);

void eca_hex(const void *bytes, size_t len, struct eca_buf *out);                   /* lower case */
void eca_base64(const void *bytes, size_t len, bool url_safe, struct eca_buf *out); /* padded */
int eca_base64_decode(struct eca_view text, struct eca_buf *out, struct eca_err *err);

/* Percent-encode all but A-Z a-z 0-9 - _ . ~ (and '/' when keep_slash), upper-case hex (WS-111). */
void eca_percent_encode(struct eca_view text, bool keep_slash, struct eca_buf *out);
/* Decode %xx; plus_is_space for query strings. Bad escapes are kept verbatim. */
void eca_percent_decode(struct eca_view text, bool plus_is_space, struct eca_buf *out);

/* Longest prefix of at most bytes_max bytes that does not split a character (API-901, FB-18.1). */
size_t eca_utf8_cut(struct eca_view text, size_t bytes_max);
bool eca_is_ascii(struct eca_view text); /* no byte above 0x7F */
/* Copy text, every invalid byte sequence becomes U+FFFD (WS-141). */
void eca_utf8_repair(struct eca_view text, struct eca_buf *out);
/* Append text with control characters and bytes that are no UTF-8 written as \n, \t, \x1b ...
 * (LOG-108). */
void eca_escape_controls(struct eca_view text, struct eca_buf *out);

/* A parsed absolute URL; all members are views into the parsed text. */
struct eca_url {
    struct eca_view scheme;
    struct eca_view userinfo;
    struct eca_view host; /* without brackets */
    bool host_is_v6;
    uint32_t port;             /* 0 = none given */
    struct eca_view authority; /* host and port as written, without user info: the Host header */
    struct eca_view path;      /* with leading '/', or empty */
    struct eca_view query;     /* without '?' */
};
int eca_url_parse(struct eca_view text, struct eca_url *ret_url, struct eca_err *err);

#endif
