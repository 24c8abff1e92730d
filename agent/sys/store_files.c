#include "agent/sys/store_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/ports/store.h"
#include "agent/sys/store_sqlite.h"

#define SAME_SECOND_MAX 100 /* copies with the same stamp; the hundredth is overwritten */

static bool is_leftover(const char *name)
{
    return strncmp(name, ECA_STATE_FILE_LEFTOVER, strlen(ECA_STATE_FILE_LEFTOVER)) == 0 ||
           strncmp(name, ECA_STORE_BACKUP_NEW, strlen(ECA_STORE_BACKUP_NEW)) == 0;
}

void eca_store_files_sweep(const char *dir)
{
    DIR *entries = opendir(dir);
    const struct dirent *entry;

    if (entries == NULL) {
        return;
    }
    while ((entry = readdir(entries)) != NULL) {
        if (is_leftover(entry->d_name)) {
            (void)unlinkat(dirfd(entries), entry->d_name, 0);
        }
    }
    (void)closedir(entries);
}

/* Time of the last write; false when the file is not there or has fewer bytes. */
static bool written(const char *dir, const char *name, off_t bytes_min, struct timespec *ret_time)
{
    eca_auto_free char *path = eca_xasprintf("%s/%s", dir, name);
    struct stat info;

    if (stat(path, &info) < 0 || info.st_size < bytes_min) {
        return false;
    }
    *ret_time = info.st_mtim;
    return true;
}

static bool is_after(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

bool eca_store_files_newer_legacy(const char *dir)
{
    struct timespec legacy, database, log;

    /* An empty log only tells when a process opened it that was killed before its first commit. */
    return written(dir, ECA_STATE_FILE, 0, &legacy) && written(dir, ECA_STORE_FILE, 0, &database) &&
           is_after(legacy, database) &&
           (!written(dir, ECA_STORE_FILE "-wal", 1, &log) || is_after(legacy, log));
}

char *eca_store_files_copy_name(const char *dir, const char *why, int64_t wall_ms)
{
    char stamp[17];
    char *path;

    eca_time_sigv4(wall_ms, stamp);
    path = eca_xasprintf("%s/" ECA_STORE_FILE ".%s-%s", dir, why, stamp);
    for (unsigned i = 2; i < SAME_SECOND_MAX && access(path, F_OK) == 0; i++) {
        eca_free(path);
        path = eca_xasprintf("%s/" ECA_STORE_FILE ".%s-%s-%u", dir, why, stamp, i);
    }
    return path;
}

void eca_store_files_private(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)close(fd);
    }
}
