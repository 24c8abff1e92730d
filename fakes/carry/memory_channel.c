#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/written.h"
#include "fakes/carry/memory.h"

#define CLOSE_WAIT_MS 1000   /* eca_channel_close: at most 1 s */
#define ECHO_WAIT_MS 5000    /* the server's wait for the echo of its Close (WS-307) */
#define REFUSAL_WAIT_MS 5000 /* body of a refusal (WS-105) */
#define NO_CODE 1005         /* Close without payload */
#define CONTROL_BYTES_MAX 125

enum down_kind {
    DOWN_HEAD,
    DOWN_BODY,
    DOWN_END,
    DOWN_RESET,
    DOWN_REFUSED,
    DOWN_OPEN,
    DOWN_FALSE, /* 101 with another key's accept value */
    DOWN_TEXT,
    DOWN_PING,
    DOWN_CLOSE,
    DOWN_CUT,
    DOWN_RAW
};
enum up_kind { UP_TEXT, UP_PONG, UP_CLOSE, UP_CUT };

/* One websocket: the client's half and the server's half (a link of the hub). */
struct mem_conn {
    struct fake_memory *memory;
    struct eca_list_node node;
    char *party, *target, *url;
    struct eca_http_header *headers;
    size_t header_count;
    struct eca_timer arrive;
    /* client */
    bool client_done, open, closing;
    struct eca_channel_events events;
    void *arg;
    struct eca_timer deadline; /* connect, then refusal body, then close */
    struct eca_timer stall;
    uint64_t stall_ms, message_bytes_max;
    size_t queue_bytes_max;
    int status;
    struct eca_buf refusal;
    struct eca_buf raw, fragments;
    bool in_fragments;
    /* server */
    struct fake_exchange *exchange;
    struct fake_ws *ws;
    bool server_done, server_closing;
    struct eca_timer echo;
    struct eca_deferred cut, reap;
    struct mem_pipe down, up;
    /* What has left the client: bytes taken by the server and one window more. */
    uint64_t queued_total, taken_total;
    struct fake_written written;
    struct eca_deferred tell;
};

static void conn_free(struct mem_conn *conn)
{
    if (conn->exchange != NULL) {
        fake_hub_client_left(conn->exchange);
    }
    eca_timer_stop(&conn->arrive);
    eca_timer_stop(&conn->deadline);
    eca_timer_stop(&conn->stall);
    eca_timer_stop(&conn->echo);
    eca_deferred_cancel(&conn->cut);
    eca_deferred_cancel(&conn->reap);
    eca_deferred_cancel(&conn->tell);
    fake_written_clear(&conn->written);
    mem_pipe_clear(&conn->down);
    mem_pipe_clear(&conn->up);
    eca_list_remove(&conn->memory->conns, &conn->node);
    fake_memory_headers_free(conn->headers, conn->header_count);
    eca_free(conn->party);
    eca_free(conn->target);
    eca_free(conn->url);
    eca_buf_clear(&conn->refusal);
    eca_buf_clear(&conn->raw);
    eca_buf_clear(&conn->fragments);
    eca_free(conn);
}

static void run_reap(void *arg)
{
    conn_free(arg);
}

static void reap_when_done(struct mem_conn *conn)
{
    if (conn->client_done && conn->server_done) {
        eca_deferred_queue(&conn->reap);
    }
}

/* ---- client --------------------------------------------------------------------------------- */

static void client_stop(struct mem_conn *conn)
{
    conn->client_done = true;
    conn->open = false;
    eca_timer_stop(&conn->deadline);
    eca_timer_stop(&conn->stall);
    mem_pipe_clear(&conn->down);
    if (conn->exchange != NULL) {
        eca_deferred_queue(&conn->cut); /* the server notices in the next round */
    } else if (conn->ws == NULL) {
        eca_timer_stop(&conn->arrive);
        conn->server_done = true;
    }
    reap_when_done(conn);
}

static void finish(struct mem_conn *conn, struct eca_channel_end *end, enum eca_code code,
                   const char *why)
{
    void (*on_end)(void *, const struct eca_channel_end *) = conn->events.on_end;

    if (code != ECA_OK) {
        (void)eca_err_set(&end->err, code, "%s", why);
    }
    client_stop(conn);
    on_end(conn->arg, end); /* conn lives until the next round at least */
}

static void finish_how(struct mem_conn *conn, enum eca_channel_how how, enum eca_code code,
                       const char *why)
{
    struct eca_channel_end end = {.how = how};

    finish(conn, &end, code, why);
}

static void finish_refused(struct mem_conn *conn)
{
    struct eca_channel_end end = {
        .how = ECA_CHANNEL_REFUSED, .status = conn->status, .body = eca_buf_view(&conn->refusal)};
    char why[64];
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_addf(&text, "upgrade refused with status %d", conn->status);
    memcpy(why, eca_buf_str(&text), text.len + 1);
    end.err.http_status = conn->status;
    finish(conn, &end, ECA_E_TRANSIENT, why);
}

static void up_close(struct mem_conn *conn, int code, struct eca_view reason)
{
    if (conn->ws != NULL) {
        (void)mem_pipe_put(&conn->up, UP_CLOSE, code, reason);
    }
}

static void up_cut(struct mem_conn *conn)
{
    if (conn->ws != NULL) {
        (void)mem_pipe_put(&conn->up, UP_CUT, 0, ECA_VIEW_NONE);
    }
}

static void up_pong(struct mem_conn *conn, struct eca_view payload)
{
    if (conn->ws != NULL) {
        (void)mem_pipe_put(&conn->up, UP_PONG, 0, payload);
    }
}

static void too_large(struct mem_conn *conn)
{
    up_close(conn, 1009, ECA_VIEW_NONE);
    finish_how(conn, ECA_CHANNEL_LOST, ECA_E_LIMIT, "message larger than the limit");
}

static void protocol_error(struct mem_conn *conn, const char *reason)
{
    eca_auto_buf struct eca_buf why = {0};

    eca_buf_addf(&why, "websocket: %s", reason);
    up_close(conn, 1002, eca_view_str(reason));
    finish_how(conn, ECA_CHANNEL_LOST, ECA_E_TRANSIENT, eca_buf_str(&why));
}

static void run_deadline(void *arg)
{
    struct mem_conn *conn = arg;

    if (conn->closing) {
        up_cut(conn);
        finish_how(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, NULL);
    } else if (conn->status != 0) {
        finish_refused(conn); /* with what arrived of the body */
    } else {
        finish_how(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TIMEOUT,
                   "no complete upgrade answer within the connect deadline");
    }
}

static void run_stall(void *arg)
{
    struct mem_conn *conn = arg;

    up_cut(conn);
    finish_how(conn, ECA_CHANNEL_STALLED, ECA_E_TIMEOUT, "no progress of a pending write");
}

static void client_text(struct mem_conn *conn, struct eca_view text)
{
    if (conn->closing) {
        return;
    }
    if (conn->message_bytes_max > 0 && text.len > conn->message_bytes_max) {
        too_large(conn);
        return;
    }
    conn->events.on_text(conn->arg, text);
}

static void client_close(struct mem_conn *conn, int code, struct eca_view reason)
{
    struct eca_channel_end end = {.how = ECA_CHANNEL_CLOSED_BY_PEER};

    if (conn->closing) {
        finish_how(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, NULL);
        return;
    }
    end.close_code = code;
    end.close_reason = reason;
    up_close(conn, NO_CODE, ECA_VIEW_NONE); /* the echo is empty (WS-146) */
    if (code == 1000 || code == 1001 || code == NO_CODE) {
        finish(conn, &end, ECA_OK, NULL);
    } else {
        eca_auto_buf struct eca_buf why = {0};
        eca_buf_addf(&why, "websocket: close %d %.*s", code, (int)reason.len, reason.at);
        finish(conn, &end, ECA_E_TRANSIENT, eca_buf_str(&why));
    }
}

/* ---- raw bytes: a frame reader as strict as WS-145 ------------------------------------------ */

struct frame {
    bool fin, masked;
    unsigned reserved, opcode;
    size_t header_bytes;
    uint64_t payload_bytes;
};

static bool read_frame(struct eca_view in, struct frame *ret_frame)
{
    const unsigned char *at = (const unsigned char *)in.at;
    size_t more = 0;

    if (in.len < 2) {
        return false;
    }
    ret_frame->fin = (at[0] & 0x80) != 0;
    ret_frame->reserved = at[0] & 0x70U;
    ret_frame->opcode = at[0] & 0x0fU;
    ret_frame->masked = (at[1] & 0x80) != 0;
    ret_frame->payload_bytes = at[1] & 0x7fU;
    if (ret_frame->payload_bytes == 126) {
        more = 2;
    } else if (ret_frame->payload_bytes == 127) {
        more = 8;
    }
    if (in.len < 2 + more) {
        return false;
    }
    if (more > 0) {
        ret_frame->payload_bytes = 0;
        for (size_t i = 0; i < more; i++) {
            ret_frame->payload_bytes = ret_frame->payload_bytes << 8 | at[2 + i];
        }
    }
    ret_frame->header_bytes = 2 + more;
    return true;
}

static const char *frame_error(const struct mem_conn *conn, const struct frame *frame)
{
    bool control = frame->opcode >= 8;

    if (frame->reserved != 0) {
        return "reserved bits set";
    }
    if (frame->masked) {
        return "masked frame from the server";
    }
    if (frame->opcode > 10 || (frame->opcode > 2 && frame->opcode < 8)) {
        return "unknown opcode";
    }
    if (control && (!frame->fin || frame->payload_bytes > CONTROL_BYTES_MAX)) {
        return "bad control frame";
    }
    if ((frame->opcode == 0) != conn->in_fragments && !control) {
        return "wrong continuation";
    }
    return NULL;
}

static void client_frame(struct mem_conn *conn, const struct frame *frame, struct eca_view payload)
{
    switch (frame->opcode) {
    case 0:
    case 1:
    case 2:
        eca_buf_add_view(&conn->fragments, payload);
        conn->in_fragments = !frame->fin;
        if (frame->fin) {
            struct eca_buf whole = conn->fragments;
            conn->fragments = (struct eca_buf){0};
            client_text(conn, eca_buf_view(&whole));
            eca_buf_clear(&whole);
        }
        return;
    case 8:
        if (payload.len < 2) {
            client_close(conn, NO_CODE, ECA_VIEW_NONE);
        } else {
            int code = (unsigned char)payload.at[0] << 8 | (unsigned char)payload.at[1];
            client_close(conn, code, eca_view_sub(payload, 2, SIZE_MAX));
        }
        return;
    case 9:
        up_pong(conn, payload);
        return;
    default:
        return; /* pong */
    }
}

static void client_raw(struct mem_conn *conn, struct eca_view bytes)
{
    eca_buf_add_view(&conn->raw, bytes);
    while (!conn->client_done) {
        struct frame frame;
        const char *why;
        eca_auto_buf struct eca_buf payload = {0};
        struct eca_view in = eca_buf_view(&conn->raw);

        if (!read_frame(in, &frame)) {
            return;
        }
        why = frame_error(conn, &frame);
        if (why != NULL) {
            protocol_error(conn, why);
            return;
        }
        if (conn->message_bytes_max > 0 && frame.payload_bytes > conn->message_bytes_max) {
            too_large(conn);
            return;
        }
        if (in.len - frame.header_bytes < frame.payload_bytes) {
            return;
        }
        eca_buf_add_view(&payload,
                         eca_view_sub(in, frame.header_bytes, (size_t)frame.payload_bytes));
        eca_buf_drop(&conn->raw, frame.header_bytes + (size_t)frame.payload_bytes);
        client_frame(conn, &frame, eca_buf_view(&payload));
    }
}

static void client_gets(struct mem_conn *conn, const struct mem_item *item)
{
    struct eca_view bytes = eca_buf_view(&item->bytes);

    switch ((enum down_kind)item->kind) {
    case DOWN_HEAD:
        conn->status = item->code;
        eca_timer_start_ms(&conn->deadline, REFUSAL_WAIT_MS);
        return;
    case DOWN_BODY:
        eca_buf_add_view(&conn->refusal,
                         eca_view_sub(bytes, 0, ECA_CHANNEL_REFUSAL_BYTES_MAX - conn->refusal.len));
        if (conn->refusal.len == ECA_CHANNEL_REFUSAL_BYTES_MAX) {
            finish_refused(conn);
        }
        return;
    case DOWN_END:
        finish_refused(conn);
        return;
    case DOWN_REFUSED:
        finish_how(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TRANSIENT, "connection refused");
        return;
    case DOWN_OPEN:
        eca_timer_stop(&conn->deadline);
        conn->open = true;
        conn->events.on_open(conn->arg);
        return;
    case DOWN_FALSE:
        finish_how(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TRANSIENT,
                   "Sec-WebSocket-Accept is not that of our key");
        return;
    case DOWN_TEXT:
        client_text(conn, bytes);
        return;
    case DOWN_PING:
        up_pong(conn, bytes);
        return;
    case DOWN_CLOSE:
        client_close(conn, item->code, bytes);
        return;
    case DOWN_RAW:
        client_raw(conn, bytes);
        return;
    case DOWN_RESET:
    case DOWN_CUT:
        if (conn->closing) {
            finish_how(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, NULL);
        } else if (conn->open) {
            finish_how(conn, ECA_CHANNEL_LOST, ECA_E_TRANSIENT, "unexpected EOF");
        } else if (conn->status != 0) {
            finish_refused(conn);
        } else {
            finish_how(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TRANSIENT,
                       "connection reset before the upgrade answer");
        }
        return;
    }
}

static void pipe_continue(struct mem_pipe *pipe)
{
    struct eca_list_node *next = eca_list_first(&pipe->items);

    if (next != NULL && !pipe->blocked) {
        eca_timer_start_at(&pipe->timer, eca_list_entry(next, struct mem_item, node)->due_ns);
    }
}

static void run_down(void *arg)
{
    struct mem_conn *conn = arg;
    struct mem_item *item = mem_pipe_take(&conn->down);

    if (item == NULL) {
        return;
    }
    pipe_continue(&conn->down);
    client_gets(conn, item);
    mem_item_free(item);
}

/* ---- server --------------------------------------------------------------------------------- */

static void server_stop(struct mem_conn *conn)
{
    conn->server_done = true;
    conn->ws = NULL;
    eca_timer_stop(&conn->echo);
    mem_pipe_clear(&conn->up);
    eca_timer_stop(&conn->stall);
    reap_when_done(conn);
}

static void server_closed(struct mem_conn *conn, int code, struct eca_view reason)
{
    struct fake_ws *ws = conn->ws;

    if (ws != NULL) {
        server_stop(conn);
        fake_hub_ws_closed(ws, code, reason);
    }
}

/* Deferred: the client went while the server still thought, or the server cut. */
static void run_cut(void *arg)
{
    struct mem_conn *conn = arg;

    if (conn->exchange != NULL) {
        fake_hub_client_left(conn->exchange);
        conn->server_done = true;
        reap_when_done(conn);
    } else {
        server_closed(conn, 0, ECA_VIEW_NONE);
    }
}

static void run_echo(void *arg)
{
    struct mem_conn *conn = arg;

    if (!conn->client_done) {
        (void)mem_pipe_put(&conn->down, DOWN_CUT, 0, ECA_VIEW_NONE);
    }
    server_closed(conn, 0, ECA_VIEW_NONE);
}

static void watch_stall(struct mem_conn *conn)
{
    if (conn->client_done || conn->stall_ms == 0 || conn->up.bytes <= FAKE_MEMORY_WINDOW_BYTES) {
        eca_timer_stop(&conn->stall);
    } else {
        eca_timer_start_ms(&conn->stall, conn->stall_ms);
    }
}

static void run_tell(void *arg)
{
    struct mem_conn *conn = arg;

    while (!conn->client_done &&
           fake_written_next(&conn->written, conn->taken_total + FAKE_MEMORY_WINDOW_BYTES)) {
        conn->events.on_written(conn->arg);
    }
}

static void run_up(void *arg)
{
    struct mem_conn *conn = arg;
    struct mem_item *item = mem_pipe_take(&conn->up);

    if (item == NULL) {
        return;
    }
    pipe_continue(&conn->up);
    watch_stall(conn);
    conn->taken_total += item->kind == UP_TEXT ? item->bytes.len : 0;
    eca_deferred_queue(&conn->tell);
    switch ((enum up_kind)item->kind) {
    case UP_TEXT:
        fake_hub_ws_text(conn->ws, eca_buf_view(&item->bytes), 1);
        break;
    case UP_PONG:
        fake_hub_ws_pong(conn->ws, eca_buf_view(&item->bytes));
        break;
    case UP_CLOSE:
        if (!conn->client_done) {
            (void)mem_pipe_put(&conn->down, DOWN_CLOSE, item->code, ECA_VIEW_NONE);
        }
        server_closed(conn, item->code, eca_buf_view(&item->bytes));
        break;
    case UP_CUT:
        server_closed(conn, 0, ECA_VIEW_NONE);
        break;
    }
    mem_item_free(item);
}

static void down(struct mem_conn *conn, enum down_kind kind, int code, struct eca_view bytes)
{
    if (!conn->client_done) {
        (void)mem_pipe_put(&conn->down, (int)kind, code, bytes);
    }
}

static void link_begin(void *link, int status, const struct eca_http_header *headers, size_t count,
                       size_t content_length)
{
    (void)headers;
    (void)count;
    (void)content_length;
    down(link, DOWN_HEAD, status, ECA_VIEW_NONE);
}
static void link_write(void *link, struct eca_view bytes)
{
    down(link, DOWN_BODY, 0, bytes);
}
static void link_ends(struct mem_conn *conn, enum down_kind kind)
{
    down(conn, kind, 0, ECA_VIEW_NONE);
    conn->server_done = true;
    reap_when_done(conn);
}
static void link_end(void *link)
{
    link_ends(link, DOWN_END);
}
static void link_reset(void *link)
{
    link_ends(link, DOWN_RESET);
}
static void link_accept(void *link, struct fake_ws *ws, struct eca_view glued)
{
    struct mem_conn *conn = link;

    conn->ws = ws;
    down(conn, DOWN_OPEN, 0, ECA_VIEW_NONE);
    if (glued.len > 0) {
        down(conn, DOWN_RAW, 0, glued);
    }
}
static void link_accept_falsely(void *link)
{
    link_ends(link, DOWN_FALSE);
}
static void link_text(void *link, struct eca_view text)
{
    down(link, DOWN_TEXT, 0, text);
}
static void link_ping(void *link, struct eca_view payload)
{
    down(link, DOWN_PING, 0, payload);
}
static void link_close(void *link, int code, const char *reason)
{
    struct mem_conn *conn = link;

    down(conn, DOWN_CLOSE, code, eca_view_str(reason));
    conn->server_closing = true;
    eca_timer_start_ms(&conn->echo, ECHO_WAIT_MS);
}
static void link_cut(void *link)
{
    struct mem_conn *conn = link;

    down(conn, DOWN_CUT, 0, ECA_VIEW_NONE);
    eca_deferred_queue(&conn->cut);
}
static void link_reading(void *link, uint64_t bytes)
{
    struct mem_conn *conn = link;

    mem_pipe_read_only(&conn->up, bytes);
}
static void link_raw(void *link, struct eca_view bytes)
{
    down(link, DOWN_RAW, 0, bytes);
}

static const struct fake_link_ops link_ops = {
    .begin = link_begin,
    .write = link_write,
    .end = link_end,
    .reset = link_reset,
    .accept = link_accept,
    .accept_falsely = link_accept_falsely,
    .ws_text = link_text,
    .ws_ping = link_ping,
    .ws_close = link_close,
    .ws_cut = link_cut,
    .ws_reading = link_reading,
    .ws_raw = link_raw,
};

static void run_arrive(void *arg)
{
    struct mem_conn *conn = arg;

    if (conn->party == NULL || fake_hub_is_refusing(conn->memory->hub, conn->party)) {
        link_ends(conn, DOWN_REFUSED);
        return;
    }
    struct fake_incoming incoming = {
        .party = conn->party,
        .method = "GET",
        .target = conn->target,
        .headers = conn->headers,
        .header_count = conn->header_count,
        .peer = "memory",
        .upgrade = true,
    };
    fake_hub_arrive(conn->memory->hub, &incoming, &link_ops, conn, &conn->exchange);
}

/* ---- the port ------------------------------------------------------------------------------- */

static bool scheme_is_known(struct eca_view scheme)
{
    static const char *const known[] = {"https", "wss", "http", "ws"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(known); i++) {
        if (eca_view_eq_nocase(scheme, known[i])) {
            return true;
        }
    }
    return false;
}

static int channel_open(void *impl, const struct eca_channel_opts *opts,
                        const struct eca_channel_events *events, void *arg,
                        struct eca_channel_conn **ret_conn, struct eca_err *err)
{
    static const struct eca_http_header upgrade[] = {
        {"upgrade", "websocket"},
        {"connection", "Upgrade"},
        {"sec-websocket-version", "13"},
        {"sec-websocket-key", "bWVtb3J5LWNhcnJpZXItMQ=="},
    };
    struct eca_http_header all[ECA_HTTP_HEADERS_MAX + ECA_ARRAY_LEN(upgrade)];
    struct fake_memory *memory = impl;
    struct eca_url url;
    struct mem_conn *conn;
    const char *party;

    if (opts->header_count > ECA_HTTP_HEADERS_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "too many headers");
    }
    if (eca_url_parse(eca_view_str(opts->url), &url, err) < 0) {
        return ECA_E_INVALID;
    }
    if (!scheme_is_known(url.scheme)) {
        return eca_err_set(err, ECA_E_INVALID, "scheme of %s is none of https wss http ws",
                           opts->url);
    }
    if (url.host.len == 0) {
        return eca_err_set(err, ECA_E_INVALID, "no host in the endpoint");
    }
    memcpy(all, upgrade, sizeof(upgrade));
    if (opts->header_count > 0) {
        memcpy(all + ECA_ARRAY_LEN(upgrade), opts->headers, opts->header_count * sizeof(all[0]));
    }
    conn = eca_xalloc(sizeof(*conn));
    conn->memory = memory;
    if (fake_memory_party(memory, NULL, url.authority, &party)) {
        conn->party = eca_xstrdup(party);
    }
    conn->target = fake_memory_target(url.path, url.query);
    conn->headers = fake_memory_headers(all, opts->header_count + ECA_ARRAY_LEN(upgrade),
                                        url.authority, &conn->header_count);
    conn->events = *events;
    conn->arg = arg;
    conn->stall_ms = opts->write_stall_ms;
    conn->message_bytes_max = opts->message_bytes_max;
    conn->queue_bytes_max = opts->send_queue_bytes_max;
    eca_timer_init(&conn->arrive, memory->sched, run_arrive, conn);
    eca_timer_init(&conn->deadline, memory->sched, run_deadline, conn);
    eca_timer_init(&conn->stall, memory->sched, run_stall, conn);
    eca_deferred_init(&conn->tell, memory->sched, run_tell, conn);
    eca_timer_init(&conn->echo, memory->sched, run_echo, conn);
    eca_deferred_init(&conn->cut, memory->sched, run_cut, conn);
    eca_deferred_init(&conn->reap, memory->sched, run_reap, conn);
    mem_pipe_init(&conn->down, memory, run_down, conn);
    mem_pipe_init(&conn->up, memory, run_up, conn);
    eca_list_push_back(&memory->conns, &conn->node);

    eca_timer_start_at(&conn->arrive, fake_memory_due_ns(memory));
    if (opts->connect_ms > 0) {
        eca_timer_start_ms(&conn->deadline, opts->connect_ms);
    }
    *ret_conn = (struct eca_channel_conn *)(void *)conn;
    return ECA_OK;
}

static int channel_send(void *impl, struct eca_channel_conn *handle, struct eca_view text,
                        struct eca_err *err)
{
    struct mem_conn *conn = (struct mem_conn *)(void *)handle;
    size_t unsent =
        conn->up.bytes > FAKE_MEMORY_WINDOW_BYTES ? conn->up.bytes - FAKE_MEMORY_WINDOW_BYTES : 0;

    (void)impl;
    if (!conn->open || conn->closing) {
        return eca_err_set(err, ECA_E_CONFLICT, "the connection is not open");
    }
    if (conn->queue_bytes_max > 0 && unsent + text.len > conn->queue_bytes_max) {
        return eca_err_set(err, ECA_E_LIMIT, "%zu unsent bytes, at most %zu", unsent + text.len,
                           conn->queue_bytes_max);
    }
    if (conn->ws != NULL) { /* else the end is on its way to us */
        (void)mem_pipe_put(&conn->up, UP_TEXT, 0, text);
        conn->queued_total += text.len;
        if (conn->events.on_written != NULL) {
            fake_written_add(&conn->written, conn->queued_total);
            eca_deferred_queue(&conn->tell);
        }
        if (!eca_timer_is_armed(&conn->stall)) {
            watch_stall(conn);
        }
    }
    return ECA_OK;
}

static void channel_close(void *impl, struct eca_channel_conn *handle, int code)
{
    struct mem_conn *conn = (struct mem_conn *)(void *)handle;

    (void)impl;
    if (conn->closing || conn->client_done) {
        return;
    }
    conn->closing = true;
    if (conn->open) {
        up_close(conn, code, ECA_VIEW_NONE);
        eca_timer_start_ms(&conn->deadline, CLOSE_WAIT_MS);
    } else {
        eca_timer_start_ms(&conn->deadline, 0);
    }
}

static void channel_abort(void *impl, struct eca_channel_conn *handle)
{
    struct mem_conn *conn = (struct mem_conn *)(void *)handle;

    (void)impl;
    up_cut(conn);
    client_stop(conn);
}

const struct eca_channel_ops fake_memory_channel_ops = {
    .open = channel_open,
    .send = channel_send,
    .close = channel_close,
    .abort = channel_abort,
};

void fake_memory_drop_conns(struct fake_memory *memory, bool tell_servers)
{
    ECA_LIST_FOREACH(it, &memory->conns)
    {
        struct mem_conn *conn = eca_list_entry(it, struct mem_conn, node);

        if (!tell_servers) {
            conn_free(conn);
        } else if (!conn->client_done) {
            channel_abort(memory, (struct eca_channel_conn *)(void *)conn);
        }
    }
}
