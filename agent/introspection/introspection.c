#include "agent/introspection/introspection.h"

#include <string.h>

#include "agent/base/json.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/base/version.h"
#include "agent/introspection/license.h"

#define ACS_AWAY_MS (5 * ECA_MS_PER_MIN) /* INTRO-120 */

static void write_time(struct eca_json_writer *w, const char *key, int64_t wall_ms)
{
    char text[21];

    if (wall_ms == 0) {
        eca_jw_null(w, key);
        return;
    }
    eca_time_rfc3339(wall_ms, text);
    eca_jw_str(w, key, text);
}

/* ---- /v1/metadata, /v1/tasks ---------------------------------------------------------------- */

static void write_metadata(const struct eca_introspection *source, struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "Cluster", source->cluster);
    eca_jw_str(&w, "ContainerInstanceArn", source->instance_arn);
    eca_jw_str(&w, "Version", eca_version_text);
    eca_jw_end_object(&w);
}

/* Desired is left out where it only repeats the past (INTRO-105). */
static bool shows_desired(const struct eca_view_task *task)
{
    if (strcmp(task->known_status, "STOPPED") == 0) {
        return strcmp(task->desired_status, "STOPPED") == 0;
    }
    return !(strcmp(task->known_status, "RUNNING") == 0 &&
             strcmp(task->desired_status, "PENDING") == 0);
}

static void write_containers(struct eca_json_writer *w, const struct eca_view_task *task)
{
    eca_jw_array(w, "Containers");
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_view_container *container = &task->containers[i];

        if (container->internal || !container->mapped) {
            continue;
        }
        eca_jw_object(w, NULL);
        eca_jw_str(w, "DockerId", container->docker_id);
        eca_jw_str(w, "DockerName", container->docker_name);
        eca_jw_str(w, "Name", container->name);
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
}

static void write_task(void *arg, const struct eca_view_task *task)
{
    struct eca_json_writer *w = arg;

    eca_jw_object(w, NULL);
    eca_jw_str(w, "Arn", task->arn);
    if (shows_desired(task)) {
        eca_jw_str(w, "DesiredStatus", task->desired_status);
    }
    eca_jw_str(w, "KnownStatus", task->known_status);
    eca_jw_str(w, "Family", task->family);
    eca_jw_str(w, "Version", task->version);
    write_containers(w, task);
    if (task->waiting_reason != NULL) {
        eca_jw_object(w, "Waiting");
        eca_jw_str(w, "Reason", task->waiting_reason);
        write_time(w, "Since", task->waiting_since_ms);
        eca_jw_str(w, "Detail", task->waiting_detail == NULL ? "" : task->waiting_detail);
        eca_jw_end_object(w);
    }
    eca_jw_end_object(w);
}

/* The value of a query parameter; NULL when it is not given at all. */
static const char *query_value(const char *query, const char *name, struct eca_buf *value)
{
    struct eca_view rest = eca_view_str(query == NULL ? "" : query);

    while (rest.len > 0) {
        size_t end = eca_view_find(rest, "&", 0);
        struct eca_view pair = eca_view_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
        size_t equals = eca_view_find(pair, "=", 0);
        struct eca_view key = eca_view_sub(pair, 0, equals == SIZE_MAX ? pair.len : equals);

        if (eca_view_eq_str(key, name)) {
            eca_percent_decode(eca_view_sub(pair, key.len + 1, pair.len), true, value);
            return eca_buf_str(value);
        }
        rest = eca_view_sub(rest, pair.len + 1, rest.len);
    }
    return NULL;
}

static void answer_one_task(const struct eca_introspection *source, const char *arn,
                            const char *docker_id, struct eca_endpoint_response *response)
{
    struct eca_json_writer w = eca_json_writer_to(&response->body);
    const char *key = arn != NULL ? arn : docker_id;
    bool found = key[0] != '\0' && /* a container that Docker does not know yet has an empty id */
                 (arn != NULL ? source->task_by_arn(source->impl, arn, write_task, &w)
                              : source->task_by_docker_id(source->impl, docker_id, write_task, &w));

    if (!found) { /* the empty T of INTRO-106 */
        response->status = 404;
        eca_buf_add_str(&response->body, "{\"Arn\":\"\",\"KnownStatus\":\"\",\"Family\":\"\","
                                         "\"Version\":\"\",\"Containers\":null}");
    }
}

static void answer_tasks(const struct eca_introspection *source,
                         const struct eca_endpoint_request *request,
                         struct eca_endpoint_response *response)
{
    eca_auto_buf struct eca_buf arn_text = {0}, id_text = {0};
    const char *arn = query_value(request->query, "taskarn", &arn_text);
    const char *id = query_value(request->query, "dockerid", &id_text);
    struct eca_json_writer w = eca_json_writer_to(&response->body);

    if (arn != NULL && id != NULL) {
        response->status = 400;
        response->content_type = NULL;
        return;
    }
    if (arn != NULL || id != NULL) {
        answer_one_task(source, arn, id, response);
        return;
    }
    eca_jw_object(&w, NULL);
    eca_jw_array(&w, "Tasks");
    source->tasks(source->impl, write_task, &w);
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
}

/* ---- /v1/health ----------------------------------------------------------------------------- */

bool eca_health_is_good(const struct eca_view_health *health)
{
    bool acs_away =
        !health->acs.connected &&
        health->now_ms - (health->acs.since_ms > 0 ? health->acs.since_ms : health->started_ms) >
            ACS_AWAY_MS;

    return !acs_away && health->docker_reachable && health->store_ok;
}

static void write_session(struct eca_json_writer *w, const char *key,
                          const struct eca_view_session *session, int64_t now_ms)
{
    eca_jw_object(w, key);
    eca_jw_bool(w, "Enabled", session->enabled);
    eca_jw_bool(w, "Connected", session->connected);
    write_time(w, "Since", session->since_ms);
    if (session->last_frame_ms > 0) {
        eca_jw_i64(w, "LastFrameAgeMs", now_ms - session->last_frame_ms);
    }
    eca_jw_u64(w, "Reconnects", session->connects > 0 ? session->connects - 1 : 0);
    eca_jw_str(w, "LastError", session->last_error == NULL ? "" : session->last_error);
    eca_jw_end_object(w);
}

static void write_health(const struct eca_view_health *health, struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    eca_jw_object(&w, NULL);
    eca_jw_bool(&w, "Healthy", eca_health_is_good(health));
    eca_jw_str(&w, "Version", eca_version_text);
    eca_jw_i64(&w, "UptimeMs", health->now_ms - health->started_ms);
    write_session(&w, "ACS", &health->acs, health->now_ms);
    write_session(&w, "TCS", &health->tcs, health->now_ms);
    eca_jw_object(&w, "Docker");
    eca_jw_bool(&w, "Reachable", health->docker_reachable);
    if (health->docker_ping_ms >= 0) {
        eca_jw_i64(&w, "LastPingMs", health->docker_ping_ms);
    }
    write_time(&w, "EventStreamSince", health->events_since_ms);
    eca_jw_end_object(&w);
    eca_jw_object(&w, "State");
    eca_jw_bool(&w, "Durable", health->store_ok);
    if (health->last_commit_ms > 0) {
        eca_jw_i64(&w, "LastCommitAgeMs", health->now_ms - health->last_commit_ms);
    }
    eca_jw_u64(&w, "Pending", health->commits_pending);
    eca_jw_end_object(&w);
    eca_jw_object(&w, "Submissions");
    eca_jw_u64(&w, "Pending", health->reports_pending);
    if (health->oldest_report_ms > 0) {
        eca_jw_i64(&w, "OldestAgeMs", health->now_ms - health->oldest_report_ms);
    }
    eca_jw_end_object(&w);
    eca_jw_object(&w, "Tasks");
    eca_jw_u64(&w, "PENDING", health->tasks_pending);
    eca_jw_u64(&w, "RUNNING", health->tasks_running);
    eca_jw_u64(&w, "STOPPED", health->tasks_stopped);
    eca_jw_end_object(&w);
    eca_jw_array(&w, "Unmanaged");
    for (size_t i = 0; i < health->unmanaged_count; i++) {
        eca_jw_str(&w, NULL, health->unmanaged[i]);
    }
    eca_jw_end_array(&w);
    eca_jw_end_object(&w);
}

/* ---- routing -------------------------------------------------------------------------------- */

static void answer_health(const struct eca_introspection *source,
                          struct eca_endpoint_response *response, bool as_metrics)
{
    struct eca_view_health health = {.docker_ping_ms = -1};

    source->health(source->impl, &health);
    if (as_metrics) {
        response->content_type = "text/plain; version=0.0.4";
        eca_metrics_write(&health, &response->body);
        return;
    }
    response->status = eca_health_is_good(&health) ? 200 : 503;
    write_health(&health, &response->body);
}

void eca_introspection_handle(void *arg, const struct eca_endpoint_request *request,
                              struct eca_endpoint_response *response)
{
    const struct eca_introspection *source = arg;
    const char *path = request->path;

    response->status = 200;
    response->content_type = "application/json";
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        response->status = 405;
        response->content_type = NULL;
        response->extra_headers[0][0] = "Allow";
        response->extra_headers[0][1] = "GET, HEAD";
    } else if (strcmp(path, "/v1/metadata") == 0) {
        write_metadata(source, &response->body);
    } else if (strcmp(path, "/v1/tasks") == 0) {
        answer_tasks(source, request, response);
    } else if (strcmp(path, "/v1/health") == 0) {
        answer_health(source, response, false);
    } else if (strcmp(path, "/metrics") == 0) {
        answer_health(source, response, true);
    } else if (strcmp(path, "/license") == 0) {
        response->content_type = "text/plain; charset=utf-8";
        eca_buf_add_str(&response->body, eca_license_text);
    } else { /* every unknown path answers alike (INTRO-102) */
        eca_buf_add_str(&response->body, "{\"AvailableCommands\":[\"/license\",\"/metrics\","
                                         "\"/v1/health\",\"/v1/metadata\",\"/v1/tasks\"]}");
    }
}
