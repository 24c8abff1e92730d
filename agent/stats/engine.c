#include "agent/stats/engine.h"

#include <assert.h>
#include <string.h>

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/timefmt.h"
#include "agent/ports/backoff.h"

static const char module[] = "stats";

#define QUIET_LINE_NS ((uint64_t)60 * 1000000000u) /* one line a minute and container (FB-33.2) */

struct task {
    char *arn, *family, *version;
    struct eca_list containers; /* struct container */
    struct eca_list_node node;
};

struct container {
    struct eca_stats *stats;
    struct task *task;
    char *id;
    struct eca_list_node node; /* in task->containers */
    struct eca_stats_window window;
    struct eca_op *stream;
    struct eca_backoff backoff;
    struct eca_timer connect_timer; /* a retry, or the next poll */
    struct eca_log_limit line_limit;
    bool in_gathering; /* its sets are in the last gathering */
    /* Polling (STAT-L4). */
    struct eca_list_node turn_node; /* in a list of stats: due, and no poll is free */
    uint64_t due_ns, polled_ns;
    bool answered;   /* the poll had an object */
    bool suspect;    /* its last poll had none: it may hang again */
    bool is_suspect; /* the poll under way is one of stats->suspects */
};

struct eca_stats {
    struct eca_stats_opts opts;
    struct eca_map *containers; /* id -> struct container */
    struct eca_map *tasks;      /* ARN -> struct task */
    struct eca_list task_order;
    struct eca_op *listing;
    bool listed;
    struct eca_backoff list_backoff;
    struct eca_timer list_timer, reconcile_timer;
    struct eca_list turns, suspect_turns; /* struct container */
    size_t polls;                         /* under way, at most ECA_STATS_POLLS_MAX */
    size_t suspects;                      /* of these, at most ECA_STATS_SUSPECT_POLLS_MAX */
};

static void connect_stream(void *arg);
static void give_turns(struct eca_stats *stats);

static struct eca_backoff_opts retry_opts(const struct eca_stats *stats)
{
    return (struct eca_backoff_opts){.min_ms = stats->opts.timing.retry_min_ms,
                                     .max_ms = stats->opts.timing.retry_max_ms,
                                     .multiplier_milli = 2000,
                                     .jitter_milli = 200};
}

static uint64_t now_ns(const struct eca_stats *stats)
{
    return eca_sched_now_ns(stats->opts.sched);
}

static bool is_polling(const struct eca_stats *stats)
{
    return stats->opts.poll_ms > 0;
}

static void poll_ended(struct container *container)
{
    struct eca_stats *stats = container->stats;

    if (is_polling(stats)) {
        stats->polls--;
        stats->suspects -= container->is_suspect;
        container->is_suspect = false;
    }
}

/* ---- watch list ----------------------------------------------------------------------------- */

static void remove_container(struct container *container)
{
    struct eca_stats *stats = container->stats;
    struct task *task = container->task;

    eca_timer_stop(&container->connect_timer);
    eca_list_remove(container->suspect ? &stats->suspect_turns : &stats->turns,
                    &container->turn_node);
    if (container->stream != NULL) { /* closes the connection at once (STAT-207) */
        stats->opts.runtime.ops->cancel(stats->opts.runtime.impl, eca_take(container->stream));
        poll_ended(container);
        give_turns(stats);
    }
    (void)eca_map_remove(stats->containers, container->id);
    eca_list_remove(&task->containers, &container->node);
    eca_free(container->id);
    eca_free(container);
    if (eca_list_is_empty(&task->containers)) {
        (void)eca_map_remove(stats->tasks, task->arn);
        eca_list_remove(&stats->task_order, &task->node);
        eca_free(task->arn);
        eca_free(task->family);
        eca_free(task->version);
        eca_free(task);
    }
}

static void set_text(char **to, const char *text)
{
    eca_free(*to);
    *to = eca_xstrdup(text == NULL ? "" : text);
}

static struct task *find_or_add_task(struct eca_stats *stats,
                                     const struct eca_stats_identity *identity)
{
    struct task *task = eca_map_get(stats->tasks, identity->task_arn);

    if (task == NULL) {
        task = eca_xalloc(sizeof(*task));
        task->arn = eca_xstrdup(identity->task_arn);
        eca_list_init(&task->containers);
        eca_list_push_back(&stats->task_order, &task->node);
        (void)eca_map_put(stats->tasks, task->arn, task);
    }
    set_text(&task->family, identity->family); /* the last add wins (STAT-101) */
    set_text(&task->version, identity->version);
    return task;
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

void eca_stats_running(struct eca_stats *stats, const char *docker_id)
{
    struct eca_stats_identity identity = {0};
    struct container *container;

    /* The order of tests is STAT-104's. */
    if (is_empty(docker_id) ||
        !stats->opts.lookup.find(stats->opts.lookup.impl, docker_id, &identity) ||
        is_empty(identity.task_arn) || is_empty(identity.family) || identity.task_stopped ||
        identity.container_stopped || eca_map_get(stats->containers, docker_id) != NULL) {
        ECA_DEBUG(stats->opts.log, module, ECA_KV("id", docker_id == NULL ? "" : docker_id),
                  "Container not watched");
        return;
    }
    container = eca_xalloc(sizeof(*container));
    container->stats = stats;
    container->id = eca_xstrdup(docker_id);
    container->task = find_or_add_task(stats, &identity);
    eca_list_push_back(&container->task->containers, &container->node);
    (void)eca_map_put(stats->containers, container->id, container);
    eca_backoff_init(&container->backoff, retry_opts(stats));
    eca_timer_init(&container->connect_timer, stats->opts.sched, connect_stream, container);
    if (is_polling(stats)) { /* containers that are found together are not polled together */
        eca_timer_start(
            &container->connect_timer,
            eca_entropy_below(stats->opts.entropy, stats->opts.poll_ms * ECA_NS_PER_MS));
    } else {
        connect_stream(container);
    }
}

void eca_stats_stopped(struct eca_stats *stats, const char *docker_id)
{
    struct container *container =
        is_empty(docker_id) ? NULL : eca_map_get(stats->containers, docker_id);

    if (container != NULL) {
        remove_container(container);
    }
}

/* False: gone or stopped for the task engine; it was removed (STAT-108, FB-33.4). */
static bool reconcile(struct container *container)
{
    struct eca_stats *stats = container->stats;
    struct eca_stats_identity identity = {0};

    if (!stats->opts.lookup.find(stats->opts.lookup.impl, container->id, &identity)) {
        ECA_WARN(stats->opts.log, module, ECA_KV("id", container->id),
                 "Container is unknown to the task engine; no longer measured");
    } else if (identity.container_stopped || identity.task_stopped) {
        ECA_INFO(stats->opts.log, module, ECA_KV("id", container->id),
                 "Container is terminal; no longer measured");
    } else {
        return true;
    }
    remove_container(container);
    return false;
}

static void reconcile_all(void *arg)
{
    struct eca_stats *stats = arg;
    size_t cursor = 0;
    void *container;

    while (eca_map_next(stats->containers, &cursor, NULL, &container)) {
        (void)reconcile(container);
    }
    eca_timer_start_ms(&stats->reconcile_timer, stats->opts.timing.reconcile_ms);
}

/* ---- collector ------------------------------------------------------------------------------ */

static void on_sample(void *arg, struct eca_view json)
{
    struct container *container = arg;
    struct eca_stats *stats = container->stats;
    struct eca_stats_sample sample;
    struct eca_err err = {0};

    container->answered = true;
    if (eca_stats_sample_parse(json, &sample, &err) < 0) {
        eca_stats_window_drop_baseline(&container->window); /* STAT-305 */
    } else if (eca_stats_window_add(&container->window, &sample, stats->opts.limits) ==
               ECA_STATS_STORED) {
        eca_backoff_reset(&container->backoff);
        return;
    } else {
        (void)eca_err_set(&err, ECA_E_NOT_FOUND, "the sample goes back, or beyond the machine");
    }
    if (eca_log_limit_pass(&container->line_limit, now_ns(stats), QUIET_LINE_NS)) {
        ECA_WARN(stats->opts.log, module, ECA_KV("id", container->id), "Sample discarded: %s",
                 err.msg);
    }
}

static void retry_later(struct container *container, const char *why)
{
    struct eca_stats *stats = container->stats;

    eca_stats_window_drop_baseline(&container->window);
    if (eca_log_limit_pass(&container->line_limit, now_ns(stats), QUIET_LINE_NS)) {
        ECA_INFO(stats->opts.log, module, ECA_KV("id", container->id), "%s: %s",
                 is_polling(stats) ? "Stats not answered, polling again"
                                   : "Stats stream ended, connecting again",
                 why);
    }
    eca_timer_start(&container->connect_timer,
                    eca_backoff_next_ns(&container->backoff, stats->opts.entropy));
}

/* An interval after the begin of the last poll, however long that took. */
static void poll_later(struct container *container)
{
    struct eca_stats *stats = container->stats;
    uint64_t due_ns = container->polled_ns + stats->opts.poll_ms * ECA_NS_PER_MS;
    uint64_t at_ns = now_ns(stats);

    eca_timer_start(&container->connect_timer, due_ns > at_ns ? due_ns - at_ns : 0);
}

static void on_stream_end(void *arg, enum eca_outcome outcome, const struct eca_err *err)
{
    struct container *container = arg;
    struct eca_stats *stats = container->stats;

    container->stream = NULL;
    container->suspect = is_polling(stats) && !container->answered;
    poll_ended(container);
    if (reconcile(container)) {
        if (is_polling(stats) && outcome == ECA_OUTCOME_DONE && container->answered) {
            poll_later(container);
        } else {
            retry_later(container,
                        err != NULL && err->msg[0] != '\0' ? err->msg : eca_outcome_name(outcome));
        }
    }
    give_turns(stats);
}

static void begin_stream(struct container *container)
{
    static const struct eca_stats_stream_events events = {on_sample, on_stream_end};
    struct eca_stats *stats = container->stats;
    struct eca_runtime *runtime = &stats->opts.runtime;
    struct eca_err err = {0};

    container->polled_ns = now_ns(stats);
    container->answered = false;
    if (runtime->ops->stats(runtime->impl, container->id, is_polling(stats), &events, container,
                            &container->stream, &err) < 0) {
        retry_later(container, err.msg);
        return;
    }
    stats->polls += is_polling(stats);
    container->is_suspect = container->suspect;
    stats->suspects += container->is_suspect;
}

/* In the order in which they fell due; those that may hang until their limit leave places to the
 * others, who would wait for seconds each time otherwise. NULL: nobody's turn. */
static struct container *next_turn(struct eca_stats *stats)
{
    struct eca_list_node *node = eca_list_first(&stats->turns);
    struct eca_list_node *suspect_node = stats->suspects < ECA_STATS_SUSPECT_POLLS_MAX
                                             ? eca_list_first(&stats->suspect_turns)
                                             : NULL;
    struct container *next =
        node == NULL ? NULL : eca_list_entry(node, struct container, turn_node);
    struct container *suspect =
        suspect_node == NULL ? NULL : eca_list_entry(suspect_node, struct container, turn_node);

    return suspect != NULL && (next == NULL || suspect->due_ns < next->due_ns) ? suspect : next;
}

static void give_turns(struct eca_stats *stats)
{
    while (stats->polls < ECA_STATS_POLLS_MAX) {
        struct container *next = next_turn(stats);

        if (next == NULL) {
            return;
        }
        eca_list_remove(next->suspect ? &stats->suspect_turns : &stats->turns, &next->turn_node);
        begin_stream(next);
    }
}

static void connect_stream(void *arg)
{
    struct container *container = arg;
    struct eca_stats *stats = container->stats;

    container->due_ns = now_ns(stats);
    eca_list_push_back(container->suspect ? &stats->suspect_turns : &stats->turns,
                       &container->turn_node);
    give_turns(stats); /* streams are no polls: begins at once */
}

/* ---- listing -------------------------------------------------------------------------------- */

static void begin_listing(void *arg);

static void on_list(void *arg, enum eca_outcome outcome, const struct eca_err *err,
                    const struct eca_list_entry_info *entries, size_t count)
{
    struct eca_stats *stats = arg;

    stats->listing = NULL;
    if (outcome != ECA_OUTCOME_DONE) {
        ECA_WARN(stats->opts.log, module, ECA_NO_KV, "Listing running containers failed: %s",
                 err != NULL ? err->msg : eca_outcome_name(outcome));
        eca_timer_start(&stats->list_timer,
                        eca_backoff_next_ns(&stats->list_backoff, stats->opts.entropy));
        return;
    }
    stats->listed = true;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].running) {
            eca_stats_running(stats, entries[i].id);
        }
    }
}

static void begin_listing(void *arg)
{
    struct eca_stats *stats = arg;
    struct eca_runtime *runtime = &stats->opts.runtime;
    struct eca_err err = {0};

    if (runtime->ops->list(runtime->impl, false, on_list, stats, &stats->listing, &err) < 0) {
        eca_timer_start(&stats->list_timer,
                        eca_backoff_next_ns(&stats->list_backoff, stats->opts.entropy));
    }
}

/* ---- the object ----------------------------------------------------------------------------- */

struct eca_stats *eca_stats_new(const struct eca_stats_opts *opts)
{
    struct eca_stats *stats = eca_xalloc(sizeof(*stats));
    struct eca_stats_timing *timing = &stats->opts.timing;

    stats->opts = *opts;
    timing->reconcile_ms = timing->reconcile_ms > 0 ? timing->reconcile_ms : 20 * 1000;
    timing->retry_min_ms = timing->retry_min_ms > 0 ? timing->retry_min_ms : 1000;
    timing->retry_max_ms = timing->retry_max_ms > 0 ? timing->retry_max_ms : 30 * 1000;
    stats->containers = eca_map_new();
    stats->tasks = eca_map_new();
    eca_list_init(&stats->task_order);
    eca_list_init(&stats->turns);
    eca_list_init(&stats->suspect_turns);
    eca_backoff_init(&stats->list_backoff, retry_opts(stats));
    eca_timer_init(&stats->list_timer, opts->sched, begin_listing, stats);
    eca_timer_init(&stats->reconcile_timer, opts->sched, reconcile_all, stats);
    return stats;
}

void eca_stats_start(struct eca_stats *stats)
{
    begin_listing(stats);
    eca_timer_start_ms(&stats->reconcile_timer, stats->opts.timing.reconcile_ms);
}

void eca_stats_free(struct eca_stats *stats)
{
    size_t cursor = 0;
    void *container;

    if (stats == NULL) {
        return;
    }
    eca_timer_stop(&stats->list_timer);
    eca_timer_stop(&stats->reconcile_timer);
    if (stats->listing != NULL) {
        stats->opts.runtime.ops->cancel(stats->opts.runtime.impl, stats->listing);
    }
    while (eca_list_pop_front(&stats->turns) != NULL ||
           eca_list_pop_front(&stats->suspect_turns) != NULL) {
        /* what is freed now gives nobody a turn */
    }
    while (eca_map_next(stats->containers, &cursor, NULL, &container)) {
        remove_container(container);
    }
    eca_map_free(stats->containers);
    eca_map_free(stats->tasks);
    eca_free(stats);
}

bool eca_stats_is_listed(const struct eca_stats *stats)
{
    return stats->listed;
}

size_t eca_stats_watched(const struct eca_stats *stats)
{
    return eca_map_count(stats->containers);
}

/* ---- gather --------------------------------------------------------------------------------- */

/* The sets of one task's containers; false when none has data yet. */
static bool gather_task(struct task *task, struct eca_stats_task *ret)
{
    *ret = (struct eca_stats_task){
        .arn = task->arn, .family = task->family, .version = task->version, .internal = task};
    ret->containers = eca_xalloc(task->containers.count * sizeof(*ret->containers));
    ECA_LIST_FOREACH(node, &task->containers)
    {
        struct container *container = eca_list_entry(node, struct container, node);
        struct eca_stats_sets *sets = &ret->containers[ret->container_count];

        container->in_gathering =
            eca_stats_window_sets(&container->window, &sets->cpu, &sets->memory);
        ret->container_count += container->in_gathering;
    }
    return ret->container_count > 0;
}

void eca_stats_gather(struct eca_stats *stats, struct eca_stats_gathering *ret)
{
    reconcile_all(stats);
    *ret = (struct eca_stats_gathering){.idle = eca_map_count(stats->containers) == 0};
    ret->tasks = eca_xalloc((stats->task_order.count + 1) * sizeof(*ret->tasks));
    ECA_LIST_FOREACH(node, &stats->task_order)
    {
        struct eca_stats_task *task = &ret->tasks[ret->task_count];

        if (gather_task(eca_list_entry(node, struct task, node), task)) {
            ret->task_count++;
        } else {
            eca_free(task->containers);
        }
    }
}

void eca_stats_hand_over(struct eca_stats *stats, const struct eca_stats_task *gathered)
{
    struct task *task = gathered->internal;

    assert(eca_map_get(stats->tasks, gathered->arn) == task);
    ECA_LIST_FOREACH(node, &task->containers)
    {
        struct container *container = eca_list_entry(node, struct container, node);

        if (container->in_gathering) { /* one that was skipped keeps its samples (STAT-412) */
            eca_stats_window_hand_over(&container->window);
            container->in_gathering = false;
        }
    }
}

void eca_stats_settle(struct eca_stats *stats, const char *task_arn, bool arrived)
{
    struct task *task = eca_map_get(stats->tasks, task_arn);

    if (task == NULL) {
        return;
    }
    ECA_LIST_FOREACH(node, &task->containers)
    {
        eca_stats_window_settle(&eca_list_entry(node, struct container, node)->window, arrived);
    }
}

void eca_stats_gathering_clear(struct eca_stats_gathering *gathering)
{
    for (size_t i = 0; i < gathering->task_count; i++) {
        eca_free(gathering->tasks[i].containers);
    }
    eca_free(gathering->tasks);
    *gathering = (struct eca_stats_gathering){0};
}
