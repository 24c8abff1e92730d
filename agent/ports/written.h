#ifndef ECA_PORTS_WRITTEN_H
#define ECA_PORTS_WRITTEN_H

#include "agent/base/buf.h"

/* For channels: which of the queued messages have left as a whole (on_written). Offsets count all
 * bytes of a connection. Zero is a valid beginning. */
struct eca_written {
    struct eca_buf ends; /* uint64_t each: where a message that has not left ends */
};

void eca_written_add(struct eca_written *written, uint64_t end);
/* True once for each message whose end has been reached, in order. */
bool eca_written_next(struct eca_written *written, uint64_t gone);
void eca_written_clear(struct eca_written *written);

#endif
