#ifndef ECA_SYS_WS_FRAME_H
#define ECA_SYS_WS_FRAME_H

#include <stdbool.h>

#include "agent/base/buf.h"

/*
 * Websocket frames as a client reads and writes them (RFC 6455, section 5): plain functions over
 * bytes, fed in pieces of any size. A server's frames are unmasked, ours are masked (WS-140).
 */
enum eca_ws_opcode {
    ECA_WS_CONTINUATION = 0,
    ECA_WS_TEXT = 1,
    ECA_WS_BINARY = 2,
    ECA_WS_CLOSE = 8,
    ECA_WS_PING = 9,
    ECA_WS_PONG = 10,
};
#define ECA_WS_CONTROL_BYTES_MAX 125
#define ECA_WS_KEPT_BYTES_MAX                                                                      \
    ((size_t)256 << 10) /* one large message must not cost memory for ever */

enum eca_ws_got {
    ECA_WS_GOT_NOTHING, /* all bytes are taken, more are needed */
    ECA_WS_GOT_MESSAGE, /* text or binary, whole (WS-141) */
    ECA_WS_GOT_PING,
    ECA_WS_GOT_PONG,
    ECA_WS_GOT_CLOSE,     /* payload as in the frame: code and reason, or empty */
    ECA_WS_GOT_TOO_LARGE, /* a message beyond the limit; reading is over */
    ECA_WS_GOT_BROKEN,    /* against the protocol (WS-145); reading is over */
};

struct eca_ws_reader { /* zeroed, then message_bytes_max set */
    uint64_t message_bytes_max;
    unsigned char header[14];
    size_t header_len;
    bool in_payload;        /* the header is complete */
    uint64_t left;          /* of this frame's payload */
    bool in_message;        /* fragments of a message have come, its end has not */
    struct eca_buf message; /* owned */
    unsigned char control[ECA_WS_CONTROL_BYTES_MAX];
    size_t control_len;
};

/*
 * Take bytes from *bytes until something is complete. *ret_payload (message, control) is borrowed
 * until the next call; *ret_why (BROKEN) is a constant: "masked frame from the server".
 */
enum eca_ws_got eca_ws_read(struct eca_ws_reader *reader, struct eca_view *bytes,
                            struct eca_view *ret_payload, const char **ret_why);
void eca_ws_reader_clear(struct eca_ws_reader *reader);

/* Append one whole frame, masked with mask. */
void eca_ws_write(struct eca_buf *out, enum eca_ws_opcode opcode, struct eca_view payload,
                  const unsigned char mask[4]);

#endif
