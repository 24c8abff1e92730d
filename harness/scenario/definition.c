#include "harness/scenario/definition.h"

#include "agent/base/mem.h"

static void add_pairs(struct eca_json_writer *w, eca_json list)
{
    for (eca_json pair = eca_json_first(list); pair != NULL; pair = eca_json_next(pair)) {
        const char *name = "", *value = "";

        (void)eca_json_read_str(pair, "environment", "name", &name, NULL);
        (void)eca_json_read_str(pair, "environment", "value", &value, NULL);
        eca_jw_str(w, name, value);
    }
}

/* The override's variables come last: the agent takes the last of two. */
static void definition_environment(struct eca_json_writer *w, eca_json list, eca_json override)
{
    eca_jw_object(w, "environment");
    add_pairs(w, list);
    add_pairs(w, override);
    eca_jw_end_object(w);
}

/* Members that the backend turns into raw Docker configuration. */
static void definition_docker(struct eca_json_writer *w, eca_json container)
{
    static const char *const config[][2] = {
        {"hostname", "Hostname"},           {"user", "User"},
        {"workingDirectory", "WorkingDir"}, {"disableNetworking", "NetworkDisabled"},
        {"dockerLabels", "Labels"},
    };
    static const char *const host[][2] = {
        {"privileged", "Privileged"},
        {"readonlyRootFilesystem", "ReadonlyRootfs"},
        {"dnsServers", "Dns"},
        {"dnsSearchDomains", "DnsSearch"},
        {"dockerSecurityOptions", "SecurityOpt"},
    };
    eca_auto_buf struct eca_buf config_text = {0};
    eca_auto_buf struct eca_buf host_text = {0};
    struct eca_json_writer config_json = eca_json_writer_to(&config_text);
    struct eca_json_writer host_json = eca_json_writer_to(&host_text);

    eca_jw_object(&config_json, NULL);
    for (size_t i = 0; i < ECA_ARRAY_LEN(config); i++) {
        if (eca_json_get(container, config[i][0]) != NULL) {
            eca_jw_value(&config_json, config[i][1], eca_json_get(container, config[i][0]));
        }
    }
    eca_jw_end_object(&config_json);
    eca_jw_object(&host_json, NULL);
    for (size_t i = 0; i < ECA_ARRAY_LEN(host); i++) {
        if (eca_json_get(container, host[i][0]) != NULL) {
            eca_jw_value(&host_json, host[i][1], eca_json_get(container, host[i][0]));
        }
    }
    eca_jw_end_object(&host_json);
    if (config_text.len > 2 || host_text.len > 2) {
        eca_jw_object(w, "dockerConfig");
        eca_jw_str(w, "config", eca_buf_str(&config_text));
        eca_jw_str(w, "hostConfig", eca_buf_str(&host_text));
        eca_jw_end_object(w);
    }
}

void hns_definition_container(struct eca_json_writer *w, eca_json container, eca_json override)
{
    static const char *const same[] = {"name",         "image",       "cpu",
                                       "command",      "links",       "entryPoint",
                                       "portMappings", "mountPoints", "volumesFrom"};
    bool essential = true;
    eca_json memory = eca_json_get(container, "memory");

    eca_jw_object(w, NULL);
    for (size_t i = 0; i < ECA_ARRAY_LEN(same); i++) {
        if (eca_json_get(container, same[i]) != NULL) {
            eca_jw_value(w, same[i], eca_json_get(container, same[i]));
        }
    }
    (void)eca_json_read_bool(container, "", "essential", &essential, NULL);
    eca_jw_bool(w, "essential", essential);
    memory = memory == NULL ? eca_json_get(container, "memoryReservation") : memory;
    if (memory != NULL) {
        eca_jw_value(w, "memory", memory);
    }
    definition_environment(w, eca_json_get(container, "environment"),
                           eca_json_get(override, "environment"));
    if (eca_json_type(eca_json_get(override, "command")) == ECA_JSON_ARRAY) {
        eca_auto_buf struct eca_buf text = {0};
        struct eca_json_writer inner = eca_json_writer_to(&text);

        eca_jw_object(&inner, NULL);
        eca_jw_value(&inner, "command", eca_json_get(override, "command"));
        eca_jw_end_object(&inner);
        eca_jw_str(w, "overrides", eca_buf_str(&text));
    }
    definition_docker(w, container);
    eca_jw_end_object(w);
}
