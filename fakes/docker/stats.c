#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"
#include "fakes/docker/state.h"

#define SAMPLE_MS 1000
#define CPUS 2
#define MEMORY_DEFAULT_BYTES 1048576

/* What the agent has no use for, in the form of daemon 1.12 on four processors. */
static const char full_memory[] =
    "{\"active_anon\":0,\"active_file\":4096,\"dirty\":8192,\"hierarchical_memory_"
    "limit\":12288,\"inactive_anon\":16384,\"mapped_file\":20480,\"pgfault\":24576"
    ",\"pgmajfault\":28672,\"pgpgin\":32768,\"pgpgout\":36864,\"rss\":40960,\"rss_hu"
    "ge\":45056,\"total_active_anon\":49152,\"total_active_file\":53248,\"total_c"
    "ache\":57344,\"total_dirty\":61440,\"total_inactive_anon\":65536,\"total_map"
    "ped_file\":69632,\"total_pgfault\":73728,\"total_pgmajfault\":77824,\"total_"
    "pgpgin\":81920,\"total_pgpgout\":86016,\"total_rss\":90112,\"total_rss_huge\""
    ":94208,\"total_unevictable\":98304,\"total_writeback\":102400,\"unevictable"
    "\":106496,\"writeback\":110592}";
static const char full_cpu[] =
    "{\"cpu_usage\":{\"total_usage\":1428503503,\"percpu_usage\":[357125875,35712"
    "5876,357125876,357125876],\"usage_in_kernelmode\":60000000,\"usage_in_use"
    "rmode\":1300000000},\"system_cpu_usage\":3605880000000,\"throttling_data\":"
    "{\"periods\":0,\"throttled_periods\":0,\"throttled_time\":0}}";
static const char full_blkio[] =
    "{\"io_service_bytes_recursive\":[{\"major\":202,\"minor\":0,\"op\":\"Read\",\"val"
    "ue\":2502656},{\"major\":202,\"minor\":0,\"op\":\"Write\",\"value\":40960},{\"majo"
    "r\":202,\"minor\":0,\"op\":\"Sync\",\"value\":40960},{\"major\":202,\"minor\":0,\"op"
    "\":\"Async\",\"value\":2502656},{\"major\":202,\"minor\":0,\"op\":\"Total\",\"value\""
    ":2543616}],\"io_serviced_recursive\":[{\"major\":202,\"minor\":0,\"op\":\"Read\""
    ",\"value\":2502656},{\"major\":202,\"minor\":0,\"op\":\"Write\",\"value\":40960},{"
    "\"major\":202,\"minor\":0,\"op\":\"Sync\",\"value\":40960},{\"major\":202,\"minor\":"
    "0,\"op\":\"Async\",\"value\":2502656},{\"major\":202,\"minor\":0,\"op\":\"Total\",\"v"
    "alue\":2543616}],\"io_queue_recursive\":[],\"io_service_time_recursive\":[]"
    ",\"io_wait_time_recursive\":[],\"io_merged_recursive\":[],\"io_time_recursi"
    "ve\":[],\"sectors_recursive\":[]}";
static const char full_networks[] =
    "{\"eth0\":{\"rx_bytes\":648,\"rx_packets\":8,\"rx_errors\":0,\"rx_dropped\":0,\"t"
    "x_bytes\":648,\"tx_packets\":8,\"tx_errors\":0,\"tx_dropped\":0}}";

static void put_rest(struct eca_json_writer *w)
{
    eca_jw_raw(w, "precpu_stats", eca_view_str(full_cpu));
    eca_jw_raw(w, "blkio_stats", eca_view_str(full_blkio));
    eca_jw_raw(w, "networks", eca_view_str(full_networks));
    eca_jw_u64(w, "num_procs", 0);
    eca_jw_raw(w, "storage_stats", eca_view_str("{}"));
    eca_jw_raw(w, "pids_stats", eca_view_str("{\"current\":1}"));
}

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
        if (script->stats == FAKE_DOCKER_STATS_FULL) {
            eca_jw_raw(w, "stats", eca_view_str(full_memory));
            eca_jw_u64(w, "failcnt", 0);
            eca_jw_u64(w, "limit", UINT64_C(33554432));
        } else {
            eca_jw_object(w, "stats");
            if (script->cache_bytes > 0) {
                eca_jw_u64(w, "cache", script->cache_bytes);
            }
            eca_jw_end_object(w);
        }
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
    if (shape == FAKE_DOCKER_STATS_FULL) {
        put_rest(&w);
    }
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
    if (op->one_shot) {
        struct fake_exchange *exchange = op->exchange;

        fake_docker_op_free(op);
        fake_exchange_end(exchange);
        return;
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
    eca_auto_buf struct eca_buf ref = {0}, stream = {0};
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
    /* Comes a second later too: the daemon takes two samples, for precpu_stats (STAT-L4). */
    op->one_shot = fake_request_param(fake_exchange_request(exchange), "stream", &stream) &&
                   strcmp(eca_buf_str(&stream), "false") == 0;
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
