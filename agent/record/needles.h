#ifndef ECA_RECORD_NEEDLES_H
#define ECA_RECORD_NEEDLES_H

#include "agent/base/buf.h"

/*
 * Many texts looked for at once, in a pass that leaps over most bytes (after Wu and Manber): the
 * last four bytes of a window as long as the shortest text tell how far the window may move. The
 * cost does not depend on how many texts there are.
 */
#define ECA_NEEDLE_BYTES_MIN 6

struct eca_needles;
struct eca_needles *eca_needles_new(void);
void eca_needles_free(struct eca_needles *needles); /* NULL ok */
/* text: borrowed for as long as the needles live, ECA_NEEDLE_BYTES_MIN bytes at least. arg: not
 * NULL, handed out when it is found. */
void eca_needles_add(struct eca_needles *needles, struct eca_view text, void *arg);
/* The first one at or after `from`, of two that begin together the longer one: its arg, and where
 * it stands. NULL: none. */
void *eca_needles_find(const struct eca_needles *needles, struct eca_view text, size_t from,
                       struct eca_view *ret_found);

#endif
