#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/record/needles.h"

#define ROUNDS 3000

/* As eca_needles_find, one place after the other. */
static const char *find_slowly(struct eca_buf *all, size_t count, struct eca_view text, size_t from,
                               size_t *ret_at)
{
    for (; from < text.len; from++) {
        struct eca_view rest = eca_view_sub(text, from, SIZE_MAX);
        const struct eca_buf *longest = NULL;

        for (size_t i = 0; i < count; i++) {
            if (eca_view_starts(rest, eca_buf_str(&all[i])) &&
                (longest == NULL || all[i].len > longest->len)) {
                longest = &all[i];
            }
        }
        if (longest != NULL) {
            *ret_at = from;
            return eca_buf_str(longest);
        }
    }
    return NULL;
}

/* Few letters, so that there is much to find, beside and inside of each other. FB-INV.6 */
START_TEST(as_one_by_one)
{
    size_t hits = 0;

    srand(1);
    for (size_t round = 0; round < ROUNDS; round++) {
        struct eca_needles *needles = eca_needles_new();
        struct eca_buf all[8] = {{0}};
        eca_auto_buf struct eca_buf text = {0};
        size_t count = (size_t)rand() % 8;

        for (size_t i = 0; i < count; i++) {
            for (int len = 6 + rand() % 6; len > 0; len--) {
                eca_buf_add_char(&all[i], (char)('a' + rand() % 2));
            }
            eca_needles_add(needles, eca_buf_view(&all[i]), &all[i]);
        }
        for (int len = rand() % 80; len > 0; len--) {
            eca_buf_add_char(&text, (char)('a' + rand() % 2));
        }
        for (size_t from = 0; from <= text.len; from++) {
            size_t at = 0;
            struct eca_view found;
            const char *want = find_slowly(all, count, eca_buf_view(&text), from, &at);
            struct eca_buf *have = eca_needles_find(needles, eca_buf_view(&text), from, &found);

            ck_assert((want == NULL) == (have == NULL));
            if (want != NULL && have != NULL) {
                ck_assert_str_eq(eca_buf_str(have), want);
                ck_assert_ptr_eq(found.at, text.at + at);
                ck_assert_uint_eq(found.len, have->len);
                hits++;
            }
        }
        for (size_t i = 0; i < count; i++) {
            eca_buf_clear(&all[i]);
        }
        eca_needles_free(needles);
    }
    ck_assert_uint_gt(hits, ROUNDS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record/needles");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, as_one_by_one);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
