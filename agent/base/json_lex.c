#include "agent/base/json_lex.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/base/str.h"

struct lex {
    struct eca_view text;
    size_t at;
    struct eca_buf *out;
    struct eca_err *err;
    uint32_t depth, values;
    bool limit_reached;
};

static int bad(struct lex *lex, const char *what)
{
    return eca_err_set(lex->err, ECA_E_INVALID, "JSON: byte %zu: %s", lex->at, what);
}

static int too_much(struct lex *lex, const char *what)
{
    lex->limit_reached = true;
    return bad(lex, what);
}

static bool at_end(const struct lex *lex)
{
    return lex->at >= lex->text.len;
}

static char peek(const struct lex *lex)
{
    return at_end(lex) ? '\0' : lex->text.at[lex->at];
}

static void skip_space(struct lex *lex)
{
    while (!at_end(lex) &&
           (peek(lex) == ' ' || peek(lex) == '\t' || peek(lex) == '\r' || peek(lex) == '\n')) {
        lex->at++;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of the number at text's start, 0 = none. */
static size_t number_len(struct eca_view text)
{
    size_t at = text.len > 0 && text.at[0] == '-';
    size_t from = at;

    while (at < text.len && is_digit(text.at[at])) {
        at++;
    }
    if (at == from || (text.at[from] == '0' && at > from + 1)) {
        return 0;
    }
    if (at < text.len && text.at[at] == '.') {
        from = ++at;
        while (at < text.len && is_digit(text.at[at])) {
            at++;
        }
        if (at == from) {
            return 0;
        }
    }
    if (at < text.len && (text.at[at] == 'e' || text.at[at] == 'E')) {
        at++;
        at += at < text.len && (text.at[at] == '+' || text.at[at] == '-');
        from = at;
        while (at < text.len && is_digit(text.at[at])) {
            at++;
        }
        if (at == from) {
            return 0;
        }
    }
    return at;
}

bool eca_json_number_is_valid(struct eca_view text)
{
    return text.len > 0 && number_len(text) == text.len;
}

static int lex_number(struct lex *lex)
{
    struct eca_view rest = eca_view_sub(lex->text, lex->at, lex->text.len);
    size_t len = number_len(rest);

    if (len == 0) {
        return bad(lex, "want a value");
    }
    eca_buf_add_char(lex->out, '"');
    eca_buf_add_char(lex->out, ECA_JSON_NUMBER_MARK);
    eca_buf_add(lex->out, rest.at, len);
    eca_buf_add_char(lex->out, '"');
    lex->at += len;
    return ECA_OK;
}

static int hex4(const struct lex *lex, size_t at, uint32_t *ret)
{
    uint32_t value = 0;

    if (at + 4 > lex->text.len) {
        return -1;
    }
    for (size_t i = 0; i < 4; i++) {
        char c = lex->text.at[at + i];
        uint32_t digit = is_digit(c)              ? (uint32_t)(c - '0')
                         : (c >= 'a' && c <= 'f') ? (uint32_t)(c - 'a' + 10)
                         : (c >= 'A' && c <= 'F') ? (uint32_t)(c - 'A' + 10)
                                                  : 16;
        if (digit > 15) {
            return -1;
        }
        value = value * 16 + digit;
    }
    *ret = value;
    return 0;
}

/* One escape after the backslash; lex->at stands on the character behind it. */
static int lex_escape(struct lex *lex)
{
    uint32_t unit, low;

    switch (peek(lex)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        eca_buf_add_char(lex->out, '\\');
        eca_buf_add_char(lex->out, peek(lex));
        lex->at++;
        return ECA_OK;
    case 'u':
        break;
    default:
        return bad(lex, "bad escape");
    }
    if (hex4(lex, lex->at + 1, &unit) < 0) {
        return bad(lex, "bad escape");
    }
    lex->at += 5;
    if (unit >= 0xD800 && unit <= 0xDBFF && lex->at + 1 < lex->text.len && peek(lex) == '\\' &&
        lex->text.at[lex->at + 1] == 'u' && hex4(lex, lex->at + 2, &low) == 0 && low >= 0xDC00 &&
        low <= 0xDFFF) {
        eca_buf_add(lex->out, lex->text.at + lex->at - 6, 12);
        lex->at += 6;
    } else if (unit == 0 || (unit >= 0xD800 && unit <= 0xDFFF)) {
        eca_buf_add_str(lex->out, "\\uFFFD");
    } else {
        eca_buf_add(lex->out, lex->text.at + lex->at - 6, 6);
    }
    return ECA_OK;
}

static int lex_string(struct lex *lex)
{
    size_t from;

    if (peek(lex) != '"' || at_end(lex)) {
        return bad(lex, "want a string");
    }
    lex->at++;
    eca_buf_add_char(lex->out, '"');
    for (;;) {
        from = lex->at;
        while (!at_end(lex) && peek(lex) != '"' && peek(lex) != '\\' &&
               (unsigned char)peek(lex) >= 0x20) {
            lex->at++;
        }
        eca_utf8_repair(eca_view_sub(lex->text, from, lex->at - from), lex->out);
        if (at_end(lex)) {
            return bad(lex, "string without end");
        }
        switch (peek(lex)) {
        case '"':
            lex->at++;
            eca_buf_add_char(lex->out, '"');
            return ECA_OK;
        case '\\':
            lex->at++;
            if (lex_escape(lex) < 0) {
                return ECA_E_INVALID;
            }
            break;
        default:
            return bad(lex, "control character in a string");
        }
    }
}

static int lex_value(struct lex *lex);

static int lex_members(struct lex *lex, bool is_object)
{
    char close = is_object ? '}' : ']';

    eca_buf_add_char(lex->out, peek(lex));
    lex->at++;
    skip_space(lex);
    if (!at_end(lex) && peek(lex) == close) {
        lex->at++;
        eca_buf_add_char(lex->out, close);
        return ECA_OK;
    }
    for (;;) {
        skip_space(lex);
        if (is_object) {
            if (lex_string(lex) < 0) {
                return ECA_E_INVALID;
            }
            skip_space(lex);
            if (at_end(lex) || peek(lex) != ':') {
                return bad(lex, "want ':'");
            }
            lex->at++;
            eca_buf_add_char(lex->out, ':');
        }
        if (lex_value(lex) < 0) {
            return ECA_E_INVALID;
        }
        skip_space(lex);
        if (at_end(lex) || (peek(lex) != ',' && peek(lex) != close)) {
            return bad(lex, is_object ? "want ',' or '}'" : "want ',' or ']'");
        }
        eca_buf_add_char(lex->out, peek(lex));
        lex->at++;
        if (lex->text.at[lex->at - 1] == close) {
            return ECA_OK;
        }
    }
}

static int lex_value(struct lex *lex)
{
    static const char *const words[] = {"true", "false", "null"};
    struct eca_view rest;
    int rc;

    skip_space(lex);
    if (at_end(lex)) {
        return bad(lex, "want a value");
    }
    if (++lex->values > ECA_JSON_VALUES_MAX) {
        return too_much(lex, "too many values");
    }
    switch (peek(lex)) {
    case '{':
    case '[':
        if (++lex->depth > ECA_JSON_DEPTH_MAX) {
            return too_much(lex, "nested too deep");
        }
        rc = lex_members(lex, peek(lex) == '{');
        lex->depth--;
        return rc;
    case '"':
        return lex_string(lex);
    default:
        break;
    }
    rest = eca_view_sub(lex->text, lex->at, lex->text.len);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (eca_view_starts(rest, words[i])) {
            eca_buf_add_str(lex->out, words[i]);
            lex->at += strlen(words[i]);
            return ECA_OK;
        }
    }
    return lex_number(lex);
}

int eca_json_normalise(struct eca_view text, struct eca_buf *out, size_t *ret_used,
                       struct eca_err *err)
{
    struct lex lex = {.text = text, .out = out, .err = err};

    if (lex_value(&lex) < 0) {
        enum eca_code code = lex.limit_reached ? ECA_E_LIMIT : ECA_E_INVALID;

        if (err != NULL) {
            err->code = code;
        }
        return code;
    }
    *ret_used = lex.at;
    return ECA_OK;
}
