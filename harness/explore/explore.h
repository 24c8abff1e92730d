#ifndef HARNESS_EXPLORE_EXPLORE_H
#define HARNESS_EXPLORE_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define HNS_EXPLORE_FOLDER "build/explore"

struct hns_explore_opts {
    uint64_t from, seeds; /* the first seed and how many */
    uint64_t minutes;     /* not 0: as many seeds as that takes, `seeds` does not count */
    unsigned workers;     /* processes; 0 = one per processor */
    const char *folder;   /* for scenarios of failing seeds; NULL = HNS_EXPLORE_FOLDER */
    bool verbose;         /* how often each rare situation was reached */
    FILE *out;
};

/* Exit codes, the worst that was seen. */
#define HNS_EXIT_WRONG 1
#define HNS_EXIT_NO_PROGRESS 3
#define HNS_EXIT_CRASH 4
#define HNS_EXIT_UNREACHED 5 /* all fine, but a rare situation never came (sometimes.h) */

/* Plays the scenarios of many seeds. Failing ones are kept as FOLDER/seed-N.yaml and .txt. */
int hns_explore(const struct hns_explore_opts *opts);

#endif
