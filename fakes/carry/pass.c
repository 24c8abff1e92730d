#include "fakes/carry/pass.h"

#include <string.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20) /* of one with a length, which is passed on whole */

struct fake_passes {
    struct fake_passes_opts opts;
    struct eca_list open;
};

/* One exchange on its way through. */
struct pass {
    struct eca_list_node node;
    struct fake_passes *passes;
    struct fake_exchange *exchange;
    struct eca_http_call *call;
    bool streams; /* begun; else the answer is collected, so that it keeps its length */
    int status;
    char *content_type;
    struct eca_buf body;
};

static void pass_free(struct pass *pass)
{
    eca_list_remove(&pass->passes->open, &pass->node);
    eca_free(pass->content_type);
    eca_buf_clear(&pass->body);
    eca_free(pass);
}

static void before(const struct fake_passes *passes)
{
    if (passes->opts.before != NULL) {
        passes->opts.before(passes->opts.arg);
    }
}

static void after(const struct fake_passes *passes)
{
    if (passes->opts.after != NULL) {
        passes->opts.after(passes->opts.arg);
    }
}

static bool is_hop_header(const char *name)
{
    static const char *const names[] = {"host",
                                        "connection",
                                        "proxy-connection",
                                        "content-length",
                                        "keep-alive",
                                        "expect",
                                        "transfer-encoding",
                                        "te",
                                        "upgrade",
                                        "accept-encoding",
                                        "sec-websocket-key",
                                        "sec-websocket-version",
                                        "sec-websocket-extensions"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

size_t fake_pass_headers(const struct fake_request *request, struct eca_http_header *headers)
{
    size_t count = 0;

    for (size_t i = 0; i < request->header_count && count < ECA_HTTP_HEADERS_MAX; i++) {
        if (!is_hop_header(request->headers[i].name)) {
            headers[count++] = request->headers[i];
        }
    }
    return count;
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct pass *pass = arg;
    size_t count = 1; /* its type comes by itself */

    pass->status = head->status;
    pass->content_type = eca_xstrdup(eca_http_head_get(head, "content-type"));
    for (size_t i = 0; i < head->header_count && count < FAKE_ANSWER_HEADERS_MAX; i++) {
        const char *name = head->headers[i].name;

        if (!is_hop_header(name) && strcmp(name, "content-type") != 0) {
            fake_exchange_header(pass->exchange, name, head->headers[i].value);
            count++;
        }
    }
    if (eca_http_head_get(head, "content-length") == NULL && head->status != 204 &&
        head->status != 304) {
        pass->streams = true;
        fake_exchange_begin(pass->exchange, head->status, pass->content_type);
    }
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct pass *pass = arg;

    if (pass->streams) {
        fake_exchange_write(pass->exchange, bytes);
    } else {
        eca_buf_add_view(&pass->body, bytes);
    }
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct pass *pass = arg;
    struct fake_exchange *exchange = pass->exchange;

    fake_exchange_on_gone(exchange, NULL, NULL);
    if (end->err.code != ECA_OK || pass->body.full) {
        fake_exchange_reset(exchange);
    } else if (pass->streams) {
        fake_exchange_end(exchange);
    } else {
        fake_exchange_reply(exchange, pass->status, pass->content_type, eca_buf_view(&pass->body));
    }
    pass_free(pass);
}

static void on_gone(void *arg)
{
    struct pass *pass = arg;
    struct fake_passes *passes = pass->passes;

    before(passes);
    eca_http_cancel(passes->opts.http, pass->call);
    pass_free(pass);
    after(passes);
}

void fake_pass(struct fake_passes *passes, struct fake_exchange *exchange,
               const struct fake_pass_to *to)
{
    static const struct eca_http_events events = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    const struct fake_request *request = fake_exchange_request(exchange);
    struct eca_http_header headers[ECA_HTTP_HEADERS_MAX];
    struct pass *pass = eca_xalloc(sizeof(*pass));
    struct eca_err err = {0};
    struct eca_http_opts opts = {
        .method = request->method,
        .url = to->url,
        .unix_socket = to->unix_socket,
        .headers = headers,
        .header_count = fake_pass_headers(request, headers),
        .body = request->body,
        .connect_ms = to->connect_ms,
        .endless = true, /* the client's patience counts, not ours */
        .proxy = to->proxy,
        .party = to->party,
    };
    int rc;

    if (request->body.len == 0) {
        opts.body = strcmp(request->method, "POST") == 0 ? eca_view_of("", 0) : ECA_VIEW_NONE;
    }
    *pass = (struct pass){
        .passes = passes, .exchange = exchange, .body = {.bytes_max = ANSWER_BYTES_MAX}};
    eca_list_push_back(&passes->open, &pass->node);
    before(passes);
    rc = eca_http_start(passes->opts.http, &opts, &events, pass, &pass->call, &err);
    after(passes);
    if (rc < 0) {
        pass_free(pass);
        fake_exchange_reply(exchange, 502, "text/plain", eca_view_str(err.msg));
        return;
    }
    fake_exchange_on_gone(exchange, on_gone, pass);
}

struct fake_passes *fake_passes_new(const struct fake_passes_opts *opts)
{
    struct fake_passes *passes = eca_xalloc(sizeof(*passes));

    passes->opts = *opts;
    eca_list_init(&passes->open);
    return passes;
}

void fake_passes_free(struct fake_passes *passes)
{
    if (passes == NULL) {
        return;
    }
    while (!eca_list_is_empty(&passes->open)) {
        struct pass *pass = eca_list_entry(passes->open.head.next, struct pass, node);

        eca_http_cancel(passes->opts.http, pass->call);
        pass_free(pass);
    }
    eca_free(passes);
}

size_t fake_passes_open(const struct fake_passes *passes)
{
    return passes->open.count;
}
