#include "harness/record/forward.h"

#include <string.h>

#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/carry/pass.h"

#define UPGRADE_MS 60000
#define STALL_MS 60000
#define MESSAGE_BYTES_MAX ((size_t)32 << 20)
#define CONNECT_MS 30000

/* A websocket on its way through. */
struct passage {
    struct eca_list_node node;
    struct hns_forward *forward;
    struct fake_exchange *exchange; /* until it is accepted or refused */
    struct fake_ws *ws;             /* the agent's side, from then on */
    struct eca_channel_conn *conn;  /* the peer's */
};

struct hns_forward {
    struct hns_forward_opts opts;
    char *docker_socket, *metadata_url;
    struct fake_passes *passes; /* of plain requests */
    struct eca_list passages;
};

static struct passage *passage_new(struct hns_forward *forward, struct fake_exchange *exchange)
{
    struct passage *passage = eca_xalloc(sizeof(*passage));

    passage->forward = forward;
    passage->exchange = exchange;
    eca_list_push_back(&forward->passages, &passage->node);
    return passage;
}

static void passage_free(struct passage *passage)
{
    eca_list_remove(&passage->forward->passages, &passage->node);
    eca_free(passage);
}

/* What the agent does has to have its time in the recording. */
static void enter(void *arg)
{
    const struct hns_forward *forward = arg;

    eca_recorder_enter(forward->opts.recorder, "agent");
}

static void leave(void *arg)
{
    const struct hns_forward *forward = arg;

    eca_recorder_leave(forward->opts.recorder);
}

static const struct eca_agent_ports *ports(const struct hns_forward *forward)
{
    return eca_recorder_ports(forward->opts.recorder);
}

/* ---- where to ---------------------------------------------------------------------------------
 */

static bool is_party(const struct fake_request *request, const char *party)
{
    return strcmp(request->party, party) == 0;
}

/* The names that a recording of the agent itself uses. */
static const char *party_of(const struct fake_request *request)
{
    const char *target = fake_request_header(request, "x-amz-target");
    const char *host = fake_request_header(request, "host");

    if (is_party(request, HNS_FORWARD_DOCKER) || is_party(request, HNS_FORWARD_METADATA)) {
        return request->party;
    }
    if (target != NULL) {
        return strstr(target, "ContainerRegistry") != NULL ? "ecr" : "ecs";
    }
    if (host != NULL && strncmp(host, "169.254.", 8) == 0) {
        return HNS_FORWARD_METADATA;
    }
    return "update";
}

static void put_url(const struct hns_forward *forward, const struct fake_request *request,
                    struct eca_buf *url)
{
    const char *host = fake_request_header(request, "host");

    if (is_party(request, HNS_FORWARD_DOCKER)) {
        eca_buf_addf(url, "http://docker%s", request->target);
    } else if (is_party(request, HNS_FORWARD_METADATA)) {
        eca_buf_addf(url, "%s%s", forward->metadata_url, request->target);
    } else {
        eca_buf_addf(url, "%s://%s%s", is_party(request, HNS_FORWARD_TUNNEL) ? "https" : "http",
                     host == NULL ? "" : host, request->target);
    }
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct hns_forward *forward = arg;
    const struct fake_request *request = fake_exchange_request(exchange);
    const char *party = party_of(request);
    bool is_docker = is_party(request, HNS_FORWARD_DOCKER);
    bool is_near = is_docker || strcmp(party, HNS_FORWARD_METADATA) == 0;
    eca_auto_buf struct eca_buf url = {0};

    put_url(forward, request, &url);
    fake_pass(
        forward->passes, exchange,
        &(struct fake_pass_to){.url = eca_buf_str(&url),
                               .unix_socket = is_docker ? forward->docker_socket : NULL,
                               .connect_ms = is_docker ? 0 : CONNECT_MS,
                               .proxy = is_near ? ECA_HTTP_PROXY_NEVER : ECA_HTTP_PROXY_ENVIRONMENT,
                               .party = party});
}

/* ---- websockets -------------------------------------------------------------------------------
 */

static void on_agent_text(void *arg, struct eca_view message)
{
    struct passage *passage = arg;

    if (passage->conn != NULL) {
        enter(passage->forward);
        (void)eca_channel_send(ports(passage->forward)->channel, passage->conn, message, NULL);
        leave(passage->forward);
    }
}

static void on_agent_closed(void *arg, int code, struct eca_view reason)
{
    struct passage *passage = arg;
    struct hns_forward *forward = passage->forward;

    (void)reason;
    passage->ws = NULL;
    if (passage->conn == NULL) {
        passage_free(passage);
        return;
    }
    enter(forward);
    if (code > 0) {
        eca_channel_close(ports(forward)->channel, passage->conn, code); /* its end frees */
    } else {
        eca_channel_abort(ports(forward)->channel, passage->conn);
        passage_free(passage);
    }
    leave(forward);
}

static void on_open(void *arg)
{
    static const struct fake_ws_events events = {.on_text = on_agent_text,
                                                 .on_closed = on_agent_closed};
    struct passage *passage = arg;

    fake_exchange_on_gone(passage->exchange, NULL, NULL);
    passage->ws = fake_ws_accept(eca_take(passage->exchange), &events, passage);
}

static void on_text(void *arg, struct eca_view message)
{
    struct passage *passage = arg;

    if (passage->ws != NULL) {
        (void)fake_ws_send(passage->ws, message);
    }
}

static void on_channel_end(void *arg, const struct eca_channel_end *end)
{
    struct passage *passage = arg;
    struct fake_exchange *exchange = passage->exchange;

    passage->conn = NULL;
    if (passage->ws != NULL) { /* its own end frees */
        eca_auto_free char *reason = eca_xstrndup(
            end->close_reason.at == NULL ? "" : end->close_reason.at, end->close_reason.len);

        if (end->how == ECA_CHANNEL_CLOSED_BY_PEER) {
            fake_ws_close(passage->ws, end->close_code, reason);
        } else {
            fake_ws_cut(passage->ws);
        }
        return;
    }
    if (exchange != NULL) {
        fake_exchange_on_gone(exchange, NULL, NULL);
        if (end->how == ECA_CHANNEL_REFUSED) {
            fake_exchange_reply(exchange, end->status, "application/json", end->body);
        } else {
            fake_exchange_reset(exchange);
        }
    }
    passage_free(passage);
}

/* The agent gave up before it was answered. */
static void on_gone(void *arg)
{
    struct passage *passage = arg;
    struct hns_forward *forward = passage->forward;

    enter(forward);
    eca_channel_abort(ports(forward)->channel, passage->conn);
    passage_free(passage);
    leave(forward);
}

/* ACS tells about the agent in the query, TCS does not. */
static const char *websocket_party(const struct fake_request *request)
{
    return strstr(request->query, "sendCredentials=") != NULL ? "acs" : "tcs";
}

static void on_upgrade(void *arg, struct fake_exchange *exchange)
{
    static const struct eca_channel_events events = {
        .on_open = on_open, .on_text = on_text, .on_end = on_channel_end};
    struct hns_forward *forward = arg;
    const struct fake_request *request = fake_exchange_request(exchange);
    struct eca_http_header headers[ECA_HTTP_HEADERS_MAX];
    struct passage *passage = passage_new(forward, exchange);
    eca_auto_buf struct eca_buf url = {0};
    struct eca_err err = {0};
    struct eca_channel_opts opts = {.headers = headers,
                                    .header_count = fake_pass_headers(request, headers),
                                    .connect_ms = UPGRADE_MS,
                                    .write_stall_ms = STALL_MS,
                                    .message_bytes_max = MESSAGE_BYTES_MAX,
                                    .send_queue_bytes_max = MESSAGE_BYTES_MAX,
                                    .proxy = ECA_HTTP_PROXY_ENVIRONMENT,
                                    .plain_http = is_party(request, HNS_FORWARD_PROXY),
                                    .party = websocket_party(request)};
    int rc;

    put_url(forward, request, &url);
    opts.url = eca_buf_str(&url);
    enter(forward);
    rc = eca_channel_open(ports(forward)->channel, &opts, &events, passage, &passage->conn, &err);
    leave(forward);
    if (rc < 0) {
        passage_free(passage);
        fake_exchange_reply(exchange, 502, "text/plain", eca_view_str(err.msg));
        return;
    }
    fake_exchange_on_gone(exchange, on_gone, passage);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static const char *const parties[] = {HNS_FORWARD_PROXY, HNS_FORWARD_TUNNEL, HNS_FORWARD_DOCKER,
                                      HNS_FORWARD_METADATA};

struct hns_forward *hns_forward_new(const struct hns_forward_opts *opts)
{
    struct hns_forward *forward = eca_xalloc(sizeof(*forward));

    forward->opts = *opts;
    forward->docker_socket = eca_xstrdup(opts->docker_socket);
    forward->metadata_url = eca_xstrdup(opts->metadata_url);
    forward->passes = fake_passes_new(&(struct fake_passes_opts){
        .http = ports(forward)->http, .before = enter, .after = leave, .arg = forward});
    eca_list_init(&forward->passages);
    for (size_t i = 0; i < ECA_ARRAY_LEN(parties); i++) {
        struct fake_service service = {.party = parties[i],
                                       .on_request = on_request,
                                       .on_upgrade = on_upgrade,
                                       .arg = forward};

        fake_hub_add(opts->hub, &service);
    }
    return forward;
}

void hns_forward_free(struct hns_forward *forward)
{
    if (forward == NULL) {
        return;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(parties); i++) {
        fake_hub_remove(forward->opts.hub, parties[i]);
    }
    fake_passes_free(forward->passes);
    while (!eca_list_is_empty(&forward->passages)) {
        struct passage *passage = eca_list_entry(forward->passages.head.next, struct passage, node);

        if (passage->conn != NULL) {
            eca_channel_abort(ports(forward)->channel, passage->conn);
        }
        passage_free(passage);
    }
    eca_free(forward->docker_socket);
    eca_free(forward->metadata_url);
    eca_free(forward);
}
