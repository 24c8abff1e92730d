#ifndef ECA_AWS_SIGV4_H
#define ECA_AWS_SIGV4_H

#include <stdint.h>

#include "agent/aws/digest.h"
#include "agent/base/err.h"
#include "agent/ports/http.h"

/*
 * AWS Signature Version 4 as plain functions: API requests (API-301..304), websocket upgrades
 * (WS-111..113), messages on the telemetry websocket (TCS-401, TCS-402), and the verifier that a
 * fake server uses. No clock here: the moment is an argument.
 */

/* Borrowed views; token empty = permanent credentials. */
struct eca_sigv4_keys {
    struct eca_view id;
    struct eca_view secret;
    struct eca_view token;
};

struct eca_sigv4_input {
    const char *method;
    struct eca_view path;  /* as on the wire; empty = "/" */
    struct eca_view query; /* as on the wire, without '?' */
    struct eca_view host;  /* the Host header */
    const char *target;    /* X-Amz-Target of an API request, signed; NULL = none */
    struct eca_view body;
    const char *region;
    const char *service; /* "ecs", "ecr" */
    int64_t wall_ms;
    struct eca_sigv4_keys keys;
};

/* What the request carries. Signature and token are secrets: never logged (CFG-603). */
struct eca_sigv4_output {
    char date[17];
    char body_sha256[ECA_SHA256_HEX_BYTES];
    char canonical_sha256[ECA_SHA256_HEX_BYTES];
    char signature[ECA_SHA256_HEX_BYTES];
    struct eca_buf authorization;
    struct eca_secret token;
};

/* Sign. `out` must be zeroed or used before; release it with eca_sigv4_output_clear. */
void eca_sigv4_sign(const struct eca_sigv4_input *in, struct eca_sigv4_output *out);
void eca_sigv4_output_clear(struct eca_sigv4_output *out);
#define eca_auto_sigv4 __attribute__((cleanup(eca_sigv4_output_clear)))

/* Authorization, X-Amz-Content-Sha256, X-Amz-Date and, with a token, X-Amz-Security-Token; texts
 * are borrowed from `out`. Returns the count. */
#define ECA_SIGV4_HEADERS_MAX 4
size_t eca_sigv4_headers(const struct eca_sigv4_output *out,
                         struct eca_http_header headers[ECA_SIGV4_HEADERS_MAX]);

/* Append "key=value" in the form encoding of WS-111; the caller adds keys in byte order. */
void eca_sigv4_query_add(struct eca_buf *query, const char *key, const char *value);

/* Sign the upgrade request of a websocket URL (WS-112). ECA_E_INVALID: no absolute URL. */
int eca_sigv4_upgrade(const char *url, const char *region, int64_t wall_ms,
                      const struct eca_sigv4_keys *keys, struct eca_sigv4_output *out,
                      struct eca_err *err);

/* One telemetry message: header block, empty line, json (TCS-401, TCS-402); appended to `message`.
 */
int eca_sigv4_message(const char *url, struct eca_view json, const char *region, int64_t wall_ms,
                      const struct eca_sigv4_keys *keys, struct eca_buf *message,
                      struct eca_err *err);

/* Canonical request of the signed headers named in `signed_headers` (";"-separated, lower case).
 * Shared by signer and verifier; also for printing. */
void eca_sigv4_canonical(const char *method, struct eca_view path, struct eca_view query,
                         const struct eca_http_header *headers, size_t header_count,
                         struct eca_view signed_headers, const char *body_sha256,
                         struct eca_buf *canonical);

/* ---- The other side ---------------------------------------------------------------------------
 */

/* Find the secret that belongs to a key id; false = unknown id. */
typedef bool eca_sigv4_lookup_fn(void *arg, struct eca_view id, struct eca_sigv4_keys *ret_keys);

struct eca_sigv4_check {
    const char *method;
    struct eca_view path;
    struct eca_view query;
    const struct eca_http_header *headers; /* as received; names in any case */
    size_t header_count;
    struct eca_view body;
    bool body_hash_from_header; /* the body was not kept: trust X-Amz-Content-Sha256 */
    const char *region;         /* NULL = any */
    const char *service;        /* NULL = any */
    int64_t now_ms;
    int64_t date_tolerance_ms; /* 0 = the date is not compared */
    eca_sigv4_lookup_fn *lookup;
    void *lookup_arg;
};

/* The service's name of the refusal, and in err->msg the exact reason. */
struct eca_sigv4_refusal {
    const char *type;         /* static: "InvalidSignatureException", ... */
    struct eca_buf canonical; /* what we computed, when it came that far */
};

/*
 * ECA_OK, or ECA_E_DENIED with *refusal filled and the reason in err: missing or malformed header,
 * unknown key id, token missing or wrong, wrong region or service or date, header that must be
 * signed and is not, body hash header that differs from the body, or a wrong signature. For a wrong
 * signature the usual mistakes are tried one after another, and the one that makes the signature
 * right is named ("signed with the query not sorted").
 */
int eca_sigv4_verify(const struct eca_sigv4_check *check, struct eca_sigv4_refusal *refusal,
                     struct eca_err *err);
void eca_sigv4_refusal_clear(struct eca_sigv4_refusal *refusal);

/*
 * Cut a telemetry message into its header block and the JSON (TCS-401). `storage` keeps the header
 * texts. ECA_E_INVALID: no block, a line without ": ", too many lines.
 */
#define ECA_SIGV4_BLOCK_HEADERS_MAX 16
int eca_sigv4_message_split(struct eca_view message, struct eca_buf *storage,
                            struct eca_http_header headers[ECA_SIGV4_BLOCK_HEADERS_MAX],
                            size_t *ret_count, struct eca_view *ret_json, struct eca_err *err);

#endif
