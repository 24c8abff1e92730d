#include "netkitten/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Service names are built in: an image of one file has no /etc/services (NKT-101). */
static const struct service {
    const char *name;
    uint16_t port;
} SERVICES[] = {
    {"echo", 7},          {"discard", 9},   {"daytime", 13},   {"chargen", 19},
    {"ftp", 21},          {"ssh", 22},      {"telnet", 23},    {"smtp", 25},
    {"time", 37},         {"domain", 53},   {"gopher", 70},    {"finger", 79},
    {"http", 80},         {"kerberos", 88}, {"pop3", 110},     {"sunrpc", 111},
    {"nntp", 119},        {"imap", 143},    {"imap2", 143},    {"snmp", 161},
    {"bgp", 179},         {"irc", 194},     {"ldap", 389},     {"https", 443},
    {"submission", 587},  {"ldaps", 636},   {"domain-s", 853}, {"ftps", 990},
    {"imaps", 993},       {"pop3s", 995},   {"socks", 1080},   {"mysql", 3306},
    {"postgresql", 5432}, {"amqp", 5672},   {"redis", 6379},   {"http-alt", 8080},
};

static int parse_port(const char *text, uint16_t *ret_port, struct nk_err *err)
{
    unsigned number = 0;
    const char *digit = text;

    for (; *digit >= '0' && *digit <= '9' && number <= UINT16_MAX; digit++) {
        number = number * 10 + (unsigned)(*digit - '0');
    }
    if (number > UINT16_MAX) {
        return nk_fail(err, "invalid port %.64s", text);
    }
    if (*digit == '\0') {
        *ret_port = (uint16_t)number;
        return 0;
    }
    for (size_t i = 0; i < sizeof(SERVICES) / sizeof(SERVICES[0]); i++) {
        if (strcmp(text, SERVICES[i].name) == 0) {
            *ret_port = SERVICES[i].port;
            return 0;
        }
    }
    return nk_fail(err, "unknown port %.64s", text);
}

int nk_target_parse(const char *text, struct nk_target *ret_target, struct nk_err *err)
{
    struct nk_target target = {0};
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_len = 0;

    if (colon == NULL) {
        return nk_fail(err, "missing port in address %.200s", text);
    }
    host_len = (size_t)(colon - text);
    if (*text == '[') {
        const char *bracket = strchr(text, ']');

        if (bracket == NULL) {
            return nk_fail(err, "missing ']' in address %.200s", text);
        }
        if (bracket + 1 != colon) {
            return nk_fail(err, "missing port in address %.200s", text);
        }
        host = text + 1;
        host_len = (size_t)(bracket - host);
    } else if (memchr(text, ':', host_len) != NULL) {
        return nk_fail(err, "too many colons in address %.200s", text);
    }
    if (host_len >= sizeof(target.host)) {
        return nk_fail(err, "host name too long in address %.64s...", text);
    }
    memcpy(target.host, host, host_len);
    if (parse_port(colon + 1, &target.port, err) < 0) {
        return -1;
    }
    *ret_target = target;
    return 0;
}

/* Finish a connect() that a signal interrupted: it goes on in the background (NKT-144). */
static int await_connected(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof(error);

    while (poll(&pollfd, 1, -1) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        return -1;
    }
    errno = error;
    return error == 0 ? 0 : -1;
}

/*
 * A connection to a dead local port can, by chance of its own port, connect to itself; it would
 * then read back what it writes.
 */
static bool is_own_peer(int fd)
{
    struct sockaddr_storage self = {0};
    struct sockaddr_storage peer = {0};
    socklen_t self_len = sizeof(self);
    socklen_t peer_len = sizeof(peer);

    return getsockname(fd, (struct sockaddr *)&self, &self_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 && self_len == peer_len &&
           memcmp(&self, &peer, self_len) == 0;
}

static int connect_addr(const struct nk_addr *addr, uint16_t port, struct nk_err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = addr->family == AF_INET;
    const struct sockaddr *peer = is_v4 ? (const struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t peer_len = is_v4 ? sizeof(v4) : sizeof(v6);
    char text[INET6_ADDRSTRLEN] = "";
    int fd = socket(addr->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int cause = 0;

    memcpy(&v4.sin_addr, addr->bytes, sizeof(v4.sin_addr));
    memcpy(&v6.sin6_addr, addr->bytes, sizeof(v6.sin6_addr));
    if (fd >= 0 &&
        (connect(fd, peer, peer_len) == 0 || (errno == EINTR && await_connected(fd) == 0))) {
        if (!is_own_peer(fd)) {
            return fd;
        }
        errno = ECONNREFUSED;
    }
    cause = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    (void)inet_ntop(addr->family, addr->bytes, text, sizeof(text));
    return nk_fail(err, is_v4 ? "dial tcp %s:%u: %s" : "dial tcp [%s]:%u: %s", text, (unsigned)port,
                   strerror(cause));
}

int nk_target_connect(const struct nk_resolver *resolver, const char *text, struct nk_err *err)
{
    struct nk_target target = {0};
    struct nk_addrs addrs = {0};
    struct nk_err later;

    if (nk_target_parse(text, &target, err) < 0 ||
        nk_resolve(resolver, target.host[0] == '\0' ? "localhost" : target.host, &addrs, err) < 0) {
        return -1;
    }
    /* The first address's failure is the one worth telling. */
    for (size_t i = 0; i < addrs.count; i++) {
        int fd = connect_addr(&addrs.at[i], target.port, i == 0 ? err : &later);

        if (fd >= 0) {
            return fd;
        }
    }
    return -1;
}
