#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

#define MEMORY_BYTES_MIN 4194304

/* What a create asks for, and why it is refused. */

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
    eca_timer_init(&container->ends, docker->opts.base.sched, docker_run_ends, container);
    eca_timer_init(&container->kill, docker->opts.base.sched, docker_run_kill, container);
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
