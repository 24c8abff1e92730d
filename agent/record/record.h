#ifndef ECA_RECORD_RECORD_H
#define ECA_RECORD_RECORD_H

#include "agent/agent.h"
#include "agent/record/mask.h"

/*
 * The flight recorder: ports that stand before other ports and write down everything that crosses
 * (docs/RECORDING.md has the format). The core gets a scheduler of its own, so that each entry into
 * it, a round of due timers or one input, is a line with its time; what the core does inside comes
 * after it. Played back in this order the core must do the same, line by line.
 *
 * Secrets are masked before a line is handed out (agent/record/mask.h).
 */
#define ECA_RECORDING_FORMAT 4
#define ECA_RECORDING_FLIGHT "ecs-agent flight recording"

struct eca_record_sink {
    void (*line)(void *impl, struct eca_view line); /* one JSON object, without newline */
    void *impl;
};

struct eca_recorder;
/* mask: borrowed; one mask serves one recorder after the other. */
struct eca_recorder *eca_recorder_new(const struct eca_agent_ports *outer, struct eca_mask *mask,
                                      struct eca_record_sink sink);
/* After the agent. Calls that the agent left open are dropped. NULL ok. */
void eca_recorder_free(struct eca_recorder *recorder);
/* For eca_agent_new; borrowed. */
const struct eca_agent_ports *eca_recorder_ports(struct eca_recorder *recorder);

/* The first line: what else shapes a run. */
void eca_recorder_head(struct eca_recorder *recorder, const struct eca_agent_opts *opts);
/*
 * Around every entry into the core that does not come through a port: "start", "terminate".
 */
void eca_recorder_enter(struct eca_recorder *recorder, const char *what);
void eca_recorder_leave(struct eca_recorder *recorder);
/* No line from now on: what freeing the agent closes is not what it does. Never inside an entry. */
void eca_recorder_stop(struct eca_recorder *recorder);
/* The agent asked for its end. */
void eca_recorder_exit(struct eca_recorder *recorder, int code);

#endif
