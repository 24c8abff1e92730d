#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent/base/mem.h"
#include "agent/sys/store_sqlite.h"
#include "tests/unit/support/disk_vfs.h"

/*
 * The ack invariant on the disk: whenever the power goes, a batch that was reported committed is
 * there, and of no batch a part. A busy history is recorded once; then the disk is rebuilt as it
 * may be after every single operation, and our adapter opens it.
 */
#define BATCHES 14
#define LIVES 3    /* of BATCHES each; the last one is not closed */
#define BIG_KEYS 5 /* records over several pages, replaced in turn */
#define BIG_BYTES 9000
#define SEEDS 2
#define SAMPLE_STEP 29     /* of the prefixes, under valgrind */
#define CHECKPOINT_EVERY 5 /* batches */

static struct eca_loop *loop;
static struct eca_store_sqlite *sqlite;
static struct eca_store store;
static struct eca_store_notes notes;
static char dir[32], after[32];
static uint32_t number; /* of the last batch */

/* The log is written back into the database, as happens by itself after a thousand pages. */
static int checkpoint(void)
{
    eca_auto_free char *path = eca_xasprintf("%s/" ECA_STORE_FILE, dir);
    sqlite3 *db = NULL;
    int rc = sqlite3_open(path, &db);

    rc =
        rc == SQLITE_OK ? sqlite3_exec(db, "PRAGMA wal_checkpoint(PASSIVE)", NULL, NULL, NULL) : rc;
    (void)sqlite3_close(db);
    return rc;
}

static void open_store(const char *where)
{
    struct eca_err err = {0};

    ck_assert_msg(eca_store_open(eca_store_sqlite_opener(sqlite), where, &store, &notes, &err) == 0,
                  "%s", err.msg);
}

static void setup(void)
{
    struct eca_err err = {0};

    memcpy(dir, "/tmp/cut-XXXXXX", sizeof("/tmp/cut-XXXXXX"));
    memcpy(after, "/tmp/cut-XXXXXX", sizeof("/tmp/cut-XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_ptr_nonnull(mkdtemp(after));
    number = 0;
    disk_vfs_install(dir);
    loop = eca_loop_new(&(struct eca_loop_opts){0}, &err);
    ck_assert_msg(loop != NULL, "%s", err.msg);
    sqlite = eca_store_sqlite_new(loop);
}

static void teardown(void)
{
    char command[96];

    eca_store_sqlite_free(sqlite);
    eca_loop_free(loop);
    disk_vfs_remove();
    (void)snprintf(command, sizeof(command), "rm -rf '%s' '%s'", dir, after);
    ck_assert_int_eq(system(command), 0);
}

/* ---- history ----------------------------------------------------------------------------------
 */

enum fate {
    UNDER_WAY,
    COMMITTED,
    FAILED,
};

static void on_done(void *arg, const struct eca_err *err)
{
    *(enum fate *)arg = err == NULL ? COMMITTED : FAILED;
}

/* Batch n: its number in three tables, one of the big records, and one record gone. */
static enum fate commit(uint32_t n)
{
    char value[16], big_key[16], here[16], gone[16];
    eca_auto_free char *big = eca_xalloc(BIG_BYTES);
    enum fate fate = UNDER_WAY;
    struct eca_err err = {0};
    struct eca_record records[6];
    size_t len;

    (void)snprintf(value, sizeof(value), "%u", n);
    (void)snprintf(big_key, sizeof(big_key), "big%u", n % BIG_KEYS);
    (void)snprintf(here, sizeof(here), "r%u", n);
    (void)snprintf(gone, sizeof(gone), "r%u", n - 1);
    memset(big, 'a' + (int)(n % 26), BIG_BYTES);
    len = strlen(value);
    memcpy(big, value, len);
    big[len] = ' ';
    records[0] = (struct eca_record){ECA_RECORD_TASK, "n", eca_view_str(value)};
    records[1] = (struct eca_record){ECA_RECORD_TASK, big_key, eca_view_of(big, BIG_BYTES)};
    records[2] = (struct eca_record){ECA_RECORD_IMAGE, "n", eca_view_str(value)};
    records[3] = (struct eca_record){ECA_RECORD_REPORT, here, eca_view_str(value)};
    records[4] = (struct eca_record){.kind = ECA_RECORD_REPORT, .key = gone};
    records[5] = (struct eca_record){ECA_RECORD_IDENTITY, "n", eca_view_str(value)};
    ck_assert_int_eq(eca_store_commit(store, records, 6, on_done, &fate, &err), 0);
    while (fate == UNDER_WAY) {
        (void)eca_loop_step(loop, true);
    }
    return fate;
}

static void keep(void)
{
    number++;
    ck_assert_int_eq(commit(number), COMMITTED);
    disk_vfs_acknowledge(number);
}

static void record_history(void)
{
    for (int life = 0; life < LIVES; life++) {
        open_store(dir);
        for (int i = 0; i < BATCHES; i++) {
            keep();
            if (i % CHECKPOINT_EVERY == 0) {
                ck_assert_int_eq(checkpoint(), SQLITE_OK);
            }
        }
        if (life + 1 < LIVES) {
            eca_store_close(eca_store_sqlite_opener(sqlite), store);
        }
    }
}

/* ---- what is there ----------------------------------------------------------------------------
 */

struct seen {
    uint32_t n[3]; /* in the three tables; 0 = not there */
    uint32_t big[BIG_KEYS];
    uint32_t report;
    size_t reports;
    bool broken;
};

static uint32_t number_of(struct eca_view text)
{
    uint32_t n = 0;

    for (size_t i = 0; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
        n = n * 10 + (uint32_t)(text.at[i] - '0');
    }
    return n;
}

static bool big_is_whole(struct eca_view text, uint32_t n)
{
    bool whole = text.len == BIG_BYTES;

    for (size_t i = 12; whole && i < text.len; i++) {
        whole = text.at[i] == 'a' + (char)(n % 26);
    }
    return whole;
}

static int look(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct seen *seen = arg;
    uint32_t n = number_of(record->value);

    (void)err;
    if (record->kind == ECA_RECORD_REPORT) {
        seen->report = n;
        seen->reports++;
    } else if (record->kind == ECA_RECORD_TASK && record->key[0] == 'b') {
        seen->big[record->key[3] - '0'] = n;
        seen->broken = seen->broken || !big_is_whole(record->value, n);
    } else {
        seen->n[record->kind == ECA_RECORD_TASK ? 0 : record->kind == ECA_RECORD_IMAGE ? 1 : 2] = n;
    }
    return ECA_OK;
}

/* The last batch that is there as a whole, nothing of a later one; false: half a batch. */
static bool whole_batch(const struct seen *seen, uint32_t *ret_last)
{
    uint32_t n = seen->n[0];
    bool whole = !seen->broken && seen->n[1] == n && seen->n[2] == n && seen->report == n &&
                 seen->reports == (n > 0 ? 1 : 0);

    for (uint32_t i = 0; i < BIG_KEYS; i++) {
        uint32_t want = n < i || n == 0 ? 0 : n - (n + BIG_KEYS - i) % BIG_KEYS;

        whole = whole && seen->big[i] == want;
    }
    *ret_last = n;
    return whole;
}

/* What the adapter makes of a disk after a cut; false, with the reason, when the promise is broken.
 */
static bool promise_holds(uint32_t acknowledged, char *why, size_t bytes)
{
    struct seen seen = {0};
    struct eca_err err = {0};
    uint32_t last = 0;
    bool whole;

    if (eca_store_open(eca_store_sqlite_opener(sqlite), after, &store, &notes, &err) < 0 ||
        eca_store_load(store, look, &seen, &err) < 0) {
        (void)snprintf(why, bytes, "it cannot be read: %s", err.msg);
        eca_store_close(eca_store_sqlite_opener(sqlite), store);
        return false;
    }
    whole = whole_batch(&seen, &last);
    (void)snprintf(why, bytes, "batch %u is there%s%s, %u was acknowledged", last,
                   whole ? "" : " in parts", notes.set_aside ? ", the file was set aside" : "",
                   acknowledged);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    return whole && !notes.set_aside && last >= acknowledged && last <= acknowledged + 1;
}

static bool is_sample(void)
{
    return getenv("VALGRIND") != NULL; /* a minute for each thousand */
}

/* Every prefix, in every way of losing what was not flushed, until broken_max break the promise.
 * Returns how many do. */
static size_t play_cuts(size_t broken_max, size_t *ret_cuts, char *why, size_t bytes)
{
    size_t count = disk_vfs_count(), broken = 0, cuts = 0;
    size_t step = is_sample() ? SAMPLE_STEP : 1;

    for (size_t upto = 0; upto <= count && broken < broken_max; upto += step) {
        for (uint64_t way = 0; way < 2 + SEEDS; way++) {
            enum disk_cut cut = way == 0   ? DISK_ALL_WRITTEN
                                : way == 1 ? DISK_ALL_DROPPED
                                           : DISK_SOME_DROPPED;
            uint32_t acknowledged = disk_vfs_rebuild(upto, cut, upto * 64 + way, after);
            char reason[256];

            cuts++;
            if (!promise_holds(acknowledged, reason, sizeof(reason))) {
                if (broken++ == 0) {
                    (void)snprintf(why, bytes, "cut after %zu of %zu, way %u: %s", upto, count,
                                   (unsigned)way, reason);
                }
            }
        }
    }
    *ret_cuts = cuts;
    return broken;
}

/* STATE-120, STATE-121, FB-13.1, FB-14.1 */
START_TEST(whatever_a_power_cut_leaves_every_acknowledged_batch_is_there_whole)
{
    char why[512] = "";
    size_t cuts = 0, broken;

    record_history();
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    broken = play_cuts(SIZE_MAX, &cuts, why, sizeof(why));
    ck_assert_msg(broken == 0, "%zu of %zu cuts, the first: %s", broken, cuts, why);
    ck_assert_uint_gt(cuts, is_sample() ? 100 : 2000);
    (void)printf("%zu power cuts\n", cuts);
}
END_TEST

/* The same without flushes: what the test above would say of synchronous=OFF. */
START_TEST(a_disk_that_lies_about_flushes_is_found_out)
{
    char why[512] = "";
    size_t cuts = 0;

    disk_vfs_lie(true);
    record_history();
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    ck_assert_uint_gt(play_cuts(1, &cuts, why, sizeof(why)), 0);
}
END_TEST

/* ---- failing operations -----------------------------------------------------------------------
 */

static const enum disk_fault faults[] = {DISK_FULL, DISK_WRITE_FAILS, DISK_FLUSH_FAILS};

static void check_directory(uint32_t at_least, uint32_t at_most)
{
    struct seen seen = {0};
    uint32_t last = 0;

    open_store(dir);
    ck_assert_int_eq(eca_store_load(store, look, &seen, NULL), 0);
    ck_assert_msg(whole_batch(&seen, &last), "batch %u is there in parts", last);
    ck_assert_msg(last >= at_least && last <= at_most, "batch %u is there, want %u to %u", last,
                  at_least, at_most);
    ck_assert(!notes.set_aside);
}

/* One life in which the nth operation of a kind fails; false: there is no nth any more. */
static bool play_nth_failure(enum disk_fault fault, uint64_t n)
{
    uint64_t failed;
    char why[256];
    uint32_t acknowledged;

    open_store(dir);
    for (int i = 0; i < 4; i++) {
        keep();
    }
    disk_vfs_fail(fault, n, 1);
    for (int i = 0; i < 4; i++) {
        number++;
        if (commit(number) == FAILED) {
            ck_assert_int_eq(commit(number), COMMITTED); /* as the journal does, later */
        }
        (void)checkpoint(); /* may fail, and is made up for later */
        disk_vfs_acknowledge(number);
    }
    failed = disk_vfs_heal();
    /* The power goes right after the last acknowledgement; then the process ends in order. */
    acknowledged = disk_vfs_rebuild(disk_vfs_count(), DISK_ALL_DROPPED, n, after);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    ck_assert_uint_eq(acknowledged, number);
    ck_assert_msg(promise_holds(acknowledged, why, sizeof(why)), "fault %d, operation %llu: %s",
                  (int)fault, (unsigned long long)n, why);
    check_directory(number, number);
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    return failed > 0;
}

/* STATE-122: whichever write or flush fails, a repetition is as good as a first time, also when the
 * kernel has forgotten what it could not flush. */
START_TEST(after_any_failed_operation_a_repeated_commit_is_durable)
{
    enum disk_fault fault = faults[_i];
    uint64_t n = 0;

    while (play_nth_failure(fault, n)) {
        n++;
    }
    ck_assert_uint_gt(n, 8);
}
END_TEST

static void on_refused(void *arg, const struct eca_err *err)
{
    struct eca_buf *why = arg;

    eca_buf_add_str(why, err == NULL ? "committed" : err->msg);
}

/* STATE-122, FB-13.5: as long as it lasts nothing is committed, and the sentence says why; with
 * space again everything is, and no file is left over. */
START_TEST(nothing_is_committed_while_the_disk_refuses)
{
    static const char *const reasons[] = {"full", "I/O error", "I/O error"};
    struct eca_record record = {ECA_RECORD_TASK, "x", eca_view_str("y")};

    open_store(dir);
    keep();
    disk_vfs_fail(faults[_i], 0, 0);
    for (int i = 0; i < 5; i++) {
        eca_auto_buf struct eca_buf why = {0};

        ck_assert_int_eq(eca_store_commit(store, &record, 1, on_refused, &why, NULL), 0);
        while (why.len == 0) {
            (void)eca_loop_step(loop, true);
        }
        ck_assert_msg(strstr(eca_buf_str(&why), reasons[_i]) != NULL, "%s", eca_buf_str(&why));
    }
    ck_assert_uint_ge(disk_vfs_heal(), 5);
    keep();
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    check_directory(number, number);
}
END_TEST

/* STATE-123: a disk that is full or fails while the database is opened is no damaged database. */
START_TEST(a_failure_while_opening_costs_nothing)
{
    static const enum disk_fault all[] = {DISK_FULL, DISK_WRITE_FAILS, DISK_FLUSH_FAILS,
                                          DISK_OPEN_FAILS};
    struct eca_err err = {0};
    uint64_t n = 0;

    open_store(dir);
    keep();
    keep();
    (void)disk_vfs_rebuild(disk_vfs_count(), DISK_ALL_WRITTEN, 0, after); /* with a log to replay */
    eca_store_close(eca_store_sqlite_opener(sqlite), store);
    for (;; n++) {
        char copy[160];
        int rc;

        (void)snprintf(copy, sizeof(copy), "rm -rf '%s' && cp -r '%s' '%s'", dir, after, dir);
        ck_assert_int_eq(system(copy), 0);
        disk_vfs_fail(all[_i], n, 1);
        rc = eca_store_open(eca_store_sqlite_opener(sqlite), dir, &store, &notes, &err);
        if (rc == ECA_OK) {
            ck_assert_msg(!notes.set_aside, "failure %llu: set aside", (unsigned long long)n);
            eca_store_close(eca_store_sqlite_opener(sqlite), store);
        } else {
            ck_assert_msg(rc == ECA_E_TRANSIENT, "failure %llu: %s", (unsigned long long)n,
                          err.msg);
        }
        if (disk_vfs_heal() == 0) {
            break;
        }
        check_directory(number, number);
        eca_store_close(eca_store_sqlite_opener(sqlite), store);
    }
    ck_assert_uint_gt(n, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("power cut");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, whatever_a_power_cut_leaves_every_acknowledged_batch_is_there_whole);
    tcase_add_test(tcase, a_disk_that_lies_about_flushes_is_found_out);
    tcase_add_loop_test(tcase, after_any_failed_operation_a_repeated_commit_is_durable, 0, 3);
    tcase_add_loop_test(tcase, nothing_is_committed_while_the_disk_refuses, 0, 3);
    tcase_add_loop_test(tcase, a_failure_while_opening_costs_nothing, 0, 4);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
