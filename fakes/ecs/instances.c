#include <string.h>

#include "agent/base/mem.h"
#include "fakes/ecs/inside.h"
#include "fakes/ecs/shape.h"

struct ecs_instance {
    char *arn, *cluster, *type, *token;
    bool inactive;
};

/* ---- clusters -------------------------------------------------------------------------------- */

static const char *cluster_name(const char *name_or_arn)
{
    const char *slash = name_or_arn == NULL ? NULL : strrchr(name_or_arn, '/');

    return slash == NULL ? name_or_arn : slash + 1;
}

/* Without a name the service takes "default"; agents always name it. */
bool ecs_need_cluster(struct fake_ecs_call *call, const char **ret_name)
{
    const char *text = ecs_member(call, "cluster");

    if (text == NULL) {
        (void)fake_trace_violation(call->ecs->opts.base.trace, FAKE_LANE_ECS, "API-601",
                                   "%s: no cluster is named", call->operation);
        text = "default";
    }
    *ret_name = cluster_name(text);
    if (eca_map_get(call->ecs->clusters, *ret_name) == NULL) {
        fake_ecs_refuse(call, "ClusterNotFoundException", "Cluster not found.");
        return false;
    }
    return true;
}

void fake_ecs_add_cluster(struct fake_ecs *ecs, const char *name)
{
    eca_free(eca_map_put(ecs->clusters, cluster_name(name), eca_xstrdup(name)));
}

bool fake_ecs_next_cluster(const struct fake_ecs *ecs, size_t *cursor, const char **ret_name)
{
    return eca_map_next(ecs->clusters, cursor, ret_name, NULL);
}

void ecs_create_cluster(struct fake_ecs_call *call)
{
    struct fake_ecs *ecs = call->ecs;
    const char *name = ecs_member(call, "clusterName");
    eca_auto_buf struct eca_buf arn = {0}, body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    name = name == NULL ? "default" : name;
    if (!fake_ecs_cluster_name_fits(name)) {
        (void)fake_trace_violation(ecs->opts.base.trace, FAKE_LANE_ECS, "API-620",
                                   "no cluster can be named %s", name);
        fake_ecs_refuse(call, "InvalidParameterException", "Invalid cluster name.");
        return;
    }
    eca_buf_addf(&arn, "arn:aws:ecs:%s:%s:cluster/%s", ecs->region, ecs->account, name);
    fake_ecs_add_cluster(ecs, name);
    (void)fake_trace_addv(ecs->opts.base.trace, FAKE_LANE_ECS, "CreateCluster", "cluster", name,
                          NULL);
    eca_jw_object(&w, NULL);
    eca_jw_object(&w, "cluster");
    eca_jw_str(&w, "clusterArn", eca_buf_str(&arn));
    eca_jw_str(&w, "clusterName", name);
    eca_jw_str(&w, "status", "ACTIVE");
    eca_jw_end_object(&w);
    eca_jw_end_object(&w);
    fake_ecs_answer(call, eca_buf_str(&body));
}

/* ---- instances ------------------------------------------------------------------------------- */

static struct ecs_instance *find_instance(const struct fake_ecs *ecs, const char *arn)
{
    for (size_t i = 0; arn != NULL && i < ecs->instance_count; i++) {
        if (strcmp(ecs->instances[i]->arn, arn) == 0) {
            return ecs->instances[i];
        }
    }
    return NULL;
}

/* A token stands for one instance as long as that is registered: an instance that was deregistered
 * is never handed out again, to be deregistered is final. */
static struct ecs_instance *find_token(const struct fake_ecs *ecs, const char *token)
{
    for (size_t i = 0; token != NULL && i < ecs->instance_count; i++) {
        struct ecs_instance *instance = ecs->instances[i];

        if (!instance->inactive && instance->token != NULL && strcmp(instance->token, token) == 0) {
            return instance;
        }
    }
    return NULL;
}

static struct ecs_instance *add_instance(struct fake_ecs *ecs, const char *arn, const char *cluster,
                                         const char *type)
{
    struct ecs_instance *instance = eca_xalloc(sizeof(*instance));

    instance->arn = eca_xstrdup(arn);
    instance->cluster = eca_xstrdup(cluster);
    instance->type = eca_xstrdup(type);
    ecs->instances =
        eca_xrealloc_array(ecs->instances, ecs->instance_count + 1, sizeof(struct ecs_instance *));
    ecs->instances[ecs->instance_count++] = instance;
    return instance;
}

static void document_type(struct fake_ecs_call *call, struct eca_buf *out)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json type;

    if (eca_json_parse(eca_view_str(ecs_member(call, "instanceIdentityDocument")), &doc, NULL) <
        0) {
        return;
    }
    type = eca_json_get(eca_json_root(doc), "instanceType");
    if (eca_json_type(type) == ECA_JSON_STRING) {
        eca_buf_add_str(out, eca_json_str(type));
    }
}

static void registered(struct fake_ecs_call *call, const struct ecs_instance *instance, bool is_new)
{
    struct fake_ecs *ecs = call->ecs;
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_free(ecs->registration);
    ecs->registration = eca_xstrndup(call->request->body.at, call->request->body.len);
    (void)fake_trace_addv(ecs->opts.base.trace, FAKE_LANE_ECS, "RegisterContainerInstance",
                          "cluster", instance->cluster, "instance",
                          fake_trace_name_of(ecs->opts.base.trace, instance->arn), "new",
                          is_new ? "true" : "false", NULL);
    eca_jw_object(&w, NULL);
    eca_jw_object(&w, "containerInstance");
    eca_jw_bool(&w, "agentConnected", false);
    eca_jw_value(&w, "attributes", eca_json_get(call->body, "attributes"));
    eca_jw_str(&w, "containerInstanceArn", instance->arn);
    eca_jw_value(&w, "registeredResources", eca_json_get(call->body, "totalResources"));
    eca_jw_str(&w, "status", "ACTIVE");
    eca_jw_end_object(&w);
    eca_jw_end_object(&w);
    fake_ecs_answer(call, eca_buf_str(&body));
}

static void register_again(struct fake_ecs_call *call, const char *arn, const char *cluster,
                           const char *type)
{
    struct ecs_instance *instance = find_instance(call->ecs, arn);

    if (instance == NULL || instance->inactive || strcmp(instance->cluster, cluster) != 0) {
        fake_ecs_refuse(call, "ClientException",
                        "The container instance is not active or unknown.");
    } else if (instance->type[0] != '\0' && type[0] != '\0' && strcmp(instance->type, type) != 0) {
        fake_ecs_refuse(call, "InvalidParameterException",
                        "Container instance type changes are not supported. Container instance was "
                        "previously registered with another type.");
    } else {
        registered(call, instance, false);
    }
}

void ecs_register_instance(struct fake_ecs_call *call)
{
    struct fake_ecs *ecs = call->ecs;
    const char *cluster, *token = ecs_member(call, "clientToken");
    const char *flaw = fake_ecs_registration_flaw(call->body);
    eca_auto_buf struct eca_buf type = {0};
    eca_auto_buf struct eca_buf arn = {0};
    struct ecs_instance *instance;

    if (flaw != NULL) {
        (void)fake_trace_violation(ecs->opts.base.trace, FAKE_LANE_ECS, "API-601", "%s", flaw);
        fake_ecs_refuse(call, "InvalidParameterException", flaw);
        return;
    }
    if (!ecs_need_cluster(call, &cluster)) {
        return;
    }
    document_type(call, &type);
    if (ecs_member(call, "containerInstanceArn") != NULL) {
        register_again(call, ecs_member(call, "containerInstanceArn"), cluster, eca_buf_str(&type));
        return;
    }
    instance = find_token(ecs, token);
    if (instance != NULL && strcmp(instance->cluster, cluster) != 0) {
        fake_ecs_refuse(call, "ClientException",
                        "The clientToken is already in use with another cluster.");
        return;
    }
    if (instance != NULL) { /* a repetition: the same instance (API-614) */
        registered(call, instance, false);
        return;
    }
    eca_buf_addf(&arn, "arn:aws:ecs:%s:%s:container-instance/ci-%zu", ecs->region, ecs->account,
                 ecs->instance_count + 1);
    instance = add_instance(ecs, eca_buf_str(&arn), cluster, eca_buf_str(&type));
    instance->token = eca_xstrdup(token);
    registered(call, instance, true);
}

void fake_ecs_add_instance(struct fake_ecs *ecs, const char *arn, const char *cluster,
                           const char *instance_type)
{
    (void)add_instance(ecs, arn, cluster, instance_type);
}

void fake_ecs_deactivate(struct fake_ecs *ecs, const char *arn)
{
    struct ecs_instance *instance = find_instance(ecs, arn);

    if (instance != NULL) {
        instance->inactive = true;
    }
}

size_t fake_ecs_instance_count(const struct fake_ecs *ecs)
{
    return ecs->instance_count;
}

const char *fake_ecs_instance_arn(const struct fake_ecs *ecs, size_t index)
{
    return index < ecs->instance_count ? ecs->instances[index]->arn : NULL;
}

const char *fake_ecs_instance_cluster(const struct fake_ecs *ecs, size_t index)
{
    return index < ecs->instance_count ? ecs->instances[index]->cluster : NULL;
}

const char *fake_ecs_registration(const struct fake_ecs *ecs)
{
    return ecs->registration == NULL ? "" : ecs->registration;
}

void ecs_instances_clear(struct fake_ecs *ecs)
{
    for (size_t i = 0; i < ecs->instance_count; i++) {
        eca_free(ecs->instances[i]->arn);
        eca_free(ecs->instances[i]->cluster);
        eca_free(ecs->instances[i]->type);
        eca_free(ecs->instances[i]->token);
        eca_free(ecs->instances[i]);
    }
    eca_free(ecs->instances);
}

/* ---- where they find the other services ------------------------------------------------------ */

void ecs_discover(struct fake_ecs_call *call)
{
    struct fake_ecs *ecs = call->ecs;
    const char *cluster, *arn;
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    if (!ecs_need(call, "containerInstance", &arn) || !ecs_need_cluster(call, &cluster)) {
        return;
    }
    (void)fake_trace_addv(ecs->opts.base.trace, FAKE_LANE_ECS, "DiscoverPollEndpoint", "cluster",
                          cluster, "instance", fake_trace_name_of(ecs->opts.base.trace, arn), NULL);
    eca_jw_object(&w, NULL);
    if (ecs->endpoint != NULL) {
        eca_jw_str(&w, "endpoint", ecs->endpoint);
    }
    if (ecs->telemetry_endpoint != NULL) {
        eca_jw_str(&w, "telemetryEndpoint", ecs->telemetry_endpoint);
    }
    eca_jw_end_object(&w);
    fake_ecs_answer(call, eca_buf_str(&body));
}

void fake_ecs_set_endpoints(struct fake_ecs *ecs, const char *endpoint,
                            const char *telemetry_endpoint)
{
    eca_free(ecs->endpoint);
    eca_free(ecs->telemetry_endpoint);
    ecs->endpoint = eca_xstrdup(endpoint);
    ecs->telemetry_endpoint = eca_xstrdup(telemetry_endpoint);
}
