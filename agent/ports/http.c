#include "agent/ports/http.h"

#include <string.h>

#include "agent/base/mem.h"

const char *eca_http_head_get(const struct eca_http_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (strcmp(head->headers[i].name, name) == 0) {
            return head->headers[i].value;
        }
    }
    return NULL;
}

bool eca_http_reads(const char *const *answer_headers, const char *name)
{
    if (answer_headers == NULL) {
        return true;
    }
    for (; *answer_headers != NULL; answer_headers++) {
        if (strcmp(*answer_headers, name) == 0) {
            return true;
        }
    }
    return false;
}

struct eca_http_fetch {
    struct eca_http http;
    struct eca_http_call *call;
    eca_http_answer_fn *on_done;
    void *arg;
    int status;
    struct eca_buf body;
    char *request_id, *error_type;
};

static void fetch_free(struct eca_http_fetch *fetch)
{
    eca_buf_clear(&fetch->body);
    eca_free(fetch->request_id);
    eca_free(fetch->error_type);
    eca_free(fetch);
}

static void keep(char **to, const char *value)
{
    eca_free(*to);
    *to = eca_xstrdup(value == NULL ? "" : value);
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct eca_http_fetch *fetch = arg;
    const char *id = eca_http_head_get(head, "x-amzn-requestid");

    fetch->status = head->status;
    keep(&fetch->request_id, id != NULL ? id : eca_http_head_get(head, "x-amz-request-id"));
    keep(&fetch->error_type, eca_http_head_get(head, "x-amzn-errortype"));
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct eca_http_fetch *fetch = arg;

    eca_buf_add_view(&fetch->body, bytes);
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct eca_http_fetch *fetch = arg;
    struct eca_http_answer answer = {
        .end = *end,
        .status = fetch->status,
        .body = eca_buf_view(&fetch->body),
        .request_id = text_or_empty(fetch->request_id),
        .error_type = text_or_empty(fetch->error_type),
    };

    fetch->call = NULL;
    fetch->on_done(fetch->arg, &answer);
    fetch_free(fetch);
}

int eca_http_fetch_start(struct eca_http http, const struct eca_http_opts *opts,
                         eca_http_answer_fn *on_done, void *arg, struct eca_http_fetch **ret_fetch,
                         struct eca_err *err)
{
    static const struct eca_http_events events = {on_head, on_body, on_end};
    static const char *const answer_headers[] = {"x-amzn-requestid", "x-amz-request-id",
                                                 "x-amzn-errortype", NULL};
    struct eca_http_opts bounded = *opts;
    struct eca_http_fetch *fetch = eca_xalloc(sizeof(*fetch));
    int rc;

    if (bounded.body_bytes_max == 0) {
        bounded.body_bytes_max = ECA_HTTP_BODY_BYTES_MAX;
    }
    bounded.answer_headers = answer_headers;
    *fetch = (struct eca_http_fetch){.http = http, .on_done = on_done, .arg = arg};
    fetch->body.bytes_max = bounded.body_bytes_max;
    rc = eca_http_start(http, &bounded, &events, fetch, &fetch->call, err);
    if (rc < 0) {
        fetch_free(fetch);
        return rc;
    }
    *ret_fetch = fetch;
    return ECA_OK;
}

void eca_http_fetch_cancel(struct eca_http_fetch *fetch)
{
    if (fetch == NULL) {
        return;
    }
    if (fetch->call != NULL) { /* NULL inside its own on_done */
        eca_http_cancel(fetch->http, fetch->call);
        fetch_free(fetch);
    }
}
