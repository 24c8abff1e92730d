#include "harness/sim/sim.h"

#include <string.h>

#include "agent/record/flight.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/sys/record_file.h"
#include "harness/scenario/inside.h"
#include "harness/sim/disk.h"
#include "harness/sim/doom.h"
#include "harness/sim/files.h"
#include "harness/sim/heap.h"
#include "harness/sim/machine.h"
#include "harness/sim/rng.h"

#define DATA_DIR "/data"
#define WALL_DEFAULT_MS INT64_C(1478000000000) /* 2016-11-01T11:33:20Z */
#define LATENCY_DEFAULT_NS 100000

struct sim {
    struct hns_run *run;
    uint64_t mono_ns;
    int64_t wall_base_ms, wall_step_ms;
    struct eca_sched *sched;
    struct sim_rng fakes_rng, agent_rng;
    struct fake_trace *trace;
    struct fake_hub *hub;
    struct fake_memory *memory;
    struct sim_disk *disk;
    struct sim_files *files;
    struct sim_machine machine;
    struct eca_log log;
    struct eca_flight *flight; /* the agent and its recorder */
    const char *record;
    uint64_t record_bytes;
    struct eca_record_file *record_file;
    struct sim_doom doom;
    bool agent_ended; /* it asked for its end: freed before the next turn */
};

/* ---- clock ---------------------------------------------------------------------------------- */

static uint64_t sim_mono_ns(void *impl)
{
    return ((struct sim *)impl)->mono_ns;
}

static int64_t sim_wall_ms(void *impl)
{
    struct sim *sim = impl;

    return sim->wall_base_ms + sim->wall_step_ms + (int64_t)(sim->mono_ns / 1000000);
}

static void clock_step(void *impl, int64_t by_ms)
{
    ((struct sim *)impl)->wall_step_ms += by_ms;
}

static void drop_agent(struct sim *sim)
{
    eca_flight_free(eca_take(sim->flight));
    eca_record_file_free(eca_take(sim->record_file));
}

/* An agent that asked for its end is freed between two rounds, never inside its own call. */
static void bury_agent(struct sim *sim)
{
    if (sim->agent_ended) {
        sim->agent_ended = false;
        drop_agent(sim);
        fake_memory_drop_client(sim->memory);
        sim_disk_crash(sim->disk);
    }
}

/* Run what is due now; when that is nothing, jump to the next timer. */
static int turn(void *impl, struct eca_err *err)
{
    struct sim *sim = impl;
    uint64_t deadline;

    bury_agent(sim);
    if (eca_sched_run(sim->sched) > 0) {
        return ECA_OK;
    }
    if (!eca_sched_next_deadline(sim->sched, &deadline)) {
        return eca_err_set(err, ECA_E_CONFLICT, "nothing is left to happen");
    }
    sim->mono_ns = deadline > sim->mono_ns ? deadline : sim->mono_ns;
    return ECA_OK;
}

/* ---- agent ---------------------------------------------------------------------------------- */

static void on_log_line(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    struct sim *sim = arg;

    (void)wall_ms;
    hns_run_log(sim->run, level, eca_view_sub(line, 0, line.len > 0 ? line.len - 1 : 0));
}

static void on_agent_exit(void *arg, int code)
{
    struct sim *sim = arg;

    if (sim->doom.doomed) { /* it only thinks so */
        return;
    }
    sim->agent_ended = true;
    hns_run_agent_exit(sim->run, code);
}

static bool has_option(struct sim *sim, const char *option)
{
    const struct hns_node *options = hns_run_world(sim->run, "options", NULL);

    for (size_t i = 0; options != NULL && options->kind == HNS_LIST && i < options->count; i++) {
        if (strcmp(hns_run_text(sim->run, options->items[i]), option) == 0) {
            return true;
        }
    }
    return options != NULL && options->kind == HNS_SCALAR && strcmp(options->text, option) == 0;
}

static int agent_start(void *impl, struct eca_err *err)
{
    struct sim *sim = impl;
    struct eca_flight_opts opts = {
        .agent = {.ports = {.sched = sim->sched,
                            .entropy = sim_rng_port(&sim->agent_rng),
                            .http = fake_memory_http(sim->memory),
                            .files = sim_files_port(sim->files),
                            .channel = fake_memory_channel(sim->memory),
                            .endpoint = sim_machine_endpoint(&sim->machine),
                            .store = sim_disk_opener(sim->disk),
                            .host = sim_machine_host(&sim->machine),
                            .log = &sim->log},
                  .insecure = has_option(sim, "-k"),
                  .blackhole_metadata = has_option(sim, "-blackhole-ec2-metadata"),
                  .on_exit = on_agent_exit,
                  .arg = sim},
    };

    (void)err;
    bury_agent(sim);
    opts.agent.ports = sim_doom_ports(&sim->doom, &opts.agent.ports);
    sim->log = (struct eca_log){.level = ECA_LOG_DEBUG,
                                .sink = on_log_line,
                                .sink_arg = sim,
                                .wall_ms = sim_wall_ms,
                                .wall_arg = sim};
    if (sim->record != NULL) {
        sim->record_file = eca_record_file_new(sim->record, HNS_RECORD_SEGMENTS);
        eca_record_file_rescue(sim->record_file);
        opts.segments = eca_record_file_port(sim->record_file);
        opts.segment_bytes = sim->record_bytes;
        opts.record = true;
    }
    sim->flight = eca_flight_new(&opts);
    eca_flight_start(sim->flight);
    return ECA_OK;
}

/* As SIGKILL: nothing is said to anybody, what was not committed is gone. */
static void agent_kill(void *impl)
{
    struct sim *sim = impl;

    sim->agent_ended = false;
    sim->doom.doomed = false;
    sim_files_crash(sim->files);
    drop_agent(sim);
    memset(sim->machine.listeners, 0, sizeof(sim->machine.listeners));
    fake_memory_drop_client(sim->memory);
    sim_disk_crash(sim->disk);
}

static uint64_t doom(void *impl, const char *only, uint64_t nth)
{
    struct sim *sim = impl;

    sim->doom.left = nth;
    sim->doom.only = only;
    return sim->doom.calls;
}

static bool is_doomed(void *impl)
{
    return ((struct sim *)impl)->doom.doomed;
}

static void agent_terminate(void *impl)
{
    struct sim *sim = impl;

    if (sim->flight != NULL) {
        eca_flight_terminate(sim->flight);
    }
}

static int agent_record(void *impl, bool on, struct eca_err *err)
{
    struct sim *sim = impl;

    (void)err;
    eca_flight_record(sim->flight, on);
    return ECA_OK;
}

static bool agent_running(void *impl)
{
    struct sim *sim = impl;

    return sim->flight != NULL && !sim->agent_ended;
}

static void agent_env(void *impl, const char *name, const char *value)
{
    sim_machine_env(&((struct sim *)impl)->machine, name, value);
}

/* ---- machine -------------------------------------------------------------------------------- */

/* A question to a local server, answered in the next round like any other message. */
struct ask {
    struct sim *sim;
    struct eca_deferred work;
    char *method, *path;
    uint16_t port;
    hns_http_fn *on_done;
    void *arg;
};

static void answer_ask(void *arg)
{
    struct ask *ask = arg;
    struct eca_endpoint_response response = {0};
    bool listening = agent_running(ask->sim) && sim_machine_ask(&ask->sim->machine, ask->port,
                                                                ask->method, ask->path, &response);

    ask->on_done(ask->arg, listening ? response.status : 0, eca_buf_view(&response.body),
                 listening ? NULL : "connection refused");
    eca_buf_clear(&response.body);
    eca_free(ask->method);
    eca_free(ask->path);
    eca_free(ask);
}

static int ask_http(void *impl, const char *method, uint16_t port, const char *path,
                    hns_http_fn *on_done, void *arg, struct eca_err *err)
{
    struct sim *sim = impl;
    struct ask *ask = eca_xalloc(sizeof(*ask));

    (void)err;
    *ask = (struct ask){.sim = sim,
                        .method = eca_xstrdup(method),
                        .path = eca_xstrdup(path),
                        .port = port,
                        .on_done = on_done,
                        .arg = arg};
    eca_deferred_init(&ask->work, sim->sched, answer_ask, ask);
    eca_deferred_queue(&ask->work);
    return ECA_OK;
}

static char *full_path(const char *path)
{
    return path[0] == '/' ? eca_xstrdup(path) : eca_xasprintf(DATA_DIR "/%s", path);
}

static int file_read(void *impl, const char *path, struct eca_buf *out, struct eca_err *err)
{
    struct sim *sim = impl;
    eca_auto_free char *full = full_path(path);

    return eca_host_read_file(sim_machine_host(&sim->machine), full, ECA_BUF_BYTES_MAX, out, err);
}

static int file_write(void *impl, const char *path, struct eca_view text, struct eca_err *err)
{
    struct sim *sim = impl;
    eca_auto_free char *full = full_path(path);

    (void)err;
    sim_machine_file(&sim->machine, full, text);
    if (strcmp(full, DATA_DIR "/" ECA_STATE_FILE) == 0) {
        sim_disk_legacy_written(sim->disk);
    }
    return ECA_OK;
}

static size_t file_count(void *impl, const char *pattern)
{
    struct sim *sim = impl;
    eca_auto_free char *full = full_path(pattern);
    size_t cursor = 0, count = 0;
    const char *path;

    while (eca_map_next(sim->machine.files, &cursor, &path, NULL)) {
        count += fake_glob(full, path) ? 1 : 0;
    }
    return count;
}

static void durable_text(void *impl, struct eca_buf *out)
{
    sim_disk_text(((struct sim *)impl)->disk, out);
}

static void free_agent(void *arg)
{
    drop_agent(arg);
}

/* The sum of what the agent's page of metrics says on lines that begin like this. */
static uint64_t metric(struct sim *sim, const char *head)
{
    struct eca_endpoint_response response = {0};
    struct eca_view rest;
    uint64_t sum = 0, value;

    if (!sim_machine_ask(&sim->machine, HNS_PORT_INTROSPECTION, "GET", "/metrics", &response)) {
        return 0;
    }
    rest = eca_buf_view(&response.body);
    while (rest.len > 0) {
        size_t end = eca_view_find(rest, "\n", 0);
        struct eca_view line = eca_view_sub(rest, 0, end);
        size_t blank = eca_view_find(line, " ", 0);

        if (eca_view_starts(line, head) && blank != SIZE_MAX &&
            eca_parse_u64(eca_view_sub(line, blank + 1, SIZE_MAX), UINT64_MAX, &value, NULL) == 0) {
            sum += value;
        }
        rest = end == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(rest, end + 1, SIZE_MAX);
    }
    eca_buf_clear(&response.body);
    return sum;
}

static bool resources(void *impl, bool with_memory, struct hns_resources *ret_resources)
{
    struct sim *sim = impl;

    if (!agent_running(sim)) {
        return false;
    }
    *ret_resources = (struct hns_resources){
        .descriptors = fake_hub_open(sim->hub),
        .memory_kib = with_memory ? sim_heap_held(free_agent, sim) / 1024 : 0,
        .tasks = metric(sim, "ecs_agent_tasks{"),
        .submissions = metric(sim, "ecs_agent_submissions_pending "),
        .watched = metric(sim, "ecs_agent_containers_watched "),
        .timers = eca_sched_timer_count(sim->sched)};
    return true;
}

static void set_disk(void *impl, const char *state, uint32_t times, uint64_t takes_ms)
{
    struct sim *sim = impl;
    enum sim_disk_state how = strcmp(state, "fail") == 0        ? SIM_DISK_FAIL
                              : strcmp(state, "full") == 0      ? SIM_DISK_FULL
                              : strcmp(state, "read-only") == 0 ? SIM_DISK_READ_ONLY
                                                                : SIM_DISK_OK;

    sim_disk_set(sim->disk, how, times, takes_ms);
    sim_files_full(sim->files, how == SIM_DISK_FULL || how == SIM_DISK_READ_ONLY);
    sim_files_slow(sim->files, takes_ms);
}

/* ---- setting the stage ---------------------------------------------------------------------- */

static void sim_unplug(void *impl)
{
    struct sim *sim = impl;

    drop_agent(sim);
    fake_memory_free(eca_take(sim->memory));
}

static void sim_free(void *impl)
{
    struct sim *sim = impl;

    fake_hub_free(sim->hub);
    fake_trace_free(sim->trace);
    sim_disk_free(sim->disk);
    sim_files_free(sim->files);
    sim_machine_clear(&sim->machine);
    eca_sched_free(sim->sched);
    eca_free(sim);
}

static void set_environment(struct sim *sim)
{
    static const char *const defaults[][2] = {
        {"AWS_DEFAULT_REGION", "us-west-2"},
        {"AWS_ACCESS_KEY_ID", HNS_KEY_ID},
        {"AWS_SECRET_ACCESS_KEY", HNS_KEY_SECRET},
        {"ECS_DATADIR", DATA_DIR},
        {"ECS_LOGLEVEL", "debug"},
        {"ECS_CLUSTER", "default"},
    };
    const struct hns_node *env = hns_run_world(sim->run, "agent", NULL);

    for (size_t i = 0; i < ECA_ARRAY_LEN(defaults); i++) {
        sim_machine_env(&sim->machine, defaults[i][0], defaults[i][1]);
    }
    for (size_t i = 0; env != NULL && i < env->count; i++) {
        sim_machine_env(&sim->machine, env->keys[i]->text,
                        hns_node_is_null(env->items[i]) ? NULL
                                                        : hns_run_text(sim->run, env->items[i]));
    }
}

static void set_files(struct sim *sim)
{
    const struct hns_node *data = hns_run_world(sim->run, "data", NULL);
    const struct hns_node *cpus = hns_run_world(sim->run, "host", "cpus");
    const struct hns_node *memory = hns_run_world(sim->run, "host", "memory");
    int64_t number;

    for (size_t i = 0; data != NULL && i < data->count; i++) {
        eca_auto_free char *path = full_path(data->keys[i]->text);

        sim_machine_file(&sim->machine, path, eca_view_str(hns_run_text(sim->run, data->items[i])));
    }
    if (cpus != NULL && hns_node_is_int(cpus, &number)) {
        sim->machine.cpus = (uint32_t)number;
    }
    if (memory != NULL && hns_node_is_int(memory, &number)) {
        sim->machine.memory_mib = (uint64_t)number;
    }
}

static void set_network(struct sim *sim)
{
    static const char *const map[][2] = {
        {"ecs.us-west-2.amazonaws.com", "ecs"}, {"ecr.us-west-2.amazonaws.com", "ecr"},
        {"acs.us-west-2.amazonaws.com", "acs"}, {"tcs.us-west-2.amazonaws.com", "tcs"},
        {"169.254.169.254", "metadata"},        {"/var/run/docker.sock", "docker"},
        {"s3.amazonaws.com", "updates"},
    };
    uint64_t latency =
        hns_run_duration_ns(sim->run, hns_run_world(sim->run, "latency", NULL), LATENCY_DEFAULT_NS);
    uint64_t jitter = hns_run_duration_ns(sim->run, hns_run_world(sim->run, "jitter", NULL), 0);

    for (size_t i = 0; i < ECA_ARRAY_LEN(map); i++) {
        fake_memory_map(sim->memory, map[i][0], map[i][1]);
    }
    fake_memory_latency(sim->memory, latency / 1000, jitter / 1000);
    hns_vars_set(sim->run, "data.dir", DATA_DIR);
    hns_vars_set(sim->run, "updates.proxy", "");
    hns_vars_set(sim->run, "acs.url", "https://acs.us-west-2.amazonaws.com/");
    hns_vars_set(sim->run, "ecr.url", "https://ecr.us-west-2.amazonaws.com");
    hns_vars_set(sim->run, "tcs.url", "https://tcs.us-west-2.amazonaws.com/");
    hns_vars_set(sim->run, "acs.port", "443");
    hns_vars_set(sim->run, "ecr.port", "443");
    hns_vars_set(sim->run, "ecs.port", "443");
    hns_vars_set(sim->run, "tcs.port", "443");
}

int hns_sim_open(const struct hns_stage_opts *opts, struct hns_stage *ret_stage,
                 struct eca_err *err)
{
    static const struct eca_clock_ops clock_ops = {sim_mono_ns, sim_wall_ms};
    static const struct hns_stage_ops ops = {.agent_start = agent_start,
                                             .agent_kill = agent_kill,
                                             .agent_terminate = agent_terminate,
                                             .agent_record = agent_record,
                                             .agent_running = agent_running,
                                             .agent_env = agent_env,
                                             .turn = turn,
                                             .http = ask_http,
                                             .file_read = file_read,
                                             .file_write = file_write,
                                             .file_count = file_count,
                                             .durable_text = durable_text,
                                             .resources = resources,
                                             .disk = set_disk,
                                             .doom = doom,
                                             .is_doomed = is_doomed,
                                             .clock_step = clock_step,
                                             .unplug = sim_unplug,
                                             .free = sim_free};
    struct sim *sim = eca_xalloc(sizeof(*sim));
    const struct hns_node *wall = hns_run_world(opts->run, "wall", NULL);
    int64_t wall_ns = 0;

    sim->run = opts->run;
    sim->record = opts->record;
    sim->record_bytes = opts->record_bytes;
    sim->mono_ns = UINT64_C(1000000000); /* not 0: an uninitialised deadline must not look due */
    sim->wall_base_ms = WALL_DEFAULT_MS;
    if (wall != NULL) {
        if (eca_time_rfc3339_parse(eca_view_str(wall->text), &wall_ns, err) < 0) {
            eca_free(sim);
            return ECA_E_INVALID;
        }
        sim->wall_base_ms = wall_ns / 1000000;
    }
    sim_rng_init(&sim->fakes_rng, opts->seed, 1);
    sim_rng_init(&sim->agent_rng, opts->seed, 2);
    sim->sched = eca_sched_new((struct eca_clock){&clock_ops, sim});
    sim->trace = fake_trace_new(sim->sched);
    sim->hub = fake_hub_new(sim->sched, sim_rng_port(&sim->fakes_rng), sim->trace);
    sim->memory = fake_memory_new(sim->hub, sim->sched, sim_rng_port(&sim->fakes_rng));
    sim->disk = sim_disk_new(sim->sched, &sim->machine);
    sim_machine_init(&sim->machine, DATA_DIR);
    sim->files = sim_files_new(sim->sched, &sim->machine);
    *ret_stage = (struct hns_stage){
        .ops = &ops,
        .impl = sim,
        .base = {.sched = sim->sched,
                 .entropy = sim_rng_port(&sim->fakes_rng),
                 .hub = sim->hub,
                 .trace = sim->trace},
    };
    set_network(sim);
    set_environment(sim);
    set_files(sim);
    return ECA_OK;
}
