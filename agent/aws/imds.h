#ifndef ECA_AWS_IMDS_H
#define ECA_AWS_IMDS_H

#include "agent/base/log.h"
#include "agent/ports/entropy.h"
#include "agent/ports/http.h"
#include "agent/ports/sched.h"

/* EC2 metadata client (EC2-101..113): token first, bounded, never through a proxy. */

/* Zero = the default in brackets. */
struct eca_imds_opts {
    const char *endpoint;     /* scheme, host, port (EC2-111); NULL or "" = the EC2 address */
    bool blackhole;           /* EC2-110 */
    uint64_t connect_ms;      /* [1000] */
    uint64_t request_ms;      /* [2000] EC2-107 */
    uint64_t token_ms;        /* [1000] EC2-112 */
    uint64_t token_retry_ms;  /* [300000] after a refused token */
    uint32_t token_ttl_s;     /* [21600] */
    uint32_t tries;           /* [5] */
    uint64_t pause_min_ms;    /* [250] doubled up to pause_max_ms, plus up to 20 % (EC2-106) */
    uint64_t pause_max_ms;    /* [2000] */
    uint64_t budget_ms;       /* [30000] all waiting for document and signature (EC2-113) */
    uint64_t role_request_ms; /* [5000] EC2-305 */
    uint32_t role_tries;      /* [4] */
};

#define ECA_IMDS_BODY_BYTES_MAX ((uint64_t)64 << 10)

struct eca_imds;
/* opts and its texts are copied. */
struct eca_imds *eca_imds_new(struct eca_sched *sched, struct eca_http http,
                              struct eca_entropy entropy, struct eca_log *log,
                              const struct eca_imds_opts *opts);
void eca_imds_free(struct eca_imds *imds); /* waiting requests end without a callback */

enum eca_imds_resource {
    ECA_IMDS_DOCUMENT,  /* instance identity document, raw (EC2-102) */
    ECA_IMDS_SIGNATURE, /* its signature, raw */
    ECA_IMDS_RESOURCES,
};

#define ECA_IMDS_DOCUMENT_PATH "/2014-02-25/dynamic/instance-identity/document"

/* err NULL: body is the answer. Runs once, later, from the loop. */
typedef void eca_imds_fn(void *arg, struct eca_view body, const struct eca_err *err);
struct eca_imds_wait;

/*
 * Ask for a resource. One series of tries per resource and start; its outcome, good or bad, answers
 * every later question (EC2-113). ret_wait: handle for cancel until the callback has run.
 */
void eca_imds_get(struct eca_imds *imds, enum eca_imds_resource resource, eca_imds_fn *on_done,
                  void *arg, struct eca_imds_wait **ret_wait);
/* Ask for any path with the rules of role credentials (EC2-305): not cached, 4xx is final. */
void eca_imds_get_path(struct eca_imds *imds, const char *path, eca_imds_fn *on_done, void *arg,
                       struct eca_imds_wait **ret_wait);
/* End without the callback; NULL ok. */
void eca_imds_cancel(struct eca_imds_wait *wait);

/* Members of the document, "" when absent (EC2-103). ECA_E_INVALID: not a JSON object. */
#define ECA_IMDS_TEXT_BYTES 64
struct eca_imds_identity {
    char region[ECA_IMDS_TEXT_BYTES];
    char instance_id[ECA_IMDS_TEXT_BYTES];
};
int eca_imds_identity_parse(struct eca_view document, struct eca_imds_identity *ret_identity,
                            struct eca_err *err);

#endif
