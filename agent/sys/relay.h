#ifndef ECA_SYS_RELAY_H
#define ECA_SYS_RELAY_H

#include "agent/base/list.h"
#include "agent/sys/stream.h"

/*
 * How libwebsockets reaches a server: it connects to a unix socket of ours, which lives for this
 * one connection under a random abstract name, and the bytes are copied between there and a stream
 * (names, proxies, deadlines: what the library does not do well, docs/EVENT-LOOP.md section 6).
 * Both directions hold at most RELAY_BYTES; whoever is ahead waits.
 */
#define ECA_RELAY_BYTES ((size_t)16 << 10)

struct eca_relay;
struct eca_relay_events { /* run from the loop; one of the two comes first, once */
    void (*on_ready)(void *arg, const char *address); /* "+@name": connect there now */
    void (*on_failed)(void *arg, const struct eca_err *err);
};

/* list: of the owner, who frees what is still in it (eca_relay_from_node) when it goes itself. */
struct eca_relay *eca_relay_open(const struct eca_stream_opts *opts, struct eca_list *list,
                                 const struct eca_relay_events *events, void *arg);
/* For a caller inside a callback of the library: wait for the server, in real time, and copy what
 * comes. */
void eca_relay_await(struct eca_relay *relay, int wait_ms);
/* The library's end is closed or will be: what it wrote still goes out, for a second at most. No
 * event any more; the relay frees itself. NULL ok. */
void eca_relay_leave(struct eca_relay *relay);
void eca_relay_free(struct eca_relay *relay); /* what the kernel takes at once still goes out */
struct eca_relay *eca_relay_from_node(struct eca_list_node *node);

#endif
