#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "harness/explore/play.h"

/* What a run's failure is: whether patience would have helped, where it ended, how near it came. */

static struct hns_played play(const char *steps)
{
    eca_auto_free char *text = eca_xasprintf("name: x\n"
                                             "timeline:\n"
                                             "  - acs.send: {task: web, containers: [{name: a}]}\n"
                                             "  - expect: {ecs: task RUNNING, task: web}\n"
                                             "%s",
                                             steps);
    struct hns_played played;

    hns_play(eca_view_str(text), "x.yaml", 1, &played, NULL);
    return played;
}

START_TEST(value_other_than_expected_is_wrong)
{
    struct hns_played played = play("  - docker.exit: {container: web/a, code: 6}\n"
                                    "  - expect: {ecs: container STOPPED, task: web, exitCode: 7}\n"
                                    "  - advance: 1s\n");

    ck_assert_int_eq(played.verdict, HNS_WRONG);
    ck_assert_str_eq(played.missed, "exitCode is 6, not 7");
    ck_assert_uint_eq(played.line, 6);
}
END_TEST

START_TEST(what_has_not_come_is_no_progress)
{
    struct hns_played played =
        play("  - expect: {ecs: container STOPPED, task: web, exitCode: 7}\n");

    ck_assert_int_eq(played.verdict, HNS_NO_PROGRESS);
    ck_assert_str_eq(played.missed, "status is \"RUNNING\", not \"STOPPED\"; "
                                    "exitCode is absent, not 7");
    played = play("  - expect: {docker: image-removed, image: x}\n");
    ck_assert_int_eq(played.verdict, HNS_NO_PROGRESS);
    ck_assert_str_eq(played.missed, "no such event");
    played = play("  - check: {task: web, status: STOPPED, within: 3s}\n");
    ck_assert_int_eq(played.verdict, HNS_NO_PROGRESS);
    ck_assert_str_eq(played.missed, "");
}
END_TEST

START_TEST(what_must_not_come_is_wrong)
{
    struct hns_played played = play("  - docker.exit: web/a\n"
                                    "  - quiet: {ecs: container STOPPED, for: 5s}\n");

    ck_assert_int_eq(played.verdict, HNS_WRONG);
    played = play("  - docker.exit: web/a\n"
                  "  - advance: 5s\n"
                  "never:\n"
                  "  - {ecs: container STOPPED}\n");
    ck_assert_int_eq(played.verdict, HNS_WRONG);
    ck_assert_uint_eq(played.line, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("harness/explore/play");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, value_other_than_expected_is_wrong);
    tcase_add_test(tcase, what_has_not_come_is_no_progress);
    tcase_add_test(tcase, what_must_not_come_is_wrong);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
