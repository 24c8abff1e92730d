#include "agent/base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void fill(struct eca_err *err, enum eca_code code, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
static void fill(struct eca_err *err, enum eca_code code, const char *fmt, va_list args)
{
    *err = (struct eca_err){.code = code};
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, args);
}

int eca_err_set(struct eca_err *err, enum eca_code code, const char *fmt, ...)
{
    va_list args;

    if (err != NULL) {
        va_start(args, fmt);
        fill(err, code, fmt, args);
        va_end(args);
    }
    return code;
}

int eca_err_set_sys(struct eca_err *err, enum eca_code code, int sys, const char *fmt, ...)
{
    char reason[96];
    va_list args;
    size_t used;

    if (err == NULL) {
        return code;
    }
    va_start(args, fmt);
    fill(err, code, fmt, args);
    va_end(args);
    err->sys = sys;
    used = strlen(err->msg);
    (void)snprintf(err->msg + used, sizeof(err->msg) - used, ": %s",
                   strerror_r(sys, reason, sizeof(reason)));
    return code;
}

int eca_err_wrap(struct eca_err *err, const char *fmt, ...)
{
    char inner[ECA_ERR_MSG_BYTES];
    va_list args;
    size_t used;

    if (err == NULL) {
        return ECA_E_INTERNAL;
    }
    memcpy(inner, err->msg, sizeof(inner));
    va_start(args, fmt);
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, args);
    va_end(args);
    used = strlen(err->msg);
    (void)snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", inner);
    return err->code;
}

const char *eca_code_name(enum eca_code code)
{
    switch (code) {
    case ECA_OK:
        return "OK";
    case ECA_E_INVALID:
        return "INVALID";
    case ECA_E_LIMIT:
        return "LIMIT";
    case ECA_E_NOT_FOUND:
        return "NOT_FOUND";
    case ECA_E_CONFLICT:
        return "CONFLICT";
    case ECA_E_DENIED:
        return "DENIED";
    case ECA_E_TRANSIENT:
        return "TRANSIENT";
    case ECA_E_TIMEOUT:
        return "TIMEOUT";
    case ECA_E_AMBIGUOUS:
        return "AMBIGUOUS";
    case ECA_E_CANCELED:
        return "CANCELED";
    case ECA_E_INTERNAL:
        return "INTERNAL";
    }
    return "UNKNOWN";
}
