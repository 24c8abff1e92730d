#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

/*
 * Are the tasks where they belong? Looked at when nothing is broken any more: whatever happened
 * before, an agent has to get there. A task stopped without a cause is no matter of patience.
 */
struct task_view {
    const char *name;
    const char *prefix; /* "name/" */
    const struct hns_node *containers;
    const char *status; /* at ECS */
};

static void add(struct eca_buf *why, const char *fmt, const char *a, const char *b)
{
    eca_buf_add_str(why, why->len == 0 ? "" : "; ");
    eca_buf_addf(why, "%s %s %s", a, fmt, b);
}

static bool is_true(const struct hns_node *map, const char *key, bool otherwise)
{
    bool value = otherwise;
    const struct hns_node *node = hns_node_get(map, key);

    return node != NULL && hns_node_is_bool(node, &value) ? value : otherwise;
}

/* ---- what at Docker may have ended tasks, read once -------------------------------------------
 */

struct hns_causes {
    size_t seen;                /* events of the trace that were read */
    bool of_all;                /* the daemon was away, or answered as a fault wanted */
    struct eca_map *containers; /* "task/container" that ended or failed -> this */
    struct eca_map *images;     /* that could not be had -> this */
};

struct hns_causes *hns_causes_new(void)
{
    struct hns_causes *causes = eca_xalloc(sizeof(*causes));

    causes->containers = eca_map_new();
    causes->images = eca_map_new();
    return causes;
}

void hns_causes_free(struct hns_causes *causes)
{
    if (causes != NULL) {
        eca_map_free(causes->containers);
        eca_map_free(causes->images);
        eca_free(causes);
    }
}

static void keep(struct eca_map *map, eca_json text, void *value)
{
    if (eca_json_type(text) == ECA_JSON_STRING) {
        (void)eca_map_put(map, eca_json_str(text), value);
    }
}

static void read_event(struct hns_causes *causes, const struct fake_event *event)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    size_t len = strlen(event->name);
    bool docker = event->lane == FAKE_LANE_DOCKER;
    bool failed = docker && len > 7 && strcmp(event->name + len - 7, ".failed") == 0;
    bool fault = event->lane == FAKE_LANE_SCENARIO && strcmp(event->name, "fault") == 0;
    bool ends =
        docker && (strcmp(event->name, "exited") == 0 || strcmp(event->name, "removed") == 0);
    eca_json fields;

    if (docker && strcmp(event->name, "daemon-down") == 0) {
        causes->of_all = true;
        return;
    }
    if (!(fault || failed || ends) || eca_json_parse(eca_view_str(event->fields), &doc, NULL) < 0) {
        return;
    }
    fields = eca_json_root(doc);
    if (fault) {
        eca_json party = eca_json_get(fields, "party");

        causes->of_all |= eca_json_type(party) == ECA_JSON_STRING &&
                          strncmp(eca_json_str(party), "docker", strlen("docker")) == 0;
        return;
    }
    keep(causes->containers, eca_json_get(fields, "container"), causes);
    if (failed) {
        keep(causes->images, eca_json_get(fields, "image"), causes);
    }
}

static bool uses_image(const struct task_view *task, const char *image)
{
    for (size_t i = 0; i < task->containers->count; i++) {
        const struct hns_node *own = hns_node_get(task->containers->items[i], "image");
        const char *name = own == NULL ? "busybox" : own->text;

        if (strncmp(image, name, strlen(name)) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_cause(struct hns_run *run, const struct task_view *task)
{
    struct hns_causes *causes = run->causes;
    size_t cursor = 0;
    const char *key;
    void *value;

    for (; causes->seen < fake_trace_count(run->stage.base.trace); causes->seen++) {
        read_event(causes, fake_trace_at(run->stage.base.trace, causes->seen));
    }
    if (causes->of_all || eca_map_get(run->stops, task->name) != NULL) {
        return true;
    }
    while (eca_map_next(causes->containers, &cursor, &key, &value)) {
        if (strncmp(key, task->prefix, strlen(task->prefix)) == 0) {
            return true;
        }
    }
    cursor = 0;
    while (eca_map_next(causes->images, &cursor, &key, &value)) {
        if (uses_image(task, key)) {
            return true;
        }
    }
    return false;
}

/* ---- where the tasks are ----------------------------------------------------------------------
 */

/* True: wrong. */
static bool stopped_differs(struct hns_run *run, const struct task_view *task, struct eca_buf *why)
{
    if (fake_docker_running(run->cast.docker, task->name) > 0) {
        add(why, "is STOPPED at ECS and", task->name, "runs at Docker");
    } else if (!has_cause(run, task)) {
        add(why, "is STOPPED", task->name, "without a cause");
        return true;
    }
    return false;
}

static void container_differs(struct hns_run *run, const struct task_view *task,
                              const struct hns_node *container, struct eca_buf *why)
{
    const char *name = hns_node_get(container, "name")->text;
    eca_auto_free char *ref = eca_xasprintf("%s%s", task->prefix, name);
    enum fake_docker_state state = fake_docker_state(run->cast.docker, ref);
    const char *status =
        fake_ecs_container_status(run->cast.ecs, hns_task_arn(run, task->name), name);
    bool runs = state == FAKE_DOCKER_RUNNING || state == FAKE_DOCKER_PAUSED;

    status = status == NULL ? "NONE" : status;
    if (is_true(container, "essential", true) && !runs) {
        add(why, "does not run at Docker, and the task is not STOPPED at ECS:", ref, status);
    } else if (runs != (strcmp(status, "RUNNING") == 0)) {
        add(why, runs ? "runs at Docker, at ECS it is" : "does not run at Docker, at ECS it is",
            ref, status);
    }
}

bool hns_settled_differs(struct hns_run *run, struct eca_buf *why)
{
    size_t cursor = 0;
    bool wrong = false;
    const char *name;
    void *value;

    if (fake_acs_unacknowledged_payload(run->cast.acs) != NULL) {
        add(why, "is not", fake_acs_unacknowledged_payload(run->cast.acs), "acknowledged");
    }
    while (run->cast.docker != NULL && eca_map_next(run->sent, &cursor, &name, &value)) {
        const char *status = fake_ecs_task_status(run->cast.ecs, hns_task_arn(run, name));
        eca_auto_free char *prefix = eca_xasprintf("%s/", name);
        struct task_view task = {name, prefix, hns_node_get(value, "containers"),
                                 status == NULL ? "NONE" : status};

        if (task.containers == NULL || task.containers->kind != HNS_LIST) {
            continue; /* from a file or as JSON: nothing is known of it here */
        }
        if (strcmp(task.status, "STOPPED") == 0) {
            wrong = stopped_differs(run, &task, why) || wrong;
            continue;
        }
        if (eca_map_get(run->stops, name) != NULL) {
            add(why, "was asked to stop and is", name, task.status);
        } else if (strcmp(task.status, "RUNNING") != 0) {
            add(why, "is not RUNNING but", name, task.status);
        }
        for (size_t i = 0; i < task.containers->count; i++) {
            container_differs(run, &task, task.containers->items[i], why);
        }
    }
    return wrong;
}
