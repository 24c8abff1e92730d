#ifndef ECA_CREDENTIALS_STORE_H
#define ECA_CREDENTIALS_STORE_H

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/credentials/endpoint.h"

/*
 * Role credentials of tasks, in memory only (CRED-101..124). A task has one set of values and any
 * number of ids that lead to it: the id its containers were created with keeps resolving to the
 * newest values until the task is STOPPED (PAY-144, CRED-121).
 */
struct eca_task_credentials {
    const char *credentials_id;
    const char *role_arn; /* the rest may be NULL (CRED-120) */
    const char *access_key_id, *secret_access_key, *session_token;
    const char *expiration; /* opaque (CRED-103) */
};

#define ECA_CREDENTIALS_IDS_MAX                                                                    \
    64 /* of one task; beyond it the oldest but the first is dropped                               \
        */

struct eca_credentials_store;
struct eca_credentials_store *eca_credentials_store_new(void);
void eca_credentials_store_free(struct eca_credentials_store *store); /* NULL ok */

/* Create or replace. ECA_E_INVALID: "CredentialsId is empty", "task ARN is empty" (CRED-101). */
int eca_credentials_store_set(struct eca_credentials_store *store, const char *task_arn,
                              const struct eca_task_credentials *credentials, struct eca_err *err);
/* An id of a restored task whose values are awaited (FB-31.1). */
void eca_credentials_store_expect(struct eca_credentials_store *store, const char *task_arn,
                                  const char *credentials_id);
/* All ids of the task are gone (CRED-111). */
void eca_credentials_store_remove_task(struct eca_credentials_store *store, const char *task_arn);

enum eca_credentials_found
eca_credentials_store_find(struct eca_credentials_store *store, struct eca_view id,
                           struct eca_task_credentials_view *ret_credentials);
/* For the endpoint. */
struct eca_credentials_source eca_credentials_store_source(struct eca_credentials_store *store);
/* Restored tasks still wait for values: ask ACS to send all (FB-31.3). */
bool eca_credentials_store_is_waiting(const struct eca_credentials_store *store);
size_t eca_credentials_store_count(const struct eca_credentials_store *store); /* ids */

#endif
