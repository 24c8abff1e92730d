#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/sys/record_file.h"

#define LINES 5000
#define LIMIT_BYTES 100000 /* not at the end of a line */

static char folder[32];
static char path[64];
static struct eca_record_file *file;
static struct eca_segments segments;

static void setup(void)
{
    memcpy(folder, "/tmp/rec-file-XXXXXX", sizeof("/tmp/rec-file-XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/it", folder);
    file = eca_record_file_new(path, 3);
    segments = eca_record_file_port(file);
}

static void teardown(void)
{
    char command[96];

    eca_record_file_free(file);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static void begin(void)
{
    struct eca_err err = {0};

    ck_assert_msg(segments.ops->begin(segments.impl, &err) == ECA_OK, "%s", err.msg);
}

static void put(const char *text)
{
    segments.ops->line(segments.impl, eca_view_str(text));
}

static void put_many(void)
{
    for (int i = 0; i < LINES; i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "{\"line\":%d,\"and\":\"something more of it\"}", i);
        put(text);
    }
}

static struct eca_buf content(const char *suffix)
{
    eca_auto_free char *name = eca_xasprintf("%s%s", path, suffix);
    struct eca_buf out = {0};
    FILE *in = fopen(name, "re");
    char piece[4096];
    size_t len;

    ck_assert_ptr_nonnull(in);
    while ((len = fread(piece, 1, sizeof(piece), in)) > 0) {
        eca_buf_add(&out, piece, len);
    }
    (void)fclose(in);
    return out;
}

START_TEST(every_line_arrives_and_segments_move_on)
{
    eca_auto_buf struct eca_buf first = {0}, second = {0}, third = {0}, expected = {0};
    eca_auto_free char *longer = eca_xalloc(200001);

    memset(longer, 'x', 200000); /* longer than what is written at once */
    begin();
    put("before");
    put(longer);
    put("behind");
    begin();
    put("second");
    segments.ops->end(segments.impl);
    put("between two segments"); /* goes nowhere */
    begin();
    put("third");
    segments.ops->end(segments.impl);
    first = content(".2");
    second = content(".1");
    third = content("");
    eca_buf_addf(&expected, "before\n%s\nbehind\n", longer);
    ck_assert_str_eq(eca_buf_str(&first), eca_buf_str(&expected));
    ck_assert_str_eq(eca_buf_str(&second), "second\n");
    ck_assert_str_eq(eca_buf_str(&third), "third\n");
}
END_TEST

/* A process that is killed takes nothing with it that was flushed. */
START_TEST(flushed_lines_are_there)
{
    eca_auto_buf struct eca_buf before = {0}, now = {0};

    begin();
    put("one");
    before = content("");
    segments.ops->flush(segments.impl);
    now = content("");
    ck_assert_uint_eq(before.len, 0);
    ck_assert_str_eq(eca_buf_str(&now), "one\n");
}
END_TEST

/* What the core was told last is what it died of. The process ends as without a recording. */
START_TEST(a_crash_writes_out_what_there_is)
{
    static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    int number = numbers[_i];
    struct sigaction before;
    const struct rlimit no_core = {0};

    ck_assert_int_eq(sigaction(number, NULL, &before), 0);
    if (before.sa_handler != SIG_DFL) {
        return; /* a sanitizer has it, and keeps it */
    }
    eca_record_file_rescue(file);
    for (int round = 0; round < 2; round++) { /* the second without a segment */
        eca_auto_buf struct eca_buf now = {0};
        int status = 0;
        pid_t child;

        if (round == 0) {
            begin();
        }
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            (void)setrlimit(RLIMIT_CORE, &no_core);
            put("one");
            put("two");
            (void)raise(number);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status));
        ck_assert_int_eq(WTERMSIG(status), number);
        now = content("");
        ck_assert_str_eq(eca_buf_str(&now), "one\ntwo\n");
        segments.ops->end(segments.impl);
    }
    (void)sigaction(number, &before, NULL);
}
END_TEST

/* A disk that is full: whole lines, without a gap, and the next segment is as good as any. */
START_TEST(full_disk_ends_a_segment_with_a_whole_line)
{
    eca_auto_buf struct eca_buf cut = {0}, next = {0};
    struct rlimit before, limit;
    size_t lines = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = LIMIT_BYTES;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    begin();
    put_many();
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    put_many(); /* there is room again: too late for this segment */
    segments.ops->end(segments.impl);
    cut = content("");
    begin();
    put("next");
    segments.ops->end(segments.impl);
    next = content("");
    ck_assert_str_eq(eca_buf_str(&next), "next\n");
    ck_assert_uint_gt(cut.len, LIMIT_BYTES / 2);
    ck_assert_uint_le(cut.len, LIMIT_BYTES);
    ck_assert_int_eq(cut.at[cut.len - 1], '\n');
    for (const char *at = eca_buf_str(&cut); *at != '\0'; at = strchr(at, '\n') + 1) {
        char expected[32];

        (void)snprintf(expected, sizeof(expected), "{\"line\":%zu,", lines++);
        ck_assert_int_eq(strncmp(at, expected, strlen(expected)), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sys/record_file");
    TCase *tcase = tcase_create("record_file");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_line_arrives_and_segments_move_on);
    tcase_add_test(tcase, flushed_lines_are_there);
    tcase_add_loop_test(tcase, a_crash_writes_out_what_there_is, 0, 5);
    tcase_add_test(tcase, full_disk_ends_a_segment_with_a_whole_line);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
