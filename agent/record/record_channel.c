#include "agent/record/record_inside.h"

#include <string.h>

#include "agent/base/mem.h"

struct eca_channel_conn {
    struct eca_recorder *recorder;
    struct eca_list_node node;
    uint64_t number;
    struct eca_channel_conn *inner;
    struct eca_channel_events events;
    void *arg;
};

static void conn_free(struct eca_channel_conn *conn)
{
    eca_list_remove(&conn->recorder->open_conns, &conn->node);
    eca_free(conn);
}

static void on_open(void *arg)
{
    struct eca_channel_conn *conn = arg;
    struct eca_recorder *recorder = conn->recorder;
    struct eca_rec_line line;

    eca_rec_enter(recorder, &line, "channel.open");
    eca_line_u64(&line.w, "n", conn->number);
    eca_rec_close(&line);
    conn->events.on_open(conn->arg);
    eca_rec_leave(recorder);
}

static void on_text(void *arg, struct eca_view message)
{
    struct eca_channel_conn *conn = arg;
    struct eca_recorder *recorder = conn->recorder;
    struct eca_rec_line line;

    eca_rec_enter(recorder, &line, "channel.text");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_bytes(&line.w, "body", message);
    eca_rec_close(&line);
    conn->events.on_text(conn->arg, message);
    eca_rec_leave(recorder);
}

static void on_written(void *arg)
{
    struct eca_channel_conn *conn = arg;
    struct eca_recorder *recorder = conn->recorder;
    struct eca_rec_line line;

    eca_rec_enter(recorder, &line, "channel.written");
    eca_line_u64(&line.w, "n", conn->number);
    eca_rec_close(&line);
    conn->events.on_written(conn->arg);
    eca_rec_leave(recorder);
}

static void on_channel_end(void *arg, const struct eca_channel_end *end)
{
    struct eca_channel_conn *conn = arg;
    struct eca_recorder *recorder = conn->recorder;
    struct eca_channel_events events = conn->events;
    void *core_arg = conn->arg;
    struct eca_rec_line line;

    eca_rec_enter(recorder, &line, "channel.end");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_i64(&line.w, "how", end->how);
    eca_line_i64(&line.w, "close_code", end->close_code);
    eca_line_bytes(&line.w, "reason", end->close_reason);
    eca_line_i64(&line.w, "status", end->status);
    eca_line_bytes(&line.w, "body", end->body);
    eca_rec_err(&line, "err", &end->err);
    eca_rec_close(&line);
    conn_free(conn);
    events.on_end(core_arg, end);
    eca_rec_leave(recorder);
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
    struct eca_rec_line line;
    int rc;

    *conn = (struct eca_channel_conn){
        .recorder = recorder, .number = ++recorder->conns, .events = *events, .arg = arg};
    eca_list_push_back(&recorder->open_conns, &conn->node);
    rc = eca_channel_open(recorder->outer.channel, opts, &own, conn, &conn->inner, &failure);
    eca_rec_open(&line, recorder, "out", "channel.start");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_plain(&line.w, "party", opts->party);
    eca_line_text(&line.w, "url", opts->url);
    eca_rec_headers(&line, opts->headers, opts->header_count);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
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
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "out", "channel.send");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_bytes(&line.w, "body", text);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static void channel_close(void *impl, struct eca_channel_conn *conn, int code)
{
    struct eca_recorder *recorder = impl;
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "out", "channel.close");
    eca_line_u64(&line.w, "n", conn->number);
    eca_line_i64(&line.w, "code", code);
    eca_rec_close(&line);
    eca_channel_close(recorder->outer.channel, conn->inner, code);
}

static void channel_abort(void *impl, struct eca_channel_conn *conn)
{
    struct eca_recorder *recorder = impl;
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "out", "channel.abort");
    eca_line_u64(&line.w, "n", conn->number);
    eca_rec_close(&line);
    eca_channel_abort(recorder->outer.channel, conn->inner);
    conn_free(conn);
}

struct eca_channel eca_rec_channel(struct eca_recorder *recorder)
{
    static const struct eca_channel_ops ops = {channel_open, channel_send, channel_close,
                                               channel_abort};

    return (struct eca_channel){&ops, recorder};
}

void eca_rec_channel_drop(struct eca_recorder *recorder)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&recorder->open_conns)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_channel_conn, node));
    }
}
