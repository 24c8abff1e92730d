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
#include "tests/unit/support/manual_clock.h"

/*
 * What the agent v1.13.1 asked Docker to create for a payload, recorded, against what ours does.
 * Names end in RAND there; environment variables have no order. What it submitted, called and
 * acknowledged: tests/golden/compare.py.
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
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
