/* The real clients against the fakes, which check every signature: nothing here is scripted. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/aws/ecr.h"
#include "agent/aws/registration.h"
#include "agent/base/mem.h"
#include "fakes/ecr/ecr.h"
#include "fakes/ecs/ecs.h"
#include "fakes/metadata/metadata.h"
#include "tests/unit/fakes/stage.h"
#include "tests/unit/support/manual_host.h"

#define MINUTE_MS UINT64_C(60000)

static struct stage stage;
static struct manual_host host;
static struct manual_entropy entropy;
static struct fake_auth *auth;
static struct fake_ecs *fake_ecs;
static struct fake_ecr *fake_ecr;
static struct fake_metadata *fake_metadata;
static struct eca_imds *imds;
static struct eca_aws_creds *creds;
static struct eca_ecs *ecs;

static bool done, ok;
static char text[512];

static void hear(void *arg, const char *result, const struct eca_aws_failure *failure)
{
    (void)arg;
    done = true;
    ok = failure == NULL;
    (void)snprintf(text, sizeof(text), "%s", ok ? result : failure->code);
}

static void on_registered(void *arg, const struct eca_registration_result *result)
{
    (void)arg;
    done = true;
    ok = result->ok;
    (void)snprintf(text, sizeof(text), "%s", ok ? result->instance_arn : result->reason);
}

static void on_login(void *arg, const struct eca_ecr_login *login, const struct eca_err *err)
{
    (void)arg;
    done = true;
    ok = err == NULL;
    (void)snprintf(text, sizeof(text), "%.*s", ok ? (int)login->password.len : 100,
                   ok ? login->password.at : err->msg);
}

static void open_fakes(void)
{
    fake_auth_add(auth = fake_auth_new(stage.base.sched), "AKIDUNUSED", "s", NULL, 0);
    fake_ecs = fake_ecs_new(&(struct fake_ecs_opts){.base = stage.base,
                                                    .auth = auth,
                                                    .endpoint = "https://acs.example",
                                                    .telemetry_endpoint = "https://tcs.example",
                                                    .no_default_cluster = true});
    fake_ecr = fake_ecr_new(&(struct fake_ecr_opts){.base = stage.base, .auth = auth});
    fake_metadata = fake_metadata_new(&(struct fake_metadata_opts){
        .base = stage.base, .auth = auth, .tokens = FAKE_METADATA_TOKENS_REQUIRED});
    fake_memory_map(stage.memory, "ecs.us-west-2.amazonaws.com", "ecs");
    fake_memory_map(stage.memory, "ecr.us-west-2.amazonaws.com", "ecr");
    fake_memory_map(stage.memory, "127.0.0.1:1338", "metadata");
}

static void setup(void)
{
    const struct eca_imds_opts imds_opts = {.endpoint = "http://127.0.0.1:1338"};
    const struct eca_aws_creds_opts creds_opts = {0};
    const struct eca_ecs_opts ecs_opts = {.region = "us-west-2"};

    stage_open(&stage);
    manual_host_init(&host); /* no keys in the environment: the role of the metadata fake */
    open_fakes();
    imds =
        eca_imds_new(stage.base.sched, stage.http, manual_entropy_port(&entropy), NULL, &imds_opts);
    creds = eca_aws_creds_new(stage.base.sched, manual_host_port(&host), imds, NULL, &creds_opts);
    ck_assert_int_eq(eca_ecs_new(stage.base.sched, stage.http, manual_entropy_port(&entropy), creds,
                                 NULL, &ecs_opts, &ecs, NULL),
                     ECA_OK);
}

static void teardown(void)
{
    eca_ecs_free(ecs);
    eca_aws_creds_free(creds);
    eca_imds_free(imds);
    stage_drop_carrier(&stage);
    fake_ecs_free(fake_ecs);
    fake_ecr_free(fake_ecr);
    fake_metadata_free(fake_metadata);
    fake_auth_free(auth);
    stage_close(&stage);
    manual_host_clear(&host);
}

static void wait_done(uint64_t limit_ms)
{
    ck_assert_msg(manual_clock_run_until(&stage.clock, &done, limit_ms), "no callback");
}

static void run_registration(const char *instance_arn)
{
    const struct eca_registration_input input = {
        .instance_arn = instance_arn,
        .client_token = "7e0b2c1e-0000-4000-8000-000000000001",
        .cpu_count = 2,
        .memory_known = true,
        .memory_mib = 3768,
    };
    const struct eca_registration_opts opts = {0};

    done = false;
    (void)eca_registration_start(stage.base.sched, manual_entropy_port(&entropy), NULL, ecs, imds,
                                 &input, &opts, on_registered, NULL);
    wait_done(60 * MINUTE_MS);
}

/* API-620, API-301, EC2-112, EC2-304: role keys through a token service, missing cluster created */
START_TEST(a_fresh_machine_registers)
{
    run_registration("");
    ck_assert_msg(ok, "%s", text);
    ck_assert_uint_eq(fake_ecs_instance_count(fake_ecs), 1);
    ck_assert_str_eq(fake_ecs_instance_arn(fake_ecs, 0), text);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "CreateCluster", NULL), 1);
    ck_assert_ptr_nonnull(strstr(fake_ecs_registration(fake_ecs), "instanceIdentityDocument"));
}
END_TEST

/* API-614: the answer is lost, the same token comes again, one instance exists */
START_TEST(a_lost_answer_makes_no_second_instance)
{
    fake_ecs_add_cluster(fake_ecs, "default");
    (void)fake_hub_fault(stage.base.hub, &(struct fake_fault){.kind = FAKE_FAULT_RESET_ANSWER,
                                                              .party = "ecs",
                                                              .what = "RegisterContainerInstance",
                                                              .times = 2});
    run_registration("");
    ck_assert_msg(ok, "%s", text);
    ck_assert_uint_eq(fake_ecs_instance_count(fake_ecs), 1);
}
END_TEST

/* FB-15.2: metadata that answer 500 change nothing about a restored instance */
START_TEST(a_restored_instance_registers_without_metadata)
{
    static const char arn[] = "arn:aws:ecs:us-west-2:111122223333:container-instance/old";

    fake_ecs_add_cluster(fake_ecs, "default");
    fake_ecs_add_instance(fake_ecs, arn, "default", "");
    fake_metadata_set(fake_metadata, "/dynamic/instance-identity/document", 500, "");
    run_registration(arn);
    ck_assert_msg(ok, "%s", text);
    ck_assert_str_eq(text, arn);
    ck_assert_uint_eq(fake_ecs_instance_count(fake_ecs), 1);
    ck_assert_uint_le(manual_clock_elapsed_ms(&stage.clock), 30000); /* FB-15.1 */
}
END_TEST

/* FB-20.1, FB-20.2, FB-20.3: twelve minutes of errors, keys rotated meanwhile, dates checked */
START_TEST(after_an_outage_the_first_attempt_is_accepted)
{
    const struct eca_ecs_register what = {.cluster = "default", .cpu_units = 1, .memory_mib = 1};
    struct eca_ecs_request *request;
    uint32_t fault;

    fake_ecs_add_cluster(fake_ecs, "default");
    fault = fake_ecs_fail(fake_ecs, "*", "server", 0, false);
    for (int minute = 0; minute < 12; minute++) {
        done = false;
        eca_ecs_register(ecs, &what, hear, NULL, &request);
        wait_done(MINUTE_MS);
        ck_assert(!ok);
        manual_clock_advance_ms(&stage.clock, MINUTE_MS);
    }
    fake_hub_fault_remove(stage.base.hub, fault);
    fake_metadata_rotate(fake_metadata);
    done = false;
    eca_ecs_register(ecs, &what, hear, NULL, &request);
    wait_done(MINUTE_MS);
    ck_assert_msg(ok, "%s", text);
}
END_TEST

/* EC2-311: the server calls the keys expired once */
START_TEST(an_expired_token_costs_one_attempt)
{
    struct eca_ecs_request *request;

    (void)fake_ecs_fail(fake_ecs, "CreateCluster", "expired", 1, false);
    done = false;
    eca_ecs_create_cluster(ecs, "default", hear, NULL, &request);
    wait_done(MINUTE_MS);
    ck_assert_msg(ok, "%s", text);
    ck_assert_str_eq(text, "default");
}
END_TEST

/* FB-24.1, API-801: discovery from the fake, and its last answer when the API is down */
START_TEST(discovery_outlives_the_api)
{
    struct eca_ecs_request *request;

    run_registration("");
    {
        eca_auto_free char *arn = eca_xstrdup(text);
        for (int round = 0; round < 2; round++) {
            done = false;
            eca_ecs_discover(ecs, ECA_ECS_ACS, "default", arn, hear, NULL, &request);
            wait_done(MINUTE_MS);
            ck_assert_msg(ok, "%s", text);
            ck_assert_str_eq(text, "https://acs.example");
            manual_clock_advance_ms(&stage.clock, 25 * MINUTE_MS);
            (void)fake_ecs_fail(fake_ecs, "DiscoverPollEndpoint", "server", 0, false);
        }
    }
}
END_TEST

/* ECR-105, ECR-109 */
START_TEST(a_registry_login_comes_from_the_fake)
{
    const struct eca_ecr_opts opts = {0};
    struct eca_ecr *ecr = eca_ecr_new(stage.base.sched, stage.http, manual_entropy_port(&entropy),
                                      creds, NULL, &opts);
    const struct eca_ecr_query query = {
        .region = "us-west-2",
        .registry_id = "111122223333",
        .image = "111122223333.dkr.ecr.us-west-2.amazonaws.com/app:1",
    };
    struct eca_ecr_request *request;

    for (int round = 0; round < 2; round++) {
        done = false;
        eca_ecr_get(ecr, &query, on_login, NULL, &request);
        wait_done(MINUTE_MS);
        ck_assert_msg(ok, "%s", text);
        ck_assert_str_eq(text, "ecr-password");
    }
    ck_assert_uint_eq(fake_ecr_tokens(fake_ecr), 1); /* ECR-110 */
    eca_ecr_free(ecr);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("aws clients with fakes");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_fresh_machine_registers);
    tcase_add_test(tcase, a_lost_answer_makes_no_second_instance);
    tcase_add_test(tcase, a_restored_instance_registers_without_metadata);
    tcase_add_test(tcase, after_an_outage_the_first_attempt_is_accepted);
    tcase_add_test(tcase, an_expired_token_costs_one_attempt);
    tcase_add_test(tcase, discovery_outlives_the_api);
    tcase_add_test(tcase, a_registry_login_comes_from_the_fake);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
