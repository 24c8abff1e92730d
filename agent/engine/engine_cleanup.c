#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/engine/engine_internal.h"

/*
 * Removal of a STOPPED task (CLN-101..110): after the wait, after its STOPPED was accepted, its
 * containers one after another, the volume container last; then the record, at once.
 */
static void remove_next(struct entry *entry);

static void retry_later(struct entry *entry)
{
    eca_timer_start(&entry->cleanup,
                    eca_backoff_next_ns(&entry->remove_backoff, entry->engine->opts.entropy));
}

static void on_stopped(void *arg, const struct eca_runtime_result *result)
{
    struct job *job = arg;

    (void)result; /* the removal is tried again and tells */
    job_end(job);
    retry_later(job->entry);
}

static void issue_stop(void *arg)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    const char *id =
        job->container->docker_id != NULL ? job->container->docker_id : job->container->docker_name;
    struct eca_err err = {0};

    if (runtime->ops->stop(runtime->impl, id, job->engine->opts.stop_timeout_s, on_stopped, job,
                           &job->op, &err) < 0) {
        job_end(job);
        retry_later(job->entry);
    }
}

static void remove_failed(struct entry *entry, const struct eca_runtime_result *result)
{
    struct eca_engine *engine = entry->engine;

    entry->remove_unsent = result->outcome == ECA_OUTCOME_UNREACHABLE;
    if (engine_now_ms(engine) - entry->removing_since_ms >= engine->opts.timing.remove_give_up_ms) {
        ECA_ERROR(engine->opts.log, ENGINE_MODULE,
                  ECA_KV("task", entry->task->arn, "container", entry->remove.container->name,
                         "error", result->error.text),
                  "Container could not be removed; giving up");
        entry->remove_index++;
        remove_next(entry);
    } else if (result->outcome == ECA_OUTCOME_CONFLICT) { /* it runs: stop it first (CLN-105) */
        job_begin(&entry->remove, LANE_STOP, JOB_NOW, issue_stop);
    } else {
        retry_later(entry);
    }
}

static void on_removed(void *arg, const struct eca_runtime_result *result)
{
    struct job *job = arg;
    struct entry *entry = job->entry;

    job_end(job);
    if (entry->engine->disabled) {
        return;
    }
    if (result->outcome == ECA_OUTCOME_DONE || result->outcome == ECA_OUTCOME_NOT_FOUND) {
        entry->engine->counters.containers_removed++;
        eca_backoff_reset(&entry->remove_backoff);
        entry->remove_index++;
        remove_next(entry);
    } else {
        remove_failed(entry, result);
    }
}

static void issue_remove(void *arg)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    const struct eca_container *container = job->container;
    struct eca_err err = {0};

    ECA_INFO(job->engine->opts.log, ENGINE_MODULE,
             ECA_KV("task", job->entry->task->arn, "container", container->name),
             "Removing container");
    if (runtime->ops->remove(runtime->impl,
                             container->docker_name != NULL ? container->docker_name
                                                            : container->docker_id,
                             on_removed, job, &job->op, &err) < 0) {
        struct eca_runtime_result result = engine_refused(&err);

        on_removed(job, &result);
    }
}

static void remove_next(struct entry *entry)
{
    /* In order: the volume container is the last one (VOL-113). */
    while (entry->remove_index < entry->task->container_count) {
        struct eca_container *container = &entry->task->containers[entry->remove_index];
        struct cell *cell = engine_cell(entry, container);

        if (container->docker_name == NULL && container->docker_id == NULL) {
            entry->remove_index++;
            continue;
        }
        job_cancel(&cell->call);
        job_cancel(&cell->look);
        container->run.call = ECA_CALL_NONE;
        container->run.look = ECA_LOOK_NONE;
        container->run.unclaimed = false;
        entry->remove.container = container;
        job_begin(&entry->remove, LANE_CALL, JOB_NOW, issue_remove);
        return;
    }
    engine_drop(entry);
}

static void begin_removal(struct entry *entry)
{
    struct eca_engine *engine = entry->engine;

    if (!entry->removing) {
        ECA_INFO(engine->opts.log, ENGINE_MODULE, ECA_KV("task", entry->task->arn),
                 "Cleaning up task's containers and data");
        entry->removing = true;
        entry->removing_since_ms = engine_now_ms(engine);
    }
    remove_next(entry);
}

static void timer_over(void *arg)
{
    struct entry *entry = arg;

    if (entry->engine->disabled) {
        return;
    }
    entry->cleanup_due = true;
    if (entry->removing || entry->task->sent >= ECA_STATUS_STOPPED) {
        begin_removal(entry); /* else after the acceptance (CLN-106, FB-17) */
    }
}

void engine_cleanup_init(struct entry *entry)
{
    const struct eca_engine_timing *timing = &entry->engine->opts.timing;

    eca_timer_init(&entry->cleanup, entry->engine->opts.sched, timer_over, entry);
    job_init(&entry->remove, entry, NULL);
    eca_backoff_init(&entry->remove_backoff,
                     (struct eca_backoff_opts){.min_ms = timing->remove_retry_min_ms,
                                               .max_ms = timing->remove_retry_max_ms,
                                               .multiplier_milli = 2000,
                                               .jitter_milli = 200});
}

void engine_cleanup_schedule(struct entry *entry)
{
    struct eca_engine *engine = entry->engine;
    int64_t due_ms = entry->task->known_ns / INT64_C(1000000) +
                     (int64_t)engine->opts.cleanup_wait_ms - engine_wall_ms(engine);
    uint64_t wait_ms = due_ms > 0 ? (uint64_t)due_ms : 0;

    if (due_ms <= 0) { /* overdue: at once, spread (CLN-102) */
        wait_ms = eca_entropy_below(engine->opts.entropy, engine->opts.timing.cleanup_spread_ms);
    } else if (wait_ms > engine->opts.cleanup_wait_ms &&
               !ECA_MUTATION(CLOCK_STEP_MISREAD)) { /* the wall clock was set back */
        wait_ms = engine->opts.cleanup_wait_ms;
    }
    eca_timer_start_ms(&entry->cleanup, wait_ms);
}

/* What an absence of Docker has grown the pause to is not waited for after it (CLN-105). */
void engine_cleanup_connected(struct entry *entry)
{
    if (entry->remove_unsent && eca_timer_is_armed(&entry->cleanup)) {
        entry->remove_unsent = false;
        eca_backoff_reset(&entry->remove_backoff);
        eca_timer_start(&entry->cleanup, 0);
    }
}

/* What ECS sent before it heard of the end may still come, unacknowledged as it was, and must not
 * be taken for a new task (FB-17.2): a minute is the least that may be set as the wait. */
void engine_cleanup_reported(struct entry *entry)
{
    if (entry->cleanup_due && !entry->removing && entry->task->sent >= ECA_STATUS_STOPPED) {
        eca_timer_start_ms(&entry->cleanup, entry->engine->opts.timing.cleanup_late_ms);
    }
}
