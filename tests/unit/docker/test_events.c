#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/docker/docker.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/script_http.h"

/* The event stream: what is understood, and how it comes back. */
static struct manual_clock wheel;
static struct manual_entropy dice;
static struct script_http *http;
static struct eca_log quiet;
static struct eca_docker *docker;
static struct eca_buf seen;

static void setup(void)
{
    struct eca_docker_opts opts = {.log = &quiet, .endpoint = "unix:///d.sock"};
    struct eca_err err = {0};

    manual_clock_init(&wheel);
    http = script_http_new(wheel.sched);
    opts.sched = wheel.sched;
    opts.http = script_http_port(http);
    opts.entropy = manual_entropy_port(&dice);
    ck_assert_int_eq(eca_docker_new(&opts, &docker, &err), ECA_OK);
}

static void teardown(void)
{
    eca_docker_free(docker);
    ck_assert_uint_eq(script_http_open_calls(http), 0);
    script_http_free(http);
    manual_clock_clear(&wheel);
    eca_buf_clear(&seen);
}

static void on_event(void *arg, const struct eca_runtime_event *event)
{
    static const char *const names[] = {
        [ECA_EVENT_CREATE] = "create",
        [ECA_EVENT_START] = "start",
        [ECA_EVENT_DIE] = "die",
        [ECA_EVENT_DESTROY] = "destroy",
        [ECA_EVENT_OOM] = "oom",
        [ECA_EVENT_CONNECTED] = "connected",
        [ECA_EVENT_DISCONNECTED] = "disconnected",
    };

    (void)arg;
    eca_buf_addf(&seen, "%s%s%s", names[event->kind], event->container_id == NULL ? "" : " ",
                 event->container_id == NULL ? "" : event->container_id);
    if (event->has_exit_code) {
        eca_buf_addf(&seen, " %lld", (long long)event->exit_code);
    }
    eca_buf_add_str(&seen, ";");
}

static void subscribe(void)
{
    struct eca_runtime port = eca_docker_runtime(docker);
    struct eca_err err = {0};

    ck_assert_int_eq(port.ops->events(port.impl, on_event, NULL, &err), ECA_OK);
    manual_clock_advance_ms(&wheel, 1);
}

static size_t streams_asked(void)
{
    size_t count = 0;

    for (size_t i = 0; i < script_http_count(http); i++) {
        count += strstr(script_http_request(http, i)->url, "/events") != NULL;
    }
    return count;
}

static const struct script_request *last_stream(void)
{
    for (size_t i = script_http_count(http); i > 0; i--) {
        if (strstr(script_http_request(http, i - 1)->url, "/events") != NULL) {
            return script_http_request(http, i - 1);
        }
    }
    ck_abort_msg("no stream was asked for");
}

static void stream(const char *body, bool hold)
{
    script_http_expect(
        http, (struct script_answer){.url = "http://docker/version",
                                     .times = SCRIPT_FOREVER,
                                     .status = 200,
                                     .body = "{\"Version\":\"17.03\",\"ApiVersion\":\"1.26\"}"});
    script_http_expect(
        http, (struct script_answer){
                  .method = "GET", .status = 200, .body = body, .piece_bytes = 7, .hold = hold});
}

/* DKR-801, DKR-802, DKR-803, DKR-804, DKR-806: both formats, key case, and what means nothing. */
START_TEST(events_are_normalised)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"{\"status\":\"start\",\"id\":\"a\",\"from\":\"i\",\"time\":5}", "start a;"},
        {"{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"a\",\"Attributes\":"
         "{\"exitCode\":\"3\"}},\"time\":5}",
         "die a 3;"},
        {"{\"STATUS\":\"die\",\"ID\":\"a\",\"TIME\":5}", "die a;"},
        {"{\"status\":\"stop\",\"id\":\"a\",\"time\":5}", "die a;"},
        {"{\"status\":\"destroy\",\"id\":\"a\",\"time\":5}", "destroy a;"},
        {"{\"status\":\"oom\",\"id\":\"a\",\"time\":5}", "oom a;"},
        {"{\"status\":\"create\",\"id\":\"a\",\"time\":5}{\"status\":\"start\",\"id\":\"a\","
         "\"time\":5}",
         "create a;start a;"},
        {"{\"status\":\"start\",\"id\":\"a\",\"time\":0}", ""},
        {"{\"status\":\"start\",\"id\":\"a\"}", ""},
        {"{\"status\":\"start\",\"time\":5}", ""},
        {"{\"status\":\"delete\",\"id\":\"a\",\"time\":5}", ""},
        {"{\"status\":\"exec_start: sh\",\"id\":\"a\",\"time\":5}", ""},
        {"{\"Type\":\"network\",\"Action\":\"destroy\",\"Actor\":{\"ID\":\"a\"},\"time\":5}", ""},
        {"{\"Type\":\"image\",\"Action\":\"delete\",\"Actor\":{\"ID\":\"a\"},\"time\":5}", ""},
    };

    stream(rows[_i].text, true);
    subscribe();
    ck_assert_ptr_nonnull(strstr(script_http_request(http, 0)->url, "/events"));
    ck_assert_ptr_null(strstr(script_http_request(http, 0)->url, "/v1"));
    ck_assert_int_eq(strncmp(eca_buf_str(&seen), "connected;", 10), 0);
    ck_assert_str_eq(eca_buf_str(&seen) + 10, rows[_i].want);
}
END_TEST

/* DKR-820, DKR-830, DKR-803: an end is not the end: again after 200 ms, since the last seen time.
 */
START_TEST(ended_stream_comes_back)
{
    stream("{\"status\":\"start\",\"id\":\"a\",\"time\":50}{\"status\":\"oom\",\"id\":\"a\","
           "\"time\":40}",
           false);
    subscribe();
    ck_assert_str_eq(eca_buf_str(&seen), "connected;start a;oom a;disconnected;");
    stream("", true);
    manual_clock_advance_ms(&wheel, 198);
    ck_assert_uint_eq(streams_asked(), 1);
    manual_clock_advance_ms(&wheel, 50);
    ck_assert_uint_eq(streams_asked(), 2);
    ck_assert_ptr_nonnull(strstr(last_stream()->url, "/events?since=50"));
    ck_assert_str_eq(eca_buf_str(&seen), "connected;start a;oom a;disconnected;connected;");
    ck_assert_uint_eq(script_http_count(http), 3);
    ck_assert_str_eq(script_http_last(http)->url, "http://docker/version"); /* DKR-L01 */
    ck_assert_str_eq(eca_docker_version(docker), "17.03");
}
END_TEST

/* FB-01.4: what shares the second of the last event is asked for again: the one that was seen comes
 * twice, which is harmless, and the one that was missed comes. */
START_TEST(replay_includes_the_last_second)
{
    stream("{\"status\":\"start\",\"id\":\"a\",\"time\":50}", false);
    subscribe();
    script_http_expect(
        http, (struct script_answer){.url = "*/events?since=50",
                                     .status = 200,
                                     .body = "{\"status\":\"start\",\"id\":\"a\",\"time\":50}"
                                             "{\"status\":\"die\",\"id\":\"b\",\"time\":50}",
                                     .hold = true});
    manual_clock_advance_ms(&wheel, 1000);
    ck_assert_str_eq(eca_buf_str(&seen), "connected;start a;disconnected;connected;start a;die b;");
}
END_TEST

static void drop_line(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    (void)arg;
    (void)level;
    (void)wall_ms;
    (void)line;
}

static int64_t no_wall(void *arg)
{
    (void)arg;
    return 0;
}

/* ENG-201: a daemon that is not there is told once, however often it is asked for; and again after
 * it had been there. */
START_TEST(missing_daemon_is_told_once)
{
    quiet.sink = drop_line;
    quiet.wall_ms = no_wall;
    for (uint64_t life = 1; life <= 2; life++) {
        script_http_expect(
            http, (struct script_answer){.times = SCRIPT_FOREVER, .error = ECA_E_TRANSIENT});
        if (life == 1) {
            subscribe();
        }
        manual_clock_advance_ms(&wheel, 60 * 1000);
        ck_assert_uint_eq(quiet.counts[ECA_LOG_ERROR], life);
        script_http_forget(http);
        stream("", false);
        manual_clock_advance_ms(&wheel, 10 * 1000);
        script_http_forget(http);
    }
    ck_assert_uint_gt(streams_asked(), 20);
}
END_TEST

/* DKR-821, FB-01.1: a daemon that answers with an error is asked with pauses that grow to 10 s; a
 * stream that cannot be decoded is closed at once. */
START_TEST(broken_stream_is_not_asked_in_a_loop)
{
    script_http_expect(http, (struct script_answer){.times = SCRIPT_FOREVER,
                                                    .status = 500,
                                                    .body = "Internal Server Error"});
    subscribe();
    manual_clock_advance_ms(&wheel, 120 * 1000);
    ck_assert_uint_lt(streams_asked(), 22);
    ck_assert_uint_gt(streams_asked(), 14);
    ck_assert_str_eq(eca_buf_str(&seen), "");
    script_http_forget(http);
    stream("nonsense", true);
    stream("", true);
    manual_clock_advance_ms(&wheel, 20 * 1000);
    ck_assert_str_eq(eca_buf_str(&seen), "connected;disconnected;connected;");
    ck_assert_uint_eq(script_http_open_calls(http), 1);
}
END_TEST

/* DKR-822: a daemon that will close the connection has a stream as good as any. DKR-832: no limit
 * of silence. */
START_TEST(stream_of_a_closing_connection_is_read)
{
    script_http_expect(
        http, (struct script_answer){.status = 200,
                                     .headers = {{"connection", "close"}},
                                     .body = "{\"status\":\"start\",\"id\":\"a\",\"time\":5}",
                                     .hold = true});
    subscribe();
    ck_assert(script_http_request(http, 0)->endless);
    ck_assert_uint_eq(script_http_request(http, 0)->total_ms, 0);
    ck_assert_uint_eq(script_http_request(http, 0)->idle_ms, 0);
    manual_clock_advance_ms(&wheel, 24 * 3600 * 1000);
    script_http_push(http, 0, eca_view_str("{\"status\":\"die\",\"id\":\"a\",\"time\":6}"));
    manual_clock_advance_ms(&wheel, 1);
    ck_assert_str_eq(eca_buf_str(&seen), "connected;start a;die a;");
    ck_assert_uint_eq(streams_asked(), 1);
}
END_TEST

/* DKR-823, DKR-824: a burst is handed out whole and in its order, however it is cut. */
START_TEST(burst_keeps_its_order)
{
    eca_auto_buf struct eca_buf burst = {0}, want = {0};

    eca_buf_add_str(&want, "connected;");
    for (int i = 0; i < 500; i++) {
        eca_buf_addf(&burst, "{\"status\":\"%s\",\"id\":\"c%d\",\"time\":5}\n",
                     i % 2 == 0 ? "start" : "die", i / 2);
        eca_buf_addf(&want, "%s c%d;", i % 2 == 0 ? "start" : "die", i / 2);
    }
    stream(eca_buf_str(&burst), true);
    subscribe();
    ck_assert_str_eq(eca_buf_str(&seen), eca_buf_str(&want));
}
END_TEST

/* An event of the wrong shape is left out and counted; the stream goes on, and so does its time. */
START_TEST(misshapen_events_are_left_out)
{
    static const char *const texts[] = {
        "{\"status\":7,\"id\":\"a\",\"time\":5}",
        "{\"status\":\"die\",\"id\":[\"a\"],\"time\":5}",
        "{\"status\":\"die\",\"id\":\"a\",\"time\":\"5\"}",
        "{\"Type\":1,\"Action\":\"die\",\"Actor\":{\"ID\":\"a\"},\"time\":5}",
        "{\"Type\":\"container\",\"Action\":{},\"Actor\":{\"ID\":\"a\"},\"time\":5}",
        "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":\"a\",\"time\":5}",
        "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":1},\"time\":5}",
        ("{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"a\",\"Attributes\":{"
         "\"exitCode\":3}},"
         "\"time\":5}"),
        "[{\"status\":\"die\",\"id\":\"a\",\"time\":5}]",
    };
    eca_auto_buf struct eca_buf all = {0};

    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        eca_buf_add_str(&all, texts[i]);
    }
    eca_buf_add_str(&all, "{\"status\":\"start\",\"id\":\"b\",\"time\":6}");
    stream(eca_buf_str(&all), true);
    subscribe();
    ck_assert_str_eq(eca_buf_str(&seen), "connected;start b;");
    ck_assert_uint_eq(eca_docker_bad_answers(docker), ECA_ARRAY_LEN(texts));
    ck_assert_uint_eq(script_http_open_calls(http), 1);
}
END_TEST

/* An event that is cut off by the end of its stream is counted, and told as an error. */
START_TEST(cut_event_is_counted)
{
    stream("{\"status\":\"start\",\"id\":\"a\",\"time\":5}{\"status\":\"di", false);
    subscribe();
    ck_assert_str_eq(eca_buf_str(&seen), "connected;start a;disconnected;");
    ck_assert_uint_eq(eca_docker_bad_answers(docker), 1);
    stream("", true);
    manual_clock_advance_ms(&wheel, 1000);
    ck_assert_uint_eq(streams_asked(), 2);
}
END_TEST

/* What cannot be read on is closed, counted, and begun anew: garbage, an event cut off by the next,
 * one beyond 1 MiB, an answer that is no HTTP. */
START_TEST(unreadable_streams_are_closed)
{
    eca_auto_buf struct eca_buf endless = {0};
    const char *bodies[] = {"<html>", "{\"status\":\"die\" {\"status\":\"die\"}", "", NULL};

    eca_buf_add_str(&endless, "{\"status\":\"");
    for (size_t i = 0; i < ((size_t)1 << 20) / 16; i++) {
        eca_buf_add_str(&endless, "0123456789abcdef");
    }
    bodies[2] = eca_buf_str(&endless);
    if (bodies[_i] == NULL) {
        script_http_expect(http, (struct script_answer){.error = ECA_E_INVALID});
    } else {
        script_http_expect(http,
                           (struct script_answer){.status = 200, .body = bodies[_i], .hold = true});
    }
    subscribe();
    ck_assert_uint_eq(script_http_open_calls(http), 0);
    ck_assert_uint_eq(eca_docker_bad_answers(docker), 1);
    stream("{\"status\":\"start\",\"id\":\"b\",\"time\":6}", true);
    manual_clock_advance_ms(&wheel, 1000);
    ck_assert_str_eq(eca_buf_str(&seen), bodies[_i] == NULL
                                             ? "connected;start b;"
                                             : "connected;disconnected;connected;start b;");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docker/events");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, events_are_normalised, 0, 14);
    tcase_add_test(tcase, replay_includes_the_last_second);
    tcase_add_test(tcase, missing_daemon_is_told_once);
    tcase_add_test(tcase, ended_stream_comes_back);
    tcase_add_test(tcase, broken_stream_is_not_asked_in_a_loop);
    tcase_add_test(tcase, stream_of_a_closing_connection_is_read);
    tcase_add_test(tcase, burst_keeps_its_order);
    tcase_add_test(tcase, misshapen_events_are_left_out);
    tcase_add_test(tcase, cut_event_is_counted);
    tcase_add_loop_test(tcase, unreadable_streams_are_closed, 0, 4);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
