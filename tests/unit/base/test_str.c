#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

/* CFG-202 */
START_TEST(unsigned_takes_digits_alone)
{
    static const char *const refused[] = {
        "", " 1", "1 ", "+1", "-1", "0x10", "1a", "65536", "٣", "1.0", "18446744073709551616"};
    struct eca_err err = {0};
    uint64_t value = 77;

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert_msg(eca_parse_u64(eca_view_str(refused[i]), 65535, &value, &err) == ECA_E_INVALID,
                      "%s", refused[i]);
        ck_assert_ptr_nonnull(strstr(err.msg, refused[i]));
    }
    ck_assert_uint_eq(value, 77);
    ck_assert_int_eq(eca_parse_u64(eca_view_str("0"), 65535, &value, NULL), ECA_OK);
    ck_assert_uint_eq(value, 0);
    ck_assert_int_eq(eca_parse_u64(eca_view_str("00065535"), 65535, &value, NULL), ECA_OK);
    ck_assert_uint_eq(value, 65535);
    ck_assert_int_eq(eca_parse_u64(eca_view_str("18446744073709551615"), UINT64_MAX, &value, NULL),
                     ECA_OK);
    ck_assert_uint_eq(value, UINT64_MAX);
}
END_TEST

/* CFG-203 */
START_TEST(integer_takes_one_sign)
{
    static const char *const refused[] = {"",
                                          "-",
                                          "+",
                                          "--1",
                                          "+-1",
                                          " 5",
                                          "5\n",
                                          "1e3",
                                          "9223372036854775808",
                                          "-9223372036854775809"};
    static const struct {
        const char *text;
        int64_t value;
    } taken[] = {{"+5", 5},
                 {"-05", -5},
                 {"0", 0},
                 {"-0", 0},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    int64_t value = 77;

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert_msg(eca_parse_i64(eca_view_str(refused[i]), &value, NULL) == ECA_E_INVALID, "%s",
                      refused[i]);
    }
    ck_assert_int_eq(value, 77);
    for (size_t i = 0; i < ECA_ARRAY_LEN(taken); i++) {
        ck_assert_int_eq(eca_parse_i64(eca_view_str(taken[i].text), &value, NULL), ECA_OK);
        ck_assert_int_eq(value, taken[i].value);
    }
}
END_TEST

/* CFG-201 */
START_TEST(boolean_has_twelve_spellings)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True", " true\t", "1\n"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False", "False\xc2\xa0"};
    static const char *const refused[] = {"", " ", "yes", "on", "tRUE", "2", "truee", "no"};
    bool value = false;

    for (size_t i = 0; i < ECA_ARRAY_LEN(yes); i++) {
        value = false;
        ck_assert_int_eq(eca_parse_bool(eca_view_str(yes[i]), &value, NULL), ECA_OK);
        ck_assert(value);
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(no); i++) {
        value = true;
        ck_assert_int_eq(eca_parse_bool(eca_view_str(no[i]), &value, NULL), ECA_OK);
        ck_assert(!value);
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert_int_eq(eca_parse_bool(eca_view_str(refused[i]), &value, NULL), ECA_E_INVALID);
    }
}
END_TEST

/* CFG-204 */
START_TEST(durations_of_the_table_are_read)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"+0", 0},
        {"0s", 0},
        {"5s", 5000000000},
        {"+5s", 5000000000},
        {"-5s", -5000000000},
        {"1h30m", 5400000000000},
        {"1m30.5s", 90500000000},
        {"1.5h", 5400000000000},
        {".5s", 500000000},
        {"1.s", 1000000000},
        {"100ns", 100},
        {"1us", 1000},
        {"1\xc2\xb5s", 1000},
        {"1\xce\xbcs", 1000},
        {"1.0001ms", 1000100},
        {"1s1s", 2000000000},
        {"0.1ns", 0},
        {"0.000000001h", 3600},
        {"0.3333333333333333333h", 1200000000000 - 1},
        {"9223372036854775807ns", INT64_MAX},
        {"9223372036.854775807s", INT64_MAX},
        {"-9223372036854775808ns", INT64_MIN},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        int64_t ns = 77;
        ck_assert_msg(eca_parse_duration(eca_view_str(rows[i].text), &ns, NULL) == ECA_OK, "%s",
                      rows[i].text);
        ck_assert_msg(ns == rows[i].ns, "%s: %lld", rows[i].text, (long long)ns);
    }
}
END_TEST

/* CFG-204: the sentence names the value. The number before ".9s" fits 64 bits, its sum does not. */
START_TEST(malformed_durations_are_refused)
{
    static const char *const refused[] = {"",
                                          " ",
                                          "5",
                                          "-",
                                          "+",
                                          "s",
                                          "-s",
                                          ".",
                                          ".s",
                                          "1x",
                                          "1 s",
                                          " 1s",
                                          "1s ",
                                          "1S",
                                          "1d",
                                          "--1s",
                                          "1s-1s",
                                          "1.2.3s",
                                          "3000000h",
                                          "9223372036854775808ns",
                                          "-9223372036854775809ns",
                                          "18446744073.9s",
                                          "1s0",
                                          "99999999999999999999s",
                                          "9223372036s854775808ns",
                                          "1e3s"};
    struct eca_err err = {0};
    int64_t ns = 77;

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert_msg(eca_parse_duration(eca_view_str(refused[i]), &ns, &err) == ECA_E_INVALID,
                      "%s", refused[i]);
        ck_assert_ptr_nonnull(strstr(err.msg, refused[i]));
    }
    ck_assert_int_eq(ns, 77);
}
END_TEST

/* DKR-301 */
START_TEST(durations_print_as_in_the_reference)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {1, "1ns"},
        {1100, "1.1\xc2\xb5s"},
        {100000000, "100ms"},
        {2200000, "2.2ms"},
        {1500000000, "1.5s"},
        {90000000000, "1m30s"},
        {60000000000, "1m0s"},
        {7200000000000, "2h0m0s"},
        {305001000000, "5m5.001s"},
        {-1500000000, "-1.5s"},
        {INT64_MAX, "2562047h47m16.854775807s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf out = {0};
        int64_t back = 0;
        eca_format_duration(rows[i].ns, &out);
        ck_assert_str_eq(eca_buf_str(&out), rows[i].text);
        ck_assert_int_eq(eca_parse_duration(eca_buf_view(&out), &back, NULL), ECA_OK);
        ck_assert_int_eq(back, rows[i].ns);
    }
}
END_TEST

START_TEST(hex_and_base64_encode)
{
    static const struct {
        const char *plain, *coded;
    } rows[] = {{"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"},
                {"\xfb\xff\xfe", "+//+"}};

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf out = {0}, back = {0};
        eca_base64(rows[i].plain, strlen(rows[i].plain), false, &out);
        ck_assert_str_eq(eca_buf_str(&out), rows[i].coded);
        ck_assert_int_eq(eca_base64_decode(eca_buf_view(&out), &back, NULL), ECA_OK);
        ck_assert_str_eq(eca_buf_str(&back), rows[i].plain);
    }
    eca_auto_buf struct eca_buf out = {0};
    eca_base64("\xfb\xff\xfe", 3, true, &out);
    ck_assert_str_eq(eca_buf_str(&out), "-__-");
    eca_buf_reset(&out);
    eca_hex("\x00\x0f\xff", 3, &out);
    ck_assert_str_eq(eca_buf_str(&out), "000fff");
}
END_TEST

START_TEST(broken_base64_is_refused)
{
    static const char *const refused[] = {"A", "A===", "====", "Zg=", "Z g=", "Zg==Zg==", "Zm9v!"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        eca_auto_buf struct eca_buf out = {0};
        ck_assert_msg(eca_base64_decode(eca_view_str(refused[i]), &out, NULL) == ECA_E_INVALID,
                      "%s", refused[i]);
    }
}
END_TEST

/* WS-111 */
START_TEST(percent_coding)
{
    eca_auto_buf struct eca_buf out = {0};

    eca_percent_encode(eca_view_str("aZ09-_.~ */:\xc3\xa4"), false, &out);
    ck_assert_str_eq(eca_buf_str(&out), "aZ09-_.~%20%2A%2F%3A%C3%A4");
    eca_buf_reset(&out);
    eca_percent_encode(eca_view_str("a/b c"), true, &out);
    ck_assert_str_eq(eca_buf_str(&out), "a/b%20c");
    eca_buf_reset(&out);
    eca_percent_decode(eca_view_str("a%20b+c%2f%zz%4"), true, &out);
    ck_assert_str_eq(eca_buf_str(&out), "a b c/%zz%4");
    eca_buf_reset(&out);
    eca_percent_decode(eca_view_str("a+b%41"), false, &out);
    ck_assert_str_eq(eca_buf_str(&out), "a+bA");
}
END_TEST

/* API-901, FB-18.1 */
START_TEST(cut_splits_no_character)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};

    for (size_t max = 0; max < ECA_ARRAY_LEN(expected); max++) {
        ck_assert_uint_eq(eca_utf8_cut(eca_view_str(text), max), expected[max]);
    }
}
END_TEST

/* WS-141 */
START_TEST(invalid_bytes_are_replaced_one_by_one)
{
    static const struct {
        const char *text, *repaired;
    } rows[] = {
        {"", ""},
        {"a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xff", "\xef\xbf\xbd"},
        {"a\xc3", "a\xef\xbf\xbd"},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz"},
        {"\xed\x9f\xbf\xf4\x8f\xbf\xbf", "\xed\x9f\xbf\xf4\x8f\xbf\xbf"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf out = {0};
        eca_utf8_repair(eca_view_str(rows[i].text), &out);
        ck_assert_msg(strcmp(eca_buf_str(&out), rows[i].repaired) == 0, "row %zu", i);
    }
}
END_TEST

/* LOG-108: nothing a terminal obeys gets through, text of all languages does. */
START_TEST(control_characters_become_visible)
{
    eca_auto_buf struct eca_buf out = {0};

    eca_escape_controls(eca_view_of("a\n\r\t\x1b\0\x7f", 7), &out);
    eca_escape_controls(eca_view_str("\xc2\x9b\x9b\xff\xc2"), &out);
    eca_escape_controls(eca_view_str("\xc2\xa0\xc3\xa4\xf0\x9f\x98\x80"), &out);
    ck_assert_str_eq(eca_buf_str(&out), "a\\n\\r\\t\\x1b\\x00\\x7f\\xc2\\x9b\\x9b\\xff\\xc2"
                                        "\xc2\xa0\xc3\xa4\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(urls_are_taken_apart)
{
    struct eca_url url;

    ck_assert_int_eq(
        eca_url_parse(eca_view_str("https://u:p@ecs.example:8443/a/b?c=d&e#f"), &url, NULL),
        ECA_OK);
    ck_assert(eca_view_eq_str(url.scheme, "https") && eca_view_eq_str(url.userinfo, "u:p"));
    ck_assert(eca_view_eq_str(url.host, "ecs.example") && url.port == 8443 && !url.host_is_v6);
    ck_assert(eca_view_eq_str(url.authority, "ecs.example:8443"));
    ck_assert(eca_view_eq_str(url.path, "/a/b") && eca_view_eq_str(url.query, "c=d&e"));
    ck_assert_int_eq(eca_url_parse(eca_view_str("http://[::1]:80?x"), &url, NULL), ECA_OK);
    ck_assert(eca_view_eq_str(url.host, "::1") && url.port == 80 && url.host_is_v6);
    ck_assert(url.path.len == 0 && eca_view_eq_str(url.query, "x"));
    ck_assert_int_eq(eca_url_parse(eca_view_str("unix:///var/run/docker.sock"), &url, NULL),
                     ECA_OK);
    ck_assert(url.host.len == 0 && eca_view_eq_str(url.path, "/var/run/docker.sock"));
    ck_assert_int_eq(eca_url_parse(eca_view_str("wss://h"), &url, NULL), ECA_OK);
    ck_assert(url.port == 0 && url.path.len == 0 && url.userinfo.len == 0);
}
END_TEST

START_TEST(broken_urls_are_refused)
{
    static const char *const refused[] = {
        "",           "host/path",   "://h",          "http:/h",    "http://h:x",  "http://h:65536",
        "http://h:0", "http://[::1", "http://[::1]x", "http://a b", "http://h/\n", "http://::1"};
    struct eca_url url = {.port = 7};

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert_msg(eca_url_parse(eca_view_str(refused[i]), &url, NULL) == ECA_E_INVALID, "%s",
                      refused[i]);
    }
    ck_assert_uint_eq(url.port, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/str");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, unsigned_takes_digits_alone);
    tcase_add_test(tcase, integer_takes_one_sign);
    tcase_add_test(tcase, boolean_has_twelve_spellings);
    tcase_add_test(tcase, durations_of_the_table_are_read);
    tcase_add_test(tcase, malformed_durations_are_refused);
    tcase_add_test(tcase, durations_print_as_in_the_reference);
    tcase_add_test(tcase, hex_and_base64_encode);
    tcase_add_test(tcase, broken_base64_is_refused);
    tcase_add_test(tcase, percent_coding);
    tcase_add_test(tcase, cut_splits_no_character);
    tcase_add_test(tcase, invalid_bytes_are_replaced_one_by_one);
    tcase_add_test(tcase, control_characters_become_visible);
    tcase_add_test(tcase, urls_are_taken_apart);
    tcase_add_test(tcase, broken_urls_are_refused);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
