#ifndef HARNESS_LIVE_PROGRAMS_H
#define HARNESS_LIVE_PROGRAMS_H

#include "agent/sys/loop.h"
#include "harness/scenario/run.h"

/* Programs of this machine that a scenario runs beside the agent (verb `run`). */
#define HNS_PROGRAM_OUTPUT_MAX ((size_t)1 << 20) /* bytes kept of one; the rest is dropped */

struct hns_programs;
struct hns_programs *hns_programs_new(struct eca_loop *loop);
/* Those under way are killed, without a call. NULL ok. */
void hns_programs_free(struct hns_programs *programs);
/*
 * argv ends with NULL; argv[0] is looked up in PATH. The environment is the harness's own. on_done
 * runs later, from the loop, once; code 127: there is no such program.
 */
int hns_program_run(struct hns_programs *programs, const char *const *argv, hns_program_fn *on_done,
                    void *arg, struct eca_err *err);

#endif
