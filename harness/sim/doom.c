#include "harness/sim/doom.h"

#include <string.h>

/* Does this call happen? */
static bool happens(struct sim_doom *doom, const char *call, struct eca_err *err)
{
    if (!doom->doomed) {
        doom->calls++;
        if (doom->left > 0 && (doom->only == NULL || strcmp(doom->only, call) == 0)) {
            doom->doomed = --doom->left == 0;
        }
    }
    if (doom->doomed) {
        (void)eca_err_set(err, ECA_E_TRANSIENT, "the agent is dead");
    }
    return !doom->doomed;
}

/* ---- http, websockets -------------------------------------------------------------------------
 */

static int http_start(void *impl, const struct eca_http_opts *opts,
                      const struct eca_http_events *events, void *arg,
                      struct eca_http_call **ret_call, struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "http", err)
               ? eca_http_start(doom->inner.http, opts, events, arg, ret_call, err)
               : ECA_E_TRANSIENT;
}

static void http_cancel(void *impl, struct eca_http_call *call)
{
    eca_http_cancel(((struct sim_doom *)impl)->inner.http, call);
}

static int channel_open(void *impl, const struct eca_channel_opts *opts,
                        const struct eca_channel_events *events, void *arg,
                        struct eca_channel_conn **ret_conn, struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "open", err)
               ? eca_channel_open(doom->inner.channel, opts, events, arg, ret_conn, err)
               : ECA_E_TRANSIENT;
}

static int channel_send(void *impl, struct eca_channel_conn *conn, struct eca_view text,
                        struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "send", err) ? eca_channel_send(doom->inner.channel, conn, text, err)
                                      : ECA_E_TRANSIENT;
}

static void channel_close(void *impl, struct eca_channel_conn *conn, int code)
{
    struct sim_doom *doom = impl;

    if (happens(doom, "close", NULL)) {
        eca_channel_close(doom->inner.channel, conn, code);
    }
}

static void channel_abort(void *impl, struct eca_channel_conn *conn)
{
    eca_channel_abort(((struct sim_doom *)impl)->inner.channel, conn);
}

/* ---- store ------------------------------------------------------------------------------------
 */

static int store_load(void *impl, eca_record_fn *on_record, void *arg, struct eca_err *err)
{
    return eca_store_load(((struct sim_doom *)impl)->store, on_record, arg, err);
}

static int store_commit(void *impl, const struct eca_record *records, size_t count,
                        eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "commit", err)
               ? eca_store_commit(doom->store, records, count, on_done, arg, err)
               : ECA_E_TRANSIENT;
}

static int store_keep_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "commit", err) ? eca_store_keep_copy(doom->store, why, ret_path, err)
                                        : ECA_E_TRANSIENT;
}

static int store_open(void *impl, const char *dir, struct eca_store *ret_store,
                      struct eca_store_notes *ret_notes, struct eca_err *err)
{
    static const struct eca_store_ops ops = {store_load, store_commit, store_keep_copy};
    struct sim_doom *doom = impl;
    int rc = happens(doom, "commit", err)
                 ? eca_store_open(doom->inner.store, dir, &doom->store, ret_notes, err)
                 : ECA_E_TRANSIENT;

    if (rc == ECA_OK) {
        *ret_store = (struct eca_store){&ops, doom};
    }
    return rc;
}

static void store_close(void *impl, struct eca_store store)
{
    struct sim_doom *doom = impl;

    (void)store;
    eca_store_close(doom->inner.store, doom->store);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static int files_create(void *impl, const char *dir, const char *name, eca_files_fn *on_end,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "file", err)
               ? eca_files_create(doom->inner.files, dir, name, on_end, arg, ret_op, err)
               : ECA_E_TRANSIENT;
}

static int files_write(void *impl, struct eca_files_op *op, struct eca_view bytes,
                       struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "file", err) ? eca_files_write(doom->inner.files, op, bytes, err)
                                      : ECA_E_TRANSIENT;
}

static void files_finish(void *impl, struct eca_files_op *op)
{
    struct sim_doom *doom = impl;

    if (happens(doom, "file", NULL)) {
        eca_files_finish(doom->inner.files, op);
    }
}

static int files_replace(void *impl, const char *dir, const char *name, struct eca_view text,
                         eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op,
                         struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "file", err)
               ? eca_files_replace(doom->inner.files, dir, name, text, on_end, arg, ret_op, err)
               : ECA_E_TRANSIENT;
}

static int files_remove(void *impl, const char *dir, const char *name, eca_files_fn *on_end,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    struct sim_doom *doom = impl;

    return happens(doom, "file", err)
               ? eca_files_remove(doom->inner.files, dir, name, on_end, arg, ret_op, err)
               : ECA_E_TRANSIENT;
}

static void files_cancel(void *impl, struct eca_files_op *op)
{
    eca_files_cancel(((struct sim_doom *)impl)->inner.files, op);
}

struct eca_agent_ports sim_doom_ports(struct sim_doom *doom, const struct eca_agent_ports *inner)
{
    static const struct eca_http_ops http_ops = {http_start, http_cancel};
    static const struct eca_channel_ops channel_ops = {channel_open, channel_send, channel_close,
                                                       channel_abort};
    static const struct eca_store_opener_ops store_ops = {store_open, store_close};
    static const struct eca_files_ops files_ops = {files_create,  files_write,  files_finish,
                                                   files_replace, files_remove, files_cancel};
    struct eca_agent_ports ports = *inner;

    doom->inner = *inner;
    ports.http = (struct eca_http){&http_ops, doom};
    ports.channel = (struct eca_channel){&channel_ops, doom};
    ports.store = (struct eca_store_opener){&store_ops, doom};
    ports.files = (struct eca_files){&files_ops, doom};
    return ports;
}
