#ifndef NK_TARGET_H
#define NK_TARGET_H

#include <stdint.h>

#include "netkitten/error.h"
#include "netkitten/resolve.h"

enum {
    NK_HOST_BYTES_MAX = 256,
};

/* Where to connect to. */
struct nk_target {
    char host[NK_HOST_BYTES_MAX]; /* name or numeric address without brackets; "" = this machine */
    uint16_t port;
};

/*
 * Split HOST:PORT, [V6]:PORT or :PORT; the port is a number or a well-known service name (NKT-124).
 * Returns 0 or -1.
 */
int nk_target_parse(const char *text, struct nk_target *ret_target, struct nk_err *err);

/*
 * Connect to HOST:PORT: find the addresses, try each until one connects (NKT-130). No own time
 * limit. Returns a blocking close-on-exec socket that the caller owns, or -1.
 */
int nk_target_connect(const struct nk_resolver *resolver, const char *text, struct nk_err *err);

#endif
