#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sys/clock.h"
#include "agent/sys/docker_version.h"

static char path[64];

/* A daemon in a child, since the question blocks: one connection, one answer, NULL = silence. */
static pid_t serve(const char *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char request[1024];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client;
    pid_t child;

    memcpy(address.sun_path, path, sizeof(path));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        client = accept(fd, NULL, NULL);
        (void)!read(client, request, sizeof(request));
        if (answer != NULL && strncmp(request, "GET /version HTTP/1.1\r\n", 23) == 0) {
            (void)!write(client, answer, strlen(answer));
            _exit(0);
        }
        (void)pause();
    }
    (void)close(fd);
    return child;
}

/* PROC-501, PROC-502: the version of a daemon that answers; any other is left out within the limit.
 */
START_TEST(only_a_daemon_that_answers_is_named)
{
    static const struct {
        const char *answer, *version;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"Version\":\"1.11.2\"}", "1.11.2"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"Version\":\"a\\nb\"}", "a\\nb"},
        {"HTTP/1.1 500 no\r\nContent-Length: 20\r\n\r\n{\"Version\":\"1.11.2\"}", NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"Version\":1}", NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnone", NULL},
        {NULL, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_buf struct eca_buf version = {0};
        uint64_t since_ns = eca_clock_mono_ns(eca_clock_system());
        pid_t child;
        bool found;

        (void)snprintf(path, sizeof(path), "/tmp/docker-version-%ld-%zu.sock", (long)getpid(), i);
        (void)unlink(path);
        child = serve(rows[i].answer);
        found = eca_docker_version_ask("http://docker/version", path, 500, &version);
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        (void)unlink(path);
        ck_assert_msg(found == (rows[i].version != NULL), "row %zu: %s", i, eca_buf_str(&version));
        ck_assert_str_eq(eca_buf_str(&version), rows[i].version == NULL ? "" : rows[i].version);
        ck_assert_uint_lt(eca_clock_mono_ns(eca_clock_system()) - since_ns, 20000000000u);
    }
}
END_TEST

START_TEST(nobody_there_is_left_out)
{
    eca_auto_buf struct eca_buf version = {0};

    ck_assert(!eca_docker_version_ask("http://docker/version", "/tmp/no-such.sock", 500, &version));
    ck_assert_str_eq(eca_buf_str(&version), "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sys/docker_version");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, only_a_daemon_that_answers_is_named);
    tcase_add_test(tcase, nobody_there_is_left_out);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
