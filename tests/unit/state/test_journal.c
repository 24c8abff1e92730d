#include <check.h>
#include <stdlib.h>

#include "agent/state/journal.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/memory_store.h"

static struct manual_clock clock_;
static struct manual_entropy entropy;
static struct memory_store store;
static struct eca_journal *journal;
static struct eca_journal_waiter waiters[4];
static int ran[4];
static const char *value = "1";

static bool serialise(void *arg, const char *key, struct eca_buf *out)
{
    (void)arg;
    (void)key;
    if (value == NULL) {
        return false;
    }
    eca_buf_add_str(out, value);
    return true;
}

static void setup(void)
{
    struct eca_journal_opts opts = {.entropy = manual_entropy_port(&entropy)};

    manual_clock_init(&clock_);
    memory_store_init(&store, clock_.sched);
    opts.sched = clock_.sched;
    opts.store = memory_store_port(&store);
    journal = eca_journal_new(&opts);
    eca_journal_set_source(journal, ECA_RECORD_TASK, serialise, NULL);
    value = "1";
    for (size_t i = 0; i < 4; i++) {
        ran[i] = 0;
        waiters[i] = (struct eca_journal_waiter){0};
    }
}

static void teardown(void)
{
    memory_store_drop(&store);
    eca_journal_free(journal);
    memory_store_clear(&store);
    manual_clock_clear(&clock_);
}

static void count(void *arg)
{
    (*(int *)arg)++;
}

static void after(size_t i)
{
    eca_journal_after(journal, &waiters[i], count, &ran[i]);
}

/* STATE-120: one transaction for everything that a turn changed. */
START_TEST(changes_of_a_turn_are_one_commit)
{
    for (int i = 0; i < 10; i++) {
        eca_journal_mark(journal, ECA_RECORD_TASK, i % 2 == 0 ? "a" : "b");
    }
    after(0);
    ck_assert_int_eq(ran[0], 0);
    manual_clock_advance_ms(&clock_, 10);
    ck_assert_int_eq(ran[0], 1);
    ck_assert_uint_eq(store.commits, 1);
    ck_assert_str_eq(memory_store_get(&store, ECA_RECORD_TASK, "b"), "1");
    ck_assert_int_eq(eca_journal_status(journal).last_commit_ms,
                     eca_sched_wall_ms(clock_.sched) - 9); /* INTRO-120: it took 1 ms of the 10 */
    value = NULL;
    eca_journal_mark(journal, ECA_RECORD_TASK, "b");
    manual_clock_advance_ms(&clock_, 10);
    ck_assert_ptr_null(memory_store_get(&store, ECA_RECORD_TASK, "b"));
}
END_TEST

/* STATE-121: what became dirty during a commit is not covered by that commit. */
START_TEST(waiter_of_a_later_change_waits_for_its_own_commit)
{
    store.commit_ms = 100;
    eca_journal_mark(journal, ECA_RECORD_TASK, "a");
    after(0);
    manual_clock_advance_ms(&clock_, 50);
    after(1); /* nothing newer is dirty: the commit under way covers it */
    value = "2";
    eca_journal_mark(journal, ECA_RECORD_TASK, "a");
    after(2);
    manual_clock_advance_ms(&clock_, 60);
    ck_assert_int_eq(ran[0], 1);
    ck_assert_int_eq(ran[1], 1);
    ck_assert_int_eq(ran[2], 0);
    ck_assert_str_eq(memory_store_get(&store, ECA_RECORD_TASK, "a"), "1");
    manual_clock_advance_ms(&clock_, 100);
    ck_assert_int_eq(ran[2], 1);
    ck_assert_str_eq(memory_store_get(&store, ECA_RECORD_TASK, "a"), "2");
}
END_TEST

/* STATE-122, FB-13.5: failures are retried with back-off; only the impatient do not wait. */
START_TEST(failed_commit_is_retried)
{
    store.fail = 3;
    eca_journal_mark(journal, ECA_RECORD_TASK, "a");
    after(0);
    eca_journal_after_try(journal, &waiters[1], count, &ran[1]);
    manual_clock_advance_ms(&clock_, 10);
    ck_assert_int_eq(ran[0], 0);
    ck_assert_int_eq(ran[1], 1);
    ck_assert(eca_journal_status(journal).failing);
    eca_journal_mark(journal, ECA_RECORD_TASK, "b");
    eca_journal_after_try(journal, &waiters[2], count, &ran[2]);
    manual_clock_advance_ms(&clock_, 10);
    ck_assert_int_eq(ran[2], 1);
    manual_clock_advance_ms(&clock_, 1100);
    ck_assert_uint_eq(store.failures, 2);
    manual_clock_advance_ms(&clock_, 10000);
    ck_assert_uint_eq(store.failures, 3);
    ck_assert_uint_eq(store.commits, 1);
    ck_assert_int_eq(ran[0], 1);
    ck_assert_str_eq(memory_store_get(&store, ECA_RECORD_TASK, "b"), "1");
    ck_assert(!eca_journal_status(journal).failing);
}
END_TEST

/* STATE-122: for ever, each half minute in the end, and not to the second: other agents may share
 * that disk. */
START_TEST(a_disk_that_fails_for_an_hour_is_asked_in_moderation)
{
    entropy.state = 7;
    store.fail = UINT32_MAX;
    eca_journal_mark(journal, ECA_RECORD_TASK, "a");
    manual_clock_advance_ms(&clock_, UINT64_C(3600) * 1000);
    ck_assert_uint_ge(store.failures, 98);
    ck_assert_uint_le(store.failures, 120); /* 125 of 30 s each, without the spread */
    store.fail = 0;
    after(0);
    manual_clock_advance_ms(&clock_, 36 * 1000);
    ck_assert_int_eq(ran[0], 1);
    entropy.state = 0;
}
END_TEST

/* A cancelled waiter does not run, wherever it stands; never inside the call. */
START_TEST(waiters_can_be_cancelled)
{
    after(0);
    ck_assert_int_eq(ran[0], 0);
    eca_journal_cancel(journal, &waiters[0]);
    eca_journal_mark(journal, ECA_RECORD_TASK, "a");
    after(1);
    eca_journal_cancel(journal, &waiters[1]);
    eca_journal_cancel(journal, &waiters[1]);
    after(2);
    manual_clock_advance_ms(&clock_, 100);
    ck_assert_int_eq(ran[0] + ran[1], 0);
    ck_assert_int_eq(ran[2], 1);
}
END_TEST

/* STATE-107: without a store nothing waits, and still not inside the call. */
START_TEST(without_a_store_everything_is_durable)
{
    struct eca_journal_opts opts = {.sched = clock_.sched,
                                    .entropy = manual_entropy_port(&entropy)};
    struct eca_journal *none = eca_journal_new(&opts);

    eca_journal_mark(none, ECA_RECORD_TASK, "a");
    eca_journal_after(none, &waiters[0], count, &ran[0]);
    ck_assert_int_eq(ran[0], 0);
    manual_clock_settle(&clock_);
    ck_assert_int_eq(ran[0], 1);
    eca_journal_free(none);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *tcase = tcase_create("journal");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, changes_of_a_turn_are_one_commit);
    tcase_add_test(tcase, waiter_of_a_later_change_waits_for_its_own_commit);
    tcase_add_test(tcase, failed_commit_is_retried);
    tcase_add_test(tcase, a_disk_that_fails_for_an_hour_is_asked_in_moderation);
    tcase_add_test(tcase, waiters_can_be_cancelled);
    tcase_add_test(tcase, without_a_store_everything_is_durable);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
