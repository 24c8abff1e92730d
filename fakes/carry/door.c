#include "fakes/carry/door.h"

#include <string.h>

#include "agent/base/mem.h"

#define HELD_UPGRADES_MAX 16

struct fake_door {
    struct fake_door_opts opts;
    char *party, *region;
    struct {
        bool on, unended;
        uint32_t left; /* 0 = for ever */
        int status;
        char *type, *body;
        struct eca_http_header headers[FAKE_REFUSAL_HEADERS_MAX]; /* strings owned */
        size_t header_count;
    } refusal;
    bool holding;
    struct fake_exchange *held[HELD_UPGRADES_MAX]; /* NULL: its client has gone */
    size_t held_count;
};

static void violation(struct fake_door *door, const char *rule, const char *what)
{
    (void)fake_trace_violation(door->opts.base.trace, door->opts.lane, rule, "%s", what);
}

static void trace_refused(struct fake_door *door, int status)
{
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    eca_jw_object(&w, NULL);
    eca_jw_i64(&w, "status", status);
    eca_jw_end_object(&w);
    (void)fake_trace_add(door->opts.base.trace, door->opts.lane, "refused", eca_buf_str(&fields));
}

static void refuse_now(struct fake_door *door, struct fake_exchange *exchange, int status,
                       const char *type, const char *body)
{
    trace_refused(door, status);
    fake_exchange_reply(exchange, status, type, eca_view_str(body));
}

/* As the scenario wants it. */
static void refuse_as_told(struct fake_door *door, struct fake_exchange *exchange)
{
    struct eca_view body = eca_view_str(door->refusal.body);

    trace_refused(door, door->refusal.status);
    if (door->refusal.status == 101) {
        fake_ws_accept_falsely(exchange);
        return;
    }
    for (size_t i = 0; i < door->refusal.header_count; i++) {
        fake_exchange_header(exchange, door->refusal.headers[i].name,
                             door->refusal.headers[i].value);
    }
    if (door->refusal.unended) {
        fake_exchange_reply_unended(exchange, door->refusal.status, door->refusal.type, body);
    } else {
        fake_exchange_reply(exchange, door->refusal.status, door->refusal.type, body);
    }
}

static bool header_is(const struct fake_request *request, const char *name, const char *value)
{
    const char *have = fake_request_header(request, name);

    return value == NULL ? have == NULL : have != NULL && strcmp(have, value) == 0;
}

/* WS-110, TCS-301, TCS-305: what is wrong with the form of an upgrade, or NULL. */
static const char *form_flaw(const struct fake_door *door, const struct fake_request *request)
{
    size_t len = strlen(request->path);

    if (strcmp(request->method, "GET") != 0) {
        return "the method is not GET";
    }
    if (len < 3 || strcmp(request->path + len - 3, "/ws") != 0) {
        return "the path does not end in /ws";
    }
    if (!header_is(request, "sec-websocket-version", "13")) {
        return "Sec-WebSocket-Version is not 13";
    }
    if (!header_is(request, "sec-websocket-protocol", NULL)) {
        return "a sub-protocol is offered";
    }
    if (!header_is(request, "sec-websocket-extensions", NULL)) {
        return "an extension is offered";
    }
    return door->opts.query_flaw(request);
}

static bool is_signed(struct fake_door *door, struct fake_exchange *exchange)
{
    eca_auto_buf struct eca_buf body = {0};
    struct fake_auth_refusal refusal;

    if (door->opts.auth == NULL || fake_auth_check(door->opts.auth, fake_exchange_request(exchange),
                                                   "ecs", door->region, &refusal)) {
        return true;
    }
    /* Keys expire under way; any other flaw is a defect of the client. */
    if (strcmp(refusal.type, "ExpiredTokenException") != 0) {
        violation(door, door->opts.rules.signature, refusal.err.msg);
    }
    door->opts.describe(&refusal, &body);
    refuse_now(door, exchange, 403, "application/json", eca_buf_str(&body));
    return false;
}

static void held_is_gone(void *arg)
{
    *(struct fake_exchange **)arg = NULL;
}

static void on_upgrade(void *arg, struct fake_exchange *exchange)
{
    struct fake_door *door = arg;
    const char *flaw = form_flaw(door, fake_exchange_request(exchange));

    if (flaw != NULL) {
        violation(door, door->opts.rules.form, flaw);
        refuse_now(door, exchange, 400, "text/plain", flaw);
        return;
    }
    if (!is_signed(door, exchange)) {
        return;
    }
    if (door->refusal.on) {
        refuse_as_told(door, exchange);
        door->refusal.on = door->refusal.left == 0 || --door->refusal.left > 0;
    } else if (door->holding && door->held_count < HELD_UPGRADES_MAX) {
        fake_exchange_on_gone(exchange, held_is_gone, &door->held[door->held_count]);
        door->held[door->held_count++] = exchange;
    } else {
        door->opts.welcome(door->opts.arg, exchange);
    }
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct fake_door *door = arg;

    violation(door, door->opts.rules.plain, "a plain request instead of an upgrade");
    fake_exchange_reply(exchange, 400, "text/plain", eca_view_str("websocket upgrade expected"));
}

static const char *name_request(void *arg, const struct fake_request *request)
{
    (void)arg;
    (void)request;
    return "connect";
}

static void refusal_clear(struct fake_door *door)
{
    eca_free(door->refusal.type);
    eca_free(door->refusal.body);
    for (size_t i = 0; i < door->refusal.header_count; i++) {
        eca_free((void *)(uintptr_t)door->refusal.headers[i].name);
        eca_free((void *)(uintptr_t)door->refusal.headers[i].value);
    }
    memset(&door->refusal, 0, sizeof(door->refusal));
}

void fake_door_refuse(struct fake_door *door, uint32_t times, const struct fake_refusal *how)
{
    refusal_clear(door);
    door->refusal.on = true;
    door->refusal.left = times;
    door->refusal.status = how->status;
    door->refusal.unended = how->unended;
    door->refusal.type = eca_xstrdup(how->content_type);
    door->refusal.body = eca_xstrdup(how->body == NULL ? "" : how->body);
    for (size_t i = 0; i < how->header_count && i < FAKE_REFUSAL_HEADERS_MAX; i++) {
        door->refusal.headers[i].name = eca_xstrdup(how->headers[i].name);
        door->refusal.headers[i].value = eca_xstrdup(how->headers[i].value);
        door->refusal.header_count++;
    }
}

static bool refuse_typed(struct fake_door *door, uint32_t times, const char *preset)
{
    static const struct {
        const char *name;
        int status;
    } exceptions[] = {{"ServerException", 500},           {"BadRequestException", 400},
                      {"InvalidClusterException", 400},   {"InvalidInstanceException", 400},
                      {"AccessDeniedException", 403},     {"InactiveInstanceException", 400},
                      {"InvalidParameterException", 400}, {"ResourceValidationException", 400}};
    bool typed = strncmp(preset, "typed:", 6) == 0;
    const char *name = typed ? preset + 6 : preset;

    for (size_t i = 0; i < ECA_ARRAY_LEN(exceptions); i++) {
        if (strcmp(exceptions[i].name, name) == 0) {
            eca_auto_buf struct eca_buf body = {0};

            eca_buf_addf(&body,
                         typed ? "{\"type\":\"%s\",\"message\":{\"message\":\"refused\"}}"
                               : "{\"%s\":\"refused\"}",
                         name);
            fake_door_refuse(door, times,
                             &(struct fake_refusal){.status = exceptions[i].status,
                                                    .content_type = "application/json",
                                                    .body = eca_buf_str(&body)});
            return true;
        }
    }
    return false;
}

bool fake_door_refuse_preset(struct fake_door *door, uint32_t times, const char *preset)
{
    static const struct eca_http_header away[] = {
        {"location", "https://elsewhere.example.test/ws"}};
    static const struct {
        const char *name;
        struct fake_refusal how;
    } presets[] = {
        {"html",
         {.status = 503,
          .content_type = "text/html",
          .body = "<html><body>Service Unavailable</body>"}},
        {"empty", {.status = 500}},
        {"moved", {.status = 301, .headers = away, .header_count = 1}},
        {"redirect", {.status = 302, .headers = away, .header_count = 1}},
        {"ok", {.status = 200, .content_type = "text/plain", .body = "hello"}},
        {"unended",
         {.status = 400,
          .content_type = "application/json",
          .body = "{\"ServerException\":\"refused\"}",
          .unended = true}},
        {"wrong-key", {.status = 101}},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(presets); i++) {
        if (strcmp(presets[i].name, preset) == 0) {
            fake_door_refuse(door, times, &presets[i].how);
            return true;
        }
    }
    return refuse_typed(door, times, preset);
}

void fake_door_accept(struct fake_door *door, bool hold)
{
    door->refusal.on = false;
    door->holding = hold;
    for (size_t i = 0; !hold && i < door->held_count; i++) {
        struct fake_exchange *exchange = eca_take(door->held[i]);

        if (exchange != NULL) {
            fake_exchange_on_gone(exchange, NULL, NULL);
            door->opts.welcome(door->opts.arg, exchange);
        }
    }
    door->held_count = hold ? door->held_count : 0;
}

const char *fake_door_region(const struct fake_door *door)
{
    return door->region;
}

struct fake_door *fake_door_new(const struct fake_door_opts *opts)
{
    struct fake_door *door = eca_xalloc(sizeof(*door));
    struct fake_service service = {.on_request = on_request, .on_upgrade = on_upgrade, .arg = door};

    door->opts = *opts;
    door->party = eca_xstrdup(opts->party);
    door->region = eca_xstrdup(opts->region);
    service.party = door->party;
    fake_hub_add(opts->base.hub, &service);
    fake_hub_set_namer(opts->base.hub, door->party, name_request, door);
    return door;
}

void fake_door_free(struct fake_door *door)
{
    if (door == NULL) {
        return;
    }
    fake_hub_remove(door->opts.base.hub, door->party);
    eca_free(door->party);
    eca_free(door->region);
    refusal_clear(door);
    eca_free(door);
}
