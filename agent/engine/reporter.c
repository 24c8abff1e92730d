#include "agent/engine/reporter.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/mutation.h"
#include "agent/base/str.h"

static const char module[] = "EventHandler";

#define CONTAINER_REASON_BYTES_MAX 255                              /* API-901, FB-18.1 */
#define TASK_REASON_BYTES_MAX 1024                                  /* API-902, FB-18.1 */
#define REJECT_PREFIX "UnrecogniedTaskError: Error loading task - " /* spelt so on the wire */
#define KEY_DIGITS 20

struct queue;
struct item {
    struct eca_list_node node;
    struct eca_report report; /* owns its texts and bindings */
    struct queue *queue;
    struct eca_journal_waiter durable;
    bool is_durable;
    bool attempted;
    int64_t since_ms;
    uint64_t cause;           /* eca_sched_cause of the change: many go out in one turn */
    char key[KEY_DIGITS + 1]; /* of its record, "" = none */
};

/* One per task, while it has items. */
struct queue {
    struct eca_reporter *reporter;
    char *arn;
    struct eca_list items;
    struct eca_list_node ready_node; /* in reporter->ready */
    bool under_way;
    struct eca_report_op *op;
    struct eca_timer retry;
    struct eca_backoff backoff;
};

struct eca_reporter {
    struct eca_reporter_opts opts;
    struct eca_report_owner owner;
    struct eca_map *queues; /* ARN -> queue */
    struct eca_map *stored; /* key -> item: rejected tasks */
    struct eca_list ready;  /* queues whose head may be sent, in turn */
    struct eca_deferred send_work;
    bool started;
    uint64_t next_key;
    struct eca_reporter_status status;
};

static void try_head(struct queue *queue);

/* ---- items ---------------------------------------------------------------------------------- */

static void item_free(struct item *item)
{
    struct eca_reporter *reporter = item->queue->reporter;

    if (eca_journal_is_waiting(&item->durable)) {
        eca_journal_cancel(reporter->opts.journal, &item->durable);
    }
    eca_free((char *)(uintptr_t)item->report.container_name);
    eca_free((char *)(uintptr_t)item->report.reason);
    eca_free((struct eca_port_binding *)(uintptr_t)item->report.bindings);
    eca_free(item);
}

static bool serialise(void *arg, const char *key, struct eca_buf *out)
{
    struct eca_reporter *reporter = arg;
    const struct item *item = eca_map_get(reporter->stored, key);
    struct eca_json_writer w = eca_json_writer_to(out);

    if (item == NULL) {
        return false;
    }
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "task", item->report.task_arn);
    eca_jw_str(&w, "reason", item->report.reason);
    eca_jw_end_object(&w);
    return true;
}

static char *cut_text(const char *text, size_t bytes_max)
{
    struct eca_view view = eca_view_str(text == NULL ? "" : text);

    return eca_xstrndup(view.at, eca_utf8_cut(view, bytes_max));
}

static void remove_item(struct item *item)
{
    struct queue *queue = item->queue;
    struct eca_reporter *reporter = queue->reporter;

    eca_list_remove(&queue->items, &item->node);
    reporter->status.pending--;
    if (item->key[0] != '\0') {
        (void)eca_map_remove(reporter->stored, item->key);
        eca_journal_mark(reporter->opts.journal, ECA_RECORD_REPORT, item->key);
    }
    item_free(item);
}

/* ---- queues --------------------------------------------------------------------------------- */

static void retry_over(void *arg)
{
    try_head(arg);
}

static struct queue *queue_of(struct eca_reporter *reporter, const char *arn)
{
    struct queue *queue = eca_map_get(reporter->queues, arn);
    const struct eca_reporter_opts *opts = &reporter->opts;

    if (queue != NULL) {
        return queue;
    }
    queue = eca_xalloc(sizeof(*queue));
    queue->reporter = reporter;
    queue->arn = eca_xstrdup(arn);
    eca_list_init(&queue->items);
    eca_timer_init(&queue->retry, opts->sched, retry_over, queue);
    eca_backoff_init(&queue->backoff, (struct eca_backoff_opts){.min_ms = opts->retry_min_ms,
                                                                .max_ms = opts->retry_max_ms,
                                                                .multiplier_milli = 1300,
                                                                .jitter_milli = 200});
    (void)eca_map_put(reporter->queues, arn, queue);
    return queue;
}

static void queue_free(struct queue *queue)
{
    struct eca_reporter *reporter = queue->reporter;
    struct eca_list_node *node;

    if (queue->under_way && queue->op != NULL) {
        reporter->opts.sink.ops->cancel(reporter->opts.sink.impl, queue->op);
    }
    eca_timer_stop(&queue->retry);
    eca_list_remove(&reporter->ready, &queue->ready_node);
    while ((node = eca_list_pop_front(&queue->items)) != NULL) {
        item_free(eca_container_of(node, struct item, node));
    }
    eca_free(queue->arn);
    eca_free(queue);
}

static struct item *head_of(const struct queue *queue)
{
    struct eca_list_node *node = eca_list_first(&queue->items);

    return node == NULL ? NULL : eca_container_of(node, struct item, node);
}

static bool is_redundant(const struct eca_reporter *reporter, const struct eca_report *report)
{
    return !report->rejected && reporter->owner.sent != NULL &&
           reporter->owner.sent(reporter->owner.impl, report) >= report->status; /* ENG-631 */
}

/* Put the queue in line when its head can be sent; release it when it is empty (FB-19). */
static void try_head(struct queue *queue)
{
    struct eca_reporter *reporter = queue->reporter;
    struct item *item;

    while ((item = head_of(queue)) != NULL && !queue->under_way &&
           is_redundant(reporter, &item->report)) {
        ECA_INFO(reporter->opts.log, module, ECA_KV("task", queue->arn),
                 "Not submitting redundant event; just removing");
        reporter->status.redundant++;
        remove_item(item);
    }
    if (item == NULL && ECA_MUTATION(UNBOUNDED_QUEUE)) {
        return;
    }
    if (item == NULL) {
        (void)eca_map_remove(reporter->queues, queue->arn);
        queue_free(queue);
        return;
    }
    if (item->is_durable && !queue->under_way && !eca_timer_is_armed(&queue->retry) &&
        !eca_list_is_linked(&queue->ready_node)) {
        eca_list_push_back(&reporter->ready, &queue->ready_node);
        eca_deferred_queue(&reporter->send_work);
    }
}

/* ---- attempts ------------------------------------------------------------------------------- */

static void attempt_failed(struct queue *queue, const char *why)
{
    struct eca_reporter *reporter = queue->reporter;

    reporter->status.failed++;
    ECA_WARN(reporter->opts.log, module,
             ECA_KV("task", queue->arn, "error", why == NULL ? "" : why),
             "Submission failed; it is repeated");
    eca_timer_start(&queue->retry, eca_backoff_next_ns(&queue->backoff, reporter->opts.entropy));
}

static void attempt_settled(struct queue *queue, bool accepted, const char *why)
{
    struct eca_reporter *reporter = queue->reporter;
    struct item *item = head_of(queue);

    assert(item != NULL);
    if (accepted) {
        reporter->status.accepted++;
    } else {
        reporter->status.dropped++;
        ECA_ERROR(reporter->opts.log, module,
                  ECA_KV("task", queue->arn, "status", eca_status_name(item->report.status),
                         "error", why == NULL ? "" : why),
                  "Submission refused for good; dropped");
    }
    eca_backoff_reset(&queue->backoff);
    if (reporter->owner.settled != NULL && !item->report.rejected) {
        reporter->owner.settled(reporter->owner.impl, &item->report, accepted);
    }
    remove_item(item);
    try_head(queue);
}

static void attempt_done(void *arg, enum eca_report_class class, const char *why)
{
    struct queue *queue = arg;
    struct eca_reporter *reporter = queue->reporter;

    queue->under_way = false;
    queue->op = NULL;
    reporter->status.under_way--;
    if (!eca_list_is_empty(&reporter->ready)) {
        eca_deferred_queue(&reporter->send_work);
    }
    switch (class) {
    case ECA_REPORT_ACCEPTED:
        attempt_settled(queue, true, why);
        break;
    case ECA_REPORT_RETRY:
        attempt_failed(queue, why);
        break;
    case ECA_REPORT_DEFINITE:
        attempt_settled(queue, false, why);
        break;
    }
}

static void send(void *arg)
{
    struct eca_reporter *reporter = arg;

    while (reporter->started && reporter->status.under_way < reporter->opts.attempts_max &&
           !eca_list_is_empty(&reporter->ready)) {
        struct eca_list_node *node = eca_list_pop_front(&reporter->ready);
        struct queue *queue;
        struct item *item;
        struct eca_err err = {0};

        assert(node != NULL);
        queue = eca_container_of(node, struct queue, ready_node);
        item = head_of(queue);
        assert(item != NULL); /* only a queue with a head stands in line */
        if (!item->is_durable) {
            continue; /* its turn comes when it is */
        }
        if (is_redundant(reporter, &item->report)) {
            try_head(queue);
            continue;
        }
        queue->under_way = true;
        item->attempted = true;
        eca_sched_set_cause(reporter->opts.sched, item->cause);
        reporter->status.under_way++;
        if (reporter->opts.sink.ops->submit(reporter->opts.sink.impl, &item->report, attempt_done,
                                            queue, &queue->op, &err) < 0) {
            queue->under_way = false;
            reporter->status.under_way--;
            attempt_failed(queue, err.msg);
        }
    }
}

/* ---- adding --------------------------------------------------------------------------------- */

static void item_durable(void *arg)
{
    struct item *item = arg;

    item->is_durable = true;
    if (head_of(item->queue) == item) {
        try_head(item->queue);
    }
}

/* ENG-641: far behind, an unsent RUNNING of something that has stopped goes first. */
static void thin_out(struct queue *queue, const struct eca_report *stopped)
{
    struct eca_reporter *reporter = queue->reporter;

    if (reporter->status.pending < reporter->opts.backlog_max ||
        stopped->status != ECA_STATUS_STOPPED) {
        return;
    }
    ECA_LIST_FOREACH(node, &queue->items)
    {
        struct item *item = eca_container_of(node, struct item, node);
        const char *a = item->report.container_name, *b = stopped->container_name;

        if (item->report.status == ECA_STATUS_RUNNING && !item->attempted &&
            ((a == NULL && b == NULL) || (a != NULL && b != NULL && strcmp(a, b) == 0))) {
            reporter->status.redundant++;
            remove_item(item);
        }
    }
    if (eca_list_is_empty(&queue->items)) { /* the newcomer is not durable yet */
        eca_list_remove(&reporter->ready, &queue->ready_node);
    }
}

static struct item *add_item(struct eca_reporter *reporter, const struct eca_report *report)
{
    struct queue *queue = queue_of(reporter, report->task_arn);
    struct item *item = eca_xalloc(sizeof(*item));

    thin_out(queue, report);
    item->queue = queue;
    item->since_ms = eca_sched_wall_ms(reporter->opts.sched);
    item->cause = eca_sched_cause(reporter->opts.sched);
    item->report = *report;
    item->report.task_arn = queue->arn;
    item->report.container_name = eca_xstrdup(report->container_name);
    item->report.reason =
        cut_text(report->reason, report->container_name != NULL ? CONTAINER_REASON_BYTES_MAX
                                                                : TASK_REASON_BYTES_MAX);
    item->report.bindings = NULL;
    if (report->binding_count > 0) {
        size_t bytes = report->binding_count * sizeof(*report->bindings);
        struct eca_port_binding *copy = eca_xalloc(bytes);

        memcpy(copy, report->bindings, bytes);
        item->report.bindings = copy;
    }
    if (ECA_MUTATION(SUBMISSION_ORDER) && !queue->under_way) {
        eca_list_push_front(&queue->items, &item->node);
    } else {
        eca_list_push_back(&queue->items, &item->node);
    }
    reporter->status.pending++;
    return item;
}

void eca_reporter_add(struct eca_reporter *reporter, const struct eca_report *report)
{
    struct item *item = add_item(reporter, report);

    eca_journal_after(reporter->opts.journal, &item->durable, item_durable, item);
}

static struct item *add_rejected(struct eca_reporter *reporter, const char *task_arn,
                                 const char *reason, const char *key)
{
    struct eca_report report = {
        .task_arn = task_arn, .status = ECA_STATUS_STOPPED, .reason = reason, .rejected = true};
    struct item *item = add_item(reporter, &report);

    (void)snprintf(item->key, sizeof(item->key), "%s", key);
    (void)eca_map_put(reporter->stored, item->key, item);
    return item;
}

void eca_reporter_reject(struct eca_reporter *reporter, const char *task_arn, const char *detail)
{
    eca_auto_free char *reason = eca_xasprintf("%s%s", REJECT_PREFIX, detail);
    char key[KEY_DIGITS + 1];
    struct item *item;

    (void)snprintf(key, sizeof(key), "%020llu", (unsigned long long)reporter->next_key++);
    item = add_rejected(reporter, task_arn, reason, key);
    eca_journal_mark(reporter->opts.journal, ECA_RECORD_REPORT, key);
    eca_journal_after(reporter->opts.journal, &item->durable, item_durable, item);
}

int eca_reporter_restore(struct eca_reporter *reporter, const char *key, struct eca_view value,
                         struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *task = NULL, *reason = "";
    uint64_t number;

    if (eca_parse_u64(eca_view_str(key), UINT64_MAX - 1, &number, err) < 0 ||
        strlen(key) > KEY_DIGITS || eca_json_parse(value, &doc, err) < 0 ||
        eca_json_read_str(eca_json_root(doc), "report", "task", &task, err) < 0 ||
        eca_json_read_str(eca_json_root(doc), "report", "reason", &reason, err) < 0) {
        return ECA_E_INVALID;
    }
    if (task == NULL || task[0] == '\0') {
        return eca_err_set(err, ECA_E_INVALID, "report: no task");
    }
    reporter->next_key = number >= reporter->next_key ? number + 1 : reporter->next_key;
    item_durable(add_rejected(reporter, task, reason, key));
    return ECA_OK;
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_reporter *eca_reporter_new(const struct eca_reporter_opts *opts)
{
    struct eca_reporter *reporter = eca_xalloc(sizeof(*reporter));
    struct eca_reporter_opts *own = &reporter->opts;

    *own = *opts;
    own->attempts_max = own->attempts_max > 0 ? own->attempts_max : 10;
    own->backlog_max = own->backlog_max > 0 ? own->backlog_max : 1000;
    own->retry_min_ms = own->retry_min_ms > 0 ? own->retry_min_ms : 1000;
    own->retry_max_ms = own->retry_max_ms > 0 ? own->retry_max_ms : 30000;
    reporter->queues = eca_map_new();
    reporter->stored = eca_map_new();
    eca_list_init(&reporter->ready);
    eca_deferred_init(&reporter->send_work, own->sched, send, reporter);
    eca_journal_set_source(own->journal, ECA_RECORD_REPORT, serialise, reporter);
    return reporter;
}

void eca_reporter_free(struct eca_reporter *reporter)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    if (reporter == NULL) {
        return;
    }
    while (eca_map_next(reporter->queues, &cursor, &key, &value)) {
        queue_free(value);
    }
    eca_deferred_cancel(&reporter->send_work);
    eca_journal_set_source(reporter->opts.journal, ECA_RECORD_REPORT, NULL, NULL);
    eca_map_free(reporter->queues);
    eca_map_free(reporter->stored);
    eca_free(reporter);
}

void eca_reporter_set_owner(struct eca_reporter *reporter, const struct eca_report_owner *owner)
{
    static const struct eca_report_owner nobody = {0};

    reporter->owner = owner == NULL ? nobody : *owner;
}

void eca_reporter_start(struct eca_reporter *reporter)
{
    reporter->started = true;
    eca_deferred_queue(&reporter->send_work);
}

bool eca_reporter_has(const struct eca_reporter *reporter, const char *task_arn)
{
    return eca_map_get(reporter->queues, task_arn) != NULL;
}

struct eca_reporter_status eca_reporter_status(const struct eca_reporter *reporter)
{
    struct eca_reporter_status status = reporter->status;
    size_t cursor = 0;
    const char *key;
    void *value;

    status.queues = eca_map_count(reporter->queues);
    while (eca_map_next(reporter->queues, &cursor, &key, &value)) { /* oldest head of all queues */
        const struct item *item = head_of(value);

        if (item != NULL && (status.oldest_ms == 0 || item->since_ms < status.oldest_ms)) {
            status.oldest_ms = item->since_ms;
        }
    }
    return status;
}
