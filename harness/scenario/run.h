#ifndef HARNESS_SCENARIO_RUN_H
#define HARNESS_SCENARIO_RUN_H

#include <stdio.h>

#include "agent/base/map.h"
#include "agent/base/log.h"
#include "agent/ports/http.h"
#include "fakes/acs/acs.h"
#include "fakes/carry/socket.h"
#include "fakes/docker/daemon.h"
#include "fakes/docker/relay.h"
#include "fakes/ecr/ecr.h"
#include "fakes/ecs/ecs.h"
#include "fakes/metadata/metadata.h"
#include "fakes/tcs/tcs.h"
#include "fakes/updates/updates.h"
#include "harness/scenario/load.h"

/*
 * Running a scenario. The director (director.c) interprets the timeline; it knows the fakes (the
 * cast) and a stage: where the agent lives and how time passes. One stage per mode: harness/sim,
 * harness/wire, harness/live.
 */
struct hns_run;

/* ---- stage ---------------------------------------------------------------------------------- */

typedef void hns_http_fn(void *arg, int status, struct eca_view body, const char *error);

typedef void hns_program_fn(void *arg, int code, struct eca_view output);

/* What the agent holds; what a stage cannot tell is 0. */
struct hns_resources {
    uint64_t descriptors; /* sim, wire: its open requests and sessions */
    uint64_t memory_kib;  /* live: resident and private; sim: heap that its end would free */
    uint64_t threads, total_kib, cpu_ms;          /* live; total: shared text included */
    uint64_t tasks, watched, submissions, timers; /* sim; timers: those of the whole run */
};

struct hns_connections { /* see fake_socket_fault */
    const char *party;
    enum fake_socket_stage stage;
    enum fake_socket_stop stop;
    uint32_t skip, times;
};

struct hns_stage_ops {
    int (*agent_start)(void *impl, struct eca_err *err);
    void (*agent_kill)(void *impl); /* no effect when it does not run */
    /* The run is over: as agent_kill, but a recording is written to its end. NULL: agent_kill. */
    void (*agent_end)(void *impl);
    void (*agent_terminate)(void *impl);
    /* Switch its flight recording on or off; it has to run. */
    int (*agent_record)(void *impl, bool on, struct eca_err *err);
    bool (*agent_running)(void *impl);
    /* Environment of the next start; value NULL removes. */
    void (*agent_env)(void *impl, const char *name, const char *value);
    /*
     * Let something happen: run what is due, else wait (or jump) for the next timer or event.
     * ECA_E_CONFLICT: nothing is left to happen.
     */
    int (*turn)(void *impl, struct eca_err *err);
    /* Ask a local endpoint of the agent. on_done runs later, once; status 0 = no answer. */
    int (*http)(void *impl, const char *method, uint16_t port, const char *path,
                hns_http_fn *on_done, void *arg, struct eca_err *err);
    /* Files of the machine; relative paths are inside the data directory. */
    int (*file_read)(void *impl, const char *path, struct eca_buf *out, struct eca_err *err);
    int (*file_write)(void *impl, const char *path, struct eca_view text, struct eca_err *err);
    /* Files of such a name: a glob, in the data directory. */
    size_t (*file_count)(void *impl, const char *pattern);
    /* Everything durable, for the search for secrets; may be NULL. */
    void (*durable_text)(void *impl, struct eca_buf *out);
    /* False when the agent does not run. */
    /* with_memory: the simulation measures it by a process of its own (harness/sim/heap.h). */
    bool (*resources)(void *impl, bool with_memory, struct hns_resources *ret_resources);
    /* Live only, else NULL. */
    int (*limit_descriptors)(void *impl, uint64_t limit, struct eca_err *err);
    int (*idle_open)(void *impl, uint16_t port, size_t clients, struct eca_err *err);
    size_t (*idle_count)(void *impl); /* clients that the server has not dropped */
    /* Live only, else NULL. The binary from the next start on; NULL = our own. */
    int (*agent_binary)(void *impl, const char *path, struct eca_err *err);
    /*
     * Live only, else NULL: a program of this machine, argv NULL-terminated, looked up in PATH.
     * on_done runs later, once, with its exit code and what it printed (both outputs).
     */
    int (*run_program)(void *impl, const char *const *argv, hns_program_fn *on_done, void *arg,
                       struct eca_err *err);
    /* New connections to a party stop before they get through; how NULL: not any more. NULL where
     * there are no sockets. */
    void (*connections)(void *impl, const struct hns_connections *how);
    /* NULL where time is real; takes_ms in simulation only. */
    void (*disk)(void *impl, const char *state, uint32_t times, uint64_t takes_ms);
    void (*clock_step)(void *impl, int64_t by_ms);
    /* NULL where the agent is a process of its own. The agent dies within the turn in which it
     * calls a port for the nth time from now (0 = never), without that call; only: count these
     * alone, a word of agent.kill_at_call, borrowed while the stage stands; NULL = any call.
     * Returns how many calls there have been. */
    uint64_t (*doom)(void *impl, const char *only, uint64_t nth);
    bool (*is_doomed)(void *impl); /* it is as good as dead: kill it before the next turn */
    /* After the agent, before the cast: carriers still tell the fakes of ended connections. */
    void (*unplug)(void *impl);
    void (*free)(void *impl);
};

struct hns_stage {
    const struct hns_stage_ops *ops;
    void *impl;
    struct fake_base base;           /* what the cast is built on; the stage owns it */
    struct fake_docker_relay *relay; /* in front of a real daemon, else NULL; the stage's */
};

/* Of a flight recording that a run leaves. */
#define HNS_RECORD_SEGMENTS 16

/* What a stage needs to know of the run. */
struct hns_stage_opts {
    struct hns_run *run;
    uint64_t seed;
    const char *agent_path;  /* live */
    const char *real_docker; /* live: socket of a real daemon, or NULL */
    bool keep_files;         /* live: leave the temporary directory */
    uint64_t record_bytes;   /* of a segment of it; 0 = no limit */
    const char *record;      /* file for flight recordings of the agent, or NULL */
};
typedef int hns_stage_open_fn(const struct hns_stage_opts *opts, struct hns_stage *ret_stage,
                              struct eca_err *err);

/* ---- cast ----------------------------------------------------------------------------------- */

/* The fakes of a run and what they have to know of each other. */
struct hns_cast {
    struct fake_auth *auth;
    struct fake_ecs *ecs;
    struct fake_acs *acs;
    struct fake_tcs *tcs;
    struct fake_ecr *ecr;
    struct fake_updates *updates;
    struct fake_metadata *metadata;
    struct fake_docker *docker; /* NULL in front of a real daemon */
};

/* ---- run ------------------------------------------------------------------------------------ */

#define HNS_SECRET_COUNT_MAX 256

enum hns_outcome {
    HNS_PASSED,
    HNS_FAILED,
    HNS_SKIPPED,
};

#define HNS_NAME_BYTES 256

struct hns_result {
    enum hns_outcome outcome;
    struct eca_buf text;       /* why failed or skipped, several lines */
    char name[HNS_NAME_BYTES]; /* with the combination */
    const char *reference;     /* why v1.13.1 fails here, or NULL; the scenario's */
    uint64_t virtual_ns, real_ns;
    size_t events;
    uint64_t turns; /* of the stage: moments at which the agent can die */
    uint64_t calls; /* of the agent's ports: more such moments; simulation only */
    char hash[65];
    bool
        wrong; /* failed, and no patience would help: a rule is broken, or a value is another one */
    /* Of a failed expectation: why the nearest event does not fit. "" when it was another thing. */
    char missed[160];
    uint32_t line; /* of the timeline's step that was under way at the end; 0 = not in this file */
};
/* The scenario's, with the combination. */
void hns_result_name(const struct hns_scenario *scenario, size_t combination,
                     char ret_name[HNS_NAME_BYTES]);
void hns_result_clear(struct hns_result *result);

typedef void hns_watch_fn(void *arg, const struct fake_event *event);

struct hns_run_opts {
    const struct hns_scenario *scenario;
    size_t combination;
    enum hns_mode mode;
    hns_stage_open_fn *open_stage;
    uint64_t seed;
    const char *agent_path;
    const char *real_docker;
    const char *allow;       /* rules that may be broken, separated by commas; or NULL */
    const char *const *sets; /* "NAME=VALUE": variables of the scenario */
    size_t set_count;
    const char *command; /* what reproduces the run: "build/harness run --live" */
    hns_watch_fn *watch; /* every event as it happens, or NULL */
    void *watch_arg;
    bool keep_files;
    const char *record; /* as in hns_stage_opts */
    uint64_t record_bytes;
    FILE *log_file;            /* gets every line of the agent's log, or NULL */
    uint64_t live_wait_ns_max; /* live: longer steps skip the scenario; 0 = 60 s */
    uint64_t death_at_turn;    /* SIGKILL before this turn, and a new start at once; 0 = none */
    uint64_t death_at_call;    /* the same before this call of a port (simulation); 0 = none */
};
void hns_run_scenario(const struct hns_run_opts *opts, struct hns_result *result);

/* ---- for stages ----------------------------------------------------------------------------- */

/* One line of the agent's log, without the newline; events of lane agent from level warn on. */
void hns_run_log(struct hns_run *run, enum eca_log_level level, struct eca_view line);
/* The agent ended by itself. */
void hns_run_agent_exit(struct hns_run *run, int code);
const struct hns_scenario *hns_run_scenario_of(const struct hns_run *run);
/* Value in the world, by path of two keys ("docker", "down"); NULL when absent. */
const struct hns_node *hns_run_world(const struct hns_run *run, const char *first,
                                     const char *second);
/* Text of a scalar with variables replaced; borrowed for the life of the run. */
const char *hns_run_text(struct hns_run *run, const struct hns_node *node);
uint64_t hns_run_duration_ns(struct hns_run *run, const struct hns_node *node, uint64_t otherwise);

#endif
