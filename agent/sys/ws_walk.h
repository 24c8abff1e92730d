#ifndef ECA_SYS_WS_WALK_H
#define ECA_SYS_WS_WALK_H

#include <stdbool.h>

#include "agent/base/buf.h"

/*
 * Where frames begin and end among the bytes of a websocket (RFC 6455, section 5), and whether a
 * server may send them so. Only headers are looked at: no payload is copied or unmasked, and a
 * direction costs these few words however long its messages are. Pieces may have any size.
 */
struct eca_ws_walk { /* zeroed: before the first frame */
    unsigned char header[14];
    unsigned char header_len; /* of the frame that begins */
    uint64_t left;            /* of its payload */
    bool in_message;          /* fragments have come, the last one has not */
    bool closed;              /* a Close has passed; what follows is no frame to anybody */
};

#define ECA_WS_REASON_BYTES_MAX 123 /* of a Close */

/*
 * What a server sends (WS-145). Returns how many of the bytes keep the protocol: all, or those
 * before the first that breaks it. *ret_why: a constant ("masked frame from the server") or NULL;
 * after a breach the walk is over.
 */
size_t eca_ws_walk_server(struct eca_ws_walk *walk, struct eca_view bytes, const char **ret_why);

/* What a client sends, which is trusted. to_frame_end: returns behind the frame that is under way,
 * at the latest at the end of the bytes. */
size_t eca_ws_walk_client(struct eca_ws_walk *walk, struct eca_view bytes, bool to_frame_end);
/* Whether a frame of somebody else may be put in here. */
bool eca_ws_walk_is_between(const struct eca_ws_walk *walk);

/* Append a client's Close: masked with mask, its reason cut at ECA_WS_REASON_BYTES_MAX. */
void eca_ws_close_frame(struct eca_buf *out, unsigned code, const char *reason,
                        const unsigned char mask[4]);

#endif
