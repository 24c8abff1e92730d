#include <inttypes.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/docker/state.h"

#define MIB INT64_C(1048576)
#define PROCESSORS 2
#define SIGNALS_MAX 64

/* The values that a daemon refuses a create or a start for, status and words as a real one has them
 * (tests/real-docker/test_fake.sh compares). */

/* ---- values ---------------------------------------------------------------------------------- */

/* The resources of HostConfig, or, in the old form, of the config itself. */
static int64_t number_of(eca_json config, const char *name, int64_t otherwise)
{
    eca_json value = eca_json_get(eca_json_get(config, "HostConfig"), name);
    int64_t number = otherwise;

    if (eca_json_is_null(value)) {
        value = eca_json_get(config, name);
    }
    if (!eca_json_is_null(value)) {
        (void)eca_json_i64(value, &number, NULL);
    }
    return number;
}

static const char *text_in(eca_json object, const char *name)
{
    eca_json value = eca_json_get(object, name);

    return eca_json_is_null(value) ? "" : eca_json_str(value);
}

static bool memory_flaw(const struct fake_docker *docker, eca_json config, struct eca_buf *why)
{
    int64_t memory = number_of(config, "Memory", 0), swap = number_of(config, "MemorySwap", 0);
    int64_t reserved = number_of(config, "MemoryReservation", 0);
    int64_t swappiness = number_of(config, "MemorySwappiness", -1);
    int64_t mib_min = docker_serves(docker, 41) ? 6 : 4;

    if (memory != 0 && memory < mib_min * MIB) {
        eca_buf_addf(why, "Minimum memory limit allowed is %" PRId64 "MB", mib_min);
    } else if (memory > 0 && swap > 0 && swap < memory) {
        eca_buf_add_str(why,
                        "Minimum memoryswap limit should be larger than memory limit, see usage");
    } else if (memory == 0 && swap > 0) {
        eca_buf_add_str(why, "You should always set the Memory limit when using Memoryswap limit, "
                             "see usage");
    } else if (swappiness < -1 || swappiness > 100) {
        eca_buf_addf(why, "Invalid value: %" PRId64 ", valid memory swappiness range is 0-100",
                     swappiness);
    } else if (memory > 0 && reserved > memory) {
        eca_buf_add_str(why, "Minimum memory limit can not be less than memory reservation limit, "
                             "see usage");
    }
    return why->len > 0;
}

/* "0-1,3": the highest; false: no such list. */
static bool highest_processor(struct eca_view list, uint64_t *ret_highest)
{
    while (list.len > 0) {
        size_t comma = eca_view_find(list, ",", 0);
        struct eca_view part = eca_view_sub(list, 0, comma);
        size_t dash = eca_view_find(part, "-", 0);
        uint64_t first = 0, last = 0;

        if (eca_parse_u64(eca_view_sub(part, 0, dash), UINT16_MAX, &first, NULL) < 0 ||
            (dash != SIZE_MAX &&
             eca_parse_u64(eca_view_sub(part, dash + 1, SIZE_MAX), UINT16_MAX, &last, NULL) < 0)) {
            return false;
        }
        last = dash == SIZE_MAX ? first : last;
        *ret_highest = last > *ret_highest ? last : *ret_highest;
        list = comma == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(list, comma + 1, SIZE_MAX);
    }
    return true;
}

static bool resource_flaw(eca_json config, struct eca_buf *why)
{
    eca_json host = eca_json_get(config, "HostConfig");
    const char *cpus = text_in(host, "CpusetCpus");
    int64_t score = number_of(config, "OomScoreAdj", 0);
    uint64_t highest = 0;

    if (score < -1000 || score > 1000) {
        eca_buf_addf(why, "Invalid value %" PRId64 ", range for oom score adj is [-1000, 1000]",
                     score);
    } else if (number_of(config, "ShmSize", 0) < 0) {
        eca_buf_add_str(why, "SHM size can not be less than 0");
    } else if (!highest_processor(eca_view_str(cpus), &highest)) {
        eca_buf_addf(why, "Invalid value %s for cpuset cpus", cpus);
    } else if (highest >= PROCESSORS) {
        eca_buf_addf(why, "Requested CPUs are not available - requested %s, available: 0-%d", cpus,
                     PROCESSORS - 1);
    }
    return why->len > 0;
}

bool docker_signal(const char *name, uint64_t *ret_number)
{
    static const struct {
        const char *name;
        uint64_t number;
    } signals[] = {
        {"HUP", 1},   {"INT", 2},     {"QUIT", 3},  {"ILL", 4},     {"TRAP", 5},  {"ABRT", 6},
        {"BUS", 7},   {"FPE", 8},     {"KILL", 9},  {"USR1", 10},   {"SEGV", 11}, {"USR2", 12},
        {"PIPE", 13}, {"ALRM", 14},   {"TERM", 15}, {"STKFLT", 16}, {"CHLD", 17}, {"CONT", 18},
        {"STOP", 19}, {"TSTP", 20},   {"TTIN", 21}, {"TTOU", 22},   {"URG", 23},  {"XCPU", 24},
        {"XFSZ", 25}, {"VTALRM", 26}, {"PROF", 27}, {"WINCH", 28},  {"IO", 29},   {"PWR", 30},
        {"SYS", 31},
    };
    const char *bare = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;

    if (eca_parse_u64(eca_view_str(name), SIGNALS_MAX, ret_number, NULL) == 0) {
        return *ret_number > 0;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(signals); i++) {
        if (strcmp(bare, signals[i].name) == 0) {
            *ret_number = signals[i].number;
            return true;
        }
    }
    return false;
}

static bool config_flaw(eca_json config, struct eca_buf *why)
{
    const char *dir = text_in(config, "WorkingDir"), *sign = text_in(config, "StopSignal");
    uint64_t number = 0;

    if (dir[0] != '\0' && dir[0] != '/') {
        eca_buf_addf(why, "the working directory '%s' is invalid, it needs to be an absolute path",
                     dir);
        return true;
    }
    if (sign[0] != '\0' && !docker_signal(sign, &number)) {
        eca_buf_addf(why, "Invalid signal: %s", sign);
        return true;
    }
    for (eca_json it = eca_json_first(eca_json_get(config, "Env")); it != NULL;
         it = eca_json_next(it)) {
        if (eca_json_is_null(it) || eca_json_str(it)[0] == '=' || eca_json_str(it)[0] == '\0') {
            eca_buf_addf(why, "invalid environment variable: %s",
                         eca_json_is_null(it) ? "" : eca_json_str(it));
            return true;
        }
    }
    return false;
}

static bool restart_flaw(eca_json policy, struct eca_buf *why)
{
    const char *name = eca_json_is_null(policy) ? "" : text_in(policy, "Name");
    eca_json count = eca_json_is_null(policy) ? NULL : eca_json_get(policy, "MaximumRetryCount");
    int64_t tries = 0;

    if (eca_json_type(count) == ECA_JSON_NUMBER) {
        (void)eca_json_i64(count, &tries, NULL);
    }
    if (name[0] == '\0' || strcmp(name, "on-failure") == 0) {
        return false;
    }
    if (strcmp(name, "no") != 0 && strcmp(name, "always") != 0 &&
        strcmp(name, "unless-stopped") != 0) {
        eca_buf_addf(why, "invalid restart policy '%s'", name);
    } else if (tries != 0) {
        eca_buf_addf(why, "maximum retry count cannot be used with restart policy '%s'", name);
    }
    return why->len > 0;
}

static bool in_list(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

static bool log_driver_is_known(const char *name)
{
    static const char *const drivers[] = {
        "",        "none",    "json-file", "local",   "syslog",     "journald", "gelf",
        "fluentd", "awslogs", "splunk",    "gcplogs", "logentries", NULL};

    return in_list(name, drivers);
}

static bool log_flaw(const struct fake_docker *docker, eca_json config, struct eca_buf *why)
{
    static const char *const options[] = {
        "max-size",  "max-file",     "compress", "labels",          "env", "tag",
        "env-regex", "labels-regex", "mode",     "max-buffer-size", NULL};
    const char *type = eca_json_is_null(config) ? "" : text_in(config, "Type");
    eca_json map = eca_json_is_null(config) ? NULL : eca_json_get(config, "Config");

    /* Daemons before 1.25 find out at the start. */
    if (!log_driver_is_known(type) && docker_serves(docker, 25)) {
        eca_buf_addf(why, "error looking up logging plugin %s: plugin \"%s\" not found", type,
                     type);
        return true;
    }
    for (eca_json it = eca_json_first(map); it != NULL; it = eca_json_next(it)) {
        if (strcmp(type, "json-file") == 0 && !in_list(eca_json_key(it), options)) {
            eca_buf_addf(why, "unknown log opt '%s' for json-file log driver", eca_json_key(it));
            return true;
        }
    }
    return false;
}

static bool capability_flaw(eca_json host, const char *member, struct eca_buf *why)
{
    static const char *const names[] = {"ALL",
                                        "AUDIT_CONTROL",
                                        "AUDIT_READ",
                                        "AUDIT_WRITE",
                                        "BLOCK_SUSPEND",
                                        "BPF",
                                        "CHECKPOINT_RESTORE",
                                        "CHOWN",
                                        "DAC_OVERRIDE",
                                        "DAC_READ_SEARCH",
                                        "FOWNER",
                                        "FSETID",
                                        "IPC_LOCK",
                                        "IPC_OWNER",
                                        "KILL",
                                        "LEASE",
                                        "LINUX_IMMUTABLE",
                                        "MAC_ADMIN",
                                        "MAC_OVERRIDE",
                                        "MKNOD",
                                        "NET_ADMIN",
                                        "NET_BIND_SERVICE",
                                        "NET_BROADCAST",
                                        "NET_RAW",
                                        "PERFMON",
                                        "SETFCAP",
                                        "SETGID",
                                        "SETPCAP",
                                        "SETUID",
                                        "SYSLOG",
                                        "SYS_ADMIN",
                                        "SYS_BOOT",
                                        "SYS_CHROOT",
                                        "SYS_MODULE",
                                        "SYS_NICE",
                                        "SYS_PACCT",
                                        "SYS_PTRACE",
                                        "SYS_RAWIO",
                                        "SYS_RESOURCE",
                                        "SYS_TIME",
                                        "SYS_TTY_CONFIG",
                                        "WAKE_ALARM",
                                        NULL};

    for (eca_json it = eca_json_first(eca_json_get(host, member)); it != NULL;
         it = eca_json_next(it)) {
        const char *name = eca_json_is_null(it) ? "" : eca_json_str(it);
        const char *bare = strncmp(name, "CAP_", 4) == 0 ? name + 4 : name;

        if (!in_list(bare, names)) {
            eca_buf_addf(why, "invalid %s: unknown capability: \"CAP_%s\"", member, bare);
            return true;
        }
    }
    return false;
}

static bool other_host_flaw(const struct fake_docker *docker, eca_json host, struct eca_buf *why)
{
    for (eca_json it = eca_json_first(eca_json_get(host, "ExtraHosts")); it != NULL;
         it = eca_json_next(it)) {
        const char *text = eca_json_is_null(it) ? "" : eca_json_str(it);
        if (strchr(text, ':') == NULL) {
            eca_buf_addf(why, "bad format for add-host: \"%s\"", text);
            return true;
        }
    }
    return docker_serves(docker, 41) &&
           (capability_flaw(host, "CapAdd", why) || capability_flaw(host, "CapDrop", why));
}

/* ---- mounts and links ------------------------------------------------------------------------ */

static bool mode_is_known(struct eca_view mode)
{
    static const char *const words[] = {"ro",      "rw",        "z",      "Z",         "nocopy",
                                        "private", "rprivate",  "shared", "rshared",   "slave",
                                        "rslave",  "delegated", "cached", "consistent"};
    while (mode.len > 0) {
        size_t comma = eca_view_find(mode, ",", 0);
        struct eca_view word = eca_view_sub(mode, 0, comma);
        bool known = false;

        for (size_t i = 0; i < ECA_ARRAY_LEN(words); i++) {
            known = known || eca_view_eq_str(word, words[i]);
        }
        if (!known) {
            return false;
        }
        mode = comma == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(mode, comma + 1, SIZE_MAX);
    }
    return true;
}

static bool is_volume_name(struct eca_view name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || (c != '_' && c != '.' && c != '-'))) {
            return false;
        }
    }
    return name.len > 0;
}

/* "src:/dst[:mode]", or "/dst" alone. The status of the refusal, or 0. */
static int bind_flaw(struct eca_view bind, struct eca_buf *why)
{
    size_t colon = eca_view_find(bind, ":", 0);
    struct eca_view source = eca_view_sub(bind, 0, colon), rest, target, mode = ECA_VIEW_NONE;
    size_t second;

    if (bind.len == 0) {
        eca_buf_add_str(why, "invalid volume specification: ''");
        return 500;
    }
    if (colon == SIZE_MAX) {
        return 0;
    }
    rest = eca_view_sub(bind, colon + 1, SIZE_MAX);
    second = eca_view_find(rest, ":", 0);
    target = eca_view_sub(rest, 0, second);
    if (second != SIZE_MAX) {
        mode = eca_view_sub(rest, second + 1, SIZE_MAX);
    }
    if (!mode_is_known(mode)) {
        eca_buf_addf(why, "invalid mode: %.*s", (int)mode.len, mode.at);
        return 500;
    }
    if (target.len == 0 || target.at[0] != '/') {
        eca_buf_addf(why,
                     "invalid volume specification: '%.*s': invalid mount config for type \"%s\": "
                     "invalid mount path: '%.*s' mount path must be absolute",
                     (int)bind.len, bind.at,
                     source.len > 0 && source.at[0] == '/' ? "bind" : "volume", (int)target.len,
                     target.len == 0 ? "" : target.at);
        return 500;
    }
    if (target.len == 1) {
        eca_buf_addf(why,
                     "invalid volume specification: '%.*s': invalid mount config for type "
                     "\"bind\": invalid specification: destination can't be '/'",
                     (int)bind.len, bind.at);
        return 500;
    }
    if (source.len == 1 && source.at[0] != '/') {
        eca_buf_addf(why,
                     "create %c: volume name is too short, names should be at least two "
                     "alphanumeric characters",
                     source.at[0]);
        return 400;
    }
    if (source.len > 0 && source.at[0] != '/' && !is_volume_name(source)) {
        eca_buf_addf(why,
                     "create %.*s: \"%.*s\" includes invalid characters for a local volume name, "
                     "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a "
                     "host directory, use absolute path",
                     (int)source.len, source.at, (int)source.len, source.at);
        return 400;
    }
    return 0;
}

static struct eca_view bind_target(eca_json bind)
{
    struct eca_view text =
        eca_view_str(eca_json_type(bind) == ECA_JSON_STRING ? eca_json_str(bind) : "");
    size_t colon = eca_view_find(text, ":", 0);
    struct eca_view rest =
        colon == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(text, colon + 1, SIZE_MAX);

    return eca_view_sub(rest, 0, eca_view_find(rest, ":", 0));
}

/* The path that two binds want; false: none. */
static bool mounted_twice(eca_json binds, struct eca_buf *why)
{
    for (eca_json it = eca_json_first(binds); it != NULL; it = eca_json_next(it)) {
        struct eca_view path = bind_target(it);
        for (eca_json next = eca_json_next(it); next != NULL; next = eca_json_next(next)) {
            if (path.len > 0 && eca_view_eq(path, bind_target(next))) {
                eca_buf_addf(why, "Duplicate mount point: %.*s", (int)path.len, path.at);
                return true;
            }
        }
    }
    return false;
}

/* A driver that is not there is missed where it has a volume to make. */
static int driver_flaw(eca_json host, struct eca_buf *why)
{
    const char *driver = text_in(host, "VolumeDriver");

    if (driver[0] == '\0' || strcmp(driver, "local") == 0) {
        return 0;
    }
    for (eca_json it = eca_json_first(eca_json_get(host, "Binds")); it != NULL;
         it = eca_json_next(it)) {
        struct eca_view bind = eca_view_str(eca_json_is_null(it) ? "" : eca_json_str(it));
        if (bind.at[0] != '/') {
            size_t colon = eca_view_find(bind, ":", 0);
            eca_buf_addf(why,
                         "create %.*s: error looking up volume plugin %s: plugin \"%s\" not found",
                         (int)(colon == SIZE_MAX ? bind.len : colon), bind.at, driver, driver);
            return 404;
        }
    }
    return 0;
}

static int mounts_flaw(const struct fake_docker *docker, eca_json host, struct eca_buf *why)
{
    eca_json binds = eca_json_get(host, "Binds"), from = eca_json_get(host, "VolumesFrom");

    for (eca_json it = eca_json_first(from); it != NULL; it = eca_json_next(it)) {
        struct eca_view text = eca_view_str(eca_json_is_null(it) ? "" : eca_json_str(it));
        size_t colon = eca_view_find(text, ":", 0);
        struct eca_view mode =
            colon == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(text, colon + 1, SIZE_MAX);
        eca_auto_buf struct eca_buf name = {0};

        eca_buf_add_view(&name, eca_view_sub(text, 0, colon));
        if (!mode_is_known(mode)) {
            eca_buf_addf(why, "invalid mode: %.*s", (int)mode.len, mode.at);
            return 400;
        }
        if (docker_find(docker, eca_buf_str(&name)) == NULL) {
            eca_buf_addf(why, "No such container: %s", eca_buf_str(&name));
            return docker_serves(docker, 35) ? 400 : 404;
        }
    }
    for (eca_json it = eca_json_first(binds); it != NULL; it = eca_json_next(it)) {
        int status = bind_flaw(eca_view_str(eca_json_is_null(it) ? "" : eca_json_str(it)), why);
        if (status != 0) {
            return status;
        }
    }
    if (mounted_twice(binds, why)) {
        return 400;
    }
    return driver_flaw(host, why);
}

static int links_flaw(const struct fake_docker *docker, eca_json host, struct eca_buf *why)
{
    eca_json links = eca_json_get(host, "Links");

    if (eca_json_count(links) > 0 && strcmp(text_in(host, "NetworkMode"), "host") == 0) {
        eca_buf_add_str(why, "conflicting options: host type networking can't be used with links. "
                             "This would result in undefined behavior");
        return 400;
    }
    for (eca_json it = eca_json_first(links); it != NULL; it = eca_json_next(it)) {
        struct eca_view text = eca_view_str(eca_json_is_null(it) ? "" : eca_json_str(it));
        size_t colon = eca_view_find(text, ":", 0);
        eca_auto_buf struct eca_buf name = {0};

        if (text.len == 0 ||
            (colon != SIZE_MAX && eca_view_find(text, ":", colon + 1) != SIZE_MAX)) {
            eca_buf_addf(why, "bad format for links: %.*s", (int)text.len, text.at);
            return 500;
        }
        eca_buf_add_view(&name, eca_view_sub(text, 0, colon));
        if (docker_find(docker, eca_buf_str(&name)) == NULL) {
            if (docker_serves(docker, 30)) {
                eca_buf_addf(why, "could not get container for %s: No such container: %s",
                             eca_buf_str(&name), eca_buf_str(&name));
            } else {
                eca_buf_addf(why, "Could not get container for %s", eca_buf_str(&name));
            }
            return 400;
        }
    }
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int docker_value_flaw(const struct fake_docker *docker, eca_json config, struct eca_buf *why)
{
    eca_json host = eca_json_get(config, "HostConfig");

    if (config_flaw(config, why) || memory_flaw(docker, config, why) ||
        resource_flaw(config, why) || restart_flaw(eca_json_get(host, "RestartPolicy"), why) ||
        log_flaw(docker, eca_json_get(host, "LogConfig"), why) ||
        other_host_flaw(docker, host, why)) {
        return 400;
    }
    return 0;
}

/* Daemons look for these only when they start it. */
int docker_start_flaw(const struct fake_docker *docker, eca_json host, struct eca_buf *why)
{
    static const char *const networks[] = {"", "default", "bridge", "host", "none", NULL};
    static const char container[] = "container:";
    const char *mode = text_in(host, "NetworkMode");
    eca_json log = eca_json_get(host, "LogConfig");
    const char *driver = eca_json_is_null(log) ? "" : text_in(log, "Type");

    if (!log_driver_is_known(driver)) {
        eca_buf_addf(why,
                     "Failed to initialize logging driver: logger: no log driver named '%s' is "
                     "registered",
                     driver);
        return 500;
    }
    if (strncmp(mode, container, sizeof(container) - 1) == 0) {
        const char *name = mode + sizeof(container) - 1;
        if (docker_find(docker, name) == NULL) {
            eca_buf_addf(why, "No such container: %s", name);
            return 404;
        }
    } else if (!in_list(mode, networks)) {
        eca_buf_addf(why, "network %s not found", mode);
        return 404;
    }
    return 0;
}

int docker_reference_flaws(const struct fake_docker *docker, eca_json host, struct eca_buf *why)
{
    int status = links_flaw(docker, host, why);

    return status != 0 ? status : mounts_flaw(docker, host, why);
}
