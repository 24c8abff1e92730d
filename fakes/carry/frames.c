#include "fakes/carry/frames.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define PING 9U

bool fake_odd_is_plain(const struct fake_odd *odd)
{
    return !odd->binary && odd->piece == 0 && !odd->bytewise;
}

void fake_frame_put(struct eca_buf *out, bool fin, unsigned opcode, struct eca_view payload)
{
    eca_buf_add_char(out, (char)((fin ? 0x80U : 0U) | opcode));
    if (payload.len < 126) {
        eca_buf_add_char(out, (char)payload.len);
    } else if (payload.len <= UINT16_MAX) {
        eca_buf_add_char(out, 126);
        eca_buf_add_char(out, (char)(payload.len >> 8 & 0xff));
        eca_buf_add_char(out, (char)(payload.len & 0xff));
    } else {
        eca_buf_add_char(out, 127);
        for (int shift = 56; shift >= 0; shift -= 8) {
            eca_buf_add_char(out, (char)((uint64_t)payload.len >> shift & 0xff));
        }
    }
    eca_buf_add_view(out, payload);
}

bool fake_odd_frames(const struct fake_odd *odd, const char *text, struct eca_buf *out)
{
    struct eca_view rest = eca_view_str(text);
    size_t piece = odd->piece == 0 ? SIZE_MAX : odd->piece;
    bool first = true, pinged = false;

    while (first || rest.len > 0) {
        struct eca_view part = eca_view_sub(rest, 0, piece);

        rest = eca_view_sub(rest, part.len, SIZE_MAX);
        fake_frame_put(out, rest.len == 0, !first ? 0U : odd->binary ? 2U : 1U, part);
        if (first && rest.len > 0) {
            fake_frame_put(out, true, PING, eca_view_str(FAKE_ODD_PING));
            pinged = true;
        }
        first = false;
    }
    return pinged;
}

void fake_odd_send(struct fake_ws *ws, const struct fake_odd *odd, struct eca_view frames)
{
    if (!odd->bytewise) {
        fake_ws_send_raw(ws, frames);
        return;
    }
    for (size_t i = 0; i < frames.len; i++) {
        fake_ws_send_raw(ws, eca_view_sub(frames, i, 1));
    }
}

bool fake_frame_broken(const char *preset, struct eca_buf *out)
{
    static const struct {
        const char *name;
        unsigned char bytes[8];
        size_t len;
    } frames[] = {
        {"masked", {0x81, 0x82, 1, 2, 3, 4, '{' ^ 1, '}' ^ 2}, 8},
        {"reserved-bits", {0xf1, 0x02, '{', '}'}, 4},
        {"unknown-opcode", {0x83, 0x02, '{', '}'}, 4},
        {"long-control", {0x89, 0x7e, 0x00, 0x80}, 4},
        {"fragmented-control", {0x09, 0x01, 'x'}, 3},
        {"lone-continuation", {0x80, 0x02, '{', '}'}, 4},
        {"binary", {0x82, 0x02, '{', '}'}, 4},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(frames); i++) {
        if (strcmp(frames[i].name, preset) == 0) {
            eca_buf_add(out, frames[i].bytes, frames[i].len);
            return true;
        }
    }
    return false;
}

/* ---- pings ----------------------------------------------------------------------------------- */

static void forget(struct fake_pings *pings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        eca_free(pings->open[i]);
    }
    pings->count -= count;
    memmove(pings->open, &pings->open[count], pings->count * sizeof(char *));
}

void fake_pings_sent(struct fake_pings *pings, const char *payload)
{
    if (pings->count == FAKE_PINGS_MAX) {
        forget(pings, 1);
    }
    pings->open[pings->count++] = eca_xstrdup(payload);
}

bool fake_pings_answered(struct fake_pings *pings, struct eca_view payload)
{
    for (size_t i = 0; i < pings->count; i++) {
        if (eca_view_eq_str(payload, pings->open[i])) {
            forget(pings, i + 1);
            return true;
        }
    }
    return false;
}

void fake_pings_clear(struct fake_pings *pings)
{
    forget(pings, pings->count);
}
