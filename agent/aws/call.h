#ifndef ECA_AWS_CALL_H
#define ECA_AWS_CALL_H

#include "agent/aws/credentials.h"
#include "agent/base/json.h"
#include "agent/base/tally.h"

/*
 * One operation of a JSON 1.1 service (ECS, ECR): signed anew for every attempt (API-304, FB-20),
 * answer classified (API-406), retried where that helps (API-501).
 */
enum eca_aws_class {
    ECA_AWS_OK,
    ECA_AWS_TRANSPORT, /* no complete answer */
    ECA_AWS_SERVER,    /* status >= 500 */
    ECA_AWS_THROTTLED,
    ECA_AWS_EXPIRED, /* the server refused our credentials' or signature's age */
    ECA_AWS_DEFINITE,
    ECA_AWS_UNSIGNED, /* no credentials: nothing was sent (EC2-310) */
};
const char *eca_aws_class_name(enum eca_aws_class class);

struct eca_aws_failure {
    enum eca_aws_class class;
    char code[80];     /* "ThrottlingException", "RequestError", "SerializationError" ... */
    char message[400]; /* the peer's text, controls still in it */
    int http_status;   /* 0 = no answer */
    char request_id[80];
};
/* "<code>: <message> status code: <n>, request id: <id>" on one line (API-405, LOG-108). */
void eca_aws_failure_text(const struct eca_aws_failure *failure, struct eca_buf *out);
/* Worth another try later: transport, server, throttled, expired, unsigned. */
bool eca_aws_failure_is_temporary(const struct eca_aws_failure *failure);
/* Refused for who asked, not for what: keys, signature, clock or rights. A request whose loss would
 * be felt is worth another try when somebody has mended that (SEND-106). */
bool eca_aws_failure_is_about_caller(const struct eca_aws_failure *failure);
/* Class of a complete answer with a status other than 2xx (API-406). */
enum eca_aws_class eca_aws_classify(int http_status, const char *code);

/* Zero = the default in brackets. */
struct eca_aws_call_opts {
    uint32_t attempts;   /* [4]; submissions use 1 (API-502) */
    uint64_t attempt_ms; /* [5000] API-102 */
    uint64_t total_ms;   /* [0 = none] no attempt begins or lasts beyond */
    uint64_t pause_ms;   /* [100] pause n = (pause + U[0, pause)) * 2^n (API-501) */
};

struct eca_aws_service {
    struct eca_sched *sched;
    struct eca_http http;
    struct eca_entropy entropy;
    struct eca_aws_creds *creds;
    struct eca_log *log;
    char *url;                 /* with path, exactly one slash at the end (API-203) */
    char *host;                /* Host header */
    char *path;                /* "/" */
    char *region;              /* signing region */
    const char *service;       /* static: "ecs" */
    const char *target_prefix; /* static: "AmazonEC2ContainerServiceV20141113." */
    bool insecure;
    struct eca_tally tally; /* attempts by operation and class (INTRO-122) */
};
/* endpoint: as configured, may lack the scheme; "" = https://<service>.<region>.amazonaws.com[.cn]
 * (API-202, API-203, ECR-104). ECA_E_INVALID: not a URL, or no region to build one. */
int eca_aws_service_init(struct eca_aws_service *service, const char *endpoint, const char *region,
                         struct eca_err *err);
void eca_aws_service_clear(struct eca_aws_service *service);

/* failure NULL: root is the answer object (an empty body is an empty object), borrowed. */
typedef void eca_aws_call_fn(void *arg, eca_json root, const struct eca_aws_failure *failure);
struct eca_aws_call;
/* service is borrowed until the end, body copied. on_done runs once, later, from the loop. */
void eca_aws_call_start(struct eca_aws_service *service, const char *operation,
                        struct eca_view body, const struct eca_aws_call_opts *opts,
                        eca_aws_call_fn *on_done, void *arg, struct eca_aws_call **ret_call);
void eca_aws_call_cancel(struct eca_aws_call *call); /* NULL ok; no callback any more */

#endif
