#include "agent/state/import.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/engine/task_json.h"
#include "agent/state/identity.h"

struct import {
    struct eca_map *tasks; /* ARN -> struct eca_task, owned */
    eca_record_fn *on_record;
    void *arg;
    struct eca_import_notes notes;
};

static void import_clear(struct import *import)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(import->tasks, &cursor, &key, &value)) {
        eca_task_free(value);
    }
    eca_map_free(import->tasks);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int read_text(eca_json object, const char *key, const char **ret, struct eca_err *err)
{
    eca_json value = eca_json_get_nocase(object, key);

    *ret = "";
    if (eca_json_is_null(value)) {
        return ECA_OK;
    }
    if (eca_json_type(value) != ECA_JSON_STRING) {
        return eca_err_set(err, ECA_E_INVALID, "%s: want string, have %s", key,
                           eca_json_type_name(eca_json_type(value)));
    }
    *ret = eca_json_str(value);
    return ECA_OK;
}

static int read_member(eca_json object, const char *key, enum eca_json_type type, eca_json *ret,
                       struct eca_err *err)
{
    eca_json value = eca_json_get_nocase(object, key);

    *ret = NULL;
    if (eca_json_is_null(value)) {
        return ECA_OK;
    }
    if (eca_json_type(value) != type) {
        return eca_err_set(err, ECA_E_INVALID, "%s: want %s, have %s", key,
                           eca_json_type_name(type), eca_json_type_name(eca_json_type(value)));
    }
    *ret = value;
    return ECA_OK;
}

static eca_json children(eca_json parent)
{
    return parent == NULL ? NULL : eca_json_first(parent);
}

static int read_version(eca_json root, struct eca_err *err)
{
    eca_json version;
    int64_t number = 0;

    if (eca_json_type(root) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "want object, have %s",
                           eca_json_type_name(eca_json_type(root)));
    }
    if (read_member(root, "Version", ECA_JSON_NUMBER, &version, err) < 0 ||
        (version != NULL && eca_json_i64(version, &number, err) < 0)) {
        return ECA_E_INVALID;
    }
    if (number > ECA_STATE_FILE_VERSION) {
        return eca_err_set(err, ECA_E_DENIED, "Unsupported data format: Version %lld not %d",
                           (long long)number, ECA_STATE_FILE_VERSION);
    }
    return ECA_OK;
}

static int read_tasks(struct import *import, eca_json engine, struct eca_err *err)
{
    eca_json list;

    if (read_member(engine, "Tasks", ECA_JSON_ARRAY, &list, err) < 0) {
        return ECA_E_INVALID;
    }
    for (eca_json item = children(list); item != NULL; item = eca_json_next(item)) {
        struct eca_task *task = NULL;

        if (eca_task_from_state(item, &task, err) < 0) {
            return ECA_E_INVALID;
        }
        eca_task_free(eca_map_put(import->tasks, task->arn, task));
    }
    return ECA_OK;
}

static void replace(char **text, const char *value)
{
    eca_free(*text);
    *text = eca_xstrdup(value);
}

/* One docker id: which container of which task it is. The copy of the container in the file counts
 * for its name only (ENG-124). */
static int read_mapping(struct import *import, eca_json mapping, eca_json id_to_task,
                        struct eca_err *err)
{
    const char *id = eca_json_key(mapping);
    eca_json arn = id_to_task == NULL ? NULL : eca_json_get(id_to_task, id);
    struct eca_task *task;
    struct eca_container *container;
    const char *docker_name, *name;
    eca_json copy;

    if (eca_json_type(mapping) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "IdToContainer: want objects");
    }
    if (read_text(mapping, "DockerName", &docker_name, err) < 0 ||
        read_member(mapping, "Container", ECA_JSON_OBJECT, &copy, err) < 0 ||
        read_text(copy, "Name", &name, err) < 0) {
        return ECA_E_INVALID;
    }
    task = eca_json_type(arn) == ECA_JSON_STRING ? eca_map_get(import->tasks, eca_json_str(arn))
                                                 : NULL;
    container = task == NULL ? NULL : eca_task_find(task, name);
    if (container == NULL || container->docker_id != NULL) {
        import->notes.orphans++; /* v1.13.1 does not start with such a file (ENG-122) */
        return ECA_OK;
    }
    replace(&container->docker_id, id);
    if (docker_name[0] != '\0') {
        replace(&container->docker_name, docker_name[0] == '/' ? docker_name + 1 : docker_name);
    }
    return ECA_OK;
}

static int read_mappings(struct import *import, eca_json engine, struct eca_err *err)
{
    eca_json ids, tasks;

    if (read_member(engine, "IdToContainer", ECA_JSON_OBJECT, &ids, err) < 0 ||
        read_member(engine, "IdToTask", ECA_JSON_OBJECT, &tasks, err) < 0) {
        return ECA_E_INVALID;
    }
    for (eca_json mapping = children(ids); mapping != NULL; mapping = eca_json_next(mapping)) {
        if (read_mapping(import, mapping, tasks, err) < 0) {
            return ECA_E_INVALID;
        }
    }
    return ECA_OK;
}

/* ---- handing out ---------------------------------------------------------------------------- */

static int give(struct import *import, enum eca_record_kind kind, const char *key,
                const struct eca_buf *text, struct eca_err *err)
{
    struct eca_record record = {kind, key, eca_view_of(eca_buf_str(text), text->len)};

    return import->on_record(import->arg, &record, err);
}

static int give_identity(struct import *import, eca_json data, struct eca_err *err)
{
    struct eca_identity identity;
    eca_auto_buf struct eca_buf text = {0};
    const char *cluster, *arn, *id;

    if (read_text(data, "Cluster", &cluster, err) < 0 ||
        read_text(data, "ContainerInstanceArn", &arn, err) < 0 ||
        read_text(data, "EC2InstanceID", &id, err) < 0) {
        return ECA_E_INVALID;
    }
    eca_identity_init(&identity);
    eca_identity_set(&identity.cluster, cluster);
    eca_identity_set(&identity.instance_arn, arn);
    eca_identity_set(&identity.instance_id, id);
    eca_identity_write(&identity, &text);
    eca_identity_clear(&identity);
    return give(import, ECA_RECORD_IDENTITY, ECA_IDENTITY_KEY, &text, err);
}

static int give_tasks(struct import *import, struct eca_err *err)
{
    size_t cursor = 0;
    const char *key;
    void *value;
    int rc = ECA_OK;

    while (rc == ECA_OK && eca_map_next(import->tasks, &cursor, &key, &value)) {
        const struct eca_task *task = value;
        eca_auto_buf struct eca_buf text = {0};
        struct eca_json_writer w = eca_json_writer_to(&text);

        eca_task_to_state(task, &w, NULL, true);
        import->notes.tasks++;
        import->notes.containers += task->container_count;
        rc = give(import, ECA_RECORD_TASK, key, &text, err);
    }
    return rc;
}

/* An image state's record is that form itself; one without an id is never kept (IMG-102). */
static int give_images(struct import *import, eca_json engine, struct eca_err *err)
{
    eca_json list;
    int rc = read_member(engine, "ImageStates", ECA_JSON_ARRAY, &list, err);

    for (eca_json item = rc == ECA_OK ? children(list) : NULL; rc == ECA_OK && item != NULL;
         item = eca_json_next(item)) {
        eca_json id = eca_json_get_nocase(eca_json_get_nocase(item, "Image"), "ImageID");
        eca_auto_buf struct eca_buf text = {0};

        if (eca_json_type(id) == ECA_JSON_STRING && eca_json_str(id)[0] != '\0') {
            eca_json_print(item, &text);
            import->notes.images++;
            rc = give(import, ECA_RECORD_IMAGE, eca_json_str(id), &text, err);
        }
    }
    return rc;
}

static size_t count_unknown(eca_json data)
{
    static const char *const known[] = {"TaskEngine", "ContainerInstanceArn", "Cluster",
                                        "EC2InstanceID", "ACSSeqNum"};
    size_t unknown = 0;

    for (eca_json member = children(data); member != NULL; member = eca_json_next(member)) {
        bool found = false;

        for (size_t i = 0; i < ECA_ARRAY_LEN(known) && !found; i++) {
            found = eca_view_eq_nocase(eca_view_str(eca_json_key(member)), known[i]);
        }
        unknown += found ? 0 : 1;
    }
    return unknown;
}

static int import_data(struct import *import, eca_json data, struct eca_err *err)
{
    eca_json engine;

    if (read_member(data, "TaskEngine", ECA_JSON_OBJECT, &engine, err) < 0 ||
        read_tasks(import, engine, err) < 0 || read_mappings(import, engine, err) < 0) {
        return ECA_E_INVALID;
    }
    import->notes.unknown_keys = count_unknown(data);
    int rc = give_identity(import, data, err);

    rc = rc == ECA_OK ? give_tasks(import, err) : rc;
    return rc == ECA_OK ? give_images(import, engine, err) : rc;
}

int eca_state_import(struct eca_view file, eca_record_fn *on_record, void *arg,
                     struct eca_import_notes *ret_notes, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct import import = {.on_record = on_record, .arg = arg};
    eca_json data = NULL;
    int rc;

    if (eca_json_parse(file, &doc, err) < 0) {
        return eca_err_wrap(err, "state file");
    }
    rc = read_version(eca_json_root(doc), err);
    if (rc == ECA_OK) {
        rc = read_member(eca_json_root(doc), "Data", ECA_JSON_OBJECT, &data, err);
    }
    if (rc == ECA_OK) {
        import.tasks = eca_map_new();
        rc = import_data(&import, data, err);
        *ret_notes = import.notes;
        import_clear(&import);
    }
    return rc == ECA_E_INVALID ? eca_err_wrap(err, "state file") : rc;
}
