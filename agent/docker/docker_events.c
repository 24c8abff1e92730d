#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/docker/answer.h"
#include "agent/docker/docker_internal.h"

#define EVENT_BYTES_MAX ((size_t)1 << 20)
#define LIVED_LONG_NS (UINT64_C(10) * 1000000000u) /* resets the back-off (DKR-830) */
static const char module[] = "docker";

/* The event stream: open for the life of the runtime, reconnected for ever (DKR-801..832). */
struct eca_events {
    struct eca_docker *docker;
    eca_runtime_event_fn *on_event;
    void *arg;
    struct eca_http_call *call;
    struct eca_json_splitter splitter;
    struct eca_timer retry_timer;
    struct eca_deferred broken; /* undecodable: close the stream from the loop */
    struct eca_backoff backoff;
    int status;
    bool was_open; /* before: who answers now may be another daemon */
    bool told;     /* that Docker cannot be reached: once until it can (ENG-201) */
    int64_t since; /* largest `time` seen, 0 = none (DKR-803) */
    uint64_t opened_ns;
    struct eca_err err;
};

static bool is_word(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; text != NULL && i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* An event in either format, its members as they stand; NULL = not there. */
struct told {
    const char *type, *action, *status, *id, *actor_id, *exit_code;
    int64_t time;
};

static int read_event(eca_json root, struct told *told, struct eca_err *err)
{
    eca_json actor = NULL, attributes = NULL;

    *told = (struct told){0};
    if (eca_json_type(root) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "want object, have %s",
                           eca_json_type_name(eca_json_type(root)));
    }
    if (docker_read_str(root, "", "Type", &told->type, err) < 0 ||
        docker_read_str(root, "", "Action", &told->action, err) < 0 ||
        docker_read_str(root, "", "status", &told->status, err) < 0 ||
        docker_read_str(root, "", "id", &told->id, err) < 0 ||
        docker_read_i64(root, "", "time", &told->time, err) < 0 ||
        docker_read_object(root, "", "Actor", &actor, err) < 0 ||
        docker_read_str(actor, "Actor", "ID", &told->actor_id, err) < 0 ||
        docker_read_object(actor, "Actor", "Attributes", &attributes, err) < 0 ||
        docker_read_str(attributes, "Actor.Attributes", "exitCode", &told->exit_code, err) < 0) {
        return ECA_E_INVALID;
    }
    return ECA_OK;
}

/* Fill in what only the other format says (DKR-802). False: nothing about a container. */
static bool normalise(struct told *told)
{
    static const char *const image_words[] = {"delete", "import", "pull", "push", "tag", "untag"};

    if (told->type == NULL && told->action == NULL) {
        told->type =
            is_word(told->status, image_words, ECA_ARRAY_LEN(image_words)) ? "image" : "container";
    }
    if (told->type == NULL || strcmp(told->type, "container") != 0) {
        return false;
    }
    told->status = told->status != NULL && told->status[0] != '\0' ? told->status : told->action;
    told->id = told->id != NULL && told->id[0] != '\0' ? told->id : told->actor_id;
    return told->status != NULL && told->id != NULL && told->id[0] != '\0';
}

static bool kind_of(const char *status, enum eca_event_kind *ret_kind)
{
    static const struct {
        const char *status;
        enum eca_event_kind kind;
    } kinds[] = {
        {"create", ECA_EVENT_CREATE}, {"start", ECA_EVENT_START},     {"die", ECA_EVENT_DIE},
        {"stop", ECA_EVENT_DIE},      {"destroy", ECA_EVENT_DESTROY}, {"oom", ECA_EVENT_OOM},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(kinds); i++) {
        if (strcmp(status, kinds[i].status) == 0) {
            *ret_kind = kinds[i].kind;
            return true;
        }
    }
    return false; /* no effect, no inspect (DKR-806, FB-04.2) */
}

/* One object of the stream. Of the wrong shape: left out and counted; the stream goes on, since
 * a reconnect would only bring the same event again. */
static int on_object(void *arg, struct eca_view text, struct eca_err *err)
{
    struct eca_events *events = arg;
    struct eca_docker *docker = events->docker;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf sentence = {0};
    struct eca_runtime_event event = {0};
    struct eca_err wrong = {0};
    struct told told;
    bool is_ours;

    if (eca_json_parse(text, &doc, err) < 0) {
        return ECA_E_INVALID;
    }
    if (read_event(eca_json_root(doc), &told, &wrong) < 0) {
        docker_not_understood(docker, "events", &wrong, &sentence);
        return ECA_OK;
    }
    if (told.time <= 0) {
        return ECA_OK;
    }
    events->since = told.time > events->since ? told.time : events->since;
    is_ours = normalise(&told);
    ECA_DEBUG(
        docker->opts.log, module,
        ECA_KV("type", told.type != NULL ? told.type : "", "id", told.id != NULL ? told.id : ""),
        "Docker event: %s", told.status != NULL ? told.status : "");
    if (is_ours && kind_of(told.status, &event.kind)) {
        event.container_id = told.id;
        event.has_exit_code =
            event.kind == ECA_EVENT_DIE && told.exit_code != NULL &&
            eca_parse_i64(eca_view_str(told.exit_code), &event.exit_code, NULL) == ECA_OK;
        events->on_event(events->arg, &event);
    }
    return ECA_OK;
}

static void retry_later(struct eca_events *events)
{
    struct eca_runtime_event event = {.kind = ECA_EVENT_DISCONNECTED};
    uint64_t now = eca_sched_now_ns(events->docker->opts.sched);

    if (events->opened_ns > 0) {
        if (now - events->opened_ns >= LIVED_LONG_NS) {
            eca_backoff_reset(&events->backoff);
        }
        events->opened_ns = 0;
        events->on_event(events->arg, &event);
    }
    eca_timer_start(&events->retry_timer,
                    eca_backoff_next_ns(&events->backoff, events->docker->opts.entropy));
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct eca_events *events = arg;
    struct eca_runtime_event event = {.kind = ECA_EVENT_CONNECTED};

    events->status = head->status;
    if (head->status == 200) {
        if (events->was_open) {
            docker_ask_range(events->docker); /* before what the owner asks now (DKR-L01) */
        }
        events->told = false;
        events->was_open = true;
        events->opened_ns = eca_sched_now_ns(events->docker->opts.sched);
        events->on_event(events->arg, &event);
    }
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct eca_events *events = arg;

    if (events->status == 200 && events->err.code == ECA_OK &&
        eca_json_splitter_feed(&events->splitter, bytes, on_object, events, &events->err) < 0) {
        eca_deferred_queue(&events->broken); /* stop at the first decode error (DKR-821) */
    }
}

static void end_garbled(struct eca_events *events)
{
    eca_auto_buf struct eca_buf sentence = {0};

    docker_not_understood(events->docker, "events", &events->err, &sentence);
    ECA_ERROR(events->docker->opts.log, module, ECA_NO_KV, "Event stream broken: %s",
              events->err.msg);
    retry_later(events);
}

static void on_broken(void *arg)
{
    struct eca_events *events = arg;

    if (events->call != NULL) {
        eca_http_cancel(events->docker->opts.http, eca_take(events->call));
    }
    end_garbled(events);
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct eca_events *events = arg;

    events->call = NULL;
    eca_deferred_cancel(&events->broken);
    if (docker_outcome(end, events->status) == ECA_OUTCOME_BAD_ANSWER) {
        events->err = end->err;
    } else if (end->err.code == ECA_OK && events->status == 200 && events->err.code == ECA_OK &&
               !eca_json_splitter_idle(&events->splitter)) {
        (void)eca_err_set(&events->err, ECA_E_INVALID, "unexpected EOF");
    }
    if (events->err.code != ECA_OK) { /* the end may come in the same read as the garbage */
        end_garbled(events);
        return;
    }
    if (events->status != 200) {
        ECA_LOG_AT(events->told ? ECA_LOG_DEBUG : ECA_LOG_ERROR, events->docker->opts.log, module,
                   ECA_NO_KV, "Could not connect to docker daemon: event stream: status %d %s",
                   events->status, end->err.msg);
        events->told = true;
    } else if (end->err.code == ECA_OK) {
        ECA_INFO(events->docker->opts.log, module, ECA_NO_KV, "Event stream ended; reconnecting");
    } else {
        ECA_ERROR(events->docker->opts.log, module, ECA_NO_KV, "Event stream failed: %s",
                  end->err.msg);
    }
    retry_later(events);
}

static void connect_events(void *arg)
{
    static const struct eca_http_events callbacks = {on_head, on_body, on_end};
    struct eca_events *events = arg;
    eca_auto_free char *path = events->since > 0 && !ECA_MUTATION(EVENT_LOST_AT_RECONNECT)
                                   ? eca_xasprintf("/events?since=%lld", (long long)events->since)
                                   : eca_xstrdup("/events");
    struct request request = {.method = "GET", .version = "", .path = path};
    struct request_storage storage = {0};
    struct eca_http_opts opts;
    struct eca_err err = {0};

    events->status = 0;
    events->err = (struct eca_err){0};
    eca_json_splitter_clear(&events->splitter);
    docker_http_opts(events->docker, &request, &storage, &opts);
    opts.connect_ms = events->docker->opts.timing.probe_ms;
    opts.endless = true; /* a quiet daemon is a healthy one (DKR-832) */
    opts.body_bytes_max = 0;
    if (eca_http_start(events->docker->opts.http, &opts, &callbacks, events, &events->call, &err) <
        0) {
        retry_later(events);
    }
    docker_storage_clear(&storage);
}

int docker_events(void *impl, eca_runtime_event_fn *on_event, void *arg, struct eca_err *err)
{
    struct eca_docker *docker = impl;
    struct eca_events *events;

    if (docker->events != NULL) {
        return eca_err_set(err, ECA_E_CONFLICT, "events have a subscriber already");
    }
    events = eca_xalloc(sizeof(*events));
    events->docker = docker;
    events->on_event = on_event;
    events->arg = arg;
    eca_json_splitter_init(&events->splitter, EVENT_BYTES_MAX);
    eca_timer_init(&events->retry_timer, docker->opts.sched, connect_events, events);
    eca_deferred_init(&events->broken, docker->opts.sched, on_broken, events);
    eca_backoff_init(&events->backoff,
                     (struct eca_backoff_opts){.min_ms = docker->opts.timing.events_min_ms,
                                               .max_ms = docker->opts.timing.events_max_ms,
                                               .multiplier_milli = 1500,
                                               .jitter_milli = 200});
    docker->events = events;
    connect_events(events); /* before whatever the caller asks for next (DKR-204) */
    return ECA_OK;
}

void docker_events_free(struct eca_events *events)
{
    if (events == NULL) {
        return;
    }
    eca_timer_stop(&events->retry_timer);
    eca_deferred_cancel(&events->broken);
    if (events->call != NULL) {
        eca_http_cancel(events->docker->opts.http, events->call);
    }
    eca_json_splitter_clear(&events->splitter);
    eca_free(events);
}
