#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/record/record.h"
#include "tests/unit/support/manual_clock.h"

/* The recorder alone, before ports that are as small as can be. */

static const char *const environment[] = {"ECS_CLUSTER=prod",
                                          "AWS_SECRET_ACCESS_KEY=first-secret",
                                          "AWS_SECRET_KEY=second-secret",
                                          "HTTPS_PROXY=http://someone:third-secret@proxy:3128",
                                          "SOMEBODYS_TOKEN=fourth-secret",
                                          "EMPTY="};

static const char *env_at(void *impl, size_t index)
{
    (void)impl;
    return index < ECA_ARRAY_LEN(environment) ? environment[index] : NULL;
}

static const char *env(void *impl, const char *name)
{
    (void)impl;
    for (size_t i = 0; i < ECA_ARRAY_LEN(environment); i++) {
        size_t len = strlen(name);

        if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=') {
            return environment[i] + len + 1;
        }
    }
    return NULL;
}

/* One call, answered when the test wants. */
struct eca_http_call {
    struct eca_http_events events;
    void *arg;
};

static struct eca_http_call call;

static int http_start(void *impl, const struct eca_http_opts *opts,
                      const struct eca_http_events *events, void *arg,
                      struct eca_http_call **ret_call, struct eca_err *err)
{
    (void)impl;
    (void)opts;
    (void)err;
    call = (struct eca_http_call){*events, arg};
    *ret_call = &call;
    return ECA_OK;
}

static void http_cancel(void *impl, struct eca_http_call *which)
{
    (void)impl;
    (void)which;
    ck_abort_msg("what has ended cannot be canceled");
}

static struct {
    struct manual_clock clock;
    struct eca_mask mask;
    struct eca_buf lines;
    struct eca_recorder *recorder;
    struct eca_http_call *inside; /* the core's */
    struct eca_buf told;          /* to the core */
    bool cancels;
} rig;

static void on_line(void *impl, struct eca_view line)
{
    (void)impl;
    eca_buf_add_view(&rig.lines, line);
    eca_buf_add_char(&rig.lines, '\n');
}

static void setup(void)
{
    static const struct eca_host_ops host = {.env = env, .env_at = env_at};
    static const struct eca_http_ops http = {http_start, http_cancel};
    struct eca_agent_ports outer = {.host = {&host, NULL}, .http = {&http, NULL}};

    memset(&rig, 0, sizeof(rig));
    manual_clock_init(&rig.clock);
    eca_mask_init(&rig.mask);
    outer.sched = rig.clock.sched;
    rig.recorder = eca_recorder_new(&outer, &rig.mask, (struct eca_record_sink){on_line, NULL});
}

static void teardown(void)
{
    eca_recorder_free(rig.recorder);
    eca_mask_clear(&rig.mask);
    eca_buf_clear(&rig.lines);
    eca_buf_clear(&rig.told);
    manual_clock_clear(&rig.clock);
}

/* FB-INV.6: the core asks for the names of all variables; a recording has no values of those that
 * it did not ask for by name, and no key under either of its names. */
START_TEST(no_secret_of_the_environment_is_recorded)
{
    struct eca_host host = eca_recorder_ports(rig.recorder)->host;
    const char *pair;
    size_t count = 0;

    while ((pair = eca_host_env_at(host, count)) != NULL) {
        ck_assert_str_eq(pair, environment[count]); /* the core sees what is there */
        count++;
    }
    ck_assert_uint_eq(count, ECA_ARRAY_LEN(environment));
    ck_assert_str_eq(eca_host_env(host, "AWS_SECRET_ACCESS_KEY"), "first-secret");
    ck_assert_str_eq(eca_host_env(host, "AWS_SECRET_KEY"), "second-secret");
    ck_assert_str_eq(eca_host_env(host, "ECS_CLUSTER"), "prod");
    ck_assert_ptr_null(strstr(eca_buf_str(&rig.lines), "-secret"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.lines), "\"ECS_CLUSTER\",\"value\":\"prod\""));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.lines), "SOMEBODYS_TOKEN"));
}
END_TEST

static void on_head(void *arg, const struct eca_http_head *head)
{
    (void)arg;
    eca_buf_addf(&rig.told, "head %d %zu %s=%s;", head->status, head->header_count,
                 head->headers[0].name, head->headers[0].value);
    if (rig.cancels) {
        eca_http_cancel(eca_recorder_ports(rig.recorder)->http, rig.inside);
    }
}

static void on_body(void *arg, struct eca_view bytes)
{
    (void)arg;
    eca_buf_addf(&rig.told, "body %.*s;", (int)bytes.len, bytes.at);
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    (void)arg;
    eca_buf_addf(&rig.told, "end %d;", end->status);
}

static void ask(uint64_t body_bytes_max)
{
    static const struct eca_http_events events = {on_head, on_body, on_end};
    struct eca_http_opts opts = {.method = "GET",
                                 .url = "http://docker/it",
                                 .unix_socket = "/a/socket",
                                 .party = "docker",
                                 .total_ms = 5000,
                                 .body_bytes_max = body_bytes_max};

    ck_assert_int_eq(eca_http_start(eca_recorder_ports(rig.recorder)->http, &opts, &events, NULL,
                                    &rig.inside, NULL),
                     ECA_OK);
}

static void answer(void)
{
    struct eca_http_header headers[] = {{"content-type", "text"}, {"x", "y"}};
    struct eca_http_head head = {200, headers, 2};
    struct eca_http_end end = {.sent = true, .status = 200, .body_bytes = 4};

    call.events.on_head(call.arg, &head);
    call.events.on_body(call.arg, eca_view_str("on"));
    call.events.on_body(call.arg, eca_view_str("ce"));
    call.events.on_end(call.arg, &end);
}

/* A bounded answer is one entry into the core and one line; a socket is named once. */
START_TEST(bounded_answer_is_one_line)
{
    ask(1000);
    answer();
    ask(1000);
    answer();
    ck_assert_str_eq(eca_buf_str(&rig.told), "head 200 2 content-type=text;body once;end 200;"
                                             "head 200 2 content-type=text;body once;end 200;");
    ck_assert_ptr_nonnull(strstr(
        eca_buf_str(&rig.lines),
        "{\"out\":\"http.start\",\"n\":2,\"party\":\"docker\",\"method\":\"GET\",\"url\":"
        "\"http://docker/it\",\"headers\":[],\"total_ms\":5000}\n"
        "{\"in\":\"http.end\",\"n\":2,\"status\":200,\"headers\":[[\"content-type\",\"text\"],"
        "[\"x\",\"y\"]],\"body\":\"once\"}\n"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.lines), "\"socket\":\"/a/socket\""));
}
END_TEST

/* A stream's pieces come to the core as they are. */
START_TEST(stream_is_told_piece_by_piece)
{
    ask(0);
    answer();
    ck_assert_str_eq(eca_buf_str(&rig.told),
                     "head 200 2 content-type=text;body on;body ce;end 200;");
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.lines),
                                 "{\"in\":\"http.body\",\"n\":1,\"body\":\"ce\"}\n"
                                 "{\"in\":\"http.end\",\"n\":1,\"status\":200,\"bytes\":4}\n"));
}
END_TEST

/* The core may cancel a call from any of its callbacks; the peer's part is over by then. */
START_TEST(canceled_inside_its_end)
{
    rig.cancels = true;
    ask(1000);
    answer();
    ck_assert_str_eq(eca_buf_str(&rig.told), "head 200 2 content-type=text;");
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.lines), "{\"out\":\"http.cancel\",\"n\":1}\n"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record/recorder");
    TCase *tcase = tcase_create("recorder");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, no_secret_of_the_environment_is_recorded);
    tcase_add_test(tcase, bounded_answer_is_one_line);
    tcase_add_test(tcase, stream_is_told_piece_by_piece);
    tcase_add_test(tcase, canceled_inside_its_end);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
