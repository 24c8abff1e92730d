#ifndef ECA_BASE_JSON_LEX_H
#define ECA_BASE_JSON_LEX_H

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * The pass before cJSON: a strict check of one JSON value (grammar, depth) that copies it into a
 * form which cJSON keeps whole. Invalid UTF-8, escaped NUL and lone surrogates become U+FFFD; a
 * number becomes a string that begins with a byte which valid UTF-8 never contains, so that its
 * digits survive exactly.
 */
#define ECA_JSON_NUMBER_MARK '\xFF'

/* *ret_used = bytes of text up to the end of the value, blanks before it included. */
int eca_json_normalise(struct eca_view text, struct eca_buf *out, size_t *ret_used,
                       struct eca_err *err);

/* A JSON number's text, checked: "-12", "1.5e3". */
bool eca_json_number_is_valid(struct eca_view text);

#endif
