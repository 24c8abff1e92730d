#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

#define SAMPLE_MS 1000
#define CPUS 2
#define MEMORY_DEFAULT_BYTES 1048576

static void put_cpu(const struct container *container, struct eca_json_writer *w)
{
    enum fake_docker_stats_shape shape = container->script.stats;
    uint64_t total = container->cpu_ns;

    if (shape == FAKE_DOCKER_STATS_ZERO) {
        total = 0;
    } else if (shape == FAKE_DOCKER_STATS_BACKWARDS) {
        total = UINT64_C(1000000000000) - container->samples * 1000;
    }
    eca_jw_object(w, "cpu_stats");
    eca_jw_object(w, "cpu_usage");
    if (shape == FAKE_DOCKER_STATS_BAD_TYPES) {
        eca_jw_str(w, "total_usage", "many");
    } else {
        eca_jw_u64(w, "total_usage", total);
    }
    if (shape != FAKE_DOCKER_STATS_ONLINE_CPUS && shape != FAKE_DOCKER_STATS_ZERO) {
        eca_jw_array(w, "percpu_usage");
        for (size_t i = 0; i < CPUS; i++) {
            eca_jw_u64(w, NULL, total / CPUS);
        }
        eca_jw_end_array(w);
    }
    eca_jw_end_object(w);
    if (shape == FAKE_DOCKER_STATS_ONLINE_CPUS) {
        eca_jw_u64(w, "online_cpus", CPUS);
    }
    eca_jw_end_object(w);
}

static void put_memory(const struct container *container, struct eca_json_writer *w)
{
    const struct fake_docker_script *script = &container->script;
    int64_t usage =
        (int64_t)(script->memory_bytes == 0 ? MEMORY_DEFAULT_BYTES : script->memory_bytes) +
        script->memory_step_bytes * (int64_t)container->samples;

    eca_jw_object(w, "memory_stats");
    if (script->stats != FAKE_DOCKER_STATS_ZERO) {
        eca_jw_u64(w, "usage", usage < 0 ? 0 : (uint64_t)usage);
        eca_jw_object(w, "stats");
        if (script->cache_bytes > 0) {
            eca_jw_u64(w, "cache", script->cache_bytes);
        }
        eca_jw_end_object(w);
    }
    eca_jw_end_object(w);
}

/* The nth sample of a list, from 1. */
static void write_listed(struct op *op)
{
    struct container *container = op->container;
    eca_auto_json struct eca_json_doc *doc = NULL;
    eca_auto_buf struct eca_buf text = {0};
    uint64_t n = 1;

    if (eca_json_parse(eca_view_str(container->script.samples), &doc, NULL) < 0) {
        return;
    }
    for (eca_json it = eca_json_first(eca_json_root(doc)); it != NULL; it = eca_json_next(it)) {
        if (n++ == container->samples) {
            eca_json_print(it, &text);
            eca_buf_add_char(&text, '\n');
            fake_exchange_write_event(op->exchange, "stats", eca_buf_view(&text));
        }
    }
}

static void write_sample(struct op *op)
{
    struct container *container = op->container;
    enum fake_docker_stats_shape shape = container->script.stats;
    bool alive = container->state == FAKE_DOCKER_RUNNING || container->state == FAKE_DOCKER_PAUSED;
    eca_auto_buf struct eca_buf text = {0}, read = {0};
    struct eca_json_writer w = eca_json_writer_to(&text);
    int64_t wall_ns = docker_wall_ns(op->docker);

    if (shape == FAKE_DOCKER_STATS_NOT_JSON) {
        fake_exchange_write_event(op->exchange, "stats", eca_view_str("{\"read\":}\n"));
        return;
    }
    if (shape == FAKE_DOCKER_STATS_SAME_TIME) {
        wall_ns = container->started_ns;
    } else if (shape == FAKE_DOCKER_STATS_ZERO || !alive) {
        wall_ns = 0;
    }
    eca_time_rfc3339_nano(wall_ns, &read);
    eca_jw_object(&w, NULL);
    eca_jw_str(&w, "read", eca_buf_str(&read));
    put_cpu(container, &w);
    put_memory(container, &w);
    eca_jw_end_object(&w);
    eca_buf_add_char(&text, '\n');
    fake_exchange_write_event(op->exchange, "stats", eca_buf_view(&text));
}

static void stats_run(struct op *op)
{
    struct container *container = op->container;
    int64_t now_ns = docker_wall_ns(op->docker);

    if (container->started_ns > 0 && now_ns > container->started_ns) {
        container->cpu_ns =
            (uint64_t)(now_ns - container->started_ns) / 1000 * container->script.cpu_milli;
    }
    container->samples++;
    if (container->script.samples != NULL) {
        write_listed(op);
    } else {
        write_sample(op);
    }
    eca_timer_start_ms(&op->timer, SAMPLE_MS);
}

static void stats_gone(void *arg)
{
    fake_docker_op_free(arg);
}

void fake_docker_serve_stats(struct fake_docker *docker, struct fake_exchange *exchange,
                             const struct fake_docker_route *route)
{
    eca_auto_buf struct eca_buf ref = {0};
    struct container *container;
    struct op *op;

    docker->stats_requests++;
    docker_ref(route, &ref);
    container = docker_find(docker, eca_buf_str(&ref));
    if (container == NULL) {
        docker_error(docker, exchange, route->version, 404, "No such container: %s",
                     eca_buf_str(&ref));
        return;
    }
    fake_exchange_begin(exchange, 200, "application/json");
    if (container->script.stats == FAKE_DOCKER_STATS_ENDS) {
        fake_exchange_end(exchange);
        return;
    }
    op = fake_docker_op_new(docker, exchange, stats_run);
    op->container = container;
    eca_list_push_back(&docker->stats_ops, &op->stats_node);
    fake_exchange_on_gone(exchange, stats_gone, op);
    if (container->script.stats != FAKE_DOCKER_STATS_SILENT) {
        eca_timer_start_ms(&op->timer, SAMPLE_MS);
    }
}

static size_t end_where(struct fake_docker *docker, const struct container *container)
{
    size_t count = 0;

    ECA_LIST_FOREACH(it, &docker->stats_ops)
    {
        struct op *op = eca_list_entry(it, struct op, stats_node);
        struct fake_exchange *exchange = op->exchange;
        if (container != NULL && op->container != container) {
            continue;
        }
        count++;
        fake_docker_op_free(op);
        fake_exchange_end(exchange);
    }
    return count;
}

void docker_stats_container_ends(struct container *container)
{
    (void)end_where(container->docker, container);
}

size_t fake_docker_end_stats(struct fake_docker *docker, const char *ref)
{
    const struct container *container = ref == NULL ? NULL : docker_find(docker, ref);

    return ref != NULL && container == NULL ? 0 : end_where(docker, container);
}

size_t fake_docker_stats_streams(const struct fake_docker *docker)
{
    return docker->stats_ops.count;
}

uint64_t fake_docker_stats_requests(const struct fake_docker *docker)
{
    return docker->stats_requests;
}
