#ifndef FAKES_CARRY_HUB_H
#define FAKES_CARRY_HUB_H

#include "agent/base/list.h"
#include "fakes/carry/link.h"

/* The inside of the hub, shared by hub.c (parties, rules), exchange.c and ws.c only. */
#define PARTIES_MAX 32
#define OBSERVERS_MAX 8
#define REQUEST_HEADERS_MAX 64
#define ATTEMPTS_PER_SECOND_MAX 5 /* FB-INV.8 */

struct fake_party {
    char *name;
    struct fake_service service;
    bool has_service;
    uint64_t requests;
    uint64_t attempts_ns[ATTEMPTS_PER_SECOND_MAX]; /* the latest upgrades, a ring */
    uint64_t attempts;
    fake_name_fn *namer;
    void *namer_arg;
    struct {
        fake_observe_fn *fn;
        void *arg;
    } observers[OBSERVERS_MAX];
    size_t observer_count;
    struct {
        fake_arrive_fn *fn;
        void *arg;
    } arrivals[OBSERVERS_MAX];
    size_t arrival_count;
};

struct fake_rule {
    uint32_t id;
    struct fake_fault fault; /* strings owned */
    uint64_t matched, acted;
};

struct fake_hub {
    struct eca_sched *sched;
    struct eca_entropy entropy;
    struct fake_trace *trace;
    struct fake_party *parties[PARTIES_MAX];
    size_t party_count;
    struct fake_rule **rules;
    size_t rule_count;
    uint32_t next_rule_id;
    void (*on_rules)(void *arg);
    void *on_rules_arg;
    struct eca_list exchanges, sockets;
};

enum fake_held_op { HELD_BEGIN, HELD_WRITE, HELD_END, HELD_RESET };

/* One call of a service that waits for its delay. */
struct fake_held {
    struct eca_list_node node;
    enum fake_held_op op;
    int status;
    size_t content_length;
    struct eca_buf bytes;
};

struct fake_exchange {
    struct fake_hub *hub;
    struct fake_party *party;
    struct eca_list_node node;
    struct fake_request request;
    struct eca_http_header headers[REQUEST_HEADERS_MAX];
    struct eca_buf body;
    bool upgrade;
    char *what; /* operation name, or the path */

    const struct fake_link_ops *ops; /* NULL: nobody listens any more */
    void *link;
    struct fake_exchange **slot;

    struct fake_fault fault; /* how the answer is spoilt; strings owned by the rule's copy below */
    bool has_fault;
    char *fault_body, *fault_type, *fault_location;

    struct eca_http_header answer_headers[FAKE_ANSWER_HEADERS_MAX];
    size_t answer_header_count;
    bool begun, done; /* what the service has called */
    int status;       /* sent to the client, 0 = nothing */
    bool streamed;
    struct eca_buf seen; /* answer for the observers */
    bool observed;

    struct eca_timer timer; /* delay before the service, or of the answer */
    bool holding;
    struct eca_list held;
    struct eca_list delayed; /* single stream messages on their way: struct fake_late */

    void (*on_gone)(void *arg);
    void *on_gone_arg;
    struct eca_deferred tell_gone;
    bool with_service; /* the service knows it and has not ended it */

    /* Of a doubled request: each knows the other while both are there. */
    struct fake_exchange *twin;
};

struct fake_ws {
    struct fake_hub *hub;
    struct fake_party *party;
    struct eca_list_node node;
    const struct fake_link_ops *ops;
    void *link;
    struct fake_ws_events events;
    void *arg;
    bool ended;      /* cut or closed by the service: nothing is sent any more */
    bool frozen;     /* nothing arrives any more */
    bool again;      /* what is delivered now is the second copy of one message */
    bool spoilt;     /* a fault acted on a message of the client */
    uint32_t frames; /* of what is delivered now */
    struct eca_list delayed;
    struct eca_deferred lost; /* the client had left before it was accepted */
};

struct fake_party *fake_hub_party(struct fake_hub *hub, const char *name); /* made when new */
enum fake_subject {
    FAKE_SUBJECT_REQUEST,
    FAKE_SUBJECT_UPGRADE,
    FAKE_SUBJECT_MESSAGE,
};
/* The rule that acts on this exchange or message, or NULL; counts, draws and traces. */
const struct fake_fault *fake_hub_pick(struct fake_hub *hub, const struct fake_party *party,
                                       const char *method, const char *what, const char *path,
                                       enum fake_subject subject);
const char *fake_fault_name(enum fake_fault_kind kind);

/* A client that takes everything and never says a word. */
extern const struct fake_link_ops fake_link_silent;
void fake_exchange_drop(struct fake_exchange *exchange);     /* hub is going: no calls */
void fake_exchange_accepted(struct fake_exchange *exchange); /* it is a websocket now */
void fake_ws_drop(struct fake_ws *ws);

#endif
