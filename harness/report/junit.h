#ifndef HARNESS_REPORT_JUNIT_H
#define HARNESS_REPORT_JUNIT_H

#include "harness/scenario/run.h"

/* Results as JUnit's XML: what machines count, and why runs failed or were left out. */
struct report_junit {
    struct eca_buf cases;
    size_t tests, failures, skipped;
    uint64_t real_ns;
};
void report_junit_add(struct report_junit *junit, const char *file,
                      const struct hns_result *result);
/* The whole document. */
void report_junit_print(const struct report_junit *junit, struct eca_buf *out);
void report_junit_clear(struct report_junit *junit);

#endif
