#ifndef FAKES_CARRY_LINK_H
#define FAKES_CARRY_LINK_H

#include "fakes/carry/carry.h"

/*
 * Between the hub and a carrier; nobody else includes this. A link is one exchange on its way, and
 * later the websocket that it became. The hub calls the ops; none of them calls back into the hub:
 * what the client does next comes later, from the loop.
 */
#define FAKE_LENGTH_UNSAID (SIZE_MAX - 1)
struct fake_link_ops {
    /* content_length SIZE_MAX: chunked; FAKE_LENGTH_UNSAID: neither chunked nor told, and the
     * connection stays open (WS-308). Header names are in lower case. */
    void (*begin)(void *link, int status, const struct eca_http_header *headers, size_t count,
                  size_t content_length);
    void (*write)(void *link, struct eca_view bytes);
    void (*end)(void *link);   /* last call */
    void (*reset)(void *link); /* last call */
    /* 101, and these bytes right behind it; from here on only ws_*. */
    void (*accept)(void *link, struct fake_ws *ws, struct eca_view glued);
    void (*accept_falsely)(void *link); /* 101 with a wrong Sec-WebSocket-Accept; last call */
    void (*ws_text)(void *link, struct eca_view text);
    void (*ws_ping)(void *link, struct eca_view payload);
    void (*ws_close)(void *link, int code, const char *reason);
    void (*ws_cut)(void *link);
    void (*ws_reading)(void *link, uint64_t bytes); /* so many more; 0 none, UINT64_MAX all */
    void (*ws_raw)(void *link, struct eca_view bytes);
};

struct fake_incoming {
    const char *party;
    const char *method;
    const char *target;                    /* as on the request line; absolute form allowed */
    const struct eca_http_header *headers; /* names in lower case */
    size_t header_count;
    struct eca_view body;
    const char *peer;
    bool upgrade; /* a websocket upgrade request */
};

/*
 * A request reached its server; everything is copied. *slot is set to the exchange and becomes NULL
 * with the last call of the ops above, possibly before this returns.
 */
void fake_hub_arrive(struct fake_hub *hub, const struct fake_incoming *incoming,
                     const struct fake_link_ops *ops, void *link, struct fake_exchange **slot);
/* The client went away: no op is called any more, *slot is NULL. */
void fake_hub_client_left(struct fake_exchange *exchange);

void fake_hub_ws_text(struct fake_ws *ws, struct eca_view message, uint32_t frames);
void fake_hub_ws_pong(struct fake_ws *ws, struct eca_view payload);
/* Once, last: the websocket is gone afterwards. */
void fake_hub_ws_closed(struct fake_ws *ws, int code, struct eca_view reason);

/* True while a rule without method and `what` refuses this party: its listener stays away. */
bool fake_hub_is_refusing(const struct fake_hub *hub, const char *party);
/* Runs after each change of the rules (socket carrier). One listener. */
void fake_hub_on_rules(struct fake_hub *hub, void (*fn)(void *arg), void *arg);

#endif
