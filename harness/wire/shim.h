#ifndef HARNESS_WIRE_SHIM_H
#define HARNESS_WIRE_SHIM_H

#include <stdint.h>

/*
 * The clock inside curl, libmicrohttpd and OpenSSL: the C library's clock functions
 * as this program defines them. They tell the system's time until a wire run sets another
 * (docs/EVENT-LOOP.md, section 9).
 */
void hns_shim_set(uint64_t mono_ns, int64_t wall_ms);
void hns_shim_system(void);

#endif
