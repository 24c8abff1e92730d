#include "agent/base/mem.h"
#include "agent/docker/docker_internal.h"
#include "agent/stats/sample.h"

/* One stats stream: objects handed out as they come (DKR-1001..1003, STAT-201..203). A one-shot is
 * a stream of one object (STAT-L4). */
struct stream {
    const struct eca_stats_stream_events *events;
    void *arg;
    char *id;
    struct eca_json_splitter splitter;
    bool one_shot, answered;
    int status;
    struct eca_err err;         /* what is wrong with the body */
    struct eca_deferred enough; /* of the body: it is garbled, or a one-shot that goes on */
    struct eca_op *op;
};

static void stream_free(void *state)
{
    struct stream *stream = state;

    eca_deferred_cancel(&stream->enough);
    eca_json_splitter_clear(&stream->splitter);
    eca_free(stream->id);
    eca_free(stream);
}

static void stream_end(struct eca_op *op, enum eca_outcome outcome, const struct eca_err *err)
{
    struct stream *stream = op->state;

    stream->events->on_end(stream->arg, outcome, err);
    docker_op_free(op);
}

static int on_object(void *arg, struct eca_view json, struct eca_err *err)
{
    struct stream *stream = arg;

    (void)err;
    if (stream->one_shot && stream->answered) { /* a daemon below 1.19 knows streams only */
        eca_deferred_queue(&stream->enough);
        return ECA_OK;
    }
    stream->answered = true;
    stream->events->on_sample(stream->arg, json);
    return ECA_OK;
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct eca_op *op = arg;
    struct stream *stream = op->state;

    stream->status = head->status;
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct eca_op *op = arg;
    struct stream *stream = op->state;

    if (stream->status < 400 && stream->err.code == ECA_OK &&
        eca_json_splitter_feed(&stream->splitter, bytes, on_object, stream, &stream->err) < 0) {
        eca_deferred_queue(&stream->enough);
    }
}

static void end_garbled(struct eca_op *op, const struct eca_err *why)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_err err = {0};

    docker_not_understood(op->docker, op->call, why, &text);
    (void)eca_err_set(&err, ECA_E_INVALID, "%s", eca_buf_str(&text));
    stream_end(op, ECA_OUTCOME_BAD_ANSWER, &err);
}

static void on_enough(void *arg)
{
    struct eca_op *op = arg;
    struct stream *stream = op->state;

    if (stream->err.code == ECA_OK) {
        stream_end(op, ECA_OUTCOME_DONE, NULL);
    } else {
        end_garbled(op, &stream->err);
    }
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct eca_op *op = arg;
    struct stream *stream = op->state;
    enum eca_outcome outcome = docker_outcome(end, stream->status);
    struct eca_err err = end->err;

    op->stream = NULL;
    if (outcome == ECA_OUTCOME_BAD_ANSWER || stream->err.code != ECA_OK) {
        /* The end may come in the same read as the garbage. */
        end_garbled(op, outcome == ECA_OUTCOME_BAD_ANSWER ? &end->err : &stream->err);
        return;
    }
    if (outcome == ECA_OUTCOME_NOT_FOUND) {
        (void)eca_err_set(&err, ECA_E_NOT_FOUND, "No such container: %s", stream->id);
    } else if (err.code == ECA_OK && stream->status >= 400) {
        (void)eca_err_set(&err, ECA_E_TRANSIENT, "status %d", stream->status);
    }
    stream_end(op, outcome, &err);
}

static void refused(void *arg, const struct eca_runtime_result *result)
{
    struct stream *stream = arg;
    struct eca_err err;

    (void)eca_err_set(&err, ECA_E_TRANSIENT, "%s", result->error.text);
    stream->events->on_end(stream->arg, result->outcome, &err);
}

static void begin_stream(void *arg)
{
    static const struct eca_http_events events = {on_head, on_body, on_end};
    struct eca_op *op = arg;
    struct stream *stream = op->state;
    eca_auto_free char *path =
        docker_path("/containers/", stream->id,
                    stream->one_shot ? "/stats?stream=false" : "/stats?stream=true");
    uint64_t limit_ms = op->docker->opts.timing.stats_idle_ms;
    struct request request = {
        .method = "GET", .path = path, .limit_ms = stream->one_shot ? limit_ms : 0};
    struct request_storage storage = {0};
    struct eca_http_opts opts;
    struct eca_err err = {0};

    docker_http_opts(op->docker, &request, &storage, &opts);
    opts.idle_ms = limit_ms; /* the header included (STAT-203) */
    if (!stream->one_shot) {
        opts.body_bytes_max = 0;
    }
    if (eca_http_start(op->docker->opts.http, &opts, &events, op, &op->stream, &err) < 0) {
        op->early = (struct eca_runtime_result){.outcome = ECA_OUTCOME_UNREACHABLE};
        eca_named_error_set(&op->early.error, "", "%s", err.msg);
        eca_deferred_queue(&op->later);
    }
    docker_storage_clear(&storage);
}

int docker_stats(void *impl, const char *id, bool one_shot,
                 const struct eca_stats_stream_events *events, void *arg, struct eca_op **ret_op,
                 struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_op *op = docker_op_new(docker, "stats", 0, "measured");
    struct stream *stream = eca_xalloc(sizeof(*stream));

    (void)err;
    stream->op = op;
    stream->one_shot = one_shot;
    stream->events = events;
    stream->arg = arg;
    stream->id = eca_xstrdup(id);
    eca_json_splitter_init(&stream->splitter, ECA_STATS_OBJECT_BYTES_MAX);
    eca_deferred_init(&stream->enough, docker->opts.sched, on_enough, op);
    op->state = stream;
    op->free_state = stream_free;
    op->on_done = refused;
    op->arg = stream;
    *ret_op = op;
    docker_op_start(op, begin_stream, false, false);
    return ECA_OK;
}
