#ifndef TESTS_SUPPORT_MEMORY_STORE_H
#define TESTS_SUPPORT_MEMORY_STORE_H

#include "agent/base/map.h"
#include "agent/ports/sched.h"
#include "agent/ports/store.h"

/* A store in memory whose commits take a moment and may fail. */
struct memory_store {
    struct eca_sched *sched;
    struct eca_map *rows[ECA_RECORD_KINDS]; /* key -> text */
    uint64_t commit_ms;                     /* [1] */
    uint32_t fail;                          /* so many commits from now on fail */
    uint32_t commits, failures;
    bool in_flight;
    struct eca_timer timer;
    struct eca_record *pending;
    size_t pending_count;
    eca_committed_fn *on_done;
    void *arg;
};
void memory_store_init(struct memory_store *store, struct eca_sched *sched);
void memory_store_clear(struct memory_store *store);
struct eca_store memory_store_port(struct memory_store *store);
/* A crash: the commit under way is lost, its completion never comes. */
void memory_store_drop(struct memory_store *store);
/* Stored text, or NULL. */
const char *memory_store_get(const struct memory_store *store, enum eca_record_kind kind,
                             const char *key);

#endif
