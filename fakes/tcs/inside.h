#ifndef FAKES_TCS_INSIDE_H
#define FAKES_TCS_INSIDE_H

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "fakes/carry/door.h"
#include "fakes/carry/frames.h"
#include "fakes/tcs/tcs.h"

/* The inside of the fake TCS, shared by tcs.c (sessions, knobs) and message.c (what a message says
 * and whether it may) only. */

struct tcs_session {
    struct eca_list_node node;
    struct fake_tcs *tcs;
    struct fake_ws *ws;
    uint64_t number;
    uint32_t messages;
    struct eca_timer overlap; /* runs while a newer session stands beside it */
    char *path, *query;
    char *cluster, *instance; /* as its upgrade named them */
    struct fake_pings pings;
    int64_t signed_s; /* date of the latest message's signature */
    /* cycles */
    uint64_t opened_ns;
    uint64_t cycles;
    uint64_t slot;               /* of the latest cycle, in periods since the session began */
    bool blind;                  /* messages came late or not at all by our own doing */
    char *cycle;                 /* messageId of the cycle under way, or NULL after `fin` */
    struct eca_map *cycle_tasks; /* ARNs in it so far; the values say nothing */
};

struct fake_tcs {
    struct fake_tcs_opts opts;
    struct fake_door *door;
    struct tcs_session *session;
    struct eca_list all_sessions;
    uint64_t sessions, messages, cycles;
    struct eca_map *ids;     /* messageIds of cycles so far; the values say nothing */
    struct eca_map *last_of; /* task ARN -> owned JSON of its containers */
    struct eca_timer heartbeat, ack;
    uint32_t acks_due;
    char *last;
    uint32_t close_after;
    int close_code;
    char *close_reason;
};

void tcs_violation(struct fake_tcs *tcs, const char *rule, const char *what);
/* A PublishMetricsRequest of the agent: traced and checked. */
void tcs_on_metrics(struct tcs_session *session, eca_json message);

#endif
