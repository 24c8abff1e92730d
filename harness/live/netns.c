#include "harness/live/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address_of(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    (void)inet_pton(AF_INET, text, &address.sin_addr);
    return address;
}

/* An address can be bound only where it is an interface's own. */
static bool owns_metadata_address(void)
{
    struct sockaddr_in address = address_of(HNS_METADATA_ADDRESS);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool owns = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return owns;
}

static int set_address(int fd, const char *interface, const char *address, const char *mask)
{
    struct ifreq request = {0};
    struct sockaddr_in value = address_of(address);

    strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
    memcpy(&request.ifr_addr, &value, sizeof(value));
    if (ioctl(fd, SIOCSIFADDR, &request) < 0) {
        return -1;
    }
    value = address_of(mask);
    memcpy(&request.ifr_netmask, &value, sizeof(value));
    return ioctl(fd, SIOCSIFNETMASK, &request);
}

static int raise_loopback(int fd)
{
    struct ifreq request = {0};

    strncpy(request.ifr_name, "lo", sizeof(request.ifr_name) - 1);
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
        return -1;
    }
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

/*
 * The agent's local ports, and the first that the fake daemon publishes by itself, are in the range
 * from which the kernel takes the ports of connections.
 */
static int reserve_ports(void)
{
    static const char ports[] = "51670-51680,32768-32799";
    int fd = open("/proc/sys/net/ipv4/ip_local_reserved_ports", O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, ports, sizeof(ports) - 1) == (ssize_t)sizeof(ports) - 1;

    if (fd >= 0) {
        (void)close(fd);
    }
    return written ? 0 : -1;
}

int hns_netns_enter(struct eca_err *err)
{
    int fd, rc;

    if (owns_metadata_address()) {
        return ECA_OK;
    }
    if (unshare(CLONE_NEWNET) < 0) {
        return eca_err_set_sys(err, ECA_E_DENIED, errno, "a network namespace of our own");
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    rc = fd < 0 ? -1 : raise_loopback(fd);
    if (rc == 0) {
        rc = set_address(fd, "lo:1", HNS_METADATA_ADDRESS, "255.255.255.255");
    }
    rc = rc < 0 ? rc : reserve_ports();
    if (rc < 0) {
        int sys = errno;

        if (fd >= 0) {
            (void)close(fd);
        }
        return eca_err_set_sys(err, ECA_E_INTERNAL, sys, "loopback of the network namespace");
    }
    (void)close(fd);
    return ECA_OK;
}
