#include "agent/engine/construct.h"
#include "agent/engine/graph.h"
#include "agent/engine/step_internal.h"

/*
 * What a container does next (TASKM-120): one row for each known status, one half for those that
 * shall stop and one for those that shall run; and a task in which nothing can move (TASKM-140).
 */
#define VOLUME_LOOKS_MAX 5 /* then the internal container starts without its paths (ENG-413) */

/* Without id and name there is nothing to ask Docker for (TASKM-206). */
static void unrecorded(struct eca_container *container, const char *name)
{
    struct eca_named_error error;

    eca_named_error_set(&error, name, "Container not recorded as created");
    eca_container_set_error(container, &error);
}

static bool stop_now(struct step *step, struct eca_container *container)
{
    if (container->docker_id != NULL) {
        if (container->run.look == ECA_LOOK_PROOF) {
            step_cancel_look(step, container);
        }
        step_call(step, container, ECA_CALL_STOP);
    } else if (container->docker_name != NULL) { /* never with an empty id (TASKM-207) */
        if (container->run.look == ECA_LOOK_NONE) {
            step_look(step, container, ECA_LOOK_PROOF);
        }
    } else if (!container->run.certain) {
        return false;                                   /* the listing may find it by its labels */
    } else if (container->known < ECA_STATUS_STOPPED) { /* TASKM-206 */
        unrecorded(container, "CannotStopContainerError");
        step_change(step, container, ECA_STATUS_STOPPED);
        return true;
    } else {
        container->run.unclaimed = false;
    }
    return false;
}

/* Created, and its start was sent: it may run (TASKM-125). */
static bool prove_not_running(struct step *step, struct eca_container *container)
{
    if (container->run.look == ECA_LOOK_NONE) {
        step_look(step, container, ECA_LOOK_PROOF);
        return false;
    }
    if (container->run.looks == 0) {
        return false; /* the first answer is awaited */
    }
    if (step_watches_start(step, container)) {
        return false; /* not running so far; watched */
    }
    container->run.unclaimed = true; /* no answer: stop until proven */
    return stop_now(step, container);
}

static bool next_of_stopping(struct step *step, struct eca_container *container)
{
    const struct eca_container_run *run = &container->run;

    if (run->unclaimed) {
        return run->look != ECA_LOOK_PROOF && stop_now(step, container);
    }
    switch (container->known) {
    case ECA_STATUS_NONE:
    case ECA_STATUS_PULLED:
        if (run->look == ECA_LOOK_PROOF) { /* it may exist, even run */
            return false;
        }
        if (!run->certain &&
            (container->known == ECA_STATUS_PULLED || container->docker_name != NULL)) {
            return container->docker_id != NULL && stop_now(step, container);
        }
        break;
    case ECA_STATUS_CREATED:
        if (!run->certain) {
            return container->docker_id != NULL && stop_now(step, container);
        }
        if (container->applied == ECA_STATUS_RUNNING) {
            return prove_not_running(step, container);
        }
        break;
    case ECA_STATUS_RUNNING:
        if (run->look == ECA_LOOK_DIE || (run->look == ECA_LOOK_PROOF && run->certain)) {
            return false; /* the answer decides (TASKM-319) */
        }
        return stop_now(step, container);
    case ECA_STATUS_STOPPED:
        return false;
    }
    step_cancel_look(step, container);
    step_change(step, container, ECA_STATUS_STOPPED);
    return true;
}

/* Created, but its id is not known: found by its name, or it cannot be started (TASKM-206). */
static bool find_before_start(struct step *step, struct eca_container *container)
{
    if (container->docker_name != NULL) {
        step_look(step, container, ECA_LOOK_PROOF);
        return false;
    }
    unrecorded(container, "CannotStartContainerError");
    step_fail(step, container, NULL);
    return true;
}

static bool next_of_starting(struct step *step, struct eca_container *container)
{
    const struct eca_container_run *run = &container->run;

    if (step->task->gate_waiting || !run->certain || container->desired == ECA_STATUS_NONE ||
        run->look == ECA_LOOK_PROOF || run->look == ECA_LOOK_DIE || run->look == ECA_LOOK_VOLUME ||
        !eca_graph_holds(container, NULL)) {
        return false;
    }
    switch (container->known) {
    case ECA_STATUS_NONE:
        step_call(step, container, ECA_CALL_PULL);
        break;
    case ECA_STATUS_PULLED:
        container->applied = ECA_STATUS_CREATED;
        step_call(step, container, ECA_CALL_CREATE);
        break;
    case ECA_STATUS_CREATED:
        if (container->desired != ECA_STATUS_RUNNING) {
            break;
        }
        if (container->docker_id == NULL) {
            return find_before_start(step, container);
        }
        if (container->internal && run->looks < VOLUME_LOOKS_MAX &&
            eca_volumes_missing(container)) {
            step_look(step, container, ECA_LOOK_VOLUME);
            break;
        }
        container->applied = ECA_STATUS_RUNNING;
        step_call(step, container, ECA_CALL_START);
        break;
    case ECA_STATUS_RUNNING:
    case ECA_STATUS_STOPPED:
        break;
    }
    return false;
}

/* DEP-104, DEP-120: what can never come any more. */
static bool fail_dead_link(struct step *step, struct eca_container *container)
{
    const char *target = eca_graph_dead_link(container);
    struct eca_named_error error;

    if (target == NULL) {
        return false;
    }
    eca_named_error_set(&error, "TaskDependencyError", "link target %.200s has stopped", target);
    step->task->desired = ECA_STATUS_STOPPED;
    step_fail(step, container, &error);
    return true;
}

/* True when a status changed, so that others may move. */
static bool next(struct step *step, struct eca_container *container)
{
    struct eca_container_run *run = &container->run;
    bool stopping = container->desired == ECA_STATUS_STOPPED;

    if (container->known == ECA_STATUS_STOPPED) {
        if (run->unclaimed && run->call == ECA_CALL_NONE && run->look == ECA_LOOK_NONE) {
            (void)stop_now(step, container);
        }
        return false;
    }
    if (!stopping && fail_dead_link(step, container)) {
        return true;
    }
    if (stopping && (run->call == ECA_CALL_PULL ||
                     (run->waiting && run->call <= ECA_CALL_START))) { /* TASKM-132, FB-30.4 */
        bool unsent = run->call == ECA_CALL_START; /* it waits because nothing was sent */

        step_cancel_call(step, container);
        container->applied = unsent && !run->start_late ? ECA_STATUS_NONE : container->applied;
    }
    if (run->call != ECA_CALL_NONE) {
        return false;
    }
    return stopping ? next_of_stopping(step, container) : next_of_starting(step, container);
}

static bool is_stuck(const struct eca_task *task)
{
    if (task->known == ECA_STATUS_STOPPED || task->gate_waiting ||
        (task->known == ECA_STATUS_RUNNING && task->desired <= ECA_STATUS_RUNNING)) {
        return false;
    }
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container_run *run = &task->containers[i].run;

        if (run->call != ECA_CALL_NONE || run->look != ECA_LOOK_NONE ||
            (!run->certain && task->containers[i].known < ECA_STATUS_STOPPED)) {
            return false;
        }
    }
    return true;
}

/* TASKM-140; true when the task goes on. */
static bool free_stuck(struct step *step)
{
    struct eca_task *task = step->task;

    step_log(step, NULL, ECA_LOG_CRIT,
             "Task in a bad state; it's not steadystate but no containers want to transition");
    if (task->desired < ECA_STATUS_STOPPED) {
        step_log(step, NULL, ECA_LOG_CRIT, "Moving task to stopped due to bad state");
        step_want_stopped(step);
        return true;
    }
    step_log(step, NULL, ECA_LOG_CRIT, "The state is so bad that we're just giving up on it");
    step_give_up_task(step, "TaskStateError: Agent could not progress task's state to stopped");
    return false;
}

void step_advance(struct step *step)
{
    struct eca_task *task = step->task;
    bool again = true;

    while (again) {
        again = false;
        step_update(step);
        for (size_t i = 0; i < task->container_count; i++) {
            again |= next(step, &task->containers[i]);
        }
        if (!again && is_stuck(task)) {
            again = free_stuck(step);
        }
    }
}
