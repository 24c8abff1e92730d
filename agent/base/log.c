#include "agent/base/log.h"

#include <string.h>

#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define TEXT_BYTES_MAX ((size_t)8 << 10) /* a message, a value: LOG-108 */

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

/* Escaped and at most TEXT_BYTES_MAX long. */
static void add_text(struct eca_buf *line, struct eca_view text)
{
    size_t from = line->len;

    eca_escape_controls(eca_view_sub(text, 0, eca_utf8_cut(text, TEXT_BYTES_MAX)), line);
    if (line->len - from > TEXT_BYTES_MAX) {
        struct eca_view added = eca_view_sub(eca_buf_view(line), from, line->len);

        line->len = from + eca_utf8_cut(added, TEXT_BYTES_MAX);
        line->at[line->len] = '\0';
    }
}

/* A quote in the value must not end it, nor a backslash hide the quote that does. */
static void add_field(struct eca_buf *line, const char *key, const char *value)
{
    eca_auto_buf struct eca_buf quoted = {0};

    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            eca_buf_add_char(&quoted, '\\');
        }
        eca_buf_add_char(&quoted, *value);
    }
    eca_buf_addf(line, " %s=\"", key);
    add_text(line, eca_buf_view(&quoted));
    eca_buf_add_char(line, '"');
}

/* LOG-105. A key without value ends the list: whoever reads on would run past its end. */
static bool add_fields(struct eca_buf *line, const char *const *fields)
{
    for (size_t i = 0; fields != NULL && fields[i] != NULL; i += 2) {
        if (fields[i + 1] == NULL) {
            eca_buf_add_str(line, " [malformed ctx omitted]");
            return false;
        }
        add_field(line, fields[i], fields[i + 1]);
    }
    return true;
}

static void forward(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    struct eca_log *log = arg;

    if (log->sink != NULL && level >= log->level) { /* that may have been changed since */
        log->sink(log->sink_arg, level, wall_ms, line);
    }
}

struct eca_log eca_log_beside(struct eca_log *log)
{
    return (struct eca_log){.level = ECA_LOG_DEBUG,
                            .sink = forward,
                            .sink_arg = log,
                            .wall_ms = log->wall_ms,
                            .wall_arg = log->wall_arg};
}

void eca_log_write(struct eca_log *log, enum eca_log_level level, const char *module,
                   const char *const *fields, const char *fmt, ...)
{
    eca_auto_buf struct eca_buf message = {0}, line = {0};
    char stamp[21];
    int64_t wall_ms;
    bool well_formed;
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
    add_text(&line, eca_buf_view(&message));
    if (module != NULL) {
        add_field(&line, "module", module);
    }
    well_formed = add_fields(&line, fields);
    eca_buf_add_char(&line, '\n');
    log->counts[level]++;
    log->sink(log->sink_arg, level, wall_ms, eca_buf_view(&line));
    if (!well_formed) {
        ECA_WARN(log, "util", ECA_NO_KV, "A log record has a key without value");
    }
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
