#include "harness/record/build.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/version.h"
#include "harness/record/lines.h"

#define DIGEST "[\"X-Amz-Content-Sha256\",\""
#define DIGEST_LINE "X-Amz-Content-Sha256: "
#define DIGEST_LEN 64

static void cut_out(const char *text, const char *before, const char *behind, char *out,
                    size_t bytes)
{
    const char *from = text == NULL ? NULL : strstr(text, before);
    const char *to = from == NULL ? NULL : strstr(from + strlen(before), behind);

    if (to != NULL) {
        from += strlen(before);
        (void)snprintf(out, bytes, "%.*s", (int)(to - from), from);
    }
}

struct hns_build hns_build_of(eca_json head)
{
    struct hns_build build = {0};
    const char *text = hns_line_text(head, "version");

    cut_out(text, " - v", " (", build.version, sizeof(build.version));
    cut_out(text, "(", ")", build.hash, sizeof(build.hash));
    return build;
}

static struct eca_buf replaced(struct eca_view text, const char *what, const char *by)
{
    struct eca_buf out = {0};
    size_t copied = 0, at;

    while (what[0] != '\0' && (at = eca_view_find(text, what, copied)) != SIZE_MAX) {
        eca_buf_add(&out, text.at + copied, at - copied);
        eca_buf_add_str(&out, by);
        copied = at + strlen(what);
    }
    eca_buf_add(&out, text.at + copied, text.len - copied);
    return out;
}

static void replace(struct eca_buf *text, const char *what, const char *by)
{
    struct eca_buf out = replaced(eca_buf_view(text), what, by);

    eca_buf_clear(text);
    *text = out;
}

static void blank_digests(struct eca_buf *text, const char *before)
{
    for (size_t at = 0; (at = eca_view_find(eca_buf_view(text), before, at)) != SIZE_MAX;) {
        at += strlen(before);
        for (size_t i = 0; i < DIGEST_LEN && at + i < text->len; i++) {
            text->at[at + i] = '0';
        }
    }
}

/* "*abc1234", a build of changed files, is "%2Aabc1234" in URLs. */
static void anonymous(struct eca_view line, const char *version, const char *hash,
                      struct eca_buf *out)
{
    bool changed = hash[0] == '*';
    eca_auto_free char *in_url = eca_xasprintf("%%2A%s", changed ? hash + 1 : "-");

    eca_buf_add_view(out, line);
    if (changed) {
        replace(out, in_url, "HASH");
    }
    replace(out, hash, "HASH");
    replace(out, version, "VERSION");
    blank_digests(out, DIGEST);
    blank_digests(out, DIGEST_LINE);
}

bool hns_build_fits(const struct hns_build *recorded_by, struct eca_view recorded,
                    struct eca_view line)
{
    eca_auto_buf struct eca_buf a = {0}, b = {0};

    if (eca_view_eq(recorded, line)) {
        return true;
    }
    if (strcmp(recorded_by->hash, eca_git_hash) == 0 &&
        strcmp(recorded_by->version, eca_version) == 0) {
        return false;
    }
    anonymous(recorded, recorded_by->version, recorded_by->hash, &a);
    anonymous(line, eca_version, eca_git_hash, &b);
    return eca_view_eq(eca_buf_view(&a), eca_buf_view(&b));
}
