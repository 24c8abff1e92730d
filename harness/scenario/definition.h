#ifndef HARNESS_SCENARIO_DEFINITION_H
#define HARNESS_SCENARIO_DEFINITION_H

#include "agent/base/json.h"

/*
 * One container of an ECS task definition (a member of its containerDefinitions) as it stands in a
 * PayloadMessage. override: a member of a run's containerOverrides (command, environment), or NULL.
 */
void hns_definition_container(struct eca_json_writer *w, eca_json container, eca_json override);
/* ECA_E_INVALID: a member that is unknown, or younger than the agent (healthCheck, secrets). */
int hns_definition_check(eca_json container, struct eca_err *err);

#endif
