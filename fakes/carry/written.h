#ifndef FAKES_CARRY_WRITTEN_H
#define FAKES_CARRY_WRITTEN_H

#include "agent/base/buf.h"

/* For channels: which of the queued messages have left as a whole (on_written). Offsets count all
 * bytes of a connection. Zero is a valid beginning. */
struct fake_written {
    struct eca_buf ends; /* uint64_t each: where a message that has not left ends */
};

void fake_written_add(struct fake_written *written, uint64_t end);
/* True once for each message whose end has been reached, in order. */
bool fake_written_next(struct fake_written *written, uint64_t gone);
void fake_written_clear(struct fake_written *written);

#endif
