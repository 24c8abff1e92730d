#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/aws/registration.h"
#include "agent/base/mem.h"
#include "tests/unit/aws/world.h"

#define ARN "arn:aws:ecs:us-west-2:111122223333:container-instance/ci-1"
#define OTHER_ARN "arn:aws:ecs:us-west-2:111122223333:container-instance/ci-2"
#define REGISTERED "{\"containerInstance\":{\"containerInstanceArn\":\"" ARN "\"}}"
#define NOT_FOUND "{\"__type\":\"ClusterNotFoundException\",\"message\":\"Cluster not found.\"}"

static struct world world;
static struct eca_registration_input input;
static struct eca_registration *registration;
static struct {
    bool done;
    size_t times;
    bool ok;
    char arn[128], cluster[64], reason[512];
    int exit_code;
} got;

static void on_done(void *arg, const struct eca_registration_result *result)
{
    (void)arg;
    got.done = true;
    got.times++;
    got.ok = result->ok;
    got.exit_code = result->exit_code;
    (void)snprintf(got.arn, sizeof(got.arn), "%s", result->instance_arn);
    (void)snprintf(got.cluster, sizeof(got.cluster), "%s", result->cluster);
    (void)snprintf(got.reason, sizeof(got.reason), "%s", result->reason);
}

static const uint16_t ports[] = {22, 51678};
static const uint16_t ports_udp[] = {53};
static const struct eca_ecs_attribute attributes[] = {{"cap.one", NULL}, {"cap.two", NULL}};

static void setup(void)
{
    world_init(&world);
    memset(&got, 0, sizeof(got));
    input = (struct eca_registration_input){
        .cluster = "blue",
        .client_token = "token-1",
        .attributes = attributes,
        .attribute_count = 2,
        .ports = ports,
        .port_count = 2,
        .ports_udp = ports_udp,
        .port_udp_count = 1,
        .cpu_count = 2,
        .memory_known = true,
        .memory_mib = 4000,
        .reserved_memory_mib = 32,
    };
}

static void teardown(void)
{
    world_clear(&world);
}

static void metadata(int document_status, int signature_status)
{
    world_no_token(&world);
    script_http_expect(world.http, (struct script_answer){.method = "GET",
                                                          .url = "*/document",
                                                          .times = SCRIPT_FOREVER,
                                                          .status = document_status,
                                                          .body = "{\"instanceId\":\"i-1\"}"});
    script_http_expect(world.http, (struct script_answer){.method = "GET",
                                                          .url = "*/signature",
                                                          .times = SCRIPT_FOREVER,
                                                          .status = signature_status,
                                                          .body = "SIG"});
}

static void start(void)
{
    const struct eca_registration_opts opts = {0};

    registration =
        eca_registration_start(world.clock.sched, manual_entropy_port(&world.entropy), &world.log,
                               world.ecs, world.imds, &input, &opts, on_done, NULL);
    ck_assert(!got.done); /* never inside the call */
}

static void run(void)
{
    start();
    ck_assert_msg(manual_clock_run_until(&world.clock, &got.done, 2 * 60 * 60 * 1000), "no end");
    manual_clock_settle(&world.clock);
    ck_assert_uint_eq(got.times, 1);
}

static size_t sent(const char *operation)
{
    size_t count = 0;

    for (size_t i = 0; i < script_http_count(world.http); i++) {
        const char *target =
            script_request_header(script_http_request(world.http, i), "X-Amz-Target");
        count += target != NULL && strstr(target, operation) != NULL;
    }
    return count;
}

static bool body_has(const char *part)
{
    return strstr(script_http_last(world.http)->body, part) != NULL;
}

/* API-601, API-603, API-610, API-614 */
START_TEST(a_new_registration_sends_everything)
{
    metadata(200, 200);
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert(got.ok);
    ck_assert_str_eq(got.arn, ARN);
    ck_assert_str_eq(got.cluster, "blue");
    ck_assert_str_eq(
        script_http_last(world.http)->body,
        "{\"attributes\":[{\"name\":\"cap.one\"},{\"name\":\"cap.two\"}],"
        "\"clientToken\":\"token-1\",\"cluster\":\"blue\","
        "\"instanceIdentityDocument\":\"{\\\"instanceId\\\":\\\"i-1\\\"}\","
        "\"instanceIdentityDocumentSignature\":\"SIG\",\"totalResources\":["
        "{\"integerValue\":2048,\"name\":\"CPU\",\"type\":\"INTEGER\"},"
        "{\"integerValue\":3968,\"name\":\"MEMORY\",\"type\":\"INTEGER\"},"
        "{\"name\":\"PORTS\",\"stringSetValue\":[\"22\",\"51678\"],\"type\":\"STRINGSET\"},"
        "{\"name\":\"PORTS_UDP\",\"stringSetValue\":[\"53\"],\"type\":\"STRINGSET\"}]}");
    ck_assert(world_logged(&world, "[INFO] registering container instance"));
    ck_assert(world_logged(&world, "[INFO] registered container instance"));
}
END_TEST

/* API-602, EC2-108 */
START_TEST(registration_goes_on_without_metadata)
{
    metadata(500, 200);
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert(got.ok);
    ck_assert(body_has("\"instanceIdentityDocument\":\"\","
                       "\"instanceIdentityDocumentSignature\":\"\""));
    for (size_t i = 0; i < script_http_count(world.http); i++) {
        ck_assert_ptr_null(strstr(script_http_request(world.http, i)->url, "/signature"));
    }
    ck_assert(world_logged(&world, "[ERROR] no instance identity document"));
}
END_TEST

/* API-602 */
START_TEST(a_document_without_signature_is_sent_with_an_empty_one)
{
    metadata(200, 404);
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert(got.ok);
    ck_assert(body_has("\"instanceIdentityDocument\":\"{"));
    ck_assert(body_has("\"instanceIdentityDocumentSignature\":\"\""));
}
END_TEST

/* FB-15.2, PROC-222, API-612: the restored ARN is carried, no client token, another answer changes
 * nothing
 */
START_TEST(a_restored_registration_keeps_its_arn)
{
    input.instance_arn = OTHER_ARN;
    metadata(500, 500);
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert(got.ok);
    ck_assert_str_eq(got.arn, OTHER_ARN);
    ck_assert(body_has("\"containerInstanceArn\":\"" OTHER_ARN "\""));
    ck_assert(!body_has("clientToken"));
    ck_assert(body_has("{\"attributes\":[{\"name\":\"cap.one\"},{\"name\":\"cap.two\"}]"));
    ck_assert(body_has("{\"integerValue\":3968,\"name\":\"MEMORY\""));
    ck_assert(world_logged(&world, "[WARN] the answer names another container instance"));
}
END_TEST

/* API-611 */
START_TEST(impossible_memory_is_refused_before_anything_is_sent)
{
    input.reserved_memory_mib = 4001;
    run();
    ck_assert(!got.ok);
    ck_assert_int_eq(got.exit_code, 1);
    ck_assert_ptr_nonnull(strstr(got.reason, "4001"));
    ck_assert_ptr_nonnull(strstr(got.reason, "4000"));
    memset(&got, 0, sizeof(got));
    input.reserved_memory_mib = 0;
    input.memory_known = false;
    run();
    ck_assert(!got.ok);
    ck_assert_uint_eq(script_http_count(world.http), 0);
    ck_assert_uint_eq(world_logged_times(&world, "[CRITICAL]"), 2);
}
END_TEST

/* API-610 */
START_TEST(all_memory_may_be_reserved)
{
    input.reserved_memory_mib = 4000;
    metadata(200, 200);
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert(got.ok);
    ck_assert(body_has("{\"integerValue\":0,\"name\":\"MEMORY\""));
}
END_TEST

/* API-620, API-621 */
START_TEST(the_default_cluster_is_created_only_when_missing)
{
    input.cluster = "";
    metadata(200, 200);
    world_expect_ecs(&world, 400, NOT_FOUND);
    world_expect_ecs(&world, 200, "{\"cluster\":{\"clusterName\":\"default-2\"}}");
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert(got.ok);
    ck_assert_str_eq(got.cluster, "default-2");
    ck_assert(body_has("\"cluster\":\"default-2\""));
    ck_assert_uint_eq(sent("CreateCluster"), 1);
    ck_assert_uint_eq(sent("RegisterContainerInstance"), 2);
}
END_TEST

/* API-620 */
START_TEST(an_existing_default_cluster_is_not_created)
{
    input.cluster = NULL;
    metadata(200, 200);
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert_str_eq(got.cluster, "default");
    ck_assert_uint_eq(sent("CreateCluster"), 0);
}
END_TEST

/* API-620: by message as well, whatever the code; nothing else creates */
START_TEST(only_a_missing_cluster_is_created)
{
    static const struct {
        int status;
        const char *body;
        bool created;
    } cases[] = {
        {400, "{\"__type\":\"ClientException\",\"message\":\"No such cluster\"}", true},
        {400, "{\"__type\":\"InvalidParameterException\",\"message\":\"x Cluster not found y\"}",
         true},
        {400, "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}", false},
        {400, "{}", false},
    };

    metadata(200, 200);
    input.cluster = "";
    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        size_t before = sent("CreateCluster");
        memset(&got, 0, sizeof(got));
        world_expect_ecs(&world, cases[i].status, cases[i].body);
        if (cases[i].created) {
            world_expect_ecs(&world, 200, "{\"cluster\":{\"clusterName\":\"default\"}}");
            world_expect_ecs(&world, 200, REGISTERED);
        }
        run();
        ck_assert(got.ok == cases[i].created);
        ck_assert_uint_eq(sent("CreateCluster") - before, cases[i].created);
    }
}
END_TEST

/* API-620 */
START_TEST(a_configured_cluster_is_never_created)
{
    metadata(200, 200);
    world_expect_ecs(&world, 400, NOT_FOUND);
    run();
    ck_assert(!got.ok);
    ck_assert_int_eq(got.exit_code, 1); /* PROC-220 */
    ck_assert_ptr_nonnull(strstr(got.reason, "ClusterNotFoundException: Cluster not found."));
    ck_assert_uint_eq(sent("CreateCluster"), 0);
}
END_TEST

/* API-620: the error of the creation is the result, and a cluster is created once only */
START_TEST(a_refused_creation_ends_it)
{
    input.cluster = "";
    metadata(200, 200);
    world_expect_ecs(&world, 400, NOT_FOUND);
    world_expect_ecs(&world, 400, "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}");
    run();
    ck_assert(!got.ok);
    ck_assert_int_eq(got.exit_code, 1);
    ck_assert_ptr_nonnull(strstr(got.reason, "AccessDeniedException"));
    ck_assert(world_logged(&world, "[CRITICAL] cluster default cannot be created"));

    memset(&got, 0, sizeof(got));
    world_expect_ecs(&world, 400, NOT_FOUND);
    world_expect_ecs(&world, 200, "{\"cluster\":{\"clusterName\":\"default\"}}");
    world_expect_ecs(&world, 400, NOT_FOUND);
    run();
    ck_assert(!got.ok);
    ck_assert_uint_eq(script_http_pending(world.http), 0);
}
END_TEST

/* PROC-220, PROC-221: exit 5 only for a changed type on a re-registration */
START_TEST(a_changed_instance_type_is_terminal_on_re_registration)
{
    static const char changed[] =
        "{\"__type\":\"InvalidParameterException\",\"message\":\"Container instance type changes "
        "are not supported. m4 to t2\"}";

    metadata(200, 200);
    world_expect_ecs(&world, 400, changed);
    run();
    ck_assert_int_eq(got.exit_code, 1);
    memset(&got, 0, sizeof(got));
    input.instance_arn = ARN;
    world_expect_ecs(&world, 400, changed);
    run();
    ck_assert_int_eq(got.exit_code, 5);
    memset(&got, 0, sizeof(got));
    world_expect_ecs(&world, 400, "{\"__type\":\"ClientException\",\"message\":\"inactive\"}");
    run();
    ck_assert_int_eq(got.exit_code, 1);
}
END_TEST

/* API-613: in-process rounds 3 s, 6 s, 12 s ... and the same client token in each (API-614) */
START_TEST(an_outage_is_waited_out_with_the_same_token)
{
    metadata(200, 200);
    script_http_expect(
        world.http,
        (struct script_answer){.method = "POST", .url = ECS_URL, .times = 12, .status = 500});
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert(got.ok);
    ck_assert_uint_eq(sent("RegisterContainerInstance"), 13);
    for (size_t i = 0; i < script_http_count(world.http); i++) {
        const struct script_request *request = script_http_request(world.http, i);
        ck_assert(strcmp(request->method, "POST") != 0 ||
                  strstr(request->body, "\"clientToken\":\"token-1\"") != NULL);
    }
    ck_assert_uint_ge(manual_clock_elapsed_ms(&world.clock), 3000 + 6000 + 12000);
    ck_assert_uint_le(manual_clock_elapsed_ms(&world.clock), 3000 + 6000 + 12000 + 4000);
    ck_assert_uint_eq(world_logged_times(&world, "next try in"), 3);
}
END_TEST

/* API-613: an hour at most, then exit 1; throttling and silence alike */
START_TEST(an_endless_outage_ends_after_an_hour)
{
    metadata(200, 200);
    script_http_expect(world.http, (struct script_answer){.method = "POST",
                                                          .url = ECS_URL,
                                                          .times = SCRIPT_FOREVER,
                                                          .status = 400,
                                                          .body = "{\"__type\":\"Throttling\"}"});
    run();
    ck_assert(!got.ok);
    ck_assert_int_eq(got.exit_code, 1);
    ck_assert_uint_le(manual_clock_elapsed_ms(&world.clock), 60 * 60 * 1000);
    ck_assert_uint_ge(manual_clock_elapsed_ms(&world.clock), 55 * 60 * 1000);
}
END_TEST

/* API-620: creation hit by an outage is tried again in the next round */
START_TEST(creation_survives_an_outage)
{
    input.cluster = "";
    metadata(200, 200);
    world_expect_ecs(&world, 400, NOT_FOUND);
    script_http_expect(
        world.http,
        (struct script_answer){.method = "POST", .url = ECS_URL, .times = 4, .status = 503});
    world_expect_ecs(&world, 400, NOT_FOUND);
    world_expect_ecs(&world, 200, "{\"cluster\":{\"clusterName\":\"default\"}}");
    world_expect_ecs(&world, 200, REGISTERED);
    run();
    ck_assert(got.ok);
    ck_assert_uint_eq(script_http_pending(world.http), 0);
}
END_TEST

/* API-407, EC2-310 */
START_TEST(useless_answers_and_missing_credentials_end_it)
{
    static const char *const answers[] = {"{}", "garbage", "{\"containerInstance\":null}"};

    metadata(200, 200);
    for (size_t i = 0; i < ECA_ARRAY_LEN(answers); i++) {
        memset(&got, 0, sizeof(got));
        world_expect_ecs(&world, 200, answers[i]);
        run();
        ck_assert(!got.ok);
        ck_assert_int_eq(got.exit_code, 1);
    }
}
END_TEST

/* EC2-310 */
START_TEST(without_credentials_it_ends_at_once)
{
    manual_host_setenv(&world.host, "AWS_ACCESS_KEY_ID", NULL);
    metadata(200, 200);
    script_http_expect(world.http, (struct script_answer){.method = "GET", .status = 404});
    run();
    ck_assert(!got.ok);
    ck_assert_int_eq(got.exit_code, 1);
    ck_assert_ptr_nonnull(strstr(got.reason, "NoCredentialProviders"));
    ck_assert_uint_eq(sent("RegisterContainerInstance"), 0);
}
END_TEST

START_TEST(a_canceled_registration_hears_nothing)
{
    script_http_expect(world.http, (struct script_answer){.times = SCRIPT_FOREVER, .silent = true});
    for (uint64_t ms = 0; ms < 60000; ms += 2900) { /* metadata, request, wait between rounds */
        start();
        manual_clock_advance_ms(&world.clock, ms);
        eca_registration_cancel(registration);
    }
    eca_registration_cancel(NULL);
    manual_clock_advance_ms(&world.clock, 400000);
    ck_assert(!got.done);
    ck_assert_uint_eq(script_http_open_calls(world.http), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registration");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_new_registration_sends_everything);
    tcase_add_test(tcase, registration_goes_on_without_metadata);
    tcase_add_test(tcase, a_document_without_signature_is_sent_with_an_empty_one);
    tcase_add_test(tcase, a_restored_registration_keeps_its_arn);
    tcase_add_test(tcase, impossible_memory_is_refused_before_anything_is_sent);
    tcase_add_test(tcase, all_memory_may_be_reserved);
    tcase_add_test(tcase, the_default_cluster_is_created_only_when_missing);
    tcase_add_test(tcase, an_existing_default_cluster_is_not_created);
    tcase_add_test(tcase, only_a_missing_cluster_is_created);
    tcase_add_test(tcase, a_configured_cluster_is_never_created);
    tcase_add_test(tcase, a_refused_creation_ends_it);
    tcase_add_test(tcase, a_changed_instance_type_is_terminal_on_re_registration);
    tcase_add_test(tcase, an_outage_is_waited_out_with_the_same_token);
    tcase_add_test(tcase, an_endless_outage_ends_after_an_hour);
    tcase_add_test(tcase, creation_survives_an_outage);
    tcase_add_test(tcase, useless_answers_and_missing_credentials_end_it);
    tcase_add_test(tcase, without_credentials_it_ends_at_once);
    tcase_add_test(tcase, a_canceled_registration_hears_nothing);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
