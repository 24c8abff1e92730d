#ifndef ECA_SYS_HOST_LINUX_H
#define ECA_SYS_HOST_LINUX_H

#include "agent/ports/host.h"

/* This process's environment, CPUs, memory and files. */
struct eca_host eca_host_linux(void);

/* MemTotal of a /proc/meminfo text in MiB (API-610): an entry counts with three fields, the third
 * kB. */
int eca_meminfo_total_mib(struct eca_view text, uint64_t *ret_mib, struct eca_err *err);

#endif
