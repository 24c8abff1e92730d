#include "harness/sim/files.h"

#include <assert.h>
#include <stdio.h>

#include "agent/aws/digest.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/timefmt.h"

#define OPERATION_DEFAULT_US 500 /* as a commit */

struct eca_files_op {
    struct sim_files *files;
    struct eca_list_node node;
    eca_files_fn *on_end;
    void *arg;
    char *dir, *path;
    bool creates, finished, lost;
    struct eca_buf content; /* of a file created */
    struct eca_digest *digest;
    struct eca_files_end end;
    struct eca_timer timer; /* its end */
};

struct sim_files {
    struct eca_sched *sched;
    struct sim_machine *machine;
    struct eca_list ops;
    bool full;
    uint64_t takes_ns;
};

static void op_free(struct eca_files_op *op)
{
    eca_timer_stop(&op->timer);
    eca_list_remove(&op->files->ops, &op->node);
    eca_digest_free(op->digest);
    eca_buf_clear(&op->content);
    eca_free(op->dir);
    eca_free(op->path);
    eca_free(op);
}

static void run_end(void *arg)
{
    struct eca_files_op *op = arg;
    struct eca_files_end end = op->end;
    eca_files_fn *on_end = op->on_end;
    void *core_arg = op->arg;

    op_free(op);
    on_end(core_arg, &end);
}

static void end_later(struct eca_files_op *op)
{
    eca_timer_start(&op->timer, op->files->takes_ns);
}

static void fail(struct eca_files_op *op, const char *what, const char *why)
{
    if (op->end.err.code == ECA_OK) {
        (void)eca_err_set(&op->end.err, ECA_E_INTERNAL, "%s %s: %s", what, op->path, why);
        end_later(op);
    }
}

static struct eca_files_op *begin(struct sim_files *files, const char *dir, const char *name,
                                  eca_files_fn *on_end, void *arg)
{
    struct eca_files_op *op = eca_xalloc(sizeof(*op));

    *op = (struct eca_files_op){.files = files, .on_end = on_end, .arg = arg};
    op->dir = eca_xstrdup(dir);
    op->path = eca_xasprintf("%s/%s", dir, name);
    eca_timer_init(&op->timer, files->sched, run_end, op);
    eca_list_push_back(&files->ops, &op->node);
    return op;
}

static bool dir_is_there(struct eca_files_op *op)
{
    bool is = eca_host_is_directory(sim_machine_host(op->files->machine), op->dir);

    if (!is) {
        fail(op, "create", "No such file or directory");
    }
    return is;
}

static void store(struct eca_files_op *op, struct eca_view text)
{
    sim_machine_file(op->files->machine, op->path, text);
}

static void discard(struct eca_files_op *op)
{
    sim_machine_unlink(op->files->machine, op->path);
}

static int files_create(void *impl, const char *dir, const char *name, eca_files_fn *on_end,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_files_op *op = begin(impl, dir, name, on_end, arg);

    (void)err;
    op->creates = true;
    op->digest = eca_digest_new(ECA_DIGEST_SHA256);
    if (dir_is_there(op)) {
        store(op, eca_buf_view(&op->content));
    }
    *ret_op = op;
    return ECA_OK;
}

static int files_write(void *impl, struct eca_files_op *op, struct eca_view bytes,
                       struct eca_err *err)
{
    struct sim_files *files = impl;

    (void)err;
    assert(op->creates && !op->finished);
    if (op->end.err.code != ECA_OK || bytes.len == 0) {
        return ECA_OK;
    }
    if (files->full) {
        discard(op);
        fail(op, "write", "No space left on device");
        return ECA_OK;
    }
    eca_buf_add_view(&op->content, bytes);
    eca_digest_add(op->digest, bytes);
    op->end.bytes += bytes.len;
    store(op, eca_buf_view(&op->content));
    return ECA_OK;
}

static void files_finish(void *impl, struct eca_files_op *op)
{
    (void)impl;
    assert(op->creates && !op->finished);
    op->finished = true;
    if (op->end.err.code == ECA_OK) {
        eca_digest_hex(op->digest, op->end.sha256);
        end_later(op);
    }
}

static int files_replace(void *impl, const char *dir, const char *name, struct eca_view text,
                         eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op,
                         struct eca_err *err)
{
    struct sim_files *files = impl;
    struct eca_files_op *op = begin(files, dir, name, on_end, arg);

    (void)err;
    if (dir_is_there(op)) {
        if (files->full) {
            fail(op, "write", "No space left on device");
        } else {
            store(op, text);
            end_later(op);
        }
    }
    *ret_op = op;
    return ECA_OK;
}

static int files_remove(void *impl, const char *dir, const char *name, eca_files_fn *on_end,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_files_op *op = begin(impl, dir, name, on_end, arg);

    (void)err;
    discard(op);
    end_later(op);
    *ret_op = op;
    return ECA_OK;
}

static void files_cancel(void *impl, struct eca_files_op *op)
{
    (void)impl;
    if (op->creates && !op->lost) {
        discard(op);
    }
    op_free(op);
}

struct sim_files *sim_files_new(struct eca_sched *sched, struct sim_machine *machine)
{
    struct sim_files *files = eca_xalloc(sizeof(*files));

    files->sched = sched;
    files->machine = machine;
    eca_list_init(&files->ops);
    sim_files_slow(files, 0);
    return files;
}

void sim_files_free(struct sim_files *files)
{
    if (files == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &files->ops)
    {
        op_free(eca_list_entry(node, struct eca_files_op, node));
    }
    eca_free(files);
}

struct eca_files sim_files_port(struct sim_files *files)
{
    static const struct eca_files_ops ops = {.create = files_create,
                                             .write = files_write,
                                             .finish = files_finish,
                                             .replace = files_replace,
                                             .remove = files_remove,
                                             .cancel = files_cancel};

    return (struct eca_files){&ops, files};
}

void sim_files_full(struct sim_files *files, bool full)
{
    files->full = full;
}

void sim_files_slow(struct sim_files *files, uint64_t takes_ms)
{
    files->takes_ns =
        takes_ms > 0 ? takes_ms * (uint64_t)ECA_NS_PER_MS : OPERATION_DEFAULT_US * UINT64_C(1000);
}

void sim_files_crash(struct sim_files *files)
{
    ECA_LIST_FOREACH(node, &files->ops)
    {
        struct eca_files_op *op = eca_list_entry(node, struct eca_files_op, node);

        eca_timer_stop(&op->timer);
        op->lost = true;
    }
}
