#include "agent/sys/ws_answer.h"

#include <string.h>

#define INTERIM_MAX 200 /* below it, but for 101, another answer follows */
#define NO_BODY 1       /* what on_headers_complete returns to the parser */
#define OTHER_PROTOCOL 2

static void break_off(struct eca_ws_answer *answer, const char *why)
{
    answer->state = ECA_WS_ANSWER_BROKEN;
    answer->why = why;
}

static int on_headers_complete(http_parser *parser)
{
    struct eca_ws_answer *answer = parser->data;

    answer->status = (int)parser->status_code;
    if (answer->status == 101) {
        answer->state = ECA_WS_ANSWER_UPGRADED;
        return OTHER_PROTOCOL;
    }
    if (answer->status < INTERIM_MAX) {
        return NO_BODY;
    }
    answer->state = ECA_WS_ANSWER_BODY;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct eca_ws_answer *answer = parser->data;
    size_t room = answer->body.bytes_max - answer->body.len;

    eca_buf_add(&answer->body, at, len < room ? len : room);
    if (len >= room) {
        answer->state = ECA_WS_ANSWER_REFUSED;
    }
    return 0;
}

/* The parser stops here, so that the caller learns where. */
static int on_complete(http_parser *parser)
{
    struct eca_ws_answer *answer = parser->data;

    if (answer->state == ECA_WS_ANSWER_BODY) {
        answer->state = ECA_WS_ANSWER_REFUSED;
    }
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

void eca_ws_answer_init(struct eca_ws_answer *answer, size_t body_bytes_max)
{
    memset(answer, 0, sizeof(*answer));
    answer->body.bytes_max = body_bytes_max;
    http_parser_init(&answer->parser, HTTP_RESPONSE);
    answer->parser.data = answer;
}

static bool is_over(const struct eca_ws_answer *answer)
{
    return answer->state != ECA_WS_ANSWER_HEAD && answer->state != ECA_WS_ANSWER_BODY;
}

/* One answer, or what is there of it. */
static size_t parse(struct eca_ws_answer *answer, struct eca_view bytes)
{
    size_t taken = http_parser_execute(&answer->parser, &settings, bytes.at, bytes.len);
    enum http_errno verdict = HTTP_PARSER_ERRNO(&answer->parser);

    if (verdict == HPE_PAUSED) {
        http_parser_pause(&answer->parser, 0);
    } else if (verdict != HPE_OK && answer->state == ECA_WS_ANSWER_BODY) {
        answer->state = ECA_WS_ANSWER_REFUSED; /* with what was readable of it */
    } else if (verdict != HPE_OK && !is_over(answer)) {
        break_off(answer, "the answer is not HTTP");
    }
    return taken;
}

/* The head is kept as long as it may be that of a 101. */
static void keep_head(struct eca_ws_answer *answer, struct eca_view piece)
{
    switch (answer->state) {
    case ECA_WS_ANSWER_UPGRADED:
        eca_buf_add_view(&answer->head, piece);
        return;
    case ECA_WS_ANSWER_HEAD:
        if (answer->status != 0) { /* it was one in between */
            answer->status = 0;
            eca_buf_reset(&answer->head);
        } else if (answer->head.len + piece.len > ECA_WS_HEAD_BYTES_MAX) {
            break_off(answer, "the answer's head is too long");
            eca_buf_clear(&answer->head);
        } else {
            eca_buf_add_view(&answer->head, piece);
        }
        return;
    case ECA_WS_ANSWER_BODY:
    case ECA_WS_ANSWER_REFUSED:
    case ECA_WS_ANSWER_BROKEN:
        eca_buf_clear(&answer->head);
        return;
    }
}

size_t eca_ws_answer_feed(struct eca_ws_answer *answer, struct eca_view bytes)
{
    size_t at = 0;

    while (at < bytes.len && !is_over(answer)) {
        bool in_head = answer->state == ECA_WS_ANSWER_HEAD;
        size_t taken = parse(answer, eca_view_sub(bytes, at, bytes.len));

        if (in_head) {
            keep_head(answer, eca_view_sub(bytes, at, taken));
        }
        at += taken;
    }
    return at;
}

void eca_ws_answer_clear(struct eca_ws_answer *answer)
{
    eca_buf_clear(&answer->head);
    eca_buf_clear(&answer->body);
}
