#ifndef ECA_PORTS_STORE_H
#define ECA_PORTS_STORE_H

#include <stdbool.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * Durable store port: records (kind, key) -> JSON text. One commit is one transaction; its
 * completion means "on disk" (STATE-120, STATE-121). One commit is in flight at a time.
 */
enum eca_record_kind {
    ECA_RECORD_IDENTITY, /* one record, key "identity" */
    ECA_RECORD_TASK,     /* key = task ARN; the task with its containers */
    ECA_RECORD_IMAGE,    /* key = image id */
    ECA_RECORD_REPORT,   /* key = queue position; submissions not bound to a task's statuses */
    ECA_RECORD_UPDATE,   /* updater journal */
    ECA_RECORD_KINDS,
};

struct eca_record {
    enum eca_record_kind kind;
    const char *key;
    struct eca_view value; /* at NULL = delete */
};

typedef int eca_record_fn(void *arg, const struct eca_record *record, struct eca_err *err);
/* err NULL: durable. Otherwise nothing of the batch is. Runs from the loop, never inside commit. */
typedef void eca_committed_fn(void *arg, const struct eca_err *err);

struct eca_store_ops {
    /* Every record in insertion order, inside the call. Stops at the callback's error. */
    int (*load)(void *impl, eca_record_fn *on_record, void *arg, struct eca_err *err);
    int (*commit)(void *impl, const struct eca_record *records, size_t count,
                  eca_committed_fn *on_done, void *arg, struct eca_err *err);
    int (*keep_copy)(void *impl, const char *why, char *ret_path, struct eca_err *err);
};
struct eca_store {
    const struct eca_store_ops *ops; /* NULL: no checkpointing (STATE-107) */
    void *impl;
};

static inline int eca_store_load(struct eca_store store, eca_record_fn *on_record, void *arg,
                                 struct eca_err *err)
{
    return store.ops->load(store.impl, on_record, arg, err);
}
/* Records are copied. ECA_E_CONFLICT while another commit is in flight. */
static inline int eca_store_commit(struct eca_store store, const struct eca_record *records,
                                   size_t count, eca_committed_fn *on_done, void *arg,
                                   struct eca_err *err)
{
    return store.ops->commit(store.impl, records, count, on_done, arg, err);
}
/*
 * A copy of everything as it is, under a name of its own that contains `why`, for people to go back
 * to (STATE-127, STATE-131); nothing of ours reads it. Waits for the disk: for the start only,
 * before the first commit. ret_path: ECA_STORE_PATH_BYTES.
 */
#define ECA_STORE_PATH_BYTES 256
static inline int eca_store_keep_copy(struct eca_store store, const char *why, char *ret_path,
                                      struct eca_err *err)
{
    return store.ops->keep_copy(store.impl, why, ret_path, err);
}

/*
 * Opening belongs to the port as well, since the data directory is a setting that the agent reads.
 * The opener owns the store; eca_store_close flushes nothing (a commit in flight is lost, as in a
 * crash). Errors: ECA_E_NOT_FOUND directory missing or none (STATE-108), ECA_E_CONFLICT another
 * agent holds it, pid in the sentence (STATE-125), ECA_E_DENIED newer schema (STATE-124)
 * or no right to, ECA_E_TRANSIENT disk full or failing: the state may be perfect.
 *
 * v1.13.1 keeps its state in the same directory; what a failed save of it left is removed
 * (STATE-101).
 */
#define ECA_STATE_FILE "ecs_agent_data.json"
#define ECA_STATE_FILE_LEFTOVER "tmp_ecs_agent_data" /* and some digits */
struct eca_store_notes {
    bool fresh;           /* nothing was ever committed: first run, or import (STATE-127) */
    bool set_aside;       /* a damaged database was renamed (STATE-123) */
    bool restored_backup; /* the last good copy is in use */
    bool older_than_file; /* ECA_STATE_FILE was written after the database (STATE-127) */
    char set_aside_path[ECA_STORE_PATH_BYTES];
};
struct eca_store_opener_ops {
    int (*open)(void *impl, const char *dir, struct eca_store *ret_store,
                struct eca_store_notes *ret_notes, struct eca_err *err);
    void (*close)(void *impl, struct eca_store store);
};
struct eca_store_opener {
    const struct eca_store_opener_ops *ops;
    void *impl;
};

static inline int eca_store_open(struct eca_store_opener opener, const char *dir,
                                 struct eca_store *ret_store, struct eca_store_notes *ret_notes,
                                 struct eca_err *err)
{
    return opener.ops->open(opener.impl, dir, ret_store, ret_notes, err);
}
static inline void eca_store_close(struct eca_store_opener opener, struct eca_store store)
{
    opener.ops->close(opener.impl, store);
}

#endif
