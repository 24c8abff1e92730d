#include <assert.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/engine/construct.h"
#include "agent/engine/engine_internal.h"

/* ---- lanes ---------------------------------------------------------------------------------- */

void job_init(struct job *job, struct entry *entry, struct eca_container *container)
{
    *job = (struct job){.engine = entry->engine, .entry = entry, .container = container};
}

static void enter_lane(void *arg)
{
    struct job *job = arg;

    struct eca_list *waiting = &job->engine->lanes[job->lane].waiting;

    job->state = JOB_LANE;
    if (job->lane != LANE_CALL) {
        eca_list_push_back(waiting, &job->node);
    } else {
        eca_list_push_back(&job->entry->calls, &job->node);
        if (!eca_list_is_linked(&job->entry->calls_node)) {
            eca_list_push_back(waiting, &job->entry->calls_node);
        }
    }
    eca_deferred_queue(&job->engine->pump_work);
}

static void leave_waiting(struct job *job)
{
    struct eca_list *waiting = &job->engine->lanes[job->lane].waiting;

    if (job->lane != LANE_CALL) {
        eca_list_remove(waiting, &job->node);
        return;
    }
    eca_list_remove(&job->entry->calls, &job->node);
    if (eca_list_is_empty(&job->entry->calls)) {
        eca_list_remove(waiting, &job->entry->calls_node);
    }
}

/* The job whose turn it is; a task that has more of them goes to the end of the line. */
static struct job *next_job(struct lane *lane, enum lane_kind kind)
{
    struct eca_list_node *node = eca_list_pop_front(&lane->waiting);
    struct entry *entry;

    assert(node != NULL);
    if (kind != LANE_CALL) {
        return eca_container_of(node, struct job, node);
    }
    entry = eca_container_of(node, struct entry, calls_node);
    node = eca_list_pop_front(&entry->calls);
    assert(node != NULL); /* only a task with jobs stands in line */
    if (!eca_list_is_empty(&entry->calls)) {
        eca_list_push_back(&lane->waiting, &entry->calls_node);
    }
    return eca_container_of(node, struct job, node);
}

void job_begin(struct job *job, enum lane_kind lane, enum job_wait wait, eca_work_fn *issue)
{
    struct eca_journal *journal = job->engine->opts.journal;

    job->lane = lane;
    job->issue = issue;
    job->op = NULL;
    job->cause = eca_sched_cause(job->engine->opts.sched);
    switch (wait) {
    case JOB_NOW:
        enter_lane(job);
        break;
    case JOB_DURABLE:
        job->state = JOB_COMMIT;
        eca_journal_after(journal, &job->durable, enter_lane, job);
        break;
    case JOB_DURABLE_TRY:
        job->state = JOB_COMMIT;
        eca_journal_after_try(journal, &job->durable, enter_lane, job);
        break;
    }
}

static void leave_lane(struct job *job)
{
    struct eca_engine *engine = job->engine;

    job->state = JOB_IDLE;
    job->op = NULL;
    engine->lanes[job->lane].active--;
    eca_deferred_queue(&engine->pump_work);
    if (job->lane == LANE_PULL && engine->lanes[LANE_PULL].active == 0) {
        engine_gc_resume(engine);
    }
}

void job_end(struct job *job)
{
    leave_lane(job);
}

void job_cancel(struct job *job)
{
    struct eca_engine *engine = job->engine;

    switch (job->state) {
    case JOB_IDLE:
        break;
    case JOB_COMMIT:
        eca_journal_cancel(engine->opts.journal, &job->durable);
        job->state = JOB_IDLE;
        break;
    case JOB_LANE:
        leave_waiting(job);
        job->state = JOB_IDLE;
        break;
    case JOB_FLYING:
        if (job->op != NULL) {
            engine->opts.runtime.ops->cancel(engine->opts.runtime.impl, job->op);
        }
        leave_lane(job);
        break;
    }
}

void jobs_pump(void *arg)
{
    struct eca_engine *engine = arg;

    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &engine->lanes[i];

        /* A deletion excludes pulls until it is over (IMG-209). */
        while (lane->active < lane->max && !eca_list_is_empty(&lane->waiting) &&
               !(i == LANE_PULL && engine->gc_deleting)) {
            struct job *job = next_job(lane, (enum lane_kind)i);

            job->state = JOB_FLYING;
            lane->active++;
            eca_sched_set_cause(engine->opts.sched, job->cause);
            job->issue(job);
        }
    }
}

/* ---- calls of a container ------------------------------------------------------------------- */

/* How a step ended (TASKM-208). */
void engine_log_transition(const struct job *job, const struct eca_runtime_result *result)
{
    struct eca_log *log = job->engine->opts.log;
    const char *call = eca_call_name(job->container->run.call);

    if (result->outcome == ECA_OUTCOME_DONE || result->outcome == ECA_OUTCOME_ALREADY) {
        ECA_DEBUG(
            log, ENGINE_MODULE,
            ECA_KV("task", job->entry->task->arn, "container", job->container->name, "step", call),
            "Transitioned container");
    } else {
        ECA_INFO(log, ENGINE_MODULE,
                 ECA_KV("task", job->entry->task->arn, "container", job->container->name, "step",
                        call, "error", result->error.text),
                 "Error transitioning container");
    }
}

static void answered(struct job *job, const struct eca_runtime_result *result)
{
    struct eca_engine *engine = job->engine;
    struct eca_step_event event = {
        .kind = ECA_STEP_RESULT, .container = job->container, .result = result};

    if (result->outcome != ECA_OUTCOME_DONE && result->outcome != ECA_OUTCOME_ALREADY) {
        engine->counters.failures[job->container->run.call]++;
    }
    engine_log_transition(job, result);
    job_end(job);
    (void)engine_step(job->entry, &event);
}

static void on_answer(void *arg, const struct eca_runtime_result *result)
{
    answered(arg, result);
}

static void check_begun(struct job *job, int rc, const struct eca_err *err)
{
    if (rc < 0) {
        struct eca_runtime_result result = engine_refused(err);

        answered(job, &result);
    }
}

static void issue_create(void *arg)
{
    struct job *job = arg;
    struct eca_engine *engine = job->engine;
    struct eca_runtime *runtime = &engine->opts.runtime;
    struct eca_construct construct;
    struct eca_runtime_result result = {.outcome = ECA_OUTCOME_REFUSED};
    struct eca_err err = {0};

    ECA_INFO(engine->opts.log, ENGINE_MODULE,
             ECA_KV("task", job->entry->task->arn, "container", job->container->name),
             "Creating container");
    if (eca_construct(job->entry->task, job->container, engine->cluster, &construct,
                      &result.error) < 0) {
        ECA_ERROR(engine->opts.log, ENGINE_MODULE,
                  ECA_KV("task", job->entry->task->arn, "container", job->container->name), "%s",
                  result.error.text);
        eca_free(eca_take(job->container->docker_name)); /* nothing to link to (DEP-105) */
        answered(job, &result);
        return;
    }
    check_begun(
        job, runtime->ops->create(runtime->impl, &construct.spec, on_answer, job, &job->op, &err),
        &err);
    eca_construct_clear(&construct);
}

static void issue_start(void *arg)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    struct eca_err err = {0};

    ECA_INFO(job->engine->opts.log, ENGINE_MODULE,
             ECA_KV("task", job->entry->task->arn, "container", job->container->name),
             "Starting container");
    check_begun(job,
                runtime->ops->start(runtime->impl, job->container->docker_id,
                                    job->container->api_version, on_answer, job, &job->op, &err),
                &err);
}

static void issue_stop(void *arg)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    struct eca_err err = {0};

    ECA_INFO(job->engine->opts.log, ENGINE_MODULE,
             ECA_KV("task", job->entry->task->arn, "container", job->container->name),
             "Stopping container");
    check_begun(job,
                runtime->ops->stop(runtime->impl, job->container->docker_id,
                                   job->engine->opts.stop_timeout_s, on_answer, job, &job->op,
                                   &err),
                &err);
}

static void issue_kill(void *arg)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    struct eca_err err = {0};

    ECA_WARN(job->engine->opts.log, ENGINE_MODULE,
             ECA_KV("task", job->entry->task->arn, "container", job->container->name),
             "Killing container that does not stop");
    check_begun(job,
                runtime->ops->kill(runtime->impl, job->container->docker_id, on_answer, job,
                                   &job->op, &err),
                &err);
}

static void issue_ping(void *arg)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    struct eca_err err = {0};

    check_begun(job, runtime->ops->ping(runtime->impl, 5000, on_answer, job, &job->op, &err), &err);
}

/* Carry out container->run.call. What it depends on is durable first (ENG-230); a stop goes out
 * even while the disk refuses (STATE-122). */
void engine_call(struct cell *cell, enum eca_call call)
{
    struct eca_engine *engine = cell->entry->engine;
    struct eca_container *container = cell->container;

    engine->counters.calls[call]++;
    switch (call) {
    case ECA_CALL_NONE:
        break;
    case ECA_CALL_PULL:
        job_begin(&cell->call, LANE_PULL, JOB_NOW, engine_pull_issue);
        break;
    case ECA_CALL_CREATE:
        if (container->docker_name == NULL ||
            ECA_MUTATION(CREATED_TWICE)) { /* on disk before the call leaves (FB-09.1) */
            container->docker_name =
                eca_docker_name_new(cell->entry->task, container, engine->opts.entropy);
        }
        engine_mark(cell->entry);
        job_begin(&cell->call, LANE_CALL, JOB_DURABLE, issue_create);
        break;
    case ECA_CALL_START:
        engine_mark(cell->entry);
        job_begin(&cell->call, LANE_CALL, JOB_DURABLE, issue_start);
        break;
    case ECA_CALL_STOP:
        job_begin(&cell->call, LANE_STOP, JOB_DURABLE_TRY, issue_stop);
        break;
    case ECA_CALL_KILL:
        job_begin(&cell->call, LANE_STOP, JOB_DURABLE_TRY, issue_kill);
        break;
    case ECA_CALL_PING:
        job_begin(&cell->call, LANE_STOP, JOB_NOW, issue_ping);
        break;
    }
}

/* ---- inspects ------------------------------------------------------------------------------- */

static void look_answered(struct job *job, const struct eca_runtime_result *result)
{
    struct cell *cell = engine_cell(job->entry, job->container);
    struct eca_step_event event = {
        .kind = ECA_STEP_FACTS, .container = job->container, .result = result};

    eca_timer_stop(&cell->hurry);
    job_end(job);
    (void)engine_step(job->entry, &event);
}

static void on_look(void *arg, const struct eca_runtime_result *result)
{
    look_answered(arg, result);
}

static void issue_look(void *arg)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    const struct eca_container *container = job->container;
    struct eca_err err = {0};

    job->engine->counters.inspects++;
    if (runtime->ops->inspect(runtime->impl,
                              container->docker_id != NULL ? container->docker_id
                                                           : container->docker_name,
                              on_look, job, &job->op, &err) < 0) {
        struct eca_runtime_result result = engine_refused(&err);

        look_answered(job, &result);
    }
}

void engine_look(struct cell *cell, enum eca_look look)
{
    const struct eca_container_run *run = &cell->container->run;
    bool survey = look == ECA_LOOK_CHECK || !run->certain;

    job_begin(&cell->look, survey ? LANE_SURVEY : LANE_LOOK, JOB_NOW, issue_look);
    if (look == ECA_LOOK_DIE && run->exit_known) { /* TASKM-323 */
        eca_timer_start_ms(&cell->hurry, cell->entry->engine->opts.timing.hurry_ms);
    }
}
