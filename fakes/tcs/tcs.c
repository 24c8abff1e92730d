#include <string.h>
#include <strings.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/tcs/inside.h"

#define OVERLAP_MS 1000 /* how long an old session may stand beside a new one */

static struct fake_trace *trace_of(const struct fake_tcs *tcs)
{
    return tcs->opts.base.trace;
}

void tcs_violation(struct fake_tcs *tcs, const char *rule, const char *what)
{
    (void)fake_trace_violation(trace_of(tcs), FAKE_LANE_TCS, rule, "%s", what);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void run_ack(void *arg)
{
    struct fake_tcs *tcs = arg;
    static const char text[] = "{\"type\":\"AckPublishMetric\",\"message\":{\"message\":\"ok\"}}";

    for (; tcs->acks_due > 0 && tcs->session != NULL; tcs->acks_due--) {
        (void)fake_ws_send(tcs->session->ws, eca_view_str(text));
    }
}

static void acknowledge(struct tcs_session *session)
{
    struct fake_tcs *tcs = session->tcs;

    uint32_t nth = tcs->opts.ack_nth == 0 ? 1 : tcs->opts.ack_nth;

    if (tcs->session != session || tcs->opts.acks == FAKE_TCS_ACK_NONE ||
        (tcs->opts.acks == FAKE_TCS_ACK_NTH && session->messages != nth)) {
        return;
    }
    tcs->acks_due++;
    if (tcs->opts.ack_delay_ms == 0) {
        run_ack(tcs);
    } else if (!eca_timer_is_armed(&tcs->ack)) {
        eca_timer_start_ms(&tcs->ack, tcs->opts.ack_delay_ms);
    }
}

/* "20160901T120000Z"; 0 when it is none: then the signature is wrong as well. */
static int64_t signed_at_s(const struct eca_http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *date = headers[i].value;
        eca_auto_buf struct eca_buf text = {0};
        int64_t ns = 0;

        if (strcasecmp(headers[i].name, "x-amz-date") == 0 && strlen(date) == 16) {
            eca_buf_addf(&text, "%.4s-%.2s-%.5s:%.2s:%.3s", date, date + 4, date + 6, date + 11,
                         date + 13);
            (void)eca_time_rfc3339_parse(eca_buf_view(&text), &ns, NULL);
            return ns / 1000000000;
        }
    }
    return 0;
}

/* The envelope behind the signature block; false: a violation was noted. */
static bool read_message(struct tcs_session *session, struct eca_view text,
                         struct eca_view *ret_json)
{
    struct fake_tcs *tcs = session->tcs;
    struct eca_http_header headers[ECA_SIGV4_BLOCK_HEADERS_MAX];
    eca_auto_buf struct eca_buf storage = {0};
    size_t count = 0;
    struct eca_err err = {0};
    struct fake_auth_refusal refusal;

    if (eca_sigv4_message_split(text, &storage, headers, &count, ret_json, &err) < 0) {
        tcs_violation(tcs, "TCS-401", err.msg);
        return false;
    }
    if (tcs->opts.auth != NULL &&
        !fake_auth_check_message(tcs->opts.auth, session->path, session->query, headers, count,
                                 *ret_json, fake_door_region(tcs->door), &refusal)) {
        tcs_violation(tcs, "TCS-402", refusal.err.msg);
        return false;
    }
    session->signed_s = signed_at_s(headers, count);
    return true;
}

static void on_text(void *arg, struct eca_view text)
{
    struct tcs_session *session = arg;
    struct fake_tcs *tcs = session->tcs;
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_view json;
    eca_json type;

    if (!read_message(session, text, &json)) {
        return;
    }
    if (eca_json_parse(json, &doc, NULL) < 0) {
        tcs_violation(tcs, "TCS-403", "a message that is no JSON");
        return;
    }
    type = eca_json_get(eca_json_root(doc), "type");
    if (eca_json_type(type) != ECA_JSON_STRING ||
        strcmp(eca_json_str(type), "PublishMetricsRequest") != 0) {
        tcs_violation(tcs, "TCS-501", "a message of a type that agents do not send");
        return;
    }
    eca_free(tcs->last);
    tcs->last = eca_xstrndup(json.at, json.len);
    tcs->messages++;
    session->messages++;
    session->blind = session->blind || fake_ws_is_spoilt(session->ws);
    if (!fake_ws_is_copy(session->ws)) {
        tcs_on_metrics(session, eca_json_get(eca_json_root(doc), "message"));
    }
    acknowledge(session);
    if (tcs->close_after > 0 && session->messages >= tcs->close_after) {
        fake_ws_close(session->ws, tcs->close_code, tcs->close_reason);
    }
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void session_free(struct tcs_session *session)
{
    eca_list_remove(&session->tcs->all_sessions, &session->node);
    eca_timer_stop(&session->overlap);
    eca_free(session->path);
    eca_free(session->query);
    eca_free(session->cluster);
    eca_free(session->instance);
    fake_pings_clear(&session->pings);
    eca_free(session->cycle);
    eca_map_free(session->cycle_tasks);
    eca_free(session);
}

static void on_closed(void *arg, int code, struct eca_view reason)
{
    struct tcs_session *session = arg;
    struct fake_tcs *tcs = session->tcs;
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "session", session->number);
    eca_jw_i64(&w, "code", code);
    eca_jw_view(&w, "reason", reason);
    eca_jw_end_object(&w);
    (void)fake_trace_add(trace_of(tcs), FAKE_LANE_TCS, "closed", eca_buf_str(&fields));
    if (tcs->session == session) {
        tcs->session = NULL;
        tcs->acks_due = 0;
        eca_timer_stop(&tcs->heartbeat);
        eca_timer_stop(&tcs->ack);
    }
    session_free(session);
}

static void arm_heartbeat(struct fake_tcs *tcs)
{
    eca_timer_stop(&tcs->heartbeat);
    if (tcs->session != NULL && tcs->opts.heartbeat_ms > 0) {
        eca_timer_start_ms(&tcs->heartbeat, tcs->opts.heartbeat_ms);
    }
}

static void run_heartbeat(void *arg)
{
    struct fake_tcs *tcs = arg;

    if (tcs->session != NULL) {
        (void)fake_ws_send(
            tcs->session->ws,
            eca_view_str("{\"type\":\"HeartbeatMessage\",\"message\":{\"healthy\":true}}"));
    }
    arm_heartbeat(tcs);
}

/* The end of the old connection may be under way, and overtaken by the new one. */
static void run_overlap(void *arg)
{
    tcs_violation(((struct tcs_session *)arg)->tcs, "TCS-701",
                  "a second session while the first one stands");
}

static char *param_of(const struct fake_request *request, const char *name)
{
    struct eca_buf value = {0};

    (void)fake_request_param(request, name, &value);
    return eca_buf_take(&value);
}

static void on_pong(void *arg, struct eca_view payload)
{
    struct tcs_session *session = arg;
    eca_auto_buf struct eca_buf text = {0};

    eca_buf_add_view(&text, payload);
    if (!fake_pings_answered(&session->pings, payload)) {
        tcs_violation(session->tcs, "TCS-406", "a pong that answers no ping");
    }
    (void)fake_trace_addv(trace_of(session->tcs), FAKE_LANE_TCS, "pong", "payload",
                          eca_buf_str(&text), NULL);
}

static void welcome(void *arg, struct fake_exchange *exchange)
{
    struct fake_tcs *tcs = arg;
    static const struct fake_ws_events events = {
        .on_text = on_text, .on_closed = on_closed, .on_pong = on_pong};
    const struct fake_request *request = fake_exchange_request(exchange);
    struct tcs_session *session = eca_xalloc(sizeof(*session));
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    if (tcs->session != NULL) {
        eca_timer_start_ms(&tcs->session->overlap, OVERLAP_MS);
    }
    session->tcs = tcs;
    eca_timer_init(&session->overlap, tcs->opts.base.sched, run_overlap, session);
    session->number = ++tcs->sessions;
    session->cycle_tasks = eca_map_new();
    session->path = eca_xstrdup(request->path);
    session->query = eca_xstrdup(request->query);
    session->cluster = param_of(request, "cluster");
    session->instance = param_of(request, "containerInstance");
    session->opened_ns = eca_sched_now_ns(tcs->opts.base.sched);
    eca_list_push_back(&tcs->all_sessions, &session->node);
    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "session", session->number);
    eca_jw_str(&w, "cluster", session->cluster);
    eca_jw_str(&w, "containerInstance", session->instance);
    eca_jw_end_object(&w);
    (void)fake_trace_add(trace_of(tcs), FAKE_LANE_TCS, "connect", eca_buf_str(&fields));
    session->ws = fake_ws_accept(exchange, &events, session);
    tcs->session = session;
    arm_heartbeat(tcs);
}

/* TCS-902: the two parameters, in this order, encoded as signatures are, and nothing else. */
static const char *query_flaw(const struct fake_request *request)
{
    static const char *const params[] = {"cluster", "containerInstance"};
    static const char flaw[] = "the query is not cluster=...&containerInstance=...";
    eca_auto_buf struct eca_buf want = {0};

    for (size_t i = 0; i < ECA_ARRAY_LEN(params); i++) {
        eca_auto_buf struct eca_buf value = {0};

        if (!fake_request_param(request, params[i], &value) || value.len == 0) {
            return flaw;
        }
        eca_sigv4_query_add(&want, params[i], eca_buf_str(&value));
    }
    return strcmp(request->query, eca_buf_str(&want)) == 0 ? NULL : flaw;
}

static void describe(const struct fake_auth_refusal *refusal, struct eca_buf *out)
{
    (void)refusal;
    eca_buf_add_str(out, "{\"InvalidParameterException\":\"signature\"}");
}

/* ---- knobs ----------------------------------------------------------------------------------- */

void fake_tcs_set_acks(struct fake_tcs *tcs, enum fake_tcs_acks acks, uint32_t nth,
                       uint64_t delay_ms)
{
    tcs->opts.acks = acks;
    tcs->opts.ack_nth = nth;
    tcs->opts.ack_delay_ms = delay_ms;
}

void fake_tcs_set_heartbeat(struct fake_tcs *tcs, uint64_t interval_ms)
{
    tcs->opts.heartbeat_ms = interval_ms;
    arm_heartbeat(tcs);
}

bool fake_tcs_connected(const struct fake_tcs *tcs)
{
    return tcs->session != NULL;
}

uint64_t fake_tcs_sessions(const struct fake_tcs *tcs)
{
    return tcs->sessions;
}

uint64_t fake_tcs_messages(const struct fake_tcs *tcs)
{
    return tcs->messages;
}

const char *fake_tcs_last(const struct fake_tcs *tcs)
{
    return tcs->last == NULL ? "" : tcs->last;
}

const char *fake_tcs_last_of(const struct fake_tcs *tcs, const char *task_arn)
{
    const char *json = eca_map_get(tcs->last_of, task_arn);

    return json == NULL ? "null" : json;
}

void fake_tcs_send_text(struct fake_tcs *tcs, const char *text)
{
    if (tcs->session != NULL) {
        (void)fake_trace_addv(trace_of(tcs), FAKE_LANE_TCS, "sent", "type", "text", NULL);
        (void)fake_ws_send(tcs->session->ws, eca_view_str(text));
    }
}

void fake_tcs_send_raw(struct fake_tcs *tcs, struct eca_view bytes)
{
    if (tcs->session != NULL) {
        (void)fake_trace_addv(trace_of(tcs), FAKE_LANE_TCS, "sent", "type", "raw bytes", NULL);
        fake_ws_send_raw(tcs->session->ws, bytes);
    }
}

static void send_ping(struct fake_tcs *tcs, const char *payload)
{
    (void)fake_trace_addv(trace_of(tcs), FAKE_LANE_TCS, "ping", "payload", payload, NULL);
    fake_pings_sent(&tcs->session->pings, payload);
}

void fake_tcs_send_odd(struct fake_tcs *tcs, const char *text, const struct fake_odd *how)
{
    eca_auto_buf struct eca_buf frames = {0};

    if (tcs->session == NULL) {
        return;
    }
    (void)fake_trace_addv(trace_of(tcs), FAKE_LANE_TCS, "sent", "type", "odd frames", NULL);
    if (fake_odd_frames(how, text, &frames)) {
        send_ping(tcs, FAKE_ODD_PING);
    }
    fake_odd_send(tcs->session->ws, how, eca_buf_view(&frames));
}

bool fake_tcs_send_broken(struct fake_tcs *tcs, const char *preset)
{
    eca_auto_buf struct eca_buf frame = {0};

    if (!fake_frame_broken(preset, &frame)) {
        return false;
    }
    fake_tcs_send_raw(tcs, eca_buf_view(&frame));
    return true;
}

void fake_tcs_ping(struct fake_tcs *tcs, const char *payload)
{
    if (tcs->session != NULL) {
        send_ping(tcs, payload);
        fake_ws_ping(tcs->session->ws, eca_view_str(payload));
    }
}

void fake_tcs_close(struct fake_tcs *tcs, int code, const char *reason)
{
    if (tcs->session != NULL) {
        fake_ws_close(tcs->session->ws, code, reason);
    }
}

void fake_tcs_cut(struct fake_tcs *tcs)
{
    if (tcs->session != NULL) {
        fake_ws_cut(tcs->session->ws);
    }
}

void fake_tcs_read_only(struct fake_tcs *tcs, uint64_t bytes)
{
    if (tcs->session != NULL) {
        tcs->session->blind = true;
        fake_ws_read_only(tcs->session->ws, bytes);
    }
}

void fake_tcs_refuse(struct fake_tcs *tcs, uint32_t times, const struct fake_refusal *how)
{
    fake_door_refuse(tcs->door, times, how);
}

bool fake_tcs_refuse_preset(struct fake_tcs *tcs, uint32_t times, const char *preset)
{
    return fake_door_refuse_preset(tcs->door, times, preset);
}

void fake_tcs_accept(struct fake_tcs *tcs, bool hold)
{
    fake_door_accept(tcs->door, hold);
}

void fake_tcs_close_after(struct fake_tcs *tcs, uint32_t messages, int code, const char *reason)
{
    eca_free(tcs->close_reason);
    tcs->close_after = messages;
    tcs->close_code = code;
    tcs->close_reason = eca_xstrdup(reason == NULL ? "" : reason);
}

struct fake_tcs *fake_tcs_new(const struct fake_tcs_opts *opts)
{
    struct fake_tcs *tcs = eca_xalloc(sizeof(*tcs));

    tcs->opts = *opts;
    tcs->ids = eca_map_new();
    tcs->last_of = eca_map_new();
    eca_list_init(&tcs->all_sessions);
    eca_timer_init(&tcs->heartbeat, opts->base.sched, run_heartbeat, tcs);
    eca_timer_init(&tcs->ack, opts->base.sched, run_ack, tcs);
    tcs->door = fake_door_new(&(struct fake_door_opts){
        .base = opts->base,
        .lane = FAKE_LANE_TCS,
        .party = opts->party == NULL ? "tcs" : opts->party,
        .region = opts->region == NULL ? "us-west-2" : opts->region,
        .auth = opts->auth,
        .rules = {.form = "TCS-902", .signature = "TCS-902", .plain = "TCS-901"},
        .query_flaw = query_flaw,
        .describe = describe,
        .welcome = welcome,
        .arg = tcs,
    });
    return tcs;
}

void fake_tcs_free(struct fake_tcs *tcs)
{
    size_t cursor = 0;
    void *json;

    if (tcs == NULL) {
        return;
    }
    fake_door_free(tcs->door);
    eca_timer_stop(&tcs->heartbeat);
    eca_timer_stop(&tcs->ack);
    ECA_LIST_FOREACH(it, &tcs->all_sessions)
    {
        session_free(eca_list_entry(it, struct tcs_session, node));
    }
    while (eca_map_next(tcs->last_of, &cursor, NULL, &json)) {
        eca_free(json);
    }
    eca_map_free(tcs->last_of);
    eca_map_free(tcs->ids);
    eca_free(tcs->last);
    eca_free(tcs->close_reason);
    eca_free(tcs);
}
