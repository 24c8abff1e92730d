#include "agent/engine/construct.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/graph.h"

#define RANDOM_DIGITS 20

char *eca_docker_name_new(const struct eca_task *task, const struct eca_container *container,
                          struct eca_entropy entropy)
{
    eca_auto_buf struct eca_buf clean = {0};
    char digits[RANDOM_DIGITS + 1];

    for (const char *at = container->name; *at != '\0'; at++) {
        if ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
            (*at >= 'A' && *at <= 'Z') || *at == '-') {
            eca_buf_add_char(&clean, *at);
        }
    }
    eca_entropy_hex(entropy, RANDOM_DIGITS, digits);
    return eca_xasprintf("ecs-%s-%s-%s-%s", task->family, task->version, eca_buf_str(&clean),
                         digits);
}

/* Docker name of a container of the task, NULL when it was never created (ENG-520). */
static const char *mapped_name(const struct eca_task *task, const char *name, size_t len)
{
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *container = &task->containers[i];

        if (strlen(container->name) == len && memcmp(container->name, name, len) == 0) {
            return container->docker_name;
        }
    }
    return NULL;
}

static void add_text(struct eca_texts *texts, char *text)
{
    eca_texts_add(texts, text);
    eca_free(text);
}

static int host_error(struct eca_named_error *error)
{
    error->name = "HostConfigError";
    return ECA_E_INVALID;
}

static int build_links(const struct eca_task *task, const struct eca_container *container,
                       struct eca_texts *links, struct eca_named_error *error)
{
    for (size_t i = 0; i < container->links.count; i++) {
        const char *link = container->links.at[i];
        size_t len = eca_link_target_len(link);
        const char *alias = link[len] == ':' ? link + len + 1 : NULL;
        const char *target = mapped_name(task, link, len);

        if (alias != NULL && strchr(alias, ':') != NULL) { /* DEP-121 */
            eca_named_error_set(error, "HostConfigError", "Invalid link format");
            return host_error(error);
        }
        if (target == NULL) {
            eca_named_error_set(error, "HostConfigError", "Link target not available: %.*s",
                                (int)(len > 255 ? 255 : len), link);
            return host_error(error);
        }
        add_text(links, alias != NULL ? eca_xasprintf("%s:%s", target, alias)
                                      : eca_xasprintf("%s:%s", target, link));
    }
    return ECA_OK;
}

static int build_volumes_from(const struct eca_task *task, const struct eca_container *container,
                              struct eca_texts *list, struct eca_named_error *error)
{
    for (size_t i = 0; i < container->volumes_from_count; i++) {
        const struct eca_volume_from *from = &container->volumes_from[i];
        const char *target = mapped_name(task, from->source, strlen(from->source));

        if (target == NULL) {
            eca_named_error_set(error, "HostConfigError", "Volume target not available: %.255s",
                                from->source);
            return host_error(error);
        }
        add_text(list, eca_xasprintf("%s%s", target, from->read_only ? ":ro" : ""));
    }
    return ECA_OK;
}

static int build_binds(const struct eca_task *task, const struct eca_container *container,
                       struct eca_texts *binds, struct eca_named_error *error)
{
    for (size_t i = 0; i < container->mount_count; i++) {
        const struct eca_mount_point *mount = &container->mounts[i];
        const struct eca_volume *volume = eca_task_find_volume(task, mount->volume);

        if (volume == NULL) {
            eca_named_error_set(error, "HostConfigError", "Invalid volume referenced: %.255s",
                                mount->volume);
            return host_error(error);
        }
        if (volume->host_path[0] == '\0' || mount->container_path[0] == '\0') { /* VOL-111 */
            eca_named_error_set(error, "HostConfigError",
                                "Unable to resolve volume mounts; invalid path: %.100s %.100s; "
                                "%.100s -> %.100s",
                                container->name, mount->volume, volume->host_path,
                                mount->container_path);
            return host_error(error);
        }
        add_text(binds, eca_xasprintf("%s:%s%s", volume->host_path, mount->container_path,
                                      mount->read_only ? ":ro" : ""));
    }
    return ECA_OK;
}

static int build_volumes(const struct eca_task *task, const struct eca_container *container,
                         struct eca_texts *volumes, struct eca_named_error *error)
{
    for (size_t i = 0; i < container->mount_count; i++) {
        const struct eca_mount_point *mount = &container->mounts[i];

        if (eca_task_find_volume(task, mount->volume) == NULL) { /* DKR-513 */
            eca_named_error_set(error, "DockerClientConfigError",
                                "Container %.100s in task %.150s references invalid volume %.100s",
                                container->name, task->arn, mount->volume);
            return ECA_E_INVALID;
        }
        eca_texts_add(volumes, mount->container_path);
    }
    return ECA_OK;
}

static void fill_lists(const struct eca_container *container, struct eca_construct *ret)
{
    struct eca_container_spec *spec = &ret->spec;

    ret->env = eca_xrealloc_array(NULL, container->env_count + 1, sizeof(*ret->env));
    for (size_t i = 0; i < container->env_count; i++) {
        ret->env[i] = (struct eca_spec_env){container->env[i].name, container->env[i].value};
        if (strcmp(container->env[i].name, ECA_CREDENTIALS_ENV) == 0) { /* ENG-532 */
            ret->forced_env[0] = ret->env[i];
            spec->forced_env = ret->forced_env;
            spec->forced_env_count = 1;
        }
    }
    spec->env = ret->env;
    spec->env_count = container->env_count;
    spec->binds = (const char *const *)ret->binds.at;
    spec->bind_count = ret->binds.count;
    spec->links = (const char *const *)ret->links.at;
    spec->link_count = ret->links.count;
    spec->volumes_from = (const char *const *)ret->volumes_from.at;
    spec->volumes_from_count = ret->volumes_from.count;
    spec->volumes = (const char *const *)ret->volumes.at;
    spec->volume_count = ret->volumes.count;
}

int eca_construct(const struct eca_task *task, const struct eca_container *container,
                  const char *cluster, struct eca_construct *ret, struct eca_named_error *ret_error)
{
    const struct eca_texts *command = container->override_command.present
                                          ? &container->override_command /* ENG-515 */
                                          : &container->command;
    struct eca_container_spec *spec = &ret->spec;
    int rc;

    *ret = (struct eca_construct){0};
    rc = container->internal ? build_volumes(task, container, &ret->volumes, ret_error)
                             : build_binds(task, container, &ret->binds, ret_error);
    if (rc < 0 || build_links(task, container, &ret->links, ret_error) < 0 ||
        build_volumes_from(task, container, &ret->volumes_from, ret_error) < 0) {
        eca_construct_clear(ret);
        return ECA_E_INVALID;
    }
    fill_lists(container, ret);
    spec->docker_name = container->docker_name;
    spec->image = container->image;
    spec->has_command = command->present;
    spec->command = (const char *const *)command->at;
    spec->command_count = command->count;
    spec->has_entry_point = container->entry_point.present;
    spec->entry_point = (const char *const *)container->entry_point.at;
    spec->entry_point_count = container->entry_point.count;
    spec->ports = container->ports;
    spec->port_count = container->port_count;
    spec->memory_mib = container->memory_mib;
    spec->cpu_shares = container->cpu;
    spec->raw_config = container->raw_config;
    spec->raw_host_config = container->raw_host_config;
    spec->api_version = container->api_version;
    spec->labels.task_arn = task->arn;
    spec->labels.container_name = container->name;
    spec->labels.family = task->family;
    spec->labels.version = task->version;
    spec->labels.cluster = cluster;
    return ECA_OK;
}

void eca_construct_clear(struct eca_construct *construct)
{
    eca_texts_clear(&construct->binds);
    eca_texts_clear(&construct->links);
    eca_texts_clear(&construct->volumes_from);
    eca_texts_clear(&construct->volumes);
    eca_free(construct->env);
    *construct = (struct eca_construct){0};
}

/* Equal, the first with or without slashes at its end (VOL-110). */
static bool same_path(const char *mount, const char *inspected)
{
    size_t len = strlen(mount);

    if (strcmp(mount, inspected) == 0) {
        return true;
    }
    while (len > 1 && mount[len - 1] == '/') {
        len--;
    }
    return strlen(inspected) == len && memcmp(mount, inspected, len) == 0;
}

bool eca_learn_volumes(struct eca_task *task, const struct eca_container *container,
                       const struct eca_container_info *info)
{
    bool learned = false;

    for (size_t i = 0; i < container->mount_count; i++) {
        struct eca_volume *volume = eca_task_find_volume(task, container->mounts[i].volume);

        for (size_t j = 0; volume != NULL && !volume->is_host && j < info->mount_count; j++) {
            const struct eca_container_mount *seen = &info->mounts[j];

            if (seen->host_path != NULL && seen->container_path != NULL &&
                same_path(container->mounts[i].container_path, seen->container_path) &&
                strcmp(volume->host_path, seen->host_path) != 0) {
                eca_free(volume->host_path);
                volume->host_path = eca_xstrdup(seen->host_path);
                learned = true;
            }
        }
    }
    return learned;
}

bool eca_volumes_missing(const struct eca_container *internal)
{
    for (size_t i = 0; i < internal->mount_count; i++) {
        const struct eca_volume *volume =
            eca_task_find_volume(internal->task, internal->mounts[i].volume);

        if (volume != NULL && !volume->is_host && volume->host_path[0] == '\0') {
            return true;
        }
    }
    return false;
}
