#ifndef HARNESS_RECORD_TAP_H
#define HARNESS_RECORD_TAP_H

#include "agent/agent.h"

/* A flight recording of an agent in this process, as ecs-agent makes one of itself. Every function
 * takes NULL: nothing is recorded then. */
struct hns_tap;

/* Puts a recorder before opts->ports. NULL when path is NULL or cannot be written (said on stderr).
 */
struct hns_tap *hns_tap_new(const char *path, struct eca_agent_opts *opts);
void hns_tap_start(struct hns_tap *tap, struct eca_agent *agent);
void hns_tap_terminate(struct hns_tap *tap, struct eca_agent *agent);
void hns_tap_exit(struct hns_tap *tap, int code);
void hns_tap_stop(struct hns_tap *tap); /* before the agent is freed */
void hns_tap_free(struct hns_tap *tap); /* after the agent */

#endif
