#ifndef NK_ERROR_H
#define NK_ERROR_H

/* One line of text that says what went wrong; empty when there is nothing to say. */
struct nk_err {
    char msg[320];
};

/* Write a message, cut at the end when too long. Always returns -1, so that callers can return it.
 */
__attribute__((format(printf, 2, 3))) int nk_fail(struct nk_err *err, const char *format, ...);

#endif
