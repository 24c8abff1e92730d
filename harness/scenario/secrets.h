#ifndef HARNESS_SCENARIO_SECRETS_H
#define HARNESS_SCENARIO_SECRETS_H

#include "agent/base/buf.h"

/*
 * The forms in which a secret may leak (NKT-404): as it is, in base64 (also where it begins in the
 * middle of three bytes), in hexadecimal of either case, and as a list of decimal byte values, as
 * Go prints bytes ("[115 119]", also with commas).
 */
struct hns_secret_forms {
    struct eca_buf text[9];
    size_t count;
};
void hns_secret_forms_init(struct hns_secret_forms *forms, const char *secret);
void hns_secret_forms_clear(struct hns_secret_forms *forms);
/* The form that stands in the text, or NULL. */
const char *hns_secret_found(const struct hns_secret_forms *forms, struct eca_view text);

struct hns_run;
/* FB-INV.6: fails the run when a secret stands in the agent's log or in what is durable. */
void hns_check_secrets(struct hns_run *run);

#endif
