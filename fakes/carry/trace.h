#ifndef FAKES_CARRY_TRACE_H
#define FAKES_CARRY_TRACE_H

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "agent/ports/sched.h"

/*
 * The trace: what happened, in order, in the words of the parties. Fakes and harness append; the
 * scenario's expectations, the timeline, the trace hash and recordings read. An event is a lane, a
 * name and a JSON object of fields:   ecs  SubmitTaskStateChange  {"task":"...","status":"RUNNING"}
 *
 * Names and fields that scenarios may rely on are listed in docs/SCENARIOS.md. Events carry no
 * random data where that can be helped, so that equal seeds give equal bytes.
 */
enum fake_lane {
    FAKE_LANE_SCENARIO, /* inputs of the scenario and faults */
    FAKE_LANE_ACS,
    FAKE_LANE_TCS,
    FAKE_LANE_ECS,
    FAKE_LANE_ECR,
    FAKE_LANE_METADATA,
    FAKE_LANE_AGENT, /* start, exit, log lines of level warn and above, local endpoints */
    FAKE_LANE_DOCKER,
    FAKE_LANE_UPDATES, /* the file server of agent updates */
    FAKE_LANES,
};
const char *fake_lane_name(enum fake_lane lane); /* "acs" */
/* By name; false when unknown. */
bool fake_lane_parse(struct eca_view name, enum fake_lane *ret_lane);

struct fake_event {
    uint64_t seq;   /* from 1 */
    uint64_t at_ns; /* since the start of the run */
    enum fake_lane lane;
    const char *name;
    const char *fields; /* JSON object text */
    uint64_t cause;     /* seq of the event that led to it (eca_sched_cause), 0 = none known */
};

struct fake_trace;
typedef void fake_trace_fn(void *arg, const struct fake_event *event);

#define FAKE_TRACE_EVENTS_MAX 2000000

struct fake_trace *fake_trace_new(struct eca_sched *sched);
void fake_trace_free(struct fake_trace *trace);
/* fields NULL = {}. Returns the event's seq. Listeners run inside the call, in subscription order.
 */
uint64_t fake_trace_add(struct fake_trace *trace, enum fake_lane lane, const char *name,
                        const char *fields_json);
/* "key", "value", ..., NULL: string fields only, the common case. */
uint64_t fake_trace_addv(struct fake_trace *trace, enum fake_lane lane, const char *name, ...)
    __attribute__((sentinel));
/*
 * A peer broke its protocol: event "violation" {"rule":"API-F01","detail":"..."}. A run with a
 * violation that its scenario did not ask for has failed.
 */
uint64_t fake_trace_violation(struct fake_trace *trace, enum fake_lane lane, const char *rule,
                              const char *fmt, ...) __attribute__((format(printf, 4, 5)));
size_t fake_trace_violations(const struct fake_trace *trace);
/*
 * Names of things in events: a scenario's own name for an ARN or id; without one the text after the
 * last '/'. The answer is borrowed (until the trace goes, or from arn).
 */
void fake_trace_name(struct fake_trace *trace, const char *arn, const char *name);
const char *fake_trace_name_of(const struct fake_trace *trace, const char *arn);
void fake_trace_listen(struct fake_trace *trace, fake_trace_fn *fn, void *arg);
void fake_trace_unlisten(struct fake_trace *trace, fake_trace_fn *fn, void *arg);
size_t fake_trace_count(const struct fake_trace *trace);
const struct fake_event *fake_trace_at(const struct fake_trace *trace, size_t index);
/* SHA-256 over time, lane, name, fields of all events but `resources`: the identity of a run. 64
 * hex digits. */
void fake_trace_hash(const struct fake_trace *trace, char ret_hex[65]);

#endif
