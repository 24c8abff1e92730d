#ifndef ECA_UPDATER_UPDATER_H
#define ECA_UPDATER_UPDATER_H

#include "agent/base/json.h"
#include "agent/ports/entropy.h"
#include "agent/state/journal.h"
#include "agent/updater/download.h"

/*
 * The agent's own update (UPD-101..133): stage = download and verify, perform = acknowledge and end
 * the process with 42. One updater per process, so that a staged update survives reconnects
 * (UPD-104); messages are handled one at a time in their order, while everything else flows
 * (UPD-103, UPD-105).
 *
 * What a life of the agent stages is not remembered by the next one: the server stages again. The
 * files are: each is journaled before it is made, so that no life leaves one behind for ever
 * (UPD-126).
 */
#define ECA_UPDATER_QUEUE_MAX                                                                      \
    16 /* the service sends one at a time; more are dropped, and resent                            \
        */
#define ECA_UPDATER_TEXT_BYTES_MAX ((size_t)8 << 10) /* of one member of a message */

enum eca_update_stage {
    ECA_UPDATE_NONE,
    ECA_UPDATE_DOWNLOADING,
    ECA_UPDATE_DOWNLOADED,
};

struct eca_updater_events {
    /* As eca_acs_session_connection and eca_acs_session_answer: false = the answer was dropped. */
    uint64_t (*connection)(void *arg);
    bool (*answer)(void *arg, uint64_t connection, struct eca_view text, const char *message_id);
    /* The acknowledgement is on its way: end the process for the update (UPD-131). */
    void (*perform)(void *arg);
};

struct eca_updater_opts {
    struct eca_sched *sched;
    struct eca_http http;
    struct eca_files files;
    struct eca_entropy entropy;
    struct eca_log *log;
    struct eca_journal *journal;
    struct eca_update_limits limits;
    bool enabled;    /* CFG-311 */
    const char *dir; /* CFG-312, copied; "" = the current directory */
    const struct eca_updater_events *events;
    void *arg;
};

struct eca_updater;
struct eca_updater *eca_updater_new(const struct eca_updater_opts *opts);
void eca_updater_free(struct eca_updater *updater); /* NULL ok */

/* A file of an earlier life, as journaled. ECA_E_INVALID: not one that an updater makes. */
int eca_updater_restore(struct eca_updater *updater, const char *key, struct eca_err *err);
/* The bodies of StageUpdateMessage and PerformUpdateMessage; NULL = an empty message. */
void eca_updater_on_stage(struct eca_updater *updater, eca_json body);
void eca_updater_on_perform(struct eca_updater *updater, eca_json body);

enum eca_update_stage eca_updater_stage(const struct eca_updater *updater);

#endif
