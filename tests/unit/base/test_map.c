#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"

#define KEYS 2000

static void make_key(char key[16], int i)
{
    (void)snprintf(key, 16, "key-%d", i);
}

START_TEST(put_get_replace_remove)
{
    struct eca_map *map = eca_map_new();
    int a = 1, b = 2;
    char key[] = "k";

    ck_assert_ptr_null(eca_map_get(map, "k"));
    ck_assert_ptr_null(eca_map_remove(map, "k"));
    ck_assert_ptr_null(eca_map_put(map, key, &a));
    key[0] = 'x'; /* the map has its own copy */
    ck_assert_ptr_eq(eca_map_get(map, "k"), &a);
    ck_assert_ptr_eq(eca_map_put(map, "k", &b), &a);
    ck_assert_uint_eq(eca_map_count(map), 1);
    ck_assert_ptr_eq(eca_map_get_view(map, eca_view_of("kk", 1)), &b);
    ck_assert_ptr_null(eca_map_get_view(map, eca_view_of("kk", 2)));
    ck_assert_ptr_null(eca_map_put(map, "", &a));
    ck_assert_ptr_eq(eca_map_get(map, ""), &a);
    ck_assert_ptr_eq(eca_map_remove(map, "k"), &b);
    ck_assert_ptr_null(eca_map_get(map, "k"));
    ck_assert_uint_eq(eca_map_count(map), 1);
    eca_map_free(map);
    eca_map_free(NULL);
}
END_TEST

START_TEST(many_keys_are_found_in_insertion_order)
{
    static int values[KEYS];
    struct eca_map *map = eca_map_new();
    char key[16];
    const char *at;
    void *value;
    size_t cursor = 0;
    int expected = 0;

    for (int i = 0; i < KEYS; i++) {
        make_key(key, i);
        ck_assert_ptr_null(eca_map_put(map, key, &values[i]));
    }
    for (int i = 0; i < KEYS; i += 3) { /* every third goes; the second is replaced */
        make_key(key, i);
        ck_assert_ptr_eq(eca_map_remove(map, key), &values[i]);
    }
    make_key(key, 1);
    ck_assert_ptr_eq(eca_map_put(map, key, &values[0]), &values[1]);
    ck_assert_ptr_eq(eca_map_put(map, key, &values[1]), &values[0]);
    for (int i = 0; i < KEYS; i++) {
        make_key(key, i);
        ck_assert_ptr_eq(eca_map_get(map, key), i % 3 == 0 ? NULL : &values[i]);
    }
    while (eca_map_next(map, &cursor, &at, &value)) {
        expected += expected % 3 == 0;
        make_key(key, expected);
        ck_assert_str_eq(at, key);
        ck_assert_ptr_eq(value, &values[expected]);
        expected++;
    }
    ck_assert_int_ge(expected, KEYS - 1);
    eca_map_free(map);
}
END_TEST

START_TEST(entry_just_returned_may_be_removed)
{
    struct eca_map *map = eca_map_new();
    int value = 0, seen = 0;
    char key[16];
    const char *at;
    size_t cursor = 0;

    for (int i = 0; i < 100; i++) {
        make_key(key, i);
        (void)eca_map_put(map, key, &value);
    }
    while (eca_map_next(map, &cursor, &at, NULL)) {
        make_key(key, seen++);
        ck_assert_str_eq(at, key);
        ck_assert_ptr_eq(eca_map_remove(map, key), &value);
    }
    ck_assert_int_eq(seen, 100);
    ck_assert_uint_eq(eca_map_count(map), 0);
    cursor = 0;
    ck_assert(!eca_map_next(map, &cursor, NULL, NULL));
    eca_map_free(map);
}
END_TEST

/* An agent's maps live for months: coming and going keys find their place, order stays. */
START_TEST(churn_keeps_the_map_whole)
{
    static int values[KEYS];
    struct eca_map *map = eca_map_new();
    char key[16];
    const char *at;
    size_t cursor = 0;

    (void)eca_map_put(map, "first", &values[0]);
    for (int i = 0; i < 100000; i++) {
        make_key(key, i);
        ck_assert_ptr_null(eca_map_put(map, key, &values[i % KEYS]));
        if (i >= 10) {
            make_key(key, i - 10);
            ck_assert_ptr_eq(eca_map_remove(map, key), &values[(i - 10) % KEYS]);
        }
    }
    ck_assert_uint_eq(eca_map_count(map), 11);
    ck_assert(eca_map_next(map, &cursor, &at, NULL));
    ck_assert_str_eq(at, "first");
    ck_assert(eca_map_next(map, &cursor, &at, NULL));
    ck_assert_str_eq(at, "key-99990");
    eca_map_free(map);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/map");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, put_get_replace_remove);
    tcase_add_test(tcase, many_keys_are_found_in_insertion_order);
    tcase_add_test(tcase, entry_just_returned_may_be_removed);
    tcase_add_test(tcase, churn_keeps_the_map_whole);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
