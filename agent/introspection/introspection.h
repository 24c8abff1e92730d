#ifndef ECA_INTROSPECTION_H
#define ECA_INTROSPECTION_H

#include "agent/base/tally.h"
#include "agent/ports/endpoint.h"

/*
 * The local introspection server (INTRO-101..132): request in, response out. It sees the agent
 * through plain structs that the source fills; no secret and no credentials id is among them
 * (INTRO-132).
 */
#define ECA_INTROSPECTION_PORT 51678

struct eca_view_container {
    const char *docker_id, *docker_name, *name;
    bool internal; /* left out (INTRO-104) */
    bool mapped;   /* has a docker entry */
};
struct eca_view_task {
    const char *arn, *family, *version;
    const char *known_status, *desired_status; /* backend names (INTRO-105) */
    const struct eca_view_container *containers;
    size_t container_count;
    const char *waiting_reason; /* NULL = it does not wait (INTRO-121) */
    const char *waiting_detail;
    int64_t waiting_since_ms;
};
typedef void eca_view_task_fn(void *arg, const struct eca_view_task *task);

struct eca_view_session {
    bool enabled, connected;
    int64_t since_ms, last_frame_ms; /* wall; 0 = never */
    uint64_t connects, frames, undecodable;
    const char *last_error;
};
struct eca_view_health {
    struct eca_view_session acs, tcs;
    bool docker_reachable;
    int64_t docker_ping_ms; /* of the latest quick call (inspect, list); -1 = not measured */
    const struct eca_tally *docker_calls, *api_calls; /* NULL = none yet */
    uint64_t acks;
    uint64_t lag_ns, lag_max_ns; /* of the loop */
    size_t containers_pending, containers_running, containers_stopped;
    uint64_t docker_bad_answers;
    int64_t events_since_ms;
    bool store_ok;
    int64_t last_commit_ms; /* wall; 0 = none yet */
    uint64_t commits, commit_failures;
    size_t commits_pending;
    size_t reports_pending, report_queues;
    int64_t oldest_report_ms; /* wall; 0 = none */
    uint64_t reports_accepted, reports_failed, reports_dropped;
    size_t tasks_pending, tasks_running, tasks_stopped;
    size_t watched;
    const char *const *unmanaged; /* names of labelled containers of unknown tasks (STATE-142) */
    size_t unmanaged_count;
    int64_t now_ms, started_ms; /* wall */
    uint64_t rss_bytes;
    uint32_t descriptors, threads;
    uint64_t log_counts[5]; /* debug .. critical */
};

struct eca_introspection {
    const char *cluster, *instance_arn; /* "" until registered */
    /* Each task, in order of arrival. */
    void (*tasks)(void *impl, eca_view_task_fn *fn, void *arg);
    /* The task with this ARN or docker id; false when there is none. */
    bool (*task_by_arn)(void *impl, const char *arn, eca_view_task_fn *fn, void *arg);
    bool (*task_by_docker_id)(void *impl, const char *id, eca_view_task_fn *fn, void *arg);
    void (*health)(void *impl, struct eca_view_health *ret_health);
    void *impl;
};

/* An eca_endpoint_fn; arg is a struct eca_introspection. */
void eca_introspection_handle(void *arg, const struct eca_endpoint_request *request,
                              struct eca_endpoint_response *response);

/* Healthy enough for a 200 (INTRO-120). */
bool eca_health_is_good(const struct eca_view_health *health);
/* Prometheus text format 0.0.4 (INTRO-122). */
void eca_metrics_write(const struct eca_view_health *health, struct eca_buf *out);

#endif
