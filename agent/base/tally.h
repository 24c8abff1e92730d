#ifndef ECA_BASE_TALLY_H
#define ECA_BASE_TALLY_H

#include <stddef.h>
#include <stdint.h>

/* How often which operation had which outcome, and how long it took (INTRO-122). Zeroed = empty. */
#define ECA_TALLY_ROWS_MAX 32     /* further operations are not counted */
#define ECA_TALLY_OUTCOMES_MAX 12 /* of one operation; further ones are not counted apart */
#define ECA_TALLY_BUCKETS 8

/* Upper bounds in milliseconds; what took longer counts in no bucket. */
extern const uint32_t eca_tally_bounds_ms[ECA_TALLY_BUCKETS];

struct eca_tally_row {
    char *operation;
    struct {
        const char *outcome;
        uint64_t count;
    } outcomes[ECA_TALLY_OUTCOMES_MAX];
    size_t outcome_count;
    uint64_t buckets[ECA_TALLY_BUCKETS]; /* each with all that are in the lower ones */
    uint64_t count, sum_ms;
    uint64_t last_ms;
};

struct eca_tally {
    struct eca_tally_row rows[ECA_TALLY_ROWS_MAX];
    size_t row_count;
};

/* operation is copied, outcome is static text. */
void eca_tally_add(struct eca_tally *tally, const char *operation, const char *outcome,
                   uint64_t took_ms);
void eca_tally_clear(struct eca_tally *tally);
/* NULL: it has never been counted. */
const struct eca_tally_row *eca_tally_find(const struct eca_tally *tally, const char *operation);

#endif
