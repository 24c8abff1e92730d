#include "harness/record/replay.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/json.h"
#include "agent/base/list.h"
#include "agent/base/map.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/record/record.h"
#include "harness/record/build.h"
#include "harness/record/lines.h"

#define HEADERS_MAX 64
#define LINE_SHOWN 600
#define PIECE_BYTES_MAX (INT64_C(64) << 20) /* of a download, handed out at once */

/* A call of the core, answered by later lines. */
struct eca_http_call {
    struct eca_list_node node;
    uint64_t number;
    struct eca_http_events events;
    void *arg;
    bool is_ending, is_canceled;
};

struct eca_files_op {
    struct eca_list_node node;
    uint64_t number;
    eca_files_fn *on_end;
    void *arg;
};

struct eca_channel_conn {
    struct eca_list_node node;
    uint64_t number;
    struct eca_channel_events events;
    void *arg;
};

struct eca_listener {
    struct eca_list_node node;
    uint64_t number;
    eca_endpoint_fn *handler;
    void *arg;
};

struct replay {
    struct hns_recording recording;
    struct hns_build build; /* that made it */
    size_t at;              /* the next line to come */
    struct hns_replay_result *result;
    struct eca_err *err;
    bool broken; /* a line cannot be read */
    uint64_t mono_ns, first_ns;
    int64_t wall_ms;
    struct eca_sched *sched;
    struct eca_log log;
    struct eca_recorder *recorder;
    struct eca_agent *agent;
    bool agent_ended;
    uint64_t calls, conns, listeners, files;
    struct eca_list open_calls, open_conns, open_listeners, open_files;
    eca_committed_fn *on_committed;
    void *committed_arg;
    struct eca_json_doc *peeked; /* of line `at` */
    struct eca_map *kept;        /* texts that the core borrows: text -> owned text */
};

/* ---- lines ---------------------------------------------------------------------------------- */

static bool stopped(const struct replay *replay)
{
    return replay->broken || replay->result->diverged;
}

static void diverge(struct replay *replay, const char *core, struct eca_view core_line)
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

/* The first byte where two lines differ, shown with its surroundings when the lines are long. */
static void show_difference(struct replay *replay, struct eca_view recorded, struct eca_view core)
{
    size_t at = 0, from;

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
        diverge(replay, "core:     ", line);
        show_difference(replay, recorded, line);
        return;
    }
    replay->at++;
    replay->result->lines++;
}

/* The next line as JSON; lives until the next call. NULL at the end or when it cannot be read. */
static eca_json peek(struct replay *replay)
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

/* The next line if it is this query; otherwise the recorder's line will not fit, and say so. */
static eca_json peek_query(struct replay *replay, const char *name)
{
    eca_json line = peek(replay);
    const char *query = NULL;

    (void)eca_json_read_str(line, "", "query", &query, NULL);
    return query != NULL && strcmp(query, name) == 0 ? line : NULL;
}

static const char *keep(struct replay *replay, const char *text)
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

/* What the recorded call answered at once. */
static int answer_of(eca_json line, struct eca_err *err)
{
    struct eca_err answer;

    hns_line_err(line, "answer", &answer);
    if (answer.code != ECA_OK && err != NULL) {
        *err = answer;
    }
    return answer.code;
}

/* ---- ports: answers of the recording --------------------------------------------------------- */

static int http_start(void *impl, const struct eca_http_opts *opts,
                      const struct eca_http_events *events, void *arg,
                      struct eca_http_call **ret_call, struct eca_err *err)
{
    struct replay *replay = impl;
    struct eca_http_call *call;
    int rc = answer_of(peek(replay), err);

    (void)opts;
    replay->calls++;
    if (rc < 0) {
        return rc;
    }
    call = eca_xalloc(sizeof(*call));
    *call = (struct eca_http_call){.number = replay->calls, .events = *events, .arg = arg};
    eca_list_push_back(&replay->open_calls, &call->node);
    *ret_call = call;
    return ECA_OK;
}

static void http_cancel(void *impl, struct eca_http_call *call)
{
    struct replay *replay = impl;

    if (call->is_ending) {
        call->is_canceled = true;
        return;
    }
    eca_list_remove(&replay->open_calls, &call->node);
    eca_free(call);
}

static int file_begin(struct replay *replay, eca_files_fn *on_end, void *arg,
                      struct eca_files_op **ret_op, struct eca_err *err)
{
    struct eca_files_op *op;
    int rc = answer_of(peek(replay), err);

    replay->files++;
    if (rc < 0) {
        return rc;
    }
    op = eca_xalloc(sizeof(*op));
    *op = (struct eca_files_op){.number = replay->files, .on_end = on_end, .arg = arg};
    eca_list_push_back(&replay->open_files, &op->node);
    *ret_op = op;
    return ECA_OK;
}

static int files_create(void *impl, const char *dir, const char *name, eca_files_fn *on_end,
                        void *arg, struct eca_files_op **ret_op, struct eca_err *err)
{
    (void)dir;
    (void)name;
    return file_begin(impl, on_end, arg, ret_op, err);
}

static int files_write(void *impl, struct eca_files_op *op, struct eca_view bytes,
                       struct eca_err *err)
{
    (void)op;
    (void)bytes;
    return answer_of(peek(impl), err);
}

static void files_finish(void *impl, struct eca_files_op *op)
{
    (void)impl;
    (void)op; /* its end is a line of its own */
}

static int files_replace(void *impl, const char *dir, const char *name, struct eca_view text,
                         eca_files_fn *on_end, void *arg, struct eca_files_op **ret_op,
                         struct eca_err *err)
{
    (void)dir;
    (void)name;
    (void)text;
    return file_begin(impl, on_end, arg, ret_op, err);
}

static void files_cancel(void *impl, struct eca_files_op *op)
{
    struct replay *replay = impl;

    eca_list_remove(&replay->open_files, &op->node);
    eca_free(op);
}

static int channel_open(void *impl, const struct eca_channel_opts *opts,
                        const struct eca_channel_events *events, void *arg,
                        struct eca_channel_conn **ret_conn, struct eca_err *err)
{
    struct replay *replay = impl;
    struct eca_channel_conn *conn;
    int rc = answer_of(peek(replay), err);

    (void)opts;
    replay->conns++;
    if (rc < 0) {
        return rc;
    }
    conn = eca_xalloc(sizeof(*conn));
    *conn = (struct eca_channel_conn){.number = replay->conns, .events = *events, .arg = arg};
    eca_list_push_back(&replay->open_conns, &conn->node);
    *ret_conn = conn;
    return ECA_OK;
}

static int channel_send(void *impl, struct eca_channel_conn *conn, struct eca_view text,
                        struct eca_err *err)
{
    (void)conn;
    (void)text;
    return answer_of(peek(impl), err);
}

static void channel_close(void *impl, struct eca_channel_conn *conn, int code)
{
    (void)impl;
    (void)conn;
    (void)code; /* its end is a line of its own */
}

static void channel_abort(void *impl, struct eca_channel_conn *conn)
{
    struct replay *replay = impl;

    eca_list_remove(&replay->open_conns, &conn->node);
    eca_free(conn);
}

static int endpoint_listen(void *impl, const struct eca_endpoint_opts *opts,
                           eca_endpoint_fn *handler, void *arg, struct eca_listener **ret_listener,
                           struct eca_err *err)
{
    struct replay *replay = impl;
    struct eca_listener *listener;
    int rc = answer_of(peek(replay), err);

    (void)opts;
    replay->listeners++;
    if (rc < 0) {
        return rc;
    }
    listener = eca_xalloc(sizeof(*listener));
    *listener = (struct eca_listener){.number = replay->listeners, .handler = handler, .arg = arg};
    eca_list_push_back(&replay->open_listeners, &listener->node);
    *ret_listener = listener;
    return ECA_OK;
}

static void endpoint_close(void *impl, struct eca_listener *listener)
{
    struct replay *replay = impl;

    eca_list_remove(&replay->open_listeners, &listener->node);
    eca_free(listener);
}

static int store_load(void *impl, eca_record_fn *on_record, void *arg, struct eca_err *err)
{
    struct replay *replay = impl;
    struct eca_json_doc *doc = NULL;
    eca_json line = peek_query(replay, "store.load");
    int rc = ECA_OK;

    if (line == NULL) {
        return ECA_OK;
    }
    doc = eca_take(replay->peeked); /* the callback may ask other things */
    for (eca_json one = eca_json_first(eca_json_get(line, "records")); one != NULL && rc == ECA_OK;
         one = eca_json_next(one)) {
        eca_auto_buf struct eca_buf value = {0};
        struct eca_record record = {.kind = (enum eca_record_kind)hns_line_number(one, "kind"),
                                    .key = hns_line_text(one, "key")};

        (void)hns_line_bytes(one, "value", &value);
        record.value = eca_buf_view(&value);
        rc = on_record(arg, &record, err);
    }
    rc = rc == ECA_OK ? answer_of(line, err) : rc;
    eca_json_free(doc);
    return rc;
}

static int store_commit(void *impl, const struct eca_record *records, size_t count,
                        eca_committed_fn *on_done, void *arg, struct eca_err *err)
{
    struct replay *replay = impl;
    int rc = answer_of(peek(replay), err);

    (void)records;
    (void)count;
    if (rc == ECA_OK) {
        replay->on_committed = on_done;
        replay->committed_arg = arg;
    }
    return rc;
}

static int store_keep_copy(void *impl, const char *why, char *ret_path, struct eca_err *err)
{
    eca_json line = peek_query(impl, "store.keep_copy");
    const char *path = hns_line_text(line, "path");
    int rc = answer_of(line, err);

    (void)why;
    if (rc == ECA_OK) {
        (void)snprintf(ret_path, ECA_STORE_PATH_BYTES, "%s", path == NULL ? "" : path);
    }
    return rc;
}

static int store_open(void *impl, const char *dir, struct eca_store *ret_store,
                      struct eca_store_notes *ret_notes, struct eca_err *err)
{
    static const struct eca_store_ops ops = {store_load, store_commit, store_keep_copy};
    eca_json line = peek_query(impl, "store.open");
    const char *path = hns_line_text(line, "path");
    int rc = answer_of(line, err);

    (void)dir;
    if (rc < 0) {
        return rc;
    }
    *ret_notes =
        (struct eca_store_notes){.fresh = hns_line_truth(line, "fresh"),
                                 .set_aside = hns_line_truth(line, "set_aside"),
                                 .restored_backup = hns_line_truth(line, "restored"),
                                 .older_than_file = hns_line_truth(line, "older_than_file")};
    (void)snprintf(ret_notes->set_aside_path, sizeof(ret_notes->set_aside_path), "%s",
                   path == NULL ? "" : path);
    ret_store->ops = hns_line_truth(line, "none") ? NULL : &ops;
    ret_store->impl = impl;
    return ECA_OK;
}

static void store_close(void *impl, struct eca_store port)
{
    (void)impl;
    (void)port;
}

static const char *host_env(void *impl, const char *name)
{
    (void)name;
    return keep(impl, hns_line_text(peek_query(impl, "env"), "value"));
}

static const char *host_env_at(void *impl, size_t index)
{
    eca_json line = peek_query(impl, "env.at");
    const char *name = hns_line_text(line, "name"), *value = hns_line_text(line, "value");
    eca_auto_free char *pair = NULL;

    (void)index;
    if (name == NULL) {
        return NULL;
    }
    pair = value == NULL ? eca_xstrdup(name) : eca_xasprintf("%s=%s", name, value);
    return keep(impl, pair);
}

static uint32_t host_cpu_count(void *impl)
{
    return (uint32_t)hns_line_number(peek_query(impl, "cpus"), "value");
}

static int host_memory_mib(void *impl, uint64_t *ret_mib, struct eca_err *err)
{
    eca_json line = peek_query(impl, "memory");

    *ret_mib = (uint64_t)hns_line_number(line, "value");
    return answer_of(line, err);
}

static int host_read_file(void *impl, const char *path, size_t bytes_max, struct eca_buf *out,
                          struct eca_err *err)
{
    eca_json line = peek_query(impl, "file");

    (void)path;
    (void)bytes_max;
    (void)hns_line_bytes(line, "value", out);
    return answer_of(line, err);
}

static bool host_is_directory(void *impl, const char *path)
{
    (void)path;
    return hns_line_truth(peek_query(impl, "is-directory"), "value");
}

static struct eca_host_usage host_usage(void *impl)
{
    eca_json line = peek_query(impl, "usage");

    return (struct eca_host_usage){.rss_bytes = (uint64_t)hns_line_number(line, "rss"),
                                   .descriptors = (uint32_t)hns_line_number(line, "descriptors"),
                                   .threads = (uint32_t)hns_line_number(line, "threads")};
}

static void entropy_fill(void *impl, void *bytes, size_t len)
{
    eca_auto_buf struct eca_buf recorded = {0};
    const char *text = hns_line_text(peek_query(impl, "entropy"), "value");

    memset(bytes, 0, len);
    if (text != NULL && eca_base64_decode(eca_view_str(text), &recorded, NULL) == ECA_OK) {
        memcpy(bytes, eca_buf_str(&recorded), recorded.len < len ? recorded.len : len);
    }
}

/* ---- inputs --------------------------------------------------------------------------------- */

static struct eca_http_call *find_call(struct replay *replay, uint64_t number)
{
    ECA_LIST_FOREACH(it, &replay->open_calls)
    {
        struct eca_http_call *call = eca_list_entry(it, struct eca_http_call, node);

        if (call->number == number) {
            return call;
        }
    }
    return NULL;
}

static struct eca_channel_conn *find_conn(struct replay *replay, uint64_t number)
{
    ECA_LIST_FOREACH(it, &replay->open_conns)
    {
        struct eca_channel_conn *conn = eca_list_entry(it, struct eca_channel_conn, node);

        if (conn->number == number) {
            return conn;
        }
    }
    return NULL;
}

static void play_head(struct eca_http_call *call, eca_json line)
{
    struct eca_http_header headers[HEADERS_MAX];
    struct eca_http_head head = {.status = (int)hns_line_number(line, "status"),
                                 .headers = headers};

    for (eca_json pair = eca_json_first(eca_json_get(line, "headers"));
         pair != NULL && head.header_count < HEADERS_MAX; pair = eca_json_next(pair)) {
        eca_json name = eca_json_first(pair), value = eca_json_next(name);

        if (eca_json_type(name) == ECA_JSON_STRING && eca_json_type(value) == ECA_JSON_STRING) {
            headers[head.header_count++] =
                (struct eca_http_header){eca_json_str(name), eca_json_str(value)};
        }
    }
    call->events.on_head(call->arg, &head);
}

/* Head and body stand in the line when they were not told before. The core may cancel inside. */
static void play_end(struct replay *replay, struct eca_http_call *call, struct eca_view body,
                     eca_json line)
{
    struct eca_http_end end = {.sent = !hns_line_truth(line, "unsent"),
                               .status = (int)hns_line_number(line, "status"),
                               .body_bytes = body.len};
    struct eca_http_events events = call->events;
    void *arg = call->arg;
    bool is_canceled;

    if (eca_json_get(line, "bytes") != NULL) {
        end.body_bytes = (uint64_t)hns_line_number(line, "bytes");
    }
    hns_line_err(line, "err", &end.err);
    call->is_ending = true;
    if (eca_json_get(line, "headers") != NULL && events.on_head != NULL) {
        play_head(call, line);
    }
    if (!call->is_canceled && body.len > 0 && events.on_body != NULL) {
        events.on_body(arg, body);
    }
    is_canceled = call->is_canceled;
    eca_list_remove(&replay->open_calls, &call->node);
    eca_free(call);
    if (!is_canceled) {
        events.on_end(arg, &end);
    }
}

static void play_http(struct replay *replay, const char *what, eca_json line)
{
    struct eca_http_call *call = find_call(replay, (uint64_t)hns_line_number(line, "n"));
    eca_auto_buf struct eca_buf body = {0};

    if (call == NULL) {
        diverge(replay, "core:     has no such call open", ECA_VIEW_NONE);
        return;
    }
    (void)hns_line_bytes(line, "body", &body);
    for (int64_t left = hns_line_number(line, "length"); left > 0 && left <= PIECE_BYTES_MAX;
         left--) {
        eca_buf_add_char(&body, '.'); /* a download: only its length was recorded */
    }
    if (strcmp(what, "http.head") == 0) {
        play_head(call, line);
    } else if (strcmp(what, "http.body") == 0) {
        call->events.on_body(call->arg, eca_buf_view(&body));
    } else {
        play_end(replay, call, eca_buf_view(&body), line);
    }
}

static void play_file(struct replay *replay, eca_json line)
{
    uint64_t number = (uint64_t)hns_line_number(line, "n");
    const char *digest = hns_line_text(line, "sha256");
    struct eca_files_end end = {.bytes = (uint64_t)hns_line_number(line, "bytes")};

    hns_line_err(line, "err", &end.err);
    (void)snprintf(end.sha256, sizeof(end.sha256), "%s", digest == NULL ? "" : digest);
    ECA_LIST_FOREACH(it, &replay->open_files)
    {
        struct eca_files_op *op = eca_list_entry(it, struct eca_files_op, node);

        if (op->number == number) {
            eca_files_fn *on_end = op->on_end;
            void *arg = op->arg;

            files_cancel(replay, op);
            on_end(arg, &end);
            return;
        }
    }
    diverge(replay, "core:     has no such file operation open", ECA_VIEW_NONE);
}

static void play_channel(struct replay *replay, const char *what, eca_json line)
{
    struct eca_channel_conn *conn = find_conn(replay, (uint64_t)hns_line_number(line, "n"));
    eca_auto_buf struct eca_buf body = {0};
    eca_auto_buf struct eca_buf reason = {0};
    bool has_body, has_reason;

    if (conn == NULL) {
        diverge(replay, "core:     has no such connection open", ECA_VIEW_NONE);
        return;
    }
    has_body = hns_line_bytes(line, "body", &body);
    has_reason = hns_line_bytes(line, "reason", &reason);
    if (strcmp(what, "channel.open") == 0) {
        conn->events.on_open(conn->arg);
    } else if (strcmp(what, "channel.text") == 0) {
        conn->events.on_text(conn->arg, eca_buf_view(&body));
    } else if (strcmp(what, "channel.written") == 0 && conn->events.on_written != NULL) {
        conn->events.on_written(conn->arg);
    } else {
        struct eca_channel_events events = conn->events;
        void *arg = conn->arg;
        struct eca_channel_end end = {.how = (enum eca_channel_how)hns_line_number(line, "how"),
                                      .close_code = (int)hns_line_number(line, "close_code"),
                                      .close_reason =
                                          has_reason ? eca_buf_view(&reason) : ECA_VIEW_NONE,
                                      .status = (int)hns_line_number(line, "status"),
                                      .body = has_body ? eca_buf_view(&body) : ECA_VIEW_NONE};

        hns_line_err(line, "err", &end.err);
        eca_list_remove(&replay->open_conns, &conn->node);
        eca_free(conn);
        events.on_end(arg, &end);
    }
}

static void play_request(struct replay *replay, eca_json line)
{
    uint64_t number = (uint64_t)hns_line_number(line, "n");
    struct eca_endpoint_request request = {.method = hns_line_text(line, "method"),
                                           .path = hns_line_text(line, "path"),
                                           .query = hns_line_text(line, "query"),
                                           .user_agent = hns_line_text(line, "agent"),
                                           .has_user_agent = hns_line_truth(line, "has_agent"),
                                           .remote = hns_line_text(line, "remote")};

    ECA_LIST_FOREACH(it, &replay->open_listeners)
    {
        struct eca_listener *listener = eca_list_entry(it, struct eca_listener, node);

        if (listener->number == number) {
            struct eca_endpoint_response response = {0};

            listener->handler(listener->arg, &request, &response);
            eca_buf_clear(&response.body);
            return;
        }
    }
    diverge(replay, "core:     does not listen there", ECA_VIEW_NONE);
}

static void play_committed(struct replay *replay, eca_json line)
{
    eca_committed_fn *on_done = eca_take(replay->on_committed);
    struct eca_err err;

    if (on_done == NULL) {
        diverge(replay, "core:     has no commit under way", ECA_VIEW_NONE);
        return;
    }
    hns_line_err(line, "err", &err);
    on_done(replay->committed_arg, err.code == ECA_OK ? NULL : &err);
}

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
        diverge(replay, "core:     did nothing more", ECA_VIEW_NONE);
        return;
    }
    if (eca_json_get(line, "at") != NULL) { /* or it is the time of the line before */
        replay->mono_ns = (uint64_t)hns_line_number(line, "at");
        replay->wall_ms = hns_line_number(line, "wall");
    }
    replay->first_ns = replay->first_ns == 0 ? replay->mono_ns : replay->first_ns;
    eca_sched_update_now(replay->sched);
    if (strcmp(what, "turn") == 0) {
        (void)eca_sched_run(replay->sched);
    } else if (strncmp(what, "http.", 5) == 0) {
        play_http(replay, what, line);
    } else if (strcmp(what, "file.end") == 0) {
        play_file(replay, line);
    } else if (strncmp(what, "channel.", 8) == 0) {
        play_channel(replay, what, line);
    } else if (strcmp(what, "request") == 0) {
        play_request(replay, line);
    } else if (strcmp(what, "committed") == 0) {
        play_committed(replay, line);
    } else if (strcmp(what, "start") == 0 || strcmp(what, "terminate") == 0) {
        play_word(replay, what);
    } else {
        replay->broken = true;
        (void)eca_err_set(replay->err, ECA_E_INVALID, "%s:%zu: unknown input \"%s\"",
                          replay->recording.file, replay->at + 1, what);
        return;
    }
    if (replay->at == before && !stopped(replay)) {
        diverge(replay, "core:     did not come to this", ECA_VIEW_NONE);
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
    eca_json head = peek(replay);

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
    ret_opts->log_level = keep(replay, hns_line_text(head, "log_level"));
    replay->at = 1; /* another version is a divergence only where it does something else */
    return ECA_OK;
}

static struct eca_agent_ports ports_of(struct replay *replay)
{
    static const struct eca_entropy_ops entropy_ops = {entropy_fill};
    static const struct eca_http_ops http_ops = {http_start, http_cancel};
    static const struct eca_files_ops files_ops = {.create = files_create,
                                                   .write = files_write,
                                                   .finish = files_finish,
                                                   .replace = files_replace,
                                                   .remove = files_create,
                                                   .cancel = files_cancel};
    static const struct eca_channel_ops channel_ops = {channel_open, channel_send, channel_close,
                                                       channel_abort};
    static const struct eca_endpoint_ops endpoint_ops = {endpoint_listen, endpoint_close};
    static const struct eca_store_opener_ops store_ops = {store_open, store_close};
    static const struct eca_host_ops host_ops = {.env = host_env,
                                                 .env_at = host_env_at,
                                                 .cpu_count = host_cpu_count,
                                                 .memory_mib = host_memory_mib,
                                                 .read_file = host_read_file,
                                                 .is_directory = host_is_directory,
                                                 .usage = host_usage};

    return (struct eca_agent_ports){.sched = replay->sched,
                                    .entropy = {&entropy_ops, replay},
                                    .http = {&http_ops, replay},
                                    .files = {&files_ops, replay},
                                    .channel = {&channel_ops, replay},
                                    .endpoint = {&endpoint_ops, replay},
                                    .store = {&store_ops, replay},
                                    .host = {&host_ops, replay},
                                    .log = &replay->log};
}

static void play_all(struct replay *replay, struct eca_agent_opts *opts)
{
    struct eca_agent_ports ports = ports_of(replay);
    struct eca_mask mask;
    eca_json line;

    eca_mask_init(&mask);
    replay->recorder = eca_recorder_new(&ports, &mask, (struct eca_record_sink){on_line, replay});
    opts->ports = *eca_recorder_ports(replay->recorder);
    opts->on_exit = on_exit_wanted;
    opts->arg = replay;
    replay->agent = eca_agent_new(opts);
    while (!replay->agent_ended && (line = peek(replay)) != NULL &&
           hns_line_text(line, "end") == NULL) {
        play(replay, line);
    }
    replay->result->ended = replay->agent_ended;
    replay->result->cut_line = replay->recording.cut ? replay->recording.count + 1 : 0;
    replay->result->duration_ns = replay->mono_ns - replay->first_ns;
    replay->at = replay->recording.count; /* what the end closes is not compared */
    eca_agent_free(replay->agent);
    eca_recorder_free(replay->recorder);
    eca_mask_clear(&mask);
}

static void free_list(struct eca_list *list, size_t offset)
{
    struct eca_list_node *node;

    while ((node = eca_list_pop_front(list)) != NULL) {
        eca_free((char *)node - offset);
    }
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
    free_list(&replay.open_calls, offsetof(struct eca_http_call, node));
    free_list(&replay.open_conns, offsetof(struct eca_channel_conn, node));
    free_list(&replay.open_listeners, offsetof(struct eca_listener, node));
    free_list(&replay.open_files, offsetof(struct eca_files_op, node));
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
