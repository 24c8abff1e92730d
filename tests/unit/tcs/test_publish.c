#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/tcs/telemetry.h"

/* What is published when, what the log says of it, and in which order things are handled. */

static void start_with(size_t tasks)
{
    for (size_t i = 0; i < tasks; i++) {
        eca_auto_free char *id = eca_xasprintf("id%zu", i);
        eca_auto_free char *task = eca_xasprintf("t%zu", i);

        (void)tele_add(id, task);
    }
    tele_start();
    tele_run_ms(1000);
    ck_assert_msg(fake_tcs_connected(tele.tcs), "%s", eca_buf_str(&tele.lines));
}

/* TCS-105: name and ARN go into the query and the messages as they are, for good. */
START_TEST(cluster_and_instance_are_told_unchanged)
{
    start_with(0);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(
            tele_events("connect", "\"cluster\":\"default\",\"containerInstance\":\"arn:ci\""),
            (size_t)i + 1);
        ck_assert_ptr_nonnull(
            strstr(fake_tcs_last(tele.tcs),
                   "\"metadata\":{\"cluster\":\"default\",\"containerInstance\":\"arn:ci\","));
        fake_tcs_cut(tele.tcs);
        tele_run_ms(3000);
    }
}
END_TEST

/* The number behind "timestamp" of the latest message. */
static int64_t timestamp(void)
{
    static const char key[] = "\"timestamp\":";
    const char *at = strstr(fake_tcs_last(tele.tcs), key);

    ck_assert_ptr_nonnull(at);
    return strtoll(at + strlen(key), NULL, 10);
}

/* TCS-602: whole seconds of the moment at which the message is built. */
START_TEST(messages_carry_the_time_of_their_making)
{
    start_with(1);
    for (int i = 0; i < 3; i++) {
        uint64_t before = fake_tcs_messages(tele.tcs);
        int64_t seconds;

        while (fake_tcs_messages(tele.tcs) == before) {
            tele_run_ms(10);
        }
        seconds = eca_sched_wall_ms(tele.stage.base.sched) / 1000;
        ck_assert_int_le(timestamp(), seconds);
        ck_assert_int_ge(timestamp(), seconds - 1);
    }
}
END_TEST

/* TCS-608: sizes, never what is in a message, at any level. */
START_TEST(the_log_tells_sizes_only)
{
    tele.log.level = ECA_LOG_DEBUG;
    start_with(11);
    tele_run_ms(20000);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 2);
    ck_assert_uint_eq(tele_logged("PublishMetricsRequest of 10 tasks, "), 1);
    ck_assert_uint_eq(tele_logged("PublishMetricsRequest of 1 tasks, "), 1);
    manual_host_setenv(&tele.host, "AWS_ACCESS_KEY_ID", NULL);
    eca_aws_creds_expire(tele.creds);
    tele_run_ms(20000);
    ck_assert_msg(tele_logged("[WARN]") == 1 &&
                      tele_logged(" bytes, is not sent: no valid credentials") == 1 &&
                      tele_logged("messageId=\"") == 3,
                  "%s", eca_buf_str(&tele.lines));
    ck_assert_uint_eq(tele_logged("taskArn"), 0);
    ck_assert_uint_eq(tele_logged("sampleCount"), 0);
}
END_TEST

/* TCS-508: what came first is handled first: the heartbeat makes the close behind it clean. */
START_TEST(messages_are_handled_in_order)
{
    uint64_t sessions;

    fake_tcs_set_acks(tele.tcs, FAKE_TCS_ACK_NONE, 0, 0);
    start_with(0);
    sessions = fake_tcs_sessions(tele.tcs);
    fake_tcs_send_text(tele.tcs, "{\"type\":\"HeartbeatMessage\"}");
    fake_tcs_close(tele.tcs, 1000, "");
    tele_run_ms(300);
    ck_assert_uint_eq(fake_tcs_sessions(tele.tcs), sessions + 1);
}
END_TEST

/* TCS-507: never sent (the fake notes any type but one as a violation), and without effect. */
START_TEST(the_start_request_is_known_and_does_nothing)
{
    start_with(0);
    fake_tcs_send_text(tele.tcs, "{\"type\":\"StartTelemetrySessionRequest\",\"message\":"
                                 "{\"cluster\":\"c\",\"containerInstance\":\"i\"}}");
    tele_run_ms(1000);
    ck_assert_uint_eq(tele_logged("[INFO] No handler for StartTelemetrySessionRequest"), 1);
    ck_assert_uint_eq(tele_logged("[WARN]"), 0);
    ck_assert(fake_tcs_connected(tele.tcs));
}
END_TEST

/* TCS-707: a Close frame is answered within a second, ours says 1000. */
START_TEST(closes_are_answered)
{
    start_with(0);
    fake_tcs_close(tele.tcs, 1001, "going away");
    tele_run_ms(200); /* less than the agent's next session takes */
    ck_assert_uint_eq(tele_events("closed", "\"code\":0"), 0);
    ck_assert_uint_eq(tele_events("closed", "\"session\":1"), 1);
    tele_run_ms(1000);
    eca_tcs_session_stop(tele.session);
    tele_run_ms(1000);
    ck_assert_uint_eq(tele_events("closed", "\"session\":2,\"code\":1000"), 1);
}
END_TEST

/* TCS-713: what is an error to the operator, and what happens to any session. */
START_TEST(ends_are_logged_at_their_level)
{
    static const struct {
        int code; /* of the server's close; 0 = cut */
        size_t errors;
    } rows[] = {{0, 0}, {1000, 0}, {1011, 1}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (i > 0) {
            tele_close();
            tele_open();
        }
        fake_tcs_set_acks(tele.tcs, FAKE_TCS_ACK_NONE, 0, 0); /* so that no end is clean */
        start_with(0);
        ck_assert_uint_eq(tele_logged("[INFO] Connected to https://tcs.test/ws "), 1);
        if (rows[i].code == 0) {
            fake_tcs_cut(tele.tcs);
        } else {
            fake_tcs_close(tele.tcs, rows[i].code, "");
        }
        tele_run_ms(500);
        ck_assert_msg(tele_logged("[ERROR]") == rows[i].errors, "%d: %s", rows[i].code,
                      eca_buf_str(&tele.lines));
        ck_assert_uint_eq(tele_logged("[INFO] Telemetry session ended"), 1);
    }
    tele_close();
    tele_open();
    fake_tcs_refuse(tele.tcs, 1, &(struct fake_refusal){.status = 500, .body = "<html>"});
    tele_start();
    tele_run_ms(500);
    ck_assert_uint_eq(tele_logged("[ERROR] Connecting to the telemetry service failed: "), 1);
    ck_assert_uint_eq(tele_logged("<html>"), 1);
    ck_assert_uint_eq(tele_logged("[INFO] Telemetry session ended"), 1);
}
END_TEST

/* TCS-202, TCS-713: the same for an endpoint that cannot be found. */
START_TEST(a_missing_endpoint_is_an_error)
{
    fake_ecs_set_endpoints(tele.ecs, "https://acs.test", NULL);
    tele_start();
    tele_run_ms(500);
    ck_assert_msg(tele_logged("[ERROR] Finding the telemetry endpoint failed: ") == 1, "%s",
                  eca_buf_str(&tele.lines));
}
END_TEST

/* TCS-906: both sides live on one clock, and that is not the machine's. */
START_TEST(the_fake_lives_on_the_agents_clock)
{
    fake_tcs_set_acks(tele.tcs, FAKE_TCS_ACK_ALL, 0, 3600000);
    fake_tcs_set_heartbeat(tele.tcs, 240000); /* keeps the session */
    start_with(0);
    tele_run_ms(3590000);
    ck_assert_uint_eq(tele_events("connect", NULL), 1);
    fake_tcs_set_heartbeat(tele.tcs, 0);
    fake_tcs_cut(tele.tcs); /* an hour without an ack, but heartbeats: the first pause again */
    tele_run_ms(1300);
    ck_assert_uint_eq(tele_events("connect", NULL), 2);
}
END_TEST

/* "sampleCount" of the first container's memory in a task's latest metrics. */
static long samples_of(const char *arn)
{
    const char *at = strstr(fake_tcs_last_of(tele.tcs, arn), "\"memory\"");

    at = at == NULL ? NULL : strstr(at, "\"sampleCount\":");
    return at == NULL ? 0 : strtol(at + strlen("\"sampleCount\":"), NULL, 10);
}

/* TCS-607, TCS-601, STAT-413: the service stops reading while the second of three messages is being
 * written. What the first held is not told again, what the others held is told in the next
 * session; cycles whose time comes meanwhile are dropped. */
START_TEST(samples_of_unwritten_messages_are_told_again)
{
    uint64_t messages;

    for (int i = 0; i < 21 * 28; i++) { /* 35 KiB a message; the transport takes 64 KiB */
        eca_auto_free char *id = eca_xasprintf("c%d", i);
        eca_auto_free char *task = eca_xasprintf("%d", i / 28);

        (void)tele_add(id, task);
    }
    tele_start();
    tele_run_ms(1000);
    ck_assert(fake_tcs_connected(tele.tcs));
    fake_tcs_read_only(tele.tcs, 0);
    for (int i = 0; i < 1200 && tele_logged("Telemetry session ended") == 0; i++) {
        tele_run_ms(100);
    }
    ck_assert_uint_eq(tele_logged("[ERROR] The telemetry service takes no more bytes"), 1);
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), 0);
    fake_tcs_read_only(tele.tcs, UINT64_MAX); /* it finds what was in the transport, and the end */
    tele_run_ms(500);
    messages = fake_tcs_messages(tele.tcs);
    for (int i = 0; i < 50 && fake_tcs_messages(tele.tcs) < messages + 3; i++) {
        tele_run_ms(100);
    }
    ck_assert_uint_eq(fake_tcs_messages(tele.tcs), messages + 3);
    ck_assert_int_ge(samples_of("arn:task/0"), 60); /* since the first cycle, at 20 s */
    ck_assert_int_le(samples_of("arn:task/0"), 64);
    ck_assert_int_ge(samples_of("arn:task/10"), 79); /* from the beginning */
    ck_assert_int_le(samples_of("arn:task/10"), 84);
    ck_assert_int_ge(samples_of("arn:task/20"), 79);
    tele_run_ms(20000);
    ck_assert_int_eq(samples_of("arn:task/0"), 20);
    ck_assert_int_eq(samples_of("arn:task/10"), 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcs/publish");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, tele_open, tele_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, cluster_and_instance_are_told_unchanged);
    tcase_add_test(tcase, messages_carry_the_time_of_their_making);
    tcase_add_test(tcase, the_log_tells_sizes_only);
    tcase_add_test(tcase, messages_are_handled_in_order);
    tcase_add_test(tcase, samples_of_unwritten_messages_are_told_again);
    tcase_add_test(tcase, the_start_request_is_known_and_does_nothing);
    tcase_add_test(tcase, closes_are_answered);
    tcase_add_test(tcase, ends_are_logged_at_their_level);
    tcase_add_test(tcase, a_missing_endpoint_is_an_error);
    tcase_add_test(tcase, the_fake_lives_on_the_agents_clock);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
