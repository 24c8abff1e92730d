#ifndef FAKES_ECS_ECS_H
#define FAKES_ECS_ECS_H

#include "agent/base/json.h"
#include "fakes/carry/auth.h"

/*
 * The ECS API as an agent sees it (API-F01..F04): RegisterContainerInstance, CreateCluster,
 * DiscoverPollEndpoint, SubmitContainerStateChange, SubmitTaskStateChange. It validates, keeps
 * clusters, instances and the accepted statuses, and reports FB-INV.1 breaches as violations.
 *
 * Trace, lane ecs:
 *   CreateCluster {cluster}  RegisterContainerInstance {cluster, instance, new}
 *   DiscoverPollEndpoint {cluster, instance}
 *   SubmitTaskStateChange {task, status, reason}
 *   SubmitContainerStateChange {task, container, status, exitCode, reason, bindings}
 *   <Operation>.failed {http, type, message, task?, container?, status?}    http 0 = no answer
 * The plain name means that the operation took effect; when its answer is lost, .failed follows.
 */
struct fake_ecs;
struct fake_ecs_opts {
    struct fake_base base;
    const char *party;      /* NULL = "ecs" */
    struct fake_auth *auth; /* NULL: signatures are not checked */
    const char *region;     /* NULL = "us-west-2" */
    const char *account;    /* NULL = "111122223333" */
    const char *endpoint;   /* DiscoverPollEndpoint; NULL = member left out */
    const char *telemetry_endpoint;
    bool no_default_cluster; /* cluster "default" has to be created first (API-620) */
    bool limit_reasons;      /* refuse reasons over 255 / 1024 bytes (FB-18) */
};
struct fake_ecs *fake_ecs_new(const struct fake_ecs_opts *opts);
void fake_ecs_free(struct fake_ecs *ecs);

void fake_ecs_set_endpoints(struct fake_ecs *ecs, const char *endpoint,
                            const char *telemetry_endpoint);
void fake_ecs_add_cluster(struct fake_ecs *ecs, const char *name);
/* A known instance (as after a registration in an earlier life); type "" = any. */
void fake_ecs_add_instance(struct fake_ecs *ecs, const char *arn, const char *cluster,
                           const char *instance_type);
/* Deregistered: registration with this ARN is refused, its client token makes a new instance,
 * submissions go on. */
void fake_ecs_deactivate(struct fake_ecs *ecs, const char *arn);
/* The scenario's name of a task in all events. */
void fake_ecs_name_task(struct fake_ecs *ecs, const char *arn, const char *name);

/*
 * The next `times` calls (0 = all) of operations that match the pattern answer this error instead;
 * after_effect: the operation happens first. Presets: "throttling", "expired", "server", "client".
 * Returns the id of the hub's rule, or 0 for an unknown preset.
 */
uint32_t fake_ecs_fail(struct fake_ecs *ecs, const char *operation, const char *preset,
                       uint32_t times, bool after_effect);

/*
 * What a control plane adds (harness serve): operations that are a customer's, not an agent's, and
 * news of each accepted submission. on_call returns false for an operation that it does not know;
 * otherwise it ends the call by exactly one of fake_ecs_answer and fake_ecs_refuse (status 400).
 */
struct fake_ecs_call;
struct fake_ecs_more {
    bool (*on_call)(void *arg, struct fake_ecs_call *call, const char *operation, eca_json body);
    void (*on_submitted)(void *arg, eca_json body); /* with containerName: of a container */
    void *arg;
};
void fake_ecs_extend(struct fake_ecs *ecs, const struct fake_ecs_more *more); /* copied */
void fake_ecs_answer(struct fake_ecs_call *call, const char *json);
void fake_ecs_refuse(struct fake_ecs_call *call, const char *type, const char *message);
/* Cursor 0 starts; false at the end. */
bool fake_ecs_next_cluster(const struct fake_ecs *ecs, size_t *cursor, const char **ret_name);
const char *fake_ecs_instance_cluster(const struct fake_ecs *ecs, size_t index);

/* The agent died: it may have lost the answers, so each status may come once more (FB-INV.1). */
void fake_ecs_agent_crashed(struct fake_ecs *ecs);
/* It ended in order: only answers of the last second may have been on their way. */
void fake_ecs_agent_ended(struct fake_ecs *ecs);

size_t fake_ecs_instance_count(const struct fake_ecs *ecs);
const char *fake_ecs_instance_arn(const struct fake_ecs *ecs, size_t index);
/* The accepted body of the latest registration, "" before. */
const char *fake_ecs_registration(const struct fake_ecs *ecs);
/* Accepted status of a task, or of one of its containers: "RUNNING", "STOPPED", NULL = none. */
const char *fake_ecs_task_status(const struct fake_ecs *ecs, const char *task_arn);
const char *fake_ecs_container_status(const struct fake_ecs *ecs, const char *task_arn,
                                      const char *container);
/* Scheduler time when STOPPED was accepted; 0 = not yet (FB-INV.3). */
uint64_t fake_ecs_stopped_ns(const struct fake_ecs *ecs, const char *task_arn);

#endif
