#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ports/backoff.h"
#include "tests/unit/support/manual_clock.h"

#define ACS_OPTS                                                                                   \
    (struct eca_backoff_opts)                                                                      \
    {                                                                                              \
        .min_ms = 250, .max_ms = 120000, .multiplier_milli = 1500, .jitter_milli = 200             \
    }

static void fill_ones(void *impl, void *bytes, size_t len)
{
    (void)impl;
    memset(bytes, 0xFE, len);
}

/* ACS-211: the sequence without jitter, in tenths of a millisecond as the specification prints it.
 */
START_TEST(waits_grow_to_the_maximum)
{
    static const uint64_t expected_ms_x10[] = {2500,   3750,   5625,   8438,    12656,   18984,
                                               28477,  42715,  64072,  96108,   144163,  216244,
                                               324366, 486549, 729823, 1094735, 1200000, 1200000};
    struct manual_entropy zero = {0};
    struct eca_backoff backoff;

    eca_backoff_init(&backoff, ACS_OPTS);
    for (size_t i = 0; i < sizeof(expected_ms_x10) / sizeof(expected_ms_x10[0]); i++) {
        uint64_t ns = eca_backoff_next_ns(&backoff, manual_entropy_port(&zero));
        uint64_t want = expected_ms_x10[i] * 100000;
        ck_assert_msg(ns + 100000 >= want && ns <= want + 100000, "wait %zu: %llu ns", i,
                      (unsigned long long)ns);
    }
    ck_assert_uint_eq(backoff.tries, 18);
}
END_TEST

/* ACS-211: up to 20 % on top, never more than 144 s. */
START_TEST(jitter_adds_up_to_its_share)
{
    static const struct eca_entropy_ops ops = {.fill = fill_ones};
    struct eca_entropy high = {.ops = &ops};
    struct manual_entropy random = {.state = 7};
    struct eca_backoff backoff, spread;
    uint64_t lowest = UINT64_MAX, highest = 0;

    eca_backoff_init(&backoff, ACS_OPTS);
    for (int i = 0; i < 40; i++) {
        uint64_t ns = eca_backoff_next_ns(&backoff, high);
        ck_assert_uint_ge(ns, 250 * UINT64_C(1000000));
        ck_assert_uint_lt(ns, 144000 * UINT64_C(1000000));
    }
    eca_backoff_init(&spread, ACS_OPTS);
    for (int i = 0; i < 1000; i++) {
        uint64_t ns = eca_backoff_next_ns(&spread, manual_entropy_port(&random));
        eca_backoff_reset(&spread);
        lowest = ns < lowest ? ns : lowest;
        highest = ns > highest ? ns : highest;
    }
    ck_assert_uint_ge(lowest, 250000000);
    ck_assert_uint_lt(lowest, 255000000);
    ck_assert_uint_gt(highest, 295000000);
    ck_assert_uint_lt(highest, 300000000);
}
END_TEST

START_TEST(reset_begins_at_the_minimum)
{
    struct manual_entropy zero = {0};
    struct eca_backoff backoff;

    eca_backoff_init(&backoff, ACS_OPTS);
    for (int i = 0; i < 10; i++) {
        (void)eca_backoff_next_ns(&backoff, manual_entropy_port(&zero));
    }
    eca_backoff_reset(&backoff);
    ck_assert_uint_eq(backoff.tries, 0);
    ck_assert_uint_eq(eca_backoff_next_ns(&backoff, manual_entropy_port(&zero)), 250000000);
    ck_assert_uint_eq(eca_backoff_next_ns(&backoff, manual_entropy_port(&zero)), 375000000);
}
END_TEST

START_TEST(same_seed_gives_the_same_waits)
{
    struct manual_entropy one = {.state = 42}, two = {.state = 42};
    struct eca_backoff a, b;

    eca_backoff_init(&a, ACS_OPTS);
    eca_backoff_init(&b, ACS_OPTS);
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(eca_backoff_next_ns(&a, manual_entropy_port(&one)),
                          eca_backoff_next_ns(&b, manual_entropy_port(&two)));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ports/backoff");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, waits_grow_to_the_maximum);
    tcase_add_test(tcase, jitter_adds_up_to_its_share);
    tcase_add_test(tcase, reset_begins_at_the_minimum);
    tcase_add_test(tcase, same_seed_gives_the_same_waits);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
