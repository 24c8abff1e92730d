#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/version.h"

/* PROC-503 */
START_TEST(everything_that_names_a_version_uses_the_constants)
{
    eca_auto_free char *text =
        eca_xasprintf("Amazon ECS Agent - v%s (%s)", eca_version, eca_git_hash);
    eca_auto_free char *agent = eca_xasprintf("%s (+http://aws.amazon.com/ecs/)", text);

    ck_assert_str_eq(eca_version, "1.13.1");
    ck_assert_str_eq(eca_version_text, text);
    ck_assert_str_eq(eca_user_agent, agent);
}
END_TEST

/* PROC-503: a hash, one star before it at most, or UNKNOWN. */
START_TEST(hash_has_its_form)
{
    const char *hash = eca_git_hash + (eca_git_hash[0] == '*');

    ck_assert_uint_gt(strlen(hash), 0);
    if (strcmp(hash, "UNKNOWN") != 0) {
        ck_assert_uint_ge(strlen(hash), 7);
        ck_assert_uint_eq(strspn(hash, "0123456789abcdef"), strlen(hash));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/version");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, everything_that_names_a_version_uses_the_constants);
    tcase_add_test(tcase, hash_has_its_form);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
