#ifndef HARNESS_REPORT_HTML_H
#define HARNESS_REPORT_HTML_H

#include <stdio.h>

#include "fakes/carry/trace.h"

/*
 * Runs as one HTML page that needs nothing else: a table per run, a column per lane, rows in the
 * order of time, colours by kind, the fields of an event on a click. report_html_begin once, then
 * each run between _run and _result, then _end.
 */
void report_html_begin(FILE *to);
void report_html_run(FILE *to, const char *name);
void report_html_event(FILE *to, const struct fake_event *event);
/* text NULL: passed; otherwise why it failed. */
void report_html_result(FILE *to, const char *text);
void report_html_end(FILE *to);

#endif
