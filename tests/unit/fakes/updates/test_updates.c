#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/updates/updates.h"
#include "tests/unit/fakes/stage.h"

#define AGENT "Amazon ECS Agent - v1.13.1 (*abc) (+http://aws.amazon.com/ecs/)"

static struct stage stage;
static struct fake_updates *updates;
static struct client last;

static void setup(void)
{
    stage_open(&stage);
    updates = fake_updates_new(&stage.base);
    fake_memory_map(stage.memory, FAKE_UPDATES_HOST, "updates");
    memset(&last, 0, sizeof(last));
}

static void teardown(void)
{
    client_clear(&last);
    stage_drop_carrier(&stage);
    fake_updates_free(updates);
    stage_close(&stage);
}

static void start(const char *method, const char *path, const char *user_agent, uint64_t total_ms)
{
    eca_auto_buf struct eca_buf url = {0};
    struct ask ask = {.method = method, .total_ms = total_ms};

    eca_buf_addf(&url, "http://" FAKE_UPDATES_HOST "%s", path);
    ask.url = eca_buf_str(&url);
    if (user_agent != NULL) {
        ask.headers[0] = (struct eca_http_header){"User-Agent", user_agent};
        ask.header_count = 1;
    }
    client_clear(&last);
    client_start(&last, &stage, &ask);
}

static int get(const char *path)
{
    start("GET", path, AGENT, 10000);
    ck_assert(manual_clock_run_until(&stage.clock, &last.done, 20000));
    return last.status;
}

/* WS-313, UPD-120: files below the bucket, with what an update's message says of them. */
START_TEST(files_are_served_below_the_bucket)
{
    fake_updates_add(updates, &(struct fake_updates_file){.name = "a.tar", .content = "hello"});
    fake_updates_add(updates, &(struct fake_updates_file){.name = "big.tar", .size = 100000});
    ck_assert_int_eq(get("/amazon-ecs-agent/a.tar"), 200);
    ck_assert_str_eq(eca_buf_str(&last.body), "hello");
    ck_assert_str_eq(fake_updates_sha256(updates, "a.tar"),
                     "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    ck_assert_int_eq(get("/amazon-ecs-agent/big.tar"), 200);
    ck_assert_uint_eq(last.body.len, 100000);
    ck_assert_int_eq(get("/amazon-ecs-agent/none.tar"), 404);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&last.body), "NoSuchKey"));
    ck_assert_int_eq(get("/other/a.tar"), 404);
    ck_assert_ptr_null(fake_updates_sha256(updates, "none.tar"));
    fake_updates_add(updates, &(struct fake_updates_file){.name = "a.tar", .content = "new"});
    ck_assert_int_eq(get("/amazon-ecs-agent/a.tar"), 200);
    ck_assert_str_eq(eca_buf_str(&last.body), "new");
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_UPDATES, "get", NULL), 5);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_UPDATES, "answered", "\"status\":404"), 2);
}
END_TEST

START_TEST(files_go_wrong_as_told)
{
    fake_updates_add(updates, &(struct fake_updates_file){.name = "away", .redirect = "/x"});
    fake_updates_add(updates,
                     &(struct fake_updates_file){.name = "moved", .redirect = "/y", .status = 307});
    fake_updates_add(updates, &(struct fake_updates_file){
                                  .name = "denied", .content = "<Error/>", .status = 403});
    ck_assert_int_eq(get("/amazon-ecs-agent/away"), 302);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&last.head_text), "location: /x\n"));
    ck_assert_int_eq(get("/amazon-ecs-agent/moved"), 307);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&last.head_text), "location: /y\n"));
    ck_assert_int_eq(get("/amazon-ecs-agent/denied"), 403);
    ck_assert_str_eq(eca_buf_str(&last.body), "<Error/>");
}
END_TEST

START_TEST(bodies_take_their_time_or_stall)
{
    fake_updates_add(updates,
                     &(struct fake_updates_file){.name = "slow", .size = 16000, .takes_ms = 8000});
    fake_updates_add(updates,
                     &(struct fake_updates_file){.name = "stalls", .size = 1000, .stalls = true});
    start("GET", "/amazon-ecs-agent/slow", AGENT, 60000);
    manual_clock_advance_ms(&stage.clock, 4000);
    ck_assert(!last.done);
    ck_assert_uint_gt(last.body.len, 6000);
    ck_assert_uint_lt(last.body.len, 10000);
    /* What is on its way is the file as it was. */
    fake_updates_add(updates, &(struct fake_updates_file){.name = "slow", .content = "new"});
    manual_clock_advance_ms(&stage.clock, 5000);
    ck_assert(last.done);
    ck_assert_uint_eq(last.body.len, 16000);
    start("GET", "/amazon-ecs-agent/stalls", AGENT, 9000);
    manual_clock_advance_ms(&stage.clock, 8000);
    ck_assert(!last.done);
    ck_assert_uint_eq(last.body.len, 500);
    manual_clock_advance_ms(&stage.clock, 2000);
    ck_assert_int_eq(last.end.err.code, ECA_E_TIMEOUT);
}
END_TEST

/* UPD-120 */
START_TEST(the_way_it_is_asked_is_watched)
{
    static const struct {
        const char *method, *user_agent;
    } rows[] = {
        {"GET", NULL},
        {"GET", "curl/7.88.1"},
        {"GET", "Amazon ECS Agent - v1.13.1"},
        {"HEAD", AGENT},
    };

    fake_updates_add(updates, &(struct fake_updates_file){.name = "a.tar", .content = "hello"});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(rows[i].method, "/amazon-ecs-agent/a.tar", rows[i].user_agent, 1000);
        ck_assert(manual_clock_run_until(&stage.clock, &last.done, 2000));
        ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_UPDATES, "violation", "UPD-120"), i + 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake file server of updates");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, files_are_served_below_the_bucket);
    tcase_add_test(tcase, files_go_wrong_as_told);
    tcase_add_test(tcase, bodies_take_their_time_or_stall);
    tcase_add_test(tcase, the_way_it_is_asked_is_watched);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
