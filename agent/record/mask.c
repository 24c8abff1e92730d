#include "agent/record/mask.h"

#include <endian.h>
#include <string.h>
#include <strings.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define MASK "masked-"
#define NO_BASE64 '!' /* before the mask of what should be base64 and is none */

enum form {
    FORM_PLAIN,
    FORM_BASIC, /* base64 of "user:password": the reader decodes it */
};

static const struct {
    const char *key;
    enum form form;
} secret_keys[] = {
    {"SecretAccessKey", FORM_PLAIN},
    {"SessionToken", FORM_PLAIN},
    {"Token", FORM_PLAIN},
    {"password", FORM_PLAIN},
    {"identitytoken", FORM_PLAIN},
    {"registrytoken", FORM_PLAIN},
    {"auth", FORM_BASIC},
    {"authorizationToken", FORM_BASIC},
};

static const char *const secret_lines[] = {"aws_secret_access_key", "aws_session_token"};

static const char *const secret_headers[] = {"authorization", "x-amz-security-token",
                                             "x-registry-auth", "x-aws-ec2-metadata-token",
                                             "proxy-authorization"};

static const char *const secret_variables[] = {"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY",
                                               "AWS_SESSION_TOKEN"};

/* Secrets shorter than this are left alone inside other text: "u" stands everywhere. */
#define ECHO_BYTES_MIN ECA_NEEDLE_BYTES_MIN

struct name {
    unsigned segment; /* of its last use */
    char *secret;
    char text[];
};

void eca_mask_init(struct eca_mask *mask)
{
    *mask = (struct eca_mask){.names = eca_map_new(), .needles = eca_needles_new()};
}

static void name_free(struct name *name)
{
    eca_free(name->secret);
    eca_free(name);
}

void eca_mask_clear(struct eca_mask *mask)
{
    size_t cursor = 0;
    void *name;

    while (mask->names != NULL && eca_map_next(mask->names, &cursor, NULL, &name)) {
        name_free(name);
    }
    eca_map_free(eca_take(mask->names));
    eca_needles_free(eca_take(mask->needles));
}

static void look_for(struct eca_mask *mask, struct name *name)
{
    struct eca_view secret = eca_view_str(name->secret);

    mask->has_short = mask->has_short || secret.len < ECHO_BYTES_MIN;
    if (secret.len >= ECHO_BYTES_MIN && strcmp(name->secret, name->text) != 0) {
        eca_needles_add(mask->needles, secret, name);
    }
}

void eca_mask_next_segment(struct eca_mask *mask)
{
    size_t cursor = 0;
    void *found;

    eca_needles_free(mask->needles);
    mask->needles = eca_needles_new();
    while (eca_map_next(mask->names, &cursor, NULL, &found)) {
        struct name *name = found;

        if (name->segment == mask->segment) {
            look_for(mask, name);
        } else {
            (void)eca_map_remove(mask->names, name->secret);
            name_free(name);
        }
    }
    mask->segment++;
}

/* as: its mask, NULL = one of its own. */
static const char *mask_as(struct eca_mask *mask, struct eca_view secret, const char *as)
{
    eca_auto_free char *text = eca_xstrndup(secret.at, secret.len);
    struct name *name = eca_map_get(mask->names, text);

    if (name == NULL) {
        eca_auto_free char *made = as == NULL ? eca_xasprintf(MASK "%zu", ++mask->made) : NULL;
        const char *mine = strncmp(text, MASK, strlen(MASK)) == 0 ? text : as == NULL ? made : as;

        name = eca_xalloc(sizeof(*name) + strlen(mine) + 1);
        memcpy(name->text, mine, strlen(mine) + 1);
        name->secret = eca_xstrdup(text);
        (void)eca_map_put(mask->names, text, name);
        look_for(mask, name);
    }
    name->segment = mask->segment;
    return name->text;
}

const char *eca_mask_secret(struct eca_mask *mask, struct eca_view secret)
{
    return secret.len == 0 ? "" : mask_as(mask, secret, NULL);
}

static bool is_masked(struct eca_view text)
{
    return text.len > strlen(MASK) && memcmp(text.at, MASK, strlen(MASK)) == 0;
}

/*
 * base64 of "user:password" becomes base64 of "user:masked-1", and of anything else that of
 * "masked-1": the reader goes on as it did. What is no base64 at all stays none.
 */
static void put_basic(struct eca_mask *mask, struct eca_view secret, struct eca_view decoded,
                      struct eca_buf *out)
{
    eca_auto_buf struct eca_buf masked = {0};
    size_t colon = eca_view_find(decoded, ":", 0);
    struct eca_view inner =
        colon == SIZE_MAX ? decoded : eca_view_sub(decoded, colon + 1, SIZE_MAX);

    const char *text = eca_mask_secret(mask, is_masked(inner) ? inner : secret);

    if (colon != SIZE_MAX) {
        eca_buf_add_str(&masked, "user:");
    }
    if (inner.len > 0) {
        (void)mask_as(mask, inner, text); /* as a peer would repeat it */
    }
    eca_buf_add_str(&masked, text);
    eca_base64(eca_buf_str(&masked), masked.len, false, out);
}

static void put_secret(struct eca_mask *mask, enum form form, struct eca_view secret,
                       struct eca_buf *out)
{
    eca_auto_buf struct eca_buf decoded = {0};

    if (form == FORM_BASIC && eca_base64_decode(secret, &decoded, NULL) == ECA_OK) {
        put_basic(mask, secret, eca_buf_view(&decoded), out);
        return;
    }
    if (form == FORM_BASIC) {
        bool again = secret.len > 0 && secret.at[0] == NO_BASE64;

        eca_buf_add_char(out, NO_BASE64);
        secret = again ? eca_view_sub(secret, 1, SIZE_MAX) : secret;
    }
    eca_buf_add_str(out, eca_mask_secret(mask, secret));
}

static size_t skip(struct eca_view text, size_t at, const char *set)
{
    while (at < text.len && strchr(set, text.at[at]) != NULL && text.at[at] != '\0') {
        at++;
    }
    return at;
}

static bool stands_at(struct eca_view text, size_t at, const char *word)
{
    size_t len = strlen(word);

    return at + len <= text.len && strncasecmp(text.at + at, word, len) == 0;
}

/* The string ends at a quote behind as many backslashes as its opening one has. */
static size_t end_of_string(struct eca_view text, size_t from, size_t slashes)
{
    size_t run = 0;

    for (size_t at = from; at < text.len; at++) {
        if (text.at[at] == '"' && run == slashes) {
            return at - run;
        }
        run = text.at[at] == '\\' ? run + 1 : 0;
    }
    return text.len;
}

/* TOKEN is a variable of somebody's container, not a member of an answer. */
static bool is_shouted(struct eca_view text, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (text.at[i] >= 'a' && text.at[i] <= 'z') {
            return false;
        }
    }
    return true;
}

/*
 * "key": "value" with any number of backslashes before each quote. On a match the value's bounds.
 * `at` is the byte after the key's opening quote.
 */
static bool find_member(struct eca_view text, size_t at, size_t *ret_from, size_t *ret_to,
                        enum form *ret_form)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(secret_keys); i++) {
        size_t end = at + strlen(secret_keys[i].key), colon, slashes, quote;

        if (at >= text.len || ((text.at[at] ^ secret_keys[i].key[0]) & ~0x20) != 0) {
            continue; /* not even the first letter */
        }
        if (!stands_at(text, at, secret_keys[i].key) || is_shouted(text, at, end)) {
            continue;
        }
        colon = skip(text, end, "\\");
        if (colon >= text.len || text.at[colon] != '"') {
            continue;
        }
        colon = skip(text, colon + 1, " \t\r\n");
        if (colon >= text.len || text.at[colon] != ':') {
            continue;
        }
        slashes = skip(text, colon + 1, " \t\r\n");
        quote = skip(text, slashes, "\\");
        if (quote >= text.len || text.at[quote] != '"') {
            continue;
        }
        *ret_from = quote + 1;
        *ret_to = end_of_string(text, quote + 1, quote - slashes);
        *ret_form = secret_keys[i].form;
        return true;
    }
    return false;
}

/* "Authorization: value", as a message of TCS begins */
static bool find_header(struct eca_view text, size_t at, size_t *ret_from, size_t *ret_to)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(secret_headers); i++) {
        size_t colon = at + strlen(secret_headers[i]);

        if (stands_at(text, at, secret_headers[i]) && colon < text.len && text.at[colon] == ':') {
            *ret_from = *ret_to = skip(text, colon + 1, " ");
            while (*ret_to < text.len && text.at[*ret_to] != '\r' && text.at[*ret_to] != '\n') {
                (*ret_to)++;
            }
            return true;
        }
    }
    return false;
}

/* aws_secret_access_key = value, blanks anywhere: as the reader of such files, agent/aws/ */
static bool find_line(struct eca_view text, size_t at, size_t *ret_from, size_t *ret_to)
{
    size_t begin = skip(text, at, " \t\v\f\r");

    for (size_t i = 0; i < ECA_ARRAY_LEN(secret_lines); i++) {
        size_t equals = skip(text, begin + strlen(secret_lines[i]), " \t\v\f\r"), end;
        struct eca_view value;

        if (stands_at(text, begin, secret_lines[i]) && equals < text.len &&
            text.at[equals] == '=') {
            end = eca_view_find(text, "\n", equals);
            value = eca_view_trim(eca_view_sub(text, equals + 1, end - equals - 1));
            *ret_from = value.len == 0 ? equals + 1 : (size_t)(value.at - text.at);
            *ret_to = *ret_from + value.len;
            return true;
        }
    }
    return false;
}

/* A peer may repeat what it was told, as registries do in their errors. */
static void replace_echoes(const struct eca_mask *mask, size_t start, struct eca_buf *text)
{
    struct eca_view view = eca_view_sub(eca_buf_view(text), start, SIZE_MAX), found;
    struct name *name = eca_needles_find(mask->needles, view, 0, &found);
    eca_auto_buf struct eca_buf out = {0};
    size_t copied = 0;

    if (name == NULL) {
        return;
    }
    for (; name != NULL; name = eca_needles_find(mask->needles, view, copied, &found)) {
        eca_buf_add(&out, view.at + copied, (size_t)(found.at - view.at) - copied);
        eca_buf_add_str(&out, name->text);
        copied = (size_t)(found.at - view.at) + found.len;
        name->segment = mask->segment;
    }
    eca_buf_add(&out, view.at + copied, view.len - copied);
    text->len = start;
    eca_buf_add(text, eca_buf_str(&out), out.len);
}

/* Most strings are no key of a secret, and most of those differ in the first three letters. */
static bool may_be_key(struct eca_view text, size_t at)
{
    static const char second[32] = {['a' & 31] = 'u', ['i' & 31] = 'd', ['p' & 31] = 'a',
                                    ['r' & 31] = 'e', ['s' & 31] = 'e', ['t' & 31] = 'o'};

    static const char third[32] = {['a' & 31] = 't', ['i' & 31] = 'e', ['p' & 31] = 's',
                                   ['r' & 31] = 'g', ['s' & 31] = 's', ['t' & 31] = 'k'};
    int first = at + 2 < text.len ? text.at[at] & 31 : 0;

    return first != 0 && second[first] == (text.at[at + 1] | 0x20) &&
           (third[first] == (text.at[at + 2] | 0x20) ||
            (first == ('s' & 31) && (text.at[at + 2] | 0x20) == 'c'));
}

/* The first byte, in lower case, of every header and line that holds a secret, or a blank. */
static bool may_be_line(struct eca_view text, size_t at)
{
    return at < text.len && (text.at[at] <= ' ' || (text.at[at] | 0x20) == 'a' ||
                             (text.at[at] | 0x20) == 'x' || (text.at[at] | 0x20) == 'p');
}

static bool begins_line(struct eca_view text, size_t at)
{
    size_t from, to;

    return may_be_line(text, at) &&
           (find_header(text, at, &from, &to) || find_line(text, at, &from, &to));
}

/* A secret's member begins at the quote at `at`, or a secret's line behind the newline there. */
static bool begins(struct eca_view text, size_t at)
{
    size_t from, to;
    enum form form;

    if (text.at[at] == '\n') {
        return begins_line(text, at + 1);
    }
    return text.at[at] == '"' && may_be_key(text, at + 1) &&
           find_member(text, at + 1, &from, &to, &form);
}

/*
 * Sixteen bytes at a time: those of at[0..15] that are a newline, or a quote before two letters
 * whose sum is that of the first two of a secret key (a few others have the same), are 0xFF in
 * ret_marks, the others 0. False: none. Reads at[0..17].
 */
#define LANE 16
#define LANE_READS (LANE + 2)
typedef unsigned char lane __attribute__((vector_size(LANE)));

#define SUM(a, b) ((unsigned char)((a) + (b)))

static bool find_marks(const char *at, uint64_t ret_marks[2])
{
    lane mark, first, second, sum, marks;

    memcpy(&mark, at, sizeof(mark));
    memcpy(&first, at + 1, sizeof(first));
    memcpy(&second, at + 2, sizeof(second));
    sum = (first | 0x20) + (second | 0x20);
    marks = (lane)(sum - SUM('a', 'u') <= SUM('s', 'e') - SUM('a', 'u')); /* and "re" between */
    marks |= (lane)(sum == SUM('i', 'd')) | (lane)(sum == SUM('p', 'a'));
    marks |= (lane)(sum == SUM('t', 'o'));
    marks = (marks & (lane)(mark == '"')) | (lane)(mark == '\n');
    memcpy(ret_marks, &marks, sizeof(marks));
    return (ret_marks[0] | ret_marks[1]) != 0;
}

/* A secret begins in at[0..15]; LANE_READS bytes of text stand there. */
static bool begins_in_lane(struct eca_view text, size_t at)
{
    uint64_t marks[2];

    if (!find_marks(text.at + at, marks)) {
        return false;
    }
    for (size_t i = 0; i < LANE; i++) {
        uint64_t left = le64toh(marks[i / 8]) >> (i % 8 * 8);

        if (left == 0) {
            i |= 7; /* to the other word */
        } else {
            i += (size_t)__builtin_ctzll(left) / 8;
            if (begins(text, at + i)) {
                return true;
            }
        }
    }
    return false;
}

bool eca_mask_concerns(const struct eca_mask *mask, struct eca_view text)
{
    size_t at = 0;
    struct eca_view found;

    if (begins_line(text, 0) || eca_needles_find(mask->needles, text, 0, &found) != NULL) {
        return true;
    }
    if (text.len < LANE_READS) {
        while (at < text.len && !begins(text, at)) {
            at++;
        }
        return at < text.len;
    }
    for (; at + LANE_READS <= text.len; at += LANE) {
        if (begins_in_lane(text, at)) {
            return true;
        }
    }
    /* What is left, and some of it again. No secret begins in the last two bytes. */
    return begins_in_lane(text, text.len - LANE_READS);
}

bool eca_mask_concerns_own(const struct eca_mask *mask, struct eca_view text)
{
    struct eca_view found;

    return mask->has_short || mask->is_blind
               ? eca_mask_concerns(mask, text)
               : eca_needles_find(mask->needles, text, 0, &found) != NULL;
}

/* The next byte at or after `at` where a secret may begin: a quote, or the first of a line. */
static size_t next_candidate(struct eca_view text, size_t at)
{
    while (at < text.len && !((at == 0 || text.at[at - 1] == '\n') && may_be_line(text, at)) &&
           !(text.at[at] == '"' && may_be_key(text, at + 1))) {
        at++;
    }
    return at;
}

void eca_mask_text(struct eca_mask *mask, struct eca_view text, struct eca_buf *out)
{
    size_t copied = 0, start = out->len;

    for (size_t at = next_candidate(text, 0); at < text.len; at = next_candidate(text, at + 1)) {
        size_t from = 0, to = 0;
        enum form form = FORM_PLAIN;
        bool line = at == 0 || text.at[at - 1] == '\n';

        if (line && find_header(text, at, &from, &to)) {
            eca_buf_add(out, text.at + copied, from - copied);
            eca_buf_add_str(out, ECA_MASK_HEADER);
        } else if ((line && find_line(text, at, &from, &to)) ||
                   (text.at[at] == '"' && find_member(text, at + 1, &from, &to, &form))) {
            eca_buf_add(out, text.at + copied, from - copied);
            put_secret(mask, form, eca_view_sub(text, from, to - from), out);
        } else {
            continue;
        }
        copied = to;
        at = to == 0 ? 0 : to - 1;
    }
    eca_buf_add(out, text.at + copied, text.len - copied);
    replace_echoes(mask, start, out);
}

static bool is_among(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

/* By bits: the lengths of the names of secret headers. */
#define SECRET_HEADER_LENGTHS                                                                      \
    (1U << sizeof("authorization") | 1U << sizeof("x-amz-security-token") |                        \
     1U << sizeof("x-registry-auth") | 1U << sizeof("x-aws-ec2-metadata-token") |                  \
     1U << sizeof("proxy-authorization"))

bool eca_mask_is_secret_header(struct eca_view name)
{
    if (name.len > 30 || ((SECRET_HEADER_LENGTHS >> 1 >> name.len) & 1) == 0) {
        return false;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(secret_headers); i++) {
        if (eca_view_eq_nocase(name, secret_headers[i])) {
            return true;
        }
    }
    return false;
}

bool eca_mask_is_secret_variable(const char *name)
{
    return is_among(secret_variables, ECA_ARRAY_LEN(secret_variables), name);
}
