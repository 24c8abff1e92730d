#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

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

static bool read_binding(struct container *container, const char *key, eca_json binding,
                         struct eca_buf *why)
{
    struct port *port = &container->ports[container->port_count];
    const char *host = text_of(binding, "HostPort");
    struct eca_view name = eca_view_str(key);
    uint64_t number = 0;

    if (container->port_count == PORTS_MAX) {
        eca_buf_addf(why, "more than %d ports", PORTS_MAX);
        return false;
    }
    if (!parse_port(key, port)) {
        name = eca_view_sub(name, 0, eca_view_find(name, "/", 0));
        eca_buf_addf(why, "invalid port specification: \"%.*s\"", (int)name.len, name.at);
        return false;
    }
    if (host != NULL && host[0] != '\0' &&
        eca_parse_u64(eca_view_str(host), UINT16_MAX, &number, NULL) < 0) {
        eca_buf_addf(why, "invalid port specification: \"%s\"", host);
        return false;
    }
    port->wanted = (uint16_t)number;
    container->port_count++;
    return true;
}

bool docker_read_ports(struct container *container, eca_json bindings, eca_json exposed,
                       struct eca_buf *why)
{
    for (eca_json it = eca_json_first(bindings); it != NULL; it = eca_json_next(it)) {
        for (eca_json one = eca_json_first(it); one != NULL; one = eca_json_next(one)) {
            if (!read_binding(container, eca_json_key(it), one, why)) {
                return false;
            }
            /* As the daemon: a port is published only where it is exposed as well. */
            container->port_count -= eca_json_get(exposed, eca_json_key(it)) == NULL;
        }
    }
    for (eca_json it = eca_json_first(exposed); it != NULL; it = eca_json_next(it)) {
        struct port port = {.exposed_only = true};
        bool known = false;

        /* As the daemon: what is no port is nothing that is exposed. */
        if (container->port_count == PORTS_MAX || !parse_port(eca_json_key(it), &port)) {
            continue;
        }
        for (size_t i = 0; i < container->port_count; i++) {
            known = known || (container->ports[i].container_port == port.container_port &&
                              container->ports[i].udp == port.udp);
        }
        if (!known) {
            container->ports[container->port_count++] = port;
        }
    }
    return true;
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

static void refuse_name(struct fake_docker *docker, struct fake_exchange *exchange,
                        const struct fake_docker_route *route, const struct container *other)
{
    bool modern = docker_serves(docker, 25);

    docker_error(docker, exchange, route->version, 409,
                 "Conflict. The %sname \"/%s\" is already in use by container %s%s%s. You have to "
                 "remove (or rename) that container to be able to reuse that name.",
                 modern ? "container " : "", other->name, modern ? "\"" : "", other->id,
                 modern ? "\"" : "");
}

static void create_named(struct fake_docker *docker, struct fake_exchange *exchange,
                         const struct fake_docker_route *route, const char *name, eca_json config)
{
    eca_json host = eca_json_get(config, "HostConfig");
    const char *ref = text_of(config, "Image");
    const struct image *image = ref == NULL ? NULL : docker_find_image(docker, ref);
    const struct container *other = eca_map_get(docker->by_name, name);
    eca_auto_buf struct eca_buf why = {0};
    int status;
    struct container *container;
    bool flawed;
    struct op *op;

    status = docker->opts.any_value ? 0 : docker_value_flaw(docker, config, &why);
    if (status != 0) {
        docker_error(docker, exchange, route->version, status, "%s", eca_buf_str(&why));
        return;
    }
    if (image == NULL || !image->present) {
        docker_no_image(docker, exchange, route->version, ref == NULL ? "" : ref);
        return;
    }
    if (other != NULL) {
        refuse_name(docker, exchange, route, other);
        return;
    }
    status = docker_reference_flaws(docker, host, &why);
    if (status != 0) {
        docker_error(docker, exchange, route->version, status, "%s", eca_buf_str(&why));
        return;
    }
    container =
        docker_new_container(docker, name, image, fake_exchange_request(exchange)->body, config);
    flawed = !docker_read_ports(container, eca_json_get(host, "PortBindings"),
                                eca_json_get(config, "ExposedPorts"), &why);
    enlist(container);
    if (flawed) {
        docker_container_free(container);
        docker_error(docker, exchange, route->version, 400, "%s", eca_buf_str(&why));
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
    eca_auto_buf struct eca_buf name = {0}, why = {0};
    struct eca_err err = {0};
    int status;

    if (eca_json_parse(request->body, &doc, &err) < 0) {
        status = docker_serves(docker, 42) ? 400 : 500;
        eca_buf_add_str(&why, err.msg);
    } else {
        status = docker_form_flaw(docker, eca_json_root(doc), &why);
    }
    if (status != 0) {
        if (doc == NULL || eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
            (void)fake_trace_violation(docker->opts.base.trace, FAKE_LANE_DOCKER, "DKR-510",
                                       "the body of a create is no JSON object: %s",
                                       eca_buf_str(&why));
        }
        docker_error(docker, exchange, route->version, status, "%s", eca_buf_str(&why));
        return;
    }
    if (!fake_request_param(request, "name", &name) || name.len == 0) {
        char hex[21];
        eca_entropy_hex(docker->opts.base.entropy, 20, hex);
        eca_buf_reset(&name);
        eca_buf_addf(&name, "nameless_%s", hex);
    }
    if (name.at[0] == '/') {
        eca_buf_drop(&name, 1);
    }
    if (!name_is_valid(eca_buf_str(&name))) {
        docker_error(docker, exchange, route->version, 400,
                     "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                     eca_buf_str(&name));
        return;
    }
    create_named(docker, exchange, route, eca_buf_str(&name), eca_json_root(doc));
}
