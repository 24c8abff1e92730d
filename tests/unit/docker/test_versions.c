#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/docker/rig.h"

/* Daemons from API 1.17 to ones that are not written yet: which versions are found and spoken. */
static struct rig rig;

static void setup(void)
{
    rig_open(&rig, (struct eca_docker_opts){0});
}

static void teardown(void)
{
    rig_close(&rig);
}

/* A daemon that accepts the versions from..to (minor parts), and pings. */
static void daemon_of(unsigned from, unsigned to, const char *minimum_member)
{
    for (unsigned minor = 12; minor <= 60; minor++) {
        eca_auto_free char *version_url = eca_xasprintf("http://docker/v1.%u/version", minor);
        eca_auto_free char *ping_url = eca_xasprintf("http://docker/v1.%u/_ping", minor);
        eca_auto_free char *body = eca_xasprintf("{\"Version\":\"x\",\"ApiVersion\":\"1.%u\"}", to);
        struct script_answer version = {.url = version_url, .times = SCRIPT_FOREVER};

        version.status = minor >= from && minor <= to ? 200 : 400;
        version.body = version.status == 200 ? body : "client version is too old\n";
        script_http_expect(rig.http, version);
        script_http_expect(
            rig.http, (struct script_answer){
                          .url = ping_url, .times = SCRIPT_FOREVER, .status = 200, .body = "OK"});
    }
    eca_auto_free char *plain =
        eca_xasprintf("{\"Version\":\"x\",\"ApiVersion\":\"1.%u\"%s}", to, minimum_member);
    script_http_expect(rig.http, (struct script_answer){.url = "http://docker/version",
                                                        .times = SCRIPT_FOREVER,
                                                        .status = 200,
                                                        .body = plain});
}

/* "/v1.17/version /v1.17/_ping ": the requests so far. */
static void requests(struct eca_buf *out)
{
    for (size_t i = 0; i < script_http_count(rig.http); i++) {
        eca_buf_addf(out, "%s ", script_http_request(rig.http, i)->url + strlen("http://docker"));
    }
}

/* The version in the URL of an inspect by default, "" when none was sent. */
static void version_used(enum ask ask, struct eca_buf *out)
{
    size_t before = script_http_count(rig.http);

    rig_answer(&rig, NULL, "*/start", 204, "");
    rig_answer(&rig, NULL, "*/stop?t=30", 204, "");
    script_http_expect(rig.http, (struct script_answer){.url = "*/containers/create?name=" NAME,
                                                        .status = 201,
                                                        .body = "{\"Id\":\"" ID "\"}"});
    rig_answer(&rig, NULL, INSPECT, 200, RUNS);
    rig_ask(&rig, ask);
    script_http_forget(rig.http);
    for (size_t i = before; i < script_http_count(rig.http); i++) {
        const char *url = script_http_request(rig.http, i)->url + strlen("http://docker/v");

        eca_buf_addf(out, "%.*s ", (int)strcspn(url, "/"), url);
    }
}

/* DKR-120, DKR-122, DKR-125, DKR-L01: which daemon offers what, and what is spoken by default. */
START_TEST(versions_are_found)
{
    static const struct {
        unsigned from, to;
        const char *minimum; /* member of the unversioned answer */
        const char *versions, *by_default;
    } rows[] = {
        {12, 17, "", "1.17", "1.17"},
        {12, 18, "", "1.17 1.18", "1.17"},
        {12, 20, "", "1.17 1.18 1.19 1.20", "1.17"},
        {12, 22, "", "1.17 1.18 1.19 1.20 1.21 1.22", "1.17"},
        {12, 23, "", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.17"},
        {12, 24, "", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.17"},
        {12, 41, ",\"MinAPIVersion\":\"1.12\"", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.17"},
        {20, 24, "", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.20"},
        {24, 47, ",\"MinAPIVersion\":\"1.24\"", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.24"},
        {44, 47, ",\"MinAPIVersion\":\"1.44\"", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.44"},
        {44, 47, "", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.44"},
        {44, 47, ",\"MinAPIVersion\":44", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.44"},
        {44, 47, ",\"MinAPIVersion\":\"1.9/../..\"", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.44"},
        {57, 59, ",\"MinAPIVersion\":\"1.57\"", "1.17 1.18 1.19 1.20 1.21 1.22 1.23", "1.57"},
        {12, 16, "", "", NULL},
    };
    eca_auto_buf struct eca_buf used = {0};

    daemon_of(rows[_i].from, rows[_i].to, rows[_i].minimum);
    rig_ask(&rig, ASK_PROBE);
    script_http_forget(rig.http);
    ck_assert_int_eq(rig.got.outcome,
                     rows[_i].by_default != NULL ? ECA_OUTCOME_DONE : ECA_OUTCOME_REFUSED);
    ck_assert_str_eq(eca_buf_str(&rig.got.list), rows[_i].versions);
    if (rows[_i].by_default != NULL) {
        version_used(ASK_INSPECT, &used);
        ck_assert_int_eq(strncmp(eca_buf_str(&used), rows[_i].by_default, 4), 0);
    }
}
END_TEST

/* DKR-121, DKR-123, DKR-202, DKR-L01: version, then ping, in ascending order; a daemon that refuses
 * 1.17 is asked for its lowest version before others are tried. */
START_TEST(versions_are_asked_in_order)
{
    static const struct {
        unsigned from, to;
        const char *minimum, *requests;
    } rows[] = {
        {12, 19, "",
         "/v1.17/version /v1.17/_ping /v1.18/version /v1.18/_ping /v1.19/version /v1.19/_ping "
         "/v1.20/version /v1.21/version /v1.22/version /v1.23/version "},
        {19, 20, "",
         "/v1.17/version /version /v1.18/version /v1.19/version /v1.19/_ping /v1.20/version "
         "/v1.20/_ping /v1.21/version /v1.22/version /v1.23/version "},
        {44, 47, ",\"MinAPIVersion\":\"1.44\"",
         "/v1.17/version /version /v1.44/version /v1.44/_ping "},
    };
    eca_auto_buf struct eca_buf asked = {0};

    daemon_of(rows[_i].from, rows[_i].to, rows[_i].minimum);
    rig_ask(&rig, ASK_PROBE);
    script_http_forget(rig.http);
    requests(&asked);
    ck_assert_str_eq(eca_buf_str(&asked), rows[_i].requests);
}
END_TEST

/* DKR-123: a ping must be answered with 200; DKR-121: the failure is not remembered. */
START_TEST(version_without_ping_is_none)
{
    static const int statuses[] = {204, 302, 404, 500};

    rig_answer(&rig, NULL, "http://docker/v1.18/_ping", statuses[_i], "OK");
    daemon_of(12, 19, "");
    rig_ask(&rig, ASK_PROBE);
    ck_assert_str_eq(eca_buf_str(&rig.got.list), "1.17 1.19");
    rig_ask(&rig, ASK_PROBE);
    ck_assert_str_eq(eca_buf_str(&rig.got.list), "1.17 1.18 1.19");
    script_http_forget(rig.http);
}
END_TEST

/* DKR-122: 200 and nothing else; a suffix of the version is ignored. */
START_TEST(version_answer_must_be_plain)
{
    static const struct {
        int status;
        const char *body;
        enum eca_outcome outcome;
        const char *error;
    } rows[] = {
        {200, "{\"ApiVersion\":\"1.17-rc2\"}", ECA_OUTCOME_DONE, ""},
        {200, "{\"ApiVersion\":\"1.17.3\",\"Version\":\"x\"}", ECA_OUTCOME_DONE, ""},
        {204, "", ECA_OUTCOME_BAD_ANSWER,
         "Received unexpected status 204 while trying to retrieve the server version"},
        {302, "", ECA_OUTCOME_BAD_ANSWER, "Received unexpected status 302"},
        {500, "boom", ECA_OUTCOME_FAILED, "API error (500): boom"},
        {200, "{\"ApiVersion\":\"\"}", ECA_OUTCOME_BAD_ANSWER, "Unable to parse version \"\""},
    };

    script_http_expect(rig.http, (struct script_answer){.url = "*/version",
                                                        .times = SCRIPT_FOREVER,
                                                        .status = rows[_i].status,
                                                        .body = rows[_i].body});
    script_http_expect(
        rig.http, (struct script_answer){.url = "*/_ping", .times = SCRIPT_FOREVER, .status = 200});
    rig_ask(&rig, ASK_PROBE);
    ck_assert_int_eq(rig.got.outcome, rows[_i].outcome);
    ck_assert_msg(strstr(rig.got.error, rows[_i].error) != NULL, "%s", rig.got.error);
}
END_TEST

/* DKR-126, DKR-L01: the version of a task for create, start and their inspects; lifted where the
 * daemon refuses it; none where the daemon is older. The stop is spoken by default. */
START_TEST(task_chooses_its_version)
{
    static const struct {
        unsigned from, to;
        const char *wanted, *used; /* NULL: refused */
    } rows[] = {
        {12, 24, NULL, "1.17"},     {12, 24, "", "1.17"},     {12, 24, "1.19", "1.19"},
        {12, 24, "1.24", "1.24"},   {12, 24, "1.12", "1.17"}, {12, 24, "1.25", NULL},
        {20, 24, "1.19", "1.20"},   {20, 24, "1.21", "1.21"}, {44, 47, "1.17", "1.44"},
        {44, 47, "1.45", "1.45"},   {44, 47, "1.48", NULL},   {12, 17, "1.18", NULL},
        {12, 24, "latest", NULL},   {12, 24, "1.19/x", NULL}, {12, 24, "1.19?a=", NULL},
        {12, 24, "1.19-rc1", NULL}, {12, 24, "1.", NULL},     {12, 24, "19", NULL},
    };
    const char *want = rows[_i].used;

    daemon_of(rows[_i].from, rows[_i].to, "");
    rig_ask(&rig, ASK_PROBE);
    script_http_forget(rig.http);
    rig.api_version = rows[_i].wanted;
    for (enum ask ask = ASK_CREATE; ask <= ASK_START; ask++) {
        eca_auto_buf struct eca_buf used = {0};
        eca_auto_free char *both = eca_xasprintf("%s %s ", want, want);

        version_used(ask, &used);
        if (want != NULL) {
            ck_assert_str_eq(eca_buf_str(&used), both);
            continue;
        }
        ck_assert_str_eq(eca_buf_str(&used), "");
        ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_REFUSED);
        eca_auto_free char *error = eca_xasprintf(
            "CannotGetDockerclientError: (v%s) - the daemon does not offer this version",
            rows[_i].wanted);
        ck_assert_str_eq(rig.got.error, error);
    }
    rig.api_version = NULL;
    eca_auto_buf struct eca_buf used = {0};
    eca_auto_free char *first = eca_xasprintf("1.%u 1.%u ", rows[_i].from < 17 ? 17 : rows[_i].from,
                                              rows[_i].from < 17 ? 17 : rows[_i].from);
    version_used(ASK_STOP, &used);
    ck_assert_str_eq(eca_buf_str(&used), first);
}
END_TEST

/* DKR-127: tasks of different versions at once do not mix. */
START_TEST(versions_do_not_mix)
{
    static const char *const wanted[] = {"1.18", "1.21", "1.19"};

    daemon_of(12, 24, "");
    rig_ask(&rig, ASK_PROBE);
    script_http_forget(rig.http);
    size_t before = script_http_count(rig.http);
    for (size_t i = 0; i < ECA_ARRAY_LEN(wanted); i++) {
        script_http_expect(rig.http,
                           (struct script_answer){.url = "*/start", .status = 204, .delay_ms = 10});
    }
    script_http_expect(rig.http,
                       (struct script_answer){
                           .url = INSPECT, .times = SCRIPT_FOREVER, .status = 200, .body = RUNS});
    for (size_t i = 0; i < ECA_ARRAY_LEN(wanted); i++) {
        rig.api_version = wanted[i];
        rig_begin(&rig, ASK_START);
    }
    manual_clock_advance_ms(&rig.clock, 100);
    for (size_t i = 0; i < ECA_ARRAY_LEN(wanted); i++) {
        eca_auto_free char *start =
            eca_xasprintf("http://docker/v%s/containers/" ID "/start", wanted[i]);
        eca_auto_free char *look =
            eca_xasprintf("http://docker/v%s/containers/" ID "/json", wanted[i]);

        ck_assert_str_eq(script_http_request(rig.http, before + i)->url, start);
        ck_assert_str_eq(script_http_request(rig.http, before + 3 + i)->url, look);
    }
}
END_TEST

#define TOO_OLD(version, minimum)                                                                  \
    "{\"message\":\"client version " version                                                       \
    " is too old. Minimum supported API version is " minimum                                       \
    ", please upgrade your client to a newer version\"}"
#define TOO_NEW(version, maximum)                                                                  \
    "client version " version " is too new. Maximum supported API version is " maximum

static bool limits_host_memory(const struct script_request *create)
{
    const char *host_config = strstr(create->body, "\"HostConfig\":");

    ck_assert_ptr_nonnull(host_config);
    return strstr(host_config, "\"Memory\":67108864") != NULL;
}

/* DKR-L01, DKR-525: sent again to a daemon that refuses the version of the start, and in the form
 * of the version that it has. */
START_TEST(refused_create_is_sent_again)
{
    eca_auto_buf struct eca_buf asked = {0};

    rig.memory_mib = 64;
    rig_answer(&rig, NULL, "*/v1.17/containers/create?name=" NAME, 400, TOO_OLD("1.17", "1.44"));
    rig_answer(&rig, NULL, "http://docker/version", 200,
               "{\"Version\":\"27.0.1\",\"ApiVersion\":\"1.47\",\"MinAPIVersion\":\"1.44\"}");
    rig_answer(&rig, NULL, "*/v1.44/containers/create?name=" NAME, 201, "{\"Id\":\"" ID "\"}");
    rig_answer(&rig, NULL, "*/v1.44/containers/" ID "/json", 200, RUNS);
    rig_ask(&rig, ASK_CREATE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_DONE);
    ck_assert_str_eq(rig.got.error, "");
    requests(&asked);
    ck_assert_str_eq(eca_buf_str(&asked),
                     "/v1.17/containers/create?name=" NAME " /version "
                     "/v1.44/containers/create?name=" NAME " /v1.44/containers/" ID "/json ");
    ck_assert(!limits_host_memory(script_http_request(rig.http, 0)));
    ck_assert(limits_host_memory(script_http_request(rig.http, 2)));
    ck_assert_str_eq(eca_docker_version(rig.docker), "27.0.1");
    rig.api_version = "1.48"; /* above what it says now */
    rig_ask(&rig, ASK_START);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_REFUSED);
}
END_TEST

/* DKR-L01: what no other version mends is an error as any other, and not for ever. */
START_TEST(refusals_end)
{
    static const struct {
        const char *body;
        size_t requests; /* those for the range included */
    } rows[] = {
        {TOO_OLD("1.17", "1.17"), 1},
        {TOO_OLD("1.17", "1.9"), 1},
        {TOO_OLD("1.17", ""), 1},
        {TOO_OLD("1.17", "99999.99999999999999999"), 1},
        {TOO_OLD("1.17", "1.18/../x"), 3}, /* 1.18 is what it says */
        {TOO_NEW("1.17", "1.17."), 1},
        {TOO_NEW("1.17", "1.12"), 1}, /* a daemon that we cannot speak to */
        {"no such thing", 1},
    };
    eca_auto_buf struct eca_buf asked = {0};

    script_http_expect(rig.http, (struct script_answer){.url = "*/containers/" ID "/json",
                                                        .times = SCRIPT_FOREVER,
                                                        .status = 400,
                                                        .body = rows[_i].body});
    script_http_expect(rig.http, (struct script_answer){.url = "http://docker/version",
                                                        .times = SCRIPT_FOREVER,
                                                        .status = 500,
                                                        .body = "no"});
    rig_ask(&rig, ASK_INSPECT);
    script_http_forget(rig.http);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_REFUSED);
    requests(&asked);
    ck_assert_msg(script_http_count(rig.http) == rows[_i].requests, "%s", eca_buf_str(&asked));
}
END_TEST

/* A daemon that is away is not asked for every version. */
START_TEST(absent_daemon_is_asked_once)
{
    script_http_expect(rig.http, (struct script_answer){.error = ECA_E_TRANSIENT});
    rig_ask(&rig, ASK_PROBE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_UNREACHABLE);
    ck_assert_str_eq(rig.got.error, "GET /v1.17/version: cannot connect to Docker endpoint");
    ck_assert_uint_eq(script_http_count(rig.http), 1);
    rig_silent(&rig, NULL, "*/version");
    rig_ask(&rig, ASK_PROBE);
    ck_assert_int_eq(rig.got.outcome, ECA_OUTCOME_TIMEOUT);
    ck_assert_uint_eq(script_http_count(rig.http), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docker/versions");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, versions_are_found, 0, 15);
    tcase_add_loop_test(tcase, versions_are_asked_in_order, 0, 3);
    tcase_add_loop_test(tcase, version_without_ping_is_none, 0, 4);
    tcase_add_loop_test(tcase, version_answer_must_be_plain, 0, 6);
    tcase_add_loop_test(tcase, task_chooses_its_version, 0, 18);
    tcase_add_test(tcase, versions_do_not_mix);
    tcase_add_test(tcase, refused_create_is_sent_again);
    tcase_add_loop_test(tcase, refusals_end, 0, 8);
    tcase_add_test(tcase, absent_daemon_is_asked_once);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
