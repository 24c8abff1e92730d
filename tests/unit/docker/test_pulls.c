#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/unit/docker/rig.h"

/* One pull: its credentials, its progress, its limits. */
static struct rig rig;
static struct eca_docker_auth *auth;

/* The ECR client of the agent, as docker.h wants it. */
static struct {
    size_t asked, canceled, forgotten;
    eca_docker_ecr_fn *on_done;
    void *arg;
    char registry_id[32], region[32], endpoint[64], image[64];
    bool refuses;
} ecr;

static int ecr_get(void *impl, const char *registry_id, const char *region, const char *endpoint,
                   const char *image, eca_docker_ecr_fn *on_done, void *arg, void **ret_handle,
                   struct eca_err *err)
{
    ecr.asked++;
    if (ecr.refuses) {
        return eca_err_set(err, ECA_E_LIMIT, "too many questions");
    }
    ecr.on_done = on_done;
    ecr.arg = arg;
    (void)snprintf(ecr.registry_id, sizeof(ecr.registry_id), "%s", registry_id);
    (void)snprintf(ecr.region, sizeof(ecr.region), "%s", region);
    (void)snprintf(ecr.endpoint, sizeof(ecr.endpoint), "%s", endpoint);
    (void)snprintf(ecr.image, sizeof(ecr.image), "%s", image);
    *ret_handle = impl;
    return ECA_OK;
}

static void ecr_cancel(void *impl, void *handle)
{
    ck_assert_ptr_eq(impl, handle);
    ecr.canceled++;
}

static void ecr_forget(void *impl, const char *registry_id, const char *region,
                       const char *endpoint)
{
    (void)impl;
    ck_assert_str_eq(registry_id, ecr.registry_id);
    ck_assert_str_eq(region, ecr.region);
    ck_assert_str_eq(endpoint, ecr.endpoint);
    ecr.forgotten++;
}

static void ecr_answer(const char *user, const char *password)
{
    struct eca_docker_login login = {.username = eca_view_str(user),
                                     .password = eca_view_str(password),
                                     .server_address = eca_view_str("https://r")};

    ecr.on_done(ecr.arg, &login, NULL);
}

static void setup(void)
{
    struct eca_secret data = {0};

    memset(&ecr, 0, sizeof(ecr));
    eca_secret_set(&data,
                   eca_view_str("{\"r.tld\":{\"username\":\"u\",\"password\":\"pass-word\"}}"));
    auth = eca_docker_auth_new("docker", &data, NULL);
    eca_secret_clear(&data);
    rig_open(&rig, (struct eca_docker_opts){.auth = auth,
                                            .ecr = {ecr_get, ecr_cancel, ecr_forget, &ecr}});
    rig.pull = (struct eca_pull_opts){.ecr_registry_id = "12", .ecr_region = "r-1"};
}

static void teardown(void)
{
    rig_close(&rig);
    eca_docker_auth_free(auth);
}

/* The decoded X-Registry-Auth of the last request. */
static void sent_login(struct eca_buf *out)
{
    const char *header = script_request_header(script_http_last(rig.http), "X-Registry-Auth");

    ck_assert_ptr_nonnull(header);
    ck_assert_uint_eq(strlen(header) % 4, 0); /* padded */
    ck_assert_ptr_null(strpbrk(header, "+/"));
    eca_buf_reset(out);
    ck_assert_int_eq(eca_base64_decode(eca_view_str(header), out, NULL), ECA_OK);
}

/* DKR-711, AUTH-111, AUTH-101: which login goes along with which image; none goes to the log. */
START_TEST(login_goes_along)
{
    static const struct {
        const char *image, *login;
    } rows[] = {
        {"r.tld/ns/img:1", "{\"username\":\"u\",\"password\":\"pass-word\"}"},
        {"other.tld/img", "{}"},
        {"busybox", "{}"},
    };
    eca_auto_buf struct eca_buf login = {0};

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        rig.image = rows[i].image;
        rig_answer(&rig, "POST", NULL, 200, "{\"status\":\"Pulling\"}");
        rig_ask(&rig, ASK_PULL);
        sent_login(&login);
        ck_assert_str_eq(eca_buf_str(&login), rows[i].login);
        ck_assert(!rig_logged(&rig, "pass-word"));
        ck_assert(!rig_logged(
            &rig, script_request_header(script_http_last(rig.http), "X-Registry-Auth")));
    }
}
END_TEST

/* FB-32.1: a registry that echoes the password does not get it into our words. */
START_TEST(password_is_hidden_in_errors)
{
    rig.image = "r.tld/img";
    rig_answer(&rig, "POST", NULL, 500, "bad login u:pass-word, really pass-word\n");
    rig_ask(&rig, ASK_PULL);
    ck_assert_str_eq(rig.got.error, "CannotPullContainerError: API error (500): bad login u:***, "
                                    "really ***\n");
}
END_TEST

/* DKR-717: an error counts whatever the type of the answer; its words are verbatim. */
START_TEST(error_counts_in_every_content_type)
{
    static const char *const types[] = {"application/json", "application/json; charset=utf-8",
                                        "text/plain", "application/x-ndjson"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(types); i++) {
        script_http_expect(rig.http, (struct script_answer){
                                         .status = 200,
                                         .headers = {{"content-type", types[i]}},
                                         .body = "{\"status\":\"Pulling\"}\r\n {\"error\":\"Tag a "
                                                 "\\\"b\\\" not found\"}\n{\"error\":\"second\"}",
                                         .piece_bytes = 5});
        rig_ask(&rig, ASK_PULL);
        ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_FAILED);
        ck_assert_str_eq(rig.got.error, "CannotPullContainerError: Tag a \"b\" not found");
    }
}
END_TEST

/* DKR-716: with progress or stream beside it, "error" is no end. */
START_TEST(lines_are_told_apart)
{
    static const struct {
        const char *body;
        enum eca_outcome outcome;
    } rows[] = {
        {"", ECA_OUTCOME_DONE},
        {"{}", ECA_OUTCOME_DONE},
        {"{\"error\":\"\"}", ECA_OUTCOME_DONE},
        {"{\"progress\":\"[=>\",\"error\":\"x\"}", ECA_OUTCOME_DONE},
        {"{\"stream\":\"a\",\"error\":\"x\"}", ECA_OUTCOME_DONE},
        {"{\"status\":\"a\",\"error\":\"x\"}", ECA_OUTCOME_FAILED},
        {"{\"error\":\"x\"}{\"status\":5}", ECA_OUTCOME_FAILED}, /* the rest is not read */
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        rig_answer(&rig, "POST", NULL, 200, rows[i].body);
        rig_ask(&rig, ASK_PULL);
        ck_assert_msg(rig.got.outcome == rows[i].outcome, "%s: %s", rows[i].body, rig.got.error);
    }
    ck_assert_uint_eq(eca_docker_bad_answers(rig.docker), 0);
}
END_TEST

#define SECOND UINT64_C(1000)
#define BEGIN_ERROR                                                                                \
    "DockerTimeoutError: Could not transition to pullBegin; timed out after waiting 5m0s"
#define IDLE_ERROR                                                                                 \
    "DockerTimeoutError: Could not transition to pulled; timed out after waiting 1m0s"
#define WHOLE_ERROR                                                                                \
    "DockerTimeoutError: Could not transition to pulled; timed out after waiting 2h0m0s"

/* DKR-718, DKR-720, DKR-L04, FB-29.3: five minutes until the first line that says something, one
 * without a byte after it, two hours in all; each closes the connection. */
START_TEST(pull_has_three_limits)
{
    static const struct {
        const char *first; /* bytes that come at once; NULL: no answer at all */
        const char *then;  /* every 50 s, or NULL */
        uint64_t ends_ms;
        const char *error;
    } rows[] = {
        {NULL, NULL, 300 * SECOND, BEGIN_ERROR},
        {"", NULL, 300 * SECOND, BEGIN_ERROR},
        {"{\"id\":\"a\"}", "{\"stream\":\"no line\"}", 300 * SECOND, BEGIN_ERROR},
        {"{\"status\":\"Pulling\"}", NULL, 60 * SECOND, IDLE_ERROR},
        {"{\"stream\":\"a\\nb\"}", NULL, 60 * SECOND, IDLE_ERROR},
        {"{\"status\":\"Pulling\"}", "{\"status\":\"x\"}", 7200 * SECOND, WHOLE_ERROR},
        {"{\"status\":\"Pulling\"}", " ", 7200 * SECOND, WHOLE_ERROR}, /* a byte is a byte */
    };
    uint64_t elapsed_ms;

    script_http_expect(rig.http, (struct script_answer){.status = rows[_i].first == NULL ? 0 : 200,
                                                        .silent = rows[_i].first == NULL,
                                                        .body = rows[_i].first,
                                                        .hold = true});
    rig_begin(&rig, ASK_PULL);
    for (elapsed_ms = 0; elapsed_ms < rows[_i].ends_ms - SECOND; elapsed_ms += SECOND) {
        if (rows[_i].then != NULL && elapsed_ms % (50 * SECOND) == 49 * SECOND) {
            script_http_push(rig.http, 0, eca_view_str(rows[_i].then));
        }
        manual_clock_advance_ms(&rig.clock, SECOND);
        ck_assert_msg(!rig.got.done, "after %d s: %s", (int)(elapsed_ms / SECOND), rig.got.error);
    }
    manual_clock_advance_ms(&rig.clock, 2 * SECOND);
    ck_assert(rig.got.done);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_TIMEOUT);
    ck_assert_str_eq(rig.got.error, rows[_i].error);
    ck_assert(script_http_request(rig.http, 0)->canceled);
    ck_assert_uint_eq(script_http_open_calls(rig.http), 0);
}
END_TEST

static size_t lines_with(const char *part)
{
    size_t count = 0;

    for (const char *at = eca_buf_str(&rig.lines); (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

/* DKR-719: progress at debug, of bars one in two seconds; another client's pull at error. */
START_TEST(progress_is_logged)
{
    script_http_expect(rig.http, (struct script_answer){.status = 200,
                                                        .body = "{\"status\":\"Pulling from x\"}",
                                                        .hold = true});
    rig_begin(&rig, ASK_PULL);
    manual_clock_advance_ms(&rig.clock, 1);
    for (size_t i = 0; i < 50; i++) { /* five seconds */
        script_http_push(rig.http, 0,
                         eca_view_str("{\"status\":\"Loading\",\"id\":\"a1\",\"progress\":\"[=> ] "
                                      "1 B/2 B\"}"));
        manual_clock_advance_ms(&rig.clock, 100);
    }
    script_http_push(
        rig.http, 0,
        eca_view_str("{\"status\":\"Extracting\"}{\"status\":\"Extracting\"}{\"status\":"
                     "\"Repository x already being pulled by another client. "
                     "Waiting.\"}"));
    script_http_end(rig.http, 0, ECA_OK);
    rig_wait(&rig);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    ck_assert_uint_eq(lines_with("[DEBUG] Pulling: Pulling from x"), 1);
    ck_assert_uint_eq(lines_with("[DEBUG] Pulling: Loading"), 3);
    ck_assert_uint_eq(lines_with("[DEBUG] Pulling: Extracting"), 2);
    ck_assert_uint_eq(lines_with("[ERROR] Repository x already being pulled by another client"), 1);
}
END_TEST

/* ---- ECR ------------------------------------------------------------------------------------ */

static void ask_with_ecr(void)
{
    rig.image = "r/app:1";
    rig.pull.auth = ECA_AUTH_ECR;
    rig.pull.ecr_has_data = true;
    rig_begin(&rig, ASK_PULL);
    manual_clock_advance_ms(&rig.clock, 1);
}

/* ECR-101, ECR-109, DKR-711: the token of the task's registry goes along. */
START_TEST(ecr_login_goes_along)
{
    eca_auto_buf struct eca_buf login = {0};

    rig.pull.ecr_endpoint = "https://here";
    ask_with_ecr();
    ck_assert_uint_eq(ecr.asked, 1);
    ck_assert_str_eq(ecr.registry_id, "12");
    ck_assert_str_eq(ecr.region, "r-1");
    ck_assert_str_eq(ecr.endpoint, "https://here");
    ck_assert_str_eq(ecr.image, "r/app:1");
    ck_assert_uint_eq(script_http_count(rig.http), 0);
    rig_answer(&rig, "POST", NULL, 200, "{\"status\":\"Pulling\"}");
    ecr_answer("AWS", "tok:en");
    rig_wait(&rig);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    sent_login(&login);
    ck_assert_str_eq(eca_buf_str(&login), "{\"username\":\"AWS\",\"password\":\"tok:en\","
                                          "\"serveraddress\":\"https://r\"}");
}
END_TEST

/* ECR-101, ECR-112: without data, without a token: the reason, and no pull is asked for. */
START_TEST(ecr_failure_asks_for_no_pull)
{
    struct eca_err denied = {0};

    rig.pull.auth = ECA_AUTH_ECR;
    rig_ask(&rig, ASK_PULL);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_REFUSED);
    ck_assert_str_eq(rig.got.error, "CannotPullContainerError: ecrAuthProvider cannot be used "
                                    "without AuthData");
    ck_assert_uint_eq(ecr.asked, 0);
    ask_with_ecr();
    (void)eca_err_set(&denied, ECA_E_DENIED, "AccessDeniedException: m");
    ecr.on_done(ecr.arg, NULL, &denied);
    rig_wait(&rig);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_REFUSED);
    ck_assert_str_eq(rig.got.error, "CannotPullContainerError: AccessDeniedException: m");
    ecr.refuses = true;
    ask_with_ecr();
    rig_wait(&rig);
    ck_assert_str_eq(rig.got.error, "CannotPullContainerError: too many questions");
    ck_assert_uint_eq(script_http_count(rig.http), 0);
    ck_assert_uint_eq(ecr.canceled, 0);
}
END_TEST

/* ECR-113: what the registry calls unauthorized is not used again; other failures keep it. */
START_TEST(refused_ecr_login_is_forgotten)
{
    static const struct {
        int status;
        const char *body;
        size_t forgotten;
    } rows[] = {
        {200, "{\"error\":\"unauthorized: authentication required\"}", 1},
        {500, "denied: requested access to the resource is denied\n", 1},
        {200, "{\"error\":\"manifest unknown\"}", 0},
        {500, "boom", 0},
        {200, "{\"status\":\"Pulled\"}", 0},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        ecr.forgotten = 0;
        ask_with_ecr();
        rig_answer(&rig, "POST", NULL, rows[i].status, rows[i].body);
        ecr_answer("AWS", "p");
        rig_wait(&rig);
        ck_assert_msg(ecr.forgotten == rows[i].forgotten, "%s", rows[i].body);
    }
}
END_TEST

/* The pull ends while the token is asked for: its question ends, too. */
START_TEST(question_for_a_token_is_canceled)
{
    ask_with_ecr();
    manual_clock_advance_ms(&rig.clock, 7200 * SECOND);
    ck_assert(rig.got.done);
    ck_assert_str_eq(rig.got.error, WHOLE_ERROR);
    ck_assert_uint_eq(ecr.canceled, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docker/pulls");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, login_goes_along);
    tcase_add_test(tcase, password_is_hidden_in_errors);
    tcase_add_test(tcase, error_counts_in_every_content_type);
    tcase_add_test(tcase, lines_are_told_apart);
    tcase_add_loop_test(tcase, pull_has_three_limits, 0, 7);
    tcase_add_test(tcase, progress_is_logged);
    tcase_add_test(tcase, ecr_login_goes_along);
    tcase_add_test(tcase, ecr_failure_asks_for_no_pull);
    tcase_add_test(tcase, refused_ecr_login_is_forgotten);
    tcase_add_test(tcase, question_for_a_token_is_canceled);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
