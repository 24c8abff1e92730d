#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/task_json.h"

/* A task in the driver's hands: its timers, its end, its record on disk, what of it was reported.
 */

/* ---- timers of a container and a task ------------------------------------------------------- */

static void pause_over(void *arg)
{
    struct cell *cell = arg;
    struct eca_step_event event = {.kind = ECA_STEP_PAUSE_OVER, .container = cell->container};

    (void)engine_step(cell->entry, &event);
}

static void look_pause_over(void *arg)
{
    struct cell *cell = arg;
    struct eca_step_event event = {.kind = ECA_STEP_LOOK_PAUSE_OVER, .container = cell->container};

    (void)engine_step(cell->entry, &event);
}

/* The details of a `die` take too long: its event has the exit code (TASKM-323). */
static void hurry_over(void *arg)
{
    struct cell *cell = arg;
    struct eca_runtime_result result = {.outcome = ECA_OUTCOME_TIMEOUT};
    struct eca_step_event event = {
        .kind = ECA_STEP_FACTS, .container = cell->container, .result = &result};

    job_cancel(&cell->look);
    (void)engine_step(cell->entry, &event);
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
        (void)engine_step(entry, &event);
    }
}

/* ---- entries -------------------------------------------------------------------------------- */

struct entry *engine_entry_new(struct eca_engine *engine, struct eca_task *task)
{
    struct entry *entry = eca_xalloc(sizeof(*entry));

    entry->engine = engine;
    entry->task = task;
    eca_list_init(&entry->calls);
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
    engine_map_ids(entry);
    return entry;
}

void engine_entry_free(struct entry *entry)
{
    engine_leave_gate(entry);
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
        eca_buf_clear(&cell->text);
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
    engine_entry_free(entry);
}

void engine_begin(struct entry *entry)
{
    struct eca_step_event event = {.kind = ECA_STEP_BEGIN};

    entry->begun = true;
    arm_check(entry);
    (void)engine_step(entry, &event);
}

/* ---- records -------------------------------------------------------------------------------- */

bool engine_serialise_image(void *arg, const char *key, struct eca_buf *out)
{
    const struct eca_engine *engine = arg;
    struct eca_json_writer w = eca_json_writer_to(out);

    return eca_images_write(engine->images, key, &w, NULL);
}

void engine_image_dirty(void *arg, const char *image_id)
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

enum eca_status engine_report_sent(void *impl, const struct eca_report *report)
{
    struct entry *entry;
    const enum eca_status *sent = sent_of(impl, report, &entry);

    return sent == NULL ? ECA_STATUS_NONE : *sent;
}

void engine_report_settled(void *impl, const struct eca_report *report, bool accepted)
{
    struct entry *entry;
    enum eca_status *sent = sent_of(impl, report, &entry);

    (void)accepted; /* dropped for good counts as sent (SEND-106) */
    if (sent == NULL || *sent >= report->status) {
        return;
    }
    *sent = report->status;
    entry->sum_known = false;
    if (!ECA_MUTATION(SENT_SLIPS_BACK)) {
        engine_mark(entry);
    }
    if (report->container_name == NULL && report->status == ECA_STATUS_STOPPED) {
        engine_cleanup_reported(entry);
    }
}
