#include "fakes/ecs/ecs.h"

#include <inttypes.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/ecs/inside.h"
#include "fakes/ecs/shape.h"

#define TARGET_PREFIX "AmazonEC2ContainerServiceV20141113."
#define JSON_TYPE "application/x-amz-json-1.1"

/* ---- the ends of a call, and what its body has ----------------------------------------------- */

static void answer(struct fake_ecs_call *call, int status, const char *body)
{
    eca_auto_buf struct eca_buf id = {0};

    eca_buf_addf(&id, "fake-%06" PRIu64, call->request->number);
    fake_exchange_header(call->exchange, "x-amzn-requestid", eca_buf_str(&id));
    fake_exchange_reply(call->exchange, status, JSON_TYPE, eca_view_str(body));
}

void fake_ecs_answer(struct fake_ecs_call *call, const char *json)
{
    answer(call, 200, json);
}

void fake_ecs_refuse(struct fake_ecs_call *call, const char *type, const char *message)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "__type", type);
    eca_jw_str(&w, "message", message);
    eca_jw_end_object(&w);
    answer(call, 400, eca_buf_str(&body));
}

const char *ecs_member(struct fake_ecs_call *call, const char *name)
{
    eca_json value = eca_json_get(call->body, name);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

bool ecs_need(struct fake_ecs_call *call, const char *name, const char **ret_text)
{
    eca_auto_buf struct eca_buf why = {0};

    *ret_text = ecs_member(call, name);
    if (*ret_text != NULL) {
        return true;
    }
    eca_buf_addf(&why, "%s: member %s is missing", call->operation, name);
    (void)fake_trace_violation(call->ecs->opts.base.trace, FAKE_LANE_ECS, "API-601", "%s",
                               eca_buf_str(&why));
    fake_ecs_refuse(call, "InvalidParameterException", eca_buf_str(&why));
    return false;
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(struct fake_ecs_call *call);
} operations[] = {
    {"RegisterContainerInstance", ecs_register_instance},
    {"CreateCluster", ecs_create_cluster},
    {"DiscoverPollEndpoint", ecs_discover},
    {"SubmitTaskStateChange", ecs_submit_task},
    {"SubmitContainerStateChange", ecs_submit_container},
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
    fake_ecs_refuse(call, type, why);
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
        fake_ecs_refuse(&call, refusal.type, refusal.err.msg);
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
        ecs_mark_told(ecs, operation, request->body);
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
    ecs_instances_clear(ecs);
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

void fake_ecs_extend(struct fake_ecs *ecs, const struct fake_ecs_more *more)
{
    ecs->more = *more;
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
