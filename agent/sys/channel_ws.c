#include "agent/sys/channel_ws.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ports/written.h"
#include "agent/sys/entropy.h"
#include "agent/sys/http_head.h"
#include "agent/sys/stream.h"
#include "agent/sys/ws_frame.h"

#define CLOSE_MS 1000              /* a close never waits longer (FB-21.3, SIG-103) */
#define REFUSAL_MS 5000            /* for the body of a refusal (WS-105) */
#define HEAD_BYTES_MAX 16384       /* of the answer to the upgrade */
#define READ_BYTES 16384           /* at once: one record of TLS */
#define READS_PER_EVENT 32         /* then other connections have their turn */
#define PONG_QUEUE_BYTES_MAX 65536 /* beyond, pings stay unanswered: nobody reads the answers */
#define REASON_BYTES_MAX 123       /* of a close frame */
#define CLOSE_EMPTY 1005           /* never on the wire: a close frame without a code */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum conn_state {
    CONN_CONNECTING, /* until the stream stands */
    CONN_UPGRADING,  /* the answer's head is being read */
    CONN_REFUSED,    /* a refusal's body is being read */
    CONN_OPEN,
    CONN_CLOSING, /* a close frame is queued or sent */
    CONN_ENDED,   /* finish will run, or runs */
};

struct eca_channel_conn {
    struct eca_channel_ws *owner;
    struct eca_list_node node;
    enum conn_state state;
    bool aborted; /* no event any more */
    struct eca_stream *stream;
    struct eca_channel_events events;
    void *arg;
    struct eca_buf request; /* the upgrade request until it is sent: holds the signature */
    char accept[32];        /* what Sec-WebSocket-Accept must be */
    uint64_t write_stall_ms;
    size_t queue_bytes_max;
    /* Traffic. */
    struct eca_buf head; /* of the answer */
    struct eca_http_body body;
    struct eca_ws_reader reader;
    struct eca_buf outgoing; /* frames; those before `sent` are gone */
    size_t sent;
    uint64_t queued_total, sent_total; /* bytes of frames */
    struct eca_written written;
    struct eca_timer connect_timer, stall_timer, close_timer, refusal_timer;
    struct eca_deferred io_work; /* to write, or to go on reading */
    /* The end: the first reason that is told is the one that counts. */
    bool how_known;
    enum eca_channel_how how;
    bool said_close; /* our close frame is the last thing in `outgoing` */
    int peer_code, status;
    struct eca_buf peer_reason;
    struct eca_err err;
    struct eca_deferred end_work;
};

struct eca_channel_ws {
    struct eca_channel_ws_opts opts;
    struct ssl_ctx_st *tls; /* made when first needed */
    struct eca_list conns;
};

/* ---- ends ----------------------------------------------------------------------------------- */

static void conn_free(struct eca_channel_conn *conn)
{
    eca_timer_stop(&conn->connect_timer);
    eca_timer_stop(&conn->stall_timer);
    eca_timer_stop(&conn->close_timer);
    eca_timer_stop(&conn->refusal_timer);
    eca_deferred_cancel(&conn->io_work);
    eca_deferred_cancel(&conn->end_work);
    eca_stream_free(conn->stream);
    eca_list_remove(&conn->owner->conns, &conn->node);
    if (conn->request.at != NULL) {
        eca_wipe(conn->request.at, conn->request.len);
    }
    eca_buf_clear(&conn->request);
    eca_buf_clear(&conn->head);
    eca_buf_clear(&conn->body.text);
    eca_ws_reader_clear(&conn->reader);
    eca_buf_clear(&conn->outgoing);
    eca_written_clear(&conn->written);
    eca_buf_clear(&conn->peer_reason);
    eca_free(conn);
}

static void set_how(struct eca_channel_conn *conn, enum eca_channel_how how, enum eca_code code,
                    const char *why)
{
    if (!conn->how_known) {
        conn->how_known = true;
        conn->how = how;
        if (code != ECA_OK) {
            (void)eca_err_set(&conn->err, code, "%s", why);
        }
    }
}

/* From the loop, once: the connection is gone. */
static void finish(void *arg)
{
    struct eca_channel_conn *conn = arg;
    struct eca_channel_end end;

    if (!conn->aborted) {
        assert(conn->how_known);
        end = (struct eca_channel_end){.how = conn->how,
                                       .close_code = conn->peer_code,
                                       .close_reason = eca_buf_view(&conn->peer_reason),
                                       .status = conn->status,
                                       .body = eca_buf_view(&conn->body.text),
                                       .err = conn->err};
        conn->aborted = true; /* an abort from inside on_end finds nothing to do */
        conn->events.on_end(conn->arg, &end);
    }
    conn_free(conn);
}

/* Nothing is read or written any more. The socket goes at once (WS-133), the rest in its turn. */
static void end_with(struct eca_channel_conn *conn, enum eca_channel_how how, enum eca_code code,
                     const char *why)
{
    set_how(conn, how, code, why);
    conn->state = CONN_ENDED;
    eca_stream_free(eca_take(conn->stream));
    eca_timer_stop(&conn->connect_timer);
    eca_timer_stop(&conn->stall_timer);
    eca_timer_stop(&conn->close_timer);
    eca_timer_stop(&conn->refusal_timer);
    eca_deferred_cancel(&conn->io_work);
    eca_deferred_queue(&conn->end_work);
}

static void on_connect_limit(void *arg)
{
    end_with(arg, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TIMEOUT, "no connection in time");
}

static void on_stall(void *arg)
{
    end_with(arg, ECA_CHANNEL_STALLED, ECA_E_TIMEOUT, "the peer does not read");
}

/* The peer did not take our close frame, or did not answer it. */
static void on_close_limit(void *arg)
{
    end_with(arg, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, "");
}

/* What has come of the body has to do. */
static void on_refusal_limit(void *arg)
{
    end_with(arg, ECA_CHANNEL_REFUSED, ECA_OK, "");
}

/* ---- writing -------------------------------------------------------------------------------- */

static size_t queued_bytes(const struct eca_channel_conn *conn)
{
    return conn->outgoing.len - conn->sent;
}

static void queue_frame(struct eca_channel_conn *conn, enum eca_ws_opcode opcode,
                        struct eca_view payload)
{
    unsigned char mask[4];
    size_t before;

    eca_entropy_fill(eca_entropy_system(), mask, sizeof(mask));
    before = conn->outgoing.len;
    eca_ws_write(&conn->outgoing, opcode, payload, mask);
    conn->queued_total += conn->outgoing.len - before;
    if (!eca_timer_is_armed(&conn->stall_timer)) {
        eca_timer_start_ms(&conn->stall_timer, conn->write_stall_ms);
    }
    eca_deferred_queue(&conn->io_work);
}

/* code 0: without payload. The frame goes after what waits; reading for messages is over. */
static void queue_close(struct eca_channel_conn *conn, int code, const char *reason)
{
    eca_auto_buf struct eca_buf payload = {0};

    if (code != 0) {
        eca_buf_add_char(&payload, (char)(code >> 8));
        eca_buf_add_char(&payload, (char)(code & 0xff));
        eca_buf_add_view(&payload, eca_view_sub(eca_view_str(reason), 0, REASON_BYTES_MAX));
    }
    conn->state = CONN_CLOSING;
    conn->said_close = true;
    eca_timer_start_ms(&conn->close_timer, CLOSE_MS);
    queue_frame(conn, ECA_WS_CLOSE, eca_buf_view(&payload));
}

/* Everything is with the kernel. */
static void on_drained(struct eca_channel_conn *conn)
{
    eca_buf_reset(&conn->outgoing);
    conn->sent = 0;
    eca_timer_stop(&conn->stall_timer);
    if (!conn->said_close) {
        return;
    }
    if (conn->how_known && conn->how == ECA_CHANNEL_CLOSED_BY_PEER) {
        end_with(conn, ECA_CHANNEL_CLOSED_BY_PEER, ECA_OK, "");
        return;
    }
    /* The peer reads all of it before it answers or goes; a socket closed now could lose it. */
    eca_stream_shutdown(conn->stream);
}

static void write_more(struct eca_channel_conn *conn)
{
    while (queued_bytes(conn) > 0) {
        struct eca_err err = {0};
        size_t taken = 0;

        if (eca_stream_write(conn->stream,
                             eca_view_sub(eca_buf_view(&conn->outgoing), conn->sent, SIZE_MAX),
                             &taken, &err) < 0) {
            end_with(conn, ECA_CHANNEL_LOST, ECA_E_TRANSIENT, err.msg);
            return;
        }
        if (taken == 0) {
            if (conn->sent > conn->outgoing.len / 2) {
                eca_buf_drop(&conn->outgoing, conn->sent);
                conn->sent = 0;
            }
            return;
        }
        conn->sent += taken;
        conn->sent_total += taken;
        eca_timer_start_ms(&conn->stall_timer, conn->write_stall_ms);
    }
    if (conn->outgoing.len > 0) {
        on_drained(conn);
    }
}

static void tell_written(struct eca_channel_conn *conn)
{
    while (!conn->aborted && eca_written_next(&conn->written, conn->sent_total)) {
        conn->events.on_written(conn->arg);
    }
}

static void write_request(struct eca_channel_conn *conn)
{
    while (conn->request.len > 0) {
        struct eca_err err = {0};
        size_t taken = 0;

        if (eca_stream_write(conn->stream, eca_buf_view(&conn->request), &taken, &err) < 0) {
            end_with(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TRANSIENT, err.msg);
            return;
        }
        if (taken == 0) {
            return;
        }
        eca_buf_drop(&conn->request, taken);
    }
}

/* ---- frames --------------------------------------------------------------------------------- */

static void on_peer_close(struct eca_channel_conn *conn, struct eca_view payload)
{
    const unsigned char *bytes = (const unsigned char *)payload.at;

    if (conn->how_known) { /* the answer to ours */
        end_with(conn, conn->how, ECA_OK, "");
        return;
    }
    conn->peer_code = payload.len >= 2 ? bytes[0] << 8 | bytes[1] : CLOSE_EMPTY;
    eca_utf8_repair(eca_view_sub(payload, 2, payload.len), &conn->peer_reason);
    if (conn->peer_code == 1000 || conn->peer_code == 1001 || conn->peer_code == CLOSE_EMPTY) {
        set_how(conn, ECA_CHANNEL_CLOSED_BY_PEER, ECA_OK, "");
    } else {
        eca_auto_free char *why = eca_xasprintf("websocket: close %d %s", conn->peer_code,
                                                eca_buf_str(&conn->peer_reason));

        set_how(conn, ECA_CHANNEL_CLOSED_BY_PEER, ECA_E_TRANSIENT, why);
    }
    queue_close(conn, 0, ""); /* WS-146: an empty one, once */
}

static void on_broken(struct eca_channel_conn *conn, enum eca_code code, int close_code,
                      const char *why)
{
    eca_auto_free char *text = eca_xasprintf("websocket: %s", why);

    set_how(conn, ECA_CHANNEL_LOST, code, text);
    queue_close(conn, close_code, why);
}

static void on_frames(struct eca_channel_conn *conn, struct eca_view bytes)
{
    bool may_read = true;

    while (may_read && (conn->state == CONN_OPEN || conn->state == CONN_CLOSING) &&
           !conn->aborted) {
        struct eca_view payload;
        const char *why;
        enum eca_ws_got got = eca_ws_read(&conn->reader, &bytes, &payload, &why);

        if (conn->state == CONN_CLOSING && got != ECA_WS_GOT_CLOSE) {
            may_read = got != ECA_WS_GOT_NOTHING && got != ECA_WS_GOT_BROKEN &&
                       got != ECA_WS_GOT_TOO_LARGE;
            continue; /* only the answer to our close counts now */
        }
        switch (got) {
        case ECA_WS_GOT_NOTHING:
            may_read = false;
            break;
        case ECA_WS_GOT_MESSAGE:
            conn->events.on_text(conn->arg, payload);
            break;
        case ECA_WS_GOT_PING:
            if (queued_bytes(conn) < PONG_QUEUE_BYTES_MAX) {
                queue_frame(conn, ECA_WS_PONG, payload); /* WS-143 */
            }
            break;
        case ECA_WS_GOT_PONG:
            break;
        case ECA_WS_GOT_CLOSE:
            on_peer_close(conn, payload);
            may_read = false;
            break;
        case ECA_WS_GOT_TOO_LARGE:
            on_broken(conn, ECA_E_LIMIT, 1009, "message too large");
            may_read = false;
            break;
        case ECA_WS_GOT_BROKEN:
            on_broken(conn, ECA_E_TRANSIENT, 1002, why);
            may_read = false;
            break;
        }
    }
}

/* ---- upgrade -------------------------------------------------------------------------------- */

/* NULL when the server speaks websocket to us (WS-130). */
static const char *check_upgrade(const struct eca_channel_conn *conn,
                                 const struct eca_http_head_text *head)
{
    if (!eca_http_head_has(head, "upgrade", "websocket")) {
        return "the upgrade reply has no Upgrade: websocket";
    }
    if (!eca_http_head_has(head, "connection", "upgrade")) {
        return "the upgrade reply has no Connection: Upgrade";
    }
    return eca_view_eq_str(eca_http_head_value(head, "sec-websocket-accept"), conn->accept)
               ? NULL
               : "the upgrade reply has a wrong Sec-WebSocket-Accept";
}

static void refuse(struct eca_channel_conn *conn, const struct eca_http_head_text *head)
{
    conn->state = CONN_REFUSED;
    conn->status = head->status;
    set_how(conn, ECA_CHANNEL_REFUSED, ECA_E_DENIED, "");
    (void)snprintf(conn->err.msg, sizeof(conn->err.msg), "refused with status %d", head->status);
    eca_http_body_begin(&conn->body, head, ECA_CHANNEL_REFUSAL_BYTES_MAX);
    eca_timer_start_ms(&conn->refusal_timer, REFUSAL_MS);
}

/* The head is complete: open, refused, or nonsense. */
static void on_head(struct eca_channel_conn *conn, struct eca_view text)
{
    struct eca_http_head_text head;
    const char *wrong;

    if (eca_http_head_parse(text, &head) < 0) {
        end_with(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_INVALID, "the upgrade reply is not HTTP");
        return;
    }
    if (head.status < 200 && head.status != 101) {
        return; /* 100, 103: the answer is yet to come */
    }
    eca_timer_stop(&conn->connect_timer);
    if (head.status != 101) {
        refuse(conn, &head);
        return;
    }
    wrong = check_upgrade(conn, &head);
    if (wrong != NULL) {
        end_with(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_INVALID, wrong);
        return;
    }
    conn->state = CONN_OPEN;
    conn->events.on_open(conn->arg);
}

static void on_refusal(struct eca_channel_conn *conn, struct eca_view bytes)
{
    eca_http_body_feed(&conn->body, bytes);
    if (conn->body.done) {
        end_with(conn, ECA_CHANNEL_REFUSED, ECA_OK, "");
    }
}

/* Heads until one decides; what follows it stays in conn->head. */
static void on_head_bytes(struct eca_channel_conn *conn, struct eca_view bytes)
{
    size_t end;

    eca_buf_add_view(&conn->head, bytes);
    while (conn->state == CONN_UPGRADING &&
           (end = eca_view_find(eca_buf_view(&conn->head), "\r\n\r\n", 0)) != SIZE_MAX) {
        on_head(conn, eca_view_sub(eca_buf_view(&conn->head), 0, end));
        eca_buf_drop(&conn->head, end + 4);
    }
    if (conn->state == CONN_UPGRADING && conn->head.len > HEAD_BYTES_MAX) {
        end_with(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_INVALID, "the upgrade reply is too long");
    }
}

static void on_bytes(struct eca_channel_conn *conn, struct eca_view bytes)
{
    bool upgrading = conn->state == CONN_UPGRADING;

    if (upgrading) {
        on_head_bytes(conn, bytes);
        bytes = eca_buf_view(&conn->head); /* bytes behind the head are not lost (WS-132) */
    }
    if (conn->state == CONN_REFUSED) {
        on_refusal(conn, bytes);
    } else if (conn->state == CONN_OPEN || conn->state == CONN_CLOSING) {
        on_frames(conn, bytes);
    }
    if (upgrading && conn->state != CONN_UPGRADING) {
        eca_buf_clear(&conn->head);
    }
}

/* ---- the stream ----------------------------------------------------------------------------- */

static void on_stream_end(struct eca_channel_conn *conn, const char *why)
{
    switch (conn->state) {
    case CONN_UPGRADING:
        end_with(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TRANSIENT, why);
        return;
    case CONN_REFUSED:
    case CONN_CLOSING: /* why it ends is known */
        end_with(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, "");
        return;
    case CONN_OPEN: /* WS-147 */
        end_with(conn, ECA_CHANNEL_LOST, ECA_E_TRANSIENT, why);
        return;
    case CONN_CONNECTING:
    case CONN_ENDED:
        return;
    }
}

static void read_more(struct eca_channel_conn *conn)
{
    char bytes[READ_BYTES];

    for (int reads = 0; reads < READS_PER_EVENT; reads++) {
        struct eca_err err = {0};
        size_t got = 0;

        if (conn->stream == NULL || conn->aborted) {
            return;
        }
        if (eca_stream_read(conn->stream, bytes, sizeof(bytes), &got, &err) < 0) {
            on_stream_end(conn, err.msg);
            return;
        }
        if (got == 0) {
            return;
        }
        on_bytes(conn, eca_view_of(bytes, got));
    }
    eca_deferred_queue(&conn->io_work); /* TLS may hold the rest: no event would come */
}

static void on_io(void *arg)
{
    struct eca_channel_conn *conn = arg;

    if (conn->state == CONN_UPGRADING && conn->request.len > 0) {
        write_request(conn);
    }
    read_more(conn);
    if (conn->stream != NULL && conn->state >= CONN_OPEN) {
        write_more(conn);
        tell_written(conn);
    }
}

static void on_stream_open(void *arg)
{
    struct eca_channel_conn *conn = arg;

    conn->state = CONN_UPGRADING;
    write_request(conn);
}

static void on_stream_failed(void *arg, const struct eca_err *err)
{
    end_with(arg, ECA_CHANNEL_CONNECT_FAILED, err->code, err->msg);
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool has_controls(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* The upgrade request (WS-110), and what its answer must prove. */
static int make_request(struct eca_channel_conn *conn, const struct eca_channel_opts *opts,
                        const struct eca_url *url, struct eca_err *err)
{
    struct eca_buf *out = &conn->request;
    unsigned char random[16], digest[SHA_DIGEST_LENGTH];
    eca_auto_buf struct eca_buf key = {0}, proof = {0}, accept = {0};

    eca_entropy_fill(eca_entropy_system(), random, sizeof(random));
    eca_base64(random, sizeof(random), false, &key);
    eca_buf_addf(&proof, "%s" ACCEPT_GUID, eca_buf_str(&key));
    (void)SHA1((const unsigned char *)proof.at, proof.len, digest);
    eca_base64(digest, sizeof(digest), false, &accept);
    (void)snprintf(conn->accept, sizeof(conn->accept), "%s", eca_buf_str(&accept));

    eca_buf_add_str(out, "GET ");
    if (url->path.len == 0) {
        eca_buf_add_char(out, '/');
    }
    eca_buf_add_view(out, url->path);
    if (url->query.len > 0) {
        eca_buf_add_char(out, '?');
        eca_buf_add_view(out, url->query);
    }
    eca_buf_add_str(out, " HTTP/1.1\r\nHost: ");
    eca_buf_add_view(out, url->authority);
    eca_buf_addf(out,
                 "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: %s\r\n",
                 eca_buf_str(&key));
    for (size_t i = 0; i < opts->header_count; i++) {
        if (has_controls(opts->headers[i].name) || has_controls(opts->headers[i].value)) {
            return eca_err_set(err, ECA_E_INVALID, "header %s has control characters",
                               opts->headers[i].name);
        }
        eca_buf_addf(out, "%s: %s\r\n", opts->headers[i].name, opts->headers[i].value);
    }
    eca_buf_add_str(out, "\r\n");
    return ECA_OK;
}

static int parse_url(const struct eca_channel_opts *opts, struct eca_url *ret_url, bool *ret_tls,
                     struct eca_err *err)
{
    bool plain;

    if (has_controls(opts->url) || eca_url_parse(eca_view_str(opts->url), ret_url, err) < 0) {
        return eca_err_set(err, ECA_E_INVALID, "the endpoint is no URL");
    }
    plain =
        eca_view_eq_nocase(ret_url->scheme, "http") || eca_view_eq_nocase(ret_url->scheme, "ws");
    if (!plain && !eca_view_eq_nocase(ret_url->scheme, "https") &&
        !eca_view_eq_nocase(ret_url->scheme, "wss")) {
        return eca_err_set(err, ECA_E_INVALID, "scheme of %s is not a websocket's", opts->url);
    }
    if (ret_url->host.len == 0) {
        return eca_err_set(err, ECA_E_INVALID, "no host in the endpoint");
    }
    *ret_tls = !(plain && opts->plain_http); /* TLS for every endpoint (WS-102, L-3) */
    return ECA_OK;
}

static int choose_proxy(struct eca_channel_ws *ws, const struct eca_channel_opts *opts,
                        struct eca_proxy *ret_proxy, struct eca_err *err)
{
    struct eca_proxy_settings settings;

    *ret_proxy = (struct eca_proxy){0};
    if (opts->proxy != ECA_HTTP_PROXY_ENVIRONMENT || ws->opts.env == NULL) {
        return ECA_OK;
    }
    eca_proxy_settings_read(ws->opts.env, ws->opts.env_arg, &settings);
    return eca_proxy_choose(&settings, eca_view_str(opts->url), ret_proxy, err);
}

static int open_stream(struct eca_channel_conn *conn, const struct eca_channel_opts *opts,
                       struct eca_err *err)
{
    static const struct eca_stream_events events = {on_stream_open, on_io, on_stream_failed};
    struct eca_channel_ws *ws = conn->owner;
    eca_auto_free char *host = NULL;
    struct eca_proxy proxy;
    struct eca_url url = {0};
    bool tls = true;

    if (parse_url(opts, &url, &tls, err) < 0 || choose_proxy(ws, opts, &proxy, err) < 0 ||
        make_request(conn, opts, &url, err) < 0) {
        return ECA_E_INVALID;
    }
    if (ws->tls == NULL && (ws->tls = eca_stream_tls_new(&ws->opts.trust)) == NULL) {
        return eca_err_set(err, ECA_E_INTERNAL, "no TLS context");
    }
    host = eca_xstrndup(url.host.at, url.host.len);
    conn->stream = eca_stream_open(
        &(struct eca_stream_opts){
            .loop = ws->opts.loop,
            .host = host,
            .port = url.port != 0 ? (uint16_t)url.port
                    : tls         ? 443
                                  : 80,
            .proxy = &proxy,
            .tls = tls,
            .insecure = opts->insecure,
            .ctx = ws->tls,
        },
        &events, conn);
    eca_wipe(&proxy, sizeof(proxy));
    return ECA_OK;
}

/* ---- the port ------------------------------------------------------------------------------- */

static int channel_open(void *impl, const struct eca_channel_opts *opts,
                        const struct eca_channel_events *events, void *arg,
                        struct eca_channel_conn **ret_conn, struct eca_err *err)
{
    struct eca_channel_ws *ws = impl;
    struct eca_sched *sched = eca_loop_sched(ws->opts.loop);
    struct eca_channel_conn *conn = eca_xalloc(sizeof(*conn));
    int code;

    conn->owner = ws;
    conn->events = *events;
    conn->arg = arg;
    conn->write_stall_ms = opts->write_stall_ms > 0 ? opts->write_stall_ms : 30000;
    conn->queue_bytes_max = opts->send_queue_bytes_max;
    conn->reader.message_bytes_max = opts->message_bytes_max;
    eca_timer_init(&conn->connect_timer, sched, on_connect_limit, conn);
    eca_timer_init(&conn->stall_timer, sched, on_stall, conn);
    eca_timer_init(&conn->close_timer, sched, on_close_limit, conn);
    eca_timer_init(&conn->refusal_timer, sched, on_refusal_limit, conn);
    eca_deferred_init(&conn->io_work, sched, on_io, conn);
    eca_deferred_init(&conn->end_work, sched, finish, conn);
    eca_list_push_back(&ws->conns, &conn->node);
    code = open_stream(conn, opts, err);
    if (code < 0) {
        conn_free(conn);
        return code;
    }
    eca_timer_start_ms(&conn->connect_timer, opts->connect_ms > 0 ? opts->connect_ms : 30000);
    *ret_conn = conn;
    return ECA_OK;
}

static int channel_send(void *impl, struct eca_channel_conn *conn, struct eca_view text,
                        struct eca_err *err)
{
    (void)impl;
    if (conn->state != CONN_OPEN) {
        return eca_err_set(err, ECA_E_CONFLICT, "the connection does not stand");
    }
    if (queued_bytes(conn) + text.len > conn->queue_bytes_max) {
        return eca_err_set(err, ECA_E_LIMIT, "%zu bytes wait to be sent", queued_bytes(conn));
    }
    queue_frame(conn, ECA_WS_TEXT, text);
    if (conn->events.on_written != NULL) {
        eca_written_add(&conn->written, conn->queued_total);
    }
    return ECA_OK;
}

static void channel_close(void *impl, struct eca_channel_conn *conn, int code)
{
    (void)impl;
    switch (conn->state) {
    case CONN_CLOSING:
    case CONN_ENDED:
        return;
    case CONN_OPEN:
        set_how(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, "");
        queue_close(conn, code, "");
        return;
    case CONN_CONNECTING:
    case CONN_UPGRADING:
    case CONN_REFUSED:
        end_with(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, "");
        return;
    }
}

static void channel_abort(void *impl, struct eca_channel_conn *conn)
{
    (void)impl;
    if (!conn->aborted) {
        conn->aborted = true;
        end_with(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, "");
    }
}

struct eca_channel_ws *eca_channel_ws_new(const struct eca_channel_ws_opts *opts)
{
    struct eca_channel_ws *ws = eca_xalloc(sizeof(*ws));

    ws->opts = *opts;
    eca_list_init(&ws->conns);
    return ws;
}

void eca_channel_ws_free(struct eca_channel_ws *ws)
{
    if (ws == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &ws->conns)
    {
        conn_free(eca_list_entry(node, struct eca_channel_conn, node));
    }
    eca_stream_tls_free(ws->tls);
    eca_free(ws);
}

struct eca_channel eca_channel_ws_port(struct eca_channel_ws *ws)
{
    static const struct eca_channel_ops ops = {
        .open = channel_open, .send = channel_send, .close = channel_close, .abort = channel_abort};

    return (struct eca_channel){&ops, ws};
}
