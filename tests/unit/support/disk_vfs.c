#include "tests/unit/support/disk_vfs.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent/base/mem.h"

#define NAMES_MAX 16
#define SECTOR_BYTES 512
#define VFS_NAME "disk-vfs"

enum op {
    OP_CREATE,
    OP_WRITE,
    OP_TRUNCATE,
    OP_FLUSH,
    OP_FLUSH_FAILED,
    OP_DELETE,
    OP_DELETE_FLUSHED,
    OP_ACKNOWLEDGE,
};

struct entry {
    enum op op;
    unsigned name; /* index into names */
    uint32_t number;
    int64_t at; /* offset, or the size after a truncation */
    size_t len;
    unsigned char *data;
};

static struct {
    sqlite3_vfs vfs, *below;
    char dir[128];
    pthread_mutex_t lock;
    char *names[NAMES_MAX];
    unsigned name_count;
    struct entry *entries;
    size_t count, cap;
    bool lies, failing;
    enum disk_fault fault;
    uint64_t skip, times, failed;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct file {
    sqlite3_file base;
    int name; /* -1: not kept */
    bool readonly;
    sqlite3_file below[]; /* of the layer below, as large as it wants */
};

/* ---- the sequence -----------------------------------------------------------------------------
 */

static unsigned name_index(const char *name)
{
    for (unsigned i = 0; i < disk.name_count; i++) {
        if (strcmp(disk.names[i], name) == 0) {
            return i;
        }
    }
    assert(disk.name_count < NAMES_MAX);
    disk.names[disk.name_count] = eca_xstrdup(name);
    return disk.name_count++;
}

static void add(struct entry entry, const void *data)
{
    if (disk.count == disk.cap) {
        disk.cap = disk.cap == 0 ? 256 : 2 * disk.cap;
        disk.entries = eca_xrealloc_array(disk.entries, disk.cap, sizeof(*disk.entries));
    }
    if (data != NULL) {
        entry.data = eca_xalloc(entry.len + 1);
        memcpy(entry.data, data, entry.len);
    }
    disk.entries[disk.count++] = entry;
}

static void keep(int name, enum op op, int64_t at, const void *data, size_t len)
{
    if (name < 0) {
        return;
    }
    (void)pthread_mutex_lock(&disk.lock);
    add((struct entry){.op = op, .name = (unsigned)name, .at = at, .len = len}, data);
    (void)pthread_mutex_unlock(&disk.lock);
}

/* Is it this operation's turn to fail? */
static bool fails(enum disk_fault fault)
{
    bool now = false;

    (void)pthread_mutex_lock(&disk.lock);
    if (disk.failing && disk.fault == fault) {
        if (disk.skip > 0) {
            disk.skip--;
        } else if (disk.times == 0 || disk.failed < disk.times) {
            disk.failed++;
            now = true;
        }
    }
    (void)pthread_mutex_unlock(&disk.lock);
    return now;
}

/* Copies are not of interest: the agent can do without. */
static int kept_name(const char *path)
{
    size_t len = strlen(disk.dir);
    const char *name = path == NULL || strncmp(path, disk.dir, len) != 0 ? NULL : path + len + 1;
    int index = -1;

    if (name != NULL && (strcmp(name, "agent.db") == 0 || strcmp(name, "agent.db-wal") == 0 ||
                         strcmp(name, "agent.db-journal") == 0)) {
        (void)pthread_mutex_lock(&disk.lock);
        index = (int)name_index(name);
        (void)pthread_mutex_unlock(&disk.lock);
    }
    return index;
}

/* ---- one file ---------------------------------------------------------------------------------
 */

static struct file *of(sqlite3_file *file)
{
    return (struct file *)file;
}

static int file_close(sqlite3_file *file)
{
    return of(file)->below->pMethods->xClose(of(file)->below);
}

static int file_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
    return of(file)->below->pMethods->xRead(of(file)->below, data, len, at);
}

static int file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    if (fails(DISK_FULL)) {
        return SQLITE_FULL;
    }
    if (fails(DISK_WRITE_FAILS)) {
        return SQLITE_IOERR_WRITE;
    }
    keep(of(file)->name, OP_WRITE, at, data, (size_t)len);
    return of(file)->below->pMethods->xWrite(of(file)->below, data, len, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (fails(DISK_WRITE_FAILS)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    keep(of(file)->name, OP_TRUNCATE, size, NULL, 0);
    return of(file)->below->pMethods->xTruncate(of(file)->below, size);
}

/* The real flush is left out: no power is cut here, and the tests are quick. */
static int file_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    if (fails(DISK_FLUSH_FAILS)) {
        keep(of(file)->name, OP_FLUSH_FAILED, 0, NULL, 0);
        return SQLITE_IOERR_FSYNC;
    }
    if (!disk.lies) {
        keep(of(file)->name, OP_FLUSH, 0, NULL, 0);
    }
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return of(file)->below->pMethods->xFileSize(of(file)->below, size);
}

static int file_lock(sqlite3_file *file, int lock)
{
    return of(file)->below->pMethods->xLock(of(file)->below, lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
    return of(file)->below->pMethods->xUnlock(of(file)->below, lock);
}

static int file_check_lock(sqlite3_file *file, int *reserved)
{
    return of(file)->below->pMethods->xCheckReservedLock(of(file)->below, reserved);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    return of(file)->below->pMethods->xFileControl(of(file)->below, op, arg);
}

static int file_sector(sqlite3_file *file)
{
    return of(file)->below->pMethods->xSectorSize(of(file)->below);
}

static int file_features(sqlite3_file *file)
{
    return of(file)->below->pMethods->xDeviceCharacteristics(of(file)->below);
}

static int file_shm_map(sqlite3_file *file, int page, int bytes, int extend,
                        void volatile **ret_memory)
{
    if (extend != 0 && fails(DISK_FULL)) {
        return SQLITE_IOERR_SHMSIZE;
    }
    return of(file)->below->pMethods->xShmMap(of(file)->below, page, bytes, extend, ret_memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return of(file)->below->pMethods->xShmLock(of(file)->below, offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    of(file)->below->pMethods->xShmBarrier(of(file)->below);
}

static int file_shm_unmap(sqlite3_file *file, int delete)
{
    return of(file)->below->pMethods->xShmUnmap(of(file)->below, delete);
}

/* Version 2: without the members for mapped files, whose writes could not be seen. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_features,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the directory ----------------------------------------------------------------------------
 */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct file *file = of(base);
    int name = kept_name(path);
    bool is_new = name >= 0 && access(path, F_OK) != 0;
    int rc;

    (void)vfs;
    base->pMethods = NULL;
    if (fails(DISK_OPEN_FAILS)) {
        return SQLITE_CANTOPEN;
    }
    rc = disk.below->xOpen(disk.below, path, file->below, flags, ret_flags);
    if (rc == SQLITE_OK) {
        base->pMethods = &methods;
        file->name = name;
        if (is_new) {
            keep(name, OP_CREATE, 0, NULL, 0);
        }
    }
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int flush_dir)
{
    (void)vfs;
    keep(kept_name(path), flush_dir != 0 ? OP_DELETE_FLUSHED : OP_DELETE, 0, NULL, 0);
    return disk.below->xDelete(disk.below, path, 0);
}

void disk_vfs_install(const char *dir)
{
    disk.below = sqlite3_vfs_find(NULL);
    (void)snprintf(disk.dir, sizeof(disk.dir), "%s", dir);
    disk.vfs = *disk.below;
    disk.vfs.zName = VFS_NAME;
    disk.vfs.szOsFile = (int)sizeof(struct file) + disk.below->szOsFile;
    disk.vfs.xOpen = vfs_open;
    disk.vfs.xDelete = vfs_delete;
    (void)sqlite3_vfs_register(&disk.vfs, 1);
}

void disk_vfs_forget(void)
{
    for (size_t i = 0; i < disk.count; i++) {
        eca_free(disk.entries[i].data);
    }
    eca_free(disk.entries);
    disk.entries = NULL;
    disk.count = disk.cap = 0;
}

void disk_vfs_remove(void)
{
    (void)disk_vfs_heal();
    disk_vfs_lie(false);
    (void)sqlite3_vfs_unregister(&disk.vfs);
    (void)sqlite3_vfs_register(disk.below, 1);
    disk_vfs_forget();
    while (disk.name_count > 0) {
        eca_free(disk.names[--disk.name_count]);
    }
}

size_t disk_vfs_count(void)
{
    return disk.count;
}

void disk_vfs_acknowledge(uint32_t number)
{
    (void)pthread_mutex_lock(&disk.lock);
    add((struct entry){.op = OP_ACKNOWLEDGE, .number = number}, NULL);
    (void)pthread_mutex_unlock(&disk.lock);
}

void disk_vfs_fail(enum disk_fault fault, uint64_t skip, uint64_t times)
{
    (void)pthread_mutex_lock(&disk.lock);
    disk.fault = fault;
    disk.skip = skip;
    disk.times = times;
    disk.failed = 0;
    disk.failing = true;
    (void)pthread_mutex_unlock(&disk.lock);
}

uint64_t disk_vfs_heal(void)
{
    uint64_t failed;

    (void)pthread_mutex_lock(&disk.lock);
    disk.failing = false;
    failed = disk.failed;
    (void)pthread_mutex_unlock(&disk.lock);
    return failed;
}

void disk_vfs_lie(bool on)
{
    disk.lies = on;
}

/* ---- after the power cut ----------------------------------------------------------------------
 */

struct image {
    bool exists;
    unsigned char *data;
    size_t len, cap;
    size_t *pending; /* entries since the last flush */
    size_t pending_count;
};

static void image_resize(struct image *image, size_t len)
{
    if (len > image->cap) {
        image->cap = 2 * len;
        image->data = eca_xrealloc_array(image->data, image->cap, 1);
    }
    if (len > image->len) {
        memset(image->data + image->len, 0, len - image->len);
    }
    image->len = len;
}

static void image_write(struct image *image, size_t at, const unsigned char *data, size_t len)
{
    if (len > 0) {
        image_resize(image, at + len > image->len ? at + len : image->len);
        memcpy(image->data + at, data, len);
    }
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Sectors of a write, each of which arrives or not. */
static void write_torn(struct image *image, const struct entry *entry, uint64_t *state)
{
    for (size_t done = 0; done < entry->len;) {
        size_t rest = entry->len - done;
        size_t piece = SECTOR_BYTES - ((size_t)entry->at + done) % SECTOR_BYTES;

        piece = piece < rest ? piece : rest;
        if (draw(state) % 2 == 0) {
            image_write(image, (size_t)entry->at + done, entry->data + done, piece);
        }
        done += piece;
    }
}

static void apply(struct image *image, const struct entry *entry)
{
    switch (entry->op) {
    case OP_CREATE:
        image->exists = true;
        image->len = 0;
        break;
    case OP_WRITE:
        image->exists = true;
        image_write(image, (size_t)entry->at, entry->data, entry->len);
        break;
    case OP_TRUNCATE:
        image_resize(image, (size_t)entry->at);
        break;
    case OP_DELETE:
    case OP_DELETE_FLUSHED:
        image->exists = false;
        image->len = 0;
        break;
    case OP_FLUSH:
    case OP_FLUSH_FAILED:
    case OP_ACKNOWLEDGE:
        break;
    }
}

static void apply_pending(struct image *image)
{
    for (size_t i = 0; i < image->pending_count; i++) {
        apply(image, &disk.entries[image->pending[i]]);
    }
    image->pending_count = 0;
}

static void settle(struct image *image, enum disk_cut cut, uint64_t *state)
{
    for (size_t i = 0; i < image->pending_count && cut != DISK_ALL_DROPPED; i++) {
        const struct entry *entry = &disk.entries[image->pending[i]];
        uint64_t fate = cut == DISK_ALL_WRITTEN ? 0 : draw(state) % 4;

        if (fate < 2) {
            apply(image, entry);
        } else if (fate == 2 && entry->op == OP_WRITE) {
            image->exists = true;
            write_torn(image, entry, state);
        }
    }
    image->pending_count = 0;
}

/* One entry into the image of its file. Names are made and removed in order, like on a journalling
 * file system; contents are as late as they like. */
static void take(struct image *image, size_t index)
{
    const struct entry *entry = &disk.entries[index];

    switch (entry->op) {
    case OP_FLUSH:
        apply_pending(image);
        break;
    case OP_FLUSH_FAILED: /* the kernel has forgotten that these pages were dirty */
        image->pending_count = 0;
        break;
    case OP_CREATE:
    case OP_DELETE_FLUSHED:
        image->pending_count = 0;
        apply(image, entry);
        break;
    case OP_WRITE:
    case OP_TRUNCATE:
    case OP_DELETE:
        image->pending =
            eca_xrealloc_array(image->pending, image->pending_count + 1, sizeof(*image->pending));
        image->pending[image->pending_count++] = index;
        break;
    case OP_ACKNOWLEDGE:
        break;
    }
}

static void empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    assert(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    (void)closedir(dir);
}

static void put_file(const char *into, const char *name, const struct image *image)
{
    eca_auto_free char *path = eca_xasprintf("%s/%s", into, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool whole = fd >= 0 && write(fd, image->data, image->len) == (ssize_t)image->len;

    assert(whole);
    (void)whole;
    (void)close(fd);
}

uint32_t disk_vfs_rebuild(size_t upto, enum disk_cut cut, uint64_t seed, const char *into)
{
    struct image images[NAMES_MAX] = {0};
    uint64_t state = seed;
    uint32_t acknowledged = 0;

    for (size_t i = 0; i < upto; i++) {
        if (disk.entries[i].op == OP_ACKNOWLEDGE) {
            acknowledged = disk.entries[i].number;
        } else {
            take(&images[disk.entries[i].name], i);
        }
    }
    empty_folder(into);
    for (unsigned i = 0; i < disk.name_count; i++) {
        settle(&images[i], cut, &state);
        if (images[i].exists) {
            put_file(into, disk.names[i], &images[i]);
        }
        eca_free(images[i].data);
        eca_free(images[i].pending);
    }
    return acknowledged;
}
