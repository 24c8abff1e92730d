#include "tests/unit/ports/contract.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

#define NS_PER_MS UINT64_C(1000000)
#define HOUR_MS UINT64_C(3600000)
#define PIECE_BYTES 10000

struct contract contract;

/* ---- the party "word" ----------------------------------------------------------------------- */

static void on_gone(void *arg)
{
    (void)arg;
    contract.gone++;
    contract.held = NULL;
    eca_timer_stop(&contract.trickle);
}

static void on_trickle(void *arg)
{
    char piece[PIECE_BYTES];

    (void)arg;
    if (contract.held == NULL) {
        return;
    }
    memset(piece, '.', sizeof(piece));
    fake_exchange_write(contract.held, eca_view_of(piece, contract.trickle_bytes));
    if (contract.trickle_pieces > 0 && --contract.trickle_pieces == 0) {
        struct fake_exchange *exchange = contract.held;

        contract.held = NULL;
        fake_exchange_end(exchange);
    } else {
        eca_timer_start_ms(&contract.trickle, contract.trickle_ms);
    }
}

static void note(const struct fake_request *request)
{
    eca_buf_reset(&contract.target);
    eca_buf_reset(&contract.heads);
    eca_buf_reset(&contract.body);
    eca_buf_addf(&contract.target, "%s %s", request->method, request->target);
    for (size_t i = 0; i < request->header_count; i++) {
        eca_buf_addf(&contract.heads, "%s: %s\n", request->headers[i].name,
                     request->headers[i].value);
    }
    eca_buf_add_view(&contract.body, request->body);
    contract.requests++;
}

static uint64_t parameter(const struct fake_request *request, const char *name)
{
    eca_auto_buf struct eca_buf text = {0};
    uint64_t value = 0;

    if (fake_request_param(request, name, &text)) {
        ck_assert_int_eq(eca_parse_u64(eca_buf_view(&text), UINT64_MAX, &value, NULL), 0);
    }
    return value;
}

static void hold(struct fake_exchange *exchange)
{
    contract.held = exchange;
    fake_exchange_on_gone(exchange, on_gone, NULL);
}

static void trickle(struct fake_exchange *exchange, int status, size_t bytes, uint64_t pieces)
{
    hold(exchange);
    contract.trickle_ms = parameter(fake_exchange_request(exchange), "ms");
    contract.trickle_bytes = bytes;
    contract.trickle_pieces = pieces;
    ck_assert_uint_le(bytes, PIECE_BYTES);
    fake_exchange_begin(exchange, status, "text/plain");
    eca_timer_start_ms(&contract.trickle, contract.trickle_ms);
}

static void send_bytes(struct fake_exchange *exchange, uint64_t bytes)
{
    char piece[PIECE_BYTES];

    memset(piece, 'x', sizeof(piece));
    fake_exchange_begin(exchange, 200, "text/plain");
    for (uint64_t left = bytes; left > 0;) {
        size_t len = left < sizeof(piece) ? (size_t)left : sizeof(piece);

        fake_exchange_write(exchange, eca_view_of(piece, len));
        left -= len;
    }
    fake_exchange_end(exchange);
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    const struct fake_request *request = fake_exchange_request(exchange);

    (void)arg;
    note(request);
    if (strcmp(request->path, "/quiet") == 0) {
        hold(exchange);
        fake_exchange_begin(exchange, 200, "text/plain");
        fake_exchange_write(exchange, eca_view_str("first"));
    } else if (strcmp(request->path, "/trickle") == 0) {
        trickle(exchange, 200, 1, 0);
    } else if (strcmp(request->path, "/hang") == 0) {
        hold(exchange);
    } else if (strcmp(request->path, "/bytes") == 0) {
        send_bytes(exchange, parameter(request, "n"));
    } else if (strcmp(request->path, "/status") == 0) {
        fake_exchange_header(exchange, "Location", "/word");
        fake_exchange_reply(exchange, (int)parameter(request, "n"), NULL, ECA_VIEW_NONE);
    } else {
        fake_exchange_header(exchange, "X-Amzn-RequestId", "r-1");
        fake_exchange_reply(exchange, 200, "text/plain", eca_view_str("a word"));
    }
}

static void on_text(void *arg, struct eca_view message)
{
    (void)arg;
    eca_buf_add_view(&contract.heard, message);
    eca_buf_add_char(&contract.heard, '\n');
}

static void on_closed(void *arg, int code, struct eca_view reason)
{
    (void)arg;
    contract.ws = NULL;
    contract.ws_closed = true;
    contract.ws_code = code;
    eca_buf_reset(&contract.ws_reason);
    eca_buf_add_view(&contract.ws_reason, reason);
}

static void on_pong(void *arg, struct eca_view payload)
{
    (void)arg;
    eca_buf_add_view(&contract.pongs, payload);
    eca_buf_add_char(&contract.pongs, '\n');
}

static void on_upgrade(void *arg, struct fake_exchange *exchange)
{
    static const struct fake_ws_events events = {
        .on_text = on_text, .on_closed = on_closed, .on_pong = on_pong};
    const struct fake_request *request = fake_exchange_request(exchange);

    (void)arg;
    note(request);
    if (strcmp(request->path, "/hang") == 0) {
        hold(exchange);
    } else if (strcmp(request->path, "/late") == 0) {
        trickle(exchange, (int)parameter(request, "status"), (size_t)parameter(request, "bytes"),
                parameter(request, "pieces"));
    } else if (strcmp(request->path, "/refuse") == 0) {
        eca_auto_buf struct eca_buf body = {0};

        (void)fake_request_param(request, "body", &body);
        for (uint64_t n = parameter(request, "n"); n > 0; n--) {
            eca_buf_add_char(&body, 'x');
        }
        fake_exchange_reply(exchange, (int)parameter(request, "status"), "application/json",
                            eca_buf_view(&body));
    } else {
        bool glued = strcmp(request->path, "/glued") == 0;

        contract.ws_closed = false;
        contract.ws = fake_ws_accept(exchange, &events, NULL);
        contract.accepted++;
        if (glued) {
            fake_ws_send(contract.ws, eca_view_str("glued 1"));
            fake_ws_send(contract.ws, eca_view_str("glued 2"));
        }
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

void contract_set_rig(const struct contract_rig *rig)
{
    contract.rig = rig;
}

void contract_open(void)
{
    const struct contract_rig *rig = contract.rig;
    struct fake_service service = {
        .party = "word", .on_request = on_request, .on_upgrade = on_upgrade};
    struct stage *stage = &contract.stage;

    memset(&contract, 0, sizeof(contract));
    contract.rig = rig;
    manual_clock_init(&stage->clock);
    stage->random.state = 1;
    stage->base.sched = stage->clock.sched;
    stage->base.entropy = manual_entropy_port(&stage->random);
    if (rig->prepare != NULL) {
        rig->prepare();
    }
    stage->base.trace = fake_trace_new(stage->base.sched);
    stage->base.hub = fake_hub_new(stage->base.sched, stage->base.entropy, stage->base.trace);
    fake_hub_add(stage->base.hub, &service);
    eca_timer_init(&contract.trickle, stage->base.sched, on_trickle, NULL);
    rig->open();
}

void contract_close(void)
{
    struct stage *stage = &contract.stage;

    eca_timer_stop(&contract.trickle);
    contract.rig->close();
    manual_clock_clear(&stage->clock);
    eca_buf_clear(&contract.target);
    eca_buf_clear(&contract.heads);
    eca_buf_clear(&contract.body);
    eca_buf_clear(&contract.heard);
    eca_buf_clear(&contract.pongs);
    eca_buf_clear(&contract.ws_reason);
}

/* One move of the clock towards limit_ns; false when it stands there. */
static bool move(uint64_t limit_ns)
{
    struct stage *stage = &contract.stage;
    uint64_t to = limit_ns, due;

    if (stage->clock.mono_ns >= limit_ns) {
        return false;
    }
    if (contract.rig->step_ms_max > 0 &&
        to > stage->clock.mono_ns + contract.rig->step_ms_max * NS_PER_MS) {
        to = stage->clock.mono_ns + contract.rig->step_ms_max * NS_PER_MS;
    }
    if (eca_sched_next_deadline(stage->base.sched, &due) && due < to) {
        to = due;
    }
    if (to > stage->clock.mono_ns) {
        stage->clock.mono_ns = to;
    }
    contract.rig->pump();
    return true;
}

void contract_advance_ms(uint64_t ms)
{
    uint64_t limit_ns = contract.stage.clock.mono_ns + ms * NS_PER_MS;

    contract.rig->pump();
    while (move(limit_ns)) {
    }
}

void contract_until(const bool *flag, const char *what)
{
    uint64_t limit_ns = contract.stage.clock.mono_ns + HOUR_MS * NS_PER_MS;

    contract.rig->pump();
    while (!*flag && move(limit_ns)) {
    }
    ck_assert_msg(*flag, "never: %s", what);
}

uint64_t contract_now_ms(void)
{
    return manual_clock_elapsed_ms(&contract.stage.clock);
}

uint64_t contract_slack_ms(void)
{
    return contract.rig->step_ms_max;
}

void contract_expect_host(const char *host)
{
    eca_auto_free char *line = eca_xasprintf("host: %s\n", host);

    ck_assert_msg(strstr(eca_buf_str(&contract.heads), line) != NULL, "not %s but %s", line,
                  eca_buf_str(&contract.heads));
}

int contract_main(const struct contract_rig *rig, Suite *suite)
{
    SRunner *runner;
    int failed;

    contract_set_rig(rig);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
