#ifndef ECA_TCS_SESSION_H
#define ECA_TCS_SESSION_H

#include "agent/aws/backend.h"
#include "agent/ports/backoff.h"
#include "agent/stats/engine.h"

/* The telemetry session: connects for ever, publishes every 20 s (TCS-1xx..7xx). */

/* Zero = the default in brackets. */
struct eca_tcs_timing {
    uint64_t connect_ms;           /* [30000] TCS-304 */
    uint64_t write_stall_ms;       /* [60000] TCS-706 */
    uint64_t publish_ms;           /* [20000] TCS-601 */
    uint64_t first_listing_ms;     /* [10000] TCS-610 */
    uint64_t inactivity_ms;        /* [300000] TCS-702 */
    uint64_t inactivity_jitter_ms; /* [180000] */
    uint64_t backoff_min_ms;       /* [1000] TCS-710 */
    uint64_t backoff_max_ms;       /* [60000] */
};

struct eca_tcs_opts {
    struct eca_sched *sched;
    struct eca_channel channel;
    struct eca_entropy entropy;
    struct eca_log *log;
    struct eca_ecs *ecs;
    struct eca_aws_creds *creds;
    struct eca_stats *stats;
    const char *cluster, *instance_arn, *region;
    bool insecure, plain_http;
    struct eca_tcs_timing timing;
};

struct eca_tcs_session;
/* Texts of opts are borrowed for the session's life. */
struct eca_tcs_session *eca_tcs_session_new(const struct eca_tcs_opts *opts);
void eca_tcs_session_start(struct eca_tcs_session *session);
void eca_tcs_session_stop(struct eca_tcs_session *session);
void eca_tcs_session_free(struct eca_tcs_session *session); /* NULL ok */

/* ACS says the instance is deregistered: close, and no attempt until it is accepted again
 * (TCS-720..722). */
void eca_tcs_session_deregistered(struct eca_tcs_session *session);
void eca_tcs_session_accepted(struct eca_tcs_session *session);

struct eca_tcs_status {
    bool connected;
    int64_t since_wall_ms;
    int64_t last_frame_wall_ms;
    uint64_t connects, frames, undecodable, cycles, messages;
    char last_error[ECA_ERR_MSG_BYTES];
};
void eca_tcs_session_status(const struct eca_tcs_session *session, struct eca_tcs_status *ret);

#endif
