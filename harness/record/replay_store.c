#include "harness/record/replay_inside.h"

#include <stdio.h>

static int store_load(void *impl, eca_record_fn *on_record, void *arg, struct eca_err *err)
{
    struct replay *replay = impl;
    struct eca_json_doc *doc = NULL;
    eca_json line = hns_replay_peek_query(replay, "store.load");
    int rc = ECA_OK;

    if (line == NULL) {
        return ECA_OK;
    }
    doc = eca_take(replay->peeked); /* the callback may ask other things */
    for (eca_json one = eca_json_first(eca_json_get(line, "records")); one != NULL && rc == ECA_OK;
         one = eca_json_next(one)) {
        eca_auto_buf struct eca_buf value = {0};
        struct eca_record record = {.kind = (enum eca_record_kind)hns_line_number(one, "kind"),
                                    .key = hns_line_text(one, "key")};

        (void)hns_line_bytes(one, "value", &value);
        record.value = eca_buf_view(&value);
        rc = on_record(arg, &record, err);
    }
    rc = rc == ECA_OK ? hns_replay_answer(line, err) : rc;
    eca_json_free(doc);
    return rc;
}

static int store_commit(void *impl, const struct eca_record *records, size_t count,
                        eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    struct replay *replay = impl;
    int rc = hns_replay_answer(hns_replay_peek(replay), err);

    (void)records;
    (void)count;
    if (rc == ECA_OK) {
        replay->on_committed = on_done;
        replay->committed_arg = arg;
    }
    return rc;
}

static int store_keep_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    eca_json line = hns_replay_peek_query(impl, "store.keep_copy");
    const char *path = hns_line_text(line, "path");
    int rc = hns_replay_answer(line, err);

    (void)why;
    if (rc == ECA_OK) {
        (void)snprintf(ret_path, ECA_STORE_PATH_BYTES, "%s", path == NULL ? "" : path);
    }
    return rc;
}

static int store_open(void *impl, const char *dir, struct eca_store *ret_store,
                      struct eca_store_notes *ret_notes, struct eca_err *err)
{
    static const struct eca_store_ops ops = {store_load, store_commit, store_keep_copy};
    eca_json line = hns_replay_peek_query(impl, "store.open");
    const char *path = hns_line_text(line, "path");
    int rc = hns_replay_answer(line, err);

    (void)dir;
    if (rc < 0) {
        return rc;
    }
    *ret_notes =
        (struct eca_store_notes){.fresh = hns_line_truth(line, "fresh"),
                                 .set_aside = hns_line_truth(line, "set_aside"),
                                 .restored_backup = hns_line_truth(line, "restored"),
                                 .older_than_file = hns_line_truth(line, "older_than_file")};
    (void)snprintf(ret_notes->set_aside_path, sizeof(ret_notes->set_aside_path), "%s",
                   path == NULL ? "" : path);
    ret_store->ops = hns_line_truth(line, "none") ? NULL : &ops;
    ret_store->impl = impl;
    return ECA_OK;
}

static void store_close(void *impl, struct eca_store port)
{
    (void)impl;
    (void)port;
}

struct eca_store_opener hns_replay_store(struct replay *replay)
{
    static const struct eca_store_opener_ops ops = {store_open, store_close};

    return (struct eca_store_opener){&ops, replay};
}

void hns_replay_store_play(struct replay *replay, eca_json line)
{
    eca_committed_fn *on_done = eca_take(replay->on_committed);
    struct eca_err err;

    if (on_done == NULL) {
        hns_replay_diverge(replay, "core:     has no commit under way", ECA_VIEW_NONE);
        return;
    }
    hns_line_err(line, "err", &err);
    on_done(replay->committed_arg, err.code == ECA_OK ? NULL : &err);
}
