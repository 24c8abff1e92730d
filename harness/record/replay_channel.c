#include "harness/record/replay_inside.h"

#include <string.h>

#include "agent/base/mem.h"

struct eca_channel_conn {
    struct eca_list_node node;
    uint64_t number;
    struct eca_channel_events events;
    void *arg;
};

static int channel_open(void *impl, const struct eca_channel_opts *opts,
                        const struct eca_channel_events *events, void *arg,
                        struct eca_channel_conn **ret_conn, struct eca_err *err)
{
    struct replay *replay = impl;
    struct eca_channel_conn *conn;
    int rc = hns_replay_answer(hns_replay_peek(replay), err);

    (void)opts;
    replay->conns++;
    if (rc < 0) {
        return rc;
    }
    conn = eca_xalloc(sizeof(*conn));
    *conn = (struct eca_channel_conn){.number = replay->conns, .events = *events, .arg = arg};
    eca_list_push_back(&replay->open_conns, &conn->node);
    *ret_conn = conn;
    return ECA_OK;
}

static int channel_send(void *impl, struct eca_channel_conn *conn, struct eca_view text,
                        struct eca_err *err)
{
    (void)conn;
    (void)text;
    return hns_replay_answer(hns_replay_peek(impl), err);
}

static void channel_close(void *impl, struct eca_channel_conn *conn, int code)
{
    (void)impl;
    (void)conn;
    (void)code; /* its end is a line of its own */
}

static void channel_abort(void *impl, struct eca_channel_conn *conn)
{
    struct replay *replay = impl;

    eca_list_remove(&replay->open_conns, &conn->node);
    eca_free(conn);
}

struct eca_channel hns_replay_channel(struct replay *replay)
{
    static const struct eca_channel_ops ops = {channel_open, channel_send, channel_close,
                                               channel_abort};

    return (struct eca_channel){&ops, replay};
}

static struct eca_channel_conn *find_conn(struct replay *replay, uint64_t number)
{
    ECA_LIST_FOREACH(it, &replay->open_conns)
    {
        struct eca_channel_conn *conn = eca_list_entry(it, struct eca_channel_conn, node);

        if (conn->number == number) {
            return conn;
        }
    }
    return NULL;
}

void hns_replay_channel_play(struct replay *replay, const char *what, eca_json line)
{
    struct eca_channel_conn *conn = find_conn(replay, (uint64_t)hns_line_number(line, "n"));
    eca_auto_buf struct eca_buf body = {0};
    eca_auto_buf struct eca_buf reason = {0};
    bool has_body, has_reason;

    if (conn == NULL) {
        hns_replay_diverge(replay, "core:     has no such connection open", ECA_VIEW_NONE);
        return;
    }
    has_body = hns_line_bytes(line, "body", &body);
    has_reason = hns_line_bytes(line, "reason", &reason);
    if (strcmp(what, "channel.open") == 0) {
        conn->events.on_open(conn->arg);
    } else if (strcmp(what, "channel.text") == 0) {
        conn->events.on_text(conn->arg, eca_buf_view(&body));
    } else if (strcmp(what, "channel.written") == 0 && conn->events.on_written != NULL) {
        conn->events.on_written(conn->arg);
    } else {
        struct eca_channel_events events = conn->events;
        void *arg = conn->arg;
        struct eca_channel_end end = {.how = (enum eca_channel_how)hns_line_number(line, "how"),
                                      .close_code = (int)hns_line_number(line, "close_code"),
                                      .close_reason =
                                          has_reason ? eca_buf_view(&reason) : ECA_VIEW_NONE,
                                      .status = (int)hns_line_number(line, "status"),
                                      .body = has_body ? eca_buf_view(&body) : ECA_VIEW_NONE};

        hns_line_err(line, "err", &end.err);
        eca_list_remove(&replay->open_conns, &conn->node);
        eca_free(conn);
        events.on_end(arg, &end);
    }
}

void hns_replay_channel_drop(struct replay *replay)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&replay->open_conns)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_channel_conn, node));
    }
}
