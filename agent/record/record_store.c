#include "agent/record/record_inside.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"

struct loading {
    struct eca_rec_line line;
    eca_record_fn *on_record;
    void *arg;
};

static void put_record_head(struct eca_rec_line *line, const struct eca_record *record)
{
    eca_line_object(&line->w, NULL);
    eca_line_i64(&line->w, "kind", record->kind);
    eca_line_text(&line->w, "key", record->key);
}

#define DIGEST_A UINT64_C(0xa0761d6478bd642f)
#define DIGEST_B UINT64_C(0xe7037ed1a0b428db)

__extension__ typedef unsigned __int128 wide;

static uint64_t mix(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* For telling two texts apart, not against anybody. Two halves side by side: neither waits for the
 * other's multiplication. */
static uint64_t digest_of(struct eca_view text, uint64_t digest)
{
    uint64_t other = text.len, words[4];
    size_t at = 0;

    for (; at + sizeof(words) <= text.len; at += sizeof(words)) {
        memcpy(words, text.at + at, sizeof(words));
        digest = mix(words[0] ^ digest, words[1] ^ DIGEST_A);
        other = mix(words[2] ^ other, words[3] ^ DIGEST_B);
    }
    memset(words, 0, sizeof(words));
    memcpy(words, text.at + at, text.len - at);
    digest = mix(words[0] ^ digest, words[1] ^ DIGEST_A);
    other = mix(words[2] ^ other, words[3] ^ DIGEST_B);
    return mix(digest ^ DIGEST_B, other ^ DIGEST_A);
}

/* What the core stores is its own work: a replay makes it again, its length and a digest of the
 * masked texts are enough to compare. Half of a recording would be state otherwise. */
static void put_stored(struct eca_rec_line *line, const struct eca_record *record,
                       uint64_t *ret_digest)
{
    eca_auto_buf struct eca_buf masked = {0};
    struct eca_view value = record->value;

    eca_line_array(&line->w, NULL);
    eca_line_i64(&line->w, NULL, record->kind);
    eca_line_own_text(&line->w, NULL, record->key);
    if (value.at != NULL && line->w.out != NULL) {
        if (eca_mask_concerns_own(line->w.mask, value)) {
            eca_mask_text(line->w.mask, value, &masked);
            value = eca_buf_view(&masked);
        }
        eca_line_u64(&line->w, NULL, value.len);
        *ret_digest = digest_of(value, *ret_digest);
    }
    eca_line_end_array(&line->w);
}

static int on_record(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct loading *loading = arg;

    put_record_head(&loading->line, record);
    eca_line_bytes(&loading->line.w, "value", record->value);
    eca_line_end_object(&loading->line.w);
    return loading->on_record(loading->arg, record, err);
}

static int store_load(void *impl, eca_record_fn *core_fn, void *arg, struct eca_err *err)
{
    struct eca_rec_store *store = impl;
    struct eca_err failure = {0};
    eca_auto_buf struct eca_buf text = {0}; /* the core may ask for other things meanwhile */
    struct loading loading = {.on_record = core_fn, .arg = arg};
    int rc;

    eca_rec_open_in(&loading.line, store->recorder, &text, "query", "store.load");
    eca_line_array(&loading.line.w, "records");
    rc = eca_store_load(store->inner, on_record, &loading, &failure);
    eca_line_end_array(&loading.line.w);
    eca_rec_answer(&loading.line, rc, &failure);
    eca_rec_close(&loading.line);
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static void on_committed(void *arg, const struct eca_err *err)
{
    struct eca_rec_store *store = arg;
    struct eca_rec_line line;

    eca_rec_enter(store->recorder, &line, "committed");
    eca_line_u64(&line.w, "n", store->commit);
    eca_rec_err(&line, "err", err);
    eca_rec_close(&line);
    store->on_done(store->arg, err);
    eca_rec_leave(store->recorder);
}

static int store_commit(void *impl, const struct eca_record *records, size_t count,
                        eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    struct eca_rec_store *store = impl;
    struct eca_err failure = {0};
    int rc = eca_store_commit(store->inner, records, count, on_committed, store, &failure);
    uint64_t digest = 0;
    struct eca_rec_line line;

    eca_rec_open(&line, store->recorder, "out", "commit");
    eca_line_array(&line.w, "records");
    for (size_t i = 0; i < count; i++) {
        put_stored(&line, &records[i], &digest);
    }
    eca_line_end_array(&line.w);
    eca_line_u64(&line.w, "digest", digest);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    if (rc < 0) {
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    store->commit = ++store->recorder->commits;
    store->on_done = on_done;
    store->arg = arg;
    return rc;
}

static int store_keep_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    struct eca_rec_store *store = impl;
    struct eca_err failure = {0};
    char path[ECA_STORE_PATH_BYTES] = "";
    int rc = eca_store_keep_copy(store->inner, why, path, &failure);
    struct eca_rec_line line;

    eca_rec_open(&line, store->recorder, "query", "store.keep_copy");
    eca_line_text(&line.w, "why", why);
    eca_line_text(&line.w, "path", path);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    if (rc == ECA_OK) {
        (void)snprintf(ret_path, sizeof(path), "%s", path);
    } else if (err != NULL) {
        *err = failure;
    }
    return rc;
}

static int store_open(void *impl, const char *dir, struct eca_store *ret_store,
                      struct eca_store_notes *ret_notes, struct eca_err *err)
{
    static const struct eca_store_ops ops = {store_load, store_commit, store_keep_copy};
    struct eca_recorder *recorder = impl;
    struct eca_store_notes notes = {0};
    struct eca_err failure = {0};
    struct eca_rec_line line;
    int rc = eca_store_open(recorder->outer.store, dir, &recorder->store.inner, &notes, &failure);

    eca_rec_open(&line, recorder, "query", "store.open");
    eca_line_text(&line.w, "dir", dir);
    eca_line_bool(&line.w, "fresh", notes.fresh);
    eca_line_bool(&line.w, "set_aside", notes.set_aside);
    eca_line_bool(&line.w, "restored", notes.restored_backup);
    eca_line_bool(&line.w, "older_than_file", notes.older_than_file);
    eca_line_text(&line.w, "path", notes.set_aside_path);
    eca_line_bool(&line.w, "none", rc >= 0 && recorder->store.inner.ops == NULL);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    if (rc < 0) {
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    recorder->store.recorder = recorder;
    *ret_notes = notes;
    ret_store->ops = recorder->store.inner.ops == NULL ? NULL : &ops;
    ret_store->impl = &recorder->store;
    return rc;
}

static void store_close(void *impl, struct eca_store port)
{
    struct eca_recorder *recorder = impl;
    struct eca_rec_line line;

    (void)port;
    eca_rec_open(&line, recorder, "out", "store.close");
    eca_rec_close(&line);
    eca_store_close(recorder->outer.store, recorder->store.inner);
}

struct eca_store_opener eca_rec_store(struct eca_recorder *recorder)
{
    static const struct eca_store_opener_ops ops = {store_open, store_close};

    return (struct eca_store_opener){&ops, recorder};
}
