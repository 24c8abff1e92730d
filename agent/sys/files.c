#include "agent/sys/files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

enum job_kind { JOB_CREATE, JOB_WRITE, JOB_FINISH, JOB_REPLACE, JOB_REMOVE, JOB_DISCARD };

struct eca_files_op {
    struct eca_list_node node;
    /* The loop's. */
    eca_files_fn *on_end;
    void *arg;
    bool finished, canceled;
    /* The thread's, from the first job to the last. */
    char *dir, *path;
    int fd; /* -1 = not open */
    EVP_MD_CTX *digest;
    struct eca_files_end end;
};

struct job {
    struct eca_list_node node;
    enum job_kind kind;
    struct eca_files_op *op;
    char *bytes;
    size_t len;
    struct eca_files_end end; /* how the operation stood after it; the loop's copy */
};

struct eca_files_disk {
    struct eca_loop *loop;
    int event_fd;
    struct eca_fd_watch *watch;
    struct eca_list ops;
    size_t backlog_bytes;
    /* Between threads, under the lock. */
    bool started, quit;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct eca_list todo, done;
};

/* ---- on the thread -------------------------------------------------------------------------- */

static void fail(struct eca_files_op *op, const char *what)
{
    if (op->end.err.code == ECA_OK) {
        (void)eca_err_set_sys(&op->end.err, ECA_E_INTERNAL, errno, "%s %s", what, op->path);
    }
}

static void close_file(struct eca_files_op *op)
{
    if (op->fd >= 0 && close(op->fd) < 0) {
        fail(op, "close"); /* a network disk tells here that it is full */
    }
    op->fd = -1;
}

/* Whatever went wrong, nothing half-done stays (UPD-124). */
static void discard(struct eca_files_op *op, bool created)
{
    close_file(op);
    if (created) {
        (void)unlink(op->path);
    }
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            errno = written == 0 ? EIO : errno;
            return false;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

static bool sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

static void do_create(struct eca_files_op *op)
{
    op->fd = open(op->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (op->fd < 0) {
        fail(op, "create");
    } else if (EVP_DigestInit_ex(op->digest, EVP_sha256(), NULL) != 1) {
        errno = ENOMEM;
        fail(op, "digest of");
        discard(op, true);
    }
}

static void do_write(struct eca_files_op *op, const struct job *job)
{
    if (op->fd < 0) {
        return; /* it has failed */
    }
    if (!write_all(op->fd, job->bytes, job->len)) {
        fail(op, "write");
        discard(op, true);
        return;
    }
    (void)EVP_DigestUpdate(op->digest, job->bytes, job->len);
    op->end.bytes += job->len;
}

static void do_finish(struct eca_files_op *op)
{
    eca_auto_buf struct eca_buf hex = {0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (op->fd < 0) {
        return;
    }
    if (fsync(op->fd) < 0) {
        fail(op, "fsync");
    }
    close_file(op);
    if (op->end.err.code == ECA_OK && !sync_dir(op->dir)) {
        fail(op, "fsync of the folder of");
    }
    if (op->end.err.code != ECA_OK) {
        discard(op, true);
        return;
    }
    (void)EVP_DigestFinal_ex(op->digest, digest, &len);
    eca_hex(digest, len, &hex);
    (void)snprintf(op->end.sha256, sizeof(op->end.sha256), "%s", eca_buf_str(&hex));
}

static void do_replace(struct eca_files_op *op, const struct job *job)
{
    eca_auto_free char *temporary = eca_xasprintf("%s.new", op->path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0) {
        fail(op, "create");
        return;
    }
    if (fchmod(fd, 0644) < 0 || !write_all(fd, job->bytes, job->len) || fsync(fd) < 0) {
        fail(op, "write");
    }
    if (close(fd) < 0) {
        fail(op, "close");
    }
    if (op->end.err.code == ECA_OK && rename(temporary, op->path) < 0) {
        fail(op, "rename to");
    }
    if (op->end.err.code != ECA_OK) {
        (void)unlink(temporary);
    } else if (!sync_dir(op->dir)) {
        fail(op, "fsync of the folder of");
    }
}

static void do_job(struct job *job)
{
    struct eca_files_op *op = job->op;

    switch (job->kind) {
    case JOB_CREATE:
        do_create(op);
        break;
    case JOB_WRITE:
        do_write(op, job);
        break;
    case JOB_FINISH:
        do_finish(op);
        break;
    case JOB_REPLACE:
        do_replace(op, job);
        break;
    case JOB_REMOVE:
        if (unlink(op->path) < 0 && errno != ENOENT) {
            fail(op, "remove");
        }
        break;
    case JOB_DISCARD:
        discard(op, op->digest != NULL);
        break;
    }
    job->end = op->end;
}

static void *thread_main(void *arg)
{
    struct eca_files_disk *disk = arg;
    const uint64_t one = 1;

    (void)pthread_mutex_lock(&disk->lock);
    for (;;) {
        struct eca_list_node *node = eca_list_pop_front(&disk->todo);

        if (node == NULL && disk->quit) {
            break;
        }
        if (node == NULL) {
            (void)pthread_cond_wait(&disk->wake, &disk->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&disk->lock);
        do_job(eca_list_entry(node, struct job, node));
        (void)pthread_mutex_lock(&disk->lock);
        eca_list_push_back(&disk->done, node);
        (void)!write(disk->event_fd, &one, sizeof(one));
    }
    (void)pthread_mutex_unlock(&disk->lock);
    return NULL;
}

/* ---- on the loop ---------------------------------------------------------------------------- */

static void op_free(struct eca_files_disk *disk, struct eca_files_op *op)
{
    eca_list_remove(&disk->ops, &op->node);
    EVP_MD_CTX_free(op->digest);
    eca_free(op->dir);
    eca_free(op->path);
    eca_free(op);
}

static void job_free(struct job *job)
{
    eca_free(job->bytes);
    eca_free(job);
}

static void add_job(struct eca_files_disk *disk, enum job_kind kind, struct eca_files_op *op,
                    struct eca_view bytes)
{
    struct job *job = eca_xalloc(sizeof(*job));

    *job = (struct job){.kind = kind, .op = op, .len = bytes.len};
    job->bytes = bytes.at == NULL ? NULL : eca_xstrndup(bytes.at, bytes.len);
    disk->backlog_bytes += bytes.len;
    eca_loop_work_begin(disk->loop);
    (void)pthread_mutex_lock(&disk->lock);
    eca_list_push_back(&disk->todo, &job->node);
    (void)pthread_cond_signal(&disk->wake);
    (void)pthread_mutex_unlock(&disk->lock);
}

/* The last job of an operation ends it, and so does the first one that failed; the operation then
 * lives until what was queued behind has passed. */
static void collect(struct eca_files_disk *disk, struct job *job)
{
    struct eca_files_op *op = job->op;
    struct eca_files_end end = job->end;
    eca_files_fn *on_end = op->on_end;
    void *arg = op->arg;
    bool on_way = job->kind == JOB_CREATE || job->kind == JOB_WRITE;
    bool tells = !op->canceled && (!on_way || end.err.code != ECA_OK);

    disk->backlog_bytes -= job->len;
    eca_loop_work_end(disk->loop);
    if (job->kind == JOB_DISCARD || (tells && !on_way)) {
        op_free(disk, op);
    } else if (tells) {
        op->canceled = true;
        add_job(disk, JOB_DISCARD, op, ECA_VIEW_NONE);
    }
    job_free(job);
    if (tells) {
        on_end(arg, &end);
    }
}

static struct job *take_done(struct eca_files_disk *disk)
{
    struct eca_list_node *node;

    (void)pthread_mutex_lock(&disk->lock);
    node = eca_list_pop_front(&disk->done);
    (void)pthread_mutex_unlock(&disk->lock);
    return node == NULL ? NULL : eca_list_entry(node, struct job, node);
}

static void on_event(void *arg, uint32_t events)
{
    struct eca_files_disk *disk = arg;
    struct job *job;
    uint64_t count;

    (void)events;
    (void)!read(disk->event_fd, &count, sizeof(count));
    while ((job = take_done(disk)) != NULL) {
        collect(disk, job);
    }
}

static int begin(struct eca_files_disk *disk, const char *dir, const char *name,
                 eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_files_op *op;

    if (!disk->started) {
        if (pthread_create(&disk->thread, NULL, thread_main, disk) != 0) {
            return eca_err_set(err, ECA_E_INTERNAL, "no thread for files");
        }
        disk->started = true;
    }
    op = eca_xalloc(sizeof(*op));
    *op = (struct eca_files_op){.on_end = on_end, .arg = arg, .fd = -1};
    op->dir = eca_xstrdup(dir);
    op->path = eca_xasprintf("%s/%s", dir, name);
    eca_list_push_back(&disk->ops, &op->node);
    *ret_op = op;
    return ECA_OK;
}

static int files_create(void *impl, const char *dir, const char *name, eca_files_fn *on_end,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    int rc = begin(impl, dir, name, on_end, arg, ret_op, err);

    if (rc == ECA_OK) {
        (*ret_op)->digest = EVP_MD_CTX_new();
        assert((*ret_op)->digest !=
               NULL); /* memory exhaustion ends the process (STYLE section 5) */
        add_job(impl, JOB_CREATE, *ret_op, ECA_VIEW_NONE);
    }
    return rc;
}

static int files_write(void *impl, struct eca_files_op *op, struct eca_view bytes,
                       struct eca_err *err)
{
    struct eca_files_disk *disk = impl;

    assert(!op->finished && !op->canceled);
    if (bytes.len > ECA_FILES_BACKLOG_BYTES_MAX - disk->backlog_bytes) {
        return eca_err_set(err, ECA_E_LIMIT, "the disk does not keep up: %zu bytes wait for it",
                           disk->backlog_bytes);
    }
    add_job(disk, JOB_WRITE, op, bytes);
    return ECA_OK;
}

static void files_finish(void *impl, struct eca_files_op *op)
{
    assert(!op->finished && !op->canceled);
    op->finished = true;
    add_job(impl, JOB_FINISH, op, ECA_VIEW_NONE);
}

static int files_replace(void *impl, const char *dir, const char *name, struct eca_view text,
                         eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op,
                         struct eca_err *err)
{
    int rc = begin(impl, dir, name, on_end, arg, ret_op, err);

    if (rc == ECA_OK) {
        add_job(impl, JOB_REPLACE, *ret_op, text);
    }
    return rc;
}

static int files_remove(void *impl, const char *dir, const char *name, eca_files_fn *on_end,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    int rc = begin(impl, dir, name, on_end, arg, ret_op, err);

    if (rc == ECA_OK) {
        add_job(impl, JOB_REMOVE, *ret_op, ECA_VIEW_NONE);
    }
    return rc;
}

static void files_cancel(void *impl, struct eca_files_op *op)
{
    assert(!op->canceled);
    op->canceled = true;
    add_job(impl, JOB_DISCARD, op, ECA_VIEW_NONE);
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_files_disk *eca_files_disk_new(struct eca_loop *loop)
{
    struct eca_files_disk *disk = eca_xalloc(sizeof(*disk));

    disk->loop = loop;
    disk->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    disk->watch = eca_loop_watch(loop, disk->event_fd, EPOLLIN, on_event, disk);
    eca_list_init(&disk->ops);
    eca_list_init(&disk->todo);
    eca_list_init(&disk->done);
    (void)pthread_mutex_init(&disk->lock, NULL);
    (void)pthread_cond_init(&disk->wake, NULL);
    return disk;
}

static void end_thread(struct eca_files_disk *disk)
{
    struct job *job;

    (void)pthread_mutex_lock(&disk->lock);
    disk->quit = true;
    (void)pthread_cond_signal(&disk->wake);
    (void)pthread_mutex_unlock(&disk->lock);
    (void)pthread_join(disk->thread, NULL);
    while ((job = take_done(disk)) != NULL) {
        eca_loop_work_end(disk->loop);
        if (job->kind == JOB_DISCARD) {
            op_free(disk, job->op);
        }
        job_free(job);
    }
}

void eca_files_disk_free(struct eca_files_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &disk->ops)
    {
        struct eca_files_op *op = eca_list_entry(node, struct eca_files_op, node);

        if (!op->canceled) {
            files_cancel(disk, op);
        }
    }
    if (disk->started) {
        end_thread(disk);
    }
    eca_loop_unwatch(disk->watch);
    (void)close(disk->event_fd);
    (void)pthread_mutex_destroy(&disk->lock);
    (void)pthread_cond_destroy(&disk->wake);
    eca_free(disk);
}

struct eca_files eca_files_disk_port(struct eca_files_disk *disk)
{
    static const struct eca_files_ops ops = {
        .create = files_create,
        .write = files_write,
        .finish = files_finish,
        .replace = files_replace,
        .remove = files_remove,
        .cancel = files_cancel,
    };

    return (struct eca_files){&ops, disk};
}
