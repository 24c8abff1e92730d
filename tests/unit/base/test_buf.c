#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/mem.h"

START_TEST(views_compare_by_bytes)
{
    struct eca_view text = eca_view_str("Content-Type");

    ck_assert(eca_view_eq(text, eca_view_of("Content-Type", 12)));
    ck_assert(!eca_view_eq(text, eca_view_str("Content-Typ")));
    ck_assert(eca_view_eq(ECA_VIEW_NONE, eca_view_str("")));
    ck_assert(eca_view_eq_str(text, "Content-Type"));
    ck_assert(!eca_view_eq_str(text, "content-type"));
    ck_assert(eca_view_eq_nocase(text, "cONTENT-tYPE"));
    ck_assert(!eca_view_eq_nocase(text, "content-typ"));
    ck_assert(!eca_view_eq_nocase(eca_view_str("@"), "`")); /* letters only */
    ck_assert(!eca_view_eq_nocase(eca_view_str("\xc3\x84"), "\xc3\xa4"));
    ck_assert_uint_eq(eca_view_str(NULL).len, 0);
}
END_TEST

START_TEST(view_parts_stay_inside)
{
    struct eca_view text = eca_view_str("abcabc");

    ck_assert(eca_view_starts(text, "abc") && eca_view_starts(text, ""));
    ck_assert(!eca_view_starts(text, "abcabca") && !eca_view_starts(text, "b"));
    ck_assert(eca_view_ends(text, "bc") && eca_view_ends(text, ""));
    ck_assert(!eca_view_ends(text, "xabcabc") && !eca_view_ends(text, "b"));
    ck_assert_uint_eq(eca_view_find(text, "ca", 0), 2);
    ck_assert_uint_eq(eca_view_find(text, "abc", 1), 3);
    ck_assert_uint_eq(eca_view_find(text, "abc", 4), SIZE_MAX);
    ck_assert_uint_eq(eca_view_find(text, "", 6), 6);
    ck_assert_uint_eq(eca_view_find(text, "", 7), SIZE_MAX);
    ck_assert(eca_view_eq_str(eca_view_sub(text, 4, 100), "bc"));
    ck_assert(eca_view_eq_str(eca_view_sub(text, 1, 2), "bc"));
    ck_assert_uint_eq(eca_view_sub(text, 100, 1).len, 0);
    ck_assert_uint_eq(eca_view_sub(ECA_VIEW_NONE, 1, 1).len, 0);
}
END_TEST

/* CFG-201: values are trimmed as the reference does, with the blanks of Unicode. */
START_TEST(trim_takes_blanks_of_unicode_off)
{
    static const char *const blanks[] = {
        "\t",           "\n",           "\v",
        "\f",           "\r",           " ",
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
        "\xe2\x80\x80", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
        "\xe3\x80\x80",
    };
    static const char *const kept[] = {"\xc3\xa4", "\xe2\x80\x8b", "\x01", "\x7f", "\xc2", "\xa0"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(blanks); i++) {
        eca_auto_free char *text =
            eca_xasprintf("%s%sa b%s%s", blanks[i], blanks[0], blanks[i], blanks[i]);
        ck_assert_msg(eca_view_eq_str(eca_view_trim(eca_view_str(text)), "a b"), "blank %zu", i);
        ck_assert_uint_eq(eca_view_trim(eca_view_str(blanks[i])).len, 0);
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(kept); i++) {
        ck_assert_msg(eca_view_eq_str(eca_view_trim(eca_view_str(kept[i])), kept[i]), "kept %zu",
                      i);
    }
    ck_assert_uint_eq(eca_view_trim(ECA_VIEW_NONE).len, 0);
}
END_TEST

START_TEST(buffer_grows_and_ends_with_nul)
{
    eca_auto_buf struct eca_buf buf = {0};

    ck_assert_str_eq(eca_buf_str(&buf), "");
    for (int i = 0; i < 1000; i++) {
        eca_buf_addf(&buf, "%03d", i);
        eca_buf_add_char(&buf, ',');
        ck_assert_uint_eq(strlen(buf.at), buf.len);
    }
    ck_assert_uint_eq(buf.len, 4000);
    ck_assert(eca_view_ends(eca_buf_view(&buf), "998,999,"));
    eca_buf_drop(&buf, 3992);
    ck_assert_str_eq(eca_buf_str(&buf), "998,999,");
    eca_buf_add(&buf, "a\0b", 3);
    ck_assert_uint_eq(buf.len, 11);
    ck_assert_int_eq(memcmp(buf.at + 8, "a\0b", 4), 0);
    eca_buf_reset(&buf);
    eca_buf_add_view(&buf, eca_view_of("xyz", 2));
    eca_buf_add_str(&buf, "!");
    ck_assert_str_eq(eca_buf_str(&buf), "xy!");
}
END_TEST

START_TEST(full_buffer_refuses_whole_pieces)
{
    eca_auto_buf struct eca_buf buf = {.bytes_max = 5};

    eca_buf_add_str(&buf, "12345");
    ck_assert(!buf.full);
    eca_buf_add_str(&buf, "");
    ck_assert(!buf.full);
    eca_buf_add_char(&buf, '6');
    ck_assert(buf.full);
    ck_assert_str_eq(eca_buf_str(&buf), "12345");
    eca_buf_reset(&buf);
    ck_assert(!buf.full);
    eca_buf_addf(&buf, "%s", "123456");
    ck_assert(buf.full);
    ck_assert_str_eq(eca_buf_str(&buf), "");
    eca_buf_add_str(&buf, "1"); /* what follows the gap would be out of place */
    ck_assert_str_eq(eca_buf_str(&buf), "");
    eca_buf_clear(&buf);
    ck_assert_uint_eq(buf.bytes_max, 5);
    eca_buf_add_str(&buf, "12");
    ck_assert_str_eq(eca_buf_str(&buf), "12");
}
END_TEST

START_TEST(taken_text_belongs_to_the_taker)
{
    struct eca_buf buf = {.bytes_max = 10};
    eca_auto_free char *empty = eca_buf_take(&buf);
    ck_assert_str_eq(empty, "");
    eca_buf_add_str(&buf, "abc");
    eca_auto_free char *text = eca_buf_take(&buf);
    ck_assert_str_eq(text, "abc");
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_ptr_null(buf.at);
    ck_assert_uint_eq(buf.bytes_max, 10);
}
END_TEST

START_TEST(secrets_are_copied_replaced_and_cleared)
{
    struct eca_secret secret = {0}, copy = {0};

    ck_assert(!eca_secret_is_set(&secret));
    eca_secret_set(&secret, eca_view_str("hunter2"));
    ck_assert(eca_secret_is_set(&secret));
    eca_secret_copy(&copy, &secret);
    ck_assert_ptr_ne(copy.at, secret.at);
    eca_secret_set(&secret, eca_view_sub(eca_secret_view(&secret), 0, 6)); /* of itself */
    ck_assert(eca_view_eq_str(eca_secret_view(&secret), "hunter"));
    ck_assert(eca_view_eq_str(eca_secret_view(&copy), "hunter2"));
    eca_secret_set(&copy, eca_view_str(""));
    ck_assert(!eca_secret_is_set(&copy));
    eca_secret_clear(&secret);
    eca_secret_clear(&secret);
    ck_assert_ptr_null(secret.at);
    eca_secret_copy(&copy, &secret);
    ck_assert_ptr_null(copy.at);
}
END_TEST

START_TEST(wipe_leaves_zeros)
{
    char text[] = "secret";

    eca_wipe(text, sizeof(text));
    for (size_t i = 0; i < sizeof(text); i++) {
        ck_assert_int_eq(text[i], 0);
    }
    eca_wipe(NULL, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/buf");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, views_compare_by_bytes);
    tcase_add_test(tcase, view_parts_stay_inside);
    tcase_add_test(tcase, trim_takes_blanks_of_unicode_off);
    tcase_add_test(tcase, buffer_grows_and_ends_with_nul);
    tcase_add_test(tcase, full_buffer_refuses_whole_pieces);
    tcase_add_test(tcase, taken_text_belongs_to_the_taker);
    tcase_add_test(tcase, secrets_are_copied_replaced_and_cleared);
    tcase_add_test(tcase, wipe_leaves_zeros);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
