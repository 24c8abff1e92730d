#include <stdio.h>

#include "agent/engine/engine_internal.h"
#include "agent/engine/graph.h"

/* Why a task does not progress (INTRO-121): derived when asked, stored nowhere. */

static const char *reason_of_call(enum eca_call call)
{
    switch (call) {
    case ECA_CALL_NONE:
        return NULL;
    case ECA_CALL_PULL:
        return "pulling";
    case ECA_CALL_CREATE:
        return "creating";
    case ECA_CALL_START:
        return "starting";
    case ECA_CALL_STOP:
    case ECA_CALL_KILL:
    case ECA_CALL_PING:
        return "stopping";
    }
    return NULL;
}

static const char *reason_of(struct entry *entry, const struct eca_container *container,
                             const char **ret_on)
{
    const struct eca_container_run *run = &container->run;

    *ret_on = NULL;
    if (run->unreachable_ms != 0) {
        return "docker-unreachable";
    }
    if (run->call != ECA_CALL_NONE) {
        return engine_cell(entry, container)->call.state == JOB_COMMIT ? "commit-pending"
                                                                       : reason_of_call(run->call);
    }
    if (container->known == ECA_STATUS_STOPPED) {
        return NULL;
    }
    if (!run->certain) {
        return "docker-unreachable";
    }
    if (container->desired == ECA_STATUS_STOPPED) {
        return "stopping";
    }
    return container->known < ECA_STATUS_RUNNING && !eca_graph_holds(container, ret_on)
               ? "dependency"
               : NULL;
}

bool eca_engine_waiting(const struct eca_engine *engine, const struct eca_task *task,
                        struct eca_waiting *ret_waiting)
{
    struct entry *entry = eca_map_get(engine->tasks, task->arn);

    *ret_waiting = (struct eca_waiting){.since_ms = task->known_ns / INT64_C(1000000)};
    if (entry == NULL) {
        return false;
    }
    if (task->gate_waiting) {
        ret_waiting->reason = "waiting-for-stop";
        (void)snprintf(ret_waiting->detail, sizeof(ret_waiting->detail), "sequence %lld",
                       (long long)eca_gate_lowest(&engine->gate));
        return true;
    }
    if (task->known == ECA_STATUS_STOPPED) {
        ret_waiting->reason = task->sent < ECA_STATUS_STOPPED ? "report-pending" : NULL;
        return ret_waiting->reason != NULL;
    }
    if (task->known == ECA_STATUS_RUNNING && task->desired <= ECA_STATUS_RUNNING) {
        return false;
    }
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *container = &task->containers[i];
        const char *on;
        const char *reason = reason_of(entry, container, &on);

        if (reason != NULL) {
            ret_waiting->reason = reason;
            ret_waiting->since_ms = container->run.since_ms;
            (void)snprintf(ret_waiting->detail, sizeof(ret_waiting->detail), "%.60s%s%.60s",
                           container->name, on == NULL ? "" : " on ", on == NULL ? "" : on);
            return true;
        }
    }
    return false;
}
