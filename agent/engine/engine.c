#include "agent/engine/engine.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/base/str.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/graph.h"
#include "agent/engine/prepare.h"
#include "agent/engine/task_json.h"

#define MINUTE_MS UINT64_C(60000)

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
    entry->sum_known = false;
    eca_journal_mark(entry->engine->opts.journal, ECA_RECORD_TASK, entry->task->arn);
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
    timing->cleanup_late_ms = or_default(timing->cleanup_late_ms, MINUTE_MS);
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
        engine->lanes[i].max = ECA_MUTATION(LOCK_STEP) ? 1 : max[i];
    }
}

struct eca_engine *eca_engine_new(const struct eca_engine_opts *opts)
{
    struct eca_engine *engine = eca_xalloc(sizeof(*engine));
    const struct eca_report_owner owner = {engine_report_sent, engine_report_settled, engine};

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
    eca_deferred_init(&engine->passed_work, opts->sched, engine_gates_passed, engine);
    engine->images = eca_images_new();
    eca_images_set_listener(engine->images, engine_image_dirty, engine);
    engine_survey_init(engine);
    engine_gc_init(engine);
    eca_journal_set_source(opts->journal, ECA_RECORD_TASK, engine_serialise_task, engine);
    eca_journal_set_source(opts->journal, ECA_RECORD_IMAGE, engine_serialise_image, engine);
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
        engine_entry_free(value);
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
    (void)engine_entry_new(engine, eca_take(owned));
    for (size_t i = 0; i < task->container_count; i++) { /* IMG-107, IMG-109 */
        eca_images_restore_reference(engine->images, task->containers[i].image_id,
                                     task->containers[i].image, task->arn, task->containers[i].name,
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
        engine_image_dirty(engine, key);
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

    if (engine->started) { /* ENG-201 */
        return;
    }
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
    if (runtime->ops->events(runtime->impl, engine_on_event, engine, &err) < 0) {
        ECA_ERROR(engine->opts.log, ENGINE_MODULE, ECA_KV("error", err.msg),
                  "Could not subscribe to Docker events");
    }
    cursor = 0;
    while (eca_map_next(engine->tasks, &cursor, &key, &value)) {
        engine_begin(value);
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
    (void)engine_step(entry, &event);
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
    entry = engine_entry_new(engine, eca_take(owned));
    engine_mark(entry);
    if (engine->started) {
        engine_begin(entry);
        if (engine->surveyed) {
            struct eca_step_event go = {.kind = ECA_STEP_CHECK};

            engine_survey_adopt(entry);
            (void)engine_step(entry, &go);
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
        for (const struct unmanaged *it = value; it != NULL; it = it->other) {
            if (index-- == 0) {
                return it->name;
            }
        }
    }
    return NULL;
}

struct eca_engine_counters eca_engine_counters(const struct eca_engine *engine)
{
    return engine->counters;
}
