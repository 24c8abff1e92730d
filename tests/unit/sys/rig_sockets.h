#ifndef TESTS_UNIT_SYS_RIG_SOCKETS_H
#define TESTS_UNIT_SYS_RIG_SOCKETS_H

#include "agent/sys/channel_lws.h"
#include "agent/sys/http_client.h"
#include "fakes/carry/socket.h"
#include "tests/unit/ports/contract.h"

/* The production adapters against the socket carrier on loopback, under a clock that the test
 * moves: hours pass in milliseconds, the bytes are real. */
#define RIG_ENV_MAX 4

struct rig_sockets {
    struct eca_loop *loop;
    struct fake_socket *carrier;
    struct eca_fd_watch *watch;
    struct eca_http_client *curl;
    struct eca_channel_lws *lws;
    struct fake_certs certs;
    char dir[32];
    uint16_t plain_port, tls_port;
    const char *env[RIG_ENV_MAX][2]; /* what the adapters read of the environment */
    struct eca_log log;
    struct eca_buf lines; /* of the adapters' log */
};
extern struct rig_sockets rig_sockets;
extern const struct contract_rig rig_sockets_contract;

uint16_t rig_sockets_listen(const struct fake_socket_listen *listen);

/* 20 ms of virtual time, and one of the kernel's, which delivers late on a busy machine: for rounds
 * that wait for a connection, whose limits are virtual. */
void rig_sockets_round(void);

#endif
