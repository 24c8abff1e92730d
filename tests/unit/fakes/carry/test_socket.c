#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fakes/acs/acs.h"
#include "fakes/carry/socket.h"
#include "fakes/docker/daemon.h"
#include "tests/unit/fakes/stage.h"

/* A client on a raw socket: what it sends is up to the test, byte by byte. */
struct raw {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    struct eca_buf got;
    bool ended, reset;
};

static struct stage stage;
static struct fake_socket *carrier;
static struct fake_docker *docker;
static struct fake_acs *acs;
static char dir[] = "/tmp/fake-socket-XXXXXX";
static char socket_path[64];
static struct fake_certs certs;
static uint16_t acs_port, plain_port;

static void setup(void)
{
    struct fake_docker_opts docker_opts = {0};
    struct fake_acs_opts acs_opts = {.heartbeat_ms = UINT64_MAX};
    struct fake_certs_opts certs_opts = {.dir = dir, .wall_ms = 1900000000000};
    struct fake_socket_listen listen = {0};
    struct eca_err err = {0};

    memcpy(dir, "/tmp/fake-socket-XXXXXX", sizeof(dir));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(socket_path, sizeof(socket_path), "%s/docker.sock", dir);
    stage_open(&stage);
    fake_memory_map(stage.memory, "/d", "docker");
    fake_memory_map(stage.memory, "acs", "acs");
    docker_opts.base = acs_opts.base = stage.base;
    docker = fake_docker_new(&docker_opts);
    acs = fake_acs_new(&acs_opts);
    carrier = fake_socket_new(stage.base.hub, stage.base.sched);
    ck_assert_msg(fake_certs_make(&certs_opts, &certs, &err) == 0, "%s", err.msg);
    listen.party = "acs";
    listen.tls = true;
    ck_assert_int_eq(fake_socket_listen(carrier, &listen, &acs_port, &err), ECA_E_INVALID);
    ck_assert_msg(fake_socket_use_certs(carrier, certs.cert_file, certs.key_file, &err) == 0, "%s",
                  err.msg);
    ck_assert_msg(fake_socket_listen(carrier, &listen, &acs_port, &err) == 0, "%s", err.msg);
    listen.tls = false;
    ck_assert_msg(fake_socket_listen(carrier, &listen, &plain_port, &err) == 0, "%s", err.msg);
    listen = (struct fake_socket_listen){.party = "docker", .unix_path = socket_path};
    ck_assert_msg(fake_socket_listen(carrier, &listen, NULL, &err) == 0, "%s", err.msg);
}

static void teardown(void)
{
    fake_socket_free(carrier);
    stage_drop_carrier(&stage);
    fake_docker_free(docker);
    fake_acs_free(acs);
    stage_close(&stage);
    (void)unlink(certs.ca_file);
    (void)unlink(certs.cert_file);
    (void)unlink(certs.key_file);
    (void)rmdir(dir);
}

/* One turn of carrier and scheduler, no waiting: loopback delivers at once (EVENT-LOOP 11). */
static void turn(void)
{
    for (int i = 0; i < 3; i++) {
        (void)fake_socket_dispatch(carrier);
        manual_clock_settle(&stage.clock);
    }
}

static void raw_unix(struct raw *raw)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    memset(raw, 0, sizeof(*raw));
    memcpy(un.sun_path, socket_path, strlen(socket_path) + 1);
    raw->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(raw->fd, (struct sockaddr *)&un, sizeof(un)), 0);
    ck_assert_int_eq(fcntl(raw->fd, F_SETFL, O_NONBLOCK), 0);
    turn();
}

static bool raw_tcp(struct raw *raw, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

    memset(raw, 0, sizeof(*raw));
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    raw->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(raw->fd, (struct sockaddr *)&in, sizeof(in)) != 0) {
        (void)close(raw->fd);
        raw->fd = -1;
        return false;
    }
    ck_assert_int_eq(fcntl(raw->fd, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(setsockopt(raw->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    turn();
    return true;
}

static void raw_close(struct raw *raw)
{
    SSL_free(raw->ssl);
    SSL_CTX_free(raw->ctx);
    if (raw->fd >= 0) {
        (void)close(raw->fd);
    }
    eca_buf_clear(&raw->got);
    turn();
}

/* True when the handshake against our CA finished. */
static bool raw_handshake(struct raw *raw)
{
    raw->ctx = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_load_verify_locations(raw->ctx, certs.ca_file, NULL), 1);
    SSL_CTX_set_verify(raw->ctx, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(raw->ctx), 1900000000);
    raw->ssl = SSL_new(raw->ctx);
    ck_assert_int_eq(SSL_set1_host(raw->ssl, "localhost"), 1);
    (void)SSL_set_fd(raw->ssl, raw->fd);
    for (int i = 0; i < 20; i++) {
        ERR_clear_error();
        if (SSL_connect(raw->ssl) == 1) {
            turn();
            return true;
        }
        turn();
    }
    return false;
}

static void raw_read(struct raw *raw)
{
    char chunk[4096];

    for (int i = 0; i < 40; i++) {
        ssize_t got;
        turn();
        if (raw->ssl != NULL) {
            ERR_clear_error(); /* the queue is shared with the server's side */
            got = SSL_read(raw->ssl, chunk, sizeof(chunk));
            if (got <= 0 && SSL_get_error(raw->ssl, (int)got) == SSL_ERROR_WANT_READ) {
                continue;
            }
        } else {
            got = recv(raw->fd, chunk, sizeof(chunk), 0);
            if (got < 0 && errno == EAGAIN) {
                continue;
            }
        }
        if (got <= 0) {
            raw->ended = true;
            raw->reset = got < 0 && errno == ECONNRESET;
            return;
        }
        eca_buf_add(&raw->got, chunk, (size_t)got);
    }
}

static void raw_send(struct raw *raw, const void *bytes, size_t len)
{
    if (raw->ssl != NULL) {
        ck_assert_int_eq(SSL_write(raw->ssl, bytes, (int)len), (int)len);
    } else {
        ck_assert_int_eq(send(raw->fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    }
    raw_read(raw);
}

static void raw_text(struct raw *raw, const char *text)
{
    raw_send(raw, text, strlen(text));
}

static bool has(const struct raw *raw, const char *part)
{
    return strstr(eca_buf_str(&raw->got), part) != NULL;
}

/* DKR-F01, DKR-111: everything an agent of either kind may send on the Docker socket. */
START_TEST(odd_requests_are_served)
{
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {"GET /_ping HTTP/1.1\r\nHost: \r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET http://unix.sock/v1.17/_ping HTTP/1.1\r\nHost: unix.sock\r\n\r\n", "200 OK"},
        {"GET /v1.17/containers/json? HTTP/1.1\r\nHost: unix.sock\r\n\r\n", "[]"},
        {"GET /_ping HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", "\r\n\r\nOK"},
        {"POST /v1.17/containers/create?name=x1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
         "\r\n\r\n9\r\n{\"Image\":\r\n4\r\n\"a\"}\r\n0\r\n\r\n",
         "No such image: a"},
        {"POST /v1.17/containers/x/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
         "Content-Length: 4\r\n\r\nnull",
         "No such container: x"},
        {"GET /v1.17/version HTTP/1.1\r\nHost: unix.sock\r\nUser-Agent: go-dockerclient\r\n\r\n",
         "\"ApiVersion\":\"1.24\""},
        {"GET /events HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\n\r\n",
         "content-type: application/json"}, /* and stays open (DKR-822) */
        {"\r\nGET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "connection: close"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw raw;
        raw_unix(&raw);
        for (const char *c = rows[i].request; *c != '\0'; c++) { /* byte by byte */
            ck_assert_int_eq(send(raw.fd, c, 1, MSG_NOSIGNAL), 1);
            turn();
        }
        raw_read(&raw);
        ck_assert_msg(has(&raw, rows[i].answer), "%zu: %s", i, eca_buf_str(&raw.got));
        ck_assert_int_eq(raw.ended, has(&raw, "connection: close"));
        ck_assert_int_eq(raw.ended, i + 1 == sizeof(rows) / sizeof(rows[0]));
        raw_close(&raw);
    }
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    ck_assert_uint_eq(fake_socket_connections(carrier, NULL), 0);
}
END_TEST

START_TEST(requests_on_one_connection_are_answered_in_order)
{
    struct raw raw;

    raw_unix(&raw);
    raw_text(&raw, "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /version HTTP/1.1\r\nHost: x\r\n\r\n"
                   "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *ping = strstr(eca_buf_str(&raw.got), "OK\r\n");
    ck_assert_ptr_nonnull(ping);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&raw.got), "ApiVersion"));
    ck_assert(!raw.ended);
    ck_assert_uint_eq(fake_socket_connections(carrier, "docker"), 1);
    raw_close(&raw);
}
END_TEST

/* Garbage is refused with a reason, and is a violation. */
START_TEST(garbage_is_refused_with_a_reason)
{
    static const struct {
        const char *request, *why;
    } rows[] = {
        {"hello\r\n\r\n", "not a request line"},
        {"get / HTTP/1.1\r\n\r\n", "a method is capital letters"},
        {"GET / HTTP/2.7\r\n\r\n", "neither HTTP/1.1 nor HTTP/1.0"},
        {"GET nowhere HTTP/1.1\r\n\r\n", "the target is no path"},
        {"GET / HTTP/1.1\r\nno colon\r\n\r\n", "a header line without ':'"},
        {"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", "Content-Length is no number"},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "a chunk size"},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabcd\r\n",
         "longer than it says"},
        {"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         "an upgrade without Sec-WebSocket-Key"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw raw;
        raw_unix(&raw);
        raw_text(&raw, rows[i].request);
        ck_assert_msg(has(&raw, "400 Bad Request") && has(&raw, rows[i].why), "%zu: %s", i,
                      eca_buf_str(&raw.got));
        ck_assert(raw.ended);
        ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_DOCKER, "violation", rows[i].why), 1);
        raw_close(&raw);
    }
}
END_TEST

/* ---- websockets ------------------------------------------------------------------------------ */

static const char upgrade[] =
    "GET /ws?agentHash=x&agentVersion=1&clusterArn=c&containerInstanceArn=ci&sendCredentials=true"
    "&seqNum=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static void frame_of(struct eca_buf *out, unsigned first, const char *payload)
{
    size_t len = strlen(payload);

    ck_assert_uint_lt(len, 65536);
    eca_buf_add_char(out, (char)first);
    if (len < 126) {
        eca_buf_add_char(out, (char)(0x80 | len));
    } else {
        eca_buf_add_char(out, (char)(0x80 | 126));
        eca_buf_add_char(out, (char)(len >> 8));
        eca_buf_add_char(out, (char)(len & 0xff));
    }
    eca_buf_add(out, "\1\2\3\4", 4);
    for (size_t i = 0; i < len; i++) {
        eca_buf_add_char(out, (char)(payload[i] ^ (char)(1 + i % 4)));
    }
}

static void raw_frame(struct raw *raw, unsigned first, const char *payload)
{
    eca_auto_buf struct eca_buf frame = {0};

    frame_of(&frame, first, payload);
    raw_send(raw, frame.at, frame.len);
}

/* WS-301, WS-302, WS-304, WS-306, WS-307 over TLS. */
START_TEST(a_session_over_tls)
{
    struct fake_acs_payload payload = {.tasks = "[]"};
    struct raw raw;

    ck_assert(raw_tcp(&raw, acs_port));
    ck_assert(raw_handshake(&raw));
    raw_text(&raw, upgrade);
    ck_assert_msg(has(&raw,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                      "Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
                  "%s", eca_buf_str(&raw.got));
    ck_assert(fake_acs_connected(acs));
    eca_buf_reset(&raw.got);
    (void)fake_acs_send_payload(acs, &payload);
    raw_read(&raw);
    ck_assert_int_eq((unsigned char)raw.got.at[0], 0x81);
    ck_assert_ptr_nonnull(memmem(raw.got.at, raw.got.len, "PayloadMessage", 14));
    raw_frame(&raw, 0x01, "{\"type\":\"AckRequest\",\"message\":{\"cluster\":\"c\",");
    raw_frame(&raw, 0x89, "mid");
    raw_frame(&raw, 0x80, "\"containerInstance\":\"ci\",\"messageId\":\"payload-1\"}}");
    ck_assert_uint_eq(fake_acs_acks(acs, "payload-1"), 1);
    ck_assert_ptr_nonnull(memmem(raw.got.at, raw.got.len, "\x8a\x03mid", 5));
    fake_acs_ping(acs, "echo");
    raw_read(&raw);
    ck_assert_ptr_nonnull(memmem(raw.got.at, raw.got.len,
                                 "\x89\x04"
                                 "echo",
                                 6));
    raw_frame(&raw, 0x8a, "echo");
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ACS, "pong", "echo"), 1);
    fake_acs_close(acs, 1001, "bye");
    raw_read(&raw);
    ck_assert_ptr_nonnull(memmem(raw.got.at, raw.got.len,
                                 "\x88\x05\x03\xe9"
                                 "bye",
                                 7));
    raw_frame(&raw, 0x88, "");
    ck_assert(raw.ended);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ACS, "closed", "\"code\":1005"), 1);
    ck_assert_uint_eq(fake_trace_violations(stage.base.trace), 0);
    raw_close(&raw);
}
END_TEST

/* WS-304: the oracle for broken writers. */
START_TEST(malformed_frames_of_the_agent_are_violations)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *why;
    } rows[] = {
        {"\x81\x02hi", 4, "not masked"},
        {"\xc1\x82\1\2\3\4xx", 8, "reserved bits"},
        {"\x83\x82\1\2\3\4xx", 8, "unknown opcode"},
        {"\x80\x82\1\2\3\4xx", 8, "continuation"},
        {"\x09\x82\1\2\3\4xx", 8, "control frame"},
        {"\x81\xfe\x00\x02\1\2\3\4xx", 10, "more bytes than it needs"},
        {"\x81\xff\0\0\0\0\0\0\xff\xff\1\2\3\4", 14, "more bytes than it needs"},
        {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\1\2\3\4", 14, "beyond the limit"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw raw;
        ck_assert(raw_tcp(&raw, plain_port));
        raw_text(&raw, upgrade);
        ck_assert(has(&raw, " 101 "));
        raw_send(&raw, rows[i].bytes, rows[i].len);
        ck_assert_msg(stage_events(&stage, FAKE_LANE_ACS, "violation", "WS-304") == i + 1 &&
                          stage_events(&stage, FAKE_LANE_ACS, "violation", rows[i].why) > 0,
                      "row %zu", i);
        ck_assert(raw.ended);
        ck_assert(!fake_acs_connected(acs));
        raw_close(&raw);
    }
}
END_TEST

/* WS-140: messages are text. It is read all the same. */
START_TEST(a_binary_message_of_the_agent_is_a_violation)
{
    struct raw raw;

    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    raw_frame(&raw, 0x82, "{\"type\":\"AckRequest\",\"message\":{\"messageId\":\"x\"}}");
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ACS, "violation", "WS-140"), 1);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ACS, "violation", "ACS-301"), 1);
    ck_assert(!raw.ended);
    raw_close(&raw);
}
END_TEST

/* WS-132, WS-308, WS-311, TCS-905: answers to an upgrade that servers do not give. */
START_TEST(odd_answers_to_an_upgrade)
{
    struct raw raw;

    fake_acs_glue(acs, "{}");
    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    ck_assert(has(&raw, "xOo=\r\n\r\n\x81\x02{}"));
    raw_close(&raw);
    ck_assert(fake_acs_refuse_preset(acs, 1, "wrong-key"));
    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    ck_assert(has(&raw, " 101 ") && !has(&raw, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    ck_assert(!raw.ended);
    raw_close(&raw);
    ck_assert(fake_acs_refuse_preset(acs, 1, "unended"));
    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    ck_assert(has(&raw, " 400 ") && has(&raw, "\r\n\r\n{\"ServerException\":\"refused\"}"));
    ck_assert(!has(&raw, "content-length") && !has(&raw, "chunked") && !has(&raw, "close"));
    ck_assert(!raw.ended);
    raw_close(&raw);
    ck_assert(fake_acs_refuse_preset(acs, 1, "moved"));
    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    ck_assert(has(&raw, " 301 Moved Permanently\r\n") && has(&raw, "\r\nlocation: https://"));
    raw_close(&raw);
    ck_assert_uint_eq(fake_hub_open(stage.base.hub), 0);
}
END_TEST

/* WS-308, WS-311: refusals, silence and cuts at each stage. */
START_TEST(connections_stop_where_they_are_told_to)
{
    struct raw raw;

    ck_assert(fake_acs_refuse_preset(acs, 1, "InactiveInstanceException"));
    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    ck_assert(has(&raw, "HTTP/1.1 400 ") && has(&raw, "{\"InactiveInstanceException\":"));
    raw_close(&raw);

    fake_socket_fault(carrier, "acs", FAKE_SOCKET_BEFORE_TLS, FAKE_SOCKET_SILENT, 0, 1);
    ck_assert(raw_tcp(&raw, acs_port));
    ck_assert(!raw_handshake(&raw));
    ck_assert(!raw.ended);
    raw_close(&raw);

    fake_socket_fault(carrier, "acs", FAKE_SOCKET_AFTER_HELLO, FAKE_SOCKET_CLOSE, 0, 1);
    ck_assert(raw_tcp(&raw, acs_port));
    ck_assert(!raw_handshake(&raw));
    raw_close(&raw);

    fake_socket_fault(carrier, "acs", FAKE_SOCKET_AFTER_TLS, FAKE_SOCKET_SILENT, 0, 1);
    ck_assert(raw_tcp(&raw, acs_port));
    ck_assert(raw_handshake(&raw));
    raw_text(&raw, upgrade);
    ck_assert_uint_eq(raw.got.len, 0);
    ck_assert(!raw.ended);
    raw_close(&raw);

    fake_socket_fault(carrier, "acs", FAKE_SOCKET_BEFORE_TLS, FAKE_SOCKET_RESET, 0, 1);
    ck_assert(raw_tcp(&raw, plain_port));
    raw_read(&raw);
    ck_assert(raw.ended && raw.reset);
    raw_close(&raw);

    fake_socket_fault(carrier, "acs", FAKE_SOCKET_AFTER_REQUEST, FAKE_SOCKET_CLOSE, 1, 1);
    ck_assert(raw_tcp(&raw, acs_port)); /* the first one passes */
    ck_assert(raw_handshake(&raw));
    raw_text(&raw, upgrade);
    ck_assert(has(&raw, " 101 "));
    raw_close(&raw);
    ck_assert(raw_tcp(&raw, acs_port));
    ck_assert(raw_handshake(&raw));
    raw_text(&raw, upgrade);
    ck_assert_uint_eq(raw.got.len, 0);
    ck_assert(raw.ended && !raw.reset);
    raw_close(&raw);

    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    ck_assert(fake_acs_connected(acs));
    ck_assert_uint_ge(fake_socket_freeze(carrier, "acs"), 1);
    eca_buf_reset(&raw.got);
    fake_acs_send_text(acs, "unheard");
    raw_frame(&raw, 0x89, "hello?");
    ck_assert_uint_eq(raw.got.len, 0);
    ck_assert(!raw.ended);
    raw_close(&raw);
}
END_TEST

/* A refused party has no listener; it comes back on the same port (FB-INV.8 needs a real refusal).
 */
START_TEST(a_refused_party_is_not_there)
{
    struct fake_fault fault = {.kind = FAKE_FAULT_REFUSE, .party = "acs"};
    struct raw raw;
    uint32_t id = fake_hub_fault(stage.base.hub, &fault);

    ck_assert(!raw_tcp(&raw, plain_port));
    ck_assert_int_eq(errno, ECONNREFUSED);
    fake_hub_fault_remove(stage.base.hub, id);
    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    ck_assert(has(&raw, " 101 "));
    raw_close(&raw);
}
END_TEST

/* Half of a body, then the end: what a cut looks like on a wire. */
START_TEST(a_cut_body_is_cut)
{
    struct fake_fault fault = {.kind = FAKE_FAULT_CUT_BODY, .party = "docker"};
    struct raw raw;

    (void)fake_hub_fault(stage.base.hub, &fault);
    raw_unix(&raw);
    raw_text(&raw, "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(has(&raw, "content-length: 2\r\n") && has(&raw, "\r\n\r\nO"));
    ck_assert(!has(&raw, "\r\n\r\nOK"));
    ck_assert(raw.ended);
    raw_close(&raw);
}
END_TEST

/* FB-21 d: a party that does not read lets the bytes pile up at its peer. */
START_TEST(a_party_that_does_not_read_blocks_its_peer)
{
    static char big[1 << 16];
    struct raw raw;
    size_t sent = 0;

    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    fake_acs_read_only(acs, 0);
    for (int i = 0; i < 1000; i++) {
        ssize_t done = send(raw.fd, big, sizeof(big), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0) {
            break;
        }
        sent += (size_t)done;
        turn();
    }
    ck_assert_msg(sent < ((size_t)32 << 20), "%zu bytes went out", sent);
    raw_close(&raw);
}
END_TEST

/* TCS-905: so many bytes and no more, also in the middle of a frame. */
START_TEST(a_party_reads_so_many_bytes)
{
    struct raw raw;

    ck_assert(raw_tcp(&raw, plain_port));
    raw_text(&raw, upgrade);
    fake_acs_read_only(acs, 20);
    raw_frame(&raw, 0x81, "0123456789"); /* 16 bytes */
    raw_frame(&raw, 0x81, "0123456789");
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ACS, "violation", "WS-304"), 1);
    fake_acs_read_only(acs, UINT64_MAX);
    raw_read(&raw);
    ck_assert_uint_eq(stage_events(&stage, FAKE_LANE_ACS, "violation", "WS-304"), 2);
    raw_close(&raw);
}
END_TEST

/* ---- one fake, two carriers -------------------------------------------------------------------
 */

static void say_by_socket(const char *method, const char *target, const char *body)
{
    eca_auto_buf struct eca_buf request = {0};
    struct raw raw;

    eca_buf_addf(&request, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method,
                 target, strlen(body), body);
    raw_unix(&raw);
    raw_text(&raw, eca_buf_str(&request));
    raw_close(&raw);
}

static void say_by_memory(const char *method, const char *target, const char *body)
{
    eca_auto_buf struct eca_buf url = {0};
    struct ask ask = {.method = method, .unix_socket = "/d", .body = body, .total_ms = 60000};
    struct client client;

    eca_buf_addf(&url, "http://x%s", target);
    ask.url = eca_buf_str(&url);
    client_run(&client, &stage, &ask);
    client_clear(&client);
}

static void converse(void (*say)(const char *, const char *, const char *), struct eca_buf *out)
{
    static const char body[] =
        "{\"Image\":\"busybox\",\"Labels\":{\"com.amazonaws.ecs.task-arn\":\"a/web\","
        "\"com.amazonaws.ecs.container-name\":\"app\"}}";
    struct fake_docker_image image = {.name = "busybox"};
    size_t before = fake_trace_count(stage.base.trace);

    fake_docker_add_image(docker, &image);
    say("POST", "/v1.17/images/create?fromImage=busybox%3Alatest", "");
    say("POST", "/v1.17/containers/create?name=c1", body);
    say("POST", "/v1.17/containers/c1/start", "null");
    say("POST", "/v1.17/containers/c1/start", "null");
    say("DELETE", "/v1.17/containers/c1?v=1", "");
    say("POST", "/v1.17/containers/c1/stop?t=1", "");
    say("DELETE", "/v1.17/containers/c1?v=1", "");
    say("DELETE", "/v1.17/containers/c1?v=1", "");
    for (size_t i = before; i < fake_trace_count(stage.base.trace); i++) {
        const struct fake_event *event = fake_trace_at(stage.base.trace, i);
        eca_buf_addf(out, "%s %s %s\n", fake_lane_name(event->lane), event->name, event->fields);
    }
}

START_TEST(both_carriers_tell_the_same_story)
{
    eca_auto_buf struct eca_buf by_memory = {0}, by_socket = {0};

    converse(say_by_memory, &by_memory);
    teardown(); /* the same seed again */
    setup();
    converse(say_by_socket, &by_socket);
    ck_assert_str_eq(eca_buf_str(&by_memory), eca_buf_str(&by_socket));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&by_memory), "docker removed"));
}
END_TEST

START_TEST(certificates_fit_the_name_and_the_time)
{
    struct fake_certs_opts opts = {.dir = dir,
                                   .wall_ms = 1479198600000,
                                   .prefix = "old-",
                                   .not_after_ms = 1479198600000 - 1000};
    struct fake_certs old;
    struct eca_err err = {0};
    struct stat info;
    struct raw raw;

    ck_assert_int_eq(stat(certs.key_file, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
    ck_assert_int_eq(fake_certs_make(&opts, &old, &err), 0);
    ck_assert_int_eq(fake_socket_use_certs(carrier, old.cert_file, old.key_file, &err), 0);
    ck_assert(raw_tcp(&raw, acs_port));
    ck_assert_msg(!raw_handshake(&raw), "an expired certificate of another CA was trusted");
    raw_close(&raw);
    ck_assert_int_eq(fake_socket_use_certs(carrier, "/nowhere", old.key_file, &err), ECA_E_INVALID);
    (void)unlink(old.ca_file);
    (void)unlink(old.cert_file);
    (void)unlink(old.key_file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket carrier");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, odd_requests_are_served);
    tcase_add_test(tcase, requests_on_one_connection_are_answered_in_order);
    tcase_add_test(tcase, garbage_is_refused_with_a_reason);
    tcase_add_test(tcase, a_session_over_tls);
    tcase_add_test(tcase, malformed_frames_of_the_agent_are_violations);
    tcase_add_test(tcase, a_binary_message_of_the_agent_is_a_violation);
    tcase_add_test(tcase, odd_answers_to_an_upgrade);
    tcase_add_test(tcase, a_party_reads_so_many_bytes);
    tcase_add_test(tcase, connections_stop_where_they_are_told_to);
    tcase_add_test(tcase, a_refused_party_is_not_there);
    tcase_add_test(tcase, a_cut_body_is_cut);
    tcase_add_test(tcase, a_party_that_does_not_read_blocks_its_peer);
    tcase_add_test(tcase, both_carriers_tell_the_same_story);
    tcase_add_test(tcase, certificates_fit_the_name_and_the_time);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
