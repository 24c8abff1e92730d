#include "agent/sys/http_head.h"

#include "agent/base/str.h"

#define CHUNK_LINE_BYTES_MAX 4096

int eca_http_head_parse(struct eca_view text, struct eca_http_head_text *ret_head)
{
    size_t line_end = eca_view_find(text, "\r\n", 0);
    struct eca_view line = eca_view_sub(text, 0, line_end);
    struct eca_view rest;
    uint64_t status = 0;

    if (line.len < 12 || !eca_view_starts(line, "HTTP/1.") || line.at[8] != ' ' ||
        (line.len > 12 && line.at[12] != ' ')) {
        return ECA_E_INVALID;
    }
    rest = eca_view_sub(line, 9, line.len);
    if (eca_parse_u64(eca_view_sub(rest, 0, 3), 999, &status, NULL) < 0 || status < 100) {
        return ECA_E_INVALID;
    }
    ret_head->status = (int)status;
    ret_head->status_text = rest;
    ret_head->lines =
        line_end == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(text, line_end + 2, text.len);
    return ECA_OK;
}

/* The next header of this name in *rest; false when there is none. */
static bool next_value(struct eca_view *rest, const char *name, struct eca_view *ret_value)
{
    while (rest->len > 0) {
        size_t end = eca_view_find(*rest, "\r\n", 0);
        struct eca_view line = eca_view_sub(*rest, 0, end);
        size_t colon = eca_view_find(line, ":", 0);

        *rest = end == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(*rest, end + 2, rest->len);
        if (colon != SIZE_MAX && eca_view_eq_nocase(eca_view_sub(line, 0, colon), name)) {
            *ret_value = eca_view_trim(eca_view_sub(line, colon + 1, line.len));
            return true;
        }
    }
    return false;
}

struct eca_view eca_http_head_value(const struct eca_http_head_text *head, const char *name)
{
    struct eca_view rest = head->lines, value = ECA_VIEW_NONE;

    return next_value(&rest, name, &value) ? value : ECA_VIEW_NONE;
}

bool eca_http_head_has(const struct eca_http_head_text *head, const char *name, const char *word)
{
    struct eca_view rest = head->lines, value;

    while (next_value(&rest, name, &value)) {
        while (value.len > 0) {
            size_t comma = eca_view_find(value, ",", 0);

            if (eca_view_eq_nocase(eca_view_trim(eca_view_sub(value, 0, comma)), word)) {
                return true;
            }
            value = comma == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(value, comma + 1, value.len);
        }
    }
    return false;
}

/* ---- body ----------------------------------------------------------------------------------- */

void eca_http_body_begin(struct eca_http_body *body, const struct eca_http_head_text *head,
                         size_t bytes_max)
{
    struct eca_view length = eca_http_head_value(head, "content-length");

    body->bytes_max = bytes_max;
    if (head->status == 204 || head->status == 304) {
        body->kind = ECA_BODY_NONE;
    } else if (eca_http_head_has(head, "transfer-encoding", "chunked")) {
        body->kind = ECA_BODY_CHUNKS;
    } else if (length.at != NULL && eca_parse_u64(length, UINT64_MAX, &body->left, NULL) == 0) {
        body->kind = ECA_BODY_LENGTH;
    } else {
        body->kind = ECA_BODY_UNTIL_END;
    }
    body->done = body->kind == ECA_BODY_NONE || (body->kind == ECA_BODY_LENGTH && body->left == 0);
}

static void keep(struct eca_http_body *body, struct eca_view bytes)
{
    size_t room = body->bytes_max - body->text.len;

    eca_buf_add_view(&body->text, eca_view_sub(bytes, 0, room));
    body->done = body->done || body->text.len == body->bytes_max;
}

static int hex_digit(char c)
{
    c = eca_ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character outside of a chunk's data: sizes, line ends, trailers. */
static void feed_line(struct eca_http_body *body, char c)
{
    int digit = hex_digit(c);

    if (c == '\n') {
        bool empty = body->line_bytes == 0;

        if (body->chunk == ECA_CHUNK_SIZE && !empty) {
            body->chunk = body->left > 0 ? ECA_CHUNK_DATA : ECA_CHUNK_TRAILER;
        } else if (body->chunk == ECA_CHUNK_END) {
            body->chunk = ECA_CHUNK_SIZE;
        } else if (empty) {
            body->done = true; /* the end of the trailers, or a size that is none */
        }
        body->line_bytes = 0;
        body->line_ignored = false;
        return;
    }
    if (c == '\r') {
        return;
    }
    body->line_bytes++;
    if (body->chunk == ECA_CHUNK_SIZE && !body->line_ignored) {
        if (digit < 0) {
            body->line_ignored = true;
        } else if (body->left < UINT64_MAX / 16) {
            body->left = body->left * 16 + (uint64_t)digit;
        }
    }
    body->done = body->done || body->line_bytes > CHUNK_LINE_BYTES_MAX;
}

static void feed_chunks(struct eca_http_body *body, struct eca_view bytes)
{
    while (bytes.len > 0 && !body->done) {
        if (body->chunk == ECA_CHUNK_DATA) {
            struct eca_view piece = eca_view_sub(bytes, 0, body->left);

            keep(body, piece);
            body->left -= piece.len;
            bytes = eca_view_sub(bytes, piece.len, bytes.len);
            if (body->left == 0) {
                body->chunk = ECA_CHUNK_END;
            }
        } else {
            feed_line(body, bytes.at[0]);
            bytes = eca_view_sub(bytes, 1, bytes.len);
        }
    }
}

void eca_http_body_feed(struct eca_http_body *body, struct eca_view bytes)
{
    if (body->done) {
        return;
    }
    switch (body->kind) {
    case ECA_BODY_NONE:
        return;
    case ECA_BODY_CHUNKS:
        feed_chunks(body, bytes);
        return;
    case ECA_BODY_LENGTH:
        bytes = eca_view_sub(bytes, 0, body->left);
        keep(body, bytes);
        body->left -= bytes.len;
        body->done = body->done || body->left == 0;
        return;
    case ECA_BODY_UNTIL_END:
        keep(body, bytes);
        return;
    }
}
