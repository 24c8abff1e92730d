#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/version.h"
#include "tests/unit/aws/world.h"

#define ARN "arn:aws:ecs:us-west-2:111122223333:container-instance/ci-1"
#define ENDPOINTS "{\"endpoint\":\"https://acs\",\"telemetryEndpoint\":\"https://tcs\"}"
#define NS_PER_MS UINT64_C(1000000)

static struct world world;
static struct heard heard;
static struct eca_ecs_request *request;

static void setup(void)
{
    world_init(&world);
    memset(&heard, 0, sizeof(heard));
}

static void teardown(void)
{
    world_clear(&world);
}

static const struct eca_port_binding bindings[] = {
    {.container_port = 80, .host_port = 32768, .bind_ip = "0.0.0.0"},
    {.container_port = 53, .host_port = 53, .bind_ip = "::1", .udp = true},
};

static struct eca_ecs_task_change task_change(const char *status, const char *reason)
{
    return (struct eca_ecs_task_change){
        .cluster = "default",
        .task_arn = "arn:aws:ecs:us-west-2:111122223333:task/t1",
        .status = status,
        .reason = reason,
    };
}

static void wait_heard(uint64_t limit_ms)
{
    ck_assert_msg(manual_clock_run_until(&world.clock, &heard.done, limit_ms), "no callback");
    manual_clock_settle(&world.clock);
    ck_assert_uint_eq(heard.times, 1);
}

static void submit_task(const char *status, const char *reason)
{
    struct eca_ecs_task_change change = task_change(status, reason);

    memset(&heard, 0, sizeof(heard));
    eca_ecs_submit_task(world.ecs, &change, hear, &heard, &request);
    ck_assert(!heard.done); /* never inside the call */
    wait_heard(60000);
}

static void create_cluster(void)
{
    memset(&heard, 0, sizeof(heard));
    eca_ecs_create_cluster(world.ecs, "default", hear, &heard, &request);
    wait_heard(120000);
}

/* Signature of a recorded request, by the verifier. */
static bool lookup(void *arg, struct eca_view id, struct eca_sigv4_keys *ret_keys)
{
    (void)arg;
    ret_keys->secret = eca_view_str("SECRETMARKER");
    if (eca_view_starts(id, "ASIA")) { /* of the role: with a token */
        static char token[64];
        (void)snprintf(token, sizeof(token), "TOKEN-%.*s", (int)id.len, id.at);
        ret_keys->token = eca_view_str(token);
    }
    return true;
}

static void verify(const struct script_request *sent, const char *host, const char *path)
{
    struct eca_http_header headers[ECA_HTTP_HEADERS_MAX + 1];
    struct eca_sigv4_refusal refusal = {0};
    struct eca_err err = {0};
    size_t count = 0;

    for (; count < sent->header_count; count++) {
        headers[count] =
            (struct eca_http_header){sent->header_names[count], sent->header_values[count]};
    }
    headers[count++] = (struct eca_http_header){"Host", host};
    const struct eca_sigv4_check check = {
        .method = sent->method,
        .path = eca_view_str(path),
        .headers = headers,
        .header_count = count,
        .body = eca_view_of(sent->body, sent->body_len),
        .region = "us-west-2",
        .service = "ecs",
        .now_ms = sent->at_wall_ms,
        .date_tolerance_ms = 1000, /* FB-20.1 */
        .lookup = lookup,
    };
    ck_assert_msg(eca_sigv4_verify(&check, &refusal, &err) == ECA_OK, "%s", err.msg);
    eca_sigv4_refusal_clear(&refusal);
}

/* API-201, API-202, API-204, API-205, API-102, API-105, API-301 */
START_TEST(a_request_has_its_headers_and_limits)
{
    const struct script_request *sent;

    world_expect_ecs(&world, 200, "{\"cluster\":{\"clusterName\":\"default\",\"x\":1}}");
    create_cluster();
    ck_assert(heard.ok);
    ck_assert_str_eq(heard.text, "default"); /* API-622 */
    sent = script_http_last(world.http);
    ck_assert_str_eq(sent->method, "POST");
    ck_assert_str_eq(sent->url, ECS_URL);
    ck_assert_str_eq(sent->body, "{\"clusterName\":\"default\"}");
    ck_assert_str_eq(script_request_header(sent, "x-amz-target"),
                     "AmazonEC2ContainerServiceV20141113.CreateCluster");
    ck_assert_str_eq(script_request_header(sent, "content-type"), "application/x-amz-json-1.1");
    ck_assert_str_eq(script_request_header(sent, "user-agent"), eca_user_agent);
    ck_assert_uint_eq(sent->total_ms, 5000);
    ck_assert_uint_eq(sent->body_bytes_max, 1 << 20); /* API-106 */
    ck_assert_int_eq(sent->proxy, ECA_HTTP_PROXY_ENVIRONMENT);
    ck_assert(!sent->insecure);
    verify(sent, "ecs.us-west-2.amazonaws.com", "/");
}
END_TEST

/* API-202, API-203 */
START_TEST(the_endpoint_is_built_or_taken)
{
    static const struct {
        const char *endpoint, *region, *url;
    } cases[] = {
        {"", "eu-west-1", "https://ecs.eu-west-1.amazonaws.com/"},
        {NULL, "cn-north-1", "https://ecs.cn-north-1.amazonaws.com.cn/"},
        {NULL, "cn-northwest-1", "https://ecs.cn-northwest-1.amazonaws.com.cn/"},
        {"ecs.test:8443", "us-west-2", "https://ecs.test:8443/"},
        {"http://127.0.0.1:1/", "us-west-2", "http://127.0.0.1:1/"},
        {"https://h/base//", "us-west-2", "https://h/base/"},
        {"https://h/base", "us-west-2", "https://h/base/"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        const struct eca_ecs_opts opts = {
            .endpoint = cases[i].endpoint, .region = cases[i].region, .insecure = true};
        struct eca_ecs *ecs = NULL;
        const struct eca_ecs_task_change change = task_change("RUNNING", "");

        ck_assert_int_eq(eca_ecs_new(world.clock.sched, script_http_port(world.http),
                                     manual_entropy_port(&world.entropy), world.creds, &world.log,
                                     &opts, &ecs, NULL),
                         ECA_OK);
        script_http_expect(world.http, (struct script_answer){.url = cases[i].url, .status = 200});
        memset(&heard, 0, sizeof(heard));
        eca_ecs_submit_task(ecs, &change, hear, &heard, &request);
        wait_heard(1000);
        ck_assert(heard.ok);
        ck_assert(script_http_last(world.http)->insecure);
        eca_ecs_free(ecs);
    }
}
END_TEST

START_TEST(a_bad_endpoint_or_region_is_refused)
{
    static const char *const bad[][2] = {{"", ""}, {"https://", "r"}, {"h:99999", "r"}};

    for (size_t i = 0; i < ECA_ARRAY_LEN(bad); i++) {
        const struct eca_ecs_opts opts = {.endpoint = bad[i][0], .region = bad[i][1]};
        struct eca_ecs *ecs = NULL;
        struct eca_err err = {0};
        ck_assert_msg(eca_ecs_new(world.clock.sched, script_http_port(world.http),
                                  manual_entropy_port(&world.entropy), world.creds, &world.log,
                                  &opts, &ecs, &err) == ECA_E_INVALID,
                      "case %zu", i);
        ck_assert_ptr_null(ecs);
    }
}
END_TEST

/* API-601, API-610, API-206: the example of the specification, byte for byte */
START_TEST(register_body_is_the_example)
{
    static const struct eca_ecs_attribute attributes[] = {{"a.privileged", NULL}, {"k", "v\"\n"}};
    static const uint16_t ports[] = {22, 2375};
    eca_auto_buf struct eca_buf body = {0};
    struct eca_ecs_register what = {
        .attributes = attributes,
        .attribute_count = 2,
        .cluster = "default",
        .document = eca_view_str("{\"instanceId\":\"i-1\"}"),
        .signature = eca_view_str("c2ln"),
        .client_token = "tok",
        .cpu_units = 2048,
        .memory_mib = 3768,
        .ports = ports,
        .port_count = 2,
    };

    eca_ecs_register_body(&what, &body);
    ck_assert_str_eq(
        eca_buf_str(&body),
        "{\"attributes\":[{\"name\":\"a.privileged\"},{\"name\":\"k\",\"value\":\"v\\\"\\n\"}],"
        "\"clientToken\":\"tok\",\"cluster\":\"default\",\"instanceIdentityDocument\":"
        "\"{\\\"instanceId\\\":\\\"i-1\\\"}\",\"instanceIdentityDocumentSignature\":\"c2ln\","
        "\"totalResources\":[{\"integerValue\":2048,\"name\":\"CPU\",\"type\":\"INTEGER\"},"
        "{\"integerValue\":3768,\"name\":\"MEMORY\",\"type\":\"INTEGER\"},"
        "{\"name\":\"PORTS\",\"stringSetValue\":[\"22\",\"2375\"],\"type\":\"STRINGSET\"},"
        "{\"name\":\"PORTS_UDP\",\"stringSetValue\":[],\"type\":\"STRINGSET\"}]}");
    eca_buf_reset(&body);
    what.attribute_count = 0;
    what.client_token = "";
    what.instance_arn = ARN;
    what.document = what.signature = ECA_VIEW_NONE;
    eca_ecs_register_body(&what, &body);
    ck_assert(eca_view_starts(eca_buf_view(&body),
                              "{\"cluster\":\"default\",\"containerInstanceArn\":\"" ARN
                              "\",\"instanceIdentityDocument\":\"\","
                              "\"instanceIdentityDocumentSignature\":\"\",\"totalResources\":["));
}
END_TEST

/* ENG-620, ENG-621, API-901, API-902, FB-18.1: members, and reasons cut at a whole character */
START_TEST(submission_bodies_are_the_examples)
{
    eca_auto_buf struct eca_buf body = {0}, reason = {0};
    struct eca_ecs_container_change change = {
        .cluster = "default",
        .task_arn = "arn:aws:ecs:us-west-2:111122223333:task/t1",
        .container_name = "web",
        .status = "RUNNING",
        .bindings = bindings,
        .binding_count = 1,
    };
    struct eca_ecs_task_change task;

    eca_ecs_container_body(&change, &body);
    ck_assert_str_eq(
        eca_buf_str(&body),
        "{\"cluster\":\"default\",\"containerName\":\"web\",\"networkBindings\":[{\"bindIP\":"
        "\"0.0.0.0\",\"containerPort\":80,\"hostPort\":32768,\"protocol\":\"tcp\"}],"
        "\"status\":\"RUNNING\",\"task\":\"arn:aws:ecs:us-west-2:111122223333:task/t1\"}");

    for (size_t i = 0; i < 254; i++) {
        eca_buf_add_char(&reason, 'x');
    }
    eca_buf_add_str(&reason, "\xc3\xa4tail"); /* two bytes across the limit of 255 */
    change.reason = eca_buf_str(&reason);
    change.status = "STOPPED";
    change.has_exit_code = true;
    change.exit_code = -1;
    change.bindings = bindings + 1;
    eca_buf_reset(&body);
    eca_ecs_container_body(&change, &body);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&body), "\"exitCode\":-1,"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&body), "\"protocol\":\"udp\""));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&body), "x\",\"status\":\"STOPPED\""));
    ck_assert_ptr_null(strstr(eca_buf_str(&body), "\xc3"));

    change.reason = NULL;
    change.binding_count = 0;
    eca_buf_reset(&body);
    eca_ecs_container_body(&change, &body);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&body), "\"networkBindings\":[],\"status\""));

    task = task_change("RUNNING", NULL);
    eca_buf_reset(&body);
    eca_ecs_task_body(&task, &body);
    ck_assert_str_eq(eca_buf_str(&body),
                     "{\"cluster\":\"default\",\"reason\":\"\",\"status\":\"RUNNING\",\"task\":"
                     "\"arn:aws:ecs:us-west-2:111122223333:task/t1\"}");
    while (reason.len < 20000) {
        eca_buf_add_str(&reason, "\xe2\x82\xac");
    }
    task.reason = eca_buf_str(&reason);
    eca_buf_reset(&body);
    eca_ecs_task_body(&task, &body);
    ck_assert_uint_le(body.len, 1024 + 120);
    ck_assert_uint_ge(body.len, 1021 + 100);
}
END_TEST

/* API-501, API-102: four attempts, pauses 100, 200, 400 ms, each limited to 5 s */
START_TEST(ordinary_operations_are_tried_four_times)
{
    static const uint64_t at_ms[] = {0, 100, 300, 5700};

    world_expect_ecs(&world, 500, "<html>");
    world_expect_ecs(&world, 503, "");
    script_http_expect(world.http, (struct script_answer){.silent = true});
    world_expect_ecs(&world, 500, "{\"__type\":\"prefix#ServerException\",\"message\":\"last\"}");
    create_cluster();
    ck_assert(!heard.ok);
    ck_assert_int_eq(heard.failure.class, ECA_AWS_SERVER);
    ck_assert_str_eq(heard.failure.code, "ServerException"); /* API-403 */
    ck_assert_str_eq(heard.failure.message, "last");
    ck_assert_str_eq(heard.failure.request_id, "rid-1");
    ck_assert_int_eq(heard.failure.http_status, 500);
    ck_assert_uint_eq(script_http_count(world.http), 4);
    for (size_t i = 0; i < ECA_ARRAY_LEN(at_ms); i++) {
        uint64_t at = script_http_request(world.http, i)->at_ns / NS_PER_MS - 1000;
        ck_assert_uint_eq(at, at_ms[i]);
    }
}
END_TEST

/* API-304, API-503, FB-20.1, FB-20.2: every attempt is signed with the time and keys of its moment
 */
START_TEST(every_attempt_is_signed_anew)
{
    const char *first, *second;

    manual_host_setenv(&world.host, "AWS_ACCESS_KEY_ID", NULL);
    world_no_token(&world);
    world_expect_role(&world, "ASIAONE", 300 + 11); /* refreshed after 11 s */
    script_http_expect(world.http, (struct script_answer){.url = ECS_URL, .silent = true});
    script_http_expect(world.http, (struct script_answer){.url = ECS_URL, .silent = true});
    script_http_expect(world.http, (struct script_answer){.url = ECS_URL, .silent = true});
    world_expect_ecs(&world, 200, "{\"cluster\":{\"clusterName\":\"c\"}}");
    eca_ecs_create_cluster(world.ecs, "default", hear, &heard, &request);
    manual_clock_advance_ms(&world.clock, 4000);
    world_expect_role(&world, "ASIATWO", 7200);
    wait_heard(60000);
    ck_assert(heard.ok);
    first = script_request_header(script_http_request(world.http, 3), "authorization");
    second = script_request_header(script_http_last(world.http), "authorization");
    ck_assert_ptr_nonnull(strstr(first, "ASIAONE"));
    ck_assert_ptr_nonnull(strstr(second, "ASIATWO"));
    for (size_t i = 0; i < script_http_count(world.http); i++) {
        const struct script_request *sent = script_http_request(world.http, i);
        if (strcmp(sent->url, ECS_URL) == 0) {
            verify(sent, "ecs.us-west-2.amazonaws.com", "/");
        }
    }
}
END_TEST

/* FB-20.3: after 12 min of errors the first attempt that is accepted carries the date of its
 * sending */
START_TEST(the_first_attempt_after_an_outage_is_accepted)
{
    script_http_expect(world.http, (struct script_answer){.times = 24, .status = 500});
    for (int i = 0; i < 24; i++) {
        submit_task("STOPPED", "");
        ck_assert(!heard.ok);
        ck_assert_int_eq(heard.failure.class, ECA_AWS_SERVER);
        manual_clock_advance_ms(&world.clock, 30000);
    }
    world_expect_ecs(&world, 200, "{\"acknowledgment\":\"ACK\"}"); /* API-904 */
    submit_task("STOPPED", "");
    ck_assert(heard.ok);
    verify(script_http_last(world.http), "ecs.us-west-2.amazonaws.com", "/");
}
END_TEST

/* API-406: the class of an answer */
START_TEST(answers_have_their_class)
{
    static const struct {
        int status;
        const char *code;
        enum eca_aws_class class;
    } cases[] = {
        {500, "", ECA_AWS_SERVER},
        {599, "ClientException", ECA_AWS_SERVER},
        {429, "", ECA_AWS_THROTTLED},
        {400, "Throttling", ECA_AWS_THROTTLED},
        {400, "ThrottlingException", ECA_AWS_THROTTLED},
        {400, "RequestLimitExceeded", ECA_AWS_THROTTLED},
        {400, "RequestThrottled", ECA_AWS_THROTTLED},
        {400, "ProvisionedThroughputExceededException", ECA_AWS_THROTTLED},
        {400, "LimitExceededException", ECA_AWS_THROTTLED},
        {400, "TooManyRequestsException", ECA_AWS_THROTTLED},
        {400, "RequestTimeout", ECA_AWS_THROTTLED},
        {400, "ExpiredToken", ECA_AWS_EXPIRED},
        {400, "ExpiredTokenException", ECA_AWS_EXPIRED},
        {403, "RequestExpired", ECA_AWS_EXPIRED},
        {403, "InvalidSignatureException", ECA_AWS_EXPIRED},
        {403, "RequestTimeTooSkewed", ECA_AWS_EXPIRED},
        {400, "ClientException", ECA_AWS_DEFINITE},
        {400, "", ECA_AWS_DEFINITE},
        {404, "SerializationError", ECA_AWS_DEFINITE},
        {302, "", ECA_AWS_DEFINITE}, /* API-104 */
        {199, "", ECA_AWS_DEFINITE},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        ck_assert_msg(eca_aws_classify(cases[i].status, cases[i].code) == cases[i].class,
                      "case %zu", i);
    }
}
END_TEST

/* API-104, API-402, API-403, API-407, FB-18.2: tried once, with code and message */
START_TEST(a_definite_answer_is_tried_once)
{
    static const struct {
        int status;
        const char *body, *code, *message;
    } cases[] = {
        {400, "{\"__type\":\"a#b#c\",\"Message\":\"M\"}", "b#c", "M"},
        {400, "{\"__type\":\"ClientException\",\"message\":\"m\",\"Message\":\"M\"}",
         "ClientException", "m"},
        {400, "", "SerializationError", "HTTP status 400"},
        {403, "<html>", "SerializationError", "HTTP status 403"},
        {404, "[]", "SerializationError", "HTTP status 404"},
        {400, "{\"__type\":5}", "", "HTTP status 400"},
        {302, "", "SerializationError", "HTTP status 302"},
        {200, "garbage", "SerializationError", NULL},
        {200, "[]", "SerializationError", "the answer is no object"},
        {200, "{\"cluster\":{}} x", "SerializationError", NULL},
        {200, "{}", "SerializationError", "the answer has no cluster.clusterName"},
        {200, "", "SerializationError", "the answer has no cluster.clusterName"},
        {200, "{\"cluster\":{\"clusterName\":5}}", "SerializationError", NULL},
        {200, "{\"cluster\":\"x\"}", "SerializationError", NULL},
        {200, "{\"Cluster\":{\"clusterName\":\"x\"}}", "SerializationError", NULL}, /* API-401 */
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        world_expect_ecs(&world, cases[i].status, cases[i].body);
        create_cluster();
        ck_assert_msg(!heard.ok && heard.failure.class == ECA_AWS_DEFINITE, "case %zu", i);
        ck_assert_str_eq(heard.failure.code, cases[i].code);
        if (cases[i].message != NULL) {
            ck_assert_str_eq(heard.failure.message, cases[i].message);
        }
        ck_assert_uint_eq(script_http_pending(world.http), 0);
    }
}
END_TEST

/* API-404, API-406: without a complete answer it is transport, and retried */
START_TEST(a_broken_exchange_is_transport)
{
    script_http_expect(world.http,
                       (struct script_answer){.error = ECA_E_TRANSIENT, .error_text = "refused"});
    script_http_expect(
        world.http,
        (struct script_answer){.status = 200, .body = "{\"cluster\"", .error = ECA_E_AMBIGUOUS});
    script_http_expect(world.http, (struct script_answer){.error = ECA_E_INVALID});
    script_http_expect(world.http, (struct script_answer){.error = ECA_E_TRANSIENT,
                                                          .error_text = "dial\nrefused"});
    create_cluster();
    ck_assert_int_eq(heard.failure.class, ECA_AWS_TRANSPORT);
    ck_assert_str_eq(heard.failure.code, "RequestError");
    ck_assert_int_eq(heard.failure.http_status, 0);
    {
        eca_auto_buf struct eca_buf text = {0}; /* API-405, LOG-108: one line */
        eca_aws_failure_text(&heard.failure, &text);
        ck_assert_str_eq(eca_buf_str(&text),
                         "RequestError: send request failed caused by: dial refused");
    }
    script_http_refuse_next(world.http, ECA_E_LIMIT);
    world_expect_ecs(&world, 200, "{\"cluster\":{\"clusterName\":\"c\"}}");
    create_cluster();
    ck_assert(heard.ok);
}
END_TEST

/* API-106 */
START_TEST(a_too_long_answer_is_definite)
{
    eca_auto_buf struct eca_buf body = {0};

    while (body.len <= 1 << 20) {
        eca_buf_add_str(&body, "                                                              ");
    }
    world_expect_ecs(&world, 200, eca_buf_str(&body));
    create_cluster();
    ck_assert_int_eq(heard.failure.class, ECA_AWS_DEFINITE);
}
END_TEST

/* API-405 */
START_TEST(a_failure_prints_as_one_line)
{
    eca_auto_buf struct eca_buf text = {0};

    world_expect_ecs(&world, 400, "{\"__type\":\"X\",\"message\":\"a\\nb\\u001b\"}");
    create_cluster();
    eca_aws_failure_text(&heard.failure, &text);
    ck_assert_str_eq(eca_buf_str(&text), "X: a\\nb\\x1b status code: 400, request id: rid-1");
}
END_TEST

/* EC2-311, API-406: expired once, then accepted with new credentials */
START_TEST(expired_credentials_are_replaced_between_attempts)
{
    manual_host_setenv(&world.host, "AWS_ACCESS_KEY_ID", NULL);
    world_no_token(&world);
    world_expect_role(&world, "ASIAONE", 3600);
    world_expect_ecs(&world, 400, "{\"__type\":\"ExpiredTokenException\"}");
    world_expect_role(&world, "ASIATWO", 3600);
    world_expect_ecs(&world, 200, "{\"cluster\":{\"clusterName\":\"c\"}}");
    create_cluster();
    ck_assert(heard.ok);
    ck_assert_ptr_nonnull(
        strstr(script_request_header(script_http_last(world.http), "authorization"), "ASIATWO"));
    verify(script_http_last(world.http), "ecs.us-west-2.amazonaws.com", "/");
}
END_TEST

/* API-406: a clock complaint is forgiven once per request */
START_TEST(a_signature_complaint_is_forgiven_once)
{
    world_expect_ecs(&world, 403, "{\"__type\":\"InvalidSignatureException\"}");
    world_expect_ecs(&world, 403, "{\"__type\":\"RequestTimeTooSkewed\"}");
    create_cluster();
    ck_assert(!heard.ok);
    ck_assert_int_eq(heard.failure.class, ECA_AWS_DEFINITE);
    ck_assert_uint_eq(script_http_count(world.http), 2);
}
END_TEST

/* SEND-106: who is refused may be let in later; what is refused will be refused again. */
START_TEST(refusals_of_the_caller_are_told_from_those_of_the_request)
{
    static const struct {
        int status;
        const char *code;
        bool about_caller;
    } rows[] = {
        {400, "InvalidSignatureException", true},
        {400, "RequestTimeTooSkewed", true},
        {400, "AccessDeniedException", true},
        {400, "UnrecognizedClientException", true},
        {403, "", true},
        {401, "SerializationError", true},
        {407, "", true},
        {400, "InvalidParameterException", false},
        {400, "ClientException", false},
        {400, "ResourceNotFoundException", false},
        {400, "", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_aws_failure failure = {.class = ECA_AWS_DEFINITE, .http_status = rows[i].status};

        (void)snprintf(failure.code, sizeof(failure.code), "%s", rows[i].code);
        ck_assert_msg(eca_aws_failure_is_about_caller(&failure) == rows[i].about_caller, "%d %s",
                      rows[i].status, rows[i].code);
    }
}
END_TEST

/* EC2-310, API-503: nothing is sent without credentials */
START_TEST(an_unsigned_request_is_never_sent)
{
    manual_host_setenv(&world.host, "AWS_ACCESS_KEY_ID", NULL);
    world_no_token(&world);
    script_http_expect(world.http, (struct script_answer){.method = "GET", .status = 404});
    create_cluster();
    ck_assert_int_eq(heard.failure.class, ECA_AWS_UNSIGNED);
    ck_assert_str_eq(heard.failure.code, "NoCredentialProviders");
    ck_assert(eca_aws_failure_is_temporary(&heard.failure));
    ck_assert_uint_eq(script_http_pending(world.http), 0);
}
END_TEST

/* API-502: the queue is the only retry layer of submissions */
START_TEST(a_submission_is_one_attempt)
{
    world_expect_ecs(&world, 500, "");
    submit_task("RUNNING", "");
    ck_assert_int_eq(heard.failure.class, ECA_AWS_SERVER);
    ck_assert(eca_aws_failure_is_temporary(&heard.failure));
    world_expect_ecs(&world, 400, "{\"__type\":\"ThrottlingException\"}");
    submit_task("RUNNING", "");
    ck_assert_int_eq(heard.failure.class, ECA_AWS_THROTTLED);
    world_expect_ecs(&world, 400, "{\"__type\":\"InvalidParameterException\"}");
    submit_task("RUNNING", "");
    ck_assert(!eca_aws_failure_is_temporary(&heard.failure)); /* FB-18.2 */
    ck_assert_uint_eq(script_http_count(world.http), 3);
}
END_TEST

/* API-903 */
START_TEST(other_statuses_are_not_sent)
{
    struct eca_ecs_container_change change = {
        .cluster = "c", .task_arn = "t", .container_name = "n", .status = "CREATED"};

    submit_task("PULLED", "");
    ck_assert(heard.ok);
    submit_task("CREATED", "");
    ck_assert(heard.ok);
    submit_task("NONE", "");
    ck_assert_int_eq(heard.failure.class, ECA_AWS_DEFINITE);
    ck_assert_uint_eq(world_logged_times(&world, "[WARN]"), 1);
    memset(&heard, 0, sizeof(heard));
    eca_ecs_submit_container(world.ecs, &change, hear, &heard, &request);
    ck_assert(!heard.done);
    wait_heard(1);
    ck_assert(heard.ok);
    ck_assert_uint_eq(script_http_count(world.http), 0);
}
END_TEST

START_TEST(a_canceled_request_hears_nothing)
{
    const struct eca_ecs_task_change change = task_change("RUNNING", "");

    script_http_expect(world.http, (struct script_answer){.times = SCRIPT_FOREVER, .silent = true});
    for (uint64_t ms = 0; ms < 20000; ms += 700) { /* in every state of the call */
        eca_ecs_create_cluster(world.ecs, "c", hear, &heard, &request);
        manual_clock_advance_ms(&world.clock, ms);
        eca_ecs_cancel(request);
    }
    eca_ecs_submit_task(world.ecs, &change, hear, &heard, &request);
    eca_ecs_cancel(request);
    eca_ecs_cancel(NULL);
    manual_clock_advance_ms(&world.clock, 60000);
    ck_assert(!heard.done);
    ck_assert_uint_eq(script_http_open_calls(world.http), 0);
}
END_TEST

/* ---- Discovery --------------------------------------------------------------------------------
 */

static void discover(enum eca_ecs_backend backend)
{
    memset(&heard, 0, sizeof(heard));
    eca_ecs_discover(world.ecs, backend, "default", ARN, hear, &heard, &request);
    ck_assert(!heard.done);
    wait_heard(60000);
}

/* API-801, API-802 */
START_TEST(discovery_is_cached_for_twenty_minutes)
{
    world_expect_ecs(&world, 200, ENDPOINTS);
    discover(ECA_ECS_ACS);
    ck_assert_str_eq(heard.text, "https://acs");
    ck_assert_str_eq(script_http_last(world.http)->body,
                     "{\"cluster\":\"default\",\"containerInstance\":\"" ARN "\"}");
    manual_clock_advance_ms(&world.clock, 19 * 60 * 1000);
    discover(ECA_ECS_TELEMETRY); /* reading does not extend it */
    ck_assert_str_eq(heard.text, "https://tcs");
    ck_assert_uint_eq(script_http_count(world.http), 1);
    manual_clock_advance_ms(&world.clock, 2 * 60 * 1000);
    world_expect_ecs(&world, 200, "{\"endpoint\":\"https://new\"}");
    discover(ECA_ECS_ACS);
    ck_assert_str_eq(heard.text, "https://new");
    ck_assert_uint_eq(script_http_count(world.http), 2);
}
END_TEST

/* FB-24.3, API-804 */
START_TEST(simultaneous_questions_cause_one_request)
{
    struct heard a = {0}, b = {0}, c = {0};
    struct eca_ecs_request *wait[3];

    script_http_expect(world.http,
                       (struct script_answer){.delay_ms = 100, .status = 200, .body = ENDPOINTS});
    eca_ecs_discover(world.ecs, ECA_ECS_ACS, "default", ARN, hear, &a, &wait[0]);
    eca_ecs_discover(world.ecs, ECA_ECS_TELEMETRY, "default", ARN, hear, &b, &wait[1]);
    eca_ecs_discover(world.ecs, ECA_ECS_ACS, "default", ARN, hear, &c, &wait[2]);
    manual_clock_settle(&world.clock);
    eca_ecs_cancel(wait[0]);
    manual_clock_advance_ms(&world.clock, 200);
    ck_assert(!a.done);
    ck_assert_str_eq(b.text, "https://tcs");
    ck_assert_str_eq(c.text, "https://acs");
    ck_assert_uint_eq(script_http_count(world.http), 1);
}
END_TEST

/* FB-24.1: the last known endpoint when discovery fails after the cache expired */
START_TEST(the_last_known_endpoint_serves_when_discovery_fails)
{
    world_expect_ecs(&world, 200, ENDPOINTS);
    discover(ECA_ECS_ACS);
    manual_clock_advance_ms(&world.clock, 25 * 60 * 1000);
    script_http_expect(world.http, (struct script_answer){.times = 4, .status = 500});
    discover(ECA_ECS_ACS);
    ck_assert(heard.ok);
    ck_assert_str_eq(heard.text, "https://acs");
    ck_assert(world_logged(&world, "last known endpoint is used"));
    world_expect_ecs(&world, 200,
                     "{\"telemetryEndpoint\":\"https://t2\"}"); /* errors are not cached */
    discover(ECA_ECS_TELEMETRY);
    ck_assert_str_eq(heard.text, "https://t2");
}
END_TEST

/* FB-24.4: bounded to 15 s with all retries, also when the server hangs */
START_TEST(discovery_takes_at_most_fifteen_seconds)
{
    uint64_t before;

    world_expect_ecs(&world, 200, ENDPOINTS);
    discover(ECA_ECS_ACS);
    manual_clock_advance_ms(&world.clock, 25 * 60 * 1000);
    before = manual_clock_elapsed_ms(&world.clock);
    script_http_expect(world.http, (struct script_answer){.times = SCRIPT_FOREVER, .silent = true});
    discover(ECA_ECS_ACS);
    ck_assert_str_eq(heard.text, "https://acs");
    ck_assert_uint_le(manual_clock_elapsed_ms(&world.clock) - before, 15000);
    ck_assert_uint_eq(script_http_open_calls(world.http), 0);
}
END_TEST

START_TEST(a_failure_without_a_known_endpoint_is_told)
{
    script_http_expect(world.http, (struct script_answer){.times = SCRIPT_FOREVER, .silent = true});
    discover(ECA_ECS_ACS);
    ck_assert(!heard.ok);
    ck_assert_int_eq(heard.failure.class, ECA_AWS_TRANSPORT);
    script_http_forget(world.http);
    world_expect_ecs(&world, 400, "{\"__type\":\"ClientException\"}");
    discover(ECA_ECS_ACS);
    ck_assert_str_eq(heard.failure.code, "ClientException");
}
END_TEST

/* FB-24.2: three failed dials, then the API is asked although the cache is young */
START_TEST(three_failed_dials_ask_again)
{
    world_expect_ecs(&world, 200, ENDPOINTS);
    discover(ECA_ECS_ACS);
    eca_ecs_report_dial(world.ecs, ECA_ECS_ACS, false);
    eca_ecs_report_dial(world.ecs, ECA_ECS_ACS, false);
    discover(ECA_ECS_ACS);
    eca_ecs_report_dial(world.ecs, ECA_ECS_ACS, true); /* a good one in between resets */
    eca_ecs_report_dial(world.ecs, ECA_ECS_ACS, false);
    eca_ecs_report_dial(world.ecs, ECA_ECS_ACS, false);
    discover(ECA_ECS_ACS);
    ck_assert_uint_eq(script_http_count(world.http), 1);
    eca_ecs_report_dial(world.ecs, ECA_ECS_ACS, false);
    discover(ECA_ECS_TELEMETRY); /* telemetry's dials are its own */
    ck_assert_uint_eq(script_http_count(world.http), 1);
    world_expect_ecs(&world, 200, "{\"endpoint\":\"https://moved\"}");
    discover(ECA_ECS_ACS);
    ck_assert_str_eq(heard.text, "https://moved");
    discover(ECA_ECS_ACS);
    ck_assert_uint_eq(script_http_count(world.http), 2);
}
END_TEST

/* API-803, TCS-203, TCS-204 */
START_TEST(a_missing_member_fails_its_caller_only)
{
    static const char *const answers[] = {
        "{\"endpoint\":\"https://acs\"}",
        "{\"endpoint\":\"https://acs\",\"telemetryEndpoint\":null}",
        "{\"endpoint\":\"https://acs\",\"telemetryEndpoint\":\"\"}",
        "{\"endpoint\":\"https://acs\",\"telemetryEndpoint\":5}",
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(answers); i++) {
        world_expect_ecs(&world, 200, answers[i]);
        discover(ECA_ECS_TELEMETRY); /* asks each time: the cache does not answer it */
        ck_assert(!heard.ok);
        ck_assert_ptr_nonnull(strstr(heard.failure.message, "no telemetryEndpoint"));
        discover(ECA_ECS_ACS); /* served from the same answer */
        ck_assert_str_eq(heard.text, "https://acs");
        ck_assert_uint_eq(script_http_count(world.http), i + 1);
    }
}
END_TEST

/* API-802 */
START_TEST(another_instance_has_its_own_answer)
{
    world_expect_ecs(&world, 200, ENDPOINTS);
    discover(ECA_ECS_ACS);
    world_expect_ecs(&world, 400, "{\"__type\":\"ClientException\"}");
    memset(&heard, 0, sizeof(heard));
    eca_ecs_discover(world.ecs, ECA_ECS_ACS, "default", "other", hear, &heard, &request);
    wait_heard(1000);
    ck_assert(!heard.ok);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ecs client");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_request_has_its_headers_and_limits);
    tcase_add_test(tcase, the_endpoint_is_built_or_taken);
    tcase_add_test(tcase, a_bad_endpoint_or_region_is_refused);
    tcase_add_test(tcase, register_body_is_the_example);
    tcase_add_test(tcase, submission_bodies_are_the_examples);
    tcase_add_test(tcase, ordinary_operations_are_tried_four_times);
    tcase_add_test(tcase, every_attempt_is_signed_anew);
    tcase_add_test(tcase, the_first_attempt_after_an_outage_is_accepted);
    tcase_add_test(tcase, answers_have_their_class);
    tcase_add_test(tcase, a_definite_answer_is_tried_once);
    tcase_add_test(tcase, a_broken_exchange_is_transport);
    tcase_add_test(tcase, a_too_long_answer_is_definite);
    tcase_add_test(tcase, a_failure_prints_as_one_line);
    tcase_add_test(tcase, expired_credentials_are_replaced_between_attempts);
    tcase_add_test(tcase, a_signature_complaint_is_forgiven_once);
    tcase_add_test(tcase, refusals_of_the_caller_are_told_from_those_of_the_request);
    tcase_add_test(tcase, an_unsigned_request_is_never_sent);
    tcase_add_test(tcase, a_submission_is_one_attempt);
    tcase_add_test(tcase, other_statuses_are_not_sent);
    tcase_add_test(tcase, a_canceled_request_hears_nothing);
    tcase_add_test(tcase, discovery_is_cached_for_twenty_minutes);
    tcase_add_test(tcase, simultaneous_questions_cause_one_request);
    tcase_add_test(tcase, the_last_known_endpoint_serves_when_discovery_fails);
    tcase_add_test(tcase, discovery_takes_at_most_fifteen_seconds);
    tcase_add_test(tcase, a_failure_without_a_known_endpoint_is_told);
    tcase_add_test(tcase, three_failed_dials_ask_again);
    tcase_add_test(tcase, a_missing_member_fails_its_caller_only);
    tcase_add_test(tcase, another_instance_has_its_own_answer);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
