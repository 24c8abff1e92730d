#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/ports/contract.h"

/* The http port (agent/ports/http.h). */

enum step { NEVER, AT_HEAD, AT_BODY, AT_END };

/* One exchange, what was told about it, and where to cancel it. */
struct talk {
    struct eca_http_call *call;
    enum step cancel_at;
    bool canceled, started, done;
    bool any; /* head, body or end */
    size_t heads, ends;
    int status;
    struct eca_buf body, names;
    struct eca_http_end end;
    uint64_t since_ms, took_ms;
};

static void cancel(struct talk *talk)
{
    talk->canceled = true;
    eca_http_cancel(contract.stage.http, talk->call);
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct talk *talk = arg;

    ck_assert_msg(talk->started, "a callback inside start");
    ck_assert_msg(!talk->canceled, "head after cancel");
    talk->any = true;
    talk->heads++;
    talk->status = head->status;
    for (size_t i = 0; i < head->header_count; i++) {
        eca_buf_addf(&talk->names, "%s: %s\n", head->headers[i].name, head->headers[i].value);
    }
    if (talk->cancel_at == AT_HEAD) {
        cancel(talk);
    }
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct talk *talk = arg;

    ck_assert_msg(!talk->canceled, "body after cancel");
    ck_assert_uint_eq(talk->heads, 1);
    eca_buf_add_view(&talk->body, bytes);
    if (talk->cancel_at == AT_BODY) {
        cancel(talk);
    }
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct talk *talk = arg;

    ck_assert_msg(talk->started, "the end inside start");
    ck_assert_msg(!talk->canceled, "end after cancel");
    ck_assert_msg(talk->ends == 0, "the end came twice");
    talk->any = true;
    talk->ends++;
    talk->end = *end;
    talk->took_ms = contract_now_ms() - talk->since_ms;
    talk->done = true;
    if (talk->cancel_at == AT_END) {
        eca_http_cancel(contract.stage.http, talk->call); /* allowed, nothing to do */
    }
}

static const struct eca_http_events events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end};

static const char *url_of(const char *path)
{
    static char url[256];

    (void)snprintf(url, sizeof(url), "%s%s", contract.http, path);
    return url;
}

static int try_start(struct talk *talk, const struct eca_http_opts *opts)
{
    struct eca_err err = {0};
    int rc;

    memset(talk, 0, sizeof(*talk));
    talk->since_ms = contract_now_ms();
    rc = eca_http_start(contract.stage.http, opts, &events, talk, &talk->call, &err);
    ck_assert_msg(rc == 0 || err.code == rc, "%d %s", rc, err.msg);
    ck_assert(!talk->any);
    talk->started = true;
    return rc;
}

static void start(struct talk *talk, const struct eca_http_opts *opts)
{
    struct eca_http_opts whole = *opts;

    whole.method = opts->method == NULL ? "GET" : opts->method;
    whole.party = "word";
    if (contract.rig->over_unix && whole.unix_socket == NULL) {
        bool nobody = strstr(whole.url, contract.nobody) != NULL;

        whole.unix_socket = nobody ? contract.no_unix_socket : contract.unix_socket;
    }
    ck_assert_int_eq(try_start(talk, &whole), 0);
}

static void finish(struct talk *talk)
{
    contract_until(&talk->done, "the end of an exchange");
}

static void run(struct talk *talk, const char *path, struct eca_http_opts opts)
{
    opts.url = url_of(path);
    start(talk, &opts);
    finish(talk);
}

static void talk_clear(struct talk *talk)
{
    eca_buf_clear(&talk->body);
    eca_buf_clear(&talk->names);
}

/* took_ms is `ms` as exactly as the rig can tell */
static void took(const struct talk *talk, uint64_t ms)
{
    ck_assert_msg(talk->took_ms >= ms && talk->took_ms <= ms + contract_slack_ms(),
                  "%llu ms instead of %llu", (unsigned long long)talk->took_ms,
                  (unsigned long long)ms);
}

START_TEST(a_whole_answer)
{
    struct talk talk;

    run(&talk, "/word?a=b%20c&d", (struct eca_http_opts){.total_ms = 5000});
    ck_assert_int_eq(talk.end.err.code, ECA_OK);
    ck_assert(talk.end.sent);
    ck_assert_int_eq(talk.status, 200);
    ck_assert_int_eq(talk.end.status, 200);
    ck_assert_uint_eq(talk.end.body_bytes, 6);
    ck_assert_str_eq(eca_buf_str(&talk.body), "a word");
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&talk.names), "content-type: text/plain\n"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&talk.names), "x-amzn-requestid: r-1\n"));
    ck_assert_str_eq(eca_buf_str(&contract.target), "GET /word?a=b%20c&d");
    talk_clear(&talk);
}
END_TEST

/* Nothing but the headers that the caller reads is handed out: so a recording holds nothing else.
 */
START_TEST(only_the_headers_that_are_read)
{
    static const char *const one[] = {"x-amzn-requestid", NULL}, *const none[] = {NULL};
    struct talk talk;

    run(&talk, "/word", (struct eca_http_opts){.total_ms = 5000, .answer_headers = one});
    ck_assert_int_eq(talk.end.err.code, ECA_OK);
    ck_assert_str_eq(eca_buf_str(&talk.names), "x-amzn-requestid: r-1\n");
    talk_clear(&talk);
    run(&talk, "/word", (struct eca_http_opts){.total_ms = 5000, .answer_headers = none});
    ck_assert_int_eq(talk.status, 200);
    ck_assert_uint_eq(talk.names.len, 0);
    ck_assert_str_eq(eca_buf_str(&talk.body), "a word");
    talk_clear(&talk);
}
END_TEST

/* API-103, DKR-103: what leaves is what was asked for, nothing decoded, nothing added but framing.
 */
START_TEST(the_request_arrives_as_it_was_given)
{
    static const struct eca_http_header headers[] = {
        {"X-Amz-Target", "Op"}, {"Authorization", "AWS4 x=y, z"}, {"X-Empty", ""}};
    static const struct {
        const char *method;
        struct eca_view body;
        const char *length; /* header line, NULL = must not be there */
    } rows[] = {
        {"GET", {0}, NULL},
        {"DELETE", {0}, NULL},
        {"POST", {"with \0 inside", 13}, "content-length: 13\n"},
        {"POST", {"", 0}, "content-length: 0\n"},
        {"PUT", {"x", 1}, "content-length: 1\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct talk talk;
        const char *heads;

        run(&talk, "/word/%2F/../x",
            (struct eca_http_opts){.method = rows[i].method,
                                   .headers = headers,
                                   .header_count = 3,
                                   .body = rows[i].body,
                                   .total_ms = 5000});
        ck_assert_msg(talk.end.err.code == ECA_OK, "row %zu: %s", i, talk.end.err.msg);
        heads = eca_buf_str(&contract.heads);
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&contract.target), " /word/%2F/../x"));
        ck_assert_ptr_nonnull(strstr(heads, "x-amz-target: Op\n"));
        ck_assert_ptr_nonnull(strstr(heads, "authorization: AWS4 x=y, z\n"));
        ck_assert_ptr_nonnull(strstr(heads, "x-empty: \n"));
        contract_expect_host(contract.http + strlen("http://"));
        if (rows[i].length == NULL) {
            ck_assert_msg(strstr(heads, "content-length") == NULL, "row %zu: %s", i, heads);
        } else {
            ck_assert_msg(strstr(heads, rows[i].length) != NULL, "row %zu: %s", i, heads);
        }
        ck_assert_msg(strstr(heads, "content-type") == NULL, "row %zu: %s", i, heads);
        ck_assert_msg(strstr(heads, "expect") == NULL, "row %zu: %s", i, heads);
        ck_assert_uint_eq(contract.body.len, rows[i].body.len);
        ck_assert(rows[i].body.len == 0 ||
                  memcmp(contract.body.at, rows[i].body.at, rows[i].body.len) == 0);
        talk_clear(&talk);
    }
}
END_TEST

START_TEST(nobody_listens_is_nothing_sent)
{
    struct talk talk;
    char url[96];

    (void)snprintf(url, sizeof(url), "http://%s/word", contract.nobody);
    start(&talk, &(struct eca_http_opts){.url = url, .total_ms = 5000});
    finish(&talk);
    ck_assert_int_eq(talk.end.err.code, ECA_E_TRANSIENT);
    ck_assert(!talk.end.sent);
    ck_assert_uint_eq(talk.heads, 0);
    ck_assert_int_eq(talk.end.status, 0);
    ck_assert(talk.end.err.msg[0] != '\0');
    talk_clear(&talk);
}
END_TEST

/* DKR-101 */
START_TEST(a_unix_socket_is_reached_by_its_path)
{
    struct talk talk;
    struct eca_http_opts opts = {
        .url = "http://docker/v1.24/info", .unix_socket = contract.unix_socket, .total_ms = 5000};

    start(&talk, &opts);
    finish(&talk);
    ck_assert_int_eq(talk.end.err.code, ECA_OK);
    ck_assert_str_eq(eca_buf_str(&contract.target), "GET /v1.24/info");
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&contract.heads), "host: docker\n"));
    talk_clear(&talk);
    opts.unix_socket = contract.no_unix_socket;
    start(&talk, &opts);
    finish(&talk);
    ck_assert_int_eq(talk.end.err.code, ECA_E_TRANSIENT);
    ck_assert(!talk.end.sent);
    talk_clear(&talk);
}
END_TEST

/* FB-INV.5, FB-04.2: no call outlives its deadline, wherever the peer stops. */
START_TEST(the_total_deadline_ends_every_kind_of_silence)
{
    static const char *const paths[] = {"/hang", "/quiet", "/trickle?ms=100"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct talk talk;

        run(&talk, paths[i], (struct eca_http_opts){.total_ms = 5000, .idle_ms = 60000});
        ck_assert_msg(talk.end.err.code == ECA_E_TIMEOUT, "%s: %d %s", paths[i],
                      (int)talk.end.err.code, talk.end.err.msg);
        ck_assert(talk.end.sent);
        ck_assert_int_eq(talk.end.status, i == 0 ? 0 : 200);
        took(&talk, 5000);
        contract_advance_ms(1000);
        ck_assert_uint_eq(contract.gone, i + 1); /* the connection is given up, not kept */
        talk_clear(&talk);
    }
}
END_TEST

START_TEST(the_idle_deadline_counts_from_the_latest_byte)
{
    struct talk talk;

    run(&talk, "/hang", (struct eca_http_opts){.idle_ms = 3000});
    ck_assert_int_eq(talk.end.err.code, ECA_E_TIMEOUT);
    took(&talk, 3000);
    talk_clear(&talk);
    start(&talk, &(struct eca_http_opts){.url = url_of("/trickle?ms=2000"), .idle_ms = 3000});
    contract_advance_ms(61000);
    ck_assert(!talk.done);
    ck_assert_uint_ge(talk.body.len, 29);
    eca_timer_stop(&contract.trickle);
    finish(&talk);
    ck_assert_int_eq(talk.end.err.code, ECA_E_TIMEOUT);
    ck_assert_uint_ge(talk.took_ms, 63000);
    ck_assert_uint_le(talk.took_ms, 64000 + 2 * contract_slack_ms());
    talk_clear(&talk);
}
END_TEST

/* DKR-832: the event stream of an idle daemon. */
START_TEST(an_endless_stream_may_be_quiet_for_hours)
{
    struct talk talk;

    start(&talk, &(struct eca_http_opts){.url = url_of("/quiet"), .endless = true});
    contract_advance_ms(1000);
    for (int i = 0; i < 3; i++) {
        contract.stage.clock.mono_ns += UINT64_C(3600000000000);
        contract_advance_ms(10);
    }
    ck_assert(!talk.done);
    fake_exchange_write(contract.held, eca_view_str(" second"));
    contract_advance_ms(100);
    ck_assert_str_eq(eca_buf_str(&talk.body), "first second");
    fake_exchange_end(contract.held);
    contract.held = NULL;
    finish(&talk);
    ck_assert_int_eq(talk.end.err.code, ECA_OK);
    ck_assert_uint_eq(talk.end.body_bytes, 12);
    talk_clear(&talk);
}
END_TEST

/* API-106: never more than the limit, neither in one piece nor in many. */
START_TEST(an_answer_beyond_its_limit_ends)
{
    static const struct {
        const char *path;
        uint64_t limit;
        enum eca_code code;
    } rows[] = {
        {"/bytes?n=50000", 50000, ECA_OK},
        {"/bytes?n=50001", 50000, ECA_E_LIMIT},
        {"/bytes?n=3000000", 50000, ECA_E_LIMIT},
        {"/bytes?n=3000000", 0, ECA_OK},
        {"/word", 5, ECA_E_LIMIT},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct talk talk;

        run(&talk, rows[i].path,
            (struct eca_http_opts){.total_ms = 60000, .body_bytes_max = rows[i].limit});
        ck_assert_msg(talk.end.err.code == rows[i].code, "row %zu: %d %s", i,
                      (int)talk.end.err.code, talk.end.err.msg);
        ck_assert_int_eq(talk.end.status, 200);
        if (rows[i].limit > 0) {
            ck_assert_uint_le(talk.body.len, rows[i].limit);
        }
        if (rows[i].code == ECA_OK) {
            ck_assert_uint_eq(talk.body.len, talk.end.body_bytes);
        }
        talk_clear(&talk);
    }
}
END_TEST

START_TEST(after_cancel_nothing_is_told)
{
    static const enum step steps[] = {NEVER, AT_HEAD, AT_BODY, AT_END};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct talk talk;

        start(&talk, &(struct eca_http_opts){.url = url_of("/word"), .total_ms = 5000});
        talk.cancel_at = steps[i];
        if (steps[i] == NEVER) {
            cancel(&talk); /* before anything was sent */
        }
        contract_advance_ms(10000);
        ck_assert_msg(talk.canceled || steps[i] == AT_END, "step %zu was never reached", i);
        ck_assert_uint_eq(talk.ends, steps[i] == AT_END ? 1 : 0);
        talk_clear(&talk);
    }
}
END_TEST

START_TEST(a_canceled_stream_is_closed)
{
    struct talk talk;

    start(&talk, &(struct eca_http_opts){.url = url_of("/quiet"), .endless = true});
    contract_advance_ms(100);
    ck_assert_uint_eq(talk.heads, 1);
    cancel(&talk);
    contract_advance_ms(100);
    ck_assert_uint_eq(contract.gone, 1);
    ck_assert_uint_eq(talk.ends, 0);
    talk_clear(&talk);
}
END_TEST

/* DKR-112: sent, outcome unknown, is neither failure nor success. */
START_TEST(a_cut_before_or_in_the_answer_is_ambiguous)
{
    struct talk talk;

    start(&talk, &(struct eca_http_opts){.url = url_of("/hang"), .total_ms = 5000});
    contract_advance_ms(100);
    fake_exchange_reset(eca_take(contract.held));
    finish(&talk);
    ck_assert_int_eq(talk.end.err.code, ECA_E_AMBIGUOUS);
    ck_assert(talk.end.sent);
    ck_assert_int_eq(talk.end.status, 0);
    talk_clear(&talk);
    start(&talk, &(struct eca_http_opts){.url = url_of("/quiet"), .total_ms = 5000});
    contract_advance_ms(100);
    fake_exchange_reset(eca_take(contract.held));
    finish(&talk);
    ck_assert_int_eq(talk.end.err.code, ECA_E_AMBIGUOUS);
    ck_assert_int_eq(talk.end.status, 200);
    ck_assert_str_eq(eca_buf_str(&talk.body), "first");
    talk_clear(&talk);
}
END_TEST

/* API-104: a redirect is an answer like any other. */
START_TEST(every_status_is_an_answer)
{
    static const int statuses[] = {201, 204, 301, 302, 304, 307, 400, 401, 404, 409, 500, 503};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct talk talk;
        char path[32];

        (void)snprintf(path, sizeof(path), "/status?n=%d", statuses[i]);
        run(&talk, path, (struct eca_http_opts){.total_ms = 5000});
        ck_assert_msg(talk.end.err.code == ECA_OK, "%d: %s", statuses[i], talk.end.err.msg);
        ck_assert_int_eq(talk.end.status, statuses[i]);
        ck_assert_uint_eq(talk.body.len, 0);
        talk_clear(&talk);
    }
    ck_assert_uint_eq(contract.requests, sizeof(statuses) / sizeof(statuses[0]));
}
END_TEST

START_TEST(options_that_cannot_be_served_are_refused_at_once)
{
    struct eca_http_header many[ECA_HTTP_HEADERS_MAX + 1];
    const struct eca_http_opts rows[] = {
        {.method = "GET", .url = url_of("/word")}, /* no deadline at all */
        {.method = "GET", .url = NULL, .total_ms = 1},
        {.method = "GET", .url = "", .total_ms = 1},
        {.method = "GET", .url = "word.test/x", .total_ms = 1},
        {.method = "GET", .url = "ftp://word.test/x", .total_ms = 1},
        {.method = "GET",
         .url = url_of("/word"),
         .total_ms = 1,
         .headers = many,
         .header_count = ECA_HTTP_HEADERS_MAX + 1},
    };

    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
        many[i] = (struct eca_http_header){"a", "b"};
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct talk talk;

        ck_assert_msg(try_start(&talk, &rows[i]) == ECA_E_INVALID, "row %zu", i);
        contract_advance_ms(1000);
        ck_assert(!talk.any);
    }
    ck_assert_uint_eq(contract.requests, 0);
}
END_TEST

/* FB-08: one peer's silence is nobody else's trouble. */
START_TEST(many_calls_wait_and_another_one_is_served)
{
    enum { MANY = 60 };
    struct talk silent[MANY], quick;

    for (size_t i = 0; i < MANY; i++) {
        start(&silent[i], &(struct eca_http_opts){.url = url_of("/hang"), .total_ms = 5000});
    }
    contract_advance_ms(100);
    ck_assert_uint_eq(contract.requests, MANY);
    run(&quick, "/word", (struct eca_http_opts){.total_ms = 1000});
    ck_assert_int_eq(quick.end.err.code, ECA_OK);
    talk_clear(&quick);
    for (size_t i = 0; i < MANY; i++) {
        finish(&silent[i]);
        ck_assert_int_eq(silent[i].end.err.code, ECA_E_TIMEOUT);
        took(&silent[i], 5000);
        talk_clear(&silent[i]);
    }
}
END_TEST

/* DKR-112: a request leaves once, also when the kept connection is cut under it; the next call goes
 * through a new one. */
START_TEST(a_call_is_one_request_at_most)
{
    for (int i = 0; i < 20; i++) {
        struct talk talk;

        run(&talk, "/word", (struct eca_http_opts){.total_ms = 5000});
        ck_assert_int_eq(talk.end.err.code, ECA_OK);
        talk_clear(&talk);
        if (i % 2 == 0) {
            start(&talk, &(struct eca_http_opts){.url = url_of("/hang"), .total_ms = 5000});
            contract_advance_ms(100);
            fake_exchange_reset(eca_take(contract.held));
            finish(&talk);
            ck_assert_int_eq(talk.end.err.code, ECA_E_AMBIGUOUS);
            ck_assert(talk.end.sent);
            talk_clear(&talk);
        }
    }
    ck_assert_uint_eq(contract.requests, 30);
}
END_TEST

void contract_http_add(Suite *suite)
{
    TCase *tcase = tcase_create("http port");

    tcase_add_checked_fixture(tcase, contract_open, contract_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_whole_answer);
    tcase_add_test(tcase, only_the_headers_that_are_read);
    tcase_add_test(tcase, the_request_arrives_as_it_was_given);
    tcase_add_test(tcase, nobody_listens_is_nothing_sent);
    tcase_add_test(tcase, a_unix_socket_is_reached_by_its_path);
    tcase_add_test(tcase, the_total_deadline_ends_every_kind_of_silence);
    tcase_add_test(tcase, the_idle_deadline_counts_from_the_latest_byte);
    tcase_add_test(tcase, an_endless_stream_may_be_quiet_for_hours);
    tcase_add_test(tcase, an_answer_beyond_its_limit_ends);
    tcase_add_test(tcase, after_cancel_nothing_is_told);
    tcase_add_test(tcase, a_canceled_stream_is_closed);
    tcase_add_test(tcase, a_cut_before_or_in_the_answer_is_ambiguous);
    tcase_add_test(tcase, every_status_is_an_answer);
    tcase_add_test(tcase, options_that_cannot_be_served_are_refused_at_once);
    tcase_add_test(tcase, many_calls_wait_and_another_one_is_served);
    tcase_add_test(tcase, a_call_is_one_request_at_most);
    suite_add_tcase(suite, tcase);
}
