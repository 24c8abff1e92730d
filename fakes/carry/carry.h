#ifndef FAKES_CARRY_CARRY_H
#define FAKES_CARRY_CARRY_H

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/ports/channel.h"
#include "agent/ports/entropy.h"
#include "agent/ports/http.h"
#include "agent/ports/sched.h"
#include "fakes/carry/trace.h"

/*
 * One fake, two carriers. A service (the behaviour of a fake) sees exchanges and websockets only
 * through this header; a carrier (memory: fakes/carry/memory.c, sockets: fakes/carry/socket.c)
 * brings them. Between the two sits the hub: it knows the parties by name, applies faults and
 * writes the trace.
 *
 *    agent's http port --> memory carrier --\
 *                                            hub (faults, trace) --> service (ecs, acs, docker ...)
 *    real sockets ------> socket carrier ---/
 *
 * Everything runs on one eca_sched; service callbacks run from the loop. A service may answer
 * inside the callback or any time later.
 */

/* ---- HTTP exchanges ------------------------------------------------------------------------- */

struct fake_request {
    const char *party; /* the service's name: "docker" */
    const char *method;
    const char *target; /* as sent, absolute form already stripped to path and query (DKR-F01) */
    const char *path;   /* as sent, without query, not decoded */
    const char *query;  /* without '?', "" when absent */
    const struct eca_http_header *headers; /* lower-case names */
    size_t header_count;
    struct eca_view body;
    const char *peer;
    uint64_t number; /* nth request to this party, from 1 */
    bool proxy_form; /* came in absolute form */
    bool copy;       /* of a doubled request: not the client's own doing */
};
const char *fake_request_header(const struct fake_request *request, const char *name); /* or NULL */
/* Decoded value of a query parameter into out; false when absent. */
bool fake_request_param(const struct fake_request *request, const char *name, struct eca_buf *out);

struct fake_exchange; /* valid until end, reset, or on_gone */
struct fake_service {
    const char *party;
    void (*on_request)(void *arg, struct fake_exchange *exchange);
    /* A websocket upgrade request; NULL = upgrades are answered 400. Accept or refuse later. */
    void (*on_upgrade)(void *arg, struct fake_exchange *exchange);
    void *arg;
};

const struct fake_request *fake_exchange_request(const struct fake_exchange *exchange);
/* Extra answer header; before reply or begin. With the content type as many as an answer has. */
#define FAKE_ANSWER_HEADERS_MAX 64
void fake_exchange_header(struct fake_exchange *exchange, const char *name, const char *value);
/* Whole answer; ends the exchange. content_type NULL = none. */
void fake_exchange_reply(struct fake_exchange *exchange, int status, const char *content_type,
                         struct eca_view body);
/* Streamed answer (chunked). */
void fake_exchange_begin(struct fake_exchange *exchange, int status, const char *content_type);
void fake_exchange_write(struct fake_exchange *exchange, struct eca_view bytes);
/* As write, for one message of a stream: message faults match `what` ("event:die"). */
void fake_exchange_write_event(struct fake_exchange *exchange, const char *what,
                               struct eca_view bytes);
void fake_exchange_end(struct fake_exchange *exchange);
/* An answer of which nobody says where it ends: no length, not chunked, the connection stays open
 * (WS-308). The exchange is over for the service; the client finds out by its own limits. */
void fake_exchange_reply_unended(struct fake_exchange *exchange, int status,
                                 const char *content_type, struct eca_view body);
/* Drop the connection, before or in the middle of an answer. */
void fake_exchange_reset(struct fake_exchange *exchange);
/* The client left before the end; the exchange is gone when fn returns. */
void fake_exchange_on_gone(struct fake_exchange *exchange, void (*fn)(void *arg), void *arg);

/* ---- websockets ----------------------------------------------------------------------------- */

struct fake_ws; /* valid until on_closed returned */
struct fake_ws_events {
    void (*on_text)(void *arg, struct eca_view message);
    /* code 0: connection lost without Close frame. Once, last. */
    void (*on_closed)(void *arg, int code, struct eca_view reason);
    void (*on_pong)(void *arg, struct eca_view payload); /* may be NULL */
};
/* Answer 101; the exchange becomes the websocket. Refusing = fake_exchange_reply. */
struct fake_ws *fake_ws_accept(struct fake_exchange *exchange, const struct fake_ws_events *events,
                               void *arg);
/* The same with bytes behind the answer's head, in one segment with it (WS-132, WS-311). */
struct fake_ws *fake_ws_accept_with(struct fake_exchange *exchange, struct eca_view glued,
                                    const struct fake_ws_events *events, void *arg);
/* Answer 101 with the accept value of another key (TCS-905); ends the exchange. */
void fake_ws_accept_falsely(struct fake_exchange *exchange);
/* Inside on_text: a fault made this second copy, the client sent the message once. */
bool fake_ws_is_copy(const struct fake_ws *ws);
/* A fault has acted on a message of the client: later ones say nothing about its order and time. */
bool fake_ws_is_spoilt(const struct fake_ws *ws);
/* Inside on_text: the frames that the message came in (TCS-404). */
uint32_t fake_ws_frames(const struct fake_ws *ws);
/* How often it is on its way now: once, or never or twice where a fault acts on it. */
uint32_t fake_ws_send(struct fake_ws *ws, struct eca_view text);
void fake_ws_ping(struct fake_ws *ws, struct eca_view payload);
void fake_ws_close(struct fake_ws *ws, int code, const char *reason); /* code 1005: empty Close */
void fake_ws_cut(struct fake_ws *ws);                                 /* end of TCP without Close */
void fake_ws_set_reading(struct fake_ws *ws, bool reading); /* false: stop reading (FB-21 d) */
/* Stop after so many bytes more (TCS-905); through memory: before the message that has the last. */
void fake_ws_read_only(struct fake_ws *ws, uint64_t bytes);
/* Raw bytes instead of a frame: garbage, masked frames, reserved bits (WS-311). */
void fake_ws_send_raw(struct fake_ws *ws, struct eca_view bytes);

/* ---- hub ------------------------------------------------------------------------------------ */

struct fake_hub;
struct fake_hub *fake_hub_new(struct eca_sched *sched, struct eca_entropy entropy,
                              struct fake_trace *trace);
void fake_hub_free(struct fake_hub *hub);
/* service is copied; one per party name. */
void fake_hub_add(struct fake_hub *hub, const struct fake_service *service);

/*
 * Faults on exchanges. A rule matches by party, method, and a glob on the path or, where the party
 * has one, the operation or message type ("Submit*", "create", "PayloadMessage"); then counts:
 * skips the first `skip` matches, acts on the next `times` (0 = for ever), each with chance/1000.
 * The first rule that acts wins. Names have parts, "stop:web/app": the pattern "stop" fits as well.
 *
 * DUPLICATE, DELAY and RESET also act on messages, DROP on them alone: those of a websocket in
 * either direction (their "type") and those of an event stream (`what` of
 * fake_exchange_write_event). DUPLICATE of a request: what lies between has sent it twice; the
 * service carries it out twice, observers see both, the client has the first answer. An upgrade is
 * never doubled. A delayed message is overtaken by later ones. Upgrade requests know only one
 * answer, so that the *_ANSWER kinds act before the service there. Each act is an event "fault" of
 * lane scenario.
 */
enum fake_fault_kind {
    FAKE_FAULT_DELAY,        /* delay_ms before the service sees the request */
    FAKE_FAULT_DELAY_ANSWER, /* effect now, answer delay_ms later */
    FAKE_FAULT_HANG,         /* accepted, never answered; the service never sees it */
    FAKE_FAULT_HANG_ANSWER,  /* effect happens, no answer ever */
    FAKE_FAULT_REFUSE,       /* connection refused; one that picks its exchanges: as RESET */
    FAKE_FAULT_RESET,        /* reset before the service sees it */
    FAKE_FAULT_RESET_ANSWER, /* effect happens, reset before the answer */
    FAKE_FAULT_CUT_BODY,     /* half of the answer's body, then reset */
    FAKE_FAULT_STATUS,       /* status and body instead of the service's answer; no effect */
    FAKE_FAULT_STATUS_AFTER, /* effect happens, the answer is this status and body */
    FAKE_FAULT_GARBAGE,      /* 200 with a body that is not what it says */
    FAKE_FAULT_DUPLICATE,    /* a request carried out, a message delivered twice */
    FAKE_FAULT_DROP,         /* websocket message or event lost */
};
struct fake_fault {
    enum fake_fault_kind kind;
    const char *party;                  /* NULL = any */
    const char *method;                 /* NULL = any */
    const char *what;                   /* glob on operation, message type or path; NULL = any */
    uint32_t skip, times, chance_milli; /* chance 0 = always */
    uint64_t delay_ms;
    int status;
    const char *body; /* STATUS*, GARBAGE */
    const char *content_type;
    const char *location; /* STATUS*: header Location; NULL = none */
};
/* Strings are copied. Returns an id for removal. */
uint32_t fake_hub_fault(struct fake_hub *hub, const struct fake_fault *fault);
void fake_hub_fault_remove(struct fake_hub *hub, uint32_t id);
void fake_hub_fault_clear(struct fake_hub *hub);

/*
 * The name of what a request asks for ("SubmitTaskStateChange", "create", "inspect"), for faults
 * and trace; set by the service once per party. Returns NULL for "no better name than the path".
 */
typedef const char *fake_name_fn(void *arg, const struct fake_request *request);
void fake_hub_set_namer(struct fake_hub *hub, const char *party, fake_name_fn *namer, void *arg);
/*
 * Sees every finished exchange of a party, whatever answered it (service, fault, a real daemon
 * behind a relay): where trace events about HTTP parties come from. status 0 = no answer reached
 * the client. Of a streamed answer the body is its last FAKE_OBSERVED_STREAM_BYTES at most.
 */
#define FAKE_OBSERVED_STREAM_BYTES ((size_t)16 << 10)
typedef void fake_arrive_fn(void *arg, const struct fake_request *request);
typedef void fake_observe_fn(void *arg, const struct fake_request *request, int status,
                             struct eca_view answer_body);
void fake_hub_observe(struct fake_hub *hub, const char *party, fake_observe_fn *observe, void *arg);
/* Sees every request of a party as it arrives, before faults and service. */
void fake_hub_on_arrive(struct fake_hub *hub, const char *party, fake_arrive_fn *arrive, void *arg);
/*
 * Forget service, namer and observers of a party (its fake is being freed), with its exchanges and
 * websockets. Order at the end of a run: agent, carriers, fakes, hub, trace.
 */
void fake_hub_remove(struct fake_hub *hub, const char *party);
/*
 * A pulled cable: what is open to a party falls silent in both directions, without any end (half
 * open); new connections work. The client finds out by its own limits. Returns how many.
 */
size_t fake_hub_freeze(struct fake_hub *hub, const char *party);
/* Exchanges and websockets that are open: what costs the agent descriptors. */
size_t fake_hub_open(const struct fake_hub *hub);
/* "hang-answer", ...; false when unknown. */
bool fake_fault_parse(struct eca_view name, enum fake_fault_kind *ret_kind);
/* Shell pattern with '*' and '?'. */
bool fake_glob(const char *pattern, const char *text);

/* What every fake is built on; all of it outlives the fake. */
struct fake_base {
    struct eca_sched *sched;
    struct eca_entropy entropy;
    struct fake_hub *hub;
    struct fake_trace *trace;
};

/* ---- carriers ------------------------------------------------------------------------------- */

/*
 * Memory: the agent's own ports, answered by the hub without a socket. A URL is mapped to a party
 * by its authority ("ecs.us-west-2.amazonaws.com"), a unix socket by its path; an unmapped one is
 * refused. Every direction takes latency_us (+ jitter from entropy).
 */
struct fake_memory;
struct fake_memory *fake_memory_new(struct fake_hub *hub, struct eca_sched *sched,
                                    struct eca_entropy entropy);
void fake_memory_free(struct fake_memory *memory);
void fake_memory_map(struct fake_memory *memory, const char *authority_or_path,
                     const char *party); /* NULL: unmap */
void fake_memory_latency(struct fake_memory *memory, uint64_t latency_us, uint64_t jitter_us);
struct eca_http fake_memory_http(struct fake_memory *memory);
struct eca_channel fake_memory_channel(struct fake_memory *memory);
/* The client side died: every open exchange and websocket of it is gone (agent crash). */
void fake_memory_drop_client(struct fake_memory *memory);

/* Sockets: fakes/carry/socket.h (needs the production loop). */

#endif
