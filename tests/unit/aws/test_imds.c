#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/aws/world.h"

#define DOCUMENT_URL IMDS_URL "/2014-02-25/dynamic/instance-identity/document"
#define SIGNATURE_URL IMDS_URL "/2014-02-25/dynamic/instance-identity/signature"
#define TOKEN_URL IMDS_URL "/latest/api/token"

static struct world world;

struct got {
    bool done;
    size_t times;
    char body[256];
    struct eca_err err;
};

static void on_got(void *arg, struct eca_view body, const struct eca_err *err)
{
    struct got *got = arg;

    ck_assert_uint_lt(body.len, sizeof(got->body));
    got->done = true;
    got->times++;
    got->err = err == NULL ? (struct eca_err){0} : *err;
    if (body.len > 0) {
        memcpy(got->body, body.at, body.len);
    }
    got->body[body.len] = '\0';
}

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_clear(&world);
}

static void get(enum eca_imds_resource resource, struct got *got)
{
    struct eca_imds_wait *wait;

    memset(got, 0, sizeof(*got));
    eca_imds_get(world.imds, resource, on_got, got, &wait);
    ck_assert(!got->done); /* never inside the call */
    ck_assert(manual_clock_run_until(&world.clock, &got->done, 120000));
}

static void expect_get(const char *url, int status, const char *body)
{
    script_http_expect(
        world.http,
        (struct script_answer){.method = "GET", .url = url, .status = status, .body = body});
}

static void expect_token(const char *token)
{
    script_http_expect(
        world.http,
        (struct script_answer){.method = "PUT", .url = TOKEN_URL, .status = 200, .body = token});
}

/* EC2-112, EC2-102, EC2-104 */
START_TEST(a_token_is_asked_first_and_sent_with_every_get)
{
    struct got got;

    expect_token("MARKERTOKEN\n");
    expect_get(DOCUMENT_URL, 200, "{\"raw\" : 1}\n");
    expect_get(SIGNATURE_URL, 200, "sig\nnature");
    get(ECA_IMDS_DOCUMENT, &got);
    ck_assert_str_eq(got.body, "{\"raw\" : 1}\n"); /* unchanged */
    ck_assert_str_eq(script_request_header(script_http_request(world.http, 0),
                                           "X-aws-ec2-metadata-token-ttl-seconds"),
                     "21600");
    ck_assert_uint_eq(script_http_request(world.http, 0)->total_ms, 1000);
    ck_assert_str_eq(
        script_request_header(script_http_request(world.http, 1), "X-aws-ec2-metadata-token"),
        "MARKERTOKEN");
    ck_assert_uint_eq(script_http_request(world.http, 1)->total_ms, 2000); /* EC2-107 */
    ck_assert_uint_eq(script_http_request(world.http, 1)->connect_ms, 1000);
    get(ECA_IMDS_SIGNATURE, &got);
    ck_assert_str_eq(got.body, "sig\nnature");
    ck_assert_uint_eq(script_http_count(world.http), 3); /* one token for both */
    ck_assert_ptr_nonnull(
        script_request_header(script_http_last(world.http), "X-aws-ec2-metadata-token"));
    ck_assert(!world_logged(&world, "MARKERTOKEN"));
}
END_TEST

/* EC2-109 */
START_TEST(no_proxy_is_ever_used)
{
    struct got got;

    world_no_token(&world);
    expect_get(DOCUMENT_URL, 200, "{}");
    get(ECA_IMDS_DOCUMENT, &got);
    for (size_t i = 0; i < script_http_count(world.http); i++) {
        ck_assert_int_eq(script_http_request(world.http, i)->proxy, ECA_HTTP_PROXY_NEVER);
    }
}
END_TEST

/* EC2-112: no token service, in each of its forms */
START_TEST(without_a_token_requests_are_plain)
{
    static const int statuses[] = {400, 403, 404, 405, 501, 0};
    struct got got;

    if (statuses[_i] == 0) {
        script_http_expect(world.http, (struct script_answer){.method = "PUT", .silent = true});
    } else {
        script_http_expect(world.http,
                           (struct script_answer){.method = "PUT", .status = statuses[_i]});
    }
    expect_get(DOCUMENT_URL, 200, "{}");
    get(ECA_IMDS_DOCUMENT, &got);
    ck_assert_int_eq(got.err.code, ECA_OK);
    ck_assert_uint_eq(script_http_last(world.http)->header_count, 0);
    ck_assert_uint_le(manual_clock_elapsed_ms(&world.clock), 1000);
}
END_TEST

static void get_path(const char *path, struct got *got)
{
    struct eca_imds_wait *wait;

    memset(got, 0, sizeof(*got));
    eca_imds_get_path(world.imds, path, on_got, got, &wait);
    ck_assert(manual_clock_run_until(&world.clock, &got->done, 120000));
}

/* EC2-112: what cannot be a header value is no token */
START_TEST(a_damaged_token_is_not_sent)
{
    struct got got;

    expect_token("a\r\nHost: evil");
    expect_get(DOCUMENT_URL, 200, "{}");
    get(ECA_IMDS_DOCUMENT, &got);
    ck_assert_uint_eq(script_http_last(world.http)->header_count, 0);
}
END_TEST

/* EC2-112: asked again after 5 min; renewed after half its life; 401 brings a new one */
START_TEST(the_token_is_renewed)
{
    struct got got;

    world_no_token(&world);
    expect_get(IMDS_URL "/p", 200, "1");
    get_path("/p", &got);
    manual_clock_advance_ms(&world.clock, 299000);
    expect_get(IMDS_URL "/p", 200, "2");
    get_path("/p", &got); /* still plain, no PUT */
    manual_clock_advance_ms(&world.clock, 2000);
    expect_token("T1");
    expect_get(IMDS_URL "/p", 200, "3");
    get_path("/p", &got);
    ck_assert_str_eq(got.body, "3");
    manual_clock_advance_ms(&world.clock, 10800000 + 1000);
    expect_token("T2");
    expect_get(IMDS_URL "/p", 401, "");
    expect_token("T3");
    expect_get(IMDS_URL "/p", 200, "4");
    get_path("/p", &got);
    ck_assert_str_eq(got.body, "4");
    ck_assert_str_eq(
        script_request_header(script_http_last(world.http), "X-aws-ec2-metadata-token"), "T3");
    ck_assert_uint_eq(script_http_pending(world.http), 0);
}
END_TEST

/* EC2-105, EC2-106, FB-15.1: five tries with growing pauses, then failure with the last status */
START_TEST(five_tries_then_the_last_status)
{
    static const uint64_t at_ms[] = {0, 250, 750, 1750, 3750};
    struct got got;

    world_no_token(&world);
    script_http_expect(
        world.http,
        (struct script_answer){.method = "GET", .times = 4, .status = 500, .body = "trouble"});
    expect_get(DOCUMENT_URL, 503, ""); /* EC2-108: empty body is no success */
    get(ECA_IMDS_DOCUMENT, &got);
    ck_assert_int_ne(got.err.code, ECA_OK);
    ck_assert_int_eq(got.err.http_status, 503);
    ck_assert_uint_eq(script_http_count(world.http), 6);
    for (size_t i = 0; i < ECA_ARRAY_LEN(at_ms); i++) {
        uint64_t at = (script_http_request(world.http, i + 1)->at_ns - 1000000000) / 1000000;
        ck_assert_uint_eq(at, at_ms[i]);
    }
    ck_assert_uint_eq(world_logged_times(&world, "[WARN] try"), 5);
}
END_TEST

/* EC2-106: up to 20 % more */
START_TEST(pauses_have_jitter)
{
    struct got got;
    uint64_t first;

    world.entropy.state = 4711;
    world_no_token(&world);
    script_http_expect(world.http,
                       (struct script_answer){.method = "GET", .times = 5, .status = 500});
    get(ECA_IMDS_DOCUMENT, &got);
    first = (script_http_request(world.http, 2)->at_ns - 1000000000) / 1000000;
    ck_assert_uint_gt(first, 250);
    ck_assert_uint_le(first, 300);
    ck_assert_uint_le(manual_clock_elapsed_ms(&world.clock), 3750 * 12 / 10);
}
END_TEST

/* EC2-113, FB-15.1: silence costs less than 30 s, and only once */
START_TEST(silence_is_bounded_and_asked_once_per_start)
{
    struct got got, again;
    size_t requests;

    script_http_expect(world.http, (struct script_answer){.times = SCRIPT_FOREVER, .silent = true});
    get(ECA_IMDS_DOCUMENT, &got);
    ck_assert_int_eq(got.err.code, ECA_E_TIMEOUT);
    ck_assert_uint_le(manual_clock_elapsed_ms(&world.clock), 30000);
    requests = script_http_count(world.http);
    get(ECA_IMDS_DOCUMENT, &again);
    ck_assert_int_eq(again.err.code, ECA_E_TIMEOUT);
    ck_assert_uint_eq(script_http_count(world.http), requests);
    get(ECA_IMDS_SIGNATURE, &again);
    ck_assert_int_eq(again.err.code, ECA_E_TIMEOUT);
    ck_assert_uint_le(manual_clock_elapsed_ms(&world.clock), 30000);
}
END_TEST

/* EC2-113: one budget for all series of a start */
START_TEST(the_budget_is_shared_by_the_series)
{
    const struct eca_imds_opts opts = {.endpoint = IMDS_URL, .budget_ms = 4000};
    struct eca_imds *imds = eca_imds_new(world.clock.sched, script_http_port(world.http),
                                         manual_entropy_port(&world.entropy), &world.log, &opts);
    struct got document = {0}, signature = {0};
    struct eca_imds_wait *wait;

    world_no_token(&world);
    script_http_expect(world.http, (struct script_answer){.url = DOCUMENT_URL, .silent = true});
    expect_get(DOCUMENT_URL, 200, "doc"); /* after 2 s and a pause of 250 ms */
    script_http_expect(
        world.http,
        (struct script_answer){.url = SIGNATURE_URL, .times = SCRIPT_FOREVER, .silent = true});
    eca_imds_get(imds, ECA_IMDS_DOCUMENT, on_got, &document, &wait);
    ck_assert(manual_clock_run_until(&world.clock, &document.done, 60000));
    ck_assert_str_eq(document.body, "doc");
    eca_imds_get(imds, ECA_IMDS_SIGNATURE, on_got, &signature, &wait);
    ck_assert(manual_clock_run_until(&world.clock, &signature.done, 60000));
    ck_assert_int_eq(signature.err.code, ECA_E_TIMEOUT);
    ck_assert_uint_eq(manual_clock_elapsed_ms(&world.clock), 4000);
    ck_assert_uint_eq(script_http_open_calls(world.http), 0);
    eca_imds_free(imds);
}
END_TEST

/* EC2-112: the 401 that asks for a new token is no try; a second one is */
START_TEST(a_401_costs_no_try_once)
{
    struct got got;

    expect_token("T1");
    expect_token("T2");
    script_http_expect(world.http,
                       (struct script_answer){.method = "GET", .times = 6, .status = 401});
    get(ECA_IMDS_DOCUMENT, &got);
    ck_assert_int_eq(got.err.http_status, 401);
    ck_assert_uint_eq(script_http_pending(world.http), 0);
    ck_assert_uint_eq(script_http_count(world.http), 8);
}
END_TEST

/* EC2-113: the document is fetched once and shared */
START_TEST(simultaneous_questions_share_one_series)
{
    struct got a = {0}, b = {0}, later;
    struct eca_imds_wait *wait_a, *wait_b;

    world_no_token(&world);
    expect_get(DOCUMENT_URL, 200, "doc");
    eca_imds_get(world.imds, ECA_IMDS_DOCUMENT, on_got, &a, &wait_a);
    eca_imds_get(world.imds, ECA_IMDS_DOCUMENT, on_got, &b, &wait_b);
    manual_clock_settle(&world.clock);
    ck_assert_str_eq(a.body, "doc");
    ck_assert_str_eq(b.body, "doc");
    get(ECA_IMDS_DOCUMENT, &later);
    ck_assert_str_eq(later.body, "doc");
    ck_assert_uint_eq(script_http_count(world.http), 2);
    ck_assert_uint_eq(a.times + b.times + later.times, 3);
}
END_TEST

START_TEST(a_canceled_wait_hears_nothing)
{
    struct got a = {0}, b = {0};
    struct eca_imds_wait *wait_a, *wait_b;

    world_no_token(&world);
    expect_get(DOCUMENT_URL, 200, "doc");
    eca_imds_get(world.imds, ECA_IMDS_DOCUMENT, on_got, &a, &wait_a);
    eca_imds_get(world.imds, ECA_IMDS_DOCUMENT, on_got, &b, &wait_b);
    eca_imds_cancel(wait_a);
    manual_clock_settle(&world.clock);
    ck_assert(!a.done && b.done);
    expect_get(IMDS_URL "/p", 200, "x");
    eca_imds_get_path(world.imds, "/p", on_got, &a, &wait_a);
    eca_imds_cancel(wait_a);
    manual_clock_settle(&world.clock);
    ck_assert(!a.done);
}
END_TEST

/* EC2-305: 5xx and transport errors three times more, 4xx never */
START_TEST(role_requests_have_their_own_rules)
{
    struct got got;

    world_no_token(&world);
    script_http_expect(world.http, (struct script_answer){.method = "GET", .status = 500});
    script_http_expect(world.http,
                       (struct script_answer){.method = "GET", .error = ECA_E_AMBIGUOUS});
    script_http_expect(world.http, (struct script_answer){.method = "GET", .status = 503});
    script_http_expect(world.http, (struct script_answer){.method = "GET", .status = 500});
    get_path("/p", &got);
    ck_assert_int_eq(got.err.http_status, 500);
    ck_assert_uint_eq(script_http_last(world.http)->total_ms, 5000);
    ck_assert_uint_eq(manual_clock_elapsed_ms(&world.clock), 30 + 60 + 120);
    ck_assert_uint_eq(script_http_pending(world.http), 0);

    script_http_expect(world.http, (struct script_answer){.method = "GET", .status = 404});
    get_path("/p", &got);
    ck_assert_int_eq(got.err.http_status, 404);
    ck_assert_uint_eq(script_http_pending(world.http), 0);
}
END_TEST

/* EC2-110 */
START_TEST(blackhole_sends_nothing_at_all)
{
    const struct eca_imds_opts opts = {.blackhole = true};
    struct eca_imds *imds = eca_imds_new(world.clock.sched, script_http_port(world.http),
                                         manual_entropy_port(&world.entropy), &world.log, &opts);
    struct got got = {0}, role = {0};
    struct eca_imds_wait *wait;

    eca_imds_get(imds, ECA_IMDS_DOCUMENT, on_got, &got, &wait);
    eca_imds_get_path(imds, ROLE_PATH, on_got, &role, &wait);
    ck_assert(!got.done && !role.done);
    manual_clock_settle(&world.clock);
    ck_assert_str_eq(got.err.msg, "blackholed");
    ck_assert_str_eq(role.err.msg, "blackholed");
    ck_assert_uint_eq(script_http_count(world.http), 0);
    eca_imds_free(imds);
}
END_TEST

/* EC2-101, EC2-111 */
START_TEST(the_endpoint_has_a_default_and_an_override)
{
    static const char *const endpoints[][2] = {
        {NULL, "http://169.254.169.254/p"},
        {"", "http://169.254.169.254/p"},
        {"http://[::1]:8080/", "http://[::1]:8080/p"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(endpoints); i++) {
        const struct eca_imds_opts opts = {.endpoint = endpoints[i][0]};
        struct eca_imds *imds =
            eca_imds_new(world.clock.sched, script_http_port(world.http),
                         manual_entropy_port(&world.entropy), &world.log, &opts);
        struct got got = {0};
        struct eca_imds_wait *wait;

        script_http_expect(world.http, (struct script_answer){.method = "PUT", .status = 404});
        expect_get(endpoints[i][1], 200, "ok");
        eca_imds_get_path(imds, "/p", on_got, &got, &wait);
        manual_clock_settle(&world.clock);
        ck_assert_str_eq(got.body, "ok");
        eca_imds_free(imds);
    }
}
END_TEST

/* EC2-103 */
START_TEST(the_document_is_read_in_any_case)
{
    struct eca_imds_identity identity;
    struct eca_err err = {0};

    ck_assert_int_eq(
        eca_imds_identity_parse(
            eca_view_str("{\"Region\":\"r-1\",\"INSTANCEID\":\"i-1\",\"x\":[1]}"), &identity, &err),
        ECA_OK);
    ck_assert_str_eq(identity.region, "r-1");
    ck_assert_str_eq(identity.instance_id, "i-1");
    ck_assert_int_eq(eca_imds_identity_parse(eca_view_str("{\"region\":5}"), &identity, &err),
                     ECA_OK);
    ck_assert_str_eq(identity.region, "");
    ck_assert_str_eq(identity.instance_id, "");
    ck_assert_int_eq(eca_imds_identity_parse(eca_view_str("<html>"), &identity, &err),
                     ECA_E_INVALID);
    ck_assert_int_eq(eca_imds_identity_parse(eca_view_str(""), &identity, &err), ECA_E_INVALID);
    ck_assert_int_eq(eca_imds_identity_parse(eca_view_str("[]"), &identity, &err), ECA_E_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("imds");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_token_is_asked_first_and_sent_with_every_get);
    tcase_add_test(tcase, no_proxy_is_ever_used);
    tcase_add_loop_test(tcase, without_a_token_requests_are_plain, 0, 6);
    tcase_add_test(tcase, a_damaged_token_is_not_sent);
    tcase_add_test(tcase, the_token_is_renewed);
    tcase_add_test(tcase, five_tries_then_the_last_status);
    tcase_add_test(tcase, pauses_have_jitter);
    tcase_add_test(tcase, silence_is_bounded_and_asked_once_per_start);
    tcase_add_test(tcase, the_budget_is_shared_by_the_series);
    tcase_add_test(tcase, a_401_costs_no_try_once);
    tcase_add_test(tcase, simultaneous_questions_share_one_series);
    tcase_add_test(tcase, a_canceled_wait_hears_nothing);
    tcase_add_test(tcase, role_requests_have_their_own_rules);
    tcase_add_test(tcase, blackhole_sends_nothing_at_all);
    tcase_add_test(tcase, the_endpoint_has_a_default_and_an_override);
    tcase_add_test(tcase, the_document_is_read_in_any_case);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
