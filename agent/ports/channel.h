#ifndef ECA_PORTS_CHANNEL_H
#define ECA_PORTS_CHANNEL_H

#include "agent/ports/http.h"

/*
 * Websocket client port (WS-1xx). One connection per open; one writer per connection: messages are
 * queued whole and written whole, in order (FB-21.5). Pings are answered by the adapter and count
 * as nothing.
 *
 * All events run from the loop, never inside an eca_channel_* call. on_end runs exactly once, last,
 * also when the connection never stood. After eca_channel_abort no event runs.
 */
struct eca_channel_opts {
    const char *url;                       /* https wss http ws; path and query complete */
    const struct eca_http_header *headers; /* signature headers; Host and Sec-* are the adapter's */
    size_t header_count;
    uint64_t connect_ms;         /* dial + proxy + TLS + upgrade answer together (WS-105): 30 s */
    uint64_t write_stall_ms;     /* no progress of a pending write for this long ends it (WS-150) */
    uint64_t message_bytes_max;  /* larger incoming message: Close 1009 and end */
    size_t send_queue_bytes_max; /* more unsent bytes than this: send fails with ECA_E_LIMIT */
    enum eca_http_proxy proxy;
    bool insecure;     /* -k */
    bool plain_http;   /* test switch of L-3: http and ws without TLS */
    const char *party; /* "acs", "tcs" */
};

enum eca_channel_how {
    ECA_CHANNEL_CONNECT_FAILED, /* dial, proxy, TLS, deadline before the upgrade answer */
    ECA_CHANNEL_REFUSED,        /* an HTTP answer other than 101: status and body are set */
    ECA_CHANNEL_CLOSED_BY_PEER, /* Close frame; close_code 1005 when it had none */
    ECA_CHANNEL_LOST,           /* end of TCP or TLS without Close, read error, protocol error */
    ECA_CHANNEL_STALLED,        /* write deadline */
    ECA_CHANNEL_CLOSED_BY_US,   /* eca_channel_close finished */
};

#define ECA_CHANNEL_REFUSAL_BYTES_MAX ((size_t)64 << 10) /* WS-105 */

struct eca_channel_end {
    enum eca_channel_how how;
    int close_code;               /* Close frame */
    struct eca_view close_reason; /* Close frame, borrowed */
    int status;                   /* REFUSED */
    struct eca_view body;         /* REFUSED, at most ECA_CHANNEL_REFUSAL_BYTES_MAX, borrowed */
    struct eca_err err;           /* sentence for every `how` but a clean close */
};

struct eca_channel_events {
    void (*on_open)(void *arg);
    void (*on_text)(void *arg,
                    struct eca_view message); /* whole message; binary is handed in alike */
    void (*on_end)(void *arg, const struct eca_channel_end *end);
    void (*on_written)(
        void *arg); /* the next message sent is with the transport as a whole; NULL ok */
};

struct eca_channel_conn; /* opaque, owned by the port, gone after on_end or abort */
struct eca_channel_ops {
    int (*open)(void *impl, const struct eca_channel_opts *opts,
                const struct eca_channel_events *events, void *arg,
                struct eca_channel_conn **ret_conn, struct eca_err *err);
    int (*send)(void *impl, struct eca_channel_conn *conn, struct eca_view text,
                struct eca_err *err);
    void (*close)(void *impl, struct eca_channel_conn *conn, int code);
    void (*abort)(void *impl, struct eca_channel_conn *conn);
};
struct eca_channel {
    const struct eca_channel_ops *ops;
    void *impl;
};

static inline int eca_channel_open(struct eca_channel channel, const struct eca_channel_opts *opts,
                                   const struct eca_channel_events *events, void *arg,
                                   struct eca_channel_conn **ret_conn, struct eca_err *err)
{
    return channel.ops->open(channel.impl, opts, events, arg, ret_conn, err);
}
/* Queue one text message, copied. ECA_E_CONFLICT before on_open and after close (WS-151). */
static inline int eca_channel_send(struct eca_channel channel, struct eca_channel_conn *conn,
                                   struct eca_view text, struct eca_err *err)
{
    return channel.ops->send(channel.impl, conn, text, err);
}
/* Close frame after what is queued, at most 1 s, then on_end. Never waits for a writer (FB-21.3).
 */
static inline void eca_channel_close(struct eca_channel channel, struct eca_channel_conn *conn,
                                     int code)
{
    channel.ops->close(channel.impl, conn, code);
}
/* Drop the connection now, no events any more. */
static inline void eca_channel_abort(struct eca_channel channel, struct eca_channel_conn *conn)
{
    channel.ops->abort(channel.impl, conn);
}

#endif
