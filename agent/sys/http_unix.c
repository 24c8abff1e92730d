#include "agent/sys/http_unix.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <http_parser.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#define RECEIVE_BYTES ((size_t)16 << 10)
#define RECEIVES_PER_EVENT 4 /* a peer that never pauses shares the loop with all others */
/* A full queue of the listener is no refusal: there is no event for its end, so try again. */
#define CONNECT_AGAIN_MS 5

struct call {
    struct eca_http_call base;
    struct eca_http_unix *client;
    struct eca_list_node node;
    struct eca_list_node new_node; /* until do_work has seen it */
    struct eca_http_events events;
    void *arg;
    uint64_t idle_ms, body_bytes_max, body_bytes;
    struct eca_timer connect_again, connect_timer, total_timer, idle_timer;
    char *path;
    int fd; /* -1: not connected yet */
    struct eca_fd_watch *watch;
    struct eca_buf request; /* until it is sent */
    size_t sent_bytes;
    http_parser parser;
    struct eca_http_head_text head;
    int status;
    bool is_head_request, head_done;
    bool busy;     /* its descriptor is being served: it is freed afterwards */
    bool canceled; /* while busy */
    bool over;     /* while busy: the end is known */
    enum eca_code code;
    const char *why;
};

struct eca_http_unix {
    struct eca_loop *loop;
    struct eca_sched *sched;
    struct eca_list calls, fresh;
    struct eca_deferred work;
    char bytes[RECEIVE_BYTES]; /* what arrives is handed on at once, so one buffer serves all */
};

/* ---- ends ----------------------------------------------------------------------------------- */

/* It may hold a registry's password. */
static void drop_request(struct call *call)
{
    eca_wipe(call->request.at, call->request.len);
    eca_buf_clear(&call->request);
}

static void call_free(struct call *call)
{
    eca_timer_stop(&call->connect_again);
    eca_timer_stop(&call->connect_timer);
    eca_timer_stop(&call->total_timer);
    eca_timer_stop(&call->idle_timer);
    eca_list_remove(&call->client->calls, &call->node);
    eca_list_remove(&call->client->fresh, &call->new_node);
    if (call->fd >= 0) {
        eca_loop_unwatch(call->watch);
        (void)close(call->fd);
    }
    drop_request(call);
    eca_http_head_clear(&call->head);
    eca_free(call->path);
    eca_free(call);
}

/* Ends the call; sys is an errno or 0. Frees it, unless its descriptor is being served. */
static void end_call(struct call *call, enum eca_code code, int sys, const char *why)
{
    struct eca_http_end end = {
        .sent = call->fd >= 0, .status = call->status, .body_bytes = call->body_bytes};

    if (code != ECA_OK && sys != 0) {
        (void)eca_err_set_sys(&end.err, code, sys, "%s", why);
    } else if (code != ECA_OK) {
        (void)eca_err_set(&end.err, code, "%s", why);
    }
    call->canceled = true; /* a cancel from inside on_end finds nothing to do */
    call->events.on_end(call->arg, &end);
    call_free(call);
}

static void on_total(void *arg)
{
    end_call(arg, ECA_E_TIMEOUT, 0, "no complete answer in time");
}

static void on_idle(void *arg)
{
    end_call(arg, ECA_E_TIMEOUT, 0, "the peer is silent");
}

static void on_connect_limit(void *arg)
{
    end_call(arg, ECA_E_TIMEOUT, 0, "no connection in time");
}

static void touch(struct call *call)
{
    if (call->idle_ms > 0) {
        eca_timer_start_ms(&call->idle_timer, call->idle_ms);
    }
}

/* While the descriptor is being served. */
static void set_over(struct call *call, enum eca_code code, const char *why)
{
    if (!call->over) {
        call->over = true;
        call->code = code;
        call->why = why;
    }
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* The parser goes on while callbacks return 0. */
static int go_on(const struct call *call)
{
    return call->canceled || call->over ? -1 : 0;
}

static int on_begin(http_parser *parser)
{
    struct call *call = parser->data;

    eca_http_head_clear(&call->head); /* also after a 100 */
    return 0;
}

static int add_to_head(struct call *call, struct eca_view piece,
                       void (*add)(struct eca_http_head_text *head, struct eca_view piece))
{
    if (call->head_done) {
        return 0; /* a trailer */
    }
    add(&call->head, piece);
    if (eca_http_head_is_too_long(&call->head)) {
        set_over(call, ECA_E_LIMIT, "the answer's head is too long");
    }
    return go_on(call);
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    return add_to_head(parser->data, eca_view_of(at, len), eca_http_head_add_name);
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    return add_to_head(parser->data, eca_view_of(at, len), eca_http_head_add_value);
}

static int on_headers_complete(http_parser *parser)
{
    struct call *call = parser->data;

    if (parser->status_code == 101) {
        set_over(call, ECA_E_INVALID, "the answer changes the protocol");
    } else if (parser->status_code >= 200) {
        call->status = (int)parser->status_code;
        call->head_done = true;
        eca_http_head_deliver(&call->head, call->status, &call->events, call->arg);
        eca_http_head_clear(&call->head);
    }
    if (go_on(call) != 0) {
        return -1;
    }
    return call->is_head_request ? 1 : 0; /* 1: no body follows */
}

static int on_bytes(http_parser *parser, const char *at, size_t len)
{
    struct call *call = parser->data;

    call->body_bytes += len;
    if (call->body_bytes_max > 0 && call->body_bytes > call->body_bytes_max) {
        set_over(call, ECA_E_LIMIT, "the answer is too long");
    } else if (call->events.on_body != NULL) {
        call->events.on_body(call->arg, eca_view_of(at, len));
    }
    return go_on(call);
}

static int on_complete(http_parser *parser)
{
    struct call *call = parser->data;

    if (call->head_done) {
        set_over(call, ECA_OK, "");
    }
    return go_on(call);
}

static const http_parser_settings parser_settings = {
    .on_message_begin = on_begin,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_bytes,
    .on_message_complete = on_complete,
};

/* len 0: the peer has closed its side. */
static void parse(struct call *call, size_t len)
{
    enum http_errno verdict;

    (void)http_parser_execute(&call->parser, &parser_settings, call->client->bytes, len);
    if (go_on(call) != 0) {
        return;
    }
    verdict = HTTP_PARSER_ERRNO(&call->parser);
    if (len == 0) {
        set_over(call, ECA_E_AMBIGUOUS,
                 call->head_done ? "the answer ends within its body"
                                 : "the connection was closed before the answer");
    } else if (verdict == HPE_HEADER_OVERFLOW) {
        set_over(call, ECA_E_LIMIT, "the answer's head is too long");
    } else if (verdict != HPE_OK) {
        set_over(call, ECA_E_INVALID, http_errno_description(verdict));
    }
}

static void receive(struct call *call)
{
    for (int i = 0; i < RECEIVES_PER_EVENT && go_on(call) == 0; i++) {
        ssize_t len = recv(call->fd, call->client->bytes, RECEIVE_BYTES, 0);

        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (len < 0) {
            set_over(call, ECA_E_AMBIGUOUS, strerrordesc_np(errno));
            return;
        }
        touch(call);
        parse(call, (size_t)len);
        if ((size_t)len < RECEIVE_BYTES) {
            return; /* asking again would tell the same: nothing there */
        }
    }
}

/* ---- the request ---------------------------------------------------------------------------- */

static void send_request(struct call *call)
{
    while (call->sent_bytes < call->request.len) {
        ssize_t len = send(call->fd, call->request.at + call->sent_bytes,
                           call->request.len - call->sent_bytes, MSG_NOSIGNAL);

        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0 && errno == EAGAIN) {
            return;
        }
        if (len < 0) { /* the peer reads no further; what it answered may be there */
            break;
        }
        touch(call);
        call->sent_bytes += (size_t)len;
    }
    drop_request(call);
    eca_loop_rewatch(call->watch, EPOLLIN);
}

static void on_fd(void *arg, uint32_t events)
{
    struct call *call = arg;

    call->busy = true;
    if ((events & EPOLLOUT) != 0 && call->request.len > 0) {
        send_request(call);
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        receive(call);
    }
    call->busy = false;
    if (call->canceled) {
        call_free(call);
    } else if (call->over) {
        end_call(call, call->code, 0, call->why);
    }
}

static void open_connection(void *arg)
{
    struct call *call = arg;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        end_call(call, ECA_E_TRANSIENT, errno, "no socket");
        return;
    }
    memcpy(address.sun_path, call->path, strlen(call->path) + 1); /* its length was checked */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int sys = errno;

        (void)close(fd);
        if (sys == EAGAIN) {
            eca_timer_start_ms(&call->connect_again, CONNECT_AGAIN_MS);
        } else {
            end_call(call, ECA_E_TRANSIENT, sys, call->path);
        }
        return;
    }
    eca_timer_stop(&call->connect_timer);
    call->fd = fd;
    call->watch = eca_loop_watch(call->client->loop, fd, EPOLLIN | EPOLLOUT, on_fd, call);
}

static void do_work(void *arg)
{
    struct eca_http_unix *client = arg;

    /* Those that begin meanwhile wait for the next round. */
    for (size_t left = client->fresh.count; left > 0; left--) {
        struct eca_list_node *node = eca_list_pop_front(&client->fresh);

        if (node == NULL) {
            break;
        }
        open_connection(eca_list_entry(node, struct call, new_node));
    }
}

static void write_request(struct call *call, const struct eca_http_opts *opts,
                          const struct eca_url *url)
{
    struct eca_buf *out = &call->request;
    bool may_have_body = strcmp(opts->method, "GET") != 0 && strcmp(opts->method, "HEAD") != 0 &&
                         strcmp(opts->method, "DELETE") != 0;
    bool has_host = false;

    eca_buf_addf(out, "%s ", opts->method);
    eca_buf_add_view(out, url->path.len > 0 ? url->path : eca_view_str("/"));
    if (url->query.len > 0) {
        eca_buf_add_char(out, '?');
        eca_buf_add_view(out, url->query);
    }
    eca_buf_add_str(out, " HTTP/1.1\r\n");
    for (size_t i = 0; i < opts->header_count; i++) {
        has_host = has_host || strcasecmp(opts->headers[i].name, "host") == 0;
        eca_buf_addf(out, "%s: %s\r\n", opts->headers[i].name, opts->headers[i].value);
    }
    if (!has_host) {
        eca_buf_add_str(out, "Host: ");
        eca_buf_add_view(out, url->authority);
        eca_buf_add_str(out, "\r\n");
    }
    eca_buf_add_str(out, "Connection: close\r\n");
    if (opts->body.at != NULL || may_have_body) {
        eca_buf_addf(out, "Content-Length: %zu\r\n", opts->body.len);
    }
    eca_buf_add_str(out, "\r\n");
    eca_buf_add_view(out, opts->body);
}

/* ---- the port ------------------------------------------------------------------------------- */

static void cancel(struct eca_http_call *base)
{
    struct call *call = eca_container_of(base, struct call, base);

    if (call->busy) {
        call->canceled = true;
    } else if (!call->canceled) {
        call_free(call);
    }
}

int eca_http_unix_start(struct eca_http_unix *client, const struct eca_http_opts *opts,
                        const struct eca_http_events *events, void *arg,
                        struct eca_http_call **ret_call, struct eca_err *err)
{
    struct eca_url url;
    struct call *call;

    assert(opts->unix_socket != NULL);
    if (eca_http_opts_check(opts, err) < 0 ||
        eca_url_parse(eca_view_str(opts->url), &url, err) < 0) {
        return ECA_E_INVALID;
    }
    if (strlen(opts->unix_socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        return eca_err_set(err, ECA_E_INVALID, "the path of the socket is too long: %s",
                           opts->unix_socket);
    }
    call = eca_xalloc(sizeof(*call));
    call->base.cancel = cancel;
    call->client = client;
    call->events = *events;
    call->arg = arg;
    call->idle_ms = opts->idle_ms;
    call->body_bytes_max = opts->body_bytes_max;
    call->is_head_request = strcmp(opts->method, "HEAD") == 0;
    call->path = eca_xstrdup(opts->unix_socket);
    call->fd = -1;
    call->head.read = opts->answer_headers;
    call->head.text.bytes_max = ECA_HTTP_ANSWER_HEAD_BYTES_MAX;
    http_parser_init(&call->parser, HTTP_RESPONSE);
    call->parser.data = call;
    write_request(call, opts, &url);
    eca_timer_init(&call->connect_again, client->sched, open_connection, call);
    eca_timer_init(&call->connect_timer, client->sched, on_connect_limit, call);
    eca_timer_init(&call->total_timer, client->sched, on_total, call);
    eca_timer_init(&call->idle_timer, client->sched, on_idle, call);
    if (opts->connect_ms > 0) {
        eca_timer_start_ms(&call->connect_timer, opts->connect_ms);
    }
    if (opts->total_ms > 0) {
        eca_timer_start_ms(&call->total_timer, opts->total_ms);
    }
    touch(call);
    eca_list_push_back(&client->calls, &call->node);
    eca_list_push_back(&client->fresh, &call->new_node);
    eca_deferred_queue(&client->work);
    *ret_call = &call->base;
    return ECA_OK;
}

struct eca_http_unix *eca_http_unix_new(struct eca_loop *loop)
{
    struct eca_http_unix *client = eca_xalloc(sizeof(*client));

    client->loop = loop;
    client->sched = eca_loop_sched(loop);
    eca_list_init(&client->calls);
    eca_list_init(&client->fresh);
    eca_deferred_init(&client->work, client->sched, do_work, client);
    return client;
}

void eca_http_unix_free(struct eca_http_unix *client)
{
    if (client == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &client->calls)
    {
        call_free(eca_list_entry(node, struct call, node));
    }
    eca_deferred_cancel(&client->work);
    eca_free(client);
}
