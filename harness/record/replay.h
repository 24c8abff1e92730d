#ifndef HARNESS_RECORD_REPLAY_H
#define HARNESS_RECORD_REPLAY_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * Plays a flight recording (docs/RECORDING.md): the same core behind a recorder, its ports answered
 * from the recording, each line that it makes compared with the recorded one.
 */
struct hns_replay_result {
    bool diverged;
    size_t lines;         /* compared and equal */
    uint64_t duration_ns; /* from the first to the last line that was played */
    size_t cut_line;      /* its last one, which is not whole; 0: none */
    bool ended;           /* the recorded agent ended */
    bool complete;        /* or the recording has its end line; otherwise it just stops */
    struct eca_buf text;  /* where and how it diverged: both sides and the time */
};
/* Negative: not a recording, or one that cannot be played; the sentence names file and line. */
int hns_replay(const char *file, struct hns_replay_result *ret_result, struct eca_err *err);
void hns_replay_result_clear(struct hns_replay_result *result);

#endif
