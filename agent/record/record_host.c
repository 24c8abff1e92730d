#include "agent/record/record_inside.h"

#include <string.h>

#include "agent/base/mem.h"

static void put_variable(struct eca_rec_line *line, const char *key, const char *name,
                         const char *value)
{
    if (value != NULL && eca_mask_is_secret_variable(name)) {
        value = eca_mask_secret(line->recorder->mask, eca_view_str(value));
    }
    eca_line_text(&line->w, key, value);
}

static const char *host_env(void *impl, const char *name)
{
    struct eca_recorder *recorder = impl;
    const char *value = eca_host_env(recorder->outer.host, name);
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "query", "env");
    eca_line_plain(&line.w, "name", name);
    put_variable(&line, "value", name, value);
    eca_rec_close(&line);
    return value;
}

static const char *host_env_at(void *impl, size_t index)
{
    struct eca_recorder *recorder = impl;
    const char *pair = eca_host_env_at(recorder->outer.host, index);
    const char *equals = pair == NULL ? NULL : strchr(pair, '=');
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "query", "env.at");
    eca_line_u64(&line.w, "index", index);
    if (pair != NULL) {
        eca_auto_free char *name =
            equals == NULL ? eca_xstrdup(pair) : eca_xstrndup(pair, (size_t)(equals - pair));

        /* The core wants the names. Among the values are a proxy's password, and whatever else
         * somebody gave to his agent. */
        eca_line_plain(&line.w, "name", name);
        eca_line_text(&line.w, "value", equals == NULL ? NULL : "");
    }
    eca_rec_close(&line);
    return pair;
}

static uint32_t host_cpu_count(void *impl)
{
    struct eca_recorder *recorder = impl;
    uint32_t count = eca_host_cpu_count(recorder->outer.host);
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "query", "cpus");
    eca_line_u64(&line.w, "value", count);
    eca_rec_close(&line);
    return count;
}

static int host_memory_mib(void *impl, uint64_t *ret_mib, struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_err failure = {0};
    uint64_t mib = 0;
    int rc = eca_host_memory_mib(recorder->outer.host, &mib, &failure);
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "query", "memory");
    eca_line_u64(&line.w, "value", mib);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    *ret_mib = mib;
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static int host_read_file(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                          struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    eca_auto_buf struct eca_buf content = {0};
    struct eca_err failure = {0};
    int rc = eca_host_read_file(recorder->outer.host, path, bytes_max, &content, &failure);
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "query", "file");
    eca_line_text(&line.w, "path", path);
    eca_line_u64(&line.w, "max", bytes_max);
    eca_line_bytes(&line.w, "value", eca_buf_view(&content));
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    eca_buf_add(out, eca_buf_str(&content), content.len);
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static bool host_is_directory(void *impl, const char *path)
{
    struct eca_recorder *recorder = impl;
    bool is = eca_host_is_directory(recorder->outer.host, path);
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "query", "is-directory");
    eca_line_text(&line.w, "path", path);
    eca_line_bool(&line.w, "value", is);
    eca_rec_close(&line);
    return is;
}

static struct eca_host_usage host_usage(void *impl)
{
    struct eca_recorder *recorder = impl;
    struct eca_host_usage usage = eca_host_usage(recorder->outer.host);
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "query", "usage");
    eca_line_u64(&line.w, "rss", usage.rss_bytes);
    eca_line_u64(&line.w, "descriptors", usage.descriptors);
    eca_line_u64(&line.w, "threads", usage.threads);
    eca_rec_close(&line);
    return usage;
}

static void entropy_fill(void *impl, void *bytes, size_t len)
{
    struct eca_recorder *recorder = impl;
    struct eca_rec_line line;

    eca_entropy_fill(recorder->outer.entropy, bytes, len);
    eca_rec_open(&line, recorder, "query", "entropy");
    eca_line_base64(&line.w, "value", eca_view_of(bytes, len));
    eca_rec_close(&line);
}

struct eca_host eca_rec_host(struct eca_recorder *recorder)
{
    static const struct eca_host_ops ops = {.env = host_env,
                                            .env_at = host_env_at,
                                            .cpu_count = host_cpu_count,
                                            .memory_mib = host_memory_mib,
                                            .read_file = host_read_file,
                                            .is_directory = host_is_directory,
                                            .usage = host_usage};

    return (struct eca_host){&ops, recorder};
}

struct eca_entropy eca_rec_entropy(struct eca_recorder *recorder)
{
    static const struct eca_entropy_ops ops = {entropy_fill};

    return (struct eca_entropy){&ops, recorder};
}
