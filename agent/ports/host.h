#ifndef ECA_PORTS_HOST_H
#define ECA_PORTS_HOST_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/* The machine: environment, sizes, small files. All calls are synchronous and quick. */
struct eca_host_ops {
    const char *(*env)(void *impl, const char *name); /* NULL = not set; borrowed, stable */
    /* Each variable "NAME=value" in order; NULL at the end (CFG-341). */
    const char *(*env_at)(void *impl, size_t index);
    uint32_t (*cpu_count)(void *impl); /* CPUs the process may run on (API-610) */
    int (*memory_mib)(void *impl, uint64_t *ret_mib, struct eca_err *err); /* MemTotal (API-610) */
    int (*read_file)(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                     struct eca_err *err); /* NOT_FOUND, DENIED, INVALID (a directory), LIMIT */
    bool (*is_directory)(void *impl, const char *path);
    struct eca_host_usage {
        uint64_t rss_bytes;
        uint32_t descriptors;
        uint32_t threads;
    } (*usage)(void *impl);
};
struct eca_host {
    const struct eca_host_ops *ops;
    void *impl;
};

static inline const char *eca_host_env(struct eca_host host, const char *name)
{
    return host.ops->env(host.impl, name);
}
static inline const char *eca_host_env_at(struct eca_host host, size_t index)
{
    return host.ops->env_at(host.impl, index);
}
static inline uint32_t eca_host_cpu_count(struct eca_host host)
{
    return host.ops->cpu_count(host.impl);
}
static inline int eca_host_memory_mib(struct eca_host host, uint64_t *ret_mib, struct eca_err *err)
{
    return host.ops->memory_mib(host.impl, ret_mib, err);
}
static inline int eca_host_read_file(struct eca_host host, const char *path, size_t bytes_max,
                                     struct eca_buf *out, struct eca_err *err)
{
    return host.ops->read_file(host.impl, path, bytes_max, out, err);
}
static inline bool eca_host_is_directory(struct eca_host host, const char *path)
{
    return host.ops->is_directory(host.impl, path);
}
static inline struct eca_host_usage eca_host_usage(struct eca_host host)
{
    return host.ops->usage(host.impl);
}

#endif
