#include "agent/engine/prepare.h"

#include <string.h>

#include "agent/base/mem.h"

static struct eca_container *volume_container(struct eca_task *task)
{
    struct eca_container *internal = eca_task_find(task, ECA_EMPTY_VOLUME_CONTAINER);

    if (internal == NULL) {
        internal = eca_task_add_container(task);
        internal->name = eca_xstrdup(ECA_EMPTY_VOLUME_CONTAINER);
        internal->image = eca_xstrdup(ECA_EMPTY_VOLUME_REPO ":" ECA_EMPTY_VOLUME_TAG);
        eca_texts_add(&internal->command, "not-applicable");
        internal->internal = true;
        internal->desired = ECA_STATUS_RUNNING;
        for (size_t i = 0; i < task->container_count; i++) {
            task->containers[i].task = task;
        }
    }
    return internal;
}

static void add_mount(struct eca_container *internal, const char *volume)
{
    for (size_t i = 0; i < internal->mount_count; i++) {
        if (strcmp(internal->mounts[i].volume, volume) == 0) { /* once per volume (VOL-103) */
            return;
        }
    }
    internal->mounts =
        eca_xrealloc_array(internal->mounts, internal->mount_count + 1, sizeof(*internal->mounts));
    internal->mounts[internal->mount_count++] = (struct eca_mount_point){
        .volume = eca_xstrdup(volume),
        .container_path = eca_xasprintf("%s%s", ECA_EMPTY_VOLUME_PATH, volume)};
}

void eca_task_prepare_volumes(struct eca_task *task)
{
    size_t count = task->container_count; /* the internal one, added on the way, has no volumes */

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < task->containers[i].mount_count; j++) {
            const struct eca_volume *volume =
                eca_task_find_volume(task, task->containers[i].mounts[j].volume);
            struct eca_container *internal;

            if (volume == NULL || volume->is_host || task->containers[i].internal) {
                continue;
            }
            internal = volume_container(task); /* may move the containers */
            add_mount(internal, volume->name);
            if (!eca_texts_has(&task->containers[i].run_after, ECA_EMPTY_VOLUME_CONTAINER)) {
                eca_texts_add(&task->containers[i].run_after, ECA_EMPTY_VOLUME_CONTAINER);
            }
        }
    }
}

void eca_task_prepare_credentials(struct eca_task *task, const char *credentials_id)
{
    eca_auto_free char *uri = eca_xasprintf("%s%s", ECA_CREDENTIALS_PREFIX, credentials_id);

    for (size_t i = 0; i < task->container_count; i++) {
        eca_container_set_env(&task->containers[i], ECA_CREDENTIALS_ENV, uri);
    }
}
