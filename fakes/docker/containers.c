#include <inttypes.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

#define MEMORY_BYTES_MIN 4194304
#define TERM_GRACE_S 10
#define GRACE_S_MAX 86400

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

static bool is_alive(const struct container *container)
{
    return container->state == FAKE_DOCKER_RUNNING || container->state == FAKE_DOCKER_PAUSED;
}

/* ---- create ---------------------------------------------------------------------------------- */

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

/* "80/tcp" or "80"; false: no port. */
static bool parse_port(const char *text, struct port *port)
{
    struct eca_view view = eca_view_str(text);
    size_t slash = eca_view_find(view, "/", 0);
    uint64_t number = 0;

    if (eca_parse_u64(eca_view_sub(view, 0, slash), UINT16_MAX, &number, NULL) < 0) {
        return false;
    }
    port->container_port = (uint16_t)number;
    port->udp = slash != SIZE_MAX && eca_view_eq_str(eca_view_sub(view, slash, SIZE_MAX), "/udp");
    return true;
}

const char *docker_read_ports(struct container *container, eca_json bindings, eca_json exposed)
{
    for (eca_json it = eca_json_first(bindings); it != NULL; it = eca_json_next(it)) {
        for (eca_json one = eca_json_first(it); one != NULL; one = eca_json_next(one)) {
            struct port *port = &container->ports[container->port_count];
            const char *host = text_of(one, "HostPort");
            uint64_t number = 0;

            if (container->port_count == PORTS_MAX || !parse_port(eca_json_key(it), port)) {
                return "invalid port specification";
            }
            if (host != NULL && host[0] != '\0' &&
                eca_parse_u64(eca_view_str(host), UINT16_MAX, &number, NULL) < 0) {
                return "invalid port specification";
            }
            port->wanted = (uint16_t)number;
            container->port_count++;
        }
    }
    for (eca_json it = eca_json_first(exposed); it != NULL; it = eca_json_next(it)) {
        struct port port = {.exposed_only = true};
        bool known = false;

        if (container->port_count == PORTS_MAX || !parse_port(eca_json_key(it), &port)) {
            return "invalid port specification";
        }
        for (size_t i = 0; i < container->port_count; i++) {
            known = known || (container->ports[i].container_port == port.container_port &&
                              container->ports[i].udp == port.udp);
        }
        if (!known) {
            container->ports[container->port_count++] = port;
        }
    }
    return NULL;
}

static void read_volumes(struct container *container, eca_json volumes)
{
    struct fake_docker *docker = container->docker;

    if (eca_json_type(volumes) != ECA_JSON_OBJECT) {
        return;
    }
    for (eca_json it = eca_json_first(volumes); it != NULL; it = eca_json_next(it)) {
        struct volume *volume = eca_xalloc(sizeof(*volume));
        char hex[65];

        eca_entropy_hex(docker->opts.base.entropy, 64, hex);
        volume->path = eca_xstrdup(eca_json_key(it));
        volume->host = eca_xasprintf("%s/%s/_data", docker->volumes_root, hex);
        eca_list_push_back(&container->volumes, &volume->node);
    }
}

static void choose_script(struct container *container)
{
    struct fake_docker *docker = container->docker;

    ECA_LIST_FOREACH(it, &docker->scripts) /* the last one that fits */
    {
        const struct script *script = eca_list_entry(it, struct script, node);
        bool name_fits = script->container == NULL ||
                         fake_glob(script->container, container->display) ||
                         fake_glob(script->container, container->name);
        if (name_fits &&
            (script->image == NULL || fake_glob(script->image, container->image_ref))) {
            container->script = script->spec;
            container->script.start_error = script->start_error;
            container->script.samples = script->samples;
        }
    }
}

static bool name_is_valid(const char *name)
{
    size_t i;

    for (i = 0; name[i] != '\0'; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || (c != '_' && c != '.' && c != '-'))) {
            return false;
        }
    }
    return i > 1;
}

static const char *first_missing(const struct fake_docker *docker, eca_json list,
                                 struct eca_buf *name)
{
    for (eca_json it = eca_json_first(list); it != NULL; it = eca_json_next(it)) {
        struct eca_view text =
            eca_view_str(eca_json_type(it) == ECA_JSON_STRING ? eca_json_str(it) : "");
        eca_buf_reset(name);
        eca_buf_add_view(name, eca_view_sub(text, 0, eca_view_find(text, ":", 0)));
        if (docker_find(docker, eca_buf_str(name)) == NULL) {
            return eca_buf_str(name);
        }
    }
    return NULL;
}

/* "src:/dst[:mode]" -> "/dst". */
static void bind_target(eca_json bind, struct eca_buf *out)
{
    struct eca_view text =
        eca_view_str(eca_json_type(bind) == ECA_JSON_STRING ? eca_json_str(bind) : "");
    size_t colon = eca_view_find(text, ":", 0);
    struct eca_view rest =
        colon == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(text, colon + 1, SIZE_MAX);

    eca_buf_reset(out);
    eca_buf_add_view(out, eca_view_sub(rest, 0, eca_view_find(rest, ":", 0)));
}

/* The path that two binds want, or NULL. */
static const char *mounted_twice(eca_json binds, struct eca_buf *path)
{
    eca_auto_buf struct eca_buf other = {0};

    for (eca_json it = eca_json_first(binds); it != NULL; it = eca_json_next(it)) {
        bind_target(it, path);
        for (eca_json next = eca_json_next(it); next != NULL; next = eca_json_next(next)) {
            bind_target(next, &other);
            if (path->len > 0 && strcmp(eca_buf_str(path), eca_buf_str(&other)) == 0) {
                return eca_buf_str(path);
            }
        }
    }
    return NULL;
}

/* The container's FB-INV.2 key: both labels. */
static char *task_key(eca_json labels)
{
    const char *arn = text_of(labels, "com.amazonaws.ecs.task-arn");
    const char *name = text_of(labels, "com.amazonaws.ecs.container-name");

    return arn == NULL || name == NULL ? NULL : eca_xasprintf("%s\n%s", arn, name);
}

static void check_single(const struct container *container)
{
    const struct fake_docker *docker = container->docker;

    ECA_LIST_FOREACH(it, &docker->containers)
    {
        const struct container *other = eca_list_entry(it, struct container, node);
        if (other != container && other->task_key != NULL && container->task_key != NULL &&
            strcmp(other->task_key, container->task_key) == 0) {
            (void)fake_trace_violation(docker->opts.base.trace, FAKE_LANE_DOCKER, "FB-INV.2",
                                       "a second container %s", container->display);
            return;
        }
    }
}

static bool cannot_run(eca_json config)
{
    eca_json cmd = eca_json_first(eca_json_get(config, "Cmd"));
    bool has_entry = eca_json_first(eca_json_get(config, "Entrypoint")) != NULL;

    return !has_entry && eca_json_type(cmd) == ECA_JSON_STRING &&
           strcmp(eca_json_str(cmd), "not-applicable") == 0;
}

static void answer_created(struct op *op)
{
    struct fake_exchange *exchange = op->exchange;
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "Id", op->text);
    eca_jw_null(&w, "Warnings");
    eca_jw_end_object(&w);
    fake_docker_op_free(op);
    docker_json(exchange, 201, &body);
}

static void run_ends(void *arg);
static void run_kill(void *arg);

struct container *docker_new_container(struct fake_docker *docker, const char *name,
                                       const struct image *image, struct eca_view body,
                                       eca_json config)
{
    struct container *container = eca_xalloc(sizeof(*container));
    eca_auto_buf struct eca_buf display = {0}, labels = {0};

    container->docker = docker;
    eca_list_init(&container->volumes);
    eca_list_init(&container->waiters);
    eca_entropy_hex(docker->opts.base.entropy, 64, container->id);
    container->name = eca_xstrdup(name);
    fake_docker_label_name(docker->opts.base.trace, eca_json_get(config, "Labels"), &display);
    container->display = eca_xstrdup(display.len > 0 ? eca_buf_str(&display) : name);
    container->task_key = task_key(eca_json_get(config, "Labels"));
    container->image_ref = eca_xstrdup(text_of(config, "Image"));
    memcpy(container->image_id, image->id, sizeof(container->image_id));
    if (eca_json_type(eca_json_get(config, "Labels")) == ECA_JSON_OBJECT) {
        eca_json_print(eca_json_get(config, "Labels"), &labels);
    }
    container->labels = eca_buf_take(&labels);
    container->body = eca_xstrndup(body.at, body.len);
    container->error = eca_xstrdup("");
    container->needs_name_error = cannot_run(config);
    container->state = FAKE_DOCKER_CREATED;
    eca_timer_init(&container->ends, docker->opts.base.sched, run_ends, container);
    eca_timer_init(&container->kill, docker->opts.base.sched, run_kill, container);
    container->created_ns = docker_wall_ns(docker);
    return container;
}

static void enlist(struct container *container)
{
    struct fake_docker *docker = container->docker;

    eca_list_push_back(&docker->containers, &container->node);
    (void)eca_map_put(docker->by_id, container->id, container);
    (void)eca_map_put(docker->by_name, container->name, container);
}

void docker_admit(struct container *container)
{
    enlist(container);
    choose_script(container);
    check_single(container);
}

static void create_named(struct fake_docker *docker, struct fake_exchange *exchange,
                         const struct fake_docker_route *route, const char *name, eca_json config)
{
    eca_json host = eca_json_get(config, "HostConfig");
    const char *ref = text_of(config, "Image");
    const struct image *image = ref == NULL ? NULL : docker_find_image(docker, ref);
    const struct container *other = eca_map_get(docker->by_name, name);
    eca_auto_buf struct eca_buf target = {0};
    eca_json memory = eca_json_get(config, "Memory");
    int64_t memory_bytes = 0;
    struct container *container;
    const char *flaw;
    struct op *op;

    if (image == NULL || !image->present) {
        docker_error(docker, exchange, route->version, 404, "No such image: %s",
                     ref == NULL ? "" : ref);
        return;
    }
    if (other != NULL) {
        docker_error(docker, exchange, route->version, 409,
                     "Conflict. The name \"/%s\" is already in use by container %s. You have to "
                     "remove (or rename) that container to be able to reuse that name.",
                     name, other->id);
        return;
    }
    if (eca_json_type(memory) == ECA_JSON_NUMBER) {
        (void)eca_json_i64(memory, &memory_bytes, NULL);
    }
    if (memory_bytes != 0 && memory_bytes < MEMORY_BYTES_MIN) {
        docker_error(docker, exchange, route->version, 400, "Minimum memory limit allowed is 4MB");
        return;
    }
    if (first_missing(docker, eca_json_get(host, "Links"), &target) != NULL) {
        docker_error(docker, exchange, route->version, 400, "Could not get container for %s",
                     eca_buf_str(&target));
        return;
    }
    if (first_missing(docker, eca_json_get(host, "VolumesFrom"), &target) != NULL) {
        docker_error(docker, exchange, route->version, 404, "No such container: %s",
                     eca_buf_str(&target));
        return;
    }
    if (mounted_twice(eca_json_get(host, "Binds"), &target) != NULL) {
        docker_error(docker, exchange, route->version, 400, "Duplicate mount point: %s",
                     eca_buf_str(&target));
        return;
    }
    container =
        docker_new_container(docker, name, image, fake_exchange_request(exchange)->body, config);
    flaw = docker_read_ports(container, eca_json_get(host, "PortBindings"),
                             eca_json_get(config, "ExposedPorts"));
    enlist(container);
    if (flaw != NULL) {
        docker_container_free(container);
        docker_error(docker, exchange, route->version, 400, "%s", flaw);
        return;
    }
    read_volumes(container, eca_json_get(config, "Volumes"));
    choose_script(container);
    check_single(container);
    docker_fact(container, "created");
    docker_emit(container, "create");
    op = fake_docker_op_new(docker, exchange, answer_created);
    op->text = eca_xstrdup(container->id);
    if (container->script.create_ms > 0) {
        eca_timer_start_ms(&op->timer, container->script.create_ms);
    } else {
        answer_created(op);
    }
}

void docker_create(struct fake_docker *docker, struct fake_exchange *exchange,
                   const struct fake_docker_route *route)
{
    const struct fake_request *request = fake_exchange_request(exchange);
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf name = {0};
    struct eca_err err = {0};

    if (eca_json_parse(request->body, &doc, &err) < 0 ||
        eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
        (void)fake_trace_violation(docker->opts.base.trace, FAKE_LANE_DOCKER, "DKR-510",
                                   "the body of a create is no JSON object: %s", err.msg);
        docker_error(docker, exchange, route->version, 400, "invalid JSON: %s", err.msg);
        return;
    }
    if (!fake_request_param(request, "name", &name) || name.len == 0) {
        char hex[21];
        eca_entropy_hex(docker->opts.base.entropy, 20, hex);
        eca_buf_reset(&name);
        eca_buf_addf(&name, "nameless_%s", hex);
    }
    if (!name_is_valid(eca_buf_str(&name))) {
        docker_error(docker, exchange, route->version, 400,
                     "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                     eca_buf_str(&name));
        return;
    }
    create_named(docker, exchange, route, eca_buf_str(&name), eca_json_root(doc));
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

static void run_ends(void *arg)
{
    struct container *container = arg;

    docker_die(container, container->ends_code, container->ends_oom);
}

static void run_kill(void *arg)
{
    struct container *container = arg;

    docker_emit(container, "kill");
    if (!container->script.never_stops) {
        docker_die(container, 137, false);
    }
}

/* SIGTERM: the script decides. */
static void terminate(struct container *container, uint64_t grace_s)
{
    docker_emit(container, "kill");
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

/* 0, or the host port that is in use. */
static uint16_t assign_ports(struct container *container)
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

static const struct container *dead_link(const struct container *container)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json links;

    if (eca_json_parse(eca_view_str(container->body), &doc, NULL) < 0) {
        return NULL;
    }
    links = eca_json_get(eca_json_get(eca_json_root(doc), "HostConfig"), "Links");
    for (eca_json it = eca_json_first(links); it != NULL; it = eca_json_next(it)) {
        struct eca_view text = eca_view_str(eca_json_str(it));
        eca_auto_buf struct eca_buf name = {0};
        const struct container *target;

        eca_buf_add_view(&name, eca_view_sub(text, 0, eca_view_find(text, ":", 0)));
        target = docker_find(container->docker, eca_buf_str(&name));
        if (target != NULL && !is_alive(target)) {
            return target;
        }
    }
    return NULL;
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

static void begin_running(struct container *container)
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
    const struct container *dead;
    uint16_t taken;

    if (container == NULL) {
        fake_docker_op_free(op);
        docker_error(docker, exchange, version, 404, "No such container");
        return;
    }
    fake_docker_op_free(op);
    container->starting = false;
    if (container->needs_name_error) {
        refuse_start(container, exchange, version, 500, 127,
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
    dead = dead_link(container);
    if (dead != NULL) {
        refuse_start(container, exchange, version, 500, 128,
                     eca_xasprintf("Cannot link to a non running container: /%s AS /%s", dead->name,
                                   container->name));
        return;
    }
    taken = assign_ports(container);
    if (taken != 0) {
        refuse_start(container, exchange, version, 500, 128,
                     eca_xasprintf("driver failed programming external connectivity on endpoint "
                                   "%s (%s): Bind for 0.0.0.0:%u failed: port is already "
                                   "allocated",
                                   container->name, container->id, taken));
        return;
    }
    begin_running(container);
    docker_no_body(exchange, 204);
}

/* A second start waits for the first, as the daemon's lock on the container makes it. */
static void start_after_start(struct op *op)
{
    if (op->container != NULL && is_alive(op->container)) {
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
    if (is_alive(container)) {
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
    eca_auto_buf struct eca_buf seconds = {0};
    uint64_t grace_s = TERM_GRACE_S;

    if (container == NULL) {
        return;
    }
    if (!is_alive(container)) {
        docker_no_body(exchange, 304);
        return;
    }
    if (fake_request_param(fake_exchange_request(exchange), "t", &seconds) &&
        eca_parse_u64(eca_buf_view(&seconds), GRACE_S_MAX, &grace_s, NULL) < 0) {
        docker_error(docker, exchange, route->version, 400, "invalid t: %s", eca_buf_str(&seconds));
        return;
    }
    container->stop_asked = true;
    wait_for_end(container, exchange);
    terminate(container, grace_s);
}

void docker_kill(struct fake_docker *docker, struct fake_exchange *exchange,
                 const struct fake_docker_route *route)
{
    struct container *container = find_ref(docker, exchange, route);

    if (container == NULL) {
        return;
    }
    if (!is_alive(container)) {
        docker_error(docker, exchange, route->version,
                     docker_version_at_least(route->version, 30) ? 409 : 500,
                     "Cannot kill container %s: Container %s is not running", container->name,
                     container->id);
        return;
    }
    docker_emit(container, "kill");
    if (container->script.never_stops) {
        wait_for_end(container, exchange);
        return;
    }
    docker_die(container, 137, false);
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
    if (container->state != (pause ? FAKE_DOCKER_RUNNING : FAKE_DOCKER_PAUSED)) {
        docker_error(docker, exchange, route->version, 409, "Container %s is not %s", container->id,
                     pause ? "running" : "paused");
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

static void remove_now(struct container *container)
{
    if (is_alive(container)) {
        docker_emit(container, "kill");
        docker_die(container, 137, false);
    }
    docker_fact(container, "removed");
    docker_emit(container, "destroy");
    docker_container_free(container);
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
    if (is_alive(container) && strcmp(eca_buf_str(&force), "1") != 0 &&
        strcmp(eca_buf_str(&force), "true") != 0) {
        docker_error(docker, exchange, route->version, 409,
                     "You cannot remove a running container %s. Stop the container before "
                     "attempting removal or use -f",
                     container->id);
        return;
    }
    remove_now(container);
    docker_no_body(exchange, 204);
}

/* ---- from outside -----------------------------------------------------------------------------
 */

static struct container *find_alive(const struct fake_docker *docker, const char *ref)
{
    struct container *container = docker_find(docker, ref);

    return container != NULL && is_alive(container) ? container : NULL;
}

bool fake_docker_exit(struct fake_docker *docker, const char *ref, int exit_code)
{
    struct container *container = find_alive(docker, ref);

    if (container != NULL) {
        docker_die(container, exit_code, false);
    }
    return container != NULL;
}

bool fake_docker_oom(struct fake_docker *docker, const char *ref)
{
    struct container *container = find_alive(docker, ref);

    if (container != NULL) {
        docker_die(container, 137, true);
    }
    return container != NULL;
}

bool fake_docker_kill(struct fake_docker *docker, const char *ref)
{
    struct container *container = find_alive(docker, ref);

    if (container != NULL) {
        docker_emit(container, "kill");
        docker_die(container, 137, false);
    }
    return container != NULL;
}

bool fake_docker_stop(struct fake_docker *docker, const char *ref)
{
    struct container *container = find_alive(docker, ref);

    if (container != NULL) {
        container->stop_asked = true;
        terminate(container, TERM_GRACE_S);
    }
    return container != NULL;
}

bool fake_docker_remove(struct fake_docker *docker, const char *ref)
{
    struct container *container = docker_find(docker, ref);

    if (container != NULL) {
        remove_now(container);
    }
    return container != NULL;
}

bool fake_docker_restart_container(struct fake_docker *docker, const char *ref)
{
    struct container *container = docker_find(docker, ref);

    if (container == NULL) {
        return false;
    }
    if (is_alive(container)) {
        docker_emit(container, "kill");
        docker_die(container, 137, false);
    }
    if (assign_ports(container) == 0) {
        begin_running(container);
        docker_emit(container, "restart");
    }
    return true;
}

static bool set_paused(struct fake_docker *docker, const char *ref, bool pause)
{
    struct container *container = docker_find(docker, ref);

    if (container == NULL ||
        container->state != (pause ? FAKE_DOCKER_RUNNING : FAKE_DOCKER_PAUSED)) {
        return false;
    }
    container->state = pause ? FAKE_DOCKER_PAUSED : FAKE_DOCKER_RUNNING;
    docker_fact(container, pause ? "paused" : "unpaused");
    docker_emit(container, pause ? "pause" : "unpause");
    return true;
}

bool fake_docker_pause(struct fake_docker *docker, const char *ref)
{
    return set_paused(docker, ref, true);
}

bool fake_docker_unpause(struct fake_docker *docker, const char *ref)
{
    return set_paused(docker, ref, false);
}

bool fake_docker_exec(struct fake_docker *docker, const char *ref, const char *command)
{
    struct container *container = find_alive(docker, ref);
    eca_auto_buf struct eca_buf create = {0}, start = {0};

    if (container == NULL) {
        return false;
    }
    eca_buf_addf(&create, "exec_create: %s", command);
    eca_buf_addf(&start, "exec_start: %s", command);
    docker_emit(container, eca_buf_str(&create));
    docker_emit(container, eca_buf_str(&start));
    docker_emit(container, "exec_die");
    return true;
}

bool fake_docker_emit(struct fake_docker *docker, const char *ref, const char *status)
{
    struct container *container = docker_find(docker, ref);

    if (container != NULL) {
        docker_emit(container, status);
    }
    return container != NULL;
}

/* ---- scripts and questions --------------------------------------------------------------------
 */

void fake_docker_add_script(struct fake_docker *docker, const struct fake_docker_script *spec)
{
    struct script *script = eca_xalloc(sizeof(*script));

    script->spec = *spec;
    script->container = eca_xstrdup(spec->container);
    script->image = eca_xstrdup(spec->image);
    script->start_error = eca_xstrdup(spec->start_error);
    script->samples = eca_xstrdup(spec->samples);
    eca_list_push_back(&docker->scripts, &script->node);
}

enum fake_docker_state fake_docker_state(const struct fake_docker *docker, const char *ref)
{
    const struct container *container = docker_find(docker, ref);

    return container == NULL ? FAKE_DOCKER_NONE : container->state;
}

size_t fake_docker_count(const struct fake_docker *docker)
{
    return docker->containers.count;
}

size_t fake_docker_running(const struct fake_docker *docker, const char *task)
{
    size_t count = 0, len = task == NULL ? 0 : strlen(task);

    ECA_LIST_FOREACH(it, &docker->containers)
    {
        const struct container *container = eca_list_entry(it, struct container, node);
        bool mine = task == NULL ||
                    (strncmp(container->display, task, len) == 0 && container->display[len] == '/');
        count += mine && is_alive(container);
    }
    return count;
}

const char *fake_docker_id(const struct fake_docker *docker, const char *ref)
{
    const struct container *container = docker_find(docker, ref);

    return container == NULL ? NULL : container->id;
}

const char *fake_docker_body(const struct fake_docker *docker, const char *ref)
{
    const struct container *container = docker_find(docker, ref);

    return container == NULL ? NULL : container->body;
}
