#include "agent/base/str.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"

#define SHOWN_BYTES_MAX 64 /* of the offending text in a sentence */

static int refuse(struct eca_err *err, struct eca_view text, const char *what)
{
    eca_auto_buf struct eca_buf shown = {0};

    eca_escape_controls(eca_view_sub(text, 0, eca_utf8_cut(text, SHOWN_BYTES_MAX)), &shown);
    return eca_err_set(err, ECA_E_INVALID, "%s: \"%s\"", what, eca_buf_str(&shown));
}

int eca_parse_u64(struct eca_view text, uint64_t max, uint64_t *ret_value, struct eca_err *err)
{
    uint64_t value = 0;

    if (text.len == 0) {
        return refuse(err, text, "not a number");
    }
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.at[i] - '0';

        if (digit > 9) {
            return refuse(err, text, "not a number");
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return refuse(err, text, "number out of range");
        }
    }
    if (value > max) {
        return refuse(err, text, "number out of range");
    }
    *ret_value = value;
    return ECA_OK;
}

int eca_parse_i64(struct eca_view text, int64_t *ret_value, struct eca_err *err)
{
    bool negative = text.len > 0 && text.at[0] == '-';
    bool sign = negative || (text.len > 0 && text.at[0] == '+');
    uint64_t max = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value;

    if (eca_parse_u64(eca_view_sub(text, sign, text.len), max, &value, NULL) < 0) {
        return refuse(err, text, "not an integer in range");
    }
    *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
    return ECA_OK;
}

int eca_parse_bool(struct eca_view text, bool *ret_value, struct eca_err *err)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
    struct eca_view word = eca_view_trim(text);

    for (size_t i = 0; i < ECA_ARRAY_LEN(yes); i++) {
        if (eca_view_eq_str(word, yes[i]) || eca_view_eq_str(word, no[i])) {
            *ret_value = eca_view_eq_str(word, yes[i]);
            return ECA_OK;
        }
    }
    return refuse(err, text, "not a boolean");
}

/* Unit at text's start: nanoseconds of one and its length; 0 = unknown. */
static uint64_t duration_unit(struct eca_view text, size_t *ret_len)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\xC2\xB5s", 1000},
        {"\xCE\xBCs", 1000},
        {"ms", 1000000},
        {"s", 1000000000},
        {"m", UINT64_C(60000000000)},
        {"h", UINT64_C(3600000000000)},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(units); i++) {
        if (eca_view_starts(text, units[i].name)) {
            *ret_len = strlen(units[i].name);
            return units[i].ns;
        }
    }
    return 0;
}

/* One "<number>[.<fraction>]<unit>" at *at. */
static bool duration_part(struct eca_view text, size_t *at, uint64_t *total_ns)
{
    uint64_t whole = 0, unit, part, below;
    uint64_t fraction = 0, scale = 1;
    size_t digits = 0, unit_len = 0;

    for (; *at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9'; (*at)++, digits++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(text.at[*at] - '0'), &whole)) {
            return false;
        }
    }
    if (*at < text.len && text.at[*at] == '.') {
        (*at)++;
        for (; *at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9'; (*at)++, digits++) {
            if (scale < UINT64_C(1000000000000000)) { /* more digits are below a nanosecond */
                fraction = fraction * 10 + (uint64_t)(text.at[*at] - '0');
                scale *= 10;
            }
        }
    }
    unit = duration_unit(eca_view_sub(text, *at, text.len), &unit_len);
    if (digits == 0 || unit == 0) {
        return false;
    }
    *at += unit_len;
    if (__builtin_mul_overflow(whole, unit, &part)) {
        return false;
    }
    below = (uint64_t)((__extension__(unsigned __int128) fraction * unit) / scale);
    return !__builtin_add_overflow(part, below, &part) &&
           !__builtin_add_overflow(*total_ns, part, total_ns);
}

int eca_parse_duration(struct eca_view text, int64_t *ret_ns, struct eca_err *err)
{
    size_t at = 0;
    bool negative = false;
    uint64_t total = 0;

    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+')) {
        negative = text.at[0] == '-';
        at = 1;
    }
    if (eca_view_eq_str(eca_view_sub(text, at, text.len), "0")) {
        *ret_ns = 0;
        return ECA_OK;
    }
    if (at == text.len) {
        return refuse(err, text, "not a duration");
    }
    while (at < text.len) {
        if (!duration_part(text, &at, &total)) {
            return refuse(err, text, "not a duration");
        }
    }
    if (total > (uint64_t)INT64_MAX + negative) {
        return refuse(err, text, "duration out of range");
    }
    *ret_ns = negative ? (int64_t)(0 - total) : (int64_t)total;
    return ECA_OK;
}

/* value / unit with up to `digits` decimals, trailing zeros cut. */
static void add_fraction(struct eca_buf *out, uint64_t value, uint64_t unit, const char *suffix)
{
    uint64_t rest = value % unit;

    eca_buf_addf(out, "%llu", (unsigned long long)(value / unit));
    if (rest > 0) {
        eca_buf_add_char(out, '.');
        for (; rest > 0; rest %= unit) {
            rest *= 10;
            eca_buf_add_char(out, (char)('0' + rest / unit));
        }
    }
    eca_buf_add_str(out, suffix);
}

void eca_format_duration(int64_t ns, struct eca_buf *out)
{
    uint64_t value = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t minutes = value / UINT64_C(60000000000);

    if (value == 0) {
        eca_buf_add_str(out, "0s");
        return;
    }
    if (ns < 0) {
        eca_buf_add_char(out, '-');
    }
    if (value < 1000) {
        add_fraction(out, value, 1, "ns");
    } else if (value < 1000000) {
        add_fraction(out, value, 1000, "\xC2\xB5s");
    } else if (value < 1000000000) {
        add_fraction(out, value, 1000000, "ms");
    } else {
        if (minutes >= 60) {
            eca_buf_addf(out, "%lluh", (unsigned long long)(minutes / 60));
        }
        if (minutes > 0) {
            eca_buf_addf(out, "%llum", (unsigned long long)(minutes % 60));
        }
        add_fraction(out, value % UINT64_C(60000000000), 1000000000, "s");
    }
}

void eca_hex(const void *bytes, size_t len, struct eca_buf *out)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++) {
        eca_buf_add_char(out, "0123456789abcdef"[at[i] >> 4]);
        eca_buf_add_char(out, "0123456789abcdef"[at[i] & 15]);
    }
}

static const char base64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void eca_base64(const void *bytes, size_t len, bool url_safe, struct eca_buf *out)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t word = (uint32_t)at[i] << 16 | (have > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                        (have > 2 ? (uint32_t)at[i + 2] : 0);

        for (size_t k = 0; k < 4; k++) {
            char c = k <= have ? base64_std[word >> (18 - 6 * k) & 63] : '=';

            if (url_safe && c == '+') {
                c = '-';
            } else if (url_safe && c == '/') {
                c = '_';
            }
            eca_buf_add_char(out, c);
        }
    }
}

static int base64_digit(char c)
{
    const char *hit;

    if (c == '-') {
        return 62;
    }
    if (c == '_') {
        return 63;
    }
    hit = c == '\0' ? NULL : strchr(base64_std, c);
    return hit == NULL ? -1 : (int)(hit - base64_std);
}

int eca_base64_decode(struct eca_view text, struct eca_buf *out, struct eca_err *err)
{
    uint32_t word = 0;
    size_t digits = 0, len = text.len;

    while (len > 0 && text.at[len - 1] == '=' && text.len - len < 2) {
        len--;
    }
    if (text.len % 4 != 0 && len != text.len) {
        return eca_err_set(err, ECA_E_INVALID, "not base64: wrong padding");
    }
    if (len % 4 == 1) {
        return eca_err_set(err, ECA_E_INVALID, "not base64: wrong length");
    }
    for (size_t i = 0; i < len; i++) {
        int digit = base64_digit(text.at[i]);

        if (digit < 0) {
            return eca_err_set(err, ECA_E_INVALID, "not base64: bad character at %zu", i);
        }
        word = word << 6 | (uint32_t)digit;
        if (++digits % 4 == 0) {
            eca_buf_add(out, (char[]){(char)(word >> 16), (char)(word >> 8), (char)word}, 3);
            word = 0;
        }
    }
    if (digits % 4 == 2) {
        eca_buf_add_char(out, (char)(word >> 4));
    } else if (digits % 4 == 3) {
        eca_buf_add(out, (char[]){(char)(word >> 10), (char)(word >> 2)}, 2);
    }
    return ECA_OK;
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void eca_percent_encode(struct eca_view text, bool keep_slash, struct eca_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (is_unreserved(c) || (keep_slash && c == '/')) {
            eca_buf_add_char(out, c);
        } else {
            eca_buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
        }
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void eca_percent_decode(struct eca_view text, bool plus_is_space, struct eca_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == '%' && i + 2 < text.len && hex_digit(text.at[i + 1]) >= 0 &&
            hex_digit(text.at[i + 2]) >= 0) {
            eca_buf_add_char(out,
                             (char)(hex_digit(text.at[i + 1]) * 16 + hex_digit(text.at[i + 2])));
            i += 2;
        } else {
            eca_buf_add_char(out, plus_is_space && c == '+' ? ' ' : c);
        }
    }
}

/* Length of the valid UTF-8 character at text's start, 0 = invalid (no surrogates, no overlong). */
static size_t utf8_len(struct eca_view text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t len = at[0] < 0x80                    ? 1
                 : at[0] >= 0xC2 && at[0] < 0xE0 ? 2
                 : at[0] >= 0xE0 && at[0] < 0xF0 ? 3
                 : at[0] >= 0xF0 && at[0] < 0xF5 ? 4
                                                 : 0;

    if (len == 0 || len > text.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F)) {
        return 0;
    }
    return len;
}

size_t eca_utf8_cut(struct eca_view text, size_t bytes_max)
{
    size_t cut = bytes_max;

    if (text.len <= bytes_max) {
        return text.len;
    }
    while (cut > 0 && bytes_max - cut < 3 && ((unsigned char)text.at[cut] & 0xC0) == 0x80) {
        cut--;
    }
    return cut;
}

bool eca_is_ascii(struct eca_view text)
{
    uint64_t high = 0, piece;
    size_t at = 0;

    for (; at + sizeof(piece) <= text.len; at += sizeof(piece)) {
        memcpy(&piece, text.at + at, sizeof(piece));
        high |= piece;
    }
    for (; at < text.len; at++) {
        high |= (unsigned char)text.at[at];
    }
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

void eca_utf8_repair(struct eca_view text, struct eca_buf *out)
{
    size_t clean = 0; /* valid bytes not copied yet */

    if (eca_is_ascii(text)) {
        eca_buf_add_view(out, text);
        return;
    }
    while (clean < text.len) {
        size_t len = utf8_len(eca_view_sub(text, clean, text.len));

        if (len > 0) {
            clean += len;
            continue;
        }
        eca_buf_add(out, text.at, clean);
        eca_buf_add_str(out, "\xEF\xBF\xBD");
        text = eca_view_sub(text, clean + 1, text.len);
        clean = 0;
    }
    eca_buf_add(out, text.at, clean);
}

void eca_escape_controls(struct eca_view text, struct eca_buf *out)
{
    size_t clean = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c >= 0x20 && c < 0x7F) {
            continue;
        }
        /* Terminals obey C1 controls (U+0080..U+009F) too, and some obey them as single bytes. */
        if (c > 0x7F && (c != 0xC2 || i + 1 >= text.len || (unsigned char)text.at[i + 1] > 0x9F)) {
            size_t len = utf8_len(eca_view_sub(text, i, text.len));

            if (len > 0) {
                i += len - 1;
                continue;
            }
        }
        eca_buf_add(out, text.at + clean, i - clean);
        clean = i + 1;
        switch (c) {
        case '\n':
            eca_buf_add_str(out, "\\n");
            break;
        case '\r':
            eca_buf_add_str(out, "\\r");
            break;
        case '\t':
            eca_buf_add_str(out, "\\t");
            break;
        default:
            eca_buf_addf(out, "\\x%02x", (unsigned)c);
            break;
        }
    }
    if (text.len > clean) {
        eca_buf_add(out, text.at + clean, text.len - clean);
    }
}

/* host[:port] of an authority. */
static int split_host(struct eca_view authority, struct eca_url *url, struct eca_err *err)
{
    size_t colon = SIZE_MAX;
    uint64_t port = 0;

    if (eca_view_starts(authority, "[")) {
        size_t end = eca_view_find(authority, "]", 0);

        if (end == SIZE_MAX) {
            return refuse(err, authority, "address without ']'");
        }
        url->host = eca_view_sub(authority, 1, end - 1);
        url->host_is_v6 = true;
        if (end + 1 < authority.len) {
            if (authority.at[end + 1] != ':') {
                return refuse(err, authority, "text after ']'");
            }
            colon = end + 1;
        }
    } else {
        colon = eca_view_find(authority, ":", 0);
        url->host = eca_view_sub(authority, 0, colon == SIZE_MAX ? authority.len : colon);
    }
    if (colon != SIZE_MAX && colon + 1 < authority.len) {
        if (eca_parse_u64(eca_view_sub(authority, colon + 1, authority.len), 65535, &port, NULL) <
                0 ||
            port == 0) {
            return refuse(err, authority, "bad port");
        }
        url->port = (uint32_t)port;
    }
    return ECA_OK;
}

int eca_url_parse(struct eca_view text, struct eca_url *ret_url, struct eca_err *err)
{
    struct eca_url url = {0};
    size_t mark = eca_view_find(text, "://", 0);
    struct eca_view rest, authority;
    size_t end, at;

    if (mark == SIZE_MAX || mark == 0) {
        return refuse(err, text, "URL without scheme");
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] <= 0x20 || text.at[i] == 0x7F) {
            return refuse(err, text, "URL with a blank or control character");
        }
    }
    url.scheme = eca_view_sub(text, 0, mark);
    rest = eca_view_sub(text, mark + 3, text.len);
    end = 0;
    while (end < rest.len && strchr("/?#", rest.at[end]) == NULL) {
        end++;
    }
    authority = eca_view_sub(rest, 0, end);
    for (at = authority.len; at > 0 && authority.at[at - 1] != '@'; at--) {
    }
    if (at > 0) {
        url.userinfo = eca_view_sub(authority, 0, at - 1);
        authority = eca_view_sub(authority, at, authority.len);
    }
    url.authority = authority;
    if (split_host(authority, &url, err) < 0) {
        return ECA_E_INVALID;
    }
    rest = eca_view_sub(rest, end, rest.len);
    end = eca_view_find(rest, "#", 0);
    rest = eca_view_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
    end = eca_view_find(rest, "?", 0);
    url.path = eca_view_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
    if (end != SIZE_MAX) {
        url.query = eca_view_sub(rest, end + 1, rest.len);
    }
    *ret_url = url;
    return ECA_OK;
}
