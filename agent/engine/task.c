#include "agent/engine/task.h"

#include <string.h>

#include "agent/base/mem.h"

struct eca_task *eca_task_new(void)
{
    return eca_xalloc(sizeof(struct eca_task));
}

void eca_texts_clear(struct eca_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        eca_free(texts->at[i]);
    }
    eca_free(texts->at);
    *texts = (struct eca_texts){0};
}

void eca_texts_add(struct eca_texts *texts, const char *text)
{
    texts->at = eca_xrealloc_array(texts->at, texts->count + 1, sizeof(*texts->at));
    texts->at[texts->count++] = eca_xstrdup(text);
    texts->present = true;
}

bool eca_texts_has(const struct eca_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (strcmp(texts->at[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static void clear_wanted(struct eca_container *c)
{
    eca_texts_clear(&c->command);
    eca_texts_clear(&c->entry_point);
    eca_texts_clear(&c->override_command);
    eca_texts_clear(&c->links);
    eca_texts_clear(&c->run_after);
    for (size_t i = 0; i < c->volumes_from_count; i++) {
        eca_free(c->volumes_from[i].source);
    }
    for (size_t i = 0; i < c->mount_count; i++) {
        eca_free(c->mounts[i].volume);
        eca_free(c->mounts[i].container_path);
    }
    for (size_t i = 0; i < c->env_count; i++) {
        eca_free(c->env[i].name);
        eca_free(c->env[i].value);
    }
    eca_free(c->volumes_from);
    eca_free(c->mounts);
    eca_free(c->env);
    eca_free(c->ports);
}

static void clear_container(struct eca_container *c)
{
    clear_wanted(c);
    char *const texts[] = {c->name,         c->image,     c->raw_config,      c->raw_host_config,
                           c->api_version,  c->auth_type, c->ecr_registry_id, c->ecr_region,
                           c->ecr_endpoint, c->image_id,  c->docker_name,     c->docker_id,
                           c->error_name,   c->error_text};
    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        eca_free(texts[i]);
    }
    eca_free(c->bindings);
}

void eca_task_free(struct eca_task *task)
{
    if (task == NULL) {
        return;
    }
    for (size_t i = 0; i < task->container_count; i++) {
        clear_container(&task->containers[i]);
    }
    for (size_t i = 0; i < task->volume_count; i++) {
        eca_free(task->volumes[i].name);
        eca_free(task->volumes[i].host_path);
    }
    eca_texts_clear(&task->credentials_ids);
    eca_free(task->containers);
    eca_free(task->volumes);
    eca_free(task->arn);
    eca_free(task->family);
    eca_free(task->version);
    eca_free(task->reason);
    eca_free(task);
}

void eca_task_free_ptr(struct eca_task **task)
{
    eca_task_free(*task);
    *task = NULL;
}

struct eca_container *eca_task_find(const struct eca_task *task, const char *container_name)
{
    for (size_t i = 0; i < task->container_count; i++) {
        if (strcmp(task->containers[i].name, container_name) == 0) {
            return &task->containers[i];
        }
    }
    return NULL;
}

struct eca_container *eca_task_add_container(struct eca_task *task)
{
    struct eca_container *container;

    task->containers =
        eca_xrealloc_array(task->containers, task->container_count + 1, sizeof(*task->containers));
    container = &task->containers[task->container_count++];
    *container = (struct eca_container){.task = task};
    return container;
}

void eca_task_drop_duplicates(struct eca_task *task)
{
    size_t kept = 0;

    for (size_t i = 0; i < task->container_count; i++) {
        bool again = false;

        for (size_t j = 0; j < kept && !again; j++) {
            again = strcmp(task->containers[j].name, task->containers[i].name) == 0;
        }
        if (again) {
            clear_container(&task->containers[i]);
        } else {
            task->containers[kept] = task->containers[i];
            kept++;
        }
    }
    task->container_count = kept;
}

struct eca_volume *eca_task_find_volume(const struct eca_task *task, const char *name)
{
    for (size_t i = 0; i < task->volume_count; i++) { /* the first of a name wins (ENG-112) */
        if (strcmp(task->volumes[i].name, name) == 0) {
            return &task->volumes[i];
        }
    }
    return NULL;
}

void eca_container_set_env(struct eca_container *container, const char *name, const char *value)
{
    for (size_t i = 0; i < container->env_count; i++) {
        if (strcmp(container->env[i].name, name) == 0) {
            eca_free(container->env[i].value);
            container->env[i].value = eca_xstrdup(value);
            return;
        }
    }
    container->env =
        eca_xrealloc_array(container->env, container->env_count + 1, sizeof(*container->env));
    container->env[container->env_count++] =
        (struct eca_env_var){eca_xstrdup(name), eca_xstrdup(value)};
}

const char *eca_container_env(const struct eca_container *container, const char *name)
{
    for (size_t i = 0; i < container->env_count; i++) {
        if (strcmp(container->env[i].name, name) == 0) {
            return container->env[i].value;
        }
    }
    return NULL;
}

void eca_container_set_error(struct eca_container *container, const struct eca_named_error *error)
{
    if (error->name == NULL || container->error_name != NULL) {
        return;
    }
    container->error_name = eca_xstrdup(error->name);
    container->error_text = eca_xstrdup(error->text);
}

void eca_container_clear_error(struct eca_container *container)
{
    eca_free(eca_take(container->error_name));
    eca_free(eca_take(container->error_text));
}

void eca_container_set_bindings(struct eca_container *container,
                                const struct eca_port_binding *bindings, size_t count)
{
    eca_free(container->bindings);
    container->bindings = NULL;
    container->binding_count = count;
    container->has_bindings = true;
    if (count > 0) {
        container->bindings = eca_xrealloc_array(NULL, count, sizeof(*bindings));
        memcpy(container->bindings, bindings, count * sizeof(*bindings));
    }
}

void eca_container_reason(const struct eca_container *container, struct eca_buf *out)
{
    if (container->error_name != NULL) {
        eca_buf_addf(out, "%s: %s",
                     container->error_name[0] == '\0' ? "UnknownError" : container->error_name,
                     container->error_text == NULL ? "" : container->error_text);
    }
}
