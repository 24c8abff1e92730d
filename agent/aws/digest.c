#include "agent/aws/digest.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "agent/base/mem.h"

static const char hex_digits[] = "0123456789abcdef";

static void to_hex(const unsigned char *bytes, size_t len, char *ret_hex)
{
    for (size_t i = 0; i < len; i++) {
        ret_hex[2 * i] = hex_digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    ret_hex[2 * len] = '\0';
}

/* The library fails only without memory or with the algorithm compiled out: both end the process.
 */
static void whole(const EVP_MD *kind, struct eca_view bytes, unsigned char *ret_digest)
{
    int ok = EVP_Digest(bytes.len == 0 ? "" : bytes.at, bytes.len, ret_digest, NULL, kind, NULL);
    assert(ok == 1);
    (void)ok;
}

void eca_sha256(struct eca_view bytes, unsigned char ret_digest[ECA_SHA256_BYTES])
{
    whole(EVP_sha256(), bytes, ret_digest);
}

void eca_sha256_hex(struct eca_view bytes, char ret_hex[ECA_SHA256_HEX_BYTES])
{
    unsigned char digest[ECA_SHA256_BYTES];

    eca_sha256(bytes, digest);
    to_hex(digest, sizeof(digest), ret_hex);
}

void eca_hmac_sha256(struct eca_view key, struct eca_view bytes,
                     unsigned char ret_digest[ECA_SHA256_BYTES])
{
    const char *text = bytes.len == 0 ? "" : bytes.at;
    const unsigned char *done;

    assert(key.len <= INT32_MAX);
    done = HMAC(EVP_sha256(), key.len == 0 ? "" : key.at, (int)key.len, (const unsigned char *)text,
                bytes.len, ret_digest, NULL);
    assert(done != NULL);
    (void)done;
}

void eca_sha1(struct eca_view bytes, unsigned char ret_digest[ECA_SHA1_BYTES])
{
    whole(EVP_sha1(), bytes, ret_digest);
}

void eca_md5(struct eca_view bytes, unsigned char ret_digest[ECA_MD5_BYTES])
{
    whole(EVP_md5(), bytes, ret_digest);
}

struct eca_digest {
    EVP_MD_CTX *context;
};

static const EVP_MD *kind_of(enum eca_digest_kind kind)
{
    switch (kind) {
    case ECA_DIGEST_MD5:
        return EVP_md5();
    case ECA_DIGEST_SHA1:
        return EVP_sha1();
    case ECA_DIGEST_SHA256:
        break;
    }
    return EVP_sha256();
}

struct eca_digest *eca_digest_new(enum eca_digest_kind kind)
{
    struct eca_digest *digest = eca_xalloc(sizeof(*digest));
    int ok;

    digest->context = EVP_MD_CTX_new();
    assert(digest->context != NULL);
    ok = EVP_DigestInit_ex(digest->context, kind_of(kind), NULL);
    assert(ok == 1);
    (void)ok;
    return digest;
}

void eca_digest_add(struct eca_digest *digest, struct eca_view bytes)
{
    int ok = EVP_DigestUpdate(digest->context, bytes.len == 0 ? "" : bytes.at, bytes.len);
    assert(ok == 1);
    (void)ok;
}

void eca_digest_hex(struct eca_digest *digest, char ret_hex[ECA_SHA256_HEX_BYTES])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    int ok = EVP_DigestFinal_ex(digest->context, bytes, &len);

    assert(ok == 1 && len <= ECA_SHA256_BYTES);
    (void)ok;
    to_hex(bytes, len, ret_hex);
}

void eca_digest_free(struct eca_digest *digest)
{
    if (digest != NULL) {
        EVP_MD_CTX_free(digest->context);
        eca_free(digest);
    }
}

bool eca_digest_equal(struct eca_view a, struct eca_view b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}
