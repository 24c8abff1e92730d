#ifndef ECA_AWS_REGISTRATION_H
#define ECA_AWS_REGISTRATION_H

#include "agent/aws/ecs_client.h"

/*
 * Registering this machine as a container instance: identity document, resources, default cluster,
 * repetition in process, exit code of a failure (API-601..622, PROC-220..222).
 */

/* Zero = the default in brackets. */
struct eca_registration_opts {
    uint64_t round_min_ms; /* [3000] API-613 */
    uint64_t round_max_ms; /* [192000] */
    uint64_t total_ms;     /* [3600000] */
};

struct eca_registration_input {
    const char *cluster;      /* "" or NULL = not configured (API-620) */
    const char *instance_arn; /* restored ARN, "" or NULL = new registration */
    const char *client_token; /* stored before the first attempt of a new registration (API-614) */
    const struct eca_ecs_attribute *attributes;
    size_t attribute_count;
    const uint16_t *ports;
    size_t port_count;
    const uint16_t *ports_udp;
    size_t port_udp_count;
    uint32_t cpu_count;
    bool memory_known;
    uint64_t memory_mib;          /* of the machine */
    uint64_t reserved_memory_mib; /* kept from tasks */
};

struct eca_registration_result {
    bool ok;
    const char *instance_arn; /* to use from now on: the restored one, or the new one */
    const char *cluster;      /* the name used (API-621) */
    int exit_code;            /* !ok: 1 or 5 (PROC-220, PROC-221) */
    const char *reason;       /* !ok: one line */
};
/* Runs once, later, from the loop. The registration is gone by then. */
typedef void eca_registration_fn(void *arg, const struct eca_registration_result *result);

struct eca_registration;
/* input is copied. Log lines of success, rounds and failures are written here. */
struct eca_registration *eca_registration_start(struct eca_sched *sched, struct eca_entropy entropy,
                                                struct eca_log *log, struct eca_ecs *ecs,
                                                struct eca_imds *imds,
                                                const struct eca_registration_input *input,
                                                const struct eca_registration_opts *opts,
                                                eca_registration_fn *on_done, void *arg);
void eca_registration_cancel(struct eca_registration *registration); /* NULL ok */

#endif
