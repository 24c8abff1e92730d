#include "agent/ports/sched.h"

#include <assert.h>

#include "agent/base/mem.h"

struct eca_sched {
    struct eca_clock clock;
    uint64_t now_ns;
    int64_t wall_ms;
    uint64_t next_seq;
    struct eca_timer **heap; /* binary heap on (deadline, seq): ties never depend on addresses */
    size_t heap_count, heap_cap;
    struct eca_deferred queue; /* ring sentinel */
    uint64_t busy_at_ns;       /* instant of the rounds counted below */
    size_t busy_rounds;
    uint64_t cause;
    struct eca_sched_lag lag;
};

static bool before(const struct eca_timer *a, const struct eca_timer *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->seq < b->seq;
}

static void place(struct eca_sched *sched, size_t index, struct eca_timer *timer)
{
    sched->heap[index] = timer;
    timer->heap_index = index;
}

static void sift_up(struct eca_sched *sched, size_t index, struct eca_timer *timer)
{
    while (index > 0 && before(timer, sched->heap[(index - 1) / 2])) {
        place(sched, index, sched->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(sched, index, timer);
}

static void sift_down(struct eca_sched *sched, size_t index, struct eca_timer *timer)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= sched->heap_count) {
            break;
        }
        if (child + 1 < sched->heap_count && before(sched->heap[child + 1], sched->heap[child])) {
            child++;
        }
        if (!before(sched->heap[child], timer)) {
            break;
        }
        place(sched, index, sched->heap[child]);
        index = child;
    }
    place(sched, index, timer);
}

struct eca_sched *eca_sched_new(struct eca_clock clock)
{
    struct eca_sched *sched = eca_xalloc(sizeof(*sched));

    sched->clock = clock;
    sched->queue.next = sched->queue.prev = &sched->queue;
    eca_sched_update_now(sched);
    return sched;
}

void eca_sched_free(struct eca_sched *sched)
{
    if (sched != NULL) {
        eca_free(sched->heap);
        eca_free(sched);
    }
}

uint64_t eca_sched_now_ns(const struct eca_sched *sched)
{
    return sched->now_ns;
}

int64_t eca_sched_wall_ms(const struct eca_sched *sched)
{
    return sched->wall_ms;
}

void eca_sched_update_now(struct eca_sched *sched)
{
    uint64_t now = eca_clock_mono_ns(sched->clock);

    assert(now >= sched->now_ns);
    sched->now_ns = now;
    sched->wall_ms = eca_clock_wall_ms(sched->clock);
}

static size_t run_deferred(struct eca_sched *sched)
{
    struct eca_deferred batch;
    size_t count = 0;

    if (sched->queue.next == &sched->queue) {
        return 0;
    }
    /* What is queued from now on waits for the next round. A canceled item unlinks itself from
     * whichever ring it is in. */
    batch.next = sched->queue.next;
    batch.prev = sched->queue.prev;
    batch.next->prev = batch.prev->next = &batch;
    sched->queue.next = sched->queue.prev = &sched->queue;
    while (batch.next != &batch) {
        struct eca_deferred *work = batch.next;

        eca_deferred_cancel(work);
        count++;
        sched->cause = work->cause;
        work->fn(work->arg);
    }
    sched->cause = 0;
    return count;
}

/* Timers due now and armed before this round, whose first sequence number is first_seq. */
static size_t run_timers(struct eca_sched *sched, uint64_t first_seq)
{
    size_t count = 0;

    while (sched->heap_count > 0) {
        struct eca_timer *timer = sched->heap[0];

        /* Armed during this round with no delay: next round. No older one that is due lies behind
         * it, since eca_timer_start_at lets no deadline lie before now. */
        if (timer->deadline_ns > sched->now_ns || timer->seq >= first_seq) {
            break;
        }
        eca_timer_stop(timer);
        count++;
        sched->lag.last_ns = sched->now_ns - timer->deadline_ns;
        sched->lag.max_ns =
            sched->lag.last_ns > sched->lag.max_ns ? sched->lag.last_ns : sched->lag.max_ns;
        sched->cause = timer->cause;
        timer->fn(timer->arg);
    }
    sched->cause = 0;
    return count;
}

uint64_t eca_sched_cause(const struct eca_sched *sched)
{
    return sched->cause;
}

void eca_sched_set_cause(struct eca_sched *sched, uint64_t cause)
{
    sched->cause = cause;
}

size_t eca_sched_run(struct eca_sched *sched)
{
    uint64_t first_seq = sched->next_seq;
    size_t count;

    eca_sched_update_now(sched);
    count = run_deferred(sched);
    count += run_timers(sched, first_seq);
    if (count > 0 && sched->now_ns == sched->busy_at_ns) {
        sched->busy_rounds++;
        assert(sched->busy_rounds < ECA_SCHED_ROUNDS_MAX);
    } else if (count > 0) {
        sched->busy_at_ns = sched->now_ns;
        sched->busy_rounds = 0;
    }
    return count;
}

bool eca_sched_next_deadline(const struct eca_sched *sched, uint64_t *ret_deadline_ns)
{
    if (sched->queue.next != &sched->queue) {
        *ret_deadline_ns = sched->now_ns;
        return true;
    }
    if (sched->heap_count == 0) {
        return false;
    }
    *ret_deadline_ns = sched->heap[0]->deadline_ns;
    return true;
}

struct eca_sched_lag eca_sched_lag(const struct eca_sched *sched)
{
    return sched->lag;
}

size_t eca_sched_timer_count(const struct eca_sched *sched)
{
    return sched->heap_count;
}

void eca_timer_init(struct eca_timer *timer, struct eca_sched *sched, eca_work_fn *fn, void *arg)
{
    *timer = (struct eca_timer){.fn = fn, .arg = arg, .heap_index = SIZE_MAX, .sched = sched};
}

void eca_timer_start(struct eca_timer *timer, uint64_t delay_ns)
{
    uint64_t now = timer->sched->now_ns;

    eca_timer_start_at(timer, delay_ns > UINT64_MAX - now ? UINT64_MAX : now + delay_ns);
}

void eca_timer_start_at(struct eca_timer *timer, uint64_t deadline_ns)
{
    struct eca_sched *sched = timer->sched;

    eca_timer_stop(timer);
    if (sched->heap_count == sched->heap_cap) {
        sched->heap_cap = sched->heap_cap == 0 ? 16 : 2 * sched->heap_cap;
        sched->heap = eca_xrealloc_array(sched->heap, sched->heap_cap, sizeof(*sched->heap));
    }
    timer->deadline_ns = deadline_ns > sched->now_ns ? deadline_ns : sched->now_ns;
    timer->seq = sched->next_seq++;
    timer->cause = sched->cause;
    sift_up(sched, sched->heap_count++, timer);
}

void eca_timer_stop(struct eca_timer *timer)
{
    struct eca_sched *sched = timer->sched;
    size_t index = timer->heap_index;
    struct eca_timer *last;

    if (sched == NULL || index == SIZE_MAX) {
        return;
    }
    timer->heap_index = SIZE_MAX;
    last = sched->heap[--sched->heap_count];
    if (last == timer) {
        return;
    }
    if (index > 0 && before(last, sched->heap[(index - 1) / 2])) {
        sift_up(sched, index, last);
    } else {
        sift_down(sched, index, last);
    }
}

bool eca_timer_is_armed(const struct eca_timer *timer)
{
    return timer->sched != NULL && timer->heap_index != SIZE_MAX;
}

void eca_deferred_init(struct eca_deferred *work, struct eca_sched *sched, eca_work_fn *fn,
                       void *arg)
{
    *work = (struct eca_deferred){.fn = fn, .arg = arg, .sched = sched};
}

void eca_deferred_queue(struct eca_deferred *work)
{
    struct eca_sched *sched = work->sched;

    if (work->next != NULL) {
        return;
    }
    work->prev = sched->queue.prev;
    work->next = &sched->queue;
    work->prev->next = work;
    work->cause = sched->cause;
    sched->queue.prev = work;
}

void eca_deferred_cancel(struct eca_deferred *work)
{
    if (work->next != NULL) {
        work->prev->next = work->next;
        work->next->prev = work->prev;
        work->next = work->prev = NULL;
    }
}
