#ifndef HARNESS_SCENARIO_NAMES_H
#define HARNESS_SCENARIO_NAMES_H

#include "harness/scenario/load.h"

/*
 * What only the whole of a scenario tells: a variable, a task, a container, a fault or a rule that
 * is named and is nowhere, and a file of steps that includes itself. A step that names nothing
 * would do nothing, and a pattern that names nothing would pass for ever.
 */
void hns_check_names(const struct hns_scenario *scenario, struct hns_problems *problems);

/* The rules that a run watches unasked, for `allow`: those of the fakes and the invariants. NULL
 * ends. */
extern const char *const hns_rules[];

#endif
