#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/aws/ecr.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "tests/unit/aws/world.h"

#define REGISTRY "111122223333.dkr.ecr.us-west-2.amazonaws.com"
#define ECR_URL "https://ecr.us-west-2.amazonaws.com/"

static struct world world;
static struct eca_ecr *ecr;
static struct {
    bool done;
    size_t times;
    bool ok, from_cache;
    char username[64], password[64], server[128];
    struct eca_err err;
} got;

static void on_login(void *arg, const struct eca_ecr_login *login, const struct eca_err *err)
{
    (void)arg;
    memset(&got, 0, sizeof(got));
    got.done = true;
    got.times++;
    got.ok = err == NULL;
    if (err != NULL) {
        got.err = *err;
        return;
    }
    got.from_cache = login->from_cache;
    (void)snprintf(got.username, sizeof(got.username), "%s", login->username);
    (void)snprintf(got.password, sizeof(got.password), "%.*s", (int)login->password.len,
                   login->password.at);
    (void)snprintf(got.server, sizeof(got.server), "%s", login->server_address);
}

static void setup(void)
{
    const struct eca_ecr_opts opts = {.tokens_max = 3};

    world_init(&world);
    memset(&got, 0, sizeof(got));
    ecr = eca_ecr_new(world.clock.sched, script_http_port(world.http),
                      manual_entropy_port(&world.entropy), world.creds, &world.log, &opts);
}

static void teardown(void)
{
    eca_ecr_free(ecr);
    world_clear(&world);
}

static struct eca_ecr_query query_of(const char *registry_id)
{
    return (struct eca_ecr_query){
        .region = "us-west-2", .registry_id = registry_id, .image = REGISTRY "/app:1"};
}

static void get(const struct eca_ecr_query *query)
{
    struct eca_ecr_request *request;

    memset(&got, 0, sizeof(got));
    eca_ecr_get(ecr, query, on_login, NULL, &request);
    ck_assert(!got.done); /* never inside the call */
    ck_assert(manual_clock_run_until(&world.clock, &got.done, 60000));
    ck_assert_uint_eq(got.times, 1);
}

/* An answer with a token for "AWS:<password>" that lives life_s seconds (0: no expiresAt). */
static void expect_token_at(const char *url, const char *password, int64_t life_s)
{
    eca_auto_buf struct eca_buf plain = {0}, token = {0}, body = {0};

    eca_buf_addf(&plain, "AWS:%s", password);
    eca_base64(plain.at, plain.len, false, &token);
    eca_buf_addf(&body,
                 "{\"authorizationData\":[{\"authorizationToken\":\"%s\",\"proxyEndpoint\":"
                 "\"https://" REGISTRY "\"",
                 eca_buf_str(&token));
    if (life_s != 0) {
        eca_buf_addf(&body, ",\"expiresAt\":%lld.75",
                     (long long)(eca_sched_wall_ms(world.clock.sched) / 1000 + life_s));
    }
    eca_buf_add_str(&body, "}]}");
    script_http_expect(
        world.http, (struct script_answer){.url = url, .status = 200, .body = eca_buf_str(&body)});
}

static void expect_token(const char *password, int64_t life_s)
{
    expect_token_at(ECR_URL, password, life_s);
}

/* ECR-103, ECR-104, ECR-105, ECR-107, ECR-109, ECR-106 */
START_TEST(a_login_is_fetched)
{
    const struct eca_ecr_query query = query_of("111122223333");
    const struct script_request *sent;

    expect_token("pass:word", 43200);
    get(&query);
    ck_assert(got.ok && !got.from_cache);
    ck_assert_str_eq(got.username, "AWS");
    ck_assert_str_eq(got.password, "pass:word");
    ck_assert_str_eq(got.server, "https://" REGISTRY);
    sent = script_http_last(world.http);
    ck_assert_str_eq(sent->body, "{\"registryIds\":[\"111122223333\"]}");
    ck_assert_str_eq(script_request_header(sent, "X-Amz-Target"),
                     "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken");
    ck_assert_ptr_nonnull(
        strstr(script_request_header(sent, "Authorization"), "/us-west-2/ecr/aws4_request"));
    ck_assert_uint_eq(sent->total_ms, 5000);
    ck_assert(!world_logged(&world, "pass:word"));
}
END_TEST

/* ECR-103: one element also when empty */
START_TEST(an_empty_registry_id_is_sent)
{
    const struct eca_ecr_query query = query_of(NULL);

    expect_token("p", 43200);
    get(&query);
    ck_assert_str_eq(script_http_last(world.http)->body, "{\"registryIds\":[\"\"]}");
}
END_TEST

/* ECR-104 */
START_TEST(the_endpoint_is_built_or_overridden)
{
    static const struct {
        const char *region, *endpoint, *url;
    } cases[] = {
        {"eu-west-1", NULL, "https://ecr.eu-west-1.amazonaws.com/"},
        {"cn-north-1", "", "https://ecr.cn-north-1.amazonaws.com.cn/"},
        {"cn-x-9", "", "https://ecr.cn-x-9.amazonaws.com.cn/"},
        {"r", "host:1", "https://host:1/"},
        {"r", "http://host", "http://host/"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct eca_ecr_query query = query_of("1");
        query.region = cases[i].region;
        query.endpoint = cases[i].endpoint;
        script_http_expect(world.http, (struct script_answer){.url = cases[i].url,
                                                              .status = 400,
                                                              .body = "{\"__type\":\"X\"}"});
        get(&query);
        ck_assert(!got.ok);
    }
    {
        struct eca_ecr_query query = query_of("1");
        query.region = "";
        get(&query);
        ck_assert_str_eq(got.err.msg, "MissingRegion: could not find region configuration");
    }
}
END_TEST

/* ECR-107, ECR-108, ECR-109, ECR-112 */
START_TEST(a_useless_answer_is_told)
{
#define DATA(members) "{\"authorizationData\":[{" members "}]}"
#define PROXY "\"proxyEndpoint\":\"https://" REGISTRY "\""
    static const struct {
        int status;
        const char *body, *text;
    } cases[] = {
        {200, "{}", "Unexpected number of results in AuthorizationData (0)"},
        {200, "{\"authorizationData\":[]}", "AuthorizationData (0)"},
        {200, "{\"authorizationData\":[{},{}]}", "AuthorizationData (2)"},
        {200, "{\"authorizationData\":\"x\"}", "AuthorizationData (0)"},
        {200, DATA(PROXY), "No AuthorizationToken found for " REGISTRY "/app:1"},
        {200, DATA("\"authorizationToken\":\"QTpC\""), "No AuthorizationToken found"},
        {200,
         DATA("\"authorizationToken\":\"QTpC\",\"proxyEndpoint\":\"https://111122223333.dkr\""),
         "No AuthorizationToken found"}, /* ECR-108: no boundary there */
        {200, DATA("\"authorizationToken\":\"***\"," PROXY), "no base64"},
        {200, DATA("\"authorizationToken\":\"QUJD\"," PROXY), "no ':'"},
        {200, "nonsense", "SerializationError"},
        {400, "{\"__type\":\"RepositoryException\",\"message\":\"m\"}",
         "RepositoryException: m status code: 400"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        const struct eca_ecr_query query = query_of("1");
        script_http_expect(world.http, (struct script_answer){.url = ECR_URL,
                                                              .status = cases[i].status,
                                                              .body = cases[i].body});
        get(&query);
        ck_assert_msg(!got.ok && strstr(got.err.msg, cases[i].text) != NULL, "case %zu: %s", i,
                      got.err.msg);
        ck_assert_uint_eq(script_http_pending(world.http), 0);
    }
}
END_TEST

/* ECR-106, ECR-112 */
START_TEST(an_outage_is_retried_and_told)
{
    const struct eca_ecr_query query = query_of("1");

    script_http_expect(world.http, (struct script_answer){.times = 4, .status = 500});
    get(&query);
    ck_assert_int_eq(got.err.code, ECA_E_TRANSIENT);
    ck_assert_uint_eq(script_http_count(world.http), 4);
    script_http_expect(world.http, (struct script_answer){.error = ECA_E_TRANSIENT});
    expect_token("p", 43200);
    get(&query);
    ck_assert(got.ok);
}
END_TEST

/* ECR-110, ECR-111: reused until 90..30 min before its end */
START_TEST(a_token_is_cached_until_near_its_end)
{
    const struct eca_ecr_query query = query_of("1");

    expect_token("one", 43200);
    get(&query);
    manual_clock_advance_ms(&world.clock, (43200 - 91 * 60) * UINT64_C(1000));
    get(&query);
    ck_assert(got.from_cache);
    ck_assert_str_eq(got.password, "one");
    manual_clock_advance_ms(&world.clock, 61 * 60 * 1000);
    expect_token("two", 43200);
    get(&query);
    ck_assert_str_eq(got.password, "two");
    ck_assert(!got.from_cache);
}
END_TEST

/* ECR-111: the random part is drawn at every check */
START_TEST(the_margin_is_random)
{
    const struct eca_ecr_query query = query_of("1");
    size_t cached = 0, fetched = 0;

    world.entropy.state = 99;
    for (int i = 0; i < 40; i++) {
        script_http_forget(world.http);
        expect_token("p", 60 * 60); /* one hour: inside the random zone */
        get(&query);
        cached += got.from_cache;
        fetched += !got.from_cache;
    }
    ck_assert_uint_gt(cached, 5);
    ck_assert_uint_gt(fetched, 5);
}
END_TEST

/* ECR-110, ECR-111 */
START_TEST(without_expiry_or_after_twelve_hours_it_is_fetched_again)
{
    const struct eca_ecr_query query = query_of("1");

    expect_token("one", 0);
    get(&query);
    expect_token("two", 100 * 3600);
    get(&query);
    ck_assert_str_eq(got.password, "two");
    manual_clock_advance_ms(&world.clock, 12 * 3600 * UINT64_C(1000));
    expect_token("three", 43200);
    get(&query);
    ck_assert_str_eq(got.password, "three");
}
END_TEST

/* ECR-110: least recently used goes; one entry per registry */
START_TEST(the_cache_is_bounded)
{
    static const char *const order[] = {"1", "2", "3", "1", "4"};
    struct eca_ecr_query query;

    for (size_t i = 0; i < ECA_ARRAY_LEN(order); i++) {
        query = query_of(order[i]);
        if (i != 3) {
            expect_token("p", 43200);
        }
        get(&query);
        ck_assert(got.from_cache == (i == 3));
    }
    query = query_of("1");
    get(&query);
    ck_assert(got.from_cache);
    query = query_of("2"); /* evicted by 4 */
    expect_token("p", 43200);
    get(&query);
    ck_assert(!got.from_cache);
}
END_TEST

/* ECR-102: each region and endpoint has its own tokens, for the life of the process. */
START_TEST(regions_and_endpoints_do_not_share_tokens)
{
    static const struct {
        const char *region, *endpoint, *url, *password; /* url NULL: from the cache */
    } steps[] = {
        {"us-west-2", NULL, ECR_URL, "here"},
        {"eu-west-1", NULL, "https://ecr.eu-west-1.amazonaws.com/", "there"},
        {"us-west-2", "https://mine/", "https://mine/", "mine"},
        {"eu-west-1", "https://mine/", "https://mine/", "mine-too"},
        {"us-west-2", NULL, NULL, "here"},
        {"eu-west-1", "", NULL, "there"},
        {"us-west-2", "https://mine/", NULL, "mine"},
        {"eu-west-1", "https://mine/", NULL, "mine-too"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(steps); i++) {
        struct eca_ecr_query query = query_of("1");

        query.region = steps[i].region;
        query.endpoint = steps[i].endpoint;
        if (steps[i].url != NULL) {
            expect_token_at(steps[i].url, steps[i].password, 43200);
        }
        get(&query);
        ck_assert_msg(got.ok, "%zu: %s", i, got.err.msg);
        ck_assert(got.from_cache == (steps[i].url == NULL));
        ck_assert_str_eq(got.password, steps[i].password);
        ck_assert_uint_eq(script_http_pending(world.http), 0);
    }
}
END_TEST

/* ECR-110: looked up before the image check, cached even if that fails */
START_TEST(a_token_for_another_image_is_kept)
{
    struct eca_ecr_query query = query_of("1");

    query.image = "other.registry/app";
    expect_token("p", 43200);
    get(&query);
    ck_assert(!got.ok);
    get(&query);
    ck_assert(!got.ok); /* no request */
    query.image = REGISTRY "/app";
    get(&query);
    ck_assert(got.ok && got.from_cache);
    query.image = REGISTRY ".evil/app";
    get(&query);
    ck_assert(!got.ok);
}
END_TEST

/* ECR-113 */
START_TEST(a_refused_login_is_forgotten)
{
    const struct eca_ecr_query query = query_of("1");
    struct eca_ecr_query unknown = query_of("9");

    expect_token("one", 43200);
    get(&query);
    eca_ecr_forget(ecr, &query);
    eca_ecr_forget(ecr, &unknown);
    unknown.region = "nowhere";
    eca_ecr_forget(ecr, &unknown);
    expect_token("two", 43200);
    get(&query);
    ck_assert_str_eq(got.password, "two");
}
END_TEST

START_TEST(a_canceled_request_hears_nothing)
{
    const struct eca_ecr_query query = query_of("1");
    struct eca_ecr_request *request;

    script_http_expect(world.http, (struct script_answer){.times = SCRIPT_FOREVER, .silent = true});
    eca_ecr_get(ecr, &query, on_login, NULL, &request);
    eca_ecr_cancel(request);
    eca_ecr_get(ecr, &query, on_login, NULL, &request);
    manual_clock_advance_ms(&world.clock, 1000);
    eca_ecr_cancel(request);
    eca_ecr_cancel(NULL);
    manual_clock_advance_ms(&world.clock, 60000);
    ck_assert(!got.done);
    eca_ecr_get(ecr, &query, on_login, NULL, &request); /* ended by teardown */
    manual_clock_advance_ms(&world.clock, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ecr");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_login_is_fetched);
    tcase_add_test(tcase, an_empty_registry_id_is_sent);
    tcase_add_test(tcase, the_endpoint_is_built_or_overridden);
    tcase_add_test(tcase, a_useless_answer_is_told);
    tcase_add_test(tcase, an_outage_is_retried_and_told);
    tcase_add_test(tcase, a_token_is_cached_until_near_its_end);
    tcase_add_test(tcase, the_margin_is_random);
    tcase_add_test(tcase, without_expiry_or_after_twelve_hours_it_is_fetched_again);
    tcase_add_test(tcase, the_cache_is_bounded);
    tcase_add_test(tcase, regions_and_endpoints_do_not_share_tokens);
    tcase_add_test(tcase, a_token_for_another_image_is_kept);
    tcase_add_test(tcase, a_refused_login_is_forgotten);
    tcase_add_test(tcase, a_canceled_request_hears_nothing);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
