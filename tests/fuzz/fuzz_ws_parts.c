/* WS-131, WS-132, WS-145: answers and frames of a hostile server read alike in whatever pieces they
 * come. */
#include <assert.h>
#include <stdint.h>

#include "agent/sys/ws_answer.h"
#include "agent/sys/ws_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_BYTES_MAX 40 /* small, so that the limit is met often */

/* Piece lengths 1..16 drawn from `seed`; 0 takes all that is left. */
static size_t next_piece(uint32_t *seed)
{
    if (*seed == 0) {
        return SIZE_MAX;
    }
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 16) % 16 + 1;
}

static void walk_frames(struct eca_view text, uint32_t seed, struct eca_buf *out)
{
    struct eca_ws_walk server = {0}, client = {0};
    const char *why = NULL;
    size_t fine = 0, at = 0;

    while (at < text.len && why == NULL) {
        struct eca_view piece = eca_view_sub(text, at, next_piece(&seed));
        size_t taken = eca_ws_walk_server(&server, piece, &why);

        assert(taken <= piece.len && (why != NULL) == (taken < piece.len));
        fine += taken;
        at += piece.len;
    }
    for (at = 0; at < text.len;) {
        struct eca_view piece = eca_view_sub(text, at, next_piece(&seed));

        assert(eca_ws_walk_client(&client, piece, false) == piece.len);
        at += piece.len;
    }
    assert(eca_ws_walk_client(&client, text, true) <= text.len);
    eca_buf_addf(out, "%zu %s %d %d %d\n", fine, why == NULL ? "" : why, server.closed,
                 eca_ws_walk_is_between(&server), client.closed);
}

static void read_answer(struct eca_view text, uint32_t seed, struct eca_buf *out)
{
    struct eca_ws_answer answer;
    size_t at = 0, taken = 0;

    eca_ws_answer_init(&answer, BODY_BYTES_MAX);
    while (at < text.len && taken == at) {
        struct eca_view piece = eca_view_sub(text, at, next_piece(&seed));

        taken += eca_ws_answer_feed(&answer, piece);
        at += piece.len;
        assert(answer.body.len <= BODY_BYTES_MAX && answer.head.len <= text.len);
        assert((answer.why != NULL) == (answer.state == ECA_WS_ANSWER_BROKEN));
    }
    eca_buf_addf(out, "%d %d %s", (int)answer.state, answer.status, eca_buf_str(&answer.body));
    if (answer.state == ECA_WS_ANSWER_UPGRADED) {
        assert(answer.head.len <= taken);
        eca_buf_add_view(out, eca_buf_view(&answer.head));
        walk_frames(eca_view_sub(text, taken, text.len), seed, out);
    }
    eca_ws_answer_clear(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eca_auto_buf struct eca_buf whole = {0}, pieces = {0};
    struct eca_view text = eca_view_of((const char *)data, size);

    walk_frames(text, 0, &whole);
    walk_frames(text, (uint32_t)size + 1, &pieces);
    read_answer(text, 0, &whole);
    read_answer(text, (uint32_t)size + 1, &pieces);
    assert(eca_view_eq(eca_buf_view(&whole), eca_buf_view(&pieces)));
    return 0;
}
