#include "tests/unit/support/memory_store.h"

#include <stdio.h>

#include "agent/base/mem.h"

static void forget_pending(struct memory_store *store)
{
    for (size_t i = 0; i < store->pending_count; i++) {
        eca_free((char *)(uintptr_t)store->pending[i].key);
        eca_free((char *)(uintptr_t)store->pending[i].value.at);
    }
    eca_free(eca_take(store->pending));
    store->pending_count = 0;
    store->in_flight = false;
}

static void done(void *arg)
{
    struct memory_store *store = arg;
    struct eca_err err = {0};
    bool failed = store->fail > 0;

    if (failed) {
        store->fail--;
        store->failures++;
        (void)eca_err_set(&err, ECA_E_INTERNAL, "disk full");
    } else {
        store->commits++;
        for (size_t i = 0; i < store->pending_count; i++) {
            const struct eca_record *record = &store->pending[i];
            struct eca_map *rows = store->rows[record->kind];

            if (record->value.at == NULL) {
                eca_free(eca_map_remove(rows, record->key));
            } else {
                eca_free(eca_map_put(rows, record->key,
                                     eca_xstrndup(record->value.at, record->value.len)));
            }
        }
    }
    forget_pending(store);
    store->on_done(store->arg, failed ? &err : NULL);
}

static int commit(void *impl, const struct eca_record *records, size_t count,
                  eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    struct memory_store *store = impl;

    if (store->in_flight) {
        return eca_err_set(err, ECA_E_CONFLICT, "a commit is in flight");
    }
    store->in_flight = true;
    store->pending = eca_xalloc((count + 1) * sizeof(*store->pending));
    store->pending_count = count;
    for (size_t i = 0; i < count; i++) {
        store->pending[i] = records[i];
        store->pending[i].key = eca_xstrdup(records[i].key);
        if (records[i].value.at != NULL) {
            store->pending[i].value.at = eca_xstrndup(records[i].value.at, records[i].value.len);
        }
    }
    store->on_done = on_done;
    store->arg = arg;
    eca_timer_start_ms(&store->timer, store->commit_ms);
    return ECA_OK;
}

static int load(void *impl, eca_record_fn *on_record, void *arg, struct eca_err *err)
{
    struct memory_store *store = impl;

    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        size_t cursor = 0;
        const char *key;
        void *value;

        while (eca_map_next(store->rows[kind], &cursor, &key, &value)) {
            struct eca_record record = {(enum eca_record_kind)kind, key, eca_view_str(value)};
            int rc = on_record(arg, &record, err);

            if (rc < 0) {
                return rc;
            }
        }
    }
    return ECA_OK;
}

static int keep_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    (void)impl;
    (void)err;
    (void)snprintf(ret_path, ECA_STORE_PATH_BYTES, "memory.%s", why); /* nobody looks into it */
    return ECA_OK;
}

static const struct eca_store_ops ops = {.load = load, .commit = commit, .keep_copy = keep_copy};

struct eca_store memory_store_port(struct memory_store *store)
{
    return (struct eca_store){.ops = &ops, .impl = store};
}

void memory_store_init(struct memory_store *store, struct eca_sched *sched)
{
    *store = (struct memory_store){.sched = sched, .commit_ms = 1};
    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        store->rows[kind] = eca_map_new();
    }
    eca_timer_init(&store->timer, sched, done, store);
}

void memory_store_drop(struct memory_store *store)
{
    eca_timer_stop(&store->timer);
    forget_pending(store);
}

void memory_store_clear(struct memory_store *store)
{
    memory_store_drop(store);
    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        size_t cursor = 0;
        const char *key;
        void *value;

        while (eca_map_next(store->rows[kind], &cursor, &key, &value)) {
            eca_free(value);
        }
        eca_map_free(store->rows[kind]);
    }
}

const char *memory_store_get(const struct memory_store *store, enum eca_record_kind kind,
                             const char *key)
{
    return eca_map_get(store->rows[kind], key);
}
