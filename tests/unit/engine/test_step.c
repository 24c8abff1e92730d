#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/step.h"
#include "tests/unit/engine/rig.h"

/*
 * The decision, row by row: one essential container "web" in a given state, one event, the printed
 * commands. Log lines are left out of the comparison.
 */
#define NONE ECA_STATUS_NONE
#define PULLED ECA_STATUS_PULLED
#define CREATED ECA_STATUS_CREATED
#define RUNNING ECA_STATUS_RUNNING
#define STOPPED ECA_STATUS_STOPPED

static struct eca_task *task;
static struct eca_container *web;
static struct eca_buf text;

static void make(enum eca_status known, enum eca_status desired)
{
    eca_task_free(task);
    task = rig_task(ARN, "RUNNING", ONE);
    web = &task->containers[0];
    task->desired = web->desired = desired;
    web->known = known;
    task->known = known == PULLED ? NONE : known;
    web->run.certain = true;
    web->docker_name = eca_xstrdup("name");
    if (known >= CREATED) {
        web->docker_id = eca_xstrdup("id");
    }
}

static void setup(void)
{
    make(NONE, RUNNING);
}

static void teardown(void)
{
    eca_task_free(task);
    task = NULL;
    eca_buf_clear(&text);
}

/* Feed an event; the commands, separated by ", ". */
static const char *go(struct eca_step_event event)
{
    static const struct eca_step_policy policy = {0};
    struct eca_commands commands = {0};

    event.container = web;
    event.now_ms = event.now_ms > 0 ? event.now_ms : 1000;
    event.wall_ms = 1478000000000;
    eca_step(task, &policy, &event, &commands);
    eca_buf_reset(&text);
    for (size_t i = 0; i < commands.count; i++) {
        if (commands.at[i].kind != ECA_CMD_LOG) {
            eca_buf_add_str(&text, text.len > 0 ? ", " : "");
            eca_command_print(&commands.at[i], &text);
        }
    }
    eca_commands_clear(&commands);
    return eca_buf_str(&text);
}

static struct eca_runtime_result outcome(enum eca_outcome outcome,
                                         const struct eca_container_info *info)
{
    struct eca_runtime_result result = {.outcome = outcome, .info = info};

    result.id = outcome == ECA_OUTCOME_DONE ? "id" : NULL; /* a create has nothing else to show */
    if (outcome != ECA_OUTCOME_DONE && outcome != ECA_OUTCOME_ALREADY) {
        eca_named_error_set(&result.error, "E", "x");
    }
    return result;
}

static const char *answer(enum eca_outcome code, const struct eca_container_info *info)
{
    struct eca_runtime_result result = outcome(code, info);

    return go((struct eca_step_event){.kind = ECA_STEP_RESULT, .result = &result});
}

static const char *look(enum eca_look reason, enum eca_outcome code,
                        const struct eca_container_info *info)
{
    struct eca_runtime_result result = outcome(code, info);

    web->run.look = reason;
    return go((struct eca_step_event){.kind = ECA_STEP_FACTS, .result = &result});
}

static const struct eca_container_info is_running = {.id = "id", .running = true};
static const struct eca_container_info is_created = {.id = "id", .never_started = true};
static const struct eca_container_info is_ended = {
    .id = "id", .has_exit_code = true, .exit_code = 3};
static const struct eca_container_info is_oom = {
    .id = "id", .has_exit_code = true, .exit_code = 137, .oom_killed = true};
static const struct eca_container_info is_broken = {
    .id = "id", .never_started = true, .state_error = "no such file"};

#define END ", release credentials, clean up"
#define STOPPED_PLAIN "report web STOPPED, report task STOPPED" END
#define STOPPED_NOTED "notify web STOPPED, " STOPPED_PLAIN
#define STOPPED_3 "notify web STOPPED, report web STOPPED exit=3, report task STOPPED" END
#define STOPPED_E "notify web STOPPED, report web STOPPED \"E: x\", report task STOPPED" END
#define GONE                                                                                       \
    "notify web STOPPED, report web STOPPED \"ContainerVanishedError: No container matching "      \
    "saved "                                                                                       \
    "ID found\", report task STOPPED" END
#define RUNS "notify web RUNNING, report web RUNNING, report task RUNNING"

/* TASKM-120, TASKM-121, TASKM-122, TASKM-124: the whole table. */
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
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        make(rows[i].known, rows[i].desired);
        ck_assert_str_eq(go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED}),
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
        make(known, desired);
        (void)go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED});
        ck_assert_int_eq(web->run.call, call);
        ck_assert_msg(strcmp(answer(rows[i].outcome, rows[i].info), rows[i].commands) == 0,
                      "%s %s: %s\n  want %s", eca_call_name(call),
                      eca_outcome_name(rows[i].outcome), eca_buf_str(&text), rows[i].commands);
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
        {ECA_OUTCOME_TIMEOUT, NULL, "report web STOPPED \"E: x\", report task STOPPED" END},
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

/* TASKM-327..330, FB-10.1, FB-10.2, ENG-714..720: what an inspect of a container with a known id
 * changes. */
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
        {RUNNING, ECA_LOOK_PROOF, ECA_OUTCOME_FAILED, NULL, "pause inspect web 1000ms"},
        {RUNNING, ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_ended, STOPPED_3},
        {RUNNING, ECA_LOOK_DIE, ECA_OUTCOME_TIMEOUT, NULL, "pause inspect web 1000ms"},
        {CREATED, ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running, RUNS},
        {CREATED, ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_created, "start web"},
        {CREATED, ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_ended, STOPPED_3},
        {CREATED, ECA_LOOK_START, ECA_OUTCOME_DONE, &is_running, RUNS},
        {STOPPED, ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_ended, ""},
        {STOPPED, ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_running, "stop web"}, /* TASKM-161 */
        {STOPPED, ECA_LOOK_CHECK, ECA_OUTCOME_FAILED, NULL, ""},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        make(rows[i].known, rows[i].known == STOPPED ? STOPPED : RUNNING);
        web->applied = rows[i].known == CREATED ? RUNNING : NONE;
        if (rows[i].look == ECA_LOOK_START) {
            web->run.certain = true;
            web->applied = NONE;
            web->run.call = ECA_CALL_NONE;
        }
        ck_assert_msg(strcmp(look(rows[i].look, rows[i].outcome, rows[i].info), rows[i].commands) ==
                          0,
                      "row %zu: %s\n  want %s", i, eca_buf_str(&text), rows[i].commands);
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

        make(rows[i].known, rows[i].known);
        ck_assert_str_eq(go((struct eca_step_event){.kind = ECA_STEP_DOCKER, .docker = &docker}),
                         rows[i].commands);
    }
}
END_TEST

/* TASKM-104: a death during a hanging stop frees the task at once. */
START_TEST(death_during_a_hanging_stop_counts_at_once)
{
    make(RUNNING, STOPPED);
    ck_assert_str_eq(go((struct eca_step_event){.kind = ECA_STEP_CHECK}),
                     "inspect web (check), stop web");
    ck_assert_str_eq(look(ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_ended),
                     "cancel call web, " STOPPED_3);
}
END_TEST

/* TASKM-159, TASKM-340: while the start call is out, its result decides; a `die` waits for it. */
START_TEST(start_result_comes_before_its_die)
{
    struct eca_runtime_event die = {.kind = ECA_EVENT_DIE, .has_exit_code = true, .exit_code = 3};

    make(CREATED, RUNNING);
    ck_assert_str_eq(go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED}), "start web");
    ck_assert_str_eq(go((struct eca_step_event){.kind = ECA_STEP_DOCKER, .docker = &die}), "");
    ck_assert_str_eq(answer(ECA_OUTCOME_DONE, &is_running), RUNS ", inspect web (die)");
    ck_assert_str_eq(look(ECA_LOOK_DIE, ECA_OUTCOME_DONE, &is_ended), STOPPED_3);
}
END_TEST

/* TASKM-103, PAY-141, PAY-151, PAY-154: what a desired status changes, and the gate. TASKM-101,
 * TASKM-156: in which order an end is told and what it frees. */
START_TEST(desired_status_only_rises)
{
    struct eca_step_event run = {.kind = ECA_STEP_DESIRED, .desired = RUNNING, .seq = 1};
    struct eca_step_event stop = {.kind = ECA_STEP_DESIRED, .desired = STOPPED, .seq = 9};

    make(RUNNING, RUNNING);
    ck_assert_str_eq(go(run), "");
    ck_assert_str_eq(go(stop), "gate open 9, stop web");
    ck_assert_str_eq(go(stop), "");
    ck_assert_str_eq(answer(ECA_OUTCOME_DONE, &is_ended),
                     "notify web STOPPED, report web STOPPED exit=3, report task STOPPED, release "
                     "credentials, gate close 9, clean up");
    ck_assert_str_eq(go(run), "");
    ck_assert_int_eq(task->stop_seq, 9);
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

        eca_task_free(task);
        task = rig_task(ARN, "RUNNING", "\"containers\":[{\"name\":\"web\"}]");
        task->known = rows[i].before;
        for (size_t c = 0; shape[c * 2] != '\0'; c++) {
            struct eca_container *at = c == 0 ? task->containers : eca_task_add_container(task);

            at = &task->containers[c];
            at->name = c == 0 ? at->name : eca_xasprintf("c%zu", c);
            at->known = shape[c * 2] == 'C'   ? CREATED
                        : shape[c * 2] == 'S' ? STOPPED
                        : shape[c * 2] == 'P' ? PULLED
                                              : RUNNING;
            at->essential = shape[c * 2 + 1] == 'e';
            at->desired = RUNNING;
            at->run.call = ECA_CALL_PING; /* busy: only the derivation is looked at */
        }
        for (size_t c = 0; c < task->container_count; c++) {
            task->containers[c].task = task;
        }
        web = &task->containers[0];
        (void)go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED});
        ck_assert_msg(task->known == rows[i].after, "%s: %s", shape, eca_status_name(task->known));
        ck_assert_int_eq(task->known_ns != 0, rows[i].after != rows[i].before);
        ck_assert_int_eq(task->desired == STOPPED, strstr(shape, "Se") != NULL);
    }
}
END_TEST

/* SEND-108, ENG-601, ENG-716, ENG-717: after a restart, what was not accepted is said again. */
START_TEST(restored_task_says_what_was_not_accepted)
{
    struct eca_step_event begin = {.kind = ECA_STEP_BEGIN};

    make(RUNNING, RUNNING);
    ck_assert_str_eq(go(begin), "report web RUNNING, report task RUNNING");
    make(RUNNING, RUNNING);
    web->sent = RUNNING;
    ck_assert_str_eq(go(begin), "report task RUNNING");
    make(RUNNING, RUNNING);
    web->sent = task->sent = RUNNING;
    ck_assert_str_eq(go(begin), "");
    make(STOPPED, STOPPED);
    web->sent = STOPPED;
    ck_assert_str_eq(go(begin), "report task STOPPED" END);
}
END_TEST

/* FB-06.2, FB-06.5: the ladder of a stop that fails: five attempts, a kill, the end. */
START_TEST(stop_ladder)
{
    static const char *const pauses[] = {"pause web 1000ms", "pause web 2000ms", "pause web 4000ms",
                                         "pause web 8000ms"};

    make(RUNNING, STOPPED);
    ck_assert_str_eq(go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED}), "stop web");
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(answer(ECA_OUTCOME_FAILED, NULL), pauses[i]);
        ck_assert_str_eq(go((struct eca_step_event){.kind = ECA_STEP_PAUSE_OVER}), "stop web");
    }
    ck_assert_str_eq(answer(ECA_OUTCOME_FAILED, NULL), "kill web");
    ck_assert_str_eq(answer(ECA_OUTCOME_DONE, NULL), "inspect web (proof)");
    ck_assert_str_eq(look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running),
                     "pause inspect web 1000ms");
    ck_assert_str_eq(go((struct eca_step_event){.kind = ECA_STEP_LOOK_PAUSE_OVER}),
                     "cancel inspect web, inspect web (proof)");
    (void)look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running);
    ck_assert_str_eq(look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &is_running), STOPPED_E);
    ck_assert_str_eq(look(ECA_LOOK_CHECK, ECA_OUTCOME_DONE, &is_ended), "");
}
END_TEST

/* FB-09.4, DKR-401: a foreign container holds our name: no adoption, and clean-up leaves it. */
START_TEST(foreign_container_is_not_adopted)
{
    static const struct eca_container_info foreign = {
        .id = "f", .running = true, .label_task_arn = "other", .label_container_name = "web"};

    make(PULLED, RUNNING);
    (void)go((struct eca_step_event){.kind = ECA_STEP_GATE_PASSED});
    (void)answer(ECA_OUTCOME_CONFLICT, NULL);
    ck_assert_str_eq(look(ECA_LOOK_PROOF, ECA_OUTCOME_DONE, &foreign),
                     "report web STOPPED \"E: x\", report task STOPPED" END);
    ck_assert_ptr_null(web->docker_name);
    ck_assert_ptr_null(web->docker_id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step");
    TCase *tcase = tcase_create("step");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
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
