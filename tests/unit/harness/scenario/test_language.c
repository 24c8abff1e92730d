#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    {HEAD "  - set: {s: RUNNING}\n  - expect: {ecs: \"task ${s}\"}\n", NULL},
    {HEAD "  - acs.send: {task: a, containers: [{nam: main}]}\n",
     "t.yaml:3:39: unknown key \"nam\", did you mean \"name\"?"},
    {HEAD "  - acs.send: {task: a, containers: [{image: b}]}\n",
     "t.yaml:3:38: \"containers\" needs \"name\": name inside the task"},
    {HEAD "  - fault: {kind: delay, party: ecs}\n",
     "t.yaml:3:12: a fault of kind delay needs \"delay\""},
    {HEAD "  - fault: {kind: reset, chance: 5000}\n",
     "t.yaml:3:34: chance 5000: want 1 to 1000, of a thousand"},
    {HEAD "  - fault: {kind: status, status: 99}\n",
     "t.yaml:3:35: status 99: want an HTTP status from 200 to 599"},
    {HEAD "  - fault: {kind: drop, party: metadata}\n",
     "t.yaml:3:19: \"drop\" loses messages of acs and tcs and events of Docker; for an exchange "
     "use \"hang\""},
    {HEAD "  - fault: {kind: drop, party: docker, what: \"create:*\"}\n",
     "t.yaml:3:19: \"drop\" loses messages of acs and tcs and events of Docker; for an exchange "
     "use \"hang\""},
    {HEAD "  - fault: {kind: drop, party: docker, what: \"event:die:*\"}\n", NULL},
    {HEAD "  - fault: {kind: drop, party: acs}\n", NULL},
    {HEAD "  - fault: {kind: duplicate, party: acs, what: connect}\n",
     "t.yaml:3:19: \"duplicate\" doubles requests and messages, no upgrade of acs or tcs"},
    {HEAD "  - fault: {kind: duplicate, party: ecs, what: \"Submit*\"}\n", NULL},
    {HEAD "  - fault: {kind: reset, what: SubmtTaskStateChange}\n",
     "t.yaml:3:32: unknown operation \"SubmtTaskStateChange\", did you mean "
     "\"SubmitTaskStateChange\"?"},
    {HEAD "  - fault: {kind: reset, party: docker, what: \"strat:web/app\"}\n",
     "t.yaml:3:47: unknown operation \"strat\", did you mean \"start\"?"},
    {HEAD "  - fault: {kind: \"${kind}\", what: \"${what}\"}\n  - set: {kind: reset, what: stop}\n",
     NULL},
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
    {HEAD "  - log: \"/${mode}(/\"\n", NULL}, /* known when it is used */
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
    {HEAD "  - expect: {dokcer: stop}\n",
     "t.yaml:3:14: unknown lane \"dokcer\", did you mean \"docker\"?"},
    {HEAD "  - expect: {container: web/main}\n",
     "t.yaml:3:13: \"expect\": no lane: want one of acs"},
    {"name: x\nmatrix: {a: []}\ntimeline: []\n",
     "t.yaml:2:13: \"a\": want a list with values, have an empty list"},
    {"name: x\nmatrix: {a: 1}\ntimeline: []\n",
     "t.yaml:2:13: \"a\": want a list with values, have a number"},
};

#define WEB "  - acs.send: {task: web, containers: [{name: app}]}\n"

/* What only the whole of a scenario tells. */
static const struct {
    const char *text, *problem; /* NULL: none */
} named[] = {
    {HEAD "  - say: \"${nothing}\"\n", "t.yaml:3:10: unknown variable \"${nothing}\""},
    {HEAD "  - say: \"${arn.clustr}\"\n",
     "t.yaml:3:10: unknown variable \"${arn.clustr}\", did you mean \"${arn.cluster}\"?"},
    {HEAD "  - say: \"$${nothing}\"\n", NULL},
    {HEAD "  - set: {a: b}\n  - say: \"${a} ${mode} ${arn.instance}\"\n", NULL},
    {HEAD "  - expect: {acs: sent, capture: {id: messageId}}\n  - say: \"${id}\"\n", NULL},
    {HEAD "  - repeat: {times: 2, steps: [{say: \"${i}\"}]}\n", NULL},
    {HEAD "  - repeat: {times: 2, as: n, steps: [{say: \"${i}\"}]}\n",
     "t.yaml:3:45: unknown variable \"${i}\""},
    {"name: x\nmatrix: {k: [1]}\ntimeline:\n  - say: \"${k}\"\n", NULL},
    {"name: x\ngiven: {k: a path}\ntimeline:\n  - say: \"${k}\"\n", NULL},
    {"name: x\nworld: {agent: {A: \"${k}\"}}\ntimeline: []\n",
     "t.yaml:2:20: unknown variable \"${k}\""},
    {HEAD WEB "  - say: \"${arn.task.wbe}\"\n",
     "t.yaml:4:10: unknown task \"${arn.task.wbe}\", did you mean \"${arn.task.web}\"?"},
    {HEAD WEB "  - say: \"${container.web/ap.id}\"\n",
     "t.yaml:4:10: unknown container \"${container.web/ap.id}\", did you mean "
     "\"${container.web/app.id}\"?"},
    {HEAD WEB "  - say: \"${container.web/app.port.80} ${arn.task.web}\"\n", NULL},
    {"name: x\nworld: {updates: {a.tar: {}}}\ntimeline:\n  - say: \"${updates.b.tar.url}\"\n",
     "t.yaml:4:10: unknown file \"${updates.b.tar.url}\", did you mean \"${updates.a.tar.url}\"?"},
    {HEAD "  - acs.send: web\n",
     "t.yaml:3:15: no task \"web\" in world.tasks, and no containers here"},
    {HEAD WEB "  - docker.exit: {container: wbe/app}\n",
     "t.yaml:4:30: unknown container \"wbe/app\", did you mean \"web/app\"?"},
    {HEAD WEB "  - docker.kill: web/ap\n", "t.yaml:4:18: unknown container \"web/ap\", did you"},
    {HEAD WEB "  - docker.exit: {container: web/app}\n", NULL},
    {HEAD WEB "  - docker.exit: {container: some-docker-name}\n", NULL},
    {HEAD WEB "  - acs.stop_task: wbe\n",
     "t.yaml:4:20: unknown task \"wbe\", did you mean \"web\"?"},
    {HEAD WEB "  - acs.credentials: {task: nope}\n", "t.yaml:4:29: unknown task \"nope\""},
    {HEAD WEB "  - check: {task: wbe, status: RUNNING}\n", "t.yaml:4:19: unknown task \"wbe\""},
    {HEAD WEB "  - expect: {ecs: task RUNNING, task: wbe}\n", "t.yaml:4:39: unknown task \"wbe\""},
    {HEAD WEB
     "never:\n  - {docker: stop, container: web/ap, after: {ecs: task RUNNING, task: wbe}}\n",
     "t.yaml:5:31: unknown container \"web/ap\", did you mean \"web/app\"?\n"
     "t.yaml:5:72: unknown task \"wbe\""},
    {HEAD WEB "  - quiet: {docker: stop, container: \"*/ap\"}\n", NULL},
    {HEAD "  - acs.send: {task: \"t${seed}\", containers: [{name: app}]}\n"
          "  - expect: {docker: start, container: t7/app}\n",
     NULL},
    {HEAD "  - acs.send: {task: t, copies: 2, containers: [{name: app}]}\n"
          "  - acs.stop_task: t-2\n  - acs.stop_task: t\n",
     "t.yaml:5:20: unknown task \"t\""},
    {HEAD "  - acs.send: {payload: []}\n  - acs.stop_task: any\n", NULL}, /* its own JSON */
    {HEAD "  - fault: {kind: reset, as: net}\n  - fault.clear: nte\n",
     "t.yaml:4:18: unknown fault \"nte\", did you mean \"net\"?"},
    {HEAD "  - fault: {kind: reset, as: net}\n  - fault.clear: net\n  - fault.clear:\n", NULL},
    {"name: x\nallow: {FB-INV.77: why}\ntimeline: []\n", "t.yaml:2:9: unknown rule \"FB-INV.77\""},
    {"name: x\nallow: {TCS-701: why}\ntimeline: []\n", NULL},
};

static void check_text(const char *file, const char *text, const char *problem, size_t number)
{
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;
    int rc = hns_scenario_parse(eca_view_str(text), file, &scenario, &problems);
    const char *said = eca_buf_str(&problems.text);

    if (problem == NULL) {
        ck_assert_msg(rc == 0, "case %zu: %s", number, said);
    } else {
        ck_assert_msg(rc < 0 && strncmp(said, problem, strlen(problem)) == 0, "case %zu: %s",
                      number, said);
    }
    hns_problems_clear(&problems);
    hns_scenario_free(scenario);
}

START_TEST(mistakes_have_line_column_and_the_nearest_word)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        check_text("t.yaml", cases[i].text, cases[i].problem, i);
    }
}
END_TEST

START_TEST(names_of_nothing_are_mistakes)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(named); i++) {
        check_text("t.yaml", named[i].text, named[i].problem, i);
    }
}
END_TEST

START_TEST(a_file_of_steps_must_not_include_itself)
{
    char folder[] = "/tmp/language-test-XXXXXX", part[60], file[60], problem[160];
    FILE *out;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(part, sizeof part, "%s/_part.yaml", folder);
    (void)snprintf(file, sizeof file, "%s/t.yaml", folder);
    (void)snprintf(problem, sizeof problem, "%s:3:14: include: \"_part.yaml\" includes itself\n",
                   part);
    out = fopen(part, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs("steps:\n  - say: x\n  - include: _part.yaml\n", out), 0);
    ck_assert_int_eq(fclose(out), 0);
    check_text(file, HEAD "  - include: _part.yaml\n  - include: _part.yaml\n", problem, 0);
    ck_assert_int_eq(unlink(part), 0);
    ck_assert_int_eq(rmdir(folder), 0);
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

/* The stop came long before the task's STOPPED: in order for each lane, but not across them. */
START_TEST(order_across_parties_is_demanded_by_since_last)
{
    static const struct {
        const char *order, *said; /* NULL: it holds */
    } rows[] = {
        {"  - expect: {ecs: task STOPPED, task: web}\n"
         "  - expect: {docker: stop, container: web/main, within: 1s}\n",
         NULL},
        {"  - expect: {ecs: task STOPPED, task: web}\n"
         "  - expect: {docker: stop, container: web/main, since: last, within: 1s}\n",
         "it fits, but came before #"},
        {"  - expect: {docker: stop, container: web/main}\n"
         "  - expect: {docker: exited, container: web/main, since: last}\n"
         "  - expect: {ecs: task STOPPED, task: web, since: last}\n",
         NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf text = {0};
        struct hns_result result = {0};

        eca_buf_addf(&text,
                     HEAD "  - acs.send: {task: web, containers: [{name: main}]}\n"
                          "  - expect: {ecs: task RUNNING, task: web}\n"
                          "  - acs.stop_task: web\n%s",
                     rows[i].order);
        play(eca_buf_str(&text), &result);
        ck_assert_msg(result.outcome == (rows[i].said == NULL ? HNS_PASSED : HNS_FAILED),
                      "row %zu: %s", i, eca_buf_str(&result.text));
        ck_assert_msg(rows[i].said == NULL ||
                          strstr(eca_buf_str(&result.text), rows[i].said) != NULL,
                      "row %zu: %s", i, eca_buf_str(&result.text));
        hns_result_clear(&result);
    }
}
END_TEST

/* A step that asks again and again tells how long, what differs, and what came nearest. */
START_TEST(steps_that_poll_tell_what_they_waited_for)
{
    static const struct {
        const char *step, *said[4];
    } rows[] = {
        {"  - check: {task: web, status: STOPPED, within: 3s}\n",
         {"web is RUNNING, not STOPPED\n    waited: from ", "s to "}},
        {"  - check: {container: web/main, body: {Cmd: [sleep, \"8\"]}}\n",
         {"t.yaml:6:5: body.Cmd.1 is \"9\", not \"8\"\n    last events"}},
        {"  - check: {container: web/main, body: {HostConfig: {Nope: 1}}}\n",
         {"body.HostConfig.Nope is absent, not 1\n"}},
        {"  - http: {path: /v1/metadata, body: {Cluster: other}, within: 2s}\n",
         {"body.Cluster is \"default\", not \"other\"\n    the answer: {", "waited: from "}},
        {"  - log: {text: disconnected from docker at midnight, within: 3s}\n",
         {"nearest: ", "waited: from "}},
        {"  - log: {text: \"/nothing like .* this/\", within: 3s}\n", {"waited: from "}},
        {"  - agent.terminate: {code: 3}\n", {"the agent ended with code 0, not 3\n"}},
        {"  - expect.any_order:\n      - {docker: stop, container: web/main}\n"
         "      - {ecs: task STOPPED, task: web}\n",
         {"expected docker stop {container: web/main}\n"
          "    and ecs SubmitTaskStateChange {status: STOPPED, task: web}\n    waited: from "}},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf text = {0};
        struct hns_result result = {0};

        eca_buf_addf(
            &text,
            "name: x\nmatrix: {a: [1, it's]}\ntimeline:\n"
            "  - acs.send: {task: web, containers: [{name: main, command: [sleep, \"9\"]}]}\n"
            "  - expect: {ecs: task RUNNING, task: web}\n%s",
            rows[i].step);
        play(eca_buf_str(&text), &result);
        ck_assert_int_eq(result.outcome, HNS_FAILED);
        for (size_t j = 0; j < 4 && rows[i].said[j] != NULL; j++) {
            ck_assert_msg(strstr(eca_buf_str(&result.text), rows[i].said[j]) != NULL,
                          "no \"%s\" in:\n%s", rows[i].said[j], eca_buf_str(&result.text));
        }
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&result.text),
                                     "run --seed 7 --set 'a=it'\\''s' t.yaml\n")); /* this one */
        hns_result_clear(&result);
    }
}
END_TEST

START_TEST(a_set_chooses_among_the_combinations)
{
    static const char text[] = "name: x\nmatrix: {a: [1, 2], b: [x, y]}\ntimeline: []\n";
    const char *const sets[] = {"b=y", "other=1"};
    struct hns_problems problems = {0};
    struct hns_scenario *scenario = NULL;

    ck_assert_int_eq(hns_scenario_parse(eca_view_str(text), "t.yaml", &scenario, &problems),
                     ECA_OK);
    ck_assert(!hns_scenario_is_chosen(scenario, 0, sets, 2)); /* a=1, b=x */
    ck_assert(hns_scenario_is_chosen(scenario, 1, sets, 2));
    ck_assert(hns_scenario_is_chosen(scenario, 3, sets, 2));
    ck_assert(hns_scenario_is_chosen(scenario, 0, sets, 0));
    hns_scenario_free(scenario);
    hns_problems_clear(&problems);
}
END_TEST

START_TEST(eventually_waits_until_the_bound_of_the_scenario)
{
    static const struct {
        const char *limits, *ends, *said; /* NULL: it comes in time */
    } rows[] = {
        {"", "29m", NULL},
        {"", "31m", "    waited: from "},
        {"limits: {eventually: 2h}\n", "119m", NULL},
        {"limits: {eventually: 1m}\n", "2m", "    waited: from "},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf text = {0};
        struct hns_result result = {0};

        eca_buf_addf(&text,
                     "name: x\n%sworld: {docker: {containers: [{exits_after: %s}]}}\ntimeline:\n"
                     "  - acs.send: {task: web, containers: [{name: main}]}\n"
                     "  - eventually: {ecs: task STOPPED, task: web}\n",
                     rows[i].limits, rows[i].ends);
        play(eca_buf_str(&text), &result);
        ck_assert_msg(result.outcome == (rows[i].said == NULL ? HNS_PASSED : HNS_FAILED),
                      "row %zu: %s", i, eca_buf_str(&result.text));
        ck_assert(rows[i].said == NULL || strstr(eca_buf_str(&result.text), rows[i].said) != NULL);
        hns_result_clear(&result);
    }
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
        {"  - say: \"${late}\"\n  - set: {late: x}\n", "t.yaml:4:10: unknown variable \"${late}\""},
        {"  - acs.send: {task: web, containers: [{name: main}]}\n"
         "  - say: \"${container.web/main.port.80}\"\n",
         "t.yaml:5:10: unknown variable"},
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
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&text), "\"acs.send\"")); /* ci/schema.py has more */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("language");
    TCase *tcase = tcase_create("language");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, mistakes_have_line_column_and_the_nearest_word);
    tcase_add_test(tcase, names_of_nothing_are_mistakes);
    tcase_add_test(tcase, a_file_of_steps_must_not_include_itself);
    tcase_add_test(tcase, a_failed_expectation_tells_all_that_is_needed);
    tcase_add_test(tcase, order_across_parties_is_demanded_by_since_last);
    tcase_add_test(tcase, steps_that_poll_tell_what_they_waited_for);
    tcase_add_test(tcase, a_set_chooses_among_the_combinations);
    tcase_add_test(tcase, eventually_waits_until_the_bound_of_the_scenario);
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
