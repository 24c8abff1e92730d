#ifndef HARNESS_SCENARIO_CHECK_H
#define HARNESS_SCENARIO_CHECK_H

#include "harness/scenario/doc.h"
#include "harness/scenario/grammar.h"

/* What is wrong with a file: one line each, "file:line:col: sentence". */
#define HNS_PROBLEMS_MAX 50
struct hns_problems {
    struct eca_buf text;
    size_t count;
};
void hns_problems_clear(struct hns_problems *problems);
void hns_problem(struct hns_problems *problems, const struct hns_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "unknown WHAT "text of at"", with the nearest of the names. */
void hns_unknown(struct hns_problems *problems, const struct hns_node *at, const char *what,
                 const char *const *names, size_t count);

/* The members of a map against a table, and everything below. */
void hns_check_object(struct hns_problems *problems, const struct hns_node *node,
                      const struct hns_member *members, const char *what);
/* A list of steps. */
void hns_check_steps(struct hns_problems *problems, const struct hns_node *node);
/* A fault that cannot act, or whose numbers are out of range; the table knows the rest. */
void hns_check_fault(struct hns_problems *problems, const struct hns_node *fault);
/* The verb of a step and its value; NULL when the step is malformed (a problem was added, if
 * problems is not NULL). */
const struct hns_verb *hns_step_verb(struct hns_problems *problems, const struct hns_node *step,
                                     const struct hns_node **ret_value);

/* The lane, event name and fields of a pattern. */
struct hns_pattern {
    const struct hns_node *node;
    enum fake_lane lane;
    const char *name;   /* full event name */
    const char *status; /* of an alias, else NULL; may hold variables */
};
int hns_pattern_read(const struct hns_node *node, struct hns_pattern *ret_pattern);

#endif
