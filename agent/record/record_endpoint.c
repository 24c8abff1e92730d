#include "agent/record/record_inside.h"

#include <string.h>

#include "agent/base/mem.h"

struct eca_listener {
    struct eca_recorder *recorder;
    struct eca_list_node node;
    uint64_t number;
    struct eca_listener *inner;
    eca_endpoint_fn *handler;
    void *arg;
};

static void on_request(void *arg, const struct eca_endpoint_request *request,
                       struct eca_endpoint_response *response)
{
    struct eca_listener *listener = arg;
    struct eca_recorder *recorder = listener->recorder;
    struct eca_rec_line line;

    eca_rec_enter(recorder, &line, "request");
    eca_line_u64(&line.w, "n", listener->number);
    eca_line_text(&line.w, "method", request->method);
    eca_line_text(&line.w, "path", request->path);
    eca_line_text(&line.w, "query", request->query);
    eca_line_text(&line.w, "agent", request->user_agent);
    eca_line_bool(&line.w, "has_agent", request->has_user_agent);
    eca_line_text(&line.w, "remote", request->remote);
    eca_rec_close(&line);
    listener->handler(listener->arg, request, response);
    eca_rec_open(&line, recorder, "out", "response");
    eca_line_i64(&line.w, "status", response->status);
    eca_line_bytes(&line.w, "body", eca_buf_view(&response->body));
    eca_rec_close(&line);
    eca_rec_leave(recorder);
}

static int endpoint_listen(void *impl, const struct eca_endpoint_opts *opts,
                           eca_endpoint_fn *handler, void *arg, struct eca_listener **ret_listener,
                           struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_listener *listener = eca_xalloc(sizeof(*listener));
    struct eca_err failure = {0};
    struct eca_rec_line line;
    int rc;

    *listener = (struct eca_listener){
        .recorder = recorder, .number = ++recorder->listeners, .handler = handler, .arg = arg};
    eca_list_push_back(&recorder->open_listeners, &listener->node);
    rc = eca_endpoint_listen(recorder->outer.endpoint, opts, on_request, listener, &listener->inner,
                             &failure);
    eca_rec_open(&line, recorder, "out", "listen");
    eca_line_u64(&line.w, "n", listener->number);
    eca_line_plain(&line.w, "name", opts->name);
    eca_line_u64(&line.w, "port", opts->port);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    if (rc < 0) {
        eca_list_remove(&recorder->open_listeners, &listener->node);
        eca_free(listener);
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    *ret_listener = listener;
    return rc;
}

static void endpoint_close(void *impl, struct eca_listener *listener)
{
    struct eca_recorder *recorder = impl;
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "out", "listen.close");
    eca_line_u64(&line.w, "n", listener->number);
    eca_rec_close(&line);
    eca_endpoint_close(recorder->outer.endpoint, listener->inner);
    eca_list_remove(&recorder->open_listeners, &listener->node);
    eca_free(listener);
}

struct eca_endpoint eca_rec_endpoint(struct eca_recorder *recorder)
{
    static const struct eca_endpoint_ops ops = {endpoint_listen, endpoint_close};

    return (struct eca_endpoint){&ops, recorder};
}

void eca_rec_endpoint_drop(struct eca_recorder *recorder)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&recorder->open_listeners)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_listener, node));
    }
}
