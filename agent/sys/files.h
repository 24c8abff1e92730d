#ifndef ECA_SYS_FILES_H
#define ECA_SYS_FILES_H

#include "agent/ports/files.h"
#include "agent/sys/loop.h"

/* The files port on this machine: one thread, begun with the first operation. */
struct eca_files_disk;
struct eca_files_disk *eca_files_disk_new(struct eca_loop *loop);
/* Waits for the operation under way; those still open are canceled. NULL ok. */
void eca_files_disk_free(struct eca_files_disk *disk);
struct eca_files eca_files_disk_port(struct eca_files_disk *disk);

#endif
