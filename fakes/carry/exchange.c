#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "fakes/carry/hub.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static const char garbage_text[] = "\x16\x03<<< this is not what the header says >>>";

/* A stream message that arrives late (DELAY on a message). */
struct fake_late {
    struct eca_list_node node;
    struct eca_timer timer;
    struct fake_exchange *exchange;
    struct eca_buf bytes;
};

static void late_free(struct fake_late *late)
{
    eca_timer_stop(&late->timer);
    eca_list_remove(&late->exchange->delayed, &late->node);
    eca_buf_clear(&late->bytes);
    eca_free(late);
}

static void held_clear(struct fake_exchange *exchange)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&exchange->held)) != NULL) {
        struct fake_held *held = eca_list_entry(node, struct fake_held, node);
        eca_buf_clear(&held->bytes);
        eca_free(held);
    }
}

static void exchange_free(struct fake_exchange *exchange)
{
    eca_timer_stop(&exchange->timer);
    eca_deferred_cancel(&exchange->tell_gone);
    held_clear(exchange);
    ECA_LIST_FOREACH(it, &exchange->delayed)
    {
        late_free(eca_list_entry(it, struct fake_late, node));
    }
    eca_list_remove(&exchange->hub->exchanges, &exchange->node);
    if (exchange->twin != NULL) {
        exchange->twin->twin = NULL;
    }
    for (size_t i = 0; i < exchange->request.header_count; i++) {
        eca_free((void *)(uintptr_t)exchange->headers[i].name);
        eca_free((void *)(uintptr_t)exchange->headers[i].value);
    }
    for (size_t i = 0; i < exchange->answer_header_count; i++) {
        eca_free((void *)(uintptr_t)exchange->answer_headers[i].name);
        eca_free((void *)(uintptr_t)exchange->answer_headers[i].value);
    }
    eca_free((void *)(uintptr_t)exchange->request.method);
    eca_free((void *)(uintptr_t)exchange->request.target);
    eca_free((void *)(uintptr_t)exchange->request.path);
    eca_free((void *)(uintptr_t)exchange->request.query);
    eca_free((void *)(uintptr_t)exchange->request.peer);
    eca_buf_clear(&exchange->body);
    eca_buf_clear(&exchange->seen);
    eca_free(exchange->what);
    eca_free(exchange->fault_body);
    eca_free(exchange->fault_type);
    eca_free(exchange->fault_location);
    eca_free(exchange);
}

void fake_exchange_drop(struct fake_exchange *exchange)
{
    if (exchange->slot != NULL) {
        *exchange->slot = NULL;
    }
    exchange_free(exchange);
}

static void unlink_client(struct fake_exchange *exchange);

/* The client has its answer or left: a stream to its copy would never end. */
static void unlink_copy(struct fake_exchange *copy)
{
    if (copy->ops != NULL && copy->streamed) {
        unlink_client(copy);
    }
}

/* The client side is over: tell the observers once. */
static void unlink_client(struct fake_exchange *exchange)
{
    struct fake_party *party = exchange->party;

    if (exchange->slot != NULL) {
        *exchange->slot = NULL;
        exchange->slot = NULL;
    }
    exchange->ops = NULL;
    if (exchange->twin != NULL && !exchange->request.copy) {
        unlink_copy(exchange->twin);
    }
    if (!exchange->observed) {
        exchange->observed = true;
        for (size_t i = 0; i < party->observer_count; i++) {
            party->observers[i].fn(party->observers[i].arg, &exchange->request, exchange->status,
                                   eca_buf_view(&exchange->seen));
        }
    }
    if (!exchange->with_service) {
        exchange_free(exchange);
    } else if (exchange->on_gone != NULL) {
        eca_deferred_queue(&exchange->tell_gone);
    } /* else it is a shell until the service ends it */
}

static void run_tell_gone(void *arg)
{
    struct fake_exchange *exchange = arg;
    void (*fn)(void *) = exchange->on_gone;
    void *fn_arg = exchange->on_gone_arg;

    exchange->with_service = false;
    exchange->on_gone = NULL;
    fn(fn_arg);
    exchange_free(exchange);
}

/* ---- towards the client --------------------------------------------------------------------- */

static void remember(struct fake_exchange *exchange, struct eca_view bytes)
{
    if (exchange->party->observer_count == 0) {
        return;
    }
    eca_buf_add_view(&exchange->seen, bytes);
    if (exchange->streamed && exchange->seen.len > 2 * FAKE_OBSERVED_STREAM_BYTES) {
        eca_buf_drop(&exchange->seen, exchange->seen.len - FAKE_OBSERVED_STREAM_BYTES);
    }
}

static void send_begin(struct fake_exchange *exchange, int status, size_t content_length)
{
    exchange->status = status;
    exchange->streamed = content_length == SIZE_MAX;
    exchange->ops->begin(exchange->link, status, exchange->answer_headers,
                         exchange->answer_header_count, content_length);
}

static void send_write(struct fake_exchange *exchange, struct eca_view bytes)
{
    if (bytes.len > 0) {
        remember(exchange, bytes);
        exchange->ops->write(exchange->link, bytes);
    }
}

static void send_end(struct fake_exchange *exchange)
{
    const struct fake_link_ops *ops = exchange->ops;
    void *link = exchange->link;

    unlink_client(exchange);
    ops->end(link);
}

static void send_reset(struct fake_exchange *exchange)
{
    const struct fake_link_ops *ops = exchange->ops;
    void *link = exchange->link;

    if (exchange->status != 0 && !exchange->streamed) {
        exchange->status = 0; /* half an answer is none */
    }
    unlink_client(exchange);
    ops->reset(link);
}

static void add_answer_header(struct fake_exchange *exchange, const char *name, const char *value)
{
    assert(exchange->answer_header_count < FAKE_ANSWER_HEADERS_MAX);
    exchange->answer_headers[exchange->answer_header_count].name = eca_xstrdup(name);
    exchange->answer_headers[exchange->answer_header_count++].value = eca_xstrdup(value);
}

static void set_content_type(struct fake_exchange *exchange, const char *value)
{
    for (size_t i = 0; i < exchange->answer_header_count; i++) {
        if (strcmp(exchange->answer_headers[i].name, "content-type") == 0) {
            eca_free((void *)(uintptr_t)exchange->answer_headers[i].value);
            exchange->answer_headers[i].value = eca_xstrdup(value);
            return;
        }
    }
    add_answer_header(exchange, "content-type", value);
}

/* The rule's own answer in place of the service's. */
static void send_fault_answer(struct fake_exchange *exchange)
{
    bool garbage = exchange->fault.kind == FAKE_FAULT_GARBAGE;
    const char *text = exchange->fault_body;
    const char *type = exchange->fault_type;
    int status = exchange->fault.status;
    struct eca_view body;

    if (text == NULL) {
        text = garbage ? garbage_text : "";
    }
    if (type == NULL) {
        type = text[0] == '{' || garbage ? "application/json" : "text/plain; charset=utf-8";
    }
    if (status == 0) {
        status = garbage ? 200 : 500;
    }
    body = eca_view_str(text);
    set_content_type(exchange, type);
    if (exchange->fault_location != NULL && !garbage) {
        add_answer_header(exchange, "location", exchange->fault_location);
    }
    send_begin(exchange, status, body.len);
    send_write(exchange, body);
    send_end(exchange);
}

/* ---- arrival -------------------------------------------------------------------------------- */

static void to_service(struct fake_exchange *exchange)
{
    struct fake_party *party = exchange->party;

    exchange->with_service = true;
    if (!party->has_service) {
        fake_exchange_reply(exchange, 502, "text/plain", eca_view_str("nobody serves this party"));
    } else if (!exchange->upgrade) {
        party->service.on_request(party->service.arg, exchange);
    } else if (party->service.on_upgrade == NULL) {
        fake_exchange_reply(exchange, 400, "text/plain", eca_view_str("no websocket here"));
    } else {
        party->service.on_upgrade(party->service.arg, exchange);
    }
}

static void run_timer(void *arg);
static void arrive(struct fake_exchange *exchange, const struct fake_incoming *incoming);
static struct fake_exchange *exchange_new(struct fake_hub *hub, struct fake_party *party,
                                          const struct fake_link_ops *ops, void *link,
                                          struct fake_exchange **slot);

/* The copy comes right behind; it is made first, as the service may end the other at once. */
static void to_service_twice(struct fake_exchange *exchange)
{
    const struct fake_request *request = &exchange->request;
    struct fake_incoming incoming = {.party = request->party,
                                     .method = request->method,
                                     .target = request->target,
                                     .headers = request->headers,
                                     .header_count = request->header_count,
                                     .body = request->body,
                                     .peer = request->peer};
    struct fake_exchange *copy =
        exchange_new(exchange->hub, exchange->party, &fake_link_silent, NULL, NULL);

    copy->request.copy = true;
    copy->twin = exchange;
    exchange->twin = copy;
    arrive(copy, &incoming);
    copy->request.proxy_form = request->proxy_form;
    to_service(exchange);
    to_service(copy);
}

static void apply_fault(struct fake_exchange *exchange, const struct fake_fault *fault)
{
    if (fault != NULL) {
        exchange->has_fault = true;
        exchange->fault = *fault;
        exchange->fault_body = eca_xstrdup(fault->body);
        exchange->fault_type = eca_xstrdup(fault->content_type);
        exchange->fault_location = eca_xstrdup(fault->location);
        if (exchange->upgrade) { /* an upgrade's answer has no middle */
            switch (fault->kind) {
            case FAKE_FAULT_DELAY_ANSWER:
                exchange->fault.kind = FAKE_FAULT_DELAY;
                break;
            case FAKE_FAULT_HANG_ANSWER:
                exchange->fault.kind = FAKE_FAULT_HANG;
                break;
            case FAKE_FAULT_RESET_ANSWER:
            case FAKE_FAULT_CUT_BODY:
                exchange->fault.kind = FAKE_FAULT_RESET;
                break;
            case FAKE_FAULT_STATUS_AFTER:
                exchange->fault.kind = FAKE_FAULT_STATUS;
                break;
            case FAKE_FAULT_DELAY:
            case FAKE_FAULT_HANG:
            case FAKE_FAULT_REFUSE:
            case FAKE_FAULT_RESET:
            case FAKE_FAULT_STATUS:
            case FAKE_FAULT_GARBAGE:
            case FAKE_FAULT_DUPLICATE:
            case FAKE_FAULT_DROP:
                break;
            }
        }
    }
    if (!exchange->has_fault) {
        to_service(exchange);
        return;
    }
    switch (exchange->fault.kind) {
    case FAKE_FAULT_DELAY:
        eca_timer_start_ms(&exchange->timer, exchange->fault.delay_ms);
        return;
    case FAKE_FAULT_HANG:
        return;             /* until the client gives up */
    case FAKE_FAULT_REFUSE: /* the request is here: no carrier can refuse it any more */
    case FAKE_FAULT_RESET:
        send_reset(exchange);
        return;
    case FAKE_FAULT_STATUS:
    case FAKE_FAULT_GARBAGE:
        send_fault_answer(exchange);
        return;
    case FAKE_FAULT_DELAY_ANSWER:
        exchange->holding = true;
        to_service(exchange);
        return;
    case FAKE_FAULT_DUPLICATE:
        to_service_twice(exchange);
        return;
    case FAKE_FAULT_HANG_ANSWER:
    case FAKE_FAULT_RESET_ANSWER:
    case FAKE_FAULT_CUT_BODY:
    case FAKE_FAULT_STATUS_AFTER:
    case FAKE_FAULT_DROP:
        to_service(exchange);
        return;
    }
}

/* Path and query of a target; the absolute form of a proxy request loses its front (DKR-F01). */
static void split_target(struct fake_exchange *exchange, const char *target)
{
    const char *from = target, *question;

    if (strncmp(from, "http://", 7) == 0 || strncmp(from, "https://", 8) == 0) {
        const char *slash = strchr(strstr(from, "://") + 3, '/');
        from = slash == NULL ? "/" : slash;
        exchange->request.proxy_form = true;
    }
    question = strchr(from, '?');
    exchange->request.target = eca_xstrdup(from);
    exchange->request.path =
        question == NULL ? eca_xstrdup(from) : eca_xstrndup(from, (size_t)(question - from));
    exchange->request.query = eca_xstrdup(question == NULL ? "" : question + 1);
}

/* FB-INV.8: more than five connection attempts within a second; told once per series. */
static void watch_rate(struct fake_hub *hub, struct fake_party *party)
{
    uint64_t now_ns = eca_sched_now_ns(hub->sched);
    size_t slot = (size_t)(party->attempts % ATTEMPTS_PER_SECOND_MAX);
    enum fake_lane lane = FAKE_LANE_SCENARIO;

    if (party->attempts >= ATTEMPTS_PER_SECOND_MAX &&
        now_ns - party->attempts_ns[slot] < NS_PER_SECOND) {
        (void)fake_lane_parse(eca_view_str(party->name), &lane);
        (void)fake_trace_violation(hub->trace, lane, "FB-INV.8",
                                   "%s: more than %d connection attempts within a second",
                                   party->name, ATTEMPTS_PER_SECOND_MAX);
        party->attempts = 0;
        slot = 0;
    }
    party->attempts_ns[slot] = now_ns;
    party->attempts++;
}

static struct fake_exchange *exchange_new(struct fake_hub *hub, struct fake_party *party,
                                          const struct fake_link_ops *ops, void *link,
                                          struct fake_exchange **slot)
{
    struct fake_exchange *exchange = eca_xalloc(sizeof(*exchange));

    exchange->hub = hub;
    exchange->party = party;
    exchange->ops = ops;
    exchange->link = link;
    exchange->slot = slot;
    eca_list_push_back(&hub->exchanges, &exchange->node);
    eca_list_init(&exchange->held);
    eca_list_init(&exchange->delayed);
    eca_timer_init(&exchange->timer, hub->sched, run_timer, exchange);
    eca_deferred_init(&exchange->tell_gone, hub->sched, run_tell_gone, exchange);
    return exchange;
}

/* Copy the request, name it, and show it to those who watch. */
static void arrive(struct fake_exchange *exchange, const struct fake_incoming *incoming)
{
    struct fake_party *party = exchange->party;
    struct fake_request *request = &exchange->request;
    const char *named = NULL;

    exchange->upgrade = incoming->upgrade;
    request->party = party->name;
    request->method = eca_xstrdup(incoming->method);
    split_target(exchange, incoming->target);
    for (size_t i = 0; i < incoming->header_count && i < REQUEST_HEADERS_MAX; i++) {
        exchange->headers[i].name = eca_xstrdup(incoming->headers[i].name);
        exchange->headers[i].value = eca_xstrdup(incoming->headers[i].value);
        request->header_count++;
    }
    request->headers = exchange->headers;
    eca_buf_add_view(&exchange->body, incoming->body);
    request->body = eca_buf_view(&exchange->body);
    request->peer = eca_xstrdup(incoming->peer == NULL ? "" : incoming->peer);
    request->number = ++party->requests;
    if (incoming->upgrade) {
        watch_rate(exchange->hub, party);
    }
    if (party->namer != NULL) {
        named = party->namer(party->namer_arg, request);
    }
    exchange->what = eca_xstrdup(named == NULL ? request->path : named);
    for (size_t i = 0; i < party->arrival_count; i++) {
        party->arrivals[i].fn(party->arrivals[i].arg, request);
    }
}

void fake_hub_arrive(struct fake_hub *hub, const struct fake_incoming *incoming,
                     const struct fake_link_ops *ops, void *link, struct fake_exchange **slot)
{
    struct fake_party *party = fake_hub_party(hub, incoming->party);
    struct fake_exchange *exchange = exchange_new(hub, party, ops, link, slot);
    const struct fake_request *request = &exchange->request;

    *slot = exchange;
    arrive(exchange, incoming);
    apply_fault(exchange,
                fake_hub_pick(hub, party, request->method, exchange->what, request->path,
                              incoming->upgrade ? FAKE_SUBJECT_UPGRADE : FAKE_SUBJECT_REQUEST));
}

void fake_hub_client_left(struct fake_exchange *exchange)
{
    if (exchange->status != 0 && !exchange->streamed && !exchange->done) {
        exchange->status = 0;
    }
    eca_timer_stop(&exchange->timer);
    unlink_client(exchange);
}

/* ---- calls of the service ------------------------------------------------------------------- */

const struct fake_request *fake_exchange_request(const struct fake_exchange *exchange)
{
    return &exchange->request;
}

void fake_exchange_on_gone(struct fake_exchange *exchange, void (*fn)(void *arg), void *arg)
{
    exchange->on_gone = fn;
    exchange->on_gone_arg = arg;
    if (exchange->ops == NULL && fn != NULL) {
        eca_deferred_queue(&exchange->tell_gone);
    }
}

void fake_exchange_header(struct fake_exchange *exchange, const char *name, const char *value)
{
    assert(!exchange->begun);
    add_answer_header(exchange, name, value);
}

static void hold(struct fake_exchange *exchange, enum fake_held_op op, int status,
                 size_t content_length, struct eca_view bytes)
{
    struct fake_held *held = eca_xalloc(sizeof(*held));

    held->op = op;
    held->status = status;
    held->content_length = content_length;
    eca_buf_add_view(&held->bytes, bytes);
    eca_list_push_back(&exchange->held, &held->node);
    if (!eca_timer_is_armed(&exchange->timer)) {
        eca_timer_start_ms(&exchange->timer, exchange->fault.delay_ms);
    }
}

/* The service is through with it; what the client still waits for is the hub's business. */
static void service_ends(struct fake_exchange *exchange)
{
    exchange->done = true;
    exchange->with_service = false;
    exchange->on_gone = NULL;
    eca_deferred_cancel(&exchange->tell_gone);
}

static void do_begin(struct fake_exchange *exchange, int status, size_t content_length)
{
    if (exchange->holding) {
        hold(exchange, HELD_BEGIN, status, content_length, ECA_VIEW_NONE);
        return;
    }
    if (exchange->has_fault) {
        switch (exchange->fault.kind) {
        case FAKE_FAULT_HANG_ANSWER:
            return;
        case FAKE_FAULT_RESET_ANSWER:
            send_reset(exchange);
            return;
        case FAKE_FAULT_STATUS_AFTER:
            send_fault_answer(exchange);
            return;
        case FAKE_FAULT_CUT_BODY:
        case FAKE_FAULT_DELAY:
        case FAKE_FAULT_DELAY_ANSWER:
        case FAKE_FAULT_HANG:
        case FAKE_FAULT_REFUSE:
        case FAKE_FAULT_RESET:
        case FAKE_FAULT_STATUS:
        case FAKE_FAULT_GARBAGE:
        case FAKE_FAULT_DUPLICATE:
        case FAKE_FAULT_DROP:
            break;
        }
    }
    send_begin(exchange, status, content_length);
}

static bool is_hanging(const struct fake_exchange *exchange)
{
    return exchange->has_fault && exchange->fault.kind == FAKE_FAULT_HANG_ANSWER;
}

static void do_write(struct fake_exchange *exchange, struct eca_view bytes)
{
    if (exchange->ops == NULL || is_hanging(exchange)) {
        return;
    }
    if (exchange->holding) {
        hold(exchange, HELD_WRITE, 0, 0, bytes);
        return;
    }
    if (exchange->has_fault && exchange->fault.kind == FAKE_FAULT_CUT_BODY) {
        send_write(exchange, eca_view_sub(bytes, 0, bytes.len / 2));
        send_reset(exchange);
        return;
    }
    send_write(exchange, bytes);
}

static void do_end(struct fake_exchange *exchange)
{
    if (exchange->ops == NULL) {
        exchange_free(exchange);
    } else if (is_hanging(exchange)) {
        return; /* stays until the client leaves */
    } else if (exchange->holding) {
        hold(exchange, HELD_END, 0, 0, ECA_VIEW_NONE);
    } else if (exchange->has_fault && exchange->fault.kind == FAKE_FAULT_CUT_BODY) {
        send_reset(exchange); /* the body was empty */
    } else {
        send_end(exchange);
    }
}

void fake_exchange_begin(struct fake_exchange *exchange, int status, const char *content_type)
{
    assert(!exchange->begun && !exchange->done);
    exchange->begun = true;
    if (exchange->ops == NULL) {
        return;
    }
    if (content_type != NULL) {
        add_answer_header(exchange, "content-type", content_type);
    }
    do_begin(exchange, status, SIZE_MAX);
}

void fake_exchange_write(struct fake_exchange *exchange, struct eca_view bytes)
{
    assert(exchange->begun && !exchange->done);
    if (bytes.len > 0) {
        do_write(exchange, bytes);
    }
}

void fake_exchange_end(struct fake_exchange *exchange)
{
    assert(exchange->begun && !exchange->done);
    service_ends(exchange);
    do_end(exchange);
}

void fake_exchange_reply(struct fake_exchange *exchange, int status, const char *content_type,
                         struct eca_view body)
{
    assert(!exchange->begun && !exchange->done);
    exchange->begun = true;
    if (exchange->ops != NULL) {
        if (content_type != NULL) {
            add_answer_header(exchange, "content-type", content_type);
        }
        /* From here on the exchange may end by its fault; the service's claim keeps it alive. */
        do_begin(exchange, status, body.len);
        if (body.len > 0) {
            do_write(exchange, body);
        }
    }
    service_ends(exchange);
    do_end(exchange);
}

void fake_exchange_reply_unended(struct fake_exchange *exchange, int status,
                                 const char *content_type, struct eca_view body)
{
    assert(!exchange->begun && !exchange->done);
    exchange->begun = true;
    if (exchange->ops != NULL) {
        if (content_type != NULL) {
            add_answer_header(exchange, "content-type", content_type);
        }
        do_begin(exchange, status, FAKE_LENGTH_UNSAID);
        do_write(exchange, body);
    }
    service_ends(exchange);
    if (exchange->ops == NULL) {
        exchange_free(exchange);
    } /* else it stays until the client leaves */
}

void fake_exchange_reset(struct fake_exchange *exchange)
{
    assert(!exchange->done);
    service_ends(exchange);
    if (exchange->ops == NULL) {
        exchange_free(exchange);
    } else if (exchange->holding) {
        hold(exchange, HELD_RESET, 0, 0, ECA_VIEW_NONE);
    } else {
        send_reset(exchange);
    }
}

void fake_exchange_accepted(struct fake_exchange *exchange)
{
    bool there = exchange->ops != NULL;

    exchange->begun = true;
    service_ends(exchange);
    if (there) {
        exchange->status = 101;
        unlink_client(exchange);
    } else {
        exchange_free(exchange);
    }
}

/* ---- delays --------------------------------------------------------------------------------- */

static void release_held(struct fake_exchange *exchange)
{
    struct eca_list_node *node;
    bool ended = false;

    exchange->holding = false;
    while (!ended && (node = eca_list_pop_front(&exchange->held)) != NULL) {
        struct fake_held *held = eca_list_entry(node, struct fake_held, node);

        switch (held->op) {
        case HELD_BEGIN:
            send_begin(exchange, held->status, held->content_length);
            break;
        case HELD_WRITE:
            send_write(exchange, eca_buf_view(&held->bytes));
            break;
        case HELD_END:
            send_end(exchange);
            ended = true;
            break;
        case HELD_RESET:
            send_reset(exchange);
            ended = true;
            break;
        }
        eca_buf_clear(&held->bytes);
        eca_free(held);
    }
}

static void run_timer(void *arg)
{
    struct fake_exchange *exchange = arg;

    if (exchange->fault.kind == FAKE_FAULT_DELAY) {
        exchange->has_fault = false;
        to_service(exchange);
    } else {
        release_held(exchange);
    }
}

static void run_late(void *arg)
{
    struct fake_late *late = arg;
    struct fake_exchange *exchange = late->exchange;

    if (!exchange->done) {
        do_write(exchange, eca_buf_view(&late->bytes));
    }
    late_free(late);
}

void fake_exchange_write_event(struct fake_exchange *exchange, const char *what,
                               struct eca_view bytes)
{
    const struct fake_fault *fault;

    assert(exchange->begun && !exchange->done);
    if (exchange->ops == NULL || bytes.len == 0) {
        return;
    }
    fault = fake_hub_pick(exchange->hub, exchange->party, NULL, what, NULL, FAKE_SUBJECT_MESSAGE);
    if (fault == NULL) {
        do_write(exchange, bytes);
        return;
    }
    if (fault->kind == FAKE_FAULT_DUPLICATE) {
        do_write(exchange, bytes);
        do_write(exchange, bytes);
    } else if (fault->kind == FAKE_FAULT_DELAY) {
        struct fake_late *late = eca_xalloc(sizeof(*late));
        late->exchange = exchange;
        eca_buf_add_view(&late->bytes, bytes);
        eca_timer_init(&late->timer, exchange->hub->sched, run_late, late);
        eca_timer_start_ms(&late->timer, fault->delay_ms);
        eca_list_push_back(&exchange->delayed, &late->node);
    } else if (fault->kind == FAKE_FAULT_RESET) {
        do_write(exchange, eca_view_sub(bytes, 0, bytes.len / 2)); /* cut inside the object */
        if (exchange->ops != NULL) {
            send_reset(exchange);
        }
    } /* DROP: nothing */
}
