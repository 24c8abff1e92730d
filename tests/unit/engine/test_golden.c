#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/docker/create_body.h"
#include "agent/engine/construct.h"
#include "agent/engine/prepare.h"
#include "agent/engine/task_json.h"
#include "tests/unit/engine/rig.h"

/*
 * What the agent v1.13.1 asked Docker to create and what it submitted for a payload, recorded,
 * against what ours does. Names end in RAND there; environment variables have no order.
 */
#define GOLDEN "tests/golden/reference-cases.jsonl"
#define CREATE "POST /containers/create?name="
#define RANDOM_DIGITS 20
#define CASES 52

static char *lines[CASES + 1];
static struct eca_buf all;

static void read_cases(void)
{
    FILE *file = fopen(GOLDEN, "rb");
    char chunk[4096];
    size_t count = 0, got;

    ck_assert_ptr_nonnull(file);
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        eca_buf_add(&all, chunk, got);
    }
    ck_assert_int_eq(fclose(file), 0);
    for (char *save = NULL, *line = strtok_r(all.at, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        ck_assert_uint_lt(count, CASES);
        lines[count++] = line;
    }
    ck_assert_uint_eq(count, CASES);
}

static void forget_cases(void)
{
    eca_buf_clear(&all);
}

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : "";
}

static bool has(eca_json array, eca_json wanted)
{
    for (eca_json at = eca_json_first(array); at != NULL; at = eca_json_next(at)) {
        if (eca_json_equal(at, wanted)) {
            return true;
        }
    }
    return false;
}

static bool same_body(eca_json have, eca_json want)
{
    if (eca_json_count(have) != eca_json_count(want)) {
        return false;
    }
    for (eca_json at = eca_json_first(want); at != NULL; at = eca_json_next(at)) {
        eca_json ours = eca_json_get(have, eca_json_key(at));

        if (strcmp(eca_json_key(at), "Env") != 0) {
            if (!eca_json_equal(ours, at)) {
                return false;
            }
            continue;
        }
        for (eca_json var = eca_json_first(at); var != NULL; var = eca_json_next(var)) {
            if (!has(ours, var) || eca_json_count(ours) != eca_json_count(at)) {
                return false;
            }
        }
    }
    return true;
}

static struct eca_task *prepared(eca_json payload)
{
    struct manual_entropy dice = {.state = 3};
    eca_json credentials = eca_json_get(payload, "roleCredentials");
    struct eca_task *task = NULL;
    struct eca_err err = {0};

    ck_assert_msg(eca_task_from_payload(payload, &task, &err) == ECA_OK, "%s", err.msg);
    if (credentials != NULL) {
        eca_task_prepare_credentials(task, text_of(credentials, "credentialsId"));
    }
    eca_task_prepare_volumes(task);
    for (size_t i = 0; i < task->container_count; i++) {
        char *name = eca_docker_name_new(task, &task->containers[i], manual_entropy_port(&dice));
        size_t len = strlen(name);

        ck_assert_uint_gt(len, RANDOM_DIGITS);
        memcpy(name + len - RANDOM_DIGITS, "RAND", sizeof("RAND"));
        task->containers[i].docker_name = name;
    }
    return task;
}

/* The daemon of the recording keeps its volumes there. */
static void learn_paths(struct eca_task *task)
{
    const struct eca_container *internal = eca_task_find(task, ECA_EMPTY_VOLUME_CONTAINER);

    for (size_t i = 0; internal != NULL && i < internal->mount_count; i++) {
        eca_auto_free char *host =
            eca_xasprintf("/var/lib/docker/volumes/%s/_data", internal->mounts[i].volume);
        struct eca_container_mount mount = {.host_path = host,
                                            .container_path = internal->mounts[i].container_path};
        struct eca_container_info info = {.mounts = &mount, .mount_count = 1};

        ck_assert(eca_learn_volumes(task, internal, &info));
    }
}

static eca_json recorded_body(eca_json events, const char *docker_name)
{
    for (eca_json at = eca_json_first(events); at != NULL; at = eca_json_next(at)) {
        const char *call = text_of(at, "docker");

        if (strncmp(call, CREATE, strlen(CREATE)) == 0 &&
            strcmp(call + strlen(CREATE), docker_name) == 0) {
            return eca_json_get(at, "body");
        }
    }
    return NULL;
}

static int body_of(const struct eca_task *task, const struct eca_container *container,
                   struct eca_buf *body, struct eca_named_error *error)
{
    struct eca_construct construct;
    int rc = eca_construct(task, container, "default", &construct, error);

    if (rc == ECA_OK) {
        rc = eca_docker_create_body(&construct.spec, false, body, error);
        eca_construct_clear(&construct);
    }
    return rc;
}

static size_t count_creates(eca_json events)
{
    size_t count = 0;

    for (eca_json at = eca_json_first(events); at != NULL; at = eca_json_next(at)) {
        count += strncmp(text_of(at, "docker"), CREATE, strlen(CREATE)) == 0 ? 1 : 0;
    }
    return count;
}

/* DKR-502, DKR-510, DKR-511, DKR-520, ENG-511, ENG-513, ENG-515, ENG-531. */
START_TEST(create_bodies_are_those_of_the_reference)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_task struct eca_task *task = NULL;
    eca_json events;
    size_t compared = 0;

    ck_assert_int_eq(eca_json_parse(eca_view_str(lines[_i]), &doc, NULL), ECA_OK);
    events = eca_json_get(eca_json_root(doc), "events");
    if (count_creates(events) == 0) {
        return; /* nothing to create: the tests below */
    }
    task = prepared(eca_json_get(eca_json_root(doc), "payloadTask"));
    learn_paths(task);
    for (size_t i = 0; i < task->container_count; i++) {
        const struct eca_container *container = &task->containers[i];
        eca_json want = recorded_body(events, container->docker_name);
        eca_auto_json struct eca_json_doc *have = NULL;
        eca_auto_buf struct eca_buf body = {0};
        struct eca_named_error error = {0};

        ck_assert_msg(body_of(task, container, &body, &error) == ECA_OK, "%s", error.text);
        ck_assert_int_eq(eca_json_parse(eca_buf_view(&body), &have, NULL), ECA_OK);
        if (want == NULL || !same_body(eca_json_root(have), want)) {
            eca_auto_buf struct eca_buf text = {0};

            eca_json_print(want, &text);
            ck_abort_msg("%s, %s:\nhave %s\nwant %s", text_of(eca_json_root(doc), "case"),
                         container->docker_name, eca_buf_str(&body), eca_buf_str(&text));
        }
        compared++;
    }
    ck_assert_uint_eq(compared, count_creates(events));
}
END_TEST

static eca_json find_case(const char *name, struct eca_json_doc **ret_doc)
{
    for (size_t i = 0; lines[i] != NULL; i++) {
        ck_assert_int_eq(eca_json_parse(eca_view_str(lines[i]), ret_doc, NULL), ECA_OK);
        if (strcmp(text_of(eca_json_root(*ret_doc), "case"), name) == 0) {
            return eca_json_root(*ret_doc);
        }
        eca_json_free(eca_take(*ret_doc));
    }
    ck_abort_msg("no case %s", name);
    return NULL;
}

/* DKR-512, DKR-513, DKR-521, ENG-407: the reason is the one the reference submitted, up to a
 * decoder's words. */
START_TEST(unusable_configurations_have_the_reason_of_the_reference)
{
    static const struct {
        const char *name;
        size_t same; /* bytes of the reason; 0 = all */
    } rows[] = {
        {"volume-unknown", 0},
        {"raw-config-invalid-json",
         sizeof("DockerClientConfigError: Unable decode given docker config: ") - 1},
    };
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json root = find_case(rows[_i].name, &doc);
    eca_auto_task struct eca_task *task = prepared(eca_json_get(root, "payloadTask"));
    eca_auto_buf struct eca_buf body = {0};
    struct eca_named_error error = {0};
    eca_auto_free char *reason = NULL;
    const char *want = "";

    for (eca_json at = eca_json_first(eca_json_get(root, "events")); at != NULL;
         at = eca_json_next(at)) {
        const char *text = text_of(eca_json_get(at, "body"), "reason");

        want = text[0] != '\0' ? text : want;
    }
    ck_assert_str_ne(want, "");
    ck_assert_int_eq(body_of(task, &task->containers[0], &body, &error), ECA_E_INVALID);
    reason = eca_xasprintf("%s: %s", error.name, error.text);
    if (rows[_i].same == 0) {
        ck_assert_str_eq(reason, want);
    } else {
        ck_assert_msg(strncmp(reason, want, rows[_i].same) == 0, "%s", reason);
    }
}
END_TEST

/* PAY-130: a desired status that nobody knows refuses the task, not the message. */
START_TEST(unknown_desired_status_is_refused)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json root = find_case("unknown-desired-status", &doc);
    struct eca_task *task = NULL;
    struct eca_err err = {0};

    ck_assert_int_eq(eca_task_from_payload(eca_json_get(root, "payloadTask"), &task, &err),
                     ECA_E_INVALID);
    ck_assert_ptr_null(task);
}
END_TEST

/* ---- submissions ---------------------------------------------------------------------------- */

#define TASK_ARN "TASKARN"
#define REPORTS_MAX 16

static struct rig w;

/* One submission each, "a RUNNING ->80", "a STOPPED 3 (ErrorName": comparable without host ports
 * and without the words of a daemon. */
struct reports {
    char *at[REPORTS_MAX];
    size_t count;
};

static void add_report(struct reports *reports, struct eca_buf *line)
{
    ck_assert_uint_lt(reports->count, REPORTS_MAX);
    reports->at[reports->count++] = eca_buf_take(line);
}

static void clear_reports(struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++) {
        eca_free(reports->at[i]);
    }
}

static void add_reason(struct eca_buf *line, const char *reason)
{
    if (reason[0] != '\0') {
        eca_buf_addf(line, " (%.*s", (int)strcspn(reason, ":"), reason);
    }
}

static void recorded_report(eca_json body, struct eca_buf *line)
{
    eca_json bindings = eca_json_get(body, "networkBindings");
    const char *name = text_of(body, "containerName");
    int64_t number;

    eca_buf_addf(line, "%s %s", name[0] == '\0' ? "task" : name, text_of(body, "status"));
    if (eca_json_get(body, "exitCode") != NULL) {
        ck_assert_int_eq(eca_json_i64(eca_json_get(body, "exitCode"), &number, NULL), ECA_OK);
        eca_buf_addf(line, " %lld", (long long)number);
    }
    /* The recording's daemon shows ports of ended containers, others do not (ENG-512). */
    for (eca_json at = eca_json_first(bindings);
         at != NULL && strcmp(text_of(body, "status"), "RUNNING") == 0; at = eca_json_next(at)) {
        ck_assert_int_eq(eca_json_i64(eca_json_get(at, "containerPort"), &number, NULL), ECA_OK);
        eca_buf_addf(line, " ->%lld", (long long)number);
    }
    add_reason(line, text_of(body, "reason"));
}

static void recorded_reports(eca_json events, struct reports *reports)
{
    for (eca_json at = eca_json_first(events); at != NULL; at = eca_json_next(at)) {
        struct eca_buf line = {0};

        if (text_of(at, "ecs")[0] != '\0') {
            recorded_report(eca_json_get(at, "body"), &line);
            add_report(reports, &line);
        }
    }
}

static void our_reports(struct reports *reports)
{
    for (char *save = NULL, *at = strtok_r(w.reports.at, "\n", &save); at != NULL;
         at = strtok_r(NULL, "\n", &save)) {
        char *reason = strstr(at, " (");
        struct eca_buf line = {0};

        if (reason != NULL) {
            *reason = '\0';
        }
        for (char *inner = NULL, *word = strtok_r(at, " ", &inner); word != NULL;
             word = strtok_r(NULL, " ", &inner)) {
            char *arrow = strstr(word, "->");

            eca_buf_addf(&line, "%s%s", line.len == 0 ? "" : " ", arrow == NULL ? word : arrow);
        }
        add_reason(&line, reason == NULL ? "" : reason + 2);
        add_report(reports, &line);
    }
}

static int compare_lines(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;

    return strcmp(*a, *b);
}

/* The images of the recording whose names say what goes wrong. */
static void bend_docker(eca_json containers)
{
    for (eca_json at = eca_json_first(containers); at != NULL; at = eca_json_next(at)) {
        const char *image = text_of(at, "image");

        if (strncmp(image, "pullfail/", 9) == 0) {
            (void)script_runtime_rule(&w.docker, "pull", NULL, ECA_OUTCOME_FAILED, UINT32_MAX);
            (void)script_runtime_rule(&w.docker, "image-inspect", NULL, ECA_OUTCOME_NOT_FOUND,
                                      UINT32_MAX);
            (void)script_runtime_rule(&w.docker, "create", NULL, ECA_OUTCOME_NOT_FOUND, UINT32_MAX);
        } else if (strncmp(image, "startfail/", 10) == 0) {
            (void)script_runtime_rule(&w.docker, "start", text_of(at, "name"), ECA_OUTCOME_FAILED,
                                      UINT32_MAX);
        }
    }
}

/* "exit CODE MS" is the program that ends by itself. */
static void end_programs(eca_json containers)
{
    for (eca_json at = eca_json_first(containers); at != NULL; at = eca_json_next(at)) {
        eca_json word = eca_json_first(eca_json_get(at, "command"));

        if (eca_json_type(word) == ECA_JSON_STRING && strcmp(eca_json_str(word), "exit") == 0) {
            const char *name = text_of(at, "name");

            script_runtime_find(&w.docker, name)->oom =
                strncmp(text_of(at, "image"), "oomkill/", 8) == 0;
            script_runtime_die(&w.docker, name, atoi(eca_json_str(eca_json_next(word))));
        }
    }
}

static bool is_compared(const char *name)
{
    static const char *const others[] = {
        /* Ours has a reason (DEP-120). */
        "link-unknown-target",
        "link-self",
        "volumes-from-unknown",
        /* Refused above and below the engine: the tests before. */
        "unknown-desired-status",
        "raw-config-invalid-json",
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(others); i++) {
        if (strcmp(others[i], name) == 0) {
            return false;
        }
    }
    return true;
}

static void play(eca_json payload)
{
    eca_json containers = eca_json_get(payload, "containers");
    struct eca_task *task = NULL;
    struct eca_err err = {0};

    rig_init(&w);
    bend_docker(containers);
    rig_start(&w);
    ck_assert_int_eq(eca_task_from_payload(payload, &task, &err), ECA_OK);
    ck_assert_int_eq(eca_engine_add(w.engine, task, &err), ECA_OK);
    rig_run(&w, 60 * 1000);
    end_programs(containers);
    rig_run(&w, 1000);
    rig_add(&w, TASK_ARN, "STOPPED", 0, ONE);
    rig_run(&w, 60 * 1000);
}

/* ENG-401, ENG-402, ENG-403, ENG-406, ENG-408, ENG-410, ENG-418, ENG-602, ENG-604,
 * ENG-605: each submission of the reference is made once, none besides; the task's last. */
START_TEST(submissions_are_those_of_the_reference)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct reports want = {0}, have = {0};
    const char *name;

    ck_assert_int_eq(eca_json_parse(eca_view_str(lines[_i]), &doc, NULL), ECA_OK);
    name = text_of(eca_json_root(doc), "case");
    if (!is_compared(name)) {
        return;
    }
    recorded_reports(eca_json_get(eca_json_root(doc), "events"), &want);
    play(eca_json_get(eca_json_root(doc), "payloadTask"));
    our_reports(&have);
    ck_assert_uint_gt(have.count, 0);
    ck_assert_str_eq(have.at[have.count - 1], "task STOPPED");
    qsort(want.at, want.count, sizeof(want.at[0]), compare_lines);
    qsort(have.at, have.count, sizeof(have.at[0]), compare_lines);
    for (size_t i = 0; i < want.count && i < have.count; i++) {
        ck_assert_msg(strcmp(want.at[i], have.at[i]) == 0, "%s: have \"%s\", want \"%s\"", name,
                      have.at[i], want.at[i]);
    }
    ck_assert_msg(want.count == have.count, "%s: have %zu, want %zu", name, have.count, want.count);
    clear_reports(&want);
    clear_reports(&have);
    rig_clear(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("golden");
    TCase *tcase = tcase_create("golden");
    SRunner *runner;
    int failed;

    tcase_add_unchecked_fixture(tcase, read_cases, forget_cases);
    tcase_add_loop_test(tcase, create_bodies_are_those_of_the_reference, 0, CASES);
    tcase_add_loop_test(tcase, unusable_configurations_have_the_reason_of_the_reference, 0, 2);
    tcase_add_test(tcase, unknown_desired_status_is_refused);
    tcase_add_loop_test(tcase, submissions_are_those_of_the_reference, 0, CASES);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
