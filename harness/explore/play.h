#ifndef HARNESS_EXPLORE_PLAY_H
#define HARNESS_EXPLORE_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "harness/explore/sometimes.h"

/* One generated or edited scenario, played in simulation and judged. */
enum hns_verdict {
    HNS_FINE,
    HNS_WRONG,       /* a rule was broken, or the outcome is not the right one */
    HNS_NO_PROGRESS, /* it did not get there in time, or the run has no end */
    HNS_CRASHED,     /* the process died */
    HNS_UNPLAYABLE,  /* the text is no scenario */
    HNS_VERDICTS,
};
const char *hns_verdict_name(enum hns_verdict verdict); /* "wrong result" */

#define HNS_KIND_BYTES 160
struct hns_played {
    enum hns_verdict verdict;
    /* The first sentence of the failure without place, with '#' for each number: equal for failures
     * of the same kind. "" when fine. */
    char kind[HNS_KIND_BYTES];
    /* Of a failed expectation, why the nearest event does not fit, with '#' for each number inside
     * of a text: "exitCode is 6, not 7". */
    char missed[HNS_KIND_BYTES];
    uint32_t line;  /* of the timeline's step that was under way; 0 = none */
    uint64_t trace; /* the beginning of the trace's hash */
    uint64_t events;
    struct hns_reached reached; /* rare situations */
};

/* In this process. The whole explanation goes to ret_text (NULL ok). */
void hns_play(struct eca_view text, const char *path, uint64_t seed, struct hns_played *ret_played,
              struct eca_buf *ret_text);
/* In a child, so that a crash or an endless loop is a verdict as well. */
void hns_play_apart(struct eca_view text, const char *path, uint64_t seed,
                    struct hns_played *ret_played);

/* In a child that plays: no core files, and an end after so much real time. */
#define HNS_REAL_S_MAX 60
void hns_play_guard(void);
/* What the end of such a child means; status is that of waitpid. */
void hns_played_by_status(int status, struct hns_played *ret_played);
/* Exposed for tests: the kind of a failure's text. */
void hns_failure_kind(const char *text, char ret_kind[HNS_KIND_BYTES]);

#endif
