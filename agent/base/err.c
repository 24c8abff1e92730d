#include "agent/base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/str.h"

/*
 * Keep msg as the sentence: one line whatever a peer's text in it contains (LOG-108), and a whole
 * last character where it had to be cut. msg is the caller's own, since the arguments of a call
 * may point into err->msg.
 */
static void keep(struct eca_err *err, const char *msg)
{
    size_t len = eca_utf8_cut(eca_view_str(msg), sizeof(err->msg) - 1);

    memcpy(err->msg, msg, len);
    err->msg[len] = '\0';
    for (char *p = err->msg; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F) {
            *p = ' ';
        }
    }
}

/* Longer than the sentence may be, so that keep() sees where the cut falls. */
#define ROOM_BYTES (2 * ECA_ERR_MSG_BYTES)

static void fill(struct eca_err *err, enum eca_code code, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
static void fill(struct eca_err *err, enum eca_code code, const char *fmt, va_list args)
{
    char msg[ROOM_BYTES];

    (void)vsnprintf(msg, sizeof(msg), fmt, args);
    *err = (struct eca_err){.code = code};
    keep(err, msg);
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
    char msg[ROOM_BYTES], reason[96];
    va_list args;

    if (err == NULL) {
        return code;
    }
    va_start(args, fmt);
    fill(err, code, fmt, args);
    va_end(args);
    err->sys = sys;
    (void)snprintf(msg, sizeof(msg), "%s: %s", err->msg, strerror_r(sys, reason, sizeof(reason)));
    keep(err, msg);
    return code;
}

int eca_err_wrap(struct eca_err *err, const char *fmt, ...)
{
    char context[ECA_ERR_MSG_BYTES], msg[ROOM_BYTES + 2];
    va_list args;

    if (err == NULL) {
        return ECA_E_INTERNAL;
    }
    va_start(args, fmt);
    (void)vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    (void)snprintf(msg, sizeof(msg), "%s: %s", context, err->msg);
    keep(err, msg);
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
