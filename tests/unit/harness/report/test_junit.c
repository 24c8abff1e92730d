#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/junit.h"

START_TEST(runs_are_counted_and_their_reasons_told)
{
    static const char want[] =
        "<testsuite name=\"scenarios\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" "
        "time=\"1.500\">\n"
        "  <testcase classname=\"a.yaml\" name=\"works [a=&quot;1&quot;]\" time=\"1.500\">"
        "</testcase>\n"
        "  <testcase classname=\"a.yaml\" name=\"fails\" time=\"0.000\">"
        "<failure message=\"a.yaml:3:1: &lt;a&gt; &amp; b\">a.yaml:3:1: &lt;a&gt; &amp; b\n"
        "    more</failure></testcase>\n"
        "  <testcase classname=\"b.yaml\" name=\"waits\" time=\"0.000\">"
        "<skipped message=\"minutes\">minutes</skipped></testcase>\n"
        "</testsuite>\n";
    struct report_junit junit = {0};
    eca_auto_buf struct eca_buf out = {0};
    struct hns_result works = {
        .outcome = HNS_PASSED, .name = "works [a=\"1\"]", .real_ns = UINT64_C(1500000000)};
    struct hns_result fails = {.outcome = HNS_FAILED, .name = "fails"};
    struct hns_result waits = {.outcome = HNS_SKIPPED, .name = "waits"};

    eca_buf_add_str(&fails.text, "a.yaml:3:1: <a> & b\n    more");
    eca_buf_add_str(&waits.text, "minutes");
    report_junit_add(&junit, "a.yaml", &works);
    report_junit_add(&junit, "a.yaml", &fails);
    report_junit_add(&junit, "b.yaml", &waits);
    report_junit_print(&junit, &out);
    ck_assert_str_eq(eca_buf_str(&out), want);
    report_junit_clear(&junit);
    hns_result_clear(&fails);
    hns_result_clear(&waits);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("harness/report/junit");
    TCase *tcase = tcase_create("junit");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, runs_are_counted_and_their_reasons_told);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
