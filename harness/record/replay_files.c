#include "harness/record/replay_inside.h"

#include <stdio.h>

#include "agent/base/mem.h"

/* An operation of the core, ended by a later line. */
struct eca_files_op {
    struct eca_list_node node;
    uint64_t number;
    eca_files_fn *on_end;
    void *arg;
};

static int file_begin(struct replay *replay, eca_files_fn *on_end, void *arg,
                      struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_files_op *op;
    int rc = hns_replay_answer(hns_replay_peek(replay), err);

    replay->files++;
    if (rc < 0) {
        return rc;
    }
    op = eca_xalloc(sizeof(*op));
    *op = (struct eca_files_op){.number = replay->files, .on_end = on_end, .arg = arg};
    eca_list_push_back(&replay->open_files, &op->node);
    *ret_op = op;
    return ECA_OK;
}

static int files_create(void *impl, const char *dir, const char *name, eca_files_fn *on_end,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    (void)dir;
    (void)name;
    return file_begin(impl, on_end, arg, ret_op, err);
}

static int files_write(void *impl, struct eca_files_op *op, struct eca_view bytes,
                       struct eca_err *err)
{
    (void)op;
    (void)bytes;
    return hns_replay_answer(hns_replay_peek(impl), err);
}

static void files_finish(void *impl, struct eca_files_op *op)
{
    (void)impl;
    (void)op; /* its end is a line of its own */
}

static int files_replace(void *impl, const char *dir, const char *name, struct eca_view text,
                         eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op,
                         struct eca_err *err)
{
    (void)dir;
    (void)name;
    (void)text;
    return file_begin(impl, on_end, arg, ret_op, err);
}

static void files_cancel(void *impl, struct eca_files_op *op)
{
    struct replay *replay = impl;

    eca_list_remove(&replay->open_files, &op->node);
    eca_free(op);
}

struct eca_files hns_replay_files(struct replay *replay)
{
    static const struct eca_files_ops ops = {.create = files_create,
                                             .write = files_write,
                                             .finish = files_finish,
                                             .replace = files_replace,
                                             .remove = files_create,
                                             .cancel = files_cancel};

    return (struct eca_files){&ops, replay};
}

void hns_replay_files_play(struct replay *replay, eca_json line)
{
    uint64_t number = (uint64_t)hns_line_number(line, "n");
    const char *digest = hns_line_text(line, "sha256");
    struct eca_files_end end = {.bytes = (uint64_t)hns_line_number(line, "bytes")};

    hns_line_err(line, "err", &end.err);
    (void)snprintf(end.sha256, sizeof(end.sha256), "%s", digest == NULL ? "" : digest);
    ECA_LIST_FOREACH(it, &replay->open_files)
    {
        struct eca_files_op *op = eca_list_entry(it, struct eca_files_op, node);

        if (op->number == number) {
            eca_files_fn *on_end = op->on_end;
            void *arg = op->arg;

            files_cancel(replay, op);
            on_end(arg, &end);
            return;
        }
    }
    hns_replay_diverge(replay, "core:     has no such file operation open", ECA_VIEW_NONE);
}

void hns_replay_files_drop(struct replay *replay)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(&replay->open_files)) != NULL) {
        eca_free(eca_list_entry(node, struct eca_files_op, node));
    }
}
