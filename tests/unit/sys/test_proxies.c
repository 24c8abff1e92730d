#include <check.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/sys/raw_server.h"
#include "tests/unit/sys/rig_sockets.h"

/* Answers that come in pieces: a proxy's to CONNECT, a server's refusal of the upgrade. */

static struct raw_server raw;
static struct wire wire;

static void setup(void)
{
    contract_set_rig(&rig_sockets_contract);
    contract_open();
    raw_server_open(&raw, rig_sockets.loop);
    memset(&wire, 0, sizeof(wire));
}

static void teardown(void)
{
    wire_clear(&wire);
    raw_server_close(&raw);
    contract_close();
}

/* One connection until it stands or ends. */
static void dial(const char *url, enum eca_http_proxy proxy, bool tls)
{
    struct eca_channel_opts opts = {.url = url,
                                    .connect_ms = 30000,
                                    .message_bytes_max = 1 << 20,
                                    .send_queue_bytes_max = 1 << 20,
                                    .plain_http = !tls,
                                    .insecure = true,
                                    .proxy = proxy,
                                    .party = "word"};

    wire_clear(&wire);
    contract_advance_ms(100);
    wire_dial(&wire, &contract.stage, &opts);
    for (int i = 0; i < 2000 && !wire.open && !wire.ended; i++) {
        rig_sockets_round();
    }
}

static void say_in_pieces(const char *const *parts)
{
    memset(raw.parts, 0, sizeof(raw.parts));
    for (size_t i = 0; i < RAW_PARTS_MAX && parts[i] != NULL; i++) {
        raw.parts[i] = eca_view_str(parts[i]);
    }
}

/* WS-106: each dial is told before it is made, through a proxy without the proxy's user. */
START_TEST(each_dial_says_where_to)
{
    char value[96], url[64], direct[96], proxied[96];

    (void)snprintf(url, sizeof(url), "wss://localhost:%u/ws", rig_sockets.tls_port);
    (void)snprintf(direct, sizeof(direct), "[INFO] Creating poll dialer, host: localhost:%u",
                   rig_sockets.tls_port);
    dial(url, ECA_HTTP_PROXY_ENVIRONMENT, true);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig_sockets.lines), direct));
    (void)snprintf(value, sizeof(value), "http://someone:s3cret@127.0.0.1:%u", raw.port);
    (void)snprintf(url, sizeof(url), "wss://agent.test:%u/ws", rig_sockets.tls_port);
    (void)snprintf(proxied, sizeof(proxied), "[INFO] Creating poll dialer, proxy: 127.0.0.1:%u",
                   raw.port);
    rig_sockets.env[0][0] = "HTTPS_PROXY";
    rig_sockets.env[0][1] = value;
    raw_server_say(&raw, "HTTP/1.1 503 no\r\n\r\n");
    dial(url, ECA_HTTP_PROXY_ENVIRONMENT, true);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig_sockets.lines), proxied));
    ck_assert_ptr_null(strstr(eca_buf_str(&rig_sockets.lines), "s3cret"));
    ck_assert_ptr_null(strstr(eca_buf_str(&rig_sockets.lines), "someone"));
}
END_TEST

/* WS-123, WS-125: a proxy's answer in one piece or in many, with and without a reason phrase, by
 * either version of HTTP; what is not 200 is told by its line. */
START_TEST(a_proxys_answer_may_come_in_pieces)
{
    static const struct {
        const char *parts[RAW_PARTS_MAX];
        const char *why; /* NULL: the connection stands */
    } rows[] = {
        {{"HTTP/1.1 200 Connection established\r\n\r\n"}, NULL},
        {{"HT", "TP/1.1 200 Connection est", "ablished\r\nVia: x\r\n\r", "\n"}, NULL},
        {{"HTTP/1.0 200\r\n", "Server: y\r\n", "\r\n"}, NULL},
        {{"HTTP/1.1 407 Proxy Auth", "entication Required\r\n", "\r\n"},
         "proxy: 407 Proxy Authentication Required"},
        {{"HTTP/1.1 201 Created\r\n\r\n"}, "proxy: 201 Created"},
        {{"SSH-2.0\r\n\r\n"}, "proxy: its answer is not HTTP"},
    };
    char value[64], url[64];

    (void)snprintf(value, sizeof(value), "http://127.0.0.1:%u", raw.port);
    (void)snprintf(url, sizeof(url), "wss://agent.test:%u/ws", rig_sockets.tls_port);
    rig_sockets.env[0][0] = "HTTPS_PROXY";
    rig_sockets.env[0][1] = value;
    raw.relay_port = rig_sockets.tls_port;
    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        say_in_pieces(rows[i].parts);
        dial(url, ECA_HTTP_PROXY_ENVIRONMENT, true);
        ck_assert_msg(wire.open == (rows[i].why == NULL), "row %zu: %s", i, wire.why);
        if (rows[i].why != NULL) {
            ck_assert_str_eq(wire.why, rows[i].why);
        }
    }
}
END_TEST

/* WS-131, WS-105: the body of a refusal is read to its end, whatever the pieces and however its end
 * is told; without an end it is read for 5 s. */
START_TEST(a_refusals_body_may_come_in_pieces)
{
    static const struct {
        const char *parts[RAW_PARTS_MAX];
        bool close_after;
        uint64_t ms;
    } rows[] = {
        {{"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nabcd"}, false, 0},
        {{"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n", "\r\n", "ab", "cd"}, false, 150},
        {{"HTTP/1.1 400 no\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nab\r", "\n2\r\ncd\r\n",
          "0\r\n\r\n"},
         false,
         150},
        {{"HTTP/1.1 400 no\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nabcd\r\n", "zz\r\n"},
         false,
         100}, /* a chunk that is none ends it */
        {{"HTTP/1.1 400 no\r\n\r\n", "ab", "cd"}, false, 5000},
        {{"HTTP/1.0 400 no\r\n\r\n", "ab", "cd"}, true, 100},
        {{"HTTP/1.1 400 no\r\nContent-Length: 9\r\n\r\n", "abcd"}, true, 50},
        {{"HTTP/1.1 400 no\r\nContent-Length: 9\r\n\r\n", "abcd"}, false, 5000},
        {{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 no\r\nContent-Length: 4\r\n\r\n", "abcd"},
         false,
         50},
        {{"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 4\r\n\r\n", "abcd"}, false, 50},
        {{"HTTP/1.1 426 no\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 4\r\n\r\n",
          "abcd"},
         false,
         50},
    };
    char url[64];

    (void)snprintf(url, sizeof(url), "ws://127.0.0.1:%u/ws", raw.port);
    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        uint64_t took_ms = contract_now_ms() + 100; /* dial() waits so long for what was before */

        say_in_pieces(rows[i].parts);
        raw.close_after = rows[i].close_after;
        dial(url, ECA_HTTP_PROXY_NEVER, false);
        took_ms = contract_now_ms() - took_ms;
        ck_assert_msg(wire.ended && wire.how == ECA_CHANNEL_REFUSED, "row %zu: %d %s", i,
                      (int)wire.how, wire.why);
        ck_assert_msg(strcmp(eca_buf_str(&wire.body), "abcd") == 0, "row %zu: %s", i,
                      eca_buf_str(&wire.body));
        ck_assert_msg(took_ms >= rows[i].ms && took_ms <= rows[i].ms + 150, "row %zu: %llu ms", i,
                      (unsigned long long)took_ms);
    }
    ck_assert_uint_eq(raw.connections, ECA_ARRAY_LEN(rows)); /* no redirect was followed */
}
END_TEST

static void on_end(void *arg, const struct eca_http_end *end)
{
    *(struct eca_http_end *)arg = *end;
}

/* One exchange through the proxy of the environment. */
static struct eca_http_end get(const char *url, bool insecure)
{
    static const struct eca_http_events events = {.on_end = on_end};
    struct eca_http_opts opts = {.method = "GET",
                                 .url = url,
                                 .total_ms = 5000,
                                 .insecure = insecure,
                                 .proxy = ECA_HTTP_PROXY_ENVIRONMENT,
                                 .party = "word"};
    struct eca_http_end end = {.err = {.code = ECA_E_INTERNAL}};
    struct eca_http_call *call;

    ck_assert_int_eq(eca_http_start(contract.stage.http, &opts, &events, &end, &call, &end.err), 0);
    contract_advance_ms(6000);
    return end;
}

/* WS-123, API-105: the TLS of an https:// proxy is trusted by the same store as everything, and not
 * at all under -k. */
START_TEST(an_https_proxy_is_trusted_as_a_server_is)
{
    static const struct {
        const char *address;
        bool insecure, reached;
    } rows[] = {{"127.0.0.1", false, true},
                {"127.0.0.1", true, true},
                {"127.0.0.2", false, false}, /* its certificate names others */
                {"127.0.0.2", true, true}};
    uint16_t port = rig_sockets_listen(
        &(struct fake_socket_listen){.party = "word", .address = "127.0.0.2", .tls = true});
    char value[64];

    rig_sockets.env[0][0] = "HTTP_PROXY";
    rig_sockets.env[0][1] = value;
    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct eca_http_end end;

        (void)snprintf(value, sizeof(value), "https://%s:%u", rows[i].address,
                       (unsigned)(i < 2 ? rig_sockets.tls_port : port));
        contract.requests = 0;
        end = get("http://agent.test/word", rows[i].insecure);
        ck_assert_msg(end.err.code == (rows[i].reached ? ECA_OK : ECA_E_TRANSIENT), "row %zu: %s",
                      i, end.err.msg);
        ck_assert_msg(contract.requests == (rows[i].reached ? 1u : 0u), "row %zu", i);
    }
}
END_TEST

/* WS-120, API-103: a proxy may be an IPv6 address. Nobody listens there, and that is what is said.
 */
START_TEST(a_proxy_may_be_an_address_of_ipv6)
{
    struct eca_http_end end;
    char value[64];

    (void)snprintf(value, sizeof(value), "http://[::1]:%u", raw.port);
    rig_sockets.env[0][0] = "HTTPS_PROXY";
    rig_sockets.env[0][1] = value;
    end = get("https://agent.test/word", false);
    ck_assert_int_eq(end.err.code, ECA_E_TRANSIENT);
    ck_assert_msg(strstr(end.err.msg, "Failed to connect to ::1 ") != NULL, "%s", end.err.msg);
}
END_TEST

/* A header value cannot smuggle a line into the request. */
START_TEST(headers_with_line_ends_are_refused)
{
    static const struct eca_http_header headers[] = {{"X-Amz-Security-Token", "a\r\nHost: b"}};
    struct eca_channel_opts opts = {.url = "wss://127.0.0.1/ws",
                                    .headers = headers,
                                    .header_count = 1,
                                    .connect_ms = 1000,
                                    .party = "word"};
    struct eca_channel_conn *conn = NULL;
    struct eca_err err = {0};

    ck_assert_int_eq(eca_channel_open(contract.stage.channel, &opts,
                                      &(struct eca_channel_events){0}, NULL, &conn, &err),
                     ECA_E_INVALID);
    ck_assert_str_eq(err.msg, "header X-Amz-Security-Token has control characters");
    for (int i = 0; i < 2; i++) { /* over TCP, over a unix socket */
        struct eca_http_opts exchange = {.method = "GET",
                                         .url = "http://127.0.0.1/",
                                         .unix_socket = i == 0 ? NULL : contract.unix_socket,
                                         .headers = headers,
                                         .header_count = 1,
                                         .total_ms = 1000,
                                         .party = "word"};
        struct eca_http_call *call = NULL;

        err = (struct eca_err){0};
        ck_assert_int_eq(eca_http_start(contract.stage.http, &exchange,
                                        &(struct eca_http_events){0}, NULL, &call, &err),
                         ECA_E_INVALID);
        ck_assert_str_eq(err.msg, "header X-Amz-Security-Token has control characters");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answers in pieces");
    TCase *tcase = tcase_create("sockets");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, each_dial_says_where_to);
    tcase_add_test(tcase, a_proxys_answer_may_come_in_pieces);
    tcase_add_test(tcase, a_refusals_body_may_come_in_pieces);
    tcase_add_test(tcase, an_https_proxy_is_trusted_as_a_server_is);
    tcase_add_test(tcase, a_proxy_may_be_an_address_of_ipv6);
    tcase_add_test(tcase, headers_with_line_ends_are_refused);
    suite_add_tcase(suite, tcase);
    return contract_main(&rig_sockets_contract, suite);
}
