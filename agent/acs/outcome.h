#ifndef ECA_ACS_OUTCOME_H
#define ECA_ACS_OUTCOME_H

#include <stdbool.h>

#include "agent/acs/frame.h"
#include "agent/ports/channel.h"

/* How long until the next round, decided from how the last one ended (ACS-210): a plain function.
 */

enum eca_acs_delay {
    ECA_ACS_DELAY_BACKOFF,       /* wait, then longer (cases a b c f g; e of a short life) */
    ECA_ACS_DELAY_PLANNED_CLOSE, /* back-off reset, redial within 0..300 ms (case e) */
    ECA_ACS_DELAY_INACTIVE,      /* deregistration event, wait 1 h, back-off unchanged (case d) */
};

struct eca_acs_ending {
    bool opened;                       /* the upgrade succeeded */
    uint64_t lived_ms;                 /* since the upgrade; 0 when it never stood */
    bool idle;                         /* closed by our idle timer (case g) */
    const struct eca_channel_end *end; /* NULL: discovery or signing failed (case a, b) */
};

/* A connection that lived shorter did not end by a planned close (spec 02, open points). */
#define ECA_ACS_PLANNED_CLOSE_LIFE_MS 10000

enum eca_acs_delay eca_acs_decide_delay(const struct eca_acs_ending *ending);

/*
 * Is this refusal the inactive-instance error (ACS-103)? Status is irrelevant. Accepted: both body
 * forms of the protocol, plain text that begins with the name, and `__type` forms.
 */
bool eca_acs_refusal_is_inactive(struct eca_view body);

/* "<TypeName>: <message>" for a typed refusal, else the body, cut to 256 bytes, controls escaped
 * (WS-131). */
void eca_acs_refusal_text(struct eca_view body, int status, struct eca_buf *out);

#endif
