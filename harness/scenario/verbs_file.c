#include "harness/scenario/inside.h"

#include "agent/base/mem.h"

/* The verb `file`: what stands in the data directory and beside it. */

/* A pattern instead of a path. */
static void count_files(struct hns_run *run, struct hns_cursor *cursor, const char *pattern,
                        uint64_t want)
{
    size_t count = run->stage.ops->file_count(run->stage.impl, pattern);

    if (count != want) {
        hns_fail(run, cursor->step, "%zu files %s, not %llu", count, pattern,
                 (unsigned long long)want);
    }
}

static void check_file(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args,
                       const struct eca_buf *content)
{
    const char *path = hns_arg_text(args, "path", "");
    const char *contains = hns_arg_text(args, "contains", NULL);
    const char *lacks = hns_arg_text(args, "lacks", NULL);
    const char *capture = hns_arg_text(args, "capture", NULL);

    if (contains != NULL && eca_view_find(eca_buf_view(content), contains, 0) == SIZE_MAX) {
        hns_fail(run, cursor->step, "%s does not contain \"%s\", it is: %.400s", path, contains,
                 eca_buf_str(content));
    } else if (lacks != NULL && eca_view_find(eca_buf_view(content), lacks, 0) != SIZE_MAX) {
        hns_fail(run, cursor->step, "%s contains \"%s\"", path, lacks);
    } else if (content->len > hns_arg_int(args, "bytes_max", UINT64_MAX)) {
        hns_fail(run, cursor->step, "%s has %zu bytes", path, content->len);
    } else if (capture != NULL) {
        struct eca_view trimmed = eca_view_trim(eca_buf_view(content));
        eca_auto_free char *value = eca_xstrndup(trimmed.at, trimmed.len);

        hns_vars_set(run, capture, value);
    }
}

static int verb_file(struct hns_run *run, struct hns_cursor *cursor, const struct hns_args *args)
{
    const char *path = hns_arg_text(args, "path", "");
    const char *text = hns_arg_text(args, "write", NULL);
    eca_auto_buf struct eca_buf content = {0};
    struct eca_err err = {0};
    int code;

    if (text != NULL) {
        if (run->stage.ops->file_write(run->stage.impl, path, eca_view_str(text), &err) < 0) {
            hns_fail(run, cursor->step, "%s", err.msg);
        }
        return ECA_OK;
    }
    if (hns_arg_node(args, "count") != NULL) {
        count_files(run, cursor, path, hns_arg_int(args, "count", 0));
        return ECA_OK;
    }
    code = run->stage.ops->file_read(run->stage.impl, path, &content, &err);
    if (!hns_arg_bool(args, "exists", true)) {
        if (code == ECA_OK) {
            hns_fail(run, cursor->step, "%s exists", path);
        }
    } else if (code < 0) {
        hns_fail(run, cursor->step, "%s", err.msg);
    } else {
        check_file(run, cursor, args, &content);
    }
    return ECA_OK;
}

const struct hns_verb_entry hns_verbs_file[] = {
    {"file", verb_file},
    {0},
};
