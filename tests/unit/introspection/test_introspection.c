#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/version.h"
#include "agent/introspection/introspection.h"

/* The handler as a plain function: request in, response out. */
static const struct eca_view_container containers[] = {
    {.docker_id = "abc123", .docker_name = "ecs-web-1-app", .name = "app", .mapped = true},
    {.docker_id = "def456",
     .docker_name = "ecs-web-1-vol",
     .name = "~internal~ecs~v",
     .internal = true,
     .mapped = true},
    {.docker_id = "", .docker_name = "", .name = "not yet there"},
};
static struct eca_view_task tasks[2];
static size_t task_count;
static struct eca_view_health health;
static struct eca_endpoint_response response;

static void each_task(void *impl, eca_view_task_fn *fn, void *arg)
{
    (void)impl;
    for (size_t i = 0; i < task_count; i++) {
        fn(arg, &tasks[i]);
    }
}

static bool by_arn(void *impl, const char *arn, eca_view_task_fn *fn, void *arg)
{
    (void)impl;
    for (size_t i = 0; i < task_count; i++) {
        if (strcmp(tasks[i].arn, arn) == 0) {
            fn(arg, &tasks[i]);
            return true;
        }
    }
    return false;
}

static bool by_docker_id(void *impl, const char *id, eca_view_task_fn *fn, void *arg)
{
    (void)impl;
    for (size_t i = 0; i < task_count; i++) {
        for (size_t k = 0; k < tasks[i].container_count; k++) {
            if (strcmp(tasks[i].containers[k].docker_id, id) == 0) {
                fn(arg, &tasks[i]);
                return true;
            }
        }
    }
    return false;
}

static void ask_health(void *impl, struct eca_view_health *ret_health)
{
    (void)impl;
    *ret_health = health;
}

static struct eca_introspection source = {.cluster = "prod",
                                          .instance_arn = "arn:ci",
                                          .tasks = each_task,
                                          .task_by_arn = by_arn,
                                          .task_by_docker_id = by_docker_id,
                                          .health = ask_health};

static void setup(void)
{
    tasks[0] = (struct eca_view_task){.arn = "arn:t1",
                                      .family = "web",
                                      .version = "3",
                                      .known_status = "RUNNING",
                                      .desired_status = "RUNNING",
                                      .containers = containers,
                                      .container_count = 3};
    tasks[1] = (struct eca_view_task){.arn = "arn:t2",
                                      .family = "job",
                                      .version = "1",
                                      .known_status = "PENDING",
                                      .desired_status = "RUNNING"};
    task_count = 2;
    health = (struct eca_view_health){.acs = {.enabled = true,
                                              .connected = true,
                                              .since_ms = 1000,
                                              .last_frame_ms = 2000,
                                              .connects = 3,
                                              .frames = 7},
                                      .docker_reachable = true,
                                      .docker_ping_ms = 4,
                                      .store_ok = true,
                                      .now_ms = 10000000,
                                      .started_ms = 500};
    response = (struct eca_endpoint_response){0};
}

static void teardown(void)
{
    eca_buf_clear(&response.body);
}

static const char *ask_as(const char *method, const char *path, const char *query)
{
    struct eca_endpoint_request request = {
        .method = method, .path = path, .query = query, .user_agent = "", .remote = "127.0.0.1:1"};

    eca_buf_clear(&response.body);
    response = (struct eca_endpoint_response){0};
    eca_introspection_handle(&source, &request, &response);
    return eca_buf_str(&response.body);
}

static const char *ask(const char *path, const char *query)
{
    return ask_as("GET", path, query);
}

/* INTRO-102 */
START_TEST(unknown_paths_list_the_commands)
{
    static const char *const paths[] = {"/", "", "/v1", "/v1/metadata/", "/V1/tasks", "/x?y"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ck_assert_str_eq(ask(paths[i], NULL),
                         "{\"AvailableCommands\":[\"/license\",\"/metrics\",\"/v1/health\","
                         "\"/v1/metadata\",\"/v1/tasks\"]}");
        ck_assert_int_eq(response.status, 200);
    }
}
END_TEST

/* INTRO-103, INTRO-108 */
START_TEST(metadata_names_cluster_instance_and_version)
{
    eca_auto_free char *expected = eca_xasprintf(
        "{\"Cluster\":\"prod\",\"ContainerInstanceArn\":\"arn:ci\",\"Version\":\"%s\"}",
        eca_version_text);

    ck_assert_str_eq(ask("/v1/metadata", NULL), expected);
    ck_assert_str_eq(response.content_type, "application/json");
    ck_assert_int_eq(response.status, 200);
}
END_TEST

#define T1                                                                                         \
    "{\"Arn\":\"arn:t1\",\"DesiredStatus\":\"RUNNING\",\"KnownStatus\":\"RUNNING\","               \
    "\"Family\":\"web\",\"Version\":\"3\",\"Containers\":[{\"DockerId\":\"abc123\","               \
    "\"DockerName\":\"ecs-web-1-app\",\"Name\":\"app\"}]}"
#define T2                                                                                         \
    "{\"Arn\":\"arn:t2\",\"DesiredStatus\":\"RUNNING\",\"KnownStatus\":\"PENDING\","               \
    "\"Family\":\"job\",\"Version\":\"1\",\"Containers\":[]}"
#define T_EMPTY                                                                                    \
    "{\"Arn\":\"\",\"KnownStatus\":\"\",\"Family\":\"\",\"Version\":\"\",\"Containers\":null}"

/* INTRO-104: internal containers and those that Docker does not know are left out. */
START_TEST(tasks_are_listed_with_their_own_containers)
{
    ck_assert_str_eq(ask("/v1/tasks", NULL), "{\"Tasks\":[" T1 "," T2 "]}");
    ck_assert_str_eq(ask("/v1/tasks", ""), "{\"Tasks\":[" T1 "," T2 "]}");
    ck_assert_str_eq(ask("/v1/tasks", "other=1"), "{\"Tasks\":[" T1 "," T2 "]}");
    task_count = 0;
    ck_assert_str_eq(ask("/v1/tasks", NULL), "{\"Tasks\":[]}");
}
END_TEST

/* INTRO-105 */
START_TEST(a_desired_status_of_the_past_is_left_out)
{
    static const struct {
        const char *known, *desired;
        bool shown;
    } rows[] = {{"PENDING", "RUNNING", true},  {"PENDING", "STOPPED", true},
                {"RUNNING", "RUNNING", true},  {"RUNNING", "STOPPED", true},
                {"STOPPED", "STOPPED", true},  {"RUNNING", "PENDING", false},
                {"STOPPED", "RUNNING", false}, {"STOPPED", "PENDING", false}};

    task_count = 1;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tasks[0].known_status = rows[i].known;
        tasks[0].desired_status = rows[i].desired;
        ck_assert_msg((strstr(ask("/v1/tasks", NULL), "DesiredStatus") != NULL) == rows[i].shown,
                      "%s, %s", rows[i].known, rows[i].desired);
    }
}
END_TEST

/* INTRO-106 */
START_TEST(one_task_by_arn_or_full_docker_id)
{
    static const struct {
        const char *query;
        int status;
        const char *body;
    } rows[] = {
        {"taskarn=arn:t1", 200, T1},     {"taskarn=arn%3At1", 200, T1},
        {"x=y&taskarn=arn:t2", 200, T2}, {"dockerid=abc123", 200, T1},
        {"dockerid=abc", 404, T_EMPTY},  {"taskarn=arn:other", 404, T_EMPTY},
        {"taskarn=", 404, T_EMPTY},      {"taskarn", 404, T_EMPTY},
        {"dockerid=", 404, T_EMPTY},     {"taskarn=arn:t1&dockerid=abc123", 400, ""},
        {"taskarn=&dockerid=", 400, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(strcmp(ask("/v1/tasks", rows[i].query), rows[i].body) == 0, "%s: %s",
                      rows[i].query, eca_buf_str(&response.body));
        ck_assert_int_eq(response.status, rows[i].status);
    }
}
END_TEST

static void add_file(const char *path, struct eca_buf *out)
{
    FILE *file = fopen(path, "r");
    int c;

    ck_assert_msg(file != NULL, "%s: tests run in the repository's folder", path);
    while ((c = fgetc(file)) != EOF) {
        eca_buf_add_char(out, (char)c);
    }
    (void)fclose(file);
}

/* INTRO-107, PROC-504 */
START_TEST(the_license_is_that_of_the_repository)
{
    eca_auto_buf struct eca_buf expected = {0};

    add_file("LICENSE", &expected);
    eca_buf_add_str(&expected, "\n========================================"
                               "========================================\n");
    add_file("NOTICE", &expected);
    eca_buf_add_char(&expected, '\n');
    ck_assert_str_eq(ask("/license", NULL), eca_buf_str(&expected));
    ck_assert_int_eq(response.status, 200);
    ck_assert(strncmp(response.content_type, "text/plain", 10) == 0);
}
END_TEST

/* INTRO-108 */
START_TEST(only_get_and_head_are_allowed)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "get"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        ck_assert_str_eq(ask_as(methods[i], "/v1/tasks", NULL), "");
        ck_assert_int_eq(response.status, 405);
        ck_assert_str_eq(response.extra_headers[0][1], "GET, HEAD");
    }
    (void)ask_as("HEAD", "/v1/tasks", NULL);
    ck_assert_int_eq(response.status, 200);
}
END_TEST

/* INTRO-120 */
START_TEST(health_is_lost_with_acs_docker_or_store)
{
    static const char *const names[] = {"ecs-orphan-1"};

    ck_assert_ptr_nonnull(strstr(ask("/v1/health", NULL), "\"Healthy\":true"));
    ck_assert_int_eq(response.status, 200);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&response.body),
                                 "\"ACS\":{\"Enabled\":true,\"Connected\":true,\"Since\":"
                                 "\"1970-01-01T00:00:01Z\",\"LastFrameAgeMs\":9998000,"
                                 "\"Reconnects\":2,\"LastError\":\"\"}"));
    health.docker_reachable = false;
    (void)ask("/v1/health", NULL);
    ck_assert_int_eq(response.status, 503);
    health.docker_reachable = true;
    health.store_ok = false;
    (void)ask("/v1/health", NULL);
    ck_assert_int_eq(response.status, 503);
    health.store_ok = true;
    health.acs.connected = false;
    health.acs.since_ms = health.now_ms - 300000;
    (void)ask("/v1/health", NULL);
    ck_assert_int_eq(response.status, 200);
    health.acs.since_ms -= 1;
    (void)ask("/v1/health", NULL);
    ck_assert_int_eq(response.status, 503);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&response.body), "\"Healthy\":false"));
    health.acs.since_ms = 0; /* never connected: counts from the start */
    health.started_ms = health.now_ms - 299000;
    health.unmanaged = names;
    health.unmanaged_count = 1;
    ck_assert_ptr_nonnull(strstr(ask("/v1/health", NULL), "\"Unmanaged\":[\"ecs-orphan-1\"]"));
    ck_assert_int_eq(response.status, 200);
}
END_TEST

/* INTRO-121 */
START_TEST(a_task_says_what_it_waits_for)
{
    tasks[0] = tasks[1];
    task_count = 1;
    tasks[0].waiting_reason = "pulling";
    tasks[0].waiting_detail = "app: \"busybox\"";
    tasks[0].waiting_since_ms = 1479198600000;
    ck_assert_ptr_nonnull(
        strstr(ask("/v1/tasks", NULL),
               "\"Waiting\":{\"Reason\":\"pulling\",\"Since\":\"2016-11-15T08:30:00Z\","
               "\"Detail\":\"app: \\\"busybox\\\"\"}"));
}
END_TEST

/* INTRO-122: counts by operation and outcome, and a histogram whose buckets hold the lower ones. */
START_TEST(calls_are_counted_with_their_durations)
{
    struct eca_tally docker = {0}, api = {0};
    const char *text;

    eca_tally_add(&docker, "create", "done", 4);
    eca_tally_add(&docker, "create", "done", 700);
    eca_tally_add(&docker, "create", "failed", 700000);
    eca_tally_add(&api, "SubmitTaskStateChange", "throttled", 20);
    health.docker_calls = &docker;
    health.api_calls = &api;
    health.acks = 3;
    health.lag_max_ns = 12000000;
    health.containers_running = 5;
    text = ask("/metrics", NULL);
    static const char *const lines[] = {
        "ecs_agent_docker_calls_total{operation=\"create\",outcome=\"done\"} 2\n",
        "ecs_agent_docker_calls_total{operation=\"create\",outcome=\"failed\"} 1\n",
        "ecs_agent_docker_call_seconds_bucket{operation=\"create\",le=\"0.005\"} 1\n",
        "ecs_agent_docker_call_seconds_bucket{operation=\"create\",le=\"0.500\"} 1\n",
        "ecs_agent_docker_call_seconds_bucket{operation=\"create\",le=\"2.500\"} 2\n",
        "ecs_agent_docker_call_seconds_bucket{operation=\"create\",le=\"600.000\"} 2\n",
        "ecs_agent_docker_call_seconds_bucket{operation=\"create\",le=\"+Inf\"} 3\n",
        "ecs_agent_docker_call_seconds_sum{operation=\"create\"} 700.704\n",
        "ecs_agent_docker_call_seconds_count{operation=\"create\"} 3\n",
        "ecs_agent_api_calls_total{operation=\"SubmitTaskStateChange\",outcome=\"throttled\"} 1\n",
        "ecs_agent_session_acks_total 3\n",
        "ecs_agent_loop_lag_max_seconds 0.012\n",
        "ecs_agent_containers{status=\"RUNNING\"} 5\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ck_assert_msg(strstr(text, lines[i]) != NULL, "no %s in:\n%s", lines[i], text);
    }
    eca_tally_clear(&docker);
    eca_tally_clear(&api);
    health.docker_calls = health.api_calls = NULL;
}
END_TEST

/* INTRO-122: each figure under its own name and labels. */
START_TEST(every_figure_has_its_metric)
{
    static const char *const lines[] = {
        "ecs_agent_session_connected{session=\"acs\"} 0\n",
        "ecs_agent_session_connected{session=\"tcs\"} 1\n",
        "ecs_agent_session_connects_total{session=\"acs\"} 101\n",
        "ecs_agent_session_connects_total{session=\"tcs\"} 102\n",
        "ecs_agent_session_frames_total{session=\"acs\"} 103\n",
        "ecs_agent_session_frames_total{session=\"tcs\"} 104\n",
        "ecs_agent_session_acks_total 105\n",
        "ecs_agent_input_rejected_total{source=\"acs\"} 106\n",
        "ecs_agent_input_rejected_total{source=\"tcs\"} 107\n",
        "ecs_agent_input_rejected_total{source=\"docker\"} 108\n",
        "ecs_agent_docker_reachable 1\n",
        "ecs_agent_tasks{status=\"PENDING\"} 109\n",
        "ecs_agent_tasks{status=\"RUNNING\"} 110\n",
        "ecs_agent_tasks{status=\"STOPPED\"} 111\n",
        "ecs_agent_containers{status=\"PENDING\"} 112\n",
        "ecs_agent_containers{status=\"RUNNING\"} 113\n",
        "ecs_agent_containers{status=\"STOPPED\"} 114\n",
        "ecs_agent_containers_watched 115\n",
        "ecs_agent_submissions_pending 116\n",
        "ecs_agent_submission_queues 117\n",
        "ecs_agent_submissions_total{outcome=\"accepted\"} 118\n",
        "ecs_agent_submissions_total{outcome=\"retried\"} 119\n",
        "ecs_agent_submissions_total{outcome=\"dropped\"} 120\n",
        "ecs_agent_commits_total{outcome=\"ok\"} 121\n",
        "ecs_agent_commits_total{outcome=\"failed\"} 122\n",
        "ecs_agent_loop_lag_seconds 0.123\n",
        "ecs_agent_loop_lag_max_seconds 0.124\n",
        "ecs_agent_log_records_total{level=\"debug\"} 125\n",
        "ecs_agent_log_records_total{level=\"critical\"} 129\n",
        "ecs_agent_resident_memory_bytes 130\n",
        "ecs_agent_open_descriptors 131\n",
        "ecs_agent_threads 132\n",
    };
    const char *text;

    health = (struct eca_view_health){
        .acs = {.connects = 101, .frames = 103, .undecodable = 106},
        .tcs = {.connected = true, .connects = 102, .frames = 104, .undecodable = 107},
        .acks = 105,
        .docker_bad_answers = 108,
        .docker_reachable = true,
        .tasks_pending = 109,
        .tasks_running = 110,
        .tasks_stopped = 111,
        .containers_pending = 112,
        .containers_running = 113,
        .containers_stopped = 114,
        .watched = 115,
        .reports_pending = 116,
        .report_queues = 117,
        .reports_accepted = 118,
        .reports_failed = 119,
        .reports_dropped = 120,
        .commits = 121,
        .commit_failures = 122,
        .lag_ns = 123000000,
        .lag_max_ns = 124000000,
        .log_counts = {125, 126, 127, 128, 129},
        .rss_bytes = 130,
        .descriptors = 131,
        .threads = 132,
    };
    text = ask("/metrics", NULL);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ck_assert_msg(strstr(text, lines[i]) != NULL, "no %s in:\n%s", lines[i], text);
    }
}
END_TEST

/* INTRO-120: both sessions, Docker, the disk and what waits, each under its own name. */
START_TEST(health_has_every_figure)
{
    static const char *const parts[] = {
        "\"UptimeMs\":9999500",
        "\"TCS\":{\"Enabled\":true,\"Connected\":false,\"Since\":\"1970-01-01T00:00:03Z\","
        "\"LastFrameAgeMs\":9996000,\"Reconnects\":4,\"LastError\":\"cut off\"}",
        "\"Docker\":{\"Reachable\":true,\"LastPingMs\":4,\"EventStreamSince\":"
        "\"1970-01-01T00:00:06Z\"}",
        "\"State\":{\"Durable\":true,\"LastCommitAgeMs\":9993000,\"Pending\":8}",
        "\"Submissions\":{\"Pending\":9,\"OldestAgeMs\":9990000}",
        "\"Tasks\":{\"PENDING\":11,\"RUNNING\":12,\"STOPPED\":13}",
    };
    const char *text;

    health.tcs = (struct eca_view_session){.enabled = true,
                                           .since_ms = 3000,
                                           .last_frame_ms = 4000,
                                           .connects = 5,
                                           .last_error = "cut off"};
    health.events_since_ms = 6000;
    health.last_commit_ms = 7000;
    health.commits_pending = 8;
    health.reports_pending = 9;
    health.oldest_report_ms = 10000;
    health.tasks_pending = 11;
    health.tasks_running = 12;
    health.tasks_stopped = 13;
    text = ask("/v1/health", NULL);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        ck_assert_msg(strstr(text, parts[i]) != NULL, "no %s in:\n%s", parts[i], text);
    }
    ck_assert_int_eq(response.status, 200); /* telemetry away is no reason for another */
}
END_TEST

/* INTRO-122: every line of the text format is a comment or "name{labels} number". */
START_TEST(metrics_have_the_text_format)
{
    const char *line;
    size_t samples = 0;

    line = ask("/metrics", NULL);
    ck_assert_ptr_nonnull(strstr(line, "ecs_agent_session_connected{session=\"acs\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(line, "ecs_agent_session_frames_total{session=\"acs\"} 7\n"));
    ck_assert_ptr_nonnull(strstr(line, "ecs_agent_uptime_seconds 9999.500\n"));
    ck_assert(strncmp(response.content_type, "text/plain; version=0.0.4", 25) == 0);
    while (*line != '\0') {
        size_t len = strcspn(line, "\n");
        const char *space = memchr(line, ' ', len);

        ck_assert(line[len] == '\n');
        if (strncmp(line, "# HELP ", 7) != 0 && strncmp(line, "# TYPE ", 7) != 0) {
            const char *last = line + len;

            while (last > line && last[-1] != ' ') {
                last--;
            }
            ck_assert_ptr_nonnull(space);
            ck_assert_uint_eq(strspn(last, "0123456789."), (size_t)(line + len - last));
            ck_assert_uint_gt(strspn(line, "abcdefghijklmnopqrstuvwxyz_"), 10);
            samples++;
        }
        line += len + 1;
    }
    ck_assert_uint_gt(samples, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("introspection");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, unknown_paths_list_the_commands);
    tcase_add_test(tcase, metadata_names_cluster_instance_and_version);
    tcase_add_test(tcase, tasks_are_listed_with_their_own_containers);
    tcase_add_test(tcase, a_desired_status_of_the_past_is_left_out);
    tcase_add_test(tcase, one_task_by_arn_or_full_docker_id);
    tcase_add_test(tcase, the_license_is_that_of_the_repository);
    tcase_add_test(tcase, only_get_and_head_are_allowed);
    tcase_add_test(tcase, health_is_lost_with_acs_docker_or_store);
    tcase_add_test(tcase, a_task_says_what_it_waits_for);
    tcase_add_test(tcase, calls_are_counted_with_their_durations);
    tcase_add_test(tcase, every_figure_has_its_metric);
    tcase_add_test(tcase, health_has_every_figure);
    tcase_add_test(tcase, metrics_have_the_text_format);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
