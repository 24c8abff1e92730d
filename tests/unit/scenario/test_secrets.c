#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/str.h"
#include "harness/scenario/secrets.h"

/* NKT-404: a secret is found as text, base64, hexadecimal and decimal byte list, FB-INV.6. */

static const char *find(const char *text)
{
    static char found[200] = "";
    struct hns_secret_forms forms;
    const char *form;

    hns_secret_forms_init(&forms, "swordfish");
    form = hns_secret_found(&forms, eca_view_str(text));
    (void)snprintf(found, sizeof found, "%s", form == NULL ? "" : form);
    hns_secret_forms_clear(&forms);
    return form == NULL ? NULL : found;
}

START_TEST(every_form_is_found)
{
    static const char *const rows[] = {
        "login with swordfish failed",
        "auth 73776f726466697368;",
        "auth 73776F726466697368;",
        "[]byte{117, 115, 119, 111, 114, 100, 102, 105, 115, 104}",
        "[117 115 119 111 114 100 102 105 115 104]",
        "[117,115,119,111,114,100,102,105,115,104]",
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(find(rows[i]) != NULL, "%s", rows[i]);
    }
}
END_TEST

/* Whatever stands around it decides where in the groups of three it begins and ends. */
START_TEST(base64_is_found_wherever_it_begins)
{
    static const char *const before[] = {"", "u", "us", "user:"}, *const after[] = {"", "x", "xy"};

    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 3; j++) {
            eca_auto_buf struct eca_buf plain = {0}, encoded = {0};

            eca_buf_addf(&plain, "%sswordfish%s", before[i], after[j]);
            eca_base64(plain.at, plain.len, false, &encoded);
            ck_assert_msg(find(eca_buf_str(&encoded)) != NULL, "%s", eca_buf_str(&plain));
        }
    }
}
END_TEST

START_TEST(other_text_is_not_found)
{
    ck_assert_ptr_null(find("swordfis"));
    ck_assert_ptr_null(find("c3dvcmRmaXN4")); /* swordfisx */
    ck_assert_ptr_null(find("115 119 111 114 100 102 105 115"));
    ck_assert_ptr_null(find(""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secrets");
    TCase *tcase = tcase_create("secrets");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, every_form_is_found);
    tcase_add_test(tcase, base64_is_found_wherever_it_begins);
    tcase_add_test(tcase, other_text_is_not_found);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
