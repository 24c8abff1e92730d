#ifndef FAKES_ECS_INSIDE_H
#define FAKES_ECS_INSIDE_H

#include "agent/base/map.h"
#include "fakes/ecs/ecs.h"

/* The inside of the fake ECS, shared by ecs.c (requests and answers), instances.c (clusters and
 * instances) and submissions.c (statuses) only. */

struct ecs_instance;

struct fake_ecs {
    struct fake_ecs_opts opts;
    char *party, *region, *account, *endpoint, *telemetry_endpoint;
    struct eca_map *clusters; /* name -> itself (owned) */
    struct ecs_instance **instances;
    size_t instance_count;
    struct eca_map *statuses; /* task or task + "\n" + container -> struct known */
    char *registration;
    struct eca_buf what; /* name of the latest request */
    struct fake_ecs_more more;
};

/* A request being answered; exactly one of fake_ecs_answer and fake_ecs_refuse ends it. */
struct fake_ecs_call {
    struct fake_ecs *ecs;
    struct fake_exchange *exchange;
    const struct fake_request *request;
    const char *operation;
    eca_json body;
};

/* A text of the request's body, or NULL. */
const char *ecs_member(struct fake_ecs_call *call, const char *name);
/* False (and refused) when a required text is missing. */
bool ecs_need(struct fake_ecs_call *call, const char *name, const char **ret_text);

/* ---- instances.c: clusters, and the instances registered in them ----------------------------- */

void ecs_register_instance(struct fake_ecs_call *call);
void ecs_create_cluster(struct fake_ecs_call *call);
void ecs_discover(struct fake_ecs_call *call);
/* The cluster that a request names; false (and refused) when there is none of this name. */
bool ecs_need_cluster(struct fake_ecs_call *call, const char **ret_name);
void ecs_instances_clear(struct fake_ecs *ecs);

/* ---- submissions.c: what was accepted for tasks and containers ------------------------------- */

void ecs_submit_task(struct fake_ecs_call *call);
void ecs_submit_container(struct fake_ecs_call *call);
/* The agent got the answer to this request: a repetition is a fault of its own from now on. */
void ecs_mark_told(struct fake_ecs *ecs, const char *operation, struct eca_view body);

#endif
