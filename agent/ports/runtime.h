#ifndef ECA_PORTS_RUNTIME_H
#define ECA_PORTS_RUNTIME_H

#include "agent/base/err.h"
#include "agent/ports/http.h"

/*
 * Container runtime port, in the words of the task engine. agent/docker implements it on the http
 * port. Results are typed; "sent, outcome unknown" is its own result, never "failed" (DESIGN 4).
 *
 * Callbacks run once, later, from the loop, never inside the call that starts the operation.
 * eca_op_cancel ends an operation without its callback.
 */

/* Named errors of the wire (DKR-401): become the reason "Name: text" of a report. */
#define ECA_NAMED_ERROR_TEXT_BYTES 512
struct eca_named_error {
    const char *name; /* static, e.g. "CannotPullContainerError"; NULL = no error */
    char text[ECA_NAMED_ERROR_TEXT_BYTES];
};

enum eca_outcome {
    ECA_OUTCOME_DONE,
    ECA_OUTCOME_ALREADY,     /* 304: it is in that state already */
    ECA_OUTCOME_NOT_FOUND,   /* 404: no such container or image */
    ECA_OUTCOME_CONFLICT,    /* 409 */
    ECA_OUTCOME_REFUSED,     /* any other definite answer of the daemon, 4xx */
    ECA_OUTCOME_FAILED,      /* 5xx: the daemon tried, or not */
    ECA_OUTCOME_AMBIGUOUS,   /* sent, no answer: reset, cut */
    ECA_OUTCOME_TIMEOUT,     /* our deadline, exchange closed */
    ECA_OUTCOME_UNREACHABLE, /* not sent: refused, no socket */
    ECA_OUTCOME_BAD_ANSWER,  /* the answer could not be understood */
};

struct eca_port_binding {
    uint16_t container_port;
    uint16_t host_port;
    char bind_ip[46];
    bool udp;
};
#define ECA_PORT_BINDINGS_MAX 4096

struct eca_container_mount { /* from the inspect answer */
    const char *container_path;
    const char *host_path;
};

/* What inspect says (DKR-701..707). All text is borrowed for the callback. */
struct eca_container_info {
    const char *id;
    const char *name; /* without the leading '/' */
    const char *image_id;
    bool running;       /* also paused and restarting */
    bool never_started; /* not running and StartedAt zero (DKR-707) */
    bool has_exit_code; /* not running and FinishedAt not zero (DKR-702) */
    int64_t exit_code;
    bool oom_killed;
    const char *state_error;                 /* "" = none */
    int64_t started_ns, finished_ns;         /* wall, 0 = never */
    bool has_bindings;                       /* NetworkSettings present (DKR-704) */
    const struct eca_port_binding *bindings; /* sorted: container port, protocol, host port */
    size_t binding_count;
    struct eca_named_error
        binding_error; /* UnparsablePort ...: reported beside the rest (DKR-405) */
    const struct eca_container_mount *mounts;
    size_t mount_count;
    /* Labels of DKR-502 when present, else NULL. */
    const char *label_task_arn, *label_container_name, *label_cluster;
};

struct eca_runtime_result {
    enum eca_outcome outcome;
    struct eca_named_error error; /* set unless DONE (or as the call says) */
    const struct eca_container_info
        *info;            /* inspect, and the inspect after create/start/stop; else NULL */
    const char *id;       /* create: the new container's id (also when its inspect failed) */
    const char *image_id; /* image inspect */
    uint64_t image_bytes;
};
typedef void eca_runtime_fn(void *arg, const struct eca_runtime_result *result);

/* Container to create: everything resolved by the engine (ENG section 9); DKR-510 builds the body.
 */
struct eca_spec_env {
    const char *name, *value;
};
struct eca_spec_port {
    uint16_t container_port, host_port;
    bool udp;
};
struct eca_container_spec {
    const char *docker_name;
    const char *image;
    bool has_command, has_entry_point; /* false: null */
    const char *const *command;
    size_t command_count;
    const char *const *entry_point;
    size_t entry_point_count;
    const struct eca_spec_env *env; /* the engine's variables; emitted sorted by name */
    size_t env_count;
    const struct eca_spec_env *forced_env; /* added after merging raw config (ENG-532) */
    size_t forced_env_count;
    const struct eca_spec_port *ports;
    size_t port_count;
    const char *const *volumes; /* container paths: only the internal volume container */
    size_t volume_count;
    const char *const *binds; /* "src:dst[:ro]" */
    size_t bind_count;
    const char *const *links; /* "docker-name:alias" */
    size_t link_count;
    const char *const *volumes_from; /* "docker-name[:ro]" */
    size_t volumes_from_count;
    uint64_t memory_mib, cpu_shares;          /* as in the task; DKR-510 converts */
    const char *raw_config, *raw_host_config; /* NULL = none */
    const char *api_version;                  /* "" or NULL: default client (DKR-126) */
    struct {
        const char *task_arn, *container_name, *family, *version, *cluster;
    } labels; /* DKR-502 */
};

enum eca_auth_kind { ECA_AUTH_STATIC, ECA_AUTH_ECR };
struct eca_pull_opts {
    const char *image; /* as in the task (DKR-710) */
    enum eca_auth_kind auth;
    const char *ecr_registry_id, *ecr_region, *ecr_endpoint; /* NULL = absent */
    bool ecr_has_data;
};

struct eca_runtime_event {
    enum eca_event_kind {
        ECA_EVENT_CREATE,
        ECA_EVENT_START,
        ECA_EVENT_DIE, /* die and stop */
        ECA_EVENT_DESTROY,
        ECA_EVENT_OOM,
        ECA_EVENT_CONNECTED, /* stream (re)opened: reconcile now (DKR-831) */
        ECA_EVENT_DISCONNECTED,
    } kind;
    const char *container_id; /* NULL for the last two */
    bool has_exit_code;       /* attribute exitCode of a die (TASKM-323) */
    int64_t exit_code;
};
typedef void eca_runtime_event_fn(void *arg, const struct eca_runtime_event *event);

struct eca_stats_sample; /* agent/stats/sample.h */
struct eca_stats_stream_events {
    void (*on_sample)(void *arg, struct eca_view json); /* one object of the stream, borrowed */
    void (*on_end)(void *arg, enum eca_outcome outcome, const struct eca_err *err); /* once, last */
};

struct eca_list_entry_info {
    const char *id;
    const char *name; /* first name without '/', or "" */
    bool running;
    const char *label_task_arn, *label_container_name,
        *label_cluster; /* NULL = not in the answer */
};
typedef void eca_runtime_list_fn(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                                 const struct eca_list_entry_info *entries, size_t count);

struct eca_runtime_version {
    const char *version; /* "1.12.6": goes into the ACS URL (ACS-203) */
    const char *api_version;
};
/* outcome DONE: version set. */
typedef void eca_runtime_version_fn(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                                    const struct eca_runtime_version *version);
/* API versions that the daemon accepts, ascending, of the known list (DKR-120, DKR-125). */
typedef void eca_runtime_probe_fn(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                                  const char *const *versions, size_t count);

struct eca_op; /* opaque handle of an operation in flight */

struct eca_runtime_ops {
    /* Find the default API version, then every known one (DKR-120..126, DKR-L01). Must end DONE
     * before other calls; may be repeated. */
    int (*probe)(void *impl, eca_runtime_probe_fn *on_done, void *arg, struct eca_op **ret_op,
                 struct eca_err *err);
    int (*version)(void *impl, uint64_t limit_ms, eca_runtime_version_fn *on_done, void *arg,
                   struct eca_op **ret_op, struct eca_err *err);
    int (*ping)(void *impl, uint64_t limit_ms, eca_runtime_fn *on_done, void *arg,
                struct eca_op **ret_op, struct eca_err *err);
    /* One attempt (retries are the engine's). */
    int (*pull)(void *impl, const struct eca_pull_opts *opts, eca_runtime_fn *on_done, void *arg,
                struct eca_op **ret_op, struct eca_err *err);
    int (*import_empty)(void *impl, const char *repo, const char *tag, eca_runtime_fn *on_done,
                        void *arg, struct eca_op **ret_op, struct eca_err *err);
    int (*image_inspect)(void *impl, const char *name, eca_runtime_fn *on_done, void *arg,
                         struct eca_op **ret_op, struct eca_err *err);
    int (*image_remove)(void *impl, const char *name_or_id, eca_runtime_fn *on_done, void *arg,
                        struct eca_op **ret_op, struct eca_err *err);
    /* create, start, stop are followed by one inspect; its facts are result->info. When the call
     * succeeded but the inspect did not: outcome DONE, info NULL, error = the inspect's. */
    int (*create)(void *impl, const struct eca_container_spec *spec, eca_runtime_fn *on_done,
                  void *arg, struct eca_op **ret_op, struct eca_err *err);
    int (*start)(void *impl, const char *id, const char *api_version, eca_runtime_fn *on_done,
                 void *arg, struct eca_op **ret_op, struct eca_err *err);
    int (*stop)(void *impl, const char *id, uint64_t timeout_s, eca_runtime_fn *on_done, void *arg,
                struct eca_op **ret_op, struct eca_err *err);
    int (*kill)(void *impl, const char *id, eca_runtime_fn *on_done, void *arg,
                struct eca_op **ret_op, struct eca_err *err); /* FB-06.2 */
    int (*remove)(void *impl, const char *name_or_id, eca_runtime_fn *on_done, void *arg,
                  struct eca_op **ret_op, struct eca_err *err);
    int (*inspect)(void *impl, const char *id_or_name, eca_runtime_fn *on_done, void *arg,
                   struct eca_op **ret_op, struct eca_err *err);
    int (*list)(void *impl, bool all, eca_runtime_list_fn *on_done, void *arg,
                struct eca_op **ret_op, struct eca_err *err);
    /* Subscribe for the life of the runtime: reconnects by itself (DKR-830), never ends. One
     * subscriber. */
    int (*events)(void *impl, eca_runtime_event_fn *on_event, void *arg, struct eca_err *err);
    /* One object a second until on_end; one_shot: one object at most, then on_end, all of it within
     * a limit (STAT-L4). */
    int (*stats)(void *impl, const char *id, bool one_shot,
                 const struct eca_stats_stream_events *events, void *arg, struct eca_op **ret_op,
                 struct eca_err *err);
    void (*cancel)(void *impl, struct eca_op *op);
};
struct eca_runtime {
    const struct eca_runtime_ops *ops;
    void *impl;
};

const char *eca_outcome_name(enum eca_outcome outcome);
/* "Name: text", or "" (DKR-401). */
void eca_named_error_reason(const struct eca_named_error *error, struct eca_buf *out);
void eca_named_error_set(struct eca_named_error *error, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
