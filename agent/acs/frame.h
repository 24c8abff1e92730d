#ifndef ECA_ACS_FRAME_H
#define ECA_ACS_FRAME_H

#include "agent/base/json.h"

/*
 * Messages of the two backend websockets, ACS and TCS: {"type":"<TypeName>","message":{...}} both
 * ways (WS-160), and the short error form {"<TypeName>":"<text>"} (WS-164). Each side has its own
 * table of known types.
 */
struct eca_frame_type {
    const char *name;
    bool has_text; /* the type has a `message` member, so the short form may carry it */
};

struct eca_frame {
    struct eca_json_doc *doc; /* owned */
    size_t type;              /* index into the table */
    eca_json body;            /* the object, or NULL: absent, null or short form */
    const char *text;         /* short form: its text, or body's `message`; NULL when absent */
};

#define ECA_FRAME_BYTES_MAX ((size_t)32 << 20) /* largest incoming message (spec 02, constants) */

/*
 * Decode one message. ECA_E_INVALID: no JSON, unknown type, `message` no object (WS-161..166). The
 * sentence holds the length and at most the type's name, never the text (FB-32).
 */
int eca_frame_decode(struct eca_view text, const struct eca_frame_type *types, size_t type_count,
                     struct eca_frame *ret_frame, struct eca_err *err);
void eca_frame_clear(struct eca_frame *frame);
#define eca_auto_frame __attribute__((cleanup(eca_frame_clear)))

/* Begin and finish an outgoing envelope; the members of `message` are written in between, in
 * alphabetical order. */
struct eca_json_writer eca_frame_begin(struct eca_buf *out, const char *type_name);
void eca_frame_end(struct eca_json_writer *w);

#endif
