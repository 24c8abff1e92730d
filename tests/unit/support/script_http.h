#ifndef TESTS_SUPPORT_SCRIPT_HTTP_H
#define TESTS_SUPPORT_SCRIPT_HTTP_H

#include <stdbool.h>

#include "agent/ports/http.h"

/*
 * An http port that answers from a script and remembers every request. A request takes the first
 * unused expectation that fits its method and URL; a request that fits none ends the test.
 * Answers come later, from the loop, as the port's contract says; deadlines of the request hold.
 */
#define SCRIPT_HTTP_HEADERS_MAX 8
#define SCRIPT_FOREVER UINT32_MAX

struct script_answer {
    const char *method; /* NULL = any */
    const char *url;    /* exact, or with a leading '*' the end of the URL; NULL = any */
    uint32_t times;     /* 0 = once; SCRIPT_FOREVER */
    uint64_t delay_ms;  /* before the head (or the error) */
    int status;         /* 0: no head at all, ends with `error` */
    struct eca_http_header headers[SCRIPT_HTTP_HEADERS_MAX]; /* names in lower case */
    const char *body;
    size_t piece_bytes;     /* hand the body out in pieces of this size; 0 = at once */
    enum eca_code error;    /* end code; with a status: after head and body (a broken answer) */
    const char *error_text; /* sentence of the end; NULL = the code's name */
    bool silent;            /* never answers: only a deadline ends the call */
    bool hold;              /* head and body are handed out, the end waits for script_http_end */
};

struct script_request {
    char *method;
    char *url;
    char *unix_socket; /* or NULL */
    char *body;        /* NUL-terminated; "" when none */
    size_t body_len;
    char *header_names[ECA_HTTP_HEADERS_MAX];
    char *header_values[ECA_HTTP_HEADERS_MAX];
    size_t header_count;
    uint64_t at_ns; /* cached now of the start */
    int64_t at_wall_ms;
    uint64_t connect_ms, total_ms, idle_ms, body_bytes_max;
    bool endless, insecure;
    enum eca_http_proxy proxy;
    char *party;
    bool canceled;
    bool ended;
};

struct script_http;
struct script_http *script_http_new(struct eca_sched *sched);
void script_http_free(struct script_http *http); /* running calls vanish without a callback */
struct eca_http script_http_port(struct script_http *http);

void script_http_expect(struct script_http *http, struct script_answer answer); /* texts copied */
void script_http_forget(struct script_http *http); /* drop all unused expectations */
/* Expectations not used up yet; those with SCRIPT_FOREVER do not count. */
size_t script_http_pending(const struct script_http *http);

size_t script_http_count(const struct script_http *http); /* requests so far */
const struct script_request *script_http_request(const struct script_http *http, size_t index);
const struct script_request *script_http_last(const struct script_http *http);
/* Value of a sent header, any letter case, or NULL. */
const char *script_request_header(const struct script_request *request, const char *name);
size_t script_http_open_calls(const struct script_http *http);

/* For held answers, by request index: more body, then the end (ECA_OK or an error). Both run their
 * callback on the next round. */
void script_http_push(struct script_http *http, size_t index, struct eca_view bytes);
void script_http_end(struct script_http *http, size_t index, enum eca_code code);
/* The next start fails at once with this code. */
void script_http_refuse_next(struct script_http *http, enum eca_code code);

#endif
