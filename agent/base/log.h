#ifndef ECA_BASE_LOG_H
#define ECA_BASE_LOG_H

#include "agent/base/buf.h"

/*
 * The log is an object, not a global: who logs was given it. One record is one line (LOG-104,
 * LOG-108):  2016-11-01T00:00:00Z [INFO] message module="acs client" key="value"
 * The sink gets finished lines and must not block (LOG-107). Levels: LOG-102.
 */
enum eca_log_level {
    ECA_LOG_DEBUG,
    ECA_LOG_INFO,
    ECA_LOG_WARN,
    ECA_LOG_ERROR,
    ECA_LOG_CRIT,
    ECA_LOG_NONE,
};

typedef void eca_log_sink_fn(void *arg, enum eca_log_level level, int64_t wall_ms,
                             struct eca_view line); /* line ends with '\n' */
typedef int64_t eca_log_wall_fn(void *arg);

struct eca_log {
    enum eca_log_level level; /* records below are dropped */
    eca_log_sink_fn *sink;
    void *sink_arg;
    eca_log_wall_fn *wall_ms; /* the stamp */
    void *wall_arg;
    uint64_t counts[ECA_LOG_NONE]; /* records written, by level (metrics) */
};

/*
 * A log beside another: same level, same sink, but counted apart. For the adapters: what the core
 * tells of its own records must not depend on what lies outside of it (replay has no adapters).
 * log is borrowed for the life of the result.
 */
struct eca_log eca_log_beside(struct eca_log *log);

/* Fields are pairs key, value, ended by NULL; values are quoted and escaped. log may be NULL. */
void eca_log_write(struct eca_log *log, enum eca_log_level level, const char *module,
                   const char *const *fields, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* ECA_INFO(log, "TaskEngine", ECA_KV("task", arn, "to", "RUNNING"), "task_transition"); */
#define ECA_KV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ECA_NO_KV ((const char *const *)NULL)
#define ECA_LOG_AT(at_level, log, module, kv, ...)                                                 \
    do {                                                                                           \
        if ((log) != NULL && (log)->level <= (at_level)) {                                         \
            eca_log_write((log), (at_level), (module), (kv), __VA_ARGS__);                         \
        }                                                                                          \
    } while (0)
#define ECA_DEBUG(log, module, kv, ...) ECA_LOG_AT(ECA_LOG_DEBUG, log, module, kv, __VA_ARGS__)
#define ECA_INFO(log, module, kv, ...) ECA_LOG_AT(ECA_LOG_INFO, log, module, kv, __VA_ARGS__)
#define ECA_WARN(log, module, kv, ...) ECA_LOG_AT(ECA_LOG_WARN, log, module, kv, __VA_ARGS__)
#define ECA_ERROR(log, module, kv, ...) ECA_LOG_AT(ECA_LOG_ERROR, log, module, kv, __VA_ARGS__)
#define ECA_CRIT(log, module, kv, ...) ECA_LOG_AT(ECA_LOG_CRIT, log, module, kv, __VA_ARGS__)

/* "debug" "info" "warn" "error" "crit" "none", any case, not trimmed; else false (LOG-102). */
bool eca_log_level_parse(const char *name, enum eca_log_level *ret_level);
const char *eca_log_level_name(enum eca_log_level level); /* "DEBUG" ... */

/* At most one line per interval: true when a line may be written now (FB-04.3, STATE-122). */
struct eca_log_limit {
    uint64_t next_ns;
    uint64_t dropped;
};
bool eca_log_limit_pass(struct eca_log_limit *limit, uint64_t now_ns, uint64_t interval_ns);

#endif
