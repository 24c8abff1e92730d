#ifndef ECA_SYS_WS_ANSWER_H
#define ECA_SYS_WS_ANSWER_H

#include <http_parser.h>

#include "agent/base/buf.h"

/*
 * A server's answer to the upgrade, while it arrives in pieces of any size. The head of a 101 is
 * kept as it came, for libwebsockets, which decides whether it will do (WS-130); of every other
 * answer the status, and of its body what the limit admits (WS-131, WS-105). Answers in between
 * (100 Continue) are passed over. Who feeds it holds the deadlines.
 */
#define ECA_WS_HEAD_BYTES_MAX ((size_t)16 << 10) /* as much as the library's own buffer */

enum eca_ws_answer_state {
    ECA_WS_ANSWER_HEAD,     /* is not complete */
    ECA_WS_ANSWER_UPGRADED, /* 101: head holds it, frames follow */
    ECA_WS_ANSWER_BODY,     /* another status is known, its body comes */
    ECA_WS_ANSWER_REFUSED,  /* the body is complete, or as long as it may be, or broken */
    ECA_WS_ANSWER_BROKEN,   /* no HTTP, or too much of it: why */
};

struct eca_ws_answer {
    enum eca_ws_answer_state state;
    int status;
    const char *why;
    struct eca_buf head, body; /* owned */
    http_parser parser;
};

void eca_ws_answer_init(struct eca_ws_answer *answer, size_t body_bytes_max);
/* Returns how many bytes belong to the answer: less than all of them only where it ends. */
size_t eca_ws_answer_feed(struct eca_ws_answer *answer, struct eca_view bytes);
void eca_ws_answer_clear(struct eca_ws_answer *answer);

#endif
