#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/step_rig.h"

/* What a change of a container does to the record: what is taken, what is dropped, what stays. */

static struct eca_port_binding http = {.bind_ip = "0.0.0.0", .container_port = 80, .host_port = 81};
static const struct eca_container_info runs_with_port = {
    .id = "id", .running = true, .has_bindings = true, .bindings = &http, .binding_count = 1};
static const struct eca_container_info ended_without_ports = {
    .id = "id", .has_exit_code = true, .exit_code = 3, .has_bindings = true};

static const char *go(void)
{
    return sr_go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED});
}

static void error_is(const char *name)
{
    if (name == NULL) {
        ck_assert_ptr_null(sr.web->error_name);
    } else {
        ck_assert_ptr_nonnull(sr.web->error_name);
        ck_assert_str_eq(sr.web->error_name, name);
    }
}

/* TASKM-152, TASKM-153, ENG-107: which answers raise the known status, which only end the wish, and
 * none does one and takes it back. A sibling keeps the task from its end, so that K is seen. */
START_TEST(answers_with_an_error_raise_nothing_but_a_pull)
{
    static const struct {
        enum eca_status before;
        enum eca_outcome outcome;
        const struct eca_container_info *info;
        enum eca_status known, desired;
        const char *error;
    } rows[] = {
        {NONE, ECA_OUTCOME_DONE, NULL, PULLED, RUNNING, NULL},
        {NONE, ECA_OUTCOME_NOT_FOUND, NULL, PULLED, RUNNING, "E"},
        {NONE, ECA_OUTCOME_REFUSED, NULL, PULLED, RUNNING, "E"},
        {PULLED, ECA_OUTCOME_DONE, &is_created, CREATED, RUNNING, NULL},
        {PULLED, ECA_OUTCOME_CONFLICT, NULL, PULLED, RUNNING, NULL},
        {CREATED, ECA_OUTCOME_DONE, &is_running, RUNNING, RUNNING, NULL},
        {CREATED, ECA_OUTCOME_FAILED, NULL, CREATED, STOPPED, "E"},
        {CREATED, ECA_OUTCOME_TIMEOUT, NULL, CREATED, STOPPED, "E"},
        {CREATED, ECA_OUTCOME_DONE, NULL, CREATED, STOPPED, NULL},
        {RUNNING, ECA_OUTCOME_DONE, &is_ended, STOPPED, STOPPED, NULL},
        {RUNNING, ECA_OUTCOME_FAILED, NULL, RUNNING, STOPPED, NULL},
        {RUNNING, ECA_OUTCOME_TIMEOUT, NULL, RUNNING, STOPPED, NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        sr_make(rows[i].before, rows[i].before == RUNNING ? STOPPED : RUNNING);
        (void)go();
        ck_assert_int_ne(sr.web->run.call, ECA_CALL_NONE);
        (void)sr_answer(rows[i].outcome, rows[i].info);
        ck_assert_msg(sr.web->known == rows[i].known && sr.web->desired == rows[i].desired,
                      "row %zu: known %s, desired %s", i, eca_status_name(sr.web->known),
                      eca_status_name(sr.web->desired));
        error_is(rows[i].error);
    }
}
END_TEST

/* TASKM-153: of two errors the first stays. */
START_TEST(first_error_stays)
{
    struct eca_named_error first;

    sr_make(CREATED, RUNNING);
    eca_named_error_set(&first, "First", "one");
    eca_container_set_error(sr.web, &first);
    (void)go();
    (void)sr_answer(ECA_OUTCOME_FAILED, NULL);
    error_is("First");
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&sr.log), "WARN Error with docker"));
}
END_TEST

/* TASKM-151: what is not above the known status changes nothing and is not told. */
START_TEST(redundant_changes_are_dropped)
{
    static const struct {
        enum eca_status known;
        const struct eca_container_info *info;
    } rows[] = {
        {RUNNING, &is_running},
        {CREATED, &is_created},
        {STOPPED, &is_ended},
        {STOPPED, &is_created},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        sr_make(rows[i].known, rows[i].known == CREATED ? RUNNING : rows[i].known);
        (void)go(); /* what was created is being started: the look alone is seen */
        ck_assert_str_eq(sr_look(ECA_LOOK_CHECK, ECA_OUTCOME_DONE, rows[i].info), "");
        ck_assert_int_eq(sr.web->known, rows[i].known);
    }
    sr_make(STOPPED, STOPPED);
    ck_assert_str_eq(sr_docker(ECA_EVENT_DIE, 3), "");
    sr_make(RUNNING, RUNNING);
    ck_assert_str_eq(sr_docker(ECA_EVENT_START, 0), "");
}
END_TEST

/* TASKM-152: known may jump over statuses that were never seen. */
START_TEST(known_status_may_jump)
{
    sr_make(NONE, RUNNING);
    sr.web->desired = STOPPED;
    ck_assert_str_eq(go(), STOPPED_PLAIN);
    sr_make(CREATED, RUNNING);
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_ended), STOPPED_3);
}
END_TEST

/* TASKM-155: an exit code and bindings are taken if present; an empty list of bindings replaces,
 * no list keeps. */
START_TEST(facts_of_a_change_are_taken)
{
    sr_make(CREATED, RUNNING);
    (void)go();
    (void)sr_answer(ECA_OUTCOME_DONE, &runs_with_port);
    ck_assert_uint_eq(sr.web->binding_count, 1);
    ck_assert_uint_eq(sr.web->bindings[0].host_port, 81);
    ck_assert(!sr.web->has_exit_code);
    (void)sr_look(ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_ended);
    ck_assert_uint_eq(sr.web->binding_count, 1);
    ck_assert(sr.web->has_exit_code && sr.web->exit_code == 3);

    sr_make(CREATED, RUNNING);
    (void)go();
    (void)sr_answer(ECA_OUTCOME_DONE, &runs_with_port);
    (void)sr_look(ECA_LOOK_DIE, ECA_OUTCOME_DONE, &ended_without_ports);
    ck_assert(sr.web->has_bindings);
    ck_assert_uint_eq(sr.web->binding_count, 0);
}
END_TEST

/* TASKM-157: a redundant change fills in what is missing until STOPPED was accepted; it overwrites
 * nothing and tells nothing. */
START_TEST(redundant_change_fills_what_is_missing)
{
    sr_make(STOPPED, STOPPED);
    ck_assert_str_eq(sr_docker(ECA_EVENT_DIE, 7), "");
    ck_assert(sr.web->has_exit_code && sr.web->exit_code == 7);
    ck_assert_str_eq(sr_docker(ECA_EVENT_DIE, 9), "");
    ck_assert_int_eq(sr.web->exit_code, 7);
    ck_assert_str_eq(sr_look(ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_ended), "");
    ck_assert_int_eq(sr.web->exit_code, 7);

    sr_make(STOPPED, STOPPED);
    ck_assert_str_eq(sr_look(ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_ended), "");
    ck_assert(sr.web->has_exit_code && sr.web->exit_code == 3);

    sr_make(STOPPED, STOPPED);
    sr.web->sent = STOPPED;
    (void)sr_docker(ECA_EVENT_DIE, 7);
    ck_assert(!sr.web->has_exit_code);

    sr_make(STOPPED, STOPPED);
    sr.web->run.start_failed = true; /* its code means nothing (ENG-408) */
    (void)sr_docker(ECA_EVENT_DIE, 7);
    ck_assert(!sr.web->has_exit_code);

    sr_make(RUNNING, RUNNING);
    ck_assert_str_eq(sr_look(ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &runs_with_port), "");
    ck_assert_uint_eq(sr.web->binding_count, 1);
}
END_TEST

/* TASKM-158: an attempt to stop that failed leaves no trace when the container then ends; what
 * Docker says of the end counts. */
START_TEST(failed_stop_attempt_is_no_reason)
{
    sr_make(RUNNING, STOPPED);
    (void)go();
    (void)sr_answer(ECA_OUTCOME_FAILED, NULL);
    ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_PAUSE_OVER}), "stop web");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, &is_ended), STOPPED_3);

    sr_make(RUNNING, STOPPED);
    (void)go();
    (void)sr_answer(ECA_OUTCOME_FAILED, NULL);
    (void)sr_look(ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_oom);
    error_is("OutOfMemoryError");
}
END_TEST

/* TASKM-331: a binding that cannot be read costs that binding, not the container. */
START_TEST(unreadable_binding_is_left_out)
{
    struct eca_container_info info = runs_with_port;

    eca_named_error_set(&info.binding_error, "UnparsablePort", "port \"x\"");
    sr_make(CREATED, RUNNING);
    (void)go();
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, &info), RUNS);
    ck_assert_str_eq(eca_buf_str(&sr.log), "WARN port \"x\"\n");
    ck_assert_uint_eq(sr.web->binding_count, 1);
    error_is(NULL);
}
END_TEST

/* TASKM-341: its `start` event proved that it runs; the failing answer that follows is no error. */
START_TEST(start_event_before_a_failing_answer)
{
    sr_make(CREATED, RUNNING);
    ck_assert_str_eq(go(), "start web");
    ck_assert_str_eq(sr_docker(ECA_EVENT_START, 0), "inspect web (start)");
    ck_assert_str_eq(sr_look(ECA_LOOK_START, ECA_OUTCOME_DONE, &is_running), RUNS);
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_FAILED, NULL), "");
    error_is(NULL);
    ck_assert_str_eq(sr_docker(ECA_EVENT_DIE, 3), "inspect web (die)");
    ck_assert_str_eq(sr_look(ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_ended), STOPPED_3);
}
END_TEST

/* TASKM-180: a create or start that timed out is not tried again; a container that is there all the
 * same is known by its id (TASKM-306), a start that happens all the same ends with a stop. */
START_TEST(only_stops_are_repeated_after_a_timeout)
{
    sr_make(PULLED, RUNNING);
    (void)go();
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_TIMEOUT, NULL), "inspect web (proof)");
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_NOT_FOUND, NULL),
                     "report web STOPPED \"E: x\", report task STOPPED" END);

    sr_make(PULLED, RUNNING);
    (void)go();
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_TIMEOUT, NULL), "inspect web (proof)");
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running), "stop web");

    sr_make(CREATED, RUNNING);
    (void)go();
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_TIMEOUT, NULL), "inspect web (proof)");
    for (size_t i = 0; i < 6; i++) {
        ck_assert_ptr_nonnull(
            strstr(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created), "pause inspect web"));
    }
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created), STOPPED_E);
    ck_assert_str_eq(sr_docker(ECA_EVENT_START, 0), "inspect web (start)");
    ck_assert_str_eq(sr_look(ECA_LOOK_START, ECA_OUTCOME_DONE, &is_running), "stop web");

    sr_make(RUNNING, STOPPED);
    (void)go();
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_TIMEOUT, NULL), "ping web");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, NULL), "pause web 1000ms");
}
END_TEST

static void forget_id(bool name_too)
{
    eca_free(eca_take(sr.web->docker_id));
    if (name_too) {
        eca_free(eca_take(sr.web->docker_name));
    }
}

/* TASKM-206: neither id nor name: nothing can be asked for, and the report says so. Before the
 * listing its labels may still find it. */
START_TEST(unrecorded_container_has_a_reason)
{
    sr_make(CREATED, RUNNING);
    forget_id(true);
    ck_assert_str_eq(go(), "report web STOPPED \"CannotStartContainerError: Container not recorded "
                           "as created\", report task STOPPED" END);
    sr_make(RUNNING, STOPPED);
    forget_id(true);
    sr.web->run.certain = false;
    ck_assert_str_eq(go(), "");
    sr.web->run.certain = true;
    ck_assert_str_eq(go(), "report web STOPPED \"CannotStopContainerError: Container not recorded "
                           "as created\", report task STOPPED" END);
}
END_TEST

/* TASKM-207: without an id the name is asked first; a call never leaves with an empty id. */
START_TEST(id_is_looked_up_before_a_call)
{
    static const struct {
        enum eca_status known, desired;
        const struct eca_container_info *info;
        const char *call;
    } rows[] = {{CREATED, RUNNING, &is_created, "start web"},
                {RUNNING, STOPPED, &is_running, "stop web"}};

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        sr_make(rows[i].known, rows[i].desired);
        forget_id(false);
        ck_assert_str_eq(go(), "inspect web (proof)");
        ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, rows[i].info), rows[i].call);
        ck_assert_str_eq(sr.web->docker_id, "id");
    }
}
END_TEST

/* FB-06.4: a kill that could not be sent goes out when Docker is back; no stop takes its place. */
START_TEST(kill_that_waits_goes_out_when_docker_is_back)
{
    sr_make(RUNNING, STOPPED);
    (void)go();
    for (size_t i = 0; i < 4; i++) {
        (void)sr_answer(ECA_OUTCOME_FAILED, NULL);
        ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_PAUSE_OVER}), "stop web");
    }
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_FAILED, NULL), "kill web");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_UNREACHABLE, NULL), "pause web 1000ms");
    ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_CONNECTED}),
                     "cancel call web, kill web, inspect web (check)");
}
END_TEST

/* TASKM-125, FB-INV.3: created, and told to stop meanwhile: without a look at it nobody knows that
 * it does not run. */
START_TEST(created_without_facts_is_looked_up)
{
    static const struct {
        const struct eca_container_info *info;
        const char *commands;
    } rows[] = {{&is_created, STOPPED_NOTED}, {&is_running, "stop web"}};

    sr_make(PULLED, RUNNING);
    (void)sr_go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED});
    (void)sr_go((struct eca_step_event){.kind = ECA_STEP_DESIRED, .desired = STOPPED});
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, NULL), "inspect web (proof)");
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, rows[_i].info), rows[_i].commands);
}
END_TEST

/* FB-07.4: the answer to a stop is a look at what has not started: the last one ends the watch, and
 * no other one is followed by a stop at once. */
START_TEST(stop_of_what_never_started_is_a_look)
{
    sr_make(CREATED, RUNNING);
    (void)go();
    (void)sr_answer(ECA_OUTCOME_TIMEOUT, NULL);
    for (size_t i = 0; i < 6; i++) {
        (void)sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created);
    }
    ck_assert_str_eq(sr_look(ECA_LOOK_PROOF, ECA_OUTCOME_TIMEOUT, NULL),
                     "pause inspect web 30000ms, cancel inspect web, stop web");
    ck_assert_str_eq(sr_answer(ECA_OUTCOME_DONE, &is_created), STOPPED_E);
}
END_TEST

/* DKR-808, TASKM-161: it ended, and runs again, while its end was looked up in vain. */
START_TEST(start_after_an_end_that_cannot_be_looked_up_is_not_forgotten)
{
    sr_make(RUNNING, RUNNING);
    ck_assert_str_eq(sr_docker(ECA_EVENT_DIE, 3), "inspect web (die)");
    ck_assert_str_eq(sr_docker(ECA_EVENT_START, 0), "");
    ck_assert_str_eq(sr_look(ECA_LOOK_DIE, ECA_OUTCOME_FAILED, NULL),
                     STOPPED_3 ", inspect web (start)");
    ck_assert_str_eq(sr_look(ECA_LOOK_START, ECA_OUTCOME_DONE, &is_running), "stop web");
}
END_TEST

#define NOBODY "\"containers\":[]"
#define PAIR "\"containers\":[{\"name\":\"web\",\"image\":\"i\"},{\"name\":\"n\",\"image\":\"i\"}]"

/* ENG-303: a task without containers derives nothing; it is given up by TASKM-140 alone. */
START_TEST(task_without_containers_derives_nothing)
{
    eca_task_free(sr.task);
    sr.task = rig_task(ARN, "RUNNING", NOBODY);
    sr.web = NULL;
    sr.task->gate_waiting = true; /* nothing else may move it */
    ck_assert_str_eq(sr_go((struct eca_step_event){.kind = ECA_STEP_CHECK}), "");
    ck_assert_int_eq(sr.task->known, NONE);
    ck_assert_int_eq(sr.task->known_ns, 0);
}
END_TEST

/* ENG-305: a container's wish is raised to its task's, and never lowered. */
START_TEST(wishes_are_raised_to_the_task)
{
    static const struct {
        enum eca_status task, before, after;
    } rows[] = {
        {NONE, NONE, NONE},          {CREATED, NONE, CREATED},    {RUNNING, NONE, RUNNING},
        {STOPPED, NONE, STOPPED},    {STOPPED, RUNNING, STOPPED}, {RUNNING, STOPPED, STOPPED},
        {CREATED, RUNNING, RUNNING},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_task_free(sr.task);
        sr.task = rig_task(ARN, "RUNNING", PAIR);
        sr.web = &sr.task->containers[0];
        sr.task->desired = rows[i].task;
        sr.web->desired = rows[i].before;
        sr.web->run.call = sr.task->containers[1].run.call = ECA_CALL_PING; /* busy */
        (void)go();
        ck_assert_msg(sr.web->desired == rows[i].after, "row %zu: %s", i,
                      eca_status_name(sr.web->desired));
        ck_assert_int_eq(sr.task->desired, rows[i].task); /* not essential: the task is its own */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step/changes");
    TCase *tcase = tcase_create("changes");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, sr_setup, sr_teardown);
    tcase_add_test(tcase, answers_with_an_error_raise_nothing_but_a_pull);
    tcase_add_test(tcase, first_error_stays);
    tcase_add_test(tcase, redundant_changes_are_dropped);
    tcase_add_test(tcase, known_status_may_jump);
    tcase_add_test(tcase, facts_of_a_change_are_taken);
    tcase_add_test(tcase, redundant_change_fills_what_is_missing);
    tcase_add_test(tcase, failed_stop_attempt_is_no_reason);
    tcase_add_test(tcase, unreadable_binding_is_left_out);
    tcase_add_test(tcase, start_event_before_a_failing_answer);
    tcase_add_test(tcase, only_stops_are_repeated_after_a_timeout);
    tcase_add_test(tcase, unrecorded_container_has_a_reason);
    tcase_add_test(tcase, id_is_looked_up_before_a_call);
    tcase_add_test(tcase, task_without_containers_derives_nothing);
    tcase_add_test(tcase, wishes_are_raised_to_the_task);
    tcase_add_test(tcase, kill_that_waits_goes_out_when_docker_is_back);
    tcase_add_test(tcase, stop_of_what_never_started_is_a_look);
    tcase_add_loop_test(tcase, created_without_facts_is_looked_up, 0, 2);
    tcase_add_test(tcase, start_after_an_end_that_cannot_be_looked_up_is_not_forgotten);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
