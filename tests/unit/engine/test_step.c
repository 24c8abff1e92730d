#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/step_rig.h"

/* The decision, row by row: a state, an event, the commands. */
/* TASKM-102, TASKM-120, TASKM-121, TASKM-122, TASKM-124: the whole table. */
START_TEST(next_action_of_each_state)
{
    static const struct {
        enum eca_status known, desired;
        const char *commands;
    } rows[] = {
        {NONE, RUNNING, "pull web"},
        {NONE, STOPPED, STOPPED_PLAIN},
        {PULLED, RUNNING, "create web"},
        {PULLED, STOPPED, STOPPED_PLAIN},
        {CREATED, RUNNING, "start web"},
        {CREATED, STOPPED, STOPPED_NOTED},
        {RUNNING, RUNNING, ""},
        {RUNNING, STOPPED, "stop web"},
        {NONE, CREATED, "pull web"},
        {PULLED, CREATED, "create web"},
        {CREATED, CREATED, STOPPED_NOTED}, /* TASKM-140: nothing can move */
        {NONE, NONE, STOPPED_PLAIN},
        {STOPPED, RUNNING, ""},
        {STOPPED, STOPPED, ""},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        sr_make(rows[i].known, rows[i].desired);
        ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED}),
                         rows[i].commands);
    }
}
END_TEST

struct row {
    enum eca_outcome outcome;
    const struct eca_container_info *info;
    const char *commands;
};

static void rows_of(enum eca_call call, enum eca_status known, enum eca_status desired,
                    const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sr_make(known, desired);
        (void)sr_go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED});
        ck_assert_int_eq(sr.web->run.call, call);
        ck_assert_msg(strcmp(sr_answer(rows[i].outcome, rows[i].info), rows[i].commands) == 0,
                      "%s %s: %s\n  want %s", eca_call_name(call),
                      eca_outcome_name(rows[i].outcome), eca_buf_str(&sr.text), rows[i].commands);
    }
}

/* TASKM-301, TASKM-302, FB-30.1, ENG-747. */
START_TEST(pull_outcomes)
{
    static const struct row rows[] = {
        {ECA_OUTCOME_DONE, NULL, "create web"},
        {ECA_OUTCOME_FAILED, NULL, "pause web 1100ms"},
        {ECA_OUTCOME_AMBIGUOUS, NULL, "pause web 1100ms"},
        {ECA_OUTCOME_UNREACHABLE, NULL, "pause web 1000ms"},
        {ECA_OUTCOME_NOT_FOUND, NULL, "create web"}, /* a local image may do */
        {ECA_OUTCOME_TIMEOUT, NULL, "create web"},
    };

    rows_of(ECA_CALL_PULL, NONE, RUNNING, rows, ECA_ARRAY_LEN(rows));
}
END_TEST

/* TASKM-303..306, FB-09.4. */
START_TEST(create_outcomes)
{
    static const struct row rows[] = {
        {ECA_OUTCOME_DONE, &is_created, "start web"},
        {ECA_OUTCOME_DONE, NULL, "start web"},
        {ECA_OUTCOME_CONFLICT, NULL, "inspect web (proof)"},
        {ECA_OUTCOME_AMBIGUOUS, NULL, "inspect web (proof)"},
        {ECA_OUTCOME_UNREACHABLE, NULL, "pause web 1000ms"},
        {ECA_OUTCOME_FAILED, NULL, "report web STOPPED \"E: x\", report task STOPPED" END},
        {ECA_OUTCOME_NOT_FOUND, NULL, "report web STOPPED \"E: x\", report task STOPPED" END},
        {ECA_OUTCOME_TIMEOUT, NULL, "inspect web (proof)"}, /* TASKM-306 */
    };

    rows_of(ECA_CALL_CREATE, PULLED, RUNNING, rows, ECA_ARRAY_LEN(rows));
}
END_TEST

/* TASKM-307..313, FB-07, FB-08.2. */
START_TEST(start_outcomes)
{
    static const struct row rows[] = {
        {ECA_OUTCOME_DONE, &is_running, RUNS},
        {ECA_OUTCOME_ALREADY, &is_running, RUNS},
        {ECA_OUTCOME_DONE, &is_ended, RUNS ", " STOPPED_3},
        {ECA_OUTCOME_DONE, &is_oom,
         "notify web STOPPED, report web STOPPED exit=137 \"OutOfMemoryError: Container killed due "
         "to memory usage\", report task STOPPED" END},
        {ECA_OUTCOME_DONE, &is_broken,
         "notify web STOPPED, report web STOPPED \"DockerStateError: no such file\", report task "
         "STOPPED" END},
        {ECA_OUTCOME_DONE, NULL, "inspect web (proof)"},
        {ECA_OUTCOME_FAILED, NULL, "inspect web (proof)"},
        {ECA_OUTCOME_FAILED, &is_ended, STOPPED_E}, /* its exit code means nothing */
        {ECA_OUTCOME_NOT_FOUND, NULL, STOPPED_E},
        {ECA_OUTCOME_TIMEOUT, NULL, "inspect web (proof)"},
        {ECA_OUTCOME_AMBIGUOUS, NULL, "inspect web (proof)"},
        {ECA_OUTCOME_UNREACHABLE, NULL, "pause web 1000ms"},
    };

    rows_of(ECA_CALL_START, CREATED, RUNNING, rows, ECA_ARRAY_LEN(rows));
}
END_TEST

/* TASKM-314..320, FB-05.3, FB-06.1, FB-06.4. */
START_TEST(stop_outcomes)
{
    static const struct row rows[] = {
        {ECA_OUTCOME_DONE, &is_ended, STOPPED_3},
        {ECA_OUTCOME_ALREADY, &is_ended, STOPPED_3},
        {ECA_OUTCOME_DONE, &is_running, "pause web 1000ms"},
        {ECA_OUTCOME_DONE, NULL, "inspect web (proof)"},
        {ECA_OUTCOME_NOT_FOUND, NULL, GONE},
        {ECA_OUTCOME_FAILED, NULL, "pause web 1000ms"},
        {ECA_OUTCOME_FAILED, &is_ended, STOPPED_3},
        {ECA_OUTCOME_TIMEOUT, NULL, "ping web"},
        {ECA_OUTCOME_UNREACHABLE, NULL, "pause web 1000ms"},
        {ECA_OUTCOME_AMBIGUOUS, NULL, "pause web 1000ms"},
    };

    rows_of(ECA_CALL_STOP, RUNNING, STOPPED, rows, ECA_ARRAY_LEN(rows));
}
END_TEST

/* TASKM-327..330, FB-10.1, FB-10.2, ENG-714..720, ENG-748: what an inspect of a container with a
 * known id changes. */
START_TEST(facts_of_each_state)
{
    static const struct {
        enum eca_status known;
        enum eca_look look;
        enum eca_outcome outcome;
        const struct eca_container_info *info;
        const char *commands;
    } rows[] = {
        {RUNNING, ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_running, ""},
        {RUNNING, ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_ended, STOPPED_3},
        {RUNNING, ECA_LOOK_CHECK, ECA_OUTCOME_NOT_FOUND, NULL, GONE},
        {RUNNING, ECA_LOOK_CHECK, ECA_OUTCOME_FAILED, NULL, ""},
        {RUNNING, ECA_LOOK_CHECK, ECA_OUTCOME_TIMEOUT, NULL, ""},
        {RUNNING, ECA_LOOK_CHECK, ECA_OUTCOME_UNREACHABLE, NULL,
         ""}, /* the next check looks again */
        {RUNNING, ECA_LOOK_DIE, ECA_OUTCOME_UNREACHABLE, NULL, "pause inspect web 1000ms"},
        {RUNNING, ECA_LOOK_PROOF, ECA_OUTCOME_FAILED, NULL, "pause inspect web 1000ms"},
        {RUNNING, ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_ended, STOPPED_3},
        {RUNNING, ECA_LOOK_DIE, ECA_OUTCOME_TIMEOUT, NULL, "pause inspect web 1000ms"},
        {CREATED, ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running, RUNS},
        {CREATED, ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created, "start web"},
        {CREATED, ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_ended, STOPPED_3},
        {CREATED, ECA_LOOK_START, ECA_OUTCOME_DONE, &is_running, RUNS},
        {CREATED, ECA_LOOK_START, ECA_OUTCOME_FAILED, NULL, "pause inspect web 1000ms, start web"},
        {STOPPED, ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_ended, ""},
        {STOPPED, ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_running, "stop web"}, /* TASKM-161 */
        {STOPPED, ECA_LOOK_CHECK, ECA_OUTCOME_FAILED, NULL, ""},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        sr_make(rows[i].known, rows[i].known == STOPPED ? STOPPED : RUNNING);
        sr.web->applied = rows[i].known == CREATED ? RUNNING : NONE;
        if (rows[i].look == ECA_LOOK_START) {
            sr.web->run.certain = true;
            sr.web->applied = NONE;
            sr.web->run.call = ECA_CALL_NONE;
        }
        ck_assert_msg(
            strcmp(sr_look(rows[i].look, rows[i].outcome, rows[i].info), rows[i].commands) == 0,
            "row %zu: %s\n  want %s", i, eca_buf_str(&sr.text), rows[i].commands);
    }
}
END_TEST

/* TASKM-321..326, DKR-808. */
START_TEST(docker_events_of_each_state)
{
    static const struct {
        enum eca_status known;
        enum eca_event_kind kind;
        const char *commands;
    } rows[] = {
        {NONE, ECA_EVENT_OOM, ""},
        {CREATED, ECA_EVENT_START, "inspect web (start)"},
        {CREATED, ECA_EVENT_DIE, "inspect web (die)"},
        {CREATED, ECA_EVENT_DESTROY, GONE},
        {RUNNING, ECA_EVENT_DIE, "inspect web (die)"},
        {RUNNING, ECA_EVENT_START, ""},
        {RUNNING, ECA_EVENT_CREATE, ""},
        {RUNNING, ECA_EVENT_OOM, ""},
        {RUNNING, ECA_EVENT_DESTROY, GONE},
        {STOPPED, ECA_EVENT_DIE, ""},
        {STOPPED, ECA_EVENT_START, "inspect web (start)"},
        {STOPPED, ECA_EVENT_DESTROY, ""},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct eca_runtime_event docker = {.kind = rows[i].kind};

        sr_make(rows[i].known, rows[i].known < RUNNING ? RUNNING : rows[i].known);
        sr.web->run.certain = rows[i].known >= RUNNING; /* no step: the event alone is seen */
        ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_DOCKER, .docker = &docker}),
                         rows[i].commands);
    }
}
END_TEST

/* TASKM-104: a death during a hanging stop frees the task at once. */
START_TEST(death_during_a_hanging_stop_counts_at_once)
{
    sr_make(RUNNING, STOPPED);
    ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_CHECK}),
                     "inspect web (check), stop web");
    ck_assert_str_eq(sr_look(ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_ended),
                     "cancel call web, " STOPPED_3);
}
END_TEST

/* TASKM-159, TASKM-340: while the start call is out, its result decides; a `die` waits for it. */
START_TEST(start_result_comes_before_its_die)
{
    struct eca_runtime_event die = {.kind = ECA_EVENT_DIE, .has_exit_code = true, .exit_code = 3};

    sr_make(CREATED, RUNNING);
    ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED}), "start web");
    ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_DOCKER, .docker = &die}), "");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, &is_running), RUNS ", inspect web (die)");
    ck_assert_str_eq(sr_look(ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_ended), STOPPED_3);
}
END_TEST

/* TASKM-103, PAY-141, PAY-151, PAY-154: what a desired status changes, and the gate. TASKM-101,
 * TASKM-156: in which order an end is told and what it frees. */
START_TEST(desired_status_only_rises)
{
    struct eca_step_event run = {.kind = ECA_STEP_DESIRED, .desired = RUNNING, .seq = 1};
    struct eca_step_event stop = {.kind = ECA_STEP_DESIRED, .desired = STOPPED, .seq = 9};

    sr_make(RUNNING, RUNNING);
    ck_assert_str_eq(sr_go(run), "");
    ck_assert_str_eq(sr_go(stop), "gate open 9, stop web");
    ck_assert_str_eq(sr_go(stop), "");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, &is_ended),
                     "notify web STOPPED, report web STOPPED exit=3, report task STOPPED, release "
                     "credentials, gate close 9, clean up");
    ck_assert_str_eq(sr_go(run), "");
    ck_assert_int_eq(sr.task->stop_seq, 9);
}
END_TEST

/* ENG-301, ENG-302, ENG-304, ENG-306, ENG-307: the table of derived statuses. */
START_TEST(task_status_follows_its_containers)
{
    static const struct {
        const char *shape; /* status letter and e(ssential) or n(ot), per container */
        enum eca_status before, after;
    } rows[] = {
        {"CnSeRn", NONE, CREATED},  {"CeSeCn", NONE, CREATED},  {"ReSeRn", CREATED, CREATED},
        {"SnRe", NONE, RUNNING},    {"RePe", NONE, NONE},       {"SnSn", RUNNING, STOPPED},
        {"SeSn", RUNNING, STOPPED}, {"ReRn", CREATED, RUNNING},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        const char *shape = rows[i].shape;

        eca_task_free(sr.task);
        sr.task = rig_task(ARN, "RUNNING", "\"containers\":[{\"name\":\"web\"}]");
        sr.task->known = rows[i].before;
        for (size_t c = 0; shape[c * 2] != '\0'; c++) {
            struct eca_container *at =
                c == 0 ? sr.task->containers : eca_task_add_container(sr.task);

            at->name = c == 0 ? at->name : eca_xasprintf("c%zu", c);
            at->known = shape[c * 2] == 'C'   ? CREATED
                        : shape[c * 2] == 'S' ? STOPPED
                        : shape[c * 2] == 'P' ? PULLED
                                              : RUNNING;
            at->essential = shape[c * 2 + 1] == 'e';
            at->desired = RUNNING;
            at->run.call = ECA_CALL_PING; /* busy: only the derivation is looked at */
        }
        for (size_t c = 0; c < sr.task->container_count; c++) {
            sr.task->containers[c].task = sr.task;
        }
        sr.web = &sr.task->containers[0];
        (void)sr_go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED});
        ck_assert_msg(sr.task->known == rows[i].after, "%s: %s", shape,
                      eca_status_name(sr.task->known));
        ck_assert_int_eq(sr.task->known_ns != 0, rows[i].after != rows[i].before);
        ck_assert_int_eq(sr.task->desired == STOPPED, strstr(shape, "Se") != NULL);
    }
}
END_TEST

/* SEND-108, ENG-601, ENG-716, ENG-717: after a restart, what was not accepted is said again. */
START_TEST(restored_task_says_what_was_not_accepted)
{
    struct eca_step_event begin = {.kind = ECA_STEP_BEGIN};

    sr_make(RUNNING, RUNNING);
    ck_assert_str_eq(sr_go(begin), "report web RUNNING, report task RUNNING");
    sr_make(RUNNING, RUNNING);
    sr.web->sent = RUNNING;
    ck_assert_str_eq(sr_go(begin), "report task RUNNING");
    sr_make(RUNNING, RUNNING);
    sr.web->sent = sr.task->sent = RUNNING;
    ck_assert_str_eq(sr_go(begin), "");
    sr_make(STOPPED, STOPPED);
    sr.web->sent = STOPPED;
    ck_assert_str_eq(sr_go(begin), "report task STOPPED" END);
}
END_TEST

/* FB-06.2, FB-06.5: the ladder of a stop that fails: five attempts, a kill, the end. */
START_TEST(stop_ladder)
{
    static const char *const pauses[] = {"pause web 1000ms", "pause web 2000ms", "pause web 4000ms",
                                         "pause web 8000ms"};

    sr_make(RUNNING, STOPPED);
    ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED}), "stop web");
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(sr_answer(ECA_OUTCOME_FAILED, NULL), pauses[i]);
        ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_PAUSE_OVER}), "stop web");
    }
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_FAILED, NULL), "kill web");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, NULL), "inspect web (proof)");
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running),
                     "pause inspect web 1000ms");
    ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_LOOK_PAUSE_OVER}),
                     "cancel inspect web, inspect web (proof)");
    (void)sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running);
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running), STOPPED_E);
    ck_assert_str_eq(sr_look(ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_ended), "");
}
END_TEST

/* FB-09.4, DKR-401: a foreign container holds our name: no adoption, and clean-up leaves it. */
START_TEST(foreign_container_is_not_adopted)
{
    static const struct eca_container_info foreign = {
        .id = "f", .running = true, .label_task_arn = "other", .label_container_name = "web"};

    sr_make(PULLED, RUNNING);
    (void)sr_go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED});
    (void)sr_answer(ECA_OUTCOME_CONFLICT, NULL);
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &foreign),
                     "report web STOPPED \"E: x\", report task STOPPED" END);
    ck_assert_ptr_null(sr.web->docker_name);
    ck_assert_ptr_null(sr.web->docker_id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step");
    TCase *tcase = tcase_create("step");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, sr_setup, sr_teardown);
    tcase_add_test(tcase, next_action_of_each_state);
    tcase_add_test(tcase, pull_outcomes);
    tcase_add_test(tcase, create_outcomes);
    tcase_add_test(tcase, start_outcomes);
    tcase_add_test(tcase, stop_outcomes);
    tcase_add_test(tcase, facts_of_each_state);
    tcase_add_test(tcase, docker_events_of_each_state);
    tcase_add_test(tcase, death_during_a_hanging_stop_counts_at_once);
    tcase_add_test(tcase, start_result_comes_before_its_die);
    tcase_add_test(tcase, desired_status_only_rises);
    tcase_add_test(tcase, task_status_follows_its_containers);
    tcase_add_test(tcase, restored_task_says_what_was_not_accepted);
    tcase_add_test(tcase, stop_ladder);
    tcase_add_test(tcase, foreign_container_is_not_adopted);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
