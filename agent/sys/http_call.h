#ifndef ECA_SYS_HTTP_CALL_H
#define ECA_SYS_HTTP_CALL_H

#include "agent/ports/http.h"

/*
 * What the two HTTP clients of this folder share: http_curl.c (TCP, TLS, proxies) and http_unix.c
 * (unix sockets). http_client.c chooses between them.
 */

/* The first member of either client's call. */
struct eca_http_call {
    void (*cancel)(struct eca_http_call *call);
};

#define ECA_HTTP_ANSWER_HEADERS_MAX 64 /* further ones are not handed out */
#define ECA_HTTP_ANSWER_HEAD_BYTES_MAX ((size_t)64 << 10)

/* The head of an answer while it arrives; zero is empty. Names become lower case. */
struct eca_http_head_text {
    const char *const *read; /* eca_http_opts.answer_headers */
    struct eca_buf text;     /* name, value, name, ..., each with its NUL */
    size_t count;
    size_t begin; /* of the last one, in text */
    size_t bytes; /* as received, also of lines that are not kept */
    enum { ECA_HTTP_AT_START, ECA_HTTP_IN_NAME, ECA_HTTP_IN_VALUE } at;
};
/* A piece of a name or of a value, as it comes; a name behind a value begins the next header. */
void eca_http_head_add_name(struct eca_http_head_text *head, struct eca_view piece);
void eca_http_head_add_value(struct eca_http_head_text *head, struct eca_view piece);
bool eca_http_head_is_too_long(const struct eca_http_head_text *head);
/* Ends the last value and hands everything to on_head (may be NULL). */
void eca_http_head_deliver(struct eca_http_head_text *head, int status,
                           const struct eca_http_events *events, void *arg);
/* As before the first piece. */
void eca_http_head_clear(struct eca_http_head_text *head);

/* A header cannot smuggle a line into a request: ECA_E_INVALID names the one with control
 * characters. */
int eca_http_headers_check(const struct eca_http_header *headers, size_t count,
                           struct eca_err *err);

/* Whether these options can be served at all; ECA_E_INVALID says why not. */
int eca_http_opts_check(const struct eca_http_opts *opts, struct eca_err *err);

#endif
