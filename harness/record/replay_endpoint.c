#include "harness/record/replay_inside.h"

#include "agent/base/mem.h"

struct eca_listener {
    struct eca_list_node node;
    uint64_t number;
    eca_endpoint_fn *handler;
    void *arg;
};

static int endpoint_listen(void *impl, const struct eca_endpoint_opts *opts,
                           eca_endpoint_fn *handler, void *arg, struct eca_listener **ret_listener,
                           struct eca_err *err)
{
    struct replay *replay = impl;
    struct eca_listener *listener;
    int rc = hns_replay_answer(hns_replay_peek(replay), err);

    (void)opts;
    replay->listeners++;
    if (rc < 0) {
        return rc;
    }
    listener = eca_xalloc(sizeof(*listener));
    *listener = (struct eca_listener){.number = replay->listeners, .handler = handler, .arg = arg};
    eca_list_push_back(&replay->open_listeners, &listener->node);
    *ret_listener = listener;
    return ECA_OK;
}

static void endpoint_close(void *impl, struct eca_listener *listener)
{
    struct replay *replay = impl;

    eca_list_remove(&replay->open_listeners, &listener->node);
    eca_free(listener);
}

struct eca_endpoint hns_replay_endpoint(struct replay *replay)
{
    static const struct eca_endpoint_ops ops = {endpoint_listen, endpoint_close};

    return (struct eca_endpoint){&ops, replay};
}

void hns_replay_endpoint_play(struct replay *replay, eca_json line)
{
    uint64_t number = (uint64_t)hns_line_number(line, "n");
    struct eca_endpoint_request request = {.method = hns_line_text(line, "method"),
                                           .path = hns_line_text(line, "path"),
                                           .query = hns_line_text(line, "query"),
                                           .user_agent = hns_line_text(line, "agent"),
                                           .has_user_agent = hns_line_truth(line, "has_agent"),
                                           .remote = hns_line_text(line, "remote")};

    ECA_LIST_FOREACH(it, &replay->open_listeners)
    {
        struct eca_listener *listener = eca_list_entry(it, struct eca_listener, node);

        if (listener->number == number) {
            struct eca_endpoint_response response = {0};

            listener->handler(listener->arg, &request, &response);
            eca_buf_clear(&response.body);
            return;
        }
    }
    hns_replay_diverge(replay, "core:     does not listen there", ECA_VIEW_NONE);
}

void hns_replay_endpoint_drop(struct replay *replay)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&replay->open_listeners)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_listener, node));
    }
}
