#include "tests/unit/sys/raw_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE_BYTES 4096

static void hang_up(struct raw_server *server)
{
    eca_timer_stop(&server->timer);
    eca_loop_unwatch(server->watch);
    eca_loop_unwatch(server->relay_watch);
    server->watch = server->relay_watch = NULL;
    if (server->fd >= 0) {
        (void)close(server->fd);
    }
    if (server->relay_fd >= 0) {
        (void)close(server->relay_fd);
    }
    server->fd = server->relay_fd = -1;
}

/* What came on one socket goes out on the other; false at the end. */
static bool pass_on(int from, int to)
{
    char piece[PIECE_BYTES];
    ssize_t got = recv(from, piece, sizeof(piece), MSG_DONTWAIT);

    return got > 0 && send(to, piece, (size_t)got, MSG_NOSIGNAL) == got;
}

static void on_relay(void *arg, uint32_t events)
{
    struct raw_server *server = arg;

    (void)events;
    if (!pass_on(server->relay_fd, server->fd)) {
        hang_up(server);
    }
}

static void open_relay(struct raw_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(server->relay_port)};

    server->relay_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(server->relay_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    server->relay_watch = eca_loop_watch(server->loop, server->relay_fd, EPOLLIN, on_relay, server);
}

static void say_next(void *arg)
{
    struct raw_server *server = arg;
    struct eca_view part = server->parts[server->next_part];

    if (part.len > 0) {
        ck_assert_int_eq(send(server->fd, part.at, part.len, MSG_NOSIGNAL), (ssize_t)part.len);
    }
    server->next_part++;
    if (server->next_part < RAW_PARTS_MAX && server->parts[server->next_part].len > 0) {
        eca_timer_start_ms(&server->timer, RAW_PART_GAP_MS);
    } else if (server->close_after) {
        hang_up(server);
    }
}

static void on_readable(void *arg, uint32_t events)
{
    struct raw_server *server = arg;
    char piece[PIECE_BYTES];
    ssize_t got;

    (void)events;
    if (server->relay_fd >= 0) {
        if (!pass_on(server->fd, server->relay_fd)) {
            hang_up(server);
        }
        return;
    }
    got = recv(server->fd, piece, sizeof(piece), MSG_DONTWAIT);
    if (got <= 0) {
        hang_up(server);
        return;
    }
    eca_buf_add(&server->request, piece, (size_t)got);
    if (!server->answering && strstr(eca_buf_str(&server->request), "\r\n\r\n") != NULL) {
        server->answering = true;
        if (server->relay_port != 0) {
            open_relay(server);
        }
        say_next(server);
    }
}

static void on_client(void *arg, uint32_t events)
{
    struct raw_server *server = arg;

    (void)events;
    hang_up(server);
    server->fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(server->fd, 0);
    server->connections++;
    server->next_part = 0;
    server->answering = false;
    eca_buf_reset(&server->request);
    server->watch = eca_loop_watch(server->loop, server->fd, EPOLLIN, on_readable, server);
}

void raw_server_open(struct raw_server *server, struct eca_loop *loop)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    memset(server, 0, sizeof(*server));
    server->loop = loop;
    server->fd = server->relay_fd = -1;
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(server->listen_fd, 16), 0);
    ck_assert_int_eq(getsockname(server->listen_fd, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    eca_timer_init(&server->timer, eca_loop_sched(loop), say_next, server);
    server->listen_watch = eca_loop_watch(loop, server->listen_fd, EPOLLIN, on_client, server);
}

void raw_server_close(struct raw_server *server)
{
    hang_up(server);
    eca_loop_unwatch(server->listen_watch);
    (void)close(server->listen_fd);
    eca_buf_clear(&server->request);
}

void raw_server_say(struct raw_server *server, const char *text)
{
    memset(server->parts, 0, sizeof(server->parts));
    server->parts[0] = eca_view_str(text);
}
