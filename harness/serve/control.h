#ifndef HARNESS_SERVE_CONTROL_H
#define HARNESS_SERVE_CONTROL_H

#include "fakes/acs/acs.h"
#include "fakes/ecs/ecs.h"

/*
 * The customer's side of ECS on top of the fakes: task definitions, tasks, container instances. It
 * turns RunTask and StopTask into payloads for the one agent of the fake ACS, and the agent's
 * submissions into what DescribeTasks tells. As much of the API as the AWS CLI needs to run a task
 * and watch it: ListClusters, DescribeClusters, RegisterTaskDefinition, DescribeTaskDefinition,
 * ListTaskDefinitions, RunTask, StopTask, ListTasks, DescribeTasks, ListContainerInstances,
 * DescribeContainerInstances. No scheduler, no services: RunTask places on the agent that is there.
 */
struct hns_control;
struct hns_control_opts {
    struct fake_base base;
    struct fake_ecs *ecs; /* extended by this */
    struct fake_acs *acs;
    const char *region, *account; /* of the ARNs; borrowed */
};
struct hns_control *hns_control_new(const struct hns_control_opts *opts);
void hns_control_free(struct hns_control *control); /* NULL ok */

#endif
