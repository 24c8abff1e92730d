#ifndef HARNESS_RECORD_REPLAY_INSIDE_H
#define HARNESS_RECORD_REPLAY_INSIDE_H

#include "agent/base/list.h"
#include "agent/base/map.h"
#include "agent/record/record.h"
#include "harness/record/build.h"
#include "harness/record/lines.h"
#include "harness/record/replay.h"

/* Shared by the files of the replay: replay.c goes through the lines, each replay_PORT.c is one of
 * the core's ports. */
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

/* The next line as JSON; lives until the next call. NULL at the end or when it cannot be read. */
eca_json hns_replay_peek(struct replay *replay);
/* The next line if it is this query; otherwise the recorder's line will not fit, and say so. */
eca_json hns_replay_peek_query(struct replay *replay, const char *name);
/* A text that the core borrows, until the end of the replay; NULL for NULL. */
const char *hns_replay_keep(struct replay *replay, const char *text);
/* What the recorded call answered at once. */
int hns_replay_answer(eca_json line, struct eca_err *err);
/* The core is elsewhere than the next line, for the first time: `core` and `core_line` say where.
 */
void hns_replay_diverge(struct replay *replay, const char *core, struct eca_view core_line);

/* The ports, which answer as the recording has it. */
struct eca_http hns_replay_http(struct replay *replay);
struct eca_files hns_replay_files(struct replay *replay);
struct eca_channel hns_replay_channel(struct replay *replay);
struct eca_endpoint hns_replay_endpoint(struct replay *replay);
struct eca_store_opener hns_replay_store(struct replay *replay);
struct eca_host hns_replay_host(struct replay *replay);
struct eca_entropy hns_replay_entropy(struct replay *replay);

/* What came in through them: a line "in". */
void hns_replay_http_play(struct replay *replay, const char *what, eca_json line);
void hns_replay_files_play(struct replay *replay, eca_json line);
void hns_replay_channel_play(struct replay *replay, const char *what, eca_json line);
void hns_replay_endpoint_play(struct replay *replay, eca_json line);
void hns_replay_store_play(struct replay *replay, eca_json line);

/* What is left open of them. */
void hns_replay_http_drop(struct replay *replay);
void hns_replay_files_drop(struct replay *replay);
void hns_replay_channel_drop(struct replay *replay);
void hns_replay_endpoint_drop(struct replay *replay);

#endif
