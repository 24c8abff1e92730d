#include "harness/wire/disk.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[PATH_MAX];
static atomic_int state_now;
static _Atomic uint32_t times_left; /* 0 with a state other than OK: for ever */

void wire_disk_folder(const char *dir)
{
    state_now = WIRE_DISK_OK;
    folder[0] = '\0';
    if (dir != NULL && strlen(dir) < sizeof(folder)) {
        memcpy(folder, dir, strlen(dir) + 1);
    }
}

void wire_disk_set(enum wire_disk_state state, uint32_t times)
{
    times_left = times;
    state_now = (int)state;
}

static bool is_inside(int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t len;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    if (len <= 0 || folder[0] == '\0') {
        return false;
    }
    path[len] = '\0';
    return strncmp(path, folder, strlen(folder)) == 0 && path[strlen(folder)] == '/';
}

/* True: this call fails, errno is set. Calls come from several threads; a countdown that two of
 * them share may end one call late. */
static bool fails(int fd, enum wire_disk_state state, int why)
{
    if (state_now != (int)state || !is_inside(fd)) {
        return false;
    }
    if (times_left > 0 && --times_left == 0) {
        state_now = WIRE_DISK_OK;
    }
    errno = why;
    return true;
}

static bool cannot_write(int fd)
{
    return fails(fd, WIRE_DISK_FULL, ENOSPC) || fails(fd, WIRE_DISK_READ_ONLY, EROFS);
}

/* The C library's names of the parameters are not ours to use. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
ssize_t write(int fd, const void *bytes, size_t len)
{
    return cannot_write(fd) ? -1 : (ssize_t)syscall(SYS_write, fd, bytes, len);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return cannot_write(fd) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, len, at);
}

int fsync(int fd)
{
    return fails(fd, WIRE_DISK_FAIL, EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(fd, WIRE_DISK_FAIL, EIO) ? -1 : (int)syscall(SYS_fdatasync, fd);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
