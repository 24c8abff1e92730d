#ifndef ECA_AWS_CREDENTIALS_H
#define ECA_AWS_CREDENTIALS_H

#include "agent/aws/imds.h"
#include "agent/aws/sigv4.h"
#include "agent/ports/host.h"

/*
 * The instance's own credentials: environment, shared file, instance role; the first that answers
 * is kept until it expires (EC2-301..311).
 */
struct eca_aws_keys {
    char *id;
    struct eca_secret secret;
    struct eca_secret token; /* unset: none */
};
/* Borrowed views for the signer. */
struct eca_sigv4_keys eca_aws_keys_view(const struct eca_aws_keys *keys);
void eca_aws_keys_clear(struct eca_aws_keys *keys);
/* Not empty, and nothing in it that would end a header line or a C string: such a key comes from a
 * damaged file or a hostile answer and is taken as missing. */
bool eca_aws_key_is_usable(struct eca_view text);

/* Zero = the default in brackets. */
struct eca_aws_creds_opts {
    uint64_t refresh_before_ms;   /* [300000] before the expiry (EC2-306) */
    uint64_t refresh_interval_ms; /* [10000] at most one refresh in this time */
};

struct eca_aws_creds;
struct eca_aws_creds *eca_aws_creds_new(struct eca_sched *sched, struct eca_host host,
                                        struct eca_imds *imds, struct eca_log *log,
                                        const struct eca_aws_creds_opts *opts);
void eca_aws_creds_free(struct eca_aws_creds *creds); /* waiters end without a callback */

/*
 * err NULL: keys are valid now, borrowed for the call. Otherwise ECA_E_DENIED, sentence begins
 * "NoCredentialProviders" (EC2-310). Runs once, later, from the loop.
 */
typedef void eca_aws_creds_fn(void *arg, const struct eca_aws_keys *keys,
                              const struct eca_err *err);
struct eca_aws_creds_wait;
void eca_aws_creds_get(struct eca_aws_creds *creds, eca_aws_creds_fn *on_done, void *arg,
                       struct eca_aws_creds_wait **ret_wait);
void eca_aws_creds_cancel(struct eca_aws_creds_wait *wait); /* NULL ok */

/* Valid keys that are already here, else NULL (then ask eca_aws_creds_get); starts a due refresh.
 * For signing a telemetry message at the moment of sending. Borrowed until the loop's next round.
 */
const struct eca_aws_keys *eca_aws_creds_now(struct eca_aws_creds *creds);

/* The server called them expired: the next question starts from the top (EC2-311). */
void eca_aws_creds_expire(struct eca_aws_creds *creds);

/*
 * Keys of one profile of a shared credentials file (EC2-303); pure. ECA_E_NOT_FOUND: no such
 * section or a required key is missing.
 */
int eca_aws_ini_keys(struct eca_view text, const char *profile, struct eca_aws_keys *ret_keys,
                     struct eca_err *err);

#endif
