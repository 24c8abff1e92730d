#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "fakes/docker/daemon.h"
#include "fakes/docker/relay.h"
#include "tests/unit/fakes/stage.h"

/* The daemon stands on a stage of its own, as if it were real; the relay is on ours. */
static struct stage stage, far;
static struct fake_docker *daemon_;
static struct fake_docker_relay *relay;

static void setup(void)
{
    struct fake_docker_opts opts = {.any_image = true};
    struct fake_docker_relay_opts relay_opts = {.unix_socket = "/real"};

    stage_open(&stage);
    memset(&far, 0, sizeof(far));
    far.base.sched = stage.base.sched;
    far.random.state = 7;
    far.base.entropy = manual_entropy_port(&far.random);
    far.base.trace = fake_trace_new(far.base.sched);
    far.base.hub = fake_hub_new(far.base.sched, far.base.entropy, far.base.trace);
    far.memory = fake_memory_new(far.base.hub, far.base.sched, far.base.entropy);
    fake_memory_map(far.memory, "/real", "docker");
    opts.base = far.base;
    daemon_ = fake_docker_new(&opts);
    relay_opts.base = stage.base;
    relay_opts.http = fake_memory_http(far.memory);
    relay = fake_docker_relay_new(&relay_opts);
    fake_memory_map(stage.memory, "/d", "docker");
    manual_clock_advance_ms(&stage.clock, 10);
}

static void teardown(void)
{
    stage_drop_carrier(&stage);
    fake_docker_relay_free(relay);
    fake_memory_free(far.memory);
    fake_docker_free(daemon_);
    fake_hub_free(far.base.hub);
    fake_trace_free(far.base.trace);
    stage_close(&stage);
}

static int call(const char *method, const char *path, const char *body, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf url = {0};
    struct ask ask = {.method = method, .unix_socket = "/d", .body = body, .total_ms = 60000};
    struct client client;
    int status;

    eca_buf_addf(&url, "http://x%s", path);
    ask.url = eca_buf_str(&url);
    client_run(&client, &stage, &ask);
    status = client.status;
    if (out != NULL) {
        eca_buf_add_view(out, eca_buf_view(&client.body));
    }
    client_clear(&client);
    return status;
}

static const char web_body[] =
    "{\"Image\":\"busybox\",\"Labels\":{\"com.amazonaws.ecs.task-arn\":\"a/web\","
    "\"com.amazonaws.ecs.container-name\":\"app\"}}";

START_TEST(exchanges_pass_unchanged_and_are_told)
{
    eca_auto_buf struct eca_buf text = {0};

    ck_assert_int_eq(call("GET", "/v1.17/containers/none/json", NULL, &text), 404);
    ck_assert_str_eq(eca_buf_str(&text), "No such container: none\n");
    ck_assert_int_eq(call("POST", "/v1.17/images/create?fromImage=busybox", NULL, NULL), 200);
    ck_assert_int_eq(call("POST", "/v1.17/containers/create?name=web-1", web_body, NULL), 201);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/start", "null", NULL), 204);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/start", "null", NULL), 304);
    ck_assert(fake_docker_exit(daemon_, "web/app", 4));
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_int_eq(call("DELETE", "/v1.17/containers/web-1?v=1", NULL, NULL), 204);
    manual_clock_advance_ms(&stage.clock, 10);

    static const struct {
        const char *name, *part;
    } rows[] = {
        {"pull", "\"image\":\"busybox\""},
        {"create", "\"container\":\"web/app\""},
        {"start", "\"container\":\"web/app\""},
        {"created", "\"container\":\"web/app\""},
        {"running", "\"container\":\"web/app\""},
        {"exited", "\"container\":\"web/app\",\"exitCode\":4"},
        {"remove", "\"container\":\"web/app\""},
        {"removed", "\"container\":\"web/app\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(stage_events(&stage, FAKE_LANE_DOCKER, rows[i].name, rows[i].part) >= 1, "%s",
                      rows[i].name);
    }
    ck_assert_uint_eq(fake_docker_relay_open(relay), 0);
}
END_TEST

static void on_answer(void *arg, int status, struct eca_view text)
{
    struct eca_buf *out = arg;

    eca_buf_addf(out, "%d ", status);
    eca_buf_add_view(out, text);
}

/* What scenarios ask and order in front of a real daemon. */
START_TEST(it_knows_the_containers_and_passes_orders_from_outside)
{
    eca_auto_buf struct eca_buf killed = {0}, unknown = {0}, path = {0};

    ck_assert_int_eq(fake_docker_relay_state(relay, "web/app"), FAKE_DOCKER_NONE);
    ck_assert_ptr_null(fake_docker_relay_id(relay, "web/app"));
    ck_assert_int_eq(call("POST", "/v1.17/images/create?fromImage=busybox", NULL, NULL), 200);
    ck_assert_int_eq(call("POST", "/v1.17/containers/create?name=web-1", web_body, NULL), 201);
    ck_assert_int_eq(fake_docker_relay_state(relay, "web/app"), FAKE_DOCKER_CREATED);
    ck_assert_str_eq(fake_docker_relay_id(relay, "web/app"), fake_docker_id(daemon_, "web/app"));
    ck_assert_str_eq(fake_docker_relay_body(relay, "web/app"), web_body);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/start", "null", NULL), 204);
    ck_assert_int_eq(fake_docker_relay_state(relay, "web/app"), FAKE_DOCKER_RUNNING);
    ck_assert_uint_eq(fake_docker_relay_running(relay, NULL), 1);
    ck_assert_uint_eq(fake_docker_relay_running(relay, "web"), 1);
    ck_assert_uint_eq(fake_docker_relay_running(relay, "we"), 0);

    eca_buf_addf(&path, "/containers/%s/kill?signal=KILL", fake_docker_relay_id(relay, "web/app"));
    ck_assert_int_eq(
        fake_docker_relay_ask(relay, "POST", eca_buf_str(&path), on_answer, &killed, NULL), 0);
    ck_assert_int_eq(
        fake_docker_relay_ask(relay, "POST", "/containers/none/kill", on_answer, &unknown, NULL),
        0);
    ck_assert_uint_eq(killed.len, 0); /* later, from the loop */
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_str_eq(eca_buf_str(&killed), "204 ");
    ck_assert_int_eq(strncmp(eca_buf_str(&unknown), "404 ", 4), 0);
    ck_assert_int_eq(fake_docker_relay_state(relay, "web/app"), FAKE_DOCKER_EXITED);
    ck_assert_uint_eq(fake_docker_relay_running(relay, NULL), 0);
    ck_assert_uint_eq(fake_docker_relay_count(relay), 1);
    ck_assert_int_eq(call("DELETE", "/v1.17/containers/web-1", NULL, NULL), 204);
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_int_eq(fake_docker_relay_state(relay, "web/app"), FAKE_DOCKER_NONE);
    ck_assert_uint_eq(fake_docker_relay_count(relay), 0);
}
END_TEST

/* Freed with a question under way: no call. */
START_TEST(an_unanswered_question_ends_with_the_relay)
{
    eca_auto_buf struct eca_buf answer = {0};

    ck_assert_int_eq(fake_docker_relay_ask(relay, "GET", "/version", on_answer, &answer, NULL), 0);
    stage_drop_carrier(&stage);
    fake_docker_relay_free(eca_take(relay));
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_uint_eq(answer.len, 0);
}
END_TEST

START_TEST(streams_flow_and_their_ends_pass)
{
    struct ask ask = {.url = "http://x/events", .unix_socket = "/d", .endless = true};
    struct client client;

    client_start(&client, &stage, &ask);
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_uint_eq(fake_docker_event_streams(daemon_), 2); /* the relay's own, and this one */
    fake_docker_inject(daemon_, "{\"status\":\"x\"}\n");
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_str_eq(eca_buf_str(&client.body), "{\"status\":\"x\"}\n");
    eca_http_cancel(stage.http, client.call);
    client.call = NULL;
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_uint_eq(fake_docker_event_streams(daemon_), 1);
    client_clear(&client);

    client_start(&client, &stage, &ask);
    manual_clock_advance_ms(&stage.clock, 10);
    (void)fake_docker_end_events(daemon_, true);
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert(client.done);
    ck_assert_int_eq(client.end.err.code, ECA_E_AMBIGUOUS);
    client_clear(&client);
    manual_clock_advance_ms(&stage.clock, 1100);
    ck_assert_uint_eq(fake_docker_event_streams(daemon_), 1); /* the relay came back */
}
END_TEST

START_TEST(faults_act_in_front_of_the_daemon)
{
    struct fake_fault fault = {.kind = FAKE_FAULT_STATUS,
                               .what = "create:web/app",
                               .status = 500,
                               .body = "no\n",
                               .times = 1};

    (void)call("POST", "/v1.17/images/create?fromImage=busybox", NULL, NULL);
    (void)fake_hub_fault(stage.base.hub, &fault);
    ck_assert_int_eq(call("POST", "/v1.17/containers/create?name=web-1", web_body, NULL), 500);
    ck_assert_uint_eq(fake_docker_count(daemon_), 0);
    fault.kind = FAKE_FAULT_RESET_ANSWER;
    (void)fake_hub_fault(stage.base.hub, &fault);
    ck_assert_int_eq(call("POST", "/v1.17/containers/create?name=web-1", web_body, NULL), 0);
    ck_assert_uint_eq(fake_docker_count(daemon_), 1);
}
END_TEST

START_TEST(an_absent_daemon_is_a_reset)
{
    fake_docker_down(daemon_, FAKE_DOCKER_LIVE);
    ck_assert_int_eq(call("GET", "/_ping", NULL, NULL), 0);
    fake_docker_up(daemon_);
    ck_assert_int_eq(call("GET", "/_ping", NULL, NULL), 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docker relay");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, exchanges_pass_unchanged_and_are_told);
    tcase_add_test(tcase, it_knows_the_containers_and_passes_orders_from_outside);
    tcase_add_test(tcase, an_unanswered_question_ends_with_the_relay);
    tcase_add_test(tcase, streams_flow_and_their_ends_pass);
    tcase_add_test(tcase, faults_act_in_front_of_the_daemon);
    tcase_add_test(tcase, an_absent_daemon_is_a_reset);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
