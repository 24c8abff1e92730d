#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent/base/mem.h"
#include "agent/sys/host_linux.h"
#include "agent/sys/store_files.h"
#include "agent/sys/store_sqlite.h"
#include "tests/unit/ports/contract.h"

static struct eca_loop *loop;
static struct eca_store_sqlite *sqlite;
static struct eca_store store;
static struct eca_store_notes notes;
static char dir[32];

static const char *file(const char *name)
{
    static char path[4][96];
    static size_t turn;

    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
    return path[turn];
}

static void open_sqlite(void)
{
    struct eca_err err = {0};

    memcpy(dir, "/tmp/store-XXXXXX", sizeof("/tmp/store-XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    ck_assert_msg(loop != NULL, "%s", err.msg);
    sqlite = eca_store_sqlite_new(loop);
    ck_assert_msg(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err) == 0,
                  "%s", err.msg);
}

static void remove_dir(void)
{
    char command[96];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

static void close_sqlite(void)
{
    eca_store_sqlite_free(sqlite);
    eca_loop_free(loop);
    remove_dir();
}

/* The next process. */
static int reopen(struct eca_err *err)
{
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    return eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, err);
}

static struct eca_store the_store(void)
{
    return store;
}

static void step(void)
{
    (void)eca_loop_step(loop, false);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open(file(ECA_STORE_FILE), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* Images are refused, in the middle of a batch, as when the disk is full there. */
static void fail_next(bool on)
{
    run_sql(on ? "CREATE TRIGGER full BEFORE INSERT ON image BEGIN "
                 "SELECT RAISE(ABORT, 'database or disk is full'); END"
               : "DROP TRIGGER full");
}

static void on_done(void *arg, const struct eca_err *err)
{
    ck_assert_msg(err == NULL, "%s", err == NULL ? "" : err->msg);
    *(bool *)arg = true;
}

static void keep(const char *key, const char *value)
{
    struct eca_record record = {ECA_RECORD_TASK, key, eca_view_str(value)};
    bool done = false;

    ck_assert_int_eq(eca_store_commit(store, &record, 1, on_done, &done, NULL), 0);
    while (!done) {
        (void)eca_loop_step(loop, true);
    }
}

static int collect(void *arg, const struct eca_record *record, struct eca_err *err)
{
    (void)err;
    eca_buf_addf(arg, "%s=%.*s ", record->key, (int)record->value.len, record->value.at);
    return ECA_OK;
}

static void expect(const char *text)
{
    eca_auto_buf struct eca_buf all = {0};

    ck_assert_int_eq(eca_store_load(store, collect, &all, NULL), 0);
    ck_assert_str_eq(eca_buf_str(&all), text);
}

/* STATE-128: read while an agent holds the directory; one moment, and not a word written. */
START_TEST(a_reader_beside_a_running_agent_sees_one_moment)
{
    struct eca_record record = {ECA_RECORD_TASK, "b", eca_view_str("2")};
    eca_auto_buf struct eca_buf before = {0}, after = {0};
    struct eca_store reader = {0};
    struct eca_err err = {0};
    bool done = false;

    keep("a", "1");
    ck_assert_msg(eca_store_reader_open(dir, &reader, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(eca_store_load(reader, collect, &before, &err), 0);
    ck_assert_str_eq(eca_buf_str(&before), "a=1 ");
    keep("c", "3");
    ck_assert_int_eq(eca_store_load(reader, collect, &after, &err), 0);
    ck_assert_str_eq(eca_buf_str(&after), "a=1 ");
    ck_assert_int_eq(eca_store_commit(reader, &record, 1, on_done, &done, &err), ECA_E_DENIED);
    eca_store_reader_close(reader);
    expect("a=1 c=3 ");
}
END_TEST

/* STATE-128, STATE-124: what cannot be read is refused, and nothing is made. */
START_TEST(a_reader_refuses_what_it_cannot_read)
{
    struct eca_store reader = {0};
    struct eca_err err = {0};

    ck_assert_int_eq(eca_store_reader_open("/nonexistent", &reader, &err), ECA_E_NOT_FOUND);
    ck_assert_ptr_null(reader.ops);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    run_sql("PRAGMA user_version=99");
    ck_assert_int_eq(eca_store_reader_open(dir, &reader, &err), ECA_E_DENIED);
    ck_assert_ptr_nonnull(strstr(err.msg, "99"));
    ck_assert_ptr_null(reader.ops);
}
END_TEST

/* STATE-120: the next process finds everything; nobody else may read the files. */
START_TEST(what_was_committed_is_there_after_a_restart)
{
    struct eca_err err = {0};
    struct stat info;

    ck_assert(notes.fresh && !notes.set_aside);
    keep("a", "1");
    keep("b", "2");
    ck_assert_int_eq(stat(file(ECA_STORE_FILE), &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(file(ECA_STORE_FILE "-wal"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
    ck_assert_msg(reopen(&err) == 0, "%s", err.msg);
    ck_assert(!notes.fresh && !notes.set_aside);
    expect("a=1 b=2 ");
}
END_TEST

/* STATE-120, FB-13.1: killed without a word right after the completion. */
START_TEST(a_committed_record_survives_a_kill)
{
    struct eca_err err = {0};
    int status = 0;
    pid_t child;

    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct eca_loop *own = eca_loop_new(&(struct eca_loop_opts){0}, &err);
        struct eca_store_sqlite *mine = eca_store_sqlite_new(own);

        loop = own;
        if (eca_store_open(eca_store_sqlite_opener(mine), dir, &store, &notes, &err) == 0) {
            keep("a", "from the one that was killed");
            (void)kill(getpid(), SIGKILL);
        }
        _exit(1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    expect("a=from the one that was killed ");
}
END_TEST

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    ck_assert_msg(out != NULL, "%s", path);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* STATE-127: a process that ended before its first commit leaves a first run to the next one, and a
 * database that took a damaged one's place is none. */
START_TEST(a_first_run_lasts_until_something_is_committed)
{
    struct eca_err err = {0};

    ck_assert_int_eq(reopen(&err), 0);
    ck_assert(notes.fresh);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    ck_assert_int_eq(unlink(file(ECA_STORE_BACKUP)), 0);
    write_file(file(ECA_STORE_FILE), ""); /* killed between two system calls */
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    ck_assert(notes.fresh && !notes.set_aside);
    keep("a", "1");
    ck_assert_int_eq(reopen(&err), 0);
    ck_assert(!notes.fresh);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    write_file(file(ECA_STORE_FILE), "this is no database");
    write_file(file(ECA_STORE_BACKUP), "neither is this");
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    ck_assert(notes.fresh && notes.set_aside);
    ck_assert_int_eq(reopen(&err), 0);
    ck_assert(!notes.fresh && !notes.set_aside);
}
END_TEST

/* STATE-125: also within one process, by a second adapter. */
START_TEST(a_second_agent_is_refused_and_told_who_holds_it)
{
    struct eca_store_sqlite *second = eca_store_sqlite_new(loop);
    struct eca_store other;
    struct eca_store_notes other_notes;
    struct eca_err err = {0};
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "pid %ld ", (long)getpid());
    ck_assert_int_eq(
        eca_store_open(eca_store_sqlite_opener(second), dir, &other, &other_notes, &err),
        ECA_E_CONFLICT);
    ck_assert_msg(strstr(err.msg, pid) != NULL, "%s", err.msg);
    keep("a", "1");
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    ck_assert_int_eq(
        eca_store_open(eca_store_sqlite_opener(second), dir, &other, &other_notes, &err), 0);
    eca_store_sqlite_free(second);
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    expect("a=1 ");
}
END_TEST

/* STATE-108 */
START_TEST(a_directory_that_is_none_is_named)
{
    static const char *const names[] = {"missing", ECA_STORE_FILE};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct eca_store_sqlite *second = eca_store_sqlite_new(loop);
        struct eca_store other;
        struct eca_store_notes other_notes;
        struct eca_err err = {0};

        ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(second), file(names[i]), &other,
                                        &other_notes, &err),
                         ECA_E_NOT_FOUND);
        ck_assert_msg(strstr(err.msg, names[i]) != NULL, "%s", err.msg);
        eca_store_sqlite_free(second);
    }
}
END_TEST

/* Where this process may write nothing: it says where, and the directory is as before. */
START_TEST(a_directory_without_the_right_to_write_is_named)
{
    struct eca_err err = {0};
    int status = 0;
    pid_t child;

    keep("a", "1");
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    ck_assert_int_eq(unlink(file(ECA_STORE_LOCK)), 0);
    ck_assert_int_eq(chmod(dir, 0555), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        bool named = (geteuid() != 0 || setuid(65534) == 0) && /* root may write everywhere */
                     eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err) ==
                         ECA_E_DENIED &&
                     strstr(err.msg, dir) != NULL;

        _exit(named ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(chmod(dir, 0755), 0);
    ck_assert_msg(status == 0, "the child ended with %d", status);
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    ck_assert(!notes.fresh && !notes.set_aside);
    expect("a=1 ");
}
END_TEST

static void read_whole(const char *path, struct eca_buf *out)
{
    struct eca_err err = {0};

    ck_assert_msg(eca_host_read_file(eca_host_linux(), path, 1 << 24, out, &err) == 0, "%s",
                  err.msg);
}

/* FB-13.7: whatever the process makes, under whatever mask. */
START_TEST(every_file_is_its_owners_only)
{
    static const char *const names[] = {ECA_STORE_FILE, ECA_STORE_FILE "-wal",
                                        ECA_STORE_FILE "-shm", ECA_STORE_BACKUP, ECA_STORE_LOCK};
    char copy[ECA_STORE_PATH_BYTES];
    struct eca_err err = {0};
    struct stat info;

    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    remove_dir();
    ck_assert_int_eq(mkdir(dir, 0777), 0);
    (void)umask(0);
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    keep("a", "1");
    ck_assert_int_eq(reopen(&err), 0); /* makes the copy */
    keep("a", "2");
    ck_assert_int_eq(eca_store_keep_copy(store, "why", copy, &err), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_msg(stat(file(names[i]), &info) == 0, "%s", names[i]);
        ck_assert_msg((info.st_mode & 0777) == 0600, "%s: %o", names[i], info.st_mode);
    }
    ck_assert_int_eq(stat(copy, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
}
END_TEST

static size_t rows_of(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *count = NULL;
    size_t rows;

    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM task", -1, &count, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(count), SQLITE_ROW);
    rows = (size_t)sqlite3_column_int64(count, 0);
    (void)sqlite3_finalize(count);
    (void)sqlite3_close(db);
    return rows;
}

/* STATE-131: two of the same second have two names, and each holds what was there then. */
START_TEST(copies_are_whole_and_do_not_replace_each_other)
{
    char first[ECA_STORE_PATH_BYTES], second[ECA_STORE_PATH_BYTES];
    struct eca_err err = {0};

    keep("a", "1");
    ck_assert_int_eq(eca_store_keep_copy(store, "other-instance", first, &err), 0);
    keep("b", "2");
    ck_assert_int_eq(eca_store_keep_copy(store, "other-instance", second, &err), 0);
    ck_assert_str_ne(first, second);
    ck_assert_uint_eq(rows_of(first), 1);
    ck_assert_uint_eq(rows_of(second), 2);
    ck_assert_int_eq(reopen(&err), 0);
    expect("a=1 b=2 ");
}
END_TEST

#define BATCH 20000

/* STATE-127: a copy made while the thread commits is of one moment: before or after. */
START_TEST(a_copy_is_made_beside_a_commit_under_way)
{
    static char keys[BATCH][16];
    static struct eca_record batch[BATCH];
    char copy[ECA_STORE_PATH_BYTES];
    struct eca_err err = {0};
    bool done = false;

    keep("a", "1");
    for (size_t i = 0; i < BATCH; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "key-%zu", i);
        batch[i] = (struct eca_record){ECA_RECORD_TASK, keys[i], eca_view_str("some text")};
    }
    ck_assert_int_eq(eca_store_commit(store, batch, BATCH, on_done, &done, NULL), 0);
    for (int i = 0; i < 20; i++) {
        size_t rows;

        ck_assert_msg(eca_store_keep_copy(store, "why", copy, &err) == 0, "copy %d: %s", i,
                      err.msg);
        rows = rows_of(copy);
        ck_assert_msg(rows == 1 || rows == BATCH + 1, "copy %d: %zu rows", i, rows);
    }
    while (!done) {
        (void)eca_loop_step(loop, true);
    }
}
END_TEST

/* STATE-101, STATE-106, FB-13.6 */
START_TEST(leftovers_of_broken_saves_are_removed)
{
    struct eca_err err = {0};

    write_file(file("tmp_ecs_agent_data1"), "{");
    write_file(file("tmp_ecs_agent_data22"), "");
    write_file(file(ECA_STORE_BACKUP_NEW), "half");
    write_file(file(ECA_STORE_BACKUP_NEW "-journal"), "half");
    write_file(file("tmp_other"), "mine");
    write_file(file(ECA_STATE_FILE), "{}");
    ck_assert_int_eq(reopen(&err), 0);
    ck_assert_int_ne(access(file("tmp_ecs_agent_data1"), F_OK), 0);
    ck_assert_int_ne(access(file("tmp_ecs_agent_data22"), F_OK), 0);
    ck_assert_int_ne(access(file(ECA_STORE_BACKUP_NEW "-journal"), F_OK), 0);
    ck_assert_int_eq(access(file("tmp_other"), F_OK), 0);
    ck_assert_int_eq(access(file(ECA_STATE_FILE), F_OK), 0);
}
END_TEST

static void set_time(const char *name, time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    ck_assert_int_eq(utimensat(AT_FDCWD, file(name), times, 0), 0);
}

/* STATE-127: the other agent's file counts when it was written after all of the database. */
START_TEST(a_file_written_after_the_database_is_noticed)
{
    struct eca_err err = {0};

    ck_assert(!notes.older_than_file);
    keep("a", "1");
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    write_file(file(ECA_STATE_FILE), "{}");
    set_time(ECA_STATE_FILE, 1000);
    set_time(ECA_STORE_FILE, 2000);
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    ck_assert(!notes.older_than_file);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    set_time(ECA_STATE_FILE, 3000);
    set_time(ECA_STORE_FILE, 2000);
    write_file(file(ECA_STORE_FILE "-wal"), "x"); /* written now: the database was used last */
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    ck_assert(!notes.older_than_file);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    set_time(ECA_STORE_FILE, 2000);
    write_file(file(ECA_STORE_FILE "-wal"), ""); /* opened now, but nothing was committed */
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    ck_assert(notes.older_than_file);
}
END_TEST

/* STATE-127: so that the files tell when the last commit was, whoever looked since. */
START_TEST(an_open_alone_writes_nothing)
{
    struct eca_err err = {0};
    struct stat info;

    keep("a", "1");
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    set_time(ECA_STORE_FILE, 2000);
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    expect("a=1 ");
    ck_assert(stat(file(ECA_STORE_FILE "-wal"), &info) < 0 || info.st_size == 0);
    ck_assert_int_eq(reopen(&err), 0);
    ck_assert_int_eq(stat(file(ECA_STORE_FILE), &info), 0);
    ck_assert_int_eq(info.st_mtime, 2000);
}
END_TEST

/* STATE-124: a creation that was interrupted, or an older layout: completed after a copy. */
START_TEST(an_older_schema_is_copied_and_migrated)
{
    struct eca_err err = {0};
    eca_auto_free char *pattern = eca_xasprintf("ls '%s'/agent.db.schema-0-* >/dev/null 2>&1", dir);
    char version[8] = "";
    sqlite3 *db = NULL;
    sqlite3_stmt *ask = NULL;

    ck_assert_int_ne(system(pattern), 0); /* a new database needs no copy */
    keep("a", "1");
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    run_sql("DROP TABLE image; PRAGMA user_version=0");
    ck_assert_msg(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err) == 0,
                  "%s", err.msg);
    ck_assert(!notes.fresh && !notes.set_aside);
    expect("a=1 ");
    ck_assert_int_eq(system(pattern), 0);
    ck_assert_int_eq(sqlite3_open(file(ECA_STORE_FILE), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &ask, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(ask), SQLITE_ROW);
    (void)snprintf(version, sizeof(version), "%s", (const char *)sqlite3_column_text(ask, 0));
    ck_assert_str_eq(version, "1");
    (void)sqlite3_finalize(ask);
    (void)sqlite3_close(db);
}
END_TEST

/* STATE-124 */
START_TEST(a_newer_schema_is_refused_with_both_numbers)
{
    eca_auto_buf struct eca_buf before = {0}, after = {0};
    struct eca_err err = {0};

    keep("a", "1");
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    run_sql("PRAGMA user_version=7");
    read_whole(file(ECA_STORE_FILE), &before);
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err),
                     ECA_E_DENIED);
    ck_assert_msg(strstr(err.msg, "7") != NULL && strstr(err.msg, "1") != NULL, "%s", err.msg);
    read_whole(file(ECA_STORE_FILE), &after);
    ck_assert(eca_view_eq(eca_buf_view(&before), eca_buf_view(&after)));
    run_sql("PRAGMA user_version=1");
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    expect("a=1 ");
}
END_TEST

static void damage(const char *name, off_t at)
{
    static const char junk[4096] = "this is no page of a database";
    int fd = open(file(name), O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, junk, sizeof(junk), at), (ssize_t)sizeof(junk));
    (void)close(fd);
}

/* STATE-123, FB-13.4: head of the file or a page inside it; the last good copy takes over. */
START_TEST(a_damaged_database_is_set_aside_and_its_copy_used)
{
    static const off_t places[] = {0, 4096};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct eca_err err = {0};

        keep("a", i == 0 ? "1" : "2");
        eca_store_close(eca_store_sqlite_opener(sqlite), store); /* writes the copy */
        damage(ECA_STORE_FILE, places[i]);
        ck_assert_msg(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err) ==
                          0,
                      "place %zu: %s", i, err.msg);
        ck_assert(notes.set_aside && notes.restored_backup && !notes.fresh);
        ck_assert_ptr_nonnull(strstr(notes.set_aside_path, ECA_STORE_FILE ".corrupt-"));
        ck_assert_int_eq(access(notes.set_aside_path, R_OK), 0);
        expect(i == 0 ? "a=1 " : "a=2 ");
        ck_assert_int_eq(unlink(notes.set_aside_path), 0); /* the next one has the same second */
    }
}
END_TEST

/* STATE-123: nothing is left of it but its name. */
START_TEST(an_emptied_database_is_a_damaged_one)
{
    struct eca_err err = {0};

    keep("a", "1");
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    write_file(file(ECA_STORE_FILE), "");
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    ck_assert(notes.set_aside && notes.restored_backup && !notes.fresh);
    expect("a=1 ");
}
END_TEST

/* STATE-123: nothing sound is left: a fresh start, the damaged one is kept for a look. */
START_TEST(without_a_sound_copy_it_starts_afresh)
{
    struct eca_err err = {0};

    keep("a", "1");
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    damage(ECA_STORE_FILE, 0);
    damage(ECA_STORE_BACKUP, 0);
    ck_assert_msg(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err) == 0,
                  "%s", err.msg);
    ck_assert(notes.set_aside && notes.fresh && !notes.restored_backup);
    expect("");
    keep("b", "2");
    ck_assert_int_eq(reopen(&err), 0);
    expect("b=2 ");
}
END_TEST

/* As in a crash: whether the batch is there or not, its completion never comes. */
START_TEST(a_close_with_a_commit_under_way_is_silent)
{
    struct eca_record record = {ECA_RECORD_TASK, "a", eca_view_str("1")};
    struct eca_err err = {0};
    bool done = false;

    ck_assert_int_eq(eca_store_commit(store, &record, 1, on_done, &done, NULL), 0);
    ck_assert_int_eq(reopen(&err), 0);
    for (int i = 0; i < 100; i++) {
        step();
    }
    ck_assert(!done);
    keep("b", "2"); /* the completion of the old one is not taken for this one's */
}
END_TEST

/* STATE-123: every 10 minutes, behind a commit. */
START_TEST(a_copy_is_made_at_most_every_ten_minutes)
{
    struct manual_clock clock;
    struct eca_clock port;
    struct stat first, second;
    struct eca_err err = {0};

    eca_store_sqlite_free(sqlite);
    eca_loop_free(loop);
    manual_clock_init(&clock);
    port = manual_clock_port(&clock);
    loop = eca_loop_new(&(struct eca_loop_opts){.clock = &port}, &err);
    sqlite = eca_store_sqlite_new(loop);
    (void)unlink(file(ECA_STORE_BACKUP)); /* that of the close */
    ck_assert_int_eq(eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err), 0);
    keep("a", "1");
    clock.mono_ns += UINT64_C(599) * 1000000000u;
    (void)eca_loop_step(loop, false);
    keep("b", "2");
    keep("b", "3");
    ck_assert_int_ne(access(file(ECA_STORE_BACKUP), F_OK), 0);
    clock.mono_ns += UINT64_C(2) * 1000000000u;
    (void)eca_loop_step(loop, false);
    keep("c", "4");
    keep("d", "5"); /* done after the copy */
    ck_assert_int_eq(stat(file(ECA_STORE_BACKUP), &first), 0);
    ck_assert_uint_eq(first.st_mode & 0777, 0600);
    keep("e", "6");
    keep("e", "7");
    ck_assert_int_eq(stat(file(ECA_STORE_BACKUP), &second), 0);
    ck_assert(first.st_ino == second.st_ino && first.st_mtim.tv_nsec == second.st_mtim.tv_nsec);
    eca_store_sqlite_free(sqlite);
    eca_loop_free(loop);
    manual_clock_clear(&clock);
    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    sqlite = eca_store_sqlite_new(loop);
}
END_TEST

static void on_failed(void *arg, const struct eca_err *err)
{
    ck_assert_msg(err != NULL, "it was committed");
    *(bool *)arg = true;
}

/* STATE-122: another writer holds the database: that batch fails, the next one may work. */
START_TEST(a_locked_database_fails_the_commit)
{
    struct eca_record record = {ECA_RECORD_TASK, "a", eca_view_str("1")};
    sqlite3 *blocker = NULL;
    bool done = false;

    ck_assert_int_eq(sqlite3_open(file(ECA_STORE_FILE), &blocker), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(blocker, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(eca_store_commit(store, &record, 1, on_failed, &done, NULL), 0);
    while (!done) {
        (void)eca_loop_step(loop, true);
    }
    ck_assert_int_eq(sqlite3_close(blocker), SQLITE_OK);
    expect("");
    keep("a", "2");
    expect("a=2 ");
}
END_TEST

int main(void)
{
    static const struct contract_store_rig rig = {open_sqlite, close_sqlite, the_store, step,
                                                  fail_next};
    Suite *suite = suite_create("sqlite store");
    TCase *tcase = tcase_create("files");

    contract_store_add(suite, &rig);
    tcase_add_checked_fixture(tcase, open_sqlite, close_sqlite);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_copy_is_made_beside_a_commit_under_way);
    tcase_add_test(tcase, a_reader_beside_a_running_agent_sees_one_moment);
    tcase_add_test(tcase, a_reader_refuses_what_it_cannot_read);
    tcase_add_test(tcase, what_was_committed_is_there_after_a_restart);
    tcase_add_test(tcase, a_committed_record_survives_a_kill);
    tcase_add_test(tcase, a_first_run_lasts_until_something_is_committed);
    tcase_add_test(tcase, a_second_agent_is_refused_and_told_who_holds_it);
    tcase_add_test(tcase, a_directory_that_is_none_is_named);
    tcase_add_test(tcase, a_directory_without_the_right_to_write_is_named);
    tcase_add_test(tcase, every_file_is_its_owners_only);
    tcase_add_test(tcase, copies_are_whole_and_do_not_replace_each_other);
    tcase_add_test(tcase, leftovers_of_broken_saves_are_removed);
    tcase_add_test(tcase, a_file_written_after_the_database_is_noticed);
    tcase_add_test(tcase, an_open_alone_writes_nothing);
    tcase_add_test(tcase, an_older_schema_is_copied_and_migrated);
    tcase_add_test(tcase, a_newer_schema_is_refused_with_both_numbers);
    tcase_add_test(tcase, a_damaged_database_is_set_aside_and_its_copy_used);
    tcase_add_test(tcase, an_emptied_database_is_a_damaged_one);
    tcase_add_test(tcase, without_a_sound_copy_it_starts_afresh);
    tcase_add_test(tcase, a_close_with_a_commit_under_way_is_silent);
    tcase_add_test(tcase, a_locked_database_fails_the_commit);
    tcase_add_test(tcase, a_copy_is_made_at_most_every_ten_minutes);
    suite_add_tcase(suite, tcase);
    return contract_main(NULL, suite);
}
