#ifndef HARNESS_SERVE_TASKS_H
#define HARNESS_SERVE_TASKS_H

#include "agent/base/json.h"
#include "agent/base/map.h"

/* What the control plane remembers of a task, and how the API shows it. */
struct hns_served_container {
    char *name;
    char status[16]; /* PENDING RUNNING STOPPED */
    bool has_exit_code;
    int64_t exit_code;
    char *reason, *bindings; /* bindings: JSON list */
};

struct hns_served_task {
    char *arn, *definition_arn, *family, *revision, *cluster, *instance_arn, *started_by;
    char desired[16], last[16];
    char *stopped_reason;
    int64_t created_ms, started_ms, stopped_ms; /* wall time; 0 = not yet */
    struct hns_served_container *containers;
    size_t container_count;
};

struct hns_served_task *hns_served_task_new(eca_json definitions);
void hns_served_task_free(struct hns_served_task *task); /* NULL ok */
/* A submission of the agent: of the task, or with containerName of a container. */
void hns_served_task_submitted(struct hns_served_task *task, eca_json body, int64_t wall_ms);
/* One member of DescribeTasks.tasks. */
void hns_served_task_write(const struct hns_served_task *task, const char *region,
                           const char *account, struct eca_json_writer *w);

#endif
