#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ports/entropy.h"
#include "tests/unit/support/manual_clock.h"

START_TEST(below_stays_below_and_reaches_everything)
{
    struct manual_entropy state = {.state = 1};
    struct eca_entropy entropy = manual_entropy_port(&state);
    unsigned hits[7] = {0};

    for (int i = 0; i < 7000; i++) {
        uint64_t draw = eca_entropy_below(entropy, 7);
        ck_assert_uint_lt(draw, 7);
        hits[draw]++;
    }
    for (int i = 0; i < 7; i++) {
        ck_assert_uint_gt(hits[i], 800);
        ck_assert_uint_lt(hits[i], 1200);
    }
    ck_assert_uint_eq(eca_entropy_below(entropy, 0), 0);
    ck_assert_uint_eq(eca_entropy_below(entropy, 1), 0);
    (void)eca_entropy_below(entropy, UINT64_MAX);
}
END_TEST

struct script {
    uint64_t words[2];
    size_t next;
};

static void fill_script(void *impl, void *bytes, size_t len)
{
    struct script *script = impl;

    ck_assert_uint_eq(len, sizeof(uint64_t));
    ck_assert_uint_lt(script->next, 2);
    memcpy(bytes, &script->words[script->next++], len);
}

/* 2^64 is no multiple of 3 * 2^62: the upper end would favour small results. */
START_TEST(draws_beyond_the_last_whole_stretch_are_repeated)
{
    static const struct eca_entropy_ops ops = {.fill = fill_script};
    struct script script = {.words = {UINT64_MAX, 5}};
    struct eca_entropy entropy = {.ops = &ops, .impl = &script};

    ck_assert_uint_eq(eca_entropy_below(entropy, UINT64_C(3) << 62), 5);
    ck_assert_uint_eq(script.next, 2);
}
END_TEST

START_TEST(hex_has_the_asked_length)
{
    struct manual_entropy state = {.state = 3};
    char text[80];

    for (size_t digits = 0; digits < 70; digits++) {
        memset(text, '!', sizeof(text));
        eca_entropy_hex(manual_entropy_port(&state), digits, text);
        ck_assert_uint_eq(strlen(text), digits);
        ck_assert_uint_eq(strspn(text, "0123456789abcdef"), digits);
        ck_assert_int_eq(text[digits + 1], '!');
    }
}
END_TEST

/* TCS-603, API-614: version 4 with the standard's variant. */
START_TEST(uuid_has_the_form_of_version_4)
{
    struct manual_entropy state = {.state = 9}, zero = {0};
    char text[37], before[37] = "";

    for (int i = 0; i < 100; i++) {
        eca_entropy_uuid(manual_entropy_port(&state), text);
        ck_assert_uint_eq(strlen(text), 36);
        for (size_t k = 0; k < 36; k++) {
            bool dash = k == 8 || k == 13 || k == 18 || k == 23;
            ck_assert_int_eq(text[k] == '-', dash);
            ck_assert(dash || strchr("0123456789abcdef", text[k]) != NULL);
        }
        ck_assert_int_eq(text[14], '4');
        ck_assert_ptr_nonnull(strchr("89ab", text[19]));
        ck_assert_str_ne(text, before);
        memcpy(before, text, sizeof(text));
    }
    eca_entropy_uuid(manual_entropy_port(&zero), text);
    ck_assert_str_eq(text, "00000000-0000-4000-8000-000000000000");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ports/entropy");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, below_stays_below_and_reaches_everything);
    tcase_add_test(tcase, draws_beyond_the_last_whole_stretch_are_repeated);
    tcase_add_test(tcase, hex_has_the_asked_length);
    tcase_add_test(tcase, uuid_has_the_form_of_version_4);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
