#include "agent/engine/graph.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"

size_t eca_link_target_len(const char *link)
{
    return strcspn(link, ":");
}

static struct eca_container *find_len(const struct eca_task *task, const char *name, size_t len)
{
    for (size_t i = 0; i < task->container_count; i++) {
        const char *have = task->containers[i].name;

        if (strlen(have) == len && memcmp(have, name, len) == 0) {
            return &task->containers[i];
        }
    }
    return NULL;
}

static bool link_holds(const struct eca_container *target, enum eca_status desired)
{
    if (target == NULL) {
        return false;
    }
    return target->known == ECA_STATUS_RUNNING ||
           (desired == ECA_STATUS_CREATED && target->known == ECA_STATUS_CREATED);
}

bool eca_graph_holds(const struct eca_container *container, const char **ret_on)
{
    const struct eca_task *task = container->task;
    const char *unused = NULL;
    const struct eca_container *on;

    ret_on = ret_on != NULL ? ret_on : &unused;
    for (size_t i = 0; i < container->links.count; i++) {
        *ret_on = container->links.at[i];
        if (!link_holds(find_len(task, *ret_on, eca_link_target_len(*ret_on)),
                        container->desired)) {
            return false;
        }
    }
    for (size_t i = 0; i < container->volumes_from_count; i++) {
        *ret_on = container->volumes_from[i].source;
        on = eca_task_find(task, *ret_on);
        if (on == NULL || on->known < ECA_STATUS_CREATED) {
            return false;
        }
    }
    for (size_t i = 0; i < container->run_after.count; i++) {
        *ret_on = container->run_after.at[i];
        on = eca_task_find(task, *ret_on);
        if (on == NULL || on->known < ECA_STATUS_RUNNING ||
            on->run.look == ECA_LOOK_VOLUME) { /* its paths are being learned (ENG-726) */
            return false;
        }
    }
    return true;
}

const char *eca_graph_dead_link(const struct eca_container *container)
{
    if (container->known >= ECA_STATUS_RUNNING) {
        return NULL;
    }
    for (size_t i = 0; i < container->links.count; i++) {
        const char *link = container->links.at[i];
        const struct eca_container *target =
            find_len(container->task, link, eca_link_target_len(link));

        if (target != NULL && target->known == ECA_STATUS_STOPPED) {
            return target->name;
        }
    }
    return NULL;
}

/* ---- the whole graph ------------------------------------------------------------------------ */

/* What is missing for the container to be taken; kind and name of the first such dependency. */
struct missing {
    const char *kind;
    const char *name;
    size_t name_len;
    bool unknown;
};

static bool can_take(const struct eca_container *container, const bool *taken,
                     struct missing *ret_missing)
{
    const struct eca_task *task = container->task;

    for (size_t i = 0; i < container->links.count; i++) {
        const char *link = container->links.at[i];
        size_t len = eca_link_target_len(link);
        const struct eca_container *target = find_len(task, link, len);

        if (target == NULL || !taken[target - task->containers]) {
            *ret_missing = (struct missing){"link", link, len, target == NULL};
            return false;
        }
    }
    for (size_t i = 0; i < container->volumes_from_count; i++) {
        const char *source = container->volumes_from[i].source;
        const struct eca_container *target = eca_task_find(task, source);

        if (target == NULL || !taken[target - task->containers]) {
            *ret_missing = (struct missing){"volumesFrom", source, strlen(source), target == NULL};
            return false;
        }
    }
    return true;
}

static void tell(struct eca_container *container, const struct missing *missing,
                 eca_graph_fn *impossible, void *arg)
{
    char text[ECA_NAMED_ERROR_TEXT_BYTES];

    (void)snprintf(text, sizeof(text), "%.150s depends on %.*s (%s), which %s", container->name,
                   (int)(missing->name_len > 150 ? 150 : missing->name_len), missing->name,
                   missing->kind,
                   missing->unknown ? "is not part of the task" : "depends on it in turn");
    impossible(arg, container, text);
}

bool eca_graph_check(struct eca_task *task, eca_graph_fn *impossible, void *arg)
{
    bool *taken = eca_xalloc(task->container_count + 1);
    struct missing missing;
    bool valid = true, progress = true;

    while (progress) {
        progress = false;
        for (size_t i = 0; i < task->container_count; i++) {
            if (!taken[i] && can_take(&task->containers[i], taken, &missing)) {
                taken[i] = progress = true;
            }
        }
    }
    for (size_t i = 0; i < task->container_count; i++) {
        if (!taken[i]) {
            (void)can_take(&task->containers[i], taken, &missing);
            tell(&task->containers[i], &missing, impossible, arg);
            valid = false;
        }
    }
    eca_free(taken);
    return valid;
}
