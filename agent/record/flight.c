#include "agent/record/flight.h"

#include "agent/base/mem.h"
#include "agent/record/mask.h"
#include "agent/record/record.h"

#define LOOK_AGAIN_MS 100 /* for a quiet moment, once a segment is half full */
#define FLUSH_MS 1000     /* a process that is killed takes no more than this with it */

struct eca_flight {
    struct eca_flight_opts opts;
    struct eca_mask mask;          /* of all segments: a secret of the last one may be repeated */
    struct eca_recorder *recorder; /* NULL: nothing was recorded since the core's start */
    struct eca_agent *agent;
    bool wanted, recording, ended;
    bool full;               /* nothing more fits into this segment */
    uint64_t switched_ns;    /* on, and no new core yet; 0 = no */
    uint64_t bytes, core_ns; /* of this segment; when the core began */
    struct eca_timer look, flush;
    struct eca_deferred change;
};

/* ---- segments ------------------------------------------------------------------------------- */

static void write_line(struct eca_flight *flight, struct eca_view line)
{
    flight->bytes += line.len + 1;
    if (flight->opts.segments.ops != NULL) {
        flight->opts.segments.ops->line(flight->opts.segments.impl, line);
        if (!eca_timer_is_armed(&flight->flush)) {
            eca_timer_start_ms(&flight->flush, FLUSH_MS);
        }
    }
}

static void flush(void *arg)
{
    struct eca_flight *flight = arg;

    flight->opts.segments.ops->flush(flight->opts.segments.impl);
}

/* The recorder stays before the core, and is silent. */
static void end_segment(struct eca_flight *flight, const char *why)
{
    if (!flight->recording) {
        return;
    }
    flight->recording = false;
    eca_recorder_stop(flight->recorder);
    if (why != NULL) {
        write_line(flight, eca_view_str(why));
    }
    eca_timer_stop(&flight->flush);
    if (flight->opts.segments.ops != NULL) {
        flight->opts.segments.ops->end(flight->opts.segments.impl);
    }
}

static void on_line(void *impl, struct eca_view line)
{
    struct eca_flight *flight = impl;
    uint64_t limit = flight->opts.segment_bytes;

    if (flight->full) {
        return;
    }
    if (limit > 0 && flight->bytes + line.len + 1 > limit) {
        flight->full = true; /* the recorder cannot be stopped inside its own line */
        eca_deferred_queue(&flight->change);
        return;
    }
    write_line(flight, line);
    if (limit > 0 && flight->bytes > limit / 2 && !eca_timer_is_armed(&flight->look)) {
        eca_timer_start_ms(&flight->look, LOOK_AGAIN_MS);
    }
}

static void begin_segment(struct eca_flight *flight, struct eca_agent_opts *agent_opts)
{
    struct eca_segments segments = flight->opts.segments;
    struct eca_err err = {0};

    flight->bytes = 0;
    flight->full = false;
    eca_mask_next_segment(&flight->mask);
    if (segments.ops != NULL && segments.ops->begin(segments.impl, &err) < 0) {
        flight->wanted = false;
        ECA_ERROR(flight->opts.agent.ports.log, NULL, ECA_NO_KV, "Nothing is recorded: %s",
                  err.msg);
        return;
    }
    flight->recorder = eca_recorder_new(&flight->opts.agent.ports, &flight->mask,
                                        (struct eca_record_sink){on_line, flight});
    eca_recorder_head(flight->recorder, agent_opts);
    agent_opts->ports = *eca_recorder_ports(flight->recorder);
    flight->recording = true;
}

/* ---- cores ---------------------------------------------------------------------------------- */

static void on_agent_exit(void *arg, int code)
{
    struct eca_flight *flight = arg;

    flight->ended = true;
    if (flight->recorder != NULL) {
        eca_recorder_exit(flight->recorder, code);
    }
    flight->opts.agent.on_exit(flight->opts.agent.arg, code);
}

static void enter(struct eca_flight *flight, const char *what, void (*fn)(struct eca_agent *agent))
{
    if (flight->recorder == NULL) {
        fn(flight->agent);
        return;
    }
    eca_recorder_enter(flight->recorder, what);
    fn(flight->agent);
    eca_recorder_leave(flight->recorder);
}

static void drop_core(struct eca_flight *flight, const char *why)
{
    end_segment(flight, why);
    eca_agent_free(eca_take(flight->agent));
    eca_recorder_free(eca_take(flight->recorder));
}

void eca_flight_start(struct eca_flight *flight)
{
    struct eca_agent_opts agent_opts = flight->opts.agent;

    agent_opts.on_exit = on_agent_exit;
    agent_opts.arg = flight;
    flight->switched_ns = 0;
    flight->core_ns = eca_sched_now_ns(agent_opts.ports.sched);
    if (flight->wanted) {
        begin_segment(flight, &agent_opts);
    }
    flight->agent = eca_agent_new(&agent_opts);
    enter(flight, "start", eca_agent_start);
}

void eca_flight_terminate(struct eca_flight *flight)
{
    enter(flight, "terminate", eca_agent_terminate);
}

/* ---- changes -------------------------------------------------------------------------------- */

/* Never of an agent that ends: the next one would not know that it was to. */
static bool may_replace(const struct eca_flight *flight)
{
    return !flight->ended && !eca_agent_is_ending(flight->agent);
}

static void replace_core(struct eca_flight *flight)
{
    eca_timer_stop(&flight->look);
    eca_deferred_cancel(&flight->change);
    drop_core(flight, "{\"end\":\"the next segment follows\"}");
    eca_flight_start(flight);
}

/* A full segment: the next one begins when this core has lived long enough. */
static void end_full(struct eca_flight *flight)
{
    uint64_t from = flight->core_ns + ECA_FLIGHT_PAUSE_NS;

    if (may_replace(flight) && eca_sched_now_ns(flight->opts.agent.ports.sched) >= from) {
        replace_core(flight);
        return;
    }
    end_segment(flight, "{\"end\":\"the segment is full, the next one follows later\"}");
    eca_timer_start_at(&flight->look, from);
}

/* From the loop, never inside the core. */
static void change(void *arg)
{
    struct eca_flight *flight = arg;

    if (flight->ended || flight->agent == NULL) {
        return;
    }
    if (!flight->wanted) {
        eca_timer_stop(&flight->look);
        end_segment(flight, "{\"end\":\"switched off\"}");
    } else if (flight->full) {
        end_full(flight);
    }
}

static void look(void *arg)
{
    struct eca_flight *flight = arg;
    uint64_t now_ns = eca_sched_now_ns(flight->opts.agent.ports.sched);
    uint64_t from = flight->core_ns + ECA_FLIGHT_PAUSE_NS;
    bool must;

    if (!may_replace(flight) || !flight->wanted) {
        return;
    }
    if (flight->switched_ns == 0 && now_ns < from) {
        eca_timer_start_at(&flight->look, from);
        return;
    }
    must = flight->switched_ns == 0 ? flight->full
                                    : now_ns >= flight->switched_ns + ECA_FLIGHT_PATIENCE_NS;
    if (must || eca_agent_is_quiet(flight->agent)) {
        replace_core(flight);
    } else {
        eca_timer_start_ms(&flight->look, LOOK_AGAIN_MS);
    }
}

void eca_flight_record(struct eca_flight *flight, bool on)
{
    if (flight->wanted == on) {
        return;
    }
    flight->wanted = on;
    flight->full = false;
    flight->switched_ns = on ? eca_sched_now_ns(flight->opts.agent.ports.sched) : 0;
    if (on) {
        eca_timer_start(&flight->look, 0);
    } else {
        eca_deferred_queue(&flight->change);
    }
}

bool eca_flight_recording(const struct eca_flight *flight)
{
    return flight->wanted;
}

struct eca_agent *eca_flight_agent(struct eca_flight *flight)
{
    return flight->agent;
}

struct eca_flight *eca_flight_new(const struct eca_flight_opts *opts)
{
    struct eca_flight *flight = eca_xalloc(sizeof(*flight));

    flight->opts = *opts;
    flight->wanted = opts->record;
    eca_mask_init(&flight->mask);
    eca_timer_init(&flight->look, opts->agent.ports.sched, look, flight);
    eca_timer_init(&flight->flush, opts->agent.ports.sched, flush, flight);
    eca_deferred_init(&flight->change, opts->agent.ports.sched, change, flight);
    return flight;
}

void eca_flight_free(struct eca_flight *flight)
{
    if (flight == NULL) {
        return;
    }
    eca_timer_stop(&flight->look);
    eca_deferred_cancel(&flight->change);
    drop_core(flight, NULL);
    eca_mask_clear(&flight->mask);
    eca_free(flight);
}
