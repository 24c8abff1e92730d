#ifndef ECA_ENGINE_STEP_H
#define ECA_ENGINE_STEP_H

#include "agent/base/log.h"
#include "agent/engine/task.h"

/*
 * The decision of the task engine: a task, an event, and out come commands. It changes nothing but
 * the task, asks no clock and no peer, and so can be tested row by row, printed and replayed
 * (spec 03, sections 3 to 6). Events and commands print as one line each.
 *
 * Whoever carries the commands out makes the task durable before a create, start or stop is sent
 * and before a report leaves (ENG-230).
 */
enum eca_step_kind {
    ECA_STEP_BEGIN,           /* handed over, or restored: look around and go */
    ECA_STEP_DESIRED,         /* ACS wants desired, with stop sequence seq */
    ECA_STEP_GATE_PASSED,     /* the stops it waited for are over (PAY-150) */
    ECA_STEP_SURVEY,          /* listed at start: `found` says whether Docker has the container */
    ECA_STEP_RESULT,          /* end of the container's call */
    ECA_STEP_FACTS,           /* end of the container's inspect */
    ECA_STEP_DOCKER,          /* event of the runtime */
    ECA_STEP_PAUSE_OVER,      /* the call may be tried again */
    ECA_STEP_LOOK_PAUSE_OVER, /* the inspect may */
    ECA_STEP_CHECK,           /* periodic check of all containers */
    ECA_STEP_CONNECTED,       /* Docker is back: check, and stop waiting for it */
};

struct eca_step_event {
    enum eca_step_kind kind;
    uint64_t now_ms; /* monotonic */
    int64_t wall_ms;
    struct eca_container *container; /* SURVEY to LOOK_PAUSE_OVER */
    enum eca_status desired;
    int64_t seq;
    bool found, running;                     /* SURVEY: Docker lists it, and as running */
    const char *id, *name;                   /* SURVEY, found: as Docker has it */
    const struct eca_runtime_result *result; /* RESULT, FACTS */
    const struct eca_runtime_event *docker;  /* DOCKER */
};

enum eca_command_kind {
    ECA_CMD_CALL,        /* begin container->run.call */
    ECA_CMD_LOOK,        /* begin an inspect, by id or else by name */
    ECA_CMD_CANCEL_CALL, /* end the call or its pause without a word */
    ECA_CMD_CANCEL_LOOK,
    ECA_CMD_PAUSE, /* delay_ms, jitter added by whoever waits */
    ECA_CMD_LOOK_PAUSE,
    ECA_CMD_REPORT_CONTAINER,
    ECA_CMD_REPORT_TASK,
    ECA_CMD_NOTIFY, /* telemetry: the container is RUNNING or STOPPED (TASKM-154) */
    ECA_CMD_GATE_OPEN,
    ECA_CMD_GATE_CLOSE,
    ECA_CMD_GATE_WAIT,
    ECA_CMD_GATE_LEAVE,
    ECA_CMD_RELEASE_CREDENTIALS,
    ECA_CMD_CLEAN_UP, /* STOPPED: remove it when its time has come (CLN-101) */
    ECA_CMD_LOG,
};

struct eca_command {
    enum eca_command_kind kind;
    struct eca_container *container; /* NULL: of the task */
    enum eca_call call;              /* CALL */
    enum eca_look look;              /* LOOK */
    enum eca_status status;          /* reports, NOTIFY */
    uint64_t delay_ms;
    int64_t seq;              /* gates */
    char *text;               /* reports: the reason; LOG: the line */
    enum eca_log_level level; /* LOG */
};
struct eca_commands { /* in the order in which they are to be carried out */
    struct eca_command *at;
    size_t count, cap;
};
void eca_commands_clear(struct eca_commands *commands);

/* Zero = the default in brackets. */
struct eca_step_policy {
    uint32_t pull_tries;        /* [5] FB-30.1 */
    uint32_t stop_tries;        /* [5] FB-06.1 */
    bool pull_is_final;         /* ECS_IMAGE_PULL_BEHAVIOR=always: no local fallback (DKR-L05) */
    uint64_t unreachable_ms;    /* [300000] a step waits so long for Docker (ENG-747) */
    uint64_t cut_pull_ms;       /* [7200000] and so long if its pull had begun (ENG-744) */
    uint64_t retry_min_ms;      /* [1000] */
    uint64_t retry_max_ms;      /* [30000] */
    uint64_t pull_retry_ms;     /* [1100] FB-30.1 */
    uint64_t pull_retry_max_ms; /* [5000] */
    uint64_t late_start_ms;     /* [60000] a start that may still happen is watched (FB-07) */
};

void eca_step(struct eca_task *task, const struct eca_step_policy *policy,
              const struct eca_step_event *event, struct eca_commands *commands);

/* One line, no secret in it. */
void eca_step_event_print(const struct eca_step_event *event, struct eca_buf *out);
void eca_command_print(const struct eca_command *command, struct eca_buf *out);
const char *eca_call_name(enum eca_call call);

#endif
