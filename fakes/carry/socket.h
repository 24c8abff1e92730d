#ifndef FAKES_CARRY_SOCKET_H
#define FAKES_CARRY_SOCKET_H

#include "fakes/carry/carry.h"
#include "fakes/carry/certs.h"

/*
 * The hub's parties on real sockets: HTTP/1.1 on TCP and unix sockets, with or without TLS, and
 * websockets upgraded from it; one listener serves plain requests and upgrades alike.
 *
 * The carrier brings its own server instead of a library's: half of its purpose is to break the
 * protocol at a chosen byte (WS-311), which servers made for production refuse to do. It sleeps
 * nowhere: it is one descriptor that becomes readable, and one call.
 *
 *   watch fake_socket_fd() for reading; then fake_socket_dispatch(), then eca_sched_run() ...
 *
 * A process with this carrier ignores SIGPIPE. Every socket is non-blocking, close-on-exec, and TCP
 * ones carry TCP_NODELAY (EVENT-LOOP 11).
 */
struct fake_socket;
struct fake_socket *fake_socket_new(struct fake_hub *hub, struct eca_sched *sched);
/* Closes everything; exchanges and websockets end as if their clients had left. */
void fake_socket_free(struct fake_socket *carrier);

int fake_socket_fd(const struct fake_socket *carrier);
/* Handles what is ready, without waiting; returns how many events that were. */
size_t fake_socket_dispatch(struct fake_socket *carrier);

/* For a loop that calls back with a descriptor's events: fake_socket_dispatch of `carrier`, as in
 * eca_loop_watch(loop, fake_socket_fd(carrier), EPOLLIN, fake_socket_on_ready, carrier). */
void fake_socket_on_ready(void *carrier, uint32_t epoll_events);

/* Files of fakes/carry/certs.h; needed before the first TLS listener. */
int fake_socket_use_certs(struct fake_socket *carrier, const char *cert_file, const char *key_file,
                          struct eca_err *err);

struct fake_socket_listen {
    const char *party;
    const char *address;   /* NULL = 127.0.0.1 */
    uint16_t port;         /* 0 = any */
    const char *unix_path; /* instead of address and port; replaced when it exists */
    bool tls;
    /* CONNECT is answered 200; what comes through TLS inside belongs to this party. NULL: no. */
    const char *tunnel_party;
};
/* *ret_port (may be NULL): the port. Errors: ECA_E_INVALID, ECA_E_CONFLICT address in use. */
int fake_socket_listen(struct fake_socket *carrier, const struct fake_socket_listen *opts,
                       uint16_t *ret_port, struct eca_err *err);

/*
 * Faults below HTTP (WS-311): of the connections to a party, `skip` pass, and the next `times` (0 =
 * all until cleared) stop at a stage: stay silent for ever, or are closed there.
 */
enum fake_socket_stage {
    FAKE_SOCKET_BEFORE_TLS,    /* TCP accepted, nothing read */
    FAKE_SOCKET_AFTER_HELLO,   /* the first bytes came */
    FAKE_SOCKET_AFTER_TLS,     /* handshake done (plain: as AFTER_HELLO) */
    FAKE_SOCKET_AFTER_REQUEST, /* a whole request came; nobody sees it */
};
enum fake_socket_stop {
    FAKE_SOCKET_SILENT,
    FAKE_SOCKET_CLOSE, /* clean end of TCP */
    FAKE_SOCKET_RESET,
};
void fake_socket_fault(struct fake_socket *carrier, const char *party, enum fake_socket_stage stage,
                       enum fake_socket_stop stop, uint32_t skip, uint32_t times);
void fake_socket_fault_clear(struct fake_socket *carrier);
/* The connections of a party fall silent without any close: a pulled cable. Returns how many. */
size_t fake_socket_freeze(struct fake_socket *carrier, const char *party);

size_t fake_socket_connections(const struct fake_socket *carrier, const char *party);

#endif
