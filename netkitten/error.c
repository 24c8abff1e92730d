#include "netkitten/error.h"

#include <stdarg.h>
#include <stdio.h>

int nk_fail(struct nk_err *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(err->msg, sizeof(err->msg), format, args);
    va_end(args);
    return -1;
}
