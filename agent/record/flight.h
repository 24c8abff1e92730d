#ifndef ECA_RECORD_FLIGHT_H
#define ECA_RECORD_FLIGHT_H

#include "agent/agent.h"
#include "agent/ports/segments.h"

/*
 * An agent and its flight recorder (docs/RECORDING.md): the recording is a ring of segments, and
 * each segment begins with the start of a core, so that each can be replayed alone. What a core
 * does depends on everything that it was told; the one state that can be written down and read
 * again is the store's. Hence a segment that is to begin in the middle of a life begins with a new
 * core on the same store: what a crash and a restart would do, without the crash. Containers are
 * not touched by it; the websockets reconnect.
 *
 *   switched on        the core is replaced at the next quiet moment (eca_agent_is_quiet), after
 *                      ECA_FLIGHT_PATIENCE_NS at any moment
 *   switched off       the core stays; its recorder falls silent
 *   segment half full  the core is replaced at the next quiet moment
 *   segment full       at once, but a core lives for ECA_FLIGHT_PAUSE_NS at least: what comes until
 *                      then is left out
 */
#define ECA_FLIGHT_PATIENCE_NS (UINT64_C(10) * 1000000000)
#define ECA_FLIGHT_PAUSE_NS (UINT64_C(300) * 1000000000)

struct eca_flight_opts {
    struct eca_agent_opts agent;  /* strings and ports must outlive the flight */
    struct eca_segments segments; /* without ops: lines are dropped */
    uint64_t segment_bytes;       /* 0: no limit */
    bool record;                  /* from the start on */
};

struct eca_flight;
struct eca_flight *eca_flight_new(const struct eca_flight_opts *opts);
/* As eca_agent_start and eca_agent_terminate. */
void eca_flight_start(struct eca_flight *flight);
void eca_flight_terminate(struct eca_flight *flight);
/* Switch on or off; takes effect in a later turn of the loop. No effect when it is so already. */
void eca_flight_record(struct eca_flight *flight, bool on);
bool eca_flight_recording(const struct eca_flight *flight);
/* The core of now: borrowed for this call. */
struct eca_agent *eca_flight_agent(struct eca_flight *flight);
/* As eca_agent_free, at any moment. NULL ok. */
void eca_flight_free(struct eca_flight *flight);

#endif
