#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/construct.h"
#include "agent/engine/step_internal.h"

#define CREATE_TRIES_MAX 5 /* name conflicts and lost answers in a row */
#define KILL_LOOKS_MAX 3   /* inspects after a kill until it counts as failed */

static const char vanished_text[] = "No container matching saved ID found";

/* ---- what ends a container ------------------------------------------------------------------ */

static void take_bindings(struct eca_container *container, const struct eca_container_info *info)
{
    if (info->has_bindings) {
        eca_container_set_bindings(container, info->bindings, info->binding_count);
    }
}

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
    eca_named_error_set(&error, "ContainerVanishedError", "%s", vanished_text);
    eca_container_set_error(container, &error);
    container->desired = ECA_STATUS_STOPPED;
    step_change(step, container, ECA_STATUS_STOPPED);
}

/* Proven not running; info NULL: only its `die` event tells (TASKM-323). */
static void ended(struct step *step, struct eca_container *container,
                  const struct eca_container_info *info)
{
    struct eca_container_run *run = &container->run;
    struct eca_named_error error = {0};

    settle(step, container);
    if (!run->start_failed && !(container->has_exit_code)) {
        container->has_exit_code = (info != NULL && info->has_exit_code) || run->exit_known;
        container->exit_code = info != NULL && info->has_exit_code ? info->exit_code
                               : run->exit_known                   ? run->exit_code
                                                                   : 0;
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
static void give_up_stopping(struct step *step, struct eca_container *container)
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

/* ---- waiting for Docker --------------------------------------------------------------------- */

static void reachable(struct eca_container *container)
{
    container->run.unreachable_ms = 0;
}

/* Nothing was sent. False: it has taken too long (ENG-747). */
static bool wait_for_docker(struct step *step, struct eca_container *container, enum eca_call call)
{
    struct eca_container_run *run = &container->run;
    uint64_t now_ms = step->event->now_ms;

    if (run->unreachable_ms == 0) {
        run->unreachable_ms = now_ms > 0 ? now_ms : 1;
        run->pauses = 0;
    } else if (now_ms - run->unreachable_ms >= step->policy.unreachable_ms &&
               call <= ECA_CALL_START) {
        return false;
    }
    step_pause(step, container, call, step->policy.retry_min_ms, step->policy.retry_max_ms);
    return true;
}

/* ---- pull (TASKM-301, TASKM-302) ------------------------------------------------------------ */

static void pulled(struct step *step, struct eca_container *container,
                   const struct eca_runtime_result *result)
{
    struct eca_container_run *run = &container->run;
    bool again = false;

    switch (result->outcome) {
    case ECA_OUTCOME_DONE:
    case ECA_OUTCOME_ALREADY:
        reachable(container);
        step_change(step, container, ECA_STATUS_PULLED);
        return;
    case ECA_OUTCOME_UNREACHABLE:
        if (!wait_for_docker(step, container, ECA_CALL_PULL)) {
            step_fail(step, container, &result->error);
        }
        return;
    case ECA_OUTCOME_FAILED:
    case ECA_OUTCOME_AMBIGUOUS:
    case ECA_OUTCOME_BAD_ANSWER:
        again = ++run->tries < step->policy.pull_tries;
        break;
    case ECA_OUTCOME_NOT_FOUND:
    case ECA_OUTCOME_CONFLICT:
    case ECA_OUTCOME_REFUSED:
    case ECA_OUTCOME_TIMEOUT:
        break;
    }
    reachable(container);
    if (again) {
        step_pause(step, container, ECA_CALL_PULL, step->policy.pull_retry_ms,
                   step->policy.pull_retry_max_ms);
        return;
    }
    eca_container_set_error(container, &result->error);
    if (step->policy.pull_is_final) {
        step_fail(step, container, NULL);
        return;
    }
    step_change(step, container, ECA_STATUS_PULLED); /* a local image may do (DKR-402) */
}

/* ---- create (TASKM-303..306) ---------------------------------------------------------------- */

static void take_id(struct eca_container *container, const char *id)
{
    if (id != NULL && id[0] != '\0') {
        eca_free(container->docker_id);
        container->docker_id = eca_xstrdup(id);
    }
}

static void created(struct step *step, struct eca_container *container,
                    const struct eca_runtime_result *result)
{
    struct eca_container_run *run = &container->run;

    take_id(container, result->id);
    if (result->outcome != ECA_OUTCOME_UNREACHABLE) {
        reachable(container);
    }
    switch (result->outcome) {
    case ECA_OUTCOME_DONE:
    case ECA_OUTCOME_ALREADY:
        container->applied = ECA_STATUS_NONE;
        if (result->info != NULL) {
            take_id(container, result->info->id);
            (void)eca_learn_volumes(step->task, container, result->info);
            run->unclaimed = result->info->running && container->desired == ECA_STATUS_STOPPED;
        }
        step_change(step, container, ECA_STATUS_CREATED); /* the id is proof (TASKM-304) */
        return;
    case ECA_OUTCOME_CONFLICT: /* ours, from before a crash? (FB-09.4) */
    case ECA_OUTCOME_AMBIGUOUS:
    case ECA_OUTCOME_BAD_ANSWER:
        if (++run->tries < CREATE_TRIES_MAX) {
            run->stop_error = result->error; /* kept, should it not be ours */
            step_look(step, container, ECA_LOOK_PROOF);
            return;
        }
        break;
    case ECA_OUTCOME_UNREACHABLE:
        if (wait_for_docker(step, container, ECA_CALL_CREATE)) {
            return;
        }
        break;
    case ECA_OUTCOME_TIMEOUT: /* it may appear: removed by name at clean-up (DKR-505) */
    case ECA_OUTCOME_NOT_FOUND:
    case ECA_OUTCOME_REFUSED:
    case ECA_OUTCOME_FAILED:
        break;
    }
    step_fail(step, container, &result->error);
}

/* ---- start (TASKM-307..313) ----------------------------------------------------------------- */

static void run_it(struct step *step, struct eca_container *container,
                   const struct eca_container_info *info)
{
    container->applied = ECA_STATUS_NONE;
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

static void started(struct step *step, struct eca_container *container,
                    const struct eca_runtime_result *result)
{
    const struct eca_container_info *info = result->info;
    struct eca_container_run *run = &container->run;

    if (info == NULL) { /* TASKM-310: running or not, nobody knows */
        if (container->known < ECA_STATUS_RUNNING) {
            step_fail(step, container, &result->error);
            step_look(step, container, ECA_LOOK_PROOF);
        }
    } else if (info->running) {
        run_it(step, container, info);
        if (run->die_during_start) {
            step_look(step, container, ECA_LOOK_DIE);
        }
    } else if (info->never_started && (info->state_error == NULL || info->state_error[0] == '\0')) {
        step_look_pause(step, container, ECA_LOOK_PROOF);
    } else {
        if (!info->oom_killed && (info->state_error == NULL || info->state_error[0] == '\0') &&
            container->known < ECA_STATUS_RUNNING) {
            run_it(step, container, info); /* RUNNING first, without exit code (FB-08.2) */
        }
        if (container->known < ECA_STATUS_STOPPED) {
            ended(step, container, info);
        }
    }
}

static void start_answered(struct step *step, struct eca_container *container,
                           const struct eca_runtime_result *result)
{
    struct eca_container_run *run = &container->run;

    if (result->outcome != ECA_OUTCOME_UNREACHABLE) {
        reachable(container);
    }
    switch (result->outcome) {
    case ECA_OUTCOME_DONE:
    case ECA_OUTCOME_ALREADY:
        started(step, container, result);
        return;
    case ECA_OUTCOME_UNREACHABLE:
        container->applied = ECA_STATUS_NONE; /* nothing was sent */
        if (!wait_for_docker(step, container, ECA_CALL_START)) {
            step_fail(step, container, &result->error);
        }
        return;
    case ECA_OUTCOME_AMBIGUOUS:
    case ECA_OUTCOME_BAD_ANSWER: /* ENG-745 */
        step_look(step, container, ECA_LOOK_PROOF);
        return;
    case ECA_OUTCOME_TIMEOUT:
        run->start_late = true;
        break;
    case ECA_OUTCOME_NOT_FOUND:
    case ECA_OUTCOME_CONFLICT:
    case ECA_OUTCOME_REFUSED:
    case ECA_OUTCOME_FAILED:
        run->start_failed = true;
        break;
    }
    if (container->known >= ECA_STATUS_RUNNING) { /* its `start` event was right (TASKM-341) */
        run->start_failed = run->start_late = false;
        return;
    }
    step_fail(step, container, &result->error);
    if (result->outcome == ECA_OUTCOME_NOT_FOUND ||
        (run->start_failed && result->info != NULL && !result->info->running)) {
        ended(step, container, result->info);
    } else {
        step_look(step, container, ECA_LOOK_PROOF);
    }
}

/* ---- stop (TASKM-314..320, FB-05, FB-06) ---------------------------------------------------- */

static void stop_again(struct step *step, struct eca_container *container)
{
    struct eca_container_run *run = &container->run;

    if (++run->tries < step->policy.stop_tries) {
        run->pauses = run->tries - 1;
        step_pause(step, container, ECA_CALL_STOP, step->policy.retry_min_ms,
                   step->policy.retry_max_ms);
    } else if (!run->kill_tried) {
        run->kill_tried = true;
        run->looks = 0;
        step_call(step, container, ECA_CALL_KILL);
    } else {
        give_up_stopping(step, container);
    }
}

static void stop_answered(struct step *step, struct eca_container *container,
                          const struct eca_runtime_result *result)
{
    struct eca_container_run *run = &container->run;

    if (result->outcome != ECA_OUTCOME_DONE && result->outcome != ECA_OUTCOME_ALREADY) {
        run->stop_error = result->error;
    }
    if (result->info != NULL && result->info->never_started && run->start_late) {
        run->certain = true; /* not stopped: not started yet (FB-07); the watch decides */
        run->unclaimed = false;
        step_look_pause(step, container, ECA_LOOK_PROOF);
        return;
    }
    if (result->info != NULL && !result->info->running) {
        ended(step, container, result->info);
        return;
    }
    switch (result->outcome) {
    case ECA_OUTCOME_DONE:
    case ECA_OUTCOME_ALREADY:
        reachable(container);
        if (result->info == NULL) { /* TASKM-319 */
            step_look(step, container, ECA_LOOK_PROOF);
        } else {
            stop_again(step, container);
        }
        break;
    case ECA_OUTCOME_NOT_FOUND:
        step_vanished(step, container);
        break;
    case ECA_OUTCOME_CONFLICT:
    case ECA_OUTCOME_REFUSED:
    case ECA_OUTCOME_FAILED:
    case ECA_OUTCOME_BAD_ANSWER:
        reachable(container);
        stop_again(step, container);
        break;
    case ECA_OUTCOME_TIMEOUT: /* counts only if Docker itself is well (FB-06.4) */
        step_call(step, container, ECA_CALL_PING);
        break;
    case ECA_OUTCOME_AMBIGUOUS:
    case ECA_OUTCOME_UNREACHABLE:
        (void)wait_for_docker(step, container, ECA_CALL_STOP);
        break;
    }
}

static void kill_answered(struct step *step, struct eca_container *container,
                          const struct eca_runtime_result *result)
{
    switch (result->outcome) {
    case ECA_OUTCOME_DONE:
    case ECA_OUTCOME_ALREADY:
    case ECA_OUTCOME_CONFLICT: /* not running */
        step_look(step, container, ECA_LOOK_PROOF);
        break;
    case ECA_OUTCOME_NOT_FOUND:
        step_vanished(step, container);
        break;
    case ECA_OUTCOME_REFUSED:
    case ECA_OUTCOME_FAILED:
    case ECA_OUTCOME_BAD_ANSWER:
        give_up_stopping(step, container);
        break;
    case ECA_OUTCOME_TIMEOUT:
        step_call(step, container, ECA_CALL_PING);
        break;
    case ECA_OUTCOME_AMBIGUOUS:
    case ECA_OUTCOME_UNREACHABLE:
        (void)wait_for_docker(step, container, ECA_CALL_KILL);
        break;
    }
}

static void ping_answered(struct step *step, struct eca_container *container,
                          const struct eca_runtime_result *result)
{
    struct eca_container_run *run = &container->run;

    if (result->outcome != ECA_OUTCOME_DONE) {
        (void)wait_for_docker(step, container, run->kill_tried ? ECA_CALL_KILL : ECA_CALL_STOP);
        return;
    }
    reachable(container);
    if (run->kill_tried) {
        give_up_stopping(step, container);
    } else {
        stop_again(step, container);
    }
}

void step_result(struct step *step, struct eca_container *container,
                 const struct eca_runtime_result *result)
{
    enum eca_call call = container->run.call;

    container->run.call = ECA_CALL_NONE;
    switch (call) {
    case ECA_CALL_NONE:
        break;
    case ECA_CALL_PULL:
        pulled(step, container, result);
        break;
    case ECA_CALL_CREATE:
        created(step, container, result);
        break;
    case ECA_CALL_START:
        start_answered(step, container, result);
        break;
    case ECA_CALL_STOP:
        stop_answered(step, container, result);
        break;
    case ECA_CALL_KILL:
        kill_answered(step, container, result);
        break;
    case ECA_CALL_PING:
        ping_answered(step, container, result);
        break;
    }
}

/* ---- what an inspect shows (TASKM-327..330, section 12) ------------------------------------- */

/* A container that was STOPPED runs again (TASKM-161). Nothing is submitted in any case. */
static void came_back(struct step *step, struct eca_container *container)
{
    const struct eca_task *task = step->task;
    struct eca_container_run *run = &container->run;

    if (task->desired != ECA_STATUS_STOPPED && task->known != ECA_STATUS_STOPPED) {
        if (run->came_back_stopped) {
            run->left_running = true;
            step_log(step, container, ECA_LOG_WARN,
                     "Container that we thought was stopped came back again; left alone");
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
        ended(step, container, NULL);
        came_back(step, container);
        return;
    }
    if (look == ECA_LOOK_PROOF && run->kill_tried) {
        if (++run->looks >= KILL_LOOKS_MAX) {
            give_up_stopping(step, container);
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
        run_it(step, container, info);
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
        if (run->start_late && container->desired == ECA_STATUS_STOPPED &&
            ++run->looks < step->policy.late_start_looks) {
            step_look_pause(step, container, ECA_LOOK_PROOF); /* it may still start (FB-07) */
            break;
        }
        run->looks = 0;
        if (container->desired < ECA_STATUS_STOPPED && ++run->tries > CREATE_TRIES_MAX) {
            run->start_late = true; /* accepted, so it may still happen */
            step_fail(step, container,
                      &(struct eca_named_error){.name = "CannotStartContainerError",
                                                .text = "Container does not start"});
            step_look_pause(step, container, ECA_LOOK_PROOF);
            break;
        }
        container->applied = ECA_STATUS_NONE; /* the start did not happen: again, or STOPPED */
        break;
    case ECA_STATUS_RUNNING:
        ended(step, container, NULL);
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
        ended(step, container, NULL);
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
            ended(step, container, NULL);
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
        take_id(container, info->id);
    }
    (void)eca_learn_volumes(step->task, container, info);
    run->certain = true;
    if (info->running) {
        facts_running(step, container, look, info);
    } else if (info->never_started && (info->state_error == NULL || info->state_error[0] == '\0')) {
        facts_created(step, container);
    } else if (run->call == ECA_CALL_START) {
        run->die_during_start = true; /* its result comes first (TASKM-159) */
    } else {
        ended(step, container, info);
    }
}

/* ---- events of Docker (TASKM-321..326) ------------------------------------------------------ */

void step_docker(struct step *step, struct eca_container *container,
                 const struct eca_runtime_event *docker)
{
    struct eca_container_run *run = &container->run;

    switch (docker->kind) {
    case ECA_EVENT_START:
        if (container->known == ECA_STATUS_STOPPED ||
            (container->known < ECA_STATUS_RUNNING && run->look != ECA_LOOK_DIE)) {
            step_look(step, container, ECA_LOOK_START);
        }
        break;
    case ECA_EVENT_DIE:
        if (container->known == ECA_STATUS_STOPPED) {
            break;
        }
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
            ended(step, container, NULL);
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
