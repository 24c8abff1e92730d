#ifndef HARNESS_RECORD_EXPORT_CHECK_H
#define HARNESS_RECORD_EXPORT_CHECK_H

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/map.h"

/*
 * What an exported scenario does otherwise than its recording: it is played in simulation, and what
 * is submitted of each task ("web") and container ("web/main") is compared, in order, equal ones in
 * a row as one: "RUNNING, STOPPED (7)".
 */
void hns_submission_add(struct eca_map *submissions, const char *task, const char *container,
                        const char *status, const int64_t *exit_code); /* NULL: none */
void hns_submissions_free(struct eca_map *submissions);

struct hns_export_check {
    const struct eca_map *recorded; /* as hns_submission_add makes it */
    void (*on_difference)(void *arg, const char *of, const char *recorded, const char *played);
    void (*on_end)(void *arg, struct eca_view why); /* it does not pass */
    void *arg;
};
/* The functions are called before it returns. Negative: it could not be played. */
int hns_export_check(const char *yaml, const struct hns_export_check *check, struct eca_err *err);

#endif
