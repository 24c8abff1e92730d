#ifndef HARNESS_RUN_COMMAND_H
#define HARNESS_RUN_COMMAND_H

#include "harness/cmdline.h"
#include "harness/report/files.h"
#include "harness/report/timeline.h"

/* What a command writes besides its words on the terminal. */
struct hns_outputs {
    FILE *log;
    struct report_files files;
    struct report_timeline timeline;
    bool verbose;
};
/* Ends the program when one cannot be written. */
void hns_outputs_open(struct hns_outputs *outputs, const struct hns_options *options);
bool hns_outputs_close(struct hns_outputs *outputs, const struct hns_options *options);

/*
 * `harness run`: plays the scenarios and tells how each went. Those of sim and wire play in a child
 * (harness/apart.h): a crash of the core is a failed scenario with a name. Returns the exit code.
 */
int hns_run_command(struct hns_options *options);

#endif
