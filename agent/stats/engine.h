#ifndef ECA_STATS_ENGINE_H
#define ECA_STATS_ENGINE_H

#include "agent/base/log.h"
#include "agent/ports/entropy.h"
#include "agent/ports/runtime.h"
#include "agent/ports/sched.h"
#include "agent/stats/window.h"

/*
 * The watch list: one stats stream and one window per running container that the task engine
 * manages (STAT-101..412). Independent of the telemetry session; everything here is O(1) per
 * container. Polling takes one-shots in place of the stream (STAT-L4): each container at a random
 * point of the interval, at most ECA_STATS_POLLS_MAX at once, further ones wait their turn. Those
 * whose last poll was not answered have at most ECA_STATS_SUSPECT_POLLS_MAX of these places.
 */

/* A daemon takes 1 to 2 s for a one-shot: some 200 containers in the interval of 10 s. */
#define ECA_STATS_POLLS_MAX 32
/* The other half serves some 100 containers that answer, however many others hang. */
#define ECA_STATS_SUSPECT_POLLS_MAX 16

/* What the task engine knows of a docker id (STAT-112). False = unknown id. Texts are borrowed. */
struct eca_stats_identity {
    const char *task_arn, *family, *version;
    bool task_stopped, container_stopped;
};
struct eca_stats_lookup {
    bool (*find)(void *impl, const char *docker_id, struct eca_stats_identity *ret_identity);
    void *impl;
};

/* Zero = the default in brackets. */
struct eca_stats_timing {
    uint64_t reconcile_ms; /* [20000] STAT-108 */
    uint64_t retry_min_ms; /* [1000] streams (STAT-205) and listing (STAT-103) */
    uint64_t retry_max_ms; /* [30000] */
};

struct eca_stats_opts {
    struct eca_sched *sched;
    struct eca_runtime runtime;
    struct eca_entropy entropy;
    struct eca_log *log;
    struct eca_stats_lookup lookup;
    struct eca_stats_limits limits;
    struct eca_stats_timing timing;
    uint64_t poll_ms; /* between two polls of a container (STAT-L4); 0 = streams */
};

struct eca_stats;
struct eca_stats *eca_stats_new(const struct eca_stats_opts *opts);
/* List running containers until it succeeds once; reconcile from now on. */
void eca_stats_start(struct eca_stats *stats);
void eca_stats_free(struct eca_stats *stats); /* NULL ok */

/* A change of known status, in order (STAT-105). */
void eca_stats_running(struct eca_stats *stats, const char *docker_id);
void eca_stats_stopped(struct eca_stats *stats, const char *docker_id);

bool eca_stats_is_listed(const struct eca_stats *stats); /* the first listing has succeeded */
size_t eca_stats_watched(const struct eca_stats *stats);

/*
 * Gather (STAT-410): reconciles, then the sets of all windows, by task, in order of arrival. The
 * windows stay as they are until a task's numbers are handed over, and keep those samples until
 * they are known to have arrived.
 */
struct eca_stats_sets {
    struct eca_stats_set cpu, memory;
};
struct eca_stats_task {
    const char *arn, *family, *version;
    struct eca_stats_sets *containers;
    size_t container_count; /* >= 1 */
    void *internal;
};
struct eca_stats_gathering {
    struct eca_stats_task *tasks;
    size_t task_count;
    bool idle; /* nothing is watched (STAT-111) */
};
/* Valid until the next call into the engine that changes the watch list; release with _clear. */
void eca_stats_gather(struct eca_stats *stats, struct eca_stats_gathering *ret);
/* What was gathered of a task is in a message; no other gather before eca_stats_settle. */
void eca_stats_hand_over(struct eca_stats *stats, const struct eca_stats_task *gathered);
/* The message has left as a whole; or it has not, and the samples stay (STAT-412, TCS-607). A task
 * that is gone meanwhile is none. */
void eca_stats_settle(struct eca_stats *stats, const char *task_arn, bool arrived);
void eca_stats_gathering_clear(struct eca_stats_gathering *gathering);

#endif
