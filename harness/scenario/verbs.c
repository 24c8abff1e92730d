#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

#include <string.h>

hns_verb_fn *hns_verb_implementation(const char *name)
{
    const struct hns_verb_entry *const tables[] = {
        hns_verbs_acs,       hns_verbs_tcs,       hns_verbs_docker, hns_verbs_other,
        hns_verbs_agent,     hns_verbs_resources, hns_verbs_expect, hns_verbs_log,
        hns_verbs_http,      hns_verbs_file,      hns_verbs_check,  hns_verbs_run,
        hns_verbs_invariants};

    for (size_t i = 0; i < ECA_ARRAY_LEN(tables); i++) {
        for (const struct hns_verb_entry *entry = tables[i]; entry->name != NULL; entry++) {
            if (strcmp(entry->name, name) == 0) {
                return entry->fn;
            }
        }
    }
    return NULL;
}
