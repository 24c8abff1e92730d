#ifndef ECA_RECORD_MASK_H
#define ECA_RECORD_MASK_H

#include "agent/base/buf.h"
#include "agent/base/map.h"
#include "agent/record/needles.h"

/*
 * Secrets of a recording (rule 6 of docs/DESIGN.md, FB-INV.6). Each becomes "masked-1", "masked-2",
 * ... in the order of appearance, so that equal secrets stay equal. What is masked already stays as
 * it is: a replay records what a recording made it say.
 */
struct eca_mask {
    struct eca_map *names;       /* secret -> owned mask and when it was last used */
    struct eca_needles *needles; /* the secrets that are looked for in other text; never NULL */
    bool has_short;              /* one came up that is not looked for */
    bool is_blind;               /* who writes text may know others: none of it is own */
    size_t made;
    unsigned segment;
};

void eca_mask_init(struct eca_mask *mask);
void eca_mask_clear(struct eca_mask *mask);
/* A recording's next segment begins: forget what did not come up in the one before. */
void eca_mask_next_segment(struct eca_mask *mask);
/* The mask of one secret; borrowed until eca_mask_next_segment. "" stays "". */
const char *eca_mask_secret(struct eca_mask *mask, struct eca_view secret);
/*
 * Text with the values of secret members masked: JSON, JSON inside JSON strings, and the lines of
 * an AWS credentials file.
 */
void eca_mask_text(struct eca_mask *mask, struct eca_view text, struct eca_buf *out);
/* Whether eca_mask_text may change text: who need not copy it saves much. */
bool eca_mask_concerns(const struct eca_mask *mask, struct eca_view text);
/* The same for text that the core made of what the mask has seen: a secret of it came up before. */
bool eca_mask_concerns_own(const struct eca_mask *mask, struct eca_view text);
/* Its value is written as ECA_MASK_HEADER: there is a new one with each request. */
#define ECA_MASK_HEADER "masked"
bool eca_mask_is_secret_header(struct eca_view name); /* any case */
bool eca_mask_is_secret_variable(const char *name);

#endif
