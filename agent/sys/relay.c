#include "agent/sys/relay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/entropy.h"
#include "agent/sys/ws_answer.h"
#include "agent/sys/ws_walk.h"

#define LEAVE_MS 1000   /* for the last bytes; as long as a close may take (FB-21.3) */
#define REFUSAL_MS 5000 /* for a refusal's body (WS-105) */

/* What the server's bytes are. */
enum phase {
    PHASE_ANSWER, /* to the upgrade; held back from the library until it is a 101 */
    PHASE_BODY,   /* of a refusal, which the library never sees */
    PHASE_FRAMES,
    PHASE_BREACH, /* ignored: a frame broke the protocol, and our Close waits for its place */
    PHASE_OVER,   /* ignored: our events have been told, or will be in this turn */
};

enum news { NEWS_NONE, NEWS_FAILED, NEWS_REFUSAL, NEWS_REFUSED, NEWS_BROKEN };

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
    bool stands; /* the server said 101 */
    bool muted;  /* what the library still says goes nowhere: the protocol was broken */
    struct eca_timer leave_timer;
    /* What the server says, and where the library's frames end. */
    enum phase phase;
    enum news news;     /* to be told when the copying is done */
    const char *why;    /* of a breach */
    struct eca_err err; /* of a failure */
    struct eca_ws_answer answer;
    struct eca_ws_walk from_server, from_library;
    struct eca_timer limit_timer; /* of a refusal's body, of a breach */
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

/* ---- bytes ---------------------------------------------------------------------------------- */

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

/* ---- what the server says ------------------------------------------------------------------- */

static void set_over(struct eca_relay *relay, enum news news)
{
    relay->phase = PHASE_OVER;
    relay->news = news;
    relay->muted = news == NEWS_BROKEN;
    eca_timer_stop(&relay->limit_timer);
}

/* WS-145: what breaks the protocol does not reach the library; see put_close for the rest. */
static void take_frames(struct eca_relay *relay, struct eca_view bytes)
{
    size_t fine = eca_ws_walk_server(&relay->from_server, bytes, &relay->why);

    if (!relay->library_ended) {
        eca_buf_add(&relay->to_library, bytes.at, fine);
    }
    if (relay->why != NULL) {
        relay->phase = PHASE_BREACH;
        eca_timer_start_ms(&relay->limit_timer, LEAVE_MS);
    }
}

static void take_answer(struct eca_relay *relay, struct eca_view bytes)
{
    size_t taken = eca_ws_answer_feed(&relay->answer, bytes);

    switch (relay->answer.state) {
    case ECA_WS_ANSWER_HEAD:
        return;
    case ECA_WS_ANSWER_UPGRADED:
        relay->phase = PHASE_FRAMES;
        relay->stands = true;
        if (!relay->library_ended) {
            eca_buf_add_view(&relay->to_library, eca_buf_view(&relay->answer.head));
        }
        eca_ws_answer_clear(&relay->answer);
        take_frames(relay, eca_view_sub(bytes, taken, bytes.len)); /* WS-132 */
        return;
    case ECA_WS_ANSWER_BODY:
        if (relay->phase == PHASE_ANSWER) {
            relay->phase = PHASE_BODY;
            relay->news = NEWS_REFUSAL;
            eca_timer_start_ms(&relay->limit_timer, REFUSAL_MS);
        }
        return;
    case ECA_WS_ANSWER_REFUSED:
        set_over(relay, NEWS_REFUSED);
        return;
    case ECA_WS_ANSWER_BROKEN:
        (void)eca_err_set(&relay->err, ECA_E_TRANSIENT, "%s", relay->answer.why);
        set_over(relay, NEWS_FAILED);
        return;
    }
}

static void take_from_server(struct eca_relay *relay, struct eca_view bytes)
{
    if (relay->left) {
        return; /* it is read for its end only */
    }
    switch (relay->phase) {
    case PHASE_ANSWER:
    case PHASE_BODY:
        take_answer(relay, bytes);
        return;
    case PHASE_FRAMES:
        take_frames(relay, bytes);
        return;
    case PHASE_BREACH:
    case PHASE_OVER:
        return; /* read nevertheless, or the end of the socket would be a reset */
    }
}

static void take_server_end(struct eca_relay *relay, const struct eca_err *err)
{
    relay->server_ended = true;
    switch (relay->phase) {
    case PHASE_ANSWER:
        relay->err = *err;
        set_over(relay, NEWS_FAILED);
        return;
    case PHASE_BODY:
        set_over(relay, NEWS_REFUSED); /* which may have been the body's end */
        return;
    case PHASE_BREACH:
        set_over(relay, NEWS_BROKEN); /* nobody is there to say it to */
        return;
    case PHASE_FRAMES: /* the library reads the end, and tells it */
    case PHASE_OVER:
        return;
    }
}

static void copy_to_library(struct eca_relay *relay)
{
    char bytes[ECA_RELAY_BYTES];

    while (flush_to_library(relay) && !relay->server_ended) {
        struct eca_err err = {0};
        size_t got = 0;

        if (eca_stream_read(relay->stream, bytes, sizeof(bytes), &got, &err) < 0) {
            take_server_end(relay, &err);
        } else if (got == 0) {
            break;
        } else {
            take_from_server(relay, eca_view_of(bytes, got));
        }
    }
    eca_stream_set_reading(relay->stream, relay->to_library.len == 0);
}

/* ---- what the library says ------------------------------------------------------------------ */

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

/* Our Close with the reason stands behind the library's last whole frame, and nothing of the
 * library's behind it. Whoever said Close himself has said all. */
static void put_close(struct eca_relay *relay)
{
    unsigned char mask[4];

    if (relay->phase != PHASE_BREACH || !eca_ws_walk_is_between(&relay->from_library)) {
        return;
    }
    if (!relay->from_library.closed) {
        eca_entropy_fill(eca_entropy_system(), mask, sizeof(mask));
        eca_ws_close_frame(&relay->to_server, 1002, relay->why, mask);
    }
    set_over(relay, NEWS_BROKEN);
}

static void take_from_library(struct eca_relay *relay, struct eca_view bytes)
{
    size_t taken = bytes.len;

    /* Before the 101 it says its request, and nothing else. */
    if (relay->phase != PHASE_ANSWER && relay->phase != PHASE_BODY) {
        taken = eca_ws_walk_client(&relay->from_library, bytes, relay->phase == PHASE_BREACH);
    }
    eca_buf_add(&relay->to_server, bytes.at, taken);
    put_close(relay);
}

static void copy_to_server(struct eca_relay *relay)
{
    char bytes[ECA_RELAY_BYTES];

    put_close(relay);
    while (flush_to_server(relay) && relay->fd >= 0 && !relay->library_ended && !relay->muted) {
        ssize_t count = recv(relay->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (count < 0 && errno == EAGAIN) {
            break;
        }
        if (count <= 0) {
            relay->library_ended = true;
        } else {
            take_from_library(relay, eca_view_of(bytes, (size_t)count));
        }
    }
    if (relay->library_ended && relay->phase == PHASE_BREACH) {
        set_over(relay, NEWS_BROKEN); /* it stopped within a frame: a Close has no place */
    }
    if (relay->library_ended) {
        eca_loop_unwatch(eca_take(relay->watch)); /* the end would be told for ever */
    }
    if ((relay->library_ended || relay->muted) && relay->to_server.len == 0) {
        eca_stream_shutdown(relay->stream);
        if (relay->left && !eca_timer_is_armed(&relay->leave_timer)) {
            eca_timer_start_ms(&relay->leave_timer, LEAVE_MS);
        }
    }
}

/* ---- events --------------------------------------------------------------------------------- */

/* The last act of a turn: the relay may be gone afterwards. */
static void tell(struct eca_relay *relay)
{
    enum news news = relay->news;
    struct eca_err err = {0};

    relay->news = NEWS_NONE;
    if (relay->left) {
        return;
    }
    switch (news) {
    case NEWS_NONE:
        return;
    case NEWS_FAILED:
        relay->events.on_failed(relay->arg, &relay->err);
        return;
    case NEWS_REFUSAL:
        relay->events.on_refusal(relay->arg);
        return;
    case NEWS_REFUSED:
        relay->events.on_refused(relay->arg, relay->answer.status,
                                 eca_buf_view(&relay->answer.body));
        return;
    case NEWS_BROKEN:
        (void)eca_err_set(&err, ECA_E_TRANSIENT, "websocket: %s", relay->why);
        relay->events.on_broken(relay->arg, &err);
        return;
    }
}

static void copy(struct eca_relay *relay)
{
    copy_to_library(relay);
    copy_to_server(relay);
    if ((relay->server_ended || relay->muted) && relay->to_library.len == 0 && relay->fd >= 0) {
        (void)shutdown(relay->fd, SHUT_WR); /* the library reads the end after everything else */
    }
    watch_for(relay, (relay->to_server.len == 0 && !relay->muted ? (uint32_t)EPOLLIN : 0) |
                         (relay->to_library.len > 0 ? (uint32_t)EPOLLOUT : 0));
    if (relay->left && relay->server_ended) {
        eca_timer_start(&relay->leave_timer, 0); /* nothing more can come or go */
    }
    tell(relay);
}

static void on_limit(void *arg)
{
    struct eca_relay *relay = arg;

    set_over(relay, relay->phase == PHASE_BODY ? NEWS_REFUSED : NEWS_BROKEN);
    copy(relay);
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
    relay->phase = PHASE_OVER;
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
    eca_timer_init(&relay->limit_timer, eca_loop_sched(opts->loop), on_limit, relay);
    eca_ws_answer_init(&relay->answer, ECA_CHANNEL_REFUSAL_BYTES_MAX);
    eca_list_push_back(list, &relay->node);
    relay->stream = eca_stream_open(opts, &stream_events, relay);
    return relay;
}

void eca_relay_leave(struct eca_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    eca_timer_stop(&relay->limit_timer);
    if (relay->fd < 0 || relay->server_ended || !relay->stands) {
        eca_relay_free(relay); /* nothing was, or can be, on its way (WS-133) */
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
    eca_timer_stop(&relay->limit_timer);
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
    eca_ws_answer_clear(&relay->answer);
    eca_list_remove(relay->list, &relay->node);
    eca_free(relay);
}

struct eca_relay *eca_relay_from_node(struct eca_list_node *node)
{
    return eca_list_entry(node, struct eca_relay, node);
}
