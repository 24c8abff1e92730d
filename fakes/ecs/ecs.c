#include "fakes/ecs/ecs.h"

#include <inttypes.h>
#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/ecs/shape.h"

#define ON_ITS_WAY_NS UINT64_C(1000000000)
#define TARGET_PREFIX "AmazonEC2ContainerServiceV20141113."
#define CONTAINER_REASON_BYTES_MAX 255
#define TASK_REASON_BYTES_MAX 1024
#define JSON_TYPE "application/x-amz-json-1.1"

struct instance {
    char *arn, *cluster, *type, *token;
    bool inactive;
};

/* What was accepted for one task or one container. */
struct known {
    char status[16];
    uint64_t stopped_ns;
    uint64_t told_ns;
    bool told; /* the agent got the answer: a repetition is a fault of its own */
};

struct fake_ecs {
    struct fake_ecs_opts opts;
    char *party, *region, *account, *endpoint, *telemetry_endpoint;
    struct eca_map *clusters; /* name -> itself (owned) */
    struct instance **instances;
    size_t instance_count;
    struct eca_map *statuses; /* task or task + "\n" + container -> struct known */
    char *registration;
    struct eca_buf what; /* name of the latest request */
    struct fake_ecs_more more;
};

/* A request being answered; exactly one of ok() and refuse() ends it. */
struct fake_ecs_call {
    struct fake_ecs *ecs;
    struct fake_exchange *exchange;
    const struct fake_request *request;
    const char *operation;
    eca_json body;
};

static void answer(struct fake_ecs_call *call, int status, const char *body)
{
    eca_auto_buf struct eca_buf id = {0};

    eca_buf_addf(&id, "fake-%06" PRIu64, call->request->number);
    fake_exchange_header(call->exchange, "x-amzn-requestid", eca_buf_str(&id));
    fake_exchange_reply(call->exchange, status, JSON_TYPE, eca_view_str(body));
}

static void refuse(struct fake_ecs_call *call, int status, const char *type, const char *message)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "__type", type);
    eca_jw_str(&w, "message", message);
    eca_jw_end_object(&w);
    answer(call, status, eca_buf_str(&body));
}

static const char *member(struct fake_ecs_call *call, const char *name)
{
    eca_json value = eca_json_get(call->body, name);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

/* False (and refused) when a required text is missing. */
static bool need(struct fake_ecs_call *call, const char *name, const char **ret_text)
{
    eca_auto_buf struct eca_buf why = {0};

    *ret_text = member(call, name);
    if (*ret_text != NULL) {
        return true;
    }
    eca_buf_addf(&why, "%s: member %s is missing", call->operation, name);
    (void)fake_trace_violation(call->ecs->opts.base.trace, FAKE_LANE_ECS, "API-601", "%s",
                               eca_buf_str(&why));
    refuse(call, 400, "InvalidParameterException", eca_buf_str(&why));
    return false;
}

static const char *cluster_name(const char *name_or_arn)
{
    const char *slash = name_or_arn == NULL ? NULL : strrchr(name_or_arn, '/');

    return slash == NULL ? name_or_arn : slash + 1;
}

/* Without a name the service takes "default"; agents always name it. */
static bool need_cluster(struct fake_ecs_call *call, const char **ret_name)
{
    const char *text = member(call, "cluster");

    if (text == NULL) {
        (void)fake_trace_violation(call->ecs->opts.base.trace, FAKE_LANE_ECS, "API-601",
                                   "%s: no cluster is named", call->operation);
        text = "default";
    }
    *ret_name = cluster_name(text);
    if (eca_map_get(call->ecs->clusters, *ret_name) == NULL) {
        refuse(call, 400, "ClusterNotFoundException", "Cluster not found.");
        return false;
    }
    return true;
}

static struct instance *find_instance(const struct fake_ecs *ecs, const char *arn)
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
static struct instance *find_token(const struct fake_ecs *ecs, const char *token)
{
    for (size_t i = 0; token != NULL && i < ecs->instance_count; i++) {
        struct instance *instance = ecs->instances[i];

        if (!instance->inactive && instance->token != NULL && strcmp(instance->token, token) == 0) {
            return instance;
        }
    }
    return NULL;
}

static struct instance *add_instance(struct fake_ecs *ecs, const char *arn, const char *cluster,
                                     const char *type)
{
    struct instance *instance = eca_xalloc(sizeof(*instance));

    instance->arn = eca_xstrdup(arn);
    instance->cluster = eca_xstrdup(cluster);
    instance->type = eca_xstrdup(type);
    ecs->instances =
        eca_xrealloc_array(ecs->instances, ecs->instance_count + 1, sizeof(struct instance *));
    ecs->instances[ecs->instance_count++] = instance;
    return instance;
}

/* ---- RegisterContainerInstance, CreateCluster, DiscoverPollEndpoint -------------------------- */

static void document_type(struct fake_ecs_call *call, struct eca_buf *out)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json type;

    if (eca_json_parse(eca_view_str(member(call, "instanceIdentityDocument")), &doc, NULL) < 0) {
        return;
    }
    type = eca_json_get(eca_json_root(doc), "instanceType");
    if (eca_json_type(type) == ECA_JSON_STRING) {
        eca_buf_add_str(out, eca_json_str(type));
    }
}

static void registered(struct fake_ecs_call *call, const struct instance *instance, bool is_new)
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
    answer(call, 200, eca_buf_str(&body));
}

static void register_again(struct fake_ecs_call *call, const char *arn, const char *cluster,
                           const char *type)
{
    struct instance *instance = find_instance(call->ecs, arn);

    if (instance == NULL || instance->inactive || strcmp(instance->cluster, cluster) != 0) {
        refuse(call, 400, "ClientException", "The container instance is not active or unknown.");
    } else if (instance->type[0] != '\0' && type[0] != '\0' && strcmp(instance->type, type) != 0) {
        refuse(call, 400, "InvalidParameterException",
               "Container instance type changes are not supported. Container instance was "
               "previously registered with another type.");
    } else {
        registered(call, instance, false);
    }
}

static void register_instance(struct fake_ecs_call *call)
{
    struct fake_ecs *ecs = call->ecs;
    const char *cluster, *token = member(call, "clientToken");
    const char *flaw = fake_ecs_registration_flaw(call->body);
    eca_auto_buf struct eca_buf type = {0};
    eca_auto_buf struct eca_buf arn = {0};
    struct instance *instance;

    if (flaw != NULL) {
        (void)fake_trace_violation(ecs->opts.base.trace, FAKE_LANE_ECS, "API-601", "%s", flaw);
        refuse(call, 400, "InvalidParameterException", flaw);
        return;
    }
    if (!need_cluster(call, &cluster)) {
        return;
    }
    document_type(call, &type);
    if (member(call, "containerInstanceArn") != NULL) {
        register_again(call, member(call, "containerInstanceArn"), cluster, eca_buf_str(&type));
        return;
    }
    instance = find_token(ecs, token);
    if (instance != NULL && strcmp(instance->cluster, cluster) != 0) {
        refuse(call, 400, "ClientException",
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

static void create_cluster(struct fake_ecs_call *call)
{
    struct fake_ecs *ecs = call->ecs;
    const char *name = member(call, "clusterName");
    eca_auto_buf struct eca_buf arn = {0}, body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    name = name == NULL ? "default" : name;
    if (!fake_ecs_cluster_name_fits(name)) {
        (void)fake_trace_violation(ecs->opts.base.trace, FAKE_LANE_ECS, "API-620",
                                   "no cluster can be named %s", name);
        refuse(call, 400, "InvalidParameterException", "Invalid cluster name.");
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
    answer(call, 200, eca_buf_str(&body));
}

static void discover(struct fake_ecs_call *call)
{
    struct fake_ecs *ecs = call->ecs;
    const char *cluster, *arn;
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    if (!need(call, "containerInstance", &arn) || !need_cluster(call, &cluster)) {
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
    answer(call, 200, eca_buf_str(&body));
}

/* ---- submissions ----------------------------------------------------------------------------- */

static int rank(const char *status)
{
    return strcmp(status, "STOPPED") == 0 ? 2 : strcmp(status, "RUNNING") == 0 ? 1 : 0;
}

static void accept_status(struct fake_ecs_call *call, const char *key, const char *label,
                          const char *status)
{
    struct fake_ecs *ecs = call->ecs;
    struct known *known = eca_map_get(ecs->statuses, key);

    if (known == NULL) {
        known = eca_xalloc(sizeof(*known));
        (void)eca_map_put(ecs->statuses, key, known);
    } else if (rank(status) < rank(known->status) ||
               (rank(status) == rank(known->status) && known->told)) {
        (void)fake_trace_violation(ecs->opts.base.trace, FAKE_LANE_ECS, "FB-INV.1",
                                   "%s: %s after %s", label, status, known->status);
    }
    if (rank(status) > rank(known->status)) {
        known->told = false;
        memcpy(known->status, status, strlen(status) + 1);
    }
    if (rank(status) == 2 && known->stopped_ns == 0) {
        known->stopped_ns = eca_sched_now_ns(ecs->opts.base.sched);
    }
}

static void submitted(struct fake_ecs_call *call)
{
    const struct fake_ecs_more *more = &call->ecs->more;

    if (more->on_submitted != NULL) {
        more->on_submitted(more->arg, call->body);
    }
}

static bool reason_fits(struct fake_ecs_call *call, size_t bytes_max)
{
    const char *reason = member(call, "reason");

    if (!call->ecs->opts.limit_reasons || reason == NULL || strlen(reason) <= bytes_max) {
        return true;
    }
    refuse(call, 400, "InvalidParameterException", "The reason is too long.");
    return false;
}

static bool status_is_known(struct fake_ecs_call *call, const char *status)
{
    if (rank(status) > 0) {
        return true;
    }
    (void)fake_trace_violation(call->ecs->opts.base.trace, FAKE_LANE_ECS, "API-901",
                               "%s: status %s is neither RUNNING nor STOPPED", call->operation,
                               status);
    refuse(call, 400, "InvalidParameterException", "Unknown status.");
    return false;
}

static void submit_task(struct fake_ecs_call *call)
{
    struct fake_trace *trace = call->ecs->opts.base.trace;
    const char *cluster, *task, *status, *reason = member(call, "reason");

    if (!need(call, "task", &task) || !need(call, "status", &status) ||
        !need_cluster(call, &cluster) || !status_is_known(call, status) ||
        !reason_fits(call, TASK_REASON_BYTES_MAX)) {
        return;
    }
    (void)fake_trace_addv(trace, FAKE_LANE_ECS, call->operation, "task",
                          fake_trace_name_of(trace, task), "status", status, "reason",
                          reason == NULL ? "" : reason, NULL);
    accept_status(call, task, fake_trace_name_of(trace, task), status);
    submitted(call);
    answer(call, 200, "{\"acknowledgment\":\"ACK\"}");
}

static bool read_port(eca_json value, int64_t *ret_port)
{
    return eca_json_type(value) == ECA_JSON_NUMBER && eca_json_i64(value, ret_port, NULL) == 0 &&
           *ret_port >= 0 && *ret_port <= UINT16_MAX;
}

/* The bindings as "0.0.0.0:32768->80/tcp" texts; NULL or what is wrong with them. */
static const char *print_bindings(eca_json bindings, struct eca_json_writer *w)
{
    eca_jw_array(w, "bindings");
    for (eca_json it = eca_json_first(bindings); it != NULL; it = eca_json_next(it)) {
        eca_json ip = eca_json_get(it, "bindIP"), protocol = eca_json_get(it, "protocol");
        int64_t host = -1, container = -1;
        eca_auto_buf struct eca_buf text = {0};

        if (eca_json_is_null(ip) || eca_json_is_null(protocol) ||
            !read_port(eca_json_get(it, "hostPort"), &host) ||
            !read_port(eca_json_get(it, "containerPort"), &container)) {
            return "a binding needs bindIP, containerPort, hostPort and protocol";
        }
        if (strcmp(eca_json_str(protocol), "tcp") != 0 &&
            strcmp(eca_json_str(protocol), "udp") != 0) {
            return "the protocol of a binding is tcp or udp";
        }
        eca_buf_addf(&text, "%s:%" PRId64 "->%" PRId64 "/%s", eca_json_str(ip), host, container,
                     eca_json_str(protocol));
        eca_jw_str(w, NULL, eca_buf_str(&text));
    }
    eca_jw_end_array(w);
    return NULL;
}

static void submit_container(struct fake_ecs_call *call)
{
    struct fake_trace *trace = call->ecs->opts.base.trace;
    const char *cluster, *task, *container, *status, *flaw;
    eca_json exit_code = eca_json_get(call->body, "exitCode");
    eca_json bindings = eca_json_get(call->body, "networkBindings");
    eca_auto_buf struct eca_buf fields = {0}, key = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    if (!need(call, "task", &task) || !need(call, "containerName", &container) ||
        !need(call, "status", &status) || !need_cluster(call, &cluster) ||
        !status_is_known(call, status) || !reason_fits(call, CONTAINER_REASON_BYTES_MAX)) {
        return;
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "task", fake_trace_name_of(trace, task));
    eca_jw_str(&w, "container", container);
    eca_jw_str(&w, "status", status);
    if (eca_json_type(exit_code) == ECA_JSON_NUMBER) {
        eca_jw_value(&w, "exitCode", exit_code);
    }
    eca_jw_str(&w, "reason", member(call, "reason") == NULL ? "" : member(call, "reason"));
    flaw = print_bindings(bindings, &w);
    if (flaw != NULL) {
        (void)fake_trace_violation(trace, FAKE_LANE_ECS, "API-901", "%s", flaw);
        refuse(call, 400, "InvalidParameterException", flaw);
        return;
    }
    if (eca_json_is_null(bindings)) { /* the service does not mind; agents send [] (API-901) */
        (void)fake_trace_violation(trace, FAKE_LANE_ECS, "API-901", "%s: no networkBindings",
                                   call->operation);
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(trace, FAKE_LANE_ECS, call->operation, eca_buf_str(&fields));
    eca_buf_addf(&key, "%s\n%s", task, container);
    accept_status(call, eca_buf_str(&key), container, status);
    submitted(call);
    answer(call, 200, "{\"acknowledgment\":\"ACK\"}");
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(struct fake_ecs_call *call);
} operations[] = {
    {"RegisterContainerInstance", register_instance},
    {"CreateCluster", create_cluster},
    {"DiscoverPollEndpoint", discover},
    {"SubmitTaskStateChange", submit_task},
    {"SubmitContainerStateChange", submit_container},
};

static const char *operation_of(const struct fake_request *request)
{
    const char *target = fake_request_header(request, "x-amz-target");

    return target == NULL || strncmp(target, TARGET_PREFIX, strlen(TARGET_PREFIX)) != 0
               ? NULL
               : target + strlen(TARGET_PREFIX);
}

/* "SubmitTaskStateChange:web", "SubmitContainerStateChange:web/app", otherwise the operation alone.
 */
static const char *operation_name(void *arg, const struct fake_request *request)
{
    struct fake_ecs *ecs = arg;
    const char *operation = operation_of(request);
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *task = NULL, *container = NULL;

    if (operation == NULL) {
        return NULL;
    }
    eca_buf_reset(&ecs->what);
    eca_buf_add_str(&ecs->what, operation);
    if (eca_view_starts(eca_buf_view(&ecs->what), "Submit") &&
        eca_json_parse(request->body, &doc, NULL) == ECA_OK) {
        (void)eca_json_read_str(eca_json_root(doc), "", "task", &task, NULL);
        (void)eca_json_read_str(eca_json_root(doc), "", "containerName", &container, NULL);
    }
    if (task != NULL) {
        eca_buf_addf(&ecs->what, ":%s%s%s", fake_trace_name_of(ecs->opts.base.trace, task),
                     container == NULL ? "" : "/", container == NULL ? "" : container);
    }
    return eca_buf_str(&ecs->what);
}

static void bad_request(struct fake_ecs_call *call, const char *rule, const char *type,
                        const char *why)
{
    (void)fake_trace_violation(call->ecs->opts.base.trace, FAKE_LANE_ECS, rule, "%s", why);
    refuse(call, 400, type, why);
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct fake_ecs_call call = {arg, exchange, fake_exchange_request(exchange), NULL, NULL};
    struct fake_ecs *ecs = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *type = fake_request_header(call.request, "content-type");
    eca_auto_buf struct eca_buf why = {0};
    struct fake_auth_refusal refusal;
    struct eca_err err = {0};

    call.operation = operation_of(call.request);
    if (strcmp(call.request->method, "POST") != 0) {
        bad_request(&call, "API-201", "UnknownOperationException", "only POST is known");
        return;
    }
    if (type == NULL || strcmp(type, JSON_TYPE) != 0) {
        bad_request(&call, "API-F01", "SerializationException", "Content-Type must be " JSON_TYPE);
        return;
    }
    if (ecs->opts.auth != NULL &&
        !fake_auth_check(ecs->opts.auth, call.request, "ecs", ecs->region, &refusal)) {
        if (strcmp(refusal.type, "ExpiredTokenException") != 0) {
            (void)fake_trace_violation(ecs->opts.base.trace, FAKE_LANE_ECS, "API-F01", "%s: %s",
                                       refusal.type, refusal.err.msg);
        }
        refuse(&call, 400, refusal.type, refusal.err.msg);
        return;
    }
    if (eca_json_parse(call.request->body, &doc, &err) < 0 ||
        eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
        bad_request(&call, "API-201", "SerializationException", "the body is no JSON object");
        return;
    }
    call.body = eca_json_root(doc);
    if (call.operation != NULL && !fake_ecs_shape_fits(call.operation, call.body, &why)) {
        bad_request(&call, "API-206", "SerializationException", eca_buf_str(&why));
        return;
    }
    for (size_t i = 0; call.operation != NULL && i < ECA_ARRAY_LEN(operations); i++) {
        if (strcmp(operations[i].name, call.operation) == 0) {
            operations[i].run(&call);
            return;
        }
    }
    if (call.operation != NULL && ecs->more.on_call != NULL &&
        ecs->more.on_call(ecs->more.arg, &call, call.operation, call.body)) {
        return;
    }
    bad_request(&call, "API-205", "UnknownOperationException",
                call.operation == NULL ? "no operation named" : call.operation);
}

static void copy_member(eca_json body, const char *from, const char *to, struct fake_trace *trace,
                        struct eca_json_writer *w)
{
    eca_json value = eca_json_get(body, from);

    if (eca_json_type(value) == ECA_JSON_STRING) {
        eca_jw_str(w, to, fake_trace_name_of(trace, eca_json_str(value)));
    }
}

static void mark_told(struct fake_ecs *ecs, const char *operation, struct eca_view body)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf key = {0};
    eca_json task, container;
    struct known *known;

    if (operation == NULL || strncmp(operation, "Submit", 6) != 0 ||
        eca_json_parse(body, &doc, NULL) < 0) {
        return;
    }
    task = eca_json_get(eca_json_root(doc), "task");
    container = eca_json_get(eca_json_root(doc), "containerName");
    if (eca_json_type(task) != ECA_JSON_STRING) {
        return;
    }
    eca_buf_add_str(&key, eca_json_str(task));
    if (eca_json_type(container) == ECA_JSON_STRING) {
        eca_buf_addf(&key, "\n%s", eca_json_str(container));
    }
    known = eca_map_get(ecs->statuses, eca_buf_str(&key));
    if (known != NULL) {
        known->told = true;
        known->told_ns = eca_sched_now_ns(ecs->opts.base.sched);
    }
}

/* The failures as the agent saw them, whoever made them. */
static void on_observe(void *arg, const struct fake_request *request, int status,
                       struct eca_view answer_body)
{
    struct fake_ecs *ecs = arg;
    struct fake_trace *trace = ecs->opts.base.trace;
    const char *operation = operation_of(request);
    eca_auto_json struct eca_json_doc *asked = NULL, *told = NULL;
    eca_auto_buf struct eca_buf fields = {0}, name = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    if (status >= 200 && status < 300) {
        mark_told(ecs, operation, request->body);
        return;
    }
    eca_jw_object(&w, NULL);
    eca_jw_i64(&w, "http", status);
    if (eca_json_parse(answer_body, &told, NULL) == 0) {
        copy_member(eca_json_root(told), "__type", "type", trace, &w);
        eca_json text = eca_json_get(eca_json_root(told), "message");
        if (eca_json_type(text) == ECA_JSON_STRING) {
            eca_jw_str(&w, "message", eca_json_str(text));
        }
    }
    if (eca_json_parse(request->body, &asked, NULL) == 0) {
        copy_member(eca_json_root(asked), "task", "task", trace, &w);
        copy_member(eca_json_root(asked), "containerName", "container", trace, &w);
        copy_member(eca_json_root(asked), "status", "status", trace, &w);
    }
    eca_jw_end_object(&w);
    eca_buf_addf(&name, "%s.failed", operation == NULL ? "Unknown" : operation);
    (void)fake_trace_add(trace, FAKE_LANE_ECS, eca_buf_str(&name), eca_buf_str(&fields));
}

/* ---- life ------------------------------------------------------------------------------------ */

struct fake_ecs *fake_ecs_new(const struct fake_ecs_opts *opts)
{
    struct fake_ecs *ecs = eca_xalloc(sizeof(*ecs));
    struct fake_service service = {.on_request = on_request, .arg = ecs};

    ecs->opts = *opts;
    ecs->party = eca_xstrdup(opts->party == NULL ? "ecs" : opts->party);
    ecs->region = eca_xstrdup(opts->region == NULL ? "us-west-2" : opts->region);
    ecs->account = eca_xstrdup(opts->account == NULL ? "111122223333" : opts->account);
    ecs->clusters = eca_map_new();
    ecs->statuses = eca_map_new();
    fake_ecs_set_endpoints(ecs, opts->endpoint, opts->telemetry_endpoint);
    if (!opts->no_default_cluster) {
        fake_ecs_add_cluster(ecs, "default");
    }
    service.party = ecs->party;
    fake_hub_add(opts->base.hub, &service);
    fake_hub_set_namer(opts->base.hub, ecs->party, operation_name, ecs);
    fake_hub_observe(opts->base.hub, ecs->party, on_observe, ecs);
    return ecs;
}

static void free_values(struct eca_map *map)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(map, &cursor, &key, &value)) {
        eca_free(value);
    }
    eca_map_free(map);
}

void fake_ecs_free(struct fake_ecs *ecs)
{
    if (ecs == NULL) {
        return;
    }
    fake_hub_remove(ecs->opts.base.hub, ecs->party);
    for (size_t i = 0; i < ecs->instance_count; i++) {
        eca_free(ecs->instances[i]->arn);
        eca_free(ecs->instances[i]->cluster);
        eca_free(ecs->instances[i]->type);
        eca_free(ecs->instances[i]->token);
        eca_free(ecs->instances[i]);
    }
    eca_free(ecs->instances);
    free_values(ecs->clusters);
    free_values(ecs->statuses);
    eca_free(ecs->party);
    eca_free(ecs->region);
    eca_free(ecs->account);
    eca_free(ecs->endpoint);
    eca_free(ecs->telemetry_endpoint);
    eca_buf_clear(&ecs->what);
    eca_free(ecs->registration);
    eca_free(ecs);
}

void fake_ecs_set_endpoints(struct fake_ecs *ecs, const char *endpoint,
                            const char *telemetry_endpoint)
{
    eca_free(ecs->endpoint);
    eca_free(ecs->telemetry_endpoint);
    ecs->endpoint = eca_xstrdup(endpoint);
    ecs->telemetry_endpoint = eca_xstrdup(telemetry_endpoint);
}

void fake_ecs_add_cluster(struct fake_ecs *ecs, const char *name)
{
    eca_free(eca_map_put(ecs->clusters, cluster_name(name), eca_xstrdup(name)));
}

void fake_ecs_extend(struct fake_ecs *ecs, const struct fake_ecs_more *more)
{
    ecs->more = *more;
}

void fake_ecs_answer(struct fake_ecs_call *call, const char *json)
{
    answer(call, 200, json);
}

void fake_ecs_refuse(struct fake_ecs_call *call, const char *type, const char *message)
{
    refuse(call, 400, type, message);
}

bool fake_ecs_next_cluster(const struct fake_ecs *ecs, size_t *cursor, const char **ret_name)
{
    return eca_map_next(ecs->clusters, cursor, ret_name, NULL);
}

const char *fake_ecs_instance_cluster(const struct fake_ecs *ecs, size_t index)
{
    return index < ecs->instance_count ? ecs->instances[index]->cluster : NULL;
}

void fake_ecs_add_instance(struct fake_ecs *ecs, const char *arn, const char *cluster,
                           const char *instance_type)
{
    (void)add_instance(ecs, arn, cluster, instance_type);
}

void fake_ecs_deactivate(struct fake_ecs *ecs, const char *arn)
{
    struct instance *instance = find_instance(ecs, arn);

    if (instance != NULL) {
        instance->inactive = true;
    }
}

void fake_ecs_name_task(struct fake_ecs *ecs, const char *arn, const char *name)
{
    fake_trace_name(ecs->opts.base.trace, arn, name);
}

uint32_t fake_ecs_fail(struct fake_ecs *ecs, const char *operation, const char *preset,
                       uint32_t times, bool after_effect)
{
    static const struct {
        const char *name;
        int status;
        const char *body;
    } presets[] = {
        {"throttling", 400, "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}"},
        {"expired", 400,
         "{\"__type\":\"ExpiredTokenException\",\"message\":\"The security token included in the "
         "request is expired\"}"},
        {"server", 500, "{\"__type\":\"ServerException\",\"message\":\"Service Unavailable.\"}"},
        {"client", 400, "{\"__type\":\"ClientException\",\"message\":\"Unable to do that.\"}"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(presets); i++) {
        if (strcmp(presets[i].name, preset) == 0) {
            struct fake_fault fault = {
                .kind = after_effect ? FAKE_FAULT_STATUS_AFTER : FAKE_FAULT_STATUS,
                .party = ecs->party,
                .what = operation,
                .times = times,
                .status = presets[i].status,
                .body = presets[i].body,
                .content_type = JSON_TYPE,
            };
            return fake_hub_fault(ecs->opts.base.hub, &fault);
        }
    }
    return 0;
}

void fake_ecs_agent_crashed(struct fake_ecs *ecs)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(ecs->statuses, &cursor, &key, &value)) {
        ((struct known *)value)->told = false;
    }
}

void fake_ecs_agent_ended(struct fake_ecs *ecs)
{
    uint64_t now = eca_sched_now_ns(ecs->opts.base.sched);
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(ecs->statuses, &cursor, &key, &value)) {
        struct known *known = value;

        known->told = known->told && now - known->told_ns > ON_ITS_WAY_NS;
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

const char *fake_ecs_registration(const struct fake_ecs *ecs)
{
    return ecs->registration == NULL ? "" : ecs->registration;
}

const char *fake_ecs_task_status(const struct fake_ecs *ecs, const char *task_arn)
{
    const struct known *known = eca_map_get(ecs->statuses, task_arn);

    return known == NULL ? NULL : known->status;
}

const char *fake_ecs_container_status(const struct fake_ecs *ecs, const char *task_arn,
                                      const char *container)
{
    eca_auto_buf struct eca_buf key = {0};

    eca_buf_addf(&key, "%s\n%s", task_arn, container);
    return fake_ecs_task_status(ecs, eca_buf_str(&key));
}

uint64_t fake_ecs_stopped_ns(const struct fake_ecs *ecs, const char *task_arn)
{
    const struct known *known = eca_map_get(ecs->statuses, task_arn);

    return known == NULL ? 0 : known->stopped_ns;
}
