#include "agent/sys/ws_frame.h"

#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80

static enum eca_ws_opcode opcode_of(const struct eca_ws_reader *reader)
{
    return (enum eca_ws_opcode)(reader->header[0] & 0x0f);
}

static bool is_control(const struct eca_ws_reader *reader)
{
    return (reader->header[0] & 0x08) != 0;
}

static bool is_final(const struct eca_ws_reader *reader)
{
    return (reader->header[0] & FIN) != 0;
}

/* What is wrong with the first two bytes, or NULL (WS-145). */
static const char *check_start(const struct eca_ws_reader *reader)
{
    unsigned char length = reader->header[1] & 0x7f;

    if ((reader->header[0] & RESERVED) != 0) {
        return "unexpected reserved bits";
    }
    if ((reader->header[1] & MASKED) != 0) {
        return "masked frame from the server";
    }
    if (is_control(reader)) {
        if (length > ECA_WS_CONTROL_BYTES_MAX) {
            return "control frame longer than 125 bytes";
        }
        if (!is_final(reader)) {
            return "fragmented control frame";
        }
    }
    switch (opcode_of(reader)) {
    case ECA_WS_TEXT:
    case ECA_WS_BINARY:
        return reader->in_message ? "message begun inside another" : NULL;
    case ECA_WS_CONTINUATION:
        return reader->in_message ? NULL : "continuation of nothing";
    case ECA_WS_CLOSE:
    case ECA_WS_PING:
    case ECA_WS_PONG:
        return NULL;
    }
    return "unknown opcode";
}

static uint64_t big_endian(const unsigned char *bytes, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* How long the header is, as far as it is known. */
static size_t header_bytes(const struct eca_ws_reader *reader)
{
    unsigned char length = reader->header_len < 2 ? 0 : reader->header[1] & 0x7f;

    return length == 126 ? 4 : length == 127 ? 10 : 2;
}

/* True when the header is complete. */
static bool take_header(struct eca_ws_reader *reader, struct eca_view *bytes, const char **ret_why)
{
    while (reader->header_len < header_bytes(reader)) {
        if (bytes->len == 0) {
            return false;
        }
        reader->header[reader->header_len++] = (unsigned char)bytes->at[0];
        *bytes = eca_view_sub(*bytes, 1, bytes->len);
        if (reader->header_len == 2 && (*ret_why = check_start(reader)) != NULL) {
            return false;
        }
    }
    reader->left = reader->header_len == 2 ? reader->header[1] & 0x7f
                                           : big_endian(reader->header + 2, reader->header_len - 2);
    if (reader->left >> 63 != 0) {
        *ret_why = "length beyond 63 bits";
        return false;
    }
    reader->in_payload = true;
    reader->control_len = 0;
    if (!is_control(reader) && !reader->in_message) {
        reader->in_message = true;
        if (reader->message.cap > ECA_WS_KEPT_BYTES_MAX) {
            eca_buf_clear(&reader->message);
        }
        eca_buf_reset(&reader->message);
    }
    return true;
}

static void take_payload(struct eca_ws_reader *reader, struct eca_view *bytes)
{
    struct eca_view piece = eca_view_sub(*bytes, 0, reader->left);

    if (is_control(reader)) {
        memcpy(reader->control + reader->control_len, piece.at, piece.len);
        reader->control_len += piece.len;
    } else {
        eca_buf_add_view(&reader->message, piece);
    }
    reader->left -= piece.len;
    *bytes = eca_view_sub(*bytes, piece.len, bytes->len);
}

/* The frame is complete: what of it is for the reader's owner. */
static enum eca_ws_got end_frame(struct eca_ws_reader *reader, struct eca_view *ret_payload,
                                 const char **ret_why)
{
    reader->header_len = 0;
    reader->in_payload = false;
    *ret_payload = eca_view_of((const char *)reader->control, reader->control_len);
    switch (opcode_of(reader)) {
    case ECA_WS_PING:
        return ECA_WS_GOT_PING;
    case ECA_WS_PONG:
        return ECA_WS_GOT_PONG;
    case ECA_WS_CLOSE:
        return ECA_WS_GOT_CLOSE;
    case ECA_WS_TEXT:
    case ECA_WS_BINARY:
    case ECA_WS_CONTINUATION:
        break;
    }
    *ret_why = NULL;
    if (!is_final(reader)) {
        return ECA_WS_GOT_NOTHING;
    }
    reader->in_message = false;
    *ret_payload = eca_buf_view(&reader->message);
    return ECA_WS_GOT_MESSAGE;
}

enum eca_ws_got eca_ws_read(struct eca_ws_reader *reader, struct eca_view *bytes,
                            struct eca_view *ret_payload, const char **ret_why)
{
    enum eca_ws_got got;

    *ret_why = NULL;
    *ret_payload = ECA_VIEW_NONE;
    for (;;) {
        if (!reader->in_payload) {
            if (!take_header(reader, bytes, ret_why)) {
                return *ret_why != NULL ? ECA_WS_GOT_BROKEN : ECA_WS_GOT_NOTHING;
            }
            if (!is_control(reader) &&
                reader->left > reader->message_bytes_max - reader->message.len) {
                return ECA_WS_GOT_TOO_LARGE;
            }
        }
        if (bytes->len > 0 && reader->left > 0) {
            take_payload(reader, bytes);
        }
        if (reader->left > 0) {
            return ECA_WS_GOT_NOTHING;
        }
        got = end_frame(reader, ret_payload, ret_why);
        if (got != ECA_WS_GOT_NOTHING) {
            return got;
        }
    }
}

void eca_ws_reader_clear(struct eca_ws_reader *reader)
{
    eca_buf_clear(&reader->message);
}

void eca_ws_write(struct eca_buf *out, enum eca_ws_opcode opcode, struct eca_view payload,
                  const unsigned char mask[4])
{
    unsigned char header[14] = {(unsigned char)(FIN | opcode)};
    size_t len = 2;
    size_t at;

    if (payload.len <= 125) {
        header[1] = (unsigned char)(MASKED | payload.len);
    } else {
        size_t length_bytes = payload.len <= UINT16_MAX ? 2 : 8;

        header[1] = MASKED | (payload.len <= UINT16_MAX ? 126 : 127);
        for (size_t i = 0; i < length_bytes; i++) {
            header[2 + i] = (unsigned char)((uint64_t)payload.len >> 8 * (length_bytes - 1 - i));
        }
        len += length_bytes;
    }
    memcpy(header + len, mask, 4);
    eca_buf_add(out, header, len + 4);
    at = out->len;
    eca_buf_add_view(out, payload);
    for (size_t i = 0; i < payload.len; i++) {
        out->at[at + i] = (char)((unsigned char)out->at[at + i] ^ mask[i & 3]);
    }
}
