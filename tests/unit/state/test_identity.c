#include <check.h>
#include <stdlib.h>

#include "agent/state/identity.h"

/* STATE-130, STATE-131, STATE-132, STATE-133, PROC-213, PROC-215, PROC-216, FB-15.2: the table. */
START_TEST(verdict_follows_the_rules)
{
    static const struct {
        const char *saved_id, *current_id, *saved_cluster, *configured;
        enum eca_identity_verdict verdict;
    } rows[] = {
        {"", "i-1", "", "blue", ECA_IDENTITY_KEEP},
        {"i-1", "i-1", "blue", "blue", ECA_IDENTITY_KEEP},
        {"i-1", NULL, "blue", "blue", ECA_IDENTITY_KEEP},
        {"i-1", "", "blue", "blue", ECA_IDENTITY_KEEP},
        {"", "i-2", "blue", "blue", ECA_IDENTITY_KEEP},
        {"i-1", "i-2", "blue", "blue", ECA_IDENTITY_OTHER_INSTANCE},
        {"i-1", "i-2", "blue", "green", ECA_IDENTITY_OTHER_INSTANCE},
        {"i-1", "i-1", "blue", "green", ECA_IDENTITY_OTHER_CLUSTER},
        {"i-1", "i-1", "blue", "", ECA_IDENTITY_OTHER_CLUSTER},
        {"i-1", "i-1", "default", "", ECA_IDENTITY_KEEP},
        {"i-1", "i-1", "arn:aws:ecs:us-west-2:1:cluster/blue", "blue", ECA_IDENTITY_KEEP},
        {"i-1", "i-1", "blue", "arn:aws:ecs:us-west-2:1:cluster/blue", ECA_IDENTITY_KEEP},
        {"i-1", "i-1", "arn:aws:ecs:us-west-2:1:cluster/blue",
         "arn:aws:ecs:us-west-2:2:cluster/blue", ECA_IDENTITY_OTHER_CLUSTER},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_identity saved;

        eca_identity_init(&saved);
        eca_identity_set(&saved.instance_id, rows[i].saved_id);
        eca_identity_set(&saved.cluster, rows[i].saved_cluster);
        ck_assert_msg(eca_identity_judge(&saved, rows[i].current_id, rows[i].configured) ==
                          rows[i].verdict,
                      "row %zu", i);
        eca_identity_clear(&saved);
    }
}
END_TEST

/* STATE-120: the record reads back as it was written; a broken one names its member. */
START_TEST(record_survives_a_round_trip)
{
    struct eca_identity one, two;
    eca_auto_buf struct eca_buf record = {0};
    struct eca_err err;

    eca_identity_init(&one);
    eca_identity_init(&two);
    eca_identity_set(&one.cluster, "blue");
    eca_identity_set(&one.instance_arn, "arn:ci");
    eca_identity_set(&one.client_token, "token-1");
    eca_identity_set(&one.import_sha256, "0123");
    eca_identity_write(&one, &record);
    ck_assert_int_eq(eca_identity_parse(eca_buf_view(&record), &two, NULL), 0);
    ck_assert_str_eq(two.cluster, "blue");
    ck_assert_str_eq(two.instance_arn, "arn:ci");
    ck_assert_str_eq(two.instance_id, "");
    ck_assert_str_eq(two.client_token, "token-1");
    ck_assert_str_eq(two.import_sha256, "0123");
    ck_assert_int_lt(eca_identity_parse(eca_view_str("{\"Cluster\":7}"), &two, &err), 0);
    ck_assert_str_eq(err.msg, "identity record: Cluster: want string, have number");
    ck_assert_str_eq(two.cluster, "blue");
    eca_identity_clear(&one);
    eca_identity_clear(&two);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state/identity");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, verdict_follows_the_rules);
    tcase_add_test(tcase, record_survives_a_round_trip);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
