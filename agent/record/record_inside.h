#ifndef ECA_RECORD_RECORD_INSIDE_H
#define ECA_RECORD_RECORD_INSIDE_H

#include "agent/base/list.h"
#include "agent/record/line.h"
#include "agent/record/record.h"

/* Shared by the files of the recorder: record.c has the entries into the core, each record_PORT.c
 * one of the ports. */
struct eca_recorder {
    struct eca_agent_ports outer, ports;
    struct eca_record_sink sink;
    struct eca_mask *mask;
    struct eca_sched *sched; /* the core's */
    uint64_t mono_ns;
    int64_t wall_ms;
    uint64_t told_ns; /* the time of the last line that had one */
    int64_t told_ms;
    struct eca_timer due;
    struct eca_deferred more;
    bool stopped, in_line;
    struct eca_buf text; /* of the line that is written, memory kept */
    char *socket;        /* the last one that a call went to */
    unsigned depth;      /* entries into the core that are open */
    uint64_t calls, conns, listeners, commits, files;
    struct eca_list spare_calls; /* memory of calls that have ended */
    size_t spare_count;
    struct eca_list open_calls, open_conns, open_listeners, open_files;
    struct eca_rec_store {
        struct eca_recorder *recorder;
        struct eca_store inner;
        uint64_t commit;
        eca_committed_fn *on_done;
        void *arg;
    } store;
};

struct eca_rec_line {
    struct eca_recorder *recorder;
    struct eca_line w;
};

/* One line at a time; eca_rec_open_in writes one into a text of its own, inside of which the core
 * may cause others. */
void eca_rec_open(struct eca_rec_line *line, struct eca_recorder *recorder, const char *kind,
                  const char *name);
void eca_rec_open_in(struct eca_rec_line *line, struct eca_recorder *recorder, struct eca_buf *text,
                     const char *kind, const char *name);
void eca_rec_close(struct eca_rec_line *line);

/* Members that many lines have. */
void eca_rec_headers(struct eca_rec_line *line, const struct eca_http_header *headers,
                     size_t count);
void eca_rec_err(struct eca_rec_line *line, const char *key, const struct eca_err *err);
/* What a call answered at once; nothing when it went well. */
void eca_rec_answer(struct eca_rec_line *line, int rc, const struct eca_err *err);

/* An entry into the core: its line is open, the caller adds to it and closes it, calls the core,
 * leaves. The core may be gone when it has left. */
void eca_rec_enter(struct eca_recorder *recorder, struct eca_rec_line *line, const char *what);
void eca_rec_leave(struct eca_recorder *recorder);

/* The ports that stand before `outer`, and what is left open of them. */
struct eca_http eca_rec_http(struct eca_recorder *recorder);
struct eca_files eca_rec_files(struct eca_recorder *recorder);
struct eca_channel eca_rec_channel(struct eca_recorder *recorder);
struct eca_endpoint eca_rec_endpoint(struct eca_recorder *recorder);
struct eca_store_opener eca_rec_store(struct eca_recorder *recorder);
struct eca_host eca_rec_host(struct eca_recorder *recorder);
struct eca_entropy eca_rec_entropy(struct eca_recorder *recorder);
void eca_rec_http_drop(struct eca_recorder *recorder);
void eca_rec_files_drop(struct eca_recorder *recorder);
void eca_rec_channel_drop(struct eca_recorder *recorder);
void eca_rec_endpoint_drop(struct eca_recorder *recorder);

#endif
