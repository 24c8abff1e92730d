#ifndef ECA_SYS_LOG_SINK_H
#define ECA_SYS_LOG_SINK_H

#include "agent/base/err.h"
#include "agent/base/log.h"

/*
 * Where log and audit lines go: stdout and, when a path is set, hourly files
 * `<path>.<YYYY-MM-DD-HH>` in local time, each of bounded size, 24 old ones kept (LOG-101,
 * LOG-106..111, AUD-101). A
 * private thread writes; the producer never waits: what does not fit into the queue is dropped,
 * counted and said when there is room again (LOG-107, AUD-104).
 */
#define ECA_LOG_QUEUE_BYTES_MAX ((size_t)4 << 20)
#define ECA_LOG_FILES_KEPT 24
#define ECA_LOG_FILE_BYTES_MAX ((size_t)32 << 20) /* of an hour; 800 MiB in all (FB-33.5) */

struct eca_log_writer;
struct eca_log_writer *eca_log_writer_new(void);
/* Writes out what is queued, at most limit_ms, and ends (PROC-303). NULL ok. */
void eca_log_writer_free(struct eca_log_writer *writer, uint64_t limit_ms);
/* path NULL or "": stdout only. The directory is made, mode 0755. */
int eca_log_writer_set_file(struct eca_log_writer *writer, const char *path, struct eca_err *err);
/* Queue one line that ends with '\n'; wall_ms decides about the hour. */
void eca_log_writer_add(struct eca_log_writer *writer, int64_t wall_ms, struct eca_view line);
/* An eca_log_sink_fn; arg is the writer. */
void eca_log_writer_sink(void *arg, enum eca_log_level level, int64_t wall_ms,
                         struct eca_view line);

#endif
