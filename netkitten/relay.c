#include "netkitten/relay.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "netkitten/target.h"

enum {
    COPY_BYTES = 32 * 1024, /* NKT-144 */
    DRAIN_MS_MAX = 200,     /* NKT-141 */
};

static int64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Send everything; no signal when the peer is gone (NKT-142). Returns 0 or -1. */
static int send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

        if (sent >= 0) {
            data += sent;
            len -= (size_t)sent;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* Write everything to standard output; a broken pipe raises its signal here (NKT-142). */
static int print_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDOUT_FILENO, data, len);

        if (written >= 0) {
            data += written;
            len -= (size_t)written;
        } else if (errno == EAGAIN) { /* somebody else made our standard output non-blocking */
            struct pollfd pollfd = {.fd = STDOUT_FILENO, .events = POLLOUT};

            (void)poll(&pollfd, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/*
 * Wait until the target has something. Returns -1 when the client, if there is one (>= 0), has
 * reset its connection meanwhile: then nobody is left to copy to.
 */
static int await_target(int target, int client)
{
    struct pollfd pollfds[2] = {{.fd = target, .events = POLLIN}, {.fd = client, .events = 0}};

    while (poll(pollfds, 2, -1) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return (pollfds[1].revents & (POLLERR | POLLHUP)) != 0 ? -1 : 0;
}

/* Copy what the target sends to the client, or to standard output (client < 0), until either ends.
 */
static void copy_target(int target, int client)
{
    char buffer[COPY_BYTES];

    while (await_target(target, client) == 0) {
        ssize_t len = recv(target, buffer, sizeof(buffer), 0);

        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            return;
        }
        if ((client < 0 ? print_all(buffer, (size_t)len) : send_all(client, buffer, (size_t)len)) <
            0) {
            return;
        }
    }
}

/*
 * End a client's connection so that it gets everything: a close with unread data would reset the
 * connection and could destroy text under way, so first read away what the client sends (NKT-141).
 */
static void finish_client(int client)
{
    char rubbish[COPY_BYTES];
    int64_t deadline_ms = now_ms() + DRAIN_MS_MAX;
    int64_t left_ms = DRAIN_MS_MAX;

    (void)shutdown(client, SHUT_WR);
    for (; left_ms > 0; left_ms = deadline_ms - now_ms()) {
        struct pollfd pollfd = {.fd = client, .events = POLLIN};

        if (poll(&pollfd, 1, (int)left_ms) > 0) {
            ssize_t len = recv(client, rubbish, sizeof(rubbish), 0);

            if (len == 0 || (len < 0 && errno != EINTR)) {
                break;
            }
        }
    }
    (void)close(client);
}

/* Bind and listen on every interface; IPv6 sockets take IPv4 too. Returns a socket or -1, errno
 * set. */
static int listen_on(uint16_t port)
{
    static const int on = 1;
    static const int off = 0;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct sockaddr *self = (const struct sockaddr *)&v6;
    socklen_t self_len = sizeof(v6);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int cause = 0;

    if (fd < 0 && errno == EAFNOSUPPORT) { /* a kernel without IPv6 */
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        self = (const struct sockaddr *)&v4;
        self_len = sizeof(v4);
    } else if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* NKT-145 */
    if (bind(fd, self, self_len) == 0 &&
        listen(fd, INT_MAX) == 0) { /* the kernel cuts to its limit */
        return fd;
    }
    cause = errno;
    (void)close(fd);
    errno = cause;
    return -1;
}

static int open_listener(long long port, struct nk_err *err)
{
    int fd = -1;

    if (port > UINT16_MAX) {
        return nk_fail(err, "Error listening: listen tcp :%lld: invalid port", port);
    }
    fd = listen_on((uint16_t)port);
    if (fd < 0) {
        return nk_fail(err, "Error listening: listen tcp :%lld: %s", port, strerror(errno));
    }
    return fd;
}

static int accept_client(int listener, struct nk_err *err)
{
    int client = -1;

    do {
        client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        /* A client that left before its turn is no failure of ours. */
    } while (client < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (client < 0) {
        return nk_fail(err, "Error accepting connection: %s", strerror(errno));
    }
    return client;
}

/* Step 2 of a round (NKT-133 to NKT-136). target: a socket, or -1 for none. */
static int serve_client(const struct nk_options *options, int *listener, int target,
                        struct nk_err *err)
{
    int client = -1;

    if (*listener < 0) {
        *listener = open_listener(options->listen_port, err);
        if (*listener < 0) {
            return -1;
        }
    }
    client = accept_client(*listener, err);
    if (client < 0) {
        return -1;
    }
    if (send_all(client, options->serve_text, strlen(options->serve_text)) == 0 && target >= 0) {
        copy_target(target, client);
    }
    finish_client(client);
    return 0;
}

static int run_round(const struct nk_options *options, const struct nk_resolver *resolver,
                     int *listener, struct nk_err *err)
{
    int target = -1;
    int result = 0;

    if (options->target[0] != '\0') {
        struct nk_err cause;

        target = nk_target_connect(resolver, options->target, &cause);
        if (target < 0) {
            return nk_fail(err, "Error connecting to target: %s", cause.msg);
        }
        (void)send_all(target, options->write_text, strlen(options->write_text));
    }
    if (options->listen_port >= 0) {
        result = serve_client(options, listener, target, err);
    } else if (target >= 0) {
        copy_target(target, -1);
    }
    if (target >= 0) {
        (void)close(target); /* each round its own (NKT-140) */
    }
    return result;
}

int nk_relay_run(const struct nk_options *options, const struct nk_resolver *resolver,
                 struct nk_err *err)
{
    int listener = -1;
    int result = 0;

    if (options->listen_port < 0 && options->target[0] == '\0') {
        while (options->loop) {
            (void)pause(); /* nothing to do for ever: wait for the signal that ends us (NKT-139) */
        }
        return 0;
    }
    do {
        result = run_round(options, resolver, &listener, err);
    } while (result == 0 && options->loop);
    if (listener >= 0) {
        (void)close(listener);
    }
    return result;
}
