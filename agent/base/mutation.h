#ifndef ECA_BASE_MUTATION_H
#define ECA_BASE_MUTATION_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Deliberate defects, one switched on at a time: `harness mutations` shows that exploration finds
 * each of them. A place that can go wrong on purpose is one line:
 *
 *     if (ECA_MUTATION(ACK_BEFORE_COMMIT)) { ... }
 *
 * Only the objects of build/harness-mutant are compiled with ECA_MUTATIONS; everywhere else the
 * condition is the constant false and nothing of it is left in the code.
 */
enum eca_mutation {
    ECA_MUTATION_NONE,
    ECA_MUTATION_ACK_BEFORE_COMMIT,
    ECA_MUTATION_EVENT_LOST_AT_RECONNECT,
    ECA_MUTATION_STOP_ERROR_IS_STOPPED,
    ECA_MUTATION_SENT_SLIPS_BACK,
    ECA_MUTATION_LOCK_STEP,
    ECA_MUTATION_LOST_WAKE_UP,
    ECA_MUTATION_TIMER_NOT_CANCELLED,
    ECA_MUTATION_BACKOFF_NOT_RESET,
    ECA_MUTATION_EXIT_CODE_OVERWRITTEN,
    ECA_MUTATION_CREDENTIALS_KEPT,
    ECA_MUTATION_CREDENTIALS_MIXED_UP,
    ECA_MUTATION_IMAGE_COUNTED_TWICE,
    ECA_MUTATION_IMAGE_IN_USE_DELETED,
    ECA_MUTATION_CREATED_TWICE,
    ECA_MUTATION_STALE_DISCOVERY,
    ECA_MUTATION_UNBOUNDED_QUEUE,
    ECA_MUTATION_CLOCK_STEP_MISREAD,
    ECA_MUTATION_SUBMISSION_ORDER,
    ECA_MUTATIONS_COUNT,
};

#ifdef ECA_MUTATIONS
extern enum eca_mutation eca_mutation_on;
#define ECA_MUTATION(name) (eca_mutation_on == ECA_MUTATION_##name)
#else
#define ECA_MUTATION(name) false
#endif

/* Switch one on, ECA_MUTATION_NONE: none. False: this program has no mutations. */
bool eca_mutation_set(enum eca_mutation mutation);
/* "ack before commit", and what is wrong then in one sentence. */
const char *eca_mutation_name(enum eca_mutation mutation);
const char *eca_mutation_text(enum eca_mutation mutation);

#endif
