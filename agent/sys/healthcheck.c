#include "agent/sys/healthcheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/sys/clock.h"

/* What is left of the time, as a limit of the next call; false: nothing. */
static bool limit_next(int fd, uint64_t until_ns)
{
    uint64_t now_ns = eca_clock_mono_ns(eca_clock_system());
    uint64_t left_us = now_ns < until_ns ? (until_ns - now_ns) / 1000 : 0;
    struct timeval limit = {.tv_sec = (time_t)(left_us / 1000000),
                            .tv_usec = (suseconds_t)(left_us % 1000000)};

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    return left_us > 0; /* 0 would mean no limit */
}

/* Until the beginning of an answer is whole, the connection ends, or the time is over. */
static size_t ask(int fd, uint64_t until_ns, char *answer, size_t size)
{
    static const char request[] =
        "GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    size_t got = 0;

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1) {
        return 0;
    }
    while (got < size && limit_next(fd, until_ns)) {
        ssize_t piece = recv(fd, answer + got, size - got, 0);

        if (piece <= 0) {
            break;
        }
        got += (size_t)piece;
    }
    return got;
}

static int check(int fd, uint16_t port, int limit_ms, struct eca_err *err)
{
    static const char version[] = "HTTP/1.1 ", good[] = "200";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    uint64_t until_ns =
        eca_clock_mono_ns(eca_clock_system()) + (uint64_t)limit_ms * UINT64_C(1000000);
    char answer[sizeof(version) + sizeof(good) - 2];
    const char *status = answer + sizeof(version) - 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!limit_next(fd, until_ns) ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return eca_err_set_sys(err, ECA_E_NOT_FOUND, errno, "no agent at 127.0.0.1:%u", port);
    }
    if (ask(fd, until_ns, answer, sizeof(answer)) < sizeof(answer) ||
        memcmp(answer, version, sizeof(version) - 1) != 0) {
        return eca_err_set(err, ECA_E_TIMEOUT, "no answer from 127.0.0.1:%u within %d ms", port,
                           limit_ms);
    }
    if (memcmp(status, good, sizeof(good) - 1) != 0) {
        return eca_err_set(err, ECA_E_CONFLICT, "status %.3s: /v1/health on port %u says why",
                           status, port);
    }
    return ECA_OK;
}

int eca_healthcheck(uint16_t port, int limit_ms, struct eca_err *err)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, errno, "socket");
    }
    rc = check(fd, port, limit_ms, err);
    (void)close(fd);
    return rc;
}
