#include <assert.h>

#include "agent/base/mem.h"
#include "fakes/carry/hub.h"

/* A message that a DELAY rule holds back. */
struct ws_late {
    struct eca_list_node node;
    struct eca_timer timer;
    struct fake_ws *ws;
    bool to_client;
    struct eca_buf text;
};

static void late_free(struct ws_late *late)
{
    eca_timer_stop(&late->timer);
    eca_list_remove(&late->ws->delayed, &late->node);
    eca_buf_clear(&late->text);
    eca_free(late);
}

void fake_ws_drop(struct fake_ws *ws)
{
    ECA_LIST_FOREACH(it, &ws->delayed)
    {
        late_free(eca_list_entry(it, struct ws_late, node));
    }
    eca_deferred_cancel(&ws->lost);
    eca_list_remove(&ws->hub->sockets, &ws->node);
    eca_free(ws);
}

static void run_lost(void *arg)
{
    fake_hub_ws_closed(arg, 0, ECA_VIEW_NONE);
}

struct fake_ws *fake_ws_accept(struct fake_exchange *exchange, const struct fake_ws_events *events,
                               void *arg)
{
    return fake_ws_accept_with(exchange, ECA_VIEW_NONE, events, arg);
}

struct fake_ws *fake_ws_accept_with(struct fake_exchange *exchange, struct eca_view glued,
                                    const struct fake_ws_events *events, void *arg)
{
    const struct fake_link_ops *ops = exchange->ops;
    void *link = exchange->link;
    struct fake_ws *ws;

    assert(exchange->upgrade && !exchange->begun);
    ws = eca_xalloc(sizeof(*ws));
    ws->hub = exchange->hub;
    ws->party = exchange->party;
    ws->events = *events;
    ws->arg = arg;
    ws->ops = ops;
    ws->link = link;
    eca_list_init(&ws->delayed);
    eca_deferred_init(&ws->lost, ws->hub->sched, run_lost, ws);
    eca_list_push_back(&ws->hub->sockets, &ws->node);
    fake_exchange_accepted(exchange);
    if (ops == NULL) {
        ws->ended = true; /* the client left while the service thought about it */
        eca_deferred_queue(&ws->lost);
    } else {
        ops->accept(link, ws, glued);
    }
    return ws;
}

void fake_ws_accept_falsely(struct fake_exchange *exchange)
{
    const struct fake_link_ops *ops = exchange->ops;
    void *link = exchange->link;

    assert(exchange->upgrade && !exchange->begun);
    fake_exchange_accepted(exchange);
    if (ops != NULL) {
        ops->accept_falsely(link);
    }
}

static void deliver(struct fake_ws *ws, bool to_client, struct eca_view text)
{
    if (!to_client) {
        ws->events.on_text(ws->arg, text);
    } else if (!ws->ended) {
        ws->ops->ws_text(ws->link, text);
    }
}

static void run_late(void *arg)
{
    struct ws_late *late = arg;
    struct fake_ws *ws = late->ws;
    struct eca_buf text = late->text;
    bool to_client = late->to_client;

    ws->again = false;
    late->text = (struct eca_buf){0};
    late_free(late);
    deliver(ws, to_client, eca_buf_view(&text));
    eca_buf_clear(&text);
}

/* The value of the first "type" member: enough to name a message, also of one that is signed. */
static void message_type(struct eca_view text, struct eca_buf *out)
{
    size_t at = eca_view_find(text, "\"type\"", 0);
    size_t from, to;

    if (at == SIZE_MAX) {
        return;
    }
    from = eca_view_find(text, "\"", at + 6);
    to = from == SIZE_MAX ? SIZE_MAX : eca_view_find(text, "\"", from + 1);
    if (to != SIZE_MAX && to - from <= 64) {
        eca_buf_add_view(out, eca_view_sub(text, from + 1, to - from - 1));
    }
}

/* How many copies of it arrive, now or late. */
static uint32_t pass(struct fake_ws *ws, bool to_client, struct eca_view text)
{
    eca_auto_buf struct eca_buf type = {0};
    const struct fake_fault *fault;

    ws->again = false;
    message_type(text, &type);
    fault = fake_hub_pick(ws->hub, ws->party, NULL, eca_buf_str(&type), NULL, FAKE_SUBJECT_MESSAGE);
    if (fault == NULL) {
        deliver(ws, to_client, text);
        return 1;
    }
    ws->spoilt = ws->spoilt || !to_client;
    if (fault->kind == FAKE_FAULT_DUPLICATE) {
        deliver(ws, to_client, text);
        ws->again = true;
        deliver(ws, to_client, text);
        return 2;
    }
    if (fault->kind == FAKE_FAULT_DELAY) {
        struct ws_late *late = eca_xalloc(sizeof(*late));
        late->ws = ws;
        late->to_client = to_client;
        eca_buf_add_view(&late->text, text);
        eca_timer_init(&late->timer, ws->hub->sched, run_late, late);
        eca_timer_start_ms(&late->timer, fault->delay_ms);
        eca_list_push_back(&ws->delayed, &late->node);
        return 1;
    }
    if (fault->kind == FAKE_FAULT_RESET) {
        fake_ws_cut(ws);
    } /* DROP: nothing */
    return 0;
}

uint32_t fake_ws_send(struct fake_ws *ws, struct eca_view text)
{
    return ws->ended ? 0 : pass(ws, true, text);
}

bool fake_ws_is_copy(const struct fake_ws *ws)
{
    return ws->again;
}

bool fake_ws_is_spoilt(const struct fake_ws *ws)
{
    return ws->spoilt;
}

uint32_t fake_ws_frames(const struct fake_ws *ws)
{
    return ws->frames;
}

void fake_ws_ping(struct fake_ws *ws, struct eca_view payload)
{
    assert(payload.len <= 125);
    if (!ws->ended) {
        ws->ops->ws_ping(ws->link, payload);
    }
}

void fake_ws_close(struct fake_ws *ws, int code, const char *reason)
{
    if (!ws->ended) {
        ws->ended = true;
        ws->ops->ws_close(ws->link, code, reason == NULL ? "" : reason);
    }
}

void fake_ws_cut(struct fake_ws *ws)
{
    if (ws->ops != NULL) {
        ws->ended = true;
        ws->ops->ws_cut(ws->link);
    }
}

void fake_ws_set_reading(struct fake_ws *ws, bool reading)
{
    fake_ws_read_only(ws, reading ? UINT64_MAX : 0);
}

void fake_ws_read_only(struct fake_ws *ws, uint64_t bytes)
{
    if (ws->ops != NULL) {
        ws->ops->ws_reading(ws->link, bytes);
    }
}

void fake_ws_send_raw(struct fake_ws *ws, struct eca_view bytes)
{
    if (!ws->ended) {
        ws->ops->ws_raw(ws->link, bytes);
    }
}

void fake_hub_ws_text(struct fake_ws *ws, struct eca_view message, uint32_t frames)
{
    ws->frames = frames;
    if (!ws->frozen) {
        pass(ws, false, message);
    }
}

void fake_hub_ws_pong(struct fake_ws *ws, struct eca_view payload)
{
    if (ws->events.on_pong != NULL && !ws->frozen) {
        ws->events.on_pong(ws->arg, payload);
    }
}

void fake_hub_ws_closed(struct fake_ws *ws, int code, struct eca_view reason)
{
    ws->ended = true;
    ws->ops = NULL;
    ws->events.on_closed(ws->arg, code, reason);
    fake_ws_drop(ws);
}
