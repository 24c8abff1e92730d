#include "agent/docker/docker.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/docker/docker_internal.h"

#define MINUTE_MS UINT64_C(60000)
#define ANSWER_BYTES_MAX ((size_t)16 << 20) /* a list of thousands of containers */
static const char module[] = "docker";

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
    return value > 0 ? value : fallback;
}

static void fill_timing(struct eca_docker_timing *t)
{
    t->pull_ms = or_default(t->pull_ms, 120 * MINUTE_MS);
    t->pull_begin_ms = or_default(t->pull_begin_ms, 5 * MINUTE_MS);
    t->pull_idle_ms = or_default(t->pull_idle_ms, MINUTE_MS);
    t->create_ms = or_default(t->create_ms, 3 * MINUTE_MS);
    t->start_ms = or_default(t->start_ms, 90 * 1000);
    t->stop_extra_ms = or_default(t->stop_extra_ms, 30 * 1000);
    t->inspect_ms = or_default(t->inspect_ms, 30 * 1000);
    t->list_ms = or_default(t->list_ms, 10 * MINUTE_MS);
    t->remove_ms = or_default(t->remove_ms, 5 * MINUTE_MS);
    t->image_remove_ms = or_default(t->image_remove_ms, 3 * MINUTE_MS);
    t->image_inspect_ms = or_default(t->image_inspect_ms, 30 * 1000);
    t->import_ms = or_default(t->import_ms, 3 * MINUTE_MS);
    t->probe_ms = or_default(t->probe_ms, 10 * 1000);
    t->stats_idle_ms = or_default(t->stats_idle_ms, 10 * 1000);
    t->events_min_ms = or_default(t->events_min_ms, 200);
    t->events_max_ms = or_default(t->events_max_ms, 10000);
}

int eca_docker_new(const struct eca_docker_opts *opts, struct eca_docker **ret_docker,
                   struct eca_err *err)
{
    struct eca_docker *docker = eca_xalloc(sizeof(*docker));

    docker->opts = *opts;
    fill_timing(&docker->opts.timing);
    eca_list_init(&docker->ops);
    eca_list_init(&docker->waiting);
    docker->server_version = eca_xstrdup("");
    if (eca_docker_endpoint_parse(opts->endpoint, opts->tls, &docker->endpoint, err) < 0) {
        eca_docker_free(docker);
        return ECA_E_INVALID;
    }
    if (opts->tls && opts->cert_dir != NULL) {
        docker->cert_file = eca_xasprintf("%s/cert.pem", opts->cert_dir);
        docker->key_file = eca_xasprintf("%s/key.pem", opts->cert_dir);
        docker->ca_file = eca_xasprintf("%s/ca.pem", opts->cert_dir);
    }
    (void)snprintf(docker->default_version, sizeof(docker->default_version), "%s",
                   DOCKER_VERSION_LOWEST);
    *ret_docker = docker;
    return ECA_OK;
}

void eca_docker_free(struct eca_docker *docker)
{
    if (docker == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &docker->waiting)
    {
        eca_list_remove(&docker->waiting, node); /* so that freeing one does not start another */
    }
    ECA_LIST_FOREACH(node, &docker->ops)
    {
        docker_op_free(eca_list_entry(node, struct eca_op, node));
    }
    docker_events_free(docker->events);
    eca_docker_endpoint_clear(&docker->endpoint);
    eca_free(docker->cert_file);
    eca_free(docker->key_file);
    eca_free(docker->ca_file);
    eca_free(docker->server_version);
    eca_tally_clear(&docker->tally);
    eca_free(docker);
}

const char *eca_docker_version(const struct eca_docker *docker)
{
    return docker->server_version;
}

const struct eca_tally *eca_docker_tally(const struct eca_docker *docker)
{
    return &docker->tally;
}

uint64_t eca_docker_bad_answers(const struct eca_docker *docker)
{
    return docker->bad_answers;
}

/* ---- requests ------------------------------------------------------------------------------- */

void docker_http_opts(struct eca_docker *docker, const struct request *request,
                      struct request_storage *storage, struct eca_http_opts *opts)
{
    static const char *const no_headers[] = {NULL};
    const char *version = request->version != NULL ? request->version : docker->default_version;
    size_t count = 0;

    eca_buf_reset(&storage->url);
    eca_buf_add_str(&storage->url, docker->endpoint.base_url);
    if (version[0] != '\0') {
        eca_buf_addf(&storage->url, "/v%s", version);
    }
    eca_buf_add_str(&storage->url, request->path);
    if (request->content_type != NULL) {
        storage->headers[count++] = (struct eca_http_header){"Content-Type", request->content_type};
    }
    if (request->extra_name != NULL) {
        storage->headers[count++] =
            (struct eca_http_header){request->extra_name, request->extra_value};
    }
    *opts = (struct eca_http_opts){
        .method = request->method,
        .url = eca_buf_str(&storage->url),
        .unix_socket = docker->endpoint.unix_socket,
        .headers = storage->headers,
        .header_count = count,
        .body = request->body,
        .total_ms = request->limit_ms,
        .body_bytes_max = request->body_bytes_max > 0 ? request->body_bytes_max : ANSWER_BYTES_MAX,
        .proxy = ECA_HTTP_PROXY_NEVER,
        .tls_cert_file = docker->cert_file,
        .tls_key_file = docker->key_file,
        .tls_ca_file = docker->ca_file,
        .party = "docker",
        .answer_headers = no_headers,
    };
}

/* "." and ".." would name something else than they say: URLs are tidied on their way. */
bool docker_ref_is_usable(const char *ref)
{
    for (const char *at = ref; at != NULL; at = strchr(at, '/')) {
        size_t len;

        at += at != ref; /* behind the slash */
        len = strcspn(at, "/");
        if (len <= 2 && strncmp(at, "..", len) == 0) { /* "", ".", ".." */
            return false;
        }
    }
    return true;
}

char *docker_path(const char *front, const char *ref, const char *back)
{
    struct eca_buf path = {0};

    eca_buf_add_str(&path, front);
    for (const char *at = ref; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;

        if (c <= ' ' || c >= 127 || strchr("\"#%<>?[\\]^`{|}", c) != NULL) {
            eca_buf_addf(&path, "%%%02X", c);
        } else {
            eca_buf_add_char(&path, *at);
        }
    }
    eca_buf_add_str(&path, back);
    return eca_buf_take(&path);
}

void docker_storage_clear(struct request_storage *storage)
{
    eca_buf_clear(&storage->url);
}

enum eca_outcome docker_outcome(const struct eca_http_end *end, int status)
{
    switch (end->err.code) {
    case ECA_OK:
        break;
    case ECA_E_TIMEOUT:
        return end->sent ? ECA_OUTCOME_TIMEOUT : ECA_OUTCOME_UNREACHABLE;
    case ECA_E_AMBIGUOUS:
        return ECA_OUTCOME_AMBIGUOUS;
    case ECA_E_INVALID:
    case ECA_E_LIMIT:
        return ECA_OUTCOME_BAD_ANSWER;
    default:
        return ECA_OUTCOME_UNREACHABLE;
    }
    if (status >= 200 && status < 400) {
        return status == 304 ? ECA_OUTCOME_ALREADY : ECA_OUTCOME_DONE;
    }
    if (status == 404) {
        return ECA_OUTCOME_NOT_FOUND;
    }
    if (status == 409) {
        return ECA_OUTCOME_CONFLICT;
    }
    return status >= 500 ? ECA_OUTCOME_FAILED : ECA_OUTCOME_REFUSED;
}

void docker_error_text(const struct eca_http_end *end, int status, struct eca_view body,
                       struct eca_buf *text)
{
    if (end->err.code == ECA_OK) {
        eca_buf_addf(text, "API error (%d): ", status);
        eca_buf_add_view(text, body); /* verbatim, the newline at its end as well (DKR-115) */
    } else if (docker_outcome(end, status) == ECA_OUTCOME_UNREACHABLE && !end->sent) {
        eca_buf_add_str(text, "cannot connect to Docker endpoint"); /* DKR-116 */
    } else {
        eca_buf_add_str(text, end->err.msg);
    }
}

void docker_not_understood(struct eca_docker *docker, const char *call, const struct eca_err *err,
                           struct eca_buf *text)
{
    eca_buf_addf(text, "answer to %s: %s", call, err->msg);
    docker->bad_answers++;
    ECA_WARN(docker->opts.log, module, ECA_NO_KV, "Docker was not understood: %s",
             eca_buf_str(text));
}

enum eca_outcome docker_answered(struct eca_op *op, const struct eca_http_answer *answer,
                                 struct eca_buf *text)
{
    enum eca_outcome outcome = docker_outcome(&answer->end, answer->status);

    op->fetch = NULL;
    if (outcome == ECA_OUTCOME_BAD_ANSWER) {
        docker_not_understood(op->docker, op->call, &answer->end.err, text);
    } else if (outcome != ECA_OUTCOME_DONE) {
        docker_error_text(&answer->end, answer->status, answer->body, text);
    }
    return outcome;
}

void docker_timeout_error(const char *word, uint64_t limit_ms, struct eca_named_error *error)
{
    eca_auto_buf struct eca_buf limit = {0};

    eca_format_duration((int64_t)limit_ms * ECA_NS_PER_MS, &limit);
    eca_named_error_set(error, "DockerTimeoutError",
                        "Could not transition to %s; timed out after waiting %s", word,
                        eca_buf_str(&limit));
}

/* ---- operations ----------------------------------------------------------------------------- */

/* The limit is the daemon's, so it runs from here on: what waits in our own queue is not late. */
static void begin_op(struct eca_op *op)
{
    op->begun_ns = eca_sched_now_ns(op->docker->opts.sched);
    if (op->limit_ms > 0) {
        eca_timer_start_ms(&op->deadline, op->limit_ms);
    }
    op->begin(op);
}

static void begin_next(struct eca_docker *docker)
{
    while (docker->calls < ECA_DOCKER_CALLS_MAX) {
        struct eca_list_node *node = eca_list_pop_front(&docker->waiting);
        struct eca_op *op;

        if (node == NULL) {
            return;
        }
        op = eca_list_entry(node, struct eca_op, wait_node);
        docker->calls++;
        op->counted = true;
        begin_op(op);
    }
}

static void end_early(void *arg)
{
    struct eca_op *op = arg;
    struct eca_runtime_result result = op->early;

    docker_op_end(op, &result);
}

/* Our deadline closes the exchange; its own error never wins (DKR-305). */
static void on_deadline(void *arg)
{
    struct eca_op *op = arg;
    struct eca_runtime_result result = {.outcome = ECA_OUTCOME_TIMEOUT};

    if (op->on_deadline != NULL) {
        op->on_deadline(op);
        return;
    }
    docker_timeout_error(op->limit_word, op->limit_ms, &result.error);
    docker_op_end(op, &result);
}

struct eca_op *docker_op_new(struct eca_docker *docker, const char *call, uint64_t limit_ms,
                             const char *limit_word)
{
    struct eca_op *op = eca_xalloc(sizeof(*op));

    op->docker = docker;
    op->call = op->operation = call;
    op->limit_ms = limit_ms;
    op->limit_word = limit_word;
    eca_timer_init(&op->deadline, docker->opts.sched, on_deadline, op);
    eca_deferred_init(&op->later, docker->opts.sched, end_early, op);
    eca_list_push_back(&docker->ops, &op->node);
    return op;
}

void docker_op_start(struct eca_op *op, eca_work_fn *begin, bool counted, bool urgent)
{
    struct eca_docker *docker = op->docker;

    op->begin = begin;
    if (!counted) {
        begin_op(op);
        return;
    }
    if (docker->calls < ECA_DOCKER_CALLS_MAX) {
        docker->calls++;
        op->counted = true;
        begin_op(op);
    } else if (urgent) {
        eca_list_push_front(&docker->waiting, &op->wait_node);
    } else {
        eca_list_push_back(&docker->waiting, &op->wait_node);
    }
}

void docker_op_free(struct eca_op *op)
{
    struct eca_docker *docker = op->docker;
    bool was_counted = op->counted;

    eca_timer_stop(&op->deadline);
    eca_deferred_cancel(&op->later);
    eca_http_fetch_cancel(op->fetch);
    if (op->stream != NULL) {
        eca_http_cancel(docker->opts.http, op->stream);
    }
    eca_list_remove(&docker->waiting, &op->wait_node);
    eca_list_remove(&docker->ops, &op->node);
    if (op->free_state != NULL) {
        op->free_state(op->state);
    }
    eca_free(op);
    if (was_counted) {
        docker->calls--;
        begin_next(docker);
    }
}

void docker_op_end(struct eca_op *op, const struct eca_runtime_result *result)
{
    /* The handle is gone for the owner from here on; what the result points at lives in op. */
    eca_timer_stop(&op->deadline);
    if (op->begun_ns > 0 && op->limit_ms > 0) { /* a stream has no duration */
        eca_tally_add(&op->docker->tally, op->operation, eca_outcome_name(result->outcome),
                      (eca_sched_now_ns(op->docker->opts.sched) - op->begun_ns) / ECA_NS_PER_MS);
    }
    op->on_done(op->arg, result);
    docker_op_free(op);
}

void docker_op_refuse(struct eca_op *op, const struct eca_named_error *error)
{
    op->early = (struct eca_runtime_result){.outcome = ECA_OUTCOME_REFUSED, .error = *error};
    eca_deferred_queue(&op->later);
}

static void on_op_answer(void *arg, const struct eca_http_answer *answer)
{
    struct eca_op *op = arg;

    if (op->again != NULL && answer->end.err.code == ECA_OK &&
        docker_version_refused(op, answer->status, answer->body)) {
        op->fetch = NULL;
        op->again(op);
        return;
    }
    op->on_answer(op, answer);
}

void docker_op_send(struct eca_op *op, const struct request *request, eca_http_answer_fn *on_answer)
{
    struct request_storage storage = {0};
    struct eca_http_opts opts;
    struct eca_err err = {0};

    op->on_answer = on_answer;
    op->again = request->again;
    docker_note_version(op, request);
    docker_http_opts(op->docker, request, &storage, &opts);
    if (eca_http_fetch_start(op->docker->opts.http, &opts, on_op_answer, op, &op->fetch, &err) <
        0) {
        op->early = (struct eca_runtime_result){.outcome = ECA_OUTCOME_UNREACHABLE};
        eca_named_error_set(&op->early.error, "", "%s", err.msg);
        eca_deferred_queue(&op->later);
    }
    docker_storage_clear(&storage);
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
        .version = docker_call_version,
        .ping = docker_call_ping,
        .pull = docker_pull,
        .import_empty = docker_import,
        .image_inspect = docker_call_image_inspect,
        .image_remove = docker_call_image_remove,
        .create = docker_call_create,
        .start = docker_call_start,
        .stop = docker_call_stop,
        .kill = docker_call_kill,
        .remove = docker_call_remove,
        .inspect = docker_call_inspect,
        .list = docker_call_list,
        .events = docker_events,
        .stats = docker_stats,
        .cancel = docker_cancel,
    };

    return (struct eca_runtime){&ops, docker};
}
