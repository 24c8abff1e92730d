#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "tests/unit/sys/raw_server.h"
#include "tests/unit/sys/rig_sockets.h"

/* What only sockets have: TLS and its trust, stops below HTTP, broken bytes, proxies. */
static struct raw_server raw;
static struct client client;
static struct wire wire;

static void setup(void)
{
    contract_set_rig(&rig_sockets_contract);
    contract_open();
    raw_server_open(&raw, rig_sockets.loop);
    memset(&client, 0, sizeof(client));
    memset(&wire, 0, sizeof(wire));
}

static void teardown(void)
{
    client_clear(&client);
    wire_clear(&wire);
    raw_server_close(&raw);
    contract_close();
}

struct how {
    struct eca_http http; /* ops NULL: the rig's */
    struct eca_channel channel;
    uint64_t connect_ms, total_ms;
    bool insecure, plain_http;
    enum eca_http_proxy proxy;
    const char *method;
    uint64_t body_bytes_max;
};

static void on_head(void *arg, const struct eca_http_head *head)
{
    ((struct client *)arg)->status = head->status;
}
static void on_body(void *arg, struct eca_view bytes)
{
    eca_buf_add_view(&((struct client *)arg)->body, bytes);
}
static void on_end(void *arg, const struct eca_http_end *end)
{
    struct client *mine = arg;

    mine->done = true;
    mine->end = *end;
    mine->done_ms = contract_now_ms() - mine->done_ms;
    mine->call = NULL;
}

/* One exchange until its end. */
static void get(const char *url, const struct how *how)
{
    static const struct eca_http_events events = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    struct eca_http_opts opts = {.method = how->method == NULL ? "GET" : how->method,
                                 .url = url,
                                 .connect_ms = how->connect_ms,
                                 .total_ms = how->total_ms == 0 ? 20000 : how->total_ms,
                                 .insecure = how->insecure,
                                 .proxy = how->proxy,
                                 .body_bytes_max = how->body_bytes_max,
                                 .party = "word"};
    struct eca_err err = {0};

    client_clear(&client);
    memset(&client, 0, sizeof(client));
    client.stage = &contract.stage;
    client.done_ms = contract_now_ms();
    ck_assert_msg(eca_http_start(how->http.ops != NULL ? how->http : contract.stage.http, &opts,
                                 &events, &client, &client.call, &err) == 0,
                  "%s", err.msg);
    contract_until(&client.done, url);
}

static void ws_open(void *arg)
{
    ((struct wire *)arg)->open = true;
}
static void ws_text(void *arg, struct eca_view text)
{
    eca_buf_add_view(&((struct wire *)arg)->texts, text);
}
static void ws_end(void *arg, const struct eca_channel_end *end)
{
    struct wire *mine = arg;

    mine->ended = true;
    mine->how = end->how;
    mine->status = end->status;
    mine->conn = NULL;
    eca_buf_add_view(&mine->body, end->body);
    memcpy(mine->why, end->err.msg, sizeof(mine->why));
    mine->close_code = (int)end->err.code; /* of no close frame here */
}

/* One connection until it stands or ends. */
static void dial(const char *url, const struct how *how)
{
    static const struct eca_channel_events events = {ws_open, ws_text, ws_end};
    struct eca_channel_opts opts = {.url = url,
                                    .connect_ms = how->connect_ms == 0 ? 30000 : how->connect_ms,
                                    .write_stall_ms = 30000,
                                    .message_bytes_max = 1 << 20,
                                    .send_queue_bytes_max = 1 << 20,
                                    .insecure = how->insecure,
                                    .plain_http = how->plain_http,
                                    .proxy = how->proxy,
                                    .party = "word"};
    struct eca_err err = {0};

    wire_clear(&wire);
    contract_advance_ms(100);
    memset(&wire, 0, sizeof(wire));
    wire.stage = &contract.stage;
    ck_assert_msg(eca_channel_open(how->channel.ops != NULL ? how->channel : contract.stage.channel,
                                   &opts, &events, &wire, &wire.conn, &err) == 0,
                  "%s", err.msg);
    for (int i = 0; i < 40000 && !wire.open && !wire.ended; i++) {
        rig_sockets_round();
    }
    ck_assert_msg(wire.open || wire.ended, "%s: neither stands nor ends", url);
}

static const char *tls_url(const char *scheme, const char *host)
{
    static char url[2][96];
    static int turn;

    turn = 1 - turn;
    (void)snprintf(url[turn], sizeof(url[turn]), "%s://%s:%u/ws", scheme, host,
                   rig_sockets.tls_port);
    return url[turn];
}

static void expect_untrusted(const char *what, const char *host, const struct how *how)
{
    struct how careless = *how;

    get(tls_url("https", host), how);
    ck_assert_msg(client.end.err.code == ECA_E_TRANSIENT, "%s: %d %s", what,
                  (int)client.end.err.code, client.end.err.msg);
    ck_assert(!client.end.sent);
    dial(tls_url("wss", host), how);
    ck_assert_msg(wire.ended && wire.how == ECA_CHANNEL_CONNECT_FAILED, "%s: %d", what,
                  (int)wire.how);
    ck_assert(wire.why[0] != '\0');
    ck_assert_uint_eq(contract.requests, 0);
    careless.insecure = true;
    get(tls_url("https", host), &careless);
    ck_assert_msg(client.end.err.code == ECA_OK, "%s, -k: %s", what, client.end.err.msg);
    dial(tls_url("wss", host), &careless);
    ck_assert_msg(wire.open, "%s, -k: %s", what, wire.why);
    contract.requests = 0;
}

/* WS-104, API-105: chain, name and dates are checked unless -k is given. */
START_TEST(only_a_trusted_certificate_with_the_right_name_will_do)
{
    struct fake_certs expired, other;
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    struct fake_certs_opts opts = {.dir = rig_sockets.dir,
                                   .wall_ms = now_ms,
                                   .not_before_ms = now_ms - INT64_C(7) * 86400000,
                                   .not_after_ms = now_ms - 86400000,
                                   .prefix = "expired-"};
    struct fake_certs_opts other_opts = {
        .dir = rig_sockets.dir, .wall_ms = now_ms, .prefix = "other-"};
    struct eca_err err = {0};

    get(tls_url("https", "127.0.0.1"), &(struct how){0});
    ck_assert_msg(client.end.err.code == ECA_OK, "%s", client.end.err.msg);
    get(tls_url("https", "localhost"), &(struct how){0});
    ck_assert_msg(client.end.err.code == ECA_OK, "%s", client.end.err.msg);
    contract.requests = 0;
    rig_sockets.tls_port = rig_sockets_listen(
        &(struct fake_socket_listen){.party = "word", .address = "127.0.0.2", .tls = true});
    expect_untrusted("another name", "127.0.0.2", &(struct how){0});
    ck_assert_int_eq(fake_certs_make(&opts, &expired, &err), 0);
    ck_assert_int_eq(
        fake_socket_use_certs(rig_sockets.carrier, expired.cert_file, expired.key_file, &err), 0);
    rig_sockets.tls_port =
        rig_sockets_listen(&(struct fake_socket_listen){.party = "word", .tls = true});
    expect_untrusted("expired", "127.0.0.1", &(struct how){0});
    ck_assert_int_eq(fake_certs_make(&other_opts, &other, &err), 0);
    ck_assert_int_eq(
        fake_socket_use_certs(rig_sockets.carrier, other.cert_file, other.key_file, &err), 0);
    rig_sockets.tls_port =
        rig_sockets_listen(&(struct fake_socket_listen){.party = "word", .tls = true});
    expect_untrusted("another authority", "127.0.0.1", &(struct how){0});
    const char *const files[] = {expired.ca_file, expired.cert_file, expired.key_file,
                                 other.ca_file,   other.cert_file,   other.key_file};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)unlink(files[i]);
    }
}
END_TEST

/* WS-103, WS-104: an address of IPv6 is compared with the certificate's addresses. */
START_TEST(a_server_may_be_an_address_of_ipv6)
{
    rig_sockets.tls_port = rig_sockets_listen(
        &(struct fake_socket_listen){.party = "word", .address = "::1", .tls = true});
    get(tls_url("https", "[::1]"), &(struct how){0});
    ck_assert_msg(client.end.err.code == ECA_OK, "%s", client.end.err.msg);
    dial(tls_url("wss", "[::1]"), &(struct how){0});
    ck_assert_msg(wire.open, "%s", wire.why);
    rig_sockets.tls_port = rig_sockets_listen(
        &(struct fake_socket_listen){.party = "word", .address = "::ffff:127.0.0.1", .tls = true});
    dial(tls_url("wss", "[::ffff:127.0.0.1]"), &(struct how){0}); /* not in the certificate */
    ck_assert(wire.ended && wire.how == ECA_CHANNEL_CONNECT_FAILED);
    ck_assert_str_eq(wire.why, "TLS: certificate: IP address mismatch");
}
END_TEST

/* WS-104: a name is asked for, an address is not. */
START_TEST(addresses_are_no_server_names)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1"};

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char url[64];

        (void)snprintf(url, sizeof(url), "wss://%s:%u/ws", hosts[i], raw.port);
        dial(url, &(struct how){.connect_ms = 500});
        ck_assert_uint_gt(raw.request.len, 100);
        ck_assert_msg((eca_view_find(eca_buf_view(&raw.request), hosts[i], 0) != SIZE_MAX) ==
                          (i == 0),
                      "%s", hosts[i]);
    }
}
END_TEST

/* WS-101, WS-102, TCS-302, L-3: TLS for every scheme, but for the test switch; a name and a port of
 * its own. */
START_TEST(every_scheme_is_tls_but_for_the_switch)
{
    static const char *const schemes[] = {"https", "wss", "http", "ws"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        dial(tls_url(schemes[i], "localhost"), &(struct how){0});
        ck_assert_msg(wire.open, "%s: %s", schemes[i], wire.why);
    }
    rig_sockets.tls_port = rig_sockets.plain_port; /* nobody speaks TLS there */
    dial(tls_url("ws", "localhost"), &(struct how){0});
    ck_assert(wire.ended && wire.how == ECA_CHANNEL_CONNECT_FAILED);
    dial(tls_url("ws", "localhost"), &(struct how){.plain_http = true});
    ck_assert_msg(wire.open, "%s", wire.why);
    dial(tls_url("wss", "localhost"), &(struct how){.plain_http = true});
    ck_assert(wire.ended && wire.how == ECA_CHANNEL_CONNECT_FAILED);
}
END_TEST

/* WS-105, WS-133, API-102: wherever the peer stops below HTTP, the connect deadline or the error
 * ends it. */
START_TEST(stops_below_http_end_in_time)
{
    static const struct {
        const char *what;
        enum fake_socket_stage stage;
        enum fake_socket_stop stop;
        enum eca_code http, channel;
    } rows[] = {
        {"silent before TLS", FAKE_SOCKET_BEFORE_TLS, FAKE_SOCKET_SILENT, ECA_E_TIMEOUT,
         ECA_E_TIMEOUT},
        {"silent after hello", FAKE_SOCKET_AFTER_HELLO, FAKE_SOCKET_SILENT, ECA_E_TIMEOUT,
         ECA_E_TIMEOUT},
        {"silent after TLS", FAKE_SOCKET_AFTER_TLS, FAKE_SOCKET_SILENT, ECA_E_TIMEOUT,
         ECA_E_TIMEOUT},
        {"closed before TLS", FAKE_SOCKET_BEFORE_TLS, FAKE_SOCKET_CLOSE, ECA_E_TRANSIENT,
         ECA_E_TRANSIENT},
        {"reset before TLS", FAKE_SOCKET_BEFORE_TLS, FAKE_SOCKET_RESET, ECA_E_TRANSIENT,
         ECA_E_TRANSIENT},
        {"closed after hello", FAKE_SOCKET_AFTER_HELLO, FAKE_SOCKET_CLOSE, ECA_E_TRANSIENT,
         ECA_E_TRANSIENT},
        {"reset after hello", FAKE_SOCKET_AFTER_HELLO, FAKE_SOCKET_RESET, ECA_E_TRANSIENT,
         ECA_E_TRANSIENT},
        {"closed after TLS", FAKE_SOCKET_AFTER_TLS, FAKE_SOCKET_CLOSE, ECA_E_AMBIGUOUS,
         ECA_E_TRANSIENT},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool stands = rows[i].stage == FAKE_SOCKET_AFTER_TLS;
        size_t before = fake_socket_connections(rig_sockets.carrier, "word");
        uint64_t since_ms;

        fake_socket_fault(rig_sockets.carrier, "word", rows[i].stage, rows[i].stop, 0, 0);
        get(tls_url("https", "127.0.0.1"), &(struct how){.connect_ms = 3000, .total_ms = 7000});
        ck_assert_msg(client.end.err.code == rows[i].http, "%s: %d %s", rows[i].what,
                      (int)client.end.err.code, client.end.err.msg);
        ck_assert_msg(client.end.sent == stands, "%s", rows[i].what);
        if (rows[i].stop == FAKE_SOCKET_SILENT) {
            ck_assert_msg(client.done_ms >= (stands ? 7000u : 3000u) &&
                              client.done_ms <= (stands ? 7100u : 3100u),
                          "%s: %llu ms", rows[i].what, (unsigned long long)client.done_ms);
        }
        since_ms = contract_now_ms();
        dial(tls_url("wss", "127.0.0.1"), &(struct how){.connect_ms = 3000});
        ck_assert_msg(wire.ended && wire.how == ECA_CHANNEL_CONNECT_FAILED, "%s: %d %s",
                      rows[i].what, (int)wire.how, wire.why);
        ck_assert_msg(wire.close_code == (int)rows[i].channel, "%s: %d %s", rows[i].what,
                      wire.close_code, wire.why);
        ck_assert_msg(contract_now_ms() - since_ms <= 3300, "%s: too late", rows[i].what);
        contract_advance_ms(2000);
        ck_assert_msg(rows[i].stop == FAKE_SOCKET_SILENT || /* that one does not look */
                          fake_socket_connections(rig_sockets.carrier, "word") == before,
                      "%s: kept open", rows[i].what);
        fake_socket_fault_clear(rig_sockets.carrier);
    }
}
END_TEST

/* API-101: a connection is kept for the next call, with and without TLS. */
START_TEST(connections_are_kept)
{
    char url[96];

    (void)snprintf(url, sizeof(url), "%s/word", contract.http);
    for (int i = 0; i < 5; i++) {
        get(url, &(struct how){.method = "POST"});
        ck_assert_int_eq(client.end.err.code, ECA_OK);
        get(tls_url("https", "127.0.0.1"), &(struct how){.method = "POST"});
        ck_assert_int_eq(client.end.err.code, ECA_OK);
    }
    ck_assert_uint_eq(contract.requests, 10);
    ck_assert_uint_eq(fake_socket_connections(rig_sockets.carrier, "word"), 2);
}
END_TEST

/* A pulled cable: nothing comes any more, nothing is closed. */
START_TEST(a_frozen_connection_is_given_up_by_the_writer)
{
    static char big[200000];
    size_t sent = 0;

    memset(big, 'x', sizeof(big));
    dial(tls_url("wss", "127.0.0.1"), &(struct how){0});
    ck_assert_msg(wire.open, "%s", wire.why);
    ck_assert_uint_eq(fake_socket_freeze(rig_sockets.carrier, "word"), 1);
    while (eca_channel_send(contract.stage.channel, wire.conn, eca_view_of(big, sizeof(big)),
                            NULL) == 0) {
        sent++;
        rig_sockets_round();
        ck_assert_uint_lt(sent, 1000);
    }
    contract_until(&wire.ended, "the end of a stalled connection");
    ck_assert_int_eq(wire.how, ECA_CHANNEL_STALLED);
}
END_TEST

/* Why one connection failed is not why another one does. */
START_TEST(one_connections_trouble_is_not_anothers)
{
    char url[64];
    struct eca_channel_opts opts = {.url = url,
                                    .connect_ms = 30000,
                                    .message_bytes_max = 1 << 20,
                                    .send_queue_bytes_max = 1 << 20,
                                    .insecure = true,
                                    .party = "word"};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(raw.port)};
    struct wire other = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(url, sizeof(url), "wss://127.0.0.1:%u/ws", raw.port);
    wire_dial(&other, &contract.stage, &opts); /* nobody answers its hello */
    rig_sockets.tls_port = rig_sockets_listen(
        &(struct fake_socket_listen){.party = "word", .address = "127.0.0.2", .tls = true});
    dial(tls_url("wss", "127.0.0.2"), &(struct how){0});
    ck_assert_ptr_nonnull(strstr(wire.why, "certificate"));
    ck_assert(!other.ended);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    contract_until(&other.ended, "the end of the second"); /* one connection at a time there */
    ck_assert_msg(other.why[0] != '\0' && strstr(other.why, "certificate") == NULL, "%s",
                  other.why);
    (void)close(fd);
    wire_clear(&other);
}
END_TEST

static const char *raw_url(const char *scheme)
{
    static char url[64];

    (void)snprintf(url, sizeof(url), "%s://127.0.0.1:%u/x", scheme, raw.port);
    return url;
}

/* API-106, FB-35: what is no HTTP, too much of it, or less than promised. */
START_TEST(broken_answers_have_their_codes)
{
    static char long_head[100000];
    const struct {
        const char *what, *answer;
        bool close_after;
        enum eca_code code;
    } rows[] = {
        {"no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", true, ECA_E_INVALID},
        {"nothing", "", true, ECA_E_AMBIGUOUS},
        {"half a head", "HTTP/1.1 200 OK\r\nContent-Le", true, ECA_E_AMBIGUOUS},
        {"less than promised", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true,
         ECA_E_AMBIGUOUS},
        {"less than promised, silent", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", false,
         ECA_E_TIMEOUT},
        {"a chunk that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
         true, ECA_E_AMBIGUOUS},
        {"chunks without an end",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true,
         ECA_E_AMBIGUOUS},
        {"a head without end", long_head, false, ECA_E_LIMIT},
        {"until the end of the connection", "HTTP/1.0 200 OK\r\n\r\nabc", true, ECA_OK},
        {"a 100 before",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false,
         ECA_OK},
    };
    size_t at = (size_t)snprintf(long_head, sizeof(long_head), "HTTP/1.1 200 OK\r\n");

    for (int i = 0; at < sizeof(long_head) - 100; i++) {
        at += (size_t)snprintf(long_head + at, sizeof(long_head) - at, "X-%d: %064d\r\n", i, i);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        raw_server_say(&raw, rows[i].answer);
        raw.close_after = rows[i].close_after;
        get(raw_url("http"), &(struct how){.method = "POST", .total_ms = 3000});
        ck_assert_msg(client.end.err.code == rows[i].code, "%s: %d %s", rows[i].what,
                      (int)client.end.err.code, client.end.err.msg);
        ck_assert_msg(client.end.sent, "%s", rows[i].what);
        if (rows[i].code == ECA_OK) {
            ck_assert_str_eq(eca_buf_str(&client.body), "abc");
        }
    }
    ck_assert_uint_eq(raw.connections, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

/* WS-130, TCS-308: a 101 whose key or headers are wrong is no websocket. */
START_TEST(a_false_upgrade_is_a_failed_connect)
{
    static const char *const answers[] = {
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", /* of another key */
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "nonsense\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        raw_server_say(&raw, answers[i]);
        dial(raw_url("ws"), &(struct how){.plain_http = true, .connect_ms = 3000});
        ck_assert_msg(wire.ended && wire.how == ECA_CHANNEL_CONNECT_FAILED, "row %zu: %d %s", i,
                      (int)wire.how, wire.why);
        ck_assert_msg(wire.why[0] != '\0', "row %zu", i);
    }
}
END_TEST

static const char *raw_env(char *value, size_t bytes, const char *user)
{
    (void)snprintf(value, bytes, "http://%s127.0.0.1:%u", user, raw.port);
    return value;
}

/* WS-120, WS-121, WS-124, WS-125, TCS-303, API-103: through a proxy for names that are not local.
 */
START_TEST(a_proxy_of_the_environment_carries_both)
{
    char value[96], connect[128];
    struct how through = {.proxy = ECA_HTTP_PROXY_ENVIRONMENT, .insecure = true};

    rig_sockets.env[0][0] = "HTTPS_PROXY";
    rig_sockets.env[0][1] = raw_env(value, sizeof(value), "us%65r:pa%73s@");
    raw.relay_port = rig_sockets.tls_port;
    raw_server_say(&raw, "HTTP/1.1 200 Connection established\r\n\r\n");
    (void)snprintf(connect, sizeof(connect), "CONNECT agent.test:%u HTTP/1.", rig_sockets.tls_port);
    get(tls_url("https", "agent.test"), &through);
    ck_assert_msg(client.end.err.code == ECA_OK, "%s", client.end.err.msg);
    ck_assert_ptr_eq(strstr(eca_buf_str(&raw.request), connect), eca_buf_str(&raw.request));
    ck_assert_ptr_nonnull(strcasestr(eca_buf_str(&raw.request), "basic dXNlcjpwYXNz\r\n"));
    ck_assert_ptr_null(strstr(eca_buf_str(&contract.heads), "proxy-authorization"));
    dial(tls_url("wss", "agent.test"), &through);
    ck_assert_msg(wire.open, "%s", wire.why);
    ck_assert_ptr_eq(strstr(eca_buf_str(&raw.request), connect), eca_buf_str(&raw.request));
    ck_assert_ptr_nonnull(strcasestr(eca_buf_str(&raw.request), "basic dXNlcjpwYXNz\r\n"));
    ck_assert_ptr_null(strstr(eca_buf_str(&contract.heads), "proxy-authorization"));
    ck_assert_uint_eq(raw.connections, 2);
}
END_TEST

/* WS-122, EC2-109, DKR-105 */
START_TEST(no_proxy_where_none_is_due)
{
    char value[96];
    struct how through = {.proxy = ECA_HTTP_PROXY_ENVIRONMENT};

    rig_sockets.env[0][0] = "https_proxy";
    rig_sockets.env[0][1] = raw_env(value, sizeof(value), "");
    rig_sockets.env[1][0] = "http_proxy";
    rig_sockets.env[1][1] = value;
    get(tls_url("https", "127.0.0.1"), &through);
    ck_assert_int_eq(client.end.err.code, ECA_OK);
    get(tls_url("https", "localhost"), &through);
    ck_assert_int_eq(client.end.err.code, ECA_OK);
    dial(tls_url("wss", "localhost"), &through);
    ck_assert_msg(wire.open, "%s", wire.why);
    through.proxy = ECA_HTTP_PROXY_NEVER;
    get(tls_url("https", "127.0.0.1"), &through);
    ck_assert_int_eq(client.end.err.code, ECA_OK);
    ck_assert_uint_eq(raw.connections, 0);
}
END_TEST

/* WS-105, WS-125: a proxy that refuses, is silent, or talks nonsense. */
START_TEST(a_bad_proxy_is_a_failed_connect)
{
    static const struct {
        const char *answer;
        bool close_after;
        enum eca_code code;
    } rows[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", true,
         ECA_E_TRANSIENT},
        {"HTTP/1.1 503 no\r\n\r\n", true, ECA_E_TRANSIENT},
        {"", false, ECA_E_TIMEOUT},
        {"", true, ECA_E_TRANSIENT},
        {"nonsense\r\n\r\n", true, ECA_E_TRANSIENT},
    };
    char value[96];

    rig_sockets.env[0][0] = "HTTPS_PROXY";
    rig_sockets.env[0][1] = raw_env(value, sizeof(value), "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct how through = {.proxy = ECA_HTTP_PROXY_ENVIRONMENT, .connect_ms = 3000};

        raw_server_say(&raw, rows[i].answer);
        raw.close_after = rows[i].close_after;
        get(tls_url("https", "agent.test"), &through);
        ck_assert_msg(client.end.err.code == rows[i].code, "row %zu: %d %s", i,
                      (int)client.end.err.code, client.end.err.msg);
        ck_assert_msg(!client.end.sent, "row %zu", i);
        dial(tls_url("wss", "agent.test"), &through);
        ck_assert_msg(wire.ended && wire.how == ECA_CHANNEL_CONNECT_FAILED, "row %zu: %d", i,
                      (int)wire.how);
        ck_assert_msg(wire.close_code == (int)rows[i].code, "row %zu: %d %s", i, wire.close_code,
                      wire.why);
    }
    ck_assert_uint_eq(contract.requests, 0);
}
END_TEST

/* An adapter that goes takes its calls along without a word (the process ends). */
START_TEST(freeing_an_adapter_under_way_is_silent)
{
    static const struct eca_http_events events = {.on_end = on_end};
    struct eca_http_opts opts = {
        .method = "GET", .url = tls_url("https", "127.0.0.1"), .total_ms = 5000, .party = "word"};
    struct eca_http_client_opts curl_opts = {.loop = rig_sockets.loop,
                                             .trust = {.file = rig_sockets.certs.ca_file}};
    struct eca_err err = {0};
    struct eca_http_client *curl = eca_http_client_new(&curl_opts, &err);

    ck_assert_ptr_nonnull(curl);
    ck_assert_int_eq(
        eca_http_start(eca_http_client_port(curl), &opts, &events, &client, &client.call, &err), 0);
    eca_http_client_free(curl);
    client.call = NULL;
    curl = eca_http_client_new(&curl_opts, &err);
    ck_assert_int_eq(
        eca_http_start(eca_http_client_port(curl), &opts, &events, &client, &client.call, &err), 0);
    (void)eca_loop_step(rig_sockets.loop, false);
    (void)eca_loop_step(rig_sockets.loop, false);
    eca_http_client_free(curl);
    client.call = NULL;
    contract_advance_ms(6000);
    ck_assert(!client.done);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("production adapters on the wire");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, only_a_trusted_certificate_with_the_right_name_will_do);
    tcase_add_test(tcase, a_server_may_be_an_address_of_ipv6);
    tcase_add_test(tcase, addresses_are_no_server_names);
    tcase_add_test(tcase, one_connections_trouble_is_not_anothers);
    tcase_add_test(tcase, every_scheme_is_tls_but_for_the_switch);
    tcase_add_test(tcase, a_false_upgrade_is_a_failed_connect);
    tcase_add_test(tcase, stops_below_http_end_in_time);
    tcase_add_test(tcase, connections_are_kept);
    tcase_add_test(tcase, a_frozen_connection_is_given_up_by_the_writer);
    tcase_add_test(tcase, broken_answers_have_their_codes);
    tcase_add_test(tcase, a_proxy_of_the_environment_carries_both);
    tcase_add_test(tcase, no_proxy_where_none_is_due);
    tcase_add_test(tcase, a_bad_proxy_is_a_failed_connect);
    tcase_add_test(tcase, freeing_an_adapter_under_way_is_silent);
    suite_add_tcase(suite, tcase);
    return contract_main(&rig_sockets_contract, suite);
}
