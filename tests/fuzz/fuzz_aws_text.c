/* Texts around signatures: the shared credentials file (EC2-303), the header block of a telemetry
 * message and its signature (TCS-401), the identity document (EC2-103). */
#include <assert.h>
#include <stdint.h>

#include "agent/aws/credentials.h"
#include "agent/aws/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lookup(void *arg, struct eca_view id, struct eca_sigv4_keys *ret_keys)
{
    (void)arg;
    *ret_keys = (struct eca_sigv4_keys){id, eca_view_str("secret"), ECA_VIEW_NONE};
    return true;
}

static void read_message(struct eca_view text)
{
    eca_auto_buf struct eca_buf storage = {0};
    struct eca_http_header headers[ECA_SIGV4_BLOCK_HEADERS_MAX];
    struct eca_sigv4_refusal refusal = {0};
    struct eca_sigv4_check check = {
        .method = "GET", .path = text, .query = text, .headers = headers, .lookup = lookup};
    struct eca_err err = {0};

    if (eca_sigv4_message_split(text, &storage, headers, &check.header_count, &check.body, &err) <
        0) {
        assert(err.code == ECA_E_INVALID);
        return;
    }
    if (eca_sigv4_verify(&check, &refusal, &err) < 0) {
        assert(refusal.type != NULL && err.msg[0] != '\0');
    }
    eca_sigv4_refusal_clear(&refusal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eca_view text = eca_view_of((const char *)data, size);
    struct eca_aws_keys keys = {0};
    struct eca_imds_identity identity;

    if (eca_aws_ini_keys(text, "default", &keys, NULL) == ECA_OK) {
        assert(keys.id != NULL && keys.id[0] != '\0' && keys.secret.len > 0);
        eca_aws_keys_clear(&keys);
    }
    (void)eca_imds_identity_parse(text, &identity, NULL);
    read_message(text);
    return 0;
}
