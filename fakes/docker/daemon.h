#ifndef FAKES_DOCKER_DAEMON_H
#define FAKES_DOCKER_DAEMON_H

#include "fakes/carry/carry.h"

/*
 * A Docker daemon (DKR-F01..F05): images, a registry behind it, containers that act by script,
 * events, stats. Answers API versions min_api_version..api_version in their own words.
 *
 * Trace, lane docker. What was asked (fakes/docker/observe.h, also in front of a real daemon):
 *   pull {image} import {image} create {container, name, image} start {container}
 *   stop {container, timeout} kill {container, signal} remove {container} image-remove {image}
 *   inspect, list, events, stats, version, ping ...: only when verbose
 *   <op>.failed {container?, status, message}         status 0 = no answer reached the agent
 * and facts:
 *   created {container} running {container, ports?} exited {container, exitCode, oom?}
 *   paused / unpaused {container} removed {container} image-added / image-removed {image}
 *   daemon-down {} daemon-up {}
 * "container" is "<task>/<container name>" of the labels, else the Docker name. Violations:
 * FB-INV.2 at a second container with the same labels, FB-INV.3 when one runs 10 s after STOPPED.
 */
enum fake_docker_events_format {
    FAKE_DOCKER_EVENTS_BY_VERSION, /* as a daemon of this API version writes them */
    FAKE_DOCKER_EVENTS_BOTH,       /* status and id beside Type, Action, Actor: 1.22 to 1.51 */
    FAKE_DOCKER_EVENTS_OLD,        /* before */
    FAKE_DOCKER_EVENTS_NEW,        /* Type, Action, Actor only: since */
};

struct fake_docker;
struct fake_docker_opts {
    struct fake_base base;
    const char *party;           /* NULL = "docker" */
    const char *version;         /* NULL = "1.12.6" */
    const char *api_version;     /* highest; NULL = "1.24" */
    const char *min_api_version; /* lowest; NULL = "1.12" */
    const char *volumes_root;    /* NULL = "/var/lib/docker/volumes" */
    uint16_t port_first;         /* dynamic host ports; 0 = 32768 */
    enum fake_docker_events_format events_format;
    bool any_image; /* the registry has every image that is asked for */
    bool any_value; /* no value of a create is refused */
    bool verbose;
};
struct fake_docker *fake_docker_new(const struct fake_docker_opts *opts);
void fake_docker_free(struct fake_docker *docker);
void fake_docker_set_versions(struct fake_docker *docker, const char *version,
                              const char *api_version, const char *min_api_version);

/* ---- images --------------------------------------------------------------------------------- */

struct fake_docker_image {
    const char *name; /* "busybox", "registry/ns/img:tag", "x@sha256:..." */
    const char *id;   /* NULL = made from the name; equal ids = one image with several names */
    bool present;     /* on the machine already */
    bool absent;      /* not in the registry */
    uint64_t size_bytes;
    uint32_t layers;                 /* progress lines; 0 = 2 */
    uint64_t pull_ms;                /* from first to last line */
    const char *pull_error;          /* the pull fails with this text ... */
    int pull_error_status;           /* ... as HTTP status, or 0 = inside a 200 stream */
    uint32_t pull_error_times;       /* ... that often, then works; 0 = always */
    bool pull_silent;                /* no line ever (DKR-718) */
    bool pull_stalls;                /* silence after the first line */
    bool pull_trickles;              /* progress for ever */
    const char *username, *password; /* needed in X-Registry-Auth; NULL = open */
};
/* Add or replace what the daemon and its registry know about a name. */
void fake_docker_add_image(struct fake_docker *docker, const struct fake_docker_image *spec);
bool fake_docker_has_image(const struct fake_docker *docker, const char *name);
/* An operator's docker rmi -f. */
bool fake_docker_delete_image(struct fake_docker *docker, const char *name);

/* ---- containers ----------------------------------------------------------------------------- */

enum fake_docker_stats_shape {
    FAKE_DOCKER_STATS_NORMAL,
    FAKE_DOCKER_STATS_ONLINE_CPUS, /* cgroup v2: online_cpus, no percpu_usage */
    FAKE_DOCKER_STATS_ZERO,        /* zero objects (STAT-307) */
    FAKE_DOCKER_STATS_BACKWARDS,   /* each counter below the one before */
    FAKE_DOCKER_STATS_SAME_TIME,   /* `read` stands still */
    FAKE_DOCKER_STATS_BAD_TYPES,
    FAKE_DOCKER_STATS_NOT_JSON,
    FAKE_DOCKER_STATS_SILENT, /* header, then nothing */
    FAKE_DOCKER_STATS_ENDS,   /* header, then the end */
    FAKE_DOCKER_STATS_FULL,   /* every member that a real daemon sends: 2.5 KB an object */
};

/* How a container behaves. Of several scripts that match the last one added counts. */
struct fake_docker_script {
    const char *container; /* glob on "task/name" or the Docker name; NULL = any */
    const char *image;     /* glob; NULL = any */
    bool exits;            /* by itself, exit_after_ms after its start */
    uint64_t exit_after_ms;
    int exit_code;
    bool oom;                  /* that exit is an out-of-memory kill (137) */
    uint64_t create_ms;        /* the create call takes this long */
    uint64_t start_ms;         /* the start call takes this long */
    const char *start_error;   /* start fails with this text */
    int start_error_status;    /* 0 = 500 */
    bool ignores_term;         /* only SIGKILL ends it */
    uint64_t term_ms;          /* it takes this long to end after SIGTERM */
    int term_code;             /* exit code then; 0 = 0 */
    bool never_stops;          /* not even SIGKILL; stop and kill never answer (FB-06) */
    uint64_t memory_bytes;     /* 0 = 1 MiB */
    int64_t memory_step_bytes; /* per sample */
    uint64_t cache_bytes;      /* in memory_stats.stats.cache; 0 = member left out */
    uint32_t cpu_milli;        /* 1000 = one core */
    enum fake_docker_stats_shape stats;
    const char *samples; /* JSON array: sent in this order, then silence (STAT-701); NULL = none */
};
void fake_docker_add_script(struct fake_docker *docker, const struct fake_docker_script *spec);

/*
 * Containers from before the start, as their inspect answers (a JSON list) describe them. Images
 * that they name are there, too. ECA_E_INVALID: no such list; a container without Id, Name or
 * image.
 */
int fake_docker_inherit(struct fake_docker *docker, struct eca_view inspected, struct eca_err *err);

/*
 * What happens to a container from outside the agent. `ref`: "task/name", Docker name, id or a
 * prefix of the id of at least 12 digits. False: no such container, or in another state.
 */
bool fake_docker_exit(struct fake_docker *docker, const char *ref, int exit_code);
bool fake_docker_oom(struct fake_docker *docker, const char *ref);
bool fake_docker_kill(struct fake_docker *docker, const char *ref);   /* docker kill */
bool fake_docker_stop(struct fake_docker *docker, const char *ref);   /* docker stop -t 10 */
bool fake_docker_remove(struct fake_docker *docker, const char *ref); /* docker rm -f */
bool fake_docker_restart_container(struct fake_docker *docker, const char *ref);
bool fake_docker_pause(struct fake_docker *docker, const char *ref);
bool fake_docker_unpause(struct fake_docker *docker, const char *ref);
bool fake_docker_exec(struct fake_docker *docker, const char *ref, const char *command);

/* ---- events and the daemon as a whole -------------------------------------------------------- */

/* Changes make no event any more (and none is replayed for them), until unmuted (FB-03). */
void fake_docker_mute(struct fake_docker *docker, bool mute);
/* Collect events; releasing sends them, reversed = in the opposite order. */
void fake_docker_hold_events(struct fake_docker *docker);
void fake_docker_release_events(struct fake_docker *docker, bool reversed);
/* Any text into the event streams, e.g. garbage or an event of another daemon. */
void fake_docker_inject(struct fake_docker *docker, const char *text);
/* An event of this container that changes nothing: "oom", "rename", "exec_create: sh". */
bool fake_docker_emit(struct fake_docker *docker, const char *ref, const char *status);
/* End the open event streams: cleanly, or by a reset. Returns how many there were. */
size_t fake_docker_end_events(struct fake_docker *docker, bool reset);
/* The stats streams of a container (NULL = all). */
size_t fake_docker_end_stats(struct fake_docker *docker, const char *ref);

/* The daemon goes away: every open exchange is reset, new ones are refused. */
enum fake_docker_fate {
    FAKE_DOCKER_LIVE,    /* containers run on (live restore) */
    FAKE_DOCKER_STOPPED, /* they end with 137, without events, while the daemon is away */
    FAKE_DOCKER_GONE,    /* they are not there any more */
};
void fake_docker_down(struct fake_docker *docker, enum fake_docker_fate fate);
void fake_docker_up(struct fake_docker *docker);

/* ---- questions ------------------------------------------------------------------------------- */

enum fake_docker_state {
    FAKE_DOCKER_NONE, /* no such container */
    FAKE_DOCKER_CREATED,
    FAKE_DOCKER_RUNNING,
    FAKE_DOCKER_PAUSED,
    FAKE_DOCKER_EXITED,
};
enum fake_docker_state fake_docker_state(const struct fake_docker *docker, const char *ref);
size_t fake_docker_count(const struct fake_docker *docker);                     /* not removed */
size_t fake_docker_running(const struct fake_docker *docker, const char *task); /* NULL = all */
/* The host's port that is bound to this one of the container, the first of TCP and UDP; 0 = none.
 */
uint16_t fake_docker_port(const struct fake_docker *docker, const char *ref,
                          uint16_t container_port);
const char *fake_docker_id(const struct fake_docker *docker, const char *ref);   /* or NULL */
const char *fake_docker_body(const struct fake_docker *docker, const char *ref); /* create body */
size_t fake_docker_event_streams(const struct fake_docker *docker);
size_t fake_docker_stats_streams(const struct fake_docker *docker);
uint64_t fake_docker_stats_requests(const struct fake_docker *docker);

#endif
