#include "agent/sys/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/sys/store_files.h"

static const char *const tables[ECA_RECORD_KINDS] = {
    [ECA_RECORD_IDENTITY] = "identity",     [ECA_RECORD_TASK] = "task",
    [ECA_RECORD_IMAGE] = "image",           [ECA_RECORD_REPORT] = "report",
    [ECA_RECORD_UPDATE] = "update_journal",
};

#define COPY_EVERY_NS (UINT64_C(600) * 1000000000u) /* STATE-123 */
/* An application_id. Empty as it may be, such a database is no first run: a state file beside it is
 * older than what was lost (STATE-127). */
#define IN_PLACE_OF_A_DAMAGED_ONE "1"

struct row {
    enum eca_record_kind kind;
    char *key, *value; /* value NULL: delete */
    size_t value_len;
};

struct store {
    struct eca_store_sqlite *owner;
    char *dir;
    int lock_fd;
    sqlite3 *db;
    sqlite3_stmt *put[ECA_RECORD_KINDS], *del[ECA_RECORD_KINDS];
    /* The commit under way; the thread owns it between the two signals. */
    struct row *rows;
    size_t row_count;
    eca_committed_fn *on_done;
    void *arg;
    bool in_flight;
    bool copy_due; /* a copy of the database is to follow it */
    uint64_t copied_ns;
    /* Between threads, under the lock. */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool has_work, quit, finished;
    struct eca_err result;
};

struct eca_store_sqlite {
    struct eca_loop *loop;
    int event_fd;
    struct eca_fd_watch *watch;
    struct store *store; /* one at a time */
};

/* ---- statements ----------------------------------------------------------------------------- */

/* ECA_E_INVALID: the file is damaged. ECA_E_TRANSIENT: the machine is in trouble, the file may be
 * perfect. */
static enum eca_code code_of(sqlite3 *db)
{
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ECA_E_INVALID;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ECA_E_TRANSIENT;
    default:
        return ECA_E_INTERNAL;
    }
}

static int run_sql(sqlite3 *db, const char *sql, struct eca_err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return eca_err_set(err, code_of(db), "%s", sqlite3_errmsg(db));
    }
    return ECA_OK;
}

static int prepare(struct store *store, struct eca_err *err)
{
    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        eca_auto_free char *put = eca_xasprintf("INSERT INTO %s (key, value) VALUES (?1, ?2) ON "
                                                "CONFLICT (key) DO UPDATE SET value = ?2",
                                                tables[k]);
        eca_auto_free char *del = eca_xasprintf("DELETE FROM %s WHERE key = ?1", tables[k]);

        if (sqlite3_prepare_v2(store->db, put, -1, &store->put[k], NULL) != SQLITE_OK ||
            sqlite3_prepare_v2(store->db, del, -1, &store->del[k], NULL) != SQLITE_OK) {
            return eca_err_set(err, code_of(store->db), "%s", sqlite3_errmsg(store->db));
        }
    }
    return ECA_OK;
}

/* First column of the first row of a query, as text. */
static bool query_text(sqlite3 *db, const char *sql, char *text, size_t bytes)
{
    sqlite3_stmt *statement = NULL;
    bool found = false;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *value = sqlite3_column_text(statement, 0);

        (void)snprintf(text, bytes, "%s", value == NULL ? "" : (const char *)value);
        found = true;
    }
    (void)sqlite3_finalize(statement);
    return found;
}

/* ---- opening -------------------------------------------------------------------------------- */

static void close_db(struct store *store)
{
    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        (void)sqlite3_finalize(eca_take(store->put[k]));
        (void)sqlite3_finalize(eca_take(store->del[k]));
    }
    (void)sqlite3_close(eca_take(store->db));
}

/* Everything of the open database in a new file at path. */
static int copy_to(sqlite3 *db, const char *path, struct eca_err *err)
{
    sqlite3 *copy = NULL;
    sqlite3_backup *work = NULL;
    int rc = SQLITE_ERROR;

    (void)unlink(path);
    eca_store_files_private(path);
    if (sqlite3_open(path, &copy) == SQLITE_OK &&
        (work = sqlite3_backup_init(copy, "main", db, "main")) != NULL) {
        rc = sqlite3_backup_step(work, -1);
        rc = sqlite3_backup_finish(work) == SQLITE_OK && rc == SQLITE_DONE ? SQLITE_OK
                                                                           : SQLITE_ERROR;
    }
    if (rc != SQLITE_OK) {
        (void)eca_err_set(err, ECA_E_TRANSIENT, "%s: %s", path, sqlite3_errmsg(copy));
        (void)unlink(path);
    }
    (void)sqlite3_close(copy);
    return rc == SQLITE_OK ? ECA_OK : ECA_E_TRANSIENT;
}

/* By a connection of its own: the thread may be using the store's. */
static int keep_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    struct store *store = impl;
    eca_auto_free char *from = eca_xasprintf("%s/%s", store->dir, ECA_STORE_FILE);
    eca_auto_free char *path = eca_store_files_copy_name(
        store->dir, why, eca_sched_wall_ms(eca_loop_sched(store->owner->loop)));
    sqlite3 *db = NULL;
    int rc;

    if (sqlite3_open_v2(from, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
        rc = copy_to(db, path, err);
    } else {
        rc = eca_err_set(err, ECA_E_TRANSIENT, "%s: %s", from, sqlite3_errmsg(db));
    }
    (void)sqlite3_close(db);
    if (rc == ECA_OK) {
        (void)snprintf(ret_path, ECA_STORE_PATH_BYTES, "%s", path);
    }
    return rc;
}

/* ECA_E_DENIED: schema newer than ours (STATE-124). ECA_E_INVALID: no database. */
static int read_schema(sqlite3 *db, const char *path, uint64_t *ret_schema, struct eca_err *err)
{
    char text[64] = "";

    if (!query_text(db, "PRAGMA user_version", text, sizeof(text))) {
        return eca_err_set(err, code_of(db), "%s: %s", path, sqlite3_errmsg(db));
    }
    if (eca_parse_u64(eca_view_str(text), UINT64_MAX, ret_schema, NULL) < 0 ||
        *ret_schema > ECA_STORE_SCHEMA) {
        return eca_err_set(err, ECA_E_DENIED, "%s: schema version %s, this agent knows %d", path,
                           text, ECA_STORE_SCHEMA);
    }
    return ECA_OK;
}

/* ECA_E_INVALID: damaged (STATE-123). */
static int check_sound(sqlite3 *db, const char *path, struct eca_err *err)
{
    char text[64] = "";

    if (!query_text(db, "PRAGMA quick_check", text, sizeof(text))) {
        return eca_err_set(err, code_of(db), "%s: %s", path, sqlite3_errmsg(db));
    }
    if (strcmp(text, "ok") != 0) {
        return eca_err_set(err, ECA_E_INVALID, "%s: damaged: %s", path, text);
    }
    return ECA_OK;
}

/* From no schema to the first. A database that somebody made up to here has tables already. */
static int make_tables(struct store *store, struct eca_err *err)
{
    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        eca_auto_free char *create = eca_xasprintf("CREATE TABLE IF NOT EXISTS %s (seq INTEGER "
                                                   "PRIMARY KEY, key TEXT UNIQUE NOT NULL, value "
                                                   "BLOB NOT NULL)",
                                                   tables[k]);

        int rc = run_sql(store->db, create, err);

        if (rc < 0) {
            return rc;
        }
    }
    return run_sql(store->db, "PRAGMA user_version=1", err);
}

/* An older schema becomes ours in one transaction, after a copy if there is anything (STATE-124).
 */
static int migrate(struct store *store, uint64_t schema, struct eca_err *err)
{
    static int (*const steps[ECA_STORE_SCHEMA])(struct store *, struct eca_err *) = {make_tables};
    char text[64] = "", kept[ECA_STORE_PATH_BYTES], why[32];
    int rc;

    if (schema == ECA_STORE_SCHEMA) {
        return ECA_OK;
    }
    (void)snprintf(why, sizeof(why), "schema-%llu", (unsigned long long)schema);
    if (query_text(store->db, "SELECT name FROM sqlite_master", text, sizeof(text)) &&
        keep_copy(store, why, kept, err) < 0) {
        return ECA_E_TRANSIENT;
    }
    rc = run_sql(store->db, "BEGIN IMMEDIATE", err);
    for (uint64_t i = schema; rc == ECA_OK && i < ECA_STORE_SCHEMA; i++) {
        rc = steps[i](store, err);
    }
    rc = rc == ECA_OK ? run_sql(store->db, "COMMIT", err) : rc;
    if (rc < 0) {
        (void)run_sql(store->db, "ROLLBACK", NULL);
    }
    return rc;
}

/* ECA_E_INVALID: damaged. ECA_E_DENIED: schema newer than ours (STATE-124). */
static int open_db(struct store *store, const char *path, struct eca_err *err)
{
    uint64_t schema = 0;
    int rc;

    eca_store_files_private(path);
    if (sqlite3_open_v2(path, &store->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        return eca_err_set(err, code_of(store->db), "%s: %s", path, sqlite3_errmsg(store->db));
    }
    rc = read_schema(store->db, path, &schema, err);
    rc = rc == ECA_OK ? check_sound(store->db, path, err) : rc;
    /*
     * EXTRA until there is a log: else a power cut could bring the journal of the first
     * transactions back, and with it the file's first state. auto_vacuum: the file does not keep
     * the size of its busiest hour (FB-19.2). It counts for a file without tables only; with some
     * it would be a write, and a start alone writes nothing: the files tell when the last commit
     * was (STATE-127).
     */
    rc = rc == ECA_OK ? run_sql(store->db,
                                schema == 0 ? "PRAGMA synchronous=EXTRA; PRAGMA auto_vacuum=FULL"
                                            : "PRAGMA synchronous=EXTRA",
                                err)
                      : rc;
    rc = rc == ECA_OK ? run_sql(store->db,
                                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
                                "foreign_keys=OFF",
                                err)
                      : rc;
    rc = rc == ECA_OK ? migrate(store, schema, err) : rc;
    return rc == ECA_OK ? prepare(store, err) : rc;
}

static enum eca_code code_of_errno(int sys)
{
    switch (sys) {
    case ENOENT:
    case ENOTDIR:
        return ECA_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ECA_E_DENIED;
    default: /* no space, no descriptors, read-only for now */
        return ECA_E_TRANSIENT;
    }
}

/* One agent per data directory (STATE-125). */
static int take_lock(struct store *store, struct eca_err *err)
{
    eca_auto_free char *path = eca_xasprintf("%s/%s", store->dir, ECA_STORE_LOCK);
    char holder[32] = "?";
    ssize_t got;

    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0) {
        int sys = errno;

        return eca_err_set_sys(err, code_of_errno(sys), sys, "%s", path);
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        got = pread(store->lock_fd, holder, sizeof(holder) - 1, 0);
        holder[got > 0 ? got : 0] = '\0';
        holder[strcspn(holder, "\n")] = '\0';
        return eca_err_set(err, ECA_E_CONFLICT, "%s: another agent with pid %s holds it", path,
                           holder);
    }
    (void)snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
    /* Opening writes nothing else: a disk that cannot keep this will not keep the state
     * (STATE-122).
     */
    if (ftruncate(store->lock_fd, 0) < 0 || pwrite(store->lock_fd, holder, strlen(holder), 0) < 0 ||
        fsync(store->lock_fd) < 0) {
        int sys = errno;

        return eca_err_set_sys(err, code_of_errno(sys), sys, "%s", path);
    }
    return ECA_OK;
}

static void rename_beside(const char *path, const char *suffix, const char *to)
{
    eca_auto_free char *old = eca_xasprintf("%s%s", path, suffix);
    eca_auto_free char *new = eca_xasprintf("%s%s", to, suffix);

    (void)rename(old, new);
}

/* Keep the damaged file under another name and go back to the last good copy (STATE-123). */
static int recover(struct store *store, const char *path, struct eca_store_notes *notes,
                   struct eca_err *err)
{
    eca_auto_free char *backup = eca_xasprintf("%s/%s", store->dir, ECA_STORE_BACKUP);
    eca_auto_free char *aside = eca_store_files_copy_name(
        store->dir, "corrupt", eca_sched_wall_ms(eca_loop_sched(store->owner->loop)));
    struct stat info;

    close_db(store);
    (void)snprintf(notes->set_aside_path, sizeof(notes->set_aside_path), "%s", aside);
    rename_beside(path, "", notes->set_aside_path);
    rename_beside(path, "-wal", notes->set_aside_path);
    rename_beside(path, "-shm", notes->set_aside_path);
    notes->set_aside = true;
    if (stat(backup, &info) == 0 && rename(backup, path) == 0) {
        int rc = open_db(store, path, err);

        if (rc != ECA_E_INVALID) {
            notes->restored_backup = true;
            return rc;
        }
        close_db(store);
        (void)unlink(path);
    }
    notes->fresh = true;
    if (open_db(store, path, err) < 0) {
        return err->code;
    }
    return run_sql(store->db, "PRAGMA application_id=" IN_PLACE_OF_A_DAMAGED_ONE, err);
}

/* Nothing was ever committed: a first run, also when one before it ended too soon. */
static bool is_untouched(sqlite3 *db)
{
    char text[16] = "";

    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        eca_auto_free char *sql = eca_xasprintf("SELECT 1 FROM %s LIMIT 1", tables[k]);

        if (query_text(db, sql, text, sizeof(text))) {
            return false;
        }
    }
    return query_text(db, "PRAGMA application_id", text, sizeof(text)) && strcmp(text, "0") == 0;
}

/* Not a byte of the database is left, while a copy tells that there was one. SQLite would take it
 * for a new one. */
static bool is_emptied(const struct store *store, const char *path)
{
    eca_auto_free char *backup = eca_xasprintf("%s/%s", store->dir, ECA_STORE_BACKUP);
    struct stat info;

    return stat(path, &info) == 0 && info.st_size == 0 && stat(backup, &info) == 0;
}

static int open_all(struct store *store, struct eca_store_notes *notes, struct eca_err *err)
{
    eca_auto_free char *path = eca_xasprintf("%s/%s", store->dir, ECA_STORE_FILE);
    int rc;

    if (take_lock(store, err) < 0) {
        return err->code;
    }
    eca_store_files_sweep(store->dir);
    notes->older_than_file = eca_store_files_newer_legacy(store->dir);
    rc = is_emptied(store, path) ? ECA_E_INVALID : open_db(store, path, err);
    if (rc == ECA_E_INVALID) {
        return recover(store, path, notes, err);
    }
    notes->fresh = rc == ECA_OK && is_untouched(store->db);
    return rc;
}

/* ---- commits on the thread ------------------------------------------------------------------ */

static int apply_row(struct store *store, const struct row *row, struct eca_err *err)
{
    sqlite3_stmt *statement = row->value == NULL ? store->del[row->kind] : store->put[row->kind];
    int rc;

    (void)sqlite3_reset(statement);
    (void)sqlite3_bind_text(statement, 1, row->key, -1, SQLITE_STATIC);
    if (row->value != NULL) {
        (void)sqlite3_bind_blob64(statement, 2, row->value, row->value_len, SQLITE_STATIC);
    }
    rc = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return rc == SQLITE_DONE ? ECA_OK
                             : eca_err_set(err, ECA_E_INTERNAL, "%s", sqlite3_errmsg(store->db));
}

static int commit_rows(struct store *store, struct eca_err *err)
{
    int rc = run_sql(store->db, "BEGIN IMMEDIATE", err);

    for (size_t i = 0; rc == ECA_OK && i < store->row_count; i++) {
        rc = apply_row(store, &store->rows[i], err);
    }
    if (rc == ECA_OK) {
        rc = run_sql(store->db, "COMMIT", err);
    }
    if (rc < 0) {
        (void)run_sql(store->db, "ROLLBACK", NULL);
    }
    return rc;
}

static void backup(struct store *store)
{
    eca_auto_free char *path = eca_xasprintf("%s/%s", store->dir, ECA_STORE_BACKUP_NEW);
    eca_auto_free char *final = eca_xasprintf("%s/%s", store->dir, ECA_STORE_BACKUP);

    if (copy_to(store->db, path, NULL) == ECA_OK) {
        (void)rename(path, final);
    }
}

static void *thread_main(void *arg)
{
    struct store *store = arg;
    uint64_t one = 1;

    (void)pthread_mutex_lock(&store->lock);
    while (!store->quit) {
        if (!store->has_work) {
            (void)pthread_cond_wait(&store->wake, &store->lock);
            continue;
        }
        store->has_work = false;
        (void)pthread_mutex_unlock(&store->lock);
        struct eca_err result = {0};
        bool with_copy = store->copy_due;
        (void)commit_rows(store, &result);
        (void)pthread_mutex_lock(&store->lock);
        store->result = result;
        store->finished = true;
        (void)!write(store->owner->event_fd, &one, sizeof(one));
        if (with_copy && result.code == ECA_OK) { /* nobody waits for it but the next commit */
            (void)pthread_mutex_unlock(&store->lock);
            backup(store);
            (void)pthread_mutex_lock(&store->lock);
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
    return NULL;
}

static void rows_clear(struct store *store)
{
    for (size_t i = 0; i < store->row_count; i++) {
        eca_free(store->rows[i].key);
        eca_free(store->rows[i].value);
    }
    eca_free(store->rows);
    store->rows = NULL;
    store->row_count = 0;
}

static void end_commit(struct store *store)
{
    if (store->in_flight) {
        store->in_flight = false;
        eca_loop_work_end(store->owner->loop);
    }
    rows_clear(store);
}

static void on_event(void *arg, uint32_t events)
{
    struct eca_store_sqlite *sqlite = arg;
    struct store *store = sqlite->store;
    struct eca_err result;
    uint64_t count;
    bool finished;

    (void)events;
    (void)!read(sqlite->event_fd, &count, sizeof(count));
    if (store == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&store->lock);
    finished = store->finished;
    store->finished = false;
    result = store->result;
    (void)pthread_mutex_unlock(&store->lock);
    if (finished) {
        end_commit(store);
        store->on_done(store->arg, result.code == ECA_OK ? NULL : &result);
    }
}

/* ---- the port ------------------------------------------------------------------------------- */

static int load(void *impl, eca_record_fn *on_record, void *arg, struct eca_err *err)
{
    struct store *store = impl;

    for (size_t k = 0; k < ECA_RECORD_KINDS; k++) {
        eca_auto_free char *sql =
            eca_xasprintf("SELECT key, value FROM %s ORDER BY seq", tables[k]);
        sqlite3_stmt *statement = NULL;
        int rc = ECA_OK, step = SQLITE_DONE;

        if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK) {
            return eca_err_set(err, ECA_E_INTERNAL, "%s", sqlite3_errmsg(store->db));
        }
        while (rc == ECA_OK && (step = sqlite3_step(statement)) == SQLITE_ROW) {
            struct eca_record record = {
                .kind = (enum eca_record_kind)k,
                .key = (const char *)sqlite3_column_text(statement, 0),
                .value = eca_view_of(sqlite3_column_blob(statement, 1),
                                     (size_t)sqlite3_column_bytes(statement, 1)),
            };

            rc = on_record(arg, &record, err);
        }
        (void)sqlite3_finalize(statement);
        if (rc < 0) {
            return rc;
        }
        if (step != SQLITE_DONE) {
            return eca_err_set(err, ECA_E_INTERNAL, "%s", sqlite3_errmsg(store->db));
        }
    }
    return ECA_OK;
}

static int commit(void *impl, const struct eca_record *records, size_t count,
                  eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    struct store *store = impl;
    uint64_t now_ns = eca_sched_now_ns(eca_loop_sched(store->owner->loop));

    if (store->in_flight) {
        return eca_err_set(err, ECA_E_CONFLICT, "a commit is under way");
    }
    store->rows = eca_xalloc((count + 1) * sizeof(*store->rows));
    store->row_count = count;
    for (size_t i = 0; i < count; i++) {
        struct row *row = &store->rows[i];

        row->kind = records[i].kind;
        row->key = eca_xstrdup(records[i].key);
        row->value_len = records[i].value.len;
        row->value = records[i].value.at == NULL
                         ? NULL
                         : eca_xstrndup(records[i].value.at, records[i].value.len);
    }
    store->copy_due = now_ns - store->copied_ns >= COPY_EVERY_NS;
    store->copied_ns = store->copy_due ? now_ns : store->copied_ns;
    store->on_done = on_done;
    store->arg = arg;
    store->in_flight = true;
    eca_loop_work_begin(store->owner->loop);
    (void)pthread_mutex_lock(&store->lock);
    store->has_work = true;
    (void)pthread_cond_signal(&store->wake);
    (void)pthread_mutex_unlock(&store->lock);
    return ECA_OK;
}

static void store_close(struct store *store, bool started)
{
    if (started) {
        (void)pthread_mutex_lock(&store->lock);
        store->quit = true;
        (void)pthread_cond_signal(&store->wake);
        (void)pthread_mutex_unlock(&store->lock);
        (void)pthread_join(store->thread, NULL);
        backup(store);
    }
    close_db(store);
    end_commit(store);
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd);
    }
    (void)pthread_mutex_destroy(&store->lock);
    (void)pthread_cond_destroy(&store->wake);
    eca_free(store->dir);
    eca_free(store);
}

static int open_store(void *impl, const char *dir, struct eca_store *ret_store,
                      struct eca_store_notes *ret_notes, struct eca_err *err)
{
    static const struct eca_store_ops ops = {load, commit, keep_copy};
    struct eca_store_sqlite *sqlite = impl;
    struct eca_store_notes notes = {0};
    struct store *store;

    if (sqlite->store != NULL) {
        return eca_err_set(err, ECA_E_CONFLICT, "a store is open already");
    }
    store = eca_xalloc(sizeof(*store));
    store->owner = sqlite;
    store->dir = eca_xstrdup(dir);
    store->copied_ns = eca_sched_now_ns(eca_loop_sched(sqlite->loop));
    store->lock_fd = -1;
    (void)pthread_mutex_init(&store->lock, NULL);
    (void)pthread_cond_init(&store->wake, NULL);
    if (open_all(store, &notes, err) < 0) {
        enum eca_code code = err->code;

        store_close(store, false);
        return code;
    }
    if (pthread_create(&store->thread, NULL, thread_main, store) != 0) {
        store_close(store, false);
        return eca_err_set(err, ECA_E_INTERNAL, "no thread for the store");
    }
    sqlite->store = store;
    *ret_store = (struct eca_store){&ops, store};
    *ret_notes = notes;
    return ECA_OK;
}

static void close_store(void *impl, struct eca_store port)
{
    struct eca_store_sqlite *sqlite = impl;

    (void)port;
    if (sqlite->store != NULL) {
        store_close(eca_take(sqlite->store), true);
    }
}

struct eca_store_sqlite *eca_store_sqlite_new(struct eca_loop *loop)
{
    struct eca_store_sqlite *sqlite = eca_xalloc(sizeof(*sqlite));

    sqlite->loop = loop;
    sqlite->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sqlite->watch = eca_loop_watch(loop, sqlite->event_fd, EPOLLIN, on_event, sqlite);
    return sqlite;
}

void eca_store_sqlite_free(struct eca_store_sqlite *sqlite)
{
    if (sqlite == NULL) {
        return;
    }
    close_store(sqlite, (struct eca_store){0});
    eca_loop_unwatch(sqlite->watch);
    (void)close(sqlite->event_fd);
    eca_free(sqlite);
}

struct eca_store_opener eca_store_sqlite_opener(struct eca_store_sqlite *sqlite)
{
    static const struct eca_store_opener_ops ops = {open_store, close_store};

    return (struct eca_store_opener){&ops, sqlite};
}

/* ---- looking only -----------------------------------------------------------------------------
 */

static int refuse_commit(void *impl, const struct eca_record *records, size_t count,
                         eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    (void)impl;
    (void)records;
    (void)count;
    (void)on_done;
    (void)arg;
    return eca_err_set(err, ECA_E_DENIED, "the store is open for reading only");
}

static int refuse_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    (void)impl;
    (void)why;
    (void)ret_path;
    return eca_err_set(err, ECA_E_DENIED, "the store is open for reading only");
}

static int check_reader(sqlite3 *db, const char *path, struct eca_err *err)
{
    uint64_t schema = 0;
    int rc = read_schema(db, path, &schema, err);

    rc = rc == ECA_OK ? check_sound(db, path, err) : rc;
    return rc == ECA_OK ? run_sql(db, "BEGIN", err) : rc; /* all tables at one moment */
}

int eca_store_reader_open(const char *dir, struct eca_store *ret_store, struct eca_err *err)
{
    static const struct eca_store_ops ops = {load, refuse_commit, refuse_copy};
    eca_auto_free char *path = eca_xasprintf("%s/%s", dir, ECA_STORE_FILE);
    struct store *store = eca_xalloc(sizeof(*store));
    struct stat info;
    int rc;

    if (stat(path, &info) < 0) {
        rc = eca_err_set_sys(err, ECA_E_NOT_FOUND, errno, "%s", path);
    } else if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                               NULL) != SQLITE_OK) {
        rc = eca_err_set(err, ECA_E_INTERNAL, "%s: %s", path, sqlite3_errmsg(store->db));
    } else {
        rc = check_reader(store->db, path, err);
    }
    *ret_store = (struct eca_store){&ops, store};
    if (rc < 0) {
        eca_store_reader_close(*ret_store);
        *ret_store = (struct eca_store){0};
    }
    return rc;
}

void eca_store_reader_close(struct eca_store port)
{
    if (port.ops != NULL) {
        close_db(port.impl);
        eca_free(port.impl);
    }
}
