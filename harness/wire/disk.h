#ifndef HARNESS_WIRE_DISK_H
#define HARNESS_WIRE_DISK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The disk below SQLite and the files adapter: the C library's write and flush functions as this
 * program defines them. They do their work until a wire run wants the files of one folder to fail.
 */
enum wire_disk_state { WIRE_DISK_OK, WIRE_DISK_FAIL, WIRE_DISK_FULL, WIRE_DISK_READ_ONLY };
/* The folder of the run, copied; NULL: none, and all is well. Not while anybody writes. */
void wire_disk_folder(const char *dir);
/* So many calls fail from now on; times 0: all until changed. */
void wire_disk_set(enum wire_disk_state state, uint32_t times);

#endif
