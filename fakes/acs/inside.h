#ifndef FAKES_ACS_INSIDE_H
#define FAKES_ACS_INSIDE_H

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "fakes/acs/acs.h"

/* The inside of the fake ACS, shared by acs.c (messages, sessions, refusals) and book.c (what was
 * sent and how it was answered) only. */

/* Role credentials of one task, latest values. */
struct acs_role {
    char *text; /* the object roleCredentials */
};

struct acs_session {
    struct eca_list_node node;
    struct fake_acs *acs;
    struct fake_ws *ws;
    uint64_t number;
    char *cluster, *instance; /* as its upgrade named them */
    struct fake_pings pings;
    struct eca_timer overlap; /* runs while a newer session stands beside it */
};

struct fake_acs {
    struct fake_acs_opts opts;
    struct fake_door *door;
    char *cluster_arn, *instance_arn;
    struct acs_session *session; /* the latest that stands */
    uint64_t sessions;
    struct eca_timer heartbeat;
    struct eca_list letters, all_sessions;
    size_t unacknowledged; /* of the letters */
    struct eca_map *by_id; /* message id -> struct acs_letter, the latest */
    struct eca_map *acks;  /* message id -> count as pointer value */
    struct eca_map *roles; /* task arn -> struct acs_role */
    uint64_t next_payload, next_credentials, next_update;
    int64_t next_seq;
    struct eca_buf glue; /* frames for the next upgrade */
    char **glued;        /* their texts */
    size_t glued_count;
    int close_at_once;
    char *close_at_once_reason;
};

void acs_violation(struct fake_acs *acs, const char *rule, const char *what);
/* Traced and sent on the session that stands, if any; id NULL: a message that wants no answer.
 * How often it is on its way now (0 or 1; 2 with the fault `duplicate`). */
uint32_t acs_transmit(struct fake_acs *acs, const char *type, const char *id, const char *text);

/* ---- book.c: the messages that want an answer, and the answers ---------------------------------
 */

/* Enter a message and send it, or keep it for the next session. Takes text; the id is borrowed
 * until the fake goes. once: never sent again. */
const char *acs_book_post(struct fake_acs *acs, const char *type, const char *id, char *text,
                          bool once);
/* Enter what was sent just now as `copies` of text, if it is a message that wants an answer. */
void acs_book_note(struct fake_acs *acs, const char *text, uint32_t copies);
/* The session is new: what waits for one goes out, and what was not answered comes again. */
void acs_book_session_begins(struct fake_acs *acs);
void acs_book_session_ends(struct fake_acs *acs);
/* A message of the agent; false: not one of the answers that the book knows. */
bool acs_book_answer(struct acs_session *session, const char *type, eca_json message);
void acs_book_clear(struct fake_acs *acs);

#endif
