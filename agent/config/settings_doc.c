#include "agent/config/config_internal.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

/* What each setting is for, in the words of the operator guide (docs/OPERATIONS.md). */
static const struct {
    const char *env, *meaning;
} docs[] = {
    {"ECS_CLUSTER", "cluster to register in; empty: `default`"},
    {"ECS_BACKEND_HOST", "endpoint of the ECS API, instead of the region's"},
    {"AWS_DEFAULT_REGION", "region; empty: that of EC2 metadata"},
    {"DOCKER_HOST", "the Docker daemon: `unix://` or `tcp://`"},
    {"ECS_RESERVED_PORTS", "TCP ports that are not for containers, a JSON list"},
    {"ECS_RESERVED_PORTS_UDP", "UDP ports that are not for containers, a JSON list"},
    {"ECS_DATADIR", "folder of the state"},
    {"ECS_CHECKPOINT", "keep state across restarts; on when `ECS_DATADIR` is set"},
    {"ECS_ENGINE_AUTH_TYPE", "form of `ECS_ENGINE_AUTH_DATA`: `dockercfg` or `docker`"},
    {"ECS_ENGINE_AUTH_DATA", "logins for private registries, JSON"},
    {"ECS_UPDATES_ENABLED", "let ECS stage and perform updates of the agent"},
    {"ECS_UPDATE_DOWNLOAD_DIR", "folder for their downloads"},
    {"ECS_DISABLE_METRICS", "no telemetry (TCS)"},
    {"ECS_POLL_METRICS", "poll containers' statistics instead of keeping a stream of each open"},
    {"ECS_POLLING_METRICS_WAIT_DURATION", "between two polls of a container, `5s` to `20s`"},
    {"ECS_RESERVED_MEMORY", "MiB of the machine that are not for containers"},
    {"ECS_AVAILABLE_LOGGING_DRIVERS", "log drivers that tasks may use, a JSON list"},
    {"ECS_DISABLE_PRIVILEGED", "refuse privileged containers"},
    {"ECS_SELINUX_CAPABLE", "say that SELinux is there"},
    {"ECS_APPARMOR_CAPABLE", "say that AppArmor is there"},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "from a task's end to the removal of its containers"},
    {"ECS_CONTAINER_STOP_TIMEOUT", "from SIGTERM to SIGKILL of a container"},
    {"ECS_ENABLE_TASK_IAM_ROLE", "task roles for containers with a network of their own"},
    {"ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "task roles for containers on the host's network"},
    {"ECS_DISABLE_IMAGE_CLEANUP", "never remove images"},
    {"ECS_IMAGE_CLEANUP_INTERVAL", "between two rounds of image clean-up"},
    {"ECS_IMAGE_MINIMUM_CLEANUP_AGE", "an image younger than this stays"},
    {"ECS_NUM_IMAGES_DELETE_PER_CYCLE", "images removed in one round, at most"},
    {"ECS_AUDIT_LOGFILE", "log of requests for task credentials"},
    {"ECS_AUDIT_LOGFILE_DISABLED", "no such log"},
    {"ECS_LOGLEVEL", "`debug`, `info`, `warn`, `error`, `crit` or `none`; `-loglevel` wins"},
    {"ECS_LOGFILE", "log file beside standard output, rolled every hour, 24 kept"},
    {"ECS_AGENT_CONFIG_FILE_PATH", "the configuration file"},
    {"ECS_INTROSPECTION_BIND", "address of port 51678; empty: all"},
    {"ECS_CREDENTIALS_BIND", "address of port 51679; empty: all"},
    {"ECS_FLIGHT_RECORDING", "file for a flight recording ([RECORDING.md](RECORDING.md))"},
    {"ECS_IMAGE_PULL_BEHAVIOR", "when images are pulled"},
    {"ECS_IMAGE_PULL_INACTIVITY_TIMEOUT", "a pull that says nothing for so long is tried again"},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "EC2 metadata elsewhere than at 169.254.169.254"},
    {"HTTP_PROXY", "proxy for plain HTTP"},
    {"HTTPS_PROXY", "proxy for HTTPS and the websockets"},
    {"NO_PROXY", "hosts to reach without a proxy"},
    {"SSL_CERT_FILE", "CA certificates, instead of the system's"},
    {"SSL_CERT_DIR", "folder of CA certificates"},
    {"DOCKER_TLS_VERIFY", "not empty: TLS to the daemon"},
    {"DOCKER_CERT_PATH", "folder of `cert.pem`, `key.pem`, `ca.pem` for it"},
};

const char *eca_setting_meaning(const char *env)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(docs); i++) {
        if (strcmp(docs[i].env, env) == 0) {
            return docs[i].meaning;
        }
    }
    return NULL;
}

static void kind_of(const struct eca_setting *setting, struct eca_buf *out)
{
    switch (setting->kind) {
    case ECA_SETTING_BOOL:
        eca_buf_add_str(out, "true or false");
        break;
    case ECA_SETTING_U16:
    case ECA_SETTING_INT:
        eca_buf_add_str(out, "number");
        break;
    case ECA_SETTING_DURATION:
        eca_buf_add_str(out, "duration");
        break;
    case ECA_SETTING_PORTS:
    case ECA_SETTING_TEXTS:
        eca_buf_add_str(out, "list");
        break;
    case ECA_SETTING_CHOICE:
        for (size_t i = 0; setting->choices[i] != NULL; i++) {
            eca_buf_addf(out, "%s`%s`", i == 0 ? "" : ", ", setting->choices[i]);
        }
        break;
    case ECA_SETTING_TEXT:
    case ECA_SETTING_TRIMMED:
    case ECA_SETTING_RAW:
    case ECA_SETTING_SECRET:
        eca_buf_add_str(out, "text");
        break;
    }
}

void eca_settings_print(struct eca_buf *out)
{
    eca_buf_add_str(out, "| variable | in the file | value | default | meaning |\n"
                         "|---|---|---|---|---|\n");
    for (size_t i = 0; i < eca_setting_count; i++) {
        const struct eca_setting *setting = &eca_settings[i];
        const char *meaning = eca_setting_meaning(setting->env);

        eca_buf_addf(out, "| `%s` | %s%s%s | ", setting->env, setting->key == NULL ? "" : "`",
                     setting->key == NULL ? "" : setting->key, setting->key == NULL ? "" : "`");
        kind_of(setting, out);
        if (setting->fallback == NULL) {
            eca_buf_add_str(out, " | | ");
        } else {
            eca_buf_addf(out, " | `%s` | ", setting->fallback);
        }
        eca_buf_addf(out, "%s |\n", meaning == NULL ? "" : meaning);
    }
}
