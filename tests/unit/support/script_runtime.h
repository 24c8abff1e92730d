#ifndef TESTS_SUPPORT_SCRIPT_RUNTIME_H
#define TESTS_SUPPORT_SCRIPT_RUNTIME_H

#include "agent/base/buf.h"
#include "agent/base/list.h"
#include "agent/ports/runtime.h"
#include "agent/ports/sched.h"

/*
 * A container runtime that behaves: containers are created, run and end, each call takes a moment.
 * A test bends it with rules: "the second stop of c answers 500", "inspect hangs". Every call is
 * written to a log, one line each, for comparison.
 *
 *   script_runtime_init(&docker, sched);
 *   script_runtime_rule(&docker, "stop", "web", ECA_OUTCOME_FAILED, 2);
 *   ... engine with script_runtime_port(&docker) ...
 *   script_runtime_die(&docker, "web", 3);   ends it and sends the event
 */
#define SCRIPT_CONTAINERS_MAX 2048
#define SCRIPT_RULES_MAX 64

struct script_container {
    char *id, *name, *task_arn, *label; /* label: container name of the task */
    char *cluster;
    enum { SCRIPT_CREATED, SCRIPT_RUNNING, SCRIPT_EXITED, SCRIPT_REMOVED } state;
    int64_t exit_code;
    bool oom;
    char *state_error;
    struct eca_port_binding bindings[4];
    size_t binding_count;
    char *mount_paths[8];
    size_t mount_count;
};

struct script_rule {
    const char *verb;   /* "pull", "create", "start", "stop", "inspect", ... */
    const char *target; /* container name of the task, or image; NULL: any */
    enum eca_outcome outcome;
    uint32_t times; /* left; UINT32_MAX: for ever */
    bool hang;      /* no answer until script_runtime_release */
    bool effect;    /* the daemon does it all the same */
    bool no_facts;  /* the answer comes, the inspect after it does not */
};

struct script_runtime {
    struct eca_sched *sched;
    struct script_container *containers;
    size_t container_count;
    struct script_rule rules[SCRIPT_RULES_MAX];
    size_t rule_count;
    struct eca_buf log;   /* "start web": by the container's name in its task */
    struct eca_buf asked; /* "start ID VERSION": as Docker was asked */
    uint64_t call_ms;     /* [1] how long each call takes */
    bool list_labels;     /* [true] */
    bool stop_ends;       /* [true] a stop ends the container with 143 and sends `die` */
    const char *image_id; /* of every image */
    bool images_present;  /* before any pull */
    bool cancel_effect;   /* the daemon does what was asked although the caller went away */
    bool internal_starts; /* the agent's own container can be started, as no daemon can */
    bool start_exits;     /* a started container has ended when the inspect looks */
    eca_runtime_event_fn *on_event;
    void *event_arg;
    struct eca_list flying, events;
    struct eca_deferred event_work;
    uint32_t next_id;
    size_t in_flight, pulls_in_flight, pulls_max, looks_max, looks_in_flight;
};

void script_runtime_init(struct script_runtime *docker, struct eca_sched *sched);
void script_runtime_clear(struct script_runtime *docker);
struct eca_runtime script_runtime_port(struct script_runtime *docker);

struct script_rule *script_runtime_rule(struct script_runtime *docker, const char *verb,
                                        const char *target, enum eca_outcome outcome,
                                        uint32_t times);
void script_runtime_hang(struct script_runtime *docker, const char *verb, const char *target);
void script_runtime_unrule(struct script_runtime *docker); /* everything is well again */
/* Hanging calls answer as if nothing had been. */
void script_runtime_release(struct script_runtime *docker);

struct script_container *script_runtime_find(struct script_runtime *docker, const char *label);
/* A container that was there before the agent. */
struct script_container *script_runtime_put(struct script_runtime *docker, const char *id,
                                            const char *name, const char *task_arn,
                                            const char *label);
void script_runtime_exit_quietly(struct script_runtime *docker, const char *label, int64_t code);
void script_runtime_die(struct script_runtime *docker, const char *label, int64_t code);
void script_runtime_event(struct script_runtime *docker, enum eca_event_kind kind, const char *id);
/* How often a line beginning with `text` stands in the log. */
size_t script_runtime_count(const struct script_runtime *docker, const char *text);
size_t script_runtime_alive(const struct script_runtime *docker); /* running ones */

#endif
