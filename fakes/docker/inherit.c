#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

/* Containers from before: made from inspect answers, as another agent left them. */

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : "";
}

static int64_t time_of(eca_json object, const char *key)
{
    int64_t wall_ns = 0;

    (void)eca_time_rfc3339_parse(eca_view_str(text_of(object, key)), &wall_ns, NULL);
    return wall_ns > 0 ? wall_ns : 0; /* the zero time is "never" */
}

static const struct image *image_of(struct fake_docker *docker, const char *name)
{
    struct fake_docker_image spec = {.name = name, .present = true};
    const struct image *image = docker_find_image(docker, name);

    if (image == NULL || !image->present) {
        fake_docker_add_image(docker, &spec);
        image = docker_find_image(docker, name);
    }
    return image;
}

/* The create body that led to this container. */
static void body_of(eca_json inspected, struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);
    eca_json config = eca_json_get(inspected, "Config");

    eca_jw_object(&w, NULL);
    for (eca_json it = eca_json_first(config); it != NULL; it = eca_json_next(it)) {
        if (strcmp(eca_json_key(it), "HostConfig") != 0) {
            eca_jw_value(&w, eca_json_key(it), it);
        }
    }
    eca_jw_value(&w, "HostConfig", eca_json_get(inspected, "HostConfig"));
    eca_jw_end_object(&w);
}

static void take_state(struct container *container, eca_json inspected)
{
    eca_json state = eca_json_get(inspected, "State");
    eca_json code = eca_json_get(state, "ExitCode");
    const char *status = text_of(state, "Status");

    container->created_ns = time_of(inspected, "Created");
    container->started_ns = time_of(state, "StartedAt");
    container->finished_ns = time_of(state, "FinishedAt");
    container->state = strcmp(status, "running") == 0  ? FAKE_DOCKER_RUNNING
                       : strcmp(status, "exited") == 0 ? FAKE_DOCKER_EXITED
                                                       : FAKE_DOCKER_CREATED;
    if (eca_json_type(code) == ECA_JSON_NUMBER) {
        (void)eca_json_i64(code, &container->exit_code, NULL);
    }
}

/* The host ports that it was given; the bindings asked for stand in the create body. */
static void take_ports(struct container *container, eca_json inspected)
{
    eca_json ports = eca_json_get(eca_json_get(inspected, "NetworkSettings"), "Ports");

    for (size_t i = 0; i < container->port_count; i++) {
        struct port *port = &container->ports[i];
        eca_auto_buf struct eca_buf key = {0};
        uint64_t number = 0;
        eca_json given;

        eca_buf_addf(&key, "%u/%s", port->container_port, port->udp ? "udp" : "tcp");
        given = eca_json_first(eca_json_get(ports, eca_buf_str(&key)));
        if (given != NULL && eca_parse_u64(eca_view_str(text_of(given, "HostPort")), UINT16_MAX,
                                           &number, NULL) == ECA_OK) {
            port->host_port = (uint16_t)number;
        }
    }
}

static void take_volumes(struct container *container, eca_json volumes)
{
    for (eca_json it = eca_json_first(volumes); it != NULL; it = eca_json_next(it)) {
        struct volume *volume = eca_xalloc(sizeof(*volume));

        volume->path = eca_xstrdup(eca_json_key(it));
        volume->host = eca_xstrdup(eca_json_str(it));
        eca_list_push_back(&container->volumes, &volume->node);
    }
}

static int add_one(struct fake_docker *docker, eca_json inspected, struct eca_err *err)
{
    eca_json config = eca_json_get(inspected, "Config");
    const char *name = text_of(inspected, "Name"), *id = text_of(inspected, "Id");
    eca_auto_buf struct eca_buf body = {0}, why = {0};
    struct container *container;

    name += name[0] == '/' ? 1 : 0;
    if (strlen(id) != sizeof(container->id) - 1 || name[0] == '\0' ||
        text_of(config, "Image")[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "container \"%s\": no Id, Name or Config.Image",
                           name);
    }
    body_of(inspected, &body);
    container = docker_new_container(docker, name, image_of(docker, text_of(config, "Image")),
                                     eca_buf_view(&body), config);
    memcpy(container->id, id, sizeof(container->id));
    (void)docker_read_ports(container,
                            eca_json_get(eca_json_get(inspected, "HostConfig"), "PortBindings"),
                            eca_json_get(config, "ExposedPorts"), &why);
    take_ports(container, inspected);
    take_volumes(container, eca_json_get(inspected, "Volumes"));
    take_state(container, inspected);
    docker_admit(container);
    fake_docker_observer_know(docker->observer, container->id, container->display);
    fake_docker_observer_know(docker->observer, container->name, container->display);
    return ECA_OK;
}

int fake_docker_inherit(struct fake_docker *docker, struct eca_view inspected, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (eca_json_parse(inspected, &doc, err) < 0) {
        return ECA_E_INVALID;
    }
    for (eca_json it = eca_json_first(eca_json_root(doc)); it != NULL; it = eca_json_next(it)) {
        if (add_one(docker, it, err) < 0) {
            return ECA_E_INVALID;
        }
    }
    return ECA_OK;
}
