#ifndef HARNESS_WIRE_SHIM_H
#define HARNESS_WIRE_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The clock inside curl, libwebsockets, libmicrohttpd and OpenSSL: the C library's clock functions
 * as this program defines them. They tell the system's time until a wire run sets another
 * (docs/EVENT-LOOP.md, section 9).
 */
void hns_shim_set(uint64_t mono_ns, int64_t wall_ms);
void hns_shim_system(void);
/* Descriptors that poll has reported since the last call. */
size_t hns_shim_polled(void);

#endif
