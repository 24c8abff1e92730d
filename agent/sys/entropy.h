#ifndef ECA_SYS_ENTROPY_H
#define ECA_SYS_ENTROPY_H

#include "agent/ports/entropy.h"

/* The kernel's random bytes. */
struct eca_entropy eca_entropy_system(void);

#endif
