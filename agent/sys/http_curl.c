#include "agent/sys/http_curl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include <curl/curl.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/sys/http_call.h"

#define CACHED_CONNECTIONS_MAX 16L
#define BACKSTOP_MS 1000L

enum call_state { CALL_NEW, CALL_ACTIVE, CALL_ENDED };

struct call {
    struct eca_http_call base;
    struct eca_http_curl *curl;
    struct eca_list_node node;
    struct eca_list_node pending_node; /* while something is to be done in do_work */
    enum call_state state;
    bool canceled; /* by its owner: no callback any more, freed from the loop */
    CURL *easy;
    struct curl_slist *headers;
    struct eca_buf body;
    struct eca_http_events events;
    void *arg;
    uint64_t idle_ms, body_bytes_max, body_bytes;
    struct eca_timer connect_timer, total_timer, idle_timer;
    bool offered;           /* the request has been given to a connection */
    struct eca_err own_err; /* an end that we decided: deadline, limit */
    char curl_text[CURL_ERROR_SIZE];
    int status;
    bool head_done;
    struct eca_http_head_text head;
};

struct eca_http_curl {
    struct eca_http_client_opts opts;
    struct eca_sched *sched;
    CURLM *multi;
    struct eca_list calls;
    struct eca_list pending;
    struct eca_timer curl_timer; /* what the library asks for */
    struct eca_deferred work;    /* adds, removals, ends: never inside a library callback */
    struct eca_loop_hook hook;
};

static void do_work(void *arg);

/* Something is to be done with this call where library calls are allowed. */
static void mark_pending(struct call *call)
{
    if (!eca_list_is_linked(&call->pending_node)) {
        eca_list_push_back(&call->curl->pending, &call->pending_node);
    }
    eca_deferred_queue(&call->curl->work);
}

/* ---- answer --------------------------------------------------------------------------------- */

static void touch(struct call *call)
{
    if (call->idle_ms > 0) {
        eca_timer_start_ms(&call->idle_timer, call->idle_ms);
    }
}

static void give_up(struct call *call, enum eca_code code, const char *why)
{
    if (call->own_err.code == ECA_OK && call->state != CALL_ENDED) {
        (void)eca_err_set(&call->own_err, code, "%s", why);
        mark_pending(call);
    }
}

static void add_header_line(struct call *call, struct eca_view line)
{
    size_t colon = eca_view_find(line, ":", 0);

    if (colon != SIZE_MAX) {
        eca_http_head_add_name(&call->head, eca_view_sub(line, 0, colon));
        eca_http_head_add_value(&call->head,
                                eca_view_trim(eca_view_sub(line, colon + 1, line.len)));
    }
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    struct eca_view line = eca_view_trim(eca_view_of(bytes, size * count));
    long status = 0;

    if (call->canceled || call->own_err.code != ECA_OK) {
        return 0;
    }
    touch(call);
    if (eca_view_starts(line, "HTTP/")) { /* also after a 100 */
        eca_http_head_clear(&call->head);
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        call->status = (int)status;
    } else if (line.len > 0) {
        add_header_line(call, line);
        if (eca_http_head_is_too_long(&call->head)) {
            give_up(call, ECA_E_LIMIT, "the answer's head is too long");
            return 0;
        }
    } else if (call->status >= 200 && !call->head_done) {
        call->head_done = true;
        eca_http_head_deliver(&call->head, call->status, &call->events, call->arg);
    }
    return size * count;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    size_t len = size * count;

    if (call->canceled || call->own_err.code != ECA_OK) {
        return len == 0 ? 1 : 0;
    }
    touch(call);
    call->body_bytes += len;
    if (call->body_bytes_max > 0 && call->body_bytes > call->body_bytes_max) {
        give_up(call, ECA_E_LIMIT, "the answer is too long");
        return len == 0 ? 1 : 0;
    }
    if (call->events.on_body != NULL) {
        call->events.on_body(call->arg, eca_view_of(bytes, len));
    }
    return call->canceled ? (len == 0 ? 1 : 0) : len;
}

/*
 * The connection stands, the request comes next. When a kept connection turns out to be dead, the
 * library would send the request once more over a fresh one; but the first one may have had its
 * effect. Whether to repeat is the caller's decision, so the call ends as ambiguous.
 */
static int on_connected(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct call *call = arg;

    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    eca_timer_stop(&call->connect_timer);
    if (call->offered) {
        give_up(call, ECA_E_AMBIGUOUS, "the kept connection was closed before the answer");
        return CURL_PREREQFUNC_ABORT;
    }
    call->offered = true;
    return CURL_PREREQFUNC_OK;
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void call_free(struct call *call)
{
    eca_timer_stop(&call->connect_timer);
    eca_timer_stop(&call->total_timer);
    eca_timer_stop(&call->idle_timer);
    eca_list_remove(&call->curl->calls, &call->node);
    eca_list_remove(&call->curl->pending, &call->pending_node);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    eca_wipe(call->body.at, call->body.len);
    eca_buf_clear(&call->body);
    eca_http_head_clear(&call->head);
    eca_free(call);
}

/* The library's verdict in the port's words. */
static enum eca_code code_of(CURLcode result, bool sent)
{
    switch (result) {
    case CURLE_OK:
        return ECA_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return ECA_E_TIMEOUT;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return ECA_E_INVALID;
    default:
        return sent ? ECA_E_AMBIGUOUS : ECA_E_TRANSIENT;
    }
}

static void end_call(struct call *call, CURLcode result)
{
    struct eca_http_end end = {.status = call->status, .body_bytes = call->body_bytes};

    end.sent = call->offered;
    if (call->own_err.code != ECA_OK) {
        end.err = call->own_err;
    } else if (result != CURLE_OK) {
        (void)eca_err_set(&end.err, code_of(result, end.sent), "%s",
                          call->curl_text[0] != '\0' ? call->curl_text
                                                     : curl_easy_strerror(result));
    } else if (!call->head_done) { /* the library is content with half a head */
        (void)eca_err_set(&end.err, ECA_E_AMBIGUOUS, "the answer ends within its head");
    }
    call->state = CALL_ENDED;
    (void)curl_multi_remove_handle(call->curl->multi, call->easy);
    if (!call->canceled) {
        call->canceled = true; /* a cancel from inside on_end finds nothing to do */
        call->events.on_end(call->arg, &end);
    }
    call_free(call);
}

static void collect_done(struct eca_http_curl *curl)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
        struct call *call = NULL;
        CURLcode result = message->data.result;

        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK &&
            call != NULL) {
            end_call(call, result);
        }
    }
}

/* Everything that may not happen inside a library callback. */
static void do_work(void *arg)
{
    struct eca_http_curl *curl = arg;

    /* What is marked meanwhile waits for the next round. */
    for (size_t left = curl->pending.count; left > 0; left--) {
        struct eca_list_node *node = eca_list_pop_front(&curl->pending);
        struct call *call;

        if (node == NULL) {
            break;
        }
        call = eca_list_entry(node, struct call, pending_node);
        if (call->canceled || call->own_err.code != ECA_OK) {
            end_call(call, CURLE_ABORTED_BY_CALLBACK);
        } else if (call->state == CALL_NEW) {
            call->state = CALL_ACTIVE;
            (void)curl_multi_add_handle(curl->multi, call->easy);
        }
    }
    collect_done(curl);
}

static void on_connect_limit(void *arg)
{
    give_up(arg, ECA_E_TIMEOUT, "no connection in time");
}

static void on_total(void *arg)
{
    give_up(arg, ECA_E_TIMEOUT, "no complete answer in time");
}

static void on_idle(void *arg)
{
    give_up(arg, ECA_E_TIMEOUT, "the peer is silent");
}

/* ---- sockets and timers of the library ------------------------------------------------------ */

struct socket_watch {
    struct eca_http_curl *curl;
    struct eca_fd_watch *watch;
    curl_socket_t fd;
};

static void on_socket_event(void *arg, uint32_t events)
{
    struct socket_watch *socket = arg;
    struct eca_http_curl *curl = socket->curl;
    int mask = 0, running;

    mask |= (events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0;
    mask |= (events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
    mask |= (events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0;
    (void)curl_multi_socket_action(curl->multi, socket->fd, mask, &running);
    eca_deferred_queue(&curl->work);
}

static uint32_t epoll_events_of(int what)
{
    switch (what) {
    case CURL_POLL_IN:
        return EPOLLIN;
    case CURL_POLL_OUT:
        return EPOLLOUT;
    case CURL_POLL_INOUT:
        return EPOLLIN | EPOLLOUT;
    default:
        return 0;
    }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct eca_http_curl *curl = arg;
    struct socket_watch *socket = socket_arg;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL) { /* the last mention of this descriptor */
            eca_loop_unwatch(socket->watch);
            (void)curl_multi_assign(curl->multi, fd, NULL);
            eca_free(socket);
        }
        return 0;
    }
    if (socket == NULL) {
        socket = eca_xalloc(sizeof(*socket));
        socket->curl = curl;
        socket->fd = fd;
        socket->watch =
            eca_loop_watch(curl->opts.loop, fd, epoll_events_of(what), on_socket_event, socket);
        (void)curl_multi_assign(curl->multi, fd, socket);
    } else {
        eca_loop_rewatch(socket->watch, epoll_events_of(what));
    }
    return 0;
}

static int on_timer_wish(CURLM *multi, long timeout_ms, void *arg)
{
    struct eca_http_curl *curl = arg;

    (void)multi;
    if (timeout_ms < 0) {
        eca_timer_stop(&curl->curl_timer);
    } else {
        eca_timer_start_ms(&curl->curl_timer, (uint64_t)timeout_ms);
    }
    return 0;
}

static void on_curl_timer(void *arg)
{
    struct eca_http_curl *curl = arg;
    int running;

    (void)curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    eca_deferred_queue(&curl->work);
}

/* ---- start ---------------------------------------------------------------------------------- */

static int set_proxy(struct call *call, const struct eca_http_opts *opts, struct eca_err *err)
{
    struct eca_http_curl *curl = call->curl;
    struct eca_proxy_settings settings;
    struct eca_proxy proxy = {0};

    if (opts->proxy == ECA_HTTP_PROXY_ENVIRONMENT && curl->opts.env != NULL) {
        eca_proxy_settings_read(curl->opts.env, curl->opts.env_arg, &settings);
        if (eca_proxy_choose(&settings, eca_view_str(opts->url), &proxy, err) < 0) {
            return ECA_E_INVALID;
        }
    }
    if (!proxy.used) { /* "" keeps the library from reading the environment itself */
        (void)curl_easy_setopt(call->easy, CURLOPT_PROXY, "");
        return ECA_OK;
    }
    if (strchr(proxy.host, ':') != NULL) { /* an address of IPv6 */
        eca_auto_free char *host = eca_xasprintf("[%s]", proxy.host);

        (void)curl_easy_setopt(call->easy, CURLOPT_PROXY, host);
    } else {
        (void)curl_easy_setopt(call->easy, CURLOPT_PROXY, proxy.host);
    }
    (void)curl_easy_setopt(call->easy, CURLOPT_PROXYPORT, (long)proxy.port);
    (void)curl_easy_setopt(call->easy, CURLOPT_PROXYTYPE,
                           (long)(proxy.tls ? CURLPROXY_HTTPS : CURLPROXY_HTTP));
    (void)curl_easy_setopt(call->easy, CURLOPT_NOPROXY, "");
    if (proxy.user[0] != '\0') {
        (void)curl_easy_setopt(call->easy, CURLOPT_PROXYUSERNAME, proxy.user);
        (void)curl_easy_setopt(call->easy, CURLOPT_PROXYPASSWORD, proxy.password);
        (void)curl_easy_setopt(call->easy, CURLOPT_PROXYAUTH, CURLAUTH_BASIC);
    }
    eca_wipe(&proxy, sizeof(proxy));
    return ECA_OK;
}

static void set_tls(struct call *call, const struct eca_http_opts *opts)
{
    const struct eca_tls_trust *trust = &call->curl->opts.trust;
    CURL *easy = call->easy;
    const char *file = opts->tls_ca_file != NULL ? opts->tls_ca_file : trust->file;

    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, opts->insecure ? 0L : 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, opts->insecure ? 0L : 2L);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, file);
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, opts->tls_ca_file != NULL ? NULL : trust->dir);
    /* An https:// proxy (WS-123) is trusted as any server. */
    (void)curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, opts->insecure ? 0L : 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, opts->insecure ? 0L : 2L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, trust->file);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, trust->dir);
    if (opts->tls_cert_file != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, opts->tls_cert_file);
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, opts->tls_key_file);
    }
}

static void set_request(struct call *call, const struct eca_http_opts *opts)
{
    CURL *easy = call->easy;
    bool has_type = false;
    bool may_have_body = strcmp(opts->method, "GET") != 0 && strcmp(opts->method, "HEAD") != 0 &&
                         strcmp(opts->method, "DELETE") != 0;

    for (size_t i = 0; i < opts->header_count; i++) {
        /* "Name;" is the library's spelling of an empty value. */
        eca_auto_free char *line =
            opts->headers[i].value[0] == '\0'
                ? eca_xasprintf("%s;", opts->headers[i].name)
                : eca_xasprintf("%s: %s", opts->headers[i].name, opts->headers[i].value);

        has_type = has_type || strcasecmp(opts->headers[i].name, "content-type") == 0;
        call->headers = curl_slist_append(call->headers, line);
    }
    call->headers = curl_slist_append(call->headers, "Expect:");
    if (!has_type) {
        call->headers = curl_slist_append(call->headers, "Content-Type:");
    }
    if (opts->body.at != NULL || may_have_body) {
        eca_buf_add_view(&call->body, opts->body);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, eca_buf_str(&call->body));
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, opts->method);
    (void)curl_easy_setopt(easy, CURLOPT_NOBODY, strcmp(opts->method, "HEAD") == 0 ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    (void)curl_easy_setopt(easy, CURLOPT_URL, opts->url);
    (void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
}

static void set_common(struct call *call, const struct eca_http_opts *opts)
{
    CURL *easy = call->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A call that ends while its name is looked up leaves the thread to itself; without this the
     * library waits for it, and all of us with it. */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_text);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* API-104 */
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    /* A backstop behind our timer; 0 would be the library's own 300 s. */
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                           opts->connect_ms > 0 ? (long)opts->connect_ms + BACKSTOP_MS : 86400000L);
}

static void cancel(struct eca_http_call *base)
{
    struct call *call = eca_container_of(base, struct call, base);

    if (!call->canceled) {
        call->canceled = true;
        eca_timer_stop(&call->connect_timer);
        eca_timer_stop(&call->total_timer);
        eca_timer_stop(&call->idle_timer);
        mark_pending(call);
    }
}

int eca_http_curl_start(struct eca_http_curl *curl, const struct eca_http_opts *opts,
                        const struct eca_http_events *events, void *arg,
                        struct eca_http_call **ret_call, struct eca_err *err)
{
    struct call *call;

    if (eca_http_opts_check(opts, err) < 0) {
        return ECA_E_INVALID;
    }
    call = eca_xalloc(sizeof(*call));
    call->curl = curl;
    call->events = *events;
    call->arg = arg;
    call->idle_ms = opts->idle_ms;
    call->body_bytes_max = opts->body_bytes_max;
    call->head.read = opts->answer_headers;
    call->head.text.bytes_max = ECA_HTTP_ANSWER_HEAD_BYTES_MAX;
    call->base.cancel = cancel;
    eca_timer_init(&call->connect_timer, curl->sched, on_connect_limit, call);
    eca_timer_init(&call->total_timer, curl->sched, on_total, call);
    eca_timer_init(&call->idle_timer, curl->sched, on_idle, call);
    eca_list_push_back(&curl->calls, &call->node);
    call->easy = curl_easy_init();
    set_common(call, opts);
    set_request(call, opts);
    set_tls(call, opts);
    if (set_proxy(call, opts, err) < 0) {
        call_free(call);
        return ECA_E_INVALID;
    }
    if (opts->connect_ms > 0) {
        eca_timer_start_ms(&call->connect_timer, opts->connect_ms);
    }
    if (opts->total_ms > 0) {
        eca_timer_start_ms(&call->total_timer, opts->total_ms);
    }
    touch(call);
    mark_pending(call);
    *ret_call = &call->base;
    return ECA_OK;
}

/* ---- the object ----------------------------------------------------------------------------- */

static void collect_hook(void *arg)
{
    collect_done(arg);
}

struct eca_http_curl *eca_http_curl_new(const struct eca_http_client_opts *opts,
                                        struct eca_err *err)
{
    struct eca_http_curl *curl = eca_xalloc(sizeof(*curl));

    curl->opts = *opts;
    curl->sched = eca_loop_sched(opts->loop);
    eca_list_init(&curl->calls);
    eca_list_init(&curl->pending);
    eca_timer_init(&curl->curl_timer, curl->sched, on_curl_timer, curl);
    eca_deferred_init(&curl->work, curl->sched, do_work, curl);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (curl->multi = curl_multi_init()) == NULL) {
        (void)eca_err_set(err, ECA_E_INTERNAL, "libcurl cannot be initialised");
        eca_free(curl);
        return NULL;
    }
    (void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, CACHED_CONNECTIONS_MAX);
    curl->hook = (struct eca_loop_hook){.fn = collect_hook, .arg = curl};
    eca_loop_add_hook(opts->loop, &curl->hook);
    return curl;
}

void eca_http_curl_free(struct eca_http_curl *curl)
{
    if (curl == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &curl->calls)
    {
        struct call *call = eca_list_entry(node, struct call, node);

        (void)curl_multi_remove_handle(curl->multi, call->easy);
        call_free(call);
    }
    (void)curl_multi_cleanup(curl->multi);
    eca_timer_stop(&curl->curl_timer);
    eca_deferred_cancel(&curl->work);
    eca_loop_remove_hook(curl->opts.loop, &curl->hook);
    curl_global_cleanup();
    eca_free(curl);
}
