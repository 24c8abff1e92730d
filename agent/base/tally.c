#include "agent/base/tally.h"

#include <string.h>

#include "agent/base/mem.h"

const uint32_t eca_tally_bounds_ms[ECA_TALLY_BUCKETS] = {5,    25,    100,   500,
                                                         2500, 10000, 60000, 600000};

const struct eca_tally_row *eca_tally_find(const struct eca_tally *tally, const char *operation)
{
    for (size_t i = 0; i < tally->row_count; i++) {
        if (strcmp(tally->rows[i].operation, operation) == 0) {
            return &tally->rows[i];
        }
    }
    return NULL;
}

static struct eca_tally_row *row_of(struct eca_tally *tally, const char *operation)
{
    const struct eca_tally_row *found = eca_tally_find(tally, operation);

    if (found != NULL) {
        return &tally->rows[found - tally->rows];
    }
    if (tally->row_count == ECA_TALLY_ROWS_MAX) {
        return NULL;
    }
    tally->rows[tally->row_count].operation = eca_xstrdup(operation);
    return &tally->rows[tally->row_count++];
}

static void count_outcome(struct eca_tally_row *row, const char *outcome)
{
    size_t i = 0;

    while (i < row->outcome_count && strcmp(row->outcomes[i].outcome, outcome) != 0) {
        i++;
    }
    if (i == ECA_TALLY_OUTCOMES_MAX) {
        return;
    }
    row->outcomes[i].outcome = outcome;
    row->outcomes[i].count++;
    row->outcome_count += i == row->outcome_count ? 1 : 0;
}

void eca_tally_add(struct eca_tally *tally, const char *operation, const char *outcome,
                   uint64_t took_ms)
{
    struct eca_tally_row *row = row_of(tally, operation);

    if (row == NULL) {
        return;
    }
    count_outcome(row, outcome);
    row->count++;
    row->sum_ms += took_ms;
    row->last_ms = took_ms;
    for (size_t i = 0; i < ECA_TALLY_BUCKETS; i++) {
        row->buckets[i] += took_ms <= eca_tally_bounds_ms[i] ? 1 : 0;
    }
}

void eca_tally_clear(struct eca_tally *tally)
{
    for (size_t i = 0; i < tally->row_count; i++) {
        eca_free(tally->rows[i].operation);
    }
    *tally = (struct eca_tally){0};
}
