#include "fakes/carry/trace.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>

#include "agent/base/map.h"
#include "agent/base/mem.h"

#define LISTENERS_MAX 32

struct fake_trace {
    struct eca_sched *sched;
    uint64_t start_ns;
    struct fake_event **events; /* stable addresses: listeners and checks keep pointers */
    size_t count, cap;
    size_t violations;
    struct eca_map *names; /* arn -> owned name */
    struct {
        fake_trace_fn *fn;
        void *arg;
    } listeners[LISTENERS_MAX];
    size_t listener_count;
};

static const char *const lane_names[FAKE_LANES] = {
    [FAKE_LANE_SCENARIO] = "scenario", [FAKE_LANE_ACS] = "acs",
    [FAKE_LANE_TCS] = "tcs",           [FAKE_LANE_ECS] = "ecs",
    [FAKE_LANE_ECR] = "ecr",           [FAKE_LANE_METADATA] = "metadata",
    [FAKE_LANE_AGENT] = "agent",       [FAKE_LANE_DOCKER] = "docker",
    [FAKE_LANE_UPDATES] = "updates",
};

const char *fake_lane_name(enum fake_lane lane)
{
    assert(lane < FAKE_LANES);
    return lane_names[lane];
}

bool fake_lane_parse(struct eca_view name, enum fake_lane *ret_lane)
{
    for (size_t i = 0; i < FAKE_LANES; i++) {
        if (eca_view_eq_str(name, lane_names[i])) {
            *ret_lane = (enum fake_lane)i;
            return true;
        }
    }
    return false;
}

struct fake_trace *fake_trace_new(struct eca_sched *sched)
{
    struct fake_trace *trace = eca_xalloc(sizeof(*trace));

    trace->sched = sched;
    trace->start_ns = eca_sched_now_ns(sched);
    trace->names = eca_map_new();
    return trace;
}

void fake_trace_free(struct fake_trace *trace)
{
    size_t cursor = 0;
    const char *key;
    void *name;

    if (trace == NULL) {
        return;
    }
    for (size_t i = 0; i < trace->count; i++) {
        eca_free((void *)(uintptr_t)trace->events[i]->name);
        eca_free((void *)(uintptr_t)trace->events[i]->fields);
        eca_free(trace->events[i]);
    }
    eca_free(trace->events);
    while (eca_map_next(trace->names, &cursor, &key, &name)) {
        eca_free(name);
    }
    eca_map_free(trace->names);
    eca_free(trace);
}

uint64_t fake_trace_add(struct fake_trace *trace, enum fake_lane lane, const char *name,
                        const char *fields_json)
{
    struct fake_event *event;

    assert(lane < FAKE_LANES);
    if (trace->count == FAKE_TRACE_EVENTS_MAX) {
        return 0; /* a run this long is judged by what happened so far */
    }
    if (trace->count == trace->cap) {
        trace->cap = trace->cap == 0 ? 256 : trace->cap * 2;
        trace->events = eca_xrealloc_array(trace->events, trace->cap, sizeof(struct fake_event *));
    }
    event = eca_xalloc(sizeof(*event));
    event->seq = trace->count + 1;
    event->at_ns = eca_sched_now_ns(trace->sched) - trace->start_ns;
    event->lane = lane;
    event->name = eca_xstrdup(name);
    event->fields = eca_xstrdup(fields_json == NULL ? "{}" : fields_json);
    event->cause = eca_sched_cause(trace->sched);
    trace->events[trace->count++] = event;
    eca_sched_set_cause(trace->sched, event->seq); /* what comes of this moment is its effect */
    for (size_t i = 0; i < trace->listener_count; i++) {
        trace->listeners[i].fn(trace->listeners[i].arg, event);
    }
    return event->seq;
}

uint64_t fake_trace_addv(struct fake_trace *trace, enum fake_lane lane, const char *name, ...)
{
    eca_auto_buf struct eca_buf fields = {0};
    struct eca_json_writer w = eca_json_writer_to(&fields);
    const char *key;
    va_list args;

    eca_jw_object(&w, NULL);
    va_start(args, name);
    while ((key = va_arg(args, const char *)) != NULL) {
        eca_jw_str(&w, key, va_arg(args, const char *));
    }
    va_end(args);
    eca_jw_end_object(&w);
    return fake_trace_add(trace, lane, name, eca_buf_str(&fields));
}

uint64_t fake_trace_violation(struct fake_trace *trace, enum fake_lane lane, const char *rule,
                              const char *fmt, ...)
{
    eca_auto_buf struct eca_buf detail = {0};
    va_list args;

    va_start(args, fmt);
    eca_buf_vaddf(&detail, fmt, args);
    va_end(args);
    trace->violations++;
    return fake_trace_addv(trace, lane, "violation", "rule", rule, "detail", eca_buf_str(&detail),
                           NULL);
}

size_t fake_trace_violations(const struct fake_trace *trace)
{
    return trace->violations;
}

void fake_trace_name(struct fake_trace *trace, const char *arn, const char *name)
{
    eca_free(eca_map_put(trace->names, arn, eca_xstrdup(name)));
}

const char *fake_trace_name_of(const struct fake_trace *trace, const char *arn)
{
    const char *name, *slash;

    if (arn == NULL) {
        return "";
    }
    name = eca_map_get(trace->names, arn);
    if (name != NULL) {
        return name;
    }
    slash = strrchr(arn, '/');
    return slash == NULL ? arn : slash + 1;
}

void fake_trace_listen(struct fake_trace *trace, fake_trace_fn *fn, void *arg)
{
    assert(trace->listener_count < LISTENERS_MAX);
    trace->listeners[trace->listener_count].fn = fn;
    trace->listeners[trace->listener_count++].arg = arg;
}

void fake_trace_unlisten(struct fake_trace *trace, fake_trace_fn *fn, void *arg)
{
    for (size_t i = 0; i < trace->listener_count; i++) {
        if (trace->listeners[i].fn == fn && trace->listeners[i].arg == arg) {
            memmove(&trace->listeners[i], &trace->listeners[i + 1],
                    (trace->listener_count - i - 1) * sizeof(trace->listeners[0]));
            trace->listener_count--;
            return;
        }
    }
}

size_t fake_trace_count(const struct fake_trace *trace)
{
    return trace->count;
}

const struct fake_event *fake_trace_at(const struct fake_trace *trace, size_t index)
{
    assert(index < trace->count);
    return trace->events[index];
}

void fake_trace_hash(const struct fake_trace *trace, char ret_hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    eca_auto_buf struct eca_buf line = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < trace->count; i++) {
        const struct fake_event *event = trace->events[i];

        if (event->lane == FAKE_LANE_AGENT && strcmp(event->name, "resources") == 0) {
            continue; /* what memory a process takes is not the same twice */
        }
        eca_buf_reset(&line);
        eca_buf_addf(&line, "%" PRIu64 " %s %s %s\n", event->at_ns, lane_names[event->lane],
                     event->name, event->fields);
        assert(EVP_DigestUpdate(ctx, line.at, line.len) == 1);
    }
    assert(EVP_DigestFinal_ex(ctx, digest, &len) == 1 && len == 32);
    EVP_MD_CTX_free(ctx);
    for (size_t i = 0; i < 32; i++) {
        static const char hex[] = "0123456789abcdef";
        ret_hex[2 * i] = hex[digest[i] >> 4];
        ret_hex[2 * i + 1] = hex[digest[i] & 15];
    }
    ret_hex[64] = '\0';
}
