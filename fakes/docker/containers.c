#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

#define GRACE_S_MAX (INT64_C(86400) * 365)
#define SIGNAL_KILL 9
#define START_BODY_BYTES_MAX 7 /* "null" and the like are none */
#define SIGNAL_TERM 15

struct container *docker_find(const struct fake_docker *docker, const char *ref)
{
    struct container *found = eca_map_get(docker->by_id, ref);
    size_t len = strlen(ref);

    if (found == NULL) {
        found = eca_map_get(docker->by_name, ref[0] == '/' ? ref + 1 : ref);
    }
    if (found != NULL) {
        return found;
    }
    ECA_LIST_FOREACH(it, &docker->containers)
    {
        struct container *container = eca_list_entry(it, struct container, node);
        if (strcmp(container->display, ref) == 0 ||
            (len >= 12 && strncmp(container->id, ref, len) == 0)) {
            return container;
        }
    }
    return NULL;
}

void docker_fact(const struct container *container, const char *what)
{
    (void)fake_trace_addv(container->docker->opts.base.trace, FAKE_LANE_DOCKER, what, "container",
                          container->display, NULL);
}

static struct container *find_ref(struct fake_docker *docker, struct fake_exchange *exchange,
                                  const struct fake_docker_route *route)
{
    eca_auto_buf struct eca_buf ref = {0};
    struct container *container;

    docker_ref(route, &ref);
    container = docker_find(docker, eca_buf_str(&ref));
    if (container == NULL) {
        docker_error(docker, exchange, route->version, 404, "No such container: %s",
                     eca_buf_str(&ref));
    }
    return container;
}

bool docker_is_alive(const struct container *container)
{
    return container->state == FAKE_DOCKER_RUNNING || container->state == FAKE_DOCKER_PAUSED;
}

/* ---- life and death -------------------------------------------------------------------------- */

static void answer_waiters(struct container *container)
{
    struct eca_list_node *node;

    while ((node = eca_list_first(&container->waiters)) != NULL) {
        struct op *op = eca_list_entry(node, struct op, wait_node);
        struct fake_exchange *exchange = op->exchange;
        fake_docker_op_free(op);
        docker_no_body(exchange, 204);
    }
}

static void release_ports(struct container *container)
{
    for (size_t i = 0; i < container->port_count; i++) {
        container->ports[i].host_port = 0;
    }
}

static void exited_fact(const struct container *container)
{
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "container", container->display);
    eca_jw_i64(&w, "exitCode", container->exit_code);
    if (container->oom) {
        eca_jw_bool(&w, "oom", true);
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(container->docker->opts.base.trace, FAKE_LANE_DOCKER, "exited",
                         eca_buf_str(&fields));
}

void docker_die(struct container *container, int64_t exit_code, bool oom)
{
    bool asked = container->stop_asked;

    eca_timer_stop(&container->ends);
    eca_timer_stop(&container->kill);
    container->state = FAKE_DOCKER_EXITED;
    container->exit_code = exit_code;
    container->oom = oom;
    container->stop_asked = false;
    container->finished_ns = docker_wall_ns(container->docker);
    release_ports(container);
    exited_fact(container);
    if (oom) {
        docker_emit(container, "oom");
    }
    docker_emit_die(container);
    if (asked) {
        docker_emit(container, "stop");
    }
    answer_waiters(container);
}

void docker_run_ends(void *arg)
{
    struct container *container = arg;

    docker_die(container, container->ends_code, container->ends_oom);
}

void docker_run_kill(void *arg)
{
    struct container *container = arg;

    docker_emit_kill(container, SIGNAL_KILL);
    if (!container->script.never_stops) {
        docker_die(container, 137, false);
    }
}

void docker_terminate(struct container *container, uint64_t grace_s)
{
    docker_emit_kill(container, SIGNAL_TERM);
    if (!container->script.ignores_term && !container->script.never_stops &&
        container->script.term_ms <= grace_s * 1000) {
        container->ends_code = container->script.term_code;
        container->ends_oom = false;
        eca_timer_start_ms(&container->ends, container->script.term_ms);
    } else {
        eca_timer_start_ms(&container->kill, grace_s * 1000);
    }
}

/* ---- start ----------------------------------------------------------------------------------- */

static bool port_is_taken(const struct fake_docker *docker, uint16_t host_port, bool udp)
{
    ECA_LIST_FOREACH(it, &docker->containers)
    {
        const struct container *container = eca_list_entry(it, struct container, node);
        for (size_t i = 0; i < container->port_count; i++) {
            if (container->ports[i].host_port == host_port && container->ports[i].udp == udp) {
                return true;
            }
        }
    }
    return false;
}

uint16_t docker_assign_ports(struct container *container)
{
    struct fake_docker *docker = container->docker;

    for (size_t i = 0; i < container->port_count; i++) {
        struct port *port = &container->ports[i];

        if (port->exposed_only) {
            continue;
        }
        if (port->wanted == 0) {
            while (port_is_taken(docker, docker->next_port, port->udp)) {
                docker->next_port++;
            }
            port->host_port = docker->next_port++;
        } else if (port_is_taken(docker, port->wanted, port->udp)) {
            return port->wanted;
        } else {
            port->host_port = port->wanted;
        }
    }
    return 0;
}

/* "target:alias" of a container that does not run. */
static bool has_dead_link(const struct container *container, eca_json links, struct eca_buf *why)
{
    for (eca_json it = eca_json_first(links); it != NULL; it = eca_json_next(it)) {
        struct eca_view text = eca_view_str(eca_json_is_null(it) ? "" : eca_json_str(it));
        size_t colon = eca_view_find(text, ":", 0);
        eca_auto_buf struct eca_buf name = {0};
        const struct container *target;

        eca_buf_add_view(&name, eca_view_sub(text, 0, colon));
        target = docker_find(container->docker, eca_buf_str(&name));
        if (target != NULL && !docker_is_alive(target)) {
            text =
                colon == SIZE_MAX ? eca_buf_view(&name) : eca_view_sub(text, colon + 1, SIZE_MAX);
            eca_buf_addf(why, "Cannot link to a non running container: /%s AS /%s/%.*s",
                         target->name, container->name, (int)text.len, text.at);
            return true;
        }
    }
    return false;
}

static int start_flaw(const struct container *container, struct eca_buf *why)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json host;
    int status;

    if (eca_json_parse(eca_view_str(container->body), &doc, NULL) < 0) {
        return 0;
    }
    host = eca_json_get(eca_json_root(doc), "HostConfig");
    status = docker_start_flaw(container->docker, host, why);
    return status != 0                                                  ? status
           : has_dead_link(container, eca_json_get(host, "Links"), why) ? 500
                                                                        : 0;
}

static void running_fact(const struct container *container)
{
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);
    bool any = false;

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "container", container->display);
    for (size_t i = 0; i < container->port_count; i++) {
        any = any || container->ports[i].host_port != 0;
    }
    if (any) {
        eca_jw_array(&w, "ports");
        for (size_t i = 0; i < container->port_count; i++) {
            const struct port *port = &container->ports[i];
            eca_auto_buf struct eca_buf text = {0};
            if (port->host_port != 0) {
                eca_buf_addf(&text, "%u->%u/%s", port->host_port, port->container_port,
                             port->udp ? "udp" : "tcp");
                eca_jw_str(&w, NULL, eca_buf_str(&text));
            }
        }
        eca_jw_end_array(&w);
    }
    eca_jw_end_object(&w);
    (void)fake_trace_add(container->docker->opts.base.trace, FAKE_LANE_DOCKER, "running",
                         eca_buf_str(&fields));
}

void docker_begin_running(struct container *container)
{
    eca_free(container->error);
    container->error = eca_xstrdup("");
    container->state = FAKE_DOCKER_RUNNING;
    container->exit_code = 0;
    container->oom = false;
    container->started_ns = docker_wall_ns(container->docker);
    container->finished_ns = 0;
    running_fact(container);
    docker_emit(container, "start");
    if (container->script.exits) {
        container->ends_code = container->script.oom ? 137 : container->script.exit_code;
        container->ends_oom = container->script.oom;
        eca_timer_start_ms(&container->ends, container->script.exit_after_ms);
    }
}

static void refuse_start(struct container *container, struct fake_exchange *exchange,
                         struct eca_view version, int status, int64_t exit_code, char *why)
{
    eca_free(container->error);
    container->error = why;
    container->exit_code = exit_code;
    release_ports(container);
    docker_error(container->docker, exchange, version, status, "%s", why);
}

static void start_now(struct op *op)
{
    struct fake_docker *docker = op->docker;
    struct fake_exchange *exchange = op->exchange;
    struct container *container = op->container;
    struct eca_view version = op->version;
    eca_auto_buf struct eca_buf why = {0};
    uint16_t taken;
    int status;

    if (container == NULL) {
        fake_docker_op_free(op);
        docker_error(docker, exchange, version, 404, "No such container");
        return;
    }
    fake_docker_op_free(op);
    container->starting = false;
    if (container->needs_name_error) {
        refuse_start(container, exchange, version, docker_serves(docker, 30) ? 400 : 500, 127,
                     eca_xstrdup("oci runtime error: exec: \"not-applicable\": executable file "
                                 "not found in $PATH"));
        return;
    }
    if (container->script.start_error != NULL) {
        refuse_start(
            container, exchange, version,
            container->script.start_error_status == 0 ? 500 : container->script.start_error_status,
            128, eca_xstrdup(container->script.start_error));
        return;
    }
    status = start_flaw(container, &why);
    if (status != 0) {
        refuse_start(container, exchange, version, status, 128, eca_buf_take(&why));
        return;
    }
    taken = docker_assign_ports(container);
    if (taken != 0) {
        refuse_start(container, exchange, version, 500, 128,
                     eca_xasprintf("driver failed programming external connectivity on endpoint "
                                   "%s (%s): Bind for 0.0.0.0:%u failed: port is already "
                                   "allocated",
                                   container->name, container->id, taken));
        return;
    }
    docker_begin_running(container);
    docker_no_body(exchange, 204);
}

/* A second start waits for the first, as the daemon's lock on the container makes it. */
static void start_after_start(struct op *op)
{
    if (op->container != NULL && docker_is_alive(op->container)) {
        docker_no_body(op->exchange, 304);
        fake_docker_op_free(op);
    } else {
        start_now(op);
    }
}

void docker_start(struct fake_docker *docker, struct fake_exchange *exchange,
                  const struct fake_docker_route *route)
{
    struct container *container = find_ref(docker, exchange, route);
    struct op *op;
    uint64_t now_ns = eca_sched_now_ns(docker->opts.base.sched);

    if (container == NULL) {
        return;
    }
    if (docker_version_at_least(route->version, 24) &&
        fake_exchange_request(exchange)->body.len > START_BODY_BYTES_MAX) {
        docker_error(docker, exchange, route->version, 400,
                     "starting container with non-empty request body was deprecated since v1.22 "
                     "and removed in v1.24");
        return;
    }
    if (container->state == FAKE_DOCKER_PAUSED) {
        docker_error(docker, exchange, route->version, docker_serves(docker, 30) ? 409 : 500,
                     "cannot start a paused container, try unpause instead");
        return;
    }
    if (docker_is_alive(container)) {
        docker_no_body(exchange, 304);
        return;
    }
    op = fake_docker_op_new(docker, exchange, container->starting ? start_after_start : start_now);
    op->container = container;
    eca_list_push_back(&container->waiters, &op->wait_node); /* NULLed when it is removed */
    if (container->starting) {
        eca_timer_start(&op->timer, container->start_due_ns - now_ns + 1);
    } else if (container->script.start_ms > 0) {
        container->starting = true;
        container->start_due_ns = now_ns + container->script.start_ms * (uint64_t)ECA_NS_PER_MS;
        eca_timer_start_ms(&op->timer, container->script.start_ms);
    } else {
        start_now(op);
    }
}

/* ---- stop, kill, pause, remove ----------------------------------------------------------------
 */

static void never_run(struct op *op)
{
    (void)op; /* such an operation ends with its container */
}

static void wait_for_end(struct container *container, struct fake_exchange *exchange)
{
    struct op *op = fake_docker_op_new(container->docker, exchange, never_run);

    op->container = container;
    eca_list_push_back(&container->waiters, &op->wait_node);
}

void docker_stop(struct fake_docker *docker, struct fake_exchange *exchange,
                 const struct fake_docker_route *route)
{
    struct container *container = find_ref(docker, exchange, route);
    eca_auto_buf struct eca_buf text = {0};
    int64_t seconds = TERM_GRACE_S;

    if (container == NULL) {
        return;
    }
    if (fake_request_param(fake_exchange_request(exchange), "t", &text) &&
        eca_parse_i64(eca_buf_view(&text), &seconds, NULL) < 0) {
        if (docker_serves(docker, 30)) {
            docker_error(docker, exchange, route->version, 500,
                         "strconv.Atoi: parsing \"%s\": invalid syntax", eca_buf_str(&text));
            return;
        }
        seconds = 0; /* older ones do not look */
    }
    if (!docker_is_alive(container)) {
        docker_no_body(exchange, 304);
        return;
    }
    if (seconds < 0 || seconds > GRACE_S_MAX) { /* it is waited for without an end */
        seconds = GRACE_S_MAX;
    }
    container->stop_asked = true;
    wait_for_end(container, exchange);
    docker_terminate(container, (uint64_t)seconds);
}

void docker_kill(struct fake_docker *docker, struct fake_exchange *exchange,
                 const struct fake_docker_route *route)
{
    struct container *container = find_ref(docker, exchange, route);
    bool modern = docker_serves(docker, 30);
    eca_auto_buf struct eca_buf name = {0}, ref = {0};
    uint64_t number = SIGNAL_KILL;

    if (container == NULL) {
        return;
    }
    docker_ref(route, &ref);
    (void)fake_request_param(fake_exchange_request(exchange), "signal", &name);
    if (name.len > 0 && !docker_signal(eca_buf_str(&name), &number)) {
        docker_error(docker, exchange, route->version, 400, "Invalid signal: %s",
                     eca_buf_str(&name));
        return;
    }
    if (!docker_is_alive(container)) {
        docker_error(docker, exchange, route->version, modern ? 409 : 500,
                     "Cannot kill container%s %s: Container %s is not running", modern ? ":" : "",
                     modern ? eca_buf_str(&ref) : container->name, container->id);
        return;
    }
    if (number == SIGNAL_TERM) {
        docker_terminate(container, GRACE_S_MAX);
    } else {
        docker_emit_kill(container, number);
        if (number == SIGNAL_KILL && container->script.never_stops) {
            wait_for_end(container, exchange);
            return;
        }
        if (number == SIGNAL_KILL) {
            docker_die(container, 137, false);
        }
    }
    docker_no_body(exchange, 204);
}

void docker_pause(struct fake_docker *docker, struct fake_exchange *exchange,
                  const struct fake_docker_route *route)
{
    struct container *container = find_ref(docker, exchange, route);
    bool pause = route->op == FAKE_DOCKER_OP_PAUSE;

    if (container == NULL) {
        return;
    }
    if (pause && container->state == FAKE_DOCKER_PAUSED) {
        docker_error(docker, exchange, route->version, 409, "Container %s is already paused",
                     container->id);
        return;
    }
    if (container->state != (pause ? FAKE_DOCKER_RUNNING : FAKE_DOCKER_PAUSED)) {
        docker_error(docker, exchange, route->version, pause ? 409 : 500, "Container %s is not %s",
                     container->id, pause ? "running" : "paused");
        return;
    }
    container->state = pause ? FAKE_DOCKER_PAUSED : FAKE_DOCKER_RUNNING;
    docker_fact(container, pause ? "paused" : "unpaused");
    docker_emit(container, pause ? "pause" : "unpause");
    docker_no_body(exchange, 204);
}

void docker_container_free(struct container *container)
{
    struct fake_docker *docker = container->docker;

    docker_stats_container_ends(container);
    ECA_LIST_FOREACH(it, &container->waiters)
    {
        struct op *op = eca_list_entry(it, struct op, wait_node);
        eca_list_remove(&container->waiters, &op->wait_node);
        op->container = NULL;
    }
    ECA_LIST_FOREACH(it, &container->volumes)
    {
        struct volume *volume = eca_list_entry(it, struct volume, node);
        eca_free(volume->path);
        eca_free(volume->host);
        eca_free(volume);
    }
    eca_timer_stop(&container->ends);
    eca_timer_stop(&container->kill);
    eca_list_remove(&docker->containers, &container->node);
    (void)eca_map_remove(docker->by_id, container->id);
    (void)eca_map_remove(docker->by_name, container->name);
    eca_free(container->name);
    eca_free(container->display);
    eca_free(container->task_key);
    eca_free(container->image_ref);
    eca_free(container->body);
    eca_free(container->labels);
    eca_free(container->error);
    eca_free(container);
}

void docker_remove_now(struct container *container)
{
    if (docker_is_alive(container)) {
        docker_emit_kill(container, SIGNAL_KILL);
        docker_die(container, 137, false);
    }
    docker_fact(container, "removed");
    docker_emit(container, "destroy");
    docker_container_free(container);
}

static void refuse_remove(const struct container *container, struct fake_exchange *exchange,
                          const struct fake_docker_route *route)
{
    struct fake_docker *docker = container->docker;
    bool modern = docker_serves(docker, 30), paused = container->state == FAKE_DOCKER_PAUSED;

    docker_error(docker, exchange, route->version, 409,
                 "You cannot remove a %s container %s. %s the container before attempting removal "
                 "or %s",
                 paused && modern ? "paused" : "running", container->id,
                 paused && modern ? "Unpause and then stop" : "Stop",
                 modern ? "force remove" : "use -f");
}

void docker_remove(struct fake_docker *docker, struct fake_exchange *exchange,
                   const struct fake_docker_route *route)
{
    struct container *container = find_ref(docker, exchange, route);
    eca_auto_buf struct eca_buf force = {0};

    if (container == NULL) {
        return;
    }
    (void)fake_request_param(fake_exchange_request(exchange), "force", &force);
    if (docker_is_alive(container) && strcmp(eca_buf_str(&force), "1") != 0 &&
        strcmp(eca_buf_str(&force), "true") != 0) {
        refuse_remove(container, exchange, route);
        return;
    }
    docker_remove_now(container);
    docker_no_body(exchange, 204);
}
