#ifndef HARNESS_SCENARIO_GRAMMAR_INSIDE_H
#define HARNESS_SCENARIO_GRAMMAR_INSIDE_H

#include "harness/scenario/grammar.h"

/* Shared by the tables of the language: grammar_things.c (what the world has, and what steps send
 * or add), grammar_world.c (a file, and the world at its start), grammar_steps.c. */

/* grammar_things.c; a NAME_ref table has the thing's name as a member beside the others. */
extern const struct hns_member hns_send_members[]; /* a payload: one task, or several */
extern const struct hns_member hns_behaviour_members[];
extern const struct hns_member hns_image_members[];
extern const struct hns_member hns_image_ref_members[];
extern const struct hns_member hns_update_file_members[];
extern const struct hns_member hns_update_file_ref_members[];

/* grammar_world.c */
extern const char *const hns_mode_words[];
extern const char *const hns_tokens_words[];
extern const char *const hns_ecr_words[];

#endif
