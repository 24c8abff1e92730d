#include "agent/ports/runtime.h"

#include <stdarg.h>
#include <stdio.h>

const char *eca_outcome_name(enum eca_outcome outcome)
{
    switch (outcome) {
    case ECA_OUTCOME_DONE:
        return "done";
    case ECA_OUTCOME_ALREADY:
        return "already so";
    case ECA_OUTCOME_NOT_FOUND:
        return "not found";
    case ECA_OUTCOME_CONFLICT:
        return "conflict";
    case ECA_OUTCOME_REFUSED:
        return "refused";
    case ECA_OUTCOME_FAILED:
        return "failed";
    case ECA_OUTCOME_AMBIGUOUS:
        return "outcome unknown";
    case ECA_OUTCOME_TIMEOUT:
        return "timeout";
    case ECA_OUTCOME_UNREACHABLE:
        return "unreachable";
    case ECA_OUTCOME_BAD_ANSWER:
        return "bad answer";
    }
    return "unknown";
}

void eca_named_error_reason(const struct eca_named_error *error, struct eca_buf *out)
{
    if (error->name != NULL) {
        eca_buf_addf(out, "%s: %s", error->name[0] == '\0' ? "UnknownError" : error->name,
                     error->text);
    }
}

void eca_named_error_set(struct eca_named_error *error, const char *name, const char *fmt, ...)
{
    va_list args;

    error->name = name;
    va_start(args, fmt);
    (void)vsnprintf(error->text, sizeof(error->text), fmt, args);
    va_end(args);
}
