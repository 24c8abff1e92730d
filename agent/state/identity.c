#include "agent/state/identity.h"

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/config/startup.h"

void eca_identity_init(struct eca_identity *identity)
{
    *identity = (struct eca_identity){eca_xstrdup(""), eca_xstrdup(""), eca_xstrdup(""),
                                      eca_xstrdup(""), eca_xstrdup("")};
}

void eca_identity_clear(struct eca_identity *identity)
{
    eca_free(identity->cluster);
    eca_free(identity->instance_arn);
    eca_free(identity->instance_id);
    eca_free(identity->client_token);
    eca_free(identity->import_sha256);
    *identity = (struct eca_identity){0};
}

void eca_identity_set(char **member, const char *value)
{
    char *copy = eca_xstrdup(value == NULL ? "" : value);

    eca_free(*member);
    *member = copy;
}

int eca_identity_parse(struct eca_view record, struct eca_identity *ret, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *cluster = NULL, *arn = NULL, *id = NULL, *token = NULL, *import = NULL;
    eca_json root;

    if (eca_json_parse(record, &doc, err) < 0) {
        return eca_err_wrap(err, "identity record");
    }
    root = eca_json_root(doc);
    if (eca_json_read_str(root, "", "Cluster", &cluster, err) < 0 ||
        eca_json_read_str(root, "", "ContainerInstanceArn", &arn, err) < 0 ||
        eca_json_read_str(root, "", "EC2InstanceID", &id, err) < 0 ||
        eca_json_read_str(root, "", "ClientToken", &token, err) < 0 ||
        eca_json_read_str(root, "", "ImportSha256", &import, err) < 0) {
        return eca_err_wrap(err, "identity record");
    }
    eca_identity_set(&ret->cluster, cluster);
    eca_identity_set(&ret->instance_arn, arn);
    eca_identity_set(&ret->instance_id, id);
    eca_identity_set(&ret->client_token, token);
    eca_identity_set(&ret->import_sha256, import);
    return ECA_OK;
}

void eca_identity_write(const struct eca_identity *identity, struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "Cluster", identity->cluster);
    eca_jw_str(&w, "ContainerInstanceArn", identity->instance_arn);
    eca_jw_str(&w, "EC2InstanceID", identity->instance_id);
    eca_jw_str(&w, "ClientToken", identity->client_token);
    eca_jw_str(&w, "ImportSha256", identity->import_sha256);
    eca_jw_end_object(&w);
}

enum eca_identity_verdict eca_identity_judge(const struct eca_identity *saved,
                                             const char *current_id, const char *configured_cluster)
{
    const char *cluster = configured_cluster[0] == '\0' ? "default" : configured_cluster;

    if (!eca_instance_is_same(saved->instance_id, current_id == NULL ? "" : current_id)) {
        return ECA_IDENTITY_OTHER_INSTANCE;
    }
    if (saved->cluster[0] != '\0' && !eca_cluster_is_same(saved->cluster, cluster)) {
        return ECA_IDENTITY_OTHER_CLUSTER;
    }
    return ECA_IDENTITY_KEEP;
}
