#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/config/startup.h"
#include "tests/unit/support/manual_host.h"

#define BLUE "arn:aws:ecs:us-west-2:111122223333:cluster/blue"

/* PROC-213 */
START_TEST(a_name_and_the_arn_of_one_cluster_are_the_same)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"blue", "blue", true},
        {"blue", "Blue", false},
        {"blue", BLUE, true},
        {BLUE, "blue", true},
        {BLUE, BLUE, true},
        {"lue", BLUE, false},
        {"cluster/blue", BLUE, false},
        {BLUE, "arn:aws:ecs:us-west-2:999922223333:cluster/blue", false},
        {BLUE, "arn:aws:ecs:eu-west-1:111122223333:cluster/blue", false},
        {"a/blue", "blue", false},
        {"arn:blue", "blue", false},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        ck_assert_msg(eca_cluster_is_same(cases[i].a, cases[i].b) == cases[i].same, "case %zu", i);
    }
}
END_TEST

/* PROC-215, PROC-216, FB-15.2 */
START_TEST(an_unknown_instance_id_changes_nothing)
{
    ck_assert(eca_instance_is_same("i-1", "i-1"));
    ck_assert(eca_instance_is_same("i-1", ""));
    ck_assert(eca_instance_is_same("", "i-1"));
    ck_assert(eca_instance_is_same("", ""));
    ck_assert(!eca_instance_is_same("i-1", "i-2"));
    ck_assert(!eca_instance_is_same("i-1", "i-11"));
}
END_TEST

/* PROC-501, PROC-502 */
START_TEST(version_has_its_lines)
{
    eca_auto_buf struct eca_buf out = {0};

    eca_version_print("1.13.1", "*UNKNOWN", "1.11.2", &out);
    ck_assert_str_eq(eca_buf_str(&out),
                     "Amazon ECS Agent:\n\tVersion: 1.13.1\n\tCommit: UNKNOWN\n\tDirty: true\n"
                     "\tDockerVersion: 1.11.2\n");
    eca_buf_reset(&out);
    eca_version_print("1.13.1", "abc1234", NULL, &out);
    ck_assert_str_eq(eca_buf_str(&out),
                     "Amazon ECS Agent:\n\tVersion: 1.13.1\n\tCommit: abc1234\n");
}
END_TEST

/* PROC-504 */
START_TEST(license_prints_both_files_or_nothing)
{
    eca_auto_buf struct eca_buf out = {0};
    struct manual_host host;
    struct eca_err err = {0};

    manual_host_init(&host);
    manual_host_file(&host, "LICENSE", "the licence");
    ck_assert_int_lt(eca_license_print(manual_host_port(&host), &out, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "NOTICE"));
    ck_assert_uint_eq(out.len, 0);
    manual_host_file(&host, "NOTICE", "the notice");
    ck_assert_int_eq(eca_license_print(manual_host_port(&host), &out, &err), ECA_OK);
    ck_assert_str_eq(eca_buf_str(&out), "the licence\n========================================"
                                        "========================================\nthe notice\n");
    manual_host_clear(&host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("startup");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, a_name_and_the_arn_of_one_cluster_are_the_same);
    tcase_add_test(tcase, an_unknown_instance_id_changes_nothing);
    tcase_add_test(tcase, version_has_its_lines);
    tcase_add_test(tcase, license_prints_both_files_or_nothing);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
