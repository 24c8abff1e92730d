#ifndef ECA_BASE_MEM_H
#define ECA_BASE_MEM_H

#include <stddef.h>

/*
 * Allocation. Memory exhaustion ends the process (STYLE section 5), so none of these returns NULL.
 * Every size that a peer controls is checked against a named limit before it gets here.
 */
void *eca_xalloc(size_t bytes); /* zeroed */
void *eca_xrealloc(void *at, size_t bytes);
/* count * bytes with an overflow check; grows an array, the new part is not zeroed. */
void *eca_xrealloc_array(void *at, size_t count, size_t bytes);
char *eca_xstrdup(const char *text);                /* NULL gives NULL */
char *eca_xstrndup(const char *text, size_t bytes); /* always NUL-terminated */
char *eca_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void eca_free(void *at);     /* NULL ok */
void eca_free_ptr(void *at); /* for eca_auto_free: frees *(void **)at */

/* Free a local at the end of its scope. */
#define eca_auto_free __attribute__((cleanup(eca_free_ptr)))

/* Hand a pointer over: evaluates to its value and leaves NULL, so that the cleanup sees nothing. */
#define eca_take(ptr)                                                                              \
    __extension__({                                                                                \
        __typeof__(ptr) *eca_take_at_ = &(ptr);                                                    \
        __typeof__(ptr) eca_take_value_ = *eca_take_at_;                                           \
        *eca_take_at_ = NULL;                                                                      \
        eca_take_value_;                                                                           \
    })

#define ECA_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at address `ptr`. */
#define eca_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
