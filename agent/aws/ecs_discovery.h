#ifndef ECA_AWS_ECS_DISCOVERY_H
#define ECA_AWS_ECS_DISCOVERY_H

#include "agent/aws/ecs_client.h"

/* DiscoverPollEndpoint with its cache: the part of the ECS client behind eca_ecs_discover (FB-24).
 */
struct eca_ecs_discovery;
struct eca_ecs_discovery_wait;

/* service is borrowed for life. */
struct eca_ecs_discovery *eca_ecs_discovery_new(struct eca_aws_service *service,
                                                const struct eca_ecs_opts *opts);
void eca_ecs_discovery_free(struct eca_ecs_discovery *discovery); /* NULL ok */
void eca_ecs_discovery_get(struct eca_ecs_discovery *discovery, enum eca_ecs_backend backend,
                           const char *cluster, const char *instance_arn, eca_ecs_fn *on_done,
                           void *arg, struct eca_ecs_discovery_wait **ret_wait);
void eca_ecs_discovery_cancel(struct eca_ecs_discovery_wait *wait); /* NULL ok */
void eca_ecs_discovery_dialed(struct eca_ecs_discovery *discovery, enum eca_ecs_backend backend,
                              bool ok);

#endif
