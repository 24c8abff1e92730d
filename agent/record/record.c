#include "agent/record/record.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/version.h"
#include "agent/record/line.h"
#include "agent/record/mask.h"

/* Answers of Docker are streams and hold no secret; of other parties the body is written as one. */
#define PARTY_DOCKER "docker"
/* Downloads: as long as they like, and the core hands them on unread; only their length is told. */
#define PARTY_UPDATE "update"

struct eca_recorder {
    struct eca_agent_ports outer, ports;
    struct eca_record_sink sink;
    struct eca_mask *mask;
    struct eca_sched *sched; /* the core's */
    uint64_t mono_ns;
    int64_t wall_ms;
    uint64_t told_ns; /* the time of the last line that had one */
    int64_t told_ms;
    struct eca_timer due;
    struct eca_deferred more;
    bool stopped, in_line;
    struct eca_buf text; /* of the line that is written, memory kept */
    unsigned depth;      /* entries into the core that are open */
    uint64_t calls, conns, listeners, commits, files;
    struct eca_list open_calls, open_conns, open_listeners, open_files;
    struct store {
        struct eca_recorder *recorder;
        struct eca_store inner;
        uint64_t commit;
        eca_committed_fn *on_done;
        void *arg;
    } store;
};

struct eca_http_call {
    struct eca_recorder *recorder;
    struct eca_list_node node;
    uint64_t number;
    struct eca_http_call *inner;
    struct eca_http_events events;
    void *arg;
    bool is_stream;
    bool is_download;
    bool is_secret; /* its whole body */
    struct eca_buf body;
};

struct eca_files_op {
    struct eca_recorder *recorder;
    struct eca_list_node node;
    uint64_t number;
    struct eca_files_op *inner;
    eca_files_fn *on_end;
    void *arg;
};

struct eca_channel_conn {
    struct eca_recorder *recorder;
    struct eca_list_node node;
    uint64_t number;
    struct eca_channel_conn *inner;
    struct eca_channel_events events;
    void *arg;
};

struct eca_listener {
    struct eca_recorder *recorder;
    struct eca_list_node node;
    uint64_t number;
    struct eca_listener *inner;
    eca_endpoint_fn *handler;
    void *arg;
};

/* ---- lines ---------------------------------------------------------------------------------- */

struct line {
    struct eca_recorder *recorder;
    struct eca_line w;
};

static void line_open_in(struct line *line, struct eca_recorder *recorder, struct eca_buf *text,
                         const char *kind, const char *name)
{
    *line = (struct line){.recorder = recorder,
                          .w = {.out = recorder->stopped ? NULL : text, .mask = recorder->mask}};
    eca_line_open(&line->w, kind, name);
}

static void line_open(struct line *line, struct eca_recorder *recorder, const char *kind,
                      const char *name)
{
    assert(!recorder->in_line);
    recorder->in_line = true;
    line_open_in(line, recorder, &recorder->text, kind, name);
}

static void line_close(struct line *line)
{
    struct eca_recorder *recorder = line->recorder;

    eca_line_close(&line->w);
    if (line->w.out != NULL) {
        recorder->sink.line(recorder->sink.impl, eca_buf_view(line->w.out));
    }
    recorder->in_line = recorder->in_line && line->w.out != NULL && line->w.out != &recorder->text;
}

static void put_headers(struct line *line, const struct eca_http_header *headers, size_t count)
{
    eca_line_array(&line->w, "headers");
    for (size_t i = 0; i < count; i++) {
        const char *value = headers[i].value;

        if (eca_mask_is_secret_header(headers[i].name)) {
            value = ECA_MASK_HEADER;
        }
        eca_line_array(&line->w, NULL);
        eca_line_plain(&line->w, NULL, headers[i].name);
        eca_line_plain(&line->w, NULL, value);
        eca_line_end_array(&line->w);
    }
    eca_line_end_array(&line->w);
}

static void put_err(struct line *line, const char *key, const struct eca_err *err)
{
    if (err == NULL || err->code == ECA_OK) {
        return;
    }
    eca_line_object(&line->w, key);
    eca_line_i64(&line->w, "code", err->code);
    eca_line_i64(&line->w, "sys", err->sys);
    eca_line_i64(&line->w, "http", err->http_status);
    eca_line_text(&line->w, "msg", err->msg);
    eca_line_end_object(&line->w);
}

/* What a call answered at once; nothing when it went well. */
static void put_answer(struct line *line, int rc, const struct eca_err *err)
{
    struct eca_err answer = {.code = (enum eca_code)rc};

    if (rc >= 0) {
        return;
    }
    if (err != NULL && err->code == (enum eca_code)rc) {
        answer = *err;
    }
    put_err(line, "answer", &answer);
}

/* ---- entries -------------------------------------------------------------------------------- */

static uint64_t core_mono_ns(void *impl)
{
    return ((struct eca_recorder *)impl)->mono_ns;
}

static int64_t core_wall_ms(void *impl)
{
    return ((struct eca_recorder *)impl)->wall_ms;
}

static void enter(struct eca_recorder *recorder, struct line *line, const char *what)
{
    recorder->mono_ns = eca_sched_now_ns(recorder->outer.sched);
    recorder->wall_ms = eca_sched_wall_ms(recorder->outer.sched);
    eca_sched_update_now(recorder->sched);
    recorder->depth++;
    line_open(line, recorder, "in", what);
    if (recorder->mono_ns != recorder->told_ns || recorder->wall_ms != recorder->told_ms) {
        recorder->told_ns = recorder->mono_ns;
        recorder->told_ms = recorder->wall_ms;
        eca_line_u64(&line->w, "at", recorder->mono_ns);
        eca_line_i64(&line->w, "wall", recorder->wall_ms);
    }
}

/* The core may be gone from here on. */
static void leave(struct eca_recorder *recorder)
{
    uint64_t deadline;

    assert(recorder->depth > 0);
    recorder->depth--;
    if (recorder->depth > 0) {
        return;
    }
    /* One of the two at most: a run of the outer scheduler is one round of the core. */
    eca_timer_stop(&recorder->due);
    eca_deferred_cancel(&recorder->more);
    if (!eca_sched_next_deadline(recorder->sched, &deadline)) {
        return;
    }
    if (deadline <= recorder->mono_ns) {
        eca_deferred_queue(&recorder->more);
    } else {
        eca_timer_start_at(&recorder->due, deadline);
    }
}

static void run_round(void *arg)
{
    struct eca_recorder *recorder = arg;
    struct line line;

    enter(recorder, &line, "turn");
    line_close(&line);
    (void)eca_sched_run(recorder->sched);
    leave(recorder);
}

void eca_recorder_enter(struct eca_recorder *recorder, const char *what)
{
    struct line line;

    enter(recorder, &line, what);
    line_close(&line);
}

void eca_recorder_leave(struct eca_recorder *recorder)
{
    leave(recorder);
}

void eca_recorder_stop(struct eca_recorder *recorder)
{
    recorder->stopped = true;
}

void eca_recorder_exit(struct eca_recorder *recorder, int code)
{
    struct line line;

    line_open(&line, recorder, "out", "exit");
    eca_line_i64(&line.w, "code", code);
    line_close(&line);
}

/* ---- http ----------------------------------------------------------------------------------- */

static void call_free(struct eca_http_call *call)
{
    eca_list_remove(&call->recorder->open_calls, &call->node);
    eca_buf_clear(&call->body);
    eca_free(call);
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct eca_http_call *call = arg;
    struct eca_recorder *recorder = call->recorder;
    struct line line;

    enter(recorder, &line, "http.head");
    eca_line_u64(&line.w, "n", call->number);
    eca_line_i64(&line.w, "status", head->status);
    put_headers(&line, head->headers, head->header_count);
    line_close(&line);
    if (call->events.on_head != NULL) {
        call->events.on_head(call->arg, head);
    }
    leave(recorder);
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct eca_http_call *call = arg;
    struct eca_recorder *recorder = call->recorder;
    struct line line;

    if (!call->is_stream) {
        eca_buf_add(&call->body, bytes.at, bytes.len);
        return;
    }
    enter(recorder, &line, "http.body");
    eca_line_u64(&line.w, "n", call->number);
    if (call->is_download) {
        eca_line_u64(&line.w, "length", bytes.len);
    } else {
        eca_line_bytes(&line.w, "body", bytes);
    }
    line_close(&line);
    if (call->events.on_body != NULL) {
        call->events.on_body(call->arg, bytes);
    }
    leave(recorder);
}

/* The token service answers a secret and nothing else. */
static void put_body(struct line *line, const struct eca_http_call *call)
{
    if (call->body.len == 0) {
        return;
    }
    if (call->is_secret) {
        eca_line_plain(&line->w, "body",
                       eca_mask_secret(line->recorder->mask, eca_buf_view(&call->body)));
    } else {
        eca_line_bytes(&line->w, "body", eca_buf_view(&call->body));
    }
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct eca_http_call *call = arg;
    struct eca_recorder *recorder = call->recorder;
    struct eca_http_events events = call->events;
    void *core_arg = call->arg;
    struct line line;

    enter(recorder, &line, "http.end");
    eca_line_u64(&line.w, "n", call->number);
    put_body(&line, call);
    put_err(&line, "err", &end->err);
    eca_line_bool(&line.w, "sent", end->sent);
    eca_line_i64(&line.w, "status", end->status);
    eca_line_u64(&line.w, "bytes", end->body_bytes);
    line_close(&line);
    if (call->body.len > 0 && events.on_body != NULL) {
        events.on_body(core_arg, eca_buf_view(&call->body));
    }
    call_free(call);
    events.on_end(core_arg, end);
    leave(recorder);
}

static void put_http_opts(struct line *line, const struct eca_http_opts *opts)
{
    eca_line_plain(&line->w, "party", opts->party);
    eca_line_plain(&line->w, "method", opts->method);
    eca_line_text(&line->w, "url", opts->url);
    eca_line_text(&line->w, "socket", opts->unix_socket);
    put_headers(line, opts->headers, opts->header_count);
    eca_line_bytes(&line->w, "body", opts->body);
    eca_line_u64(&line->w, "connect_ms", opts->connect_ms);
    eca_line_u64(&line->w, "total_ms", opts->total_ms);
    eca_line_u64(&line->w, "idle_ms", opts->idle_ms);
}

static bool is_party(const struct eca_http_opts *opts, const char *party)
{
    return opts->party != NULL && strcmp(opts->party, party) == 0;
}

static int http_start(void *impl, const struct eca_http_opts *opts,
                      const struct eca_http_events *events, void *arg,
                      struct eca_http_call **ret_call, struct eca_err *err)
{
    static const struct eca_http_events own = {on_head, on_body, on_end};
    struct eca_recorder *recorder = impl;
    struct eca_http_call *call = eca_xalloc(sizeof(*call));
    struct eca_err failure = {0};
    struct line line;
    int rc;

    *call = (struct eca_http_call){.recorder = recorder,
                                   .number = ++recorder->calls,
                                   .events = *events,
                                   .arg = arg,
                                   .is_secret = strstr(opts->url, "/latest/api/token") != NULL,
                                   .is_stream =
                                       is_party(opts, PARTY_DOCKER) || is_party(opts, PARTY_UPDATE),
                                   .is_download = is_party(opts, PARTY_UPDATE)};
    eca_list_push_back(&recorder->open_calls, &call->node);
    rc = eca_http_start(recorder->outer.http, opts, &own, call, &call->inner, &failure);
    line_open(&line, recorder, "out", "http.start");
    eca_line_u64(&line.w, "n", call->number);
    put_http_opts(&line, opts);
    put_answer(&line, rc, &failure);
    line_close(&line);
    if (rc < 0) {
        call_free(call);
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    *ret_call = call;
    return rc;
}

static void http_cancel(void *impl, struct eca_http_call *call)
{
    struct eca_recorder *recorder = impl;
    struct line line;

    line_open(&line, recorder, "out", "http.cancel");
    eca_line_u64(&line.w, "n", call->number);
    line_close(&line);
    eca_http_cancel(recorder->outer.http, call->inner);
    call_free(call);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void file_free(struct eca_files_op *op)
{
    eca_list_remove(&op->recorder->open_files, &op->node);
    eca_free(op);
}

static void on_file_end(void *arg, const struct eca_files_end *end)
{
    struct eca_files_op *op = arg;
    struct eca_recorder *recorder = op->recorder;
    eca_files_fn *core_fn = op->on_end;
    void *core_arg = op->arg;
    struct line line;

    enter(recorder, &line, "file.end");
    eca_line_u64(&line.w, "n", op->number);
    put_err(&line, "err", &end->err);
    eca_line_u64(&line.w, "bytes", end->bytes);
    eca_line_plain(&line.w, "sha256", end->sha256);
    line_close(&line);
    file_free(op);
    core_fn(core_arg, end);
    leave(recorder);
}

static struct eca_files_op *file_begin(struct eca_recorder *recorder, eca_files_fn *core_fn,
                                       void *arg)
{
    struct eca_files_op *op = eca_xalloc(sizeof(*op));

    *op = (struct eca_files_op){
        .recorder = recorder, .number = ++recorder->files, .on_end = core_fn, .arg = arg};
    eca_list_push_back(&recorder->open_files, &op->node);
    return op;
}

/* The line of an operation that was asked for, and what became of the asking. */
static int file_begun(struct eca_files_op *op, struct line *line, int rc,
                      const struct eca_err *failure, struct eca_files_op **ret_op,
                      struct eca_err *err)
{
    put_answer(line, rc, failure);
    line_close(line);
    if (rc < 0) {
        file_free(op);
        if (err != NULL) {
            *err = *failure;
        }
        return rc;
    }
    *ret_op = op;
    return rc;
}

static void file_line(struct line *line, const struct eca_files_op *op, const char *what,
                      const char *dir, const char *name)
{
    line_open(line, op->recorder, "out", what);
    eca_line_u64(&line->w, "n", op->number);
    eca_line_text(&line->w, "dir", dir);
    eca_line_text(&line->w, "name", name);
}

static int files_create(void *impl, const char *dir, const char *name, eca_files_fn *core_fn,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_files_op *op = file_begin(recorder, core_fn, arg);
    struct eca_err failure = {0};
    int rc =
        eca_files_create(recorder->outer.files, dir, name, on_file_end, op, &op->inner, &failure);
    struct line line;

    file_line(&line, op, "file.create", dir, name);
    return file_begun(op, &line, rc, &failure, ret_op, err);
}

static int files_write(void *impl, struct eca_files_op *op, struct eca_view bytes,
                       struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_err failure = {0};
    int rc = eca_files_write(recorder->outer.files, op->inner, bytes, &failure);
    struct line line;

    file_line(&line, op, "file.write", NULL, NULL);
    eca_line_u64(&line.w, "length", bytes.len);
    put_answer(&line, rc, &failure);
    line_close(&line);
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static void files_finish(void *impl, struct eca_files_op *op)
{
    struct eca_recorder *recorder = impl;
    struct line line;

    file_line(&line, op, "file.finish", NULL, NULL);
    line_close(&line);
    eca_files_finish(recorder->outer.files, op->inner);
}

static int files_replace(void *impl, const char *dir, const char *name, struct eca_view text,
                         eca_files_fn *core_fn, void *arg, struct eca_files_op **ret_op,
                         struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_files_op *op = file_begin(recorder, core_fn, arg);
    struct eca_err failure = {0};
    int rc = eca_files_replace(recorder->outer.files, dir, name, text, on_file_end, op, &op->inner,
                               &failure);
    struct line line;

    file_line(&line, op, "file.replace", dir, name);
    eca_line_bytes(&line.w, "body", text);
    return file_begun(op, &line, rc, &failure, ret_op, err);
}

static int files_remove(void *impl, const char *dir, const char *name, eca_files_fn *core_fn,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_files_op *op = file_begin(recorder, core_fn, arg);
    struct eca_err failure = {0};
    int rc =
        eca_files_remove(recorder->outer.files, dir, name, on_file_end, op, &op->inner, &failure);
    struct line line;

    file_line(&line, op, "file.remove", dir, name);
    return file_begun(op, &line, rc, &failure, ret_op, err);
}

static void files_cancel(void *impl, struct eca_files_op *op)
{
    struct eca_recorder *recorder = impl;
    struct line line;

    file_line(&line, op, "file.cancel", NULL, NULL);
    line_close(&line);
    eca_files_cancel(recorder->outer.files, op->inner);
    file_free(op);
}

/* ---- channel -------------------------------------------------------------------------------- */

static void conn_free(struct eca_channel_conn *conn)
{
    eca_list_remove(&conn->recorder->open_conns, &conn->node);
    eca_free(conn);
}

static void on_open(void *arg)
{
    struct eca_channel_conn *conn = arg;
    struct eca_recorder *recorder = conn->recorder;
    struct line line;

    enter(recorder, &line, "channel.open");
    eca_line_u64(&line.w, "n", conn->number);
    line_close(&line);
    conn->events.on_open(conn->arg);
    leave(recorder);
}

static void on_text(void *arg, struct eca_view message)
{
    struct eca_channel_conn *conn = arg;
    struct eca_recorder *recorder = conn->recorder;
    struct line line;

    enter(recorder, &line, "channel.text");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_bytes(&line.w, "body", message);
    line_close(&line);
    conn->events.on_text(conn->arg, message);
    leave(recorder);
}

static void on_written(void *arg)
{
    struct eca_channel_conn *conn = arg;
    struct eca_recorder *recorder = conn->recorder;
    struct line line;

    enter(recorder, &line, "channel.written");
    eca_line_u64(&line.w, "n", conn->number);
    line_close(&line);
    conn->events.on_written(conn->arg);
    leave(recorder);
}

static void on_channel_end(void *arg, const struct eca_channel_end *end)
{
    struct eca_channel_conn *conn = arg;
    struct eca_recorder *recorder = conn->recorder;
    struct eca_channel_events events = conn->events;
    void *core_arg = conn->arg;
    struct line line;

    enter(recorder, &line, "channel.end");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_i64(&line.w, "how", end->how);
    eca_line_i64(&line.w, "close_code", end->close_code);
    eca_line_bytes(&line.w, "reason", end->close_reason);
    eca_line_i64(&line.w, "status", end->status);
    eca_line_bytes(&line.w, "body", end->body);
    put_err(&line, "err", &end->err);
    line_close(&line);
    conn_free(conn);
    events.on_end(core_arg, end);
    leave(recorder);
}

static int channel_open(void *impl, const struct eca_channel_opts *opts,
                        const struct eca_channel_events *events, void *arg,
                        struct eca_channel_conn **ret_conn, struct eca_err *err)
{
    struct eca_channel_events own = {on_open, on_text, on_channel_end,
                                     events->on_written == NULL ? NULL : on_written};
    struct eca_recorder *recorder = impl;
    struct eca_channel_conn *conn = eca_xalloc(sizeof(*conn));
    struct eca_err failure = {0};
    struct line line;
    int rc;

    *conn = (struct eca_channel_conn){
        .recorder = recorder, .number = ++recorder->conns, .events = *events, .arg = arg};
    eca_list_push_back(&recorder->open_conns, &conn->node);
    rc = eca_channel_open(recorder->outer.channel, opts, &own, conn, &conn->inner, &failure);
    line_open(&line, recorder, "out", "channel.start");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_plain(&line.w, "party", opts->party);
    eca_line_text(&line.w, "url", opts->url);
    put_headers(&line, opts->headers, opts->header_count);
    put_answer(&line, rc, &failure);
    line_close(&line);
    if (rc < 0) {
        conn_free(conn);
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    *ret_conn = conn;
    return rc;
}

static int channel_send(void *impl, struct eca_channel_conn *conn, struct eca_view text,
                        struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_err failure = {0};
    int rc = eca_channel_send(recorder->outer.channel, conn->inner, text, &failure);
    struct line line;

    line_open(&line, recorder, "out", "channel.send");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_bytes(&line.w, "body", text);
    put_answer(&line, rc, &failure);
    line_close(&line);
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static void channel_close(void *impl, struct eca_channel_conn *conn, int code)
{
    struct eca_recorder *recorder = impl;
    struct line line;

    line_open(&line, recorder, "out", "channel.close");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_i64(&line.w, "code", code);
    line_close(&line);
    eca_channel_close(recorder->outer.channel, conn->inner, code);
}

static void channel_abort(void *impl, struct eca_channel_conn *conn)
{
    struct eca_recorder *recorder = impl;
    struct line line;

    line_open(&line, recorder, "out", "channel.abort");
    eca_line_u64(&line.w, "n", conn->number);
    line_close(&line);
    eca_channel_abort(recorder->outer.channel, conn->inner);
    conn_free(conn);
}

/* ---- endpoint ------------------------------------------------------------------------------- */

static void on_request(void *arg, const struct eca_endpoint_request *request,
                       struct eca_endpoint_response *response)
{
    struct eca_listener *listener = arg;
    struct eca_recorder *recorder = listener->recorder;
    struct line line;

    enter(recorder, &line, "request");
    eca_line_u64(&line.w, "n", listener->number);
    eca_line_text(&line.w, "method", request->method);
    eca_line_text(&line.w, "path", request->path);
    eca_line_text(&line.w, "query", request->query);
    eca_line_text(&line.w, "agent", request->user_agent);
    eca_line_bool(&line.w, "has_agent", request->has_user_agent);
    eca_line_text(&line.w, "remote", request->remote);
    line_close(&line);
    listener->handler(listener->arg, request, response);
    line_open(&line, recorder, "out", "response");
    eca_line_i64(&line.w, "status", response->status);
    eca_line_bytes(&line.w, "body", eca_buf_view(&response->body));
    line_close(&line);
    leave(recorder);
}

static int endpoint_listen(void *impl, const struct eca_endpoint_opts *opts,
                           eca_endpoint_fn *handler, void *arg, struct eca_listener **ret_listener,
                           struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_listener *listener = eca_xalloc(sizeof(*listener));
    struct eca_err failure = {0};
    struct line line;
    int rc;

    *listener = (struct eca_listener){
        .recorder = recorder, .number = ++recorder->listeners, .handler = handler, .arg = arg};
    eca_list_push_back(&recorder->open_listeners, &listener->node);
    rc = eca_endpoint_listen(recorder->outer.endpoint, opts, on_request, listener, &listener->inner,
                             &failure);
    line_open(&line, recorder, "out", "listen");
    eca_line_u64(&line.w, "n", listener->number);
    eca_line_plain(&line.w, "name", opts->name);
    eca_line_u64(&line.w, "port", opts->port);
    put_answer(&line, rc, &failure);
    line_close(&line);
    if (rc < 0) {
        eca_list_remove(&recorder->open_listeners, &listener->node);
        eca_free(listener);
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    *ret_listener = listener;
    return rc;
}

static void endpoint_close(void *impl, struct eca_listener *listener)
{
    struct eca_recorder *recorder = impl;
    struct line line;

    line_open(&line, recorder, "out", "listen.close");
    eca_line_u64(&line.w, "n", listener->number);
    line_close(&line);
    eca_endpoint_close(recorder->outer.endpoint, listener->inner);
    eca_list_remove(&recorder->open_listeners, &listener->node);
    eca_free(listener);
}

/* ---- store ---------------------------------------------------------------------------------- */

struct loading {
    struct line line;
    eca_record_fn *on_record;
    void *arg;
};

static void put_record_head(struct line *line, const struct eca_record *record)
{
    eca_line_object(&line->w, NULL);
    eca_line_i64(&line->w, "kind", record->kind);
    eca_line_text(&line->w, "key", record->key);
}

#define DIGEST_BASIS UINT64_C(14695981039346656037)
#define DIGEST_PRIME UINT64_C(1099511628211)

/* For telling two texts apart, not against anybody: eight bytes at a time. */
static uint64_t digest_of(struct eca_view text)
{
    uint64_t digest = DIGEST_BASIS, piece;
    size_t at = 0;

    for (; at + sizeof(piece) <= text.len; at += sizeof(piece)) {
        memcpy(&piece, text.at + at, sizeof(piece));
        digest = (digest ^ piece) * DIGEST_PRIME;
        digest ^= digest >> 32;
    }
    for (; at < text.len; at++) {
        digest = (digest ^ (unsigned char)text.at[at]) * DIGEST_PRIME;
    }
    return digest;
}

/* What the core stores is its own work: a replay makes it again, the length and a digest of the
 * masked text are enough to compare. Half of a recording would be state otherwise. */
static void put_stored(struct line *line, const struct eca_record *record)
{
    eca_auto_buf struct eca_buf masked = {0};
    struct eca_view value = record->value;

    put_record_head(line, record);
    if (value.at != NULL && line->w.out != NULL) {
        if (eca_mask_concerns_own(line->w.mask, value)) {
            eca_mask_text(line->w.mask, value, &masked);
            value = eca_buf_view(&masked);
        }
        eca_line_u64(&line->w, "length", value.len);
        eca_line_u64(&line->w, "digest", digest_of(value));
    }
    eca_line_end_object(&line->w);
}

static int on_record(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct loading *loading = arg;

    put_record_head(&loading->line, record);
    eca_line_bytes(&loading->line.w, "value", record->value);
    eca_line_end_object(&loading->line.w);
    return loading->on_record(loading->arg, record, err);
}

static int store_load(void *impl, eca_record_fn *core_fn, void *arg, struct eca_err *err)
{
    struct store *store = impl;
    struct eca_err failure = {0};
    eca_auto_buf struct eca_buf text = {0}; /* the core may ask for other things meanwhile */
    struct loading loading = {.on_record = core_fn, .arg = arg};
    int rc;

    line_open_in(&loading.line, store->recorder, &text, "query", "store.load");
    eca_line_array(&loading.line.w, "records");
    rc = eca_store_load(store->inner, on_record, &loading, &failure);
    eca_line_end_array(&loading.line.w);
    put_answer(&loading.line, rc, &failure);
    line_close(&loading.line);
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static void on_committed(void *arg, const struct eca_err *err)
{
    struct store *store = arg;
    struct line line;

    enter(store->recorder, &line, "committed");
    eca_line_u64(&line.w, "n", store->commit);
    put_err(&line, "err", err);
    line_close(&line);
    store->on_done(store->arg, err);
    leave(store->recorder);
}

static int store_commit(void *impl, const struct eca_record *records, size_t count,
                        eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    struct store *store = impl;
    struct eca_err failure = {0};
    int rc = eca_store_commit(store->inner, records, count, on_committed, store, &failure);
    struct line line;

    line_open(&line, store->recorder, "out", "commit");
    eca_line_array(&line.w, "records");
    for (size_t i = 0; i < count; i++) {
        put_stored(&line, &records[i]);
    }
    eca_line_end_array(&line.w);
    put_answer(&line, rc, &failure);
    line_close(&line);
    if (rc < 0) {
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    store->commit = ++store->recorder->commits;
    store->on_done = on_done;
    store->arg = arg;
    return rc;
}

static int store_keep_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    struct store *store = impl;
    struct eca_err failure = {0};
    char path[ECA_STORE_PATH_BYTES] = "";
    int rc = eca_store_keep_copy(store->inner, why, path, &failure);
    struct line line;

    line_open(&line, store->recorder, "query", "store.keep_copy");
    eca_line_text(&line.w, "why", why);
    eca_line_text(&line.w, "path", path);
    put_answer(&line, rc, &failure);
    line_close(&line);
    if (rc == ECA_OK) {
        (void)snprintf(ret_path, sizeof(path), "%s", path);
    } else if (err != NULL) {
        *err = failure;
    }
    return rc;
}

static int store_open(void *impl, const char *dir, struct eca_store *ret_store,
                      struct eca_store_notes *ret_notes, struct eca_err *err)
{
    static const struct eca_store_ops ops = {store_load, store_commit, store_keep_copy};
    struct eca_recorder *recorder = impl;
    struct eca_store_notes notes = {0};
    struct eca_err failure = {0};
    struct line line;
    int rc = eca_store_open(recorder->outer.store, dir, &recorder->store.inner, &notes, &failure);

    line_open(&line, recorder, "query", "store.open");
    eca_line_text(&line.w, "dir", dir);
    eca_line_bool(&line.w, "fresh", notes.fresh);
    eca_line_bool(&line.w, "set_aside", notes.set_aside);
    eca_line_bool(&line.w, "restored", notes.restored_backup);
    eca_line_bool(&line.w, "older_than_file", notes.older_than_file);
    eca_line_text(&line.w, "path", notes.set_aside_path);
    eca_line_bool(&line.w, "none", rc >= 0 && recorder->store.inner.ops == NULL);
    put_answer(&line, rc, &failure);
    line_close(&line);
    if (rc < 0) {
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    recorder->store.recorder = recorder;
    *ret_notes = notes;
    ret_store->ops = recorder->store.inner.ops == NULL ? NULL : &ops;
    ret_store->impl = &recorder->store;
    return rc;
}

static void store_close(void *impl, struct eca_store port)
{
    struct eca_recorder *recorder = impl;
    struct line line;

    (void)port;
    line_open(&line, recorder, "out", "store.close");
    line_close(&line);
    eca_store_close(recorder->outer.store, recorder->store.inner);
}

/* ---- host and entropy ----------------------------------------------------------------------- */

static void put_variable(struct line *line, const char *key, const char *name, const char *value)
{
    if (value != NULL && eca_mask_is_secret_variable(name)) {
        value = eca_mask_secret(line->recorder->mask, eca_view_str(value));
    }
    eca_line_text(&line->w, key, value);
}

static const char *host_env(void *impl, const char *name)
{
    struct eca_recorder *recorder = impl;
    const char *value = eca_host_env(recorder->outer.host, name);
    struct line line;

    line_open(&line, recorder, "query", "env");
    eca_line_plain(&line.w, "name", name);
    put_variable(&line, "value", name, value);
    line_close(&line);
    return value;
}

static const char *host_env_at(void *impl, size_t index)
{
    struct eca_recorder *recorder = impl;
    const char *pair = eca_host_env_at(recorder->outer.host, index);
    const char *equals = pair == NULL ? NULL : strchr(pair, '=');
    struct line line;

    line_open(&line, recorder, "query", "env.at");
    eca_line_u64(&line.w, "index", index);
    if (pair != NULL) {
        eca_auto_free char *name =
            equals == NULL ? eca_xstrdup(pair) : eca_xstrndup(pair, (size_t)(equals - pair));

        /* The core wants the names. Among the values are a proxy's password, and whatever else
         * somebody gave to his agent. */
        eca_line_plain(&line.w, "name", name);
        eca_line_text(&line.w, "value", equals == NULL ? NULL : "");
    }
    line_close(&line);
    return pair;
}

static uint32_t host_cpu_count(void *impl)
{
    struct eca_recorder *recorder = impl;
    uint32_t count = eca_host_cpu_count(recorder->outer.host);
    struct line line;

    line_open(&line, recorder, "query", "cpus");
    eca_line_u64(&line.w, "value", count);
    line_close(&line);
    return count;
}

static int host_memory_mib(void *impl, uint64_t *ret_mib, struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_err failure = {0};
    uint64_t mib = 0;
    int rc = eca_host_memory_mib(recorder->outer.host, &mib, &failure);
    struct line line;

    line_open(&line, recorder, "query", "memory");
    eca_line_u64(&line.w, "value", mib);
    put_answer(&line, rc, &failure);
    line_close(&line);
    *ret_mib = mib;
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static int host_read_file(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                          struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    eca_auto_buf struct eca_buf content = {0};
    struct eca_err failure = {0};
    int rc = eca_host_read_file(recorder->outer.host, path, bytes_max, &content, &failure);
    struct line line;

    line_open(&line, recorder, "query", "file");
    eca_line_text(&line.w, "path", path);
    eca_line_u64(&line.w, "max", bytes_max);
    eca_line_bytes(&line.w, "value", eca_buf_view(&content));
    put_answer(&line, rc, &failure);
    line_close(&line);
    eca_buf_add(out, eca_buf_str(&content), content.len);
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static bool host_is_directory(void *impl, const char *path)
{
    struct eca_recorder *recorder = impl;
    bool is = eca_host_is_directory(recorder->outer.host, path);
    struct line line;

    line_open(&line, recorder, "query", "is-directory");
    eca_line_text(&line.w, "path", path);
    eca_line_bool(&line.w, "value", is);
    line_close(&line);
    return is;
}

static struct eca_host_usage host_usage(void *impl)
{
    struct eca_recorder *recorder = impl;
    struct eca_host_usage usage = eca_host_usage(recorder->outer.host);
    struct line line;

    line_open(&line, recorder, "query", "usage");
    eca_line_u64(&line.w, "rss", usage.rss_bytes);
    eca_line_u64(&line.w, "descriptors", usage.descriptors);
    eca_line_u64(&line.w, "threads", usage.threads);
    line_close(&line);
    return usage;
}

static void entropy_fill(void *impl, void *bytes, size_t len)
{
    struct eca_recorder *recorder = impl;
    struct line line;

    eca_entropy_fill(recorder->outer.entropy, bytes, len);
    line_open(&line, recorder, "query", "entropy");
    eca_line_base64(&line.w, "value", eca_view_of(bytes, len));
    line_close(&line);
}

/* ---- recorder ------------------------------------------------------------------------------- */

void eca_recorder_head(struct eca_recorder *recorder, const struct eca_agent_opts *opts)
{
    struct line line;

    line_open(&line, recorder, "recording", ECA_RECORDING_FLIGHT);
    eca_line_u64(&line.w, "format", ECA_RECORDING_FORMAT);
    eca_line_plain(&line.w, "version", eca_version_text);
    eca_line_bool(&line.w, "insecure", opts->insecure);
    eca_line_bool(&line.w, "blackhole_metadata", opts->blackhole_metadata);
    eca_line_bool(&line.w, "plain_channel", opts->plain_channel);
    eca_line_text(&line.w, "log_level", opts->log_level);
    line_close(&line);
}

static void make_ports(struct eca_recorder *recorder)
{
    static const struct eca_entropy_ops entropy_ops = {entropy_fill};
    static const struct eca_http_ops http_ops = {http_start, http_cancel};
    static const struct eca_files_ops files_ops = {.create = files_create,
                                                   .write = files_write,
                                                   .finish = files_finish,
                                                   .replace = files_replace,
                                                   .remove = files_remove,
                                                   .cancel = files_cancel};
    static const struct eca_channel_ops channel_ops = {channel_open, channel_send, channel_close,
                                                       channel_abort};
    static const struct eca_endpoint_ops endpoint_ops = {endpoint_listen, endpoint_close};
    static const struct eca_store_opener_ops store_ops = {store_open, store_close};
    static const struct eca_host_ops host_ops = {.env = host_env,
                                                 .env_at = host_env_at,
                                                 .cpu_count = host_cpu_count,
                                                 .memory_mib = host_memory_mib,
                                                 .read_file = host_read_file,
                                                 .is_directory = host_is_directory,
                                                 .usage = host_usage};

    recorder->ports = (struct eca_agent_ports){.sched = recorder->sched,
                                               .entropy = {&entropy_ops, recorder},
                                               .http = {&http_ops, recorder},
                                               .files = {&files_ops, recorder},
                                               .channel = {&channel_ops, recorder},
                                               .endpoint = {&endpoint_ops, recorder},
                                               .store = {&store_ops, recorder},
                                               .host = {&host_ops, recorder},
                                               .audit = recorder->outer.audit,
                                               .log = recorder->outer.log};
}

struct eca_recorder *eca_recorder_new(const struct eca_agent_ports *outer, struct eca_mask *mask,
                                      struct eca_record_sink sink)
{
    static const struct eca_clock_ops clock_ops = {core_mono_ns, core_wall_ms};
    struct eca_recorder *recorder = eca_xalloc(sizeof(*recorder));

    recorder->outer = *outer;
    recorder->sink = sink;
    recorder->mask = mask;
    recorder->mono_ns = eca_sched_now_ns(outer->sched);
    recorder->wall_ms = eca_sched_wall_ms(outer->sched);
    recorder->sched = eca_sched_new((struct eca_clock){&clock_ops, recorder});
    eca_timer_init(&recorder->due, outer->sched, run_round, recorder);
    eca_deferred_init(&recorder->more, outer->sched, run_round, recorder);
    eca_list_init(&recorder->open_calls);
    eca_list_init(&recorder->open_conns);
    eca_list_init(&recorder->open_listeners);
    eca_list_init(&recorder->open_files);
    make_ports(recorder);
    return recorder;
}

void eca_recorder_free(struct eca_recorder *recorder)
{
    struct eca_list_node *node;

    if (recorder == NULL) {
        return;
    }
    while ((node = eca_list_pop_front(&recorder->open_calls)) != NULL) {
        struct eca_http_call *call = eca_list_entry(node, struct eca_http_call, node);

        eca_buf_clear(&call->body);
        eca_free(call);
    }
    while ((node = eca_list_pop_front(&recorder->open_conns)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_channel_conn, node));
    }
    while ((node = eca_list_pop_front(&recorder->open_listeners)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_listener, node));
    }
    while ((node = eca_list_pop_front(&recorder->open_files)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_files_op, node));
    }
    eca_timer_stop(&recorder->due);
    eca_deferred_cancel(&recorder->more);
    eca_sched_free(recorder->sched);
    eca_buf_clear(&recorder->text);
    eca_free(recorder);
}

const struct eca_agent_ports *eca_recorder_ports(struct eca_recorder *recorder)
{
    return &recorder->ports;
}
