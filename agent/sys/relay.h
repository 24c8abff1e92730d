#ifndef ECA_SYS_RELAY_H
#define ECA_SYS_RELAY_H

#include "agent/base/list.h"
#include "agent/ports/channel.h"
#include "agent/sys/stream.h"

/*
 * How libwebsockets reaches a server: it connects to a unix socket of ours, which lives for this
 * one connection under a random abstract name, and the bytes are copied between there and a stream
 * (names, proxies, TLS, deadlines: what the library does not do well, docs/EVENT-LOOP.md
 * section 6). Both directions hold at most RELAY_BYTES; whoever is ahead waits.
 *
 * The relay also reads what the server says as far as the library would not: a refusal of the
 * upgrade, which the library shows in one blocking callback (WS-131), and the headers of frames,
 * of which the library lets broken ones pass (WS-145).
 */
#define ECA_RELAY_BYTES ((size_t)16 << 10)

struct eca_relay;
/* Run from the loop, never inside an eca_relay_* call; in each the relay may be left or freed. The
 * library's own connection ends only when its owner ends it. */
struct eca_relay_events {
    void (*on_ready)(void *arg, const char *address); /* "+@name": connect there now */
    /* Before or after on_ready, last: no connection, no TLS, no answer to the upgrade. */
    void (*on_failed)(void *arg, const struct eca_err *err);
    /* The head of an answer other than 101 is complete; its body has a deadline of its own. */
    void (*on_refusal)(void *arg);
    /* Last: the body as far as it came within 5 s and ECA_CHANNEL_REFUSAL_BYTES_MAX (WS-105),
     * borrowed. */
    void (*on_refused)(void *arg, int status, struct eca_view body);
    /* Last: a frame broke the protocol ("websocket: ..."). A Close that says so is on its way, and
     * the library reads the end after all that came before. */
    void (*on_broken)(void *arg, const struct eca_err *err);
};

/* list: of the owner, who frees what is still in it (eca_relay_from_node) when it goes itself. */
struct eca_relay *eca_relay_open(const struct eca_stream_opts *opts, struct eca_list *list,
                                 const struct eca_relay_events *events, void *arg);
/* The library's end is closed or will be: what it wrote still goes out, for a second at most. No
 * event any more; the relay frees itself. NULL ok. */
void eca_relay_leave(struct eca_relay *relay);
void eca_relay_free(struct eca_relay *relay); /* what the kernel takes at once still goes out */
struct eca_relay *eca_relay_from_node(struct eca_list_node *node);

#endif
