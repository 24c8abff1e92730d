#ifndef ECA_ENGINE_ENGINE_H
#define ECA_ENGINE_ENGINE_H

#include "agent/config/config.h"
#include "agent/credentials/store.h"
#include "agent/engine/reporter.h"
#include "agent/engine/task.h"
#include "agent/ports/sched.h"
#include "agent/state/journal.h"

/*
 * The task engine: owns every task, asks the pure decision (step.h) what to do next, and carries it
 * out on the runtime port. Nothing here blocks, nothing scans all tasks because one changed, and
 * one task's trouble stays its own.
 */
struct eca_engine;

/* Zero = the default in brackets. Tests shorten these. */
struct eca_engine_timing {
    uint64_t check_ms;            /* [600000] periodic describe of every live container */
    uint64_t check_jitter_ms;     /* [60000] FB-02.4 */
    uint64_t list_limit_ms;       /* [30000] one listing at start */
    uint64_t list_retry_min_ms;   /* [200] ENG-731 */
    uint64_t list_retry_max_ms;   /* [10000] */
    uint64_t cleanup_spread_ms;   /* [60000] overdue clean-ups at start (CLN-102) */
    uint64_t cleanup_late_ms;     /* [60000] a STOPPED that is accepted late (CLN-106) */
    uint64_t remove_retry_min_ms; /* [1000] CLN-105 */
    uint64_t remove_retry_max_ms; /* [300000] */
    uint64_t remove_give_up_ms;   /* [86400000] */
    uint64_t hurry_ms;            /* [5000] a `die` with exit code waits this long for details */
};
struct eca_engine_limits {
    uint32_t pulls;   /* [8]; 1 for daemons before 1.11.1 (FB-29.5) */
    uint32_t calls;   /* [32] create, start, remove (ENG-221) */
    uint32_t stops;   /* [256] apart, so that hung ones hold up nothing */
    uint32_t looks;   /* [64] inspects after events */
    uint32_t surveys; /* [8] inspects at start and of the periodic check (ENG-223) */
};

struct eca_engine_opts {
    struct eca_sched *sched;
    struct eca_runtime runtime;
    struct eca_entropy entropy;
    struct eca_log *log;
    struct eca_journal *journal;               /* borrowed */
    struct eca_reporter *reporter;             /* borrowed; the engine becomes its owner */
    struct eca_credentials_store *credentials; /* borrowed */
    const char *cluster;                       /* copied; see eca_engine_set_cluster */
    enum eca_pull_behavior pull_behavior;
    uint64_t stop_timeout_s;  /* [30] DKR-303 */
    uint64_t cleanup_wait_ms; /* [10800000] CLN-101 */
    bool image_cleanup_disabled;
    uint64_t image_interval_ms;    /* [1800000] IMG-201 */
    uint64_t image_minimum_age_ms; /* 0 = none (CFG-325) */
    uint32_t images_per_cycle;     /* [5] */
    struct eca_engine_timing timing;
    struct eca_engine_limits limits;
    uint32_t pull_tries; /* [5] FB-30.1 */
    uint32_t stop_tries; /* [5] FB-06.1 */
};

struct eca_engine *eca_engine_new(const struct eca_engine_opts *opts);
/* At any moment: calls are cancelled, nothing is said to anybody (a crash). NULL ok. */
void eca_engine_free(struct eca_engine *engine);

/* Stored records, before eca_engine_start. Takes the task. An ARN that is there already is
 * ECA_E_CONFLICT (the task is freed). */
int eca_engine_restore(struct eca_engine *engine, struct eca_task *task, struct eca_err *err);
int eca_engine_restore_image(struct eca_engine *engine, struct eca_view value, struct eca_err *err);
/* Rows of imported records must be written once: marks everything restored as dirty (STATE-127). */
void eca_engine_mark_all(struct eca_engine *engine);
/* Subscribe to events, compare with Docker, go on with the restored tasks (ENG-730). Nobody needs
 * to wait for it; a second call does nothing (ENG-201). docker_version decides about concurrent
 * pulls; NULL = unknown, serial. */
void eca_engine_start(struct eca_engine *engine, const char *docker_version);
/* The cluster in use once registration chose it; labels of new containers. */
void eca_engine_set_cluster(struct eca_engine *engine, const char *cluster);

/*
 * Hand a task over (ENG-203..205, PAY-140..145). Takes the task in every case. A known ARN: only
 * desired status and stop sequence count. The change is dirty in the journal when this returns:
 * acknowledge after eca_journal_after. ECA_E_CANCELED: disabled (PAY-146).
 */
int eca_engine_add(struct eca_engine *engine, struct eca_task *task, struct eca_err *err);
/* New credentials id of a known task (CRED-120); the values are in the store already. */
void eca_engine_add_credentials_id(struct eca_engine *engine, const char *task_arn, const char *id);
/* Before exit: no further hand-overs, events or results are taken (ENG-209). */
void eca_engine_disable(struct eca_engine *engine);

/* Read-only look-ups; borrowed, valid until control returns to the loop. */
const struct eca_task *eca_engine_find(const struct eca_engine *engine, const char *arn);
const struct eca_container *eca_engine_find_docker_id(const struct eca_engine *engine,
                                                      const char *docker_id);
/* Every task not yet cleaned up, in order of arrival (ENG-207). *cursor starts at 0; NULL: end. */
const struct eca_task *eca_engine_next(const struct eca_engine *engine, size_t *cursor);

/* Why a task does not progress (INTRO-121); false: it does not wait. */
struct eca_waiting {
    const char *reason; /* static */
    char detail[128];
    int64_t since_ms;
};
bool eca_engine_waiting(const struct eca_engine *engine, const struct eca_task *task,
                        struct eca_waiting *ret_waiting);

/* Changes of containers' known status, in order (STAT-105, TASKM-154): RUNNING or STOPPED. */
typedef void eca_engine_change_fn(void *arg, const char *docker_id, enum eca_status status);
void eca_engine_set_listener(struct eca_engine *engine, eca_engine_change_fn *fn, void *arg);

/* Names of labelled containers of unknown tasks (STATE-142): index from 0, NULL at the end. */
const char *eca_engine_unmanaged(const struct eca_engine *engine, size_t index);
/* A stopped task's record may still be there: true when nothing of the ARN is known. */
size_t eca_engine_task_count(const struct eca_engine *engine);

struct eca_engine_counters {
    uint64_t calls[7], failures[7]; /* by enum eca_call */
    uint64_t inspects, events, events_unknown;
    uint64_t tasks_added, tasks_updated, tasks_removed;
    uint64_t containers_removed, images_removed;
    int64_t events_since_ms; /* wall: event stream stands since; 0 = it does not */
};
struct eca_engine_counters eca_engine_counters(const struct eca_engine *engine);

#endif
