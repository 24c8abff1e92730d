#include "agent/config/config_internal.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define MINUTES(n) (INT64_C(60) * (n)*ECA_NS_PER_S)
#define AT(member) offsetof(struct eca_config_values, member)
#define TEXT(name, key_, member, fallback_)                                                        \
    {                                                                                              \
        .env = (name), .key = (key_), .kind = ECA_SETTING_TEXT, .offset = AT(member),              \
        .fallback = (fallback_)                                                                    \
    }
#define BOOL(name, key_, member)                                                                   \
    {                                                                                              \
        .env = (name), .key = (key_), .kind = ECA_SETTING_BOOL, .offset = AT(member)               \
    }

static const char *const pull_behaviors[] = {"default", "always", "once", "prefer-cached", NULL};

const struct eca_setting eca_settings[] = {
    {.env = "ECS_CLUSTER", .key = "Cluster", .kind = ECA_SETTING_TRIMMED, .offset = AT(cluster)},
    {.env = "ECS_BACKEND_HOST",
     .key = "APIEndpoint",
     .kind = ECA_SETTING_TRIMMED,
     .offset = AT(api_endpoint)},
    {.env = "AWS_DEFAULT_REGION",
     .key = "AWSRegion",
     .kind = ECA_SETTING_TRIMMED,
     .offset = AT(region)},
    TEXT("DOCKER_HOST", "DockerEndpoint", docker_endpoint, "unix:///var/run/docker.sock"),
    {.env = "ECS_RESERVED_PORTS",
     .key = "ReservedPorts",
     .kind = ECA_SETTING_PORTS,
     .offset = AT(ports),
     .fallback = "[22,2375,2376,51678,51679]"},
    {.env = "ECS_RESERVED_PORTS_UDP",
     .key = "ReservedPortsUDP",
     .kind = ECA_SETTING_PORTS,
     .offset = AT(ports_udp)},
    TEXT("ECS_DATADIR", "DataDir", data_dir, "/data/"),
    BOOL("ECS_CHECKPOINT", "Checkpoint", checkpoint),
    {.env = "ECS_ENGINE_AUTH_TYPE",
     .key = "EngineAuthType",
     .kind = ECA_SETTING_TRIMMED,
     .offset = AT(engine_auth_type)},
    {.env = "ECS_ENGINE_AUTH_DATA",
     .key = "EngineAuthData",
     .kind = ECA_SETTING_RAW,
     .offset = AT(engine_auth_data)},
    BOOL("ECS_UPDATES_ENABLED", "UpdatesEnabled", updates_enabled),
    TEXT("ECS_UPDATE_DOWNLOAD_DIR", "UpdateDownloadDir", update_download_dir, NULL),
    BOOL("ECS_DISABLE_METRICS", "DisableMetrics", disable_metrics),
    BOOL("ECS_POLL_METRICS", "PollMetrics", poll_metrics),
    {.env = "ECS_POLLING_METRICS_WAIT_DURATION",
     .key = "PollingMetricsWaitDuration",
     .kind = ECA_SETTING_DURATION,
     .offset = AT(poll_wait_ns),
     .fallback = "10s",
     .has_minimum = true,
     .minimum = 5 * ECA_NS_PER_S,
     .maximum = 20 * ECA_NS_PER_S},
    {.env = "ECS_RESERVED_MEMORY",
     .key = "ReservedMemory",
     .kind = ECA_SETTING_U16,
     .offset = AT(reserved_memory_mib)},
    {.env = "ECS_AVAILABLE_LOGGING_DRIVERS",
     .key = "AvailableLoggingDrivers",
     .kind = ECA_SETTING_TEXTS,
     .offset = AT(logging_drivers),
     .fallback = "[\"json-file\"]"},
    BOOL("ECS_DISABLE_PRIVILEGED", "PrivilegedDisabled", privileged_disabled),
    BOOL("ECS_SELINUX_CAPABLE", "SELinuxCapable", selinux_capable),
    BOOL("ECS_APPARMOR_CAPABLE", "AppArmorCapable", apparmor_capable),
    {.env = "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION",
     .key = "TaskCleanupWaitDuration",
     .kind = ECA_SETTING_DURATION,
     .offset = AT(task_cleanup_wait_ns),
     .fallback = "3h",
     .has_minimum = true,
     .minimum = MINUTES(1)},
    {.env = "ECS_CONTAINER_STOP_TIMEOUT",
     .key = "DockerStopTimeout",
     .kind = ECA_SETTING_DURATION,
     .offset = AT(container_stop_timeout_ns),
     .fallback = "30s"}, /* its bound is fatal or discards: config.c (CFG-320) */
    BOOL("ECS_ENABLE_TASK_IAM_ROLE", "TaskIAMRoleEnabled", task_iam_role),
    BOOL("ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "TaskIAMRoleEnabledForNetworkHost",
         task_iam_role_network_host),
    BOOL("ECS_DISABLE_IMAGE_CLEANUP", "ImageCleanupDisabled", image_cleanup_disabled),
    {.env = "ECS_IMAGE_CLEANUP_INTERVAL",
     .key = "ImageCleanupInterval",
     .kind = ECA_SETTING_DURATION,
     .offset = AT(image_cleanup_interval_ns),
     .fallback = "30m",
     .has_minimum = true,
     .minimum = MINUTES(10)},
    {.env = "ECS_IMAGE_MINIMUM_CLEANUP_AGE",
     .key = "MinimumImageDeletionAge",
     .kind = ECA_SETTING_DURATION,
     .offset = AT(image_minimum_age_ns),
     .fallback = "1h",
     .has_minimum = true,
     .minimum = 0},
    {.env = "ECS_NUM_IMAGES_DELETE_PER_CYCLE",
     .key = "NumImagesToDeletePerCycle",
     .kind = ECA_SETTING_INT,
     .offset = AT(images_per_cycle),
     .fallback = "5",
     .has_minimum = true,
     .minimum = 1},
    TEXT("ECS_AUDIT_LOGFILE", "CredentialsAuditLogFile", audit_log_file, "/log/audit.log"),
    BOOL("ECS_AUDIT_LOGFILE_DISABLED", "CredentialsAuditLogDisabled", audit_log_disabled),
    TEXT("ECS_LOGLEVEL", NULL, log_level, NULL),
    TEXT("ECS_LOGFILE", NULL, log_file, NULL),
    TEXT("ECS_AGENT_CONFIG_FILE_PATH", NULL, config_file_path,
         "/etc/ecs_container_agent/config.json"),
    TEXT("ECS_INTROSPECTION_BIND", "IntrospectionBind", introspection_bind, NULL),
    TEXT("ECS_CREDENTIALS_BIND", "CredentialsBind", credentials_bind, NULL),
    TEXT("ECS_FLIGHT_RECORDING", "FlightRecording", flight_recording, NULL),
    {.env = "ECS_IMAGE_PULL_BEHAVIOR",
     .key = "ImagePullBehavior",
     .kind = ECA_SETTING_CHOICE,
     .offset = AT(pull_behavior),
     .choices = pull_behaviors},
    {.env = "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT",
     .key = "ImagePullInactivityTimeout",
     .kind = ECA_SETTING_DURATION,
     .offset = AT(pull_inactivity_ns),
     .fallback = "1m",
     .has_minimum = true,
     .minimum = ECA_NS_PER_S},
    TEXT("AWS_EC2_METADATA_SERVICE_ENDPOINT", NULL, metadata_endpoint, NULL),
    {.env = "HTTP_PROXY",
     .env_other = "http_proxy",
     .kind = ECA_SETTING_SECRET,
     .offset = AT(http_proxy)},
    {.env = "HTTPS_PROXY",
     .env_other = "https_proxy",
     .kind = ECA_SETTING_SECRET,
     .offset = AT(https_proxy)},
    {.env = "NO_PROXY", .env_other = "no_proxy", .kind = ECA_SETTING_TEXT, .offset = AT(no_proxy)},
    TEXT("SSL_CERT_FILE", NULL, ssl_cert_file, NULL),
    TEXT("SSL_CERT_DIR", NULL, ssl_cert_dir, NULL),
    TEXT("DOCKER_TLS_VERIFY", NULL, docker_tls_verify, NULL),
    TEXT("DOCKER_CERT_PATH", NULL, docker_cert_path, NULL),
};
const size_t eca_setting_count = ECA_ARRAY_LEN(eca_settings);
static_assert(ECA_ARRAY_LEN(eca_settings) <= ECA_SETTINGS_MAX, "raise ECA_SETTINGS_MAX");

size_t eca_setting_find(const char *env_name)
{
    for (size_t i = 0; i < eca_setting_count; i++) {
        const struct eca_setting *setting = &eca_settings[i];
        if (strcmp(setting->env, env_name) == 0 ||
            (setting->env_other != NULL && strcmp(setting->env_other, env_name) == 0)) {
            return i;
        }
    }
    return SIZE_MAX;
}

void *eca_setting_at(struct eca_config_values *values, size_t index)
{
    return (char *)values + eca_settings[index].offset;
}

const void *eca_setting_get(const struct eca_config_values *values, size_t index)
{
    return (const char *)values + eca_settings[index].offset;
}

static void ports_clear(struct eca_port_list *ports)
{
    eca_free(ports->at);
    *ports = (struct eca_port_list){NULL, 0};
}

static void texts_clear(struct eca_text_list *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        eca_free(texts->at[i]);
    }
    eca_free(texts->at);
    *texts = (struct eca_text_list){NULL, 0};
}

void eca_setting_value_clear(struct eca_setting_value *value)
{
    if (value->text != NULL) {
        eca_wipe(value->text, strlen(value->text)); /* may be a secret */
    }
    eca_free(value->text);
    ports_clear(&value->ports);
    texts_clear(&value->texts);
    memset(value, 0, sizeof(*value));
}

static void assign_text(char **at, struct eca_setting_value *value)
{
    eca_free(*at);
    *at = value->text != NULL ? eca_take(value->text) : eca_xstrdup("");
}

void eca_setting_assign(struct eca_config *config, size_t index, struct eca_setting_value *value,
                        enum eca_origin origin)
{
    void *at = eca_setting_at(&config->values, index);

    switch (eca_settings[index].kind) {
    case ECA_SETTING_TEXT:
    case ECA_SETTING_TRIMMED:
        assign_text(at, value);
        break;
    case ECA_SETTING_SECRET:
    case ECA_SETTING_RAW:
        eca_secret_set(at, eca_view_str(value->text));
        break;
    case ECA_SETTING_BOOL:
        *(bool *)at = value->flag;
        break;
    case ECA_SETTING_U16:
        *(uint16_t *)at = (uint16_t)value->number;
        break;
    case ECA_SETTING_INT:
    case ECA_SETTING_DURATION:
    case ECA_SETTING_CHOICE:
        *(int64_t *)at = value->number;
        break;
    case ECA_SETTING_PORTS:
        ports_clear(at);
        *(struct eca_port_list *)at = value->ports;
        value->ports = (struct eca_port_list){NULL, 0};
        break;
    case ECA_SETTING_TEXTS:
        texts_clear(at);
        *(struct eca_text_list *)at = value->texts;
        value->texts = (struct eca_text_list){NULL, 0};
        break;
    }
    config->states[index].origin = origin;
}

void eca_setting_assign_default(struct eca_config *config, size_t index)
{
    const struct eca_setting *setting = &eca_settings[index];
    eca_auto_setting_value struct eca_setting_value value = {0};
    bool set = false;

    if (setting->fallback != NULL) {
        int rc = eca_setting_parse(setting, eca_view_str(setting->fallback), &set, &value, NULL);
        assert(rc == ECA_OK && set); /* our own table */
        (void)rc;
    }
    eca_setting_assign(config, index, &value, ECA_ORIGIN_DEFAULT);
}

static void format_ports(const struct eca_port_list *ports, struct eca_buf *out)
{
    eca_buf_add_char(out, '[');
    for (size_t i = 0; i < ports->count; i++) {
        eca_buf_addf(out, "%s%u", i == 0 ? "" : ",", (unsigned)ports->at[i]);
    }
    eca_buf_add_char(out, ']');
}

static void format_texts(const struct eca_text_list *texts, struct eca_buf *out)
{
    struct eca_json_writer w = eca_json_writer_to(out);

    eca_jw_array(&w, NULL);
    for (size_t i = 0; i < texts->count; i++) {
        eca_jw_str(&w, NULL, texts->at[i]);
    }
    eca_jw_end_array(&w);
}

void eca_setting_format(const struct eca_config *config, size_t index, struct eca_buf *out)
{
    const struct eca_setting *setting = &eca_settings[index];
    const void *at = eca_setting_get(&config->values, index);

    switch (setting->kind) {
    case ECA_SETTING_TEXT:
    case ECA_SETTING_TRIMMED:
        eca_escape_controls(eca_view_str(*(char *const *)at), out);
        return;
    case ECA_SETTING_SECRET:
    case ECA_SETTING_RAW:
        eca_buf_add_str(out, eca_secret_is_set(at) ? "[redacted]" : "");
        return;
    case ECA_SETTING_BOOL:
        eca_buf_add_str(out, *(const bool *)at ? "true" : "false");
        return;
    case ECA_SETTING_U16:
        eca_buf_addf(out, "%u", (unsigned)*(const uint16_t *)at);
        return;
    case ECA_SETTING_INT:
        eca_buf_addf(out, "%lld", (long long)*(const int64_t *)at);
        return;
    case ECA_SETTING_DURATION:
        eca_format_duration(*(const int64_t *)at, out);
        return;
    case ECA_SETTING_PORTS:
        format_ports(at, out);
        return;
    case ECA_SETTING_TEXTS:
        format_texts(at, out);
        return;
    case ECA_SETTING_CHOICE:
        eca_buf_add_str(out, setting->choices[*(const int64_t *)at]);
        return;
    }
}
