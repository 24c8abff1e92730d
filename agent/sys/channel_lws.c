#include "agent/sys/channel_lws.h"

#include <stdio.h>
#include <string.h>

#include <libwebsockets.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/sys/http_call.h"
#include "agent/sys/relay.h"

#define BACKSTOP_S 300 /* the library's own limits; ours are timers, and shorter (WS-105) */
#define RX_BYTES 65536
#define CLOSE_MS 1000        /* a close never waits longer (STYLE 6, SIG-103) */
#define LIBRARY_BYTES 16384  /* in its socket: what waits longer is seen by the write deadline */
#define REASON_BYTES_MAX 123 /* of a close frame */

enum conn_state {
    CONN_REACHING, /* the relay looks for the server */
    CONN_CONNECTING,
    CONN_OPEN,
    CONN_CLOSING, /* our close is queued or sent */
    CONN_ENDED,
};

struct message {
    struct eca_list_node node;
    size_t len;
    unsigned char bytes[]; /* LWS_PRE in front */
};

struct eca_channel_conn {
    struct eca_channel_lws *owner;
    struct eca_list_node node;
    enum conn_state state;
    bool aborted; /* no event any more */
    struct lws *wsi;
    struct eca_relay *relay;
    struct eca_channel_events events;
    void *arg;
    /* Options, copied. */
    char *host, *authority, *path;
    int port;
    bool tls;
    struct eca_http_header *headers;
    size_t header_count;
    uint64_t connect_ms, write_stall_ms, message_bytes_max;
    size_t queue_bytes_max;
    /* Traffic. */
    struct eca_buf incoming;
    struct eca_list outgoing;
    size_t queued_bytes;
    bool writing; /* the library has a message that it has not handed on as a whole */
    struct eca_timer connect_timer, stall_timer, close_timer;
    int close_code; /* ours */
    /* What is known about the end. */
    enum eca_channel_how how;
    bool how_known;
    int peer_code;
    struct eca_buf peer_reason;
    int status;
    struct eca_buf body;
    struct eca_err err;
    struct eca_deferred end_work; /* an end that no library callback tells */
};

struct eca_channel_lws {
    struct eca_channel_lws_opts opts;
    /* Of all connections, made when first needed: setting up TLS is dear. */
    struct lws_vhost *vhost;
    struct ssl_ctx_st *tls;
    struct eca_list conns, relays;
};

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len);

static const struct lws_protocols protocols[] = {
    {.name = "eca-channel", .callback = on_event, .rx_buffer_size = RX_BYTES},
    {.name = NULL},
};

/* ---- ends ----------------------------------------------------------------------------------- */

static void conn_free(struct eca_channel_conn *conn)
{
    eca_timer_stop(&conn->connect_timer);
    eca_timer_stop(&conn->stall_timer);
    eca_timer_stop(&conn->close_timer);
    eca_deferred_cancel(&conn->end_work);
    eca_relay_leave(conn->relay);
    eca_list_remove(&conn->owner->conns, &conn->node);
    for (struct eca_list_node *node = eca_list_pop_front(&conn->outgoing); node != NULL;
         node = eca_list_pop_front(&conn->outgoing)) {
        eca_free(eca_list_entry(node, struct message, node));
    }
    for (size_t i = 0; i < conn->header_count; i++) {
        char *texts[2];

        memcpy(&texts[0], &conn->headers[i].name, sizeof(char *));
        memcpy(&texts[1], &conn->headers[i].value, sizeof(char *));
        eca_wipe(texts[1], strlen(texts[1]));
        eca_free(texts[0]);
        eca_free(texts[1]);
    }
    eca_free(conn->headers);
    eca_free(conn->host);
    eca_free(conn->authority);
    eca_free(conn->path);
    eca_buf_clear(&conn->incoming);
    eca_buf_clear(&conn->peer_reason);
    eca_buf_clear(&conn->body);
    eca_free(conn);
}

/* The first reason that is told is the one that counts. */
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

    eca_relay_leave(eca_take(conn->relay)); /* before the end is told (WS-133) */
    if (!conn->aborted) {
        if (!conn->how_known) {
            set_how(conn, conn->state == CONN_OPEN ? ECA_CHANNEL_LOST : ECA_CHANNEL_CONNECT_FAILED,
                    ECA_E_TRANSIENT,
                    conn->state == CONN_OPEN ? "unexpected EOF" : "the connection did not stand");
        }
        end = (struct eca_channel_end){.how = conn->how,
                                       .close_code = conn->peer_code,
                                       .close_reason = eca_buf_view(&conn->peer_reason),
                                       .status = conn->status,
                                       .body = eca_buf_view(&conn->body),
                                       .err = conn->err};
        conn->state = CONN_ENDED;
        conn->aborted = true; /* an abort from inside on_end finds nothing to do */
        conn->events.on_end(conn->arg, &end);
    }
    conn_free(conn);
}

/* Tell the library to drop the socket; WSI_DESTROY follows. */
static void drop(struct eca_channel_conn *conn)
{
    if (conn->state == CONN_REACHING) {
        eca_relay_leave(eca_take(conn->relay));
    }
    if (conn->wsi != NULL) {
        lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    } else if (conn->state != CONN_CONNECTING) {
        eca_deferred_queue(&conn->end_work);
    }
}

/* The library takes seconds to bury some sockets; whoever waits for the end does not. */
static void let_go(struct eca_channel_conn *conn)
{
    if (conn->wsi != NULL) {
        lws_set_opaque_user_data(conn->wsi, NULL);
        lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
        conn->wsi = NULL;
    }
    eca_deferred_queue(&conn->end_work);
}

static void on_connect_limit(void *arg)
{
    struct eca_channel_conn *conn = arg;

    set_how(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TIMEOUT, "no connection in time");
    drop(conn);
}

static void on_stall(void *arg)
{
    struct eca_channel_conn *conn = arg;

    set_how(conn, ECA_CHANNEL_STALLED, ECA_E_TIMEOUT, "the peer does not read");
    let_go(conn);
}

static void on_close_limit(void *arg)
{
    struct eca_channel_conn *conn = arg;

    set_how(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, "");
    let_go(conn);
}

/* ---- traffic -------------------------------------------------------------------------------- */

/* The library calls when it has handed on what it had. */
static int write_next(struct eca_channel_conn *conn)
{
    struct eca_list_node *node;
    struct message *message;
    int written;

    if (conn->writing) {
        conn->writing = false;
        if (conn->events.on_written != NULL) {
            conn->events.on_written(conn->arg);
        }
        if (conn->aborted) {
            return -1;
        }
    }
    node = eca_list_pop_front(&conn->outgoing);
    if (node == NULL) {
        eca_timer_stop(&conn->stall_timer);
        if (conn->state == CONN_CLOSING) {
            lws_close_reason(conn->wsi, (enum lws_close_status)conn->close_code, NULL, 0);
            set_how(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, "");
            return -1;
        }
        return 0;
    }
    message = eca_list_entry(node, struct message, node);
    conn->queued_bytes -= message->len;
    eca_timer_start_ms(&conn->stall_timer, conn->write_stall_ms);
    written = lws_write(conn->wsi, message->bytes + LWS_PRE, message->len, LWS_WRITE_TEXT);
    eca_free(message);
    if (written < 0) {
        set_how(conn, ECA_CHANNEL_LOST, ECA_E_TRANSIENT, "write failed");
        return -1;
    }
    conn->writing = true;
    /* Also when nothing is left: the callback that comes then tells that all was taken. */
    lws_callback_on_writable(conn->wsi);
    return 0;
}

/*
 * Our Close, when what is queued is out. It is never begun inside a receive callback: libwebsockets
 * 4.1 reads on until the peer has closed as well, and after a receive callback that failed it does
 * so without emptying its buffer, beyond whose end it then writes.
 */
static void begin_close(struct eca_channel_conn *conn, int code)
{
    conn->close_code = code;
    conn->state = CONN_CLOSING;
    eca_timer_start_ms(&conn->close_timer, CLOSE_MS);
    lws_callback_on_writable(conn->wsi);
}

static int receive(struct eca_channel_conn *conn, const char *bytes, size_t len)
{
    if (conn->state == CONN_CLOSING) {
        return conn->aborted ? -1 : 0; /* nobody hears it */
    }
    if (conn->incoming.len + len > conn->message_bytes_max) {
        set_how(conn, ECA_CHANNEL_LOST, ECA_E_LIMIT, "message too large");
        eca_buf_clear(&conn->incoming);
        begin_close(conn, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE);
        return 0;
    }
    eca_buf_add(&conn->incoming, bytes, len);
    if (lws_is_final_fragment(conn->wsi) && lws_remaining_packet_payload(conn->wsi) == 0) {
        if (!conn->aborted && conn->state == CONN_OPEN) {
            conn->events.on_text(conn->arg, eca_buf_view(&conn->incoming));
        }
        if (conn->incoming.cap > RX_BYTES * 4) {
            eca_buf_clear(&conn->incoming); /* one large message must not cost memory for ever */
        } else {
            eca_buf_reset(&conn->incoming);
        }
    }
    return conn->aborted ? -1 : 0;
}

/* ---- upgrade -------------------------------------------------------------------------------- */

static int add_headers(struct eca_channel_conn *conn, unsigned char **at, unsigned char *end)
{
    for (size_t i = 0; i < conn->header_count; i++) {
        eca_auto_free char *name = eca_xasprintf("%s:", conn->headers[i].name);

        if (lws_add_http_header_by_name(conn->wsi, (const unsigned char *)name,
                                        (const unsigned char *)conn->headers[i].value,
                                        (int)strlen(conn->headers[i].value), at, end) != 0) {
            set_how(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_LIMIT, "headers too long");
            return -1;
        }
    }
    return 0;
}

static void on_established(struct eca_channel_conn *conn)
{
    eca_timer_stop(&conn->connect_timer);
    if (conn->aborted || conn->state != CONN_CONNECTING) {
        drop(conn);
        return;
    }
    conn->state = CONN_OPEN;
    conn->events.on_open(conn->arg);
}

static void on_peer_close(struct eca_channel_conn *conn, const unsigned char *payload, size_t len)
{
    conn->peer_code = len >= 2 ? payload[0] << 8 | payload[1] : 1005;
    if (len > 2) {
        conn->peer_reason.bytes_max = REASON_BYTES_MAX;
        eca_utf8_repair(eca_view_of((const char *)payload + 2, len - 2), &conn->peer_reason);
    }
    if (conn->peer_code == 1000 || conn->peer_code == 1001 || conn->peer_code == 1005) {
        set_how(conn, ECA_CHANNEL_CLOSED_BY_PEER, ECA_OK, "");
    } else {
        eca_auto_free char *why = eca_xasprintf("websocket: close %d %s", conn->peer_code,
                                                eca_buf_str(&conn->peer_reason));

        set_how(conn, ECA_CHANNEL_CLOSED_BY_PEER, ECA_E_TRANSIENT, why);
    }
}

/* A 101 that is none (WS-130). */
static void on_connect_error(struct eca_channel_conn *conn, const char *text, size_t len)
{
    char why[160];

    (void)snprintf(why, sizeof(why), "%.*s", text == NULL ? 0 : (int)(len > 150 ? 150 : len),
                   text == NULL ? "" : text);
    set_how(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TRANSIENT,
            why[0] != '\0' ? why : "connection failed");
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct eca_channel_conn *conn = lws_get_opaque_user_data(wsi);

    (void)user;
    if (conn == NULL) {
        return 0;
    }
    switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        conn->wsi = wsi;
        return add_headers(conn, (unsigned char **)in, *(unsigned char **)in + len);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        on_established(conn);
        return conn->aborted ? -1 : 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return receive(conn, in, len);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return conn->aborted ? -1 : write_next(conn);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        on_peer_close(conn, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        on_connect_error(conn, in, len);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY: /* the only event that surely comes */
        conn->wsi = NULL;
        lws_set_opaque_user_data(wsi, NULL);
        if (conn->state == CONN_CONNECTING) {
            conn->state = CONN_REACHING; /* so that a late limit ends it by itself */
        }
        eca_deferred_queue(&conn->end_work);
        return 0;
    default:
        return 0;
    }
}

/* ---- the relay ------------------------------------------------------------------------------ */

/* The relay has a server for us: the library connects to it. */
static void on_reached(void *arg, const char *address)
{
    struct eca_channel_conn *conn = arg;
    int bytes = LIBRARY_BYTES;
    struct lws_client_connect_info info = {
        .context = eca_loop_lws(conn->owner->opts.loop),
        .vhost = conn->owner->vhost,
        .address = address,
        .port = conn->port,
        .path = conn->path,
        .host = conn->authority,
        .local_protocol_name = "eca-channel",
        .opaque_user_data = conn,
        .pwsi = &conn->wsi,
    };

    conn->state = CONN_CONNECTING;
    if (lws_client_connect_via_info(&info) == NULL) {
        /* WSI_DESTROY may have run already, or never will: end it ourselves, once. */
        conn->wsi = NULL;
        conn->state = CONN_REACHING;
        set_how(conn, ECA_CHANNEL_CONNECT_FAILED, ECA_E_TRANSIENT, "connection failed");
        eca_deferred_queue(&conn->end_work);
    } else if (conn->wsi != NULL) {
        (void)setsockopt(lws_get_socket_fd(conn->wsi), SOL_SOCKET, SO_SNDBUF, &bytes,
                         sizeof(bytes));
    }
}

static void on_not_reached(void *arg, const struct eca_err *err)
{
    struct eca_channel_conn *conn = arg;

    set_how(conn, ECA_CHANNEL_CONNECT_FAILED, err->code, err->msg);
    let_go(conn);
}

/* The answer has come in time. */
static void on_refusal(void *arg)
{
    struct eca_channel_conn *conn = arg;

    eca_timer_stop(&conn->connect_timer);
}

static void on_refused(void *arg, int status, struct eca_view body)
{
    struct eca_channel_conn *conn = arg;
    char why[48];

    (void)snprintf(why, sizeof(why), "refused with status %d", status);
    set_how(conn, ECA_CHANNEL_REFUSED, ECA_E_DENIED, why);
    conn->status = status;
    eca_buf_add_view(&conn->body, body);
    let_go(conn);
}

static void on_broken(void *arg, const struct eca_err *err)
{
    struct eca_channel_conn *conn = arg;

    set_how(conn, ECA_CHANNEL_LOST, err->code, err->msg);
    eca_timer_start_ms(&conn->close_timer, CLOSE_MS); /* should the library not see its end */
}

/* ---- the port ------------------------------------------------------------------------------- */

static int prepare(struct eca_channel_lws *lws, struct eca_err *err)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .vhost_name = "channel",
        .protocols = protocols,
        .connect_timeout_secs = BACKSTOP_S,
        .http_proxy_address = "", /* or the library reads http_proxy itself */
    };

    if (lws->vhost != NULL) {
        return ECA_OK;
    }
    lws->tls = lws->tls != NULL ? lws->tls : eca_stream_tls_new(&lws->opts.trust);
    if (lws->tls == NULL) {
        return eca_err_set(err, ECA_E_INTERNAL, "no TLS");
    }
    lws->vhost = lws_create_vhost(eca_loop_lws(lws->opts.loop), &info);
    return lws->vhost != NULL ? ECA_OK : eca_err_set(err, ECA_E_INTERNAL, "no client vhost");
}

static int parse_url(struct eca_channel_conn *conn, const struct eca_channel_opts *opts,
                     struct eca_err *err)
{
    struct eca_url url;
    bool plain;

    if (eca_url_parse(eca_view_str(opts->url), &url, err) < 0) {
        return ECA_E_INVALID;
    }
    plain = eca_view_eq_nocase(url.scheme, "http") || eca_view_eq_nocase(url.scheme, "ws");
    if (!plain && !eca_view_eq_nocase(url.scheme, "https") &&
        !eca_view_eq_nocase(url.scheme, "wss")) {
        return eca_err_set(err, ECA_E_INVALID, "scheme of %s is not a websocket's", opts->url);
    }
    if (url.host.len == 0) {
        return eca_err_set(err, ECA_E_INVALID, "no host in the endpoint");
    }
    conn->tls = !(plain && opts->plain_http); /* TLS for every endpoint (WS-102, L-3) */
    conn->port = url.port != 0 ? (int)url.port : conn->tls ? 443 : 80;
    conn->host = eca_xstrndup(url.host.at, url.host.len);
    conn->authority = eca_xstrndup(url.authority.at, url.authority.len);
    conn->path = url.query.len > 0 ? eca_xasprintf("%.*s?%.*s", (int)url.path.len, url.path.at,
                                                   (int)url.query.len, url.query.at)
                                   : eca_xasprintf("%.*s", (int)url.path.len,
                                                   url.path.len > 0 ? url.path.at : "");
    if (conn->path[0] != '/') {
        char *with_slash = eca_xasprintf("/%s", conn->path);

        eca_free(conn->path);
        conn->path = with_slash;
    }
    return ECA_OK;
}

static int choose_proxy(struct eca_channel_lws *lws, const struct eca_channel_opts *opts,
                        struct eca_proxy *ret_proxy, struct eca_err *err)
{
    struct eca_proxy_settings settings;

    *ret_proxy = (struct eca_proxy){0};
    if (opts->proxy != ECA_HTTP_PROXY_ENVIRONMENT || lws->opts.env == NULL) {
        return ECA_OK;
    }
    eca_proxy_settings_read(lws->opts.env, lws->opts.env_arg, &settings);
    return eca_proxy_choose(&settings, eca_view_str(opts->url), ret_proxy, err);
}

/* WS-106: where to, never with the proxy's user. */
static void say_where(struct eca_channel_conn *conn, const struct eca_proxy *proxy)
{
    struct eca_log *log = conn->owner->opts.log;

    if (log == NULL) {
        return;
    }
    if (proxy->used) {
        ECA_INFO(log, "util", ECA_NO_KV, "Creating poll dialer, proxy: %s:%u", proxy->host,
                 proxy->port);
    } else {
        ECA_INFO(log, "util", ECA_NO_KV, "Creating poll dialer, host: %s", conn->authority);
    }
}

static void copy_headers(struct eca_channel_conn *conn, const struct eca_channel_opts *opts)
{
    conn->header_count = opts->header_count;
    conn->headers = eca_xalloc((opts->header_count + 1) * sizeof(*conn->headers));
    for (size_t i = 0; i < opts->header_count; i++) {
        conn->headers[i].name = eca_xstrdup(opts->headers[i].name);
        conn->headers[i].value = eca_xstrdup(opts->headers[i].value);
    }
}

static int channel_open(void *impl, const struct eca_channel_opts *opts,
                        const struct eca_channel_events *events, void *arg,
                        struct eca_channel_conn **ret_conn, struct eca_err *err)
{
    static const struct eca_relay_events relay_events = {.on_ready = on_reached,
                                                         .on_failed = on_not_reached,
                                                         .on_refusal = on_refusal,
                                                         .on_refused = on_refused,
                                                         .on_broken = on_broken};
    struct eca_channel_lws *lws = impl;
    struct eca_sched *sched = eca_loop_sched(lws->opts.loop);
    struct eca_channel_conn *conn = eca_xalloc(sizeof(*conn));
    struct eca_proxy proxy;

    conn->owner = lws;
    conn->events = *events;
    conn->arg = arg;
    conn->connect_ms = opts->connect_ms > 0 ? opts->connect_ms : 30000;
    conn->write_stall_ms = opts->write_stall_ms > 0 ? opts->write_stall_ms : 30000;
    conn->message_bytes_max = opts->message_bytes_max;
    conn->queue_bytes_max = opts->send_queue_bytes_max;
    eca_list_init(&conn->outgoing);
    eca_timer_init(&conn->connect_timer, sched, on_connect_limit, conn);
    eca_timer_init(&conn->stall_timer, sched, on_stall, conn);
    eca_timer_init(&conn->close_timer, sched, on_close_limit, conn);
    eca_deferred_init(&conn->end_work, sched, finish, conn);
    eca_list_push_back(&lws->conns, &conn->node);
    if (parse_url(conn, opts, err) < 0 || choose_proxy(lws, opts, &proxy, err) < 0 ||
        eca_http_headers_check(opts->headers, opts->header_count, err) < 0 ||
        prepare(lws, err) < 0) {
        conn_free(conn);
        return ECA_E_INVALID;
    }
    copy_headers(conn, opts);
    eca_timer_start_ms(&conn->connect_timer, conn->connect_ms);
    say_where(conn, &proxy);
    conn->relay = eca_relay_open(&(struct eca_stream_opts){.loop = lws->opts.loop,
                                                           .host = conn->host,
                                                           .port = (uint16_t)conn->port,
                                                           .proxy = &proxy,
                                                           .tls = conn->tls,
                                                           .insecure = opts->insecure,
                                                           .ctx = lws->tls},
                                 &lws->relays, &relay_events, conn);
    eca_wipe(&proxy, sizeof(proxy));
    *ret_conn = conn;
    return ECA_OK;
}

static int channel_send(void *impl, struct eca_channel_conn *conn, struct eca_view text,
                        struct eca_err *err)
{
    struct message *message;

    (void)impl;
    if (conn->state != CONN_OPEN || conn->wsi == NULL) {
        return eca_err_set(err, ECA_E_CONFLICT, "the connection does not stand");
    }
    if (conn->queued_bytes + text.len > conn->queue_bytes_max) {
        return eca_err_set(err, ECA_E_LIMIT, "%zu bytes wait to be sent", conn->queued_bytes);
    }
    message = eca_xalloc(sizeof(*message) + LWS_PRE + text.len);
    message->len = text.len;
    memcpy(message->bytes + LWS_PRE, text.at, text.len);
    eca_list_push_back(&conn->outgoing, &message->node);
    conn->queued_bytes += text.len;
    if (!eca_timer_is_armed(&conn->stall_timer)) {
        eca_timer_start_ms(&conn->stall_timer, conn->write_stall_ms);
    }
    lws_callback_on_writable(conn->wsi);
    return ECA_OK;
}

static void channel_close(void *impl, struct eca_channel_conn *conn, int code)
{
    (void)impl;
    if (conn->state == CONN_CLOSING || conn->state == CONN_ENDED) {
        return;
    }
    if (conn->state != CONN_OPEN || conn->wsi == NULL) {
        set_how(conn, ECA_CHANNEL_CLOSED_BY_US, ECA_OK, "");
        drop(conn);
        return;
    }
    begin_close(conn, code);
}

static void channel_abort(void *impl, struct eca_channel_conn *conn)
{
    (void)impl;
    if (conn->aborted) {
        return;
    }
    conn->aborted = true;
    eca_timer_stop(&conn->connect_timer);
    eca_timer_stop(&conn->stall_timer);
    eca_timer_stop(&conn->close_timer);
    drop(conn);
}

struct eca_channel_lws *eca_channel_lws_new(const struct eca_channel_lws_opts *opts)
{
    struct eca_channel_lws *lws = eca_xalloc(sizeof(*lws));

    lws->opts = *opts;
    eca_list_init(&lws->conns);
    eca_list_init(&lws->relays);
    return lws;
}

void eca_channel_lws_free(struct eca_channel_lws *lws)
{
    if (lws == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &lws->conns)
    {
        struct eca_channel_conn *conn = eca_list_entry(node, struct eca_channel_conn, node);

        if (conn->wsi != NULL) { /* the library must not call into freed memory */
            lws_set_opaque_user_data(conn->wsi, NULL);
            lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
        }
        conn_free(conn);
    }
    ECA_LIST_FOREACH(node, &lws->relays)
    {
        eca_relay_free(eca_relay_from_node(node));
    }
    if (lws->vhost != NULL) {
        lws_vhost_destroy(lws->vhost);
    }
    eca_stream_tls_free(lws->tls);
    eca_free(lws);
}

struct eca_channel eca_channel_lws_port(struct eca_channel_lws *lws)
{
    static const struct eca_channel_ops ops = {
        .open = channel_open, .send = channel_send, .close = channel_close, .abort = channel_abort};

    return (struct eca_channel){&ops, lws};
}
