#include "agent/record/record_inside.h"

#include <string.h>

#include "agent/base/mem.h"

/* Its unbounded answers are streams; those of other parties are written whole. */
#define PARTY_DOCKER "docker"
/* Downloads: as long as they like, and the core hands them on unread; only their length is told. */
#define PARTY_UPDATE "update"

/* Of calls that have ended, kept for the next ones. */
#define SPARE_CALLS_MAX 16
#define SPARE_BYTES_MAX 65536

struct eca_http_call {
    struct eca_recorder *recorder;
    struct eca_list_node node;
    uint64_t number;
    struct eca_http_call *inner;
    struct eca_http_events events;
    void *arg;
    bool is_whole;    /* head and body are told with the end, as one entry and one line */
    bool is_download; /* of its pieces the length is told */
    bool is_docker;
    bool is_secret; /* its whole body */
    bool has_head;  /* of a whole one: it has come */
    bool is_ending, is_canceled;
    int status;
    struct eca_buf body, head;
    struct eca_http_header *headers; /* into head.at */
    size_t header_count, header_cap;
};

static void call_clear(struct eca_http_call *call)
{
    eca_buf_clear(&call->body);
    eca_buf_clear(&call->head);
    eca_free(call->headers);
    eca_free(call);
}

static void call_free(struct eca_http_call *call)
{
    struct eca_recorder *recorder = call->recorder;

    eca_list_remove(&recorder->open_calls, &call->node);
    if (recorder->spare_count == SPARE_CALLS_MAX || call->body.cap > SPARE_BYTES_MAX ||
        call->head.cap > SPARE_BYTES_MAX) {
        call_clear(call);
        return;
    }
    recorder->spare_count++;
    eca_list_push_front(&recorder->spare_calls, &call->node);
}

static struct eca_http_call *call_new(struct eca_recorder *recorder)
{
    struct eca_list_node *node = eca_list_pop_front(&recorder->spare_calls);
    struct eca_http_call *call;

    if (node == NULL) {
        call = eca_xalloc(sizeof(*call));
    } else {
        call = eca_list_entry(node, struct eca_http_call, node);
        recorder->spare_count--;
        eca_buf_reset(&call->body);
        eca_buf_reset(&call->head);
        *call = (struct eca_http_call){.body = call->body,
                                       .head = call->head,
                                       .headers = call->headers,
                                       .header_cap = call->header_cap};
    }
    eca_list_push_back(&recorder->open_calls, &call->node);
    return call;
}

static void keep_head(struct eca_http_call *call, const struct eca_http_head *head)
{
    size_t bytes = 0;
    char *to;

    for (size_t i = 0; i < head->header_count; i++) {
        bytes += strlen(head->headers[i].name) + strlen(head->headers[i].value) + 2;
    }
    if (call->header_cap < head->header_count) {
        call->header_cap = head->header_count;
        call->headers = eca_xrealloc_array(call->headers, call->header_cap, sizeof(*call->headers));
    }
    eca_buf_reset(&call->head);
    to = eca_buf_room(&call->head, bytes);
    call->header_count = to == NULL ? 0 : head->header_count; /* as long as no peer's may be */
    for (size_t i = 0; i < call->header_count; i++) {
        call->headers[i].name = to;
        to = stpcpy(to, head->headers[i].name) + 1;
        call->headers[i].value = to;
        to = stpcpy(to, head->headers[i].value) + 1;
    }
    call->has_head = true;
    call->status = head->status;
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct eca_http_call *call = arg;
    struct eca_recorder *recorder = call->recorder;
    struct eca_rec_line line;

    if (call->is_whole) {
        keep_head(call, head);
        return;
    }
    eca_rec_enter(recorder, &line, "http.head");
    eca_line_u64(&line.w, "n", call->number);
    eca_line_i64(&line.w, "status", head->status);
    eca_rec_headers(&line, head->headers, head->header_count);
    eca_rec_close(&line);
    if (call->events.on_head != NULL) {
        call->events.on_head(call->arg, head);
    }
    eca_rec_leave(recorder);
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct eca_http_call *call = arg;
    struct eca_recorder *recorder = call->recorder;
    struct eca_rec_line line;

    if (call->is_whole) {
        eca_buf_add(&call->body, bytes.at, bytes.len);
        return;
    }
    eca_rec_enter(recorder, &line, "http.body");
    eca_line_u64(&line.w, "n", call->number);
    if (call->is_download) {
        eca_line_u64(&line.w, "length", bytes.len);
    } else {
        eca_line_own_bytes(&line.w, "body", bytes);
    }
    eca_rec_close(&line);
    if (call->events.on_body != NULL) {
        call->events.on_body(call->arg, bytes);
    }
    eca_rec_leave(recorder);
}

/* The token service answers a secret and nothing else. Docker knows no secret but those that it was
 * told. */
static void put_body(struct eca_rec_line *line, const struct eca_http_call *call)
{
    struct eca_view body = eca_buf_view(&call->body);

    if (body.len == 0) {
        return;
    }
    if (call->is_secret) {
        eca_line_plain(&line->w, "body", eca_mask_secret(line->recorder->mask, body));
    } else if (call->is_docker) {
        eca_line_own_bytes(&line->w, "body", body);
    } else {
        eca_line_bytes(&line->w, "body", body);
    }
}

static void put_end(struct eca_rec_line *line, const struct eca_http_call *call,
                    const struct eca_http_end *end)
{
    eca_line_u64(&line->w, "n", call->number);
    if (end->status != 0) {
        eca_line_i64(&line->w, "status", end->status);
    }
    if (call->has_head) {
        eca_rec_headers(line, call->headers, call->header_count);
    }
    put_body(line, call);
    eca_rec_err(line, "err", &end->err);
    if (!end->sent) {
        eca_line_bool(&line->w, "unsent", true);
    }
    if (end->body_bytes != call->body.len) {
        eca_line_u64(&line->w, "bytes", end->body_bytes);
    }
}

/* What a whole one has held back. The core may cancel it inside. */
static void hand_out(struct eca_http_call *call)
{
    struct eca_http_head head = {
        .status = call->status, .headers = call->headers, .header_count = call->header_count};

    call->is_ending = true;
    if (call->has_head && call->events.on_head != NULL) {
        call->events.on_head(call->arg, &head);
    }
    if (!call->is_canceled && call->body.len > 0 && call->events.on_body != NULL) {
        call->events.on_body(call->arg, eca_buf_view(&call->body));
    }
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct eca_http_call *call = arg;
    struct eca_recorder *recorder = call->recorder;
    struct eca_http_events events = call->events;
    void *core_arg = call->arg;
    struct eca_rec_line line;
    bool is_canceled;

    eca_rec_enter(recorder, &line, "http.end");
    put_end(&line, call, end);
    eca_rec_close(&line);
    hand_out(call);
    is_canceled = call->is_canceled;
    call_free(call);
    if (!is_canceled) {
        events.on_end(core_arg, end);
    }
    eca_rec_leave(recorder);
}

/* Only when it is another one than that of the last call that had one. */
static void put_socket(struct eca_rec_line *line, const char *path)
{
    struct eca_recorder *recorder = line->recorder;

    if (path == NULL || (recorder->socket != NULL && strcmp(recorder->socket, path) == 0)) {
        return;
    }
    eca_free(recorder->socket);
    recorder->socket = eca_xstrdup(path);
    eca_line_own_text(&line->w, "socket", path);
}

/* Zero is no deadline, and no member. */
static void put_deadlines(struct eca_rec_line *line, const struct eca_http_opts *opts)
{
    if (opts->connect_ms > 0) {
        eca_line_u64(&line->w, "connect_ms", opts->connect_ms);
    }
    if (opts->total_ms > 0) {
        eca_line_u64(&line->w, "total_ms", opts->total_ms);
    }
    if (opts->idle_ms > 0) {
        eca_line_u64(&line->w, "idle_ms", opts->idle_ms);
    }
}

static void put_http_opts(struct eca_rec_line *line, const struct eca_http_opts *opts)
{
    eca_line_plain(&line->w, "party", opts->party);
    eca_line_plain(&line->w, "method", opts->method);
    eca_line_own_text(&line->w, "url", opts->url);
    put_socket(line, opts->unix_socket);
    eca_rec_headers(line, opts->headers, opts->header_count);
    eca_line_own_bytes(&line->w, "body", opts->body);
    put_deadlines(line, opts);
}

static bool is_party(const struct eca_http_opts *opts, const char *party)
{
    return opts->party != NULL && strcmp(opts->party, party) == 0;
}

static int http_start(void *impl, const struct eca_http_opts *opts,
                      const struct eca_http_events *events, void *arg,
                      struct eca_http_call **ret_call, struct eca_err *err)
{
    static const struct eca_http_events own = {on_head, on_body, on_end};
    struct eca_recorder *recorder = impl;
    struct eca_http_call *call = call_new(recorder);
    struct eca_err failure = {0};
    struct eca_rec_line line;
    int rc;

    call->recorder = recorder;
    call->number = ++recorder->calls;
    call->events = *events;
    call->arg = arg;
    call->is_docker = is_party(opts, PARTY_DOCKER);
    call->is_download = is_party(opts, PARTY_UPDATE);
    call->is_whole = !call->is_download && (!call->is_docker || opts->body_bytes_max > 0);
    call->is_secret = !call->is_docker && strstr(opts->url, "/latest/api/token") != NULL;
    rc = eca_http_start(recorder->outer.http, opts, &own, call, &call->inner, &failure);
    eca_rec_open(&line, recorder, "out", "http.start");
    eca_line_u64(&line.w, "n", call->number);
    put_http_opts(&line, opts);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    if (rc < 0) {
        call_free(call);
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    *ret_call = call;
    return rc;
}

static void http_cancel(void *impl, struct eca_http_call *call)
{
    struct eca_recorder *recorder = impl;
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "out", "http.cancel");
    eca_line_u64(&line.w, "n", call->number);
    eca_rec_close(&line);
    if (call->is_ending) {
        call->is_canceled = true; /* the inner one has ended */
        return;
    }
    eca_http_cancel(recorder->outer.http, call->inner);
    call_free(call);
}

struct eca_http eca_rec_http(struct eca_recorder *recorder)
{
    static const struct eca_http_ops ops = {http_start, http_cancel};

    return (struct eca_http){&ops, recorder};
}

static void drop_all(struct eca_list *list)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(list)) != NULL) {
        call_clear(eca_list_entry(node, struct eca_http_call, node));
    }
}

void eca_rec_http_drop(struct eca_recorder *recorder)
{
    drop_all(&recorder->open_calls);
    drop_all(&recorder->spare_calls);
}
