#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"

START_TEST(set_returns_the_code_and_forgets_the_old_error)
{
    struct eca_err err = {.sys = EIO, .http_status = 500};

    ck_assert_int_eq(eca_err_set(&err, ECA_E_DENIED, "no %s", "entry"), ECA_E_DENIED);
    ck_assert_int_eq(err.code, ECA_E_DENIED);
    ck_assert_int_eq(err.sys, 0);
    ck_assert_int_eq(err.http_status, 0);
    ck_assert_str_eq(err.msg, "no entry");
    ck_assert_int_eq(eca_err_set(NULL, ECA_E_LIMIT, "nobody listens"), ECA_E_LIMIT);
    ck_assert_int_eq(eca_err_set_sys(NULL, ECA_E_INTERNAL, EIO, "nobody"), ECA_E_INTERNAL);
}
END_TEST

START_TEST(set_sys_appends_the_reason)
{
    struct eca_err err = {0};

    ck_assert_int_eq(eca_err_set_sys(&err, ECA_E_NOT_FOUND, ENOENT, "open %s", "x"),
                     ECA_E_NOT_FOUND);
    ck_assert_str_eq(err.msg, "open x: No such file or directory");
    ck_assert_int_eq(err.sys, ENOENT);
}
END_TEST

START_TEST(wrap_puts_context_before_and_keeps_the_rest)
{
    struct eca_err err = {0};

    (void)eca_err_set_sys(&err, ECA_E_TRANSIENT, ECONNREFUSED, "inspect");
    err.http_status = 503;
    ck_assert_int_eq(eca_err_wrap(&err, "start %s", "web"), ECA_E_TRANSIENT);
    ck_assert_str_eq(err.msg, "start web: inspect: Connection refused");
    ck_assert_int_eq(err.sys, ECONNREFUSED);
    ck_assert_int_eq(err.http_status, 503);
    ck_assert_int_eq(eca_err_wrap(NULL, "start"), ECA_E_INTERNAL);
}
END_TEST

/* The old sentence may be an argument of the new one. */
START_TEST(own_sentence_as_argument_is_whole)
{
    struct eca_err err = {0};

    (void)eca_err_set(&err, ECA_E_INVALID, "inner");
    (void)eca_err_set(&err, ECA_E_DENIED, "outer (%s)", err.msg);
    ck_assert_str_eq(err.msg, "outer (inner)");
    (void)eca_err_wrap(&err, "[%s]", err.msg);
    ck_assert_str_eq(err.msg, "[outer (inner)]: outer (inner)");
}
END_TEST

/* LOG-108: a peer's text in a sentence does not make two lines of it. */
START_TEST(sentence_is_one_line)
{
    struct eca_err err = {0};

    (void)eca_err_set(&err, ECA_E_INVALID, "a%sb", "\n\t\x1b\x7f");
    ck_assert_str_eq(err.msg, "a    b");
    (void)eca_err_wrap(&err, "c\r");
    ck_assert_str_eq(err.msg, "c : a    b");
}
END_TEST

START_TEST(long_sentence_is_cut_at_a_character)
{
    struct eca_err err = {0};
    char text[400];

    for (size_t i = 0; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa4", 3);
    }
    (void)eca_err_set(&err, ECA_E_INVALID, "%s", text);
    ck_assert_uint_eq(strlen(err.msg), ECA_ERR_MSG_BYTES - 2);
    (void)eca_err_wrap(&err, "x");
    ck_assert_uint_eq(strlen(err.msg), ECA_ERR_MSG_BYTES - 1);
    ck_assert_int_eq(strncmp(err.msg, "x: \xc3\xa4", 5), 0);
    (void)eca_err_wrap(&err, "y");
    ck_assert_uint_eq(strlen(err.msg), ECA_ERR_MSG_BYTES - 2);
}
END_TEST

START_TEST(every_code_has_its_own_name)
{
    for (int a = 0; a >= ECA_E_INTERNAL; a--) {
        ck_assert_str_ne(eca_code_name((enum eca_code)a), "UNKNOWN");
        for (int b = 0; b > a; b--) {
            ck_assert_str_ne(eca_code_name((enum eca_code)a), eca_code_name((enum eca_code)b));
        }
    }
    ck_assert_str_eq(eca_code_name(ECA_E_TRANSIENT), "TRANSIENT");
    ck_assert_str_eq(eca_code_name((enum eca_code) - 99), "UNKNOWN");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/err");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, set_returns_the_code_and_forgets_the_old_error);
    tcase_add_test(tcase, set_sys_appends_the_reason);
    tcase_add_test(tcase, wrap_puts_context_before_and_keeps_the_rest);
    tcase_add_test(tcase, own_sentence_as_argument_is_whole);
    tcase_add_test(tcase, sentence_is_one_line);
    tcase_add_test(tcase, long_sentence_is_cut_at_a_character);
    tcase_add_test(tcase, every_code_has_its_own_name);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
