#ifndef ECA_AWS_SIGV4_INTERNAL_H
#define ECA_AWS_SIGV4_INTERNAL_H

#include "agent/aws/sigv4.h"

/* Shared by signer (sigv4.c) and verifier (sigv4_verify.c). */

/* Value of a header by name in any letter case, or NULL. */
const char *eca_sigv4_find_header(const struct eca_http_header *headers, size_t count,
                                  struct eca_view name);
/* Walk a ";"-separated list; cursor 0 starts. */
bool eca_sigv4_next_name(struct eca_view list, size_t *cursor, struct eca_view *ret_name);
void eca_sigv4_signature(struct eca_view canonical, const char *date, struct eca_view region,
                         struct eca_view service, struct eca_view secret,
                         char ret_canonical_sha256[ECA_SHA256_HEX_BYTES],
                         char ret_signature[ECA_SHA256_HEX_BYTES]);

#endif
