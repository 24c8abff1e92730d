#include "agent/base/json.h"
#include "fakes/docker/state.h"

/* The types of what a create asks for, as a daemon's decoder checks them before it looks at any
 * value (tests/real-docker/test_fake.sh compares). */

enum kind { TEXT, WHOLE, FLAG, MAP, LIST, TEXTS, WORDS /* a text or a list of them */ };

struct member {
    const char *name;
    enum kind kind;
    const char *go_type; /* as the daemon's decoder names it */
};

static const struct member config_members[] = {
    {"Hostname", TEXT, "string"},
    {"Domainname", TEXT, "string"},
    {"User", TEXT, "string"},
    {"Image", TEXT, "string"},
    {"WorkingDir", TEXT, "string"},
    {"StopSignal", TEXT, "string"},
    {"MacAddress", TEXT, "string"},
    {"AttachStdin", FLAG, "bool"},
    {"AttachStdout", FLAG, "bool"},
    {"AttachStderr", FLAG, "bool"},
    {"Tty", FLAG, "bool"},
    {"OpenStdin", FLAG, "bool"},
    {"StdinOnce", FLAG, "bool"},
    {"NetworkDisabled", FLAG, "bool"},
    {"Env", TEXTS, "[]string"},
    {"OnBuild", TEXTS, "[]string"},
    {"Cmd", WORDS, "string"},
    {"Entrypoint", WORDS, "string"},
    {"Volumes", MAP, "map[string]struct {}"},
    {"ExposedPorts", MAP, "nat.PortSet"},
    {"Labels", MAP, "map[string]string"},
    {"HostConfig", MAP, "container.HostConfig"},
    /* where clients before 1.19 have them */
    {"Memory", WHOLE, "int64"},
    {"MemorySwap", WHOLE, "int64"},
    {"CpuShares", WHOLE, "int64"},
    {"Cpuset", TEXT, "string"},
    {0},
};
static const struct member host_members[] = {
    {"Binds", TEXTS, "[]string"},
    {"Links", TEXTS, "[]string"},
    {"VolumesFrom", TEXTS, "[]string"},
    {"CapAdd", WORDS, "strslice.StrSlice"},
    {"CapDrop", WORDS, "strslice.StrSlice"},
    {"Dns", TEXTS, "[]string"},
    {"DnsSearch", TEXTS, "[]string"},
    {"ExtraHosts", TEXTS, "[]string"},
    {"SecurityOpt", TEXTS, "[]string"},
    {"Devices", LIST, "[]container.DeviceMapping"},
    {"Ulimits", LIST, "[]*units.Ulimit"},
    {"PortBindings", MAP, "nat.PortMap"},
    {"LogConfig", MAP, "container.LogConfig"},
    {"RestartPolicy", MAP, "container.RestartPolicy"},
    {"Sysctls", MAP, "map[string]string"},
    {"Tmpfs", MAP, "map[string]string"},
    {"NetworkMode", TEXT, "container.NetworkMode"},
    {"IpcMode", TEXT, "container.IpcMode"},
    {"PidMode", TEXT, "container.PidMode"},
    {"UTSMode", TEXT, "container.UTSMode"},
    {"VolumeDriver", TEXT, "string"},
    {"CgroupParent", TEXT, "string"},
    {"CpusetCpus", TEXT, "string"},
    {"CpusetMems", TEXT, "string"},
    {"Privileged", FLAG, "bool"},
    {"PublishAllPorts", FLAG, "bool"},
    {"ReadonlyRootfs", FLAG, "bool"},
    {"OomKillDisable", FLAG, "bool"},
    {"AutoRemove", FLAG, "bool"},
    {"Memory", WHOLE, "int64"},
    {"MemorySwap", WHOLE, "int64"},
    {"MemoryReservation", WHOLE, "int64"},
    {"MemorySwappiness", WHOLE, "int64"},
    {"KernelMemory", WHOLE, "int64"},
    {"CpuShares", WHOLE, "int64"},
    {"CpuPeriod", WHOLE, "int64"},
    {"CpuQuota", WHOLE, "int64"},
    {"OomScoreAdj", WHOLE, "int"},
    {"ShmSize", WHOLE, "int64"},
    {"PidsLimit", WHOLE, "int64"},
    {0},
};

/* The first element that is no text, or NULL. */
static eca_json other_than_text(eca_json list)
{
    for (eca_json it = eca_json_first(list); it != NULL; it = eca_json_next(it)) {
        if (!eca_json_is_null(it) && eca_json_type(it) != ECA_JSON_STRING) {
            return it;
        }
    }
    return NULL;
}

static bool is_of(eca_json value, enum kind kind)
{
    enum eca_json_type type = eca_json_type(value);

    switch (kind) {
    case TEXT:
        return type == ECA_JSON_STRING;
    case WHOLE:
        return type == ECA_JSON_NUMBER && eca_json_is_integer(value);
    case FLAG:
        return type == ECA_JSON_BOOL;
    case MAP:
        return type == ECA_JSON_OBJECT;
    case LIST:
    case TEXTS:
        return type == ECA_JSON_ARRAY;
    case WORDS:
        return type == ECA_JSON_STRING || type == ECA_JSON_ARRAY;
    }
    return false;
}

static const char *go_word(eca_json value)
{
    enum eca_json_type type = eca_json_type(value);

    return type == ECA_JSON_BOOL ? "bool" : eca_json_type_name(type);
}

static bool members_fit(eca_json object, const char *owner, const struct member *members,
                        struct eca_buf *why)
{
    for (; members->name != NULL; members++) {
        eca_json value = eca_json_get(object, members->name), other = NULL;
        bool fits = eca_json_is_null(value) || is_of(value, members->kind);

        if (fits && (members->kind == TEXTS || members->kind == WORDS) &&
            eca_json_type(value) == ECA_JSON_ARRAY) {
            other = other_than_text(value);
        }
        if (!fits || other != NULL) {
            eca_buf_addf(why, "json: cannot unmarshal %s into Go struct field %s.%s of type %s",
                         go_word(fits ? other : value), owner, members->name,
                         fits ? "string" : members->go_type);
            return false;
        }
    }
    return true;
}

static bool bindings_fit(eca_json bindings, struct eca_buf *why)
{
    for (eca_json port = eca_json_first(bindings); port != NULL; port = eca_json_next(port)) {
        for (eca_json one = eca_json_first(port); one != NULL; one = eca_json_next(one)) {
            eca_json number = eca_json_get(one, "HostPort");

            if (!eca_json_is_null(number) && eca_json_type(number) != ECA_JSON_STRING) {
                eca_buf_addf(why,
                             "json: cannot unmarshal %s into Go struct field "
                             "PortBinding.HostConfig.PortBindings.HostPort of type string",
                             go_word(number));
                return false;
            }
        }
    }
    return true;
}

int docker_form_flaw(const struct fake_docker *docker, eca_json config, struct eca_buf *why)
{
    eca_json host = eca_json_get(config, "HostConfig");

    if (!eca_json_is_null(config) && eca_json_type(config) != ECA_JSON_OBJECT) {
        eca_buf_addf(why,
                     "json: cannot unmarshal %s into Go value of type "
                     "runconfig.ContainerConfigWrapper",
                     go_word(config));
        return docker_serves(docker, 42) ? 400 : 500;
    }
    if (eca_json_count(config) == 0) {
        eca_buf_add_str(why, "Config cannot be empty in order to create a container");
        return 400;
    }
    if (!members_fit(config, "ContainerConfigWrapper", config_members, why) ||
        !members_fit(host, "HostConfig.HostConfig", host_members, why) ||
        !bindings_fit(eca_json_get(host, "PortBindings"), why)) {
        return docker_serves(docker, 42) ? 400 : 500;
    }
    return 0;
}
