#ifndef ECA_ENGINE_STEP_INTERNAL_H
#define ECA_ENGINE_STEP_INTERNAL_H

#include "agent/engine/step.h"

/*
 * Shared by the files of the decision: step.c takes events in and derives statuses, step_next.c
 * says what a container does next, step_result.c what the answer to a call means, step_facts.c what
 * is proven about a container, step_print.c how it all reads.
 */
struct step {
    struct eca_task *task;
    struct eca_step_policy policy; /* defaults filled in */
    const struct eca_step_event *event;
    struct eca_commands *commands;
    bool beginning; /* statuses are emitted once at the end of BEGIN (TASKM-101) */
};

struct eca_command *step_add(struct step *step, enum eca_command_kind kind,
                             struct eca_container *container);
void step_log(struct step *step, struct eca_container *container, enum eca_log_level level,
              const char *text);

/* Known status rises: facts are in the container already. Emits, then recomputes (TASKM-156). */
void step_change(struct step *step, struct eca_container *container, enum eca_status status);
/* Desired becomes STOPPED because of an error; the first error stays (TASKM-153). */
void step_fail(struct step *step, struct eca_container *container,
               const struct eca_named_error *error);

void step_update(struct step *step);       /* derives the statuses (section 3); emits the task's */
void step_want_stopped(struct step *step); /* the task, and so its containers (ENG-305) */
/* The task is STOPPED whatever its containers are (TASKM-140). */
void step_give_up_task(struct step *step, const char *reason);

/* Everything that can move does (TASKM-120, TASKM-131). */
void step_advance(struct step *step);

void step_call(struct step *step, struct eca_container *container, enum eca_call call);
void step_look(struct step *step, struct eca_container *container, enum eca_look look);
void step_cancel_call(struct step *step, struct eca_container *container);
void step_cancel_look(struct step *step, struct eca_container *container);
/* Pause before the same call again; run.pauses grows. */
void step_pause(struct step *step, struct eca_container *container, enum eca_call call,
                uint64_t min_ms, uint64_t max_ms);
void step_look_pause(struct step *step, struct eca_container *container, enum eca_look look);
/* Its start may still come through: watched from now on, for late_start_ms (FB-07). */
void step_start_is_late(struct step *step, struct eca_container *container);
bool step_watches_start(const struct step *step, const struct eca_container *container);

void step_result(struct step *step, struct eca_container *container,
                 const struct eca_runtime_result *result);
void step_facts(struct step *step, struct eca_container *container,
                const struct eca_runtime_result *result);
void step_docker(struct step *step, struct eca_container *container,
                 const struct eca_runtime_event *docker);
/* What Docker calls it; NULL and "" change nothing. */
void step_take_id(struct eca_container *container, const char *id);
/* No start of it has had an end yet, neither a good nor a bad one. */
bool step_not_started(const struct eca_container_info *info);
/* Proven running; info NULL: nothing more is known. */
void step_runs(struct step *step, struct eca_container *container,
               const struct eca_container_info *info);
/* Proven not running; info NULL: only its `die` event tells (TASKM-323). */
void step_ended(struct step *step, struct eca_container *container,
                const struct eca_container_info *info);
/* Everything was tried to stop it (FB-06.2). */
void step_give_up_stopping(struct step *step, struct eca_container *container);
/* The container is gone in Docker (FB-03). */
void step_vanished(struct step *step, struct eca_container *container);

#endif
