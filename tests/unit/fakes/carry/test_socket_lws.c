#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/sys/channel_lws.h"
#include "fakes/acs/acs.h"
#include "fakes/carry/socket.h"
#include "tests/unit/fakes/stage.h"

/* The agent's own websocket adapter against the socket carrier: TLS, both directions, every end. */
static struct stage stage;
static struct eca_loop *loop;
static struct eca_channel_lws *lws;
static struct fake_socket *carrier;
static struct fake_acs *acs;
static struct eca_fd_watch *watch;
static struct wire wire;
static struct fake_certs certs;
static char dir[] = "/tmp/fake-lws-XXXXXX";
static char url[256];

static const char *no_env(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static void setup(void)
{
    struct fake_socket_listen listen = {.party = "acs", .tls = true};
    struct fake_acs_opts acs_opts = {.heartbeat_ms = UINT64_MAX};
    struct fake_certs_opts certs_opts = {.dir = dir};
    struct eca_channel_lws_opts lws_opts = {.env = no_env};
    struct eca_err err = {0};
    uint16_t port = 0;

    memset(&stage, 0, sizeof(stage));
    memset(&wire, 0, sizeof(wire));
    memcpy(dir, "/tmp/fake-lws-XXXXXX", sizeof(dir));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    ck_assert_msg(loop != NULL, "%s", err.msg);
    stage.random.state = 1;
    stage.base.sched = eca_loop_sched(loop);
    stage.base.entropy = manual_entropy_port(&stage.random);
    stage.base.trace = fake_trace_new(stage.base.sched);
    stage.base.hub = fake_hub_new(stage.base.sched, stage.base.entropy, stage.base.trace);
    acs_opts.base = stage.base;
    acs = fake_acs_new(&acs_opts);
    carrier = fake_socket_new(stage.base.hub, stage.base.sched);
    certs_opts.wall_ms = eca_sched_wall_ms(stage.base.sched);
    ck_assert_msg(fake_certs_make(&certs_opts, &certs, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(fake_socket_use_certs(carrier, certs.cert_file, certs.key_file, &err), 0);
    ck_assert_msg(fake_socket_listen(carrier, &listen, &port, &err) == 0, "%s", err.msg);
    watch = eca_loop_watch(loop, fake_socket_fd(carrier), EPOLLIN, fake_socket_on_ready, carrier);
    lws_opts.loop = loop;
    lws_opts.trust.file = certs.ca_file;
    lws = eca_channel_lws_new(&lws_opts);
    stage.channel = eca_channel_lws_port(lws);
    (void)snprintf(url, sizeof(url),
                   "https://localhost:%u/ws?agentHash=h&agentVersion=1&clusterArn=c&"
                   "containerInstanceArn=ci&sendCredentials=true&seqNum=1",
                   port);
}

static void teardown(void)
{
    wire_clear(&wire);
    eca_channel_lws_free(lws);
    eca_loop_unwatch(watch);
    fake_socket_free(carrier);
    fake_acs_free(acs);
    fake_hub_free(stage.base.hub);
    fake_trace_free(stage.base.trace);
    eca_loop_free(loop);
    (void)unlink(certs.ca_file);
    (void)unlink(certs.cert_file);
    (void)unlink(certs.key_file);
    (void)rmdir(dir);
}

static void on_late(void *arg)
{
    *(bool *)arg = true;
}

/* Rounds until the condition holds; a minute at most. A round that may sleep runs the scheduler
 * first, and would sleep on a condition that has just come true. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        bool late = false;                                                                         \
        struct eca_timer guard = {0};                                                              \
        eca_timer_init(&guard, stage.base.sched, on_late, &late);                                  \
        eca_timer_start_ms(&guard, 60000);                                                         \
        while (!(condition) && !late) {                                                            \
            (void)eca_loop_step(loop, false);                                                      \
        }                                                                                          \
        eca_timer_stop(&guard);                                                                    \
        ck_assert_msg(!late, "never: %s (%s)", #condition, wire.why);                              \
    } while (0)

static void join(void)
{
    wire_clear(&wire);
    UNTIL(!fake_acs_connected(acs));
    wire_open(&wire, &stage, url);
    UNTIL(wire.open || wire.ended);
    ck_assert_msg(wire.open, "%s", wire.why);
}

/* WS-302, WS-304, WS-306, WS-309 */
START_TEST(a_session_of_the_real_client)
{
    static char big[300001];
    struct fake_acs_payload payload = {.tasks = "[]"};
    eca_auto_buf struct eca_buf ack = {0};

    join();
    (void)fake_acs_send_payload(acs, &payload);
    UNTIL(wire.text_count == 1);
    memset(big, 'x', sizeof(big) - 1);
    eca_buf_addf(
        &ack,
        "{\"type\":\"AckRequest\",\"message\":{\"cluster\":\"c\",\"containerInstance\":\"ci\","
        "\"messageId\":\"payload-1\",\"pad\":\"%s\"}}",
        big);
    wire_send(&wire, eca_buf_str(&ack));
    UNTIL(fake_acs_acks(acs, "payload-1") == 1);
    fake_acs_ping(acs, "here?");
    UNTIL(stage_events(&stage, FAKE_LANE_ACS, "pong", "here?") == 1);
    fake_acs_send_odd(acs, "{\"type\":\"HeartbeatMessage\"}", &(struct fake_odd){.piece = 4});
    UNTIL(wire.text_count == 2);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&wire.texts), "{\"type\":\"HeartbeatMessage\"}\n"));
    eca_channel_close(stage.channel, wire.conn, 1000);
    UNTIL(wire.ended && !fake_acs_connected(acs));
    ck_assert_int_eq(wire.how, ECA_CHANNEL_CLOSED_BY_US);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

/* WS-307, WS-308, WS-312: the same ends as through memory (test_acs.c). */
START_TEST(each_end_is_told_apart)
{
    static const struct {
        const char *preset;
        enum eca_channel_how how;
        int code;
    } rows[] = {
        {"expired", ECA_CHANNEL_CLOSED_BY_PEER, 1000},
        {"internal", ECA_CHANNEL_CLOSED_BY_PEER, 1011},
        {"empty", ECA_CHANNEL_CLOSED_BY_PEER, 1005},
        {"cut", ECA_CHANNEL_LOST, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        join();
        ck_assert(fake_acs_close_preset(acs, rows[i].preset));
        UNTIL(wire.ended);
        ck_assert_msg(wire.how == rows[i].how, "%s: %d %s", rows[i].preset, (int)wire.how,
                      wire.why);
        ck_assert_msg(wire.close_code == rows[i].code, "%s: %d", rows[i].preset, wire.close_code);
    }
    wire_clear(&wire);
    UNTIL(!fake_acs_connected(acs));
    ck_assert(fake_acs_refuse_preset(acs, 1, "InactiveInstanceException"));
    wire_open(&wire, &stage, url);
    UNTIL(wire.ended);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_REFUSED);
    ck_assert_int_eq(wire.status, 400);
    ck_assert_str_eq(eca_buf_str(&wire.body), "{\"InactiveInstanceException\":\"refused\"}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket carrier under libwebsockets");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_session_of_the_real_client);
    tcase_add_test(tcase, each_end_is_told_apart);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
