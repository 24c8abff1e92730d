#include "fakes/docker/relay.h"

#include <string.h>

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/pass.h"

#define EVENT_BYTES_MAX ((size_t)1 << 20)
#define ASK_MS 60000 /* a stop may wait for the container */

/* A question from outside the agent. */
struct ask {
    struct eca_list_node node;
    struct fake_docker_relay *relay;
    struct eca_http_fetch *fetch;
    fake_docker_answer_fn *on_done;
    void *arg;
};

struct fake_docker_relay {
    struct fake_docker_relay_opts opts;
    struct eca_list asks;
    struct eca_map *states; /* "task/name" -> (void *)(uintptr_t)enum fake_docker_state */
    char *party, *unix_socket;
    struct fake_docker_observer *observer;
    struct fake_passes *passes;
    struct eca_http_call *events;
    struct eca_json_splitter splitter;
    struct eca_timer retry;
};

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct fake_docker_relay *relay = arg;
    eca_auto_free char *url =
        eca_xasprintf("http://docker%s", fake_exchange_request(exchange)->target);

    fake_pass(relay->passes, exchange,
              &(struct fake_pass_to){.url = url,
                                     .unix_socket = relay->unix_socket,
                                     .proxy = ECA_HTTP_PROXY_NEVER,
                                     .party = "daemon"});
}

/* ---- facts ----------------------------------------------------------------------------------- */

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get_nocase(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

struct fact {
    const char *action, *name;
    enum fake_docker_state state; /* from then on */
};

static const struct fact *fact_of(const char *action)
{
    static const struct fact facts[] = {
        {"create", "created", FAKE_DOCKER_CREATED},   {"start", "running", FAKE_DOCKER_RUNNING},
        {"die", "exited", FAKE_DOCKER_EXITED},        {"destroy", "removed", FAKE_DOCKER_NONE},
        {"unpause", "unpaused", FAKE_DOCKER_RUNNING}, {"pause", "paused", FAKE_DOCKER_PAUSED},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(facts); i++) {
        if (strcmp(facts[i].action, action) == 0) {
            return &facts[i];
        }
    }
    return NULL;
}

/* Names come and go: "untag" carries the id, "delete" is the end of the image itself. */
static void image_fact(struct fake_docker_relay *relay, const char *action, const char *id)
{
    const char *fact = strcmp(action, "pull") == 0     ? "image-added"
                       : strcmp(action, "delete") == 0 ? "image-removed"
                                                       : NULL;

    if (fact != NULL) {
        (void)fake_trace_addv(relay->opts.base.trace, FAKE_LANE_DOCKER, fact, "image", id, NULL);
    }
}

static int on_event(void *arg, struct eca_view value, struct eca_err *err)
{
    struct fake_docker_relay *relay = arg;
    struct fake_trace *trace = relay->opts.base.trace;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf name = {0}, fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);
    const char *action, *id, *code, *type;
    const struct fact *fact;
    eca_json root, attributes;
    int64_t number = 0;

    (void)err;
    if (eca_json_parse(value, &doc, NULL) < 0) {
        return ECA_OK;
    }
    root = eca_json_root(doc);
    action = text_of(root, "status") == NULL ? text_of(root, "Action") : text_of(root, "status");
    id = text_of(root, "id") == NULL ? text_of(eca_json_get_nocase(root, "Actor"), "ID")
                                     : text_of(root, "id");
    attributes = eca_json_get_nocase(eca_json_get_nocase(root, "Actor"), "Attributes");
    type = text_of(root, "Type");
    if (action != NULL && id != NULL && type != NULL && strcmp(type, "image") == 0) {
        image_fact(relay, action, id);
        return ECA_OK;
    }
    fact = action == NULL ? NULL : fact_of(action);
    if (fact == NULL || id == NULL) {
        return ECA_OK;
    }
    fake_docker_label_name(trace, attributes, &name);
    if (name.len == 0 && strcmp(fake_docker_observer_name(relay->observer, id), id) != 0) {
        eca_buf_add_str(&name, fake_docker_observer_name(relay->observer, id));
    }
    if (name.len == 0) {
        return ECA_OK; /* somebody else's container */
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "container", eca_buf_str(&name));
    if (fact->state == FAKE_DOCKER_NONE) {
        (void)eca_map_remove(relay->states, eca_buf_str(&name));
    } else {
        (void)eca_map_put(relay->states, eca_buf_str(&name), (void *)(uintptr_t)fact->state);
    }
    code = text_of(attributes, "exitCode");
    if (fact->state == FAKE_DOCKER_EXITED && code != NULL &&
        eca_parse_i64(eca_view_str(code), &number, NULL) == 0) {
        eca_jw_i64(&w, "exitCode", number);
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(trace, FAKE_LANE_DOCKER, fact->name, eca_buf_str(&fields));
    return ECA_OK;
}

static void events_body(void *arg, struct eca_view bytes)
{
    struct fake_docker_relay *relay = arg;

    if (eca_json_splitter_feed(&relay->splitter, bytes, on_event, relay, NULL) < 0) {
        eca_json_splitter_clear(&relay->splitter); /* no JSON: skip this piece */
        eca_json_splitter_init(&relay->splitter, EVENT_BYTES_MAX);
    }
}

static void events_end(void *arg, const struct eca_http_end *end)
{
    struct fake_docker_relay *relay = arg;

    (void)end;
    relay->events = NULL;
    eca_timer_start_ms(&relay->retry, FAKE_DOCKER_RELAY_RETRY_MS);
}

static void open_events(void *arg)
{
    static const struct eca_http_events events = {.on_body = events_body, .on_end = events_end};
    struct fake_docker_relay *relay = arg;
    struct eca_http_opts opts = {
        .method = "GET",
        .url = "http://docker/events",
        .unix_socket = relay->unix_socket,
        .endless = true,
        .party = "daemon",
    };

    eca_json_splitter_clear(&relay->splitter);
    eca_json_splitter_init(&relay->splitter, EVENT_BYTES_MAX);
    if (eca_http_start(relay->opts.http, &opts, &events, relay, &relay->events, NULL) < 0) {
        relay->events = NULL;
        eca_timer_start_ms(&relay->retry, FAKE_DOCKER_RELAY_RETRY_MS);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

struct fake_docker_relay *fake_docker_relay_new(const struct fake_docker_relay_opts *opts)
{
    struct fake_docker_relay *relay = eca_xalloc(sizeof(*relay));
    struct fake_service service = {.on_request = on_request, .arg = relay};

    relay->opts = *opts;
    relay->party = eca_xstrdup(opts->party == NULL ? "docker" : opts->party);
    relay->unix_socket = eca_xstrdup(opts->unix_socket);
    relay->passes = fake_passes_new(&(struct fake_passes_opts){.http = opts->http});
    eca_list_init(&relay->asks);
    relay->states = eca_map_new();
    eca_json_splitter_init(&relay->splitter, EVENT_BYTES_MAX);
    eca_timer_init(&relay->retry, opts->base.sched, open_events, relay);
    service.party = relay->party;
    fake_hub_add(opts->base.hub, &service);
    relay->observer =
        fake_docker_observe(opts->base.hub, relay->party, opts->base.trace, opts->verbose);
    open_events(relay);
    return relay;
}

void fake_docker_relay_free(struct fake_docker_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    fake_hub_remove(relay->opts.base.hub, relay->party);
    fake_passes_free(relay->passes);
    ECA_LIST_FOREACH(it, &relay->asks)
    {
        struct ask *ask = eca_list_entry(it, struct ask, node);
        eca_http_fetch_cancel(ask->fetch);
        eca_list_remove(&relay->asks, &ask->node);
        eca_free(ask);
    }
    eca_map_free(relay->states);
    if (relay->events != NULL) {
        eca_http_cancel(relay->opts.http, relay->events);
    }
    eca_timer_stop(&relay->retry);
    eca_json_splitter_clear(&relay->splitter);
    fake_docker_observer_free(relay->observer);
    eca_free(relay->party);
    eca_free(relay->unix_socket);
    eca_free(relay);
}

size_t fake_docker_relay_open(const struct fake_docker_relay *relay)
{
    return fake_passes_open(relay->passes);
}

/* ---- questions and orders from outside the agent ----------------------------------------------
 */

enum fake_docker_state fake_docker_relay_state(const struct fake_docker_relay *relay,
                                               const char *name)
{
    return (enum fake_docker_state)(uintptr_t)eca_map_get(relay->states, name);
}

size_t fake_docker_relay_count(const struct fake_docker_relay *relay)
{
    return eca_map_count(relay->states);
}

size_t fake_docker_relay_running(const struct fake_docker_relay *relay, const char *task)
{
    size_t count = 0, cursor = 0, len = task == NULL ? 0 : strlen(task);
    const char *name;
    void *state;

    while (eca_map_next(relay->states, &cursor, &name, &state)) {
        bool mine = task == NULL || (strncmp(name, task, len) == 0 && name[len] == '/');

        count += mine && ((uintptr_t)state == FAKE_DOCKER_RUNNING ||
                          (uintptr_t)state == FAKE_DOCKER_PAUSED);
    }
    return count;
}

const char *fake_docker_relay_id(const struct fake_docker_relay *relay, const char *name)
{
    return fake_docker_observer_id(relay->observer, name);
}

const char *fake_docker_relay_body(const struct fake_docker_relay *relay, const char *name)
{
    return fake_docker_observer_body(relay->observer, name);
}

static void on_answer(void *arg, const struct eca_http_answer *answer)
{
    struct ask *ask = arg;
    bool complete = answer->end.err.code == ECA_OK;

    eca_list_remove(&ask->relay->asks, &ask->node);
    ask->on_done(ask->arg, complete ? answer->status : 0,
                 complete ? answer->body : eca_view_str(answer->end.err.msg));
    eca_free(ask);
}

int fake_docker_relay_ask(struct fake_docker_relay *relay, const char *method, const char *path,
                          fake_docker_answer_fn *on_done, void *arg, struct eca_err *err)
{
    struct ask *ask = eca_xalloc(sizeof(*ask));
    eca_auto_free char *url = eca_xasprintf("http://docker%s", path);
    struct eca_http_opts opts = {.method = method,
                                 .url = url,
                                 .unix_socket = relay->unix_socket,
                                 .total_ms = ASK_MS,
                                 .proxy = ECA_HTTP_PROXY_NEVER,
                                 .party = "daemon"};

    if (strcmp(method, "POST") == 0) {
        opts.body = eca_view_of("", 0);
    }
    *ask = (struct ask){.relay = relay, .on_done = on_done, .arg = arg};
    if (eca_http_fetch_start(relay->opts.http, &opts, on_answer, ask, &ask->fetch, err) < 0) {
        eca_free(ask);
        return ECA_E_TRANSIENT;
    }
    eca_list_push_back(&relay->asks, &ask->node);
    return ECA_OK;
}
