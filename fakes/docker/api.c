#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

/* ---- helpers of the handlers ----------------------------------------------------------------- */

/* "1.24" -> 1024, without a minor part 1000. */
static unsigned version_number(struct eca_view version)
{
    size_t dot = eca_view_find(version, ".", 0);
    uint64_t major = 0, minor = 0;

    (void)eca_parse_u64(eca_view_sub(version, 0, dot), 999, &major, NULL);
    if (dot != SIZE_MAX) {
        (void)eca_parse_u64(eca_view_sub(version, dot + 1, SIZE_MAX), 999, &minor, NULL);
    }
    return (unsigned)(major * 1000 + minor);
}

bool docker_version_at_least(struct eca_view version, unsigned minor)
{
    return version.len == 0 || version_number(version) >= 1000 + minor;
}

bool docker_serves(const struct fake_docker *docker, unsigned minor)
{
    return docker_version_at_least(eca_view_str(docker->api_version), minor);
}

void docker_error(struct fake_docker *docker, struct fake_exchange *exchange,
                  struct eca_view version, int status, const char *fmt, ...)
{
    eca_auto_buf struct eca_buf message = {0}, body = {0};
    va_list args;

    (void)docker;
    va_start(args, fmt);
    eca_buf_vaddf(&message, fmt, args);
    va_end(args);
    if (docker_version_at_least(version, 24)) {
        struct eca_json_writer w = eca_json_writer_to(&body);
        eca_jw_object(&w, NULL);
        eca_jw_str(&w, "message", eca_buf_str(&message));
        eca_jw_end_object(&w);
        eca_buf_add_char(&body, '\n');
        fake_exchange_reply(exchange, status, "application/json", eca_buf_view(&body));
    } else {
        eca_buf_addf(&body, "%s\n", eca_buf_str(&message));
        fake_exchange_reply(exchange, status, "text/plain; charset=utf-8", eca_buf_view(&body));
    }
}

void docker_json(struct fake_exchange *exchange, int status, const struct eca_buf *body)
{
    fake_exchange_reply(exchange, status, "application/json", eca_buf_view(body));
}

void docker_no_body(struct fake_exchange *exchange, int status)
{
    fake_exchange_reply(exchange, status, NULL, ECA_VIEW_NONE);
}

int64_t docker_wall_ns(const struct fake_docker *docker)
{
    return eca_sched_wall_ms(docker->opts.base.sched) * ECA_NS_PER_MS;
}

void docker_ref(const struct fake_docker_route *route, struct eca_buf *out)
{
    eca_percent_decode(route->ref, false, out);
}

static void run_op(void *arg)
{
    struct op *op = arg;

    op->run(op);
}

struct op *fake_docker_op_new(struct fake_docker *docker, struct fake_exchange *exchange,
                              void (*run)(struct op *op))
{
    struct op *op = eca_xalloc(sizeof(*op));
    struct fake_docker_route route;

    op->docker = docker;
    op->exchange = exchange;
    op->run = run;
    fake_docker_route(fake_exchange_request(exchange), &route);
    op->version = route.version;
    eca_timer_init(&op->timer, docker->opts.base.sched, run_op, op);
    eca_list_push_back(&docker->ops, &op->node);
    return op;
}

void fake_docker_op_free(struct op *op)
{
    eca_timer_stop(&op->timer);
    eca_list_remove(&op->docker->ops, &op->node);
    eca_list_remove(&op->docker->stats_ops, &op->stats_node);
    if (op->container != NULL) {
        eca_list_remove(&op->container->waiters, &op->wait_node);
    }
    eca_free(op->text);
    eca_free(op);
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static void answer_version(struct fake_docker *docker, struct fake_exchange *exchange)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "Version", docker->version);
    eca_jw_str(&w, "ApiVersion", docker->api_version);
    if (docker_serves(docker, 25)) {
        eca_jw_str(&w, "MinAPIVersion", docker->min_api_version);
    }
    eca_jw_str(&w, "GitCommit", "fake");
    eca_jw_str(&w, "GoVersion", "go1.6.4");
    eca_jw_str(&w, "Os", "linux");
    eca_jw_str(&w, "Arch", "amd64");
    eca_jw_str(&w, "KernelVersion", "4.4.39");
    eca_jw_end_object(&w);
    docker_json(exchange, 200, &body);
}

static void answer_info(struct fake_docker *docker, struct fake_exchange *exchange)
{
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_jw_object(&w, NULL);
    eca_jw_u64(&w, "Containers", fake_docker_count(docker));
    eca_jw_u64(&w, "ContainersRunning", fake_docker_running(docker, NULL));
    eca_jw_str(&w, "ServerVersion", docker->version);
    eca_jw_end_object(&w);
    docker_json(exchange, 200, &body);
}

/* False: the version is refused and the exchange answered. */
static bool version_is_served(struct fake_docker *docker, struct fake_exchange *exchange,
                              struct eca_view version)
{
    unsigned asked = version_number(version);

    if (version.len == 0) {
        return true;
    }
    if (asked > version_number(eca_view_str(docker->api_version))) {
        if (docker_serves(docker, 30)) {
            docker_error(docker, exchange, version, 400,
                         "client version %.*s is too new. Maximum supported API version is %s",
                         (int)version.len, version.at, docker->api_version);
        } else {
            docker_error(docker, exchange, version, 400,
                         "client is newer than server (client API version: %.*s, server API "
                         "version: %s)",
                         (int)version.len, version.at, docker->api_version);
        }
        return false;
    }
    if (asked < version_number(eca_view_str(docker->min_api_version))) {
        /* In the form of that version, as long as daemons know it. */
        docker_error(docker, exchange, docker_serves(docker, 44) ? ECA_VIEW_NONE : version, 400,
                     "client version %.*s is too old. Minimum supported API version is %s, please "
                     "upgrade your client to a newer version",
                     (int)version.len, version.at, docker->min_api_version);
        return false;
    }
    return true;
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct fake_docker *docker = arg;
    struct fake_docker_route route;

    fake_docker_route(fake_exchange_request(exchange), &route);
    if (!version_is_served(docker, exchange, route.version)) {
        return;
    }
    switch (route.op) {
    case FAKE_DOCKER_OP_PING:
        fake_exchange_reply(exchange, 200, "text/plain; charset=utf-8", eca_view_str("OK"));
        return;
    case FAKE_DOCKER_OP_VERSION:
        answer_version(docker, exchange);
        return;
    case FAKE_DOCKER_OP_INFO:
        answer_info(docker, exchange);
        return;
    case FAKE_DOCKER_OP_EVENTS:
        fake_docker_serve_events(docker, exchange, route.version);
        return;
    case FAKE_DOCKER_OP_PULL:
        fake_docker_serve_pull(docker, exchange, route.version);
        return;
    case FAKE_DOCKER_OP_IMPORT:
        fake_docker_serve_import(docker, exchange, route.version);
        return;
    case FAKE_DOCKER_OP_IMAGE_INSPECT:
        docker_image_inspect(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_IMAGE_REMOVE:
        docker_image_remove(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_CREATE:
        docker_create(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_START:
        docker_start(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_STOP:
        docker_stop(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_KILL:
        docker_kill(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_PAUSE:
    case FAKE_DOCKER_OP_UNPAUSE:
        docker_pause(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_REMOVE:
        docker_remove(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_INSPECT:
        docker_inspect(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_LIST:
        docker_list(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_STATS:
        fake_docker_serve_stats(docker, exchange, &route);
        return;
    case FAKE_DOCKER_OP_IMAGE_LIST:
    case FAKE_DOCKER_OP_OTHER:
        break;
    }
    (void)fake_trace_violation(docker->opts.base.trace, FAKE_LANE_DOCKER, "DKR-201",
                               "a call that agents do not make: %s %s",
                               fake_exchange_request(exchange)->method,
                               fake_exchange_request(exchange)->path);
    docker_error(docker, exchange, route.version, 404, "page not found");
}

/* ---- FB-INV.3 -------------------------------------------------------------------------------- */

struct check {
    struct eca_list_node node;
    struct fake_docker *docker;
    struct eca_timer timer;
    char *task;
    bool excused; /* a stop after the STOPPED failed: the agent is at it */
};

static void check_free(struct check *check)
{
    eca_timer_stop(&check->timer);
    eca_list_remove(&check->docker->checks, &check->node);
    eca_free(check->task);
    eca_free(check);
}

static void run_check(void *arg)
{
    struct check *check = arg;
    size_t running = fake_docker_running(check->docker, check->task);

    if (running > 0 && !check->excused &&
        eca_map_get(check->docker->unkillable, check->task) == NULL) {
        (void)fake_trace_violation(check->docker->opts.base.trace, FAKE_LANE_DOCKER, "FB-INV.3",
                                   "%zu container(s) of %s run 10 s after STOPPED", running,
                                   check->task);
    }
    check_free(check);
}

/* What an agent cannot help: not even a kill works (FB-06.2), or a later stop fails. */
static void on_failed_end(struct fake_docker *docker, const struct fake_event *event)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_free char *task = NULL;
    eca_json container;

    if (eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    container = eca_json_get(eca_json_root(doc), "container");
    if (eca_json_type(container) != ECA_JSON_STRING) {
        return;
    }
    task = eca_xstrndup(eca_json_str(container), strcspn(eca_json_str(container), "/"));
    if (event->name[0] == 'k') {
        (void)eca_map_put(docker->unkillable, task, docker);
    }
    ECA_LIST_FOREACH(it, &docker->checks)
    {
        struct check *check = eca_list_entry(it, struct check, node);

        check->excused = check->excused || strcmp(check->task, task) == 0;
    }
}

static void on_event(void *arg, const struct fake_event *event)
{
    struct fake_docker *docker = arg;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json task, status;
    struct check *check;

    if (event->lane == FAKE_LANE_DOCKER &&
        (strcmp(event->name, "stop.failed") == 0 || strcmp(event->name, "kill.failed") == 0)) {
        on_failed_end(docker, event);
        return;
    }
    if (event->lane != FAKE_LANE_ECS || strcmp(event->name, "SubmitTaskStateChange") != 0 ||
        eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    task = eca_json_get(eca_json_root(doc), "task");
    status = eca_json_get(eca_json_root(doc), "status");
    if (eca_json_type(task) != ECA_JSON_STRING || eca_json_type(status) != ECA_JSON_STRING ||
        strcmp(eca_json_str(status), "STOPPED") != 0) {
        return;
    }
    check = eca_xalloc(sizeof(*check));
    check->docker = docker;
    check->task = eca_xstrdup(eca_json_str(task));
    eca_timer_init(&check->timer, docker->opts.base.sched, run_check, check);
    eca_timer_start_ms(&check->timer, STOPPED_GRACE_MS);
    eca_list_push_back(&docker->checks, &check->node);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void set_text(char **text, const char *value, const char *otherwise)
{
    eca_free(*text);
    *text = eca_xstrdup(value == NULL ? otherwise : value);
}

void fake_docker_set_versions(struct fake_docker *docker, const char *version,
                              const char *api_version, const char *min_api_version)
{
    set_text(&docker->version, version, "1.12.6");
    set_text(&docker->api_version, api_version, "1.24");
    set_text(&docker->min_api_version, min_api_version, "1.12");
}

struct fake_docker *fake_docker_new(const struct fake_docker_opts *opts)
{
    struct fake_docker *docker = eca_xalloc(sizeof(*docker));
    struct fake_service service = {.on_request = on_request, .arg = docker};

    docker->opts = *opts;
    set_text(&docker->party, opts->party, "docker");
    set_text(&docker->volumes_root, opts->volumes_root, "/var/lib/docker/volumes");
    fake_docker_set_versions(docker, opts->version, opts->api_version, opts->min_api_version);
    docker->next_port = opts->port_first == 0 ? 32768 : opts->port_first;
    docker->by_id = eca_map_new();
    docker->by_name = eca_map_new();
    docker->unkillable = eca_map_new();
    eca_list_init(&docker->images);
    eca_list_init(&docker->scripts);
    eca_list_init(&docker->containers);
    eca_list_init(&docker->ops);
    eca_list_init(&docker->stats_ops);
    eca_list_init(&docker->events);
    eca_list_init(&docker->held);
    eca_list_init(&docker->checks);
    service.party = docker->party;
    fake_hub_add(opts->base.hub, &service);
    docker->observer =
        fake_docker_observe(opts->base.hub, docker->party, opts->base.trace, opts->verbose);
    fake_trace_listen(opts->base.trace, on_event, docker);
    return docker;
}

void fake_docker_free(struct fake_docker *docker)
{
    if (docker == NULL) {
        return;
    }
    fake_trace_unlisten(docker->opts.base.trace, on_event, docker);
    fake_hub_remove(docker->opts.base.hub, docker->party);
    ECA_LIST_FOREACH(op, &docker->ops)
    {
        fake_docker_op_free(eca_list_entry(op, struct op, node));
    }
    ECA_LIST_FOREACH(node, &docker->containers)
    {
        docker_container_free(eca_list_entry(node, struct container, node));
    }
    ECA_LIST_FOREACH(image, &docker->images)
    {
        docker_image_free(docker, eca_list_entry(image, struct image, node));
    }
    ECA_LIST_FOREACH(it, &docker->scripts)
    {
        struct script *script = eca_list_entry(it, struct script, node);
        eca_free(script->container);
        eca_free(script->image);
        eca_free(script->start_error);
        eca_free(script->samples);
        eca_free(script);
    }
    ECA_LIST_FOREACH(check, &docker->checks)
    {
        check_free(eca_list_entry(check, struct check, node));
    }
    docker_events_clear(docker);
    fake_docker_observer_free(docker->observer);
    eca_map_free(docker->by_id);
    eca_map_free(docker->by_name);
    eca_map_free(docker->unkillable);
    eca_free(docker->party);
    eca_free(docker->version);
    eca_free(docker->api_version);
    eca_free(docker->min_api_version);
    eca_free(docker->volumes_root);
    eca_free(docker);
}

/* ---- the daemon goes and comes --------------------------------------------------------------- */

void fake_docker_down(struct fake_docker *docker, enum fake_docker_fate fate)
{
    struct fake_fault refuse = {.kind = FAKE_FAULT_REFUSE, .party = docker->party};
    struct eca_list_node *node;
    bool muted = docker->muted;

    if (docker->down) {
        return;
    }
    docker->down = true;
    (void)fake_trace_add(docker->opts.base.trace, FAKE_LANE_DOCKER, "daemon-down", NULL);
    docker->down_rule = fake_hub_fault(docker->opts.base.hub, &refuse);
    while ((node = eca_list_first(&docker->ops)) != NULL) {
        struct op *op = eca_list_entry(node, struct op, node);
        struct fake_exchange *exchange = op->exchange;
        fake_docker_op_free(op);
        fake_exchange_reset(exchange);
    }
    docker->muted = true;
    ECA_LIST_FOREACH(it, &docker->containers)
    {
        struct container *container = eca_list_entry(it, struct container, node);
        bool alive =
            container->state == FAKE_DOCKER_RUNNING || container->state == FAKE_DOCKER_PAUSED;
        eca_timer_stop(&container->kill);
        container->starting = false; /* the start went with the daemon */
        if (alive && fate != FAKE_DOCKER_LIVE) {
            docker_die(container, 137, false);
        }
        if (fate == FAKE_DOCKER_GONE) {
            docker_fact(container, "removed");
            docker_container_free(container);
        }
    }
    docker->muted = muted;
}

void fake_docker_up(struct fake_docker *docker)
{
    if (docker->down) {
        docker->down = false;
        fake_hub_fault_remove(docker->opts.base.hub, docker->down_rule);
        (void)fake_trace_add(docker->opts.base.trace, FAKE_LANE_DOCKER, "daemon-up", NULL);
    }
}
