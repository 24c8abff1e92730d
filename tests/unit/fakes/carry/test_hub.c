#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fakes/stage.h"

/* A service with one word to say, and a stream. */
struct word {
    struct stage stage;
    int seen, gone;
    struct fake_exchange *stream;
    struct fake_ws *ws;
    struct eca_buf heard;
    int closed_code;
    bool closed;
    struct eca_buf pong;
};

static void on_gone(void *arg)
{
    struct word *word = arg;

    word->gone++;
    word->stream = NULL;
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct word *word = arg;

    word->seen++;
    if (strcmp(fake_exchange_request(exchange)->path, "/stream") == 0) {
        word->stream = exchange;
        fake_exchange_on_gone(exchange, on_gone, word);
        fake_exchange_begin(exchange, 200, "application/json");
        fake_exchange_write(exchange, eca_view_str("first"));
        return;
    }
    fake_exchange_header(exchange, "x-extra", "1");
    fake_exchange_reply(exchange, 200, "text/plain", eca_view_str("a word"));
}

static void on_text(void *arg, struct eca_view text)
{
    struct word *word = arg;

    eca_buf_add_view(&word->heard, text);
    eca_buf_add_char(&word->heard, '\n');
}

static void on_closed(void *arg, int code, struct eca_view reason)
{
    struct word *word = arg;

    (void)reason;
    ck_assert(!word->closed);
    word->closed = true;
    word->closed_code = code;
    word->ws = NULL;
}

static void on_pong(void *arg, struct eca_view payload)
{
    eca_buf_add_view(&((struct word *)arg)->pong, payload);
}

static void on_upgrade(void *arg, struct fake_exchange *exchange)
{
    static const struct fake_ws_events events = {
        .on_text = on_text, .on_closed = on_closed, .on_pong = on_pong};
    struct word *word = arg;

    if (strcmp(fake_exchange_request(exchange)->path, "/no") == 0) {
        fake_exchange_reply(exchange, 403, "text/plain", eca_view_str("go away"));
        return;
    }
    word->ws = fake_ws_accept(exchange, &events, word);
}

static const char *name_it(void *arg, const struct fake_request *request)
{
    (void)arg;
    return strcmp(request->path, "/talk") == 0 ? "talk:loud:web/app" : NULL;
}

static struct word world;

static void setup(void)
{
    struct fake_service service = {"word", on_request, on_upgrade, &world};

    memset(&world, 0, sizeof(world));
    stage_open(&world.stage);
    fake_hub_add(world.stage.base.hub, &service);
    fake_hub_set_namer(world.stage.base.hub, "word", name_it, NULL);
    fake_memory_map(world.stage.memory, "word.test", "word");
    fake_memory_map(world.stage.memory, "/run/word.sock", "word");
}

static void teardown(void)
{
    stage_drop_carrier(&world.stage);
    stage_close(&world.stage);
    eca_buf_clear(&world.heard);
    eca_buf_clear(&world.pong);
}

static uint32_t add_fault(struct fake_fault fault)
{
    return fake_hub_fault(world.stage.base.hub, &fault);
}

static const struct ask plain = {.url = "http://word.test/talk?x=1", .total_ms = 5000};

START_TEST(an_answer_arrives_whole)
{
    struct client client;

    client_run(&client, &world.stage, &plain);
    ck_assert_int_eq(client.end.err.code, ECA_OK);
    ck_assert_int_eq(client.status, 200);
    ck_assert_str_eq(eca_buf_str(&client.body), "a word");
    ck_assert_uint_eq(client.end.body_bytes, 6);
    ck_assert(client.end.sent);
    client_clear(&client);
}
END_TEST

START_TEST(a_unix_socket_is_reached_by_its_path)
{
    struct ask ask = {
        .url = "http://localhost/talk", .unix_socket = "/run/word.sock", .total_ms = 5000};
    struct client client;

    client_run(&client, &world.stage, &ask);
    ck_assert_int_eq(client.status, 200);
    client_clear(&client);
}
END_TEST

START_TEST(nobody_at_an_unmapped_address)
{
    struct ask ask = {.url = "http://elsewhere.test/", .total_ms = 5000};
    struct client client;

    client_run(&client, &world.stage, &ask);
    ck_assert_int_eq(client.end.err.code, ECA_E_TRANSIENT);
    ck_assert(!client.end.sent);
    client_clear(&client);
}
END_TEST

/* Spec 08 section 0.2: each kind of fault, seen from the client and from the service. */
START_TEST(each_fault_has_its_own_face)
{
    static const struct {
        const char *name;
        struct fake_fault fault;
        enum eca_code code;
        int status;
        bool sent, effect;
        const char *body;
    } rows[] = {
        {"delay", {.kind = FAKE_FAULT_DELAY, .delay_ms = 1000}, ECA_OK, 200, true, true, "a word"},
        {"delay too long",
         {.kind = FAKE_FAULT_DELAY, .delay_ms = 9000},
         ECA_E_TIMEOUT,
         0,
         true,
         false,
         ""},
        {"delay answer",
         {.kind = FAKE_FAULT_DELAY_ANSWER, .delay_ms = 1000},
         ECA_OK,
         200,
         true,
         true,
         "a word"},
        {"delay answer too long",
         {.kind = FAKE_FAULT_DELAY_ANSWER, .delay_ms = 9000},
         ECA_E_TIMEOUT,
         0,
         true,
         true,
         ""},
        {"hang", {.kind = FAKE_FAULT_HANG}, ECA_E_TIMEOUT, 0, true, false, ""},
        {"hang answer", {.kind = FAKE_FAULT_HANG_ANSWER}, ECA_E_TIMEOUT, 0, true, true, ""},
        {"refuse", {.kind = FAKE_FAULT_REFUSE}, ECA_E_AMBIGUOUS, 0, true, false, ""},
        {"reset", {.kind = FAKE_FAULT_RESET}, ECA_E_AMBIGUOUS, 0, true, false, ""},
        {"reset answer", {.kind = FAKE_FAULT_RESET_ANSWER}, ECA_E_AMBIGUOUS, 0, true, true, ""},
        {"cut body", {.kind = FAKE_FAULT_CUT_BODY}, ECA_E_AMBIGUOUS, 200, true, true, "a w"},
        {"status",
         {.kind = FAKE_FAULT_STATUS, .status = 503, .body = "no"},
         ECA_OK,
         503,
         true,
         false,
         "no"},
        {"status after",
         {.kind = FAKE_FAULT_STATUS_AFTER, .status = 500, .body = "hm"},
         ECA_OK,
         500,
         true,
         true,
         "hm"},
        {"garbage", {.kind = FAKE_FAULT_GARBAGE, .body = "<<<"}, ECA_OK, 200, true, false, "<<<"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_fault fault = rows[i].fault;
        struct client client;
        uint32_t id;

        world.seen = 0;
        fault.party = "word";
        fault.times = 1;
        id = add_fault(fault);
        client_run(&client, &world.stage, &plain);
        ck_assert_msg(client.end.err.code == rows[i].code, "%s: %s", rows[i].name,
                      client.end.err.msg);
        ck_assert_msg(client.status == rows[i].status, "%s: status %d", rows[i].name,
                      client.status);
        ck_assert_msg(client.end.sent == rows[i].sent, "%s: sent", rows[i].name);
        ck_assert_msg(world.seen == rows[i].effect, "%s: effect %d", rows[i].name, world.seen);
        ck_assert_msg(strcmp(eca_buf_str(&client.body), rows[i].body) == 0, "%s: %s", rows[i].name,
                      eca_buf_str(&client.body));
        ck_assert_uint_eq(stage_events(&world.stage, FAKE_LANE_SCENARIO, "fault", NULL), i + 1);
        fake_hub_fault_remove(world.stage.base.hub, id);
        client_clear(&client);
        manual_clock_advance_ms(&world.stage.clock, 10000);
    }
}
END_TEST

START_TEST(rules_count_skip_and_chance)
{
    struct fake_fault fault = {.kind = FAKE_FAULT_STATUS, .status = 500, .skip = 1, .times = 2};
    static const int expected[] = {200, 500, 500, 200};

    (void)add_fault(fault);
    for (size_t i = 0; i < 4; i++) {
        struct client client;
        client_run(&client, &world.stage, &plain);
        ck_assert_int_eq(client.status, expected[i]);
        client_clear(&client);
    }
    fault = (struct fake_fault){.kind = FAKE_FAULT_STATUS, .status = 500, .chance_milli = 500};
    (void)add_fault(fault);
    int hits = 0;
    for (size_t i = 0; i < 200; i++) {
        struct client client;
        client_run(&client, &world.stage, &plain);
        hits += client.status == 500;
        client_clear(&client);
    }
    ck_assert_int_gt(hits, 60);
    ck_assert_int_lt(hits, 140);
}
END_TEST

START_TEST(a_rule_matches_by_parts_of_the_name)
{
    static const struct {
        const char *what, *method, *party;
        bool hit;
    } rows[] = {
        {"talk", NULL, NULL, true},
        {"talk:loud", NULL, NULL, true},
        {"talk:*:web/app", NULL, NULL, true},
        {"talk:*:web/log", NULL, NULL, false},
        {"/ta?k", NULL, NULL, true},
        {"tal", NULL, NULL, false},
        {NULL, "GET", NULL, true},
        {NULL, "POST", NULL, false},
        {NULL, NULL, "word", true},
        {NULL, NULL, "other", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_fault fault = {.kind = FAKE_FAULT_STATUS,
                                   .status = 500,
                                   .what = rows[i].what,
                                   .method = rows[i].method,
                                   .party = rows[i].party};
        struct client client;

        (void)add_fault(fault);
        client_run(&client, &world.stage, &plain);
        ck_assert_msg((client.status == 500) == rows[i].hit, "row %zu", i);
        client_clear(&client);
        fake_hub_fault_clear(world.stage.base.hub);
    }
}
END_TEST

/* API-F02: a redirect, before and after the effect */
START_TEST(a_redirect_says_where_to)
{
    static const enum fake_fault_kind kinds[] = {FAKE_FAULT_STATUS, FAKE_FAULT_STATUS_AFTER};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct client client;

        (void)add_fault((struct fake_fault){
            .kind = kinds[i], .status = 302, .location = "http://elsewhere.test/x"});
        client_run(&client, &world.stage, &plain);
        ck_assert_int_eq(client.status, 302);
        ck_assert_ptr_nonnull(
            strstr(eca_buf_str(&client.head_text), "location: http://elsewhere.test/x\n"));
        client_clear(&client);
        fake_hub_fault_clear(world.stage.base.hub);
    }
}
END_TEST

START_TEST(a_stream_flows_and_knows_when_its_reader_left)
{
    struct ask ask = {.url = "http://word.test/stream", .endless = true};
    struct client client;

    client_start(&client, &world.stage, &ask);
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_str_eq(eca_buf_str(&client.body), "first");
    fake_exchange_write(world.stream, eca_view_str(" second"));
    manual_clock_advance_ms(&world.stage.clock, 3600000);
    ck_assert_str_eq(eca_buf_str(&client.body), "first second");
    ck_assert(!client.done);
    eca_http_cancel(world.stage.http, client.call);
    client.call = NULL;
    ck_assert_int_eq(world.gone, 0);
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_int_eq(world.gone, 1);
    ck_assert(!client.done);
    client_clear(&client);
}
END_TEST

START_TEST(single_messages_of_a_stream_are_lost_doubled_late_or_cut)
{
    struct ask ask = {.url = "http://word.test/stream", .endless = true};
    struct client client;

    client_start(&client, &world.stage, &ask);
    manual_clock_advance_ms(&world.stage.clock, 10);
    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_DROP, .what = "event:die"});
    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_DUPLICATE, .what = "event:start"});
    (void)add_fault(
        (struct fake_fault){.kind = FAKE_FAULT_DELAY, .what = "event:late", .delay_ms = 100});
    fake_exchange_write_event(world.stream, "event:late:a", eca_view_str("L"));
    fake_exchange_write_event(world.stream, "event:die:a", eca_view_str("D"));
    fake_exchange_write_event(world.stream, "event:start:a", eca_view_str("S"));
    fake_exchange_write_event(world.stream, "event:oom:a", eca_view_str("O"));
    manual_clock_advance_ms(&world.stage.clock, 1000);
    ck_assert_str_eq(eca_buf_str(&client.body), "firstSSOL");
    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_RESET, .what = "event:cut"});
    fake_exchange_write_event(world.stream, "event:cut:a", eca_view_str("12345678"));
    manual_clock_advance_ms(&world.stage.clock, 1000);
    ck_assert_str_eq(eca_buf_str(&client.body), "firstSSOL1234");
    ck_assert_int_eq(client.end.err.code, ECA_E_AMBIGUOUS);
    ck_assert_int_eq(world.gone, 1);
    client_clear(&client);
}
END_TEST

START_TEST(a_doubled_request_is_carried_out_twice_and_answered_once)
{
    struct ask endless = {.url = "http://word.test/stream", .endless = true};
    struct client client;

    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_DUPLICATE, .times = 2});
    client_run(&client, &world.stage, &plain);
    ck_assert_int_eq(client.end.err.code, ECA_OK);
    ck_assert_str_eq(eca_buf_str(&client.body), "a word");
    ck_assert_int_eq(world.seen, 2);
    client_clear(&client);
    client_start(&client, &world.stage, &endless);
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_int_eq(world.seen, 4);
    ck_assert_str_eq(eca_buf_str(&client.body), "first");
    fake_exchange_end(world.stream); /* the copy's: the client does not notice */
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert(!client.done);
    client_clear(&client);
}
END_TEST

START_TEST(a_refused_party_is_not_there)
{
    struct client client;

    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_REFUSE, .party = "word"});
    client_run(&client, &world.stage, &plain);
    ck_assert_int_eq(client.end.err.code, ECA_E_TRANSIENT);
    ck_assert(!client.end.sent);
    client_clear(&client);
}
END_TEST

/* One that acted on an upgrade would be a fault spent on nothing. */
START_TEST(an_upgrade_is_not_doubled)
{
    struct wire wire;

    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_DUPLICATE, .times = 1});
    wire_open(&wire, &world.stage, "wss://word.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 10);
    fake_ws_send(world.ws, eca_view_str("{\"type\":\"PayloadMessage\"}"));
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_uint_eq(wire.text_count, 2);
    wire_clear(&wire);
}
END_TEST

START_TEST(deadlines_and_limits_of_the_http_port_hold)
{
    struct ask idle = {.url = "http://word.test/stream", .idle_ms = 2000};
    struct ask small = {.url = "http://word.test/talk", .total_ms = 1000, .body_bytes_max = 3};
    struct client client;

    client_start(&client, &world.stage, &idle);
    manual_clock_advance_ms(&world.stage.clock, 1900);
    fake_exchange_write(world.stream, eca_view_str("."));
    manual_clock_advance_ms(&world.stage.clock, 1900);
    ck_assert(!client.done);
    manual_clock_advance_ms(&world.stage.clock, 200);
    ck_assert(client.done);
    ck_assert_int_eq(client.end.err.code, ECA_E_TIMEOUT);
    ck_assert(client.end.sent);
    client_clear(&client);

    client_run(&client, &world.stage, &small);
    ck_assert_int_eq(client.end.err.code, ECA_E_LIMIT);
    client_clear(&client);
}
END_TEST

START_TEST(bad_options_are_refused)
{
    static const struct eca_http_opts rows[] = {
        {.method = "GET", .url = "no url", .total_ms = 1},
        {.method = "GET", .url = "ftp://x/", .total_ms = 1},
        {.method = "GET", .url = "http://word.test/"},
    };
    struct eca_http_events events = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_http_call *call;
        struct eca_err err = {0};
        ck_assert_int_eq(eca_http_start(world.stage.http, &rows[i], &events, NULL, &call, &err),
                         ECA_E_INVALID);
        ck_assert_str_ne(err.msg, "");
    }
}
END_TEST

START_TEST(a_dead_client_frees_its_exchanges)
{
    struct ask ask = {.url = "http://word.test/stream", .endless = true};
    struct client client;
    struct wire wire;

    client_start(&client, &world.stage, &ask);
    wire_open(&wire, &world.stage, "wss://word.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert(wire.open);
    fake_memory_drop_client(world.stage.memory);
    client.call = NULL;
    wire.conn = NULL;
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_int_eq(world.gone, 1);
    ck_assert(world.closed);
    ck_assert_int_eq(world.closed_code, 0);
    ck_assert(!client.done && !wire.ended);
    client_clear(&client);
    wire_clear(&wire);
}
END_TEST

/* ---- websockets ------------------------------------------------------------------------------ */

START_TEST(messages_go_both_ways_and_pings_come_back)
{
    struct wire wire;

    wire_open(&wire, &world.stage, "wss://word.test/ws?a=b");
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert(wire.open);
    wire_send(&wire, "up 1");
    wire_send(&wire, "up 2");
    fake_ws_send(world.ws, eca_view_str("down"));
    fake_ws_ping(world.ws, eca_view_str("who"));
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_str_eq(eca_buf_str(&world.heard), "up 1\nup 2\n");
    ck_assert_str_eq(eca_buf_str(&wire.texts), "down\n");
    ck_assert_str_eq(eca_buf_str(&world.pong), "who");
    eca_channel_close(world.stage.channel, wire.conn, 1000);
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert(wire.ended);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_CLOSED_BY_US);
    ck_assert_int_eq(world.closed_code, 1000);
    wire_clear(&wire);
}
END_TEST

/* The ping is on its way when the server cuts, and answered before the cut arrives. */
START_TEST(ping_before_a_cut_is_answered_by_nobody)
{
    struct wire wire;

    wire_open(&wire, &world.stage, "wss://word.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 10);
    fake_ws_ping(world.ws, eca_view_str("who"));
    fake_memory_latency(world.stage.memory, 10000, 0);
    fake_ws_cut(world.ws);
    fake_memory_latency(world.stage.memory, 500, 0);
    manual_clock_advance_ms(&world.stage.clock, 20);
    ck_assert_str_eq(eca_buf_str(&world.pong), "");
    ck_assert_int_eq(wire.how, ECA_CHANNEL_LOST);
    wire_clear(&wire);
}
END_TEST

/* WS-105, WS-146, WS-147, WS-150: how a connection ends. */
START_TEST(each_end_is_told_apart)
{
    struct wire wire;

    wire_open(&wire, &world.stage, "wss://word.test/no");
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_REFUSED);
    ck_assert_int_eq(wire.status, 403);
    ck_assert_str_eq(eca_buf_str(&wire.body), "go away");
    wire_clear(&wire);

    wire_open(&wire, &world.stage, "wss://word.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 10);
    fake_ws_close(world.ws, 1011, "why not");
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_CLOSED_BY_PEER);
    ck_assert_int_eq(wire.close_code, 1011);
    ck_assert_str_eq(eca_buf_str(&wire.reason), "why not");
    ck_assert(world.closed);
    wire_clear(&wire);

    world.closed = false;
    wire_open(&wire, &world.stage, "wss://word.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 10);
    fake_ws_cut(world.ws);
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_LOST);
    ck_assert(world.closed);
    ck_assert_int_eq(world.closed_code, 0);
    wire_clear(&wire);

    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_HANG, .times = 1});
    wire_open(&wire, &world.stage, "wss://word.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 29900);
    ck_assert(!wire.ended);
    manual_clock_advance_ms(&world.stage.clock, 200);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_CONNECT_FAILED);
    wire_clear(&wire);

    wire_open(&wire, &world.stage, "wss://nowhere.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_CONNECT_FAILED);
    wire_clear(&wire);
}
END_TEST

/* FB-21 d, FB-21.3: a peer that does not read. */
START_TEST(a_peer_that_does_not_read_stalls_a_writer)
{
    static char big[50001];
    struct wire wire;
    struct eca_err err = {0};

    memset(big, 'x', sizeof(big) - 1);
    wire_open(&wire, &world.stage, "wss://word.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 10);
    fake_ws_set_reading(world.ws, false);
    wire_send(&wire, big);
    manual_clock_advance_ms(&world.stage.clock, 60000);
    ck_assert_msg(!wire.ended, "what fits into the buffers is no stall");
    wire_send(&wire, big);
    manual_clock_advance_ms(&world.stage.clock, 20000);
    fake_ws_set_reading(world.ws, true);
    manual_clock_advance_ms(&world.stage.clock, 60000);
    ck_assert(!wire.ended);
    ck_assert_uint_eq(world.heard.len, 2 * sizeof(big));
    fake_ws_set_reading(world.ws, false);
    for (size_t i = 0; i < 22; i++) {
        (void)eca_channel_send(world.stage.channel, wire.conn, eca_view_str(big), NULL);
    }
    ck_assert_int_eq(eca_channel_send(world.stage.channel, wire.conn, eca_view_str(big), &err),
                     ECA_E_LIMIT);
    manual_clock_advance_ms(&world.stage.clock, 30100);
    ck_assert(wire.ended);
    ck_assert_int_eq(wire.how, ECA_CHANNEL_STALLED);
    wire_clear(&wire);
}
END_TEST

/* WS-141, WS-145, WS-311: raw frames, good and bad. */
START_TEST(raw_bytes_are_read_as_frames)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool fine;
    } rows[] = {
        {"\x81\x02hi", 4, true},        {"\x01\x01h\x89\x01p\x80\x01i", 9, true},
        {"\x82\x02hi", 4, true},        {"\x81\x82\1\2\3\4hi", 8, false},
        {"\xf1\x02hi", 4, false},       {"\x83\x02hi", 4, false},
        {"\x80\x02hi", 4, false},       {"\x09\x01p", 3, false},
        {"\x89\x7e\x00\x80", 4, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire wire;

        world.closed = false;
        wire_open(&wire, &world.stage, "wss://word.test/ws");
        manual_clock_advance_ms(&world.stage.clock, 10);
        for (size_t k = 0; k < rows[i].len; k++) { /* byte by byte */
            fake_ws_send_raw(world.ws, eca_view_of(rows[i].bytes + k, 1));
        }
        manual_clock_advance_ms(&world.stage.clock, 10);
        if (rows[i].fine) {
            ck_assert_msg(strcmp(eca_buf_str(&wire.texts), "hi\n") == 0, "row %zu", i);
            ck_assert(!wire.ended);
        } else {
            ck_assert_msg(wire.ended && wire.how == ECA_CHANNEL_LOST, "row %zu", i);
            ck_assert_int_eq(world.closed_code, 1002);
        }
        wire_clear(&wire);
        manual_clock_advance_ms(&world.stage.clock, 10);
    }
}
END_TEST

START_TEST(message_faults_work_by_type_in_both_directions)
{
    struct wire wire;

    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_DROP, .what = "AckRequest"});
    (void)add_fault((struct fake_fault){.kind = FAKE_FAULT_DUPLICATE, .what = "PayloadMessage"});
    wire_open(&wire, &world.stage, "wss://word.test/ws");
    manual_clock_advance_ms(&world.stage.clock, 10);
    wire_send(&wire, "{\"type\":\"AckRequest\"}");
    wire_send(&wire, "{\"type\":\"NackRequest\"}");
    fake_ws_send(world.ws, eca_view_str("{\"type\":\"PayloadMessage\"}"));
    manual_clock_advance_ms(&world.stage.clock, 10);
    ck_assert_str_eq(eca_buf_str(&world.heard), "{\"type\":\"NackRequest\"}\n");
    ck_assert_uint_eq(wire.text_count, 2);
    wire_clear(&wire);
}
END_TEST

/* FB-INV.8 */
START_TEST(a_hot_loop_of_connections_is_a_violation)
{
    for (int i = 0; i < 12; i++) {
        struct wire wire;
        wire_open(&wire, &world.stage, "wss://word.test/no");
        manual_clock_advance_ms(&world.stage.clock, 210);
        ck_assert(wire.ended);
        wire_clear(&wire);
    }
    ck_assert_uint_eq(fake_trace_violations(world.stage.base.trace), 0);
    for (int i = 0; i < 6; i++) {
        struct wire wire;
        wire_open(&wire, &world.stage, "wss://word.test/no");
        manual_clock_advance_ms(&world.stage.clock, 150);
        wire_clear(&wire);
    }
    ck_assert_uint_eq(stage_events(&world.stage, FAKE_LANE_SCENARIO, "violation", "FB-INV.8"), 1);
}
END_TEST

/* The identity of a run: equal conversations, equal hashes; another order, another hash. */
START_TEST(the_hash_tells_runs_apart)
{
    char first[65], second[65], third[65];
    struct stage other;

    (void)fake_trace_addv(world.stage.base.trace, FAKE_LANE_ECS, "a", "k", "v", NULL);
    fake_trace_hash(world.stage.base.trace, first);
    stage_open(&other);
    (void)fake_trace_addv(other.base.trace, FAKE_LANE_ECS, "a", "k", "v", NULL);
    fake_trace_hash(other.base.trace, second);
    (void)fake_trace_addv(other.base.trace, FAKE_LANE_ACS, "a", "k", "v", NULL);
    fake_trace_hash(other.base.trace, third);
    ck_assert_str_eq(first, second);
    ck_assert_str_ne(first, third);
    stage_close(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hub and memory carrier");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_answer_arrives_whole);
    tcase_add_test(tcase, a_unix_socket_is_reached_by_its_path);
    tcase_add_test(tcase, nobody_at_an_unmapped_address);
    tcase_add_test(tcase, each_fault_has_its_own_face);
    tcase_add_test(tcase, rules_count_skip_and_chance);
    tcase_add_test(tcase, a_doubled_request_is_carried_out_twice_and_answered_once);
    tcase_add_test(tcase, an_upgrade_is_not_doubled);
    tcase_add_test(tcase, a_refused_party_is_not_there);
    tcase_add_test(tcase, a_rule_matches_by_parts_of_the_name);
    tcase_add_test(tcase, a_redirect_says_where_to);
    tcase_add_test(tcase, a_stream_flows_and_knows_when_its_reader_left);
    tcase_add_test(tcase, single_messages_of_a_stream_are_lost_doubled_late_or_cut);
    tcase_add_test(tcase, deadlines_and_limits_of_the_http_port_hold);
    tcase_add_test(tcase, bad_options_are_refused);
    tcase_add_test(tcase, a_dead_client_frees_its_exchanges);
    tcase_add_test(tcase, messages_go_both_ways_and_pings_come_back);
    tcase_add_test(tcase, ping_before_a_cut_is_answered_by_nobody);
    tcase_add_test(tcase, each_end_is_told_apart);
    tcase_add_test(tcase, a_peer_that_does_not_read_stalls_a_writer);
    tcase_add_test(tcase, raw_bytes_are_read_as_frames);
    tcase_add_test(tcase, message_faults_work_by_type_in_both_directions);
    tcase_add_test(tcase, a_hot_loop_of_connections_is_a_violation);
    tcase_add_test(tcase, the_hash_tells_runs_apart);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
