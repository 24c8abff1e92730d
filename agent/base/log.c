#include "agent/base/log.h"

#include <string.h>

#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define MESSAGE_BYTES_MAX ((size_t)8 << 10) /* LOG-108 */

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR", "CRITICAL", "NONE"};

const char *eca_log_level_name(enum eca_log_level level)
{
    return level_names[level];
}

bool eca_log_level_parse(const char *name, enum eca_log_level *ret_level)
{
    static const char *const words[] = {"debug", "info", "warn", "error", "crit", "none"};

    for (size_t i = 0; name != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (eca_view_eq_nocase(eca_view_str(name), words[i])) {
            *ret_level = (enum eca_log_level)i;
            return true;
        }
    }
    return false;
}

static void add_field(struct eca_buf *line, const char *key, const char *value)
{
    struct eca_view rest = eca_view_str(value == NULL ? "" : value);

    eca_buf_addf(line, " %s=\"", key);
    for (;;) { /* quotes of the value must not end it */
        size_t quote = eca_view_find(rest, "\"", 0);

        if (quote == SIZE_MAX) {
            break;
        }
        eca_escape_controls(eca_view_sub(rest, 0, quote), line);
        eca_buf_add_str(line, "\\\"");
        rest = eca_view_sub(rest, quote + 1, rest.len);
    }
    eca_escape_controls(rest, line);
    eca_buf_add_char(line, '"');
}

void eca_log_write(struct eca_log *log, enum eca_log_level level, const char *module,
                   const char *const *fields, const char *fmt, ...)
{
    eca_auto_buf struct eca_buf message = {0}, line = {0};
    char stamp[21];
    int64_t wall_ms;
    va_list args;

    if (log == NULL || log->sink == NULL || level < log->level || level >= ECA_LOG_NONE) {
        return;
    }
    wall_ms = log->wall_ms == NULL ? 0 : log->wall_ms(log->wall_arg);
    eca_time_rfc3339(wall_ms, stamp);
    va_start(args, fmt);
    eca_buf_vaddf(&message, fmt, args);
    va_end(args);
    eca_buf_addf(&line, "%s [%s] ", stamp, level_names[level]);
    eca_escape_controls(eca_buf_view(&message), &line);
    if (module != NULL) {
        add_field(&line, "module", module);
    }
    for (size_t i = 0; fields != NULL && fields[i] != NULL; i += 2) {
        add_field(&line, fields[i], fields[i + 1]);
        if (fields[i + 1] == NULL) {
            break; /* an odd list ends here instead of running past its end */
        }
    }
    if (line.len > MESSAGE_BYTES_MAX) {
        line.len = eca_utf8_cut(eca_buf_view(&line), MESSAGE_BYTES_MAX);
        line.at[line.len] = '\0';
    }
    eca_buf_add_char(&line, '\n');
    log->counts[level]++;
    log->sink(log->sink_arg, level, wall_ms, eca_buf_view(&line));
}

bool eca_log_limit_pass(struct eca_log_limit *limit, uint64_t now_ns, uint64_t interval_ns)
{
    if (now_ns < limit->next_ns) {
        limit->dropped++;
        return false;
    }
    limit->next_ns = now_ns + interval_ns;
    limit->dropped = 0;
    return true;
}
