#ifndef TESTS_AWS_WORLD_H
#define TESTS_AWS_WORLD_H

#include "agent/aws/ecs_client.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/manual_host.h"
#include "tests/unit/support/script_http.h"

/* Everything a client of AWS needs, on a manual clock; log lines are kept. */
#define ECS_URL "https://ecs.us-west-2.amazonaws.com/"
#define IMDS_URL "http://127.0.0.1:1338"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials"

struct world {
    struct manual_clock clock;
    struct manual_entropy entropy;
    struct manual_host host;
    struct script_http *http;
    struct eca_log log;
    struct eca_buf lines;
    struct eca_imds *imds;
    struct eca_aws_creds *creds;
    struct eca_ecs *ecs;
};

/* Environment credentials AKIDEXAMPLE; imds at IMDS_URL without a token; ecs in us-west-2. */
void world_init(struct world *world);
void world_clear(struct world *world);
bool world_logged(const struct world *world, const char *part);
size_t world_logged_times(const struct world *world, const char *part);
/* Metadata that refuse tokens: plain requests from now on. */
void world_no_token(struct world *world);
/* Role "r" with these keys, valid for life_s from now. */
void world_expect_role(struct world *world, const char *id, int64_t life_s);
/* An answer of the ECS API. */
void world_expect_ecs(struct world *world, int status, const char *body);
/* Last callback of an eca_ecs_fn. */
struct heard {
    bool done;
    size_t times;
    char text[256];
    bool ok;
    struct eca_aws_failure failure;
};
void hear(void *arg, const char *text, const struct eca_aws_failure *failure);

#endif
