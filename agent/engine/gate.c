#include "agent/engine/gate.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/mutation.h"

void eca_gate_init(struct eca_gate *gate)
{
    *gate = (struct eca_gate){0};
    eca_list_init(&gate->waiters);
}

void eca_gate_clear(struct eca_gate *gate)
{
    while (eca_list_pop_front(&gate->waiters) != NULL) {
    }
    eca_free(gate->counts);
    gate->counts = NULL;
    gate->count = 0;
}

static size_t position(const struct eca_gate *gate, int64_t seq)
{
    size_t low = 0, high = gate->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (gate->counts[middle].seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void eca_gate_open(struct eca_gate *gate, int64_t seq)
{
    size_t at = position(gate, seq);

    if (at == gate->count || gate->counts[at].seq != seq) {
        gate->counts = eca_xrealloc_array(gate->counts, gate->count + 1, sizeof(*gate->counts));
        memmove(&gate->counts[at + 1], &gate->counts[at],
                (gate->count - at) * sizeof(*gate->counts));
        gate->counts[at] = (struct eca_gate_count){.seq = seq};
        gate->count++;
    }
    gate->counts[at].open++;
}

int64_t eca_gate_lowest(const struct eca_gate *gate)
{
    return gate->count == 0 ? INT64_MAX : gate->counts[0].seq;
}

/* The waiter that may pass now, or NULL. */
static struct eca_gate_waiter *first_free(struct eca_gate *gate)
{
    struct eca_list_node *node = eca_list_first(&gate->waiters);
    struct eca_gate_waiter *waiter =
        node == NULL ? NULL : eca_container_of(node, struct eca_gate_waiter, node);

    return waiter != NULL && waiter->seq < eca_gate_lowest(gate) ? waiter : NULL;
}

void eca_gate_close(struct eca_gate *gate, int64_t seq)
{
    size_t at = position(gate, seq);
    struct eca_gate_waiter *waiter;

    assert(at < gate->count && gate->counts[at].seq == seq);
    if (--gate->counts[at].open > 0) {
        return;
    }
    gate->count--;
    memmove(&gate->counts[at], &gate->counts[at + 1], (gate->count - at) * sizeof(*gate->counts));
    if (at > 0) {
        return; /* a lower one is open still: nobody's view changed */
    }
    while ((waiter = first_free(gate)) != NULL) { /* passing may change the gate */
        eca_list_remove(&gate->waiters, &waiter->node);
        waiter->pass(waiter->arg);
        if (ECA_MUTATION(LOST_WAKE_UP)) {
            break;
        }
    }
}

/* Behind those with numbers up to its own; payloads come with growing ones, so from the end. */
static void insert_waiter(struct eca_gate *gate, struct eca_gate_waiter *waiter)
{
    struct eca_list_node *before = gate->waiters.head.prev;

    while (before != &gate->waiters.head &&
           eca_container_of(before, struct eca_gate_waiter, node)->seq > waiter->seq) {
        before = before->prev;
    }
    eca_list_insert_after(&gate->waiters, before, &waiter->node);
}

bool eca_gate_wait(struct eca_gate *gate, struct eca_gate_waiter *waiter, int64_t seq)
{
    waiter->seq = seq;
    if (seq < eca_gate_lowest(gate)) {
        return true;
    }
    insert_waiter(gate, waiter);
    return false;
}

void eca_gate_leave(struct eca_gate *gate, struct eca_gate_waiter *waiter)
{
    eca_list_remove(&gate->waiters, &waiter->node);
}
