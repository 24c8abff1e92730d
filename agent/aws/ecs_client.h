#ifndef ECA_AWS_ECS_CLIENT_H
#define ECA_AWS_ECS_CLIENT_H

#include "agent/aws/call.h"
#include "agent/ports/runtime.h"

/* Client of the ECS API: the five operations of API-205. */

/* Zero = the default in brackets. */
struct eca_ecs_opts {
    const char *endpoint; /* configured APIEndpoint, "" or NULL = by region (API-202) */
    const char *region;
    bool insecure;
    uint32_t attempts;        /* [4] ordinary operations */
    uint64_t attempt_ms;      /* [5000] */
    uint64_t pause_ms;        /* [100] */
    uint64_t discover_ms;     /* [15000] discovery with all its retries (FB-24.4) */
    uint64_t discover_age_ms; /* [1200000] a cached answer is asked again after this */
    uint32_t dials_max;       /* [3] failed dials until discovery is asked again (FB-24.2) */
};

struct eca_ecs;
/* opts and its texts are copied; creds is borrowed for the client's life. */
int eca_ecs_new(struct eca_sched *sched, struct eca_http http, struct eca_entropy entropy,
                struct eca_aws_creds *creds, struct eca_log *log, const struct eca_ecs_opts *opts,
                struct eca_ecs **ret_ecs, struct eca_err *err);
const struct eca_tally *eca_ecs_tally(const struct eca_ecs *ecs); /* INTRO-122 */
void eca_ecs_free(struct eca_ecs *ecs); /* requests under way end without a callback */

/*
 * failure NULL: success, `text` is what the operation is for (container instance ARN, cluster name,
 * endpoint URL; "" for submissions), borrowed. Runs once, later, from the loop.
 */
typedef void eca_ecs_fn(void *arg, const char *text, const struct eca_aws_failure *failure);
struct eca_ecs_request;
void eca_ecs_cancel(struct eca_ecs_request *request); /* NULL ok; no callback any more */

struct eca_ecs_attribute {
    const char *name;
    const char *value; /* NULL = none */
};

/* Members of RegisterContainerInstance (API-601). */
struct eca_ecs_register {
    const struct eca_ecs_attribute *attributes;
    size_t attribute_count;
    const char *cluster;
    const char *instance_arn;  /* NULL or "": a new registration */
    struct eca_view document;  /* raw, may be empty */
    struct eca_view signature; /* raw, may be empty */
    const char *client_token;  /* NULL or "": none (API-614) */
    int64_t cpu_units;
    int64_t memory_mib;
    const uint16_t *ports;
    size_t port_count;
    const uint16_t *ports_udp;
    size_t port_udp_count;
};
void eca_ecs_register(struct eca_ecs *ecs, const struct eca_ecs_register *what, eca_ecs_fn *on_done,
                      void *arg, struct eca_ecs_request **ret_request);
void eca_ecs_register_body(const struct eca_ecs_register *what, struct eca_buf *body); /* pure */

void eca_ecs_create_cluster(struct eca_ecs *ecs, const char *name, eca_ecs_fn *on_done, void *arg,
                            struct eca_ecs_request **ret_request);

/*
 * Where ACS or telemetry live (API-801..804, FB-24). One request serves all who ask meanwhile; a
 * cached answer serves for discover_age_ms; when asking fails, the last known endpoint is given. A
 * missing or empty member is a failure of that caller, and is asked again the next time.
 */
enum eca_ecs_backend { ECA_ECS_ACS, ECA_ECS_TELEMETRY, ECA_ECS_BACKENDS };
void eca_ecs_discover(struct eca_ecs *ecs, enum eca_ecs_backend backend, const char *cluster,
                      const char *instance_arn, eca_ecs_fn *on_done, void *arg,
                      struct eca_ecs_request **ret_request);
/* Every dial of a discovered endpoint is reported: after dials_max failures in a row the next
 * question goes to the API again. */
void eca_ecs_report_dial(struct eca_ecs *ecs, enum eca_ecs_backend backend, bool ok);

#define ECA_CONTAINER_REASON_BYTES_MAX 255 /* API-901, FB-18.1 */
#define ECA_TASK_REASON_BYTES_MAX 1024     /* API-902, FB-18.1 */

struct eca_ecs_container_change {
    const char *cluster;
    const char *task_arn;
    const char *container_name;
    const char *status; /* "RUNNING", "STOPPED"; others are not sent (API-903) */
    bool has_exit_code;
    int64_t exit_code;
    const char *reason; /* NULL or "": left out */
    const struct eca_port_binding *bindings;
    size_t binding_count;
};
struct eca_ecs_task_change {
    const char *cluster;
    const char *task_arn;
    const char *status; /* "RUNNING", "STOPPED"; "NONE" is an error, others are not sent */
    const char *reason;
};
/* One attempt each; the report queue is the only retry layer (API-502). */
void eca_ecs_submit_container(struct eca_ecs *ecs, const struct eca_ecs_container_change *change,
                              eca_ecs_fn *on_done, void *arg, struct eca_ecs_request **ret_request);
void eca_ecs_submit_task(struct eca_ecs *ecs, const struct eca_ecs_task_change *change,
                         eca_ecs_fn *on_done, void *arg, struct eca_ecs_request **ret_request);
void eca_ecs_container_body(const struct eca_ecs_container_change *change, struct eca_buf *body);
void eca_ecs_task_body(const struct eca_ecs_task_change *change, struct eca_buf *body);

#endif
