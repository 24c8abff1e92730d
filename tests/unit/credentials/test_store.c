#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/credentials/store.h"

static struct eca_credentials_store *store;

static void setup(void)
{
    store = eca_credentials_store_new();
}

static void teardown(void)
{
    eca_credentials_store_free(store);
}

static void set(const char *arn, const char *id, const char *key)
{
    struct eca_task_credentials credentials = {.credentials_id = id, .access_key_id = key};

    ck_assert_int_eq(eca_credentials_store_set(store, arn, &credentials, NULL), ECA_OK);
}

static void is(const char *id, const char *key)
{
    struct eca_task_credentials_view view;

    ck_assert_int_eq(eca_credentials_store_find(store, eca_view_str(id), &view),
                     ECA_CREDENTIALS_FOUND);
    ck_assert(eca_view_eq_str(view.access_key_id, key));
}

static void is_not(const char *id, enum eca_credentials_found found)
{
    struct eca_task_credentials_view view;

    ck_assert_int_eq(eca_credentials_store_find(store, eca_view_str(id), &view), found);
}

/* CRED-101: refusals in this order; other members may be missing. */
START_TEST(empty_names_are_refused)
{
    struct eca_task_credentials credentials = {.credentials_id = ""};
    struct eca_err err = {0};

    ck_assert_int_eq(eca_credentials_store_set(store, "", &credentials, &err), ECA_E_INVALID);
    ck_assert_str_eq(err.msg, "CredentialsId is empty");
    credentials.credentials_id = "id";
    ck_assert_int_eq(eca_credentials_store_set(store, "", &credentials, &err), ECA_E_INVALID);
    ck_assert_str_eq(err.msg, "task ARN is empty");
    ck_assert_uint_eq(eca_credentials_store_count(store), 0);
    set("t", "id", "");
    is("id", "");
}
END_TEST

/* PAY-144, CRED-104, CRED-111, CRED-121: every id of the task leads to the newest values, until
 * the task ends. */
START_TEST(old_ids_lead_to_the_newest_values)
{
    set("t", "first", "1");
    set("t", "second", "2");
    is("first", "2");
    is("second", "2");
    set("other", "third", "3");
    eca_credentials_store_remove_task(store, "t");
    is_not("first", ECA_CREDENTIALS_UNKNOWN);
    is_not("second", ECA_CREDENTIALS_UNKNOWN);
    is("third", "3");
    eca_credentials_store_remove_task(store, "t");
}
END_TEST

/* CREDEP-131: the whole id counts, wherever it stands among the others. */
START_TEST(only_the_whole_id_is_one)
{
    static const char *const others[] = {"", "i", "id-12", "id-1234", "id-12X", "Xd-123", "ID-123"};

    set("a", "id-122", "1");
    set("b", "id-123", "2");
    set("c", "id-124", "3");
    is("id-122", "1");
    is("id-123", "2");
    is("id-124", "3");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        is_not(others[i], ECA_CREDENTIALS_UNKNOWN);
    }
}
END_TEST

/* An id that another task gets belongs to that task. */
START_TEST(an_id_moves_with_its_newest_task)
{
    set("t", "id", "1");
    set("u", "id", "2");
    is("id", "2");
    eca_credentials_store_remove_task(store, "t");
    is("id", "2");
    eca_credentials_store_expect(store, "v", "awaited");
    set("u", "awaited", "3"); /* v has no id any more that could be delivered */
    ck_assert(!eca_credentials_store_is_waiting(store));
    is("id", "3");
}
END_TEST

/* FB-31.1, FB-31.3, CRED-124: awaited after a restart. */
START_TEST(restored_ids_are_awaited)
{
    ck_assert(!eca_credentials_store_is_waiting(store));
    eca_credentials_store_expect(store, "t", "a");
    eca_credentials_store_expect(store, "t", "b");
    eca_credentials_store_expect(store, "u", "c");
    is_not("a", ECA_CREDENTIALS_PENDING);
    is_not("x", ECA_CREDENTIALS_UNKNOWN);
    set("t", "b", "1");
    is("a", "1");
    ck_assert(eca_credentials_store_is_waiting(store));
    eca_credentials_store_remove_task(store, "u");
    ck_assert(!eca_credentials_store_is_waiting(store));
}
END_TEST

/* The number of ids is bounded; the first one, which the containers use, stays. */
START_TEST(ids_are_bounded)
{
    char id[32];

    for (int i = 0; i < 1000; i++) {
        (void)snprintf(id, sizeof(id), "id%d", i);
        set("t", id, id);
    }
    ck_assert_uint_eq(eca_credentials_store_count(store), ECA_CREDENTIALS_IDS_MAX);
    is("id0", "id999");
    is_not("id1", ECA_CREDENTIALS_UNKNOWN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("credentials store");
    TCase *tcase = tcase_create("store");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, empty_names_are_refused);
    tcase_add_test(tcase, old_ids_lead_to_the_newest_values);
    tcase_add_test(tcase, only_the_whole_id_is_one);
    tcase_add_test(tcase, an_id_moves_with_its_newest_task);
    tcase_add_test(tcase, restored_ids_are_awaited);
    tcase_add_test(tcase, ids_are_bounded);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
