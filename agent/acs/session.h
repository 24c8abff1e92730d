#ifndef ECA_ACS_SESSION_H
#define ECA_ACS_SESSION_H

#include "agent/acs/messages.h"
#include "agent/aws/backend.h"
#include "agent/ports/backoff.h"
#include "agent/ports/runtime.h"

/*
 * The ACS session: connects for ever, keeps the connection honest (idle timer, deadlines, back-off)
 * and hands messages to their handlers one at a time in arrival order (WS-168). A handler never
 * waits, so pings and heartbeats never wait for one either (WS-144, ACS-242).
 */

/* Zero = the default in brackets. */
struct eca_acs_timing {
    uint64_t connect_ms;          /* [30000] WS-105 */
    uint64_t write_stall_ms;      /* [30000] WS-150 */
    uint64_t heartbeat_ms;        /* [300000] ACS-230; also the life that resets the back-off */
    uint64_t heartbeat_jitter_ms; /* [180000] */
    uint64_t backoff_min_ms;      /* [250] ACS-211 */
    uint64_t backoff_max_ms;      /* [120000] */
    uint64_t planned_close_ms;    /* [300] redial within 0..this after a planned close */
    uint64_t inactive_ms;         /* [3600000] after an inactive-instance refusal (FB-23.1) */
    uint64_t docker_version_ms;   /* [2000] ACS-205, FB-25 */
};

#define ECA_ACS_SEND_QUEUE_BYTES_MAX ((size_t)8 << 20) /* acks: a few hundred bytes each */

struct eca_acs_handlers {
    /* body NULL = an empty message. Run from the loop; the body is borrowed for the call. */
    void (*on_payload)(void *arg, eca_json body);
    void (*on_refresh)(void *arg, eca_json body);
    void (*on_stage_update)(void *arg, eca_json body);
    void (*on_perform_update)(void *arg, eca_json body);
    /* Credentials of restored tasks are still missing: ask for all of them (ACS-204, FB-31.3). */
    bool (*wants_credentials)(void *arg);
    /* Refused as inactive: once per refused attempt (ACS-210 d, EVT-106). */
    void (*on_inactive)(void *arg);
    void (*on_connected)(void *arg);
    /* The connection that eca_acs_session_stop closed is over: what was queued before has been
     * sent, or cannot be. Not called when none stood. */
    void (*on_stopped)(void *arg);
};

struct eca_acs_opts {
    struct eca_sched *sched;
    struct eca_channel channel;
    struct eca_entropy entropy;
    struct eca_log *log;
    struct eca_ecs *ecs;
    struct eca_aws_creds *creds;
    struct eca_runtime runtime; /* for its version */
    const char *cluster, *instance_arn, *region;
    bool insecure, plain_http;
    struct eca_acs_timing timing;
    const struct eca_acs_handlers *handlers;
    void *arg;
};

struct eca_acs_session;
/* Texts of opts are borrowed for the session's life. Starts with eca_acs_session_start. */
struct eca_acs_session *eca_acs_session_new(const struct eca_acs_opts *opts);
void eca_acs_session_start(struct eca_acs_session *session);
/* A close frame if a connection stands, no new attempt (SIG-103). */
void eca_acs_session_stop(struct eca_acs_session *session);
void eca_acs_session_free(struct eca_acs_session *session); /* NULL ok */

/*
 * The number of the connection that a message came on, and sending on it: an answer never goes to a
 * later connection, the server sends again what was not acknowledged (ACS-240). Returns false when
 * the answer was dropped.
 */
uint64_t eca_acs_session_connection(const struct eca_acs_session *session);
bool eca_acs_session_answer(struct eca_acs_session *session, uint64_t connection,
                            struct eca_view text, const char *message_id);
/* Too much waits to be stored: close, so that the server delivers again later (ACS-242). */
void eca_acs_session_overload(struct eca_acs_session *session);

/* For /v1/health and metrics (INTRO-120, INTRO-122). */
struct eca_acs_status {
    bool connected;
    int64_t since_wall_ms; /* of the current state */
    int64_t last_frame_wall_ms;
    uint64_t connects, frames, undecodable, unknown, answers_sent, answers_dropped;
    char last_error[ECA_ERR_MSG_BYTES];
};
void eca_acs_session_status(const struct eca_acs_session *session, struct eca_acs_status *ret);

#endif
