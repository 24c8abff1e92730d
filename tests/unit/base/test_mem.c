#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"

START_TEST(memory_is_zeroed_and_never_null)
{
    eca_auto_free unsigned char *at = eca_xalloc(100);
    eca_auto_free char *none = eca_xalloc(0);

    for (size_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(at[i], 0);
    }
    ck_assert_ptr_nonnull(none);
}
END_TEST

START_TEST(arrays_keep_their_elements_when_they_grow)
{
    eca_auto_free uint32_t *array = eca_xrealloc_array(NULL, 2, sizeof(*array));

    array[0] = 7;
    array[1] = 8;
    array = eca_xrealloc_array(array, 1000, sizeof(*array));
    ck_assert_uint_eq(array[0], 7);
    ck_assert_uint_eq(array[1], 8);
}
END_TEST

/* A product that wraps around must not become a small allocation. In a child of its own: this has
 * to work where Check does not fork, too. */
START_TEST(overflowing_size_ends_the_process)
{
    int status = 0;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)eca_xrealloc_array(NULL, SIZE_MAX / 2, 3);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}
END_TEST

START_TEST(text_copies)
{
    eca_auto_free char *copy = eca_xstrdup("abc");
    eca_auto_free char *part = eca_xstrndup("abcdef", 3);
    eca_auto_free char *made = eca_xasprintf("%d-%s", 12, "x");

    ck_assert_str_eq(copy, "abc");
    ck_assert_str_eq(part, "abc");
    ck_assert_str_eq(made, "12-x");
    ck_assert_ptr_null(eca_xstrdup(NULL));
    eca_free(NULL);
}
END_TEST

START_TEST(take_leaves_null_behind)
{
    eca_auto_free char *mine = eca_xstrdup("abc");
    eca_auto_free char *yours = eca_take(mine);

    ck_assert_ptr_null(mine);
    ck_assert_str_eq(yours, "abc");
}
END_TEST

struct item {
    int value;
    struct eca_list_node node;
};

static int value_of(struct eca_list_node *node)
{
    ck_assert_ptr_nonnull(node);
    return eca_list_entry(node, struct item, node)->value;
}

START_TEST(list_keeps_order_and_count)
{
    struct item items[4] = {{.value = 0}, {.value = 1}, {.value = 2}, {.value = 3}};
    struct eca_list list;
    int expected = 0;

    eca_list_init(&list);
    ck_assert(eca_list_is_empty(&list));
    ck_assert_ptr_null(eca_list_pop_front(&list));
    eca_list_push_back(&list, &items[1].node);
    eca_list_push_back(&list, &items[2].node);
    eca_list_push_front(&list, &items[0].node);
    eca_list_remove(&list, &items[3].node); /* in no list: no effect */
    ck_assert_uint_eq(list.count, 3);
    ECA_LIST_FOREACH(it, &list)
    {
        ck_assert_int_eq(value_of(it), expected);
        expected++;
        eca_list_remove(&list, it); /* allowed while iterating */
        ck_assert(!eca_list_is_linked(it));
    }
    ck_assert_int_eq(expected, 3);
    ck_assert_uint_eq(list.count, 0);
    eca_list_push_back(&list, &items[3].node);
    ck_assert_int_eq(value_of(eca_list_pop_front(&list)), 3);
    ck_assert(eca_list_is_empty(&list));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/mem");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, memory_is_zeroed_and_never_null);
    tcase_add_test(tcase, arrays_keep_their_elements_when_they_grow);
    tcase_add_test(tcase, overflowing_size_ends_the_process);
    tcase_add_test(tcase, text_copies);
    tcase_add_test(tcase, take_leaves_null_behind);
    tcase_add_test(tcase, list_keeps_order_and_count);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
