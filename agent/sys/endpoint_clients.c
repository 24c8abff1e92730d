#include "agent/sys/endpoint_clients.h"

#include <string.h>
#include <sys/socket.h>

#include "agent/base/mem.h"

void eca_clients_init(struct eca_clients *clients, struct eca_sched *sched, uint32_t per_remote_max,
                      uint32_t loopback_max)
{
    *clients = (struct eca_clients){
        .sched = sched, .per_remote_max = per_remote_max, .loopback_max = loopback_max};
    eca_list_init(&clients->list);
}

static struct in6_addr remote_of(const struct sockaddr *address)
{
    struct in6_addr remote = {0};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof(v4));
        remote.s6_addr[10] = remote.s6_addr[11] = 0xff;
        memcpy(&remote.s6_addr[12], &v4.sin_addr, sizeof(v4.sin_addr));
    } else if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof(v6));
        remote = v6.sin6_addr;
    }
    return remote;
}

static bool is_loopback(const struct in6_addr *remote)
{
    return (IN6_IS_ADDR_V4MAPPED(remote) && remote->s6_addr[12] == 127) ||
           IN6_IS_ADDR_LOOPBACK(remote);
}

bool eca_clients_has_room(const struct eca_clients *clients, const struct sockaddr *address)
{
    struct in6_addr remote = remote_of(address);
    uint32_t max = is_loopback(&remote) ? clients->loopback_max : clients->per_remote_max;
    uint32_t count = 0;

    /* At most as many as one server has connections: a few hundred. */
    ECA_LIST_FOREACH(it, &clients->list)
    {
        const struct eca_client *client = eca_list_entry(it, struct eca_client, node);

        count += memcmp(&client->remote, &remote, sizeof(remote)) == 0 ? 1 : 0;
    }
    return count < max;
}

bool eca_client_may_ask(const struct eca_client *client)
{
    size_t remote_bytes = 0, bytes = 0;

    ECA_LIST_FOREACH(it, &client->clients->list)
    {
        const struct eca_client *other = eca_list_entry(it, struct eca_client, node);
        bool same = memcmp(&other->remote, &client->remote, sizeof(other->remote)) == 0;

        bytes += other->answer_bytes;
        remote_bytes += same ? other->answer_bytes : 0;
    }
    return bytes < ECA_CLIENTS_ANSWER_BYTES_MAX &&
           remote_bytes < ECA_CLIENTS_REMOTE_ANSWER_BYTES_MAX;
}

static void too_late(void *arg)
{
    struct eca_client *client = arg;

    (void)shutdown(client->fd, SHUT_RDWR);
}

struct eca_client *eca_clients_add(struct eca_clients *clients, const struct sockaddr *address,
                                   int fd)
{
    struct eca_client *client = eca_xalloc(sizeof(*client));

    client->clients = clients;
    client->remote = remote_of(address);
    client->fd = fd;
    eca_timer_init(&client->deadline, clients->sched, too_late, client);
    eca_list_push_back(&clients->list, &client->node);
    return client;
}

void eca_clients_remove(struct eca_client *client)
{
    if (client == NULL) {
        return;
    }
    eca_timer_stop(&client->deadline);
    eca_list_remove(&client->clients->list, &client->node);
    eca_free(client);
}

void eca_client_hurry(struct eca_client *client, uint64_t within_ms)
{
    eca_timer_start_ms(&client->deadline, within_ms);
}
