#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H

#include "agent/engine/engine.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/memory_store.h"
#include "tests/unit/support/script_runtime.h"

/*
 * An engine with everything around it: Docker by script, a store in memory, a sink that keeps what
 * was submitted as one line each: "web RUNNING", "web STOPPED 3 reason", "task STOPPED".
 */
#define ARN "arn:aws:ecs:us-west-2:1:task/t"
#define ARN2 "arn:aws:ecs:us-west-2:1:task/u"

struct rig {
    struct manual_clock clock;
    struct manual_entropy entropy;
    struct script_runtime docker;
    struct memory_store store;
    struct eca_journal *journal;
    struct eca_reporter *reporter;
    struct eca_credentials_store *credentials;
    struct eca_engine *engine;
    struct eca_engine_opts opts; /* changed by a test before rig_start */
    struct eca_buf reports;      /* accepted submissions */
    struct eca_buf changes;      /* what telemetry was told */
    enum eca_report_class answer;
    bool sink_hangs;
    const char *sink_stuck_arn; /* attempts for this task do not end */
    struct eca_list sent;
    size_t attempts, open, open_max;
    size_t lines;        /* of the log at warning level and above */
    struct eca_buf said; /* lines of the log, "[INFO] message module=...", from debug on */
    struct eca_log log;
};

void rig_init(struct rig *rig);
/* Creates the objects, restores what is stored, starts the engine. */
void rig_start(struct rig *rig);
/* A crash: everything of the agent is gone, Docker and the disk stay. */
void rig_crash(struct rig *rig);
void rig_clear(struct rig *rig);

/* A payload task, in JSON without the outer members: `"containers":[...]`. */
struct eca_task *rig_task(const char *arn, const char *status, const char *members);
/* Hand over; seq 0 = none. */
void rig_add(struct rig *rig, const char *arn, const char *status, int64_t seq,
             const char *members);
void rig_run(struct rig *rig, uint64_t ms);
/* Start with one task ARN of one container that runs, and was reported as RUNNING. */
void rig_one_running(struct rig *rig);
const struct eca_container *rig_container(const struct rig *rig, const char *arn, const char *name);
enum eca_status rig_known(const struct rig *rig, const char *arn);

/* How often a call that begins so was made. */
size_t rig_asked(const struct rig *rig, const char *line);
void rig_reports_are(const struct rig *rig, const char *want);
/* How often the log has a line of this level that holds the text. */
size_t rig_said(const struct rig *rig, const char *level, const char *text);

#define ONE "\"containers\":[{\"name\":\"web\",\"image\":\"busybox\",\"essential\":true}]"

#endif
