#ifndef HARNESS_SIM_DISK_H
#define HARNESS_SIM_DISK_H

#include "agent/ports/sched.h"
#include "agent/ports/store.h"
#include "harness/sim/machine.h"

/*
 * A disk in memory behind the store port: what was committed survives the agent's crash, a commit
 * under way does not. Commits can be slow or fail.
 */
struct sim_disk;
/* Copies go to the machine as files, and what broken saves left there is swept at opening. */
struct sim_disk *sim_disk_new(struct eca_sched *sched, struct sim_machine *machine);
void sim_disk_free(struct sim_disk *disk);
struct eca_store_opener sim_disk_opener(struct sim_disk *disk);

enum sim_disk_state { SIM_DISK_OK, SIM_DISK_FAIL, SIM_DISK_FULL, SIM_DISK_READ_ONLY };
/* The next `times` commits (0 = all until changed) end like this, after takes_ms. */
void sim_disk_set(struct sim_disk *disk, enum sim_disk_state state, uint32_t times,
                  uint64_t takes_ms);
/* Somebody wrote the state file of v1.13.1: it is newer than the database until the next commit. */
void sim_disk_legacy_written(struct sim_disk *disk);
/* The process died: the lock is free, the commit under way is lost. */
void sim_disk_crash(struct sim_disk *disk);
/* Every value that is durable, one a line. */
void sim_disk_text(const struct sim_disk *disk, struct eca_buf *out);

#endif
