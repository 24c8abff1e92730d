#include "agent/docker/create_body.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/mem.h"

#define MEMORY_MIN_BYTES UINT64_C(4194304) /* ENG-514 */
#define BYTES_PER_MIB UINT64_C(1048576)

/* Types of the keys that raw config may hold (DKR-523, DKR-524). */
enum kind {
    KIND_TEXT,
    KIND_INTEGER,
    KIND_FLAG,
    KIND_TEXTS,
    KIND_MAP,    /* merges by key */
    KIND_OBJECT, /* merges by field */
    KIND_LIST,   /* array of objects: replaces */
};
struct known_key {
    const char *name;
    enum kind kind;
};

static const struct known_key config_keys[] = {
    {"Hostname", KIND_TEXT},
    {"Domainname", KIND_TEXT},
    {"User", KIND_TEXT},
    {"Cpuset", KIND_TEXT},
    {"PublishService", KIND_TEXT},
    {"StopSignal", KIND_TEXT},
    {"Image", KIND_TEXT},
    {"VolumeDriver", KIND_TEXT},
    {"WorkingDir", KIND_TEXT},
    {"MacAddress", KIND_TEXT},
    {"VolumesFrom", KIND_TEXT},
    {"Memory", KIND_INTEGER},
    {"MemorySwap", KIND_INTEGER},
    {"MemoryReservation", KIND_INTEGER},
    {"KernelMemory", KIND_INTEGER},
    {"CpuShares", KIND_INTEGER},
    {"PortSpecs", KIND_TEXTS},
    {"Env", KIND_TEXTS},
    {"Cmd", KIND_TEXTS},
    {"Dns", KIND_TEXTS},
    {"Entrypoint", KIND_TEXTS},
    {"SecurityOpts", KIND_TEXTS},
    {"OnBuild", KIND_TEXTS},
    {"AttachStdin", KIND_FLAG},
    {"AttachStdout", KIND_FLAG},
    {"AttachStderr", KIND_FLAG},
    {"ArgsEscaped", KIND_FLAG},
    {"Tty", KIND_FLAG},
    {"OpenStdin", KIND_FLAG},
    {"StdinOnce", KIND_FLAG},
    {"NetworkDisabled", KIND_FLAG},
    {"ExposedPorts", KIND_MAP},
    {"Volumes", KIND_MAP},
    {"Labels", KIND_MAP},
    {"Healthcheck", KIND_OBJECT},
    {"Mounts", KIND_LIST},
};

static const struct known_key host_keys[] = {
    {"ContainerIDFile", KIND_TEXT},
    {"UsernsMode", KIND_TEXT},
    {"NetworkMode", KIND_TEXT},
    {"IpcMode", KIND_TEXT},
    {"PidMode", KIND_TEXT},
    {"UTSMode", KIND_TEXT},
    {"Cgroup", KIND_TEXT},
    {"CgroupParent", KIND_TEXT},
    {"Cpuset", KIND_TEXT},
    {"CpusetCpus", KIND_TEXT},
    {"CpusetMems", KIND_TEXT},
    {"VolumeDriver", KIND_TEXT},
    {"Memory", KIND_INTEGER},
    {"MemoryReservation", KIND_INTEGER},
    {"KernelMemory", KIND_INTEGER},
    {"MemorySwap", KIND_INTEGER},
    {"MemorySwappiness", KIND_INTEGER},
    {"CpuShares", KIND_INTEGER},
    {"CpuQuota", KIND_INTEGER},
    {"CpuPeriod", KIND_INTEGER},
    {"BlkioWeight", KIND_INTEGER},
    {"OomScoreAdj", KIND_INTEGER},
    {"PidsLimit", KIND_INTEGER},
    {"ShmSize", KIND_INTEGER},
    {"Privileged", KIND_FLAG},
    {"PublishAllPorts", KIND_FLAG},
    {"ReadonlyRootfs", KIND_FLAG},
    {"OomKillDisable", KIND_FLAG},
    {"AutoRemove", KIND_FLAG},
    {"Binds", KIND_TEXTS},
    {"CapAdd", KIND_TEXTS},
    {"CapDrop", KIND_TEXTS},
    {"GroupAdd", KIND_TEXTS},
    {"Links", KIND_TEXTS},
    {"Dns", KIND_TEXTS},
    {"DnsOptions", KIND_TEXTS},
    {"DnsSearch", KIND_TEXTS},
    {"ExtraHosts", KIND_TEXTS},
    {"VolumesFrom", KIND_TEXTS},
    {"SecurityOpt", KIND_TEXTS},
    {"LxcConf", KIND_LIST},
    {"PortBindings", KIND_MAP},
    {"RestartPolicy", KIND_OBJECT},
    {"Devices", KIND_LIST},
    {"LogConfig", KIND_OBJECT},
    {"BlkioWeightDevice", KIND_LIST},
    {"BlkioDeviceReadBps", KIND_LIST},
    {"BlkioDeviceWriteBps", KIND_LIST},
    {"BlkioDeviceReadIOps", KIND_LIST},
    {"BlkioDeviceWriteIOps", KIND_LIST},
    {"Ulimits", KIND_LIST},
    {"Tmpfs", KIND_MAP},
    {"StorageOpt", KIND_MAP},
    {"Sysctls", KIND_MAP},
};

/* One member of the body under construction: its name and its value as JSON text. */
struct member {
    char *name;
    char *json;
};
struct members {
    struct member *at;
    size_t count;
};

static void members_clear(struct members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        eca_free(members->at[i].name);
        eca_free(members->at[i].json);
    }
    eca_free(members->at);
    *members = (struct members){0};
}

static struct member *member_find(struct members *members, const char *name)
{
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->at[i].name, name) == 0) {
            return &members->at[i];
        }
    }
    return NULL;
}

static void member_set(struct members *members, const char *name, struct eca_buf *json)
{
    struct member *member = member_find(members, name);

    if (member == NULL) {
        members->at = eca_xrealloc_array(members->at, members->count + 1, sizeof(*members->at));
        member = &members->at[members->count++];
        *member = (struct member){.name = eca_xstrdup(name)};
    }
    eca_free(member->json);
    member->json = eca_buf_take(json);
}

static void member_remove(struct members *members, const char *name)
{
    struct member *member = member_find(members, name);

    if (member != NULL) {
        eca_free(member->name);
        eca_free(member->json);
        *member = members->at[--members->count];
    }
}

static void set_u64(struct members *members, const char *name, uint64_t value)
{
    struct eca_buf json = {0};

    eca_buf_addf(&json, "%llu", (unsigned long long)value);
    member_set(members, name, &json);
}

static void set_text(struct members *members, const char *name, const char *text)
{
    struct eca_buf json = {0};
    struct eca_json_writer w = eca_json_writer_to(&json);

    eca_jw_str(&w, NULL, text);
    member_set(members, name, &json);
}

static void set_texts(struct members *members, const char *name, const char *const *texts,
                      size_t count)
{
    struct eca_buf json = {0};
    struct eca_json_writer w = eca_json_writer_to(&json);

    eca_jw_array(&w, NULL);
    for (size_t i = 0; i < count; i++) {
        eca_jw_str(&w, NULL, texts[i]);
    }
    eca_jw_end_array(&w);
    member_set(members, name, &json);
}

static void members_write(const struct members *members, struct eca_json_writer *w)
{
    for (size_t i = 0; i < members->count; i++) {
        eca_jw_raw(w, members->at[i].name, eca_view_str(members->at[i].json));
    }
}

/* ---- what the agent computes ---------------------------------------------------------------- */

static void port_key(const struct eca_spec_port *port, struct eca_buf *key)
{
    eca_buf_reset(key);
    eca_buf_addf(key, "%u/%s", port->container_port, port->udp ? "udp" : "tcp");
}

static bool seen_before(const struct eca_container_spec *spec, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (spec->ports[i].container_port == spec->ports[index].container_port &&
            spec->ports[i].udp == spec->ports[index].udp) {
            return true;
        }
    }
    return false;
}

static void set_ports(const struct eca_container_spec *spec, struct members *config,
                      struct members *host)
{
    eca_auto_buf struct eca_buf key = {0};
    struct eca_buf exposed = {0}, bindings = {0};
    struct eca_json_writer e = eca_json_writer_to(&exposed), b = eca_json_writer_to(&bindings);

    if (spec->port_count == 0) {
        return;
    }
    eca_jw_object(&e, NULL);
    eca_jw_object(&b, NULL);
    for (size_t i = 0; i < spec->port_count; i++) {
        if (seen_before(spec, i)) {
            continue;
        }
        port_key(&spec->ports[i], &key);
        eca_jw_raw(&e, eca_buf_str(&key), eca_view_str("{}"));
        eca_jw_array(&b, eca_buf_str(&key));
        for (size_t k = i; k < spec->port_count; k++) { /* equal keys accumulate in list order */
            char number[8];

            if (spec->ports[k].container_port != spec->ports[i].container_port ||
                spec->ports[k].udp != spec->ports[i].udp) {
                continue;
            }
            eca_buf_reset(&key);
            eca_buf_addf(&key, "%u", spec->ports[k].host_port);
            strncpy(number, eca_buf_str(&key), sizeof(number) - 1);
            number[sizeof(number) - 1] = '\0';
            eca_jw_object(&b, NULL);
            eca_jw_str(&b, "HostIP", "0.0.0.0");
            eca_jw_str(&b, "HostPort", number);
            eca_jw_end_object(&b);
        }
        eca_jw_end_array(&b);
    }
    eca_jw_end_object(&e);
    eca_jw_end_object(&b);
    member_set(config, "ExposedPorts", &exposed);
    member_set(host, "PortBindings", &bindings);
}

static int compare_env(const void *left, const void *right)
{
    const struct eca_spec_env *a = left, *b = right;

    return strcmp(a->name, b->name);
}

static void set_env(const struct eca_container_spec *spec, struct members *config)
{
    struct eca_buf json = {0};
    struct eca_json_writer w = eca_json_writer_to(&json);
    eca_auto_free struct eca_spec_env *sorted = NULL;
    eca_auto_buf struct eca_buf pair = {0};

    if (spec->env_count == 0) {
        return;
    }
    sorted = eca_xrealloc_array(NULL, spec->env_count, sizeof(*sorted));
    memcpy(sorted, spec->env, spec->env_count * sizeof(*sorted));
    qsort(sorted, spec->env_count, sizeof(*sorted), compare_env);
    eca_jw_array(&w, NULL);
    for (size_t i = 0; i < spec->env_count; i++) {
        eca_buf_reset(&pair);
        eca_buf_addf(&pair, "%s=%s", sorted[i].name, sorted[i].value);
        eca_jw_view(&w, NULL, eca_buf_view(&pair));
    }
    eca_jw_end_array(&w);
    member_set(config, "Env", &json);
}

static void set_volumes(const struct eca_container_spec *spec, struct members *config)
{
    struct eca_buf json = {0};
    struct eca_json_writer w = eca_json_writer_to(&json);

    if (spec->volume_count == 0) {
        return;
    }
    eca_jw_object(&w, NULL);
    for (size_t i = 0; i < spec->volume_count; i++) {
        eca_jw_raw(&w, spec->volumes[i], eca_view_str("{}"));
    }
    eca_jw_end_object(&w);
    member_set(config, "Volumes", &json);
}

static void set_null_or_texts(struct members *config, const char *name, bool present,
                              const char *const *texts, size_t count)
{
    struct eca_buf json = {0};

    if (present) {
        set_texts(config, name, texts, count);
    } else {
        eca_buf_add_str(&json, "null");
        member_set(config, name, &json);
    }
}

static void set_object(struct members *members, const char *name)
{
    struct eca_buf json = {0};

    eca_buf_add_str(&json, "{}");
    member_set(members, name, &json);
}

static uint64_t memory_bytes(const struct eca_container_spec *spec)
{
    uint64_t bytes = spec->memory_mib * BYTES_PER_MIB;

    return bytes > 0 && bytes < MEMORY_MIN_BYTES ? MEMORY_MIN_BYTES : bytes;
}

static void compute(const struct eca_container_spec *spec, struct members *config,
                    struct members *host)
{
    uint64_t shares =
        spec->cpu_shares < DOCKER_CPU_SHARES_MIN ? DOCKER_CPU_SHARES_MIN : spec->cpu_shares;

    if (memory_bytes(spec) > 0) {
        set_u64(config, "Memory", memory_bytes(spec));
    }
    set_u64(config, "CpuShares", shares);
    set_null_or_texts(config, "Cmd", spec->has_command, spec->command, spec->command_count);
    set_null_or_texts(config, "Entrypoint", spec->has_entry_point, spec->entry_point,
                      spec->entry_point_count);
    set_text(config, "Image", spec->image);
    set_env(spec, config);
    set_volumes(spec, config);
    set_ports(spec, config, host);
    if (spec->bind_count > 0) {
        set_texts(host, "Binds", spec->binds, spec->bind_count);
    }
    if (spec->link_count > 0) {
        set_texts(host, "Links", spec->links, spec->link_count);
    }
    if (spec->volumes_from_count > 0) {
        set_texts(host, "VolumesFrom", spec->volumes_from, spec->volumes_from_count);
    }
    set_object(host, "RestartPolicy");
    set_object(host, "LogConfig");
}

/* ---- raw config over it (DKR-520..522) ------------------------------------------------------ */

static const struct known_key *find_key(const struct known_key *keys, size_t count,
                                        const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (eca_view_eq_nocase(eca_view_str(name), keys[i].name)) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool all_texts(eca_json array)
{
    for (eca_json item = eca_json_first(array); item != NULL; item = eca_json_next(item)) {
        if (eca_json_type(item) != ECA_JSON_STRING) {
            return false;
        }
    }
    return true;
}

static bool fits(eca_json value, enum kind kind)
{
    enum eca_json_type type = eca_json_type(value);
    int64_t number;

    switch (kind) {
    case KIND_TEXT:
        return type == ECA_JSON_STRING;
    case KIND_INTEGER:
        return type == ECA_JSON_NUMBER && eca_json_is_integer(value) &&
               eca_json_i64(value, &number, NULL) == ECA_OK;
    case KIND_FLAG:
        return type == ECA_JSON_BOOL;
    case KIND_TEXTS:
        return type == ECA_JSON_ARRAY && all_texts(value);
    case KIND_MAP:
    case KIND_OBJECT:
        return type == ECA_JSON_OBJECT;
    case KIND_LIST:
        return type == ECA_JSON_ARRAY;
    }
    return false;
}

/* old and new, both objects; new wins key by key, nested objects alike. */
static void merge_objects(eca_json old, eca_json new, bool any_case, struct eca_json_writer *w,
                          const char *key)
{
    eca_jw_object(w, key);
    for (eca_json m = eca_json_first(old); m != NULL; m = eca_json_next(m)) {
        eca_json over = any_case ? eca_json_get_nocase(new, eca_json_key(m))
                                 : eca_json_get(new, eca_json_key(m));

        if (over == NULL) {
            eca_jw_value(w, eca_json_key(m), m);
        }
    }
    for (eca_json m = eca_json_first(new); m != NULL; m = eca_json_next(m)) {
        if (eca_json_get(new, eca_json_key(m)) != m) {
            continue; /* the last of duplicate keys counts */
        }
        eca_jw_value(w, eca_json_key(m), m);
    }
    eca_jw_end_object(w);
}

static void overlay_member(struct members *members, const char *name, enum kind kind,
                           eca_json value)
{
    struct member *old = member_find(members, name);
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_buf json = {0};
    struct eca_json_writer w = eca_json_writer_to(&json);

    if ((kind == KIND_MAP || kind == KIND_OBJECT) && old != NULL &&
        eca_json_parse(eca_view_str(old->json), &doc, NULL) == ECA_OK) {
        merge_objects(eca_json_root(doc), value, kind == KIND_OBJECT, &w, NULL);
    } else {
        eca_json_print(value, &json);
    }
    member_set(members, name, &json);
}

/* null clears an array or map and leaves a scalar unchanged. */
static void overlay_null(struct members *members, const struct known_key *key)
{
    struct eca_buf json = {0};

    if (strcmp(key->name, "Cmd") == 0 || strcmp(key->name, "Entrypoint") == 0) {
        eca_buf_add_str(&json, "null"); /* always present (DKR-510) */
        member_set(members, key->name, &json);
    } else if (key->kind == KIND_TEXTS || key->kind == KIND_MAP || key->kind == KIND_LIST) {
        member_remove(members, key->name);
    }
}

static int overlay(struct members *members, const char *raw, const struct known_key *keys,
                   size_t key_count, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_json root;

    if (raw == NULL || raw[0] == '\0') {
        return ECA_OK;
    }
    if (eca_json_parse(eca_view_str(raw), &doc, err) < 0) {
        return ECA_E_INVALID;
    }
    root = eca_json_root(doc);
    if (eca_json_is_null(root)) {
        return ECA_OK; /* DKR-521 */
    }
    if (eca_json_type(root) != ECA_JSON_OBJECT) {
        return eca_err_set(err, ECA_E_INVALID, "want object, have %s",
                           eca_json_type_name(eca_json_type(root)));
    }
    for (eca_json m = eca_json_first(root); m != NULL; m = eca_json_next(m)) {
        const struct known_key *key = find_key(keys, key_count, eca_json_key(m));

        if (key == NULL) {
            overlay_member(members, eca_json_key(m), KIND_TEXT, m);
        } else if (eca_json_is_null(m)) {
            overlay_null(members, key);
        } else if (!fits(m, key->kind)) {
            return eca_err_set(err, ECA_E_INVALID, "%s: unexpected %s", key->name,
                               eca_json_type_name(eca_json_type(m)));
        } else {
            overlay_member(members, key->name, key->kind, m);
        }
    }
    return ECA_OK;
}

/* ---- what raw config cannot override -------------------------------------------------------- */

static void overlay_text(struct members *members, const char *name, enum kind kind,
                         struct eca_buf *json)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    if (eca_json_parse(eca_buf_view(json), &doc, NULL) == ECA_OK) {
        overlay_member(members, name, kind, eca_json_root(doc));
    }
    eca_buf_clear(json);
}

static void set_labels(const struct eca_container_spec *spec, struct members *config)
{
    struct eca_buf json = {0};
    struct eca_json_writer w = eca_json_writer_to(&json);

    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "com.amazonaws.ecs.cluster", spec->labels.cluster);
    eca_jw_str(&w, "com.amazonaws.ecs.container-name", spec->labels.container_name);
    eca_jw_str(&w, "com.amazonaws.ecs.task-arn", spec->labels.task_arn);
    eca_jw_str(&w, "com.amazonaws.ecs.task-definition-family", spec->labels.family);
    eca_jw_str(&w, "com.amazonaws.ecs.task-definition-version", spec->labels.version);
    eca_jw_end_object(&w);
    overlay_text(config, "Labels", KIND_MAP, &json);
}

static bool is_forced(const struct eca_container_spec *spec, const char *pair)
{
    for (size_t i = 0; i < spec->forced_env_count; i++) {
        size_t len = strlen(spec->forced_env[i].name);

        if (strncmp(pair, spec->forced_env[i].name, len) == 0 && pair[len] == '=') {
            return true;
        }
    }
    return false;
}

/* The credentials variable survives a raw Env that replaced the list (ENG-532). */
static void force_env(const struct eca_container_spec *spec, struct members *config)
{
    struct member *old = member_find(config, "Env");
    eca_auto_json struct eca_json_doc *doc = NULL;
    struct eca_buf json = {0};
    struct eca_json_writer w = eca_json_writer_to(&json);
    eca_auto_buf struct eca_buf pair = {0};

    if (spec->forced_env_count == 0) {
        return;
    }
    eca_jw_array(&w, NULL);
    if (old != NULL && eca_json_parse(eca_view_str(old->json), &doc, NULL) == ECA_OK) {
        for (eca_json item = eca_json_first(eca_json_root(doc)); item != NULL;
             item = eca_json_next(item)) {
            if (!is_forced(spec, eca_json_str(item))) {
                eca_jw_value(&w, NULL, item);
            }
        }
    }
    for (size_t i = 0; i < spec->forced_env_count; i++) {
        eca_buf_reset(&pair);
        eca_buf_addf(&pair, "%s=%s", spec->forced_env[i].name, spec->forced_env[i].value);
        eca_jw_view(&w, NULL, eca_buf_view(&pair));
    }
    eca_jw_end_array(&w);
    member_set(config, "Env", &json);
}

static void copy_limits(struct members *config, struct members *host)
{
    static const char *const names[] = {"Memory", "CpuShares"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
        struct member *member = member_find(config, names[i]);
        struct eca_buf json = {0};

        if (member != NULL && member_find(host, names[i]) == NULL) {
            eca_buf_add_str(&json, member->json);
            member_set(host, names[i], &json);
        }
    }
}

int eca_docker_create_body(const struct eca_container_spec *spec, bool host_memory,
                           struct eca_buf *body, struct eca_named_error *ret_error)
{
    __attribute__((cleanup(members_clear))) struct members config = {0};
    __attribute__((cleanup(members_clear))) struct members host = {0};
    struct eca_json_writer w = eca_json_writer_to(body);
    struct eca_err err = {0};

    compute(spec, &config, &host);
    if (overlay(&host, spec->raw_host_config, host_keys, ECA_ARRAY_LEN(host_keys), &err) < 0) {
        eca_named_error_set(ret_error, "HostConfigError", "Unable to decode given host config: %s",
                            err.msg);
        return ECA_E_INVALID;
    }
    if (overlay(&config, spec->raw_config, config_keys, ECA_ARRAY_LEN(config_keys), &err) < 0) {
        eca_named_error_set(ret_error, "DockerClientConfigError",
                            "Unable decode given docker config: %s", err.msg);
        return ECA_E_INVALID;
    }
    set_labels(spec, &config);
    force_env(spec, &config);
    if (host_memory) {
        copy_limits(&config, &host);
    }
    eca_jw_object(&w, NULL);
    members_write(&config, &w);
    eca_jw_object(&w, "HostConfig");
    members_write(&host, &w);
    eca_jw_end_object(&w);
    eca_jw_end_object(&w);
    return ECA_OK;
}
