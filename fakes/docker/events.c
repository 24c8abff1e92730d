#include <inttypes.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

static void stream_run(struct op *op)
{
    (void)op; /* a stream has no timer */
}

static bool is_stream(const struct op *op)
{
    return op->run == stream_run;
}

static void event_free(struct event *event)
{
    eca_free(event->text);
    eca_free(event->what);
    eca_free(event);
}

static void send_all(struct fake_docker *docker, const struct event *event)
{
    ECA_LIST_FOREACH(it, &docker->ops)
    {
        struct op *op = eca_list_entry(it, struct op, node);
        if (is_stream(op)) {
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
        eca_jw_end_object(&w);
        eca_jw_end_object(&w);
    }
    eca_jw_i64(&w, "time", event->time_s);
    eca_jw_i64(&w, "timeNano", wall_ns);
    eca_jw_end_object(&w);
    eca_buf_add_char(&text, '\n');
    event->text = eca_buf_take(&text);
    event->what = eca_xasprintf("event:%s:%s", facts->status,
                                facts->container == NULL ? facts->id : facts->container->display);
    return event;
}

static void emit(struct container *container, const char *status, bool has_exit_code)
{
    struct facts facts = {"container",     status,    container->id, container->image_ref,
                          container->name, container, has_exit_code};

    publish(container->docker, make(container->docker, &facts));
}

void docker_emit(struct container *container, const char *status)
{
    emit(container, status, false);
}

void docker_emit_die(struct container *container)
{
    emit(container, "die", true);
}

void docker_emit_image(struct fake_docker *docker, const char *status, const char *name)
{
    struct facts facts = {"image", status, name, NULL, name, NULL, false};

    publish(docker, make(docker, &facts));
}

/* ---- streams --------------------------------------------------------------------------------- */

static void stream_gone(void *arg)
{
    fake_docker_op_free(arg);
}

static void replay(struct fake_docker *docker, struct fake_exchange *exchange, int64_t since_s)
{
    ECA_LIST_FOREACH(it, &docker->events)
    {
        const struct event *event = eca_list_entry(it, struct event, node);
        if (event->time_s >= since_s) {
            fake_exchange_write_event(exchange, event->what, eca_view_str(event->text));
        }
    }
}

void fake_docker_serve_events(struct fake_docker *docker, struct fake_exchange *exchange,
                              struct eca_view version)
{
    eca_auto_buf struct eca_buf since = {0};
    struct eca_view text;
    struct op *op;
    int64_t since_s = 0;

    if (fake_request_param(fake_exchange_request(exchange), "since", &since)) {
        text = eca_buf_view(&since);
        /* Newer clients may add a fraction. */
        if (eca_parse_i64(eca_view_sub(text, 0, eca_view_find(text, ".", 0)), &since_s, NULL) < 0) {
            docker_error(docker, exchange, version, 400, "invalid since: %s", eca_buf_str(&since));
            return;
        }
    }
    op = fake_docker_op_new(docker, exchange, stream_run);
    fake_exchange_on_gone(exchange, stream_gone, op);
    fake_exchange_begin(exchange, 200, "application/json");
    if (since.len > 0) {
        replay(docker, exchange, since_s);
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
