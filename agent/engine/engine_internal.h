#ifndef ECA_ENGINE_ENGINE_INTERNAL_H
#define ECA_ENGINE_ENGINE_INTERNAL_H

#include "agent/base/map.h"
#include "agent/engine/engine.h"
#include "agent/engine/gate.h"
#include "agent/engine/images.h"
#include "agent/engine/step.h"

/*
 * Shared by the files of the driver: engine.c (the object, hand-over, look-ups), engine_drive.c
 * (events in, commands out), engine_entry.c (a task), engine_stored.c (what is stored of it),
 * engine_jobs.c (calls to the runtime in lanes), engine_pull.c (pulls and image records),
 * engine_survey.c (comparison with Docker at start), engine_stray.c, engine_cleanup.c (removal of
 * tasks), engine_gc.c (removal of images).
 */
#define ENGINE_MODULE "TaskEngine"

/* What is limited together. Places are given in order of arrival, in LANE_CALL to one task after
 * the other (ENG-221). */
enum lane_kind { LANE_PULL, LANE_CALL, LANE_STOP, LANE_LOOK, LANE_SURVEY, LANES };
struct lane {
    struct eca_list waiting; /* jobs; in LANE_CALL the tasks that have some */
    uint32_t active, max;
};

struct entry;
/* One operation: waits for the commit, then for a place in its lane, then for Docker. */
struct job {
    struct eca_engine *engine;
    struct entry *entry;
    struct eca_container *container;
    enum job_state { JOB_IDLE, JOB_COMMIT, JOB_LANE, JOB_FLYING } state;
    enum lane_kind lane;
    eca_work_fn *issue; /* begins the call; arg is the job */
    struct eca_list_node node;
    struct eca_journal_waiter durable;
    struct eca_op *op;
    uint64_t cause; /* eca_sched_cause when it began: a lane lets in many in one turn */
};

/* What the driver keeps beside a container. */
struct cell {
    struct entry *entry;
    struct eca_container *container;
    struct job call, look;
    struct eca_timer pause, look_pause, hurry;
    char *mapped_id;     /* key in engine->ids */
    struct eca_buf text; /* as it is stored, when its sum was this; or empty */
    uint64_t text_sum;
    struct eca_runtime_result pulled; /* of the pull, while the image is inspected */
    struct eca_log_limit oom_limit, redundant_limit;
};

struct entry { /* a task */
    struct eca_engine *engine;
    struct eca_task *task;
    struct cell *cells;
    uint64_t sum;   /* engine_stored_sum after the last step */
    bool sum_known; /* nothing but steps has changed it since */
    struct eca_gate_waiter gate_waiter;
    struct eca_list_node passed_node; /* in engine->passed */
    struct eca_list calls;            /* jobs that wait in LANE_CALL */
    struct eca_list_node calls_node;  /* the task's place among those of other tasks */
    struct eca_timer check;
    bool begun;
    /* Clean-up. */
    struct eca_timer cleanup;
    bool cleanup_due, removing;
    bool remove_unsent; /* the last try did not reach Docker */
    size_t remove_index;
    uint64_t removing_since_ms;
    struct eca_backoff remove_backoff;
    struct job remove;
};

struct unmanaged { /* a labelled container of a task that is not known (STATE-142) */
    char *id, *name;
    struct unmanaged *other; /* of the same label pair, older than the first; owned */
};

struct survey_entry {
    char *id, *name, *task_arn, *container, *cluster;
    bool running;
    bool stray; /* another one is that container already */
};

struct eca_engine {
    struct eca_engine_opts opts;
    struct eca_step_policy policy;
    char *cluster;
    bool started, disabled, surveyed;
    struct eca_map *tasks; /* ARN -> entry, in order of arrival */
    struct eca_map *ids;   /* docker id -> cell */
    struct lane lanes[LANES];
    struct eca_deferred pump_work;
    struct eca_gate gate;
    struct eca_list passed; /* entries whose gate opened */
    struct eca_deferred passed_work;
    eca_engine_change_fn *listener;
    void *listener_arg;
    struct eca_engine_counters counters;
    /* Survey. */
    struct eca_op *list_op;
    struct eca_timer list_limit, list_retry;
    struct eca_backoff list_backoff;
    struct survey_entry *listed;
    size_t listed_count, listed_index;
    struct eca_map *unmanaged; /* "ARN\ncontainer" -> struct unmanaged */
    struct eca_list strays;    /* struct stray: being removed */
    /* Images. */
    struct eca_images *images;
    struct eca_timer gc_timer;
    struct eca_op *gc_op;
    bool gc_running, gc_deleting;
    uint32_t gc_left;
    char *gc_image, *gc_name;
    size_t gc_skip; /* names of the image that could not be removed */
};

/* engine_drive.c */
/* False: the event asked for nothing. */
bool engine_step(struct entry *entry, struct eca_step_event *event);
void engine_map_ids(struct entry *entry);
void engine_leave_gate(struct entry *entry);
void engine_gates_passed(void *arg); /* arg: engine */
void engine_on_event(void *arg, const struct eca_runtime_event *docker);

/* engine_entry.c */
struct entry *engine_entry_new(struct eca_engine *engine, struct eca_task *task); /* takes task */
void engine_entry_free(struct entry *entry);
void engine_begin(struct entry *entry); /* the task is looked at for the first time */
void engine_drop(struct entry *entry);
/* What the journal and the reporter ask; arg, impl: engine. */
bool engine_serialise_image(void *arg, const char *key, struct eca_buf *out);
void engine_image_dirty(void *arg, const char *image_id);
enum eca_status engine_report_sent(void *impl, const struct eca_report *report);
void engine_report_settled(void *impl, const struct eca_report *report, bool accepted);

/* engine_stored.c */
uint64_t engine_stored_sum(const struct eca_task *task); /* two that are equal: nothing to store */
bool engine_serialise_task(void *arg, const char *key, struct eca_buf *out); /* arg: engine */

/* engine.c */
void engine_mark(struct entry *entry); /* changed: to be stored */
struct cell *engine_cell(struct entry *entry, const struct eca_container *container);
uint64_t engine_now_ms(const struct eca_engine *engine);
int64_t engine_wall_ms(const struct eca_engine *engine);
struct eca_runtime_result engine_refused(const struct eca_err *err); /* a call did not begin */

/* engine_jobs.c */
void job_init(struct job *job, struct entry *entry, struct eca_container *container);
enum job_wait { JOB_NOW, JOB_DURABLE, JOB_DURABLE_TRY };
void job_begin(struct job *job, enum lane_kind lane, enum job_wait wait, eca_work_fn *issue);
void job_end(struct job *job); /* its call has answered */
void job_cancel(struct job *job);
void engine_log_transition(const struct job *job, const struct eca_runtime_result *result);
void jobs_pump(void *arg); /* arg: engine */
void engine_call(struct cell *cell, enum eca_call call);
void engine_look(struct cell *cell, enum eca_look look);

/* engine_pull.c: the job holds a place in LANE_PULL through all its requests. */
void engine_pull_issue(void *arg);

/* engine_survey.c */
void engine_survey_init(struct eca_engine *engine);
void engine_survey_start(void *arg);
void engine_survey_clear(struct eca_engine *engine);
/* A new task: containers of its labels are adopted (CLN-108, FB-13.3). */
void engine_survey_adopt(struct entry *entry);

/* engine_stray.c: a second container of one container is stopped and removed (STATE-141). */
void engine_stray_remove(struct eca_engine *engine, const char *id, const char *name);
void engine_stray_clear(struct eca_engine *engine);

/* engine_cleanup.c */
void engine_cleanup_init(struct entry *entry);
void engine_cleanup_schedule(struct entry *entry);
void engine_cleanup_reported(struct entry *entry);  /* its STOPPED is accepted */
void engine_cleanup_connected(struct entry *entry); /* Docker is back */

/* engine_gc.c */
void engine_gc_init(struct eca_engine *engine);
void engine_gc_start(struct eca_engine *engine);
void engine_gc_resume(struct eca_engine *engine); /* no pull is under way */
void engine_gc_clear(struct eca_engine *engine);

#endif
