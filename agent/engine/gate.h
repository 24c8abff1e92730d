#ifndef ECA_ENGINE_GATE_H
#define ECA_ENGINE_GATE_H

#include "agent/base/list.h"

#include <stdint.h>

/*
 * Stops before starts (PAY-150..157): per sequence number the count of tasks that still stop. A
 * start with number N passes when no gate with a number up to N is open. Everything happens inside
 * the calls, so no wake-up can be lost (PAY-155).
 */
struct eca_gate {
    struct eca_gate_count {
        int64_t seq;
        uint32_t open;
    } * counts; /* ascending by seq, none is zero */
    size_t count;
    struct eca_list waiters; /* ascending by seq, then in order of arrival */
};
struct eca_gate_waiter {
    struct eca_list_node node;
    int64_t seq;
    void (*pass)(void *arg); /* runs inside eca_gate_close; may change the gate */
    void *arg;
};

void eca_gate_init(struct eca_gate *gate);
void eca_gate_clear(struct eca_gate *gate); /* waiters are forgotten */
void eca_gate_open(struct eca_gate *gate, int64_t seq);
void eca_gate_close(struct eca_gate *gate, int64_t seq);
/* True: pass at once. False: the waiter waits (fn and arg are set by the caller before). */
bool eca_gate_wait(struct eca_gate *gate, struct eca_gate_waiter *waiter, int64_t seq);
void eca_gate_leave(struct eca_gate *gate, struct eca_gate_waiter *waiter);
/* Lowest open number, or INT64_MAX. */
int64_t eca_gate_lowest(const struct eca_gate *gate);

#endif
