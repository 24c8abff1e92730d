#ifndef ECA_STATS_SAMPLE_H
#define ECA_STATS_SAMPLE_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* One object of Docker's stats stream, reduced to the fields of STAT-301. */
struct eca_stats_sample {
    int64_t read_ns;       /* wall, Unix epoch */
    uint64_t cpu_total_ns; /* of all cores since container start, exact (STAT-302) */
    uint32_t online_cpus;  /* 0 = not told */
    uint64_t memory_bytes; /* page cache already taken off (STAT-304) */
};

#define ECA_STATS_OBJECT_BYTES_MAX ((size_t)1 << 20) /* larger is invalid JSON (STAT-502) */

/*
 * Read one complete JSON object without building a tree (STAT-503): one pass, no allocation.
 * ECA_E_INVALID    not JSON: ends the stream (STAT-206)
 * ECA_E_NOT_FOUND  valid JSON that is no usable sample: only this one is discarded, and with it the
 *                  baseline of the next (STAT-301, STAT-305)
 */
int eca_stats_sample_parse(struct eca_view json, struct eca_stats_sample *ret_sample,
                           struct eca_err *err);

#endif
