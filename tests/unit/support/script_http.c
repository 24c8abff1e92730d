#include "tests/unit/support/script_http.h"

#include <assert.h>
#include <check.h>
#include <string.h>
#include <strings.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"

#define EXPECTATIONS_MAX 256
#define REQUESTS_MAX 4096

struct expectation {
    struct script_answer answer; /* texts owned */
    uint32_t left;
};

struct eca_http_call {
    struct eca_list_node node;
    struct script_http *http;
    size_t index; /* of the request */
    struct expectation *expected;
    const struct eca_http_events *events;
    void *arg;
    struct eca_timer step_timer, deadline_timer;
    uint64_t total_at_ns; /* 0 = none */
    uint64_t idle_ns;     /* 0 = none */
    bool head_done, end_asked;
    enum eca_code end_code;
    struct eca_buf body; /* not handed out yet */
    uint64_t body_bytes;
    bool *gone; /* set while a callback of this call runs */
};

struct script_http {
    struct eca_sched *sched;
    struct expectation expectations[EXPECTATIONS_MAX];
    size_t expectation_count;
    struct script_request *requests[REQUESTS_MAX];
    size_t request_count;
    struct eca_list calls;
    enum eca_code refuse_next;
};

static void call_free(struct eca_http_call *call)
{
    if (call->gone != NULL) {
        *call->gone = true;
    }
    eca_timer_stop(&call->step_timer);
    eca_timer_stop(&call->deadline_timer);
    eca_list_remove(&call->http->calls, &call->node);
    eca_buf_clear(&call->body);
    eca_free(call);
}

static void call_end(struct eca_http_call *call, enum eca_code code)
{
    const struct script_answer *answer = &call->expected->answer;
    const struct eca_http_events *events = call->events;
    void *arg = call->arg;
    struct eca_http_end end = {.body_bytes = call->body_bytes,
                               .status = call->head_done ? answer->status : 0};

    if (code != ECA_OK) {
        (void)eca_err_set(&end.err, code, "%s",
                          answer->error_text != NULL ? answer->error_text : eca_code_name(code));
    }
    end.sent = code != ECA_E_TRANSIENT;
    call->http->requests[call->index]->ended = true;
    /* The call is gone when on_end returns; a cancel inside on_end is the owner's bug. */
    call_free(call);
    events->on_end(arg, &end);
}

static void arm_deadline(struct eca_http_call *call)
{
    uint64_t at_ns = call->total_at_ns;
    uint64_t now_ns = eca_sched_now_ns(call->http->sched);

    if (call->idle_ns != 0 && (at_ns == 0 || now_ns + call->idle_ns < at_ns)) {
        at_ns = now_ns + call->idle_ns;
    }
    if (at_ns != 0) {
        eca_timer_start_at(&call->deadline_timer, at_ns);
    }
}

static void on_deadline(void *arg)
{
    call_end(arg, ECA_E_TIMEOUT);
}

/* False when the callback canceled the call. */
static bool give_head(struct eca_http_call *call)
{
    const struct script_answer *answer = &call->expected->answer;
    struct eca_http_head head = {.status = answer->status, .headers = answer->headers};
    bool gone = false;

    while (head.header_count < SCRIPT_HTTP_HEADERS_MAX &&
           answer->headers[head.header_count].name != NULL) {
        head.header_count++;
    }
    call->head_done = true;
    if (call->events->on_head != NULL) {
        call->gone = &gone;
        call->events->on_head(call->arg, &head);
        if (!gone) {
            call->gone = NULL;
        }
    }
    return !gone;
}

static bool give_piece(struct eca_http_call *call)
{
    size_t piece = call->expected->answer.piece_bytes;
    bool gone = false;

    if (piece == 0 || piece > call->body.len) {
        piece = call->body.len;
    }
    call->body_bytes += piece;
    if (call->events->on_body != NULL) {
        char *copy = eca_xstrndup(call->body.at, piece); /* exact size: overreads are seen */
        call->gone = &gone;
        call->events->on_body(call->arg, eca_view_of(copy, piece));
        eca_free(copy);
        if (gone) {
            return false;
        }
        call->gone = NULL;
    }
    eca_buf_drop(&call->body, piece);
    return true;
}

static void on_step(void *arg)
{
    struct eca_http_call *call = arg;
    const struct script_answer *answer = &call->expected->answer;
    uint64_t bytes_max = call->http->requests[call->index]->body_bytes_max;

    arm_deadline(call);
    if (!call->head_done && answer->status == 0) {
        call_end(call, answer->error);
        return;
    }
    if (!call->head_done) {
        if (give_head(call)) {
            eca_timer_start(&call->step_timer, 0);
        }
        return;
    }
    if (call->body.len > 0) {
        if (bytes_max != 0 && call->body_bytes + call->body.len > bytes_max) {
            call_end(call, ECA_E_LIMIT);
        } else if (give_piece(call)) {
            eca_timer_start(&call->step_timer, 0);
        }
        return;
    }
    if (call->end_asked) {
        call_end(call, call->end_code);
    }
}

static bool url_fits(const char *pattern, const char *url)
{
    size_t tail, len;

    if (pattern == NULL) {
        return true;
    }
    if (pattern[0] != '*') {
        return strcmp(pattern, url) == 0;
    }
    tail = strlen(pattern + 1);
    len = strlen(url);
    return len >= tail && strcmp(url + len - tail, pattern + 1) == 0;
}

static struct expectation *take_expectation(struct script_http *http, const char *method,
                                            const char *url)
{
    for (size_t i = 0; i < http->expectation_count; i++) {
        struct expectation *expected = &http->expectations[i];
        if (expected->left > 0 &&
            (expected->answer.method == NULL || strcmp(expected->answer.method, method) == 0) &&
            url_fits(expected->answer.url, url)) {
            if (expected->left != SCRIPT_FOREVER) {
                expected->left--;
            }
            return expected;
        }
    }
    ck_abort_msg("unexpected request %s %s", method, url);
    return NULL;
}

static struct script_request *record(struct script_http *http, const struct eca_http_opts *opts)
{
    struct script_request *request = eca_xalloc(sizeof(*request));

    assert(http->request_count < REQUESTS_MAX && opts->header_count <= ECA_HTTP_HEADERS_MAX);
    request->method = eca_xstrdup(opts->method);
    request->url = eca_xstrdup(opts->url);
    request->unix_socket = eca_xstrdup(opts->unix_socket);
    request->body = eca_xstrndup(opts->body.at == NULL ? "" : opts->body.at, opts->body.len);
    request->body_len = opts->body.len;
    for (size_t i = 0; i < opts->header_count; i++) {
        request->header_names[i] = eca_xstrdup(opts->headers[i].name);
        request->header_values[i] = eca_xstrdup(opts->headers[i].value);
    }
    request->header_count = opts->header_count;
    request->at_ns = eca_sched_now_ns(http->sched);
    request->at_wall_ms = eca_sched_wall_ms(http->sched);
    request->connect_ms = opts->connect_ms;
    request->total_ms = opts->total_ms;
    request->idle_ms = opts->idle_ms;
    request->body_bytes_max = opts->body_bytes_max;
    request->endless = opts->endless;
    request->insecure = opts->insecure;
    request->proxy = opts->proxy;
    request->party = eca_xstrdup(opts->party);
    http->requests[http->request_count++] = request;
    return request;
}

static int http_start(void *impl, const struct eca_http_opts *opts,
                      const struct eca_http_events *events, void *arg,
                      struct eca_http_call **ret_call, struct eca_err *err)
{
    struct script_http *http = impl;
    struct eca_http_call *call;
    enum eca_code refuse = http->refuse_next;

    ck_assert_msg(opts->total_ms != 0 || opts->idle_ms != 0 || opts->endless,
                  "%s %s has no deadline", opts->method, opts->url);
    if (refuse != ECA_OK) {
        http->refuse_next = ECA_OK;
        return eca_err_set(err, refuse, "refused by the script");
    }
    call = eca_xalloc(sizeof(*call));
    call->http = http;
    call->index = http->request_count;
    (void)record(http, opts);
    call->expected = take_expectation(http, opts->method, opts->url);
    call->events = events;
    call->arg = arg;
    call->idle_ns = opts->idle_ms * UINT64_C(1000000);
    call->total_at_ns = opts->total_ms == 0
                            ? 0
                            : eca_sched_now_ns(http->sched) + opts->total_ms * UINT64_C(1000000);
    call->end_asked = !call->expected->answer.hold;
    call->end_code = call->expected->answer.error;
    eca_buf_add_str(&call->body, call->expected->answer.body);
    eca_timer_init(&call->step_timer, http->sched, on_step, call);
    eca_timer_init(&call->deadline_timer, http->sched, on_deadline, call);
    eca_list_push_back(&http->calls, &call->node);
    arm_deadline(call);
    if (!call->expected->answer.silent) {
        eca_timer_start_ms(&call->step_timer, call->expected->answer.delay_ms);
    }
    *ret_call = call;
    return ECA_OK;
}

static void http_cancel(void *impl, struct eca_http_call *call)
{
    struct script_http *http = impl;
    http->requests[call->index]->canceled = true;
    call_free(call);
}

static const struct eca_http_ops http_ops = {.start = http_start, .cancel = http_cancel};

struct eca_http script_http_port(struct script_http *http)
{
    return (struct eca_http){.ops = &http_ops, .impl = http};
}

struct script_http *script_http_new(struct eca_sched *sched)
{
    struct script_http *http = eca_xalloc(sizeof(*http));
    http->sched = sched;
    eca_list_init(&http->calls);
    return http;
}

static void request_free(struct script_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        eca_free(request->header_names[i]);
        eca_free(request->header_values[i]);
    }
    eca_free(request->method);
    eca_free(request->url);
    eca_free(request->unix_socket);
    eca_free(request->body);
    eca_free(request->party);
    eca_free(request);
}

/* The texts are our own copies, const only for the reader. */
static void free_text(const char *text)
{
    char *at = NULL;
    memcpy(&at, &text, sizeof(at));
    eca_free(at);
}

void script_http_free(struct script_http *http)
{
    if (http == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &http->calls)
    {
        call_free(eca_list_entry(node, struct eca_http_call, node));
    }
    for (size_t i = 0; i < http->request_count; i++) {
        request_free(http->requests[i]);
    }
    for (size_t i = 0; i < http->expectation_count; i++) {
        struct script_answer *answer = &http->expectations[i].answer;
        free_text(answer->method);
        free_text(answer->url);
        free_text(answer->body);
        free_text(answer->error_text);
        for (size_t h = 0; h < SCRIPT_HTTP_HEADERS_MAX; h++) {
            free_text(answer->headers[h].name);
            free_text(answer->headers[h].value);
        }
    }
    eca_free(http);
}

void script_http_expect(struct script_http *http, struct script_answer answer)
{
    struct expectation *expected;

    assert(http->expectation_count < EXPECTATIONS_MAX);
    assert(answer.status != 0 || answer.error != ECA_OK || answer.silent);
    expected = &http->expectations[http->expectation_count++];
    expected->left = answer.times == 0 ? 1 : answer.times;
    answer.method = eca_xstrdup(answer.method);
    answer.url = eca_xstrdup(answer.url);
    answer.body = eca_xstrdup(answer.body == NULL ? "" : answer.body);
    answer.error_text = eca_xstrdup(answer.error_text);
    for (size_t i = 0; i < SCRIPT_HTTP_HEADERS_MAX; i++) {
        answer.headers[i].name = eca_xstrdup(answer.headers[i].name);
        answer.headers[i].value = eca_xstrdup(answer.headers[i].value);
    }
    expected->answer = answer;
}

void script_http_forget(struct script_http *http)
{
    for (size_t i = 0; i < http->expectation_count; i++) {
        http->expectations[i].left = 0;
    }
}

size_t script_http_pending(const struct script_http *http)
{
    size_t pending = 0;

    for (size_t i = 0; i < http->expectation_count; i++) {
        const struct expectation *expected = &http->expectations[i];
        pending += expected->left == SCRIPT_FOREVER ? 0 : expected->left;
    }
    return pending;
}

size_t script_http_count(const struct script_http *http)
{
    return http->request_count;
}

const struct script_request *script_http_request(const struct script_http *http, size_t index)
{
    ck_assert_msg(index < http->request_count, "only %zu requests were made", http->request_count);
    return http->requests[index];
}

const struct script_request *script_http_last(const struct script_http *http)
{
    ck_assert_msg(http->request_count > 0, "no request was made");
    return http->requests[http->request_count - 1];
}

const char *script_request_header(const struct script_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->header_names[i], name) == 0) {
            return request->header_values[i];
        }
    }
    return NULL;
}

size_t script_http_open_calls(const struct script_http *http)
{
    return http->calls.count;
}

static struct eca_http_call *find_call(struct script_http *http, size_t index)
{
    ECA_LIST_FOREACH(node, &http->calls)
    {
        struct eca_http_call *call = eca_list_entry(node, struct eca_http_call, node);
        if (call->index == index) {
            return call;
        }
    }
    ck_abort_msg("request %zu is over", index);
    return NULL;
}

void script_http_push(struct script_http *http, size_t index, struct eca_view bytes)
{
    struct eca_http_call *call = find_call(http, index);
    eca_buf_add_view(&call->body, bytes);
    eca_timer_start(&call->step_timer, 0);
}

void script_http_end(struct script_http *http, size_t index, enum eca_code code)
{
    struct eca_http_call *call = find_call(http, index);
    call->end_asked = true;
    call->end_code = code;
    eca_timer_start(&call->step_timer, 0);
}

void script_http_refuse_next(struct script_http *http, enum eca_code code)
{
    http->refuse_next = code;
}
