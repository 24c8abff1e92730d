#ifndef ECA_SYS_STORE_FILES_H
#define ECA_SYS_STORE_FILES_H

#include <stdbool.h>
#include <stdint.h>

/* What lies in the data directory beside an open database. The database's own files are
 * store_sqlite.c's. */

/* Remove what broken saves left: of v1.13.1 (STATE-101, FB-13.6), and of our own copies. */
void eca_store_files_sweep(const char *dir);
/* The state file of v1.13.1 is there, and was written after the database and its log (STATE-127).
 * Asked before the database is opened: that may write. */
bool eca_store_files_newer_legacy(const char *dir);
/* Path of a copy that does not exist yet: "<dir>/agent.db.<why>-<UTC>", with a number when that
 * exists already. Owned. */
char *eca_store_files_copy_name(const char *dir, const char *why, int64_t wall_ms);
/* Make the empty file, readable by its owner only (FB-13.7): a database made here keeps the mode.
 * One that exists is left as it is. */
void eca_store_files_private(const char *path);

#endif
