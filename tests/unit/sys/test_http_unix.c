#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/http_unix.h"
#include "tests/unit/support/manual_clock.h"

/*
 * What the contract of the port (tests/unit/ports/contract_http.c) cannot ask for: answers that
 * no well-behaved server gives, in pieces of one byte, and a listener whose queue is full.
 */
#define ROUNDS 50

static struct {
    struct manual_clock clock;
    struct eca_loop *loop;
    struct eca_http_unix *client;
    char dir[64], path[96];
    int listen_fd, fd;
} rig;

struct talk {
    struct eca_http_call *call;
    int status;
    struct eca_buf body, names;
    bool done, cancel_at_head;
    struct eca_http_end end;
};

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct talk *talk = arg;

    ck_assert_int_eq(talk->status, 0);
    talk->status = head->status;
    for (size_t i = 0; i < head->header_count; i++) {
        eca_buf_addf(&talk->names, "%s: %s\n", head->headers[i].name, head->headers[i].value);
    }
    if (talk->cancel_at_head) {
        talk->call->cancel(talk->call);
        talk->call = NULL;
    }
}

static void on_body(void *arg, struct eca_view bytes)
{
    eca_buf_add_view(&((struct talk *)arg)->body, bytes);
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct talk *talk = arg;

    ck_assert_msg(!talk->done, "the end came twice");
    talk->done = true;
    talk->end = *end;
    talk->call = NULL;
}

static void pump(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        while (eca_loop_step(rig.loop, false)) {
        }
    }
}

static void advance_ms(uint64_t ms)
{
    rig.clock.mono_ns += ms * 1000000u;
    pump();
}

static void start(struct talk *talk, const struct eca_http_opts *opts)
{
    static const struct eca_http_events events = {on_head, on_body, on_end};
    struct eca_http_opts whole = *opts;
    struct eca_err err = {0};

    memset(talk, 0, sizeof(*talk));
    whole.method = opts->method == NULL ? "GET" : opts->method;
    whole.url = "http://unix.sock/v1.24/info?a=b";
    whole.unix_socket = rig.path;
    whole.total_ms = whole.total_ms == 0 ? 5000 : whole.total_ms;
    ck_assert_msg(eca_http_unix_start(rig.client, &whole, &events, talk, &talk->call, &err) == 0,
                  "%s", err.msg);
}

static void listen_at_path(int queue)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig.path);
    rig.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(rig.listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(rig.listen_fd, queue), 0);
}

/* The connection of the call that was started, its request read to the end of the head. */
static void accept_call(struct eca_buf *request)
{
    char piece[4096];
    ssize_t got;

    pump();
    rig.fd = accept4(rig.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ck_assert_int_ge(rig.fd, 0);
    while ((got = recv(rig.fd, piece, sizeof(piece), 0)) > 0) {
        eca_buf_add(request, piece, (size_t)got);
        pump();
    }
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(request), "\r\n\r\n"));
}

static void say_bytes(const char *text, size_t len)
{
    ck_assert_int_eq(send(rig.fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
    pump();
}

static void say(const char *text)
{
    say_bytes(text, strlen(text));
}

static void hang_up(void)
{
    if (rig.fd >= 0) {
        (void)close(rig.fd);
        rig.fd = -1;
    }
    pump();
}

static void talk_clear(struct talk *talk)
{
    eca_buf_clear(&talk->body);
    eca_buf_clear(&talk->names);
}

static void setup(void)
{
    struct eca_clock clock;
    struct eca_err err = {0};

    memset(&rig, 0, sizeof(rig));
    rig.fd = rig.listen_fd = -1;
    clock = manual_clock_port(&rig.clock);
    rig.loop = eca_loop_new(&(struct eca_loop_opts){.clock = &clock}, &err);
    ck_assert_msg(rig.loop != NULL, "%s", err.msg);
    rig.client = eca_http_unix_new(rig.loop);
    memcpy(rig.dir, "/tmp/http-unix-XXXXXX", sizeof("/tmp/http-unix-XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(rig.dir));
    (void)snprintf(rig.path, sizeof(rig.path), "%s/d.sock", rig.dir);
}

static void teardown(void)
{
    hang_up();
    eca_http_unix_free(rig.client);
    eca_loop_free(rig.loop);
    if (rig.listen_fd >= 0) {
        (void)close(rig.listen_fd);
    }
    (void)unlink(rig.path);
    (void)rmdir(rig.dir);
}

/* DKR-110: a connection of its own for each call, said so in the request, and nothing kept. */
START_TEST(the_request_and_its_connection)
{
    eca_auto_buf struct eca_buf request = {0};
    struct talk talk;
    char byte;

    listen_at_path(16);
    start(&talk, &(struct eca_http_opts){.method = "POST", .body = {"{}", 2}});
    accept_call(&request);
    ck_assert_str_eq(eca_buf_str(&request), "POST /v1.24/info?a=b HTTP/1.1\r\n"
                                            "Host: unix.sock\r\n"
                                            "Connection: close\r\n"
                                            "Content-Length: 2\r\n\r\n{}");
    say("HTTP/1.1 204 No Content\r\nA:  b \r\nC:\r\n\r\n");
    ck_assert(talk.done);
    ck_assert_int_eq(talk.end.err.code, ECA_OK);
    ck_assert_str_eq(eca_buf_str(&talk.names), "a: b\nc: \n");
    ck_assert_int_eq(recv(rig.fd, &byte, 1, 0), 0); /* closed by the client */
    talk_clear(&talk);
}
END_TEST

struct row {
    const char *what, *answer;
    bool close_after;
    enum eca_code code;
    const char *method;
};
static char long_head[100000];
static const struct row rows[] = {
    {"no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", true, ECA_E_INVALID, "GET"},
    {"nothing", "", true, ECA_E_AMBIGUOUS, "GET"},
    {"half a head", "HTTP/1.1 200 OK\r\nContent-Le", true, ECA_E_AMBIGUOUS, "GET"},
    {"less than promised", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true,
     ECA_E_AMBIGUOUS, "GET"},
    {"less than promised, silent", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", false,
     ECA_E_TIMEOUT, "GET"},
    {"a chunk that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", true,
     ECA_E_INVALID, "GET"},
    {"chunks without an end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
     true, ECA_E_AMBIGUOUS, "GET"},
    {"a head without end", long_head, false, ECA_E_LIMIT, "GET"},
    {"another protocol", "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n",
     false, ECA_E_INVALID, "GET"},
    {"chunks",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", false,
     ECA_OK, "GET"},
    {"chunks and a trailer",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n",
     false, ECA_OK, "GET"},
    {"until the end of the connection", "HTTP/1.0 200 OK\r\n\r\nabc", true, ECA_OK, "GET"},
    {"a 100 before",
     "HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false,
     ECA_OK, "GET"},
    {"more than promised", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", false, ECA_OK,
     "GET"},
    {"no body to a HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, ECA_OK, "HEAD"},
};

static void expect_row(const struct row *row, bool in_single_bytes)
{
    eca_auto_buf struct eca_buf request = {0};
    size_t len = strlen(row->answer);
    struct talk talk;

    start(&talk, &(struct eca_http_opts){.method = row->method});
    accept_call(&request);
    for (size_t i = 0; in_single_bytes && i < len && !talk.done; i++) {
        say_bytes(row->answer + i, 1);
    }
    if (!in_single_bytes && len > 0) {
        say(row->answer);
    }
    if (row->close_after) {
        hang_up();
    } else if (row->code == ECA_E_TIMEOUT) {
        ck_assert(!talk.done);
        advance_ms(5000);
    }
    ck_assert_msg(talk.done, "%s: no end", row->what);
    ck_assert_msg(talk.end.err.code == row->code, "%s: %d %s", row->what, (int)talk.end.err.code,
                  talk.end.err.msg);
    ck_assert(talk.end.sent);
    ck_assert((row->code == ECA_OK) == (talk.end.err.msg[0] == '\0'));
    if (row->code == ECA_OK) {
        ck_assert_str_eq(eca_buf_str(&talk.body), strcmp(row->method, "HEAD") == 0 ? "" : "abc");
        ck_assert_ptr_null(strstr(eca_buf_str(&talk.names), "x: y")); /* of the 100 */
    }
    talk_clear(&talk);
    hang_up();
}

/* DKR-112, FB-35: what is no HTTP, too much of it, or less than promised. */
START_TEST(broken_answers_have_their_codes)
{
    size_t at = (size_t)snprintf(long_head, sizeof(long_head), "HTTP/1.1 200 OK\r\n");

    for (int i = 0; at < sizeof(long_head) - 100; i++) {
        at += (size_t)snprintf(long_head + at, sizeof(long_head) - at, "X-%d: %064d\r\n", i, i);
    }
    listen_at_path(16);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_row(&rows[i], false);
        if (rows[i].answer != long_head) {
            expect_row(&rows[i], true);
        }
    }
}
END_TEST

/* A daemon that is slow to accept has refused nothing. */
START_TEST(a_full_queue_is_waited_for_within_the_deadline)
{
    enum { MANY = 8 };
    eca_auto_buf struct eca_buf request = {0};
    struct talk talks[MANY];
    size_t waiting = 0;

    listen_at_path(0);
    for (size_t i = 0; i < MANY; i++) {
        start(&talks[i], &(struct eca_http_opts){.connect_ms = 1000});
    }
    pump();
    for (size_t i = 0; i < MANY; i++) {
        ck_assert_msg(!talks[i].done, "%s", talks[i].end.err.msg);
    }
    accept_call(&request);
    advance_ms(10);
    hang_up();
    advance_ms(1000);
    for (size_t i = 0; i < MANY; i++) {
        waiting += talks[i].done && talks[i].end.err.code == ECA_E_TIMEOUT && !talks[i].end.sent;
        talk_clear(&talks[i]);
    }
    /* But for the one that was served and the one that took its place in the queue. */
    ck_assert_uint_eq(waiting, MANY - 2);
    advance_ms(5000);
}
END_TEST

/* A large body leaves in as many pieces as the socket takes; an early answer ends it. */
START_TEST(a_large_body_leaves_whole)
{
    eca_auto_buf struct eca_buf request = {0};
    size_t len = (size_t)3 << 20;
    eca_auto_free char *body = eca_xalloc(len);
    struct talk talk;

    memset(body, 'x', len);
    listen_at_path(16);
    start(&talk, &(struct eca_http_opts){.method = "POST", .body = {body, len}});
    accept_call(&request);
    ck_assert_uint_gt(request.len, len);
    ck_assert_int_eq(memcmp(request.at + request.len - len, body, len), 0);
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_assert(talk.done && talk.end.err.code == ECA_OK);
    talk_clear(&talk);
    hang_up();
    start(&talk, &(struct eca_http_opts){.method = "POST", .body = {body, len}});
    pump();
    rig.fd = accept4(rig.listen_fd, NULL, NULL, SOCK_CLOEXEC);
    say("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    ck_assert(talk.done && talk.end.err.code == ECA_OK);
    ck_assert_int_eq(talk.end.status, 413);
    talk_clear(&talk);
}
END_TEST

START_TEST(a_cancel_inside_a_callback_is_the_last)
{
    eca_auto_buf struct eca_buf request = {0};
    struct talk talk;

    listen_at_path(16);
    start(&talk, &(struct eca_http_opts){.total_ms = 5000});
    talk.cancel_at_head = true;
    accept_call(&request);
    say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    advance_ms(10000);
    ck_assert_int_eq(talk.status, 200);
    ck_assert(!talk.done);
    ck_assert_uint_eq(talk.body.len, 0);
    talk_clear(&talk);
}
END_TEST

START_TEST(a_path_that_no_socket_can_have_is_refused)
{
    char path[200];
    struct eca_http_opts opts = {
        .method = "GET", .url = "http://unix.sock/", .unix_socket = path, .total_ms = 1};
    struct eca_http_call *call;
    struct eca_err err = {0};

    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(eca_http_unix_start(rig.client, &opts, NULL, NULL, &call, &err),
                     ECA_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.msg, "too long"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sys/http_unix");
    TCase *tcase = tcase_create("unix sockets");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_request_and_its_connection);
    tcase_add_test(tcase, broken_answers_have_their_codes);
    tcase_add_test(tcase, a_full_queue_is_waited_for_within_the_deadline);
    tcase_add_test(tcase, a_large_body_leaves_whole);
    tcase_add_test(tcase, a_cancel_inside_a_callback_is_the_last);
    tcase_add_test(tcase, a_path_that_no_socket_can_have_is_refused);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
