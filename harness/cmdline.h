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
    const char *command; /* NULL: none was given */
    char **argv;         /* borrowed */
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
    bool verbose, twice, keep, no_agent, help;
    const char *agent_path, *real_docker;
    const char *address, *host, *acs_url, *fail, *docker_api; /* serve, or NULL */
    const char *junit, *json, *log, *trace, *html;            /* files to write, or NULL */
    const char *record;                                       /* folder, or NULL */
    const char *allow; /* rules that may be broken in every run, separated by commas; or NULL */
    const char *out;   /* record: the file */
    const char *names; /* record: hosts, separated by commas; or NULL */
    const char *const *arguments; /* record: what follows "--"; NULL at the end */
    char **files;                 /* folders are replaced by the scenarios below */
    size_t file_count;
};

/*
 * Fills the options, with their defaults. `harness --help`, `harness help COMMAND` and `harness
 * COMMAND
 * --help` set `help`; the command is NULL when none was named.
 *
 * errors    INVALID: no command, an unknown word, a bad value. hns_options_clear() either way.
 */
int hns_options_parse(struct hns_options *options, int argc, char **argv, struct eca_err *err);
void hns_options_add_file(struct hns_options *options, const char *path);
void hns_options_clear(struct hns_options *options);
/* What the command does and takes; NULL: all commands. */
void hns_usage(FILE *to, const char *command);
/* The words that play a scenario under these options again, without seed and file, fit for a shell.
 */
void hns_options_command(const struct hns_options *options, struct eca_buf *out);

#endif
