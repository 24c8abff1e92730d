#ifndef HARNESS_EXPLORE_SOMETIMES_H
#define HARNESS_EXPLORE_SOMETIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "fakes/carry/trace.h"

/*
 * Rare situations that exploration has to reach, or it has stopped trying: each at least once per
 * HNS_SOMETIMES_SEEDS seeds. They are recognised in the trace.
 */
#define HNS_SOMETIMES_SEEDS 1000
#define HNS_SOMETIMES_MAX 128

struct hns_reached {
    uint64_t bits[HNS_SOMETIMES_MAX / 64];
};

struct hns_sometimes;
struct hns_sometimes *hns_sometimes_new(void);
void hns_sometimes_free(struct hns_sometimes *sometimes);
void hns_sometimes_event(void *arg, const struct fake_event *event); /* a hns_watch_fn */
struct hns_reached hns_sometimes_reached(const struct hns_sometimes *sometimes);

unsigned hns_sometimes_count(void);
const char *hns_sometimes_name(unsigned index); /* "killed while a create is under way" */
bool hns_has_reached(const struct hns_reached *reached, unsigned index);

#endif
