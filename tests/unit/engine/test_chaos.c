#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/engine/rig.h"

/*
 * Random workloads under random faults, drawn from one seed: first nothing wrong may happen, then,
 * with everything healthy again, everything must finish. CHAOS_SEED=n runs one seed and prints it,
 * CHAOS_SEEDS=n the first n.
 */
#define SEEDS 100
#define ROUNDS 60
#define TASKS 6

static struct rig w;
static struct manual_entropy dice;

static uint64_t below(uint64_t bound)
{
    return eca_entropy_below(manual_entropy_port(&dice), bound);
}

static const char *const shapes[] = {
    ONE,
    "\"containers\":[{\"name\":\"web\",\"image\":\"i\",\"essential\":true,\"links\":[\"db\"]},"
    "{\"name\":\"db\",\"image\":\"j\"}]",
    "\"volumes\":[{\"name\":\"v\",\"host\":{}}],\"containers\":[{\"name\":\"web\",\"image\":\"i\","
    "\"essential\":true,\"mountPoints\":[{\"sourceVolume\":\"v\",\"containerPath\":\"/d\"}]},"
    "{\"name\":\"n\",\"image\":\"i\",\"volumesFrom\":[{\"sourceContainer\":\"web\"}]}]",
    "\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"j\"}]",
};

static void bend_docker(void)
{
    static const char *const verbs[] = {"pull",          "create", "start", "stop", "inspect",
                                        "image-inspect", "kill",   "ping",  "list", "remove"};
    static const enum eca_outcome outcomes[] = {
        ECA_OUTCOME_NOT_FOUND, ECA_OUTCOME_CONFLICT,    ECA_OUTCOME_REFUSED,
        ECA_OUTCOME_FAILED,    ECA_OUTCOME_AMBIGUOUS,   ECA_OUTCOME_TIMEOUT,
        ECA_OUTCOME_DONE,      ECA_OUTCOME_UNREACHABLE, ECA_OUTCOME_BAD_ANSWER};
    const char *verb = verbs[below(ECA_ARRAY_LEN(verbs))];
    enum eca_outcome outcome = outcomes[below(ECA_ARRAY_LEN(outcomes))];
    struct script_rule *rule;

    if (w.docker.rule_count >= SCRIPT_RULES_MAX) {
        script_runtime_unrule(&w.docker);
    }
    /* A daemon does not lie about what is there. */
    if (outcome == ECA_OUTCOME_NOT_FOUND &&
        (verb[0] == 'i' || verb[0] == 's' || verb[0] == 'k' || verb[0] == 'r')) {
        outcome = ECA_OUTCOME_FAILED;
    }
    rule = script_runtime_rule(&w.docker, verb, NULL, outcome, (uint32_t)(1 + below(4)));
    rule->hang = below(6) == 0;
    /* It happens all the same only where the caller was not told that it did not. */
    rule->effect = outcome == ECA_OUTCOME_AMBIGUOUS || outcome == ECA_OUTCOME_TIMEOUT ||
                           outcome == ECA_OUTCOME_DONE
                       ? below(2) == 0 || outcome == ECA_OUTCOME_DONE
                       : false;
    rule->no_facts = rule->effect && below(3) == 0;
}

static void poke_container(void)
{
    struct script_container *c;

    if (w.docker.container_count == 0) {
        return;
    }
    c = &w.docker.containers[below(w.docker.container_count)];
    if (c->state == SCRIPT_REMOVED) {
        return;
    }
    switch (below(5)) {
    case 0: /* dies, and says so */
        if (c->state == SCRIPT_RUNNING) {
            c->state = SCRIPT_EXITED;
            c->exit_code = (int64_t)below(3);
            script_runtime_event(&w.docker, ECA_EVENT_DIE, c->id);
        }
        break;
    case 1: /* dies in silence */
        if (c->state == SCRIPT_RUNNING) {
            c->state = SCRIPT_EXITED;
        }
        break;
    case 2: /* started from outside */
        if (c->state == SCRIPT_EXITED) {
            c->state = SCRIPT_RUNNING;
            script_runtime_event(&w.docker, ECA_EVENT_START, c->id);
        }
        break;
    case 3:
        c->state = SCRIPT_REMOVED;
        script_runtime_event(&w.docker, ECA_EVENT_DESTROY, c->id);
        break;
    default:
        script_runtime_event(&w.docker, below(2) == 0 ? ECA_EVENT_OOM : ECA_EVENT_CONNECTED, c->id);
        break;
    }
}

static void arn_of(uint64_t index, char text[32])
{
    (void)snprintf(text, 32, "arn:task/%llu", (unsigned long long)index);
}

static void play_round(int64_t *seq)
{
    char arn[32];
    uint64_t index = below(TASKS);

    arn_of(index, arn);
    switch (below(10)) {
    case 0:
    case 1:
        rig_add(&w, arn, "RUNNING", (int64_t)below(2) * ++*seq, shapes[index % 4]);
        break;
    case 2:
        rig_add(&w, arn, "STOPPED", (int64_t)below(2) * ++*seq, shapes[index % 4]);
        break;
    case 3:
    case 4:
        bend_docker();
        break;
    case 5:
        poke_container();
        break;
    case 6:
        w.answer = (enum eca_report_class)below(2);
        break;
    case 7:
        w.store.fail = (uint32_t)below(3);
        break;
    case 8:
        w.docker.cancel_effect = below(2) == 0;
        rig_crash(&w);
        w.docker.cancel_effect = false;
        rig_start(&w);
        break;
    default:
        script_runtime_release(&w.docker);
        break;
    }
    rig_run(&w, below(4) == 0 ? below(60 * 1000) : below(40));
}

/* FB-INV.2 */
static void no_label_pair_twice(int seed)
{
    for (size_t i = 0; i < w.docker.container_count; i++) {
        for (size_t j = i + 1; j < w.docker.container_count; j++) {
            const struct script_container *a = &w.docker.containers[i];
            const struct script_container *b = &w.docker.containers[j];

            ck_assert_msg(a->state == SCRIPT_REMOVED || b->state == SCRIPT_REMOVED ||
                              strcmp(a->task_arn, b->task_arn) != 0 ||
                              strcmp(a->label, b->label) != 0,
                          "seed %d: two containers %s %s", seed, a->task_arn, a->label);
        }
    }
}

/* What runs and what the agent knows of it: for the eye, with CHAOS_SEED. */
static void print_running(void)
{
    for (size_t i = 0; i < w.docker.container_count; i++) {
        const struct script_container *c = &w.docker.containers[i];
        const struct eca_container *known = rig_container(&w, c->task_arn, c->label);

        if (c->state == SCRIPT_RUNNING) {
            (void)printf("runs: %s %s %s, known %s desired %s id %s\n", c->task_arn, c->label,
                         c->id, known == NULL ? "-" : eca_status_name(known->known),
                         known == NULL ? "-" : eca_status_name(known->desired),
                         known == NULL || known->docker_id == NULL ? "-" : known->docker_id);
        }
    }
}

static void finish(void)
{
    script_runtime_unrule(&w.docker);
    script_runtime_release(&w.docker);
    w.answer = ECA_REPORT_ACCEPTED;
    w.store.fail = 0;
    rig_run(&w, 30 * 60 * 1000);
    script_runtime_event(&w.docker, ECA_EVENT_CONNECTED, NULL);
    for (uint64_t i = 0; i < TASKS; i++) {
        char arn[32];

        arn_of(i, arn);
        rig_add(&w, arn, "STOPPED", 0, shapes[i % 4]);
    }
    rig_run(&w, 60 * 60 * 1000);
}

/* FB-INV.2, FB-INV.3, FB-INV.4, FB-09, FB-12: see the head of this file. */
START_TEST(everything_finishes_after_any_faults)
{
    const char *one = getenv("CHAOS_SEED");
    int64_t seq = 1;

    if (one != NULL && atoi(one) != _i) {
        return;
    }
    dice.state = (uint64_t)_i * UINT64_C(0x9E3779B97F4A7C15) + 1;
    rig_init(&w);
    w.opts.cleanup_wait_ms = _i % 2 == 0 ? 60 * 1000 : 0; /* 0: three hours */
    w.docker.start_exits = _i % 7 == 0;
    rig_start(&w);
    for (int round = 0; round < ROUNDS; round++) {
        play_round(&seq);
        no_label_pair_twice(_i);
    }
    finish();
    if (one != NULL) {
        (void)printf("%s%s", eca_buf_str(&w.docker.log), eca_buf_str(&w.reports));
        print_running();
    }
    for (uint64_t i = 0; i < TASKS; i++) {
        char arn[32];
        const struct eca_task *task;

        arn_of(i, arn);
        task = eca_engine_find(w.engine, arn);
        ck_assert_msg(task == NULL || task->known == ECA_STATUS_STOPPED, "seed %d: %s is %s", _i,
                      arn, eca_status_name(task->known));
        ck_assert_msg(task == NULL || task->sent == ECA_STATUS_STOPPED, "seed %d: %s not reported",
                      _i, arn);
    }
    /* What even a kill did not end is given up until the clean-up (FB-06.2, CLN-105). */
    ck_assert_msg(script_runtime_alive(&w.docker) == 0 ||
                      script_runtime_count(&w.docker, "kill") > 0,
                  "seed %d: %zu run on", _i, script_runtime_alive(&w.docker));
    rig_run(&w, UINT64_C(26) * 3600 * 1000);
    ck_assert_msg(script_runtime_alive(&w.docker) == 0, "seed %d: %zu run for ever", _i,
                  script_runtime_alive(&w.docker));
    ck_assert_msg(eca_engine_task_count(w.engine) == 0, "seed %d: not cleaned up", _i);
    ck_assert_uint_eq(eca_map_count(w.store.rows[ECA_RECORD_TASK]), 0);
    rig_clear(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chaos");
    TCase *tcase = tcase_create("chaos");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, everything_finishes_after_any_faults, 0,
                        getenv("CHAOS_SEEDS") != NULL ? atoi(getenv("CHAOS_SEEDS")) : SEEDS);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
