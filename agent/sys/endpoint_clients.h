#ifndef ECA_SYS_ENDPOINT_CLIENTS_H
#define ECA_SYS_ENDPOINT_CLIENTS_H

#include <netinet/in.h>

#include "agent/base/list.h"
#include "agent/ports/sched.h"

/*
 * Who is connected to a local server, and until when he may be (INTRO-130): the HTTP library closes
 * the idle, but one byte now and then is enough for it, and its limit for each address answers
 * nothing.
 */
struct eca_clients {
    struct eca_sched *sched;
    struct eca_list list; /* struct eca_client */
    uint32_t per_remote_max, loopback_max;
};

struct eca_client {
    struct eca_list_node node;
    struct eca_clients *clients;
    struct in6_addr remote; /* IPv4 mapped */
    int fd;
    size_t answer_bytes; /* that it has not taken yet */
    struct eca_timer deadline;
};

void eca_clients_init(struct eca_clients *clients, struct eca_sched *sched, uint32_t per_remote_max,
                      uint32_t loopback_max);
/* Has this address connections to spare? */
bool eca_clients_has_room(const struct eca_clients *clients, const struct sockaddr *address);
/* A connection of the library's; fd is borrowed until eca_clients_remove. */
struct eca_client *eca_clients_add(struct eca_clients *clients, const struct sockaddr *address,
                                   int fd);
void eca_clients_remove(struct eca_client *client); /* NULL ok */
/* Answers that nobody takes stay in memory: false when this address, or all together, have too many
 * of them (ECA_CLIENTS_ANSWER_BYTES_MAX). */
#define ECA_CLIENTS_REMOTE_ANSWER_BYTES_MAX ((size_t)2 << 20)
#define ECA_CLIENTS_ANSWER_BYTES_MAX ((size_t)16 << 20)
bool eca_client_may_ask(const struct eca_client *client);
/* What goes on now must be over within this time, else the connection is shut down, at which the
 * library closes it. */
void eca_client_hurry(struct eca_client *client, uint64_t within_ms);

#endif
