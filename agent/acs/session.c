#include "agent/acs/session.h"

#include <assert.h>
#include <stdio.h>

#include "agent/acs/outcome.h"
#include "agent/aws/sigv4.h"
#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/base/timefmt.h"
#include "agent/base/version.h"

static const char module[] = "acs client";

enum state {
    STATE_IDLE,       /* not started, or stopped */
    STATE_VERSION,    /* asking Docker for its version */
    STATE_CONNECTING, /* discovery to upgrade */
    STATE_OPEN,
    STATE_WAITING, /* until the next round */
};

struct eca_acs_session {
    struct eca_acs_opts opts;
    enum state state;
    bool stopping;
    struct eca_backend *backend;
    struct eca_op *version_op;
    char *docker_version; /* last known, or NULL */
    struct eca_backoff backoff;
    struct eca_timer round_timer; /* next round */
    struct eca_timer idle_timer;  /* silence on an open connection */
    struct eca_timer life_timer;  /* the connection lived long enough to reset the back-off */
    bool idle_fired;
    bool upgraded_once;
    uint64_t connection; /* number of the current or last connection */
    struct eca_acs_status status;
};

static void begin_round(void *arg);

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
    return value > 0 ? value : fallback;
}

static void fill_timing(struct eca_acs_timing *timing)
{
    timing->connect_ms = or_default(timing->connect_ms, 30 * 1000);
    timing->write_stall_ms = or_default(timing->write_stall_ms, 30 * 1000);
    timing->heartbeat_ms = or_default(timing->heartbeat_ms, 5 * 60 * 1000);
    timing->heartbeat_jitter_ms = or_default(timing->heartbeat_jitter_ms, 3 * 60 * 1000);
    timing->backoff_min_ms = or_default(timing->backoff_min_ms, 250);
    timing->backoff_max_ms = or_default(timing->backoff_max_ms, 2 * 60 * 1000);
    timing->planned_close_ms = or_default(timing->planned_close_ms, 300);
    timing->inactive_ms = or_default(timing->inactive_ms, 60 * 60 * 1000);
    timing->docker_version_ms = or_default(timing->docker_version_ms, 2 * 1000);
}

static uint64_t heartbeat_limit_ns(struct eca_acs_session *session)
{
    const struct eca_acs_timing *timing = &session->opts.timing;
    uint64_t jitter_ns = timing->heartbeat_jitter_ms * (uint64_t)ECA_NS_PER_MS;

    return timing->heartbeat_ms * (uint64_t)ECA_NS_PER_MS +
           eca_entropy_below(session->opts.entropy, jitter_ns);
}

static void set_since_now(struct eca_acs_session *session)
{
    session->status.since_wall_ms = eca_sched_wall_ms(session->opts.sched);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void dispatch(struct eca_acs_session *session, const struct eca_frame *frame)
{
    const struct eca_acs_handlers *handlers = session->opts.handlers;
    const char *id = NULL;

    switch ((enum eca_acs_type)frame->type) {
    case ECA_ACS_PAYLOAD:
        handlers->on_payload(session->opts.arg, frame->body);
        return;
    case ECA_ACS_ROLE_CREDENTIALS:
        handlers->on_refresh(session->opts.arg, frame->body);
        return;
    case ECA_ACS_STAGE_UPDATE:
        handlers->on_stage_update(session->opts.arg, frame->body);
        return;
    case ECA_ACS_PERFORM_UPDATE:
        handlers->on_perform_update(session->opts.arg, frame->body);
        return;
    case ECA_ACS_HEARTBEAT:
        /* Servers of later generations number their heartbeats and want them back (L-6). */
        if (frame->body != NULL &&
            eca_json_read_str(frame->body, "message", "messageId", &id, NULL) == ECA_OK &&
            id != NULL && id[0] != '\0') {
            eca_auto_buf struct eca_buf ack = {0};

            eca_acs_write_heartbeat_ack(&ack, id);
            (void)eca_acs_session_answer(session, session->connection, eca_buf_view(&ack), id);
        }
        return;
    case ECA_ACS_CLOSE:
    case ECA_ACS_ERROR:
    case ECA_ACS_SERVER_EXCEPTION:
    case ECA_ACS_BAD_REQUEST_EXCEPTION:
    case ECA_ACS_INVALID_CLUSTER_EXCEPTION:
    case ECA_ACS_INVALID_INSTANCE_EXCEPTION:
    case ECA_ACS_ACCESS_DENIED_EXCEPTION:
    case ECA_ACS_INACTIVE_INSTANCE_EXCEPTION:
        ECA_INFO(session->opts.log, module, ECA_NO_KV, "No handler for message type: %s",
                 eca_acs_type_name(frame->type)); /* ACS-101: the connection stays */
        return;
    case ECA_ACS_TYPES:
        break;
    }
    assert(false);
}

static void on_text(void *arg, struct eca_view message)
{
    struct eca_acs_session *session = arg;
    eca_auto_frame struct eca_frame frame = {0};
    struct eca_err err = {0};

    session->status.frames++;
    session->status.last_frame_wall_ms = eca_sched_wall_ms(session->opts.sched);
    if (eca_acs_decode(message, &frame, &err) < 0) { /* WS-166: dropped, the idle timer runs on */
        session->status.undecodable++;
        ECA_WARN(session->opts.log, module, ECA_NO_KV, "Unable to handle message from backend: %s",
                 err.msg);
        return;
    }
    ECA_DEBUG(session->opts.log, module, ECA_NO_KV, "Received message of type: %s",
              eca_acs_type_name(frame.type));
    eca_timer_start(&session->idle_timer, heartbeat_limit_ns(session));
    dispatch(session, &frame);
}

/* ---- connection ----------------------------------------------------------------------------- */

static void write_query(void *arg, struct eca_buf *query)
{
    struct eca_acs_session *session = arg;
    bool wants =
        !session->upgraded_once || session->opts.handlers->wants_credentials(session->opts.arg);

    /* In byte order of the keys (WS-111, ACS-203). */
    eca_sigv4_query_add(query, "agentHash", eca_git_hash);
    eca_sigv4_query_add(query, "agentVersion", eca_version);
    eca_sigv4_query_add(query, "clusterArn", session->opts.cluster);
    eca_sigv4_query_add(query, "containerInstanceArn", session->opts.instance_arn);
    if (session->docker_version != NULL) {
        eca_auto_free char *text = eca_xasprintf("DockerVersion: %s", session->docker_version);

        eca_sigv4_query_add(query, "dockerVersion", text);
    }
    eca_sigv4_query_add(query, "sendCredentials", wants ? "true" : "false");
    eca_sigv4_query_add(query, "seqNum", "1");
}

static void on_open(void *arg)
{
    struct eca_acs_session *session = arg;

    session->state = STATE_OPEN;
    session->upgraded_once = true;
    session->connection++;
    session->idle_fired = false;
    session->status.connected = true;
    session->status.connects++;
    session->status.last_frame_wall_ms = eca_sched_wall_ms(session->opts.sched);
    set_since_now(session);
    ECA_DEBUG(session->opts.log, module, ECA_NO_KV, "Established a connection to ACS");
    eca_timer_start(&session->idle_timer, heartbeat_limit_ns(session)); /* ACS-231: from the 101 */
    eca_timer_start(&session->life_timer, heartbeat_limit_ns(session));
    session->opts.handlers->on_connected(session->opts.arg);
}

static void on_lived_long(void *arg)
{
    struct eca_acs_session *session = arg;

    eca_backoff_reset(&session->backoff); /* ACS-212 (2) */
}

static void on_idle(void *arg)
{
    struct eca_acs_session *session = arg;

    ECA_WARN(session->opts.log, module, ECA_NO_KV,
             "ACS Connection hasn't had any activity for too long; closing connection");
    session->idle_fired = true;
    eca_backend_close(session->backend, 1000);
}

static void describe_end(struct eca_acs_session *session, const struct eca_backend_end *end,
                         struct eca_buf *text)
{
    const struct eca_channel_end *channel = end->channel;

    if (session->idle_fired) {
        eca_buf_add_str(text, "no activity");
    } else if (channel != NULL && channel->how == ECA_CHANNEL_REFUSED) {
        eca_acs_refusal_text(channel->body, channel->status, text);
    } else if (channel != NULL && channel->how == ECA_CHANNEL_CLOSED_BY_PEER) {
        eca_buf_addf(text, "websocket: close %d %.*s", channel->close_code,
                     (int)channel->close_reason.len,
                     channel->close_reason.at == NULL ? "" : channel->close_reason.at);
    } else {
        eca_buf_add_str(text, end->err.msg);
    }
}

static uint64_t delay_after(struct eca_acs_session *session, const struct eca_backend_end *end)
{
    struct eca_acs_ending ending = {.opened = end->opened,
                                    .lived_ms = end->lived_ms,
                                    .idle = session->idle_fired,
                                    .end = end->channel};
    const struct eca_acs_timing *timing = &session->opts.timing;
    eca_auto_buf struct eca_buf text = {0};

    describe_end(session, end, &text);
    switch (eca_acs_decide_delay(&ending)) {
    case ECA_ACS_DELAY_PLANNED_CLOSE:
        ECA_INFO(session->opts.log, module, ECA_NO_KV, "ACS connection closed as planned: %s",
                 eca_buf_str(&text));
        eca_backoff_reset(&session->backoff);
        return eca_entropy_below(session->opts.entropy,
                                 timing->planned_close_ms * (uint64_t)ECA_NS_PER_MS);
    case ECA_ACS_DELAY_INACTIVE:
        ECA_WARN(session->opts.log, module, ECA_NO_KV,
                 "Container instance is deregistered; next attempt in %llu s: %s",
                 (unsigned long long)(timing->inactive_ms / 1000), eca_buf_str(&text));
        session->opts.handlers->on_inactive(session->opts.arg);
        return timing->inactive_ms * (uint64_t)ECA_NS_PER_MS;
    case ECA_ACS_DELAY_BACKOFF:
        break;
    }
    (void)snprintf(session->status.last_error, sizeof(session->status.last_error), "%s",
                   eca_buf_str(&text));
    if (end->opened) {
        ECA_INFO(session->opts.log, module, ECA_NO_KV, "Error from acs; backing off, err: %s",
                 eca_buf_str(&text));
    } else {
        ECA_ERROR(session->opts.log, module, ECA_NO_KV, "Error connecting to ACS: %s",
                  eca_buf_str(&text));
    }
    return eca_backoff_next_ns(&session->backoff, session->opts.entropy);
}

static void on_end(void *arg, const struct eca_backend_end *end)
{
    struct eca_acs_session *session = arg;
    uint64_t delay_ns;

    if (!ECA_MUTATION(TIMER_NOT_CANCELLED)) {
        eca_timer_stop(&session->idle_timer);
    }
    eca_timer_stop(&session->life_timer);
    session->status.connected = false;
    set_since_now(session);
    if (session->stopping) {
        session->state = STATE_IDLE;
    } else {
        session->state = STATE_WAITING;
        delay_ns = delay_after(session, end);
        eca_timer_start(&session->round_timer, delay_ns);
    }
    eca_backend_free(session->backend);
    session->backend = NULL;
    if (session->stopping && session->opts.handlers->on_stopped != NULL) {
        session->opts.handlers->on_stopped(session->opts.arg);
    }
}

static void connect_now(struct eca_acs_session *session)
{
    static const struct eca_backend_events events = {write_query, on_open, on_text, on_end};
    struct eca_backend_opts opts = {
        .sched = session->opts.sched,
        .channel = session->opts.channel,
        .ecs = session->opts.ecs,
        .creds = session->opts.creds,
        .log = session->opts.log,
        .module = module,
        .backend = ECA_ECS_ACS,
        .cluster = session->opts.cluster,
        .instance_arn = session->opts.instance_arn,
        .region = session->opts.region,
        .insecure = session->opts.insecure,
        .plain_http = session->opts.plain_http,
        .connect_ms = session->opts.timing.connect_ms,
        .write_stall_ms = session->opts.timing.write_stall_ms,
        .message_bytes_max = ECA_FRAME_BYTES_MAX,
        .send_queue_bytes_max = ECA_ACS_SEND_QUEUE_BYTES_MAX,
    };

    session->state = STATE_CONNECTING;
    session->backend = eca_backend_connect(&opts, &events, session);
}

/* A hung daemon must not keep us from the control plane: last known value, or none (FB-25.1). */
static void on_version(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                       const struct eca_runtime_version *version)
{
    struct eca_acs_session *session = arg;

    session->version_op = NULL;
    if (outcome == ECA_OUTCOME_DONE) {
        eca_free(session->docker_version);
        session->docker_version = eca_xstrdup(version->version);
    } else {
        ECA_WARN(session->opts.log, module, ECA_NO_KV, "Docker version not known now: %s",
                 err != NULL ? err->msg : eca_outcome_name(outcome));
    }
    connect_now(session);
}

static void begin_round(void *arg)
{
    struct eca_acs_session *session = arg;
    struct eca_runtime *runtime = &session->opts.runtime;
    struct eca_err err = {0};

    session->state = STATE_VERSION;
    if (runtime->ops->version(runtime->impl, session->opts.timing.docker_version_ms, on_version,
                              session, &session->version_op, &err) < 0) {
        connect_now(session);
    }
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_acs_session *eca_acs_session_new(const struct eca_acs_opts *opts)
{
    struct eca_acs_session *session = eca_xalloc(sizeof(*session));

    session->opts = *opts;
    fill_timing(&session->opts.timing);
    eca_backoff_init(&session->backoff,
                     (struct eca_backoff_opts){.min_ms = session->opts.timing.backoff_min_ms,
                                               .max_ms = session->opts.timing.backoff_max_ms,
                                               .multiplier_milli = 1500,
                                               .jitter_milli = 200});
    eca_timer_init(&session->round_timer, opts->sched, begin_round, session);
    eca_timer_init(&session->idle_timer, opts->sched, on_idle, session);
    eca_timer_init(&session->life_timer, opts->sched, on_lived_long, session);
    return session;
}

void eca_acs_session_start(struct eca_acs_session *session)
{
    assert(session->state == STATE_IDLE);
    session->stopping = false;
    set_since_now(session);
    ECA_INFO(session->opts.log, NULL, ECA_NO_KV, "Beginning Polling for updates");
    session->state = STATE_WAITING;
    eca_timer_start(&session->round_timer, 0);
}

static void cancel_round(struct eca_acs_session *session)
{
    eca_timer_stop(&session->round_timer);
    if (session->version_op != NULL) {
        session->opts.runtime.ops->cancel(session->opts.runtime.impl,
                                          eca_take(session->version_op));
    }
}

void eca_acs_session_stop(struct eca_acs_session *session)
{
    session->stopping = true;
    cancel_round(session);
    if (eca_backend_is_open(session->backend)) {
        eca_backend_close(session->backend, 1000);
        return;
    }
    eca_backend_free(eca_take(session->backend));
    session->state = STATE_IDLE;
}

void eca_acs_session_free(struct eca_acs_session *session)
{
    if (session == NULL) {
        return;
    }
    cancel_round(session);
    eca_timer_stop(&session->idle_timer);
    eca_timer_stop(&session->life_timer);
    eca_backend_free(session->backend);
    eca_free(session->docker_version);
    eca_free(session);
}

uint64_t eca_acs_session_connection(const struct eca_acs_session *session)
{
    return session->connection;
}

bool eca_acs_session_answer(struct eca_acs_session *session, uint64_t connection,
                            struct eca_view text, const char *message_id)
{
    struct eca_err err = {0};

    if (connection != session->connection || session->state != STATE_OPEN) {
        session->status.answers_dropped++;
        ECA_DEBUG(session->opts.log, module, ECA_NO_KV,
                  "The connection of message %s is gone; it stays unacknowledged", message_id);
        return false;
    }
    if (eca_backend_send(session->backend, text, &err) < 0) {
        session->status.answers_dropped++;
        ECA_WARN(session->opts.log, module, ECA_NO_KV,
                 "Error 'ack'ing request with messageID: %s, error: %s", message_id, err.msg);
        return false;
    }
    session->status.answers_sent++;
    return true;
}

void eca_acs_session_overload(struct eca_acs_session *session)
{
    if (session->state == STATE_OPEN) {
        ECA_WARN(session->opts.log, module, ECA_NO_KV,
                 "Too many unstored messages; closing the ACS connection");
        eca_backend_close(session->backend, 1008);
    }
}

void eca_acs_session_status(const struct eca_acs_session *session, struct eca_acs_status *ret)
{
    *ret = session->status;
}
