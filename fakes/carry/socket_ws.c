#include <openssl/evp.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/socket_conn.h"

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define CONTROL_BYTES_MAX 125
#define MESSAGE_BYTES_MAX SOCKET_BODY_BYTES_MAX
#define NO_CODE 1005

/* ---- out ------------------------------------------------------------------------------------- */

static void accept_value(const char *key, struct eca_buf *out)
{
    eca_auto_buf struct eca_buf text = {0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;

    eca_buf_addf(&text, "%s" ACCEPT_GUID, key);
    (void)EVP_Digest(text.at, text.len, digest, &len, EVP_sha1(), NULL);
    eca_base64(digest, len, false, out);
}

static void put_accept(const char *key, struct eca_buf *head)
{
    eca_auto_buf struct eca_buf value = {0};

    accept_value(key, &value);
    eca_buf_addf(head,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                 "Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                 eca_buf_str(&value));
}

void ws_accept_falsely(struct conn *conn)
{
    eca_auto_buf struct eca_buf head = {0};

    put_accept("another key", &head);
    conn_send(conn, eca_buf_view(&head)); /* and silence: the client hangs up, or does not */
}

void ws_accept(struct conn *conn, struct fake_ws *ws, struct eca_view glued)
{
    eca_auto_buf struct eca_buf head = {0};
    const char *key = "";

    for (size_t i = 0; i < conn->header_count; i++) {
        if (strcmp(conn->headers[i].name, "sec-websocket-key") == 0) {
            key = conn->headers[i].value;
        }
    }
    put_accept(key, &head);
    eca_buf_add_view(&head, glued);
    conn->ws = ws;
    if (conn->phase == CONN_ANSWER) {
        conn->phase = CONN_WS;
    }
    conn_send(conn, eca_buf_view(&head));
    if (conn->in.len > 0) {
        eca_deferred_queue(&conn->work);
    }
}

static void put_head(struct eca_buf *out, unsigned opcode, size_t len)
{
    eca_buf_add_char(out, (char)(0x80U | opcode));
    if (len < 126) {
        eca_buf_add_char(out, (char)len);
    } else if (len <= UINT16_MAX) {
        eca_buf_add_char(out, 126);
        eca_buf_add_char(out, (char)(len >> 8 & 0xff));
        eca_buf_add_char(out, (char)(len & 0xff));
    } else {
        eca_buf_add_char(out, 127);
        for (int shift = 56; shift >= 0; shift -= 8) {
            eca_buf_add_char(out, (char)((uint64_t)len >> shift & 0xff));
        }
    }
}

void ws_send_frame(struct conn *conn, unsigned opcode, struct eca_view payload)
{
    eca_auto_buf struct eca_buf frame = {0};

    put_head(&frame, opcode, payload.len);
    eca_buf_add_view(&frame, payload);
    conn_send(conn, eca_buf_view(&frame));
}

void ws_send_close(struct conn *conn, int code, const char *reason)
{
    eca_auto_buf struct eca_buf payload = {0};
    size_t len = strlen(reason);

    if (code != NO_CODE) {
        eca_buf_add_char(&payload, (char)(code >> 8 & 0xff));
        eca_buf_add_char(&payload, (char)(code & 0xff));
        eca_buf_add(&payload, reason, len > CONTROL_BYTES_MAX - 2 ? CONTROL_BYTES_MAX - 2 : len);
    }
    ws_send_frame(conn, 8, eca_buf_view(&payload));
}

void ws_is_gone(struct conn *conn, int code, struct eca_view reason)
{
    struct fake_ws *ws = conn->ws;

    if (ws != NULL) {
        conn->ws = NULL;
        eca_timer_stop(&conn->echo);
        fake_hub_ws_closed(ws, code, reason);
    }
}

/* ---- in -------------------------------------------------------------------------------------- */

struct frame {
    bool fin, masked;
    unsigned reserved, opcode;
    size_t head_bytes;
    uint64_t payload_bytes;
    bool wide; /* the length took more bytes than it needs */
    unsigned char mask[4];
};

/* False: the head is not complete yet. */
static bool read_head(struct eca_view in, struct frame *ret_frame)
{
    const unsigned char *at = (const unsigned char *)in.at;
    size_t extra, need;

    if (in.len < 2) {
        return false;
    }
    *ret_frame = (struct frame){.fin = (at[0] & 0x80) != 0,
                                .reserved = at[0] & 0x70U,
                                .opcode = at[0] & 0x0fU,
                                .masked = (at[1] & 0x80) != 0,
                                .payload_bytes = at[1] & 0x7fU};
    extra = ret_frame->payload_bytes == 126 ? 2 : ret_frame->payload_bytes == 127 ? 8 : 0;
    need = 2 + extra + (ret_frame->masked ? 4 : 0);
    if (in.len < need) {
        return false;
    }
    if (extra > 0) {
        ret_frame->payload_bytes = 0;
        for (size_t i = 0; i < extra; i++) {
            ret_frame->payload_bytes = ret_frame->payload_bytes << 8 | at[2 + i];
        }
        ret_frame->wide = ret_frame->payload_bytes < (extra == 2 ? 126 : UINT16_MAX + 1);
    }
    if (ret_frame->masked) {
        memcpy(ret_frame->mask, at + 2 + extra, 4);
    }
    ret_frame->head_bytes = need;
    return true;
}

/* WS-304: what makes a frame of a client malformed; NULL = nothing. */
static const char *frame_flaw(const struct conn *conn, const struct frame *frame)
{
    bool control = frame->opcode >= 8;

    if (frame->reserved != 0) {
        return "reserved bits are set";
    }
    if (!frame->masked) {
        return "a frame of the client is not masked";
    }
    if (frame->opcode > 10 || (frame->opcode > 2 && frame->opcode < 8)) {
        return "unknown opcode";
    }
    if (frame->wide) {
        return "a length in more bytes than it needs";
    }
    if (control && (!frame->fin || frame->payload_bytes > CONTROL_BYTES_MAX)) {
        return "a control frame is fragmented or too long";
    }
    if (!control && (frame->opcode == 0) != conn->in_fragments) {
        return "a continuation where none belongs, or none where one does";
    }
    if (frame->payload_bytes > MESSAGE_BYTES_MAX ||
        conn->fragments.len + frame->payload_bytes > MESSAGE_BYTES_MAX) {
        return "a message beyond the limit";
    }
    return NULL;
}

static bool fail(struct conn *conn, const char *why)
{
    conn_violation(conn, "WS-304", why);
    ws_send_close(conn, 1002, why);
    ws_is_gone(conn, 1002, eca_view_str(why));
    conn_finish(conn);
    return false;
}

static void got_close(struct conn *conn, struct eca_view payload)
{
    int code = NO_CODE;
    struct eca_view reason = ECA_VIEW_NONE;

    if (payload.len >= 2) {
        code = (unsigned char)payload.at[0] << 8 | (unsigned char)payload.at[1];
        reason = eca_view_sub(payload, 2, SIZE_MAX);
    }
    if (!conn->ws_closing) {
        ws_send_close(conn, code, "");
    }
    ws_is_gone(conn, code, reason);
    conn_finish(conn);
}

static void got_frame(struct conn *conn, const struct frame *frame, struct eca_view payload)
{
    if (frame->opcode == 8) {
        got_close(conn, payload);
    } else if (frame->opcode == 9) {
        ws_send_frame(conn, 10, payload);
    } else if (frame->opcode == 10) {
        fake_hub_ws_pong(conn->ws, payload);
    } else {
        if (frame->opcode == 2) {
            conn_violation(conn, "WS-140", "a binary message of the client");
        }
        conn->fragment_count++;
        eca_buf_add_view(&conn->fragments, payload);
        conn->in_fragments = !frame->fin;
        if (frame->fin) {
            eca_auto_buf struct eca_buf whole = conn->fragments;
            uint32_t frames = conn->fragment_count;
            conn->fragments = (struct eca_buf){0};
            conn->fragment_count = 0;
            fake_hub_ws_text(conn->ws, eca_buf_view(&whole), frames);
        }
    }
}

bool ws_eat(struct conn *conn)
{
    struct eca_view in = eca_buf_view(&conn->in);
    eca_auto_buf struct eca_buf payload = {0};
    struct frame frame;
    const char *flaw;

    if (conn->ws == NULL || !read_head(in, &frame)) {
        return false;
    }
    flaw = frame_flaw(conn, &frame);
    if (flaw != NULL) {
        return fail(conn, flaw);
    }
    if (in.len - frame.head_bytes < frame.payload_bytes) {
        return false;
    }
    eca_buf_add_view(&payload, eca_view_sub(in, frame.head_bytes, (size_t)frame.payload_bytes));
    for (size_t i = 0; i < payload.len; i++) {
        payload.at[i] = (char)(payload.at[i] ^ (char)frame.mask[i % 4]);
    }
    eca_buf_drop(&conn->in, frame.head_bytes + (size_t)frame.payload_bytes);
    got_frame(conn, &frame, eca_buf_view(&payload));
    return true;
}
