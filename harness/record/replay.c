#include "harness/record/replay.h"

#include <string.h>

#include "agent/base/mem.h"
#include "harness/record/replay_inside.h"
#include "harness/scenario/match.h"

#define LINE_SHOWN 600

/* ---- lines ---------------------------------------------------------------------------------- */

static bool stopped(const struct replay *replay)
{
    return replay->broken || replay->result->diverged;
}

void hns_replay_diverge(struct replay *replay, const char *core, struct eca_view core_line)
{
    struct eca_buf *out = &replay->result->text;
    struct eca_view recorded = replay->at < replay->recording.count
                                   ? replay->recording.lines[replay->at]
                                   : eca_view_str("(the recording ends here)");

    if (stopped(replay)) {
        return;
    }
    replay->result->diverged = true;
    eca_buf_addf(out, "%s:%zu: divergence at %.3f s\n  recorded: %.*s\n  %s%.*s\n",
                 replay->recording.file, replay->at + 1,
                 (double)(replay->mono_ns - replay->first_ns) / 1e9,
                 (int)(recorded.len < LINE_SHOWN ? recorded.len : LINE_SHOWN), recorded.at, core,
                 (int)(core_line.len < LINE_SHOWN ? core_line.len : LINE_SHOWN), core_line.at);
}

/* The body of a call or an answer when it is JSON; NULL. */
static struct eca_json_doc *body_of(struct eca_view text)
{
    eca_auto_json struct eca_json_doc *line = NULL;
    eca_auto_buf struct eca_buf body = {0};
    struct eca_json_doc *doc = NULL;

    if (eca_json_parse(text, &line, NULL) == ECA_OK &&
        hns_line_bytes(eca_json_root(line), "body", &body)) {
        (void)eca_json_parse(eca_buf_view(&body), &doc, NULL);
    }
    return doc;
}

/* Bodies first: a signed request with another body has another signature, too, and that stands
 * before it. */
static bool show_body_difference(struct replay *replay, struct eca_view recorded,
                                 struct eca_view core)
{
    eca_auto_json struct eca_json_doc *was = body_of(recorded), *is = body_of(core);
    eca_auto_buf struct eca_buf text = {0};

    if (was == NULL || is == NULL) {
        return false;
    }
    hns_value_difference("the core's body", eca_json_root(was), eca_json_root(is), &text);
    if (text.len == 0) { /* a member that the recorded one does not have */
        hns_value_difference("the recorded body", eca_json_root(is), eca_json_root(was), &text);
    }
    if (text.len > 0) {
        eca_buf_addf(&replay->result->text, "  they differ: %.600s\n", eca_buf_str(&text));
    }
    return text.len > 0;
}

/* The first member of the bodies that differs, else the first byte of the lines, with its
 * surroundings. */
static void show_difference(struct replay *replay, struct eca_view recorded, struct eca_view core)
{
    size_t at = 0, from;

    if (show_body_difference(replay, recorded, core)) {
        return;
    }

    while (at < recorded.len && at < core.len && recorded.at[at] == core.at[at]) {
        at++;
    }
    from = at < 60 ? 0 : at - 60;
    recorded = eca_view_sub(recorded, from, 160);
    core = eca_view_sub(core, from, 160);
    eca_buf_addf(&replay->result->text,
                 "  they differ from byte %zu on:\n    recorded: ...%.*s\n    core:     ...%.*s\n",
                 at, (int)recorded.len, recorded.at, (int)core.len, core.at);
}

static void on_line(void *impl, struct eca_view line)
{
    struct replay *replay = impl;
    struct eca_view recorded;

    if (stopped(replay)) {
        return;
    }
    if (replay->at >= replay->recording.count) {
        return; /* the recording was cut inside an entry */
    }
    recorded = replay->recording.lines[replay->at];
    if (eca_view_starts(recorded, "{\"end\":")) {
        replay->at = replay->recording.count; /* it reached its limit inside an entry */
        return;
    }
    if (!hns_build_fits(&replay->build, recorded, line)) {
        hns_replay_diverge(replay, "core:     ", line);
        show_difference(replay, recorded, line);
        return;
    }
    replay->at++;
    replay->result->lines++;
}

eca_json hns_replay_peek(struct replay *replay)
{
    eca_json_free(eca_take(replay->peeked));
    if (stopped(replay) || replay->at >= replay->recording.count) {
        return NULL;
    }
    if (hns_recording_line(&replay->recording, replay->at, &replay->peeked, replay->err) < 0) {
        replay->broken = true;
        return NULL;
    }
    return eca_json_root(replay->peeked);
}

eca_json hns_replay_peek_query(struct replay *replay, const char *name)
{
    eca_json line = hns_replay_peek(replay);
    const char *query = NULL;

    (void)eca_json_read_str(line, "", "query", &query, NULL);
    return query != NULL && strcmp(query, name) == 0 ? line : NULL;
}

const char *hns_replay_keep(struct replay *replay, const char *text)
{
    char *kept;

    if (text == NULL) {
        return NULL;
    }
    kept = eca_map_get(replay->kept, text);
    if (kept == NULL) {
        kept = eca_xstrdup(text);
        (void)eca_map_put(replay->kept, text, kept);
    }
    return kept;
}

int hns_replay_answer(eca_json line, struct eca_err *err)
{
    struct eca_err answer;

    hns_line_err(line, "answer", &answer);
    if (answer.code != ECA_OK && err != NULL) {
        *err = answer;
    }
    return answer.code;
}

/* ---- inputs --------------------------------------------------------------------------------- */

static void play_word(struct replay *replay, const char *what)
{
    eca_recorder_enter(replay->recorder, what);
    if (strcmp(what, "start") == 0) {
        eca_agent_start(replay->agent);
    } else {
        eca_agent_terminate(replay->agent);
    }
    eca_recorder_leave(replay->recorder);
}

/* One entry into the core, and everything that it does inside. */
static void play(struct replay *replay, eca_json line)
{
    eca_auto_json struct eca_json_doc *doc =
        eca_take(replay->peeked); /* the core asks for others */
    const char *what = hns_line_text(line, "in");
    size_t before = replay->at;

    (void)doc;
    if (what == NULL) {
        hns_replay_diverge(replay, "core:     did nothing more", ECA_VIEW_NONE);
        return;
    }
    if (eca_json_get(line, "at") != NULL) { /* or it is the time of the line before */
        int64_t at = hns_line_number(line, "at");

        if (at < 0 || (uint64_t)at < replay->mono_ns) { /* members in another order than ours */
            replay->broken = true;
            (void)eca_err_set(replay->err, ECA_E_INVALID,
                              "%s:%zu: its time is no number of a clock", replay->recording.file,
                              replay->at);
            return;
        }
        replay->mono_ns = (uint64_t)at;
        replay->wall_ms = hns_line_number(line, "wall");
    }
    replay->first_ns = replay->first_ns == 0 ? replay->mono_ns : replay->first_ns;
    eca_sched_update_now(replay->sched);
    if (strcmp(what, "turn") == 0) {
        (void)eca_sched_run(replay->sched);
    } else if (strncmp(what, "http.", 5) == 0) {
        hns_replay_http_play(replay, what, line);
    } else if (strcmp(what, "file.end") == 0) {
        hns_replay_files_play(replay, line);
    } else if (strncmp(what, "channel.", 8) == 0) {
        hns_replay_channel_play(replay, what, line);
    } else if (strcmp(what, "request") == 0) {
        hns_replay_endpoint_play(replay, line);
    } else if (strcmp(what, "committed") == 0) {
        hns_replay_store_play(replay, line);
    } else if (strcmp(what, "start") == 0 || strcmp(what, "terminate") == 0) {
        play_word(replay, what);
    } else {
        replay->broken = true;
        (void)eca_err_set(replay->err, ECA_E_INVALID, "%s:%zu: unknown input \"%s\"",
                          replay->recording.file, replay->at + 1, what);
        return;
    }
    if (replay->at == before && !stopped(replay)) {
        hns_replay_diverge(replay, "core:     did not come to this", ECA_VIEW_NONE);
    }
}

/* ---- the run -------------------------------------------------------------------------------- */

static uint64_t mono_ns(void *impl)
{
    return ((struct replay *)impl)->mono_ns;
}

static int64_t wall_ms(void *impl)
{
    return ((struct replay *)impl)->wall_ms;
}

static void no_log(void *arg, enum eca_log_level level, int64_t at_ms, struct eca_view line)
{
    (void)arg;
    (void)level;
    (void)at_ms;
    (void)line;
}

static void on_exit_wanted(void *arg, int code)
{
    struct replay *replay = arg;

    eca_recorder_exit(replay->recorder, code);
    replay->agent_ended = true;
}

static int read_head(struct replay *replay, struct eca_agent_opts *ret_opts, struct eca_err *err)
{
    eca_json head = hns_replay_peek(replay);

    if (replay->recording.outside) {
        return eca_err_set(err, ECA_E_INVALID,
                           "%s: recorded from outside, there is no core to replay; harness export "
                           "makes a scenario of it",
                           replay->recording.file);
    }
    replay->build = hns_build_of(head);
    ret_opts->insecure = hns_line_truth(head, "insecure");
    ret_opts->blackhole_metadata = hns_line_truth(head, "blackhole_metadata");
    ret_opts->plain_channel = hns_line_truth(head, "plain_channel");
    ret_opts->log_level = hns_replay_keep(replay, hns_line_text(head, "log_level"));
    replay->at = 1; /* another version is a divergence only where it does something else */
    return ECA_OK;
}

static struct eca_agent_ports ports_of(struct replay *replay)
{
    return (struct eca_agent_ports){.sched = replay->sched,
                                    .entropy = hns_replay_entropy(replay),
                                    .http = hns_replay_http(replay),
                                    .files = hns_replay_files(replay),
                                    .channel = hns_replay_channel(replay),
                                    .endpoint = hns_replay_endpoint(replay),
                                    .store = hns_replay_store(replay),
                                    .host = hns_replay_host(replay),
                                    .log = &replay->log};
}

static void play_all(struct replay *replay, struct eca_agent_opts *opts)
{
    struct eca_agent_ports ports = ports_of(replay);
    struct eca_mask mask;
    eca_json line = NULL;

    eca_mask_init(&mask);
    replay->recorder = eca_recorder_new(&ports, &mask, (struct eca_record_sink){on_line, replay});
    opts->ports = *eca_recorder_ports(replay->recorder);
    opts->on_exit = on_exit_wanted;
    opts->arg = replay;
    replay->agent = eca_agent_new(opts);
    while (!replay->agent_ended && (line = hns_replay_peek(replay)) != NULL &&
           hns_line_text(line, "end") == NULL) {
        play(replay, line);
    }
    replay->result->ended = replay->agent_ended;
    replay->result->complete = !replay->agent_ended && line != NULL;
    replay->result->cut_line = replay->recording.cut ? replay->recording.count + 1 : 0;
    replay->result->duration_ns = replay->mono_ns - replay->first_ns;
    replay->at = replay->recording.count; /* what the end closes is not compared */
    eca_agent_free(replay->agent);
    eca_recorder_free(replay->recorder);
    eca_mask_clear(&mask);
}

int hns_replay(const char *file, struct hns_replay_result *ret_result, struct eca_err *err)
{
    static const struct eca_clock_ops clock_ops = {mono_ns, wall_ms};
    struct eca_err failure = {0};
    struct replay replay = {.result = ret_result,
                            .err = &failure,
                            .log = {.level = ECA_LOG_CRIT, .sink = no_log},
                            .kept = eca_map_new()};
    struct eca_agent_opts opts = {0};
    size_t cursor = 0;
    void *kept;

    *ret_result = (struct hns_replay_result){0};
    replay.sched = eca_sched_new((struct eca_clock){&clock_ops, &replay});
    eca_list_init(&replay.open_calls);
    eca_list_init(&replay.open_conns);
    eca_list_init(&replay.open_listeners);
    eca_list_init(&replay.open_files);
    if (hns_recording_read(file, &replay.recording, &failure) == ECA_OK &&
        read_head(&replay, &opts, &failure) == ECA_OK) {
        play_all(&replay, &opts);
    }
    hns_replay_http_drop(&replay);
    hns_replay_channel_drop(&replay);
    hns_replay_endpoint_drop(&replay);
    hns_replay_files_drop(&replay);
    eca_json_free(replay.peeked);
    eca_sched_free(replay.sched);
    hns_recording_clear(&replay.recording);
    while (eca_map_next(replay.kept, &cursor, NULL, &kept)) {
        eca_free(kept);
    }
    eca_map_free(replay.kept);
    if (failure.code != ECA_OK && err != NULL) {
        *err = failure;
    }
    return failure.code;
}

void hns_replay_result_clear(struct hns_replay_result *result)
{
    eca_buf_clear(&result->text);
}
