#include "agent/tcs/session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/acs/frame.h"
#include "agent/acs/outcome.h"
#include "agent/aws/sigv4.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/tcs/metrics.h"

static const char module[] = "tcs client";

#define MESSAGE_BYTES_MAX ((size_t)1 << 20)     /* incoming (TCS-405) */
#define SEND_QUEUE_BYTES_MAX ((size_t)32 << 20) /* 1000 tasks with 60 containers each fit */
#define REFUSAL_SHOWN_BYTES_MAX 1024            /* TCS-309 */
#define QUIET_LINE_NS ((uint64_t)60 * 1000000000u)

enum type {
    TYPE_ACK,
    TYPE_HEARTBEAT,
    TYPE_STOP,
    TYPE_START,
    TYPE_SERVER_EXCEPTION,
    TYPE_BAD_REQUEST,
    TYPE_RESOURCE_VALIDATION,
    TYPE_INVALID_PARAMETER,
    TYPES,
};

static const struct eca_frame_type types[TYPES] = {
    [TYPE_ACK] = {"AckPublishMetric", true},
    [TYPE_HEARTBEAT] = {"HeartbeatMessage", false},
    [TYPE_STOP] = {"StopTelemetrySessionMessage", true},
    [TYPE_START] = {"StartTelemetrySessionRequest", false}, /* the upgrade says it (TCS-507) */
    [TYPE_SERVER_EXCEPTION] = {"ServerException", true},
    [TYPE_BAD_REQUEST] = {"BadRequestException", true},
    [TYPE_RESOURCE_VALIDATION] = {"ResourceValidationException", true},
    [TYPE_INVALID_PARAMETER] = {"InvalidParameterException", true},
};

/* What is being written: its tasks keep their samples until their message has left (TCS-607). */
struct cycle {
    char **arns; /* in the order of the messages, ECA_TCS_TASKS_PER_MESSAGE each */
    size_t arn_count, messages, written;
};

struct eca_tcs_session {
    struct eca_tcs_opts opts;
    bool running, deregistered;
    struct eca_backend *backend;
    struct eca_backoff backoff;
    struct eca_timer round_timer, publish_timer, inactivity_timer;
    uint64_t next_publish_ns; /* fixed grid of the session (TCS-601) */
    uint64_t opened_ns;
    bool answered;   /* an ack or heartbeat arrived in this session */
    bool stop_asked; /* StopTelemetrySessionMessage: a close of the server's (TCS-504) */
    bool inactive;   /* our timer closed it */
    bool published;  /* a cycle of this session went out */
    struct cycle cycle;
    bool tick_waits; /* the time of the next cycle came while one was under way (TCS-601) */
    struct eca_log_limit exception_limit, empty_limit;
    struct eca_tcs_status status;
};

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
    return value > 0 ? value : fallback;
}

static void fill_timing(struct eca_tcs_timing *timing)
{
    timing->connect_ms = or_default(timing->connect_ms, 30 * 1000);
    timing->write_stall_ms = or_default(timing->write_stall_ms, 60 * 1000);
    timing->publish_ms = or_default(timing->publish_ms, 20 * 1000);
    timing->first_listing_ms = or_default(timing->first_listing_ms, 10 * 1000);
    timing->inactivity_ms = or_default(timing->inactivity_ms, 5 * 60 * 1000);
    timing->inactivity_jitter_ms = or_default(timing->inactivity_jitter_ms, 3 * 60 * 1000);
    timing->backoff_min_ms = or_default(timing->backoff_min_ms, 1000);
    timing->backoff_max_ms = or_default(timing->backoff_max_ms, 60 * 1000);
}

static void arm_inactivity(struct eca_tcs_session *session)
{
    const struct eca_tcs_timing *timing = &session->opts.timing;
    uint64_t jitter_ns = timing->inactivity_jitter_ms * (uint64_t)ECA_NS_PER_MS;

    eca_timer_start(&session->inactivity_timer,
                    timing->inactivity_ms * (uint64_t)ECA_NS_PER_MS +
                        eca_entropy_below(session->opts.entropy, jitter_ns));
}

/* ---- publishing ----------------------------------------------------------------------------- */

/* Sign at the moment of sending (TCS-402); never unsigned (TCS-307). */
static int send_message(struct eca_tcs_session *session, struct eca_view json, struct eca_err *err)
{
    const struct eca_aws_keys *keys = eca_aws_creds_now(session->opts.creds);
    eca_auto_buf struct eca_buf message = {0};
    struct eca_sigv4_keys view;

    if (keys == NULL) {
        return eca_err_set(err, ECA_E_TRANSIENT, "no valid credentials to sign with");
    }
    view = eca_aws_keys_view(keys);
    if (eca_sigv4_message(eca_backend_url(session->backend), json, session->opts.region,
                          eca_sched_wall_ms(session->opts.sched), &view, &message, err) < 0) {
        return eca_err_wrap(err, "sign");
    }
    return eca_backend_send(session->backend, eca_buf_view(&message), err);
}

/* One message of the cycle. */
static int publish_one(struct eca_tcs_session *session, const struct eca_stats_gathering *data,
                       const char *message_id, size_t index, struct eca_err *err)
{
    eca_auto_buf struct eca_buf json = {0};
    struct eca_tcs_header header = {.cluster = session->opts.cluster,
                                    .container_instance = session->opts.instance_arn,
                                    .message_id = message_id,
                                    .wall_ms = eca_sched_wall_ms(session->opts.sched)};
    size_t first = index * ECA_TCS_TASKS_PER_MESSAGE;
    size_t count = data->task_count - first < ECA_TCS_TASKS_PER_MESSAGE ? data->task_count - first
                                                                        : ECA_TCS_TASKS_PER_MESSAGE;
    int rc;

    eca_tcs_message_write(&json, &header, data->tasks, data->task_count, index);
    rc = send_message(session, eca_buf_view(&json), err);
    if (rc < 0) { /* what is in it never goes to the log (TCS-608) */
        ECA_WARN(session->opts.log, module, ECA_KV("messageId", message_id),
                 "PublishMetricsRequest of %zu tasks, %zu bytes, is not sent: %s", count, json.len,
                 err->msg);
        return rc;
    }
    ECA_DEBUG(session->opts.log, module, ECA_KV("messageId", message_id),
              "PublishMetricsRequest of %zu tasks, %zu bytes", count, json.len);
    session->status.messages++;
    session->cycle.messages++;
    for (size_t i = first; i < first + count; i++) {
        eca_stats_hand_over(session->opts.stats, &data->tasks[i]);
        session->cycle.arns[session->cycle.arn_count++] = eca_xstrdup(data->tasks[i].arn);
    }
    return ECA_OK;
}

static void publish_all(struct eca_tcs_session *session, const struct eca_stats_gathering *data)
{
    char message_id[37];
    struct eca_err err = {0};

    if (data->task_count == 0 && !data->idle) {
        /* Usual right after a container's start (TCS-606). */
        if (session->published &&
            eca_log_limit_pass(&session->empty_limit, eca_sched_now_ns(session->opts.sched),
                               QUIET_LINE_NS)) {
            ECA_WARN(session->opts.log, module, ECA_NO_KV, "No metrics to report in this cycle");
        }
        return;
    }
    eca_entropy_uuid(session->opts.entropy, message_id);
    session->cycle.arns = eca_xalloc((data->task_count + 1) * sizeof(*session->cycle.arns));
    for (size_t i = 0; i < eca_tcs_message_count(data->task_count); i++) {
        if (publish_one(session, data, message_id, i, &err) < 0) {
            eca_backend_close(session->backend, 1000);
            return;
        }
    }
    session->status.cycles++;
}

static void settle(struct eca_tcs_session *session, size_t from, size_t to, bool arrived)
{
    for (size_t i = from; i < to && i < session->cycle.arn_count; i++) {
        eca_stats_settle(session->opts.stats, session->cycle.arns[i], arrived);
    }
}

/* What has not left stays in its windows. */
static void end_cycle(struct eca_tcs_session *session)
{
    struct cycle *cycle = &session->cycle;

    settle(session, cycle->written * ECA_TCS_TASKS_PER_MESSAGE, cycle->arn_count, false);
    for (size_t i = 0; i < cycle->arn_count; i++) {
        eca_free(cycle->arns[i]);
    }
    eca_free(cycle->arns);
    *cycle = (struct cycle){0};
}

static void on_written(void *arg)
{
    struct eca_tcs_session *session = arg;
    struct cycle *cycle = &session->cycle;
    size_t first = cycle->written++ * ECA_TCS_TASKS_PER_MESSAGE;

    assert(cycle->written <= cycle->messages);
    settle(session, first, first + ECA_TCS_TASKS_PER_MESSAGE, true);
    if (cycle->written == cycle->messages) {
        end_cycle(session);
        if (session->tick_waits) {
            session->tick_waits = false;
            eca_timer_start(&session->publish_timer, 0);
        }
    }
}

static void publish(void *arg)
{
    struct eca_tcs_session *session = arg;
    struct eca_stats_gathering data;
    uint64_t now = eca_sched_now_ns(session->opts.sched);
    uint64_t period = session->opts.timing.publish_ms * (uint64_t)ECA_NS_PER_MS;

    if (!eca_stats_is_listed(session->opts.stats) &&
        now - session->opened_ns <
            session->opts.timing.first_listing_ms * (uint64_t)ECA_NS_PER_MS) {
        /* No false `idle` while running containers are not known yet (TCS-610). */
        eca_timer_start_ms(&session->publish_timer, 100);
        return;
    }
    while (session->next_publish_ns <= now) { /* ticks missed are dropped */
        session->next_publish_ns += period;
    }
    eca_timer_start_at(&session->publish_timer, session->next_publish_ns);
    if (session->cycle.arns != NULL) {
        session->tick_waits = true; /* further ones are dropped */
        return;
    }
    eca_stats_gather(session->opts.stats, &data);
    publish_all(session, &data);
    eca_stats_gathering_clear(&data);
    session->published = true;
}

/* ---- messages ------------------------------------------------------------------------------- */

static void on_text(void *arg, struct eca_view message)
{
    struct eca_tcs_session *session = arg;
    eca_auto_frame struct eca_frame frame = {0};
    struct eca_err err = {0};

    session->status.frames++;
    session->status.last_frame_wall_ms = eca_sched_wall_ms(session->opts.sched);
    if (eca_frame_decode(message, types, TYPES, &frame, &err) < 0) {
        session->status.undecodable++;
        ECA_WARN(session->opts.log, module, ECA_NO_KV, "Unable to handle message from backend: %s",
                 err.msg);
        return;
    }
    switch ((enum type)frame.type) {
    case TYPE_ACK:
    case TYPE_HEARTBEAT:
        if (!session->answered) {
            session->answered = true;
            eca_backoff_reset(&session->backoff); /* TCS-711 */
        }
        arm_inactivity(session); /* TCS-703 */
        return;
    case TYPE_STOP:
        ECA_INFO(session->opts.log, module, ECA_NO_KV, "The service ends the session: %s",
                 frame.text == NULL ? "" : frame.text);
        session->stop_asked = true;
        eca_backend_close(session->backend, 1000);
        return;
    case TYPE_START:
        ECA_INFO(session->opts.log, module, ECA_NO_KV, "No handler for %s", types[TYPE_START].name);
        return;
    case TYPE_SERVER_EXCEPTION:
    case TYPE_BAD_REQUEST:
    case TYPE_RESOURCE_VALIDATION:
    case TYPE_INVALID_PARAMETER:
        if (eca_log_limit_pass(&session->exception_limit, eca_sched_now_ns(session->opts.sched),
                               QUIET_LINE_NS)) {
            ECA_WARN(session->opts.log, module, ECA_NO_KV, "The service reports %s: %s",
                     types[frame.type].name, frame.text == NULL ? "" : frame.text);
        }
        return;
    case TYPES:
        break;
    }
    assert(false);
}

/* ---- connection ----------------------------------------------------------------------------- */

static void write_query(void *arg, struct eca_buf *query)
{
    struct eca_tcs_session *session = arg;

    eca_sigv4_query_add(query, "cluster", session->opts.cluster);
    eca_sigv4_query_add(query, "containerInstance", session->opts.instance_arn);
}

static void on_open(void *arg)
{
    struct eca_tcs_session *session = arg;

    session->opened_ns = session->next_publish_ns = eca_sched_now_ns(session->opts.sched);
    session->status.connected = true;
    session->status.connects++;
    session->status.since_wall_ms = eca_sched_wall_ms(session->opts.sched);
    ECA_INFO(session->opts.log, module, ECA_NO_KV, "Connected to %.*s",
             (int)strcspn(eca_backend_url(session->backend), "?"),
             eca_backend_url(session->backend));
    arm_inactivity(session);
    eca_timer_start(&session->publish_timer, 0);
}

static void on_inactive(void *arg)
{
    struct eca_tcs_session *session = arg;

    ECA_DEBUG(session->opts.log, module, ECA_NO_KV, "No activity for too long; closing");
    session->inactive = true;
    eca_backend_close(session->backend, 1000);
}

/* A close of the server's counts as clean when the session had an answer (TCS-708, TCS-712). */
static bool is_clean(const struct eca_tcs_session *session, const struct eca_backend_end *end)
{
    const struct eca_channel_end *channel = end->channel;

    if (session->inactive || !session->answered) {
        return false;
    }
    return session->stop_asked || (channel != NULL && channel->how == ECA_CHANNEL_CLOSED_BY_PEER &&
                                   (channel->close_code == 1000 || channel->close_code == 1001 ||
                                    channel->close_code == 1005));
}

/* A typed refusal by its type (TCS-309), any other as for ACS. */
static void add_refusal(const struct eca_channel_end *channel, struct eca_buf *text)
{
    eca_auto_frame struct eca_frame frame = {0};

    if (eca_frame_decode(channel->body, types, TYPES, &frame, NULL) == ECA_OK) {
        struct eca_view shown = eca_view_str(frame.text == NULL ? "null" : frame.text);

        shown.len = eca_utf8_cut(shown, REFUSAL_SHOWN_BYTES_MAX);
        eca_buf_addf(text, "%s: ", types[frame.type].name);
        eca_escape_controls(shown, text);
    } else {
        eca_acs_refusal_text(channel->body, channel->status, text);
    }
}

/* What an end is to the operator: an error, or NULL for what happens to any session (TCS-713). */
static const char *error_of(const struct eca_tcs_session *session,
                            const struct eca_backend_end *end)
{
    if (session->inactive || end->err.code == ECA_E_CANCELED) {
        return NULL;
    }
    if (end->channel == NULL) {
        return "Finding the telemetry endpoint failed";
    }
    switch (end->channel->how) {
    case ECA_CHANNEL_CONNECT_FAILED:
    case ECA_CHANNEL_REFUSED:
        return "Connecting to the telemetry service failed";
    case ECA_CHANNEL_STALLED:
        return "The telemetry service takes no more bytes";
    case ECA_CHANNEL_LOST: /* the end of TCP alone is none */
        return end->err.code == ECA_E_TRANSIENT ? NULL : "Reading from telemetry failed";
    case ECA_CHANNEL_CLOSED_BY_PEER:
        return end->channel->close_code == 1000 || end->channel->close_code == 1001 ||
                       end->channel->close_code == 1005
                   ? NULL
                   : "Reading from telemetry failed";
    case ECA_CHANNEL_CLOSED_BY_US:
        return NULL;
    }
    assert(false);
    return NULL;
}

static void log_end(struct eca_tcs_session *session, const struct eca_backend_end *end)
{
    eca_auto_buf struct eca_buf text = {0};
    const char *error = error_of(session, end);

    if (end->channel != NULL && end->channel->how == ECA_CHANNEL_REFUSED) {
        add_refusal(end->channel, &text);
    } else {
        eca_buf_add_str(&text, session->inactive ? "no activity" : end->err.msg);
    }
    (void)snprintf(session->status.last_error, sizeof(session->status.last_error), "%s",
                   eca_buf_str(&text));
    if (error != NULL) {
        ECA_ERROR(session->opts.log, module, ECA_NO_KV, "%s: %s", error, eca_buf_str(&text));
    }
    ECA_INFO(session->opts.log, module, ECA_NO_KV, "Telemetry session ended%s%s",
             error == NULL ? ": " : "", error == NULL ? eca_buf_str(&text) : "");
}

static void on_end(void *arg, const struct eca_backend_end *end)
{
    struct eca_tcs_session *session = arg;

    eca_timer_stop(&session->publish_timer);
    eca_timer_stop(&session->inactivity_timer);
    end_cycle(session);
    session->tick_waits = false;
    session->status.connected = false;
    session->status.since_wall_ms = eca_sched_wall_ms(session->opts.sched);
    if (session->running && !session->deregistered) {
        if (is_clean(session, end)) {
            eca_backoff_reset(&session->backoff);
            eca_timer_start(&session->round_timer, 0);
        } else {
            log_end(session, end);
            eca_timer_start(&session->round_timer,
                            eca_backoff_next_ns(&session->backoff, session->opts.entropy));
        }
    }
    eca_backend_free(session->backend);
    session->backend = NULL;
}

static void begin_round(void *arg)
{
    static const struct eca_backend_events events = {write_query, on_open, on_text, on_end,
                                                     on_written};
    struct eca_tcs_session *session = arg;
    struct eca_backend_opts opts = {
        .sched = session->opts.sched,
        .channel = session->opts.channel,
        .ecs = session->opts.ecs,
        .creds = session->opts.creds,
        .log = session->opts.log,
        .module = module,
        .backend = ECA_ECS_TELEMETRY,
        .cluster = session->opts.cluster,
        .instance_arn = session->opts.instance_arn,
        .region = session->opts.region,
        .insecure = session->opts.insecure,
        .plain_http = session->opts.plain_http,
        .connect_ms = session->opts.timing.connect_ms,
        .write_stall_ms = session->opts.timing.write_stall_ms,
        .message_bytes_max = MESSAGE_BYTES_MAX,
        .send_queue_bytes_max = SEND_QUEUE_BYTES_MAX,
    };

    session->answered = session->stop_asked = session->inactive = session->published = false;
    session->backend = eca_backend_connect(&opts, &events, session);
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_tcs_session *eca_tcs_session_new(const struct eca_tcs_opts *opts)
{
    struct eca_tcs_session *session = eca_xalloc(sizeof(*session));

    session->opts = *opts;
    fill_timing(&session->opts.timing);
    eca_backoff_init(&session->backoff,
                     (struct eca_backoff_opts){.min_ms = session->opts.timing.backoff_min_ms,
                                               .max_ms = session->opts.timing.backoff_max_ms,
                                               .multiplier_milli = 2000,
                                               .jitter_milli = 200});
    eca_timer_init(&session->round_timer, opts->sched, begin_round, session);
    eca_timer_init(&session->publish_timer, opts->sched, publish, session);
    eca_timer_init(&session->inactivity_timer, opts->sched, on_inactive, session);
    return session;
}

void eca_tcs_session_start(struct eca_tcs_session *session)
{
    assert(!session->running);
    session->running = true;
    eca_timer_start(&session->round_timer, 0);
}

void eca_tcs_session_stop(struct eca_tcs_session *session)
{
    session->running = false;
    eca_timer_stop(&session->round_timer);
    if (session->backend != NULL) {
        eca_backend_close(session->backend, 1000);
    }
}

void eca_tcs_session_free(struct eca_tcs_session *session)
{
    if (session == NULL) {
        return;
    }
    eca_timer_stop(&session->round_timer);
    eca_timer_stop(&session->publish_timer);
    eca_timer_stop(&session->inactivity_timer);
    end_cycle(session);
    eca_backend_free(session->backend);
    eca_free(session);
}

void eca_tcs_session_deregistered(struct eca_tcs_session *session)
{
    session->deregistered = true;
    eca_timer_stop(&session->round_timer);
    if (session->backend != NULL) {
        eca_backend_close(session->backend, 1000);
    }
}

void eca_tcs_session_accepted(struct eca_tcs_session *session)
{
    if (session->deregistered) {
        session->deregistered = false;
        if (session->running && session->backend == NULL) {
            eca_timer_start(&session->round_timer, 0);
        }
    }
}

void eca_tcs_session_status(const struct eca_tcs_session *session, struct eca_tcs_status *ret)
{
    *ret = session->status;
}
