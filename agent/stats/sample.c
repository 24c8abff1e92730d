#include "agent/stats/sample.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"

#define DEPTH_MAX 32    /* Docker's own objects are five deep */
#define TRACKED_DEPTH 4 /* keys of the longest path below, and its end */

/* The fields of STAT-301 by path. */
enum field {
    FIELD_READ,
    FIELD_CPU_TOTAL,
    FIELD_PERCPU,
    FIELD_ONLINE_CPUS,
    FIELD_MEMORY_USAGE,
    FIELD_CACHE,
    FIELD_INACTIVE_FILE,
    FIELDS,
};

static const char *const field_paths[FIELDS][TRACKED_DEPTH] = {
    [FIELD_READ] = {"read"},
    [FIELD_CPU_TOTAL] = {"cpu_stats", "cpu_usage", "total_usage"},
    [FIELD_PERCPU] = {"cpu_stats", "cpu_usage", "percpu_usage"},
    [FIELD_ONLINE_CPUS] = {"cpu_stats", "online_cpus"},
    [FIELD_MEMORY_USAGE] = {"memory_stats", "usage"},
    [FIELD_CACHE] = {"memory_stats", "stats", "cache"},
    [FIELD_INACTIVE_FILE] = {"memory_stats", "stats", "inactive_file"},
};

#define ALL_FIELDS ((1U << FIELDS) - 1)

struct scan {
    struct eca_view text;
    size_t at;
    size_t depth;                  /* of objects and arrays */
    size_t keys;                   /* of the objects around the current value */
    unsigned candidates;           /* bit set: fields whose path begins with these keys */
    struct eca_view value[FIELDS]; /* raw text of the value, last one wins */
    struct eca_err *err;
};

static int bad(struct scan *scan, const char *what)
{
    return eca_err_set(scan->err, ECA_E_INVALID, "stats object: byte %zu: %s", scan->at, what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->text.len && is_space(scan->text.at[scan->at])) {
        scan->at++;
    }
}

static bool take(struct scan *scan, char c)
{
    if (scan->at < scan->text.len && scan->text.at[scan->at] == c) {
        scan->at++;
        return true;
    }
    return false;
}

/* A string's raw text between the quotes; escapes stay as they are: no key of interest has any. */
static int scan_string(struct scan *scan, struct eca_view *ret_raw)
{
    size_t from;

    if (!take(scan, '"')) {
        return bad(scan, "want a string");
    }
    from = scan->at;
    for (size_t at = from; at < scan->text.len; at++) {
        char c = scan->text.at[at];

        if (c == '"') {
            *ret_raw = eca_view_of(scan->text.at + from, at - from);
            scan->at = at + 1;
            return ECA_OK;
        }
        if ((unsigned char)c < 0x20) {
            scan->at = at;
            return bad(scan, "control character in a string");
        }
        at += c == '\\';
    }
    scan->at = scan->text.len;
    return bad(scan, "string without end");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_number_mark(char c)
{
    return c == '-' || c == '.' || c == 'e' || c == 'E' || c == '+';
}

static int scan_scalar(struct scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    struct eca_view rest = eca_view_sub(scan->text, scan->at, scan->text.len);
    size_t digits = 0, len = 0;

    while (len < rest.len && (is_digit(rest.at[len]) || is_number_mark(rest.at[len]))) {
        digits += is_digit(rest.at[len]);
        len++;
    }
    if (digits > 0) {
        scan->at += len;
        return ECA_OK;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(words); i++) {
        if (eca_view_starts(rest, words[i])) {
            scan->at += strlen(words[i]);
            return ECA_OK;
        }
    }
    return bad(scan, "want a value");
}

/* The candidates that are left one key deeper. */
static unsigned narrow(const struct scan *scan, struct eca_view key)
{
    unsigned left = 0;

    for (size_t f = 0; scan->candidates >> f != 0; f++) {
        if ((scan->candidates >> f & 1) != 0 && field_paths[f][scan->keys] != NULL &&
            eca_view_eq_str(key, field_paths[f][scan->keys])) {
            left |= 1U << f;
        }
    }
    return left;
}

/* Which field of STAT-301 the current value is; FIELDS = none. */
static size_t field_here(const struct scan *scan)
{
    for (size_t f = 0; scan->candidates >> f != 0; f++) {
        if ((scan->candidates >> f & 1) != 0 && field_paths[f][scan->keys] == NULL) {
            return f;
        }
    }
    return FIELDS;
}

static int scan_value(struct scan *scan);

static int scan_member(struct scan *scan)
{
    struct eca_view key = ECA_VIEW_NONE;
    unsigned around;
    int rc = scan_string(scan, &key);

    if (rc < 0) {
        return rc;
    }
    skip_space(scan);
    if (!take(scan, ':')) {
        return bad(scan, "want ':'");
    }
    around = scan->candidates;
    scan->candidates = narrow(scan, key);
    scan->keys++;
    rc = scan_value(scan);
    scan->keys--;
    scan->candidates = around;
    return rc;
}

static int scan_nested(struct scan *scan, bool is_object)
{
    char close = is_object ? '}' : ']';
    unsigned around = scan->candidates;
    int rc = ECA_OK;

    if (++scan->depth > DEPTH_MAX) {
        return bad(scan, "nested too deep");
    }
    if (!is_object) {
        scan->candidates = 0; /* nothing of interest inside */
    }
    scan->at++;
    skip_space(scan);
    if (!take(scan, close)) {
        for (;;) {
            skip_space(scan);
            rc = is_object ? scan_member(scan) : scan_value(scan);
            if (rc < 0) {
                return rc;
            }
            skip_space(scan);
            if (take(scan, close)) {
                break;
            }
            if (!take(scan, ',')) {
                return bad(scan, is_object ? "want ',' or '}'" : "want ',' or ']'");
            }
        }
    }
    scan->candidates = around;
    scan->depth--;
    return rc;
}

static int scan_value(struct scan *scan)
{
    size_t field, from;
    struct eca_view raw;
    int rc;

    skip_space(scan);
    field = field_here(scan);
    from = scan->at;
    if (scan->at >= scan->text.len) {
        return bad(scan, "want a value");
    }
    switch (scan->text.at[scan->at]) {
    case '{':
        rc = scan_nested(scan, true);
        break;
    case '[':
        rc = scan_nested(scan, false);
        break;
    case '"':
        rc = scan_string(scan, &raw);
        break;
    default:
        rc = scan_scalar(scan);
        break;
    }
    if (rc == ECA_OK && field != FIELDS) {
        scan->value[field] = eca_view_sub(scan->text, from, scan->at - from);
    }
    return rc;
}

/* An unsigned counter. False: absent, null or not a plain unsigned 64-bit integer. */
static bool read_counter(struct eca_view raw, uint64_t *ret_value)
{
    return raw.len > 0 && eca_parse_u64(raw, UINT64_MAX, ret_value, NULL) == ECA_OK;
}

static bool is_absent(struct eca_view raw)
{
    return raw.len == 0 || eca_view_eq_str(raw, "null");
}

static int unusable(struct eca_err *err, const char *what)
{
    return eca_err_set(err, ECA_E_NOT_FOUND, "stats object: %s", what);
}

/* Memory without the page cache, never below 0 (STAT-304, FB-34.4). */
static int read_memory(const struct scan *scan, uint64_t *ret_bytes, struct eca_err *err)
{
    uint64_t usage = 0, cache = 0;
    enum field off = is_absent(scan->value[FIELD_CACHE]) ? FIELD_INACTIVE_FILE : FIELD_CACHE;

    if (!is_absent(scan->value[FIELD_MEMORY_USAGE]) &&
        !read_counter(scan->value[FIELD_MEMORY_USAGE], &usage)) {
        return unusable(err, "memory_stats.usage is no unsigned 64-bit integer");
    }
    if (read_counter(scan->value[off], &cache) && cache < usage) {
        usage -= cache;
    }
    *ret_bytes = usage;
    return ECA_OK;
}

static int read_cpu(const struct scan *scan, struct eca_stats_sample *sample, struct eca_err *err)
{
    struct eca_view percpu = scan->value[FIELD_PERCPU];
    struct eca_view inside;
    uint64_t online = 0;

    if (!read_counter(scan->value[FIELD_CPU_TOTAL], &sample->cpu_total_ns)) {
        return unusable(err, "cpu_stats.cpu_usage.total_usage is no unsigned 64-bit integer");
    }
    if (read_counter(scan->value[FIELD_ONLINE_CPUS], &online) && online <= UINT32_MAX) {
        sample->online_cpus = (uint32_t)online;
    }
    /* cgroup v2 daemons leave the array out and tell online_cpus instead (DKR-1002). */
    inside = percpu.len >= 2 ? eca_view_trim(eca_view_sub(percpu, 1, percpu.len - 2)) : percpu;
    if ((percpu.len < 2 || percpu.at[0] != '[' || inside.len == 0) && sample->online_cpus == 0) {
        return unusable(err, "neither percpu_usage nor online_cpus");
    }
    return ECA_OK;
}

static int read_time(struct eca_view raw, int64_t *ret_ns, struct eca_err *err)
{
    struct eca_view text;

    if (raw.len < 2 || raw.at[0] != '"') {
        return unusable(err, "read is no time");
    }
    text = eca_view_sub(raw, 1, raw.len - 2);
    if (eca_time_rfc3339_parse(text, ret_ns, NULL) < 0 || *ret_ns == 0) {
        return unusable(err, "read is no time");
    }
    return ECA_OK;
}

int eca_stats_sample_parse(struct eca_view json, struct eca_stats_sample *ret_sample,
                           struct eca_err *err)
{
    struct scan scan = {.text = json, .candidates = ALL_FIELDS, .err = err};
    struct eca_stats_sample sample = {0};
    int rc;

    if (json.len > ECA_STATS_OBJECT_BYTES_MAX) {
        return bad(&scan, "larger than 1 MiB");
    }
    skip_space(&scan);
    if (scan.at >= json.len || json.at[scan.at] != '{') {
        return bad(&scan, "want an object");
    }
    rc = scan_value(&scan);
    skip_space(&scan);
    if (rc == ECA_OK && scan.at != json.len) {
        rc = bad(&scan, "text after the object");
    }
    if (rc == ECA_OK) {
        rc = read_time(scan.value[FIELD_READ], &sample.read_ns, err);
    }
    if (rc == ECA_OK) {
        rc = read_cpu(&scan, &sample, err);
    }
    if (rc == ECA_OK) {
        rc = read_memory(&scan, &sample.memory_bytes, err);
    }
    if (rc == ECA_OK) {
        *ret_sample = sample;
    }
    return rc;
}
