#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/ports/contract.h"

/* The files port (agent/ports/files.h). */
#define STEPS_MAX 1000000

static const struct contract_files_rig *rig;

/* One operation and what was told about it. */
struct told {
    bool returned, called;
    struct eca_files_end end;
    struct eca_files_op *op;
};

static void on_end(void *arg, const struct eca_files_end *end)
{
    struct told *told = arg;

    ck_assert_msg(told->returned, "an end inside the call");
    ck_assert_msg(!told->called, "ended twice");
    told->called = true;
    told->end = *end;
}

static void create(struct told *told, const char *dir, const char *name)
{
    *told = (struct told){0};
    ck_assert_int_eq(eca_files_create(rig->files(), dir, name, on_end, told, &told->op, NULL), 0);
    told->returned = true;
}

static void write_text(struct told *told, const char *text)
{
    told->returned = false;
    ck_assert_int_eq(eca_files_write(rig->files(), told->op, eca_view_str(text), NULL), 0);
    told->returned = true;
}

static void finish(struct told *told)
{
    told->returned = false;
    eca_files_finish(rig->files(), told->op);
    told->returned = true;
}

static void replace(struct told *told, const char *dir, const char *name, const char *text)
{
    *told = (struct told){0};
    ck_assert_int_eq(eca_files_replace(rig->files(), dir, name, eca_view_str(text), on_end, told,
                                       &told->op, NULL),
                     0);
    told->returned = true;
}

static void remove_file(struct told *told, const char *name)
{
    *told = (struct told){0};
    ck_assert_int_eq(
        eca_files_remove(rig->files(), rig->dir(), name, on_end, told, &told->op, NULL), 0);
    told->returned = true;
}

static void until(const struct told *told)
{
    for (int i = 0; i < STEPS_MAX && !told->called; i++) {
        rig->step();
    }
    ck_assert_msg(told->called, "never ended");
}

static void expect_good(const struct told *told)
{
    until(told);
    ck_assert_msg(told->end.err.code == ECA_OK, "%s", told->end.err.msg);
}

static void expect_bad(const struct told *told)
{
    until(told);
    ck_assert_int_ne(told->end.err.code, ECA_OK);
    ck_assert(told->end.err.msg[0] != '\0');
}

static void expect_content(const char *name, const char *content)
{
    eca_auto_buf struct eca_buf text = {0};

    ck_assert_msg(rig->read(name, &text), "%s is not there", name);
    ck_assert_str_eq(eca_buf_str(&text), content);
}

static void open_rig(void)
{
    rig->open();
}
static void close_rig(void)
{
    rig->close();
}

/* UPD-122, UPD-123 */
START_TEST(file_is_whole_and_its_digest_told)
{
    struct told told;

    create(&told, rig->dir(), "a.tar");
    write_text(&told, "te");
    write_text(&told, "");
    write_text(&told, "st");
    finish(&told);
    expect_good(&told);
    ck_assert_uint_eq(told.end.bytes, 4);
    ck_assert_str_eq(told.end.sha256,
                     "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    expect_content("a.tar", "test");
    ck_assert_uint_eq(rig->count(), 1);
}
END_TEST

START_TEST(empty_file_and_a_file_cut_to_nothing)
{
    struct told told;

    create(&told, rig->dir(), "a");
    write_text(&told, "something long");
    finish(&told);
    expect_good(&told);
    create(&told, rig->dir(), "a");
    finish(&told);
    expect_good(&told);
    ck_assert_uint_eq(told.end.bytes, 0);
    ck_assert_str_eq(told.end.sha256,
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_content("a", "");
}
END_TEST

START_TEST(two_files_at_once_do_not_mix)
{
    struct told one, two;

    create(&one, rig->dir(), "one");
    create(&two, rig->dir(), "two");
    write_text(&two, "2");
    write_text(&one, "1");
    write_text(&two, "2");
    finish(&one);
    finish(&two);
    expect_good(&one);
    expect_good(&two);
    expect_content("one", "1");
    expect_content("two", "22");
}
END_TEST

/* UPD-101 */
START_TEST(folder_has_to_exist)
{
    eca_auto_free char *dir = eca_xasprintf("%s/nowhere", rig->dir());
    struct told told;

    create(&told, dir, "a");
    write_text(&told, "lost");
    expect_bad(&told);
    ck_assert_ptr_nonnull(strstr(told.end.err.msg, "No such file"));
    replace(&told, dir, "a", "text");
    expect_bad(&told);
    ck_assert_uint_eq(rig->count(), 0);
}
END_TEST

/* UPD-124 */
START_TEST(canceled_file_is_removed_and_nobody_told)
{
    struct told told, other;

    for (int finished = 0; finished < 2; finished++) {
        create(&told, rig->dir(), "a");
        write_text(&told, "half");
        if (finished == 1) {
            finish(&told);
        }
        eca_files_cancel(rig->files(), told.op);
        remove_file(&other, "not there"); /* operations end in their order */
        expect_good(&other);
        ck_assert(!told.called);
        ck_assert_uint_eq(rig->count(), 0);
    }
}
END_TEST

/* UPD-124, UPD-127 */
START_TEST(file_that_cannot_be_written_is_removed)
{
    struct told told;

    create(&told, rig->dir(), "a");
    rig->fill(true);
    write_text(&told, "does not fit");
    expect_bad(&told);
    rig->fill(false);
    for (int i = 0; i < 100; i++) {
        rig->step();
    }
    ck_assert_uint_eq(rig->count(), 0);
}
END_TEST

/* UPD-124: the caller goes on before it hears of the failure */
START_TEST(finish_behind_a_failure_ends_once)
{
    struct told told;

    rig->fill(true);
    create(&told, rig->dir(), "a");
    write_text(&told, "does not fit");
    write_text(&told, "neither");
    finish(&told);
    expect_bad(&told);
    rig->fill(false);
    for (int i = 0; i < 1000; i++) {
        rig->step();
    }
    ck_assert_uint_eq(rig->count(), 0);
}
END_TEST

/* UPD-125 */
START_TEST(replaced_text_is_old_or_new)
{
    struct told told;

    replace(&told, rig->dir(), "desired-image", "one\n");
    expect_good(&told);
    expect_content("desired-image", "one\n");
    replace(&told, rig->dir(), "desired-image", "two\n");
    expect_good(&told);
    expect_content("desired-image", "two\n");
    rig->fill(true);
    replace(&told, rig->dir(), "desired-image", "three\n");
    expect_bad(&told);
    rig->fill(false);
    expect_content("desired-image", "two\n");
    ck_assert_uint_eq(rig->count(), 1);
}
END_TEST

/* UPD-126 */
START_TEST(removal_of_what_is_absent_succeeds)
{
    struct told told;

    replace(&told, rig->dir(), "a", "text");
    expect_good(&told);
    remove_file(&told, "a");
    expect_good(&told);
    ck_assert_uint_eq(rig->count(), 0);
    remove_file(&told, "a");
    expect_good(&told);
}
END_TEST

START_TEST(next_operation_may_begin_behind_any)
{
    struct told told[8];

    for (size_t i = 0; i < 8; i++) {
        if (i % 2 == 0) {
            replace(&told[i], rig->dir(), "a", "text");
        } else {
            remove_file(&told[i], "a");
        }
    }
    for (size_t i = 0; i < 8; i++) {
        expect_good(&told[i]);
        ck_assert(i == 7 || told[i].called);
    }
    ck_assert_uint_eq(rig->count(), 0);
}
END_TEST

void contract_files_add(Suite *suite, const struct contract_files_rig *which)
{
    TCase *tcase = tcase_create("files port");

    rig = which;
    tcase_add_checked_fixture(tcase, open_rig, close_rig);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, file_is_whole_and_its_digest_told);
    tcase_add_test(tcase, empty_file_and_a_file_cut_to_nothing);
    tcase_add_test(tcase, two_files_at_once_do_not_mix);
    tcase_add_test(tcase, folder_has_to_exist);
    tcase_add_test(tcase, canceled_file_is_removed_and_nobody_told);
    tcase_add_test(tcase, file_that_cannot_be_written_is_removed);
    tcase_add_test(tcase, finish_behind_a_failure_ends_once);
    tcase_add_test(tcase, replaced_text_is_old_or_new);
    tcase_add_test(tcase, removal_of_what_is_absent_succeeds);
    tcase_add_test(tcase, next_operation_may_begin_behind_any);
    suite_add_tcase(suite, tcase);
}
