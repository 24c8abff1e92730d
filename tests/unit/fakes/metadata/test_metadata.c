#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/ecr/ecr.h"
#include "fakes/metadata/metadata.h"
#include "tests/unit/fakes/stage.h"

static struct stage stage;
static struct fake_auth *auth;
static struct fake_metadata *metadata;
static struct fake_ecr *ecr;
static struct client last;

static void setup(void)
{
    struct fake_metadata_opts opts = {0};
    struct fake_ecr_opts ecr_opts = {.region = "us-west-2"};

    stage_open(&stage);
    auth = fake_auth_new(stage.base.sched);
    opts.base = ecr_opts.base = stage.base;
    opts.auth = ecr_opts.auth = auth;
    opts.roles = "first\nsecond";
    opts.key_life_ms = 3600000;
    metadata = fake_metadata_new(&opts);
    ecr = fake_ecr_new(&ecr_opts);
    fake_memory_map(stage.memory, "169.254.169.254", "metadata");
    fake_memory_map(stage.memory, "ecr.test", "ecr");
    memset(&last, 0, sizeof(last));
}

static void teardown(void)
{
    client_clear(&last);
    stage_drop_carrier(&stage);
    fake_metadata_free(metadata);
    fake_ecr_free(ecr);
    fake_auth_free(auth);
    stage_close(&stage);
}

static int ask_with(const char *method, const char *path, const char *header, const char *value)
{
    eca_auto_buf struct eca_buf url = {0};
    struct ask ask = {.method = method, .total_ms = 2000};

    eca_buf_addf(&url, "http://169.254.169.254%s", path);
    ask.url = eca_buf_str(&url);
    if (header != NULL) {
        ask.headers[0] = (struct eca_http_header){header, value};
        ask.header_count = 1;
    }
    client_clear(&last);
    client_run(&last, &stage, &ask);
    return last.status;
}

static int get(const char *path)
{
    return ask_with("GET", path, NULL, NULL);
}

static bool has(const char *part)
{
    return strstr(eca_buf_str(&last.body), part) != NULL;
}

/* EC2-F01 */
START_TEST(documents_under_any_version)
{
    ck_assert_int_eq(get("/2014-02-25/dynamic/instance-identity/document"), 200);
    ck_assert(has("\"instanceId\":\"i-0fake\"") && has("\"region\":\"us-west-2\""));
    ck_assert_int_eq(get("/latest/dynamic/instance-identity/document"), 200);
    ck_assert_int_eq(get("/latest/dynamic/instance-identity/signature"), 200);
    ck_assert_int_eq(get("/latest/nothing"), 404);
    fake_metadata_set_instance(metadata, "i-2", NULL);
    ck_assert_int_eq(get("/latest/dynamic/instance-identity/document"), 200);
    ck_assert(has("\"instanceId\":\"i-2\""));
    fake_metadata_set(metadata, "/dynamic/instance-identity/document", 500, "oops");
    ck_assert_int_eq(get("/latest/dynamic/instance-identity/document"), 500);
    ck_assert(has("oops"));
    fake_metadata_set(metadata, "/dynamic/instance-identity/document", 0, NULL);
    ck_assert_int_eq(get("/latest/dynamic/instance-identity/document"), 200);
    ck_assert_int_eq(ask_with("POST", "/latest/dynamic/instance-identity/document", NULL, NULL),
                     405);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_METADATA, "get", NULL), 8);
}
END_TEST

/* EC2-112: tokens given, required, unknown, silent. */
START_TEST(tokens_in_every_mode)
{
    static const char ttl[] = "X-aws-ec2-metadata-token-ttl-seconds";
    static const char token_path[] = "/latest/api/token";
    static const char document[] = "/latest/dynamic/instance-identity/document";
    char token[64];

    fake_metadata_set_tokens(metadata, FAKE_METADATA_TOKENS_REQUIRED);
    ck_assert_int_eq(get(document), 401);
    ck_assert_int_eq(ask_with("PUT", token_path, ttl, "60"), 200);
    ck_assert_uint_lt(last.body.len, sizeof(token));
    memcpy(token, eca_buf_str(&last.body), last.body.len + 1);
    ck_assert_int_eq(ask_with("GET", document, "X-aws-ec2-metadata-token", token), 200);
    ck_assert_int_eq(ask_with("GET", document, "X-aws-ec2-metadata-token", "other"), 401);
    manual_clock_advance_ms(&stage.clock, 61000);
    ck_assert_int_eq(ask_with("GET", document, "X-aws-ec2-metadata-token", token), 401);
    ck_assert_int_eq(ask_with("PUT", token_path, ttl, "30000"), 400);
    ck_assert_int_eq(ask_with("PUT", token_path, NULL, NULL), 400);
    ck_assert_int_eq(ask_with("GET", token_path, ttl, "60"), 405);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 2);
    fake_metadata_set_tokens(metadata, FAKE_METADATA_TOKENS_OFF);
    ck_assert_int_eq(ask_with("PUT", token_path, ttl, "60"), 404);
    ck_assert_int_eq(ask_with("GET", document, "X-aws-ec2-metadata-token", "other"), 200);
    fake_metadata_set_tokens(metadata, FAKE_METADATA_TOKENS_SILENT);
    ck_assert_int_eq(ask_with("PUT", token_path, ttl, "60"), 0);
    ck_assert_int_eq(last.end.err.code, ECA_E_TIMEOUT);
    ck_assert_int_eq(get(document), 200);
}
END_TEST

/* EC2-112: a token is good until its end, whoever asks for others; none goes through a proxy. */
START_TEST(tokens_live_side_by_side)
{
    static const char ttl[] = "X-aws-ec2-metadata-token-ttl-seconds";
    static const char document[] = "/latest/dynamic/instance-identity/document";
    struct ask forwarded = {.method = "PUT",
                            .url = "http://169.254.169.254/latest/api/token",
                            .headers = {{ttl, "60"}, {"X-Forwarded-For", "10.0.0.9"}},
                            .header_count = 2,
                            .total_ms = 2000};
    char token[64];

    fake_metadata_set_tokens(metadata, FAKE_METADATA_TOKENS_REQUIRED);
    ck_assert_int_eq(ask_with("PUT", "/latest/api/token", ttl, "600"), 200);
    ck_assert_ptr_nonnull(
        strstr(eca_buf_str(&last.head_text), "x-aws-ec2-metadata-token-ttl-seconds: 600\n"));
    ck_assert_uint_lt(last.body.len, sizeof(token));
    memcpy(token, eca_buf_str(&last.body), last.body.len + 1);
    ck_assert_int_eq(ask_with("PUT", "/latest/api/token", ttl, "60"), 200);
    ck_assert_str_ne(eca_buf_str(&last.body), token);
    ck_assert_int_eq(ask_with("GET", document, "X-aws-ec2-metadata-token", token), 200);
    manual_clock_advance_ms(&stage.clock, 599000);
    ck_assert_int_eq(ask_with("GET", document, "X-aws-ec2-metadata-token", token), 200);
    manual_clock_advance_ms(&stage.clock, 2000);
    ck_assert_int_eq(ask_with("GET", document, "X-aws-ec2-metadata-token", token), 401);
    client_clear(&last);
    client_run(&last, &stage, &forwarded);
    ck_assert_int_eq(last.status, 403);
}
END_TEST

/* EC2-304: keys that live as long as they say, and work. */
START_TEST(role_keys_are_given_renewed_and_valid)
{
    static const char role[] = "/latest/meta-data/iam/security-credentials/first";
    char first[32];

    ck_assert_int_eq(get("/latest/meta-data/iam/security-credentials"), 200);
    ck_assert(has("first\nsecond"));
    ck_assert_int_eq(get("/latest/meta-data/iam/security-credentials/"), 200);
    ck_assert_int_eq(get("/latest/meta-data/iam/security-credentials/third"), 404);
    ck_assert_int_eq(get(role), 200);
    ck_assert(has("\"Code\":\"Success\""));
    ck_assert(has("\"Expiration\":\"2016-11-15T09:30:0"));
    memcpy(first, fake_metadata_key_id(metadata), strlen(fake_metadata_key_id(metadata)) + 1);
    ck_assert_int_eq(get(role), 200);
    ck_assert_str_eq(fake_metadata_key_id(metadata), first);
    manual_clock_advance_ms(&stage.clock, 3000000);
    ck_assert_int_eq(get(role), 200);
    ck_assert_str_ne(fake_metadata_key_id(metadata), first);
    memcpy(first, fake_metadata_key_id(metadata), strlen(fake_metadata_key_id(metadata)) + 1);
    fake_metadata_rotate(metadata);
    ck_assert_int_eq(get(role), 200);
    ck_assert_str_ne(fake_metadata_key_id(metadata), first);
}
END_TEST

/* DKR-F06, ECR-103..109 */
START_TEST(registry_tokens_in_every_shape)
{
    static const char target[] = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
    static const char body[] = "{\"registryIds\":[\"123\"]}";
    static const struct stage_keys keys = {"AK", "SK", ""};
    static const struct {
        enum fake_ecr_answer answer;
        const char *part;
    } rows[] = {
        {FAKE_ECR_ONE,
         "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOmVjci1wYXNzd29yZA==\""
         ",\"expiresAt\":1479241800,\"proxyEndpoint\":"
         "\"https://123.dkr.ecr.us-west-2.amazonaws.com\"}]}"},
        {FAKE_ECR_NONE, "{\"authorizationData\":[]}"},
        {FAKE_ECR_TWO, "},{"},
        {FAKE_ECR_NO_COLON, "\"QVdTZWNyLXBhc3N3b3Jk\""},
        {FAKE_ECR_NOT_BASE64, "\"%%%\""},
    };

    fake_auth_add(auth, "AK", "SK", NULL, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_clear(&last);
        fake_ecr_set_answer(ecr, rows[i].answer);
        client_api(&last, &stage, "ecr.test", "ecr", target, body, &keys);
        ck_assert_int_eq(last.status, 200);
        ck_assert_msg(has(rows[i].part), "%zu: %s", i, eca_buf_str(&last.body));
    }
    ck_assert_uint_eq(fake_ecr_tokens(ecr), 5);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* DKR-F06, ECR-103, ECR-105: what the service refuses, and what only agents never do */
START_TEST(registry_requests_are_checked)
{
    static const char target[] = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
    static const struct stage_keys keys = {"AK", "SK", ""}, wrong = {"AK", "other", ""};
    static const struct {
        const char *service, *target, *body, *type;
        const struct stage_keys *keys;
        int status;
    } rows[] = {
        {"ecs", target, "{\"registryIds\":[\"1\"]}", "InvalidSignatureException", &keys, 400},
        {"ecr", target, "{\"registryIds\":[\"1\"]}", "wrong signature: no usual mistake", &wrong,
         400},
        {"ecr", target, "{\"registryIds\":[\"1\"]}", "MissingAuthenticationTokenException", NULL,
         400},
        {"ecr", "Other.Operation", "{\"registryIds\":[\"1\"]}", "UnknownOperationException", &keys,
         400},
        {"ecr", target, "{\"registryIds\":\"1\"}", "SerializationException", &keys, 400},
        {"ecr", target, "{\"registryIds\":[1]}", "SerializationException", &keys, 400},
        {"ecr", target, "[]", "SerializationException", &keys, 400},
        {"ecr", target, "{", "SerializationException", &keys, 400},
        {"ecr", target, "{}", "https://111122223333.dkr.ecr.us-west-2.amazonaws.com", &keys, 200},
        {"ecr", target, "{\"registryIds\":[\"1\",\"2\"]}",
         "https://2.dkr.ecr.us-west-2.amazonaws.com", &keys, 200},
    };

    fake_auth_add(auth, "AK", "SK", NULL, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_clear(&last);
        client_api(&last, &stage, "ecr.test", rows[i].service, rows[i].target, rows[i].body,
                   rows[i].keys);
        ck_assert_msg(last.status == rows[i].status && has(rows[i].type), "%zu: %d %s", i,
                      last.status, eca_buf_str(&last.body));
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&last.head_text), "x-amzn-requestid: fake-"));
        ck_assert_uint_eq(fake_trace_violations(stage.base.trace), i + 1);
    }
    ck_assert_uint_eq(
        stage_events(&stage, FAKE_LANE_ECR, "GetAuthorizationToken.failed", "\"http\":400"), 8);
    ck_assert_uint_eq(fake_ecr_tokens(ecr), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake metadata and ECR");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, documents_under_any_version);
    tcase_add_test(tcase, tokens_in_every_mode);
    tcase_add_test(tcase, tokens_live_side_by_side);
    tcase_add_test(tcase, role_keys_are_given_renewed_and_valid);
    tcase_add_test(tcase, registry_tokens_in_every_shape);
    tcase_add_test(tcase, registry_requests_are_checked);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
