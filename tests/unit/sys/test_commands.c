#include <check.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/introspection/introspection.h"
#include "agent/sys/endpoint_mhd.h"
#include "agent/sys/store_sqlite.h"
#include "harness/live/netns.h"

/* The small commands of the shipped program, run as an operator does. None of them talks to anybody
 * but the agent on this machine. */
#define OUTPUT_BYTES_MAX 65536

static char program[4096];
static char dir[32];
static struct eca_loop *loop;
static struct eca_store_sqlite *sqlite;
static struct eca_store store;

static void setup(void)
{
    struct eca_store_notes notes;
    struct eca_err err = {0};

    memcpy(dir, "/tmp/commands-XXXXXX", sizeof("/tmp/commands-XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    ck_assert_msg(loop != NULL, "%s", err.msg);
    sqlite = eca_store_sqlite_new(loop);
    ck_assert_msg(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err) == 0,
                  "%s", err.msg);
}

static void teardown(void)
{
    char command[64];

    eca_store_sqlite_free(sqlite);
    eca_loop_free(loop);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

static void on_done(void *arg, const struct eca_err *err)
{
    ck_assert_ptr_null(err);
    *(bool *)arg = true;
}

static void keep(enum eca_record_kind kind, const char *key, const char *value)
{
    struct eca_record record = {kind, key, eca_view_str(value)};
    bool done = false;

    ck_assert_int_eq(eca_store_commit(store, &record, 1, on_done, &done, NULL), 0);
    while (!done) {
        (void)eca_loop_step(loop, true);
    }
}

/* Exit code, and what it wrote to both outputs. */
static int run(const char *words, char *output)
{
    eca_auto_free char *command =
        eca_xasprintf("env -i ECS_DATADIR='%s' '%s' %s 2>&1", dir, program, words);
    FILE *pipe = popen(command, "r");
    size_t got;
    int status;

    ck_assert_ptr_nonnull(pipe);
    got = fread(output, 1, OUTPUT_BYTES_MAX - 1, pipe);
    output[got] = '\0';
    status = pclose(pipe);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char identity[] =
    "{\"Cluster\":\"prod\",\"ContainerInstanceArn\":\"arn:ci\",\"EC2InstanceID\":\"i-1\"}";
static const char task[] =
    "{\"Arn\":\"arn:t1\",\"Family\":\"web\",\"Version\":\"3\",\"KnownStatus\":"
    "\"RUNNING\",\"DesiredStatus\":\"RUNNING\",\"Containers\":[{\"Name\":"
    "\"app\",\"KnownStatus\":\"RUNNING\"}]}";

/* STATE-128: beside a running agent, which holds the directory here as well. */
START_TEST(state_can_be_shown_checked_and_exported)
{
    static char output[OUTPUT_BYTES_MAX];
    char path[64], words[96];
    struct stat info;

    keep(ECA_RECORD_IDENTITY, "identity", identity);
    keep(ECA_RECORD_TASK, "arn:t1", task);
    ck_assert_int_eq(run("state show", output), 0);
    ck_assert_ptr_nonnull(strstr(output, "identity cluster=prod containerInstanceArn=arn:ci"));
    ck_assert_ptr_nonnull(strstr(output, "task arn:t1 web:3 known=RUNNING"));
    ck_assert_ptr_nonnull(strstr(output, "container app known=RUNNING"));
    ck_assert_int_eq(run("state check", output), 0);
    ck_assert_int_eq(run("state export", output), 0);
    ck_assert_msg(strstr(output, "\"Version\":5}") != NULL, "%s", output);
    (void)snprintf(path, sizeof(path), "%s/out.json", dir);
    (void)snprintf(words, sizeof(words), "state export %s", path);
    ck_assert_int_eq(run(words, output), 0);
    ck_assert_str_eq(output, "");
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
    ck_assert_int_gt(info.st_size, 100);
}
END_TEST

/* STATE-128: exit code 1 and a sentence; the other commands show what there is. */
START_TEST(what_cannot_be_used_is_found)
{
    static char output[OUTPUT_BYTES_MAX];

    keep(ECA_RECORD_TASK, "arn:t1", task);
    keep(ECA_RECORD_TASK, "arn:t2", "{\"Arn\":7}");
    ck_assert_int_eq(run("state check", output), 1);
    ck_assert_msg(strstr(output, "damaged arn:t2") != NULL, "%s", output);
    ck_assert_int_eq(run("state show", output), 0);
    ck_assert_ptr_nonnull(strstr(output, "task arn:t1"));
    ck_assert_int_eq(run("state export /nonexistent/x", output), 1);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    (void)snprintf(output, 96, "%s/" ECA_STORE_FILE, dir);
    ck_assert_int_eq(unlink(output), 0);
    ck_assert_int_eq(run("state check", output), 1);
    ck_assert_msg(strstr(output, ECA_STORE_FILE) != NULL, "%s", output);
    ck_assert_msg(strstr(output, "ECS_DATADIR") != NULL, "%s", output);
    (void)snprintf(output, 96, "%s/" ECA_STORE_FILE, dir);
    ck_assert_int_ne(access(output, F_OK), 0); /* looking makes nothing */
}
END_TEST

/* It stands in a write that nobody reads: ended by the signal, as any program is (PROC-203 is for
 * the agent). */
START_TEST(a_small_command_can_be_interrupted)
{
    enum {
        FAMILY_BYTES = 200000 /* more than a pipe takes */
    };
    eca_auto_buf struct eca_buf big = {0};
    char path[64];
    int fd, outcome = 0;
    pid_t child;

    eca_buf_addf(&big, "{\"Arn\":\"arn:t1\",\"Family\":\"%0*d\"}", FAMILY_BYTES, 0);
    keep(ECA_RECORD_TASK, "arn:t1", eca_buf_str(&big));
    (void)snprintf(path, sizeof(path), "%s/fifo", dir);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(setenv("ECS_DATADIR", dir, 1), 0);
    child = fork();
    if (child == 0) {
        (void)execl(program, program, "state", "export", path, (char *)NULL);
        _exit(99);
    }
    fd = open(path, O_RDONLY | O_CLOEXEC); /* returns when the command opens the other end */
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(kill(child, SIGTERM), 0);
    ck_assert_int_eq(waitpid(child, &outcome, 0), child);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_msg(WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGTERM, "outcome %d", outcome);
}
END_TEST

static void answer(void *arg, const struct eca_endpoint_request *request,
                   struct eca_endpoint_response *response)
{
    response->status = strcmp(request->path, "/v1/health") == 0 ? *(int *)arg : 404;
}

/* In a network of its own, whose port nobody else has: the exit code of -healthcheck, or 99. */
static int check_health(int status)
{
    struct eca_err err = {0};
    struct eca_listener *listener;
    struct eca_endpoint_mhd *mhd = eca_endpoint_mhd_new(loop, NULL);
    int outcome = 0;
    pid_t child;

    if (eca_endpoint_listen(eca_endpoint_mhd_port(mhd),
                            &(struct eca_endpoint_opts){.name = "introspection",
                                                        .port = ECA_INTROSPECTION_PORT,
                                                        .connections_max = 8,
                                                        .connections_loopback_max = 8,
                                                        .idle_ms = 5000},
                            answer, &status, &listener, &err) < 0) {
        return 99;
    }
    child = fork();
    if (child == 0) {
        (void)execl(program, program, "-healthcheck", (char *)NULL);
        _exit(99);
    }
    while (waitpid(child, &outcome, WNOHANG) == 0) {
        (void)eca_loop_step(loop, false);
        usleep(1000);
    }
    eca_endpoint_mhd_free(mhd);
    return WIFEXITED(outcome) ? WEXITSTATUS(outcome) : 99;
}

/* INTRO-123 */
START_TEST(the_health_check_has_an_exit_code)
{
    struct eca_err err = {0};

    if (hns_netns_enter(&err) < 0) {
        (void)printf("without the right to make a network: %s\n", err.msg);
        return;
    }
    ck_assert_int_eq(check_health(200), 0);
    ck_assert_int_eq(check_health(503), 1);
    static char output[OUTPUT_BYTES_MAX];
    ck_assert_int_eq(run("-healthcheck", output), 1); /* nobody listens any more */
    ck_assert_msg(strncmp(output, "unhealthy: no agent at 127.0.0.1:51678", 38) == 0, "%s", output);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("commands");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    char self[4096];
    int failed;

    (void)argc;
    if (realpath(argv[0], self) == NULL) {
        perror(argv[0]);
        return EXIT_FAILURE;
    }
    (void)snprintf(program, sizeof(program), "%.4000s/../../../ecs-agent", dirname(self));
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, state_can_be_shown_checked_and_exported);
    tcase_add_test(tcase, what_cannot_be_used_is_found);
    tcase_add_test(tcase, a_small_command_can_be_interrupted);
    tcase_add_test(tcase, the_health_check_has_an_exit_code);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
