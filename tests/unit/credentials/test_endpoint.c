#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/credentials/endpoint.h"

static char audited[1024];

static void keep_audit(void *arg, const char *line)
{
    (void)arg;
    strncpy(audited, line, sizeof(audited) - 1);
}

static int64_t wall(void *arg)
{
    (void)arg;
    return INT64_C(1479290400000);
}

static enum eca_credentials_found find(void *impl, struct eca_view id,
                                       struct eca_task_credentials_view *ret)
{
    (void)impl;
    if (eca_view_eq_str(id, "cred-1")) {
        *ret = (struct eca_task_credentials_view){"arn:role",
                                                  "arn:task",
                                                  eca_view_str("AKID"),
                                                  eca_view_str("SECRET"),
                                                  eca_view_str("TOKEN"),
                                                  "2016-09-01T18:00:00Z"};
        return ECA_CREDENTIALS_FOUND;
    }
    return eca_view_eq_str(id, "restored") ? ECA_CREDENTIALS_PENDING : ECA_CREDENTIALS_UNKNOWN;
}

static struct eca_credentials_endpoint endpoint = {
    .source = {find, NULL},
    .audit = keep_audit,
    .wall_ms = wall,
    .cluster = "blue",
    .instance_arn = "arn:ci",
};

static int ask(const char *method, const char *path, const char *query, const char *agent,
               struct eca_endpoint_response *response)
{
    struct eca_endpoint_request request = {.method = method,
                                           .path = path,
                                           .query = query,
                                           .user_agent = agent,
                                           .has_user_agent = agent[0] != '\0',
                                           .remote = "172.17.0.2:4711"};

    *response = (struct eca_endpoint_response){0};
    audited[0] = '\0';
    eca_credentials_handle(&endpoint, &request, response);
    return response->status;
}

/* CREDEP-102, CREDEP-104, CREDEP-105, CREDEP-107, CREDEP-131, CRED-105, FB-31.1: every case of the
 * table. */
START_TEST(each_case_has_its_status_and_code)
{
    static const struct {
        const char *method, *path, *query;
        int status;
        const char *code, *message;
    } rows[] = {
        {"GET", "/v2/credentials/cred-1", NULL, 200, NULL, NULL},
        {"HEAD", "/v2/credentials/cred-1/", "x=y", 200, NULL, NULL},
        {"GET", "/v1/credentials", "a=b&id=cred-1", 200, NULL, NULL},
        {"GET", "/v1/credentials", "id=cred%2D1", 200, NULL, NULL},
        {"GET", "/v2/credentials/", NULL, 400, "NoIdInRequest",
         "CredentialsV2Request: No ID in the request"},
        {"GET", "/v2/credentials", NULL, 400, "NoIdInRequest",
         "CredentialsV2Request: No ID in the request"},
        {"GET", "/v1/credentials", "id=", 400, "NoIdInRequest",
         "CredentialsV1Request: No ID in the request"},
        {"GET", "/v2/credentials/other", NULL, 400, "InvalidIdInRequest",
         "CredentialsV2Request: ID not found"},
        {"GET", "/v2/credentials/cred-1//", NULL, 400, "InvalidIdInRequest",
         "CredentialsV2Request: ID not found"},
        {"GET", "/v2/credentials//cred-1", NULL, 400, "InvalidIdInRequest",
         "CredentialsV2Request: ID not found"},
        {"GET", "/v2/credentials/cred-1/x", NULL, 400, "InvalidIdInRequest",
         "CredentialsV2Request: ID not found"},
        {"GET", "/v1/credentials", "id=restored", 503, "CredentialsUninitialized",
         "CredentialsV1Request: Credentials uninitialized for ID"},
        {"GET", "/v2/credentialsx", NULL, 404, NULL, NULL},
        {"GET", "/", NULL, 404, NULL, NULL},
        {"POST", "/v2/credentials/cred-1", NULL, 405, NULL, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_endpoint_response response;
        eca_auto_json struct eca_json_doc *doc = NULL;

        ck_assert_msg(ask(rows[i].method, rows[i].path, rows[i].query, "sdk", &response) ==
                          rows[i].status,
                      "%s?%s: %d", rows[i].path, rows[i].query, response.status);
        if (rows[i].code != NULL) {
            ck_assert_int_eq(eca_json_parse(eca_buf_view(&response.body), &doc, NULL), 0);
            ck_assert_str_eq(eca_json_str(eca_json_get(eca_json_root(doc), "code")), rows[i].code);
            ck_assert_str_eq(eca_json_str(eca_json_get(eca_json_root(doc), "message")),
                             rows[i].message);
        }
        if (rows[i].status != 200) {
            ck_assert_ptr_null(strstr(eca_buf_str(&response.body), "SECRET"));
        }
        if (rows[i].status == 503) {
            ck_assert_str_eq(response.extra_headers[1][0], "Retry-After");
            ck_assert_str_eq(response.extra_headers[1][1], "1");
        }
        ck_assert_str_eq(response.extra_headers[0][1], "no-store");
        eca_buf_clear(&response.body);
    }
}
END_TEST

/* CREDEP-103: the exact document, without the id. */
START_TEST(credentials_are_served_as_the_sdk_reads_them)
{
    struct eca_endpoint_response response;

    ck_assert_int_eq(ask("GET", "/v2/credentials/cred-1", NULL, "sdk", &response), 200);
    ck_assert_str_eq(response.content_type, "application/json");
    ck_assert_str_eq(eca_buf_str(&response.body),
                     "{\"RoleArn\":\"arn:role\",\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":"
                     "\"SECRET\",\"Token\":\"TOKEN\",\"Expiration\":\"2016-09-01T18:00:00Z\"}");
    eca_buf_clear(&response.body);
}
END_TEST

/* CREDEP-108, AUD-102, AUD-103, FB-32.3: one line each, never the id, nothing that breaks it. */
START_TEST(every_request_is_audited_without_its_id)
{
    static const struct {
        const char *path, *query, *agent, *line;
    } rows[] = {
        {"/v2/credentials/cred-1", NULL, "aws-sdk/1.0",
         "2016-11-16T10:00:00Z 200 172.17.0.2:4711 \"/v2/credentials\" \"aws-sdk/1.0\" arn:task "
         "GetCredentials 1 blue arn:ci"},
        {"/v1/credentials", "id=nope", "",
         "2016-11-16T10:00:00Z 400 172.17.0.2:4711 \"/v1/credentials\" \"\" - GetCredentials 1 "
         "blue "
         "arn:ci"},
        {"/v2/credentials/x", NULL, "a\"b\nc\\",
         "2016-11-16T10:00:00Z 400 172.17.0.2:4711 \"/v2/credentials\" \"a\\\"b\\nc\\\\\" - "
         "GetCredentials 1 blue arn:ci"},
    };
    char longest[600] = {0};
    struct eca_endpoint_response response;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)ask("GET", rows[i].path, rows[i].query, rows[i].agent, &response);
        ck_assert_str_eq(audited, rows[i].line);
        eca_buf_clear(&response.body);
    }
    memset(longest, 'a', sizeof(longest) - 1);
    (void)ask("GET", "/v2/credentials/x", NULL, longest, &response);
    ck_assert_uint_eq(strspn(strstr(audited, "aaa"), "a"), 256);
    eca_buf_clear(&response.body);
    (void)ask("POST", "/v2/credentials/cred-1", NULL, "", &response);
    ck_assert_ptr_nonnull(strstr(audited, " 405 172.17.0.2:4711 \"/v2/credentials\" \"\" - "));
    eca_buf_clear(&response.body);
    (void)ask("GET", "/other", NULL, "", &response);
    ck_assert_str_eq(audited, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("credentials/endpoint");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, each_case_has_its_status_and_code);
    tcase_add_test(tcase, credentials_are_served_as_the_sdk_reads_them);
    tcase_add_test(tcase, every_request_is_audited_without_its_id);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
