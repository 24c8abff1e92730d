#ifndef HARNESS_SIM_HEAP_H
#define HARNESS_SIM_HEAP_H

#include <stdint.h>

/*
 * How many bytes of the heap `drop` gives back, found in a child of this process that calls it and
 * ends: nothing changes here. That is what an object holds among many in one process; what it has
 * lost the pointer to is not counted (leak checkers find that). 0 when there is no child.
 */
uint64_t sim_heap_held(void (*drop)(void *arg), void *arg);

#endif
