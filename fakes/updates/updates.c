#include "fakes/updates/updates.h"

#include <assert.h>
#include <string.h>

#include "agent/aws/digest.h"
#include "agent/base/json.h"
#include "agent/base/list.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"

#define PARTY "updates"
#define CONTENT_TYPE "application/x-tar"
#define PIECES 16 /* of a body that takes its time */

struct file {
    struct eca_buf content;
    char sha256[ECA_SHA256_HEX_BYTES];
    int status;
    char *redirect;
    uint64_t takes_ms;
    bool stalls;
};

/* A body on its way, piece by piece; the file may be replaced meanwhile. */
struct transfer {
    struct eca_list_node node;
    struct fake_updates *updates;
    struct fake_exchange *exchange;
    struct eca_buf rest;
    size_t piece_bytes;
    uint64_t pause_ms;
    struct eca_timer timer;
};

struct fake_updates {
    struct fake_base base;
    struct eca_map *files; /* name -> struct file */
    struct eca_list transfers;
};

static void transfer_free(struct transfer *transfer)
{
    eca_timer_stop(&transfer->timer);
    eca_list_remove(&transfer->updates->transfers, &transfer->node);
    eca_buf_clear(&transfer->rest);
    eca_free(transfer);
}

static void on_gone(void *arg)
{
    transfer_free(arg);
}

static void send_piece(void *arg)
{
    struct transfer *transfer = arg;
    struct eca_view piece = eca_view_sub(eca_buf_view(&transfer->rest), 0, transfer->piece_bytes);

    fake_exchange_write(transfer->exchange, piece);
    eca_buf_drop(&transfer->rest, piece.len);
    if (transfer->rest.len > 0) {
        eca_timer_start_ms(&transfer->timer, transfer->pause_ms);
    } else {
        fake_exchange_end(transfer->exchange);
        transfer_free(transfer);
    }
}

static void send_slowly(struct fake_updates *updates, struct fake_exchange *exchange,
                        const struct file *file)
{
    struct transfer *transfer = eca_xalloc(sizeof(*transfer));

    *transfer = (struct transfer){.updates = updates,
                                  .exchange = exchange,
                                  .piece_bytes = file->content.len / PIECES + 1,
                                  .pause_ms = file->takes_ms / PIECES};
    eca_buf_add_view(&transfer->rest, eca_buf_view(&file->content));
    eca_timer_init(&transfer->timer, updates->base.sched, send_piece, transfer);
    eca_list_push_back(&updates->transfers, &transfer->node);
    fake_exchange_begin(exchange, 200, CONTENT_TYPE);
    fake_exchange_on_gone(exchange, on_gone, transfer);
    eca_timer_start_ms(&transfer->timer, transfer->pause_ms);
}

static void serve(struct fake_updates *updates, struct fake_exchange *exchange,
                  const struct file *file)
{
    struct eca_view content = eca_buf_view(&file->content);

    if (file->redirect != NULL) {
        fake_exchange_header(exchange, "Location", file->redirect);
        fake_exchange_reply(exchange, file->status == 0 ? 302 : file->status, "text/html",
                            eca_view_str("<html>it is elsewhere</html>"));
    } else if (file->status != 0) {
        fake_exchange_reply(exchange, file->status, "application/xml", content);
    } else if (file->stalls) {
        fake_exchange_begin(exchange, 200, CONTENT_TYPE);
        fake_exchange_write(exchange, eca_view_sub(content, 0, content.len / 2));
    } else if (file->takes_ms > 0) {
        send_slowly(updates, exchange, file);
    } else {
        fake_exchange_reply(exchange, 200, CONTENT_TYPE, content);
    }
}

static void check_request(struct fake_updates *updates, const struct fake_request *request)
{
    const char *agent = fake_request_header(request, "user-agent");

    if (strcmp(request->method, "GET") != 0 || agent == NULL ||
        strncmp(agent, "Amazon ECS Agent - v", 20) != 0 ||
        strstr(agent, "(+http://aws.amazon.com/ecs/)") == NULL) {
        (void)fake_trace_violation(updates->base.trace, FAKE_LANE_UPDATES, "UPD-120",
                                   "%s by User-Agent %s", request->method,
                                   agent == NULL ? "(none)" : agent);
    }
    if (fake_request_header(request, "accept-encoding") != NULL) {
        (void)fake_trace_violation(updates->base.trace, FAKE_LANE_UPDATES, "UPD-120",
                                   "a coding of the content is offered");
    }
}

static void on_request(void *arg, struct fake_exchange *exchange)
{
    struct fake_updates *updates = arg;
    const struct fake_request *request = fake_exchange_request(exchange);
    size_t bucket = strlen(FAKE_UPDATES_BUCKET);
    const struct file *file = NULL;

    check_request(updates, request);
    if (strncmp(request->path, FAKE_UPDATES_BUCKET, bucket) == 0) {
        file = eca_map_get(updates->files, request->path + bucket);
    }
    if (file == NULL) {
        fake_exchange_reply(exchange, 404, "application/xml",
                            eca_view_str("<Error><Code>NoSuchKey</Code></Error>"));
    } else {
        serve(updates, exchange, file);
    }
}

static void on_arrive(void *arg, const struct fake_request *request)
{
    struct fake_updates *updates = arg;

    (void)fake_trace_addv(updates->base.trace, FAKE_LANE_UPDATES, "get", "path", request->path,
                          NULL);
}

static void on_observe(void *arg, const struct fake_request *request, int status,
                       struct eca_view answer_body)
{
    struct fake_updates *updates = arg;
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);

    (void)answer_body;
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "path", request->path);
    eca_jw_i64(&w, "status", status);
    eca_jw_end_object(&w);
    (void)fake_trace_add(updates->base.trace, FAKE_LANE_UPDATES, "answered", eca_buf_str(&fields));
}

struct fake_updates *fake_updates_new(const struct fake_base *base)
{
    struct fake_updates *updates = eca_xalloc(sizeof(*updates));
    struct fake_service service = {.party = PARTY, .on_request = on_request, .arg = updates};

    updates->base = *base;
    updates->files = eca_map_new();
    eca_list_init(&updates->transfers);
    fake_hub_add(base->hub, &service);
    fake_hub_on_arrive(base->hub, PARTY, on_arrive, updates);
    fake_hub_observe(base->hub, PARTY, on_observe, updates);
    return updates;
}

static void file_free(struct file *file)
{
    if (file != NULL) {
        eca_buf_clear(&file->content);
        eca_free(file->redirect);
        eca_free(file);
    }
}

void fake_updates_free(struct fake_updates *updates)
{
    size_t cursor = 0;
    void *file;

    if (updates == NULL) {
        return;
    }
    fake_hub_remove(updates->base.hub, PARTY);
    ECA_LIST_FOREACH(node, &updates->transfers)
    {
        transfer_free(eca_list_entry(node, struct transfer, node));
    }
    while (eca_map_next(updates->files, &cursor, NULL, &file)) {
        file_free(file);
    }
    eca_map_free(updates->files);
    eca_free(updates);
}

void fake_updates_add(struct fake_updates *updates, const struct fake_updates_file *add)
{
    struct file *file = eca_xalloc(sizeof(*file));

    assert(add->size <= FAKE_UPDATES_BYTES_MAX);
    *file = (struct file){.status = add->status,
                          .redirect = eca_xstrdup(add->redirect),
                          .takes_ms = add->takes_ms,
                          .stalls = add->stalls};
    eca_buf_add_view(&file->content, eca_view_str(add->content));
    for (size_t i = 0; add->content == NULL && i < add->size; i++) {
        eca_buf_add_char(&file->content, (char)('a' + i % 23));
    }
    eca_sha256_hex(eca_buf_view(&file->content), file->sha256);
    file_free(eca_map_put(updates->files, add->name, file));
}

const char *fake_updates_sha256(const struct fake_updates *updates, const char *name)
{
    const struct file *file = eca_map_get(updates->files, name);

    return file == NULL ? NULL : file->sha256;
}
