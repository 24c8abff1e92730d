#ifndef ECA_SYS_RECORD_FILE_H
#define ECA_SYS_RECORD_FILE_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * The file of a flight recording, mode 0600. A file of that name is kept as "<path>.1": a crash is
 * followed by a restart, and it is the crashed life that somebody wants to see. At bytes_max the
 * recording ends with a line that says so: what comes later could not be played without what came
 * before.
 */
#define ECA_RECORD_FILE_BYTES_MAX ((uint64_t)256 << 20)

struct eca_record_file;
struct eca_record_file *eca_record_file_open(const char *path, uint64_t bytes_max,
                                             struct eca_err *err);
void eca_record_file_line(void *impl, struct eca_view line); /* impl: the file */
void eca_record_file_close(struct eca_record_file *file);    /* NULL ok */

#endif
