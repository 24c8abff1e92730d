#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/construct.h"
#include "agent/engine/graph.h"
#include "agent/engine/step_internal.h"

#define VOLUME_LOOKS_MAX 5 /* then the internal container starts without its paths (ENG-413) */

/* ---- commands ------------------------------------------------------------------------------- */

struct eca_command *step_add(struct step *step, enum eca_command_kind kind,
                             struct eca_container *container)
{
    struct eca_commands *list = step->commands;

    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 8 : list->cap * 2;
        list->at = eca_xrealloc_array(list->at, list->cap, sizeof(*list->at));
    }
    list->at[list->count] = (struct eca_command){.kind = kind, .container = container};
    return &list->at[list->count++];
}

void eca_commands_clear(struct eca_commands *commands)
{
    for (size_t i = 0; i < commands->count; i++) {
        eca_free(commands->at[i].text);
    }
    eca_free(commands->at);
    *commands = (struct eca_commands){0};
}

void step_log(struct step *step, struct eca_container *container, enum eca_log_level level,
              const char *text)
{
    struct eca_command *command = step_add(step, ECA_CMD_LOG, container);

    command->level = level;
    command->text = eca_xstrdup(text);
}

static void report_container(struct step *step, struct eca_container *container)
{
    eca_auto_buf struct eca_buf reason = {0};
    struct eca_command *command;

    if (container->internal || !eca_status_is_reportable(container->known) ||
        container->sent >= container->known) { /* ENG-601 */
        return;
    }
    eca_container_reason(container, &reason);
    command = step_add(step, ECA_CMD_REPORT_CONTAINER, container);
    command->status = container->known;
    command->text = eca_buf_take(&reason);
}

static void report_task(struct step *step)
{
    const struct eca_task *task = step->task;
    struct eca_command *command;

    if (!eca_status_is_reportable(task->known) || task->sent >= task->known) { /* ENG-602 */
        return;
    }
    command = step_add(step, ECA_CMD_REPORT_TASK, NULL);
    command->status = task->known;
    command->text = eca_xstrdup(task->reason == NULL ? "" : task->reason);
}

static void begin_activity(struct step *step, struct eca_container *container)
{
    container->run.since_ms = step->event->wall_ms;
}

void step_call(struct step *step, struct eca_container *container, enum eca_call call)
{
    assert(container->run.call == ECA_CALL_NONE);
    container->run.call = call;
    begin_activity(step, container);
    step_add(step, ECA_CMD_CALL, container)->call = call;
}

void step_cancel_call(struct step *step, struct eca_container *container)
{
    if (container->run.call != ECA_CALL_NONE) {
        container->run.call = ECA_CALL_NONE;
        container->run.waiting = false;
        (void)step_add(step, ECA_CMD_CANCEL_CALL, container);
    }
}

void step_cancel_look(struct step *step, struct eca_container *container)
{
    if (container->run.look != ECA_LOOK_NONE) {
        container->run.look = ECA_LOOK_NONE;
        container->run.look_waiting = false;
        (void)step_add(step, ECA_CMD_CANCEL_LOOK, container);
    }
}

/* An inspect under way may have been answered before the event that asks now: begin anew. */
void step_look(struct step *step, struct eca_container *container, enum eca_look look)
{
    if (container->docker_id == NULL && container->docker_name == NULL) {
        return;
    }
    step_cancel_look(step, container);
    container->run.look = look;
    begin_activity(step, container);
    step_add(step, ECA_CMD_LOOK, container)->look = look;
}

static uint64_t grown(uint64_t min_ms, uint64_t max_ms, uint32_t times)
{
    uint64_t delay_ms = min_ms;

    for (uint32_t i = 0; i < times && delay_ms < max_ms; i++) {
        delay_ms *= 2;
    }
    return delay_ms < max_ms ? delay_ms : max_ms;
}

void step_pause(struct step *step, struct eca_container *container, enum eca_call call,
                uint64_t min_ms, uint64_t max_ms)
{
    container->run.call = call;
    container->run.waiting = true;
    step_add(step, ECA_CMD_PAUSE, container)->delay_ms =
        grown(min_ms, max_ms, container->run.pauses++);
}

void step_look_pause(struct step *step, struct eca_container *container, enum eca_look look)
{
    container->run.look = look;
    container->run.look_waiting = true;
    step_add(step, ECA_CMD_LOOK_PAUSE, container)->delay_ms =
        grown(step->policy.retry_min_ms, step->policy.retry_max_ms,
              container->run.looks > 0 ? container->run.looks - 1 : 0);
}

/* ---- derived statuses (section 3) ----------------------------------------------------------- */

static bool raise_known(struct step *step, enum eca_status status)
{
    struct eca_task *task = step->task;

    if (status <= task->known) {
        return false;
    }
    task->known = status;
    task->known_ns = step->event->wall_ms * INT64_C(1000000);
    return true;
}

/* ENG-301..303; true when it changed. */
static bool derive_known(struct step *step)
{
    const struct eca_task *task = step->task;
    enum eca_status least = ECA_STATUS_STOPPED;
    bool essential_stopped = false;

    if (task->container_count == 0) {
        return false;
    }
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *container = &task->containers[i];

        least = container->known < least ? container->known : least;
        essential_stopped |= container->essential && container->known == ECA_STATUS_STOPPED;
    }
    if (least == ECA_STATUS_RUNNING && essential_stopped) {
        return false;
    }
    return raise_known(step, eca_status_without_pulled(least));
}

/* ENG-304, ENG-305. */
static void derive_desired(struct step *step)
{
    struct eca_task *task = step->task;
    enum eca_status least;

    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *container = &task->containers[i];

        if (container->essential &&
            (container->known == ECA_STATUS_STOPPED || container->desired == ECA_STATUS_STOPPED)) {
            task->desired = ECA_STATUS_STOPPED;
        }
    }
    least = eca_status_without_pulled(task->desired);
    for (size_t i = 0; i < task->container_count; i++) {
        if (task->containers[i].desired < least) {
            task->containers[i].desired = least;
        }
    }
}

/* The task is STOPPED: what it held is free at once (TASKM-104). */
static void finish(struct step *step)
{
    struct eca_task *task = step->task;

    (void)step_add(step, ECA_CMD_RELEASE_CREDENTIALS, NULL);
    if (task->gate_waiting) {
        task->gate_waiting = false;
        (void)step_add(step, ECA_CMD_GATE_LEAVE, NULL);
    }
    if (task->gate_opened) { /* only an opener may close (PAY-154) */
        task->gate_opened = false;
        step_add(step, ECA_CMD_GATE_CLOSE, NULL)->seq = task->stop_seq;
    }
    (void)step_add(step, ECA_CMD_CLEAN_UP, NULL);
    for (size_t i = 0; i < task->container_count; i++) {
        if (task->containers[i].run.left_running) { /* now it must end, too (FB-INV.3) */
            task->containers[i].run.left_running = false;
            step_look(step, &task->containers[i], ECA_LOOK_START);
        }
    }
}

static void update(struct step *step)
{
    bool changed = derive_known(step);

    derive_desired(step);
    if (changed && !step->beginning) {
        report_task(step);
        if (step->task->known == ECA_STATUS_STOPPED) {
            finish(step);
        }
    }
}

void step_change(struct step *step, struct eca_container *container, enum eca_status status)
{
    assert(status > container->known);
    container->known = status;
    container->run.tries = container->run.pauses = 0;
    begin_activity(step, container);
    if (eca_status_is_reportable(status) && container->docker_id != NULL) {
        step_add(step, ECA_CMD_NOTIFY, container)->status = status;
    }
    report_container(step, container);
    if (status == ECA_STATUS_RUNNING) {
        eca_container_clear_error(container); /* it went with RUNNING (TASKM-158) */
    }
    update(step);
}

void step_fail(struct step *step, struct eca_container *container,
               const struct eca_named_error *error)
{
    if (error != NULL) {
        eca_container_set_error(container, error);
    }
    if (!container->internal) {
        step_log(step, container, ECA_LOG_WARN, "Error with docker; stopping container");
    }
    container->desired = ECA_STATUS_STOPPED;
    update(step);
}

/* ---- next action of a container (TASKM-120) ------------------------------------------------- */

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
    } else if (container->known < ECA_STATUS_STOPPED) {
        step_vanished(step, container);
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
    if (container->run.start_late && container->run.looks < step->policy.late_start_looks) {
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
        if (container->internal && run->looks < VOLUME_LOOKS_MAX &&
            eca_volumes_missing(container)) {
            step_look(step, container, ECA_LOOK_VOLUME);
            break;
        }
        container->applied = ECA_STATUS_RUNNING;
        container->run.start_late = false;
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
        container->applied = unsent ? ECA_STATUS_NONE : container->applied;
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
        task->desired = ECA_STATUS_STOPPED;
        derive_desired(step);
        return true;
    }
    step_log(step, NULL, ECA_LOG_CRIT, "The state is so bad that we're just giving up on it");
    eca_free(task->reason);
    task->reason = eca_xstrdup("TaskStateError: Agent could not progress task's state to stopped");
    (void)raise_known(step, ECA_STATUS_STOPPED);
    report_task(step);
    finish(step);
    return false;
}

static void advance(struct step *step)
{
    struct eca_task *task = step->task;
    bool again = true;

    while (again) {
        again = false;
        update(step);
        for (size_t i = 0; i < task->container_count; i++) {
            again |= next(step, &task->containers[i]);
        }
        if (!again && is_stuck(task)) {
            again = free_stuck(step);
        }
    }
}

/* ---- events --------------------------------------------------------------------------------- */

static void impossible(void *arg, struct eca_container *container, const char *text)
{
    struct eca_named_error error;

    (void)arg;
    if (container->known == ECA_STATUS_NONE) {
        eca_named_error_set(&error, "TaskDependencyError", "%s", text);
        eca_container_set_error(container, &error);
    }
}

static void begin(struct step *step)
{
    struct eca_task *task = step->task;

    step->beginning = true;
    update(step);
    step->beginning = false;
    for (size_t i = 0; i < task->container_count; i++) {
        struct eca_container *container = &task->containers[i];

        if (container->known == ECA_STATUS_CREATED && container->applied == ECA_STATUS_RUNNING) {
            container->run.start_late = true; /* sent by an earlier life: no answer will come */
        }
        report_container(step, container);
    }
    report_task(step);
    if (task->known == ECA_STATUS_STOPPED) {
        finish(step);
        return;
    }
    if (task->desired < ECA_STATUS_STOPPED && task->known < ECA_STATUS_RUNNING &&
        !eca_graph_check(task, impossible, step)) { /* DEP-120 */
        task->desired = ECA_STATUS_STOPPED;
        derive_desired(step);
    }
    if (task->start_seq != 0 && task->desired < ECA_STATUS_STOPPED &&
        task->known < ECA_STATUS_RUNNING) { /* PAY-150, PAY-152 */
        task->gate_waiting = true;
        step_add(step, ECA_CMD_GATE_WAIT, NULL)->seq = task->start_seq;
    }
}

/* TASKM-103, PAY-141, PAY-151. */
static void desire(struct step *step, enum eca_status desired, int64_t seq)
{
    struct eca_task *task = step->task;

    if (desired <= task->desired) {
        return;
    }
    if (desired == ECA_STATUS_STOPPED && seq != 0 && task->stop_seq == 0) {
        task->stop_seq = seq;
        if (task->known < ECA_STATUS_STOPPED) {
            task->gate_opened = true;
            step_add(step, ECA_CMD_GATE_OPEN, NULL)->seq = seq;
        }
    }
    task->desired = desired;
    if (desired == ECA_STATUS_STOPPED && task->gate_waiting) { /* PAY-152 */
        task->gate_waiting = false;
        (void)step_add(step, ECA_CMD_GATE_LEAVE, NULL);
    }
    derive_desired(step);
}

static void survey(struct step *step, struct eca_container *container)
{
    const struct eca_step_event *event = step->event;

    if (event->found) {
        if (container->docker_id == NULL || strcmp(container->docker_id, event->id) != 0) {
            eca_free(container->docker_id);
            container->docker_id = eca_xstrdup(event->id);
        }
        if (event->name != NULL && event->name[0] != '\0') {
            eca_free(container->docker_name);
            container->docker_name = eca_xstrdup(event->name);
        }
        step_look(step, container, ECA_LOOK_PROOF);
        return;
    }
    if (container->known == ECA_STATUS_STOPPED) {
        container->run.certain = true;
    } else if (container->docker_id != NULL) {
        step_look(step, container, ECA_LOOK_PROOF); /* the list may lie: a 404 is the proof */
    } else if (container->known >= ECA_STATUS_CREATED) {
        container->run.certain = true;
        step_vanished(step, container);
    } else {
        container->run.certain = true; /* nothing was created: same name again (ENG-713) */
        container->applied = ECA_STATUS_NONE;
    }
}

static void check(struct step *step, bool connected)
{
    for (size_t i = 0; i < step->task->container_count; i++) {
        struct eca_container *container = &step->task->containers[i];
        struct eca_container_run *run = &container->run;

        if (connected && run->waiting && run->unreachable_ms != 0) {
            step_cancel_call(step, container);
            run->pauses = 0;
        }
        if (connected && run->look_waiting) {
            step_look(step, container, run->look);
        } else if (container->docker_id != NULL && run->look == ECA_LOOK_NONE &&
                   container->known >= ECA_STATUS_CREATED &&
                   container->known < ECA_STATUS_STOPPED) { /* TASKM-171, DKR-831 */
            step_look(step, container, ECA_LOOK_CHECK);
        }
    }
}

static void pause_over(struct step *step, struct eca_container *container)
{
    struct eca_container_run *run = &container->run;
    enum eca_call call = run->call;

    if (!run->waiting) {
        return;
    }
    run->waiting = false;
    run->call = ECA_CALL_NONE;
    if (call == ECA_CALL_KILL || call == ECA_CALL_PING) { /* the others are decided anew */
        step_call(step, container, call);
    }
}

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
    return value > 0 ? value : fallback;
}

static struct eca_step_policy filled(const struct eca_step_policy *given)
{
    struct eca_step_policy policy = *given;

    policy.pull_tries = (uint32_t)or_default(policy.pull_tries, 5);
    policy.stop_tries = (uint32_t)or_default(policy.stop_tries, 5);
    policy.unreachable_ms = or_default(policy.unreachable_ms, UINT64_C(300000));
    policy.retry_min_ms = or_default(policy.retry_min_ms, 1000);
    policy.retry_max_ms = or_default(policy.retry_max_ms, 30000);
    policy.pull_retry_ms = or_default(policy.pull_retry_ms, 1100);
    policy.pull_retry_max_ms = or_default(policy.pull_retry_max_ms, 5000);
    policy.late_start_looks = (uint32_t)or_default(policy.late_start_looks, 6);
    return policy;
}

void eca_step(struct eca_task *task, const struct eca_step_policy *policy,
              const struct eca_step_event *event, struct eca_commands *commands)
{
    struct step step = {
        .task = task, .policy = filled(policy), .event = event, .commands = commands};
    struct eca_container *container = event->container;

    switch (event->kind) {
    case ECA_STEP_BEGIN:
        begin(&step);
        break;
    case ECA_STEP_DESIRED:
        desire(&step, event->desired, event->seq);
        break;
    case ECA_STEP_GATE_PASSED:
        task->gate_waiting = false;
        break;
    case ECA_STEP_SURVEY:
        survey(&step, container);
        break;
    case ECA_STEP_RESULT:
        step_result(&step, container, event->result);
        break;
    case ECA_STEP_FACTS:
        step_facts(&step, container, event->result);
        break;
    case ECA_STEP_DOCKER:
        step_docker(&step, container, event->docker);
        break;
    case ECA_STEP_PAUSE_OVER:
        pause_over(&step, container);
        break;
    case ECA_STEP_LOOK_PAUSE_OVER:
        if (container->run.look_waiting) {
            step_look(&step, container, container->run.look);
        }
        break;
    case ECA_STEP_CHECK:
        check(&step, false);
        break;
    case ECA_STEP_CONNECTED:
        check(&step, true);
        break;
    }
    if (task->known != ECA_STATUS_STOPPED) {
        advance(&step);
    } else {
        for (size_t i = 0; i < task->container_count; i++) {
            (void)next(&step, &task->containers[i]);
        }
    }
}
