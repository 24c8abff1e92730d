#ifndef FAKES_ACS_ACS_H
#define FAKES_ACS_ACS_H

#include "fakes/carry/door.h"
#include "fakes/carry/frames.h"

/*
 * The ACS backend (WS-301..312): one agent, one session at a time (a second one is a violation
 * unless the first is over). Payloads wait for a session, get ids and rising sequence numbers, and
 * come again after a reconnect until they are acknowledged (WS-309).
 *
 * Trace, lane acs:
 *   connect {session, sendCredentials, seqNum, dockerVersion, agentVersion}
 *   refused {status}
 *   sent {type, messageId?}     each message to the agent but heartbeats (verbose: those too)
 *   ack {messageId}   nack {messageId, reason}   credentials-ack {messageId, credentialsId}
 *   heartbeat-ack {messageId}
 *   closed {session, code, reason}      code 0 = TCP end without Close
 *   ping {payload}   pong {payload}      a pong without a ping is a violation (WS-306)
 * A book is kept of every message that wants an answer, whoever wrote it. Violations: an answer to
 * nothing, of the wrong kind, with other members than its message had (ACS-301..303), on a later
 * session than its message (ACS-240), or more of them than there were deliveries.
 */
#define FAKE_ACS_HEARTBEAT_MS UINT64_C(20000)

struct fake_acs;
struct fake_acs_opts {
    struct fake_base base;
    const char *party;       /* NULL = "acs" */
    struct fake_auth *auth;  /* NULL: signatures are not checked */
    const char *region;      /* NULL = "us-west-2" */
    const char *cluster_arn; /* in messages; NULL = member left out */
    const char *instance_arn;
    uint64_t heartbeat_ms; /* 0 = FAKE_ACS_HEARTBEAT_MS, UINT64_MAX = none */
    bool no_resend;        /* unacknowledged messages do not come again on a reconnect */
    uint64_t resend_ms;    /* and repeated on the same session after this time; 0 = not */
    bool verbose;          /* heartbeats in the trace */
};
struct fake_acs *fake_acs_new(const struct fake_acs_opts *opts);
void fake_acs_free(struct fake_acs *acs);

bool fake_acs_connected(const struct fake_acs *acs);
uint64_t fake_acs_sessions(const struct fake_acs *acs);                  /* accepted so far */
void fake_acs_set_heartbeat(struct fake_acs *acs, uint64_t interval_ms); /* UINT64_MAX = none */
void fake_acs_set_resend(struct fake_acs *acs, bool on_reconnect, uint64_t resend_ms);

/* ---- messages ------------------------------------------------------------------------------- */

struct fake_acs_payload {
    const char *tasks;      /* JSON array, as in PayloadMessage.tasks */
    const char *message_id; /* NULL = "payload-<n>" */
    int64_t seq_num;        /* 0 = the next one, -1 = member left out */
    bool once;              /* never repeated */
};
/* Sent now, or at the next connect. The id is borrowed until the fake goes. */
const char *fake_acs_send_payload(struct fake_acs *acs, const struct fake_acs_payload *payload);

/* Role credentials; members NULL are left out. */
struct fake_acs_credentials {
    const char *task_arn;
    const char *credentials_id, *role_arn, *access_key_id, *secret_access_key, *session_token;
    const char *expiration;
    const char *message_id; /* NULL = "credentials-<n>" */
};
/* IAMRoleCredentialsMessage now (nothing happens without a session); remembered for its task and
 * sent again after each upgrade with sendCredentials=true (WS-310). */
const char *fake_acs_send_credentials(struct fake_acs *acs,
                                      const struct fake_acs_credentials *credentials);
/* Only remember (credentials that went inside a payload). */
void fake_acs_remember_credentials(struct fake_acs *acs,
                                   const struct fake_acs_credentials *credentials);
/* location or signature NULL: member left out; both NULL: no updateInfo. */
const char *fake_acs_send_stage_update(struct fake_acs *acs, const char *location,
                                       const char *signature);
const char *fake_acs_send_perform_update(struct fake_acs *acs);
/* Any envelope: {"type":type,"message":message_json}; any text; any bytes instead of a frame. */
void fake_acs_send_message(struct fake_acs *acs, const char *type, const char *message_json);
void fake_acs_send_text(struct fake_acs *acs, const char *text);
void fake_acs_send_raw(struct fake_acs *acs, struct eca_view bytes);
/* text as one message in odd frames (WS-311, WS-141). */
void fake_acs_send_odd(struct fake_acs *acs, const char *text, const struct fake_odd *how);
/* The next upgrade is answered with this message right behind the 101, in one segment with it and
 * with others that were glued before (WS-132). */
void fake_acs_glue(struct fake_acs *acs, const char *text);
/* "masked", "reserved-bits", "unknown-opcode", "long-control", "fragmented-control",
 * "lone-continuation", "binary" (a binary frame with `text`), "not-json", "unknown-type";
 * false = unknown preset. */
bool fake_acs_send_broken(struct fake_acs *acs, const char *preset);
void fake_acs_heartbeat(struct fake_acs *acs);
void fake_acs_ping(struct fake_acs *acs, const char *payload);

/* ---- ends and refusals ---------------------------------------------------------------------- */

void fake_acs_close(struct fake_acs *acs, int code, const char *reason);
/* "expired" "idle" "going-away" "internal" "empty" "cut" (WS-312); false = unknown preset. */
bool fake_acs_close_preset(struct fake_acs *acs, const char *preset);
/* Read so many bytes more, then stop: the peer's pile up (FB-21); 0 none, UINT64_MAX all. */
void fake_acs_read_only(struct fake_acs *acs, uint64_t bytes);
/* Answer the next `times` upgrades (0 = all until fake_acs_accept) this way. */
void fake_acs_refuse(struct fake_acs *acs, uint32_t times, const struct fake_refusal *how);
/* As fake_door_refuse_preset. */
bool fake_acs_refuse_preset(struct fake_acs *acs, uint32_t times, const char *preset);
/* Accept again, at once. With `hold`, upgrades wait unanswered until fake_acs_accept(acs, false).
 */
void fake_acs_accept(struct fake_acs *acs, bool hold);
/* Close each new session right after the upgrade with this code; 0 = stop that. */
void fake_acs_close_at_once(struct fake_acs *acs, int code, const char *reason);

/* ---- book-keeping --------------------------------------------------------------------------- */

/* Acks of a message id so far, nacks included. */
size_t fake_acs_acks(const struct fake_acs *acs, const char *message_id);
size_t fake_acs_unacknowledged(const struct fake_acs *acs);
/* The first payload that will come again until it is acknowledged; NULL = none. Borrowed. */
const char *fake_acs_unacknowledged_payload(const struct fake_acs *acs);

#endif
