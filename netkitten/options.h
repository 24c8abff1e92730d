#ifndef NK_OPTIONS_H
#define NK_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "netkitten/error.h"

/* What the command line asks for (NKT-111 to NKT-115). Texts are borrowed from argv. */
struct nk_options {
    long long listen_port;  /* negative: do not listen; 0: the system chooses; range unchecked */
    const char *serve_text; /* "" = none */
    const char *write_text; /* "" = none */
    const char *target;     /* HOST:PORT, "" = none */
    bool loop;
};

/*
 * Read the command line (NKT-120 to NKT-122).
 *
 * Returns 0, or -1 for a usage error; err then names the problem, or is empty when help was asked
 * for.
 */
int nk_options_parse(int argc, char *const argv[], struct nk_options *ret_options,
                     struct nk_err *err);

/* Print the usage text (NKT-123). */
void nk_options_usage(FILE *out);

#endif
