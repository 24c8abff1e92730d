#ifndef ECA_ACS_MESSAGES_H
#define ECA_ACS_MESSAGES_H

#include "agent/acs/frame.h"

/* The message types of ACS (ACS-101), and what the agent reads from and writes into them. */
enum eca_acs_type {
    ECA_ACS_PAYLOAD,
    ECA_ACS_ROLE_CREDENTIALS,
    ECA_ACS_HEARTBEAT,
    ECA_ACS_STAGE_UPDATE,
    ECA_ACS_PERFORM_UPDATE,
    ECA_ACS_CLOSE,
    ECA_ACS_ERROR,
    ECA_ACS_SERVER_EXCEPTION,
    ECA_ACS_BAD_REQUEST_EXCEPTION,
    ECA_ACS_INVALID_CLUSTER_EXCEPTION,
    ECA_ACS_INVALID_INSTANCE_EXCEPTION,
    ECA_ACS_ACCESS_DENIED_EXCEPTION,
    ECA_ACS_INACTIVE_INSTANCE_EXCEPTION,
    ECA_ACS_TYPES,
};

/* frame->type is an enum eca_acs_type afterwards. */
int eca_acs_decode(struct eca_view text, struct eca_frame *ret_frame, struct eca_err *err);
const char *eca_acs_type_name(size_t type);

/* Views into the frame; NULL = absent. */
struct eca_acs_role_credentials {
    const char *credentials_id, *role_arn, *access_key_id, *secret_access_key, *session_token,
        *expiration;
};
/* The `roleCredentials` member of a task or of a refresh; path is for the sentence. */
int eca_acs_read_role_credentials(eca_json object, const char *path,
                                  struct eca_acs_role_credentials *ret, struct eca_err *err);

struct eca_acs_refresh { /* IAMRoleCredentialsMessage (CRED-120) */
    const char *message_id, *task_arn, *role_type;
    bool has_credentials;
    struct eca_acs_role_credentials credentials;
};
int eca_acs_read_refresh(eca_json body, struct eca_acs_refresh *ret, struct eca_err *err);

struct eca_acs_update { /* StageUpdateMessage, PerformUpdateMessage */
    const char *message_id, *cluster_arn, *container_instance_arn;
    bool has_info;
    const char *location, *signature;
};
int eca_acs_read_update(eca_json body, struct eca_acs_update *ret, struct eca_err *err);

/* Outgoing, exact member order of WS-160; NULL members are left out (ACS-301..303). */
void eca_acs_write_ack(struct eca_buf *out, const char *cluster, const char *container_instance,
                       const char *message_id);
void eca_acs_write_nack(struct eca_buf *out, const char *cluster, const char *container_instance,
                        const char *message_id, const char *reason);
void eca_acs_write_credentials_ack(struct eca_buf *out, const char *message_id,
                                   const char *credentials_id, const char *expiration);
void eca_acs_write_heartbeat_ack(struct eca_buf *out, const char *message_id); /* L-6 */

#endif
