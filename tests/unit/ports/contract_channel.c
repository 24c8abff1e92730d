#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/unit/ports/contract.h"

/* The channel port (agent/ports/channel.h). */

#define BIG_BYTES 300000
#define STALL_MS 30000

enum act { NOTHING, ABORT, CLOSE };

/* One connection, what was told about it, and what to do inside its callbacks. */
struct line {
    struct eca_channel_conn *conn;
    enum act at_open, at_text, at_end;
    bool started, aborted, open, ended;
    size_t opens, texts, ends;
    size_t written;      /* messages of ours that have left as a whole */
    bool saying;         /* inside eca_channel_send */
    struct eca_buf text; /* each message followed by '\n' */
    struct eca_buf reason, body;
    enum eca_channel_how how;
    int close_code, status;
    struct eca_err err;
    uint64_t since_ms, took_ms;
};

static void act(struct line *line, enum act what)
{
    if (what == ABORT) {
        line->aborted = true;
        eca_channel_abort(contract.stage.channel, line->conn);
    } else if (what == CLOSE) {
        eca_channel_close(contract.stage.channel, line->conn, 1000);
    }
}

static void on_open(void *arg)
{
    struct line *line = arg;

    ck_assert_msg(line->started, "a callback inside open");
    ck_assert(!line->aborted && line->opens == 0 && !line->ended);
    line->opens++;
    line->open = true;
    act(line, line->at_open);
}

static void on_text(void *arg, struct eca_view message)
{
    struct line *line = arg;

    ck_assert_msg(!line->aborted, "a message after abort");
    ck_assert(line->open && !line->ended);
    line->texts++;
    eca_buf_add_view(&line->text, message);
    eca_buf_add_char(&line->text, '\n');
    act(line, line->at_text);
}

static void on_written(void *arg)
{
    struct line *line = arg;

    ck_assert_msg(!line->aborted && !line->ended && !line->saying, "on_written at a wrong time");
    line->written++;
}

static void on_end(void *arg, const struct eca_channel_end *end)
{
    struct line *line = arg;

    ck_assert_msg(line->started, "the end inside a call");
    ck_assert_msg(!line->aborted, "an end after abort");
    ck_assert_msg(line->ends == 0, "the end came twice");
    line->ends++;
    line->ended = true;
    line->how = end->how;
    line->close_code = end->close_code;
    line->status = end->status;
    line->err = end->err;
    line->took_ms = contract_now_ms() - line->since_ms;
    eca_buf_add_view(&line->reason, end->close_reason);
    eca_buf_add_view(&line->body, end->body);
    act(line, line->at_end);
}

static const struct eca_channel_events events = {
    .on_open = on_open, .on_text = on_text, .on_end = on_end, .on_written = on_written};

static void dial(struct line *line, const char *path, struct eca_channel_opts opts)
{
    struct eca_err err = {0};
    char url[512];

    memset(line, 0, sizeof(*line));
    (void)snprintf(url, sizeof(url), "%s%s", contract.wss, path);
    opts.url = opts.url == NULL ? url : opts.url;
    opts.connect_ms = opts.connect_ms == 0 ? 30000 : opts.connect_ms;
    opts.write_stall_ms = opts.write_stall_ms == 0 ? STALL_MS : opts.write_stall_ms;
    opts.message_bytes_max = opts.message_bytes_max == 0 ? 8 << 20 : opts.message_bytes_max;
    opts.send_queue_bytes_max =
        opts.send_queue_bytes_max == 0 ? 8 << 20 : opts.send_queue_bytes_max;
    opts.party = "word";
    line->since_ms = contract_now_ms();
    ck_assert_msg(
        eca_channel_open(contract.stage.channel, &opts, &events, line, &line->conn, &err) == 0,
        "%s", err.msg);
    ck_assert(!line->open && !line->ended);
    line->started = true;
}

static void until_end(struct line *line)
{
    contract_until(&line->ended, "the end of a connection");
}

static void stand(struct line *line, const char *path)
{
    dial(line, path, (struct eca_channel_opts){0});
    contract_until(&line->open, "a connection");
    contract_advance_ms(100);
    ck_assert_ptr_nonnull(contract.ws);
}

static int say(struct line *line, struct eca_view text)
{
    int code;

    line->saying = true;
    code = eca_channel_send(contract.stage.channel, line->conn, text, NULL);
    line->saying = false;
    return code;
}

static void line_clear(struct line *line)
{
    if (line->started && !line->ended && !line->aborted) {
        eca_channel_abort(contract.stage.channel, line->conn);
    }
    eca_buf_clear(&line->text);
    eca_buf_clear(&line->reason);
    eca_buf_clear(&line->body);
    contract_advance_ms(100);
}

/* WS-140, WS-149, WS-168: whole messages, in order, both ways. */
START_TEST(messages_keep_their_order)
{
    eca_auto_buf struct eca_buf expected = {0};
    struct line line;

    stand(&line, "/ws");
    for (int i = 0; i < 300; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "message %d", i);
        eca_buf_addf(&expected, "%s\n", text);
        ck_assert_int_eq(say(&line, eca_view_str(text)), 0);
        fake_ws_send(contract.ws, eca_view_str(text));
    }
    contract_advance_ms(1000);
    ck_assert_str_eq(eca_buf_str(&contract.heard), eca_buf_str(&expected));
    ck_assert_str_eq(eca_buf_str(&line.text), eca_buf_str(&expected));
    ck_assert(!line.ended);
    line_clear(&line);
}
END_TEST

/* WS-141, WS-142: 3 MB and every length form. */
START_TEST(messages_of_every_size)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 3000000};
    static char bytes[3000000];

    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct line line;

        stand(&line, "/ws");
        eca_buf_reset(&contract.heard);
        ck_assert_int_eq(say(&line, eca_view_of(bytes, sizes[i])), 0);
        fake_ws_send(contract.ws, eca_view_of(bytes, sizes[i]));
        contract_advance_ms(1000);
        ck_assert_msg(contract.heard.len == sizes[i] + 1, "%zu: %zu bytes went", sizes[i],
                      contract.heard.len);
        ck_assert_msg(line.texts == 1 && line.text.len == sizes[i] + 1, "%zu: %zu bytes came",
                      sizes[i], line.text.len);
        line_clear(&line);
    }
}
END_TEST

/* WS-132: bytes that follow the reply at once. */
START_TEST(frames_glued_to_the_reply_are_not_lost)
{
    struct line line;

    stand(&line, "/glued");
    contract_advance_ms(100);
    ck_assert_str_eq(eca_buf_str(&line.text), "glued 1\nglued 2\n");
    line_clear(&line);
}
END_TEST

/* WS-110, WS-112, TCS-305: and offers neither a sub-protocol nor an extension. */
START_TEST(the_upgrade_request_has_its_headers)
{
    static const struct eca_http_header headers[] = {
        {"Authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c"},
        {"X-Amz-Date", "20160901T120000Z"}};
    struct line line;

    dial(&line, "/ws?agentHash=%2AUNKNOWN&x=1+2",
         (struct eca_channel_opts){.headers = headers, .header_count = 2});
    contract_until(&line.open, "a connection");
    ck_assert_str_eq(eca_buf_str(&contract.target), "GET /ws?agentHash=%2AUNKNOWN&x=1+2");
    contract_expect_host(contract.wss + strlen("wss://"));
    ck_assert_ptr_nonnull(strstr(
        eca_buf_str(&contract.heads),
        "authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c\n"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&contract.heads), "x-amz-date: 20160901T120000Z\n"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&contract.heads), "sec-websocket-version: 13\n"));
    ck_assert_ptr_null(strstr(eca_buf_str(&contract.heads), "sec-websocket-protocol"));
    ck_assert_ptr_null(strstr(eca_buf_str(&contract.heads), "sec-websocket-extensions"));
    line_clear(&line);
}
END_TEST

/* WS-151 */
START_TEST(sending_without_a_connection_is_an_error)
{
    struct line line;

    dial(&line, "/ws", (struct eca_channel_opts){0});
    ck_assert_int_eq(say(&line, eca_view_str("early")), ECA_E_CONFLICT);
    contract_until(&line.open, "a connection");
    eca_channel_close(contract.stage.channel, line.conn, 1000);
    ck_assert_int_eq(say(&line, eca_view_str("late")), ECA_E_CONFLICT);
    until_end(&line);
    ck_assert_str_eq(eca_buf_str(&contract.heard), "");
    line_clear(&line);
}
END_TEST

/* WS-131, ACS-103: status and body of a refusal arrive, whatever their form. */
START_TEST(a_refusal_tells_status_and_body)
{
    static const struct {
        const char *path;
        int status;
        size_t body_bytes;
        const char *body;
    } rows[] = {
        {"/refuse?status=400&body=%7B%22InvalidClusterException%22%3A%22no%22%7D", 400, 32,
         "{\"InvalidClusterException\":\"no\"}"},
        {"/refuse?status=403&body=", 403, 0, ""},
        {"/refuse?status=500&n=3000", 500, 3000, NULL},
        {"/refuse?status=503&n=60000", 503, 60000, NULL},
        {"/refuse?status=400&n=100000", 400, ECA_CHANNEL_REFUSAL_BYTES_MAX, NULL},
        {"/refuse?status=200&body=fine", 200, 4, "fine"},
        {"/refuse?status=302&body=", 302, 0, ""}, /* never followed */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line line;

        dial(&line, rows[i].path, (struct eca_channel_opts){0});
        until_end(&line);
        ck_assert_msg(line.how == ECA_CHANNEL_REFUSED, "row %zu: %d %s", i, (int)line.how,
                      line.err.msg);
        ck_assert_int_eq(line.status, rows[i].status);
        ck_assert_msg(line.body.len == rows[i].body_bytes, "row %zu: %zu bytes", i, line.body.len);
        if (rows[i].body != NULL) {
            ck_assert_str_eq(eca_buf_str(&line.body), rows[i].body);
        }
        ck_assert_uint_eq(line.opens, 0);
        line_clear(&line);
    }
}
END_TEST

struct ticks {
    struct eca_timer timer;
    size_t count;
};

static void on_tick(void *arg)
{
    struct ticks *ticks = arg;

    ticks->count++;
    eca_timer_start_ms(&ticks->timer, 100);
}

/* WS-105, WS-131: a refusal's head has to come within the connect deadline, its body within 5 s
 * more and 64 KiB; what came until then is told. The server lives in the same loop as the client
 * and the timer of somebody else: whoever stands waiting sees neither. */
START_TEST(a_refusals_body_may_come_late)
{
    static const struct {
        const char *path;
        int status;
        size_t bytes_min, bytes_max;
        uint64_t ms;
    } rows[] = {
        {"/late?status=400&pieces=4&bytes=1&ms=500", 400, 4, 4, 2000},
        {"/late?status=503&pieces=1&bytes=9000&ms=4900", 503, 9000, 9000, 4900},
        {"/late?status=403&pieces=1&bytes=1&ms=6000", 403, 0, 0, 5000},
        {"/late?status=400&pieces=0&bytes=1&ms=100", 400, 45, 50, 5000},
        {"/late?status=500&pieces=0&bytes=10000&ms=100", 500, ECA_CHANNEL_REFUSAL_BYTES_MAX,
         ECA_CHANNEL_REFUSAL_BYTES_MAX, 700},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ticks ticks = {0};
        struct line line;

        eca_timer_init(&ticks.timer, contract.stage.base.sched, on_tick, &ticks);
        eca_timer_start_ms(&ticks.timer, 100);
        dial(&line, rows[i].path, (struct eca_channel_opts){.connect_ms = 300});
        until_end(&line);
        eca_timer_stop(&ticks.timer);
        ck_assert_msg(line.how == ECA_CHANNEL_REFUSED && line.status == rows[i].status,
                      "row %zu: %d %d %s", i, (int)line.how, line.status, line.err.msg);
        ck_assert_msg(line.body.len >= rows[i].bytes_min && line.body.len <= rows[i].bytes_max,
                      "row %zu: %zu bytes", i, line.body.len);
        ck_assert_msg(line.took_ms >= rows[i].ms &&
                          line.took_ms <= rows[i].ms + 50 + 4 * contract_slack_ms(),
                      "row %zu: %llu ms", i, (unsigned long long)line.took_ms);
        ck_assert_msg(ticks.count + 1 >= line.took_ms / 100, "row %zu: %zu ticks", i, ticks.count);
        line_clear(&line);
        ck_assert_ptr_null(contract.held); /* WS-133 */
    }
}
END_TEST

/* A refusal whose body is awaited can be given up like anything else. */
START_TEST(a_late_refusal_can_be_closed_and_aborted)
{
    static const enum act acts[] = {ABORT, CLOSE};

    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        struct line line;

        dial(&line, "/late?status=400&pieces=0&bytes=1&ms=100", (struct eca_channel_opts){0});
        contract_advance_ms(1000);
        ck_assert(!line.ended);
        act(&line, acts[i]);
        contract_advance_ms(7000);
        ck_assert_uint_eq(line.ends, acts[i] == CLOSE ? 1 : 0);
        ck_assert(acts[i] == ABORT || line.how == ECA_CHANNEL_CLOSED_BY_US);
        ck_assert_ptr_null(contract.held);
        line_clear(&line);
    }
}
END_TEST

START_TEST(nobody_listens_is_a_failed_connect)
{
    struct line line;
    char url[96];

    (void)snprintf(url, sizeof(url), "wss://%s/ws", contract.nobody);
    dial(&line, "", (struct eca_channel_opts){.url = url});
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_CONNECT_FAILED);
    ck_assert_int_eq(line.err.code, ECA_E_TRANSIENT);
    ck_assert(line.err.msg[0] != '\0');
    ck_assert_uint_eq(line.opens, 0);
    line_clear(&line);
}
END_TEST

/* WS-105, FB-21: an upgrade that is never answered. */
START_TEST(one_deadline_covers_the_whole_connect)
{
    struct line line;

    dial(&line, "/hang", (struct eca_channel_opts){.connect_ms = 30000});
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_CONNECT_FAILED);
    ck_assert_int_eq(line.err.code, ECA_E_TIMEOUT);
    ck_assert_uint_ge(line.took_ms, 30000);
    ck_assert_uint_le(line.took_ms, 30000 + 2 * contract_slack_ms());
    contract_advance_ms(100);
    ck_assert_uint_eq(contract.gone, 1); /* WS-133 */
    line_clear(&line);
}
END_TEST

/* WS-146 */
START_TEST(the_peers_close_is_told_with_code_and_reason)
{
    static const struct {
        int code;
        const char *reason, *why;
    } rows[] = {{1000, "ConnectionExpired: Reconnect to continue.", ""},
                {1001, "", ""},
                {1005, NULL, ""},
                {1011, "internal", "websocket: close 1011 internal"},
                {4000, "ours", "websocket: close 4000 ours"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line line;

        stand(&line, "/ws");
        fake_ws_close(contract.ws, rows[i].code, rows[i].reason);
        until_end(&line);
        ck_assert_msg(line.how == ECA_CHANNEL_CLOSED_BY_PEER, "%d: %d %s", rows[i].code,
                      (int)line.how, line.err.msg);
        ck_assert_int_eq(line.close_code, rows[i].code);
        ck_assert_str_eq(line.err.msg, rows[i].why);
        ck_assert_str_eq(eca_buf_str(&line.reason), rows[i].reason == NULL ? "" : rows[i].reason);
        line_clear(&line);
        ck_assert(contract.ws_closed);
    }
}
END_TEST

/* WS-147: also in the middle of a frame. */
START_TEST(an_end_without_close_is_a_loss)
{
    struct line line;

    stand(&line, "/ws");
    fake_ws_cut(contract.ws);
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_LOST);
    ck_assert_str_eq(line.err.msg, "unexpected EOF");
    line_clear(&line);
    stand(&line, "/ws");
    fake_ws_send_raw(contract.ws, eca_view_of("\x81\x0ahalf", 6));
    contract_advance_ms(100);
    fake_ws_cut(contract.ws);
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_LOST);
    ck_assert_str_eq(line.err.msg, "unexpected EOF");
    ck_assert_uint_eq(line.texts, 0);
    line_clear(&line);
}
END_TEST

/* WS-141, WS-145: frames byte by byte, good and bad. What is bad ends with a Close 1002 that names
 * the reason, as the error does. */
START_TEST(raw_bytes_are_read_as_frames)
{
    static const struct {
        const char *what, *bytes;
        size_t len;
        const char *why; /* NULL: nothing is wrong */
    } rows[] = {
        {"text", "\x81\x02hi", 4, NULL},
        {"three fragments around a ping", "\x01\x01h\x89\x01p\x00\x00\x80\x01i", 11, NULL},
        {"binary", "\x82\x02hi", 4, NULL},
        {"masked", "\x81\x82\1\2\3\4ik", 8, "masked frame from the server"},
        {"masked ping", "\x89\x80\1\2\3\4", 6, "masked frame from the server"},
        {"reserved bits", "\xf1\x02hi", 4, "reserved bits set"},
        {"one reserved bit", "\x91\x02hi", 4, "reserved bits set"},
        {"unknown opcode", "\x83\x02hi", 4, "unknown opcode"},
        {"unknown control", "\x8b\x00", 2, "unknown opcode"},
        {"continuation of nothing", "\x80\x02hi", 4, "wrong continuation"},
        {"text inside fragments", "\x01\x01h\x81\x01i", 6, "wrong continuation"},
        {"fragmented ping", "\x09\x01p", 3, "bad control frame"},
        {"long ping", "\x89\x7e\x00\x80", 4, "bad control frame"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line line;

        stand(&line, "/ws");
        for (size_t k = 0; k < rows[i].len; k++) {
            if (contract.ws != NULL) {
                fake_ws_send_raw(contract.ws, eca_view_of(rows[i].bytes + k, 1));
                contract_advance_ms(1);
            }
        }
        contract_advance_ms(3000);
        if (rows[i].why == NULL) {
            ck_assert_msg(strcmp(eca_buf_str(&line.text), "hi\n") == 0, "%s: %s", rows[i].what,
                          eca_buf_str(&line.text));
            ck_assert(!line.ended);
        } else {
            ck_assert_msg(line.ended && line.how == ECA_CHANNEL_LOST, "%s: %d %d %s", rows[i].what,
                          line.ended, (int)line.how, line.err.msg);
            ck_assert(contract.ws_closed);
            ck_assert_msg(contract.ws_code == 1002 &&
                              strcmp(eca_buf_str(&contract.ws_reason), rows[i].why) == 0,
                          "%s: close %d %s", rows[i].what, contract.ws_code,
                          eca_buf_str(&contract.ws_reason));
            ck_assert_msg(strncmp(line.err.msg, "websocket: ", 11) == 0 &&
                              strcmp(line.err.msg + 11, rows[i].why) == 0,
                          "%s: %s", rows[i].what, line.err.msg);
            ck_assert_msg(strstr(eca_buf_str(&line.text), "hi") == NULL, "%s", rows[i].what);
        }
        line_clear(&line);
    }
}
END_TEST

/* WS-145: what came whole before the broken frame counts, whatever is said in answer to it. */
START_TEST(messages_before_a_broken_frame_are_told)
{
    struct line line;

    stand(&line, "/ws");
    ck_assert_int_eq(say(&line, eca_view_str("first")), 0);
    contract_advance_ms(100);
    fake_ws_send_raw(contract.ws, eca_view_of("\x81\x02hi\x89\x01p\x81\x82....no\x81\x02no", 19));
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_LOST);
    ck_assert_str_eq(line.err.msg, "websocket: masked frame from the server");
    ck_assert_str_eq(eca_buf_str(&line.text), "hi\n");
    contract_advance_ms(100);
    ck_assert_int_eq(contract.ws_code, 1002);
    ck_assert_str_eq(eca_buf_str(&contract.heard), "first\n");
    line_clear(&line);
}
END_TEST

/* WS-143 */
START_TEST(pings_are_answered_with_their_payload)
{
    struct line line;
    char longest[126];

    memset(longest, 'p', 125);
    longest[125] = '\0';
    stand(&line, "/ws");
    fake_ws_ping(contract.ws, eca_view_str("one"));
    fake_ws_ping(contract.ws, eca_view_str(""));
    contract_advance_ms(100);
    fake_ws_ping(contract.ws, eca_view_str(longest));
    contract_advance_ms(100);
    ck_assert_uint_ge(contract.pongs.len, 4 + 126);
    ck_assert(strncmp(eca_buf_str(&contract.pongs), "one\n", 4) == 0);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&contract.pongs), longest));
    ck_assert_uint_eq(line.texts, 0);
    line_clear(&line);
}
END_TEST

START_TEST(a_message_beyond_the_limit_ends_the_connection)
{
    static char big[2001];
    struct line line;

    memset(big, 'x', sizeof(big) - 1);
    dial(&line, "/ws", (struct eca_channel_opts){.message_bytes_max = 2000});
    contract_until(&line.open, "a connection");
    fake_ws_send(contract.ws, eca_view_of(big, 2000));
    contract_advance_ms(100);
    ck_assert_uint_eq(line.texts, 1);
    fake_ws_send(contract.ws, eca_view_of("y", 1));
    fake_ws_send(contract.ws, eca_view_of(big, sizeof(big)));
    until_end(&line);
    ck_assert_uint_eq(line.texts, 2);
    ck_assert_int_eq(line.how, ECA_CHANNEL_LOST);
    ck_assert_int_eq(line.err.code, ECA_E_LIMIT);
    contract_advance_ms(2000);
    ck_assert(contract.ws_closed);
    ck_assert_int_eq(contract.ws_code, 1009);
    line_clear(&line);
}
END_TEST

/* Whatever the peer sends after the limit is heard by nobody and harms nothing. */
START_TEST(a_flood_behind_the_limit_is_not_read)
{
    size_t len = (size_t)4 << 20;
    eca_auto_free char *flood = eca_xalloc(len);
    struct line line;

    memset(flood, 'x', len);
    dial(&line, "/ws", (struct eca_channel_opts){.message_bytes_max = 100000});
    contract_until(&line.open, "a connection");
    fake_ws_send(contract.ws, eca_view_of(flood, len));
    fake_ws_send(contract.ws, eca_view_str("and more"));
    until_end(&line);
    ck_assert_uint_eq(line.texts, 0);
    ck_assert_int_eq(line.how, ECA_CHANNEL_LOST);
    ck_assert_int_eq(line.err.code, ECA_E_LIMIT);
    contract_advance_ms(2000);
    ck_assert(contract.ws_closed);
    line_clear(&line);
}
END_TEST

/* WS-150, FB-21 d */
START_TEST(a_peer_that_does_not_read_is_given_up)
{
    static char big[BIG_BYTES];
    struct line line;
    size_t sent = 0;

    memset(big, 'x', sizeof(big));
    stand(&line, "/ws");
    fake_ws_set_reading(contract.ws, false);
    while (say(&line, eca_view_of(big, sizeof(big))) == 0 && sent < 1000) {
        sent++;
    }
    ck_assert_uint_ge(sent, 20);
    ck_assert_uint_lt(sent, 1000); /* the queue has an end */
    ck_assert_int_eq(say(&line, eca_view_of(big, sizeof(big))), ECA_E_LIMIT);
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_STALLED);
    ck_assert_int_eq(line.err.code, ECA_E_TIMEOUT);
    ck_assert_uint_ge(line.took_ms, STALL_MS);
    ck_assert_uint_le(line.took_ms, STALL_MS + 5000);
    ck_assert_uint_lt(line.written, sent); /* TCS-607: what was stuck never counts as written */
    line_clear(&line);
}
END_TEST

START_TEST(a_slow_reader_is_no_stall)
{
    static char big[BIG_BYTES];
    struct line line;

    memset(big, 'x', sizeof(big));
    stand(&line, "/ws");
    for (size_t i = 0; i < 5; i++) {
        fake_ws_set_reading(contract.ws, false);
        for (int k = 0; k < 10; k++) {
            ck_assert_int_eq(say(&line, eca_view_of(big, sizeof(big))), 0);
        }
        contract_advance_ms(20000);
        ck_assert_uint_lt(line.written, (i + 1) * 10);
        fake_ws_set_reading(contract.ws, true);
        contract_advance_ms(20000);
        ck_assert_uint_eq(line.written, (i + 1) * 10); /* TCS-607: each message once */
    }
    ck_assert_msg(!line.ended, "%d %s", (int)line.how, line.err.msg);
    ck_assert_uint_eq(contract.heard.len, 50 * ((size_t)BIG_BYTES + 1));
    line_clear(&line);
}
END_TEST

/* WS-148, SIG-103 */
START_TEST(our_close_sends_what_waits_and_ends_once)
{
    struct line line;

    stand(&line, "/ws");
    ck_assert_int_eq(say(&line, eca_view_str("last words")), 0);
    eca_channel_close(contract.stage.channel, line.conn, 1000);
    eca_channel_close(contract.stage.channel, line.conn, 1001); /* WS-152: again is nothing */
    ck_assert_uint_eq(line.ends, 0);
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_CLOSED_BY_US);
    contract_advance_ms(100);
    ck_assert_str_eq(eca_buf_str(&contract.heard), "last words\n");
    ck_assert_int_eq(contract.ws_code, 1000);
    line_clear(&line);
}
END_TEST

/* FB-21.3, L-4: a close never waits for a writer, nor for a peer. */
START_TEST(our_close_takes_a_second_at_most)
{
    static char big[BIG_BYTES];
    struct line line;
    uint64_t since_ms;

    memset(big, 'x', sizeof(big));
    stand(&line, "/ws");
    fake_ws_set_reading(contract.ws, false);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(say(&line, eca_view_of(big, sizeof(big))), 0);
    }
    contract_advance_ms(100);
    since_ms = contract_now_ms();
    eca_channel_close(contract.stage.channel, line.conn, 1000);
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_CLOSED_BY_US);
    ck_assert_uint_le(contract_now_ms() - since_ms, 1000 + 2 * contract_slack_ms());
    line_clear(&line);
}
END_TEST

START_TEST(a_close_before_the_connection_stands)
{
    struct line line;

    dial(&line, "/hang", (struct eca_channel_opts){0});
    eca_channel_close(contract.stage.channel, line.conn, 1000); /* at once */
    ck_assert_uint_eq(line.ends, 0);
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_CLOSED_BY_US);
    line_clear(&line);
    dial(&line, "/hang", (struct eca_channel_opts){0});
    contract_advance_ms(100); /* while the answer is waited for */
    eca_channel_close(contract.stage.channel, line.conn, 1000);
    until_end(&line);
    ck_assert_int_eq(line.how, ECA_CHANNEL_CLOSED_BY_US);
    ck_assert_uint_le(line.took_ms, 1200);
    line_clear(&line);
}
END_TEST

START_TEST(after_abort_nothing_is_told)
{
    struct line line;

    dial(&line, "/ws", (struct eca_channel_opts){0});
    act(&line, ABORT);
    contract_advance_ms(2000);
    line_clear(&line);
    dial(&line, "/hang", (struct eca_channel_opts){0});
    contract_advance_ms(100);
    act(&line, ABORT);
    contract_advance_ms(60000);
    ck_assert_uint_eq(contract.gone, 1);
    line_clear(&line);
    stand(&line, "/ws");
    fake_ws_send(contract.ws, eca_view_str("on its way"));
    act(&line, ABORT);
    contract_advance_ms(2000);
    ck_assert(contract.ws_closed);
    ck_assert_uint_eq(line.opens, 1);
    line_clear(&line);
}
END_TEST

START_TEST(abort_and_close_work_inside_every_callback)
{
    static const enum act acts[] = {ABORT, CLOSE};

    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        struct line line;

        dial(&line, "/ws", (struct eca_channel_opts){0});
        line.at_open = acts[i];
        contract_advance_ms(3000);
        ck_assert_uint_eq(line.opens, 1);
        ck_assert_uint_eq(line.ends, acts[i] == CLOSE ? 1 : 0);
        ck_assert(acts[i] == ABORT || line.how == ECA_CHANNEL_CLOSED_BY_US);
        ck_assert(contract.ws_closed);
        line_clear(&line);

        stand(&line, "/ws");
        line.at_text = acts[i];
        fake_ws_send(contract.ws, eca_view_str("one"));
        fake_ws_send(contract.ws, eca_view_str("two"));
        contract_advance_ms(3000);
        ck_assert_str_eq(eca_buf_str(&line.text), "one\n");
        ck_assert_uint_eq(line.ends, acts[i] == CLOSE ? 1 : 0);
        ck_assert(contract.ws_closed);
        line_clear(&line);

        stand(&line, "/ws");
        line.at_end = acts[i]; /* nothing is left to do */
        fake_ws_cut(contract.ws);
        contract_advance_ms(3000);
        ck_assert_uint_eq(line.ends, 1);
        line_clear(&line);
    }
}
END_TEST

START_TEST(endpoints_that_are_no_websocket_are_refused_at_once)
{
    static const char *const urls[] = {"", "word.test/ws", "ftp://word.test/ws", "wss:///ws"};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct eca_channel_opts opts = {.url = urls[i], .connect_ms = 1000, .party = "word"};
        struct eca_channel_conn *conn = NULL;
        struct eca_err err = {0};
        struct line line = {0};

        ck_assert_msg(eca_channel_open(contract.stage.channel, &opts, &events, &line, &conn,
                                       &err) == ECA_E_INVALID,
                      "%s", urls[i]);
        ck_assert(err.msg[0] != '\0');
        contract_advance_ms(2000);
    }
    ck_assert_uint_eq(contract.requests, 0);
}
END_TEST

/* ACS and TCS stand side by side. */
START_TEST(two_connections_do_not_mix)
{
    struct line first, second;
    struct fake_ws *first_ws;

    stand(&first, "/ws");
    first_ws = contract.ws;
    stand(&second, "/ws");
    ck_assert_ptr_ne(first_ws, contract.ws);
    fake_ws_send(first_ws, eca_view_str("for the first"));
    fake_ws_send(contract.ws, eca_view_str("for the second"));
    contract_advance_ms(100);
    ck_assert_str_eq(eca_buf_str(&first.text), "for the first\n");
    ck_assert_str_eq(eca_buf_str(&second.text), "for the second\n");
    fake_ws_cut(first_ws);
    until_end(&first);
    ck_assert(!second.ended);
    ck_assert_int_eq(say(&second, eca_view_str("still here")), 0);
    contract_advance_ms(100);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&contract.heard), "still here\n"));
    line_clear(&first);
    line_clear(&second);
}
END_TEST

void contract_channel_add(Suite *suite)
{
    TCase *tcase = tcase_create("channel port");

    tcase_add_checked_fixture(tcase, contract_open, contract_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, messages_keep_their_order);
    tcase_add_test(tcase, messages_of_every_size);
    tcase_add_test(tcase, frames_glued_to_the_reply_are_not_lost);
    tcase_add_test(tcase, the_upgrade_request_has_its_headers);
    tcase_add_test(tcase, sending_without_a_connection_is_an_error);
    tcase_add_test(tcase, a_refusal_tells_status_and_body);
    tcase_add_test(tcase, a_refusals_body_may_come_late);
    tcase_add_test(tcase, a_late_refusal_can_be_closed_and_aborted);
    tcase_add_test(tcase, nobody_listens_is_a_failed_connect);
    tcase_add_test(tcase, one_deadline_covers_the_whole_connect);
    tcase_add_test(tcase, the_peers_close_is_told_with_code_and_reason);
    tcase_add_test(tcase, an_end_without_close_is_a_loss);
    tcase_add_test(tcase, raw_bytes_are_read_as_frames);
    tcase_add_test(tcase, messages_before_a_broken_frame_are_told);
    tcase_add_test(tcase, pings_are_answered_with_their_payload);
    tcase_add_test(tcase, a_message_beyond_the_limit_ends_the_connection);
    tcase_add_test(tcase, a_flood_behind_the_limit_is_not_read);
    tcase_add_test(tcase, a_peer_that_does_not_read_is_given_up);
    tcase_add_test(tcase, a_slow_reader_is_no_stall);
    tcase_add_test(tcase, our_close_sends_what_waits_and_ends_once);
    tcase_add_test(tcase, our_close_takes_a_second_at_most);
    tcase_add_test(tcase, a_close_before_the_connection_stands);
    tcase_add_test(tcase, after_abort_nothing_is_told);
    tcase_add_test(tcase, abort_and_close_work_inside_every_callback);
    tcase_add_test(tcase, endpoints_that_are_no_websocket_are_refused_at_once);
    tcase_add_test(tcase, two_connections_do_not_mix);
    suite_add_tcase(suite, tcase);
}
