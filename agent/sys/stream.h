#ifndef ECA_SYS_STREAM_H
#define ECA_SYS_STREAM_H

#include "agent/ports/proxy.h"
#include "agent/sys/loop.h"
#include "agent/sys/tls_trust.h"

/*
 * A connection to a named host: name resolution, TCP, a proxy's tunnel, TLS, all of it without ever
 * making the loop wait. The caller holds the deadline and frees the stream when it passes.
 *
 * All events run from the loop, never inside an eca_stream_* call. After eca_stream_free none runs;
 * it is allowed inside every event.
 */
struct eca_stream;
struct ssl_ctx_st;

struct eca_stream_opts {
    struct eca_loop *loop;
    const char *host; /* name or address, without brackets; copied, as is the proxy */
    uint16_t port;
    const struct eca_proxy *proxy; /* used = false: direct */
    bool tls;                      /* with the host; an https:// proxy has its own around it */
    bool insecure;                 /* neither of the two is verified (-k) */
    struct ssl_ctx_st *ctx;        /* of eca_stream_tls_new, borrowed; for both */
};

/*
 * TLS as a client (WS-104): 1.2 or newer, chain and name verified against this trust. Loading it is
 * dear, so one for all streams. NULL: no memory.
 */
struct ssl_ctx_st *eca_stream_tls_new(const struct eca_tls_trust *trust);
void eca_stream_tls_free(struct ssl_ctx_st *ctx); /* NULL ok */

struct eca_stream_events {
    void (*on_open)(void *arg); /* reading and writing works from here on */
    /* Bytes came or room is there: read until nothing comes, write what waits. */
    void (*on_io)(void *arg);
    /* It did not come to stand; once, last. The sentence names the step: "dial", "proxy", "TLS". */
    void (*on_failed)(void *arg, const struct eca_err *err);
};

struct eca_stream *eca_stream_open(const struct eca_stream_opts *opts,
                                   const struct eca_stream_events *events, void *arg);

/* *ret_len 0 = nothing now. ECA_E_TRANSIENT: it is over ("unexpected EOF", or the reason), no event
 * comes any more. */
int eca_stream_read(struct eca_stream *stream, void *bytes, size_t len, size_t *ret_len,
                    struct eca_err *err);
/* Takes what there is room for; on_io follows when there is more. */
int eca_stream_write(struct eca_stream *stream, struct eca_view bytes, size_t *ret_len,
                     struct eca_err *err);
void eca_stream_set_reading(struct eca_stream *stream, bool reading); /* false: no room for more */
/* We have nothing more to say: end of our direction. Reading goes on. */
void eca_stream_shutdown(struct eca_stream *stream);
void eca_stream_free(struct eca_stream *stream); /* NULL ok */

#endif
