#ifndef HARNESS_EXPLORE_SOAK_H
#define HARNESS_EXPLORE_SOAK_H

#include <stdint.h>
#include <stdio.h>

#include "agent/base/buf.h"

/*
 * An instance's weeks in minutes: tasks come and go, sessions break, keys rotate, updates are
 * downloaded, the daemon goes away. At the end of each hour all is quiet and mended, and what the
 * agent holds then is a mark `hour-N` (event `resources`). No figure may grow over the marks.
 */
struct hns_soak_opts {
    uint64_t days, tasks, seed;
    FILE *trace, *html; /* or NULL */
    FILE *out;
};
/* The scenario; same options, same text. */
void hns_soak_generate(const struct hns_soak_opts *opts, struct eca_buf *out);
/* Plays it, tells the marks of each day and how it ended. Returns the exit code. */
int hns_soak(const struct hns_soak_opts *opts);

#endif
