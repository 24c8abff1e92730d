#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/docker/auth.h"
#include "agent/docker/create_body.h"
#include "agent/docker/endpoint.h"
#include "agent/docker/inspect.h"

/* ---- endpoint ------------------------------------------------------------------------------- */

/* DKR-101, DKR-102, DKR-103, DKR-104: every form of DOCKER_HOST. */
START_TEST(endpoint_forms_are_understood)
{
    static const struct {
        const char *text;
        bool tls;
        const char *unix_socket, *base_url; /* both NULL: refused */
    } rows[] = {
        {"unix:///var/run/docker.sock", false, "/var/run/docker.sock", "http://docker"},
        {"/var/run/docker.sock", false, "/var/run/docker.sock", "http://docker"},
        {"unix:///x.sock", true, "/x.sock", "http://docker"},
        {"tcp://10.0.0.1:2375", false, NULL, "http://10.0.0.1:2375"},
        {"tcp://10.0.0.1:2376", true, NULL, "https://10.0.0.1:2376"},
        {"h:4243", false, NULL, "http://h:4243"},
        {"tcp://h", false, NULL, "http://h:2375"},
        {"http://h", false, NULL, "http://h"},
        {"https://h:99/", false, NULL, "https://h:99"},
        {"unix://relative", false, NULL, NULL},
        {"ftp://h", false, NULL, NULL},
        {"tcp://h:70000", false, NULL, NULL},
        {"tcp://:2375", false, NULL, NULL},
        {"", false, NULL, NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct eca_docker_endpoint endpoint;
        struct eca_err err = {0};
        int rc = eca_docker_endpoint_parse(rows[i].text, rows[i].tls, &endpoint, &err);

        ck_assert_msg((rc == ECA_OK) == (rows[i].base_url != NULL), "%s: %s", rows[i].text,
                      err.msg);
        if (rc == ECA_OK) {
            ck_assert_str_eq(endpoint.base_url, rows[i].base_url);
            ck_assert_pstr_eq(endpoint.unix_socket, rows[i].unix_socket);
        } else {
            ck_assert_ptr_nonnull(strstr(err.msg, "invalid endpoint"));
        }
        eca_docker_endpoint_clear(&endpoint);
    }
}
END_TEST

/* ---- registry logins ------------------------------------------------------------------------ */

static struct eca_docker_auth *auth_of(const char *type, const char *data)
{
    struct eca_secret secret = {0};
    struct eca_docker_auth *auth;

    eca_secret_set(&secret, eca_view_str(data));
    auth = eca_docker_auth_new(type, &secret, NULL);
    eca_secret_clear(&secret);
    return auth;
}

/* AUTH-103, AUTH-106, AUTH-107, AUTH-108, AUTH-109, AUTH-110: the table of spec 04, section 10. */
START_TEST(login_is_chosen_by_the_table)
{
    static const struct {
        const char *keys, *image, *user; /* NULL: none */
    } rows[] = {
        {"r.tld r.tld/u2", "r.tld/my/img", "r.tld"},
        {"r.tld r.tld/u2", "r.tld/u2/img:1", "r.tld/u2"},
        {"r.tld r.tld/user2", "r.tld/user22/x", "r.tld"},
        {"r.tld/u2", "r.tld/foo", "r.tld/u2"},
        {"r.tld/bb r.tld/a", "r.tld/foo", "r.tld/a"},
        {"https://a.tld", "a.tld/foo", "https://a.tld"},
        {"https://a.tld", "a.tld2/foo", NULL},
        {"https://a.tld", "x.a.tld/foo", NULL},
        {"h:5000", "h:5000/img:2", "h:5000"},
        {"h:5000", "h/img", NULL},
        {"https://index.docker.io/v1/", "nginx", "https://index.docker.io/v1/"},
        {"https://index.docker.io/v1/", "amazon/x", "https://index.docker.io/v1/"},
        {"https://index.docker.io/v1/", "docker.io/library/x@sha256:ab",
         "https://index.docker.io/v1/"},
        {"https://index.docker.io/v1/", "r.tld", "https://index.docker.io/v1/"},
        {"index.docker.io", "nginx", NULL},
        {"localhost", "localhost/x", "localhost"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf data = {0};
        eca_auto_free char *keys = eca_xstrdup(rows[i].keys);
        struct eca_docker_login login = {0};
        struct eca_docker_auth *auth;
        char *save = NULL;

        eca_buf_add_char(&data, '{');
        for (char *key = strtok_r(keys, " ", &save); key != NULL;
             key = strtok_r(NULL, " ", &save)) {
            eca_buf_addf(&data, "%s\"%s\":{\"username\":\"%s\",\"auth\":\"ignored\"}",
                         data.len > 1 ? "," : "", key, key);
        }
        eca_buf_add_char(&data, '}');
        auth = auth_of("docker", eca_buf_str(&data));
        ck_assert_msg(eca_docker_auth_find(auth, rows[i].image, &login) == (rows[i].user != NULL),
                      "%s with %s", rows[i].image, rows[i].keys);
        if (rows[i].user != NULL) {
            ck_assert_msg(eca_view_eq_str(login.username, rows[i].user), "%s with %s",
                          rows[i].image, rows[i].keys);
        }
        eca_docker_auth_free(auth);
    }
}
END_TEST

/* AUTH-104, AUTH-105, AUTH-111, DKR-711: both data types, and what cannot be used. */
START_TEST(auth_data_is_read_or_left_out)
{
    static const struct {
        const char *type, *data, *json; /* NULL: no login for r.tld/x */
    } rows[] = {
        {"docker",
         "{\"r.tld\":{\"username\":\"u\",\"password\":\"p\",\"email\":\"e\",\"serveraddress\":"
         "\"s\"}}",
         "{\"username\":\"u\",\"password\":\"p\",\"email\":\"e\",\"serveraddress\":\"s\"}"},
        {"dockercfg", "{\"r.tld\":{\"auth\":\"dTpwOnE=\",\"email\":\"e\"}}",
         "{\"username\":\"u\",\"password\":\"p:q\"}"},
        {"dockercfg", "{\"r.tld\":{\"auth\":\"!!\"},\"q.tld\":{\"auth\":\"dTpw\"}}", NULL},
        {"dockercfg", "{\"auths\":{\"r.tld\":{\"auth\":\"dTpw\"}}}", NULL},
        {"docker", "{\"r.tld\":{\"username\":7}}", NULL},
        {"docker", "{\"r.tld\":[]}", NULL},
        {"docker", "not json", NULL},
        {"", "{\"r.tld\":{\"username\":\"u\"}}", NULL},
        {"kerberos", "{\"r.tld\":{\"username\":\"u\"}}", NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct eca_docker_auth *auth = auth_of(rows[i].type, rows[i].data);
        struct eca_docker_login login = {0};
        eca_auto_buf struct eca_buf header = {0}, json = {0};

        ck_assert_msg(eca_docker_auth_find(auth, "r.tld/x", &login) == (rows[i].json != NULL),
                      "row %zu", i);
        if (rows[i].json != NULL) {
            eca_docker_auth_header(&login, &header);
            ck_assert_int_eq(eca_base64_decode(eca_buf_view(&header), &json, NULL), 0);
            ck_assert_str_eq(eca_buf_str(&json), rows[i].json);
        }
        eca_docker_auth_free(auth);
    }
}
END_TEST

/* ---- inspect -------------------------------------------------------------------------------- */

static int inspect(const char *text, struct eca_docker_inspection *inspection)
{
    return eca_docker_inspect_parse(eca_view_str(text), inspection, NULL);
}

/* DKR-701, DKR-702, DKR-703, DKR-706, DKR-707, ENG-714: state in every shape. */
START_TEST(state_is_read)
{
    static const struct {
        const char *state;
        bool running, never_started, has_code;
        int64_t code;
        const char *error;
    } rows[] = {
        {"\"Running\":true,\"ExitCode\":0,\"StartedAt\":\"2016-11-01T00:00:01Z\",\"FinishedAt\":"
         "\"0001-01-01T00:00:00Z\"",
         true, false, false, 0, NULL},
        {"\"Running\":false,\"ExitCode\":0,\"StartedAt\":\"0001-01-01T00:00:00Z\",\"FinishedAt\":"
         "\"0001-01-01T00:00:00Z\"",
         false, true, false, 0, NULL},
        {"\"Running\":false,\"ExitCode\":3,\"StartedAt\":\"2016-11-01T00:00:01Z\",\"FinishedAt\":"
         "\"2016-11-01T00:00:02.5Z\"",
         false, false, true, 3, NULL},
        {"\"Running\":false,\"ExitCode\":137,\"OOMKilled\":true,\"Error\":\"x\",\"StartedAt\":"
         "\"2016-11-01T00:00:01Z\",\"FinishedAt\":\"2016-11-01T00:00:02Z\"",
         false, false, true, 137, "OutOfMemoryError"},
        {"\"Running\":false,\"ExitCode\":127,\"Error\":\"no such file\",\"StartedAt\":"
         "\"0001-01-01T00:00:00Z\",\"FinishedAt\":\"2016-11-01T00:00:02Z\"",
         false, false, true, 127, "DockerStateError"},
        {"\"Running\":false,\"Restarting\":true,\"FinishedAt\":\"\"", true, false, false, 0, NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_free char *text =
            eca_xasprintf("{\"Id\":\"c\",\"Name\":\"/n\",\"State\":{%s}}", rows[i].state);
        struct eca_docker_inspection out = {0};
        struct eca_named_error error = {0};

        ck_assert_msg(inspect(text, &out) == ECA_OK, "row %zu", i);
        ck_assert_str_eq(out.info.name, "n");
        ck_assert_msg(out.info.running == rows[i].running, "row %zu", i);
        ck_assert_msg(out.info.never_started == rows[i].never_started, "row %zu", i);
        ck_assert_msg(out.info.has_exit_code == rows[i].has_code, "row %zu", i);
        if (rows[i].has_code) {
            ck_assert_int_eq(out.info.exit_code, rows[i].code);
        }
        ck_assert(!out.info.has_bindings);
        eca_docker_state_error(&out.info, &error);
        ck_assert_pstr_eq(error.name, rows[i].error);
        eca_docker_inspection_clear(&out);
    }
    struct eca_docker_inspection out = {0};
    ck_assert_int_lt(inspect("{\"Id\":\"c\"}", &out), 0);
    ck_assert_int_lt(inspect("[]", &out), 0);
    ck_assert_int_lt(inspect("{\"State\":{\"StartedAt\":\"soon\"}}", &out), 0);
}
END_TEST

/* DKR-704, DKR-705, DKR-405, ENG-512: bindings sorted; an unreadable one costs only itself; volumes
 * of both generations. */
START_TEST(ports_and_volumes_are_read)
{
    struct eca_docker_inspection out = {0};

    ck_assert_int_eq(
        inspect(
            "{\"Id\":\"c\",\"State\":{},\"Mounts\":[{\"Source\":\"/a\",\"Destination\":\"/d\"}],"
            "\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":"
            "\"32769\"},{\"HostIP\":\"::\",\"HostPort\":\"32768\"}],\"53/udp\":null,\"99/sctp\":"
            "[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"1\"}],\"22\":[{\"HostIp\":\"1.2.3.4\","
            "\"HostPort\":\"70000\"}],\"443\":[{\"HostIp\":\"1.2.3.4\",\"HostPort\":\"8443\"}]}}}",
            &out),
        0);
    ck_assert(out.info.has_bindings);
    ck_assert_uint_eq(out.info.binding_count, 3);
    ck_assert_uint_eq(out.info.bindings[0].host_port, 32768);
    ck_assert_str_eq(out.info.bindings[0].bind_ip, "::");
    ck_assert_uint_eq(out.info.bindings[1].host_port, 32769);
    ck_assert_uint_eq(out.info.bindings[2].container_port, 443);
    ck_assert_ptr_nonnull(out.info.binding_error.name);
    ck_assert_uint_eq(out.info.mount_count, 1);
    ck_assert_str_eq(out.info.mounts[0].container_path, "/d");
    eca_docker_inspection_clear(&out);
    ck_assert_int_eq(
        inspect("{\"State\":{},\"NetworkSettings\":{},\"Volumes\":{\"/v\":\"/host\"}}", &out), 0);
    ck_assert(out.info.has_bindings);
    ck_assert_uint_eq(out.info.binding_count, 0);
    ck_assert_str_eq(out.info.mounts[0].host_path, "/host");
    eca_docker_inspection_clear(&out);
}
END_TEST

/* ---- create body ---------------------------------------------------------------------------- */

static const char *const sleep_words[] = {"sleep", "5"};
static const char *const shell_words[] = {"sh", "-c"};

static struct eca_container_spec example(void)
{
    static const struct eca_spec_env env[] = {{"A", "b"}};
    static const struct eca_spec_port ports[] = {{80, 0, false}, {53, 5353, true}};
    static const char *const binds[] = {"/var/lib/docker/volumes/1:/data:ro", "/tmp/hv:/host"};
    static const char *const links[] = {"ecs-fam-3-db-fecb8bff9ffc9bd3cd01:database"};

    return (struct eca_container_spec){.docker_name = "n",
                                       .image = "busybox",
                                       .has_command = true,
                                       .command = sleep_words,
                                       .command_count = 2,
                                       .has_entry_point = true,
                                       .entry_point = shell_words,
                                       .entry_point_count = 2,
                                       .env = env,
                                       .env_count = 1,
                                       .ports = ports,
                                       .port_count = 2,
                                       .binds = binds,
                                       .bind_count = 2,
                                       .links = links,
                                       .link_count = 1,
                                       .memory_mib = 3,
                                       .cpu_shares = 1,
                                       .labels = {.task_arn = "arn:aws:ecs:us-west-2:123:task/abc",
                                                  .container_name = "web_1",
                                                  .family = "fam",
                                                  .version = "3",
                                                  .cluster = "c1"}};
}

static void expect_body(const struct eca_container_spec *spec, bool host_memory, const char *want)
{
    eca_auto_buf struct eca_buf body = {0};
    eca_auto_json struct eca_json_doc *have_doc = NULL, *want_doc = NULL;
    struct eca_named_error error = {0};

    ck_assert_msg(eca_docker_create_body(spec, host_memory, &body, &error) == 0, "%s", error.text);
    ck_assert_int_eq(eca_json_parse(eca_buf_view(&body), &have_doc, NULL), 0);
    ck_assert_int_eq(eca_json_parse(eca_view_str(want), &want_doc, NULL), 0);
    ck_assert_msg(eca_json_equal(eca_json_root(have_doc), eca_json_root(want_doc)), "have %s",
                  eca_buf_str(&body));
}

/* DKR-510, DKR-514, ENG-514: the example of the specification. */
START_TEST(body_is_the_example_of_the_specification)
{
    struct eca_container_spec spec = example();

    expect_body(
        &spec, false,
        "{\"Memory\":4194304,\"CpuShares\":2,\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{}},"
        "\"Env\":[\"A=b\"],\"Cmd\":[\"sleep\",\"5\"],\"Image\":\"busybox\",\"Entrypoint\":"
        "[\"sh\",\"-c\"],\"Labels\":{\"com.amazonaws.ecs.cluster\":\"c1\","
        "\"com.amazonaws.ecs.container-name\":\"web_1\",\"com.amazonaws.ecs.task-arn\":"
        "\"arn:aws:ecs:us-west-2:123:task/abc\",\"com.amazonaws.ecs.task-definition-family\":"
        "\"fam\",\"com.amazonaws.ecs.task-definition-version\":\"3\"},\"HostConfig\":{"
        "\"Binds\":[\"/var/lib/docker/volumes/1:/data:ro\",\"/tmp/hv:/host\"],"
        "\"PortBindings\":{\"53/udp\":[{\"HostIP\":\"0.0.0.0\",\"HostPort\":\"5353\"}],"
        "\"80/tcp\":[{\"HostIP\":\"0.0.0.0\",\"HostPort\":\"0\"}]},\"Links\":"
        "[\"ecs-fam-3-db-fecb8bff9ffc9bd3cd01:database\"],\"RestartPolicy\":{},\"LogConfig\":"
        "{}}}");
}
END_TEST

#define LABELS                                                                                     \
    "\"Labels\":{\"com.amazonaws.ecs.cluster\":\"\",\"com.amazonaws.ecs.container-name\":\"\","    \
    "\"com.amazonaws.ecs.task-arn\":\"\",\"com.amazonaws.ecs.task-definition-family\":\"\","       \
    "\"com.amazonaws.ecs.task-definition-version\":\"\"%s}"

/* DKR-502, DKR-520, DKR-521, DKR-522, DKR-525, ENG-532: raw config laid over, zeros kept, labels
 * and the credentials variable on top. */
START_TEST(raw_config_is_laid_over)
{
    static const struct eca_spec_env forced[] = {
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"}};
    static const struct {
        const char *config, *host_config, *members, *host_members, *labels;
        bool host_memory;
    } rows[] = {
        {"null", "null", "", "\"RestartPolicy\":{},\"LogConfig\":{}", ""},
        {"{}", NULL, "", "\"RestartPolicy\":{},\"LogConfig\":{}", ""},
        {"{\"labels\":{\"tier\":\"db\",\"com.amazonaws.ecs.cluster\":\"stolen\"},\"USER\":"
         "\"nobody\"}",
         "{\"Privileged\":true,\"logConfig\":{\"Type\":\"syslog\"},\"memorySwappiness\":0}",
         "\"User\":\"nobody\",",
         "\"RestartPolicy\":{},\"LogConfig\":{\"Type\":\"syslog\"},\"Privileged\":true,"
         "\"MemorySwappiness\":0",
         ",\"tier\":\"db\""},
        {"{\"Env\":[\"X=1\",\"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=mine\"],\"NewThing\":{\"a\":["
         "1]}}",
         "{\"CapAdd\":[\"SYS_NICE\"],\"FutureKnob\":7}", "\"NewThing\":{\"a\":[1]},",
         "\"RestartPolicy\":{},\"LogConfig\":{},\"CapAdd\":[\"SYS_NICE\"],\"FutureKnob\":7", ""},
        {NULL, "{\"CpuShares\":512}", "", "\"RestartPolicy\":{},\"LogConfig\":{},\"CpuShares\":512",
         "", true},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct eca_container_spec spec = {.image = "i",
                                          .raw_config = rows[i].config,
                                          .raw_host_config = rows[i].host_config,
                                          .cpu_shares = 10,
                                          .forced_env = forced,
                                          .forced_env_count = 1,
                                          .labels = {"", "", "", "", ""}};
        eca_auto_free char *labels = eca_xasprintf(LABELS, rows[i].labels);
        const char *user_env = i == 3 ? "\"X=1\"," : "";
        eca_auto_free char *want = eca_xasprintf(
            "{\"CpuShares\":10,\"Cmd\":null,\"Entrypoint\":null,\"Image\":\"i\",\"Env\":[%s"
            "\"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/x\"],%s%s,\"HostConfig\":{%s}}",
            user_env, rows[i].members, labels, rows[i].host_members);

        expect_body(&spec, rows[i].host_memory, want);
    }
}
END_TEST

/* DKR-512, DKR-513, DKR-520, ENG-407: what cannot be laid over names its error. */
START_TEST(unusable_raw_config_is_a_named_error)
{
    static const struct {
        const char *config, *host_config, *name, *text;
    } rows[] = {
        {"not json", NULL, "DockerClientConfigError", "Unable decode given docker config: "},
        {"[]", NULL, "DockerClientConfigError", "Unable decode given docker config: want object"},
        {"{\"Tty\":\"yes\"}", NULL, "DockerClientConfigError", "Tty: unexpected string"},
        {"{\"Memory\":1.5}", NULL, "DockerClientConfigError", "Memory: unexpected number"},
        {"{\"Env\":[1]}", NULL, "DockerClientConfigError", "Env: unexpected array"},
        {NULL, "{", "HostConfigError", "Unable to decode given host config: "},
        {NULL, "{\"Binds\":\"/a:/b\"}", "HostConfigError", "Binds: unexpected string"},
        {NULL, "{\"LogConfig\":[]}", "HostConfigError", "LogConfig: unexpected array"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct eca_container_spec spec = {.image = "i",
                                          .raw_config = rows[i].config,
                                          .raw_host_config = rows[i].host_config,
                                          .labels = {"", "", "", "", ""}};
        eca_auto_buf struct eca_buf body = {0};
        struct eca_named_error error = {0};

        ck_assert_int_lt(eca_docker_create_body(&spec, false, &body, &error), 0);
        ck_assert_str_eq(error.name, rows[i].name);
        ck_assert_msg(strstr(error.text, rows[i].text) != NULL, "%s", error.text);
    }
}
END_TEST

/* One key with a value of a type: taken as it is, or refused by its name. */
static void check_key(const char *key, bool host, const char *json, bool good)
{
    eca_auto_free char *raw = eca_xasprintf("{\"%s\":%s}", key, json);
    struct eca_container_spec spec = {.image = "i",
                                      .raw_config = host ? NULL : raw,
                                      .raw_host_config = host ? raw : NULL,
                                      .labels = {"", "", "", "", ""}};
    eca_auto_buf struct eca_buf body = {0};
    struct eca_named_error error = {0};

    ck_assert_msg((eca_docker_create_body(&spec, false, &body, &error) == 0) == good, "%s: %s %s",
                  key, json, error.text);
    ck_assert_msg(good || strstr(error.text, key) != NULL, "%s: %s", key, error.text);
}

/* DKR-523, DKR-524: every known key takes its own type and no other. */
START_TEST(known_keys_have_their_types)
{
    static const struct {
        bool host;
        const char *keys, *good, *bad;
    } rows[] = {
        {false,
         "Hostname Domainname User Cpuset PublishService StopSignal Image VolumeDriver WorkingDir "
         "MacAddress VolumesFrom",
         "\"x\"", "7"},
        {false, "Memory MemorySwap MemoryReservation KernelMemory CpuShares", "7", "\"7\""},
        {false, "PortSpecs Env Cmd Dns Entrypoint SecurityOpts OnBuild", "[\"a=b\"]", "[7]"},
        {false,
         "AttachStdin AttachStdout AttachStderr ArgsEscaped Tty OpenStdin StdinOnce "
         "NetworkDisabled",
         "true", "1"},
        {false, "ExposedPorts Volumes", "{\"80/tcp\":{}}", "[]"},
        {false, "Labels", "{\"a\":\"b\"}", "[]"},
        {false, "Healthcheck", "{\"Interval\":1}", "\"x\""},
        {false, "Mounts", "[{\"Name\":\"n\"}]", "{}"},
        {true,
         "ContainerIDFile UsernsMode NetworkMode IpcMode PidMode UTSMode Cgroup CgroupParent "
         "Cpuset CpusetCpus CpusetMems VolumeDriver",
         "\"x\"", "7"},
        {true,
         "Memory MemoryReservation KernelMemory MemorySwap MemorySwappiness CpuShares CpuQuota "
         "CpuPeriod BlkioWeight OomScoreAdj PidsLimit ShmSize",
         "0", "true"},
        {true, "Privileged PublishAllPorts ReadonlyRootfs OomKillDisable AutoRemove", "false",
         "\"false\""},
        {true,
         "Binds CapAdd CapDrop GroupAdd Links Dns DnsOptions DnsSearch ExtraHosts VolumesFrom "
         "SecurityOpt",
         "[\"x\"]", "\"x\""},
        {true,
         "LxcConf Devices BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps "
         "BlkioDeviceReadIOps BlkioDeviceWriteIOps Ulimits",
         "[{}]", "{}"},
        {true, "PortBindings Tmpfs StorageOpt Sysctls RestartPolicy LogConfig", "{}", "[]"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_free char *keys = eca_xstrdup(rows[i].keys);

        for (char *save = NULL, *key = strtok_r(keys, " ", &save); key != NULL;
             key = strtok_r(NULL, " ", &save)) {
            check_key(key, rows[i].host, rows[i].good, true);
            check_key(key, rows[i].host, rows[i].bad, false);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docker/parts");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, endpoint_forms_are_understood);
    tcase_add_test(tcase, login_is_chosen_by_the_table);
    tcase_add_test(tcase, auth_data_is_read_or_left_out);
    tcase_add_test(tcase, state_is_read);
    tcase_add_test(tcase, ports_and_volumes_are_read);
    tcase_add_test(tcase, body_is_the_example_of_the_specification);
    tcase_add_test(tcase, raw_config_is_laid_over);
    tcase_add_test(tcase, unusable_raw_config_is_a_named_error);
    tcase_add_test(tcase, known_keys_have_their_types);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
