#ifndef FAKES_CARRY_SOCKET_CONN_H
#define FAKES_CARRY_SOCKET_CONN_H

#include <openssl/ssl.h>

#include "agent/base/list.h"
#include "fakes/carry/link.h"
#include "fakes/carry/socket.h"

/* The inside of the socket carrier: socket.c (listeners, bytes), socket_http.c, socket_ws.c. */
#define SOCKET_HEAD_BYTES_MAX ((size_t)64 << 10)
#define SOCKET_BODY_BYTES_MAX ((size_t)64 << 20)
#define SOCKET_HEADERS_MAX 64
#define SOCKET_UNSENT_BYTES_MAX ((size_t)128 << 20)
#define SOCKET_EVENTS_MAX 64
#define SOCKET_ECHO_MS 5000 /* WS-307 */

struct listener {
    struct eca_list_node node;
    struct fake_socket *carrier;
    char *party, *address, *unix_path, *tunnel_party;
    uint16_t port;
    bool tls;
    int fd; /* -1 while the party is refused */
};

struct socket_rule {
    struct eca_list_node node;
    char *party;
    enum fake_socket_stage stage;
    enum fake_socket_stop stop;
    uint32_t skip, left; /* left 0 = for ever */
};

struct fake_socket {
    struct fake_hub *hub;
    struct eca_sched *sched;
    int epoll_fd;
    SSL_CTX *tls;
    struct eca_list listeners, conns, rules;
    uint64_t next_conn;
};

enum conn_phase {
    CONN_HANDSHAKE, /* TLS */
    CONN_HEAD,      /* waits for a request's head */
    CONN_BODY,
    CONN_ANSWER, /* the hub has it */
    CONN_WS,
    CONN_FLUSH,  /* only writes what is left, then closes */
    CONN_FROZEN, /* silent until the peer gives up */
    CONN_DEAD,   /* closed; freed by its deferred work */
};

struct conn {
    struct eca_list_node node;
    struct fake_socket *carrier;
    struct listener *listener; /* for its party; listeners live as long as the carrier */
    int fd;
    SSL *ssl;
    bool in_tunnel; /* behind a CONNECT */
    enum conn_phase phase;
    uint32_t watched; /* epoll events */
    bool reading, peer_ended, lost;
    uint64_t read_left; /* bytes until it stops reading by itself; UINT64_MAX = never */
    char peer[64];
    struct eca_buf in, out;
    struct eca_deferred work;
    bool has_rule;
    enum fake_socket_stage rule_stage;
    enum fake_socket_stop rule_stop;
    /* request */
    char *method, *target;
    struct eca_http_header headers[SOCKET_HEADERS_MAX];
    size_t header_count;
    struct eca_buf body;
    uint64_t body_left;
    bool chunked, keep_alive, upgrade;
    struct fake_exchange *exchange;
    bool answer_chunked, answer_bodiless;
    /* websocket */
    struct fake_ws *ws;
    struct eca_buf fragments;
    uint32_t fragment_count;
    bool in_fragments, ws_closing;
    struct eca_timer echo;
};

/* socket.c */
void conn_send(struct conn *conn, struct eca_view bytes); /* queues and tries to write */
void conn_finish(struct conn *conn);                      /* flush what is queued, then close */
void conn_close(struct conn *conn, bool reset);           /* at once */
void conn_violation(struct conn *conn, const char *rule, const char *what);
void conn_watch(struct conn *conn);
void conn_tunnel(struct conn *conn); /* the request was CONNECT */
/* True: a rule ends the connection's life at this stage. */
bool conn_stops(struct conn *conn, enum fake_socket_stage stage);

/* socket_http.c: eat from conn->in; false = more bytes are needed, or the connection is over. */
bool http_eat(struct conn *conn);
void http_clear_request(struct conn *conn);
extern const struct fake_link_ops socket_link_ops;

/* socket_ws.c */
void ws_accept(struct conn *conn, struct fake_ws *ws, struct eca_view glued);
void ws_accept_falsely(struct conn *conn);
bool ws_eat(struct conn *conn);
void ws_send_frame(struct conn *conn, unsigned opcode, struct eca_view payload);
void ws_send_close(struct conn *conn, int code, const char *reason);
void ws_is_gone(struct conn *conn, int code, struct eca_view reason); /* tells the hub, once */

#endif
