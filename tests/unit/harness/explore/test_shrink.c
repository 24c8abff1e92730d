#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "harness/explore/pool.h"
#include "harness/explore/shrink.h"

/* Shrinking with failures made up by text: fast, and every candidate can be predicted. */

static bool has(struct eca_view text, const char *part)
{
    return eca_view_find(text, part, 0) != SIZE_MAX;
}

static void set_kind(struct hns_played *played, enum hns_verdict verdict, const char *kind)
{
    *played = (struct hns_played){.verdict = verdict};
    (void)strncpy(played->kind, kind, HNS_KIND_BYTES - 1);
}

/* Fails when both steps are there; a text without a timeline is no scenario. */
static void needs_two_steps(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    (void)arg;
    set_kind(ret_played, HNS_FINE, "");
    if (!has(text, "timeline:\n")) {
        set_kind(ret_played, HNS_UNPLAYABLE, "no timeline");
    } else if (has(text, "- a: {task: t1") && has(text, "- b: t2")) {
        set_kind(ret_played, HNS_WRONG, "a and b");
    } else if (has(text, "- b: t2")) {
        set_kind(ret_played, HNS_WRONG, "another failure");
    }
}

static void crashes_at_b(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    needs_two_steps(arg, text, ret_played);
    if (has(text, "- b: t2")) {
        abort();
    }
}

static const char *shrink(hns_try_fn *try_it, const char *text, unsigned workers)
{
    static struct eca_buf buf;
    struct hns_shrink_opts opts = {.try_it = try_it, .workers = workers};
    struct hns_played played;
    unsigned long runs;

    eca_buf_reset(&buf);
    eca_buf_add_str(&buf, text);
    return hns_shrink(&buf, &opts, &played, &runs) ? eca_buf_str(&buf) : NULL;
}

static char *many_steps(size_t count)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_add_str(&text, "world:\n  docker:\n    images: [x]\ntimeline:\n");
    for (size_t i = 0; i < count; i++) {
        if (i == count / 3) {
            eca_buf_add_str(&text, "  - a: {task: t1, more: {x: [1, 2]}, maybe: true}\n");
        }
        if (i == count - count / 4) {
            eca_buf_add_str(&text, "  - b: t2\n");
        }
        eca_buf_addf(&text, "  - advance: %zums\n", 1000 + i);
    }
    return eca_buf_take(&text);
}

START_TEST(keeps_what_the_failure_needs_and_nothing_else)
{
    eca_auto_free char *text = many_steps(500);

    for (unsigned workers = 1; workers <= 3; workers++) {
        ck_assert_str_eq(shrink(needs_two_steps, text, workers),
                         "timeline:\n  - a: {task: t1}\n  - b: t2\n");
    }
}
END_TEST

START_TEST(another_failure_is_not_the_one)
{
    ck_assert_str_eq(shrink(needs_two_steps, "timeline:\n  - a: {task: t1}\n  - b: t2\n", 2),
                     "timeline:\n  - a: {task: t1}\n  - b: t2\n");
}
END_TEST

START_TEST(crash_is_a_failure_like_any_other)
{
    eca_auto_free char *text = many_steps(20);

    ck_assert_str_eq(shrink(crashes_at_b, text, 2), "timeline:\n  - b: t2\n");
}
END_TEST

START_TEST(what_does_not_fail_is_left_alone)
{
    ck_assert_ptr_null(shrink(needs_two_steps, "timeline:\n  - b: t3\n", 2));
    ck_assert_ptr_null(shrink(needs_two_steps, "nothing\n", 2));
}
END_TEST

START_TEST(steps_that_mend_everything_stay)
{
    static const char text[] = "timeline:\n"
                               "  - a: {task: t1}\n"
                               "  - c: t3\n"
                               "  - b: t2\n"
                               "  - say: everything is mended\n"
                               "  - fault.clear:\n"
                               "  - check: {settled: true}\n"
                               "  - expect: {acs: connect}\n";

    ck_assert_str_eq(shrink(needs_two_steps, text, 2), "timeline:\n"
                                                       "  - a: {task: t1}\n"
                                                       "  - b: t2\n"
                                                       "  - say: everything is mended\n"
                                                       "  - fault.clear:\n");
}
END_TEST

static void fails_at_a_check(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    (void)arg;
    set_kind(ret_played, has(text, "- check") ? HNS_NO_PROGRESS : HNS_FINE, "too late");
}

START_TEST(expectations_stay_as_strong_as_they_are)
{
    static const char text[] = "timeline:\n"
                               "  - a: {task: t1}\n"
                               "  - check: {settled: true, within: 30m}\n"
                               "  - expect: {acs: connect, within: 5s}\n"
                               "never:\n"
                               "  - {ecs: task STOPPED, task: t1}\n";

    ck_assert_str_eq(shrink(fails_at_a_check, text, 2), "timeline:\n"
                                                        "  - check: {settled: true, within: 30m}\n"
                                                        "never:\n"
                                                        "  - {ecs: task STOPPED, task: t1}\n");
}
END_TEST

/* Fails when at least 3 s pass. */
static void needs_time(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    size_t at = eca_view_find(text, "- advance: ", 0);
    unsigned long value = 0;
    char *unit = NULL;

    (void)arg;
    set_kind(ret_played, HNS_FINE, "");
    if (at != SIZE_MAX) {
        value = strtoul(text.at + at + 11, &unit, 10);
        value *= strncmp(unit, "ms", 2) == 0 ? 1 : *unit == 's' ? 1000 : 60000;
        if (value >= 3000) {
            set_kind(ret_played, HNS_NO_PROGRESS, "late");
        }
    }
}

/* Fails when at least half an hour passes. */
static void lasts(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    (void)arg;
    set_kind(ret_played, HNS_FINE, "");
    if (has(text, "h\n") || has(text, "5400s\n") || has(text, "90m\n") || has(text, "h30m\n")) {
        set_kind(ret_played, HNS_NO_PROGRESS, "late");
    }
}

START_TEST(times_become_round_and_short)
{
    ck_assert_str_eq(shrink(needs_time, "timeline:\n  - advance: 48213ms\n", 2),
                     "timeline:\n  - advance: 10s\n");
    ck_assert_str_eq(shrink(needs_time, "timeline:\n  - advance: 3213ms\n", 2),
                     "timeline:\n  - advance: 3213ms\n");
}
END_TEST

START_TEST(times_are_read_in_any_unit)
{
    static const char *const times[] = {"40h", "5400s", "90m", "1h30m"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(times); i++) {
        eca_auto_free char *text = eca_xasprintf("timeline:\n  - advance: %s\n", times[i]);

        ck_assert_str_eq(shrink(lasts, text, 2), "timeline:\n  - advance: 1h\n");
    }
}
END_TEST

/* An expectation for a value: of a task that was sent and ended with another one, or of none. */
static void misses_a_value(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    (void)arg;
    set_kind(ret_played, HNS_FINE, "");
    if (has(text, "- expect: {task: t7, code: 1}")) {
        set_kind(ret_played, HNS_WRONG, "expected");
        (void)strcpy(ret_played->missed,
                     has(text, "- send: {task: t7}") && has(text, "- exit: t7/a")
                         ? "code is 0, not 1"
                         : "no such event");
    }
}

START_TEST(expectation_is_missed_for_the_same_reason)
{
    static const char text[] = "timeline:\n"
                               "  - send: {task: t1}\n"
                               "  - send: {task: t7}\n"
                               "  - exit: t7/a\n"
                               "  - expect: {task: t7, code: 1}\n";

    ck_assert_str_eq(shrink(misses_a_value, text, 2), "timeline:\n"
                                                      "  - send: {task: t7}\n"
                                                      "  - exit: t7/a\n"
                                                      "  - expect: {task: t7, code: 1}\n");
}
END_TEST

/* Line 5 is the step at which the run ends, whatever comes behind it; nothing else can go. */
static void ends_at_line_5(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    (void)arg;
    set_kind(ret_played, HNS_FINE, "");
    if (eca_view_starts(text, "timeline:\n  - a: 1\n  # why\n  - b:\n      c: 2\n")) {
        set_kind(ret_played, HNS_WRONG, "b");
        ret_played->line = 5;
    }
}

static unsigned shorter_count;

static void on_shorter(void *arg, const struct eca_buf *text)
{
    if (shorter_count++ == 0) {
        eca_buf_add_view(arg, eca_buf_view(text));
    }
}

START_TEST(what_comes_behind_the_failure_goes_first)
{
    static const char begin[] = "timeline:\n  - a: 1\n  # why\n  - b:\n      c: 2\n";
    static const char behind[] = "  - d: 1\n\n  # what\n  - say: everything is mended\n"
                                 "  - d:\n      e: 4\n  - check: {x: y}\n";
    static const char never[] = "never:\n  - {docker: stop}\n";
    eca_auto_buf struct eca_buf text = {0}, first = {0};
    eca_auto_free char *want = eca_xasprintf("%s%s", begin, never);
    struct hns_shrink_opts opts = {
        .try_it = ends_at_line_5, .on_shorter = on_shorter, .arg = &first, .workers = 2};
    struct hns_played played;
    unsigned long runs;

    shorter_count = 0;
    eca_buf_addf(&text, "%s%s%s", begin, behind, never);
    ck_assert(hns_shrink(&text, &opts, &played, &runs));
    ck_assert_str_eq(eca_buf_str(&first), want);
    ck_assert_str_eq(eca_buf_str(&text), want);
    ck_assert_uint_eq(shorter_count, 1);
}
END_TEST

/* No task can be waited for that was not sent: all that is said of one has to go at once. */
static void depends(void *arg, struct eca_view text, struct hns_played *ret_played)
{
    (void)arg;
    set_kind(ret_played, HNS_WRONG, "the failure");
    for (unsigned i = 0; i < 120; i++) {
        char sent[64], waited[64];

        (void)snprintf(sent, sizeof sent, "- acs.send: {task: t%u,", i);
        (void)snprintf(waited, sizeof waited, "task: t%u}", i);
        if (has(text, waited) && !has(text, sent)) {
            set_kind(ret_played, HNS_WRONG, "another failure");
        }
    }
    if (!has(text, "task: t77}")) {
        set_kind(ret_played, HNS_FINE, "");
    }
}

START_TEST(all_that_is_said_of_a_task_goes_at_once)
{
    eca_auto_buf struct eca_buf text = {0};
    struct hns_shrink_opts opts = {.try_it = depends, .workers = 2};
    struct hns_played played;
    unsigned long runs;

    eca_buf_add_str(&text, "world:\n  tasks:\n    t5:\n      containers: 1\ntimeline:\n");
    for (unsigned i = 0; i < 120; i++) {
        eca_buf_addf(&text,
                     "  - acs.send: {task: t%u, containers: [{name: a}]}\n"
                     "  - docker.exit:\n"
                     "      container: t%u/a\n"
                     "      code: 3\n"
                     "  - expect.any_order:\n"
                     "      - {ecs: task RUNNING, task: t%u}\n"
                     "      - {docker: stop, container: t%u/a}\n",
                     i, i, i, i);
    }
    eca_buf_add_str(&text, "never:\n  - {ecs: task STOPPED, task: t4}\n");
    ck_assert(hns_shrink(&text, &opts, &played, &runs));
    ck_assert_ptr_null(strstr(eca_buf_str(&text), "task: t76"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&text), "task: t77,"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&text), "task: t4}"));
    ck_assert_uint_lt(text.len, 250);
    ck_assert_uint_lt(runs, 400); /* one by one they would be thousands */
}
END_TEST

/* ---- the pool -------------------------------------------------------------------------------- */

struct tally {
    uint64_t sum, seen, stop_at;
    bool crashed[64];
};

static void play_number(void *arg, uint64_t number, struct hns_played *ret_played)
{
    (void)arg;
    if (number == 7) {
        abort();
    }
    *ret_played = (struct hns_played){.verdict = HNS_FINE, .trace = number * number};
}

static bool on_number(void *arg, uint64_t number, const struct hns_played *played)
{
    struct tally *tally = arg;

    tally->seen++;
    tally->sum += played->trace;
    tally->crashed[number] = played->verdict == HNS_CRASHED;
    return tally->stop_at == 0 || number < tally->stop_at;
}

START_TEST(every_number_is_played_once_and_a_crash_is_a_verdict)
{
    struct tally tally = {0};
    struct hns_pool_opts opts = {.from = 1,
                                 .count = 20,
                                 .workers = 3,
                                 .play = play_number,
                                 .on_played = on_number,
                                 .arg = &tally};

    hns_pool_run(&opts);
    ck_assert_uint_eq(tally.seen, 20);
    ck_assert_uint_eq(tally.sum, 2870 - 49);
    for (uint64_t i = 1; i <= 20; i++) {
        ck_assert_int_eq(tally.crashed[i], i == 7);
    }
}
END_TEST

START_TEST(what_lies_below_the_lowest_end_is_played)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        struct tally tally = {.stop_at = 13};
        struct hns_pool_opts opts = {.from = 8,
                                     .count = 40,
                                     .workers = workers,
                                     .play = play_number,
                                     .on_played = on_number,
                                     .arg = &tally};

        hns_pool_run(&opts);
        ck_assert_uint_ge(tally.seen, 6); /* 8 to 13, and some that were under way */
        ck_assert_uint_lt(tally.seen, 40);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("harness/explore/shrink");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, keeps_what_the_failure_needs_and_nothing_else);
    tcase_add_test(tcase, another_failure_is_not_the_one);
    tcase_add_test(tcase, crash_is_a_failure_like_any_other);
    tcase_add_test(tcase, what_does_not_fail_is_left_alone);
    tcase_add_test(tcase, steps_that_mend_everything_stay);
    tcase_add_test(tcase, expectations_stay_as_strong_as_they_are);
    tcase_add_test(tcase, times_become_round_and_short);
    tcase_add_test(tcase, times_are_read_in_any_unit);
    tcase_add_test(tcase, expectation_is_missed_for_the_same_reason);
    tcase_add_test(tcase, what_comes_behind_the_failure_goes_first);
    tcase_add_test(tcase, all_that_is_said_of_a_task_goes_at_once);
    tcase_add_test(tcase, every_number_is_played_once_and_a_crash_is_a_verdict);
    tcase_add_test(tcase, what_lies_below_the_lowest_end_is_played);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
