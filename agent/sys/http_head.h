#ifndef ECA_SYS_HTTP_HEAD_H
#define ECA_SYS_HTTP_HEAD_H

#include <stdbool.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * Answers of HTTP/1 as the websocket client meets them: a proxy's answer to CONNECT and a server's
 * to the upgrade. Parsers of untrusted bytes: views into the text, no allocation.
 */
struct eca_http_head_text {
    int status;
    struct eca_view status_text; /* "407 Proxy Authentication Required" */
    struct eca_view lines;       /* the header lines */
};

/* text: the head without the empty line that ends it. ECA_E_INVALID: not HTTP/1.x. */
int eca_http_head_parse(struct eca_view text, struct eca_http_head_text *ret_head);
/* Value of the first header of this name (any case), trimmed; at NULL when absent. */
struct eca_view eca_http_head_value(const struct eca_http_head_text *head, const char *name);
/* Is this word (any case) among the values, separated by commas, of all headers of this name? */
bool eca_http_head_has(const struct eca_http_head_text *head, const char *name, const char *word);

/* How the body of an answer ends, and what has come of it; zeroed and then set by _begin. */
struct eca_http_body {
    enum { ECA_BODY_NONE, ECA_BODY_LENGTH, ECA_BODY_CHUNKS, ECA_BODY_UNTIL_END } kind;
    uint64_t left; /* of the length, or of the chunk */
    enum { ECA_CHUNK_SIZE, ECA_CHUNK_DATA, ECA_CHUNK_END, ECA_CHUNK_TRAILER } chunk;
    unsigned line_bytes; /* of the size line or trailer line so far */
    bool line_ignored;   /* behind a chunk extension */
    bool done;
    size_t bytes_max;
    struct eca_buf text; /* owned; cut at bytes_max, and done then */
};
void eca_http_body_begin(struct eca_http_body *body, const struct eca_http_head_text *head,
                         size_t bytes_max);
void eca_http_body_feed(struct eca_http_body *body, struct eca_view bytes);

#endif
