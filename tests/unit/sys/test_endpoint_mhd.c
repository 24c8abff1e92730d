#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/clock.h"
#include "agent/sys/endpoint_clients.h"
#include "agent/sys/endpoint_mhd.h"
#include "agent/sys/healthcheck.h"
#include "tests/unit/support/manual_clock.h"

/* The local HTTP servers on real sockets: what a container's SDK, an operator, or a nuisance sends.
 */
#define STEPS_MAX 20000

static struct eca_loop *loop;
static struct eca_endpoint_mhd *mhd;
static struct eca_listener *listener;
static uint16_t port;
static struct eca_buf seen; /* requests, one line each */
static int status;

static void handler(void *arg, const struct eca_endpoint_request *request,
                    struct eca_endpoint_response *response)
{
    (void)arg;
    eca_buf_addf(&seen, "%s %s?%s agent=%s%s from=%s\n", request->method, request->path,
                 request->query == NULL ? "-" : request->query, request->user_agent,
                 request->has_user_agent ? "" : "(none)", request->remote);
    response->status = status;
    response->content_type = "application/json";
    response->extra_headers[0][0] = "X-Test";
    response->extra_headers[0][1] = "yes";
    eca_buf_add_str(&response->body, "{\"a\":1}");
}

static void on_line(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    (void)level;
    (void)wall_ms;
    eca_buf_add_view(arg, line);
}

static int64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

/* A socket bound to a free port of loopback, or of *at when that is set. */
static int bind_loopback(uint16_t *at)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*at), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *at = ntohs(address.sin_port);
    return fd;
}

static void start(const struct eca_endpoint_opts *more)
{
    struct eca_endpoint_opts opts = *more;
    struct eca_err err = {0};

    opts.name = "introspection";
    opts.port = port;
    opts.connections_max = opts.connections_max == 0 ? 256 : opts.connections_max;
    opts.connections_per_remote_max =
        opts.connections_per_remote_max == 0 ? 32 : opts.connections_per_remote_max;
    opts.connections_loopback_max =
        opts.connections_loopback_max == 0 ? 128 : opts.connections_loopback_max;
    opts.idle_ms = opts.idle_ms == 0 ? 5000 : opts.idle_ms;
    ck_assert_msg(
        eca_endpoint_listen(eca_endpoint_mhd_port(mhd), &opts, handler, NULL, &listener, &err) == 0,
        "%s", err.msg);
}

static struct eca_log test_log;
static struct eca_buf lines;

static void setup(void)
{
    struct eca_err err = {0};

    seen = (struct eca_buf){0};
    lines = (struct eca_buf){0};
    listener = NULL;
    port = 0;
    status = 200;
    (void)close(bind_loopback(&port));
    test_log = (struct eca_log){.sink = on_line, .sink_arg = &lines, .wall_ms = no_time};
    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    ck_assert_msg(loop != NULL, "%s", err.msg);
    mhd = eca_endpoint_mhd_new(loop, &test_log);
}

static void teardown(void)
{
    eca_endpoint_mhd_free(mhd);
    eca_loop_free(loop);
    eca_buf_clear(&seen);
    eca_buf_clear(&lines);
}

static int dial(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Everything until the server closes, or until `mark` was seen. */
static void hear(int fd, const char *mark, struct eca_buf *out)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        char piece[4096];

        (void)eca_loop_step(loop, false);
        if (poll(&ready, 1, 1) == 1) {
            ssize_t got = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);

            if (got <= 0) {
                return;
            }
            eca_buf_add(out, piece, (size_t)got);
        }
        if (mark != NULL && strstr(eca_buf_str(out), mark) != NULL) {
            return;
        }
    }
    ck_abort_msg("the server never closed: %s", eca_buf_str(out));
}

static void ask(const char *request, struct eca_buf *out)
{
    int fd = dial();

    eca_buf_reset(out);
    say(fd, request);
    hear(fd, NULL, out);
    (void)close(fd);
}

/* INTRO-101, CREDEP-101: HTTP/1.1; the handler sees the target as it was sent. */
START_TEST(the_handler_sees_the_request_as_sent)
{
    static const struct {
        const char *request, *line;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /?- agent=(none) from="},
        {"GET /v2/credentials/a%2Fb?x=%20y&z HTTP/1.1\r\nHost: x\r\nUser-Agent: \r\n"
         "Connection: close\r\n\r\n",
         "GET /v2/credentials/a%2Fb?x=%20y&z agent= from=127.0.0.1:"},
        {"DELETE //x?? HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/7\r\nConnection: close\r\n\r\n",
         "DELETE //x?? agent=curl/7 from=127.0.0.1:"},
        {"GET /old HTTP/1.0\r\n\r\n", "GET /old?- agent=(none) from="},
        {"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
         "POST /p?- agent=(none) from="},
    };
    eca_auto_buf struct eca_buf answer = {0};

    start(&(struct eca_endpoint_opts){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_buf_reset(&seen);
        ask(rows[i].request, &answer);
        ck_assert_msg(strncmp(eca_buf_str(&seen), rows[i].line, strlen(rows[i].line)) == 0,
                      "row %zu: %s", i, eca_buf_str(&seen));
        ck_assert_msg(strstr(eca_buf_str(&answer), " 200 ") != NULL, "row %zu: %s", i,
                      eca_buf_str(&answer));
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&answer), "Content-Type: application/json\r\n"));
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&answer), "X-Test: yes\r\n"));
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&answer), "\r\n\r\n{\"a\":1}"));
    }
}
END_TEST

START_TEST(a_head_has_no_body_and_connections_are_kept)
{
    eca_auto_buf struct eca_buf answer = {0};
    int fd;

    start(&(struct eca_endpoint_opts){0});
    ask("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &answer);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&answer), "Content-Length: 7\r\n"));
    ck_assert_ptr_null(strstr(eca_buf_str(&answer), "{\"a\""));
    fd = dial();
    for (int i = 0; i < 3; i++) {
        eca_buf_reset(&answer);
        say(fd, "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
        hear(fd, "{\"a\":1}", &answer);
    }
    (void)close(fd);
}
END_TEST

/* INTRO-130, CREDEP-130: a long request line, long headers, a large body, junk. */
START_TEST(what_is_too_large_or_no_request_is_refused)
{
    static char text[60000];
    eca_auto_buf struct eca_buf answer = {0};
    int fd;

    start(&(struct eca_endpoint_opts){0});
    memset(text, 'x', sizeof(text));
    (void)memcpy(text, "GET /", 5);
    (void)snprintf(text + 5000, sizeof(text) - 5000,
                   " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ask(text, &answer);
    ck_assert_msg(strstr(eca_buf_str(&answer), " 414 ") != NULL, "%s", eca_buf_str(&answer));
    memset(text, 'x', sizeof(text));
    (void)memcpy(text, "GET / HTTP/1.1\r\nHost: x\r\nX: ", 28);
    (void)snprintf(text + 30000, sizeof(text) - 30000, "\r\n\r\n");
    ask(text, &answer);
    ck_assert_msg(strstr(eca_buf_str(&answer), " 431 ") != NULL, "%s", eca_buf_str(&answer));
    ask("nonsense\r\n\r\n", &answer);
    ck_assert_msg(strstr(eca_buf_str(&answer), " 200 ") == NULL, "%s", eca_buf_str(&answer));
    ck_assert_str_eq(eca_buf_str(&seen), "");
    fd = dial();
    say(fd,
        "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\nConnection: close\r\n\r\n");
    memset(text, 'x', sizeof(text));
    text[50000] = '\0';
    say(fd, text);
    eca_buf_reset(&answer);
    hear(fd, NULL, &answer);
    (void)close(fd);
    ck_assert_msg(strstr(eca_buf_str(&answer), " 200 ") != NULL, "%s", eca_buf_str(&answer));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&seen), "POST /large"));
}
END_TEST

/* INTRO-130: one client cannot take all, and the excess gets 503 and is closed. */
START_TEST(connections_have_limits)
{
    eca_auto_buf struct eca_buf answer = {0};
    int fds[8];
    size_t served = 0, refused = 0;

    start(&(struct eca_endpoint_opts){.connections_max = 50, .connections_loopback_max = 5});
    for (size_t i = 0; i < 8; i++) {
        fds[i] = dial();
        (void)eca_loop_step(loop, false);
    }
    for (size_t i = 0; i < 8; i++) {
        eca_buf_reset(&answer);
        (void)send(fds[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, MSG_NOSIGNAL);
        hear(fds[i], "{\"a\":1}", &answer);
        served += strstr(eca_buf_str(&answer), " 200 ") != NULL;
        refused += strstr(eca_buf_str(&answer), " 503 ") != NULL;
    }
    ck_assert_uint_eq(served, 5);
    ck_assert_uint_eq(refused, 3);
    for (size_t i = 0; i < 8; i++) {
        (void)close(fds[i]);
    }
    for (int i = 0; i < 20; i++) {
        (void)eca_loop_step(loop, false);
    }
    ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &answer); /* room again */
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&answer), " 200 "));
}
END_TEST

static const struct sockaddr *address(const char *text)
{
    static struct sockaddr_storage storage;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&storage, &v4, sizeof(v4));
    } else {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&storage, &v6, sizeof(v6));
    }
    return (const struct sockaddr *)&storage;
}

/* INTRO-130, CREDEP-130: connections for one address, in either form of it, and for loopback. */
START_TEST(an_address_has_its_share_of_connections)
{
    struct eca_clients clients;
    struct eca_client *held[5];

    eca_clients_init(&clients, eca_loop_sched(loop), 2, 3);
    held[0] = eca_clients_add(&clients, address("10.0.0.1"), -1);
    ck_assert(eca_clients_has_room(&clients, address("::ffff:10.0.0.1")));
    held[1] = eca_clients_add(&clients, address("::ffff:10.0.0.1"), -1);
    ck_assert(!eca_clients_has_room(&clients, address("10.0.0.1")));
    ck_assert(eca_clients_has_room(&clients, address("10.0.0.2")));
    held[2] = eca_clients_add(&clients, address("127.0.0.1"), -1);
    held[3] = eca_clients_add(&clients, address("127.0.0.1"), -1);
    ck_assert(eca_clients_has_room(&clients, address("127.0.0.1")));
    held[4] = eca_clients_add(&clients, address("127.0.0.1"), -1);
    ck_assert(!eca_clients_has_room(&clients, address("127.0.0.1")));
    for (size_t i = 0; i < 5; i++) {
        eca_clients_remove(held[i]);
    }
    ck_assert(eca_clients_has_room(&clients, address("10.0.0.1")));
}
END_TEST

/* INTRO-130: answers that nobody takes: 2 MiB for one address, 16 MiB for all. */
START_TEST(answers_not_taken_have_limits)
{
    static const char *const others[] = {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5",
                                         "10.0.0.6", "10.0.0.7", "10.0.0.8"};
    struct eca_clients clients;
    struct eca_client *first, *second, *held[7];

    eca_clients_init(&clients, eca_loop_sched(loop), 8, 8);
    first = eca_clients_add(&clients, address("10.0.0.1"), -1);
    second = eca_clients_add(&clients, address("10.0.0.1"), -1);
    first->answer_bytes = ((size_t)2 << 20) - 1;
    ck_assert(eca_client_may_ask(second));
    first->answer_bytes++;
    ck_assert(!eca_client_may_ask(second));
    for (size_t i = 0; i < 7; i++) {
        held[i] = eca_clients_add(&clients, address(others[i]), -1);
        ck_assert(eca_client_may_ask(held[i]));
        held[i]->answer_bytes = (size_t)2 << 20;
    }
    eca_clients_remove(second);
    second = eca_clients_add(&clients, address("10.0.0.9"), -1);
    ck_assert(!eca_client_may_ask(second));
    first->answer_bytes = 0;
    ck_assert(eca_client_may_ask(second));
    for (size_t i = 0; i < 7; i++) {
        eca_clients_remove(held[i]);
    }
    eca_clients_remove(first);
    eca_clients_remove(second);
}
END_TEST

/* INTRO-130, CREDEP-130: a client that does not finish its request loses its connection, and nobody
 * waits for it. */
START_TEST(a_slow_client_is_dropped_and_nobody_waits)
{
    eca_auto_buf struct eca_buf answer = {0}, slow = {0};
    int fd;

    start(&(struct eca_endpoint_opts){.idle_ms = 1000});
    fd = dial();
    say(fd, "GET /slow HT");
    ask("GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &answer);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&answer), " 200 "));
    hear(fd, NULL, &slow); /* 20 s at most */
    (void)close(fd);
    ck_assert_ptr_null(strstr(eca_buf_str(&slow), " 200 "));
    ck_assert_ptr_null(strstr(eca_buf_str(&seen), "/slow"));
}
END_TEST

/* INTRO-130: one byte now and then keeps no head open, and no answer that is never taken. */
START_TEST(a_trickle_is_no_progress)
{
    struct eca_clock clock = eca_clock_system();
    uint64_t began = eca_clock_mono_ns(clock);
    int fd;

    start(&(struct eca_endpoint_opts){.idle_ms = 1000});
    fd = dial();
    say(fd, "GET /slow HTTP/1.1\r\nX: ");
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};

        (void)eca_loop_step(loop, false);
        if (poll(&ready, 1, 20) > 0 || send(fd, "a", 1, MSG_NOSIGNAL) < 0) {
            break;
        }
        ck_assert_msg(eca_clock_mono_ns(clock) - began < UINT64_C(3000000000), "it is still open");
    }
    (void)close(fd);
    ck_assert_uint_eq(seen.len, 0);
}
END_TEST

/* INTRO-101: a busy port is tried again, with one line; other ports are not touched by it. */
START_TEST(a_busy_port_is_tried_again)
{
    eca_auto_buf struct eca_buf answer = {0};
    int holder = bind_loopback(&port);
    int fd = -1;

    ck_assert_int_eq(listen(holder, 1), 0);
    start(&(struct eca_endpoint_opts){.bind = "127.0.0.1"});
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&lines), "[ERROR]"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&lines), "introspection"));
    (void)close(holder);
    for (int i = 0; i < 400 && fd < 0; i++) { /* a second, and a fifth of jitter */
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct pollfd nothing = {.fd = -1};

        (void)eca_loop_step(loop, false);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
            (void)close(fd);
            fd = -1;
            (void)poll(&nothing, 1, 10);
        }
    }
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &answer);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&answer), " 200 "));
}
END_TEST

static size_t lines_said(const char *text)
{
    size_t said = 0;

    for (const char *at = eca_buf_str(&lines); (at = strstr(at, text)) != NULL; at++) {
        said++;
    }
    return said;
}

/* INTRO-101: for an hour: a line at first, then one a minute at most, and a try each minute. */
START_TEST(a_port_that_stays_busy_is_no_flood)
{
    struct manual_clock clock;
    struct eca_clock port_of_clock;
    struct eca_err err = {0};
    int holder = bind_loopback(&port);

    ck_assert_int_eq(listen(holder, 1), 0);
    eca_endpoint_mhd_free(mhd);
    eca_loop_free(loop);
    manual_clock_init(&clock);
    port_of_clock = manual_clock_port(&clock);
    loop = eca_loop_new(&(struct eca_loop_opts){.clock = &port_of_clock}, &err);
    mhd = eca_endpoint_mhd_new(loop, &test_log);
    start(&(struct eca_endpoint_opts){.bind = "127.0.0.1"});
    for (int s = 0; s < 3600; s++) {
        clock.mono_ns += UINT64_C(1000000000);
        (void)eca_loop_step(loop, false);
        if (s == 58) {
            ck_assert_uint_eq(lines_said("Cannot listen"), 1);
        }
    }
    ck_assert_uint_ge(lines_said("Cannot listen"), 30);
    ck_assert_uint_le(lines_said("Cannot listen"), 60);
    (void)close(holder);
    for (int s = 0; s < 73; s++) { /* a minute, and a fifth of it */
        clock.mono_ns += UINT64_C(1000000000);
        (void)eca_loop_step(loop, false);
    }
    (void)close(dial());
    eca_endpoint_mhd_free(mhd);
    eca_loop_free(loop);
    manual_clock_clear(&clock);
    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    mhd = eca_endpoint_mhd_new(loop, &test_log);
}
END_TEST

/* INTRO-101: connections that linger behind the last process do not hold its port. */
START_TEST(the_next_process_has_the_port_at_once)
{
    eca_auto_buf struct eca_buf answer = {0};

    start(&(struct eca_endpoint_opts){0});
    ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &answer);
    eca_endpoint_mhd_free(mhd);
    mhd = eca_endpoint_mhd_new(loop, &test_log);
    start(&(struct eca_endpoint_opts){0});
    ck_assert_str_eq(eca_buf_str(&lines), "");
    ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &answer);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&answer), " 200 "));
}
END_TEST

/* INTRO-131: bound to one address it is not reachable through another. */
START_TEST(the_bind_address_is_kept_to)
{
    struct sockaddr_in other = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    start(&(struct eca_endpoint_opts){.bind = "127.0.0.2"});
    other.sin_port = htons(port);
    other.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_lt(connect(fd, (struct sockaddr *)&other, sizeof(other)), 0);
    ck_assert_int_eq(errno, ECONNREFUSED);
    (void)close(fd);
    other.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&other, sizeof(other)), 0);
    (void)close(fd);
}
END_TEST

/* All interfaces: IPv4 clients have IPv4 addresses in the audit log, IPv6 ones have brackets. */
START_TEST(remote_addresses_have_their_form)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    eca_auto_buf struct eca_buf answer = {0};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    start(&(struct eca_endpoint_opts){0});
    address.sin6_port = htons(port);
    ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &answer);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&seen), " from=127.0.0.1:"));
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        say(fd, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        eca_buf_reset(&answer);
        hear(fd, NULL, &answer);
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&seen), " from=[::1]:"));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}
END_TEST

/* INTRO-123: the health check asks this very server; here from a child, since it blocks. */
START_TEST(the_health_check_tells_200_from_the_rest)
{
    static const struct {
        int status, rc;
        const char *message;
    } rows[] = {{200, ECA_OK, ""},
                {503, ECA_E_CONFLICT, "status 503: /v1/health on port "},
                {404, ECA_E_CONFLICT, "status 404: "}};
    struct eca_err err = {0};

    start(&(struct eca_endpoint_opts){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int pipes[2];
        pid_t child;
        struct {
            int rc;
            struct eca_err err;
        } result = {9, {0}};

        status = rows[i].status;
        ck_assert_int_eq(pipe(pipes), 0);
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            result.rc = eca_healthcheck(port, 5000, &result.err);
            _exit(write(pipes[1], &result, sizeof(result)) == sizeof(result) ? 0 : 1);
        }
        (void)close(pipes[1]);
        for (int k = 0; k < STEPS_MAX; k++) {
            struct pollfd ready = {.fd = pipes[0], .events = POLLIN};

            (void)eca_loop_step(loop, false);
            if (poll(&ready, 1, 1) == 1) {
                ck_assert_int_eq(read(pipes[0], &result, sizeof(result)), sizeof(result));
                break;
            }
        }
        (void)close(pipes[0]);
        ck_assert_int_eq(waitpid(child, NULL, 0), child); /* it holds the listener, too */
        ck_assert_int_eq(result.rc, rows[i].rc);
        ck_assert_msg(strncmp(result.err.msg, rows[i].message, strlen(rows[i].message)) == 0, "%s",
                      result.err.msg);
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&seen), "GET /v1/health"));
    }
    eca_endpoint_close(eca_endpoint_mhd_port(mhd), listener);
    ck_assert_int_eq(eca_healthcheck(port, 1000, &err), ECA_E_NOT_FOUND);
    ck_assert_msg(strstr(err.msg, "no agent at 127.0.0.1:") != NULL, "%s", err.msg);
}
END_TEST

/* INTRO-123: an answer that trickles is none, and the whole has one limit. */
START_TEST(the_health_check_has_one_limit)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\n";
    struct eca_clock clock = eca_clock_system();
    uint64_t began = eca_clock_mono_ns(clock);
    int server = bind_loopback(&port);
    struct eca_err err = {0};
    pid_t child;

    ck_assert_int_eq(listen(server, 4), 0);
    child = fork();
    if (child == 0) {
        int fd = accept(server, NULL, NULL);

        for (size_t i = 0; i < sizeof(answer) - 1; i++) {
            (void)!send(fd, &answer[i], 1, MSG_NOSIGNAL);
            usleep(100000);
        }
        _exit(0);
    }
    ck_assert_int_eq(eca_healthcheck(port, 500, &err), ECA_E_TIMEOUT);
    ck_assert_msg(strstr(err.msg, "within 500 ms") != NULL, "%s", err.msg);
    ck_assert_uint_lt(eca_clock_mono_ns(clock) - began, UINT64_C(900000000));
    (void)kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    (void)close(server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sys/endpoint_mhd");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_handler_sees_the_request_as_sent);
    tcase_add_test(tcase, a_head_has_no_body_and_connections_are_kept);
    tcase_add_test(tcase, what_is_too_large_or_no_request_is_refused);
    tcase_add_test(tcase, connections_have_limits);
    tcase_add_test(tcase, an_address_has_its_share_of_connections);
    tcase_add_test(tcase, answers_not_taken_have_limits);
    tcase_add_test(tcase, a_slow_client_is_dropped_and_nobody_waits);
    tcase_add_test(tcase, a_trickle_is_no_progress);
    tcase_add_test(tcase, a_busy_port_is_tried_again);
    tcase_add_test(tcase, a_port_that_stays_busy_is_no_flood);
    tcase_add_test(tcase, the_next_process_has_the_port_at_once);
    tcase_add_test(tcase, the_bind_address_is_kept_to);
    tcase_add_test(tcase, remote_addresses_have_their_form);
    tcase_add_test(tcase, the_health_check_tells_200_from_the_rest);
    tcase_add_test(tcase, the_health_check_has_one_limit);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
