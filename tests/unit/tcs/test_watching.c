#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/tcs/telemetry.h"

/* The watch list by itself: what is asked of whom, and what happens when nothing can be asked. */

static void watch(const char *id, const char *task)
{
    (void)tele_add(id, task);
    eca_stats_running(tele.stats, id);
}

static const char *last(void)
{
    return fake_tcs_last(tele.tcs);
}

/* STAT-101: family and version are those of the task's latest container. */
START_TEST(the_latest_container_names_family_and_version)
{
    tele_start();
    watch("a", "t");
    tele_run_ms(21000);
    ck_assert_ptr_nonnull(strstr(last(), "\"taskArn\":\"arn:task/t\",\"taskDefinitionFamily\":"
                                         "\"family\",\"taskDefinitionVersion\":\"1\""));
    tele_add("b", "t")->family = "other";
    tele.containers[1].version = "2";
    eca_stats_running(tele.stats, "b");
    tele_run_ms(20000);
    ck_assert_ptr_nonnull(
        strstr(last(), "\"taskDefinitionFamily\":\"other\",\"taskDefinitionVersion\":\"2\""));
    ck_assert_ptr_null(strstr(last(), "\"family\""));
}
END_TEST

/* STAT-102, STAT-112: after one listing only the task engine is heard, and nothing is asked. */
START_TEST(nothing_is_learned_but_from_the_engine)
{
    (void)tele_add("listed", "t");
    tele_start();
    tele_run_ms(1000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 1);
    (void)tele_add("unannounced", "t"); /* runs, and the engine would know it */
    tele_run_ms(10 * 60000);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 1);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 30);
    ck_assert_uint_eq(tele.lists, 1);
    ck_assert_uint_eq(tele.containers[0].streams, 1); /* any other call has no function here */
    eca_stats_running(tele.stats, "unannounced");
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 2);
}
END_TEST

/* STAT-110: adding and removing while a gathering is in hand; one owner, one thread. */
START_TEST(a_gathering_may_meet_changes)
{
    struct eca_stats_gathering gathering;

    tele_start();
    for (int i = 0; i < 40; i++) {
        eca_auto_free char *id = eca_xasprintf("id%d", i);
        eca_auto_free char *task = eca_xasprintf("t%d", i / 4);

        watch(id, task);
    }
    tele_run_ms(3000);
    for (size_t i = 0; i < 40; i += 3) { /* reconciling inside the gathering removes these */
        tele.containers[i].stopped = true;
    }
    for (size_t i = 20; i < 24; i++) { /* a task as a whole */
        tele.containers[i].known = false;
    }
    eca_stats_gather(tele.stats, &gathering);
    ck_assert_uint_eq(gathering.task_count, 9);
    for (size_t i = 0; i < gathering.task_count; i++) {
        eca_stats_hand_over(tele.stats, &gathering.tasks[i]);
    }
    eca_stats_gathering_clear(&gathering);
    for (int i = 1; i < 40; i += 2) {
        eca_auto_free char *id = eca_xasprintf("id%d", i);

        eca_stats_stopped(tele.stats, id);
        eca_stats_running(tele.stats, id); /* comes back, unless the engine knows better */
    }
    tele_run_ms(3000);
    eca_stats_gather(tele.stats, &gathering);
    ck_assert_uint_eq(gathering.task_count, 9);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 40 - 14 - 3);
    eca_stats_gathering_clear(&gathering);
}
END_TEST

/* STAT-505: without a descriptor new streams wait, standing ones go on. */
START_TEST(without_descriptors_new_streams_wait)
{
    tele_start();
    watch("old", "old");
    tele_run_ms(2000);
    tele.no_descriptors = true;
    watch("new", "new");
    tele_run_ms(60000);
    ck_assert_uint_eq(tele.containers[1].streams, 0);
    ck_assert_uint_eq(tele.containers[0].streams, 1);
    ck_assert_uint_ge(tele.containers[0].ticks, 60);
    ck_assert_uint_ge(tele_logged("too many open files"), 1); /* a line a minute */
    ck_assert_uint_le(tele_logged("too many open files"), 2);
    ck_assert_ptr_nonnull(strstr(last(), "arn:task/old"));
    tele.no_descriptors = false;
    tele_run_ms(60000); /* 30 s and a fifth at most, then two samples, then a cycle */
    ck_assert_uint_eq(tele.containers[1].streams, 1);
    ck_assert_ptr_nonnull(strstr(last(), "arn:task/new"));
}
END_TEST

#define POLL_MS 10000

/* How many containers of [from, to) had a poll begin before `ms`. */
static size_t polled_before(size_t from, size_t to, uint64_t ms)
{
    size_t count = 0;

    for (size_t i = from; i < to; i++) {
        count += tele.containers[i].streams > 0 && tele.containers[i].polled_ms < ms;
    }
    return count;
}

static void watch_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        eca_auto_free char *id = eca_xasprintf("id%zu", i);
        eca_auto_free char *task = eca_xasprintf("t%zu", i);

        watch(id, task);
    }
}

/* STAT-L4: the polls of containers that were found together are spread over the interval; each
 * comes again an interval later, and its samples make the same sets. */
START_TEST(polls_are_spread_over_the_interval)
{
    uint64_t before_ms;

    tele.poll_ms = POLL_MS;
    tele_start();
    before_ms = manual_clock_elapsed_ms(&tele.stage.clock);
    watch_many(150);
    tele_run_ms(POLL_MS);
    for (uint64_t tenth = 1; tenth <= 10; tenth++) { /* a tenth of them in each tenth, about */
        size_t so_far = polled_before(0, 150, before_ms + tenth * POLL_MS / 10);

        ck_assert_uint_ge(so_far + 20, 15 * tenth);
        ck_assert_uint_le(so_far, 15 * tenth + 20);
    }
    for (size_t i = 0; i < 150; i++) {
        ck_assert_uint_eq(tele.containers[i].streams, 1);
    }
    tele_run_ms(10 * POLL_MS);
    for (size_t i = 0; i < 150; i++) {
        ck_assert_uint_ge(tele.containers[i].streams, 10);
        ck_assert_uint_le(tele.containers[i].streams, 11);
    }
    ck_assert_uint_le(tele.polls_max, ECA_STATS_POLLS_MAX);
    ck_assert_ptr_nonnull(strstr(last(), "\"cpuStatsSet\":{\"max\":25,\"min\":25,"));
}
END_TEST

/* STAT-L4: no more at once than the limit; who had to wait is next, and nobody is left out. */
START_TEST(polls_at_once_are_limited)
{
    tele.poll_ms = POLL_MS;
    tele_start();
    watch_many(600); /* 600 polls of 1.5 s, 32 at once: 28 s for all */
    tele_run_ms(5 * 60000);
    ck_assert_uint_eq(tele.polls_max, ECA_STATS_POLLS_MAX);
    for (size_t i = 0; i < 600; i++) {
        ck_assert_uint_ge(tele.containers[i].streams, 9); /* 300 s by 28.125 s, and the begin */
        ck_assert_uint_le(tele.containers[i].streams, 12);
    }
}
END_TEST

/* STAT-L4: polls that hang end at their limit and wait longer each time; the others come in time.
 */
START_TEST(a_hung_poll_stalls_nobody_else)
{
    tele.poll_ms = POLL_MS;
    tele_start();
    watch_many(60);
    for (size_t i = 0; i < 20; i++) {
        tele.containers[i].silent = true;
    }
    tele_run_ms(10 * 60000);
    for (size_t i = 0; i < 20; i++) { /* 10 s and, at last, 30 s to 36 s */
        ck_assert_uint_ge(tele.containers[i].streams, 13);
        ck_assert_uint_le(tele.containers[i].streams, 20);
    }
    for (size_t i = 20; i < 60; i++) {
        ck_assert_uint_ge(tele.containers[i].streams, 59);
        ck_assert_uint_le(tele.containers[i].streams, 60);
    }
}
END_TEST

/* STAT-L4: those that hang are more than there are places, and still delay nobody, once it is known
 * that they do. */
START_TEST(many_hung_polls_leave_places)
{
    tele.poll_ms = POLL_MS;
    tele_start();
    watch_many(340);
    for (size_t i = 0; i < 300; i++) {
        tele.containers[i].silent = true;
    }
    tele_run_ms(3 * 60000); /* 300 polls of 10 s, 32 at once: 94 s until all are known */
    for (size_t i = 0; i < 340; i++) {
        tele.containers[i].streams = 0;
    }
    tele_run_ms(10 * 60000);
    for (size_t i = 0; i < 300; i++) { /* 10 s each, 16 at once: every 188 s */
        ck_assert_uint_ge(tele.containers[i].streams, 2);
    }
    for (size_t i = 300; i < 340; i++) {
        ck_assert_uint_ge(tele.containers[i].streams, 59);
        ck_assert_uint_le(tele.containers[i].streams, 61);
    }
}
END_TEST

/* STAT-L4, STAT-205: a refused poll comes again after the pauses of streams, 1 s to 30 s, and in
 * time once it is answered. */
START_TEST(a_refused_poll_waits_as_streams_do)
{
    size_t before;

    tele.poll_ms = POLL_MS;
    tele_start();
    watch("a", "t");
    tele.containers[0].refused = true;
    tele_run_ms(POLL_MS +
                10000); /* 1, 2, 4, 8 s and up to a fifth more, somewhere from 0 s to 10 s on */
    ck_assert_uint_ge(tele.containers[0].streams, 3);
    ck_assert_uint_le(tele.containers[0].streams, 5);
    tele_run_ms(10 * 60000);
    ck_assert_uint_ge(tele.containers[0].streams, 18);
    ck_assert_uint_le(tele.containers[0].streams, 26);
    ck_assert_uint_ge(tele_logged("Stats not answered, polling again: connection refused"), 9);
    tele.containers[0].refused = false;
    tele_run_ms(36000 + TELE_POLL_MS);
    before = tele.containers[0].streams;
    tele_run_ms(60000);
    ck_assert_uint_eq(tele.containers[0].streams - before, 6);
}
END_TEST

/* STAT-L4, STAT-207: a container that ends, or is gone for the engine, is polled no more, and what
 * it held goes to those who wait. */
START_TEST(polls_end_with_their_container)
{
    size_t before;

    tele.poll_ms = POLL_MS;
    tele_start();
    watch_many(40);
    for (size_t i = 0; i < 40; i++) {
        tele.containers[i].silent = true;
    }
    tele_run_ms(POLL_MS - 500);
    ck_assert_uint_eq(tele.polls, ECA_STATS_POLLS_MAX);
    for (size_t i = 0; i < 39; i++) { /* under way, waiting, not yet due */
        eca_auto_free char *id = eca_xasprintf("id%zu", i);

        eca_stats_stopped(tele.stats, id);
        ck_assert(tele.containers[i].canceled || tele.containers[i].streams == 0);
    }
    ck_assert_uint_le(tele.polls, 1);
    watch("new", "new");
    tele_run_ms(POLL_MS);
    ck_assert_uint_ge(tele.containers[39].streams, 1);
    ck_assert_uint_eq(tele.containers[40].streams, 1);
    eca_stats_stopped(tele.stats, "new");
    for (size_t i = 0; i < 39; i++) {
        tele.containers[i].streams = 0;
    }
    tele.containers[39].known = false;
    tele_run_ms(20000); /* STAT-108 */
    before = tele.containers[39].streams;
    ck_assert_uint_eq(tele.polls, 0);
    ck_assert_uint_eq(eca_stats_watched(tele.stats), 0);
    tele_run_ms(60000);
    ck_assert_uint_eq(tele.containers[39].streams, before);
    for (size_t i = 0; i < 39; i++) {
        ck_assert_uint_eq(tele.containers[i].streams, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcs/watching");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, tele_open, tele_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_latest_container_names_family_and_version);
    tcase_add_test(tcase, nothing_is_learned_but_from_the_engine);
    tcase_add_test(tcase, a_gathering_may_meet_changes);
    tcase_add_test(tcase, without_descriptors_new_streams_wait);
    tcase_add_test(tcase, polls_are_spread_over_the_interval);
    tcase_add_test(tcase, polls_at_once_are_limited);
    tcase_add_test(tcase, a_hung_poll_stalls_nobody_else);
    tcase_add_test(tcase, many_hung_polls_leave_places);
    tcase_add_test(tcase, a_refused_poll_waits_as_streams_do);
    tcase_add_test(tcase, polls_end_with_their_container);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
