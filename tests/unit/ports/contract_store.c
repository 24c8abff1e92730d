#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/ports/contract.h"

/* The store port (agent/ports/store.h). */
#define STEPS_MAX 1000000

static const struct contract_store_rig *rig;

/* One commit and what was told about it. */
struct done {
    bool returned, called, failed;
    struct done *then; /* commit this from inside the completion */
    struct eca_record record;
};

static int commit(struct done *done, const struct eca_record *records, size_t count);

static void on_done(void *arg, const struct eca_err *err)
{
    struct done *done = arg;

    ck_assert_msg(done->returned, "completion inside commit");
    ck_assert_msg(!done->called, "completed twice");
    done->called = true;
    done->failed = err != NULL;
    ck_assert(err == NULL || err->msg[0] != '\0');
    if (done->then != NULL) {
        ck_assert_int_eq(commit(done->then, &done->then->record, 1), 0);
    }
}

static int commit(struct done *done, const struct eca_record *records, size_t count)
{
    int rc = eca_store_commit(rig->store(), records, count, on_done, done, NULL);

    done->returned = true;
    return rc;
}

static void until(const struct done *done)
{
    for (int i = 0; i < STEPS_MAX && !done->called; i++) {
        rig->step();
    }
    ck_assert_msg(done->called, "never completed");
}

static struct eca_record put(enum eca_record_kind kind, const char *key, const char *value)
{
    return (struct eca_record){kind, key, value == NULL ? ECA_VIEW_NONE : eca_view_str(value)};
}

static void keep(const struct eca_record *records, size_t count)
{
    struct done done = {0};

    ck_assert_int_eq(commit(&done, records, count), 0);
    until(&done);
    ck_assert(!done.failed);
}

static int collect(void *arg, const struct eca_record *record, struct eca_err *err)
{
    (void)err;
    eca_buf_addf(arg, "%d %s=%.*s\n", (int)record->kind, record->key, (int)record->value.len,
                 record->value.at);
    return ECA_OK;
}

static void expect(const char *text)
{
    eca_auto_buf struct eca_buf all = {0};
    struct eca_err err = {0};

    ck_assert_msg(eca_store_load(rig->store(), collect, &all, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(eca_buf_str(&all), text);
}

static void open_rig(void)
{
    rig->open();
}
static void close_rig(void)
{
    rig->close();
}

/* STATE-120: kinds are apart, a replaced record keeps its place. */
START_TEST(records_come_back_in_insertion_order)
{
    const struct eca_record first[] = {put(ECA_RECORD_TASK, "t2", "{\"a\":1}"),
                                       put(ECA_RECORD_TASK, "t1", "{}"),
                                       put(ECA_RECORD_IDENTITY, "identity", "me"),
                                       put(ECA_RECORD_REPORT, "1", "\xc3\xa4 'quoted' %s")};
    const struct eca_record second[] = {put(ECA_RECORD_TASK, "t3", "new"),
                                        put(ECA_RECORD_TASK, "t2", "changed"),
                                        put(ECA_RECORD_IMAGE, "t1", "an image")};
    const struct eca_record third[] = {put(ECA_RECORD_TASK, "t1", NULL),
                                       put(ECA_RECORD_TASK, "never there", NULL)};

    expect("");
    keep(first, 4);
    expect("0 identity=me\n1 t2={\"a\":1}\n1 t1={}\n3 1=\xc3\xa4 'quoted' %s\n");
    keep(second, 3);
    keep(third, 2);
    expect("0 identity=me\n1 t2=changed\n1 t3=new\n2 t1=an image\n3 1=\xc3\xa4 'quoted' %s\n");
}
END_TEST

START_TEST(within_a_batch_the_last_word_counts)
{
    const struct eca_record batch[] = {
        put(ECA_RECORD_TASK, "t", "one"), put(ECA_RECORD_TASK, "t", NULL),
        put(ECA_RECORD_TASK, "t", "two"), put(ECA_RECORD_TASK, "u", "three"),
        put(ECA_RECORD_TASK, "u", NULL)};

    keep(batch, 5);
    expect("1 t=two\n");
    keep(NULL, 0); /* an empty batch completes as well */
    expect("1 t=two\n");
}
END_TEST

/* STATE-121 */
START_TEST(one_commit_at_a_time_and_its_records_are_copied)
{
    char key[] = "key", value[] = "value";
    struct eca_record record = put(ECA_RECORD_TASK, key, value);
    struct done done = {0}, refused = {0};

    ck_assert_int_eq(commit(&done, &record, 1), 0);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    ck_assert_int_eq(commit(&refused, &record, 1), ECA_E_CONFLICT);
    until(&done);
    for (int i = 0; i < 100; i++) {
        rig->step();
    }
    ck_assert(!refused.called);
    expect("1 key=value\n");
}
END_TEST

START_TEST(the_next_commit_may_start_inside_the_completion)
{
    struct done second = {.record = put(ECA_RECORD_TASK, "b", "2")};
    struct done first = {.then = &second};
    struct eca_record record = put(ECA_RECORD_TASK, "a", "1");

    ck_assert_int_eq(commit(&first, &record, 1), 0);
    until(&first);
    until(&second);
    expect("1 a=1\n1 b=2\n");
}
END_TEST

/* STATE-122 */
START_TEST(of_a_failed_batch_nothing_is_stored)
{
    const struct eca_record good = put(ECA_RECORD_TASK, "a", "1");
    const struct eca_record batch[] = {put(ECA_RECORD_TASK, "a", "2"),
                                       put(ECA_RECORD_IMAGE, "i", "3")};
    struct done done = {0}, again = {0};

    keep(&good, 1);
    rig->fail_next(true);
    ck_assert_int_eq(commit(&done, batch, 2), 0);
    until(&done);
    ck_assert(done.failed);
    rig->fail_next(false);
    expect("1 a=1\n");
    ck_assert_int_eq(commit(&again, batch, 2), 0);
    until(&again);
    ck_assert(!again.failed);
    expect("1 a=2\n2 i=3\n");
}
END_TEST

static int stop_at_second(void *arg, const struct eca_record *record, struct eca_err *err)
{
    size_t *count = arg;

    (void)record;
    return ++*count == 2 ? eca_err_set(err, ECA_E_INVALID, "this one is broken") : ECA_OK;
}

START_TEST(loading_stops_at_the_callers_error)
{
    const struct eca_record records[] = {put(ECA_RECORD_TASK, "a", "1"),
                                         put(ECA_RECORD_TASK, "b", "2"),
                                         put(ECA_RECORD_IMAGE, "c", "3")};
    struct eca_err err = {0};
    size_t count = 0;

    keep(records, 3);
    ck_assert_int_eq(eca_store_load(rig->store(), stop_at_second, &count, &err), ECA_E_INVALID);
    ck_assert_str_eq(err.msg, "this one is broken");
    ck_assert_uint_eq(count, 2);
    expect("1 a=1\n1 b=2\n2 c=3\n");
}
END_TEST

/* STATE-127, STATE-131: a copy has a name that says why; the store goes on as if nothing were. */
START_TEST(a_copy_changes_nothing)
{
    const struct eca_record one = put(ECA_RECORD_TASK, "a", "1"),
                            two = put(ECA_RECORD_TASK, "b", "2");
    char path[ECA_STORE_PATH_BYTES] = "";
    struct eca_err err = {0};

    keep(&one, 1);
    ck_assert_msg(eca_store_keep_copy(rig->store(), "some-reason", path, &err) == 0, "%s", err.msg);
    ck_assert_msg(strstr(path, "some-reason") != NULL, "%s", path);
    expect("1 a=1\n");
    keep(&two, 1);
    expect("1 a=1\n1 b=2\n");
}
END_TEST

void contract_store_add(Suite *suite, const struct contract_store_rig *which)
{
    TCase *tcase = tcase_create("store port");

    rig = which;
    tcase_add_checked_fixture(tcase, open_rig, close_rig);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, records_come_back_in_insertion_order);
    tcase_add_test(tcase, within_a_batch_the_last_word_counts);
    tcase_add_test(tcase, one_commit_at_a_time_and_its_records_are_copied);
    tcase_add_test(tcase, the_next_commit_may_start_inside_the_completion);
    tcase_add_test(tcase, of_a_failed_batch_nothing_is_stored);
    tcase_add_test(tcase, loading_stops_at_the_callers_error);
    tcase_add_test(tcase, a_copy_changes_nothing);
    suite_add_tcase(suite, tcase);
}
