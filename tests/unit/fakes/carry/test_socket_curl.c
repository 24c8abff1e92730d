#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/sys/http_client.h"
#include "fakes/carry/socket.h"
#include "tests/unit/fakes/stage.h"

/*
 * The agent's own http adapter against the socket carrier on the production loop, under a clock
 * that the test moves: faults must look the same as through memory (test_hub.c has the same table).
 */
static struct stage stage;
static struct eca_loop *loop;
static struct eca_http_client *curl;
static struct fake_socket *carrier;
static struct eca_fd_watch *watch;
static int seen;
static char dir[] = "/tmp/fake-curl-XXXXXX";
static char socket_path[64];

static void on_request(void *arg, struct fake_exchange *exchange)
{
    (void)arg;
    seen++;
    fake_exchange_reply(exchange, 200, "text/plain", eca_view_str("a word"));
}

static const char *no_env(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static void setup(void)
{
    struct fake_service service = {.party = "word", .on_request = on_request};
    struct fake_socket_listen listen = {.party = "word"};
    struct eca_clock clock;
    struct eca_http_client_opts curl_opts = {.env = no_env};
    struct eca_err err = {0};

    memset(&stage, 0, sizeof(stage));
    seen = 0;
    memcpy(dir, "/tmp/fake-curl-XXXXXX", sizeof(dir));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(socket_path, sizeof(socket_path), "%s/s", dir);
    manual_clock_init(&stage.clock);
    clock = manual_clock_port(&stage.clock);
    loop = eca_loop_new(&(struct eca_loop_opts){.clock = &clock}, &err);
    ck_assert_msg(loop != NULL, "%s", err.msg);
    stage.random.state = 1;
    stage.base.sched = eca_loop_sched(loop);
    stage.base.entropy = manual_entropy_port(&stage.random);
    stage.base.trace = fake_trace_new(stage.base.sched);
    stage.base.hub = fake_hub_new(stage.base.sched, stage.base.entropy, stage.base.trace);
    fake_hub_add(stage.base.hub, &service);
    carrier = fake_socket_new(stage.base.hub, stage.base.sched);
    listen.unix_path = socket_path;
    ck_assert_msg(fake_socket_listen(carrier, &listen, NULL, &err) == 0, "%s", err.msg);
    watch = eca_loop_watch(loop, fake_socket_fd(carrier), EPOLLIN, fake_socket_on_ready, carrier);
    curl_opts.loop = loop;
    curl = eca_http_client_new(&curl_opts, &err);
    ck_assert_msg(curl != NULL, "%s", err.msg);
    stage.http = eca_http_client_port(curl);
}

static void teardown(void)
{
    eca_http_client_free(curl);
    eca_loop_unwatch(watch);
    fake_socket_free(carrier);
    fake_hub_free(stage.base.hub);
    fake_trace_free(stage.base.trace);
    eca_loop_free(loop);
    manual_clock_clear(&stage.clock);
    (void)rmdir(dir);
}

/* Everything that can happen now; then one step of 100 ms, until the exchange is over. */
static void finish(struct client *client)
{
    for (int steps = 0; steps < 200 && !client->done; steps++) {
        for (int quiet = 0; quiet < 3; quiet++) {
            while (eca_loop_step(loop, false)) {
                quiet = 0;
            }
        }
        if (!client->done) {
            stage.clock.mono_ns += UINT64_C(100000000);
        }
    }
    ck_assert_msg(client->done, "the exchange did not end");
}

/* Spec 08 section 0.2 */
START_TEST(faults_look_the_same_through_sockets)
{
    static const struct {
        const char *name;
        struct fake_fault fault;
        enum eca_code code;
        int status;
        bool effect;
        const char *body;
    } rows[] = {
        {"none", {.kind = FAKE_FAULT_DROP}, ECA_OK, 200, true, "a word"},
        {"delay", {.kind = FAKE_FAULT_DELAY, .delay_ms = 1000}, ECA_OK, 200, true, "a word"},
        {"delay answer too long",
         {.kind = FAKE_FAULT_DELAY_ANSWER, .delay_ms = 9000},
         ECA_E_TIMEOUT,
         0,
         true,
         ""},
        {"hang", {.kind = FAKE_FAULT_HANG}, ECA_E_TIMEOUT, 0, false, ""},
        {"hang answer", {.kind = FAKE_FAULT_HANG_ANSWER}, ECA_E_TIMEOUT, 0, true, ""},
        {"reset", {.kind = FAKE_FAULT_RESET}, ECA_E_AMBIGUOUS, 0, false, ""},
        {"reset answer", {.kind = FAKE_FAULT_RESET_ANSWER}, ECA_E_AMBIGUOUS, 0, true, ""},
        {"cut body", {.kind = FAKE_FAULT_CUT_BODY}, ECA_E_AMBIGUOUS, 200, true, "a w"},
        {"status",
         {.kind = FAKE_FAULT_STATUS, .status = 503, .body = "no"},
         ECA_OK,
         503,
         false,
         "no"},
        {"status after",
         {.kind = FAKE_FAULT_STATUS_AFTER, .status = 500, .body = "hm"},
         ECA_OK,
         500,
         true,
         "hm"},
        {"refuse", {.kind = FAKE_FAULT_REFUSE}, ECA_E_TRANSIENT, 0, false, ""},
    };
    struct ask ask = {
        .url = "http://docker/talk?x=1", .unix_socket = socket_path, .total_ms = 5000};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client client;
        uint32_t id = fake_hub_fault(stage.base.hub, &rows[i].fault);

        seen = 0;
        client_start(&client, &stage, &ask);
        finish(&client);
        ck_assert_msg(client.end.err.code == rows[i].code, "%s: %s", rows[i].name,
                      client.end.err.msg);
        ck_assert_msg(client.status == rows[i].status, "%s: status %d", rows[i].name,
                      client.status);
        ck_assert_msg(seen == rows[i].effect, "%s: effect %d", rows[i].name, seen);
        ck_assert_msg(strcmp(eca_buf_str(&client.body), rows[i].body) == 0, "%s: %s", rows[i].name,
                      eca_buf_str(&client.body));
        fake_hub_fault_remove(stage.base.hub, id);
        client_clear(&client);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket carrier under curl");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, faults_look_the_same_through_sockets);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
