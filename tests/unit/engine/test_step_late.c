#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/step_rig.h"

/* A start that was sent and never answered may come through at any time: no STOPPED before it is
 * known what became of it. */
#define LOOKS 7 /* of a start that is watched: for a minute */

static const struct eca_step_event begin = {.kind = ECA_STEP_BEGIN};
static const struct eca_step_event stop = {.kind = ECA_STEP_DESIRED, .desired = STOPPED};

/* Sent by an earlier life. */
static void restored(void)
{
    sr_make(CREATED, RUNNING);
    sr.web->applied = RUNNING;
    ck_assert_str_eq(sr_go(begin), "start web");
}

static void watched_to_the_end(const char *stopped)
{
    static const char *const pauses[LOOKS - 1] = {
        "pause inspect web 1000ms", "pause inspect web 2000ms",  "pause inspect web 4000ms",
        "pause inspect web 8000ms", "pause inspect web 16000ms", "pause inspect web 30000ms"};

    for (size_t i = 0; i < LOOKS - 1; i++) {
        ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created), pauses[i]);
    }
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created), stopped);
}

/* FB-07.1, FB-07.4: an error without a trace in the container is not the end of the first start,
 * nor is a conflict (paused: it runs); one that Docker wrote down is, and so is a refusal. */
START_TEST(second_start_that_fails)
{
    static const struct {
        enum eca_outcome outcome;
        const struct eca_container_info *info;
        const char *commands;
    } rows[] = {
        {ECA_OUTCOME_FAILED, &is_created, "inspect web (proof)"},
        {ECA_OUTCOME_FAILED, NULL, "inspect web (proof)"},
        {ECA_OUTCOME_FAILED, &is_broken, STOPPED_E},
        {ECA_OUTCOME_FAILED, &is_ended, STOPPED_E},
        {ECA_OUTCOME_CONFLICT, &is_created, "inspect web (proof)"},
        {ECA_OUTCOME_REFUSED, &is_created, STOPPED_E},
        {ECA_OUTCOME_NOT_FOUND, NULL, STOPPED_E},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        restored();
        ck_assert_str_eq(sr_answer(rows[i].outcome, rows[i].info), rows[i].commands);
    }
}
END_TEST

/* FB-07.1, FB-07.2: it is watched, and stopped when it runs. */
START_TEST(unclear_start_is_watched)
{
    restored();
    (void)sr_answer(ECA_OUTCOME_FAILED, &is_created);
    watched_to_the_end(STOPPED_E);
    restored();
    (void)sr_answer(ECA_OUTCOME_FAILED, &is_created);
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running), "stop web");
}
END_TEST

/* FB-07.1: looks that other things cause, an event stream that comes back, do not shorten it. */
START_TEST(watched_for_a_time_not_for_so_many_looks)
{
    static const struct eca_step_event connected = {.kind = ECA_STEP_CONNECTED};

    restored();
    (void)sr_answer(ECA_OUTCOME_FAILED, &is_created);
    for (size_t i = 0; i < 20; i++) {
        sr.now_ms = 1000 + 500 * i;
        ck_assert_ptr_nonnull(
            strstr(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created), "pause inspect web"));
        sr.now_ms = 1000 + 500 * i;
        ck_assert_str_eq(sr_go(connected), "cancel inspect web, inspect web (proof)");
    }
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running), "stop web");
}
END_TEST

/* FB-07.1: that nothing was sent now says nothing about what was sent before. */
START_TEST(second_start_that_was_not_sent)
{
    restored();
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_UNREACHABLE, NULL), "pause web 1000ms");
    ck_assert_str_eq(sr_go(stop), "cancel call web, inspect web (proof)");
    watched_to_the_end(STOPPED_NOTED);
}
END_TEST

/* FB-07.1: not started when looked at, and told to stop before it was started again. */
START_TEST(start_that_is_not_repeated)
{
    restored();
    sr.task->gate_waiting = true;
    sr.web->run.call = ECA_CALL_NONE;
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created), "");
    ck_assert_str_eq(sr_go(stop), "gate leave, inspect web (proof)");
}
END_TEST

/* FB-07.1, ENG-745: the same within one life: the answer was lost, the repetition fails. */
START_TEST(lost_answer_then_an_error)
{
    static const enum eca_outcome lost[] = {ECA_OUTCOME_AMBIGUOUS, ECA_OUTCOME_BAD_ANSWER};

    sr_make(CREATED, RUNNING);
    ck_assert_str_eq(sr_go(begin), "start web");
    ck_assert_str_eq(sr_answer(lost[_i], NULL), "inspect web (proof)");
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created), "start web");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_FAILED, &is_created), "inspect web (proof)");
    watched_to_the_end(STOPPED_E);
}
END_TEST

/* FB-07.1: what has run is late no more; that it is not running is its end. */
START_TEST(start_that_came_through)
{
    restored();
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_ALREADY, &is_running), RUNS);
    ck_assert_str_eq(sr_go(stop), "stop web");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, &is_created), STOPPED_NOTED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step/late");
    TCase *tcase = tcase_create("late");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, sr_setup, sr_teardown);
    tcase_add_test(tcase, second_start_that_fails);
    tcase_add_test(tcase, unclear_start_is_watched);
    tcase_add_test(tcase, watched_for_a_time_not_for_so_many_looks);
    tcase_add_test(tcase, second_start_that_was_not_sent);
    tcase_add_test(tcase, start_that_is_not_repeated);
    tcase_add_loop_test(tcase, lost_answer_then_an_error, 0, 2);
    tcase_add_test(tcase, start_that_came_through);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
