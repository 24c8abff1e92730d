#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/docker/rig.h"

/* What Docker must not say, for each call: a clear error that names the call, counted, no result.
 */
static struct rig rig;

static void setup(void)
{
    rig_open(&rig, (struct eca_docker_opts){0});
}

static void teardown(void)
{
    rig_close(&rig);
}

/* The call did not understand: what it was about stays unknown. */
static void check_not_understood(enum ask ask, const char *part, uint64_t count)
{
    eca_auto_free char *sentence = eca_xasprintf("answer to %s: ", rig_ask_name(ask));
    const char *hit = strstr(rig.got.error, sentence);

    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_BAD_ANSWER);
    ck_assert_msg(hit != NULL && strstr(hit, part) != NULL, "want %s...%s, have %s", sentence, part,
                  rig.got.error);
    ck_assert(rig.got.id == NULL && rig.got.image_id == NULL && !rig.got.has_info);
    ck_assert_uint_eq(rig.got.list.len, 0);
    ck_assert_uint_eq(eca_docker_bad_answers(rig.docker), count);
    ck_assert_msg(rig_logged(&rig, sentence), "%s", eca_buf_str(&rig.lines));
}

static const struct {
    enum ask ask;
    int status;
    const char *wrong, *where; /* a document of the right kind with a wrong type in it */
} readers[] = {
    {ASK_VERSION, 200, "{\"Version\":1}", "Version: want string, have number"},
    {ASK_VERSION, 200, "[]", "want object, have array"},
    {ASK_PULL, 200, "{\"status\":\"Pulling\"}{\"error\":7}", "error: want string, have number"},
    {ASK_PULL, 200, "{\"status\":[]}", "status: want string, have array"},
    {ASK_PULL, 200, "[1]", "want object, have array"},
    {ASK_IMPORT, 200, "{\"status\":{}}", "status: want string, have object"},
    {ASK_IMAGE_INSPECT, 200, "{\"Id\":\"sha256:a\",\"Size\":\"big\"}", "Size: want number"},
    {ASK_IMAGE_INSPECT, 200, "{\"Id\":5}", "Id: want string, have number"},
    {ASK_IMAGE_INSPECT, 200, "{\"Size\":5}", "no Id"},
    {ASK_CREATE, 201, "{\"Id\":[\"" ID "\"]}", "Id: want string, have array"},
    {ASK_CREATE, 201, "{\"Id\":\"\"}", "no Id"},
    {ASK_CREATE, 201, "\"" ID "\"", "want object, have string"},
    {ASK_INSPECT, 200, "{\"Id\":\"" ID "\"}", "no State"},
    {ASK_INSPECT, 200, "{\"State\":\"running\"}", "State: want object, have string"},
    {ASK_INSPECT, 200, "{\"State\":{\"Running\":\"true\"}}", "State.Running: want boolean"},
    {ASK_INSPECT, 200, "{\"State\":{\"Running\":1}}", "State.Running: want boolean"},
    {ASK_INSPECT, 200, "{\"State\":{\"ExitCode\":\"0\"}}", "State.ExitCode: want number"},
    {ASK_INSPECT, 200, "{\"State\":{\"OOMKilled\":0}}", "State.OOMKilled: want boolean"},
    {ASK_INSPECT, 200, "{\"State\":{\"Error\":false}}", "State.Error: want string"},
    {ASK_INSPECT, 200, "{\"State\":{\"StartedAt\":0}}", "State.StartedAt: want string"},
    {ASK_INSPECT, 200, "{\"State\":{\"FinishedAt\":\"soon\"}}", "State.FinishedAt"},
    {ASK_INSPECT, 200, "{\"State\":{},\"Id\":7}", "Id: want string, have number"},
    {ASK_INSPECT, 200, "{\"State\":{},\"NetworkSettings\":[]}", "NetworkSettings: want object"},
    {ASK_INSPECT, 200, "{\"State\":{},\"NetworkSettings\":{\"Ports\":[]}}",
     "NetworkSettings.Ports: want object"},
    {ASK_INSPECT, 200, "{\"State\":{},\"NetworkSettings\":{\"Ports\":{\"80/tcp\":{\"a\":1}}}}",
     "NetworkSettings.Ports: want array"},
    {ASK_INSPECT, 200, "{\"State\":{},\"Volumes\":[]}", "Volumes: want object"},
    {ASK_INSPECT, 200, "{\"State\":{},\"Volumes\":{\"/v\":1}}", "Volumes: want string"},
    {ASK_INSPECT, 200, "{\"State\":{},\"Mounts\":{}}", "Mounts: want array"},
    {ASK_INSPECT, 200, "{\"State\":{},\"Mounts\":[\"/v\"]}", "Mounts: want object"},
    {ASK_INSPECT, 200, "{\"State\":{},\"Mounts\":[{\"Source\":1}]}", "Mounts.Source: want string"},
    {ASK_INSPECT, 200, "{\"State\":{},\"Config\":{\"Labels\":[]}}", "Config.Labels: want object"},
    {ASK_LIST, 200, "{}", "want array, have object"},
    {ASK_LIST, 200, "[{\"Id\":\"a\"},{\"Id\":1}]", "[1]: Id: want string, have number"},
    {ASK_LIST, 200, "[{\"Id\":\"a\"},{}]", "[1]: no Id"},
    {ASK_LIST, 200, "[\"a\"]", "[0]: no Id"},
    {ASK_LIST, 200, "[{\"Id\":\"a\",\"Names\":\"/n\"}]", "[0]: Names: want array"},
    {ASK_LIST, 200, "[{\"Id\":\"a\",\"State\":1}]", "[0]: State: want string"},
    {ASK_LIST, 200, "[{\"Id\":\"a\",\"Labels\":{\"com.amazonaws.ecs.task-arn\":1}}]",
     "Labels.com.amazonaws.ecs.task-arn: want string"},
    {ASK_STATS, 200, "null", "want a JSON object"},
    {ASK_POLL, 200, "null", "want a JSON object"},
};

START_TEST(wrong_types_are_named)
{
    rig_answer(&rig, NULL, NULL, readers[_i].status, readers[_i].wrong);
    rig_ask(&rig, readers[_i].ask);
    check_not_understood(readers[_i].ask, readers[_i].where, 1);
}
END_TEST

/* Garbage, a page of a proxy, a text that ends too soon, and nothing at all. */
START_TEST(garbage_and_truncation_are_named)
{
    static const enum ask asks[] = {ASK_VERSION, ASK_IMAGE_INSPECT, ASK_CREATE, ASK_INSPECT,
                                    ASK_LIST,    ASK_PULL,          ASK_IMPORT, ASK_STATS};
    static const char *const texts[] = {"<html>It works!</html>", "\x16\x03\x01\x02", "}{",
                                        "{\"Id\":\"c0ff",         "[{\"Id\":\"a\"",   ""};
    enum ask ask = asks[_i];
    uint64_t count = 0;

    for (size_t i = 0; i < ECA_ARRAY_LEN(texts); i++) {
        bool is_stream = ask == ASK_PULL || ask == ASK_IMPORT || ask == ASK_STATS;

        if (is_stream && (texts[i][0] == '{' || texts[i][0] == '[' || texts[i][0] == '\0')) {
            continue; /* a stream that is cut: streams_that_are_cut_are_told */
        }
        rig_answer(&rig, NULL, NULL, 200, texts[i]);
        rig_ask(&rig, ask);
        check_not_understood(ask, "", ++count);
        eca_buf_reset(&rig.lines);
    }
}
END_TEST

/* DKR-716: a stream that ends inside of an object is not the end of a pull. */
START_TEST(streams_that_are_cut_are_told)
{
    rig_answer(&rig, NULL, NULL, 200, "{\"status\":\"Pulling\"}{\"sta");
    rig_ask(&rig, ASK_PULL);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_AMBIGUOUS);
    ck_assert_str_eq(rig.got.error, "CannotPullContainerError: unexpected EOF");
    rig_answer(&rig, NULL, NULL, 200, "{\"sta");
    rig_ask(&rig, ASK_IMPORT);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_AMBIGUOUS);
    ck_assert_str_eq(rig.got.error,
                     "CreateEmptyVolumeError: CreateEmptyVolumeError: Could not create empty "
                     "volume unexpected EOF");
    script_http_expect(rig.http, (struct script_answer){.status = 200,
                                                        .body = "{\"status\":\"Pulling\"}{\"sta",
                                                        .error = ECA_E_AMBIGUOUS,
                                                        .error_text = "connection reset"});
    rig_ask(&rig, ASK_PULL);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_AMBIGUOUS);
    ck_assert_str_eq(rig.got.error, "CannotPullContainerError: connection reset");
}
END_TEST

/* No HTTP at all, and an answer beyond every size: for each call. */
START_TEST(answers_that_are_no_http_or_too_long_are_named)
{
    static const struct {
        enum eca_code code;
        const char *text;
    } ends[] = {{ECA_E_INVALID, "not HTTP"}, {ECA_E_LIMIT, "longer than 16777216 bytes"}};
    enum ask ask = (enum ask)_i;

    for (size_t i = 0; i < ECA_ARRAY_LEN(ends); i++) {
        script_http_expect(
            rig.http, (struct script_answer){.error = ends[i].code, .error_text = ends[i].text});
        if (ask == ASK_START || ask == ASK_STOP || ask == ASK_KILL) {
            rig_answer(&rig, "GET", INSPECT, 500, "no"); /* it may have happened all the same */
        }
        rig_ask(&rig, ask);
        check_not_understood(ask, ends[i].text, i + 1);
        eca_buf_reset(&rig.lines);
    }
    if (ask != ASK_PULL && ask != ASK_IMPORT && ask != ASK_STATS) {
        ck_assert_uint_eq(script_http_request(rig.http, 0)->body_bytes_max, 16 << 20);
    }
}
END_TEST

/* One object of a stream beyond its size: 1 MiB of a pull. */
START_TEST(objects_of_streams_are_bounded)
{
    eca_auto_buf struct eca_buf body = {0};

    eca_buf_add_str(&body, "{\"status\":\"");
    for (size_t i = 0; i < (1 << 20) / 16; i++) {
        eca_buf_add_str(&body, "0123456789abcdef");
    }
    eca_buf_add_str(&body, "\"}");
    for (size_t i = 0; i < 3; i++) {
        static const enum ask asks[] = {ASK_PULL, ASK_IMPORT, ASK_STATS};

        rig_answer(&rig, NULL, NULL, 200, eca_buf_str(&body));
        rig_ask(&rig, asks[i]);
        check_not_understood(asks[i], "", i + 1);
    }
}
END_TEST

/* The facts behind a create, start or stop are garbled: the call itself counts, its facts do not.
 * TASKM-304: the id is proof of the create. */
START_TEST(garbled_facts_behind_a_call)
{
    static const struct {
        enum ask ask;
        const char *url;
        int status;
        const char *body;
    } rows[] = {
        {ASK_CREATE, "*/create?name=" NAME, 201, "{\"Id\":\"" ID "\"}"},
        {ASK_START, "*/start", 204, ""},
        {ASK_STOP, "*/stop?t=30", 204, ""},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        rig_answer(&rig, "POST", rows[i].url, rows[i].status, rows[i].body);
        rig_answer(&rig, "GET", INSPECT, 200, "{\"State\":{\"Running\":\"no\"}}");
        rig_ask(&rig, rows[i].ask);
        ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
        ck_assert_pstr_eq(rig.got.id, rows[i].ask == ASK_CREATE ? ID : NULL);
        ck_assert(!rig.got.has_info);
        ck_assert_str_eq(rig.got.error,
                         "CannotInspectContainerError: answer to inspect: State.Running: want "
                         "boolean, have string");
        ck_assert_uint_eq(eca_docker_bad_answers(rig.docker), i + 1);
    }
}
END_TEST

/* DKR-122: each version whose answer cannot be read is told and left out; the next is tried. */
START_TEST(garbled_versions_are_left_out)
{
    static const struct {
        const char *body, *why;
    } rows[] = {
        {"nonsense", "answer to version: "},
        {"{\"ApiVersion\":1.17}", "ApiVersion: want string, have number"},
        {"{}", "Unable to parse version \"\""},
        {"{\"ApiVersion\":\"seventeen\"}", "Unable to parse version \"seventeen\""},
        {"{\"ApiVersion\":\"1\"}", "Unable to parse version \"1\""},
    };
    uint64_t count = 0;

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        script_http_expect(
            rig.http,
            (struct script_answer){.status = 200, .times = SCRIPT_FOREVER, .body = rows[i].body});
        rig_ask(&rig, ASK_PROBE);
        script_http_forget(rig.http);
        ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_BAD_ANSWER);
        ck_assert_msg(strstr(rig.got.error, rows[i].why) != NULL &&
                          strncmp(rig.got.error, "GET /v1.", 8) == 0,
                      "%s", rig.got.error);
        ck_assert_uint_gt(eca_docker_bad_answers(rig.docker), count);
        count = eca_docker_bad_answers(rig.docker);
    }
    rig_answer(&rig, "GET", "*/v1.17/version", 200, "nonsense");
    script_http_expect(rig.http, (struct script_answer){.status = 200,
                                                        .times = SCRIPT_FOREVER,
                                                        .body = "{\"ApiVersion\":\"1.19\"}"});
    rig_ask(&rig, ASK_PROBE);
    script_http_forget(rig.http);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    ck_assert_str_eq(eca_buf_str(&rig.got.list), "1.17 1.18 1.19"); /* 1.17 is lifted to 1.18 */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docker/answers");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, wrong_types_are_named, 0, (int)ECA_ARRAY_LEN(readers));
    tcase_add_loop_test(tcase, garbage_and_truncation_are_named, 0, 8);
    tcase_add_test(tcase, streams_that_are_cut_are_told);
    tcase_add_loop_test(tcase, answers_that_are_no_http_or_too_long_are_named, 0, ASK_PROBE);
    tcase_add_loop_test(tcase, answers_that_are_no_http_or_too_long_are_named, ASK_PROBE + 1, ASKS);
    tcase_add_test(tcase, objects_of_streams_are_bounded);
    tcase_add_test(tcase, garbled_facts_behind_a_call);
    tcase_add_test(tcase, garbled_versions_are_left_out);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
