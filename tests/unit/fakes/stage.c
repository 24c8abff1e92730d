#include "tests/unit/fakes/stage.h"

#include <check.h>
#include <string.h>

#define HOUR_MS UINT64_C(3600000)

void stage_open(struct stage *stage)
{
    memset(stage, 0, sizeof(*stage));
    manual_clock_init(&stage->clock);
    stage->random.state = 42;
    stage->base.sched = stage->clock.sched;
    stage->base.entropy = manual_entropy_port(&stage->random);
    stage->base.trace = fake_trace_new(stage->base.sched);
    stage->base.hub = fake_hub_new(stage->base.sched, stage->base.entropy, stage->base.trace);
    stage->memory = fake_memory_new(stage->base.hub, stage->base.sched, stage->base.entropy);
    fake_memory_latency(stage->memory, 500, 0);
    stage->http = fake_memory_http(stage->memory);
    stage->channel = fake_memory_channel(stage->memory);
}

void stage_drop_carrier(struct stage *stage)
{
    fake_memory_free(stage->memory);
    stage->memory = NULL;
}

void stage_close(struct stage *stage)
{
    stage_drop_carrier(stage);
    fake_hub_free(stage->base.hub);
    fake_trace_free(stage->base.trace);
    manual_clock_clear(&stage->clock);
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct client *client = arg;

    client->head = true;
    client->status = head->status;
    for (size_t i = 0; i < head->header_count; i++) {
        eca_buf_addf(&client->head_text, "%s: %s\n", head->headers[i].name, head->headers[i].value);
    }
}

static void on_body(void *arg, struct eca_view bytes)
{
    eca_buf_add_view(&((struct client *)arg)->body, bytes);
}

static void on_end(void *arg, const struct eca_http_end *end)
{
    struct client *client = arg;

    ck_assert_msg(!client->done, "the end came twice");
    client->done = true;
    client->end = *end;
    client->done_ms = manual_clock_elapsed_ms(&client->stage->clock);
    client->call = NULL;
}

void client_start(struct client *client, struct stage *stage, const struct ask *ask)
{
    static const struct eca_http_events events = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    struct eca_err err = {0};
    struct eca_http_opts opts = {
        .method = ask->method == NULL ? "GET" : ask->method,
        .url = ask->url,
        .unix_socket = ask->unix_socket,
        .headers = ask->headers,
        .header_count = ask->header_count,
        .body = ask->body == NULL ? ECA_VIEW_NONE : eca_view_str(ask->body),
        .total_ms = ask->total_ms,
        .idle_ms = ask->idle_ms,
        .endless = ask->endless || (ask->total_ms == 0 && ask->idle_ms == 0),
        .body_bytes_max = ask->body_bytes_max,
        .party = "test",
    };

    memset(client, 0, sizeof(*client));
    client->stage = stage;
    ck_assert_msg(eca_http_start(stage->http, &opts, &events, client, &client->call, &err) == 0,
                  "%s", err.msg);
    ck_assert(!client->done);
}

void client_run(struct client *client, struct stage *stage, const struct ask *ask)
{
    client_start(client, stage, ask);
    ck_assert_msg(manual_clock_run_until(&stage->clock, &client->done, HOUR_MS),
                  "%s %s did not end", ask->method, ask->url);
}

void client_clear(struct client *client)
{
    if (client->call != NULL) {
        eca_http_cancel(client->stage->http, client->call);
    }
    eca_buf_clear(&client->body);
    eca_buf_clear(&client->head_text);
}

static struct eca_sigv4_keys keys_of(const struct stage_keys *keys)
{
    return (struct eca_sigv4_keys){eca_view_str(keys->id), eca_view_str(keys->secret),
                                   eca_view_str(keys->token)};
}

void client_api(struct client *client, struct stage *stage, const char *host, const char *service,
                const char *target, const char *body, const struct stage_keys *keys)
{
    eca_auto_buf struct eca_buf url = {0};
    struct eca_sigv4_output out = {0};
    struct ask ask = {
        .method = "POST",
        .body = body,
        .total_ms = 5000,
        .headers = {{"X-Amz-Target", target}, {"Content-Type", "application/x-amz-json-1.1"}},
        .header_count = 2};

    eca_buf_addf(&url, "https://%s/", host);
    ask.url = eca_buf_str(&url);
    if (keys != NULL) {
        struct eca_sigv4_input in = {.method = "POST",
                                     .path = eca_view_str("/"),
                                     .host = eca_view_str(host),
                                     .target = target,
                                     .body = eca_view_str(body),
                                     .region = "us-west-2",
                                     .service = service,
                                     .wall_ms = eca_sched_wall_ms(stage->base.sched),
                                     .keys = keys_of(keys)};
        eca_sigv4_sign(&in, &out);
        ask.header_count += eca_sigv4_headers(&out, &ask.headers[2]);
    }
    client_run(client, stage, &ask);
    eca_sigv4_output_clear(&out);
}

static void wire_on_open(void *arg)
{
    struct wire *wire = arg;

    ck_assert(!wire->open && !wire->ended);
    wire->open = true;
}

static void wire_on_text(void *arg, struct eca_view text)
{
    struct wire *wire = arg;

    eca_buf_add_view(&wire->texts, text);
    eca_buf_add_char(&wire->texts, '\n');
    wire->text_count++;
}

static void wire_on_end(void *arg, const struct eca_channel_end *end)
{
    struct wire *wire = arg;

    ck_assert_msg(!wire->ended, "the end came twice");
    wire->ended = true;
    wire->how = end->how;
    wire->close_code = end->close_code;
    wire->status = end->status;
    eca_buf_add_view(&wire->reason, end->close_reason);
    eca_buf_add_view(&wire->body, end->body);
    memcpy(wire->why, end->err.msg, sizeof(wire->why));
    wire->conn = NULL;
}

void wire_dial(struct wire *wire, struct stage *stage, const struct eca_channel_opts *opts)
{
    static const struct eca_channel_events events = {
        .on_open = wire_on_open, .on_text = wire_on_text, .on_end = wire_on_end};
    struct eca_err err = {0};

    memset(wire, 0, sizeof(*wire));
    wire->stage = stage;
    ck_assert_msg(eca_channel_open(stage->channel, opts, &events, wire, &wire->conn, &err) == 0,
                  "%s", err.msg);
}

void wire_open_signed(struct wire *wire, struct stage *stage, const char *url,
                      const struct stage_keys *keys)
{
    struct eca_http_header headers[ECA_SIGV4_HEADERS_MAX];
    struct eca_sigv4_output out = {0};
    struct eca_channel_opts opts = {
        .url = url,
        .headers = headers,
        .connect_ms = 30000,
        .write_stall_ms = 30000,
        .message_bytes_max = 1 << 20,
        .send_queue_bytes_max = 1 << 20,
        .party = "test",
    };
    struct eca_err err = {0};

    if (keys != NULL) {
        struct eca_sigv4_keys signing = keys_of(keys);
        ck_assert_msg(eca_sigv4_upgrade(url, "us-west-2", eca_sched_wall_ms(stage->base.sched),
                                        &signing, &out, &err) == 0,
                      "%s", err.msg);
        opts.header_count = eca_sigv4_headers(&out, headers);
    }
    wire_dial(wire, stage, &opts);
    eca_sigv4_output_clear(&out);
}

void wire_open(struct wire *wire, struct stage *stage, const char *url)
{
    wire_open_signed(wire, stage, url, NULL);
}

void wire_send(struct wire *wire, const char *text)
{
    struct eca_err err = {0};

    ck_assert_msg(eca_channel_send(wire->stage->channel, wire->conn, eca_view_str(text), &err) == 0,
                  "%s", err.msg);
}

void wire_clear(struct wire *wire)
{
    if (wire->conn != NULL) {
        eca_channel_abort(wire->stage->channel, wire->conn);
    }
    eca_buf_clear(&wire->texts);
    eca_buf_clear(&wire->reason);
    eca_buf_clear(&wire->body);
}

size_t stage_events(const struct stage *stage, enum fake_lane lane, const char *name,
                    const char *part)
{
    size_t count = 0;

    for (size_t i = 0; i < fake_trace_count(stage->base.trace); i++) {
        const struct fake_event *event = fake_trace_at(stage->base.trace, i);
        count += event->lane == lane && strcmp(event->name, name) == 0 &&
                 (part == NULL || strstr(event->fields, part) != NULL);
    }
    return count;
}

void stage_print(const struct stage *stage, struct eca_buf *out)
{
    for (size_t i = 0; i < fake_trace_count(stage->base.trace); i++) {
        const struct fake_event *event = fake_trace_at(stage->base.trace, i);
        eca_buf_addf(out, "%s %s %s\n", fake_lane_name(event->lane), event->name, event->fields);
    }
}
