#ifndef TESTS_ENGINE_STEP_RIG_H
#define TESTS_ENGINE_STEP_RIG_H

#include "agent/engine/step.h"
#include "tests/unit/engine/rig.h"

/*
 * The decision alone: one essential container "web" in a given state, one event, the commands as
 * text, separated by ", ". Log lines are kept apart.
 */
#define NONE ECA_STATUS_NONE
#define PULLED ECA_STATUS_PULLED
#define CREATED ECA_STATUS_CREATED
#define RUNNING ECA_STATUS_RUNNING
#define STOPPED ECA_STATUS_STOPPED

extern struct step_rig {
    struct eca_task *task;
    struct eca_container *web;
    uint64_t now_ms;     /* of the next event: a pause that was asked for is over then */
    struct eca_buf text; /* commands of the last event */
    struct eca_buf log;  /* "WARN text\n": its log lines */
} sr;

void sr_setup(void);
void sr_teardown(void);
/* A new task; web is `certain`, has a name, and an id from CREATED on. */
void sr_make(enum eca_status known, enum eca_status desired);
/* Feed an event; event.container is web. */
const char *sr_go(struct eca_step_event event);
/* The call in flight ends so; with error "E: x" unless it was done. */
const char *sr_answer(enum eca_outcome code, const struct eca_container_info *info);
/* An inspect asked for with this reason ends so. */
const char *sr_look(enum eca_look reason, enum eca_outcome code,
                    const struct eca_container_info *info);
/* An event of the runtime, a `die` with this exit code. */
const char *sr_docker(enum eca_event_kind kind, int64_t exit_code);

extern const struct eca_container_info is_running, is_created, is_ended, is_oom, is_broken;

#define END ", release credentials, clean up"
#define STOPPED_PLAIN "report web STOPPED, report task STOPPED" END
#define STOPPED_NOTED "notify web STOPPED, " STOPPED_PLAIN
#define STOPPED_3 "notify web STOPPED, report web STOPPED exit=3, report task STOPPED" END
#define STOPPED_E "notify web STOPPED, report web STOPPED \"E: x\", report task STOPPED" END
#define GONE                                                                                       \
    "notify web STOPPED, report web STOPPED \"ContainerVanishedError: No container matching "      \
    "saved "                                                                                       \
    "ID found\", report task STOPPED" END
#define RUNS "notify web RUNNING, report web RUNNING, report task RUNNING"

#endif
