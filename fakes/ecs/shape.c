#include "fakes/ecs/shape.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define CLUSTER_NAME_BYTES_MAX 255

enum kind { TEXT, INTEGER, NUMBER, OBJECT, TEXTS, OBJECTS };

struct member {
    const char *name;
    enum kind kind;
    const struct member *inside; /* of OBJECT and OBJECTS */
};

static const struct member resource[] = {
    {"name", TEXT, NULL},
    {"type", TEXT, NULL},
    {"integerValue", INTEGER, NULL},
    {"longValue", INTEGER, NULL},
    {"doubleValue", NUMBER, NULL},
    {"stringSetValue", TEXTS, NULL},
    {0},
};
static const struct member attribute[] = {
    {"name", TEXT, NULL},
    {"value", TEXT, NULL},
    {"targetType", TEXT, NULL},
    {"targetId", TEXT, NULL},
    {0},
};
static const struct member version_info[] = {
    {"agentHash", TEXT, NULL}, {"agentVersion", TEXT, NULL}, {"dockerVersion", TEXT, NULL}, {0}};
static const struct member pair[] = {{"key", TEXT, NULL}, {"value", TEXT, NULL}, {0}};
static const struct member setting[] = {{"name", TEXT, NULL}, {"value", TEXT, NULL}, {0}};
static const struct member device[] = {{"id", TEXT, NULL}, {"type", TEXT, NULL}, {0}};
static const struct member binding[] = {
    {"bindIP", TEXT, NULL},
    {"containerPort", INTEGER, NULL},
    {"containerPortRange", TEXT, NULL},
    {"hostPort", INTEGER, NULL},
    {"hostPortRange", TEXT, NULL},
    {"protocol", TEXT, NULL},
    {0},
};
static const struct member container_change[] = {
    {"containerName", TEXT, NULL}, {"exitCode", INTEGER, NULL},
    {"imageDigest", TEXT, NULL},   {"networkBindings", OBJECTS, binding},
    {"reason", TEXT, NULL},        {"runtimeId", TEXT, NULL},
    {"status", TEXT, NULL},        {0},
};
static const struct member attachment_change[] = {
    {"attachmentArn", TEXT, NULL}, {"status", TEXT, NULL}, {0}};
static const struct member managed_agent_change[] = {
    {"containerName", TEXT, NULL},
    {"managedAgentName", TEXT, NULL},
    {"reason", TEXT, NULL},
    {"status", TEXT, NULL},
    {0},
};
static const struct member register_instance[] = {
    {"attributes", OBJECTS, attribute},
    {"clientToken", TEXT, NULL},
    {"cluster", TEXT, NULL},
    {"containerInstanceArn", TEXT, NULL},
    {"instanceIdentityDocument", TEXT, NULL},
    {"instanceIdentityDocumentSignature", TEXT, NULL},
    {"platformDevices", OBJECTS, device},
    {"tags", OBJECTS, pair},
    {"totalResources", OBJECTS, resource},
    {"versionInfo", OBJECT, version_info},
    {0},
};
static const struct member create_cluster[] = {
    {"capacityProviders", TEXTS, NULL},
    {"clusterName", TEXT, NULL},
    {"settings", OBJECTS, setting},
    {"tags", OBJECTS, pair},
    {0},
};
static const struct member discover[] = {
    {"cluster", TEXT, NULL}, {"containerInstance", TEXT, NULL}, {"zoneId", TEXT, NULL}, {0}};
static const struct member submit_task[] = {
    {"attachments", OBJECTS, attachment_change},
    {"cluster", TEXT, NULL},
    {"containers", OBJECTS, container_change},
    {"executionStoppedAt", NUMBER, NULL},
    {"managedAgents", OBJECTS, managed_agent_change},
    {"pullStartedAt", NUMBER, NULL},
    {"pullStoppedAt", NUMBER, NULL},
    {"reason", TEXT, NULL},
    {"status", TEXT, NULL},
    {"task", TEXT, NULL},
    {0},
};
static const struct member submit_container[] = {
    {"cluster", TEXT, NULL},
    {"containerName", TEXT, NULL},
    {"exitCode", INTEGER, NULL},
    {"networkBindings", OBJECTS, binding},
    {"reason", TEXT, NULL},
    {"runtimeId", TEXT, NULL},
    {"status", TEXT, NULL},
    {"task", TEXT, NULL},
    {0},
};

static const struct {
    const char *operation;
    const struct member *members;
} shapes[] = {
    {"RegisterContainerInstance", register_instance},
    {"CreateCluster", create_cluster},
    {"DiscoverPollEndpoint", discover},
    {"SubmitTaskStateChange", submit_task},
    {"SubmitContainerStateChange", submit_container},
};

static const char *wanted(enum kind kind)
{
    static const char *const names[] = {
        [TEXT] = "string",   [INTEGER] = "integer", [NUMBER] = "number",
        [OBJECT] = "object", [TEXTS] = "array",     [OBJECTS] = "array",
    };

    return names[kind];
}

static bool is_of(eca_json value, enum kind kind)
{
    enum eca_json_type type = eca_json_type(value);

    switch (kind) {
    case TEXT:
        return type == ECA_JSON_STRING;
    case INTEGER:
        return type == ECA_JSON_NUMBER && eca_json_is_integer(value);
    case NUMBER:
        return type == ECA_JSON_NUMBER;
    case OBJECT:
        return type == ECA_JSON_OBJECT;
    case TEXTS:
    case OBJECTS:
        return type == ECA_JSON_ARRAY;
    }
    return false;
}

static bool object_fits(eca_json object, const struct member *members, const char *path,
                        struct eca_buf *why);

static bool value_fits(eca_json value, enum kind kind, const struct member *inside,
                       const char *path, struct eca_buf *why)
{
    size_t at = 0;

    if (!is_of(value, kind)) {
        eca_buf_addf(why, "%s: %s where %s is expected", path,
                     eca_json_type_name(eca_json_type(value)), wanted(kind));
        return false;
    }
    if (kind == OBJECT) {
        return object_fits(value, inside, path, why);
    }
    if (kind != TEXTS && kind != OBJECTS) {
        return true;
    }
    for (eca_json it = eca_json_first(value); it != NULL; it = eca_json_next(it), at++) {
        eca_auto_free char *element = eca_xasprintf("%s[%zu]", path, at);
        if (!value_fits(it, kind == TEXTS ? TEXT : OBJECT, inside, element, why)) {
            return false;
        }
    }
    return true;
}

static bool object_fits(eca_json object, const struct member *members, const char *path,
                        struct eca_buf *why)
{
    for (; members->name != NULL; members++) {
        eca_json value = eca_json_get(object, members->name);
        eca_auto_free char *below =
            eca_xasprintf("%s%s%s", path, path[0] == '\0' ? "" : ".", members->name);

        if (!eca_json_is_null(value) &&
            !value_fits(value, members->kind, members->inside, below, why)) {
            return false;
        }
    }
    return true;
}

bool fake_ecs_shape_fits(const char *operation, eca_json body, struct eca_buf *why)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(shapes); i++) {
        if (strcmp(shapes[i].operation, operation) == 0) {
            return object_fits(body, shapes[i].members, "", why);
        }
    }
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* The value of a resource, by its type. */
static const char *resource_flaw(eca_json object, const char *type)
{
    eca_json value;
    int64_t number = -1;

    if (strcmp(type, "STRINGSET") == 0) {
        value = eca_json_get(object, "stringSetValue");
        return eca_json_is_null(value) ? "a STRINGSET without stringSetValue" : NULL;
    }
    if (strcmp(type, "DOUBLE") == 0) {
        value = eca_json_get(object, "doubleValue");
        return eca_json_is_null(value) ? "a DOUBLE without doubleValue" : NULL;
    }
    if (strcmp(type, "INTEGER") != 0 && strcmp(type, "LONG") != 0) {
        return "the type of a resource is INTEGER, LONG, DOUBLE or STRINGSET";
    }
    value = eca_json_get(object, type[0] == 'I' ? "integerValue" : "longValue");
    if (eca_json_is_null(value) || eca_json_i64(value, &number, NULL) < 0 || number < 0) {
        return "the value of a resource is a number of at least 0";
    }
    return NULL;
}

static const char *resources_flaw(eca_json resources)
{
    static const char *const names[] = {"CPU", "MEMORY", "PORTS", "PORTS_UDP"};
    size_t found[ECA_ARRAY_LEN(names)] = {0};

    for (eca_json it = eca_json_first(resources); it != NULL; it = eca_json_next(it)) {
        eca_json name = eca_json_get(it, "name"), type = eca_json_get(it, "type");
        const char *flaw;

        if (eca_json_is_null(name) || eca_json_is_null(type)) {
            return "a resource without name or type";
        }
        flaw = resource_flaw(it, eca_json_str(type));
        if (flaw != NULL) {
            return flaw;
        }
        for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
            found[i] += strcmp(eca_json_str(name), names[i]) == 0;
        }
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
        if (found[i] != 1) {
            return "CPU, MEMORY, PORTS and PORTS_UDP are expected, each once";
        }
    }
    return NULL;
}

const char *fake_ecs_registration_flaw(eca_json body)
{
    eca_json attributes = eca_json_get(body, "attributes");

    if (eca_json_is_null(eca_json_get(body, "instanceIdentityDocument")) ||
        eca_json_is_null(eca_json_get(body, "instanceIdentityDocumentSignature"))) {
        return "identity document and its signature are expected";
    }
    for (eca_json it = eca_json_first(attributes); it != NULL; it = eca_json_next(it)) {
        if (eca_json_is_null(eca_json_get(it, "name"))) {
            return "an attribute without a name";
        }
    }
    if (eca_json_is_null(eca_json_get(body, "totalResources"))) {
        return "totalResources are expected";
    }
    return resources_flaw(eca_json_get(body, "totalResources"));
}

bool fake_ecs_cluster_name_fits(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') {
            return false;
        }
    }
    return len >= 1 && len <= CLUSTER_NAME_BYTES_MAX;
}
