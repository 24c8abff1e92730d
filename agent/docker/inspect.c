#include "agent/docker/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define LABEL "com.amazonaws.ecs."

static const char *text_of(eca_json object, const char *key, const char *fallback)
{
    eca_json value = eca_json_get_nocase(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : fallback;
}

static bool flag_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get_nocase(object, key);

    return eca_json_type(value) == ECA_JSON_BOOL && eca_json_bool(value);
}

static int time_of(eca_json object, const char *key, int64_t *ret_ns, struct eca_err *err)
{
    *ret_ns = 0;
    if (eca_time_rfc3339_parse(eca_view_str(text_of(object, key, "")), ret_ns, err) < 0) {
        return eca_err_wrap(err, "State.%s", key);
    }
    return ECA_OK;
}

static int parse_state(eca_json state, struct eca_container_info *info, struct eca_err *err)
{
    eca_json code = eca_json_get_nocase(state, "ExitCode");

    if (eca_json_type(state) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "no State");
    }
    if (time_of(state, "StartedAt", &info->started_ns, err) < 0 ||
        time_of(state, "FinishedAt", &info->finished_ns, err) < 0) {
        return ECA_E_INVALID;
    }
    info->running = flag_of(state, "Running") || flag_of(state, "Restarting");
    info->oom_killed = flag_of(state, "OOMKilled");
    info->state_error = text_of(state, "Error", "");
    info->never_started = !info->running && info->started_ns == 0 && info->state_error[0] == '\0';
    if (!info->running && info->finished_ns != 0 && eca_json_type(code) == ECA_JSON_NUMBER) {
        info->has_exit_code = eca_json_i64(code, &info->exit_code, NULL) == ECA_OK;
    }
    return ECA_OK;
}

/* ---- ports (DKR-704) ------------------------------------------------------------------------ */

static bool parse_port_key(struct eca_view key, struct eca_port_binding *binding,
                           struct eca_named_error *error)
{
    size_t slash = eca_view_find(key, "/", 0);
    struct eca_view number = eca_view_sub(key, 0, slash == SIZE_MAX ? key.len : slash);
    struct eca_view protocol =
        slash == SIZE_MAX ? eca_view_str("tcp") : eca_view_sub(key, slash + 1, key.len);
    uint64_t port;

    if (!eca_view_eq_str(protocol, "tcp") && !eca_view_eq_str(protocol, "udp")) {
        eca_named_error_set(
            error, "UnrecognizedTransportProtocol",
            "UnrecognizedTransportProtocol: %.*s is not a recognized transport protocol",
            (int)protocol.len, protocol.at);
        return false;
    }
    if (eca_parse_u64(number, 65535, &port, NULL) < 0) {
        eca_named_error_set(error, "UnparsablePort",
                            "UnparsablePort: Error parsing docker port as int \"%.*s\"",
                            (int)number.len, number.at);
        return false;
    }
    binding->container_port = (uint16_t)port;
    binding->udp = protocol.at[0] == 'u';
    return true;
}

static bool parse_binding(eca_json item, struct eca_port_binding *binding,
                          struct eca_named_error *error)
{
    const char *host_port = text_of(item, "HostPort", "");
    const char *host_ip = text_of(item, "HostIp", "");
    uint64_t port;

    if (eca_parse_u64(eca_view_str(host_port), 65535, &port, NULL) < 0) {
        eca_named_error_set(error, "UnparsablePort",
                            "UnparsablePort: Error parsing port binding as int \"%s\"", host_port);
        return false;
    }
    binding->host_port = (uint16_t)port;
    strncpy(binding->bind_ip, host_ip, sizeof(binding->bind_ip) - 1);
    return true;
}

static int compare_bindings(const void *left, const void *right)
{
    const struct eca_port_binding *a = left, *b = right;

    if (a->container_port != b->container_port) {
        return a->container_port < b->container_port ? -1 : 1;
    }
    if (a->udp != b->udp) {
        return a->udp ? 1 : -1;
    }
    if (a->host_port != b->host_port) {
        return a->host_port < b->host_port ? -1 : 1;
    }
    return strcmp(a->bind_ip, b->bind_ip);
}

/* A port that cannot be read is an error beside the other facts, never instead of them (DKR-405).
 */
static void parse_ports(eca_json network, struct eca_docker_inspection *out)
{
    eca_json ports = eca_json_get_nocase(network, "Ports");
    size_t count = 0;

    out->info.has_bindings = eca_json_type(network) == ECA_JSON_OBJECT;
    for (eca_json port = eca_json_first(ports); port != NULL; port = eca_json_next(port)) {
        struct eca_port_binding base = {0};

        if (eca_json_type(port) != ECA_JSON_ARRAY || eca_json_count(port) == 0 ||
            !parse_port_key(eca_view_str(eca_json_key(port)), &base, &out->info.binding_error)) {
            continue;
        }
        for (eca_json item = eca_json_first(port); item != NULL; item = eca_json_next(item)) {
            struct eca_port_binding binding = base;

            if (count == ECA_PORT_BINDINGS_MAX ||
                !parse_binding(item, &binding, &out->info.binding_error)) {
                continue;
            }
            out->bindings = eca_xrealloc_array(out->bindings, count + 1, sizeof(*out->bindings));
            out->bindings[count++] = binding;
        }
    }
    if (count > 0) {
        qsort(out->bindings, count, sizeof(*out->bindings), compare_bindings);
    }
    out->info.bindings = out->bindings;
    out->info.binding_count = count;
}

/* ---- volumes (DKR-705) ---------------------------------------------------------------------- */

static void add_mount(struct eca_docker_inspection *out, const char *inside, const char *outside)
{
    out->mounts = eca_xrealloc_array(out->mounts, out->info.mount_count + 1, sizeof(*out->mounts));
    out->mounts[out->info.mount_count++] = (struct eca_container_mount){inside, outside};
}

static void parse_volumes(eca_json root, struct eca_docker_inspection *out)
{
    eca_json volumes = eca_json_get_nocase(root, "Volumes");
    eca_json mounts = eca_json_get_nocase(root, "Mounts");

    if (eca_json_type(volumes) == ECA_JSON_OBJECT) {
        for (eca_json v = eca_json_first(volumes); v != NULL; v = eca_json_next(v)) {
            if (eca_json_type(v) == ECA_JSON_STRING) {
                add_mount(out, eca_json_key(v), eca_json_str(v));
            }
        }
    } else if (eca_json_type(mounts) == ECA_JSON_ARRAY) { /* API 1.20 and later */
        for (eca_json m = eca_json_first(mounts); m != NULL; m = eca_json_next(m)) {
            const char *inside = text_of(m, "Destination", NULL);
            const char *outside = text_of(m, "Source", NULL);

            if (inside != NULL && outside != NULL) {
                add_mount(out, inside, outside);
            }
        }
    }
    out->info.mounts = out->mounts;
}

int eca_docker_inspect_parse(struct eca_view body, struct eca_docker_inspection *ret,
                             struct eca_err *err)
{
    struct eca_docker_inspection out = {0};
    eca_json root, labels;

    if (eca_json_parse(body, &out.doc, err) < 0) {
        return eca_err_wrap(err, "inspect answer");
    }
    root = eca_json_root(out.doc);
    if (parse_state(eca_json_get_nocase(root, "State"), &out.info, err) < 0) {
        eca_docker_inspection_clear(&out);
        return eca_err_wrap(err, "inspect answer");
    }
    out.info.id = text_of(root, "Id", "");
    out.info.name = text_of(root, "Name", "");
    out.info.name += out.info.name[0] == '/';
    out.info.image_id = text_of(root, "Image", "");
    labels = eca_json_get_nocase(eca_json_get_nocase(root, "Config"), "Labels");
    out.info.label_task_arn = text_of(labels, LABEL "task-arn", NULL);
    out.info.label_container_name = text_of(labels, LABEL "container-name", NULL);
    out.info.label_cluster = text_of(labels, LABEL "cluster", NULL);
    parse_ports(eca_json_get_nocase(root, "NetworkSettings"), &out);
    parse_volumes(root, &out);
    *ret = out;
    return ECA_OK;
}

void eca_docker_inspection_clear(struct eca_docker_inspection *inspection)
{
    eca_json_free(inspection->doc);
    eca_free(inspection->bindings);
    eca_free(inspection->mounts);
    *inspection = (struct eca_docker_inspection){0};
}

void eca_docker_state_error(const struct eca_container_info *info, struct eca_named_error *error)
{
    if (info->oom_killed) {
        eca_named_error_set(error, "OutOfMemoryError", "Container killed due to memory usage");
    } else if (info->state_error != NULL && info->state_error[0] != '\0') {
        eca_named_error_set(error, "DockerStateError", "%s", info->state_error);
    }
}
