#ifndef ECA_PORTS_FILES_H
#define ECA_PORTS_FILES_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * Files that the agent leaves for others: downloads (UPD-122) and small texts that must be whole
 * whenever anybody looks (UPD-125). All work on the disk, and the digest of what is written,
 * happens off the loop, in the order of the calls.
 *
 * on_end runs exactly once, from the loop, never inside a call of the port, and the operation is
 * gone when it returns. After eca_files_cancel it does not run.
 */
#define ECA_FILES_DIGEST_BYTES 65 /* SHA-256 as lower-case hex, with NUL */
/* What waits for the disk. Downloads of the agent's image fit in whole (10 to 30 MB). */
#define ECA_FILES_BACKLOG_BYTES_MAX ((size_t)64 << 20)

struct eca_files_end {
    struct eca_err err; /* code ECA_OK: done and on disk */
    uint64_t bytes;     /* of a file created */
    char sha256[ECA_FILES_DIGEST_BYTES];
};
typedef void eca_files_fn(void *arg, const struct eca_files_end *end);

struct eca_files_op; /* opaque, owned by the port, gone after on_end or cancel */
struct eca_files_ops {
    int (*create)(void *impl, const char *dir, const char *name, eca_files_fn *on_end, void *arg,
                  struct eca_files_op **ret_op, struct eca_err *err);
    int (*write)(void *impl, struct eca_files_op *op, struct eca_view bytes, struct eca_err *err);
    void (*finish)(void *impl, struct eca_files_op *op);
    int (*replace)(void *impl, const char *dir, const char *name, struct eca_view text,
                   eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op,
                   struct eca_err *err);
    int (*remove)(void *impl, const char *dir, const char *name, eca_files_fn *on_end, void *arg,
                  struct eca_files_op **ret_op, struct eca_err *err);
    void (*cancel)(void *impl, struct eca_files_op *op);
};
struct eca_files {
    const struct eca_files_ops *ops;
    void *impl;
};

/*
 * A file, created or cut to nothing, mode 0666 minus umask; then write and finish. on_end comes
 * after finish, when the file and its name are on disk, or as soon as something failed; the file is
 * removed then.
 */
static inline int eca_files_create(struct eca_files files, const char *dir, const char *name,
                                   eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op,
                                   struct eca_err *err)
{
    return files.ops->create(files.impl, dir, name, on_end, arg, ret_op, err);
}
/* Copied. ECA_E_LIMIT: more than ECA_FILES_BACKLOG_BYTES_MAX would wait. */
static inline int eca_files_write(struct eca_files files, struct eca_files_op *op,
                                  struct eca_view bytes, struct eca_err *err)
{
    return files.ops->write(files.impl, op, bytes, err);
}
static inline void eca_files_finish(struct eca_files files, struct eca_files_op *op)
{
    files.ops->finish(files.impl, op);
}
/* Old content or new, never a mixture: a temporary file, renamed when it is on disk; mode 0644. */
static inline int eca_files_replace(struct eca_files files, const char *dir, const char *name,
                                    struct eca_view text, eca_files_fn *on_end, void *arg,
                                    struct eca_files_op **ret_op, struct eca_err *err)
{
    return files.ops->replace(files.impl, dir, name, text, on_end, arg, ret_op, err);
}
/* A file that is not there counts as removed. */
static inline int eca_files_remove(struct eca_files files, const char *dir, const char *name,
                                   eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op,
                                   struct eca_err *err)
{
    return files.ops->remove(files.impl, dir, name, on_end, arg, ret_op, err);
}
/* What was created is removed; a replacement or removal may have happened or not. */
static inline void eca_files_cancel(struct eca_files files, struct eca_files_op *op)
{
    files.ops->cancel(files.impl, op);
}

#endif
