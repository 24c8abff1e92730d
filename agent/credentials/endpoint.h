#ifndef ECA_CREDENTIALS_ENDPOINT_H
#define ECA_CREDENTIALS_ENDPOINT_H

#include "agent/base/log.h"
#include "agent/ports/endpoint.h"

/*
 * The local server that containers ask for their task's credentials (CREDEP-101..108): request in,
 * response out. Every request to a credentials path is audited, also a failed one (AUD-101..104).
 */
#define ECA_CREDENTIALS_PORT 51679

/* Views into the store, borrowed for the call. */
struct eca_task_credentials_view {
    const char *role_arn, *task_arn;
    struct eca_view access_key_id, secret_access_key, session_token;
    const char *expiration;
};
enum eca_credentials_found {
    ECA_CREDENTIALS_FOUND,
    ECA_CREDENTIALS_PENDING, /* id of a restored task, values not delivered yet (CREDEP-105) */
    ECA_CREDENTIALS_UNKNOWN,
};
struct eca_credentials_source {
    enum eca_credentials_found (*find)(void *impl, struct eca_view id,
                                       struct eca_task_credentials_view *ret_credentials);
    void *impl;
};

struct eca_credentials_endpoint {
    struct eca_credentials_source source;
    /* One finished audit line without newline; NULL = audit switched off. */
    void (*audit)(void *arg, const char *line);
    void *audit_arg;
    int64_t (*wall_ms)(void *arg);
    void *wall_arg;
    const char *cluster, *instance_arn;
};

/* An eca_endpoint_fn; arg is a struct eca_credentials_endpoint. */
void eca_credentials_handle(void *arg, const struct eca_endpoint_request *request,
                            struct eca_endpoint_response *response);

#endif
