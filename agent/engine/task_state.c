#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"
#include "agent/engine/task_json.h"

/*
 * The state form of v1.13.1 in both directions (ENG-110..112): member names, their order and the
 * difference between null and [] are its own. Our members stand after them.
 */

/* ---- writing -------------------------------------------------------------------------------- */

static void write_texts(struct eca_json_writer *w, const char *key, const struct eca_texts *texts)
{
    if (!texts->present) {
        eca_jw_null(w, key);
        return;
    }
    eca_jw_array(w, key);
    for (size_t i = 0; i < texts->count; i++) {
        eca_jw_str(w, NULL, texts->at[i]);
    }
    eca_jw_end_array(w);
}

/* Lists that the agent's own container leaves out. */
static bool open_list(struct eca_json_writer *w, const struct eca_container *container,
                      const char *key, size_t count)
{
    if (container->internal && count == 0) {
        eca_jw_null(w, key);
        return false;
    }
    eca_jw_array(w, key);
    return true;
}

static void write_port(struct eca_json_writer *w, uint16_t container_port, uint16_t host_port,
                       const char *bind_ip, bool udp)
{
    eca_jw_object(w, NULL);
    eca_jw_u64(w, "ContainerPort", container_port);
    eca_jw_u64(w, "HostPort", host_port);
    eca_jw_str(w, "BindIp", bind_ip);
    eca_jw_str(w, "Protocol", udp ? "udp" : "tcp");
    eca_jw_end_object(w);
}

static void write_volumes_from(struct eca_json_writer *w, const struct eca_container *container)
{
    if (!open_list(w, container, "volumesFrom", container->volumes_from_count)) {
        return;
    }
    for (size_t i = 0; i < container->volumes_from_count; i++) {
        eca_jw_object(w, NULL);
        eca_jw_str(w, "sourceContainer", container->volumes_from[i].source);
        eca_jw_bool(w, "readOnly", container->volumes_from[i].read_only);
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
}

static void write_mounts(struct eca_json_writer *w, const struct eca_container *container)
{
    eca_jw_array(w, "mountPoints");
    for (size_t i = 0; i < container->mount_count; i++) {
        eca_jw_object(w, NULL);
        eca_jw_str(w, "sourceVolume", container->mounts[i].volume);
        eca_jw_str(w, "containerPath", container->mounts[i].container_path);
        eca_jw_bool(w, "readOnly", container->mounts[i].read_only);
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
}

static void write_environment(struct eca_json_writer *w, const struct eca_container *container)
{
    if (container->internal && container->env_count == 0) {
        eca_jw_null(w, "environment");
        return;
    }
    eca_jw_object(w, "environment");
    for (size_t i = 0; i < container->env_count; i++) {
        eca_jw_str(w, container->env[i].name, container->env[i].value);
    }
    eca_jw_end_object(w);
}

static void write_wanted(struct eca_json_writer *w, const struct eca_container *container)
{
    eca_jw_str(w, "Name", container->name);
    eca_jw_str(w, "Image", container->image);
    eca_jw_str(w, "ImageID", container->image_id == NULL ? "" : container->image_id);
    write_texts(w, "Command", &container->command);
    eca_jw_u64(w, "Cpu", container->cpu);
    eca_jw_u64(w, "Memory", container->memory_mib);
    write_texts(w, "Links", &container->links);
    write_volumes_from(w, container);
    write_mounts(w, container);
    if (open_list(w, container, "portMappings", container->port_count)) {
        for (size_t i = 0; i < container->port_count; i++) {
            write_port(w, container->ports[i].container_port, container->ports[i].host_port, "",
                       container->ports[i].udp);
        }
        eca_jw_end_array(w);
    }
    eca_jw_bool(w, "Essential", container->essential);
    write_texts(w, "EntryPoint", &container->entry_point);
    write_environment(w, container);
    eca_jw_object(w, "overrides");
    write_texts(w, "command", &container->override_command);
    eca_jw_end_object(w);
    eca_jw_object(w, "dockerConfig");
    eca_jw_str(w, "config", container->raw_config);
    eca_jw_str(w, "hostConfig", container->raw_host_config);
    eca_jw_str(w, "version", container->api_version);
    eca_jw_end_object(w);
}

static void write_auth(struct eca_json_writer *w, const struct eca_container *container)
{
    if (container->auth_type == NULL) {
        eca_jw_null(w, "registryAuthentication");
        return;
    }
    eca_jw_object(w, "registryAuthentication");
    eca_jw_str(w, "type", container->auth_type);
    if (container->has_ecr) {
        eca_jw_object(w, "ecrAuthData");
        eca_jw_str(w, "endpointOverride",
                   container->ecr_endpoint == NULL ? "" : container->ecr_endpoint);
        eca_jw_str(w, "region", container->ecr_region == NULL ? "" : container->ecr_region);
        eca_jw_str(w, "registryId",
                   container->ecr_registry_id == NULL ? "" : container->ecr_registry_id);
        eca_jw_end_object(w);
    } else {
        eca_jw_null(w, "ecrAuthData");
    }
    eca_jw_end_object(w);
}

static void write_known(struct eca_json_writer *w, const struct eca_container *container)
{
    eca_jw_str(w, "desiredStatus", eca_status_name(container->desired));
    eca_jw_str(w, "KnownStatus", eca_status_name(container->known));
    write_texts(w, "RunDependencies", &container->run_after);
    eca_jw_bool(w, "IsInternal", container->internal);
    eca_jw_str(w, "AppliedStatus", "NONE"); /* what v1.13.1 always has there (ENG-106) */
    if (container->error_name == NULL) {
        eca_jw_null(w, "ApplyingError");
    } else {
        eca_jw_object(w, "ApplyingError");
        eca_jw_str(w, "error", container->error_text);
        eca_jw_str(w, "name", container->error_name);
        eca_jw_end_object(w);
    }
    eca_jw_str(w, "SentStatus", eca_status_name(container->sent));
    if (container->has_exit_code) {
        eca_jw_i64(w, "KnownExitCode", container->exit_code);
    } else {
        eca_jw_null(w, "KnownExitCode");
    }
    if (!container->has_bindings) {
        eca_jw_null(w, "KnownPortBindings");
    } else {
        eca_jw_array(w, "KnownPortBindings");
        for (size_t i = 0; i < container->binding_count; i++) {
            const struct eca_port_binding *binding = &container->bindings[i];

            write_port(w, binding->container_port, binding->host_port, binding->bind_ip,
                       binding->udp);
        }
        eca_jw_end_array(w);
    }
    eca_jw_object(w, "StatusLock");
    eca_jw_end_object(w);
}

void eca_container_to_state(const struct eca_container *container, struct eca_json_writer *w,
                            const char *key, bool ours)
{
    eca_jw_object(w, key);
    write_wanted(w, container);
    write_auth(w, container);
    write_known(w, container);
    if (ours) {
        eca_jw_str(w, "Applied", eca_status_name(container->applied));
        eca_jw_str(w, "DockerName", container->docker_name);
        eca_jw_str(w, "DockerId", container->docker_id);
    }
    eca_jw_end_object(w);
}

static void write_volumes(struct eca_json_writer *w, const struct eca_task *task)
{
    eca_jw_array(w, "volumes");
    for (size_t i = 0; i < task->volume_count; i++) {
        const struct eca_volume *volume = &task->volumes[i];

        eca_jw_object(w, NULL);
        eca_jw_object(w, "host");
        eca_jw_str(w, volume->is_host ? "sourcePath" : "hostPath", volume->host_path);
        eca_jw_end_object(w);
        eca_jw_str(w, "name", volume->name);
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
}

/* Up to its containers, and behind them. */
static void open_task(struct eca_json_writer *w, const char *key, const struct eca_task *task)
{
    eca_jw_object(w, key);
    eca_jw_str(w, "Arn", task->arn);
    eca_jw_str(w, "Family", task->family);
    eca_jw_str(w, "Version", task->version);
    eca_jw_array(w, "Containers");
}

static void close_task(struct eca_json_writer *w, const struct eca_task *task, bool ours)
{
    eca_auto_buf struct eca_buf time = {0};

    eca_time_rfc3339_nano(task->known_ns, &time);
    eca_jw_end_array(w);
    write_volumes(w, task);
    eca_jw_str(w, "DesiredStatus", eca_status_name(task->desired));
    eca_jw_str(w, "KnownStatus", eca_status_name(task->known));
    eca_jw_str(w, "KnownTime", eca_buf_str(&time));
    eca_jw_str(w, "SentStatus", eca_status_name(task->sent));
    eca_jw_i64(w, "StartSequenceNumber", task->start_seq);
    eca_jw_i64(w, "StopSequenceNumber", task->stop_seq);
    if (ours) {
        write_texts(w, "CredentialsIds", &task->credentials_ids);
        eca_jw_str(w, "Reason", task->reason);
    }
    eca_jw_end_object(w);
}

void eca_task_to_state(const struct eca_task *task, struct eca_json_writer *w, const char *key,
                       bool ours)
{
    open_task(w, key, task);
    for (size_t i = 0; i < task->container_count; i++) {
        eca_container_to_state(&task->containers[i], w, NULL, ours);
    }
    close_task(w, task, ours);
}

void eca_task_to_state_by(const struct eca_task *task, struct eca_json_writer *w,
                          eca_container_write_fn *write, void *arg)
{
    open_task(w, NULL, task);
    for (size_t i = 0; i < task->container_count; i++) {
        write(arg, &task->containers[i], w);
    }
    close_task(w, task, true);
}

/* ---- reading: letter case of names does not matter ------------------------------------------ */

static int want(eca_json value, const char *key, enum eca_json_type type, struct eca_err *err)
{
    if (eca_json_is_null(value) || eca_json_type(value) == type) {
        return ECA_OK;
    }
    return eca_err_set(err, ECA_E_INVALID, "%s: want %s, have %s", key, eca_json_type_name(type),
                       eca_json_type_name(eca_json_type(value)));
}

/* NULL stays NULL. */
static int get_text(eca_json object, const char *key, char **ret, struct eca_err *err)
{
    eca_json value = eca_json_get_nocase(object, key);

    if (want(value, key, ECA_JSON_STRING, err) < 0) {
        return ECA_E_INVALID;
    }
    if (!eca_json_is_null(value)) {
        eca_free(*ret);
        *ret = eca_xstrdup(eca_json_str(value));
    }
    return ECA_OK;
}

static int get_bool(eca_json object, const char *key, bool *ret, struct eca_err *err)
{
    eca_json value = eca_json_get_nocase(object, key);

    if (want(value, key, ECA_JSON_BOOL, err) < 0) {
        return ECA_E_INVALID;
    }
    *ret = !eca_json_is_null(value) && eca_json_bool(value);
    return ECA_OK;
}

static int get_i64(eca_json object, const char *key, int64_t min, int64_t max, int64_t *ret,
                   struct eca_err *err)
{
    eca_json value = eca_json_get_nocase(object, key);

    if (want(value, key, ECA_JSON_NUMBER, err) < 0) {
        return ECA_E_INVALID;
    }
    *ret = 0;
    if (!eca_json_is_null(value) && eca_json_i64(value, ret, err) < 0) {
        return eca_err_wrap(err, "%s", key);
    }
    if (*ret < min || *ret > max) {
        return eca_err_set(err, ECA_E_INVALID, "%s: out of range", key);
    }
    return ECA_OK;
}

static int get_status(eca_json object, const char *key, bool for_task, enum eca_status *ret,
                      struct eca_err *err)
{
    return eca_status_from_json(eca_json_get_nocase(object, key), for_task, ret, err);
}

static int get_list(eca_json object, const char *key, enum eca_json_type type, eca_json *ret_first,
                    bool *ret_present, struct eca_err *err)
{
    eca_json list = eca_json_get_nocase(object, key);

    *ret_first = NULL;
    *ret_present = !eca_json_is_null(list);
    if (want(list, key, ECA_JSON_ARRAY, err) < 0) {
        return ECA_E_INVALID;
    }
    if (*ret_present && eca_json_count(list) > ECA_LIST_MAX) {
        return eca_err_set(err, ECA_E_LIMIT, "%s: more than %d elements", key, ECA_LIST_MAX);
    }
    for (eca_json item = *ret_present ? eca_json_first(list) : NULL; item != NULL;
         item = eca_json_next(item)) {
        if (eca_json_type(item) != type) {
            return eca_err_set(err, ECA_E_INVALID, "%s: want elements of type %s", key,
                               eca_json_type_name(type));
        }
    }
    *ret_first = *ret_present ? eca_json_first(list) : NULL;
    return ECA_OK;
}

static int get_texts(eca_json object, const char *key, struct eca_texts *ret, struct eca_err *err)
{
    eca_json item;

    eca_texts_clear(ret);
    if (get_list(object, key, ECA_JSON_STRING, &item, &ret->present, err) < 0) {
        return ECA_E_INVALID;
    }
    for (; item != NULL; item = eca_json_next(item)) {
        eca_texts_add(ret, eca_json_str(item));
    }
    return ECA_OK;
}

static int get_port(eca_json object, struct eca_port_binding *ret, struct eca_err *err)
{
    eca_auto_free char *ip = NULL;
    eca_auto_free char *protocol = NULL;
    int64_t inside, outside;

    if (get_i64(object, "ContainerPort", 0, 65535, &inside, err) < 0 ||
        get_i64(object, "HostPort", 0, 65535, &outside, err) < 0 ||
        get_text(object, "BindIp", &ip, err) < 0 ||
        get_text(object, "Protocol", &protocol, err) < 0) {
        return ECA_E_INVALID;
    }
    *ret = (struct eca_port_binding){.container_port = (uint16_t)inside,
                                     .host_port = (uint16_t)outside};
    if (ip != NULL) {
        size_t len = strnlen(ip, sizeof(ret->bind_ip) - 1);
        memcpy(ret->bind_ip, ip, len);
    }
    ret->udp = protocol != NULL && strcmp(protocol, "udp") == 0;
    if (protocol != NULL && !ret->udp && strcmp(protocol, "tcp") != 0 && protocol[0] != '\0') {
        return eca_err_set(err, ECA_E_INVALID,
                           "TransportProtocol must be \"tcp\" or \"udp\"; Got \"%.40s\"", protocol);
    }
    return ECA_OK;
}

static int get_ports(eca_json object, struct eca_container *container, struct eca_err *err)
{
    struct eca_port_binding port;
    eca_json item;
    bool present;

    if (get_list(object, "portMappings", ECA_JSON_OBJECT, &item, &present, err) < 0) {
        return ECA_E_INVALID;
    }
    for (; item != NULL; item = eca_json_next(item)) {
        if (get_port(item, &port, err) < 0) {
            return eca_err_wrap(err, "portMappings");
        }
        container->ports = eca_xrealloc_array(container->ports, container->port_count + 1,
                                              sizeof(*container->ports));
        container->ports[container->port_count++] =
            (struct eca_spec_port){port.container_port, port.host_port, port.udp};
    }
    if (get_list(object, "KnownPortBindings", ECA_JSON_OBJECT, &item, &container->has_bindings,
                 err) < 0) {
        return ECA_E_INVALID;
    }
    for (; item != NULL; item = eca_json_next(item)) {
        if (get_port(item, &port, err) < 0) {
            return eca_err_wrap(err, "KnownPortBindings");
        }
        container->bindings =
            eca_xrealloc_array(container->bindings, container->binding_count + 1, sizeof(port));
        container->bindings[container->binding_count++] = port;
    }
    return ECA_OK;
}

static int get_mounts(eca_json object, struct eca_container *container, struct eca_err *err)
{
    eca_json item;
    bool present;

    if (get_list(object, "volumesFrom", ECA_JSON_OBJECT, &item, &present, err) < 0) {
        return ECA_E_INVALID;
    }
    for (; item != NULL; item = eca_json_next(item)) {
        struct eca_volume_from from = {.source = eca_xstrdup("")};
        int rc = get_text(item, "sourceContainer", &from.source, err);

        rc = rc == ECA_OK ? get_bool(item, "readOnly", &from.read_only, err) : rc;
        container->volumes_from =
            eca_xrealloc_array(container->volumes_from, container->volumes_from_count + 1,
                               sizeof(*container->volumes_from));
        container->volumes_from[container->volumes_from_count++] = from;
        if (rc < 0) {
            return rc;
        }
    }
    if (get_list(object, "mountPoints", ECA_JSON_OBJECT, &item, &present, err) < 0) {
        return ECA_E_INVALID;
    }
    for (; item != NULL; item = eca_json_next(item)) {
        struct eca_mount_point mount = {.volume = eca_xstrdup(""),
                                        .container_path = eca_xstrdup("")};
        int rc = get_text(item, "sourceVolume", &mount.volume, err);

        rc = rc == ECA_OK ? get_text(item, "containerPath", &mount.container_path, err) : rc;
        rc = rc == ECA_OK ? get_bool(item, "readOnly", &mount.read_only, err) : rc;
        container->mounts = eca_xrealloc_array(container->mounts, container->mount_count + 1,
                                               sizeof(*container->mounts));
        container->mounts[container->mount_count++] = mount;
        if (rc < 0) {
            return rc;
        }
    }
    return ECA_OK;
}

static int get_environment(eca_json object, struct eca_container *container, struct eca_err *err)
{
    eca_json map = eca_json_get_nocase(object, "environment");

    if (want(map, "environment", ECA_JSON_OBJECT, err) < 0) {
        return ECA_E_INVALID;
    }
    if (eca_json_is_null(map)) {
        return ECA_OK;
    }
    if (eca_json_count(map) > ECA_ENV_MAX) {
        return eca_err_set(err, ECA_E_LIMIT, "environment: more than %d variables", ECA_ENV_MAX);
    }
    for (eca_json member = eca_json_first(map); member != NULL; member = eca_json_next(member)) {
        if (eca_json_type(member) != ECA_JSON_STRING) {
            return eca_err_set(err, ECA_E_INVALID, "environment: want strings");
        }
        eca_container_set_env(container, eca_json_key(member), eca_json_str(member));
    }
    return ECA_OK;
}

/* An object, or a string that holds it; any key but "command" is an error (ENG-111). */
static int get_overrides(eca_json object, struct eca_container *container, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json overrides = eca_json_get_nocase(object, "overrides");

    if (eca_json_type(overrides) == ECA_JSON_STRING) {
        if (eca_json_parse(eca_view_str(eca_json_str(overrides)), &doc, err) < 0) {
            return eca_err_wrap(err, "overrides");
        }
        overrides = eca_json_root(doc);
    }
    if (eca_json_is_null(overrides)) {
        return ECA_OK;
    }
    if (want(overrides, "overrides", ECA_JSON_OBJECT, err) < 0) {
        return ECA_E_INVALID;
    }
    for (eca_json member = eca_json_first(overrides); member != NULL;
         member = eca_json_next(member)) {
        if (!eca_view_eq_nocase(eca_view_str(eca_json_key(member)), "command")) {
            return eca_err_set(err, ECA_E_INVALID, "overrides: Unrecognized key: %.60s",
                               eca_json_key(member));
        }
    }
    return get_texts(overrides, "command", &container->override_command, err);
}

static int get_docker_config(eca_json object, struct eca_container *container, struct eca_err *err)
{
    eca_json config = eca_json_get_nocase(object, "dockerConfig");
    eca_json auth = eca_json_get_nocase(object, "registryAuthentication");
    eca_json ecr;

    if (want(config, "dockerConfig", ECA_JSON_OBJECT, err) < 0 ||
        want(auth, "registryAuthentication", ECA_JSON_OBJECT, err) < 0) {
        return ECA_E_INVALID;
    }
    if (!eca_json_is_null(config) &&
        (get_text(config, "config", &container->raw_config, err) < 0 ||
         get_text(config, "hostConfig", &container->raw_host_config, err) < 0 ||
         get_text(config, "version", &container->api_version, err) < 0)) {
        return ECA_E_INVALID;
    }
    if (eca_json_is_null(auth)) {
        return ECA_OK;
    }
    container->auth_type = eca_xstrdup("");
    ecr = eca_json_get_nocase(auth, "ecrAuthData");
    if (get_text(auth, "type", &container->auth_type, err) < 0 ||
        want(ecr, "ecrAuthData", ECA_JSON_OBJECT, err) < 0) {
        return ECA_E_INVALID;
    }
    if (eca_json_is_null(ecr)) {
        return ECA_OK;
    }
    container->has_ecr = true;
    if (get_text(ecr, "registryId", &container->ecr_registry_id, err) < 0 ||
        get_text(ecr, "region", &container->ecr_region, err) < 0 ||
        get_text(ecr, "endpointOverride", &container->ecr_endpoint, err) < 0) {
        return ECA_E_INVALID;
    }
    return ECA_OK;
}

static int get_known(eca_json object, struct eca_container *container, struct eca_err *err)
{
    eca_json error = eca_json_get_nocase(object, "ApplyingError");

    if (get_status(object, "desiredStatus", false, &container->desired, err) < 0 ||
        get_status(object, "KnownStatus", false, &container->known, err) < 0 ||
        get_status(object, "SentStatus", false, &container->sent, err) < 0 ||
        get_status(object, "Applied", false, &container->applied, err) < 0 ||
        get_texts(object, "RunDependencies", &container->run_after, err) < 0 ||
        get_bool(object, "IsInternal", &container->internal, err) < 0 ||
        get_text(object, "DockerName", &container->docker_name, err) < 0 ||
        get_text(object, "DockerId", &container->docker_id, err) < 0 ||
        want(error, "ApplyingError", ECA_JSON_OBJECT, err) < 0) {
        return ECA_E_INVALID;
    }
    if (!eca_json_is_null(error)) {
        container->error_name = eca_xstrdup("");
        container->error_text = eca_xstrdup("");
        if (get_text(error, "name", &container->error_name, err) < 0 ||
            get_text(error, "error", &container->error_text, err) < 0) {
            return ECA_E_INVALID;
        }
    }
    container->has_exit_code = !eca_json_is_null(eca_json_get_nocase(object, "KnownExitCode"));
    return get_i64(object, "KnownExitCode", INT64_MIN, INT64_MAX, &container->exit_code, err);
}

static int get_container(eca_json object, struct eca_container *container, struct eca_err *err)
{
    int64_t cpu = 0, memory = 0;

    container->name = eca_xstrdup("");
    container->image = eca_xstrdup("");
    if (get_text(object, "Name", &container->name, err) < 0 ||
        get_text(object, "Image", &container->image, err) < 0 ||
        get_text(object, "ImageID", &container->image_id, err) < 0 ||
        get_texts(object, "Command", &container->command, err) < 0 ||
        get_i64(object, "Cpu", 0, INT64_MAX, &cpu, err) < 0 ||
        get_i64(object, "Memory", 0, INT64_MAX >> 20, &memory, err) < 0 ||
        get_texts(object, "Links", &container->links, err) < 0 ||
        get_mounts(object, container, err) < 0 || get_ports(object, container, err) < 0 ||
        get_bool(object, "Essential", &container->essential, err) < 0 ||
        get_texts(object, "EntryPoint", &container->entry_point, err) < 0 ||
        get_environment(object, container, err) < 0 || get_overrides(object, container, err) < 0 ||
        get_docker_config(object, container, err) < 0 || get_known(object, container, err) < 0) {
        return eca_err_wrap(err, "container %.60s", container->name);
    }
    container->cpu = (uint64_t)cpu;
    container->memory_mib = (uint64_t)memory;
    if (container->image_id != NULL && container->image_id[0] == '\0') {
        eca_free(eca_take(container->image_id));
    }
    return ECA_OK;
}

static int get_containers(eca_json value, struct eca_task *task, struct eca_err *err)
{
    eca_json item;
    bool present;

    if (get_list(value, "Containers", ECA_JSON_OBJECT, &item, &present, err) < 0) {
        return ECA_E_INVALID;
    }
    for (; item != NULL; item = eca_json_next(item)) {
        if (task->container_count == ECA_CONTAINERS_MAX) {
            return eca_err_set(err, ECA_E_LIMIT, "more than %d containers", ECA_CONTAINERS_MAX);
        }
        if (get_container(item, eca_task_add_container(task), err) < 0) {
            return ECA_E_INVALID;
        }
    }
    eca_task_drop_duplicates(task); /* v1.13.1 took such tasks (ENG-122) */
    return ECA_OK;
}

static int get_volumes(eca_json value, struct eca_task *task, struct eca_err *err)
{
    eca_json item;
    bool present;

    if (get_list(value, "volumes", ECA_JSON_OBJECT, &item, &present, err) < 0) {
        return ECA_E_INVALID;
    }
    for (; item != NULL; item = eca_json_next(item)) {
        struct eca_volume volume = {.name = eca_xstrdup(""), .host_path = eca_xstrdup("")};
        eca_json host = eca_json_get_nocase(item, "host");
        int rc = get_text(item, "name", &volume.name, err);

        rc = rc == ECA_OK ? want(host, "host", ECA_JSON_OBJECT, err) : rc;
        if (rc == ECA_OK && !eca_json_is_null(host)) {
            rc = get_text(host, "sourcePath", &volume.host_path, err);
            volume.is_host = volume.host_path[0] != '\0';
            if (rc == ECA_OK && !volume.is_host) {
                rc = get_text(host, "hostPath", &volume.host_path, err);
            }
        }
        task->volumes =
            eca_xrealloc_array(task->volumes, task->volume_count + 1, sizeof(*task->volumes));
        task->volumes[task->volume_count++] = volume;
        if (rc < 0) {
            return eca_err_wrap(err, "volumes");
        }
    }
    return ECA_OK;
}

static int get_known_time(eca_json value, struct eca_task *task, struct eca_err *err)
{
    eca_auto_free char *text = NULL;

    if (get_text(value, "KnownTime", &text, err) < 0) {
        return ECA_E_INVALID;
    }
    return text == NULL ? ECA_OK : eca_time_rfc3339_parse(eca_view_str(text), &task->known_ns, err);
}

/* v1.13.1 keeps no credentials id: the containers' variable has it (ENG-126). */
static void recover_credentials_id(struct eca_task *task)
{
    size_t prefix = strlen(ECA_CREDENTIALS_PREFIX);

    for (size_t i = 0; task->credentials_ids.count == 0 && i < task->container_count; i++) {
        const char *uri = eca_container_env(&task->containers[i], ECA_CREDENTIALS_ENV);

        if (uri != NULL && strncmp(uri, ECA_CREDENTIALS_PREFIX, prefix) == 0 &&
            uri[prefix] != '\0') {
            eca_texts_add(&task->credentials_ids, uri + prefix);
        }
    }
}

int eca_task_from_state(eca_json value, struct eca_task **ret_task, struct eca_err *err)
{
    eca_auto_task struct eca_task *task = eca_task_new();

    if (eca_json_type(value) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "task: want object");
    }
    task->arn = eca_xstrdup("");
    task->family = eca_xstrdup("");
    task->version = eca_xstrdup("");
    if (get_text(value, "Arn", &task->arn, err) < 0 ||
        get_text(value, "Family", &task->family, err) < 0 ||
        get_text(value, "Version", &task->version, err) < 0 ||
        get_containers(value, task, err) < 0 || get_volumes(value, task, err) < 0 ||
        get_status(value, "DesiredStatus", true, &task->desired, err) < 0 ||
        get_status(value, "KnownStatus", true, &task->known, err) < 0 ||
        get_status(value, "SentStatus", true, &task->sent, err) < 0 ||
        get_known_time(value, task, err) < 0 ||
        get_i64(value, "StartSequenceNumber", INT64_MIN, INT64_MAX, &task->start_seq, err) < 0 ||
        get_i64(value, "StopSequenceNumber", INT64_MIN, INT64_MAX, &task->stop_seq, err) < 0 ||
        get_texts(value, "CredentialsIds", &task->credentials_ids, err) < 0 ||
        get_text(value, "Reason", &task->reason, err) < 0) {
        return eca_err_wrap(err, "task %.100s", task->arn);
    }
    if (task->arn[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "task without Arn");
    }
    recover_credentials_id(task);
    for (size_t i = 0; i < task->container_count; i++) { /* addresses are final now */
        task->containers[i].task = task;
    }
    *ret_task = eca_take(task);
    return ECA_OK;
}
