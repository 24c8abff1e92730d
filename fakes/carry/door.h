#ifndef FAKES_CARRY_DOOR_H
#define FAKES_CARRY_DOOR_H

#include "fakes/carry/auth.h"

/*
 * The door of a websocket backend (ACS, TCS): registers the party at the hub and decides on each
 * upgrade, in this order: is its form right, its signature, is it refused by the scenario, must it
 * wait. Whatever passes is given to `welcome`. Trace: refused {status}.
 */
struct fake_door_rules { /* requirement IDs of violations */
    const char *form, *signature, *plain;
};
struct fake_door_opts {
    struct fake_base base;
    enum fake_lane lane;
    const char *party, *region; /* copied */
    struct fake_auth *auth;     /* NULL: signatures are not checked */
    struct fake_door_rules rules;
    /* What is wrong with the query, or NULL. */
    const char *(*query_flaw)(const struct fake_request *request);
    /* The JSON body of a refused signature. */
    void (*describe)(const struct fake_auth_refusal *refusal, struct eca_buf *out);
    void (*welcome)(void *arg, struct fake_exchange *exchange); /* takes it */
    void *arg;
};

struct fake_door;
struct fake_door *fake_door_new(const struct fake_door_opts *opts);
void fake_door_free(struct fake_door *door);
const char *fake_door_region(const struct fake_door *door);

/* How upgrades are refused; everything is copied. */
struct fake_refusal {
    int status; /* 101: an acceptance with another key's Sec-WebSocket-Accept (TCS-905) */
    const char *content_type, *body; /* NULL = none */
    const struct eca_http_header *headers;
    size_t header_count; /* at most FAKE_REFUSAL_HEADERS_MAX */
    bool unended; /* nobody says where the body ends, and the connection stays open (WS-308) */
};
#define FAKE_REFUSAL_HEADERS_MAX 8
/* Answer the next `times` upgrades (0 = all until fake_door_accept) this way. */
void fake_door_refuse(struct fake_door *door, uint32_t times, const struct fake_refusal *how);
/*
 * A refusal of WS-308 by name: an exception of ACS-101 as {"Name":"refused"}, "typed:<Name>" in the
 * envelope form, "html", "empty", "moved" (301), "redirect" (302), "ok" (200), "unended",
 * "wrong-key" (101). False: no such name.
 */
bool fake_door_refuse_preset(struct fake_door *door, uint32_t times, const char *preset);
/* Accept again, at once. With `hold`, upgrades wait unanswered until fake_door_accept(door, false).
 */
void fake_door_accept(struct fake_door *door, bool hold);

#endif
