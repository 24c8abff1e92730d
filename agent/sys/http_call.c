#include "agent/sys/http_call.h"

#include <string.h>

#include "agent/base/str.h"

static bool is_kept(const struct eca_http_head_text *head)
{
    return head->count < ECA_HTTP_ANSWER_HEADERS_MAX;
}

static void end_value(struct eca_http_head_text *head)
{
    if (head->at == ECA_HTTP_IN_NAME && is_kept(head)) { /* no value at all */
        eca_buf_add_char(&head->text, '\0');
    }
    if (head->at != ECA_HTTP_AT_START && is_kept(head)) {
        while (head->text.len > 0 && head->text.at[head->text.len - 1] == ' ') {
            head->text.len--;
        }
        eca_buf_add_char(&head->text, '\0');
        if (eca_http_reads(head->read, eca_buf_str(&head->text) + head->begin)) {
            head->count++;
        } else {
            head->text.len = head->begin;
        }
    }
    head->at = ECA_HTTP_AT_START;
}

void eca_http_head_add_name(struct eca_http_head_text *head, struct eca_view piece)
{
    if (head->at != ECA_HTTP_IN_NAME) {
        end_value(head);
        head->at = ECA_HTTP_IN_NAME;
        head->begin = head->text.len;
    }
    head->bytes += piece.len;
    for (size_t i = 0; i < piece.len && is_kept(head); i++) {
        eca_buf_add_char(&head->text, eca_ascii_lower(piece.at[i]));
    }
}

void eca_http_head_add_value(struct eca_http_head_text *head, struct eca_view piece)
{
    if (head->at == ECA_HTTP_IN_NAME && is_kept(head)) {
        eca_buf_add_char(&head->text, '\0');
    }
    head->at = ECA_HTTP_IN_VALUE;
    head->bytes += piece.len;
    for (size_t i = 0; i < piece.len && is_kept(head); i++) {
        eca_buf_add_char(&head->text,
                         piece.at[i] == '\0' || piece.at[i] == '\t' ? ' ' : piece.at[i]);
    }
}

bool eca_http_head_is_too_long(const struct eca_http_head_text *head)
{
    return head->text.full || head->bytes > ECA_HTTP_ANSWER_HEAD_BYTES_MAX;
}

void eca_http_head_deliver(struct eca_http_head_text *head, int status,
                           const struct eca_http_events *events, void *arg)
{
    struct eca_http_header headers[ECA_HTTP_ANSWER_HEADERS_MAX];
    struct eca_http_head whole = {.status = status, .headers = headers};
    const char *at;

    end_value(head);
    at = eca_buf_str(&head->text);
    for (size_t i = 0; i < head->count; i++) {
        headers[i].name = at;
        at += strlen(at) + 1;
        headers[i].value = at;
        at += strlen(at) + 1;
    }
    whole.header_count = head->count;
    if (events->on_head != NULL) {
        events->on_head(arg, &whole);
    }
}

void eca_http_head_clear(struct eca_http_head_text *head)
{
    eca_buf_clear(&head->text);
    head->count = head->bytes = 0;
    head->at = ECA_HTTP_AT_START;
}

static bool has_controls(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

int eca_http_headers_check(const struct eca_http_header *headers, size_t count, struct eca_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (has_controls(headers[i].name) || has_controls(headers[i].value)) {
            return eca_err_set(err, ECA_E_INVALID, "header %s has control characters",
                               headers[i].name);
        }
    }
    return ECA_OK;
}

int eca_http_opts_check(const struct eca_http_opts *opts, struct eca_err *err)
{
    struct eca_url url;

    if (opts->header_count > ECA_HTTP_HEADERS_MAX) {
        return eca_err_set(err, ECA_E_INVALID, "more than %d headers", ECA_HTTP_HEADERS_MAX);
    }
    if (opts->total_ms == 0 && opts->idle_ms == 0 && !opts->endless) {
        return eca_err_set(err, ECA_E_INVALID, "a call without any deadline");
    }
    if (opts->url == NULL) {
        return eca_err_set(err, ECA_E_INVALID, "no URL");
    }
    if (eca_url_parse(eca_view_str(opts->url), &url, err) < 0) {
        return ECA_E_INVALID;
    }
    if (!eca_view_eq_nocase(url.scheme, "http") && !eca_view_eq_nocase(url.scheme, "https")) {
        return eca_err_set(err, ECA_E_INVALID, "scheme of %s is neither http nor https", opts->url);
    }
    return eca_http_headers_check(opts->headers, opts->header_count, err);
}
