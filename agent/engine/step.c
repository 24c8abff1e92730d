#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/engine/construct.h"
#include "agent/engine/graph.h"
#include "agent/engine/step_internal.h"

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

void step_start_is_late(struct step *step, struct eca_container *container)
{
    container->run.start_late = true;
    container->run.late_since_ms = step->event->now_ms;
}

bool step_watches_start(const struct step *step, const struct eca_container *container)
{
    return container->run.start_late &&
           step->event->now_ms - container->run.late_since_ms < step->policy.late_start_ms;
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

void step_want_stopped(struct step *step)
{
    step->task->desired = ECA_STATUS_STOPPED;
    derive_desired(step);
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

void step_give_up_task(struct step *step, const char *reason)
{
    eca_free(step->task->reason);
    step->task->reason = eca_xstrdup(reason);
    (void)raise_known(step, ECA_STATUS_STOPPED);
    report_task(step);
    finish(step);
}

void step_update(struct step *step)
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
    step_update(step);
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
    step_update(step);
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
    step_update(step);
    step->beginning = false;
    for (size_t i = 0; i < task->container_count; i++) {
        struct eca_container *container = &task->containers[i];

        if (container->known == ECA_STATUS_CREATED && container->applied == ECA_STATUS_RUNNING) {
            step_start_is_late(step, container); /* of an earlier life: no answer will come */
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
        step_want_stopped(step);
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

    if (container->known == ECA_STATUS_STOPPED && !event->running) {
        container->run.certain = true;
        if (container->internal && container->task->desired < ECA_STATUS_STOPPED &&
            eca_volumes_missing(container)) { /* its dependants need the paths (ENG-726) */
            step_look(step, container, ECA_LOOK_VOLUME);
        }
        return;
    }
    if (event->found && !ECA_MUTATION(CREATED_TWICE)) {
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
    if (container->docker_id != NULL) {
        step_look(step, container, ECA_LOOK_PROOF); /* the list may lie: a 404 is the proof */
    } else if (container->known >= ECA_STATUS_CREATED) {
        container->run.certain = true;
        step_vanished(step, container);
    } else {
        container->run.certain = true; /* nothing was created: same name again (ENG-713) */
        container->applied = ECA_STATUS_NONE;
    }
}

/* A kill or ping that waited goes out after all; the other calls are decided anew. */
static void call_again(struct step *step, struct eca_container *container, enum eca_call call)
{
    if (call == ECA_CALL_KILL || call == ECA_CALL_PING) {
        step_call(step, container, call);
    }
}

static void check(struct step *step, bool connected)
{
    for (size_t i = 0; i < step->task->container_count; i++) {
        struct eca_container *container = &step->task->containers[i];
        struct eca_container_run *run = &container->run;

        if (connected && run->waiting && run->unreachable_ms != 0) {
            enum eca_call call = run->call;

            step_cancel_call(step, container);
            run->pauses = 0;
            call_again(step, container, call);
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
    call_again(step, container, call);
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
    policy.cut_pull_ms = or_default(policy.cut_pull_ms, UINT64_C(7200000));
    policy.retry_min_ms = or_default(policy.retry_min_ms, 1000);
    policy.retry_max_ms = or_default(policy.retry_max_ms, 30000);
    policy.pull_retry_ms = or_default(policy.pull_retry_ms, 1100);
    policy.pull_retry_max_ms = or_default(policy.pull_retry_max_ms, 5000);
    policy.late_start_ms = or_default(policy.late_start_ms, UINT64_C(60000));
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
    step_advance(&step);
}
