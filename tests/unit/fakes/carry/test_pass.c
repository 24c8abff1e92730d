#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/pass.h"
#include "tests/unit/fakes/stage.h"

#define HEADERS 30

/* The far stage has a service of the test's own; what comes to party "near" is passed on to it. */
static struct stage near_, far;
static struct fake_passes *passes;
static struct fake_exchange *held; /* the far service's */
static struct eca_buf seen;        /* what it saw */
static size_t befores, afters, left;

static void on_far(void *arg, struct fake_exchange *exchange)
{
    const struct fake_request *request = fake_exchange_request(exchange);

    (void)arg;
    held = exchange;
    eca_buf_addf(&seen, "%s %s", request->method, request->target);
    for (size_t i = 0; i < request->header_count; i++) {
        if (strncmp(request->headers[i].name, "x-", 2) == 0 ||
            strcmp(request->headers[i].name, "te") == 0) {
            eca_buf_addf(&seen, " %s=%s", request->headers[i].name, request->headers[i].value);
        }
    }
    eca_buf_add_char(&seen, ' ');
    eca_buf_add_view(&seen, request->body);
}

static void on_near(void *arg, struct fake_exchange *exchange)
{
    eca_auto_free char *url =
        eca_xasprintf("http://%s%s", (const char *)arg, fake_exchange_request(exchange)->target);

    fake_pass(passes, exchange, &(struct fake_pass_to){.url = url, .party = "far"});
}

static void before(void *arg)
{
    (void)arg;
    befores++;
}

static void after(void *arg)
{
    (void)arg;
    afters++;
}

static void on_gone(void *arg)
{
    (void)arg;
    left++;
}

static void setup(void)
{
    static char host[] = "far", other[] = "no url";
    struct fake_service far_service = {.party = "far", .on_request = on_far};
    struct fake_service near_service = {.party = "near", .on_request = on_near, .arg = host};
    struct fake_service nowhere = {.party = "nowhere", .on_request = on_near, .arg = other};

    stage_open(&near_);
    memset(&far, 0, sizeof(far));
    far.base = near_.base;
    far.base.trace = fake_trace_new(far.base.sched);
    far.base.hub = fake_hub_new(far.base.sched, far.base.entropy, far.base.trace);
    far.memory = fake_memory_new(far.base.hub, far.base.sched, far.base.entropy);
    fake_memory_map(far.memory, "far", "far");
    fake_memory_map(near_.memory, "near", "near");
    fake_memory_map(near_.memory, "nowhere", "nowhere");
    fake_hub_add(far.base.hub, &far_service);
    fake_hub_add(near_.base.hub, &near_service);
    fake_hub_add(near_.base.hub, &nowhere);
    held = NULL;
    befores = afters = left = 0;
    passes = fake_passes_new(&(struct fake_passes_opts){
        .http = fake_memory_http(far.memory), .before = before, .after = after});
}

static void teardown(void)
{
    stage_drop_carrier(&near_);
    fake_passes_free(passes);
    fake_memory_free(far.memory);
    fake_hub_free(far.base.hub);
    fake_trace_free(far.base.trace);
    eca_buf_clear(&seen);
    stage_close(&near_);
}

static void ask(struct client *client, const char *url)
{
    struct ask question = {.method = "POST",
                           .url = url,
                           .headers = {{"X-Own", "1"}, {"TE", "trailers"}},
                           .header_count = 2,
                           .body = "question",
                           .total_ms = 60000};

    client_start(client, &near_, &question);
    manual_clock_advance_ms(&near_.clock, 10);
}

START_TEST(a_request_passes_without_what_belongs_to_its_connection)
{
    struct client client;

    ask(&client, "http://near/a?b=c");
    ck_assert_str_eq(eca_buf_str(&seen), "POST /a?b=c x-own=1 question");
    ck_assert_uint_eq(fake_passes_open(passes), 1);
    fake_exchange_reply(held, 418, "text/plain", eca_view_str("answer"));
    manual_clock_advance_ms(&near_.clock, 10);
    ck_assert_int_eq(client.status, 418);
    ck_assert_str_eq(eca_buf_str(&client.body), "answer");
    ck_assert_uint_eq(fake_passes_open(passes), 0);
    ck_assert_uint_eq(befores, 1); /* the start; an answer is the peer's doing */
    ck_assert_uint_eq(afters, 1);
    client_clear(&client);
}
END_TEST

/* Services of others answer with more headers than the fakes do. */
START_TEST(an_answer_with_many_headers_passes)
{
    struct client client;

    ask(&client, "http://near/");
    for (unsigned i = 0; i < HEADERS; i++) {
        eca_auto_free char *name = eca_xasprintf("x-header-%u", i);

        fake_exchange_header(held, name, "value");
    }
    fake_exchange_reply(held, 200, "text/plain", eca_view_str("answer"));
    manual_clock_advance_ms(&near_.clock, 10);
    ck_assert(client.done);
    ck_assert_int_eq(client.end.err.code, ECA_OK);
    ck_assert_str_eq(eca_buf_str(&client.body), "answer");
    client_clear(&client);
}
END_TEST

START_TEST(pieces_of_a_stream_pass_as_they_come_and_a_cut_is_a_cut)
{
    struct client client;

    ask(&client, "http://near/");
    fake_exchange_begin(held, 200, "text/plain");
    fake_exchange_write(held, eca_view_str("one"));
    manual_clock_advance_ms(&near_.clock, 10);
    ck_assert_str_eq(eca_buf_str(&client.body), "one");
    ck_assert(!client.done);
    fake_exchange_reset(held);
    manual_clock_advance_ms(&near_.clock, 10);
    ck_assert(client.done);
    ck_assert_int_ne(client.end.err.code, ECA_OK);
    client_clear(&client);
}
END_TEST

START_TEST(a_client_that_leaves_cancels_the_call)
{
    struct client client;

    ask(&client, "http://near/");
    fake_exchange_on_gone(held, on_gone, NULL);
    eca_http_cancel(near_.http, client.call);
    client.call = NULL;
    manual_clock_advance_ms(&near_.clock, 10);
    ck_assert_uint_eq(left, 1);
    ck_assert_uint_eq(fake_passes_open(passes), 0);
    ck_assert_uint_eq(befores, 2);
    ck_assert_uint_eq(afters, 2);
    client_clear(&client);
}
END_TEST

START_TEST(what_cannot_be_asked_is_answered_502)
{
    struct client client;

    ask(&client, "http://nowhere/");
    ck_assert(client.done);
    ck_assert_int_eq(client.status, 502);
    ck_assert_uint_gt(client.body.len, 0);
    ck_assert_uint_eq(fake_passes_open(passes), 0);
    client_clear(&client);
}
END_TEST

/* Freed with a call under way: nothing is answered any more. */
START_TEST(passes_can_be_freed_at_any_moment)
{
    struct client client;

    ask(&client, "http://near/");
    fake_passes_free(eca_take(passes));
    manual_clock_advance_ms(&near_.clock, 10);
    ck_assert(!client.done);
    fake_hub_remove(near_.base.hub, "near");
    client_clear(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("passing exchanges on");
    TCase *tests = tcase_create("pass");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_request_passes_without_what_belongs_to_its_connection);
    tcase_add_test(tests, an_answer_with_many_headers_passes);
    tcase_add_test(tests, pieces_of_a_stream_pass_as_they_come_and_a_cut_is_a_cut);
    tcase_add_test(tests, a_client_that_leaves_cancels_the_call);
    tcase_add_test(tests, what_cannot_be_asked_is_answered_502);
    tcase_add_test(tests, passes_can_be_freed_at_any_moment);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
