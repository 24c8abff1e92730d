#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/acs/acs.h"
#include "tests/unit/fakes/stage.h"

#define URL(send)                                                                                  \
    "https://acs.test/prefix/ws?agentHash=h&agentVersion=1.13.1&clusterArn=default&"               \
    "containerInstanceArn=arn%3Aci&dockerVersion=DockerVersion%3A+1.12.6&sendCredentials=" send    \
    "&seqNum=1"
#define ACK(id)                                                                                    \
    "{\"type\":\"AckRequest\",\"message\":{\"cluster\":\"default\","                               \
    "\"containerInstance\":\"arn:ci\",\"messageId\":\"" id "\"}}"

static struct stage stage;
static struct fake_auth *auth;
static struct fake_acs *acs;
static struct wire wire;
static const struct stage_keys keys = {"AKIDEXAMPLE", "secret/KEY", ""};

static void setup(void)
{
    struct fake_acs_opts opts = {.heartbeat_ms = UINT64_MAX};

    stage_open(&stage);
    auth = fake_auth_new(stage.base.sched);
    fake_auth_add(auth, keys.id, keys.secret, NULL, 0);
    opts.base = stage.base;
    opts.auth = auth;
    acs = fake_acs_new(&opts);
    fake_memory_map(stage.memory, "acs.test", "acs");
    memset(&wire, 0, sizeof(wire));
}

static void teardown(void)
{
    wire_clear(&wire);
    stage_drop_carrier(&stage);
    fake_acs_free(acs);
    fake_auth_free(auth);
    stage_close(&stage);
}

static void run_ms(uint64_t ms)
{
    manual_clock_advance_ms(&stage.clock, ms);
}

static void connect_as(const char *url, const struct stage_keys *with)
{
    wire_clear(&wire);
    run_ms(250); /* slower than FB-INV.8 */
    wire_open_signed(&wire, &stage, url, with);
    run_ms(10);
}

static void join(void)
{
    connect_as(URL("false"), &keys);
    ck_assert_msg(wire.open, "%s", wire.why);
}

static size_t count(const char *name, const char *part)
{
    return stage_events(&stage, FAKE_LANE_ACS, name, part);
}

/* WS-303, WS-110, ACS-203: who may come in. */
START_TEST(upgrades_are_checked)
{
    static const struct stage_keys wrong = {"AKIDEXAMPLE", "other", ""};

    join();
    ck_assert_uint_eq(fake_acs_sessions(acs), 1);
    ck_assert_uint_eq(count("connect", "\"dockerVersion\":\"DockerVersion: 1.12.6\""), 1);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    connect_as(URL("false"), &wrong);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_REFUSED);
    ck_assert_int_eq(wire.status, 403);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.body), "AccessDeniedException"));
    connect_as(URL("false"), NULL);
    ck_assert_int_eq(wire.status, 403);
    connect_as("https://acs.test/elsewhere?seqNum=1", &keys);
    ck_assert_int_eq(wire.status, 400);
    connect_as("https://acs.test/ws?seqNum=1", &keys);
    ck_assert_int_eq(wire.status, 400);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 4);
}
END_TEST

/* WS-309: numbering, acks, and what comes again. */
START_TEST(payloads_come_again_until_they_are_acknowledged)
{
    struct fake_acs_payload payload = {.tasks = "[{\"arn\":\"a/t1\"}]"};
    struct fake_acs_payload numbered = {.tasks = "[]", .seq_num = 7, .message_id = "mine"};
    struct fake_acs_payload without = {.tasks = "[]", .seq_num = -1, .once = true};

    ck_assert_str_eq(fake_acs_send_payload(acs, &payload), "payload-1"); /* waits */
    join();
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.texts), "\"messageId\":\"payload-1\""));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.texts), "\"seqNum\":1,\"tasks\":[{\"arn\""));
    (void)fake_acs_send_payload(acs, &numbered);
    (void)fake_acs_send_payload(acs, &payload);
    (void)fake_acs_send_payload(acs, &without);
    run_ms(10);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.texts), "\"messageId\":\"mine\""));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.texts), "\"seqNum\":8,"));
    ck_assert_uint_eq(wire.text_count, 4);
    wire_send(&wire, ACK("payload-1"));
    run_ms(10);
    ck_assert_uint_eq(fake_acs_acks(acs, "payload-1"), 1);
    ck_assert_uint_eq(fake_acs_acks(acs, "mine"), 0);
    ck_assert_uint_eq(count("ack", "payload-1"), 1);
    join(); /* `mine` and payload-2 again, not the one that goes once */
    ck_assert_uint_eq(wire.text_count, 2);
    ck_assert_uint_eq(fake_acs_unacknowledged(acs), 3);
    fake_acs_set_resend(acs, false, 0);
    join();
    ck_assert_uint_eq(wire.text_count, 0);
    fake_acs_set_resend(acs, true, 5000);
    join();
    run_ms(5100);
    ck_assert_uint_eq(wire.text_count, 4);
    wire_send(&wire, ACK("mine"));
    run_ms(5100);
    ck_assert_uint_eq(wire.text_count, 5);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

#define PAYLOAD(id)                                                                                \
    "{\"type\":\"PayloadMessage\",\"message\":{\"messageId\":\"" id "\",\"tasks\":["               \
    "{\"arn\":\"a/t1\",\"roleCredentials\":{\"credentialsId\":\"c1\",\"expiration\":\"e\"}}]}}"
#define CREDENTIALS_ACK(id, credentials, more)                                                     \
    "{\"type\":\"IAMRoleCredentialsAckRequest\",\"message\":{\"credentialsId\":\"" credentials     \
    "\"," more "\"messageId\":\"" id "\"}}"
#define NACK(more, id)                                                                             \
    "{\"type\":\"NackRequest\",\"message\":{" more "\"messageId\":\"" id "\",\"reason\":\"no\"}}"
#define STAGE "{\"messageId\":\"u1\",\"clusterArn\":\"blue\",\"containerInstanceArn\":\"ci\"}"

/* ACS-301..303, L-6: who acknowledged what, once for each time it was sent and in the right words;
 * also messages that a scenario writes itself. */
START_TEST(answers_are_compared_with_what_was_sent)
{
    static const struct {
        const char *answer, *rule; /* NULL: it is right */
    } rows[] = {
        {CREDENTIALS_ACK("p1", "c1", "\"expiration\":\"e\","), NULL},
        {CREDENTIALS_ACK("p1", "c1", ""), "ACS-303"},
        {CREDENTIALS_ACK("p1", "c2", "\"expiration\":\"e\","), "ACS-303"},
        {NACK("", "p1"), "ACS-302"},
        {"{\"type\":\"AckRequest\",\"message\":{\"cluster\":\"default\",\"messageId\":\"p1\"}}",
         "ACS-301"},
        {"{\"type\":\"AckRequest\",\"message\":{\"cluster\":\"other\",\"containerInstance\":"
         "\"arn:ci\",\"messageId\":\"p1\"}}",
         "ACS-301"},
        {ACK("p1"), NULL},
        {ACK("p1"), "ACS-301"}, /* twice for one delivery */
        {CREDENTIALS_ACK("r1", "c1", "\"expiration\":\"e\","), "ACS-303"},
        {ACK("r1"), "ACS-301"},
        {CREDENTIALS_ACK("r1", "c1", ""), NULL},
        {CREDENTIALS_ACK("r1", "c1", ""), "ACS-303"},
        {NACK("\"cluster\":\"default\",\"containerInstance\":\"arn:ci\",", "u1"), "ACS-302"},
        {NACK("\"cluster\":\"blue\",\"containerInstance\":\"ci\",", "u1"), NULL},
        {CREDENTIALS_ACK("u1", "c1", ""), "ACS-303"},
        {"{\"type\":\"HeartbeatAckRequest\",\"message\":{\"messageId\":\"h1\"}}", NULL},
        {"{\"type\":\"HeartbeatAckRequest\",\"message\":{\"messageId\":\"h1\"}}", "L-6"},
        {"{\"type\":\"HeartbeatAckRequest\",\"message\":{\"messageId\":\"p2\"}}", "L-6"},
        {ACK("p2"), NULL}, /* the wrong kind has not settled it */
        {"{\"type\":\"HeartbeatAckRequest\",\"message\":{\"messageId\":\"h2\"}}", "L-6"},
    };

    join();
    fake_acs_send_text(acs, PAYLOAD("p1"));
    fake_acs_send_message(acs, "IAMRoleCredentialsMessage",
                          "{\"messageId\":\"r1\",\"roleCredentials\":{\"credentialsId\":\"c1\"}}");
    fake_acs_send_text(acs, PAYLOAD("p2"));
    fake_acs_send_message(acs, "StageUpdateMessage", STAGE);
    fake_acs_send_message(acs, "HeartbeatMessage", "{\"messageId\":\"h1\"}");
    fake_acs_send_message(acs, "HeartbeatMessage", "{}");
    fake_acs_send_message(acs, "CloseMessage", "{\"messageId\":\"none wanted\"}");
    ck_assert_uint_eq(fake_acs_unacknowledged(acs), 5);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t before = fake_trace_violations(stage.base.trace);
        size_t told = rows[i].rule == NULL ? 0 : count("violation", rows[i].rule);

        wire_send(&wire, rows[i].answer);
        run_ms(10);
        ck_assert_msg(fake_trace_violations(stage.base.trace) - before == (rows[i].rule != NULL),
                      "row %zu", i);
        ck_assert_msg(rows[i].rule == NULL || count("violation", rows[i].rule) == told + 1,
                      "row %zu", i);
    }
    ck_assert_uint_eq(fake_acs_unacknowledged(acs), 0);
    ck_assert_uint_eq(count("nack", "\"reason\":\"no\""), 3);
}
END_TEST

/* ACS-240, ACS-301: an ack belongs to the session and to the delivery that brought its message; a
 * message that a fault doubles may be acknowledged twice. */
START_TEST(answers_are_counted_by_delivery)
{
    struct fake_acs_payload once = {.tasks = "[]", .message_id = "once", .once = true};
    struct fake_acs_payload payload = {.tasks = "[]", .message_id = "again"};
    struct fake_acs_payload twice = {.tasks = "[]", .message_id = "twice"};
    struct fake_fault doubled = {.kind = FAKE_FAULT_DUPLICATE, .what = "PayloadMessage"};

    join();
    (void)fake_acs_send_payload(acs, &once);
    (void)fake_acs_send_payload(acs, &payload);
    run_ms(10);
    join(); /* `again` comes again */
    wire_send(&wire, ACK("again"));
    wire_send(&wire, ACK("again"));
    (void)fake_hub_fault(stage.base.hub, &doubled);
    (void)fake_acs_send_payload(acs, &twice);
    run_ms(10);
    wire_send(&wire, ACK("twice"));
    wire_send(&wire, ACK("twice"));
    run_ms(10);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    wire_send(&wire, ACK("again"));
    run_ms(10);
    ck_assert_uint_eq(count("violation", "more often than it was sent"), 1);
    wire_send(&wire, ACK("once"));
    run_ms(10);
    ck_assert_uint_eq(count("violation", "ACS-240"), 1);
    ck_assert_uint_eq(fake_acs_acks(acs, "again"), 3);
}
END_TEST

/* WS-310 */
START_TEST(credentials_follow_sendcredentials)
{
    struct fake_acs_credentials role = {
        .task_arn = "a/t1", .credentials_id = "id-1", .access_key_id = "AK", .expiration = "x"};

    fake_acs_remember_credentials(acs, &role);
    join();
    ck_assert_uint_eq(wire.text_count, 0);
    connect_as(URL("true"), &keys);
    ck_assert_uint_eq(wire.text_count, 1);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.texts), "\"credentialsId\":\"id-1\""));
    ck_assert_ptr_null(strstr(eca_buf_str(&wire.texts), "roleArn"));
    wire_send(&wire, "{\"type\":\"IAMRoleCredentialsAckRequest\",\"message\":{\"messageId\":"
                     "\"credentials-1\",\"credentialsId\":\"id-1\",\"expiration\":\"x\"}}");
    run_ms(10);
    ck_assert_uint_eq(count("credentials-ack", "\"credentialsId\":\"id-1\""), 1);
    ck_assert_uint_eq(fake_acs_acks(acs, "credentials-1"), 1);
    role.credentials_id = "id-2";
    (void)fake_acs_send_credentials(acs, &role);
    run_ms(10);
    ck_assert_uint_eq(wire.text_count, 2);
    connect_as(URL("true"), &keys);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.texts), "id-2"));
    ck_assert_ptr_null(strstr(eca_buf_str(&wire.texts), "id-1"));
}
END_TEST

/* WS-305, WS-306 */
START_TEST(heartbeats_and_pings)
{
    join();
    fake_acs_set_heartbeat(acs, 0);
    run_ms(61000);
    ck_assert_uint_eq(wire.text_count, 3);
    ck_assert_str_eq(eca_buf_str(&wire.texts),
                     "{\"type\":\"HeartbeatMessage\",\"message\":{\"healthy\":true}}\n"
                     "{\"type\":\"HeartbeatMessage\",\"message\":{\"healthy\":true}}\n"
                     "{\"type\":\"HeartbeatMessage\",\"message\":{\"healthy\":true}}\n");
    fake_acs_set_heartbeat(acs, UINT64_MAX);
    fake_acs_ping(acs, "p1");
    run_ms(61000);
    ck_assert_uint_eq(wire.text_count, 3);
    ck_assert_uint_eq(count("pong", "p1"), 1);
    fake_acs_ping(acs, "p2");
    fake_acs_ping(acs, "p3");
    run_ms(10);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    fake_acs_send_raw(acs, eca_view_of("\x89\x02p2", 4)); /* behind the book's back */
    run_ms(10);
    ck_assert_uint_eq(count("violation", "WS-306"), 1);
}
END_TEST

/* WS-132, WS-309, WS-311: messages in one segment with the 101, and entered in the book. */
START_TEST(messages_are_glued_to_the_answer)
{
    fake_acs_glue(acs, PAYLOAD("p1"));
    fake_acs_glue(acs, PAYLOAD("p2"));
    join();
    ck_assert_uint_eq(wire.text_count, 2);
    ck_assert_uint_eq(fake_acs_unacknowledged(acs), 2);
    wire_send(&wire, ACK("p1"));
    wire_send(&wire, ACK("p2"));
    run_ms(10);
    ck_assert_uint_eq(fake_acs_unacknowledged(acs), 0);
    join();
    ck_assert_uint_eq(wire.text_count, 0);
    fake_acs_glue(acs, "never sent");
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* WS-308 */
START_TEST(refusals_come_in_presets)
{
    static const struct {
        const char *preset, *body;
        int status;
    } rows[] = {
        {"InactiveInstanceException", "{\"InactiveInstanceException\":\"refused\"}", 400},
        {"typed:InvalidClusterException",
         "{\"type\":\"InvalidClusterException\",\"message\":{\"message\":\"refused\"}}", 400},
        {"ServerException", "{\"ServerException\":\"refused\"}", 500},
        {"AccessDeniedException", "{\"AccessDeniedException\":\"refused\"}", 403},
        {"html", "<html><body>Service Unavailable</body>", 503},
        {"empty", "", 500},
        {"moved", "", 301},
        {"redirect", "", 302},
        {"ok", "hello", 200},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert(fake_acs_refuse_preset(acs, 2, rows[i].preset));
        for (int k = 0; k < 2; k++) {
            connect_as(URL("true"), &keys);
            ck_assert_int_eq(wire.how, ECA_CHANNEL_REFUSED);
            ck_assert_int_eq(wire.status, rows[i].status);
            ck_assert_str_eq(eca_buf_str(&wire.body), rows[i].body);
        }
        join();
    }
    ck_assert(!fake_acs_refuse_preset(acs, 1, "NoSuchException"));
    ck_assert(fake_acs_refuse_preset(acs, 1, "unended"));
    connect_as(URL("true"), &keys);
    run_ms(4900);
    ck_assert_msg(!wire.ended, "the connection stays open, and so does the body");
    run_ms(100);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_REFUSED);
    ck_assert_str_eq(eca_buf_str(&wire.body), "{\"ServerException\":\"refused\"}");
    ck_assert(fake_acs_refuse_preset(acs, 1, "wrong-key"));
    connect_as(URL("true"), &keys);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_CONNECT_FAILED);
    ck_assert_ptr_nonnull(strstr(wire.why, "Sec-WebSocket-Accept"));
    ck_assert_uint_eq(fake_hub_open(stage.base.hub), 0);
    fake_acs_accept(acs, true);
    connect_as(URL("true"), &keys);
    run_ms(20000);
    ck_assert(!wire.open && !wire.ended);
    fake_acs_accept(acs, false);
    run_ms(10);
    ck_assert(wire.open);
}
END_TEST

/* WS-312 */
START_TEST(closes_come_in_presets)
{
    static const struct {
        const char *preset;
        enum eca_channel_how how;
        int code;
    } rows[] = {
        {"expired", ECA_CHANNEL_CLOSED_BY_PEER, 1000},
        {"idle", ECA_CHANNEL_CLOSED_BY_PEER, 1002},
        {"going-away", ECA_CHANNEL_CLOSED_BY_PEER, 1001},
        {"internal", ECA_CHANNEL_CLOSED_BY_PEER, 1011},
        {"empty", ECA_CHANNEL_CLOSED_BY_PEER, 1005},
        {"cut", ECA_CHANNEL_LOST, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        join();
        ck_assert(fake_acs_close_preset(acs, rows[i].preset));
        run_ms(10);
        ck_assert_int_eq(wire.how, rows[i].how);
        ck_assert_int_eq(wire.close_code, rows[i].code);
        ck_assert(!fake_acs_connected(acs));
        ck_assert_uint_eq(count("closed", NULL), i + 1);
    }
    ck_assert(!fake_acs_close_preset(acs, "softly"));
    fake_acs_close_at_once(acs, 1000, "come again");
    connect_as(URL("true"), &keys);
    ck_assert_int_eq(wire.close_code, 1000);
    ck_assert_str_eq(eca_buf_str(&wire.reason), "come again");
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* WS-311, WS-141, WS-145 */
START_TEST(broken_and_odd_frames_are_on_offer)
{
    static const struct {
        const char *preset;
        bool lives;
    } rows[] = {
        {"masked", false},
        {"reserved-bits", false},
        {"unknown-opcode", false},
        {"long-control", false},
        {"fragmented-control", false},
        {"lone-continuation", false},
        {"binary", true},
        {"not-json", true},
        {"unknown-type", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        join();
        ck_assert(fake_acs_send_broken(acs, rows[i].preset));
        run_ms(10);
        ck_assert_msg(wire.ended != rows[i].lives, "%s", rows[i].preset);
        ck_assert_uint_eq(wire.text_count, rows[i].lives);
    }
    ck_assert(!fake_acs_send_broken(acs, "politely"));
    join();
    fake_acs_send_odd(acs, "{\"type\":\"HeartbeatMessage\"}", &(struct fake_odd){.piece = 3});
    run_ms(10);
    ck_assert_str_eq(eca_buf_str(&wire.texts), "{\"type\":\"HeartbeatMessage\"}\n");
    ck_assert_uint_eq(count("pong", "between"), 1);
}
END_TEST

/* WS-304: what agents must not send. */
START_TEST(garbage_of_the_agent_is_a_violation)
{
    static const struct {
        const char *text, *rule;
    } rows[] = {
        {"hello", "WS-304"},
        {"[]", "WS-304"},
        {"{\"type\":1,\"message\":{}}", "WS-160"},
        {"{\"type\":\"AckRequest\",\"message\":\"x\"}", "WS-160"},
        {"{\"type\":\"AckRequest\",\"message\":{}}", "ACS-301"},
        {ACK("never-sent"), "ACS-301"},
        {"{\"type\":\"IAMRoleCredentialsAckRequest\",\"message\":{}}", "ACS-303"},
        {"{\"type\":\"PayloadMessage\",\"message\":{}}", "ACS-101"},
    };

    join();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wire_send(&wire, rows[i].text);
        run_ms(10);
        ck_assert_uint_eq(fake_trace_violations(stage.base.trace), i + 1);
        ck_assert_msg(count("violation", rows[i].rule) > 0, "row %zu", i);
    }
    ck_assert(fake_acs_connected(acs));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake ACS");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, upgrades_are_checked);
    tcase_add_test(tcase, payloads_come_again_until_they_are_acknowledged);
    tcase_add_test(tcase, answers_are_compared_with_what_was_sent);
    tcase_add_test(tcase, answers_are_counted_by_delivery);
    tcase_add_test(tcase, credentials_follow_sendcredentials);
    tcase_add_test(tcase, heartbeats_and_pings);
    tcase_add_test(tcase, messages_are_glued_to_the_answer);
    tcase_add_test(tcase, refusals_come_in_presets);
    tcase_add_test(tcase, closes_come_in_presets);
    tcase_add_test(tcase, broken_and_odd_frames_are_on_offer);
    tcase_add_test(tcase, garbage_of_the_agent_is_a_violation);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
