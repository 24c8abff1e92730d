#ifndef ECA_STATE_JOURNAL_H
#define ECA_STATE_JOURNAL_H

#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/ports/backoff.h"
#include "agent/ports/sched.h"
#include "agent/ports/store.h"

/*
 * Group commit (STATE-120..122). Modules mark records dirty; at the end of the loop turn everything
 * dirty goes to the store in one commit, unless one is under way, whose end starts the next. What
 * must not happen before a change is durable waits here. Cost is proportional to what changed.
 *
 * A failed commit is repeated with back-off until it succeeds; meanwhile waiters wait, except the
 * impatient ones (stops are still carried out, STATE-122).
 */
struct eca_journal;

/* Zero = the default in brackets. */
struct eca_journal_opts {
    struct eca_sched *sched;
    struct eca_store
        store; /* ops NULL: no checkpointing, everything counts as durable (STATE-107) */
    struct eca_entropy entropy;
    struct eca_log *log;
    uint64_t retry_min_ms; /* [1000] */
    uint64_t retry_max_ms; /* [30000] */
};

struct eca_journal *eca_journal_new(const struct eca_journal_opts *opts);
/* Waiters never run any more. A store with a commit under way is closed first: its completion must
 * not come. NULL ok. */
void eca_journal_free(struct eca_journal *journal);

/* Text of a record as it is now, appended to out; false = the record is gone, delete its row. */
typedef bool eca_serialise_fn(void *arg, const char *key, struct eca_buf *out);
/* Who knows the records of a kind; fn NULL: nobody any more, its dirty rows are forgotten. */
void eca_journal_set_source(struct eca_journal *journal, enum eca_record_kind kind,
                            eca_serialise_fn *fn, void *arg);
void eca_journal_mark(struct eca_journal *journal, enum eca_record_kind kind, const char *key);

/*
 * Run fn once everything that is dirty now is durable; from the loop, never inside the call. The
 * waiter is the caller's memory and may be used again when fn runs.
 */
struct eca_journal_waiter {
    struct eca_list_node node;
    eca_work_fn *fn;
    void *arg;
    uint64_t generation;
    bool impatient;
};
void eca_journal_after(struct eca_journal *journal, struct eca_journal_waiter *waiter,
                       eca_work_fn *fn, void *arg);
/* As above, but a failed commit releases it, too. */
void eca_journal_after_try(struct eca_journal *journal, struct eca_journal_waiter *waiter,
                           eca_work_fn *fn, void *arg);
void eca_journal_cancel(struct eca_journal *journal, struct eca_journal_waiter *waiter);
bool eca_journal_is_waiting(const struct eca_journal_waiter *waiter);

struct eca_journal_status {
    bool failing; /* the last commit failed */
    size_t dirty; /* records not handed to the store */
    size_t waiters;
    int64_t last_commit_ms; /* wall; 0 = none yet */
    uint64_t commits, failures;
};
struct eca_journal_status eca_journal_status(const struct eca_journal *journal);

#endif
