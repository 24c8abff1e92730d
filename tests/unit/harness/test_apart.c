#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/apart.h"

/* Files of two combinations each; some crash. */
#define FILES 4
#define COMBINATIONS 2

struct story {
    size_t unreadable, crashes; /* a file; a run, of all */
    bool leaks;                 /* the last child ends as if it did */
    bool fails;                 /* something beside the runs */
    struct eca_buf told;
};

static void end_badly(void)
{
    _exit(23);
}

static bool play(void *arg, const struct hns_place *from, FILE *to)
{
    const struct story *story = arg;
    struct hns_place at = *from;

    for (; at.file < FILES; at.file++, at.combination = 0) {
        at.name[0] = '\0';
        hns_apart_begins(to, &at);
        if (at.file == story->unreadable) {
            abort();
        }
        for (; at.combination < COMBINATIONS; at.combination++) {
            struct hns_result result = {.outcome = HNS_FAILED, .reference = "a reason"};

            (void)snprintf(at.name, sizeof at.name, "%zu/%zu", at.file, at.combination);
            hns_apart_begins(to, &at);
            if (at.file * COMBINATIONS + at.combination == story->crashes) {
                (void)raise(SIGSEGV);
            }
            (void)strcpy(result.name, at.name);
            eca_buf_add_str(&result.text, "why\nand where");
            for (size_t i = 0; i < 20000; i++) { /* more than a pipe holds */
                eca_buf_add_str(&result.text, ".....");
            }
            hns_apart_over(to, &at, &result);
            hns_result_clear(&result);
        }
    }
    if (story->leaks) {
        (void)atexit(end_badly);
    }
    return !story->fails;
}

static void on_result(void *arg, const struct hns_place *at, const struct hns_result *result)
{
    struct story *story = arg;

    ck_assert_str_eq(result->name, at->name);
    ck_assert_str_eq(result->reference, "a reason");
    ck_assert_int_eq(result->outcome, HNS_FAILED);
    ck_assert_uint_eq(result->text.len, strlen("why\nand where") + 100000);
    eca_buf_addf(&story->told, "%s ", at->name);
}

static void on_death(void *arg, const struct hns_place *at, int status)
{
    struct story *story = arg;

    ck_assert_int_ne(status, 0);
    eca_buf_addf(&story->told, "[%s] ", at->name[0] == '\0' ? "unread" : at->name);
}

static bool plays(struct story story, const char *want)
{
    struct hns_apart_opts opts = {
        .play = play, .on_result = on_result, .on_death = on_death, .arg = &story};
    bool well = hns_apart(&opts);

    ck_assert_str_eq(eca_buf_str(&story.told), want);
    eca_buf_clear(&story.told);
    return well;
}

START_TEST(all_is_told_in_order)
{
    ck_assert(
        plays((struct story){.unreadable = 99, .crashes = 99}, "0/0 0/1 1/0 1/1 2/0 2/1 3/0 3/1 "));
}
END_TEST

START_TEST(crash_is_the_failure_of_one_run)
{
    ck_assert(plays((struct story){.unreadable = 99, .crashes = 2},
                    "0/0 0/1 [1/0] 1/1 2/0 2/1 3/0 3/1 "));
    ck_assert(plays((struct story){.unreadable = 99, .crashes = 7},
                    "0/0 0/1 1/0 1/1 2/0 2/1 3/0 [3/1] "));
    ck_assert(plays((struct story){.unreadable = 2, .crashes = 1},
                    "0/0 [0/1] 1/0 1/1 [unread] 3/0 3/1 "));
}
END_TEST

START_TEST(bad_end_after_the_last_run_is_told)
{
    ck_assert(!plays((struct story){.unreadable = 99, .crashes = 99, .leaks = true},
                     "0/0 0/1 1/0 1/1 2/0 2/1 3/0 3/1 "));
    ck_assert(!plays((struct story){.unreadable = 99, .crashes = 99, .fails = true},
                     "0/0 0/1 1/0 1/1 2/0 2/1 3/0 3/1 "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("harness/apart");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, all_is_told_in_order);
    tcase_add_test(tcase, crash_is_the_failure_of_one_run);
    tcase_add_test(tcase, bad_end_after_the_last_run_is_told);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
