#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/task_json.h"

#define PATH_BYTES 96
#define PORT_MAX 65535

/* A wrong JSON type concerns the whole message, not the task (WS-165). */
static int wrong(int rc, struct eca_err *err)
{
    if (rc < 0 && err != NULL) {
        err->code = ECA_E_DENIED;
    }
    return rc < 0 ? ECA_E_DENIED : ECA_OK;
}

static int read_text(eca_json object, const char *path, const char *key, char **ret,
                     struct eca_err *err)
{
    const char *text = NULL;

    if (wrong(eca_json_read_str(object, path, key, &text, err), err) < 0) {
        return ECA_E_DENIED;
    }
    *ret = eca_xstrdup(text);
    return ECA_OK;
}

static int read_flag(eca_json object, const char *path, const char *key, bool *ret,
                     struct eca_err *err)
{
    return wrong(eca_json_read_bool(object, path, key, ret, err), err);
}

/* An integer within bounds; outside them the task is rejected. */
static int read_bounded(eca_json object, const char *path, const char *key, int64_t max,
                        uint64_t *ret, struct eca_err *err)
{
    int64_t value = 0;

    if (wrong(eca_json_read_i64(object, path, key, &value, err), err) < 0) {
        return ECA_E_DENIED;
    }
    if (value < 0 || value > max) {
        return eca_err_set(err, ECA_E_INVALID, "%s.%s: %lld is out of range", path, key,
                           (long long)value);
    }
    *ret = (uint64_t)value;
    return ECA_OK;
}

/* The list under key, NULL when absent. A null element rejects the task (PAY-134), unless it is the
 * only one: then the list counts as empty. */
static int read_list(eca_json object, const char *path, const char *key, enum eca_json_type type,
                     eca_json *ret_first, bool *ret_present, struct eca_err *err)
{
    eca_json list = NULL;
    size_t index = 0;

    *ret_first = NULL;
    *ret_present = false;
    if (wrong(eca_json_read_array(object, path, key, &list, err), err) < 0) {
        return ECA_E_DENIED;
    }
    if (list == NULL) {
        return ECA_OK;
    }
    *ret_present = true;
    if (eca_json_count(list) == 1 && eca_json_is_null(eca_json_first(list))) {
        return ECA_OK;
    }
    if (eca_json_count(list) > ECA_LIST_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "%s.%s: more than %d elements", path, key,
                           ECA_LIST_MAX);
    }
    for (eca_json item = eca_json_first(list); item != NULL; item = eca_json_next(item), index++) {
        if (eca_json_is_null(item)) {
            return eca_err_set(err, ECA_E_INVALID, "%s.%s[%zu]: null element", path, key, index);
        }
        if (eca_json_type(item) != type) {
            return eca_err_set(err, ECA_E_DENIED, "%s.%s[%zu]: want %s, have %s", path, key, index,
                               eca_json_type_name(type), eca_json_type_name(eca_json_type(item)));
        }
    }
    *ret_first = eca_json_first(list);
    return ECA_OK;
}

static int read_texts(eca_json object, const char *path, const char *key, struct eca_texts *ret,
                      struct eca_err *err)
{
    eca_json item;
    int rc = read_list(object, path, key, ECA_JSON_STRING, &item, &ret->present, err);

    for (; rc == ECA_OK && item != NULL; item = eca_json_next(item)) {
        eca_texts_add(ret, eca_json_str(item));
    }
    return rc;
}

static int read_env(eca_json object, const char *path, struct eca_container *container,
                    struct eca_err *err)
{
    eca_json map = NULL;

    if (wrong(eca_json_read_object(object, path, "environment", &map, err), err) < 0) {
        return ECA_E_DENIED;
    }
    if (map != NULL && eca_json_count(map) > ECA_ENV_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "%s.environment: more than %d variables", path,
                           ECA_ENV_MAX);
    }
    for (eca_json member = eca_json_first(map); member != NULL; member = eca_json_next(member)) {
        if (eca_json_type(member) != ECA_JSON_STRING) { /* the value is never quoted (FB-32.2) */
            return eca_err_set(err, ECA_E_INVALID, "%s.environment.%s: want string, have %s", path,
                               eca_json_key(member), eca_json_type_name(eca_json_type(member)));
        }
        eca_container_set_env(container, eca_json_key(member), eca_json_str(member));
    }
    return ECA_OK;
}

static int read_protocol(eca_json object, const char *path, bool *ret_udp, struct eca_err *err)
{
    const char *protocol = NULL;

    if (wrong(eca_json_read_str(object, path, "protocol", &protocol, err), err) < 0) {
        return ECA_E_DENIED;
    }
    if (protocol == NULL || strcmp(protocol, "tcp") == 0 || strcmp(protocol, "udp") == 0) {
        *ret_udp = protocol != NULL && protocol[0] == 'u';
        return ECA_OK;
    }
    return eca_err_set(err, ECA_E_INVALID,
                       "TransportProtocol must be \"tcp\" or \"udp\"; Got \"%.40s\"", protocol);
}

static int read_ports(eca_json object, const char *path, struct eca_container *container,
                      struct eca_err *err)
{
    eca_json item;
    bool present;
    int rc = read_list(object, path, "portMappings", ECA_JSON_OBJECT, &item, &present, err);

    for (; rc == ECA_OK && item != NULL; item = eca_json_next(item)) {
        uint64_t inside = 0, outside = 0;
        bool udp = false;

        rc = read_bounded(item, "portMappings", "containerPort", PORT_MAX, &inside, err);
        if (rc == ECA_OK) {
            rc = read_bounded(item, "portMappings", "hostPort", PORT_MAX, &outside, err);
        }
        if (rc == ECA_OK) {
            rc = read_protocol(item, "portMappings", &udp, err);
        }
        if (rc == ECA_OK) {
            container->ports = eca_xrealloc_array(container->ports, container->port_count + 1,
                                                  sizeof(*container->ports));
            container->ports[container->port_count++] =
                (struct eca_spec_port){(uint16_t)inside, (uint16_t)outside, udp};
        }
    }
    return rc;
}

static int read_mounts(eca_json object, const char *path, struct eca_container *container,
                       struct eca_err *err)
{
    eca_json item;
    bool present;
    int rc = read_list(object, path, "mountPoints", ECA_JSON_OBJECT, &item, &present, err);

    for (; rc == ECA_OK && item != NULL; item = eca_json_next(item)) {
        struct eca_mount_point *mount;

        container->mounts = eca_xrealloc_array(container->mounts, container->mount_count + 1,
                                               sizeof(*container->mounts));
        mount = &container->mounts[container->mount_count++];
        *mount = (struct eca_mount_point){0};
        rc = read_text(item, "mountPoints", "sourceVolume", &mount->volume, err);
        if (rc == ECA_OK) {
            rc = read_text(item, "mountPoints", "containerPath", &mount->container_path, err);
        }
        if (rc == ECA_OK) {
            rc = read_flag(item, "mountPoints", "readOnly", &mount->read_only, err);
        }
        mount->volume = mount->volume != NULL ? mount->volume : eca_xstrdup("");
        mount->container_path =
            mount->container_path != NULL ? mount->container_path : eca_xstrdup("");
    }
    return rc;
}

static int read_volumes_from(eca_json object, const char *path, struct eca_container *container,
                             struct eca_err *err)
{
    eca_json item;
    bool present;
    int rc = read_list(object, path, "volumesFrom", ECA_JSON_OBJECT, &item, &present, err);

    for (; rc == ECA_OK && item != NULL; item = eca_json_next(item)) {
        struct eca_volume_from *from;

        container->volumes_from =
            eca_xrealloc_array(container->volumes_from, container->volumes_from_count + 1,
                               sizeof(*container->volumes_from));
        from = &container->volumes_from[container->volumes_from_count++];
        *from = (struct eca_volume_from){0};
        rc = read_text(item, "volumesFrom", "sourceContainer", &from->source, err);
        if (rc == ECA_OK) {
            rc = read_flag(item, "volumesFrom", "readOnly", &from->read_only, err);
        }
        from->source = from->source != NULL ? from->source : eca_xstrdup("");
    }
    return rc;
}

/* A string that holds {"command":[...]} (spec 02, section 5). */
static int read_overrides(eca_json object, const char *path, struct eca_container *container,
                          struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *text = NULL;
    eca_json root;

    if (wrong(eca_json_read_str(object, path, "overrides", &text, err), err) < 0) {
        return ECA_E_DENIED;
    }
    if (text == NULL) {
        return ECA_OK;
    }
    if (eca_json_parse(eca_view_str(text), &doc, NULL) < 0) {
        return eca_err_set(err, ECA_E_INVALID, "%s.overrides: not JSON", path);
    }
    root = eca_json_root(doc);
    if (eca_json_is_null(root)) {
        return ECA_OK;
    }
    if (eca_json_type(root) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "%s.overrides: want object, have %s", path,
                           eca_json_type_name(eca_json_type(root)));
    }
    for (eca_json member = eca_json_first(root); member != NULL; member = eca_json_next(member)) {
        if (!eca_view_eq_nocase(eca_view_str(eca_json_key(member)), "command")) {
            return eca_err_set(err, ECA_E_INVALID, "%s.overrides: Unrecognized key: %.60s", path,
                               eca_json_key(member));
        }
        if (eca_json_is_null(member)) {
            continue;
        }
        eca_texts_clear(&container->override_command);
        container->override_command.present = true;
        if (eca_json_type(member) != ECA_JSON_ARRAY) {
            return eca_err_set(err, ECA_E_INVALID, "%s.overrides.command: want array", path);
        }
        for (eca_json word = eca_json_first(member); word != NULL; word = eca_json_next(word)) {
            if (eca_json_type(word) != ECA_JSON_STRING) {
                return eca_err_set(err, ECA_E_INVALID, "%s.overrides.command: want strings", path);
            }
            eca_texts_add(&container->override_command, eca_json_str(word));
        }
    }
    return ECA_OK;
}

static int read_docker_config(eca_json object, const char *path, struct eca_container *container,
                              struct eca_err *err)
{
    eca_json config = NULL;

    if (wrong(eca_json_read_object(object, path, "dockerConfig", &config, err), err) < 0) {
        return ECA_E_DENIED;
    }
    if (config == NULL) {
        return ECA_OK;
    }
    if (read_text(config, "dockerConfig", "version", &container->api_version, err) < 0 ||
        read_text(config, "dockerConfig", "config", &container->raw_config, err) < 0 ||
        read_text(config, "dockerConfig", "hostConfig", &container->raw_host_config, err) < 0) {
        return ECA_E_DENIED;
    }
    return ECA_OK;
}

static int read_auth(eca_json object, const char *path, struct eca_container *container,
                     struct eca_err *err)
{
    eca_json auth = NULL, ecr = NULL;

    if (wrong(eca_json_read_object(object, path, "registryAuthentication", &auth, err), err) < 0) {
        return ECA_E_DENIED;
    }
    if (auth == NULL) {
        return ECA_OK;
    }
    if (read_text(auth, "registryAuthentication", "type", &container->auth_type, err) < 0 ||
        wrong(eca_json_read_object(auth, "registryAuthentication", "ecrAuthData", &ecr, err), err) <
            0) {
        return ECA_E_DENIED;
    }
    if (container->auth_type == NULL) {
        container->auth_type = eca_xstrdup("");
    }
    if (ecr == NULL) {
        return ECA_OK;
    }
    container->has_ecr = true;
    if (read_text(ecr, "ecrAuthData", "registryId", &container->ecr_registry_id, err) < 0 ||
        read_text(ecr, "ecrAuthData", "region", &container->ecr_region, err) < 0 ||
        read_text(ecr, "ecrAuthData", "endpointOverride", &container->ecr_endpoint, err) < 0) {
        return ECA_E_DENIED;
    }
    return ECA_OK;
}

static char *text_or_empty(char *text)
{
    return text != NULL ? text : eca_xstrdup("");
}

static int read_container(eca_json object, const char *path, struct eca_container *container,
                          struct eca_err *err)
{
    typedef int part_fn(eca_json, const char *, struct eca_container *, struct eca_err *);
    static part_fn *const parts[] = {read_env,          read_ports,     read_mounts,
                                     read_volumes_from, read_overrides, read_docker_config,
                                     read_auth};
    int rc = read_text(object, path, "name", &container->name, err);

    container->name = text_or_empty(container->name);
    if (rc == ECA_OK) {
        rc = read_text(object, path, "image", &container->image, err);
    }
    container->image = text_or_empty(container->image);
    if (rc == ECA_OK) {
        rc = read_texts(object, path, "command", &container->command, err);
    }
    if (rc == ECA_OK) {
        rc = read_texts(object, path, "entryPoint", &container->entry_point, err);
    }
    if (rc == ECA_OK) {
        rc = read_texts(object, path, "links", &container->links, err);
    }
    if (rc == ECA_OK) {
        rc = read_bounded(object, path, "cpu", INT64_MAX, &container->cpu, err);
    }
    if (rc == ECA_OK) {
        rc = read_bounded(object, path, "memory", INT64_MAX >> 20, &container->memory_mib, err);
    }
    if (rc == ECA_OK) {
        rc = read_flag(object, path, "essential", &container->essential, err);
    }
    for (size_t i = 0; rc == ECA_OK && i < ECA_ARRAY_LEN(parts); i++) {
        rc = parts[i](object, path, container, err);
    }
    return rc;
}

static int read_containers(eca_json object, struct eca_task *task, struct eca_err *err)
{
    eca_json item;
    bool present;
    int rc = read_list(object, "task", "containers", ECA_JSON_OBJECT, &item, &present, err);

    for (size_t i = 0; rc == ECA_OK && item != NULL; item = eca_json_next(item), i++) {
        struct eca_container *container;
        char path[PATH_BYTES];

        if (i == ECA_CONTAINERS_MAX) {
            return eca_err_set(err, ECA_E_INVALID, "more than %d containers", ECA_CONTAINERS_MAX);
        }
        (void)snprintf(path, sizeof(path), "containers[%zu]", i);
        container = eca_task_add_container(task);
        rc = read_container(item, path, container, err);
        if (rc == ECA_OK && eca_task_find(task, container->name) != container) {
            return eca_err_set(err, ECA_E_INVALID, "duplicate container name: %.80s",
                               container->name); /* ENG-122 */
        }
    }
    return rc;
}

static int read_volumes(eca_json object, struct eca_task *task, struct eca_err *err)
{
    eca_json item;
    bool present;
    int rc = read_list(object, "task", "volumes", ECA_JSON_OBJECT, &item, &present, err);

    for (; rc == ECA_OK && item != NULL; item = eca_json_next(item)) {
        struct eca_volume *volume;
        eca_json host = NULL;

        task->volumes =
            eca_xrealloc_array(task->volumes, task->volume_count + 1, sizeof(*task->volumes));
        volume = &task->volumes[task->volume_count++];
        *volume = (struct eca_volume){0};
        rc = read_text(item, "volumes", "name", &volume->name, err);
        if (rc == ECA_OK) {
            rc = wrong(eca_json_read_object(item, "volumes", "host", &host, err), err);
        }
        if (rc == ECA_OK && (volume->name == NULL || volume->name[0] == '\0')) {
            rc = eca_err_set(err, ECA_E_INVALID, "invalid Volume; must include a name");
        }
        if (rc == ECA_OK && host == NULL) {
            rc = eca_err_set(err, ECA_E_INVALID, "unrecognized volume type; try updating me");
        }
        if (rc == ECA_OK) {
            rc = read_text(host, "volumes.host", "sourcePath", &volume->host_path, err);
        }
        volume->name = text_or_empty(volume->name);
        volume->host_path = text_or_empty(volume->host_path);
        volume->is_host = volume->host_path[0] != '\0';
    }
    return rc;
}

int eca_task_from_payload(eca_json payload_task, struct eca_task **ret_task, struct eca_err *err)
{
    eca_auto_task struct eca_task *task = eca_task_new();
    int rc;

    rc = read_text(payload_task, "task", "arn", &task->arn, err);
    task->arn = text_or_empty(task->arn);
    if (rc == ECA_OK) {
        rc = read_text(payload_task, "task", "family", &task->family, err);
    }
    task->family = text_or_empty(task->family);
    if (rc == ECA_OK) {
        rc = read_text(payload_task, "task", "version", &task->version, err);
    }
    task->version = text_or_empty(task->version);
    if (rc == ECA_OK) {
        const char *unused = NULL;

        rc = wrong(eca_json_read_str(payload_task, "task", "overrides", &unused, err), err);
    }
    if (rc == ECA_OK) {
        eca_json status = eca_json_get(payload_task, "desiredStatus");

        rc = eca_json_is_null(status) || eca_json_type(status) == ECA_JSON_STRING
                 ? eca_status_from_json(status, true, &task->desired, err)
                 : eca_err_set(err, ECA_E_DENIED, "task.desiredStatus: want string, have %s",
                               eca_json_type_name(eca_json_type(status)));
    }
    if (rc == ECA_OK) {
        rc = read_containers(payload_task, task, err);
    }
    if (rc == ECA_OK) {
        rc = read_volumes(payload_task, task, err);
    }
    if (rc == ECA_OK) {
        for (size_t i = 0; i < task->container_count; i++) { /* addresses are final now */
            task->containers[i].task = task;
        }
        *ret_task = eca_take(task);
    }
    return rc;
}
