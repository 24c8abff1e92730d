#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/engine/construct.h"
#include "agent/engine/step_internal.h"

/* What is proven about a container: by an inspect, by an event, or by the answer to a call. */
#define KILL_LOOKS_MAX 3  /* inspects after a kill until it counts as failed */
#define START_TRIES_MAX 5 /* starts in a row that were accepted and did not happen */

static const char vanished_text[] = "No container matching saved ID found";

/* ---- it exists, it runs --------------------------------------------------------------------- */

void step_take_id(struct eca_container *container, const char *id)
{
    if (id != NULL && id[0] != '\0') {
        eca_free(container->docker_id);
        container->docker_id = eca_xstrdup(id);
    }
}

static void take_bindings(struct eca_container *container, const struct eca_container_info *info)
{
    if (info->has_bindings) {
        eca_container_set_bindings(container, info->bindings, info->binding_count);
    }
}

bool step_not_started(const struct eca_container_info *info)
{
    return info->never_started && (info->state_error == NULL || info->state_error[0] == '\0');
}

void step_runs(struct step *step, struct eca_container *container,
               const struct eca_container_info *info)
{
    container->applied = ECA_STATUS_NONE;
    container->run.start_late = false;
    container->run.looks = 0;
    if (info != NULL) {
        take_bindings(container, info);
        if (info->binding_error.name != NULL) { /* TASKM-331 */
            step_log(step, container, ECA_LOG_WARN, info->binding_error.text);
        }
    }
    if (container->known < ECA_STATUS_RUNNING) {
        step_change(step, container, ECA_STATUS_RUNNING);
    }
}

/* ---- what ends a container ------------------------------------------------------------------ */

/* It is over: nothing else about it is awaited. */
static void settle(struct step *step, struct eca_container *container)
{
    step_cancel_call(step, container);
    step_cancel_look(step, container);
    container->applied = ECA_STATUS_NONE;
    container->run.certain = true;
    container->run.unclaimed = false;
    container->run.kill_tried = false;
    container->run.looks = 0;
}

void step_vanished(struct step *step, struct eca_container *container)
{
    struct eca_named_error error;

    settle(step, container);
    if (container->known == ECA_STATUS_STOPPED) {
        return;
    }
    step_log(step, container, ECA_LOG_WARN, "Container is gone in Docker");
    eca_named_error_set(&error, "ContainerVanishedError", "%s", vanished_text);
    eca_container_set_error(container, &error);
    container->desired = ECA_STATUS_STOPPED;
    step_change(step, container, ECA_STATUS_STOPPED);
}

/* Proven not running; info NULL: only its `die` event tells (TASKM-323). */
void step_ended(struct step *step, struct eca_container *container,
                const struct eca_container_info *info)
{
    struct eca_container_run *run = &container->run;
    struct eca_named_error error = {0};

    settle(step, container);
    if (!run->start_failed && !container->has_exit_code) {
        container->has_exit_code = (info != NULL && info->has_exit_code) || run->exit_known;
        container->exit_code = info != NULL && info->has_exit_code ? info->exit_code
                               : run->exit_known                   ? run->exit_code
                                                                   : 0;
        if (ECA_MUTATION(EXIT_CODE_OVERWRITTEN) && container->desired == ECA_STATUS_STOPPED) {
            container->exit_code = 0;
        }
    }
    if (container->known == ECA_STATUS_STOPPED) { /* TASKM-157: a fact that was missing */
        return;
    }
    if (info != NULL) {
        take_bindings(container, info);
        if (info->oom_killed) {
            eca_named_error_set(&error, "OutOfMemoryError", "Container killed due to memory usage");
        } else if (info->state_error != NULL && info->state_error[0] != '\0') {
            eca_named_error_set(&error, "DockerStateError", "%s", info->state_error);
        }
        eca_container_set_error(container, &error);
    }
    container->desired = ECA_STATUS_STOPPED;
    step_change(step, container, ECA_STATUS_STOPPED);
}

/* FB-06.2: everything was tried. */
void step_give_up_stopping(struct step *step, struct eca_container *container)
{
    struct eca_named_error error = container->run.stop_error;

    settle(step, container);
    step_log(step, container, ECA_LOG_ERROR, "Container could not be stopped; giving up");
    if (container->known == ECA_STATUS_STOPPED) {
        container->run.left_running = step->task->known != ECA_STATUS_STOPPED;
        return;
    }
    if (error.name == NULL) {
        eca_named_error_set(&error, "CannotStopContainerError",
                            "Container still runs after every attempt to stop it");
    }
    eca_container_set_error(container, &error);
    step_change(step, container, ECA_STATUS_STOPPED);
}

/* ---- what an inspect shows (TASKM-327..330, section 12) ------------------------------------- */

/* A container that was STOPPED runs again (TASKM-161). Nothing is submitted in any case. */
static void came_back(struct step *step, struct eca_container *container)
{
    const struct eca_task *task = step->task;
    struct eca_container_run *run = &container->run;

    if (task->desired != ECA_STATUS_STOPPED && task->known != ECA_STATUS_STOPPED) {
        if (run->came_back_stopped) {
            if (!run->left_running) { /* once, however often it flaps */
                step_log(step, container, ECA_LOG_WARN,
                         "Container that we thought was stopped came back again; left alone");
            }
            run->left_running = true;
            return;
        }
        run->came_back_stopped = true;
    }
    step_log(step, container, ECA_LOG_WARN,
             "Container that we thought was stopped came back; re-stopping it");
    run->unclaimed = true;
    run->kill_tried = false;
    run->tries = run->pauses = 0;
}

static void facts_running(struct step *step, struct eca_container *container, enum eca_look look,
                          const struct eca_container_info *info)
{
    struct eca_container_run *run = &container->run;

    if (container->known == ECA_STATUS_STOPPED) {
        came_back(step, container);
        return;
    }
    if (look == ECA_LOOK_DIE) { /* it ended and runs again: the event counts (DKR-808) */
        step_ended(step, container, NULL);
        came_back(step, container);
        return;
    }
    if (look == ECA_LOOK_PROOF && run->kill_tried) {
        if (++run->looks >= KILL_LOOKS_MAX) {
            step_give_up_stopping(step, container);
        } else {
            step_look_pause(step, container, ECA_LOOK_PROOF);
        }
        return;
    }
    run->looks = 0;
    if (container->known == ECA_STATUS_RUNNING) {
        if (!container->has_bindings) {
            take_bindings(container, info);
        }
    } else if (container->desired == ECA_STATUS_STOPPED) {
        run->unclaimed = true; /* never reported RUNNING, must end (TASKM-125) */
    } else if (run->call == ECA_CALL_NONE || run->call == ECA_CALL_START) {
        step_runs(step, container, info);
    }
}

static void facts_created(struct step *step, struct eca_container *container)
{
    struct eca_container_run *run = &container->run;

    switch (container->known) {
    case ECA_STATUS_NONE:
    case ECA_STATUS_PULLED:
        if (run->call == ECA_CALL_NONE) {
            container->applied = ECA_STATUS_NONE;
            step_change(step, container, ECA_STATUS_CREATED);
        }
        break;
    case ECA_STATUS_CREATED:
        if (run->call == ECA_CALL_START || container->applied != ECA_STATUS_RUNNING) {
            break;
        }
        if (container->desired == ECA_STATUS_STOPPED && step_watches_start(step, container)) {
            run->looks++;
            step_look_pause(step, container, ECA_LOOK_PROOF); /* it may still start (FB-07) */
            break;
        }
        run->looks = 0;
        if (container->desired < ECA_STATUS_STOPPED && ++run->tries > START_TRIES_MAX) {
            step_start_is_late(step, container); /* accepted, so it may still happen */
            step_fail(step, container,
                      &(struct eca_named_error){.name = "CannotStartContainerError",
                                                .text = "Container does not start"});
            step_look_pause(step, container, ECA_LOOK_PROOF);
            break;
        }
        if (container->desired == ECA_STATUS_STOPPED || !run->start_late) {
            container->applied = ECA_STATUS_NONE; /* the start did not happen: again, or STOPPED */
        }
        break;
    case ECA_STATUS_RUNNING:
        step_ended(step, container, NULL);
        break;
    case ECA_STATUS_STOPPED:
        run->unclaimed = false;
        break;
    }
}

static void facts_gone(struct step *step, struct eca_container *container, enum eca_look look)
{
    struct eca_container_run *run = &container->run;

    if (container->docker_id == NULL && container->known < ECA_STATUS_CREATED) {
        run->certain = true; /* looked up by name: not there, create (again) (ENG-713) */
        container->applied = ECA_STATUS_NONE;
    } else if (look == ECA_LOOK_DIE && run->exit_known && container->known < ECA_STATUS_STOPPED) {
        step_ended(step, container, NULL);
    } else {
        step_vanished(step, container);
    }
}

/* No answer proves nothing (FB-10). */
static void facts_unknown(struct step *step, struct eca_container *container, enum eca_look look)
{
    struct eca_container_run *run = &container->run;
    bool again = false;

    run->looks++;
    switch (look) {
    case ECA_LOOK_DIE:
        if (run->exit_known && container->known < ECA_STATUS_STOPPED) {
            step_ended(step, container, NULL);
            if (run->start_after_die) { /* it may run again behind its STOPPED (TASKM-161) */
                step_look(step, container, ECA_LOOK_START);
            }
            return;
        }
        again = true;
        break;
    case ECA_LOOK_PROOF:
    case ECA_LOOK_VOLUME:
        again = true;
        break;
    case ECA_LOOK_START:
        again = container->known == ECA_STATUS_STOPPED ||
                (container->known < ECA_STATUS_RUNNING && run->call != ECA_CALL_START);
        break;
    case ECA_LOOK_NONE:
    case ECA_LOOK_CHECK:
        break;
    }
    if (again) {
        step_look_pause(step, container, look);
    }
}

/* Looked up by name after a conflict: not a container of ours. */
static bool is_foreign(const struct eca_container *container, const struct eca_container_info *info)
{
    return container->docker_id == NULL && info->label_task_arn != NULL &&
           (strcmp(info->label_task_arn, container->task->arn) != 0 ||
            info->label_container_name == NULL ||
            strcmp(info->label_container_name, container->name) != 0);
}

void step_facts(struct step *step, struct eca_container *container,
                const struct eca_runtime_result *result)
{
    const struct eca_container_info *info = result->info;
    struct eca_container_run *run = &container->run;
    enum eca_look look = run->look;

    run->look = ECA_LOOK_NONE;
    run->look_waiting = false;
    if (result->outcome == ECA_OUTCOME_NOT_FOUND) {
        facts_gone(step, container, look);
        return;
    }
    if (result->outcome != ECA_OUTCOME_DONE || info == NULL) {
        facts_unknown(step, container, look);
        return;
    }
    if (is_foreign(container, info)) {
        eca_free(eca_take(container->docker_name)); /* clean-up must not touch it */
        container->applied = ECA_STATUS_NONE;
        run->certain = true;
        step_fail(step, container, &run->stop_error);
        return;
    }
    if (container->docker_id == NULL) {
        step_take_id(container, info->id);
    }
    (void)eca_learn_volumes(step->task, container, info);
    run->certain = true;
    if (info->running) {
        facts_running(step, container, look, info);
    } else if (step_not_started(info)) {
        facts_created(step, container);
    } else if (run->call == ECA_CALL_START) {
        run->die_during_start = true; /* its result comes first (TASKM-159) */
    } else {
        step_ended(step, container, info);
    }
}

/* ---- events of Docker (TASKM-321..326) ------------------------------------------------------ */

void step_docker(struct step *step, struct eca_container *container,
                 const struct eca_runtime_event *docker)
{
    struct eca_container_run *run = &container->run;

    switch (docker->kind) {
    case ECA_EVENT_START:
        run->start_after_die = run->look == ECA_LOOK_DIE;
        if (container->known == ECA_STATUS_STOPPED ||
            (container->known < ECA_STATUS_RUNNING && run->look != ECA_LOOK_DIE)) {
            /* A proof stays one, asked for anew: nothing else is begun until it is there. */
            step_look(step, container,
                      run->look == ECA_LOOK_PROOF ? ECA_LOOK_PROOF : ECA_LOOK_START);
        }
        break;
    case ECA_EVENT_DIE:
        if (container->known == ECA_STATUS_STOPPED) { /* TASKM-157 */
            if (docker->has_exit_code && !container->has_exit_code && !run->start_failed &&
                container->sent < ECA_STATUS_STOPPED) {
                container->has_exit_code = true;
                container->exit_code = docker->exit_code;
            }
            break;
        }
        run->start_after_die = false;
        run->exit_known |= docker->has_exit_code;
        run->exit_code = docker->has_exit_code ? docker->exit_code : run->exit_code;
        if (run->call == ECA_CALL_START) {
            run->die_during_start = true;
        } else {
            step_look(step, container, ECA_LOOK_DIE);
        }
        break;
    case ECA_EVENT_DESTROY:
        if (container->known < ECA_STATUS_STOPPED && run->look == ECA_LOOK_DIE && run->exit_known) {
            step_ended(step, container, NULL);
        } else {
            step_vanished(step, container);
        }
        break;
    case ECA_EVENT_CREATE:
    case ECA_EVENT_OOM:
    case ECA_EVENT_CONNECTED:
    case ECA_EVENT_DISCONNECTED:
        break;
    }
}
