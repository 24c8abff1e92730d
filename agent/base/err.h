#ifndef ECA_BASE_ERR_H
#define ECA_BASE_ERR_H

/*
 * Errors: a few codes that say what the caller does, and one sentence for a person.
 * Functions return 0 or a negative enum eca_code; the sentence travels in a caller-owned struct.
 */
enum eca_code {
    ECA_OK = 0,
    ECA_E_INVALID = -1,   /* bad input: refuse it, do not retry */
    ECA_E_LIMIT = -2,     /* a named limit was reached */
    ECA_E_NOT_FOUND = -3, /* the thing does not exist (definite) */
    ECA_E_CONFLICT = -4,  /* the thing is in another state than asked for (definite) */
    ECA_E_DENIED = -5,    /* terminal refusal: do not retry */
    ECA_E_TRANSIENT = -6, /* try again later */
    ECA_E_TIMEOUT = -7,   /* a deadline passed before the outcome was known */
    ECA_E_AMBIGUOUS = -8, /* sent, outcome unknown: look before trying again */
    ECA_E_CANCELED = -9,  /* ended by its owner */
    ECA_E_INTERNAL = -10, /* our own fault or the machine's */
};

#define ECA_ERR_MSG_BYTES 232

struct eca_err {
    enum eca_code code;
    int sys;                     /* errno, else 0 */
    int http_status;             /* else 0 */
    char msg[ECA_ERR_MSG_BYTES]; /* one line: "start web: inspect: connection refused" */
};

/* Fill err (may be NULL) and return code, so that `return eca_err_set(err, ...)` reads well. */
int eca_err_set(struct eca_err *err, enum eca_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As eca_err_set, appends ": <strerror(sys)>" and remembers sys. */
int eca_err_set_sys(struct eca_err *err, enum eca_code code, int sys, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Put "<context>: " before the sentence; returns err->code (ECA_E_INTERNAL when err is NULL). */
int eca_err_wrap(struct eca_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "INVALID", "TRANSIENT", ...; never NULL. */
const char *eca_code_name(enum eca_code code);

#endif
