#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"

/* LOG-104, and the dates of SigV4. Leap days, turns of centuries, before 1970. */
START_TEST(dates_print_and_read_back)
{
    static const struct {
        int64_t seconds;
        const char *sigv4, *rfc3339;
    } rows[] = {
        {0, "19700101T000000Z", "1970-01-01T00:00:00Z"},
        {-1, "19691231T235959Z", "1969-12-31T23:59:59Z"},
        {951782400, "20000229T000000Z", "2000-02-29T00:00:00Z"},
        {1440938160, "20150830T123600Z", "2015-08-30T12:36:00Z"},
        {1456704000, "20160229T000000Z", "2016-02-29T00:00:00Z"},
        {1483228799, "20161231T235959Z", "2016-12-31T23:59:59Z"},
        {4107542400, "21000301T000000Z", "2100-03-01T00:00:00Z"},
        {4107542399, "21000228T235959Z", "2100-02-28T23:59:59Z"},
        {253402300799, "99991231T235959Z", "9999-12-31T23:59:59Z"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        char text[21];
        int64_t ms = 0;
        eca_time_sigv4(rows[i].seconds * 1000, text);
        ck_assert_str_eq(text, rows[i].sigv4);
        ck_assert_int_eq(eca_time_sigv4_parse(eca_view_str(text), &ms, NULL), ECA_OK);
        ck_assert_int_eq(ms, rows[i].seconds * 1000);
        eca_time_rfc3339(rows[i].seconds * 1000 + 999, text);
        ck_assert_str_eq(text, rows[i].rfc3339);
    }
}
END_TEST

START_TEST(broken_sigv4_dates_are_refused)
{
    static const char *const refused[] = {"",
                                          "20150830T123600",
                                          "20150830 123600Z",
                                          "20150830T123600Zx",
                                          "20151330T123600Z",
                                          "20150229T000000Z",
                                          "21000229T000000Z",
                                          "20150431T000000Z",
                                          "20150800T000000Z",
                                          "20150830T240000Z",
                                          "2015083XT000000Z",
                                          "+0150830T123600Z"};
    int64_t ms = 77;

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert_msg(eca_time_sigv4_parse(eca_view_str(refused[i]), &ms, NULL) == ECA_E_INVALID,
                      "%s", refused[i]);
    }
    ck_assert_int_eq(ms, 77);
}
END_TEST

START_TEST(nanoseconds_print_without_trailing_zeros)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0001-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {1479198600500000000, "2016-11-15T08:30:00.5Z"},
        {1479198600000000000, "2016-11-15T08:30:00Z"},
        {1479198600123456000, "2016-11-15T08:30:00.123456Z"},
        {9223372036000000000, "2262-04-11T23:47:16Z"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf out = {0};
        int64_t ns = 77;
        eca_time_rfc3339_nano(rows[i].ns, &out);
        ck_assert_str_eq(eca_buf_str(&out), rows[i].text);
        if (i < ECA_ARRAY_LEN(rows) - 1) { /* the last second of the range is out */
            ck_assert_int_eq(eca_time_rfc3339_parse(eca_buf_view(&out), &ns, NULL), ECA_OK);
            ck_assert_int_eq(ns, rows[i].ns);
        }
    }
}
END_TEST

/* DKR-701 */
START_TEST(timestamps_of_docker_are_read)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"", 0},
        {"0001-01-01T00:00:00Z", 0},
        {"2016-11-15T08:30:00Z", 1479198600000000000},
        {"2016-11-15T08:30:00.123456789Z", 1479198600123456789},
        {"2016-11-15T08:30:00.1234567899Z", 1479198600123456789},
        {"2016-11-15T10:30:00+02:00", 1479198600000000000},
        {"2016-11-15T00:45:00.25-07:45", 1479198600250000000},
    };
    static const char *const refused[] = {"now",
                                          "2016-11-15",
                                          "2016-11-15T08:30:00",
                                          "2016-11-15T08:30:00.Z",
                                          "2016-11-15T08:30:00+0200",
                                          "2016-11-15T08:30:00+24:00",
                                          "2016-11-31T08:30:00Z",
                                          "2016-11-15T08:30:00ZZ",
                                          "2016-11-15T8:30:00Z"};
    int64_t ns;

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        ns = 77;
        ck_assert_msg(eca_time_rfc3339_parse(eca_view_str(rows[i].text), &ns, NULL) == ECA_OK, "%s",
                      rows[i].text);
        ck_assert_int_eq(ns, rows[i].ns);
    }
    ns = 77;
    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert_msg(eca_time_rfc3339_parse(eca_view_str(refused[i]), &ns, NULL) == ECA_E_INVALID,
                      "%s", refused[i]);
    }
    ck_assert_int_eq(eca_time_rfc3339_parse(eca_view_str("9999-01-01T00:00:00Z"), &ns, NULL),
                     ECA_E_LIMIT);
    ck_assert_int_eq(ns, 77);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/timefmt");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, dates_print_and_read_back);
    tcase_add_test(tcase, broken_sigv4_dates_are_refused);
    tcase_add_test(tcase, nanoseconds_print_without_trailing_zeros);
    tcase_add_test(tcase, timestamps_of_docker_are_read);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
