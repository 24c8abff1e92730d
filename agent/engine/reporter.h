#ifndef ECA_ENGINE_REPORTER_H
#define ECA_ENGINE_REPORTER_H

#include "agent/engine/status.h"
#include "agent/ports/runtime.h"
#include "agent/state/journal.h"

/*
 * Submissions to the ECS API (ENG-601..642, SEND-101..111): one queue per task, its head is sent
 * until accepted, nothing overtakes. An attempt waits until the state that it reports is durable.
 * A queue whose head failed waits outside the limit of attempts under way, so a stuck task never
 * holds up another one (FB-16).
 */
struct eca_report {
    const char *task_arn;
    const char *container_name; /* NULL: the task itself */
    enum eca_status status;     /* RUNNING or STOPPED */
    const char *reason;         /* "" = none; already within its limit (FB-18.1) */
    bool has_exit_code;
    int64_t exit_code;
    const struct eca_port_binding *bindings;
    size_t binding_count;
    bool rejected; /* of a task that never reached the engine (PAY-130) */
};

enum eca_report_class {
    ECA_REPORT_ACCEPTED,
    ECA_REPORT_RETRY,    /* server, transport, throttled, credentials: try again later */
    ECA_REPORT_DEFINITE, /* refused for good: dropped (FB-18.2) */
};
/* Runs once, later, from the loop. `why` is one line for the log. */
typedef void eca_report_done_fn(void *arg, enum eca_report_class class, const char *why);

struct eca_report_op;
struct eca_report_sink_ops {
    /* One attempt, bounded in time, signed anew (FB-16.4, FB-20). report is borrowed until done. An
     * error counts as ECA_REPORT_RETRY; on_done is then not called. */
    int (*submit)(void *impl, const struct eca_report *report, eca_report_done_fn *on_done,
                  void *arg, struct eca_report_op **ret_op, struct eca_err *err);
    void (*cancel)(void *impl, struct eca_report_op *op); /* on_done will not run */
};
struct eca_report_sink {
    const struct eca_report_sink_ops *ops;
    void *impl;
};

/* What the owner of the statuses (the engine) answers; all run from the loop. */
struct eca_report_owner {
    /* Highest status of the subject that was accepted; NONE when the task is unknown (ENG-631). */
    enum eca_status (*sent)(void *impl, const struct eca_report *report);
    /* Accepted, or dropped as definite: counts as sent (SEND-106). */
    void (*settled)(void *impl, const struct eca_report *report, bool accepted);
    void *impl;
};

/* Zero = the default in brackets. */
struct eca_reporter_opts {
    struct eca_sched *sched;
    struct eca_entropy entropy;
    struct eca_log *log;
    struct eca_journal *journal;
    struct eca_report_sink sink;
    uint32_t attempts_max; /* [10] attempts under way over all tasks (SEND-102) */
    uint32_t backlog_max;  /* [1000] events; above it unsent RUNNING of stopped ones go (ENG-641) */
    uint64_t retry_min_ms; /* [1000] */
    uint64_t retry_max_ms; /* [30000] */
};

struct eca_reporter;
struct eca_reporter *eca_reporter_new(const struct eca_reporter_opts *opts);
void eca_reporter_free(struct eca_reporter *reporter); /* attempts are cancelled; NULL ok */
void eca_reporter_set_owner(struct eca_reporter *reporter, const struct eca_report_owner *owner);
/* Attempts begin only after this: registration must be over. */
void eca_reporter_start(struct eca_reporter *reporter);

/* Queue a report; its content is copied, texts cut to their limits. */
void eca_reporter_add(struct eca_reporter *reporter, const struct eca_report *report);
/* A task that could not be understood: STOPPED with this detail (PAY-130). Survives a restart. */
void eca_reporter_reject(struct eca_reporter *reporter, const char *task_arn, const char *detail);
/* A stored submission, at start (ECA_RECORD_REPORT). ECA_E_INVALID: unreadable, skip it. */
int eca_reporter_restore(struct eca_reporter *reporter, const char *key, struct eca_view value,
                         struct eca_err *err);
bool eca_reporter_has(const struct eca_reporter *reporter, const char *task_arn);

struct eca_reporter_status {
    size_t pending, queues, under_way;
    int64_t oldest_ms; /* wall; 0 = none */
    uint64_t accepted, failed, dropped, redundant;
};
struct eca_reporter_status eca_reporter_status(const struct eca_reporter *reporter);

#endif
