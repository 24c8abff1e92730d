#include <stdio.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

static const char module[] = "Handlers";

/* ---- reports to the ECS API ----------------------------------------------------------------- */

struct eca_report_op {
    struct eca_ecs_request *request;
    eca_report_done_fn *on_done;
    void *arg;
};

static void on_submitted(void *arg, const char *text, const struct eca_aws_failure *failure)
{
    struct eca_report_op *op = arg;
    enum eca_report_class class = ECA_REPORT_ACCEPTED;
    eca_auto_buf struct eca_buf why = {0};

    (void)text;
    if (failure != NULL) {
        eca_aws_failure_text(failure, &why);
        class = eca_aws_failure_is_temporary(failure) || eca_aws_failure_is_about_caller(failure)
                    ? ECA_REPORT_RETRY
                    : ECA_REPORT_DEFINITE;
    }
    op->on_done(op->arg, class, eca_buf_str(&why));
    eca_free(op);
}

static int submit(void *impl, const struct eca_report *report, eca_report_done_fn *on_done,
                  void *arg, struct eca_report_op **ret_op, struct eca_err *err)
{
    struct eca_agent *agent = impl;
    struct eca_report_op *op = eca_xalloc(sizeof(*op));
    const char *cluster = agent->identity.cluster;

    (void)err;
    op->on_done = on_done;
    op->arg = arg;
    *ret_op = op;
    if (report->container_name == NULL) {
        struct eca_ecs_task_change change = {.cluster = cluster,
                                             .task_arn = report->task_arn,
                                             .status = eca_status_name(report->status),
                                             .reason = report->reason};

        eca_ecs_submit_task(agent->ecs, &change, on_submitted, op, &op->request);
    } else {
        struct eca_ecs_container_change change = {.cluster = cluster,
                                                  .task_arn = report->task_arn,
                                                  .container_name = report->container_name,
                                                  .status = eca_status_name(report->status),
                                                  .has_exit_code = report->has_exit_code,
                                                  .exit_code = report->exit_code,
                                                  .reason = report->reason,
                                                  .bindings = report->bindings,
                                                  .binding_count = report->binding_count};

        eca_ecs_submit_container(agent->ecs, &change, on_submitted, op, &op->request);
    }
    return ECA_OK;
}

static void cancel_submit(void *impl, struct eca_report_op *op)
{
    (void)impl;
    eca_ecs_cancel(op->request);
    eca_free(op);
}

struct eca_report_sink agent_report_sink(struct eca_agent *agent)
{
    static const struct eca_report_sink_ops ops = {submit, cancel_submit};

    return (struct eca_report_sink){&ops, agent};
}

/* ---- ECR logins for Docker ------------------------------------------------------------------ */

struct ecr_wait {
    struct eca_ecr_request *request;
    eca_docker_ecr_fn *on_done;
    void *arg;
};

static void on_ecr_login(void *arg, const struct eca_ecr_login *login, const struct eca_err *err)
{
    struct ecr_wait *wait = arg;
    struct eca_docker_login as_docker = {0};

    if (login != NULL) {
        as_docker.username = eca_view_str(login->username);
        as_docker.password = login->password;
        as_docker.server_address = eca_view_str(login->server_address);
    }
    wait->on_done(wait->arg, err == NULL ? &as_docker : NULL, err);
    eca_free(wait);
}

static int ecr_get(void *impl, const char *registry_id, const char *region, const char *endpoint,
                   const char *image, eca_docker_ecr_fn *on_done, void *arg, void **ret_handle,
                   struct eca_err *err)
{
    struct eca_agent *agent = impl;
    struct eca_ecr_query query = {
        .region = region, .endpoint = endpoint, .registry_id = registry_id, .image = image};
    struct ecr_wait *wait = eca_xalloc(sizeof(*wait));

    (void)err;
    wait->on_done = on_done;
    wait->arg = arg;
    *ret_handle = wait;
    eca_ecr_get(agent->ecr, &query, on_ecr_login, wait, &wait->request);
    return ECA_OK;
}

static void ecr_cancel(void *impl, void *handle)
{
    struct ecr_wait *wait = handle;

    (void)impl;
    eca_ecr_cancel(wait->request);
    eca_free(wait);
}

static void ecr_forget(void *impl, const char *registry_id, const char *region,
                       const char *endpoint)
{
    struct eca_agent *agent = impl;
    struct eca_ecr_query query = {
        .region = region, .endpoint = endpoint, .registry_id = registry_id};

    eca_ecr_forget(agent->ecr, &query);
}

struct eca_docker_ecr agent_docker_ecr(struct eca_agent *agent)
{
    return (struct eca_docker_ecr){ecr_get, ecr_cancel, ecr_forget, agent};
}

/* ---- telemetry ------------------------------------------------------------------------------ */

static bool find_container(void *impl, const char *docker_id, struct eca_stats_identity *ret)
{
    struct eca_agent *agent = impl;
    const struct eca_container *container = eca_engine_find_docker_id(agent->engine, docker_id);

    if (container == NULL) {
        return false;
    }
    *ret = (struct eca_stats_identity){
        .task_arn = container->task->arn,
        .family = container->task->family,
        .version = container->task->version,
        .task_stopped = container->task->known == ECA_STATUS_STOPPED,
        .container_stopped = container->known == ECA_STATUS_STOPPED,
    };
    return true;
}

struct eca_stats_lookup agent_stats_lookup(struct eca_agent *agent)
{
    return (struct eca_stats_lookup){find_container, agent};
}

/* ---- introspection -------------------------------------------------------------------------- */

static void show_task(struct eca_agent *agent, const struct eca_task *task, eca_view_task_fn *fn,
                      void *arg)
{
    eca_auto_free struct eca_view_container *containers =
        eca_xalloc((task->container_count + 1) * sizeof(*containers));
    struct eca_waiting waiting = {0};
    struct eca_view_task view = {
        .arn = task->arn,
        .family = task->family,
        .version = task->version,
        .known_status = eca_status_backend_name(task->known),
        .desired_status = eca_status_backend_name(task->desired),
        .containers = containers,
        .container_count = task->container_count,
    };

    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *c = &task->containers[i];

        containers[i] = (struct eca_view_container){
            .docker_id = c->docker_id == NULL ? "" : c->docker_id,
            .docker_name = c->docker_name == NULL ? "" : c->docker_name,
            .name = c->name,
            .internal = c->internal,
            .mapped = c->docker_name != NULL,
        };
    }
    if (eca_engine_waiting(agent->engine, task, &waiting)) {
        view.waiting_reason = waiting.reason;
        view.waiting_detail = waiting.detail;
        view.waiting_since_ms = waiting.since_ms;
    }
    fn(arg, &view);
}

static void show_tasks(void *impl, eca_view_task_fn *fn, void *arg)
{
    struct eca_agent *agent = impl;
    const struct eca_task *task;
    size_t cursor = 0;

    while ((task = eca_engine_next(agent->engine, &cursor)) != NULL) {
        show_task(agent, task, fn, arg);
    }
}

static bool show_by_arn(void *impl, const char *arn, eca_view_task_fn *fn, void *arg)
{
    struct eca_agent *agent = impl;
    const struct eca_task *task = eca_engine_find(agent->engine, arn);

    if (task == NULL) {
        return false;
    }
    show_task(agent, task, fn, arg);
    return true;
}

static bool show_by_docker_id(void *impl, const char *id, eca_view_task_fn *fn, void *arg)
{
    struct eca_agent *agent = impl;
    const struct eca_container *container = eca_engine_find_docker_id(agent->engine, id);

    if (container == NULL) {
        return false;
    }
    show_task(agent, container->task, fn, arg);
    return true;
}

static void fill_sessions(struct eca_agent *agent, struct eca_view_health *health,
                          struct eca_acs_status *acs, struct eca_tcs_status *tcs)
{
    if (agent->acs != NULL) {
        eca_acs_session_status(agent->acs, acs);
        health->acs = (struct eca_view_session){
            true,          acs->connected, acs->since_wall_ms, acs->last_frame_wall_ms,
            acs->connects, acs->frames,    acs->undecodable,   acs->last_error};
    }
    if (agent->tcs != NULL) {
        eca_tcs_session_status(agent->tcs, tcs);
        health->tcs = (struct eca_view_session){
            true,          tcs->connected, tcs->since_wall_ms, tcs->last_frame_wall_ms,
            tcs->connects, tcs->frames,    tcs->undecodable,   tcs->last_error};
    }
}

static void count_containers(struct eca_view_health *health, const struct eca_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        switch (task->containers[i].known) {
        case ECA_STATUS_STOPPED:
            health->containers_stopped++;
            break;
        case ECA_STATUS_RUNNING:
            health->containers_running++;
            break;
        default:
            health->containers_pending++;
            break;
        }
    }
}

static void count_tasks(struct eca_agent *agent, struct eca_view_health *health)
{
    const struct eca_task *task;
    size_t cursor = 0;

    while ((task = eca_engine_next(agent->engine, &cursor)) != NULL) {
        count_containers(health, task);
        if (task->known == ECA_STATUS_STOPPED) {
            health->tasks_stopped++;
        } else if (task->known == ECA_STATUS_RUNNING) {
            health->tasks_running++;
        } else {
            health->tasks_pending++;
        }
    }
}

/* The daemon's answer to what costs it nothing; nobody pings beside that. */
static int64_t quick_call_ms(const struct eca_tally *tally)
{
    static const char *const quick[] = {"inspect", "list"};
    int64_t ms = -1;

    for (size_t i = 0; i < ECA_ARRAY_LEN(quick) && ms < 0; i++) {
        const struct eca_tally_row *row = eca_tally_find(tally, quick[i]);

        ms = row == NULL ? -1 : (int64_t)row->last_ms;
    }
    return ms;
}

static void fill_calls(struct eca_agent *agent, struct eca_view_health *health)
{
    struct eca_sched_lag lag = eca_sched_lag(agent->opts.ports.sched);

    health->docker_calls = eca_docker_tally(agent->docker);
    health->docker_ping_ms = quick_call_ms(health->docker_calls);
    health->api_calls = eca_ecs_tally(agent->ecs);
    health->lag_ns = lag.last_ns;
    health->lag_max_ns = lag.max_ns;
}

static void show_health(void *impl, struct eca_view_health *health)
{
    struct eca_agent *agent = impl;
    struct agent_health_texts *texts = &agent->health_texts;
    struct eca_journal_status journal = eca_journal_status(agent->journal);
    struct eca_reporter_status reports = eca_reporter_status(agent->reporter);
    struct eca_engine_counters counters = eca_engine_counters(agent->engine);
    struct eca_host_usage usage = eca_host_usage(agent->opts.ports.host);

    fill_sessions(agent, health, &texts->acs, &texts->tcs);
    count_tasks(agent, health);
    fill_calls(agent, health);
    health->acks = texts->acs.answers_sent;
    health->docker_reachable = counters.events_since_ms != 0;
    health->docker_bad_answers = eca_docker_bad_answers(agent->docker);
    health->events_since_ms = counters.events_since_ms;
    health->store_ok = !journal.failing;
    health->last_commit_ms = journal.last_commit_ms;
    health->commits = journal.commits;
    health->commit_failures = journal.failures;
    health->commits_pending = journal.dirty;
    health->reports_pending = reports.pending;
    health->report_queues = reports.queues;
    health->oldest_report_ms = reports.oldest_ms;
    health->reports_accepted = reports.accepted;
    health->reports_failed = reports.failed;
    health->reports_dropped = reports.dropped;
    health->watched = agent->stats == NULL ? 0 : eca_stats_watched(agent->stats);
    while (health->unmanaged_count < ECA_ARRAY_LEN(texts->unmanaged) &&
           (texts->unmanaged[health->unmanaged_count] =
                eca_engine_unmanaged(agent->engine, health->unmanaged_count)) != NULL) {
        health->unmanaged_count++;
    }
    health->unmanaged = texts->unmanaged;
    health->now_ms = eca_sched_wall_ms(agent->opts.ports.sched);
    health->started_ms = agent->started_ms;
    health->rss_bytes = usage.rss_bytes;
    health->descriptors = usage.descriptors;
    health->threads = usage.threads;
    memcpy(health->log_counts, agent->opts.ports.log->counts, sizeof(health->log_counts));
}

void agent_fill_introspection(struct eca_agent *agent)
{
    agent->introspection = (struct eca_introspection){
        .cluster = agent->identity.cluster,
        .instance_arn = agent->identity.instance_arn,
        .tasks = show_tasks,
        .task_by_arn = show_by_arn,
        .task_by_docker_id = show_by_docker_id,
        .health = show_health,
        .impl = agent,
    };
    agent->credentials_endpoint.cluster = agent->identity.cluster;
    agent->credentials_endpoint.instance_arn = agent->identity.instance_arn;
}

/* ---- local servers -------------------------------------------------------------------------- */

static void write_audit(void *arg, const char *line)
{
    struct eca_agent *agent = arg;

    agent->opts.ports.audit.ops->write(agent->opts.ports.audit.impl, line);
}

static int64_t wall_now(void *arg)
{
    struct eca_agent *agent = arg;

    return eca_sched_wall_ms(agent->opts.ports.sched);
}

static void open_audit(struct eca_agent *agent)
{
    const struct eca_config_values *config = agent_config(agent);
    struct eca_audit *audit = &agent->opts.ports.audit;
    struct eca_err err = {0};

    if (config->audit_log_disabled || audit->ops == NULL) {
        return;
    }
    if (audit->ops->open(audit->impl, config->audit_log_file, &err) < 0) {
        ECA_ERROR(agent->opts.ports.log, module, ECA_KV("path", config->audit_log_file),
                  "The audit log cannot be opened; requests are served without: %s", err.msg);
    }
    agent->credentials_endpoint.audit = write_audit; /* the line still goes to stdout */
    agent->credentials_endpoint.audit_arg = agent;
}

/* INTRO-130. Two servers of them, beside 200 streams, stay below 400 descriptors (FB-35.1). */
#define LOOPBACK_CLIENTS_MAX 64

static struct eca_listener *listen_on(struct eca_agent *agent, const char *name, const char *bind,
                                      uint16_t port, eca_endpoint_fn *handler, void *arg)
{
    struct eca_endpoint_opts opts = {.name = name,
                                     .bind = bind,
                                     .port = port,
                                     .connections_max = 256,
                                     .connections_per_remote_max = 32,
                                     .connections_loopback_max = LOOPBACK_CLIENTS_MAX,
                                     .idle_ms = 5000};
    struct eca_listener *listener = NULL;
    struct eca_err err = {0};

    if (eca_endpoint_listen(agent->opts.ports.endpoint, &opts, handler, arg, &listener, &err) < 0) {
        ECA_ERROR(agent->opts.ports.log, module, ECA_KV("server", name), "Cannot serve: %s",
                  err.msg);
    }
    return listener;
}

void agent_open_endpoints(struct eca_agent *agent)
{
    const struct eca_config_values *config = agent_config(agent);

    agent_fill_introspection(agent);
    if (agent->introspection_listener != NULL) {
        return; /* since the restored ARN was known (PROC-206) */
    }
    open_audit(agent);
    agent->credentials_endpoint.source = eca_credentials_store_source(agent->task_credentials);
    agent->credentials_endpoint.wall_ms = wall_now;
    agent->credentials_endpoint.wall_arg = agent;
    agent->introspection_listener =
        listen_on(agent, "introspection", config->introspection_bind, ECA_INTROSPECTION_PORT,
                  eca_introspection_handle, &agent->introspection);
    agent->credentials_listener =
        listen_on(agent, "credentials", config->credentials_bind, ECA_CREDENTIALS_PORT,
                  eca_credentials_handle, &agent->credentials_endpoint);
}

/* Asks no port: it is not the core that wants to know. */
bool eca_agent_is_quiet(struct eca_agent *agent)
{
    const struct eca_task *task;
    struct eca_waiting waiting;
    size_t cursor = 0;

    if (agent->phase != AGENT_RUNNING || eca_reporter_status(agent->reporter).pending > 0 ||
        eca_journal_status(agent->journal).dirty > 0) {
        return false;
    }
    while ((task = eca_engine_next(agent->engine, &cursor)) != NULL) {
        if (eca_engine_waiting(agent->engine, task, &waiting)) {
            return false;
        }
    }
    return true;
}

/* ---- SIGUSR1 -------------------------------------------------------------------------------- */

void agent_log_dump(struct eca_agent *agent)
{
    struct eca_log *log = agent->opts.ports.log;
    struct eca_view_health health = {0};
    const struct eca_task *task;
    size_t cursor = 0;

    ECA_CRIT(log, NULL, ECA_NO_KV, "====== STACKTRACE ======");
    ECA_CRIT(log, NULL, ECA_NO_KV, "phase %d, timers %zu", (int)agent->phase,
             eca_sched_timer_count(agent->opts.ports.sched));
    if (agent->engine != NULL) {
        show_health(agent, &health);
        ECA_CRIT(log, NULL, ECA_NO_KV,
                 "acs connected %d connects %llu, tcs connected %d, docker %d, reports %zu, "
                 "uncommitted %zu, rss %llu, descriptors %u",
                 (int)health.acs.connected, (unsigned long long)health.acs.connects,
                 (int)health.tcs.connected, (int)health.docker_reachable, health.reports_pending,
                 health.commits_pending, (unsigned long long)health.rss_bytes, health.descriptors);
        while ((task = eca_engine_next(agent->engine, &cursor)) != NULL) {
            struct eca_waiting waiting = {0};
            bool waits = eca_engine_waiting(agent->engine, task, &waiting);

            ECA_CRIT(log, NULL,
                     ECA_KV("task", task->arn, "known", eca_status_name(task->known), "desired",
                            eca_status_name(task->desired), "sent", eca_status_name(task->sent)),
                     "%s %s", waits ? waiting.reason : "steady", waiting.detail);
        }
    }
    ECA_CRIT(log, NULL, ECA_NO_KV, "====== /STACKTRACE ======");
}
