#include <inttypes.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/acs/inside.h"

#define OVERLAP_MS 1000 /* how long an old session may stand beside a new one */

static struct fake_trace *trace_of(const struct fake_acs *acs)
{
    return acs->opts.base.trace;
}

void acs_violation(struct fake_acs *acs, const char *rule, const char *what)
{
    (void)fake_trace_violation(trace_of(acs), FAKE_LANE_ACS, rule, "%s", what);
}

/* ---- sending --------------------------------------------------------------------------------- */

uint32_t acs_transmit(struct fake_acs *acs, const char *type, const char *id, const char *text)
{
    if (acs->session == NULL) {
        return 0;
    }
    (void)fake_trace_addv(trace_of(acs), FAKE_LANE_ACS, "sent", "type", type,
                          id == NULL ? NULL : "messageId", id, NULL);
    return fake_ws_send(acs->session->ws, eca_view_str(text));
}

static struct eca_json_writer begin(struct fake_acs *acs, struct eca_buf *out, const char *type,
                                    const char *id)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "type", type);
    eca_jw_object(&w, "message");
    eca_jw_str(&w, "messageId", id);
    if (acs->cluster_arn != NULL) {
        eca_jw_str(&w, "clusterArn", acs->cluster_arn);
    }
    if (acs->instance_arn != NULL) {
        eca_jw_str(&w, "containerInstanceArn", acs->instance_arn);
    }
    return w;
}

static void finish(struct eca_json_writer *w)
{
    eca_jw_end_object(w);
    eca_jw_end_object(w);
}

static char *number_id(const char *prefix, uint64_t *counter)
{
    return eca_xasprintf("%s-%" PRIu64, prefix, ++*counter);
}

const char *fake_acs_send_payload(struct fake_acs *acs, const struct fake_acs_payload *payload)
{
    eca_auto_free char *id = payload->message_id == NULL ? number_id("payload", &acs->next_payload)
                                                         : eca_xstrdup(payload->message_id);
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_writer w = begin(acs, &text, "PayloadMessage", id);

    eca_jw_i64(&w, "generatedAt", eca_sched_wall_ms(acs->opts.base.sched));
    if (payload->seq_num >= 0) {
        if (payload->seq_num > acs->next_seq) {
            acs->next_seq = payload->seq_num;
        }
        eca_jw_i64(&w, "seqNum", payload->seq_num > 0 ? payload->seq_num : ++acs->next_seq);
    }
    eca_jw_raw(&w, "tasks", eca_view_str(payload->tasks));
    finish(&w);
    return acs_book_post(acs, "PayloadMessage", id, eca_buf_take(&text), payload->once);
}

static void put_member(struct eca_json_writer *w, const char *key, const char *value)
{
    if (value != NULL) {
        eca_jw_str(w, key, value);
    }
}

void fake_acs_remember_credentials(struct fake_acs *acs,
                                   const struct fake_acs_credentials *credentials)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_writer w = eca_json_writer_to(&text);
    struct acs_role *role = eca_xalloc(sizeof(*role)), *old;

    eca_jw_object(&w, NULL);
    put_member(&w, "credentialsId", credentials->credentials_id);
    put_member(&w, "roleArn", credentials->role_arn);
    put_member(&w, "accessKeyId", credentials->access_key_id);
    put_member(&w, "secretAccessKey", credentials->secret_access_key);
    put_member(&w, "sessionToken", credentials->session_token);
    put_member(&w, "expiration", credentials->expiration);
    eca_jw_end_object(&w);
    role->text = eca_buf_take(&text);
    old = eca_map_put(acs->roles, credentials->task_arn, role);
    if (old != NULL) {
        eca_free(old->text);
        eca_free(old);
    }
}

static const char *send_role(struct fake_acs *acs, const char *task_arn, const char *id)
{
    struct acs_role *role = eca_map_get(acs->roles, task_arn);
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_writer w = eca_json_writer_to(&text);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "type", "IAMRoleCredentialsMessage");
    eca_jw_object(&w, "message");
    eca_jw_str(&w, "messageId", id);
    eca_jw_str(&w, "taskArn", task_arn);
    eca_jw_raw(&w, "roleCredentials", eca_view_str(role->text));
    finish(&w);
    return acs_book_post(acs, "IAMRoleCredentialsMessage", id, eca_buf_take(&text), true);
}

const char *fake_acs_send_credentials(struct fake_acs *acs,
                                      const struct fake_acs_credentials *credentials)
{
    eca_auto_free char *id = credentials->message_id == NULL
                                 ? number_id("credentials", &acs->next_credentials)
                                 : eca_xstrdup(credentials->message_id);

    fake_acs_remember_credentials(acs, credentials);
    return send_role(acs, credentials->task_arn, id);
}

const char *fake_acs_send_stage_update(struct fake_acs *acs, const char *location,
                                       const char *signature)
{
    eca_auto_free char *id = number_id("update", &acs->next_update);
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_writer w = begin(acs, &text, "StageUpdateMessage", id);

    if (location != NULL || signature != NULL) {
        eca_jw_object(&w, "updateInfo");
        put_member(&w, "location", location);
        put_member(&w, "signature", signature);
        eca_jw_end_object(&w);
    }
    finish(&w);
    return acs_book_post(acs, "StageUpdateMessage", id, eca_buf_take(&text), true);
}

const char *fake_acs_send_perform_update(struct fake_acs *acs)
{
    eca_auto_free char *id = number_id("update", &acs->next_update);
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_writer w = begin(acs, &text, "PerformUpdateMessage", id);

    finish(&w);
    return acs_book_post(acs, "PerformUpdateMessage", id, eca_buf_take(&text), true);
}

void fake_acs_send_message(struct fake_acs *acs, const char *type, const char *message_json)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_writer w = eca_json_writer_to(&text);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "type", type);
    if (message_json != NULL) {
        eca_jw_raw(&w, "message", eca_view_str(message_json));
    }
    eca_jw_end_object(&w);
    acs_book_note(acs, eca_buf_str(&text), acs_transmit(acs, type, NULL, eca_buf_str(&text)));
}

void fake_acs_send_text(struct fake_acs *acs, const char *text)
{
    acs_book_note(acs, text, acs_transmit(acs, "text", NULL, text));
}

void fake_acs_send_raw(struct fake_acs *acs, struct eca_view bytes)
{
    if (acs->session != NULL) {
        (void)fake_trace_addv(trace_of(acs), FAKE_LANE_ACS, "sent", "type", "raw bytes", NULL);
        fake_ws_send_raw(acs->session->ws, bytes);
    }
}

static void send_ping(struct fake_acs *acs, const char *payload)
{
    (void)fake_trace_addv(trace_of(acs), FAKE_LANE_ACS, "ping", "payload", payload, NULL);
    fake_pings_sent(&acs->session->pings, payload);
}

void fake_acs_send_odd(struct fake_acs *acs, const char *text, const struct fake_odd *how)
{
    eca_auto_buf struct eca_buf frames = {0};

    if (acs->session == NULL) {
        return;
    }
    (void)fake_trace_addv(trace_of(acs), FAKE_LANE_ACS, "sent", "type", "odd frames", NULL);
    if (fake_odd_frames(how, text, &frames)) {
        send_ping(acs, FAKE_ODD_PING);
    }
    acs_book_note(acs, text, 1);
    fake_odd_send(acs->session->ws, how, eca_buf_view(&frames));
}

void fake_acs_glue(struct fake_acs *acs, const char *text)
{
    fake_frame_put(&acs->glue, true, 1, eca_view_str(text));
    acs->glued = eca_xrealloc_array(acs->glued, acs->glued_count + 1, sizeof(char *));
    acs->glued[acs->glued_count++] = eca_xstrdup(text);
}

/* The glued messages are on their way: nothing is left for the next upgrade. */
static void enter_glued(struct fake_acs *acs)
{
    for (size_t i = 0; i < acs->glued_count; i++) {
        (void)fake_trace_addv(trace_of(acs), FAKE_LANE_ACS, "sent", "type", "glued", NULL);
        acs_book_note(acs, acs->glued[i], 1);
        eca_free(acs->glued[i]);
    }
    eca_free(eca_take(acs->glued));
    acs->glued_count = 0;
    eca_buf_clear(&acs->glue);
}

bool fake_acs_send_broken(struct fake_acs *acs, const char *preset)
{
    eca_auto_buf struct eca_buf frame = {0};

    if (fake_frame_broken(preset, &frame)) {
        fake_acs_send_raw(acs, eca_buf_view(&frame));
        return true;
    }
    if (strcmp(preset, "not-json") == 0) {
        fake_acs_send_text(acs, "{\"type\":\"PayloadMessage\",\"message\":");
        return true;
    }
    if (strcmp(preset, "unknown-type") == 0) {
        fake_acs_send_text(acs, "{\"type\":\"FutureMessage\",\"message\":{}}");
        return true;
    }
    return false;
}

static void arm_heartbeat(struct fake_acs *acs)
{
    eca_timer_stop(&acs->heartbeat);
    if (acs->session != NULL && acs->opts.heartbeat_ms != UINT64_MAX) {
        eca_timer_start_ms(&acs->heartbeat, acs->opts.heartbeat_ms);
    }
}

void fake_acs_heartbeat(struct fake_acs *acs)
{
    static const char text[] = "{\"type\":\"HeartbeatMessage\",\"message\":{\"healthy\":true}}";

    if (acs->session == NULL) {
        return;
    }
    if (acs->opts.verbose) {
        (void)acs_transmit(acs, "HeartbeatMessage", NULL, text);
    } else {
        (void)fake_ws_send(acs->session->ws, eca_view_str(text));
    }
}

static void run_heartbeat(void *arg)
{
    struct fake_acs *acs = arg;

    fake_acs_heartbeat(acs);
    arm_heartbeat(acs);
}

void fake_acs_set_heartbeat(struct fake_acs *acs, uint64_t interval_ms)
{
    acs->opts.heartbeat_ms = interval_ms == 0 ? FAKE_ACS_HEARTBEAT_MS : interval_ms;
    arm_heartbeat(acs);
}

void fake_acs_set_resend(struct fake_acs *acs, bool on_reconnect, uint64_t resend_ms)
{
    acs->opts.no_resend = !on_reconnect;
    acs->opts.resend_ms = resend_ms;
}

void fake_acs_ping(struct fake_acs *acs, const char *payload)
{
    if (acs->session != NULL) {
        send_ping(acs, payload);
        fake_ws_ping(acs->session->ws, eca_view_str(payload));
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void on_text(void *arg, struct eca_view text)
{
    struct acs_session *session = arg;
    struct fake_acs *acs = session->acs;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json root, type, message;

    if (eca_json_parse(text, &doc, NULL) < 0 ||
        eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
        acs_violation(acs, "WS-304", "a message that is no JSON object");
        return;
    }
    root = eca_json_root(doc);
    type = eca_json_get(root, "type");
    message = eca_json_get(root, "message");
    if (eca_json_type(type) != ECA_JSON_STRING || eca_json_type(message) != ECA_JSON_OBJECT) {
        acs_violation(acs, "WS-160", "a message without type or message");
    } else if (!acs_book_answer(session, eca_json_str(type), message)) {
        acs_violation(acs, "ACS-101", "a message of a type that agents do not send");
    }
}

static void session_free(struct acs_session *session)
{
    eca_list_remove(&session->acs->all_sessions, &session->node);
    eca_timer_stop(&session->overlap);
    fake_pings_clear(&session->pings);
    eca_free(session->cluster);
    eca_free(session->instance);
    eca_free(session);
}

static void on_closed(void *arg, int code, struct eca_view reason)
{
    struct acs_session *session = arg;
    struct fake_acs *acs = session->acs;
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "session", session->number);
    eca_jw_i64(&w, "code", code);
    eca_jw_view(&w, "reason", reason);
    eca_jw_end_object(&w);
    (void)fake_trace_add(trace_of(acs), FAKE_LANE_ACS, "closed", eca_buf_str(&fields));
    if (acs->session == session) {
        acs->session = NULL;
        eca_timer_stop(&acs->heartbeat);
        acs_book_session_ends(acs);
    }
    session_free(session);
}

static void on_pong(void *arg, struct eca_view payload)
{
    struct acs_session *session = arg;
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_add_view(&text, payload);
    if (!fake_pings_answered(&session->pings, payload)) {
        acs_violation(session->acs, "WS-306", "a pong that answers no ping");
    }
    (void)fake_trace_addv(trace_of(session->acs), FAKE_LANE_ACS, "pong", "payload",
                          eca_buf_str(&text), NULL);
}

/* ---- upgrades -------------------------------------------------------------------------------- */

static void send_roles(struct fake_acs *acs)
{
    size_t cursor = 0;
    const char *arn;
    void *role;

    while (eca_map_next(acs->roles, &cursor, &arn, &role)) {
        eca_auto_free char *id = number_id("credentials", &acs->next_credentials);
        (void)send_role(acs, arn, id);
    }
}

static void trace_connect(struct fake_acs *acs, const struct fake_request *request)
{
    static const char *const params[] = {"sendCredentials", "seqNum", "clusterArn", "agentVersion",
                                         "dockerVersion"};
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "session", acs->sessions);
    for (size_t i = 0; i < ECA_ARRAY_LEN(params); i++) {
        eca_auto_buf struct eca_buf value = {0};
        if (fake_request_param(request, params[i], &value)) {
            eca_jw_str(&w, params[i], eca_buf_str(&value));
        }
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(trace_of(acs), FAKE_LANE_ACS, "connect", eca_buf_str(&fields));
}

/* The end of the old connection may be under way, and overtaken by the new one. */
static void run_overlap(void *arg)
{
    acs_violation(((struct acs_session *)arg)->acs, "ACS-202",
                  "a second session while the first one stands");
}

static char *param_of(const struct fake_request *request, const char *name)
{
    struct eca_buf value = {0};

    (void)fake_request_param(request, name, &value);
    return eca_buf_take(&value);
}

static void welcome(void *arg, struct fake_exchange *exchange)
{
    struct fake_acs *acs = arg;
    static const struct fake_ws_events events = {
        .on_text = on_text, .on_closed = on_closed, .on_pong = on_pong};
    const struct fake_request *request = fake_exchange_request(exchange);
    struct acs_session *session = eca_xalloc(sizeof(*session));
    eca_auto_buf struct eca_buf wants_credentials = {0};

    if (acs->session != NULL) {
        eca_timer_start_ms(&acs->session->overlap, OVERLAP_MS);
    }
    (void)fake_request_param(request, "sendCredentials", &wants_credentials);
    session->acs = acs;
    eca_timer_init(&session->overlap, acs->opts.base.sched, run_overlap, session);
    eca_list_push_back(&acs->all_sessions, &session->node);
    session->number = ++acs->sessions;
    session->cluster = param_of(request, "clusterArn");
    session->instance = param_of(request, "containerInstanceArn");
    trace_connect(acs, request);
    session->ws = fake_ws_accept_with(exchange, eca_buf_view(&acs->glue), &events, session);
    acs->session = session;
    enter_glued(acs);
    if (acs->close_at_once != 0) {
        fake_ws_close(session->ws, acs->close_at_once, acs->close_at_once_reason);
        return;
    }
    arm_heartbeat(acs);
    if (strcmp(eca_buf_str(&wants_credentials), "true") == 0) {
        send_roles(acs);
    }
    acs_book_session_begins(acs);
}

/* ACS-203 */
static const char *query_flaw(const struct fake_request *request)
{
    static const char *const params[] = {"agentHash",       "agentVersion",
                                         "clusterArn",      "containerInstanceArn",
                                         "sendCredentials", "seqNum"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(params); i++) {
        eca_auto_buf struct eca_buf value = {0};
        if (!fake_request_param(request, params[i], &value) || value.len == 0) {
            return "a parameter of ACS-203 is missing";
        }
    }
    return NULL;
}

static void describe(const struct fake_auth_refusal *refusal, struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "AccessDeniedException", refusal->err.msg);
    eca_jw_end_object(&w);
}

/* ---- ends and refusals ----------------------------------------------------------------------- */

void fake_acs_close(struct fake_acs *acs, int code, const char *reason)
{
    if (acs->session != NULL) {
        fake_ws_close(acs->session->ws, code, reason);
    }
}

bool fake_acs_close_preset(struct fake_acs *acs, const char *preset)
{
    static const struct {
        const char *name;
        int code;
        const char *reason;
    } presets[] = {
        {"expired", 1000, "ConnectionExpired: Reconnect to continue"},
        {"idle", 1002, "Channel long idle: No message is received, close the channel"},
        {"going-away", 1001, ""},
        {"internal", 1011, "internal error"},
        {"empty", 1005, ""},
    };

    if (strcmp(preset, "cut") == 0) {
        if (acs->session != NULL) {
            fake_ws_cut(acs->session->ws);
        }
        return true;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(presets); i++) {
        if (strcmp(presets[i].name, preset) == 0) {
            fake_acs_close(acs, presets[i].code, presets[i].reason);
            return true;
        }
    }
    return false;
}

void fake_acs_read_only(struct fake_acs *acs, uint64_t bytes)
{
    if (acs->session != NULL) {
        fake_ws_read_only(acs->session->ws, bytes);
    }
}

void fake_acs_refuse(struct fake_acs *acs, uint32_t times, const struct fake_refusal *how)
{
    fake_door_refuse(acs->door, times, how);
}

bool fake_acs_refuse_preset(struct fake_acs *acs, uint32_t times, const char *preset)
{
    return fake_door_refuse_preset(acs->door, times, preset);
}

void fake_acs_accept(struct fake_acs *acs, bool hold)
{
    fake_door_accept(acs->door, hold);
}

void fake_acs_close_at_once(struct fake_acs *acs, int code, const char *reason)
{
    eca_free(acs->close_at_once_reason);
    acs->close_at_once = code;
    acs->close_at_once_reason = eca_xstrdup(reason);
}

/* ---- book-keeping, life ---------------------------------------------------------------------- */

bool fake_acs_connected(const struct fake_acs *acs)
{
    return acs->session != NULL;
}

uint64_t fake_acs_sessions(const struct fake_acs *acs)
{
    return acs->sessions;
}

struct fake_acs *fake_acs_new(const struct fake_acs_opts *opts)
{
    struct fake_acs *acs = eca_xalloc(sizeof(*acs));

    acs->opts = *opts;
    acs->cluster_arn = eca_xstrdup(opts->cluster_arn);
    acs->instance_arn = eca_xstrdup(opts->instance_arn);
    if (acs->opts.heartbeat_ms == 0) {
        acs->opts.heartbeat_ms = FAKE_ACS_HEARTBEAT_MS;
    }
    acs->acks = eca_map_new();
    acs->roles = eca_map_new();
    acs->by_id = eca_map_new();
    eca_list_init(&acs->letters);
    eca_list_init(&acs->all_sessions);
    eca_timer_init(&acs->heartbeat, opts->base.sched, run_heartbeat, acs);
    acs->door = fake_door_new(&(struct fake_door_opts){
        .base = opts->base,
        .lane = FAKE_LANE_ACS,
        .party = opts->party == NULL ? "acs" : opts->party,
        .region = opts->region == NULL ? "us-west-2" : opts->region,
        .auth = opts->auth,
        .rules = {.form = "WS-110", .signature = "WS-303", .plain = "WS-301"},
        .query_flaw = query_flaw,
        .describe = describe,
        .welcome = welcome,
        .arg = acs,
    });
    return acs;
}

void fake_acs_free(struct fake_acs *acs)
{
    size_t cursor = 0;
    const char *arn;
    void *role;

    if (acs == NULL) {
        return;
    }
    fake_door_free(acs->door);
    eca_timer_stop(&acs->heartbeat);
    for (size_t i = 0; i < acs->glued_count; i++) {
        eca_free(acs->glued[i]);
    }
    eca_free(acs->glued);
    eca_buf_clear(&acs->glue);
    acs_book_clear(acs);
    while (eca_map_next(acs->roles, &cursor, &arn, &role)) {
        eca_free(((struct acs_role *)role)->text);
        eca_free(role);
    }
    ECA_LIST_FOREACH(session, &acs->all_sessions)
    {
        session_free(eca_list_entry(session, struct acs_session, node));
    }
    eca_map_free(acs->by_id);
    eca_map_free(acs->roles);
    eca_map_free(acs->acks);
    eca_free(acs->cluster_arn);
    eca_free(acs->instance_arn);
    eca_free(acs->close_at_once_reason);
    eca_free(acs);
}
