#ifndef HARNESS_RECORD_LINES_H
#define HARNESS_RECORD_LINES_H

#include "agent/base/json.h"

/*
 * The lines of a recording (docs/RECORDING.md): of the agent's own flight recorder, or of
 * `harness record`, which looks on from outside.
 */
struct hns_recording {
    const char *file;
    struct eca_buf text;
    struct eca_view *lines; /* a last line that was cut off is left out */
    size_t count;
    bool outside;
    bool cut;
};

/* Negative: not a recording, of a format that this program does not know, or its lines are not in
 * the order of time; the sentence names file and line. */
int hns_recording_read(const char *file, struct hns_recording *ret_recording, struct eca_err *err);
void hns_recording_clear(struct hns_recording *recording);
/* Line `index` as a JSON object. The sentence names file and line. */
int hns_recording_line(const struct hns_recording *recording, size_t index,
                       struct eca_json_doc **ret_doc, struct eca_err *err);

/* Members of a line; a missing one or one of another type is 0, false, NULL or nothing. */
int64_t hns_line_number(eca_json line, const char *key);
bool hns_line_truth(eca_json line, const char *key);
const char *hns_line_text(eca_json line, const char *key);
/* Also as "<key>64" or "<key>'". False: there is none. */
bool hns_line_bytes(eca_json line, const char *key, struct eca_buf *out);
void hns_line_err(eca_json line, const char *key, struct eca_err *ret_err);

#endif
