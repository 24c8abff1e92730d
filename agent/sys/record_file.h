#ifndef ECA_SYS_RECORD_FILE_H
#define ECA_SYS_RECORD_FILE_H

#include "agent/ports/segments.h"

/*
 * The files of a flight recording, mode 0600: the newest segment has the name, "<path>.1" the one
 * before it, and so on; the oldest of `count` makes room. A restart of the process begins a segment
 * as well: it is the life before it that somebody wants to see.
 */
struct eca_record_file;
struct eca_record_file *eca_record_file_new(const char *path, unsigned count);
struct eca_segments eca_record_file_port(struct eca_record_file *file);
/* From now on a crash of the process writes out what this file has not written yet, so that the
 * input the core died of is the last one of the recording. Signals that somebody handles already
 * are left to them. One file in a process; until it is freed. */
void eca_record_file_rescue(struct eca_record_file *file);
void eca_record_file_free(struct eca_record_file *file); /* NULL ok */

#endif
