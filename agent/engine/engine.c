#include "agent/engine/engine.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/graph.h"
#include "agent/engine/prepare.h"
#include "agent/engine/task_json.h"

#define MINUTE_MS UINT64_C(60000)
#define OOM_LINE_NS ((uint64_t)60 * 1000000000u) /* FB-04.3 */

uint64_t engine_now_ms(const struct eca_engine *engine)
{
    return eca_sched_now_ns(engine->opts.sched) / 1000000;
}

int64_t engine_wall_ms(const struct eca_engine *engine)
{
    return eca_sched_wall_ms(engine->opts.sched);
}

struct eca_runtime_result engine_refused(const struct eca_err *err)
{
    struct eca_runtime_result result = {.outcome = ECA_OUTCOME_UNREACHABLE};

    eca_named_error_set(&result.error, "CannotGetDockerclientError", "%s", err->msg);
    return result;
}

struct cell *engine_cell(struct entry *entry, const struct eca_container *container)
{
    return &entry->cells[container - entry->task->containers];
}

void engine_mark(struct entry *entry)
{
    eca_journal_mark(entry->engine->opts.journal, ECA_RECORD_TASK, entry->task->arn);
}

/* ---- what is stored of a task: has it changed? ---------------------------------------------- */

static uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * UINT64_C(1099511628211);
}

/* NULL and "" are different things to the state. */
static uint64_t mix_text(uint64_t sum, const char *text)
{
    sum = mix(sum, text == NULL ? 0 : 1);
    for (; text != NULL && *text != '\0'; text++) {
        sum = mix(sum, (unsigned char)*text);
    }
    return sum;
}

static uint64_t mix_bindings(uint64_t sum, const struct eca_container *container)
{
    sum = mix(sum, (uint64_t)container->binding_count << 1 | container->has_bindings);
    for (size_t i = 0; i < container->binding_count; i++) {
        const struct eca_port_binding *binding = &container->bindings[i];

        sum = mix(sum, (uint64_t)binding->container_port << 17 | (uint64_t)binding->host_port << 1 |
                           binding->udp);
        sum = mix_text(sum, binding->bind_ip);
    }
    return sum;
}

/*
 * Of the members that a step changes, by content: a text that replaces another may come to lie at
 * its address, and the change would not be saved.
 */
static uint64_t stored_sum(const struct eca_task *task)
{
    uint64_t sum = UINT64_C(1469598103934665603);

    sum = mix(sum, (uint64_t)task->desired << 16 | (uint64_t)task->known << 8 | task->sent);
    sum = mix(sum, (uint64_t)task->stop_seq);
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *container = &task->containers[i];

        sum = mix(sum, (uint64_t)container->desired << 24 | (uint64_t)container->known << 16 |
                           (uint64_t)container->applied << 8 | container->sent);
        sum = mix(sum, (uint64_t)container->exit_code << 1 | container->has_exit_code);
        sum = mix_text(sum, container->docker_id);
        sum = mix_text(sum, container->docker_name);
        sum = mix_text(sum, container->image_id);
        sum = mix_text(sum, container->error_name);
        sum = mix_text(sum, container->error_text);
        sum = mix_bindings(sum, container);
    }
    for (size_t i = 0; i < task->volume_count; i++) {
        sum = mix_text(sum, task->volumes[i].host_path);
    }
    return mix_text(sum, task->reason);
}

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

static void gates_passed(void *arg)
{
    struct eca_engine *engine = arg;
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&engine->passed)) != NULL) {
        struct eca_step_event event = {.kind = ECA_STEP_GATE_PASSED};

        engine_step(eca_container_of(node, struct entry, passed_node), &event);
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

static void leave_gate(struct entry *entry)
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
        leave_gate(entry);
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
static void map_ids(struct entry *entry)
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

void engine_step(struct entry *entry, struct eca_step_event *event)
{
    struct eca_engine *engine = entry->engine;
    struct eca_commands commands = {0};
    uint64_t before;

    if (engine->disabled || entry->removing) {
        return;
    }
    event->now_ms = engine_now_ms(engine);
    event->wall_ms = engine_wall_ms(engine);
    before = stored_sum(entry->task);
    eca_step(entry->task, &engine->policy, event, &commands);
    if (stored_sum(entry->task) != before) {
        engine_mark(entry);
    }
    map_ids(entry);
    for (size_t i = 0; i < commands.count; i++) {
        carry_out(entry, &commands.at[i]);
    }
    eca_commands_clear(&commands);
}

/* ---- timers of a container and a task ------------------------------------------------------- */

static void pause_over(void *arg)
{
    struct cell *cell = arg;
    struct eca_step_event event = {.kind = ECA_STEP_PAUSE_OVER, .container = cell->container};

    engine_step(cell->entry, &event);
}

static void look_pause_over(void *arg)
{
    struct cell *cell = arg;
    struct eca_step_event event = {.kind = ECA_STEP_LOOK_PAUSE_OVER, .container = cell->container};

    engine_step(cell->entry, &event);
}

/* The details of a `die` take too long: its event has the exit code (TASKM-323). */
static void hurry_over(void *arg)
{
    struct cell *cell = arg;
    struct eca_runtime_result result = {.outcome = ECA_OUTCOME_TIMEOUT};
    struct eca_step_event event = {
        .kind = ECA_STEP_FACTS, .container = cell->container, .result = &result};

    job_cancel(&cell->look);
    engine_step(cell->entry, &event);
}

static void arm_check(struct entry *entry)
{
    const struct eca_engine_timing *timing = &entry->engine->opts.timing;

    eca_timer_start_ms(&entry->check,
                       timing->check_ms +
                           eca_entropy_below(entry->engine->opts.entropy, timing->check_jitter_ms));
}

static void check_due(void *arg)
{
    struct entry *entry = arg;
    struct eca_step_event event = {.kind = ECA_STEP_CHECK};

    if (entry->task->known < ECA_STATUS_STOPPED) {
        arm_check(entry);
        engine_step(entry, &event);
    }
}

/* ---- entries -------------------------------------------------------------------------------- */

static struct entry *entry_new(struct eca_engine *engine, struct eca_task *task)
{
    struct entry *entry = eca_xalloc(sizeof(*entry));

    entry->engine = engine;
    entry->task = task;
    entry->cells = eca_xalloc((task->container_count + 1) * sizeof(*entry->cells));
    for (size_t i = 0; i < task->container_count; i++) {
        struct cell *cell = &entry->cells[i];

        cell->entry = entry;
        cell->container = &task->containers[i];
        job_init(&cell->call, entry, cell->container);
        job_init(&cell->look, entry, cell->container);
        eca_timer_init(&cell->pause, engine->opts.sched, pause_over, cell);
        eca_timer_init(&cell->look_pause, engine->opts.sched, look_pause_over, cell);
        eca_timer_init(&cell->hurry, engine->opts.sched, hurry_over, cell);
    }
    eca_timer_init(&entry->check, engine->opts.sched, check_due, entry);
    engine_cleanup_init(entry);
    (void)eca_map_put(engine->tasks, task->arn, entry);
    map_ids(entry);
    return entry;
}

static void entry_free(struct entry *entry)
{
    leave_gate(entry);
    eca_timer_stop(&entry->check);
    eca_timer_stop(&entry->cleanup);
    job_cancel(&entry->remove);
    for (size_t i = 0; i < entry->task->container_count; i++) {
        struct cell *cell = &entry->cells[i];

        job_cancel(&cell->call);
        job_cancel(&cell->look);
        eca_timer_stop(&cell->pause);
        eca_timer_stop(&cell->look_pause);
        eca_timer_stop(&cell->hurry);
        eca_free(cell->mapped_id);
    }
    eca_free(entry->cells);
    eca_task_free(entry->task);
    eca_free(entry);
}

/* One atomic removal (CLN-107). */
void engine_drop(struct entry *entry)
{
    struct eca_engine *engine = entry->engine;

    for (size_t i = 0; i < entry->task->container_count; i++) {
        if (entry->cells[i].mapped_id != NULL) {
            (void)eca_map_remove(engine->ids, entry->cells[i].mapped_id);
        }
        eca_images_release(engine->images, entry->task->arn, entry->cells[i].container->name,
                           engine_wall_ms(engine) * INT64_C(1000000));
    }
    engine->counters.tasks_removed++;
    (void)eca_map_remove(engine->tasks, entry->task->arn);
    eca_journal_mark(engine->opts.journal, ECA_RECORD_TASK, entry->task->arn);
    entry_free(entry);
}

static void begin(struct entry *entry)
{
    struct eca_step_event event = {.kind = ECA_STEP_BEGIN};

    entry->begun = true;
    arm_check(entry);
    engine_step(entry, &event);
}

/* ---- records -------------------------------------------------------------------------------- */

static bool serialise_task(void *arg, const char *key, struct eca_buf *out)
{
    const struct eca_engine *engine = arg;
    const struct entry *entry = eca_map_get(engine->tasks, key);
    struct eca_json_writer w = eca_json_writer_to(out);

    if (entry == NULL) {
        return false;
    }
    eca_task_to_state(entry->task, &w, NULL, true);
    return true;
}

static bool serialise_image(void *arg, const char *key, struct eca_buf *out)
{
    const struct eca_engine *engine = arg;
    struct eca_json_writer w = eca_json_writer_to(out);

    return eca_images_write(engine->images, key, &w, NULL);
}

static void image_dirty(void *arg, const char *image_id)
{
    struct eca_engine *engine = arg;

    eca_journal_mark(engine->opts.journal, ECA_RECORD_IMAGE, image_id);
}

/* ---- reports -------------------------------------------------------------------------------- */

static enum eca_status *sent_of(struct eca_engine *engine, const struct eca_report *report,
                                struct entry **ret_entry)
{
    struct eca_container *container;

    *ret_entry = eca_map_get(engine->tasks, report->task_arn);
    if (*ret_entry == NULL) {
        return NULL;
    }
    if (report->container_name == NULL) {
        return &(*ret_entry)->task->sent;
    }
    container = eca_task_find((*ret_entry)->task, report->container_name);
    return container == NULL ? NULL : &container->sent;
}

static enum eca_status report_sent(void *impl, const struct eca_report *report)
{
    struct entry *entry;
    const enum eca_status *sent = sent_of(impl, report, &entry);

    return sent == NULL ? ECA_STATUS_NONE : *sent;
}

static void report_settled(void *impl, const struct eca_report *report, bool accepted)
{
    struct entry *entry;
    enum eca_status *sent = sent_of(impl, report, &entry);

    (void)accepted; /* dropped for good counts as sent (SEND-106) */
    if (sent == NULL || *sent >= report->status) {
        return;
    }
    *sent = report->status;
    engine_mark(entry);
    if (report->container_name == NULL && report->status == ECA_STATUS_STOPPED) {
        engine_cleanup_reported(entry);
    }
}

/* ---- events of the runtime ------------------------------------------------------------------ */

static void connected(struct eca_engine *engine)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    engine->counters.events_since_ms = engine_wall_ms(engine);
    while (eca_map_next(engine->tasks, &cursor, &key, &value)) {
        struct entry *entry = value;
        struct eca_step_event event = {.kind = ECA_STEP_CONNECTED};

        if (entry->begun) {
            engine_step(entry, &event);
        }
    }
}

static void on_event(void *arg, const struct eca_runtime_event *docker)
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
        eca_log_limit_pass(&cell->oom_limit, eca_sched_now_ns(engine->opts.sched), OOM_LINE_NS)) {
        ECA_INFO(engine->opts.log, ENGINE_MODULE, ECA_KV("container", docker->container_id),
                 "Process in container was killed for lack of memory");
    }
    event.container = cell->container;
    engine_step(cell->entry, &event);
}

/* ---- the object ----------------------------------------------------------------------------- */

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
    return value > 0 ? value : fallback;
}

static void fill_defaults(struct eca_engine_opts *opts)
{
    struct eca_engine_timing *timing = &opts->timing;
    struct eca_engine_limits *limits = &opts->limits;

    timing->check_ms = or_default(timing->check_ms, 10 * MINUTE_MS);
    timing->check_jitter_ms = or_default(timing->check_jitter_ms, MINUTE_MS);
    timing->list_limit_ms = or_default(timing->list_limit_ms, 30000);
    timing->list_retry_min_ms = or_default(timing->list_retry_min_ms, 200);
    timing->list_retry_max_ms = or_default(timing->list_retry_max_ms, 10000);
    timing->cleanup_spread_ms = or_default(timing->cleanup_spread_ms, MINUTE_MS);
    timing->remove_retry_min_ms = or_default(timing->remove_retry_min_ms, 1000);
    timing->remove_retry_max_ms = or_default(timing->remove_retry_max_ms, 5 * MINUTE_MS);
    timing->remove_give_up_ms = or_default(timing->remove_give_up_ms, UINT64_C(1440) * MINUTE_MS);
    timing->hurry_ms = or_default(timing->hurry_ms, 5000);
    limits->pulls = (uint32_t)or_default(limits->pulls, 8);
    limits->calls = (uint32_t)or_default(limits->calls, 32);
    limits->stops = (uint32_t)or_default(limits->stops, 256);
    limits->looks = (uint32_t)or_default(limits->looks, 64);
    limits->surveys = (uint32_t)or_default(limits->surveys, 8);
    opts->stop_timeout_s = or_default(opts->stop_timeout_s, 30);
    opts->cleanup_wait_ms = or_default(opts->cleanup_wait_ms, 180 * MINUTE_MS);
    opts->image_interval_ms = or_default(opts->image_interval_ms, 30 * MINUTE_MS);
    opts->image_minimum_age_ms = or_default(opts->image_minimum_age_ms, 60 * MINUTE_MS);
    opts->images_per_cycle = (uint32_t)or_default(opts->images_per_cycle, 5);
}

static void init_lanes(struct eca_engine *engine)
{
    const struct eca_engine_limits *limits = &engine->opts.limits;
    const uint32_t max[LANES] = {[LANE_PULL] = limits->pulls,
                                 [LANE_CALL] = limits->calls,
                                 [LANE_STOP] = limits->stops,
                                 [LANE_LOOK] = limits->looks,
                                 [LANE_SURVEY] = limits->surveys};

    for (size_t i = 0; i < LANES; i++) {
        eca_list_init(&engine->lanes[i].waiting);
        engine->lanes[i].max = max[i];
    }
}

struct eca_engine *eca_engine_new(const struct eca_engine_opts *opts)
{
    struct eca_engine *engine = eca_xalloc(sizeof(*engine));
    const struct eca_report_owner owner = {report_sent, report_settled, engine};

    engine->opts = *opts;
    fill_defaults(&engine->opts);
    engine->policy = (struct eca_step_policy){
        .pull_tries = opts->pull_tries,
        .stop_tries = opts->stop_tries,
        .pull_is_final = opts->pull_behavior == ECA_PULL_ALWAYS,
    };
    engine->cluster = eca_xstrdup(opts->cluster == NULL ? "" : opts->cluster);
    engine->tasks = eca_map_new();
    engine->ids = eca_map_new();
    init_lanes(engine);
    eca_gate_init(&engine->gate);
    eca_list_init(&engine->passed);
    eca_list_init(&engine->strays);
    eca_deferred_init(&engine->pump_work, opts->sched, jobs_pump, engine);
    eca_deferred_init(&engine->passed_work, opts->sched, gates_passed, engine);
    engine->images = eca_images_new();
    eca_images_set_listener(engine->images, image_dirty, engine);
    engine_survey_init(engine);
    engine_gc_init(engine);
    eca_journal_set_source(opts->journal, ECA_RECORD_TASK, serialise_task, engine);
    eca_journal_set_source(opts->journal, ECA_RECORD_IMAGE, serialise_image, engine);
    eca_reporter_set_owner(opts->reporter, &owner);
    return engine;
}

void eca_engine_free(struct eca_engine *engine)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    if (engine == NULL) {
        return;
    }
    engine->disabled = true;
    engine->gc_running = false;
    while (eca_map_next(engine->tasks, &cursor, &key, &value)) {
        entry_free(value);
    }
    engine_survey_clear(engine);
    engine_stray_clear(engine);
    engine_gc_clear(engine);
    eca_deferred_cancel(&engine->pump_work);
    eca_deferred_cancel(&engine->passed_work);
    eca_gate_clear(&engine->gate);
    eca_journal_set_source(engine->opts.journal, ECA_RECORD_TASK, NULL, NULL);
    eca_journal_set_source(engine->opts.journal, ECA_RECORD_IMAGE, NULL, NULL);
    eca_reporter_set_owner(engine->opts.reporter, NULL);
    eca_images_free(engine->images);
    eca_map_free(engine->tasks);
    eca_map_free(engine->ids);
    eca_free(engine->cluster);
    eca_free(engine);
}

int eca_engine_restore(struct eca_engine *engine, struct eca_task *task, struct eca_err *err)
{
    eca_auto_task struct eca_task *owned = task;

    assert(!engine->started);
    if (eca_map_get(engine->tasks, task->arn) != NULL) {
        return eca_err_set(err, ECA_E_CONFLICT, "task %.150s is stored twice", task->arn);
    }
    (void)entry_new(engine, eca_take(owned));
    for (size_t i = 0; i < task->container_count; i++) { /* IMG-107, IMG-109 */
        eca_images_reference(engine->images, task->containers[i].image_id,
                             task->containers[i].image, 0, task->arn, task->containers[i].name,
                             engine_wall_ms(engine) * INT64_C(1000000));
    }
    if (task->known < ECA_STATUS_STOPPED) {
        for (size_t i = 0; i < task->credentials_ids.count; i++) { /* FB-31 */
            eca_credentials_store_expect(engine->opts.credentials, task->arn,
                                         task->credentials_ids.at[i]);
        }
    }
    return ECA_OK;
}

int eca_engine_restore_image(struct eca_engine *engine, struct eca_view value, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (eca_json_parse(value, &doc, err) < 0) {
        return eca_err_wrap(err, "image record");
    }
    return eca_images_restore(engine->images, eca_json_root(doc), err);
}

void eca_engine_mark_all(struct eca_engine *engine)
{
    size_t cursor = 0, image_cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(engine->tasks, &cursor, &key, &value)) {
        engine_mark(value);
    }
    while ((key = eca_images_next(engine->images, &image_cursor)) != NULL) {
        image_dirty(engine, key);
    }
}

/* Concurrent pulls need 1.11.1 or later (FB-29.5). */
static bool pulls_are_serial(const char *version)
{
    static const uint64_t first[] = {1, 11, 1};
    struct eca_view rest = eca_view_str(version);

    for (size_t i = 0; i < ECA_ARRAY_LEN(first); i++) {
        size_t digits = 0;
        uint64_t number = 0;

        while (digits < rest.len && rest.at[digits] >= '0' && rest.at[digits] <= '9') {
            digits++;
        }
        if (eca_parse_u64(eca_view_sub(rest, 0, digits), UINT32_MAX, &number, NULL) < 0) {
            return true;
        }
        if (number != first[i]) {
            return number < first[i];
        }
        rest = eca_view_sub(rest, digits < rest.len ? digits + 1 : digits, rest.len);
    }
    return false;
}

void eca_engine_start(struct eca_engine *engine, const char *docker_version)
{
    struct eca_runtime *runtime = &engine->opts.runtime;
    size_t cursor = 0;
    const char *key;
    void *value;
    struct eca_err err = {0};

    assert(!engine->started);
    engine->started = true;
    if (pulls_are_serial(docker_version)) {
        engine->lanes[LANE_PULL].max = 1;
    }
    while (eca_map_next(engine->tasks, &cursor, &key, &value)) { /* gates first (PAY-156) */
        struct eca_task *task = ((struct entry *)value)->task;

        if (task->desired == ECA_STATUS_STOPPED && task->known < ECA_STATUS_STOPPED &&
            task->stop_seq != 0) {
            task->gate_opened = true;
            eca_gate_open(&engine->gate, task->stop_seq);
        }
    }
    if (runtime->ops->events(runtime->impl, on_event, engine, &err) < 0) {
        ECA_ERROR(engine->opts.log, ENGINE_MODULE, ECA_KV("error", err.msg),
                  "Could not subscribe to Docker events");
    }
    cursor = 0;
    while (eca_map_next(engine->tasks, &cursor, &key, &value)) {
        begin(value);
    }
    engine_survey_start(engine);
    engine_gc_start(engine);
}

void eca_engine_set_cluster(struct eca_engine *engine, const char *cluster)
{
    eca_free(engine->cluster);
    engine->cluster = eca_xstrdup(cluster);
}

/* ---- hand-over ------------------------------------------------------------------------------ */

static void update_known(struct eca_engine *engine, struct entry *entry,
                         const struct eca_task *task)
{
    struct eca_step_event event = {
        .kind = ECA_STEP_DESIRED, .desired = task->desired, .seq = task->stop_seq};

    engine->counters.tasks_updated++;
    for (size_t i = 0; i < task->credentials_ids.count; i++) {
        eca_engine_add_credentials_id(engine, task->arn, task->credentials_ids.at[i]);
    }
    engine_step(entry, &event);
}

static void prepare(struct eca_engine *engine, struct eca_task *task)
{
    struct eca_task_credentials_view view;

    eca_task_prepare_volumes(task);
    if (task->credentials_ids.count == 0) {
        return;
    }
    if (eca_credentials_store_find(engine->opts.credentials,
                                   eca_view_str(task->credentials_ids.at[0]),
                                   &view) == ECA_CREDENTIALS_UNKNOWN) { /* CRED-110 */
        ECA_ERROR(engine->opts.log, ENGINE_MODULE, ECA_NO_KV,
                  "Unable to get credentials for task: %s", task->arn);
        return;
    }
    eca_task_prepare_credentials(task, task->credentials_ids.at[0]);
}

int eca_engine_add(struct eca_engine *engine, struct eca_task *task, struct eca_err *err)
{
    eca_auto_task struct eca_task *owned = task;
    struct entry *entry = eca_map_get(engine->tasks, task->arn);

    if (engine->disabled) {
        return eca_err_set(err, ECA_E_CANCELED, "the task engine is disabled");
    }
    if (entry != NULL) {
        update_known(engine, entry, task);
        return ECA_OK;
    }
    engine->counters.tasks_added++;
    prepare(engine, task);
    entry = entry_new(engine, eca_take(owned));
    engine_mark(entry);
    if (engine->started) {
        begin(entry);
        if (engine->surveyed) {
            struct eca_step_event go = {.kind = ECA_STEP_CHECK};

            engine_survey_adopt(entry);
            engine_step(entry, &go);
        }
    }
    return ECA_OK;
}

void eca_engine_add_credentials_id(struct eca_engine *engine, const char *task_arn, const char *id)
{
    struct entry *entry = eca_map_get(engine->tasks, task_arn);

    if (entry == NULL || entry->task->known == ECA_STATUS_STOPPED) { /* CRED-121 */
        eca_credentials_store_remove_task(engine->opts.credentials, task_arn);
        return;
    }
    if (!eca_texts_has(&entry->task->credentials_ids, id)) { /* CRED-122 */
        eca_texts_add(&entry->task->credentials_ids, id);
        engine_mark(entry);
    }
}

void eca_engine_disable(struct eca_engine *engine)
{
    engine->disabled = true;
}

/* ---- look-ups ------------------------------------------------------------------------------- */

const struct eca_task *eca_engine_find(const struct eca_engine *engine, const char *arn)
{
    const struct entry *entry = eca_map_get(engine->tasks, arn);

    return entry == NULL ? NULL : entry->task;
}

const struct eca_container *eca_engine_find_docker_id(const struct eca_engine *engine,
                                                      const char *docker_id)
{
    const struct cell *cell = eca_map_get(engine->ids, docker_id);

    return cell == NULL ? NULL : cell->container;
}

const struct eca_task *eca_engine_next(const struct eca_engine *engine, size_t *cursor)
{
    const char *key;
    void *value;

    return eca_map_next(engine->tasks, cursor, &key, &value) ? ((struct entry *)value)->task : NULL;
}

size_t eca_engine_task_count(const struct eca_engine *engine)
{
    return eca_map_count(engine->tasks);
}

void eca_engine_set_listener(struct eca_engine *engine, eca_engine_change_fn *fn, void *arg)
{
    engine->listener = fn;
    engine->listener_arg = arg;
}

const char *eca_engine_unmanaged(const struct eca_engine *engine, size_t index)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(engine->unmanaged, &cursor, &key, &value)) {
        if (index-- == 0) {
            return ((struct unmanaged *)value)->name;
        }
    }
    return NULL;
}

struct eca_engine_counters eca_engine_counters(const struct eca_engine *engine)
{
    return engine->counters;
}
