#include "agent/sys/healthcheck.h"

#include <arpa/inet.h>
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

int eca_healthcheck(uint16_t port, int limit_ms)
{
    static const char request[] =
        "GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static const char good[] = "HTTP/1.1 200";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    uint64_t until_ns =
        eca_clock_mono_ns(eca_clock_system()) + (uint64_t)limit_ms * UINT64_C(1000000);
    char answer[sizeof(good)] = "";
    size_t got = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return 1;
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (limit_next(fd, until_ns) &&
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1) {
        while (got < sizeof(good) - 1 && limit_next(fd, until_ns)) {
            ssize_t piece = recv(fd, answer + got, sizeof(good) - 1 - got, 0);

            if (piece <= 0) {
                break;
            }
            got += (size_t)piece;
        }
    }
    (void)close(fd);
    return memcmp(answer, good, sizeof(good) - 1) == 0 ? 0 : 1;
}
