#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/task_json.h"

/* A payload task or the refusal's text in err. */
static int payload(const char *text, struct eca_task **ret, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    ck_assert_msg(eca_json_parse(eca_view_str(text), &doc, err) == ECA_OK, "%s: %s", text,
                  err->msg);
    return eca_task_from_payload(eca_json_root(doc), ret, err);
}

struct refusal {
    const char *task;
    enum eca_code code;
    const char *text; /* exact when it does not begin with '*', else contained */
};

#define C(members) "{\"arn\":\"t\",\"desiredStatus\":\"RUNNING\",\"containers\":[{" members "}]}"

static const struct refusal refusals[] = {
    {"{\"desiredStatus\":\"PENDING\"}", ECA_E_INVALID, "Unrecognized TaskStatus"},
    {"{\"desiredStatus\":\"PULLED\"}", ECA_E_INVALID, "Unrecognized TaskStatus"},
    {"{\"desiredStatus\":\"running\"}", ECA_E_INVALID, "Unrecognized TaskStatus"},
    {"{\"desiredStatus\":\"\"}", ECA_E_INVALID, "Unrecognized TaskStatus"},
    {"{\"volumes\":[{\"host\":{}}]}", ECA_E_INVALID, "invalid Volume; must include a name"},
    {"{\"volumes\":[{\"name\":\"\",\"host\":{}}]}", ECA_E_INVALID,
     "invalid Volume; must include a name"},
    {"{\"volumes\":[{\"name\":\"v\"}]}", ECA_E_INVALID,
     "unrecognized volume type; try updating me"},
    {"{\"volumes\":[{\"name\":\"v\",\"host\":null}]}", ECA_E_INVALID,
     "unrecognized volume type; try updating me"},
    {C("\"portMappings\":[{\"protocol\":\"sctp\"}]"), ECA_E_INVALID,
     "TransportProtocol must be \"tcp\" or \"udp\"; Got \"sctp\""},
    {C("\"portMappings\":[{\"protocol\":\"\"}]"), ECA_E_INVALID,
     "TransportProtocol must be \"tcp\" or \"udp\"; Got \"\""},
    {C("\"portMappings\":[{\"containerPort\":65536}]"), ECA_E_INVALID, "*containerPort"},
    {C("\"portMappings\":[{\"hostPort\":-1}]"), ECA_E_INVALID, "*hostPort"},
    {C("\"cpu\":-1"), ECA_E_INVALID, "*cpu"},
    {C("\"memory\":-1"), ECA_E_INVALID, "*memory"},
    {C("\"environment\":{\"A\":null}"), ECA_E_INVALID, "*environment"},
    {C("\"environment\":{\"A\":1}"), ECA_E_INVALID, "*environment"},
    {C("\"overrides\":\"\""), ECA_E_INVALID, "*overrides"},
    {C("\"overrides\":\"[]\""), ECA_E_INVALID, "*overrides"},
    {C("\"overrides\":\"{\\\"cpu\\\":1}\""), ECA_E_INVALID, "*Unrecognized key: cpu"},
    {C("\"overrides\":\"{\\\"command\\\":[1]}\""), ECA_E_INVALID, "*command"},
    {C("\"command\":[\"a\",null]"), ECA_E_INVALID, "*null element"},
    {"{\"containers\":[{\"name\":\"a\"},null]}", ECA_E_INVALID, "*null element"},
    {"{\"containers\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", ECA_E_INVALID, "*duplicate"},
    {C("\"overrides\":{}"), ECA_E_DENIED, "*overrides"},
    {"{\"version\":3}", ECA_E_DENIED, "*version"},
    {"{\"desiredStatus\":1}", ECA_E_DENIED, "*desiredStatus"},
    {C("\"essential\":\"yes\""), ECA_E_DENIED, "*essential"},
    {C("\"command\":[1]"), ECA_E_DENIED, "*command"},
};

/* PAY-130, PAY-134, ENG-103, ENG-122 and the table of spec 02 section 5: what rejects a task, and
 * what rejects the whole message. No environment value stands in a text (FB-32.2). */
START_TEST(unusable_task_is_refused_with_its_text)
{
    const struct refusal *at = &refusals[_i];
    struct eca_task *task = NULL;
    struct eca_err err = {0};

    ck_assert_msg(payload(at->task, &task, &err) == (int)at->code, "%s: %d %s", at->task, err.code,
                  err.msg);
    ck_assert_int_eq(err.code, at->code);
    ck_assert_ptr_null(task);
    if (at->text[0] == '*') {
        ck_assert_msg(strstr(err.msg, at->text + 1) != NULL, "%s: %s", at->task, err.msg);
    } else {
        ck_assert_str_eq(err.msg, at->text);
    }
}
END_TEST

/* Spec 02 section 5: defaults, null, absent against empty, legacy words. */
START_TEST(payload_members_are_read)
{
    struct eca_task *task = NULL;
    struct eca_err err = {0};
    const struct eca_container *c;

    ck_assert_int_eq(
        payload("{\"arn\":\"t\",\"family\":\"f\",\"version\":\"3\",\"desiredStatus\":\"DEAD\","
                "\"overrides\":\"nonsense\",\"taskDefinitionAccountId\":\"1\","
                "\"volumes\":[{\"name\":\"h\",\"host\":{\"sourcePath\":\"/srv\"}},"
                "{\"name\":\"e\",\"host\":{\"sourcePath\":\"\"}}],\"containers\":[{\"name\":\"w\","
                "\"image\":\"i\",\"command\":[null],\"entryPoint\":[],\"cpu\":7,\"memory\":3,"
                "\"essential\":true,\"links\":[\"a:b\"],\"environment\":{\"K\":\"V\"},"
                "\"portMappings\":[{\"containerPort\":53,\"protocol\":\"udp\"},"
                "{\"containerPort\":80,\"hostPort\":8080,\"protocol\":null}],"
                "\"overrides\":\"{\\\"Command\\\":[]}\",\"desiredStatus\":\"STOPPED\","
                "\"registryAuthentication\":{\"type\":\"ecr\",\"ecrAuthData\":{\"registryId\":"
                "\"1\",\"region\":\"r\"}}}]}",
                &task, &err),
        ECA_OK);
    ck_assert_int_eq(task->desired, ECA_STATUS_STOPPED);
    ck_assert(task->volumes[0].is_host && !task->volumes[1].is_host);
    c = &task->containers[0];
    ck_assert_ptr_eq(c->task, task);
    ck_assert(c->command.present && c->command.count == 0);
    ck_assert(c->entry_point.present && c->entry_point.count == 0);
    ck_assert(c->override_command.present && c->override_command.count == 0);
    ck_assert(c->essential && c->cpu == 7 && c->memory_mib == 3);
    ck_assert(c->ports[0].udp && c->ports[0].host_port == 0);
    ck_assert(!c->ports[1].udp && c->ports[1].host_port == 8080);
    ck_assert_int_eq(c->desired, ECA_STATUS_NONE);
    ck_assert_str_eq(c->auth_type, "ecr");
    ck_assert(c->has_ecr && c->ecr_endpoint == NULL);
    eca_task_free(task);
    ck_assert_int_eq(payload(C("\"overrides\":\"null\""), &task, &err), ECA_OK);
    ck_assert(!task->containers[0].command.present);
    ck_assert(!task->containers[0].override_command.present);
    eca_task_free(task);
}
END_TEST

static int status_of(const char *json, bool for_task, enum eca_status *ret, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    ck_assert_int_eq(eca_json_parse(eca_view_str(json), &doc, err), ECA_OK);
    return eca_status_from_json(eca_json_root(doc), for_task, ret, err);
}

/* ENG-102, ENG-103: five statuses and no sixth, by their exact names; what else is refused how. */
START_TEST(status_words)
{
    static const struct {
        const char *json;
        bool for_task;
        int status; /* -1: refused */
        const char *text;
    } rows[] = {
        {"\"NONE\"", false, 0, NULL},
        {"\"PULLED\"", false, 1, NULL},
        {"\"CREATED\"", false, 2, NULL},
        {"\"RUNNING\"", false, 3, NULL},
        {"\"STOPPED\"", false, 4, NULL},
        {"null", false, 0, NULL},
        {"\"UNKNOWN\"", false, 0, NULL},
        {"\"DEAD\"", false, 4, NULL},
        {"null", true, 0, NULL},
        {"\"PULLED\"", true, -1, "Unrecognized TaskStatus"},
        {"\"running\"", true, -1, "Unrecognized TaskStatus"},
        {"\"ZOMBIE\"", false, -1, "Unrecognized ContainerStatus"},
        {"\"\"", false, -1, "Unrecognized ContainerStatus"},
        {"5", true, -1, "TaskStatus must be a string or null"},
        {"5", false, -1, "ContainerStatus must be a string or null; Got 5"},
        {"[\"NONE\"]", false, -1, "ContainerStatus must be a string or null; Got [\"NONE\"]"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        enum eca_status status = ECA_STATUS_NONE;
        struct eca_err err = {0};
        int rc = status_of(rows[i].json, rows[i].for_task, &status, &err);

        if (rows[i].status < 0) {
            ck_assert_int_eq(rc, ECA_E_INVALID);
            ck_assert_str_eq(err.msg, rows[i].text);
        } else {
            ck_assert_int_eq(rc, ECA_OK);
            ck_assert_int_eq((int)status, rows[i].status);
        }
    }
}
END_TEST

/* ENG-101, ENG-104, ENG-105. */
START_TEST(status_names)
{
    ck_assert_str_eq(eca_status_name(ECA_STATUS_PULLED), "PULLED");
    ck_assert_str_eq(eca_status_backend_name(ECA_STATUS_NONE), "PENDING");
    ck_assert_str_eq(eca_status_backend_name(ECA_STATUS_CREATED), "PENDING");
    ck_assert_str_eq(eca_status_backend_name(ECA_STATUS_STOPPED), "STOPPED");
    ck_assert_int_eq(eca_status_without_pulled(ECA_STATUS_PULLED), ECA_STATUS_NONE);
    ck_assert(!eca_status_is_reportable(ECA_STATUS_CREATED));
    ck_assert(eca_status_is_reportable(ECA_STATUS_RUNNING));
}
END_TEST

static struct eca_task *state(const char *text)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_task *task = NULL;
    struct eca_err err = {0};

    ck_assert_int_eq(eca_json_parse(eca_view_str(text), &doc, &err), ECA_OK);
    ck_assert_msg(eca_task_from_state(eca_json_root(doc), &task, &err) == ECA_OK, "%s", err.msg);
    return task;
}

/* ENG-103, ENG-106, ENG-111, ENG-126: old spellings, key case, overrides as text, recovered id. */
START_TEST(old_state_forms_are_read)
{
    struct eca_task *task =
        state("{\"arn\":\"t\",\"containers\":[{\"name\":\"w\",\"knownstatus\":\"DEAD\","
              "\"AppliedStatus\":\"RUNNING\",\"overrides\":\"{\\\"command\\\":[\\\"x\\\"]}\","
              "\"ApplyingError\":{\"error\":\"e\"},\"environment\":{\"AWS_CONTAINER_CREDENTIALS_"
              "RELATIVE_URI\":\"/v2/credentials/cid\"},\"portMappings\":[{\"ContainerPort\":1}]},"
              "{\"Name\":\"w\"}],\"DesiredStatus\":\"UNKNOWN\",\"volumes\":[{\"name\":\"v\","
              "\"host\":{}}]}");
    eca_auto_buf struct eca_buf reason = {0};

    ck_assert_uint_eq(task->container_count, 1);
    ck_assert_int_eq(task->containers[0].known, ECA_STATUS_STOPPED);
    ck_assert_int_eq(task->containers[0].applied, ECA_STATUS_NONE);
    ck_assert_str_eq(task->containers[0].override_command.at[0], "x");
    ck_assert_int_eq(task->desired, ECA_STATUS_NONE);
    ck_assert_str_eq(task->credentials_ids.at[0], "cid");
    eca_container_reason(&task->containers[0], &reason);
    ck_assert_str_eq(eca_buf_str(&reason), "UnknownError: e"); /* ENG-113 */
    eca_task_free(task);
}
END_TEST

/* FB-09.1, ENG-106, FB-31.4: our own members come back. */
START_TEST(our_record_keeps_everything)
{
    struct eca_task *task = state("{\"Arn\":\"t\",\"Containers\":[{\"Name\":\"w\"}]}");
    eca_auto_buf struct eca_buf text = {0};
    struct eca_json_writer w = eca_json_writer_to(&text);
    struct eca_task *again;

    task->containers[0].docker_name = eca_xstrdup("ecs-f-1-w-00");
    task->containers[0].applied = ECA_STATUS_CREATED;
    task->reason = eca_xstrdup("why");
    task->known_ns = INT64_C(1478000000123456789);
    task->stop_seq = INT64_C(9007199254740993);
    eca_texts_add(&task->credentials_ids, "a");
    eca_texts_add(&task->credentials_ids, "b");
    eca_task_to_state(task, &w, NULL, true);
    again = state(eca_buf_str(&text));
    ck_assert_str_eq(again->containers[0].docker_name, "ecs-f-1-w-00");
    ck_assert_ptr_null(again->containers[0].docker_id);
    ck_assert_int_eq(again->containers[0].applied, ECA_STATUS_CREATED);
    ck_assert_str_eq(again->reason, "why");
    ck_assert_int_eq(again->known_ns, task->known_ns);
    ck_assert_int_eq(again->stop_seq, task->stop_seq);
    ck_assert_uint_eq(again->credentials_ids.count, 2);
    eca_task_free(task);
    eca_task_free(again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task_json");
    TCase *tcase = tcase_create("task_json");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, unusable_task_is_refused_with_its_text, 0,
                        (int)ECA_ARRAY_LEN(refusals));
    tcase_add_test(tcase, payload_members_are_read);
    tcase_add_test(tcase, status_words);
    tcase_add_test(tcase, status_names);
    tcase_add_test(tcase, old_state_forms_are_read);
    tcase_add_test(tcase, our_record_keeps_everything);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
