#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/tcs/inside.h"

#define TASKS_PER_MESSAGE_MAX 10 /* TCS-605 */
#define CPU_PERCENT_MAX 105.0    /* FB-34.2; beyond 100 for the error of the clocks */
#define NUMBER_MAX 1e18          /* nothing that a machine has comes near it */
#define SUM_ERROR 1e-3           /* of a sum over 120 samples, in relation to its terms */
#define NS_PER_MS UINT64_C(1000000)
#define PERIOD_NS (20000 * NS_PER_MS)        /* TCS-601 */
#define OFF_NS_MAX (1000 * NS_PER_MS)        /* TCS-904 */
#define FIRST_LISTING_NS (10000 * NS_PER_MS) /* TCS-610 */
#define TIMESTAMP_OFF_S_MAX 60               /* from the making of a message to its signature */

static bool fits_sum(double min, double max, double sum, int64_t samples)
{
    double error = SUM_ERROR * (1.0 + fabs(sum));

    return sum >= min * (double)samples - error && sum <= max * (double)samples + error;
}

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
        eca_json_double(max) > NUMBER_MAX) {
        return "min above max, or a number that cannot be";
    }
    if (!fits_sum(eca_json_double(min), eca_json_double(max), eca_json_double(sum), samples)) {
        return "a sum that so many samples between min and max cannot have";
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

static const char *copy_task(struct tcs_session *session, eca_json task, struct eca_json_writer *w,
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
    name = fake_trace_name_of(tcs->opts.base.trace, eca_json_str(arn));
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

static const char *copy_tasks(struct tcs_session *session, eca_json list, struct eca_json_writer *w)
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

/* ---- cycles ---------------------------------------------------------------------------------- */

/* TCS-603: a version 4 UUID in lower case. */
static bool is_uuid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";

    if (text == NULL || strlen(text) != sizeof(form) - 1) {
        return false;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        const char *may = form[i] == 'x' ? "0123456789abcdef" : "89ab";

        if (form[i] == 'x' || form[i] == 'y' ? strchr(may, text[i]) == NULL : text[i] != form[i]) {
            return false;
        }
    }
    return true;
}

/*
 * TCS-601: the first cycle comes at once (TCS-610: or within 10 s), each other one at a multiple of
 * 20 s after the session's begin; some may be left out (TCS-606).
 */
static const char *check_time(struct tcs_session *session)
{
    uint64_t since = eca_sched_now_ns(session->tcs->opts.base.sched) - session->opened_ns;
    uint64_t slot = (since + PERIOD_NS / 2) / PERIOD_NS;
    uint64_t off = since > slot * PERIOD_NS ? since - slot * PERIOD_NS : slot * PERIOD_NS - since;
    bool first = session->cycles++ == 0;
    const char *flaw = NULL;

    if (first && since <= FIRST_LISTING_NS + OFF_NS_MAX) {
        slot = off = 0;
    }
    if (session->blind) {
        return NULL;
    }
    if (off > OFF_NS_MAX) {
        flaw = "a cycle that is not at a multiple of 20 s since its session began";
    } else if (!first && slot <= session->slot) {
        flaw = "two cycles within 20 s";
    }
    session->slot = slot;
    return flaw;
}

static void begin_cycle(struct tcs_session *session, const char *id)
{
    struct fake_tcs *tcs = session->tcs;
    const char *flaw = check_time(session);

    if (flaw != NULL) {
        tcs_violation(tcs, "TCS-601", flaw);
    }
    if (eca_map_put(tcs->ids, id, tcs) != NULL) {
        tcs_violation(tcs, "TCS-603", "the messageId of an earlier cycle");
    }
    tcs->cycles++;
    eca_map_free(session->cycle_tasks);
    session->cycle_tasks = eca_map_new();
}

/* TCS-604, TCS-605: ids, fin and idle over the messages of a cycle. */
static void check_cycle(struct tcs_session *session, const char *id, bool fin, bool idle,
                        eca_json tasks)
{
    const char *flaw = NULL;

    if (session->cycle != NULL && strcmp(session->cycle, id) != 0 && !session->blind) {
        flaw = "a new messageId before `fin` of the old one";
    } else if (idle && (!fin || tasks != NULL || session->cycle != NULL)) {
        flaw = "an idle message is one, final and without taskMetrics";
    } else if (!idle && eca_json_count(tasks) == 0) {
        flaw = "neither idle nor tasks";
    }
    if (session->cycle == NULL || strcmp(session->cycle, id) != 0) {
        begin_cycle(session, id);
    }
    if (flaw != NULL) {
        tcs_violation(session->tcs, idle ? "TCS-604" : "TCS-605", flaw);
    }
    eca_free(session->cycle);
    session->cycle = fin ? NULL : eca_xstrdup(id);
}

/* ---- a message ------------------------------------------------------------------------------- */

static bool bool_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_BOOL && eca_json_bool(value);
}

static bool is_text(eca_json value, const char *text)
{
    return eca_json_type(value) == ECA_JSON_STRING && strcmp(eca_json_str(value), text) == 0;
}

/* TCS-105, TCS-501, TCS-602: the members beside the figures. */
static const char *check_members(struct tcs_session *session, eca_json message, eca_json metadata)
{
    int64_t stamp = 0;
    eca_json timestamp = eca_json_get(message, "timestamp");

    if (eca_json_type(eca_json_get(metadata, "fin")) != ECA_JSON_BOOL ||
        eca_json_type(eca_json_get(metadata, "idle")) != ECA_JSON_BOOL) {
        return "fin and idle have to be there, as booleans";
    }
    if (!is_text(eca_json_get(metadata, "cluster"), session->cluster) ||
        !is_text(eca_json_get(metadata, "containerInstance"), session->instance)) {
        return "cluster or containerInstance are not those of the agent's upgrade";
    }
    if (eca_json_type(timestamp) != ECA_JSON_NUMBER || !eca_json_is_integer(timestamp) ||
        eca_json_i64(timestamp, &stamp, NULL) < 0) {
        return "the timestamp is no whole number";
    }
    /* Not ours: clocks step while a message is on its way, and faults hold it back. */
    if (stamp < session->signed_s - TIMESTAMP_OFF_S_MAX ||
        stamp > session->signed_s + TIMESTAMP_OFF_S_MAX) {
        return "the timestamp is not the time of day in seconds";
    }
    return NULL;
}

void tcs_on_metrics(struct tcs_session *session, eca_json message)
{
    struct fake_tcs *tcs = session->tcs;
    eca_json metadata = eca_json_get(message, "metadata");
    eca_json id = eca_json_get(metadata, "messageId");
    eca_json tasks = eca_json_get(message, "taskMetrics");
    bool fin = bool_of(metadata, "fin"), idle = bool_of(metadata, "idle");
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);
    const char *flaw = check_members(session, message, metadata);

    if (flaw != NULL) {
        tcs_violation(tcs, "TCS-501", flaw);
    }
    if (!is_uuid(eca_json_type(id) == ECA_JSON_STRING ? eca_json_str(id) : NULL)) {
        tcs_violation(tcs, "TCS-603", "metadata without a UUID as messageId");
        return;
    }
    check_cycle(session, eca_json_str(id), fin, idle, tasks);
    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "session", session->number);
    eca_jw_u64(&w, "cycle", tcs->cycles);
    eca_jw_bool(&w, "idle", idle);
    eca_jw_bool(&w, "fin", fin);
    if (fake_ws_frames(session->ws) > 1) {
        eca_jw_u64(&w, "frames", fake_ws_frames(session->ws));
    }
    flaw = copy_tasks(session, tasks, &w);
    if (flaw != NULL) {
        tcs_violation(tcs, "TCS-904", flaw);
        return;
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(tcs->opts.base.trace, FAKE_LANE_TCS, "metrics", eca_buf_str(&fields));
}
