#ifndef ECA_PORTS_SEGMENTS_H
#define ECA_PORTS_SEGMENTS_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* Where the segments of a flight recording go (agent/record/flight.h). */
struct eca_segments_ops {
    int (*begin)(void *impl, struct eca_err *err);  /* a new segment; the one before is complete */
    void (*line)(void *impl, struct eca_view line); /* one JSON object, without newline */
    void (*flush)(void *impl); /* what was written so far survives the process */
    void (*end)(void *impl);   /* the segment is complete */
};
struct eca_segments {
    const struct eca_segments_ops *ops;
    void *impl;
};

#endif
