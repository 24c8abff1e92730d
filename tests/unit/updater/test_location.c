#include <check.h>
#include <stdlib.h>

#include "agent/base/mem.h"
#include "agent/updater/location.h"

#define OK "https://s3.amazonaws.com/amazon-ecs-agent/"

/* UPD-112 */
START_TEST(locations_are_judged_by_host_and_path)
{
    static const struct {
        const char *url, *detail; /* NULL: fine */
    } cases[] = {
        {OK "agent.tar", NULL},
        {"http://s3.amazonaws.com/amazon-ecs-agent/a", NULL}, /* the scheme is not looked at */
        {OK "a?versionId=/../x", NULL},
        {OK "x/../y", NULL},
        {OK "./y", NULL},
        {"https://s3.amazonaws.com/x/../amazon-ecs-agent/y", NULL},
        {"https://s3.amazonaws.com/%61mazon-ecs-agent/y", NULL},
        {"https://s3.amazonaws.com:443/amazon-ecs-agent/a", "invalid update host"},
        {"https://S3.amazonaws.com/amazon-ecs-agent/a", "invalid update host"},
        {"https://s3.amazonaws.com./amazon-ecs-agent/a", "invalid update host"},
        {"https://s3-us-west-2.amazonaws.com/amazon-ecs-agent/a", "invalid update host"},
        {"https://s3.amazonaws.com.example.com/amazon-ecs-agent/a", "invalid update host"},
        {"https://s3.amazonaws.com@example.com/amazon-ecs-agent/a", "invalid update host"},
        {"https://me@s3.amazonaws.com/amazon-ecs-agent/a", "invalid update host"},
        {"https://s3.amazonaws.com", "invalid update bucket"},
        {"https://s3.amazonaws.com/", "invalid update bucket"},
        {"https://s3.amazonaws.com/amazon-ecs-agent", "invalid update bucket"},
        {"https://s3.amazonaws.com/amazon-ecs-agent-2/a", "invalid update bucket"},
        {OK "../x", "invalid update bucket"},
        {OK "..", "invalid update bucket"},
        {OK "%2e%2e/x", "invalid update bucket"},
        {OK "a/..%2f..%2fx", "invalid update bucket"},
        {OK "a/../../x", "invalid update bucket"},
        {"https://s3.amazonaws.com/../../amazon-ecs-agent/../x", "invalid update bucket"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct eca_err err = {0};
        int rc = eca_update_location_check(eca_view_str(cases[i].url), &err);

        ck_assert_msg((rc == ECA_OK) == (cases[i].detail == NULL), "%s: %s", cases[i].url, err.msg);
        if (cases[i].detail != NULL) {
            ck_assert_int_eq(rc, ECA_E_INVALID);
            ck_assert_str_eq(err.msg, cases[i].detail);
        }
    }
}
END_TEST

/* UPD-112: the parser says what is wrong */
START_TEST(what_is_no_url_is_refused_with_a_sentence)
{
    static const char *const texts[] = {"", "agent.tar", "/amazon-ecs-agent/a", "http//x",
                                        "https://"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        struct eca_err err = {0};

        ck_assert_int_eq(eca_update_location_check(eca_view_str(texts[i]), &err), ECA_E_INVALID);
        ck_assert_msg(err.msg[0] != '\0', "no sentence for %s", texts[i]);
    }
}
END_TEST

/* UPD-120, UPD-121 */
START_TEST(redirects_are_resolved_from_where_they_stand)
{
    static const struct {
        const char *base, *location, *url;
    } cases[] = {
        {OK "d/a.tar", "b.tar", OK "d/b.tar"},
        {OK "d/a.tar?q=/x/y", "b.tar", OK "d/b.tar"},
        {OK "d/a.tar", "/b", "https://s3.amazonaws.com/b"},
        {OK "d/a.tar", "//h:1/b", "https://h:1/b"},
        {OK "a", "http://h/b", "http://h/b"},
        {OK "a", " http://h/b\t", "http://h/b"},
        {OK "a", "../x", OK "../x"},
        {"http://h", "b", "http://h/b"},
        {"http://h:8/x", "y?u=http://z", "http://h:8/y?u=http://z"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        eca_auto_buf struct eca_buf url = {0};
        struct eca_err err = {0};

        ck_assert_int_eq(eca_update_location_follow(cases[i].base, cases[i].location, &url, &err),
                         ECA_OK);
        ck_assert_str_eq(eca_buf_str(&url), cases[i].url);
    }
}
END_TEST

START_TEST(empty_redirect_leads_nowhere)
{
    eca_auto_buf struct eca_buf url = {0};
    struct eca_err err = {0};

    ck_assert_int_eq(eca_update_location_follow(OK "a", "  ", &url, &err), ECA_E_INVALID);
    ck_assert_str_eq(err.msg, "redirect without a location");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("update location");
    TCase *tcase = tcase_create("location");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, locations_are_judged_by_host_and_path);
    tcase_add_test(tcase, what_is_no_url_is_refused_with_a_sentence);
    tcase_add_test(tcase, redirects_are_resolved_from_where_they_stand);
    tcase_add_test(tcase, empty_redirect_leads_nowhere);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
