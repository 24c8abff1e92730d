#include "agent/record/record_inside.h"

#include <string.h>

#include "agent/base/mem.h"

struct eca_files_op {
    struct eca_recorder *recorder;
    struct eca_list_node node;
    uint64_t number;
    struct eca_files_op *inner;
    eca_files_fn *on_end;
    void *arg;
};

static void file_free(struct eca_files_op *op)
{
    eca_list_remove(&op->recorder->open_files, &op->node);
    eca_free(op);
}

static void on_file_end(void *arg, const struct eca_files_end *end)
{
    struct eca_files_op *op = arg;
    struct eca_recorder *recorder = op->recorder;
    eca_files_fn *core_fn = op->on_end;
    void *core_arg = op->arg;
    struct eca_rec_line line;

    eca_rec_enter(recorder, &line, "file.end");
    eca_line_u64(&line.w, "n", op->number);
    eca_rec_err(&line, "err", &end->err);
    eca_line_u64(&line.w, "bytes", end->bytes);
    eca_line_plain(&line.w, "sha256", end->sha256);
    eca_rec_close(&line);
    file_free(op);
    core_fn(core_arg, end);
    eca_rec_leave(recorder);
}

static struct eca_files_op *file_begin(struct eca_recorder *recorder, eca_files_fn *core_fn,
                                       void *arg)
{
    struct eca_files_op *op = eca_xalloc(sizeof(*op));

    *op = (struct eca_files_op){
        .recorder = recorder, .number = ++recorder->files, .on_end = core_fn, .arg = arg};
    eca_list_push_back(&recorder->open_files, &op->node);
    return op;
}

/* The line of an operation that was asked for, and what became of the asking. */
static int file_begun(struct eca_files_op *op, struct eca_rec_line *line, int rc,
                      const struct eca_err *failure, struct eca_files_op **ret_op,
                      struct eca_err *err)
{
    eca_rec_answer(line, rc, failure);
    eca_rec_close(line);
    if (rc < 0) {
        file_free(op);
        if (err != NULL) {
            *err = *failure;
        }
        return rc;
    }
    *ret_op = op;
    return rc;
}

static void file_line(struct eca_rec_line *line, const struct eca_files_op *op, const char *what,
                      const char *dir, const char *name)
{
    eca_rec_open(line, op->recorder, "out", what);
    eca_line_u64(&line->w, "n", op->number);
    eca_line_text(&line->w, "dir", dir);
    eca_line_text(&line->w, "name", name);
}

static int files_create(void *impl, const char *dir, const char *name, eca_files_fn *core_fn,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_files_op *op = file_begin(recorder, core_fn, arg);
    struct eca_err failure = {0};
    int rc =
        eca_files_create(recorder->outer.files, dir, name, on_file_end, op, &op->inner, &failure);
    struct eca_rec_line line;

    file_line(&line, op, "file.create", dir, name);
    return file_begun(op, &line, rc, &failure, ret_op, err);
}

static int files_write(void *impl, struct eca_files_op *op, struct eca_view bytes,
                       struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_err failure = {0};
    int rc = eca_files_write(recorder->outer.files, op->inner, bytes, &failure);
    struct eca_rec_line line;

    file_line(&line, op, "file.write", NULL, NULL);
    eca_line_u64(&line.w, "length", bytes.len);
    eca_rec_answer(&line, rc, &failure);
    eca_rec_close(&line);
    if (rc < 0 && err != NULL) {
        *err = failure;
    }
    return rc;
}

static void files_finish(void *impl, struct eca_files_op *op)
{
    struct eca_recorder *recorder = impl;
    struct eca_rec_line line;

    file_line(&line, op, "file.finish", NULL, NULL);
    eca_rec_close(&line);
    eca_files_finish(recorder->outer.files, op->inner);
}

static int files_replace(void *impl, const char *dir, const char *name, struct eca_view text,
                         eca_files_fn *core_fn, void *arg, struct eca_files_op **ret_op,
                         struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_files_op *op = file_begin(recorder, core_fn, arg);
    struct eca_err failure = {0};
    int rc = eca_files_replace(recorder->outer.files, dir, name, text, on_file_end, op, &op->inner,
                               &failure);
    struct eca_rec_line line;

    file_line(&line, op, "file.replace", dir, name);
    eca_line_bytes(&line.w, "body", text);
    return file_begun(op, &line, rc, &failure, ret_op, err);
}

static int files_remove(void *impl, const char *dir, const char *name, eca_files_fn *core_fn,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_recorder *recorder = impl;
    struct eca_files_op *op = file_begin(recorder, core_fn, arg);
    struct eca_err failure = {0};
    int rc =
        eca_files_remove(recorder->outer.files, dir, name, on_file_end, op, &op->inner, &failure);
    struct eca_rec_line line;

    file_line(&line, op, "file.remove", dir, name);
    return file_begun(op, &line, rc, &failure, ret_op, err);
}

static void files_cancel(void *impl, struct eca_files_op *op)
{
    struct eca_recorder *recorder = impl;
    struct eca_rec_line line;

    file_line(&line, op, "file.cancel", NULL, NULL);
    eca_rec_close(&line);
    eca_files_cancel(recorder->outer.files, op->inner);
    file_free(op);
}

struct eca_files eca_rec_files(struct eca_recorder *recorder)
{
    static const struct eca_files_ops ops = {.create = files_create,
                                             .write = files_write,
                                             .finish = files_finish,
                                             .replace = files_replace,
                                             .remove = files_remove,
                                             .cancel = files_cancel};

    return (struct eca_files){&ops, recorder};
}

void eca_rec_files_drop(struct eca_recorder *recorder)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&recorder->open_files)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_files_op, node));
    }
}
