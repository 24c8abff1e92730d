#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/engine_internal.h"

/*
 * Comparison with Docker at start (ENG-730, ENG-731, STATE-140..142): one listing, matched by id,
 * by name, by label pair; then each task goes on as soon as its own containers are known. Until the
 * listing succeeded nothing is created.
 */
static const char prefix[] = "ecs-"; /* names of agents' containers (DKR-501) */

static void clear_listed(struct eca_engine *engine)
{
    for (size_t i = 0; i < engine->listed_count; i++) {
        struct survey_entry *listed = &engine->listed[i];

        eca_free(listed->id);
        eca_free(listed->name);
        eca_free(listed->task_arn);
        eca_free(listed->container);
        eca_free(listed->cluster);
    }
    eca_free(engine->listed);
    engine->listed = NULL;
    engine->listed_count = engine->listed_index = 0;
}

static void unmanaged_free(struct unmanaged *unmanaged)
{
    while (unmanaged != NULL) {
        struct unmanaged *other = unmanaged->other;

        eca_free(unmanaged->id);
        eca_free(unmanaged->name);
        eca_free(unmanaged);
        unmanaged = other;
    }
}

static char *pair_key(const char *task_arn, const char *container)
{
    return eca_xasprintf("%s\n%s", task_arn, container);
}

/* ---- matching ------------------------------------------------------------------------------- */

/* Containers of all tasks by what the listing may show. */
struct match_index {
    struct eca_map *by_id, *by_name, *by_pair;
    struct eca_map *found; /* pair -> listed entry */
};

static void index_tasks(struct eca_engine *engine, struct match_index *index)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(engine->tasks, &cursor, &key, &value)) {
        struct entry *entry = value;

        for (size_t i = 0; i < entry->task->container_count; i++) {
            struct cell *cell = &entry->cells[i];
            eca_auto_free char *pair = pair_key(entry->task->arn, cell->container->name);

            if (cell->container->docker_id != NULL) {
                (void)eca_map_put(index->by_id, cell->container->docker_id, cell);
            }
            if (cell->container->docker_name != NULL) {
                (void)eca_map_put(index->by_name, cell->container->docker_name, cell);
            }
            (void)eca_map_put(index->by_pair, pair, cell);
        }
    }
}

static void remember_unmanaged(struct eca_engine *engine, const struct survey_entry *listed)
{
    eca_auto_free char *pair = pair_key(listed->task_arn, listed->container);
    struct unmanaged *newest = eca_map_get(engine->unmanaged, pair);
    struct unmanaged *unmanaged = eca_xalloc(sizeof(*unmanaged));

    unmanaged->id = eca_xstrdup(listed->id);
    unmanaged->name = eca_xstrdup(listed->name);
    if (newest == NULL) { /* first in Docker's listing */
        (void)eca_map_put(engine->unmanaged, pair, unmanaged);
    } else {
        unmanaged->other = newest->other;
        newest->other = unmanaged;
    }
}

static bool is_our_cluster(const struct eca_engine *engine, const char *cluster)
{
    return cluster == NULL || cluster[0] == '\0' || strcmp(cluster, engine->cluster) == 0;
}

/* It is another container of ours, matched by its id or name. */
static bool is_claimed(const struct match_index *index, const struct survey_entry *listed)
{
    const struct cell *cell = eca_map_get(index->by_id, listed->id);

    cell = cell != NULL ? cell : eca_map_get(index->by_name, listed->name);
    if (cell != NULL) {
        eca_auto_free char *own = pair_key(cell->entry->task->arn, cell->container->name);

        return eca_map_get(index->found, own) == listed;
    }
    return false;
}

/* Which container of ours a listed one is: by id, then by name, then by labels (STATE-141). */
static void match(struct eca_engine *engine, struct match_index *index, int round)
{
    for (size_t i = 0; i < engine->listed_count; i++) {
        struct survey_entry *listed = &engine->listed[i];
        struct cell *cell = NULL;
        eca_auto_free char *pair = NULL;

        if (round == 0) {
            cell = eca_map_get(index->by_id, listed->id);
        } else if (round == 1) {
            cell = eca_map_get(index->by_name, listed->name);
        } else if (listed->task_arn != NULL && listed->container != NULL) {
            pair = pair_key(listed->task_arn, listed->container);
            cell = eca_map_get(index->by_pair, pair);
            if (cell == NULL && is_our_cluster(engine, listed->cluster)) {
                remember_unmanaged(engine, listed);
            }
        }
        if (cell != NULL) {
            eca_auto_free char *own = pair_key(cell->entry->task->arn, cell->container->name);
            struct survey_entry *before = eca_map_get(index->found, own);

            if (before == NULL) {
                (void)eca_map_put(index->found, own, listed);
            } else if (before != listed) {
                listed->stray = !is_claimed(index, listed);
            }
        }
    }
}

static void tell_tasks(struct eca_engine *engine, struct match_index *index)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(engine->tasks, &cursor, &key, &value)) {
        struct entry *entry = value;

        for (size_t i = 0; i < entry->task->container_count; i++) {
            struct eca_container *container = &entry->task->containers[i];
            eca_auto_free char *pair = pair_key(entry->task->arn, container->name);
            const struct survey_entry *listed = eca_map_get(index->found, pair);
            struct eca_step_event event = {.kind = ECA_STEP_SURVEY, .container = container};

            if (container->run.certain) {
                continue;
            }
            if (listed != NULL) {
                event.found = true;
                event.running = listed->running;
                event.id = listed->id;
                event.name = listed->name;
            }
            (void)engine_step(entry, &event);
        }
    }
}

static void conclude(struct eca_engine *engine)
{
    struct match_index index = {eca_map_new(), eca_map_new(), eca_map_new(), eca_map_new()};

    engine->surveyed = true;
    index_tasks(engine, &index);
    for (int round = 0; round < 3; round++) {
        match(engine, &index, round);
    }
    if (eca_map_count(engine->unmanaged) > 0) {
        ECA_INFO(engine->opts.log, ENGINE_MODULE, ECA_NO_KV,
                 "%zu labelled containers of unknown tasks; left alone",
                 eca_map_count(engine->unmanaged));
    }
    tell_tasks(engine, &index);
    for (size_t i = 0; i < engine->listed_count; i++) {
        if (engine->listed[i].stray) {
            engine_stray_remove(engine, engine->listed[i].id, engine->listed[i].name);
        }
    }
    eca_map_free(index.by_id);
    eca_map_free(index.by_name);
    eca_map_free(index.by_pair);
    eca_map_free(index.found);
    clear_listed(engine);
}

/* ---- labels that the listing left out ------------------------------------------------------- */

static void label_next(struct eca_engine *engine);

static void on_labels(void *arg, const struct eca_runtime_result *result)
{
    struct eca_engine *engine = arg;
    struct survey_entry *listed = &engine->listed[engine->listed_index];

    engine->list_op = NULL;
    if (engine->disabled) {
        return;
    }
    if (result->outcome == ECA_OUTCOME_DONE && result->info != NULL) {
        listed->task_arn = eca_xstrdup(result->info->label_task_arn);
        listed->container = eca_xstrdup(result->info->label_container_name);
        listed->cluster = eca_xstrdup(result->info->label_cluster);
    } else if (result->outcome != ECA_OUTCOME_NOT_FOUND) { /* unknown is not absent (FB-10) */
        eca_timer_start(&engine->list_retry,
                        eca_backoff_next_ns(&engine->list_backoff, engine->opts.entropy));
        return;
    }
    engine->listed_index++;
    label_next(engine);
}

/* Old daemons list no labels: ask about those whose name may be ours, one after another. */
static void label_next(struct eca_engine *engine)
{
    struct eca_runtime *runtime = &engine->opts.runtime;
    struct eca_err err = {0};

    for (; engine->listed_index < engine->listed_count; engine->listed_index++) {
        const struct survey_entry *listed = &engine->listed[engine->listed_index];

        if (listed->task_arn != NULL || strncmp(listed->name, prefix, sizeof(prefix) - 1) != 0) {
            continue;
        }
        if (runtime->ops->inspect(runtime->impl, listed->id, on_labels, engine, &engine->list_op,
                                  &err) < 0) {
            eca_timer_start(&engine->list_retry,
                            eca_backoff_next_ns(&engine->list_backoff, engine->opts.entropy));
        }
        return;
    }
    conclude(engine);
}

/* ---- the listing ---------------------------------------------------------------------------- */

static void retry_listing(struct eca_engine *engine, const char *why)
{
    if (engine->list_backoff.tries == 0) {
        ECA_ERROR(engine->opts.log, ENGINE_MODULE, ECA_KV("error", why),
                  "Could not list containers; repeated until it succeeds");
    }
    eca_timer_start(&engine->list_retry,
                    eca_backoff_next_ns(&engine->list_backoff, engine->opts.entropy));
}

static void on_list(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                    const struct eca_list_entry_info *entries, size_t count)
{
    struct eca_engine *engine = arg;

    engine->list_op = NULL;
    eca_timer_stop(&engine->list_limit);
    if (engine->disabled) {
        return;
    }
    if (outcome != ECA_OUTCOME_DONE) {
        retry_listing(engine, err != NULL ? err->msg : eca_outcome_name(outcome));
        return;
    }
    eca_backoff_reset(&engine->list_backoff);
    clear_listed(engine);
    engine->listed = eca_xalloc((count + 1) * sizeof(*engine->listed));
    engine->listed_count = count;
    for (size_t i = 0; i < count; i++) {
        engine->listed[i] =
            (struct survey_entry){.id = eca_xstrdup(entries[i].id),
                                  .name = eca_xstrdup(entries[i].name),
                                  .task_arn = eca_xstrdup(entries[i].label_task_arn),
                                  .container = eca_xstrdup(entries[i].label_container_name),
                                  .cluster = eca_xstrdup(entries[i].label_cluster),
                                  .running = entries[i].running};
    }
    label_next(engine);
}

static void list_overdue(void *arg)
{
    struct eca_engine *engine = arg;

    if (engine->list_op != NULL) {
        engine->opts.runtime.ops->cancel(engine->opts.runtime.impl, engine->list_op);
        engine->list_op = NULL;
    }
    retry_listing(engine, "no answer");
}

void engine_survey_start(void *arg)
{
    struct eca_engine *engine = arg;
    struct eca_runtime *runtime = &engine->opts.runtime;
    struct eca_err err = {0};

    if (engine->disabled) {
        return;
    }
    if (engine->listed != NULL) { /* the listing stands, an inspect is repeated */
        label_next(engine);
        return;
    }
    eca_timer_start_ms(&engine->list_limit, engine->opts.timing.list_limit_ms);
    if (runtime->ops->list(runtime->impl, true, on_list, engine, &engine->list_op, &err) < 0) {
        eca_timer_stop(&engine->list_limit);
        retry_listing(engine, err.msg);
    }
}

void engine_survey_init(struct eca_engine *engine)
{
    const struct eca_engine_timing *timing = &engine->opts.timing;

    engine->unmanaged = eca_map_new();
    eca_timer_init(&engine->list_limit, engine->opts.sched, list_overdue, engine);
    eca_timer_init(&engine->list_retry, engine->opts.sched, engine_survey_start, engine);
    eca_backoff_init(&engine->list_backoff,
                     (struct eca_backoff_opts){.min_ms = timing->list_retry_min_ms,
                                               .max_ms = timing->list_retry_max_ms,
                                               .multiplier_milli = 1500,
                                               .jitter_milli = 200});
}

void engine_survey_clear(struct eca_engine *engine)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    eca_timer_stop(&engine->list_limit);
    eca_timer_stop(&engine->list_retry);
    if (engine->list_op != NULL) {
        engine->opts.runtime.ops->cancel(engine->opts.runtime.impl, engine->list_op);
    }
    clear_listed(engine);
    while (eca_map_next(engine->unmanaged, &cursor, &key, &value)) {
        unmanaged_free(value);
    }
    eca_map_free(engine->unmanaged);
}

void engine_survey_adopt(struct entry *entry)
{
    struct eca_engine *engine = entry->engine;

    for (size_t i = 0; i < entry->task->container_count; i++) {
        struct eca_container *container = &entry->task->containers[i];
        eca_auto_free char *pair = pair_key(entry->task->arn, container->name);
        struct unmanaged *unmanaged = eca_map_remove(engine->unmanaged, pair);
        struct eca_step_event event = {
            .kind = ECA_STEP_SURVEY, .container = container, .found = true};

        if (unmanaged == NULL) {
            container->run.certain = true;
            continue;
        }
        event.id = unmanaged->id;
        event.name = unmanaged->name;
        (void)engine_step(entry, &event);
        for (const struct unmanaged *it = unmanaged->other; it != NULL; it = it->other) {
            engine_stray_remove(engine, it->id, it->name); /* STATE-141 */
        }
        unmanaged_free(unmanaged);
    }
}
