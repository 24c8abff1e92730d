#ifndef HARNESS_SCENARIO_SCHEMA_H
#define HARNESS_SCENARIO_SCHEMA_H

#include "agent/base/buf.h"

/* The scenario language as the tables of grammar.h have it. */
void hns_reference_print(struct eca_buf *out); /* Markdown, the last part of docs/SCENARIOS.md */
void hns_schema_print(struct eca_buf *out);    /* JSON Schema, for editors */

#endif
