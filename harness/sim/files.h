#ifndef HARNESS_SIM_FILES_H
#define HARNESS_SIM_FILES_H

#include "agent/ports/files.h"
#include "agent/ports/sched.h"
#include "harness/sim/machine.h"

/*
 * The files port on the simulated machine: what is written is among its files, a little later.
 * Every operation takes a moment of its own and ends in the order of the calls.
 */
struct sim_files;
struct sim_files *sim_files_new(struct eca_sched *sched, struct sim_machine *machine);
void sim_files_free(struct sim_files *files);
struct eca_files sim_files_port(struct sim_files *files);

/* From now on the disk takes no more bytes, or takes them again. */
void sim_files_full(struct sim_files *files, bool full);
/* From now on each operation takes so long. */
void sim_files_slow(struct sim_files *files, uint64_t takes_ms);
/* The process dies, its memory is freed next: what is half written stays, nobody is told. */
void sim_files_crash(struct sim_files *files);

#endif
