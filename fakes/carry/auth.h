#ifndef FAKES_CARRY_AUTH_H
#define FAKES_CARRY_AUTH_H

#include "agent/aws/sigv4.h"
#include "fakes/carry/carry.h"

/*
 * The access keys that the fake services know, and the check of Signature V4 (API-F01, WS-303,
 * TCS-902, DKR-F06). One store for all of them: a key that the metadata fake hands out is valid
 * everywhere.
 */
#define FAKE_AUTH_DATE_TOLERANCE_MS INT64_C(300000)

struct fake_auth;
struct fake_auth *fake_auth_new(struct eca_sched *sched);
void fake_auth_free(struct fake_auth *auth);
/* token NULL or "" = a permanent key. expires_ms: wall time, 0 = never. Same id: replaced. */
void fake_auth_add(struct fake_auth *auth, const char *id, const char *secret, const char *token,
                   int64_t expires_ms);
/* 0 = dates are not compared; default FAKE_AUTH_DATE_TOLERANCE_MS. */
void fake_auth_set_tolerance(struct fake_auth *auth, int64_t tolerance_ms);
/* The time of day has just jumped: what was signed before it may be on its way still. */
void fake_auth_clock_stepped(struct fake_auth *auth, int64_t by_ms);

struct fake_auth_refusal {
    char type[64]; /* "InvalidSignatureException", "ExpiredTokenException", ... */
    struct eca_err err;
};
/* True: the signature of the request is right. service "ecs", "ecr"; region NULL = any. */
bool fake_auth_check(struct fake_auth *auth, const struct fake_request *request,
                     const char *service, const char *region, struct fake_auth_refusal *refusal);
/* As above for a telemetry message (TCS-402): a GET of the connection's path and query. */
bool fake_auth_check_message(struct fake_auth *auth, const char *path, const char *query,
                             const struct eca_http_header *headers, size_t header_count,
                             struct eca_view json, const char *region,
                             struct fake_auth_refusal *refusal);

#endif
