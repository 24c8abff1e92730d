#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/aws/world.h"

static struct world world;

struct got {
    bool done;
    size_t times;
    char id[64], secret[64], token[64];
    struct eca_err err;
};

static void on_keys(void *arg, const struct eca_aws_keys *keys, const struct eca_err *err)
{
    struct got *got = arg;

    got->done = true;
    got->times++;
    got->err = err == NULL ? (struct eca_err){0} : *err;
    got->id[0] = got->secret[0] = got->token[0] = '\0';
    if (keys != NULL) {
        (void)snprintf(got->id, sizeof(got->id), "%s", keys->id);
        (void)snprintf(got->secret, sizeof(got->secret), "%s", keys->secret.at);
        (void)snprintf(got->token, sizeof(got->token), "%s",
                       keys->token.at == NULL ? "" : keys->token.at);
    }
}

static void setup(void)
{
    world_init(&world);
    manual_host_setenv(&world.host, "AWS_ACCESS_KEY_ID", NULL);
    manual_host_setenv(&world.host, "AWS_SECRET_ACCESS_KEY", NULL);
}

static void teardown(void)
{
    world_clear(&world);
}

static void env(const char *name, const char *value)
{
    manual_host_setenv(&world.host, name, value);
}

static const struct got *get(void)
{
    static struct got got;
    struct eca_aws_creds_wait *wait;

    memset(&got, 0, sizeof(got));
    eca_aws_creds_get(world.creds, on_keys, &got, &wait);
    ck_assert(!got.done); /* never inside the call */
    ck_assert(manual_clock_run_until(&world.clock, &got.done, 60000));
    return &got;
}

/* EC2-301, EC2-302 */
START_TEST(environment_comes_first_in_both_spellings)
{
    const struct got *got;

    env("AWS_ACCESS_KEY", "OLDID");
    env("AWS_SECRET_KEY", "OLDSECRET");
    got = get();
    ck_assert_str_eq(got->id, "OLDID");
    ck_assert_str_eq(got->secret, "OLDSECRET");
    ck_assert_str_eq(got->token, "");
    eca_aws_creds_expire(world.creds);
    env("AWS_ACCESS_KEY_ID", "ID");
    env("AWS_SECRET_ACCESS_KEY", "SECRET");
    env("AWS_SESSION_TOKEN", "TOKEN");
    manual_host_file(&world.host, "/h/.aws/credentials",
                     "[default]\naws_access_key_id=F\naws_secret_access_key=F\n");
    env("HOME", "/h");
    got = get();
    ck_assert_str_eq(got->id, "ID");
    ck_assert_str_eq(got->secret, "SECRET");
    ck_assert_str_eq(got->token, "TOKEN");
    ck_assert_uint_eq(script_http_count(world.http), 0);
}
END_TEST

/* EC2-302, EC2-303 */
START_TEST(an_id_without_secret_falls_to_the_file)
{
    const struct got *got;

    env("AWS_ACCESS_KEY_ID", "ID");
    env("USERPROFILE", "/u");
    env("HOME", "");
    manual_host_file(
        &world.host, "/u/.aws/credentials",
        "# c\n[other]\naws_access_key_id = X\naws_secret_access_key = Y\n"
        "[ default ]\r\n aws_access_key_id = FID \r\naws_secret_access_key=F=SEC\r\n;x\n"
        "aws_session_token = FTOK\nregion = z\n[last]\naws_access_key_id = N\n");
    got = get();
    ck_assert_str_eq(got->id, "FID");
    ck_assert_str_eq(got->secret, "F=SEC");
    ck_assert_str_eq(got->token, "FTOK");
    eca_aws_creds_expire(world.creds);
    env("AWS_PROFILE", "other");
    got = get();
    ck_assert_str_eq(got->id, "X");
}
END_TEST

/* EC2-303 */
START_TEST(the_file_may_be_named)
{
    env("AWS_SHARED_CREDENTIALS_FILE", "/my");
    env("HOME", "/h");
    manual_host_file(&world.host, "/h/.aws/credentials",
                     "[default]\naws_access_key_id=no\naws_secret_access_key=no\n");
    manual_host_file(&world.host, "/my",
                     "[default]\naws_access_key_id=yes\naws_secret_access_key=s");
    ck_assert_str_eq(get()->id, "yes");
}
END_TEST

/* EC2-303 */
START_TEST(an_incomplete_section_is_no_credentials)
{
    static const char *const texts[] = {
        "",
        "[default]",
        "[default]\naws_access_key_id=a\n",
        "[default]\naws_secret_access_key=a\n",
        "[default]\naws_access_key_id=a\naws_secret_access_key=\n",
        "aws_access_key_id=a\naws_secret_access_key=b\n",
        "[x]\naws_access_key_id=a\naws_secret_access_key=b\n",
        "[default\naws_access_key_id=a\naws_secret_access_key=b\n",
        "[default]\naws_access_key_id=a b\naws_secret_access_key=b\n",
        "[default]\naws_access_key_id=a\naws_secret_access_key=b\x01\n",
        "[]\n=\n[default]\n=b\naws_access_key_id\n",
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        struct eca_aws_keys keys = {0};
        struct eca_err err = {0};
        ck_assert_msg(eca_aws_ini_keys(eca_view_str(texts[i]), "default", &keys, &err) ==
                          ECA_E_NOT_FOUND,
                      "case %zu", i);
        ck_assert_ptr_null(keys.id);
    }
}
END_TEST

/* EC2-304, EC2-308: the first role of the list, never through a proxy */
START_TEST(the_instance_role_is_last)
{
    const struct got *got;

    world_no_token(&world);
    world_expect_role(&world, "ASIA1", 3600);
    got = get();
    ck_assert_str_eq(got->id, "ASIA1");
    ck_assert_str_eq(got->token, "TOKEN-ASIA1");
    for (size_t i = 0; i < script_http_count(world.http); i++) {
        ck_assert_int_eq(script_http_request(world.http, i)->proxy, ECA_HTTP_PROXY_NEVER);
    }
    got = get(); /* kept */
    ck_assert_str_eq(got->id, "ASIA1");
    ck_assert_uint_eq(script_http_count(world.http), 3);
    ck_assert_str_eq(eca_aws_creds_now(world.creds)->id, "ASIA1");
}
END_TEST

/* EC2-304, EC2-310 */
START_TEST(a_bad_role_answer_is_no_provider)
{
    static const struct {
        const char *list, *document;
    } cases[] = {
        {"", NULL},
        {"\nr\n", NULL},
        {"r", "{\"Code\":\"Failed\",\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\","
              "\"Expiration\":\"2030-01-01T00:00:00Z\"}"},
        {"r", "{\"Code\":\"Success\",\"SecretAccessKey\":\"b\","
              "\"Expiration\":\"2030-01-01T00:00:00Z\"}"},
        {"r",
         "{\"Code\":\"Success\",\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"t\"}"},
        {"r", "{\"Code\":\"Success\",\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\","
              "\"Token\":\"t\",\"Expiration\":\"soon\"}"},
        {"r", "{\"Code\":\"Success\",\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\","
              "\"Token\":\"t\\r\\nX: y\",\"Expiration\":\"2030-01-01T00:00:00Z\"}"},
        {"r", "<html>"},
        {"r", "[]"},
    };

    world_no_token(&world);
    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        const struct got *got;
        script_http_expect(world.http, (struct script_answer){
                                           .method = "GET", .status = 200, .body = cases[i].list});
        if (cases[i].document != NULL) {
            script_http_expect(
                world.http,
                (struct script_answer){.method = "GET", .status = 200, .body = cases[i].document});
        }
        got = get();
        ck_assert_msg(got->err.code == ECA_E_DENIED, "case %zu", i);
        ck_assert_msg(strncmp(got->err.msg, "NoCredentialProviders", 21) == 0, "%s", got->err.msg);
        ck_assert_uint_eq(script_http_pending(world.http), 0);
        ck_assert_ptr_null(eca_aws_creds_now(world.creds));
        manual_clock_advance_ms(&world.clock, 10000);
    }
}
END_TEST

/* EC2-306: a failure is not repeated more than once per 10 s */
START_TEST(failures_are_remembered_for_a_while)
{
    world_no_token(&world);
    script_http_expect(world.http, (struct script_answer){.method = "GET", .status = 404});
    ck_assert_int_eq(get()->err.code, ECA_E_DENIED);
    ck_assert_int_eq(get()->err.code, ECA_E_DENIED); /* no request: nothing is expected */
    manual_clock_advance_ms(&world.clock, 10000);
    world_expect_role(&world, "NEW", 3600);
    ck_assert_str_eq(get()->id, "NEW");
}
END_TEST

/* EC2-306: refreshed in the background at expiry - 5 min */
START_TEST(role_credentials_are_refreshed_before_they_expire)
{
    world_no_token(&world);
    world_expect_role(&world, "ONE", 3600);
    ck_assert_str_eq(get()->id, "ONE");
    manual_clock_advance_ms(&world.clock, 54 * 60 * 1000);
    ck_assert_uint_eq(script_http_count(world.http), 3);
    script_http_expect(world.http, (struct script_answer){.method = "PUT", .status = 404});
    world_expect_role(&world, "TWO", 3600);
    manual_clock_advance_ms(&world.clock, 61 * 1000);
    ck_assert_str_eq(eca_aws_creds_now(world.creds)->id, "TWO");
    ck_assert_uint_eq(script_http_pending(world.http), 0);
}
END_TEST

/* EC2-306 (scenario 15): a life of 4 min, metadata then fail: used until the expiry itself, at most
 * one refresh per 10 s */
START_TEST(old_credentials_serve_until_they_expire)
{
    size_t before, tries = 0;
    uint64_t last_ns = 0;

    world_no_token(&world);
    world_expect_role(&world, "SHORT", 240);
    ck_assert_str_eq(get()->id, "SHORT");
    before = script_http_count(world.http);
    script_http_expect(world.http, (struct script_answer){.times = SCRIPT_FOREVER, .status = 404});
    for (int s = 0; s < 239; s++) {
        ck_assert_str_eq(get()->id, "SHORT");
        manual_clock_advance_ms(&world.clock, 1000);
    }
    for (size_t i = before; i < script_http_count(world.http); i++) {
        const struct script_request *request = script_http_request(world.http, i);
        if (strcmp(request->method, "GET") == 0) {
            ck_assert(tries == 0 || request->at_ns - last_ns >= UINT64_C(10000000000));
            last_ns = request->at_ns;
            tries++;
        }
    }
    ck_assert_uint_ge(tries, 20);
    manual_clock_advance_ms(&world.clock, 12000);
    ck_assert_int_eq(get()->err.code, ECA_E_DENIED);
    ck_assert_ptr_null(eca_aws_creds_now(world.creds));
}
END_TEST

/* EC2-306: one lookup for all who ask */
START_TEST(simultaneous_questions_share_one_lookup)
{
    struct got a = {0}, b = {0}, c = {0};
    struct eca_aws_creds_wait *wait[3];

    world_no_token(&world);
    world_expect_role(&world, "ONE", 3600);
    eca_aws_creds_get(world.creds, on_keys, &a, &wait[0]);
    eca_aws_creds_get(world.creds, on_keys, &b, &wait[1]);
    eca_aws_creds_get(world.creds, on_keys, &c, &wait[2]);
    eca_aws_creds_cancel(wait[1]);
    manual_clock_advance_ms(&world.clock, 100);
    ck_assert_uint_eq(a.times, 1);
    ck_assert_uint_eq(b.times, 0);
    ck_assert_uint_eq(c.times, 1);
    ck_assert_str_eq(c.id, "ONE");
    ck_assert_uint_eq(script_http_count(world.http), 3);
}
END_TEST

/* EC2-311 */
START_TEST(expired_credentials_are_looked_up_from_the_top)
{
    world_no_token(&world);
    world_expect_role(&world, "ONE", 3600);
    ck_assert_str_eq(get()->id, "ONE");
    eca_aws_creds_expire(world.creds);
    ck_assert_ptr_null(eca_aws_creds_now(world.creds));
    world_expect_role(&world, "TWO", 3600);
    ck_assert_str_eq(get()->id, "TWO"); /* at once, although the last lookup is young */
    eca_aws_creds_expire(world.creds);  /* a server that refuses everything: not obeyed again */
    ck_assert_str_eq(get()->id, "TWO");
    manual_clock_advance_ms(&world.clock, 10000);
    eca_aws_creds_expire(world.creds);
    env("AWS_ACCESS_KEY_ID", "ENV");
    env("AWS_SECRET_ACCESS_KEY", "S");
    ck_assert_str_eq(get()->id, "ENV");
}
END_TEST

/* EC2-309 */
START_TEST(aws_region_has_no_influence)
{
    env("AWS_REGION", "cn-north-1");
    world_no_token(&world);
    world_expect_role(&world, "ONE", 3600);
    ck_assert_str_eq(get()->id, "ONE");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("credentials");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, environment_comes_first_in_both_spellings);
    tcase_add_test(tcase, an_id_without_secret_falls_to_the_file);
    tcase_add_test(tcase, the_file_may_be_named);
    tcase_add_test(tcase, an_incomplete_section_is_no_credentials);
    tcase_add_test(tcase, the_instance_role_is_last);
    tcase_add_test(tcase, a_bad_role_answer_is_no_provider);
    tcase_add_test(tcase, failures_are_remembered_for_a_while);
    tcase_add_test(tcase, role_credentials_are_refreshed_before_they_expire);
    tcase_add_test(tcase, old_credentials_serve_until_they_expire);
    tcase_add_test(tcase, simultaneous_questions_share_one_lookup);
    tcase_add_test(tcase, expired_credentials_are_looked_up_from_the_top);
    tcase_add_test(tcase, aws_region_has_no_influence);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
