#ifndef HARNESS_SCENARIO_LOAD_H
#define HARNESS_SCENARIO_LOAD_H

#include "harness/scenario/check.h"

enum hns_mode {
    HNS_SIM,
    HNS_WIRE,
    HNS_LIVE,
    HNS_MODES,
};
const char *hns_mode_name(enum hns_mode mode); /* "sim" */

#define HNS_INCLUDES_MAX 64
#define HNS_COMBINATIONS_MAX 1000

/* A scenario file, checked. The nodes hold what the director interprets. */
struct hns_scenario {
    const char *file;
    const char *name;
    bool modes[HNS_MODES];
    const char *reason;                 /* of a mode that is left out, or "" */
    bool real_docker, only_real_docker; /* fit for a real daemon; for nothing else */
    const char *reference;              /* why v1.13.1 fails here, or NULL */
    uint64_t time_ns_max;
    uint64_t events_max;
    uint64_t eventually_ns;       /* 0: the default of the mode */
    const struct hns_node *world; /* merged with the includes; NULL when empty */
    const struct hns_node *timeline;
    const struct hns_node *never;  /* or NULL */
    const struct hns_node *allow;  /* or NULL */
    const struct hns_node *matrix; /* or NULL */
    const struct hns_node *covers; /* or NULL */
    const struct hns_node *given;  /* or NULL */
    size_t combinations;           /* 1 without matrix */
    /* inside */
    struct hns_doc *docs[HNS_INCLUDES_MAX];
    char *paths[HNS_INCLUDES_MAX];
    size_t doc_count;
};

/* Reads and checks a file with everything that it includes. On failure the problems say why. */
int hns_scenario_load(const char *path, struct hns_scenario **ret_scenario,
                      struct hns_problems *problems);
/* As above from text (tests); includes are relative to the file's name. */
int hns_scenario_parse(struct eca_view text, const char *path, struct hns_scenario **ret_scenario,
                       struct hns_problems *problems);
void hns_scenario_free(struct hns_scenario *scenario); /* NULL ok */

/* The steps of an included file; never NULL for a path that stands in a checked timeline. */
const struct hns_node *hns_scenario_included(const struct hns_scenario *scenario,
                                             const struct hns_node *at);
/* Value of matrix variable `index` in a combination; false beyond the last variable. */
bool hns_scenario_choice(const struct hns_scenario *scenario, size_t combination, size_t index,
                         const char **ret_name, const struct hns_node **ret_value);
/* False when one of "NAME=VALUE" gives a matrix variable another value than this combination. */
bool hns_scenario_is_chosen(const struct hns_scenario *scenario, size_t combination,
                            const char *const *sets, size_t set_count);
/* path relative to the folder of `file`, unless it begins with '/'. Owned. */
char *hns_path_beside(const char *file, const char *path);

#endif
