#include <string.h>

#include "agent/aws/sigv4_internal.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define INCOMPLETE "IncompleteSignatureException"
#define WRONG "InvalidSignatureException"
#define SHOWN(view) (int)((view).len > 64 ? 64 : (view).len), (view).len == 0 ? "" : (view).at

/* The parts of an Authorization header; views into it. */
struct authorization {
    struct eca_view id, date, region, service;
    struct eca_view signed_headers;
    struct eca_view signature;
};

static int refuse(struct eca_sigv4_refusal *refusal, const char *type, struct eca_err *err,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int refuse(struct eca_sigv4_refusal *refusal, const char *type, struct eca_err *err,
                  const char *fmt, ...)
{
    eca_auto_buf struct eca_buf text = {0};
    va_list args;

    va_start(args, fmt);
    eca_buf_vaddf(&text, fmt, args);
    va_end(args);
    refusal->type = type;
    return eca_err_set(err, ECA_E_DENIED, "%s", eca_buf_str(&text));
}

/* The value behind `name` in "a=1, b=2", up to the next comma. */
static bool field(struct eca_view text, const char *name, struct eca_view *ret_value)
{
    size_t at = eca_view_find(text, name, 0);
    size_t from, end;

    if (at == SIZE_MAX) {
        return false;
    }
    from = at + strlen(name);
    end = eca_view_find(text, ",", from);
    *ret_value = eca_view_trim(eca_view_sub(text, from, (end == SIZE_MAX ? text.len : end) - from));
    return ret_value->len > 0;
}

/* Credential=<id>/<date>/<region>/<service>/aws4_request; the id itself holds no slash. */
static bool split_scope(struct eca_view scope, struct authorization *auth)
{
    struct eca_view *parts[] = {&auth->id, &auth->date, &auth->region, &auth->service};
    size_t from = 0;

    for (size_t i = 0; i < ECA_ARRAY_LEN(parts); i++) {
        size_t slash = eca_view_find(scope, "/", from);
        if (slash == SIZE_MAX) {
            return false;
        }
        *parts[i] = eca_view_sub(scope, from, slash - from);
        from = slash + 1;
    }
    return eca_view_eq_str(eca_view_sub(scope, from, scope.len), "aws4_request");
}

static int parse_authorization(const char *value, struct authorization *auth,
                               struct eca_sigv4_refusal *refusal, struct eca_err *err)
{
    struct eca_view text = eca_view_str(value), scope;

    if (value == NULL) {
        return refuse(refusal, "MissingAuthenticationTokenException", err,
                      "no Authorization header");
    }
    if (!eca_view_starts(text, ALGORITHM " ")) {
        return refuse(refusal, INCOMPLETE, err, "Authorization does not begin with " ALGORITHM);
    }
    if (!field(text, "Credential=", &scope)) {
        return refuse(refusal, INCOMPLETE, err, "Authorization has no Credential");
    }
    if (!split_scope(scope, auth)) {
        return refuse(refusal, INCOMPLETE, err,
                      "Credential is not <id>/<date>/<region>/<service>/aws4_request: %.*s",
                      SHOWN(scope));
    }
    if (!field(text, "SignedHeaders=", &auth->signed_headers)) {
        return refuse(refusal, INCOMPLETE, err, "Authorization has no SignedHeaders");
    }
    if (!field(text, "Signature=", &auth->signature)) {
        return refuse(refusal, INCOMPLETE, err, "Authorization has no Signature");
    }
    return ECA_OK;
}

static bool is_signed(const struct authorization *auth, const char *name)
{
    struct eca_view item;
    size_t cursor = 0;

    while (eca_sigv4_next_name(auth->signed_headers, &cursor, &item)) {
        if (eca_view_eq_str(item, name)) {
            return true;
        }
    }
    return false;
}

static const char *header(const struct eca_sigv4_check *check, const char *name)
{
    return eca_sigv4_find_header(check->headers, check->header_count, eca_view_str(name));
}

/* host and x-amz-date always; target and token when they are sent (API-301). */
static int check_signed_list(const struct eca_sigv4_check *check, const struct authorization *auth,
                             struct eca_sigv4_refusal *refusal, struct eca_err *err)
{
    static const struct {
        const char *name;
        bool always;
    } wanted[] = {
        {"host", true},
        {"x-amz-date", true},
        {"x-amz-security-token", false},
        {"x-amz-target", false},
    };
    struct eca_view name;
    size_t cursor = 0;

    for (size_t i = 0; i < ECA_ARRAY_LEN(wanted); i++) {
        bool sent = header(check, wanted[i].name) != NULL;
        if ((wanted[i].always || sent) && !is_signed(auth, wanted[i].name)) {
            return refuse(refusal, WRONG, err, "header %s is not signed", wanted[i].name);
        }
    }
    while (eca_sigv4_next_name(auth->signed_headers, &cursor, &name)) {
        if (eca_sigv4_find_header(check->headers, check->header_count, name) == NULL) {
            return refuse(refusal, WRONG, err, "signed header %.*s is not in the request",
                          SHOWN(name));
        }
    }
    return ECA_OK;
}

static int check_scope(const struct eca_sigv4_check *check, const struct authorization *auth,
                       struct eca_sigv4_refusal *refusal, struct eca_err *err)
{
    const char *date = header(check, "x-amz-date");
    int64_t signed_ms = 0, off_ms;

    if (date == NULL || eca_time_sigv4_parse(eca_view_str(date), &signed_ms, NULL) < 0) {
        return refuse(refusal, INCOMPLETE, err, "X-Amz-Date is missing or not YYYYMMDDTHHMMSSZ");
    }
    if (!eca_view_eq(auth->date, eca_view_sub(eca_view_str(date), 0, 8))) {
        return refuse(refusal, WRONG, err, "scope date %.*s differs from X-Amz-Date %s",
                      SHOWN(auth->date), date);
    }
    if (check->region != NULL && !eca_view_eq_str(auth->region, check->region)) {
        return refuse(refusal, WRONG, err, "signed for region %.*s, not %s", SHOWN(auth->region),
                      check->region);
    }
    if (check->service != NULL && !eca_view_eq_str(auth->service, check->service)) {
        return refuse(refusal, WRONG, err, "signed for service %.*s, not %s", SHOWN(auth->service),
                      check->service);
    }
    off_ms = check->now_ms - signed_ms;
    off_ms = off_ms < 0 ? -off_ms : off_ms;
    if (check->date_tolerance_ms != 0 && off_ms > check->date_tolerance_ms) {
        return refuse(refusal, WRONG, err,
                      "Signature expired: X-Amz-Date %s is %lld s away from the server's time",
                      date, (long long)(off_ms / ECA_MS_PER_S));
    }
    return ECA_OK;
}

static int check_keys(const struct eca_sigv4_check *check, const struct authorization *auth,
                      struct eca_sigv4_keys *ret_keys, struct eca_sigv4_refusal *refusal,
                      struct eca_err *err)
{
    const char *token = header(check, "x-amz-security-token");

    if (!check->lookup(check->lookup_arg, auth->id, ret_keys)) {
        return refuse(refusal, "UnrecognizedClientException", err, "unknown access key id %.*s",
                      SHOWN(auth->id));
    }
    if (ret_keys->token.len > 0 && token == NULL) {
        return refuse(refusal, "UnrecognizedClientException", err,
                      "no X-Amz-Security-Token, but the credentials are temporary");
    }
    if (ret_keys->token.len == 0 && token != NULL) {
        return refuse(refusal, "UnrecognizedClientException", err,
                      "X-Amz-Security-Token sent, but the credentials are permanent");
    }
    if (token != NULL && !eca_digest_equal(eca_view_str(token), ret_keys->token)) {
        return refuse(refusal, "UnrecognizedClientException", err,
                      "X-Amz-Security-Token does not belong to %.*s", SHOWN(auth->id));
    }
    return ECA_OK;
}

/* A way to sign wrongly that real clients have: what the canonical request would hold then. */
struct mistake {
    const char *what;
    const char *method;    /* NULL = the request's */
    const char *body_hash; /* NULL = the right one */
    bool no_query, raw_query, root_path, no_port;
};

static void canonical_of(const struct eca_sigv4_check *check, const struct authorization *auth,
                         const char *body_hash, const struct mistake *mistake,
                         struct eca_buf *canonical)
{
    struct eca_http_header headers[ECA_HTTP_HEADERS_MAX + ECA_SIGV4_BLOCK_HEADERS_MAX];
    eca_auto_buf struct eca_buf host = {0};
    size_t count =
        check->header_count < ECA_ARRAY_LEN(headers) ? check->header_count : ECA_ARRAY_LEN(headers);
    struct eca_view query = mistake->no_query ? ECA_VIEW_NONE : check->query;

    for (size_t i = 0; i < count; i++) {
        headers[i] = check->headers[i];
        if (mistake->no_port && eca_view_eq_nocase(eca_view_str("host"), headers[i].name)) {
            struct eca_view whole = eca_view_str(headers[i].value);
            size_t colon = eca_view_find(whole, ":", 0);
            eca_buf_add_view(&host, eca_view_sub(whole, 0, colon == SIZE_MAX ? whole.len : colon));
            headers[i].value = eca_buf_str(&host);
        }
    }
    eca_sigv4_canonical(mistake->method != NULL ? mistake->method : check->method,
                        mistake->root_path ? ECA_VIEW_NONE : check->path,
                        mistake->raw_query ? ECA_VIEW_NONE : query, headers, count,
                        auth->signed_headers,
                        mistake->body_hash != NULL ? mistake->body_hash : body_hash, canonical);
    if (mistake->raw_query) { /* the third line as it was on the wire */
        size_t line = eca_view_find(eca_buf_view(canonical), "\n", 0);
        eca_auto_buf struct eca_buf raw = {0};
        line = eca_view_find(eca_buf_view(canonical), "\n", line + 1) + 1;
        eca_buf_add(&raw, canonical->at, line);
        eca_buf_add_view(&raw, check->query);
        eca_buf_add_view(&raw, eca_view_sub(eca_buf_view(canonical), line, canonical->len));
        eca_buf_reset(canonical);
        eca_buf_add_view(canonical, eca_buf_view(&raw));
    }
}

static bool signature_fits(const struct eca_sigv4_check *check, const struct authorization *auth,
                           const struct eca_sigv4_keys *keys, struct eca_view canonical)
{
    char canonical_sha256[ECA_SHA256_HEX_BYTES], signature[ECA_SHA256_HEX_BYTES];

    eca_sigv4_signature(canonical, header(check, "x-amz-date"), auth->region, auth->service,
                        keys->secret, canonical_sha256, signature);
    return eca_digest_equal(eca_view_str(signature), auth->signature);
}

static const char *find_mistake(const struct eca_sigv4_check *check,
                                const struct authorization *auth, const struct eca_sigv4_keys *keys,
                                const char *body_hash)
{
    char empty_hash[ECA_SHA256_HEX_BYTES];
    const struct mistake mistakes[] = {
        {.what = "signed with the hash of an empty body", .body_hash = empty_hash},
        {.what = "signed with UNSIGNED-PAYLOAD", .body_hash = "UNSIGNED-PAYLOAD"},
        {.what = "signed without the query", .no_query = true},
        {.what = "signed with the query as it is on the wire", .raw_query = true},
        {.what = "signed with the path /", .root_path = true},
        {.what = "signed with the host without its port", .no_port = true},
        {.what = "signed as a GET", .method = "GET"},
        {.what = "signed as a POST", .method = "POST"},
    };

    eca_sha256_hex(ECA_VIEW_NONE, empty_hash);
    for (size_t i = 0; i < ECA_ARRAY_LEN(mistakes); i++) {
        eca_auto_buf struct eca_buf canonical = {0};
        canonical_of(check, auth, body_hash, &mistakes[i], &canonical);
        if (signature_fits(check, auth, keys, eca_buf_view(&canonical))) {
            return mistakes[i].what;
        }
    }
    return NULL;
}

static int check_signature(const struct eca_sigv4_check *check, const struct authorization *auth,
                           const struct eca_sigv4_keys *keys, struct eca_sigv4_refusal *refusal,
                           struct eca_err *err)
{
    const char *claimed = header(check, "x-amz-content-sha256");
    char body_hash[ECA_SHA256_HEX_BYTES], canonical_hash[ECA_SHA256_HEX_BYTES];
    const struct mistake none = {0};
    const char *mistake;

    eca_sha256_hex(check->body, body_hash);
    if (check->body_hash_from_header && claimed != NULL &&
        strlen(claimed) == ECA_SHA256_HEX_BYTES - 1) {
        memcpy(body_hash, claimed, sizeof(body_hash));
    }
    if (claimed != NULL && strcmp(claimed, body_hash) != 0) {
        return refuse(refusal, WRONG, err,
                      "X-Amz-Content-Sha256 is not the hash of the body (%zu bytes, %s)",
                      check->body.len, body_hash);
    }
    eca_buf_reset(&refusal->canonical);
    canonical_of(check, auth, body_hash, &none, &refusal->canonical);
    if (signature_fits(check, auth, keys, eca_buf_view(&refusal->canonical))) {
        return ECA_OK;
    }
    mistake = find_mistake(check, auth, keys, body_hash);
    eca_sha256_hex(eca_buf_view(&refusal->canonical), canonical_hash);
    return refuse(refusal, WRONG, err, "wrong signature: %s; canonical request %s",
                  mistake != NULL ? mistake
                                  : "no usual mistake explains it (other secret, or a signed "
                                    "header changed on the way)",
                  canonical_hash);
}

int eca_sigv4_verify(const struct eca_sigv4_check *check, struct eca_sigv4_refusal *refusal,
                     struct eca_err *err)
{
    struct authorization auth = {0};
    struct eca_sigv4_keys keys = {0};

    refusal->type = NULL;
    if (parse_authorization(header(check, "authorization"), &auth, refusal, err) < 0 ||
        check_signed_list(check, &auth, refusal, err) < 0 ||
        check_scope(check, &auth, refusal, err) < 0 ||
        check_keys(check, &auth, &keys, refusal, err) < 0 ||
        check_signature(check, &auth, &keys, refusal, err) < 0) {
        return ECA_E_DENIED;
    }
    return ECA_OK;
}

void eca_sigv4_refusal_clear(struct eca_sigv4_refusal *refusal)
{
    refusal->type = NULL;
    eca_buf_clear(&refusal->canonical);
}

/* Ends a text inside `storage` by its line's own CR, so that headers can be C strings. */
int eca_sigv4_message_split(struct eca_view message, struct eca_buf *storage,
                            struct eca_http_header headers[ECA_SIGV4_BLOCK_HEADERS_MAX],
                            size_t *ret_count, struct eca_view *ret_json, struct eca_err *err)
{
    size_t end = eca_view_find(message, "\r\n\r\n", 0);
    size_t count = 0, from = 0;

    if (end == SIZE_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "no empty line ends the header block");
    }
    eca_buf_reset(storage);
    eca_buf_add_view(storage, eca_view_sub(message, 0, end));
    eca_buf_add_char(storage, '\r');
    while (from < end) {
        struct eca_view all = eca_buf_view(storage);
        size_t stop = eca_view_find(all, "\r", from);
        size_t colon = eca_view_find(all, ": ", from);

        if (colon == SIZE_MAX || colon > stop) {
            return eca_err_set(err, ECA_E_INVALID, "line %zu of the header block has no \": \"",
                               count + 1);
        }
        if (count == ECA_SIGV4_BLOCK_HEADERS_MAX) {
            return eca_err_set(err, ECA_E_INVALID, "more than %d lines in the header block",
                               ECA_SIGV4_BLOCK_HEADERS_MAX);
        }
        storage->at[colon] = '\0';
        storage->at[stop] = '\0';
        headers[count++] = (struct eca_http_header){storage->at + from, storage->at + colon + 2};
        from = stop + 2;
    }
    *ret_count = count;
    *ret_json = eca_view_sub(message, end + 4, message.len);
    return ECA_OK;
}
