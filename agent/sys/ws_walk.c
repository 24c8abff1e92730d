#include "agent/sys/ws_walk.h"

#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define CONTROL 0x08 /* the bit that control opcodes have */
#define CLOSE 0x08
#define PONG 0x0a
#define BINARY 0x02
#define MASKED 0x80
#define LENGTH 0x7f
#define CONTROL_BYTES_MAX 125

static unsigned opcode_of(const struct eca_ws_walk *walk)
{
    return walk->header[0] & OPCODE;
}

static bool is_control(const struct eca_ws_walk *walk)
{
    return (walk->header[0] & CONTROL) != 0;
}

/* What the first byte of a server's frame breaks, or NULL. */
static const char *check_first(const struct eca_ws_walk *walk)
{
    unsigned opcode = opcode_of(walk);

    if ((walk->header[0] & RESERVED) != 0) {
        return "reserved bits set"; /* no extension was asked for */
    }
    if (opcode > PONG || (opcode > BINARY && opcode < CLOSE)) {
        return "unknown opcode";
    }
    if (is_control(walk)) {
        return (walk->header[0] & FIN) == 0 ? "bad control frame" : NULL;
    }
    return (opcode == 0) != walk->in_message ? "wrong continuation" : NULL;
}

/* The header's latest byte, where it says something that a server must not say. */
static const char *check(const struct eca_ws_walk *walk)
{
    switch (walk->header_len) {
    case 1:
        return check_first(walk);
    case 2:
        if ((walk->header[1] & MASKED) != 0) {
            return "masked frame from the server";
        }
        return is_control(walk) && walk->header[1] > CONTROL_BYTES_MAX ? "bad control frame" : NULL;
    case 3: /* the highest byte of a long length */
        return walk->header[1] == 127 && walk->header[2] >= 0x80 ? "length beyond 63 bits" : NULL;
    default:
        return NULL;
    }
}

static size_t length_bytes(const struct eca_ws_walk *walk)
{
    unsigned length = walk->header[1] & LENGTH;

    return length == 126 ? 2 : length == 127 ? 8 : 0;
}

static bool is_complete(const struct eca_ws_walk *walk)
{
    return walk->header_len >= 2 &&
           walk->header_len == 2 + length_bytes(walk) + ((walk->header[1] & MASKED) != 0 ? 4 : 0);
}

static void begin_payload(struct eca_ws_walk *walk)
{
    size_t more = length_bytes(walk);

    walk->left = more > 0 ? 0 : walk->header[1] & LENGTH;
    for (size_t i = 0; i < more; i++) {
        walk->left = walk->left << 8 | walk->header[2 + i];
    }
    if (!is_control(walk)) {
        walk->in_message = (walk->header[0] & FIN) == 0;
    }
    walk->header_len = 0;
}

bool eca_ws_walk_is_between(const struct eca_ws_walk *walk)
{
    return walk->header_len == 0 && walk->left == 0;
}

/* One step: a byte of a header, or what is there of a payload. Returns how many bytes that were, 0
 * when the byte must not be sent. */
static size_t step(struct eca_ws_walk *walk, struct eca_view bytes, bool from_server,
                   const char **ret_why)
{
    size_t taken = 1;

    if (walk->left > 0) {
        taken = walk->left < bytes.len ? (size_t)walk->left : bytes.len;
        walk->left -= taken;
    } else {
        walk->header[walk->header_len++] = (unsigned char)bytes.at[0];
        *ret_why = from_server ? check(walk) : NULL;
        if (*ret_why != NULL) {
            return 0;
        }
        if (is_complete(walk)) {
            begin_payload(walk);
        }
    }
    walk->closed = eca_ws_walk_is_between(walk) && opcode_of(walk) == CLOSE;
    return taken;
}

size_t eca_ws_walk_server(struct eca_ws_walk *walk, struct eca_view bytes, const char **ret_why)
{
    size_t at = 0;

    *ret_why = NULL;
    while (at < bytes.len && !walk->closed && *ret_why == NULL) {
        at += step(walk, eca_view_sub(bytes, at, bytes.len), true, ret_why);
    }
    return *ret_why != NULL ? at : bytes.len;
}

size_t eca_ws_walk_client(struct eca_ws_walk *walk, struct eca_view bytes, bool to_frame_end)
{
    const char *why = NULL;
    size_t at = 0;

    while (at < bytes.len && !walk->closed && !(to_frame_end && eca_ws_walk_is_between(walk))) {
        at += step(walk, eca_view_sub(bytes, at, bytes.len), false, &why);
    }
    return to_frame_end ? at : bytes.len;
}

void eca_ws_close_frame(struct eca_buf *out, unsigned code, const char *reason,
                        const unsigned char mask[4])
{
    size_t len = strnlen(reason, ECA_WS_REASON_BYTES_MAX);
    unsigned char payload[2 + ECA_WS_REASON_BYTES_MAX] = {(unsigned char)(code >> 8),
                                                          (unsigned char)code};
    const unsigned char header[2] = {FIN | CLOSE, (unsigned char)(MASKED | (2 + len))};

    memcpy(payload + 2, reason, len);
    for (size_t i = 0; i < 2 + len; i++) {
        payload[i] ^= mask[i & 3];
    }
    eca_buf_add(out, header, sizeof(header));
    eca_buf_add(out, mask, 4);
    eca_buf_add(out, payload, 2 + len);
}
