#ifndef ECA_STATE_IMPORT_H
#define ECA_STATE_IMPORT_H

#include "agent/ports/store.h"

/*
 * The state file of v1.13.1, `ecs_agent_data.json` (STATE-101..105), turned into records of our
 * store, and back. Both directions keep the meaning of every member.
 */
#define ECA_STATE_FILE_VERSION 5
#define ECA_STATE_FILE_BYTES_MAX ((size_t)32 << 20)

struct eca_import_notes { /* for one line of the log (STATE-127) */
    size_t tasks, containers, images;
    size_t orphans;      /* docker ids without a task: skipped (ENG-122) */
    size_t unknown_keys; /* members of Data that nobody knows (STATE-102) */
};

/*
 * Identity first, then tasks, then images; each record is borrowed for the call of on_record, whose
 * error ends the import. ECA_E_INVALID: not a state file; ECA_E_DENIED: of a newer version, text
 * "Unsupported data format: Version <n> not 5" (STATE-105).
 */
int eca_state_import(struct eca_view file, eca_record_fn *on_record, void *arg,
                     struct eca_import_notes *ret_notes, struct eca_err *err);

/* Every record of the store as such a file (STATE-128); our own members are left out. */
int eca_state_export(struct eca_store store, struct eca_buf *out, struct eca_err *err);

#endif
