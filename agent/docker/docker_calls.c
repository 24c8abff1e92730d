#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/docker/answer.h"
#include "agent/docker/create_body.h"
#include "agent/docker/docker_internal.h"
#include "agent/docker/inspect.h"

#define HOST_MEMORY_FROM 1018 /* API 1.18 (DKR-525) */
#define NO_BODY_FROM 1024     /* API 1.24: start without a body (DKR-601) */

/* What a call that ends with an inspect keeps meanwhile. */
struct call {
    enum call_kind { CALL_CREATE, CALL_START, CALL_STOP, CALL_KILL, CALL_INSPECT } kind;
    char *ref;    /* container id or name */
    char *path;   /* of the first request */
    char *wanted; /* version that the task asks for; NULL: default */
    char *body;
    char *body_117; /* of a create, for daemons without a memory limit of the host (DKR-525) */
    uint64_t inspect_ms;
    struct eca_runtime_result result;
    struct eca_docker_inspection inspection;
};

static void call_free(void *state)
{
    struct call *call = state;

    eca_free(call->ref);
    eca_free(call->path);
    eca_free(call->wanted);
    eca_free(call->body);
    eca_free(call->body_117);
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
    case CALL_KILL:
        return "CannotStopContainerError";
    case CALL_INSPECT:
        return "CannotInspectContainerError";
    }
    return "";
}

/* The sentence of DKR-401 for an outcome that is not DONE; `text` says what Docker said. */
static void set_error(const struct call *call, enum call_kind kind, enum eca_outcome outcome,
                      const struct eca_buf *text, struct eca_named_error *error)
{
    const char *name = error_name(kind);

    if (outcome == ECA_OUTCOME_NOT_FOUND && kind == CALL_CREATE) {
        eca_named_error_set(error, name, "no such image");
    } else if (outcome == ECA_OUTCOME_CONFLICT && kind == CALL_CREATE) {
        eca_named_error_set(error, name, "container already exists");
    } else if (outcome == ECA_OUTCOME_ALREADY && kind == CALL_START) {
        eca_named_error_set(error, name, "Container already running: %s", call->ref);
    } else if (outcome == ECA_OUTCOME_ALREADY && kind == CALL_STOP) {
        eca_named_error_set(error, name, "Container not running: %s", call->ref);
    } else if (outcome == ECA_OUTCOME_NOT_FOUND && kind != CALL_START) {
        eca_named_error_set(error, name, "No such container: %s", call->ref);
    } else {
        eca_named_error_set(error, name, "%s", eca_buf_str(text));
    }
}

/* Outcome of an inspect; DONE: the facts are in call->inspection. */
static enum eca_outcome read_inspection(struct eca_op *op, const struct eca_http_answer *answer,
                                        struct eca_named_error *error)
{
    struct call *call = op->state;
    eca_auto_buf struct eca_buf text = {0};
    struct eca_err err = {0};
    enum eca_outcome outcome;

    op->call = "inspect"; /* also behind another call, whose own request is over */
    outcome = docker_answered(op, answer, &text);
    if (outcome == ECA_OUTCOME_DONE &&
        eca_docker_inspect_parse(answer->body, &call->inspection, &err) < 0) {
        docker_not_understood(op->docker, op->call, &err, &text);
        outcome = ECA_OUTCOME_BAD_ANSWER;
    }
    if (outcome == ECA_OUTCOME_TIMEOUT) {
        docker_timeout_error("inspecting", call->inspect_ms, error);
        error->name = error_name(CALL_INSPECT);
    } else if (outcome != ECA_OUTCOME_DONE) {
        set_error(call, CALL_INSPECT, outcome, &text, error);
    }
    return outcome;
}

static void on_inspect_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct call *call = op->state;
    struct eca_named_error error = {0};
    enum eca_outcome outcome = read_inspection(op, answer, &error);
    bool alone = call->kind == CALL_INSPECT;

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

/* The version that the task asks for, of the daemon as it is now; NULL: not to be had (DKR-126). */
static const char *version_of(const struct eca_op *op, struct eca_named_error *error)
{
    const struct call *call = op->state;
    const char *version = docker_version_for(op->docker, call->wanted);

    if (version == NULL) {
        eca_named_error_set(error, "CannotGetDockerclientError",
                            "(v%s) - the daemon does not offer this version", call->wanted);
    }
    return version;
}

static void send_inspect(void *arg)
{
    struct eca_op *op = arg;
    struct call *call = op->state;
    eca_auto_free char *path = docker_path("/containers/", call->ref, "/json");
    struct request request = {
        .method = "GET", .path = path, .limit_ms = call->inspect_ms, .again = send_inspect};

    /* A version that has gone meanwhile must not hide what the call before did. */
    request.version = docker_version_for(op->docker, call->wanted);
    docker_op_send(op, &request, on_inspect_answer);
}

static int parse_created(struct call *call, struct eca_view body, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *id = NULL;

    if (docker_parse(body, ECA_JSON_OBJECT, &doc, err) < 0 ||
        docker_read_str(eca_json_root(doc), "", "Id", &id, err) < 0) {
        return ECA_E_INVALID;
    }
    if (id == NULL || id[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "no Id");
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
    eca_auto_buf struct eca_buf text = {0};
    struct eca_err err = {0};
    enum eca_outcome outcome = docker_answered(op, answer, &text);

    if (outcome == ECA_OUTCOME_DONE && call->kind == CALL_CREATE &&
        parse_created(call, answer->body, &err) < 0) {
        docker_not_understood(op->docker, op->call, &err, &text);
        outcome = ECA_OUTCOME_BAD_ANSWER;
    }
    if (outcome == ECA_OUTCOME_TIMEOUT) {
        docker_timeout_error(op->limit_word, op->limit_ms, &call->result.error);
    } else if (outcome != ECA_OUTCOME_DONE) {
        set_error(call, call->kind, outcome, &text, &call->result.error);
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
        call->result.error.name = error_name(CALL_INSPECT);
    } else {
        call->result.outcome = ECA_OUTCOME_TIMEOUT;
        docker_timeout_error(op->limit_word, op->limit_ms, &call->result.error);
        if (call->kind == CALL_INSPECT) {
            call->result.error.name = error_name(CALL_INSPECT);
        }
    }
    docker_op_end(op, &call->result);
}

static void begin_call(void *arg)
{
    struct eca_op *op = arg;
    struct call *call = op->state;
    struct eca_named_error error = {0};
    const char *version = version_of(op, &error);
    bool old = version != NULL && docker_version_number(version) < HOST_MEMORY_FROM;
    const char *body = old && call->body_117 != NULL ? call->body_117 : call->body;
    struct request request = {.method = "POST",
                              .version = version,
                              .path = call->path,
                              .body = eca_view_str(body == NULL ? "" : body),
                              .content_type = body == NULL ? "plain/text" : "application/json",
                              .limit_ms = op->limit_ms,
                              .again = begin_call};

    call->result.outcome = ECA_OUTCOME_TIMEOUT; /* until something better is known */
    if (version == NULL) {
        docker_op_refuse(op, &error);
        return;
    }
    if (call->kind == CALL_INSPECT) {
        send_inspect(op);
        return;
    }
    docker_op_send(op, &request, on_call_answer);
}

static struct eca_op *call_new(struct eca_docker *docker, enum call_kind kind, const char *ref,
                               uint64_t limit_ms, eca_runtime_fn *on_done, void *arg)
{
    static const struct {
        const char *call, *limit_word;
    } words[] = {
        [CALL_CREATE] = {"create", "created"},      [CALL_START] = {"start", "started"},
        [CALL_STOP] = {"stop", "stopped"},          [CALL_KILL] = {"kill", "stopped"},
        [CALL_INSPECT] = {"inspect", "inspecting"},
    };
    struct eca_op *op = docker_op_new(docker, words[kind].call, limit_ms, words[kind].limit_word);
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

static void set_wanted(struct call *call, const char *version)
{
    call->wanted = version == NULL ? NULL : eca_xstrdup(version);
}

/* Begin, unless the container has no usable id or name (DKR-606). */
static void call_start(struct eca_op *op, bool counted, bool urgent)
{
    const struct call *call = op->state;
    struct eca_named_error error = {0};

    if (!docker_ref_is_usable(call->ref)) {
        eca_named_error_set(&error, error_name(call->kind), "no container is called \"%s\"",
                            call->ref);
        docker_op_refuse(op, &error);
        return;
    }
    docker_op_start(op, begin_call, counted, urgent);
}

int docker_call_create(void *impl, const struct eca_container_spec *spec, eca_runtime_fn *on_done,
                       void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_op *op = call_new(docker, CALL_CREATE, spec->docker_name,
                                 docker->opts.timing.create_ms, on_done, arg);
    struct call *call = op->state;
    struct eca_buf body = {0}, body_117 = {0}, path = {0};
    struct eca_named_error error = {0};
    const char *version;

    (void)err;
    *ret_op = op;
    set_wanted(call, spec->api_version);
    version = version_of(op, &error);
    if (version == NULL || eca_docker_create_body(spec, true, &body, &error) < 0) {
        eca_buf_clear(&body);
        docker_op_refuse(op, &error);
        return ECA_OK;
    }
    call->body = eca_buf_take(&body);
    if (docker_version_number(version) < HOST_MEMORY_FROM &&
        eca_docker_create_body(spec, false, &body_117, &error) == ECA_OK) {
        call->body_117 = eca_buf_take(&body_117);
    }
    if (spec->cpu_shares < DOCKER_CPU_SHARES_MIN) {
        ECA_DEBUG(docker->opts.log, "docker", ECA_KV("container", spec->docker_name),
                  "CPU shares %llu raised to %d", (unsigned long long)spec->cpu_shares,
                  DOCKER_CPU_SHARES_MIN);
    }
    eca_buf_add_str(&path, "/containers/create?name=");
    eca_percent_encode(eca_view_str(spec->docker_name), false, &path);
    call->path = eca_buf_take(&path);
    call_start(op, true, false);
    return ECA_OK;
}

int docker_call_start(void *impl, const char *id, const char *api_version, eca_runtime_fn *on_done,
                      void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_op *op =
        call_new(docker, CALL_START, id, docker->opts.timing.start_ms, on_done, arg);
    struct call *call = op->state;
    struct eca_named_error error = {0};

    (void)err;
    *ret_op = op;
    set_wanted(call, api_version);
    if (version_of(op, &error) == NULL) {
        docker_op_refuse(op, &error);
        return ECA_OK;
    }
    call->path = docker_path("/containers/", id, "/start");
    if (docker->server_api[0] != '\0' && docker_version_number(docker->server_api) < NO_BODY_FROM) {
        call->body = eca_xstrdup("null");
    }
    call_start(op, true, false);
    return ECA_OK;
}

int docker_call_stop(void *impl, const char *id, uint64_t timeout_s, eca_runtime_fn *on_done,
                     void *arg, struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    uint64_t limit_ms = timeout_s * 1000 + docker->opts.timing.stop_extra_ms;
    struct eca_op *op = call_new(docker, CALL_STOP, id, limit_ms, on_done, arg);
    struct call *call = op->state;
    eca_auto_free char *tail = eca_xasprintf("/stop?t=%llu", (unsigned long long)timeout_s);

    (void)err;
    *ret_op = op;
    call->path = docker_path("/containers/", id, tail);
    call_start(op, false, true); /* hung stops must not take the others' places */
    return ECA_OK;
}

int docker_call_kill(void *impl, const char *id, eca_runtime_fn *on_done, void *arg,
                     struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_op *op =
        call_new(docker, CALL_KILL, id, docker->opts.timing.stop_extra_ms, on_done, arg);
    struct call *call = op->state;

    (void)err;
    *ret_op = op;
    call->path = docker_path("/containers/", id, "/kill");
    call_start(op, false, true);
    return ECA_OK;
}

int docker_call_inspect(void *impl, const char *id_or_name, eca_runtime_fn *on_done, void *arg,
                        struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;

    (void)err;
    *ret_op =
        call_new(docker, CALL_INSPECT, id_or_name, docker->opts.timing.inspect_ms, on_done, arg);
    call_start(*ret_op, true, false);
    return ECA_OK;
}
