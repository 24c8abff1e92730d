#include "agent/config/capabilities.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define PREFIX "com.amazonaws.ecs.capability."
#define ROLES_SINCE "1.19" /* ecr-auth and task roles */

static void add(struct eca_capabilities *out, const char *kind, const char *name)
{
    out->names = eca_xrealloc_array(out->names, out->count + 1, sizeof(*out->names));
    out->names[out->count++] = eca_xasprintf(PREFIX "%s%s", kind, name);
}

/* "1.19" as 1019. */
static uint64_t number_of(const char *version)
{
    struct eca_view view = eca_view_str(version);
    size_t dot = eca_view_find(view, ".", 0);
    uint64_t major = 0, minor = 0;

    if (dot == SIZE_MAX || eca_parse_u64(eca_view_sub(view, 0, dot), 1000, &major, NULL) < 0 ||
        eca_parse_u64(eca_view_sub(view, dot + 1, view.len), 999, &minor, NULL) < 0) {
        return 0;
    }
    return major * 1000 + minor;
}

/* Some served version is at least this one (DKR-132: not this very one). */
static bool served(const char *const *versions, size_t count, const char *minimum)
{
    for (size_t i = 0; i < count; i++) {
        if (number_of(versions[i]) >= number_of(minimum)) {
            return true;
        }
    }
    return false;
}

static void add_role(const char *name, bool enabled, bool possible, struct eca_log *log,
                     struct eca_capabilities *out)
{
    if (enabled && possible) {
        add(out, "", name);
    } else if (enabled) {
        ECA_WARN(log, NULL, ECA_KV("capability", name),
                 "Task IAM roles need Docker API " ROLES_SINCE " or newer; not available");
    }
}

void eca_capabilities_build(const struct eca_config_values *config, const char *const *versions,
                            size_t version_count, struct eca_log *log, struct eca_capabilities *ret)
{
    bool has_roles = served(versions, version_count, ROLES_SINCE);

    *ret = (struct eca_capabilities){0};
    if (!config->privileged_disabled) {
        add(ret, "", "privileged-container");
    }
    for (size_t i = 0; i < version_count; i++) {
        add(ret, "docker-remote-api.", versions[i]);
    }
    for (size_t i = 0; i < config->logging_drivers.count; i++) {
        const char *driver = config->logging_drivers.at[i];
        const char *minimum = eca_config_driver_version(driver);

        if (minimum != NULL && served(versions, version_count, minimum)) {
            add(ret, "logging-driver.", driver);
        }
    }
    if (config->selinux_capable) {
        add(ret, "", "selinux");
    }
    if (config->apparmor_capable) {
        add(ret, "", "apparmor");
    }
    if (has_roles) {
        add(ret, "", "ecr-auth");
    }
    add_role("task-iam-role", config->task_iam_role, has_roles, log, ret);
    add_role("task-iam-role-network-host", config->task_iam_role_network_host, has_roles, log, ret);
}

void eca_capabilities_clear(struct eca_capabilities *capabilities)
{
    for (size_t i = 0; i < capabilities->count; i++) {
        eca_free(capabilities->names[i]);
    }
    eca_free(capabilities->names);
    *capabilities = (struct eca_capabilities){0};
}
