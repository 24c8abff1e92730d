#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/engine/construct.h"
#include "agent/engine/step_internal.h"

#define CREATE_TRIES_MAX 5 /* name conflicts and lost answers in a row */

/* ---- waiting for Docker --------------------------------------------------------------------- */

static void reachable(struct eca_container *container)
{
    container->run.unreachable_ms = 0;
}

/* Nothing was sent. False: it has taken too long (ENG-747, ENG-744). */
static bool wait_for_docker(struct step *step, struct eca_container *container, enum eca_call call)
{
    struct eca_container_run *run = &container->run;
    uint64_t now_ms = step->event->now_ms;
    bool begun = call == ECA_CALL_PULL && run->tries > 0;
    uint64_t limit_ms = begun ? step->policy.cut_pull_ms : step->policy.unreachable_ms;

    if (run->unreachable_ms == 0) {
        run->unreachable_ms = now_ms > 0 ? now_ms : 1;
        run->pauses = 0;
    } else if (now_ms - run->unreachable_ms >= limit_ms && call <= ECA_CALL_START) {
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

static void created(struct step *step, struct eca_container *container,
                    const struct eca_runtime_result *result)
{
    struct eca_container_run *run = &container->run;

    step_take_id(container, result->id);
    if (result->outcome != ECA_OUTCOME_UNREACHABLE) {
        reachable(container);
    }
    switch (result->outcome) {
    case ECA_OUTCOME_DONE:
    case ECA_OUTCOME_ALREADY:
        container->applied = ECA_STATUS_NONE;
        if (result->info != NULL) {
            step_take_id(container, result->info->id);
            (void)eca_learn_volumes(step->task, container, result->info);
            run->unclaimed = result->info->running && container->desired == ECA_STATUS_STOPPED;
        } else if (container->desired == ECA_STATUS_STOPPED) {
            step_look(step, container,
                      ECA_LOOK_PROOF); /* somebody may have started it (FB-INV.3) */
            return;
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
    case ECA_OUTCOME_TIMEOUT: /* it may be there, even run, without an answer (TASKM-306) */
        step_fail(step, container, &result->error);
        step_look(step, container, ECA_LOOK_PROOF);
        return;
    case ECA_OUTCOME_NOT_FOUND:
    case ECA_OUTCOME_REFUSED:
    case ECA_OUTCOME_FAILED:
        break;
    }
    step_fail(step, container, &result->error);
}

/* ---- start (TASKM-307..313) ----------------------------------------------------------------- */

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
        step_runs(step, container, info);
        if (run->die_during_start) {
            step_look(step, container, ECA_LOOK_DIE);
        }
    } else if (step_not_started(info)) {
        step_look_pause(step, container, ECA_LOOK_PROOF);
    } else {
        if (!info->oom_killed && (info->state_error == NULL || info->state_error[0] == '\0') &&
            container->known < ECA_STATUS_RUNNING) {
            step_runs(step, container, info); /* RUNNING first, without exit code (FB-08.2) */
        }
        if (container->known < ECA_STATUS_STOPPED) {
            step_ended(step, container, info);
        }
    }
}

static void start_answered(struct step *step, struct eca_container *container,
                           const struct eca_runtime_result *result)
{
    const struct eca_container_info *info = result->info;
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
        if (!run->start_late) {
            container->applied = ECA_STATUS_NONE; /* nothing was sent */
        }
        if (!wait_for_docker(step, container, ECA_CALL_START)) {
            step_fail(step, container, &result->error);
        }
        return;
    case ECA_OUTCOME_AMBIGUOUS:
    case ECA_OUTCOME_BAD_ANSWER: /* ENG-745 */
        step_start_is_late(step, container);
        step_look(step, container, ECA_LOOK_PROOF);
        return;
    case ECA_OUTCOME_TIMEOUT:
        step_start_is_late(step, container);
        break;
    case ECA_OUTCOME_NOT_FOUND:
    case ECA_OUTCOME_REFUSED:
        run->start_late = false;
        run->start_failed = true;
        break;
    case ECA_OUTCOME_CONFLICT: /* these say nothing of an earlier start that was not answered */
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
        (run->start_failed && info != NULL && !info->running &&
         !(run->start_late && step_not_started(info)))) {
        step_ended(step, container, info);
    } else { /* an earlier start may come through: a failed one leaves its error (FB-07) */
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
        step_give_up_stopping(step, container);
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
        run->certain = true; /* not stopped: not started yet (FB-07) */
        run->unclaimed = false;
        if (step_watches_start(step, container)) {
            run->looks++;
            step_look_pause(step, container, ECA_LOOK_PROOF);
        } else { /* watched long enough: the start did not happen */
            run->looks = 0;
            container->applied = ECA_STATUS_NONE;
        }
        return;
    }
    if (result->info != NULL && !result->info->running) {
        step_ended(step, container, result->info);
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
        if (ECA_MUTATION(STOP_ERROR_IS_STOPPED)) {
            step_ended(step, container, NULL);
            break;
        }
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
        step_give_up_stopping(step, container);
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
        step_give_up_stopping(step, container);
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
