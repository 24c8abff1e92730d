#ifndef HARNESS_SCENARIO_GRAMMAR_H
#define HARNESS_SCENARIO_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "fakes/carry/trace.h"

/*
 * The scenario language as tables. They drive checking (check.c), the JSON schema and the reference
 * part of docs/SCENARIOS.md (schema.c); the director looks its verbs up here by name. A scalar that
 * contains "${" is checked when it is used, since its value is not known before.
 */
enum hns_type {
    HNS_T_NONE,     /* nothing: "acs.cut:" */
    HNS_T_TEXT,     /* any scalar */
    HNS_T_WORD,     /* one of `words` */
    HNS_T_INT,      /* not negative */
    HNS_T_BOOL,     /* true, false */
    HNS_T_DURATION, /* 1h30m, 500ms */
    HNS_T_TEXTS,    /* a scalar or a list of scalars */
    HNS_T_WORDS,    /* a word or a list of words */
    HNS_T_PAIRS,    /* map of names to scalars */
    HNS_T_ANY,      /* anything; becomes JSON */
    HNS_T_PATTERN,  /* text, or "/regular expression/" */
    HNS_T_FIT,      /* anything; what is compared with it has to fit, see match.h */
    HNS_T_OBJECT,   /* map with `members` */
    HNS_T_OBJECTS,  /* list of such maps */
    HNS_T_NAMED,    /* map of names to such maps; a list of names is allowed as well */
    HNS_T_EVENT,    /* event pattern */
    HNS_T_EVENTS,   /* list of event patterns */
    HNS_T_STEPS,    /* list of steps */
    HNS_T_BRANCHES, /* list of lists of steps */
    HNS_T_LISTS,    /* map of names to lists (matrix) */
    HNS_TYPES,
};
const char *hns_type_name(enum hns_type type); /* "a duration (1h30m, 500ms)" */

struct hns_member {
    const char *name; /* NULL ends a table */
    enum hns_type type;
    const char *doc;
    bool required;
    const struct hns_member *members; /* OBJECT, OBJECTS, NAMED */
    const char *const *words;         /* WORD, WORDS; NULL ends */
};

struct hns_verb {
    const char *name;
    enum hns_type type; /* of the step's value */
    const char *doc;
    const struct hns_member *members;
    const char *scalar; /* a bare scalar stands for this member */
    bool may_be_empty;  /* an object without members is fine */
    const char *const *words;
};

struct hns_event_def {
    enum fake_lane lane;
    const char *name;
    const char *fields; /* separated by blanks */
    const char *doc;
};

extern const struct hns_member hns_file_members[];    /* the top of a scenario file */
extern const struct hns_member hns_include_members[]; /* the top of an included file */
extern const struct hns_member hns_task_members[];
extern const struct hns_member hns_container_members[];
extern const struct hns_member hns_expect_members[]; /* beside the fields of an event pattern */
extern const struct hns_member hns_step_members[];   /* beside the verb of a step */
extern const struct hns_verb hns_verbs[];            /* name NULL ends */
extern const struct hns_event_def hns_events[];      /* name NULL ends */

const struct hns_verb *hns_verb_find(const char *name);
/* "task STATUS" and "container STATUS" of lane ecs: the event that it stands for, and the status.
 */
const char *hns_event_alias(enum fake_lane lane, const char *name, const char **ret_status);
const struct hns_event_def *hns_event_find(enum fake_lane lane, const char *name);

/* The word of the list that is nearest to `word`, or NULL when none is near (edit distance with
 * transposition, at most a third of the length). */
const char *hns_nearest(const char *word, const char *const *words, size_t count);

#endif
