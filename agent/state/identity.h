#ifndef ECA_STATE_IDENTITY_H
#define ECA_STATE_IDENTITY_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Who this agent is to the service: one record of the store (STATE-120), rules of STATE-130..134.
 */
struct eca_identity {
    char *cluster;       /* "" = none yet; texts are never NULL after init */
    char *instance_arn;  /* container instance */
    char *instance_id;   /* EC2 */
    char *client_token;  /* of a registration under way (API-614) */
    char *import_sha256; /* of the state file of v1.13.1 that was imported last (STATE-127) */
};
#define ECA_IDENTITY_KEY "identity"

void eca_identity_init(struct eca_identity *identity);
void eca_identity_clear(struct eca_identity *identity);
void eca_identity_set(char **member, const char *value); /* NULL counts as "" */
int eca_identity_parse(struct eca_view record, struct eca_identity *ret, struct eca_err *err);
void eca_identity_write(const struct eca_identity *identity, struct eca_buf *out);

enum eca_identity_verdict {
    ECA_IDENTITY_KEEP,           /* go on with everything */
    ECA_IDENTITY_OTHER_INSTANCE, /* drop all that was restored, register anew (STATE-131) */
    ECA_IDENTITY_OTHER_CLUSTER,  /* exit 5, state unchanged (STATE-133) */
};
/*
 * The machine is compared first, then the cluster (STATE-130). current_id NULL or "": metadata do
 * not answer, the saved one counts (STATE-132, FB-15). configured_cluster "" counts as "default".
 */
enum eca_identity_verdict eca_identity_judge(const struct eca_identity *saved,
                                             const char *current_id,
                                             const char *configured_cluster);

#endif
