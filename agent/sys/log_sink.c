#include "agent/sys/log_sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"

#define STAMP_BYTES 32 /* "2016-11-01-13" */

struct eca_log_writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, drained;
    /* Under the lock. */
    struct eca_buf queue; /* records: struct record, then its text */
    uint64_t dropped;
    bool quit, busy;
    char *path; /* "" = none */
    /* The thread's own. */
    int fd;
    size_t file_bytes; /* in the file of fd; ECA_LOG_FILE_BYTES_MAX: full */
    char stamp[STAMP_BYTES];
    int64_t last_wall_ms; /* of the latest record written; the thread's */
    char *open_path;
};

struct record {
    int64_t wall_ms;
    size_t len;
};

/* ---- files, on the thread ------------------------------------------------------------------- */

static void write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, at, len);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return; /* a failing sink must not stop the other one (LOG-106) */
        }
        at += done;
        len -= (size_t)done;
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_hour_stamp(const char *text)
{
    static const char shape[] = "dddd-dd-dd-dd";

    if (strlen(text) != sizeof(shape) - 1) {
        return false;
    }
    for (size_t i = 0; shape[i] != '\0'; i++) {
        if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != '-') {
            return false;
        }
    }
    return true;
}

/* Delete the oldest hour files beyond 24; other names are never touched (LOG-111). */
static void prune(const char *path)
{
    const char *slash = strrchr(path, '/');
    eca_auto_free char *dir =
        slash == NULL ? eca_xstrdup(".") : eca_xstrndup(path, (size_t)(slash - path) + 1);
    const char *base = slash == NULL ? path : slash + 1;
    size_t base_len = strlen(base), count = 0;
    char **names = NULL;
    DIR *listing = opendir(dir);

    if (listing == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (strncmp(entry->d_name, base, base_len) == 0 && entry->d_name[base_len] == '.' &&
            is_hour_stamp(entry->d_name + base_len + 1)) {
            names = eca_xrealloc_array(names, count + 1, sizeof(*names));
            names[count++] = eca_xstrdup(entry->d_name);
        }
    }
    (void)closedir(listing);
    if (count > 0) {
        qsort(names, count, sizeof(*names), compare_names);
    }
    for (size_t i = 0; i < count; i++) {
        if (count - i > ECA_LOG_FILES_KEPT) {
            eca_auto_free char *full = eca_xasprintf("%s/%s", dir, names[i]);

            (void)unlink(full);
        }
        eca_free(names[i]);
    }
    eca_free(names);
}

static void make_directory(const char *path)
{
    eca_auto_free char *copy = eca_xstrdup(path);

    for (char *at = copy; *at != '\0'; at++) {
        if (*at == '/' && at != copy) {
            *at = '\0';
            (void)mkdir(copy, 0755);
            *at = '/';
        }
    }
}

/* The file of the record's hour; -1 = none. */
static int file_for(struct eca_log_writer *writer, const char *path, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    char stamp[STAMP_BYTES];
    struct stat info;
    struct tm local;
    bool rolled;

    if (path[0] == '\0') {
        return -1;
    }
    (void)localtime_r(&seconds, &local);
    (void)strftime(stamp, sizeof(stamp), "%Y-%m-%d-%H", &local);
    if (writer->fd >= 0 && strcmp(stamp, writer->stamp) == 0 &&
        strcmp(path, writer->open_path) == 0) {
        return writer->fd;
    }
    rolled = writer->fd >= 0 && strcmp(path, writer->open_path) == 0;
    if (writer->fd >= 0) {
        (void)close(writer->fd);
    }
    if (rolled) { /* nothing is deleted at start or between rolls */
        prune(path);
    }
    eca_auto_free char *full = eca_xasprintf("%s.%s", path, stamp);
    writer->fd = open(full, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    memcpy(writer->stamp, stamp, sizeof(stamp));
    eca_free(writer->open_path);
    writer->open_path = eca_xstrdup(path);
    writer->file_bytes =
        writer->fd >= 0 && fstat(writer->fd, &info) == 0 ? (size_t)info.st_size : 0;
    return writer->fd;
}

/* A flood of records fills stdout, never the disk (FB-33.5). */
static void write_file(struct eca_log_writer *writer, int fd, struct eca_view line)
{
    char full[96], stamp[21];
    int len;

    if (writer->file_bytes >= ECA_LOG_FILE_BYTES_MAX) {
        return;
    }
    if (line.len > ECA_LOG_FILE_BYTES_MAX - writer->file_bytes) {
        writer->file_bytes = ECA_LOG_FILE_BYTES_MAX;
        eca_time_rfc3339(writer->last_wall_ms, stamp);
        len = snprintf(full, sizeof(full), "%s [WARN] The log file of this hour is full\n", stamp);
        line = eca_view_of(full, (size_t)len);
    } else {
        writer->file_bytes += line.len;
    }
    write_all(fd, line.at, line.len);
}

static void write_batch(struct eca_log_writer *writer, const struct eca_buf *batch,
                        const char *path)
{
    size_t at = 0;

    while (at < batch->len) {
        struct record record;
        int fd;

        memcpy(&record, batch->at + at, sizeof(record));
        at += sizeof(record);
        write_all(STDOUT_FILENO, batch->at + at, record.len);
        writer->last_wall_ms = record.wall_ms;
        fd = file_for(writer, path, record.wall_ms);
        if (fd >= 0) {
            write_file(writer, fd, eca_view_of(batch->at + at, record.len));
        }
        at += record.len;
    }
}

static void *thread_main(void *arg)
{
    struct eca_log_writer *writer = arg;

    (void)pthread_mutex_lock(&writer->lock);
    for (;;) {
        struct eca_buf batch;
        uint64_t dropped = writer->dropped;
        eca_auto_free char *path = eca_xstrdup(writer->path);

        if (writer->queue.len == 0) {
            writer->busy = false;
            (void)pthread_cond_broadcast(&writer->drained);
            if (writer->quit) {
                break;
            }
            (void)pthread_cond_wait(&writer->wake, &writer->lock);
            continue;
        }
        batch = writer->queue;
        writer->queue = (struct eca_buf){.bytes_max = ECA_LOG_QUEUE_BYTES_MAX};
        writer->dropped = 0;
        writer->busy = true;
        (void)pthread_mutex_unlock(&writer->lock);
        write_batch(writer, &batch, path);
        if (dropped > 0) {
            char line[96], stamp[21];
            int len;

            eca_time_rfc3339(writer->last_wall_ms, stamp);
            len = snprintf(line, sizeof(line), "%s [WARN] %llu log records were dropped\n", stamp,
                           (unsigned long long)dropped);

            write_all(STDOUT_FILENO, line, (size_t)len);
            if (writer->fd >= 0) {
                write_all(writer->fd, line, (size_t)len);
            }
        }
        eca_buf_clear(&batch);
        (void)pthread_mutex_lock(&writer->lock);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- the producer's side -------------------------------------------------------------------- */

struct eca_log_writer *eca_log_writer_new(void)
{
    struct eca_log_writer *writer = eca_xalloc(sizeof(*writer));
    pthread_condattr_t attributes;

    writer->fd = -1;
    writer->path = eca_xstrdup("");
    writer->open_path = eca_xstrdup("");
    writer->queue.bytes_max = ECA_LOG_QUEUE_BYTES_MAX;
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&writer->wake, &attributes);
    (void)pthread_cond_init(&writer->drained, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (pthread_create(&writer->thread, NULL, thread_main, writer) != 0) {
        (void)fputs("no thread for the log\n", stderr);
        abort();
    }
    return writer;
}

void eca_log_writer_free(struct eca_log_writer *writer, uint64_t limit_ms)
{
    struct timespec until;
    bool done;

    if (writer == NULL) {
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(limit_ms / 1000);
    until.tv_nsec += (long)(limit_ms % 1000) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_mutex_lock(&writer->lock);
    writer->quit = true;
    (void)pthread_cond_signal(&writer->wake);
    while (writer->queue.len > 0 || writer->busy) {
        if (pthread_cond_timedwait(&writer->drained, &writer->lock, &until) == ETIMEDOUT) {
            break;
        }
    }
    done = writer->queue.len == 0 && !writer->busy;
    (void)pthread_mutex_unlock(&writer->lock);
    if (!done) {
        return; /* stdout is blocked: the process ends with the thread inside write() */
    }
    (void)pthread_join(writer->thread, NULL);
    if (writer->fd >= 0) {
        (void)close(writer->fd);
    }
    (void)pthread_mutex_destroy(&writer->lock);
    (void)pthread_cond_destroy(&writer->wake);
    (void)pthread_cond_destroy(&writer->drained);
    eca_buf_clear(&writer->queue);
    eca_free(writer->path);
    eca_free(writer->open_path);
    eca_free(writer);
}

int eca_log_writer_set_file(struct eca_log_writer *writer, const char *path, struct eca_err *err)
{
    const char *slash;
    int rc = ECA_OK;

    if (path == NULL) {
        path = "";
    }
    make_directory(path);
    slash = strrchr(path, '/');
    if (slash != NULL && slash != path) {
        eca_auto_free char *dir = eca_xstrndup(path, (size_t)(slash - path));

        struct stat info;

        if (stat(dir, &info) < 0 || access(dir, W_OK) < 0) {
            rc = eca_err_set_sys(err, ECA_E_DENIED, errno, "%s", dir);
        } else if (!S_ISDIR(info.st_mode)) {
            rc = eca_err_set_sys(err, ECA_E_DENIED, ENOTDIR, "%s", dir);
        }
    }
    (void)pthread_mutex_lock(&writer->lock);
    eca_free(writer->path);
    writer->path = eca_xstrdup(path);
    (void)pthread_mutex_unlock(&writer->lock);
    return rc;
}

void eca_log_writer_add(struct eca_log_writer *writer, int64_t wall_ms, struct eca_view line)
{
    struct record record = {.wall_ms = wall_ms, .len = line.len};

    (void)pthread_mutex_lock(&writer->lock);
    if (writer->queue.len + sizeof(record) + line.len > ECA_LOG_QUEUE_BYTES_MAX) {
        writer->dropped++;
    } else {
        eca_buf_add(&writer->queue, &record, sizeof(record));
        eca_buf_add_view(&writer->queue, line);
        (void)pthread_cond_signal(&writer->wake);
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

void eca_log_writer_sink(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    (void)level;
    eca_log_writer_add(arg, wall_ms, line);
}
