#include "harness/record/replay_inside.h"

#include <string.h>

#include "agent/base/mem.h"

#define HEADERS_MAX 64
#define PIECE_BYTES_MAX (INT64_C(64) << 20) /* of a download, handed out at once */

/* A call of the core, answered by later lines. */
struct eca_http_call {
    struct eca_list_node node;
    uint64_t number;
    struct eca_http_events events;
    void *arg;
    bool is_ending, is_canceled;
};

static int http_start(void *impl, const struct eca_http_opts *opts,
                      const struct eca_http_events *events, void *arg,
                      struct eca_http_call **ret_call, struct eca_err *err)
{
    struct replay *replay = impl;
    struct eca_http_call *call;
    int rc = hns_replay_answer(hns_replay_peek(replay), err);

    (void)opts;
    replay->calls++;
    if (rc < 0) {
        return rc;
    }
    call = eca_xalloc(sizeof(*call));
    *call = (struct eca_http_call){.number = replay->calls, .events = *events, .arg = arg};
    eca_list_push_back(&replay->open_calls, &call->node);
    *ret_call = call;
    return ECA_OK;
}

static void http_cancel(void *impl, struct eca_http_call *call)
{
    struct replay *replay = impl;

    if (call->is_ending) {
        call->is_canceled = true;
        return;
    }
    eca_list_remove(&replay->open_calls, &call->node);
    eca_free(call);
}

struct eca_http hns_replay_http(struct replay *replay)
{
    static const struct eca_http_ops ops = {http_start, http_cancel};

    return (struct eca_http){&ops, replay};
}

static struct eca_http_call *find_call(struct replay *replay, uint64_t number)
{
    ECA_LIST_FOREACH(it, &replay->open_calls)
    {
        struct eca_http_call *call = eca_list_entry(it, struct eca_http_call, node);

        if (call->number == number) {
            return call;
        }
    }
    return NULL;
}

static void play_head(struct eca_http_call *call, eca_json line)
{
    struct eca_http_header headers[HEADERS_MAX];
    struct eca_http_head head = {.status = (int)hns_line_number(line, "status"),
                                 .headers = headers};

    for (eca_json pair = eca_json_first(eca_json_get(line, "headers"));
         pair != NULL && head.header_count < HEADERS_MAX; pair = eca_json_next(pair)) {
        eca_json name = eca_json_first(pair), value = eca_json_next(name);

        if (eca_json_type(name) == ECA_JSON_STRING && eca_json_type(value) == ECA_JSON_STRING) {
            headers[head.header_count++] =
                (struct eca_http_header){eca_json_str(name), eca_json_str(value)};
        }
    }
    call->events.on_head(call->arg, &head);
}

/* Head and body stand in the line when they were not told before. The core may cancel inside. */
static void play_end(struct replay *replay, struct eca_http_call *call, struct eca_view body,
                     eca_json line)
{
    struct eca_http_end end = {.sent = !hns_line_truth(line, "unsent"),
                               .status = (int)hns_line_number(line, "status"),
                               .body_bytes = body.len};
    struct eca_http_events events = call->events;
    void *arg = call->arg;
    bool is_canceled;

    if (eca_json_get(line, "bytes") != NULL) {
        end.body_bytes = (uint64_t)hns_line_number(line, "bytes");
    }
    hns_line_err(line, "err", &end.err);
    call->is_ending = true;
    if (eca_json_get(line, "headers") != NULL && events.on_head != NULL) {
        play_head(call, line);
    }
    if (!call->is_canceled && body.len > 0 && events.on_body != NULL) {
        events.on_body(arg, body);
    }
    is_canceled = call->is_canceled;
    eca_list_remove(&replay->open_calls, &call->node);
    eca_free(call);
    if (!is_canceled) {
        events.on_end(arg, &end);
    }
}

void hns_replay_http_play(struct replay *replay, const char *what, eca_json line)
{
    struct eca_http_call *call = find_call(replay, (uint64_t)hns_line_number(line, "n"));
    eca_auto_buf struct eca_buf body = {0};

    if (call == NULL) {
        hns_replay_diverge(replay, "core:     has no such call open", ECA_VIEW_NONE);
        return;
    }
    (void)hns_line_bytes(line, "body", &body);
    for (int64_t left = hns_line_number(line, "length"); left > 0 && left <= PIECE_BYTES_MAX;
         left--) {
        eca_buf_add_char(&body, '.'); /* a download: only its length was recorded */
    }
    if (strcmp(what, "http.head") == 0) {
        play_head(call, line);
    } else if (strcmp(what, "http.body") == 0) {
        call->events.on_body(call->arg, eca_buf_view(&body));
    } else {
        play_end(replay, call, eca_buf_view(&body), line);
    }
}

void hns_replay_http_drop(struct replay *replay)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&replay->open_calls)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_http_call, node));
    }
}
