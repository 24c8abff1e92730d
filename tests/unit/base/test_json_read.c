#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

static struct eca_json_doc *parsed(const char *text)
{
    struct eca_json_doc *doc = NULL;
    struct eca_err err = {0};

    ck_assert_msg(eca_json_parse(eca_view_str(text), &doc, &err) == ECA_OK, "%s: %s", text,
                  err.msg);
    return doc;
}

static eca_json root_member(const struct eca_json_doc *doc, const char *key)
{
    return eca_json_get(eca_json_root(doc), key);
}

START_TEST(types_are_told_apart)
{
    eca_auto_json struct eca_json_doc *doc =
        parsed(" \t\r\n{\"n\":null,\"t\":true,\"f\":false,\"i\":-1,\"d\":1.5,\"s\":\"\",\"a\":[],"
               "\"o\":{}} ");
    eca_json root = eca_json_root(doc);

    ck_assert_int_eq(eca_json_type(root), ECA_JSON_OBJECT);
    ck_assert_int_eq(eca_json_type(eca_json_get(root, "n")), ECA_JSON_NULL);
    ck_assert_int_eq(eca_json_type(eca_json_get(root, "t")), ECA_JSON_BOOL);
    ck_assert(eca_json_bool(eca_json_get(root, "t")));
    ck_assert(!eca_json_bool(eca_json_get(root, "f")));
    ck_assert_int_eq(eca_json_type(eca_json_get(root, "i")), ECA_JSON_NUMBER);
    ck_assert_int_eq(eca_json_type(eca_json_get(root, "d")), ECA_JSON_NUMBER);
    ck_assert_int_eq(eca_json_type(eca_json_get(root, "s")), ECA_JSON_STRING);
    ck_assert_int_eq(eca_json_type(eca_json_get(root, "a")), ECA_JSON_ARRAY);
    ck_assert_int_eq(eca_json_type(eca_json_get(root, "o")), ECA_JSON_OBJECT);
    ck_assert_int_eq(eca_json_type(eca_json_get(root, "x")), ECA_JSON_ABSENT);
    ck_assert(eca_json_is_null(eca_json_get(root, "n")) && eca_json_is_null(NULL));
    ck_assert(!eca_json_is_null(eca_json_get(root, "f")));
    ck_assert_uint_eq(eca_json_count(root), 8);
    ck_assert_str_eq(eca_json_key(eca_json_next(eca_json_first(root))), "t");
    ck_assert_ptr_null(eca_json_first(eca_json_get(root, "s")));
    ck_assert_ptr_null(eca_json_get(eca_json_get(root, "a"), "x"));
}
END_TEST

/* WS-161, WS-169: the last duplicate wins, names are case-sensitive unless asked otherwise. */
START_TEST(last_duplicate_wins)
{
    eca_auto_json struct eca_json_doc *doc =
        parsed("{\"a\":1,\"A\":2,\"a\":3,\"Type\":\"x\",\"TYPE\":\"y\"}");
    int64_t value = 0;

    ck_assert_int_eq(eca_json_i64(root_member(doc, "a"), &value, NULL), ECA_OK);
    ck_assert_int_eq(value, 3);
    ck_assert_int_eq(eca_json_i64(root_member(doc, "A"), &value, NULL), ECA_OK);
    ck_assert_int_eq(value, 2);
    ck_assert_ptr_null(root_member(doc, "type"));
    ck_assert_str_eq(eca_json_str(eca_json_get_nocase(eca_json_root(doc), "type")), "y");
    ck_assert_ptr_null(eca_json_get_nocase(eca_json_root(doc), "typ"));
}
END_TEST

/* WS-161, WS-169 */
START_TEST(text_after_the_value_is_refused)
{
    static const char *const refused[] = {"{}{}", "{} x",   "[1],",
                                          "1 2",  "null\v", "{}\xef\xbb\xbf"};
    struct eca_err err;

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        struct eca_json_doc *doc = NULL;
        ck_assert_msg(eca_json_parse(eca_view_str(refused[i]), &doc, &err) == ECA_E_INVALID, "%s",
                      refused[i]);
        ck_assert_ptr_null(doc);
    }
    struct eca_json_doc *doc = NULL;
    ck_assert_int_eq(eca_json_parse(eca_view_of("{}\0", 3), &doc, &err), ECA_E_INVALID);
}
END_TEST

/* CFG-205 */
START_TEST(prefix_ends_with_the_first_value)
{
    struct eca_json_doc *doc = NULL;
    size_t used = 0;

    ck_assert_int_eq(eca_json_parse_prefix(eca_view_str(" [22] junk"), &doc, &used, NULL), ECA_OK);
    ck_assert_uint_eq(used, 5);
    ck_assert_uint_eq(eca_json_count(eca_json_root(doc)), 1);
    eca_json_free(doc);
    doc = NULL;
    ck_assert_int_eq(eca_json_parse_prefix(eca_view_str("junk [22]"), &doc, &used, NULL),
                     ECA_E_INVALID);
    ck_assert_ptr_null(doc);
    eca_json_free(NULL);
}
END_TEST

/* FB-32: secrets may stand in the text; the sentence says where, never what. */
START_TEST(broken_text_is_refused_without_quoting_it)
{
    static const char *const refused[] = {
        "",          " ",           "{",       "[",        "]",          "{]",
        "[1,]",      "{,}",         "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
        "{'a':1}",   "[1 2]",       "nul",     "True",     "NaN",        "Infinity",
        "+1",        "01",          "-",       "1.",       ".5",         "1e",
        "1e+",       "0x1",         "--1",     "\"a",      "\"a\nb\"",   "\"\\x\"",
        "\"\\u12\"", "\"\\u12g4\"", "\"\\",    "\"\x01\"", "// c\n1",    "\xef\xbb\xbf{}",
        "[1}",       "\"\\u",
    };
    static const char secret[] = "{\"password\":\"hunter2\",\"x\":hunter2}";
    struct eca_json_doc *doc = NULL;
    struct eca_err err;

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        ck_assert_msg(eca_json_parse(eca_view_str(refused[i]), &doc, &err) == ECA_E_INVALID,
                      "accepted: %s", refused[i]);
        ck_assert_ptr_nonnull(strstr(err.msg, "byte "));
        ck_assert_ptr_null(doc);
    }
    ck_assert_int_eq(eca_json_parse(eca_view_str(secret), &doc, &err), ECA_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.msg, "byte 26"));
    ck_assert_ptr_null(strstr(err.msg, "hunter"));
}
END_TEST

/* WS-141, WS-169: what is no character becomes U+FFFD, nothing cuts a string. */
START_TEST(strings_are_whole_and_valid)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"\"a\\u0000b\"", "a\xef\xbf\xbd"
                          "b"},
        {"\"\\ud800\"", "\xef\xbf\xbd"},
        {"\"\\udc00x\"", "\xef\xbf\xbdx"},
        {"\"\\ud800\\u0041\"", "\xef\xbf\xbd"
                               "A"},
        {"\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
        {"\"\\uD83D\\uDE00\"", "\xf0\x9f\x98\x80"},
        {"\"\xff\"", "\xef\xbf\xbd"},
        {"\"\xff"
         "12\"",
         "\xef\xbf\xbd"
         "12"}, /* no way to forge the mark of a number */
        {"\"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"", "\"\\/\b\f\n\r\t\xc3\xa4"},
        {"\"\x7f\xc3\xa4\"", "\x7f\xc3\xa4"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_json struct eca_json_doc *doc = parsed(rows[i].json);
        ck_assert_int_eq(eca_json_type(eca_json_root(doc)), ECA_JSON_STRING);
        ck_assert_msg(strcmp(eca_json_str(eca_json_root(doc)), rows[i].text) == 0, "row %zu", i);
    }
    eca_auto_json struct eca_json_doc *doc = parsed("{\"a\\u0000\":1,\"\xff\":2}");
    ck_assert_ptr_nonnull(root_member(doc, "a\xef\xbf\xbd"));
    ck_assert_ptr_nonnull(root_member(doc, "\xef\xbf\xbd"));
}
END_TEST

/* WS-165: any number, fraction cut off, all 64 bits. */
START_TEST(integers_are_exact)
{
    static const struct {
        const char *text;
        int64_t value;
        bool plain;
    } rows[] = {
        {"0", 0, true},
        {"-0", 0, true},
        {"9007199254740993", INT64_C(9007199254740993), true},
        {"9223372036854775807", INT64_MAX, true},
        {"-9223372036854775808", INT64_MIN, true},
        {"1.9", 1, false},
        {"-1.9", -1, false},
        {"-0.5", 0, false},
        {"1e3", 1000, false},
        {"1.2345E+2", 123, false},
        {"12345e-3", 12, false},
        {"0.00012e5", 12, false},
        {"9007199254740993.0", INT64_C(9007199254740993), false},
        {"9223372036854775807.9", INT64_MAX, false},
        {"0e999999999999999999999", 0, false},
        {"1e-999999999999999999999", 0, false},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_json struct eca_json_doc *doc = parsed(rows[i].text);
        int64_t value = 77;
        ck_assert_msg(eca_json_i64(eca_json_root(doc), &value, NULL) == ECA_OK, "%s", rows[i].text);
        ck_assert_msg(value == rows[i].value, "%s: %lld", rows[i].text, (long long)value);
        ck_assert_int_eq(eca_json_is_integer(eca_json_root(doc)), rows[i].plain);
    }
}
END_TEST

/* WS-165 */
START_TEST(integers_outside_64_bits_are_refused)
{
    static const char *const refused[] = {"9223372036854775808",
                                          "-9223372036854775809",
                                          "1e19",
                                          "1e999999999999999999999",
                                          "-1e400",
                                          "123456789012345678901234567890"};
    uint64_t number = 77;
    int64_t value = 77;

    for (size_t i = 0; i < ECA_ARRAY_LEN(refused); i++) {
        eca_auto_json struct eca_json_doc *doc = parsed(refused[i]);
        ck_assert_msg(eca_json_i64(eca_json_root(doc), &value, NULL) == ECA_E_LIMIT, "%s",
                      refused[i]);
    }
    ck_assert_int_eq(value, 77);
    eca_auto_json struct eca_json_doc *list =
        parsed("[18446744073709551615,18446744073709551616,-1,-0.9]");
    eca_json at = eca_json_first(list == NULL ? NULL : eca_json_root(list));
    ck_assert_int_eq(eca_json_u64(at, &number, NULL), ECA_OK);
    ck_assert_uint_eq(number, UINT64_MAX);
    at = eca_json_next(at);
    ck_assert_int_eq(eca_json_u64(at, &number, NULL), ECA_E_LIMIT);
    at = eca_json_next(at);
    ck_assert_int_eq(eca_json_u64(at, &number, NULL), ECA_E_LIMIT);
    at = eca_json_next(at);
    ck_assert_int_eq(eca_json_u64(at, &number, NULL), ECA_OK);
    ck_assert_uint_eq(number, 0);
}
END_TEST

START_TEST(doubles_are_finite)
{
    eca_auto_json struct eca_json_doc *doc = parsed("[0.1,1e400,-1e400]");
    eca_json at = eca_json_first(eca_json_root(doc));

    ck_assert_double_eq(eca_json_double(at), 0.1);
    at = eca_json_next(at);
    ck_assert(isfinite(eca_json_double(at)) && eca_json_double(at) > 1e308);
    at = eca_json_next(at);
    ck_assert(isfinite(eca_json_double(at)) && eca_json_double(at) < -1e308);
}
END_TEST

START_TEST(depth_size_and_number_of_values_are_bounded)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_doc *doc = NULL;

    for (size_t depth = ECA_JSON_DEPTH_MAX; depth <= ECA_JSON_DEPTH_MAX + 1; depth++) {
        eca_buf_reset(&text);
        for (size_t i = 0; i < depth; i++) {
            eca_buf_add_char(&text, '[');
        }
        for (size_t i = 0; i < depth; i++) {
            eca_buf_add_char(&text, ']');
        }
        ck_assert_int_eq(eca_json_parse(eca_buf_view(&text), &doc, NULL),
                         depth > ECA_JSON_DEPTH_MAX ? ECA_E_LIMIT : ECA_OK);
        eca_json_free(doc);
        doc = NULL;
    }
    eca_buf_reset(&text);
    eca_buf_add_char(&text, '[');
    for (size_t i = 0; i < ECA_JSON_VALUES_MAX; i++) { /* with the array: one too many */
        eca_buf_add(&text, "0,", 2);
    }
    text.at[text.len - 1] = ']';
    ck_assert_int_eq(eca_json_parse(eca_buf_view(&text), &doc, NULL), ECA_E_LIMIT);
    ck_assert_int_eq(eca_json_parse(eca_view_of(" ", ECA_JSON_BYTES_MAX + 1), &doc, NULL),
                     ECA_E_LIMIT);
    ck_assert_ptr_null(doc);
}
END_TEST

/* WS-165: null is absent, a wrong type names the path. */
START_TEST(typed_reads_name_the_path)
{
    eca_auto_json struct eca_json_doc *doc =
        parsed("{\"s\":\"x\",\"i\":7,\"b\":true,\"a\":[1],\"o\":{},\"n\":null,\"big\":1e30}");
    eca_json root = eca_json_root(doc), array = NULL, object = NULL;
    const char *text = "before";
    int64_t number = 77;
    bool flag = false;
    struct eca_err err;

    ck_assert_int_eq(eca_json_read_str(root, "", "s", &text, &err), ECA_OK);
    ck_assert_str_eq(text, "x");
    ck_assert_int_eq(eca_json_read_i64(root, "", "i", &number, &err), ECA_OK);
    ck_assert_int_eq(number, 7);
    ck_assert_int_eq(eca_json_read_bool(root, "", "b", &flag, &err), ECA_OK);
    ck_assert(flag);
    ck_assert_int_eq(eca_json_read_array(root, "", "a", &array, &err), ECA_OK);
    ck_assert_uint_eq(eca_json_count(array), 1);
    ck_assert_int_eq(eca_json_read_object(root, "", "o", &object, &err), ECA_OK);
    ck_assert_ptr_nonnull(object);
    ck_assert_int_eq(eca_json_read_str(root, "", "n", &text, &err), ECA_OK);
    ck_assert_int_eq(eca_json_read_str(root, "", "absent", &text, &err), ECA_OK);
    ck_assert_str_eq(text, "x");
    ck_assert_int_eq(eca_json_read_i64(root, "tasks[2].containers[0]", "s", &number, &err),
                     ECA_E_INVALID);
    ck_assert_str_eq(err.msg, "tasks[2].containers[0].s: want integer, have string");
    ck_assert_int_eq(eca_json_read_str(root, "", "i", &text, &err), ECA_E_INVALID);
    ck_assert_str_eq(err.msg, "i: want string, have number");
    ck_assert_int_eq(eca_json_read_bool(root, "", "i", &flag, &err), ECA_E_INVALID);
    ck_assert_int_eq(eca_json_read_array(root, "", "o", &array, &err), ECA_E_INVALID);
    ck_assert_int_eq(eca_json_read_object(root, "", "a", &object, &err), ECA_E_INVALID);
    ck_assert_int_lt(eca_json_read_i64(root, "p", "big", &number, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "p.big"));
    ck_assert_int_eq(number, 7);
}
END_TEST

START_TEST(equal_in_meaning)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"{\"a\":1,\"b\":[2]}", " {\"b\":[ 2 ],\"a\":1.0}", true},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}", true},
        {"{\"a\":2,\"a\":1}", "{\"a\":2}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":null}", false},
        {"{\"a\":1,\"b\":null}", "{\"a\":1}", false},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"1", "\"1\"", false},
        {"9007199254740993", "9007199254740992", false},
        {"100", "1e2", true},
        {"0", "-0", true},
        {"null", "null", true},
        {"true", "false", false},
        {"\"\\u0041\"", "\"A\"", true},
        {"{}", "[]", false},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_json struct eca_json_doc *a = parsed(rows[i].a), *b = parsed(rows[i].b);
        ck_assert_msg(eca_json_equal(eca_json_root(a), eca_json_root(b)) == rows[i].equal, "%s %s",
                      rows[i].a, rows[i].b);
    }
}
END_TEST

/* A short text of a peer must not take for ever: 3^150 comparisons if each duplicate counted. */
START_TEST(nested_duplicates_compare_in_reasonable_time)
{
    eca_auto_buf struct eca_buf text = {0};

    for (int i = 0; i < 150; i++) {
        eca_buf_add_str(&text, "{\"a\":0,\"a\":0,\"a\":");
    }
    eca_buf_add_str(&text, "1");
    for (int i = 0; i < 150; i++) {
        eca_buf_add_char(&text, '}');
    }
    eca_auto_json struct eca_json_doc *a = parsed(eca_buf_str(&text));
    eca_auto_json struct eca_json_doc *b = parsed(eca_buf_str(&text));
    ck_assert(eca_json_equal(eca_json_root(a), eca_json_root(b)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/json_read");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, types_are_told_apart);
    tcase_add_test(tcase, last_duplicate_wins);
    tcase_add_test(tcase, text_after_the_value_is_refused);
    tcase_add_test(tcase, prefix_ends_with_the_first_value);
    tcase_add_test(tcase, broken_text_is_refused_without_quoting_it);
    tcase_add_test(tcase, strings_are_whole_and_valid);
    tcase_add_test(tcase, integers_are_exact);
    tcase_add_test(tcase, integers_outside_64_bits_are_refused);
    tcase_add_test(tcase, doubles_are_finite);
    tcase_add_test(tcase, depth_size_and_number_of_values_are_bounded);
    tcase_add_test(tcase, typed_reads_name_the_path);
    tcase_add_test(tcase, equal_in_meaning);
    tcase_add_test(tcase, nested_duplicates_compare_in_reasonable_time);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
