#include "fakes/carry/written.h"

#include <string.h>

void fake_written_add(struct fake_written *written, uint64_t end)
{
    eca_buf_add(&written->ends, &end, sizeof(end));
}

bool fake_written_next(struct fake_written *written, uint64_t gone)
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

void fake_written_clear(struct fake_written *written)
{
    eca_buf_clear(&written->ends);
}
