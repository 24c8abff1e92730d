#include "agent/config/cmdline.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

/* The options in alphabetical order (PROC-105); -h is -help. */
static const struct option {
    const char *name;
    bool takes_text;
    const char *usage;
} options[] = {
    {"blackhole-ec2-metadata", false, "never ask the EC2 metadata service"},
    {"h", false, "print this text"},
    {"healthcheck", false, "ask the running agent whether it is healthy; exit 0 or 1"},
    {"help", false, "print this text"},
    {"k", false, "do not verify TLS certificates"},
    {"license", false, "print the licence and exit"},
    {"loglevel", true, "log level: debug, info, warn, error, crit or none"},
    {"print-config", false, "print every setting with its origin and exit"},
    {"print-settings", false, "print which settings there are, as Markdown, and exit"},
    {"version", false, "print the version and exit"},
};

struct flags {
    bool help, healthcheck, license, print_config, print_settings, version;
};

static void fail(struct eca_cmdline *cmdline, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void fail(struct eca_cmdline *cmdline, const char *fmt, ...)
{
    eca_auto_buf struct eca_buf text = {0}, clean = {0};
    va_list args;

    va_start(args, fmt);
    eca_buf_vaddf(&text, fmt, args);
    va_end(args);
    eca_escape_controls(eca_buf_view(&text), &clean); /* a word may hold anything; one line */
    (void)snprintf(cmdline->error, sizeof(cmdline->error), "%s", eca_buf_str(&clean));
    cmdline->action = ECA_ACTION_USAGE_ERROR;
}

static const struct option *find_option(struct eca_view name)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(options); i++) {
        if (eca_view_eq_str(name, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

static void set_flag(const struct option *option, bool value, struct eca_cmdline *cmdline,
                     struct flags *flags)
{
    const struct {
        const char *name;
        bool *at;
    } places[] = {
        {"blackhole-ec2-metadata", &cmdline->blackhole_metadata},
        {"h", &flags->help},
        {"healthcheck", &flags->healthcheck},
        {"help", &flags->help},
        {"k", &cmdline->insecure},
        {"license", &flags->license},
        {"print-config", &flags->print_config},
        {"print-settings", &flags->print_settings},
        {"version", &flags->version},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(places); i++) {
        if (strcmp(places[i].name, option->name) == 0) {
            *places[i].at = value;
        }
    }
}

/* One option word; true when the next word was its value. */
static bool parse_word(const char *word, const char *next, struct eca_cmdline *cmdline,
                       struct flags *flags)
{
    struct eca_view name = eca_view_str(word + (word[1] == '-' ? 2 : 1));
    size_t equals = eca_view_find(name, "=", 0);
    const char *value = equals == SIZE_MAX ? NULL : name.at + equals + 1;
    const struct option *option;
    bool flag = true;

    name = eca_view_sub(name, 0, equals);
    option = find_option(name);
    if (option == NULL || name.len == 0) {
        fail(cmdline, "unknown option: %.64s", word);
        return false;
    }
    if (option->takes_text) {
        bool taken = value == NULL;
        if (value == NULL && next == NULL) {
            fail(cmdline, "option needs a value: -%s", option->name);
            return false;
        }
        cmdline->log_level = taken ? next : value;
        return taken;
    }
    if (value != NULL &&
        (value[0] == '\0' || eca_parse_bool(eca_view_str(value), &flag, NULL) < 0)) {
        fail(cmdline, "invalid boolean value \"%.32s\" for -%s", value, option->name);
        return false;
    }
    set_flag(option, flag, cmdline, flags);
    return false;
}

/* `state` is a word only as the very first one (PROC-103 ignores words elsewhere). */
static void parse_state(int argc, char *const *argv, struct eca_cmdline *cmdline)
{
    const char *verb = argc > 2 ? argv[2] : "";
    int words = 3;

    if (strcmp(verb, "show") == 0) {
        cmdline->action = ECA_ACTION_STATE_SHOW;
    } else if (strcmp(verb, "check") == 0) {
        cmdline->action = ECA_ACTION_STATE_CHECK;
    } else if (strcmp(verb, "export") == 0) {
        cmdline->action = ECA_ACTION_STATE_EXPORT;
        cmdline->state_file = argc > 3 ? argv[3] : NULL;
        words = 4;
    } else {
        fail(cmdline, "state: want show, check or export [FILE], have \"%.32s\"", verb);
        return;
    }
    if (argc > words) {
        fail(cmdline, "state %s: too many words", verb);
    }
}

void eca_cmdline_parse(int argc, char *const *argv, struct eca_cmdline *ret_cmdline)
{
    struct flags flags = {0};

    *ret_cmdline = (struct eca_cmdline){.action = ECA_ACTION_RUN};
    if (argc > 1 && strcmp(argv[1], "state") == 0) {
        parse_state(argc, argv, ret_cmdline);
        return;
    }
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || strcmp(word, "-") == 0 || strcmp(word, "--") == 0) {
            ret_cmdline->ignored = word[0] != '-' ? word : argv[i + 1]; /* and the rest: PROC-103 */
            break;
        }
        if (parse_word(word, i + 1 < argc ? argv[i + 1] : NULL, ret_cmdline, &flags)) {
            i++;
        }
        if (ret_cmdline->action == ECA_ACTION_USAGE_ERROR) {
            return;
        }
        if (flags.help) {
            ret_cmdline->action = ECA_ACTION_HELP;
            return;
        }
    }
    if (flags.license) { /* step 3 comes before step 7 (PROC-201) */
        ret_cmdline->action = ECA_ACTION_LICENSE;
    } else if (flags.version) {
        ret_cmdline->action = ECA_ACTION_VERSION;
    } else if (flags.print_config) {
        ret_cmdline->action = ECA_ACTION_PRINT_CONFIG;
    } else if (flags.print_settings) {
        ret_cmdline->action = ECA_ACTION_PRINT_SETTINGS;
    } else if (flags.healthcheck) {
        ret_cmdline->action = ECA_ACTION_HEALTHCHECK;
    }
}

void eca_cmdline_usage(struct eca_buf *out)
{
    eca_buf_add_str(out, "Amazon ECS Agent\n\nOptions (one or two leading dashes):\n");
    for (size_t i = 0; i < ECA_ARRAY_LEN(options); i++) {
        eca_auto_buf struct eca_buf name = {0};
        eca_buf_addf(&name, "-%s%s", options[i].name, options[i].takes_text ? " LEVEL" : "");
        eca_buf_addf(out, "  %-26s%s\n", eca_buf_str(&name), options[i].usage);
    }
    eca_buf_add_str(out, "\nState of a data directory (ECS_DATADIR):\n"
                         "  state show | state check | state export [FILE]\n");
}
