#include "agent/base/mem.h"
#include "agent/engine/engine_internal.h"

/*
 * Two containers for one container of a task, found at start (STATE-141): the one that the state
 * knows stays, or else the newest; the other is stopped and removed, so that the label pair is
 * unique again (FB-INV.2). It belongs to no task; whatever fails is tried again.
 */
#define TRIES_MAX 10

struct stray {
    struct eca_engine *engine;
    struct eca_list_node node;
    char *id, *name;
    bool stopped;
    uint32_t tries;
    struct eca_op *op;
    struct eca_timer retry;
};

static void stray_free(struct stray *stray)
{
    struct eca_engine *engine = stray->engine;

    if (stray->op != NULL) {
        engine->opts.runtime.ops->cancel(engine->opts.runtime.impl, stray->op);
    }
    eca_timer_stop(&stray->retry);
    eca_list_remove(&engine->strays, &stray->node);
    eca_free(stray->id);
    eca_free(stray->name);
    eca_free(stray);
}

static void go_on(void *arg);

static void again(struct stray *stray)
{
    const struct eca_engine_timing *timing = &stray->engine->opts.timing;

    if (++stray->tries >= TRIES_MAX) {
        ECA_ERROR(stray->engine->opts.log, ENGINE_MODULE, ECA_KV("container", stray->name),
                  "Superfluous container could not be removed; giving up");
        stray_free(stray);
        return;
    }
    eca_timer_start_ms(&stray->retry, timing->remove_retry_min_ms << stray->tries);
}

static void on_answer(void *arg, const struct eca_runtime_result *result)
{
    struct stray *stray = arg;
    bool gone = result->outcome == ECA_OUTCOME_NOT_FOUND;
    bool done = result->outcome == ECA_OUTCOME_DONE || result->outcome == ECA_OUTCOME_ALREADY;

    stray->op = NULL;
    if (gone || (done && stray->stopped)) {
        stray_free(stray);
    } else if (done) {
        stray->stopped = true;
        eca_timer_start(&stray->retry, 0);
    } else {
        stray->stopped = stray->stopped && result->outcome != ECA_OUTCOME_CONFLICT;
        again(stray);
    }
}

static void go_on(void *arg)
{
    struct stray *stray = arg;
    struct eca_runtime *runtime = &stray->engine->opts.runtime;
    struct eca_err err = {0};
    int rc;

    if (stray->engine->disabled) {
        return;
    }
    rc = stray->stopped
             ? runtime->ops->remove(runtime->impl, stray->id, on_answer, stray, &stray->op, &err)
             : runtime->ops->stop(runtime->impl, stray->id, stray->engine->opts.stop_timeout_s,
                                  on_answer, stray, &stray->op, &err);
    if (rc < 0) {
        again(stray);
    }
}

void engine_stray_remove(struct eca_engine *engine, const char *id, const char *name)
{
    struct stray *stray = eca_xalloc(sizeof(*stray));

    ECA_WARN(engine->opts.log, ENGINE_MODULE, ECA_KV("container", name),
             "A second container for the same container of a task; removing it");
    stray->engine = engine;
    stray->id = eca_xstrdup(id);
    stray->name = eca_xstrdup(name);
    eca_list_push_back(&engine->strays, &stray->node);
    eca_timer_init(&stray->retry, engine->opts.sched, go_on, stray);
    eca_timer_start(&stray->retry, 0);
}

void engine_stray_clear(struct eca_engine *engine)
{
    struct eca_list_node *node;

    while ((node = eca_list_first(&engine->strays)) != NULL) {
        stray_free(eca_container_of(node, struct stray, node));
    }
}
