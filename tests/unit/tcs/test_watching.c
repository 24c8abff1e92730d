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
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
