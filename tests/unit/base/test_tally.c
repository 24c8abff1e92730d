#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/tally.h"

/* INTRO-122 */
START_TEST(outcomes_and_durations_add_up)
{
    struct eca_tally tally = {0};
    const struct eca_tally_row *row;

    eca_tally_add(&tally, "start", "done", 3);
    eca_tally_add(&tally, "stop", "done", 30000);
    eca_tally_add(&tally, "start", "failed", 30);
    row = eca_tally_find(&tally, "start");
    ck_assert_ptr_nonnull(row);
    ck_assert_uint_eq(row->count, 2);
    ck_assert_uint_eq(row->sum_ms, 33);
    ck_assert_uint_eq(row->last_ms, 30);
    ck_assert_uint_eq(row->outcome_count, 2);
    ck_assert_uint_eq(row->buckets[0], 1);
    ck_assert_uint_eq(row->buckets[ECA_TALLY_BUCKETS - 1], 2);
    ck_assert_ptr_null(eca_tally_find(&tally, "pull"));
    eca_tally_clear(&tally);
    ck_assert_uint_eq(tally.row_count, 0);
}
END_TEST

/* However many names there are, the memory stays. */
START_TEST(what_does_not_fit_is_not_counted)
{
    static const char *const outcomes[] = {"a", "b", "c", "d", "e", "f", "g",
                                           "h", "i", "j", "k", "l", "m"};
    struct eca_tally tally = {0};
    char name[16];

    for (int i = 0; i < ECA_TALLY_ROWS_MAX + 5; i++) {
        (void)snprintf(name, sizeof(name), "op%d", i);
        eca_tally_add(&tally, name, "done", 1);
    }
    ck_assert_uint_eq(tally.row_count, ECA_TALLY_ROWS_MAX);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        eca_tally_add(&tally, "op0", outcomes[i], 1);
    }
    ck_assert_uint_eq(tally.rows[0].outcome_count, ECA_TALLY_OUTCOMES_MAX);
    ck_assert_uint_eq(tally.rows[0].count, 14);
    eca_tally_clear(&tally);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/tally");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, outcomes_and_durations_add_up);
    tcase_add_test(tcase, what_does_not_fit_is_not_counted);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
