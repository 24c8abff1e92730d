#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/docker/rig.h"

/* Calls about containers and images, and the words of their ends. */
static struct rig rig;

static void setup(void)
{
    rig_open(&rig, (struct eca_docker_opts){0});
}

static void teardown(void)
{
    rig_close(&rig);
}

/* DKR-503: the id counts although the inspect after the create fails. */
START_TEST(create_tells_the_id)
{
    rig_answer(&rig, "POST", "*/containers/create?name=" NAME, 201, "{\"Id\":\"" ID "\"}");
    rig_answer(&rig, "GET", INSPECT, 500, "no");
    rig_ask(&rig, ASK_CREATE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    ck_assert_str_eq(rig.got.id, ID);
    ck_assert(!rig.got.has_info);
    ck_assert_str_eq(script_request_header(script_http_request(rig.http, 0), "Content-Type"),
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
        rig_answer(&rig, "POST", NULL, rows[i].status, "boom");
        rig_ask(&rig, ASK_CREATE);
        ck_assert_int_eq(rig.got.outcome, rows[i].outcome);
        ck_assert_str_eq(rig.got.error, rows[i].error);
        ck_assert_ptr_null(rig.got.id);
        ck_assert_uint_eq(script_http_count(rig.http), i + 1);
    }
}
END_TEST

/* ENG-221, DKR-301: a call has its whole limit although it waited for a place as long as that. */
START_TEST(limit_runs_from_the_sending)
{
    for (size_t i = 0; i < ECA_DOCKER_CALLS_MAX; i++) {
        rig_silent(&rig, "GET", INSPECT);
        rig_begin(&rig, ASK_INSPECT);
    }
    rig_begin(&rig, ASK_INSPECT);
    ck_assert_uint_eq(script_http_count(rig.http), ECA_DOCKER_CALLS_MAX);
    script_http_expect(
        rig.http,
        (struct script_answer){
            .method = "GET", .url = INSPECT, .status = 200, .body = RUNS, .delay_ms = 29 * 1000});
    manual_clock_advance_ms(&rig.clock, 60 * 1000);
    ck_assert_uint_eq(script_http_count(rig.http), ECA_DOCKER_CALLS_MAX + 1);
    ck_assert_uint_eq(rig.got.times, ECA_DOCKER_CALLS_MAX + 1);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE); /* the last to end */
}
END_TEST

/* DKR-601: one inspect after the start, also after a failed one, whose error stays. */
START_TEST(start_is_followed_by_an_inspect)
{
    rig_answer(&rig, "POST", "*/containers/" ID "/start", 204, "");
    rig_answer(&rig, "GET", INSPECT, 200, RUNS);
    rig_ask(&rig, ASK_START);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    ck_assert(rig.got.has_info && rig.got.running);
    rig_answer(&rig, "POST", "*/containers/" ID "/start", 500, "port is taken");
    rig_answer(&rig, "GET", INSPECT, 200, RUNS);
    rig_ask(&rig, ASK_START);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_FAILED);
    ck_assert_str_eq(rig.got.error, "CannotStartContainerError: API error (500): port is taken");
}
END_TEST

/* DKR-122, DKR-601: a server before API 1.24 wants a body. */
START_TEST(start_has_the_body_of_the_server_version)
{
    static const struct {
        const char *version, *body;
    } rows[] = {
        {"{\"Version\":\"1.11.2\",\"ApiVersion\":\"1.23\"}", "null"},
        {"{\"Version\":\"1.12.6\",\"ApiVersion\":\"1.24\"}", ""},
    };
    size_t first;

    script_http_expect(rig.http, (struct script_answer){.method = "GET",
                                                        .times = SCRIPT_FOREVER,
                                                        .status = 200,
                                                        .body = rows[_i].version});
    rig_ask(&rig, ASK_PROBE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    script_http_forget(rig.http);
    first = script_http_count(rig.http);
    rig_answer(&rig, "POST", "*/containers/" ID "/start", 204, "");
    rig_answer(&rig, "GET", INSPECT, 200, RUNS);
    rig_ask(&rig, ASK_START);
    ck_assert_str_eq(script_http_request(rig.http, first)->body, rows[_i].body);
}
END_TEST

/* DKR-602: the daemon's own time in whole seconds, then one inspect. */
START_TEST(stop_is_followed_by_an_inspect)
{
    rig_answer(&rig, "POST", "*/containers/" ID "/stop?t=30", 204, "");
    rig_answer(&rig, "GET", INSPECT, 200, STATE("\"Running\":false,\"ExitCode\":143"));
    rig_ask(&rig, ASK_STOP);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    ck_assert(rig.got.has_info && !rig.got.running);
    ck_assert_str_eq(script_request_header(script_http_request(rig.http, 0), "Content-Type"),
                     "plain/text"); /* DKR-110 */
}
END_TEST

/* DKR-302, ENG-409: which limit passed stands in the error; a stop has 30 s more than its own. */
START_TEST(limits_are_told)
{
    rig_silent(&rig, "POST", "*/start");
    script_http_expect(rig.http,
                       (struct script_answer){.url = INSPECT, .status = 500, .body = "x"});
    rig_ask(&rig, ASK_START);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_TIMEOUT);
    ck_assert_str_eq(rig.got.error,
                     "DockerTimeoutError: Could not transition to started; timed out "
                     "after waiting 1m30s");
    script_http_forget(rig.http);
    rig_silent(&rig, "POST", "*/stop?t=30");
    script_http_expect(rig.http,
                       (struct script_answer){.url = INSPECT, .status = 500, .body = "x"});
    rig_ask(&rig, ASK_STOP);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_TIMEOUT);
    ck_assert_str_eq(rig.got.error,
                     "DockerTimeoutError: Could not transition to stopped; timed out "
                     "after waiting 1m0s");
    script_http_forget(rig.http);
    rig_silent(&rig, "POST", NULL);
    rig_ask(&rig, ASK_CREATE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_TIMEOUT);
    ck_assert_str_eq(rig.got.error,
                     "DockerTimeoutError: Could not transition to created; timed out "
                     "after waiting 3m0s");
}
END_TEST

/* DKR-604: with its volumes, never by force. */
START_TEST(remove_takes_the_volumes_along)
{
    rig_answer(&rig, "DELETE", "*/containers/" ID "?v=1", 204, "");
    rig_ask(&rig, ASK_REMOVE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    rig_answer(&rig, "DELETE", "*/containers/" ID "?v=1", 404, "");
    rig_ask(&rig, ASK_REMOVE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_NOT_FOUND);
    rig_answer(&rig, "DELETE", "*/containers/" ID "?v=1", 409, "runs");
    rig_ask(&rig, ASK_REMOVE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_CONFLICT);
}
END_TEST

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
        rig_answer(&rig, "POST", rows[i].url, 200,
                   "{\"status\":\"Pulling\"}\n{\"status\":\"Done\"}\n");
        rig.image = rows[i].image;
        rig_ask(&rig, ASK_PULL);
        ck_assert_msg(rig.got.outcome == ECA_OUTCOME_DONE, "%s", rig.got.error);
    }
}
END_TEST

/* DKR-716, DKR-717: an error inside a good answer of any type, and a refusal. */
START_TEST(failed_pull_has_its_words)
{
    rig_answer(&rig, "POST", NULL, 200,
               "{\"status\":\"Pulling\"}\n{\"errorDetail\":{\"message\":\"manifest unknown\"},"
               "\"error\":\"manifest unknown\"}\n");
    rig_ask(&rig, ASK_PULL);
    ck_assert_int_ne(rig.got.outcome, ECA_OUTCOME_DONE);
    ck_assert_str_eq(rig.got.error, "CannotPullContainerError: manifest unknown");
    rig_answer(&rig, "POST", NULL, 500, "boom");
    rig_ask(&rig, ASK_PULL);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_FAILED);
    ck_assert_str_eq(rig.got.error, "CannotPullContainerError: API error (500): boom");
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
    tcase_add_test(tcase, limit_runs_from_the_sending);
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
