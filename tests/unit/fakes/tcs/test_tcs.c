#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/tcs/tcs.h"
#include "tests/unit/fakes/stage.h"

#define URL "https://tcs.test/ws?cluster=default&containerInstance=arn%3Aci"
#define UUID "0f9e8d7c-6b5a-4c3d-8e2f-1a0b9c8d7e6f"
#define EARLIER "the messageId of an earlier cycle"
#define UUID_3 "7d1c2f0a-9b7e-4f60-b1c3-2e4d6f8091ab"
#define UUID_2 "5d1c2f0a-9b7e-4f60-a1c3-2e4d6f8091ab"
#define META(fin, idle, id)                                                                        \
    "\"metadata\":{\"cluster\":\"default\",\"containerInstance\":\"arn:ci\",\"fin\":" fin          \
    ",\"idle\":" idle ",\"messageId\":\"" id "\"}"
#define SUM(min, max, n, sum)                                                                      \
    "{\"max\":" max ",\"min\":" min ",\"sampleCount\":" n ",\"sum\":" sum "}"
#define SET(min, max, n) SUM(min, max, n, "3")
#define TASK(arn, cpu)                                                                             \
    "{\"containerMetrics\":[{\"cpuStatsSet\":" cpu ",\"memoryStatsSet\":" SET(                     \
        "1", "2", "2") "}],\"taskArn\":\"" arn                                                     \
                       "\",\"taskDefinitionFamily\":\"f\",\"taskDefinitionVersion\":\"1\"}"
#define MESSAGE(inner)                                                                             \
    "{\"type\":\"PublishMetricsRequest\",\"message\":{" inner ",\"timestamp\":NOW}}"
#define METRICS(fin, id, task) MESSAGE(META(fin, "false", id) ",\"taskMetrics\":[" task "]")
#define GOOD TASK("a/t1", SET("1", "2", "2"))

static struct stage stage;
static struct fake_auth *auth;
static struct fake_tcs *tcs;
static struct wire wire;
static const struct stage_keys keys = {"AKIDEXAMPLE", "secret/KEY", "TOKEN"};

static void setup(void)
{
    struct fake_tcs_opts opts = {0};

    stage_open(&stage);
    auth = fake_auth_new(stage.base.sched);
    fake_auth_add(auth, keys.id, keys.secret, keys.token, 0);
    opts.base = stage.base;
    opts.auth = auth;
    tcs = fake_tcs_new(&opts);
    fake_memory_map(stage.memory, "tcs.test", "tcs");
    memset(&wire, 0, sizeof(wire));
}

static void teardown(void)
{
    wire_clear(&wire);
    stage_drop_carrier(&stage);
    fake_tcs_free(tcs);
    fake_auth_free(auth);
    stage_close(&stage);
}

static void run_ms(uint64_t ms)
{
    manual_clock_advance_ms(&stage.clock, ms);
}

static void join(void)
{
    wire_clear(&wire);
    run_ms(250); /* slower than FB-INV.8 */
    wire_open_signed(&wire, &stage, URL, &keys);
    run_ms(10);
}

/* The time of day in place of NOW. */
static void dated(const char *json, struct eca_buf *out)
{
    const char *now = strstr(json, "NOW");
    size_t before = now == NULL ? strlen(json) : (size_t)(now - json);

    eca_buf_add(out, json, before);
    if (now != NULL) {
        eca_buf_addf(out, "%lld%s", (long long)(eca_sched_wall_ms(stage.base.sched) / 1000),
                     now + 3);
    }
}

static void publish(const char *undated)
{
    eca_auto_buf struct eca_buf text = {0}, told = {0};
    struct eca_sigv4_keys with = {eca_view_str(keys.id), eca_view_str(keys.secret),
                                  eca_view_str(keys.token)};
    struct eca_err err = {0};

    dated(undated, &told);
    ck_assert_msg(eca_sigv4_message(URL, eca_buf_view(&told), "us-west-2",
                                    eca_sched_wall_ms(stage.base.sched), &with, &text, &err) == 0,
                  "%s", err.msg);
    wire_send(&wire, eca_buf_str(&text));
    run_ms(10);
}

static size_t violations(const char *part)
{
    return stage_events(&stage, FAKE_LANE_TCS, "violation", part);
}

/* An idle cycle, with an id of its own. */
static void publish_idle(unsigned number)
{
    eca_auto_buf struct eca_buf json = {0};

    eca_buf_addf(&json,
                 "{\"type\":\"PublishMetricsRequest\",\"message\":{\"metadata\":{\"cluster\":"
                 "\"default\",\"containerInstance\":\"arn:ci\",\"fin\":true,\"idle\":true,"
                 "\"messageId\":\"0f9e8d7c-6b5a-4c3d-8e2f-%012x\"},\"timestamp\":NOW}}",
                 number);
    publish(eca_buf_str(&json));
}

/* TCS-903, TCS-604: an idle instance, told and acknowledged. */
START_TEST(idle_messages_are_acknowledged)
{
    join();
    ck_assert(wire.open);
    publish(MESSAGE(META("true", "true", UUID)));
    ck_assert_str_eq(eca_buf_str(&wire.texts),
                     "{\"type\":\"AckPublishMetric\",\"message\":{\"message\":\"ok\"}}\n");
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "metrics",
                                   "\"cycle\":1,\"idle\":true,\"fin\":true,\"taskCount\":0"),
                      1);
    ck_assert_ptr_nonnull(strstr(fake_tcs_last(tcs), META("true", "true", UUID)));
    fake_tcs_set_acks(tcs, FAKE_TCS_ACK_NONE, 0, 0);
    run_ms(20000);
    publish_idle(1);
    ck_assert_uint_eq(wire.text_count, 1);
    fake_tcs_set_acks(tcs, FAKE_TCS_ACK_ALL, 0, 3000);
    run_ms(20000);
    publish_idle(2);
    ck_assert_uint_eq(wire.text_count, 1);
    run_ms(3000);
    ck_assert_uint_eq(wire.text_count, 2);
    ck_assert_uint_eq(fake_tcs_messages(tcs), 3);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* TCS-905: the n-th message of each session alone. */
START_TEST(one_message_of_a_session_is_acknowledged)
{
    static const size_t acks[] = {0, 0, 1, 1};

    fake_tcs_set_acks(tcs, FAKE_TCS_ACK_NTH, 3, 0);
    for (unsigned round = 0; round < 2; round++) {
        join();
        for (unsigned i = 0; i < 4; i++) {
            publish_idle(round * 4 + i);
            ck_assert_uint_eq(wire.text_count, acks[i]);
            run_ms(19990);
        }
    }
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* TCS-601, TCS-603, TCS-904: the first cycle at once or within 10 s, the others on its 20 s. */
START_TEST(cycles_keep_their_time)
{
    static const struct {
        uint64_t at_ms[4]; /* since the session's begin; 0 = no more */
        const char *flaw;
    } rows[] = {
        {{20, 20020, 40020, 60020}, NULL},
        {{10010, 20010, 0}, NULL}, /* TCS-610 */
        {{40000, 80000, 0}, NULL}, /* TCS-606: cycles without data are left out */
        {{20, 20950, 39050, 60000}, NULL},
        {{20, 22000, 0}, "not at a multiple"},
        {{20, 10000, 0}, "not at a multiple"},
        {{12000, 0}, "not at a multiple"},
        {{20, 500, 0}, "two cycles"},
        {{19500, 20500, 0}, "two cycles"},
    };
    unsigned id = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t before = violations(NULL);
        uint64_t at_ms = 10; /* join() waits so long */

        join();
        for (size_t k = 0; k < 4 && rows[i].at_ms[k] != 0; k++) {
            run_ms(rows[i].at_ms[k] - at_ms);
            publish_idle(++id);
            at_ms = rows[i].at_ms[k] + 10;
        }
        ck_assert_msg(violations(NULL) - before == (rows[i].flaw != NULL), "row %zu", i);
        ck_assert_msg(rows[i].flaw == NULL || violations(rows[i].flaw) > 0, "row %zu", i);
    }
    join();
    publish_idle(id);
    ck_assert_uint_eq(violations("the messageId of an earlier cycle"), 1);
}
END_TEST

/* What we hold up ourselves says nothing about the agent's clock; a doubled message is one. */
START_TEST(a_disturbed_session_has_no_time)
{
    struct fake_fault fault = {.kind = FAKE_FAULT_DUPLICATE, .what = "PublishMetricsRequest"};

    join();
    publish_idle(1);
    fake_tcs_read_only(tcs, 0);
    publish_idle(2);
    run_ms(7000);
    fake_tcs_read_only(tcs, UINT64_MAX);
    run_ms(10);
    join();
    (void)fake_hub_fault(stage.base.hub, &fault);
    publish_idle(3);
    ck_assert_uint_eq(wire.text_count, 2);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "metrics", NULL), 3);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* TCS-905: so many bytes are read, and no more. */
START_TEST(reading_stops_after_so_many_bytes)
{
    join();
    fake_tcs_read_only(tcs, 1500); /* one of them and a half */
    for (unsigned i = 0; i < 3; i++) {
        publish_idle(i);
    }
    run_ms(1000);
    ck_assert_uint_eq(fake_tcs_messages(tcs), 2);
    fake_tcs_read_only(tcs, UINT64_MAX);
    run_ms(1000);
    ck_assert_uint_eq(fake_tcs_messages(tcs), 3);
}
END_TEST

/* TCS-406: pings come back as they went, each once. */
START_TEST(pongs_are_answers)
{
    join();
    fake_tcs_ping(tcs, "a");
    fake_tcs_ping(tcs, "b");
    fake_tcs_send_odd(tcs, "{\"type\":\"HeartbeatMessage\"}",
                      &(struct fake_odd){.piece = 5, .binary = true, .bytewise = true});
    run_ms(10);
    ck_assert_str_eq(eca_buf_str(&wire.texts), "{\"type\":\"HeartbeatMessage\"}\n");
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "pong", NULL), 3);
    ck_assert_uint_eq(violations(NULL), 0);
    fake_tcs_send_raw(tcs, eca_view_of("\x89\x01z", 3)); /* behind the book's back */
    run_ms(10);
    ck_assert_uint_eq(violations("TCS-406"), 1);
    ck_assert(fake_tcs_send_broken(tcs, "masked"));
    run_ms(10);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_LOST);
    ck_assert(!fake_tcs_send_broken(tcs, "politely"));
}
END_TEST

/* TCS-501, TCS-603..605, TCS-904 */
START_TEST(metrics_are_told_and_checked)
{
    static const struct {
        const char *json, *rule;
    } bad[] = {
        {MESSAGE(META("true", "true", "short")), "TCS-603"},
        {MESSAGE(META("true", "true", "0F9E8D7C-6B5A-4C3D-8E2F-1A0B9C8D7E6F")), "TCS-603"},
        {MESSAGE(META("true", "true", "0f9e8d7c-6b5a-1c3d-8e2f-1a0b9c8d7e6f")), "TCS-603"},
        {MESSAGE(META("false", "true", UUID)), "TCS-604"},
        {MESSAGE(META("true", "true", UUID) ",\"taskMetrics\":[]"), "TCS-604"},
        {"{\"type\":\"PublishMetricsRequest\",\"message\":{" META("true", "true", UUID) "}}",
         "TCS-501"},
        {"{\"type\":\"PublishMetricsRequest\",\"message\":{" META(
             "true", "true", UUID) ",\"timestamp\":NOW000}}", /* milliseconds */
         "TCS-501"},
        {"{\"type\":\"PublishMetricsRequest\",\"message\":{" META("true", "true",
                                                                  UUID) ",\"timestamp\":NOW.5}}",
         "TCS-501"},
        {MESSAGE(META("true", "\"yes\"", UUID) ",\"taskMetrics\":[" GOOD "]"), "TCS-501"},
        {MESSAGE("\"metadata\":{\"cluster\":\"other\",\"containerInstance\":\"arn:ci\",\"fin\":"
                 "true,\"idle\":true,\"messageId\":\"" UUID "\"}"),
         "TCS-501"},
        {METRICS("true", UUID, TASK("a/t1", SUM("1", "2", "2", "20"))), "TCS-904"},
        {METRICS("true", UUID, TASK("a/t1", SUM("1", "2", "2", "1e999"))), "TCS-904"},
        {MESSAGE(META("true", "false", UUID)), "TCS-605"},
        {MESSAGE(META("true", "false", UUID) ",\"taskMetrics\":[" TASK(
             "a/t1", SET("1", "2", "2")) "," TASK("a/t1", SET("1", "2", "2")) "]"),
         "TCS-904"},
        {MESSAGE(
             META("true", "false", UUID) ",\"taskMetrics\":[" TASK("a/t1", SET("3", "2", "2")) "]"),
         "TCS-904"},
        {MESSAGE(
             META("true", "false", UUID) ",\"taskMetrics\":[" TASK("a/t1", SET("1", "2", "0")) "]"),
         "TCS-904"},
        {MESSAGE(META("true", "false", UUID) ",\"taskMetrics\":[" TASK("a/t1", "\"x\"") "]"),
         "TCS-904"},
        {MESSAGE(META("true", "false", UUID) ",\"taskMetrics\":[" TASK("a/t1",
                                                                       SET("1", "200", "2")) "]"),
         "TCS-904"},
        {"not json", "TCS-403"},
        {"{\"type\":\"Other\"}", "TCS-501"},
    };

    join();
    publish(MESSAGE(
        META("false", "false", UUID) ",\"taskMetrics\":[" TASK("a/t1", SET("1", "2", "2")) "]"));
    publish(MESSAGE(
        META("true", "false", UUID) ",\"taskMetrics\":[" TASK("a/t2", SET("1", "2", "2")) "]"));
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "metrics", "\"task\":\"t1\""), 1);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "metrics", "\"sampleCount\":2"), 2);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "metrics", "\"cycle\":1"), 2);
    ck_assert_str_eq(fake_tcs_last_of(tcs, "a/t1"),
                     "[{\"cpu\":" SET("1", "2", "2") ",\"memory\":" SET("1", "2", "2") "}]");
    ck_assert_str_eq(fake_tcs_last_of(tcs, "a/t3"), "null");
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    join();
    publish(METRICS("false", UUID_3, GOOD));
    run_ms(20000);
    publish(METRICS("true", UUID_2, GOOD)); /* before the end of the other cycle */
    ck_assert_uint_eq(violations(NULL), 1);
    ck_assert_uint_eq(violations("TCS-605"), 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t before = violations(NULL), same = violations(EARLIER),
               told = violations(bad[i].rule);

        join();
        publish(bad[i].json);
        ck_assert_msg(violations(NULL) - (violations(EARLIER) - same) == before + 1, "row %zu", i);
        ck_assert_msg(violations(bad[i].rule) > told, "row %zu", i);
    }
}
END_TEST

/* TCS-605, FB-26.3: also over several messages. */
START_TEST(a_task_comes_once_in_a_cycle)
{
    join();
    publish(MESSAGE(
        META("false", "false", UUID) ",\"taskMetrics\":[" TASK("a/t1", SET("1", "2", "2")) "]"));
    publish(MESSAGE(
        META("true", "false", UUID) ",\"taskMetrics\":[" TASK("a/t1", SET("1", "2", "2")) "]"));
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "violation", "TCS-904"), 1);
    run_ms(20000);
    publish(MESSAGE(
        META("true", "false", UUID_2) ",\"taskMetrics\":[" TASK("a/t1", SET("1", "2", "2")) "]"));
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 1);
}
END_TEST

/* TCS-905: an upgrade that is answered late. */
START_TEST(held_upgrades_wait_for_accept)
{
    fake_tcs_accept(tcs, true);
    join();
    run_ms(5000);
    ck_assert(!wire.open);
    fake_tcs_accept(tcs, false);
    run_ms(10);
    ck_assert(wire.open);
    ck_assert_uint_eq(fake_tcs_sessions(tcs), 1);
}
END_TEST

/* TCS-401, TCS-402: the signature covers the bytes. */
START_TEST(signatures_are_verified_over_the_bytes)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_sigv4_keys with = {eca_view_str(keys.id), eca_view_str("wrong"),
                                  eca_view_str(keys.token)};

    join();
    (void)eca_sigv4_message(URL, eca_view_str(MESSAGE(META("true", "true", UUID))), "us-west-2",
                            eca_sched_wall_ms(stage.base.sched), &with, &text, NULL);
    wire_send(&wire, eca_buf_str(&text));
    run_ms(10);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "violation", "TCS-402"), 1);
    wire_send(&wire, MESSAGE(META("true", "true", UUID)));
    run_ms(10);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "violation", "TCS-401"), 1);
    ck_assert_uint_eq(fake_tcs_messages(tcs), 0);
}
END_TEST

/* TCS-901, TCS-905 */
START_TEST(sessions_are_refused_ended_and_stalled)
{
    fake_tcs_refuse(tcs, 1,
                    &(struct fake_refusal){
                        .status = 400, .body = "{\"InvalidParameterException\":\"bad cluster\"}"});
    join();
    ck_assert_int_eq(wire.how, ECA_CHANNEL_REFUSED);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.body), "bad cluster"));
    fake_tcs_close_after(tcs, 2, 1000, "enough");
    join();
    publish_idle(1);
    ck_assert(wire.open && !wire.ended);
    run_ms(20000);
    publish_idle(2);
    ck_assert_int_eq(wire.close_code, 1000);
    fake_tcs_close_after(tcs, 0, 0, NULL);
    join();
    fake_tcs_set_heartbeat(tcs, 1000);
    run_ms(3500);
    ck_assert_uint_eq(wire.text_count, 3);
    fake_tcs_cut(tcs);
    run_ms(10);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_LOST);
    wire_clear(&wire);
    wire_open_signed(&wire, &stage, "https://tcs.test/ws?cluster=x", &keys);
    run_ms(10);
    ck_assert_int_eq(wire.status, 400);
    ck_assert_uint_eq(fake_tcs_sessions(tcs), 2);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_TCS, "closed", NULL), 2);
}
END_TEST

/* TCS-902: path, the exact query, the signature and its date; nothing else is offered. */
START_TEST(upgrades_are_checked)
{
    static const struct {
        const char *url, *header, *flaw;
        int64_t clock_ms; /* of the agent against the fake's */
    } rows[] = {
        {URL, NULL, NULL, 0},
        {"https://tcs.test/a/b/ws?cluster=default&containerInstance=arn%3Aci", NULL, NULL, 0},
        {URL, NULL, NULL, -299000},
        {URL, NULL, "Signature expired", -301000},
        {"https://tcs.test/w?cluster=default&containerInstance=arn%3Aci", NULL, "path", 0},
        {"https://tcs.test/ws?containerInstance=arn%3Aci&cluster=default", NULL, "query", 0},
        {"https://tcs.test/ws?cluster=default&containerInstance=arn:ci", NULL, "query", 0},
        {"https://tcs.test/ws?cluster=default&containerInstance=arn%3aci", NULL, "query", 0},
        {"https://tcs.test/ws?cluster=default", NULL, "query", 0},
        {URL "&seqNum=1", NULL, "query", 0},
        {URL, "Sec-WebSocket-Extensions", "extension", 0},
        {URL, "Sec-WebSocket-Protocol", "sub-protocol", 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_http_header headers[ECA_SIGV4_HEADERS_MAX + 1];
        struct eca_sigv4_keys with = {eca_view_str(keys.id), eca_view_str(keys.secret),
                                      eca_view_str(keys.token)};
        struct eca_sigv4_output out = {0};
        struct eca_channel_opts opts = {
            .url = rows[i].url, .headers = headers, .connect_ms = 30000, .party = "test"};
        size_t before = violations(NULL), told = violations(rows[i].flaw);

        wire_clear(&wire);
        memset(&wire, 0, sizeof(wire));
        run_ms(250);
        ck_assert_int_eq(eca_sigv4_upgrade(rows[i].url, "us-west-2",
                                           eca_sched_wall_ms(stage.base.sched) + rows[i].clock_ms,
                                           &with, &out, NULL),
                         0);
        opts.header_count = eca_sigv4_headers(&out, headers);
        if (rows[i].header != NULL) {
            headers[opts.header_count++] = (struct eca_http_header){rows[i].header, "x"};
        }
        wire_dial(&wire, &stage, &opts);
        run_ms(10);
        ck_assert_msg(wire.open == (rows[i].flaw == NULL), "row %zu", i);
        ck_assert_msg(rows[i].flaw == NULL ? violations(NULL) == before
                                           : violations(rows[i].flaw) > told,
                      "row %zu: %s", i, rows[i].flaw);
        ck_assert_int_eq(wire.open ? 0 : wire.status / 100, wire.open ? 0 : 4);
        eca_sigv4_output_clear(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake TCS");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, idle_messages_are_acknowledged);
    tcase_add_test(tcase, one_message_of_a_session_is_acknowledged);
    tcase_add_test(tcase, cycles_keep_their_time);
    tcase_add_test(tcase, a_disturbed_session_has_no_time);
    tcase_add_test(tcase, reading_stops_after_so_many_bytes);
    tcase_add_test(tcase, pongs_are_answers);
    tcase_add_test(tcase, metrics_are_told_and_checked);
    tcase_add_test(tcase, a_task_comes_once_in_a_cycle);
    tcase_add_test(tcase, held_upgrades_wait_for_accept);
    tcase_add_test(tcase, signatures_are_verified_over_the_bytes);
    tcase_add_test(tcase, sessions_are_refused_ended_and_stalled);
    tcase_add_test(tcase, upgrades_are_checked);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
