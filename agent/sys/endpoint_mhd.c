#include "agent/sys/endpoint_mhd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ports/backoff.h"
#include "agent/sys/endpoint_clients.h"
#include "agent/sys/entropy.h"

#define BACKLOG                                                                                    \
    4096 /* a full queue costs the next client a second; the kernel has its own limit              \
          */
#define SEND_BUFFER_BYTES                                                                          \
    65536 /* by itself the kernel would hold megabytes for who reads nothing */
#define SCRATCH_BYTES 4096
#define REQUEST_MEMORY_BYTES 20480 /* request line 4 KiB and headers 16 KiB (INTRO-130) */
#define TARGET_BYTES_MAX 4096
#define QUIET_LINE_NS (UINT64_C(60) * 1000000000u)
#define ACCEPT_PAUSE_MS 100 /* without a descriptor */
#define ACCEPTS_MAX 32      /* in a round of the loop */

struct eca_listener {
    struct eca_endpoint_mhd *owner;
    struct eca_list_node node;
    struct eca_endpoint_opts opts;
    char *name, *bind;
    eca_endpoint_fn *handler;
    void *arg;
    struct MHD_Daemon *daemon; /* NULL while the port is busy */
    struct eca_clients clients;
    struct eca_deferred more_work;
    int fd; /* listens; -1 while the port is busy */
    struct eca_fd_watch *watch, *listen_watch;
    struct eca_timer retry_timer, service_timer, accept_timer;
    struct eca_backoff backoff;
    struct eca_log_limit line_limit;
};

struct eca_endpoint_mhd {
    struct eca_loop *loop;
    struct eca_log *log;
    struct eca_list listeners;
};

/* ---- requests ------------------------------------------------------------------------------- */

static void format_remote(struct MHD_Connection *connection, char *text, size_t bytes)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char address[INET6_ADDRSTRLEN] = "";

    text[0] = '\0';
    if (info == NULL || info->client_addr == NULL) {
        return;
    }
    if (info->client_addr->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, info->client_addr, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, address, sizeof(address));
        (void)snprintf(text, bytes, "%s:%u", address, ntohs(v4.sin_port));
    } else if (info->client_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        bool mapped;

        memcpy(&v6, info->client_addr, sizeof(v6));
        mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, address, sizeof(address));
        (void)snprintf(text, bytes, mapped ? "%s:%u" : "[%s]:%u",
                       mapped ? address + strlen("::ffff:") : address, ntohs(v6.sin6_port));
    }
}

static enum MHD_Result respond(struct MHD_Connection *connection,
                               struct eca_endpoint_response *answer)
{
    size_t len = answer->body.len;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        len, len == 0 ? NULL : answer->body.at, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO;
    }
    if (answer->content_type != NULL) {
        (void)MHD_add_response_header(response, "Content-Type", answer->content_type);
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(answer->extra_headers); i++) {
        if (answer->extra_headers[i][0] != NULL) {
            (void)MHD_add_response_header(response, answer->extra_headers[i][0],
                                          answer->extra_headers[i][1]);
        }
    }
    result = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* The request's target as it came; the library decodes the path and splits the query otherwise. */
struct target {
    bool begun; /* the head has been looked at */
    char text[];
};

static void *keep_target(void *arg, const char *uri, struct MHD_Connection *connection)
{
    size_t bytes = strlen(uri) + 1;
    struct target *target = eca_xalloc(sizeof(*target) + bytes);

    (void)arg;
    (void)connection;
    memcpy(target->text, uri, bytes);
    return target;
}

/* The client of a connection; NULL when the library is already through with it. */
static struct eca_client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

static void hurry(struct eca_listener *listener, struct MHD_Connection *connection, uint64_t within)
{
    struct eca_client *client = client_of(connection);

    if (client != NULL) {
        eca_client_hurry(client, within * listener->opts.idle_ms);
    }
}

static void forget_target(void *arg, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode code)
{
    struct eca_client *client = client_of(connection);

    (void)code;
    eca_free(*state);
    *state = NULL;
    if (client != NULL) {
        client->answer_bytes = 0;
    }
    hurry(arg, connection, 2); /* idle for that long, and then the same for a head */
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct eca_listener *listener = arg;
    const union MHD_ConnectionInfo *address, *fd;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        eca_clients_remove(*context);
        *context = NULL;
        return;
    }
    address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (address != NULL && fd != NULL) {
        struct eca_client *client =
            eca_clients_add(&listener->clients, address->client_addr, fd->connect_fd);

        eca_client_hurry(client, listener->opts.idle_ms);
        *context = client;
    }
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **state)
{
    struct eca_listener *listener = arg;
    struct target *target = *state;
    const char *agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "User-Agent");
    struct eca_endpoint_response response = {.status = 500};
    struct eca_endpoint_request request = {.method = method,
                                           .user_agent = agent == NULL ? "" : agent,
                                           .has_user_agent = agent != NULL};
    struct eca_client *client;
    char remote[64];
    char *query;
    enum MHD_Result result;

    (void)url;
    (void)version;
    (void)upload;
    if (target == NULL || strlen(target->text) > TARGET_BYTES_MAX) {
        response.status = 414;
        return respond(connection, &response);
    }
    if (!target->begun) { /* an answer now would make the library close the connection after it */
        target->begun = true;
        hurry(listener, connection, 1);
        return MHD_YES;
    }
    if (*upload_bytes > 0) { /* a body is not read but dropped (INTRO-130) */
        *upload_bytes = 0;
        return MHD_YES;
    }
    query = strchr(target->text, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    format_remote(connection, remote, sizeof(remote));
    request.path = target->text;
    request.query = query;
    request.remote = remote;
    client = client_of(connection);
    if (client != NULL && !eca_client_may_ask(client)) { /* the answer is not even made */
        response.status = 503;
    } else {
        listener->handler(listener->arg, &request, &response);
    }
    if (client != NULL) {
        client->answer_bytes = response.body.len;
    }
    result = respond(connection, &response);
    eca_wipe(response.body.at, response.body.len);
    eca_buf_clear(&response.body);
    return result;
}

/* ---- listening ------------------------------------------------------------------------------ */

/*
 * The library does one step of each connection per call, and works off what it has read already
 * only when it is called again: its descriptor does not tell. It also drops idle connections only
 * when it is called. So it says when it wants to be.
 */
static void service(void *arg)
{
    struct eca_listener *listener = arg;
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;

    (void)MHD_run(listener->daemon);
    if (MHD_get_timeout(listener->daemon, &wait_ms) != MHD_YES) {
        eca_timer_stop(&listener->service_timer); /* no connection */
    } else if (wait_ms == 0) {
        eca_timer_stop(&listener->service_timer);
        eca_deferred_queue(&listener->more_work);
    } else {
        eca_timer_start_ms(&listener->service_timer, wait_ms + 1);
    }
}

static void on_ready(void *arg, uint32_t events)
{
    (void)events;
    service(arg);
}

static size_t connections(const struct eca_listener *listener)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info == NULL ? 0 : info->num_connections;
}

static void pause_accept(struct eca_listener *listener)
{
    eca_loop_rewatch(listener->listen_watch, 0);
    eca_timer_start_ms(&listener->accept_timer, ACCEPT_PAUSE_MS);
}

static void resume_accept(void *arg)
{
    struct eca_listener *listener = arg;

    eca_loop_rewatch(listener->listen_watch, EPOLLIN);
}

/* The excess gets 503 and is closed (INTRO-130). */
static void turn_away(int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                                 "Connection: close\r\n\r\n";

    char scratch[SCRATCH_BYTES];

    (void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    (void)recv(fd, scratch, sizeof(scratch),
               MSG_DONTWAIT); /* unread, it would overtake the answer */
    (void)close(fd);
}

static void on_no_client(struct eca_listener *listener, int sys)
{
    struct eca_endpoint_mhd *mhd = listener->owner;

    if (sys == EAGAIN || sys == EINTR || sys == ECONNABORTED) {
        return;
    }
    if (eca_log_limit_pass(&listener->line_limit, eca_sched_now_ns(eca_loop_sched(mhd->loop)),
                           QUIET_LINE_NS)) {
        ECA_ERROR(mhd->log, "Handlers", ECA_KV("server", listener->name),
                  "Cannot accept a client: %s", strerror(sys));
    }
    pause_accept(listener);
}

/* Clients are accepted here, since the library spins when descriptors have run out (FB-35.4). */
static void on_client(void *arg, uint32_t events)
{
    struct eca_listener *listener = arg;
    struct sockaddr_storage address;
    int send_bytes = SEND_BUFFER_BYTES;

    (void)events;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        socklen_t len = sizeof(address);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
            on_no_client(listener, errno);
            break;
        }
        if (connections(listener) >= listener->opts.connections_max ||
            !eca_clients_has_room(&listener->clients, (const struct sockaddr *)&address)) {
            turn_away(fd);
        } else { /* the library closes the descriptor when it refuses the client */
            (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
            (void)MHD_add_connection(listener->daemon, fd, (struct sockaddr *)&address, len);
        }
    }
    service(listener);
}

static int open_socket(const struct eca_listener *listener, int family, struct eca_err *err)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(listener->opts.port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(listener->opts.port)};
    const char *bind_text = listener->bind;
    int one = 1, zero = 0, fd, rc;

    if (bind_text[0] != '\0' &&
        inet_pton(family, bind_text,
                  family == AF_INET ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr) != 1) {
        return eca_err_set(err, ECA_E_INVALID, "%s is no address to bind", bind_text);
    }
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return eca_err_set_sys(err, ECA_E_TRANSIENT, errno, "socket");
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
        rc = bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
    } else {
        rc = bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
    }
    if (rc < 0 || listen(fd, BACKLOG) < 0) {
        int sys = errno;

        (void)close(fd);
        return eca_err_set_sys(err, sys == EADDRINUSE ? ECA_E_CONFLICT : ECA_E_TRANSIENT, sys,
                               "port %u", listener->opts.port);
    }
    return fd;
}

static int open_any(const struct eca_listener *listener, struct eca_err *err)
{
    int fd;

    if (strchr(listener->bind, '.') != NULL) {
        return open_socket(listener, AF_INET, err);
    }
    fd = open_socket(listener, AF_INET6, err);
    /* A host without IPv6 still serves IPv4. */
    return fd == ECA_E_TRANSIENT && listener->bind[0] == '\0' ? open_socket(listener, AF_INET, err)
                                                              : fd;
}

static int start_daemon(struct eca_listener *listener, int fd, struct eca_err *err)
{
    const union MHD_DaemonInfo *info;

    listener->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, listener,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)listener->opts.connections_max,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((listener->opts.idle_ms + 999) / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)REQUEST_MEMORY_BYTES, MHD_OPTION_URI_LOG_CALLBACK, keep_target, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, forget_target, listener, MHD_OPTION_END);
    if (listener->daemon == NULL) {
        (void)close(fd);
        return eca_err_set(err, ECA_E_TRANSIENT, "libmicrohttpd refuses port %u",
                           listener->opts.port);
    }
    info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    listener->watch =
        eca_loop_watch(listener->owner->loop, info->epoll_fd, EPOLLIN, on_ready, listener);
    listener->fd = fd;
    listener->listen_watch =
        eca_loop_watch(listener->owner->loop, fd, EPOLLIN, on_client, listener);
    return ECA_OK;
}

static void try_listen(void *arg)
{
    struct eca_listener *listener = arg;
    struct eca_endpoint_mhd *mhd = listener->owner;
    struct eca_err err = {0};
    int fd = open_any(listener, &err);

    if (fd >= 0 && start_daemon(listener, fd, &err) == ECA_OK) {
        return;
    }
    if (eca_log_limit_pass(&listener->line_limit, eca_sched_now_ns(eca_loop_sched(mhd->loop)),
                           QUIET_LINE_NS)) {
        ECA_ERROR(mhd->log, "Handlers", ECA_KV("server", listener->name),
                  "Cannot listen; trying again: %s", err.msg);
    }
    eca_timer_start(&listener->retry_timer,
                    eca_backoff_next_ns(&listener->backoff, eca_entropy_system()));
}

static int endpoint_listen(void *impl, const struct eca_endpoint_opts *opts,
                           eca_endpoint_fn *handler, void *arg, struct eca_listener **ret_listener,
                           struct eca_err *err)
{
    struct eca_endpoint_mhd *mhd = impl;
    struct eca_sched *sched = eca_loop_sched(mhd->loop);
    struct eca_listener *listener = eca_xalloc(sizeof(*listener));

    (void)err;
    listener->owner = mhd;
    listener->fd = -1;
    listener->opts = *opts;
    listener->name = eca_xstrdup(opts->name);
    listener->bind = eca_xstrdup(opts->bind == NULL ? "" : opts->bind);
    listener->handler = handler;
    listener->arg = arg;
    eca_clients_init(&listener->clients, sched, opts->connections_per_remote_max,
                     opts->connections_loopback_max);
    eca_timer_init(&listener->retry_timer, sched, try_listen, listener);
    eca_timer_init(&listener->service_timer, sched, service, listener);
    eca_deferred_init(&listener->more_work, sched, service, listener);
    eca_timer_init(&listener->accept_timer, sched, resume_accept, listener);
    eca_backoff_init(&listener->backoff,
                     (struct eca_backoff_opts){.min_ms = 1000,
                                               .max_ms = 60 * 1000,
                                               .multiplier_milli = 2000,
                                               .jitter_milli = 200}); /* INTRO-101 */
    eca_list_push_back(&mhd->listeners, &listener->node);
    try_listen(listener);
    *ret_listener = listener;
    return ECA_OK;
}

static void endpoint_close(void *impl, struct eca_listener *listener)
{
    struct eca_endpoint_mhd *mhd = impl;

    eca_timer_stop(&listener->retry_timer);
    eca_timer_stop(&listener->service_timer);
    eca_deferred_cancel(&listener->more_work);
    eca_timer_stop(&listener->accept_timer);
    eca_loop_unwatch(listener->listen_watch);
    eca_loop_unwatch(listener->watch);
    if (listener->daemon != NULL) {
        MHD_stop_daemon(listener->daemon);
    }
    if (listener->fd >= 0) {
        (void)close(listener->fd);
    }
    eca_list_remove(&mhd->listeners, &listener->node);
    eca_free(listener->name);
    eca_free(listener->bind);
    eca_free(listener);
}

struct eca_endpoint_mhd *eca_endpoint_mhd_new(struct eca_loop *loop, struct eca_log *log)
{
    struct eca_endpoint_mhd *mhd = eca_xalloc(sizeof(*mhd));

    mhd->loop = loop;
    mhd->log = log;
    eca_list_init(&mhd->listeners);
    return mhd;
}

void eca_endpoint_mhd_free(struct eca_endpoint_mhd *mhd)
{
    if (mhd == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &mhd->listeners)
    {
        endpoint_close(mhd, eca_list_entry(node, struct eca_listener, node));
    }
    eca_free(mhd);
}

struct eca_endpoint eca_endpoint_mhd_port(struct eca_endpoint_mhd *mhd)
{
    static const struct eca_endpoint_ops ops = {endpoint_listen, endpoint_close};

    return (struct eca_endpoint){&ops, mhd};
}
