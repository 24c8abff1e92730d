#ifndef NK_RELAY_H
#define NK_RELAY_H

#include "netkitten/error.h"
#include "netkitten/options.h"
#include "netkitten/resolve.h"

/*
 * Do what the options ask for: one round, or rounds for ever (NKT-130 to NKT-141). Blocks; a signal
 * ends the process. Copied data goes to standard output.
 *
 * Returns 0, or -1 with the line to report, which begins with the step that failed.
 */
int nk_relay_run(const struct nk_options *options, const struct nk_resolver *resolver,
                 struct nk_err *err);

#endif
