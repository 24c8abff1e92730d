#include "harness/live/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

static uint64_t count_entries(pid_t pid, const char *what)
{
    eca_auto_free char *path = eca_xasprintf("/proc/%d/%s", (int)pid, what);
    DIR *dir = opendir(path);
    uint64_t count = 0;

    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

static void read_proc(pid_t pid, const char *what, struct eca_buf *out)
{
    eca_auto_free char *path = eca_xasprintf("/proc/%d/%s", (int)pid, what);
    char bytes[4096];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && (got = read(fd, bytes, sizeof(bytes))) > 0) {
        eca_buf_add(out, bytes, (size_t)got);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* A line of /proc/PID/status: "RssAnon:   1234 kB". */
static uint64_t status_kib(pid_t pid, const char *key)
{
    eca_auto_buf struct eca_buf text = {0};
    size_t at, end;
    uint64_t kib = 0;

    read_proc(pid, "status", &text);
    at = eca_view_find(eca_buf_view(&text), key, 0);
    end = at == SIZE_MAX ? SIZE_MAX : eca_view_find(eca_buf_view(&text), " kB", at);
    if (end != SIZE_MAX) {
        at += strlen(key);
        (void)eca_parse_u64(eca_view_trim(eca_view_sub(eca_buf_view(&text), at, end - at)),
                            UINT64_MAX, &kib, NULL);
    }
    return kib;
}

/* The system's own clock, also while the run has another (harness/wire/shim.h). */
static uint64_t cpu_ms(pid_t pid)
{
    struct timespec used = {0};
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || syscall(SYS_clock_gettime, clock, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

/* File pages come and go with the page cache, so the anonymous ones are what is compared. */
void hns_process_resources(pid_t pid, struct hns_resources *ret_resources)
{
    *ret_resources = (struct hns_resources){.descriptors = count_entries(pid, "fd"),
                                            .threads = count_entries(pid, "task"),
                                            .memory_kib = status_kib(pid, "RssAnon:"),
                                            .total_kib = status_kib(pid, "VmRSS:"),
                                            .cpu_ms = cpu_ms(pid)};
}

int hns_process_limit_descriptors(pid_t pid, uint64_t limit, struct eca_err *err)
{
    struct rlimit value;
    int rc = prlimit(pid, RLIMIT_NOFILE, NULL, &value);

    value.rlim_cur = limit;
    return rc == 0 && prlimit(pid, RLIMIT_NOFILE, &value, NULL) == 0
               ? ECA_OK
               : eca_err_set_sys(err, ECA_E_INTERNAL, errno, "limit of descriptors");
}

int hns_silent_listen(uint16_t *ret_port, struct eca_err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        int sys = errno;

        if (fd >= 0) {
            (void)close(fd);
        }
        return eca_err_set_sys(err, ECA_E_INTERNAL, sys, "silent port");
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

char *hns_beside_us(const char *name)
{
    char self[PATH_MAX] = "";
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = len <= 0 ? NULL : strrchr(self, '/');

    if (slash != NULL) {
        *slash = '\0';
    }
    return eca_xasprintf("%s/%s", self, name);
}

/* ---- idle clients ---------------------------------------------------------------------------- */

int hns_idle_open(struct hns_idle_clients *clients, uint16_t port, size_t count,
                  struct eca_err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};

    for (size_t i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || clients->count == HNS_IDLE_CLIENTS_MAX ||
            (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
             errno != EINPROGRESS)) {
            if (fd >= 0) {
                (void)close(fd);
            }
            return eca_err_set_sys(err, ECA_E_LIMIT, errno, "idle client %zu", i + 1);
        }
        clients->fds[clients->count++] = fd;
    }
    return ECA_OK;
}

/* What the server says (503, to a client too many) is read away: only its end counts. */
static bool is_open(int fd)
{
    char scratch[256];
    ssize_t got;

    do {
        got = recv(fd, scratch, sizeof(scratch), 0);
    } while (got > 0);
    return got < 0 && (errno == EAGAIN || errno == ENOTCONN);
}

size_t hns_idle_still_open(struct hns_idle_clients *clients)
{
    size_t kept = 0;

    for (size_t i = 0; i < clients->count; i++) {
        if (is_open(clients->fds[i])) {
            clients->fds[kept++] = clients->fds[i];
        } else {
            (void)close(clients->fds[i]);
        }
    }
    clients->count = kept;
    return kept;
}

void hns_idle_close(struct hns_idle_clients *clients)
{
    while (clients->count > 0) {
        (void)close(clients->fds[--clients->count]);
    }
}
