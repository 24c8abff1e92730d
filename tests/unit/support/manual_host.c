#include "tests/unit/support/manual_host.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"

static char **env_slot(struct manual_host *host, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < host->env_count; i++) {
        if (strncmp(host->env[i], name, len) == 0 && host->env[i][len] == '=') {
            return &host->env[i];
        }
    }
    return NULL;
}

static const char *host_env(void *impl, const char *name)
{
    struct manual_host *host = impl;
    char **slot = env_slot(host, name);
    return slot == NULL ? NULL : *slot + strlen(name) + 1;
}

static const char *host_env_at(void *impl, size_t index)
{
    const struct manual_host *host = impl;
    return index < host->env_count ? host->env[index] : NULL;
}

static uint32_t host_cpu_count(void *impl)
{
    const struct manual_host *host = impl;
    return host->cpus;
}

static int host_memory_mib(void *impl, uint64_t *ret_mib, struct eca_err *err)
{
    const struct manual_host *host = impl;
    if (host->memory_mib == 0) {
        return eca_err_set(err, ECA_E_INTERNAL, "read /proc/meminfo: no MemTotal");
    }
    *ret_mib = host->memory_mib;
    return ECA_OK;
}

static struct manual_host_file *find_file(struct manual_host *host, const char *path)
{
    for (size_t i = 0; i < host->file_count; i++) {
        if (strcmp(host->files[i].path, path) == 0) {
            return &host->files[i];
        }
    }
    return NULL;
}

static int host_read_file(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                          struct eca_err *err)
{
    struct manual_host *host = impl;
    const struct manual_host_file *file = find_file(host, path);

    host->reads++;
    if (file == NULL) {
        return eca_err_set(err, ECA_E_NOT_FOUND, "read %s: no such file", path);
    }
    if (file->is_directory) {
        return eca_err_set(err, ECA_E_INVALID, "read %s: is a directory", path);
    }
    if (file->text == NULL) {
        return eca_err_set(err, file->code, "read %s: refused", path);
    }
    if (strlen(file->text) > bytes_max) {
        return eca_err_set(err, ECA_E_LIMIT, "read %s: more than %zu bytes", path, bytes_max);
    }
    eca_buf_add_str(out, file->text);
    return ECA_OK;
}

static bool host_is_directory(void *impl, const char *path)
{
    const struct manual_host_file *file = find_file(impl, path);
    return file != NULL && file->is_directory;
}

static struct eca_host_usage host_usage(void *impl)
{
    (void)impl;
    return (struct eca_host_usage){.rss_bytes = 1 << 20, .descriptors = 3, .threads = 1};
}

static const struct eca_host_ops host_ops = {
    .env = host_env,
    .env_at = host_env_at,
    .cpu_count = host_cpu_count,
    .memory_mib = host_memory_mib,
    .read_file = host_read_file,
    .is_directory = host_is_directory,
    .usage = host_usage,
};

struct eca_host manual_host_port(struct manual_host *host)
{
    return (struct eca_host){.ops = &host_ops, .impl = host};
}

void manual_host_init(struct manual_host *host)
{
    memset(host, 0, sizeof(*host));
    host->cpus = 2;
    host->memory_mib = 3768;
}

void manual_host_clear(struct manual_host *host)
{
    for (size_t i = 0; i < host->env_count; i++) {
        eca_free(host->env[i]);
    }
    for (size_t i = 0; i < host->file_count; i++) {
        eca_free(host->files[i].path);
        eca_free(host->files[i].text);
    }
    memset(host, 0, sizeof(*host));
}

void manual_host_setenv(struct manual_host *host, const char *name, const char *value)
{
    char **slot = env_slot(host, name);

    if (slot != NULL) {
        eca_free(*slot);
        *slot = host->env[--host->env_count];
    }
    if (value != NULL) {
        assert(host->env_count < MANUAL_HOST_ENTRIES_MAX);
        host->env[host->env_count++] = eca_xasprintf("%s=%s", name, value);
    }
}

static struct manual_host_file *add_file(struct manual_host *host, const char *path)
{
    struct manual_host_file *file = find_file(host, path);

    if (file == NULL) {
        assert(host->file_count < MANUAL_HOST_ENTRIES_MAX);
        file = &host->files[host->file_count++];
        file->path = eca_xstrdup(path);
    }
    eca_free(file->text);
    file->text = NULL;
    file->is_directory = false;
    return file;
}

void manual_host_file(struct manual_host *host, const char *path, const char *text)
{
    add_file(host, path)->text = eca_xstrdup(text);
}

void manual_host_file_error(struct manual_host *host, const char *path, enum eca_code code)
{
    add_file(host, path)->code = code;
}

void manual_host_directory(struct manual_host *host, const char *path)
{
    add_file(host, path)->is_directory = true;
}
