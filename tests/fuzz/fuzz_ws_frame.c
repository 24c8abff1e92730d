/* WS-141, WS-145, WS-131: frames and answers from a hostile server, in pieces of any size. */
#include <assert.h>
#include <stdint.h>

#include "agent/sys/http_head.h"
#include "agent/sys/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGE_BYTES_MAX 300 /* small, so that the limit is met often */
#define BODY_BYTES_MAX 40

/* What was read, as text; the pieces' lengths 1..16 come from `seed`, 0 feeds all at once. */
static void read_frames(struct eca_view text, uint32_t seed, struct eca_buf *out)
{
    struct eca_ws_reader reader = {.message_bytes_max = MESSAGE_BYTES_MAX};
    bool over = false;

    while (text.len > 0 && !over) {
        size_t len = text.len;
        struct eca_view piece;

        if (seed != 0) {
            seed = seed * 1664525 + 1013904223;
            len = (seed >> 16) % 16 + 1;
        }
        piece = eca_view_sub(text, 0, len);
        text = eca_view_sub(text, piece.len, text.len);
        for (bool more = true; more && !over;) {
            struct eca_view payload;
            const char *why;
            enum eca_ws_got got = eca_ws_read(&reader, &piece, &payload, &why);

            assert(payload.len <= MESSAGE_BYTES_MAX);
            assert((got == ECA_WS_GOT_BROKEN) == (why != NULL));
            assert(got != ECA_WS_GOT_NOTHING || piece.len == 0);
            more = got != ECA_WS_GOT_NOTHING;
            over = got == ECA_WS_GOT_BROKEN || got == ECA_WS_GOT_TOO_LARGE;
            if (more) {
                eca_buf_addf(out, "%d %zu:", (int)got, payload.len);
                eca_buf_add_view(out, payload);
                eca_buf_add_str(out, why != NULL ? why : "");
            }
        }
    }
    eca_ws_reader_clear(&reader);
}

static void read_answer(struct eca_view text, size_t piece_bytes, struct eca_buf *out)
{
    struct eca_http_head_text head;
    struct eca_http_body body = {0};
    size_t end = eca_view_find(text, "\r\n\r\n", 0);

    if (end == SIZE_MAX || eca_http_head_parse(eca_view_sub(text, 0, end), &head) < 0) {
        return;
    }
    text = eca_view_sub(text, end + 4, text.len);
    eca_http_body_begin(&body, &head, BODY_BYTES_MAX);
    while (text.len > 0) {
        struct eca_view piece = eca_view_sub(text, 0, piece_bytes);

        eca_http_body_feed(&body, piece);
        text = eca_view_sub(text, piece.len, text.len);
    }
    assert(body.text.len <= BODY_BYTES_MAX);
    eca_buf_addf(out, "%d %d %s", head.status, body.done, eca_buf_str(&body.text));
    eca_buf_clear(&body.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eca_auto_buf struct eca_buf whole = {0}, pieces = {0};
    struct eca_view text = eca_view_of((const char *)data, size);

    read_frames(text, 0, &whole);
    read_frames(text, (uint32_t)size + 1, &pieces);
    read_answer(text, SIZE_MAX, &whole);
    read_answer(text, size % 7 + 1, &pieces);
    assert(eca_view_eq(eca_buf_view(&whole), eca_buf_view(&pieces)));
    return 0;
}
