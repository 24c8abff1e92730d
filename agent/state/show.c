#include "agent/state/show.h"

#include "agent/base/json.h"
#include "agent/engine/task_json.h"
#include "agent/state/identity.h"

struct show {
    struct eca_buf *out;
    size_t counts[ECA_RECORD_KINDS];
    size_t containers, pending, damaged;
};

static int show_identity(struct show *show, struct eca_view value, struct eca_err *err)
{
    struct eca_identity identity;
    int rc;

    eca_identity_init(&identity);
    rc = eca_identity_parse(value, &identity, err);
    if (rc == ECA_OK) {
        eca_buf_addf(show->out, "identity cluster=%s containerInstanceArn=%s ec2InstanceId=%s\n",
                     identity.cluster, identity.instance_arn, identity.instance_id);
    }
    eca_identity_clear(&identity);
    return rc;
}

/* What the agent will submit as soon as it can (SEND-108). */
static void show_unsent(struct show *show, const char *what, const char *name,
                        enum eca_status known, enum eca_status sent)
{
    if (known >= ECA_STATUS_RUNNING && sent < known) {
        eca_buf_addf(show->out, "  pending %s%s %s\n", what, name, eca_status_name(known));
        show->pending++;
    }
}

static int show_task(struct show *show, struct eca_view value, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_task struct eca_task *task = NULL;

    if (eca_json_parse(value, &doc, err) < 0 ||
        eca_task_from_state(eca_json_root(doc), &task, err) < 0) {
        return ECA_E_INVALID;
    }
    eca_buf_addf(show->out, "task %s %s:%s known=%s desired=%s sent=%s\n", task->arn, task->family,
                 task->version, eca_status_name(task->known), eca_status_name(task->desired),
                 eca_status_name(task->sent));
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *c = &task->containers[i];

        eca_buf_addf(show->out, "  container %s known=%s desired=%s sent=%s id=%s name=%s\n",
                     c->name, eca_status_name(c->known), eca_status_name(c->desired),
                     eca_status_name(c->sent), c->docker_id == NULL ? "-" : c->docker_id,
                     c->docker_name == NULL ? "-" : c->docker_name);
    }
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *c = &task->containers[i];

        if (!c->internal) {
            show_unsent(show, "container ", c->name, c->known, c->sent);
        }
    }
    show_unsent(show, "task", "", task->known, task->sent);
    show->containers += task->container_count;
    return ECA_OK;
}

/* A task that was rejected (PAY-130). */
static int show_report(struct show *show, struct eca_view value, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *task = NULL, *reason = "";

    if (eca_json_parse(value, &doc, err) < 0 ||
        eca_json_read_str(eca_json_root(doc), "report", "task", &task, err) < 0 ||
        eca_json_read_str(eca_json_root(doc), "report", "reason", &reason, err) < 0) {
        return ECA_E_INVALID;
    }
    if (task == NULL || task[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "report: no task");
    }
    eca_buf_addf(show->out, "pending task %s STOPPED: %s\n", task, reason);
    show->pending++;
    return ECA_OK;
}

/* Only the key: it says which image, the rest is in the export. */
static int show_key(struct show *show, const char *what, const struct eca_record *record,
                    struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (eca_json_parse(record->value, &doc, err) < 0) {
        return ECA_E_INVALID;
    }
    eca_buf_addf(show->out, "%s %s\n", what, record->key);
    return ECA_OK;
}

static int show_usable(struct show *show, const struct eca_record *record, struct eca_err *err)
{
    switch (record->kind) {
    case ECA_RECORD_IDENTITY:
        return show_identity(show, record->value, err);
    case ECA_RECORD_TASK:
        return show_task(show, record->value, err);
    case ECA_RECORD_IMAGE:
        return show_key(show, "image", record, err);
    case ECA_RECORD_REPORT:
        return show_report(show, record->value, err);
    case ECA_RECORD_UPDATE:
        return show_key(show, "update", record, err);
    case ECA_RECORD_KINDS:
        break;
    }
    return ECA_OK;
}

static int show_record(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct show *show = arg;
    struct eca_err why = {0};

    (void)err; /* one damaged record must not hide the others */
    if (show_usable(show, record, &why) < 0) {
        show->damaged++;
        eca_buf_addf(show->out, "damaged %s: %s\n", record->key, why.msg);
    } else {
        show->counts[record->kind]++;
    }
    return ECA_OK;
}

int eca_state_show(struct eca_store store, struct eca_buf *out, size_t *ret_damaged,
                   struct eca_err *err)
{
    struct show show = {.out = out};
    int rc = eca_store_load(store, show_record, &show, err);

    if (rc < 0) {
        return rc;
    }
    eca_buf_addf(out, "%zu tasks, %zu containers, %zu images, %zu pending, %zu damaged\n",
                 show.counts[ECA_RECORD_TASK], show.containers, show.counts[ECA_RECORD_IMAGE],
                 show.pending, show.damaged);
    *ret_damaged = show.damaged;
    return ECA_OK;
}
