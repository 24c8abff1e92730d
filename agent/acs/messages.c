#include "agent/acs/messages.h"

#include "agent/base/mem.h"

static const struct eca_frame_type types[ECA_ACS_TYPES] = {
    [ECA_ACS_PAYLOAD] = {"PayloadMessage", false},
    [ECA_ACS_ROLE_CREDENTIALS] = {"IAMRoleCredentialsMessage", false},
    [ECA_ACS_HEARTBEAT] = {"HeartbeatMessage", false},
    [ECA_ACS_STAGE_UPDATE] = {"StageUpdateMessage", false},
    [ECA_ACS_PERFORM_UPDATE] = {"PerformUpdateMessage", false},
    [ECA_ACS_CLOSE] = {"CloseMessage", true},
    [ECA_ACS_ERROR] = {"ErrorMessage", true},
    [ECA_ACS_SERVER_EXCEPTION] = {"ServerException", true},
    [ECA_ACS_BAD_REQUEST_EXCEPTION] = {"BadRequestException", true},
    [ECA_ACS_INVALID_CLUSTER_EXCEPTION] = {"InvalidClusterException", true},
    [ECA_ACS_INVALID_INSTANCE_EXCEPTION] = {"InvalidInstanceException", true},
    [ECA_ACS_ACCESS_DENIED_EXCEPTION] = {"AccessDeniedException", true},
    [ECA_ACS_INACTIVE_INSTANCE_EXCEPTION] = {"InactiveInstanceException", true},
};

int eca_acs_decode(struct eca_view text, struct eca_frame *ret_frame, struct eca_err *err)
{
    return eca_frame_decode(text, types, ECA_ACS_TYPES, ret_frame, err);
}

const char *eca_acs_type_name(size_t type)
{
    return type < ECA_ACS_TYPES ? types[type].name : "unknown";
}

struct text_member {
    const char *key;
    const char **ret_text;
};

static int read_texts(eca_json object, const char *path, const struct text_member *members,
                      size_t count, struct eca_err *err)
{
    for (size_t i = 0; i < count; i++) {
        int rc = eca_json_read_str(object, path, members[i].key, members[i].ret_text, err);

        if (rc < 0) {
            return rc;
        }
    }
    return ECA_OK;
}

int eca_acs_read_role_credentials(eca_json object, const char *path,
                                  struct eca_acs_role_credentials *ret, struct eca_err *err)
{
    struct eca_acs_role_credentials found = {0};
    const struct text_member members[] = {
        {"credentialsId", &found.credentials_id}, {"roleArn", &found.role_arn},
        {"accessKeyId", &found.access_key_id},    {"secretAccessKey", &found.secret_access_key},
        {"sessionToken", &found.session_token},   {"expiration", &found.expiration},
    };
    int rc = read_texts(object, path, members, ECA_ARRAY_LEN(members), err);

    if (rc == ECA_OK) {
        *ret = found;
    }
    return rc;
}

int eca_acs_read_refresh(eca_json body, struct eca_acs_refresh *ret, struct eca_err *err)
{
    struct eca_acs_refresh found = {0};
    const struct text_member members[] = {
        {"messageId", &found.message_id},
        {"taskArn", &found.task_arn},
        {"roleType", &found.role_type},
    };
    eca_json credentials = NULL;
    int rc = read_texts(body, "message", members, ECA_ARRAY_LEN(members), err);

    if (rc == ECA_OK) {
        rc = eca_json_read_object(body, "message", "roleCredentials", &credentials, err);
    }
    if (rc == ECA_OK && credentials != NULL) {
        found.has_credentials = true;
        rc = eca_acs_read_role_credentials(credentials, "message.roleCredentials",
                                           &found.credentials, err);
    }
    if (rc == ECA_OK) {
        *ret = found;
    }
    return rc;
}

int eca_acs_read_update(eca_json body, struct eca_acs_update *ret, struct eca_err *err)
{
    struct eca_acs_update found = {0};
    const struct text_member members[] = {
        {"messageId", &found.message_id},
        {"clusterArn", &found.cluster_arn},
        {"containerInstanceArn", &found.container_instance_arn},
    };
    const struct text_member info_members[] = {
        {"location", &found.location},
        {"signature", &found.signature},
    };
    eca_json info = NULL;
    int rc = read_texts(body, "message", members, ECA_ARRAY_LEN(members), err);

    if (rc == ECA_OK) {
        rc = eca_json_read_object(body, "message", "updateInfo", &info, err);
    }
    if (rc == ECA_OK && info != NULL) {
        found.has_info = true;
        rc = read_texts(info, "message.updateInfo", info_members, ECA_ARRAY_LEN(info_members), err);
    }
    if (rc == ECA_OK) {
        *ret = found;
    }
    return rc;
}

static void write_text(struct eca_json_writer *w, const char *key, const char *text)
{
    if (text != NULL) {
        eca_jw_str(w, key, text);
    }
}

void eca_acs_write_ack(struct eca_buf *out, const char *cluster, const char *container_instance,
                       const char *message_id)
{
    struct eca_json_writer w = eca_frame_begin(out, "AckRequest");

    write_text(&w, "cluster", cluster);
    write_text(&w, "containerInstance", container_instance);
    write_text(&w, "messageId", message_id);
    eca_frame_end(&w);
}

void eca_acs_write_nack(struct eca_buf *out, const char *cluster, const char *container_instance,
                        const char *message_id, const char *reason)
{
    struct eca_json_writer w = eca_frame_begin(out, "NackRequest");

    write_text(&w, "cluster", cluster);
    write_text(&w, "containerInstance", container_instance);
    write_text(&w, "messageId", message_id);
    write_text(&w, "reason", reason);
    eca_frame_end(&w);
}

void eca_acs_write_credentials_ack(struct eca_buf *out, const char *message_id,
                                   const char *credentials_id, const char *expiration)
{
    struct eca_json_writer w = eca_frame_begin(out, "IAMRoleCredentialsAckRequest");

    write_text(&w, "credentialsId", credentials_id);
    write_text(&w, "expiration", expiration);
    write_text(&w, "messageId", message_id);
    eca_frame_end(&w);
}

void eca_acs_write_heartbeat_ack(struct eca_buf *out, const char *message_id)
{
    struct eca_json_writer w = eca_frame_begin(out, "HeartbeatAckRequest");

    write_text(&w, "messageId", message_id);
    eca_frame_end(&w);
}
