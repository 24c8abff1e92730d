/* STAT-202: the same bytes give the same values, in whatever pieces they come. */
#include <assert.h>
#include <stdint.h>

#include "agent/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALUE_BYTES_MAX 64 /* small, so that the limit is met often */

static int on_value(void *arg, struct eca_view value, struct eca_err *err)
{
    (void)err;
    assert(value.len > 0 && value.len <= VALUE_BYTES_MAX);
    eca_buf_add_view(arg, value);
    eca_buf_add_char(arg, '\n');
    return ECA_OK;
}

/* Piece lengths 1..16 drawn from `seed`; 0 feeds everything at once. */
static int run(struct eca_view text, uint32_t seed, struct eca_buf *out, bool *ret_idle)
{
    struct eca_json_splitter splitter;
    int rc = ECA_OK;

    eca_json_splitter_init(&splitter, VALUE_BYTES_MAX);
    while (rc == ECA_OK && text.len > 0) {
        size_t len = text.len;
        if (seed != 0) {
            seed = seed * 1664525 + 1013904223;
            len = (seed >> 16) % 16 + 1;
        }
        struct eca_view piece = eca_view_sub(text, 0, len);
        rc = eca_json_splitter_feed(&splitter, piece, on_value, out, NULL);
        text = eca_view_sub(text, piece.len, text.len);
    }
    *ret_idle = eca_json_splitter_idle(&splitter);
    eca_json_splitter_clear(&splitter);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eca_auto_buf struct eca_buf whole = {0}, pieces = {0};
    struct eca_view text = eca_view_of((const char *)data, size);
    bool whole_idle, pieces_idle;
    int rc = run(text, 0, &whole, &whole_idle);
    int rc_pieces = run(text, (uint32_t)size + 1, &pieces, &pieces_idle);

    assert(rc == rc_pieces);
    assert(rc < 0 || whole_idle == pieces_idle);
    assert(eca_view_eq(eca_buf_view(&whole), eca_buf_view(&pieces)));
    return 0;
}
