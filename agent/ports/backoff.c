#include "agent/ports/backoff.h"

#include "agent/base/mutation.h"

void eca_backoff_init(struct eca_backoff *backoff, struct eca_backoff_opts opts)
{
    *backoff = (struct eca_backoff){.opts = opts};
}

void eca_backoff_reset(struct eca_backoff *backoff)
{
    if (ECA_MUTATION(BACKOFF_NOT_RESET)) {
        return;
    }
    backoff->current_us = 0;
    backoff->tries = 0;
}

uint64_t eca_backoff_next_ns(struct eca_backoff *backoff, struct eca_entropy entropy)
{
    const struct eca_backoff_opts *opts = &backoff->opts;
    uint64_t max_us = opts->max_ms * 1000;
    uint64_t current = backoff->current_us > 0 ? backoff->current_us : opts->min_ms * 1000;
    uint64_t jitter = eca_entropy_below(entropy, current * opts->jitter_milli / 1000);
    uint64_t grown = current * opts->multiplier_milli / 1000;

    backoff->current_us = grown < max_us ? grown : max_us;
    backoff->tries++;
    return (current + jitter) * 1000;
}
