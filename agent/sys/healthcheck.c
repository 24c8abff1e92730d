#include "agent/sys/healthcheck.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int eca_healthcheck(uint16_t port, int limit_ms)
{
    static const char request[] =
        "GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static const char good[] = "HTTP/1.1 200";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000};
    char answer[sizeof(good)] = "";
    size_t got = 0;
    int result = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return 1;
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1) {
        while (got < sizeof(good) - 1) {
            ssize_t piece = recv(fd, answer + got, sizeof(good) - 1 - got, 0);

            if (piece <= 0) {
                break;
            }
            got += (size_t)piece;
        }
        result = memcmp(answer, good, sizeof(good) - 1) == 0 ? 0 : 1;
    }
    (void)close(fd);
    return result;
}
