#include <stdlib.h>

#include "tests/unit/ports/contract.h"
#include "tests/unit/support/memory_store.h"

/* The store that unit tests of the core use keeps the contract of the port. */
static struct manual_clock clock;
static struct memory_store memory;

static void open_memory(void)
{
    manual_clock_init(&clock);
    memory_store_init(&memory, clock.sched);
}

static void close_memory(void)
{
    memory_store_clear(&memory);
    manual_clock_clear(&clock);
}

static struct eca_store store(void)
{
    return memory_store_port(&memory);
}

static void step(void)
{
    manual_clock_advance_ms(&clock, 1);
}

static void fail_next(bool on)
{
    memory.fail = on ? UINT32_MAX : 0;
}

int main(void)
{
    static const struct contract_store_rig rig = {open_memory, close_memory, store, step,
                                                  fail_next};
    Suite *suite = suite_create("memory store");

    contract_store_add(suite, &rig);
    return contract_main(NULL, suite);
}
