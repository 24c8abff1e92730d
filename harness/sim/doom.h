#ifndef HARNESS_SIM_DOOM_H
#define HARNESS_SIM_DOOM_H

#include "agent/agent.h"

/*
 * Death in the middle of the agent's work: before its nth call of a port that others can notice (an
 * HTTP request, a message, a commit, a file). From there on its calls have no effect, whatever it
 * still thinks; the stage kills it when the turn is over. Together with a death before every turn
 * these are all the moments that differ to anybody but the agent.
 *
 * Words for calls: "http" (a request is begun), "open" "send" "close" (of a websocket), "commit"
 * (of the store, its opening and copies too), "file".
 */
struct sim_doom {
    uint64_t calls;   /* so far, over all lives */
    uint64_t left;    /* the call that does not happen, counted from now; 0 = none */
    const char *only; /* count these alone (below); NULL = any */
    bool doomed;
    struct eca_agent_ports inner;
    struct eca_store store; /* of inner, while it is open */
};

/* The ports as given, counted and, in time, mute. doom must outlive the agent. */
struct eca_agent_ports sim_doom_ports(struct sim_doom *doom, const struct eca_agent_ports *inner);

#endif
