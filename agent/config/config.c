#include "agent/config/config_internal.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define MESSAGES_MAX 256    /* far above one per setting and source */
#define SHOWN_BYTES_MAX 128 /* of a bad value in a message */

static const struct {
    const char *driver, *version;
} drivers[] = {
    {"json-file", "1.18"},  {"syslog", "1.18"},    {"journald", "1.19"}, {"gelf", "1.20"},
    {"fluentd", "1.20"},    {"awslogs", "1.21"},   {"splunk", "1.22"},   {"none", "1.19"},
    {"logentries", "1.25"}, {"sumologic", "1.29"}, /* CFG-L01 */
};

const char *eca_config_driver_version(const char *driver)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i].driver, driver) == 0) {
            return drivers[i].version;
        }
    }
    return NULL;
}

const char *eca_origin_name(enum eca_origin origin)
{
    switch (origin) {
    case ECA_ORIGIN_DEFAULT:
        return "default";
    case ECA_ORIGIN_ENVIRONMENT:
        return "environment";
    case ECA_ORIGIN_FILE:
        return "file";
    case ECA_ORIGIN_METADATA:
        return "metadata";
    }
    return "";
}

static void add_message(struct eca_config *config, enum eca_log_level level, char *text)
{
    if (config->message_count == MESSAGES_MAX) {
        eca_free(text);
        return;
    }
    config->messages =
        eca_xrealloc_array(config->messages, config->message_count + 1, sizeof(*config->messages));
    config->messages[config->message_count++] = (struct eca_config_message){level, text};
}

void eca_config_note(struct eca_config *config, enum eca_log_level level, const char *fmt, ...)
{
    struct eca_buf text = {0};
    va_list args;

    va_start(args, fmt);
    eca_buf_vaddf(&text, fmt, args);
    va_end(args);
    add_message(config, level, eca_buf_take(&text));
}

void eca_config_spoil(struct eca_config *config, size_t index, enum eca_log_level level,
                      const char *fmt, ...)
{
    struct eca_setting_state *state = &config->states[index];
    struct eca_buf text = {0};
    va_list args;

    va_start(args, fmt);
    eca_buf_vaddf(&text, fmt, args);
    va_end(args);
    state->spoiled = true;
    eca_free(state->note); /* the last word counts: what became of the value in the end */
    state->note = eca_xstrdup(eca_buf_str(&text));
    add_message(config, level, eca_buf_take(&text));
}

static bool is_secret(const struct eca_setting *setting)
{
    return setting->kind == ECA_SETTING_RAW || setting->kind == ECA_SETTING_SECRET;
}

/* Environment: < 1 s is discarded, the file's value or the default counts (CFG-320). */
static bool discard_stop_timeout(struct eca_config *config, size_t index, const char *given,
                                 const struct eca_setting_value *value)
{
    if (eca_settings[index].offset !=
            offsetof(struct eca_config_values, container_stop_timeout_ns) ||
        value->number >= ECA_NS_PER_S) {
        return false;
    }
    eca_config_spoil(config, index, ECA_LOG_WARN,
                     "%s: %.*s is less than the minimum of 1s; value discarded",
                     eca_settings[index].env, SHOWN_BYTES_MAX, given);
    return true;
}

/* An unknown level changes nothing (LOG-102), but is said. */
static bool discard_log_level(struct eca_config *config, size_t index, const char *given)
{
    enum eca_log_level level;

    if (eca_settings[index].offset != offsetof(struct eca_config_values, log_level) ||
        given[0] == '\0' || eca_log_level_parse(given, &level)) {
        return false;
    }
    eca_config_spoil(config, index, ECA_LOG_WARN,
                     "%s: %.*s: want one of debug, info, warn, error, crit, none; value discarded",
                     eca_settings[index].env, SHOWN_BYTES_MAX, given);
    return true;
}

static void load_env(struct eca_config *config, struct eca_host host, size_t index)
{
    const struct eca_setting *setting = &eca_settings[index];
    const char *given = eca_host_env(host, setting->env);
    eca_auto_setting_value struct eca_setting_value value = {0};
    struct eca_err err = {0};
    bool set = false;

    if ((given == NULL || given[0] == '\0') && setting->env_other != NULL) {
        given = eca_host_env(host, setting->env_other);
    }
    if (given == NULL) {
        return;
    }
    if (given[0] == '\0' && setting->kind == ECA_SETTING_DURATION) {
        eca_config_note(config, ECA_LOG_DEBUG, "%s is empty", setting->env);
    }
    if (eca_setting_parse(setting, eca_view_str(given), &set, &value, &err) < 0) {
        eca_config_spoil(config, index, ECA_LOG_WARN, "%s: %.*s: %s; value discarded", setting->env,
                         SHOWN_BYTES_MAX, is_secret(setting) ? "[redacted]" : given, err.msg);
    } else if (set && !discard_stop_timeout(config, index, given, &value) &&
               !discard_log_level(config, index, given)) {
        eca_setting_assign(config, index, &value, ECA_ORIGIN_ENVIRONMENT);
    }
}

/* Names, not values, of variables that look like ours and are not (CFG-341). */
static void note_unknown_variables(struct eca_config *config, struct eca_host host)
{
    eca_auto_buf struct eca_buf names = {.bytes_max = 4096};
    const char *entry;

    for (size_t i = 0; (entry = eca_host_env_at(host, i)) != NULL; i++) {
        const char *equals = strchr(entry, '=');
        eca_auto_free char *name = NULL;

        if (equals == NULL || strncmp(entry, "ECS_", 4) != 0) {
            continue;
        }
        name = eca_xstrndup(entry, (size_t)(equals - entry));
        if (eca_setting_find(name) == SIZE_MAX) {
            eca_buf_addf(&names, "%s%s", names.len == 0 ? "" : ", ", name);
        }
    }
    if (names.len > 0) {
        eca_config_note(config, ECA_LOG_INFO, "unknown variables are ignored: %s",
                        eca_buf_str(&names));
    }
}

struct eca_config *eca_config_load(struct eca_host host)
{
    struct eca_config *config = eca_xalloc(sizeof(*config));
    size_t path_index = eca_setting_find("ECS_AGENT_CONFIG_FILE_PATH");
    const char *data_dir = eca_host_env(host, "ECS_DATADIR");

    for (size_t i = 0; i < eca_setting_count; i++) {
        eca_setting_assign_default(config, i);
    }
    /* Only the environment's directory switches checkpointing on (CFG-308). */
    config->values.checkpoint = data_dir != NULL && data_dir[0] != '\0';
    load_env(config, host, path_index);
    eca_config_load_file(config, host);
    for (size_t i = 0; i < eca_setting_count; i++) {
        if (i != path_index) {
            load_env(config, host, i);
        }
    }
    note_unknown_variables(config, host);
    return config;
}

void eca_config_free(struct eca_config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < eca_setting_count; i++) {
        struct eca_setting_value empty = {0};
        void *at = eca_setting_at(&config->values, i);

        switch (eca_settings[i].kind) {
        case ECA_SETTING_TEXT:
        case ECA_SETTING_TRIMMED:
            eca_free(*(char **)at);
            break;
        case ECA_SETTING_SECRET:
        case ECA_SETTING_RAW:
            eca_secret_clear(at);
            break;
        case ECA_SETTING_PORTS:
        case ECA_SETTING_TEXTS:
            eca_setting_assign(config, i, &empty, ECA_ORIGIN_DEFAULT); /* frees the lists */
            break;
        case ECA_SETTING_BOOL:
        case ECA_SETTING_U16:
        case ECA_SETTING_INT:
        case ECA_SETTING_DURATION:
        case ECA_SETTING_CHOICE:
            break;
        }
        eca_free(config->states[i].note);
    }
    for (size_t i = 0; i < config->message_count; i++) {
        eca_free(config->messages[i].text);
    }
    eca_free(config->messages);
    eca_free(config);
}

const struct eca_config_values *eca_config_values(const struct eca_config *config)
{
    return &config->values;
}

bool eca_config_needs_region(const struct eca_config *config)
{
    return config->values.region[0] == '\0';
}

void eca_config_set_region(struct eca_config *config, struct eca_view region)
{
    struct eca_view trimmed = eca_view_trim(region);

    if (eca_config_needs_region(config) && trimmed.len > 0) {
        eca_free(config->values.region);
        config->values.region = eca_xstrndup(trimmed.at, trimmed.len);
        config->states[eca_setting_find("AWS_DEFAULT_REGION")].origin = ECA_ORIGIN_METADATA;
    }
}

void eca_config_set_cluster(struct eca_config *config, const char *cluster)
{
    char *copy = eca_xstrdup(cluster); /* may be our own member */
    eca_free(config->values.cluster);
    config->values.cluster = copy;
}

static void fatal(struct eca_config *config, const char *env, const char *text)
{
    config->fatal_count++;
    eca_config_spoil(config, eca_setting_find(env), ECA_LOG_CRIT, "%s", text);
}

static void check_region(struct eca_config *config)
{
    const char *region = config->values.region;

    if (region[0] == '\0') {
        eca_config_note(config, ECA_LOG_CRIT,
                        "no value for AWSRegion in environment, file or metadata");
        fatal(config, "AWS_DEFAULT_REGION", "Missing required fields: AWSRegion");
        return;
    }
    for (const char *at = region; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter && !(*at >= '0' && *at <= '9') && *at != '-') {
            fatal(config, "AWS_DEFAULT_REGION",
                  "Invalid AWSRegion: only letters, digits and - are allowed");
            return;
        }
    }
}

static void check_stop_timeout(struct eca_config *config)
{
    eca_auto_buf struct eca_buf text = {0};

    if (config->values.container_stop_timeout_ns < ECA_NS_PER_S) {
        eca_buf_add_str(&text, "Invalid negative DockerStopTimeout: "); /* CFG-502 */
        eca_format_duration(config->values.container_stop_timeout_ns, &text);
        fatal(config, "ECS_CONTAINER_STOP_TIMEOUT", eca_buf_str(&text));
    }
}

static void check_drivers(struct eca_config *config)
{
    const struct eca_text_list *list = &config->values.logging_drivers;
    eca_auto_buf struct eca_buf text = {0};

    for (size_t i = 0; i < list->count; i++) {
        if (eca_config_driver_version(list->at[i]) == NULL) {
            eca_buf_add_str(&text, text.len == 0 ? "Invalid logging drivers: " : ", ");
            eca_escape_controls(eca_view_str(list->at[i]), &text);
        }
    }
    if (text.len > 0) {
        fatal(config, "ECS_AVAILABLE_LOGGING_DRIVERS", eca_buf_str(&text));
    }
}

static void format_number(const struct eca_setting *setting, int64_t number, struct eca_buf *out)
{
    if (setting->kind == ECA_SETTING_DURATION) {
        eca_format_duration(number, out);
    } else {
        eca_buf_addf(out, "%lld", (long long)number);
    }
}

/* Values below their minimum are replaced by the default (CFG-504), those beside a range by the
 * bound that is nearest (STAT-L4). */
static void check_bounds(struct eca_config *config, size_t index)
{
    const struct eca_setting *setting = &eca_settings[index];
    eca_auto_buf struct eca_buf given = {0}, bound = {0}, used = {0};
    enum eca_origin origin = config->states[index].origin;
    const int64_t *number = eca_setting_get(&config->values, index);
    struct eca_setting_value nearest = {0};
    bool is_less = *number < setting->minimum;

    if (!is_less && (setting->maximum == 0 || *number <= setting->maximum)) {
        return;
    }
    nearest.number = is_less ? setting->minimum : setting->maximum;
    format_number(setting, *number, &given);
    format_number(setting, nearest.number, &bound);
    if (setting->maximum == 0) {
        eca_setting_assign_default(config, index);
    } else {
        eca_setting_assign(config, index, &nearest, origin);
    }
    format_number(setting, *number, &used);
    eca_config_spoil(config, index, ECA_LOG_WARN, "%s: %s from %s is %s of %s; %s is used",
                     setting->env, eca_buf_str(&given), eca_origin_name(origin),
                     is_less ? "less than the minimum" : "more than the maximum",
                     eca_buf_str(&bound), eca_buf_str(&used));
}

size_t eca_config_validate(struct eca_config *config)
{
    check_region(config);
    check_stop_timeout(config);
    check_drivers(config);
    for (size_t i = 0; i < eca_setting_count; i++) {
        if (eca_settings[i].has_minimum) {
            check_bounds(config, i);
        }
    }
    return config->fatal_count;
}

size_t eca_config_message_count(const struct eca_config *config)
{
    return config->message_count;
}

const struct eca_config_message *eca_config_message(const struct eca_config *config, size_t index)
{
    assert(index < config->message_count);
    return &config->messages[index];
}

void eca_config_log_messages(const struct eca_config *config, struct eca_log *log)
{
    for (size_t i = 0; i < config->message_count; i++) {
        ECA_LOG_AT(config->messages[i].level, log, "config", ECA_NO_KV, "%s",
                   config->messages[i].text);
    }
}

enum eca_origin eca_config_origin(const struct eca_config *config, const char *env_name)
{
    size_t index = eca_setting_find(env_name);

    assert(index != SIZE_MAX);
    return config->states[index].origin;
}
