#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/engine/engine_internal.h"

/* Events in, commands out: what Docker and timers tell goes through the decision, and what it
 * commands is carried out. */
#define LINE_NS ((uint64_t)60 * 1000000000u) /* of one kind and container (FB-04.3) */

/* ---- carrying out commands ------------------------------------------------------------------ */

static void report(struct entry *entry, const struct eca_command *command)
{
    const struct eca_container *container = command->container;
    struct eca_report report = {
        .task_arn = entry->task->arn, .status = command->status, .reason = command->text};

    if (container != NULL) {
        report.container_name = container->name;
        report.has_exit_code = command->status == ECA_STATUS_STOPPED && container->has_exit_code;
        report.exit_code = container->exit_code;
        report.bindings = container->bindings;
        report.binding_count = container->binding_count;
    }
    ECA_INFO(entry->engine->opts.log, ENGINE_MODULE,
             ECA_KV("task", entry->task->arn, "container", container == NULL ? "" : container->name,
                    "status", eca_status_name(command->status)),
             "Task change event");
    eca_reporter_add(entry->engine->opts.reporter, &report);
}

static void pass_gate(void *arg)
{
    struct entry *entry = arg;

    eca_list_push_back(&entry->engine->passed, &entry->passed_node);
    eca_deferred_queue(&entry->engine->passed_work);
}

void engine_gates_passed(void *arg)
{
    struct eca_engine *engine = arg;
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&engine->passed)) != NULL) {
        struct eca_step_event event = {.kind = ECA_STEP_GATE_PASSED};

        (void)engine_step(eca_container_of(node, struct entry, passed_node), &event);
    }
}

static void wait_at_gate(struct entry *entry, int64_t seq)
{
    entry->gate_waiter.pass = pass_gate;
    entry->gate_waiter.arg = entry;
    if (eca_gate_wait(&entry->engine->gate, &entry->gate_waiter, seq)) {
        pass_gate(entry);
    } else {
        ECA_INFO(entry->engine->opts.log, ENGINE_MODULE, ECA_KV("task", entry->task->arn),
                 "Waiting for other tasks to stop before starting");
    }
}

void engine_leave_gate(struct entry *entry)
{
    eca_gate_leave(&entry->engine->gate, &entry->gate_waiter);
    eca_list_remove(&entry->engine->passed, &entry->passed_node);
}

static void pause(struct eca_engine *engine, struct eca_timer *timer, uint64_t delay_ms)
{
    uint64_t delay_ns = delay_ms * 1000000;

    eca_timer_start(timer, delay_ns + eca_entropy_below(engine->opts.entropy, delay_ns / 5));
}

static void carry_out(struct entry *entry, const struct eca_command *command)
{
    struct eca_engine *engine = entry->engine;
    /* Commands of the task have no container and use no cell. */
    struct cell *cell =
        command->container == NULL ? entry->cells : engine_cell(entry, command->container);
    const char *name = command->container == NULL ? "" : command->container->name;

    switch (command->kind) {
    case ECA_CMD_CALL:
        engine_call(cell, command->call);
        break;
    case ECA_CMD_LOOK:
        engine_look(cell, command->look);
        break;
    case ECA_CMD_CANCEL_CALL:
        eca_timer_stop(&cell->pause);
        job_cancel(&cell->call);
        break;
    case ECA_CMD_CANCEL_LOOK:
        eca_timer_stop(&cell->look_pause);
        eca_timer_stop(&cell->hurry);
        job_cancel(&cell->look);
        break;
    case ECA_CMD_PAUSE:
        pause(engine, &cell->pause, command->delay_ms);
        break;
    case ECA_CMD_LOOK_PAUSE:
        pause(engine, &cell->look_pause, command->delay_ms);
        break;
    case ECA_CMD_REPORT_CONTAINER:
    case ECA_CMD_REPORT_TASK:
        report(entry, command);
        break;
    case ECA_CMD_NOTIFY:
        if (engine->listener != NULL) {
            engine->listener(engine->listener_arg, cell->container->docker_id, command->status);
        }
        break;
    case ECA_CMD_GATE_OPEN:
        eca_gate_open(&engine->gate, command->seq);
        break;
    case ECA_CMD_GATE_CLOSE:
        eca_gate_close(&engine->gate, command->seq);
        break;
    case ECA_CMD_GATE_WAIT:
        wait_at_gate(entry, command->seq);
        break;
    case ECA_CMD_GATE_LEAVE:
        engine_leave_gate(entry);
        break;
    case ECA_CMD_RELEASE_CREDENTIALS: /* CRED-111 */
        eca_credentials_store_remove_task(engine->opts.credentials, entry->task->arn);
        break;
    case ECA_CMD_CLEAN_UP:
        engine_cleanup_schedule(entry);
        break;
    case ECA_CMD_LOG:
        ECA_LOG_AT(command->level, engine->opts.log, ENGINE_MODULE,
                   ECA_KV("task", entry->task->arn, "container", name), "%s", command->text);
        break;
    }
}

/* Docker ids lead to containers; a replaced id is forgotten (ENG-122). */
void engine_map_ids(struct entry *entry)
{
    struct eca_engine *engine = entry->engine;

    for (size_t i = 0; i < entry->task->container_count; i++) {
        struct cell *cell = &entry->cells[i];
        const char *id = cell->container->docker_id;

        if (id == NULL || (cell->mapped_id != NULL && strcmp(cell->mapped_id, id) == 0)) {
            continue;
        }
        if (cell->mapped_id != NULL) {
            (void)eca_map_remove(engine->ids, cell->mapped_id);
            eca_free(cell->mapped_id);
        }
        cell->mapped_id = eca_xstrdup(id);
        (void)eca_map_put(engine->ids, id, cell);
    }
}

/*
 * The look at the image after its pull may have failed; the container itself says what it was made
 * from. Also when nobody else uses that image by the records: the next task's pull would make it
 * one that nobody uses once that task is gone (IMG-103, IMG-202).
 */
static void learn_image(struct entry *entry, const struct eca_step_event *event)
{
    const struct eca_container_info *info = event->result == NULL ? NULL : event->result->info;
    struct eca_images *images = entry->engine->images;
    struct eca_container *container = event->container;

    if (info == NULL || container == NULL || container->image_id != NULL ||
        info->image_id[0] == '\0') {
        return;
    }
    container->image_id = eca_xstrdup(info->image_id);
    eca_images_restore_reference(images, container->image_id, container->image, entry->task->arn,
                                 container->name, engine_wall_ms(entry->engine) * INT64_C(1000000));
}

bool engine_step(struct entry *entry, struct eca_step_event *event)
{
    struct eca_engine *engine = entry->engine;
    struct eca_commands commands = {0};
    uint64_t before;
    bool acted;

    if (engine->disabled || entry->removing) {
        return true;
    }
    event->now_ms = engine_now_ms(engine);
    event->wall_ms = engine_wall_ms(engine);
    before = entry->sum_known ? entry->sum : engine_stored_sum(entry->task);
    learn_image(entry, event);
    eca_step(entry->task, &engine->policy, event, &commands);
    entry->sum = engine_stored_sum(entry->task);
    if (entry->sum != before) {
        engine_mark(entry);
    }
    entry->sum_known = true;
    engine_map_ids(entry);
    for (size_t i = 0; i < commands.count; i++) {
        carry_out(entry, &commands.at[i]);
    }
    acted = commands.count > 0;
    eca_commands_clear(&commands);
    return acted;
}

/* ---- events of the runtime ------------------------------------------------------------------ */

static void connected(struct eca_engine *engine)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    engine->counters.events_since_ms = engine_wall_ms(engine);
    if (ECA_MUTATION(EVENT_LOST_AT_RECONNECT)) {
        return;
    }
    while (eca_map_next(engine->tasks, &cursor, &key, &value)) {
        struct entry *entry = value;
        struct eca_step_event event = {.kind = ECA_STEP_CONNECTED};

        if (entry->begun) {
            (void)engine_step(entry, &event);
        }
        engine_cleanup_connected(entry);
    }
}

void engine_on_event(void *arg, const struct eca_runtime_event *docker)
{
    struct eca_engine *engine = arg;
    struct cell *cell;
    struct eca_step_event event = {.kind = ECA_STEP_DOCKER, .docker = docker};

    if (docker->kind == ECA_EVENT_CONNECTED) {
        connected(engine);
        return;
    }
    if (docker->kind == ECA_EVENT_DISCONNECTED) {
        engine->counters.events_since_ms = 0;
        return;
    }
    engine->counters.events++;
    cell = docker->container_id == NULL ? NULL : eca_map_get(engine->ids, docker->container_id);
    if (cell == NULL) { /* ENG-208 */
        engine->counters.events_unknown++;
        ECA_DEBUG(engine->opts.log, ENGINE_MODULE, ECA_NO_KV, "Event for container not managed");
        return;
    }
    if (docker->kind == ECA_EVENT_OOM &&
        eca_log_limit_pass(&cell->oom_limit, eca_sched_now_ns(engine->opts.sched), LINE_NS)) {
        ECA_INFO(engine->opts.log, ENGINE_MODULE, ECA_KV("container", docker->container_id),
                 "Process in container was killed for lack of memory");
    }
    event.container = cell->container;
    if (!engine_step(cell->entry, &event) &&
        (docker->kind == ECA_EVENT_START || docker->kind == ECA_EVENT_DIE) &&
        eca_log_limit_pass(&cell->redundant_limit, eca_sched_now_ns(engine->opts.sched), LINE_NS)) {
        ECA_INFO(engine->opts.log, ENGINE_MODULE, ECA_KV("container", docker->container_id),
                 "Redundant container state change"); /* TASKM-151 */
    }
}
