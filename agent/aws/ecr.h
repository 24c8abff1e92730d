#ifndef ECA_AWS_ECR_H
#define ECA_AWS_ECR_H

#include "agent/aws/call.h"

/* Registry logins from ECR, cached (ECR-101..113). */

/* Zero = the default in brackets. */
struct eca_ecr_opts {
    bool insecure;
    uint32_t attempts;     /* [4] ECR-106 */
    uint64_t attempt_ms;   /* [5000] */
    uint64_t pause_ms;     /* [100] */
    size_t tokens_max;     /* [100] per client, least recently used goes (ECR-110) */
    uint64_t token_age_ms; /* [43200000] */
    uint64_t margin_ms;    /* [1800000] plus U[0, 2 * margin): not reused near expiry (ECR-111) */
};

struct eca_ecr;
struct eca_ecr *eca_ecr_new(struct eca_sched *sched, struct eca_http http,
                            struct eca_entropy entropy, struct eca_aws_creds *creds,
                            struct eca_log *log, const struct eca_ecr_opts *opts);
void eca_ecr_free(struct eca_ecr *ecr); /* requests under way end without a callback */

struct eca_ecr_query {
    const char *region;
    const char *endpoint; /* override, NULL or "" = by region */
    const char *registry_id;
    const char *image; /* as in the task */
};

struct eca_ecr_login { /* borrowed for the callback */
    const char *username;
    struct eca_view password; /* secret */
    const char *server_address;
    bool from_cache;
};
/* err NULL: login. Otherwise the sentence of ECR-108, ECR-109, ECR-112. Runs once, later. */
typedef void eca_ecr_fn(void *arg, const struct eca_ecr_login *login, const struct eca_err *err);
struct eca_ecr_request;
void eca_ecr_get(struct eca_ecr *ecr, const struct eca_ecr_query *query, eca_ecr_fn *on_done,
                 void *arg, struct eca_ecr_request **ret_request);
void eca_ecr_cancel(struct eca_ecr_request *request); /* NULL ok */

/* The registry refused this login: the next question fetches a new one (ECR-113). */
void eca_ecr_forget(struct eca_ecr *ecr, const struct eca_ecr_query *query);

#endif
