#ifndef HARNESS_SHELL_H
#define HARNESS_SHELL_H

#include "agent/base/buf.h"

/* A word of a command line for a shell: what is more than a plain word stands in single quotes. */
void hns_shell_word(const char *word, struct eca_buf *out);

#endif
