#ifndef ECA_SYS_CLOCK_H
#define ECA_SYS_CLOCK_H

#include "agent/ports/clock.h"

/* CLOCK_MONOTONIC and CLOCK_REALTIME. */
struct eca_clock eca_clock_system(void);

#endif
