#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/images.h"
#include "tests/unit/engine/rig.h"

/* Images: what is recorded of them and when, and the engine that cleans up. */
#define MINUTE UINT64_C(60000)
#define HOUR_NS (INT64_C(3600) * 1000000000)

static struct rig w;

static void setup(void)
{
    rig_init(&w);
    w.opts.cleanup_wait_ms = MINUTE;
}

static void teardown(void)
{
    rig_clear(&w);
}

/* A task of one container with this image that has ended; its record goes a minute later. */
static void use_and_end(const char *arn, const char *image, const char *image_id)
{
    eca_auto_free char *members = eca_xasprintf(
        "\"containers\":[{\"name\":\"web\",\"image\":\"%s\",\"essential\":true}]", image);

    w.docker.image_id = image_id;
    rig_add(&w, arn, "RUNNING", 0, members);
    rig_run(&w, 100);
    script_runtime_die(&w.docker, "web", 0);
    rig_run(&w, 900);
}

/* Three images, each used once, a second apart: one, two, three. */
static void use_three(void)
{
    use_and_end("arn:1", "one", "sha256:1");
    use_and_end("arn:2", "two", "sha256:2");
    use_and_end("arn:3", "three", "sha256:3");
}

static const char *record(const char *image_id)
{
    return memory_store_get(&w.store, ECA_RECORD_IMAGE, image_id);
}

static bool is_recorded_as(const char *image_id, const char *part)
{
    return record(image_id) != NULL && strstr(record(image_id), part) != NULL;
}

static size_t removals(void)
{
    return rig_asked(&w, "image-remove");
}

/* ---- records -------------------------------------------------------------------------------- */

/* IMG-101, IMG-102: one record for each id, its names as tasks wrote them, once each; containers
 * keep the id. */
START_TEST(image_has_one_record)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    rig_start(&w);
    use_and_end("arn:1", "busybox", "sha256:a");
    use_and_end("arn:2", "busybox:latest", "sha256:a");
    use_and_end("arn:3", "busybox", "sha256:a");
    ck_assert_int_eq(eca_json_parse(eca_view_str(record("sha256:a")), &doc, NULL), 0);
    eca_auto_buf struct eca_buf image = {0};
    eca_json_print(eca_json_get(eca_json_root(doc), "Image"), &image);
    ck_assert_str_eq(eca_buf_str(&image), "{\"ImageID\":\"sha256:a\",\"Names\":[\"busybox\","
                                          "\"busybox:latest\"],\"Size\":1000}");
    ck_assert_int_eq(eca_json_type(eca_json_get(eca_json_root(doc), "PulledAt")), ECA_JSON_STRING);
    ck_assert_int_eq(eca_json_type(eca_json_get(eca_json_root(doc), "LastUsedAt")),
                     ECA_JSON_STRING);
    ck_assert_ptr_nonnull(
        strstr(memory_store_get(&w.store, ECA_RECORD_TASK, "arn:1"), "\"ImageID\":\"sha256:a\""));
}
END_TEST

/* IMG-102: what cannot be a record is refused and leaves nothing. */
START_TEST(unusable_image_records_are_refused)
{
    static const char *const texts[] = {
        "{}",
        "{\"Image\":{\"ImageID\":\"\"}}",
        "{\"Image\":{\"ImageID\":7}}",
        "{\"Image\":{\"ImageID\":\"a\"},\"PulledAt\":7}",
        "{\"Image\":{\"ImageID\":\"a\"},\"LastUsedAt\":\"yesterday\"}",
    };
    struct eca_images *images = eca_images_new();

    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        eca_auto_json struct eca_json_doc *doc = NULL;
        struct eca_err err = {0};

        ck_assert_int_eq(eca_json_parse(eca_view_str(texts[i]), &doc, NULL), 0);
        ck_assert_int_lt(eca_images_restore(images, eca_json_root(doc), &err), 0);
        ck_assert_msg(err.msg[0] != '\0', "%s", texts[i]);
        ck_assert_uint_eq(eca_images_count(images), 0);
    }
    eca_images_free(images);
}
END_TEST

/* IMG-103, DKR-721: recorded after every pull that leaves an image, the failed one as well, before
 * the container is created; without an image nothing is. */
START_TEST(use_is_recorded_after_every_pull)
{
    rig_start(&w);
    (void)script_runtime_rule(&w.docker, "pull", "local", ECA_OUTCOME_REFUSED, 1);
    w.docker.images_present = true;
    use_and_end("arn:1", "local", "sha256:l");
    ck_assert(is_recorded_as("sha256:l", "\"Names\":[\"local\"]"));
    (void)script_runtime_rule(&w.docker, "image-inspect", "odd", ECA_OUTCOME_FAILED, 1);
    use_and_end("arn:2", "odd", "sha256:o");
    ck_assert_ptr_null(record("sha256:o"));
    ck_assert_ptr_nonnull(
        strstr(eca_buf_str(&w.reports), "web RUNNING")); /* it runs all the same */
    script_runtime_hang(&w.docker, "create", NULL);
    use_and_end("arn:3", "new", "sha256:n");
    ck_assert(is_recorded_as("sha256:n", "\"Names\":[\"new\"]"));
    ck_assert_ptr_nonnull(
        strstr(memory_store_get(&w.store, ECA_RECORD_TASK, "arn:3"), "\"ImageID\":\"sha256:n\""));
}
END_TEST

/* IMG-107, IMG-109: after a restart each container's image is in use, also one that was pulled and
 * not yet created. */
START_TEST(use_survives_a_restart)
{
    rig_start(&w);
    script_runtime_hang(&w.docker, "create", NULL);
    rig_add(&w, "arn:1", "RUNNING", 0, ONE);
    rig_run(&w, 100);
    ck_assert_int_eq(eca_engine_find(w.engine, "arn:1")->containers[0].known, ECA_STATUS_PULLED);
    rig_crash(&w);
    rig_start(&w);
    rig_run(&w, 200 * MINUTE);
    ck_assert_uint_eq(removals(), 0);
    ck_assert_ptr_nonnull(record("sha256:img"));
}
END_TEST

/* IMG-107: records come in any order. A task that used the image before its tag moved does not take
 * the name back. */
START_TEST(restored_task_does_not_take_a_name_back)
{
    static const char older[] = "{\"Image\":{\"ImageID\":\"old\",\"Names\":[]}}";
    static const char newer[] = "{\"Image\":{\"ImageID\":\"new\",\"Names\":[\"repo\"]}}";

    for (int round = 0; round < 4; round++) {
        eca_auto_json struct eca_json_doc *old_doc = NULL, *new_doc = NULL;
        struct eca_images *images = eca_images_new();

        (void)eca_json_parse(eca_view_str(older), &old_doc, NULL);
        (void)eca_json_parse(eca_view_str(newer), &new_doc, NULL);
        if (round < 2) {
            ck_assert_int_eq(eca_images_restore(images, eca_json_root(old_doc), NULL), 0);
            ck_assert_int_eq(eca_images_restore(images, eca_json_root(new_doc), NULL), 0);
        }
        if (round % 2 == 0) {
            eca_images_restore_reference(images, "old", "repo", "t1", "c", HOUR_NS);
        }
        eca_images_restore_reference(images, "new", "repo", "t2", "c", HOUR_NS);
        if (round % 2 == 1) {
            eca_images_restore_reference(images, "old", "repo", "t1", "c", HOUR_NS);
        }
        if (round >= 2) {
            ck_assert_int_eq(eca_images_restore(images, eca_json_root(new_doc), NULL), 0);
            ck_assert_int_eq(eca_images_restore(images, eca_json_root(old_doc), NULL), 0);
        }
        ck_assert_ptr_null(eca_images_name(images, "old", 0));
        ck_assert_str_eq(eca_images_name(images, "new", 0), "repo");
        ck_assert(eca_images_is_referenced(images, "old"));
        eca_images_free(images);
    }
}
END_TEST

/* ---- clean-up ------------------------------------------------------------------------------- */

/* IMG-201, IMG-202: the first cycle an interval after the start, then one each; the least recently
 * used image first; the age counts from the pull. */
START_TEST(cycles_come_at_their_time)
{
    w.opts.image_interval_ms = 30 * MINUTE;
    w.opts.image_minimum_age_ms = 10 * MINUTE;
    w.opts.images_per_cycle = 1;
    rig_start(&w);
    use_three();
    rig_run(&w, 30 * MINUTE - 4000);
    ck_assert_uint_eq(removals(), 0);
    rig_run(&w, 2000);
    ck_assert_uint_eq(removals(), 1);
    ck_assert_uint_eq(rig_asked(&w, "image-remove one"), 1);
    rig_run(&w, 29 * MINUTE);
    ck_assert_uint_eq(removals(), 1);
    rig_run(&w, MINUTE);
    ck_assert_uint_eq(rig_asked(&w, "image-remove two"), 1);
    rig_run(&w, 30 * MINUTE);
    ck_assert_uint_eq(rig_asked(&w, "image-remove three"), 1);
    ck_assert_uint_eq(removals(), 3);
}
END_TEST

/* IMG-203, IMG-204: each name by itself, in order; gone already is gone; the record goes with the
 * last name, and until then says what is left. */
START_TEST(each_name_is_removed)
{
    w.opts.image_minimum_age_ms = 10 * MINUTE;
    rig_start(&w);
    use_and_end("arn:1", "one", "sha256:1");
    use_and_end("arn:2", "second", "sha256:1");
    (void)script_runtime_rule(&w.docker, "image-remove", "one", ECA_OUTCOME_NOT_FOUND, 1);
    script_runtime_hang(&w.docker, "image-remove", "second");
    rig_run(&w, 31 * MINUTE);
    ck_assert(is_recorded_as("sha256:1", "\"Names\":[\"second\"]"));
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
    ck_assert_ptr_null(record("sha256:1"));
    ck_assert_str_eq(strstr(eca_buf_str(&w.docker.log), "image-remove"),
                     "image-remove one\nimage-remove second\n");
}
END_TEST

/* IMG-205: a name that cannot be removed stays, the others are tried; it counts, once a cycle. */
START_TEST(name_in_use_is_kept_for_later)
{
    static const enum eca_outcome outcomes[] = {ECA_OUTCOME_CONFLICT, ECA_OUTCOME_FAILED,
                                                ECA_OUTCOME_TIMEOUT, ECA_OUTCOME_UNREACHABLE};

    w.opts.image_minimum_age_ms = 10 * MINUTE;
    w.opts.images_per_cycle = 2;
    rig_start(&w);
    use_and_end("arn:1", "one", "sha256:1");
    use_and_end("arn:2", "second", "sha256:1");
    use_and_end("arn:3", "two", "sha256:2");
    use_and_end("arn:4", "three", "sha256:3");
    (void)script_runtime_rule(&w.docker, "image-remove", "one", outcomes[_i], 1);
    rig_run(&w, 31 * MINUTE);
    ck_assert_uint_eq(removals(), 3); /* one, second, two */
    ck_assert_uint_eq(rig_asked(&w, "image-remove second"), 1);
    ck_assert(is_recorded_as("sha256:1", "\"Names\":[\"one\"]"));
    ck_assert_ptr_null(record("sha256:2"));
    ck_assert_ptr_nonnull(record("sha256:3"));
    rig_run(&w, 30 * MINUTE);
    ck_assert_uint_eq(rig_asked(&w, "image-remove one"), 2);
    ck_assert_uint_eq(rig_asked(&w, "image-remove three"), 1);
    ck_assert_ptr_null(record("sha256:1"));
}
END_TEST

/* IMG-111, FB-28.1: a cycle that takes longer than its interval is alone, and its number holds. */
START_TEST(cycles_do_not_overlap)
{
    w.opts.image_minimum_age_ms = 10 * MINUTE;
    w.opts.images_per_cycle = 2;
    rig_start(&w);
    use_three();
    script_runtime_hang(&w.docker, "image-remove", "two");
    rig_run(&w, 200 * MINUTE);
    ck_assert_uint_eq(removals(), 2);
    script_runtime_release(&w.docker);
    rig_run(&w, 100);
    ck_assert_uint_eq(removals(), 2);
    rig_run(&w, 30 * MINUTE);
    ck_assert_uint_eq(removals(), 3);
}
END_TEST

/* IMG-208: a removal without an answer proves nothing: the record stays, the next use pulls and
 * inspects, the next cycle asks again. */
START_TEST(unanswered_removal_proves_nothing)
{
    w.opts.image_minimum_age_ms = 10 * MINUTE;
    w.opts.pull_behavior = ECA_PULL_ONCE;
    rig_start(&w);
    use_and_end("arn:1", "one", "sha256:1");
    script_runtime_rule(&w.docker, "image-remove", "one", ECA_OUTCOME_TIMEOUT, 1)->effect = true;
    rig_run(&w, 31 * MINUTE);
    ck_assert(is_recorded_as("sha256:1", "\"Names\":[\"one\"]"));
    w.docker.images_present = false; /* the daemon did it in the end */
    size_t looked = rig_asked(&w, "image-inspect one"), pulled = rig_asked(&w, "pull one");
    use_and_end("arn:2", "one", "sha256:1");
    ck_assert_uint_ge(rig_asked(&w, "image-inspect one"), looked + 1);
    ck_assert_uint_eq(rig_asked(&w, "pull one"), pulled + 1);
    rig_run(&w, 61 * MINUTE);
    ck_assert_uint_eq(rig_asked(&w, "image-remove one"), 2);
    ck_assert_ptr_null(record("sha256:1"));
}
END_TEST

/* IMG-209, DKR-712: no pull begins during a deletion, and no image is chosen during a pull, nor
 * between its end and the record of its use. */
START_TEST(pulls_and_deletions_exclude_each_other)
{
    w.opts.image_minimum_age_ms = 10 * MINUTE;
    rig_start(&w);
    use_three();
    script_runtime_hang(&w.docker, "image-remove", "one");
    rig_run(&w, 31 * MINUTE);
    ck_assert_uint_eq(removals(), 1);
    size_t pulls = rig_asked(&w, "pull");
    w.docker.image_id = "sha256:4";
    rig_add(&w, "arn:4", "RUNNING", 0,
            "\"containers\":[{\"name\":\"late\",\"image\":\"four\",\"essential\":true}]");
    rig_run(&w, 10000);
    ck_assert_uint_eq(rig_asked(&w, "pull"), pulls);
    script_runtime_hang(&w.docker, "pull", "four");
    script_runtime_hang(&w.docker, "image-inspect", "four");
    script_runtime_release(&w.docker); /* the deletion */
    rig_run(&w, 60 * MINUTE);
    ck_assert_uint_eq(rig_asked(&w, "pull"), pulls + 1);
    ck_assert_uint_eq(removals(), 1);
    script_runtime_release(&w.docker); /* the pull; its image is being inspected now */
    rig_run(&w, 60 * MINUTE);
    ck_assert_uint_eq(rig_asked(&w, "image-inspect four"), 1);
    ck_assert_uint_eq(removals(), 1);
    script_runtime_release(&w.docker); /* recorded */
    rig_run(&w, 1000);
    ck_assert_uint_eq(removals(), 3);
    ck_assert_ptr_nonnull(record("sha256:4"));
}
END_TEST

/* IMG-209: a cycle whose time comes during a pull waits for its end. */
START_TEST(cycle_waits_for_a_pull)
{
    w.opts.image_minimum_age_ms = 10 * MINUTE;
    rig_start(&w);
    use_three();
    script_runtime_hang(&w.docker, "pull", "busybox");
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 100 * MINUTE);
    ck_assert_uint_eq(removals(), 0);
    script_runtime_release(&w.docker);
    rig_run(&w, 1000);
    ck_assert_uint_eq(removals(), 2); /* the third one is what was pulled */
}
END_TEST

/* The image that is in use is left alone, whatever its age; none goes when switched off. */
START_TEST(used_images_and_switched_off_cleanups_stay)
{
    w.opts.image_minimum_age_ms = 10 * MINUTE;
    w.opts.image_cleanup_disabled = _i == 1;
    w.opts.pull_behavior = _i == 2 ? ECA_PULL_PREFER_CACHED : ECA_PULL_DEFAULT;
    rig_start(&w);
    if (_i == 0) {
        rig_add(&w, ARN, "RUNNING", 0, ONE);
    } else {
        use_three();
    }
    rig_run(&w, 600 * MINUTE);
    ck_assert_uint_eq(removals(), 0);
    ck_assert_ptr_nonnull(record(_i == 0 ? "sha256:img" : "sha256:2")); /* still recorded */
}
END_TEST

/* ---- pull behaviour ------------------------------------------------------------------------- */

/* DKR-715, DKR-L05: when a pull is asked for, and what its failure means. */
START_TEST(pull_behaves_as_configured)
{
    static const char ran[] = "web RUNNING\ntask RUNNING\n";
    static const struct {
        enum eca_pull_behavior behavior;
        bool present; /* before the first task */
        enum eca_outcome pull;
        size_t first, second; /* pulls of the first and of a second task */
        const char *reports;  /* of the first */
    } rows[] = {
        {ECA_PULL_DEFAULT, true, ECA_OUTCOME_DONE, 1, 1, ran},
        {ECA_PULL_DEFAULT, true, ECA_OUTCOME_REFUSED, 1, 1,
         "web RUNNING (CannotPullContainerError: scripted refused)\ntask RUNNING\n"},
        {ECA_PULL_ALWAYS, true, ECA_OUTCOME_DONE, 1, 1, ran},
        {ECA_PULL_ALWAYS, true, ECA_OUTCOME_REFUSED, 1, 1,
         "web STOPPED (CannotPullContainerError: scripted refused)\ntask STOPPED\n"},
        {ECA_PULL_ONCE, true, ECA_OUTCOME_DONE, 1, 0, ran},
        {ECA_PULL_ONCE, false, ECA_OUTCOME_DONE, 1, 0, ran},
        {ECA_PULL_PREFER_CACHED, true, ECA_OUTCOME_DONE, 0, 0, ran},
        {ECA_PULL_PREFER_CACHED, false, ECA_OUTCOME_DONE, 1, 0, ran},
    };

    w.opts.pull_behavior = rows[_i].behavior;
    w.docker.images_present = rows[_i].present;
    rig_start(&w);
    if (rows[_i].pull != ECA_OUTCOME_DONE) {
        (void)script_runtime_rule(&w.docker, "pull", NULL, rows[_i].pull, UINT32_MAX);
    }
    rig_add(&w, ARN, "RUNNING", 0, ONE);
    rig_run(&w, 200);
    ck_assert_uint_eq(rig_asked(&w, "pull"), rows[_i].first);
    rig_reports_are(&w, rows[_i].reports);
    rig_add(&w, ARN2, "RUNNING", 0, ONE);
    rig_run(&w, 200);
    ck_assert_uint_eq(rig_asked(&w, "pull"), rows[_i].first + rows[_i].second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("images");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, image_has_one_record);
    tcase_add_test(tcase, unusable_image_records_are_refused);
    tcase_add_test(tcase, use_is_recorded_after_every_pull);
    tcase_add_test(tcase, use_survives_a_restart);
    tcase_add_test(tcase, restored_task_does_not_take_a_name_back);
    tcase_add_test(tcase, cycles_come_at_their_time);
    tcase_add_test(tcase, each_name_is_removed);
    tcase_add_loop_test(tcase, name_in_use_is_kept_for_later, 0, 4);
    tcase_add_test(tcase, cycles_do_not_overlap);
    tcase_add_test(tcase, unanswered_removal_proves_nothing);
    tcase_add_test(tcase, pulls_and_deletions_exclude_each_other);
    tcase_add_test(tcase, cycle_waits_for_a_pull);
    tcase_add_loop_test(tcase, used_images_and_switched_off_cleanups_stay, 0, 3);
    tcase_add_loop_test(tcase, pull_behaves_as_configured, 0, 8);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
