#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/engine/task_json.h"
#include "agent/state/import.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/memory_store.h"

static struct manual_clock clock_;
static struct memory_store store;

static void setup(void)
{
    manual_clock_init(&clock_);
    memory_store_init(&store, clock_.sched);
}

static void teardown(void)
{
    memory_store_clear(&store);
    manual_clock_clear(&clock_);
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = eca_xalloc(1 << 20);

    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, file), 0);
    (void)fclose(file);
    return text;
}

static int keep(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct memory_store *to = arg;

    (void)err;
    eca_free(eca_map_put(to->rows[record->kind], record->key,
                         eca_xstrndup(record->value.at, record->value.len)));
    return ECA_OK;
}

static int import(const char *text, struct eca_import_notes *notes, struct eca_err *err)
{
    return eca_state_import(eca_view_str(text), keep, &store, notes, err);
}

static const char *const golden[] = {"creating", "credentials-and-raw-config",
                                     "running-volumes-ports", "stopped-awaiting-cleanup"};

/* STATE-101..103, STATE-127, STATE-128, ENG-110..112, ENG-124: each file that v1.13.1 wrote comes
 * out with the same meaning. */
START_TEST(golden_file_survives_import_and_export)
{
    eca_auto_free char *path = eca_xasprintf("tests/golden/state-files/%s.json", golden[_i]);
    eca_auto_free char *text = slurp(path);
    eca_auto_buf struct eca_buf out = {0};
    eca_auto_json struct eca_json_doc *before = NULL;
    eca_auto_json struct eca_json_doc *after = NULL;
    struct eca_import_notes notes = {0};
    struct eca_err err = {0};

    ck_assert_msg(import(text, &notes, &err) == ECA_OK, "%s", err.msg);
    ck_assert_uint_gt(notes.tasks, 0);
    ck_assert_uint_eq(notes.orphans, 0);
    ck_assert_uint_eq(notes.unknown_keys, 0);
    ck_assert_int_eq(eca_state_export(memory_store_port(&store), &out, &err), ECA_OK);
    ck_assert_int_eq(eca_json_parse(eca_view_str(text), &before, &err), ECA_OK);
    ck_assert_int_eq(eca_json_parse(eca_buf_view(&out), &after, &err), ECA_OK);
    ck_assert_msg(eca_json_equal(eca_json_root(before), eca_json_root(after)), "%s",
                  eca_buf_str(&out));
}
END_TEST

#define MAPPED(arn, name)                                                                          \
    "{\"Version\":3,\"Data\":{\"Extra\":1,\"TaskEngine\":{\"Tasks\":[{\"Arn\":\"t\","              \
    "\"Containers\":[{\"Name\":\"w\"}]}],\"IdToContainer\":{\"id1\":{\"DockerName\":\"n\","        \
    "\"Container\":{\"Name\":\"" name "\"}}},\"IdToTask\":{\"id1\":\"" arn "\"}}}}"

/* ENG-122, ENG-124, STATE-102, scenario 40: an orphaned id is skipped and counted. */
START_TEST(orphaned_id_does_not_stop_the_import)
{
    static const struct {
        const char *text;
        size_t orphans;
    } cases[] = {{MAPPED("t", "w"), 0}, {MAPPED("gone", "w"), 1}, {MAPPED("t", "other"), 1}};

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct eca_import_notes notes = {0};
        struct eca_err err = {0};
        const char *row;

        ck_assert_int_eq(import(cases[i].text, &notes, &err), ECA_OK);
        ck_assert_uint_eq(notes.orphans, cases[i].orphans);
        ck_assert_uint_eq(notes.unknown_keys, 1);
        row = memory_store_get(&store, ECA_RECORD_TASK, "t");
        ck_assert_int_eq(strstr(row, "\"DockerId\":\"id1\"") != NULL, cases[i].orphans == 0);
    }
}
END_TEST

/* STATE-105, FB-13: what is refused, and how. */
START_TEST(unusable_file_is_refused)
{
    static const struct {
        const char *text;
        enum eca_code code;
        const char *part;
    } cases[] = {
        {"", ECA_E_INVALID, "state file"},
        {"{\"Data\":{", ECA_E_INVALID, "state file"},
        {"[]", ECA_E_INVALID, "want object"},
        {"{\"Version\":6,\"Data\":{}}", ECA_E_DENIED, "Unsupported data format: Version 6 not 5"},
        {"{\"Version\":5,\"Data\":{\"Cluster\":1}}", ECA_E_INVALID, "Cluster"},
        {"{\"Version\":5,\"Data\":{\"TaskEngine\":{\"Tasks\":[{\"Family\":\"f\"}]}}}",
         ECA_E_INVALID, "Arn"},
        {"{\"Version\":5,\"Data\":{\"TaskEngine\":{\"Tasks\":[{\"Arn\":\"t\",\"KnownStatus\":"
         "\"ODD\"}]}}}",
         ECA_E_INVALID, "Unrecognized TaskStatus"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct eca_import_notes notes = {0};
        struct eca_err err = {0};

        ck_assert_int_eq(import(cases[i].text, &notes, &err), cases[i].code);
        ck_assert_msg(strstr(err.msg, cases[i].part) != NULL, "%s: %s", cases[i].text, err.msg);
    }
    ck_assert_uint_eq(eca_map_count(store.rows[ECA_RECORD_TASK]), 0);
}
END_TEST

/* STATE-105: missing members take zero values. */
START_TEST(empty_object_is_a_first_run)
{
    struct eca_import_notes notes = {0};
    struct eca_err err = {0};

    ck_assert_int_eq(import("{}", &notes, &err), ECA_OK);
    ck_assert_uint_eq(notes.tasks, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *tcase = tcase_create("import");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, golden_file_survives_import_and_export, 0,
                        (int)ECA_ARRAY_LEN(golden));
    tcase_add_test(tcase, orphaned_id_does_not_stop_the_import);
    tcase_add_test(tcase, unusable_file_is_refused);
    tcase_add_test(tcase, empty_object_is_a_first_run);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
