#include "harness/record/replay_inside.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

static const char *host_env(void *impl, const char *name)
{
    (void)name;
    return hns_replay_keep(impl, hns_line_text(hns_replay_peek_query(impl, "env"), "value"));
}

static const char *host_env_at(void *impl, size_t index)
{
    eca_json line = hns_replay_peek_query(impl, "env.at");
    const char *name = hns_line_text(line, "name"), *value = hns_line_text(line, "value");
    eca_auto_free char *pair = NULL;

    (void)index;
    if (name == NULL) {
        return NULL;
    }
    pair = value == NULL ? eca_xstrdup(name) : eca_xasprintf("%s=%s", name, value);
    return hns_replay_keep(impl, pair);
}

static uint32_t host_cpu_count(void *impl)
{
    return (uint32_t)hns_line_number(hns_replay_peek_query(impl, "cpus"), "value");
}

static int host_memory_mib(void *impl, uint64_t *ret_mib, struct eca_err *err)
{
    eca_json line = hns_replay_peek_query(impl, "memory");

    *ret_mib = (uint64_t)hns_line_number(line, "value");
    return hns_replay_answer(line, err);
}

static int host_read_file(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                          struct eca_err *err)
{
    eca_json line = hns_replay_peek_query(impl, "file");

    (void)path;
    (void)bytes_max;
    (void)hns_line_bytes(line, "value", out);
    return hns_replay_answer(line, err);
}

static bool host_is_directory(void *impl, const char *path)
{
    (void)path;
    return hns_line_truth(hns_replay_peek_query(impl, "is-directory"), "value");
}

static struct eca_host_usage host_usage(void *impl)
{
    eca_json line = hns_replay_peek_query(impl, "usage");

    return (struct eca_host_usage){.rss_bytes = (uint64_t)hns_line_number(line, "rss"),
                                   .descriptors = (uint32_t)hns_line_number(line, "descriptors"),
                                   .threads = (uint32_t)hns_line_number(line, "threads")};
}

struct eca_host hns_replay_host(struct replay *replay)
{
    static const struct eca_host_ops ops = {.env = host_env,
                                            .env_at = host_env_at,
                                            .cpu_count = host_cpu_count,
                                            .memory_mib = host_memory_mib,
                                            .read_file = host_read_file,
                                            .is_directory = host_is_directory,
                                            .usage = host_usage};

    return (struct eca_host){&ops, replay};
}

static void entropy_fill(void *impl, void *bytes, size_t len)
{
    eca_auto_buf struct eca_buf recorded = {0};
    const char *text = hns_line_text(hns_replay_peek_query(impl, "entropy"), "value");

    memset(bytes, 0, len);
    if (text != NULL && eca_base64_decode(eca_view_str(text), &recorded, NULL) == ECA_OK) {
        memcpy(bytes, eca_buf_str(&recorded), recorded.len < len ? recorded.len : len);
    }
}

struct eca_entropy hns_replay_entropy(struct replay *replay)
{
    static const struct eca_entropy_ops ops = {entropy_fill};

    return (struct eca_entropy){&ops, replay};
}
