#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

static void put_time(struct eca_json_writer *w, const char *key, int64_t wall_ns)
{
    eca_auto_buf struct eca_buf text = {0};

    eca_time_rfc3339_nano(wall_ns, &text); /* 0 is the zero time, never "" (DKR-F03) */
    eca_jw_str(w, key, eca_buf_str(&text));
}

static const char *state_name(const struct container *container)
{
    static const char *const names[] = {
        [FAKE_DOCKER_NONE] = "dead",       [FAKE_DOCKER_CREATED] = "created",
        [FAKE_DOCKER_RUNNING] = "running", [FAKE_DOCKER_PAUSED] = "paused",
        [FAKE_DOCKER_EXITED] = "exited",
    };

    return names[container->state];
}

static void put_state(const struct container *container, struct eca_json_writer *w)
{
    bool paused = container->state == FAKE_DOCKER_PAUSED;

    eca_jw_object(w, "State");
    if (docker_serves(container->docker, 21)) {
        eca_jw_str(w, "Status", state_name(container));
    }
    eca_jw_bool(w, "Running", paused || container->state == FAKE_DOCKER_RUNNING);
    eca_jw_bool(w, "Paused", paused);
    eca_jw_i64(w, "ExitCode", container->exit_code);
    eca_jw_str(w, "Error", container->error);
    eca_jw_bool(w, "OOMKilled", container->oom);
    put_time(w, "StartedAt", container->started_ns);
    put_time(w, "FinishedAt", container->finished_ns);
    eca_jw_end_object(w);
}

/* Every mount: volumes of the container, then its binds. */
static void put_mounts(const struct container *container, eca_json binds, bool as_list,
                       struct eca_json_writer *w)
{
    ECA_LIST_FOREACH(it, &container->volumes)
    {
        const struct volume *volume = eca_list_entry(it, struct volume, node);
        if (as_list) {
            eca_jw_object(w, NULL);
            eca_jw_str(w, "Source", volume->host);
            eca_jw_str(w, "Destination", volume->path);
            eca_jw_bool(w, "RW", true);
            eca_jw_end_object(w);
        } else {
            eca_jw_str(w, volume->path, volume->host);
        }
    }
    for (eca_json it = eca_json_first(binds); it != NULL; it = eca_json_next(it)) {
        struct eca_view text =
            eca_view_str(eca_json_type(it) == ECA_JSON_STRING ? eca_json_str(it) : "");
        size_t colon = eca_view_find(text, ":", 0);
        struct eca_view rest =
            colon == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(text, colon + 1, SIZE_MAX);
        size_t mode = eca_view_find(rest, ":", 0);
        eca_auto_buf struct eca_buf to = {0};

        eca_buf_add_view(&to, eca_view_sub(rest, 0, mode));
        if (as_list) {
            eca_jw_object(w, NULL);
            eca_jw_view(w, "Source", eca_view_sub(text, 0, colon));
            eca_jw_str(w, "Destination", eca_buf_str(&to));
            eca_jw_bool(w, "RW", mode == SIZE_MAX);
            eca_jw_end_object(w);
        } else {
            eca_jw_view(w, eca_buf_str(&to), eca_view_sub(text, 0, colon));
        }
    }
}

static bool same_port(const struct port *a, const struct port *b)
{
    return a->container_port == b->container_port && a->udp == b->udp;
}

static void put_ports(const struct container *container, struct eca_json_writer *w)
{
    eca_jw_object(w, "NetworkSettings");
    eca_jw_object(w, "Ports");
    for (size_t i = 0; i < container->port_count; i++) {
        const struct port *port = &container->ports[i];
        eca_auto_buf struct eca_buf key = {0};
        bool seen = false;

        for (size_t k = 0; k < i; k++) {
            seen = seen || same_port(&container->ports[k], port);
        }
        if (seen || container->state == FAKE_DOCKER_CREATED ||
            container->state == FAKE_DOCKER_EXITED) {
            continue;
        }
        eca_buf_addf(&key, "%u/%s", port->container_port, port->udp ? "udp" : "tcp");
        if (port->exposed_only) {
            eca_jw_null(w, eca_buf_str(&key));
            continue;
        }
        eca_jw_array(w, eca_buf_str(&key));
        for (size_t k = i; k < container->port_count; k++) {
            eca_auto_buf struct eca_buf number = {0};
            if (!same_port(&container->ports[k], port)) {
                continue;
            }
            eca_buf_addf(&number, "%u", container->ports[k].host_port);
            eca_jw_object(w, NULL);
            eca_jw_str(w, "HostIp", "0.0.0.0");
            eca_jw_str(w, "HostPort", eca_buf_str(&number));
            eca_jw_end_object(w);
        }
        eca_jw_end_array(w);
    }
    eca_jw_end_object(w);
    eca_jw_end_object(w);
}

void docker_inspect(struct fake_docker *docker, struct fake_exchange *exchange,
                    const struct fake_docker_route *route)
{
    eca_auto_buf struct eca_buf ref = {0}, body = {0}, name = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);
    eca_auto_json struct eca_json_doc *doc = NULL;
    const struct container *container;
    eca_json config, binds;

    docker_ref(route, &ref);
    container = docker_find(docker, eca_buf_str(&ref));
    if (container == NULL) {
        docker_error(docker, exchange, route->version, 404, "No such container: %s",
                     eca_buf_str(&ref));
        return;
    }
    (void)eca_json_parse(eca_view_str(container->body), &doc, NULL); /* it parsed at the create */
    config = eca_json_root(doc);
    binds = eca_json_get(eca_json_get(config, "HostConfig"), "Binds");
    eca_buf_addf(&name, "/%s", container->name);
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "Id", container->id);
    eca_jw_str(&w, "Name", eca_buf_str(&name));
    put_time(&w, "Created", container->created_ns);
    eca_jw_str(&w, "Image", container->image_id);
    put_state(container, &w);
    eca_jw_object(&w, "Config");
    eca_jw_str(&w, "Image", container->image_ref);
    if (eca_json_type(eca_json_get(config, "Labels")) == ECA_JSON_OBJECT) {
        eca_jw_value(&w, "Labels", eca_json_get(config, "Labels"));
    }
    eca_jw_end_object(&w);
    if (docker_version_at_least(route->version, 20)) {
        eca_jw_array(&w, "Mounts");
        put_mounts(container, binds, true, &w);
        eca_jw_end_array(&w);
    } else {
        eca_jw_object(&w, "Volumes");
        put_mounts(container, binds, false, &w);
        eca_jw_end_object(&w);
    }
    put_ports(container, &w);
    eca_jw_end_object(&w);
    docker_json(exchange, 200, &body);
}

static void put_listed(const struct container *container, struct eca_json_writer *w)
{
    const struct fake_docker *docker = container->docker;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf name = {0};
    eca_json labels;

    (void)eca_json_parse(eca_view_str(container->body), &doc, NULL);
    labels = eca_json_get(eca_json_root(doc), "Labels");
    eca_buf_addf(&name, "/%s", container->name);
    eca_jw_object(w, NULL);
    eca_jw_str(w, "Id", container->id);
    eca_jw_array(w, "Names");
    eca_jw_str(w, NULL, eca_buf_str(&name));
    eca_jw_end_array(w);
    eca_jw_str(w, "Image", container->image_ref);
    eca_jw_i64(w, "Created", container->created_ns / ECA_NS_PER_S);
    if (eca_json_type(labels) == ECA_JSON_OBJECT && docker_serves(docker, 18)) {
        eca_jw_value(w, "Labels", labels);
    }
    if (docker_serves(docker, 23)) {
        eca_jw_str(w, "State", state_name(container));
    }
    eca_jw_str(w, "Status", docker_is_alive(container) ? "Up 1 second" : "Exited");
    eca_jw_end_object(w);
}

/* What a list is to hold. */
struct wish {
    const char *filters; /* "" = none */
    bool dead;           /* those that do not run, too */
    uint64_t left;       /* so many more */
};

static bool is_wished(const struct wish *wish, const struct container *container)
{
    if (wish->filters[0] == '\0') {
        return wish->dead || docker_is_alive(container);
    }
    return (wish->dead || docker_is_alive(container) ||
            docker_filter_names(wish->filters, "status")) &&
           docker_filter_passes(wish->filters, "status", state_name(container)) &&
           docker_filter_has_part(wish->filters, "name", container->name) &&
           docker_filter_has_part(wish->filters, "id", container->id) &&
           docker_filter_labels(wish->filters, container->labels);
}

static bool is_true(const struct fake_request *request, const char *name)
{
    eca_auto_buf struct eca_buf value = {0};

    (void)fake_request_param(request, name, &value);
    return value.len > 0 && strcmp(eca_buf_str(&value), "0") != 0 &&
           strcmp(eca_buf_str(&value), "false") != 0;
}

/* The newest first, as the daemon lists them. */
void docker_list(struct fake_docker *docker, struct fake_exchange *exchange,
                 const struct fake_docker_route *route)
{
    const struct fake_request *request = fake_exchange_request(exchange);
    eca_auto_buf struct eca_buf limit = {0}, filters = {0}, body = {0};
    struct eca_json_writer w = eca_json_writer_to(&body);
    struct wish wish = {.dead = is_true(request, "all"), .left = UINT64_MAX};

    if (!docker_read_filters(docker, exchange, route->version, &filters)) {
        return;
    }
    if (fake_request_param(request, "limit", &limit) &&
        eca_parse_u64(eca_buf_view(&limit), UINT32_MAX, &wish.left, NULL) == 0) {
        wish.dead = wish.dead || wish.left > 0;
        wish.left = wish.left == 0 ? UINT64_MAX : wish.left;
    }
    wish.filters = eca_buf_str(&filters);
    eca_jw_array(&w, NULL);
    for (struct eca_list_node *it = docker->containers.head.prev;
         it != &docker->containers.head && wish.left > 0; it = it->prev) {
        const struct container *container = eca_list_entry(it, struct container, node);
        if (is_wished(&wish, container)) {
            put_listed(container, &w);
            wish.left--;
        }
    }
    eca_jw_end_array(&w);
    docker_json(exchange, 200, &body);
}
