#include "agent/ports/written.h"

#include <string.h>

void eca_written_add(struct eca_written *written, uint64_t end)
{
    eca_buf_add(&written->ends, &end, sizeof(end));
}

bool eca_written_next(struct eca_written *written, uint64_t gone)
{
    uint64_t end;

    if (written->ends.len == 0) {
        return false;
    }
    memcpy(&end, written->ends.at, sizeof(end));
    if (end > gone) {
        return false;
    }
    eca_buf_drop(&written->ends, sizeof(end));
    return true;
}

void eca_written_clear(struct eca_written *written)
{
    eca_buf_clear(&written->ends);
}
