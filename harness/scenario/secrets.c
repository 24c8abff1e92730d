#include "harness/scenario/secrets.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "harness/scenario/inside.h"

/* In base64, three bytes are four characters; those that neighbours have a part in are left out. */
static void add_base64(struct hns_secret_forms *forms, const char *secret, size_t offset)
{
    eca_auto_buf struct eca_buf bytes = {0}, encoded = {0};
    struct eca_view inner;
    size_t first = offset == 0 ? 0 : offset + 1, rest = (strlen(secret) + offset) % 3;

    eca_buf_add(&bytes, "\0\0", offset);
    eca_buf_add_str(&bytes, secret);
    eca_base64(bytes.at, bytes.len, false, &encoded);
    inner = eca_view_sub(eca_buf_view(&encoded), first,
                         encoded.len - first -
                             (rest == 0   ? 0
                              : rest == 1 ? 3
                                          : 2));
    if (inner.len >= 4) { /* fewer stand everywhere */
        eca_buf_add_view(&forms->text[forms->count++], inner);
    }
}

static void add_hex(struct hns_secret_forms *forms, const char *secret, const char *digits)
{
    struct eca_buf *out = &forms->text[forms->count++];

    for (const char *at = secret; *at != '\0'; at++) {
        eca_buf_add_char(out, digits[(unsigned char)*at >> 4]);
        eca_buf_add_char(out, digits[(unsigned char)*at & 15]);
    }
}

static void add_decimal(struct hns_secret_forms *forms, const char *secret, const char *between)
{
    struct eca_buf *out = &forms->text[forms->count++];

    for (const char *at = secret; *at != '\0'; at++) {
        eca_buf_addf(out, "%s%u", at == secret ? "" : between, (unsigned)(unsigned char)*at);
    }
}

void hns_secret_forms_init(struct hns_secret_forms *forms, const char *secret)
{
    *forms = (struct hns_secret_forms){0};
    eca_buf_add_str(&forms->text[forms->count++], secret);
    for (size_t offset = 0; offset < 3; offset++) {
        add_base64(forms, secret, offset);
    }
    add_hex(forms, secret, "0123456789abcdef");
    add_hex(forms, secret, "0123456789ABCDEF");
    add_decimal(forms, secret, " ");
    add_decimal(forms, secret, ", ");
    add_decimal(forms, secret, ",");
}

void hns_secret_forms_clear(struct hns_secret_forms *forms)
{
    for (size_t i = 0; i < forms->count; i++) {
        eca_buf_clear(&forms->text[i]);
    }
}

const char *hns_secret_found(const struct hns_secret_forms *forms, struct eca_view text)
{
    for (size_t i = 0; i < forms->count; i++) {
        if (eca_view_find(text, eca_buf_str(&forms->text[i]), 0) != SIZE_MAX) {
            return eca_buf_str(&forms->text[i]);
        }
    }
    return NULL;
}

static void check_secret(struct hns_run *run, const char *secret, struct eca_view durable)
{
    struct hns_secret_forms forms;
    const char *found;

    hns_secret_forms_init(&forms, secret);
    for (size_t i = 0; i < run->line_count; i++) {
        found = hns_secret_found(&forms, eca_view_str(run->lines[i].text));
        if (found != NULL) {
            hns_fail_wrong(run, NULL, "FB-INV.6: a secret stands in the log, line %zu, as %s",
                           i + 1, found);
        }
    }
    found = hns_secret_found(&forms, durable);
    if (found != NULL) {
        hns_fail_wrong(run, NULL, "FB-INV.6: a secret stands in the data directory, as %s", found);
    }
    hns_secret_forms_clear(&forms);
}

void hns_check_secrets(struct hns_run *run)
{
    eca_auto_buf struct eca_buf durable = {0};

    if (hns_is_allowed(run, "FB-INV.6")) {
        return;
    }
    if (run->stage.ops->durable_text != NULL) {
        run->stage.ops->durable_text(run->stage.impl, &durable);
    }
    for (size_t i = 0; i < run->secret_count; i++) {
        check_secret(run, run->secrets[i], eca_buf_view(&durable));
    }
}
