#ifndef FAKES_ECR_ECR_H
#define FAKES_ECR_ECR_H

#include "fakes/carry/auth.h"

/*
 * The ECR API: GetAuthorizationToken (DKR-F06, ECR-103..107).
 * Trace, lane ecr:  GetAuthorizationToken {registryId}   GetAuthorizationToken.failed {http, type}
 */
#define FAKE_ECR_LIFE_MS ((uint64_t)12 * 60 * 60 * 1000)

enum fake_ecr_answer {
    FAKE_ECR_ONE,      /* as it should be */
    FAKE_ECR_NONE,     /* an empty list */
    FAKE_ECR_TWO,      /* two elements */
    FAKE_ECR_NO_COLON, /* a token that decodes to text without ':' (ECR-109) */
    FAKE_ECR_NOT_BASE64,
    FAKE_ECR_NO_EXPIRY,
};

struct fake_ecr;
struct fake_ecr_opts {
    struct fake_base base;
    const char *party;           /* NULL = "ecr" */
    struct fake_auth *auth;      /* NULL: signatures are not checked */
    const char *region;          /* NULL = any */
    const char *user, *password; /* NULL = "AWS", "ecr-password" */
    const char *proxy_endpoint;  /* NULL = https://<registryId>.dkr.ecr.<us-west-2>.amazonaws.com */
    uint64_t life_ms;            /* 0 = FAKE_ECR_LIFE_MS */
    enum fake_ecr_answer answer;
};
struct fake_ecr *fake_ecr_new(const struct fake_ecr_opts *opts);
void fake_ecr_free(struct fake_ecr *ecr);
void fake_ecr_set_answer(struct fake_ecr *ecr, enum fake_ecr_answer answer);
void fake_ecr_set_password(struct fake_ecr *ecr, const char *password);
void fake_ecr_set_life(struct fake_ecr *ecr, uint64_t life_ms);
uint64_t fake_ecr_tokens(const struct fake_ecr *ecr); /* given so far */

#endif
