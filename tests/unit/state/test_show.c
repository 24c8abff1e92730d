#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/state/import.h"
#include "agent/state/show.h"
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

static int keep(void *arg, const struct eca_record *record, struct eca_err *err)
{
    struct memory_store *to = arg;

    (void)err;
    eca_free(eca_map_put(to->rows[record->kind], record->key,
                         eca_xstrndup(record->value.at, record->value.len)));
    return ECA_OK;
}

static const char file[] =
    "{\"Version\":5,\"Data\":{\"Cluster\":\"blue\",\"ContainerInstanceArn\":\"arn:ci\","
    "\"EC2InstanceID\":\"i-1\",\"TaskEngine\":{\"Tasks\":[{\"Arn\":\"arn:task\",\"Family\":\"web\","
    "\"Version\":\"3\",\"DesiredStatus\":\"RUNNING\",\"KnownStatus\":\"RUNNING\",\"Containers\":[{"
    "\"Name\":\"app\",\"Image\":\"busybox\",\"desiredStatus\":\"RUNNING\",\"KnownStatus\":"
    "\"RUNNING\",\"SentStatus\":\"RUNNING\"},{\"Name\":\"side\",\"Image\":\"busybox\","
    "\"desiredStatus\":\"RUNNING\",\"KnownStatus\":\"STOPPED\",\"SentStatus\":\"RUNNING\"},{"
    "\"Name\":\"next\",\"Image\":\"busybox\",\"desiredStatus\":\"RUNNING\",\"KnownStatus\":"
    "\"CREATED\"},{\"Name\":\"~internal~ecs~v\",\"Image\":\"i\",\"IsInternal\":true,"
    "\"KnownStatus\":\"STOPPED\"}]}],\"IdToContainer\":{},\"IdToTask\":{},\"ImageStates\":null}}}";

static void show(struct eca_buf *text, size_t *damaged)
{
    struct eca_err err = {0};

    ck_assert_msg(eca_state_show(memory_store_port(&store), text, damaged, &err) == ECA_OK, "%s",
                  err.msg);
}

static void expect(const struct eca_buf *text, const char *line)
{
    ck_assert_msg(strstr(eca_buf_str(text), line) != NULL, "no \"%s\" in:\n%s", line,
                  eca_buf_str(text));
}

/* STATE-128: tasks, containers, statuses, whose state it is, what still has to be submitted. */
START_TEST(everything_stored_has_its_line)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_import_notes notes = {0};
    struct eca_err err = {0};
    struct eca_record pending = {ECA_RECORD_REPORT, "00017",
                                 eca_view_str("{\"task\":\"arn:bad\",\"reason\":\"no image\"}")};
    size_t damaged = 9;

    ck_assert_msg(eca_state_import(eca_view_str(file), keep, &store, &notes, &err) == ECA_OK, "%s",
                  err.msg);
    ck_assert_int_eq(keep(&store, &pending, &err), ECA_OK);
    show(&text, &damaged);
    expect(&text, "identity cluster=blue containerInstanceArn=arn:ci ec2InstanceId=i-1\n");
    expect(&text, "task arn:task web:3 known=RUNNING desired=RUNNING");
    expect(&text, "\n  container app known=RUNNING desired=RUNNING sent=RUNNING id=-");
    expect(&text, "\n  container side known=STOPPED desired=RUNNING sent=RUNNING id=-");
    expect(&text, "\n  pending container side STOPPED\n  pending task RUNNING\n");
    expect(&text, "\npending task arn:bad STOPPED: no image\n");
    expect(&text, "\n1 tasks, 4 containers, 0 images, 3 pending, 0 damaged\n");
    ck_assert_uint_eq(damaged, 0);
}
END_TEST

/* STATE-128: `state check` learns of a damaged record, and the others are still shown. */
START_TEST(damaged_records_are_named_and_counted)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_record task = {ECA_RECORD_TASK, "arn:broken", eca_view_str("{\"Arn\":")};
    struct eca_record image = {ECA_RECORD_IMAGE, "sha256:aa", eca_view_str("{}")};
    size_t damaged = 0;

    ck_assert_int_eq(keep(&store, &task, NULL), ECA_OK);
    ck_assert_int_eq(keep(&store, &image, NULL), ECA_OK);
    show(&text, &damaged);
    expect(&text, "damaged arn:broken: ");
    expect(&text, "image sha256:aa\n");
    ck_assert_uint_eq(damaged, 1);
}
END_TEST

/* STATE-128 */
START_TEST(empty_store_is_sound)
{
    eca_auto_buf struct eca_buf text = {0};
    size_t damaged = 9;

    show(&text, &damaged);
    ck_assert_str_eq(eca_buf_str(&text), "0 tasks, 0 containers, 0 images, 0 pending, 0 damaged\n");
    ck_assert_uint_eq(damaged, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("show");
    TCase *tcase = tcase_create("show");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, everything_stored_has_its_line);
    tcase_add_test(tcase, damaged_records_are_named_and_counted);
    tcase_add_test(tcase, empty_store_is_sound);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
