#include "agent/record/needles.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/base/mem.h"

#define BLOCK 4
#define WINDOW_BYTES_MAX 64 /* longer ones bring little, and a shift is one byte */
#define BITS_MIN 10
#define BITS_MAX 20
#define SLOTS_PER_BLOCK 4 /* sparse, or leaps are short */

struct needle {
    struct eca_view text;
    void *arg;
    size_t next; /* in its slot: index + 1, 0 = none */
};

struct eca_needles {
    struct needle *all;
    size_t count, cap;
    size_t window; /* bytes of the shortest one */
    unsigned bits;
    uint8_t *shift; /* by slot: how far a window with this end may move */
    size_t *first;  /* by slot, where shift is 0: index + 1 of a needle whose window ends so */
};

struct eca_needles *eca_needles_new(void)
{
    struct eca_needles *needles = eca_xalloc(sizeof(*needles));

    needles->window = WINDOW_BYTES_MAX;
    return needles;
}

void eca_needles_free(struct eca_needles *needles)
{
    if (needles != NULL) {
        eca_free(needles->all);
        eca_free(needles->shift);
        eca_free(needles->first);
        eca_free(needles);
    }
}

static size_t slot_of(const struct eca_needles *needles, const char *block)
{
    uint32_t word;

    memcpy(&word, block, sizeof(word));
    return (word * UINT32_C(2654435769)) >> (32 - needles->bits);
}

static void enter(struct eca_needles *needles, size_t index)
{
    struct needle *needle = &needles->all[index];
    size_t slot = 0;

    for (size_t end = BLOCK; end <= needles->window; end++) {
        uint8_t shift = (uint8_t)(needles->window - end);

        slot = slot_of(needles, needle->text.at + end - BLOCK);
        needles->shift[slot] = needles->shift[slot] < shift ? needles->shift[slot] : shift;
    }
    needle->next = needles->first[slot];
    needles->first[slot] = index + 1;
}

static bool is_crowded(const struct eca_needles *needles)
{
    size_t blocks = needles->count * (needles->window - BLOCK + 1);

    return needles->bits < BITS_MAX && blocks * SLOTS_PER_BLOCK > (size_t)1 << needles->bits;
}

static void build(struct eca_needles *needles)
{
    size_t slots;

    needles->bits = needles->bits < BITS_MIN ? BITS_MIN : needles->bits;
    while (is_crowded(needles)) {
        needles->bits++;
    }
    slots = (size_t)1 << needles->bits;
    needles->shift = eca_xrealloc_array(needles->shift, slots, sizeof(*needles->shift));
    needles->first = eca_xrealloc_array(needles->first, slots, sizeof(*needles->first));
    memset(needles->shift, (int)(needles->window - BLOCK + 1), slots * sizeof(*needles->shift));
    memset(needles->first, 0, slots * sizeof(*needles->first));
    for (size_t i = 0; i < needles->count; i++) {
        enter(needles, i);
    }
}

void eca_needles_add(struct eca_needles *needles, struct eca_view text, void *arg)
{
    assert(text.len >= ECA_NEEDLE_BYTES_MIN);
    if (needles->count == needles->cap) {
        needles->cap = needles->cap == 0 ? 8 : needles->cap * 2;
        needles->all = eca_xrealloc_array(needles->all, needles->cap, sizeof(*needles->all));
    }
    needles->all[needles->count++] = (struct needle){.text = text, .arg = arg};
    if (text.len < needles->window || needles->shift == NULL || is_crowded(needles)) {
        needles->window = text.len < needles->window ? text.len : needles->window;
        build(needles);
    } else {
        enter(needles, needles->count - 1);
    }
}

/* The longest of the slot's needles that `text` begins with. */
static const struct needle *longest(const struct eca_needles *needles, size_t slot,
                                    struct eca_view text)
{
    const struct needle *found = NULL;

    for (size_t i = needles->first[slot]; i > 0; i = needles->all[i - 1].next) {
        const struct needle *needle = &needles->all[i - 1];

        if (needle->text.len <= text.len &&
            memcmp(needle->text.at, text.at, needle->text.len) == 0 &&
            (found == NULL || needle->text.len > found->text.len)) {
            found = needle;
        }
    }
    return found;
}

void *eca_needles_find(const struct eca_needles *needles, struct eca_view text, size_t from,
                       struct eca_view *ret_found)
{
    size_t window = needles->window;

    if (needles->count == 0 || text.len < window) {
        return NULL;
    }
    while (from <= text.len - window) {
        size_t slot = slot_of(needles, text.at + from + window - BLOCK);
        const struct needle *found;

        if (needles->shift[slot] > 0) {
            from += needles->shift[slot];
            continue;
        }
        found = longest(needles, slot, eca_view_sub(text, from, SIZE_MAX));
        if (found != NULL) {
            *ret_found = eca_view_sub(text, from, found->text.len);
            return found->arg;
        }
        from++;
    }
    return NULL;
}
