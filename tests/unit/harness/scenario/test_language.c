#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "harness/scenario/schema.h"
#include "harness/sim/sim.h"

/* The language as its user meets it: what a mistake is called and where, and what a failed
 * expectation says. */

#define HEAD "name: x\ntimeline:\n"

static const struct {
    const char *text, *problem; /* NULL: none */
} cases[] = {
    {HEAD "  - expect: {acs: connect}\n", NULL},
    {"name: x\nworlld: {}\ntimeline: []\n",
     "t.yaml:2:1: unknown key \"worlld\", did you mean \"world\"?"},
    {HEAD "  - acs.sned: {task: a}\n",
     "t.yaml:3:5: unknown verb \"acs.sned\", did you mean \"acs.send\"?"},
    {HEAD "  - expect: {ecs: task RUNING, task: a}\n",
     "t.yaml:3:19: unknown status \"RUNING\", did you mean \"RUNNING\"?"},
    {HEAD "  - expect: {ecs: task \"${s}\", task: a}\n", "t.yaml:3"}, /* no such quoting in YAML */
    {HEAD "  - expect: {ecs: \"task ${s}\", task: a}\n", NULL},
    {HEAD "  - acs.send: {task: a, containers: [{nam: main}]}\n",
     "t.yaml:3:39: unknown key \"nam\", did you mean \"name\"?"},
    {HEAD "  - acs.send: {task: a, containers: [{image: b}]}\n",
     "t.yaml:3:38: \"containers\" needs \"name\": name inside the task"},
    {HEAD "  - fault: {kind: dealy}\n",
     "t.yaml:3:19: unknown word for kind \"dealy\", did you mean \"delay\"?"},
    {HEAD "  - expect: {acs: connect, sesion: 1}\n",
     "t.yaml:3:28: unknown field \"sesion\", did you mean \"session\"?"},
    {HEAD "  - expect: {docker: strat}\n",
     "t.yaml:3:22: unknown event of lane docker \"strat\", did you mean \"start\"?"},
    {HEAD "  - advance: 5 sec\n",
     "t.yaml:3:14: \"advance\": \"5 sec\" is no duration, write it like 1h30m, 5s or 200ms"},
    {HEAD "  - expect: {acs: connect, within: soon}\n",
     "t.yaml:3:36: \"within\": \"soon\" is no dura"},
    {HEAD "  - repeat: {times: many, steps: []}\n", "t.yaml:3:21: "},
    {HEAD "  - include: _nowhere.yaml\n", "t.yaml:3:14: "},
    {"name: x\n", "t.yaml:1:1: "}, /* no timeline */
    /* a pattern that nothing can fit would pass every `never` */
    {HEAD "  - quiet: {docker: stop, container: \"/web/([ap/\"}\n",
     "t.yaml:3:38: \"/web/([ap/\" is no regular expression: Unmatched"},
    {"name: x\ntimeline: []\nnever:\n  - {docker: stop, container: \"/(a/\"}\n",
     "t.yaml:4:31: \"/(a/\" is no regular expression: Unmatched"},
    {HEAD "  - log.none: \"/[Ss(tarting/\"\n",
     "t.yaml:3:15: \"/[Ss(tarting/\" is no regular expression: Unmatched"},
    {HEAD "  - check: {registration: {a: [{b: \"/*(/\"}]}}\n", "t.yaml:3:36: \"/*(/\" is no"},
    {HEAD "  - log: \"/${part}(/\"\n", NULL}, /* known when it is used */
    {"name: x\ncovers: [ENG-301, FB-01.2, FB-INV.6, L-13, API-F01, EC2-F01]\ntimeline: []\n", NULL},
    {"name: x\ncovers: ENG-301\ntimeline: []\n", NULL},
    {"name: x\ncovers: [ENG-301, eng-302]\ntimeline: []\n",
     "t.yaml:2:19: \"eng-302\" is no requirement ID, like ENG-301 or FB-01.2"},
    {"name: x\ncovers: [ENG301]\ntimeline: []\n", "t.yaml:2:10: \"ENG301\" is no requirement ID"},
    {"name: x\ncovers: [ENG-]\ntimeline: []\n", "t.yaml:2:10: "},
    {"name: x\ncovers: [ENG-1x]\ntimeline: []\n", "t.yaml:2:10: "},
    {"name: [x\n", "t.yaml:2:1: did not find expected ',' or ']' while parsing a flow sequence "
                   "that begins at 1:7"},
    {"", "t.yaml:1:1: the file is empty"},
};

START_TEST(mistakes_have_line_column_and_the_nearest_word)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct hns_problems problems = {0};
        struct hns_scenario *scenario = NULL;
        int rc = hns_scenario_parse(eca_view_str(cases[i].text), "t.yaml", &scenario, &problems);
        const char *text = eca_buf_str(&problems.text);

        if (cases[i].problem == NULL) {
            ck_assert_msg(rc == 0, "case %zu: %s", i, text);
        } else {
            ck_assert_msg(rc < 0 && strncmp(text, cases[i].problem, strlen(cases[i].problem)) == 0,
                          "case %zu: %s", i, text);
        }
        hns_problems_clear(&problems);
        hns_scenario_free(scenario);
    }
}
END_TEST

static void play(const char *text, struct hns_result *ret_result)
{
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;
    struct hns_run_opts opts = {
        .mode = HNS_SIM, .open_stage = hns_sim_open, .seed = 7, .command = "build/harness run"};

    ck_assert_msg(hns_scenario_parse(eca_view_str(text), "t.yaml", &scenario, &problems) == 0, "%s",
                  eca_buf_str(&problems.text));
    opts.scenario = scenario;
    opts.combination = scenario->combinations - 1;
    hns_run_scenario(&opts, ret_result);
    hns_scenario_free(scenario);
    hns_problems_clear(&problems);
}

START_TEST(a_failed_expectation_tells_all_that_is_needed)
{
    static const char *const parts[] = {
        "t.yaml:5:13: expected ecs SubmitTaskStateChange {status: STOPPED, task: web}", /* what,
                                                                                           where */
        "waited: from ",
        "s to ",
        "looking after event #", /* since when */
        "nearest: #",
        "\"status\":\"RUNNING\"", /* the nearest miss */
        "last events of each party:",
        " acs ack ",
        " docker running ",
        " ecs SubmitTask",
        "last lines of the agent's log:",
        "reproduce: build/harness run --seed 7 t.yaml", /* the command */
    };
    struct hns_result result = {0};

    play("name: x\ntimeline:\n  - expect: {acs: connect}\n"
         "  - acs.send: {task: web, containers: [{name: main, command: [sleep, \"9\"]}]}\n"
         "  - expect: {ecs: task STOPPED, task: web, within: 3s}\n",
         &result);
    ck_assert_int_eq(result.outcome, HNS_FAILED);
    for (size_t i = 0; i < ECA_ARRAY_LEN(parts); i++) {
        ck_assert_msg(strstr(eca_buf_str(&result.text), parts[i]) != NULL, "no \"%s\" in:\n%s",
                      parts[i], eca_buf_str(&result.text));
    }
    hns_result_clear(&result);
}
END_TEST

START_TEST(what_never_may_happen_is_named_with_its_event)
{
    static const char said[] =
        "t.yaml:7:5: this must never happen, and did: docker exited {container: web/main}\n    #";
    struct hns_result result = {0};

    play("name: x\ntimeline:\n  - acs.send: {task: web, containers: [{name: main}]}\n"
         "  - expect: {ecs: task RUNNING, task: web}\n  - docker.exit: {container: web/main, code: "
         "4}\n"
         "never:\n  - {docker: exited, container: web/main}\n",
         &result);
    ck_assert_int_eq(result.outcome, HNS_FAILED);
    ck_assert_msg(strncmp(eca_buf_str(&result.text), said, strlen(said)) == 0, "%s",
                  eca_buf_str(&result.text));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&result.text), "\"exitCode\":4"));
    hns_result_clear(&result);
}
END_TEST

/* Matrix and variables, of ARNs too; a text for a shell keeps its own ${...}. */
START_TEST(variables_are_replaced_and_dollars_can_be_kept)
{
    struct hns_result result = {0};

    play(
        "name: x\nmatrix: {code: [1, 5]}\ntimeline:\n  - expect: {acs: connect}\n"
        "  - acs.send: {task: web, containers: [{name: main, command: [sh, -c, \"echo $${X}\"]}]}\n"
        "  - expect: {ecs: task RUNNING, task: web}\n"
        "  - check: {container: web/main, body: {Cmd: [sh, -c, \"echo $${X}\"]}}\n"
        "  - docker.exit: {container: web/main, code: \"${code}\"}\n"
        "  - expect: {ecs: container STOPPED, exitCode: 5}\n"
        "  - http: {path: \"/v1/tasks?taskarn=${arn.task.web}\", body: {Family: web}}\n",
        &result);
    ck_assert_msg(result.outcome == HNS_PASSED, "%s", eca_buf_str(&result.text));
    hns_result_clear(&result);
}
END_TEST

/* What a run cannot use is named with its place: an unknown variable, a definition file. */
START_TEST(what_is_found_only_while_playing_has_its_place)
{
    static const struct {
        const char *step, *problem;
    } rows[] = {
        {"  - acs.send: {task: x, definition: nowhere.json}\n",
         "t.yaml:4:37: definition nowhere.json: "},
        {"  - acs.send: {task: x, definition: tests/golden/sigv4-vectors.jsonl}\n",
         "t.yaml:4:37: definition tests/golden/sigv4-vectors.jsonl: "},
        {"  - say: \"${arn.instanc}\"\n", "t.yaml:4:10: unknown variable \"${arn.instanc}\""},
        {"  - say: \"${arn.clustr}\"\n",
         "t.yaml:4:10: unknown variable \"${arn.clustr}\", did you mean \"${arn.cluster}\"?"},
        {"  - say: \"${container.web/main.port.80}\"\n", "t.yaml:4:10: unknown variable"},
        {"  - quiet: {docker: stop, container: \"/(${mode}/\"}\n",
         "t.yaml:4:38: \"/(sim/\" is no regular expression: Unmatched"},
        {"  - log.none: \"/(${mode}/\"\n", "t.yaml:4:15: \"/(sim/\" is no regular expression"},
        {"  - http: {path: /v1/tasks, body: \"/(${mode}/\"}\n",
         "t.yaml:4:35: \"/(sim/\" is no regular expression"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf text = {0};
        struct hns_result result = {0};

        eca_buf_addf(&text, HEAD "  - expect: {acs: connect}\n%s", rows[i].step);
        play(eca_buf_str(&text), &result);
        ck_assert_int_eq(result.outcome, HNS_FAILED);
        ck_assert_msg(
            strncmp(eca_buf_str(&result.text), rows[i].problem, strlen(rows[i].problem)) == 0,
            "row %zu: %s", i, eca_buf_str(&result.text));
        hns_result_clear(&result);
    }
}
END_TEST

START_TEST(the_schema_is_json_and_knows_the_verbs)
{
    eca_auto_buf struct eca_buf text = {0};
    eca_auto_json struct eca_json_doc *doc = NULL;

    hns_schema_print(&text);
    ck_assert_int_eq(eca_json_parse(eca_buf_view(&text), &doc, NULL), ECA_OK);
    ck_assert_ptr_nonnull(eca_json_get(eca_json_root(doc), "$schema"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&text), "\"acs.send\""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("language");
    TCase *tcase = tcase_create("language");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, mistakes_have_line_column_and_the_nearest_word);
    tcase_add_test(tcase, a_failed_expectation_tells_all_that_is_needed);
    tcase_add_test(tcase, what_never_may_happen_is_named_with_its_event);
    tcase_add_test(tcase, variables_are_replaced_and_dollars_can_be_kept);
    tcase_add_test(tcase, what_is_found_only_while_playing_has_its_place);
    tcase_add_test(tcase, the_schema_is_json_and_knows_the_verbs);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
