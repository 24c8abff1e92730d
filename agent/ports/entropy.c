#include "agent/ports/entropy.h"

uint64_t eca_entropy_below(struct eca_entropy entropy, uint64_t bound)
{
    uint64_t word, limit;

    if (bound == 0) {
        return 0;
    }
    limit = UINT64_MAX - UINT64_MAX % bound; /* draws above would favour small results */
    do {
        eca_entropy_fill(entropy, &word, sizeof(word));
    } while (word >= limit);
    return word % bound;
}

void eca_entropy_hex(struct eca_entropy entropy, size_t digits, char *ret_text)
{
    eca_entropy_fill(entropy, ret_text, digits); /* at once: each draw is a system call */
    for (size_t i = 0; i < digits; i++) {
        ret_text[i] = "0123456789abcdef"[ret_text[i] & 15];
    }
    ret_text[digits] = '\0';
}

void eca_entropy_uuid(struct eca_entropy entropy, char ret_text[37])
{
    unsigned char bytes[16];
    size_t at = 0;

    eca_entropy_fill(entropy, bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            ret_text[at++] = '-';
        }
        ret_text[at++] = "0123456789abcdef"[bytes[i] >> 4];
        ret_text[at++] = "0123456789abcdef"[bytes[i] & 15];
    }
    ret_text[at] = '\0';
}
