#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/docker/create_body.h"
#include "agent/docker/docker_internal.h"
#include "agent/docker/inspect.h"

#define HOST_MEMORY_FROM 1018 /* API 1.18 (DKR-525) */
#define NO_BODY_FROM 1024     /* API 1.24: start without a body (DKR-601) */

/* What a call that ends with an inspect keeps meanwhile. */
struct call {
    enum call_kind { CALL_CREATE, CALL_START, CALL_STOP, CALL_INSPECT } kind;
    char *ref;     /* container id or name */
    char *path;    /* of the first request */
    char *version; /* NULL: default */
    char *body;
    uint64_t inspect_ms;
    struct eca_runtime_result result;
    struct eca_docker_inspection inspection;
};

static void call_free(void *state)
{
    struct call *call = state;

    eca_free(call->ref);
    eca_free(call->path);
    eca_free(call->version);
    eca_free(call->body);
    eca_docker_inspection_clear(&call->inspection);
    eca_free(call);
}

static const char *error_name(enum call_kind kind)
{
    switch (kind) {
    case CALL_CREATE:
        return "CannotCreateContainerError";
    case CALL_START:
        return "CannotStartContainerError";
    case CALL_STOP:
        return "CannotStopContainerError";
    case CALL_INSPECT:
        return "CannotInspectContainerError";
    }
    return "";
}

/* The sentence of DKR-401 for an outcome that is not DONE. */
static void set_error(struct call *call, const struct eca_http_answer *answer,
                      enum eca_outcome outcome, struct eca_named_error *error)
{
    eca_auto_buf struct eca_buf text = {0};
    const char *name = error_name(call->kind);

    if (outcome == ECA_OUTCOME_NOT_FOUND && call->kind == CALL_CREATE) {
        eca_named_error_set(error, name, "no such image");
    } else if (outcome == ECA_OUTCOME_CONFLICT && call->kind == CALL_CREATE) {
        eca_named_error_set(error, name, "container already exists");
    } else if (outcome == ECA_OUTCOME_ALREADY && call->kind == CALL_START) {
        eca_named_error_set(error, name, "Container already running: %s", call->ref);
    } else if (outcome == ECA_OUTCOME_ALREADY && call->kind == CALL_STOP) {
        eca_named_error_set(error, name, "Container not running: %s", call->ref);
    } else if (outcome == ECA_OUTCOME_NOT_FOUND && call->kind != CALL_START) {
        eca_named_error_set(error, name, "No such container: %s", call->ref);
    } else {
        docker_error_text(&answer->end, answer->status, answer->body, &text);
        eca_named_error_set(error, name, "%s", eca_buf_str(&text));
    }
}

static void on_inspect_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct call *call = op->state;
    struct eca_named_error error = {0};
    struct eca_err err = {0};
    enum eca_outcome outcome = docker_outcome(&answer->end, answer->status);
    bool alone = call->kind == CALL_INSPECT;

    op->fetch = NULL;
    if (outcome == ECA_OUTCOME_DONE &&
        eca_docker_inspect_parse(answer->body, &call->inspection, &err) < 0) {
        outcome = ECA_OUTCOME_BAD_ANSWER;
        eca_named_error_set(&error, "CannotInspectContainerError", "%s", err.msg);
    } else if (outcome == ECA_OUTCOME_TIMEOUT) {
        docker_timeout_error("inspecting", call->inspect_ms, &error);
        error.name = "CannotInspectContainerError";
    } else if (outcome != ECA_OUTCOME_DONE) {
        struct call as_inspect = {.kind = CALL_INSPECT, .ref = call->ref};

        set_error(&as_inspect, answer, outcome, &error);
    }
    if (outcome == ECA_OUTCOME_DONE) {
        call->result.info = &call->inspection.info;
        if (call->result.outcome == ECA_OUTCOME_DONE) {
            eca_docker_state_error(&call->inspection.info, &call->result.error);
        }
    } else if (alone || call->result.outcome == ECA_OUTCOME_DONE) {
        call->result.error = error;
    }
    if (alone) {
        call->result.outcome = outcome;
    }
    docker_op_end(op, &call->result);
}

static void send_inspect(struct eca_op *op)
{
    struct call *call = op->state;
    eca_auto_free char *path = eca_xasprintf("/containers/%s/json", call->ref);
    struct request request = {
        .method = "GET", .version = call->version, .path = path, .limit_ms = call->inspect_ms};

    docker_op_send(op, &request, on_inspect_answer);
}

static int parse_created(struct call *call, struct eca_view body)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *id = NULL;

    if (eca_json_parse(body, &doc, NULL) < 0 ||
        eca_json_read_str(eca_json_root(doc), "", "Id", &id, NULL) < 0 || id == NULL ||
        id[0] == '\0') {
        return ECA_E_INVALID;
    }
    eca_free(call->ref);
    call->ref = eca_xstrdup(id);
    call->result.id = call->ref;
    return ECA_OK;
}

static void on_call_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct call *call = op->state;
    enum eca_outcome outcome = docker_outcome(&answer->end, answer->status);

    op->fetch = NULL;
    if (outcome == ECA_OUTCOME_DONE && call->kind == CALL_CREATE &&
        parse_created(call, answer->body) < 0) {
        outcome = ECA_OUTCOME_BAD_ANSWER;
        eca_named_error_set(&call->result.error, error_name(call->kind),
                            "the answer names no container");
    } else if (outcome == ECA_OUTCOME_TIMEOUT) {
        docker_timeout_error(op->limit_word, op->limit_ms, &call->result.error);
    } else if (outcome != ECA_OUTCOME_DONE) {
        set_error(call, answer, outcome, &call->result.error);
    }
    call->result.outcome = outcome;
    /* Nothing to look at after a failed create; nobody to ask when Docker is away. */
    if ((call->kind == CALL_CREATE && outcome != ECA_OUTCOME_DONE) ||
        outcome == ECA_OUTCOME_UNREACHABLE || outcome == ECA_OUTCOME_NOT_FOUND) {
        docker_op_end(op, &call->result);
        return;
    }
    send_inspect(op);
}

/* The whole limit passed: which half it hit decides what is known (DKR-304). */
static void on_call_deadline(struct eca_op *op)
{
    struct call *call = op->state;

    if (call->result.outcome == ECA_OUTCOME_DONE && call->result.id != NULL) {
        docker_timeout_error("inspecting", op->limit_ms, &call->result.error);
    } else {
        call->result.outcome = ECA_OUTCOME_TIMEOUT;
        docker_timeout_error(op->limit_word, op->limit_ms, &call->result.error);
    }
    docker_op_end(op, &call->result);
}

static void begin_call(void *arg)
{
    struct eca_op *op = arg;
    struct call *call = op->state;
    struct request request = {.method = "POST",
                              .version = call->version,
                              .path = call->path,
                              .body = eca_view_str(call->body == NULL ? "" : call->body),
                              .content_type =
                                  call->body == NULL ? "plain/text" : "application/json",
                              .limit_ms = op->limit_ms};

    call->result.outcome = ECA_OUTCOME_TIMEOUT; /* until something better is known */
    if (call->kind == CALL_INSPECT) {
        send_inspect(op);
        return;
    }
    docker_op_send(op, &request, on_call_answer);
}

static struct eca_op *call_new(struct eca_docker *docker, enum call_kind kind, const char *ref,
                               uint64_t limit_ms, const char *word, eca_runtime_fn *on_done,
                               void *arg)
{
    struct eca_op *op = docker_op_new(docker, limit_ms, word);
    struct call *call = eca_xalloc(sizeof(*call));

    call->kind = kind;
    call->ref = eca_xstrdup(ref);
    call->inspect_ms = docker->opts.timing.inspect_ms;
    op->state = call;
    op->free_state = call_free;
    op->on_deadline = on_call_deadline;
    op->on_done = on_done;
    op->arg = arg;
    return op;
}

/* The version that a task asks for; DKR-126. */
static int set_version(struct eca_docker *docker, struct call *call, const char *wanted,
                       struct eca_named_error *error)
{
    const char *version = docker_version_for(docker, wanted);

    if (version == NULL) {
        eca_named_error_set(error, "CannotGetDockerclientError",
                            "(v%s) - the daemon does not offer this version", wanted);
        return ECA_E_INVALID;
    }
    call->version = eca_xstrdup(version);
    return ECA_OK;
}

/* End an operation that never sent anything, later. */
static void end_later(struct eca_op *op, const struct eca_named_error *error)
{
    op->early = (struct eca_runtime_result){.outcome = ECA_OUTCOME_REFUSED, .error = *error};
    eca_deferred_queue(&op->later);
}

static int docker_create(void *impl, const struct eca_container_spec *spec, eca_runtime_fn *on_done,
                         void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_op *op = call_new(docker, CALL_CREATE, spec->docker_name,
                                 docker->opts.timing.create_ms, "created", on_done, arg);
    struct call *call = op->state;
    struct eca_buf body = {0};
    struct eca_named_error error = {0};

    (void)err;
    *ret_op = op;
    if (set_version(docker, call, spec->api_version, &error) < 0 ||
        eca_docker_create_body(spec, docker_version_number(call->version) >= HOST_MEMORY_FROM,
                               &body, &error) < 0) {
        eca_buf_clear(&body);
        end_later(op, &error);
        return ECA_OK;
    }
    call->path = eca_xasprintf("/containers/create?name=%s", spec->docker_name);
    call->body = eca_buf_take(&body);
    docker_op_start(op, begin_call, true, false);
    return ECA_OK;
}

static int docker_start(void *impl, const char *id, const char *api_version,
                        eca_runtime_fn *on_done, void *arg, struct eca_op **ret_op,
                        struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_op *op =
        call_new(docker, CALL_START, id, docker->opts.timing.start_ms, "started", on_done, arg);
    struct call *call = op->state;
    struct eca_named_error error = {0};

    (void)err;
    *ret_op = op;
    if (set_version(docker, call, api_version, &error) < 0) {
        end_later(op, &error);
        return ECA_OK;
    }
    call->path = eca_xasprintf("/containers/%s/start", id);
    if (docker->server_api[0] != '\0' && docker_version_number(docker->server_api) < NO_BODY_FROM) {
        call->body = eca_xstrdup("null");
    }
    docker_op_start(op, begin_call, true, false);
    return ECA_OK;
}

static int docker_stop(void *impl, const char *id, uint64_t timeout_s, eca_runtime_fn *on_done,
                       void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    uint64_t limit_ms = timeout_s * 1000 + docker->opts.timing.stop_extra_ms;
    struct eca_op *op = call_new(docker, CALL_STOP, id, limit_ms, "stopped", on_done, arg);
    struct call *call = op->state;

    (void)err;
    *ret_op = op;
    call->path = eca_xasprintf("/containers/%s/stop?t=%llu", id, (unsigned long long)timeout_s);
    docker_op_start(op, begin_call, false, true); /* hung stops must not take the others' places */
    return ECA_OK;
}

static int docker_kill(void *impl, const char *id, eca_runtime_fn *on_done, void *arg,
                       struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_op *op =
        call_new(docker, CALL_STOP, id, docker->opts.timing.stop_extra_ms, "stopped", on_done, arg);
    struct call *call = op->state;

    (void)err;
    *ret_op = op;
    call->path = eca_xasprintf("/containers/%s/kill", id);
    docker_op_start(op, begin_call, false, true);
    return ECA_OK;
}

static int docker_inspect(void *impl, const char *id_or_name, eca_runtime_fn *on_done, void *arg,
                          struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;

    (void)err;
    *ret_op = call_new(docker, CALL_INSPECT, id_or_name, docker->opts.timing.inspect_ms,
                       "inspecting", on_done, arg);
    docker_op_start(*ret_op, begin_call, true, false);
    return ECA_OK;
}

/* ---- calls of one request ------------------------------------------------------------------- */

struct simple {
    const char *method;
    char *path;
    const char *version; /* "" or NULL: as struct request */
    const char *error_name;
    char *ref;
    char *image_id;
    bool is_image;
};

static void simple_free(void *state)
{
    struct simple *simple = state;

    eca_free(simple->path);
    eca_free(simple->ref);
    eca_free(simple->image_id);
    eca_free(simple);
}

static void parse_image(struct simple *simple, struct eca_view body,
                        struct eca_runtime_result *result)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json id, size;

    if (eca_json_parse(body, &doc, NULL) < 0) {
        result->outcome = ECA_OUTCOME_BAD_ANSWER;
        return;
    }
    id = eca_json_get_nocase(eca_json_root(doc), "Id");
    size = eca_json_get_nocase(eca_json_root(doc), "Size");
    if (eca_json_type(id) != ECA_JSON_STRING) {
        result->outcome = ECA_OUTCOME_BAD_ANSWER;
        return;
    }
    simple->image_id = eca_xstrdup(eca_json_str(id));
    result->image_id = simple->image_id;
    if (eca_json_type(size) == ECA_JSON_NUMBER) {
        (void)eca_json_u64(size, &result->image_bytes, NULL);
    }
}

static void on_simple_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct simple *simple = op->state;
    struct eca_runtime_result result = {.outcome = docker_outcome(&answer->end, answer->status)};
    eca_auto_buf struct eca_buf text = {0};

    op->fetch = NULL;
    if (result.outcome == ECA_OUTCOME_DONE && simple->is_image) {
        parse_image(simple, answer->body, &result);
    } else if (result.outcome == ECA_OUTCOME_NOT_FOUND) {
        eca_named_error_set(&result.error, simple->error_name,
                            simple->ref[0] != '\0' ? "No such container: %s" : "no such image%s",
                            simple->ref);
    } else if (result.outcome != ECA_OUTCOME_DONE) {
        docker_error_text(&answer->end, answer->status, answer->body, &text);
        eca_named_error_set(&result.error, simple->error_name, "%s", eca_buf_str(&text));
    }
    docker_op_end(op, &result);
}

static void begin_simple(void *arg)
{
    struct eca_op *op = arg;
    struct simple *simple = op->state;
    struct request request = {.method = simple->method,
                              .version = simple->version,
                              .path = simple->path,
                              .limit_ms = op->limit_ms};

    docker_op_send(op, &request, on_simple_answer);
}

static struct simple *simple_new(struct eca_docker *docker, const char *method, char *path,
                                 const char *error_name, uint64_t limit_ms, const char *word,
                                 eca_runtime_fn *on_done, void *arg, struct eca_op **ret_op)
{
    struct eca_op *op = docker_op_new(docker, limit_ms, word);
    struct simple *simple = eca_xalloc(sizeof(*simple));

    simple->method = method;
    simple->path = path;
    simple->error_name = error_name;
    simple->ref = eca_xstrdup("");
    op->state = simple;
    op->free_state = simple_free;
    op->on_done = on_done;
    op->arg = arg;
    *ret_op = op;
    return simple;
}

static int docker_remove(void *impl, const char *name_or_id, eca_runtime_fn *on_done, void *arg,
                         struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct simple *simple =
        simple_new(docker, "DELETE", eca_xasprintf("/containers/%s?v=1", name_or_id),
                   "CannotRemoveContainerError", docker->opts.timing.remove_ms, "removing", on_done,
                   arg, ret_op);

    (void)err;
    eca_free(simple->ref);
    simple->ref = eca_xstrdup(name_or_id);
    docker_op_start(*ret_op, begin_simple, true, false);
    return ECA_OK;
}

static int docker_image_inspect(void *impl, const char *name, eca_runtime_fn *on_done, void *arg,
                                struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct simple *simple =
        simple_new(docker, "GET", eca_xasprintf("/images/%s/json", name), "", /* IMG-103: unnamed */
                   docker->opts.timing.image_inspect_ms, "inspecting image", on_done, arg, ret_op);

    (void)err;
    simple->is_image = true;
    docker_op_start(*ret_op, begin_simple, true, false);
    return ECA_OK;
}

static int docker_image_remove(void *impl, const char *name_or_id, eca_runtime_fn *on_done,
                               void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;

    (void)err;
    (void)simple_new(docker, "DELETE", eca_xasprintf("/images/%s", name_or_id), "",
                     docker->opts.timing.image_remove_ms, "removing image", on_done, arg, ret_op);
    docker_op_start(*ret_op, begin_simple, true, false);
    return ECA_OK;
}

static int docker_ping(void *impl, uint64_t limit_ms, eca_runtime_fn *on_done, void *arg,
                       struct eca_op **ret_op, struct eca_err *err)
{
    struct simple *simple = simple_new(impl, "GET", eca_xstrdup("/_ping"), "", limit_ms, "pinged",
                                       on_done, arg, ret_op);

    (void)err;
    (void)simple;
    docker_op_start(*ret_op, begin_simple, false, false);
    return ECA_OK;
}

/* ---- version and list ----------------------------------------------------------------------- */

struct typed_call {
    eca_runtime_version_fn *on_version;
    eca_runtime_list_fn *on_list;
    void *arg;
    bool all;
};

static void version_ended(struct eca_op *op, enum eca_outcome outcome, const struct eca_err *err,
                          const struct eca_runtime_version *version)
{
    struct typed_call *call = op->state;

    eca_timer_stop(&op->deadline);
    call->on_version(call->arg, outcome, err, version);
    docker_op_free(op);
}

static void on_version_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct eca_docker *docker = op->docker;
    enum eca_outcome outcome = docker_outcome(&answer->end, answer->status);
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *version = NULL, *api = NULL;
    struct eca_runtime_version result;
    struct eca_err err = answer->end.err;

    op->fetch = NULL;
    if (outcome == ECA_OUTCOME_DONE &&
        (eca_json_parse(answer->body, &doc, &err) < 0 ||
         eca_json_read_str(eca_json_root(doc), "", "Version", &version, &err) < 0 ||
         eca_json_read_str(eca_json_root(doc), "", "ApiVersion", &api, &err) < 0)) {
        outcome = ECA_OUTCOME_BAD_ANSWER;
    }
    if (outcome != ECA_OUTCOME_DONE) {
        if (err.code == ECA_OK) {
            (void)eca_err_set(&err, ECA_E_TRANSIENT, "status %d", answer->status);
        }
        version_ended(op, outcome, &err, NULL);
        return;
    }
    eca_free(docker->server_version);
    docker->server_version = eca_xstrdup(version == NULL ? "" : version);
    result = (struct eca_runtime_version){docker->server_version, api == NULL ? "" : api};
    version_ended(op, outcome, NULL, &result);
}

static void on_typed_deadline(struct eca_op *op)
{
    struct typed_call *call = op->state;
    struct eca_err err;

    (void)eca_err_set(&err, ECA_E_TIMEOUT, "no answer within %llu ms",
                      (unsigned long long)op->limit_ms);
    if (call->on_version != NULL) {
        call->on_version(call->arg, ECA_OUTCOME_TIMEOUT, &err, NULL);
    } else {
        call->on_list(call->arg, ECA_OUTCOME_TIMEOUT, &err, NULL, 0);
    }
    docker_op_free(op);
}

static void begin_version(void *arg)
{
    struct eca_op *op = arg;
    struct request request = {.method = "GET", .path = "/version", .limit_ms = op->limit_ms};

    docker_op_send(op, &request, on_version_answer);
}

/* A request that the port refused comes back through the generic end: hand it on in its own form.
 */
static void typed_refused(void *arg, const struct eca_runtime_result *result)
{
    struct typed_call *call = arg;
    struct eca_err err;

    (void)eca_err_set(&err, ECA_E_TRANSIENT, "%s", result->error.text);
    if (call->on_version != NULL) {
        call->on_version(call->arg, result->outcome, &err, NULL);
    } else {
        call->on_list(call->arg, result->outcome, &err, NULL, 0);
    }
}

static struct eca_op *typed_new(struct eca_docker *docker, uint64_t limit_ms, const char *word,
                                void *arg)
{
    struct eca_op *op = docker_op_new(docker, limit_ms, word);
    struct typed_call *call = eca_xalloc(sizeof(*call));

    call->arg = arg;
    op->state = call;
    op->free_state = eca_free;
    op->on_deadline = on_typed_deadline;
    op->on_done = typed_refused;
    op->arg = call;
    return op;
}

static int docker_version(void *impl, uint64_t limit_ms, eca_runtime_version_fn *on_done, void *arg,
                          struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;

    (void)err;
    *ret_op =
        typed_new(docker, limit_ms > 0 ? limit_ms : docker->opts.timing.probe_ms, "asked", arg);
    ((struct typed_call *)(*ret_op)->state)->on_version = on_done;
    docker_op_start(*ret_op, begin_version, false, false);
    return ECA_OK;
}

static const char *member_text(eca_json object, const char *key)
{
    eca_json value = eca_json_get_nocase(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

static bool parse_entry(eca_json item, bool all, struct eca_list_entry_info *entry)
{
    eca_json labels = eca_json_get_nocase(item, "Labels");
    eca_json names = eca_json_get_nocase(item, "Names");
    const char *state = member_text(item, "State"), *status = member_text(item, "Status");

    *entry = (struct eca_list_entry_info){.id = member_text(item, "Id"), .name = ""};
    if (entry->id == NULL || entry->id[0] == '\0') {
        return false;
    }
    if (eca_json_type(names) == ECA_JSON_ARRAY &&
        eca_json_type(eca_json_first(names)) == ECA_JSON_STRING) {
        entry->name = eca_json_str(eca_json_first(names));
        entry->name += entry->name[0] == '/';
    }
    entry->running = !all || (state != NULL && strcmp(state, "running") == 0) ||
                     (state == NULL && status != NULL && strncmp(status, "Up", 2) == 0);
    entry->label_task_arn = member_text(labels, "com.amazonaws.ecs.task-arn");
    entry->label_container_name = member_text(labels, "com.amazonaws.ecs.container-name");
    entry->label_cluster = member_text(labels, "com.amazonaws.ecs.cluster");
    return true;
}

static void on_list_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct typed_call *call = op->state;
    enum eca_outcome outcome = docker_outcome(&answer->end, answer->status);
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_free struct eca_list_entry_info *entries = NULL;
    struct eca_err err = answer->end.err;
    size_t count = 0;

    op->fetch = NULL;
    if (outcome == ECA_OUTCOME_DONE && (eca_json_parse(answer->body, &doc, &err) < 0 ||
                                        eca_json_type(eca_json_root(doc)) != ECA_JSON_ARRAY)) {
        outcome = ECA_OUTCOME_BAD_ANSWER;
    }
    if (outcome == ECA_OUTCOME_DONE) {
        entries = eca_xalloc((eca_json_count(eca_json_root(doc)) + 1) * sizeof(*entries));
        for (eca_json item = eca_json_first(eca_json_root(doc)); item != NULL;
             item = eca_json_next(item)) {
            count += parse_entry(item, call->all, &entries[count]);
        }
    } else if (err.code == ECA_OK) {
        (void)eca_err_set(&err, ECA_E_TRANSIENT, "status %d", answer->status);
    }
    eca_timer_stop(&op->deadline);
    call->on_list(call->arg, outcome, outcome == ECA_OUTCOME_DONE ? NULL : &err, entries, count);
    docker_op_free(op);
}

static void begin_list(void *arg)
{
    struct eca_op *op = arg;
    struct typed_call *call = op->state;
    struct request request = {.method = "GET",
                              .path = call->all ? "/containers/json?all=1" : "/containers/json",
                              .limit_ms = op->limit_ms};

    docker_op_send(op, &request, on_list_answer);
}

static int docker_list(void *impl, bool all, eca_runtime_list_fn *on_done, void *arg,
                       struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct typed_call *call;

    (void)err;
    *ret_op = typed_new(docker, docker->opts.timing.list_ms, "listing", arg);
    call = (*ret_op)->state;
    call->on_list = on_done;
    call->all = all;
    docker_op_start(*ret_op, begin_list, true, false);
    return ECA_OK;
}

static void docker_cancel(void *impl, struct eca_op *op)
{
    (void)impl;
    docker_op_free(op);
}

struct eca_runtime eca_docker_runtime(struct eca_docker *docker)
{
    static const struct eca_runtime_ops ops = {
        .probe = docker_probe,
        .version = docker_version,
        .ping = docker_ping,
        .pull = docker_pull,
        .import_empty = docker_import,
        .image_inspect = docker_image_inspect,
        .image_remove = docker_image_remove,
        .create = docker_create,
        .start = docker_start,
        .stop = docker_stop,
        .kill = docker_kill,
        .remove = docker_remove,
        .inspect = docker_inspect,
        .list = docker_list,
        .events = docker_events,
        .stats = docker_stats,
        .cancel = docker_cancel,
    };

    return (struct eca_runtime){&ops, docker};
}
