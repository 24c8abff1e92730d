#ifndef ECA_PORTS_HTTP_H
#define ECA_PORTS_HTTP_H

#include <stdbool.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/ports/sched.h"

/*
 * HTTP client port: one exchange per call, streamed answer. Every call has deadlines, enforced by
 * our timers; the library's own are a backstop.
 *
 * All callbacks run from the loop, never inside eca_http_start or eca_http_cancel. on_end runs
 * exactly once, last, and the call is gone when it returns. After eca_http_cancel (allowed from any
 * callback, also of this call) no callback of that call runs.
 */
struct eca_http_header {
    const char *name;
    const char *value;
};

enum eca_http_proxy {
    ECA_HTTP_PROXY_NEVER,       /* metadata (EC2-109), Docker (DKR-105) */
    ECA_HTTP_PROXY_ENVIRONMENT, /* rules WS-121..123 (API-103) */
};

#define ECA_HTTP_HEADERS_MAX 24
#define ECA_HTTP_BODY_BYTES_MAX ((uint64_t)1 << 20) /* answers of control-plane calls (API-106) */

struct eca_http_opts {
    const char *method;      /* "GET" */
    const char *url;         /* absolute; with unix_socket the host is only the Host header */
    const char *unix_socket; /* path, or NULL for TCP */
    const struct eca_http_header *headers;
    size_t header_count;  /* <= ECA_HTTP_HEADERS_MAX */
    struct eca_view body; /* copied; at NULL = no body, len 0 with at = empty body */
    uint64_t connect_ms;  /* 0 = only total and idle apply */
    uint64_t total_ms;    /* whole exchange; 0 = unlimited, then idle_ms or `endless` is required */
    uint64_t idle_ms;     /* no byte from the peer for this long; counts from the start; 0 = off */
    bool endless;         /* a quiet stream may last for ever (events, DKR-832) */
    uint64_t
        body_bytes_max; /* answer longer than this ends with ECA_E_LIMIT; 0 = unlimited stream */
    enum eca_http_proxy proxy;
    bool insecure; /* -k: no verification of chain and name (API-105) */
    const char *tls_cert_file, *tls_key_file, *tls_ca_file; /* DKR-104; NULL = system trust */
    const char *party; /* short name of the peer for logs, metrics, recordings: "ecs" */
    /* Of the answer's headers those that are read: static, names in lower case, NULL behind the
     * last. The others are not handed out. NULL: all are. */
    const char *const *answer_headers;
};

struct eca_http_head {
    int status;
    const struct eca_http_header *headers; /* names in lower case */
    size_t header_count;
};

struct eca_http_end {
    /*
     * ECA_OK           the answer is complete (any status)
     * ECA_E_TRANSIENT  nothing was sent: refused, name not found, TLS failed, proxy refused
     * ECA_E_AMBIGUOUS  the request was (partly) sent, the answer did not arrive completely
     * ECA_E_TIMEOUT    a deadline passed; `sent` tells whether the peer may have seen the request
     * ECA_E_LIMIT      body_bytes_max exceeded
     * ECA_E_INVALID    the answer is not HTTP
     */
    struct eca_err err; /* code ECA_OK or the reason */
    bool sent;
    int status; /* 0 when no head arrived */
    uint64_t body_bytes;
};

struct eca_http_events {
    void (*on_head)(void *arg, const struct eca_http_head *head); /* may be NULL */
    void (*on_body)(void *arg, struct eca_view bytes);            /* may be NULL; borrowed */
    void (*on_end)(void *arg, const struct eca_http_end *end);
};

struct eca_http_call; /* opaque, owned by the port */
struct eca_http_ops {
    int (*start)(void *impl, const struct eca_http_opts *opts, const struct eca_http_events *events,
                 void *arg, struct eca_http_call **ret_call, struct eca_err *err);
    void (*cancel)(void *impl, struct eca_http_call *call);
};
struct eca_http {
    const struct eca_http_ops *ops;
    void *impl;
};

/* opts is borrowed for the call. ECA_E_INVALID: bad URL or options; ECA_E_LIMIT: too many calls. */
static inline int eca_http_start(struct eca_http http, const struct eca_http_opts *opts,
                                 const struct eca_http_events *events, void *arg,
                                 struct eca_http_call **ret_call, struct eca_err *err)
{
    return http.ops->start(http.impl, opts, events, arg, ret_call, err);
}
static inline void eca_http_cancel(struct eca_http http, struct eca_http_call *call)
{
    http.ops->cancel(http.impl, call);
}

/* Whether opts->answer_headers has this lower-case name. */
bool eca_http_reads(const char *const *answer_headers, const char *name);

/* Value of a header by lower-case name, or NULL. */
const char *eca_http_head_get(const struct eca_http_head *head, const char *name);

/*
 * A whole answer in one callback, for the callers that do not stream. The object is owned by the
 * fetch and freed after on_done returned; eca_http_fetch_cancel (NULL ok) frees it without a call.
 */
struct eca_http_answer {
    struct eca_http_end end; /* end.err.code == ECA_OK: the answer is complete */
    int status;
    struct eca_view body;
    const char *request_id; /* x-amzn-requestid, else x-amz-request-id, else "" */
    const char *error_type; /* x-amzn-errortype, else "" */
};
struct eca_http_fetch;
typedef void eca_http_answer_fn(void *arg, const struct eca_http_answer *answer);
/* opts->body_bytes_max 0 is taken as ECA_HTTP_BODY_BYTES_MAX here; answer_headers is set. */
int eca_http_fetch_start(struct eca_http http, const struct eca_http_opts *opts,
                         eca_http_answer_fn *on_done, void *arg, struct eca_http_fetch **ret_fetch,
                         struct eca_err *err);
void eca_http_fetch_cancel(struct eca_http_fetch *fetch);

#endif
