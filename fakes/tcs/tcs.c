#include "fakes/tcs/tcs.h"

#include <inttypes.h>
#include <string.h>

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/door.h"

#define TASKS_PER_MESSAGE_MAX 10 /* TCS-605 */
#define CPU_PERCENT_MAX 105.0    /* FB-34.2; beyond 100 for the error of the clocks */
#define OVERLAP_MS 1000          /* how long an old session may stand beside a new one */

struct session {
    struct eca_list_node node;
    struct fake_tcs *tcs;
    struct fake_ws *ws;
    uint64_t number;
    uint32_t messages;
    struct eca_timer overlap; /* runs while a newer session stands beside it */
    char *path, *query;
    char *cycle;                 /* messageId of the cycle under way, or NULL after `fin` */
    struct eca_map *cycle_tasks; /* ARNs in it so far; the values say nothing */
};

struct fake_tcs {
    struct fake_tcs_opts opts;
    struct fake_door *door;
    struct session *session;
    struct eca_list all_sessions;
    uint64_t sessions, messages, cycles;
    struct eca_map *last_of; /* task ARN -> owned JSON of its containers */
    struct eca_timer heartbeat, ack;
    uint32_t acks_due;
    char *last;
    uint32_t close_after;
    int close_code;
    char *close_reason;
};

static struct fake_trace *trace_of(const struct fake_tcs *tcs)
{
    return tcs->opts.base.trace;
}

static void violation(struct fake_tcs *tcs, const char *rule, const char *what)
{
    (void)fake_trace_violation(trace_of(tcs), FAKE_LANE_TCS, rule, "%s", what);
}

/* ---- a message ------------------------------------------------------------------------------- */

/* One statistic set, copied into the event; what is wrong with it, or NULL. */
static const char *copy_set(eca_json set, const char *key, struct eca_json_writer *w)
{
    eca_json min = eca_json_get(set, "min"), max = eca_json_get(set, "max");
    eca_json sum = eca_json_get(set, "sum"), count = eca_json_get(set, "sampleCount");
    int64_t samples = 0;

    if (eca_json_type(min) != ECA_JSON_NUMBER || eca_json_type(max) != ECA_JSON_NUMBER ||
        eca_json_type(sum) != ECA_JSON_NUMBER || eca_json_type(count) != ECA_JSON_NUMBER ||
        eca_json_i64(count, &samples, NULL) < 0) {
        return "a statistic set needs min, max, sum and sampleCount as numbers";
    }
    if (samples < 1) {
        return "sampleCount below 1";
    }
    if (eca_json_double(min) > eca_json_double(max) || eca_json_double(min) < 0 ||
        eca_json_double(max) > 1e18) {
        return "min above max, or a number that cannot be";
    }
    eca_jw_value(w, key, set);
    return NULL;
}

static const char *copy_containers(eca_json list, struct eca_json_writer *w)
{
    if (eca_json_count(list) == 0) {
        return "a task without containers";
    }
    eca_jw_array(w, NULL);
    for (eca_json it = eca_json_first(list); it != NULL; it = eca_json_next(it)) {
        const char *flaw;

        eca_jw_object(w, NULL);
        flaw = copy_set(eca_json_get(it, "cpuStatsSet"), "cpu", w);
        if (flaw == NULL && eca_json_double(eca_json_get(eca_json_get(it, "cpuStatsSet"), "max")) >
                                CPU_PERCENT_MAX) {
            flaw = "more CPU than the machine has (FB-34.2)";
        }
        if (flaw == NULL) {
            flaw = copy_set(eca_json_get(it, "memoryStatsSet"), "memory", w);
        }
        eca_jw_end_object(w);
        if (flaw != NULL) {
            return flaw;
        }
    }
    eca_jw_end_array(w);
    return NULL;
}

static void put_text(struct eca_json_writer *w, eca_json from, const char *key, const char *as)
{
    eca_json value = eca_json_get(from, key);

    if (eca_json_type(value) == ECA_JSON_STRING) {
        eca_jw_str(w, as, eca_json_str(value));
    }
}

static const char *copy_task(struct session *session, eca_json task, struct eca_json_writer *w,
                             struct eca_buf *names)
{
    struct fake_tcs *tcs = session->tcs;
    eca_json arn = eca_json_get(task, "taskArn");
    eca_auto_buf struct eca_buf containers = {0};
    struct eca_json_writer inner = eca_json_writer_to(&containers);
    const char *flaw, *name;

    if (eca_json_type(arn) != ECA_JSON_STRING) {
        return "taskMetrics without taskArn";
    }
    if (eca_map_put(session->cycle_tasks, eca_json_str(arn), session) != NULL) {
        return "a task twice in one cycle";
    }
    flaw = copy_containers(eca_json_get(task, "containerMetrics"), &inner);
    if (flaw != NULL) {
        return flaw;
    }
    name = fake_trace_name_of(trace_of(tcs), eca_json_str(arn));
    eca_buf_addf(names, "%s%s", names->len > 0 ? " " : "", name);
    eca_jw_object(w, NULL);
    eca_jw_str(w, "task", name);
    put_text(w, task, "taskDefinitionFamily", "family");
    put_text(w, task, "taskDefinitionVersion", "version");
    eca_jw_raw(w, "containers", eca_buf_view(&containers));
    eca_jw_end_object(w);
    eca_free(eca_map_put(tcs->last_of, eca_json_str(arn), eca_xstrdup(eca_buf_str(&containers))));
    return NULL;
}

static const char *copy_tasks(struct session *session, eca_json list, struct eca_json_writer *w)
{
    eca_auto_buf struct eca_buf tasks = {0};
    eca_auto_buf struct eca_buf names = {0};
    struct eca_json_writer inner = eca_json_writer_to(&tasks);

    if (eca_json_count(list) > TASKS_PER_MESSAGE_MAX) {
        return "more than 10 tasks in one message";
    }
    eca_jw_array(&inner, NULL);
    for (eca_json it = eca_json_first(list); it != NULL; it = eca_json_next(it)) {
        const char *flaw = copy_task(session, it, &inner, &names);

        if (flaw != NULL) {
            return flaw;
        }
    }
    eca_jw_end_array(&inner);
    eca_jw_u64(w, "taskCount", eca_json_count(list));
    eca_jw_str(w, "names", eca_buf_str(&names));
    eca_jw_raw(w, "tasks", eca_buf_view(&tasks));
    return NULL;
}

/* TCS-603..605: ids, fin and idle over the messages of a cycle. */
static const char *check_cycle(struct session *session, const char *id, bool fin, bool idle,
                               bool has_tasks)
{
    const char *flaw = NULL;

    if (session->cycle != NULL && strcmp(session->cycle, id) != 0) {
        flaw = "a new messageId before `fin` of the old one";
    } else if (idle && (!fin || has_tasks)) {
        flaw = "an idle message is one, final and without taskMetrics";
    } else if (!idle && !has_tasks) {
        flaw = "neither idle nor tasks";
    }
    if (session->cycle == NULL || flaw != NULL) {
        session->tcs->cycles++;
        eca_map_free(session->cycle_tasks);
        session->cycle_tasks = eca_map_new();
    }
    eca_free(session->cycle);
    session->cycle = fin ? NULL : eca_xstrdup(id);
    return flaw;
}

static bool bool_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_BOOL && eca_json_bool(value);
}

static void on_metrics(struct session *session, eca_json message)
{
    struct fake_tcs *tcs = session->tcs;
    eca_json metadata = eca_json_get(message, "metadata");
    eca_json id = eca_json_get(metadata, "messageId");
    eca_json tasks = eca_json_get(message, "taskMetrics");
    bool fin = bool_of(metadata, "fin"), idle = bool_of(metadata, "idle");
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);
    const char *flaw = NULL;

    tcs->messages++;
    session->messages++;
    if (eca_json_type(id) != ECA_JSON_STRING || strlen(eca_json_str(id)) != 36) {
        violation(tcs, "TCS-603", "metadata without a UUID as messageId");
        return;
    }
    if (eca_json_type(eca_json_get(message, "timestamp")) != ECA_JSON_NUMBER) {
        violation(tcs, "TCS-501", "no timestamp");
    }
    flaw = check_cycle(session, eca_json_str(id), fin, idle, eca_json_count(tasks) > 0);
    if (flaw != NULL) {
        violation(tcs, "TCS-605", flaw);
    }
    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "session", session->number);
    eca_jw_u64(&w, "cycle", tcs->cycles);
    eca_jw_bool(&w, "idle", idle);
    eca_jw_bool(&w, "fin", fin);
    flaw = copy_tasks(session, tasks, &w);
    if (flaw != NULL) {
        violation(tcs, "TCS-904", flaw);
        return;
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(trace_of(tcs), FAKE_LANE_TCS, "metrics", eca_buf_str(&fields));
}

static void run_ack(void *arg)
{
    struct fake_tcs *tcs = arg;
    static const char text[] = "{\"type\":\"AckPublishMetric\",\"message\":{\"message\":\"ok\"}}";

    for (; tcs->acks_due > 0 && tcs->session != NULL; tcs->acks_due--) {
        (void)fake_ws_send(tcs->session->ws, eca_view_str(text));
    }
}

static void acknowledge(struct session *session)
{
    struct fake_tcs *tcs = session->tcs;

    if (tcs->session != session || tcs->opts.acks == FAKE_TCS_ACK_NONE ||
        (tcs->opts.acks == FAKE_TCS_ACK_ONCE && session->messages > 1)) {
        return;
    }
    tcs->acks_due++;
    if (tcs->opts.ack_delay_ms == 0) {
        run_ack(tcs);
    } else if (!eca_timer_is_armed(&tcs->ack)) {
        eca_timer_start_ms(&tcs->ack, tcs->opts.ack_delay_ms);
    }
}

/* The envelope behind the signature block; false: a violation was noted. */
static bool read_message(struct session *session, struct eca_view text, struct eca_view *ret_json)
{
    struct fake_tcs *tcs = session->tcs;
    struct eca_http_header headers[ECA_SIGV4_BLOCK_HEADERS_MAX];
    eca_auto_buf struct eca_buf storage = {0};
    size_t count = 0;
    struct eca_err err = {0};
    struct fake_auth_refusal refusal;

    if (eca_sigv4_message_split(text, &storage, headers, &count, ret_json, &err) < 0) {
        violation(tcs, "TCS-401", err.msg);
        return false;
    }
    if (tcs->opts.auth != NULL &&
        !fake_auth_check_message(tcs->opts.auth, session->path, session->query, headers, count,
                                 *ret_json, fake_door_region(tcs->door), &refusal)) {
        violation(tcs, "TCS-402", refusal.err.msg);
        return false;
    }
    return true;
}

static void on_text(void *arg, struct eca_view text)
{
    struct session *session = arg;
    struct fake_tcs *tcs = session->tcs;
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_view json;
    eca_json type;

    if (!read_message(session, text, &json)) {
        return;
    }
    if (eca_json_parse(json, &doc, NULL) < 0) {
        violation(tcs, "TCS-403", "a message that is no JSON");
        return;
    }
    type = eca_json_get(eca_json_root(doc), "type");
    if (eca_json_type(type) != ECA_JSON_STRING ||
        strcmp(eca_json_str(type), "PublishMetricsRequest") != 0) {
        violation(tcs, "TCS-501", "a message of a type that agents do not send");
        return;
    }
    eca_free(tcs->last);
    tcs->last = eca_xstrndup(json.at, json.len);
    on_metrics(session, eca_json_get(eca_json_root(doc), "message"));
    acknowledge(session);
    if (tcs->close_after > 0 && session->messages >= tcs->close_after) {
        fake_ws_close(session->ws, tcs->close_code, tcs->close_reason);
    }
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void session_free(struct session *session)
{
    eca_list_remove(&session->tcs->all_sessions, &session->node);
    eca_timer_stop(&session->overlap);
    eca_free(session->path);
    eca_free(session->query);
    eca_free(session->cycle);
    eca_map_free(session->cycle_tasks);
    eca_free(session);
}

static void on_closed(void *arg, int code, struct eca_view reason)
{
    struct session *session = arg;
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
    violation(((struct session *)arg)->tcs, "TCS-701",
              "a second session while the first one stands");
}

static void put_param(const struct fake_request *request, const char *name,
                      struct eca_json_writer *w)
{
    eca_auto_buf struct eca_buf value = {0};

    (void)fake_request_param(request, name, &value);
    eca_jw_str(w, name, eca_buf_str(&value));
}

static void welcome(void *arg, struct fake_exchange *exchange)
{
    struct fake_tcs *tcs = arg;
    static const struct fake_ws_events events = {.on_text = on_text, .on_closed = on_closed};
    const struct fake_request *request = fake_exchange_request(exchange);
    struct session *session = eca_xalloc(sizeof(*session));
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
    eca_list_push_back(&tcs->all_sessions, &session->node);
    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "session", session->number);
    put_param(request, "cluster", &w);
    put_param(request, "containerInstance", &w);
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

void fake_tcs_set_acks(struct fake_tcs *tcs, enum fake_tcs_acks acks, uint64_t delay_ms)
{
    tcs->opts.acks = acks;
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

void fake_tcs_ping(struct fake_tcs *tcs, const char *payload)
{
    if (tcs->session != NULL) {
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

void fake_tcs_set_reading(struct fake_tcs *tcs, bool reading)
{
    if (tcs->session != NULL) {
        fake_ws_set_reading(tcs->session->ws, reading);
    }
}

void fake_tcs_refuse(struct fake_tcs *tcs, uint32_t times, int status, const char *body)
{
    bool json = body != NULL && body[0] == '{';

    fake_door_refuse(tcs->door, times, status, json ? "application/json" : "text/plain", body);
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
        session_free(eca_list_entry(it, struct session, node));
    }
    while (eca_map_next(tcs->last_of, &cursor, NULL, &json)) {
        eca_free(json);
    }
    eca_map_free(tcs->last_of);
    eca_free(tcs->last);
    eca_free(tcs->close_reason);
    eca_free(tcs);
}
