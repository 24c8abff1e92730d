#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/engine/task_json.h"
#include "agent/state/identity.h"
#include "agent/state/import.h"

struct collected {
    struct eca_identity identity;
    struct eca_task **tasks;
    size_t task_count;
    char **images;
    size_t image_count;
};

static void collected_clear(struct collected *all)
{
    for (size_t i = 0; i < all->task_count; i++) {
        eca_task_free(all->tasks[i]);
    }
    for (size_t i = 0; i < all->image_count; i++) {
        eca_free(all->images[i]);
    }
    eca_free(all->tasks);
    eca_free(all->images);
    eca_identity_clear(&all->identity);
}

static int collect_task(struct collected *all, struct eca_view value, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_task *task = NULL;

    if (eca_json_parse(value, &doc, err) < 0 ||
        eca_task_from_state(eca_json_root(doc), &task, err) < 0) {
        return ECA_E_INVALID;
    }
    all->tasks = eca_xrealloc_array(all->tasks, all->task_count + 1, sizeof(struct eca_task *));
    all->tasks[all->task_count++] = task;
    return ECA_OK;
}

static int collect(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct collected *all = arg;

    switch (record->kind) {
    case ECA_RECORD_IDENTITY:
        return eca_identity_parse(record->value, &all->identity, err);
    case ECA_RECORD_TASK:
        return collect_task(all, record->value, err);
    case ECA_RECORD_IMAGE:
        all->images = eca_xrealloc_array(all->images, all->image_count + 1, sizeof(*all->images));
        all->images[all->image_count++] = eca_xstrndup(record->value.at, record->value.len);
        break;
    case ECA_RECORD_REPORT: /* v1.13.1 keeps none */
    case ECA_RECORD_UPDATE:
    case ECA_RECORD_KINDS:
        break;
    }
    return ECA_OK;
}

/* Both maps know only containers with an id, as v1.13.1 has them (ENG-125). */
static void write_mappings(struct eca_json_writer *w, const struct collected *all, bool to_task)
{
    eca_jw_object(w, to_task ? "IdToTask" : "IdToContainer");
    for (size_t i = 0; i < all->task_count; i++) {
        const struct eca_task *task = all->tasks[i];

        for (size_t j = 0; j < task->container_count; j++) {
            const struct eca_container *container = &task->containers[j];

            if (container->docker_id == NULL) {
                continue;
            }
            if (to_task) {
                eca_jw_str(w, container->docker_id, task->arn);
                continue;
            }
            eca_jw_object(w, container->docker_id);
            eca_jw_str(w, "DockerId", container->docker_id);
            eca_jw_str(w, "DockerName",
                       container->docker_name == NULL ? "" : container->docker_name);
            eca_container_to_state(container, w, "Container", false);
            eca_jw_end_object(w);
        }
    }
    eca_jw_end_object(w);
}

static void write_engine(struct eca_json_writer *w, const struct collected *all)
{
    eca_jw_object(w, "TaskEngine");
    eca_jw_array(w, "Tasks");
    for (size_t i = 0; i < all->task_count; i++) {
        eca_task_to_state(all->tasks[i], w, NULL, false);
    }
    eca_jw_end_array(w);
    write_mappings(w, all, false);
    write_mappings(w, all, true);
    if (all->image_count == 0) {
        eca_jw_null(w, "ImageStates");
    } else {
        eca_jw_array(w, "ImageStates");
        for (size_t i = 0; i < all->image_count; i++) {
            eca_jw_raw(w, NULL, eca_view_str(all->images[i]));
        }
        eca_jw_end_array(w);
    }
    eca_jw_end_object(w);
}

int eca_state_export(struct eca_store store, struct eca_buf *out, struct eca_err *err)
{
    struct collected all = {0};
    struct eca_json_writer w = eca_json_writer_to(out);
    int rc;

    eca_identity_init(&all.identity);
    rc = eca_store_load(store, collect, &all, err);
    if (rc == ECA_OK) {
        eca_jw_object(&w, NULL);
        eca_jw_object(&w, "Data");
        eca_jw_i64(&w, "ACSSeqNum", 1);
        eca_jw_str(&w, "Cluster", all.identity.cluster);
        eca_jw_str(&w, "ContainerInstanceArn", all.identity.instance_arn);
        eca_jw_str(&w, "EC2InstanceID", all.identity.instance_id);
        write_engine(&w, &all);
        eca_jw_end_object(&w);
        eca_jw_i64(&w, "Version", ECA_STATE_FILE_VERSION);
        eca_jw_end_object(&w);
    }
    collected_clear(&all);
    return rc;
}
