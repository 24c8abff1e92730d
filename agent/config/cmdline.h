#ifndef ECA_CONFIG_CMDLINE_H
#define ECA_CONFIG_CMDLINE_H

#include <stdbool.h>

#include "agent/base/buf.h"

/* The command line as a pure function of its words (PROC-101..106). */
enum eca_action {
    ECA_ACTION_RUN,
    ECA_ACTION_HELP,           /* usage on stderr, exit 5 */
    ECA_ACTION_USAGE_ERROR,    /* error line and usage on stderr, exit 5 (PROC-104) */
    ECA_ACTION_VERSION,        /* PROC-501 */
    ECA_ACTION_LICENSE,        /* PROC-504; wins over -version */
    ECA_ACTION_PRINT_CONFIG,   /* PROC-106 */
    ECA_ACTION_PRINT_SETTINGS, /* which settings there are, as Markdown */
    ECA_ACTION_HEALTHCHECK,    /* ask the running agent's introspection server, exit 0 or 1 */
    ECA_ACTION_STATE_SHOW,     /* STATE-128: `state show|check|export [FILE]` */
    ECA_ACTION_STATE_CHECK,
    ECA_ACTION_STATE_EXPORT,
};

struct eca_cmdline {
    enum eca_action action;
    bool insecure;           /* -k */
    bool blackhole_metadata; /* -blackhole-ec2-metadata */
    const char *log_level;   /* -loglevel, borrowed from argv; NULL = not given */
    const char *state_file;  /* state export FILE; NULL = stdout */
    const char *ignored;     /* the first word not looked at (PROC-103), borrowed; or NULL */
    char error[200];         /* USAGE_ERROR: one line that names the option */
};

/* argv[0] is the program. Never fails: trouble is an action. */
void eca_cmdline_parse(int argc, char *const *argv, struct eca_cmdline *ret_cmdline);
/* Heading and all options in alphabetical order (PROC-105). */
void eca_cmdline_usage(struct eca_buf *out);

#endif
