#include <inttypes.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

/* Its timer is the end that the client asked for (`until`). */
static void stream_run(struct op *op)
{
    struct fake_exchange *exchange = op->exchange;

    fake_docker_op_free(op);
    fake_exchange_end(exchange);
}

static bool is_stream(const struct op *op)
{
    return op->run == stream_run;
}

static void event_free(struct event *event)
{
    eca_free(event->text);
    eca_free(event->what);
    eca_free(event->action);
    eca_free(event->id);
    eca_free(event->name);
    eca_free(event->image);
    eca_free(event->labels);
    eca_free(event);
}

/* An injected text has no kind: every stream gets it. */
static bool is_wanted(const struct event *event, const char *filters)
{
    const char *name = event->name, *id = event->id;

    if (filters == NULL || event->kind == NULL) {
        return true;
    }
    return docker_filter_passes(filters, "type", event->kind) &&
           docker_filter_passes(filters, "event", event->action) &&
           docker_filter_passes(filters, "image", event->image) &&
           docker_filter_labels(filters, event->labels) &&
           (docker_filter_passes(filters, "container", name) ||
            docker_filter_passes(filters, "container", id)) &&
           (strcmp(event->kind, "container") == 0 || !docker_filter_names(filters, "container"));
}

static void send_all(struct fake_docker *docker, const struct event *event)
{
    ECA_LIST_FOREACH(it, &docker->ops)
    {
        struct op *op = eca_list_entry(it, struct op, node);
        if (is_stream(op) && is_wanted(event, op->text)) {
            fake_exchange_write_event(op->exchange, event->what, eca_view_str(event->text));
        }
    }
}

static void keep(struct fake_docker *docker, struct event *event)
{
    struct eca_list_node *oldest = eca_list_first(&docker->events);

    if (oldest != NULL && docker->events.count >= EVENTS_KEPT_MAX) {
        eca_list_remove(&docker->events, oldest);
        event_free(eca_list_entry(oldest, struct event, node));
    }
    eca_list_push_back(&docker->events, &event->node);
}

static void publish(struct fake_docker *docker, struct event *event)
{
    if (docker->muted) {
        event_free(event);
    } else if (docker->holding) {
        eca_list_push_back(&docker->held, &event->node);
    } else {
        send_all(docker, event);
        keep(docker, event);
    }
}

struct facts {
    const char *kind; /* "container", "image" */
    const char *status, *id, *from, *name;
    const struct container *container;
    bool has_exit_code;
    uint64_t signal; /* of a kill; 0 = none */
};

/* Labels are attributes of a container's events, as in real daemons. */
static void put_labels(const struct container *container, struct eca_json_writer *w)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (container == NULL || eca_json_parse(eca_view_str(container->labels), &doc, NULL) < 0) {
        return;
    }
    for (eca_json it = eca_json_first(eca_json_root(doc)); it != NULL; it = eca_json_next(it)) {
        eca_jw_value(w, eca_json_key(it), it);
    }
}

static enum fake_docker_events_format format_of(const struct fake_docker *docker)
{
    if (docker->opts.events_format != FAKE_DOCKER_EVENTS_BY_VERSION) {
        return docker->opts.events_format;
    }
    if (!docker_serves(docker, 22)) {
        return FAKE_DOCKER_EVENTS_OLD;
    }
    return docker_serves(docker, 52) ? FAKE_DOCKER_EVENTS_NEW : FAKE_DOCKER_EVENTS_BOTH;
}

static struct event *make(struct fake_docker *docker, const struct facts *facts)
{
    enum fake_docker_events_format format = format_of(docker);
    struct event *event = eca_xalloc(sizeof(*event));
    int64_t wall_ns = docker_wall_ns(docker);
    eca_auto_buf struct eca_buf text = {0}, code = {0};
    struct eca_json_writer w = eca_json_writer_to(&text);

    event->time_s = wall_ns / ECA_NS_PER_S;
    eca_jw_object(&w, NULL);
    if (format != FAKE_DOCKER_EVENTS_NEW) {
        eca_jw_str(&w, "status", facts->status);
        eca_jw_str(&w, "id", facts->id);
        if (facts->from != NULL) {
            eca_jw_str(&w, "from", facts->from);
        }
    }
    if (format != FAKE_DOCKER_EVENTS_OLD) {
        eca_jw_str(&w, "Type", facts->kind);
        eca_jw_str(&w, "Action", facts->status);
        eca_jw_object(&w, "Actor");
        eca_jw_str(&w, "ID", facts->id);
        eca_jw_object(&w, "Attributes");
        if (facts->from != NULL) {
            eca_jw_str(&w, "image", facts->from);
        }
        if (facts->name != NULL) {
            eca_jw_str(&w, "name", facts->name);
        }
        put_labels(facts->container, &w);
        if (facts->has_exit_code) {
            eca_buf_addf(&code, "%" PRId64, facts->container->exit_code);
            eca_jw_str(&w, "exitCode", eca_buf_str(&code));
        }
        if (facts->signal != 0) {
            eca_buf_addf(&code, "%" PRIu64, facts->signal);
            eca_jw_str(&w, "signal", eca_buf_str(&code));
        }
        eca_jw_end_object(&w);
        eca_jw_end_object(&w);
    }
    eca_jw_i64(&w, "time", event->time_s);
    eca_jw_i64(&w, "timeNano", wall_ns);
    eca_jw_end_object(&w);
    eca_buf_add_char(&text, '\n');
    event->text = eca_buf_take(&text);
    event->kind = facts->kind;
    event->action = eca_xstrdup(facts->status);
    event->id = eca_xstrdup(facts->id);
    event->name = eca_xstrdup(facts->name == NULL ? "" : facts->name);
    event->image = eca_xstrdup(facts->from == NULL ? "" : facts->from);
    event->labels = eca_xstrdup(facts->container == NULL ? "{}" : facts->container->labels);
    event->what = eca_xasprintf("event:%s:%s", facts->status,
                                facts->container == NULL ? facts->id : facts->container->display);
    return event;
}

static void emit(struct container *container, const char *status, bool has_exit_code,
                 uint64_t signal)
{
    struct facts facts = {"container",     status,    container->id, container->image_ref,
                          container->name, container, has_exit_code, signal};

    publish(container->docker, make(container->docker, &facts));
}

void docker_emit(struct container *container, const char *status)
{
    emit(container, status, false, 0);
}

void docker_emit_die(struct container *container)
{
    emit(container, "die", true, 0);
}

void docker_emit_kill(struct container *container, uint64_t number)
{
    emit(container, "kill", false, number);
}

void docker_emit_image(struct fake_docker *docker, const char *status, const char *name)
{
    struct facts facts = {"image", status, name, NULL, name, NULL, false, 0};

    publish(docker, make(docker, &facts));
}

/* ---- streams --------------------------------------------------------------------------------- */

static void stream_gone(void *arg)
{
    fake_docker_op_free(arg);
}

static void replay(const struct op *op, int64_t since_s, int64_t until_s)
{
    ECA_LIST_FOREACH(it, &op->docker->events)
    {
        const struct event *event = eca_list_entry(it, struct event, node);
        if (event->time_s >= since_s && event->time_s <= until_s && is_wanted(event, op->text)) {
            fake_exchange_write_event(op->exchange, event->what, eca_view_str(event->text));
        }
    }
}

/* A time of the query in seconds; newer clients may add a fraction. False: refused. */
static bool read_time(struct fake_docker *docker, struct fake_exchange *exchange,
                      struct eca_view version, const char *name, int64_t *ret_s)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_view view;

    if (!fake_request_param(fake_exchange_request(exchange), name, &text) || text.len == 0) {
        return true;
    }
    view = eca_buf_view(&text);
    if (eca_parse_i64(eca_view_sub(view, 0, eca_view_find(view, ".", 0)), ret_s, NULL) < 0) {
        docker_error(docker, exchange, version, docker_serves(docker, 30) ? 500 : 400,
                     "strconv.ParseInt: parsing \"%s\": invalid syntax", eca_buf_str(&text));
        return false;
    }
    return true;
}

void fake_docker_serve_events(struct fake_docker *docker, struct fake_exchange *exchange,
                              struct eca_view version)
{
    int64_t now_ms = eca_sched_wall_ms(docker->opts.base.sched);
    int64_t since_s = INT64_MAX, until_s = INT64_MAX;
    eca_auto_buf struct eca_buf filters = {0};
    struct op *op;

    if (!read_time(docker, exchange, version, "since", &since_s) ||
        !read_time(docker, exchange, version, "until", &until_s) ||
        !docker_read_filters(docker, exchange, version, &filters)) {
        return;
    }
    op = fake_docker_op_new(docker, exchange, stream_run);
    op->text = filters.len > 0 ? eca_buf_take(&filters) : NULL;
    fake_exchange_on_gone(exchange, stream_gone, op);
    fake_exchange_begin(exchange, 200, "application/json");
    replay(op, since_s, until_s);
    if (until_s != INT64_MAX) {
        int64_t left_ms = until_s > now_ms / ECA_MS_PER_S ? until_s * ECA_MS_PER_S - now_ms : 0;
        eca_timer_start_ms(&op->timer, (uint64_t)left_ms);
    }
}

void docker_events_clear(struct fake_docker *docker)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&docker->events)) != NULL) {
        event_free(eca_list_entry(node, struct event, node));
    }
    while ((node = eca_list_pop_front(&docker->held)) != NULL) {
        event_free(eca_list_entry(node, struct event, node));
    }
}

/* ---- knobs ----------------------------------------------------------------------------------- */

void fake_docker_mute(struct fake_docker *docker, bool mute)
{
    docker->muted = mute;
}

void fake_docker_hold_events(struct fake_docker *docker)
{
    docker->holding = true;
}

void fake_docker_release_events(struct fake_docker *docker, bool reversed)
{
    docker->holding = false;
    while (docker->held.count > 0) {
        struct eca_list_node *node = reversed ? docker->held.head.prev : docker->held.head.next;
        struct event *event = eca_list_entry(node, struct event, node);
        eca_list_remove(&docker->held, node);
        publish(docker, event);
    }
}

void fake_docker_inject(struct fake_docker *docker, const char *text)
{
    struct event event = {.text = (char *)(uintptr_t)text, .what = (char *)(uintptr_t) "event"};

    send_all(docker, &event);
}

size_t fake_docker_end_events(struct fake_docker *docker, bool reset)
{
    size_t count = 0;

    ECA_LIST_FOREACH(it, &docker->ops)
    {
        struct op *op = eca_list_entry(it, struct op, node);
        struct fake_exchange *exchange = op->exchange;
        if (!is_stream(op)) {
            continue;
        }
        count++;
        fake_docker_op_free(op);
        if (reset) {
            fake_exchange_reset(exchange);
        } else {
            fake_exchange_end(exchange);
        }
    }
    return count;
}

size_t fake_docker_event_streams(const struct fake_docker *docker)
{
    size_t count = 0;

    ECA_LIST_FOREACH(it, &docker->ops)
    {
        count += is_stream(eca_list_entry(it, struct op, node));
    }
    return count;
}
