#include "agent/config/config_internal.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

int eca_config_print(const struct eca_config *config, struct eca_buf *out)
{
    int code = 0;

    for (size_t i = 0; i < eca_setting_count; i++) {
        const struct eca_setting_state *state = &config->states[i];

        eca_buf_addf(out, "%s=", eca_settings[i].env);
        eca_setting_format(config, i, out);
        eca_buf_addf(out, "  # %s", eca_origin_name(state->origin));
        if (state->note != NULL) {
            eca_buf_add_str(out, "; ");
            eca_escape_controls(eca_view_str(state->note), out);
        }
        eca_buf_add_char(out, '\n');
        if (state->spoiled) {
            code = 1;
        }
    }
    return code;
}

void eca_config_digest(const struct eca_config *config, struct eca_buf *out)
{
    static const struct {
        const char *label, *env;
    } members[] = {
        {"Cluster", "ECS_CLUSTER"},
        {"Region", "AWS_DEFAULT_REGION"},
        {"DataDir", "ECS_DATADIR"},
        {"Checkpoint", "ECS_CHECKPOINT"},
        {"AuthType", "ECS_ENGINE_AUTH_TYPE"},
        {"UpdatesEnabled", "ECS_UPDATES_ENABLED"},
        {"DisableMetrics", "ECS_DISABLE_METRICS"},
        {"ReservedMem", "ECS_RESERVED_MEMORY"},
        {"TaskCleanupWaitDuration", "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION"},
        {"DockerStopTimeout", "ECS_CONTAINER_STOP_TIMEOUT"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(members); i++) {
        eca_buf_addf(out, "%s%s: ", i == 0 ? "" : ", ", members[i].label);
        eca_setting_format(config, eca_setting_find(members[i].env), out);
    }
}
