#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/docker/docker.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/script_http.h"

/* Calls about containers, as they go over the wire and come back. */
#define ID "c0ffee"
#define STATE(members)                                                                             \
    "{\"Id\":\"" ID "\",\"Name\":\"/n\",\"State\":{" members                                       \
    "},\"Config\":{},\"HostConfig\":{},\"NetworkSettings\":{}}"
#define RUNS STATE("\"Running\":true,\"StartedAt\":\"2016-11-15T08:30:00Z\"")
#define INSPECT "*/containers/" ID "/json"

static struct manual_clock wheel;
static struct manual_entropy dice;
static struct script_http *http;
static struct eca_log quiet;
static struct eca_docker *docker;
static struct eca_runtime port;

static struct got {
    bool done;
    size_t times;
    enum eca_outcome outcome;
    char *error; /* "Name: text" */
    char *id;
    bool has_info, running;
} got;

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
    port = eca_docker_runtime(docker);
    got = (struct got){0};
}

static void forget(void)
{
    eca_free(got.error);
    eca_free(got.id);
    got = (struct got){0};
}

static void teardown(void)
{
    forget();
    eca_docker_free(docker);
    ck_assert_uint_eq(script_http_open_calls(http), 0);
    ck_assert_uint_eq(script_http_pending(http), 0);
    script_http_free(http);
    manual_clock_clear(&wheel);
}

static void on_done(void *arg, const struct eca_runtime_result *result)
{
    struct eca_buf reason = {0};

    (void)arg;
    got.done = true;
    got.times++;
    got.outcome = result->outcome;
    eca_named_error_reason(&result->error, &reason);
    got.error = eca_buf_take(&reason);
    got.id = result->id == NULL ? NULL : eca_xstrdup(result->id);
    got.has_info = result->info != NULL;
    got.running = result->info != NULL && result->info->running;
}

static void answer(const char *method, const char *url, int status, const char *body)
{
    script_http_expect(
        http, (struct script_answer){.method = method, .url = url, .status = status, .body = body});
}

static void silent(const char *method, const char *url)
{
    script_http_expect(http, (struct script_answer){.method = method, .url = url, .silent = true});
}

static void wait_for_end(int rc)
{
    ck_assert_int_eq(rc, ECA_OK);
    ck_assert(!got.done); /* never inside the call */
    ck_assert(manual_clock_run_until(&wheel, &got.done, 600 * 1000));
    ck_assert_uint_eq(got.times, 1);
}

static void create(void)
{
    struct eca_container_spec spec = {
        .docker_name = "ecs-f-1-web-00", .image = "i", .labels = {"", "", "", "", ""}};
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    wait_for_end(port.ops->create(port.impl, &spec, on_done, NULL, &op, &err));
}

static void start(void)
{
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    wait_for_end(port.ops->start(port.impl, ID, NULL, on_done, NULL, &op, &err));
}

static void stop(void)
{
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    wait_for_end(port.ops->stop(port.impl, ID, 30, on_done, NULL, &op, &err));
}

static void remove_it(void)
{
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    wait_for_end(port.ops->remove(port.impl, "n", on_done, NULL, &op, &err));
}

/* DKR-503: the id counts although the inspect after the create fails. */
START_TEST(create_tells_the_id)
{
    answer("POST", "*/containers/create?name=ecs-f-1-web-00", 201, "{\"Id\":\"" ID "\"}");
    answer("GET", INSPECT, 500, "no");
    create();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_DONE);
    ck_assert_str_eq(got.id, ID);
    ck_assert(!got.has_info);
    ck_assert_str_eq(script_request_header(script_http_request(http, 0), "Content-Type"),
                     "application/json");
}
END_TEST

/* DKR-401: the words of a create that failed; nothing is inspected. */
START_TEST(failed_create_has_its_words)
{
    static const struct {
        int status;
        enum eca_outcome outcome;
        const char *error;
    } rows[] = {
        {404, ECA_OUTCOME_NOT_FOUND, "CannotCreateContainerError: no such image"},
        {409, ECA_OUTCOME_CONFLICT, "CannotCreateContainerError: container already exists"},
        {500, ECA_OUTCOME_FAILED, "CannotCreateContainerError: API error (500): boom"},
        {400, ECA_OUTCOME_REFUSED, "CannotCreateContainerError: API error (400): boom"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        answer("POST", NULL, rows[i].status, "boom");
        create();
        ck_assert_int_eq(got.outcome, rows[i].outcome);
        ck_assert_str_eq(got.error, rows[i].error);
        ck_assert_ptr_null(got.id);
        ck_assert_uint_eq(script_http_count(http), i + 1);
        forget();
    }
}
END_TEST

/* DKR-601: one inspect after the start, also after a failed one, whose error stays. */
START_TEST(start_is_followed_by_an_inspect)
{
    answer("POST", "*/containers/" ID "/start", 204, "");
    answer("GET", INSPECT, 200, RUNS);
    start();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_DONE);
    ck_assert(got.has_info && got.running);
    forget();
    answer("POST", "*/containers/" ID "/start", 500, "port is taken");
    answer("GET", INSPECT, 200, RUNS);
    start();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_FAILED);
    ck_assert_str_eq(got.error, "CannotStartContainerError: API error (500): port is taken");
}
END_TEST

static void on_probed(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                      const char *const *versions, size_t count)
{
    (void)arg;
    (void)err;
    (void)versions;
    (void)count;
    got.done = true;
    got.times++;
    got.outcome = outcome;
}

/* DKR-122, DKR-601: a server before API 1.24 wants a body. */
START_TEST(start_has_the_body_of_the_server_version)
{
    static const struct {
        const char *version, *body;
    } rows[] = {
        {"{\"Version\":\"1.11.2\",\"ApiVersion\":\"1.23\"}", "null"},
        {"{\"Version\":\"1.12.6\",\"ApiVersion\":\"1.24\"}", ""},
    };
    struct eca_op *op = NULL;
    struct eca_err err = {0};
    size_t first;

    script_http_expect(http, (struct script_answer){.method = "GET",
                                                    .times = SCRIPT_FOREVER,
                                                    .status = 200,
                                                    .body = rows[_i].version});
    wait_for_end(port.ops->probe(port.impl, on_probed, NULL, &op, &err));
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_DONE);
    script_http_forget(http);
    forget();
    first = script_http_count(http);
    answer("POST", "*/containers/" ID "/start", 204, "");
    answer("GET", INSPECT, 200, RUNS);
    start();
    ck_assert_str_eq(script_http_request(http, first)->body, rows[_i].body);
}
END_TEST

/* DKR-602: the daemon's own time in whole seconds, then one inspect. */
START_TEST(stop_is_followed_by_an_inspect)
{
    answer("POST", "*/containers/" ID "/stop?t=30", 204, "");
    answer("GET", INSPECT, 200, STATE("\"Running\":false,\"ExitCode\":143"));
    stop();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_DONE);
    ck_assert(got.has_info && !got.running);
    ck_assert_str_eq(script_request_header(script_http_request(http, 0), "Content-Type"),
                     "plain/text"); /* DKR-110 */
}
END_TEST

/* DKR-302, ENG-409: which limit passed stands in the error; a stop has 30 s more than its own. */
START_TEST(limits_are_told)
{
    silent("POST", "*/start");
    script_http_expect(http, (struct script_answer){.url = INSPECT, .status = 500, .body = "x"});
    start();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_TIMEOUT);
    ck_assert_str_eq(got.error, "DockerTimeoutError: Could not transition to started; timed out "
                                "after waiting 1m30s");
    script_http_forget(http);
    forget();
    silent("POST", "*/stop?t=30");
    script_http_expect(http, (struct script_answer){.url = INSPECT, .status = 500, .body = "x"});
    stop();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_TIMEOUT);
    ck_assert_str_eq(got.error, "DockerTimeoutError: Could not transition to stopped; timed out "
                                "after waiting 1m0s");
    script_http_forget(http);
    forget();
    silent("POST", NULL);
    create();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_TIMEOUT);
    ck_assert_str_eq(got.error, "DockerTimeoutError: Could not transition to created; timed out "
                                "after waiting 3m0s");
}
END_TEST

/* DKR-604: with its volumes, never by force. */
START_TEST(remove_takes_the_volumes_along)
{
    answer("DELETE", "*/containers/n?v=1", 204, "");
    remove_it();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_DONE);
    forget();
    answer("DELETE", "*/containers/n?v=1", 404, "");
    remove_it();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_NOT_FOUND);
    forget();
    answer("DELETE", "*/containers/n?v=1", 409, "runs");
    remove_it();
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_CONFLICT);
}
END_TEST

static void pull(const char *image)
{
    struct eca_pull_opts opts = {.image = image};
    struct eca_op *op = NULL;
    struct eca_err err = {0};

    wait_for_end(port.ops->pull(port.impl, &opts, on_done, NULL, &op, &err));
}

/* DKR-710: what is asked for an image. */
START_TEST(image_without_a_tag_is_the_latest)
{
    static const struct {
        const char *image, *url;
    } rows[] = {
        {"busybox", "*/images/create?fromImage=busybox%3Alatest"},
        {"a/b:1", "*/images/create?fromImage=a%2Fb%3A1"},
        {"h:5000/img", "*/images/create?fromImage=h%3A5000%2Fimg%3Alatest"},
        {"x@sha256:ab", "*/images/create?fromImage=x%40sha256%3Aab"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        answer("POST", rows[i].url, 200, "{\"status\":\"Pulling\"}\n{\"status\":\"Done\"}\n");
        pull(rows[i].image);
        ck_assert_msg(got.outcome == ECA_OUTCOME_DONE, "%s", got.error);
        forget();
    }
}
END_TEST

/* DKR-716, DKR-717: an error inside a good answer of any type, and a refusal. */
START_TEST(failed_pull_has_its_words)
{
    answer("POST", NULL, 200,
           "{\"status\":\"Pulling\"}\n{\"errorDetail\":{\"message\":\"manifest unknown\"},"
           "\"error\":\"manifest unknown\"}\n");
    pull("i");
    ck_assert_int_ne(got.outcome, ECA_OUTCOME_DONE);
    ck_assert_str_eq(got.error, "CannotPullContainerError: manifest unknown");
    forget();
    answer("POST", NULL, 500, "boom");
    pull("i");
    ck_assert_int_eq(got.outcome, ECA_OUTCOME_FAILED);
    ck_assert_str_eq(got.error, "CannotPullContainerError: API error (500): boom");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docker/calls");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, create_tells_the_id);
    tcase_add_test(tcase, failed_create_has_its_words);
    tcase_add_test(tcase, start_is_followed_by_an_inspect);
    tcase_add_loop_test(tcase, start_has_the_body_of_the_server_version, 0, 2);
    tcase_add_test(tcase, stop_is_followed_by_an_inspect);
    tcase_add_test(tcase, limits_are_told);
    tcase_add_test(tcase, remove_takes_the_volumes_along);
    tcase_add_test(tcase, image_without_a_tag_is_the_latest);
    tcase_add_test(tcase, failed_pull_has_its_words);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
