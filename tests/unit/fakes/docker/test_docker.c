#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "fakes/docker/daemon.h"
#include "tests/unit/fakes/stage.h"

static struct stage stage;
static struct fake_docker *docker;
static struct client last;

static void open_stage(struct fake_docker_opts opts)
{
    stage_open(&stage);
    opts.base = stage.base;
    docker = fake_docker_new(&opts);
    fake_memory_map(stage.memory, "/d", "docker");
    fake_docker_add_image(docker, &(struct fake_docker_image){.name = "busybox", .present = true});
    memset(&last, 0, sizeof(last));
}

static void setup(void)
{
    open_stage((struct fake_docker_opts){0});
}

static void teardown(void)
{
    client_clear(&last);
    stage_drop_carrier(&stage);
    fake_docker_free(docker);
    stage_close(&stage);
}

/* One exchange; the answer stays in `last`. Returns the status. */
static int call_body(const char *method, const char *path, const char *body)
{
    eca_auto_buf struct eca_buf url = {0};
    struct ask ask = {.method = method, .unix_socket = "/d", .body = body, .total_ms = 600000};

    client_clear(&last);
    eca_buf_addf(&url, "http://docker%s", path);
    ask.url = eca_buf_str(&url);
    client_run(&last, &stage, &ask);
    return last.status;
}

static int call(const char *method, const char *path)
{
    return call_body(method, path, NULL);
}

static const char *answer(void)
{
    return eca_buf_str(&last.body);
}

static bool answer_has(const char *part)
{
    return strstr(answer(), part) != NULL;
}

static const char web_body[] =
    "{\"Image\":\"busybox\",\"Cmd\":null,\"Labels\":{\"com.amazonaws.ecs.task-arn\":"
    "\"arn:aws:ecs:us-west-2:1:task/web\",\"com.amazonaws.ecs.container-name\":\"app\"},"
    "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},"
    "\"HostConfig\":{\"PortBindings\":{\"80/tcp\":[{\"HostIP\":\"0.0.0.0\",\"HostPort\":\"0\"}],"
    "\"53/udp\":[{\"HostIP\":\"0.0.0.0\",\"HostPort\":\"5353\"}]}}}";

static void start_web(void)
{
    ck_assert_int_eq(call_body("POST", "/v1.17/containers/create?name=web-1", web_body), 201);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/start"), 204);
}

/* An event stream that reads on. */
static struct client events;

static void listen(const char *query)
{
    eca_auto_buf struct eca_buf url = {0};
    struct ask ask = {.unix_socket = "/d", .endless = true};

    eca_buf_addf(&url, "http://docker/events%s", query);
    ask.url = eca_buf_str(&url);
    client_start(&events, &stage, &ask);
    manual_clock_advance_ms(&stage.clock, 10);
}

static size_t count_in(const struct eca_buf *text, const char *part)
{
    size_t count = 0;

    for (const char *at = eca_buf_str(text); (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

/* "kill die stop ": the statuses of old-format events, in order. */
static void statuses_in(const struct eca_buf *text, struct eca_buf *out)
{
    static const char front[] = "{\"status\":\"";

    for (const char *at = eca_buf_str(text); (at = strstr(at, front)) != NULL;) {
        at += strlen(front);
        eca_buf_add(out, at, strcspn(at, "\""));
        eca_buf_add_char(out, ' ');
    }
}

/* DKR-F01: targets in absolute form, without version, with a trailing '?'. */
START_TEST(odd_targets_are_understood)
{
    ck_assert_int_eq(call("GET", "/_ping"), 200);
    ck_assert_str_eq(answer(), "OK");
    ck_assert_int_eq(call("GET", "/v1.17/version"), 200);
    ck_assert(answer_has("\"ApiVersion\":\"1.24\""));
    ck_assert_int_eq(call("GET", "/v1.17/containers/json?"), 200);
    ck_assert_str_eq(answer(), "[]");
    ck_assert_int_eq(call("GET", "/v1.17/images/busybox:latest/json"), 200);
    ck_assert_int_eq(call("GET", "/v1.17/images/library/busybox/json"), 200);
    ck_assert_int_eq(call("GET", "/v1.17/nonsense"), 404);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 1);
}
END_TEST

/* DKR-F02, DKR-L01: each version in its own words. */
START_TEST(errors_speak_the_version_asked_for)
{
    static const struct {
        const char *min, *max, *path;
        int status;
        const char *body;
    } rows[] = {
        {"1.12", "1.24", "/v1.17/containers/x/json", 404, "No such container: x\n"},
        {"1.12", "1.24", "/v1.24/containers/x/json", 404,
         "{\"message\":\"No such container: x\"}\n"},
        {"1.12", "1.24", "/containers/x/json", 404, "{\"message\":\"No such container: x\"}\n"},
        {"1.12", "1.17", "/v1.18/version", 400,
         "client is newer than server (client API version: 1.18, server API version: 1.17)\n"},
        {"1.24", "1.41", "/v1.17/_ping", 400,
         "client version 1.17 is too old. Minimum supported API version is 1.24, please upgrade "
         "your client to a newer version\n"},
        {"1.12", "1.41", "/v1.42/_ping", 400,
         "{\"message\":\"client version 1.42 is too new. Maximum supported API version is "
         "1.41\"}\n"},
        {"1.44", "1.47", "/v1.17/_ping", 400,
         "{\"message\":\"client version 1.17 is too old. Minimum supported API version is 1.44, "
         "please upgrade your client to a newer version\"}\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_docker_set_versions(docker, "x", rows[i].max, rows[i].min);
        ck_assert_int_eq(call("GET", rows[i].path), rows[i].status);
        ck_assert_str_eq(answer(), rows[i].body);
    }
}
END_TEST

START_TEST(a_container_lives_and_dies)
{
    start_web();
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/start"), 304);
    ck_assert_int_eq(call("GET", "/v1.17/containers/web-1/json"), 200);
    ck_assert(answer_has("\"Running\":true"));
    ck_assert(answer_has("\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"32768\"}]"));
    ck_assert(answer_has("\"53/udp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"5353\"}]"));
    ck_assert(answer_has("\"FinishedAt\":\"0001-01-01T00:00:00Z\""));
    ck_assert_int_eq(call("DELETE", "/v1.17/containers/web-1?v=1"), 409);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/stop?t=30"), 204);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/stop?t=30"), 304);
    ck_assert_int_eq(call("GET", "/v1.17/containers/web-1/json"), 200);
    ck_assert(answer_has("\"Running\":false"));
    ck_assert_int_eq(call("DELETE", "/v1.17/containers/web-1?v=1"), 204);
    ck_assert_int_eq(call("GET", "/v1.17/containers/web-1/json"), 404);
    ck_assert_uint_eq(fake_docker_count(docker), 0);

    eca_auto_buf struct eca_buf trace = {0};
    stage_print(&stage, &trace);
    static const char *const expected[] = {
        "docker create {\"container\":\"web/app\",\"name\":\"web-1\",\"image\":\"busybox\"}\n"
        "docker created {\"container\":\"web/app\"}\n",
        "docker start {\"container\":\"web/app\"}\n"
        "docker running {\"container\":\"web/app\",\"ports\":[\"32768->80/tcp\","
        "\"5353->53/udp\"]}\n",
        "docker remove.failed {\"container\":\"web/app\",\"status\":409",
        "docker stop {\"container\":\"web/app\",\"timeout\":\"30\"}\n"
        "docker exited {\"container\":\"web/app\",\"exitCode\":0}\n",
        "docker removed {\"container\":\"web/app\"}\n",
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        ck_assert_msg(strstr(eca_buf_str(&trace), expected[i]) != NULL, "%s\nin\n%s", expected[i],
                      eca_buf_str(&trace));
    }
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
}
END_TEST

START_TEST(creates_that_cannot_be_are_refused)
{
    static const struct {
        const char *name, *body;
        int status;
        const char *text;
    } rows[] = {
        {"a1", "{\"Image\":\"nothing\"}", 404, "No such image: nothing:latest"},
        {"a1", "not json", 500, "JSON: byte 0: want a value"},
        {"-bad", "{\"Image\":\"busybox\"}", 400, "Invalid container name"},
        {"taken", "{\"Image\":\"busybox\"}", 409,
         "Conflict. The name \"/taken\" is already in use"},
        {"a1", "{\"Image\":\"busybox\",\"Memory\":1000}", 400, "Minimum memory limit"},
        {"a1", "{\"Image\":\"busybox\",\"HostConfig\":{\"Links\":[\"gone:x\"]}}", 400,
         "Could not get container for gone"},
        {"a1", "{\"Image\":\"busybox\",\"HostConfig\":{\"VolumesFrom\":[\"gone:ro\"]}}", 404,
         "No such container: gone"},
        {"a1", "{\"Image\":\"busybox\",\"HostConfig\":{\"PortBindings\":{\"x/tcp\":[{}]}}}", 400,
         "invalid port"},
        {"a1", "{\"Image\":\"busybox\",\"HostConfig\":{\"Binds\":[\"/a:/data\",\"/b:/data:ro\"]}}",
         400, "Duplicate mount point: /data"},
    };

    ck_assert_int_eq(
        call_body("POST", "/v1.17/containers/create?name=taken", "{\"Image\":\"busybox\"}"), 201);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_buf struct eca_buf path = {0};
        eca_buf_addf(&path, "/v1.17/containers/create?name=%s", rows[i].name);
        ck_assert_int_eq(call_body("POST", eca_buf_str(&path), rows[i].body), rows[i].status);
        ck_assert_msg(answer_has(rows[i].text), "%zu: %s", i, answer());
        ck_assert_uint_eq(fake_docker_count(docker), 1);
    }
}
END_TEST

#define HOST(members) "{\"Image\":\"busybox\",\"HostConfig\":{" members "}}"
#define CONFIG(members) "{\"Image\":\"busybox\"," members "}"

/* As a daemon of API 1.41 has them, which tests/real-docker/test_fake.sh compares. */
START_TEST(creates_are_refused_in_the_words_of_the_daemon)
{
    static const struct {
        const char *body;
        int status;
        const char *text;
    } rows[] = {
        {"null", 400, "Config cannot be empty in order to create a container"},
        {"{}", 400, "Config cannot be empty in order to create a container"},
        {"[]", 500, "json: cannot unmarshal array into Go value of type"},
        {"{\"Image\":5}", 500,
         "json: cannot unmarshal number into Go struct field ContainerConfigWrapper.Image of type "
         "string"},
        {CONFIG("\"Env\":[\"a\",1]"), 500,
         "json: cannot unmarshal number into Go struct field ContainerConfigWrapper.Env of type "
         "string"},
        {HOST("\"Privileged\":\"yes\""), 500,
         "json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Privileged of "
         "type bool"},
        {HOST("\"PortBindings\":{\"80/tcp\":[{\"HostPort\":80}]}"), 500,
         "PortBinding.HostConfig.PortBindings.HostPort of type string"},
        {"{\"Image\":\"Upper\"}", 400,
         "invalid reference format: repository name must be lowercase"},
        {"{\"Image\":\"a//b\"}", 400, "invalid reference format"},
        {"{\"Image\":\"a@sha256:12\"}", 400, "invalid reference format"},
        {HOST("\"Memory\":6291455"), 400, "Minimum memory limit allowed is 6MB"},
        {HOST("\"Memory\":-5"), 400, "Minimum memory limit allowed is 6MB"},
        {HOST("\"Memory\":8000000,\"MemorySwap\":7000000"), 400,
         "Minimum memoryswap limit should be larger"},
        {HOST("\"MemorySwap\":7000000"), 400, "You should always set the Memory limit"},
        {HOST("\"Memory\":8000000,\"MemoryReservation\":9000000"), 400,
         "can not be less than memory reservation"},
        {HOST("\"MemorySwappiness\":101"), 400, "valid memory swappiness range is 0-100"},
        {HOST("\"OomScoreAdj\":-1001"), 400, "range for oom score adj is [-1000, 1000]"},
        {HOST("\"CpusetCpus\":\"0,x\""), 400, "Invalid value 0,x for cpuset cpus"},
        {HOST("\"CpusetCpus\":\"0-7\""), 400,
         "Requested CPUs are not available - requested 0-7, available: 0-1"},
        {HOST("\"ShmSize\":-1"), 400, "SHM size can not be less than 0"},
        {CONFIG("\"WorkingDir\":\"rel\""), 400, "needs to be an absolute path"},
        {CONFIG("\"Env\":[\"=x\"]"), 400, "invalid environment variable: =x"},
        {CONFIG("\"StopSignal\":\"SIGNOPE\""), 400, "Invalid signal: SIGNOPE"},
        {HOST("\"RestartPolicy\":{\"Name\":\"sometimes\"}"), 400,
         "invalid restart policy 'sometimes'"},
        {HOST("\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":1}"), 400,
         "maximum retry count cannot be used with restart policy 'always'"},
        {HOST("\"LogConfig\":{\"Type\":\"nobody\"}"), 400,
         "error looking up logging plugin nobody: plugin \\\"nobody\\\" not found"},
        {HOST("\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"x\":\"1\"}}"), 400,
         "unknown log opt 'x' for json-file log driver"},
        {HOST("\"CapAdd\":[\"NONSENSE\"]"), 400,
         "invalid CapAdd: unknown capability: \\\"CAP_NONSENSE\\\""},
        {HOST("\"CapDrop\":[\"NET_ADMIN\",\"CAP_X\"]"), 400,
         "invalid CapDrop: unknown capability: \\\"CAP_X\\\""},
        {HOST("\"ExtraHosts\":[\"bad\"]"), 400, "bad format for add-host: \\\"bad\\\""},
        {HOST("\"Binds\":[\"/a:data\"]"), 500,
         "invalid mount path: 'data' mount path must be absolute"},
        {HOST("\"Binds\":[\"/a:/\"]"), 500, "destination can't be '/'"},
        {HOST("\"Binds\":[\"/a:/d:qq\"]"), 500, "invalid mode: qq"},
        {HOST("\"Binds\":[\"\"]"), 500, "invalid volume specification: ''"},
        {HOST("\"Binds\":[\"a/b:/d\"]"), 400,
         "includes invalid characters for a local volume name"},
        {HOST("\"Binds\":[\"x:/d\"]"), 400, "volume name is too short"},
        {HOST("\"VolumeDriver\":\"nobody\",\"Binds\":[\"vol:/d\"]"), 404,
         "error looking up volume plugin nobody"},
        {HOST("\"VolumesFrom\":[\"gone\"]"), 400, "No such container: gone"},
        {HOST("\"VolumesFrom\":[\"gone:wx\"]"), 400, "invalid mode: wx"},
        {HOST("\"Links\":[\"gone:x\"]"), 400,
         "could not get container for gone: No such container: gone"},
        {HOST("\"Links\":[\"a:b:c\"]"), 500, "bad format for links: a:b:c"},
        {HOST("\"Links\":[\"a:b\"],\"NetworkMode\":\"host\""), 400,
         "host type networking can't be used with links"},
        {HOST("\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"99999\"}]}"), 400,
         "invalid port specification: \\\"99999\\\""},
    };
    static const char *const fine[] = {
        "{\"Image\":\"busybox\"}",
        HOST("\"Unknown\":{},\"Memory\":null,\"Binds\":null,\"CpusetCpus\":\"0-1\""),
        HOST("\"Memory\":6291456,\"MemorySwap\":-1,\"CapAdd\":[\"CAP_NET_ADMIN\",\"ALL\"]"),
        HOST("\"Binds\":[\"/only\",\"vol:/d:ro,z\"],\"RestartPolicy\":{\"Name\":\"on-failure\","
             "\"MaximumRetryCount\":3}"),
        HOST("\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1m\"}}"),
        CONFIG("\"Cmd\":\"sleep 1\",\"StopSignal\":\"INT\",\"ExposedPorts\":{\"x\":{}}"),
    };

    fake_docker_set_versions(docker, "20.10.24", "1.41", "1.12");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(call_body("POST", "/containers/create?name=refused", rows[i].body) ==
                              rows[i].status &&
                          answer_has(rows[i].text),
                      "%zu: %d %s", i, last.status, answer());
    }
    ck_assert_uint_eq(fake_docker_count(docker), 0);
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        ck_assert_msg(call_body("POST", "/containers/create", fine[i]) == 201, "%zu: %s", i,
                      answer());
    }
}
END_TEST

START_TEST(starts_are_refused_in_the_words_of_the_daemon)
{
    static const struct {
        const char *body;
        int status;
        const char *text;
    } rows[] = {
        {HOST("\"NetworkMode\":\"nobody\""), 404, "network nobody not found"},
        {HOST("\"NetworkMode\":\"container:gone\""), 404, "No such container: gone"},
        {HOST("\"LogConfig\":{\"Type\":\"nobody\"}"), 500,
         "Failed to initialize logging driver: logger: no log driver named 'nobody'"},
        {CONFIG("\"Cmd\":[\"not-applicable\"]"), 500, "executable file not found in $PATH"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(call_body("POST", "/v1.17/containers/create?name=odd", rows[i].body), 201);
        ck_assert_msg(call("POST", "/v1.17/containers/odd/start") == rows[i].status &&
                          answer_has(rows[i].text),
                      "%zu: %d %s", i, last.status, answer());
        ck_assert_int_eq(fake_docker_state(docker, "odd"), FAKE_DOCKER_CREATED);
        ck_assert_int_eq(call("DELETE", "/v1.17/containers/odd"), 204);
    }
    (void)call_body("POST", "/v1.24/containers/create?name=new", "{\"Image\":\"busybox\"}");
    ck_assert_int_eq(call_body("POST", "/v1.24/containers/new/start", "{\"Binds\":null}"), 400);
    ck_assert(answer_has("non-empty request body"));
    ck_assert_int_eq(call_body("POST", "/v1.24/containers/new/start", "null"), 204);
    (void)call_body("POST", "/v1.17/containers/create?name=old", "{\"Image\":\"busybox\"}");
    ck_assert_int_eq(call_body("POST", "/v1.17/containers/old/start", "{\"Binds\":null}"), 204);
}
END_TEST

/* What does not fit the state that a container is in; signals that end it and those that do not. */
START_TEST(states_refuse_what_does_not_fit)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *text;
    } rows[] = {
        {"POST", "/kill?signal=NOPE", 400, "Invalid signal: NOPE"},
        {"POST", "/kill?signal=WINCH", 204, ""},
        {"POST", "/kill?signal=28", 204, ""},
        {"POST", "/stop?t=abc", 500, "parsing \\\"abc\\\": invalid syntax"},
        {"DELETE", "", 409, "You cannot remove a running container"},
        {"POST", "/pause", 204, ""},
        {"POST", "/pause", 409, "is already paused"},
        {"POST", "/start", 409, "cannot start a paused container, try unpause instead"},
        {"DELETE", "", 409, "You cannot remove a paused container"},
        {"POST", "/unpause", 204, ""},
        {"POST", "/unpause", 500, "is not paused"},
        {"POST", "/kill?signal=SIGTERM", 204, ""},
        {"POST", "/kill", 409, "Cannot kill container: web-1: Container "},
        {"POST", "/pause", 409, "is not running"},
        {"POST", "/stop?t=1", 304, ""},
    };

    fake_docker_set_versions(docker, "20.10.24", "1.41", "1.12");
    start_web();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_buf struct eca_buf path = {0};
        eca_buf_addf(&path, "/containers/web-1%s", rows[i].path);
        ck_assert_msg(call(rows[i].method, eca_buf_str(&path)) == rows[i].status &&
                          answer_has(rows[i].text),
                      "%zu: %d %s", i, last.status, answer());
        manual_clock_advance_ms(&stage.clock, 10);
    }
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "exited", "\"exitCode\":0"), 1);
    /* A daemon of old says it otherwise. */
    fake_docker_set_versions(docker, NULL, "1.24", "1.12");
    ck_assert_int_eq(call("POST", "/containers/web-1/kill"), 500);
    ck_assert(answer_has("Cannot kill container web-1: Container "));
    ck_assert_int_eq(call("POST", "/containers/web-1/start"), 204);
    ck_assert_int_eq(call("POST", "/containers/web-1/stop?t=abc"), 204);
    ck_assert_int_eq(call("POST", "/containers/web-1/start"), 204);
    ck_assert_int_eq(call("DELETE", "/containers/web-1"), 409);
    ck_assert(answer_has("or use -f"));
}
END_TEST

START_TEST(a_list_has_the_newest_first_and_what_is_asked_for)
{
    static const struct {
        const char *query;
        const char *names; /* in this order */
    } rows[] = {
        {"", "web-1 "},
        {"?all=1", "third second web-1 "},
        {"?all=0", "web-1 "},
        {"?limit=2", "third second "},
        {"?all=1&filters=%7B%22name%22%3A%5B%22eb-%22%5D%7D", "web-1 "},
        {"?filters=%7B%22status%22%3A%7B%22created%22%3Atrue%7D%7D", "third second "},
        {"?all=1&filters=%7B%22label%22%3A%5B%22colour%3Dblue%22%5D%7D", "third "},
        {"?all=1&filters=%7B%22label%22%3A%5B%22colour%22%5D%7D", "third "},
        {"?all=1&filters=%7B%22label%22%3A%5B%22colour%3Dred%22%5D%7D", ""},
    };

    start_web();
    (void)call_body("POST", "/containers/create?name=second", "{\"Image\":\"busybox\"}");
    (void)call_body("POST", "/containers/create?name=third",
                    CONFIG("\"Labels\":{\"colour\":\"blue\"}"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const char front[] = "\"Names\":[\"/";
        eca_auto_buf struct eca_buf path = {0}, names = {0};

        eca_buf_addf(&path, "/containers/json%s", rows[i].query);
        ck_assert_int_eq(call("GET", eca_buf_str(&path)), 200);
        for (const char *at = answer(); (at = strstr(at, front)) != NULL;) {
            at += strlen(front);
            eca_buf_add(&names, at, strcspn(at, "\""));
            eca_buf_add_char(&names, ' ');
        }
        ck_assert_msg(strcmp(eca_buf_str(&names), rows[i].names) == 0, "%zu: %s", i,
                      eca_buf_str(&names));
    }
    ck_assert_int_eq(call("GET", "/containers/json?filters=nonsense"), 500);
}
END_TEST

/* Of an event stream only what is wanted comes, and it ends at the time that is asked for. */
START_TEST(event_streams_are_filtered_and_end)
{
    static const struct {
        const char *filters, *statuses;
    } rows[] = {
        {"%7B%22event%22%3A%5B%22die%22%2C%22stop%22%5D%7D", "die stop "},
        {"%7B%22event%22%3A%7B%22start%22%3Atrue%7D%2C%22container%22%3A%5B%22web-1%22%5D%7D",
         "start "},
        {"%7B%22container%22%3A%5B%22other%22%5D%7D", ""},
        {"%7B%22type%22%3A%5B%22image%22%5D%7D", ""},
        {"%7B%22image%22%3A%5B%22busybox%22%5D%2C%22event%22%3A%5B%22create%22%5D%7D", "create "},
        {"%7B%22label%22%3A%5B%22com.amazonaws.ecs.container-name%3Dapp%22%5D%2C"
         "%22event%22%3A%5B%22kill%22%5D%7D",
         "kill "},
        {"%7B%22label%22%3A%5B%22a%3Db%22%5D%7D", ""},
    };
    eca_auto_buf struct eca_buf query = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_buf struct eca_buf seen = {0}, filters = {0};

        eca_buf_addf(&filters, "?filters=%s", rows[i].filters);
        listen(eca_buf_str(&filters));
        start_web();
        (void)call("POST", "/containers/web-1/stop?t=1");
        manual_clock_advance_ms(&stage.clock, 10);
        statuses_in(&events.body, &seen);
        ck_assert_msg(strcmp(eca_buf_str(&seen), rows[i].statuses) == 0, "%zu: %s", i,
                      eca_buf_str(&seen));
        if (i == 5) {
            ck_assert_uint_eq(count_in(&events.body, "\"signal\":\"15\""), 1);
        }
        client_clear(&events);
        (void)call("DELETE", "/containers/web-1");
    }
    ck_assert_int_eq(call("GET", "/events?filters=nonsense"), 500);
    eca_buf_addf(&query, "?since=1&until=%lld",
                 (long long)(eca_sched_wall_ms(stage.base.sched) / 1000 + 2));
    listen(eca_buf_str(&query));
    ck_assert(!events.done);
    ck_assert_uint_ge(count_in(&events.body, "{\"status\":\"start\""), 7);
    manual_clock_advance_ms(&stage.clock, 2100);
    ck_assert(events.done);
    ck_assert_int_eq(events.end.err.code, ECA_OK);
    client_clear(&events);
    ck_assert_int_eq(call("GET", "/events?since=1&until=2"), 200);
    ck_assert_str_eq(answer(), "");
}
END_TEST

/* FB-12: a port that is in use; it is free again after the stop. */
START_TEST(a_host_port_has_one_owner)
{
    static const char body[] = "{\"Image\":\"busybox\",\"ExposedPorts\":{\"80/tcp\":{}},"
                               "\"HostConfig\":{\"PortBindings\":"
                               "{\"80/tcp\":[{\"HostPort\":\"8080\"}]}}}";

    (void)call_body("POST", "/v1.17/containers/create?name=p1", body);
    (void)call_body("POST", "/v1.17/containers/create?name=p2", body);
    ck_assert_int_eq(call("POST", "/v1.17/containers/p1/start"), 204);
    ck_assert_int_eq(call("POST", "/v1.17/containers/p2/start"), 500);
    ck_assert(answer_has("driver failed programming external connectivity on endpoint p2 ("));
    ck_assert(answer_has("): Bind for 0.0.0.0:8080 failed: port is already allocated"));
    ck_assert_int_eq(call("POST", "/v1.17/containers/p1/stop?t=1"), 204);
    ck_assert_int_eq(call("POST", "/v1.17/containers/p2/start"), 204);
}
END_TEST

/* As the daemon: a binding of a port that is not exposed publishes nothing. */
START_TEST(what_is_not_exposed_is_not_published)
{
    (void)call_body("POST", "/v1.17/containers/create?name=p1",
                    HOST("\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}"));
    ck_assert_int_eq(call("POST", "/v1.17/containers/p1/start"), 204);
    ck_assert_int_eq(call("GET", "/v1.17/containers/p1/json"), 200);
    ck_assert(answer_has("\"Ports\":{}"));
}
END_TEST

/* DKR-531: the internal volume container cannot start; its volume is known by then. */
START_TEST(the_volume_container_fails_to_start)
{
    ck_assert_int_eq(call_body("POST",
                               "/v1.17/images/create?fromSrc=-&repo=amazon%2Fecs-emptyvolume-base"
                               "&tag=autogenerated",
                               "x"),
                     500);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 1); /* one byte is no archive */
    ck_assert(answer_has("Error processing tar file"));
    fake_docker_add_image(
        docker, &(struct fake_docker_image){.name = "amazon/ecs-emptyvolume-base:autogenerated",
                                            .present = true});
    ck_assert_int_eq(call_body("POST", "/v1.17/containers/create?name=vol",
                               "{\"Image\":\"amazon/ecs-emptyvolume-base:autogenerated\",\"Cmd\":"
                               "[\"not-applicable\"],\"Volumes\":{\"/ecs-empty-volume/a\":{}}}"),
                     201);
    ck_assert_int_eq(call("GET", "/v1.17/containers/vol/json"), 200);
    ck_assert(answer_has("\"/ecs-empty-volume/a\":\"/var/lib/docker/volumes/"));
    ck_assert_int_eq(call("GET", "/v1.20/containers/vol/json"), 200);
    ck_assert(answer_has("\"Destination\":\"/ecs-empty-volume/a\""));
    ck_assert_int_eq(call("POST", "/v1.17/containers/vol/start"), 500);
    ck_assert(answer_has("executable file not found"));
}
END_TEST

/* DKR-F04: scripts. */
START_TEST(containers_act_by_their_script)
{
    struct fake_docker_script script = {
        .container = "web/*", .exits = true, .exit_after_ms = 5000, .exit_code = 3};

    fake_docker_add_script(docker, &script);
    start_web();
    manual_clock_advance_ms(&stage.clock, 4000);
    ck_assert_int_eq(fake_docker_state(docker, "web/app"), FAKE_DOCKER_RUNNING);
    manual_clock_advance_ms(&stage.clock, 1100);
    ck_assert_int_eq(fake_docker_state(docker, "web/app"), FAKE_DOCKER_EXITED);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "exited", "\"exitCode\":3"), 1);
    (void)call("DELETE", "/v1.17/containers/web-1");

    script = (struct fake_docker_script){.container = "web/app", .ignores_term = true};
    fake_docker_add_script(docker, &script);
    start_web();
    uint64_t before_ms = manual_clock_elapsed_ms(&stage.clock);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/stop?t=30"), 204);
    ck_assert_uint_ge(last.done_ms - before_ms, 30000);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "exited", "\"exitCode\":137"), 1);
    (void)call("DELETE", "/v1.17/containers/web-1");

    script = (struct fake_docker_script){.start_error = "no space left on device"};
    fake_docker_add_script(docker, &script);
    (void)call_body("POST", "/v1.17/containers/create?name=web-1", web_body);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/start"), 500);
    ck_assert_str_eq(answer(), "no space left on device\n");
    (void)call("GET", "/v1.17/containers/web-1/json");
    ck_assert(answer_has("\"Error\":\"no space left on device\""));
    (void)call("DELETE", "/v1.17/containers/web-1");

    script = (struct fake_docker_script){.exits = true, .oom = true, .exit_after_ms = 10};
    fake_docker_add_script(docker, &script);
    start_web();
    manual_clock_advance_ms(&stage.clock, 20);
    (void)call("GET", "/v1.17/containers/web-1/json");
    ck_assert(answer_has("\"OOMKilled\":true") && answer_has("\"ExitCode\":137"));
}
END_TEST

/* FB-06: neither stop nor kill is ever answered, and it runs on. */
START_TEST(an_unstoppable_container)
{
    struct fake_docker_script script = {.never_stops = true};
    struct ask ask = {.method = "POST",
                      .url = "http://docker/v1.17/containers/web-1/stop?t=1",
                      .unix_socket = "/d",
                      .total_ms = 60000};
    struct client client;

    fake_docker_add_script(docker, &script);
    start_web();
    client_run(&client, &stage, &ask);
    ck_assert_int_eq(client.end.err.code, ECA_E_TIMEOUT);
    ck_assert_int_eq(fake_docker_state(docker, "web/app"), FAKE_DOCKER_RUNNING);
    client_clear(&client);
    ck_assert(fake_docker_remove(docker, "web/app"));
}
END_TEST

/* FB-07: the call is given up, the start happens all the same. */
START_TEST(a_slow_start_outlives_its_caller)
{
    struct fake_docker_script script = {.start_ms = 100000};
    struct ask ask = {.method = "POST",
                      .url = "http://docker/v1.17/containers/web-1/start",
                      .unix_socket = "/d",
                      .total_ms = 90000};
    struct client client;

    fake_docker_add_script(docker, &script);
    (void)call_body("POST", "/v1.17/containers/create?name=web-1", web_body);
    client_run(&client, &stage, &ask);
    ck_assert_int_eq(client.end.err.code, ECA_E_TIMEOUT);
    ck_assert_int_eq(fake_docker_state(docker, "web/app"), FAKE_DOCKER_CREATED);
    manual_clock_advance_ms(&stage.clock, 11000);
    ck_assert_int_eq(fake_docker_state(docker, "web/app"), FAKE_DOCKER_RUNNING);
    client_clear(&client);
}
END_TEST

/* ---- events ---------------------------------------------------------------------------------- */

/* DKR-F05: which events each end makes, in which order. */
START_TEST(events_tell_how_it_ended)
{
    static const char *const order[] = {"\"create\"", "\"start\"", "\"kill\"",
                                        "\"die\"",    "\"stop\"",  "\"destroy\""};
    const char *at;

    listen("");
    start_web();
    (void)call("POST", "/v1.17/containers/web-1/stop?t=1");
    (void)call("DELETE", "/v1.17/containers/web-1");
    manual_clock_advance_ms(&stage.clock, 10);
    at = eca_buf_str(&events.body);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        eca_auto_buf struct eca_buf part = {0};
        eca_buf_addf(&part, "{\"status\":%s", order[i]);
        at = strstr(at, eca_buf_str(&part));
        ck_assert_msg(at != NULL, "%s in %s", order[i], eca_buf_str(&events.body));
    }
    ck_assert_uint_eq(count_in(&events.body, "{\"status\":"), 6);
    ck_assert_uint_eq(count_in(&events.body, "\"Type\":\"container\""), 6);
    ck_assert_uint_eq(count_in(&events.body, "\"exitCode\":\"0\""), 1);
    eca_buf_reset(&events.body);
    start_web();
    ck_assert(fake_docker_oom(docker, "web/app"));
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_uint_eq(count_in(&events.body, "{\"status\":\"oom\""), 1);
    ck_assert_uint_eq(count_in(&events.body, "{\"status\":\"die\""), 1);
    ck_assert_uint_eq(count_in(&events.body, "{\"status\":\"kill\""), 0);
    ck_assert(!fake_docker_kill(docker, "web/app"));
    ck_assert(!fake_docker_exit(docker, "nobody", 1));
    client_clear(&events);
}
END_TEST

/* DKR-F05, DKR-F04: what each end from outside sends, and what an inspect says then. */
START_TEST(each_end_has_its_events)
{
    static const struct {
        bool (*end)(struct fake_docker *docker, const char *ref);
        const char *statuses;
        int inspect; /* status */
        const char *state;
    } rows[] = {
        {fake_docker_oom, "oom die ", 200, "\"ExitCode\":137"},
        {fake_docker_kill, "kill die ", 200, "\"ExitCode\":137"},
        {fake_docker_stop, "kill die stop ", 200, "\"ExitCode\":0"},
        {fake_docker_remove, "kill die destroy ", 404, "No such container"},
        {fake_docker_restart_container, "kill die start restart ", 200, "\"Running\":true"},
        {fake_docker_pause, "pause ", 200, "\"Paused\":true"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf seen = {0};

        start_web();
        listen("");
        ck_assert(rows[i].end(docker, "web/app"));
        manual_clock_advance_ms(&stage.clock, 10);
        statuses_in(&events.body, &seen);
        ck_assert_str_eq(eca_buf_str(&seen), rows[i].statuses);
        ck_assert_int_eq(call("GET", "/v1.17/containers/web-1/json"), rows[i].inspect);
        ck_assert_msg(answer_has(rows[i].state), "%zu: %s", i, answer());
        (void)fake_docker_remove(docker, "web/app");
        client_clear(&events);
    }
    start_web();
    listen("");
    ck_assert(fake_docker_exit(docker, "web/app", 3)); /* by itself: die, nothing else */
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_uint_eq(count_in(&events.body, "\n"), 1);
    ck_assert_uint_eq(count_in(&events.body, "\"exitCode\":\"3\""), 1);
    client_clear(&events);
}
END_TEST

/* DKR-802, DKR-F04: events as the daemon's version writes them, or as told. */
START_TEST(events_have_the_form_of_the_daemon)
{
    static const struct {
        const char *api;
        enum fake_docker_events_format format;
        bool has_status, has_action;
    } rows[] = {
        {"1.17", FAKE_DOCKER_EVENTS_BY_VERSION, true, false},
        {"1.21", FAKE_DOCKER_EVENTS_BY_VERSION, true, false},
        {"1.22", FAKE_DOCKER_EVENTS_BY_VERSION, true, true},
        {"1.51", FAKE_DOCKER_EVENTS_BY_VERSION, true, true},
        {"1.52", FAKE_DOCKER_EVENTS_BY_VERSION, false, true},
        {"1.24", FAKE_DOCKER_EVENTS_BOTH, true, true},
        {"1.24", FAKE_DOCKER_EVENTS_OLD, true, false},
        {"1.24", FAKE_DOCKER_EVENTS_NEW, false, true},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        teardown();
        open_stage(
            (struct fake_docker_opts){.events_format = rows[i].format, .api_version = rows[i].api});
        start_web();
        listen("?since=1");
        ck_assert_uint_eq(count_in(&events.body, "\"status\":\"start\""), rows[i].has_status);
        ck_assert_uint_eq(count_in(&events.body, "\"Action\":\"start\""), rows[i].has_action);
        client_clear(&events);
    }
}
END_TEST

/* DKR-F03: times are never empty, ports are text, codes are numbers; what old daemons did not say
 * is not said. DKR-705: volumes in the form of the version asked for. */
START_TEST(replies_have_the_form_of_the_daemon)
{
    static const struct {
        const char *api, *asked;
        const char *has, *has_not;
    } rows[] = {
        {"1.17", "/v1.17/containers/web-1/json", "\"StartedAt\":\"0001-01-01T00:00:00Z\"",
         "\"Status\""},
        {"1.20", "/v1.20/containers/web-1/json", "\"FinishedAt\":\"0001-01-01T00:00:00Z\"",
         "\"Status\""},
        {"1.21", "/v1.17/containers/web-1/json", "\"Status\":\"created\"", "\"Mounts\""},
        {"1.24", "/v1.17/containers/web-1/json", "\"Volumes\":{\"/v\":\"/var/lib", "\"Mounts\""},
        {"1.24", "/v1.20/containers/web-1/json", "\"Destination\":\"/v\"", "\"Volumes\""},
        {"1.24", "/v1.24/containers/web-1/json", "\"ExitCode\":0", NULL},
        {"1.17", "/v1.17/containers/json?all=1", "\"Status\":\"Exited\"", "\"Labels\""},
        {"1.18", "/v1.17/containers/json?all=1", "\"Labels\":{", "\"State\""},
        {"1.23", "/v1.17/containers/json?all=1", "\"State\":\"created\"", NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        teardown();
        open_stage((struct fake_docker_opts){.api_version = rows[i].api});
        ck_assert_int_eq(
            call_body("POST", "/v1.17/containers/create?name=web-1",
                      "{\"Image\":\"busybox\",\"Volumes\":{\"/v\":{}},\"Labels\":{\"a\":\"b\"}}"),
            201);
        ck_assert_int_eq(call("GET", rows[i].asked), 200);
        ck_assert_msg(answer_has(rows[i].has), "%zu: %s", i, answer());
        ck_assert_msg(rows[i].has_not == NULL || !answer_has(rows[i].has_not), "%zu: %s", i,
                      answer());
        ck_assert(!answer_has("At\":\"\""));
    }
}
END_TEST

/* DKR-F04: one API version is refused, each endpoint can be late, silent, broken or cut. */
START_TEST(each_endpoint_can_go_wrong)
{
    static const struct {
        const char *what, *method, *path;
    } rows[] = {
        {"version:1.21", "GET", "/v1.21/version"},
        {"ping:1.21", "GET", "/v1.21/_ping"},
        {"pull:busybox:latest", "POST", "/v1.17/images/create?fromImage=busybox%3Alatest"},
        {"import:e:a", "POST", "/v1.17/images/create?fromSrc=-&repo=e&tag=a"},
        {"image-inspect:busybox", "GET", "/v1.17/images/busybox/json"},
        {"image-remove:busybox", "DELETE", "/v1.17/images/busybox"},
        {"create:n", "POST", "/v1.17/containers/create?name=n"},
        {"start:web/app", "POST", "/v1.17/containers/web-1/start"},
        {"stop:web/app", "POST", "/v1.17/containers/web-1/stop?t=1"},
        {"kill:web/app", "POST", "/v1.17/containers/web-1/kill"},
        {"remove:web/app", "DELETE", "/v1.17/containers/web-1?v=1"},
        {"inspect:web/app", "GET", "/v1.17/containers/web-1/json"},
        {"list", "GET", "/v1.17/containers/json"},
        {"events", "GET", "/events"},
        {"stats:web/app", "GET", "/v1.17/containers/web-1/stats?stream=true"},
    };
    static const struct {
        struct fake_fault fault;
        int status; /* 0: no answer */
        enum eca_code end;
    } faults[] = {
        {{.kind = FAKE_FAULT_STATUS, .status = 418, .body = "no"}, 418, ECA_OK},
        {{.kind = FAKE_FAULT_HANG}, 0, ECA_E_TIMEOUT},
        {{.kind = FAKE_FAULT_REFUSE}, 0, ECA_E_AMBIGUOUS},
        {{.kind = FAKE_FAULT_RESET}, 0, ECA_E_AMBIGUOUS},
    };

    start_web();
    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        for (size_t k = 0; k < ECA_ARRAY_LEN(faults); k++) {
            struct fake_fault fault = faults[k].fault;
            eca_auto_buf struct eca_buf url = {0};
            struct ask ask = {.method = rows[i].method, .unix_socket = "/d", .total_ms = 1000};
            uint32_t rule;

            fault.what = rows[i].what;
            rule = fake_hub_fault(stage.base.hub, &fault);
            eca_buf_addf(&url, "http://docker%s", rows[i].path);
            ask.url = eca_buf_str(&url);
            client_clear(&last);
            client_run(&last, &stage, &ask);
            ck_assert_msg(last.status == faults[k].status && last.end.err.code == faults[k].end,
                          "%s %zu: %d %s", rows[i].what, k, last.status, last.end.err.msg);
            fake_hub_fault_remove(stage.base.hub, rule);
        }
    }
    ck_assert_int_eq(call("GET", "/v1.21/version"), 200);
    ck_assert_int_eq(fake_docker_state(docker, "web/app"), FAKE_DOCKER_RUNNING);
}
END_TEST

/* DKR-F04: memory and processor follow a line, or the samples of a list. */
START_TEST(stats_follow_their_curves)
{
    static const struct {
        struct fake_docker_script script;
        const char *first, *third;
    } rows[] = {
        {{.memory_bytes = 1000, .memory_step_bytes = 10, .cpu_milli = 500},
         "\"usage\":1010,",
         "\"usage\":1030,"},
        {{.memory_bytes = 15, .memory_step_bytes = -10}, "\"usage\":5,", "\"usage\":0,"},
        {{.samples = "[{\"n\":1},{\"n\":7},{\"n\":3}]"}, "{\"n\":1}", "{\"n\":3}"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct ask ask = {.url = "http://docker/v1.17/containers/web-1/stats?stream=true",
                          .unix_socket = "/d",
                          .endless = true};
        struct client client;

        fake_docker_add_script(docker, &rows[i].script);
        start_web();
        client_start(&client, &stage, &ask);
        manual_clock_advance_ms(&stage.clock, 3100);
        ck_assert_msg(strstr(eca_buf_str(&client.body), rows[i].first) != NULL &&
                          strstr(eca_buf_str(&client.body), rows[i].third) != NULL,
                      "%zu: %s", i, eca_buf_str(&client.body));
        if (rows[i].script.cpu_milli > 0) { /* half of each second */
            ck_assert_ptr_nonnull(strstr(eca_buf_str(&client.body), "\"total_usage\":150"));
        }
        ck_assert(fake_docker_remove(docker, "web/app"));
        client_clear(&client);
    }
}
END_TEST

/* FB-01, FB-03: streams end, changes stay silent, the past is replayed for `since`. */
START_TEST(event_streams_end_are_muted_and_replay)
{
    eca_auto_buf struct eca_buf since = {0};

    listen("");
    ck_assert_uint_eq(fake_docker_event_streams(docker), 1);
    ck_assert_uint_eq(fake_docker_end_events(docker, false), 1);
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert(events.done);
    ck_assert_int_eq(events.end.err.code, ECA_OK);
    client_clear(&events);
    manual_clock_advance_ms(&stage.clock, 5000);
    start_web();
    fake_docker_mute(docker, true);
    ck_assert(fake_docker_exit(docker, "web/app", 1));
    fake_docker_mute(docker, false);
    eca_buf_addf(&since, "?since=%lld",
                 (long long)(eca_sched_wall_ms(stage.base.sched) / 1000 - 3));
    listen(eca_buf_str(&since));
    ck_assert_uint_eq(count_in(&events.body, "{\"status\":\"start\""), 1);
    ck_assert_uint_eq(count_in(&events.body, "{\"status\":\"die\""), 0);
    ck_assert_uint_eq(fake_docker_end_events(docker, true), 1);
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_int_eq(events.end.err.code, ECA_E_AMBIGUOUS);
    client_clear(&events);
    listen("?since=4000000000");
    ck_assert_str_eq(eca_buf_str(&events.body), "");
    client_clear(&events);
    ck_assert_int_eq(call("GET", "/events?since=yesterday"), 400);
}
END_TEST

START_TEST(held_events_come_in_the_order_asked_for)
{
    listen("");
    fake_docker_hold_events(docker);
    start_web();
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_str_eq(eca_buf_str(&events.body), "");
    fake_docker_release_events(docker, true);
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&events.body), "{\"status\":\"start\""));
    ck_assert(strstr(eca_buf_str(&events.body), "{\"status\":\"start\"") <
              strstr(eca_buf_str(&events.body), "{\"status\":\"create\""));
    fake_docker_inject(docker, "garbage");
    manual_clock_advance_ms(&stage.clock, 10);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&events.body), "garbage"));
    client_clear(&events);
}
END_TEST

/* ---- pulls ----------------------------------------------------------------------------------- */

/* DKR-716, DKR-718, FB-30: the ways of a pull. */
START_TEST(pulls_succeed_and_fail)
{
    struct fake_docker_image image = {.name = "app:1", .pull_ms = 6000};
    uint64_t before_ms;

    fake_docker_add_image(docker, &image);
    ck_assert_int_eq(call("GET", "/v1.17/images/app:1/json"), 404);
    before_ms = manual_clock_elapsed_ms(&stage.clock);
    ck_assert_int_eq(call("POST", "/v1.17/images/create?fromImage=app%3A1"), 200);
    ck_assert_uint_ge(last.done_ms - before_ms, 6000);
    ck_assert(answer_has("Pulling from library/app"));
    ck_assert(answer_has("Status: Downloaded newer image for app:1"));
    ck_assert_int_eq(call("GET", "/v1.17/images/app:1/json"), 200);

    image = (struct fake_docker_image){
        .name = "bad:1", .pull_error = "net/http: TLS handshake", .pull_error_times = 1};
    fake_docker_add_image(docker, &image);
    ck_assert_int_eq(call("POST", "/v1.17/images/create?fromImage=bad%3A1"), 200);
    ck_assert(answer_has("\"error\":\"net/http: TLS handshake\""));
    ck_assert(!fake_docker_has_image(docker, "bad:1"));
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "pull.failed", "TLS handshake"), 1);
    ck_assert_int_eq(call("POST", "/v1.17/images/create?fromImage=bad%3A1"), 200);
    ck_assert(fake_docker_has_image(docker, "bad:1"));

    image = (struct fake_docker_image){
        .name = "gone:1", .pull_error = "boom", .pull_error_status = 500};
    fake_docker_add_image(docker, &image);
    ck_assert_int_eq(call("POST", "/v1.17/images/create?fromImage=gone%3A1"), 500);
    ck_assert_int_eq(call("POST", "/v1.17/images/create?fromImage=unknown%3A1"), 404);

    image = (struct fake_docker_image){.name = "private:1", .username = "u", .password = "p"};
    fake_docker_add_image(docker, &image);
    ck_assert_int_eq(call("POST", "/v1.17/images/create?fromImage=private%3A1"), 200);
    ck_assert(answer_has("unauthorized"));
    struct ask ask = {
        .method = "POST",
        .url = "http://docker/v1.17/images/create?fromImage=private%3A1",
        .unix_socket = "/d",
        .headers = {{"X-Registry-Auth", "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InAifQ=="}},
        .header_count = 1,
        .total_ms = 1000};
    client_clear(&last);
    client_run(&last, &stage, &ask);
    ck_assert(answer_has("Downloaded newer image"));
}
END_TEST

START_TEST(pulls_hang_where_they_are_told_to)
{
    static const struct {
        struct fake_docker_image image;
        const char *body;
    } rows[] = {
        {{.name = "silent:1", .pull_silent = true}, ""},
        {{.name = "stalls:1", .pull_stalls = true},
         "{\"status\":\"Pulling from library/stalls\",\"id\":\"1\"}\r\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_buf struct eca_buf url = {0};
        struct ask ask = {.method = "POST", .unix_socket = "/d", .idle_ms = 300000};
        struct client client;

        fake_docker_add_image(docker, &rows[i].image);
        eca_buf_addf(&url, "http://docker/v1.17/images/create?fromImage=%s", rows[i].image.name);
        ask.url = eca_buf_str(&url);
        client_run(&client, &stage, &ask);
        ck_assert_int_eq(client.end.err.code, ECA_E_TIMEOUT);
        ck_assert_str_eq(eca_buf_str(&client.body), rows[i].body);
        client_clear(&client);
    }
}
END_TEST

/* DKR-716: names in the daemon's form, sizes in its units. */
START_TEST(a_pull_tells_how_far_it_is)
{
    static const struct {
        const char *name, *api, *first, *bar;
    } rows[] = {
        {"big:1", "1.41", "{\"status\":\"Pulling from library/big\",\"id\":\"1\"}",
         "\"progressDetail\":{\"current\":1048576,\"total\":2097152},\"progress\":\""
         "[=========================>                         ]  1.049MB/2.097MB\""},
        {"reg.test:5000/a/big:1", "1.24", "{\"status\":\"Pulling from a/big\",\"id\":\"1\"}",
         "[=========================>                         ] 1.049 MB/2.097 MB\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        eca_auto_buf struct eca_buf path = {0};

        fake_docker_set_versions(docker, "x", rows[i].api, "1.12");
        fake_docker_add_image(
            docker,
            &(struct fake_docker_image){.name = rows[i].name, .layers = 2, .size_bytes = 4194304});
        eca_buf_addf(&path, "/images/create?fromImage=%s", rows[i].name);
        ck_assert_int_eq(call("POST", eca_buf_str(&path)), 200);
        ck_assert_msg(answer_has(rows[i].first), "%s", answer());
        ck_assert_msg(answer_has(rows[i].bar), "%s", answer());
        ck_assert_uint_eq(count_in(&last.body, "\"Downloading\""), 2);
        ck_assert_uint_eq(count_in(&last.body, "\"Pull complete\""), 2);
    }
}
END_TEST

/* However long the stream was before it failed, the event has its last word. */
START_TEST(a_failed_pull_is_told_by_its_error)
{
    fake_docker_add_image(
        docker,
        &(struct fake_docker_image){.name = "bad:1", .layers = 40, .pull_error = "no space left"});
    ck_assert_int_eq(call("POST", "/images/create?fromImage=bad%3A1"), 200);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "pull.failed",
                                   "{\"image\":\"bad:1\",\"status\":200,\"message\":"
                                   "\"no space left\"}"),
                      1);
}
END_TEST

START_TEST(image_names_are_looked_at)
{
    static const struct {
        const char *method, *path, *text;
    } rows[] = {
        {"POST", "/images/create?fromImage=Upper", "repository name must be lowercase"},
        {"POST", "/images/create?fromImage=a_-b", "invalid reference format"},
        {"POST", "/images/create?fromImage=busybox&tag=b*d", "invalid tag format"},
        {"POST", "/images/create?fromSrc=-&repo=Upper&tag=1", "must be lowercase"},
        {"GET", "/images/Upper/json", "must be lowercase"},
        {"DELETE", "/images/a..b", "invalid reference format"},
    };
    static const char *const fine[] = {"a.b",  "a_b",         "a__b",
                                       "a--b", "localhost/x", "X.y:5000/a/b:T_1.2-3"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_docker_set_versions(docker, "x", "1.41", "1.12");
        ck_assert_msg(call(rows[i].method, rows[i].path) == 400 && answer_has(rows[i].text),
                      "%zu: %d %s", i, last.status, answer());
        fake_docker_set_versions(docker, "x", "1.24", "1.12");
        ck_assert_int_eq(call(rows[i].method, rows[i].path), 500);
    }
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        eca_auto_buf struct eca_buf path = {0};
        eca_buf_addf(&path, "/images/%s/json", fine[i]);
        ck_assert_msg(call("GET", eca_buf_str(&path)) == 404, "%s: %s", fine[i], answer());
    }
}
END_TEST

START_TEST(images_in_use_or_shared_are_kept)
{
    char id[80];

    fake_docker_add_image(
        docker, &(struct fake_docker_image){
                    .name = "one:1",
                    .present = true,
                    .id = "1111111111111111111111111111111111111111111111111111111111111111"});
    fake_docker_add_image(
        docker, &(struct fake_docker_image){
                    .name = "two:1",
                    .present = true,
                    .id = "1111111111111111111111111111111111111111111111111111111111111111"});
    (void)call("GET", "/v1.17/images/one:1/json");
    ck_assert(answer_has("\"RepoTags\":[\"one:1\",\"two:1\"]"));
    memcpy(id, "/v1.17/images/sha256:1111111111111111", 38);
    ck_assert_int_eq(call("DELETE", id), 409);
    ck_assert_int_eq(call("DELETE", "/v1.17/images/one:1"), 200);
    ck_assert(answer_has("Untagged") && !answer_has("Deleted"));
    ck_assert_int_eq(call("DELETE", "/v1.17/images/two:1"), 200);
    ck_assert(answer_has("Deleted"));
    ck_assert_int_eq(call("DELETE", "/v1.17/images/two:1"), 404);
    start_web();
    ck_assert_int_eq(call("DELETE", "/v1.17/images/busybox"), 409);
}
END_TEST

/* ---- stats, daemon, invariants ----------------------------------------------------------------
 */

/* STAT-701, STAT-702 */
START_TEST(stats_flow_once_a_second_in_every_shape)
{
    static const struct {
        enum fake_docker_stats_shape shape;
        const char *has, *has_not;
    } rows[] = {
        {FAKE_DOCKER_STATS_NORMAL, "\"percpu_usage\":[", "online_cpus"},
        {FAKE_DOCKER_STATS_ONLINE_CPUS, "\"online_cpus\":2", "percpu_usage"},
        {FAKE_DOCKER_STATS_ZERO, "\"read\":\"0001-01-01T00:00:00Z\"", "usage\":1"},
        {FAKE_DOCKER_STATS_BAD_TYPES, "\"total_usage\":\"many\"", NULL},
        {FAKE_DOCKER_STATS_NOT_JSON, "{\"read\":}", NULL},
        {FAKE_DOCKER_STATS_FULL, "\"precpu_stats\":{", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_docker_script script = {.stats = rows[i].shape, .cpu_milli = 500};
        struct ask ask = {.url = "http://docker/v1.17/containers/web-1/stats?stream=true",
                          .unix_socket = "/d",
                          .endless = true};
        struct client client;

        fake_docker_add_script(docker, &script);
        start_web();
        client_start(&client, &stage, &ask);
        manual_clock_advance_ms(&stage.clock, 3100);
        ck_assert_msg(strstr(eca_buf_str(&client.body), rows[i].has) != NULL, "%zu: %s", i,
                      eca_buf_str(&client.body));
        ck_assert(rows[i].has_not == NULL ||
                  strstr(eca_buf_str(&client.body), rows[i].has_not) == NULL);
        ck_assert_uint_eq(count_in(&client.body, "\"read\""), 3);
        ck_assert_uint_eq(fake_docker_stats_streams(docker), 1);
        ck_assert(fake_docker_remove(docker, "web/app"));
        manual_clock_advance_ms(&stage.clock, 10);
        ck_assert(client.done);
        ck_assert_uint_eq(fake_docker_stats_streams(docker), 0);
        client_clear(&client);
    }
    ck_assert_uint_eq(fake_docker_stats_requests(docker), sizeof(rows) / sizeof(rows[0]));
}
END_TEST

/* STAT-L4 */
START_TEST(a_one_shot_of_stats_is_one_sample_after_a_second)
{
    struct ask ask = {.url = "http://docker/v1.17/containers/web-1/stats?stream=false",
                      .unix_socket = "/d",
                      .total_ms = 5000};
    struct client client;

    start_web();
    client_start(&client, &stage, &ask);
    manual_clock_advance_ms(&stage.clock, 900);
    ck_assert(!client.done);
    ck_assert_uint_eq(fake_docker_stats_streams(docker), 1);
    manual_clock_advance_ms(&stage.clock, 200);
    ck_assert(client.done);
    ck_assert_int_eq(client.end.err.code, ECA_OK);
    ck_assert_uint_eq(count_in(&client.body, "\"read\""), 1);
    ck_assert_uint_eq(fake_docker_stats_streams(docker), 0);
    client_clear(&client);
}
END_TEST

START_TEST(the_daemon_goes_and_comes_back)
{
    static const enum fake_docker_state after[] = {
        [FAKE_DOCKER_LIVE] = FAKE_DOCKER_RUNNING,
        [FAKE_DOCKER_STOPPED] = FAKE_DOCKER_EXITED,
        [FAKE_DOCKER_GONE] = FAKE_DOCKER_NONE,
    };

    for (int fate = FAKE_DOCKER_LIVE; fate <= FAKE_DOCKER_GONE; fate++) {
        struct ask ask = {.url = "http://docker/_ping", .unix_socket = "/d", .total_ms = 1000};

        start_web();
        listen("");
        fake_docker_down(docker, (enum fake_docker_fate)fate);
        manual_clock_advance_ms(&stage.clock, 10);
        ck_assert(events.done);
        client_clear(&last);
        client_run(&last, &stage, &ask);
        ck_assert_int_eq(last.end.err.code, ECA_E_TRANSIENT);
        fake_docker_up(docker);
        ck_assert_int_eq(call("GET", "/_ping"), 200);
        ck_assert_int_eq(fake_docker_state(docker, "web/app"), after[fate]);
        (void)fake_docker_remove(docker, "web/app");
        client_clear(&events);
    }
}
END_TEST

/* FB-INV.2, FB-INV.3 */
START_TEST(broken_invariants_are_violations)
{
    start_web();
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    (void)fake_trace_addv(stage.base.trace, FAKE_LANE_ECS, "SubmitTaskStateChange", "task", "web",
                          "status", "STOPPED", NULL);
    manual_clock_advance_ms(&stage.clock, 9900);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    manual_clock_advance_ms(&stage.clock, 200);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "violation", "FB-INV.3"), 1);
    ck_assert_int_eq(call_body("POST", "/v1.17/containers/create?name=web-2", web_body), 201);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "violation", "FB-INV.2"), 1);
}
END_TEST

/* Spec 08 section 0.2, D: faults per endpoint and container. */
START_TEST(faults_match_operation_and_container)
{
    struct fake_fault fault = {
        .kind = FAKE_FAULT_STATUS, .what = "stop:web/app", .status = 500, .body = "try again\n"};

    start_web();
    (void)call_body("POST", "/v1.17/containers/create?name=other", "{\"Image\":\"busybox\"}");
    (void)call("POST", "/v1.17/containers/other/start");
    (void)fake_hub_fault(stage.base.hub, &fault);
    ck_assert_int_eq(call("POST", "/v1.17/containers/web-1/stop?t=1"), 500);
    ck_assert_int_eq(call("POST", "/v1.17/containers/other/stop?t=1"), 204);
    ck_assert_int_eq(fake_docker_state(docker, "web/app"), FAKE_DOCKER_RUNNING);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "stop.failed", "try again"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake docker");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, odd_targets_are_understood);
    tcase_add_test(tcase, errors_speak_the_version_asked_for);
    tcase_add_test(tcase, a_container_lives_and_dies);
    tcase_add_test(tcase, creates_that_cannot_be_are_refused);
    tcase_add_test(tcase, creates_are_refused_in_the_words_of_the_daemon);
    tcase_add_test(tcase, starts_are_refused_in_the_words_of_the_daemon);
    tcase_add_test(tcase, states_refuse_what_does_not_fit);
    tcase_add_test(tcase, a_list_has_the_newest_first_and_what_is_asked_for);
    tcase_add_test(tcase, event_streams_are_filtered_and_end);
    tcase_add_test(tcase, a_pull_tells_how_far_it_is);
    tcase_add_test(tcase, a_failed_pull_is_told_by_its_error);
    tcase_add_test(tcase, image_names_are_looked_at);
    tcase_add_test(tcase, a_host_port_has_one_owner);
    tcase_add_test(tcase, what_is_not_exposed_is_not_published);
    tcase_add_test(tcase, the_volume_container_fails_to_start);
    tcase_add_test(tcase, containers_act_by_their_script);
    tcase_add_test(tcase, an_unstoppable_container);
    tcase_add_test(tcase, a_slow_start_outlives_its_caller);
    tcase_add_test(tcase, events_tell_how_it_ended);
    tcase_add_test(tcase, each_end_has_its_events);
    tcase_add_test(tcase, events_have_the_form_of_the_daemon);
    tcase_add_test(tcase, replies_have_the_form_of_the_daemon);
    tcase_add_test(tcase, each_endpoint_can_go_wrong);
    tcase_add_test(tcase, stats_follow_their_curves);
    tcase_add_test(tcase, event_streams_end_are_muted_and_replay);
    tcase_add_test(tcase, held_events_come_in_the_order_asked_for);
    tcase_add_test(tcase, pulls_succeed_and_fail);
    tcase_add_test(tcase, pulls_hang_where_they_are_told_to);
    tcase_add_test(tcase, images_in_use_or_shared_are_kept);
    tcase_add_test(tcase, stats_flow_once_a_second_in_every_shape);
    tcase_add_test(tcase, a_one_shot_of_stats_is_one_sample_after_a_second);
    tcase_add_test(tcase, the_daemon_goes_and_comes_back);
    tcase_add_test(tcase, broken_invariants_are_violations);
    tcase_add_test(tcase, faults_match_operation_and_container);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
