#ifndef ECA_PORTS_ENTROPY_H
#define ECA_PORTS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"

/* Entropy port: jitter, names, ids, websocket keys. Seeded in simulation. */
struct eca_entropy_ops {
    void (*fill)(void *impl, void *bytes, size_t len);
};
struct eca_entropy {
    const struct eca_entropy_ops *ops;
    void *impl;
};

static inline void eca_entropy_fill(struct eca_entropy entropy, void *bytes, size_t len)
{
    entropy.ops->fill(entropy.impl, bytes, len);
}
/* Uniform in [0, bound); bound 0 gives 0. */
uint64_t eca_entropy_below(struct eca_entropy entropy, uint64_t bound);
/* `digits` lower-case hex digits and a NUL. */
void eca_entropy_hex(struct eca_entropy entropy, size_t digits, char *ret_text);
/* Random UUID version 4, lower case with dashes, 36 characters and a NUL (TCS-603, API-614). */
void eca_entropy_uuid(struct eca_entropy entropy, char ret_text[37]);

#endif
