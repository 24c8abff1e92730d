#ifndef ECA_ENGINE_TASK_H
#define ECA_ENGINE_TASK_H

#include "agent/engine/status.h"
#include "agent/ports/runtime.h"

/*
 * Tasks and containers as plain records: what was wanted, what is known, what was reported
 * (ENG-110..114). A task owns everything in it. Only the engine changes one that it was given.
 */
#define ECA_CONTAINERS_MAX                                                                         \
    1024                   /* in one task; Docker and the wire have no limit, our memory does */
#define ECA_LIST_MAX 65536 /* elements of any list of a container */
#define ECA_ENV_MAX 8192   /* variables of a container: look-up is linear */

struct eca_texts {
    char **at;
    size_t count;
    bool present; /* absent (null) differs from empty */
};
struct eca_env_var {
    char *name, *value;
};
struct eca_volume_from {
    char *source; /* container name */
    bool read_only;
};
struct eca_mount_point {
    char *volume, *container_path;
    bool read_only;
};

/* The call to Docker that a container waits for (one at a time), beside at most one inspect. */
enum eca_call {
    ECA_CALL_NONE,
    ECA_CALL_PULL,
    ECA_CALL_CREATE,
    ECA_CALL_START,
    ECA_CALL_STOP,
    ECA_CALL_KILL,
    ECA_CALL_PING, /* does Docker answer at all? (FB-06.4) */
};
/* Why an inspect was asked for: what its answer may prove. */
enum eca_look {
    ECA_LOOK_NONE,
    ECA_LOOK_CHECK,  /* periodic or after a reconnect: an answer helps, none changes nothing */
    ECA_LOOK_START,  /* a `start` event */
    ECA_LOOK_DIE,    /* a `die` or `stop` event: it ended, details wanted */
    ECA_LOOK_PROOF,  /* an unclear outcome must become clear: repeated until answered */
    ECA_LOOK_VOLUME, /* volume paths of the internal container */
};
/* What the engine is doing with a container: lives in memory only, decided by step.c alone. */
struct eca_container_run {
    enum eca_call call;      /* in flight, or waiting to be repeated */
    enum eca_look look;      /* inspect in flight, or waiting to be repeated */
    bool waiting;            /* the call pauses before its next try */
    bool look_waiting;       /* the inspect does */
    bool certain;            /* compared with Docker since the agent started (ENG-730) */
    bool unclaimed;          /* Docker runs it, or may, but it must end (TASKM-125, TASKM-161) */
    bool start_failed;       /* its start was refused: the exit code means nothing (ENG-408) */
    bool start_late;         /* its start may still happen (FB-07) */
    uint64_t late_since_ms;  /* monotonic: since when it is watched for that */
    bool die_during_start;   /* the start call's result comes first (TASKM-159) */
    bool start_after_die;    /* while the details of its end were looked up (DKR-808) */
    bool came_back_stopped;  /* the one stop of TASKM-161 was spent */
    bool left_running;       /* STOPPED, but it came back and was left alone until the task ends */
    bool kill_tried;         /* FB-06.2 */
    bool exit_known;         /* a `die` event told the exit code */
    int64_t exit_code;       /* that one */
    uint32_t tries;          /* of the present step, as far as they count (FB-05, FB-06, FB-30) */
    uint32_t looks;          /* inspects in a row that proved nothing */
    uint32_t pauses;         /* waits in a row, for the back-off */
    uint64_t unreachable_ms; /* monotonic: since when Docker cannot be reached; 0 = it can */
    struct eca_named_error stop_error; /* last error of stopping (TASKM-158) */
    int64_t since_ms;                  /* wall: begin of the present activity (INTRO-121) */
};

struct eca_task;
struct eca_container {
    struct eca_task *task;
    /* What was wanted. */
    char *name, *image;
    struct eca_texts command, entry_point, override_command;
    uint64_t cpu, memory_mib;
    struct eca_texts links;
    struct eca_volume_from *volumes_from;
    size_t volumes_from_count;
    struct eca_mount_point *mounts;
    size_t mount_count;
    struct eca_spec_port *ports;
    size_t port_count;
    struct eca_env_var *env;
    size_t env_count;
    bool essential;
    bool internal;                                    /* the agent's own (VOL-102) */
    char *raw_config, *raw_host_config, *api_version; /* NULL = null */
    char *auth_type;                                  /* NULL = none */
    bool has_ecr;
    char *ecr_registry_id, *ecr_region, *ecr_endpoint; /* NULL = absent */
    struct eca_texts run_after; /* internal: these must have run first (DEP-101 "run") */
    /* What is known. */
    enum eca_status desired, known, sent;
    enum eca_status applied; /* step whose call was sent and is not proven (ENG-106) */
    char *image_id;
    char *docker_name, *docker_id; /* name: chosen and durable before the create call */
    bool has_exit_code;
    int64_t exit_code;
    bool has_bindings;
    struct eca_port_binding *bindings;
    size_t binding_count;
    char *error_name, *error_text; /* first error of its life (ENG-113); NULL = none */
    struct eca_container_run run;  /* not persisted */
};

struct eca_volume {
    char *name;
    bool is_host;
    char *host_path; /* host: sourcePath; empty volume: learned, "" until then */
};

struct eca_task {
    char *arn, *family, *version;
    struct eca_container *containers; /* payload order, internal last */
    size_t container_count;
    struct eca_volume *volumes;
    size_t volume_count;
    enum eca_status desired, known, sent;
    int64_t known_ns;                 /* wall, last change of known; 0 = never */
    int64_t start_seq, stop_seq;      /* 0 = none (PAY-107) */
    struct eca_texts credentials_ids; /* first: the one the containers were created with */
    char *reason;                     /* of a task-level report, or NULL (ENG-602) */
    bool gate_waiting;                /* its start waits for stops (PAY-150); not persisted */
    bool gate_opened;                 /* it holds a stop gate open (PAY-154); not persisted */
};

struct eca_task *eca_task_new(void);
void eca_task_free(struct eca_task *task); /* NULL ok */
void eca_task_free_ptr(struct eca_task **task);
#define eca_auto_task __attribute__((cleanup(eca_task_free_ptr)))

struct eca_container *eca_task_find(const struct eca_task *task, const char *container_name);
struct eca_container *eca_task_add_container(struct eca_task *task);
/* Of containers with equal names the first stays. */
void eca_task_drop_duplicates(struct eca_task *task);
struct eca_volume *eca_task_find_volume(const struct eca_task *task, const char *name);

void eca_texts_add(struct eca_texts *texts, const char *text);
bool eca_texts_has(const struct eca_texts *texts, const char *text);
void eca_texts_clear(struct eca_texts *texts);
/* Set or replace a variable. */
void eca_container_set_env(struct eca_container *container, const char *name, const char *value);
const char *eca_container_env(const struct eca_container *container, const char *name);
/* Keep an error unless there is one already. */
void eca_container_set_error(struct eca_container *container, const struct eca_named_error *error);
void eca_container_clear_error(struct eca_container *container);
void eca_container_set_bindings(struct eca_container *container,
                                const struct eca_port_binding *bindings, size_t count);
/* "Name: text", "UnknownError: text" or "" (ENG-113). */
void eca_container_reason(const struct eca_container *container, struct eca_buf *out);

/* The credentials variable of every container (ENG-530), and the id in it, or NULL (ENG-126). */
#define ECA_CREDENTIALS_ENV "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define ECA_CREDENTIALS_PREFIX "/v2/credentials/"

#define ECA_EMPTY_VOLUME_CONTAINER "~internal~ecs-emptyvolume-source"
#define ECA_EMPTY_VOLUME_REPO "amazon/ecs-emptyvolume-base"
#define ECA_EMPTY_VOLUME_TAG "autogenerated"
#define ECA_EMPTY_VOLUME_PATH "/ecs-empty-volume/"

#endif
