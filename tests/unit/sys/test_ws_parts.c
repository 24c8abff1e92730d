#include <check.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/sys/http_head.h"
#include "agent/sys/ws_frame.h"
#include "tests/unit/sys/raw_server.h"
#include "tests/unit/sys/rig_sockets.h"

/* The parts of the websocket client: heads and bodies of answers, frames; and answers that come in
 * pieces over a socket. */

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

/* WS-125, WS-130 */
START_TEST(heads_are_read_or_refused)
{
    static const struct {
        const char *text;
        int status; /* 0 = no head */
        const char *line;
    } rows[] = {
        {"HTTP/1.1 101 Switching Protocols\r\nA: b", 101, "101 Switching Protocols"},
        {"HTTP/1.0 200 OK", 200, "200 OK"},
        {"HTTP/1.1 200", 200, "200"},
        {"HTTP/1.1 407 Proxy Authentication Required\r\n", 407,
         "407 Proxy Authentication Required"},
        {"HTTP/2 200 OK", 0, NULL},
        {"HTTP/1.1 2000 OK", 0, NULL},
        {"HTTP/1.1 20 OK", 0, NULL},
        {"HTTP/1.1 099 OK", 0, NULL},
        {"HTTP/1.1  200 OK", 0, NULL},
        {"SSH-2.0-OpenSSH_9.2", 0, NULL},
        {"", 0, NULL},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        struct eca_http_head_text head = {0};
        int code = eca_http_head_parse(eca_view_str(rows[i].text), &head);

        ck_assert_msg((code == 0) == (rows[i].status != 0), "%s", rows[i].text);
        if (code == 0) {
            ck_assert_int_eq(head.status, rows[i].status);
            ck_assert_msg(eca_view_eq_str(head.status_text, rows[i].line), "%s", rows[i].text);
        }
    }
}
END_TEST

/* WS-130: Connection may be a list of words, in any case. */
START_TEST(words_among_header_values)
{
    struct eca_http_head_text head;

    ck_assert_int_eq(eca_http_head_parse(eca_view_str("HTTP/1.1 101 x\r\nConnection: keep-alive ,"
                                                      " upGRADE\r\nUPGRADE:websocket\r\nX:"),
                                         &head),
                     0);
    ck_assert(eca_http_head_has(&head, "connection", "upgrade"));
    ck_assert(eca_http_head_has(&head, "connection", "keep-alive"));
    ck_assert(!eca_http_head_has(&head, "connection", "up"));
    ck_assert(eca_http_head_has(&head, "upgrade", "websocket"));
    ck_assert(!eca_http_head_has(&head, "absent", "websocket"));
    ck_assert_ptr_null(eca_http_head_value(&head, "absent").at);
    ck_assert_uint_eq(eca_http_head_value(&head, "x").len, 0);
}
END_TEST

/* WS-131: bodies of every framing, fed in pieces of every size. */
START_TEST(bodies_end_where_they_say)
{
    static const struct {
        const char *head, *bytes, *body;
        bool done;
    } rows[] = {
        {"Content-Length: 3", "abcd", "abc", true},
        {"Content-Length: 0", "abcd", "", true},
        {"Content-Length: 5", "abc", "abc", false},
        {"Content-Length: nonsense", "abc", "abc", false},
        {"Transfer-Encoding: chunked", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nrest", "abcde", true},
        {"Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", "abc", true},
        {"Transfer-Encoding: chunked", "A\r\n0123456789\r\n", "0123456789", false},
        {"Transfer-Encoding: chunked", "\r\n", "", true},
        {"", "abc", "abc", false},
        {"", "0123456789abcdefghij", "0123456789abcdef", true}, /* the limit of this test */
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        for (size_t piece = 1; piece < 25; piece++) {
            struct eca_http_body body = {0};
            struct eca_http_head_text head;
            struct eca_view bytes = eca_view_str(rows[i].bytes);
            eca_auto_free char *text = eca_xasprintf("HTTP/1.1 400 no\r\n%s", rows[i].head);

            ck_assert_int_eq(eca_http_head_parse(eca_view_str(text), &head), 0);
            eca_http_body_begin(&body, &head, 16);
            while (bytes.len > 0) {
                eca_http_body_feed(&body, eca_view_sub(bytes, 0, piece));
                bytes = eca_view_sub(bytes, piece, bytes.len);
            }
            ck_assert_msg(strcmp(eca_buf_str(&body.text), rows[i].body) == 0, "row %zu/%zu: %s", i,
                          piece, eca_buf_str(&body.text));
            ck_assert_msg(body.done == rows[i].done, "row %zu/%zu", i, piece);
            eca_buf_clear(&body.text);
        }
    }
}
END_TEST

/* WS-140: what we write is masked, and reads back unmasked; every length form. */
START_TEST(frames_are_written_masked)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    static const struct {
        size_t len, header;
    } rows[] = {{0, 6}, {1, 6}, {125, 6}, {126, 8}, {65535, 8}, {65536, 14}};
    static char payload[65536];

    memset(payload, 'x', sizeof(payload));
    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        eca_auto_buf struct eca_buf out = {0};

        eca_ws_write(&out, ECA_WS_TEXT, eca_view_of(payload, rows[i].len), mask);
        ck_assert_uint_eq(out.len, rows[i].header + rows[i].len);
        ck_assert_uint_eq((unsigned char)out.at[0], 0x81);
        ck_assert_uint_eq((unsigned char)out.at[1] & 0x80, 0x80);
        ck_assert_int_eq(memcmp(out.at + rows[i].header - 4, mask, 4), 0);
        for (size_t k = 0; k < rows[i].len; k++) {
            ck_assert_uint_eq((unsigned char)out.at[rows[i].header + k], 'x' ^ mask[k & 3]);
        }
    }
}
END_TEST

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
        contract_advance_ms(20);
    }
}

static void say_in_pieces(const char *const *parts)
{
    memset(raw.parts, 0, sizeof(raw.parts));
    for (size_t i = 0; i < RAW_PARTS_MAX && parts[i] != NULL; i++) {
        raw.parts[i] = eca_view_str(parts[i]);
    }
}

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

/* WS-131, WS-105: the body of a refusal is read to its end, whatever the pieces; without an end it
 * is read for 5 s. */
START_TEST(a_refusals_body_may_come_in_pieces)
{
    static const struct {
        const char *parts[RAW_PARTS_MAX];
        const char *body;
        uint64_t at_least_ms, at_most_ms;
    } rows[] = {
        {{"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n", "\r\n", "ab", "cd"},
         "abcd",
         150,
         400},
        {{"HTTP/1.1 400 no\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nab\r", "\n2\r\ncd\r\n",
          "0\r\n\r\n"},
         "abcd",
         150,
         400},
        {{"HTTP/1.1 400 no\r\n\r\n", "ab", "cd"}, "abcd", 5000, 5300},
        {{"HTTP/1.1 400 no\r\nContent-Length: 9\r\n\r\n", "abcd"}, "abcd", 5000, 5300},
        {{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 no\r\nContent-Length: 4\r\n\r\n", "abcd"},
         "abcd",
         50,
         300},
    };
    char url[64];

    (void)snprintf(url, sizeof(url), "ws://127.0.0.1:%u/ws", raw.port);
    for (size_t i = 0; i < ECA_ARRAY_LEN(rows); i++) {
        uint64_t since_ms;

        say_in_pieces(rows[i].parts);
        since_ms = contract_now_ms() + 100;
        dial(url, ECA_HTTP_PROXY_NEVER, false);
        ck_assert_msg(wire.ended && wire.how == ECA_CHANNEL_REFUSED, "row %zu: %d %s", i,
                      (int)wire.how, wire.why);
        ck_assert_msg(strcmp(eca_buf_str(&wire.body), rows[i].body) == 0, "row %zu: %s", i,
                      eca_buf_str(&wire.body));
        ck_assert_msg(contract_now_ms() - since_ms >= rows[i].at_least_ms &&
                          contract_now_ms() - since_ms <= rows[i].at_most_ms,
                      "row %zu: %llu ms", i, (unsigned long long)(contract_now_ms() - since_ms));
    }
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
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parts of the websocket client");
    TCase *plain = tcase_create("plain");
    TCase *sockets = tcase_create("sockets");

    tcase_add_test(plain, heads_are_read_or_refused);
    tcase_add_test(plain, words_among_header_values);
    tcase_add_test(plain, bodies_end_where_they_say);
    tcase_add_test(plain, frames_are_written_masked);
    suite_add_tcase(suite, plain);
    tcase_add_checked_fixture(sockets, setup, teardown);
    tcase_set_timeout(sockets, 60);
    tcase_add_test(sockets, a_proxys_answer_may_come_in_pieces);
    tcase_add_test(sockets, a_refusals_body_may_come_in_pieces);
    tcase_add_test(sockets, headers_with_line_ends_are_refused);
    suite_add_tcase(suite, sockets);
    return contract_main(&rig_sockets_contract, suite);
}
