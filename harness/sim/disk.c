#include "harness/sim/disk.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/timefmt.h"
#include "fakes/carry/carry.h"

#define COMMIT_DEFAULT_US 500 /* a fast disk's flush */

struct pending_row {
    enum eca_record_kind kind;
    char *key, *value; /* value NULL: delete */
};

struct sim_disk {
    struct eca_sched *sched;
    struct sim_machine *machine;
    char *dir;
    bool older_than_file;
    struct eca_map *rows[ECA_RECORD_KINDS]; /* key -> owned text */
    bool is_open, was_used;
    struct pending_row *pending;
    size_t pending_count;
    eca_committed_fn *on_done;
    void *arg;
    struct eca_timer timer;
    enum sim_disk_state state;
    uint32_t times_left; /* 0 with a state other than OK: for ever */
    uint64_t takes_ms;
};

static void drop_pending(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->pending_count; i++) {
        eca_free(disk->pending[i].key);
        eca_free(disk->pending[i].value);
    }
    eca_free(disk->pending);
    disk->pending = NULL;
    disk->pending_count = 0;
    disk->on_done = NULL;
}

static void apply(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->pending_count; i++) {
        struct pending_row *row = &disk->pending[i];

        if (row->value == NULL) {
            eca_free(eca_map_remove(disk->rows[row->kind], row->key));
        } else {
            eca_free(eca_map_put(disk->rows[row->kind], row->key, eca_take(row->value)));
        }
    }
    disk->was_used = true;
    disk->older_than_file = false;
}

static const char *trouble(const struct sim_disk *disk)
{
    return disk->state == SIM_DISK_FULL ? "database or disk is full"
                                        : "disk I/O error"; /* EROFS, too */
}

static void on_commit_due(void *arg)
{
    struct sim_disk *disk = arg;
    eca_committed_fn *on_done = disk->on_done;
    void *done_arg = disk->arg;
    struct eca_err err = {0};
    bool fails = disk->state != SIM_DISK_OK;

    if (fails) {
        (void)eca_err_set(&err, ECA_E_TRANSIENT, "%s", trouble(disk));
        if (disk->times_left > 0 && --disk->times_left == 0) {
            disk->state = SIM_DISK_OK;
        }
    } else {
        apply(disk);
    }
    drop_pending(disk);
    on_done(done_arg, fails ? &err : NULL);
}

static int load(void *impl, eca_record_fn *on_record, void *arg, struct eca_err *err)
{
    struct sim_disk *disk = impl;

    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        size_t cursor = 0;
        const char *key;
        void *value;

        while (eca_map_next(disk->rows[k], &cursor, &key, &value)) {
            struct eca_record record = {
                .kind = (enum eca_record_kind)k, .key = key, .value = eca_view_str(value)};
            int rc = on_record(arg, &record, err);

            if (rc < 0) {
                return rc;
            }
        }
    }
    return ECA_OK;
}

static int commit(void *impl, const struct eca_record *records, size_t count,
                  eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    struct sim_disk *disk = impl;

    if (disk->on_done != NULL) {
        return eca_err_set(err, ECA_E_CONFLICT, "a commit is under way");
    }
    disk->pending = eca_xalloc((count + 1) * sizeof(*disk->pending));
    disk->pending_count = count;
    for (size_t i = 0; i < count; i++) {
        disk->pending[i].kind = records[i].kind;
        disk->pending[i].key = eca_xstrdup(records[i].key);
        disk->pending[i].value = records[i].value.at == NULL
                                     ? NULL
                                     : eca_xstrndup(records[i].value.at, records[i].value.len);
    }
    disk->on_done = on_done;
    disk->arg = arg;
    eca_timer_start(&disk->timer, disk->takes_ms > 0 ? disk->takes_ms * (uint64_t)ECA_NS_PER_MS
                                                     : COMMIT_DEFAULT_US * UINT64_C(1000));
    return ECA_OK;
}

static int keep_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    struct sim_disk *disk = impl;
    eca_auto_buf struct eca_buf text = {0};

    (void)err;
    (void)snprintf(ret_path, ECA_STORE_PATH_BYTES, "%s/agent.db.%s", disk->dir, why);
    sim_disk_text(disk, &text);
    sim_machine_file(disk->machine, ret_path, eca_buf_view(&text));
    return ECA_OK;
}

static void sweep(struct sim_disk *disk)
{
    eca_auto_free char *pattern = eca_xasprintf("%s/" ECA_STATE_FILE_LEFTOVER "*", disk->dir);
    size_t cursor = 0;
    const char *path;

    while (eca_map_next(disk->machine->files, &cursor, &path, NULL)) {
        if (fake_glob(pattern, path)) {
            sim_machine_unlink(disk->machine, path);
            cursor = 0;
        }
    }
}

static int open_disk(void *impl, const char *dir, struct eca_store *ret_store,
                     struct eca_store_notes *ret_notes, struct eca_err *err)
{
    static const struct eca_store_ops ops = {load, commit, keep_copy};
    struct sim_disk *disk = impl;

    if (disk->is_open) {
        return eca_err_set(err, ECA_E_CONFLICT, "another agent with pid 1 holds it");
    }
    if (disk->state != SIM_DISK_OK) {
        return eca_err_set(err, ECA_E_TRANSIENT, "%s", trouble(disk));
    }
    disk->is_open = true;
    eca_free(disk->dir);
    disk->dir = eca_xstrdup(dir);
    sweep(disk);
    *ret_store = (struct eca_store){&ops, disk};
    *ret_notes = (struct eca_store_notes){
        .fresh = !disk->was_used, .older_than_file = disk->was_used && disk->older_than_file};
    return ECA_OK;
}

static void close_disk(void *impl, struct eca_store store)
{
    (void)store;
    sim_disk_crash(impl);
}

struct sim_disk *sim_disk_new(struct eca_sched *sched, struct sim_machine *machine)
{
    struct sim_disk *disk = eca_xalloc(sizeof(*disk));

    disk->sched = sched;
    disk->machine = machine;
    eca_timer_init(&disk->timer, sched, on_commit_due, disk);
    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        disk->rows[k] = eca_map_new();
    }
    return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    sim_disk_crash(disk);
    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        size_t cursor = 0;
        void *value;

        while (eca_map_next(disk->rows[k], &cursor, NULL, &value)) {
            eca_free(value);
        }
        eca_map_free(disk->rows[k]);
    }
    eca_free(disk->dir);
    eca_free(disk);
}

struct eca_store_opener sim_disk_opener(struct sim_disk *disk)
{
    static const struct eca_store_opener_ops ops = {open_disk, close_disk};

    return (struct eca_store_opener){&ops, disk};
}

void sim_disk_set(struct sim_disk *disk, enum sim_disk_state state, uint32_t times,
                  uint64_t takes_ms)
{
    disk->state = state;
    disk->times_left = times;
    disk->takes_ms = takes_ms;
}

void sim_disk_legacy_written(struct sim_disk *disk)
{
    disk->older_than_file = true;
}

void sim_disk_crash(struct sim_disk *disk)
{
    eca_timer_stop(&disk->timer);
    drop_pending(disk);
    disk->is_open = false;
}

void sim_disk_text(const struct sim_disk *disk, struct eca_buf *out)
{
    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        size_t cursor = 0;
        void *value;

        while (eca_map_next(disk->rows[k], &cursor, NULL, &value)) {
            eca_buf_add_str(out, value);
            eca_buf_add_char(out, '\n');
        }
    }
}
