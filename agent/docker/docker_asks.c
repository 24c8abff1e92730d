#include <string.h>

#include "agent/base/mem.h"
#include "agent/docker/answer.h"
#include "agent/docker/docker_internal.h"

/* Calls that are over with their answer: remove, images, ping, version, list. */

struct simple {
    const char *method;
    char *path;
    const char *error_name; /* "" = unnamed (DKR-401, IMG-103) */
    char *ref;
    char *image_id;
    bool is_image; /* the answer describes one */
    bool is_container;
};

static void simple_free(void *state)
{
    struct simple *simple = state;

    eca_free(simple->path);
    eca_free(simple->ref);
    eca_free(simple->image_id);
    eca_free(simple);
}

static int parse_image(struct simple *simple, struct eca_view body,
                       struct eca_runtime_result *result, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *id = NULL;
    int64_t bytes = 0;

    if (docker_parse(body, ECA_JSON_OBJECT, &doc, err) < 0 ||
        docker_read_str(eca_json_root(doc), "", "Id", &id, err) < 0 ||
        docker_read_i64(eca_json_root(doc), "", "Size", &bytes, err) < 0) {
        return ECA_E_INVALID;
    }
    if (id == NULL || id[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "no Id");
    }
    simple->image_id = eca_xstrdup(id);
    result->image_id = simple->image_id;
    result->image_bytes = bytes > 0 ? (uint64_t)bytes : 0;
    return ECA_OK;
}

static void on_simple_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct simple *simple = op->state;
    eca_auto_buf struct eca_buf text = {0};
    struct eca_runtime_result result = {.outcome = docker_answered(op, answer, &text)};
    struct eca_err err = {0};

    if (result.outcome == ECA_OUTCOME_DONE && simple->is_image &&
        parse_image(simple, answer->body, &result, &err) < 0) {
        docker_not_understood(op->docker, op->call, &err, &text);
        result.outcome = ECA_OUTCOME_BAD_ANSWER;
    }
    if (result.outcome == ECA_OUTCOME_NOT_FOUND) {
        eca_named_error_set(&result.error, simple->error_name,
                            simple->is_container ? "No such container: %s" : "no such image%s",
                            simple->is_container ? simple->ref : "");
    } else if (result.outcome == ECA_OUTCOME_TIMEOUT) { /* as our own clock says it (DKR-305) */
        docker_timeout_error(op->limit_word, op->limit_ms, &result.error);
    } else if (result.outcome != ECA_OUTCOME_DONE) {
        eca_named_error_set(&result.error, simple->error_name, "%s", eca_buf_str(&text));
    }
    docker_op_end(op, &result);
}

static void begin_simple(void *arg)
{
    struct eca_op *op = arg;
    struct simple *simple = op->state;
    struct request request = {
        .method = simple->method,
        .path = simple->path,
        .limit_ms = op->limit_ms,
        .again = begin_simple,
    };

    docker_op_send(op, &request, on_simple_answer);
}

/* Takes path. */
static struct simple *simple_new(struct eca_docker *docker, const char *call, const char *method,
                                 char *path, uint64_t limit_ms, const char *word,
                                 eca_runtime_fn *on_done, void *arg, struct eca_op **ret_op)
{
    struct eca_op *op = docker_op_new(docker, call, limit_ms, word);
    struct simple *simple = eca_xalloc(sizeof(*simple));

    simple->method = method;
    simple->path = path;
    simple->error_name = "";
    op->state = simple;
    op->free_state = simple_free;
    op->on_done = on_done;
    op->arg = arg;
    *ret_op = op;
    return simple;
}

/* Begin, unless there is no usable name (DKR-606, IMG-207). */
static void simple_start(struct eca_op *op, const char *ref)
{
    struct simple *simple = op->state;
    struct eca_named_error error = {0};

    simple->ref = eca_xstrdup(ref);
    if (!docker_ref_is_usable(ref)) {
        eca_named_error_set(&error, simple->error_name, "nothing is called \"%s\"", ref);
        docker_op_refuse(op, &error);
        return;
    }
    docker_op_start(op, begin_simple, true, false);
}

int docker_call_remove(void *impl, const char *name_or_id, eca_runtime_fn *on_done, void *arg,
                       struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct simple *simple =
        simple_new(docker, "remove", "DELETE", docker_path("/containers/", name_or_id, "?v=1"),
                   docker->opts.timing.remove_ms, "removing", on_done, arg, ret_op);

    (void)err;
    simple->error_name = "CannotRemoveContainerError";
    simple->is_container = true;
    simple_start(*ret_op, name_or_id);
    return ECA_OK;
}

int docker_call_image_inspect(void *impl, const char *name, eca_runtime_fn *on_done, void *arg,
                              struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct simple *simple =
        simple_new(docker, "image inspect", "GET", docker_path("/images/", name, "/json"),
                   docker->opts.timing.image_inspect_ms, "inspecting image", on_done, arg, ret_op);

    (void)err;
    simple->is_image = true;
    simple_start(*ret_op, name);
    return ECA_OK;
}

int docker_call_image_remove(void *impl, const char *name_or_id, eca_runtime_fn *on_done, void *arg,
                             struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;

    (void)err;
    (void)simple_new(docker, "image remove", "DELETE", docker_path("/images/", name_or_id, ""),
                     docker->opts.timing.image_remove_ms, "removing image", on_done, arg, ret_op);
    simple_start(*ret_op, name_or_id);
    return ECA_OK;
}

int docker_call_ping(void *impl, uint64_t limit_ms, eca_runtime_fn *on_done, void *arg,
                     struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;

    (void)err;
    (void)simple_new(docker, "ping", "GET", eca_xstrdup("/_ping"),
                     limit_ms > 0 ? limit_ms : docker->opts.timing.probe_ms, "pinged", on_done, arg,
                     ret_op);
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

static int parse_version(struct eca_view body, struct eca_json_doc **ret_doc,
                         struct eca_runtime_version *ret, struct eca_err *err)
{
    *ret = (struct eca_runtime_version){"", ""};
    if (docker_parse(body, ECA_JSON_OBJECT, ret_doc, err) < 0 ||
        docker_read_str(eca_json_root(*ret_doc), "", "Version", &ret->version, err) < 0 ||
        docker_read_str(eca_json_root(*ret_doc), "", "ApiVersion", &ret->api_version, err) < 0) {
        return ECA_E_INVALID;
    }
    return ECA_OK;
}

static void on_version_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct eca_docker *docker = op->docker;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf text = {0};
    enum eca_outcome outcome = docker_answered(op, answer, &text);
    struct eca_runtime_version result;
    struct eca_err err = {0};

    if (outcome == ECA_OUTCOME_DONE && parse_version(answer->body, &doc, &result, &err) < 0) {
        docker_not_understood(docker, op->call, &err, &text);
        outcome = ECA_OUTCOME_BAD_ANSWER;
    }
    if (outcome != ECA_OUTCOME_DONE) {
        (void)eca_err_set(&err, ECA_E_TRANSIENT, "%s", eca_buf_str(&text));
        version_ended(op, outcome, &err, NULL);
        return;
    }
    docker_set_server_version(docker, result.version);
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
    struct request request = {
        .method = "GET", .path = "/version", .limit_ms = op->limit_ms, .again = begin_version};

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

static struct eca_op *typed_new(struct eca_docker *docker, const char *call_name, uint64_t limit_ms,
                                const char *word, void *arg)
{
    struct eca_op *op = docker_op_new(docker, call_name, limit_ms, word);
    struct typed_call *call = eca_xalloc(sizeof(*call));

    call->arg = arg;
    op->state = call;
    op->free_state = eca_free;
    op->on_deadline = on_typed_deadline;
    op->on_done = typed_refused;
    op->arg = call;
    return op;
}

int docker_call_version(void *impl, uint64_t limit_ms, eca_runtime_version_fn *on_done, void *arg,
                        struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;

    (void)err;
    *ret_op = typed_new(docker, "version", limit_ms > 0 ? limit_ms : docker->opts.timing.probe_ms,
                        "asked", arg);
    ((struct typed_call *)(*ret_op)->state)->on_version = on_done;
    docker_op_start(*ret_op, begin_version, false, false);
    return ECA_OK;
}

static int parse_labels(eca_json item, struct eca_list_entry_info *entry, struct eca_err *err)
{
    static const char at[] = "Labels";
    eca_json labels = NULL;

    if (docker_read_object(item, "", at, &labels, err) < 0 ||
        docker_read_str(labels, at, "com.amazonaws.ecs.task-arn", &entry->label_task_arn, err) <
            0 ||
        docker_read_str(labels, at, "com.amazonaws.ecs.container-name",
                        &entry->label_container_name, err) < 0 ||
        docker_read_str(labels, at, "com.amazonaws.ecs.cluster", &entry->label_cluster, err) < 0) {
        return ECA_E_INVALID;
    }
    return ECA_OK;
}

/* As an inspect counts it: paused and restarting run as well (DKR-706). `state` since API 1.23. */
static bool is_running(const char *state, const char *status)
{
    if (state != NULL) {
        return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
               strcmp(state, "restarting") == 0;
    }
    return status != NULL &&
           (strncmp(status, "Up", 2) == 0 || strncmp(status, "Restarting", 10) == 0);
}

static int parse_entry(eca_json item, bool all, struct eca_list_entry_info *entry,
                       struct eca_err *err)
{
    const char *state = NULL, *status = NULL;
    eca_json names = NULL;

    *entry = (struct eca_list_entry_info){.name = ""};
    if (docker_read_str(item, "", "Id", &entry->id, err) < 0 ||
        docker_read_array(item, "", "Names", &names, err) < 0 ||
        docker_read_str(item, "", "State", &state, err) < 0 ||
        docker_read_str(item, "", "Status", &status, err) < 0 ||
        parse_labels(item, entry, err) < 0) {
        return ECA_E_INVALID;
    }
    if (entry->id == NULL || entry->id[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "no Id");
    }
    if (eca_json_type(eca_json_first(names)) == ECA_JSON_STRING) {
        entry->name = eca_json_str(eca_json_first(names));
        entry->name += entry->name[0] == '/';
    }
    entry->running = !all || is_running(state, status);
    return ECA_OK;
}

/* One element that is not understood spoils the listing: a container left out would be taken for
 * one that is gone (DKR-842). */
static int parse_list(eca_json root, bool all, struct eca_list_entry_info **ret_entries,
                      size_t *ret_count, struct eca_err *err)
{
    struct eca_list_entry_info *entries = eca_xalloc((eca_json_count(root) + 1) * sizeof(*entries));
    size_t count = 0;

    *ret_entries = entries;
    for (eca_json item = eca_json_first(root); item != NULL; item = eca_json_next(item)) {
        if (parse_entry(item, all, &entries[count], err) < 0) {
            return eca_err_wrap(err, "[%zu]", count);
        }
        count++;
    }
    *ret_count = count;
    return ECA_OK;
}

static void on_list_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;
    struct typed_call *call = op->state;
    eca_auto_buf struct eca_buf text = {0};
    enum eca_outcome outcome = docker_answered(op, answer, &text);
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_free struct eca_list_entry_info *entries = NULL;
    struct eca_err err = {0};
    size_t count = 0;

    if (outcome == ECA_OUTCOME_DONE &&
        (docker_parse(answer->body, ECA_JSON_ARRAY, &doc, &err) < 0 ||
         parse_list(eca_json_root(doc), call->all, &entries, &count, &err) < 0)) {
        docker_not_understood(op->docker, op->call, &err, &text);
        outcome = ECA_OUTCOME_BAD_ANSWER;
    }
    (void)eca_err_set(&err, ECA_E_TRANSIENT, "%s", eca_buf_str(&text));
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
                              .limit_ms = op->limit_ms,
                              .again = begin_list};

    docker_op_send(op, &request, on_list_answer);
}

int docker_call_list(void *impl, bool all, eca_runtime_list_fn *on_done, void *arg,
                     struct eca_op **ret_op, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct typed_call *call;

    (void)err;
    *ret_op = typed_new(docker, "list", docker->opts.timing.list_ms, "listing", arg);
    call = (*ret_op)->state;
    call->on_list = on_done;
    call->all = all;
    docker_op_start(*ret_op, begin_list, true, false);
    return ECA_OK;
}
