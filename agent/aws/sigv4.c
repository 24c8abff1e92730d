#include "agent/aws/sigv4.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/aws/sigv4_internal.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define DATE_BYTES 8 /* YYYYMMDD of the scope */

/* Decoded and encoded again: one spelling for whatever was on the wire (WS-112). */
static void add_normalised(struct eca_view text, bool is_path, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf plain = {0};

    eca_percent_decode(text, !is_path, &plain);
    eca_percent_encode(eca_buf_view(&plain), is_path, out);
}

struct parameter {
    struct eca_buf key, value;
};

static int compare_views(struct eca_view a, struct eca_view b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.at, b.at, len);

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static int compare_parameters(const void *left, const void *right)
{
    const struct parameter *a = left, *b = right;
    int order = compare_views(eca_buf_view(&a->key), eca_buf_view(&b->key));

    return order != 0 ? order : compare_views(eca_buf_view(&a->value), eca_buf_view(&b->value));
}

/* A signed query has a handful of parameters; more than this is signed as it stands. */
#define PARAMETERS_MAX 64

static size_t split_query(struct eca_view query, struct parameter parameters[PARAMETERS_MAX])
{
    size_t count = 0, from = 0;

    while (from <= query.len && count < PARAMETERS_MAX) {
        size_t end = eca_view_find(query, "&", from);
        struct eca_view part, value = ECA_VIEW_NONE;
        size_t equals;

        if (end == SIZE_MAX) {
            end = query.len;
        }
        part = eca_view_sub(query, from, end - from);
        from = end + 1;
        if (part.len == 0) {
            continue;
        }
        equals = eca_view_find(part, "=", 0);
        if (equals != SIZE_MAX) {
            value = eca_view_sub(part, equals + 1, part.len);
            part = eca_view_sub(part, 0, equals);
        }
        add_normalised(part, false, &parameters[count].key);
        add_normalised(value, false, &parameters[count].value);
        count++;
    }
    return count;
}

static void add_query(struct eca_view query, struct eca_buf *out)
{
    struct parameter parameters[PARAMETERS_MAX] = {0};
    size_t count = split_query(query, parameters);

    qsort(parameters, count, sizeof(parameters[0]), compare_parameters);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            eca_buf_add_char(out, '&');
        }
        eca_buf_add_view(out, eca_buf_view(&parameters[i].key));
        eca_buf_add_char(out, '=');
        eca_buf_add_view(out, eca_buf_view(&parameters[i].value));
        eca_buf_clear(&parameters[i].key);
        eca_buf_clear(&parameters[i].value);
    }
}

const char *eca_sigv4_find_header(const struct eca_http_header *headers, size_t count,
                                  struct eca_view name)
{
    for (size_t i = 0; i < count; i++) {
        if (eca_view_eq_nocase(name, headers[i].name)) {
            return headers[i].value;
        }
    }
    return NULL;
}

bool eca_sigv4_next_name(struct eca_view list, size_t *cursor, struct eca_view *ret_name)
{
    size_t end;

    if (*cursor >= list.len) {
        return false;
    }
    end = eca_view_find(list, ";", *cursor);
    if (end == SIZE_MAX) {
        end = list.len;
    }
    *ret_name = eca_view_sub(list, *cursor, end - *cursor);
    *cursor = end + 1;
    return true;
}

void eca_sigv4_canonical(const char *method, struct eca_view path, struct eca_view query,
                         const struct eca_http_header *headers, size_t header_count,
                         struct eca_view signed_headers, const char *body_sha256,
                         struct eca_buf *canonical)
{
    struct eca_view name;
    size_t cursor = 0;

    eca_buf_addf(canonical, "%s\n", method);
    add_normalised(path.len == 0 ? eca_view_str("/") : path, true, canonical);
    eca_buf_add_char(canonical, '\n');
    add_query(query, canonical);
    eca_buf_add_char(canonical, '\n');
    while (eca_sigv4_next_name(signed_headers, &cursor, &name)) {
        const char *value = eca_sigv4_find_header(headers, header_count, name);
        eca_buf_add_view(canonical, name);
        eca_buf_add_char(canonical, ':');
        eca_buf_add_view(canonical, eca_view_trim(eca_view_str(value)));
        eca_buf_add_char(canonical, '\n');
    }
    eca_buf_add_char(canonical, '\n');
    eca_buf_add_view(canonical, signed_headers);
    eca_buf_addf(canonical, "\n%s", body_sha256);
}

/* HMAC chain "AWS4" + secret -> date -> region -> service -> "aws4_request". */
static void signing_key(struct eca_view secret, const char *date, struct eca_view region,
                        struct eca_view service, unsigned char ret_key[ECA_SHA256_BYTES])
{
    struct eca_buf first = {0};
    const struct eca_view steps[] = {eca_view_of(date, DATE_BYTES), region, service,
                                     eca_view_str("aws4_request")};

    eca_buf_add_str(&first, "AWS4");
    eca_buf_add_view(&first, secret);
    eca_hmac_sha256(eca_buf_view(&first), steps[0], ret_key);
    eca_wipe(first.at, first.len);
    eca_buf_clear(&first);
    for (size_t i = 1; i < ECA_ARRAY_LEN(steps); i++) {
        unsigned char key[ECA_SHA256_BYTES];
        memcpy(key, ret_key, sizeof(key));
        eca_hmac_sha256(eca_view_of((const char *)key, sizeof(key)), steps[i], ret_key);
        eca_wipe(key, sizeof(key));
    }
}

void eca_sigv4_signature(struct eca_view canonical, const char *date, struct eca_view region,
                         struct eca_view service, struct eca_view secret,
                         char ret_canonical_sha256[ECA_SHA256_HEX_BYTES],
                         char ret_signature[ECA_SHA256_HEX_BYTES])
{
    eca_auto_buf struct eca_buf text = {0}, hex = {0};
    unsigned char key[ECA_SHA256_BYTES], mac[ECA_SHA256_BYTES];

    eca_sha256_hex(canonical, ret_canonical_sha256);
    eca_buf_addf(&text, "AWS4-HMAC-SHA256\n%s\n%.*s/%.*s/%.*s/aws4_request\n%s", date, DATE_BYTES,
                 date, (int)region.len, region.at, (int)service.len, service.at,
                 ret_canonical_sha256);
    signing_key(secret, date, region, service, key);
    eca_hmac_sha256(eca_view_of((const char *)key, sizeof(key)), eca_buf_view(&text), mac);
    eca_wipe(key, sizeof(key));
    eca_hex(mac, sizeof(mac), &hex);
    memcpy(ret_signature, eca_buf_str(&hex), ECA_SHA256_HEX_BYTES);
}

void eca_sigv4_sign(const struct eca_sigv4_input *in, struct eca_sigv4_output *out)
{
    eca_auto_buf struct eca_buf canonical = {0}, list = {0}, host = {0};
    struct eca_http_header headers[ECA_SIGV4_HEADERS_MAX];
    size_t count = 0;

    eca_sigv4_output_clear(out);
    eca_time_sigv4(in->wall_ms, out->date);
    eca_sha256_hex(in->body, out->body_sha256);
    eca_secret_set(&out->token, in->keys.token);
    eca_buf_add_view(&host, in->host);

    /* In the byte order of the names (API-301). */
    headers[count++] = (struct eca_http_header){"host", eca_buf_str(&host)};
    headers[count++] = (struct eca_http_header){"x-amz-date", out->date};
    if (eca_secret_is_set(&out->token)) {
        headers[count++] = (struct eca_http_header){"x-amz-security-token", out->token.at};
    }
    if (in->target != NULL) {
        headers[count++] = (struct eca_http_header){"x-amz-target", in->target};
    }
    for (size_t i = 0; i < count; i++) {
        eca_buf_addf(&list, "%s%s", i == 0 ? "" : ";", headers[i].name);
    }
    eca_sigv4_canonical(in->method, in->path, in->query, headers, count, eca_buf_view(&list),
                        out->body_sha256, &canonical);
    eca_sigv4_signature(eca_buf_view(&canonical), out->date, eca_view_str(in->region),
                        eca_view_str(in->service), in->keys.secret, out->canonical_sha256,
                        out->signature);
    eca_buf_addf(&out->authorization,
                 "AWS4-HMAC-SHA256 Credential=%.*s/%.*s/%s/%s/aws4_request, SignedHeaders=%s, "
                 "Signature=%s",
                 (int)in->keys.id.len, in->keys.id.at, DATE_BYTES, out->date, in->region,
                 in->service, eca_buf_str(&list), out->signature);
}

void eca_sigv4_output_clear(struct eca_sigv4_output *out)
{
    eca_buf_clear(&out->authorization);
    eca_secret_clear(&out->token);
    memset(out, 0, sizeof(*out));
}

size_t eca_sigv4_headers(const struct eca_sigv4_output *out,
                         struct eca_http_header headers[ECA_SIGV4_HEADERS_MAX])
{
    size_t count = 0;

    headers[count++] = (struct eca_http_header){"Authorization", eca_buf_str(&out->authorization)};
    headers[count++] = (struct eca_http_header){"X-Amz-Content-Sha256", out->body_sha256};
    headers[count++] = (struct eca_http_header){"X-Amz-Date", out->date};
    if (eca_secret_is_set(&out->token)) {
        headers[count++] = (struct eca_http_header){"X-Amz-Security-Token", out->token.at};
    }
    return count;
}

void eca_sigv4_query_add(struct eca_buf *query, const char *key, const char *value)
{
    eca_auto_buf struct eca_buf encoded = {0};

    if (query->len > 0) {
        eca_buf_add_char(query, '&');
    }
    eca_percent_encode(eca_view_str(key), false, query);
    eca_buf_add_char(query, '=');
    eca_percent_encode(eca_view_str(value), false, &encoded);
    for (size_t i = 0; i < encoded.len; i++) { /* form encoding: a blank is '+' (WS-111) */
        if (strncmp(encoded.at + i, "%20", 3) == 0) {
            eca_buf_add_char(query, '+');
            i += 2;
        } else {
            eca_buf_add_char(query, encoded.at[i]);
        }
    }
}

/* A GET of the URL with `body` as its body: upgrades and messages are signed alike. */
static int sign_get(const char *url, struct eca_view body, const char *region, int64_t wall_ms,
                    const struct eca_sigv4_keys *keys, struct eca_url *ret_parsed,
                    struct eca_sigv4_output *out, struct eca_err *err)
{
    struct eca_sigv4_input in;

    if (eca_url_parse(eca_view_str(url), ret_parsed, err) < 0) {
        return eca_err_wrap(err, "sign");
    }
    in = (struct eca_sigv4_input){
        .method = "GET",
        .path = ret_parsed->path,
        .query = ret_parsed->query,
        .host = ret_parsed->authority,
        .body = body,
        .region = region,
        .service = "ecs",
        .wall_ms = wall_ms,
        .keys = *keys,
    };
    eca_sigv4_sign(&in, out);
    return ECA_OK;
}

int eca_sigv4_upgrade(const char *url, const char *region, int64_t wall_ms,
                      const struct eca_sigv4_keys *keys, struct eca_sigv4_output *out,
                      struct eca_err *err)
{
    struct eca_url parsed;

    return sign_get(url, ECA_VIEW_NONE, region, wall_ms, keys, &parsed, out, err);
}

int eca_sigv4_message(const char *url, struct eca_view json, const char *region, int64_t wall_ms,
                      const struct eca_sigv4_keys *keys, struct eca_buf *message,
                      struct eca_err *err)
{
    eca_auto_sigv4 struct eca_sigv4_output out = {0};
    struct eca_url parsed;

    if (sign_get(url, json, region, wall_ms, keys, &parsed, &out, err) < 0) {
        return err == NULL ? ECA_E_INVALID : (int)err->code;
    }
    eca_buf_addf(
        message,
        "Authorization: %s\r\nHost: %.*s\r\nX-Amz-Content-Sha256: %s\r\nX-Amz-Date: %s\r\n",
        eca_buf_str(&out.authorization), (int)parsed.authority.len, parsed.authority.at,
        out.body_sha256, out.date);
    if (eca_secret_is_set(&out.token)) {
        eca_buf_add_str(message, "X-Amz-Security-Token: ");
        eca_buf_add_view(message, eca_secret_view(&out.token));
        eca_buf_add_str(message, "\r\n");
    }
    eca_buf_add_str(message, "\r\n");
    eca_buf_add_view(message, json);
    return ECA_OK;
}
