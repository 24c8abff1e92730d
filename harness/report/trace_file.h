#ifndef HARNESS_REPORT_TRACE_FILE_H
#define HARNESS_REPORT_TRACE_FILE_H

#include "agent/base/buf.h"
#include "fakes/carry/trace.h"

/*
 * A run as JSON lines: {"run": NAME} first, then each event as
 * {"seq": 1, "at": 0.004, "lane": "ecs", "event": "...", "fields": {...}, "cause": 0}, "at" in
 * seconds of the run, "cause" the seq of the event that led to it; then
 * {"result": "passed" | "failed" | "skipped", "text": why not}. Each appends one line, without a
 * newline.
 */
void report_trace_run(struct eca_buf *line, const char *name);
void report_trace_event(struct eca_buf *line, const struct fake_event *event);
void report_trace_result(struct eca_buf *line, const char *result, const char *text);

#endif
