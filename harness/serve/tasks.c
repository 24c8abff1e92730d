#include "harness/serve/tasks.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"

static void set_text(char **at, const char *text)
{
    eca_free(*at);
    *at = eca_xstrdup(text);
}

static void set_status(char status[16], const char *text)
{
    (void)snprintf(status, 16, "%s", text);
}

struct hns_served_task *hns_served_task_new(eca_json definitions)
{
    struct hns_served_task *task = eca_xalloc(sizeof(*task));

    set_status(task->desired, "RUNNING");
    set_status(task->last, "PENDING");
    task->containers = eca_xalloc((eca_json_count(definitions) + 1) * sizeof(*task->containers));
    for (eca_json it = eca_json_first(definitions); it != NULL; it = eca_json_next(it)) {
        struct hns_served_container *container = &task->containers[task->container_count++];
        const char *name = "";

        (void)eca_json_read_str(it, "", "name", &name, NULL);
        container->name = eca_xstrdup(name);
        set_status(container->status, "PENDING");
    }
    return task;
}

void hns_served_task_free(struct hns_served_task *task)
{
    if (task == NULL) {
        return;
    }
    for (size_t i = 0; i < task->container_count; i++) {
        eca_free(task->containers[i].name);
        eca_free(task->containers[i].reason);
        eca_free(task->containers[i].bindings);
    }
    char *const texts[] = {task->arn,        task->definition_arn, task->family,
                           task->revision,   task->cluster,        task->instance_arn,
                           task->started_by, task->stopped_reason};
    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        eca_free(texts[i]);
    }
    eca_free(task->containers);
    eca_free(task);
}

static void container_submitted(struct hns_served_container *container, eca_json body,
                                const char *status, const char *reason)
{
    eca_auto_buf struct eca_buf bindings = {0};

    set_status(container->status, status);
    if (eca_json_get(body, "exitCode") != NULL) {
        container->has_exit_code = true;
        (void)eca_json_read_i64(body, "", "exitCode", &container->exit_code, NULL);
    }
    if (reason[0] != '\0') {
        set_text(&container->reason, reason);
    }
    if (eca_json_count(eca_json_get(body, "networkBindings")) > 0) {
        eca_json_print(eca_json_get(body, "networkBindings"), &bindings);
        set_text(&container->bindings, eca_buf_str(&bindings));
    }
}

void hns_served_task_submitted(struct hns_served_task *task, eca_json body, int64_t wall_ms)
{
    const char *name = NULL, *status = "", *reason = "";

    (void)eca_json_read_str(body, "", "containerName", &name, NULL);
    (void)eca_json_read_str(body, "", "status", &status, NULL);
    (void)eca_json_read_str(body, "", "reason", &reason, NULL);
    for (size_t i = 0; name != NULL && i < task->container_count; i++) {
        if (strcmp(task->containers[i].name, name) == 0) {
            container_submitted(&task->containers[i], body, status, reason);
        }
    }
    if (name != NULL) {
        return;
    }
    set_status(task->last, status);
    if (strcmp(status, "RUNNING") == 0) {
        task->started_ms = wall_ms;
    } else if (strcmp(status, "STOPPED") == 0) {
        task->stopped_ms = wall_ms;
        if (task->stopped_reason == NULL) { /* nobody asked for it */
            set_text(&task->stopped_reason,
                     reason[0] != '\0' ? reason : "Essential container in task exited");
        }
        set_status(task->desired, "STOPPED");
    }
}

static void write_time(struct eca_json_writer *w, const char *key, int64_t wall_ms)
{
    if (wall_ms > 0) { /* seconds since the epoch, as JSON 1.1 has them */
        eca_jw_double(w, key, (double)wall_ms / 1000);
    }
}

static void write_container(const struct hns_served_task *task,
                            const struct hns_served_container *container, const char *region,
                            const char *account, struct eca_json_writer *w)
{
    const char *id = strrchr(task->arn, '/') + 1;
    eca_auto_free char *arn =
        eca_xasprintf("arn:aws:ecs:%s:%s:container/%s-%s", region, account, id, container->name);

    eca_jw_object(w, NULL);
    eca_jw_str(w, "containerArn", arn);
    eca_jw_str(w, "taskArn", task->arn);
    eca_jw_str(w, "name", container->name);
    eca_jw_str(w, "lastStatus", container->status);
    if (container->has_exit_code) {
        eca_jw_i64(w, "exitCode", container->exit_code);
    }
    if (container->reason != NULL) {
        eca_jw_str(w, "reason", container->reason);
    }
    eca_jw_raw(w, "networkBindings",
               eca_view_str(container->bindings == NULL ? "[]" : container->bindings));
    eca_jw_end_object(w);
}

void hns_served_task_write(const struct hns_served_task *task, const char *region,
                           const char *account, struct eca_json_writer *w)
{
    eca_auto_free char *cluster_arn =
        eca_xasprintf("arn:aws:ecs:%s:%s:cluster/%s", region, account, task->cluster);

    eca_jw_object(w, NULL);
    eca_jw_str(w, "taskArn", task->arn);
    eca_jw_str(w, "clusterArn", cluster_arn);
    eca_jw_str(w, "containerInstanceArn", task->instance_arn);
    eca_jw_str(w, "taskDefinitionArn", task->definition_arn);
    eca_jw_str(w, "desiredStatus", task->desired);
    eca_jw_str(w, "lastStatus", task->last);
    if (task->started_by != NULL) {
        eca_jw_str(w, "startedBy", task->started_by);
    }
    if (task->stopped_reason != NULL) {
        eca_jw_str(w, "stoppedReason", task->stopped_reason);
    }
    write_time(w, "createdAt", task->created_ms);
    write_time(w, "startedAt", task->started_ms);
    write_time(w, "stoppedAt", task->stopped_ms);
    eca_jw_array(w, "containers");
    for (size_t i = 0; i < task->container_count; i++) {
        write_container(task, &task->containers[i], region, account, w);
    }
    eca_jw_end_array(w);
    eca_jw_end_object(w);
}
