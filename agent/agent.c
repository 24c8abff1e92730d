#include "agent/agent.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/base/mem.h"
#include "agent/base/timefmt.h"
#include "agent/base/version.h"

/*
 * The order of things (PROC-201): configuration, Docker, stored state, identity, credentials,
 * registration, then everything runs. Each step starts the next from its callback; a step that
 * gives up says why and asks for an exit code.
 */

#define FINAL_SAVE_MS 8000 /* SIG-101: 5 s to settle + 3 s to write */
#define GOODBYE_MS 300     /* for the close frames of the websockets (SIG-103) */
#define ACK_MS 1000 /* for the acknowledgement of an update, and the Close behind it (UPD-131) */

static void load_state(struct eca_agent *agent);
static void ask_docker(struct eca_agent *agent);
static void register_instance(struct eca_agent *agent);

static struct eca_log *log_of(const struct eca_agent *agent)
{
    return agent->opts.ports.log;
}

static void run_exit(void *arg)
{
    struct eca_agent *agent = arg;

    agent->opts.on_exit(agent->opts.arg, agent->exit_code);
}

void agent_exit(struct eca_agent *agent, int code)
{
    if (agent->phase == AGENT_ENDED) {
        return;
    }
    agent->phase = AGENT_ENDED;
    agent->exit_code = code;
    eca_deferred_queue(&agent->exit_work);
}

/* ---- configuration and region --------------------------------------------------------------- */

/* The variable applies first, the option afterwards (LOG-103). */
static void set_log_level(struct eca_agent *agent)
{
    struct eca_log *log = log_of(agent);

    (void)eca_log_level_parse(eca_host_env(agent->opts.ports.host, "ECS_LOGLEVEL"), &log->level);
    if (agent->opts.log_level != NULL) {
        (void)eca_log_level_parse(agent->opts.log_level, &log->level);
    }
}

static void make_aws(struct eca_agent *agent)
{
    const struct eca_agent_ports *ports = &agent->opts.ports;
    const struct eca_config_values *config = agent_config(agent);
    struct eca_imds_opts imds_opts = {.endpoint = config->metadata_endpoint,
                                      .blackhole = agent->opts.blackhole_metadata};
    struct eca_aws_creds_opts creds_opts = {0};

    agent->imds = eca_imds_new(ports->sched, ports->http, ports->entropy, ports->log, &imds_opts);
    agent->creds =
        eca_aws_creds_new(ports->sched, ports->host, agent->imds, ports->log, &creds_opts);
}

static void on_region(void *arg, struct eca_view body, const struct eca_err *err)
{
    struct eca_agent *agent = arg;
    struct eca_imds_identity identity = {0};

    agent->imds_wait = NULL;
    if (err == NULL && eca_imds_identity_parse(body, &identity, NULL) == ECA_OK) {
        eca_config_set_region(agent->config, eca_view_str(identity.region));
    }
    ask_docker(agent);
}

/* ---- Docker --------------------------------------------------------------------------------- */

static void on_probed(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                      const char *const *versions, size_t count)
{
    struct eca_agent *agent = arg;

    agent->probe_op = NULL;
    if (outcome != ECA_OUTCOME_DONE) {
        ECA_CRIT(log_of(agent), NULL, ECA_NO_KV, "Error creating Docker client: %s",
                 err->msg[0] != '\0' ? err->msg : eca_outcome_name(outcome));
    }
    if (agent->config_is_fatal) { /* both are said (PROC-205) */
        ECA_CRIT(log_of(agent), NULL, ECA_NO_KV, "Error loading config: see the lines above");
    }
    if (outcome != ECA_OUTCOME_DONE || agent->config_is_fatal) {
        agent_exit(agent, ECA_EXIT_ERROR);
        return;
    }
    eca_capabilities_build(agent_config(agent), versions, count, log_of(agent),
                           &agent->capabilities);
    load_state(agent);
}

static void make_docker(struct eca_agent *agent)
{
    const struct eca_agent_ports *ports = &agent->opts.ports;
    const struct eca_config_values *config = agent_config(agent);
    struct eca_err err = {0};
    struct eca_docker_opts opts = {
        .sched = ports->sched,
        .http = ports->http,
        .entropy = ports->entropy,
        .log = ports->log,
        .endpoint = config->docker_endpoint,
        .tls = config->docker_tls_verify[0] != '\0',
        .cert_dir = config->docker_cert_path[0] == '\0' ? NULL : config->docker_cert_path,
        .ecr = agent_docker_ecr(agent),
    };
    struct eca_ecr_opts ecr_opts = {.insecure = agent->opts.insecure};

    opts.timing.pull_idle_ms = (uint64_t)(config->pull_inactivity_ns / ECA_NS_PER_MS);
    agent->ecr =
        eca_ecr_new(ports->sched, ports->http, ports->entropy, agent->creds, ports->log, &ecr_opts);
    agent->docker_auth =
        eca_docker_auth_new(config->engine_auth_type, &config->engine_auth_data, ports->log);
    opts.auth = agent->docker_auth;
    if (eca_docker_new(&opts, &agent->docker, &err) < 0) {
        ECA_CRIT(ports->log, NULL, ECA_NO_KV, "Error creating Docker client: %s", err.msg);
        agent_exit(agent, ECA_EXIT_ERROR);
        return;
    }
    agent->runtime = eca_docker_runtime(agent->docker);
}

static void ask_docker(struct eca_agent *agent)
{
    struct eca_err err = {0};
    eca_auto_buf struct eca_buf digest = {0};

    agent->phase = AGENT_DOCKER;
    agent->config_is_fatal = eca_config_validate(agent->config) > 0;
    eca_config_log_messages(agent->config, log_of(agent));
    eca_config_digest(agent->config, &digest);
    ECA_DEBUG(log_of(agent), NULL, ECA_NO_KV, "Loaded config: %s", eca_buf_str(&digest));
    make_docker(agent);
    if (agent->phase == AGENT_DOCKER &&
        agent->runtime.ops->probe(agent->runtime.impl, on_probed, agent, &agent->probe_op, &err) <
            0) {
        ECA_CRIT(log_of(agent), NULL, ECA_NO_KV, "Error creating Docker client: %s", err.msg);
        agent_exit(agent, ECA_EXIT_ERROR);
    }
}

/* ---- state and identity --------------------------------------------------------------------- */

static bool serialise_identity(void *arg, const char *key, struct eca_buf *out)
{
    struct eca_agent *agent = arg;

    (void)key;
    eca_identity_write(&agent->identity, out);
    return true;
}

static bool make_ecs(struct eca_agent *agent)
{
    const struct eca_agent_ports *ports = &agent->opts.ports;
    const struct eca_config_values *config = agent_config(agent);
    struct eca_ecs_opts opts = {.endpoint = config->api_endpoint,
                                .region = config->region,
                                .insecure = agent->opts.insecure};
    struct eca_err err = {0};

    if (eca_ecs_new(ports->sched, ports->http, ports->entropy, agent->creds, ports->log, &opts,
                    &agent->ecs, &err) < 0) {
        ECA_CRIT(ports->log, NULL, ECA_NO_KV, "Cannot use the ECS endpoint: %s", err.msg);
        agent_exit(agent, ECA_EXIT_ERROR);
        return false;
    }
    return true;
}

static void make_engine(struct eca_agent *agent)
{
    const struct eca_agent_ports *ports = &agent->opts.ports;
    const struct eca_config_values *config = agent_config(agent);
    struct eca_journal_opts journal_opts = {
        .sched = ports->sched, .store = agent->store, .entropy = ports->entropy, .log = ports->log};
    struct eca_reporter_opts reporter_opts;
    struct eca_engine_opts opts;

    agent->journal = eca_journal_new(&journal_opts);
    eca_journal_set_source(agent->journal, ECA_RECORD_IDENTITY, serialise_identity, agent);
    reporter_opts = (struct eca_reporter_opts){.sched = ports->sched,
                                               .entropy = ports->entropy,
                                               .log = ports->log,
                                               .journal = agent->journal,
                                               .sink = agent_report_sink(agent)};
    agent->task_credentials = eca_credentials_store_new();
    agent->reporter = eca_reporter_new(&reporter_opts);
    opts = (struct eca_engine_opts){
        .sched = ports->sched,
        .runtime = agent->runtime,
        .entropy = ports->entropy,
        .log = ports->log,
        .journal = agent->journal,
        .reporter = agent->reporter,
        .credentials = agent->task_credentials,
        .cluster = config->cluster,
        .pull_behavior = (enum eca_pull_behavior)config->pull_behavior,
        .stop_timeout_s = (uint64_t)(config->container_stop_timeout_ns / ECA_NS_PER_S),
        .cleanup_wait_ms = (uint64_t)(config->task_cleanup_wait_ns / ECA_NS_PER_MS),
        .image_cleanup_disabled = config->image_cleanup_disabled,
        .image_interval_ms = (uint64_t)(config->image_cleanup_interval_ns / ECA_NS_PER_MS),
        .image_minimum_age_ms = (uint64_t)(config->image_minimum_age_ns / ECA_NS_PER_MS),
        .images_per_cycle = (uint32_t)config->images_per_cycle,
    };
    agent->engine = eca_engine_new(&opts);
    agent_make_updater(agent);
}

static void start_engine(struct eca_agent *agent)
{
    if (!agent->engine_started) {
        agent->engine_started = true;
        eca_engine_set_cluster(agent->engine, agent->identity.cluster);
        eca_engine_start(agent->engine, eca_docker_version(agent->docker));
    }
}

/* What was stored is judged before any of it is used (STATE-130). */
static bool accept_identity(struct eca_agent *agent, const char *current_id)
{
    const char *configured = agent_config(agent)->cluster;
    struct eca_identity *saved = &agent->identity;

    switch (eca_identity_judge(saved, current_id, configured)) {
    case ECA_IDENTITY_OTHER_CLUSTER:
        ECA_CRIT(log_of(agent), NULL, ECA_KV("saved", saved->cluster, "configured", configured),
                 "Data mismatch; saved cluster does not match configured cluster. Perhaps you want "
                 "to delete the configured checkpoint file?");
        agent_exit(agent, ECA_EXIT_TERMINAL);
        return false;
    case ECA_IDENTITY_OTHER_INSTANCE:
        ECA_WARN(log_of(agent), NULL, ECA_KV("saved", saved->instance_id, "current", current_id),
                 "Data mismatch; the saved state belongs to another instance and is dropped");
        agent_forget_records(agent);
        break;
    case ECA_IDENTITY_KEEP:
        if (saved->cluster[0] != '\0') {
            eca_config_set_cluster(agent->config, saved->cluster);
            ECA_INFO(log_of(agent), NULL, ECA_KV("cluster", saved->cluster), "Restored cluster");
        }
        break;
    }
    if (current_id[0] != '\0') {
        eca_identity_set(&saved->instance_id, current_id);
    }
    return true;
}

static void with_identity(struct eca_agent *agent, const char *current_id)
{
    if (!accept_identity(agent, current_id)) {
        return;
    }
    agent_restore_records(agent);
    agent_mark_identity(agent);
    if (agent->store_is_open && current_id[0] == '\0' && !agent->opts.blackhole_metadata) {
        agent_recheck_identity(agent);
    }
    if (agent->identity.instance_arn[0] != '\0') {
        ECA_INFO(log_of(agent), NULL,
                 ECA_KV("containerInstanceArn", agent->identity.instance_arn, "cluster",
                        agent->identity.cluster),
                 "Restored identity");
        /* Running tasks are watched while the API may be down (PROC-206). */
        start_engine(agent);
        agent_open_endpoints(agent);
    }
    register_instance(agent);
}

static void on_identity(void *arg, struct eca_view body, const struct eca_err *err)
{
    struct eca_agent *agent = arg;
    struct eca_imds_identity identity = {0};
    struct eca_err parse_err = {0};

    agent->imds_wait = NULL;
    if (err != NULL) {
        ECA_ERROR(log_of(agent), NULL, ECA_NO_KV, "Unable to get the instance identity: %s",
                  err->msg);
    } else if (eca_imds_identity_parse(body, &identity, &parse_err) < 0) {
        ECA_ERROR(log_of(agent), NULL, ECA_NO_KV, "Unable to read the instance identity: %s",
                  parse_err.msg);
    }
    with_identity(agent, identity.instance_id);
}

static void load_state(struct eca_agent *agent)
{
    agent->phase = AGENT_IDENTITY;
    if (!make_ecs(agent) || !agent_open_store(agent)) {
        return;
    }
    make_engine(agent);
    if (!agent_load_records(agent)) {
        return;
    }
    if (!agent->store_is_open) { /* no question for the instance id then (PROC-202) */
        with_identity(agent, "");
        return;
    }
    eca_imds_get(agent->imds, ECA_IMDS_DOCUMENT, on_identity, agent, &agent->imds_wait);
}

/* ---- registration --------------------------------------------------------------------------- */

static void on_payload(void *arg, eca_json body)
{
    struct eca_agent *agent = arg;

    eca_acs_payloads_on_payload(agent->payloads, body);
}

static void on_refresh(void *arg, eca_json body)
{
    struct eca_agent *agent = arg;

    eca_acs_payloads_on_refresh(agent->payloads, body);
}

static bool wants_credentials(void *arg)
{
    struct eca_agent *agent = arg;

    return eca_credentials_store_is_waiting(agent->task_credentials);
}

static void on_inactive(void *arg)
{
    struct eca_agent *agent = arg;

    if (agent->tcs != NULL) {
        eca_tcs_session_deregistered(agent->tcs);
    }
}

static void on_connected(void *arg)
{
    struct eca_agent *agent = arg;

    if (agent->tcs != NULL) {
        eca_tcs_session_accepted(agent->tcs);
    }
}

static void on_acs_stopped(void *arg)
{
    agent_acs_stopped(arg);
}

static void start_acs(struct eca_agent *agent)
{
    static const struct eca_acs_handlers handlers = {
        .on_payload = on_payload,
        .on_refresh = on_refresh,
        .on_stage_update = agent_on_stage_update,
        .on_perform_update = agent_on_perform_update,
        .wants_credentials = wants_credentials,
        .on_inactive = on_inactive,
        .on_connected = on_connected,
        .on_stopped = on_acs_stopped,
    };
    const struct eca_agent_ports *ports = &agent->opts.ports;
    struct eca_acs_payload_opts payload_opts = {.sched = ports->sched,
                                                .log = ports->log,
                                                .engine = agent->engine,
                                                .reporter = agent->reporter,
                                                .credentials = agent->task_credentials,
                                                .journal = agent->journal,
                                                .cluster = agent->identity.cluster,
                                                .instance_arn = agent->identity.instance_arn};
    struct eca_acs_opts opts = {.sched = ports->sched,
                                .channel = ports->channel,
                                .entropy = ports->entropy,
                                .log = ports->log,
                                .ecs = agent->ecs,
                                .creds = agent->creds,
                                .runtime = agent->runtime,
                                .cluster = agent->identity.cluster,
                                .instance_arn = agent->identity.instance_arn,
                                .region = agent_config(agent)->region,
                                .insecure = agent->opts.insecure,
                                .plain_http = agent->opts.plain_channel,
                                .handlers = &handlers,
                                .arg = agent};

    agent->payloads = eca_acs_payloads_new(&payload_opts);
    agent->acs = eca_acs_session_new(&opts);
    eca_acs_payloads_set_session(agent->payloads, agent->acs);
    eca_acs_session_start(agent->acs);
}

static void on_container_change(void *arg, const char *docker_id, enum eca_status status)
{
    struct eca_agent *agent = arg;

    if (status == ECA_STATUS_RUNNING) {
        eca_stats_running(agent->stats, docker_id);
    } else if (status == ECA_STATUS_STOPPED) {
        eca_stats_stopped(agent->stats, docker_id);
    }
}

static void start_telemetry(struct eca_agent *agent)
{
    const struct eca_agent_ports *ports = &agent->opts.ports;
    struct eca_stats_opts stats_opts = {
        .sched = ports->sched,
        .runtime = agent->runtime,
        .entropy = ports->entropy,
        .log = ports->log,
        .lookup = agent_stats_lookup(agent),
        .limits = {.cores = eca_host_cpu_count(ports->host), .cpu_percent_max = 105},
        .poll_ms = agent_config(agent)->poll_metrics
                       ? (uint64_t)agent_config(agent)->poll_wait_ns / ECA_NS_PER_MS
                       : 0,
    };
    struct eca_tcs_opts opts = {.sched = ports->sched,
                                .channel = ports->channel,
                                .entropy = ports->entropy,
                                .log = ports->log,
                                .ecs = agent->ecs,
                                .creds = agent->creds,
                                .cluster = agent->identity.cluster,
                                .instance_arn = agent->identity.instance_arn,
                                .region = agent_config(agent)->region,
                                .insecure = agent->opts.insecure,
                                .plain_http = agent->opts.plain_channel};

    if (agent_config(agent)->disable_metrics) {
        ECA_INFO(ports->log, NULL, ECA_NO_KV, "Metrics are disabled"); /* TCS-102 */
        return;
    }
    agent->stats = eca_stats_new(&stats_opts);
    opts.stats = agent->stats;
    agent->tcs = eca_tcs_session_new(&opts);
    eca_engine_set_listener(agent->engine, on_container_change, agent);
    eca_stats_start(agent->stats);
    eca_tcs_session_start(agent->tcs);
}

static void on_registered(void *arg, const struct eca_registration_result *result)
{
    struct eca_agent *agent = arg;

    agent->registration = NULL;
    if (!result->ok) {
        ECA_ERROR(log_of(agent), NULL, ECA_NO_KV, "Error registering: %s", result->reason);
        agent_exit(agent, result->exit_code);
        return;
    }
    eca_identity_set(&agent->identity.instance_arn, result->instance_arn);
    eca_identity_set(&agent->identity.cluster, result->cluster);
    eca_identity_set(&agent->identity.client_token, "");
    eca_config_set_cluster(agent->config, result->cluster);
    agent_mark_identity(agent);
    agent->phase = AGENT_RUNNING;
    start_engine(agent);
    eca_engine_set_cluster(agent->engine, agent->identity.cluster);
    agent_open_endpoints(agent);
    eca_reporter_start(agent->reporter);
    start_telemetry(agent);
    start_acs(agent);
}

static void start_registration(struct eca_agent *agent)
{
    const struct eca_agent_ports *ports = &agent->opts.ports;
    const struct eca_config_values *config = agent_config(agent);
    eca_auto_free struct eca_ecs_attribute *attributes =
        eca_xalloc((agent->capabilities.count + 1) * sizeof(*attributes));
    struct eca_registration_input input = {
        .cluster = config->cluster,
        .instance_arn = agent->identity.instance_arn,
        .client_token = agent->identity.client_token,
        .attributes = attributes,
        .attribute_count = agent->capabilities.count,
        .ports = config->ports.at,
        .port_count = config->ports.count,
        .ports_udp = config->ports_udp.at,
        .port_udp_count = config->ports_udp.count,
        .cpu_count = eca_host_cpu_count(ports->host),
        .reserved_memory_mib = config->reserved_memory_mib,
    };
    struct eca_registration_opts opts = {0};
    struct eca_err err = {0};

    for (size_t i = 0; i < agent->capabilities.count; i++) {
        attributes[i].name = agent->capabilities.names[i];
    }
    input.memory_known = eca_host_memory_mib(ports->host, &input.memory_mib, &err) == ECA_OK;
    if (!input.memory_known) {
        ECA_ERROR(ports->log, NULL, ECA_NO_KV, "Unable to read the machine's memory: %s", err.msg);
    }
    agent->phase = AGENT_REGISTRATION;
    agent->registration =
        eca_registration_start(ports->sched, ports->entropy, ports->log, agent->ecs, agent->imds,
                               &input, &opts, on_registered, agent);
}

/* A trial that warns early; every later signature asks again (EC2-307). */
static void on_trial(void *arg, const struct eca_aws_keys *keys, const struct eca_err *err)
{
    struct eca_agent *agent = arg;

    agent->creds_wait = NULL;
    if (err != NULL || keys->id == NULL || keys->id[0] == '\0') {
        ECA_WARN(log_of(agent), NULL, ECA_NO_KV, "Error getting valid credentials: %s",
                 err != NULL ? err->msg : "empty access key id");
    }
    start_registration(agent);
}

static void try_credentials(void *arg)
{
    struct eca_agent *agent = arg;

    agent->phase = AGENT_CREDENTIALS;
    eca_aws_creds_get(agent->creds, on_trial, agent, &agent->creds_wait);
}

/* A new registration carries a token that is on disk before the first attempt (API-614). */
static void register_instance(struct eca_agent *agent)
{
    char token[37];

    agent->phase = AGENT_TOKEN;
    if (agent->identity.instance_arn[0] == '\0' && agent->identity.client_token[0] == '\0') {
        eca_entropy_uuid(agent->opts.ports.entropy, token);
        eca_identity_set(&agent->identity.client_token, token);
        agent_mark_identity(agent);
    }
    eca_journal_after_try(agent->journal, &agent->waiter, try_credentials, agent);
}

/* ---- the object ----------------------------------------------------------------------------- */

static void on_end_timer(void *arg)
{
    struct eca_agent *agent = arg;

    if (agent->saved) {
        agent_exit(agent, agent->end_code);
    } else if (agent->end_code == ECA_EXIT_UPDATE) { /* in any case (UPD-131) */
        ECA_CRIT(log_of(agent), "updater", ECA_NO_KV,
                 "Error saving before update exit: Timed out trying to save to disk");
        agent_exit(agent, ECA_EXIT_UPDATE);
    } else {
        ECA_CRIT(log_of(agent), "TerminationHandler", ECA_NO_KV,
                 "Final save failed: Timed out trying to save to disk");
        agent_exit(agent, ECA_EXIT_TERMINAL);
    }
}

struct eca_agent *eca_agent_new(const struct eca_agent_opts *opts)
{
    struct eca_agent *agent = eca_xalloc(sizeof(*agent));

    agent->opts = *opts;
    eca_identity_init(&agent->identity);
    eca_timer_init(&agent->end_timer, opts->ports.sched, on_end_timer, agent);
    eca_deferred_init(&agent->exit_work, opts->ports.sched, run_exit, agent);
    return agent;
}

void eca_agent_start(struct eca_agent *agent)
{
    struct eca_log *log = log_of(agent);

    set_log_level(agent);
    agent->started_ms = eca_sched_wall_ms(agent->opts.ports.sched);
    ECA_INFO(log, NULL, ECA_NO_KV, "Starting Agent: %s", eca_version_text);
    if (agent->opts.insecure) {
        ECA_WARN(log, NULL, ECA_NO_KV,
                 "SSL certificate verification disabled. This is not "
                 "recommended.");
    }
    ECA_INFO(log, NULL, ECA_NO_KV, "Loading configuration");
    agent->config = eca_config_load(agent->opts.ports.host);
    make_aws(agent);
    if (eca_config_needs_region(agent->config)) {
        agent->phase = AGENT_REGION;
        eca_imds_get(agent->imds, ECA_IMDS_DOCUMENT, on_region, agent, &agent->imds_wait);
        return;
    }
    ask_docker(agent);
}

static void on_saved(void *arg)
{
    struct eca_agent *agent = arg;
    struct eca_acs_status acs = {0};

    agent->saved = true;
    if (agent->acs != NULL) {
        eca_acs_session_status(agent->acs, &acs);
    }
    if (acs.connected) { /* let the close frame leave */
        eca_timer_start_ms(&agent->end_timer,
                           agent->end_code == ECA_EXIT_UPDATE ? ACK_MS : GOODBYE_MS);
    } else {
        agent_exit(agent, agent->end_code);
    }
}

void agent_acs_stopped(struct eca_agent *agent)
{
    if (agent->saved && agent->end_code == ECA_EXIT_UPDATE) {
        eca_timer_stop(&agent->end_timer);
        agent_exit(agent, ECA_EXIT_UPDATE);
    }
}

void agent_begin_end(struct eca_agent *agent, int code)
{
    if (agent->phase >= AGENT_ENDING) {
        return; /* SIG-104 */
    }
    if (agent->engine == NULL) { /* nothing was loaded, so nothing is saved (SIG-102) */
        agent_exit(agent, code);
        return;
    }
    agent->phase = AGENT_ENDING;
    agent->end_code = code;
    eca_registration_cancel(eca_take(agent->registration));
    eca_engine_disable(agent->engine);
    if (agent->acs != NULL) {
        eca_acs_session_stop(agent->acs);
    }
    if (agent->tcs != NULL) {
        eca_tcs_session_stop(agent->tcs);
    }
    eca_timer_start_ms(&agent->end_timer, FINAL_SAVE_MS);
    eca_journal_cancel(agent->journal, &agent->waiter);
    eca_journal_after(agent->journal, &agent->waiter, on_saved, agent);
}

bool eca_agent_is_ending(const struct eca_agent *agent)
{
    return agent->phase >= AGENT_ENDING;
}

void eca_agent_terminate(struct eca_agent *agent)
{
    if (agent->phase < AGENT_ENDING) {
        ECA_DEBUG(log_of(agent), "TerminationHandler", ECA_NO_KV,
                  "Termination handler received signal");
    }
    agent_begin_end(agent, ECA_EXIT_SUCCESS);
}

void eca_agent_dump(struct eca_agent *agent)
{
    agent_log_dump(agent);
}

static void close_listener(struct eca_agent *agent, struct eca_listener *listener)
{
    if (listener != NULL) {
        eca_endpoint_close(agent->opts.ports.endpoint, listener);
    }
}

/* Users first, what they use afterwards. */
static void free_parts(struct eca_agent *agent)
{
    close_listener(agent, agent->introspection_listener);
    close_listener(agent, agent->credentials_listener);
    eca_acs_payloads_free(agent->payloads);
    eca_acs_session_free(agent->acs);
    eca_updater_free(agent->updater);
    eca_tcs_session_free(agent->tcs);
    eca_stats_free(agent->stats);
    eca_registration_cancel(agent->registration);
    eca_engine_free(agent->engine);
    eca_reporter_free(agent->reporter);
    eca_credentials_store_free(agent->task_credentials);
    if (agent->store_is_open) {
        eca_store_close(agent->opts.ports.store, agent->store);
    }
    if (agent->journal != NULL) {
        eca_journal_cancel(agent->journal, &agent->waiter);
    }
    eca_journal_free(agent->journal);
    if (agent->probe_op != NULL) {
        agent->runtime.ops->cancel(agent->runtime.impl, agent->probe_op);
    }
    eca_docker_free(agent->docker);
    eca_docker_auth_free(agent->docker_auth);
    eca_ecs_free(agent->ecs);
    eca_ecr_free(agent->ecr);
}

void eca_agent_free(struct eca_agent *agent)
{
    if (agent == NULL) {
        return;
    }
    eca_timer_stop(&agent->end_timer);
    agent_recheck_stop(agent);
    eca_deferred_cancel(&agent->exit_work);
    free_parts(agent);
    eca_aws_creds_cancel(agent->creds_wait);
    eca_aws_creds_free(agent->creds);
    eca_imds_cancel(agent->imds_wait);
    eca_imds_free(agent->imds);
    eca_config_free(agent->config);
    eca_capabilities_clear(&agent->capabilities);
    agent_clear_records(agent);
    eca_identity_clear(&agent->identity);
    eca_free(agent);
}
