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

/* The relay alone: this program is the library, and the server it wants to reach. */

#define ROUNDS 50 /* of the loop: more than anything here needs */

static struct {
    struct eca_loop *loop;
    struct eca_list relays;
    struct eca_relay *relay;
    int server_fd;
    uint16_t port;
    char address[48]; /* "+@name"; "" = not ready */
    struct eca_err failed;
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
}

static void turn(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        (void)eca_loop_step(rig.loop, false);
    }
}

static void reach(const char *host)
{
    static const struct eca_relay_events events = {on_ready, on_failed};
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
    struct eca_err err = {0};

    memset(&rig, 0, sizeof(rig));
    eca_list_init(&rig.relays);
    rig.loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
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
    (void)close(rig.server_fd);
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
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
