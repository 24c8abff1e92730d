#ifndef HARNESS_REPORT_TIMELINE_H
#define HARNESS_REPORT_TIMELINE_H

#include <stdio.h>

#include "fakes/carry/trace.h"

/* The terminal timeline: a lane for each party, one line per event, as it happens. */
struct report_timeline {
    FILE *to;
    bool colour;
    bool headed;
};
void report_timeline_init(struct report_timeline *timeline, FILE *to);
/* An hns_watch_fn; arg is the timeline. */
void report_timeline_event(void *arg, const struct fake_event *event);

#endif
