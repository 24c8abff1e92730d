#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/record/mask.h"

/* text -> what a recording says; several in a row share the names. */
static const struct {
    const char *text, *masked;
} cases[] = {
    {"{\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"s3cr3t/+=\",\"Token\" : \"t0ken\"}",
     "{\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"masked-1\",\"Token\" : \"masked-2\"}"},
    {"{\"inner\":\"{\\\"sessionToken\\\":\\\"t0ken\\\"}\"}",
     "{\"inner\":\"{\\\"sessionToken\\\":\\\"masked-2\\\"}\"}"}, /* JSON in JSON, equal secret */
    {"{\"password\":\"a\\/b\\\"c\",\"x\":1}", "{\"password\":\"masked-3\",\"x\":1}"},
    {"{\"password\":\"masked-3\"}", "{\"password\":\"masked-3\"}"}, /* masked already */
    {"{\"token\":null,\"secretAccessKey\":\"\"}", "{\"token\":null,\"secretAccessKey\":\"\"}"},
    {"[default]\naws_secret_access_key = s3cr3t/+=\nregion = x\n",
     "[default]\naws_secret_access_key = masked-1\nregion = x\n"},
    {"  aws_secret_access_key = two words \r\n\taws_session_token=x\n",
     "  aws_secret_access_key = masked-5 \r\n\taws_session_token=masked-6\n"},
    {"Authorization: AWS4 Signature=abc\r\nHost: h\r\n\r\n{}",
     "Authorization: masked\r\nHost: h\r\n\r\n{}"},
    {"{\"environment\":{\"TOKEN\":\"of the user\"}}",
     "{\"environment\":{\"TOKEN\":\"of the user\"}}"},
    {"denied for s3cr3t/+=!", "denied for masked-1!"}, /* an echo */
    {"{\"password\"", "{\"password\""},                /* cut */
    {"", ""},
};

/* FB-INV.6 */
START_TEST(text_is_masked)
{
    struct eca_mask mask;

    eca_mask_init(&mask);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        eca_auto_buf struct eca_buf out = {0};

        bool changes = strcmp(cases[i].text, cases[i].masked) != 0;

        ck_assert_msg(eca_mask_concerns(&mask, eca_view_str(cases[i].text)) || !changes, "case %zu",
                      i);
        eca_mask_text(&mask, eca_view_str(cases[i].text), &out);
        ck_assert_msg(strcmp(eca_buf_str(&out), cases[i].masked) == 0, "case %zu: %s", i,
                      eca_buf_str(&out));
    }
    eca_mask_clear(&mask);
}
END_TEST

/* The reader of a masked registry token decodes it and finds a password: FB-INV.6 */
START_TEST(base64_stays_base64)
{
    static const char *const cases64[][2] = {
        {"{\"authorizationToken\":\"QVdTOnBhc3N3b3Jk\"}", /* AWS:password */
         "{\"authorizationToken\":\"dXNlcjptYXNrZWQtMQ==\"}"},
        {"{\"authorizationToken\":\"dXNlcjptYXNrZWQtMQ==\"}",
         "{\"authorizationToken\":\"dXNlcjptYXNrZWQtMQ==\"}"},
        {"{\"auth\":\"no base64, this\"}", "{\"auth\":\"!masked-3\"}"},
        {"{\"auth\":\"!masked-3\"}", "{\"auth\":\"!masked-3\"}"},
    };
    struct eca_mask mask;

    eca_mask_init(&mask);
    for (size_t i = 0; i < sizeof(cases64) / sizeof(cases64[0]); i++) {
        eca_auto_buf struct eca_buf out = {0};

        eca_mask_text(&mask, eca_view_str(cases64[i][0]), &out);
        ck_assert_msg(strcmp(eca_buf_str(&out), cases64[i][1]) == 0, "case %zu: %s", i,
                      eca_buf_str(&out));
    }
    eca_mask_clear(&mask);
}
END_TEST

/* A registry repeats the password, not what it came in: FB-INV.6 */
START_TEST(password_out_of_base64_is_known)
{
    eca_auto_buf struct eca_buf out = {0};
    struct eca_mask mask;

    eca_mask_init(&mask);
    eca_mask_text(&mask, eca_view_str("{\"auth\":\"QVdTOm9wZW4tc2VzYW1l\"}"), &out); /* AWS: */
    eca_buf_reset(&out);
    eca_mask_text(&mask, eca_view_str("denied for AWS with open-sesame"), &out);
    ck_assert_str_eq(eca_buf_str(&out), "denied for AWS with masked-1");
    eca_mask_clear(&mask);
}
END_TEST

/* Of text that the core made, what came up before is masked, and keys are not looked for: unless
 * there is something that is not looked for by itself, or the writer is nobody that is known. */
START_TEST(own_text_holds_what_came_up_before)
{
    struct eca_view member = eca_view_str("{\"password\":\"open-sesame\"}");
    struct eca_mask mask;

    eca_mask_init(&mask);
    ck_assert(!eca_mask_concerns_own(&mask, member));
    mask.is_blind = true;
    ck_assert(eca_mask_concerns_own(&mask, member));
    mask.is_blind = false;
    (void)eca_mask_secret(&mask, eca_view_str("open-sesame"));
    ck_assert(eca_mask_concerns_own(&mask, member));
    ck_assert(!eca_mask_concerns_own(&mask, eca_view_str("{\"password\":\"abc\"}")));
    (void)eca_mask_secret(&mask, eca_view_str("abc"));
    ck_assert(eca_mask_concerns_own(&mask, eca_view_str("{\"password\":\"abc\"}")));
    eca_mask_clear(&mask);
}
END_TEST

START_TEST(headers_and_variables)
{
    ck_assert(eca_mask_is_secret_header(eca_view_str("Authorization")));
    ck_assert(eca_mask_is_secret_header(eca_view_str("x-registry-AUTH")));
    ck_assert(eca_mask_is_secret_header(eca_view_str("X-Amz-Security-Token")));
    ck_assert(eca_mask_is_secret_header(eca_view_str("x-aws-ec2-metadata-token")));
    ck_assert(eca_mask_is_secret_header(eca_view_str("Proxy-Authorization")));
    ck_assert(!eca_mask_is_secret_header(eca_view_str("X-Amz-Content-Sha256"))); /* as long */
    ck_assert(!eca_mask_is_secret_header(eca_view_str("X-Amz-Date")));
    ck_assert(eca_mask_is_secret_variable("AWS_SECRET_ACCESS_KEY"));
    ck_assert(eca_mask_is_secret_variable("AWS_SECRET_KEY"));
    ck_assert(!eca_mask_is_secret_variable("AWS_ACCESS_KEY_ID"));
}
END_TEST

/* Role credentials change by the hour; a recording that goes on for weeks does not keep
 * all that there ever were. What was met in the segment before is still known. */
START_TEST(secrets_of_old_segments_are_forgotten)
{
    eca_auto_buf struct eca_buf out = {0};
    struct eca_mask mask;

    eca_mask_init(&mask);
    for (int segment = 0; segment < 100; segment++) {
        for (int i = 0; i < 50; i++) {
            eca_auto_free char *secret = eca_xasprintf("secret-%d-%d", segment, i);

            (void)eca_mask_secret(&mask, eca_view_str(secret));
        }
        ck_assert_str_eq(eca_mask_secret(&mask, eca_view_str("stays-for-ever")), "masked-51");
        eca_mask_next_segment(&mask);
    }
    ck_assert_uint_eq(eca_map_count(mask.names), 51);
    eca_mask_text(&mask, eca_view_str("denied for secret-99-7"), &out);
    ck_assert_str_eq(eca_buf_str(&out), "denied for masked-4959");
    ck_assert_str_eq(eca_mask_secret(&mask, eca_view_str("new")), "masked-5002");
    eca_mask_next_segment(&mask); /* the echo counted as a use */
    ck_assert_uint_eq(eca_map_count(mask.names), 2);
    eca_mask_clear(&mask);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record/mask");
    TCase *tcase = tcase_create("mask");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, text_is_masked);
    tcase_add_test(tcase, base64_stays_base64);
    tcase_add_test(tcase, password_out_of_base64_is_known);
    tcase_add_test(tcase, own_text_holds_what_came_up_before);
    tcase_add_test(tcase, headers_and_variables);
    tcase_add_test(tcase, secrets_of_old_segments_are_forgotten);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
