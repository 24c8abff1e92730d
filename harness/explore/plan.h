#ifndef HARNESS_EXPLORE_PLAN_H
#define HARNESS_EXPLORE_PLAN_H

#include "agent/base/buf.h"
#include "harness/sim/rng.h"

/* The inside of the generator, shared by generate.c, plan_world.c and plan_trouble.c. */
#define HNS_TASKS_MAX 8
#define HNS_CONTAINERS_MAX 4
#define HNS_IMAGES 5

/* Kinds of trouble; each is off or has a weight. */
enum hns_family {
    HNS_FAM_DOCKER,
    HNS_FAM_PULL,
    HNS_FAM_EVENTS,
    HNS_FAM_DAEMON,
    HNS_FAM_ECS,
    HNS_FAM_ACS,
    HNS_FAM_TCS,
    HNS_FAM_METADATA,
    HNS_FAM_DISK,
    HNS_FAM_DEATH,
    HNS_FAM_OPERATOR,
    HNS_FAM_CLOCK,
    HNS_FAM_UPDATE,
    HNS_FAM_IMAGES,
    HNS_FAMILIES,
};

struct hns_plan {
    struct sim_rng rng;
    struct eca_buf *out;
    unsigned task_count, step_count;
    unsigned containers[HNS_TASKS_MAX]; /* of each task */
    bool role[HNS_TASKS_MAX];           /* it has role credentials */
    bool sent[HNS_TASKS_MAX], stopped[HNS_TASKS_MAX];
    bool restarted[HNS_TASKS_MAX][HNS_CONTAINERS_MAX]; /* by an operator, once */
    uint32_t phase_ms, latency_us, jitter_us;
    unsigned weight[HNS_FAMILIES];
    bool crowded; /* nothing is broken, but all tasks come at once, and Docker is slow */
    bool docker_is_down;
    bool pulls_hang;      /* some image's pulls end by their deadline only, one after the other */
    bool forgets_soon;    /* stopped tasks are cleaned up while the run lasts */
    unsigned hours_ahead; /* the wall clock's steps forward, together */
    const char *cleanup, *image_interval; /* settings, or NULL */
    bool updates;                         /* the agent updates itself */
    bool serial_pulls;                    /* of an old daemon */
    uint64_t stop_ms;                     /* until a container that ignores SIGTERM is killed */
    uint64_t image_ms[HNS_IMAGES];        /* a pull with its retries */
    uint64_t task_ms[HNS_TASKS_MAX];      /* a task's calls to Docker, one after the other */
};

/* A duration in the words of a scenario. */
struct hns_takes {
    const char *text;
    uint64_t ms;
};

/* generate.c. One draw in a list of arguments: compilers differ in which they evaluate first. */
uint64_t hns_plan_below(struct hns_plan *plan, uint64_t bound);
bool hns_plan_chance(struct hns_plan *plan, unsigned percent);
/* One line of the timeline. */
void hns_plan_step(struct hns_plan *plan, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
#define hns_plan_pick(plan, list) ((list)[hns_plan_below(plan, ECA_ARRAY_LEN(list))])

/* plan_world.c: the member `world`, tasks included. */
void hns_plan_world(struct hns_plan *plan);
/* plan_end.c: everything is mended, all must settle, and a new task must do well. */
void hns_plan_end(struct hns_plan *plan);
/* plan_trouble.c: steps until everything is mended. */
void hns_plan_trouble(struct hns_plan *plan);

#endif
