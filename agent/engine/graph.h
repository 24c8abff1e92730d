#ifndef ECA_ENGINE_GRAPH_H
#define ECA_ENGINE_GRAPH_H

#include "agent/engine/task.h"

/* Dependencies between the containers of a task (DEP-101..121). Pure. */

/* May the container's next step begin? (DEP-101, DEP-102). False: *ret_on (may be NULL) names what
 * it waits for, borrowed from the task. */
bool eca_graph_holds(const struct eca_container *container, const char **ret_on);

/* A link target that has ended for ever while the container does not run yet (DEP-104): its name;
 * else NULL. */
const char *eca_graph_dead_link(const struct eca_container *container);

/*
 * The whole graph (DEP-110, DEP-120): true = every container can start. For each that never can,
 * `impossible` is called with the reason text.
 */
typedef void eca_graph_fn(void *arg, struct eca_container *container, const char *text);
bool eca_graph_check(struct eca_task *task, eca_graph_fn *impossible, void *arg);

/* Length of a link's target name: the part before the first colon (DEP-101). */
size_t eca_link_target_len(const char *link);

#endif
