#ifndef HARNESS_REPORT_REPORT_H
#define HARNESS_REPORT_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "agent/base/err.h"

/*
 * Runs that `harness run --trace` wrote (trace_file.h): their timeline in the terminal, and all of
 * them as one page. html NULL: FIRST-FILE.html. Of two runs the first difference is named as well.
 */
struct hns_report_opts {
    const char *const *files;
    size_t file_count;
    const char *html;
    FILE *out;
};
int hns_report(const struct hns_report_opts *opts, struct eca_err *err);

#endif
