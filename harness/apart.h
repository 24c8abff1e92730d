#ifndef HARNESS_APART_H
#define HARNESS_APART_H

#include "harness/scenario/run.h"

/*
 * Runs in a child, all in the same one, so that it costs nothing; a crash of the agent's core ends
 * the run that it happens in, and those behind it are played in a new child.
 */
struct hns_place {
    size_t file;
    size_t combination;
    char name[HNS_NAME_BYTES]; /* hns_result_name; "" while the file is read */
};

struct hns_apart_opts {
    /* In the child: plays all from this place on, and tells `to` of each run (below). False:
     * something beside the runs failed, and was said. */
    bool (*play)(void *arg, const struct hns_place *from, FILE *to);
    /* Here, in order; of the result what lists of results have: name, outcome, texts, times,
     * events, hash. */
    void (*on_result)(void *arg, const struct hns_place *at, const struct hns_result *result);
    /* Here: the child ended in the middle; status is that of waitpid. */
    void (*on_death)(void *arg, const struct hns_place *at, int status);
    void *arg;
};

/* False: something failed outside of any run (a leak, say); stderr says what. */
bool hns_apart(const struct hns_apart_opts *opts);

/* For `play`: a run begins, a run is over. */
void hns_apart_begins(FILE *to, const struct hns_place *at);
void hns_apart_over(FILE *to, const struct hns_place *at, const struct hns_result *result);

#endif
