#include "agent/state/journal.h"

#include <assert.h>
#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"

static const char module[] = "StateManager";

#define COMPLAIN_NS ((uint64_t)60 * 1000000000u) /* STATE-122: at most one line per minute */

struct source {
    eca_serialise_fn *fn;
    void *arg;
};

struct eca_journal {
    struct eca_journal_opts opts;
    struct source sources[ECA_RECORD_KINDS];
    struct eca_map *dirty[ECA_RECORD_KINDS];  /* key -> itself: to go into the next commit */
    struct eca_map *flying[ECA_RECORD_KINDS]; /* in the commit under way */
    size_t dirty_count;
    bool in_flight;
    uint64_t generation;         /* number of the next commit */
    uint64_t flying_generation;  /* number of the commit under way */
    uint64_t durable_generation; /* every commit up to here is on disk */
    struct eca_list waiters;     /* by generation */
    struct eca_list ready;
    struct eca_deferred flush_work, ready_work;
    struct eca_timer retry;
    struct eca_backoff backoff;
    struct eca_log_limit complaint;
    struct eca_journal_status status;
};

static void commit_done(void *arg, const struct eca_err *err);

static bool has_store(const struct eca_journal *journal)
{
    return journal->opts.store.ops != NULL;
}

/* Those ready now, one after another; what becomes ready meanwhile runs in the next turn. */
static void run_ready(void *arg)
{
    struct eca_journal *journal = arg;

    for (size_t left = journal->ready.count; left > 0; left--) {
        struct eca_list_node *node = eca_list_pop_front(&journal->ready);

        if (node != NULL) { /* a callback may cancel another waiter */
            struct eca_journal_waiter *waiter =
                eca_container_of(node, struct eca_journal_waiter, node);
            waiter->fn(waiter->arg);
        }
    }
    if (!eca_list_is_empty(&journal->ready)) {
        eca_deferred_queue(&journal->ready_work);
    }
}

static void make_ready(struct eca_journal *journal, struct eca_journal_waiter *waiter)
{
    eca_list_remove(&journal->waiters, &waiter->node);
    waiter->generation = 0; /* now in the ready list */
    eca_list_push_back(&journal->ready, &waiter->node);
    eca_deferred_queue(&journal->ready_work);
}

/* Waiters up to a generation; after a failure only the impatient ones. */
static void release(struct eca_journal *journal, uint64_t generation, bool failed)
{
    ECA_LIST_FOREACH(node, &journal->waiters)
    {
        struct eca_journal_waiter *waiter = eca_container_of(node, struct eca_journal_waiter, node);

        if (waiter->generation > generation) {
            break;
        }
        if (!failed || waiter->impatient) {
            make_ready(journal, waiter);
        }
    }
}

struct batch {
    struct eca_record *records;
    struct eca_buf *texts;
    size_t count, cap;
};

static void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        eca_buf_clear(&batch->texts[i]);
    }
    eca_free(batch->records);
    eca_free(batch->texts);
}

static void batch_add(struct eca_journal *journal, struct batch *batch, enum eca_record_kind kind,
                      const char *key)
{
    const struct source *source = &journal->sources[kind];
    struct eca_buf *text;

    if (source->fn == NULL) {
        return;
    }
    if (batch->count == batch->cap) {
        batch->cap = batch->cap == 0 ? 16 : batch->cap * 2;
        batch->records = eca_xrealloc_array(batch->records, batch->cap, sizeof(*batch->records));
        batch->texts = eca_xrealloc_array(batch->texts, batch->cap, sizeof(*batch->texts));
    }
    text = &batch->texts[batch->count];
    *text = (struct eca_buf){0};
    batch->records[batch->count] = (struct eca_record){.kind = kind, .key = key};
    if (source->fn(source->arg, key, text)) {
        batch->records[batch->count].value = eca_view_of(eca_buf_str(text), text->len);
    }
    batch->count++;
}

static void map_drain(struct eca_map *from, struct eca_map *to)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (eca_map_next(from, &cursor, &key, &value)) {
        (void)eca_map_put(to, key, value);
        (void)eca_map_remove(from, key);
    }
}

static size_t count_dirty(const struct eca_journal *journal)
{
    size_t count = 0;

    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        count += eca_map_count(journal->dirty[kind]);
    }
    return count;
}

static void flush(void *arg)
{
    struct eca_journal *journal = arg;
    struct batch batch = {0};
    struct eca_err err = {0};

    if (journal->in_flight || eca_timer_is_armed(&journal->retry) || journal->dirty_count == 0) {
        return;
    }
    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        size_t cursor = 0;
        const char *key;
        void *value;

        map_drain(journal->dirty[kind], journal->flying[kind]);
        while (eca_map_next(journal->flying[kind], &cursor, &key, &value)) {
            batch_add(journal, &batch, (enum eca_record_kind)kind, key);
        }
    }
    journal->dirty_count = 0;
    journal->flying_generation = journal->generation++;
    journal->in_flight = true;
    if (eca_store_commit(journal->opts.store, batch.records, batch.count, commit_done, journal,
                         &err) < 0) {
        commit_done(journal, &err);
    }
    batch_clear(&batch);
}

static void commit_failed(struct eca_journal *journal, const struct eca_err *err)
{
    uint64_t now_ns = eca_sched_now_ns(journal->opts.sched);

    journal->status.failing = true;
    journal->status.failures++;
    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        map_drain(journal->flying[kind], journal->dirty[kind]);
    }
    journal->dirty_count = count_dirty(journal);
    if (eca_log_limit_pass(&journal->complaint, now_ns, COMPLAIN_NS)) {
        ECA_ERROR(journal->opts.log, module, ECA_NO_KV, "Could not save the state: %s", err->msg);
    }
    eca_timer_start(&journal->retry, eca_backoff_next_ns(&journal->backoff, journal->opts.entropy));
    release(journal, journal->flying_generation, true);
}

static void commit_done(void *arg, const struct eca_err *err)
{
    struct eca_journal *journal = arg;

    journal->in_flight = false;
    if (err != NULL) {
        commit_failed(journal, err);
        return;
    }
    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        size_t cursor = 0;
        const char *key;
        void *value;

        while (eca_map_next(journal->flying[kind], &cursor, &key, &value)) {
            (void)eca_map_remove(journal->flying[kind], key);
        }
    }
    if (journal->status.failing) {
        ECA_INFO(journal->opts.log, module, ECA_NO_KV, "State saved again");
    }
    journal->status.failing = false;
    journal->status.commits++;
    journal->status.last_commit_ms = eca_sched_wall_ms(journal->opts.sched);
    journal->durable_generation = journal->flying_generation;
    eca_backoff_reset(&journal->backoff);
    release(journal, journal->durable_generation, false);
    if (journal->dirty_count > 0) {
        eca_deferred_queue(&journal->flush_work);
    }
}

struct eca_journal *eca_journal_new(const struct eca_journal_opts *opts)
{
    struct eca_journal *journal = eca_xalloc(sizeof(*journal));

    journal->opts = *opts;
    journal->generation = 1;
    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        journal->dirty[kind] = eca_map_new();
        journal->flying[kind] = eca_map_new();
    }
    eca_list_init(&journal->waiters);
    eca_list_init(&journal->ready);
    eca_deferred_init(&journal->flush_work, opts->sched, flush, journal);
    eca_deferred_init(&journal->ready_work, opts->sched, run_ready, journal);
    eca_timer_init(&journal->retry, opts->sched, flush, journal);
    eca_backoff_init(
        &journal->backoff,
        (struct eca_backoff_opts){.min_ms = opts->retry_min_ms > 0 ? opts->retry_min_ms : 1000,
                                  .max_ms = opts->retry_max_ms > 0 ? opts->retry_max_ms : 30000,
                                  .multiplier_milli = 2000,
                                  .jitter_milli = 200});
    return journal;
}

void eca_journal_free(struct eca_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    while (eca_list_pop_front(&journal->waiters) != NULL ||
           eca_list_pop_front(&journal->ready) != NULL) {
    }
    eca_deferred_cancel(&journal->flush_work);
    eca_deferred_cancel(&journal->ready_work);
    eca_timer_stop(&journal->retry);
    for (size_t kind = 0; kind < ECA_RECORD_KINDS; kind++) {
        eca_map_free(journal->dirty[kind]);
        eca_map_free(journal->flying[kind]);
    }
    eca_free(journal);
}

void eca_journal_set_source(struct eca_journal *journal, enum eca_record_kind kind,
                            eca_serialise_fn *fn, void *arg)
{
    journal->sources[kind] = (struct source){fn, arg};
}

void eca_journal_mark(struct eca_journal *journal, enum eca_record_kind kind, const char *key)
{
    if (!has_store(journal)) {
        return;
    }
    if (eca_map_put(journal->dirty[kind], key, journal) == NULL) {
        journal->dirty_count++;
    }
    if (!journal->in_flight) {
        eca_deferred_queue(&journal->flush_work);
    }
}

static void wait_for(struct eca_journal *journal, struct eca_journal_waiter *waiter,
                     eca_work_fn *fn, void *arg, bool impatient)
{
    bool pending = journal->dirty_count > 0 || journal->in_flight;

    assert(!eca_journal_is_waiting(waiter));
    *waiter = (struct eca_journal_waiter){.fn = fn, .arg = arg, .impatient = impatient};
    if (!pending || (impatient && journal->status.failing)) {
        eca_list_push_back(&journal->ready, &waiter->node);
        eca_deferred_queue(&journal->ready_work);
        return;
    }
    waiter->generation =
        journal->dirty_count > 0 ? journal->generation : journal->flying_generation;
    eca_list_push_back(&journal->waiters, &waiter->node);
}

void eca_journal_after(struct eca_journal *journal, struct eca_journal_waiter *waiter,
                       eca_work_fn *fn, void *arg)
{
    wait_for(journal, waiter, fn, arg, false);
}

void eca_journal_after_try(struct eca_journal *journal, struct eca_journal_waiter *waiter,
                           eca_work_fn *fn, void *arg)
{
    wait_for(journal, waiter, fn, arg, true);
}

void eca_journal_cancel(struct eca_journal *journal, struct eca_journal_waiter *waiter)
{
    eca_list_remove(waiter->generation > 0 ? &journal->waiters : &journal->ready, &waiter->node);
}

bool eca_journal_is_waiting(const struct eca_journal_waiter *waiter)
{
    return eca_list_is_linked(&waiter->node);
}

struct eca_journal_status eca_journal_status(const struct eca_journal *journal)
{
    struct eca_journal_status status = journal->status;

    status.dirty = journal->dirty_count;
    status.waiters = journal->waiters.count;
    return status;
}
