#ifndef HARNESS_CMDLINE_H
#define HARNESS_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/scenario/load.h"

#define HNS_SETS_MAX 16

/* The command line of the harness. */
struct hns_options {
    const char *command;
    char **argv; /* borrowed */
    enum hns_mode mode;
    uint64_t seed;
    uint64_t seeds, from, minutes, workers; /* explore */
    uint64_t every;                         /* deaths */
    uint64_t record_kib;                    /* of a segment of a recording; 0 = no limit */
    uint64_t days, tasks;                   /* soak */
    const char *sets[HNS_SETS_MAX];         /* NAME=VALUE */
    size_t set_count;
    uint64_t agents, peak; /* fleet; peak: percent of them within one second */
    uint64_t port;         /* serve; 0 = any */
    bool verbose, twice, keep, no_agent;
    const char *agent_path, *real_docker;
    const char *address, *host, *acs_url;          /* serve, or NULL */
    const char *junit, *json, *log, *trace, *html; /* files to write, or NULL */
    const char *record;                            /* folder, or NULL */
    const char *allow; /* rules that may be broken in every run, separated by commas; or NULL */
    const char *out;   /* record: the file */
    const char *names; /* record: hosts, separated by commas; or NULL */
    const char *const *arguments; /* record: what follows "--"; NULL at the end */
    char **files;                 /* folders are replaced by the scenarios below */
    size_t file_count;
};

/* False: what is wrong went to stderr, or nothing when there is no command. */
bool hns_options_parse(struct hns_options *options, int argc, char **argv);
void hns_options_add_file(struct hns_options *options, const char *path);
void hns_options_clear(struct hns_options *options);
void hns_usage(FILE *to);

#endif
