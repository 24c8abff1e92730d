#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/ecs/ecs.h"
#include "tests/unit/fakes/stage.h"

static struct stage stage;
static struct fake_auth *auth;
static struct fake_ecs *ecs;
static struct client last;
static const struct stage_keys keys = {"AKIDEXAMPLE", "secret/KEY", "TOKEN"};

static void setup(void)
{
    struct fake_ecs_opts opts = {.endpoint = "https://acs.test/", .limit_reasons = true};

    stage_open(&stage);
    auth = fake_auth_new(stage.base.sched);
    fake_auth_add(auth, keys.id, keys.secret, keys.token, 0);
    opts.base = stage.base;
    opts.auth = auth;
    ecs = fake_ecs_new(&opts);
    fake_memory_map(stage.memory, "ecs.test", "ecs");
    memset(&last, 0, sizeof(last));
}

static void teardown(void)
{
    client_clear(&last);
    stage_drop_carrier(&stage);
    fake_ecs_free(ecs);
    fake_auth_free(auth);
    stage_close(&stage);
}

static int call_as(const struct stage_keys *with, const char *operation, const char *body)
{
    eca_auto_buf struct eca_buf target = {0};

    client_clear(&last);
    eca_buf_addf(&target, "AmazonEC2ContainerServiceV20141113.%s", operation);
    client_api(&last, &stage, "ecs.test", "ecs", eca_buf_str(&target), body, with);
    return last.status;
}

static int call(const char *operation, const char *body)
{
    return call_as(&keys, operation, body);
}

static bool has(const char *part)
{
    return strstr(eca_buf_str(&last.body), part) != NULL;
}

#define RESOURCES                                                                                  \
    "\"totalResources\":[{\"integerValue\":2048,\"name\":\"CPU\",\"type\":\"INTEGER\"},"           \
    "{\"integerValue\":100,\"name\":\"MEMORY\",\"type\":\"INTEGER\"},"                             \
    "{\"name\":\"PORTS\",\"stringSetValue\":[\"22\"],\"type\":\"STRINGSET\"},"                     \
    "{\"name\":\"PORTS_UDP\",\"stringSetValue\":[],\"type\":\"STRINGSET\"}]"
#define DOCUMENT(type)                                                                             \
    "\"instanceIdentityDocument\":\"{\\\"instanceType\\\":\\\"" type                               \
    "\\\"}\",\"instanceIdentityDocumentSignature\":\"\""

/* API-F01, API-F03, API-614 */
START_TEST(registration_is_idempotent_by_token)
{
    static const char body[] =
        "{\"cluster\":\"default\",\"clientToken\":\"t-1\"," DOCUMENT("t2.micro") "," RESOURCES "}";
    static const char other[] =
        "{\"cluster\":\"default\",\"clientToken\":\"t-2\"," DOCUMENT("t2.micro") "," RESOURCES "}";

    ck_assert_int_eq(call("RegisterContainerInstance", body), 200);
    ck_assert(has("container-instance/ci-1"));
    ck_assert_int_eq(call("RegisterContainerInstance", body), 200);
    ck_assert(has("container-instance/ci-1"));
    ck_assert_uint_eq(fake_ecs_instance_count(ecs), 1);
    ck_assert_int_eq(call("RegisterContainerInstance", other), 200);
    ck_assert(has("container-instance/ci-2"));
    ck_assert_str_eq(fake_ecs_registration(ecs), other);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* API-F03, API-614: what a token stands for, and how long */
START_TEST(a_token_is_one_instance_of_one_cluster_while_it_is_registered)
{
    static const char body[] =
        "{\"cluster\":\"default\",\"clientToken\":\"t-1\"," DOCUMENT("t2.micro") "," RESOURCES "}";
    static const char elsewhere[] =
        "{\"cluster\":\"blue\",\"clientToken\":\"t-1\"," DOCUMENT("t2.micro") "," RESOURCES "}";

    fake_ecs_add_cluster(ecs, "blue");
    ck_assert_int_eq(call("RegisterContainerInstance", body), 200);
    ck_assert(has("container-instance/ci-1"));
    ck_assert_int_eq(call("RegisterContainerInstance", elsewhere), 400);
    ck_assert(has("ClientException") && has("already in use with another cluster"));
    fake_ecs_deactivate(ecs, fake_ecs_instance_arn(ecs, 0));
    ck_assert_int_eq(call("RegisterContainerInstance", body), 200);
    ck_assert(has("container-instance/ci-2"));
    ck_assert_int_eq(call("RegisterContainerInstance", body), 200);
    ck_assert(has("container-instance/ci-2"));
    ck_assert_uint_eq(fake_ecs_instance_count(ecs), 2);
    ck_assert_int_eq(call("RegisterContainerInstance", elsewhere), 400);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* API-F01, API-206: every member by the service's model, rarely used ones too */
START_TEST(types_are_checked_before_values)
{
    static const struct {
        const char *operation, *body, *why;
    } rows[] = {
        {"RegisterContainerInstance", "{\"cluster\":1}", "cluster: number where string is"},
        {"RegisterContainerInstance", "{\"clientToken\":[]}", "clientToken: array where string"},
        {"RegisterContainerInstance", "{\"versionInfo\":\"1.13.1\"}",
         "versionInfo: string where object"},
        {"RegisterContainerInstance", "{\"versionInfo\":{\"agentHash\":true}}",
         "versionInfo.agentHash: boolean where string"},
        {"RegisterContainerInstance", "{\"attributes\":[{\"name\":\"a\"},{\"name\":2}]}",
         "attributes[1].name: number where string"},
        {"RegisterContainerInstance", "{\"attributes\":[{\"name\":\"a\",\"value\":{}}]}",
         "attributes[0].value: object where string"},
        {"RegisterContainerInstance", "{\"totalResources\":{}}",
         "totalResources: object where array"},
        {"RegisterContainerInstance", "{\"totalResources\":[1]}",
         "totalResources[0]: number where object"},
        {"RegisterContainerInstance", "{\"totalResources\":[{\"integerValue\":1.5}]}",
         "totalResources[0].integerValue: number where integer"},
        {"RegisterContainerInstance", "{\"totalResources\":[{\"stringSetValue\":[\"22\",22]}]}",
         "totalResources[0].stringSetValue[1]: number where string"},
        {"RegisterContainerInstance", "{\"tags\":[{\"key\":1}]}", "tags[0].key: number where"},
        {"CreateCluster", "{\"clusterName\":5}", "clusterName: number where string"},
        {"DiscoverPollEndpoint", "{\"containerInstance\":{}}",
         "containerInstance: object where string"},
        {"SubmitTaskStateChange", "{\"task\":1}", "task: number where string"},
        {"SubmitTaskStateChange", "{\"pullStartedAt\":\"now\"}",
         "pullStartedAt: string where number"},
        {"SubmitContainerStateChange", "{\"exitCode\":\"1\"}", "exitCode: string where integer"},
        {"SubmitContainerStateChange", "{\"exitCode\":1.5}", "exitCode: number where integer"},
        {"SubmitContainerStateChange", "{\"networkBindings\":[{\"hostPort\":\"80\"}]}",
         "networkBindings[0].hostPort: string where integer"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(call(rows[i].operation, rows[i].body), 400);
        ck_assert_msg(has("\"__type\":\"SerializationException\"") && has(rows[i].why), "%zu: %s",
                      i, eca_buf_str(&last.body));
        ck_assert_uint_eq(fake_trace_violations(stage.base.trace), i + 1);
    }
    /* A member without value is absent; one that nobody knows is not looked at. */
    ck_assert_int_eq(call("CreateCluster", "{\"clusterName\":null,\"tags\":null,\"news\":1}"), 200);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), sizeof(rows) / sizeof(rows[0]));
}
END_TEST

#define WITH_RESOURCES(list)                                                                       \
    "{\"cluster\":\"default\"," DOCUMENT("t") ",\"totalResources\":[" list "]}"
#define CPU "{\"integerValue\":1,\"name\":\"CPU\",\"type\":\"INTEGER\"}"
#define MEMORY "{\"longValue\":1,\"name\":\"MEMORY\",\"type\":\"LONG\"}"
#define PORTS                                                                                      \
    "{\"name\":\"PORTS\",\"stringSetValue\":[],\"type\":\"STRINGSET\"},"                           \
    "{\"name\":\"PORTS_UDP\",\"stringSetValue\":[],\"type\":\"STRINGSET\"}"

/* API-610 */
START_TEST(resources_have_a_value_of_their_type_and_come_once)
{
    static const struct {
        const char *body, *why;
    } rows[] = {
        {WITH_RESOURCES(CPU "," PORTS), "each once"},
        {WITH_RESOURCES(CPU "," CPU "," MEMORY "," PORTS), "each once"},
        {WITH_RESOURCES("{\"name\":\"CPU\",\"type\":\"INTEGER\"}"), "at least 0"},
        {WITH_RESOURCES("{\"name\":\"CPU\",\"type\":\"INTEGER\",\"integerValue\":-1}"),
         "at least 0"},
        {WITH_RESOURCES("{\"name\":\"CPU\",\"type\":\"INTEGER\",\"longValue\":1}"), "at least 0"},
        {WITH_RESOURCES("{\"name\":\"CPU\",\"type\":\"FLOAT\",\"integerValue\":1}"),
         "INTEGER, LONG, DOUBLE or STRINGSET"},
        {WITH_RESOURCES("{\"name\":\"GPU\",\"type\":\"STRINGSET\"}"), "without stringSetValue"},
        {WITH_RESOURCES("{\"name\":\"GPU\",\"type\":\"DOUBLE\"}"), "without doubleValue"},
        {WITH_RESOURCES("{\"type\":\"INTEGER\",\"integerValue\":1}"), "without name or type"},
        {WITH_RESOURCES("{\"name\":\"CPU\",\"integerValue\":1}"), "without name or type"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(call("RegisterContainerInstance", rows[i].body), 400);
        ck_assert_msg(has("InvalidParameterException") && has(rows[i].why), "%zu: %s", i,
                      eca_buf_str(&last.body));
    }
    ck_assert_int_eq(call("RegisterContainerInstance", WITH_RESOURCES(CPU "," MEMORY "," PORTS)),
                     200);
}
END_TEST

/* API-620, API-622 */
START_TEST(clusters_have_names_and_a_default)
{
    eca_auto_buf struct eca_buf longest = {0};

    ck_assert_int_eq(call("CreateCluster", "{}"), 200);
    ck_assert(has("\"clusterName\":\"default\"") && has(":cluster/default\""));
    ck_assert_int_eq(call("CreateCluster", "{\"clusterName\":\"blue-1_B\"}"), 200);
    ck_assert_int_eq(call("CreateCluster", "{\"clusterName\":\"blue-1_B\"}"), 200);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    ck_assert_int_eq(call("CreateCluster", "{\"clusterName\":\"\"}"), 400);
    ck_assert_int_eq(call("CreateCluster", "{\"clusterName\":\"a b\"}"), 400);
    ck_assert(has("InvalidParameterException"));
    eca_buf_add_str(&longest, "{\"clusterName\":\"");
    for (int i = 0; i < 256; i++) {
        eca_buf_add_char(&longest, 'c');
    }
    eca_buf_add_str(&longest, "\"}");
    ck_assert_int_eq(call("CreateCluster", eca_buf_str(&longest)), 400);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 3);
    /* Where none is named it is the default one; an agent always names it. */
    ck_assert_int_eq(call("DiscoverPollEndpoint", "{\"containerInstance\":\"arn:x/ci\"}"), 200);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "violation", "no cluster is named"), 1);
}
END_TEST

/* API-F03, PROC-221 */
START_TEST(registrations_that_cannot_be_are_refused)
{
    static const struct {
        const char *body, *type;
        bool violation;
    } rows[] = {
        {"{\"cluster\":\"nowhere\"," DOCUMENT("t") "," RESOURCES "}", "ClusterNotFoundException",
         false},
        {"{\"cluster\":\"default\"," DOCUMENT("t") "}", "InvalidParameterException", true},
        {"{\"cluster\":\"default\"," RESOURCES "}", "InvalidParameterException", true},
        {"{\"cluster\":\"default\",\"containerInstanceArn\":\"arn:x/unknown\"," DOCUMENT(
             "t") "," RESOURCES "}",
         "ClientException", false},
        {"{\"cluster\":\"default\",\"containerInstanceArn\":\"arn:x/known\"," DOCUMENT(
             "other") "," RESOURCES "}",
         "Container instance type changes are not supported.", false},
        {"{\"cluster\":\"default\",\"containerInstanceArn\":\"arn:x/dead\"," DOCUMENT(
             "t") "," RESOURCES "}",
         "ClientException", false},
        {"[]", "SerializationException", true},
    };

    fake_ecs_add_instance(ecs, "arn:x/known", "default", "t2.micro");
    fake_ecs_add_instance(ecs, "arn:x/dead", "default", "t");
    fake_ecs_deactivate(ecs, "arn:x/dead");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t before = fake_trace_violations(stage.base.trace);
        ck_assert_int_eq(call("RegisterContainerInstance", rows[i].body), 400);
        ck_assert_msg(has(rows[i].type), "%zu: %s", i, eca_buf_str(&last.body));
        ck_assert_msg(fake_trace_violations(stage.base.trace) - before == rows[i].violation,
                      "row %zu", i);
    }
    ck_assert_uint_eq(fake_ecs_instance_count(ecs), 2);
    ck_assert_uint_eq(
        stage_events(&stage, FAKE_LANE_ECS, "RegisterContainerInstance.failed", "\"http\":400"), 7);
}
END_TEST

/* API-F01, API-301: what a server of AWS would refuse as well. */
START_TEST(requests_are_checked_before_they_act)
{
    static const char body[] = "{\"clusterName\":\"default\"}";
    static const struct stage_keys wrong_secret = {"AKIDEXAMPLE", "other", "TOKEN"};
    static const struct stage_keys unknown = {"AKIDUNKNOWN", "secret/KEY", ""};
    static const struct stage_keys no_token = {"AKIDEXAMPLE", "secret/KEY", ""};

    ck_assert_int_eq(call("CreateCluster", body), 200);
    ck_assert_int_eq(call_as(NULL, "CreateCluster", body), 400);
    ck_assert_int_eq(call_as(&wrong_secret, "CreateCluster", body), 400);
    ck_assert_int_eq(call_as(&unknown, "CreateCluster", body), 400);
    ck_assert_int_eq(call_as(&no_token, "CreateCluster", body), 400);
    ck_assert_int_eq(call("DeleteCluster", body), 400);
    ck_assert(has("UnknownOperationException"));
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 5);
    fake_auth_add(auth, "AKIDOLD", "s", "", eca_sched_wall_ms(stage.base.sched) - 1);
    ck_assert_int_eq(call_as(&(struct stage_keys){"AKIDOLD", "s", ""}, "CreateCluster", body), 400);
    ck_assert(has("ExpiredTokenException"));
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 5);
    manual_clock_advance_ms(&stage.clock, 600000);
    ck_assert_int_eq(call("CreateCluster", body), 200); /* signed anew */
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "CreateCluster", NULL), 2);
}
END_TEST

/* API-F04 */
START_TEST(discovery_answers_what_it_was_given)
{
    static const char body[] = "{\"cluster\":\"default\",\"containerInstance\":\"arn:x/ci\"}";

    ck_assert_int_eq(call("DiscoverPollEndpoint", body), 200);
    ck_assert_str_eq(eca_buf_str(&last.body), "{\"endpoint\":\"https://acs.test/\"}");
    fake_ecs_set_endpoints(ecs, NULL, "https://tcs.test");
    ck_assert_int_eq(call("DiscoverPollEndpoint", body), 200);
    ck_assert_str_eq(eca_buf_str(&last.body), "{\"telemetryEndpoint\":\"https://tcs.test\"}");
    ck_assert_int_eq(call("DiscoverPollEndpoint", "{\"cluster\":\"default\"}"), 400);
}
END_TEST

#define TASK(status)                                                                               \
    "{\"cluster\":\"default\",\"reason\":\"why\",\"status\":\"" status "\",\"task\":\"arn:x/t1\"}"
#define CONTAINER(rest)                                                                            \
    "{\"cluster\":\"default\",\"containerName\":\"web\",\"task\":\"arn:x/t1\"," rest "}"

START_TEST(submissions_are_kept_and_told)
{
    fake_ecs_name_task(ecs, "arn:x/t1", "blue");
    ck_assert_int_eq(call("SubmitTaskStateChange", TASK("RUNNING")), 200);
    ck_assert(has("ACK"));
    ck_assert_int_eq(call("SubmitContainerStateChange",
                          CONTAINER("\"status\":\"RUNNING\",\"networkBindings\":[{\"bindIP\":"
                                    "\"0.0.0.0\",\"containerPort\":80,\"hostPort\":32768,"
                                    "\"protocol\":\"tcp\"}]")),
                     200);
    ck_assert_int_eq(call("SubmitContainerStateChange",
                          CONTAINER("\"status\":\"STOPPED\",\"exitCode\":-1,\"reason\":\"x\","
                                    "\"networkBindings\":[]")),
                     200);
    ck_assert_int_eq(call("SubmitTaskStateChange", TASK("STOPPED")), 200);
    ck_assert_str_eq(fake_ecs_task_status(ecs, "arn:x/t1"), "STOPPED");
    ck_assert_str_eq(fake_ecs_container_status(ecs, "arn:x/t1", "web"), "STOPPED");
    ck_assert_uint_gt(fake_ecs_stopped_ns(ecs, "arn:x/t1"), 0);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "SubmitTaskStateChange",
                                   "{\"task\":\"blue\",\"status\":\"RUNNING\",\"reason\":\"why\"}"),
                      1);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "SubmitContainerStateChange",
                                   "\"bindings\":[\"0.0.0.0:32768->80/tcp\"]"),
                      1);
    ck_assert_uint_eq(
        stage_events(&stage, FAKE_LANE_ECS, "SubmitContainerStateChange", "\"exitCode\":-1"), 1);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* FB-INV.1: never back, never twice; twice is fine when the first answer was lost. */
START_TEST(the_order_of_statuses_is_watched)
{
    (void)call("SubmitTaskStateChange", TASK("RUNNING"));
    (void)call("SubmitTaskStateChange", TASK("RUNNING"));
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "violation", "FB-INV.1"), 1);
    ck_assert_int_ne((int)fake_ecs_fail(ecs, "SubmitTask*", "server", 1, true), 0);
    ck_assert_int_eq(call("SubmitTaskStateChange", TASK("STOPPED")), 500);
    ck_assert_str_eq(fake_ecs_task_status(ecs, "arn:x/t1"), "STOPPED");
    ck_assert_int_eq(call("SubmitTaskStateChange", TASK("STOPPED")), 200);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "violation", "FB-INV.1"), 1);
    (void)call("SubmitTaskStateChange", TASK("RUNNING"));
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "violation", "RUNNING after STOPPED"), 1);
    fake_ecs_agent_crashed(ecs);
    (void)call("SubmitTaskStateChange", TASK("STOPPED"));
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "violation", "FB-INV.1"), 2);
}
END_TEST

START_TEST(submissions_out_of_form_are_refused)
{
    static const struct {
        const char *operation, *body;
    } rows[] = {
        {"SubmitTaskStateChange", TASK("PENDING")},
        {"SubmitTaskStateChange", "{\"cluster\":\"default\",\"status\":\"RUNNING\"}"},
        {"SubmitTaskStateChange", "{\"cluster\":\"default\",\"status\":\"RUNNING\",\"task\":1}"},
        {"SubmitContainerStateChange",
         CONTAINER("\"status\":\"RUNNING\",\"networkBindings\":[{\"bindIP\":\"::\","
                   "\"containerPort\":1,\"hostPort\":1,\"protocol\":\"sctp\"}]")},
        {"SubmitContainerStateChange",
         CONTAINER("\"status\":\"RUNNING\",\"networkBindings\":[{\"hostPort\":70000}]")},
        {"SubmitContainerStateChange",
         CONTAINER("\"status\":\"STOPPED\",\"networkBindings\":[],\"exitCode\":\"1\"")},
    };
    eca_auto_buf struct eca_buf longest = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(call(rows[i].operation, rows[i].body) == 400, "row %zu", i);
        ck_assert_uint_eq(fake_trace_violations(stage.base.trace), i + 1);
    }
    eca_buf_add_str(&longest,
                    "{\"cluster\":\"default\",\"status\":\"STOPPED\",\"task\":\"arn:x/t2\","
                    "\"reason\":\"");
    for (int i = 0; i < 1025; i++) {
        eca_buf_add_char(&longest, 'r');
    }
    eca_buf_add_str(&longest, "\"}");
    ck_assert_int_eq(call("SubmitTaskStateChange", eca_buf_str(&longest)), 400);
    ck_assert(has("The reason is too long."));
    /* The service does without bindings; an agent that leaves them out is told on. */
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), sizeof(rows) / sizeof(rows[0]));
    ck_assert_int_eq(call("SubmitContainerStateChange", CONTAINER("\"status\":\"RUNNING\"")), 200);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "violation", "no networkBindings"), 1);
    ck_assert_ptr_null(fake_ecs_task_status(ecs, "arn:x/t2"));
}
END_TEST

/* API-F02 */
START_TEST(failures_come_in_presets)
{
    static const struct {
        const char *preset, *type;
        int status;
    } rows[] = {
        {"throttling", "ThrottlingException", 400},
        {"expired", "ExpiredTokenException", 400},
        {"server", "ServerException", 500},
        {"client", "ClientException", 400},
    };

    ck_assert_uint_eq(fake_ecs_fail(ecs, "*", "unheard-of", 1, false), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)fake_ecs_fail(ecs, "Submit*", rows[i].preset, 1, false);
        ck_assert_int_eq(call("CreateCluster", "{}"), 200);
        ck_assert_int_eq(call("SubmitTaskStateChange", TASK("RUNNING")), rows[i].status);
        ck_assert(has(rows[i].type));
        ck_assert_ptr_null(fake_ecs_task_status(ecs, "arn:x/t1"));
    }
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "SubmitTaskStateChange.failed",
                                   "\"status\":\"RUNNING\""),
                      4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake ECS API");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, registration_is_idempotent_by_token);
    tcase_add_test(tcase, a_token_is_one_instance_of_one_cluster_while_it_is_registered);
    tcase_add_test(tcase, types_are_checked_before_values);
    tcase_add_test(tcase, resources_have_a_value_of_their_type_and_come_once);
    tcase_add_test(tcase, clusters_have_names_and_a_default);
    tcase_add_test(tcase, registrations_that_cannot_be_are_refused);
    tcase_add_test(tcase, requests_are_checked_before_they_act);
    tcase_add_test(tcase, discovery_answers_what_it_was_given);
    tcase_add_test(tcase, submissions_are_kept_and_told);
    tcase_add_test(tcase, the_order_of_statuses_is_watched);
    tcase_add_test(tcase, submissions_out_of_form_are_refused);
    tcase_add_test(tcase, failures_come_in_presets);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
