#include "agent/config/config_internal.h"

#include <string.h>

#include "agent/base/mem.h"

/* The old name of Cluster: used when there is no Cluster, warned about in any case (CFG-405). */
static void apply_cluster_arn(struct eca_config *config, eca_json root)
{
    size_t index = eca_setting_find("ECS_CLUSTER");
    eca_auto_setting_value struct eca_setting_value value = {0};
    eca_json old = eca_json_get_nocase(root, "ClusterArn");
    bool set = false;

    if (eca_setting_parse_json(&eca_settings[index], old, &set, &value, NULL) < 0) {
        eca_config_spoil(config, index, ECA_LOG_ERROR,
                         "configuration file: ClusterArn: want string; value left out");
        return;
    }
    if (!set) {
        return;
    }
    eca_config_note(config, ECA_LOG_WARN,
                    "configuration file: key ClusterArn is deprecated, use Cluster");
    if (config->states[index].origin == ECA_ORIGIN_DEFAULT) {
        eca_setting_assign(config, index, &value, ECA_ORIGIN_FILE);
    }
}

static void apply_object(struct eca_config *config, eca_json root)
{
    for (size_t i = 0; i < eca_setting_count; i++) {
        const struct eca_setting *setting = &eca_settings[i];
        eca_auto_setting_value struct eca_setting_value value = {0};
        struct eca_err err = {0};
        bool set = false;

        if (setting->key == NULL) {
            continue;
        }
        if (eca_setting_parse_json(setting, eca_json_get_nocase(root, setting->key), &set, &value,
                                   &err) < 0) {
            eca_config_spoil(config, i, ECA_LOG_ERROR, "configuration file: %s: %s; value left out",
                             setting->key, err.msg);
        } else if (set) {
            eca_setting_assign(config, i, &value, ECA_ORIGIN_FILE);
        }
    }
    apply_cluster_arn(config, root);
}

void eca_config_load_file(struct eca_config *config, struct eca_host host)
{
    const char *path = config->values.config_file_path;
    size_t path_index = eca_setting_find("ECS_AGENT_CONFIG_FILE_PATH");
    eca_auto_buf struct eca_buf text = {0};
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_err err = {0};
    int rc = eca_host_read_file(host, path, ECA_CONFIG_FILE_BYTES_MAX, &text, &err);

    if (rc == ECA_E_NOT_FOUND || rc == ECA_E_DENIED) {
        return; /* silently no file (CFG-401) */
    }
    if (rc < 0) {
        eca_config_spoil(config, path_index, ECA_LOG_ERROR, "configuration file: %s", err.msg);
        return;
    }
    if (eca_view_trim(eca_buf_view(&text)).len > 0) {
        if (eca_json_parse(eca_buf_view(&text), &doc, &err) < 0) {
            eca_config_spoil(config, path_index, ECA_LOG_ERROR,
                             "configuration file %s is ignored: %s", path, err.msg);
        } else if (eca_json_type(eca_json_root(doc)) != ECA_JSON_OBJECT) {
            eca_config_spoil(config, path_index, ECA_LOG_ERROR,
                             "configuration file %s is ignored: want object, have %s", path,
                             eca_json_type_name(eca_json_type(eca_json_root(doc))));
        } else {
            apply_object(config, eca_json_root(doc));
        }
    }
    if (text.at != NULL) {
        eca_wipe(text.at, text.len); /* may hold EngineAuthData (CFG-603) */
    }
}
