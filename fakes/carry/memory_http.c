#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/memory.h"

#define ANSWER_HEADER_COUNT_MAX (FAKE_ANSWER_HEADERS_MAX + 1) /* and the length */

/* Answer head on its way to the client: one block, freed with its item. */
struct mem_head {
    int status;
    size_t count;
    struct eca_http_header headers[ANSWER_HEADER_COUNT_MAX];
    char text[]; /* the strings */
};

enum item_kind { ITEM_HEAD, ITEM_BODY, ITEM_END, ITEM_RESET, ITEM_REFUSED };

/* One call of the http port: the client's half and the server's half (a link of the hub). */
struct mem_call {
    struct fake_memory *memory;
    struct eca_list_node node;
    /* request */
    char *party, *method, *target;
    struct eca_http_header *headers;
    size_t header_count;
    struct eca_buf body;
    char peer[32];
    struct eca_timer arrive;
    /* client */
    bool client_done;
    struct eca_http_events events;
    void *arg;
    struct eca_timer connect, total, idle;
    uint64_t connect_ms, total_ms, idle_ms, body_bytes_max, body_bytes;
    const char *const *answer_headers;
    bool sent;
    int status;
    /* server */
    struct fake_exchange *exchange;
    bool server_done;
    struct eca_deferred leave;
    struct mem_pipe down;
};

static void call_free(struct mem_call *call)
{
    eca_timer_stop(&call->arrive);
    eca_timer_stop(&call->connect);
    eca_timer_stop(&call->total);
    eca_timer_stop(&call->idle);
    eca_deferred_cancel(&call->leave);
    mem_pipe_clear(&call->down);
    eca_list_remove(&call->memory->calls, &call->node);
    fake_memory_headers_free(call->headers, call->header_count);
    eca_free(call->party);
    eca_free(call->method);
    eca_free(call->target);
    eca_buf_clear(&call->body);
    eca_free(call);
}

static void client_stop(struct mem_call *call)
{
    call->client_done = true;
    eca_timer_stop(&call->connect);
    eca_timer_stop(&call->total);
    eca_timer_stop(&call->idle);
    mem_pipe_clear(&call->down);
}

/* The client has gone; the server learns it in the next round. */
static void run_leave(void *arg)
{
    struct mem_call *call = arg;

    if (call->exchange != NULL) {
        fake_hub_client_left(call->exchange);
    }
    call_free(call);
}

/* Last callback. */
static void finish(struct mem_call *call, enum eca_code code, const char *why)
{
    struct eca_http_end end = {
        .sent = call->sent, .status = call->status, .body_bytes = call->body_bytes};

    if (code != ECA_OK) {
        (void)eca_err_set(&end.err, code, "%s %s: %s", call->method, call->target, why);
    }
    client_stop(call);
    call->events.on_end(call->arg, &end); /* a cancel from inside finds nothing to do */
    if (call->server_done) {
        call_free(call);
    } else {
        eca_deferred_queue(&call->leave);
    }
}

static void run_connect(void *arg)
{
    finish(arg, ECA_E_TIMEOUT, "connect deadline passed");
}
static void run_total(void *arg)
{
    finish(arg, ECA_E_TIMEOUT, "deadline passed");
}
static void run_idle(void *arg)
{
    finish(arg, ECA_E_TIMEOUT, "no byte for too long");
}

static void progress(struct mem_call *call)
{
    if (call->idle_ms > 0) {
        eca_timer_start_ms(&call->idle, call->idle_ms);
    }
}

static void client_gets_head(struct mem_call *call, const struct mem_head *from)
{
    eca_auto_free struct eca_http_header *headers =
        eca_xrealloc_array(NULL, from->count + 1, sizeof(*headers));
    struct eca_http_head head = {.status = from->status, .headers = headers};

    for (size_t i = 0; i < from->count; i++) {
        if (eca_http_reads(call->answer_headers, from->headers[i].name)) {
            headers[head.header_count++] = from->headers[i];
        }
    }
    call->status = from->status;
    progress(call);
    if (call->events.on_head != NULL) {
        call->events.on_head(call->arg, &head);
    }
}

/* False when the call is over. */
static bool client_gets(struct mem_call *call, const struct mem_item *item)
{
    switch ((enum item_kind)item->kind) {
    case ITEM_HEAD:
        client_gets_head(call, item->head);
        return true;
    case ITEM_BODY:
        progress(call);
        call->body_bytes += item->bytes.len;
        if (call->body_bytes_max > 0 && call->body_bytes > call->body_bytes_max) {
            finish(call, ECA_E_LIMIT, "answer too large");
            return false;
        }
        if (call->events.on_body != NULL) {
            call->events.on_body(call->arg, eca_buf_view(&item->bytes));
        }
        return true;
    case ITEM_END:
        finish(call, ECA_OK, NULL);
        return false;
    case ITEM_RESET:
        finish(call, ECA_E_AMBIGUOUS,
               call->status == 0 ? "connection reset before the answer"
                                 : "connection reset within the answer");
        return false;
    case ITEM_REFUSED:
        call->sent = false;
        finish(call, ECA_E_TRANSIENT, "connection refused");
        return false;
    }
    return true;
}

static void run_down(void *arg)
{
    struct mem_call *call = arg;
    struct mem_item *item = mem_pipe_take(&call->down);

    if (item == NULL) {
        return;
    }
    /* One item a round: a callback may cancel the call, which the list of calls would show only by
     * touching freed memory. */
    struct eca_list_node *next = eca_list_first(&call->down.items);
    if (next != NULL) {
        eca_timer_start_at(&call->down.timer, eca_list_entry(next, struct mem_item, node)->due_ns);
    }
    (void)client_gets(call, item);
    mem_item_free(item);
}

/* ---- the server's half ---------------------------------------------------------------------- */

static void server_ends(struct mem_call *call, int kind)
{
    call->server_done = true;
    if (!call->client_done) {
        (void)mem_pipe_put(&call->down, kind, 0, ECA_VIEW_NONE);
    } /* else run_leave frees it */
}

static size_t put_text(struct mem_head *head, size_t at, const char *text)
{
    size_t len = strlen(text) + 1;
    memcpy(head->text + at, text, len);
    return at + len;
}

/* The port promises names in lower case. */
static size_t put_name(struct mem_head *head, size_t at, const char *name)
{
    size_t end = put_text(head, at, name);

    for (char *c = head->text + at; *c != '\0'; c++) {
        *c = eca_ascii_lower(*c);
    }
    return end;
}

static void link_begin(void *link, int status, const struct eca_http_header *headers, size_t count,
                       size_t content_length)
{
    struct mem_call *call = link;
    char length[32] = "";
    struct mem_head *head;
    size_t bytes = 64, at = 0, total = count + (content_length != FAKE_LENGTH_UNSAID);
    struct mem_item *item;

    if (call->client_done) {
        return;
    }
    assert(count + 1 <= ANSWER_HEADER_COUNT_MAX);
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(headers[i].name) + strlen(headers[i].value) + 2;
    }
    head = eca_xalloc(sizeof(*head) + bytes + sizeof(length));
    head->status = status;
    for (size_t i = 0; i < total; i++) {
        const char *name, *value;

        if (i < count) {
            name = headers[i].name;
            value = headers[i].value;
        } else if (content_length == SIZE_MAX) {
            name = "transfer-encoding";
            value = "chunked";
        } else {
            eca_auto_buf struct eca_buf text = {0};
            eca_buf_addf(&text, "%zu", content_length);
            memcpy(length, eca_buf_str(&text), text.len + 1);
            name = "content-length";
            value = length;
        }
        head->headers[i].name = head->text + at;
        at = put_name(head, at, name);
        head->headers[i].value = head->text + at;
        at = put_text(head, at, value);
        head->count++;
    }
    item = mem_pipe_put(&call->down, ITEM_HEAD, status, ECA_VIEW_NONE);
    item->head = head;
}

static void link_write(void *link, struct eca_view bytes)
{
    struct mem_call *call = link;

    if (!call->client_done) {
        (void)mem_pipe_put(&call->down, ITEM_BODY, 0, bytes);
    }
}

static void link_end(void *link)
{
    server_ends(link, ITEM_END);
}
static void link_reset(void *link)
{
    server_ends(link, ITEM_RESET);
}

static const struct fake_link_ops link_ops = {
    .begin = link_begin,
    .write = link_write,
    .end = link_end,
    .reset = link_reset,
};

static void run_arrive(void *arg)
{
    struct mem_call *call = arg;

    eca_timer_stop(&call->connect);
    if (call->party == NULL || fake_hub_is_refusing(call->memory->hub, call->party)) {
        server_ends(call, ITEM_REFUSED);
        return;
    }
    struct fake_incoming incoming = {
        .party = call->party,
        .method = call->method,
        .target = call->target,
        .headers = call->headers,
        .header_count = call->header_count,
        .body = eca_buf_view(&call->body),
        .peer = call->peer,
    };
    call->sent = true;
    fake_hub_arrive(call->memory->hub, &incoming, &link_ops, call, &call->exchange);
}

/* ---- the port ------------------------------------------------------------------------------- */

static int check(const struct eca_http_opts *opts, struct eca_url *ret_url, struct eca_err *err)
{
    if (opts->header_count > ECA_HTTP_HEADERS_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "%zu headers, at most %d", opts->header_count,
                           ECA_HTTP_HEADERS_MAX);
    }
    if (opts->total_ms == 0 && opts->idle_ms == 0 && !opts->endless) {
        return eca_err_set(err, ECA_E_INVALID, "a call without any deadline");
    }
    if (opts->url == NULL || eca_url_parse(eca_view_str(opts->url), ret_url, err) < 0) {
        return opts->url == NULL ? eca_err_set(err, ECA_E_INVALID, "no URL") : ECA_E_INVALID;
    }
    if (!eca_view_eq_nocase(ret_url->scheme, "http") &&
        !eca_view_eq_nocase(ret_url->scheme, "https")) {
        return eca_err_set(err, ECA_E_INVALID, "scheme of %s is neither http nor https", opts->url);
    }
    return ECA_OK;
}

/* A request with a body, or a method that has one, tells its length as on a socket. */
static struct eca_http_header *request_headers(const struct eca_http_opts *opts,
                                               const struct eca_url *url, size_t *ret_count)
{
    struct eca_http_header all[ECA_HTTP_HEADERS_MAX + 1];
    eca_auto_free char *length = eca_xasprintf("%zu", opts->body.len);
    size_t count = opts->header_count;

    if (count > 0) {
        memcpy(all, opts->headers, count * sizeof(all[0]));
    }
    if (opts->body.at != NULL ||
        (strcmp(opts->method, "GET") != 0 && strcmp(opts->method, "HEAD") != 0 &&
         strcmp(opts->method, "DELETE") != 0)) {
        all[count++] = (struct eca_http_header){"content-length", length};
    }
    return fake_memory_headers(all, count, url->authority, ret_count);
}

static int http_start(void *impl, const struct eca_http_opts *opts,
                      const struct eca_http_events *events, void *arg,
                      struct eca_http_call **ret_call, struct eca_err *err)
{
    struct fake_memory *memory = impl;
    struct eca_url url = {0};
    struct mem_call *call;
    const char *party;

    if (check(opts, &url, err) < 0) {
        return ECA_E_INVALID;
    }
    if (memory->calls.count >= FAKE_MEMORY_CALLS_MAX) {
        return eca_err_set(err, ECA_E_LIMIT, "more than %d calls at once", FAKE_MEMORY_CALLS_MAX);
    }
    call = eca_xalloc(sizeof(*call));
    call->memory = memory;
    if (fake_memory_party(memory, opts->unix_socket, url.authority, &party)) {
        call->party = eca_xstrdup(party);
    }
    call->method = eca_xstrdup(opts->method);
    call->target = fake_memory_target(url.path, url.query);
    call->headers = request_headers(opts, &url, &call->header_count);
    eca_buf_add_view(&call->body, opts->body);
    call->events = *events;
    call->arg = arg;
    call->idle_ms = opts->idle_ms;
    call->body_bytes_max = opts->body_bytes_max;
    call->answer_headers = opts->answer_headers;
    memcpy(call->peer, "memory", 7);
    eca_timer_init(&call->arrive, memory->sched, run_arrive, call);
    eca_timer_init(&call->connect, memory->sched, run_connect, call);
    eca_timer_init(&call->total, memory->sched, run_total, call);
    eca_timer_init(&call->idle, memory->sched, run_idle, call);
    eca_deferred_init(&call->leave, memory->sched, run_leave, call);
    mem_pipe_init(&call->down, memory, run_down, call);
    eca_list_push_back(&memory->calls, &call->node);

    eca_timer_start_at(&call->arrive, fake_memory_due_ns(memory));
    if (opts->connect_ms > 0) {
        eca_timer_start_ms(&call->connect, opts->connect_ms);
    }
    if (opts->total_ms > 0) {
        eca_timer_start_ms(&call->total, opts->total_ms);
    }
    progress(call);
    *ret_call = (struct eca_http_call *)(void *)call;
    return ECA_OK;
}

static void abandon(struct mem_call *call, bool tell_server)
{
    client_stop(call);
    eca_timer_stop(&call->arrive);
    if (tell_server && call->exchange != NULL) {
        eca_deferred_queue(&call->leave);
        return;
    }
    if (call->exchange != NULL) {
        fake_hub_client_left(call->exchange);
    }
    call_free(call);
}

static void http_cancel(void *impl, struct eca_http_call *handle)
{
    struct mem_call *call = (struct mem_call *)(void *)handle;

    (void)impl;
    if (!call->client_done) {
        abandon(call, true);
    }
}

const struct eca_http_ops fake_memory_http_ops = {.start = http_start, .cancel = http_cancel};

void fake_memory_drop_calls(struct fake_memory *memory, bool tell_servers)
{
    ECA_LIST_FOREACH(it, &memory->calls)
    {
        struct mem_call *call = eca_list_entry(it, struct mem_call, node);
        if (!call->client_done || !tell_servers) {
            abandon(call, tell_servers);
        }
    }
}
