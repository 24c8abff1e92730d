#ifndef ECA_ACS_PAYLOAD_H
#define ECA_ACS_PAYLOAD_H

#include "agent/acs/session.h"
#include "agent/engine/engine.h"

/*
 * What a session's payloads and credential refreshes do (PAY-101..145, CRED-120..123): validate
 * each task, store its credentials, hand it to the engine, stops first; acknowledge when everything
 * of the message is durable. One unusable task is reported alone; its siblings run.
 */
struct eca_acs_payload_opts {
    struct eca_sched *sched;
    struct eca_log *log;
    struct eca_engine *engine;
    struct eca_reporter *reporter;
    struct eca_credentials_store *credentials;
    struct eca_journal *journal;
    const char *cluster, *instance_arn; /* as acknowledgements name them (ACS-301); borrowed */
};

/* More messages than this waiting for the disk: the session is closed (ACS-242). */
#define ECA_ACS_UNSTORED_MAX 1000

struct eca_acs_payloads;
struct eca_acs_payloads *eca_acs_payloads_new(const struct eca_acs_payload_opts *opts);
void eca_acs_payloads_free(
    struct eca_acs_payloads *payloads); /* nothing is acknowledged; NULL ok */
/* Where acknowledgements go; set once the session exists. */
void eca_acs_payloads_set_session(struct eca_acs_payloads *payloads,
                                  struct eca_acs_session *session);

/* The handlers of struct eca_acs_handlers; body is borrowed. */
void eca_acs_payloads_on_payload(struct eca_acs_payloads *payloads, eca_json body);
void eca_acs_payloads_on_refresh(struct eca_acs_payloads *payloads, eca_json body);

#endif
