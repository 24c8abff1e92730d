#ifndef TESTS_UNIT_SYS_RAW_SERVER_H
#define TESTS_UNIT_SYS_RAW_SERVER_H

#include "agent/base/buf.h"
#include "agent/sys/loop.h"

/*
 * A server that says exactly the bytes it is told to, one connection at a time, on loopback: what
 * no well-behaved server says. With relay_port it is a proxy: after its answer the bytes go
 * through.
 */
#define RAW_PARTS_MAX 4
#define RAW_PART_GAP_MS 50

struct raw_server {
    struct eca_loop *loop;
    uint16_t port;
    /* What it does; set before a connection comes. */
    struct eca_view parts[RAW_PARTS_MAX]; /* said one after the other, with a gap */
    bool close_after;
    uint16_t relay_port;
    /* What it saw. */
    struct eca_buf request;
    size_t connections;
    /* Inside. */
    int listen_fd, fd, relay_fd;
    struct eca_fd_watch *listen_watch, *watch, *relay_watch;
    struct eca_timer timer;
    size_t next_part;
    bool answering;
};

void raw_server_open(struct raw_server *server, struct eca_loop *loop);
void raw_server_close(struct raw_server *server);
void raw_server_say(struct raw_server *server, const char *text); /* the only part */

#endif
