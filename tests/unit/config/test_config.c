#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"
#include "agent/config/config.h"
#include "agent/config/config_internal.h"
#include "tests/unit/support/manual_host.h"

#define FILE_PATH "/etc/ecs_container_agent/config.json"
#define SECOND ECA_NS_PER_S
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static struct manual_host host;

static void setup(void)
{
    manual_host_init(&host);
    manual_host_setenv(&host, "AWS_DEFAULT_REGION", "us-west-2");
}

static void teardown(void)
{
    manual_host_clear(&host);
}

static void env(const char *name, const char *value)
{
    manual_host_setenv(&host, name, value);
}

static void file(const char *text)
{
    manual_host_file(&host, FILE_PATH, text);
}

static struct eca_config *load(void)
{
    return eca_config_load(manual_host_port(&host));
}

static const char *printed(const struct eca_config *config, const char *name)
{
    static char line[1024];
    eca_auto_buf struct eca_buf text = {0};
    eca_auto_free char *start = eca_xasprintf("\n%s=", name);
    size_t from, end;

    eca_buf_add_char(&text, '\n');
    (void)eca_config_print(config, &text);
    from = eca_view_find(eca_buf_view(&text), start, 0);
    ck_assert_msg(from != SIZE_MAX, "no line for %s", name);
    from += strlen(start);
    end = eca_view_find(eca_buf_view(&text), "\n", from);
    ck_assert_uint_lt(end - from, sizeof(line));
    memcpy(line, text.at + from, end - from);
    line[end - from] = '\0';
    return line;
}

static bool has_message(const struct eca_config *config, enum eca_log_level level, const char *part)
{
    for (size_t i = 0; i < eca_config_message_count(config); i++) {
        const struct eca_config_message *message = eca_config_message(config, i);
        if (message->level == level && strstr(message->text, part) != NULL) {
            return true;
        }
    }
    return false;
}

static size_t messages_from(const struct eca_config *config, enum eca_log_level level)
{
    size_t count = 0;
    for (size_t i = 0; i < eca_config_message_count(config); i++) {
        count += eca_config_message(config, i)->level >= level;
    }
    return count;
}

/* CFG-101, CFG-301..330: every row by environment, by file, by both, by neither */
static const struct row {
    const char *name, *key;
    const char *env, *env_shown;   /* value in the environment, as printed */
    const char *json, *json_shown; /* value in the file, as printed */
    const char *fallback;
} rows[] = {
    {"ECS_CLUSTER", "Cluster", " blue\t", "blue", "\" red \"", "red", ""},
    {"ECS_BACKEND_HOST", "APIEndpoint", "ecs.test", "ecs.test", "\"http://x\"", "http://x", ""},
    {"AWS_DEFAULT_REGION", "AWSRegion", "eu-west-1\r\n", "eu-west-1", "\"cn-north-1\"",
     "cn-north-1", ""},
    {"DOCKER_HOST", "DockerEndpoint", "tcp://h:1", "tcp://h:1", "\"unix:///x\"", "unix:///x",
     "unix:///var/run/docker.sock"},
    {"ECS_RESERVED_PORTS", "ReservedPorts", "[80,22,80]", "[80,22,80]", "[1]", "[1]",
     "[22,2375,2376,51678,51679]"},
    {"ECS_RESERVED_PORTS_UDP", "ReservedPortsUDP", " [53] ", "[53]", "[65535,0]", "[65535,0]",
     "[]"},
    {"ECS_DATADIR", "DataDir", "/dir ", "/dir ", "\"/f\"", "/f", "/data/"},
    {"ECS_CHECKPOINT", "Checkpoint", "T", "true", "true", "true", "false"},
    {"ECS_ENGINE_AUTH_TYPE", "EngineAuthType", " docker ", "docker", "\"dockercfg\"", "dockercfg",
     ""},
    {"ECS_ENGINE_AUTH_DATA", "EngineAuthData", "{\"a\":{}}", "[redacted]", "{\"b\":{}}",
     "[redacted]", ""},
    {"ECS_UPDATES_ENABLED", "UpdatesEnabled", "1", "true", "true", "true", "false"},
    {"ECS_UPDATE_DOWNLOAD_DIR", "UpdateDownloadDir", "/u", "/u", "\"/v\"", "/v", ""},
    {"ECS_DISABLE_METRICS", "DisableMetrics", "TRUE", "true", "true", "true", "false"},
    {"ECS_RESERVED_MEMORY", "ReservedMemory", "00065", "65", "65535", "65535", "0"},
    {"ECS_AVAILABLE_LOGGING_DRIVERS", "AvailableLoggingDrivers", "[\"syslog\",\"awslogs\"]",
     "[\"syslog\",\"awslogs\"]", "[]", "[]", "[\"json-file\"]"},
    {"ECS_DISABLE_PRIVILEGED", "PrivilegedDisabled", "true", "true", "true", "true", "false"},
    {"ECS_SELINUX_CAPABLE", "SELinuxCapable", "True", "true", "true", "true", "false"},
    {"ECS_APPARMOR_CAPABLE", "AppArmorCapable", "t", "true", "true", "true", "false"},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "TaskCleanupWaitDuration", "1h5m30s", "1h5m30s",
     "600000000000", "10m0s", "3h0m0s"},
    {"ECS_CONTAINER_STOP_TIMEOUT", "DockerStopTimeout", "1s", "1s", "\"90s\"", "1m30s", "30s"},
    {"ECS_ENABLE_TASK_IAM_ROLE", "TaskIAMRoleEnabled", "true", "true", "true", "true", "false"},
    {"ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "TaskIAMRoleEnabledForNetworkHost", "true", "true",
     "true", "true", "false"},
    {"ECS_DISABLE_IMAGE_CLEANUP", "ImageCleanupDisabled", "true", "true", "true", "true", "false"},
    {"ECS_IMAGE_CLEANUP_INTERVAL", "ImageCleanupInterval", "10m", "10m0s", "\"11m\"", "11m0s",
     "30m0s"},
    {"ECS_IMAGE_MINIMUM_CLEANUP_AGE", "MinimumImageDeletionAge", "0", "0s", "1", "1ns", "1h0m0s"},
    {"ECS_NUM_IMAGES_DELETE_PER_CYCLE", "NumImagesToDeletePerCycle", "+7", "7", "1", "1", "5"},
    {"ECS_AUDIT_LOGFILE", "CredentialsAuditLogFile", "/a", "/a", "\"/b\"", "/b", "/log/audit.log"},
    {"ECS_AUDIT_LOGFILE_DISABLED", "CredentialsAuditLogDisabled", "true", "true", "true", "true",
     "false"},
    {"ECS_LOGLEVEL", NULL, "debug", "debug", NULL, NULL, ""},
    {"ECS_LOGFILE", NULL, "/log/x", "/log/x", NULL, NULL, ""},
    {"ECS_AGENT_CONFIG_FILE_PATH", NULL, "/my.json", "/my.json", NULL, NULL, FILE_PATH},
    /* INTRO-131, DKR-L05, DKR-L04, EC2-111, CFG-340, API-105, DKR-104 */
    {"ECS_INTROSPECTION_BIND", "IntrospectionBind", "127.0.0.1", "127.0.0.1", "\"::1\"", "::1", ""},
    {"ECS_CREDENTIALS_BIND", "CredentialsBind", "127.0.0.1", "127.0.0.1", "\"::1\"", "::1", ""},
    {"ECS_FLIGHT_RECORDING", "FlightRecording", "/r", "/r", "\"/s\"", "/s", ""},
    {"ECS_IMAGE_PULL_BEHAVIOR", "ImagePullBehavior", "once", "once", "\"prefer-cached\"",
     "prefer-cached", "default"},
    {"ECS_IMAGE_PULL_INACTIVITY_TIMEOUT", "ImagePullInactivityTimeout", "2m", "2m0s", "\"3m\"",
     "3m0s", "1m0s"},
    /* STAT-L4 */
    {"ECS_POLL_METRICS", "PollMetrics", "true", "true", "true", "true", "false"},
    {"ECS_POLLING_METRICS_WAIT_DURATION", "PollingMetricsWaitDuration", "5s", "5s", "20000000000",
     "20s", "10s"},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT", NULL, "http://m", "http://m", NULL, NULL, ""},
    {"HTTP_PROXY", NULL, "http://u:p@h", "[redacted]", NULL, NULL, ""},
    {"NO_PROXY", NULL, "a,b", "a,b", NULL, NULL, ""},
    {"SSL_CERT_FILE", NULL, "/c", "/c", NULL, NULL, ""},
    {"SSL_CERT_DIR", NULL, "/d", "/d", NULL, NULL, ""},
    {"DOCKER_TLS_VERIFY", NULL, "1", "1", NULL, NULL, ""},
    {"DOCKER_CERT_PATH", NULL, "/e", "/e", NULL, NULL, ""},
};

static void expect_line(const struct row *row, const char *shown, const char *origin)
{
    struct eca_config *config = load();
    eca_auto_free char *want = eca_xasprintf("%s  # %s", shown, origin);

    ck_assert_uint_eq(eca_config_validate(config),
                      strcmp(row->name, "AWS_DEFAULT_REGION") == 0 && shown[0] == '\0' ? 1 : 0);
    if (shown[0] != '\0' || strcmp(row->name, "AWS_DEFAULT_REGION") != 0) {
        ck_assert_str_eq(printed(config, row->name), want);
    }
    eca_config_free(config);
}

START_TEST(every_setting_has_its_sources)
{
    const struct row *row = &rows[_i];
    eca_auto_free char *text = NULL;

    if (strcmp(row->name, "AWS_DEFAULT_REGION") == 0) {
        env("AWS_DEFAULT_REGION", NULL);
    }
    expect_line(row, row->fallback, "default");
    env(row->name, "");
    expect_line(row, row->fallback, "default");
    if (row->json != NULL) {
        text = eca_xasprintf("{\"%s\":%s}", row->key, row->json);
        file(text);
        expect_line(row, row->json_shown, "file");
    }
    env(row->name, row->env);
    expect_line(row, row->env_shown, "environment");
}
END_TEST

/* CFG-102: false, empty list and 0 are values */
START_TEST(an_explicit_zero_counts)
{
    struct eca_config *config;
    const struct eca_config_values *values;

    file("{\"DisableMetrics\":true,\"Checkpoint\":true,\"ReservedPorts\":[1],\"ReservedMemory\":9,"
         "\"MinimumImageDeletionAge\":5,\"Cluster\":\"c\"}");
    env("ECS_DISABLE_METRICS", "false");
    env("ECS_CHECKPOINT", "0");
    env("ECS_RESERVED_PORTS", "[]");
    env("ECS_RESERVED_MEMORY", "0");
    env("ECS_IMAGE_MINIMUM_CLEANUP_AGE", "0s");
    env("ECS_CLUSTER", "");
    config = load();
    values = eca_config_values(config);
    ck_assert(!values->disable_metrics);
    ck_assert(!values->checkpoint);
    ck_assert_uint_eq(values->ports.count, 0);
    ck_assert_uint_eq(values->reserved_memory_mib, 0);
    ck_assert_int_eq(values->image_minimum_age_ns, 0);
    ck_assert_str_eq(values->cluster, "c");
    ck_assert_int_eq(eca_config_origin(config, "ECS_RESERVED_PORTS"), ECA_ORIGIN_ENVIRONMENT);
    eca_config_free(config);

    file("{\"ReservedPorts\":[],\"Checkpoint\":false}");
    env("ECS_RESERVED_PORTS", NULL);
    env("ECS_CHECKPOINT", NULL);
    env("ECS_DATADIR", "/data");
    config = load();
    ck_assert_uint_eq(eca_config_values(config)->ports.count, 0);
    ck_assert(!eca_config_values(config)->checkpoint);
    eca_config_free(config);
}
END_TEST

/* CFG-308 */
START_TEST(only_the_environments_data_directory_switches_checkpointing_on)
{
    struct eca_config *config;

    file("{\"DataDir\":\"/f\"}");
    config = load();
    ck_assert(!eca_config_values(config)->checkpoint);
    eca_config_free(config);
    env("ECS_DATADIR", "/e");
    config = load();
    ck_assert(eca_config_values(config)->checkpoint);
    ck_assert_str_eq(eca_config_values(config)->data_dir, "/e");
    eca_config_free(config);
}
END_TEST

/* CFG-103, CFG-104: metadata fill an empty region only; blanks are no region */
START_TEST(region_comes_from_metadata_last)
{
    struct eca_config *config;

    env("AWS_DEFAULT_REGION", " \t\r");
    config = load();
    ck_assert(eca_config_needs_region(config));
    eca_config_set_region(config, eca_view_str(""));
    ck_assert(eca_config_needs_region(config));
    eca_config_set_region(config, eca_view_str(" eu-central-1\n"));
    ck_assert_str_eq(printed(config, "AWS_DEFAULT_REGION"), "eu-central-1  # metadata");
    eca_config_set_region(config, eca_view_str("other"));
    ck_assert_str_eq(eca_config_values(config)->region, "eu-central-1");
    ck_assert_uint_eq(eca_config_validate(config), 0);
    eca_config_free(config);
}
END_TEST

/* CFG-201..206: what cannot be used is named, and the default or the file counts */
static const struct {
    const char *name, *value, *shown;
    bool warned;
} bad[] = {
    {"ECS_DISABLE_METRICS", "yes", "false", true},
    {"ECS_DISABLE_METRICS", "on", "false", true},
    {"ECS_DISABLE_METRICS", " true ", "true", false},
    {"ECS_RESERVED_MEMORY", "65536", "0", true},
    {"ECS_RESERVED_MEMORY", "-1", "0", true},
    {"ECS_RESERVED_MEMORY", " 1", "0", true},
    {"ECS_RESERVED_MEMORY", "0x10", "0", true},
    {"ECS_NUM_IMAGES_DELETE_PER_CYCLE", "99999999999999999999", "5", true},
    {"ECS_NUM_IMAGES_DELETE_PER_CYCLE", "1 ", "5", true},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "10", "3h0m0s", true},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "1d", "3h0m0s", true},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "1h 5m", "3h0m0s", true},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", " 10m", "3h0m0s", true},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "9999999h", "3h0m0s", true},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", ".5h", "30m0s", false},
    {"ECS_RESERVED_PORTS", "  ", "[22,2375,2376,51678,51679]", false},
    {"ECS_RESERVED_PORTS", "null", "[22,2375,2376,51678,51679]", false},
    {"ECS_RESERVED_PORTS", "[22,\"a\",80]", "[22,2375,2376,51678,51679]", true},
    {"ECS_RESERVED_PORTS", "[70000,80]", "[22,2375,2376,51678,51679]", true},
    {"ECS_RESERVED_PORTS", "[1.5]", "[22,2375,2376,51678,51679]", true},
    {"ECS_RESERVED_PORTS", "[-1]", "[22,2375,2376,51678,51679]", true},
    {"ECS_RESERVED_PORTS", "[22] junk", "[22,2375,2376,51678,51679]", true},
    {"ECS_RESERVED_PORTS", "{\"a\":1}", "[22,2375,2376,51678,51679]", true},
    {"ECS_RESERVED_PORTS", "[22", "[22,2375,2376,51678,51679]", true},
    {"ECS_AVAILABLE_LOGGING_DRIVERS", "[1]", "[\"json-file\"]", true},
    {"ECS_IMAGE_PULL_BEHAVIOR", "never", "default", true},
    {"ECS_LOGLEVEL", "loud", "", true},
    {"ECS_CONTAINER_STOP_TIMEOUT", "999ms", "30s", true}, /* CFG-320 */
    {"ECS_CONTAINER_STOP_TIMEOUT", "-5m", "30s", true},
};

START_TEST(a_bad_value_in_the_environment_is_discarded)
{
    struct eca_config *config;
    eca_auto_free char *want = eca_xasprintf("%s  #", bad[_i].shown);

    env(bad[_i].name, bad[_i].value);
    config = load();
    ck_assert_uint_eq(eca_config_validate(config), 0);
    ck_assert_msg(strncmp(printed(config, bad[_i].name), want, strlen(want)) == 0, "%s",
                  printed(config, bad[_i].name));
    ck_assert_msg(has_message(config, ECA_LOG_WARN, bad[_i].name) == bad[_i].warned, "case %d", _i);
    if (bad[_i].warned) {
        eca_auto_buf struct eca_buf out = {0};
        ck_assert_int_eq(eca_config_print(config, &out), 1); /* PROC-106 */
    }
    eca_config_free(config);
}
END_TEST

START_TEST(a_bad_choice_names_the_good_ones)
{
    struct eca_config *config;

    env("ECS_IMAGE_PULL_BEHAVIOR", "never");
    config = load();
    ck_assert(
        has_message(config, ECA_LOG_WARN, "want one of default, always, once, prefer-cached"));
    eca_config_free(config);
}
END_TEST

/* CFG-205: the element is named */
START_TEST(the_bad_port_is_named)
{
    struct eca_config *config;

    env("ECS_RESERVED_PORTS", "[22,\"a\",80]");
    file("{\"ReservedPorts\":[7]}");
    config = load();
    ck_assert(has_message(config, ECA_LOG_WARN, "element 1"));
    ck_assert_uint_eq(eca_config_values(config)->ports.count, 1); /* the file's */
    eca_config_free(config);
}
END_TEST

/* CFG-319, CFG-324, CFG-325, CFG-326, CFG-504: right name, given value, minimum, value used */
START_TEST(a_value_below_its_minimum_is_replaced)
{
    struct eca_config *config;

    env("ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "59s");
    env("ECS_IMAGE_CLEANUP_INTERVAL", "9m59s");
    env("ECS_IMAGE_MINIMUM_CLEANUP_AGE", "-1ns");
    env("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "0");
    config = load();
    ck_assert_uint_eq(eca_config_validate(config), 0);
    ck_assert_int_eq(eca_config_values(config)->task_cleanup_wait_ns, 3 * HOUR);
    ck_assert_int_eq(eca_config_values(config)->image_cleanup_interval_ns, 30 * MINUTE);
    ck_assert_int_eq(eca_config_values(config)->image_minimum_age_ns, HOUR);
    ck_assert_int_eq(eca_config_values(config)->images_per_cycle, 5);
    ck_assert(has_message(config, ECA_LOG_WARN,
                          "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION: 59s from environment is less "
                          "than the minimum of 1m0s; 3h0m0s is used"));
    ck_assert(has_message(config, ECA_LOG_WARN, "ECS_IMAGE_CLEANUP_INTERVAL: 9m59s"));
    ck_assert(has_message(config, ECA_LOG_WARN, "ECS_IMAGE_MINIMUM_CLEANUP_AGE: -1ns"));
    ck_assert(has_message(config, ECA_LOG_WARN,
                          "ECS_NUM_IMAGES_DELETE_PER_CYCLE: 0 from environment is less than the "
                          "minimum of 1; 5 is used"));
    eca_config_free(config);

    env("ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "1m");
    env("ECS_IMAGE_CLEANUP_INTERVAL", "10m");
    env("ECS_IMAGE_MINIMUM_CLEANUP_AGE", "0");
    env("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "1");
    config = load();
    ck_assert_uint_eq(eca_config_validate(config), 0);
    ck_assert_uint_eq(messages_from(config, ECA_LOG_WARN), 0);
    eca_config_free(config);
}
END_TEST

/* STAT-L4: 5 to 20 s; what is beside becomes the nearest of them, and is told. */
START_TEST(the_wait_between_polls_is_kept_in_its_range)
{
    static const struct {
        const char *given;
        int64_t used_ns;
        const char *warning; /* NULL: none */
    } cases[] = {
        {"4999ms", 5 * ECA_NS_PER_S, "4.999s from environment is less than the minimum of 5s; 5s "},
        {"-1h", 5 * ECA_NS_PER_S, "-1h0m0s from environment is less than the minimum of 5s; 5s "},
        {"5s", 5 * ECA_NS_PER_S, NULL},
        {"20s", 20 * ECA_NS_PER_S, NULL},
        {"20001ms", 20 * ECA_NS_PER_S,
         "20.001s from environment is more than the maximum of 20s; 20s is used"},
        {"often", 10 * ECA_NS_PER_S, "often: "},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct eca_config *config;

        env("ECS_POLLING_METRICS_WAIT_DURATION", cases[i].given);
        config = load();
        ck_assert_uint_eq(eca_config_validate(config), 0);
        ck_assert_int_eq(eca_config_values(config)->poll_wait_ns, cases[i].used_ns);
        ck_assert_uint_eq(messages_from(config, ECA_LOG_WARN), cases[i].warning != NULL);
        ck_assert(cases[i].warning == NULL || has_message(config, ECA_LOG_WARN, cases[i].warning));
        eca_config_free(config);
    }
}
END_TEST

/* CFG-501, CFG-502, CFG-303, PROC-204: all fatal errors are found, not only the first */
START_TEST(every_fatal_error_is_reported)
{
    struct eca_config *config;

    env("AWS_DEFAULT_REGION", NULL);
    env("ECS_AVAILABLE_LOGGING_DRIVERS", "[\"json-file\",\"nope\",\"bad\"]");
    file("{\"DockerStopTimeout\":100000000}");
    config = load();
    ck_assert_uint_eq(eca_config_validate(config), 3);
    ck_assert(has_message(config, ECA_LOG_CRIT, "Missing required fields: AWSRegion"));
    ck_assert(has_message(config, ECA_LOG_CRIT, "Invalid negative DockerStopTimeout: 100ms"));
    ck_assert(has_message(config, ECA_LOG_CRIT, "Invalid logging drivers: nope, bad"));
    eca_config_free(config);

    env("AWS_DEFAULT_REGION", "us.evil/");
    env("ECS_AVAILABLE_LOGGING_DRIVERS", "[\"none\",\"splunk\"]"); /* CFG-L01, DKR-131 */
    env("ECS_CONTAINER_STOP_TIMEOUT", "2s");
    config = load();
    ck_assert_uint_eq(eca_config_validate(config), 1);
    ck_assert(has_message(config, ECA_LOG_CRIT, "Invalid AWSRegion"));
    eca_config_free(config);
}
END_TEST

/* DKR-131 */
START_TEST(logging_drivers_have_minimum_versions)
{
    ck_assert_str_eq(eca_config_driver_version("json-file"), "1.18");
    ck_assert_str_eq(eca_config_driver_version("syslog"), "1.18");
    ck_assert_str_eq(eca_config_driver_version("journald"), "1.19");
    ck_assert_str_eq(eca_config_driver_version("gelf"), "1.20");
    ck_assert_str_eq(eca_config_driver_version("fluentd"), "1.20");
    ck_assert_str_eq(eca_config_driver_version("awslogs"), "1.21");
    ck_assert_str_eq(eca_config_driver_version("splunk"), "1.22");
    ck_assert_ptr_null(eca_config_driver_version("JSON-FILE"));
    ck_assert_ptr_null(eca_config_driver_version(""));
}
END_TEST

/* CFG-401 */
START_TEST(an_unreadable_file_is_no_file)
{
    struct eca_config *config = load();

    ck_assert_uint_eq(messages_from(config, ECA_LOG_DEBUG), 0);
    eca_config_free(config);
    manual_host_file_error(&host, FILE_PATH, ECA_E_DENIED);
    config = load();
    ck_assert_uint_eq(messages_from(config, ECA_LOG_DEBUG), 0);
    eca_config_free(config);
    file(" \n");
    config = load();
    ck_assert_uint_eq(messages_from(config, ECA_LOG_DEBUG), 0);
    eca_config_free(config);
    manual_host_directory(&host, FILE_PATH);
    config = load();
    ck_assert(has_message(config, ECA_LOG_ERROR, "is a directory"));
    eca_config_free(config);
}
END_TEST

/* CFG-330 */
START_TEST(the_file_may_lie_elsewhere)
{
    struct eca_config *config;

    env("ECS_AGENT_CONFIG_FILE_PATH", "/etc/ecs/ecs.config.json");
    manual_host_file(&host, "/etc/ecs/ecs.config.json", "{\"Cluster\":\"here\"}");
    file("{\"Cluster\":\"there\"}");
    config = load();
    ck_assert_str_eq(eca_config_values(config)->cluster, "here");
    eca_config_free(config);
}
END_TEST

/* CFG-402, CFG-406 */
START_TEST(keys_match_in_any_case_and_the_last_wins)
{
    struct eca_config *config;

    file("{\"cluster\":\"one\",\"CLUSTER\":\"two\",\"Unknown\":{\"x\":[1]},\"DataDir\":null,"
         "\"reservedmemory\":7}");
    config = load();
    ck_assert_str_eq(eca_config_values(config)->cluster, "two");
    ck_assert_str_eq(eca_config_values(config)->data_dir, "/data/");
    ck_assert_uint_eq(eca_config_values(config)->reserved_memory_mib, 7);
    ck_assert_uint_eq(messages_from(config, ECA_LOG_DEBUG), 0);
    eca_config_free(config);
}
END_TEST

/* CFG-404, CFG-403 */
START_TEST(one_wrong_value_leaves_the_others)
{
    static const char *const broken[] = {"{\"Cluster\":\"c\"", "[]", "\"x\"", "{} {}",
                                         "{\"Cluster\":\"c\"} junk"};
    struct eca_config *config;

    file(
        "{\"ReservedMemory\":70000,\"Cluster\":\"c\",\"DisableMetrics\":\"true\",\"ReservedPorts\":"
        "[1,\"x\"],\"TaskCleanupWaitDuration\":1.5}");
    config = load();
    ck_assert_uint_eq(eca_config_values(config)->reserved_memory_mib, 0);
    ck_assert_str_eq(eca_config_values(config)->cluster, "c");
    ck_assert(
        has_message(config, ECA_LOG_ERROR, "ReservedMemory: want an integer from 0 to 65535"));
    ck_assert(has_message(config, ECA_LOG_ERROR, "DisableMetrics: want bool"));
    ck_assert(has_message(config, ECA_LOG_ERROR, "ReservedPorts: element 1"));
    ck_assert(has_message(config, ECA_LOG_ERROR, "TaskCleanupWaitDuration"));
    eca_config_free(config);
    for (size_t i = 0; i < ECA_ARRAY_LEN(broken); i++) {
        file(broken[i]);
        config = load();
        ck_assert_msg(has_message(config, ECA_LOG_ERROR, "is ignored"), "case %zu", i);
        ck_assert_str_eq(eca_config_values(config)->cluster, "");
        ck_assert_uint_eq(eca_config_validate(config), 0);
        eca_config_free(config);
    }
}
END_TEST

/* CFG-405 */
START_TEST(cluster_arn_is_deprecated_and_last)
{
    static const struct {
        const char *text, *env, *cluster;
        bool warned;
    } cases[] = {
        {"{\"ClusterArn\":\"old\"}", NULL, "old", true},
        {"{\"ClusterArn\":\"old\",\"Cluster\":\"new\"}", NULL, "new", true},
        {"{\"ClusterArn\":\"old\"}", "env", "env", true},
        {"{\"ClusterArn\":\"\"}", NULL, "", false},
        {"{\"ClusterArn\":5}", NULL, "", false},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct eca_config *config;
        file(cases[i].text);
        env("ECS_CLUSTER", cases[i].env);
        config = load();
        ck_assert_str_eq(eca_config_values(config)->cluster, cases[i].cluster);
        ck_assert(has_message(config, ECA_LOG_WARN, "deprecated") == cases[i].warned);
        eca_config_free(config);
    }
}
END_TEST

/* CFG-407, CFG-310, AUTH-102, AUTH-L01 */
START_TEST(auth_data_of_the_file_is_used)
{
    struct eca_config *config;

    file("{\"EngineAuthType\":\"docker\",\"EngineAuthData\":{\"https://index.example/v1/\":"
         "{\"username\":\"u\", \"password\":\"p\"}}}");
    config = load();
    ck_assert_str_eq(eca_config_values(config)->engine_auth_data.at,
                     "{\"https://index.example/v1/\":{\"username\":\"u\",\"password\":\"p\"}}");
    eca_config_free(config);
    env("ECS_ENGINE_AUTH_DATA", "{\"not json");
    config = load();
    ck_assert_str_eq(eca_config_values(config)->engine_auth_data.at, "{\"not json");
    eca_config_free(config);
}
END_TEST

/* CFG-601, CFG-603: a marker in every secret, printed nowhere */
START_TEST(secrets_are_redacted_everywhere)
{
    static const char *const files[] = {
        "{\"EngineAuthData\":{\"r\":{\"password\":\"MARKER\"}}}",
        "{\"EngineAuthData\":{\"r\":{\"password\":\"MARKER\"}}",
        "{\"EngineAuthData\":\"MARKER\" x}",
    };

    env("ECS_ENGINE_AUTH_DATA", "MARKER");
    env("HTTP_PROXY", "http://u:MARKER@h");
    env("https_proxy", "http://u:MARKER@h");
    for (size_t i = 0; i < ECA_ARRAY_LEN(files); i++) {
        eca_auto_buf struct eca_buf out = {0};
        struct eca_config *config;

        file(files[i]);
        config = load();
        (void)eca_config_validate(config);
        (void)eca_config_print(config, &out);
        eca_config_digest(config, &out);
        for (size_t m = 0; m < eca_config_message_count(config); m++) {
            eca_buf_add_str(&out, eca_config_message(config, m)->text);
        }
        ck_assert_ptr_null(strstr(eca_buf_str(&out), "MARKER"));
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&out), "HTTPS_PROXY=[redacted]"));
        ck_assert_str_eq(eca_config_values(config)->https_proxy.at, "http://u:MARKER@h");
        eca_config_free(config);
    }
}
END_TEST

/* CFG-602 */
START_TEST(digest_holds_exactly_its_ten_members)
{
    eca_auto_buf struct eca_buf out = {0};
    struct eca_config *config;

    env("ECS_CLUSTER", "c\n1");
    env("ECS_DATADIR", "/d");
    config = load();
    eca_config_digest(config, &out);
    ck_assert_str_eq(eca_buf_str(&out),
                     "Cluster: c\\n1, Region: us-west-2, DataDir: /d, Checkpoint: true, AuthType: "
                     ", UpdatesEnabled: false, DisableMetrics: false, ReservedMem: 0, "
                     "TaskCleanupWaitDuration: 3h0m0s, DockerStopTimeout: 30s");
    eca_config_free(config);
}
END_TEST

/* CFG-341: names, not values */
START_TEST(unknown_variables_are_listed_by_name)
{
    struct eca_config *config;

    env("ECS_FOO", "MARKER");
    env("ECS_BAR", "x");
    env("OTHER", "x");
    config = load();
    ck_assert(has_message(config, ECA_LOG_INFO, "ECS_FOO, ECS_BAR"));
    ck_assert(!has_message(config, ECA_LOG_INFO, "MARKER"));
    ck_assert(!has_message(config, ECA_LOG_INFO, "OTHER"));
    eca_config_free(config);
}
END_TEST

/* PROC-106 */
START_TEST(print_is_clean_when_every_value_was_usable)
{
    eca_auto_buf struct eca_buf out = {0};
    struct eca_config *config = load();

    ck_assert_uint_eq(eca_config_validate(config), 0);
    ck_assert_int_eq(eca_config_print(config, &out), 0);
    eca_config_free(config);
    env("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "0");
    config = load();
    ck_assert_uint_eq(eca_config_validate(config), 0);
    ck_assert_int_eq(eca_config_print(config, &out), 1);
    ck_assert_ptr_nonnull(strstr(printed(config, "ECS_NUM_IMAGES_DELETE_PER_CYCLE"),
                                 "5  # default; ECS_NUM_IMAGES_DELETE_PER_CYCLE: 0"));
    eca_config_free(config);
}
END_TEST

/* API-621 */
START_TEST(the_cluster_in_use_can_be_set_later)
{
    struct eca_config *config = load();

    eca_config_set_cluster(config, "default");
    ck_assert_str_eq(eca_config_values(config)->cluster, "default");
    eca_config_set_cluster(config, eca_config_values(config)->cluster);
    ck_assert_str_eq(eca_config_values(config)->cluster, "default");
    eca_config_free(config);
}
END_TEST

/* The operator guide's table has a line for each setting, and each says what it is for. */
START_TEST(every_setting_has_a_meaning)
{
    eca_auto_buf struct eca_buf out = {0};

    eca_settings_print(&out);
    for (size_t i = 0; i < eca_setting_count; i++) {
        eca_auto_free char *line = eca_xasprintf("\n| `%s` | ", eca_settings[i].env);

        ck_assert_msg(eca_setting_meaning(eca_settings[i].env) != NULL, "%s", eca_settings[i].env);
        ck_assert_ptr_nonnull(strstr(eca_buf_str(&out), line));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, every_setting_has_its_sources, 0, (int)ECA_ARRAY_LEN(rows));
    tcase_add_test(tcase, an_explicit_zero_counts);
    tcase_add_test(tcase, only_the_environments_data_directory_switches_checkpointing_on);
    tcase_add_test(tcase, region_comes_from_metadata_last);
    tcase_add_loop_test(tcase, a_bad_value_in_the_environment_is_discarded, 0,
                        (int)ECA_ARRAY_LEN(bad));
    tcase_add_test(tcase, a_bad_choice_names_the_good_ones);
    tcase_add_test(tcase, the_bad_port_is_named);
    tcase_add_test(tcase, a_value_below_its_minimum_is_replaced);
    tcase_add_test(tcase, the_wait_between_polls_is_kept_in_its_range);
    tcase_add_test(tcase, every_fatal_error_is_reported);
    tcase_add_test(tcase, logging_drivers_have_minimum_versions);
    tcase_add_test(tcase, an_unreadable_file_is_no_file);
    tcase_add_test(tcase, the_file_may_lie_elsewhere);
    tcase_add_test(tcase, keys_match_in_any_case_and_the_last_wins);
    tcase_add_test(tcase, one_wrong_value_leaves_the_others);
    tcase_add_test(tcase, cluster_arn_is_deprecated_and_last);
    tcase_add_test(tcase, auth_data_of_the_file_is_used);
    tcase_add_test(tcase, secrets_are_redacted_everywhere);
    tcase_add_test(tcase, digest_holds_exactly_its_ten_members);
    tcase_add_test(tcase, unknown_variables_are_listed_by_name);
    tcase_add_test(tcase, print_is_clean_when_every_value_was_usable);
    tcase_add_test(tcase, every_setting_has_a_meaning);
    tcase_add_test(tcase, the_cluster_in_use_can_be_set_later);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
