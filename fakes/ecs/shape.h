#ifndef FAKES_ECS_SHAPE_H
#define FAKES_ECS_SHAPE_H

#include "agent/base/json.h"

/*
 * The types of every member that an agent's operations have in the service's model, those that only
 * later agents send included: the service refuses a wrong type before it looks at any value, and
 * does not mind members that it does not know. False: `why` holds the sentence, with the path. An
 * operation without a model has no flaw.
 */
bool fake_ecs_shape_fits(const char *operation, eca_json body, struct eca_buf *why);
/* First thing wrong with the values of a registration (API-601), or NULL; its types fit. */
const char *fake_ecs_registration_flaw(eca_json body);
/* 1 to 255 letters, digits, '-' and '_'. */
bool fake_ecs_cluster_name_fits(const char *name);

#endif
