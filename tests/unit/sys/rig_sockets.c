#include "tests/unit/sys/rig_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUIET_ROUNDS 3 /* the kernel hands a byte over within one; this is for good measure */
#define STEP_MS 20

struct rig_sockets rig_sockets;

static const char *env(void *arg, const char *name)
{
    (void)arg;
    for (size_t i = 0; i < RIG_ENV_MAX && rig_sockets.env[i][0] != NULL; i++) {
        if (strcmp(rig_sockets.env[i][0], name) == 0) {
            return rig_sockets.env[i][1];
        }
    }
    return NULL;
}

/* A port that was free a moment ago and that nobody listens at. */
static uint16_t unused_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

uint16_t rig_sockets_listen(const struct fake_socket_listen *listen)
{
    struct eca_err err = {0};
    uint16_t port = 0;

    ck_assert_msg(fake_socket_listen(rig_sockets.carrier, listen, &port, &err) == 0, "%s", err.msg);
    return port;
}

static void prepare(void)
{
    struct eca_clock clock = manual_clock_port(&contract.stage.clock);
    struct eca_err err = {0};

    memset(&rig_sockets, 0, sizeof(rig_sockets));
    rig_sockets.loop = eca_loop_new(&(struct eca_loop_opts){.clock = &clock}, &err);
    ck_assert_msg(rig_sockets.loop != NULL, "%s", err.msg);
    contract.stage.base.sched = eca_loop_sched(rig_sockets.loop);
}

static void on_line(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    (void)arg;
    (void)level;
    (void)wall_ms;
    eca_buf_add_view(&rig_sockets.lines, line);
}

static int64_t wall_ms(void *arg)
{
    (void)arg;
    return 0;
}

static void open_adapters(void)
{
    struct eca_tls_trust trust = {.file = rig_sockets.certs.ca_file};
    struct eca_http_client_opts curl_opts = {.loop = rig_sockets.loop, .trust = trust, .env = env};
    struct eca_channel_lws_opts lws_opts = {
        .loop = rig_sockets.loop, .trust = trust, .env = env, .log = &rig_sockets.log};
    struct eca_err err = {0};

    rig_sockets.log = (struct eca_log){.level = ECA_LOG_INFO, .sink = on_line, .wall_ms = wall_ms};
    rig_sockets.curl = eca_http_client_new(&curl_opts, &err);
    ck_assert_msg(rig_sockets.curl != NULL, "%s", err.msg);
    rig_sockets.lws = eca_channel_lws_new(&lws_opts);
    contract.stage.http = eca_http_client_port(rig_sockets.curl);
    contract.stage.channel = eca_channel_lws_port(rig_sockets.lws);
}

static void open_sockets(void)
{
    struct fake_certs_opts certs = {.dir = rig_sockets.dir, .wall_ms = (int64_t)time(NULL) * 1000};
    struct eca_err err = {0};

    memcpy(rig_sockets.dir, "/tmp/rig-sockets-XXXXXX", sizeof("/tmp/rig-sockets-XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(rig_sockets.dir));
    ck_assert_msg(fake_certs_make(&certs, &rig_sockets.certs, &err) == 0, "%s", err.msg);
    rig_sockets.carrier = fake_socket_new(contract.stage.base.hub, contract.stage.base.sched);
    ck_assert_int_eq(fake_socket_use_certs(rig_sockets.carrier, rig_sockets.certs.cert_file,
                                           rig_sockets.certs.key_file, &err),
                     0);
    (void)snprintf(contract.unix_socket, sizeof(contract.unix_socket), "%s/word.sock",
                   rig_sockets.dir);
    (void)snprintf(contract.no_unix_socket, sizeof(contract.no_unix_socket), "%s/nobody.sock",
                   rig_sockets.dir);
    rig_sockets.plain_port = rig_sockets_listen(&(struct fake_socket_listen){.party = "word"});
    rig_sockets.tls_port =
        rig_sockets_listen(&(struct fake_socket_listen){.party = "word", .tls = true});
    (void)rig_sockets_listen(
        &(struct fake_socket_listen){.party = "word", .unix_path = contract.unix_socket});
    (void)snprintf(contract.http, sizeof(contract.http), "http://127.0.0.1:%u",
                   rig_sockets.plain_port);
    (void)snprintf(contract.wss, sizeof(contract.wss), "wss://127.0.0.1:%u", rig_sockets.tls_port);
    (void)snprintf(contract.nobody, sizeof(contract.nobody), "127.0.0.1:%u", unused_port());
    rig_sockets.watch = eca_loop_watch(rig_sockets.loop, fake_socket_fd(rig_sockets.carrier),
                                       EPOLLIN, fake_socket_on_ready, rig_sockets.carrier);
    open_adapters();
}

static void close_sockets(void)
{
    eca_buf_clear(&rig_sockets.lines);
    eca_channel_lws_free(rig_sockets.lws);
    eca_http_client_free(rig_sockets.curl);
    eca_loop_unwatch(rig_sockets.watch);
    fake_socket_free(rig_sockets.carrier);
    fake_hub_free(contract.stage.base.hub);
    fake_trace_free(contract.stage.base.trace);
    eca_loop_free(rig_sockets.loop);
    (void)unlink(contract.unix_socket);
    (void)unlink(rig_sockets.certs.ca_file);
    (void)unlink(rig_sockets.certs.cert_file);
    (void)unlink(rig_sockets.certs.key_file);
    (void)rmdir(rig_sockets.dir);
}

static void pump(void)
{
    for (int quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
        /* A thread that looks up a name takes no time of the manual clock. */
        while (eca_loop_step(rig_sockets.loop, eca_loop_has_work(rig_sockets.loop))) {
            quiet = 0;
        }
    }
}

void rig_sockets_round(void)
{
    (void)poll(NULL, 0, 1);
    contract_advance_ms(20);
}

const struct contract_rig rig_sockets_contract = {.open = open_sockets,
                                                  .close = close_sockets,
                                                  .pump = pump,
                                                  .step_ms_max = STEP_MS,
                                                  .prepare = prepare};
