#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/relay.h"
#include "tests/unit/support/manual_clock.h"

/* The relay alone: this program is the library, and the server it wants to reach. */

#define ROUNDS 50 /* of the loop: more than anything here needs */

static struct {
    struct manual_clock clock;
    struct eca_loop *loop;
    struct eca_list relays;
    struct eca_relay *relay;
    int server_fd;
    uint16_t port;
    char address[48]; /* "+@name"; "" = not ready */
    struct eca_err failed;
    bool refusal; /* its head has come */
    size_t ends;
    int status;
    struct eca_buf body;
    struct eca_err broken;
    int library_fd, peer_fd; /* of a connection that stands */
} rig;

static void on_ready(void *arg, const char *address)
{
    (void)arg;
    memcpy(rig.address, address, strlen(address) + 1);
}

static void on_failed(void *arg, const struct eca_err *err)
{
    (void)arg;
    rig.failed = *err;
    rig.ends++;
}

static void on_refusal(void *arg)
{
    (void)arg;
    rig.refusal = true;
}

static void on_refused(void *arg, int status, struct eca_view body)
{
    (void)arg;
    rig.status = status;
    eca_buf_add_view(&rig.body, body);
    rig.ends++;
}

static void on_broken(void *arg, const struct eca_err *err)
{
    (void)arg;
    rig.broken = *err;
    rig.ends++;
}

static void turn(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        (void)eca_loop_step(rig.loop, false);
    }
}

static void reach(const char *host)
{
    static const struct eca_relay_events events = {on_ready, on_failed, on_refusal, on_refused,
                                                   on_broken};
    const struct eca_proxy direct = {0};
    struct eca_stream_opts opts = {
        .loop = rig.loop, .host = host, .port = rig.port, .proxy = &direct};

    rig.relay = eca_relay_open(&opts, &rig.relays, &events, NULL);
    turn();
}

static void setup(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct eca_clock clock;
    struct eca_err err = {0};

    memset(&rig, 0, sizeof(rig));
    rig.library_fd = rig.peer_fd = -1;
    eca_list_init(&rig.relays);
    manual_clock_init(&rig.clock);
    clock = manual_clock_port(&rig.clock);
    rig.loop = eca_loop_new(&(struct eca_loop_opts){.clock = &clock}, &err);
    ck_assert_msg(rig.loop != NULL, "%s", err.msg);
    rig.server_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(rig.server_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(rig.server_fd, 4), 0);
    ck_assert_int_eq(getsockname(rig.server_fd, (struct sockaddr *)&address, &len), 0);
    rig.port = ntohs(address.sin_port);
}

static void teardown(void)
{
    eca_relay_free(rig.relay);
    eca_loop_free(rig.loop);
    manual_clock_clear(&rig.clock);
    eca_buf_clear(&rig.body);
    (void)close(rig.server_fd);
    (void)close(rig.library_fd);
    (void)close(rig.peer_fd);
}

/* As the library does. */
static int come(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = rig.address + strlen("+@");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_msg(rig.address[0] != '\0', "%s", rig.failed.msg);
    ck_assert_int_ge(fd, 0);
    memcpy(address.sun_path + 1, name, strlen(name));
    ck_assert_int_eq(
        connect(fd, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
        0);
    return fd;
}

/* No further descriptor for this process, or as many as before. */
static void spare_descriptors(bool none)
{
    static struct rlimit before;
    struct rlimit now;
    int next = dup(rig.server_fd);

    if (none) {
        ck_assert_int_ge(next, 0);
        (void)close(next);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        now = before;
        now.rlim_cur = (rlim_t)next;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
        return;
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static bool is_closed(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno != EAGAIN);
}

/* FB-35.4: without a descriptor for it the library's connection ends, instead of being told of, and
 * failing, again and again until the connect deadline. */
START_TEST(without_a_descriptor_the_connection_ends)
{
    int fd;

    reach("127.0.0.1");
    fd = come();
    spare_descriptors(true);
    turn();
    spare_descriptors(false);
    ck_assert(is_closed(fd));
    ck_assert(!eca_loop_step(rig.loop, false)); /* nothing left to do */
    (void)close(fd);
}
END_TEST

/* A name cannot be looked up without a descriptor either; that is told at once. */
START_TEST(without_a_descriptor_a_lookup_fails_at_once)
{
    spare_descriptors(true);
    reach("localhost");
    spare_descriptors(false);
    ck_assert_int_eq(rig.failed.code, ECA_E_TRANSIENT);
    ck_assert_msg(strstr(rig.failed.msg, "lookup localhost: ") != NULL, "%s", rig.failed.msg);
}
END_TEST

/* What goes over the socket is for this process alone, though all of the machine sees its
 * name. Another process is turned away, and the library comes in after it. */
START_TEST(another_process_is_turned_away)
{
    char byte = 'x';
    int fd, server, status;
    pid_t child;

    reach("127.0.0.1");
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int stranger = come();
        struct pollfd end = {.fd = stranger, .events = POLLIN};

        (void)poll(&end, 1, 10000);
        _exit(is_closed(stranger) ? 0 : 1);
    }
    while (waitpid(child, &status, WNOHANG) == 0) {
        (void)eca_loop_step(rig.loop, false);
    }
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fd = come();
    ck_assert_int_eq(send(fd, &byte, 1, 0), 1);
    turn();
    server = accept4(rig.server_fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_eq(recv(server, &byte, 1, 0), 1);
    ck_assert_int_eq(byte, 'x');
    (void)close(server);
    (void)close(fd);
}
END_TEST

/* ---- what the server says ------------------------------------------------------------------- */

#define ANSWER "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
#define REQUEST "GET / HTTP/1.1\r\n\r\n"
#define MS UINT64_C(1000000)

static void pass_ms(uint64_t ms)
{
    rig.clock.mono_ns += ms * MS;
    turn();
}

static void put(int fd, const char *bytes, size_t len)
{
    ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    turn();
}

static void put_str(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

/* All that is there on this side; its end is appended as "|". */
static const char *heard(int fd, size_t *ret_len)
{
    static char bytes[4096];
    size_t len = 0;
    ssize_t got;

    turn();
    while ((got = recv(fd, bytes + len, sizeof(bytes) - len - 2, MSG_DONTWAIT)) > 0) {
        len += (size_t)got;
    }
    if (got == 0) {
        bytes[len++] = '|';
    }
    bytes[len] = '\0';
    if (ret_len != NULL) {
        *ret_len = len;
    }
    return bytes;
}

static void ask(void)
{
    reach("127.0.0.1");
    rig.library_fd = come();
    put_str(rig.library_fd, REQUEST);
    rig.peer_fd = accept4(rig.server_fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_str_eq(heard(rig.peer_fd, NULL), REQUEST);
}

static void stand(void)
{
    ask();
    put_str(rig.peer_fd, ANSWER);
    ck_assert_str_eq(heard(rig.library_fd, NULL), ANSWER);
}

/* A masked Close 1002 with this reason and nothing else but the end. */
static void expect_close(const char *bytes, size_t len, const char *reason)
{
    const unsigned char *at = (const unsigned char *)bytes;
    size_t payload = 2 + strlen(reason);
    char plain[130];

    ck_assert_uint_eq(len, 6 + payload + 1);
    ck_assert_uint_eq(at[0], 0x88);
    ck_assert_uint_eq(at[1], 0x80 | payload);
    for (size_t i = 0; i < payload; i++) {
        plain[i] = (char)(at[6 + i] ^ at[2 + (i & 3)]);
    }
    ck_assert_int_eq(memcmp(plain, "\x03\xea", 2), 0);
    ck_assert_int_eq(memcmp(plain + 2, reason, payload - 2), 0);
    ck_assert_int_eq(at[6 + payload], '|');
}

/* WS-131: the library sees nothing of a refusal, nor of what is no answer. */
START_TEST(the_library_sees_only_a_101)
{
    ask();
    put_str(rig.peer_fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length");
    ck_assert(!rig.refusal);
    put_str(rig.peer_fd, ": 4\r\n\r\nab");
    ck_assert(rig.refusal && rig.ends == 0);
    pass_ms(4900);
    put_str(rig.peer_fd, "cdef");
    ck_assert_uint_eq(rig.ends, 1);
    ck_assert_int_eq(rig.status, 400);
    ck_assert_str_eq(eca_buf_str(&rig.body), "abcd");
    ck_assert_str_eq(heard(rig.library_fd, NULL), "");
}
END_TEST

/* WS-132: a 101 behind a 100, in one piece with a frame and a breach. */
START_TEST(what_is_glued_to_the_101_counts)
{
    static const char bytes[] = "HTTP/1.1 100 Continue\r\n\r\n" ANSWER "\x81\x02hi\x83\x02no";
    size_t len;
    const char *got;

    ask();
    put(rig.peer_fd, bytes, sizeof(bytes) - 1);
    ck_assert_str_eq(heard(rig.library_fd, NULL), ANSWER "\x81\x02hi|");
    ck_assert_str_eq(rig.broken.msg, "websocket: unknown opcode");
    got = heard(rig.peer_fd, &len);
    expect_close(got, len, "unknown opcode");
}
END_TEST

/* What ends before it is an answer, or never was one. */
START_TEST(no_answer_is_a_failure)
{
    static const struct {
        const char *bytes, *why;
    } rows[] = {
        {"", "unexpected EOF"},
        {"HTTP/1.1 101 Switching Pro", "unexpected EOF"},
        {"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP"},
        {"HTTP/1.1 400 no\r\nContent-Length: x\r\n\r\n", "the answer is not HTTP"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        rig.ends = 0;
        ask();
        put_str(rig.peer_fd, rows[i].bytes);
        (void)shutdown(rig.peer_fd, SHUT_WR);
        turn();
        ck_assert_uint_eq(rig.ends, 1);
        ck_assert_str_eq(rig.failed.msg, rows[i].why);
        eca_relay_free(eca_take(rig.relay));
        (void)close(rig.library_fd);
        (void)close(rig.peer_fd);
    }
    rig.library_fd = rig.peer_fd = -1;
}
END_TEST

/* WS-105: a body may end with the connection. */
START_TEST(a_refusals_body_may_end_with_the_connection)
{
    ask();
    put_str(rig.peer_fd, "HTTP/1.0 503 no\r\n\r\nab");
    put_str(rig.peer_fd, "cd");
    ck_assert_uint_eq(rig.ends, 0);
    (void)shutdown(rig.peer_fd, SHUT_WR);
    turn();
    ck_assert_uint_eq(rig.ends, 1);
    ck_assert_int_eq(rig.status, 503);
    ck_assert_str_eq(eca_buf_str(&rig.body), "abcd");
}
END_TEST

#define FRAME "\x81\x82\1\2\3\4xy" /* of a client: "xy" under a mask */
#define FRAME_BYTES (sizeof(FRAME) - 1)

/* WS-145, WS-149: our Close waits until the library's frame is whole, and nothing follows it. */
START_TEST(a_close_stands_between_frames)
{
    size_t len;
    const char *got;

    stand();
    put(rig.library_fd, FRAME FRAME, FRAME_BYTES + 3);
    put(rig.peer_fd, "\x81\x80", 2);
    ck_assert_uint_eq(rig.ends, 0); /* its place has not come */
    got = heard(rig.peer_fd, &len);
    ck_assert_uint_eq(len, FRAME_BYTES + 3);
    put(rig.library_fd, &(FRAME FRAME)[3], 2 * FRAME_BYTES - 3);
    ck_assert_uint_eq(rig.ends, 1);
    ck_assert_str_eq(rig.broken.msg, "websocket: masked frame from the server");
    got = heard(rig.peer_fd, &len);
    ck_assert_uint_gt(len, FRAME_BYTES - 3);
    ck_assert_int_eq(memcmp(got, &FRAME[3], FRAME_BYTES - 3), 0);
    expect_close(got + FRAME_BYTES - 3, len - (FRAME_BYTES - 3), "masked frame from the server");
    (void)send(rig.library_fd, FRAME, FRAME_BYTES, MSG_NOSIGNAL);
    ck_assert_str_eq(heard(rig.peer_fd, NULL), "|"); /* the end was told, nothing new */
}
END_TEST

/* The library does not end its frame: after a second the connection goes without a Close. */
START_TEST(a_close_without_a_place_is_left_out)
{
    stand();
    put(rig.library_fd, FRAME, FRAME_BYTES - 1);
    put(rig.peer_fd, "\xf1", 1);
    pass_ms(900);
    ck_assert_uint_eq(rig.ends, 0);
    pass_ms(200);
    ck_assert_uint_eq(rig.ends, 1);
    ck_assert_str_eq(rig.broken.msg, "websocket: reserved bits set");
    ck_assert_str_eq(heard(rig.library_fd, NULL), "|");
    ck_assert_str_eq(heard(rig.peer_fd, NULL), "\x81\x82\1\2\3\4x|");
}
END_TEST

/* Whoever has said Close says no second one. */
START_TEST(after_a_close_of_the_library_there_is_none_of_ours)
{
    static const char bye[] = "\x88\x82\1\1\1\1\x02\xe9";

    stand();
    put(rig.library_fd, bye, sizeof(bye) - 1);
    put(rig.peer_fd, "\xf1", 1);
    ck_assert_uint_eq(rig.ends, 1);
    ck_assert_str_eq(heard(rig.peer_fd, NULL), "\x88\x82\1\1\1\1\x02\xe9|");
}
END_TEST

/* What a server says behind its Close is not looked at (WS-146). */
START_TEST(behind_a_close_of_the_server_nothing_is_wrong)
{
    stand();
    put(rig.peer_fd, "\x88\x00\xff\xff", 4);
    ck_assert_uint_eq(rig.ends, 0);
    ck_assert_str_eq(heard(rig.library_fd, NULL), "\x88");
}
END_TEST

/* The relay stays for a second at most after it was left, for the Close to go out. */
START_TEST(a_relay_that_is_left_goes)
{
    stand();
    put(rig.peer_fd, "\xf1", 1);
    eca_relay_leave(eca_take(rig.relay));
    turn();
    ck_assert(!eca_list_is_empty(&rig.relays));
    pass_ms(1100);
    ck_assert(eca_list_is_empty(&rig.relays));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sys/relay");
    TCase *tcase = tcase_create("relay");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, without_a_descriptor_the_connection_ends);
    tcase_add_test(tcase, without_a_descriptor_a_lookup_fails_at_once);
    tcase_add_test(tcase, another_process_is_turned_away);
    tcase_add_test(tcase, the_library_sees_only_a_101);
    tcase_add_test(tcase, what_is_glued_to_the_101_counts);
    tcase_add_test(tcase, no_answer_is_a_failure);
    tcase_add_test(tcase, a_refusals_body_may_end_with_the_connection);
    tcase_add_test(tcase, a_close_stands_between_frames);
    tcase_add_test(tcase, a_close_without_a_place_is_left_out);
    tcase_add_test(tcase, after_a_close_of_the_library_there_is_none_of_ours);
    tcase_add_test(tcase, behind_a_close_of_the_server_nothing_is_wrong);
    tcase_add_test(tcase, a_relay_that_is_left_goes);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
