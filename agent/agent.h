#ifndef ECA_AGENT_H
#define ECA_AGENT_H

#include "agent/base/log.h"
#include "agent/ports/channel.h"
#include "agent/ports/endpoint.h"
#include "agent/ports/entropy.h"
#include "agent/ports/files.h"
#include "agent/ports/host.h"
#include "agent/ports/http.h"
#include "agent/ports/sched.h"
#include "agent/ports/store.h"

/*
 * The agent as an object: everything it knows of the world is in its ports, so one process may run
 * many of them (simulation) and a test may drop one at any instant (a crash).
 */
/* The credentials audit log (AUD-101): where its lines go is a setting, how is the adapter's. */
struct eca_audit_ops {
    int (*open)(void *impl, const char *path, struct eca_err *err); /* service goes on without */
    void (*write)(void *impl, const char *line); /* never blocks; lines go to stdout, too */
};
struct eca_audit {
    const struct eca_audit_ops *ops; /* NULL: no audit log */
    void *impl;
};

struct eca_agent_ports {
    struct eca_sched *sched;
    struct eca_entropy entropy;
    struct eca_http http;
    struct eca_files files;
    struct eca_channel channel;
    struct eca_endpoint endpoint;
    struct eca_store_opener store;
    struct eca_host host;
    struct eca_audit audit;
    struct eca_log *log; /* level is set by the agent from its configuration (LOG-103) */
};

struct eca_agent_opts {
    struct eca_agent_ports ports;
    bool insecure;           /* -k */
    bool blackhole_metadata; /* -blackhole-ec2-metadata */
    bool plain_channel; /* test switch of L-3: http:// endpoints without TLS (simulation, tests) */
    const char *log_level; /* -loglevel, or NULL */
    /* Runs once, from the loop: the agent is done and wants the process to end with this code
     * (PROC-301). The owner frees the agent after it returned. */
    void (*on_exit)(void *arg, int code);
    void *arg;
};

enum eca_exit_code {
    ECA_EXIT_SUCCESS = 0,
    ECA_EXIT_ERROR = 1,    /* restart me */
    ECA_EXIT_TERMINAL = 5, /* do not restart */
    ECA_EXIT_UPDATE = 42,  /* new image in place */
};

struct eca_agent;
/* Strings and ports in opts must outlive the agent. Does nothing yet. */
struct eca_agent *eca_agent_new(const struct eca_agent_opts *opts);
/* Begin the start order of PROC-201. on_exit reports everything that goes wrong. */
void eca_agent_start(struct eca_agent *agent);
/* SIGTERM, SIGINT, SIGHUP: final save, then on_exit (SIG-101). Later calls are ignored (SIG-104).
 */
void eca_agent_terminate(struct eca_agent *agent);
/* SIGUSR1: one dump of what everything waits for, into the log (SIG-201). */
void eca_agent_dump(struct eca_agent *agent);
/*
 * Nothing is half done: the agent is registered, no task is between two states, all reports are
 * accepted and all changes on disk. What a new agent on the same state would not notice.
 */
bool eca_agent_is_quiet(struct eca_agent *agent);
/* It was told to end, or ends by itself, and waits for the last of its work. */
bool eca_agent_is_ending(const struct eca_agent *agent);
/* Release everything at any moment without a word to anybody: also what a crash does. NULL ok. */
void eca_agent_free(struct eca_agent *agent);

#endif
