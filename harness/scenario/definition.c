#include "harness/scenario/definition.h"

#include "agent/base/mem.h"
#include "harness/scenario/grammar.h"

#include <string.h>

#define MIB ((int64_t)1 << 20)

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

static void add_log(struct eca_json_writer *w, eca_json log)
{
    const char *driver = "";

    (void)eca_json_read_str(log, "logConfiguration", "logDriver", &driver, NULL);
    eca_jw_object(w, "LogConfig");
    eca_jw_str(w, "Type", driver);
    if (eca_json_get(log, "options") != NULL) {
        eca_jw_value(w, "Config", eca_json_get(log, "options"));
    }
    eca_jw_end_object(w);
}

static void add_hosts(struct eca_json_writer *w, eca_json list)
{
    eca_jw_array(w, "ExtraHosts");
    for (eca_json one = eca_json_first(list); one != NULL; one = eca_json_next(one)) {
        const char *name = "", *address = "";
        eca_auto_free char *text = NULL;

        (void)eca_json_read_str(one, "extraHosts", "hostname", &name, NULL);
        (void)eca_json_read_str(one, "extraHosts", "ipAddress", &address, NULL);
        text = eca_xasprintf("%s:%s", name, address);
        eca_jw_str(w, NULL, text);
    }
    eca_jw_end_array(w);
}

static void add_ulimits(struct eca_json_writer *w, eca_json list)
{
    static const char *const names[][2] = {
        {"name", "Name"}, {"softLimit", "Soft"}, {"hardLimit", "Hard"}};

    eca_jw_array(w, "Ulimits");
    for (eca_json one = eca_json_first(list); one != NULL; one = eca_json_next(one)) {
        eca_jw_object(w, NULL);
        for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
            if (eca_json_get(one, names[i][0]) != NULL) {
                eca_jw_value(w, names[i][1], eca_json_get(one, names[i][0]));
            }
        }
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
}

/* Members whose form differs from Docker's. NKT-217, NKT-239, NKT-244 */
static void definition_host(struct eca_json_writer *w, eca_json container)
{
    int64_t reservation = 0;

    if (eca_json_get(container, "logConfiguration") != NULL) {
        add_log(w, eca_json_get(container, "logConfiguration"));
    }
    if (eca_json_get(container, "extraHosts") != NULL) {
        add_hosts(w, eca_json_get(container, "extraHosts"));
    }
    if (eca_json_get(container, "ulimits") != NULL) {
        add_ulimits(w, eca_json_get(container, "ulimits"));
    }
    if (eca_json_get(container, "memory") != NULL &&
        eca_json_read_i64(container, "", "memoryReservation", &reservation, NULL) == ECA_OK &&
        reservation > 0 && reservation < INT64_MAX / MIB) {
        eca_jw_i64(w, "MemoryReservation", reservation * MIB);
    }
}

int hns_definition_check(eca_json container, struct eca_err *err)
{
    static const char *const known[] = {
        "name",
        "image",
        "cpu",
        "memory",
        "memoryReservation",
        "essential",
        "command",
        "links",
        "entryPoint",
        "portMappings",
        "mountPoints",
        "volumesFrom",
        "environment",
        "hostname",
        "user",
        "workingDirectory",
        "disableNetworking",
        "dockerLabels",
        "privileged",
        "readonlyRootFilesystem",
        "dnsServers",
        "dnsSearchDomains",
        "dockerSecurityOptions",
        "logConfiguration",
        "extraHosts",
        "ulimits",
    };

    if (eca_json_type(container) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "a container definition is an object");
    }
    for (eca_json it = eca_json_first(container); it != NULL; it = eca_json_next(it)) {
        const char *key = eca_json_key(it), *near;
        bool found = false;

        for (size_t i = 0; i < ECA_ARRAY_LEN(known) && !found; i++) {
            found = strcmp(known[i], key) == 0;
        }
        if (found) {
            continue;
        }
        near = hns_nearest(key, known, ECA_ARRAY_LEN(known));
        if (near != NULL) {
            return eca_err_set(err, ECA_E_INVALID, "unknown member \"%.60s\", did you mean \"%s\"?",
                               key, near);
        }
        if (eca_json_type(it) == ECA_JSON_ARRAY && eca_json_first(it) == NULL) {
            continue; /* ECS describes what is not used as an empty list */
        }
        return eca_err_set(err, ECA_E_INVALID,
                           "member \"%.60s\" is nothing that this agent can carry out", key);
    }
    return ECA_OK;
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
    definition_host(&host_json, container);
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
