#include "agent/aws/backend.h"

#include "agent/aws/sigv4.h"
#include "agent/base/mem.h"
#include "agent/base/timefmt.h"

struct eca_backend {
    struct eca_backend_opts opts;
    const struct eca_backend_events *events;
    void *arg;
    struct eca_ecs_request *discovery;
    struct eca_aws_creds_wait *credentials;
    struct eca_channel_conn *conn;
    struct eca_buf url;
    bool opened;
    uint64_t opened_ns;
    struct eca_deferred fail; /* an end that was decided inside a call */
    struct eca_err err;
};

void eca_backend_build_url(const char *endpoint, struct eca_view query, struct eca_buf *url)
{
    eca_buf_add_str(url, endpoint);
    if (!eca_view_ends(eca_view_str(endpoint), "/")) {
        eca_buf_add_char(url, '/');
    }
    eca_buf_add_str(url, "ws?");
    eca_buf_add_view(url, query);
}

static void end(struct eca_backend *backend, const struct eca_channel_end *channel)
{
    struct eca_backend_end what = {
        .channel = channel,
        .opened = backend->opened,
        .err = channel != NULL ? channel->err : backend->err,
    };

    if (backend->opened) {
        what.lived_ms =
            (eca_sched_now_ns(backend->opts.sched) - backend->opened_ns) / (uint64_t)ECA_NS_PER_MS;
    }
    backend->events->on_end(backend->arg, &what);
}

static void fail_now(void *arg)
{
    end(arg, NULL);
}

static void on_open(void *arg)
{
    struct eca_backend *backend = arg;

    backend->opened = true;
    backend->opened_ns = eca_sched_now_ns(backend->opts.sched);
    eca_ecs_report_dial(backend->opts.ecs, backend->opts.backend, true);
    backend->events->on_open(backend->arg);
}

static void on_text(void *arg, struct eca_view message)
{
    struct eca_backend *backend = arg;

    backend->events->on_text(backend->arg, message);
}

static void on_written(void *arg)
{
    struct eca_backend *backend = arg;

    backend->events->on_written(backend->arg);
}

static void on_channel_end(void *arg, const struct eca_channel_end *channel)
{
    struct eca_backend *backend = arg;

    backend->conn = NULL;
    if (!backend->opened) {
        eca_ecs_report_dial(backend->opts.ecs, backend->opts.backend, false);
    }
    end(backend, channel);
}

static int dial(struct eca_backend *backend, const struct eca_aws_keys *keys, struct eca_err *err)
{
    struct eca_channel_events events = {on_open, on_text, on_channel_end,
                                        backend->events->on_written == NULL ? NULL : on_written};
    eca_auto_sigv4 struct eca_sigv4_output signature = {0};
    struct eca_http_header headers[ECA_SIGV4_HEADERS_MAX];
    struct eca_sigv4_keys view = eca_aws_keys_view(keys);
    struct eca_channel_opts opts = {
        .url = eca_buf_str(&backend->url),
        .headers = headers,
        .connect_ms = backend->opts.connect_ms,
        .write_stall_ms = backend->opts.write_stall_ms,
        .message_bytes_max = backend->opts.message_bytes_max,
        .send_queue_bytes_max = backend->opts.send_queue_bytes_max,
        .proxy = ECA_HTTP_PROXY_ENVIRONMENT,
        .insecure = backend->opts.insecure,
        .plain_http = backend->opts.plain_http,
        .party = backend->opts.backend == ECA_ECS_ACS ? "acs" : "tcs",
    };

    if (eca_sigv4_upgrade(opts.url, backend->opts.region, eca_sched_wall_ms(backend->opts.sched),
                          &view, &signature, err) < 0) {
        return eca_err_wrap(err, "sign");
    }
    opts.header_count = eca_sigv4_headers(&signature, headers);
    return eca_channel_open(backend->opts.channel, &opts, &events, backend, &backend->conn, err);
}

static void on_credentials(void *arg, const struct eca_aws_keys *keys, const struct eca_err *err)
{
    struct eca_backend *backend = arg;

    backend->credentials = NULL;
    if (err != NULL) { /* never an unsigned request (WS-114, TCS-307) */
        backend->err = *err;
        end(backend, NULL);
        return;
    }
    if (dial(backend, keys, &backend->err) < 0) {
        eca_ecs_report_dial(backend->opts.ecs, backend->opts.backend, false);
        end(backend, NULL);
    }
}

static void on_endpoint(void *arg, const char *endpoint, const struct eca_aws_failure *failure)
{
    struct eca_backend *backend = arg;
    eca_auto_buf struct eca_buf query = {0}, text = {0};

    backend->discovery = NULL;
    if (failure != NULL) {
        eca_aws_failure_text(failure, &text);
        (void)eca_err_set(&backend->err, ECA_E_TRANSIENT, "discover poll endpoint: %s",
                          eca_buf_str(&text));
        end(backend, NULL);
        return;
    }
    backend->events->write_query(backend->arg, &query);
    eca_backend_build_url(endpoint, eca_buf_view(&query), &backend->url);
    eca_aws_creds_get(backend->opts.creds, on_credentials, backend, &backend->credentials);
}

struct eca_backend *eca_backend_connect(const struct eca_backend_opts *opts,
                                        const struct eca_backend_events *events, void *arg)
{
    struct eca_backend *backend = eca_xalloc(sizeof(*backend));

    backend->opts = *opts;
    backend->events = events;
    backend->arg = arg;
    eca_deferred_init(&backend->fail, opts->sched, fail_now, backend);
    eca_ecs_discover(opts->ecs, opts->backend, opts->cluster, opts->instance_arn, on_endpoint,
                     backend, &backend->discovery);
    return backend;
}

static void drop(struct eca_backend *backend)
{
    eca_ecs_cancel(eca_take(backend->discovery));
    eca_aws_creds_cancel(eca_take(backend->credentials));
    eca_deferred_cancel(&backend->fail);
}

void eca_backend_free(struct eca_backend *backend)
{
    if (backend == NULL) {
        return;
    }
    drop(backend);
    if (backend->conn != NULL) {
        eca_channel_abort(backend->opts.channel, backend->conn);
    }
    eca_buf_clear(&backend->url);
    eca_free(backend);
}

bool eca_backend_is_open(const struct eca_backend *backend)
{
    return backend != NULL && backend->opened && backend->conn != NULL;
}

const char *eca_backend_url(const struct eca_backend *backend)
{
    return eca_buf_str(&backend->url);
}

int eca_backend_send(struct eca_backend *backend, struct eca_view text, struct eca_err *err)
{
    if (!eca_backend_is_open(backend)) {
        return eca_err_set(err, ECA_E_CONFLICT, "no connection to send to"); /* WS-151 */
    }
    return eca_channel_send(backend->opts.channel, backend->conn, text, err);
}

void eca_backend_close(struct eca_backend *backend, int code)
{
    if (backend->conn != NULL) {
        eca_channel_close(backend->opts.channel, backend->conn, code);
        return;
    }
    drop(backend);
    (void)eca_err_set(&backend->err, ECA_E_CANCELED, "closed before it stood");
    eca_deferred_queue(&backend->fail);
}
