#include "agent/sys/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/entropy.h"

#define LEAVE_MS 1000 /* for the last bytes; as long as a close may take (FB-21.3) */

struct eca_relay {
    struct eca_loop *loop;
    struct eca_list *list;
    struct eca_list_node node;
    struct eca_relay_events events;
    void *arg;
    struct eca_stream *stream;
    char name[40];     /* without the leading NUL of abstract names */
    int listen_fd, fd; /* fd: the library's connection */
    struct eca_fd_watch *listen_watch, *watch;
    uint32_t watched;
    struct eca_buf to_server, to_library;
    bool server_ended, library_ended, left;
    struct eca_timer leave_timer;
};

static void free_later(void *arg)
{
    eca_relay_free(arg);
}

static void watch_for(struct eca_relay *relay, uint32_t events)
{
    if (relay->watch != NULL && events != relay->watched) {
        relay->watched = events;
        eca_loop_rewatch(relay->watch, events);
    }
}

/* ---- copying -------------------------------------------------------------------------------- */

/* False: no room in there now, or nobody takes it any more. */
static bool flush_to_library(struct eca_relay *relay)
{
    while (relay->to_library.len > 0) {
        ssize_t count = relay->fd < 0 ? -1
                                      : send(relay->fd, relay->to_library.at, relay->to_library.len,
                                             MSG_NOSIGNAL | MSG_DONTWAIT);

        if (count <= 0) {
            if (relay->fd >= 0 && errno != EAGAIN) {
                relay->library_ended = true;
                eca_buf_reset(&relay->to_library);
            }
            return false;
        }
        eca_buf_drop(&relay->to_library, (size_t)count);
    }
    return true;
}

static void copy_to_library(struct eca_relay *relay)
{
    char bytes[ECA_RELAY_BYTES];

    while (flush_to_library(relay) && !relay->server_ended) {
        size_t got = 0;

        if (eca_stream_read(relay->stream, bytes, sizeof(bytes), &got, NULL) < 0) {
            relay->server_ended = true;
        } else if (got == 0) {
            break;
        } else if (!relay->library_ended) {
            eca_buf_add(&relay->to_library, bytes, got);
        }
    }
    eca_stream_set_reading(relay->stream, relay->to_library.len == 0);
    if (relay->server_ended && relay->to_library.len == 0 && relay->fd >= 0) {
        (void)shutdown(relay->fd, SHUT_WR); /* the library reads the end after everything else */
    }
}

static bool flush_to_server(struct eca_relay *relay)
{
    while (relay->to_server.len > 0) {
        size_t taken = 0;

        if (eca_stream_write(relay->stream, eca_buf_view(&relay->to_server), &taken, NULL) < 0) {
            relay->server_ended = true;
            eca_buf_reset(&relay->to_server);
        }
        if (taken == 0) {
            return relay->to_server.len == 0;
        }
        eca_buf_drop(&relay->to_server, taken);
    }
    return true;
}

static void copy_to_server(struct eca_relay *relay)
{
    char bytes[ECA_RELAY_BYTES];

    while (flush_to_server(relay) && relay->fd >= 0 && !relay->library_ended) {
        ssize_t count = recv(relay->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (count < 0 && errno == EAGAIN) {
            break;
        }
        if (count <= 0) {
            relay->library_ended = true;
        } else {
            eca_buf_add(&relay->to_server, bytes, (size_t)count);
        }
    }
    if (relay->library_ended && relay->to_server.len == 0) {
        eca_loop_unwatch(eca_take(relay->watch)); /* the end would be told for ever */
        eca_stream_shutdown(relay->stream);
        if (relay->left && !eca_timer_is_armed(&relay->leave_timer)) {
            eca_timer_start_ms(&relay->leave_timer, LEAVE_MS);
        }
    }
}

static void copy(struct eca_relay *relay)
{
    copy_to_library(relay);
    copy_to_server(relay);
    watch_for(relay, (relay->to_server.len == 0 ? (uint32_t)EPOLLIN : 0) |
                         (relay->to_library.len > 0 ? (uint32_t)EPOLLOUT : 0));
    if (relay->left && relay->server_ended) {
        eca_timer_start(&relay->leave_timer, 0); /* nothing more can come or go */
    }
}

static void on_stream_io(void *arg)
{
    copy(arg);
}

static void on_library_io(void *arg, uint32_t events)
{
    struct eca_relay *relay = arg;

    if ((events & (EPOLLHUP | EPOLLERR)) != 0) { /* closed, which would be told for ever: what is */
        eca_loop_unwatch(eca_take(relay->watch)); /* left in it is read as the server has room */
    }
    copy(relay);
}

/* ---- the library's side --------------------------------------------------------------------- */

/* Only this process may have it: the name can be seen by all of the machine. */
static bool is_ourselves(int fd)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getpid();
}

static void stop_listening(struct eca_relay *relay)
{
    eca_loop_unwatch(eca_take(relay->listen_watch));
    (void)close(relay->listen_fd);
    relay->listen_fd = -1;
}

static void on_library(void *arg, uint32_t events)
{
    struct eca_relay *relay = arg;
    int fd = accept4(relay->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)) {
        return;
    }
    if (fd < 0) { /* no descriptor: the library, which waits there, sees its connection end */
        stop_listening(relay);
        return;
    }
    if (!is_ourselves(fd)) {
        (void)close(fd);
        return;
    }
    relay->fd = fd;
    stop_listening(relay);
    relay->watched = EPOLLIN;
    relay->watch = eca_loop_watch(relay->loop, fd, EPOLLIN, on_library_io, relay);
    copy(relay);
}

static int listen_once(struct eca_relay *relay)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len;
    char id[33];

    eca_entropy_hex(eca_entropy_system(), 32, id);
    (void)snprintf(relay->name, sizeof(relay->name), "eca-%s", id);
    memcpy(address.sun_path + 1, relay->name, strlen(relay->name));
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(relay->name));
    relay->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (relay->listen_fd < 0 || bind(relay->listen_fd, (struct sockaddr *)&address, len) < 0 ||
        listen(relay->listen_fd, 4) < 0) {
        return ECA_E_INTERNAL;
    }
    relay->listen_watch = eca_loop_watch(relay->loop, relay->listen_fd, EPOLLIN, on_library, relay);
    return ECA_OK;
}

static void on_stream_open(void *arg)
{
    struct eca_relay *relay = arg;
    char address[48];
    struct eca_err err = {0};

    if (listen_once(relay) < 0) {
        (void)eca_err_set_sys(&err, ECA_E_INTERNAL, errno, "relay");
        relay->events.on_failed(relay->arg, &err);
        return;
    }
    eca_stream_set_reading(relay->stream, false); /* until somebody takes it */
    (void)snprintf(address, sizeof(address), "+@%s", relay->name);
    relay->events.on_ready(relay->arg, address);
}

static void on_stream_failed(void *arg, const struct eca_err *err)
{
    struct eca_relay *relay = arg;

    relay->server_ended = true;
    relay->events.on_failed(relay->arg, err);
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_relay *eca_relay_open(const struct eca_stream_opts *opts, struct eca_list *list,
                                 const struct eca_relay_events *events, void *arg)
{
    static const struct eca_stream_events stream_events = {on_stream_open, on_stream_io,
                                                           on_stream_failed};
    struct eca_relay *relay = eca_xalloc(sizeof(*relay));

    relay->loop = opts->loop;
    relay->list = list;
    relay->events = *events;
    relay->arg = arg;
    relay->listen_fd = relay->fd = -1;
    eca_timer_init(&relay->leave_timer, eca_loop_sched(opts->loop), free_later, relay);
    eca_list_push_back(list, &relay->node);
    relay->stream = eca_stream_open(opts, &stream_events, relay);
    return relay;
}

void eca_relay_await(struct eca_relay *relay, int wait_ms)
{
    struct pollfd ready = {.fd = eca_stream_fd(relay->stream), .events = POLLIN};

    if (!relay->server_ended && poll(&ready, 1, wait_ms) > 0) {
        copy(relay);
    }
}

void eca_relay_leave(struct eca_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    if (relay->fd < 0 || relay->server_ended) { /* nothing was, or can be, on its way */
        eca_relay_free(relay);
        return;
    }
    relay->left = true;
    eca_timer_start_ms(&relay->leave_timer, LEAVE_MS);
    copy(relay);
}

void eca_relay_free(struct eca_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    if (relay->fd >= 0 && !relay->server_ended) {
        copy_to_server(relay);
    }
    eca_timer_stop(&relay->leave_timer);
    eca_loop_unwatch(relay->listen_watch);
    eca_loop_unwatch(relay->watch);
    eca_stream_free(relay->stream);
    if (relay->listen_fd >= 0) {
        (void)close(relay->listen_fd);
    }
    if (relay->fd >= 0) {
        (void)close(relay->fd);
    }
    eca_buf_clear(&relay->to_server);
    eca_buf_clear(&relay->to_library);
    eca_list_remove(relay->list, &relay->node);
    eca_free(relay);
}

struct eca_relay *eca_relay_from_node(struct eca_list_node *node)
{
    return eca_list_entry(node, struct eca_relay, node);
}
