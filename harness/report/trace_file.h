#ifndef HARNESS_REPORT_TRACE_FILE_H
#define HARNESS_REPORT_TRACE_FILE_H

#include <stdio.h>

#include "fakes/carry/trace.h"

/*
 * A run as JSON lines: {"run": NAME} first, then each event as
 * {"seq": 1, "at": 0.004, "lane": "ecs", "event": "...", "fields": {...}}; "at" in seconds of the
 * run.
 */
void report_trace_run(FILE *to, const char *name);
void report_trace_event(FILE *to, const struct fake_event *event);

#endif
