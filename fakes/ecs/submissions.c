#include <inttypes.h>
#include <string.h>

#include "agent/base/mem.h"
#include "fakes/ecs/inside.h"

#define ON_ITS_WAY_NS UINT64_C(1000000000)
#define CONTAINER_REASON_BYTES_MAX 255
#define TASK_REASON_BYTES_MAX 1024

/* What was accepted for one task or one container. */
struct known {
    char status[16];
    uint64_t stopped_ns;
    uint64_t told_ns;
    bool told; /* the agent got the answer: a repetition is a fault of its own */
};

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
               (rank(status) == rank(known->status) && known->told && !call->request->copy)) {
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
    const char *reason = ecs_member(call, "reason");

    if (!call->ecs->opts.limit_reasons || reason == NULL || strlen(reason) <= bytes_max) {
        return true;
    }
    fake_ecs_refuse(call, "InvalidParameterException", "The reason is too long.");
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
    fake_ecs_refuse(call, "InvalidParameterException", "Unknown status.");
    return false;
}

void ecs_submit_task(struct fake_ecs_call *call)
{
    struct fake_trace *trace = call->ecs->opts.base.trace;
    const char *cluster, *task, *status, *reason = ecs_member(call, "reason");

    if (!ecs_need(call, "task", &task) || !ecs_need(call, "status", &status) ||
        !ecs_need_cluster(call, &cluster) || !status_is_known(call, status) ||
        !reason_fits(call, TASK_REASON_BYTES_MAX)) {
        return;
    }
    (void)fake_trace_addv(trace, FAKE_LANE_ECS, call->operation, "task",
                          fake_trace_name_of(trace, task), "status", status, "reason",
                          reason == NULL ? "" : reason, NULL);
    accept_status(call, task, fake_trace_name_of(trace, task), status);
    submitted(call);
    fake_ecs_answer(call, "{\"acknowledgment\":\"ACK\"}");
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

void ecs_submit_container(struct fake_ecs_call *call)
{
    struct fake_trace *trace = call->ecs->opts.base.trace;
    const char *cluster, *task, *container, *status, *flaw;
    eca_json exit_code = eca_json_get(call->body, "exitCode");
    eca_json bindings = eca_json_get(call->body, "networkBindings");
    eca_auto_buf struct eca_buf fields = {0}, key = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    if (!ecs_need(call, "task", &task) || !ecs_need(call, "containerName", &container) ||
        !ecs_need(call, "status", &status) || !ecs_need_cluster(call, &cluster) ||
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
    eca_jw_str(&w, "reason", ecs_member(call, "reason") == NULL ? "" : ecs_member(call, "reason"));
    flaw = print_bindings(bindings, &w);
    if (flaw != NULL) {
        (void)fake_trace_violation(trace, FAKE_LANE_ECS, "API-901", "%s", flaw);
        fake_ecs_refuse(call, "InvalidParameterException", flaw);
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
    fake_ecs_answer(call, "{\"acknowledgment\":\"ACK\"}");
}

void ecs_mark_told(struct fake_ecs *ecs, const char *operation, struct eca_view body)
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
