#include "agent/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No error path: running without memory would only be a second, untested program. */
static void *checked(void *at, size_t bytes)
{
    if (at == NULL && bytes > 0) {
        (void)fprintf(stderr, "out of memory (%zu bytes)\n", bytes);
        abort();
    }
    return at;
}

void *eca_xalloc(size_t bytes)
{
    size_t real = bytes > 0 ? bytes : 1;

    return checked(calloc(1, real), real);
}

void *eca_xrealloc(void *at, size_t bytes)
{
    size_t real = bytes > 0 ? bytes : 1;

    return checked(realloc(at, real), real);
}

void *eca_xrealloc_array(void *at, size_t count, size_t bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, bytes, &total)) {
        return checked(NULL, SIZE_MAX);
    }
    return eca_xrealloc(at, total);
}

char *eca_xstrdup(const char *text)
{
    return text == NULL ? NULL : eca_xstrndup(text, strlen(text));
}

char *eca_xstrndup(const char *text, size_t bytes)
{
    char *copy = eca_xalloc(bytes + 1);

    if (bytes > 0) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

char *eca_xasprintf(const char *fmt, ...)
{
    va_list args, again;
    char *text;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    text = eca_xalloc((size_t)(len < 0 ? 0 : len) + 1);
    (void)vsnprintf(text, (size_t)(len < 0 ? 0 : len) + 1, fmt, again);
    va_end(again);
    return text;
}

void eca_free(void *at)
{
    free(at);
}

void eca_free_ptr(void *at)
{
    void *inner;

    memcpy(&inner, at, sizeof(inner));
    free(inner);
}
