#ifndef ECA_CONFIG_CONFIG_INTERNAL_H
#define ECA_CONFIG_CONFIG_INTERNAL_H

#include "agent/base/json.h"
#include "agent/config/config.h"

/* Shared by the files of this module: the table of settings and the object behind config.h. */

enum eca_setting_kind {
    ECA_SETTING_TEXT,
    ECA_SETTING_TRIMMED, /* text, blanks around it removed (CFG-104) */
    ECA_SETTING_SECRET,  /* text that is never printed */
    ECA_SETTING_RAW,     /* secret text, or any JSON value in the file (CFG-310) */
    ECA_SETTING_BOOL,
    ECA_SETTING_U16,
    ECA_SETTING_INT,
    ECA_SETTING_DURATION, /* int64_t nanoseconds */
    ECA_SETTING_PORTS,
    ECA_SETTING_TEXTS,
    ECA_SETTING_CHOICE, /* int64_t index into choices */
};

struct eca_setting {
    const char *env;
    const char *env_other; /* further spelling, asked when the first is empty; NULL = none */
    const char *key;       /* of the file; NULL = environment only */
    enum eca_setting_kind kind;
    bool has_minimum;
    size_t offset;        /* of the member of eca_config_values */
    const char *fallback; /* default in the environment's syntax; NULL = zero value */
    /* With has_minimum: a smaller number is replaced by the default with a warning (CFG-504); when
     * there is a maximum too, by the bound that is nearest. Durations in nanoseconds. */
    int64_t minimum;
    int64_t maximum;            /* 0 = none */
    const char *const *choices; /* NULL-terminated */
};

extern const struct eca_setting eca_settings[];
extern const size_t eca_setting_count;
#define ECA_SETTINGS_MAX 64
const char *eca_setting_meaning(const char *env); /* NULL: nobody has said */
size_t eca_setting_find(const char *env_name);    /* SIZE_MAX: no such setting */

/* A value that was read and understood; the member of the setting's kind is set. */
struct eca_setting_value {
    char *text;
    bool flag;
    int64_t number; /* integers, durations, choices */
    struct eca_port_list ports;
    struct eca_text_list texts;
};
void eca_setting_value_clear(struct eca_setting_value *value);
#define eca_auto_setting_value __attribute__((cleanup(eca_setting_value_clear)))

struct eca_setting_state {
    enum eca_origin origin;
    bool spoiled; /* a given value was fatal, discarded or replaced (PROC-106) */
    char *note;
};

struct eca_config {
    struct eca_config_values values;
    struct eca_setting_state states[ECA_SETTINGS_MAX];
    struct eca_config_message *messages;
    size_t message_count;
    size_t fatal_count;
};

/* Read the environment's syntax (CFG-201..206). ECA_OK and *ret_set false: absent without a word.
 * ECA_E_INVALID: the sentence says why; it quotes nothing secret. */
int eca_setting_parse(const struct eca_setting *setting, struct eca_view text, bool *ret_set,
                      struct eca_setting_value *ret_value, struct eca_err *err);
/* Read a JSON value of the file (CFG-403). */
int eca_setting_parse_json(const struct eca_setting *setting, eca_json json, bool *ret_set,
                           struct eca_setting_value *ret_value, struct eca_err *err);
/* Move the value into the configuration. */
void eca_setting_assign(struct eca_config *config, size_t index, struct eca_setting_value *value,
                        enum eca_origin origin);
/* Set the built-in default. */
void eca_setting_assign_default(struct eca_config *config, size_t index);
/* The value as a person reads it; secrets as "[redacted]" (CFG-601). */
void eca_setting_format(const struct eca_config *config, size_t index, struct eca_buf *out);
void *eca_setting_at(struct eca_config_values *values, size_t index);
const void *eca_setting_get(const struct eca_config_values *values, size_t index);

void eca_config_note(struct eca_config *config, enum eca_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A given value was not used as given: remembered for the setting and as a message. */
void eca_config_spoil(struct eca_config *config, size_t index, enum eca_log_level level,
                      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define ECA_CONFIG_FILE_BYTES_MAX ((size_t)1 << 20)
/* Read and apply the JSON file (CFG-401..407). */
void eca_config_load_file(struct eca_config *config, struct eca_host host);

#endif
