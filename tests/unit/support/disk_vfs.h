#ifndef TESTS_SUPPORT_DISK_VFS_H
#define TESTS_SUPPORT_DISK_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * SQLite's disk, seen through a layer over the ordinary one: every write, truncation, flush and
 * deletion of the database's files in one directory is kept in order, so that the disk can be
 * rebuilt as a power cut at any moment may have left it; and any of them can be made to fail.
 *
 * Made for the store adapter, which is not changed for it: the layer is SQLite's default while it
 * is installed. The adapter's thread and the test's may call at the same time.
 */
void disk_vfs_install(const char *dir);
void disk_vfs_remove(void);
size_t disk_vfs_count(void); /* of entries so far */
void disk_vfs_forget(void);  /* all entries */

/* Into the sequence: batch `number` is acknowledged from here on. */
void disk_vfs_acknowledge(uint32_t number);

enum disk_fault {
    DISK_FULL,        /* writes and growth fail for lack of space */
    DISK_WRITE_FAILS, /* input/output error: also what a file system remounted read-only says */
    DISK_FLUSH_FAILS, /* what was not flushed before is lost, even if a later flush succeeds */
    DISK_OPEN_FAILS,
};
/* Let `skip` operations of that kind pass, then fail `times` of them (0 = all from then on). */
void disk_vfs_fail(enum disk_fault fault, uint64_t skip, uint64_t times);
/* Nothing fails any more. How many operations failed since the last disk_vfs_fail. */
uint64_t disk_vfs_heal(void);
/* Flushes are not kept: as on a disk that lies, or with synchronous=OFF. */
void disk_vfs_lie(bool on);

enum disk_cut {
    DISK_ALL_WRITTEN,  /* everything up to the cut reached the disk */
    DISK_ALL_DROPPED,  /* of each file only what was flushed */
    DISK_SOME_DROPPED, /* of what was not flushed some, by seed; a write may be torn in sectors */
};
/* The files after a power cut behind entry `upto`, into the folder `into` (emptied first). Returns
 * the number of the last batch acknowledged by then. */
uint32_t disk_vfs_rebuild(size_t upto, enum disk_cut cut, uint64_t seed, const char *into);

#endif
