#ifndef ECA_DOCKER_INSPECT_H
#define ECA_DOCKER_INSPECT_H

#include "agent/base/json.h"
#include "agent/ports/runtime.h"

/*
 * An inspect answer of any daemon generation as facts (DKR-701..707). The parsed object owns the
 * arrays of `info`; texts live in its document.
 */
struct eca_docker_inspection {
    struct eca_json_doc *doc;
    struct eca_container_info info;
    struct eca_port_binding *bindings;
    struct eca_container_mount *mounts;
};
int eca_docker_inspect_parse(struct eca_view body, struct eca_docker_inspection *ret,
                             struct eca_err *err);
void eca_docker_inspection_clear(struct eca_docker_inspection *inspection);

/* Error that the facts themselves are (DKR-703): out of memory wins over State.Error. */
void eca_docker_state_error(const struct eca_container_info *info, struct eca_named_error *error);

#endif
