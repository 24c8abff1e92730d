#ifndef FAKES_CARRY_CERTS_H
#define FAKES_CARRY_CERTS_H

#include <stdint.h>

#include "agent/base/err.h"

/*
 * A certificate authority and a server certificate made for one run (WS-301). Valid from a day
 * before wall_ms for ten years, so that virtual and real clocks both lie inside. Files in `dir`:
 * ca.pem, server.pem, server-key.pem (0600).
 */
struct fake_certs_opts {
    const char *dir;          /* exists */
    int64_t wall_ms;          /* around this moment */
    const char *const *names; /* DNS names beside "localhost"; addresses 127.0.0.1 and ::1 always */
    int name_count;
    int64_t not_before_ms, not_after_ms; /* 0 = as above; for certificates that are expired */
    const char *prefix; /* file prefix, "expired-" gives expired-server.pem; NULL = none */
};
struct fake_certs {
    char ca_file[256], cert_file[256], key_file[256];
};
int fake_certs_make(const struct fake_certs_opts *opts, struct fake_certs *ret_certs,
                    struct eca_err *err);

#endif
