#ifndef ECA_AWS_DIGEST_H
#define ECA_AWS_DIGEST_H

#include "agent/base/buf.h"

/* Digests: the one place that talks to the crypto library about hashes. None of these can fail. */
#define ECA_SHA256_BYTES 32
#define ECA_SHA1_BYTES 20
#define ECA_MD5_BYTES 16
#define ECA_SHA256_HEX_BYTES 65 /* with NUL */

void eca_sha256(struct eca_view bytes, unsigned char ret_digest[ECA_SHA256_BYTES]);
void eca_sha256_hex(struct eca_view bytes, char ret_hex[ECA_SHA256_HEX_BYTES]);
void eca_hmac_sha256(struct eca_view key, struct eca_view bytes,
                     unsigned char ret_digest[ECA_SHA256_BYTES]);
void eca_sha1(struct eca_view bytes, unsigned char ret_digest[ECA_SHA1_BYTES]);
void eca_md5(struct eca_view bytes, unsigned char ret_digest[ECA_MD5_BYTES]);

/* Piece by piece, for downloads (UPD-122) and archives. */
enum eca_digest_kind { ECA_DIGEST_MD5, ECA_DIGEST_SHA1, ECA_DIGEST_SHA256 };
struct eca_digest;
struct eca_digest *eca_digest_new(enum eca_digest_kind kind);
void eca_digest_add(struct eca_digest *digest, struct eca_view bytes);
/* Lower-case hex of everything added; then only eca_digest_free is allowed. */
void eca_digest_hex(struct eca_digest *digest, char ret_hex[ECA_SHA256_HEX_BYTES]);
void eca_digest_free(struct eca_digest *digest); /* NULL ok */

/* Equal without telling by time where they differ. */
bool eca_digest_equal(struct eca_view a, struct eca_view b);

#endif
