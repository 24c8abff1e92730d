#include "harness/wire/wire.h"

#include <string.h>

#include "agent/record/flight.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/timefmt.h"
#include "agent/sys/channel_lws.h"
#include "agent/sys/clock.h"
#include "agent/sys/endpoint_mhd.h"
#include "agent/sys/files.h"
#include "agent/sys/host_linux.h"
#include "agent/sys/record_file.h"
#include "agent/sys/store_sqlite.h"
#include "harness/live/inside.h"
#include "harness/scenario/inside.h"
#include "harness/sim/doom.h"
#include "harness/wire/disk.h"
#include "harness/wire/shim.h"

/* libwebsockets keeps deadlines that we cannot see. */
#define JUMP_NS_MAX UINT64_C(1000000000)
#define WALL_DEFAULT_MS INT64_C(1478000000000) /* 2016-11-01T11:33:20Z, as in simulation */
#define QUIET_ROUNDS 2                         /* the second one confirms */

struct wire {
    struct live live;
    uint64_t mono_ns;
    int64_t wall_base_ms, wall_step_ms;
    unsigned quiet_rounds;
    struct sim_rng agent_rng;
    struct eca_log log, adapter_log;
    struct eca_http_client *http;
    struct eca_channel_lws *channel;
    struct eca_endpoint_mhd *endpoint;
    struct eca_store_sqlite *store;
    struct eca_files_disk *files;
    struct eca_flight *flight; /* the agent and its recorder */
    struct eca_record_file *record_file;
    struct sim_doom doom;
    bool agent_ended; /* it asked for its end: freed at the end of the turn */
};

/* ---- clock ---------------------------------------------------------------------------------- */

static uint64_t mono_ns(void *impl)
{
    return ((struct wire *)impl)->mono_ns;
}

static int64_t wall_ms(void *impl)
{
    struct wire *wire = impl;

    return wire->wall_base_ms + wire->wall_step_ms + (int64_t)(wire->mono_ns / 1000000);
}

static void set_time(struct wire *wire, uint64_t now_ns)
{
    wire->mono_ns = now_ns;
    hns_shim_set(now_ns, wall_ms(wire));
}

static void clock_step(void *impl, int64_t by_ms)
{
    struct wire *wire = ((struct live *)impl)->wire;

    wire->wall_step_ms += by_ms;
    set_time(wire, wire->mono_ns);
}

static void move_time(struct wire *wire)
{
    uint64_t next = wire->mono_ns + JUMP_NS_MAX, deadline;

    if (eca_sched_next_deadline(wire->live.sched, &deadline) && deadline < next) {
        next = deadline;
    }
    set_time(wire, next > wire->mono_ns ? next : wire->mono_ns);
}

/* ---- the agent ------------------------------------------------------------------------------ */

static void end_agent(struct wire *wire)
{
    eca_flight_free(eca_take(wire->flight));
    eca_record_file_free(eca_take(wire->record_file));
    eca_files_disk_free(eca_take(wire->files));
    eca_store_sqlite_free(eca_take(wire->store));
    eca_endpoint_mhd_free(eca_take(wire->endpoint));
    eca_channel_lws_free(eca_take(wire->channel));
    eca_http_client_free(eca_take(wire->http));
}

/* An agent that asked for its end is freed between two rounds, never inside its own call, and
 * before the scenario goes on: that finds the files of a process that has ended. */
static void bury_agent(struct wire *wire)
{
    if (wire->agent_ended) {
        wire->agent_ended = false;
        end_agent(wire);
    }
}

static int turn(void *impl, struct eca_err *err)
{
    struct wire *wire = ((struct live *)impl)->wire;
    struct eca_loop *loop = wire->live.loop;
    bool busy;

    (void)err;
    busy = eca_loop_step(loop, false);
    busy = hns_shim_polled() > 0 || busy || eca_loop_holds_input(loop);
    if (busy) {
        wire->quiet_rounds = 0;
    } else if (eca_loop_has_work(loop)) {
        (void)eca_loop_step(loop, true);
    } else if (++wire->quiet_rounds >= QUIET_ROUNDS) {
        wire->quiet_rounds = 0;
        move_time(wire);
    }
    bury_agent(wire);
    return ECA_OK;
}

static void on_log_line(void *arg, enum eca_log_level level, int64_t at_ms, struct eca_view line)
{
    struct wire *wire = arg;

    (void)at_ms;
    hns_run_log(wire->live.run, level, eca_view_sub(line, 0, line.len > 0 ? line.len - 1 : 0));
}

static void on_agent_exit(void *arg, int code)
{
    struct wire *wire = arg;

    if (wire->doom.doomed) { /* it only thinks so */
        return;
    }
    wire->agent_ended = true;
    hns_run_agent_exit(wire->live.run, code);
}

static const char *env(void *impl, const char *name)
{
    struct wire *wire = impl;
    const char *pair = eca_map_get(wire->live.env, name);

    return pair == NULL ? NULL : pair + strlen(name) + 1;
}

static const char *env_at(void *impl, size_t index)
{
    struct wire *wire = impl;
    size_t cursor = 0;
    void *pair;

    while (eca_map_next(wire->live.env, &cursor, NULL, &pair)) {
        if (index-- == 0) {
            return pair;
        }
    }
    return NULL;
}

/* This machine, but for the environment. */
static struct eca_host host_of(struct wire *wire)
{
    static struct eca_host_ops ops;

    ops = *eca_host_linux().ops;
    ops.env = env;
    ops.env_at = env_at;
    return (struct eca_host){&ops, wire};
}

static bool has_option(struct wire *wire, const char *option)
{
    const struct hns_node *options = hns_run_world(wire->live.run, "options", NULL);

    for (size_t i = 0; options != NULL && options->kind == HNS_LIST && i < options->count; i++) {
        if (strcmp(hns_run_text(wire->live.run, options->items[i]), option) == 0) {
            return true;
        }
    }
    return options != NULL && options->kind == HNS_SCALAR && strcmp(options->text, option) == 0;
}

static int agent_start(void *impl, struct eca_err *err)
{
    struct live *live = impl;
    struct wire *wire = live->wire;
    struct eca_tls_trust trust = eca_tls_trust_find(env(wire, "SSL_CERT_FILE"), NULL);
    struct eca_http_client_opts http_opts = {
        .loop = live->loop, .trust = trust, .env = env, .env_arg = wire};
    struct eca_channel_lws_opts channel_opts = {
        .loop = live->loop, .trust = trust, .env = env, .env_arg = wire, .log = &wire->adapter_log};
    struct eca_flight_opts opts = {
        .agent = {.insecure = has_option(wire, "-k"),
                  .blackhole_metadata = has_option(wire, "-blackhole-ec2-metadata"),
                  .on_exit = on_agent_exit,
                  .arg = wire}};

    bury_agent(wire);
    wire->log = (struct eca_log){.level = ECA_LOG_DEBUG,
                                 .sink = on_log_line,
                                 .sink_arg = wire,
                                 .wall_ms = wall_ms,
                                 .wall_arg = wire};
    wire->adapter_log = eca_log_beside(&wire->log);
    wire->http = eca_http_client_new(&http_opts, err);
    if (wire->http == NULL) {
        return ECA_E_INTERNAL;
    }
    wire->channel = eca_channel_lws_new(&channel_opts);
    wire->endpoint = eca_endpoint_mhd_new(live->loop, &wire->adapter_log);
    wire->store = eca_store_sqlite_new(live->loop);
    wire->files = eca_files_disk_new(live->loop);
    opts.agent.ports = (struct eca_agent_ports){.sched = live->sched,
                                                .entropy = sim_rng_port(&wire->agent_rng),
                                                .http = eca_http_client_port(wire->http),
                                                .files = eca_files_disk_port(wire->files),
                                                .channel = eca_channel_lws_port(wire->channel),
                                                .endpoint = eca_endpoint_mhd_port(wire->endpoint),
                                                .store = eca_store_sqlite_opener(wire->store),
                                                .host = host_of(wire),
                                                .log = &wire->log};
    opts.agent.ports = sim_doom_ports(&wire->doom, &opts.agent.ports);
    if (wire->live.record != NULL) {
        wire->record_file = eca_record_file_new(wire->live.record, HNS_RECORD_SEGMENTS);
        eca_record_file_rescue(wire->record_file);
        opts.segments = eca_record_file_port(wire->record_file);
        opts.segment_bytes = wire->live.record_bytes;
        opts.record = true;
    }
    wire->flight = eca_flight_new(&opts);
    eca_flight_start(wire->flight);
    return ECA_OK;
}

/* As near to SIGKILL as one process allows: a commit that a thread has begun still ends. */
static void agent_kill(void *impl)
{
    struct wire *wire = ((struct live *)impl)->wire;

    wire->agent_ended = false;
    end_agent(wire);
    wire->doom.doomed = false;
}

static uint64_t doom(void *impl, const char *only, uint64_t nth)
{
    struct wire *wire = ((struct live *)impl)->wire;

    wire->doom.left = nth;
    wire->doom.only = only;
    return wire->doom.calls;
}

static bool is_doomed(void *impl)
{
    return ((struct wire *)((struct live *)impl)->wire)->doom.doomed;
}

static void agent_terminate(void *impl)
{
    struct wire *wire = ((struct live *)impl)->wire;

    if (wire->flight != NULL) {
        eca_flight_terminate(wire->flight);
    }
}

static int agent_record(void *impl, bool on, struct eca_err *err)
{
    struct wire *wire = ((struct live *)impl)->wire;

    (void)err;
    eca_flight_record(wire->flight, on);
    return ECA_OK;
}

static bool agent_running(void *impl)
{
    struct wire *wire = ((struct live *)impl)->wire;

    return wire->flight != NULL && !wire->agent_ended;
}

/* As in simulation: the process is the harness's own. */
static bool resources(void *impl, bool with_memory, struct hns_resources *ret_resources)
{
    struct live *live = impl;

    (void)with_memory;
    *ret_resources = (struct hns_resources){.descriptors = fake_hub_open(live->hub)};
    return agent_running(live);
}

static void disk(void *impl, const char *state, uint32_t times, uint64_t takes_ms)
{
    struct live *live = impl;
    static const char *const words[] = {[WIRE_DISK_OK] = "ok",
                                        [WIRE_DISK_FAIL] = "fail",
                                        [WIRE_DISK_FULL] = "full",
                                        [WIRE_DISK_READ_ONLY] = "read-only"};

    if (takes_ms > 0) {
        hns_fail(live->run, NULL, "\"takes\" of a disk works in sim only");
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(words); i++) {
        if (strcmp(words[i], state) == 0) {
            wire_disk_set((enum wire_disk_state)i, times);
        }
    }
}

/* ---- stage ---------------------------------------------------------------------------------- */

static void unplug(void *impl)
{
    struct live *live = impl;

    end_agent(live->wire);
    hns_live_unplug(live);
}

static void free_stage(void *impl)
{
    wire_disk_folder(NULL);
    hns_live_free(impl); /* the wire begins with it */
    hns_shim_system();
}

static int set_wall(struct wire *wire, struct eca_err *err)
{
    const struct hns_node *wall = hns_run_world(wire->live.run, "wall", NULL);
    int64_t wall_ns = 0;

    wire->wall_base_ms = WALL_DEFAULT_MS;
    if (wall != NULL) {
        if (eca_time_rfc3339_parse(eca_view_str(wall->text), &wall_ns, err) < 0) {
            return ECA_E_INVALID;
        }
        wire->wall_base_ms = wall_ns / 1000000;
    }
    return ECA_OK;
}

int hns_wire_open(const struct hns_stage_opts *opts, struct hns_stage *ret_stage,
                  struct eca_err *err)
{
    static const struct eca_clock_ops clock_ops = {.mono_ns = mono_ns, .wall_ms = wall_ms};
    static const struct hns_stage_ops ops = {.agent_start = agent_start,
                                             .agent_kill = agent_kill,
                                             .agent_terminate = agent_terminate,
                                             .agent_record = agent_record,
                                             .agent_running = agent_running,
                                             .agent_env = hns_live_env,
                                             .turn = turn,
                                             .http = hns_live_http,
                                             .file_read = hns_live_file_read,
                                             .file_write = hns_live_file_write,
                                             .file_count = hns_live_file_count,
                                             .durable_text = hns_live_durable_text,
                                             .resources = resources,
                                             .clock_step = clock_step,
                                             .connections = hns_live_connections,
                                             .disk = disk,
                                             .doom = doom,
                                             .is_doomed = is_doomed,
                                             .unplug = unplug,
                                             .free = free_stage};
    struct wire *wire = eca_xalloc(sizeof(*wire));
    struct fake_base base = {0};

    wire->live.run = opts->run;
    wire->live.wire = wire;
    wire->live.clock = (struct eca_clock){&clock_ops, wire};
    sim_rng_init(&wire->agent_rng, opts->seed, 2);
    if (set_wall(wire, err) < 0) {
        eca_free(wire);
        return ECA_E_INVALID;
    }
    set_time(wire, UINT64_C(1000000000));
    if (hns_live_set_stage(&wire->live, opts, true, &base, err) < 0) {
        unplug(&wire->live);
        free_stage(&wire->live);
        return ECA_E_INTERNAL;
    }
    wire_disk_folder(wire->live.data_dir);
    *ret_stage = (struct hns_stage){
        .ops = &ops, .impl = &wire->live, .base = base, .relay = wire->live.relay};
    return ECA_OK;
}
