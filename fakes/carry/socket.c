#include "fakes/carry/socket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "fakes/carry/hub.h"
#include "fakes/carry/socket_conn.h"

#define BACKLOG 512
#define READ_BYTES ((size_t)64 << 10)
/* Small, so that a party that stops reading is felt by its peer (FB-21). */
#define RECEIVE_BUFFER_BYTES (32 << 10)

/* ---- connections ----------------------------------------------------------------------------- */

void conn_violation(struct conn *conn, const char *rule, const char *what)
{
    enum fake_lane lane = FAKE_LANE_SCENARIO;

    (void)fake_lane_parse(eca_view_str(conn->listener->party), &lane);
    (void)fake_trace_violation(conn->carrier->hub->trace, lane, rule, "%s: %s",
                               conn->listener->party, what);
}

static void conn_free(struct conn *conn)
{
    eca_deferred_cancel(&conn->work);
    eca_timer_stop(&conn->echo);
    eca_list_remove(&conn->carrier->conns, &conn->node);
    http_clear_request(conn);
    eca_buf_clear(&conn->in);
    eca_buf_clear(&conn->out);
    eca_buf_clear(&conn->fragments);
    eca_free(conn);
}

static void on_readable(struct conn *conn);

/* What could not be done inside the hub's calls: go on reading, or settle a closed connection. */
static void run_work(void *arg)
{
    struct conn *conn = arg;

    if (conn->lost && conn->phase != CONN_DEAD) {
        conn_close(conn, false);
    }
    if (conn->phase == CONN_HEAD || conn->phase == CONN_WS) {
        on_readable(conn);
    }
    if (conn->phase != CONN_DEAD) {
        return;
    }
    if (conn->exchange != NULL) {
        fake_hub_client_left(conn->exchange);
    }
    ws_is_gone(conn, 0, ECA_VIEW_NONE);
    conn_free(conn);
}

void conn_close(struct conn *conn, bool reset)
{
    if (conn->phase == CONN_DEAD) {
        return;
    }
    if (reset) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    } else if (conn->ssl != NULL && conn->phase != CONN_HANDSHAKE && !conn->lost) {
        (void)SSL_shutdown(conn->ssl); /* close_notify, not waited for */
    }
    ERR_clear_error();
    SSL_free(conn->ssl);
    conn->ssl = NULL;
    /* Closing is not enough: a forked child may hold a copy until it executes its program. */
    (void)epoll_ctl(conn->carrier->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    (void)close(conn->fd);
    conn->fd = -1;
    conn->phase = CONN_DEAD;
    eca_deferred_queue(&conn->work);
}

void conn_watch(struct conn *conn)
{
    struct epoll_event event = {.data.ptr = conn};
    bool wants_read = conn->reading && !conn->peer_ended;

    if (conn->phase == CONN_DEAD) {
        return;
    }
    if (conn->phase == CONN_FROZEN) {
        wants_read = false;
    }
    event.events = (wants_read ? (uint32_t)EPOLLIN : 0U) |
                   (conn->out.len > 0 && conn->phase != CONN_FROZEN ? (uint32_t)EPOLLOUT : 0U);
    if (conn->phase == CONN_HANDSHAKE && conn->ssl != NULL && SSL_want_write(conn->ssl)) {
        event.events |= (uint32_t)EPOLLOUT;
    }
    if (event.events != conn->watched) {
        conn->watched = event.events;
        (void)epoll_ctl(conn->carrier->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
    }
}

static void lose(struct conn *conn)
{
    conn->lost = true;
    eca_deferred_queue(&conn->work);
}

/* Bytes written, 0 = later, -1 = lost. */
static ssize_t write_some(struct conn *conn)
{
    ssize_t done;

    if (conn->ssl != NULL) {
        int len = conn->out.len > INT32_MAX ? INT32_MAX : (int)conn->out.len;
        ERR_clear_error(); /* what others left there is not ours */
        int wrote = SSL_write(conn->ssl, conn->out.at, len);
        if (wrote > 0) {
            return wrote;
        }
        int why = SSL_get_error(conn->ssl, wrote);
        return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
    }
    done = send(conn->fd, conn->out.at, conn->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    return done;
}

static void flush(struct conn *conn)
{
    while (conn->out.len > 0 && !conn->lost && conn->phase != CONN_DEAD &&
           conn->phase != CONN_FROZEN && conn->phase != CONN_HANDSHAKE) {
        ssize_t done = write_some(conn);
        if (done < 0) {
            lose(conn);
        } else if (done == 0) {
            break;
        } else {
            eca_buf_drop(&conn->out, (size_t)done);
        }
    }
    if (conn->phase == CONN_FLUSH && conn->out.len == 0) {
        conn_close(conn, false);
        return;
    }
    conn_watch(conn);
}

void conn_send(struct conn *conn, struct eca_view bytes)
{
    if (conn->phase == CONN_DEAD || conn->lost) {
        return;
    }
    if (conn->out.len + bytes.len > SOCKET_UNSENT_BYTES_MAX) {
        lose(conn);
        return;
    }
    eca_buf_add_view(&conn->out, bytes);
    flush(conn);
}

void conn_finish(struct conn *conn)
{
    if (conn->phase != CONN_DEAD && conn->phase != CONN_FROZEN) {
        conn->phase = CONN_FLUSH;
        flush(conn);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Bytes read, 0 = nothing now, -1 = the peer ended. */
static ssize_t read_some(struct conn *conn, char *into, size_t size)
{
    ssize_t got;

    if (conn->ssl != NULL) {
        ERR_clear_error();
        int done = SSL_read(conn->ssl, into, (int)size);
        if (done > 0) {
            return done;
        }
        int why = SSL_get_error(conn->ssl, done);
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    got = recv(conn->fd, into, size, MSG_DONTWAIT);
    if (got == 0) {
        return -1;
    }
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    return got;
}

static void eat(struct conn *conn)
{
    bool more = true;

    while (more && conn->phase != CONN_DEAD) {
        switch (conn->phase) {
        case CONN_HEAD:
        case CONN_BODY:
            more = http_eat(conn);
            break;
        case CONN_WS:
            more = conn->reading && ws_eat(conn);
            break;
        case CONN_HANDSHAKE:
        case CONN_ANSWER:
        case CONN_FLUSH:
        case CONN_FROZEN:
        case CONN_DEAD:
            more = false;
            break;
        }
    }
}

static void stop_here(struct conn *conn)
{
    conn->has_rule = false;
    switch (conn->rule_stop) {
    case FAKE_SOCKET_SILENT:
        conn->phase = CONN_FROZEN;
        conn_watch(conn);
        return;
    case FAKE_SOCKET_CLOSE:
        conn_close(conn, false);
        return;
    case FAKE_SOCKET_RESET:
        conn_close(conn, true);
        return;
    }
}

bool conn_stops(struct conn *conn, enum fake_socket_stage stage)
{
    if (!conn->has_rule || conn->rule_stage != stage) {
        return false;
    }
    stop_here(conn);
    return true;
}

static void handshake(struct conn *conn)
{
    int done;

    if (conn_stops(conn, FAKE_SOCKET_AFTER_HELLO)) {
        return;
    }
    ERR_clear_error();
    done = SSL_accept(conn->ssl);
    if (done == 1) {
        conn->phase = CONN_HEAD;
        (void)conn_stops(conn, FAKE_SOCKET_AFTER_TLS);
        return;
    }
    done = SSL_get_error(conn->ssl, done);
    if (done != SSL_ERROR_WANT_READ && done != SSL_ERROR_WANT_WRITE) {
        conn_close(conn, false); /* a client that does not trust us */
    }
}

static void on_readable(struct conn *conn)
{
    static _Thread_local char chunk[READ_BYTES];

    if (conn->phase == CONN_HANDSHAKE) {
        handshake(conn);
        if (conn->phase != CONN_HEAD) {
            conn_watch(conn);
            return;
        }
    } else if (conn_stops(conn, FAKE_SOCKET_AFTER_HELLO) ||
               conn_stops(conn, FAKE_SOCKET_AFTER_TLS)) {
        return;
    }
    eat(conn); /* what an earlier read left over */
    while (conn->reading && !conn->peer_ended && conn->phase != CONN_DEAD &&
           conn->phase != CONN_FROZEN && conn->phase != CONN_HANDSHAKE) {
        size_t room = conn->read_left < sizeof(chunk) ? (size_t)conn->read_left : sizeof(chunk);
        ssize_t got = read_some(conn, chunk, room);
        if (got == 0) {
            break;
        }
        if (got < 0) {
            conn->peer_ended = true;
            break;
        }
        eca_buf_add(&conn->in, chunk, (size_t)got);
        eat(conn);
        if (conn->read_left != UINT64_MAX) {
            conn->read_left -= (uint64_t)got;
            conn->reading = conn->read_left > 0;
        }
    }
    if (conn->peer_ended && conn->phase != CONN_DEAD) {
        lose(conn);
    }
    conn_watch(conn);
}

static const char *peer_of(const struct sockaddr_storage *from, char *out, size_t size)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
    char host[INET_ADDRSTRLEN] = "?";
    eca_auto_buf struct eca_buf text = {0};

    if (from->ss_family != AF_INET) {
        return "unix";
    }
    (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
    eca_buf_addf(&text, "%s:%u", host, ntohs(in->sin_port));
    memcpy(out, eca_buf_str(&text), text.len < size ? text.len + 1 : size - 1);
    return out;
}

static void take_rule(struct conn *conn)
{
    struct fake_socket *carrier = conn->carrier;

    ECA_LIST_FOREACH(it, &carrier->rules)
    {
        struct socket_rule *rule = eca_list_entry(it, struct socket_rule, node);
        if (strcmp(rule->party, conn->listener->party) != 0) {
            continue;
        }
        if (rule->skip > 0) {
            rule->skip--;
            return;
        }
        conn->has_rule = true;
        conn->rule_stage = rule->stage;
        conn->rule_stop = rule->stop;
        if (rule->left > 0 && --rule->left == 0) {
            eca_list_remove(&carrier->rules, &rule->node);
            eca_free(rule->party);
            eca_free(rule);
        }
        return;
    }
}

static void run_echo(void *arg)
{
    conn_close(arg, false); /* no answer to our Close: the hub hears of it from run_work */
}

static void begin_tls(struct conn *conn)
{
    conn->ssl = SSL_new(conn->carrier->tls);
    assert(conn->ssl != NULL);
    (void)SSL_set_fd(conn->ssl, conn->fd);
    conn->phase = CONN_HANDSHAKE;
}

void conn_tunnel(struct conn *conn)
{
    conn_send(conn, eca_view_str("HTTP/1.1 200 Connection established\r\n\r\n"));
    http_clear_request(conn);
    if (conn->phase == CONN_DEAD || conn->out.len > 0 || conn->in.len > 0) {
        conn_close(conn, true); /* a client that does not wait for the answer */
        return;
    }
    conn->in_tunnel = true;
    begin_tls(conn);
}

static void adopt(struct listener *listener, int fd, const struct sockaddr_storage *from)
{
    struct fake_socket *carrier = listener->carrier;
    struct conn *conn = eca_xalloc(sizeof(*conn));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    int one = 1;

    conn->carrier = carrier;
    conn->listener = listener;
    conn->fd = fd;
    conn->reading = true;
    conn->read_left = UINT64_MAX;
    conn->watched = EPOLLIN;
    conn->in.bytes_max = SOCKET_BODY_BYTES_MAX + SOCKET_HEAD_BYTES_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* unix: no such thing */
    const char *peer = peer_of(from, conn->peer, sizeof(conn->peer));
    if (peer != conn->peer) {
        memcpy(conn->peer, peer, strlen(peer) + 1);
    }
    eca_deferred_init(&conn->work, carrier->sched, run_work, conn);
    eca_timer_init(&conn->echo, carrier->sched, run_echo, conn);
    eca_list_push_back(&carrier->conns, &conn->node);
    conn->phase = CONN_HEAD;
    if (listener->tls) {
        begin_tls(conn);
    }
    if (epoll_ctl(carrier->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        conn_close(conn, true);
        return;
    }
    take_rule(conn);
    (void)conn_stops(conn, FAKE_SOCKET_BEFORE_TLS);
}

static void accept_all(struct listener *listener)
{
    for (;;) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        int fd;

        if (listener->fd < 0) {
            return; /* a rule closed it on the way */
        }
        fd = accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return; /* EAGAIN, or nothing that the next round would not see again */
        }
        adopt(listener, fd, &from);
    }
}

/* Listeners and connections share the epoll set; a listener is found by its address. */
static struct listener *as_listener(const struct fake_socket *carrier, void *at)
{
    ECA_LIST_FOREACH(it, &carrier->listeners)
    {
        if (eca_list_entry(it, struct listener, node) == at) {
            return at;
        }
    }
    return NULL;
}

size_t fake_socket_dispatch(struct fake_socket *carrier)
{
    struct epoll_event events[SOCKET_EVENTS_MAX];
    int count = epoll_wait(carrier->epoll_fd, events, SOCKET_EVENTS_MAX, 0);

    for (int i = 0; i < count; i++) {
        struct listener *listener = as_listener(carrier, events[i].data.ptr);
        struct conn *conn = events[i].data.ptr;

        if (listener != NULL) {
            accept_all(listener);
            continue;
        }
        assert(conn != NULL);
        /* A connection that another one's event closed lives on until its deferred work. */
        if (conn->phase != CONN_DEAD && (events[i].events & (uint32_t)EPOLLOUT) != 0) {
            if (conn->phase == CONN_HANDSHAKE) {
                handshake(conn);
                conn_watch(conn);
            } else {
                flush(conn);
            }
        }
        if (conn->phase == CONN_DEAD) {
            continue;
        }
        if ((events[i].events & ((uint32_t)EPOLLHUP | (uint32_t)EPOLLERR)) != 0 &&
            (events[i].events & (uint32_t)EPOLLIN) == 0) {
            lose(conn);
            (void)epoll_ctl(carrier->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
        } else if ((events[i].events & (uint32_t)EPOLLIN) != 0) {
            on_readable(conn);
        }
    }
    return count < 0 ? 0 : (size_t)count;
}

void fake_socket_on_ready(void *carrier, uint32_t epoll_events)
{
    (void)epoll_events;
    (void)fake_socket_dispatch(carrier);
}

/* ---- listeners ------------------------------------------------------------------------------- */

static int bind_tcp(struct listener *listener, struct eca_err *err)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(listener->port)}};
    socklen_t len = sizeof(at.v6);
    int one = 1, bytes = RECEIVE_BUFFER_BYTES;

    if (inet_pton(AF_INET6, listener->address, &at.v6.sin6_addr) != 1) {
        at.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(listener->port)};
        len = sizeof(at.v4);
        if (inet_pton(AF_INET, listener->address, &at.v4.sin_addr) != 1) {
            return eca_err_set(err, ECA_E_INVALID, "not an address: %s", listener->address);
        }
    }
    listener->fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "socket");
    }
    (void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    (void)setsockopt(listener->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    if (bind(listener->fd, &at.any, len) < 0) {
        return eca_err_set_sys(err, ECA_E_CONFLICT, errno, "bind %s:%u", listener->address,
                               listener->port);
    }
    if (getsockname(listener->fd, &at.any, &len) == 0) {
        listener->port = ntohs(at.v4.sin_port); /* in the same place in both */
    }
    return ECA_OK;
}

static int bind_unix(struct listener *listener, struct eca_err *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (strlen(listener->unix_path) >= sizeof(un.sun_path)) {
        return eca_err_set(err, ECA_E_INVALID, "path too long: %s", listener->unix_path);
    }
    memcpy(un.sun_path, listener->unix_path, strlen(listener->unix_path) + 1);
    (void)unlink(listener->unix_path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "socket");
    }
    if (bind(listener->fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
        return eca_err_set_sys(err, ECA_E_INVALID, errno, "bind %s", listener->unix_path);
    }
    return ECA_OK;
}

static void close_listener(struct listener *listener)
{
    if (listener->fd >= 0) {
        (void)epoll_ctl(listener->carrier->epoll_fd, EPOLL_CTL_DEL, listener->fd, NULL);
        (void)close(listener->fd);
        listener->fd = -1;
        if (listener->unix_path != NULL) {
            (void)unlink(listener->unix_path);
        }
    }
}

static int open_listener(struct listener *listener, struct eca_err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
    int rc = listener->unix_path != NULL ? bind_unix(listener, err) : bind_tcp(listener, err);

    if (rc == 0 && listen(listener->fd, BACKLOG) < 0) {
        rc = eca_err_set_sys(err, ECA_E_CONFLICT, errno, "listen for %s", listener->party);
    }
    if (rc == 0 &&
        epoll_ctl(listener->carrier->epoll_fd, EPOLL_CTL_ADD, listener->fd, &event) < 0) {
        rc = eca_err_set_sys(err, ECA_E_INTERNAL, errno, "epoll");
    }
    if (rc < 0) {
        close_listener(listener);
    }
    return rc;
}

/* Connections that wait for a request would let it in past the closed door. */
static void close_idle(struct listener *listener)
{
    ECA_LIST_FOREACH(it, &listener->carrier->conns)
    {
        struct conn *conn = eca_list_entry(it, struct conn, node);
        if (conn->listener == listener && conn->phase == CONN_HEAD) {
            conn_close(conn, false);
        }
    }
}

/* Rules changed: a refused party has no listener. */
static void on_rules(void *arg)
{
    struct fake_socket *carrier = arg;

    ECA_LIST_FOREACH(it, &carrier->listeners)
    {
        struct listener *listener = eca_list_entry(it, struct listener, node);
        bool refused = fake_hub_is_refusing(carrier->hub, listener->party);
        struct eca_err err = {0};

        if (refused) {
            close_listener(listener);
            close_idle(listener);
        } else if (listener->fd < 0 && open_listener(listener, &err) < 0) {
            (void)fake_trace_violation(carrier->hub->trace, FAKE_LANE_SCENARIO, "carrier",
                                       "%s cannot listen again: %s", listener->party, err.msg);
        }
    }
}

static void listener_free(struct listener *listener)
{
    close_listener(listener);
    eca_list_remove(&listener->carrier->listeners, &listener->node);
    eca_free(listener->party);
    eca_free(listener->address);
    eca_free(listener->unix_path);
    eca_free(listener->tunnel_party);
    eca_free(listener);
}

int fake_socket_listen(struct fake_socket *carrier, const struct fake_socket_listen *opts,
                       uint16_t *ret_port, struct eca_err *err)
{
    struct listener *listener;
    int rc;

    if ((opts->tls || opts->tunnel_party != NULL) && carrier->tls == NULL) {
        return eca_err_set(err, ECA_E_INVALID, "a TLS listener needs certificates first");
    }
    listener = eca_xalloc(sizeof(*listener));
    listener->carrier = carrier;
    listener->fd = -1;
    listener->party = eca_xstrdup(opts->party);
    listener->address = eca_xstrdup(opts->address == NULL ? "127.0.0.1" : opts->address);
    listener->unix_path = eca_xstrdup(opts->unix_path);
    listener->port = opts->port;
    listener->tls = opts->tls;
    listener->tunnel_party = eca_xstrdup(opts->tunnel_party);
    eca_list_push_back(&carrier->listeners, &listener->node);
    rc = open_listener(listener, err);
    if (rc < 0) {
        listener_free(listener);
        return rc;
    }
    if (ret_port != NULL) {
        *ret_port = listener->port;
    }
    if (fake_hub_is_refusing(carrier->hub, listener->party)) {
        close_listener(listener);
    }
    return ECA_OK;
}

int fake_socket_use_certs(struct fake_socket *carrier, const char *cert_file, const char *key_file,
                          struct eca_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        return eca_err_set(err, ECA_E_INVALID, "cannot use %s with %s", cert_file, key_file);
    }
    (void)SSL_CTX_set_mode(ctx,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_num_tickets(ctx, 0); /* nothing after the handshake but the answer */
    SSL_CTX_free(carrier->tls);
    carrier->tls = ctx;
    return ECA_OK;
}

/* ---- faults and questions -------------------------------------------------------------------- */

void fake_socket_fault(struct fake_socket *carrier, const char *party, enum fake_socket_stage stage,
                       enum fake_socket_stop stop, uint32_t skip, uint32_t times)
{
    struct socket_rule *rule = eca_xalloc(sizeof(*rule));

    rule->party = eca_xstrdup(party);
    rule->stage = stage;
    rule->stop = stop;
    rule->skip = skip;
    rule->left = times;
    eca_list_push_back(&carrier->rules, &rule->node);
}

void fake_socket_fault_clear(struct fake_socket *carrier)
{
    ECA_LIST_FOREACH(it, &carrier->rules)
    {
        struct socket_rule *rule = eca_list_entry(it, struct socket_rule, node);
        eca_list_remove(&carrier->rules, &rule->node);
        eca_free(rule->party);
        eca_free(rule);
    }
}

static bool is_of(const struct conn *conn, const char *party)
{
    return conn->phase != CONN_DEAD && (party == NULL || strcmp(conn->listener->party, party) == 0);
}

size_t fake_socket_freeze(struct fake_socket *carrier, const char *party)
{
    size_t count = 0;

    ECA_LIST_FOREACH(it, &carrier->conns)
    {
        struct conn *conn = eca_list_entry(it, struct conn, node);
        if (is_of(conn, party) && conn->phase != CONN_FROZEN) {
            conn->phase = CONN_FROZEN;
            conn_watch(conn);
            count++;
        }
    }
    return count;
}

size_t fake_socket_connections(const struct fake_socket *carrier, const char *party)
{
    size_t count = 0;

    ECA_LIST_FOREACH(it, &carrier->conns)
    {
        count += is_of(eca_list_entry(it, struct conn, node), party);
    }
    return count;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct fake_socket *fake_socket_new(struct fake_hub *hub, struct eca_sched *sched)
{
    struct fake_socket *carrier = eca_xalloc(sizeof(*carrier));

    carrier->hub = hub;
    carrier->sched = sched;
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    carrier->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert(carrier->epoll_fd >= 0);
    eca_list_init(&carrier->listeners);
    eca_list_init(&carrier->conns);
    eca_list_init(&carrier->rules);
    fake_hub_on_rules(hub, on_rules, carrier);
    return carrier;
}

void fake_socket_free(struct fake_socket *carrier)
{
    if (carrier == NULL) {
        return;
    }
    fake_hub_on_rules(carrier->hub, NULL, NULL);
    fake_socket_fault_clear(carrier);
    ECA_LIST_FOREACH(it, &carrier->conns)
    {
        struct conn *conn = eca_list_entry(it, struct conn, node);
        conn_close(conn, false);
        run_work(conn);
    }
    ECA_LIST_FOREACH(listener, &carrier->listeners)
    {
        listener_free(eca_list_entry(listener, struct listener, node));
    }
    SSL_CTX_free(carrier->tls);
    (void)close(carrier->epoll_fd);
    eca_free(carrier);
}

int fake_socket_fd(const struct fake_socket *carrier)
{
    return carrier->epoll_fd;
}
