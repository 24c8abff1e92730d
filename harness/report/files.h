#ifndef HARNESS_REPORT_FILES_H
#define HARNESS_REPORT_FILES_H

#include <stdio.h>

#include "fakes/carry/trace.h"

/* Runs go to a trace (trace_file.h), to a page (html.h, begun already), to both or to none. */
struct report_files {
    FILE *trace, *html; /* NULL: not wanted */
};
void report_files_run(const struct report_files *files, const char *name);
void report_files_event(const struct report_files *files, const struct fake_event *event);
/* "passed", "failed" or "skipped", and why not. */
void report_files_result(const struct report_files *files, const char *result, const char *text);

#endif
