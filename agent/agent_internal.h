#ifndef ECA_AGENT_INTERNAL_H
#define ECA_AGENT_INTERNAL_H

#include "agent/acs/payload.h"
#include "agent/acs/session.h"
#include "agent/agent.h"
#include "agent/aws/ecr.h"
#include "agent/aws/registration.h"
#include "agent/config/capabilities.h"
#include "agent/config/config.h"
#include "agent/credentials/endpoint.h"
#include "agent/docker/docker.h"
#include "agent/engine/engine.h"
#include "agent/introspection/introspection.h"
#include "agent/state/identity.h"
#include "agent/tcs/session.h"
#include "agent/updater/updater.h"

/* Shared by agent.c (order of things), agent_state.c (what was stored) and agent_glue.c (who is
 * connected to whom). */

enum agent_phase {
    AGENT_NEW,
    AGENT_REGION,      /* asking metadata for the region */
    AGENT_DOCKER,      /* asking Docker for its versions */
    AGENT_IDENTITY,    /* asking metadata who this machine is */
    AGENT_TOKEN,       /* making the client token durable */
    AGENT_CREDENTIALS, /* trial fetch */
    AGENT_REGISTRATION,
    AGENT_RUNNING,
    AGENT_ENDING,
    AGENT_ENDED,
};

/* One record as loaded, until it is known whether it is ours (STATE-131). */
struct stored_record {
    enum eca_record_kind kind;
    char *key, *value;
};
struct stored_records {
    struct stored_record *at;
    size_t count;
};

/* What a health view points at; kept until the next question. */
struct agent_health_texts {
    struct eca_acs_status acs;
    struct eca_tcs_status tcs;
    const char *unmanaged[64];
};

struct eca_agent {
    struct eca_agent_opts opts;
    enum agent_phase phase;
    bool config_is_fatal;
    int64_t started_ms; /* wall */
    struct eca_config *config;
    struct eca_imds *imds;
    struct eca_imds_wait *imds_wait;
    struct eca_aws_creds *creds;
    struct eca_aws_creds_wait *creds_wait;
    struct eca_ecs *ecs;
    struct eca_ecr *ecr;
    struct eca_docker_auth *docker_auth;
    struct eca_docker *docker;
    struct eca_runtime runtime;
    struct eca_op *probe_op;
    struct eca_capabilities capabilities;

    struct eca_store store;
    bool store_is_open;
    bool store_is_fresh;  /* nothing was ever committed to it */
    bool older_than_file; /* the file of v1.13.1 was written after the database */
    bool imported;        /* records came from the file of v1.13.1 and are not stored yet */
    struct stored_records records;
    struct stored_records replaced; /* by the file's: to be deleted when those are stored */
    struct eca_identity identity;
    struct eca_journal *journal;
    struct eca_timer recheck_timer; /* of the identity, after a start without metadata */
    struct eca_backoff recheck_backoff;
    struct eca_journal_waiter waiter; /* token, later the final save */

    struct eca_credentials_store *task_credentials;
    struct eca_reporter *reporter;
    struct eca_engine *engine;
    bool engine_started;
    struct eca_registration *registration;
    struct eca_stats *stats;
    struct eca_tcs_session *tcs;
    struct eca_acs_payloads *payloads;
    struct eca_acs_session *acs;
    struct eca_updater *updater;
    struct eca_introspection introspection;
    struct eca_credentials_endpoint credentials_endpoint;
    struct eca_listener *introspection_listener, *credentials_listener;

    struct agent_health_texts health_texts;
    struct eca_timer end_timer;
    struct eca_deferred exit_work;
    int exit_code;
    int end_code; /* of the end that was begun */
    bool saved;
};

static inline const struct eca_config_values *agent_config(const struct eca_agent *agent)
{
    return eca_config_values(agent->config);
}

/* Ask the owner to end the process; only the first call counts. */
void agent_exit(struct eca_agent *agent, int code);

/* A final save and goodbyes, then this code. Only the first call counts (SIG-101, UPD-131). */
void agent_begin_end(struct eca_agent *agent, int code);
/* The ACS connection is over, after agent_begin_end. */
void agent_acs_stopped(struct eca_agent *agent);

/* agent_state.c. Each failure has said why and called agent_exit. */
bool agent_open_store(struct eca_agent *agent);
bool agent_load_records(struct eca_agent *agent);
/* Drop what was loaded: it belongs to another machine. A copy of the database stays (STATE-131). */
void agent_forget_records(struct eca_agent *agent);
/* Tasks, images and pending submissions into their modules. */
void agent_restore_records(struct eca_agent *agent);
void agent_clear_records(struct eca_agent *agent);
void agent_mark_identity(struct eca_agent *agent);

/* agent_recheck.c: ask metadata again until they answer (STATE-132). */
void agent_recheck_identity(struct eca_agent *agent);
void agent_recheck_stop(struct eca_agent *agent);

/* agent_update.c */
void agent_make_updater(struct eca_agent *agent);
void agent_on_stage_update(void *arg, eca_json body);
void agent_on_perform_update(void *arg, eca_json body);

/* agent_glue.c */
struct eca_report_sink agent_report_sink(struct eca_agent *agent);
struct eca_docker_ecr agent_docker_ecr(struct eca_agent *agent);
struct eca_stats_lookup agent_stats_lookup(struct eca_agent *agent);
void agent_fill_introspection(struct eca_agent *agent);
void agent_open_endpoints(struct eca_agent *agent);
void agent_log_dump(struct eca_agent *agent);

#endif
