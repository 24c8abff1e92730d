#include "agent/sys/host_linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/str.h"

#define MEMINFO_BYTES_MAX ((size_t)64 << 10)
#define STATUS_BYTES_MAX ((size_t)16 << 10)

static const char *env(void *impl, const char *name)
{
    (void)impl;
    return getenv(name);
}

static const char *env_at(void *impl, size_t index)
{
    size_t count = 0;

    (void)impl;
    while (count < index && environ[count] != NULL) {
        count++;
    }
    return environ[count];
}

static uint32_t cpu_count(void *impl)
{
    cpu_set_t cpus;

    (void)impl;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0) {
        return 1;
    }
    return (uint32_t)CPU_COUNT(&cpus);
}

static enum eca_code code_of(int sys)
{
    switch (sys) {
    case ENOENT:
    case ENOTDIR:
        return ECA_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ECA_E_DENIED;
    case EISDIR:
        return ECA_E_INVALID;
    default:
        return ECA_E_INTERNAL;
    }
}

static int read_file(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                     struct eca_err *err)
{
    char piece[8192];
    size_t total = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    (void)impl;
    if (fd < 0) {
        int sys = errno;

        return eca_err_set_sys(err, code_of(sys), sys, "open %s", path);
    }
    for (;;) {
        ssize_t got = read(fd, piece, sizeof(piece));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            int sys = errno;

            (void)close(fd);
            return got == 0 ? ECA_OK : eca_err_set_sys(err, code_of(sys), sys, "read %s", path);
        }
        total += (size_t)got;
        if (total > bytes_max) {
            (void)close(fd);
            return eca_err_set(err, ECA_E_LIMIT, "%s: more than %zu bytes", path, bytes_max);
        }
        eca_buf_add(out, piece, (size_t)got);
    }
}

static bool is_directory(void *impl, const char *path)
{
    struct stat info;

    (void)impl;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The next word of *rest; empty at the end. */
static struct eca_view next_word(struct eca_view *rest)
{
    size_t from = 0, to;

    while (from < rest->len && (rest->at[from] == ' ' || rest->at[from] == '\t')) {
        from++;
    }
    for (to = from; to < rest->len && rest->at[to] != ' ' && rest->at[to] != '\t'; to++) {
    }
    struct eca_view word = eca_view_sub(*rest, from, to - from);
    *rest = eca_view_sub(*rest, to, rest->len);
    return word;
}

/* Value in kB of "<name>: <number> kB"; false when there is no such line. */
static bool find_kb(struct eca_view text, const char *name, uint64_t *ret_kb)
{
    while (text.len > 0) {
        size_t end = eca_view_find(text, "\n", 0);
        struct eca_view line = eca_view_sub(text, 0, end == SIZE_MAX ? text.len : end);
        struct eca_view key = next_word(&line), number = next_word(&line), unit = next_word(&line);

        if (eca_view_eq_str(key, name) && eca_view_eq_str(unit, "kB") &&
            next_word(&line).len == 0 &&
            eca_parse_u64(number, UINT64_MAX, ret_kb, NULL) == ECA_OK) {
            return true;
        }
        text = end == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(text, end + 1, text.len);
    }
    return false;
}

int eca_meminfo_total_mib(struct eca_view text, uint64_t *ret_mib, struct eca_err *err)
{
    uint64_t kb;

    if (!find_kb(text, "MemTotal:", &kb)) {
        return eca_err_set(err, ECA_E_INVALID, "no MemTotal in /proc/meminfo");
    }
    *ret_mib = kb / 1024;
    return ECA_OK;
}

static int memory_mib(void *impl, uint64_t *ret_mib, struct eca_err *err)
{
    eca_auto_buf struct eca_buf text = {0};
    int rc = read_file(impl, "/proc/meminfo", MEMINFO_BYTES_MAX, &text, err);

    return rc < 0 ? rc : eca_meminfo_total_mib(eca_buf_view(&text), ret_mib, err);
}

static uint32_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    uint32_t count = 0;

    if (dir == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    return count;
}

static struct eca_host_usage usage(void *impl)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_host_usage now = {.descriptors = count_entries("/proc/self/fd"),
                                 .threads = count_entries("/proc/self/task")};
    uint64_t kb = 0;

    if (read_file(impl, "/proc/self/status", STATUS_BYTES_MAX, &text, NULL) == ECA_OK &&
        find_kb(eca_buf_view(&text), "VmRSS:", &kb)) {
        now.rss_bytes = kb * 1024;
    }
    now.descriptors -= now.descriptors > 0; /* the directory that was just read */
    return now;
}

struct eca_host eca_host_linux(void)
{
    static const struct eca_host_ops ops = {.env = env,
                                            .env_at = env_at,
                                            .cpu_count = cpu_count,
                                            .memory_mib = memory_mib,
                                            .read_file = read_file,
                                            .is_directory = is_directory,
                                            .usage = usage};

    return (struct eca_host){&ops, NULL};
}
