#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/acs/messages.h"

static int decode(const char *text, struct eca_frame *frame, struct eca_err *err)
{
    return eca_acs_decode(eca_view_str(text), frame, err);
}

/* WS-160, WS-161, WS-163, WS-167: envelope, keys of any case, message may be missing. */
START_TEST(envelope_is_decoded)
{
    static const struct {
        const char *text;
        size_t type;
        bool has_body;
    } rows[] = {
        {"{\"type\":\"HeartbeatMessage\",\"message\":{\"healthy\":true}}", ECA_ACS_HEARTBEAT, true},
        {" {\"TYPE\":\"HeartbeatMessage\",\"Message\":{}} \n", ECA_ACS_HEARTBEAT, true},
        {"{\"type\":\"HeartbeatMessage\"}", ECA_ACS_HEARTBEAT, false},
        {"{\"type\":\"PayloadMessage\",\"message\":null}", ECA_ACS_PAYLOAD, false},
        {"{\"type\":\"StageUpdateMessage\",\"message\":{\"messageId\":\"u\"},\"more\":1}",
         ECA_ACS_STAGE_UPDATE, true},
        {"{\"type\":\"x\",\"type\":\"CloseMessage\",\"message\":{\"message\":\"bye\"}}",
         ECA_ACS_CLOSE, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_frame struct eca_frame frame = {0};
        struct eca_err err = {0};

        ck_assert_msg(decode(rows[i].text, &frame, &err) == 0, "%s: %s", rows[i].text, err.msg);
        ck_assert_uint_eq(frame.type, rows[i].type);
        ck_assert_int_eq(frame.body != NULL, rows[i].has_body);
    }
}
END_TEST

/* WS-162, WS-164, WS-166, FB-32.1: refused without the peer's text in the sentence. */
START_TEST(garbage_is_refused_without_quoting_it)
{
    static const struct {
        const char *text;
        const char *sentence;
    } rows[] = {
        {"{\"type\":\"payloadmessage\",\"message\":{\"k\":\"MARKER\"}}", "payloadmessage"},
        {"{\"type\":\"PayloadMessage\",\"message\":[\"MARKER\"]}", "want object, have array"},
        {"{\"type\":\"PayloadMessage\",\"message\":{\"a\":\"MARKER\"}} x", "could not decode"},
        {"{\"type\":\"PayloadMessage\",\"message\":{\"a\":\"MARKER\"", "could not decode"},
        {"[\"MARKER\"]", "not an object"},
        {"{\"ServerException\":\"MARKER\",\"b\":1}", "not a single member"},
        {"{\"ServerException\":7}", "no text"},
        {"{\"AckRequest\":\"MARKER\"}", "AckRequest"},
        {"{\"PayloadMessage\":\"MARKER\"}", "no message text"},
        {"{}", "not a single member"},
        {"", "could not decode"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_frame struct eca_frame frame = {0};
        struct eca_err err = {0};

        ck_assert_int_eq(decode(rows[i].text, &frame, &err), ECA_E_INVALID);
        ck_assert_msg(strstr(err.msg, rows[i].sentence) != NULL, "%s: %s", rows[i].text, err.msg);
        ck_assert_ptr_null(strstr(err.msg, "MARKER"));
    }
}
END_TEST

/* WS-164, ACS-102: the short error form. */
START_TEST(short_form_is_an_error_of_that_type)
{
    eca_auto_frame struct eca_frame frame = {0}, null_text = {0};

    ck_assert_int_eq(decode("{\"InvalidClusterException\":\"Cluster not found.\"}", &frame, NULL),
                     0);
    ck_assert_uint_eq(frame.type, ECA_ACS_INVALID_CLUSTER_EXCEPTION);
    ck_assert_str_eq(frame.text, "Cluster not found.");
    ck_assert_int_eq(decode("{\"ServerException\":null}", &null_text, NULL), 0);
    ck_assert_ptr_null(null_text.text);
}
END_TEST

/* WS-165: a wrong type rejects the whole message and names the member. */
START_TEST(wrong_type_names_the_member)
{
    eca_auto_frame struct eca_frame frame = {0};
    struct eca_acs_refresh refresh;
    struct eca_err err = {0};

    ck_assert_int_eq(
        decode("{\"type\":\"IAMRoleCredentialsMessage\",\"message\":{\"messageId\":\"m\","
               "\"roleCredentials\":{\"accessKeyId\":7}}}",
               &frame, NULL),
        0);
    ck_assert_int_eq(eca_acs_read_refresh(frame.body, &refresh, &err), ECA_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.msg, "message.roleCredentials.accessKeyId"));
}
END_TEST

/* ACS-301, ACS-302, ACS-303, WS-160: exact bytes, absent members left out. */
START_TEST(acks_have_the_exact_bytes)
{
    eca_auto_buf struct eca_buf out = {0};

    eca_acs_write_ack(&out, "blue", "arn:ci-1", "0c1d-0001");
    ck_assert_str_eq(eca_buf_str(&out),
                     "{\"type\":\"AckRequest\",\"message\":{\"cluster\":\"blue\","
                     "\"containerInstance\":\"arn:ci-1\",\"messageId\":\"0c1d-0001\"}}");
    eca_buf_reset(&out);
    eca_acs_write_nack(&out, NULL, NULL, "up-1", "Updates are disabled");
    ck_assert_str_eq(eca_buf_str(&out),
                     "{\"type\":\"NackRequest\",\"message\":{\"messageId\":\"up-1\","
                     "\"reason\":\"Updates are disabled\"}}");
    eca_buf_reset(&out);
    eca_acs_write_credentials_ack(&out, "m", "cred-1", NULL);
    ck_assert_str_eq(eca_buf_str(&out),
                     "{\"type\":\"IAMRoleCredentialsAckRequest\",\"message\":{\"credentialsId\":"
                     "\"cred-1\",\"messageId\":\"m\"}}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("acs/messages");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, envelope_is_decoded);
    tcase_add_test(tcase, garbage_is_refused_without_quoting_it);
    tcase_add_test(tcase, short_form_is_an_error_of_that_type);
    tcase_add_test(tcase, wrong_type_names_the_member);
    tcase_add_test(tcase, acks_have_the_exact_bytes);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
