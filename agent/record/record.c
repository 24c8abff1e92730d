#include "agent/record/record_inside.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/version.h"

void eca_rec_open_in(struct eca_rec_line *line, struct eca_recorder *recorder, struct eca_buf *text,
                     const char *kind, const char *name)
{
    *line = (struct eca_rec_line){
        .recorder = recorder,
        .w = {.out = recorder->stopped ? NULL : text, .mask = recorder->mask}};
    eca_line_open(&line->w, kind, name);
}

void eca_rec_open(struct eca_rec_line *line, struct eca_recorder *recorder, const char *kind,
                  const char *name)
{
    assert(!recorder->in_line);
    recorder->in_line = true;
    eca_rec_open_in(line, recorder, &recorder->text, kind, name);
}

void eca_rec_close(struct eca_rec_line *line)
{
    struct eca_recorder *recorder = line->recorder;

    eca_line_close(&line->w);
    if (line->w.out != NULL) {
        recorder->sink.line(recorder->sink.impl, eca_buf_view(line->w.out));
    }
    recorder->in_line = recorder->in_line && line->w.out != NULL && line->w.out != &recorder->text;
}

void eca_rec_headers(struct eca_rec_line *line, const struct eca_http_header *headers, size_t count)
{
    eca_line_array(&line->w, "headers");
    for (size_t i = 0; i < count; i++) {
        struct eca_view name = eca_view_of(headers[i].name, strlen(headers[i].name));
        const char *value = headers[i].value;

        if (eca_mask_is_secret_header(name)) {
            value = ECA_MASK_HEADER;
        }
        eca_line_pair(&line->w, name, eca_view_of(value, strlen(value)));
    }
    eca_line_end_array(&line->w);
}

void eca_rec_err(struct eca_rec_line *line, const char *key, const struct eca_err *err)
{
    if (err == NULL || err->code == ECA_OK) {
        return;
    }
    eca_line_object(&line->w, key);
    eca_line_i64(&line->w, "code", err->code);
    eca_line_i64(&line->w, "sys", err->sys);
    eca_line_i64(&line->w, "http", err->http_status);
    eca_line_text(&line->w, "msg", err->msg);
    eca_line_end_object(&line->w);
}

/* What a call answered at once; nothing when it went well. */
void eca_rec_answer(struct eca_rec_line *line, int rc, const struct eca_err *err)
{
    struct eca_err answer = {.code = (enum eca_code)rc};

    if (rc >= 0) {
        return;
    }
    if (err != NULL && err->code == (enum eca_code)rc) {
        answer = *err;
    }
    eca_rec_err(line, "answer", &answer);
}

/* ---- entries -----------------------------------------------------------------------------------
 */

static uint64_t core_mono_ns(void *impl)
{
    return ((struct eca_recorder *)impl)->mono_ns;
}

static int64_t core_wall_ms(void *impl)
{
    return ((struct eca_recorder *)impl)->wall_ms;
}

void eca_rec_enter(struct eca_recorder *recorder, struct eca_rec_line *line, const char *what)
{
    recorder->mono_ns = eca_sched_now_ns(recorder->outer.sched);
    recorder->wall_ms = eca_sched_wall_ms(recorder->outer.sched);
    eca_sched_update_now(recorder->sched);
    recorder->depth++;
    eca_rec_open(line, recorder, "in", what);
    if (recorder->mono_ns != recorder->told_ns || recorder->wall_ms != recorder->told_ms) {
        recorder->told_ns = recorder->mono_ns;
        recorder->told_ms = recorder->wall_ms;
        eca_line_u64(&line->w, "at", recorder->mono_ns);
        eca_line_i64(&line->w, "wall", recorder->wall_ms);
    }
}

/* The core may be gone from here on. */
void eca_rec_leave(struct eca_recorder *recorder)
{
    uint64_t deadline;

    assert(recorder->depth > 0);
    recorder->depth--;
    if (recorder->depth > 0) {
        return;
    }
    /* One of the two at most: a run of the outer scheduler is one round of the core. */
    eca_timer_stop(&recorder->due);
    eca_deferred_cancel(&recorder->more);
    if (!eca_sched_next_deadline(recorder->sched, &deadline)) {
        return;
    }
    if (deadline <= recorder->mono_ns) {
        eca_deferred_queue(&recorder->more);
    } else {
        eca_timer_start_at(&recorder->due, deadline);
    }
}

static void run_round(void *arg)
{
    struct eca_recorder *recorder = arg;
    struct eca_rec_line line;

    eca_rec_enter(recorder, &line, "turn");
    eca_rec_close(&line);
    (void)eca_sched_run(recorder->sched);
    eca_rec_leave(recorder);
}

void eca_recorder_enter(struct eca_recorder *recorder, const char *what)
{
    struct eca_rec_line line;

    eca_rec_enter(recorder, &line, what);
    eca_rec_close(&line);
}

void eca_recorder_leave(struct eca_recorder *recorder)
{
    eca_rec_leave(recorder);
}

void eca_recorder_stop(struct eca_recorder *recorder)
{
    recorder->stopped = true;
}

void eca_recorder_exit(struct eca_recorder *recorder, int code)
{
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "out", "exit");
    eca_line_i64(&line.w, "code", code);
    eca_rec_close(&line);
}

/* ---- recorder ----------------------------------------------------------------------------------
 */

void eca_recorder_head(struct eca_recorder *recorder, const struct eca_agent_opts *opts)
{
    struct eca_rec_line line;

    eca_rec_open(&line, recorder, "recording", ECA_RECORDING_FLIGHT);
    eca_line_u64(&line.w, "format", ECA_RECORDING_FORMAT);
    eca_line_plain(&line.w, "version", eca_version_text);
    eca_line_bool(&line.w, "insecure", opts->insecure);
    eca_line_bool(&line.w, "blackhole_metadata", opts->blackhole_metadata);
    eca_line_bool(&line.w, "plain_channel", opts->plain_channel);
    eca_line_text(&line.w, "log_level", opts->log_level);
    eca_rec_close(&line);
}

static void make_ports(struct eca_recorder *recorder)
{
    recorder->ports = (struct eca_agent_ports){.sched = recorder->sched,
                                               .entropy = eca_rec_entropy(recorder),
                                               .http = eca_rec_http(recorder),
                                               .files = eca_rec_files(recorder),
                                               .channel = eca_rec_channel(recorder),
                                               .endpoint = eca_rec_endpoint(recorder),
                                               .store = eca_rec_store(recorder),
                                               .host = eca_rec_host(recorder),
                                               .audit = recorder->outer.audit,
                                               .log = recorder->outer.log};
}

struct eca_recorder *eca_recorder_new(const struct eca_agent_ports *outer, struct eca_mask *mask,
                                      struct eca_record_sink sink)
{
    static const struct eca_clock_ops clock_ops = {core_mono_ns, core_wall_ms};
    struct eca_recorder *recorder = eca_xalloc(sizeof(*recorder));

    recorder->outer = *outer;
    recorder->sink = sink;
    recorder->mask = mask;
    recorder->mono_ns = eca_sched_now_ns(outer->sched);
    recorder->wall_ms = eca_sched_wall_ms(outer->sched);
    recorder->sched = eca_sched_new((struct eca_clock){&clock_ops, recorder});
    eca_timer_init(&recorder->due, outer->sched, run_round, recorder);
    eca_deferred_init(&recorder->more, outer->sched, run_round, recorder);
    eca_list_init(&recorder->spare_calls);
    eca_list_init(&recorder->open_calls);
    eca_list_init(&recorder->open_conns);
    eca_list_init(&recorder->open_listeners);
    eca_list_init(&recorder->open_files);
    make_ports(recorder);
    return recorder;
}

void eca_recorder_free(struct eca_recorder *recorder)
{
    if (recorder == NULL) {
        return;
    }
    eca_rec_http_drop(recorder);
    eca_rec_channel_drop(recorder);
    eca_rec_endpoint_drop(recorder);
    eca_rec_files_drop(recorder);
    eca_timer_stop(&recorder->due);
    eca_deferred_cancel(&recorder->more);
    eca_sched_free(recorder->sched);
    eca_buf_clear(&recorder->text);
    eca_free(recorder->socket);
    eca_free(recorder);
}

const struct eca_agent_ports *eca_recorder_ports(struct eca_recorder *recorder)
{
    return &recorder->ports;
}
