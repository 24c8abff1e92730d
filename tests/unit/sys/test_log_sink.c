#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/host_linux.h"
#include "agent/sys/log_sink.h"

/* Where log lines go: stdout, here a file or a pipe of the test's, and the hourly files. */
#define HOUR_MS INT64_C(3600000)
#define NOON_MS INT64_C(1479211200000) /* 2016-11-15T12:00:00Z */

static char dir[32];
static int kept_stdout;
static struct eca_log_writer *writer;

static const char *file(const char *name)
{
    static char path[4][128];
    static size_t turn;

    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
    return path[turn];
}

static void redirect(int fd)
{
    (void)fflush(stdout);
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(fd);
}

static void setup(void)
{
    ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
    memcpy(dir, "/tmp/log-sink-XXXXXX", sizeof("/tmp/log-sink-XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)fflush(stdout);
    kept_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    redirect(open(file("stdout"), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    writer = eca_log_writer_new();
}

static void teardown(void)
{
    char command[64];

    eca_log_writer_free(writer, 1000);
    redirect(kept_stdout);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

/* Ends the writer: what was queued is written out (PROC-303). */
static void flush_all(void)
{
    eca_log_writer_free(writer, 5000);
    writer = NULL;
}

static void add(int64_t wall_ms, const char *line)
{
    eca_log_writer_sink(writer, ECA_LOG_INFO, wall_ms, eca_view_str(line));
}

static void expect_file(const char *name, const char *text)
{
    eca_auto_buf struct eca_buf have = {0};
    struct eca_err err = {0};

    ck_assert_msg(eca_host_read_file(eca_host_linux(), file(name), 16 << 20, &have, &err) == ECA_OK,
                  "%s", err.msg);
    ck_assert_msg(strcmp(eca_buf_str(&have), text) == 0, "%s: '%s'", name, eca_buf_str(&have));
}

static size_t count_files(const char *prefix)
{
    DIR *listing = opendir(dir);
    size_t count = 0;

    ck_assert_ptr_nonnull(listing);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    (void)closedir(listing);
    return count;
}

/* LOG-101, LOG-106, LOG-110, PROC-303: every record on stdout and in the file of its hour, in
 * order. */
START_TEST(records_go_to_stdout_and_the_file_of_the_hour)
{
    ck_assert_int_eq(eca_log_writer_set_file(writer, file("deep/er/agent.log"), NULL), ECA_OK);
    add(NOON_MS, "one\n");
    add(NOON_MS + HOUR_MS - 1, "two\n");
    add(NOON_MS + HOUR_MS, "three\n");
    flush_all();
    expect_file("stdout", "one\ntwo\nthree\n");
    expect_file("deep/er/agent.log.2016-11-15-12", "one\ntwo\n");
    expect_file("deep/er/agent.log.2016-11-15-13", "three\n");
    ck_assert_int_ne(access(file("deep/er/agent.log"), F_OK), 0);
}
END_TEST

/* LOG-110: a restart goes on in the file of the current hour; modes are 0755 and 0666 less umask.
 */
START_TEST(a_restart_continues_the_hour)
{
    struct stat info;
    mode_t mask = umask(022);

    ck_assert_int_eq(eca_log_writer_set_file(writer, file("logs/agent.log"), NULL), ECA_OK);
    add(NOON_MS, "before\n");
    flush_all();
    writer = eca_log_writer_new();
    ck_assert_int_eq(eca_log_writer_set_file(writer, file("logs/agent.log"), NULL), ECA_OK);
    add(NOON_MS + 1, "after\n");
    flush_all();
    (void)umask(mask);
    expect_file("logs/agent.log.2016-11-15-12", "before\nafter\n");
    ck_assert_int_eq(stat(file("logs"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0755);
    ck_assert_int_eq(stat(file("logs/agent.log.2016-11-15-12"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0644);
}
END_TEST

/* LOG-111, AUD-101: 24 old hours stay beside the current one; other names are never touched. */
START_TEST(old_hours_are_deleted_when_a_new_one_begins)
{
    static const char *const others[] = {"agent.log.bak", "agent.log.2016-11-15-12.gz",
                                         "agent.log.20161115", "other.log.2016-01-01-00"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        (void)close(open(file(others[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    for (int i = 0; i < 40; i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "agent.log.2015-01-%02d-00", i % 28 + 1);
        (void)close(open(file(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    ck_assert_int_eq(eca_log_writer_set_file(writer, file("agent.log"), NULL), ECA_OK);
    add(NOON_MS, "the first of this process\n");
    flush_all();
    ck_assert_uint_eq(count_files("agent.log."), 3 + 28 + 1); /* nothing is deleted at start */
    writer = eca_log_writer_new();
    ck_assert_int_eq(eca_log_writer_set_file(writer, file("agent.log"), NULL), ECA_OK);
    for (int i = 0; i < 3; i++) {
        add(NOON_MS + i * HOUR_MS, "x\n");
    }
    flush_all();
    ck_assert_uint_eq(count_files("agent.log."), 3 + 25);
    ck_assert_int_ne(access(file("agent.log.2015-01-01-00"), F_OK), 0);
    ck_assert_int_eq(access(file("agent.log.2015-01-28-00"), F_OK), 0);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ck_assert_msg(access(file(others[i]), F_OK) == 0, "%s", others[i]);
    }
}
END_TEST

/* FB-33.5: an hour's file takes so much, a restart does not give it more; the next hour does. */
START_TEST(the_file_of_an_hour_is_bounded)
{
    struct stat info;
    const char *name = "agent.log.2016-11-15-12";
    int fd = open(file(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_eq(ftruncate(fd, (off_t)ECA_LOG_FILE_BYTES_MAX - 8), 0);
    (void)close(fd);
    for (int life = 0; life < 2; life++) {
        ck_assert_int_eq(eca_log_writer_set_file(writer, file("agent.log"), NULL), ECA_OK);
        add(NOON_MS, "fits 1\n");
        add(NOON_MS, "too long\n");
        add(NOON_MS, "x\n");
        add(NOON_MS + HOUR_MS, "new\n");
        flush_all();
        ck_assert_int_eq(stat(file(name), &info), 0);
        ck_assert_int_lt(info.st_size, (off_t)ECA_LOG_FILE_BYTES_MAX + 128);
        writer = eca_log_writer_new();
    }
    expect_file("agent.log.2016-11-15-13", "new\nnew\n");
    expect_file("stdout", "fits 1\ntoo long\nx\nnew\nfits 1\ntoo long\nx\nnew\n");
    fd = open(file(name), O_RDONLY | O_CLOEXEC);
    {
        char tail[160] = "";
        ssize_t len = pread(fd, tail, sizeof(tail) - 1, (off_t)ECA_LOG_FILE_BYTES_MAX - 8);

        ck_assert_int_gt(len, 0);
        ck_assert_str_eq(tail, "fits 1\n"
                               "2016-11-15T12:00:00Z [WARN] The log file of this hour is full\n");
    }
    (void)close(fd);
}
END_TEST

/* LOG-112: any path works. */
START_TEST(odd_paths_work)
{
    ck_assert_int_eq(eca_log_writer_set_file(writer, file("a&b<c>\"d e/agent log%s"), NULL),
                     ECA_OK);
    add(NOON_MS, "x\n");
    flush_all();
    expect_file("a&b<c>\"d e/agent log%s.2016-11-15-12", "x\n");
}
END_TEST

/* LOG-106: a file that cannot be written does not stop stdout. */
START_TEST(a_failing_file_does_not_stop_stdout)
{
    struct eca_err err = {0};

    (void)close(open(file("no-directory"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ck_assert_int_lt(eca_log_writer_set_file(writer, file("no-directory/agent.log"), &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "no-directory"));
    add(NOON_MS, "one\n");
    add(NOON_MS, "two\n");
    flush_all();
    expect_file("stdout", "one\ntwo\n");
}
END_TEST

/* LOG-107, AUD-104: nobody reads stdout; the producer goes on at once, and later the loss is said.
 */
START_TEST(a_blocked_stdout_never_blocks_the_producer)
{
    static char line[10001];
    eca_auto_buf struct eca_buf all = {0};
    struct eca_log_writer *own;
    int pipes[2];
    char piece[65536];
    ssize_t got;
    static const char dropped_text[] = " log records were dropped";
    size_t lines = 0, dropped = 0, told = 0;
    const char *said = NULL;

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 2] = '\n';
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    redirect(pipes[1]);
    for (int i = 0; i < 2000; i++) { /* 20 MB into a queue of 4 */
        add(NOON_MS, line);
    }
    own = eca_take(writer);
    pid_t child = fork(); /* the reader comes back */
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int out = open(file("read"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        (void)close(STDOUT_FILENO);
        while ((got = read(pipes[0], piece, sizeof(piece))) > 0) {
            (void)!write(out, piece, (size_t)got);
        }
        _exit(0);
    }
    eca_log_writer_free(own, 20000);
    redirect(open(file("stdout"), O_RDWR | O_CLOEXEC));
    (void)close(pipes[0]);
    (void)!waitpid(child, NULL, 0);
    ck_assert_int_eq(
        eca_host_read_file(eca_host_linux(), file("read"), (size_t)64 << 20, &all, NULL), ECA_OK);
    /* Once, or twice when the thread came late to the first batch. */
    for (const char *at = eca_buf_str(&all); (at = strstr(at, dropped_text)) != NULL; at++) {
        for (said = at; said > eca_buf_str(&all) && said[-1] >= '0' && said[-1] <= '9'; said--) {
        }
        dropped += (size_t)strtoul(said, NULL, 10);
        told++;
    }
    ck_assert_msg(said != NULL, "the loss was not said");
    for (size_t i = 0; i < all.len; i++) {
        lines += all.at[i] == '\n';
    }
    ck_assert_uint_eq(lines - told + dropped, 2000);
    ck_assert_uint_ge(lines, 300);
    while (said > eca_buf_str(&all) && said[-1] != '\n') { /* LOG-104: a line like all others */
        said--;
    }
    ck_assert_msg(strncmp(said, "2016-11-15T12:00:00Z [WARN] ", 28) == 0, "%.60s", said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sys/log_sink");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, records_go_to_stdout_and_the_file_of_the_hour);
    tcase_add_test(tcase, a_restart_continues_the_hour);
    tcase_add_test(tcase, old_hours_are_deleted_when_a_new_one_begins);
    tcase_add_test(tcase, the_file_of_an_hour_is_bounded);
    tcase_add_test(tcase, odd_paths_work);
    tcase_add_test(tcase, a_failing_file_does_not_stop_stdout);
    tcase_add_test(tcase, a_blocked_stdout_never_blocks_the_producer);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
