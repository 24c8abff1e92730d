#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/acs/session.h"
#include "agent/base/mem.h"
#include "fakes/acs/acs.h"
#include "fakes/ecs/ecs.h"
#include "tests/unit/fakes/stage.h"
#include "tests/unit/support/manual_host.h"

/* The ACS session between the fakes of ACS and ECS; the handlers write down what they get. */
static struct stage stage;
static struct fake_auth *auth;
static struct fake_ecs *ecs;
static struct fake_acs *acs;
static struct manual_host host;
static struct eca_log session_log;
static struct eca_buf lines, handled;
static struct eca_imds *imds;
static struct eca_aws_creds *creds;
static struct eca_ecs *client;
static struct eca_acs_session *session;
static bool wants_credentials, version_hangs, close_in_handler;
static const char *version;
static size_t inactive, connected, versions;
static struct eca_timer version_timer;
static eca_runtime_version_fn *on_version;
static void *version_arg;

static void note(const char *what, eca_json body)
{
    const char *id = NULL;

    if (body != NULL) {
        (void)eca_json_read_str(body, "message", "messageId", &id, NULL);
    }
    eca_buf_addf(&handled, "%s %s\n", what, id == NULL ? "-" : id);
}

static void on_payload(void *arg, eca_json body)
{
    (void)arg;
    note("payload", body);
    if (close_in_handler) {
        eca_acs_session_overload(session);
    }
}
static void on_refresh(void *arg, eca_json body)
{
    (void)arg;
    note("refresh", body);
}
static void on_stage(void *arg, eca_json body)
{
    (void)arg;
    note("stage", body);
}
static void on_perform(void *arg, eca_json body)
{
    (void)arg;
    note("perform", body);
}
static bool on_wants(void *arg)
{
    (void)arg;
    return wants_credentials;
}
static void on_inactive(void *arg)
{
    (void)arg;
    inactive++;
}
static void on_connected(void *arg)
{
    (void)arg;
    connected++;
}

static void answer_version(void *arg)
{
    struct eca_runtime_version answer = {.version = version, .api_version = "1.24"};
    struct eca_err err = {0};

    (void)arg;
    if (version_hangs) {
        return;
    }
    if (version == NULL) {
        (void)eca_err_set(&err, ECA_E_TRANSIENT, "the daemon is away");
        on_version(version_arg, ECA_OUTCOME_FAILED, &err, NULL);
    } else {
        on_version(version_arg, ECA_OUTCOME_DONE, NULL, &answer);
    }
}

static void on_version_limit(void *arg)
{
    struct eca_err err = {0};

    (void)arg;
    (void)eca_err_set(&err, ECA_E_TIMEOUT, "no answer in time");
    on_version(version_arg, ECA_OUTCOME_FAILED, &err, NULL);
}

static int ask_version(void *impl, uint64_t limit_ms, eca_runtime_version_fn *on_done, void *arg,
                       struct eca_op **ret_op, struct eca_err *err)
{
    (void)impl;
    (void)err;
    versions++;
    on_version = on_done;
    version_arg = arg;
    eca_timer_init(&version_timer, stage.base.sched,
                   version_hangs ? on_version_limit : answer_version, NULL);
    eca_timer_start_ms(&version_timer, version_hangs ? limit_ms : 5);
    *ret_op = (struct eca_op *)(void *)&version_timer;
    return ECA_OK;
}

static void cancel(void *impl, struct eca_op *op)
{
    (void)impl;
    (void)op;
    eca_timer_stop(&version_timer);
}

static void on_line(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    (void)arg;
    (void)level;
    (void)wall_ms;
    eca_buf_add_view(&lines, line);
}

static int64_t stamp(void *arg)
{
    (void)arg;
    return eca_sched_wall_ms(stage.base.sched);
}

static void open_fakes(void)
{
    struct fake_ecs_opts ecs_opts = {.base = stage.base,
                                     .auth = auth,
                                     .endpoint = "https://acs.test",
                                     .telemetry_endpoint = "https://tcs.test"};
    struct fake_acs_opts acs_opts = {.base = stage.base, .auth = auth};

    ecs = fake_ecs_new(&ecs_opts);
    fake_ecs_add_instance(ecs, "arn:ci", "default", "");
    acs = fake_acs_new(&acs_opts);
    fake_memory_map(stage.memory, "ecs.us-west-2.amazonaws.com", "ecs");
    fake_memory_map(stage.memory, "acs.test", "acs");
}

static void open_session(struct eca_acs_timing timing)
{
    static const struct eca_acs_handlers handlers = {
        on_payload, on_refresh, on_stage, on_perform, on_wants, on_inactive, on_connected};
    static const struct eca_runtime_ops ops = {.version = ask_version, .cancel = cancel};
    struct eca_acs_opts opts = {.sched = stage.base.sched,
                                .channel = stage.channel,
                                .entropy = stage.base.entropy,
                                .log = &session_log,
                                .ecs = client,
                                .creds = creds,
                                .runtime = {&ops, NULL},
                                .cluster = "default",
                                .instance_arn = "arn:ci",
                                .region = "us-west-2",
                                .timing = timing,
                                .handlers = &handlers};

    session = eca_acs_session_new(&opts);
}

static void setup(void)
{
    struct eca_imds_opts imds_opts = {.endpoint = "http://nobody.test"};
    struct eca_aws_creds_opts creds_opts = {0};
    struct eca_ecs_opts client_opts = {.endpoint = "", .region = "us-west-2"};
    struct eca_sched *sched;

    wants_credentials = version_hangs = close_in_handler = false;
    version = "1.12.6";
    inactive = connected = versions = 0;
    lines = handled = (struct eca_buf){0};
    stage_open(&stage);
    sched = stage.base.sched;
    auth = fake_auth_new(sched);
    fake_auth_add(auth, "AKIDEXAMPLE", "secret", "", 0);
    open_fakes();
    manual_host_init(&host);
    manual_host_setenv(&host, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    manual_host_setenv(&host, "AWS_SECRET_ACCESS_KEY", "secret");
    session_log = (struct eca_log){.level = ECA_LOG_DEBUG, .sink = on_line, .wall_ms = stamp};
    imds = eca_imds_new(sched, stage.http, stage.base.entropy, &session_log, &imds_opts);
    creds = eca_aws_creds_new(sched, manual_host_port(&host), imds, &session_log, &creds_opts);
    ck_assert_int_eq(eca_ecs_new(sched, stage.http, stage.base.entropy, creds, &session_log,
                                 &client_opts, &client, NULL),
                     ECA_OK);
    eca_timer_init(&version_timer, sched, answer_version, NULL);
    open_session((struct eca_acs_timing){0});
}

static void teardown(void)
{
    eca_acs_session_free(session);
    eca_ecs_free(client);
    eca_aws_creds_free(creds);
    eca_imds_free(imds);
    eca_timer_stop(&version_timer);
    for (size_t i = 0; i < fake_trace_count(stage.base.trace); i++) {
        const struct fake_event *event = fake_trace_at(stage.base.trace, i);

        ck_assert_msg(strcmp(event->name, "violation") != 0, "%s", event->fields);
    }
    stage_drop_carrier(&stage);
    fake_acs_free(acs);
    fake_ecs_free(ecs);
    fake_auth_free(auth);
    manual_host_clear(&host);
    eca_buf_clear(&lines);
    eca_buf_clear(&handled);
    stage_close(&stage);
}

static void run_ms(uint64_t ms)
{
    manual_clock_advance_ms(&stage.clock, ms);
}

static size_t logged(const char *part)
{
    size_t times = 0, at = 0;

    while ((at = eca_view_find(eca_buf_view(&lines), part, at)) != SIZE_MAX) {
        times++;
        at++;
    }
    return times;
}

static void stand(void)
{
    eca_acs_session_start(session);
    run_ms(500);
    ck_assert_msg(fake_acs_connected(acs), "%s", eca_buf_str(&lines));
}

static uint64_t until_session(uint64_t number, uint64_t limit_ms)
{
    uint64_t waited = 0;

    while (fake_acs_sessions(acs) < number && waited < limit_ms) {
        run_ms(10);
        waited += 10;
    }
    ck_assert_msg(fake_acs_sessions(acs) >= number, "no session %llu: %s",
                  (unsigned long long)number, eca_buf_str(&lines));
    return waited;
}

static size_t connects_with(const char *part)
{
    return stage_events(&stage, FAKE_LANE_ACS, "connect", part);
}

/* ACS-202, ACS-203, ACS-206: the fake refuses another URL, query or signature. */
START_TEST(a_round_asks_where_and_connects)
{
    stand();
    ck_assert_uint_eq(connected, 1);
    ck_assert_uint_eq(connects_with("\"dockerVersion\":\"DockerVersion: 1.12.6\""), 1);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "DiscoverPollEndpoint", NULL), 1);
    (void)fake_acs_close_preset(acs, "expired");
    (void)until_session(2, 5000);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "DiscoverPollEndpoint", NULL), 1);
}
END_TEST

/* ACS-204, FB-31.3: true at first, and until all credentials have come. */
START_TEST(credentials_are_asked_for_until_they_are_there)
{
    wants_credentials = true;
    stand();
    (void)fake_acs_close_preset(acs, "expired");
    (void)until_session(2, 5000);
    ck_assert_uint_eq(connects_with("\"sendCredentials\":\"true\""), 2);
    wants_credentials = false;
    run_ms(100);
    (void)fake_acs_close_preset(acs, "expired");
    (void)until_session(3, 5000);
    ck_assert_uint_eq(connects_with("\"sendCredentials\":\"true\""), 2);
    ck_assert_uint_eq(connects_with("\"sendCredentials\":\"false\""), 1);
}
END_TEST

/* ACS-205, FB-25.1, FB-25.2: a hung or dead daemon costs 2 s at most, never the connection. */
START_TEST(dockers_version_is_waited_for_2_s)
{
    version = NULL;
    stand();
    ck_assert_uint_eq(connects_with("dockerVersion\":\"DockerVersion"), 0);
    version = "17.03.1-ce";
    (void)fake_acs_close_preset(acs, "expired");
    (void)until_session(2, 5000);
    ck_assert_uint_eq(connects_with("DockerVersion: 17.03.1-ce"), 1);
    version_hangs = true;
    run_ms(100);
    (void)fake_acs_close_preset(acs, "expired");
    ck_assert_uint_le(until_session(3, 5000), 2000 + 450 + 150);      /* and the pause */
    ck_assert_uint_eq(connects_with("DockerVersion: 17.03.1-ce"), 2); /* the last known */
}
END_TEST

/* ACS-210, ACS-211, ACS-213: 250 ms, half as much more each time, up to 2 min. */
START_TEST(the_pause_grows_to_two_minutes)
{
    uint64_t expected_us = 250000;
    uint64_t number = 1;

    stand();
    for (int i = 0; i < 18; i++) {
        uint64_t waited, least_ms = expected_us / 1000;

        (void)fake_acs_close_preset(acs, "internal");
        waited = until_session(++number, 200000);
        ck_assert_msg(waited + 10 >= least_ms && waited <= least_ms * 6 / 5 + 60,
                      "pause %d: %llu ms instead of %llu", i, (unsigned long long)waited,
                      (unsigned long long)least_ms);
        expected_us = expected_us * 3 / 2 < 120000000 ? expected_us * 3 / 2 : 120000000;
        run_ms(50);
    }
    ck_assert_uint_eq(logged("Error from acs; backing off, err: websocket: close 1011"), 18);
}
END_TEST

/* ACS-212: a connection that stood 5 to 8 min resets the pause, a shorter one does not. */
START_TEST(a_long_life_resets_the_pause)
{
    stand();
    for (uint64_t i = 2; i < 12; i++) {
        (void)fake_acs_close_preset(acs, "internal");
        (void)until_session(i, 200000);
        run_ms(50);
    }
    run_ms(200000);
    (void)fake_acs_close_preset(acs, "internal");
    ck_assert_uint_ge(until_session(12, 200000), 9000);
    run_ms(481000);
    (void)fake_acs_close_preset(acs, "internal");
    ck_assert_uint_le(until_session(13, 200000), 400);
}
END_TEST

/* ACS-230, ACS-231: only decoded messages keep it alive; the limit is drawn between 5 and 8 min. */
START_TEST(silence_ends_the_session)
{
    uint64_t lived = 0;

    fake_acs_set_heartbeat(acs, UINT64_MAX);
    stand();
    while (fake_acs_sessions(acs) == 1 && lived < 600000) {
        fake_acs_ping(acs, "there?");
        fake_acs_send_text(acs, "{\"type\":\"NoSuchMessage\"}");
        run_ms(5000);
        lived += 5000;
    }
    ck_assert_uint_ge(lived, 295000);
    ck_assert_uint_le(lived, 490000);
    ck_assert_uint_eq(logged("hasn't had any activity for too long; closing connection"), 1);
    ck_assert_uint_ge(logged("Unable to handle message from backend"), 50);
    fake_acs_set_heartbeat(acs, 60000);
    run_ms(7200000);
    ck_assert_uint_eq(fake_acs_sessions(acs), 2);
}
END_TEST

/* ACS-232, L-2: other limits than the built-in ones hold from the first message to the last. */
START_TEST(the_idle_limit_has_one_source)
{
    eca_acs_session_free(session);
    open_session((struct eca_acs_timing){.heartbeat_ms = 2000, .heartbeat_jitter_ms = 1});
    fake_acs_set_heartbeat(acs, 1000);
    stand();
    run_ms(60000);
    ck_assert_uint_eq(fake_acs_sessions(acs), 1);
    fake_acs_set_heartbeat(acs, UINT64_MAX);
    run_ms(1990);
    ck_assert(fake_acs_connected(acs) || fake_acs_sessions(acs) == 2);
    ck_assert_uint_le(until_session(2, 5000), 1500);
    ck_assert_uint_eq(logged("hasn't had any activity"), 1);
}
END_TEST

/* ACS-231: a dial that hangs is ended by its own limit, and the idle timer is not spent on it. */
START_TEST(the_idle_timer_starts_with_the_upgrade)
{
    fake_acs_accept(acs, true);
    eca_acs_session_start(session);
    run_ms(29000);
    ck_assert_uint_eq(logged("Error connecting to ACS"), 0);
    run_ms(2000);
    ck_assert_uint_eq(logged("Error connecting to ACS"), 1);
    ck_assert_uint_eq(logged("hasn't had any activity"), 0);
}
END_TEST

/* ACS-103, ACS-210, FB-23.1, EVT-106, L-1: refused as inactive: told, and an hour of rest. */
START_TEST(an_inactive_instance_rests_for_an_hour)
{
    ck_assert(fake_acs_refuse_preset(acs, 1, "InactiveInstanceException"));
    eca_acs_session_start(session);
    run_ms(1000);
    ck_assert_uint_eq(inactive, 1);
    run_ms(3590000);
    ck_assert_uint_eq(fake_acs_sessions(acs), 0);
    run_ms(20000);
    ck_assert_uint_eq(fake_acs_sessions(acs), 1);
    ck_assert_uint_eq(inactive, 1);
}
END_TEST

/* ACS-214, SIG-105: no wait outlives a stop. */
START_TEST(a_stop_ends_every_wait)
{
    static const char *const states[] = {"pause", "version", "upgrade", "open"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        uint64_t before;

        if (i > 0) {
            teardown();
            setup();
        }
        version_hangs = i == 1;
        if (i == 0) {
            ck_assert(fake_acs_refuse_preset(acs, 1, "InactiveInstanceException"));
        } else if (i == 2) {
            fake_acs_accept(acs, true);
        }
        eca_acs_session_start(session);
        run_ms(1000);
        eca_acs_session_stop(session);
        run_ms(1100);
        ck_assert_msg(!fake_acs_connected(acs), "%s", states[i]);
        before = fake_acs_sessions(acs);
        version_hangs = false;
        run_ms(7200000);
        ck_assert_msg(fake_acs_sessions(acs) == before, "%s", states[i]);
    }
}
END_TEST

/* WS-168, ACS-244: each to its handler, in order. */
START_TEST(messages_reach_their_handlers_in_order)
{
    struct fake_acs_payload payload = {.tasks = "[]", .once = true};
    struct fake_acs_credentials keys = {.task_arn = "arn:t", .credentials_id = "c"};

    stand();
    (void)fake_acs_send_payload(acs, &payload);
    (void)fake_acs_send_credentials(acs, &keys);
    (void)fake_acs_send_stage_update(acs, "https://x", "md5");
    (void)fake_acs_send_perform_update(acs);
    (void)fake_acs_send_payload(acs, &payload);
    fake_acs_send_message(acs, "ServerException", "{\"message\":\"m\"}");
    fake_acs_heartbeat(acs);
    run_ms(100);
    ck_assert_str_eq(eca_buf_str(&handled),
                     "payload payload-1\nrefresh credentials-1\nstage update-1\n"
                     "perform update-2\npayload payload-2\n");
    ck_assert_uint_eq(logged("No handler for message type: ServerException"), 1);
    ck_assert(fake_acs_connected(acs));
}
END_TEST

/* ACS-240, ACS-304: an answer goes out on the connection of its message or not at all. */
START_TEST(answers_never_go_to_a_later_connection)
{
    struct fake_acs_payload payload = {.tasks = "[]"};
    eca_auto_buf struct eca_buf ack = {0};
    uint64_t first;

    stand();
    (void)fake_acs_send_payload(acs, &payload);
    run_ms(100);
    first = eca_acs_session_connection(session);
    eca_acs_write_ack(&ack, "default", "arn:ci", "payload-1");
    (void)fake_acs_close_preset(acs, "expired");
    (void)until_session(2, 5000);
    run_ms(100);
    ck_assert(!eca_acs_session_answer(session, first, eca_buf_view(&ack), "payload-1"));
    run_ms(100);
    ck_assert_uint_eq(fake_acs_acks(acs, "payload-1"), 0);
    /* it was delivered again (WS-309), and this one counts */
    ck_assert_str_eq(eca_buf_str(&handled), "payload payload-1\npayload payload-1\n");
    ck_assert(eca_acs_session_answer(session, eca_acs_session_connection(session),
                                     eca_buf_view(&ack), "payload-1"));
    run_ms(100);
    ck_assert_uint_eq(fake_acs_acks(acs, "payload-1"), 1);
}
END_TEST

/* ACS-242: too much at once closes the connection, with the pause; the server delivers again. */
START_TEST(an_overload_closes_and_comes_back)
{
    struct fake_acs_payload payload = {.tasks = "[]"};

    stand();
    close_in_handler = true;
    (void)fake_acs_send_payload(acs, &payload);
    run_ms(200);
    ck_assert(!fake_acs_connected(acs));
    close_in_handler = false;
    ck_assert_uint_le(until_session(2, 5000), 400);
    run_ms(100);
    ck_assert_str_eq(eca_buf_str(&handled), "payload payload-1\npayload payload-1\n");
}
END_TEST

/* ACS-243, L-6: a numbered heartbeat is acknowledged, a plain one is not answered. */
START_TEST(only_numbered_heartbeats_are_answered)
{
    struct eca_acs_status status;

    stand();
    fake_acs_send_message(acs, "HeartbeatMessage", "{\"healthy\":true}");
    fake_acs_send_text(acs, "{\"type\":\"HeartbeatMessage\"}");
    run_ms(100);
    eca_acs_session_status(session, &status);
    ck_assert_uint_eq(status.answers_sent, 0);
    fake_acs_send_message(acs, "HeartbeatMessage", "{\"healthy\":true,\"messageId\":\"h-1\"}");
    run_ms(100);
    eca_acs_session_status(session, &status);
    ck_assert_uint_eq(status.answers_sent, 1);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ACS, "heartbeat-ack", "h-1"), 1);
    ck_assert(fake_acs_connected(acs));
}
END_TEST

/* WS-114, L-10: no keys, no attempt, no unsigned request. */
START_TEST(without_credentials_nothing_is_sent)
{
    manual_host_setenv(&host, "AWS_ACCESS_KEY_ID", NULL);
    eca_acs_session_start(session);
    run_ms(60000);
    ck_assert_uint_eq(fake_acs_sessions(acs), 0);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ACS, "refused", NULL), 0);
    ck_assert_uint_ge(logged("Error connecting to ACS"), 3);
    manual_host_setenv(&host, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    (void)until_session(1, 300000);
}
END_TEST

/* ACS-206, FB-24.2, FB-24.3: three failed dials ask again; the old answer serves while asking
 * fails. */
START_TEST(failed_dials_ask_for_the_endpoint_again)
{
    stand();
    fake_memory_map(stage.memory, "acs.test", NULL); /* nobody there any more */
    fake_memory_map(stage.memory, "acs2.test", "acs");
    fake_ecs_set_endpoints(ecs, "https://acs2.test", NULL);
    (void)fake_acs_close_preset(acs, "expired");
    (void)until_session(2, 30000);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ECS, "DiscoverPollEndpoint", NULL), 2);
    ck_assert_uint_eq(logged("Error connecting to ACS"), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("acs/session");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_round_asks_where_and_connects);
    tcase_add_test(tcase, credentials_are_asked_for_until_they_are_there);
    tcase_add_test(tcase, dockers_version_is_waited_for_2_s);
    tcase_add_test(tcase, the_pause_grows_to_two_minutes);
    tcase_add_test(tcase, a_long_life_resets_the_pause);
    tcase_add_test(tcase, silence_ends_the_session);
    tcase_add_test(tcase, the_idle_timer_starts_with_the_upgrade);
    tcase_add_test(tcase, the_idle_limit_has_one_source);
    tcase_add_test(tcase, an_inactive_instance_rests_for_an_hour);
    tcase_add_test(tcase, a_stop_ends_every_wait);
    tcase_add_test(tcase, messages_reach_their_handlers_in_order);
    tcase_add_test(tcase, answers_never_go_to_a_later_connection);
    tcase_add_test(tcase, an_overload_closes_and_comes_back);
    tcase_add_test(tcase, only_numbered_heartbeats_are_answered);
    tcase_add_test(tcase, without_credentials_nothing_is_sent);
    tcase_add_test(tcase, failed_dials_ask_for_the_endpoint_again);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
