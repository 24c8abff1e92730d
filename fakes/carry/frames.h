#ifndef FAKES_CARRY_FRAMES_H
#define FAKES_CARRY_FRAMES_H

#include "fakes/carry/carry.h"

/* Frames of a server that are odd or broken (WS-311, TCS-905), and what became of its pings. */

/* How one message goes out. */
struct fake_odd {
    size_t padded_to; /* blanks follow until it has so many bytes */
    bool binary;      /* opcode 2 */
    size_t piece;     /* in fragments of so many bytes, a ping after the first; 0 = one frame */
    bool bytewise;    /* each byte in a write of its own */
};
bool fake_odd_is_plain(const struct fake_odd *odd);
#define FAKE_ODD_PING "between"

/* An unmasked frame. */
void fake_frame_put(struct eca_buf *out, bool fin, unsigned opcode, struct eca_view payload);
/* The text's frames. True: with a ping FAKE_ODD_PING among them. */
bool fake_odd_frames(const struct fake_odd *odd, const char *text, struct eca_buf *out);
void fake_odd_send(struct fake_ws *ws, const struct fake_odd *odd, struct eca_view frames);
/* "masked", "reserved-bits", "unknown-opcode", "long-control", "fragmented-control",
 * "lone-continuation", "binary"; false = no such preset. */
bool fake_frame_broken(const char *preset, struct eca_buf *out);

/*
 * Pings that were not answered yet (WS-306). Answers may come late, and one may stand for all that
 * went before it.
 */
#define FAKE_PINGS_MAX 64
struct fake_pings {
    char *open[FAKE_PINGS_MAX]; /* the oldest first; more are not waited for */
    size_t count;
};
void fake_pings_sent(struct fake_pings *pings, const char *payload);
/* False: no ping had this payload, or it was answered already. */
bool fake_pings_answered(struct fake_pings *pings, struct eca_view payload);
void fake_pings_clear(struct fake_pings *pings);

#endif
