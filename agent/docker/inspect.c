#include "agent/docker/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/docker/answer.h"

#define LABEL "com.amazonaws.ecs."

static int time_of(eca_json state, const char *key, int64_t *ret_ns, struct eca_err *err)
{
    const char *text = "";

    *ret_ns = 0;
    if (docker_read_str(state, "State", key, &text, err) < 0) {
        return ECA_E_INVALID;
    }
    if (eca_time_rfc3339_parse(eca_view_str(text), ret_ns, err) < 0) {
        return eca_err_wrap(err, "State.%s", key);
    }
    return ECA_OK;
}

static int parse_state(eca_json root, struct eca_container_info *info, struct eca_err *err)
{
    static const char at[] = "State";
    eca_json state = NULL;
    bool running = false, restarting = false;
    int64_t code = 0;

    if (docker_read_object(root, "", at, &state, err) < 0) {
        return ECA_E_INVALID;
    }
    if (state == NULL) {
        return eca_err_set(err, ECA_E_INVALID, "no State");
    }
    info->state_error = "";
    if (docker_read_bool(state, at, "Running", &running, err) < 0 ||
        docker_read_bool(state, at, "Restarting", &restarting, err) < 0 ||
        docker_read_bool(state, at, "OOMKilled", &info->oom_killed, err) < 0 ||
        docker_read_str(state, at, "Error", &info->state_error, err) < 0 ||
        docker_read_i64(state, at, "ExitCode", &code, err) < 0 ||
        time_of(state, "StartedAt", &info->started_ns, err) < 0 ||
        time_of(state, "FinishedAt", &info->finished_ns, err) < 0) {
        return ECA_E_INVALID;
    }
    info->running = running || restarting;
    info->never_started = !info->running && info->started_ns == 0 && info->state_error[0] == '\0';
    info->has_exit_code = !info->running && info->finished_ns != 0 &&
                          !eca_json_is_null(eca_json_get_nocase(state, "ExitCode"));
    info->exit_code = info->has_exit_code ? code : 0;
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
    const char *host_port = "", *host_ip = "";
    struct eca_err err = {0};
    uint64_t port;

    if (docker_read_str(item, "", "HostPort", &host_port, &err) < 0 ||
        docker_read_str(item, "", "HostIp", &host_ip, &err) < 0) {
        eca_named_error_set(error, "UnparsablePort", "UnparsablePort: %s", err.msg);
        return false;
    }
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
static void parse_port(eca_json port, struct eca_docker_inspection *out)
{
    struct eca_port_binding base = {0};

    if (!parse_port_key(eca_view_str(eca_json_key(port)), &base, &out->info.binding_error)) {
        return;
    }
    for (eca_json item = eca_json_first(port); item != NULL; item = eca_json_next(item)) {
        struct eca_port_binding binding = base;

        if (out->info.binding_count < ECA_PORT_BINDINGS_MAX &&
            parse_binding(item, &binding, &out->info.binding_error)) {
            out->bindings = eca_xrealloc_array(out->bindings, out->info.binding_count + 1,
                                               sizeof(*out->bindings));
            out->bindings[out->info.binding_count++] = binding;
        }
    }
}

static int parse_ports(eca_json root, struct eca_docker_inspection *out, struct eca_err *err)
{
    eca_json network = NULL, ports = NULL;

    if (docker_read_object(root, "", "NetworkSettings", &network, err) < 0 ||
        docker_read_object(network, "NetworkSettings", "Ports", &ports, err) < 0) {
        return ECA_E_INVALID;
    }
    out->info.has_bindings = network != NULL;
    for (eca_json port = eca_json_first(ports); port != NULL; port = eca_json_next(port)) {
        if (eca_json_is_null(port) || eca_json_count(port) == 0) {
            continue;
        }
        if (eca_json_type(port) != ECA_JSON_ARRAY) {
            return eca_err_set(err, ECA_E_INVALID, "NetworkSettings.Ports: want array, have %s",
                               eca_json_type_name(eca_json_type(port)));
        }
        parse_port(port, out);
    }
    if (out->info.binding_count > 0) {
        qsort(out->bindings, out->info.binding_count, sizeof(*out->bindings), compare_bindings);
    }
    out->info.bindings = out->bindings;
    return ECA_OK;
}

/* ---- volumes (DKR-705) ---------------------------------------------------------------------- */

static void add_mount(struct eca_docker_inspection *out, const char *inside, const char *outside)
{
    out->mounts = eca_xrealloc_array(out->mounts, out->info.mount_count + 1, sizeof(*out->mounts));
    out->mounts[out->info.mount_count++] = (struct eca_container_mount){inside, outside};
}

static int parse_volumes(eca_json root, struct eca_docker_inspection *out, struct eca_err *err)
{
    eca_json volumes = NULL, mounts = NULL;

    if (docker_read_object(root, "", "Volumes", &volumes, err) < 0 ||
        docker_read_array(root, "", "Mounts", &mounts, err) < 0) {
        return ECA_E_INVALID;
    }
    for (eca_json v = eca_json_first(volumes); v != NULL; v = eca_json_next(v)) {
        if (eca_json_type(v) != ECA_JSON_STRING) {
            return eca_err_set(err, ECA_E_INVALID, "Volumes: want string, have %s",
                               eca_json_type_name(eca_json_type(v)));
        }
        add_mount(out, eca_json_key(v), eca_json_str(v));
    }
    /* API 1.20 and later. */
    for (eca_json m = volumes == NULL ? eca_json_first(mounts) : NULL; m != NULL;
         m = eca_json_next(m)) {
        const char *inside = NULL, *outside = NULL;

        if (eca_json_type(m) != ECA_JSON_OBJECT) {
            return eca_err_set(err, ECA_E_INVALID, "Mounts: want object, have %s",
                               eca_json_type_name(eca_json_type(m)));
        }
        if (docker_read_str(m, "Mounts", "Destination", &inside, err) < 0 ||
            docker_read_str(m, "Mounts", "Source", &outside, err) < 0) {
            return ECA_E_INVALID;
        }
        if (inside != NULL && outside != NULL) {
            add_mount(out, inside, outside);
        }
    }
    out->info.mounts = out->mounts;
    return ECA_OK;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int parse_identity(eca_json root, struct eca_container_info *info, struct eca_err *err)
{
    static const char at[] = "Config.Labels";
    eca_json config = NULL, labels = NULL;

    info->id = info->name = info->image_id = "";
    if (docker_read_str(root, "", "Id", &info->id, err) < 0 ||
        docker_read_str(root, "", "Name", &info->name, err) < 0 ||
        docker_read_str(root, "", "Image", &info->image_id, err) < 0 ||
        docker_read_object(root, "", "Config", &config, err) < 0 ||
        docker_read_object(config, "Config", "Labels", &labels, err) < 0 ||
        docker_read_str(labels, at, LABEL "task-arn", &info->label_task_arn, err) < 0 ||
        docker_read_str(labels, at, LABEL "container-name", &info->label_container_name, err) < 0 ||
        docker_read_str(labels, at, LABEL "cluster", &info->label_cluster, err) < 0) {
        return ECA_E_INVALID;
    }
    info->name += info->name[0] == '/';
    return ECA_OK;
}

int eca_docker_inspect_parse(struct eca_view body, struct eca_docker_inspection *ret,
                             struct eca_err *err)
{
    struct eca_docker_inspection out = {0};
    int rc = docker_parse(body, ECA_JSON_OBJECT, &out.doc, err);

    if (rc == ECA_OK) {
        eca_json root = eca_json_root(out.doc);

        rc = parse_state(root, &out.info, err);
        rc = rc < 0 ? rc : parse_identity(root, &out.info, err);
        rc = rc < 0 ? rc : parse_ports(root, &out, err);
        rc = rc < 0 ? rc : parse_volumes(root, &out, err);
    }
    if (rc < 0) {
        eca_docker_inspection_clear(&out);
        return rc;
    }
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
