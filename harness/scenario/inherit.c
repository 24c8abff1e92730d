#include "harness/scenario/inside.h"

#include "agent/base/mem.h"
#include "agent/ports/store.h"

/* What another agent left: its state file, its instance at ECS, its containers at Docker. */

static int read_beside(const struct hns_node *node, const char *file, struct eca_buf *out,
                       struct eca_err *err)
{
    eca_auto_free char *path = hns_path_beside(node->file, file);

    return hns_file_read(path, out, err) < 0 ? eca_err_wrap(err, "%s", path) : ECA_OK;
}

static const char *member(eca_json data, const char *name)
{
    eca_json value = eca_json_get(data, name);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : "";
}

/* ECS knows the instance that the file names. */
static int know_instance(struct hns_run *run, struct eca_view file, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json data;

    if (eca_json_parse(file, &doc, err) < 0) {
        return ECA_E_INVALID;
    }
    data = eca_json_get(eca_json_root(doc), "Data");
    if (member(data, "ContainerInstanceArn")[0] != '\0') {
        fake_ecs_add_instance(run->cast.ecs, member(data, "ContainerInstanceArn"),
                              member(data, "Cluster"), "");
    }
    return ECA_OK;
}

static int inherit_state(struct hns_run *run, const struct hns_node *node, struct eca_err *err)
{
    eca_auto_buf struct eca_buf text = {0};

    return read_beside(node, hns_run_text(run, node), &text, err) == ECA_OK &&
                   know_instance(run, eca_buf_view(&text), err) == ECA_OK &&
                   run->stage.ops->file_write(run->stage.impl, ECA_STATE_FILE, eca_buf_view(&text),
                                              err) == ECA_OK
               ? ECA_OK
               : ECA_E_INVALID;
}

static int inherit_containers(struct hns_run *run, const struct hns_node *node, struct eca_err *err)
{
    eca_auto_buf struct eca_buf text = {0};

    return read_beside(node, hns_run_text(run, node), &text, err) == ECA_OK &&
                   fake_docker_inherit(run->cast.docker, eca_buf_view(&text), err) == ECA_OK
               ? ECA_OK
               : ECA_E_INVALID;
}

void hns_cast_inherit(struct hns_run *run)
{
    const struct hns_node *state = hns_run_world(run, "state_file", NULL);
    const struct hns_node *containers = hns_run_world(run, "docker", "inspected");
    struct eca_err err = {0};

    if (state != NULL && inherit_state(run, state, &err) < 0) {
        hns_fail(run, state, "the state file cannot be used: %s", err.msg);
    } else if (containers != NULL && run->cast.docker != NULL &&
               inherit_containers(run, containers, &err) < 0) {
        hns_fail(run, containers, "the containers cannot be used: %s", err.msg);
    }
}
