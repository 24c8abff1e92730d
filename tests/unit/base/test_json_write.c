#include <check.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

/* API-206: members in the order of the calls, no white space. */
START_TEST(writer_places_commas_and_keys)
{
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);

    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "empty");
    eca_jw_end_array(&w);
    eca_jw_array(&w, "list");
    eca_jw_i64(&w, NULL, INT64_MIN);
    eca_jw_u64(&w, NULL, UINT64_MAX);
    eca_jw_object(&w, NULL);
    eca_jw_end_object(&w);
    eca_jw_end_array(&w);
    eca_jw_str(&w, "s", "x");
    eca_jw_str(&w, "none", NULL);
    eca_jw_view(&w, "v", eca_view_of("abc", 2));
    eca_jw_bool(&w, "t", true);
    eca_jw_bool(&w, "f", false);
    eca_jw_null(&w, "n");
    eca_jw_raw(&w, "r", eca_view_str("[1]"));
    eca_jw_value(&w, "absent", NULL);
    eca_jw_end_object(&w);
    ck_assert_str_eq(eca_buf_str(&out),
                     "{\"empty\":[],\"list\":[-9223372036854775808,18446744073709551615,{}],"
                     "\"s\":\"x\",\"none\":null,\"v\":\"ab\",\"t\":true,\"f\":false,\"n\":null,"
                     "\"r\":[1],\"absent\":null}");
}
END_TEST

/* API-206: wherever a byte stands in its text. */
START_TEST(each_byte_comes_back)
{
    char text[20] = "abcdefghijklmnopqrs";

    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        for (int c = 1; c < 128; c++) {
            eca_auto_buf struct eca_buf out = {0};
            struct eca_json_writer w = eca_json_writer_to(&out);
            eca_auto_json struct eca_json_doc *doc = NULL;
            char before = text[i];

            text[i] = (char)c;
            eca_jw_str(&w, NULL, text);
            ck_assert_int_eq(eca_json_parse(eca_buf_view(&out), &doc, NULL), 0);
            ck_assert_str_eq(eca_json_str(eca_json_root(doc)), text);
            ck_assert_msg((out.len == sizeof(text) + 1) == (c >= ' ' && c != '"' && c != '\\'),
                          "byte %d at %zu: %s", c, i, eca_buf_str(&out));
            text[i] = before;
        }
    }
}
END_TEST

/* API-206 */
START_TEST(text_is_escaped_and_repaired)
{
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w = eca_json_writer_to(&out);

    eca_jw_object(&w, NULL);
    eca_jw_view(&w, "a\"\n", eca_view_of("\"\\/\b\f\n\r\t\x01\x1f\x7f<&>\0\xc3\xa4\xff", 18));
    eca_jw_end_object(&w);
    ck_assert_str_eq(eca_buf_str(&out),
                     "{\"a\\\"\\n\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f<&>\\u0000\xc3\xa4"
                     "\xef\xbf\xbd\"}");
}
END_TEST

/* TCS-403 */
START_TEST(doubles_are_short_plain_and_read_back)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {1e-7, "0.0000001"},
        {123456789.125, "123456789.125"},
        {1e21, "1000000000000000000000"},
        {100, "100"},
        {9007199254740993.0, "9007199254740992"},
    };
    static const double more[] = {DBL_MAX, DBL_MIN, 4.9406564584124654e-324, -DBL_MAX, 1.0 / 3};

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf out = {0};
        struct eca_json_writer w = eca_json_writer_to(&out);
        eca_jw_double(&w, NULL, rows[i].value);
        ck_assert_str_eq(eca_buf_str(&out), rows[i].text);
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(more); i++) {
        eca_auto_buf struct eca_buf out = {0};
        eca_auto_json struct eca_json_doc *doc = NULL;
        struct eca_json_writer w = eca_json_writer_to(&out);
        eca_jw_double(&w, NULL, more[i]);
        ck_assert_ptr_null(strpbrk(eca_buf_str(&out), "eE"));
        ck_assert_int_eq(eca_json_parse(eca_buf_view(&out), &doc, NULL), ECA_OK);
        ck_assert_double_eq(eca_json_double(eca_json_root(doc)), more[i]);
    }
}
END_TEST

START_TEST(printing_keeps_order_duplicates_and_digits)
{
    static const char text[] = "{\"z\":1,\"a\":[1.50,12345678901234567890,-0,1e400,null,true,\"\"],"
                               "\"z\":{\"\":\"\xc3\xa4\"}}";
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf out = {0};
    struct eca_json_writer w;

    ck_assert_int_eq(eca_json_parse(eca_view_str(text), &doc, NULL), ECA_OK);
    eca_json_print(eca_json_root(doc), &out);
    ck_assert_str_eq(eca_buf_str(&out), text);
    eca_buf_reset(&out);
    w = eca_json_writer_to(&out);
    eca_jw_array(&w, NULL);
    eca_jw_value(&w, NULL, eca_json_get(eca_json_root(doc), "z"));
    eca_jw_i64(&w, NULL, 1);
    eca_jw_end_array(&w);
    ck_assert_str_eq(eca_buf_str(&out), "[{\"\":\"\xc3\xa4\"},1]");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/json_write");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, writer_places_commas_and_keys);
    tcase_add_test(tcase, each_byte_comes_back);
    tcase_add_test(tcase, text_is_escaped_and_repaired);
    tcase_add_test(tcase, doubles_are_short_plain_and_read_back);
    tcase_add_test(tcase, printing_keeps_order_duplicates_and_digits);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
