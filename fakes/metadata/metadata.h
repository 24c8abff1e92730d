#ifndef FAKES_METADATA_METADATA_H
#define FAKES_METADATA_METADATA_H

#include "fakes/carry/auth.h"

/*
 * The EC2 metadata service (EC2-F01): identity document and its signature under any version prefix,
 * role list and role credentials, the token service of version 2.
 *
 * Trace, lane metadata:  get {path, status}  token {status}  (one per finished request)
 */
enum fake_metadata_tokens {
    FAKE_METADATA_TOKENS_ON,       /* given, and requests without one are fine */
    FAKE_METADATA_TOKENS_REQUIRED, /* 401 without a valid token */
    FAKE_METADATA_TOKENS_OFF,      /* 404: an old service */
    FAKE_METADATA_TOKENS_SILENT,   /* never answered */
};

struct fake_metadata;
struct fake_metadata_opts {
    struct fake_base base;
    const char *party;      /* NULL = "metadata" */
    struct fake_auth *auth; /* learns the role's keys; may be NULL */
    enum fake_metadata_tokens tokens;
    const char *region;        /* NULL = "us-west-2" */
    const char *instance_id;   /* NULL = "i-0fake" */
    const char *instance_type; /* NULL = "t2.micro" */
    const char *roles;         /* lines of the role list; NULL = "ecsInstanceRole" */
    uint64_t key_life_ms;      /* of role credentials; 0 = 6 h */
    bool no_role;              /* the role list is 404 */
};
struct fake_metadata *fake_metadata_new(const struct fake_metadata_opts *opts);
void fake_metadata_free(struct fake_metadata *metadata);

/* Another machine from now on (FB-15). */
void fake_metadata_set_instance(struct fake_metadata *metadata, const char *instance_id,
                                const char *instance_type);
void fake_metadata_set_tokens(struct fake_metadata *metadata, enum fake_metadata_tokens tokens);
void fake_metadata_set_key_life(struct fake_metadata *metadata, uint64_t key_life_ms);
/* Answer this resource ("/dynamic/instance-identity/document", without version prefix) with status
 * and body; body NULL = as usual again. */
void fake_metadata_set(struct fake_metadata *metadata, const char *resource, int status,
                       const char *body);
/* New keys at the next question even though the old ones live on. */
void fake_metadata_rotate(struct fake_metadata *metadata);
const char *fake_metadata_key_id(const struct fake_metadata *metadata); /* "" before the first */

#endif
