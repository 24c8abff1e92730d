#include "agent/base/mem.h"
#include "agent/base/version.h"
#include "agent/introspection/introspection.h"

/* One metric with its two comment lines. */
static void metric(struct eca_buf *out, const char *name, const char *type, const char *help)
{
    eca_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void value(struct eca_buf *out, const char *name, const char *labels, uint64_t number)
{
    eca_buf_addf(out, "%s%s %llu\n", name, labels, (unsigned long long)number);
}

static void seconds(struct eca_buf *out, const char *name, const char *labels, int64_t ms)
{
    eca_buf_addf(out, "%s%s %lld.%03lld\n", name, labels, (long long)(ms / 1000),
                 (long long)(ms % 1000));
}

static void calls(struct eca_buf *out, const char *name, const char *help,
                  const struct eca_tally *tally)
{
    eca_auto_free char *total = eca_xasprintf("%s_total", name);

    metric(out, total, "counter", help);
    for (size_t i = 0; tally != NULL && i < tally->row_count; i++) {
        const struct eca_tally_row *row = &tally->rows[i];

        for (size_t k = 0; k < row->outcome_count; k++) {
            eca_buf_addf(out, "%s{operation=\"%s\",outcome=\"%s\"} %llu\n", total, row->operation,
                         row->outcomes[k].outcome, (unsigned long long)row->outcomes[k].count);
        }
    }
}

static void latencies(struct eca_buf *out, const char *name, const char *help,
                      const struct eca_tally *tally)
{
    metric(out, name, "histogram", help);
    for (size_t i = 0; tally != NULL && i < tally->row_count; i++) {
        const struct eca_tally_row *row = &tally->rows[i];

        for (size_t k = 0; k < ECA_TALLY_BUCKETS; k++) {
            eca_buf_addf(out, "%s_bucket{operation=\"%s\",le=\"%u.%03u\"} %llu\n", name,
                         row->operation, eca_tally_bounds_ms[k] / 1000,
                         eca_tally_bounds_ms[k] % 1000, (unsigned long long)row->buckets[k]);
        }
        eca_buf_addf(out, "%s_bucket{operation=\"%s\",le=\"+Inf\"} %llu\n", name, row->operation,
                     (unsigned long long)row->count);
        eca_buf_addf(out, "%s_sum{operation=\"%s\"} %llu.%03llu\n", name, row->operation,
                     (unsigned long long)(row->sum_ms / 1000),
                     (unsigned long long)(row->sum_ms % 1000));
        eca_buf_addf(out, "%s_count{operation=\"%s\"} %llu\n", name, row->operation,
                     (unsigned long long)row->count);
    }
}

static void sessions(const struct eca_view_health *health, struct eca_buf *out)
{
    metric(out, "ecs_agent_session_connected", "gauge", "1 while the websocket stands.");
    value(out, "ecs_agent_session_connected", "{session=\"acs\"}", health->acs.connected);
    value(out, "ecs_agent_session_connected", "{session=\"tcs\"}", health->tcs.connected);
    metric(out, "ecs_agent_session_connects_total", "counter", "Successful upgrades.");
    value(out, "ecs_agent_session_connects_total", "{session=\"acs\"}", health->acs.connects);
    value(out, "ecs_agent_session_connects_total", "{session=\"tcs\"}", health->tcs.connects);
    metric(out, "ecs_agent_session_frames_total", "counter", "Messages received.");
    value(out, "ecs_agent_session_frames_total", "{session=\"acs\"}", health->acs.frames);
    value(out, "ecs_agent_session_frames_total", "{session=\"tcs\"}", health->tcs.frames);
    metric(out, "ecs_agent_session_acks_total", "counter", "Answers sent to ACS.");
    value(out, "ecs_agent_session_acks_total", "", health->acks);
    metric(out, "ecs_agent_input_rejected_total", "counter", "Inputs refused, by source.");
    value(out, "ecs_agent_input_rejected_total", "{source=\"acs\"}", health->acs.undecodable);
    value(out, "ecs_agent_input_rejected_total", "{source=\"tcs\"}", health->tcs.undecodable);
    value(out, "ecs_agent_input_rejected_total", "{source=\"docker\"}", health->docker_bad_answers);
}

static void work(const struct eca_view_health *health, struct eca_buf *out)
{
    metric(out, "ecs_agent_tasks", "gauge", "Tasks by known status.");
    value(out, "ecs_agent_tasks", "{status=\"PENDING\"}", health->tasks_pending);
    value(out, "ecs_agent_tasks", "{status=\"RUNNING\"}", health->tasks_running);
    value(out, "ecs_agent_tasks", "{status=\"STOPPED\"}", health->tasks_stopped);
    metric(out, "ecs_agent_containers", "gauge", "Containers of tasks by known status.");
    value(out, "ecs_agent_containers", "{status=\"PENDING\"}", health->containers_pending);
    value(out, "ecs_agent_containers", "{status=\"RUNNING\"}", health->containers_running);
    value(out, "ecs_agent_containers", "{status=\"STOPPED\"}", health->containers_stopped);
    metric(out, "ecs_agent_containers_watched", "gauge", "Containers whose statistics are taken.");
    value(out, "ecs_agent_containers_watched", "", health->watched);
    metric(out, "ecs_agent_submissions_pending", "gauge", "State changes not yet accepted.");
    value(out, "ecs_agent_submissions_pending", "", health->reports_pending);
    metric(out, "ecs_agent_submission_queues", "gauge", "Tasks with such changes.");
    value(out, "ecs_agent_submission_queues", "", health->report_queues);
    metric(out, "ecs_agent_submissions_total", "counter", "State change submissions by outcome.");
    value(out, "ecs_agent_submissions_total", "{outcome=\"accepted\"}", health->reports_accepted);
    value(out, "ecs_agent_submissions_total", "{outcome=\"retried\"}", health->reports_failed);
    value(out, "ecs_agent_submissions_total", "{outcome=\"dropped\"}", health->reports_dropped);
    metric(out, "ecs_agent_commits_total", "counter", "Transactions of the state store.");
    value(out, "ecs_agent_commits_total", "{outcome=\"ok\"}", health->commits);
    value(out, "ecs_agent_commits_total", "{outcome=\"failed\"}", health->commit_failures);
}

void eca_metrics_write(const struct eca_view_health *health, struct eca_buf *out)
{
    static const char *const levels[5] = {"{level=\"debug\"}", "{level=\"info\"}",
                                          "{level=\"warn\"}", "{level=\"error\"}",
                                          "{level=\"critical\"}"};

    metric(out, "ecs_agent_info", "gauge", "Version of the agent.");
    eca_buf_addf(out, "ecs_agent_info{version=\"%s\",hash=\"%s\"} 1\n", eca_version, eca_git_hash);
    metric(out, "ecs_agent_uptime_seconds", "gauge", "Since the start of the process.");
    seconds(out, "ecs_agent_uptime_seconds", "", health->now_ms - health->started_ms);
    sessions(health, out);
    metric(out, "ecs_agent_docker_reachable", "gauge", "1 while the daemon answers.");
    value(out, "ecs_agent_docker_reachable", "", health->docker_reachable);
    calls(out, "ecs_agent_docker_calls", "Calls of the Docker API by outcome.",
          health->docker_calls);
    latencies(out, "ecs_agent_docker_call_seconds", "Duration of calls of the Docker API.",
              health->docker_calls);
    calls(out, "ecs_agent_api_calls", "Attempts of ECS API calls by outcome.", health->api_calls);
    work(health, out);
    metric(out, "ecs_agent_loop_lag_seconds", "gauge", "Delay of the timer that ran last.");
    seconds(out, "ecs_agent_loop_lag_seconds", "", (int64_t)(health->lag_ns / 1000000));
    metric(out, "ecs_agent_loop_lag_max_seconds", "gauge", "Longest delay of a timer so far.");
    seconds(out, "ecs_agent_loop_lag_max_seconds", "", (int64_t)(health->lag_max_ns / 1000000));
    metric(out, "ecs_agent_log_records_total", "counter",
           "Log records by level, but those of the network adapters.");
    for (size_t i = 0; i < 5; i++) {
        value(out, "ecs_agent_log_records_total", levels[i], health->log_counts[i]);
    }
    metric(out, "ecs_agent_resident_memory_bytes", "gauge", "Resident memory.");
    value(out, "ecs_agent_resident_memory_bytes", "", health->rss_bytes);
    metric(out, "ecs_agent_open_descriptors", "gauge", "Open file descriptors.");
    value(out, "ecs_agent_open_descriptors", "", health->descriptors);
    metric(out, "ecs_agent_threads", "gauge", "Threads of the process.");
    value(out, "ecs_agent_threads", "", health->threads);
}
