#include "agent/sys/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/sys/resolve.h"

#define PROXY_HEAD_BYTES_MAX 8192 /* of a proxy's answer to CONNECT */
/* What the peer's window does not admit stays with the caller, whose deadline sees it (WS-150); the
 * kernel would take megabytes. */
#define UNSENT_BYTES_MAX 16384
#define SILENT_MS 5000 /* for an address that does not answer, while there is another one */

enum step {
    STEP_LOOKUP,
    STEP_DIAL,      /* TCP, to the proxy if there is one */
    STEP_PROXY_TLS, /* with an https:// proxy */
    STEP_ASK,       /* CONNECT is being written */
    STEP_ANSWER,    /* its answer is being read */
    STEP_TLS,       /* with the host itself */
    STEP_OPEN,
    STEP_FAILED,
};

struct eca_stream {
    struct eca_stream_opts opts;
    struct eca_stream_events events;
    void *arg;
    char *host;
    struct eca_proxy proxy;
    enum step step;
    struct eca_resolve *resolve;
    struct eca_addresses addresses;
    size_t dialled; /* of them, the one under way included */
    struct eca_timer silent_timer;
    int dial_sys; /* errno of the first that failed */
    int fd;
    struct eca_fd_watch *watch;
    uint32_t watched;
    SSL *proxy_ssl, *ssl;
    bool reading;           /* as the caller wants it */
    struct eca_buf request; /* CONNECT, what is left of it */
};

/* ---- TLS ------------------------------------------------------------------------------------ */

struct ssl_ctx_st *eca_stream_tls_new(const struct eca_tls_trust *trust)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL) {
        return NULL;
    }
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_load_verify_locations(ctx, trust->file, trust->dir);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    /* A session is silent most of the time: it holds no buffers then (34 KiB less for each). */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

void eca_stream_tls_free(struct ssl_ctx_st *ctx)
{
    SSL_CTX_free(ctx);
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Addresses are compared with the certificate's addresses and never asked for by name (WS-104). */
static SSL *ssl_for(struct eca_stream *stream, const char *host)
{
    SSL *ssl = SSL_new(stream->opts.ctx);

    if (ssl == NULL) {
        return NULL;
    }
    if (is_address(host)) {
        (void)X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    } else {
        (void)SSL_set1_host(ssl, host);
        /* SSL_set_tlsext_host_name(), whose cast drops the const. */
        (void)SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       (void *)(uintptr_t)host);
    }
    if (stream->opts.insecure) {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    }
    return ssl;
}

static void describe_ssl(SSL *ssl, int failure, char *text, size_t size)
{
    long verified = SSL_get_verify_result(ssl);
    unsigned long code = ERR_peek_last_error();
    int reason = ERR_GET_REASON(code);

    if (verified != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
        (void)snprintf(text, size, "certificate: %s", X509_verify_cert_error_string(verified));
    } else if (failure == SSL_ERROR_ZERO_RETURN || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
               (failure == SSL_ERROR_SYSCALL && code == 0)) {
        (void)snprintf(text, size, "unexpected EOF");
    } else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET) {
        (void)snprintf(text, size, "alert: %s",
                       SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    } else {
        const char *words = ERR_reason_error_string(code);

        (void)snprintf(text, size, "%s", words != NULL ? words : "protocol error");
    }
}

/* ---- events --------------------------------------------------------------------------------- */

static void watch_for(struct eca_stream *stream, uint32_t events)
{
    if (events != stream->watched && stream->watch != NULL) {
        stream->watched = events;
        eca_loop_rewatch(stream->watch, events);
    }
}

/* What an operation of the library waits for; false: it failed for good. */
static bool wait_for_ssl(struct eca_stream *stream, int failure)
{
    if (failure == SSL_ERROR_WANT_READ) {
        watch_for(stream, EPOLLIN);
    } else if (failure == SSL_ERROR_WANT_WRITE) {
        watch_for(stream, EPOLLIN | EPOLLOUT);
    } else {
        return false;
    }
    return true;
}

static void watch_room(struct eca_stream *stream)
{
    watch_for(stream, stream->watched | EPOLLOUT);
}

static void watch_idle(struct eca_stream *stream)
{
    watch_for(stream, stream->reading ? EPOLLIN : 0);
}

/* From the loop only. */
static void fail(struct eca_stream *stream, enum eca_code code, const char *what, const char *why)
{
    struct eca_err err = {0};

    (void)eca_err_set(&err, code, "%s: %s", what, why);
    stream->step = STEP_FAILED;
    eca_loop_unwatch(eca_take(stream->watch));
    stream->events.on_failed(stream->arg, &err);
}

/* ---- the steps ------------------------------------------------------------------------------ */

static void stand(struct eca_stream *stream)
{
    stream->step = STEP_OPEN;
    stream->reading = true;
    watch_idle(stream);
    stream->events.on_open(stream->arg);
}

static void ask_proxy(struct eca_stream *stream);

/* With the proxy first, where there is one that wants it, then with the host. */
static void shake_hands(struct eca_stream *stream)
{
    bool with_host = stream->step == STEP_TLS;
    SSL *ssl = with_host ? stream->ssl : stream->proxy_ssl;
    int result, failure;
    char why[128];

    ERR_clear_error();
    result = SSL_connect(ssl);
    if (result == 1 && with_host) {
        stand(stream);
        return;
    }
    if (result == 1) {
        ask_proxy(stream);
        return;
    }
    failure = SSL_get_error(ssl, result);
    if (!wait_for_ssl(stream, failure)) {
        describe_ssl(ssl, failure, why, sizeof(why));
        fail(stream, ECA_E_TRANSIENT, with_host ? "TLS" : "proxy: TLS", why);
    }
}

/* There is a way to the host. */
static void reached(struct eca_stream *stream)
{
    if (!stream->opts.tls) {
        stand(stream);
        return;
    }
    stream->step = STEP_TLS;
    stream->ssl = ssl_for(stream, stream->host);
    if (stream->ssl == NULL) {
        fail(stream, ECA_E_INTERNAL, "TLS", "no memory");
        return;
    }
    if (stream->proxy_ssl != NULL) { /* the host's TLS inside the proxy's */
        BIO *bio = BIO_new(BIO_f_ssl());

        if (bio == NULL) {
            fail(stream, ECA_E_INTERNAL, "TLS", "no memory");
            return;
        }
        (void)BIO_set_ssl(bio, stream->proxy_ssl, BIO_NOCLOSE);
        SSL_set_bio(stream->ssl, bio, bio);
    } else {
        (void)SSL_set_fd(stream->ssl, stream->fd);
    }
    shake_hands(stream);
}

/* Looks at the answer without taking it, so that not a byte behind it is taken (WS-125). */
static ssize_t peek(struct eca_stream *stream, char *bytes, size_t len)
{
    int got, failure;

    if (stream->proxy_ssl == NULL) {
        ssize_t count = recv(stream->fd, bytes, len, MSG_PEEK);

        return count < 0 && errno == EAGAIN ? -1 : count < 0 ? 0 : count;
    }
    ERR_clear_error();
    got = SSL_peek(stream->proxy_ssl, bytes, (int)len);
    if (got > 0) {
        return got;
    }
    failure = SSL_get_error(stream->proxy_ssl, got);
    return wait_for_ssl(stream, failure) ? -1 : 0;
}

static void take_peeked(struct eca_stream *stream, char *bytes, size_t len)
{
    if (stream->proxy_ssl == NULL) {
        (void)!recv(stream->fd, bytes, len, 0);
    } else {
        (void)!SSL_read(stream->proxy_ssl, bytes, (int)len);
    }
}

/* "407 Proxy Authentication Required" of "HTTP/1.1 407 Proxy ..."; false: that is no HTTP. */
static bool status_line(struct eca_view head, struct eca_view *ret_line)
{
    struct eca_view line = eca_view_sub(head, 0, eca_view_find(head, "\r\n", 0));
    uint64_t status;

    if (line.len < 12 || !eca_view_starts(line, "HTTP/1.") || line.at[8] != ' ' ||
        eca_parse_u64(eca_view_sub(line, 9, 3), 999, &status, NULL) < 0 ||
        (line.len > 12 && line.at[12] != ' ')) {
        return false;
    }
    *ret_line = eca_view_sub(line, 9, line.len);
    return true;
}

/* The answer may come in any number of pieces: each takes what is not the end of the head. */
static void read_answer(struct eca_stream *stream)
{
    char bytes[1024];

    for (;;) {
        ssize_t count = peek(stream, bytes, sizeof(bytes));
        size_t had = stream->request.len, end;
        struct eca_view line = ECA_VIEW_NONE;

        if (count < 0) {
            return;
        }
        if (count == 0) {
            fail(stream, ECA_E_TRANSIENT, "proxy", "unexpected EOF");
            return;
        }
        eca_buf_add(&stream->request, bytes, (size_t)count);
        end = eca_view_find(eca_buf_view(&stream->request), "\r\n\r\n", 0);
        take_peeked(stream, bytes, end == SIZE_MAX ? (size_t)count : end + 4 - had);
        if (end == SIZE_MAX && stream->request.len <= PROXY_HEAD_BYTES_MAX) {
            continue;
        }
        if (end == SIZE_MAX || !status_line(eca_buf_view(&stream->request), &line)) {
            fail(stream, ECA_E_TRANSIENT, "proxy", "its answer is not HTTP");
            return;
        }
        if (!eca_view_eq_str(eca_view_sub(line, 0, 3), "200")) {
            eca_auto_buf struct eca_buf text = {0};

            eca_escape_controls(eca_view_sub(line, 0, 100), &text);
            fail(stream, ECA_E_TRANSIENT, "proxy", eca_buf_str(&text));
            return;
        }
        eca_buf_clear(&stream->request);
        reached(stream);
        return;
    }
}

static void write_request(struct eca_stream *stream)
{
    while (stream->request.len > 0) {
        ssize_t count;

        ERR_clear_error();
        if (stream->proxy_ssl != NULL) {
            int result = SSL_write(stream->proxy_ssl, stream->request.at, (int)stream->request.len);

            if (result <= 0 && wait_for_ssl(stream, SSL_get_error(stream->proxy_ssl, result))) {
                return;
            }
            count = result;
        } else {
            count = send(stream->fd, stream->request.at, stream->request.len, MSG_NOSIGNAL);
            if (count < 0 && errno == EAGAIN) {
                watch_for(stream, EPOLLIN | EPOLLOUT);
                return;
            }
        }
        if (count <= 0) {
            fail(stream, ECA_E_TRANSIENT, "proxy", "unexpected EOF");
            return;
        }
        eca_buf_drop(&stream->request, (size_t)count);
    }
    stream->step = STEP_ANSWER;
    watch_for(stream, EPOLLIN);
    read_answer(stream);
}

static void ask_proxy(struct eca_stream *stream)
{
    bool v6 = strchr(stream->host, ':') != NULL;
    char target[300];

    stream->step = STEP_ASK;
    (void)snprintf(target, sizeof(target), "%s%s%s:%u", v6 ? "[" : "", stream->host, v6 ? "]" : "",
                   stream->opts.port);
    eca_buf_addf(&stream->request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target);
    if (stream->proxy.user[0] != '\0') {
        eca_auto_buf struct eca_buf pair = {0};

        eca_buf_addf(&pair, "%s:%s", stream->proxy.user, stream->proxy.password);
        eca_buf_add_str(&stream->request, "Proxy-Authorization: Basic ");
        eca_base64(pair.at, pair.len, false, &stream->request);
        eca_buf_add_str(&stream->request, "\r\n");
        eca_wipe(pair.at, pair.len);
    }
    eca_buf_add_str(&stream->request, "\r\n");
    write_request(stream);
}

static void connected(struct eca_stream *stream)
{
    if (!stream->proxy.used) {
        reached(stream);
        return;
    }
    if (!stream->proxy.tls) {
        ask_proxy(stream);
        return;
    }
    stream->step = STEP_PROXY_TLS;
    stream->proxy_ssl = ssl_for(stream, stream->proxy.host);
    if (stream->proxy_ssl == NULL) {
        fail(stream, ECA_E_INTERNAL, "proxy", "no memory");
        return;
    }
    (void)SSL_set_fd(stream->proxy_ssl, stream->fd);
    shake_hands(stream);
}

static void dial_next(struct eca_stream *stream);

/* This address leads nowhere: on to the next one. */
static void not_here(struct eca_stream *stream, int sys)
{
    eca_timer_stop(&stream->silent_timer);
    eca_loop_unwatch(eca_take(stream->watch));
    if (stream->fd >= 0) {
        (void)close(stream->fd);
        stream->fd = -1;
    }
    stream->dial_sys = stream->dial_sys == 0 ? sys : stream->dial_sys;
    if (stream->dialled < stream->addresses.count) {
        dial_next(stream);
    } else {
        fail(stream, ECA_E_TRANSIENT, stream->proxy.used ? "proxy: dial" : "dial",
             strerror(stream->dial_sys));
    }
}

static void on_silent(void *arg)
{
    not_here(arg, ETIMEDOUT);
}

static void on_dialled(struct eca_stream *stream)
{
    int failure = 0;
    socklen_t len = sizeof(failure);

    (void)getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
    if (failure != 0) {
        not_here(stream, failure);
        return;
    }
    eca_timer_stop(&stream->silent_timer);
    watch_for(stream, EPOLLIN);
    connected(stream);
}

static void on_ready(void *arg, uint32_t events)
{
    struct eca_stream *stream = arg;

    (void)events;
    switch (stream->step) {
    case STEP_DIAL:
        on_dialled(stream);
        return;
    case STEP_PROXY_TLS:
    case STEP_TLS:
        shake_hands(stream);
        return;
    case STEP_ASK:
        write_request(stream);
        return;
    case STEP_ANSWER:
        read_answer(stream);
        return;
    case STEP_OPEN:
        watch_idle(stream); /* a write that finds no room asks for it again */
        stream->events.on_io(stream->arg);
        return;
    case STEP_LOOKUP:
    case STEP_FAILED:
        return;
    }
}

static void dial_next(struct eca_stream *stream)
{
    union eca_address *address = &stream->addresses.at[stream->dialled++];
    uint16_t port = htons(stream->proxy.used ? stream->proxy.port : stream->opts.port);
    bool v6 = address->any.sa_family == AF_INET6;
    int one = 1, unsent_bytes = UNSENT_BYTES_MAX;

    *(v6 ? &address->v6.sin6_port : &address->v4.sin_port) = port;
    stream->step = STEP_DIAL;
    stream->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0) {
        not_here(stream, errno);
        return;
    }
    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes,
                     sizeof(unsent_bytes));
    if (connect(stream->fd, &address->any, v6 ? sizeof(address->v6) : sizeof(address->v4)) < 0 &&
        errno != EINPROGRESS) {
        not_here(stream, errno);
        return;
    }
    stream->watched = EPOLLOUT;
    stream->watch = eca_loop_watch(stream->opts.loop, stream->fd, EPOLLOUT, on_ready, stream);
    if (stream->dialled < stream->addresses.count) {
        eca_timer_start_ms(&stream->silent_timer, SILENT_MS);
    }
}

static void on_resolved(void *arg, const struct eca_addresses *found, const struct eca_err *err)
{
    struct eca_stream *stream = arg;

    stream->resolve = NULL;
    if (found == NULL) {
        fail(stream, ECA_E_TRANSIENT, stream->proxy.used ? "proxy" : "dial", err->msg);
        return;
    }
    stream->addresses = *found;
    dial_next(stream);
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_stream *eca_stream_open(const struct eca_stream_opts *opts,
                                   const struct eca_stream_events *events, void *arg)
{
    struct eca_stream *stream = eca_xalloc(sizeof(*stream));

    stream->opts = *opts;
    stream->events = *events;
    stream->arg = arg;
    stream->host = eca_xstrdup(opts->host);
    stream->proxy = *opts->proxy;
    stream->fd = -1;
    stream->opts.host = NULL;
    stream->opts.proxy = NULL;
    eca_timer_init(&stream->silent_timer, eca_loop_sched(opts->loop), on_silent, stream);
    stream->resolve = eca_resolve_start(
        opts->loop, stream->proxy.used ? stream->proxy.host : stream->host, on_resolved, stream);
    return stream;
}

/* The TLS that what goes through is in, or NULL. */
static SSL *innermost(const struct eca_stream *stream)
{
    return stream->ssl != NULL ? stream->ssl : stream->proxy_ssl;
}

/* What an operation of the open stream waits for; false: it failed for good. */
static bool wait_open(struct eca_stream *stream, int failure)
{
    if (failure == SSL_ERROR_WANT_WRITE) {
        watch_room(stream);
    }
    return failure == SSL_ERROR_WANT_WRITE || failure == SSL_ERROR_WANT_READ;
}

int eca_stream_read(struct eca_stream *stream, void *bytes, size_t len, size_t *ret_len,
                    struct eca_err *err)
{
    SSL *ssl = innermost(stream);
    char why[128] = "unexpected EOF";

    *ret_len = 0;
    if (ssl != NULL) {
        int result, failure;

        ERR_clear_error();
        result = SSL_read_ex(ssl, bytes, len, ret_len);
        if (result == 1) {
            return ECA_OK;
        }
        failure = SSL_get_error(ssl, result);
        if (wait_open(stream, failure)) {
            return ECA_OK;
        }
        describe_ssl(ssl, failure, why, sizeof(why));
    } else {
        ssize_t count = recv(stream->fd, bytes, len, 0);

        if (count > 0) {
            *ret_len = (size_t)count;
            return ECA_OK;
        }
        if (count < 0 && errno == EAGAIN) {
            return ECA_OK;
        }
    }
    eca_loop_unwatch(eca_take(stream->watch)); /* the end would be told for ever */
    return eca_err_set(err, ECA_E_TRANSIENT, "%s", why);
}

int eca_stream_write(struct eca_stream *stream, struct eca_view bytes, size_t *ret_len,
                     struct eca_err *err)
{
    SSL *ssl = innermost(stream);

    *ret_len = 0;
    if (ssl != NULL) {
        int result;

        ERR_clear_error();
        result = SSL_write_ex(ssl, bytes.at, bytes.len, ret_len);
        if (result == 1 || wait_open(stream, SSL_get_error(ssl, result))) {
            return ECA_OK;
        }
    } else {
        ssize_t count = send(stream->fd, bytes.at, bytes.len, MSG_NOSIGNAL);

        if (count >= 0) {
            *ret_len = (size_t)count;
            return ECA_OK;
        }
        if (errno == EAGAIN) {
            watch_room(stream);
            return ECA_OK;
        }
    }
    return eca_err_set(err, ECA_E_TRANSIENT, "write failed");
}

void eca_stream_set_reading(struct eca_stream *stream, bool reading)
{
    if (stream->step == STEP_OPEN && stream->reading != reading) {
        stream->reading = reading;
        watch_for(stream, (stream->watched & (uint32_t)EPOLLOUT) | (reading ? EPOLLIN : 0u));
    }
}

void eca_stream_shutdown(struct eca_stream *stream)
{
    SSL *const layers[] = {stream->ssl, stream->proxy_ssl};

    for (size_t i = 0; i < ECA_ARRAY_LEN(layers); i++) {
        ERR_clear_error();
        if (layers[i] != NULL && (SSL_get_shutdown(layers[i]) & SSL_SENT_SHUTDOWN) == 0) {
            (void)SSL_shutdown(layers[i]);
        }
    }
    if (stream->fd >= 0) {
        (void)shutdown(stream->fd, SHUT_WR);
    }
}

void eca_stream_free(struct eca_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    eca_resolve_cancel(stream->resolve);
    eca_timer_stop(&stream->silent_timer);
    eca_loop_unwatch(stream->watch);
    SSL_free(stream->ssl);
    SSL_free(stream->proxy_ssl);
    if (stream->fd >= 0) {
        (void)close(stream->fd);
    }
    if (stream->request.len > 0) { /* holds the proxy's password */
        eca_wipe(stream->request.at, stream->request.len);
    }
    eca_buf_clear(&stream->request);
    eca_wipe(&stream->proxy, sizeof(stream->proxy));
    eca_free(stream->host);
    eca_free(stream);
}
